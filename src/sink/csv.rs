//! One CSV row per packet (RFC 4180), columns named as the JSON paths with dots turned into underscores.

use super::{Encoder, pieces::Pieces};
use crate::{
    knowledge::Knowledge,
    record::{
        Columns, Record, ValueWriter,
        fields::{COLUMNS, OfPacket, Per},
    },
    text::field::{columns, header},
};

/// CSV rows. Lists within a field are joined by spaces, notes and DNS messages by `; `.
#[derive(Clone, Debug)]
pub struct Csv {
    /// The columns in their order, those behind each other that depend on the same.
    runs: Vec<(Per, Vec<OfPacket<Columns>>)>,
    writer: ValueWriter,
    answers: Pieces,
}

impl Default for Csv {
    fn default() -> Self {
        let mut runs: Vec<(Per, Vec<_>)> = Vec::new();
        for field in columns(&COLUMNS) {
            match runs.last_mut().filter(|(per, _)| *per == field.get.per) {
                Some((_, run)) => run.push(field.get),
                None => runs.push((field.get.per, vec![field.get])),
            }
        }
        Self { runs, writer: ValueWriter::default(), answers: Pieces::default() }
    }
}

impl Encoder for Csv {
    type Part = Vec<u8>;

    fn shows_community_ids(&self) -> bool {
        true
    }

    fn begin(&mut self, _known: Option<&Knowledge>, out: &mut Vec<u8>) {
        header(&COLUMNS, out);
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Self { runs, writer, answers } = self;
        for (per, run) in runs {
            let mut cells = |out: &mut Vec<u8>| {
                let mut cells = writer.cells(out);
                for get in run.iter() {
                    cells.cell(|cell| get.read(record, cell));
                }
            };
            match (per, &record.service) {
                (Per::Answer, Some(service)) => answers.copy(service, out, cells),
                (Per::Quoted, _) if record.headers.quoted.is_none() => {
                    out.resize(out.len() + run.len(), b',');
                }
                _ => cells(out),
            }
        }
        if let Some(last) = out.last_mut() {
            *last = b'\n';
        }
    }
}
