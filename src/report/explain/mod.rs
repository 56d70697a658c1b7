//! Why a flow got its name: every rule that spoke, the packets and octets that decided, what the registry has.
//!
//! Knowledge keeps no frame numbers, so the capture is read again by a [`Watcher`], which sees the packets of one flow and
//! those that told of it; [`Evidence`] is what they add up to. The rules are asked by [`naming::hearing`], which shares
//! them with [`naming::answer`].

pub mod fields;
mod watch;
mod why;
mod write;

use std::net::IpAddr;

pub use watch::{Evidence, Seen, Shown, Spot, Watcher};
pub use why::{Considered, Spoke, changes, names, rules};
pub use write::write;

use crate::{
    flow::{Ends, FiveTuple, Key},
    knowledge::{Place, View},
    naming::{self, Side},
    packet::TransportProtocol,
};

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The packet with this number, of this file where there are several.
    Packet(Option<String>, u64),
    /// The flow between two endpoints.
    Flow((IpAddr, u16), (IpAddr, u16), TransportProtocol),
    /// An endpoint: the first flow that it serves, else the first that it is an end of.
    Endpoint((IpAddr, u16), TransportProtocol),
    /// The flow with this Community ID.
    CommunityId(String),
}

impl Subject {
    /// The five-tuple asked for; `None` where it is not in the capture, or a packet must be found first.
    ///
    /// Community IDs must have been worked out, where one is asked for.
    pub fn key(&self, view: &View<'_>) -> Option<Key> {
        let flows = view.knowledge.flows();
        match self {
            Self::Packet(..) => None,
            Self::Flow(one, other, protocol) => {
                let ends = Ends::between_ips((one.0, other.0), *protocol, Some((one.1, other.1)))?;
                flows.find(&ends.key).map(|_| ends.key)
            }
            Self::Endpoint(endpoint, protocol) => {
                let is_end = |tuple: &FiveTuple<'_>| {
                    tuple.key.protocol() == *protocol
                        && tuple.key.ports().is_some()
                        && (tuple.key.low() == *endpoint || tuple.key.high() == *endpoint)
                };
                let serves = |tuple: &FiveTuple<'_>| {
                    let side = view.answers.get(tuple.id).map_or(Side::Neither, |known| known.side);
                    side == Side::Both || naming::serving(&tuple.key, side) == Some(*endpoint)
                };
                let all = || flows.five_tuples().filter(is_end);
                all().find(serves).or_else(|| all().next()).map(|tuple| tuple.key)
            }
            Self::CommunityId(id) => flows.five_tuples().find_map(|tuple| {
                let place = Place { ends: None, id: Some(tuple.id) };
                let own = view.answers.community_id(&place, None)?;
                (id.strip_prefix("1:")?.as_bytes() == own).then_some(tuple.key)
            }),
        }
    }
}

/// `192.0.2.10:443`, `[2001:db8::1]:443`.
fn at(endpoint: (IpAddr, u16)) -> String {
    std::net::SocketAddr::from(endpoint).to_string()
}
