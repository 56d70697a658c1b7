//! Values of ours as octets for files: written one after the other, and read back with every length held against what is
//! there before anything is allocated for it.
//!
//! The form of a value is that of [postcard](https://postcard.jamesmunns.com/wire-format): numbers take as many octets
//! as they need, and nothing says what follows. Whoever reads must know the version of who wrote.

use std::{fmt, io, mem};

use serde::{Deserialize, Serialize};

/// Octets are not those of the value that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its values contradict each other")
    }
}

impl std::error::Error for Broken {}

/// Fails unless it is so.
pub(crate) fn check(is_so: bool) -> Result<(), Broken> {
    if is_so { Ok(()) } else { Err(Broken) }
}

/// Takes values.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    octets: Vec<u8>,
    has_failed: bool,
}

impl Writer {
    /// Appends a value.
    pub(crate) fn put(&mut self, value: &(impl Serialize + ?Sized)) {
        match postcard::to_extend(value, mem::take(&mut self.octets)) {
            Ok(octets) => self.octets = octets,
            // Only values that do not know their own length cannot be written.
            Err(_) => self.has_failed = true,
        }
    }

    /// Appends how many values follow.
    pub(crate) fn count(&mut self, count: usize) {
        self.put(&(count as u64));
    }

    /// Appends values behind their number.
    pub(crate) fn all<T: Serialize>(&mut self, values: impl ExactSizeIterator<Item = T>) {
        self.count(values.len());
        values.for_each(|value| self.put(&value));
    }

    /// All that was written.
    ///
    /// # Errors
    /// Where a value could not be written.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        if self.has_failed { Err(io::Error::other("a value has no form in octets")) } else { Ok(self.octets) }
    }
}

/// Gives values back in the order in which they were written.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The next value.
    pub(crate) fn get<T: Deserialize<'a>>(&mut self) -> Result<T, Broken> {
        let (value, rest) = postcard::take_from_bytes(self.0).map_err(|_| Broken)?;
        self.0 = rest;
        Ok(value)
    }

    /// The next value, if it is sound.
    pub(crate) fn get_if<T: Deserialize<'a>>(
        &mut self,
        is_sound: impl FnOnce(&T) -> bool,
    ) -> Result<T, Broken> {
        let value = self.get()?;
        check(is_sound(&value))?;
        Ok(value)
    }

    /// How many values follow, of which each takes an octet: no more than may be, and than there are octets.
    pub(crate) fn count(&mut self, most: usize) -> Result<usize, Broken> {
        let count: u64 = self.get()?;
        let count = usize::try_from(count).map_err(|_| Broken)?;
        check(count <= most && count <= self.0.len())?;
        Ok(count)
    }

    /// Hands on values behind their number, which are no more than may be.
    pub(crate) fn all<T: Deserialize<'a>>(
        &mut self,
        most: usize,
        mut each: impl FnMut(T) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        for _ in 0..self.count(most)? {
            each(self.get()?)?;
        }
        Ok(())
    }

    /// Fails where octets are left.
    pub(crate) fn end(self) -> Result<(), Broken> {
        check(self.0.is_empty())
    }
}

/// A word that the program has for good. By this name, since of a reference serde would borrow what it reads.
pub(crate) type Word = &'static str;

/// Words that the program has for good, as text in files.
pub(crate) mod word {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    /// Finds the word of the program's own that is the same.
    pub(crate) fn find(text: &str, words: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
        words.into_iter().find(|word| *word == text)
    }

    /// Writes a word.
    pub(crate) fn write<S: Serializer>(word: &str, serializer: S) -> Result<S::Ok, S::Error> {
        word.serialize(serializer)
    }

    /// Reads a word that is one of these.
    pub(crate) fn read<'de, D: Deserializer<'de>>(
        deserializer: D,
        words: impl IntoIterator<Item = &'static str>,
    ) -> Result<&'static str, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        find(text, words).ok_or_else(|| D::Error::custom("no such word"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_in_their_order() {
        let mut writer = Writer::default();
        writer.put(&7u64);
        writer.all([300u16, 5].into_iter());
        writer.put("text");
        let octets = writer.finish().unwrap();
        // Varints have seven bits an octet, the low ones first: 300 is 0b10 0101100.
        assert_eq!(octets, [7, 2, 0xac, 2, 5, 4, b't', b'e', b'x', b't']);
        let mut reader = Reader::new(&octets);
        assert_eq!(reader.get(), Ok(7u64));
        let mut all = Vec::new();
        assert_eq!(
            reader.all(2, |number: u16| {
                all.push(number);
                Ok(())
            }),
            Ok(())
        );
        assert_eq!(all, [300, 5]);
        assert_eq!(reader.get(), Ok("text"));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn no_length_is_believed_that_the_octets_cannot_have() {
        // 2^35 values, of which one octet is there.
        let octets = [0x80, 0x80, 0x80, 0x80, 0x80, 1, 0];
        assert_eq!(Reader::new(&octets).count(usize::MAX), Err(Broken));
        assert_eq!(Reader::new(&octets).get::<Vec<u64>>(), Err(Broken));
        assert_eq!(Reader::new(&octets).get::<String>(), Err(Broken));
        assert_eq!(Reader::new(&[3, 0, 0, 0]).count(2), Err(Broken));
        assert_eq!(Reader::new(&[1]).end(), Err(Broken));
    }
}
