//! What a file is, by its first octets.

use std::fmt;

use crate::savefile::{
    pcap, pcapng, snoop,
    translate::{Translator, netmon::NetMon},
    walk::Walker,
};

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
    /// Microsoft Network Monitor, versions 1 and 2.
    NetMon,
    /// NetXray and Sniffer for Windows.
    NetXray,
    /// btsnoop: a Bluetooth HCI log.
    Btsnoop,
    /// BlueZ's hcidump.
    Hcidump,
    /// What pppd's option `record` writes.
    Pppdump,
    /// The Extensible Record Format of Endace.
    Erf,
}

impl FileFormat {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Pcap,
        Self::PcapNanoseconds,
        Self::PcapModified,
        Self::Pcapng,
        Self::Snoop,
        Self::NetMon,
        Self::NetXray,
        Self::Btsnoop,
        Self::Hcidump,
        Self::Pppdump,
        Self::Erf,
    ];

    /// Whether batches hold pcapng blocks that were made of the file's records, and not the file's own octets.
    pub fn is_translated(self) -> bool {
        matches!(
            self,
            Self::NetMon | Self::NetXray | Self::Btsnoop | Self::Hcidump | Self::Pppdump | Self::Erf
        )
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcap => "pcap",
            Self::PcapNanoseconds => "pcap (nanoseconds)",
            Self::PcapModified => "pcap (modified)",
            Self::Pcapng => "pcapng",
            Self::Snoop => "snoop",
            Self::NetMon => "Network Monitor",
            Self::NetXray => "NetXray",
            Self::Btsnoop => "btsnoop",
            Self::Hcidump => "hcidump",
            Self::Pppdump => "pppdump",
            Self::Erf => "ERF",
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

impl Compression {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Lz4, Self::Xz, Self::Zstd];
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
    /// Its records become pcapng, one after the other.
    Translated(Translator),
    /// The same, where a table says in which order.
    NetMon(NetMon),
    Compressed(Compression),
    /// Not read; the reason says what it is, as far as that is known.
    Other(String),
}

/// The least octets [`recognise`] needs to know pcap, pcapng, snoop and compressions, where the input has them.
pub(crate) const HEAD_LEN: usize = pcap::FILE_HEADER_LEN;
/// What is looked at of an input that these do not tell, as far as it goes.
pub(crate) const LONG_HEAD_LEN: usize = 4096;

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
    } else if let Some(compression) = compression(head) {
        return Recognised::Compressed(compression);
    } else if let Some(netmon) = NetMon::recognise(head) {
        return netmon.map_or_else(|reason| Recognised::Other(at_the_start(reason)), Recognised::NetMon);
    } else if let Some(translator) = Translator::recognise(head) {
        return translator
            .map_or_else(|reason| Recognised::Other(at_the_start(reason)), Recognised::Translated);
    } else {
        Err(other(head))
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
    (b"TRSNIFF data    \x1a", "an NG Sniffer (DOS) capture"),
    (b"iptrace 1.0", "an AIX iptrace capture"),
    (b"iptrace 2.0", "an AIX iptrace capture"),
    (b"ObserverPktBufferVersion=", "a Network Instruments Observer capture"),
    (b"\x7fver", "a Peek tagged capture"),
    (b"\x05VNF", "a Visual Networks capture"),
    (b"\xaa\xaa\xaa\xaa", "an Accellent 5Views capture"),
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

/// The formats that are read, for people.
const READ: &str = "pcap, pcapng, snoop, Network Monitor, NetXray, btsnoop, hcidump, pppdump and ERF";

/// Why an input that is neither capture nor compressed is not read.
fn other(head: &[u8]) -> String {
    let known = NOT_READ.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, what)| what);
    if let Some(what) = known {
        return format!("{what}, which is not read; {READ} are");
    }
    if is_text(head) {
        return "a text file, no capture".to_owned();
    }
    let begin = &head[..head.len().min(8)];
    let begin = begin.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ");
    format!("no capture of a known format; it begins with {begin}")
}

fn is_text(head: &[u8]) -> bool {
    let text = head.utf8_chunks().next().is_some_and(|chunk| chunk.valid().len() + 3 >= head.len());
    text && head.iter().all(|&octet| octet >= b' ' || matches!(octet, b'\t' | b'\n' | b'\r' | 0x0c))
}
