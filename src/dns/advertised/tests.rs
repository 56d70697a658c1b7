//! What is learned of messages made by hand, and when it counts.

use super::*;
use crate::dns::{
    RecordType,
    testing::{Builder, srv, wire},
};

const LOCAL: &[u8] = b"local";
const SENDER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
const MDNS: Origin = Origin { sender: SENDER, via: Via::Mdns, interface: 0 };
const PRINTER: &[&[u8]] = &[b"Kitchen.Printer", b"_IPP", b"_tcp", LOCAL];
const HOST: &[&[u8]] = &[b"printer", LOCAL];
const ADDRESS: [u8; 4] = [192, 0, 2, 7];

fn at(seconds: u64) -> Option<Timestamp> {
    Some(Timestamp(seconds * Timestamp::SECOND))
}

fn observe(advertised: &mut Advertised, time: Option<Timestamp>, message: Builder) {
    let octets = message.octets();
    advertised.observe(MDNS, time, &Message::new(&octets).unwrap());
}

fn service() -> Builder {
    Builder::response().flush(PRINTER, RecordType::SRV, 120, &srv(631, HOST))
}

fn address() -> Builder {
    Builder::response().flush(&[b"PRINTER", LOCAL], RecordType::A, 120, &ADDRESS)
}

const HINDSIGHT: Moment = Moment::Hindsight { began: None };

/// What is known at a time, else with hindsight.
fn names(advertised: &Advertised, port: u16, time: Option<Timestamp>) -> Vec<&str> {
    advertised
        .lookup_all(ADDRESS.into(), TransportProtocol::TCP, port, time.map_or(HINDSIGHT, Moment::At))
        .map(|found| found.name)
        .collect()
}

#[test]
fn an_endpoint_is_known_once_service_and_address_are_in_either_order() {
    for messages in [[service(), address()], [address(), service()]] {
        let mut advertised = Advertised::new();
        assert!(advertised.is_empty());
        let [first, second] = messages;
        observe(&mut advertised, at(10), first);
        assert!(advertised.is_empty());
        observe(&mut advertised, at(20), second);
        let found = advertised.lookup(ADDRESS.into(), TransportProtocol::TCP, 631, HINDSIGHT).unwrap();
        assert_eq!((found.name, found.kind, found.host), ("ipp", "_IPP._tcp", "printer.local"));
        assert_eq!(found.instance, Some("Kitchen.Printer"));
        assert_eq!(advertised.lookup(ADDRESS.into(), TransportProtocol::UDP, 631, HINDSIGHT), None);
        assert_eq!(names(&advertised, 632, None), [""; 0]);
    }
}

#[test]
fn alive_from_first_sighting_to_the_ttl_of_the_last() {
    let mut advertised = Advertised::new();
    observe(&mut advertised, at(10), service());
    observe(&mut advertised, at(12), address());
    observe(&mut advertised, at(100), service());
    observe(&mut advertised, at(101), address());
    for (time, known) in [(9, false), (11, false), (12, true), (220, true), (221, false)] {
        assert_eq!(!names(&advertised, 631, at(time)).is_empty(), known, "at {time}");
    }
    assert_eq!(names(&advertised, 631, None), ["ipp"]);
}

#[test]
fn a_goodbye_ends_a_record_one_second_later_for_those_who_know_only_the_past() {
    let goodbye = |record: &[&[u8]], kind, data: &[u8]| Builder::response().flush(record, kind, 0, data);
    let of_service = || goodbye(PRINTER, RecordType::SRV, &srv(631, HOST));
    for message in [of_service(), goodbye(HOST, RecordType::A, &ADDRESS)] {
        let mut causal = Advertised::causal();
        let mut whole = Advertised::new();
        for advertised in [&mut causal, &mut whole] {
            // Before there is anything to end.
            observe(advertised, at(1), message.clone());
            observe(advertised, at(10), service());
            observe(advertised, at(10), address());
            observe(advertised, at(20), message.clone());
        }
        for (time, known) in [(19, true), (20, true), (21, true), (22, false), (129, false)] {
            assert_eq!(!names(&causal, 631, at(time)).is_empty(), known, "at {time}");
        }
        assert_eq!(names(&whole, 631, None), ["ipp"]);
        // A goodbye does not lengthen a life, and a new announcement revives.
        observe(&mut causal, at(500), message);
        assert_eq!(names(&causal, 631, at(500)), [""; 0]);
        observe(&mut causal, at(600), service());
        observe(&mut causal, at(600), address());
        assert_eq!(names(&causal, 631, at(720)), ["ipp"]);
    }
    // Other services and addresses of the same names stay.
    let mut causal = Advertised::causal();
    observe(&mut causal, at(10), service());
    observe(&mut causal, at(10), address());
    for other in [
        goodbye(PRINTER, RecordType::SRV, &srv(632, HOST)),
        goodbye(PRINTER, RecordType::SRV, &srv(631, PRINTER)),
        goodbye(HOST, RecordType::A, &[192, 0, 2, 8]),
        goodbye(PRINTER, RecordType::A, &ADDRESS),
        goodbye(PRINTER, RecordType::TXT, &[0]),
    ] {
        observe(&mut causal, at(20), other);
    }
    assert_eq!(names(&causal, 631, at(130)), ["ipp"]);
    observe(&mut causal, None, of_service());
    assert_eq!(names(&causal, 631, at(130)), ["ipp"]);
}

fn goodbye() -> Builder {
    Builder::response().flush(PRINTER, RecordType::SRV, 0, &srv(631, HOST))
}

/// The names that a flow has with hindsight that began at a time.
fn began(advertised: &Advertised, time: Option<Timestamp>) -> Vec<&str> {
    let moment = Moment::Hindsight { began: time };
    let found = advertised.lookup_all(ADDRESS.into(), TransportProtocol::TCP, 631, moment);
    found.map(|found| found.name).collect()
}

#[test]
fn a_goodbye_alone_names_what_began_before_it() {
    let gone_address = || Builder::response().flush(HOST, RecordType::A, 0, &ADDRESS);
    // The address was told before; the goodbye itself brings it; it goes in the same message or later.
    let both = || goodbye().record(Section::Answer, HOST, RecordType::A, 1, 0, &ADDRESS);
    let brings = || goodbye().record(Section::Additional, HOST, RecordType::A, 1, 120, &ADDRESS);
    for messages in [
        vec![(1, address()), (20, goodbye())],
        vec![(20, brings())],
        vec![(20, both())],
        vec![(20, goodbye()), (25, gone_address())],
        vec![(5, goodbye()), (5, address()), (20, goodbye())],
    ] {
        let (mut whole, mut causal) = (Advertised::new(), Advertised::causal());
        for (time, message) in messages {
            observe(&mut whole, at(time), message.clone());
            observe(&mut causal, at(time), message);
        }
        for (time, known) in [(0, true), (19, true), (20, true), (21, false), (600, false)] {
            assert_eq!(!began(&whole, at(time)).is_empty(), known, "at {time}");
        }
        assert!(began(&whole, None).is_empty(), "nobody knows when it began");
        // Who knows only the past is told nothing by it, neither before nor after.
        for time in [0, 19, 20, 21] {
            assert_eq!(names(&causal, 631, at(time)), [""; 0], "at {time}");
        }
    }
}

#[test]
fn a_goodbye_joins_nothing_that_came_later() {
    let mut advertised = Advertised::new();
    observe(&mut advertised, at(20), goodbye());
    observe(&mut advertised, at(21), address());
    assert!(began(&advertised, at(0)).is_empty());
    // Likewise an address that was withdrawn before the service was there.
    let mut advertised = Advertised::new();
    observe(&mut advertised, at(20), Builder::response().flush(HOST, RecordType::A, 0, &ADDRESS));
    observe(&mut advertised, at(21), service());
    assert!(began(&advertised, at(0)).is_empty());
    assert_eq!(advertised.host_names().count(), 0);
}

#[test]
fn what_was_told_otherwise_counts_for_the_whole_capture_whatever_the_order() {
    let messages = [(20, goodbye()), (30, service()), (30, address()), (90, goodbye())];
    // The cut makes the stretches that are merged.
    for cut in 0..=messages.len() {
        let mut parts = [Advertised::new(), Advertised::new()];
        for (number, (time, message)) in messages.iter().enumerate() {
            observe(&mut parts[usize::from(number >= cut)], at(*time), message.clone());
        }
        let [mut merged, later] = parts;
        merged.merge(later);
        for time in [0, 25, 500] {
            assert_eq!(began(&merged, at(time)), ["ipp"], "cut {cut}, at {time}");
        }
        assert_eq!(names(&merged, 631, at(25)), [""; 0], "not yet told");
    }
    // Two stretches with nothing but a goodbye each: the last one counts.
    let mut parts = [Advertised::new(), Advertised::new()];
    observe(&mut parts[0], at(1), address());
    for (part, time) in parts.iter_mut().zip([10, 20]) {
        observe(part, at(time), goodbye());
    }
    let [mut merged, later] = parts;
    merged.merge(later);
    assert_eq!((began(&merged, at(15)), began(&merged, at(21))), (vec!["ipp"], vec![]));
}

#[test]
fn unicast_answers_count_for_ten_seconds_at_least() {
    let srv = srv(631, HOST);
    for (via, ttl, last) in
        [(Via::Udp, 0, 20), (Via::Tcp, 3, 20), (Via::Llmnr, 0, 20), (Via::Udp, 11, 21), (Via::Mdns, 3, 13)]
    {
        let message = Builder::response()
            .answer(PRINTER, RecordType::SRV, ttl, &srv)
            .answer(HOST, RecordType::A, ttl, &ADDRESS)
            .octets();
        let mut advertised = Advertised::causal();
        advertised.observe(
            Origin { sender: SENDER, via, interface: 0 },
            at(10),
            &Message::new(&message).unwrap(),
        );
        for (time, known) in [(9, false), (10, true), (last, true), (last + 1, false)] {
            assert_eq!(!names(&advertised, 631, at(time)).is_empty(), known, "{via:?} {ttl} at {time}");
        }
    }
}

#[test]
fn udp_stands_for_all_but_tcp() {
    let mut advertised = Advertised::new();
    let owner: &[&[u8]] = &[b"x", b"_osc", b"_udp", LOCAL];
    let message = service().answer(owner, RecordType::SRV, 120, &srv(631, HOST));
    observe(&mut advertised, at(1), message);
    observe(&mut advertised, at(1), address());
    let name = |protocol| advertised.lookup(ADDRESS.into(), protocol, 631, HINDSIGHT).map(|found| found.name);
    assert_eq!(name(TransportProtocol::TCP), Some("ipp"));
    for protocol in [TransportProtocol::UDP, TransportProtocol::SCTP, TransportProtocol::DCCP] {
        assert_eq!(name(protocol), Some("osc"));
    }
}

#[test]
fn hearsay_and_placeholders_teach_nothing() {
    let mut advertised = Advertised::new();
    observe(&mut advertised, at(1), address());
    let data = srv(631, HOST);
    for section in [Section::Answer, Section::Authority, Section::Additional] {
        let message = Builder::query().record(section, PRINTER, RecordType::SRV, 1, 120, &data);
        observe(&mut advertised, at(1), message);
    }
    observe(&mut advertised, at(1), Builder::response().answer(PRINTER, RecordType::SRV, 9, &srv(0, HOST)));
    observe(&mut advertised, at(1), Builder::response().answer(PRINTER, RecordType::SRV, 9, &srv(1, &[])));
    observe(&mut advertised, at(1), service().flags(0x8403));
    let tlsa: &[&[u8]] = &[b"_443", b"_tcp", LOCAL];
    observe(&mut advertised, at(1), Builder::response().answer(tlsa, RecordType::SRV, 9, &data));
    assert!(advertised.is_empty());
}

#[test]
fn of_several_services_the_first_seen_is_chosen_and_merging_keeps_that() {
    let other: &[&[u8]] = &[b"Kitchen", b"_printer", b"_tcp", LOCAL];
    let second = || Builder::response().answer(other, RecordType::SRV, 120, &srv(631, HOST));
    let stretches: [&[(u64, Builder)]; 2] =
        [&[(1, service())], &[(5, second()), (6, address()), (7, service())]];
    let mut whole = Advertised::new();
    let mut parts = [Advertised::new(), Advertised::new()];
    for (part, stretch) in parts.iter_mut().zip(stretches) {
        for (time, message) in stretch {
            observe(part, at(*time), message.clone());
            observe(&mut whole, at(*time), message.clone());
        }
    }
    let [mut merged, later] = parts;
    merged.merge(later);
    for advertised in [&whole, &merged] {
        assert_eq!(names(advertised, 631, None), ["ipp", "printer"]);
        // The first service was seen again at 7.
        assert_eq!(names(advertised, 631, at(126)), ["ipp"]);
        let first = advertised.lookup(ADDRESS.into(), TransportProtocol::TCP, 631, HINDSIGHT).unwrap().first;
        assert_eq!(first, at(1));
    }
}

#[test]
fn limits_hold_and_are_counted() {
    let mut advertised = Advertised::new();
    for number in 0..Advertised::MAX_ADDRESSES + 10 {
        let [high, low] = (number as u16 + 1).to_be_bytes();
        observe(
            &mut advertised,
            at(1),
            Builder::response().answer(HOST, RecordType::A, 9, &[10, 0, high, low]),
        );
        let data = srv(number as u16 + 1, HOST);
        observe(&mut advertised, at(1), Builder::response().answer(PRINTER, RecordType::SRV, 9, &data));
    }
    assert_eq!(advertised.dropped(), 10);
    assert_eq!(advertised.endpoints.len(), 32 * 42);
}

#[test]
fn wire_names_with_the_same_octets_are_told_apart() {
    // Owner and target are joined in one key: their border is the root's zero octet.
    let mut advertised = Advertised::new();
    observe(&mut advertised, at(1), service());
    let octets = wire(PRINTER);
    assert_eq!(Name::from_wire(&octets).unwrap().wire_len(), octets.len());
    assert_eq!(&*advertised.hosts[0].name, wire(HOST));
}

/// A message with a service of its own on a host of its own.
fn fake(number: u32, ttl: u32) -> Builder {
    let [instance, host] = ["f", "h"].map(|letter| format!("{letter}{number}"));
    let target = srv(631, &[host.as_bytes(), LOCAL]);
    Builder::response().answer(&[instance.as_bytes(), b"_ipp", b"_tcp", LOCAL], RecordType::SRV, ttl, &target)
}

/// Sends it from an address of its own or of others.
fn send(advertised: &mut Advertised, sender: u32, time: u64, builder: Builder) {
    let origin = Origin { sender: std::net::Ipv4Addr::from_bits(sender).into(), ..MDNS };
    advertised.observe(origin, at(time), &Message::new(&builder.octets()).unwrap());
}

#[test]
fn one_sender_leaves_room_for_others() {
    const MOST: u32 = Advertised::MAX_SERVICES as u32;
    for mut advertised in [Advertised::new(), Advertised::causal()] {
        for number in 0..MOST + 5 {
            send(&mut advertised, 1, 1, fake(number, 4500));
        }
        assert_eq!(advertised.dropped(), u64::from(MOST / 4 + 5));
        observe(&mut advertised, at(2), service());
        observe(&mut advertised, at(2), address());
        assert_eq!(names(&advertised, 631, at(3)), ["ipp"]);
    }
}

#[test]
fn what_is_over_leaves_a_full_table() {
    const MOST: u32 = Advertised::MAX_SERVICES as u32;
    for (mut advertised, lost) in [(Advertised::new(), u64::from(MOST)), (Advertised::causal(), 0)] {
        for number in 0..MOST {
            send(&mut advertised, number % 7, 1, fake(number, 1));
        }
        assert_eq!(advertised.dropped(), 0);
        // They live until 2.
        observe(&mut advertised, at(3600), service());
        observe(&mut advertised, at(3600), address());
        assert_eq!((names(&advertised, 631, at(3601)), advertised.dropped()), (vec!["ipp"], lost));
        assert_eq!((advertised.services.len(), advertised.hosts.len()), (1, 1));
    }
}

#[test]
fn what_lives_on_stays_in_a_full_table() {
    const MOST: u32 = Advertised::MAX_SERVICES as u32;
    let mut advertised = Advertised::causal();
    observe(&mut advertised, at(1), service());
    observe(&mut advertised, at(1), address());
    for number in 0..MOST - 1 {
        send(&mut advertised, number % 7, 1, fake(number, 4500));
    }
    send(&mut advertised, 8, 2, fake(MOST, 4500));
    assert_eq!(advertised.dropped(), 1);
    assert_eq!(names(&advertised, 631, at(3)), ["ipp"]);
    // Told again it lives on, while the others are over.
    observe(&mut advertised, at(4400), service());
    observe(&mut advertised, at(4400), address());
    send(&mut advertised, 8, 4502, fake(MOST, 4500));
    assert_eq!((advertised.services.len(), advertised.dropped()), (2, 1));
    assert_eq!(names(&advertised, 631, at(4503)), ["ipp"]);
}

/// To fill a table anew costs as much as filling it did: where all of it lives on nobody does, however many find no room.
#[test]
fn a_full_table_of_what_lives_on_is_not_filled_anew() {
    const MOST: u32 = Advertised::MAX_SERVICES as u32;
    let mut advertised = Advertised::new();
    for number in 0..MOST {
        send(&mut advertised, number % 7, 1, fake(number, 4500));
    }
    let place = advertised.services.as_ptr();
    for number in 0..MOST / 4 {
        send(&mut advertised, 8, 2, fake(MOST + number, 4500));
    }
    assert_eq!((advertised.services.as_ptr(), advertised.dropped()), (place, u64::from(MOST / 4)));
}

/// To fill a table anew costs as much as filling it did, so that time alone does not make it worth it.
#[test]
fn a_full_table_is_looked_through_when_enough_is_over() {
    const MOST: u32 = Advertised::MAX_SERVICES as u32;
    let mut advertised = Advertised::causal();
    for number in 0..MOST {
        let ttl = if number < MOST / 16 + 10 { 100 + number % 2 } else { 4500 };
        send(&mut advertised, number % 7, 1, fake(number, ttl));
    }
    // The first one that finds no room has it looked for.
    send(&mut advertised, 8, 2, fake(MOST, 4500));
    assert_eq!((advertised.services.len() as u32, advertised.room_at), (MOST, at(102)));
    // Half of them is over at 101 s, all at 102 s.
    for time in 3..=102 {
        send(&mut advertised, 8, time, fake(MOST + time as u32, 4500));
    }
    assert_eq!((advertised.services.len() as u32, advertised.dropped()), (MOST, 101));
    send(&mut advertised, 8, 103, fake(MOST, 4500));
    assert_eq!(advertised.services.len() as u32, MOST - MOST / 16 - 10 + 1);
}

#[test]
fn types_are_shown_as_they_were_announced_and_told_apart_without_case() {
    let mut advertised = Advertised::new();
    for kind in [b"_MyThing", b"_mything"] {
        let owner: &[&[u8]] = &[b"Dev", kind, b"_tcp", LOCAL];
        observe(
            &mut advertised,
            at(1),
            Builder::response().answer(owner, RecordType::SRV, 120, &srv(8631, HOST)),
        );
    }
    observe(&mut advertised, at(1), address());
    let found = advertised.lookup(ADDRESS.into(), TransportProtocol::TCP, 8631, HINDSIGHT).unwrap();
    assert_eq!((found.name, found.spelt, found.kind), ("mything", "MyThing", "_MyThing._tcp"));
    assert_eq!(advertised.services.len(), 1);
}
