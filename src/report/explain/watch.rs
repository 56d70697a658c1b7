//! The packets that have to do with what is explained, and what they add up to.

use std::{io, net::IpAddr};

use super::at;
use crate::{
    decode::Phase,
    dns::Data,
    flow::{Direction, Ends, Key},
    knowledge::{View, seen},
    naming::{self, Name, Side, label::Label},
    packet::{Timestamp, TransportProtocol},
    payload::{Protocols, Verdict, Window, look},
    record::{Record, Service},
    sink::{Encoder, Sink, json},
};

/// The port of a TFTP server (RFC 1350 section 4).
const TFTP: u16 = 69;

/// Octets of a packet that are looked at: no window holds more.
const MOST: usize = 4096;

/// Most packets whose octets are shown.
const MOST_SHOWN: usize = 8;

/// A packet: the file it is in, where there are several, and its number there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// Name of its file.
    pub file: Option<String>,
    /// Its number in that file, from 1.
    pub number: u64,
}

/// Somebody told of an endpoint of the flow.
#[derive(Clone, Debug)]
struct Tell {
    /// The end that it names.
    side: Side,
    time: Timestamp,
    by: By,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum By {
    /// An SRV record with this port.
    Record(u16),
    /// A message in this flow.
    Message(Key),
}

/// What a watcher looks for.
#[derive(Clone, Debug)]
enum Target {
    Packet(Spot),
    Flow { key: Key, tells: Vec<Tell> },
}

/// Looks at the packets that have to do with one flow.
#[derive(Clone, Debug)]
pub struct Watcher(Target);

/// How a packet has to do with the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// It is of the flow.
    Own,
    /// It is an ICMP error that quotes a packet of the flow.
    Quotes,
    /// It tells of endpoints of the flow: those of [`Target::Flow::tells`] whose bits are set.
    Tells(u8),
    /// One of the flow's sockets asks a group, or a TFTP server, with it.
    Asks(Side),
}

/// One packet.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it is.
    pub spot: Spot,
    /// The five-tuple it counts under.
    pub key: Option<Key>,
    /// What it is counted under: `https/tcp`, `arp`.
    pub row: String,
    how: How,
    pub(super) direction: Direction,
    phase: Phase,
    pub(super) offset: u32,
    pub(super) octets: Vec<u8>,
    wire: u32,
    sequence: u32,
    /// `,"svc":{…}` as in the record of the packet; absent of all but the first of a part.
    pub(super) svc: Vec<u8>,
    /// Likewise of the flow that an ICMP error complains about.
    pub(super) about: Option<About>,
}

/// The flow that an ICMP error complains about.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// `192.0.2.1:50000 > 192.0.2.2:53 udp`.
    pub(super) flow: String,
    /// What `--flow` takes, where it has ports.
    pub(super) subject: Option<String>,
    /// Its answer in words.
    pub(super) answer: Option<String>,
    pub(super) svc: Vec<u8>,
}

impl Watcher {
    /// Looks for the packet of that number, of this file where there are several.
    pub fn of_packet(file: Option<String>, number: u64) -> Self {
        Self(Target::Packet(Spot { file, number }))
    }

    /// Looks for what made the name of a flow.
    pub fn of_flow(key: Key, view: &View<'_>) -> Self {
        let mut tells = Vec::new();
        let context = view.knowledge.context(view.registry, 1);
        let tuple = context.flows.find(&key).and_then(|id| context.flows.five_tuple(id));
        for (tuple, side) in tuple.iter().flat_map(|tuple| [(tuple, Side::Low), (tuple, Side::High)]) {
            let port = if side == Side::Low { key.low().1 } else { key.high().1 };
            for name in naming::names(tuple, side, &context) {
                match name {
                    Name::Advertised(record) => {
                        tells.extend(record.first.map(|time| Tell { side, time, by: By::Record(port) }));
                    }
                    Name::Announced(message) => {
                        let control = message.control;
                        let (ips, ports) = ((control.low.0, control.high.0), (control.low.1, control.high.1));
                        let ends = Ends::between_ips(ips, control.protocol, Some(ports));
                        tells.extend(ends.map(|ends| Tell {
                            side,
                            time: message.from,
                            by: By::Message(ends.key),
                        }));
                    }
                    _ => {}
                }
            }
        }
        Self(Target::Flow { key, tells })
    }

    fn how(&self, record: &Record<'_>, key: Option<Key>) -> Option<How> {
        match &self.0 {
            Target::Packet(spot) => {
                let is_it = record.frame.number == spot.number
                    && spot.file.as_deref().is_none_or(|file| record.file == Some(file));
                is_it.then_some(How::Own)
            }
            Target::Flow { key: own, .. } if key == Some(*own) => Some(How::Own),
            Target::Flow { key: own, tells } => {
                if let Some(quoted) = record.headers.quoted {
                    let ends = Ends::between(quoted.network, quoted.protocol, quoted.ports);
                    return ends.is_some_and(|ends| ends.key == *own).then_some(How::Quotes);
                }
                let told = tells.iter().zip(0..8).filter(|(tell, _)| tell.is_told_by(record, key));
                let told = told.fold(0, |told, (_, place)| told | 1 << place);
                if told != 0 {
                    return Some(How::Tells(told));
                }
                asks(record, own).map(How::Asks)
            }
        }
    }
}

impl Tell {
    fn is_told_by(&self, record: &Record<'_>, key: Option<Key>) -> bool {
        record.frame.time == Some(self.time)
            && match &self.by {
                By::Message(control) => key == Some(*control),
                By::Record(port) => record.dns().any(|(_, message)| {
                    let is_it = |data| matches!(data, Data::Srv { port: told, .. } if told == *port);
                    message.records().any(|record| is_it(record.data()))
                }),
            }
    }
}

/// Which end of a flow asks a group, or a TFTP server, with a datagram of another flow.
fn asks(record: &Record<'_>, own: &Key) -> Option<Side> {
    let (from, to) = record.headers.ports?;
    if own.protocol() != TransportProtocol::UDP || record.headers.protocol != TransportProtocol::UDP {
        return None;
    }
    let socket = (record.addresses()?.0, from);
    let side = match socket {
        _ if socket == own.low() => Side::Low,
        _ if socket == own.high() => Side::High,
        _ => return None,
    };
    let (flows, id) = record.tuple?;
    let to_group = flows.five_tuple(id)?.group_way().is_some();
    (to_group || to == TFTP && from != TFTP).then_some(side)
}

/// An answer in words: `443/tcp is https; serves: destination; …`.
pub(super) fn in_words(label: &Label, rule: &str, serves: &str) -> String {
    let port = label.port.map_or_else(|| "unknown".to_owned(), |port| port.to_string());
    let transport = label.transport.as_deref().unwrap_or_default();
    let name = label.name.as_deref().map_or_else(|| "has no name".to_owned(), |name| format!("is {name}"));
    let mut text = format!("{port}/{transport} {name}; serves: {serves}; rule: {rule}");
    let words = |text: &mut String, key, word| *text += &format!("; {key}: {word}");
    words(&mut text, "evidence", label.evidence.map_or("none", |evidence| evidence.as_str()));
    words(&mut text, "state", label.state.map_or("", |state| state.as_str()));
    if let Some(speech) = &label.speech {
        let layers: Vec<_> = speech.layers.iter().map(|layer| layer.word()).collect();
        let spoken = if layers.is_empty() { speech.protocol.word().to_owned() } else { layers.join("/") };
        words(&mut text, "speaks", &spoken);
        if let Some(asked) = speech.asked {
            words(&mut text, "was asked in", asked.word());
        }
    }
    if let Some(mismatch) = label.mismatch {
        text += &format!("; the octets contradict the {} name", mismatch.as_str());
    }
    text
}

impl About {
    fn of(record: &Record<'_>) -> Option<Self> {
        let quoted = record.headers.quoted?;
        let (source, destination) = quoted.network.addresses()?;
        let protocol = naming::label::protocol_word(quoted.protocol);
        let ends = quoted.ports.map(|(from, to)| (at((source, from)), at((destination, to))));
        let flow = match &ends {
            Some((from, to)) => format!("{from} > {to} {protocol}"),
            None => format!("{source} > {destination} {protocol}"),
        };
        let mut svc = Vec::new();
        if let Some(service) = &record.about {
            json::svc(service, &mut svc);
        }
        let words = |service: &Service<'_>| {
            Some(in_words(service.label, service.known.rule?.as_str(), service.side()))
        };
        let subject = ends.filter(|_| record.about.is_some());
        let subject = subject.map(|(from, to)| format!("{from}-{to}/{protocol}"));
        Some(Self { flow, subject, answer: record.about.as_ref().and_then(words), svc })
    }
}

impl Encoder for Watcher {
    type Part = Vec<Seen>;

    fn packet(&mut self, record: &Record<'_>, part: &mut Vec<Seen>) {
        let key = record.flow().map(|(key, _)| key);
        let Some(how) = self.how(record, key) else { return };
        let carried = seen(&record.frame, record.headers).carried;
        let octets = carried.octets.get(..MOST).unwrap_or(carried.octets);
        // Both are octets of the frame; none are anywhere.
        let offset = (octets.as_ptr() as usize).wrapping_sub(record.frame.octets.as_ptr() as usize);
        let mut svc = Vec::new();
        if part.is_empty()
            && let Some(service) = &record.service
        {
            json::svc(service, &mut svc);
        }
        part.push(Seen {
            spot: Spot { file: record.file.map(ToOwned::to_owned), number: record.frame.number },
            key: key.filter(|key| key.ports().is_some()),
            row: record.label.key.clone(),
            how,
            direction: record.service.map_or(Direction::Up, |service| service.direction),
            phase: record.headers.phase,
            offset: if octets.is_empty() { record.headers.payload_offset } else { offset as u32 },
            octets: octets.to_vec(),
            wire: carried.wire,
            sequence: carried.sequence,
            svc,
            about: About::of(record),
        });
    }
}

/// A packet whose octets are shown, and what they say.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The packet.
    pub seen: Seen,
    /// What its direction says alone up to it: `http`, `perhaps ftp or pop3`; absent where that is nothing.
    pub matched: Option<String>,
    /// How many of its octets are enough for that; absent where those before it were, or nothing matched.
    pub decisive: Option<usize>,
    /// What both directions say from it on, where it changed that: `smtp`, `smtp/tls`.
    pub spoken: Option<String>,
}

/// What the packets of a flow showed, and who told of it.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The first packet.
    first: Option<Seen>,
    /// The first packet of a handshake.
    open: Option<(Spot, Phase)>,
    /// Packets whose octets are shown.
    pub(super) shown: Vec<Shown>,
    /// The first packet with octets.
    data: Option<Spot>,
    /// The packet from which on the octets say what is spoken and who serves.
    decided: Option<Spot>,
    windows: [Window; 2],
    verdict: Option<Verdict>,
    quoted: Option<Spot>,
    /// Who told of what, by the places in [`Target::Flow::tells`].
    told: [Option<Spot>; 8],
    tells: Vec<Tell>,
    /// The last questions before the flow, of its lower and its higher end.
    asked: [Option<Spot>; 2],
}

impl Evidence {
    /// Nothing yet of what this watcher looks for.
    pub fn of(watcher: &Watcher) -> Self {
        let tells = match &watcher.0 {
            Target::Packet(_) => Vec::new(),
            Target::Flow { tells, .. } => tells.clone(),
        };
        Self { tells, ..Self::default() }
    }

    /// The first packet that was seen, of those looked for.
    pub fn first(&self) -> Option<&Seen> {
        self.first.as_ref()
    }

    /// What the octets of both directions say.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// The ICMP error that complains about the flow.
    pub(super) fn quoted(&self) -> Option<&Spot> {
        self.quoted.as_ref()
    }

    pub(super) fn open(&self) -> Option<&(Spot, Phase)> {
        self.open.as_ref()
    }

    pub(super) fn data(&self) -> Option<&Spot> {
        self.data.as_ref()
    }

    pub(super) fn decided(&self) -> Option<&Spot> {
        self.decided.as_ref().or(self.data.as_ref())
    }

    /// The packet with the SRV record of a side.
    pub(super) fn record(&self, side: Side) -> Option<&Spot> {
        self.teller(side, |by| matches!(by, By::Record(_)))
    }

    /// The packet whose message tells of a side.
    pub(super) fn message(&self, side: Side) -> Option<&Spot> {
        self.teller(side, |by| matches!(by, By::Message(_)))
    }

    fn teller(&self, side: Side, is_it: impl Fn(&By) -> bool) -> Option<&Spot> {
        let mut all = self.tells.iter().zip(&self.told);
        all.find(|(tell, _)| (tell.side == side || side == Side::Both) && is_it(&tell.by))?.1.as_ref()
    }

    /// The question of a side to a group, or to a TFTP server.
    pub(super) fn asked(&self, side: Side) -> Option<&Spot> {
        self.asked[usize::from(side == Side::High)].as_ref()
    }

    fn add(&mut self, seen: Seen) {
        match seen.how {
            How::Own => self.add_own(seen),
            How::Quotes => _ = self.quoted.get_or_insert(seen.spot),
            How::Tells(told) => {
                let told = |place: usize| told >> place & 1 == 1;
                let places = self.told.iter_mut().enumerate().filter(|(place, _)| told(*place));
                places.for_each(|(_, known)| _ = known.get_or_insert_with(|| seen.spot.clone()));
            }
            How::Asks(side) if self.first.is_none() => {
                self.asked[usize::from(side == Side::High)] = Some(seen.spot);
            }
            How::Asks(_) => {}
        }
    }

    fn add_own(&mut self, seen: Seen) {
        let is_syn = matches!(seen.phase, Phase::Open | Phase::Accept);
        if is_syn && self.open.is_none() {
            self.open = Some((seen.spot.clone(), seen.phase));
        }
        if !seen.octets.is_empty() && self.data.is_none() {
            self.data = Some(seen.spot.clone());
        }
        if self.first.is_none() {
            self.first = Some(seen.clone());
        }
        if is_syn || seen.wire > 0 {
            self.add_octets(seen, is_syn);
        }
    }

    /// Takes in the octets of a packet, and keeps it where they say something new.
    fn add_octets(&mut self, seen: Seen, is_syn: bool) {
        let Some(protocol) = seen.key.map(|key| key.protocol()) else { return };
        let way = seen.direction as usize;
        if self.windows[way].is_full() {
            return;
        }
        let before = self.windows[way].clone();
        fill(&mut self.windows[way], protocol, &seen, seen.octets.len(), is_syn);
        let verdict = self.look(protocol);
        let told = |verdict: &Verdict| (verdict.spoken, verdict.asked, verdict.layers, verdict.server);
        let known = self.verdict.replace(verdict);
        let has_changed = known.as_ref().map(told) != Some(told(&verdict)) && verdict.spoken.is_some();
        let decides = |verdict: &Verdict| (verdict.spoken, verdict.server);
        if has_changed && known.as_ref().map(decides) != Some(decides(&verdict)) {
            self.decided = Some(seen.spot.clone());
        }
        let is_first = !self.shown.iter().any(|shown| shown.seen.direction == seen.direction);
        if seen.octets.is_empty() || !is_first && !has_changed || self.shown.len() >= MOST_SHOWN {
            return;
        }
        let matched = matched(&look(protocol, &self.windows[way], &Window::new()));
        let decisive = matched.as_ref().and_then(|_| decisive(protocol, &before, &seen, is_syn));
        let spoken = verdict.spoken.filter(|_| has_changed).map(|spoken| {
            let layers: Vec<_> = verdict.layers.iter().map(|layer| layer.word()).collect();
            if layers.is_empty() { spoken.word().to_owned() } else { layers.join("/") }
        });
        self.shown.push(Shown { seen, matched, decisive, spoken });
    }

    /// What both directions say, the first sender's first.
    fn look(&self, protocol: TransportProtocol) -> Verdict {
        let [up, down] = &self.windows;
        match self.first.as_ref().map(|seen| seen.direction) {
            Some(Direction::Down) => look(protocol, down, up),
            _ => look(protocol, up, down),
        }
    }
}

/// Adds so many octets of a packet to a window.
fn fill(window: &mut Window, protocol: TransportProtocol, seen: &Seen, len: usize, is_syn: bool) {
    let octets = &seen.octets[..len];
    match protocol {
        TransportProtocol::TCP => window.segment(seen.sequence, is_syn, octets, seen.wire),
        _ => window.datagram(protocol, octets, seen.wire),
    }
}

/// What a direction matches, in words.
fn matched(verdict: &Verdict) -> Option<String> {
    if let Some(spoken) = verdict.spoken {
        return Some(spoken.word().to_owned());
    }
    let words = |all: Protocols| all.iter().map(|protocol| protocol.word()).collect::<Vec<_>>().join(" or ");
    let found =
        [("perhaps", words(verdict.weak)), ("what is too short to tell, at most", words(verdict.fits))];
    found.into_iter().find(|(_, words)| !words.is_empty()).map(|(how, words)| format!("{how} {words}"))
}

/// How many octets of a packet are enough for what its direction says with all of them: with any number from there on
/// it says the same, as if no more had been captured.
fn decisive(protocol: TransportProtocol, before: &Window, seen: &Seen, is_syn: bool) -> Option<usize> {
    let with = |len| {
        let mut window = before.clone();
        fill(&mut window, protocol, seen, len, is_syn);
        let verdict = look(protocol, &window, &Window::new());
        (verdict.spoken, verdict.server, verdict.weak, verdict.fits)
    };
    let whole = with(seen.octets.len());
    let differs = (0..seen.octets.len()).rev().find(|&len| with(len) != whole);
    differs.map(|len| len + 1)
}

impl Sink<Vec<Seen>> for Evidence {
    fn take(&mut self, part: &mut Vec<Seen>) -> io::Result<()> {
        part.drain(..).for_each(|seen| self.add(seen));
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The ends of a packet of this direction: source and destination.
pub(super) fn ends(key: &Key, way: Direction) -> ((IpAddr, u16), (IpAddr, u16)) {
    match way {
        Direction::Up => (key.low(), key.high()),
        Direction::Down => (key.high(), key.low()),
    }
}
