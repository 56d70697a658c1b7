//! Who said what: announced endpoints, and for which flows they count.

mod stored;

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
};

use super::{
    Announcer, Endpoint, Message, Tell,
    calls::{Calls, Reply, Transaction},
    ftp, sip, ssdp,
    sunrpc::{self, Rpc},
};
use crate::{
    packed::Word,
    packet::{Timestamp, TransportProtocol},
};

/// Two endpoints of a control flow in ascending order, the same for both of its directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Control {
    /// Its protocol.
    pub protocol: TransportProtocol,
    /// Address and port of the lower end.
    pub low: (IpAddr, u16),
    /// Address and port of the higher end.
    pub high: (IpAddr, u16),
}

impl Control {
    /// The flow between two endpoints.
    pub fn new(protocol: TransportProtocol, one: (IpAddr, u16), other: (IpAddr, u16)) -> Self {
        Self { protocol, low: one.min(other), high: one.max(other) }
    }
}

/// What a message says of an endpoint: whoever listens there takes what the name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Announcement {
    /// A service name (`ftp-data`, `http`), or a word where IANA has none (`rtp`).
    #[serde(with = "super::word")]
    pub name: Word,
    /// The protocol of the message.
    pub by: Announcer,
    /// When the message was seen.
    pub from: Timestamp,
    /// The flow that it came in.
    pub control: Control,
}

impl Announcement {
    /// Whether its message came on the port of its protocol; else its flow must be known to speak that.
    pub fn is_on_own_port(&self) -> bool {
        let Control { protocol, low, high } = self.control;
        Announcer::of(protocol, (low.1, high.1), None) == Some(self.by)
    }
}

/// Endpoints that messages told of in a stretch of a capture.
///
/// A message teaches of its sender's own address only; FTP and SIP also of the other end of their flow. It counts for
/// flows that begin with it or [later](Self::LIFE), until its own flow ends.
///
/// All of it is bounded, and the oldest goes first. What two stretches taught, [merged](Self::merge) in order, is what
/// both together would have taught, with or without the bounds; only of replies that wait for a call of an earlier
/// stretch there may be too many, which is [counted](Self::losses).
#[derive(Clone, Debug)]
pub struct Announced {
    known: BTreeMap<Key, Announcement>,
    /// Keys of `known` in the order of their messages.
    order: VecDeque<Key>,
    /// When control flows ended, by flow and number.
    ends: BTreeMap<(Control, u64), Timestamp>,
    /// Keys of `ends` in their order.
    ended: VecDeque<(Control, u64)>,
    /// Announcements, ends and kept replies have numbers in their order, of which this is the next.
    next: u64,
    /// A bit for the port of every endpoint ever told of. Empty as long as there is none.
    ports: Vec<u64>,
    calls: Calls,
    /// Whether this is a later stretch, which keeps replies whose calls it did not see.
    is_part: bool,
    /// Those replies with their numbers.
    replies: Vec<(u64, Reply)>,
    /// Octets in them.
    reply_octets: usize,
    limit: usize,
    dropped: u64,
    lost_replies: u64,
}

/// Endpoints in order, the messages about each by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
struct Key {
    address: IpAddr,
    protocol: TransportProtocol,
    port: u16,
    from: Timestamp,
    number: u64,
}

/// What merging goes through in order.
enum Event {
    Told(Key, Announcement),
    Ended(Control, Timestamp),
    Answered(Reply),
}

impl Announced {
    /// How long after a message a flow may begin: 300 s, in ns.
    pub const LIFE: u64 = 300 * Timestamp::SECOND;
    /// Most announcements that are kept, and most ends of control flows.
    pub const LIMIT: usize = 65_536;
    /// Most endpoints that one message teaches.
    pub const MAX_ENDPOINTS: usize = 128;
    /// Most calls to port mappers that are remembered, and most replies that wait for a call of an earlier stretch.
    const MAX_CALLS: usize = 4_096;
    /// Most octets of such replies.
    const MAX_REPLY_OCTETS: usize = 1 << 20;
    /// Of the messages about an endpoint so many are looked at, the latest first, for one whose flow has not ended.
    const MAX_ENDED: usize = 16;

    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::bounded(Self::LIMIT, Self::MAX_CALLS, false)
    }

    /// For a later stretch, to be [merged](Self::merge) to the ones before it: remembers also what it cannot
    /// understand alone.
    pub fn part() -> Self {
        Self::bounded(Self::LIMIT, Self::MAX_CALLS, true)
    }

    pub(super) fn bounded(limit: usize, calls: usize, is_part: bool) -> Self {
        Self {
            known: BTreeMap::new(),
            order: VecDeque::new(),
            ends: BTreeMap::new(),
            ended: VecDeque::new(),
            next: 0,
            ports: Vec::new(),
            calls: Calls::new(calls),
            is_part,
            replies: Vec::new(),
            reply_octets: 0,
            limit,
            dropped: 0,
            lost_replies: 0,
        }
    }

    /// Whether nothing is announced.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What the bounds kept out: how often, and what in words.
    pub fn losses(&self) -> [(u64, &'static str); 2] {
        [
            (self.dropped, "announced endpoints, too many to be remembered"),
            (self.lost_replies, "replies of port mappers, too many to be kept until their calls are known"),
        ]
    }

    /// Learns from one packet.
    ///
    /// What one message says first of an endpoint is what it says.
    pub fn observe(&mut self, message: &Message<'_>) {
        let &Message { time, protocol, source, destination, spoken, octets } = message;
        let ports = (source.1, destination.1);
        let (Some(from), Some(by)) = (time, Announcer::of(protocol, ports, spoken)) else { return };
        let control = Control::new(protocol, source, destination);
        let both = [source.0, destination.0];
        match by {
            Announcer::Ftp => self.learn(by, from, control, &both, |tell| ftp::read(message, tell)),
            Announcer::Sip => self.learn(by, from, control, &both, |tell| _ = sip::read(octets, tell)),
            Announcer::Ssdp => self.learn(by, from, control, &both[..1], |tell| _ = ssdp::read(octets, tell)),
            Announcer::Sunrpc => match sunrpc::read(protocol, ports, octets) {
                Some(Rpc::Call(transaction, call)) => self.calls.insert((control, transaction), call),
                Some(Rpc::Reply(transaction, result)) => {
                    self.answer(from, (control, transaction), self.calls.seen(), source.0, result);
                }
                None => {}
            },
        }
    }

    /// Learns from the reply of a port mapper that came when there were `calls` calls.
    fn answer(
        &mut self,
        from: Timestamp,
        transaction: Transaction,
        calls: u64,
        server: IpAddr,
        result: &[u8],
    ) {
        if let Some(call) = self.calls.find(&transaction, calls) {
            self.learn(Announcer::Sunrpc, from, transaction.0, &[server], |tell| {
                _ = sunrpc::result(call, result, server, tell);
            });
        } else if self.is_part {
            let octets = self.reply_octets + result.len();
            if self.replies.len() >= Self::MAX_CALLS || octets > Self::MAX_REPLY_OCTETS {
                self.lost_replies += 1;
                return;
            }
            self.reply_octets = octets;
            let reply = Reply { from, transaction, calls, server, result: result.into() };
            self.replies.push((self.next, reply));
            self.next += 1;
        }
    }

    /// Learns what a message tells of these addresses.
    fn learn(
        &mut self,
        by: Announcer,
        from: Timestamp,
        control: Control,
        about: &[IpAddr],
        read: impl FnOnce(Tell<'_>),
    ) {
        let first = self.next;
        read(&mut |Endpoint { address, protocol, port, name }| {
            let told = usize::try_from(self.next - first).unwrap_or(usize::MAX);
            let key = |number| Key { address, protocol, port, from, number };
            if told < Self::MAX_ENDPOINTS
                && about.contains(&address)
                && is_of_one(address)
                && self.known.range(key(first)..=key(self.next)).next().is_none()
            {
                self.push(key(self.next), Announcement { name, by, from, control });
            }
        });
    }

    /// Adds the next announcement.
    fn push(&mut self, key: Key, announcement: Announcement) {
        if self.order.len() >= self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            self.dropped += 1;
        }
        self.note_port(key.port);
        self.known.insert(key, announcement);
        self.order.push_back(key);
        self.next += 1;
    }

    fn note_port(&mut self, port: u16) {
        self.ports.resize(1 << 10, 0);
        if let Some(ports) = self.ports.get_mut(usize::from(port / 64)) {
            *ports |= 1 << (port % 64);
        }
    }

    /// A control flow was closed (TCP FIN or RST): what was announced in it before counts for no flow that begins later.
    ///
    /// Of more than [`Self::LIMIT`] ends the oldest are forgotten; what they ended counts again for the rest of its
    /// [life](Self::LIFE).
    pub fn ends(&mut self, control: Control, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        if self.ended.len() >= self.limit
            && let Some(oldest) = self.ended.pop_front()
        {
            self.ends.remove(&oldest);
        }
        self.ends.insert((control, self.next), time);
        self.ended.push_back((control, self.next));
        self.next += 1;
    }

    /// Adds what the next stretch of the capture taught.
    pub fn merge(&mut self, mut later: Self) {
        let told = later.order.iter().filter_map(|key| {
            let announcement = later.known.get(key)?;
            Some((key.number, Event::Told(*key, *announcement)))
        });
        let ended = later.ended.iter().filter_map(|key| {
            let time = later.ends.get(key)?;
            Some((key.1, Event::Ended(key.0, *time)))
        });
        let answered = later.replies.drain(..).map(|(number, reply)| (number, Event::Answered(reply)));
        let mut events: Vec<_> = told.chain(ended).chain(answered).collect();
        events.sort_unstable_by_key(|&(number, _)| number);
        for (_, event) in events {
            match event {
                Event::Told(key, announcement) => {
                    self.push(Key { number: self.next, ..key }, announcement);
                }
                Event::Ended(control, time) => self.ends(control, Some(time)),
                Event::Answered(Reply { from, transaction, calls, server, result }) => {
                    self.answer(from, transaction, self.calls.seen() + calls, server, &result);
                }
            }
        }
        self.calls.merge(&later.calls);
        self.dropped += later.dropped;
        self.lost_replies += later.lost_replies;
    }

    /// What was said of this endpoint for a flow that began at `began`: the latest message before it, if it is no older
    /// than [`Self::LIFE`] and its control flow had not ended.
    ///
    /// Nothing is said of flows without time.
    pub fn lookup(
        &self,
        address: IpAddr,
        protocol: TransportProtocol,
        port: u16,
        began: Option<Timestamp>,
    ) -> Option<&Announcement> {
        let began = began.filter(|_| self.may_name(port))?;
        let key = |from, number| Key { address, protocol, port, from, number };
        let oldest = key(Timestamp(began.0.saturating_sub(Self::LIFE)), 0);
        let mut messages = self.known.range(oldest..=key(began, u64::MAX)).rev().take(Self::MAX_ENDED);
        let lasts = |&(key, announcement): &(&Key, &Announcement)| {
            let control = announcement.control;
            let mut ends = self.ends.range((control, key.number)..=(control, u64::MAX));
            ends.next().is_none_or(|(_, &end)| end >= began)
        };
        messages.find(lasts).map(|(_, announcement)| announcement)
    }

    /// Everything known: address, protocol, port and name, in the order of endpoints.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<(String, u8, u16, &'static str)> {
        let row = |(key, announcement): (&Key, &Announcement)| {
            (key.address.to_string(), key.protocol.0, key.port, announcement.name)
        };
        self.known.iter().map(row).collect()
    }

    /// Whether any endpoint with this port was ever told of.
    #[inline]
    pub fn may_name(&self, port: u16) -> bool {
        self.ports.get(usize::from(port / 64)).is_some_and(|ports| ports >> (port % 64) & 1 != 0)
    }
}

impl Default for Announced {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether an address is that of one host, and no group's: flows of a group have many ends.
fn is_of_one(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_multicast() && !address.is_unspecified() && !is_broadcast
}
