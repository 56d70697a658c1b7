//! A file of Parquet: groups of rows, whose columns of text are made here ([`Texts`]) and all others by the crate.

use std::{io, sync::Arc};

use arrow_array::{RecordBatch, cast::AsArray as _};
use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::{
    arrow::{
        ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata,
        arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves},
    },
    basic::{Compression, Encoding, ZstdLevel},
    errors::Result,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
        writer::SerializedFileWriter,
    },
    schema::types::ColumnPath,
};

use super::texts::Texts;

/// Rows of a row group.
const GROUP: usize = 1 << 17;
/// Octets of a row group that is ended before it has all its rows: what is kept in memory until it is written.
const GROUP_OCTETS: usize = 64 << 20;
/// How hard zstd tries.
const LEVEL: i32 = 1;

/// A file in the making.
pub(super) struct File<W: io::Write + Send> {
    writer: SerializedFileWriter<W>,
    schema: SchemaRef,
    makers: ArrowRowGroupWriterFactory,
    /// The columns of the group in the making.
    columns: Vec<Column>,
    /// Its rows.
    rows: usize,
}

/// A column of the group in the making.
enum Column {
    Texts(Box<Texts>),
    Other(Box<ArrowColumnWriter>),
}

impl<W: io::Write + Send> File<W> {
    /// Begins a file of these columns.
    pub(super) fn new(out: W, schema: &SchemaRef) -> Result<Self> {
        let mut properties = properties(schema)?;
        // What the file tells stands among its own keys and values.
        let schema = Arc::new(Schema::new(schema.fields().clone()));
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let root = ArrowSchemaConverter::new().convert(&schema)?.root_schema_ptr();
        let writer = SerializedFileWriter::new(out, root, Arc::new(properties))?;
        let makers = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&schema));
        Ok(Self { writer, schema, makers, columns: Vec::new(), rows: 0 })
    }

    /// Writes a batch, once a group is full.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = (GROUP - self.rows).min(batch.num_rows() - start);
            self.append(&batch.slice(start, rows))?;
            start += rows;
        }
        Ok(())
    }

    /// Appends rows that the group has room for.
    fn append(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.columns.is_empty() {
            self.begin()?;
        }
        // Each field is one column: there are no structures.
        for ((column, array), field) in self.columns.iter_mut().zip(batch.columns()).zip(self.schema.fields())
        {
            match column {
                Column::Texts(texts) => texts.write(array.as_dictionary())?,
                Column::Other(writer) => {
                    compute_leaves(field, array)?.iter().try_for_each(|leaf| writer.write(leaf))?;
                }
            }
        }
        self.rows += batch.num_rows();
        if self.rows == GROUP || self.columns.iter().map(Column::size).sum::<usize>() > GROUP_OCTETS {
            self.end()?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        let level = ZstdLevel::try_new(LEVEL)?;
        let writers = self.makers.create_column_writers(self.writer.flushed_row_groups().len())?;
        let descriptors = self.writer.schema_descr().columns();
        for ((field, descriptor), writer) in self.schema.fields().iter().zip(descriptors).zip(writers) {
            self.columns.push(match field.data_type() {
                DataType::Dictionary(..) => {
                    Column::Texts(Box::new(Texts::new(Arc::clone(descriptor), level)?))
                }
                _ => Column::Other(Box::new(writer)),
            });
        }
        Ok(())
    }

    /// Writes the group.
    fn end(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for column in self.columns.drain(..) {
            match column {
                Column::Texts(texts) => {
                    let (octets, close) = texts.finish()?;
                    group.append_column(&octets, close)?;
                }
                Column::Other(writer) => writer.close()?.append_to_row_group(&mut group)?,
            }
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    /// Writes what is left, and the end.
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.rows > 0 {
            self.end()?;
        }
        self.writer.finish()?;
        Ok(self.writer.inner_mut().flush()?)
    }
}

impl Column {
    /// Octets that are kept until the group is written, about.
    fn size(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.size(),
            Self::Other(writer) => writer.get_estimated_total_bytes(),
        }
    }
}

fn properties(schema: &Schema) -> Result<WriterProperties> {
    let mut told: Vec<_> = schema.metadata().iter().collect();
    told.sort_unstable();
    let told = told.into_iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("portolan ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(told));
    for field in schema.fields() {
        let column = || ColumnPath::from(field.name().as_str());
        let is_number =
            matches!(field.data_type(), DataType::Timestamp(..) | DataType::Int64 | DataType::Int32);
        if is_number {
            // Takes no more room than numbers of a dictionary, and nothing has to be looked up.
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
