//! Where FTP transfers: replies 227 and 229 of a server, commands PORT and EPRT of a client.

use std::net::{IpAddr, Ipv4Addr};

use super::{Endpoint, Message, Tell, address, port};
use crate::packet::TransportProtocol;
use crate::payload::{Reader, check};

/// The control port.
const CONTROL: u16 = 21;

/// What the whole lines of a segment tell of. Which side speaks is told by the port, where it is the control port.
pub(super) fn read(message: &Message<'_>, tell: Tell<'_>) {
    let on_its_port = message.source.1 == CONTROL || message.destination.1 == CONTROL;
    let replies = !on_its_port || message.source.1 == CONTROL;
    let commands = !on_its_port || message.destination.1 == CONTROL;
    let mut reader = Reader::new(message.octets);
    while let Some(line) = reader.line() {
        let told = if replies { reply(line, message.source.0) } else { None };
        let told = told.or_else(|| if commands { command(line) } else { None });
        if let Some((address, port)) = told {
            tell(Endpoint { address, protocol: TransportProtocol::TCP, port, name: "ftp-data" });
        }
    }
}

/// `227 text (h1,h2,h3,h4,p1,p2)`, whose parentheses may be missing (RFC 1123 section 4.1.2.6), and
/// `229 text (|||port|)`, which is of the server's own address (RFC 2428 section 3).
fn reply(line: &[u8], server: IpAddr) -> Option<(IpAddr, u16)> {
    let mut reader = Reader::new(line);
    if reader.expect(b"227 ").is_some() {
        reader.run(|octet| !octet.is_ascii_digit());
        return host_and_port(&mut reader);
    }
    reader.expect(b"229 ")?;
    reader.until(b'(')?;
    let delimiter = delimiter(&mut reader)?;
    reader.expect(&[delimiter, delimiter])?;
    Some((server, port(reader.until(delimiter)?)?))
}

/// `PORT h1,h2,h3,h4,p1,p2` (RFC 959 section 5.3.2) and `EPRT |family|address|port|` (RFC 2428 section 2), whose last
/// delimiter old clients leave out.
fn command(line: &[u8]) -> Option<(IpAddr, u16)> {
    let mut reader = Reader::new(line);
    if reader.expect_word(b"PORT ").is_some() {
        return host_and_port(&mut reader);
    }
    reader.expect_word(b"EPRT ")?;
    let delimiter = delimiter(&mut reader)?;
    let family = reader.until(delimiter)?;
    let address = address(reader.until(delimiter)?)?;
    check(family == if address.is_ipv4() { b"1" } else { b"2" })?;
    Some((address, port(reader.until(delimiter).unwrap_or(reader.rest()))?))
}

/// Any visible ASCII character will do (RFC 2428 section 2); digits would be mistaken for the port.
fn delimiter(reader: &mut Reader<'_>) -> Option<u8> {
    let [delimiter] = *reader.take(1)? else { return None };
    (delimiter.is_ascii_graphic() && !delimiter.is_ascii_digit()).then_some(delimiter)
}

/// Six octets as decimal numbers.
fn host_and_port(reader: &mut Reader<'_>) -> Option<(IpAddr, u16)> {
    let mut octets = [0; 6];
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            reader.expect(b",")?;
        }
        *octet = u8::try_from(reader.number()?).ok()?;
    }
    let [a, b, c, d, high, low] = octets;
    let port = u16::from_be_bytes([high, low]);
    check(port != 0)?;
    Some((Ipv4Addr::new(a, b, c, d).into(), port))
}

#[cfg(test)]
mod tests {
    use crate::announce::testing::*;
    use crate::payload::Protocol;

    fn of_server(octets: &[u8]) -> Vec<(String, u8, u16, &'static str)> {
        told(|tell| super::read(&message(TCP, (SERVER, 21), (CLIENT, 50_512), octets), tell))
    }

    fn of_client(octets: &[u8]) -> Vec<(String, u8, u16, &'static str)> {
        told(|tell| super::read(&message(TCP, (CLIENT, 50_512), (SERVER, 21), octets), tell))
    }

    #[test]
    fn passive_replies() {
        let found = [tcp("132.235.1.2", 24 << 8 | 131, "ftp-data")];
        for text in [
            &b"227 Entering Passive Mode (132,235,1,2,24,131)\r\n"[..],
            b"227 Entering Passive Mode (132,235,1,2,24,131).\r\n",
            b"227 Entering Passive Mode 132,235,1,2,24,131\n",
            b"227 =132,235,1,2,024,131\r\n",
            b"226 Done.\r\n227 Entering Passive Mode (132,235,1,2,24,131)\r\n",
        ] {
            assert_eq!(of_server(text), found, "{}", text.escape_ascii());
            assert_eq!(of_client(text), []);
        }
        // RFC 2428 section 3; the last one ends a reply of several lines.
        for text in [
            &b"229 Entering Extended Passive Mode (|||6446|)\r\n"[..],
            b"229 Entering Extended Passive Mode (!!!6446!)\r\n",
            b"229-Entering\r\n229 Extended Passive Mode OK (|||6446|)\r\n",
        ] {
            assert_eq!(of_server(text), [tcp(SERVER, 6446, "ftp-data")], "{}", text.escape_ascii());
            assert_eq!(of_client(text), []);
        }
    }

    #[test]
    fn active_commands() {
        // RFC 2428 section 2 has the addresses of the extended commands.
        for (text, found) in [
            (&b"PORT 192,0,2,7,197,80\r\n"[..], tcp(CLIENT, 50_512, "ftp-data")),
            (b"port 192,0,2,7,0,21\r\n", tcp(CLIENT, 21, "ftp-data")),
            (b"EPRT |1|132.235.1.2|6275|\r\n", tcp("132.235.1.2", 6275, "ftp-data")),
            (b"EPRT |2|1080::8:800:200C:417A|5282|\r\n", tcp("1080::8:800:200c:417a", 5282, "ftp-data")),
            (
                b"EPRT |2|2002:5183:4383::5183:4383|1031\r\n",
                tcp("2002:5183:4383::5183:4383", 1031, "ftp-data"),
            ),
            (b"TYPE I\r\nEPRT !1!132.235.1.2!6275!\r\nLIST\r\n", tcp("132.235.1.2", 6275, "ftp-data")),
        ] {
            assert_eq!(of_client(text), [found], "{}", text.escape_ascii());
            assert_eq!(of_server(text), []);
        }
    }

    #[test]
    fn what_is_no_endpoint() {
        for text in [
            "227 Entering Passive Mode (132,235,1,2,0,0)",
            "227 Entering Passive Mode (132,235,1,2,24)",
            "227 Entering Passive Mode (132,235,1,256,24,131)",
            "227 Entering Passive Mode (132,235,1,-2,24,131)",
            "227 Entering Passive Mode (132,235,1,2,24,99999999999999999999)",
            "227 Entering Passive Mode",
            "227",
            "229 Entering Extended Passive Mode (|||0|)",
            "229 Entering Extended Passive Mode (|||65536|)",
            "229 Entering Extended Passive Mode (|||+6446|)",
            "229 Entering Extended Passive Mode (|||6446)",
            "229 Entering Extended Passive Mode (|1|192.0.2.1|6446|)",
            "229 Entering Extended Passive Mode (1116446|)",
            "229 Entering Extended Passive Mode |||6446|",
            "228 Entering Long Passive Mode (|||6446|)",
            "PORT 192,0,2,7,197",
            "PORT 192,0,2,7,197,",
            "PORT 192.0.2.7,197,80",
            "EPRT |1|1080::8:800:200C:417A|5282|",
            "EPRT |2|132.235.1.2|6275|",
            "EPRT |3|132.235.1.2|6275|",
            "EPRT |1|ftp.example.org|6275|",
            "EPRT |1|132.235.1.2",
            "EPRT |1|132.235.1.2|-1|",
            "EPRT |1||6275|",
            "EPRT",
            "EPSV",
        ] {
            let text = format!("{text}\r\n");
            assert_eq!(of_server(text.as_bytes()), [], "{text}");
            assert_eq!(of_client(text.as_bytes()), [], "{text}");
        }
    }

    #[test]
    fn a_number_that_is_cut_is_none() {
        for text in [
            &b"227 Entering Passive Mode (132,235,1,2,24,131)\r\n"[..],
            b"227 Entering Passive Mode 132,235,1,2,24,131\r\n",
            b"229 Entering Extended Passive Mode (|||6446|)\r\n",
        ] {
            cut(text, |octets, tell| {
                super::read(&message(TCP, (SERVER, 21), (CLIENT, 50_512), octets), tell);
            });
        }
        for text in [&b"PORT 192,0,2,7,197,80\r\n"[..], b"EPRT |2|1080::8:800:200C:417A|5282|\r\n"] {
            cut(text, |octets, tell| {
                super::read(&message(TCP, (CLIENT, 50_512), (SERVER, 21), octets), tell);
            });
        }
    }

    #[test]
    fn on_other_ports_both_sides_are_heard() {
        let mut on_2121 = message(TCP, (SERVER, 2121), (CLIENT, 50_512), b"229 OK (|||6446|)\r\n");
        assert_eq!(known(&[on_2121]), []);
        on_2121.spoken = Some(Protocol::FTP);
        assert_eq!(known(&[on_2121]), [tcp(SERVER, 6446, "ftp-data")]);
        on_2121.octets = b"PORT 192,0,2,1,25,46\r\n";
        assert_eq!(known(&[on_2121]), [tcp(SERVER, 6446, "ftp-data")]);
    }

    #[test]
    fn a_third_host_is_taught_nothing() {
        // The bounce attack (RFC 2577 section 3): a server is told to connect to somebody else.
        let command = |octets| known(&[message(TCP, (CLIENT, 50_512), (SERVER, 21), octets)]);
        assert_eq!(command(b"PORT 203,0,113,9,0,25\r\n"), []);
        assert_eq!(command(b"EPRT |1|203.0.113.9|25|\r\n"), []);
        assert_eq!(command(b"PORT 192,0,2,7,197,80\r\n"), [tcp(CLIENT, 50_512, "ftp-data")]);
        let reply = |octets| known(&[message(TCP, (SERVER, 21), (CLIENT, 50_512), octets)]);
        assert_eq!(reply(b"227 Entering Passive Mode (203,0,113,9,24,131)\r\n"), []);
        assert_eq!(reply(b"227 Entering Passive Mode (192,0,2,7,24,131)\r\n").len(), 1);
    }
}
