//! Flows: packets that share the bidirectional five-tuple (RFC 7011 section 2, RFC 5103).
//!
//! - [`key`]: the five-tuple in canonical order, and which way a packet went through it.
//! - [`table`]: all five-tuples of a capture with their counters and what was seen of who serves.
//! - [`fragment`]: which flow a later IP fragment belongs to.
//! - `peers`: how many peers meet each endpoint.
//! - [`community_id`]: one name for a flow that many tools agree on.

mod community_id;
pub mod fragment;
pub mod key;
pub(crate) mod peers;
pub mod table;

pub use community_id::community_id;
use key::{Direction, FlowKey, V4, V6};

use crate::{decode::Network, packet::TransportProtocol};

/// The five-tuple of a packet, over either family, and which way the packet goes through it.
#[derive(Clone, Copy, Debug)]
pub enum Ends {
    /// Over IPv4.
    V4(FlowKey<V4>, Direction),
    /// Over IPv6.
    V6(FlowKey<V6>, Direction),
}

impl Ends {
    /// The five-tuple between two addresses; `None` where there are none.
    #[inline]
    pub fn between(network: Network, protocol: TransportProtocol, ports: Option<(u16, u16)>) -> Option<Self> {
        let (source_port, destination_port) = ports.unwrap_or_default();
        match network {
            Network::V4(source, destination) => {
                let ends = ((V4::from(source), source_port), (V4::from(destination), destination_port));
                let (key, direction) = FlowKey::new(ends.0, ends.1, protocol, ports.is_some());
                Some(Self::V4(key, direction))
            }
            Network::V6(source, destination) => {
                let ends = ((V6::from(source), source_port), (V6::from(destination), destination_port));
                let (key, direction) = FlowKey::new(ends.0, ends.1, protocol, ports.is_some());
                Some(Self::V6(key, direction))
            }
            Network::None => None,
        }
    }
}

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
