//! Octets written out as they come.

use std::io;

use super::Sink;

/// Octets of memory that a part keeps for the next.
const LARGE: usize = 4 << 20;

/// Writes octets to a file, a pipe or memory.
///
/// ```
/// use portolan::sink::{Sink, Writer};
///
/// let mut out = Vec::new();
/// let mut writer = Writer::new(&mut out);
/// let mut part = b"a line\n".to_vec();
/// writer.take(&mut part)?;
/// assert!(part.is_empty());
/// writer.finish()?;
/// assert_eq!(out, b"a line\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    at_once: bool,
}

impl<W: io::Write> Writer<W> {
    /// Writes to `out`; parts are large, so that it needs no buffer of its own.
    pub fn new(out: W) -> Self {
        Self { out, at_once: false }
    }

    /// Whether to write each packet out at once where only the past is known.
    pub fn at_once(self, at_once: bool) -> Self {
        Self { at_once, ..self }
    }
}

impl<W: io::Write> Sink<Vec<u8>> for Writer<W> {
    fn take(&mut self, part: &mut Vec<u8>) -> io::Result<()> {
        self.out.write_all(part)?;
        part.clear();
        // What a large record needed, the next one rarely does.
        part.shrink_to(LARGE);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn is_at_once(&self) -> bool {
        self.at_once
    }
}
