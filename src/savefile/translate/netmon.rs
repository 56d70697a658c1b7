//! Microsoft Network Monitor, versions 1 and 2.0 to 2.3: a table says where each frame lies, so a file is read out of order.

use super::{Blocks, LIMIT, Step, beyond_limit, blocks, short_header, u16_at, u64_at};
use crate::savefile::{FileFormat, octets::Order};

/// Octets of the file header that are read.
pub(crate) const HEADER_LEN: usize = 32;
/// From 1601 to 1970, in units of 100 nanoseconds.
const WINDOWS: i128 = 11_644_473_600 * 10_000_000;
/// LINKTYPE_USER15, for what no other type is assigned to.
const UNKNOWN: u16 = 162;

/// What the file header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetMon {
    version: (u8, u8),
    network: u16,
    /// When the capture began, in milliseconds since 1970. The file does not say in which time zone: it is taken for UTC.
    start: i128,
    /// Where the table of frames lies, and how many octets it has.
    pub(crate) table: (u32, u32),
}

impl NetMon {
    /// What a file that begins with `head` is; an error where its header is damaged, or of a kind that is not read.
    pub(crate) fn recognise(head: &[u8]) -> Option<Result<Self, String>> {
        (head.starts_with(b"GMBU") || head.starts_with(b"RTSS")).then(|| Self::new(head))
    }

    fn new(head: &[u8]) -> Result<Self, String> {
        let cut = || short_header("Network Monitor", HEADER_LEN, head.len());
        let header: &[u8; HEADER_LEN] = head.first_chunk().ok_or_else(cut)?;
        let field = |at| u16_at(Order::Little, header, at).unwrap_or_default();
        let (minor, major) = (header[4], header[5]);
        if !matches!(major, 1 | 2) {
            return Err(format!("Network Monitor version {major}.{minor} is not known; 1 and 2 are"));
        }
        // Year, month, day of the week, day, hour, minute, second, millisecond.
        let [year, month, _, day, hour, minute, second, millisecond] =
            std::array::from_fn(|index| i64::from(field(8 + index * 2)));
        if !(1..=12).contains(&month) {
            return Err(format!("the capture began in month {month}"));
        }
        let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        let [at, length] = Order::Little.words(&header[24..32]);
        let netmon = Self {
            version: (major, minor),
            network: field(6),
            start: i128::from(seconds) * 1_000 + i128::from(millisecond),
            table: (at, length),
        };
        // Since version 2.1 each frame says what it is.
        if netmon.trailer_len() == 0 && link(netmon.network).is_none_or(|link| link == UNKNOWN) {
            return Err(format!("Network Monitor network type {} is not read", netmon.network));
        }
        Ok(netmon)
    }

    pub(crate) fn format(&self) -> FileFormat {
        FileFormat::NetMon
    }

    /// The blocks that a capture of this version begins with.
    pub(crate) fn blocks(&self) -> Blocks {
        Blocks::new(match self.version {
            (1, _) => blocks::MILLISECONDS,
            (_, 3..) => blocks::TENTHS_OF_MICROSECONDS,
            _ => blocks::MICROSECONDS,
        })
    }

    fn record_len(&self) -> usize {
        if self.version.0 == 1 { 8 } else { 16 }
    }

    /// Octets behind each frame.
    fn trailer_len(&self) -> usize {
        match self.version {
            (1, _) | (_, 0) => 0,
            (_, 1) => 2,
            (_, 2) => 6,
            _ => 15,
        }
    }

    /// Reads the frame that begins `octets`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn frame(&self, octets: &[u8], out: &mut Blocks) -> Result<Step, String> {
        let record_len = self.record_len();
        let Some((header, rest)) = octets.split_at_checked(record_len) else {
            return Ok(Step::Needs(record_len, "a frame header"));
        };
        let (delta, original, captured) = if self.version.0 == 1 {
            let field = |at| u16_at(Order::Little, header, at).map_or(0, u32::from);
            (Order::Little.u32_at(header, 0).map_or(0, i128::from), field(4), field(6))
        } else {
            let [_, _, original, captured] = Order::Little.words(header);
            // Microseconds; times 10 it is a signed number of 64 bits.
            let delta = u64_at(Order::Little, header, 0).unwrap_or_default().wrapping_mul(10).cast_signed();
            (i128::from(delta / 10), original, captured)
        };
        if captured > LIMIT {
            return Err(beyond_limit(captured));
        }
        let needed = captured as usize + self.trailer_len();
        let Some(data) = rest.get(..needed) else { return Ok(Step::Needs(record_len + needed, "a frame")) };
        let (packet, trailer) = data.split_at(captured as usize);
        let network = u16_at(Order::Little, trailer, 0).unwrap_or(self.network);
        let ticks = match self.version {
            (1, _) => self.start + delta,
            // What is counted in the header of old, the trailer says in UTC.
            (_, 3..) => i128::from(u64_at(Order::Little, trailer, 6).unwrap_or_default()) - WINDOWS,
            _ => self.start * 1_000 + delta,
        };
        // What is no packet, such as names and events, is passed over.
        if let Some(link) = link(network) {
            let before = header_before(network, packet).min(packet.len());
            out.packet(link, ticks, original.saturating_sub(before as u32), &[&packet[before..]]);
        }
        Ok(Step::Taken((record_len + needed) as u64))
    }
}

/// The LINKTYPE of frames; `None` where they are no packets.
fn link(network: u16) -> Option<u16> {
    Some(match network {
        0 | 1 => 1,
        2 => 6,
        3 => 10,
        // ATM, of which the payload is read.
        4 => 100,
        6 | 0xe080 => 105,
        // Tunnels, wireless networks of telephones, IP by itself.
        7..=9 => 101,
        0xe081..=0xe08a => UNKNOWN,
        // A LINKTYPE.
        0xe000..=0xefff => network & 0x0fff,
        0xffe0.. => return None,
        _ => UNKNOWN,
    })
}

/// Octets that Network Monitor puts before a frame.
fn header_before(network: u16, packet: &[u8]) -> usize {
    match (network, packet) {
        // Addresses, path and channel.
        (4, _) => 16,
        // A version, and its own length.
        (6, &[_, low, high, ..]) => u16::from_le_bytes([low, high]).into(),
        _ => 0,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(1601, 1, 1), -134_774);
        assert_eq!(days(2000, 3, 1), 11_017);
        assert_eq!(days(2026, 9, 21), 20_717);
    }
}
