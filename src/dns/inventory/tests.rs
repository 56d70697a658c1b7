//! The inventory against hand-made messages.

mod bounds;

use super::*;
use crate::dns::testing::{Builder, srv, wire};

const LOCAL: &[u8] = b"local";
const KIND: &[&[u8]] = &[b"_ipp", b"_tcp", LOCAL];
const INSTANCE: &[&[u8]] = &[b"Kitchen.Printer", b"_ipp", b"_tcp", LOCAL];
const HOST: &[&[u8]] = &[b"printer", LOCAL];
const OWNER: [u8; 4] = [192, 168, 1, 7];
const OTHER: [u8; 4] = [192, 168, 1, 8];
const GROUP: [u8; 4] = [224, 0, 0, 251];
const CLIENT: [u8; 4] = [192, 168, 1, 50];

/// An inventory under test: packets are numbered as they come.
#[derive(Default)]
struct Lab {
    inventory: Inventory,
    packets: u64,
}

impl Lab {
    /// Sends a message over multicast DNS.
    fn send(&mut self, seconds: f64, source: [u8; 4], message: Builder) {
        self.pass(seconds, (source.into(), 5353), (GROUP.into(), 5353), message);
    }

    fn pass(&mut self, seconds: f64, source: (IpAddr, u16), destination: (IpAddr, u16), message: Builder) {
        self.packets += 1;
        let sighting = Sighting {
            packet: PacketId { file: 0, number: self.packets },
            time: Some(time(seconds)),
            interface: 0,
            source,
            destination,
            protocol: TransportProtocol::UDP,
        };
        self.inventory.observe(sighting, &Message::new(&message.octets()).unwrap());
    }

    fn until(mut self, seconds: f64) -> Self {
        self.inventory.advance(time(seconds));
        self
    }

    fn state(&self) -> State {
        self.inventory.instances().next().expect("an instance").state
    }

    /// Kind, name and packet number of each event.
    fn events(&self) -> Vec<(&'static str, String, u64)> {
        let events = self.inventory.events();
        events.map(|event| (event.kind.as_str(), event.name.to_string(), event.packet.number)).collect()
    }

    fn findings(&self) -> Vec<(FindingKind, u64)> {
        self.inventory.findings().map(|finding| (finding.kind, finding.packets.count())).collect()
    }
}

fn time(seconds: f64) -> Timestamp {
    Timestamp((seconds * 1e9) as u64)
}

fn pointer(ttl: u32) -> Builder {
    Builder::response().answer(KIND, RecordType::PTR, ttl, &wire(INSTANCE))
}

fn announcement() -> Builder {
    pointer(4500)
        .flush(INSTANCE, RecordType::SRV, 120, &srv(631, HOST))
        .flush(INSTANCE, RecordType::TXT, 4500, b"\x09txtvers=1")
        .flush(HOST, RecordType::A, 120, &OWNER)
}

#[test]
fn an_announcement_is_joined_into_an_instance() {
    let mut lab = Lab::default();
    let subtype: &[&[u8]] = &[b"_color", b"_sub", b"_ipp", b"_tcp", LOCAL];
    let message = announcement().answer(subtype, RecordType::PTR, 4500, &wire(INSTANCE)).flush(
        HOST,
        RecordType::AAAA,
        120,
        &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
    );
    lab.send(1.0, OWNER, message.clone());
    lab.send(2.0, OWNER, message);
    let instances: Vec<_> = lab.inventory.instances().collect();
    let [instance] = instances.as_slice() else { panic!("{instances:?}") };
    assert_eq!(instance.label, b"Kitchen.Printer");
    assert_eq!((instance.service.name, instance.service.tcp), (&b"ipp"[..], true));
    assert!(instance.domain.is(&[LOCAL]));
    assert_eq!(instance.subtypes, [b"_color"]);
    let (host, port) = instance.server.unwrap();
    assert_eq!((host.to_string().as_str(), port), ("printer.local", 631));
    assert_eq!(instance.addresses, ["192.168.1.7".parse::<IpAddr>().unwrap(), "fe80::7".parse().unwrap()]);
    assert_eq!(instance.txt[0].octets(), b"\x09txtvers=1");
    assert_eq!((instance.state, instance.missing), (State::Active, Missing::default()));
    assert_eq!((instance.first, instance.last), (Some(time(1.0)), Some(time(2.0))));
    assert_eq!(instance.announced_by, [IpAddr::from(OWNER)]);
    assert_eq!(instance.via, [Via::Mdns]);
    let name = r"Kitchen\.Printer._ipp._tcp.local".to_owned();
    assert_eq!(lab.events(), [("announce", name, 1), ("announce", "printer.local".into(), 1)]);
    assert_eq!(lab.findings(), []);
}

#[test]
fn what_was_never_told_is_missing() {
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, pointer(4500));
    assert_eq!(lab.state(), State::Partial);
    let missing = lab.inventory.instances().next().unwrap().missing;
    assert_eq!(missing, Missing { srv: true, txt: true, address: true });
    // The rest comes later, in any order and spelling.
    lab.send(2.0, OWNER, Builder::response().flush(&[b"PRINTER", LOCAL], RecordType::A, 120, &OWNER));
    let shouted: &[&[u8]] = &[b"KITCHEN.PRINTER", b"_IPP", b"_TCP", b"LOCAL"];
    lab.send(3.0, OWNER, Builder::response().flush(shouted, RecordType::SRV, 120, &srv(631, HOST)));
    lab.send(4.0, OWNER, Builder::response().flush(INSTANCE, RecordType::TXT, 120, b"\0"));
    assert_eq!(lab.inventory.instances().count(), 1);
    assert_eq!(lab.state(), State::Active);
}

#[test]
fn a_goodbye_ends_the_record_one_second_later_unless_revived() {
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, announcement());
    lab.send(10.0, OWNER, pointer(0));
    assert_eq!(lab.state(), State::Goodbye);
    lab.send(10.5, OWNER, pointer(4500));
    let lab = lab.until(60.0);
    assert_eq!(lab.state(), State::Active);
    let kinds: Vec<_> = lab.events().into_iter().map(|(kind, _, packet)| (kind, packet)).collect();
    assert_eq!(kinds, [("announce", 1), ("announce", 1), ("goodbye", 2), ("announce", 3)]);

    let mut lab = Lab::default();
    lab.send(1.0, OWNER, announcement());
    lab.send(10.0, OWNER, pointer(0));
    let lab = lab.until(11.5);
    assert_eq!(lab.state(), State::Goodbye);
    // The host is still alive and expires later, the instance not again.
    let lab = lab.until(10_000.0);
    let kinds: Vec<_> = lab.events().into_iter().map(|(kind, name, _)| (kind, name)).collect();
    assert_eq!(
        kinds[2..],
        [("goodbye", r"Kitchen\.Printer._ipp._tcp.local".into()), ("expiry", "printer.local".into())]
    );
}

#[test]
fn goodbye_of_a_subtype_or_of_an_unknown_instance() {
    let subtype: &[&[u8]] = &[b"_color", b"_sub", b"_ipp", b"_tcp", LOCAL];
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, announcement());
    lab.send(10.0, OWNER, Builder::response().answer(subtype, RecordType::PTR, 0, &wire(INSTANCE)));
    let lab = lab.until(20.0);
    assert_eq!(lab.state(), State::Active);

    let mut lab = Lab::default();
    lab.send(1.0, OWNER, pointer(0));
    assert_eq!(lab.state(), State::Goodbye);
    assert_eq!(lab.events().len(), 1);
    // Its twin over IPv6, and the repetition, are the same goodbye.
    lab.pass(1.1, ("fe80::7".parse().unwrap(), 5353), ("ff02::fb".parse().unwrap(), 5353), pointer(0));
    assert_eq!(lab.until(5.0).events().len(), 1);
}

#[test]
fn records_expire_by_capture_time() {
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, announcement());
    lab.send(100.0, OWNER, announcement());
    let lab = lab.until(4_599.0);
    assert_eq!(lab.state(), State::Active);
    let lab = lab.until(4_600.0);
    assert_eq!(lab.state(), State::Expired);
    let expiries: Vec<_> = lab
        .inventory
        .events()
        .filter(|event| event.kind == EventKind::Expiry)
        .map(|event| event.time)
        .collect();
    assert_eq!(expiries, [Some(time(220.0)), Some(time(4_600.0))]);
}

#[test]
fn the_same_record_on_another_link_lives_on_its_own() {
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, pointer(100));
    lab.pass(50.0, ("fe80::7".parse().unwrap(), 5353), ("ff02::fb".parse().unwrap(), 5353), pointer(100));
    let lab = lab.until(120.0);
    assert_eq!(lab.state(), State::Partial);
    assert_eq!(lab.until(150.0).state(), State::Expired);
}

#[test]
fn cache_flush_replaces_what_is_older_than_a_second() {
    let address = |octet| Builder::response().flush(HOST, RecordType::A, 120, &[192, 168, 1, octet]);
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, announcement());
    // Within one second both count: RFC 6762 section 10.2, several messages of one announcement.
    lab.send(1.9, OWNER, address(9));
    let mut lab = lab.until(4.0);
    let addresses = |lab: &Lab| lab.inventory.instances().next().unwrap().addresses;
    assert_eq!(addresses(&lab).len(), 2);
    lab.send(10.0, OWNER, address(10));
    let lab = lab.until(12.0);
    assert_eq!(addresses(&lab), [IpAddr::from([192, 168, 1, 10])]);
    assert_eq!(lab.events().last().unwrap(), &("update", "printer.local".into(), 3));
}

#[test]
fn hearsay_and_claims_make_nothing_live() {
    let mut lab = Lab::default();
    let asks = Builder::query().question(KIND, RecordType::PTR, 1).answer(
        KIND,
        RecordType::PTR,
        3000,
        &wire(INSTANCE),
    );
    lab.send(1.0, CLIENT, asks);
    let probe = Builder::query().question(INSTANCE, RecordType::ANY, 0x8001).record(
        Section::Authority,
        INSTANCE,
        RecordType::SRV,
        1,
        120,
        &srv(631, HOST),
    );
    for at in [2.0, 2.25, 2.5] {
        lab.send(at, OWNER, probe.clone());
    }
    assert_eq!(lab.state(), State::Heard);
    assert_eq!(lab.events(), [("probe", r"Kitchen\.Printer._ipp._tcp.local".into(), 2)]);
    let counts = lab.inventory.counts();
    assert_eq!((counts.queries, counts.probes, counts.known_answers), (4, 3, 1));
    let types: Vec<_> = lab.inventory.types().collect();
    assert_eq!((types.len(), types[0].queries, types[0].instances), (1, 1, 1));
    // The prober's question is none that waits for an answer.
    let queries: Vec<_> = lab.inventory.queries().collect();
    assert_eq!(queries.len(), 1);
    assert_eq!((queries[0].packets.count(), queries[0].unanswered), (1, 0));
}

#[test]
fn an_instance_in_known_answers_only_is_heard_of() {
    let knows = |owner: &[&[u8]], kind, data: &[u8]| {
        Builder::query().question(KIND, RecordType::PTR, 1).answer(owner, kind, 3000, data)
    };
    let mut lab = Lab::default();
    // What names no instance: enumerations, reverse names, addresses.
    let types: &[&[u8]] = &[b"_services", b"_dns-sd", b"_udp", LOCAL];
    lab.send(1.0, CLIENT, knows(types, RecordType::PTR, &wire(KIND)));
    lab.send(1.0, CLIENT, knows(types, RecordType::PTR, &wire(INSTANCE)));
    lab.send(1.0, CLIENT, knows(&[b"7", b"1", b"in-addr", b"arpa"], RecordType::PTR, &wire(HOST)));
    lab.send(1.0, CLIENT, knows(HOST, RecordType::A, &OWNER));
    // DNS over port 53 has no known answers.
    let pointer_known = || knows(KIND, RecordType::PTR, &wire(INSTANCE));
    lab.pass(1.0, (CLIENT.into(), 40_000), (OWNER.into(), 53), pointer_known());
    assert_eq!(lab.inventory.instances().count(), 0);

    lab.send(2.0, CLIENT, pointer_known());
    lab.send(3.0, OTHER, knows(INSTANCE, RecordType::SRV, &srv(631, HOST)));
    lab.send(4.0, CLIENT, pointer_known());
    let heard = lab.inventory.instances().next().unwrap();
    assert_eq!((heard.state, heard.label), (State::Heard, &b"Kitchen.Printer"[..]));
    assert_eq!(heard.known_by, [IpAddr::from(CLIENT), OTHER.into()]);
    assert_eq!((heard.first, heard.last), (Some(time(2.0)), Some(time(4.0))));
    assert_eq!((heard.announced_by, heard.via.as_slice()), (&[][..], &[Via::Mdns][..]));
    assert_eq!(heard.missing, Missing { srv: true, txt: true, address: true });
    assert!(lab.events().is_empty());

    // Its owner announces it: what others know of it is no news.
    lab.send(5.0, OWNER, announcement());
    lab.send(6.0, CLIENT, pointer_known());
    let found: Vec<_> = lab.inventory.instances().collect();
    assert_eq!((found.len(), found[0].state, found[0].known_by.len()), (1, State::Active, 0));
    assert_eq!((found[0].first, found[0].last), (Some(time(5.0)), Some(time(5.0))));
}

#[test]
fn who_knew_an_instance_is_bounded() {
    let mut lab = Lab::default();
    for host in 0..100 {
        let known = Builder::query().answer(KIND, RecordType::PTR, 3000, &wire(INSTANCE));
        lab.send(1.0, [10, 0, 0, host], known);
    }
    assert_eq!(lab.inventory.instances().next().unwrap().known_by.len(), 8);
}

#[test]
fn unanswered_questions_are_counted_per_client() {
    let asks = || Builder::query().question(KIND, RecordType::PTR, 1);
    let mut lab = Lab::default();
    lab.send(1.0, CLIENT, asks());
    lab.send(2.0, CLIENT, asks());
    lab.send(2.1, OWNER, pointer(4500));
    lab.send(3.0, OTHER, asks());
    lab.send(5.0, CLIENT, asks());
    // The list of known answers did not fit: the rest follows without a question.
    lab.send(5.1, CLIENT, Builder::query().answer(KIND, RecordType::PTR, 4400, &wire(INSTANCE)));
    let seen: Vec<_> = lab
        .inventory
        .queries()
        .map(|query| (query.client, query.name.to_string(), query.packets.count(), query.unanswered))
        .collect();
    let name = || "_ipp._tcp.local".to_owned();
    assert_eq!(seen, [(CLIENT.into(), name(), 3, 1), (OTHER.into(), name(), 1, 1)]);
    assert_eq!(lab.inventory.counts().continuations, 1);
}

#[test]
fn nsec_answers_that_there_is_nothing() {
    let mut lab = Lab::default();
    lab.send(
        1.0,
        CLIENT,
        Builder::query().question(HOST, RecordType::AAAA, 1).question(HOST, RecordType::A, 1),
    );
    let nsec = [wire(HOST).as_slice(), &[0, 1, 0x40]].concat();
    lab.send(1.1, OWNER, Builder::response().flush(HOST, RecordType::NSEC, 120, &nsec));
    let unanswered: Vec<_> = lab.inventory.queries().map(|query| (query.kind, query.unanswered)).collect();
    assert_eq!(unanswered, [(RecordType::AAAA, 0), (RecordType::A, 1)]);
}

#[test]
fn a_denied_claim_is_a_conflict_and_the_next_name_a_rename() {
    let numbered: &[&[u8]] = &[b"Kitchen.Printer (2)", b"_ipp", b"_tcp", LOCAL];
    let probe = |name: &[&[u8]]| {
        Builder::query().question(name, RecordType::ANY, 1).record(
            Section::Authority,
            name,
            RecordType::SRV,
            1,
            120,
            &srv(631, &[b"other", LOCAL]),
        )
    };
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, announcement());
    lab.send(20.0, OTHER, probe(INSTANCE));
    lab.send(20.1, OWNER, Builder::response().flush(INSTANCE, RecordType::SRV, 120, &srv(631, HOST)));
    lab.send(20.4, OTHER, probe(numbered));
    let (old, new) = (r"Kitchen\.Printer._ipp._tcp.local", r"Kitchen\.Printer (2)._ipp._tcp.local");
    assert_eq!(
        lab.events()[2..],
        [
            ("probe", old.into(), 2),
            ("conflict", old.into(), 3),
            ("rename", new.into(), 4),
            ("probe", new.into(), 4)
        ]
    );
    let from = lab.inventory.events().find_map(|event| event.from).unwrap();
    assert_eq!(from.to_string(), old);
    // Someone else with such a name is no rename, nor is a host with two instances.
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, announcement());
    lab.send(2.0, OTHER, Builder::response().flush(numbered, RecordType::SRV, 120, &srv(631, HOST)));
    lab.send(3.0, OWNER, Builder::response().flush(numbered, RecordType::SRV, 120, &srv(632, HOST)));
    assert!(lab.inventory.events().all(|event| event.kind != EventKind::Rename));
}

#[test]
fn two_hosts_with_one_service_name_are_a_conflict() {
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, announcement());
    lab.send(
        5.0,
        OTHER,
        Builder::response().flush(INSTANCE, RecordType::SRV, 120, &srv(631, &[b"other", LOCAL])),
    );
    assert_eq!(lab.events().last().unwrap(), &("conflict", r"Kitchen\.Printer._ipp._tcp.local".into(), 2));
    // The same host that moves the service to another port updates it.
    let mut lab = Lab::default();
    lab.send(1.0, OWNER, announcement());
    lab.send(5.0, OWNER, Builder::response().flush(INSTANCE, RecordType::SRV, 120, &srv(632, HOST)));
    assert_eq!(lab.events().last().unwrap(), &("update", r"Kitchen\.Printer._ipp._tcp.local".into(), 2));
    let lab = lab.until(7.0);
    assert_eq!(lab.inventory.instances().next().unwrap().server.unwrap().1, 632);
}

#[test]
fn renaming_again_and_again_is_a_storm() {
    let mut lab = Lab::default();
    for number in 1..=6_u32 {
        let label = if number == 1 { "host".to_owned() } else { format!("host-{number}") };
        let name: &[&[u8]] = &[label.as_bytes(), LOCAL];
        let probe = Builder::query().question(name, RecordType::ANY, 1).record(
            Section::Authority,
            name,
            RecordType::A,
            1,
            120,
            &OTHER,
        );
        lab.send(f64::from(number), OTHER, probe);
        lab.send(f64::from(number) + 0.1, OWNER, Builder::response().flush(name, RecordType::A, 120, &OWNER));
    }
    let renames = lab.inventory.events().filter(|event| event.kind == EventKind::Rename).count();
    assert_eq!(renames, 5);
    // Each time it lost the name before.
    let conflicts = lab.inventory.events().filter(|event| event.kind == EventKind::Conflict).count();
    assert_eq!(conflicts, 5);
    // The fourth and the fifth.
    assert_eq!(lab.findings(), [(FindingKind::RenameStorm, 1), (FindingKind::RenameStorm, 1)]);
}

#[test]
fn a_host_on_two_links_that_the_capture_shows_as_one_is_no_conflict() {
    let mut lab = Lab::default();
    for seconds in [1.0, 1.25, 1.5] {
        for source in [OWNER, OTHER] {
            let probe = Builder::query().question(HOST, RecordType::ANY, 1).record(
                Section::Authority,
                HOST,
                RecordType::A,
                1,
                120,
                &source,
            );
            lab.send(seconds, source, probe);
        }
    }
    for seconds in [1.75, 2.75, 4.75] {
        for source in [OWNER, OTHER] {
            lab.send(seconds, source, Builder::response().flush(HOST, RecordType::A, 120, &source));
        }
    }
    let kinds: Vec<_> = lab.events().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["probe", "announce", "update"]);
}

#[test]
fn responses_from_another_port_are_ignored_and_told() {
    let mut lab = Lab::default();
    lab.pass(1.0, (OWNER.into(), 40_000), (GROUP.into(), 5353), announcement());
    assert_eq!(lab.inventory.instances().count(), 0);
    assert_eq!(lab.findings(), [(FindingKind::SourcePort, 1)]);
    // Anybody may ask (RFC 6762 section 6.7).
    let asks = Builder::query().question(KIND, RecordType::PTR, 1);
    lab.pass(2.0, (CLIENT.into(), 40_000), (GROUP.into(), 5353), asks);
    assert_eq!(lab.findings(), [(FindingKind::SourcePort, 1)]);
}

#[test]
fn targets_that_are_no_hosts_are_told() {
    for (target, finding) in [
        (&[b"192.0.2.7".as_slice()][..], Some(FindingKind::TargetAddress)),
        (&[b"192", b"0", b"2", b"7", LOCAL], Some(FindingKind::TargetAddress)),
        (&[b"fe80::7", LOCAL], Some(FindingKind::TargetAddress)),
        (&[], Some(FindingKind::TargetRoot)),
        (&[b"192-0-2-7", LOCAL], None),
        (&[b"2001", LOCAL], None),
    ] {
        let mut lab = Lab::default();
        lab.send(1.0, OWNER, Builder::response().flush(INSTANCE, RecordType::SRV, 120, &srv(1, target)));
        let found: Vec<_> = lab.findings().into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(found, finding.into_iter().collect::<Vec<_>>(), "{target:?}");
    }
}

#[test]
fn types_that_are_none_are_told_by_the_part_that_is_wrong() {
    for (owner, subject) in [
        (&[b"x".as_slice(), b"_1234", b"_udp", LOCAL][..], Some("_1234._udp.local")),
        (&[b"x", b"_ipp", b"_sctp", LOCAL], Some("_ipp._sctp.local")),
        (&[b"_", b"_tcp", LOCAL], Some("_._tcp.local")),
        (&[b"x", b"_ipp", b"_udp", LOCAL], None),
        (&[b"_udp", LOCAL], None),
    ] {
        let mut lab = Lab::default();
        lab.send(1.0, OWNER, Builder::response().answer(owner, RecordType::SRV, 120, &srv(1, HOST)));
        let found: Vec<_> = lab
            .inventory
            .findings()
            .map(|finding| match finding.subject {
                Subject::Name(name) => name.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(found.first().map(String::as_str), subject);
        // Records of others have such names, too (RFC 6698 section 3).
        let mut lab = Lab::default();
        lab.send(1.0, OWNER, Builder::response().answer(owner, RecordType::TLSA, 120, &[3, 1, 1, 0]));
        assert_eq!(lab.findings(), []);
    }
}

#[test]
fn all_servers_and_texts_of_a_set_count() {
    let two: &[&[u8]] = &[b"two", LOCAL];
    let second = [&[0, 1, 0, 0, 0x13, 0xce], wire(two).as_slice()].concat();
    let mut lab = Lab::default();
    let message = Builder::response()
        .flush(INSTANCE, RecordType::SRV, 120, &second)
        .flush(INSTANCE, RecordType::SRV, 120, &srv(631, HOST))
        .flush(INSTANCE, RecordType::TXT, 120, b"\x03a=1")
        .flush(INSTANCE, RecordType::TXT, 120, b"\x03b=2");
    lab.send(1.0, OWNER, message);
    let instance = lab.inventory.instances().next().unwrap();
    let servers: Vec<_> =
        instance.servers.iter().map(|server| (server.host.to_string(), server.port)).collect();
    // The lower priority first.
    assert_eq!(servers, [("printer.local".into(), 631), ("two.local".into(), 5070)]);
    assert_eq!(instance.txt.iter().map(|txt| txt.octets()).collect::<Vec<_>>(), [b"\x03a=1", b"\x03b=2"]);
    // One with the cache-flush bit takes the place of all that is older than a second.
    lab.send(5.0, OWNER, Builder::response().flush(INSTANCE, RecordType::SRV, 120, &srv(632, HOST)));
    let servers: Vec<_> =
        lab.inventory.instances().next().unwrap().servers.iter().map(|server| server.port).collect();
    assert_eq!(servers, [632]);
}

#[test]
fn addresses_that_never_lived_with_the_service_are_missing() {
    let mut lab = Lab::default();
    let service = |ttl| Builder::response().flush(INSTANCE, RecordType::SRV, ttl, &srv(631, HOST));
    lab.send(1.0, OWNER, service(120));
    lab.send(2.0, OWNER, service(0));
    lab.send(10.0, OWNER, Builder::response().flush(HOST, RecordType::A, 120, &OWNER));
    let missing = |lab: &Lab| lab.inventory.instances().next().unwrap().missing.address;
    assert!(missing(&lab));
    lab.send(20.0, OWNER, service(120));
    assert!(!missing(&lab));
}

#[test]
fn two_hosts_that_insist_are_in_conflict() {
    const THIRD: [u8; 4] = [192, 168, 1, 9];
    let seen = |claims: &[(f64, [u8; 4], u32)]| {
        let mut lab = Lab::default();
        for (time, owner, ttl) in claims {
            lab.send(*time, *owner, Builder::response().flush(HOST, RecordType::A, *ttl, owner));
        }
        lab.findings()
    };
    let found = [(FindingKind::Conflict, 1)];
    assert_eq!(seen(&[(1.0, OWNER, 120), (5.0, OTHER, 120)]), [], "it may have moved");
    assert_eq!(seen(&[(1.0, OWNER, 120), (5.0, OTHER, 120), (9.0, OTHER, 120)]), []);
    assert_eq!(seen(&[(1.0, OWNER, 120), (5.0, OTHER, 120), (9.0, OWNER, 120)]), found);
    // Within the second in which neither ends the other; with a third one between; after a long time.
    assert_eq!(seen(&[(1.0, OWNER, 120), (1.4, OTHER, 120), (1.8, OWNER, 120)]), found);
    assert_eq!(seen(&[(1.0, OWNER, 120), (5.0, OTHER, 120), (9.0, THIRD, 120), (13.0, OWNER, 120)]), found);
    assert_eq!(seen(&[(1.0, OWNER, 120), (300.0, OTHER, 120), (400.0, OWNER, 120)]), found);
    // The other one left, or is over.
    assert_eq!(seen(&[(1.0, OWNER, 120), (1.4, OTHER, 120), (1.5, OTHER, 0), (1.8, OWNER, 120)]), []);
    assert_eq!(seen(&[(1.0, OWNER, 120), (5.0, OTHER, 120), (300.0, OWNER, 120)]), []);
}

#[test]
fn findings_with_their_packets() {
    let long = [b"\xff".as_slice(), &[b'x'; 255]].concat().repeat(6);
    let odd: &[&[u8]] = &[b"\xffpc\x07", b"_way-too-long-a-name", b"_udp", LOCAL];
    let types: &[&[u8]] = &[b"_services", b"_dns-sd", b"_udp", LOCAL];
    let mut lab = Lab::default();
    let repeating = Builder::response().question(HOST, RecordType::A, 1);
    lab.send(1.0, OWNER, repeating.answer(KIND, RecordType::PTR, 4500, &wire(INSTANCE)));
    lab.send(2.0, OWNER, Builder::response().flush(KIND, RecordType::PTR, 4500, &wire(INSTANCE)));
    lab.send(3.0, OWNER, Builder::response().answer(INSTANCE, RecordType::TXT, 4500, &long));
    lab.send(
        4.0,
        OWNER,
        Builder::response().answer(INSTANCE, RecordType::TXT, 4500, b"\x03a=1\x03A=2\x02=x"),
    );
    lab.send(5.0, OWNER, Builder::response().answer(odd, RecordType::TXT, 4500, b"\0"));
    lab.send(6.0, OWNER, Builder::response().answer(types, RecordType::PTR, 4500, &wire(INSTANCE)));
    lab.send(7.0, OWNER, pointer(4500).flags(0x8403));
    lab.send(8.0, OWNER, Builder::response().answer(HOST, RecordType::A, 9, b"abc"));
    lab.pass(9.0, ([8, 8, 8, 8].into(), 5353), (CLIENT.into(), 5353), pointer(4500));
    lab.pass(9.0, (OWNER.into(), 5353), (CLIENT.into(), 40_000), announcement());
    let once = [
        FindingKind::ServiceName,
        FindingKind::QuestionInResponse,
        FindingKind::FlushOnShared,
        FindingKind::LongTxt,
        FindingKind::RepeatedKey,
        FindingKind::MalformedKey,
        FindingKind::InstanceName,
        FindingKind::NotAType,
        FindingKind::OpcodeOrRcode,
        FindingKind::Damaged,
        FindingKind::OffLink,
        FindingKind::LegacyTtl,
        FindingKind::FlushMisplaced,
    ];
    // The six identical keys of the long TXT data repeat each other, too.
    let expected: Vec<_> =
        once.into_iter().map(|kind| (kind, if kind == FindingKind::RepeatedKey { 2 } else { 1 })).collect();
    assert_eq!(lab.findings(), expected);
    assert_eq!(lab.inventory.counts().ignored, 1);
}

#[test]
fn unicast_dns_teaches_services_and_not_every_host_name() {
    let domain: &[&[u8]] = &[b"_ldap", b"_tcp", b"example", b"org"];
    let instance: &[&[u8]] = &[b"Directory", b"_ldap", b"_tcp", b"example", b"org"];
    let host: &[&[u8]] = &[b"dc1", b"example", b"org"];
    let mut lab = Lab::default();
    let (client, server) = ((CLIENT.into(), 40_000), ([192, 168, 1, 1].into(), 53));
    lab.pass(1.0, client, server, Builder::query().question(domain, RecordType::PTR, 1));
    lab.pass(1.1, client, server, Builder::query().question(&[b"www", b"example"], RecordType::A, 1));
    lab.pass(
        1.2,
        server,
        client,
        Builder::response().answer(&[b"www", b"example"], RecordType::A, 60, &OTHER),
    );
    let answer = Builder::response()
        .question(domain, RecordType::PTR, 1)
        .answer(domain, RecordType::PTR, 600, &wire(instance))
        .answer(instance, RecordType::SRV, 600, &srv(389, host))
        .answer(instance, RecordType::TXT, 600, b"\0")
        .answer(host, RecordType::A, 600, &OWNER);
    lab.pass(1.3, server, client, answer);
    let found = lab.inventory.instances().next().unwrap();
    assert_eq!((found.state, found.via.as_slice()), (State::Active, &[Via::Udp][..]));
    assert_eq!(found.addresses, [IpAddr::from(OWNER)]);
    let queries: Vec<_> = lab.inventory.queries().map(|query| query.unanswered).collect();
    assert_eq!(queries, [0]);
    assert_eq!((lab.events().len(), lab.findings().len()), (0, 0));
}

mod any_octets {
    use proptest::prelude::*;

    use super::*;
    use crate::dns::{Advertised, Origin, json, line};

    /// Reads, joins, learns from and writes whatever comes.
    fn survive(octets: &[u8]) {
        let Some(message) = Message::new(octets) else { return };
        let mut inventory = Inventory::new();
        let mut advertised = Advertised::new();
        let (mut text, mut object) = (Vec::new(), Vec::new());
        for (number, port) in [(1, 5353), (2, 53), (3, 40_000)] {
            let sighting = Sighting {
                packet: PacketId { file: 0, number },
                time: Some(Timestamp(number)),
                interface: 0,
                source: (OWNER.into(), 5353),
                destination: (CLIENT.into(), port),
                protocol: TransportProtocol::UDP,
            };
            inventory.observe(sighting, &message);
            let origin = Origin { sender: sighting.source.0, via: Via::Mdns, interface: 0 };
            advertised.observe(origin, sighting.time, &message);
        }
        inventory.advance(Timestamp(u64::MAX));
        line(Via::Mdns, &message, &mut text);
        json(Via::Mdns, &message, &mut object);
        assert!(!String::from_utf8(text).unwrap().contains(char::is_control));
        serde_json::from_slice::<serde::de::IgnoredAny>(&object).unwrap();
        for instance in inventory.instances() {
            let told = instance.announced_by == [IpAddr::from(OWNER)] || instance.state == State::Goodbye;
            assert!(told != (instance.known_by == [IpAddr::from(OWNER)]));
        }
    }

    proptest! {
        #[test]
        fn random(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            survive(&octets);
        }

        #[test]
        fn changed(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in 0..20_usize) {
            let mut octets = announcement().octets();
            for (at, value) in changes {
                *at.get_mut(&mut octets) = value;
            }
            octets.truncate(octets.len() - cut);
            survive(&octets);
        }
    }
}
