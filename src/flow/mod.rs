//! Flows: packets that share the bidirectional five-tuple (RFC 7011 section 2, RFC 5103).
//!
//! - [`key`]: the five-tuple in canonical order, and which way a packet went through it.
//! - [`table`]: all five-tuples of a capture with their counters and what was seen of who serves.
//! - [`fragment`]: which flow a later IP fragment belongs to.

pub mod fragment;
pub mod key;
pub mod table;

/// Has the memory system fetch an element that is going to be used; what lies outside is no harm.
#[inline(always)]
pub(crate) fn prefetch<T>(all: &[T], index: usize) {
    prefetch_index::prefetch_index(all, index);
}

/// Zeros that were written, not only promised.
///
/// Memory that comes zeroed from the system is one shared page until it is written to. A hash table reads a slot
/// before it writes to it, so each of its pages would be mapped twice, and the second time all other threads be interrupted.
pub(crate) fn written_zeros<T: Copy + Default>(len: usize) -> Vec<T> {
    // Whoever sees both the allocation and the zeros makes one request to the system of them.
    let mut zeros = std::hint::black_box(Vec::with_capacity(len));
    zeros.resize(len, T::default());
    zeros
}
