//! Where SSDP has a device described, and what device it is: `LOCATION` and `SERVER` of NOTIFY and of answers to M-SEARCH
//! (UPnP Device Architecture 1.1 sections 1.2.2 and 1.3.3).

use std::net::IpAddr;

use super::{Endpoint, Tell, address, port};
use crate::packet::TransportProtocol;
use crate::payload::{Protocol, Reader, check};

/// What a message tells of.
pub(super) fn read(octets: &[u8], tell: Tell<'_>) -> Option<()> {
    let (address, port, name) = of_url(header(octets, b"LOCATION")?)?;
    tell(Endpoint { address, protocol: TransportProtocol::TCP, port, name });
    Some(())
}

/// System and product of the sender, as it tells them itself: `Linux/5.4 UPnP/1.0 Product/1.2` (section 1.2.2).
pub(crate) fn product(octets: &[u8]) -> Option<&[u8]> {
    header(octets, b"SERVER")
}

/// The first header of this name. A goodbye tells nothing, and neither does a message that ends before its headers do.
fn header<'a>(octets: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let mut reader = Reader::new(octets);
    let first = reader.line()?;
    let is_notify = first.starts_with(b"NOTIFY * HTTP/1.");
    let is_answer = first.starts_with(b"HTTP/1.") && first.get(8..12) == Some(b" 200");
    check(is_notify || is_answer)?;
    let mut found = None;
    loop {
        let line = reader.line()?;
        if line.is_empty() {
            break;
        }
        let mut header = Reader::new(line);
        let Some(name) = header.until(b':') else { continue };
        let value = header.rest().trim_ascii();
        if name.eq_ignore_ascii_case(wanted) && found.is_none() {
            found = Some(value);
        }
        check(!(name.eq_ignore_ascii_case(b"NTS") && value.eq_ignore_ascii_case(b"ssdp:byebye")))?;
    }
    found
}

/// Address and port of `http://address:port/…`; nothing where a name stands for the address (RFC 3986 section 3.2).
fn of_url(url: &[u8]) -> Option<(IpAddr, u16, &'static str)> {
    let mut reader = Reader::new(url);
    let (usual, name) = if reader.expect_word(b"http://").is_some() {
        (80, Protocol::HTTP.service())
    } else {
        reader.expect_word(b"https://")?;
        (443, "https")
    };
    let authority = reader.run(|octet| !matches!(octet, b'/' | b'?' | b'#'));
    let (host, rest) = if let Some(inside) = authority.strip_prefix(b"[") {
        let end = inside.iter().position(|&octet| octet == b']')?;
        // A zone behind `%` is the sender's own affair (RFC 6874).
        let host = inside.get(..end)?.split(|&octet| octet == b'%').next()?;
        (host, inside.get(end + 1..)?)
    } else {
        authority.split_at(authority.iter().position(|&octet| octet == b':').unwrap_or(authority.len()))
    };
    let address = address(host)?;
    check(address.is_ipv6() == authority.starts_with(b"["))?;
    let port = match rest {
        b"" | b":" => usual,
        _ => port(rest.strip_prefix(b":")?)?,
    };
    Some((address, port, name))
}

#[cfg(test)]
mod tests {
    use crate::announce::testing::*;

    fn notify(location: &str) -> Vec<u8> {
        format!(
            "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\n\
             LOCATION: {location}\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nUSN: uuid:1\r\n\r\n"
        )
        .into_bytes()
    }

    fn read(octets: &[u8]) -> Vec<(String, u8, u16, &'static str)> {
        told(|tell| _ = super::read(octets, tell))
    }

    #[test]
    fn places() {
        for (location, found) in [
            ("http://192.0.2.1:49152/description.xml", tcp(SERVER, 49_152, "http")),
            ("HTTP://192.0.2.1:8008", tcp(SERVER, 8008, "http")),
            ("http://192.0.2.1/", tcp(SERVER, 80, "http")),
            ("http://192.0.2.1:?x=http://192.0.2.9:9/", tcp(SERVER, 80, "http")),
            ("https://192.0.2.1:8443/d", tcp(SERVER, 8443, "https")),
            ("https://192.0.2.1#a", tcp(SERVER, 443, "https")),
            ("http://[fe80::bd3e:96f4]:2869/upnphost/", tcp("fe80::bd3e:96f4", 2869, "http")),
            ("http://[fe80::1%25eth0]:2869/", tcp("fe80::1", 2869, "http")),
            ("http://[fe80::1]/", tcp("fe80::1", 80, "http")),
        ] {
            assert_eq!(read(&notify(location)), [found], "{location}");
            cut(&notify(location), |octets, tell| _ = super::read(octets, tell));
        }
        let answer =
            b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nlocation:http://192.0.2.1:49152/\r\nEXT:\r\n\r\n";
        assert_eq!(read(answer), [tcp(SERVER, 49_152, "http")]);
    }

    #[test]
    fn what_is_no_place() {
        for location in [
            "",
            "*",
            "http://",
            "http://printer.local:80/",
            "http://192.0.2.1:0/",
            "http://192.0.2.1:65536/",
            "http://192.0.2.1:-1/",
            "http://192.0.2.1:99999999999999999999/",
            "http://192.0.2.1:80:81/",
            "http://192.0.2.1:80@192.0.2.9:90/",
            "http://me@192.0.2.1:80/",
            "http://192.0.2/",
            "http://[192.0.2.1]:80/",
            "http://[fe80::1:80/",
            "http://[fe80::1]80/",
            "http://fe80::1/",
            "ftp://192.0.2.1/",
        ] {
            assert_eq!(read(&notify(location)), [], "{location}");
        }
        let alive = String::from_utf8(notify("http://192.0.2.1:49152/")).unwrap();
        for (from, to) in [
            ("ssdp:alive", "ssdp:byebye"),
            ("NOTIFY *", "NOTIFY /a"),
            ("NOTIFY * HTTP/1.1", "M-SEARCH * HTTP/1.1"),
            ("NOTIFY * HTTP/1.1", "HTTP/1.1 404 Not Found"),
            ("LOCATION", "AL"),
        ] {
            assert_eq!(read(alive.replacen(from, to, 1).as_bytes()), [], "{to}");
        }
    }

    #[test]
    fn of_the_sender_alone() {
        let octets = notify("http://192.0.2.1:49152/");
        let group = ("239.255.255.250", 1900);
        assert_eq!(known(&[message(UDP, (SERVER, 40_000), group, &octets)]), [tcp(SERVER, 49_152, "http")]);
        assert_eq!(known(&[message(UDP, (THIRD, 1900), group, &octets)]), []);
        assert_eq!(known(&[message(UDP, (THIRD, 1900), (SERVER, 1900), &octets)]), []);
    }
}
