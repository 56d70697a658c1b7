//! Learning in one piece, in stretches and packet by packet, over small made-up captures.

use proptest::prelude::*;

use super::*;
use crate::{
    decode::{Fragment, Network, Phase, Quoted, Reason, Stopped},
    naming::{Rule, Side},
    packet::{LinkType, TransportProtocol},
};

/// One packet of a made-up capture.
#[derive(Clone, Debug)]
struct Packet {
    time: u64,
    octets: u32,
    headers: Headers,
}

impl Packet {
    fn frame(&self, number: u64) -> Frame<'static> {
        Frame {
            number,
            time: Some(Timestamp(self.time)),
            interface: 0,
            link: LinkType::ETHERNET,
            octets: &[],
            original_len: self.octets,
        }
    }
}

fn network(from: u8, to: u8, v6: bool) -> Network {
    if v6 {
        let address = |last| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        Network::V6(address(from), address(to))
    } else {
        Network::V4([192, 0, 2, from], [192, 0, 2, to])
    }
}

fn ported(from: u8, to: u8, v6: bool, port: u16) -> Headers {
    Headers {
        network: network(from, to, v6),
        protocol: TransportProtocol::UDP,
        kind: Kind::Ip(TransportProtocol::UDP),
        ports: Some((port, 9)),
        ..Headers::default()
    }
}

/// Whole packets, first and later fragments, damaged ones, ICMP errors, ARP.
fn headers() -> impl Strategy<Value = Headers> {
    (0..12u8, 1..6u8, 1..4u8, any::<bool>(), 1..6u16).prop_map(|(kind, from, to, v6, port)| {
        let plain = ported(from, to, v6, 1000 + port);
        match kind {
            0 => Headers { kind: Kind::EtherType(0x0806), ..Headers::default() },
            1 | 2 => {
                let fragment = Fragment { id: port.into(), offset: 0, more: true };
                Headers { fragment: Some(fragment), ..plain }
            }
            3 | 4 => {
                let fragment = Fragment { id: port.into(), offset: 1480, more: false };
                Headers { fragment: Some(fragment), ports: None, ..plain }
            }
            5 => {
                let stopped =
                    Stopped { layer: "udp", offset: 42, reason: Reason::Malformed("length below 8") };
                Headers { stopped: Some(stopped), ..plain }
            }
            6 => {
                let protocol = TransportProtocol(if v6 { 58 } else { 1 });
                let network = network(to, from, v6);
                let quoted = Quoted { network: plain.network, protocol: plain.protocol, ports: plain.ports };
                Headers {
                    network,
                    protocol,
                    kind: Kind::Ip(protocol),
                    icmp: Some((3, 3)),
                    quoted: Some(quoted),
                    ..Headers::default()
                }
            }
            7 => Headers { protocol: TransportProtocol::TCP, phase: Phase::Open, ..plain },
            8 => Headers { protocol: TransportProtocol::TCP, ..plain },
            9 => {
                let Network::V4(from, _) = network(from, to, false) else { return plain };
                let network = Network::V4(from, [224, 0, 0, 251]);
                Headers { network, ports: Some((9, 5353)), ..plain }
            }
            _ => plain,
        }
    })
}

fn captures() -> impl Strategy<Value = Vec<Packet>> {
    let packet = (0..200u64, 60..1500u32, headers());
    proptest::collection::vec(packet, 0..150).prop_map(|steps| {
        let mut time = 1_000 * Timestamp::SECOND;
        let packets = steps.into_iter().map(|(gap, octets, headers)| {
            time += gap * Timestamp::SECOND;
            Packet { time, octets, headers }
        });
        packets.collect()
    })
}

fn learned(mut knowledge: Knowledge, packets: &[Packet], first: u64, registry: &Registry) -> Knowledge {
    for (packet, number) in packets.iter().zip(first..) {
        knowledge.learning(0).learn(&packet.frame(number), &packet.headers);
        knowledge.make_room(registry);
    }
    knowledge
}

/// Packets, octets and damaged packets of all there is.
fn sums(knowledge: &Knowledge) -> [u64; 3] {
    let mut all = [0; 3];
    let mut add = |tally: &Tally, damaged: Damaged| {
        let damaged: u64 = damaged.counts().map(|(_, count)| count).sum();
        for (sum, more) in all.iter_mut().zip([tally.all_packets(), tally.all_octets(), damaged]) {
            *sum += more;
        }
    };
    for tuple in knowledge.flows().five_tuples() {
        add(&tuple.total(), knowledge.damaged(&Subject::Flow(tuple.key)));
    }
    for (kind, tally) in knowledge.others() {
        add(tally, knowledge.damaged(&Subject::Other(kind)));
    }
    for gone in knowledge.departed() {
        add(&gone.tally, gone.damaged);
    }
    all
}

/// Five-tuples, their packets and flows, in the order of their first packets.
fn flows(knowledge: &Knowledge) -> Vec<(FlowId, [u64; 2], u64)> {
    let tuples = knowledge.flows().five_tuples();
    tuples.map(|tuple| (tuple.id, tuple.total().packets, tuple.flows)).collect()
}

/// Side and rule of every five-tuple.
fn sides(knowledge: &Knowledge, registry: &Registry, threads: usize) -> Vec<(Side, Option<Rule>)> {
    let answers = Answers::of(knowledge, registry, false, threads);
    let all = knowledge.flows().five_tuples().map(|tuple| answers.get(tuple.id).expect("an answer for each"));
    all.map(|known| (known.side, known.rule)).collect()
}

proptest! {
    #[test]
    fn answers_depend_neither_on_threads_nor_on_a_cut(packets in captures(), cut in 0..150usize) {
        let registry = Registry::built_in();
        let cut = cut.min(packets.len());
        let options = Options::default();
        let mut whole = learned(Knowledge::whole(options), &packets, 1, &registry);
        whole.settle();
        let mut merged = learned(Knowledge::whole(options), &packets[..cut], 1, &registry);
        // Whoever asks in between must not spoil what is told later.
        sides(&merged, &registry, 1);
        let later = learned(Knowledge::part(options), &packets[cut..], cut as u64 + 1, &registry);
        merged.merge(later, Shift::default(), &registry);
        merged.settle();
        prop_assert_eq!(sides(&merged, &registry, 4), sides(&whole, &registry, 1));
    }

    /// Where only the past is known, an answer that was kept is the one that would be worked out anew, also after
    /// five-tuples left; of those that stayed it is kept where it is told who left.
    #[test]
    fn kept_answers_are_those_of_now(packets in captures(), limit in 4..40usize, is_told: bool) {
        let registry = Registry::built_in();
        let mut known = Knowledge::whole(Options { limit, causal: true, ..Options::default() });
        let mut answers = Answers::new(false);
        for (packet, number) in packets.iter().zip(1..) {
            let place = known.follow(&packet.frame(number), &packet.headers, 0);
            answers.revise(&packet.headers, &place, &mut known, &registry);
            if let Some(id) = place.id {
                let mut anew = Answers::new(false);
                anew.revise(&packet.headers, &place, &mut known, &registry);
                let side = |known: Option<Known>| known.map(|known| (known.side, known.rule));
                prop_assert_eq!(side(answers.get(id)), side(anew.get(id)), "packet {}", number);
            }
            if let Some(left) = known.let_oldest_leave(&registry).filter(|_| is_told) {
                answers.release(&left, &known);
            }
            if is_told {
                let tuples: Vec<_> = known.flows().five_tuples().collect();
                prop_assert!(tuples.iter().all(|tuple| answers.get(tuple.id).is_some()), "packet {}", number);
            }
        }
    }

    #[test]
    fn sums_are_those_of_the_packets_however_they_are_learned(
        packets in captures(), cut in 0..150usize, limit in 4..40usize
    ) {
        let registry = Registry::built_in();
        let count = packets.len() as u64;
        let octets: u64 = packets.iter().map(|packet| u64::from(packet.octets)).sum();
        let damaged = packets.iter().filter(|packet| packet.headers.stopped.is_some()).count() as u64;
        let expected = [count, octets, damaged];
        let cut = cut.min(packets.len());
        for causal in [false, true] {
            let options = Options { limit, causal, ..Options::default() };
            let mut whole = learned(Knowledge::whole(options), &packets, 1, &registry);
            whole.settle();
            prop_assert_eq!(sums(&whole), expected, "in one piece, causal: {}", causal);
        }
        let options = Options { limit, ..Options::default() };
        let mut merged = learned(Knowledge::whole(options), &packets[..cut], 1, &registry);
        let part = Knowledge::part(options);
        let later = learned(part, &packets[cut..], cut as u64 + 1, &registry);
        merged.merge(later, Shift::default(), &registry);
        merged.settle();
        prop_assert_eq!(sums(&merged), expected, "in two");
        prop_assert_eq!(merged.span().packets, count);
    }

    #[test]
    fn stretches_merge_into_the_whole_while_there_is_room(packets in captures(), cut in 0..150usize) {
        let registry = Registry::built_in();
        let cut = cut.min(packets.len());
        let options = Options::default();
        let mut whole = learned(Knowledge::whole(options), &packets, 1, &registry);
        whole.settle();
        let mut merged = learned(Knowledge::whole(options), &packets[..cut], 1, &registry);
        let later = learned(Knowledge::part(options), &packets[cut..], cut as u64 + 1, &registry);
        merged.merge(later, Shift::default(), &registry);
        merged.settle();
        prop_assert_eq!(flows(&merged), flows(&whole));
    }

    #[test]
    fn a_packet_is_found_where_it_was_counted(packets in captures()) {
        let registry = Registry::built_in();
        let mut whole = learned(Knowledge::whole(Options::default()), &packets, 1, &registry);
        whole.settle();
        let mut places: Vec<_> = packets
            .iter()
            .map(|packet| whole.place(&packet.headers, Some(Timestamp(packet.time))))
            .collect();
        whole.locate(&mut places);
        let mut found = vec![0u64; whole.flows().len()];
        let numbers: Vec<_> = whole.flows().five_tuples().map(|tuple| tuple.id).collect();
        for (place, packet) in places.iter().zip(&packets) {
            if place.ends.is_none() {
                prop_assert_eq!(packet.headers.network, Network::None);
                continue;
            }
            let id = place.id.expect("every packet has its five-tuple");
            found[numbers.iter().position(|number| *number == id).unwrap()] += 1;
            if let Place { ends: Some(ends), id: Some(id) } = whole.quoted(&packet.headers) {
                prop_assert_eq!(whole.flows().five_tuple(id).unwrap().key, ends.key);
            }
        }
        let counted: Vec<_> =
            whole.flows().five_tuples().map(|tuple| tuple.total().all_packets()).collect();
        prop_assert_eq!(found, counted);
    }

    #[test]
    fn following_says_where_a_packet_belongs(packets in captures()) {
        let mut known = Knowledge::whole(Options { causal: true, ..Options::default() });
        for (packet, number) in packets.iter().zip(1..) {
            let place = known.follow(&packet.frame(number), &packet.headers, 0);
            let Place { ends: Some(ends), id: Some(id) } = place else {
                prop_assert_eq!(packet.headers.network, Network::None);
                continue;
            };
            let tuple = known.flows().five_tuple(id).expect("it was just counted");
            prop_assert_eq!(tuple.key, ends.key);
            prop_assert_eq!(tuple.current.tally.last(), Some(packet.time));
        }
    }
}

#[test]
fn the_least_recently_seen_leave_under_their_names() {
    let registry = Registry::built_in();
    let options = Options { limit: 8, ..Options::default() };
    let packets: Vec<_> = (0..9)
        .map(|number| {
            let headers = Headers { ports: Some((40_000 + number, 161)), ..ported(1, 2, false, 0) };
            Packet { time: u64::from(number) * Timestamp::SECOND, octets: 100, headers }
        })
        .collect();
    let known = learned(Knowledge::whole(options), &packets, 1, &registry);
    // A quarter of the eight left when they were there: six stayed, and one came.
    assert_eq!(known.flows().len(), 7);
    let gone: Vec<_> = known.departed().collect();
    assert_eq!((gone.len(), gone[0].flows, gone[0].tally.all_octets()), (1, 2, 200));
    assert_eq!((&*gone[0].label.key, gone[0].protocol), ("asked/udp", TransportProtocol::UDP));
    assert_eq!(known.losses().next(), Some((2, "flows that left the full flow table early")));
    let answers = Answers::of(&known, &registry, false, 1);
    let row = answers.kind(Kind::Ip(TransportProtocol::UDP)).expect("a row for packets of what left");
    assert_eq!((&*row.key, row.transport.as_deref()), ("unknown/udp", Some("udp")));
}

/// What a later stretch keeps apart of a connection, until it is known whether that was another one, leaves with it.
#[test]
fn what_was_set_apart_leaves_with_its_five_tuple() {
    let registry = Registry::built_in();
    let options = Options { limit: 4, ..Options::default() };
    let tcp = |port, phase| Headers { protocol: TransportProtocol::TCP, phase, ..ported(1, 2, false, port) };
    let opening = [tcp(1, Phase::None), tcp(1, Phase::Open)];
    let others = (2..8).map(|port| tcp(port, Phase::None));
    let packets: Vec<_> = opening
        .into_iter()
        .chain(others)
        .zip(1u64..)
        .map(|(headers, second)| Packet { time: second * Timestamp::SECOND, octets: 100, headers })
        .collect();
    let part = learned(Knowledge::part(options), &packets, 1, &registry);
    assert!(part.departed().next().is_some());
    assert_eq!(sums(&part), [8, 800, 0]);
}

/// What a five-tuple proved of its server outlasts it, with hindsight and without.
#[test]
fn who_served_is_known_when_the_flow_has_left() {
    let registry = Registry::built_in();
    let tcp = |from, port, phase| Headers {
        protocol: TransportProtocol::TCP,
        kind: Kind::Ip(TransportProtocol::TCP),
        ports: Some((port, 50_001)),
        phase,
        ..ported(from, 9, false, 0)
    };
    let opening = [tcp(1, 1024, Phase::Open)];
    let others = (0..4).map(|port| Headers { ports: Some((port, 9)), ..tcp(2, 0, Phase::None) });
    let packets: Vec<_> = opening
        .into_iter()
        .chain(others)
        .chain([tcp(3, 443, Phase::None)])
        .zip(1u64..)
        .map(|(headers, second)| Packet { time: second * Timestamp::SECOND, octets: 60, headers })
        .collect();
    for causal in [false, true] {
        let options = Options { limit: 4, causal, ..Options::default() };
        let known = learned(Knowledge::whole(options), &packets, 1, &registry);
        assert!(known.flows().five_tuples().all(|tuple| tuple.facts.handshake().is_none()));
        let last = sides(&known, &registry, 1).pop();
        assert_eq!(last, Some((Side::High, Some(Rule::Served))), "causal: {causal}");
    }
    // The same in two stretches, where it leaves in the later one.
    let options = Options { limit: 4, ..Options::default() };
    let mut merged = learned(Knowledge::whole(options), &[], 1, &registry);
    let later = learned(Knowledge::part(options), &packets, 1, &registry);
    merged.merge(later, Shift::default(), &registry);
    assert_eq!(sides(&merged, &registry, 1).pop(), Some((Side::High, Some(Rule::Served))));
}

/// What another flow proves is told at the next packet of a flow whose answer it changes.
#[test]
fn what_others_prove_revises_an_answer() {
    let registry = Registry::built_in();
    let mut known = Knowledge::whole(Options { causal: true, ..Options::default() });
    let mut answers = Answers::new(false);
    let mut see = |from, port, phase, number: u64| {
        let headers = Headers {
            protocol: TransportProtocol::TCP,
            kind: Kind::Ip(TransportProtocol::TCP),
            ports: Some((port, 50_001)),
            phase,
            ..ported(from, 9, false, 0)
        };
        let packet = Packet { time: number * Timestamp::SECOND, octets: 60, headers };
        let place = known.follow(&packet.frame(number), &packet.headers, 0);
        answers.revise(&packet.headers, &place, &mut known, &registry);
        answers.get(place.id.unwrap()).map(|known| (known.rule, known.revised)).unwrap()
    };
    assert_eq!(see(1, 443, Phase::None, 1), (Some(Rule::SystemPort), false));
    assert_eq!(see(2, 1024, Phase::Open, 2), (Some(Rule::Handshake), false));
    assert_eq!(see(1, 443, Phase::None, 3), (Some(Rule::Served), true));
}

#[test]
fn a_revised_answer_says_so_until_the_end() {
    let registry = Registry::built_in();
    let mut known = Knowledge::whole(Options { causal: true, ..Options::default() });
    let mut answers = Answers::new(true);
    let mut see = |headers: &Headers, number: u64| {
        let packet = Packet { time: number * Timestamp::SECOND, octets: 60, headers: headers.clone() };
        let place = known.follow(&packet.frame(number), headers, 0);
        answers.revise(headers, &place, &mut known, &registry);
        let id = place.id.unwrap();
        assert!(answers.community_id(&place, None).is_some());
        answers.get(id).map(|known| (known.rule, known.revised)).unwrap()
    };
    let tcp = |from: u16, phase| Headers {
        protocol: TransportProtocol::TCP,
        kind: Kind::Ip(TransportProtocol::TCP),
        ports: Some((from, 8443)),
        phase,
        ..ported(1, 2, false, 0)
    };
    use Rule::{DynamicRange, Handshake};
    assert_eq!(see(&tcp(50_000, Phase::None), 1), (Some(DynamicRange), false));
    assert_eq!(see(&tcp(50_000, Phase::None), 2), (Some(DynamicRange), false));
    // Its acceptance was late; from now on the handshake tells.
    assert_eq!(see(&tcp(50_000, Phase::Open), 3), (Some(Handshake), true));
    assert_eq!(see(&tcp(50_000, Phase::None), 4), (Some(Handshake), true));
}
