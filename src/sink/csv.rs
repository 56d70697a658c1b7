//! One CSV row per packet (RFC 4180), columns named as the JSON paths with dots turned into underscores.

use super::{Encoder, pieces::Pieces};
use crate::{
    record::{
        Columns, Record, ValueWriter,
        fields::{COLUMNS, OfPacket, Per},
    },
    text::field::{columns, header},
};

/// CSV rows. Lists within a field are joined by spaces, notes and DNS messages by `; `.
#[derive(Clone, Debug)]
pub struct Csv {
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
        let mut runs: Vec<Run> = Vec::new();
        for field in columns(&COLUMNS) {
            let per = field.get.per;
            match runs.last_mut().filter(|run| run.per == per) {
                Some(run) => run.columns.push(field.get),
                None => runs.push(Run { per, columns: vec![field.get], answers: Pieces::default() }),
            }
        }
        Self { runs, writer: ValueWriter::default() }
    }
}

impl Encoder for Csv {
    type Part = Vec<u8>;

    fn shows_community_ids(&self) -> bool {
        true
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        header(&COLUMNS, out);
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Self { runs, writer } = self;
        for Run { per, columns, answers } in runs {
            let mut cells = |out: &mut Vec<u8>| {
                let mut cells = writer.cells(out);
                for get in columns.iter() {
                    cells.cell(|cell| get.read(record, cell));
                }
            };
            match (per, &record.service) {
                (Per::Answer, Some(service)) => answers.copy(service, out, cells),
                (Per::Quoted, _) if record.headers.quoted.is_none() => {
                    out.resize(out.len() + columns.len(), b',');
                }
                _ => cells(out),
            }
        }
        if let Some(last) = out.last_mut() {
            *last = b'\n';
        }
    }
}
