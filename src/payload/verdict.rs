//! What the two directions of a flow say together.

use std::hash::{Hash, Hasher};

use super::gist::Words;
use super::heard::Heard;
use super::layers::{self, Layers};
use super::protocol::{Protocol, Protocols};
use super::rides::{Ride, rides};
use super::sight::{Said, Strength};
use super::tools;
use super::turns::Turn;
use super::window::Window;
use super::{brokers, proxies};
use crate::packet::TransportProtocol;

/// One of the two ends of a flow, told by what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Sender {
    /// The one whose window is the first argument of [`look`]; usually who sent first.
    First,
    /// The other one.
    Second,
}

impl Sender {
    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// What the first octets of a flow say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verdict {
    /// How sure it is. Only what is strong names a flow; two weak halves that fit are strong.
    pub strength: Strength,
    /// The protocol spoken; present exactly where the verdict is strong.
    pub spoken: Option<Protocol>,
    /// The protocol that the client asked for, where the server surely answered in another one.
    pub asked: Option<Protocol>,
    /// The end that serves, where the octets tell.
    ///
    /// Of what is sent to a group or broadcast address only DHCP's words tell it; addresses are not known
    /// here, so that is the caller's to heed.
    pub server: Option<Sender>,
    /// Whether the verdict can change no more, so that the windows may go.
    pub settled: bool,
    /// Protocols that the octets may be of, where nothing is strong: each confirms its own port only.
    pub weak: Protocols,
    /// Protocols whose pattern is too short to say anything, but fits: each confirms its own port only.
    pub fits: Protocols,
    /// What is spoken within what, from the outermost; empty unless more than one layer is known.
    pub layers: Layers,
    /// The service where it is not the protocol's usual one.
    service: Option<Protocol>,
}

/// What no octets say.
const NOTHING: Verdict = Verdict {
    strength: Strength::Nothing,
    spoken: None,
    asked: None,
    server: None,
    settled: false,
    weak: Protocols::EMPTY,
    fits: Protocols::EMPTY,
    layers: Layers::NONE,
    service: None,
};

/// In few steps, as every verdict is looked up; all that tells two of them apart but the strength, which follows.
impl Hash for Verdict {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let number = |protocol: Option<Protocol>| protocol.map_or(0, Protocol::id);
        let [spoken, asked, service] = [self.spoken, self.asked, self.service].map(number);
        let server = self.server.map_or(2, |server| server as u8);
        let layers = u32::from_ne_bytes(self.layers.ids());
        let sides = u32::from_ne_bytes([spoken, asked, service, server]);
        state.write_u64(u64::from(layers) << 32 | u64::from(sides));
        state.write_u64(self.weak.digest() ^ self.fits.digest().rotate_left(1) ^ u64::from(self.settled));
    }
}

impl Verdict {
    /// Whether the octets say nothing at all.
    pub fn is_nothing(&self) -> bool {
        Self { settled: false, ..*self } == NOTHING
    }

    /// The service that names the flow on a port of another service, or of none.
    pub fn service(&self) -> Option<&'static str> {
        self.service.or(self.spoken).map(Protocol::service)
    }

    /// Whether IANA has the name of the service.
    pub fn is_registered(&self) -> Option<bool> {
        self.service.or(self.spoken).map(Protocol::is_registered)
    }

    /// How a port's registered name goes with what the octets say, be it strong, weak, or just fitting.
    ///
    /// A weak verdict gives the name its evidence where this is not [`Ride::No`], and changes nothing else.
    pub fn ride(&self, name: &str, description: &str) -> Ride {
        let all = self.confirms();
        let confirmed = all.iter().map(|protocol| rides(name, description, protocol));
        confirmed.chain(self.service.map(|service| rides(name, "", service))).max().unwrap_or(Ride::No)
    }

    /// Protocols for which a port's own name counts as confirmed: the one spoken, or all that may be.
    pub fn confirms(&self) -> Protocols {
        let Some(spoken) = self.spoken else { return self.weak.union(self.fits) };
        let mut all = Protocols::EMPTY;
        all.insert(spoken);
        all
    }
}

/// What the first octets of a flow say. `client` is the window of who sent first; which end is the client
/// in truth is part of the verdict.
///
/// Where one protocol turns to another, as behind `STARTTLS`, what follows the turn is looked at in the same
/// way, and told in the layers; the verdict is that of the protocol before it. A turn that the server refused
/// is none; where its answer was not captured, what follows in the other direction must be sure.
///
/// A function of the two windows and nothing else: it allocates nothing, reads at most 256 octets of each
/// direction and of what follows a turn, and never panics.
pub fn look(protocol: TransportProtocol, client: &Window, server: &Window) -> Verdict {
    let verdict = match protocol {
        TransportProtocol::TCP => look_at_streams(&client.words(), &server.words()),
        _ => look_at_datagrams(client, server),
    };
    Verdict { settled: client.is_full() && server.is_full(), ..verdict }
}

/// The same for two streams.
fn look_at_streams(first: &Words<'_>, second: &Words<'_>) -> Verdict {
    if let Some((inner, outer)) = proxies::unwrap(first.sight(), second.sight()) {
        // PROXY protocol: name and protocol are those of what follows.
        let mut verdict = match outer {
            Sender::First => look_at_plain_streams(&Words::of(inner.0), second, 1),
            Sender::Second => look_at_plain_streams(first, &Words::of(inner.1), 1),
        };
        if verdict.spoken.is_none() {
            verdict = Verdict { strength: Strength::Strong, spoken: Some(Protocol::PROXY), ..NOTHING };
            verdict.server = Some(outer.other());
        } else {
            verdict.layers = verdict.layers.within(Protocol::PROXY, verdict.spoken);
        }
        return verdict;
    }
    look_at_plain_streams(first, second, 0)
}

/// The same where no PROXY header stands before them, behind so many turns.
fn look_at_plain_streams(first: &Words<'_>, second: &Words<'_>, turns: usize) -> Verdict {
    let fits =
        |protocol| protocol != Protocol::KAFKA || brokers::kafka_answers(first.sight(), second.sight());
    let mut verdict = weigh(first.heard(), second.heard(), fits);
    if let Some(spoken) = verdict.spoken {
        let (client, server) = match verdict.server {
            Some(Sender::First) => (second, first),
            _ => (first, second),
        };
        let mut turn = Turn::of(spoken, client.sight(), server.sight());
        if verdict.server.is_none() {
            turn = turn.or_else(|| Turn::of(spoken, server.sight(), client.sight()));
        }
        verdict.layers = match turn {
            // There are no more layers to tell of.
            Some(turn) if turns + 1 == Layers::KEPT => turn.layers(&NOTHING),
            Some(turn) => {
                let behind = [turn.client, turn.server].map(Words::of);
                turn.layers(&look_at_plain_streams(&behind[0], &behind[1], turns + 1))
            }
            None => layers::of_streams(spoken, client, server),
        };
        verdict.service = layers::service_of_streams(spoken, &verdict.layers, client, server);
    }
    verdict
}

/// The same for two directions of datagrams.
fn look_at_datagrams(first: &Window, second: &Window) -> Verdict {
    let (one, other) = (first.gist(), second.gist());
    let (first, second) = (first.datagrams(), second.datagrams());
    let answers = || first.zip(second).is_some_and(|(first, second)| tools::iperf3_answers(first, second));
    let fits = |protocol| protocol != Protocol::IPERF3 || answers();
    let mut verdict = weigh(one.heard(), other.heard(), fits);
    if let Some(spoken) = verdict.spoken {
        let client = if verdict.server == Some(Sender::First) { second } else { first };
        verdict.layers = layers::of_datagrams(spoken, client, [&one, &other]);
        verdict.service = layers::service_of_datagrams(spoken, &verdict.layers);
    }
    verdict
}

/// How well the two directions fit in one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Nothing,
    Weak,
    /// Two weak halves.
    WeakBothWays,
    Strong,
    /// Both directions, at least one of them strong.
    BothWays,
}

/// What the directions say in one protocol.
#[derive(Clone, Copy)]
struct Case {
    protocol: Protocol,
    first: Said,
    second: Said,
    rank: Rank,
    server: Option<Sender>,
}

impl Case {
    fn of(protocol: Protocol, first: Said, second: Said, fits: bool) -> Self {
        // An answer that must repeat what was asked says nothing where it does not.
        let heed = |said: Said| if fits { said } else { Said { server: Strength::Nothing, ..said } };
        let (first, second) = (heed(first), heed(second));
        let both = |one: Strength, other: Strength| {
            let weaker = one.min(other);
            (fits && weaker > Strength::Nothing).then_some(one.max(other))
        };
        let forth = both(first.as_client(), second.as_server());
        let back = both(first.as_server(), second.as_client());
        let rank = match forth.max(back) {
            Some(Strength::Strong) => Rank::BothWays,
            Some(_) if first.strength().max(second.strength()) == Strength::Strong => Rank::Strong,
            Some(_) => Rank::WeakBothWays,
            None => match first.strength().max(second.strength()) {
                Strength::Strong => Rank::Strong,
                Strength::Weak => Rank::Weak,
                Strength::Nothing => Rank::Nothing,
            },
        };
        let server = match (forth, back) {
            // Words that either side may say tell no side, unless they are a client's or a server's too:
            // then the first request decides.
            (Some(_), Some(_)) if first.client.max(second.server) == Strength::Nothing => None,
            (Some(_), _) => Some(Sender::Second),
            (None, Some(_)) => Some(Sender::First),
            (None, None) => one_way(first, second),
        };
        Self { protocol, first, second, rank, server }
    }
}

/// Which end serves, where the directions do not fit together: the stronger one tells, and of two
/// requests the first.
fn one_way(first: Said, second: Said) -> Option<Sender> {
    let serves_only = |said: Said| said.server > said.client.max(said.peer);
    if serves_only(first) && serves_only(second) {
        // What both say cannot be a server's alone.
        return None;
    }
    let (said, sender) =
        if first.strength() >= second.strength() { (first, Sender::First) } else { (second, Sender::Second) };
    match said.client.cmp(&said.server) {
        std::cmp::Ordering::Greater if said.client >= said.peer => Some(sender.other()),
        std::cmp::Ordering::Less if said.server >= said.peer => Some(sender),
        _ => None,
    }
}

/// What the directions say in all protocols that one of them was heard in.
struct Cases([Option<Case>; 2 * Heard::KEPT]);

impl Cases {
    fn of(first: &Heard, second: &Heard, fits: impl Fn(Protocol) -> bool) -> Self {
        let rest = second.iter().filter(|&(protocol, _)| first.of(protocol) == Said::NOTHING);
        let mut cases = [None; 2 * Heard::KEPT];
        for (place, (protocol, _)) in cases.iter_mut().zip(first.iter().chain(rest)) {
            *place = Some(Case::of(protocol, first.of(protocol), second.of(protocol), fits(protocol)));
        }
        Self(cases)
    }

    fn iter(&self) -> impl Iterator<Item = &Case> + Clone {
        // They stand before the free places.
        self.0.iter().map_while(Option::as_ref)
    }

    fn ranked(&self, rank: Rank) -> impl Iterator<Item = &Case> + Clone {
        self.iter().filter(move |case| case.rank == rank)
    }

    /// The best rank there is.
    fn best(&self) -> Rank {
        self.iter().map(|case| case.rank).max().unwrap_or(Rank::Nothing)
    }
}

/// Weighs all that was heard; `fits` tells whether two halves belong together.
fn weigh(first: &Heard, second: &Heard, fits: impl Fn(Protocol) -> bool) -> Verdict {
    if first.is_empty() && second.is_empty() {
        return NOTHING;
    }
    let cases = Cases::of(first, second, fits);
    let mut verdict = NOTHING;
    for (protocol, said) in first.iter().chain(second.iter()) {
        if said.confirms {
            verdict.fits.insert(protocol);
        }
    }
    let (spoken, asked) = match cases.best() {
        Rank::Nothing => return verdict,
        Rank::Weak => {
            verdict.strength = Strength::Weak;
            let mut sides = cases.ranked(Rank::Weak).map(|case| case.server);
            let side = sides.next().flatten();
            verdict.server = side.filter(|_| sides.all(|other| other == side));
            cases.ranked(Rank::Weak).for_each(|case| verdict.weak.insert(case.protocol));
            return verdict;
        }
        Rank::Strong => strong_one_way(&cases),
        rank @ (Rank::BothWays | Rank::WeakBothWays) => match foremost(cases.ranked(rank)) {
            Foremost::One(case) => (Some(case), None),
            Foremost::None | Foremost::Several => (None, None),
        },
    };
    if let Some(case) = spoken {
        verdict.strength = Strength::Strong;
        verdict.spoken = Some(case.protocol);
        verdict.server = case.server;
        verdict.asked = asked;
    }
    verdict
}

/// What is spoken where no protocol fits both directions, and what was asked for.
fn strong_one_way(cases: &Cases) -> (Option<Case>, Option<Protocol>) {
    let strong = cases.ranked(Rank::Strong);
    let first = foremost(strong.clone().filter(|case| is_strong(case.first)));
    let second = foremost(strong.filter(|case| is_strong(case.second)));
    match (first, second) {
        (Foremost::One(case), Foremost::None) | (Foremost::None, Foremost::One(case)) => (Some(case), None),
        (Foremost::One(one), Foremost::One(other)) if one.protocol == other.protocol => (Some(one), None),
        (Foremost::One(one), Foremost::One(other)) => match answer(&one, &other) {
            // HTTP/2 that is answered in HTTP/1 is no other service.
            Some((spoken, asked)) if spoken.protocol.service() == asked.protocol.service() => {
                (Some(spoken), None)
            }
            Some((spoken, asked)) => (Some(spoken), Some(asked.protocol)),
            None => (None, None),
        },
        _ => (None, None),
    }
}

fn is_strong(said: Said) -> bool {
    said.strength() == Strength::Strong
}

/// What the first direction strongly says is not what the second strongly says: which of them is the
/// server's answer, and which the client's question.
fn answer(first: &Case, second: &Case) -> Option<(Case, Case)> {
    let strong = Strength::Strong;
    let (first_asks, first_serves) = (first.first.client == strong, first.first.server == strong);
    let (second_asks, second_serves) = (second.second.client == strong, second.second.server == strong);
    match () {
        // Two questions or two answers contradict each other.
        () if first_asks && second_asks || first_serves && second_serves => None,
        () if first_serves || second_asks => Some((*first, *second)),
        // Words without a side: who sent first has asked.
        () => Some((*second, *first)),
    }
}

/// The one that goes before all others.
enum Foremost {
    None,
    One(Case),
    /// Equally strong ones: no verdict.
    Several,
}

fn foremost<'c>(cases: impl Iterator<Item = &'c Case> + Clone) -> Foremost {
    let mut all = cases.clone();
    match (all.next(), all.next()) {
        (None, _) => return Foremost::None,
        (Some(&case), None) => return Foremost::One(case),
        (Some(_), Some(_)) => {}
    }
    let goes_before =
        |case: &Case| cases.clone().any(|other| BEFORE.contains(&(other.protocol, case.protocol)));
    let mut left = cases.clone().filter(|case| !goes_before(case));
    match (left.next(), left.next()) {
        (None, _) => Foremost::None,
        (Some(&case), None) => Foremost::One(case),
        (Some(_), Some(_)) => Foremost::Several,
    }
}

/// Of two protocols that the same octets fit, the one that checks more of them.
const BEFORE: [(Protocol, Protocol); 10] = [
    (Protocol::ICAP, Protocol::HTTP),
    (Protocol::RTSP, Protocol::HTTP),
    (Protocol::SIP, Protocol::HTTP),
    (Protocol::SSDP, Protocol::HTTP),
    (Protocol::HTTP2, Protocol::HTTP),
    (Protocol::NETBIOS_NS, Protocol::DOMAIN),
    (Protocol::DOMAIN, Protocol::QUIC),
    (Protocol::DCERPC, Protocol::WIREGUARD),
    (Protocol::COTP, Protocol::OPENFLOW),
    (Protocol::RDP, Protocol::OPENFLOW),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::testing::{TCP, UDP, alone, both};

    #[test]
    fn an_answer_in_another_protocol_is_the_protocol() {
        let verdict = both(TCP, b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n");
        assert_eq!((verdict.spoken, verdict.asked), (Some(Protocol::SSH), Some(Protocol::HTTP)));
        // Who speaks first may be the server.
        let verdict = both(TCP, b"220 x ESMTP\r\n", b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!((verdict.spoken, verdict.asked), (Some(Protocol::SMTP), Some(Protocol::HTTP)));
        assert_eq!(verdict.server, Some(Sender::First));
    }

    #[test]
    fn a_weak_question_was_not_asked() {
        let verdict = both(TCP, &[5, 1, 0], b"HTTP/1.1 400 Bad Request\r\n");
        assert_eq!((verdict.spoken, verdict.asked), (Some(Protocol::HTTP), None));
    }

    #[test]
    fn two_questions_in_different_protocols_give_no_verdict() {
        let verdict = both(TCP, b"GET / HTTP/1.1\r\n\r\n", b"EHLO me\r\n");
        assert_eq!((verdict.strength, verdict.spoken), (Strength::Nothing, None));
    }

    #[test]
    fn of_two_requests_in_one_protocol_the_first_decides() {
        let request = b"OPTIONS sip:a@b SIP/2.0\r\n";
        let verdict = both(UDP, request, request);
        assert_eq!((verdict.spoken, verdict.server), (Some(Protocol::SIP), Some(Sender::Second)));
    }

    #[test]
    fn two_weak_halves_never_beat_a_strong_one() {
        let weak = &[0x40, 2, 0, 8, 0, 1, 0, 1][..];
        assert_eq!(both(UDP, weak, weak).spoken, Some(Protocol::L2TP));
        let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
        assert_eq!(both(UDP, weak, query).spoken, Some(Protocol::DOMAIN));
    }

    #[test]
    fn what_only_the_second_sender_says_counts_as_well() {
        let verdict = both(TCP, b"\xee\xee\xee", b"HTTP/1.1 200 OK\r\n");
        assert_eq!((verdict.spoken, verdict.server), (Some(Protocol::HTTP), Some(Sender::Second)));
        let verdict = both(TCP, b"\xee\xee\xee", b"GET / HTTP/1.1\r\n");
        assert_eq!((verdict.spoken, verdict.server), (Some(Protocol::HTTP), Some(Sender::First)));
    }

    #[test]
    fn weak_words_confirm_and_name_nothing() {
        let verdict = alone(TCP, b"220 ready\r\n");
        assert_eq!((verdict.strength, verdict.spoken, verdict.service()), (Strength::Weak, None, None));
        let confirmed = verdict.confirms();
        assert!(confirmed.contains(Protocol::SMTP) && confirmed.contains(Protocol::FTP));
        assert_eq!(verdict.ride("ftp", "File Transfer Protocol"), Ride::Named);
        assert_eq!(verdict.ride("ssh", "Secure Shell"), Ride::No);
        let verdict = alone(UDP, &[0xff]);
        assert_eq!(verdict.ride("ipsec-nat-t", ""), Ride::Named);
    }

    #[test]
    fn the_program_called_goes_with_its_own_name() {
        let call: Vec<u8> =
            [7_u32, 0, 2, 100_021, 4, 0, 0, 0, 0, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
        let verdict = alone(UDP, &call);
        assert_eq!(verdict.ride("nlockmgr", ""), Ride::Named);
        assert_eq!(verdict.ride("sunrpc", ""), Ride::Named);
        assert_eq!(verdict.is_registered(), Some(false));
    }

    #[test]
    fn a_verdict_is_settled_when_both_windows_are_full() {
        let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
        let mut answer = query.to_vec();
        answer[2] = 0x81;
        assert!(!alone(UDP, query).settled);
        assert!(both(UDP, query, &answer).settled);
        assert!(!both(TCP, b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n").settled);
        let long = [&b"GET / HTTP/1.1\r\nA: "[..], &[b'a'; 300]].concat();
        assert!(both(TCP, &long, &long).settled);
    }
}
