//! From the paths a user names to the capture files meant.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Error, file};

/// The capture files meant by some paths.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// In the order given; those of a directory sorted by name, directory by directory.
    pub files: Vec<PathBuf>,
    /// Regular files in directories that were left out because they are no captures.
    pub skipped: u64,
}

/// Replaces directories by the captures in them and keeps all other paths, `-` included, as they are.
///
/// In a directory only regular files (and links to them) that begin as a capture, compressed or not, are taken;
/// links to directories are not followed.
///
/// # Errors
/// [`Error::NotACapture`] for a directory without `recursive` and for one without any capture; [`Error::Io`]
/// where a directory or a file in it cannot be read.
pub fn expand(paths: &[PathBuf], recursive: bool) -> Result<Inputs, Error> {
    let mut inputs = Inputs::default();
    for path in paths {
        if !path.is_dir() {
            inputs.files.push(path.clone());
            continue;
        }
        if !recursive {
            return Err(file::directory(path));
        }
        let before = inputs.files.len();
        descend(path, &mut inputs)?;
        if inputs.files.len() == before {
            let reason = "there is no capture in this directory".to_owned();
            return Err(Error::NotACapture { file: path.clone(), reason });
        }
    }
    Ok(inputs)
}

fn descend(directory: &Path, inputs: &mut Inputs) -> Result<(), Error> {
    let error = |file: &Path, cause| Error::Io { file: file.to_owned(), cause };
    let entries = fs::read_dir(directory).map_err(|cause| error(directory, cause))?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(|cause| error(directory, cause))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(|cause| error(&path, cause))?;
        if kind.is_dir() {
            descend(&path, inputs)?;
        } else if path.is_file() {
            // Opening reads no more than the beginning.
            match file::open(&path) {
                // What this build cannot unpack is said when its turn comes.
                Ok(_) | Err(Error::NotBuilt { .. }) => inputs.files.push(path),
                Err(Error::NotACapture { .. }) => inputs.skipped += 1,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PCAP_HEADER: &[u8] = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0";

    #[test]
    fn takes_captures_of_directories_sorted_and_counts_the_rest() {
        let root = std::env::temp_dir().join(format!("portolan-expand-{}", std::process::id()));
        fs::create_dir_all(root.join("b/empty")).unwrap();
        for (name, content) in [
            ("z.pcap", PCAP_HEADER),
            ("a", PCAP_HEADER),
            ("b/x.bin", PCAP_HEADER),
            ("b/notes.pcap", b"text"),
            ("none", b""),
        ] {
            fs::write(root.join(name), content).unwrap();
        }
        let dash = PathBuf::from("-");
        let inputs = expand(&[dash.clone(), root.clone()], true).unwrap();
        let expected = Inputs {
            files: vec![dash, root.join("a"), root.join("b/x.bin"), root.join("z.pcap")],
            skipped: 2,
        };
        let flat = expand(std::slice::from_ref(&root), false).unwrap_err().to_string();
        let nothing = expand(&[root.join("b/empty")], true).unwrap_err().to_string();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(inputs, expected);
        assert!(flat.contains("--recursive"), "{flat}");
        assert!(nothing.contains("no capture"), "{nothing}");
    }
}
