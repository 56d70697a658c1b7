//! Between equals: BitTorrent and what belongs to it, Gnutella, Bitcoin.

use super::reader::{check, holds};
use super::sight::{Said, Sight};

/// BitTorrent (BEP 3).
pub(super) fn bittorrent(sight: Sight<'_>) -> Option<Said> {
    sight.reader().expect(b"\x13BitTorrent protocol")?;
    Some(Said::PEER)
}

/// The hash table of BitTorrent (BEP 5, BEP 42, BEP 43): a bencoded dictionary.
pub(super) fn bittorrent_dht(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"d1:ad2:id20:").is_some() {
        return Some(Said::CLIENT);
    }
    if reader.expect(b"d1:rd2:id20:").is_some() || reader.expect(b"d1:eli").is_some() {
        return Some(Said::SERVER);
    }
    // The asker's own address may come first.
    reader.expect(b"d2:ip")?;
    let len = reader.number()?;
    reader.expect(b":")?;
    check(matches!(len, 4 | 6 | 16 | 18))?;
    reader.skip(len as usize)?;
    check(reader.expect(b"1:rd2:id20:").is_some() || reader.expect(b"1:eli").is_some())?;
    Some(Said::SERVER)
}

/// Trackers over UDP (BEP 15).
pub(super) fn bittorrent_tracker(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.u64()? == 0x0417_2710_1980 {
        check(reader.u32()? == 0 && sight.wire() >= 16)?;
        return Some(Said::CLIENT);
    }
    check(sight.reader().u32()? == 0)?;
    sight.ends_at(16)?;
    Some(Said::SERVER_WEAK)
}

/// Local discovery of peers (BEP 14).
pub(super) fn bittorrent_lsd(sight: Sight<'_>) -> Option<Said> {
    sight.reader().expect(b"BT-SEARCH * HTTP/1.1")?;
    Some(Said::CLIENT)
}

/// uTP (BEP 29): a version, a type, an extension; too little to tell.
pub(super) fn bittorrent_utp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [first, extension] = reader.array()?;
    check(first & 15 == 1 && first >> 4 <= 4 && extension <= 2 && sight.wire() >= 20)?;
    Some(Said::CONFIRM)
}

/// Gnutella (0.4 and 0.6 handshakes).
pub(super) fn gnutella(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"GNUTELLA CONNECT/0.").is_some() {
        return Some(Said::CLIENT);
    }
    reader.expect(b"GNUTELLA/0.6 ")?;
    check((100..600).contains(&reader.number()?))?;
    Some(Said::SERVER)
}

/// Bitcoin: the magic of a network and a command of twelve octets.
pub(super) fn bitcoin(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let magic = reader.u32()?;
    // Main network, test networks 3 and 4, signet.
    check(matches!(magic, 0xf9be_b4d9 | 0x0b11_0907 | 0x1c16_3f28 | 0x0a03_cf40))?;
    let command = reader.take(12)?;
    check(holds(command.get(..8)?, b"version") || command.starts_with(b"verack\0"))?;
    check(reader.le32()? <= 4_096)?;
    Some(Said::PEER)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn bittorrent_and_its_table() {
        peer(TCP, Protocol::BITTORRENT, b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0");
        nothing(TCP, b"\x13BitTorrent protocoL\0\0\0\0\0\0\0\0");
        client(UDP, Protocol::BITTORRENT_DHT, b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:pinge");
        server(UDP, Protocol::BITTORRENT_DHT, b"d1:rd2:id20:aaaaaaaaaaaaaaaaaaaaee");
        server(UDP, Protocol::BITTORRENT_DHT, b"d2:ip6:abcdef1:rd2:id20:aaaaaaaaaaaaaaaaaaaaee");
        nothing(UDP, b"d2:ip7:abcdefg1:rd2:id20:aaaaaaaaaaaaaaaaaaaaee");
        client(UDP, Protocol::BITTORRENT_LSD, b"BT-SEARCH * HTTP/1.1\r\n");
        nothing(UDP, b"BT-SEARCH * HTTP/1.0\r\n");
    }

    #[test]
    fn trackers_and_transport() {
        client(
            UDP,
            Protocol::BITTORRENT_TRACKER,
            &[0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 1, 2, 3, 4],
        );
        weak(UDP, Protocol::BITTORRENT_TRACKER, &[0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let mut utp = vec![0x41, 0];
        utp.resize(20, 7);
        fits(UDP, Protocol::BITTORRENT_UTP, &utp);
    }

    #[test]
    fn other_networks() {
        client(TCP, Protocol::GNUTELLA, b"GNUTELLA CONNECT/0.6\r\n");
        server(TCP, Protocol::GNUTELLA, b"GNUTELLA/0.6 200 OK\r\n");
        nothing(TCP, b"GNUTELLA/0.6 900 OK\r\n");
        peer(TCP, Protocol::BITCOIN, b"\xf9\xbe\xb4\xd9version\0\0\0\0\0\x66\0\0\0abcd");
        nothing(TCP, b"\xf9\xbe\xb4\xd8version\0\0\0\0\0\x66\0\0\0abcd");
    }
}
