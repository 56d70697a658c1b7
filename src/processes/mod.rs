//! Which process of this host owns the local end of a flow, and which of its sockets listen.
//!
//! A thread of its own looks into `/proc` some times a second, on Linux; nobody waits for it. What it met is kept for a while,
//! with the times between which it was there, so that flows can be asked for late. A socket that lived between two looks was
//! never met: its owner is unknown, and nobody guesses.

#[cfg(all(target_os = "linux", feature = "libpcap"))]
mod look;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use hashbrown::{HashMap, HashSet};

use crate::packet::{Timestamp, TransportProtocol};

/// Sockets that are kept in each table, those of earlier looks included. Further ones are not, and their owners unknown.
#[cfg(any(test, all(target_os = "linux", feature = "libpcap")))]
const MOST: usize = 1 << 18;
/// How long before it was met, and after, a socket that hears a port may have been there.
const SLACK: u64 = Timestamp::SECOND;
/// The same of a connection, whose ends nobody takes again so soon.
const LASTING: u64 = 60 * Timestamp::SECOND;

/// A process, or several that hold a socket together and are of one program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Name of the program, harmless on a terminal (`\DDD` for what is no printable character).
    pub name: Box<str>,
    /// Its number; `None` where several processes hold the socket.
    pub pid: Option<u32>,
    /// Path of what it runs, harmless likewise, where that may be read.
    pub executable: Option<Box<str>>,
    /// The user it runs as.
    pub user: Option<Box<str>>,
}

/// How an owner is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// It holds the socket of these two ends.
    Connection,
    /// It holds the socket that hears the port: one that listens, or takes datagrams of everybody.
    Port,
    /// It is not: no socket was met, several programs hold it, or `/proc` does not tell.
    Unknown,
}

impl KnownBy {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Connection, Self::Port, Self::Unknown];

    /// The word of the output fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Port => "port",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of a local end of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who owns it; `None` where that is unknown.
    pub owner: Option<Arc<Owner>>,
    /// How that is known.
    pub known_by: KnownBy,
}

impl Held {
    /// Whether no later look can tell more.
    pub(crate) fn is_settled(&self, protocol: TransportProtocol) -> bool {
        self.known_by == KnownBy::Connection
            || self.known_by == KnownBy::Port && protocol != TransportProtocol::TCP
    }
}

/// Address and port of an end.
pub type End = (IpAddr, u16);

/// A socket, as a look met it.
#[cfg(any(test, all(target_os = "linux", feature = "libpcap")))]
#[derive(Clone, Debug)]
struct Socket {
    protocol: TransportProtocol,
    /// Its own end; the unspecified address of one that hears on all.
    local: End,
    /// The other end, where it has one.
    remote: Option<End>,
    owner: Option<Arc<Owner>>,
}

/// All that a look met.
#[cfg(any(test, all(target_os = "linux", feature = "libpcap")))]
#[derive(Debug, Default)]
struct Look {
    /// When, in ns since the epoch.
    time: u64,
    sockets: Vec<Socket>,
    /// The addresses of this host.
    addresses: HashSet<IpAddr>,
}

/// A socket, and between which looks it was met, in ns since the epoch.
#[derive(Clone, Debug)]
struct Met {
    first: u64,
    last: u64,
    owner: Option<Arc<Owner>>,
}

impl Met {
    /// Whether it was there at some time of a flow, give or take that long.
    fn was_there(&self, (first, last): (Option<u64>, Option<u64>), slack: u64) -> bool {
        first.is_none_or(|first| first <= self.last.saturating_add(slack))
            && last.is_none_or(|last| last.saturating_add(slack) >= self.first)
    }

    /// The same of a socket that listens: what the last look, at this time, met goes on until the next one.
    fn listened(&self, span: (Option<u64>, Option<u64>), time: u64) -> bool {
        let first = span.0.filter(|_| self.last != time);
        self.was_there((first, span.1), SLACK)
    }
}

/// TCP sockets that listen.
#[derive(Debug, Default)]
pub struct Listeners {
    /// The number of the last look, and when it was, in ns since the epoch.
    look: u64,
    time: u64,
    met: HashMap<End, (u64, u64)>,
    addresses: Arc<HashSet<IpAddr>>,
}

impl Listeners {
    /// The number of the look that they are known by.
    pub fn look(&self) -> u64 {
        self.look
    }

    /// Whether a socket listened at a local end, at some time of a flow from its first to its last packet, in ns since the
    /// epoch.
    #[inline]
    pub fn hears(&self, protocol: TransportProtocol, end: End, span: (Option<u64>, Option<u64>)) -> bool {
        if protocol != TransportProtocol::TCP || self.met.is_empty() || !is_local(end.0, &self.addresses) {
            return false;
        }
        let met = |end: &End| {
            let &(first, last) = self.met.get(end)?;
            Some(Met { first, last, owner: None }.listened(span, self.time))
        };
        hearing(end).iter().any(|end| met(end) == Some(true))
    }
}

/// The ends that sockets which hear this one may be bound to, the nearest first.
fn hearing((address, port): End) -> [End; 3] {
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    // Sockets of IPv6 hear IPv4, too, unless they are told not to.
    let any = if address.is_ipv4() { v4 } else { v6 };
    [(address, port), (any, port), (v6, port)]
}

fn is_local(address: IpAddr, addresses: &HashSet<IpAddr>) -> bool {
    address.is_loopback() || addresses.contains(&address)
}

/// A socket of a test: protocol, own end, other end, name and number of its process.
#[cfg(test)]
type MadeUp<'s> = (TransportProtocol, End, Option<End>, (&'s str, u32));

/// Who owns an end that sockets are bound to, and whether they are several.
#[cfg(any(test, all(target_os = "linux", feature = "libpcap")))]
type Bound = (Option<Arc<Owner>>, bool);

/// What all looks so far met.
#[derive(Debug, Default)]
struct State {
    connections: HashMap<(TransportProtocol, End, End), Met>,
    ports: HashMap<(TransportProtocol, End), Met>,
    listeners: Arc<Listeners>,
    addresses: Arc<HashSet<IpAddr>>,
}

/// The sockets of this host and their owners.
#[derive(Debug, Default)]
pub struct Processes {
    state: Mutex<State>,
    /// How many looks there were.
    looks: AtomicU64,
}

impl Processes {
    /// Begins to look, and returns after the first look. A thread does that, which calls `begin` first and goes on until nobody
    /// has the result any more.
    ///
    /// # Errors
    /// There is no `/proc` to look into, or this build cannot.
    pub fn watch(begin: impl FnOnce() + Send + 'static) -> io::Result<Arc<Self>> {
        #[cfg(all(target_os = "linux", feature = "libpcap"))]
        {
            look::watch(begin)
        }
        #[cfg(not(all(target_os = "linux", feature = "libpcap")))]
        {
            drop(begin);
            Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "processes are told on Linux alone, by builds with libpcap",
            ))
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a look at a host of these addresses met, at a time in ns since the epoch: protocol, own end, other end, and the name
    /// and number of the process.
    #[cfg(test)]
    pub(crate) fn met(
        time: u64,
        addresses: impl IntoIterator<Item = IpAddr>,
        sockets: &[MadeUp<'_>],
    ) -> Arc<Self> {
        let socket = |&(protocol, local, remote, (name, pid)): &MadeUp<'_>| {
            let executable = Some(format!("/usr/sbin/{name}").into());
            let owner = Owner { name: name.into(), pid: Some(pid), executable, user: Some("www".into()) };
            Socket { protocol, local, remote, owner: Some(Arc::new(owner)) }
        };
        let processes = Self::default();
        let (sockets, addresses) = (sockets.iter().map(socket).collect(), addresses.into_iter().collect());
        processes.take(Look { time, sockets, addresses });
        Arc::new(processes)
    }

    /// How many looks there were.
    #[inline]
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Acquire)
    }

    /// The sockets that listen, as they are known by now.
    pub fn listeners(&self) -> Arc<Listeners> {
        Arc::clone(&self.state().listeners)
    }

    /// Who owns the two ends of a flow, from its first to its last packet in ns since the epoch; `None` of an end that is not
    /// on this host.
    pub fn held(
        &self,
        protocol: TransportProtocol,
        ends: [End; 2],
        span: (Option<u64>, Option<u64>),
    ) -> [Option<Held>; 2] {
        let state = self.state();
        let [low, high] = ends;
        [(low, high), (high, low)].map(|(own, other)| {
            is_local(own.0, &state.addresses).then(|| state.held(protocol, own, other, span))
        })
    }

    /// Takes in what a look met.
    #[cfg(any(test, all(target_os = "linux", feature = "libpcap")))]
    fn take(&self, look: Look) {
        let mut state = self.state();
        let number = self.looks() + 1;
        state.take(look, number);
        drop(state);
        self.looks.store(number, Ordering::Release);
    }
}

impl State {
    fn held(
        &self,
        protocol: TransportProtocol,
        own: End,
        other: End,
        span: (Option<u64>, Option<u64>),
    ) -> Held {
        let connection =
            self.connections.get(&(protocol, own, other)).filter(|met| met.was_there(span, LASTING));
        if let Some(owner) = connection.and_then(|met| met.owner.as_ref()) {
            return Held { owner: Some(Arc::clone(owner)), known_by: KnownBy::Connection };
        }
        // Of a connection that another hand may hold, whoever listens is no proof.
        let port = hearing(own).into_iter().find_map(|end| self.ports.get(&(protocol, end)));
        let was_there = |met: &Met| match protocol {
            TransportProtocol::TCP => met.listened(span, self.listeners.time),
            _ => met.was_there(span, SLACK),
        };
        let port = port.filter(|met| connection.is_none() && was_there(met));
        match port.and_then(|met| met.owner.as_ref()) {
            Some(owner) => Held { owner: Some(Arc::clone(owner)), known_by: KnownBy::Port },
            None => Held { owner: None, known_by: KnownBy::Unknown },
        }
    }

    #[cfg(any(test, all(target_os = "linux", feature = "libpcap")))]
    fn take(&mut self, look: Look, number: u64) {
        let Look { time, sockets, addresses } = look;
        if *self.addresses != addresses {
            self.addresses = Arc::new(addresses);
        }
        // Several sockets may be bound to one end.
        let mut ports: HashMap<(TransportProtocol, End), Bound> = HashMap::new();
        let mut listening: Vec<End> = Vec::new();
        for Socket { protocol, local, remote, owner } in sockets {
            if let Some(remote) = remote {
                note(&mut self.connections, (protocol, local, remote), time, (owner, false));
                continue;
            }
            listening.extend((protocol == TransportProtocol::TCP).then_some(local));
            ports
                .entry((protocol, local))
                .and_modify(|(known, several)| {
                    (*known, *several) = (together(known.as_ref(), owner.as_ref()), true);
                })
                .or_insert((owner, false));
        }
        #[allow(clippy::iter_over_hash_type, reason = "each goes to a place of its own")]
        for (key, told) in ports {
            note(&mut self.ports, key, time, told);
        }
        make_room(&mut self.connections, time);
        make_room(&mut self.ports, time);
        let mut met = self.listeners.met.clone();
        for end in listening {
            met.entry(end).and_modify(|(_, last)| *last = time).or_insert((time, time));
        }
        if met.len() > MOST {
            met.retain(|_, (_, last)| *last == time);
        }
        self.listeners =
            Arc::new(Listeners { look: number, time, met, addresses: Arc::clone(&self.addresses) });
    }
}

/// Notes that a socket was met, with its owner, and whether it is told for sure that there is none to tell.
#[cfg(any(test, all(target_os = "linux", feature = "libpcap")))]
fn note<K: Eq + std::hash::Hash>(all: &mut HashMap<K, Met>, key: K, time: u64, (owner, is_sure): Bound) {
    let has_room = all.len() < 2 * MOST;
    match all.get_mut(&key) {
        // It was closed while we looked for its owner, who was known before.
        Some(met) if met.owner == owner || owner.is_none() && !is_sure => met.last = time,
        Some(met) if met.owner.is_none() => (met.last, met.owner) = (time, owner),
        // Another process took the same ends.
        Some(met) => *met = Met { first: time, last: time, owner },
        None if has_room => _ = all.insert(key, Met { first: time, last: time, owner }),
        None => {}
    }
}

/// Has sockets leave that are not there any more, where there are too many.
#[cfg(any(test, all(target_os = "linux", feature = "libpcap")))]
fn make_room<K: Eq + std::hash::Hash>(all: &mut HashMap<K, Met>, time: u64) {
    if all.len() > MOST {
        all.retain(|_, met| met.last == time);
    }
}

/// Who owns what two owners hold: both, if they are of one program.
#[cfg(any(test, all(target_os = "linux", feature = "libpcap")))]
fn together(one: Option<&Arc<Owner>>, other: Option<&Arc<Owner>>) -> Option<Arc<Owner>> {
    let (one, other) = (one?, other?);
    if one == other {
        return Some(Arc::clone(one));
    }
    (one.name == other.name && one.executable == other.executable).then(|| {
        let user = one.user.clone().filter(|_| one.user == other.user);
        Arc::new(Owner { pid: None, user, ..Owner::clone(one) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: TransportProtocol = TransportProtocol::TCP;
    const UDP: TransportProtocol = TransportProtocol::UDP;

    fn owner(name: &str, pid: u32) -> Option<Arc<Owner>> {
        Some(Arc::new(Owner {
            name: name.into(),
            pid: Some(pid),
            executable: Some(format!("/usr/bin/{name}").into()),
            user: Some("www".into()),
        }))
    }

    fn end(text: &str) -> End {
        let address: std::net::SocketAddr = text.parse().unwrap();
        (address.ip(), address.port())
    }

    fn socket(
        protocol: TransportProtocol,
        local: &str,
        remote: Option<&str>,
        owner: Option<Arc<Owner>>,
    ) -> Socket {
        Socket { protocol, local: end(local), remote: remote.map(end), owner }
    }

    /// A host of one address that was looked at in these seconds.
    fn looked(looks: impl IntoIterator<Item = (u64, Vec<Socket>)>) -> Processes {
        let processes = Processes::default();
        for (second, sockets) in looks {
            let addresses = [end("192.0.2.20:0").0, end("[2001:db8::20]:0").0].into();
            processes.take(Look { time: second * Timestamp::SECOND, sockets, addresses });
        }
        processes
    }

    /// Name, number and evidence of the first end at a time in seconds.
    fn asked(
        processes: &Processes,
        protocol: TransportProtocol,
        own: &str,
        other: &str,
        second: u64,
    ) -> Option<(String, Option<u32>, KnownBy)> {
        let time = Some(second * Timestamp::SECOND);
        let [own, _] = processes.held(protocol, [end(own), end(other)], (time, time));
        let Held { owner, known_by } = own?;
        Some((owner.as_ref().map_or("", |owner| &owner.name).to_owned(), owner?.pid, known_by))
    }

    #[test]
    fn a_connection_has_the_process_that_holds_it_and_a_port_who_hears_it() {
        let processes = looked([(
            10,
            vec![
                socket(TCP, "0.0.0.0:8123", None, owner("nginx", 7)),
                socket(TCP, "192.0.2.20:8123", Some("192.0.2.10:50000"), owner("worker", 8)),
                socket(UDP, "[::]:5353", None, owner("avahi-daemon", 9)),
            ],
        )]);
        let known = |name: &str, pid, by| Some((name.to_owned(), Some(pid), by));
        let ask = |protocol, own, other| asked(&processes, protocol, own, other, 10);
        let (own, other) = ("192.0.2.20:8123", "192.0.2.10:50000");
        assert_eq!(ask(TCP, own, other), known("worker", 8, KnownBy::Connection));
        assert_eq!(ask(TCP, own, "192.0.2.10:50001"), known("nginx", 7, KnownBy::Port));
        // A socket of IPv6 hears IPv4, too; one of IPv4 no IPv6.
        assert_eq!(ask(UDP, "192.0.2.20:5353", other), known("avahi-daemon", 9, KnownBy::Port));
        let unknown = Some(Held { owner: None, known_by: KnownBy::Unknown });
        let held = |protocol, own| processes.held(protocol, [end(own), end("[2001:db8::1]:9")], (None, None));
        assert_eq!(held(TCP, "[2001:db8::20]:8123"), [unknown.clone(), None]);
        assert_eq!(held(UDP, "192.0.2.20:5354"), [unknown, None]);
        // What is on other hosts is nobody's here.
        assert_eq!(held(TCP, "192.0.2.10:8123"), [None, None]);
    }

    #[test]
    fn a_socket_counts_for_the_time_it_was_there() {
        let client = || socket(UDP, "0.0.0.0:40000", None, owner("dig", 5));
        let processes = looked([(10, vec![client()]), (12, vec![client()]), (14, vec![])]);
        let at =
            |second| asked(&processes, UDP, "192.0.2.20:40000", "192.0.2.1:53", second).map(|known| known.2);
        assert_eq!([8, 9, 13, 14].map(at), [None, Some(KnownBy::Port), Some(KnownBy::Port), None]);
        // Another process took the port: who had it before is unknown by now, as flows are asked for at once.
        let processes =
            looked([(10, vec![client()]), (12, vec![socket(UDP, "0.0.0.0:40000", None, owner("ntp", 6))])]);
        let at =
            |second| asked(&processes, UDP, "192.0.2.20:40000", "192.0.2.1:53", second).map(|known| known.0);
        assert_eq!([10, 12].map(at), [None, Some("ntp".to_owned())]);
    }

    #[test]
    fn several_that_hold_a_port_are_told_only_if_they_are_of_one_program() {
        let both = |one, other| {
            let sockets = [one, other].map(|owner| socket(UDP, "0.0.0.0:5353", None, owner));
            let processes = looked([(10, sockets.to_vec())]);
            let [held, _] = processes.held(UDP, [end("192.0.2.20:5353"), end("192.0.2.1:9")], (None, None));
            held.unwrap().owner.map(|owner| (owner.name.to_string(), owner.pid))
        };
        assert_eq!(both(owner("nginx", 1), owner("nginx", 2)), Some(("nginx".to_owned(), None)));
        assert_eq!(both(owner("avahi-daemon", 1), owner("chrome", 2)), None);
        assert_eq!(both(owner("avahi-daemon", 1), None), None);
    }

    #[test]
    fn listeners_are_local_sockets_of_tcp() {
        let processes = looked([(
            10,
            vec![
                socket(TCP, "0.0.0.0:8123", None, None),
                socket(TCP, "[2001:db8::20]:8124", None, None),
                socket(TCP, "192.0.2.20:50000", Some("192.0.2.10:443"), None),
                socket(UDP, "0.0.0.0:8125", None, None),
            ],
        )]);
        let listeners = processes.listeners();
        assert_eq!((listeners.look(), processes.looks()), (1, 1));
        let at = |second: u64| {
            let time = Some(second * Timestamp::SECOND);
            (time, time)
        };
        let hears = |text| listeners.hears(TCP, end(text), at(10));
        assert!(hears("192.0.2.20:8123") && hears("127.0.0.1:8123") && hears("[2001:db8::20]:8124"));
        assert!(!hears("192.0.2.10:8123") && !hears("192.0.2.20:8124") && !hears("192.0.2.20:50000"));
        assert!(!listeners.hears(UDP, end("192.0.2.20:8125"), at(10)));
        assert!(!listeners.hears(TCP, end("192.0.2.20:8123"), at(8)));
        // It goes on until a look does not meet it any more.
        assert!(listeners.hears(TCP, end("192.0.2.20:8123"), at(30)));
        let time = 31 * Timestamp::SECOND;
        processes.take(Look { time, sockets: Vec::new(), addresses: [end("192.0.2.20:0").0].into() });
        let hears = |second| processes.listeners().hears(TCP, end("192.0.2.20:8123"), at(second));
        assert_eq!([8, 9, 11, 12, 31].map(hears), [false, true, true, false, false]);
    }
}
