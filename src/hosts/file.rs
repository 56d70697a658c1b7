//! Names of hosts that the user gives: files in the form of hosts(5).

use std::{
    error, fmt, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use crate::text::file::bounded;

/// Octets of such a file at most; lists of what is to be blocked, which are the largest, have 10 MB.
const MOST: u64 = 32 << 20;

/// Names by address, in the order of the lines.
#[derive(Clone, Debug, Default)]
pub struct HostsFile {
    pub(super) names: Vec<(IpAddr, String)>,
}

/// Why a file of host names cannot be used.
#[derive(Debug)]
pub enum FileError {
    /// The file cannot be read.
    Io(PathBuf, io::Error),
    /// A line, counted from 1, is malformed.
    Malformed(PathBuf, usize, String),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(file, cause) => write!(f, "{}: {cause}", file.display()),
            Self::Malformed(file, line, reason) => write!(f, "{}:{line}: {reason}", file.display()),
        }
    }
}

impl error::Error for FileError {}

impl HostsFile {
    /// Reads a file: on each line an address and its names, the first of which is shown; `#` begins a comment.
    ///
    /// # Errors
    /// Where the file cannot be read, and at the first line that is not of that form.
    pub fn read(file: &Path) -> Result<Self, FileError> {
        let failed = |cause| FileError::Io(file.to_owned(), cause);
        let text = String::from_utf8(bounded(file, MOST).map_err(failed)?);
        let text =
            text.map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error.utf8_error())))?;
        Self::parse(&text).map_err(|(line, reason)| FileError::Malformed(file.to_owned(), line, reason))
    }

    /// Reads the text of such a file; an error tells line and reason.
    ///
    /// # Errors
    /// Where a line is not of that form.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut all = Self::default();
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(first) = words.next() else { continue };
            // The scope of a link-local address says nothing in a capture.
            let text = first.split('%').next().unwrap_or_default();
            let address = text.parse().map_err(|_| (number, format!("`{first}` is no address")))?;
            let name = words.next().ok_or_else(|| (number, format!("no name behind `{first}`")))?;
            let is_name = |name: &str| name.len() <= 255 && !name.contains(|c: char| c.is_control());
            if let Some(bad) = std::iter::once(name).chain(words).find(|name| !is_name(name)) {
                return Err((number, format!("`{}` is no name of a host", bad.escape_debug())));
            }
            all.names.push((address, name.to_owned()));
        }
        Ok(all)
    }

    /// Adds a file that was given later: where both name an address, the later one wins.
    pub fn add(&mut self, later: Self) {
        self.names.extend(later.names);
    }
}
