//! What rows are sorted by.

use std::{cmp::Ordering, net::IpAddr};

use super::{
    fault::Fault,
    schema::{Schema, Subject},
};
use crate::{record::Value, text::field::Type};

/// What rows are sorted by: a field. Numbers and lengths of time go from the largest down, all else up; rows without the
/// field come last. Rows that are alike stay in their order where the sort is stable.
#[derive(Debug)]
pub struct Order<S: Subject> {
    get: S::Get,
    is_down: bool,
}

impl<S: Subject> Clone for Order<S> {
    fn clone(&self) -> Self {
        Self { get: self.get.clone(), is_down: self.is_down }
    }
}

/// The place of a row in an order: `a < b` where `a` comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rank {
    key: Option<Key>,
    is_down: bool,
}

/// The first value of the field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Flag(bool),
    Number(u64),
    Address(IpAddr),
    Text(Vec<u8>),
}

impl<S: Subject> Order<S> {
    /// By the field of this path, or by a short name of the schema; the other way round behind a `-`.
    ///
    /// # Errors
    /// There is no such field.
    pub fn new(text: &str, schema: &Schema<S>) -> Result<Self, Fault> {
        let (name, is_turned) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let entry = schema.key(text, name)?;
        Ok(Self { get: entry.get.clone(), is_down: matches!(entry.kind, Type::Number(_)) != is_turned })
    }

    /// The place of a row.
    pub fn rank(&self, row: &S::Row<'_>) -> Rank {
        let mut key = None;
        S::read(&self.get, row, &mut |value| {
            key.get_or_insert_with(|| match value {
                Value::Number(number) | Value::Identifier(number) => Key::Number(number),
                Value::Flag(flag) => Key::Flag(flag),
                Value::Time(time) => Key::Number(time.0),
                Value::Address(address) => Key::Address(address),
                Value::Mac(octets) => Key::Text(octets.to_vec()),
                Value::Word(text) | Value::Text(text) | Value::Escaped(text) => Key::Text(text.to_vec()),
                // What only packets have, which are not sorted.
                Value::Message(..) | Value::Note(_) => Key::Flag(true),
            });
        });
        Rank { key, is_down: self.is_down }
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.key, &other.key) {
            (Some(one), Some(two)) if self.is_down => two.cmp(one),
            (Some(one), Some(two)) => one.cmp(two),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
