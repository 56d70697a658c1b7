//! DNS messages (RFC 1035 section 4.1), and NetBIOS names that have their form (RFC 1002 section 4.2).

use super::reader::{Reader, check};
use super::sight::{Said, Sight};

/// The header (RFC 1035 section 4.1.1), with counts that messages really have.
struct Header {
    is_response: bool,
    /// Whether it says of itself what only an answer can: that it is authoritative.
    is_authoritative: bool,
    opcode: u8,
    rcode: u8,
    questions: u16,
    /// Records of the three other sections together.
    records: u16,
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let [_, _, high, low, a, b, c, d, e, f, g, h] = reader.array()?;
        let flags = u16::from_be_bytes([high, low]);
        let (questions, answers) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let (authorities, additional) = (u16::from_be_bytes([e, f]), u16::from_be_bytes([g, h]));
        check(questions <= 32 && answers <= 512 && authorities <= 256 && additional <= 256)?;
        check(questions | answers | authorities | additional != 0)?;
        Some(Self {
            is_response: flags & 0x8000 != 0,
            is_authoritative: flags & 0x0400 != 0,
            opcode: (flags >> 11 & 15) as u8,
            rcode: (flags & 15) as u8,
            questions,
            records: answers + authorities + additional,
        })
    }

    fn said(&self) -> Option<Said> {
        Some(if self.is_response { Said::SERVER } else { Said::CLIENT })
    }
}

/// DNS over UDP; mDNS and LLMNR have its form.
pub(super) fn domain(sight: Sight<'_>) -> Option<Said> {
    message(sight)
}

/// DNS over TCP: a length, and the message (RFC 7766 section 8).
pub(super) fn domain_tcp(sight: Sight<'_>) -> Option<Said> {
    let len = usize::from(sight.reader().u16()?);
    check(len >= 12)?;
    let framed = sight.without(2);
    // The message may begin a stretch of them, or go on in other segments; it ends where it says.
    let octets = framed.octets().get(..len).unwrap_or(framed.octets());
    message(Sight::new(octets, len))
}

fn message(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let header = Header::read(&mut reader)?;
    check(matches!(header.opcode, 0 | 1 | 2 | 4..=6))?;
    check(header.is_response || header.rcode == 0)?;
    match body(&header, &mut reader, sight) {
        Some(()) => header.said(),
        // Octets are missing: no bit may be wrong. A server of SOCKS that asks for a login begins in the form
        // of a query in which an answer's bit is set.
        None if sight.excuses() && reader.is_empty() => {
            check(header.is_response || header.opcode != 0 || !header.is_authoritative)?;
            header.said()
        }
        None => None,
    }
}

/// What follows the header, as far as it is checked: the first question and the first record.
///
/// Where octets are missing the reader is left empty.
fn body(header: &Header, reader: &mut Reader<'_>, sight: Sight<'_>) -> Option<()> {
    if header.questions > 0 {
        name(reader, false)?;
        let (kind, class) = (all_or_none(reader, Reader::u16)?, all_or_none(reader, Reader::u16)?);
        check_or_fill(is_type(kind) && is_class(class), reader)?;
        if header.questions > 1 {
            return Some(());
        }
        if header.records == 0 {
            return check(sight.left(reader) == 0);
        }
    }
    check_or_fill(header.records > 0, reader)?;
    name(reader, true)?;
    let (kind, class) = (all_or_none(reader, Reader::u16)?, all_or_none(reader, Reader::u16)?);
    // OPT keeps the size of datagrams where the class would be (RFC 6891 section 6.1.2).
    check_or_fill(kind == 41 || is_type(kind) && is_class(class), reader)?;
    all_or_none(reader, Reader::u32)?;
    let len = all_or_none(reader, Reader::u16)?;
    check_or_fill(usize::from(len) <= sight.left(reader), reader)
}

/// Reads, and leaves the reader empty where octets are missing.
fn all_or_none<'a, T>(reader: &mut Reader<'a>, read: fn(&mut Reader<'a>) -> Option<T>) -> Option<T> {
    let value = read(reader);
    if value.is_none() {
        reader.skip_or_end(usize::MAX);
    }
    value
}

/// A check that failed on octets that are there: the reader is left as if more could be read.
fn check_or_fill(holds: bool, reader: &mut Reader<'_>) -> Option<()> {
    if !holds {
        *reader = Reader::new(b"wrong");
    }
    check(holds)
}

/// Passes over a name; tells nothing of what is in it. The reader is left empty where it was cut.
fn name(reader: &mut Reader<'_>, may_point: bool) -> Option<()> {
    let mut len = 1;
    loop {
        match all_or_none(reader, Reader::u8)? {
            0 => return Some(()),
            label @ 1..=63 => {
                len += 1 + usize::from(label);
                check_or_fill(len <= 255, reader)?;
                check(reader.skip_or_end(usize::from(label)))?;
            }
            high @ 192.. if may_point => {
                let low = all_or_none(reader, Reader::u8)?;
                // A pointer leads behind the header (RFC 1035 section 4.1.4).
                return check_or_fill(high & 0x3f != 0 || low >= 12, reader);
            }
            _ => return check_or_fill(false, reader),
        }
    }
}

fn is_type(kind: u16) -> bool {
    matches!(kind, 1..=109 | 249..=260 | 32_768 | 32_769)
}

/// Classes, without the bit that mDNS adds (RFC 6762 sections 5.4 and 10.2).
fn is_class(class: u16) -> bool {
    matches!(class & 0x7fff, 1 | 3 | 4 | 254 | 255)
}

/// NetBIOS names over UDP.
pub(super) fn netbios_ns(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let header = Header::read(&mut reader)?;
    check(matches!(header.opcode, 0 | 5..=8 | 15))?;
    check(header.is_response || header.questions > 0)?;
    encoded_name(&mut reader)?;
    // Scope labels may follow; most names have none.
    name(&mut reader, false)?;
    let (Some(kind), Some(class)) = (reader.u16(), reader.u16()) else {
        check(sight.excuses())?;
        return header.said();
    };
    check(matches!(kind, 0x20 | 0x21) || header.is_response && kind == 10)?;
    check(class == 1)?;
    header.said()
}

/// A NetBIOS name of 16 octets, each in two letters (RFC 1001 section 14.1).
pub(super) fn encoded_name(reader: &mut Reader<'_>) -> Option<()> {
    check(reader.u8()? == 32)?;
    check(reader.take(32)?.iter().all(|letter| (b'A'..=b'P').contains(letter)))
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03org\0\0\x01\0\x01";

    #[test]
    fn what_is_missing_is_excused_only_where_all_else_is_right() {
        let mut cut = [&b"\x05\x02\x01\0\x01\0\0\x01\0\0\0\0\0\0\x3f"[..], &[7; 40]].concat();
        assert_eq!(alone(TCP, &cut).spoken, Some(Protocol::DOMAIN));
        // SOCKS: a login is wanted, and accepted; a connection is there (RFC 1929, RFC 1928 section 6).
        cut[4] = 5;
        nothing(TCP, &cut);
    }

    #[test]
    fn questions_end_with_the_datagram() {
        client(UDP, Protocol::DOMAIN, QUERY);
        nothing(UDP, &[QUERY, b"x"].concat());
        nothing(UDP, &QUERY[..QUERY.len() - 1]);
        let mut answer = QUERY.to_vec();
        answer[2] = 0x81;
        answer[3] = 3;
        server(UDP, Protocol::DOMAIN, &answer);
        let mut wrong = QUERY.to_vec();
        wrong[3] = 3;
        nothing(UDP, &wrong);
        wrong[3] = 0;
        wrong[2] = 0x18;
        nothing(UDP, &wrong);
    }

    #[test]
    fn records_are_checked() {
        let answer =
            b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x04_ipp\x04_tcp\x05local\0\0\x0c\x80\x01\0\0\0\x78\0\x02\xc0\x0c";
        server(UDP, Protocol::DOMAIN, answer);
        let mut long = answer.to_vec();
        let at = long.len() - 3;
        long[at] = 9;
        nothing(UDP, &long);
        let pointed = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\xc0\x0b\0\x0c\0\x01\0\0\0\x78\0\x02\xc0\x0c";
        nothing(UDP, pointed);
    }

    #[test]
    fn over_tcp_behind_a_length() {
        client(TCP, Protocol::DOMAIN, &[&[0, QUERY.len() as u8], QUERY].concat());
        nothing(TCP, &[&[0, 11], QUERY].concat());
    }

    #[test]
    fn a_name_cut_by_the_capture_needs_48_octets() {
        let mut long = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0".to_vec();
        for _ in 0..3 {
            long.push(20);
            long.extend([b'a'; 20]);
        }
        let cut = |len| crate::payload::look(UDP, &window(UDP, &long[..len], 80), &Default::default());
        assert_eq!(cut(60).spoken, Some(Protocol::DOMAIN));
        assert_eq!(cut(40).spoken, None);
    }

    #[test]
    fn netbios_names_go_before_domain() {
        let mut query = b"\x80\x01\x01\x10\0\x01\0\0\0\0\0\0\x20".to_vec();
        query.extend([b'C', b'K'].repeat(16));
        query.extend(b"\0\0\x20\0\x01");
        client(UDP, Protocol::NETBIOS_NS, &query);
        query[20] = b'Q';
        assert_ne!(alone(UDP, &query).spoken, Some(Protocol::NETBIOS_NS));
    }
}
