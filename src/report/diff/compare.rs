//! What became of each service, server, host, instance and domain from one side to the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
};

use hashbrown::HashMap;

use super::{Difference, Facts, Kind, gather::Side};

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It was not there before.
    New,
    /// It is not there any more.
    Gone,
    /// It has the same name on other ports.
    Moved,
    /// It has another name; a host has other names.
    Name,
    /// Its name is known in other ways.
    Evidence,
    /// It has other addresses, or MACs.
    Address,
    /// An instance is on another host.
    Host,
    /// An instance has other attributes.
    Txt,
    /// An instance is there in another way.
    State,
    /// It has more or fewer octets, by more than the threshold.
    Volume,
}

impl Change {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::New,
        Self::Gone,
        Self::Moved,
        Self::Name,
        Self::Evidence,
        Self::Address,
        Self::Host,
        Self::Txt,
        Self::State,
        Self::Volume,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Moved => "moved",
            Self::Name => "name",
            Self::Evidence => "evidence",
            Self::Address => "address",
            Self::Host => "host",
            Self::Txt => "txt",
            Self::State => "state",
            Self::Volume => "volume",
        }
    }
}

/// All differences, by kind, change and what they are about.
pub(super) fn differences(before: &Side, after: &Side, threshold: u64) -> Vec<Difference> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        for (before, after) in pairs(kind, before.of_kind(kind), after.of_kind(kind)) {
            let changes = match (before, after) {
                (None, _) => vec![Change::New],
                (_, None) => vec![Change::Gone],
                (Some(before), Some(after)) => changes(kind, before, after, threshold),
            };
            let Some(which) = after.or(before).filter(|_| !changes.is_empty()) else { continue };
            all.push(Difference {
                kind,
                what: which.key.clone(),
                changes,
                before: before.cloned(),
                after: after.cloned(),
            });
        }
    }
    all.sort_by(|a, b| (a.kind, &a.changes, &a.what).cmp(&(b.kind, &b.changes, &b.what)));
    all
}

/// What is the same thing on either side, and what has no like on the other.
type Pairs<'f> = Vec<(Option<&'f Facts>, Option<&'f Facts>)>;

/// What has no like yet on either side, by its place there.
struct Unpaired<'f> {
    sides: [&'f [Facts]; 2],
    left: [BTreeSet<usize>; 2],
    pairs: Pairs<'f>,
}

impl<'f> Unpaired<'f> {
    /// Joins what has a mark in common: each with the first that has the same. What several share joins the first of each
    /// side, then the next.
    fn join<M: Eq + Hash>(&mut self, marks: impl Fn(&'f Facts) -> Vec<M>) {
        let [before, after] = self.sides;
        let mut places: HashMap<M, Vec<usize>> = HashMap::new();
        for &place in self.left[0].iter().rev() {
            for mark in marks(&before[place]) {
                places.entry(mark).or_default().push(place);
            }
        }
        for place in std::mem::take(&mut self.left[1]) {
            let like = marks(&after[place]).into_iter().find_map(|mark| {
                let places = places.get_mut(&mark)?;
                while let Some(place) = places.pop() {
                    if self.left[0].remove(&place) {
                        return Some(place);
                    }
                }
                None
            });
            match like {
                Some(like) => self.pairs.push((Some(&before[like]), Some(&after[place]))),
                None => _ = self.left[1].insert(place),
            }
        }
    }
}

/// What belongs together: what has the same key; then a server of the same address, transport and name, and a host that shares
/// an address, a MAC or a name.
fn pairs<'f>(kind: Kind, before: &'f [Facts], after: &'f [Facts]) -> Pairs<'f> {
    let left = [before, after].map(|side| (0..side.len()).collect());
    let mut unpaired = Unpaired { sides: [before, after], left, pairs: Vec::new() };
    match kind {
        Kind::Host => {
            unpaired.join(|facts| facts.macs.iter().collect());
            unpaired.join(|facts| facts.addresses.iter().collect());
            unpaired.join(|facts| facts.names.iter().collect());
        }
        _ => unpaired.join(|facts| vec![facts.key.to_ascii_lowercase()]),
    }
    if kind == Kind::Server {
        let moved =
            |facts: &'f Facts| facts.name.as_ref().map(|name| (&facts.addresses, &facts.transport, name));
        unpaired.join(|facts| moved(facts).into_iter().collect());
    }
    let Unpaired { left: [gone, new], mut pairs, .. } = unpaired;
    pairs.extend(gone.into_iter().map(|place| (Some(&before[place]), None)));
    pairs.extend(new.into_iter().map(|place| (None, Some(&after[place]))));
    pairs
}

/// What is different between two that belong together.
fn changes(kind: Kind, before: &Facts, after: &Facts, threshold: u64) -> Vec<Change> {
    let has_moved = match kind {
        // A further port is no other place.
        Kind::Service => {
            !before.ports.is_empty()
                && !after.ports.is_empty()
                && after.ports.iter().all(|port| !before.ports.contains(port))
        }
        Kind::Server | Kind::Instance => before.ports != after.ports,
        // Names have all ports that their hosts serve: the rows of servers tell these.
        Kind::Host | Kind::Domain => false,
    };
    let names = before.names != after.names;
    let told = [
        (Change::Moved, has_moved),
        (Change::Name, before.name != after.name || kind == Kind::Host && names),
        (Change::Evidence, before.evidence != after.evidence),
        (Change::Address, before.addresses != after.addresses || have_other(&before.macs, &after.macs)),
        (Change::Host, kind == Kind::Instance && names),
        (Change::Txt, counts(&before.txt) != counts(&after.txt)),
        (Change::State, before.state != after.state),
        (Change::Volume, has_changed(before.bytes, after.bytes, threshold)),
    ];
    told.into_iter().filter(|(_, is_so)| *is_so).map(|(change, _)| change).collect()
}

/// Whether both have some, and not the same. That one side shows none, as behind a router, is no change.
fn have_other(before: &[String], after: &[String]) -> bool {
    !before.is_empty() && !after.is_empty() && before != after
}

/// The order of attributes means nothing (RFC 6763 section 6.4).
fn counts(texts: &[String]) -> BTreeMap<&str, usize> {
    let mut all = BTreeMap::new();
    texts.iter().for_each(|text| *all.entry(text.as_str()).or_default() += 1);
    all
}

/// Whether an amount changed by more than so many per cent of what it was.
fn has_changed(before: Option<u64>, after: Option<u64>, threshold: u64) -> bool {
    let Some((before, after)) = before.zip(after) else { return false };
    u128::from(before.abs_diff(after)) * 100 > u128::from(before) * u128::from(threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(key: &str) -> Facts {
        Facts { key: key.to_owned(), ..Facts::default() }
    }

    fn server(address: &str, port: u16, name: &str, evidence: &'static str) -> Facts {
        Facts {
            name: Some(name.to_owned()),
            evidence: vec![evidence],
            ports: vec![port],
            transport: Some("tcp".to_owned()),
            addresses: vec![address.parse().unwrap()],
            ..facts(&format!("{address}:{port}/tcp"))
        }
    }

    /// The keys that are joined, `-` where there is none.
    fn joined(kind: Kind, before: &[Facts], after: &[Facts]) -> Vec<String> {
        let key = |facts: Option<&Facts>| facts.map_or("-", |facts| &facts.key).to_owned();
        pairs(kind, before, after).into_iter().map(|(a, b)| format!("{} {}", key(a), key(b))).collect()
    }

    #[test]
    fn servers_belong_together_by_key_then_by_name() {
        let before = [
            server("10.0.0.1", 80, "http", "payload"),
            server("10.0.0.1", 8080, "http", "payload"),
            server("10.0.0.2", 22, "ssh", "payload"),
        ];
        let after = [
            server("10.0.0.1", 8081, "http", "payload"),
            server("10.0.0.1", 80, "http", "payload"),
            server("10.0.0.3", 22, "ssh", "payload"),
        ];
        let expected = [
            "10.0.0.1:80/tcp 10.0.0.1:80/tcp",
            "10.0.0.1:8080/tcp 10.0.0.1:8081/tcp",
            "10.0.0.2:22/tcp -",
            "- 10.0.0.3:22/tcp",
        ];
        assert_eq!(joined(Kind::Server, &before, &after), expected);
        assert_eq!(changes(Kind::Server, &before[1], &after[0], 50), [Change::Moved]);
    }

    #[test]
    fn hosts_belong_together_by_mac_address_and_name() {
        let host = |key: &str, macs: &[&str], names: &[&str]| Facts {
            addresses: vec![key.parse().unwrap()],
            macs: macs.iter().map(ToString::to_string).collect(),
            names: names.iter().map(ToString::to_string).collect(),
            ..facts(key)
        };
        let before = [
            host("10.0.0.1", &["02-00-00-00-00-01"], &[]),
            host("10.0.0.2", &[], &["printer.local"]),
            host("10.0.0.3", &[], &[]),
        ];
        // The first has changed its address, and another has taken it.
        let after = [
            host("10.0.0.1", &["02-00-00-00-00-09"], &[]),
            host("10.0.0.7", &["02-00-00-00-00-01"], &[]),
            host("10.0.0.8", &[], &["printer.local"]),
        ];
        let expected = ["10.0.0.1 10.0.0.7", "10.0.0.2 10.0.0.8", "10.0.0.3 -", "- 10.0.0.1"];
        assert_eq!(joined(Kind::Host, &before, &after), expected);
        assert_eq!(changes(Kind::Host, &before[0], &after[1], 50), [Change::Address]);
    }

    #[test]
    fn amounts_change_by_more_than_the_threshold() {
        for (before, after, threshold, expected) in [
            (100, 150, 50, false),
            (100, 151, 50, true),
            (100, 50, 50, false),
            (100, 49, 50, true),
            (100, 100, 0, false),
            (100, 101, 0, true),
            (0, 1, 1000, true),
            (u64::MAX, 0, 99, true),
            (1, 2, u64::MAX, false),
        ] {
            let told = has_changed(Some(before), Some(after), threshold);
            assert_eq!(told, expected, "{before} {after} {threshold}");
        }
        assert!(!has_changed(None, Some(9), 0));
    }

    #[test]
    fn a_further_port_is_no_other_place() {
        let service = |ports: &[u16]| Facts { ports: ports.to_vec(), ..facts("http/tcp") };
        assert_eq!(changes(Kind::Service, &service(&[80]), &service(&[80, 8080]), 50), []);
        assert_eq!(changes(Kind::Service, &service(&[80]), &service(&[8080]), 50), [Change::Moved]);
    }

    #[test]
    fn the_order_of_attributes_means_nothing() {
        let instance = |txt: &[&str]| Facts {
            txt: txt.iter().map(ToString::to_string).collect(),
            state: Some("active"),
            ..facts("A._ipp._tcp.local")
        };
        assert_eq!(changes(Kind::Instance, &instance(&["a=1", "b"]), &instance(&["b", "a=1"]), 0), []);
        assert_eq!(changes(Kind::Instance, &instance(&["a=1"]), &instance(&["a=2"]), 0), [Change::Txt]);
    }
}
