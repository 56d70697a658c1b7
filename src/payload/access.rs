//! Who may enter: RADIUS (RFC 2865), TACACS+ (RFC 8907), Diameter (RFC 6733).

use super::reader::{Reader, check};
use super::sight::{Said, Sight, client, server};

/// RADIUS. SLP and others share code, identifier and length: the attributes decide.
pub(super) fn radius(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let code = reader.u8()?;
    reader.skip(1)?;
    let len = usize::from(reader.u16()?);
    check((20..=4_096).contains(&len))?;
    sight.ends_at(len)?;
    reader.skip(16)?;
    let mut attributes = 0;
    while sight.left(&reader) > 0 {
        if attribute(&mut reader, sight)?.is_cut {
            check(attributes >= 5)?;
            break;
        }
        attributes += 1;
    }
    let is_strong = attributes > 0;
    match code {
        1 | 4 | 12 | 40 | 43 => client(is_strong),
        2 | 3 | 5 | 11 | 13 | 41 | 42 | 44 | 45 => server(is_strong),
        _ => None,
    }
}

struct Attribute {
    /// Whether it goes beyond the octets at hand.
    is_cut: bool,
}

/// Passes over one attribute (RFC 2865 section 5).
fn attribute(reader: &mut Reader<'_>, sight: Sight<'_>) -> Option<Attribute> {
    let head = (reader.u8(), reader.u8());
    let (Some(kind), Some(len)) = head else {
        check(sight.is_cut())?;
        return Some(Attribute { is_cut: true });
    };
    check(matches!(kind, 1..=104 | 123 | 126 | 241..=246) && len >= 3)?;
    let is_number = matches!(
        kind,
        4..=10 | 12..=16 | 23 | 27..=29 | 37 | 38 | 40..=43 | 45..=49 | 51..=53 | 55 | 61 | 62
    );
    check(!is_number || len == 6)?;
    let len = usize::from(len) - 2;
    check(len <= sight.left(reader))?;
    Some(Attribute { is_cut: !reader.skip_or_end(len) })
}

/// TACACS+ (RFC 8907 section 4.1): the sequence number is odd from the client.
pub(super) fn tacacs(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [version, kind, sequence, flags] = reader.array()?;
    check(matches!(version, 0xc0 | 0xc1) && (1..=3).contains(&kind))?;
    check((1..=8).contains(&sequence) && matches!(flags, 0 | 1 | 4 | 5))?;
    reader.skip(4)?;
    check(reader.u32()? as usize + 12 == sight.wire())?;
    Some(if sequence % 2 == 1 { Said::CLIENT } else { Said::SERVER })
}

/// Diameter (RFC 6733 sections 3 and 4.1).
pub(super) fn diameter(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u8()? == 1)?;
    let len = reader.u24()?;
    check((20..1 << 20).contains(&len) && len.is_multiple_of(4))?;
    let flags = reader.u8()?;
    check(flags & 0x0f == 0 && reader.u24()? >= 257)?;
    // Application, hop by hop, end to end.
    reader.skip(12)?;
    if len > 20 {
        // Code, flags of which five bits are reserved, length.
        reader.skip(4)?;
        check(reader.u8()? & 0x1f == 0)?;
        let attribute = reader.u24()?;
        check(attribute >= 8 && attribute + 20 <= len)?;
    }
    Some(if flags & 0x80 != 0 { Said::CLIENT } else { Said::SERVER })
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    fn radius(code: u8, attributes: &[u8]) -> Vec<u8> {
        let mut packet = vec![code, 7, 0, 20 + attributes.len() as u8];
        packet.extend([9; 16]);
        packet.extend(attributes);
        packet
    }

    #[test]
    fn radius_attributes_chain() {
        client(UDP, Protocol::RADIUS, &radius(1, &[1, 4, b'm', b'e']));
        server(UDP, Protocol::RADIUS, &radius(2, &[6, 6, 0, 0, 0, 1]));
        weak(UDP, Protocol::RADIUS, &radius(5, &[]));
        nothing(UDP, &radius(1, &[1, 5, b'm', b'e']));
        nothing(UDP, &radius(1, &[1, 2]));
        nothing(UDP, &radius(2, &[6, 5, 0, 0, 0]));
        nothing(UDP, &radius(99, &[1, 4, b'm', b'e']));
    }

    #[test]
    fn tacacs_counts() {
        client(TCP, Protocol::TACACS, &[0xc0, 1, 1, 0, 1, 2, 3, 4, 0, 0, 0, 2, 9, 9]);
        server(TCP, Protocol::TACACS, &[0xc0, 1, 2, 0, 1, 2, 3, 4, 0, 0, 0, 2, 9, 9]);
        nothing(TCP, &[0xc0, 1, 1, 0, 1, 2, 3, 4, 0, 0, 0, 3, 9, 9]);
    }

    #[test]
    fn diameter_asks_and_answers() {
        let mut request = vec![1, 0, 0, 32, 0x80, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        request.extend([0, 0, 1, 8, 0x40, 0, 0, 12, 1, 2, 3, 4]);
        client(TCP, Protocol::DIAMETER, &request);
        client(TransportProtocol::SCTP, Protocol::DIAMETER, &request);
        request[4] = 0;
        server(TCP, Protocol::DIAMETER, &request);
        request[27] = 16;
        nothing(TCP, &request);
    }
}
