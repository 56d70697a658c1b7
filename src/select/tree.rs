//! Records of reports, which are few, as their own JSON has them: each path of a table leads to what the JSON holds there.

use super::schema::{Entry, Schema, Subject};
use crate::{
    record::{Each, Value},
    text::{
        field::{Field, Type},
        json::{Leaf, Tree},
        number::read_mac,
        time::moment,
    },
};

/// Records as JSON objects.
#[derive(Clone, Copy, Debug)]
pub struct Trees;

/// Where a field stands, and what its values are.
#[derive(Clone, Debug)]
pub struct Place {
    keys: Box<[&'static str]>,
    kind: Type,
}

impl Subject for Trees {
    type Row<'r> = Tree;
    type Get = Place;
    type Shared = ();
    type Quick = std::convert::Infallible;

    fn read(get: &Place, row: &Tree, put: &mut Each<'_>) {
        row.each(&get.keys, &mut |leaf| match (get.kind, leaf) {
            (_, Leaf::Number(number)) => put(Value::Number(number)),
            (_, Leaf::Flag(flag)) => put(Value::Flag(flag)),
            (Type::Time, Leaf::Text(text)) => {
                moment(text).into_iter().for_each(|time| put(Value::Time(time)));
            }
            (Type::Address, Leaf::Text(text)) => {
                text.parse().into_iter().for_each(|address| put(Value::Address(address)));
            }
            (Type::Mac, Leaf::Text(text)) => read_mac(text).into_iter().for_each(|mac| put(Value::Mac(mac))),
            (_, Leaf::Text(text)) => put(Value::Text(text.as_bytes())),
        });
    }
}

impl Schema<Trees> {
    /// The fields of a table and of the objects in it, by the paths that lead to them.
    pub fn of_tree(fields: &'static [Field]) -> Self {
        let mut entries = Vec::new();
        collect(fields, &[], &mut entries);
        Self::new(entries)
    }

    /// The fields of a table of records that are read otherwise, by the paths that JSON has them under.
    pub fn of_paths<G: Copy>(fields: &'static [Field<G>]) -> Self {
        let entry = |field: &'static Field<G>| {
            let keys: Box<[_]> = field.path.split('.').collect();
            let place = Place { keys, kind: field.kind };
            Entry { path: field.path.to_owned(), kind: field.kind, unit: field.unit, get: place }
        };
        Self::new(fields.iter().map(entry).collect())
    }
}

fn collect(fields: &'static [Field], before: &[&'static str], entries: &mut Vec<Entry<Trees>>) {
    for field in fields {
        let keys: Vec<_> = before.iter().copied().chain(field.path.split('.')).collect();
        match field.kind {
            Type::Object(inner) => collect(inner, &keys, entries),
            kind => entries.push(Entry {
                path: keys.join("."),
                kind,
                unit: field.unit,
                get: Place { keys: keys.into(), kind },
            }),
        }
    }
}
