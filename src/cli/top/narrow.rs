//! What is typed after `/`: which rows of a topic are shown.

use std::sync::Arc;

use portolan::{
    report::top::{Row, Topic},
    select::{Predicate, Trees},
};

/// Which rows are shown: those for which an expression holds, those that hold all of some words, or all.
#[derive(Debug, Default)]
enum Filter {
    #[default]
    All,
    Words(Vec<String>),
    Where(Box<Predicate<Trees>>),
}

/// What was typed for a topic, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Narrowed {
    pub(super) text: String,
    filter: Filter,
    /// What is wrong with the text: until that is mended, the rows stay as they were.
    pub(super) fault: Option<Wrong>,
}

/// What is wrong with a text.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    pub(super) what: String,
    /// The text, harmless on a terminal, and carets below what is wrong in it.
    pub(super) shown: [String; 2],
}

impl Narrowed {
    /// Takes what is typed by now.
    pub(super) fn read(&mut self, topic: Topic) {
        self.fault = None;
        if self.text.trim().is_empty() {
            self.filter = Filter::All;
            return;
        }
        match topic.predicate(&self.text) {
            Ok(predicate) => self.filter = Filter::Where(Box::new(predicate)),
            Err(_) if is_words(&self.text) => {
                let words = self.text.to_lowercase();
                self.filter = Filter::Words(words.split_whitespace().map(str::to_owned).collect());
            }
            Err(fault) => {
                let hints = fault.hints().first().map(|hint| format!("; {hint}")).unwrap_or_default();
                self.fault = Some(Wrong { what: format!("{}{hints}", fault.what()), shown: fault.shown() });
            }
        }
    }

    /// Shows all rows.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The rows that are shown.
    pub(super) fn of<'r>(&self, rows: &'r [Arc<Row>]) -> Vec<&'r Row> {
        let all = rows.iter().map(|row| &**row);
        match &self.filter {
            Filter::All => all.collect(),
            Filter::Words(words) => all.filter(|row| words.iter().all(|word| row.contains(word))).collect(),
            Filter::Where(predicate) => {
                let mut predicate = predicate.clone();
                all.filter(|row| predicate.holds(&row.tree())).collect()
            }
        }
    }
}

/// Whether a text is no expression but words: it has no sign of one in it.
fn is_words(text: &str) -> bool {
    !text.contains(['=', '<', '>', '!', '(', ')', '{', '}', '"', '\''])
        && !text
            .split_whitespace()
            .any(|word| ["in", "contains", "matches", "and", "or", "not"].contains(&word))
}
