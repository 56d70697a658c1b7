//! DNS messages as multicast DNS (RFC 6762) and DNS-SD (RFC 6763) use them.
//!
//! A [`Message`] is a view over its octets (RFC 1035, 2782, 6891): names are walked label by label where
//! they lie, nothing is copied or allocated, and every bit is kept: QU and cache-flush, TTL, TC, section.
//! It is portolan's own because a passive reader must accept what real devices send (forward compression
//! pointers, records before a damaged one, broken data in one record) and because the general crates build
//! owned names: `simple-dns` took 900 ns for a message that this view reads in about 200.
//!
//! Work per message is linear: a name costs at most [`Name::MAX_LEN`] octets and [`Name::MAX_POINTERS`]
//! pointers, and each record is read once.

mod advertised;
mod data;
pub mod fields;
mod fragmented;
pub mod inventory;
pub(crate) mod json;
mod life;
mod line;
mod message;
pub(crate) mod name;
mod notes;
mod overlaps;
mod reassembly;
mod service;
mod shares;
mod streams;
mod via;

#[cfg(test)]
pub(crate) mod testing;

pub use advertised::{Advertised, Advertisement, Moment};
pub use data::{Data, Options, RecordType, Strings, TypeBitmap};
pub(crate) use fragmented::{Fragmented, Whole};
pub use json::json;
pub use life::Origin;
pub use line::line;
pub use message::{Damage, DamageReason, Message, Question, Questions, Record, Records, Section};
pub use name::{Labels, Name};
pub(crate) use notes::Notes;
pub use reassembly::Reassembly;
pub use service::{Meaning, Pair, ServiceType, pairs};
pub(crate) use streams::Segment;
pub use via::{Messages, Via};
