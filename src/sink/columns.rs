//! Packets as columns of Arrow.

use std::{io, sync::Arc};

use super::{Encoder, Sink};
use crate::{
    columns::{Arrow, Form, Layout, Origin, RecordBatch, Rows, SchemaRef, Writer},
    record::{
        Record,
        fields::{OfPacket, Per, packet_fields},
    },
    text::field::{Field, Need, columns_with, distinct},
};

/// The fields of a packet for the makers of columns.
static PACKETS: &[Field<OfPacket<Arrow>>] = &packet_fields();

/// Rows of columns, typed by the table of fields.
#[derive(Clone, Debug)]
pub struct Columns {
    layout: Arc<Layout>,
    /// The fields in the order of their columns.
    runs: Arc<[Run]>,
    shows_community_ids: bool,
}

/// Fields behind each other that depend on the same, and the numbers of their columns.
#[derive(Debug)]
struct Run {
    per: Per,
    fields: Vec<(usize, OfPacket<Arrow>)>,
    numbers: Vec<usize>,
}

/// Rows on their way to a sink.
#[derive(Debug, Default)]
pub struct Gathered {
    rows: Rows,
    layout: Option<Arc<Layout>>,
}

impl Columns {
    /// Rows of all fields.
    pub fn new(origin: &Origin) -> Self {
        Self::needing(&[], origin)
    }

    /// Rows of all fields, with those that these bring.
    pub fn needing(needs: &[Need], origin: &Origin) -> Self {
        Self::with(columns_with(PACKETS, needs).collect(), origin)
    }

    /// Rows of these fields only, by their numbers in [`PACKET`](crate::record::fields::PACKET), in this order.
    ///
    /// # Panics
    /// Never for numbers of that table.
    pub fn of(numbers: &[usize], origin: &Origin) -> Self {
        Self::with(distinct(numbers).into_iter().map(|number| &PACKETS[number]).collect(), origin)
    }

    fn with(fields: Vec<&'static Field<OfPacket<Arrow>>>, origin: &Origin) -> Self {
        let layout = Layout::new(fields.iter().copied()).told(origin);
        let mut runs: Vec<Run> = Vec::new();
        for (number, field) in fields.iter().enumerate() {
            let per = field.get.per;
            let run = match runs.iter_mut().position(|run| run.per == per) {
                Some(at) => &mut runs[at],
                None => {
                    runs.push(Run { per, fields: Vec::new(), numbers: Vec::new() });
                    let last = runs.len() - 1;
                    &mut runs[last]
                }
            };
            run.fields.push((number, field.get));
            run.numbers.push(number);
        }
        let shows_community_ids = fields.iter().any(|field| field.path == "network.community_id");
        Self { layout: Arc::new(layout), runs: runs.into(), shows_community_ids }
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.layout.schema
    }
}

impl Encoder for Columns {
    type Part = Gathered;

    fn shows_community_ids(&self) -> bool {
        self.shows_community_ids
    }

    /// A few thousand packets: what is the same in several of them is numbered once for all.
    fn batch_len(&self) -> usize {
        1 << 21
    }

    fn packet(&mut self, record: &Record<'_>, part: &mut Gathered) {
        let Gathered { rows, layout } = part;
        if layout.is_none() {
            *layout = Some(Arc::clone(&self.layout));
        }
        rows.lay(&self.layout);
        for Run { per, fields, numbers } in &*self.runs {
            let read = |rows: &mut Rows| {
                for (number, get) in fields {
                    get.read(record, &mut rows.cell(*number));
                }
            };
            match (per, &record.service) {
                (Per::Answer, Some(service)) => rows.answer(service, numbers, read),
                _ if per.is_absent(record) => {}
                _ => read(rows),
            }
        }
        rows.end();
    }
}

impl Gathered {
    /// The rows as a batch, where there are any; there are none then.
    ///
    /// # Errors
    /// None but those of a fault of ours.
    pub fn finish(&mut self) -> io::Result<Option<RecordBatch>> {
        match &self.layout {
            Some(layout) if self.rows.len() > 0 => {
                self.rows.finish(layout).map(Some).map_err(io::Error::other)
            }
            _ => Ok(None),
        }
    }
}

/// Hands batches over.
pub struct Batches<F>(pub F);

impl<F: FnMut(RecordBatch) -> io::Result<()>> Sink<Gathered> for Batches<F> {
    fn take(&mut self, part: &mut Gathered) -> io::Result<()> {
        part.finish()?.map_or(Ok(()), &mut self.0)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes batches to a file, a pipe or memory.
pub struct BatchWriter<W: io::Write + Send> {
    /// Before the first input is open nothing is written.
    out: Option<W>,
    writer: Option<Writer<W>>,
    form: Form,
    schema: SchemaRef,
}

impl<W: io::Write + Send> BatchWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W, form: Form, schema: &SchemaRef) -> Self {
        Self { out: Some(out), writer: None, form, schema: Arc::clone(schema) }
    }

    fn begin(&mut self) -> io::Result<()> {
        if let Some(out) = self.out.take() {
            self.writer = Some(Writer::new(out, self.form, &self.schema)?);
        }
        Ok(())
    }
}

impl<W: io::Write + Send> Sink<Gathered> for BatchWriter<W> {
    fn head(&mut self, part: &mut Gathered) -> io::Result<()> {
        self.begin()?;
        self.take(part)
    }

    fn take(&mut self, part: &mut Gathered) -> io::Result<()> {
        match (part.finish()?, &mut self.writer) {
            (Some(batch), Some(writer)) => writer.write(&batch),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Writer::flush)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.begin()?;
        self.writer.as_mut().map_or(Ok(()), Writer::finish)
    }
}
