//! What a file is, by its first octets.

use std::fmt;

use crate::savefile::{pcap, pcapng, snoop, walk::Walker};

/// A capture file format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFormat {
    /// pcap with microseconds.
    Pcap,
    /// pcap with nanoseconds.
    PcapNanoseconds,
    /// pcap as Alexey Kuznetzov's patched libpcap wrote it, with longer record headers.
    PcapModified,
    /// pcapng.
    Pcapng,
    /// snoop (RFC 1761).
    Snoop,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcap => "pcap",
            Self::PcapNanoseconds => "pcap (nanoseconds)",
            Self::PcapModified => "pcap (modified)",
            Self::Pcapng => "pcapng",
            Self::Snoop => "snoop",
        })
    }
}

/// A compression that is undone while reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// gzip (RFC 1952), also of several members.
    Gzip,
    /// The LZ4 frame format.
    Lz4,
    /// The xz format.
    Xz,
    /// Zstandard (RFC 8878), also of several frames.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

/// What the first octets of an input show it to be.
#[derive(Debug)]
pub(crate) enum Recognised {
    Capture(Walker),
    Compressed(Compression),
    /// Not read; the reason says what it is, as far as that is known.
    Other(String),
}

/// The least octets [`recognise`] needs to know every format that is read, where the input has them.
pub(crate) const HEAD_LEN: usize = pcap::FILE_HEADER_LEN;

/// Tells what an input that begins with `head` is.
pub(crate) fn recognise(head: &[u8]) -> Recognised {
    if head.is_empty() {
        return Recognised::Other("the file is empty".to_owned());
    }
    let walker = if pcap::Walker::recognises(head) {
        pcap::Walker::new(head).map(Walker::Pcap).map_err(at_the_start)
    } else if head.starts_with(&pcapng::SECTION_HEADER) {
        Ok(Walker::Pcapng(pcapng::Walker::new()))
    } else if snoop::Walker::recognises(head) {
        snoop::Walker::new(head).map(Walker::Snoop).map_err(at_the_start)
    } else {
        match compression(head) {
            Some(compression) => return Recognised::Compressed(compression),
            None => Err(other(head)),
        }
    };
    walker.map_or_else(Recognised::Other, Recognised::Capture)
}

/// The reason for refusing a capture whose first octets, those before any packet, are damaged.
pub(crate) fn at_the_start(reason: String) -> String {
    format!("packet 1, offset 0: {reason}")
}

fn compression(head: &[u8]) -> Option<Compression> {
    match *head {
        [0x1f, 0x8b, 0x08, ..] => Some(Compression::Gzip),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Compression::Lz4),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        // A frame, or a skippable frame, with which parallel compressors begin.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// Beginnings of formats that are known, but not read.
const NOT_READ: &[(&[u8], &str)] = &[
    (b"RTSS", "a Network Monitor 1 capture"),
    (b"GMBU", "a Network Monitor 2 capture"),
    (b"TRSNIFF data    \x1a", "an NG Sniffer (DOS) capture"),
    (b"XCP\0", "a NetXray or Sniffer (Windows) capture"),
    (b"btsnoop\0", "a btsnoop (Bluetooth) capture"),
    (b"iptrace 1.0", "an AIX iptrace capture"),
    (b"iptrace 2.0", "an AIX iptrace capture"),
    (b"ObserverPktBufferVersion=", "a Network Instruments Observer capture"),
    (b"\x7fver", "a Peek tagged capture"),
    (b"\x05VNF", "a Visual Networks capture"),
    (b"\xaa\xaa\xaa\xaa", "an Accellent 5Views capture"),
    (b"\x1c\x00\x01\xac", "an Ixia capture"),
    (b"\xac\x01\x00\x1c", "an Ixia capture"),
    (b"\x00\x00\x02\x00\x12\x05\x00\x10", "a Tektronix K12 capture"),
    (b"+---------+-------", "a K12 text capture"),
    (b"\x54\x52\x00\x64\x00", "an HP-UX nettl trace"),
    (b"COMMUNICATIONS TRACE", "an iSeries communications trace"),
    (b"LPKSHHRH", "a systemd journal"),
    (b"__CURSOR=", "a systemd journal export"),
    (b"__REALTIME_TIMESTAMP=", "a systemd journal export"),
    (b"\x02!L\x18", "an LZ4 file of the legacy format; `lz4 -d` unpacks it"),
    (b"BZh", "a bzip2 file; `bunzip2` unpacks it"),
    (b"\x1f\x9d", "a compress (.Z) file; `uncompress` unpacks it"),
    (b"PK\x03\x04", "a zip archive; `unzip` unpacks it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "an ELF program or library"),
    (b"MZ", "a Windows program or library"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\xff\xfe", "a UTF-16 text file"),
    (b"\xfe\xff", "a UTF-16 text file"),
    (b"<?xml", "an XML file"),
    (b"<!DOCTYPE", "an HTML or XML file"),
];

/// Why an input that is neither capture nor compressed is not read.
fn other(head: &[u8]) -> String {
    let known = NOT_READ.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, what)| what);
    if let Some(what) = known {
        return format!("{what}, which is not read; pcap, pcapng and snoop are");
    }
    if is_text(head) {
        return "a text file, no capture".to_owned();
    }
    if is_erf(head) {
        return "likely an ERF (Endace) capture, which is not read; pcap, pcapng and snoop are".to_owned();
    }
    let begin = &head[..head.len().min(8)];
    let begin = begin.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ");
    format!("no capture of a known format; it begins with {begin}")
}

/// ERF has no magic number: a little-endian time stamp of 1990 to 2100, a known record type, and lengths that agree.
fn is_erf(head: &[u8]) -> bool {
    let Some(&[_, _, _, _, s, e, c, o, kind, _, r, l, _, _, w, n]) = head.first_chunk() else {
        return false;
    };
    let seconds = u32::from_le_bytes([s, e, c, o]);
    let record = u16::from_be_bytes([r, l]);
    let wire = u16::from_be_bytes([w, n]);
    (631_152_000..4_102_444_800).contains(&seconds)
        && matches!(kind & 0x7f, 1..=48)
        && (18..=wire.saturating_add(64)).contains(&record)
}

fn is_text(head: &[u8]) -> bool {
    let text = head.utf8_chunks().next().is_some_and(|chunk| chunk.valid().len() + 3 >= head.len());
    text && head.iter().all(|&octet| octet >= b' ' || matches!(octet, b'\t' | b'\n' | b'\r' | 0x0c))
}
