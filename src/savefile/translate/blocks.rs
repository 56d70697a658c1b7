//! The pcapng blocks that other formats are turned into (draft-ietf-opsawg-pcapng, section 4), little-endian.

/// `if_tsresol` of tenths of a second.
pub(super) const TENTHS: u8 = 1;
/// `if_tsresol` of milliseconds.
pub(super) const MILLISECONDS: u8 = 3;
/// `if_tsresol` of microseconds.
pub(super) const MICROSECONDS: u8 = 6;
/// `if_tsresol` of 100 nanoseconds.
pub(super) const TENTHS_OF_MICROSECONDS: u8 = 7;
/// `if_tsresol` of nanoseconds.
pub(super) const NANOSECONDS: u8 = 9;

/// Seconds from the beginning of the year 0 to that of 1970.
pub(super) const YEAR_0: i64 = 62_167_219_200;

/// Blocks that wait to be read. An interface is described before its first packet.
#[derive(Debug)]
pub(crate) struct Blocks {
    octets: Vec<u8>,
    /// How many of the octets were handed out.
    read: usize,
    /// What the interfaces are: link type, and seconds that their clock is behind.
    interfaces: Vec<(u16, i64)>,
    resolution: u8,
}

impl Blocks {
    /// The beginning of a capture whose times count in units of this `if_tsresol`.
    pub(crate) fn new(resolution: u8) -> Self {
        let mut blocks = Self { octets: Vec::new(), read: 0, interfaces: Vec::new(), resolution };
        let mut body = Vec::from(0x1a2b_3c4d_u32.to_le_bytes());
        body.extend([1, 0, 0, 0]);
        // The section's length: not specified.
        body.extend([0xff; 8]);
        blocks.block(0x0a0d_0d0a, &[&body]);
        blocks
    }

    /// Hands out octets; 0 where none wait.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let waiting = &self.octets[self.read..];
        let count = waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&waiting[..count]);
        self.read += count;
        if self.read == self.octets.len() {
            self.octets.clear();
            self.read = 0;
        }
        count
    }

    /// Octets that wait.
    pub(crate) fn len(&self) -> usize {
        self.octets.len() - self.read
    }

    /// A frame whose octets are `parts` joined; `ticks` since 1970.
    pub(super) fn packet(&mut self, link: u16, ticks: i128, original: u32, parts: &[&[u8]]) {
        // Times before 1970 are those of a clock that is behind.
        let behind = if ticks < 0 { YEAR_0 } else { 0 };
        let per_second = 10_i128.pow(u32::from(self.resolution & 0x7f));
        let ticks = ticks + if behind == 0 { 0 } else { i128::from(behind) * per_second };
        let ticks = u64::try_from(ticks.max(0)).unwrap_or(u64::MAX);
        let index = self.interfaces.iter().position(|&known| known == (link, behind)).unwrap_or_else(|| {
            self.interface(link, behind);
            self.interfaces.len() - 1
        });
        let captured: usize = parts.iter().map(|part| part.len()).sum();
        let fixed = [index as u32, (ticks >> 32) as u32, ticks as u32, captured as u32, original];
        let fixed = fixed.map(u32::to_le_bytes);
        let padding = &[0; 3][..captured.next_multiple_of(4) - captured];
        let all = [&[fixed.as_flattened()][..], parts, &[padding]].concat();
        self.block(6, &all);
    }

    fn interface(&mut self, link: u16, behind: i64) {
        self.interfaces.push((link, behind));
        let mut body = Vec::from(link.to_le_bytes());
        // Nothing of the snap length is known.
        body.extend([0; 6]);
        // if_tsresol, if_tsoffset, the end of the options.
        body.extend([9, 0, 1, 0, self.resolution, 0, 0, 0]);
        if behind != 0 {
            body.extend([14, 0, 8, 0]);
            body.extend((-behind).to_le_bytes());
        }
        body.extend([0; 4]);
        self.block(1, &[&body]);
    }

    fn block(&mut self, kind: u32, parts: &[&[u8]]) {
        let length = 12 + parts.iter().map(|part| part.len()).sum::<usize>();
        let length = (length as u32).to_le_bytes();
        self.octets.extend(kind.to_le_bytes());
        self.octets.extend(length);
        parts.iter().for_each(|part| self.octets.extend_from_slice(part));
        self.octets.extend(length);
    }
}
