//! From the paths a user names to the capture files meant.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Error, file};

/// The capture files meant by some paths.
#[derive(Debug, Default)]
pub struct Inputs {
    /// In the order given; those of a directory sorted by name, directory by directory.
    pub files: Vec<PathBuf>,
    /// Regular files in directories that were left out because they are no captures.
    pub skipped: u64,
    /// What is wrong with directories and files in them; the others are there all the same.
    pub errors: Vec<Error>,
}

/// Replaces directories by the captures in them and keeps all other paths, `-` included, as they are.
///
/// In a directory only regular files (and links to them) that begin as a capture, compressed or not, are taken, and none
/// that `leave` names; links to directories are not followed.
///
/// What cannot be read is told in [`Inputs::errors`]: [`Error::NotACapture`] for a directory without `recursive` and for
/// one without any capture, [`Error::Io`] for a directory or a file in it that cannot be read.
pub fn expand(paths: &[PathBuf], recursive: bool, leave: &dyn Fn(&Path) -> bool) -> Inputs {
    let mut inputs = Inputs::default();
    for path in paths {
        if !path.is_dir() {
            inputs.files.push(path.clone());
            continue;
        }
        if !recursive {
            inputs.errors.push(file::directory(path));
            continue;
        }
        let before = (inputs.files.len(), inputs.errors.len());
        descend(path, leave, &mut inputs);
        if (inputs.files.len(), inputs.errors.len()) == before {
            let reason = "there is no capture in this directory".to_owned();
            inputs.errors.push(Error::NotACapture { file: path.clone(), reason });
        }
    }
    inputs
}

fn descend(directory: &Path, leave: &dyn Fn(&Path) -> bool, inputs: &mut Inputs) {
    let error = |file: &Path, cause| Error::Io { file: file.to_owned(), cause };
    let entries = match fs::read_dir(directory).and_then(|entries| entries.collect::<Result<Vec<_>, _>>()) {
        Ok(entries) => entries,
        Err(cause) => return inputs.errors.push(error(directory, cause)),
    };
    let mut entries: Vec<_> =
        entries.into_iter().map(|entry| (entry.file_name(), entry.file_type(), entry.path())).collect();
    entries.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    for (_, kind, path) in entries {
        match kind {
            Ok(kind) if kind.is_dir() => descend(&path, leave, inputs),
            Ok(_) if path.is_file() && !leave(&path) => {
                // Opening reads no more than the beginning.
                match file::open(&path) {
                    // What this build cannot unpack is said when its turn comes.
                    Ok(_) | Err(Error::NotBuilt { .. }) => inputs.files.push(path),
                    Err(Error::NotACapture { .. }) => inputs.skipped += 1,
                    Err(error) => inputs.errors.push(error),
                }
            }
            Ok(_) => {}
            Err(cause) => inputs.errors.push(error(&path, cause)),
        }
    }
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
            ("own.pcap", PCAP_HEADER),
            ("none", b""),
        ] {
            fs::write(root.join(name), content).unwrap();
        }
        let dash = PathBuf::from("-");
        let leave = |path: &Path| path.ends_with("own.pcap");
        let inputs = expand(&[dash.clone(), root.clone()], true, &leave);
        let error = |path: &Path, recursive| {
            let inputs = expand(&[path.to_owned()], recursive, &leave);
            assert_eq!((inputs.files.len(), inputs.errors.len()), (0, 1));
            inputs.errors[0].to_string()
        };
        let (flat, nothing) = (error(&root, false), error(&root.join("b/empty"), true));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(inputs.files, [dash, root.join("a"), root.join("b/x.bin"), root.join("z.pcap")]);
        assert_eq!((inputs.skipped, inputs.errors.len()), (2, 0));
        assert!(flat.contains("--recursive"), "{flat}");
        assert!(nothing.contains("no capture"), "{nothing}");
    }
}
