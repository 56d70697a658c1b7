//! Where the media of a SIP call go: the session description in a message (RFC 3261 section 13, RFC 3264, RFC 4566).

use std::net::IpAddr;

use super::{Endpoint, Tell, address, port};
use crate::packet::TransportProtocol;
use crate::payload::{Protocol, Reader, check};

/// Most media of a description, and most ports of a medium, that are read.
const MAX_MEDIA: usize = 32;

/// What the description in a request or an answer tells of.
///
/// Of a body that is not all there only the media before the last one count: what follows in it might say otherwise.
pub(super) fn read(octets: &[u8], tell: Tell<'_>) -> Option<()> {
    check(may_describe(octets))?;
    let mut reader = Reader::new(octets);
    let first = reader.line()?;
    check(first.starts_with(b"SIP/2.0 ") || first.ends_with(b" SIP/2.0"))?;
    let mut len = None;
    loop {
        let line = reader.line()?;
        if line.is_empty() {
            break;
        }
        len = content_length(line).or(len);
    }
    let rest = reader.rest();
    match len {
        None => describe(rest, true, tell),
        Some(len) => match rest.get(..len) {
            Some(body) => describe(body, true, tell),
            None => {
                let lines = rest.iter().rposition(|&octet| octet == b'\n')?;
                describe(rest.get(..lines)?, false, tell);
            }
        },
    }
    Some(())
}

/// Whether `v=` stands somewhere, without which there is no description: most messages have none, and their lines need not be
/// told apart. Looks at every octet, as that takes many of them at a time.
fn may_describe(octets: &[u8]) -> bool {
    let pairs = octets.iter().zip(octets.iter().skip(1));
    pairs.fold(false, |found, (&one, &next)| found | (one == b'v') & (next == b'='))
}

/// The octets of the body (RFC 3261 section 20.14), `l` in compact form (section 7.3.3).
fn content_length(line: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(line);
    let name = reader.until(b':')?.trim_ascii_end();
    check(name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l"))?;
    reader.run(|octet| octet.is_ascii_whitespace());
    reader.number().map(|len| len as usize)
}

/// One `m=` and the lines that belong to it.
struct Media {
    name: &'static str,
    address: Option<IpAddr>,
    port: u16,
    /// How many ports it takes, each two from the last (RFC 4566 section 5.14).
    ports: usize,
    /// Where RTCP goes, if it was said (RFC 3605).
    control: Option<(Option<IpAddr>, u16)>,
}

/// Reads a description, which begins with `v=0` and may stand among other parts of a body: whole, or the first of its
/// lines.
fn describe(body: &[u8], is_whole: bool, tell: Tell<'_>) {
    let lines = body.split(|&octet| octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut session = None;
    let mut media = 0;
    let mut current: Option<Media> = None;
    let mut is_over = is_whole;
    for line in lines.skip_while(|line| *line != b"v=0") {
        match line {
            [b'c', b'=', value @ ..] => match &mut current {
                _ if media == 0 => session = connection(value),
                Some(current) => current.address = connection(value),
                None => {}
            },
            [b'm', b'=', value @ ..] => {
                tell_of(current.take(), tell);
                media += 1;
                if media > MAX_MEDIA {
                    return;
                }
                current = Media::read(value, session);
            }
            [b'a', b'=', value @ ..] => {
                if let (Some(current), Some(value)) = (&mut current, value.strip_prefix(b"rtcp:")) {
                    current.control = control(value);
                }
            }
            [_, b'=', ..] => {}
            // The description is over; another part of the body may follow.
            _ => {
                is_over = true;
                break;
            }
        }
    }
    if is_over {
        tell_of(current, tell);
    }
}

/// `IN IP4 address`; a group has `/ttl` behind it (RFC 4566 section 5.7).
fn connection(value: &[u8]) -> Option<IpAddr> {
    let mut words = value.split(|&octet| octet == b' ');
    check(words.next()? == b"IN")?;
    let family = words.next()?;
    let address = address(words.next()?)?;
    check(family == if address.is_ipv4() { b"IP4" } else { b"IP6" })?;
    Some(address)
}

/// `port`, and perhaps `IN IP4 address` (RFC 3605 section 2.1).
fn control(value: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    let mut parts = value.splitn(2, |&octet| octet == b' ');
    let port = port(parts.next()?.trim_ascii_end())?;
    match parts.next() {
        Some(at) => Some((Some(connection(at)?), port)),
        None => Some((None, port)),
    }
}

impl Media {
    /// `type port/count transport formats`. Port 0 refuses the medium (RFC 3264 section 6).
    fn read(value: &[u8], session: Option<IpAddr>) -> Option<Self> {
        let mut words = value.split(|&octet| octet == b' ');
        words.next()?;
        let mut place = words.next()?.splitn(2, |&octet| octet == b'/');
        let port = port(place.next()?)?;
        let ports = match place.next() {
            Some(count) => usize::from(super::port(count)?),
            None => 1,
        };
        let transport = words.next()?;
        let is = |word: &&[u8]| transport.eq_ignore_ascii_case(word);
        const RTP: [&[u8]; 6] =
            [b"RTP/AVP", b"RTP/SAVP", b"RTP/AVPF", b"RTP/SAVPF", b"UDP/TLS/RTP/SAVP", b"UDP/TLS/RTP/SAVPF"];
        const UDPTL: [&[u8]; 2] = [b"udptl", b"UDP/TLS/UDPTL"];
        let name = if RTP.iter().any(is) {
            Protocol::RTP.service()
        } else {
            check(UDPTL.iter().any(is))?;
            "udptl"
        };
        Some(Self { name, address: session, port, ports: ports.min(MAX_MEDIA), control: None })
    }
}

/// Tells of the ports of a medium and, for RTP, of those of RTCP: where it was said, else the next odd one
/// (RFC 3550 section 11).
fn tell_of(media: Option<Media>, tell: Tell<'_>) {
    let Some(Media { name, address: Some(address), port, ports, control }) = media else { return };
    let protocol = TransportProtocol::UDP;
    let is_rtp = name == Protocol::RTP.service();
    let rtcp = Protocol::RTCP.service();
    for port in (port..=u16::MAX).step_by(2).take(ports) {
        tell(Endpoint { address, protocol, port, name });
        if is_rtp && control.is_none() && port % 2 == 0 {
            tell(Endpoint { address, protocol, port: port | 1, name: rtcp });
        }
    }
    if let Some((elsewhere, port)) = control.filter(|_| is_rtp) {
        tell(Endpoint { address: elsewhere.unwrap_or(address), protocol, port, name: rtcp });
    }
}

#[cfg(test)]
mod tests {
    use crate::announce::{Announced, testing::*};

    /// An INVITE with this description, all lines ended by CR LF.
    fn invite(description: &str) -> Vec<u8> {
        let body = description.replace('\n', "\r\n");
        format!(
            "INVITE sip:bob@biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn read(octets: &[u8]) -> Vec<(String, u8, u16, &'static str)> {
        told(|tell| _ = super::read(octets, tell))
    }

    const HEAD: &str = "v=0\no=alice 1 1 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\n";

    #[test]
    fn media_and_their_control() {
        // RFC 3264 section 10.1, with addresses as numbers.
        let offer = invite(&format!(
            "{HEAD}m=audio 49170 RTP/AVP 0\na=rtpmap:0 PCMU/8000\nm=video 51372 RTP/AVP 31\n\
             a=rtpmap:31 H261/90000\nm=video 53000 RTP/AVP 32\na=rtpmap:32 MPV/90000\n"
        ));
        let found = [
            udp(CLIENT, 49_170, "rtp"),
            udp(CLIENT, 49_171, "rtcp"),
            udp(CLIENT, 51_372, "rtp"),
            udp(CLIENT, 51_373, "rtcp"),
            udp(CLIENT, 53_000, "rtp"),
            udp(CLIENT, 53_001, "rtcp"),
        ];
        assert_eq!(read(&offer), found);
        cut(&offer, |octets, tell| _ = super::read(octets, tell));
        // Section 10.1, the answer that refuses the second.
        let answer = invite(&format!(
            "{HEAD}m=audio 49920 RTP/AVP 0\nm=video 0 RTP/AVP 31\nm=video 53000 RTP/AVP 32\n"
        ));
        let ports: Vec<_> = read(&answer).iter().map(|row| row.2).collect();
        assert_eq!(ports, [49_920, 49_921, 53_000, 53_001]);
    }

    #[test]
    fn transports() {
        for (line, names) in [
            ("m=audio 4000 RTP/SAVP 0", &["rtp", "rtcp"][..]),
            ("m=audio 4000 RTP/AVPF 0", &["rtp", "rtcp"]),
            ("m=audio 4000 RTP/SAVPF 0", &["rtp", "rtcp"]),
            ("m=audio 4000 UDP/TLS/RTP/SAVP 0", &["rtp", "rtcp"]),
            ("m=video 4000 UDP/TLS/RTP/SAVPF 0", &["rtp", "rtcp"]),
            ("m=application 4000 RTP/AVP 100", &["rtp", "rtcp"]),
            ("m=image 4000 udptl t38", &["udptl"]),
            ("m=image 4000 UDPTL t38", &["udptl"]),
            ("m=audio 4000 udp 0", &[]),
            ("m=audio 9 TCP/RTP/AVP 0", &[]),
            ("m=message 2855 TCP/MSRP *", &[]),
            // An odd port has no port of RTCP beside it.
            ("m=audio 4001 RTP/AVP 0", &["rtp"]),
            ("m=audio 65535 RTP/AVP 0", &["rtp"]),
        ] {
            let found = read(&invite(&format!("{HEAD}{line}\n")));
            assert_eq!(found.iter().map(|row| row.3).collect::<Vec<_>>(), names, "{line}");
        }
    }

    #[test]
    fn several_ports_and_control_elsewhere() {
        // RFC 4566 section 5.14: data on 49170 and 49172, control on 49171 and 49173.
        let found = read(&invite(&format!("{HEAD}m=video 49170/2 RTP/AVP 31\n")));
        let ports: Vec<_> = found.iter().map(|row| (row.2, row.3)).collect();
        assert_eq!(ports, [(49_170, "rtp"), (49_171, "rtcp"), (49_172, "rtp"), (49_173, "rtcp")]);
        // RFC 3605 section 2.1.
        for (line, control) in [
            ("a=rtcp:53020", udp(CLIENT, 53_020, "rtcp")),
            ("a=rtcp:53020 IN IP4 126.16.64.4", udp("126.16.64.4", 53_020, "rtcp")),
            (
                "a=rtcp:53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD",
                udp("2001:2345:6789:abcd:ef01:2345:6789:abcd", 53_020, "rtcp"),
            ),
        ] {
            let octets = invite(&format!("{HEAD}m=audio 49170 RTP/AVP 0\n{line}\n"));
            assert_eq!(read(&octets), [udp(CLIENT, 49_170, "rtp"), control], "{line}");
            cut(&octets, |octets, tell| _ = super::read(octets, tell));
        }
    }

    #[test]
    fn a_medium_has_its_own_address_or_that_of_the_session() {
        let found = read(&invite(&format!(
            "{HEAD}m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::7\na=sendrecv\nm=image 4002 udptl t38\n"
        )));
        let addresses: Vec<_> = found.iter().map(|row| (row.0.as_str(), row.2)).collect();
        assert_eq!(addresses, [("2001:db8::7", 4000), ("2001:db8::7", 4001), (CLIENT, 4002)]);
        // An address of a medium that is not read is not that of the session.
        let found =
            read(&invite("v=0\nm=message 9 TCP/MSRP *\nc=IN IP4 192.0.2.7\nm=audio 4000 RTP/AVP 0\n"));
        assert_eq!(found, []);
    }

    #[test]
    fn wherever_a_description_stands() {
        let body = format!("{HEAD}m=image 4000 udptl t38");
        let found = [udp(CLIENT, 4000, "udptl")];
        // The last line may lack its end, and the length may be absent over UDP.
        let answer = format!("SIP/2.0 183 Session Progress\r\nl: {}\r\n\r\n{body}", body.len());
        assert_eq!(read(answer.as_bytes()), found);
        assert_eq!(read(format!("SIP/2.0 200 OK\r\n\r\n{body}\r\n").as_bytes()), found);
        let parts =
            format!("--b\nContent-Type: application/sdp\n\n{body}\n--b\nContent-Type: text/plain\n\nm=\n");
        let parts = format!("--b\n\nm=audio 2 RTP/AVP 0\n{parts}--b--\n");
        let whole = invite(&parts);
        assert_eq!(read(&whole), found);
        cut(&whole, |octets, tell| _ = super::read(octets, tell));
    }

    #[test]
    fn what_is_no_endpoint() {
        for line in [
            "m=audio 65536 RTP/AVP 0",
            "m=audio -1 RTP/AVP 0",
            "m=audio +4000 RTP/AVP 0",
            "m=audio 99999999999999999999999 RTP/AVP 0",
            "m=audio 4000/0 RTP/AVP 0",
            "m=audio 4000/ RTP/AVP 0",
            "m=audio 4000/99999999999 RTP/AVP 0",
            "m=audio  4000 RTP/AVP 0",
            "m=audio 4000",
            "m=audio",
            "m=",
            "m",
            "",
        ] {
            assert_eq!(read(&invite(&format!("{HEAD}{line}\n"))), [], "{line}");
        }
        for head in [
            "v=0\nc=IN IP4 media.example.org\n",
            "v=0\nc=IN IP6 192.0.2.7\n",
            "v=0\nc=IN IP4 2001:db8::7\n",
            "v=0\nc=IN IP4 224.2.1.1/127\n",
            "v=0\nc=IN IP4\n",
            "v=0\n",
            "c=IN IP4 192.0.2.7\n",
            "",
        ] {
            assert_eq!(read(&invite(&format!("{head}m=audio 4000 RTP/AVP 0\n"))), [], "{head}");
        }
        let other = invite(&format!("{HEAD}m=audio 4000 RTP/AVP 0\n"));
        let other = String::from_utf8(other).unwrap().replacen("SIP/2.0", "RTSP/1.0", 1);
        assert_eq!(read(other.as_bytes()), []);
    }

    #[test]
    fn a_million_media_are_not_read() {
        let lines = "m=audio 4000/65535 RTP/AVP 0\n".repeat(1_000_000);
        let octets = invite(&format!("{HEAD}{lines}"));
        assert_eq!(read(&octets).len(), super::MAX_MEDIA * super::MAX_MEDIA * 2);
        let count = |octets: &[u8]| known(&[message(UDP, (CLIENT, 5060), (SERVER, 5060), octets)]).len();
        assert_eq!(count(&octets), 64, "from port 4000 on, over and over");
        let lines: String =
            (0..1_000).map(|n| format!("m=audio {}/32 RTP/AVP 0\n", 1_000 + n * 64)).collect();
        assert_eq!(count(&invite(&format!("{HEAD}{lines}"))), Announced::MAX_ENDPOINTS);
    }

    #[test]
    fn only_the_two_ends_of_the_flow_are_taught() {
        let to_proxy = |address: &str| {
            let octets = invite(&format!("v=0\nc=IN IP4 {address}\nm=image 4000 udptl t38\n"));
            known(&[message(UDP, (CLIENT, 5060), (SERVER, 5060), &octets)])
        };
        assert_eq!(to_proxy(CLIENT), [udp(CLIENT, 4000, "udptl")]);
        assert_eq!(to_proxy(SERVER), [udp(SERVER, 4000, "udptl")]);
        assert_eq!(to_proxy(THIRD), []);
        // On hold (RFC 3264 section 8.4).
        assert_eq!(to_proxy("0.0.0.0"), []);
        let octets = invite("v=0\nc=IN IP4 224.0.1.75\nm=image 4000 udptl t38\n");
        assert_eq!(known(&[message(UDP, (CLIENT, 5060), ("224.0.1.75", 5060), &octets)]), []);
    }
}
