//! Batches written out, as a file of Parquet or a stream of Arrow.

use std::io;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};
use parquet::errors::ParquetError;

use super::file::File;

/// What batches are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A file of Apache Parquet, compressed with zstd. Its footer comes last, so it is none before it is finished.
    Parquet,
    /// A stream of Apache Arrow (IPC), which can be read while it is written.
    Arrow,
}

/// Writes batches of one schema.
pub struct Writer<W: io::Write + Send>(Inner<W>);

enum Inner<W: io::Write + Send> {
    Parquet(Box<File<W>>),
    Arrow(Box<StreamWriter<W>>),
}

impl<W: io::Write + Send> Writer<W> {
    /// Begins a file or stream of these columns.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, form: Form, schema: &SchemaRef) -> io::Result<Self> {
        Ok(Self(match form {
            Form::Parquet => Inner::Parquet(Box::new(File::new(out, schema).map_err(of_parquet)?)),
            Form::Arrow => Inner::Arrow(Box::new(StreamWriter::try_new(out, schema).map_err(of_arrow)?)),
        }))
    }

    /// Writes a batch; Parquet once a row group is full.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match &mut self.0 {
            Inner::Parquet(file) => file.write(batch).map_err(of_parquet),
            Inner::Arrow(writer) => writer.write(batch).map_err(of_arrow),
        }
    }

    /// Makes what was written appear, where it can be read before the end.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Inner::Parquet(_) => Ok(()),
            Inner::Arrow(writer) => writer.flush().map_err(of_arrow),
        }
    }

    /// Writes what is left, and the end.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Inner::Parquet(file) => file.finish().map_err(of_parquet),
            Inner::Arrow(writer) => {
                writer.finish().map_err(of_arrow)?;
                writer.get_mut().flush()
            }
        }
    }
}

/// What the output said, where that is what went wrong.
fn of_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

fn of_arrow(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}
