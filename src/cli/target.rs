//! Where the name of an output leads: to a file, through links, or to what is open already.

use std::{
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
    process,
};

/// What a name of an output stands for.
pub(crate) enum Target {
    /// Our own standard output.
    Standard,
    /// Something that is written as it is: a device, a pipe, or a file that is open already.
    Open(File),
    /// A file, there or not, by the name that links lead to.
    File(PathBuf),
}

/// Most links that are followed one after the other, as in Linux (path_resolution(7)).
const LINKS: usize = 40;

/// Follows links, those that lead to nothing yet, too, so that none is replaced by what it leads to.
pub(crate) fn resolve(path: &Path) -> io::Result<Target> {
    if path == Path::new("-") {
        return Ok(Target::Standard);
    }
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        if let Some(open) = descriptor(&path)? {
            return Ok(open);
        }
        match path.symlink_metadata() {
            Ok(there) if there.is_symlink() => {
                let next = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(next);
            }
            Ok(there) if there.is_file() => return Ok(Target::File(path)),
            Ok(_) => return File::options().write(true).open(path).map(Target::Open),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
                return if is_folder { Err(error) } else { Ok(Target::File(path)) };
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many links behind each other"))
}

/// What is open under a name like `/proc/self/fd/1`. Such a name looks like a link to a file; but who gives it
/// means what was opened, with the place that has been written up to, not another file of that name.
fn descriptor(path: &Path) -> io::Result<Option<Target>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(None);
    };
    let Ok(number) = name.parse::<u32>() else { return Ok(None) };
    let Ok(folder) = folder.canonicalize() else { return Ok(None) };
    let is_ours = folder.starts_with(format!("/proc/{}", process::id())) || folder == Path::new("/dev/fd");
    let is_table = folder.ends_with("fd") && (folder.starts_with("/proc") || folder == Path::new("/dev/fd"));
    match number {
        _ if !is_table => Ok(None),
        1 if is_ours => Ok(Some(Target::Standard)),
        // Opened anew a file begins at its start: what is there already stays.
        _ => Ok(Some(Target::Open(File::options().append(true).open(path)?))),
    }
}

/// What tells that two names stand for the same file: hard links, links and spellings of a path do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    #[cfg(unix)]
    file: (u64, u64),
    #[cfg(not(unix))]
    file: Option<std::time::SystemTime>,
}

impl Identity {
    /// That of a regular file; nothing else can be read again or replaced.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        #[cfg(unix)]
        let file = {
            use std::os::unix::fs::MetadataExt as _;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let file = metadata.created().ok();
        metadata.is_file().then_some(Self { file })
    }

    /// That of the file with this name, if there is one.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        Self::of(&path.metadata().ok()?)
    }

    /// That of the file which standard input comes from.
    #[cfg(unix)]
    pub(crate) fn of_standard_input() -> Option<Self> {
        of_open(io::stdin())
    }

    /// That of the file which standard output goes to.
    #[cfg(unix)]
    pub(crate) fn of_standard_output() -> Option<Self> {
        of_open(io::stdout())
    }

    #[cfg(not(unix))]
    pub(crate) fn of_standard_input() -> Option<Self> {
        None
    }

    #[cfg(not(unix))]
    pub(crate) fn of_standard_output() -> Option<Self> {
        None
    }
}

#[cfg(unix)]
fn of_open(open: impl std::os::fd::AsFd) -> Option<Identity> {
    let file = File::from(open.as_fd().try_clone_to_owned().ok()?);
    Identity::of(&file.metadata().ok()?)
}
