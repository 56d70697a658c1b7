//! Records as columns: batches of Apache Arrow, made from the tables of fields, and written as Parquet or as a stream of
//! Arrow's own. No other module names the crates of Arrow.
//!
//! A column is called as in CSV, by the path of its field with underscores in place of the dots, and typed by what the
//! field holds:
//!
//! - a number: `int32` up to 65,535, else `int64`; never unsigned, as some engines have no such type. What is above
//!   2⁶³ − 1 is left out;
//! - a moment: `timestamp[us, UTC]`, and beside it the same as whole nanoseconds in an `int64`, `time_ns` for
//!   `@timestamp` and `NAME_ns` for others (absent after 2262, which nanoseconds in 63 bits do not reach);
//! - text of any kind, addresses too: a dictionary of UTF-8; several of them are a list;
//! - an object, or a list of objects: its JSON as text.
//!
//! Each column carries `meaning`, and where they have any `unit` and `ecs`, as metadata.

mod build;
mod dictionary;
mod file;
mod schema;
#[cfg(test)]
mod tests;
mod texts;
mod tree;
mod write;

use std::io;

pub use arrow_array::RecordBatch;
pub use arrow_schema::{Schema, SchemaRef};

pub(crate) use self::{
    build::{Arrow, Cell, Rows},
    schema::{Layout, Shape},
    tree::{TreeTable, spread},
};
pub use self::{
    schema::Origin,
    write::{Form, Writer},
};

/// Rows of a batch, where there are more of them at hand.
const BATCH: usize = 1 << 16;

/// Makes a table, row by row.
#[derive(Debug)]
pub(crate) struct TableMaker {
    layout: Layout,
    rows: Rows,
    batches: Vec<RecordBatch>,
}

impl TableMaker {
    /// A table of these columns.
    pub(crate) fn new(layout: Layout) -> Self {
        let mut rows = Rows::default();
        rows.lay(&layout);
        Self { layout, rows, batches: Vec::new() }
    }

    /// What takes the values of a field of the row in the making, by its number in the layout.
    pub(crate) fn cell(&mut self, number: usize) -> Cell<'_> {
        self.rows.cell(number)
    }

    /// Ends a row.
    ///
    /// # Errors
    /// None but those of a fault of ours.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.rows.end();
        if self.rows.len() < BATCH { Ok(()) } else { self.batch() }
    }

    fn batch(&mut self) -> io::Result<()> {
        self.batches.push(self.rows.finish(&self.layout).map_err(io::Error::other)?);
        Ok(())
    }

    /// The table; of no rows, one batch of none.
    ///
    /// # Errors
    /// None but those of a fault of ours.
    pub(crate) fn finish(mut self) -> io::Result<Table> {
        if self.rows.len() > 0 || self.batches.is_empty() {
            self.batch()?;
        }
        Ok(Table { schema: self.layout.schema, batches: self.batches })
    }
}

/// Rows of one set of columns.
#[derive(Clone, Debug)]
pub struct Table {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows, in their order.
    pub batches: Vec<RecordBatch>,
}

impl Table {
    /// Writes the rows.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, form: Form, out: impl io::Write + Send) -> io::Result<()> {
        let mut writer = Writer::new(out, form, &self.schema)?;
        self.batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.finish()
    }
}
