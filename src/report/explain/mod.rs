//! Why a flow got its name: every rule that spoke, the packets and octets that decided, what the registry has.
//!
//! Knowledge keeps no frame numbers, so the capture is read again by a [`Watcher`], which sees the packets of one flow and
//! those that told of it; [`Evidence`] is what they add up to. The rules are asked by [`naming::hearing`], which shares
//! them with [`naming::answer`].

mod write;

use std::{io, net::IpAddr};

pub use write::write;

use crate::{
    decode::Phase,
    flow::{Direction, Ends, FiveTuple, Key},
    knowledge::{Place, View, seen},
    naming::{self, Name, Rule, Side},
    packet::{Timestamp, TransportProtocol},
    payload::{Window, look},
    record::Record,
    sink::{Encoder, Sink, json},
};

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The packet with this number.
    Packet(u64),
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
            Self::Packet(_) => None,
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

/// What a watcher looks for.
#[derive(Clone, Debug)]
enum Target {
    Packet(u64),
    /// A flow, and the moments in which something was told of it: by DNS, or in other flows.
    Flow {
        key: Key,
        dns: Vec<Timestamp>,
        told: Vec<(Timestamp, Key)>,
    },
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
    /// It tells of an endpoint of the flow.
    Tells,
}

/// One packet.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number.
    pub number: u64,
    /// The five-tuple it counts under.
    pub key: Option<Key>,
    /// What it is counted under: `https/tcp`, `arp`.
    pub row: String,
    how: How,
    direction: Direction,
    phase: Phase,
    offset: u32,
    octets: Vec<u8>,
    wire: u32,
    sequence: u32,
    /// `,"svc":{…}` as in the record of the packet; absent of all but the first of a part.
    svc: Vec<u8>,
    /// Likewise of the flow that an ICMP error complains about.
    about: Option<(String, Vec<u8>)>,
}

/// Octets of a packet that are looked at: no window holds more.
const MOST: usize = 4096;

impl Watcher {
    /// Looks for the packet of that number.
    pub fn of_packet(number: u64) -> Self {
        Self(Target::Packet(number))
    }

    /// Looks for what made the name of a flow.
    pub fn of_flow(key: Key, view: &View<'_>) -> Self {
        let (mut dns, mut told) = (Vec::new(), Vec::new());
        let context = view.knowledge.context(view.registry, 1);
        let tuple = context.flows.find(&key).and_then(|id| context.flows.five_tuple(id));
        if let Some(tuple) = tuple {
            for side in [Side::Low, Side::High] {
                for name in naming::names(&tuple, side, &context) {
                    match name {
                        Name::Advertised(advertisement) => dns.extend(advertisement.first),
                        Name::Announced(announcement) => {
                            let control = announcement.control;
                            let (ips, ports) =
                                ((control.low.0, control.high.0), (control.low.1, control.high.1));
                            let ends = Ends::between_ips(ips, control.protocol, Some(ports));
                            told.extend(ends.map(|ends| (announcement.from, ends.key)));
                        }
                        _ => {}
                    }
                }
            }
        }
        Self(Target::Flow { key, dns, told })
    }

    fn how(&self, record: &Record<'_>, key: Option<Key>) -> Option<How> {
        match &self.0 {
            Target::Packet(number) => (record.frame.number == *number).then_some(How::Own),
            Target::Flow { key: own, .. } if key == Some(*own) => Some(How::Own),
            Target::Flow { key: own, dns, told } => {
                if let Some(quoted) = record.headers.quoted {
                    let ends = Ends::between(quoted.network, quoted.protocol, quoted.ports);
                    return ends.is_some_and(|ends| ends.key == *own).then_some(How::Quotes);
                }
                let time = record.frame.time?;
                let tells = dns.contains(&time) && record.dns().next().is_some()
                    || told.iter().any(|&(from, control)| from == time && key == Some(control));
                tells.then_some(How::Tells)
            }
        }
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
        let about = record.headers.quoted.and_then(|quoted| {
            let (source, destination) = quoted.network.addresses()?;
            let protocol = naming::label::protocol_word(quoted.protocol);
            let text = match quoted.ports {
                Some((from, to)) => format!("{} > {} {protocol}", at((source, from)), at((destination, to))),
                None => format!("{source} > {destination} {protocol}"),
            };
            let mut svc = Vec::new();
            if let Some(service) = &record.about {
                json::svc(service, &mut svc);
            }
            Some((text, svc))
        });
        part.push(Seen {
            number: record.frame.number,
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
            about,
        });
    }
}

/// What the packets of a flow showed, and who told of it.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The first packet.
    first: Option<Seen>,
    /// The first packets of a handshake.
    open: Option<(u64, Direction, Phase)>,
    /// The first data, upwards and downwards.
    data: [Option<Seen>; 2],
    windows: [Window; 2],
    quoted: Option<u64>,
    told: Vec<u64>,
}

impl Evidence {
    /// The first packet that was seen, of those looked for.
    pub fn first(&self) -> Option<&Seen> {
        self.first.as_ref()
    }

    fn add(&mut self, seen: Seen) {
        match seen.how {
            How::Own => {}
            How::Quotes => return self.quoted = self.quoted.or(Some(seen.number)),
            How::Tells => {
                if self.told.len() < 4 {
                    self.told.push(seen.number);
                }
                return;
            }
        }
        let is_syn = matches!(seen.phase, Phase::Open | Phase::Accept);
        if is_syn && self.open.is_none() {
            self.open = Some((seen.number, seen.direction, seen.phase));
        }
        let way = seen.direction as usize;
        if let Some(protocol) = seen.key.map(|key| key.protocol())
            && (is_syn || seen.wire > 0)
        {
            let window = &mut self.windows[way];
            match protocol {
                TransportProtocol::TCP => window.segment(seen.sequence, is_syn, &seen.octets, seen.wire),
                _ => window.datagram(protocol, &seen.octets, seen.wire),
            }
        }
        if !seen.octets.is_empty() && self.data[way].is_none() {
            self.data[way] = Some(seen.clone());
        }
        if self.first.is_none() {
            self.first = Some(seen);
        }
    }

    /// The first packet with data, of either direction.
    fn first_data(&self) -> Option<&Seen> {
        self.data.iter().flatten().min_by_key(|seen| seen.number)
    }

    /// What the first octets of one direction match alone.
    fn matched(&self, way: usize, protocol: TransportProtocol) -> Option<String> {
        let verdict = look(protocol, &self.windows[way], &Window::new());
        if let Some(spoken) = verdict.spoken {
            return Some(spoken.word().to_owned());
        }
        let weak: Vec<_> = verdict.weak.iter().map(|protocol| protocol.word()).collect();
        (!weak.is_empty()).then(|| format!("perhaps {}", weak.join(" or ")))
    }
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

/// A rule that spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoke {
    /// Which.
    pub rule: Rule,
    /// The side it names.
    pub side: Side,
    /// Whether it decided: the first that spoke.
    pub chosen: bool,
    /// Why it named that side.
    pub because: String,
    /// The packet that decided.
    pub frame: Option<u64>,
}

/// Every rule that spoke of a flow, in the order they are asked; none where the flow is not known.
pub fn rules(key: &Key, evidence: &Evidence, view: &View<'_>) -> Vec<Spoke> {
    let context = view.knowledge.context(view.registry, 1);
    let Some(tuple) = context.flows.find(key).and_then(|id| context.flows.five_tuple(id)) else {
        return Vec::new();
    };
    let spoke = naming::hearing(&tuple, &context).filter_map(|(rule, side)| Some((rule, side?)));
    let mut all: Vec<_> = spoke
        .enumerate()
        .map(|(place, (rule, side))| {
            let (because, frame) = because(rule, side, &tuple, evidence, view);
            Spoke { rule, side, chosen: place == 0, because, frame }
        })
        .collect();
    if all.is_empty() {
        let because = "no rule says which side serves".to_owned();
        all.push(Spoke { rule: Rule::Unknown, side: Side::Neither, chosen: true, because, frame: None });
    }
    all
}

/// Why a rule named a side, and the packet that decided.
fn because(
    rule: Rule,
    side: Side,
    tuple: &FiveTuple<'_>,
    evidence: &Evidence,
    view: &View<'_>,
) -> (String, Option<u64>) {
    let context = view.knowledge.context(view.registry, 1);
    let server = naming::serving(&tuple.key, side).unwrap_or_else(|| tuple.key.low());
    let client = if server == tuple.key.low() { tuple.key.high() } else { tuple.key.low() };
    let (name, first) = (|| naming::names(tuple, side, &context), evidence.first().map(|seen| seen.number));
    let data = evidence.first_data().map(|seen| seen.number);
    let told = evidence.told.first().copied();
    match rule {
        Rule::User => {
            let user = name().find_map(|name| match name {
                Name::User(entry) => Some(entry.registration.name().to_owned()),
                _ => None,
            });
            (format!("a registry file of the user calls {} {}", at(server), user.unwrap_or_default()), None)
        }
        Rule::Advertised => {
            let record = name().find_map(|name| match name {
                Name::Advertised(record) => {
                    let instance = record.instance.map_or_else(String::new, |label| format!("{label}."));
                    Some(format!("{instance}{} on host {}", record.kind, record.host))
                }
                _ => None,
            });
            (format!("an SRV record names {}: {}", at(server), record.unwrap_or_default()), told)
        }
        Rule::Handshake => match evidence.open {
            Some((number, _, Phase::Accept)) => {
                (format!("{} accepted the connection", at(server)), Some(number))
            }
            Some((number, ..)) => (format!("{} was asked to open a connection", at(server)), Some(number)),
            None => (format!("{} was asked to open a connection, or accepted it", at(server)), None),
        },
        Rule::Payload => {
            let spoken =
                tuple.shown.and_then(|shown| shown.verdict.spoken).map_or("", |spoken| spoken.word());
            (format!("the first octets are those of {spoken}, in which {} is the server", at(server)), data)
        }
        Rule::Announced => {
            let by = name().find_map(|name| match name {
                Name::Announced(announcement) => Some((announcement.by.word(), announcement.name)),
                _ => None,
            });
            let (by, name) = by.unwrap_or_default();
            (format!("a message of {by} tells of {name} at {}", at(server)), told)
        }
        Rule::Symmetric => (format!("both ports are {}, which is registered", server.1), first),
        Rule::Multicast => (format!("{} is a multicast or broadcast address", server.0), first),
        Rule::GroupAnswer => {
            (format!("{} answers what {} asked a group, or TFTP's port", at(server), at(client)), first)
        }
        Rule::Served => {
            (format!("{} proved in its flows that it serves, {} did not", at(server), at(client)), None)
        }
        Rule::FanIn => (format!("several peers meet {}, as they meet a server", at(server)), None),
        Rule::SystemPort => {
            (format!("{} is an assigned system port, {} is above 1023", server.1, client.1), first)
        }
        Rule::DynamicRange => {
            (format!("{} is in the dynamic range, {} is below 49152", client.1, server.1), first)
        }
        Rule::EphemeralRange => (
            format!(
                "{} has no name and is where systems take client ports from, {} is below",
                client.1, server.1
            ),
            first,
        ),
        Rule::Registered => (format!("{} has a registered name, {} has none", server.1, client.1), first),
        Rule::FirstData => {
            (format!("{} sent the first data, or its peer's look like a greeting", at(client)), data)
        }
        Rule::LowerPort => (format!("{} is the lower of two registered ports: weak", server.1), first),
        Rule::Unknown => ("no rule says which side serves".to_owned(), None),
    }
}

/// `192.0.2.10:443`, `[2001:db8::1]:443`.
fn at(endpoint: (IpAddr, u16)) -> String {
    std::net::SocketAddr::from(endpoint).to_string()
}
