//! What a field of an output is: where it stands, what it holds and what it means.
//!
//! Each record that portolan writes is described by one table of fields. Columns, JSON Schemas and the list of fields
//! in `docs/` are made from the tables; JSON that is written by hand is held against them by tests.

use super::csv::Line;

/// One field of a record; `G` is how it is read, where it can be.
#[derive(Clone, Copy, Debug)]
pub struct Field<G: Copy = ()> {
    /// Where it stands in JSON: keys joined by dots. Columns are named by it, with underscores in place of the dots.
    pub path: &'static str,
    /// What each of its values is.
    pub kind: Type,
    /// Whether it may have several values: a list in JSON.
    pub is_list: bool,
    /// When it is there.
    pub presence: Presence,
    /// Unit of a number; empty where it has none.
    pub unit: &'static str,
    /// What it means, in half a sentence.
    pub doc: &'static str,
    /// What the Elastic Common Schema says of a field with this path.
    pub ecs: Ecs,
    /// How late its column came: it stands behind those of all waves before, so that these keep their places.
    pub wave: u8,
    /// What must be asked for to have it.
    pub need: Option<Need>,
    /// How it is read.
    pub get: G,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// A whole number from 0 to this.
    Number(u64),
    /// True or false.
    Flag,
    /// A moment: RFC 3339 in UTC with nanoseconds.
    Time,
    /// An IPv4 or IPv6 address (RFC 5952).
    Address,
    /// A 48-bit link-layer address (RFC 7042 section 2.1).
    Mac,
    /// A word without spaces.
    Word,
    /// One of these words.
    OneOf(fn() -> Vec<&'static str>),
    /// Text.
    Text,
    /// Text from the wire: what is no printable character stands as `\DDD` per octet, a backslash as `\\` (RFC 6763
    /// section 4.3).
    Escaped,
    /// Octets in base64 (RFC 4648 section 4).
    Base64,
    /// An object of these fields.
    Object(&'static [Field]),
}

/// When a field is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Where there is something to say; absent means absent.
    Optional,
    /// Wherever the object is that it stands in.
    Within,
    /// In every record.
    Always,
}

/// What brings fields that are not there otherwise: without it, they have no columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Records of an interface that come as flows end (`flows -i`).
    Stream,
    /// A file that says where addresses are (`--geo`).
    Places,
    /// An interface of this host, whose sockets are looked at (`--processes`).
    Processes,
}

impl Need {
    /// What it is, for the list of fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "of `flows -i`",
            Self::Places => "with `--geo`",
            Self::Processes => "with `--processes`",
        }
    }
}

/// How a field stands to the Elastic Common Schema (version 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecs {
    /// That schema has no such field.
    Own,
    /// It is the field of this path.
    Same,
    /// It is the field of this path, but for what this says.
    Differs(&'static str),
}

/// The largest port.
pub const PORT: Type = Type::Number(u16::MAX as u64);
/// A count.
pub const COUNT: Type = Type::Number(u64::MAX);

impl Field {
    /// A field that is described only.
    pub const fn new(path: &'static str, kind: Type, doc: &'static str) -> Self {
        Self::read(path, kind, doc, ())
    }
}

impl<G: Copy> Field<G> {
    /// A field of one value, which is not always there, has no unit and is portolan's own.
    pub const fn read(path: &'static str, kind: Type, doc: &'static str, get: G) -> Self {
        Self {
            path,
            kind,
            is_list: false,
            presence: Presence::Optional,
            unit: "",
            doc,
            ecs: Ecs::Own,
            wave: 0,
            need: None,
            get,
        }
    }

    /// The same at another place, and read in another way.
    #[must_use]
    pub const fn at<H: Copy>(self, path: &'static str, get: H) -> Field<H> {
        let Self { kind, is_list, presence, unit, doc, ecs, wave, need, get: _, path: _ } = self;
        Field { path, kind, is_list, presence, unit, doc, ecs, wave, need, get }
    }

    /// The same, in every record.
    #[must_use]
    pub const fn always(self) -> Self {
        Self { presence: Presence::Always, ..self }
    }

    /// The same, wherever the object is that it stands in.
    #[must_use]
    pub const fn within(self) -> Self {
        Self { presence: Presence::Within, ..self }
    }

    /// The same with any number of values.
    #[must_use]
    pub const fn list(self) -> Self {
        Self { is_list: true, ..self }
    }

    /// The same, counted in this.
    #[must_use]
    pub const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// The same, as the Elastic Common Schema has it.
    #[must_use]
    pub const fn ecs(self) -> Self {
        Self { ecs: Ecs::Same, ..self }
    }

    /// The same, as the Elastic Common Schema has it but for this.
    #[must_use]
    pub const fn ecs_but(self, difference: &'static str) -> Self {
        Self { ecs: Ecs::Differs(difference), ..self }
    }

    /// The same with its column behind those that were there before.
    #[must_use]
    pub const fn late(self) -> Self {
        self.of_wave(1)
    }

    /// Whose column came that late: behind those of all waves before.
    #[must_use]
    pub const fn of_wave(self, wave: u8) -> Self {
        Self { wave, ..self }
    }

    /// The same, only where this was asked for.
    #[must_use]
    pub const fn with(self, need: Need) -> Self {
        Self { need: Some(need), ..self }
    }

    /// Name of its column.
    pub fn column(&self) -> String {
        self.path.replace('.', "_")
    }
}

/// The fields in the order of their columns, but for those that must be asked for.
pub fn columns<G: Copy>(fields: &'static [Field<G>]) -> impl Iterator<Item = &'static Field<G>> {
    columns_with(fields, &[])
}

/// The same with those that these bring.
pub fn columns_with<'n, G: Copy>(
    fields: &'static [Field<G>],
    needs: &'n [Need],
) -> impl Iterator<Item = &'static Field<G>> + use<'n, G> {
    let last = fields.iter().map(|field| field.wave).max().unwrap_or_default();
    let is_there = |field: &&Field<G>| field.need.is_none_or(|need| needs.contains(&need));
    (0..=last).flat_map(move |wave| fields.iter().filter(move |field| field.wave == wave)).filter(is_there)
}

/// Appends the line of CSV that names the columns.
pub(crate) fn header<G: Copy + 'static>(
    fields: impl IntoIterator<Item = &'static Field<G>>,
    out: &mut Vec<u8>,
) {
    let mut line = Line::new(out);
    // Names of ours: that `@timestamp` is no formula need not be said.
    for field in fields {
        line.plain(|out| out.extend_from_slice(field.column().as_bytes()));
    }
    line.end();
}

/// The fields in an order in which those of one object stand behind each other, at every depth: each object where its first
/// field stands.
pub(crate) fn grouped<G: Copy>(mut fields: Vec<&'static Field<G>>) -> Vec<&'static Field<G>> {
    let paths: Vec<_> = fields.iter().map(|field| field.path).collect();
    let first = |object: &str| {
        let is_in = |path: &&str| {
            path.strip_prefix(object).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        paths.iter().position(is_in)
    };
    fields.sort_by_cached_key(|field| {
        let ends = field.path.match_indices('.').map(|(at, _)| at).chain([field.path.len()]);
        ends.map(|end| first(&field.path[..end])).collect::<Vec<_>>()
    });
    fields
}

/// A field twice is there once.
pub(crate) fn distinct(columns: &[usize]) -> Vec<usize> {
    let mut all = Vec::new();
    columns.iter().for_each(|column| {
        if !all.contains(column) {
            all.push(*column);
        }
    });
    all
}
