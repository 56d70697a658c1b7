//! Writing pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), both little-endian.

use std::io::{self, Write};

/// The container of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Classic pcap with microseconds, as tcpdump writes it.
    Pcap,
    /// pcapng with nanoseconds and one interface, as dumpcap writes it.
    Pcapng,
}

/// Writes a capture with one interface.
pub(super) struct Container<'a> {
    format: Format,
    snap_len: u32,
    buffer: Vec<u8>,
    out: &'a mut dyn Write,
}

/// Octets gathered before they are written.
const GATHERED: usize = 1 << 20;

const ETHERNET: u32 = 1;

impl<'a> Container<'a> {
    pub(super) fn new(format: Format, snap_len: u32, out: &'a mut dyn Write) -> Self {
        Self::of_link(format, snap_len, ETHERNET, out)
    }

    /// With an interface of another link type.
    pub(super) fn of_link(format: Format, snap_len: u32, link: u32, out: &'a mut dyn Write) -> Self {
        let mut buffer = Vec::with_capacity(GATHERED + (1 << 12));
        match format {
            Format::Pcap => {
                let fields = [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, snap_len, link];
                buffer.extend(fields.into_iter().flat_map(u32::to_le_bytes));
            }
            Format::Pcapng => {
                // Section Header Block: byte order, version 1.0, section length unknown.
                let section = [0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28];
                // Interface Description Block with if_name (2) "eth0" and if_tsresol (9) of nanoseconds.
                let name = u32::from_le_bytes(*b"eth0");
                let interface = [1, 40, link, snap_len, 4 << 16 | 2, name, 1 << 16 | 9, 9, 0, 40];
                buffer.extend(section.into_iter().chain(interface).flat_map(u32::to_le_bytes));
            }
        }
        Self { format, snap_len, buffer, out }
    }

    /// Appends a frame seen at `time`, in nanoseconds since the epoch.
    pub(super) fn frame(&mut self, time: u64, octets: &[u8]) -> io::Result<()> {
        let original = octets.len() as u32;
        let captured = original.min(self.snap_len);
        let octets = &octets[..captured as usize];
        record(self.format, time, (captured, original), &mut self.buffer);
        self.buffer.extend_from_slice(octets);
        if self.format == Format::Pcapng {
            let padding = octets.len().next_multiple_of(4) - octets.len();
            self.buffer.extend_from_slice(&[0; 4][..padding]);
            self.buffer.extend_from_slice(&block_len(captured).to_le_bytes());
        }
        if self.buffer.len() >= GATHERED {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.out.flush()
    }
}

/// What stands before the octets of a frame: a pcap record header, or the fixed fields of an Enhanced Packet Block.
pub(super) fn record(format: Format, time: u64, lens: (u32, u32), out: &mut Vec<u8>) {
    let (captured, original) = lens;
    match format {
        Format::Pcap => {
            let (seconds, nanos) = (time / 1_000_000_000, time % 1_000_000_000);
            let fields = [seconds as u32, nanos as u32 / 1_000, captured, original];
            out.extend_from_slice(fields.map(u32::to_le_bytes).as_flattened());
        }
        Format::Pcapng => {
            let len = block_len(captured);
            let fields = [6, len, 0, (time >> 32) as u32, time as u32, captured, original];
            out.extend_from_slice(fields.map(u32::to_le_bytes).as_flattened());
        }
    }
}

/// The length of an Enhanced Packet Block without options.
pub(super) const fn block_len(captured: u32) -> u32 {
    28 + captured.next_multiple_of(4) + 4
}
