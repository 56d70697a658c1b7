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

use std::net::IpAddr;

use crate::{
    flow::Direction,
    knowledge::Known,
    record::{
        Each, Record,
        fields::{OfPacket, PACKET, Per},
    },
};

/// The fields of packets that are asked most.
#[derive(Clone, Copy, Debug)]
pub enum QuickOfPacket {
    /// When it was captured.
    Time,
    /// Its length on the wire.
    Original,
    /// Address of the sender.
    SourceIp,
    /// Address of the receiver.
    DestinationIp,
    /// Port of the sender.
    SourcePort,
    /// Port of the receiver.
    DestinationPort,
}

impl QuickOfPacket {
    const ALL: [(&'static str, Self); 6] = [
        ("@timestamp", Self::Time),
        ("frame.original", Self::Original),
        ("source.ip", Self::SourceIp),
        ("destination.ip", Self::DestinationIp),
        ("source.port", Self::SourcePort),
        ("destination.port", Self::DestinationPort),
    ];
}

/// Packets as charting makes them.
#[derive(Clone, Copy, Debug)]
pub struct Packets;

impl Subject for Packets {
    type Row<'r> = Record<'r>;
    type Get = OfPacket;
    type Shared = (Known, Direction);
    type Quick = QuickOfPacket;

    fn quick(path: &str) -> Option<QuickOfPacket> {
        QuickOfPacket::ALL.iter().find(|(known, _)| *known == path).map(|(_, quick)| *quick)
    }

    #[inline]
    fn number(quick: QuickOfPacket, row: &Record<'_>) -> Option<u64> {
        match quick {
            QuickOfPacket::Time => row.frame.time.map(|time| time.0),
            QuickOfPacket::Original => Some(row.frame.original_len.into()),
            QuickOfPacket::SourcePort => row.headers.ports.map(|ports| ports.0.into()),
            QuickOfPacket::DestinationPort => row.headers.ports.map(|ports| ports.1.into()),
            QuickOfPacket::SourceIp | QuickOfPacket::DestinationIp => None,
        }
    }

    #[inline]
    fn address(quick: QuickOfPacket, row: &Record<'_>) -> Option<IpAddr> {
        match quick {
            QuickOfPacket::SourceIp => row.addresses().map(|ends| ends.0),
            QuickOfPacket::DestinationIp => row.addresses().map(|ends| ends.1),
            _ => None,
        }
    }

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
