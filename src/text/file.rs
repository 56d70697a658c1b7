//! Files that the user names, read whole in bounds.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// All of a file that the user names, which may be a pipe or a device that does not tell its size.
///
/// # Errors
/// It cannot be read; or it has more octets than `most`, which is [`io::ErrorKind::FileTooLarge`].
pub(crate) fn bounded(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(file)?.take(most + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {most} octets")));
    }
    Ok(octets)
}
