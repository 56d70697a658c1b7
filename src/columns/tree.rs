//! Rows of records that are there as JSON only.

use std::io;

use super::{Layout, Origin, Table, TableMaker};
use crate::{
    record::{Put as _, Value},
    text::{
        field::{Field, Type},
        json::{Leaf, Tree},
        time::moment,
    },
};

/// The columns of fields that tell no more than where they stand in JSON.
#[derive(Debug)]
pub(crate) struct TreeTable<'f> {
    fields: Vec<(String, &'f Field)>,
    maker: TableMaker,
}

/// These fields and their paths, with the fields of these objects in place of the objects.
pub(crate) fn spread(fields: &'static [Field], objects: &[&str]) -> Vec<(String, &'static Field)> {
    let of = |field: &'static Field| match field.kind {
        Type::Object(members) if objects.contains(&field.path) => {
            members.iter().map(|member| (format!("{}.{}", field.path, member.path), member)).collect()
        }
        _ => vec![(field.path.to_owned(), field)],
    };
    fields.iter().flat_map(of).collect()
}

impl<'f> TreeTable<'f> {
    /// The columns of these fields, at these paths.
    pub(crate) fn new(fields: Vec<(String, &'f Field)>, origin: &Origin) -> Self {
        let layout = Layout::at(fields.iter().map(|(path, field)| (path, *field))).told(origin);
        Self { fields, maker: TableMaker::new(layout) }
    }

    /// A row of a record.
    ///
    /// # Errors
    /// None but those of a fault of ours.
    pub(crate) fn row(&mut self, tree: &Tree) -> io::Result<()> {
        let Self { fields, maker } = self;
        for (number, (path, field)) in fields.iter().enumerate() {
            let keys: Vec<_> = path.split('.').collect();
            let mut cell = maker.cell(number);
            if let Type::Object(_) = field.kind {
                if let Some(json) = tree.json(&keys) {
                    cell.json(&json);
                }
                continue;
            }
            if field.is_list && tree.has(&keys) {
                // A list of none is not the same as no list.
                cell.list();
            }
            tree.each(&keys, &mut |leaf| match (leaf, field.kind) {
                // Ours, so it is one.
                (Leaf::Text(text), Type::Time) => moment(text).into_iter().for_each(|time| {
                    cell.one(Value::Time(time));
                }),
                (Leaf::Text(text), _) => cell.one(Value::Text(text.as_bytes())),
                (Leaf::Number(number), _) => cell.one(Value::Number(number)),
                (Leaf::Flag(flag), _) => cell.one(Value::Flag(flag)),
            });
        }
        maker.end()
    }

    /// The rows.
    ///
    /// # Errors
    /// None but those of a fault of ours.
    pub(crate) fn finish(self) -> io::Result<Table> {
        self.maker.finish()
    }
}
