//! Capture files as octets: pcap, pcapng and snoop, free of I/O.
//!
//! A format that is read is a walker (`walk`): a pure function from octets to the frames in them. pcapng is written, too.

mod magic;
mod octets;
mod pcap;
pub(crate) mod pcapng;
mod snoop;
#[cfg(test)]
pub(crate) mod testing;
mod walk;

pub use magic::{Compression, FileFormat};
pub(crate) use magic::{HEAD_LEN, Recognised, at_the_start, recognise};
pub(crate) use octets::Order;
pub(crate) use walk::{Piece, Stop, Walked, Walker};
