//! Tables of bounded size, filled.

use super::*;

#[test]
fn one_sender_leaves_room_for_others() {
    let mut lab = Lab::default();
    let fakes = Limits::NAMES as u32 / 4 * 3 + 100;
    for first in (0..fakes).step_by(100) {
        let mut message = Builder::response();
        for number in first..first + 100 {
            message = message.answer(
                &[format!("h{number}").as_bytes(), b"local"],
                RecordType::A,
                1,
                &[10, 0, 0, 1],
            );
        }
        lab.send(1.0, OTHER, message);
    }
    let limits = lab.inventory.limits();
    assert_eq!(limits, Limits { names: 196, ..Limits::default() });
    lab.send(1.5, OWNER, Builder::response().answer(HOST, RecordType::A, 120, &OWNER));
    assert_eq!(lab.inventory.limits(), limits);
}

#[test]
fn bounds_hold_and_are_counted() {
    let mut lab = Lab::default();
    let mut message = Builder::response();
    for number in 0..Limits::RECORDS_OF_NAME as u16 + 44 {
        let [high, low] = number.to_be_bytes();
        message = message.answer(HOST, RecordType::A, 120, &[10, 0, high, low]);
    }
    lab.send(1.0, OWNER, message);
    assert_eq!(lab.inventory.limits(), Limits { records: 44, ..Limits::default() });
    // A goodbye and a revival in turn, for an hour: the queue does not grow with them.
    for second in 2..3_600 {
        lab.send(f64::from(second), OWNER, pointer(if second % 3 == 0 { 0 } else { 4_500 }));
    }
    assert!(lab.inventory.cache.queue_len() <= 4 * 129 + 1_024);
}

/// Sends that many instances with hosts and TXT data of their own, 50 in a message, from eight senders in turn.
fn flood(lab: &mut Lab, seconds: f64, numbers: std::ops::Range<u32>, ttl: u32) {
    for first in numbers.clone().step_by(50) {
        let mut message = Builder::response();
        for number in first..(first + 50).min(numbers.end) {
            let [name, host] = ["i", "h"].map(|kind| format!("{kind}{number}"));
            let instance: [&[u8]; 4] = [name.as_bytes(), b"_ipp", b"_tcp", LOCAL];
            let host: [&[u8]; 2] = [host.as_bytes(), LOCAL];
            let text = [&[name.len() as u8], name.as_bytes()].concat();
            message = message
                .answer(KIND, RecordType::PTR, ttl, &wire(&instance))
                .answer(&instance, RecordType::SRV, ttl, &srv(631, &host))
                .answer(&instance, RecordType::TXT, ttl, &text);
        }
        lab.send(seconds, [10, 0, 0, (first / 50 % 8) as u8], message);
    }
}

/// States of the instances called so.
fn states(lab: &Lab, label: &[u8]) -> Vec<State> {
    lab.inventory.instances().filter(|instance| instance.label == label).map(|found| found.state).collect()
}

#[test]
fn what_is_over_leaves_full_tables() {
    let mut lab = Lab::default();
    lab.send(0.5, OWNER, announcement());
    lab.send(0.6, CLIENT, Builder::query().question(KIND, RecordType::PTR, 1));
    // Three records of each fill the table of records.
    let count = Limits::RECORDS as u32 / 3 + 1_000;
    flood(&mut lab, 1.0, 0..count, 10);
    assert!(lab.inventory.limits().records > 1_000, "{:?}", lab.inventory.limits());
    assert_eq!(lab.inventory.limits().left, 0);
    // While all of it lives there is no room, an hour later there is.
    let late: &[&[u8]] = &[b"Late", b"_ipp", b"_tcp", LOCAL];
    let printer = || {
        Builder::response()
            .answer(KIND, RecordType::PTR, 4_500, &wire(late))
            .flush(late, RecordType::SRV, 120, &srv(632, HOST))
            .flush(late, RecordType::TXT, 4_500, b"\x03a=b")
            .flush(HOST, RecordType::A, 120, &OWNER)
    };
    lab.send(1.1, OWNER, printer());
    assert_eq!(states(&lab, b"Late"), []);
    lab.send(3_601.0, OWNER, printer());
    assert_eq!(states(&lab, b"Late"), [State::Active]);
    // What lived on is as it was: the printer of the beginning, whose pointer still lives.
    let first = lab.inventory.instances().next().unwrap();
    assert_eq!((first.label, first.state), (&b"Kitchen.Printer"[..], State::Active));
    assert_eq!(
        first.server.map(|(host, port)| (host.to_string(), port)),
        Some(("printer.local".into(), 631))
    );
    assert_eq!((first.addresses, first.txt[0].octets()), (vec![OWNER.into()], &b"\x09txtvers=1"[..]));
    assert_eq!((first.first, first.announced_by), (Some(time(0.5)), &[OWNER.into()][..]));
    let instances = lab.inventory.instances().count() as u64;
    let limits = lab.inventory.limits();
    assert!(instances < 100 && limits.left > 40_000, "{instances} {limits:?}");
    // Questions and types are kept, and count on.
    lab.send(3_602.0, CLIENT, Builder::query().question(KIND, RecordType::PTR, 1));
    let queries: Vec<_> = lab.inventory.queries().collect();
    assert_eq!(
        (queries.len(), queries[0].packets.count(), queries[0].name.to_string()),
        (1, 2, "_ipp._tcp.local".into())
    );
    let types: Vec<_> = lab.inventory.types().collect();
    assert_eq!((types.len(), types[0].queries, types[0].instances), (1, 2, instances));
    assert!(
        lab.events().iter().any(|(kind, name, _)| (*kind, &**name) == ("announce", "Late._ipp._tcp.local"))
    );
    // A goodbye ends what it names; who comes back is listed once.
    lab.send(3_603.0, OWNER, Builder::response().answer(KIND, RecordType::PTR, 0, &wire(late)));
    assert_eq!(states(&lab, b"Late"), [State::Goodbye]);
    flood(&mut lab, 3_604.0, 0..50, 10);
    assert_eq!(states(&lab, b"i7"), [State::Partial]);
}

#[test]
fn churn_for_weeks_leaves_room_for_who_comes_today() {
    let mut lab = Lab::default();
    let (mut last, mut told, mut next) = (0.0, 0, 0);
    for day in 0..30 {
        last = 86_400.0 * f64::from(day);
        for first in (day * 10_000..(day + 1) * 10_000).step_by(50) {
            flood(&mut lab, last, first..first + 50, 120);
            told += lab.inventory.events_from(next).count() as u64;
            next = lab.inventory.logged();
        }
        lab.send(last + 1.0, OWNER, announcement());
        assert_eq!(states(&lab, b"Kitchen.Printer"), [State::Active], "day {day}");
        let today = format!("i{}", day * 10_000 + 9_999);
        assert_eq!(states(&lab, today.as_bytes()), [State::Partial], "day {day}");
        told += lab.inventory.events_from(next).count() as u64;
        next = lab.inventory.logged();
    }
    // Whoever asks after each message is told all, more than the life line has room for.
    assert!(told == next && next > Limits::EVENTS as u64, "{told} {next}");
    let inventory = &lab.inventory;
    assert!(inventory.names.len() <= Limits::NAMES && inventory.cache.records.len() <= Limits::RECORDS);
    assert!(inventory.texts.len() <= Limits::RECORDS && inventory.events.len() <= Limits::EVENTS);
    let limits = inventory.limits();
    assert!(limits.left > 200_000, "{limits:?}");
    // Nothing but history left.
    assert_eq!(limits, Limits { left: limits.left, events: limits.events, ..Limits::default() });
    let latest = inventory.events().last().unwrap();
    assert!(latest.time.unwrap() >= time(last), "{latest:?}");
}

#[test]
fn floods_of_questions_leave_room_for_later_ones() {
    let mut lab = Lab::default();
    for first in (0..2 * Limits::QUESTIONS as u32).step_by(100) {
        let mut message = Builder::query();
        for number in first..first + 100 {
            message = message.question(&[format!("q{number}").as_bytes(), LOCAL], RecordType::A, 1);
        }
        lab.send(1.0, [10, 0, 0, (first / 100 % 8) as u8], message);
    }
    let limits = lab.inventory.limits();
    assert!(limits.questions > 0, "{limits:?}");
    lab.send(2.0, OWNER, announcement());
    lab.send(3.0, CLIENT, Builder::query().question(INSTANCE, RecordType::SRV, 1));
    assert_eq!(lab.state(), State::Active);
    let asked = lab.inventory.queries().last().unwrap();
    assert_eq!((asked.client, asked.kind, asked.unanswered), (CLIENT.into(), RecordType::SRV, 1));
    assert!(lab.inventory.queries().count() <= Limits::QUESTIONS);
}

#[test]
fn one_sender_does_not_fill_what_is_remarkable() {
    let mut lab = Lab::default();
    // Names that are no service types, in the list of types (RFC 6763 section 9).
    let types: &[&[u8]] = &[b"_services", b"_dns-sd", b"_udp", LOCAL];
    for first in (0..Limits::FINDINGS as u32).step_by(100) {
        let mut message = Builder::response();
        for number in first..first + 100 {
            let name = format!("no{number}");
            message = message.answer(types, RecordType::PTR, 120, &wire(&[name.as_bytes(), LOCAL]));
        }
        lab.send(1.0, OTHER, message);
    }
    let limits = lab.inventory.limits();
    assert!(limits.findings > 0, "{limits:?}");
    lab.send(2.0, OWNER, Builder::response().answer(types, RecordType::PTR, 120, &wire(&[b"mine", LOCAL])));
    let latest = lab.inventory.findings().last().unwrap();
    assert_eq!(latest.kind, FindingKind::NotAType);
    assert!(matches!(latest.subject, Subject::Name(name) if name.to_string() == "mine.local"));
}
