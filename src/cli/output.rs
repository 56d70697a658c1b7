//! Where results go: standard output, or a file that appears whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::End;

/// The target of a run's results.
pub(crate) enum Output {
    Standard(BufWriter<io::Stdout>),
    File { writer: BufWriter<NamedTempFile>, target: PathBuf },
    Device(BufWriter<File>),
}

impl Output {
    /// Standard output, or this file. A file is written beside its name and renamed at the end, so that an interrupted
    /// run leaves nothing half done; `-` is standard output, and devices and pipes are written as they are.
    pub(crate) fn new(path: Option<&Path>) -> Result<Self, End> {
        // Less than the records of most batches take, which then need no copy.
        let capacity = 1 << 15;
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Standard(BufWriter::with_capacity(capacity, io::stdout())));
        };
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let file = File::options().write(true).open(path).map_err(named)?;
            return Ok(Self::Device(BufWriter::with_capacity(capacity, file)));
        }
        let mut prefix = path.file_name().unwrap_or_default().to_owned();
        prefix.push(".");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // The mode is that of any new file, not the private one of a temporary.
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            .make_in(folder.unwrap_or(Path::new(".")), |temporary| File::create_new(temporary))
            .map_err(named)?;
        let writer = BufWriter::with_capacity(capacity, temporary);
        Ok(Self::File { writer, target: path.to_owned() })
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
        if let Self::File { writer, target } = self {
            let temporary = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
            temporary.persist(target)?;
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
            Self::File { writer, .. } => writer,
            Self::Device(writer) => writer,
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
