//! The registry in memory and how it is looked up; see [`super::layout`] for the form.
//!
//! Numbers that point outside of the tables, which sound tables never hold, read as nothing.

use std::borrow::Cow;

use crate::registry::layout::{
    GROUP_WORDS, Index, Layout, ROW_WORDS, SPAN_WORDS, Word, flag, name_hash, port_slot,
};
use crate::registry::record::{Field, Transport};

/// The laid-out registry: static octets of the program, or owned after an import.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) text: Cow<'static, str>,
    pub(crate) ends: Words,
    pub(crate) rows: Words,
    pub(crate) lists: Words,
    pub(crate) groups: Words,
    pub(crate) spans: Words,
    pub(crate) ports: [Slots; 4],
    pub(crate) names: Slots,
}

pub(crate) type Words = Cow<'static, [Word]>;

/// An open-addressing hash index; see [`Index`].
#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) slots: Words,
    pub(crate) seed: u32,
    pub(crate) shift: u32,
}

const fn words(octets: &'static [u8]) -> Words {
    Cow::Borrowed(octets.as_chunks().0)
}

impl Tables {
    /// The tables laid out when the program was built. Only pointers are copied.
    pub(crate) const fn built_in() -> Self {
        include!(concat!(env!("OUT_DIR"), "/tables.rs"))
    }

    pub(crate) fn row_count(&self) -> usize {
        self.rows.len() / ROW_WORDS
    }

    /// The row shown for a port, and all rows that name it, that one first.
    #[inline]
    pub(crate) fn named(&self, transport: Transport, port: u16) -> Option<(u32, &[Word])> {
        let index = &self.ports[transport as usize];
        let start = port_slot(port, index.seed, index.shift);
        index.find(start, u32::from(port)).map(|group| self.group(group))
    }

    /// All rows of a name, in registry order, without regard to ASCII case.
    pub(crate) fn of_name(&self, name: &str) -> &[Word] {
        let hash = name_hash(name, self.names.seed);
        let mask = self.names.slots.len().wrapping_sub(1);
        let start = (hash >> self.names.shift) as usize;
        for probe in 0..self.names.slots.len() {
            let slot =
                self.names.slots.get((start + probe) & mask).map_or(0, |slot| u32::from_le_bytes(*slot));
            if slot == 0 {
                break;
            }
            if slot >> 16 == hash & 0xffff {
                let (primary, rows) = self.group(slot & 0xffff);
                if self.text(primary, Field::Name).eq_ignore_ascii_case(name) {
                    return rows;
                }
            }
        }
        &[]
    }

    /// Nameless rows that hold a port, for every transport, latest first port first.
    pub(crate) fn spans_at(&self, port: u16) -> impl Iterator<Item = u32> {
        let (spans, _) = self.spans.as_chunks::<SPAN_WORDS>();
        let at = |span: &[Word; SPAN_WORDS]| span.map(u32::from_le_bytes);
        let after = spans.partition_point(|span| at(span)[0] <= u32::from(port));
        let before = spans.get(..after).unwrap_or_default().iter().rev().map(at);
        before
            .take_while(move |[_, _, highest, _]| *highest >= u32::from(port))
            .filter(move |[_, last, ..]| *last >= u32::from(port))
            .map(|[.., row]| row)
    }

    #[inline]
    fn group(&self, number: u32) -> (u32, &[Word]) {
        let at = number as usize * GROUP_WORDS;
        let Some([primary, first, len]) = self.groups.get(at..).and_then(|groups| groups.first_chunk())
        else {
            return (0, &[]);
        };
        let [primary, first, len] = [primary, first, len].map(|word| u32::from_le_bytes(*word));
        let rows = self.lists.get(first as usize..).and_then(|lists| lists.get(..len as usize));
        (primary, rows.unwrap_or_default())
    }

    fn word(&self, row: u32, place: usize) -> u32 {
        let word = self.rows.get(row as usize * ROW_WORDS + place);
        word.map_or(0, |word| u32::from_le_bytes(*word))
    }

    pub(crate) fn flags(&self, row: u32) -> u32 {
        self.word(row, 1)
    }

    /// First and last port of a row.
    pub(crate) fn ports(&self, row: u32) -> Option<(u16, u16)> {
        let ports = self.word(row, 0);
        (self.flags(row) & flag::PORTS != 0).then_some(((ports >> 16) as u16, ports as u16))
    }

    pub(crate) fn transport(&self, row: u32) -> Option<Transport> {
        let number = (self.flags(row) >> flag::TRANSPORT_SHIFT) as usize;
        number.checked_sub(1).and_then(|place| Transport::ALL.get(place)).copied()
    }

    #[inline]
    pub(crate) fn text(&self, row: u32, field: Field) -> &str {
        let number = self.word(row, 2 + field as usize) as usize;
        let end = |number: usize| self.ends.get(number).map_or(0, |end| u32::from_le_bytes(*end) as usize);
        let start = number.checked_sub(1).map_or(0, end);
        self.text.get(start..end(number)).unwrap_or_default()
    }
}

impl From<Layout> for Tables {
    fn from(layout: Layout) -> Self {
        Self {
            text: Cow::Owned(layout.text),
            ends: Cow::Owned(layout.ends),
            rows: Cow::Owned(layout.rows),
            lists: Cow::Owned(layout.lists),
            groups: Cow::Owned(layout.groups),
            spans: Cow::Owned(layout.spans),
            ports: layout.ports.map(Slots::from),
            names: layout.names.into(),
        }
    }
}

impl Slots {
    /// The group whose slot holds this key in its high half.
    #[inline]
    fn find(&self, start: usize, key: u32) -> Option<u32> {
        let mask = self.slots.len().wrapping_sub(1);
        for probe in 0..self.slots.len() {
            let slot = u32::from_le_bytes(*self.slots.get((start + probe) & mask)?);
            if slot == 0 {
                return None;
            }
            if slot >> 16 == key {
                return Some(slot & 0xffff);
            }
        }
        None
    }
}

impl From<Index> for Slots {
    fn from(index: Index) -> Self {
        Self { slots: Cow::Owned(index.slots), seed: index.seed, shift: index.shift }
    }
}
