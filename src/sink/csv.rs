//! One CSV row per packet (RFC 4180), columns named as the JSON paths with dots turned into underscores.

use super::{Encoder, pieces::Pieces};
use crate::{
    record::{
        Columns, Record, ValueWriter,
        fields::{COLUMNS, OfPacket, Per},
    },
    text::field::{Field, Need, columns_with, header},
};

/// CSV rows. Lists within a field are joined by spaces, notes and DNS messages by `; `.
#[derive(Clone, Debug)]
pub struct Csv {
    fields: Vec<&'static Field<OfPacket<Columns>>>,
    /// The columns in their order.
    runs: Vec<Run>,
    writer: ValueWriter,
}

/// Columns behind each other that depend on the same.
#[derive(Clone, Debug)]
struct Run {
    per: Per,
    columns: Vec<OfPacket<Columns>>,
    /// Their cells by answer, where they depend on that.
    answers: Pieces,
}

impl Default for Csv {
    fn default() -> Self {
        Self::with(&[])
    }
}

impl Csv {
    /// Rows of all fields, with those that these bring.
    pub fn with(needs: &[Need]) -> Self {
        Self::new(columns_with(&COLUMNS, needs).collect())
    }

    /// Rows of these fields only, by their numbers in [`PACKET`](crate::record::fields::PACKET), in this order.
    ///
    /// # Panics
    /// Never for numbers of that table.
    pub fn of(numbers: &[usize]) -> Self {
        Self::new(numbers.iter().map(|&number| &COLUMNS[number]).collect())
    }

    fn new(fields: Vec<&'static Field<OfPacket<Columns>>>) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for field in &fields {
            let per = field.get.per;
            match runs.last_mut().filter(|run| run.per == per) {
                Some(run) => run.columns.push(field.get),
                None => runs.push(Run { per, columns: vec![field.get], answers: Pieces::default() }),
            }
        }
        Self { fields, runs, writer: ValueWriter::default() }
    }
}

impl Encoder for Csv {
    type Part = Vec<u8>;

    fn shows_community_ids(&self) -> bool {
        self.fields.iter().any(|field| field.path == "network.community_id")
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        header(self.fields.iter().copied(), out);
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Self { runs, writer, .. } = self;
        for Run { per, columns, answers } in runs {
            let mut cells = |out: &mut Vec<u8>| {
                let mut cells = writer.cells(out);
                for get in columns.iter() {
                    cells.cell(|cell| get.read(record, cell));
                }
            };
            match (*per, &record.service) {
                (Per::Answer, Some(service)) => answers.copy(service, out, cells),
                _ if per.is_absent(record) => out.resize(out.len() + columns.len(), b','),
                _ => cells(out),
            }
        }
        if let Some(last) = out.last_mut() {
            *last = b'\n';
        }
    }
}
