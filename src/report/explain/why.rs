//! Why each rule named the side it did, why each name was taken or rejected, and what would change the answer.

use super::{
    at,
    watch::{Evidence, Spot},
};
use crate::{
    announce::Announcement,
    decode::Phase,
    dns::Advertisement,
    flow::{Direction, FiveTuple, Key},
    knowledge::View,
    naming::{self, Answer, Context, Name, Rule, Side},
    payload::{Ride, Verdict},
};

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
    pub frame: Option<Spot>,
}

/// A name that the service could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// The name.
    pub name: String,
    /// How it would be known.
    pub evidence: naming::Evidence,
    /// Whether it is the one that was taken.
    pub chosen: bool,
    /// Why it was taken, or rejected.
    pub because: String,
}

/// Every rule that spoke of a flow, in the order they are asked; none where the flow is not known.
pub fn rules(key: &Key, evidence: &Evidence, view: &View<'_>) -> Vec<Spoke> {
    let context = view.knowledge.context(view.registry, 1);
    let Some(tuple) = context.flows.find(key).and_then(|id| context.flows.five_tuple(id)) else {
        return Vec::new();
    };
    let case = Case { tuple: &tuple, context: &context, evidence };
    let spoke = naming::hearing(&tuple, &context).filter_map(|(rule, side)| Some((rule, side?)));
    let mut all: Vec<_> = spoke
        .enumerate()
        .map(|(place, (rule, side))| {
            let (because, frame) = case.because(rule, side);
            Spoke { rule, side, chosen: place == 0, because, frame: frame.cloned() }
        })
        .collect();
    if all.is_empty() {
        let because = "no rule says which side serves".to_owned();
        all.push(Spoke { rule: Rule::Unknown, side: Side::Neither, chosen: true, because, frame: None });
    }
    all
}

/// Every name that the service of a flow could have, the strongest first.
pub fn names(key: &Key, view: &View<'_>) -> Vec<Considered> {
    let context = view.knowledge.context(view.registry, 1);
    let Some(tuple) = context.flows.find(key).and_then(|id| context.flows.five_tuple(id)) else {
        return Vec::new();
    };
    let answer = naming::answer(&tuple, &context);
    let sides: &[Side] = match answer.side {
        Side::Both => &[Side::Low, Side::High],
        Side::Neither => &[Side::Neither],
        Side::Low => &[Side::Low],
        Side::High => &[Side::High],
    };
    let verdict = tuple.shown.map(|shown| &shown.verdict);
    let mut all: Vec<Considered> = Vec::new();
    let mut add = |name: &Name<'_>, because: &dyn Fn(bool) -> String| {
        let is = |known: &Considered| known.name == name.text() && known.evidence == name.evidence();
        let chosen = answer
            .name
            .is_some_and(|taken| taken.text() == name.text() && taken.evidence() == name.evidence());
        if !all.iter().any(is) {
            let (name, evidence) = (name.text().to_owned(), name.evidence());
            all.push(Considered { name, evidence, chosen, because: because(chosen) });
        }
    };
    for &side in sides {
        let repeats = |name: &Name<'_>| {
            let confirmed = answer.name.filter(|name| matches!(name, Name::Confirmed(_)));
            matches!(name, Name::Registered(row) if confirmed.is_some_and(|name| is_row(&name, row.name())))
        };
        for name in naming::names(&tuple, side, &context).filter(|name| !repeats(name)) {
            add(&name, &|chosen| {
                if chosen { taken(&name, verdict) } else { rejected(&name, &answer, verdict) }
            });
        }
    }
    let ends = sides.iter().filter_map(|&side| naming::serving(key, side));
    let rows = ends.flat_map(|(_, port)| view.registry.by_port(key.protocol(), port));
    for row in rows.filter(|row| !answer.name.is_some_and(|name| is_row(&name, row.name()))) {
        let name = Name::Registered(row);
        add(&name, &|_| rejected(&name, &answer, verdict));
    }
    all
}

/// Whether a name is this row's.
fn is_row(name: &Name<'_>, row: &str) -> bool {
    matches!(name, Name::Confirmed(own) | Name::Registered(own) if own.name() == row)
}

/// What the octets say, in a word.
fn spoken(verdict: Option<&Verdict>) -> String {
    let all = verdict.map(Verdict::confirms);
    let words: Vec<_> = all.iter().flat_map(|all| all.iter()).map(|protocol| protocol.word()).collect();
    words.join(" or ")
}

/// Why a name was taken.
fn taken(name: &Name<'_>, verdict: Option<&Verdict>) -> String {
    match name {
        Name::User(entry) => format!("{} says so", entry.file.display()),
        Name::Advertised(record) => format!("the SRV record of {} says so", owner(record)),
        Name::Announced(message) => format!("a message of {} says so", message.by.word()),
        Name::Payload { .. } => format!("the first octets are those of {}", spoken(verdict)),
        Name::Confirmed(_) => {
            format!(
                "registered for the port, and it goes with what the first octets are: {}",
                spoken(verdict)
            )
        }
        Name::Registered(_) => "registered for the port; nothing confirms it".to_owned(),
    }
}

/// Why a name was not taken.
fn rejected(name: &Name<'_>, answer: &Answer<'_>, verdict: Option<&Verdict>) -> String {
    let Some(taken) = &answer.name else { return "the side that serves is not known".to_owned() };
    let stronger = match taken {
        Name::User(_) => "what a registry file of the user says",
        Name::Advertised(_) => "an SRV record",
        Name::Payload { .. } | Name::Confirmed(_) => "what the first octets are",
        Name::Announced(_) => "a message of another protocol",
        Name::Registered(_) => "the registry's first row",
    };
    let outweighed = format!("{stronger} outweighs it");
    let (Name::Registered(row), Some(verdict)) = (name, verdict) else { return outweighed };
    let ride = verdict.ride(row.name(), row.description());
    match (taken, ride) {
        (Name::Payload { .. } | Name::Confirmed(_), Ride::No) => {
            format!("it does not go with what the first octets are: {}", spoken(Some(verdict)))
        }
        (Name::Payload { .. }, Ride::Described) => {
            format!(
                "it goes with {} by its description alone, which proves little above 1023",
                spoken(Some(verdict))
            )
        }
        (Name::Confirmed(first), _) => {
            format!("{} goes with the first octets, too, and is preferred", first.name())
        }
        (Name::Registered(first), _) => format!("{} is preferred, of the names of the port", first.name()),
        _ => outweighed,
    }
}

/// The owner of an SRV record: `Printer pages._http._tcp`.
fn owner(record: &Advertisement<'_>) -> String {
    let instance = record.instance.map_or_else(String::new, |label| format!("{label}."));
    format!("{instance}{}", record.kind)
}

/// What is asked for a flow.
struct Case<'c> {
    tuple: &'c FiveTuple<'c>,
    context: &'c Context<'c>,
    evidence: &'c Evidence,
}

impl Case<'_> {
    /// Why a rule named a side, and the packet that decided.
    fn because(&self, rule: Rule, side: Side) -> (String, Option<&Spot>) {
        let Self { tuple, evidence, .. } = self;
        let server = naming::serving(&tuple.key, side).unwrap_or_else(|| tuple.key.low());
        let client = if server == tuple.key.low() { tuple.key.high() } else { tuple.key.low() };
        let first = evidence.first().map(|seen| &seen.spot);
        match rule {
            Rule::User | Rule::Advertised | Rule::Announced => self.because_told(side, &at(server)),
            Rule::Listening => (format!("a socket of this host listens at {}", at(server)), first),
            Rule::Handshake => match evidence.open() {
                Some((spot, Phase::Accept)) => {
                    (format!("{} accepted the connection", at(server)), Some(spot))
                }
                Some((spot, _)) => (format!("{} was asked to open a connection", at(server)), Some(spot)),
                None => (format!("{} was asked to open a connection, or accepted it", at(server)), None),
            },
            Rule::Payload => {
                let word = spoken(tuple.shown.map(|shown| &shown.verdict));
                let because =
                    format!("the first octets are those of {word}, in which {} is the server", at(server));
                (because, evidence.decided())
            }
            Rule::Symmetric => (format!("both ports are {}, which is registered", server.1), first),
            Rule::Multicast => (format!("{} is a multicast or broadcast address", server.0), first),
            Rule::GroupAnswer => {
                let asked = evidence.asked(if side == Side::Low { Side::High } else { Side::Low });
                let because = format!(
                    "it begins with an answer of {} to a socket that had asked a group, or TFTP's port: {}",
                    at(server),
                    at(client)
                );
                (because, asked.or(first))
            }
            Rule::Served => (self.because_served(side, &at(server), &at(client)), None),
            Rule::FanIn => (self.because_met(side, &at(server), &at(client)), None),
            Rule::SystemPort => {
                (format!("{} is an assigned system port, {} is above 1023", server.1, client.1), first)
            }
            Rule::DynamicRange => {
                (format!("{} is in the dynamic range, {} is below 49152", client.1, server.1), first)
            }
            Rule::EphemeralRange => {
                let because = format!(
                    "{} has no name and is where systems take client ports from, {} is below",
                    client.1, server.1
                );
                (because, first)
            }
            Rule::Registered => (format!("{} has a registered name, {} has none", server.1, client.1), first),
            Rule::FirstData => match tuple.shown.filter(|shown| shown.leans().is_some()) {
                Some(shown) => {
                    let word = spoken(Some(&shown.verdict));
                    let because =
                        format!("the first octets are as of {word}, in which {} is the server", at(server));
                    (because, evidence.decided())
                }
                None => (format!("{} sent the first data", at(client)), evidence.data()),
            },
            // Else a standard gives the lower one to clients (RFC 8415 section 7.2).
            Rule::LowerPort if server.1 > client.1 => {
                (format!("{} is the server's port beside the client's {}", server.1, client.1), first)
            }
            Rule::LowerPort => (format!("{} is the lower of two registered ports: weak", server.1), first),
            Rule::Unknown => ("no rule says which side serves".to_owned(), None),
        }
    }

    /// The same of the rules that count on somebody's word.
    fn because_told(&self, side: Side, server: &str) -> (String, Option<&Spot>) {
        for name in naming::names(self.tuple, side, self.context) {
            match name {
                Name::User(entry) => {
                    let (file, name) = (entry.file.display(), name.text());
                    return (format!("{file} calls {server} {name}"), None);
                }
                Name::Advertised(record) => {
                    let (owner, host) = (owner(&record), record.host);
                    let because = format!("an SRV record names {server}: {owner} on host {host}");
                    return (because, self.evidence.record(side));
                }
                Name::Announced(Announcement { name, by, .. }) => {
                    let because = format!("a message of {} tells of {name} at {server}", by.word());
                    return (because, self.evidence.message(side));
                }
                _ => {}
            }
        }
        (format!("somebody told of {server}"), None)
    }

    /// Of an endpoint that proved to serve: another flow that shows it.
    fn because_served(&self, side: Side, server: &str, client: &str) -> String {
        let end = |key: &Key| if side == Side::Low { key.low() } else { key.high() };
        let endpoint = end(&self.tuple.key);
        let shows = |other: &FiveTuple<'_>| {
            let way = if other.key.low() == endpoint { Direction::Down } else { Direction::Up };
            other.key.protocol() == self.tuple.key.protocol()
                && other.key != self.tuple.key
                && other.key.ports().is_some()
                && (other.key.low() == endpoint || other.key.high() == endpoint)
                && naming::proven(other, self.context) == Some(way)
        };
        let other = self.context.flows.five_tuples().find(shows);
        let own = naming::proven(self.tuple, self.context).is_some();
        let peer =
            other.map(|other| if other.key.low() == endpoint { other.key.high() } else { other.key.low() });
        match peer {
            Some(peer) => {
                format!("{server} proved that it serves, as to {}; {client} did not", at(peer))
            }
            None if own => format!("{server} proved in this very flow that it serves; {client} did not"),
            None => format!(
                "{server} proved in flows that are not held any more that it serves; {client} did not"
            ),
        }
    }

    /// Of an endpoint that many meet: how.
    fn because_met(&self, side: Side, server: &str, client: &str) -> String {
        let [low, high] = self.context.peers().meeting(&self.tuple.key, self.context.flows.seed());
        let (own, other) = if side == Side::Low { (low, high) } else { (high, low) };
        if own.peers >= 3 && other.peers == 1 {
            format!("three peers or more meet {server}, one meets {client}")
        } else {
            format!("three peers or more, all on one port, meet {client}, whose port looks like a client's")
        }
    }
}

/// What would make the answer another one, or a surer one: who serves, and what it is called.
pub fn changes(key: &Key, view: &View<'_>) -> Option<[String; 2]> {
    let context = view.knowledge.context(view.registry, 1);
    let tuple = context.flows.find(key).and_then(|id| context.flows.five_tuple(id))?;
    let answer = naming::answer(&tuple, &context);
    // Only a live run knows which sockets listen.
    let may_speak = |rule: &&Rule| **rule != Rule::Listening || context.listeners.is_some();
    let stronger = Rule::ALL.iter().take_while(|&&rule| rule != answer.rule).filter(may_speak);
    let stronger: Vec<_> = stronger.map(|rule| rule.as_str()).collect();
    let side = match stronger[..] {
        [] => "no rule is stronger; another line of that file".to_owned(),
        [only] => format!("rule {only}, if it spoke"),
        _ => {
            format!("one of the rules before {}, if it spoke: {}", answer.rule.as_str(), stronger.join(", "))
        }
    };
    let words = naming::label::protocol_word(key.protocol());
    let (of_end, line) = match naming::serving(key, answer.side) {
        Some(end) => (format!("for {}/{words}", at(end)), format!("{} {}/{words} NAME", end.0, end.1)),
        None => ("for one of its ends".to_owned(), format!("ADDRESS PORT/{words} NAME")),
    };
    let user = format!("a line `{line}` in a file given by --registry");
    let record = format!("an SRV record {of_end}");
    let name = match answer.name {
        Some(Name::User(_)) => "another line of that file".to_owned(),
        Some(Name::Advertised(_)) => user,
        Some(Name::Payload { .. } | Name::Confirmed(_)) => format!("{user}; {record}"),
        Some(Name::Announced(_)) => format!("{user}; {record}; first octets of a protocol that is known"),
        Some(Name::Registered(_)) | None => {
            format!("{user}; {record}; first octets of a protocol that is known; a message that tells of it")
        }
    };
    Some([side, name])
}
