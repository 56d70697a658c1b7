//! The pcap file format (draft-ietf-opsawg-pcap), its nanosecond and its "modified" variant.

use super::{
    Format,
    octets::Order,
    walk::{Stop, Walked, Walker as AnyWalker, captured_limit},
};
use crate::frame::{Interface, LinkType, Located, Timestamp};

/// Octets of the file header.
pub(super) const FILE_HEADER_LEN: usize = 24;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Alexey Kuznetzov's patched libpcap: eight more octets in each record header.
const MODIFIED: u32 = 0xa1b2_cd34;

/// The length fields of old files come in another order than today's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured, then original.
    CapturedFirst,
    /// Version 2.3 was written both ways: the smaller is the captured one.
    SmallerIsCaptured,
    /// Before version 2.3: original, then captured.
    OriginalFirst,
}

/// What a pcap file header says, and how far it has been walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walker {
    order: Order,
    format: Format,
    /// Nanoseconds in a unit of the sub-second field.
    unit: u64,
    lengths: Lengths,
    interface: Interface,
    limit: u32,
    /// Octets of file header still to pass.
    header_left: usize,
}

impl Walker {
    /// Whether a file that begins so is a pcap file.
    pub(super) fn recognises(head: &[u8]) -> bool {
        order_and_format(head).is_some()
    }

    /// Reads the file header.
    ///
    /// # Errors
    /// The reason why the file cannot be read.
    pub(super) fn new(head: &[u8]) -> Result<Self, String> {
        let (order, format) = order_and_format(head).ok_or("no pcap magic number")?;
        let header: &[u8; FILE_HEADER_LEN] = head.first_chunk().ok_or_else(|| {
            format!("the pcap file header of {FILE_HEADER_LEN} octets is cut short: {} are there", head.len())
        })?;
        // Magic number, version, time zone (4), accuracy (4), snap length, link type.
        let [_, _, _, _, m, a, i, n, _, _, _, _, _, _, _, _, s, t, u, v, w, x, y, z] = *header;
        let (major, minor) = (order.u16([m, a]), order.u16([i, n]));
        let snap_len = order.u32([s, t, u, v]);
        let link_word = order.u32([w, x, y, z]);
        if major != 2 {
            return Err(format!("pcap version {major}.{minor} is not known; 2.0 to 2.4 are"));
        }
        let reserved = link_word & 0x03ff_0000;
        if reserved != 0 {
            return Err(format!("reserved bits of the pcap link type are set: {link_word:#010x}"));
        }
        let link = LinkType(link_word as u16);
        // Draft section 4: the length is counted in 16-bit words and valid only with the `f` bit.
        let fcs_len = (link_word & 0x0400_0000 != 0).then_some((link_word >> 28) as u8 * 2);
        Ok(Self {
            order,
            format,
            unit: if format == Format::PcapNanoseconds { 1 } else { 1_000 },
            lengths: match minor {
                0..=2 => Lengths::OriginalFirst,
                3 => Lengths::SmallerIsCaptured,
                _ => Lengths::CapturedFirst,
            },
            interface: Interface { link, snap_len, name: None, fcs_len },
            limit: captured_limit(link),
            header_left: FILE_HEADER_LEN,
        })
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        std::slice::from_ref(&self.interface)
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    fn record_header_len(&self) -> usize {
        if self.format == Format::PcapModified { 24 } else { 16 }
    }

    /// See [`AnyWalker::walk`].
    pub(super) fn walk(
        &mut self,
        octets: &[u8],
        until: usize,
        eof: bool,
        frames: &mut Vec<Located>,
    ) -> Walked {
        let mut at = 0;
        if self.header_left > 0 {
            if octets.len() < self.header_left {
                return Walked::short(0, self.header_left, octets.len(), eof, "the file header");
            }
            at = self.header_left;
            self.header_left = 0;
        }
        let header_len = self.record_header_len();
        let link = self.interface.link;
        while at < until {
            let left = octets.len() - at;
            let Some(header) = octets[at..].first_chunk::<16>().filter(|_| left >= header_len) else {
                return Walked::short(at, header_len, left, eof, "a record header");
            };
            let record = self.record_header(header);
            if record.captured > self.limit {
                let reason = format!(
                    "record says {} captured octets, more than the limit of {}",
                    record.captured, self.limit
                );
                return Walked::damaged(at, reason);
            }
            let needed = header_len + record.captured as usize;
            if needed > left {
                return Walked::short(at, needed, left, eof, "a record");
            }
            frames.push(Located {
                time: Some(record.time),
                record: at as u32,
                offset: (at + header_len) as u32,
                captured_len: record.captured,
                original_len: record.original,
                interface: 0,
                link,
            });
            at += needed;
        }
        Walked { consumed: at, stop: Stop::Reached }
    }

    fn record_header(&self, header: &[u8; 16]) -> RecordHeader {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *header;
        let seconds = self.order.u32([a, b, c, d]);
        let fraction = self.order.u32([e, f, g, h]);
        let first = self.order.u32([i, j, k, l]);
        let second = self.order.u32([m, n, o, p]);
        let (captured, original) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::SmallerIsCaptured => (first.min(second), first.max(second)),
            Lengths::OriginalFirst => (second, first),
        };
        // Both products of 32-bit numbers: at most 4.3e18 + 4.3e12, no overflow.
        let time = Timestamp(u64::from(seconds) * Timestamp::SECOND + u64::from(fraction) * self.unit);
        RecordHeader { time, fraction, captured, original }
    }

    /// See [`AnyWalker::resync`].
    ///
    /// A boundary is believed where [`CHAIN`] record headers follow each other, or fewer that end exactly or
    /// go beyond the octets at hand: lengths within bounds, captured at most original, fractions below a
    /// second, and times within a day of each other.
    pub(super) fn resync(&self, octets: &[u8]) -> Option<usize> {
        (0..octets.len()).find(|&at| self.is_boundary(octets, at))
    }

    fn is_boundary(&self, octets: &[u8], start: usize) -> bool {
        const CHAIN: usize = 5;
        const DAY: u64 = 86_400 * Timestamp::SECOND;
        let header_len = self.record_header_len();
        let snap_len = self.interface.snap_len;
        let limit = if snap_len == 0 { self.limit } else { snap_len.min(self.limit) };
        let mut at = start;
        let mut before: Option<Timestamp> = None;
        for found in 0..CHAIN {
            let Some(header) = octets.get(at..).and_then(|rest| rest.first_chunk()) else {
                return found >= 2;
            };
            let record = self.record_header(header);
            let plausible = record.captured <= limit
                && record.captured <= record.original
                // A run of zeros looks like empty records.
                && record.original > 0
                && record.original <= 1 << 20
                && u64::from(record.fraction) * self.unit < Timestamp::SECOND
                && before.is_none_or(|before| before.0.abs_diff(record.time.0) < DAY);
            if !plausible {
                return false;
            }
            before = Some(record.time);
            at += header_len + record.captured as usize;
        }
        true
    }
}

struct RecordHeader {
    time: Timestamp,
    fraction: u32,
    captured: u32,
    original: u32,
}

fn order_and_format(head: &[u8]) -> Option<(Order, Format)> {
    let magic = *head.first_chunk()?;
    [Order::Little, Order::Big].into_iter().find_map(|order| {
        let format = match order.u32(magic) {
            MICROSECONDS => Format::Pcap,
            NANOSECONDS => Format::PcapNanoseconds,
            MODIFIED => Format::PcapModified,
            _ => return None,
        };
        Some((order, format))
    })
}

impl From<Walker> for AnyWalker {
    fn from(walker: Walker) -> Self {
        Self::Pcap(walker)
    }
}
