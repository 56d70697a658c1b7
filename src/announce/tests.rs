//! What the store of announcements remembers, forgets and merges.

use proptest::prelude::*;

use super::{testing::*, *};

/// A reply 227 of the server for this port, seen at this second.
fn passive(port: u16, seconds: u64) -> (Vec<u8>, u64) {
    let [high, low] = port.to_be_bytes();
    (format!("227 OK (192,0,2,1,{high},{low})\r\n").into_bytes(), seconds)
}

fn observe(announced: &mut Announced, client_port: u16, (octets, seconds): &(Vec<u8>, u64)) -> Control {
    let reply = Message { time: at(*seconds), ..message(TCP, (SERVER, 21), (CLIENT, client_port), octets) };
    announced.observe(&reply);
    control(&reply)
}

fn from(announced: &Announced, port: u16, seconds: u64) -> Option<u64> {
    Some(announced.lookup(ip(SERVER), TCP, port, at(seconds))?.from.seconds())
}

#[test]
fn what_is_worth_a_look() {
    use Protocol as P;
    for (protocol, ports, spoken, by) in [
        (TCP, (21, 50_512), None, Some("ftp")),
        (TCP, (50_512, 21), Some(P::TLS), Some("ftp")),
        (TCP, (50_512, 2121), Some(P::FTP), Some("ftp")),
        (UDP, (50_512, 21), Some(P::FTP), None),
        (UDP, (5060, 5061), None, Some("sip")),
        (TCP, (50_512, 5060), None, Some("sip")),
        (UDP, (7000, 7001), Some(P::SIP), Some("sip")),
        (UDP, (1900, 50_512), None, Some("ssdp")),
        (UDP, (40_000, 50_512), Some(P::SSDP), Some("ssdp")),
        (TCP, (1900, 50_512), None, None),
        (UDP, (111, 900), None, Some("sunrpc")),
        (TCP, (900, 111), None, Some("sunrpc")),
        (UDP, (900, 2049), Some(P::SUNRPC), None),
        (TransportProtocol::SCTP, (5060, 5060), None, None),
        (UDP, (50_512, 53), Some(P::DOMAIN), None),
    ] {
        assert_eq!(Announcer::of(protocol, ports, spoken).map(Announcer::word), by, "{ports:?} {spoken:?}");
        assert_eq!(may_announce(protocol, ports, spoken), by.is_some());
    }
}

#[test]
fn counts_for_flows_that_begin_within_five_minutes() {
    let mut announced = Announced::new();
    assert!(announced.is_empty() && !announced.may_name(5_000));
    observe(&mut announced, 40_000, &passive(5_000, 1_000));
    assert!(!announced.is_empty() && announced.may_name(5_000) && !announced.may_name(5_001));
    for (seconds, known) in [(0, false), (999, false), (1_000, true), (1_300, true), (1_301, false)] {
        assert_eq!(from(&announced, 5_000, seconds).is_some(), known, "at {seconds}");
    }
    assert_eq!(announced.lookup(ip(SERVER), UDP, 5_000, at(1_000)), None);
    assert_eq!(announced.lookup(ip(CLIENT), TCP, 5_000, at(1_000)), None);
    assert_eq!(announced.lookup(ip(SERVER), TCP, 5_001, at(1_000)), None);
    // The latest message before the flow counts, in whatever order they came.
    observe(&mut announced, 40_001, &passive(5_000, 1_200));
    observe(&mut announced, 40_002, &passive(5_000, 1_100));
    for (seconds, latest) in [(1_050, 1_000), (1_150, 1_100), (1_199, 1_100), (1_200, 1_200), (1_500, 1_200)]
    {
        assert_eq!(from(&announced, 5_000, seconds), Some(latest), "at {seconds}");
    }
    assert_eq!(from(&announced, 5_000, 1_501), None);
}

#[test]
fn tells_who_said_it() {
    let mut announced = Announced::new();
    let flow = observe(&mut announced, 40_000, &passive(5_000, 7));
    let found = *announced.lookup(ip(SERVER), TCP, 5_000, at(8)).unwrap();
    let expected = Announcement { name: "ftp-data", by: Announcer::Ftp, from: at(7).unwrap(), control: flow };
    assert_eq!(found, expected);
    assert_eq!((flow.low, flow.high), ((ip(SERVER), 21), (ip(CLIENT), 40_000)));
}

#[test]
fn without_time_nobody_knows_what_came_first() {
    let mut announced = Announced::new();
    let (octets, _) = passive(5_000, 0);
    announced.observe(&Message { time: None, ..message(TCP, (SERVER, 21), (CLIENT, 40_000), &octets) });
    assert!(announced.is_empty());
    observe(&mut announced, 40_000, &passive(5_000, 7));
    assert_eq!(announced.lookup(ip(SERVER), TCP, 5_000, None), None);
}

#[test]
fn counts_until_its_control_flow_ends() {
    let mut announced = Announced::new();
    let first = observe(&mut announced, 40_000, &passive(5_000, 100));
    let second = observe(&mut announced, 40_001, &passive(5_000, 110));
    announced.ends(second, None);
    assert_eq!(from(&announced, 5_000, 130), Some(110));
    announced.ends(second, at(120));
    // Only the first end counts.
    announced.ends(second, at(150));
    for (seconds, latest) in [(109, 100), (110, 110), (120, 110), (121, 100), (400, 100)] {
        assert_eq!(from(&announced, 5_000, seconds), Some(latest), "at {seconds}");
    }
    announced.ends(first, at(140));
    assert_eq!(from(&announced, 5_000, 140), Some(100));
    assert_eq!(from(&announced, 5_000, 141), None);
    // The same five-tuple begins again.
    observe(&mut announced, 40_001, &passive(5_000, 200));
    assert_eq!(from(&announced, 5_000, 250), Some(200));
    announced.ends(second, at(210));
    assert_eq!(from(&announced, 5_000, 250), None);
}

#[test]
fn of_many_the_latest_stay_and_the_others_are_counted() {
    let mut announced = Announced::new();
    let limit = Announced::LIMIT as u64;
    for number in 0..limit + 10 {
        observe(&mut announced, 40_000, &passive(5_000, 1_000 * number));
    }
    assert_eq!(announced.losses()[0].0, 10);
    assert_eq!(from(&announced, 5_000, 9_000), None);
    assert_eq!(from(&announced, 5_000, 10_000), Some(10_000));
    assert_eq!(from(&announced, 5_000, 1_000 * (limit + 9)), Some(1_000 * (limit + 9)));
    // However many have ended, few are looked at.
    let mut announced = Announced::new();
    for number in 0..limit {
        let flow = observe(&mut announced, number as u16, &passive(5_000, 1_000));
        announced.ends(flow, at(1_001));
    }
    for _ in 0..100_000 {
        assert_eq!(from(&announced, 5_000, 1_010), None);
    }
}

#[test]
fn calls_and_replies_are_bounded() {
    let ask = |transaction| call(transaction, 2, 3, &words(&[100_003, 3, 6, 0]));
    let answer = |transaction| reply(transaction, &words(&[transaction]));
    let mut announced = Announced::new();
    for transaction in 1..=5_000 {
        announced.observe(&message(UDP, (CLIENT, 900), (SERVER, 111), &ask(transaction)));
    }
    for transaction in 1..=5_000 {
        announced.observe(&message(UDP, (SERVER, 111), (CLIENT, 900), &answer(transaction)));
    }
    let known = announced.all();
    assert_eq!((known.len(), known[0].2), (4_096, 905));
    // Replies without calls: by count, and by octets.
    let mut later = Announced::part();
    for transaction in 1..=5_000 {
        later.observe(&message(UDP, (SERVER, 111), (CLIENT, 900), &answer(transaction)));
    }
    assert_eq!(later.losses()[1].0, 5_000 - 4_096);
    let mut later = Announced::part();
    let long = reply(1, &[0; 1_000]);
    for _ in 0..2_000 {
        later.observe(&message(UDP, (SERVER, 111), (CLIENT, 900), &long));
    }
    assert_eq!(later.losses()[1].0, 2_000 - (1 << 20) / 1_000);
    // What is no later stretch waits for no call.
    let mut whole = Announced::new();
    whole.observe(&message(UDP, (SERVER, 111), (CLIENT, 900), &long));
    whole.merge(later);
    assert_eq!(whole.all(), []);
}

/// What may happen to a store.
#[derive(Clone, Debug)]
enum Step {
    Passive { client: u16, port: u16 },
    Offer { port: u16 },
    Location { port: u16 },
    Call { transaction: u32 },
    Reply { transaction: u32, port: u16 },
    End { client: u16 },
    EndOfCalls,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let (client, port, transaction) = (1u16..4, 1u16..5, 1u32..5);
    let step = prop_oneof![
        (client.clone(), port.clone()).prop_map(|(client, port)| Step::Passive { client, port }),
        port.clone().prop_map(|port| Step::Offer { port }),
        port.clone().prop_map(|port| Step::Location { port }),
        transaction.clone().prop_map(|transaction| Step::Call { transaction }),
        (transaction, port).prop_map(|(transaction, port)| Step::Reply { transaction, port }),
        client.prop_map(|client| Step::End { client }),
        Just(Step::EndOfCalls),
    ];
    // The largest gap stands for a clock that was set back.
    let gap = prop_oneof![4 => 0..40u64, 1 => Just(200), 1 => Just(u64::MAX)];
    proptest::collection::vec((step, gap), 0..80).prop_map(|steps| {
        let mut now = 1_000;
        let timed = steps.into_iter().map(|(step, gap)| {
            now = if gap == u64::MAX { now - 20 } else { now + gap };
            (step, now)
        });
        timed.collect()
    })
}

fn take(announced: &mut Announced, (step, seconds): &(Step, u64)) {
    let time = at(*seconds);
    let (ftp, mapper) = ((SERVER, 21), (SERVER, 111));
    let octets;
    let message = match *step {
        Step::Passive { client, port } => {
            octets = passive(port, 0).0;
            message(TCP, ftp, (CLIENT, client), &octets)
        }
        Step::Offer { port } => {
            octets = format!("INVITE x SIP/2.0\r\n\r\nv=0\r\nc=IN IP4 192.0.2.1\r\nm=a {port} RTP/AVP 0\r\n")
                .into_bytes();
            message(UDP, (SERVER, 5060), (CLIENT, 5060), &octets)
        }
        Step::Location { port } => {
            octets = format!("NOTIFY * HTTP/1.1\r\nLOCATION: http://192.0.2.1:{port}/\r\n\r\n").into_bytes();
            message(UDP, (SERVER, 1900), (CLIENT, 1900), &octets)
        }
        Step::Call { transaction } => {
            let ask = call(transaction, 2, 3, &words(&[100_003, 3, 6, 0]));
            octets = [words(&[0x8000_0000 | ask.len() as u32]), ask].concat();
            message(TCP, (CLIENT, 900), mapper, &octets)
        }
        Step::Reply { transaction, port } => {
            octets = [words(&[0x8000_001c]), reply(transaction, &words(&[port.into()]))].concat();
            message(TCP, mapper, (CLIENT, 900), &octets)
        }
        Step::End { client } => {
            return announced.ends(Control::new(TCP, (ip(CLIENT), client), (ip(SERVER), 21)), time);
        }
        Step::EndOfCalls => {
            return announced.ends(Control::new(TCP, (ip(CLIENT), 900), (ip(SERVER), 111)), time);
        }
    };
    announced.observe(&Message { time, ..message });
}

/// All that can be asked of a store.
fn answers(announced: &Announced, until: u64) -> Vec<Option<Announcement>> {
    let endpoints = (1..6u16).flat_map(|port| [(TCP, port), (UDP, port)]);
    let all = endpoints.flat_map(|(protocol, port)| {
        (900..until + 400)
            .step_by(7)
            .map(move |seconds| announced.lookup(ip(SERVER), protocol, port, at(seconds)).copied())
    });
    all.collect()
}

/// How messages begin, so that what follows is read as the rest of them.
const STARTS: [&[u8]; 8] = [
    b"",
    b"227 (",
    b"229 (",
    b"EPRT |1|",
    b"PORT 1,",
    b"SIP/2.0 200 OK\r\n\r\nv=0\r\nc=IN IP4 192.0.2.1\r\nm=audio ",
    b"NOTIFY * HTTP/1.1\r\nLOCATION: http://",
    &[0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

proptest! {
    #[test]
    fn stretches_merge_into_the_whole(
        steps in steps(),
        cuts in proptest::array::uniform2(0usize..80),
        limits in prop_oneof![Just((1_000, 1_000)), (2usize..20, 1usize..6)],
    ) {
        let mut cuts = cuts.map(|cut| cut.min(steps.len()));
        cuts.sort_unstable();
        let filled = |steps: &[(Step, u64)], is_part| {
            let mut announced = Announced::bounded(limits.0, limits.1, is_part);
            for step in steps {
                take(&mut announced, step);
            }
            announced
        };
        let until = steps.iter().map(|step| step.1).max().unwrap_or_default();
        let whole = filled(&steps, false);
        let expected = (answers(&whole, until), whole.losses(), whole.all());
        let parts = || [&steps[..cuts[0]], &steps[cuts[0]..cuts[1]], &steps[cuts[1]..]];
        // One after the other, and the later two first.
        let [first, second, third] = parts();
        let (mut merged, mut middle) = (filled(first, false), filled(second, true));
        merged.merge(middle.clone());
        merged.merge(filled(third, true));
        prop_assert_eq!(&(answers(&merged, until), merged.losses(), merged.all()), &expected);
        let mut merged = filled(first, false);
        middle.merge(filled(third, true));
        merged.merge(middle);
        prop_assert_eq!(&(answers(&merged, until), merged.losses(), merged.all()), &expected);
    }

    #[test]
    fn octets_of_any_kind_do_no_harm(
        octets in proptest::collection::vec(any::<u8>(), 0..300),
        start in 0..STARTS.len(),
    ) {
        let octets = [STARTS[start], &octets].concat();
        for port in [21, 111, 1900, 5060] {
            for protocol in [TCP, UDP] {
                let mut announced = Announced::new();
                announced.observe(&message(protocol, (CLIENT, 900), (SERVER, port), &octets));
                for procedure in [3, 4] {
                    let ask = call(7, procedure, procedure, &words(&[100_003, 3, 6, 0]));
                    announced.observe(&message(UDP, (CLIENT, 900), (SERVER, 111), &ask));
                    announced.observe(&message(protocol, (SERVER, port), (CLIENT, 900), &octets));
                }
                prop_assert!(announced.all().len() <= 3 * Announced::MAX_ENDPOINTS);
            }
        }
    }
}
