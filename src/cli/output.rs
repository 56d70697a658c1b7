//! Where results go: standard output, or a file that appears whole or not at all.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata},
    io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use portolan::{Job, pipeline::Inputs};
use tempfile::NamedTempFile;

use super::{
    End,
    args::Global,
    exit, message,
    pager::Pager,
    target::{self, Identity, Target},
};

/// The target of a run's results.
pub(crate) enum Output {
    Standard(BufWriter<io::Stdout>),
    /// Standard output on a terminal, a screen at a time.
    Paged(BufWriter<Pager>),
    File(Box<Beside>),
    Open(BufWriter<File>),
}

/// A file that is written beside its name, to be renamed when it is whole.
pub(crate) struct Beside {
    writer: BufWriter<NamedTempFile>,
    /// The name it gets in the end.
    target: PathBuf,
    /// What has that name now.
    before: Option<Metadata>,
    /// Octets that were written and flushed: whole records.
    whole: u64,
    /// Octets that came.
    taken: u64,
}

/// The file that is being written beside its name, to be removed where the run ends at once.
static BESIDE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// What ends the names of files that are not whole yet.
pub(crate) const PART: &str = ".part";

/// Octets of the buffer of an output: less than the records of most batches take, which then need no copy.
const CAPACITY: usize = 1 << 15;

/// How many octets of a file's name stand in that of its temporary, which has more to say and the same limit.
const NAME: usize = 200;

impl Output {
    /// Standard output, or this file. A file is written beside its name and renamed at the end, so that an interrupted
    /// run leaves nothing half done; links are followed to the file they lead to. `-` is standard output, and devices,
    /// pipes and what is open already are written as they are.
    pub(crate) fn new(path: Option<&Path>) -> Result<Self, End> {
        let path = path.unwrap_or(Path::new("-"));
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        Ok(match target::resolve(path).map_err(named)? {
            Target::Standard => Self::Standard(BufWriter::with_capacity(CAPACITY, io::stdout())),
            Target::Open(file) => Self::Open(BufWriter::with_capacity(CAPACITY, file)),
            Target::File(target) => Self::beside(target, true).map_err(named)?,
        })
    }

    /// The same, standard output on a terminal a screen at a time.
    fn paged(self, global: &Global) -> Self {
        match self {
            Self::Standard(_) => Pager::new(global)
                .map_or(self, |pager| Self::Paged(BufWriter::with_capacity(CAPACITY, pager))),
            other => other,
        }
    }

    /// A new file under this name, which appears there when it is whole.
    pub(crate) fn to_file(path: &Path) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        Self::beside(path.to_owned(), false).map_err(named)
    }

    fn beside(target: PathBuf, tells: bool) -> io::Result<Self> {
        let before = match File::options().write(true).open(&target) {
            // Not to be written to means not to be replaced either.
            Ok(file) => Some(file.metadata()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if tells {
            tell_leftovers(&target);
        }
        let temporary = beside(&target, before.as_ref())?;
        *BESIDE.lock().unwrap_or_else(PoisonError::into_inner) = Some(temporary.path().to_owned());
        let writer = BufWriter::with_capacity(CAPACITY, temporary);
        Ok(Self::File(Box::new(Beside { writer, target, before, whole: 0, taken: 0 })))
    }

    /// Whether this is a file that will appear whole or not at all.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// Whether this is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        use io::IsTerminal as _;
        match self {
            Self::Standard(writer) => writer.get_ref().is_terminal(),
            Self::Paged(_) => true,
            Self::Open(writer) => writer.get_ref().is_terminal(),
            Self::File(_) => false,
        }
    }

    /// Whether this will take the place of that file, whatever it is called.
    pub(crate) fn replaces(&self, file: &Path) -> bool {
        let Self::File(beside) = self else { return false };
        beside.before.as_ref().and_then(Identity::of).is_some_and(|own| Identity::at(file) == Some(own))
    }

    /// Whether what this will take the place of was written to since the run began.
    pub(crate) fn has_changed(&self) -> bool {
        let Self::File(beside) = self else { return false };
        let state = |metadata: &Metadata| (metadata.len(), metadata.modified().ok());
        let before = beside.before.as_ref().map(state);
        before.is_some() && beside.target.metadata().ok().as_ref().map(state) != before
    }

    /// Writes what is left and puts a file in its place.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        match self {
            Self::File(beside) => beside.put(),
            Self::Paged(writer) => writer.into_inner().map_err(io::IntoInnerError::into_error)?.finish(),
            _ => Ok(()),
        }
    }

    /// Writes what is left, but not to a file: what was there stays.
    pub(crate) fn abandon(mut self) -> io::Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Paged(_) => self.finish(),
            _ => self.flush(),
        }
    }

    /// After an error of the output: keeps what was written under the file's name, up to the last record that `whole`
    /// finds complete in the octets behind those that were flushed. Returns that name, or `None` where nothing can be
    /// kept.
    pub(crate) fn rescue(self, whole: impl Fn(&[u8]) -> usize) -> Option<PathBuf> {
        let Self::File(beside) = self else { return None };
        beside.rescue(whole).ok().flatten()
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Standard(writer) => writer,
            Self::Paged(writer) => writer,
            Self::File(beside) => &mut beside.writer,
            Self::Open(writer) => writer,
        }
    }
}

impl Write for Output {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = self.writer().write(octets)?;
        if let Self::File(beside) = self {
            beside.taken += count as u64;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()?;
        if let Self::File(beside) = self {
            beside.whole = beside.taken;
        }
        Ok(())
    }
}

impl Beside {
    /// Renames the file, which keeps mode and owner of the one it replaces.
    fn put(self) -> io::Result<()> {
        let temporary = self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        put(temporary, &self.target, self.before.as_ref())
    }

    fn rescue(self, whole: impl Fn(&[u8]) -> usize) -> io::Result<Option<PathBuf>> {
        let Self { writer, target, before, whole: flushed, .. } = self;
        // What is left in the buffer cannot be written.
        let (mut temporary, _) = writer.into_parts();
        let file = temporary.as_file_mut();
        file.seek(SeekFrom::Start(flushed))?;
        let mut rest = Vec::new();
        File::open(temporary.path()).and_then(|mut file| {
            file.seek(SeekFrom::Start(flushed))?;
            file.read_to_end(&mut rest)
        })?;
        let len = flushed + whole(&rest) as u64;
        if len == 0 {
            return Ok(None);
        }
        temporary.as_file().set_len(len)?;
        put(temporary, &target, before.as_ref())?;
        Ok(Some(target))
    }
}

fn put(temporary: NamedTempFile, target: &Path, before: Option<&Metadata>) -> io::Result<()> {
    if let Some(before) = before {
        let file = temporary.as_file();
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt as _, fchown};
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
                // Only root may give files away.
                let _ = fchown(file, Some(before.uid()), Some(before.gid()));
            }
        }
        file.set_permissions(before.permissions())?;
    }
    temporary.persist(target)?;
    *BESIDE.lock().unwrap_or_else(PoisonError::into_inner) = None;
    Ok(())
}

/// Removes the file that is being written beside its name: for a run that ends at once.
pub(crate) fn discard() {
    if let Some(path) = BESIDE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = fs::remove_file(path);
    }
}

/// A temporary file in the folder of the target. It is locked as long as this process lives: that tells it from one
/// that a killed run has left.
fn beside(target: &Path, before: Option<&Metadata>) -> io::Result<NamedTempFile> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let make = |path: &Path| {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
            // The mode is that of any new file, or no more than that of the one it replaces.
            options.mode(before.map_or(0o666, |before| before.permissions().mode() & 0o666));
        }
        options.open(path)
    };
    let temporary = tempfile::Builder::new()
        .prefix(&prefix(target))
        .suffix(PART)
        .make_in(folder.unwrap_or(Path::new(".")), make)?;
    // Where there are no locks, nobody looks for them.
    let _ = temporary.as_file().try_lock();
    Ok(temporary)
}

/// What the names of temporary files of a target begin with.
fn prefix(target: &Path) -> OsString {
    let name = target.file_name().unwrap_or_default();
    let mut prefix = if name.len() > NAME {
        let text = name.to_string_lossy();
        OsString::from(&text[..text.floor_char_boundary(NAME)])
    } else {
        name.to_owned()
    };
    prefix.push(".");
    prefix
}

/// Whether a name is one that temporary files of [`beside`] have: `NAME.aB3dE6.part`.
pub(crate) fn is_part(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let Some(name) = name.strip_suffix(PART.as_bytes()) else { return false };
    let Some(dot) = name.iter().rposition(|&octet| octet == b'.') else { return false };
    let random = &name[dot + 1..];
    dot > 0 && random.len() == 6 && random.iter().all(u8::is_ascii_alphanumeric)
}

/// Says what killed runs have left of the same target: it may be all there is of a live capture.
fn tell_leftovers(target: &Path) {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return };
    let prefix = prefix(target);
    for entry in entries.flatten() {
        let name = entry.file_name();
        let path = folder.join(&name);
        if name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) && is_left(&path) {
            tell_left(&path);
        }
    }
}

/// Whether a file is what a killed run has left: the name is one of ours, and nobody has it locked.
pub(crate) fn is_left(path: &Path) -> bool {
    let is_unlocked = |file: File| {
        file.metadata().is_ok_and(|metadata| metadata.is_file()) && file.try_lock_shared().is_ok()
    };
    is_part(path) && File::open(path).is_ok_and(is_unlocked)
}

/// Says that a killed run has left a file.
pub(crate) fn tell_left(path: &Path) {
    message::note(format_args!(
        "{} was left behind by a run that was killed; `mv` it to another name to keep what it holds, or remove it",
        path.display()
    ));
}

/// Columns of the terminal that tables go to; `None` where they go elsewhere and may be as wide as they are.
pub(crate) fn width(global: &Global) -> Option<u16> {
    let terminal = terminal_size::terminal_size_of(io::stdout()).filter(|_| global.output.is_none());
    terminal.map(|(width, _)| width.0)
}

/// Whether figures are rounded: for people, who look at a terminal, unless they want them exact.
pub(crate) fn rounds(global: &Global) -> bool {
    width(global).is_some() && !global.exact
}

/// Where the output of a command goes: to what `-o` names, which may be none of the files that are `read`.
pub(crate) fn open<'f>(
    global: &'f Global,
    read: impl IntoIterator<Item = &'f PathBuf>,
) -> Result<Output, End> {
    Ok(at_once(global, read)?.paged(global))
}

/// The same without pages, for what comes while it is written.
fn at_once<'f>(global: &'f Global, read: impl IntoIterator<Item = &'f PathBuf>) -> Result<Output, End> {
    refuse(global, global.registry.iter().chain(&global.hosts).chain(read))?;
    Output::new(global.output.as_deref())
}

/// Refuses `-o` with the name of a file that is read beside the inputs.
pub(crate) fn refuse<'f>(global: &Global, read: impl IntoIterator<Item = &'f PathBuf>) -> Result<(), End> {
    let target = global.output.as_deref().and_then(Identity::at);
    match read.into_iter().find(|file| target.is_some() && Identity::at(file) == target) {
        Some(file) => {
            message::error(format_args!("{} is an input: write to another file", file.display()));
            Err(End::Said(exit::USAGE))
        }
        None => Ok(()),
    }
}

/// The same for a command that reads the inputs of a job.
pub(crate) fn of_job(global: &Global, job: &Job<'_>) -> Result<Output, End> {
    match &job.inputs {
        Inputs::Files(files) if job.inputs.can_be_read_twice() => open(global, files),
        Inputs::Files(files) => at_once(global, files),
        Inputs::Live(_) => at_once(global, []),
    }
}
