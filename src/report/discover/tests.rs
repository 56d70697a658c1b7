//! The inventory as each format shows it.

use serde_json::{Value, json};

use super::*;
use crate::{
    dns::{
        Message, RecordType,
        inventory::Sighting,
        testing::{Builder, srv, wire},
    },
    packet::{PacketId, Timestamp, TransportProtocol},
};

const LOCAL: &[u8] = b"local";
const HOST: &[&[u8]] = &[b"printer", LOCAL];
const OWNER: [u8; 4] = [192, 168, 1, 7];
const CLIENT: [u8; 4] = [192, 168, 1, 50];
static REGISTRY: Registry = Registry::built_in();

fn observe(inventory: &mut Inventory, number: u64, source: [u8; 4], message: Builder) {
    let sighting = Sighting {
        packet: PacketId { file: 1, number },
        time: Some(Timestamp(number * Timestamp::SECOND)),
        interface: 0,
        source: (source.into(), 5353),
        destination: ([224, 0, 0, 251].into(), 5353),
        protocol: TransportProtocol::UDP,
    };
    inventory.observe(sighting, &Message::new(&message.octets()).unwrap());
}

fn announce(label: &[u8], service: &[u8], txt: &[u8]) -> Builder {
    let instance: &[&[u8]] = &[label, service, b"_tcp", LOCAL];
    Builder::response()
        .answer(&[service, b"_tcp", LOCAL], RecordType::PTR, 4500, &wire(instance))
        .flush(instance, RecordType::SRV, 120, &srv(631, HOST))
        .flush(instance, RecordType::TXT, 4500, txt)
        .flush(HOST, RecordType::A, 120, &OWNER)
}

fn inventory() -> Inventory {
    let mut inventory = Inventory::new();
    let asks = Builder::query().question(&[b"_ipp", b"_tcp", LOCAL], RecordType::PTR, 1);
    observe(&mut inventory, 1, CLIENT, asks);
    observe(
        &mut inventory,
        2,
        OWNER,
        announce(b"Kitchen", b"_ipp", b"\x09txtvers=1\x03x=\xff\x02y=\x01z\x03Y=2"),
    );
    observe(&mut inventory, 3, OWNER, announce(b"=1+1, \"x\"", b"_sdreg14e3", b"\0"));
    inventory
}

fn table_of(inventory: &Inventory, options: &DiscoverOptions) -> String {
    output(inventory, options, Format::Table)
}

fn csv_of(inventory: &Inventory) -> String {
    output(inventory, &DiscoverOptions::default(), Format::Csv)
}

fn output(inventory: &Inventory, options: &DiscoverOptions, format: Format) -> String {
    let mut out = Vec::new();
    let files = ["a.pcap".to_owned(), "b.pcap".to_owned()];
    write(std::slice::from_ref(inventory), &REGISTRY, &files, options, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json_of(inventory: &Inventory, options: DiscoverOptions) -> Value {
    serde_json::from_str(&output(inventory, &options, Format::Json)).unwrap()
}

#[test]
fn json_as_the_contract_has_it() {
    let found = json_of(&inventory(), DiscoverOptions::default());
    assert_eq!(found["schema"], "portolan/discover/1");
    let instance = &found["instances"][0];
    let ipp = REGISTRY.service_type("ipp", "tcp").unwrap();
    let seen: Vec<_> =
        instance["txt"].as_array().unwrap().iter().filter(|pair| pair["state"] != "absent").collect();
    // The notes of this row tell where the keys are defined, so nothing is said about each.
    assert!(matches!(ipp.txt_keys(), Some(TxtKeys::See(_))));
    let expected = [
        json!({"key": "txtvers", "value": "1", "state": "value"}),
        json!({"key": "x", "value_base64": "/w==", "state": "value"}),
        json!({"key": "y", "value": "", "state": "empty"}),
        json!({"key": "z", "state": "no-value"}),
    ];
    assert_eq!(seen, expected.iter().collect::<Vec<_>>());
    for (key, value) in [
        ("instance", json!("Kitchen")),
        ("type", json!("_ipp._tcp")),
        ("domain", json!("local")),
        ("host", json!("printer.local")),
        ("port", json!(631)),
        ("addresses", json!(["192.168.1.7"])),
        ("state", json!("active")),
        ("first", json!("1970-01-01T00:00:02.000000000Z")),
        ("last", json!("1970-01-01T00:00:02.000000000Z")),
        ("announced_by", json!(["192.168.1.7"])),
        ("via", json!(["mdns"])),
    ] {
        assert_eq!(instance[key], value, "{key}");
    }
    assert_eq!(instance["registered"]["name"], "ipp");
    assert_eq!(instance["registered"]["description"], ipp.description());
    assert_eq!(instance.get("subtypes"), None);
    assert_eq!(found["instances"][1].get("registered"), None);
    assert_eq!(
        found["types"][1],
        json!({"type": "_sdreg14e3._tcp", "registered": false, "instances": 1, "queries": 0})
    );
    assert_eq!(
        found["queries"],
        json!([{"client": "192.168.1.50", "name": "_ipp._tcp.local", "type": "PTR", "count": 1, "unanswered": 0}])
    );
    assert_eq!(
        found["events"][0],
        json!({"event": "announce", "name": "Kitchen._ipp._tcp.local", "time": "1970-01-01T00:00:02.000000000Z",
            "packet": {"number": 2, "file": "b.pcap"}, "source": "192.168.1.7"})
    );
    let findings: Vec<_> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| (&found["finding"], &found["subject"]))
        .collect();
    assert_eq!(
        findings,
        [
            (&json!("repeated-key"), &json!("Kitchen._ipp._tcp.local")),
            (&json!("unregistered"), &json!("_sdreg14e3._tcp"))
        ]
    );
    assert_eq!(found.get("dropped"), None);
}

#[test]
fn absent_keys_are_those_the_registry_defines() {
    let row = REGISTRY
        .rows()
        .filter(|row| row.txt_keys().is_some_and(|keys| keys.keys().len() > 1))
        .find(|row| REGISTRY.service_type(row.name(), "tcp") == Some(*row))
        .unwrap();
    let keys = row.txt_keys().unwrap();
    let service = format!("_{}", row.name());
    let pair = format!("{}=1", keys.keys()[1].key.to_ascii_uppercase());
    let txt = [&[pair.len() as u8], pair.as_bytes()].concat();
    let mut inventory = Inventory::new();
    observe(&mut inventory, 1, OWNER, announce(b"x", service.as_bytes(), &txt));
    let found = json_of(&inventory, DiscoverOptions::default());
    let pairs = found["instances"][0]["txt"].as_array().unwrap();
    assert_eq!(pairs[0]["registered"], true, "keys compare without case");
    assert_eq!(pairs[1], json!({"key": keys.keys()[0].key, "state": "absent", "registered": true}));
    assert_eq!(pairs.len(), keys.keys().len());
}

#[test]
fn csv_and_table_are_harmless() {
    let inventory = inventory();
    let csv = csv_of(&inventory);
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(reader.headers().unwrap().len(), 17);
    let first: Vec<_> = rows[0].iter().take(10).collect();
    let ipp = REGISTRY.service_type("ipp", "tcp").unwrap().description();
    // As in the object, its members in the order of their names.
    let pairs = concat!(
        r#"[{"key":"txtvers","state":"value","value":"1"},{"key":"x","state":"value","value_base64":"/w=="},"#,
        r#"{"key":"y","state":"empty","value":""},{"key":"z","state":"no-value"}]"#
    );
    assert_eq!(
        first,
        ["Kitchen", "_ipp._tcp", "local", "", "printer.local", "631", "192.168.1.7", pairs, "ipp", ipp]
    );
    // A formula is no longer one, and all else is kept.
    assert_eq!(&rows[1][0], "'=1+1, \"x\"");

    let table =
        table_of(&inventory, &DiscoverOptions { events: true, queries: true, ..DiscoverOptions::default() });
    let line = table.lines().find(|line| line.contains("Kitchen")).unwrap();
    for part in ["_ipp._tcp", "printer.local", "631", "192.168.1.7", "active"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let pairs = table.lines().skip_while(|line| !line.starts_with("TXT pairs: ")).skip(2).take(4);
    let pairs: Vec<Vec<_>> = pairs.map(|line| line.split_whitespace().collect()).collect();
    // The registry lists no keys of this type.
    let expected = ["txtvers=1", r"x=\255", "y=", "z"]
        .map(|pair| ["Kitchen", "_ipp._tcp", pair, "not", "listed"].to_vec());
    assert_eq!(pairs, expected);
    assert!(table.contains(ipp), "{table}");
    for part in ["not registered", "announce", "b.pcap:2", "192.168.1.50", "repeated-key", "RFC 6763 6.4"] {
        assert!(table.contains(part), "{part} in {table}");
    }
    let narrow = table_of(&inventory, &DiscoverOptions { width: Some(60), ..DiscoverOptions::default() });
    assert!(narrow.lines().skip(1).all(|line| line.chars().count() <= 60), "{narrow}");
}

#[test]
fn strange_instance_names_survive_every_format() {
    let long = "ü".repeat(31) + "x";
    for (label, shown, in_name) in [
        (b"a.b".as_slice(), "a.b", r"a\.b"),
        (br"back\slash", r"back\\slash", r"back\\slash"),
        (b"\x1b[31mred", r"\027[31mred", r"\027[31mred"),
        (long.as_bytes(), long.as_str(), long.as_str()),
        (b"\xc3\x28\xff", r"\195(\255", r"\195(\255"),
    ] {
        let mut inventory = Inventory::new();
        observe(&mut inventory, 1, OWNER, announce(label, b"_ipp", b"\0"));
        let found = json_of(&inventory, DiscoverOptions::default());
        let name = format!("{in_name}._ipp._tcp.local");
        assert_eq!(found["events"][0]["name"], name.as_str());
        match std::str::from_utf8(label) {
            Ok(text) => assert_eq!(found["instances"][0]["instance"], text),
            Err(_) => assert_eq!(found["instances"][0]["instance_base64"], "wyj/"),
        }
        let csv = csv_of(&inventory);
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(&reader.records().next().unwrap().unwrap()[0], shown);
        let table = table_of(&inventory, &DiscoverOptions { events: true, ..DiscoverOptions::default() });
        assert!(table.contains(shown) && table.contains(&name), "{table}");
        let harmless = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
        assert!(harmless(&csv) && harmless(&table));
    }
}

#[test]
fn an_instance_heard_of_is_shown_with_who_knew_it() {
    let mut inventory = Inventory::new();
    let kind: &[&[u8]] = &[b"_ipp", b"_tcp", LOCAL];
    let instance: &[&[u8]] = &[b"Kitchen", b"_ipp", b"_tcp", LOCAL];
    for (number, host) in [(1, 50), (2, 51)] {
        let known = Builder::query().answer(kind, RecordType::PTR, 3000, &wire(instance));
        observe(&mut inventory, number, [192, 168, 1, host], known);
    }
    let found = json_of(&inventory, DiscoverOptions::default());
    let expected = json!([{
        "instance": "Kitchen", "type": "_ipp._tcp", "domain": "local",
        "registered": found["instances"][0]["registered"],
        "state": "heard", "missing": ["srv", "txt", "address"],
        "first": "1970-01-01T00:00:01.000000000Z", "last": "1970-01-01T00:00:02.000000000Z",
        "announced_by": [], "known_by": ["192.168.1.50", "192.168.1.51"], "via": ["mdns"],
    }]);
    assert_eq!(found["instances"], expected);
    assert_eq!(found["types"][0]["instances"], 1);
    let csv = csv_of(&inventory);
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    let row = reader.records().next().unwrap().unwrap();
    assert_eq!((&row[10], &row[14], &row[16]), ("heard", "", "192.168.1.50 192.168.1.51"));
    let table = table_of(&inventory, &DiscoverOptions::default());
    assert!(table.contains("heard (known to 192.168.1.50, 192.168.1.51)"), "{table}");
}

#[test]
fn port_0_is_a_placeholder() {
    let mut inventory = Inventory::new();
    let instance: &[&[u8]] = &[b"Kitchen", b"_printer", b"_tcp", LOCAL];
    let message = Builder::response().flush(instance, RecordType::SRV, 120, &srv(0, HOST));
    observe(&mut inventory, 1, OWNER, message);
    let table = table_of(&inventory, &DiscoverOptions::default());
    assert!(table.contains("printer.local  – (flagship)"), "{table}");
    assert_eq!(json_of(&inventory, DiscoverOptions::default())["instances"][0]["port"], 0);
}

#[test]
fn filters_by_type_and_host() {
    let inventory = inventory();
    let count = |types: &[&str], hosts: &[&str]| {
        let list = |items: &[&str]| items.iter().map(ToString::to_string).collect();
        let found = json_of(
            &inventory,
            DiscoverOptions { types: list(types), hosts: list(hosts), ..DiscoverOptions::default() },
        );
        let count = |key: &str| found[key].as_array().unwrap().len();
        (count("instances"), count("types"), count("queries"), count("events"))
    };
    assert_eq!(count(&[], &[]), (2, 2, 1, 3));
    for wanted in ["ipp", "_ipp", "_IPP._tcp"] {
        // The instance and its host.
        assert_eq!(count(&[wanted], &[]), (1, 1, 1, 2), "{wanted}");
    }
    assert_eq!(count(&["_ipp._udp"], &[]), (0, 0, 0, 0));
    assert_eq!(count(&["ipp", "sdreg14e3"], &[]).0, 2);
    for wanted in ["printer", "PRINTER.local.", "192.168.1.7"] {
        assert_eq!(count(&[], &[wanted]).0, 2, "{wanted}");
    }
    assert_eq!(count(&[], &["192.168.1.8"]).0, 0);
}
