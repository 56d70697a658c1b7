//! The columns that a table of fields has.

use std::{collections::HashMap, sync::Arc};

use arrow_schema::{DataType, Field as Column, Schema, SchemaRef, TimeUnit};

use crate::text::field::{Ecs, Field, Type};

/// What a file tells of itself beside its rows.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Date of the registry that gave the names.
    pub registry: String,
    /// Names of the inputs.
    pub inputs: Vec<String>,
}

impl Origin {
    /// As keys and values: `portolan.version`, `registry.updated`, and `input.name`, a line each where there are several.
    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let pairs = [
            ("portolan.version", version),
            ("registry.updated", self.registry.clone()),
            ("input.name", self.inputs.join("\n")),
        ];
        pairs.map(|(key, value)| (key.to_owned(), value)).into()
    }
}

/// How the values of a field are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Two columns: microseconds and nanoseconds.
    Time,
    /// A number up to 65,535.
    Small,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Text.
    Text,
    /// A list of numbers up to 65,535.
    Smalls,
    /// A list of texts.
    Texts,
    /// An object, as JSON.
    Json,
    /// A list of objects, as JSON.
    Jsons,
}

impl Shape {
    fn of<G: Copy>(field: &Field<G>) -> Self {
        match (field.kind, field.is_list) {
            (Type::Time, _) => Self::Time,
            (Type::Number(most), false) if most <= u16::MAX.into() => Self::Small,
            (Type::Number(_), false) => Self::Number,
            (Type::Number(_), true) => Self::Smalls,
            (Type::Flag, _) => Self::Flag,
            (Type::Object(_), false) => Self::Json,
            (Type::Object(_), true) => Self::Jsons,
            (_, false) => Self::Text,
            (_, true) => Self::Texts,
        }
    }

    fn data_type(self) -> DataType {
        let item = |kind| Arc::new(Column::new_list_field(kind, false));
        match self {
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Small => DataType::Int32,
            Self::Number => DataType::Int64,
            Self::Flag => DataType::Boolean,
            Self::Text => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Self::Smalls => DataType::List(item(DataType::Int32)),
            Self::Texts => DataType::List(item(DataType::Utf8)),
            Self::Json | Self::Jsons => DataType::Utf8,
        }
    }
}

/// The columns of some fields, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Of each field.
    pub(crate) shapes: Vec<Shape>,
    /// The columns.
    pub(crate) schema: SchemaRef,
}

impl Layout {
    /// The columns of these fields.
    pub(crate) fn new<'f, G: Copy + 'static>(fields: impl IntoIterator<Item = &'f Field<G>>) -> Self {
        Self::at(fields.into_iter().map(|field| (field.path, field)))
    }

    /// The columns of these fields, at these paths.
    pub(crate) fn at<'f, G: Copy + 'static>(
        fields: impl IntoIterator<Item = (impl AsRef<str>, &'f Field<G>)>,
    ) -> Self {
        let (mut shapes, mut columns) = (Vec::new(), Vec::new());
        for (path, field) in fields {
            let (path, shape) = (path.as_ref(), Shape::of(field));
            shapes.push(shape);
            columns.push(column(field, path, "", shape.data_type(), field.unit));
            if shape == Shape::Time {
                columns.push(column(field, path, "_ns", DataType::Int64, "ns since 1970"));
            }
        }
        Self { shapes, schema: Arc::new(Schema::new(columns)) }
    }

    /// The same with what the file tells of itself.
    pub(crate) fn told(self, origin: &Origin) -> Self {
        let schema = Schema::clone(&self.schema).with_metadata(origin.metadata());
        Self { schema: Arc::new(schema), ..self }
    }
}

/// A column, with what the table says of its field.
fn column<G: Copy>(field: &Field<G>, path: &str, end: &str, kind: DataType, unit: &str) -> Column {
    let name = match (path, end) {
        ("@timestamp", "_ns") => "time_ns".to_owned(),
        _ => path.replace('.', "_") + end,
    };
    let mut told = vec![("path", path), ("meaning", field.doc)];
    told.extend((!unit.is_empty()).then_some(("unit", unit)));
    match field.ecs {
        Ecs::Own => {}
        Ecs::Same => told.push(("ecs", path)),
        Ecs::Differs(difference) => told.extend([("ecs", path), ("ecs.difference", difference)]),
    }
    let told = told.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    Column::new(name, kind, true).with_metadata(told.collect())
}
