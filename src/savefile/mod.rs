//! Capture files as octets: pcap, pcapng and snoop, free of I/O.
//!
//! A format that is read is a walker (`walk`): a pure function from octets to the frames in them. Rarer ones are turned into
//! pcapng first (`translate`). pcapng is written, too.

mod magic;
mod octets;
mod pcap;
pub(crate) mod pcapng;
mod snoop;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod translate;
mod walk;

pub use magic::{Compression, FileFormat};
pub(crate) use magic::{HEAD_LEN, LONG_HEAD_LEN, Recognised, at_the_start, recognise};
pub(crate) use octets::Order;
pub(crate) use walk::{Piece, Stop, Walked, Walker};
