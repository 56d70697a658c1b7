//! Values of fields, and how columns and JSON have them.

use std::net::IpAddr;

use super::Note;
use crate::{
    dns::{self, Message, Via},
    packet::Timestamp,
    text::{
        Moments, escape,
        field::Field,
        number,
        time::{TimeStyle, TimeWriter},
    },
};

/// One value of a field, borrowed from what it was read from.
#[derive(Clone, Copy, Debug)]
pub enum Value<'v> {
    /// A number that counts or measures.
    Number(u64),
    /// A number that names something: text in JSON.
    Identifier(u64),
    /// True or false.
    Flag(bool),
    /// A moment of capture time.
    Time(Timestamp),
    /// An IP address.
    Address(IpAddr),
    /// A link-layer address.
    Mac([u8; 6]),
    /// A word of ours: letters, digits and marks that no medium minds.
    Word(&'v [u8]),
    /// Text of anybody's.
    Text(&'v [u8]),
    /// Text that was escaped for a terminal where it was learned.
    Escaped(&'v [u8]),
    /// A DNS message and how it came.
    Message(Via, Message<'v>),
    /// What is odd about a packet.
    Note(Note),
}

/// A closure that takes the values of a field.
pub type Each<'p> = dyn FnMut(Value<'_>) + 'p;

/// What takes the values of a field: no call means that the field is absent.
pub trait Put {
    /// Takes the one value of a field.
    fn one(&mut self, value: Value<'_>);

    /// Takes all values that `give` gives: none, one, or a list.
    fn all(&mut self, give: impl FnOnce(&mut Each<'_>));
}

impl Put for Each<'_> {
    #[inline]
    fn one(&mut self, value: Value<'_>) {
        self(value);
    }

    #[inline]
    fn all(&mut self, give: impl FnOnce(&mut Each<'_>)) {
        give(self);
    }
}

/// The kinds of [`Put`] that a table of fields is made for. Where a packet has fifty fields, calls that are not known
/// before they are made cost as much as what they write, so the columns have a table of their own.
pub trait Taker: Copy {
    /// What takes the values.
    type Put<'p>: Put + ?Sized;
}

/// Whoever asks: a closure.
#[derive(Clone, Copy, Debug)]
pub struct Anyone;

impl Taker for Anyone {
    type Put<'p> = Each<'p>;
}

/// The writer of columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns;

impl Taker for Columns {
    type Put<'p> = Cells<'p>;
}

/// Writes values; keeps the text of the last second.
#[derive(Clone, Debug)]
pub(crate) struct ValueWriter {
    clock: TimeWriter,
}

impl Default for ValueWriter {
    fn default() -> Self {
        Self { clock: TimeWriter::new(TimeStyle::Machine) }
    }
}

/// The cells of a line in the making.
pub(crate) struct Cells<'p> {
    clock: &'p mut TimeWriter,
    out: &'p mut Vec<u8>,
}

impl Cells<'_> {
    /// Appends a cell that `read` fills, and a comma.
    #[inline(always)]
    pub(crate) fn cell(&mut self, read: impl FnOnce(&mut Self)) {
        read(self);
        self.out.push(b',');
    }

    /// Ends the line that the cells make.
    #[inline]
    pub(crate) fn end(self) {
        if let Some(comma) = self.out.last_mut() {
            *comma = b'\n';
        }
    }
}

impl Put for Cells<'_> {
    #[inline(always)]
    fn one(&mut self, value: Value<'_>) {
        let start = self.out.len();
        value.write(self.clock, self.out);
        if value.is_text() {
            escape::close_csv(start, self.out);
        }
    }

    #[inline(always)]
    fn all(&mut self, give: impl FnOnce(&mut Each<'_>)) {
        let start = self.out.len();
        if join(self.clock, self.out, give) {
            escape::close_csv(start, self.out);
        }
    }
}

/// Appends values that share a cell. Returns whether there is text among them.
#[inline(always)]
fn join(clock: &mut TimeWriter, out: &mut Vec<u8>, give: impl FnOnce(&mut Each<'_>)) -> bool {
    let (start, mut is_text) = (out.len(), false);
    give(&mut |value| {
        if out.len() > start {
            out.extend_from_slice(value.separator());
        }
        value.write(clock, out);
        is_text |= value.is_text();
    });
    is_text
}

impl Value<'_> {
    /// Whether it may hold marks that need quotes.
    #[inline(always)]
    fn is_text(self) -> bool {
        matches!(self, Self::Text(_) | Self::Escaped(_) | Self::Message(..) | Self::Note(_))
    }

    /// What stands between values that share a cell.
    #[inline(always)]
    fn separator(self) -> &'static [u8] {
        match self {
            Self::Escaped(_) | Self::Message(..) | Self::Note(_) => b"; ",
            _ => b" ",
        }
    }

    /// Appends it as text that is harmless but for the marks of CSV.
    #[inline(always)]
    fn write(self, clock: &mut TimeWriter, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) | Self::Identifier(number) => number::decimal(number, out),
            Self::Flag(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
            Self::Time(time) => clock.write(time, None, out),
            Self::Address(address) => number::address(address, out),
            Self::Mac(octets) => number::mac_hyphens(octets, out),
            Self::Word(text) | Self::Escaped(text) => out.extend_from_slice(text),
            Self::Text(text) => escape::terminal(text, out),
            Self::Message(via, message) => dns::line(via, &message, out),
            Self::Note(note) => note.write(out),
        }
    }
}

impl ValueWriter {
    /// The cells of a line that is appended to `out`.
    #[inline]
    pub(crate) fn cells<'p>(&'p mut self, out: &'p mut Vec<u8>) -> Cells<'p> {
        Cells { clock: &mut self.clock, out }
    }

    /// Appends values as a cell of a table shows them: harmless on a terminal, times in that way.
    pub(crate) fn shown(&mut self, times: Moments, out: &mut Vec<u8>, give: impl FnOnce(&mut Each<'_>)) {
        let start = out.len();
        give(&mut |value| {
            if out.len() > start {
                out.extend_from_slice(value.separator());
            }
            match value {
                Value::Time(time) => out.extend_from_slice(times.text(time).as_bytes()),
                value => value.write(&mut self.clock, out),
            }
        });
    }

    /// Appends a JSON object of fields that stand [grouped](crate::text::field::grouped) by their paths; `read` gives the
    /// values of each.
    pub(crate) fn object<G: Copy + 'static>(
        &mut self,
        fields: impl IntoIterator<Item = &'static Field<G>>,
        read: impl Fn(G, &mut Each<'_>),
        out: &mut Vec<u8>,
    ) {
        out.push(b'{');
        let mut open = "";
        for field in fields {
            let mut first = true;
            read(field.get, &mut |value| {
                if first {
                    let (parent, key) = field.path.rsplit_once('.').unwrap_or(("", field.path));
                    enter(&mut open, parent, out);
                    member(key, out);
                    out.extend_from_slice(if field.is_list { b"[" } else { b"" });
                } else {
                    out.push(b',');
                }
                first = false;
                self.json(value, out);
            });
            if field.is_list && !first {
                out.push(b']');
            }
        }
        enter(&mut open, "", out);
        out.push(b'}');
    }

    /// Appends a value as JSON.
    fn json(&mut self, value: Value<'_>, out: &mut Vec<u8>) {
        match value {
            Value::Number(_) | Value::Flag(_) => value.write(&mut self.clock, out),
            Value::Message(via, message) => dns::json(via, &message, out),
            Value::Text(text) | Value::Escaped(text) => {
                out.push(b'"');
                escape::json(text, out);
                out.push(b'"');
            }
            Value::Identifier(_)
            | Value::Time(_)
            | Value::Address(_)
            | Value::Mac(_)
            | Value::Word(_)
            | Value::Note(_) => {
                out.push(b'"');
                value.write(&mut self.clock, out);
                out.push(b'"');
            }
        }
    }
}

/// Closes and opens objects until the one at `parent` is open.
fn enter(open: &mut &'static str, parent: &'static str, out: &mut Vec<u8>) {
    let holds = |outer: &str| {
        outer.is_empty()
            || parent.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    while !holds(open) {
        out.push(b'}');
        *open = open.rsplit_once('.').map_or("", |(outer, _)| outer);
    }
    for key in parent[open.len()..].split('.').filter(|key| !key.is_empty()) {
        member(key, out);
        out.push(b'{');
    }
    *open = parent;
}

/// Appends a key, after a comma unless it is the first of its object.
fn member(key: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(if out.last() == Some(&b'{') { b"\"" } else { b",\"" });
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}
