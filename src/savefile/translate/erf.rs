//! ERF, the Extensible Record Format of Endace: records without a file header.

use super::{Blocks, Step, u16_at, u64_at};
use crate::savefile::octets::Order;

/// Time, type, flags, record length, a counter, length on the wire.
const RECORD_LEN: usize = 16;
/// One more extension header follows, or the first.
const MORE: u8 = 0x80;
/// Records that hold no packet: what is known of the host, and padding.
const META: u8 = 27;
const PADDING: u8 = 48;

/// LINKTYPE_ERF: the record as it is.
const LINK_ERF: u16 = 197;
const ETHERNET: u16 = 1;
const IPV4: u16 = 228;
const IPV6: u16 = 229;

#[derive(Debug)]
pub(crate) struct Erf;

struct Header {
    /// Seconds and their 2^-32ths.
    time: u64,
    kind: u8,
    length: u16,
    wire: u16,
}

impl Header {
    fn read(octets: &[u8]) -> Option<Self> {
        Some(Self {
            time: u64_at(Order::Little, octets, 0)?,
            kind: *octets.get(8)? & !MORE,
            length: u16_at(Order::Big, octets, 10)?,
            wire: u16_at(Order::Big, octets, 14)?,
        })
    }

    /// The time to the next nanosecond, of which a unit is less than a quarter: cut off, a time of whole microseconds would
    /// be one nanosecond early.
    fn nanoseconds(&self) -> u64 {
        let below = (self.time & 0xffff_ffff) * 1_000_000_000;
        (self.time >> 32) * 1_000_000_000 + ((below + (1 << 31)) >> 32)
    }

    fn holds_a_packet(&self) -> bool {
        !matches!(self.kind, META | PADDING)
    }

    fn is_plausible(&self) -> bool {
        let known = matches!(self.kind, 1..=33 | PADDING);
        let length = usize::from(self.length);
        known
            && if self.holds_a_packet() {
                // From 1990 to 2100; headers of their own, 64 octets at most, and padding to 8 octets.
                (631_152_000..4_102_444_800).contains(&(self.time >> 32))
                    && (RECORD_LEN..=RECORD_LEN + 128 + usize::from(self.wire)).contains(&length)
            } else {
                length >= RECORD_LEN
            }
    }
}

impl Erf {
    /// Whether a file that begins so is one: it has no magic number, so all records at hand must be plausible, and they
    /// must be two at least, which follow each other in time.
    pub(super) fn recognises(head: &[u8]) -> bool {
        let (mut rest, mut records, mut before) = (head, 0, None);
        while let Some(header) = rest.get(..RECORD_LEN).and_then(Header::read) {
            let near = !header.holds_a_packet()
                || before.is_none_or(|before: u64| before.abs_diff(header.time >> 32) < 86_400 * 31);
            if !header.is_plausible() || !near {
                return false;
            }
            if header.holds_a_packet() {
                before = Some(header.time >> 32);
            }
            records += 1;
            rest = rest.get(header.length.into()..).unwrap_or_default();
        }
        records >= 2 && before.is_some()
    }

    pub(super) fn step(&mut self, octets: &[u8], out: &mut Blocks) -> Result<Step, String> {
        let Some(header) = octets.get(..RECORD_LEN).and_then(Header::read) else {
            return Ok(Step::Needs(RECORD_LEN, "a record header"));
        };
        let length = usize::from(header.length);
        if length < RECORD_LEN {
            return Err(format!("record says {length} octets, less than the {RECORD_LEN} of its header"));
        }
        let Some(record) = octets.get(..length) else { return Ok(Step::Needs(length, "a record")) };
        if header.holds_a_packet() {
            let (mut at, mut more) = (RECORD_LEN, record[8] & MORE != 0);
            while more {
                more = *record.get(at).ok_or("record ends inside its extension headers")? & MORE != 0;
                at += 8;
            }
            let inner = match header.kind {
                // Offset and padding come before the frame.
                2 | 11 | 16 | 20 => Some((ETHERNET, at + 2)),
                22 => Some((IPV4, at)),
                23 => Some((IPV6, at)),
                _ => None,
            };
            let wire = u32::from(header.wire);
            let ticks = i128::from(header.nanoseconds());
            match inner {
                Some((link, at)) => {
                    let frame = record.get(at..).ok_or("record ends before its frame")?;
                    // What is behind the frame is padding.
                    let frame = &frame[..frame.len().min(header.wire.into())];
                    out.packet(link, ticks, wire, &[frame]);
                }
                None => out.packet(LINK_ERF, ticks, at as u32 + wire, &[record]),
            }
        }
        Ok(Step::Taken(length as u64))
    }
}
