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
    FileSource::new(file, path, size, (stop, limits.clone()))
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
        Ok(Self { filler, file, path, translated, compression, size, consumed, stop, limits, is_over: false })
    }

    /// Has blocks of pcapng that tell nothing of packets consumed piece by piece where they are large, so that they are
    /// never held: for who does not copy them.
    pub fn pass_large_blocks(&mut self) {
        self.filler.pass_large_blocks();
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

    /// Octets of the file as it lies on disk; `None` for standard input and pipes, which are read once.
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
    /// files, pipes, and formats without a search for record boundaries (snoop, and those that are turned into pcapng).
    pub fn stretches(&self) -> Option<Stretches> {
        let len = self.size?;
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
        self.consumed.load(Ordering::Relaxed)
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
