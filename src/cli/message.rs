//! The only place that writes to standard error.

use std::{fmt, io::Write};

/// Writes one line to standard error; that it cannot be written is nothing to report.
pub(crate) fn line(kind: &str, text: impl fmt::Display) {
    let mut harmless = Vec::new();
    // File names and quoted lines of damaged files may hold anything, backslashes included: these stay. A line feed is
    // escaped like other controls, or it would begin a line that looks like one of ours.
    for (position, part) in text.to_string().split('\\').enumerate() {
        if position > 0 {
            harmless.push(b'\\');
        }
        portolan::text::escape::terminal(part.as_bytes(), &mut harmless);
    }
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "portolan: {kind}{}", String::from_utf8_lossy(&harmless));
}

/// Several lines that are harmless already, such as a table, to standard error.
pub(crate) fn block(text: &[u8]) {
    let _ = std::io::stderr().lock().write_all(text);
}

/// Something went wrong.
pub(crate) fn error(text: impl fmt::Display) {
    line("", text);
}

/// Something worth knowing.
pub(crate) fn note(text: impl fmt::Display) {
    line("note: ", text);
}
