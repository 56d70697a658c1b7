//! The pcap file format (draft-ietf-opsawg-pcap), its nanosecond and its "modified" variant.

use crate::packet::{Interface, LinkType, Located, Oddities, Timestamp};
use crate::savefile::{
    FileFormat,
    octets::Order,
    pcapng,
    walk::{Piece, Stop, Walked, Walker as AnyWalker},
};

/// Octets of the file header.
pub(crate) const FILE_HEADER_LEN: usize = 24;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Alexey Kuznetzov's patched libpcap: eight more octets in each record header.
const MODIFIED: u32 = 0xa1b2_cd34;

/// Ixia's `lcap`, written by software and by hardware.
const IXIA_MICROSECONDS: u32 = 0x1c00_01ab;
const IXIA_NANOSECONDS: u32 = 0x1c00_01ac;

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
pub(crate) struct Walker {
    order: Order,
    format: FileFormat,
    /// Nanoseconds in a unit of the sub-second field.
    unit: u64,
    lengths: Lengths,
    interface: Interface,
    limit: u32,
    /// Octets of a record header behind the 16 that all variants have.
    extra: usize,
    odd: Oddities,
    /// Octets of file header still to pass.
    header_left: usize,
}

impl Walker {
    /// Whether a file that begins so is a pcap file.
    pub(crate) fn recognises(head: &[u8]) -> bool {
        order_and_format(head).is_some()
    }

    /// Reads the file header.
    ///
    /// # Errors
    /// The reason why the file cannot be read.
    pub(crate) fn new(head: &[u8]) -> Result<Self, String> {
        let (order, format, header_len) = order_and_format(head).ok_or("no pcap magic number")?;
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
        // AIX writes interface types of SNMP (RFC 1573), and nanoseconds.
        let aix =
            if format == FileFormat::Pcap && (major, minor) == (2, 2) { of_aix(link_word) } else { None };
        let link = aix.unwrap_or(LinkType(link_word as u16));
        let format = if aix.is_some() { FileFormat::PcapNanoseconds } else { format };
        // Draft section 4: the length is counted in 16-bit words and valid only with the `f` bit.
        let fcs_len = (link_word & 0x0400_0000 != 0).then_some((link_word >> 28) as u8 * 2);
        let mut walker = Self {
            order,
            format,
            unit: if format == FileFormat::PcapNanoseconds { 1 } else { 1_000 },
            lengths: match minor {
                _ if aix.is_some() => Lengths::SmallerIsCaptured,
                0..=2 => Lengths::OriginalFirst,
                3 => Lengths::SmallerIsCaptured,
                _ => Lengths::CapturedFirst,
            },
            interface: Interface { link, snap_len, name: None, fcs_len },
            limit: link.longest_packet(),
            extra: if format == FileFormat::PcapModified { 8 } else { 0 },
            odd: Oddities::default(),
            header_left: header_len,
        };
        if minor == 4 && format != FileFormat::PcapNanoseconds {
            walker.guess_variant(head);
        }
        Ok(walker)
    }

    /// Takes the record headers for longer ones where the first records contradict the common form, and make sense in
    /// another: Red Hat 6.1 and Nokia wrote such under the common magic number, SuSE 6.3 under that of the modified format.
    fn guess_variant(&mut self, head: &[u8]) {
        let records = head.get(self.header_left..).unwrap_or_default();
        let others: &[usize] = if self.format == FileFormat::Pcap { &[8, 4] } else { &[12] };
        if self.fits(self.extra, records) != Some(false) {
            return;
        }
        if let Some(&extra) = others.iter().find(|&&extra| self.fits(extra, records) == Some(true)) {
            self.extra = extra;
            self.format = FileFormat::PcapModified;
        }
    }

    /// Whether the first records make sense with so many octets behind their headers: three of them, or two that the
    /// octets at hand end with. `None` where too little is at hand to tell.
    fn fits(&self, extra: usize, octets: &[u8]) -> Option<bool> {
        /// Octets in which few have two records only.
        const MANY: usize = 2048;
        let mut at = 0;
        for found in 0..3 {
            let Some(header) = octets.get(at..).and_then(|rest| rest.first_chunk()) else {
                return (found == 2 && (at == octets.len() || octets.len() > MANY)).then_some(true);
            };
            let record = self.record_header(header);
            let sound = record.captured > 0
                && record.captured <= self.limit
                && record.captured <= record.original
                && record.original <= 1 << 20
                && u64::from(record.fraction) * self.unit < Timestamp::SECOND;
            if !sound {
                return Some(false);
            }
            at += 16 + extra + record.captured as usize;
        }
        Some(true)
    }

    /// Packets with odd times since this was asked last.
    pub(crate) fn take_oddities(&mut self) -> Oddities {
        std::mem::take(&mut self.odd)
    }

    pub(crate) fn interfaces(&self) -> &[Interface] {
        std::slice::from_ref(&self.interface)
    }

    pub(crate) fn is_big_endian(&self) -> bool {
        self.order == Order::Big
    }

    pub(crate) fn format(&self) -> FileFormat {
        self.format
    }

    fn record_header_len(&self) -> usize {
        16 + self.extra
    }

    /// See [`AnyWalker::walk`].
    pub(crate) fn walk(&mut self, piece: &Piece<'_>, frames: &mut Vec<Located>) -> Walked {
        let &Piece { octets, until, eof } = piece;
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
        let per_second = (Timestamp::SECOND / self.unit) as u32;
        while at < until {
            let left = octets.len() - at;
            let Some(header) = octets[at..].first_chunk::<16>().filter(|_| left >= header_len) else {
                return Walked::short(at, header_len, left, eof, "a record header");
            };
            let record = self.record_header(header);
            // Nearly all records need no more than these two comparisons.
            let mut odd = false;
            if record.captured.wrapping_sub(1) >= self.limit || record.fraction >= per_second {
                match self.unusual(&octets[at..], &record) {
                    Unusual::Record => odd = record.fraction >= per_second,
                    Unusual::Header(length) if length > left => {
                        return Walked::short(at, length, left, eof, "a file header");
                    }
                    Unusual::Header(length) => {
                        at += length;
                        continue;
                    }
                    Unusual::Damaged(reason) => return Walked::damaged(at, reason),
                }
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
            self.odd.fractions += u64::from(odd);
            at += needed;
        }
        Walked { consumed: at, stop: Stop::Reached }
    }

    /// What begins here is a record without octets, with too many, or with a fraction of a second or more; or another
    /// capture, whose file header looks like that.
    #[cold]
    fn unusual(&mut self, octets: &[u8], record: &RecordHeader) -> Unusual {
        if let Some(next) = self.chained(octets) {
            return next;
        }
        if octets.starts_with(&pcapng::SECTION_HEADER) && record.captured > self.limit {
            return Unusual::Damaged("a pcapng capture begins here, behind one of pcap".to_owned());
        }
        if record.captured > self.limit {
            return Unusual::Damaged(format!(
                "record says {} captured octets, more than the limit of {}",
                record.captured, self.limit
            ));
        }
        Unusual::Record
    }

    /// The header of another pcap capture, as where files were put one behind the other. One that the annotated capture
    /// can hold with the first, of the same link type and clock, is read on.
    fn chained(&mut self, octets: &[u8]) -> Option<Unusual> {
        order_and_format(octets)?;
        // Its time zone and accuracy are 0, which a record would show as no octets, captured and on the wire.
        if octets.get(8..16).is_some_and(|zeros| zeros != [0; 8]) {
            return None;
        }
        if octets.len() < FILE_HEADER_LEN {
            return Some(Unusual::Header(FILE_HEADER_LEN));
        }
        let next = Self::new(octets).ok()?;
        let same = (next.interface.link, next.interface.fcs_len, next.format, next.extra)
            == (self.interface.link, self.interface.fcs_len, self.format, self.extra);
        if !same {
            return Some(Unusual::Damaged(format!(
                "another capture begins here ({}, {}), behind one of {}, {}",
                next.format, next.interface.link, self.format, self.interface.link
            )));
        }
        (self.order, self.lengths) = (next.order, next.lengths);
        Some(Unusual::Header(next.header_left))
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
    /// A boundary is believed where five record headers follow each other, or fewer that end exactly or
    /// go beyond the octets at hand: lengths within bounds that agree with each other, fractions below a
    /// second, and times within a day of each other.
    pub(crate) fn resync(&self, octets: &[u8]) -> Option<usize> {
        // The strictest rule first: fields that are off by one look plausible in frames that are all alike.
        let snap_len = self.snap_len();
        let search = |agree: &dyn Fn(&RecordHeader) -> bool| {
            (0..octets.len()).find(|&at| self.is_boundary(octets, at, agree))
        };
        search(&|record| record.captured == record.original.min(snap_len))
            .or_else(|| search(&|record| record.captured <= record.original))
            // Some writers give an original length below the captured one.
            .or_else(|| search(&|_| true))
    }

    /// The most octets a record holds by the file's own word, and by the limit.
    fn snap_len(&self) -> u32 {
        match self.interface.snap_len {
            0 => self.limit,
            snap_len => snap_len.min(self.limit),
        }
    }

    fn is_boundary(&self, octets: &[u8], start: usize, agree: &dyn Fn(&RecordHeader) -> bool) -> bool {
        const CHAIN: usize = 5;
        const DAY: u64 = 86_400 * Timestamp::SECOND;
        let header_len = self.record_header_len();
        let limit = self.snap_len();
        let mut at = start;
        let mut before: Option<Timestamp> = None;
        for found in 0..CHAIN {
            let Some(header) = octets.get(at..).and_then(|rest| rest.first_chunk()) else {
                return found >= 2 || found == 1 && at == octets.len();
            };
            let record = self.record_header(header);
            let plausible = record.captured <= limit
                && agree(&record)
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

/// What begins where a record looks unusual.
enum Unusual {
    /// A record all the same.
    Record,
    /// A file header of so many octets.
    Header(usize),
    /// Neither.
    Damaged(String),
}

struct RecordHeader {
    time: Timestamp,
    fraction: u32,
    captured: u32,
    original: u32,
}

/// Byte order, format, and octets of the file header.
fn order_and_format(head: &[u8]) -> Option<(Order, FileFormat, usize)> {
    let magic = *head.first_chunk()?;
    [Order::Little, Order::Big].into_iter().find_map(|order| {
        let format = match order.u32(magic) {
            MICROSECONDS => FileFormat::Pcap,
            NANOSECONDS => FileFormat::PcapNanoseconds,
            MODIFIED => FileFormat::PcapModified,
            // The header of these ends with how many octets follow.
            IXIA_MICROSECONDS => return Some((order, FileFormat::Pcap, FILE_HEADER_LEN + 4)),
            IXIA_NANOSECONDS => return Some((order, FileFormat::PcapNanoseconds, FILE_HEADER_LEN + 4)),
            _ => return None,
        };
        Some((order, format, FILE_HEADER_LEN))
    })
}

/// The link type of one of AIX's interface types.
fn of_aix(link_word: u32) -> Option<LinkType> {
    Some(LinkType(match link_word {
        6 => 1,
        9 => 6,
        15 => 10,
        24 => 0,
        _ => return None,
    }))
}

impl From<Walker> for AnyWalker {
    fn from(walker: Walker) -> Self {
        Self::Pcap(walker)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::capture::Error;

    const SECOND: u64 = Timestamp::SECOND;

    fn two_records(order: Order, magic: u32) -> Vec<u8> {
        [
            pcap_header(order, magic, 4, 65_535, 1),
            pcap_record(order, 7, 5, b"abc", 60),
            pcap_record(order, u32::MAX, 999_999, b"", 1),
        ]
        .concat()
    }

    #[test]
    fn reads_microseconds_and_nanoseconds_in_both_byte_orders() {
        for order in ORDERS {
            for (magic, unit) in [(MICROSECONDS, 1_000), (NANOSECONDS, 1)] {
                let whole = read(&two_records(order, magic), usize::MAX);
                let expected = [
                    seen(Some(7 * SECOND + 5 * unit), 0, ETHERNET, b"abc", 60),
                    seen(Some(u64::from(u32::MAX) * SECOND + 999_999 * unit), 0, ETHERNET, b"", 1),
                ];
                assert_eq!(whole.frames, expected);
                assert_eq!(whole.records, [24, 43]);
                assert_eq!(whole.reason(), "");
            }
        }
    }

    #[test]
    fn reads_bytes_as_they_lie_in_a_file() {
        let file = b"\xa1\xb2\xc3\xd4\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\x71\
            \x5f\x5e\x10\0\0\x0f\x42\x3f\0\0\0\x02\0\0\x05\xdc\xca\xfe";
        let whole = read(file, 1);
        assert_eq!(whole.frames, [seen(Some(1_600_000_000_999_999_000), 0, 113, b"\xca\xfe", 1500)]);
        assert_eq!(whole.interfaces[0].snap_len, 256);
        assert_eq!(whole.interfaces[0].fcs_len, None);
    }

    #[test]
    fn reads_the_longer_record_headers_of_the_modified_format() {
        for order in ORDERS {
            let mut file = pcap_header(order, MODIFIED, 4, 0, 1);
            for octets in [&b"one"[..], b"three"] {
                let record = pcap_record(order, 1, 2, octets, 9);
                // Interface index, protocol, packet type and padding lie between header and octets.
                file.extend([&record[..16], b"\x01\0\0\0\x08\0\0\0", octets].concat());
            }
            let whole = read(&file, usize::MAX);
            let time = Some(SECOND + 2_000);
            assert_eq!(whole.frames, [seen(time, 0, 1, b"one", 9), seen(time, 0, 1, b"three", 9)]);
            survives_cuts_and_flips(&file, 24);
        }
    }

    #[test]
    fn swaps_the_lengths_of_old_versions() {
        // Version 2.2 wrote the original length first; 2.3 either.
        for (minor, first, second) in [(2, 60, 3), (3, 60, 3), (3, 3, 60)] {
            let mut file = pcap_header(Order::Big, MICROSECONDS, minor, 68, 1);
            file.extend([[0_u32, 0, first, second].map(u32::to_be_bytes).concat(), b"abc".to_vec()].concat());
            assert_eq!(read(&file, usize::MAX).frames, [seen(Some(0), 0, 1, b"abc", 60)]);
        }
    }

    #[test]
    fn takes_the_frame_check_sequence_out_of_the_link_type() {
        // Two 16-bit words, and the bit that says so.
        let file = pcap_header(Order::Little, MICROSECONDS, 4, 0, 0x2400_0001);
        let interface = &read(&file, usize::MAX).interfaces[0];
        assert_eq!((interface.link, interface.fcs_len), (LinkType::ETHERNET, Some(4)));
        // Without the bit the length means nothing.
        let file = pcap_header(Order::Little, MICROSECONDS, 4, 0, 0x2000_0001);
        assert_eq!(read(&file, usize::MAX).interfaces[0].fcs_len, None);
    }

    #[test]
    fn refuses_headers_it_does_not_know() {
        let reserved = read(&pcap_header(Order::Little, MICROSECONDS, 4, 0, 0x0001_0001), usize::MAX);
        assert_eq!(
            reserved.reason(),
            "test: packet 1, offset 0: reserved bits of the pcap link type are set: 0x00010001"
        );
        let mut version = pcap_header(Order::Little, MICROSECONDS, 4, 0, 1);
        version[4] = 9;
        assert_eq!(
            read(&version, 9).reason(),
            "test: packet 1, offset 0: pcap version 9.4 is not known; 2.0 to 2.4 are"
        );
    }

    #[test]
    fn reports_damage_after_what_lies_before_it() {
        let mut file = two_records(Order::Little, MICROSECONDS);
        file.extend(pcap_record(Order::Little, 8, 0, &[], 60));
        let at = file.len() - 8;
        file[at..at + 4].fill(0xff);
        for step in [1, usize::MAX] {
            let whole = read(&file, step);
            assert_eq!(whole.frames.len(), 2);
            assert_eq!(
                whole.reason(),
                "test: packet 3, offset 59: record says 4294967295 captured octets, more than the limit of 262144"
            );
        }
        let cut = read(&file[..50], usize::MAX);
        assert_eq!(
            cut.reason(),
            "test: packet 2, offset 43: a record header of 16 octets is cut short: the input ends after 7"
        );
        assert!(matches!(cut.error, Some(Error::Damaged { .. })));
    }

    #[test]
    fn survives_every_cut_and_change() {
        for order in ORDERS {
            for magic in [MICROSECONDS, NANOSECONDS] {
                survives_cuts_and_flips(&two_records(order, magic), 24);
            }
        }
    }

    #[test]
    fn reads_a_record_larger_than_a_batch_of_a_slow_pipe() {
        let large: Vec<u8> = (0..3 << 20).map(|octet| (octet % 251) as u8).collect();
        // D-Bus messages may be that large.
        let file = [
            pcap_header(Order::Little, MICROSECONDS, 4, 0, 231),
            pcap_record(Order::Little, 1, 0, &large, large.len() as u32),
            pcap_record(Order::Little, 2, 0, b"x", 1),
        ]
        .concat();
        let whole = read(&file, 100_000);
        assert_eq!(whole.frames.len(), 2);
        assert_eq!(whole.frames[0].octets, large);
        assert_eq!(whole.octets, file);
    }

    #[test]
    fn finds_a_boundary_from_every_offset() {
        let frames = (0..40_u32).map(|number| {
            pcap_record(Order::Big, 1_000_000 + number, number, &vec![0; 20 + number as usize], 1500)
        });
        let header = pcap_header(Order::Big, NANOSECONDS, 4, 0, 1);
        let (mut file, mut starts) = (header.clone(), Vec::new());
        for record in frames {
            starts.push(file.len());
            file.extend(record);
        }
        let walker = Walker::new(&header).unwrap();
        // Far enough from the end to see some records.
        for from in 24..starts[36] {
            let expected = starts.iter().copied().find(|&start| start >= from);
            assert_eq!(walker.resync(&file[from..]).map(|offset| from + offset), expected);
        }
        assert_eq!(walker.resync(&[0; 4096]), None);
        assert_eq!(walker.resync(b""), None);
    }
}
