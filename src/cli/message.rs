//! The only place that writes to standard error.

use std::{
    fmt,
    io::Write,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Whether the line at hand on standard error is a status.
static HAS_STATUS: AtomicBool = AtomicBool::new(false);

/// What is to be said when the terminal is free again, while another program has it.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// From here on, keeps what is said until [`release`].
pub(crate) fn hold() {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
}

/// Says what was kept.
pub(crate) fn release() {
    if let Some(text) = HELD.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = std::io::stderr().write_all(&text);
    }
}

/// Writes whole lines to standard error, or keeps them; that they cannot be written is nothing to report.
fn put(text: &[u8]) {
    match &mut *HELD.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(held) => held.extend_from_slice(text),
        None => {
            let mut stderr = std::io::stderr().lock();
            let _ = stderr.write_all(clear().as_bytes()).and_then(|()| stderr.write_all(text));
        }
    }
}

/// What takes the line at hand away on a terminal.
const CLEAR: &str = "\r\x1b[K";

/// Shows a line on a terminal that the next one takes the place of.
pub(crate) fn status(text: impl fmt::Display) {
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{CLEAR}portolan: {text}");
    HAS_STATUS.store(true, Ordering::Relaxed);
}

/// What to write before a line.
fn clear() -> &'static str {
    if HAS_STATUS.swap(false, Ordering::Relaxed) { CLEAR } else { "" }
}

/// Writes one line to standard error.
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
    put(format!("portolan: {kind}{}\n", String::from_utf8_lossy(&harmless)).as_bytes());
}

/// Several lines that are harmless already, such as a table, to standard error.
pub(crate) fn block(text: &[u8]) {
    put(text);
}

/// Something went wrong.
pub(crate) fn error(text: impl fmt::Display) {
    line("", text);
}

/// Something worth knowing.
pub(crate) fn note(text: impl fmt::Display) {
    line("note: ", text);
}
