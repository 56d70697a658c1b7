//! The imported registry in the user's data directory.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::Registry;
use super::import::{self, Error};

/// Fewer rows than this are no copy of IANA's registry.
const MIN_ROWS: usize = 10_000;

/// Where an imported registry is kept: `portolan/registry.csv` in `XDG_DATA_HOME` or `~/.local/share`
/// (XDG Base Directory Specification). Absent where neither is known.
pub fn stored_file() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data =
        absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("portolan").join("registry.csv"))
}

impl Registry {
    /// The registry in use: the imported one where there is one, else the built-in one.
    ///
    /// A stored file that cannot be used is told beside the built-in registry, to be shown as a warning.
    pub fn current() -> (Self, Option<Error>) {
        let Some(file) = stored_file().filter(|file| file.exists()) else {
            return (Self::built_in(), None);
        };
        if !file.is_file() {
            // One that nobody writes to would be waited for.
            let reason = "no regular file".to_owned();
            return (Self::built_in(), Some(Error::Unsuited { file, reason }));
        }
        match Self::read(&file) {
            Ok(registry) => (registry, None),
            Err(error) => (Self::built_in(), Some(error)),
        }
    }

    /// Reads a registry and keeps it in `target` for every later run. The target is written whole or not at all.
    ///
    /// # Errors
    /// [`Error`], where the file is no whole registry or the target cannot be written.
    pub fn import(file: &Path, target: &Path) -> Result<Self, Error> {
        let registry = Self::read(file)?;
        if registry.len() < MIN_ROWS {
            let reason = format!(
                "{} rows are no copy of IANA's registry; use the file as a layer over it with --registry",
                registry.len()
            );
            return Err(Error::Unsuited { file: file.to_owned(), reason });
        }
        let io = |cause| Error::Io { file: target.to_owned(), cause };
        let mut octets = Vec::new();
        registry.write_csv(&mut octets).map_err(io)?;
        let folder = target.parent().unwrap_or_else(|| Path::new("."));
        fs::create_dir_all(folder).map_err(io)?;
        write_whole(folder, target, &octets).map_err(io)?;
        // What is stored must be readable: better to find out now than in the next run.
        import::read(target)?;
        Ok(registry)
    }
}

fn write_whole(folder: &Path, target: &Path, octets: &[u8]) -> io::Result<()> {
    let mut temporary = tempfile::Builder::new();
    temporary.prefix(".registry.");
    // Others may read it as they may any file; left to itself, tempfile lets nobody.
    #[cfg(unix)]
    temporary.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = temporary.tempfile_in(folder)?;
    file.write_all(octets)?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("portolan-store-{}-{name}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    #[test]
    fn an_export_is_imported_to_the_same_registry() {
        let folder = folder("same");
        let (exported, stored) = (folder.join("export.csv"), folder.join("data/portolan/registry.csv"));
        let built_in = Registry::built_in();
        let mut out = Vec::new();
        built_in.write_csv(&mut out).expect("written");
        fs::write(&exported, out).expect("a file");
        Registry::import(&exported, &stored).expect("a whole registry");
        let read = Registry::read(&stored).expect("what was stored");
        assert_eq!((read.len(), read.updated()), (built_in.len(), built_in.updated()));
        assert!(built_in.rows().map(|row| row.cells()).eq(read.rows().map(|row| row.cells())));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As the system's mask has it for any file: that of the export beside it.
            let mode = |file: &Path| fs::metadata(file).expect("a file").permissions().mode();
            assert_eq!(mode(&stored), mode(&exported));
        }
        // Nothing but the file itself is left.
        assert_eq!(fs::read_dir(stored.parent().expect("a folder")).expect("read").count(), 1);
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn what_is_no_whole_registry_is_not_stored() {
        let folder = folder("part");
        let (part, stored) = (folder.join("part.csv"), folder.join("registry.csv"));
        fs::write(&part, "Service Name,Port Number,Transport Protocol,Description\na,1,tcp,x\n")
            .expect("a file");
        let error = Registry::import(&part, &stored).expect_err("too small").to_string();
        assert!(error.contains("1 rows are no copy of IANA's registry"), "{error}");
        fs::write(&part, "PNG \u{1} nothing of the kind").expect("a file");
        let error = Registry::import(&part, &stored).expect_err("something else").to_string();
        assert!(error.contains("neither IANA's CSV, XML or text"), "{error}");
        assert!(!stored.exists());
        fs::remove_dir_all(folder).expect("removed");
    }
}
