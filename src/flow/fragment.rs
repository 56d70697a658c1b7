//! Later IP fragments carry no ports: they belong to the flow of the first fragment of their datagram.
//!
//! Fragments of one datagram share addresses, protocol and identification (RFC 791, RFC 8200 section 4.5) and may come
//! in any order. Identifications are used again, so they only meet within [`LIFETIME`].

use std::net::IpAddr;

use hashbrown::HashMap;

use super::{Direction, Tally};
use crate::packet::{Share, TransportProtocol};

/// How long fragments of one datagram wait for each other: 60 s of capture time, in ns (RFC 8200 section 4.5).
pub const LIFETIME: u64 = 60_000_000_000;
/// Datagrams remembered at once by default; fragments of further ones are counted without ports.
pub const LIMIT: usize = 1 << 18;

/// What fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct DatagramKey {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// The protocol inside.
    pub protocol: TransportProtocol,
    /// Identification.
    pub id: u32,
}

/// One use of an identification.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Datagram {
    /// Times of the first and the last fragment, in capture order.
    first: Option<u64>,
    last: Option<u64>,
    /// Ports, once the first fragment was seen.
    ports: Option<(u16, u16)>,
    /// Later fragments that came before the first one, and those after it.
    pub(super) before: Tally,
    pub(super) after: Tally,
}

impl Datagram {
    fn is_over(&self, next: Option<u64>) -> bool {
        matches!((self.last, next), (Some(last), Some(next)) if next.saturating_sub(last) > LIFETIME)
    }

    fn see(&mut self, time: Option<u64>) {
        self.first = self.first.or(time);
        self.last = time.or(self.last);
    }
}

/// The datagrams whose fragments were met.
#[derive(Debug, Default)]
pub struct Fragments {
    pub(super) datagrams: HashMap<DatagramKey, Vec<Datagram>>,
    pub(super) len: usize,
    pub(super) share: Share,
    /// Fragments for whose datagram there was no room.
    pub(super) unplaced: u64,
    /// When [`Fragments::forget`] ran last because there was no room.
    pub(super) forgot: Option<u64>,
}

impl Fragments {
    /// None, with this share of the room.
    pub(super) fn within(share: Share) -> Self {
        Self { share, ..Self::default() }
    }

    /// Whether no fragment was met.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether another datagram would exceed the share of [`LIMIT`].
    pub fn is_full(&self) -> bool {
        self.len >= self.share.of(LIMIT)
    }

    /// Fragments that [`LIMIT`] kept from their datagram: later ones of it are counted without ports.
    pub fn unplaced(&self) -> u64 {
        self.unplaced
    }

    /// Takes in the first fragment of a datagram, which tells the ports.
    pub fn first(&mut self, key: DatagramKey, time: Option<u64>, ports: (u16, u16)) {
        if let Some(datagram) = self.datagram(key, time, true) {
            datagram.ports = Some(ports);
        }
    }

    /// Takes in a later fragment. Returns `false` if there is no room to remember it.
    pub fn later(&mut self, key: DatagramKey, time: Option<u64>, octets: u32) -> bool {
        let Some(datagram) = self.datagram(key, time, false) else { return false };
        let tally = if datagram.ports.is_some() { &mut datagram.after } else { &mut datagram.before };
        tally.count(Direction::Up, octets.into(), time);
        true
    }

    /// The datagram that a fragment belongs to.
    fn datagram(&mut self, key: DatagramKey, time: Option<u64>, is_first: bool) -> Option<&mut Datagram> {
        let full = self.is_full();
        if full && !self.datagrams.contains_key(&key) {
            self.unplaced += 1;
            return None;
        }
        let known = self.datagrams.entry(key).or_default();
        let begins = match known.last() {
            Some(current) => current.is_over(time) || is_first && current.ports.is_some(),
            None => true,
        };
        if begins {
            if full {
                self.unplaced += 1;
                return None;
            }
            known.push(Datagram::default());
            self.len += 1;
        }
        let datagram = known.last_mut()?;
        datagram.see(time);
        Some(datagram)
    }

    /// The ports of the datagram that a later fragment seen at `time` belongs to.
    pub fn ports(&self, key: &DatagramKey, time: Option<u64>) -> Option<(u16, u16)> {
        let known = self.datagrams.get(key)?;
        let Some(time) = time else { return known.last()?.ports };
        let begun = |datagram: &&Datagram| datagram.first.is_none_or(|first| first <= time);
        known.iter().rev().find(begun).or(known.first())?.ports
    }

    /// Hands over what was counted of later fragments, with the ports of their datagram where these are known.
    ///
    /// The datagrams themselves stay known.
    pub fn settle(&mut self, mut credit: impl FnMut(&DatagramKey, Option<(u16, u16)>, &Tally)) {
        let mut keys: Vec<_> = self.datagrams.keys().copied().collect();
        keys.sort_unstable_by_key(|key| (key.source, key.destination, key.protocol, key.id));
        for key in keys {
            for datagram in self.datagrams.get_mut(&key).into_iter().flatten() {
                let mut tally = std::mem::take(&mut datagram.before);
                tally.then(&std::mem::take(&mut datagram.after));
                if tally.all_packets() > 0 {
                    credit(&key, datagram.ports, &tally);
                }
            }
        }
    }

    /// Forgets datagrams that no further fragment can join at `now`; what was counted of them must be settled.
    fn forget(&mut self, now: u64) {
        let len = &mut self.len;
        self.datagrams.retain(|_, known| {
            known.retain(|datagram| !datagram.is_over(Some(now)));
            !known.is_empty()
        });
        *len = self.datagrams.values().map(Vec::len).sum();
    }

    /// Makes room if there is none, at most once a second, as that looks at every datagram.
    pub fn make_room(&mut self, now: u64) {
        const PAUSE: u64 = 1_000_000_000;
        if self.is_full() && self.forgot.is_none_or(|last| now.abs_diff(last) >= PAUSE) {
            self.forgot = Some(now);
            self.forget(now);
        }
    }

    /// Appends the fragments of the stretch that follows: the result is that of one pass over both.
    pub fn merge(&mut self, later: Self) {
        self.unplaced += later.unplaced;
        for (key, mut datagrams) in later.datagrams {
            let known = self.datagrams.entry(key).or_default();
            if let (Some(current), Some(next)) = (known.last_mut(), datagrams.first_mut())
                && !current.is_over(next.first)
            {
                if current.ports.is_none() {
                    current.before.then(&next.before);
                    current.after.then(&next.after);
                    current.ports = next.ports;
                    current.see(next.last);
                    datagrams.remove(0);
                } else if next.before.all_packets() > 0 {
                    let before = std::mem::take(&mut next.before);
                    current.see(before.last());
                    current.after.then(&before);
                    if next.ports.is_none() {
                        datagrams.remove(0);
                    }
                }
            }
            self.len += datagrams.len();
            known.append(&mut datagrams);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    type Ports = Option<(u16, u16)>;

    fn key(id: u32) -> DatagramKey {
        DatagramKey {
            source: [192, 0, 2, 1].into(),
            destination: [192, 0, 2, 2].into(),
            protocol: TransportProtocol::UDP,
            id,
        }
    }

    fn settled(fragments: &mut Fragments) -> Vec<(u32, Ports, u64, u64)> {
        let mut all = Vec::new();
        fragments.settle(|key, ports, tally| {
            all.push((key.id, ports, tally.all_packets(), tally.all_octets()));
        });
        all
    }

    #[test]
    fn a_later_fragment_finds_its_ports_in_any_order() {
        let mut fragments = Fragments::default();
        assert!(fragments.later(key(7), Some(SECOND), 100));
        fragments.first(key(7), Some(SECOND + 1), (5000, 53));
        assert!(fragments.later(key(7), Some(SECOND + 2), 200));
        assert_eq!(fragments.ports(&key(7), Some(SECOND)), Some((5000, 53)));
        assert_eq!(fragments.ports(&key(8), Some(SECOND)), None);
        assert_eq!(settled(&mut fragments), [(7, Some((5000, 53)), 2, 300)]);
        assert_eq!(settled(&mut fragments), []);
    }

    #[test]
    fn an_identification_used_again_is_another_datagram() {
        let mut fragments = Fragments::default();
        fragments.first(key(7), Some(0), (1, 2));
        assert!(fragments.later(key(7), Some(1), 10));
        assert!(fragments.later(key(7), Some(62 * SECOND), 20));
        fragments.first(key(7), Some(63 * SECOND), (3, 4));
        fragments.first(key(7), Some(64 * SECOND), (5, 6));
        assert!(fragments.later(key(7), Some(64 * SECOND), 30));
        assert_eq!(fragments.ports(&key(7), Some(2)), Some((1, 2)));
        assert_eq!(fragments.ports(&key(7), Some(62 * SECOND)), Some((3, 4)));
        assert_eq!(
            settled(&mut fragments),
            [(7, Some((1, 2)), 1, 10), (7, Some((3, 4)), 1, 20), (7, Some((5, 6)), 1, 30)]
        );
    }

    /// Cut a fragment history anywhere: both halves merged are the whole.
    #[test]
    fn merging_two_stretches_equals_one_pass() {
        let history: &[(u32, u64, Ports)] = &[
            (7, 0, None),
            (7, 1, Some((1, 2))),
            (7, 2, None),
            (7, 3, Some((3, 4))),
            (7, 4, None),
            (8, 5, None),
            (7, 70 * SECOND, None),
            (8, 71 * SECOND, None),
            (8, 72 * SECOND, Some((5, 6))),
            (7, 73 * SECOND, Some((7, 8))),
            (8, 74 * SECOND, None),
        ];
        let run = |part: &[(u32, u64, Ports)]| {
            let mut fragments = Fragments::default();
            for &(id, time, ports) in part {
                match ports {
                    Some(ports) => fragments.first(key(id), Some(time), ports),
                    None => assert!(fragments.later(
                        key(id),
                        Some(time),
                        1 + (time % SECOND + time / SECOND) as u32
                    )),
                }
            }
            fragments
        };
        let whole = settled(&mut run(history));
        for cut in 0..=history.len() {
            let mut first = run(&history[..cut]);
            first.merge(run(&history[cut..]));
            let expected_len = run(history).len;
            assert_eq!(first.len, expected_len, "cut at {cut}");
            assert_eq!(settled(&mut first), whole, "cut at {cut}");
        }
    }

    #[test]
    fn the_number_of_datagrams_is_bounded() {
        let mut fragments = Fragments::default();
        for id in 0..LIMIT as u32 {
            assert!(fragments.later(key(id), Some(0), 1));
        }
        assert!(!fragments.later(key(u32::MAX), Some(0), 1));
        // Nothing is kept of it.
        assert_eq!((fragments.unplaced(), fragments.datagrams.len()), (1, LIMIT));
        // Those known are counted on.
        assert!(fragments.later(key(7), Some(0), 1));
        fragments.settle(|_, _, _| {});
        for (now, empty) in [(LIFETIME, false), (LIFETIME + 1, false), (LIFETIME + SECOND, true)] {
            fragments.make_room(now);
            assert_eq!(fragments.is_empty(), empty, "{now}");
        }
        assert!(fragments.later(key(u32::MAX), Some(0), 1));
        // Of a sixteenth of the memory.
        let mut few = Fragments::within(Share::of_memory(1 << 30, 4));
        let room = (0..).take_while(|&id| few.later(key(id), Some(0), 1)).count();
        assert_eq!(room, LIMIT / 4096 * 96);
    }
}
