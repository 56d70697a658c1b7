//! Texts that are kept once.

use std::{hash::BuildHasher as _, iter, mem, ops::Range};

use arrow_array::StringArray;
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use hashbrown::{DefaultHashBuilder, HashTable};

/// Distinct texts, numbered from 0 in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    text: Vec<u8>,
    /// Where each ends.
    ends: Vec<i32>,
    numbers: HashTable<i32>,
    hasher: DefaultHashBuilder,
    /// The two met last, which packets to and fro ask for in turn.
    last: [i32; 2],
}

impl Dictionary {
    fn range(ends: &[i32], number: i32) -> Range<usize> {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| ends[before] as usize);
        start..ends[number] as usize
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Octets that they take, about.
    pub(super) fn size(&self) -> usize {
        self.text.len() + self.ends.len() * 3 * size_of::<i32>()
    }

    /// The text of a number.
    pub(super) fn get(&self, number: i32) -> &[u8] {
        &self.text[Self::range(&self.ends, number)]
    }

    /// The number of a text. Texts are those of one batch, far from what 31 bits can number.
    pub(super) fn number(&mut self, octets: &[u8]) -> i32 {
        for number in self.last {
            if (number as usize) < self.ends.len() && self.get(number) == octets {
                return number;
            }
        }
        let Self { text, ends, numbers, hasher, last } = self;
        let hash = hasher.hash_one(octets);
        let next = ends.len() as i32;
        let entry = numbers.entry(
            hash,
            |&number| &text[Self::range(ends, number)] == octets,
            |&number| hasher.hash_one(&text[Self::range(ends, number)]),
        );
        let number = *entry.or_insert(next).get();
        if number == next {
            text.extend_from_slice(octets);
            ends.push(text.len() as i32);
        }
        *last = [number, last[0]];
        number
    }

    /// The texts, which are forgotten.
    pub(super) fn finish(&mut self) -> Result<StringArray, ArrowError> {
        self.numbers.clear();
        self.last = [0; 2];
        let ends = iter::once(0).chain(mem::take(&mut self.ends)).collect::<ScalarBuffer<i32>>();
        strings(mem::take(&mut self.text), OffsetBuffer::new(ends), None)
    }

    /// The texts of these numbers; all are forgotten.
    pub(super) fn finish_list(&mut self, numbers: &[i64]) -> Result<StringArray, ArrowError> {
        let mut text = Vec::new();
        let ends = numbers.iter().map(|&number| {
            text.extend_from_slice(self.get(number as i32));
            text.len() as i32
        });
        let ends = iter::once(0).chain(ends).collect::<ScalarBuffer<i32>>();
        self.finish()?;
        strings(text, OffsetBuffer::new(ends), None)
    }
}

/// Texts that lie behind each other.
pub(super) fn strings(
    text: Vec<u8>,
    offsets: OffsetBuffer<i32>,
    valid: Option<NullBuffer>,
) -> Result<StringArray, ArrowError> {
    StringArray::try_new(offsets, Buffer::from_vec(text), valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_once_and_numbered_as_met() {
        let mut dictionary = Dictionary::default();
        let texts: [&[u8]; 7] = [b"b", b"", b"a", b"b", b"", b"c", b"a"];
        assert_eq!(texts.map(|text| dictionary.number(text)), [0, 1, 2, 0, 1, 3, 2]);
        assert_eq!(dictionary.get(3), b"c");
        let texts = dictionary.finish().unwrap();
        assert_eq!(texts.iter().map(Option::unwrap).collect::<Vec<_>>(), ["b", "", "a", "c"]);
        // Then it begins anew.
        assert_eq!([b"x", b"b", b"x"].map(|text| dictionary.number(text)), [0, 1, 0]);
        let list = dictionary.finish_list(&[1, 0, 0]).unwrap();
        assert_eq!(list.iter().map(Option::unwrap).collect::<Vec<_>>(), ["b", "x", "x"]);
    }
}
