//! The octets of a file, decompressed where they are compressed.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::savefile::Walker;
use crate::savefile::{Compression, HEAD_LEN, Recognised, recognise};

/// Compressions in each other that are undone.
const NESTING_LIMIT: usize = 2;
/// Memory an xz stream may ask for, in octets: `xz -9` needs 65 MiB. (zstd stops at 128 MiB by itself.)
const XZ_MEMORY_LIMIT: u64 = 256 << 20;
/// Octets read at a time for a decompressor.
const COMPRESSED_READ: usize = 128 << 10;

/// The octets of an input after decompression, from the first on.
pub(super) struct Input {
    /// Octets already read to recognise the format, and how many of them were handed out.
    head: Vec<u8>,
    head_at: usize,
    rest: Rest,
}

enum Rest {
    Plain(Counted),
    Compressed(Box<dyn Read + Send>),
}

/// An input and what it is.
pub(super) struct Opened {
    pub(super) input: Input,
    pub(super) walker: Walker,
    /// The outermost compression.
    pub(super) compression: Option<Compression>,
}

/// Why an input was not opened.
pub(super) enum Refused {
    Io(io::Error),
    NotACapture(String),
}

/// Recognises and unwraps `file`, from where it stands.
pub(super) fn unwrap(file: Counted) -> Result<Opened, Refused> {
    let mut rest = Rest::Plain(file);
    let mut outermost = None;
    for depth in 0..=NESTING_LIMIT {
        let head = read_head(&mut rest).map_err(|cause| refused(cause, outermost))?;
        match recognise(&head) {
            Recognised::Capture(walker) => {
                let input = Input { head, head_at: 0, rest };
                return Ok(Opened { input, walker, compression: outermost });
            }
            Recognised::Compressed(_) if depth == NESTING_LIMIT => break,
            Recognised::Compressed(compression) => {
                outermost = outermost.or(Some(compression));
                let source = Input { head, head_at: 0, rest };
                rest = Rest::Compressed(decompressor(compression, source).map_err(Refused::Io)?);
            }
            Recognised::Other(reason) => {
                return Err(Refused::NotACapture(match outermost {
                    Some(compression) => format!("inside {compression}: {reason}"),
                    None => reason,
                }));
            }
        }
    }
    Err(Refused::NotACapture(format!("compressed more than {NESTING_LIMIT} times")))
}

/// An error of the system is its own; one of a decompressor means that there is no capture inside.
fn refused(cause: io::Error, compression: Option<Compression>) -> Refused {
    match compression {
        Some(compression) if cause.raw_os_error().is_none() => {
            Refused::NotACapture(format!("inside {compression}: {cause}"))
        }
        _ => Refused::Io(cause),
    }
}

fn read_head(rest: &mut Rest) -> io::Result<Vec<u8>> {
    let mut head = vec![0; 4096];
    let mut filled = 0;
    // No more than needed: a pipe may show its file header long before the first packet.
    while filled < HEAD_LEN {
        match rest.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok(head)
}

fn decompressor(compression: Compression, source: Input) -> io::Result<Box<dyn Read + Send>> {
    let buffered = BufReader::with_capacity(COMPRESSED_READ, source);
    Ok(match compression {
        Compression::Gzip => Box::new(Full::new(flate2::bufread::MultiGzDecoder::new(buffered))),
        Compression::Zstd => Box::new(Full::new(zstd::stream::read::Decoder::with_buffer(buffered)?)),
        Compression::Lz4 => Box::new(Full::new(Lz4::new(buffered))),
        Compression::Xz => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_LIMIT, liblzma::stream::CONCATENATED)?;
            Box::new(Full::new(liblzma::bufread::XzDecoder::new_stream(buffered, stream)))
        }
    })
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.head_at < self.head.len() {
            let count = self.head[self.head_at..].as_ref().read(buffer)?;
            self.head_at += count;
            return Ok(count);
        }
        self.rest.read(buffer)
    }
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Compressed(reader) => reader.read(buffer),
        }
    }
}

/// A file that counts the octets read from it.
pub(super) struct Counted {
    file: Arc<File>,
    count: Arc<AtomicU64>,
}

impl Counted {
    pub(super) fn new(file: Arc<File>, count: Arc<AtomicU64>) -> Self {
        Self { file, count }
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&*self.file).read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Fills the whole buffer where the inner reader gives a little at a time, so that batches are large.
///
/// An error after some octets waits for the next call.
struct Full<R> {
    inner: R,
    error: Option<io::Error>,
}

impl<R: Read> Full<R> {
    fn new(inner: R) -> Self {
        Self { inner, error: None }
    }
}

impl<R: Read> Read for Full<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let mut filled = 0;
        while filled < buffer.len() {
            match self.inner.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if filled == 0 => return Err(error),
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        Ok(filled)
    }
}

/// LZ4 frames one after the other, and an error where the last one is cut: the decoder itself takes the end of
/// the input between two blocks for the end of the frame.
struct Lz4<R: Read> {
    decoder: lz4_flex::frame::FrameDecoder<LastOctets<R>>,
}

impl<R: Read> Lz4<R> {
    fn new(inner: R) -> Self {
        let inner = LastOctets { inner, last: [0; 8] };
        Self { decoder: lz4_flex::frame::FrameDecoder::new(inner) }
    }
}

impl<R: Read> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.decoder.read(buffer)? {
            0 => {}
            count => return Ok(count),
        }
        // The end of a frame or of the input; after a frame another may follow.
        match self.decoder.read(buffer)? {
            0 => {}
            count => return Ok(count),
        }
        // A frame ends with four zero octets, and four of checksum if it has one.
        let last = self.decoder.get_ref().last;
        if last[..4] == [0; 4] || last[4..] == [0; 4] {
            return Ok(0);
        }
        Err(io::Error::new(ErrorKind::UnexpectedEof, "the lz4 frame is cut short"))
    }
}

/// Remembers the last eight octets read.
struct LastOctets<R> {
    inner: R,
    last: [u8; 8],
}

impl<R: Read> Read for LastOctets<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let fresh = &buffer[..count];
        if let Some(last) = fresh.last_chunk() {
            self.last = *last;
        } else {
            self.last.rotate_left(count);
            self.last[8 - count..].copy_from_slice(fresh);
        }
        Ok(count)
    }
}

/// A stretch of a file by positioned reads, so that several can be read at once.
pub(super) struct Positioned {
    file: Arc<File>,
    next: u64,
    end: u64,
}

impl Positioned {
    /// From `start` on; reads past `end` are small, they only complete the last record.
    pub(super) fn new(file: Arc<File>, start: u64, end: u64) -> Self {
        Self { file, next: start, end }
    }
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const PAST_END: u64 = 64 << 10;
        let most = if self.next < self.end { self.end - self.next } else { PAST_END };
        let most = buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let count = read_at(&self.file, &mut buffer[..most], self.next)?;
        self.next += count as u64;
        Ok(count)
    }
}

/// Reads at an offset without moving the file's own position.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_at(file, buffer, offset)
    }
    #[cfg(windows)]
    {
        std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
    }
}
