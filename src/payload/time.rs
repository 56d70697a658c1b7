//! Time: NTP (RFC 5905 section 7.3) and PTP (IEEE 1588 section 13.3).

use super::reader::check;
use super::sight::{Said, Sight, client, peer, server};

/// NTP. Modes 6 and 7, control and private, have no fields that could be checked.
pub(super) fn ntp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let first = reader.u8()?;
    let (version, mode) = (first >> 3 & 7, first & 7);
    check((1..=4).contains(&version))?;
    if matches!(mode, 6 | 7) {
        check(sight.wire() >= 8)?;
        return Some(Said::CONFIRM);
    }
    check(sight.wire() >= 48 && sight.wire().is_multiple_of(4))?;
    let [stratum, poll, precision] = reader.array()?;
    check(stratum <= 16 && (-6..=17).contains(&poll.cast_signed()))?;
    check((-36..=6).contains(&precision.cast_signed()))?;
    // Root delay in seconds, with 16 bits of fraction.
    check(reader.u32()? >> 16 < 64)?;
    let is_strong = matches!(sight.wire(), 48 | 60 | 64 | 68 | 72);
    match mode {
        1 | 2 => peer(is_strong),
        3 => client(is_strong),
        4 | 5 => {
            // Root dispersion, reference, and three time stamps of eight octets: then the transmit time.
            reader.skip(32)?;
            check(reader.u32()? >= 0x8000_0000)?;
            server(is_strong)
        }
        _ => None,
    }
}

/// PTP version 2.
pub(super) fn ptp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (kind, version) = (reader.u8()? & 15, reader.u8()? & 15);
    check(version == 2 && matches!(kind, 0..=3 | 8..=13))?;
    let len = usize::from(reader.u16()?);
    check(len >= 44)?;
    sight.ends_at(len)?;
    check(reader.u8()? < 128)?;
    Some(Said::PEER)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    fn message(first: u8, len: usize) -> Vec<u8> {
        let mut message = vec![first, 2, 6, 0xec, 0, 0, 1, 0];
        message.resize(40, 0);
        message.extend([0xe5, 0, 0, 0]);
        message.resize(len, 0);
        message
    }

    #[test]
    fn modes_tell_the_side() {
        client(UDP, Protocol::NTP, &message(0x23, 48));
        server(UDP, Protocol::NTP, &message(0x24, 48));
        server(UDP, Protocol::NTP, &message(0x25, 68));
        peer(UDP, Protocol::NTP, &message(0x21, 48));
        weak(UDP, Protocol::NTP, &message(0x23, 52));
        fits(UDP, Protocol::NTP, &message(0x16, 12));
        nothing(UDP, &message(0x03, 48));
        nothing(UDP, &message(0x23, 50));
        let mut early = message(0x24, 48);
        early[40] = 0x10;
        nothing(UDP, &early);
    }

    #[test]
    fn ptp_ends_with_the_datagram() {
        let mut sync = vec![0, 2, 0, 44];
        sync.resize(44, 0);
        peer(UDP, Protocol::PTP, &sync);
        sync[3] = 45;
        nothing(UDP, &sync);
    }
}
