//! Where results go: standard output, or a file that appears whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::End;

/// The target of a run's results.
pub(crate) enum Output {
    Standard(BufWriter<io::Stdout>),
    File { writer: BufWriter<File>, temporary: PathBuf, target: PathBuf },
    Device(BufWriter<File>),
}

impl Output {
    /// Standard output, or this file. A file is written beside its name and renamed at the end, so that an interrupted
    /// run leaves nothing half done; `-` is standard output, and devices and pipes are written as they are.
    pub(crate) fn new(path: Option<&Path>) -> Result<Self, End> {
        let capacity = 1 << 16;
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Standard(BufWriter::with_capacity(capacity, io::stdout())));
        };
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let file = File::options().write(true).open(path).map_err(named)?;
            return Ok(Self::Device(BufWriter::with_capacity(capacity, file)));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create_new(&temporary).map_err(named)?;
        let writer = BufWriter::with_capacity(capacity, file);
        Ok(Self::File { writer, temporary, target: path.to_owned() })
    }

    /// Whether this is a file that will appear whole or not at all.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// Whether this will take the place of that file.
    pub(crate) fn replaces(&self, file: &Path) -> bool {
        let Self::File { target, .. } = self else { return false };
        fs::canonicalize(target).is_ok_and(|target| fs::canonicalize(file).is_ok_and(|file| file == target))
    }

    /// Writes what is left and puts a file in its place.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if let Self::File { temporary, target, .. } = &mut self {
            fs::rename(&*temporary, &*target)?;
            *temporary = PathBuf::new();
        }
        Ok(())
    }

    /// Writes what is left, but not to a file: what was there stays.
    pub(crate) fn abandon(mut self) -> io::Result<()> {
        if self.is_file() { Ok(()) } else { self.flush() }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Standard(writer) => writer,
            Self::File { writer, .. } | Self::Device(writer) => writer,
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Self::File { temporary, .. } = self
            && !temporary.as_os_str().is_empty()
        {
            let _ = fs::remove_file(temporary);
        }
    }
}

impl Write for Output {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.writer().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

/// Columns of the terminal that tables go to; `None` where they go elsewhere and may be as wide as they are.
pub(crate) fn width() -> Option<u16> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0)
}
