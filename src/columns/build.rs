//! Rows in the making: values of fields go to the ends of columns.

use std::{iter, mem, net::IpAddr, sync::Arc};

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Int32Array, Int64Array, ListArray, RecordBatch,
    TimestampMicrosecondArray, types::Int32Type,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field};
use hashbrown::{HashMap, HashTable};

use super::{
    Layout, Shape,
    dictionary::{Dictionary, strings},
};
use crate::{
    dns,
    flow::Direction,
    knowledge::Known,
    record::{Each, Put, Service, Taker, Value},
    text::number,
};

/// Whoever takes values into columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrow;

impl Taker for Arrow {
    type Put<'p> = Cell<'p>;
}

/// Rows that grow into a batch. The default is none, of no columns.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    columns: Vec<Column>,
    len: usize,
    answers: HashTable<Answer>,
    kept: Vec<(u16, Kept)>,
    scratch: Vec<u8>,
}

/// What was put into columns for an answer: a range of what is kept.
#[derive(Debug)]
struct Answer {
    known: Known,
    direction: Direction,
    start: usize,
    end: usize,
}

/// The end of a column.
#[derive(Clone, Copy, Debug)]
enum Kept {
    One(i64),
    /// Items of a list.
    Items(usize, usize),
}

/// A column in the making. Rows behind its end have nothing in it, until something is put there.
#[derive(Debug)]
struct Column {
    shape: Shape,
    /// Which rows have something.
    valid: NullBufferBuilder,
    /// Numbers, nanoseconds, flags, or numbers of texts: one a row, or the items of all lists.
    values: Vec<i64>,
    /// Of lists and JSON: where each row ends in `values` or `text`.
    ends: Vec<i32>,
    dictionary: Dictionary,
    /// Numbers of the texts of addresses, which need not be written again to be found.
    addresses: HashMap<(u8, u128), i64>,
    text: Vec<u8>,
}

/// What takes the values of a field into its column.
pub(crate) struct Cell<'p> {
    column: &'p mut Column,
    scratch: &'p mut Vec<u8>,
    row: usize,
}

impl Cell<'_> {
    /// Puts a list, of nothing yet.
    pub(super) fn list(&mut self) {
        let Self { column, row, .. } = self;
        column.pad(*row);
        column.valid.append_non_null();
        column.ends.push(column.values.len() as i32);
    }

    /// Puts JSON as it stands: an object, or a whole list of them.
    pub(super) fn json(&mut self, json: &str) {
        let Self { column, row, .. } = self;
        column.pad(*row);
        column.valid.append_non_null();
        column.text.extend_from_slice(json.as_bytes());
        column.ends.push(column.text.len() as i32);
    }
}

impl Put for Cell<'_> {
    #[inline]
    fn one(&mut self, value: Value<'_>) {
        self.column.put(self.row, value, self.scratch);
    }

    #[inline]
    fn all(&mut self, give: impl FnOnce(&mut Each<'_>)) {
        let Self { column, scratch, row } = self;
        give(&mut |value| column.put(*row, value, scratch));
    }
}

impl Rows {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Ends a row, all of whose values were put. Those of the layout are the columns of the first one.
    pub(crate) fn end(&mut self) {
        self.len += 1;
    }

    /// Makes sure that there are the columns of a layout.
    #[inline]
    pub(crate) fn lay(&mut self, layout: &Layout) {
        if self.columns.is_empty() {
            self.columns = layout.shapes.iter().map(|&shape| Column::new(shape)).collect();
        }
    }

    /// What takes the values of a field of the row in the making, by its number in the layout.
    #[inline]
    pub(crate) fn cell(&mut self, number: usize) -> Cell<'_> {
        Cell { column: &mut self.columns[number], scratch: &mut self.scratch, row: self.len }
    }

    /// Puts what depends on the answer alone: what was put there before for the same answer, or what `read` puts.
    /// The columns are those of these numbers.
    #[inline]
    pub(crate) fn answer(&mut self, service: &Service<'_>, columns: &[usize], read: impl FnOnce(&mut Self)) {
        let (known, direction) = (service.known, service.direction);
        let hash = hash(known, direction);
        let met = self.answers.find(hash, |met| met.known == known && met.direction == direction);
        let Some(&Answer { start, end, .. }) = met else {
            return self.meet(service, columns, read);
        };
        for &(number, kept) in &self.kept[start..end] {
            self.columns[usize::from(number)].put_again(self.len, kept);
        }
    }

    #[cold]
    fn meet(&mut self, service: &Service<'_>, columns: &[usize], read: impl FnOnce(&mut Self)) {
        read(self);
        let (known, direction, start) = (service.known, service.direction, self.kept.len());
        for &number in columns {
            let kept = self.columns[number].kept(self.len);
            // A table has some hundred fields.
            self.kept.extend(kept.map(|kept| (number as u16, kept)));
        }
        let answer = Answer { known, direction, start, end: self.kept.len() };
        self.answers.insert_unique(hash(known, direction), answer, |met| hash(met.known, met.direction));
    }

    /// The rows as a batch; there are none then.
    ///
    /// # Errors
    /// None but those of a fault of ours: the columns fit the layout.
    pub(crate) fn finish(&mut self, layout: &Layout) -> Result<RecordBatch, ArrowError> {
        self.lay(layout);
        self.answers.clear();
        self.kept.clear();
        let len = mem::take(&mut self.len);
        let mut arrays = Vec::with_capacity(layout.schema.fields().len());
        for column in &mut self.columns {
            column.finish(len, &mut arrays)?;
        }
        RecordBatch::try_new(Arc::clone(&layout.schema), arrays)
    }
}

/// Answers are told by the number of their label; few differ in the rest.
fn hash(known: Known, direction: Direction) -> u64 {
    let way = u64::from(direction == Direction::Up);
    (u64::from(known.label) << 1 | way).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Column {
    fn new(shape: Shape) -> Self {
        Self {
            shape,
            valid: NullBufferBuilder::new(1 << 10),
            values: Vec::new(),
            ends: Vec::new(),
            dictionary: Dictionary::default(),
            addresses: HashMap::new(),
            text: Vec::new(),
        }
    }

    fn is_list(&self) -> bool {
        matches!(self.shape, Shape::Smalls | Shape::Texts)
    }

    /// Leaves nothing in the rows up to this one.
    #[inline]
    fn pad(&mut self, row: usize) {
        let missing = row.saturating_sub(self.valid.len());
        if missing > 0 {
            self.valid.append_n_nulls(missing);
            match self.shape {
                Shape::Smalls | Shape::Texts | Shape::Json | Shape::Jsons => {
                    self.ends.resize(row, self.ends.last().copied().unwrap_or_default());
                }
                _ => self.values.resize(row, 0),
            }
        }
    }

    /// Puts a value into a row, or one more into the last.
    #[inline]
    fn put(&mut self, row: usize, value: Value<'_>, scratch: &mut Vec<u8>) {
        let value = match (self.shape, value) {
            (Shape::Json | Shape::Jsons, Value::Message(via, message)) => {
                return self.put_json(row, |text| dns::json(via, &message, text));
            }
            (Shape::Text | Shape::Texts, value) => {
                let Self { dictionary, addresses, .. } = self;
                let mut number = || {
                    scratch.clear();
                    dictionary.number(text(value, scratch)).into()
                };
                match address(value) {
                    Some(address) => *addresses.entry(address).or_insert_with(number),
                    None => number(),
                }
            }
            (_, Value::Number(number) | Value::Identifier(number)) => {
                let Ok(number) = i64::try_from(number) else { return };
                number
            }
            (_, Value::Flag(flag)) => flag.into(),
            // Times beyond 2262 come back as they were when the batch is made.
            (_, Value::Time(time)) => time.0.cast_signed(),
            _ => return,
        };
        self.pad(row);
        if self.valid.len() == row {
            self.valid.append_non_null();
            self.values.push(value);
            if self.is_list() {
                self.ends.push(self.values.len() as i32);
            }
        } else if self.is_list()
            && let Some(end) = self.ends.last_mut()
        {
            self.values.push(value);
            *end += 1;
        }
    }

    fn put_json(&mut self, row: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.pad(row);
        let (is_first, is_list) = (self.valid.len() == row, self.shape == Shape::Jsons);
        if is_first {
            self.valid.append_non_null();
            self.ends.push(0);
            self.text.extend_from_slice(if is_list { b"[" } else { b"" });
        } else {
            self.text.pop();
            self.text.push(b',');
        }
        write(&mut self.text);
        self.text.extend_from_slice(if is_list { b"]" } else { b"" });
        if let Some(end) = self.ends.last_mut() {
            *end = self.text.len() as i32;
        }
    }

    /// What a row has in it.
    fn kept(&self, row: usize) -> Option<Kept> {
        let is_there = self.valid.len() > row;
        is_there.then(|| match self.is_list() {
            true => {
                let start = row.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
                Kept::Items(start, self.values.len())
            }
            false => Kept::One(self.values.last().copied().unwrap_or_default()),
        })
    }

    #[inline]
    fn put_again(&mut self, row: usize, kept: Kept) {
        self.pad(row);
        self.valid.append_non_null();
        match kept {
            Kept::One(value) => self.values.push(value),
            Kept::Items(start, end) => {
                self.values.extend_from_within(start..end);
                self.ends.push(self.values.len() as i32);
            }
        }
    }

    /// Appends what the column makes of so many rows: one array, or two of times.
    fn finish(&mut self, len: usize, arrays: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
        self.pad(len);
        let valid = self.valid.finish();
        let values = &self.values;
        let small = || ScalarBuffer::from_iter(values.iter().map(|&value| value as i32));
        let offsets = || {
            let ends = iter::once(0).chain(self.ends.iter().copied());
            OffsetBuffer::new(ends.collect::<ScalarBuffer<i32>>())
        };
        let array: ArrayRef = match self.shape {
            Shape::Time => {
                let times = || values.iter().map(|time| time.cast_unsigned());
                let micros = times().map(|time| (time / 1000) as i64).collect();
                let fits = times().map(|time| i64::try_from(time).is_ok()).collect::<BooleanBuffer>();
                let fits = NullBuffer::union(valid.as_ref(), Some(&NullBuffer::new(fits)));
                arrays
                    .push(Arc::new(TimestampMicrosecondArray::try_new(micros, valid)?.with_timezone("UTC")));
                Arc::new(Int64Array::try_new(values.clone().into(), fits)?)
            }
            Shape::Small => Arc::new(Int32Array::try_new(small(), valid)?),
            Shape::Number => Arc::new(Int64Array::try_new(values.clone().into(), valid)?),
            Shape::Flag => Arc::new(BooleanArray::new(values.iter().map(|&flag| flag != 0).collect(), valid)),
            Shape::Text => {
                let numbers = Int32Array::try_new(small(), valid)?;
                // Where there is none yet, 0 would be the number of no text.
                let texts = Arc::new(self.dictionary.finish()?);
                Arc::new(DictionaryArray::<Int32Type>::try_new(numbers, texts)?)
            }
            Shape::Smalls => {
                let items = Arc::new(Int32Array::new(small(), None));
                let item = Arc::new(Field::new_list_field(DataType::Int32, false));
                Arc::new(ListArray::try_new(item, offsets(), items, valid)?)
            }
            Shape::Texts => {
                let items = Arc::new(self.dictionary.finish_list(values)?);
                let item = Arc::new(Field::new_list_field(DataType::Utf8, false));
                Arc::new(ListArray::try_new(item, offsets(), items, valid)?)
            }
            Shape::Json | Shape::Jsons => Arc::new(strings(mem::take(&mut self.text), offsets(), valid)?),
        };
        // What they took stays for the rows to come.
        self.values.clear();
        self.addresses.clear();
        self.ends.clear();
        arrays.push(array);
        Ok(())
    }
}

/// An address of any kind, by what tells it from all others of its kind.
#[inline]
fn address(value: Value<'_>) -> Option<(u8, u128)> {
    match value {
        Value::Address(IpAddr::V4(address)) => Some((4, address.to_bits().into())),
        Value::Address(IpAddr::V6(address)) => Some((6, address.to_bits())),
        Value::Mac([a, b, c, d, e, f]) => Some((8, u64::from_be_bytes([0, 0, a, b, c, d, e, f]).into())),
        _ => None,
    }
}

/// A value as text: what its JSON says, once that is read.
fn text<'t>(value: Value<'t>, scratch: &'t mut Vec<u8>) -> &'t [u8] {
    match value {
        Value::Word(octets) => return octets,
        Value::Text(octets) | Value::Escaped(octets) => match str::from_utf8(octets) {
            Ok(_) => return octets,
            Err(_) => scratch.extend_from_slice(String::from_utf8_lossy(octets).as_bytes()),
        },
        Value::Number(number) | Value::Identifier(number) => number::decimal(number, scratch),
        Value::Address(address) => number::address(address, scratch),
        Value::Mac(octets) => number::mac_hyphens(octets, scratch),
        Value::Note(note) => note.write(scratch),
        // No table gives these for a field of text.
        Value::Flag(_) | Value::Time(_) | Value::Message(..) => {}
    }
    scratch
}
