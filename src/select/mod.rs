//! Choosing among records by what they say: which are shown, in which order, and which of their fields.
//!
//! A [`Schema`] lists the fields of a kind of record, made from the tables that its outputs are made from. A [`Predicate`]
//! is an expression over them (`--where`), checked against their types and compiled once; asking it takes no memory. An
//! [`Order`] is what rows are sorted by. A [`Window`] bounds the time of capture.
//!
//! ```
//! use portolan::select::{Predicate, packets};
//!
//! let text = r#"svc.name == "https" and source.ip in 10.0.0.0/8 and not svc.evidence == "registered""#;
//! assert!(Predicate::new(text, &packets()).is_ok());
//! let fault = Predicate::new("svc.nmae == https", &packets()).unwrap_err();
//! assert_eq!(fault.what(), "there is no field `svc.nmae`");
//! assert_eq!(fault.hints()[0], "did you mean `svc.name`?");
//! ```
//!
//! What the language means is told in `docs/filters.md`.

mod check;
mod choice;
mod fault;
mod order;
mod parse;
mod predicate;
mod schema;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod window;

pub use choice::Choice;
pub use fault::Fault;
pub use order::{Order, Rank};
pub use predicate::Predicate;
pub use schema::{Entry, Schema, Subject, nearest, numbers};
pub use tree::Trees;
pub use window::{Bound, Stretch, Window};

use crate::{
    flow::Direction,
    knowledge::Known,
    record::{
        Each, Record,
        fields::{OfPacket, PACKET, Per},
    },
};

/// Packets as charting makes them.
#[derive(Clone, Copy, Debug)]
pub struct Packets;

impl Subject for Packets {
    type Row<'r> = Record<'r>;
    type Get = OfPacket;
    type Shared = (Known, Direction);

    #[inline]
    fn shared(row: &Record<'_>) -> Option<(usize, Self::Shared)> {
        row.service.map(|service| (service.known.label as usize, (service.known, service.direction)))
    }

    fn is_shared(get: &OfPacket) -> bool {
        get.per == Per::Answer
    }

    #[inline]
    fn read(get: &OfPacket, row: &Record<'_>, put: &mut Each<'_>) {
        get.read(row, put);
    }
}

/// The fields of packets.
pub fn packets() -> Schema<Packets> {
    Schema::of(&PACKET)
}
