//! Batches written out, as a file of Parquet or a stream of Arrow.

use std::io;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};

/// Rows of a row group of Parquet.
const GROUP: usize = 1 << 17;
/// Octets of a row group that is ended before it has all its rows: what is kept in memory until it is written.
const GROUP_OCTETS: usize = 64 << 20;

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
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<StreamWriter<W>>),
}

impl<W: io::Write + Send> Writer<W> {
    /// Begins a file or stream of these columns.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, form: Form, schema: &SchemaRef) -> io::Result<Self> {
        Ok(Self(match form {
            Form::Parquet => {
                let properties = properties(schema).map_err(of_parquet)?;
                // What the file tells stands among its own keys and values.
                let schema = Schema::new(schema.fields().clone());
                let writer = ArrowWriter::try_new(out, schema.into(), Some(properties));
                Inner::Parquet(Box::new(writer.map_err(of_parquet)?))
            }
            Form::Arrow => Inner::Arrow(Box::new(StreamWriter::try_new(out, schema).map_err(of_arrow)?)),
        }))
    }

    /// Writes a batch; Parquet once a row group is full.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match &mut self.0 {
            Inner::Parquet(writer) => {
                writer.write(batch).map_err(of_parquet)?;
                if writer.in_progress_size() > GROUP_OCTETS {
                    writer.flush().map_err(of_parquet)?;
                }
                Ok(())
            }
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
            Inner::Parquet(writer) => {
                writer.finish().map_err(of_parquet)?;
                writer.inner_mut().flush()
            }
            Inner::Arrow(writer) => {
                writer.finish().map_err(of_arrow)?;
                writer.get_mut().flush()
            }
        }
    }
}

fn properties(schema: &Schema) -> Result<WriterProperties, ParquetError> {
    let mut told: Vec<_> = schema.metadata().iter().collect();
    told.sort_unstable();
    let told = told.into_iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("portolan ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(GROUP))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(told));
    for field in schema.fields() {
        let column = || ColumnPath::from(field.name().as_str());
        let is_time = matches!(field.data_type(), DataType::Timestamp(..)) || field.name().ends_with("_ns");
        if is_time {
            properties = properties
                .set_column_dictionary_enabled(column(), false)
                .set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED);
        } else if *field.data_type() == DataType::Utf8 {
            // JSON, which is hardly ever the same twice.
            properties = properties.set_column_dictionary_enabled(column(), false);
        }
    }
    Ok(properties.build())
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
