//! Netlink messages (Linux's netlink(7)), of which netfilter's log carries packets.

use std::ops::Range;

use super::Kind;
use super::walk::{Step, Walk};

/// The header of a message: length with the header, type, flags, sequence number, port; in the byte order of the machine.
const HEADER: usize = 16;
/// Netfilter's family (NETLINK_NETFILTER).
const NETFILTER: u16 = 12;
/// A packet of netfilter's log: subsystem 4 (NFNL_SUBSYS_ULOG), message 0 (NFULNL_MSG_PACKET).
const LOGGED_PACKET: u16 = 4 << 8;

impl Walk<'_, '_> {
    /// Messages of a family behind the cooked header. The last packet that was logged speaks for the frame: the log keeps
    /// packets back until enough have come, so that the frame's time is that of the last. The others are counted.
    pub(super) fn netlink(&mut self, family: u16) -> Step {
        if family != NETFILTER {
            return self.end(Kind::NonIp);
        }
        self.begin("netlink");
        let Some((last, packets)) = packets(self.reader.rest()) else { return self.end(Kind::NonIp) };
        self.headers.further = packets - 1;
        self.reader.skip(last.start + HEADER)?;
        self.reader.bound(last.len() - HEADER);
        self.nflog()
    }
}

/// Where the last message with a logged packet lies whose header and first octets are there, and how many such messages
/// there are.
fn packets(octets: &[u8]) -> Option<(Range<usize>, u16)> {
    let mut found: Option<(Range<usize>, u16)> = None;
    let mut at = 0;
    while let Some(header) = octets.get(at..).and_then(<[u8]>::first_chunk) {
        let (len, is_packet) = message(header);
        let Some(end) = at.checked_add(len).filter(|_| len >= HEADER) else { break };
        // What the capture cut short only counts where nothing whole comes before it.
        if is_packet && (end <= octets.len() || found.is_none()) {
            let before = found.map_or(0, |(_, packets)| packets);
            found = Some((at..end, before.saturating_add(1)));
        }
        let Some(next) = end.checked_next_multiple_of(4) else { break };
        at = next;
    }
    found
}

/// The length of the message that begins with this header, in octets with the header, and whether it holds a logged packet.
fn message(header: &[u8; HEADER]) -> (usize, bool) {
    let &[l0, l1, l2, l3, t0, t1, ..] = header;
    let (little, big) = (u32::from_le_bytes([l0, l1, l2, l3]), u32::from_be_bytes([l0, l1, l2, l3]));
    // A message is shorter than 64 KiB, so the byte order shows.
    let (len, kind) = match little <= big {
        true => (little, u16::from_le_bytes([t0, t1])),
        false => (big, u16::from_be_bytes([t0, t1])),
    };
    (len as usize, kind == LOGGED_PACKET)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{PORTS, decode, inner_v4, joined};
    use super::*;
    use crate::packet::LinkType;

    /// The cooked header of netlink: packet type, ARPHRD_NETLINK, 10 octets, the family.
    fn cooked(family: u8, messages: &[&[u8]]) -> Vec<u8> {
        joined(&[&[0, 4, 3, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, family], &joined(messages)])
    }

    /// A message of that type in little-endian octets, padded to a multiple of 4.
    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let len = (16 + body.len()) as u32;
        let mut octets = joined(&[&len.to_le_bytes(), &kind.to_le_bytes(), &[0; 10], body]);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }

    /// What netfilter logs of a packet: family IPv4, then item 9.
    fn logged() -> Vec<u8> {
        let packet = inner_v4();
        joined(&[&[2, 0, 0, 42], &((packet.len() + 4) as u16).to_le_bytes(), &[9, 0], &packet])
    }

    #[test]
    fn packets_of_netfilters_log_are_read_from_netlink() {
        let (packet, done) = (message(0x0400, &logged()), message(3, &[0; 4]));
        let read = |frame: &[u8]| {
            let headers = decode(LinkType::NETLINK, frame);
            (headers.ports, headers.further)
        };
        assert_eq!(read(&cooked(12, &[&packet])), (Some(PORTS), 0));
        assert_eq!(read(&cooked(12, &[&packet, &packet, &done, &packet])), (Some(PORTS), 2));
        // The log's settings come before; another family; a message that only ends.
        assert_eq!(read(&cooked(12, &[&message(0x0401, &[0; 20]), &packet])), (Some(PORTS), 0));
        assert_eq!(read(&cooked(0, &[&packet])), (None, 0));
        assert_eq!(read(&cooked(12, &[&done])), (None, 0));
        // Cut within the second, or the first.
        let cut = cooked(12, &[&packet, &packet]);
        assert_eq!(read(&cut[..cut.len() - 8]), (Some(PORTS), 0));
        assert_eq!(read(&cut[..16 + 16 + 4 + 4 + 24]), (Some(PORTS), 0));
    }

    #[test]
    fn the_last_packet_logged_speaks_for_the_frame() {
        let mut other = logged();
        // The source port, behind the two headers and 20 octets of IPv4.
        other[28..30].copy_from_slice(&4_660_u16.to_be_bytes());
        let [first, last] = [logged(), other].map(|body| message(0x0400, &body));
        let headers = decode(LinkType::NETLINK, &cooked(12, &[&first, &last]));
        assert_eq!((headers.ports, headers.further), (Some((4_660, PORTS.1)), 1));
        assert_eq!(headers.stopped, None);
    }

    #[test]
    fn either_byte_order_is_read_and_short_lengths_end_the_walk() {
        let body = logged();
        let len = (16 + body.len()) as u32;
        let big = joined(&[&len.to_be_bytes(), &[4, 0], &[0; 10], &body]);
        assert_eq!(decode(LinkType::NETLINK, &cooked(12, &[&big])).ports, Some(PORTS));
        let short = joined(&[&15_u32.to_le_bytes(), &[0, 4], &[0; 10]]);
        assert_eq!(decode(LinkType::NETLINK, &cooked(12, &[&short])).kind, Kind::NonIp);
        let huge = joined(&[&u32::MAX.to_le_bytes(), &[0, 4], &[0; 10]]);
        assert_eq!(decode(LinkType::NETLINK, &cooked(12, &[&huge])).ports, None);
    }
}
