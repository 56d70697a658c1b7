//! Flows: packets that share the bidirectional five-tuple (RFC 7011 section 2, RFC 5103).
//!
//! - [`key`]: the five-tuple in canonical order, and which way a packet went through it.
//! - [`table`]: all five-tuples of a capture with their counters and what was seen of who serves.
//! - [`fragment`]: which flow a later IP fragment belongs to.

pub mod fragment;
pub mod key;
pub mod table;
