//! Decompression while reading: gzip, lz4, xz and zstd (feature `compression`).

use std::io::{self, BufReader, ErrorKind, Read};

use super::input::{Input, Refused};
use crate::savefile::Compression;

/// Memory an xz stream may ask for, in octets: `xz -9` needs 65 MiB. (zstd stops at 128 MiB by itself.)
const XZ_MEMORY_LIMIT: u64 = 256 << 20;
/// Octets read at a time for a decompressor.
const COMPRESSED_READ: usize = 128 << 10;

/// The octets of `source` after one decompression.
pub(super) fn decompressor(compression: Compression, source: Input) -> Result<Box<dyn Read + Send>, Refused> {
    let buffered = BufReader::with_capacity(COMPRESSED_READ, source);
    Ok(match compression {
        Compression::Gzip => Box::new(Full::new(flate2::bufread::MultiGzDecoder::new(buffered))),
        Compression::Zstd => Box::new(Full::new(zstd::stream::read::Decoder::with_buffer(buffered)?)),
        Compression::Lz4 => Box::new(Full::new(Lz4::new(buffered))),
        Compression::Xz => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_LIMIT, liblzma::stream::CONCATENATED)
                    .map_err(io::Error::from)?;
            Box::new(Full::new(liblzma::bufread::XzDecoder::new_stream(buffered, stream)))
        }
    })
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
