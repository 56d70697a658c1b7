//! One JSON object per packet and line, of chosen fields only.

use super::Encoder;
use crate::{
    record::{
        Record, ValueWriter,
        fields::{OfPacket, PACKET},
    },
    text::field::{Field, distinct, grouped},
};

/// JSON lines of chosen fields: those of an object stand together, else in the order in which they were chosen.
#[derive(Clone, Debug)]
pub struct Fields {
    fields: Vec<&'static Field<OfPacket>>,
    writer: ValueWriter,
}

impl Fields {
    /// Lines of these fields, by their numbers in [`PACKET`].
    ///
    /// # Panics
    /// Never for numbers of that table.
    pub fn new(numbers: &[usize]) -> Self {
        let fields = distinct(numbers).into_iter().map(|number| &PACKET[number]).collect();
        Self { fields: grouped(fields), writer: ValueWriter::default() }
    }
}

impl Encoder for Fields {
    type Part = Vec<u8>;

    fn shows_community_ids(&self) -> bool {
        self.fields.iter().any(|field| field.path == "network.community_id")
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.writer.object(self.fields.iter().copied(), |get, put| get.read(record, put), out);
        out.push(b'\n');
    }
}
