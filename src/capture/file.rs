//! Capture files and standard input as a [`Source`].

#[cfg(unix)]
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::{
    fs::File,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::{
    Error, Source,
    filler::Filler,
    input::{self, Counted, Input, Positioned, Refused},
};
use crate::packet::{Batch, Interface};
use crate::savefile::{Compression, FileFormat, Walker};

/// Opens a capture file; `-` is standard input.
///
/// Format and compression are recognised by content.
///
/// # Errors
/// [`Error::Io`] where the file cannot be opened or read, [`Error::NotACapture`] where it is none that is read,
/// [`Error::NotBuilt`] where it is compressed and this build lacks the feature `compression`.
///
/// ```no_run
/// use portolan::{capture::{self, Source as _}, packet::Batch};
///
/// let mut source = capture::open("office.pcapng")?;
/// let mut batch = Batch::new();
/// while source.fill(&mut batch)? {
///     for frame in batch.frames() {
///         println!("{}: {} octets", frame.number, frame.original_len);
///     }
/// }
/// # Ok::<(), capture::Error>(())
/// ```
pub fn open(path: impl AsRef<Path>) -> Result<FileSource, Error> {
    open_within(path, &Limits::default())
}

/// What ends the reading of a file before its own end.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Set by anyone: a pipe whose writer is silent, or not there yet, ends then, after what it has delivered.
    pub stop: Arc<AtomicBool>,
    /// Octets that a compressed file may have when it is unpacked. By default it may have any number as long as they
    /// are not more than 1 GiB and 10,000 times those it is packed in, as in no capture of packets that differ.
    pub unpacked: Option<u64>,
    /// Only the records that begin in this range of octets, of which the begin must be that of a record, as [`pieces`] finds
    /// them, or 0. They are read as the file begins: with its byte order, and the interfaces of its first 256 KiB. Frames are
    /// numbered from 1.
    pub piece: Option<Range<u64>>,
}

impl Limits {
    /// Why a compressed file is read no further, having so many octets unpacked of so many packed.
    fn refuses(&self, unpacked: u64, packed: u64) -> Option<String> {
        const SMALL: u64 = 1 << 30;
        const RATIO: u64 = 10_000;
        let reason = match self.unpacked {
            Some(most) if unpacked > most => format!("more than the {most} octets allowed"),
            None if unpacked > SMALL && unpacked / RATIO > packed => {
                format!("more than {RATIO} times as many; --max-unpacked allows a number of octets")
            }
            _ => return None,
        };
        Some(format!("{unpacked} octets were unpacked of {packed}, {reason}"))
    }
}

/// Opens a capture file as [`open`] does, to be read within limits.
///
/// # Errors
/// As [`open`].
pub fn open_within(path: impl AsRef<Path>, limits: &Limits) -> Result<FileSource, Error> {
    let path = path.as_ref();
    let error = |cause| Error::Io { file: path.to_owned(), cause };
    let is_standard_input = path == Path::new("-");
    let file = if is_standard_input { duplicate_stdin() } else { open_at_once(path) }.map_err(error)?;
    let metadata = file.metadata().map_err(error)?;
    if metadata.is_dir() {
        return Err(directory(path));
    }
    let stop = (!metadata.is_file()).then(|| Arc::clone(&limits.stop));
    let size = (metadata.is_file() && !is_standard_input).then_some(metadata.len());
    let source = FileSource::new(file, path, size, (stop, limits.clone()))?;
    match &limits.piece {
        Some(piece) => source.only(piece),
        None => Ok(source),
    }
}

/// Ranges of a file whose records are a piece each, in order: each but the last of about so many octets. One of all, where it
/// cannot be read in pieces: compressed files, and formats without a search for record boundaries.
///
/// Where a piece begins is a guess, as octets of a frame can look like records: it was right if the piece before it
/// [ends there](Reached). If not, it begins where that one ended.
///
/// # Errors
/// As [`open`], and [`Error::Damaged`] where the first batch is damaged.
pub fn pieces(path: impl AsRef<Path>, octets: u64) -> Result<Vec<Range<u64>>, Error> {
    let mut source = open(path)?;
    let Some(stretches) = source.stretches() else { return Ok(std::iter::once(0..u64::MAX).collect()) };
    source.fill(&mut Batch::new())?;
    let (state, octets) = (source.state(), octets.max(1));
    let (mut all, mut begin, mut from) = (Vec::new(), 0, octets);
    while from < stretches.len() {
        if let Some(end) = stretches.boundary(&state, from)?.filter(|&end| end > begin) {
            all.push(begin..end);
            begin = end;
        }
        from = from.max(begin) + octets;
    }
    all.push(begin..stretches.len());
    Ok(all)
}

/// Where the reading of a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Offset in the (decompressed) input of the first octet that was not read: where the next piece begins.
    pub offset: u64,
    /// Whether what follows is read as the file begins: no section or interface came behind its first 256 KiB. Where it is not,
    /// the file cannot be read in pieces.
    pub is_alike: bool,
}

/// Opens a file without waiting for the writer of a named pipe.
fn open_at_once(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    if path.metadata()?.file_type().is_fifo() {
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        return File::options().read(true).custom_flags(flags).open(path);
    }
    File::open(path)
}

/// The error for a directory where a file is expected.
pub(super) fn directory(path: &Path) -> Error {
    let reason = "a directory, no capture; --recursive reads the captures in it".to_owned();
    Error::NotACapture { file: path.to_owned(), reason }
}

/// Reads a capture from standard input; in errors its file is `-`.
///
/// # Errors
/// As [`open`].
pub fn stdin() -> Result<FileSource, Error> {
    open("-")
}

/// A descriptor of its own: `io::Stdin` would copy everything through another buffer.
#[cfg(unix)]
fn duplicate_stdin() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn duplicate_stdin() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    io::stdin().as_handle().try_clone_to_owned().map(File::from)
}

/// A capture file, standard input or a named pipe.
///
/// Bounds: a record holds at most 262,144 captured octets (D-Bus and USB 128 MiB, EBHSCR 8 MiB), a pcapng block
/// 128 MiB and 128 KiB, a section 65,536 interfaces; decompression works in constant memory, and ends at [`Limits`].
pub struct FileSource {
    filler: Filler<Input>,
    file: Arc<File>,
    path: PathBuf,
    /// The format, where it is read as pcapng.
    translated: Option<FileFormat>,
    compression: Option<Compression>,
    size: Option<u64>,
    consumed: Arc<AtomicU64>,
    /// Ends what may have to wait.
    stop: Option<Arc<AtomicBool>>,
    limits: Limits,
    /// Whether a limit was met.
    is_over: bool,
    /// Of a piece: where it begins, and what is known of the file by then.
    piece: Option<(u64, Walker)>,
}

impl FileSource {
    fn new(
        file: File,
        path: &Path,
        size: Option<u64>,
        (stop, limits): (Option<Arc<AtomicBool>>, Limits),
    ) -> Result<Self, Error> {
        let file = Arc::new(file);
        let consumed = Arc::new(AtomicU64::new(0));
        let counted = Counted::new(Arc::clone(&file), Arc::clone(&consumed), stop.clone());
        let opened = input::unwrap(counted).map_err(|refused| match refused {
            Refused::Io(cause) => Error::Io { file: path.to_owned(), cause },
            Refused::NotACapture(reason) => Error::NotACapture { file: path.to_owned(), reason },
            #[cfg(not(feature = "compression"))]
            Refused::Compressed(compression) => Error::NotBuilt {
                what: format!("{}: compressed with {compression}", path.display()),
                feature: "compression",
            },
        })?;
        let input::Opened { input, walker, translated, compression } = opened;
        let filler = Filler::new(input, path, walker, 0, u64::MAX, 1);
        let path = path.to_owned();
        let (is_over, piece) = (false, None);
        Ok(Self { filler, file, path, translated, compression, size, consumed, stop, limits, is_over, piece })
    }

    /// The same file, of which only a piece is read.
    fn only(mut self, piece: &Range<u64>) -> Result<Self, Error> {
        if self.stretches().is_none() {
            let reason = "compressed, a pipe or of a format whose records cannot be found from its middle: it is read whole";
            return Err(Error::NotACapture { file: self.path, reason: reason.to_owned() });
        }
        let fresh = self.filler.walker().clone();
        // What is damaged there is told when it is read.
        let _ = self.filler.fill(&mut Batch::new());
        let known = self.filler.walker().clone();
        let walker = if piece.start == 0 { fresh } else { known.clone() };
        let reader = Input::of(Positioned::new(Arc::clone(&self.file), piece.start, piece.end));
        self.filler = Filler::new(reader, &self.path, walker, piece.start, piece.end, 1);
        self.size = self.size.map(|size| size.min(piece.end).saturating_sub(piece.start));
        self.piece = Some((piece.start, known));
        Ok(self)
    }

    /// Where reading ended so far.
    pub fn reached(&self) -> Reached {
        let walker = self.filler.walker();
        let is_alike = self.piece.as_ref().is_none_or(|(_, known)| walker == known);
        Reached { offset: self.filler.position(), is_alike }
    }

    /// Has blocks of pcapng that tell nothing of packets consumed piece by piece where they are large, so that they are
    /// never held: for who does not copy them.
    pub fn pass_large_blocks(&mut self) {
        self.filler.pass_large_blocks();
        if let Some((_, known)) = &mut self.piece {
            known.pass_large_blocks();
        }
    }

    /// Reads so many octets at a time, for who works on many packets at once.
    pub(crate) fn set_batch_len(&mut self, octets: usize) {
        self.filler.set_batch_len(octets);
    }

    /// Notes that a limit was met, and what to say of it.
    #[cold]
    fn refuse(&mut self, reason: String) -> Error {
        self.is_over = true;
        let (packet, offset) = (self.filler.number(), self.filler.position());
        Error::Damaged { file: self.path.clone(), packet, offset, reason }
    }

    /// The file's path; `-` for standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The capture format, inside any compression.
    pub fn format(&self) -> FileFormat {
        self.translated.unwrap_or_else(|| self.filler.walker().format())
    }

    /// Whether the numbers of the format are big-endian: in a pcapng file, those of the section at hand; `false` where the
    /// format has one byte order only.
    pub fn is_big_endian(&self) -> bool {
        self.filler.walker().sections().big_endian
    }

    /// The compression; the outer one of two.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Octets of the file as it lies on disk, or of the piece; `None` for standard input and pipes, which are read once.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// What must be remembered to go on reading at [`FileSource::position`].
    pub fn state(&self) -> State {
        State(self.filler.walker().clone())
    }

    /// Offset in the (decompressed) input of the first octet not yet delivered.
    pub fn position(&self) -> u64 {
        self.filler.position()
    }

    /// A handle for reading stretches of the file on several threads; `None` where that is impossible: compressed
    /// files, pieces, pipes, and formats without a search for record boundaries (snoop, and those that are turned into pcapng).
    pub fn stretches(&self) -> Option<Stretches> {
        let len = self.size.filter(|_| self.piece.is_none())?;
        let searchable =
            self.compression.is_none() && self.translated.is_none() && self.format() != FileFormat::Snoop;
        searchable.then(|| Stretches {
            file: Arc::clone(&self.file),
            path: self.path.clone(),
            len,
            consumed: Arc::clone(&self.consumed),
        })
    }
}

impl Source for FileSource {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        if self.is_over {
            batch.begin(self.filler.number(), self.filler.position());
            return Ok(false);
        }
        if self.compression.is_some()
            && let Some(reason) = self.limits.refuses(self.filler.position(), self.consumed())
        {
            batch.begin(self.filler.number(), self.filler.position());
            return Err(self.refuse(reason));
        }
        match self.filler.fill(batch) {
            // Where it was told to stop, a record that is not whole is no damage.
            Err(_) if self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) => Ok(false),
            filled => filled,
        }
    }

    fn interfaces(&self) -> &[Interface] {
        self.filler.walker().interfaces()
    }

    fn consumed(&self) -> u64 {
        match &self.piece {
            Some((begin, _)) => self.filler.position() - begin,
            None => self.consumed.load(Ordering::Relaxed),
        }
    }
}

/// What a reader must remember between two stretches of a file: byte order, interfaces and their clocks.
///
/// Two are equal if whatever follows is read alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(Walker);

/// A file of which several stretches can be read at once.
#[derive(Clone, Debug)]
pub struct Stretches {
    file: Arc<File>,
    path: PathBuf,
    len: u64,
    /// Octets read of all stretches.
    consumed: Arc<AtomicU64>,
}

impl Stretches {
    /// Octets of the file when it was opened.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file was empty when it was opened; never true of a capture.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first plausible record boundary at or after `from`, within the next mebibyte.
    ///
    /// It is a guess: octets of a frame can look like records. It was right if the stretch before it ends there
    /// ([`Stretch::position`]) with an equal [`Stretch::state`].
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn boundary(&self, state: &State, from: u64) -> Result<Option<u64>, Error> {
        const WINDOW: usize = 1 << 20;
        let mut window = vec![0; WINDOW];
        let mut filled = 0;
        while filled < WINDOW {
            let count = input::read_at(&self.file, &mut window[filled..], from + filled as u64)
                .map_err(|cause| Error::Io { file: self.path.clone(), cause })?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        Ok(state.0.resync(&window[..filled]).map(|offset| from + offset as u64))
    }

    /// Reads the records that begin in `range`, of which `range.start` must be a boundary (or 0, with the state of a
    /// file just opened); the last one may reach past `range.end`. Frames are numbered from `first_number`.
    pub fn stretch(&self, state: State, range: Range<u64>, first_number: u64) -> Stretch {
        let reader = Positioned::new(Arc::clone(&self.file), range.start, range.end);
        let filler = Filler::new(reader, &self.path, state.0, range.start, range.end, first_number);
        Stretch { filler, consumed: Arc::clone(&self.consumed) }
    }
}

/// A stretch of a capture file as a [`Source`].
pub struct Stretch {
    filler: Filler<Positioned>,
    /// Shared with all stretches of the file.
    consumed: Arc<AtomicU64>,
}

impl Stretch {
    /// Offset in the file of the first octet not yet delivered: at the end, where the next stretch must begin.
    pub fn position(&self) -> u64 {
        self.filler.position()
    }

    /// What must be remembered to go on reading at [`Stretch::position`].
    pub fn state(&self) -> State {
        State(self.filler.walker().clone())
    }
}

impl Source for Stretch {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        let filled = self.filler.fill(batch);
        self.consumed.fetch_add(batch.octets().len() as u64, Ordering::Relaxed);
        filled
    }

    fn interfaces(&self) -> &[Interface] {
        self.filler.walker().interfaces()
    }

    fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_without_end_is_refused() {
        const GIB: u64 = 1 << 30;
        let limits = Limits::default();
        assert_eq!(limits.refuses(GIB, 1), None);
        assert_eq!(limits.refuses(10 * GIB, 10 * GIB / 10_000), None);
        let reason = limits.refuses(10 * GIB, 109).unwrap();
        assert!(
            reason.starts_with("10737418240 octets were unpacked of 109, more than 10000 times"),
            "{reason}"
        );
        // Who says how many decides.
        let limits = Limits { unpacked: Some(500), ..limits };
        assert_eq!(limits.refuses(500, 1), None);
        assert_eq!(
            limits.refuses(501, 500).unwrap(),
            "501 octets were unpacked of 500, more than the 500 octets allowed"
        );
        assert_eq!(Limits { unpacked: Some(GIB << 10), ..limits }.refuses(10 * GIB, 109), None);
    }
}
