//! Flow keys: the bidirectional five-tuple, the same for both directions of a conversation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::packet::TransportProtocol;

/// A network address in a form that compares and hashes in a few instructions.
pub trait Address: Copy + Ord + Default + Send + Sync + std::fmt::Debug {
    /// Two endpoints in ascending order, by address, then by port, and whether they came the other way round.
    fn ascending(one: (Self, u16), other: (Self, u16)) -> ([(Self, u16); 2], bool) {
        let swapped = one > other;
        // Either way is as likely, and a wrong guess of the processor costs more than all the rest.
        let ends = [one, other];
        ([ends[usize::from(swapped)], ends[usize::from(!swapped)]], swapped)
    }
    /// A hash of two addresses under a secret seed.
    fn hash_pair(low: Self, high: Self, seed: Seed) -> u64;
    /// The address as the standard library has it.
    fn ip(self) -> IpAddr;
    /// The key of a packet between two addresses, and which way the packet goes through it.
    #[inline]
    fn key_between(
        source: impl Into<Self>,
        destination: impl Into<Self>,
        protocol: TransportProtocol,
        ports: Option<(u16, u16)>,
    ) -> (FlowKey<Self>, Direction) {
        let (from, to) = ports.unwrap_or_default();
        FlowKey::new((source.into(), from), (destination.into(), to), protocol, ports.is_some())
    }
    /// The key for those who do not care for the family.
    fn key(key: FlowKey<Self>) -> Key;
    /// The number of a five-tuple of this family.
    fn id(index: u32) -> FlowId;
}

/// An IPv4 address in host byte order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct V4(u32);

/// An IPv6 address, upper and lower half in host byte order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct V6(u64, u64);

impl From<[u8; 4]> for V4 {
    fn from(octets: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(octets))
    }
}

impl From<[u8; 16]> for V6 {
    fn from(octets: [u8; 16]) -> Self {
        let all = u128::from_be_bytes(octets);
        Self((all >> 64) as u64, all as u64)
    }
}

impl Address for V4 {
    fn ascending(one: (Self, u16), other: (Self, u16)) -> ([(Self, u16); 2], bool) {
        let [one, other] = [one, other].map(|(address, port)| u64::from(address.0) << 16 | u64::from(port));
        let ends = [one.min(other), one.max(other)].map(|end| (Self((end >> 16) as u32), end as u16));
        (ends, one > other)
    }

    fn hash_pair(low: Self, high: Self, seed: Seed) -> u64 {
        // In the order in which they lie in memory: one load.
        (u64::from(high.0) << 32 | u64::from(low.0)) ^ seed.0
    }

    fn ip(self) -> IpAddr {
        Ipv4Addr::from_bits(self.0).into()
    }

    fn key(key: FlowKey<Self>) -> Key {
        Key::V4(key)
    }

    fn id(index: u32) -> FlowId {
        FlowId::V4(index)
    }
}

impl Address for V6 {
    fn hash_pair(low: Self, high: Self, seed: Seed) -> u64 {
        let hash = fold(low.0 ^ seed.0, low.1 ^ seed.1);
        fold(hash ^ high.0, high.1 ^ seed.2)
    }

    fn ip(self) -> IpAddr {
        Ipv6Addr::from_bits(u128::from(self.0) << 64 | u128::from(self.1)).into()
    }

    fn key(key: FlowKey<Self>) -> Key {
        Key::V6(key)
    }

    fn id(index: u32) -> FlowId {
        FlowId::V6(index)
    }
}

/// Which way a packet went through its flow's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Direction {
    /// From the lower endpoint to the higher one.
    #[default]
    Up,
    /// From the higher endpoint to the lower one.
    Down,
}

impl Direction {
    /// The other way.
    pub(crate) const fn reverse(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// A five-tuple with its endpoints in ascending order, so that both directions have the same key.
///
/// Packets without ports (ICMP, or a fragment whose first part is missing) have the key of their
/// addresses and protocol, with `ported` false and both ports 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[repr(C)]
pub struct FlowKey<A> {
    /// Address of the lower endpoint.
    pub low: A,
    /// Address of the higher endpoint.
    pub high: A,
    /// Port of the lower endpoint.
    pub low_port: u16,
    /// Port of the higher endpoint.
    pub high_port: u16,
    /// The protocol.
    pub protocol: TransportProtocol,
    /// Whether the packets of this flow have ports.
    pub ported: bool,
}

impl<A: Address> FlowKey<A> {
    /// The key of a packet, and which way the packet goes through it.
    ///
    /// ```
    /// use portolan::{flow::{Direction, FlowKey, V4}, packet::TransportProtocol};
    ///
    /// let client = (V4::from([192, 0, 2, 7]), 50512);
    /// let server = (V4::from([192, 0, 2, 10]), 443);
    /// let (there, up) = FlowKey::new(client, server, TransportProtocol::TCP, true);
    /// let (back, down) = FlowKey::new(server, client, TransportProtocol::TCP, true);
    /// assert_eq!(there, back);
    /// assert_eq!((up, down), (Direction::Up, Direction::Down));
    /// ```
    pub fn new(
        source: (A, u16),
        destination: (A, u16),
        protocol: TransportProtocol,
        ported: bool,
    ) -> (Self, Direction) {
        let ([low, high], down) = A::ascending(source, destination);
        let direction = if down { Direction::Down } else { Direction::Up };
        let key = Self { low: low.0, high: high.0, low_port: low.1, high_port: high.1, protocol, ported };
        (key, direction)
    }

    /// All but the addresses in one number.
    #[inline]
    fn rest(&self) -> u64 {
        // In the order in which they lie in memory, so that few loads fetch them.
        u64::from(self.low_port)
            | u64::from(self.high_port) << 16
            | u64::from(self.protocol.0) << 32
            | u64::from(self.ported) << 40
    }

    /// A hash of the key under a secret seed, so that no capture can be made to collide.
    pub(crate) fn hash(&self, seed: Seed) -> u64 {
        fold(A::hash_pair(self.low, self.high, seed), self.rest() ^ seed.3)
    }
}

/// A five-tuple over either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Key {
    /// Over IPv4.
    V4(FlowKey<V4>),
    /// Over IPv6.
    V6(FlowKey<V6>),
}

impl Key {
    /// Address and port of the lower endpoint; port 0 where packets have none.
    #[inline]
    pub fn low(&self) -> (IpAddr, u16) {
        match self {
            Self::V4(key) => (key.low.ip(), key.low_port),
            Self::V6(key) => (key.low.ip(), key.low_port),
        }
    }

    /// Address and port of the higher endpoint; port 0 where packets have none.
    #[inline]
    pub fn high(&self) -> (IpAddr, u16) {
        match self {
            Self::V4(key) => (key.high.ip(), key.high_port),
            Self::V6(key) => (key.high.ip(), key.high_port),
        }
    }

    /// Ports of the lower and the higher endpoint, where packets have any.
    #[inline]
    pub fn ports(&self) -> Option<(u16, u16)> {
        let (low, high, ported) = match self {
            Self::V4(key) => (key.low_port, key.high_port, key.ported),
            Self::V6(key) => (key.low_port, key.high_port, key.ported),
        };
        ported.then_some((low, high))
    }

    /// What keys are put in order by, whatever table they lie in.
    pub(crate) fn order(&self) -> impl Ord + use<> {
        (self.low(), self.high(), self.protocol(), self.ports())
    }

    /// The protocol.
    #[inline]
    pub fn protocol(&self) -> TransportProtocol {
        match self {
            Self::V4(key) => key.protocol,
            Self::V6(key) => key.protocol,
        }
    }
}

/// The number of a five-tuple: those of each family are numbered from 0 in the order of their first packets.
///
/// It holds until five-tuples leave a full table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowId {
    /// Over IPv4.
    V4(u32),
    /// Over IPv6.
    V6(u32),
}

/// The secret of a run's hash tables: makes collisions unpredictable for whoever wrote the capture.
#[derive(Clone, Copy, Debug)]
pub struct Seed(u64, u64, u64, u64);

impl Seed {
    /// A seed that no input can know. It decides the place of flows in memory, never their order in any output.
    pub(crate) fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};
        let random = RandomState::new();
        Self(random.hash_one(0), random.hash_one(1), random.hash_one(2), random.hash_one(3) | 1)
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        assert_eq!(V4::from([192, 0, 2, 1]).ip(), "192.0.2.1".parse::<IpAddr>().unwrap());
        let octets = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(V6::from(octets).ip(), "2001:db8::1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn equal_endpoints_go_up() {
        let here = (V4::from([127, 0, 0, 1]), 5353);
        assert_eq!(FlowKey::new(here, here, TransportProtocol::UDP, true).1, Direction::Up);
    }

    #[test]
    fn every_part_of_the_key_moves_the_hash() {
        let seed = Seed::random();
        let base =
            FlowKey::new((V6::from([1; 16]), 1), (V6::from([2; 16]), 2), TransportProtocol::TCP, true).0;
        let mut seen = vec![base.hash(seed)];
        let variants = [
            FlowKey { low: V6(base.low.0 ^ 1, base.low.1), ..base },
            FlowKey { low: V6(base.low.0, base.low.1 ^ 1), ..base },
            FlowKey { high: V6(base.high.0 ^ 1, base.high.1), ..base },
            FlowKey { high: V6(base.high.0, base.high.1 ^ 1), ..base },
            FlowKey { low_port: 3, ..base },
            FlowKey { high_port: 3, ..base },
            FlowKey { protocol: TransportProtocol::UDP, ..base },
            FlowKey { ported: false, ..base },
        ];
        for variant in variants {
            let hash = variant.hash(seed);
            assert!(!seen.contains(&hash), "{variant:?}");
            seen.push(hash);
        }
    }
}
