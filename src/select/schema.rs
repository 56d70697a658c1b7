//! The fields that a kind of record has, and how they are found by what a user calls them.

use std::{fmt, net::IpAddr, ops::Range};

use super::fault::Fault;
use crate::{
    record::Each,
    text::field::{Field, Type},
};

/// A kind of record.
pub trait Subject: fmt::Debug + 'static {
    /// A record.
    type Row<'r>;
    /// How a field of it is read.
    type Get: Clone + fmt::Debug + Send + Sync;

    /// What fields may depend on alone that many records share: see [`Subject::shared`].
    type Shared: Copy + fmt::Debug + PartialEq + Send;

    /// Fields that are numbers or addresses, at most one in a record, and read without asking what they are.
    type Quick: Copy + fmt::Debug + Send + Sync;

    /// The field of this path, if it is one of these.
    fn quick(_path: &str) -> Option<Self::Quick> {
        None
    }

    /// The number of a quick field: of times, ns since the epoch. Nothing where it is absent, or no number.
    fn number(_quick: Self::Quick, _row: &Self::Row<'_>) -> Option<u64> {
        None
    }

    /// The address of a quick field. Nothing where it is absent, or no address.
    fn address(_quick: Self::Quick, _row: &Self::Row<'_>) -> Option<IpAddr> {
        None
    }

    /// What a record shares with others, and a small number of it; none where it shares nothing.
    fn shared(_row: &Self::Row<'_>) -> Option<(usize, Self::Shared)> {
        None
    }

    /// Whether a field is the same for all records that share the same.
    fn is_shared(_get: &Self::Get) -> bool {
        false
    }

    /// Gives the values of a field to `put`: no call means that it is absent, several are a list.
    fn read(get: &Self::Get, row: &Self::Row<'_>, put: &mut Each<'_>);
}

/// One field.
#[derive(Debug)]
pub struct Entry<S: Subject> {
    /// Where it stands in JSON: keys joined by dots.
    pub path: String,
    /// What each of its values is.
    pub kind: Type,
    /// Unit of a number; empty where it has none.
    pub unit: &'static str,
    /// How it is read.
    pub get: S::Get,
}

/// All fields of a kind of record.
#[derive(Debug)]
pub struct Schema<S: Subject> {
    pub(super) entries: Vec<Entry<S>>,
    /// Short names for sorting, with the paths that they stand for.
    short: &'static [(&'static str, &'static str)],
}

/// What stands for the fields of either side, and those that it may stand for, in this order.
const EITHER: [(&str, [&str; 3]); 3] = [
    ("ip", ["source.ip", "destination.ip", "addresses"]),
    ("port", ["source.port", "destination.port", ""]),
    ("mac", ["source.mac", "destination.mac", "macs"]),
];

/// How near a name must be to be meant, from 0 to 1.
const NEAR: f64 = 0.7;

impl<S: Subject> Schema<S> {
    /// The fields of a table.
    pub fn of(fields: &'static [Field<S::Get>]) -> Self
    where
        S::Get: Copy,
    {
        let entry = |field: &'static Field<S::Get>| Entry {
            path: field.path.to_owned(),
            kind: field.kind,
            unit: field.unit,
            get: field.get,
        };
        Self::new(fields.iter().map(entry).collect())
    }

    pub(super) fn new(entries: Vec<Entry<S>>) -> Self {
        Self { entries, short: &[] }
    }

    /// The same, where sorting knows fields by short names, too.
    #[must_use]
    pub fn short(self, short: &'static [(&'static str, &'static str)]) -> Self {
        Self { short, ..self }
    }

    /// The fields in their order.
    pub fn entries(&self) -> &[Entry<S>] {
        &self.entries
    }

    /// The field of this path, or of the column that is named by it.
    fn exact(&self, path: &str) -> Option<&Entry<S>> {
        let same = |entry: &&Entry<S>| {
            entry.path == path || entry.path.len() == path.len() && entry.path.replace('.', "_") == path
        };
        self.entries.iter().find(same)
    }

    /// The fields that a path means: one, those of either side, or all below it.
    pub(super) fn find(&self, path: &str) -> Found<'_, S> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.path == path) {
            return Found::Fields(vec![entry]);
        }
        if let Some((_, sides)) = EITHER.iter().find(|(word, _)| *word == path) {
            let sides: Vec<_> = sides
                .iter()
                .filter_map(|side| self.entries.iter().find(|entry| entry.path == *side))
                .collect();
            if !sides.is_empty() {
                return Found::Fields(sides);
            }
        }
        let below =
            |entry: &&Entry<S>| entry.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        match self.entries.iter().filter(below).collect::<Vec<_>>() {
            none if none.is_empty() => Found::None,
            group => Found::Group(group),
        }
    }

    /// The numbers of these fields, by path or by the name of a column.
    ///
    /// # Errors
    /// The first that there is not.
    pub fn columns(&self, names: &[String]) -> Result<Vec<usize>, Fault> {
        let paths: Vec<_> = self.entries.iter().map(|entry| &*entry.path).collect();
        numbers(names, &paths)
    }

    /// The field to sort by: by path, by the name of a column, or by a short name.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn key(&self, text: &str, name: &str) -> Result<&Entry<S>, Fault> {
        let long = self.short.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long);
        self.exact(long).ok_or_else(|| {
            let fault = self.unknown(text, text.len() - name.len()..text.len(), name);
            match self.short {
                [] => fault,
                short => {
                    let words: Vec<_> = short.iter().map(|(word, _)| *word).collect();
                    fault.hint(format!("short for fields: {}", words.join(", ")))
                }
            }
        })
    }

    /// That there is no such field; with the nearest one, and those that there are.
    pub(super) fn unknown(&self, text: &str, at: Range<usize>, path: &str) -> Fault {
        let mut fault = Fault::new(text, at, format!("there is no field `{path}`"));
        let near = self.nearest(path);
        if let Some(near) = near {
            fault = fault.hint(format!("did you mean `{near}`?"));
        }
        let group = path.split('.').next().unwrap_or_default();
        let below: Vec<_> = match self.find(group) {
            Found::Group(group) => group.iter().map(|entry| &*entry.path).collect(),
            _ => self.entries.iter().map(|entry| &*entry.path).collect(),
        };
        fault.hint(format!("fields: {}", below.join(", ")))
    }

    /// The field whose path, or the end of it, is nearest to a word.
    fn nearest(&self, path: &str) -> Option<&str> {
        let ends = |entry: &&Entry<S>| {
            entry.path.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if let Some(entry) = self.entries.iter().find(ends) {
            return Some(&entry.path);
        }
        nearest(path, self.entries.iter().map(|entry| &*entry.path))
    }
}

/// The numbers of columns among those that there are, by the path that names them or the column.
///
/// # Errors
/// The first that there is not.
pub fn numbers(names: &[String], known: &[&str]) -> Result<Vec<usize>, Fault> {
    let number = |name: &String| {
        let is_it =
            |path: &&str| *path == name || path.len() == name.len() && path.replace('.', "_") == *name;
        known.iter().position(is_it).ok_or_else(|| {
            let fault = Fault::new(name, 0..name.len(), format!("there is no field `{name}`"));
            let near = nearest(name, known.iter().copied());
            let fault =
                near.into_iter().fold(fault, |fault, near| fault.hint(format!("did you mean `{near}`?")));
            fault.hint(format!("fields: {}", known.join(", ")))
        })
    };
    names.iter().map(number).collect()
}

/// The word that is nearest to another, where one is near enough.
pub fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let likeness = |known: &'w str| (strsim::normalized_damerau_levenshtein(word, known), known);
    let near = words.map(likeness).filter(|(likeness, _)| *likeness >= NEAR);
    // Of those that are alike the first.
    near.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, known)| known)
}

/// What a path means.
pub(super) enum Found<'s, S: Subject> {
    /// One field, or those of either side.
    Fields(Vec<&'s Entry<S>>),
    /// An object: the fields in it.
    Group(Vec<&'s Entry<S>>),
    /// Nothing.
    None,
}
