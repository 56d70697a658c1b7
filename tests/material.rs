//! Test material that is not part of the project: real captures and IANA's own registry files.

use std::path::{Path, PathBuf};

/// The folder `shared/NAME` beside the project, or `None` with a printed reason.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    if path.exists() {
        return Some(path);
    }
    #[allow(clippy::print_stderr, reason = "the reason of a skip belongs in the test log")]
    {
        eprintln!("skipped: no test material at {}", path.display());
    }
    None
}

/// A capture or file of the project's own `samples/`.
pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}
