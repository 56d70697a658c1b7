//! What is wrong with an expression, and where.

use std::{error, fmt, ops::Range};

use crate::text::escape;

/// What is wrong with an expression, and where; with what would be right, where that can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    text: String,
    at: Range<usize>,
    what: String,
    hints: Vec<String>,
}

impl Fault {
    /// Something is wrong at these octets of a text.
    pub(super) fn new(text: &str, at: Range<usize>, what: impl Into<String>) -> Self {
        Self { text: text.to_owned(), at, what: what.into(), hints: Vec::new() }
    }

    /// The same with a remark that may help.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What is wrong, in one sentence.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The expression, and a line of carets below what is wrong in it; made harmless for a terminal.
    pub fn shown(&self) -> [String; 2] {
        let harmless = |text: &str| {
            let mut octets = Vec::new();
            for (place, part) in text.split('\\').enumerate() {
                octets.extend_from_slice(if place == 0 { b"" } else { b"\\" });
                escape::terminal(part.as_bytes(), &mut octets);
            }
            String::from_utf8_lossy(&octets).into_owned()
        };
        let width = |range: Range<usize>| harmless(self.text.get(range).unwrap_or_default()).chars().count();
        let (before, below) = (width(0..self.at.start), width(self.at.clone()).max(1));
        [harmless(&self.text), " ".repeat(before) + &"^".repeat(below)]
    }

    /// What may help: the nearest name, and which there are.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [text, carets] = self.shown();
        write!(f, "{}\n  {text}\n  {carets}", self.what)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\n{hint}"))
    }
}

impl error::Error for Fault {}
