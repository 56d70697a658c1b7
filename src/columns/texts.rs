//! Columns of text of a row group of Parquet.
//!
//! The writer of the crate looks the text of each row up by its octets, to number it anew. Here the texts of a batch are
//! numbered once, and its rows follow by their numbers. What pages are made of is from *Apache Parquet Format*: *Data Pages*
//! in `README.md`, *Dictionary Encoding* and *Run Length Encoding / Bit-Packing Hybrid* in `Encodings.md`.

use arrow_array::{Array as _, DictionaryArray, cast::AsArray as _, types::Int32Type};
use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding, EncodingMask, PageType, ZstdLevel},
    column::{
        page::{CompressedPage, Page, PageWriter as _},
        writer::ColumnCloseResult,
    },
    data_type::ByteArray,
    errors::Result,
    file::{
        metadata::{ColumnChunkMetaData, PageEncodingStats},
        page_index::offset_index::{OffsetIndexMetaData, PageLocation},
        statistics::{Statistics, ValueStatistics},
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};
use zstd::bulk::Compressor;

use super::dictionary::Dictionary;

/// Rows of a page.
const PAGE: usize = 20_000;
/// No number of a text.
const NONE: u32 = u32::MAX;
/// Octets up to which the least and the greatest text are told.
const TOLD: usize = 64;

/// One column of a row group in the making.
pub(super) struct Texts {
    descriptor: ColumnDescPtr,
    level: ZstdLevel,
    packer: Compressor<'static>,
    dictionary: Dictionary,
    /// Of the page in the making: 1 for a row that has a text, 0 for one that has none.
    levels: Vec<u8>,
    /// Of the page in the making: the numbers of the texts of rows that have one.
    numbers: Vec<u32>,
    pages: TrackedWrite<Vec<u8>>,
    places: Vec<PageLocation>,
    /// Octets of pages before compression.
    unpacked: usize,
    rows: usize,
    nulls: usize,
    /// What the texts of the batch at hand are numbered here.
    renumbered: Vec<u32>,
}

impl Texts {
    /// None yet, to be compressed with zstd at this level.
    pub(super) fn new(descriptor: ColumnDescPtr, level: ZstdLevel) -> Result<Self> {
        Ok(Self {
            descriptor,
            level,
            packer: Compressor::new(level.compression_level())?,
            dictionary: Dictionary::default(),
            levels: Vec::new(),
            numbers: Vec::new(),
            pages: TrackedWrite::new(Vec::new()),
            places: Vec::new(),
            unpacked: 0,
            rows: 0,
            nulls: 0,
            renumbered: Vec::new(),
        })
    }

    /// Octets that are kept until the group is written, about.
    pub(super) fn size(&self) -> usize {
        self.dictionary.size() + self.pages.bytes_written() + self.levels.len() + size_of_val(&*self.numbers)
    }

    /// Appends the rows of a batch.
    pub(super) fn write(&mut self, column: &DictionaryArray<Int32Type>) -> Result<()> {
        let (texts, keys) = (column.values().as_string::<i32>(), column.keys());
        self.renumbered.clear();
        self.renumbered.resize(texts.len(), NONE);
        let mut start = 0;
        while start < keys.len() {
            let end = keys.len().min(start + PAGE - self.levels.len());
            let rows = keys.slice(start, end - start);
            let Self { renumbered, dictionary, levels, numbers, .. } = &mut *self;
            // A batch that is cut in two has texts that are in no row of this part.
            let mut number = |&key: &i32| {
                let number = &mut renumbered[key as usize];
                if *number == NONE {
                    *number = dictionary.number(texts.value(key as usize).as_bytes()).cast_unsigned();
                }
                *number
            };
            match rows.nulls() {
                Some(nulls) if nulls.null_count() == rows.len() => {
                    levels.resize(levels.len() + rows.len(), 0);
                }
                Some(nulls) if nulls.null_count() > 0 => {
                    levels.extend(nulls.iter().map(u8::from));
                    numbers.extend(nulls.valid_indices().map(|row| number(&rows.values()[row])));
                }
                _ => {
                    levels.resize(levels.len() + rows.len(), 1);
                    numbers.extend(rows.values().iter().map(number));
                }
            }
            if self.levels.len() == PAGE {
                self.end_page()?;
            }
            start = end;
        }
        Ok(())
    }

    fn end_page(&mut self) -> Result<()> {
        let mut page = vec![0; 4];
        runs(&self.levels, 1, &mut page);
        let octets = (page.len() - 4) as u32;
        page[..4].copy_from_slice(&octets.to_le_bytes());
        let width = width(self.dictionary.len());
        page.push(width as u8);
        runs(&self.numbers, width, &mut page);
        let rows = self.levels.len();
        let first_row = self.rows;
        self.rows += rows;
        self.nulls += rows - self.numbers.len();
        self.levels.clear();
        self.numbers.clear();
        let packed = self.packer.compress(&page)?;
        let data = Page::DataPage {
            buf: packed.into(),
            num_values: rows as u32,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let written =
            SerializedPageWriter::new(&mut self.pages).write_page(CompressedPage::new(data, page.len()))?;
        self.unpacked += written.uncompressed_size;
        self.places.push(PageLocation {
            offset: written.offset as i64,
            compressed_page_size: written.bytes_written as i32,
            first_row_index: first_row as i64,
        });
        Ok(())
    }

    /// The octets of the column, and what the group says of them.
    pub(super) fn finish(mut self) -> Result<(Bytes, ColumnCloseResult)> {
        if !self.levels.is_empty() {
            self.end_page()?;
        }
        let mut plain = Vec::new();
        let texts = || (0..self.dictionary.len()).map(|number| self.dictionary.get(number as i32));
        for text in texts() {
            plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
            plain.extend_from_slice(text);
        }
        let dictionary = Page::DictionaryPage {
            buf: self.packer.compress(&plain)?.into(),
            num_values: self.dictionary.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let mut chunk = TrackedWrite::new(Vec::new());
        let written =
            SerializedPageWriter::new(&mut chunk).write_page(CompressedPage::new(dictionary, plain.len()))?;
        let told = |text: Option<&[u8]>| text.filter(|text| text.len() <= TOLD).map(ByteArray::from);
        let nulls = Some(self.nulls as u64);
        let statistics = ValueStatistics::new(told(texts().min()), told(texts().max()), None, nulls, false);
        let encodings = [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
        let stats = [
            (PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
            (PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, self.places.len() as i32),
        ];
        let mut chunk = chunk.into_inner()?;
        let head = chunk.len();
        chunk.append(&mut self.pages.into_inner()?);
        let metadata = ColumnChunkMetaData::builder(self.descriptor)
            .set_compression(Compression::ZSTD(self.level))
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(
                stats
                    .map(|(page_type, encoding, count)| PageEncodingStats { page_type, encoding, count })
                    .into(),
            )
            .set_total_compressed_size(chunk.len() as i64)
            .set_total_uncompressed_size((self.unpacked + written.uncompressed_size) as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(0)
            .set_statistics(Statistics::ByteArray(statistics))
            .build()?;
        let places =
            OffsetIndexMetaData { page_locations: self.places, unencoded_byte_array_data_bytes: None };
        let close = ColumnCloseResult {
            bytes_written: chunk.len() as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(places),
        };
        Ok((chunk.into(), close.update_dictionary_location(head)?))
    }
}

/// Bits that numbers below `count` need.
fn width(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

/// Numbers of this many bits: eight or more equal ones as a run, others packed in groups of eight.
fn runs<N: Copy + Eq + Into<u32>>(numbers: &[N], width: u32, out: &mut Vec<u8>) {
    let (mut loose, mut at) = (0, 0);
    while at < numbers.len() {
        let equal = numbers[at..].iter().take_while(|&&number| number == numbers[at]).count();
        // The group before it has to be full.
        let lent = (at - loose).next_multiple_of(8) - (at - loose);
        if equal >= lent + 8 {
            pack(&numbers[loose..at + lent], width, out);
            varint((equal - lent) << 1, out);
            let octets = numbers[at].into().to_le_bytes();
            out.extend_from_slice(&octets[..width.div_ceil(8) as usize]);
            loose = at + equal;
        }
        at += equal;
    }
    pack(&numbers[loose..], width, out);
}

/// Numbers in groups of eight, the least bit first; zeros fill the last one.
fn pack<N: Copy + Into<u32>>(numbers: &[N], width: u32, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(8);
    varint(groups << 1 | 1, out);
    let end = out.len() + groups * width as usize;
    let (mut bits, mut count) = (0_u64, 0);
    for &number in numbers {
        bits |= u64::from(number.into()) << count;
        count += width;
        while count >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        out.push(bits as u8);
    }
    out.resize(end, 0);
}

/// A number in octets of seven bits, the least first (ULEB128).
fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of *Bit-Packing* in `Encodings.md`: the numbers 0 to 7 in three bits each.
    #[test]
    fn packed_numbers_are_those_of_the_format() {
        let mut out = Vec::new();
        runs(&[0_u32, 1, 2, 3, 4, 5, 6, 7], 3, &mut out);
        assert_eq!(out, [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
    }

    #[test]
    fn equal_numbers_are_runs_behind_full_groups() {
        let mut out = Vec::new();
        // Three and five of the run make a group of eight; 300 are left.
        let numbers = [vec![1_u32, 2, 3], vec![9; 305], vec![5]].concat();
        runs(&numbers, 4, &mut out);
        let group = [0b11, 0x21, 0x93, 0x99, 0x99];
        let run = [0xd8, 0x04, 9];
        let last = [0b11, 0x05, 0, 0, 0];
        assert_eq!(out, [&group[..], &run, &last].concat());
        // Of one number alone nothing has to be told but how often it is there.
        out.clear();
        runs(&[0_u32; 20], width(1), &mut out);
        assert_eq!(out, [40]);
        out.clear();
        runs::<u32>(&[], width(0), &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn numbers_have_the_bits_that_they_need() {
        assert_eq!([0, 1, 2, 3, 4, 5, 256, 257].map(width), [0, 0, 1, 2, 2, 3, 8, 9]);
    }
}
