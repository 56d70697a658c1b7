//! NetXray and Sniffer for Windows (`.cap`), versions 1.0, 1.1 and 2.000 to 2.003.

use super::{Blocks, LIMIT, Step, beyond_limit, short_header, u16_at, u64_at};
use crate::savefile::octets::Order;

pub(super) const MAGIC: &[u8] = b"XCP\0";
/// Octets of the file header.
const HEADER_LEN: usize = 128;
/// Octets of it that are read.
const HEADER_READ: usize = 96;

const SECOND: i128 = 1_000_000_000;

#[derive(Debug)]
pub(crate) struct NetXray {
    link: u16,
    /// Octets of a record header.
    record_len: usize,
    ticks_per_second: u32,
    /// When the capture began, in seconds since 1970.
    start: u32,
    /// The ticks it began at.
    start_ticks: u64,
    /// Whether four octets behind some frames are their frame check sequence; otherwise they mean nothing.
    has_fcs: bool,
    /// Where the next record begins, and where the last one ends.
    at: u64,
    first: u64,
    end: u64,
}

impl NetXray {
    pub(super) fn new(head: &[u8]) -> Result<Self, String> {
        let cut = || short_header("NetXray", HEADER_LEN, head.len());
        let header = head.get(..HEADER_READ).ok_or_else(cut)?;
        let version = &header[4..11];
        let (major, minor) = match version {
            b"001.000" => (1, 0),
            b"001.100" => (1, 1),
            b"002.000" => (2, 0),
            b"002.001" => (2, 1),
            b"002.002" => (2, 2),
            b"002.003" => (2, 3),
            _ => return Err(format!("NetXray version {} is not known", version.escape_ascii())),
        };
        let [start, _, _, first, end] = Order::Little.words(&header[12..32]);
        let (network, plus, unit, kind) = (header[44], header[45], header[48], header[84]);
        let network = match plus {
            0 => network.saturating_add(1),
            2 => network,
            _ => return Err(format!("NetXray network type {network} {plus} is not known")),
        };
        let real_ticks = Order::Little.u32_at(header, 76).unwrap_or_default();
        let is_pod = major == 2 && network == 1 && kind != 0;
        let ticks_per_second = match (major, minor) {
            (1, 0) => 1_000,
            (1, _) => 1_000_000,
            _ => ticks(network, kind, unit, real_ticks)
                .filter(|&ticks| ticks > 0)
                .ok_or_else(|| format!("NetXray clock {unit} of capture type {kind} is not known"))?,
        };
        // Pods count from the start of the capture since version 2.2.
        let from_zero = is_pod && minor >= 2;
        let start_ticks = if from_zero { 0 } else { u64_at(Order::Little, header, 52).unwrap_or_default() };
        if u64::from(end) < u64::from(first) || (first as usize) < HEADER_LEN {
            return Err(format!("records from offset {first} to {end}: they do not follow each other"));
        }
        Ok(Self {
            link: link(major, network, kind)?,
            record_len: if major == 1 { 28 } else { 40 },
            ticks_per_second,
            start,
            start_ticks,
            has_fcs: real_ticks & 0x00ff_ff00 == 0x0012_3400,
            at: 0,
            first: first.into(),
            end: end.into(),
        })
    }

    pub(super) fn step(&mut self, octets: &[u8], out: &mut Blocks) -> Result<Step, String> {
        if self.at < self.first {
            self.at = self.first;
            return Ok(Step::Taken(self.first));
        }
        if self.at >= self.end {
            return Ok(Step::End);
        }
        let Some((header, rest)) = octets.split_at_checked(self.record_len) else {
            return Ok(Step::Needs(self.record_len, "a record header"));
        };
        let field = |at| u16_at(Order::Little, header, at).map_or(0, u32::from);
        let (original, captured) = (field(8), field(10));
        if captured > LIMIT {
            return Err(beyond_limit(captured));
        }
        let Some(packet) = rest.get(..captured as usize) else {
            return Ok(Step::Needs(self.record_len + captured as usize, "a record"));
        };
        let ticks = u64_at(Order::Little, header, 0).unwrap_or_default();
        let since = (i128::from(ticks) - i128::from(self.start_ticks)) * SECOND;
        let since = since.div_euclid(self.ticks_per_second.into());
        // Some frames have four octets more, which may be their frame check sequence.
        let more = self.record_len == 40 && header[14..16] == [0xff; 2] && !self.has_fcs;
        let junk = if more { captured.min(4) } else { 0 };
        let frame = &packet[..packet.len() - junk as usize];
        out.packet(
            self.link,
            i128::from(self.start) * SECOND + since,
            original.saturating_sub(junk),
            &[frame],
        );
        let length = (self.record_len + packet.len()) as u64;
        self.at += length;
        Ok(Step::Taken(length))
    }
}

/// Ticks of the clock in a second, for version 2.
fn ticks(network: u8, kind: u8, unit: u8, real: u32) -> Option<u32> {
    Some(match (network, kind, unit) {
        (1, 2 | 6, 0) => 1_000_000_000,
        (1, 3 | 5, 0) => 1_000_000,
        (1, 2, 2) => 31_250_000,
        (1, 3, 2) => 1_250_000,
        (1, 6, 2) => 20_000_000,
        (1, 0, 2) => real,
        (1, 1.., _) => return None,
        (_, _, 0) => 1_000_000,
        (_, _, 1) => 1_193_000,
        (_, _, 2) => 1_193_182,
        _ => return None,
    })
}

/// The LINKTYPE of what was captured.
fn link(major: u8, network: u8, kind: u8) -> Result<u16, String> {
    Ok(match (network, kind) {
        (1, _) => 1,
        (2, _) => 6,
        (3, _) => 10,
        // Serial lines, which the system shows as Ethernet where no pod captured them.
        (4, _) if major == 1 => 1,
        (4, 3) => 9,
        (4, 4) => 107,
        (4, 19) => 104,
        (10, _) => 105,
        _ => return Err(format!("NetXray network type {network}, capture type {kind}, is not read")),
    })
}
