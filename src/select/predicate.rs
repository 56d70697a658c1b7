//! Compiled expressions, and how they are asked.

use std::{fmt, sync::Arc};

use regex::bytes::Regex;

use super::{
    check,
    fault::Fault,
    parse::parse,
    schema::{Schema, Subject},
};
use crate::{
    dns,
    record::Value,
    text::{Prefix, number},
};

/// Whether a record is wanted: an expression over its fields, compiled. Clones share all but a little memory, so that each
/// thread may have one.
pub struct Predicate<S: Subject> {
    node: Arc<Node<S::Get>>,
    /// The paths of the fields that it asks.
    paths: Arc<[String]>,
    /// What values are put together in that are no text where they lie.
    scratch: Vec<u8>,
}

impl<S: Subject> Clone for Predicate<S> {
    fn clone(&self) -> Self {
        Self { node: Arc::clone(&self.node), paths: Arc::clone(&self.paths), scratch: Vec::new() }
    }
}

impl<S: Subject> fmt::Debug for Predicate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Predicate").field(&self.node).finish()
    }
}

impl<S: Subject> Predicate<S> {
    /// Reads an expression over these fields.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn new(text: &str, schema: &Schema<S>) -> Result<Self, Fault> {
        let (node, paths) = check::compile(&parse(text)?, text, schema)?;
        Ok(Self { node: Arc::new(node), paths: paths.into(), scratch: Vec::new() })
    }

    /// Whether it asks the field of this path.
    pub fn asks(&self, path: &str) -> bool {
        self.paths.iter().any(|asked| asked == path)
    }

    /// Whether it holds for a record. Allocates nothing once memory has grown to what the longest value takes.
    #[inline]
    pub fn holds(&mut self, row: &S::Row<'_>) -> bool {
        holds::<S>(&self.node, row, &mut self.scratch)
    }
}

/// An expression with the ways to read its fields.
#[derive(Debug)]
pub(super) enum Node<G> {
    Any(Box<[Self]>),
    All(Box<[Self]>),
    Not(Box<Self>),
    Test(Asked<G>),
}

/// What fields are asked.
#[derive(Debug)]
pub(super) struct Asked<G> {
    /// The fields: it is enough if one of them has the value.
    pub(super) of: Box<[G]>,
    /// Whether it holds if there are values, and none of them meets the condition.
    pub(super) is_none: bool,
    pub(super) condition: Condition,
}

/// What a value must be.
#[derive(Debug)]
pub(super) enum Condition {
    Present,
    /// From this to that, both included, in one of these.
    Numbers(Box<[(u64, u64)]>),
    Flag(bool),
    Addresses(Box<[Prefix]>),
    Macs(Box<[[u8; 6]]>),
    Texts(Box<[Box<[u8]>]>),
    Pattern(Regex),
}

fn holds<S: Subject>(node: &Node<S::Get>, row: &S::Row<'_>, scratch: &mut Vec<u8>) -> bool {
    match node {
        Node::Any(parts) => parts.iter().any(|part| holds::<S>(part, row, scratch)),
        Node::All(parts) => parts.iter().all(|part| holds::<S>(part, row, scratch)),
        Node::Not(inner) => !holds::<S>(inner, row, scratch),
        Node::Test(Asked { of, is_none, condition }) => {
            let (mut is_present, mut is_met) = (false, false);
            for get in of {
                S::read(get, row, &mut |value| {
                    is_present = true;
                    is_met = is_met || condition.meets(&value, scratch);
                });
                if is_met {
                    break;
                }
            }
            if *is_none { is_present && !is_met } else { is_met }
        }
    }
}

impl Condition {
    #[inline]
    fn meets(&self, value: &Value<'_>, scratch: &mut Vec<u8>) -> bool {
        match (self, value) {
            (Self::Present, _) => true,
            (Self::Numbers(ranges), Value::Number(number)) => is_in(ranges, *number),
            (Self::Numbers(ranges), Value::Time(time)) => is_in(ranges, time.0),
            (Self::Flag(wanted), Value::Flag(flag)) => wanted == flag,
            (Self::Addresses(prefixes), Value::Address(address)) => {
                prefixes.iter().any(|prefix| prefix.holds(*address))
            }
            (Self::Macs(macs), Value::Mac(mac)) => macs.contains(mac),
            (Self::Texts(texts), value) => {
                text_of(value, scratch).is_some_and(|text| texts.iter().any(|known| **known == *text))
            }
            (Self::Pattern(pattern), value) => {
                text_of(value, scratch).is_some_and(|text| pattern.is_match(text))
            }
            _ => false,
        }
    }
}

fn is_in(ranges: &[(u64, u64)], number: u64) -> bool {
    ranges.iter().any(|&(least, most)| least <= number && number <= most)
}

/// The text of a value that is text, put together where it is none as it lies.
fn text_of<'v>(value: &'v Value<'_>, scratch: &'v mut Vec<u8>) -> Option<&'v [u8]> {
    scratch.clear();
    match value {
        Value::Word(text) | Value::Text(text) | Value::Escaped(text) => return Some(text),
        Value::Identifier(number) => number::decimal(*number, scratch),
        Value::Message(via, message) => dns::line(*via, message, scratch),
        Value::Note(note) => note.write(scratch),
        Value::Number(_) | Value::Flag(_) | Value::Time(_) | Value::Address(_) | Value::Mac(_) => {
            return None;
        }
    }
    Some(scratch)
}
