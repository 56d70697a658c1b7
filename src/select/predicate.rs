//! Compiled expressions, and how they are asked.

use std::{fmt, net::IpAddr, sync::Arc};

use memchr::memmem::Finder;
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

/// Whether a record is wanted: an expression over its fields, compiled. Clones share all but what they remember, so that each
/// thread may have one.
pub struct Predicate<S: Subject> {
    node: Arc<Node<S>>,
    /// The paths of the fields that it asks.
    paths: Arc<[String]>,
    memory: Memory<S::Shared>,
}

/// What asking needs from record to record.
#[derive(Debug)]
struct Memory<T> {
    /// What values are put together in that are no text where they lie.
    scratch: Vec<u8>,
    /// What came of parts of the expression: by the number of the part, by the number of what records share.
    known: Vec<Vec<Vec<(T, bool)>>>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { scratch: Vec::new(), known: Vec::new() }
    }
}

impl<S: Subject> Clone for Predicate<S> {
    fn clone(&self) -> Self {
        Self { node: Arc::clone(&self.node), paths: Arc::clone(&self.paths), memory: Memory::default() }
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
        let node = share::<S>(cheapest_first(node), &mut 0);
        Ok(Self { node: Arc::new(node), paths: paths.into(), memory: Memory::default() })
    }

    /// Whether it holds for a record. What it was asked about before must be of the same run, as answers are told apart by
    /// their numbers; a clone was asked nothing yet. Allocates nothing once memory has grown to what the longest value and
    /// all answers take.
    #[inline]
    pub fn holds(&mut self, row: &S::Row<'_>) -> bool {
        holds::<S>(&self.node, row, &mut self.memory)
    }

    /// Whether it asks the field of this path.
    pub fn asks(&self, path: &str) -> bool {
        self.paths.iter().any(|asked| asked == path)
    }
}

/// An expression with the ways to read its fields.
#[derive(Debug)]
pub(super) enum Node<S: Subject> {
    Any(Box<[Self]>),
    All(Box<[Self]>),
    Not(Box<Self>),
    Test(Asked<S>),
    /// A part that asks only what records share, with its number.
    Shared(usize, Box<Self>),
}

/// The parts of an expression.
type Parts<S> = Box<[Node<S>]>;

impl<S: Subject> Node<S> {
    /// About how much asking takes, in comparisons of a number.
    fn cost(&self) -> u32 {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().map(Self::cost).sum(),
            Self::Not(inner) | Self::Shared(_, inner) => inner.cost(),
            Self::Test(asked) => {
                let reading = if asked.is_made { 100 } else { 1 };
                let comparing = match &asked.condition {
                    Condition::Present | Condition::Flag(_) => 0,
                    Condition::Numbers(_) | Condition::Addresses(_) | Condition::Macs(_) => 1,
                    Condition::Texts(_) => 2,
                    Condition::Contains(_) => 10,
                    Condition::Pattern(_) => 30,
                };
                asked.of.len() as u32 * (reading + comparing)
            }
        }
    }
}

/// Puts the parts of an expression that take least first: what comes of them mostly decides. Which one is asked first makes no
/// difference to the answer.
fn cheapest_first<S: Subject>(node: Node<S>) -> Node<S> {
    let sorted = |parts: Parts<S>| -> Parts<S> {
        let mut parts: Vec<_> = parts.into_iter().map(cheapest_first).collect();
        parts.sort_by_key(Node::cost);
        parts.into()
    };
    match node {
        Node::Any(parts) => Node::Any(sorted(parts)),
        Node::All(parts) => Node::All(sorted(parts)),
        Node::Not(inner) => match cheapest_first(*inner) {
            Node::Not(inner) => *inner,
            Node::Test(asked) => Node::Test(Asked { is_turned: !asked.is_turned, ..asked }),
            inner => Node::Not(Box::new(inner)),
        },
        other => other,
    }
}

/// Puts the parts of an expression together that ask only what records share, and first: what comes of them is remembered.
fn share<S: Subject>(node: Node<S>, count: &mut usize) -> Node<S> {
    if is_shared::<S>(&node) {
        *count += 1;
        return Node::Shared(*count - 1, Box::new(node));
    }
    let mut split = |parts: Parts<S>, make: fn(Parts<S>) -> Node<S>| {
        let (shared, others): (Vec<_>, Vec<_>) = parts.into_iter().partition(is_shared::<S>);
        let shared = (!shared.is_empty()).then(|| make(shared.into()));
        make(shared.into_iter().chain(others).map(|part| share::<S>(part, count)).collect())
    };
    match node {
        Node::Any(parts) => split(parts, Node::Any),
        Node::All(parts) => split(parts, Node::All),
        Node::Not(inner) => Node::Not(Box::new(share::<S>(*inner, count))),
        other => other,
    }
}

fn is_shared<S: Subject>(node: &Node<S>) -> bool {
    match node {
        Node::Any(parts) | Node::All(parts) => parts.iter().all(is_shared::<S>),
        Node::Not(inner) | Node::Shared(_, inner) => is_shared::<S>(inner),
        Node::Test(asked) => asked.of.iter().all(S::is_shared),
    }
}

/// What fields are asked.
#[derive(Debug)]
pub(super) struct Asked<S: Subject> {
    /// The fields: it is enough if one of them has the value.
    pub(super) of: Box<[S::Get]>,
    /// The same where all of them can be read that way.
    pub(super) quick: Box<[S::Quick]>,
    /// Whether it holds if there are values, and none of them meets the condition.
    pub(super) is_none: bool,
    /// Whether what comes of that is turned round.
    pub(super) is_turned: bool,
    /// Whether their values are texts that are put together when they are asked for.
    pub(super) is_made: bool,
    pub(super) condition: Condition,
}

/// What a value must be.
#[derive(Debug)]
pub(super) enum Condition {
    Present,
    /// From this to that, both included, in one of these.
    Numbers(Box<[(u64, u64)]>),
    Flag(bool),
    Addresses(Stretches),
    Macs(Box<[[u8; 6]]>),
    Texts(Box<[Box<[u8]>]>),
    Contains(Box<Finder<'static>>),
    Pattern(Regex),
}

/// Prefixes, each as its first and last address: comparing these takes less than looking at bits.
#[derive(Debug, Default)]
pub(super) struct Stretches {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl FromIterator<Prefix> for Stretches {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        let mut all = Self::default();
        for prefix in prefixes {
            match prefix.ends() {
                (IpAddr::V4(first), IpAddr::V4(last)) => all.v4.push((first.into(), last.into())),
                (IpAddr::V6(first), IpAddr::V6(last)) => all.v6.push((first.into(), last.into())),
                // Both are of one family.
                _ => {}
            }
        }
        all
    }
}

impl Stretches {
    #[inline]
    fn hold(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                let bits = u32::from(address);
                self.v4.iter().any(|&(first, last)| first <= bits && bits <= last)
            }
            IpAddr::V6(address) => {
                let bits = u128::from(address);
                self.v6.iter().any(|&(first, last)| first <= bits && bits <= last)
            }
        }
    }
}

fn holds<S: Subject>(node: &Node<S>, row: &S::Row<'_>, memory: &mut Memory<S::Shared>) -> bool {
    match node {
        Node::Any(parts) => parts.iter().any(|part| holds::<S>(part, row, memory)),
        Node::All(parts) => parts.iter().all(|part| holds::<S>(part, row, memory)),
        Node::Not(inner) => !holds::<S>(inner, row, memory),
        Node::Test(asked) => asked.holds(row, &mut memory.scratch),
        Node::Shared(part, inner) => {
            let Some((number, shared)) = S::shared(row) else { return holds::<S>(inner, row, memory) };
            let known = memory.known.get(*part).and_then(|part| part.get(number));
            match known.and_then(|known| known.iter().find(|(known, _)| *known == shared)) {
                Some(&(_, holds)) => holds,
                None => remember::<S>((*part, inner), row, (number, shared), memory),
            }
        }
    }
}

/// Asks a part about a record that shares what was not met before.
#[cold]
fn remember<S: Subject>(
    (part, inner): (usize, &Node<S>),
    row: &S::Row<'_>,
    (number, shared): (usize, S::Shared),
    memory: &mut Memory<S::Shared>,
) -> bool {
    let holds = holds::<S>(inner, row, memory);
    if memory.known.len() <= part {
        memory.known.resize_with(part + 1, Vec::new);
    }
    let known = &mut memory.known[part];
    if known.len() <= number {
        known.resize_with(number + 1, Vec::new);
    }
    known[number].push((shared, holds));
    holds
}

impl<S: Subject> Asked<S> {
    #[inline]
    fn holds(&self, row: &S::Row<'_>, scratch: &mut Vec<u8>) -> bool {
        let (is_present, is_met) = self.met(row, scratch);
        self.is_turned != if self.is_none { is_present && !is_met } else { is_met }
    }

    /// Whether there are values, as far as that was looked at, and whether one of them meets the condition.
    #[inline]
    fn met(&self, row: &S::Row<'_>, scratch: &mut Vec<u8>) -> (bool, bool) {
        let mut is_present = false;
        match &self.condition {
            Condition::Numbers(ranges) if !self.quick.is_empty() => {
                for &quick in &self.quick {
                    if let Some(number) = S::number(quick, row) {
                        is_present = true;
                        if is_in(ranges, number) {
                            return (true, true);
                        }
                    }
                }
                (is_present, false)
            }
            Condition::Addresses(stretches) if !self.quick.is_empty() => {
                for &quick in &self.quick {
                    if let Some(address) = S::address(quick, row) {
                        is_present = true;
                        if stretches.hold(address) {
                            return (true, true);
                        }
                    }
                }
                (is_present, false)
            }
            _ => self.met_by_any(row, scratch),
        }
    }

    /// The same by the values that reading gives. Out of line, so that asking quick fields stays short.
    #[inline(never)]
    fn met_by_any(&self, row: &S::Row<'_>, scratch: &mut Vec<u8>) -> (bool, bool) {
        let (mut is_present, mut is_met) = (false, false);
        for get in &self.of {
            S::read(get, row, &mut |value| {
                is_present = true;
                is_met = is_met || self.condition.meets(&value, scratch);
            });
            if is_met {
                break;
            }
        }
        (is_present, is_met)
    }
}

impl Condition {
    #[inline(always)]
    fn meets(&self, value: &Value<'_>, scratch: &mut Vec<u8>) -> bool {
        match (self, value) {
            (Self::Present, _) => true,
            (Self::Numbers(ranges), Value::Number(number)) => is_in(ranges, *number),
            (Self::Numbers(ranges), Value::Time(time)) => is_in(ranges, time.0),
            (Self::Flag(wanted), Value::Flag(flag)) => wanted == flag,
            (Self::Addresses(stretches), Value::Address(address)) => stretches.hold(*address),
            (Self::Macs(macs), Value::Mac(mac)) => macs.contains(mac),
            (Self::Texts(texts), value) => {
                text_of(value, scratch).is_some_and(|text| texts.iter().any(|known| **known == *text))
            }
            (Self::Contains(finder), value) => {
                text_of(value, scratch).is_some_and(|text| finder.find(text).is_some())
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
