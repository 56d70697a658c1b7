//! Blocks as they lie in a file, read without the code under test.

/// A block: its octets and byte order, found without the code under test.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    pub(super) octets: Vec<u8>,
    pub(super) big: bool,
}

impl Block {
    fn u32(&self, at: usize) -> u32 {
        let word = self.octets[at..at + 4].try_into().unwrap();
        if self.big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }

    fn u16(&self, at: usize) -> usize {
        let half = self.octets[at..at + 2].try_into().unwrap();
        usize::from(if self.big { u16::from_be_bytes(half) } else { u16::from_le_bytes(half) })
    }

    pub(super) fn kind(&self) -> u32 {
        self.u32(0)
    }

    /// Where the options begin of the blocks that portolan may change.
    fn options_at(&self) -> Option<usize> {
        let at = match self.kind() {
            0x0a0d_0d0a => 24,
            2 | 6 => 28 + (self.u32(20) as usize).div_ceil(4) * 4,
            4 => {
                let mut at = 8;
                while self.u16(at) != 0 {
                    at += 4 + self.u16(at + 2).div_ceil(4) * 4;
                }
                at + 4
            }
            _ => return None,
        };
        (at < self.octets.len() - 4).then_some(at)
    }

    /// Place, code and value of each option; `None` where they run over the block.
    pub(super) fn options(&self) -> Option<Vec<(usize, usize, Vec<u8>)>> {
        let (mut at, end) = (self.options_at()?, self.octets.len() - 4);
        let mut all = Vec::new();
        while at < end && self.u16(at) != 0 {
            let len = self.u16(at + 2);
            if at + 4 + len.div_ceil(4) * 4 > end {
                return None;
            }
            all.push((at, self.u16(at), self.octets[at + 4..at + 4 + len].to_vec()));
            at += 4 + len.div_ceil(4) * 4;
        }
        Some(all)
    }

    pub(super) fn ours(&self) -> Vec<String> {
        let options = self.options().unwrap_or_default();
        let ours =
            options.into_iter().filter(|(_, code, value)| *code == 1 && value.starts_with(b"portolan: "));
        ours.map(|(_, _, value)| String::from_utf8(value).unwrap()).collect()
    }

    /// The block without our comments, and without end-of-options where nothing else is left.
    fn bare(&self) -> Vec<u8> {
        let mut out = self.octets.clone();
        for (at, code, value) in self.options().unwrap_or_default().into_iter().rev() {
            if code == 1 && value.starts_with(b"portolan: ") {
                out.drain(at..at + 4 + value.len().div_ceil(4) * 4);
            }
        }
        if let Some(at) = self.options_at()
            && out[at..out.len() - 4] == [0; 4]
        {
            out.drain(at..at + 4);
        }
        if self.kind() == 0x0a0d_0d0a {
            out[16..24].fill(0xff);
        }
        // The lengths follow from the rest.
        out.drain(4..8);
        out.truncate(out.len() - 4);
        out
    }
}

pub(super) fn blocks(octets: &[u8]) -> Vec<Block> {
    let (mut at, mut big, mut all) = (0, false, Vec::new());
    while at < octets.len() {
        if octets[at..at + 4] == [0x0a, 0x0d, 0x0d, 0x0a] {
            big = octets[at + 8] == 0x1a;
        }
        let head = Block { octets: octets[at..at + 8].to_vec(), big };
        let len = (head.u32(4) as usize).div_ceil(4) * 4;
        let block = Block { octets: octets[at..at + len].to_vec(), big };
        assert_eq!(block.u32(4), block.u32(len - 4), "at {at}");
        all.push(block);
        at += len;
    }
    all
}

/// Checks that `annotated` is `original` with nothing but what portolan may add. Returns the comments of packets.
pub(super) fn assert_lossless(original: &[u8], annotated: &[u8], what: &str) -> Vec<String> {
    let (before, after) = (blocks(original), blocks(annotated));
    let mut comments = Vec::new();
    let mut rest = before.iter();
    for block in &after {
        if block.kind() == 4 && !block.ours().is_empty() {
            continue;
        }
        let was = rest.next().unwrap_or_else(|| panic!("{what}: a block more"));
        assert_eq!(block.big, was.big, "{what}");
        if matches!(block.kind(), 2 | 6 | 0x0a0d_0d0a) {
            assert_eq!(block.bare(), was.bare(), "{what}");
            assert!(block.ours().len() <= 1, "{what}");
            if block.kind() != 0x0a0d_0d0a {
                comments.extend(block.ours());
            } else if was.octets.len() == 28 || was.options().is_some() {
                assert!(block.ours()[0].starts_with("portolan: annotated by portolan "), "{what}");
            }
        } else {
            assert_eq!(block, was, "{what}");
        }
    }
    assert_eq!(rest.next(), None, "{what}: a block is lost");
    comments
}

/// How many blocks hold a packet.
pub(super) fn packets(octets: &[u8]) -> usize {
    blocks(octets).iter().filter(|block| matches!(block.kind(), 2 | 3 | 6)).count()
}

/// The blocks that hold no packet, begin no section, and are not ours.
pub(super) fn others(octets: &[u8]) -> Vec<Block> {
    let mut all = blocks(octets);
    all.retain(|block| !matches!(block.kind(), 2 | 3 | 6) && block.ours().is_empty());
    all.retain(|block| block.kind() != 0x0a0d_0d0a);
    all
}
