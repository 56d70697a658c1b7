use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use portolan::packet::TransportProtocol;
use portolan::registry::{Registration, Registry, TxtKeys};

use crate::material::shared;

const TRANSPORTS: [(&str, TransportProtocol); 5] = [
    ("tcp", TransportProtocol::TCP),
    ("udp", TransportProtocol::UDP),
    ("sctp", TransportProtocol::SCTP),
    ("dccp", TransportProtocol::DCCP),
    // RFC 3828 section 7: UDP-Lite shares the registrations of UDP.
    ("udp", TransportProtocol::UDP_LITE),
];

/// The committed CSV, read plainly.
fn committed_rows() -> Vec<csv::StringRecord> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("registry/service-names-port-numbers.csv");
    let mut reader = csv::Reader::from_path(path).expect("the committed registry");
    reader.records().map(|row| row.expect("a sound row")).collect()
}

#[test]
fn the_committed_registry_is_whole() {
    let registry = Registry::built_in();
    assert_eq!(registry.len(), 14_536);
    assert_eq!(registry.updated(), "2026-09-30");
    for (row, cells) in registry.rows().zip(committed_rows()) {
        assert_eq!(row.name(), &cells[0]);
        assert_eq!(
            row.transport(),
            TRANSPORTS.iter().find(|(name, _)| *name == &cells[2]).map(|(_, it)| *it)
        );
        assert_eq!(row.description(), cells[3].split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(row.service_code().map(|code| code.to_string()).unwrap_or_default(), &cells[9]);
    }
}

#[test]
fn the_port_index_agrees_with_a_linear_scan() {
    let registry = Registry::built_in();
    let rows = committed_rows();
    let mut named = 0;
    for (keyword, protocol) in TRANSPORTS {
        // The naive twin: every row laid on every port it holds.
        let mut expected = vec![Vec::new(); 65_536];
        for (id, row) in rows.iter().enumerate() {
            if row[0].is_empty() || row[1].is_empty() || !(row[2].is_empty() || &row[2] == keyword) {
                continue;
            }
            let (first, last) = row[1].split_once('-').unwrap_or((&row[1], &row[1]));
            let ports = first.parse::<usize>().expect("a port")..=last.parse().expect("a port");
            expected[ports].iter_mut().for_each(|ids| ids.push(id as u32));
        }
        for (port, expected) in (0..=u16::MAX).zip(&expected) {
            let mut found: Vec<u32> = registry.by_port(protocol, port).map(|row| row.id()).collect();
            let primary = registry.primary(protocol, port).map(|row| row.id());
            assert_eq!(
                primary,
                found.first().copied(),
                "{keyword} {port}: the one that is shown comes first"
            );
            // Behind it the others keep the registry's order.
            assert!(found.iter().skip(1).is_sorted(), "{keyword} {port}");
            found.sort_unstable();
            assert_eq!(&found, expected, "{keyword} {port}");
            named += usize::from(primary.is_some());
        }
    }
    assert!(named > 17_000, "{named}");
}

/// Ports with several names that a standard or the protocol's specification decides; the other name stands
/// before it in the registry, or would be as good.
const DECIDED: [(&str, u16, &[&str]); 12] = [
    ("tcp", 80, &["http", "www", "www-http"]),
    ("tcp", 113, &["ident", "auth"]),
    ("tcp", 465, &["submissions", "urd"]),
    ("tcp", 631, &["ipp", "ipps"]),
    ("udp", 1701, &["l2tp", "l2f"]),
    ("tcp", 2049, &["nfs", "shilp"]),
    ("udp", 2049, &["nfs", "shilp"]),
    ("tcp", 3478, &["stun", "turn", "stun-behavior"]),
    ("udp", 3478, &["stun", "turn", "stun-behavior"]),
    ("tcp", 5349, &["stuns", "turns", "stun-behaviors"]),
    ("udp", 5349, &["stuns", "turns", "stun-behaviors"]),
    ("tcp", 9100, &["pdl-datastream", "hp-pdl-datastr"]),
];

fn names(registry: &Registry, keyword: &str, port: u16) -> Vec<String> {
    let protocol = TRANSPORTS.iter().find(|(name, _)| *name == keyword).expect("a transport").1;
    registry.by_port(protocol, port).map(|row| row.name().to_owned()).collect()
}

#[test]
fn of_several_names_the_one_a_reader_expects_comes_first() {
    let registry = Registry::built_in();
    for (keyword, port, expected) in DECIDED {
        assert_eq!(names(&registry, keyword, port), expected, "{port}/{keyword}");
    }
    // UDP-Lite has the rows of UDP, and their order.
    let lite = registry.primary(TransportProtocol::UDP_LITE, 1701).map(Registration::name);
    assert_eq!(lite, Some("l2tp"));
    // Nothing decides these: the registry's order.
    assert_eq!(names(&registry, "tcp", 42), ["name", "nameserver"]);
    assert_eq!(names(&registry, "tcp", 1701), ["l2f", "l2tp"]);
    assert_eq!(names(&registry, "tcp", 4444), ["krb524", "nv-video"]);
}

#[test]
fn a_registry_read_from_a_file_has_the_same_order_where_it_has_the_rows() {
    let file = std::env::temp_dir().join(format!("portolan-preferred-{}.csv", std::process::id()));
    let rows = "Service Name,Port Number,Transport Protocol,Description\nurd,465,tcp,x\n\
                other,465,tcp,x\nSubmissions,465,tcp,x\nshilp,2049,tcp,x\nfirst_one,7,tcp,x\nsecond,7,tcp,x\n\
                third,7,tcp,x\n";
    std::fs::write(&file, rows).expect("a file");
    let registry = Registry::read(&file).expect("sound rows");
    std::fs::remove_file(&file).expect("removed");
    // Names are compared without regard to case (RFC 6335 section 5.1).
    assert_eq!(names(&registry, "tcp", 465), ["Submissions", "urd", "other"]);
    // The row of the preferred name is not there.
    assert_eq!(names(&registry, "tcp", 2049), ["shilp"]);
    // A name that breaks RFC 6335 stands behind the first that does not.
    assert_eq!(names(&registry, "tcp", 7), ["second", "first_one", "third"]);
}

#[test]
fn the_name_index_agrees_with_a_linear_scan() {
    let registry = Registry::built_in();
    let mut expected: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (id, row) in committed_rows().iter().enumerate().filter(|(_, row)| !row[0].is_empty()) {
        expected.entry(row[0].to_ascii_lowercase()).or_default().push(id as u32);
    }
    assert!(expected.len() > 6_300);
    for (name, expected) in expected {
        for name in [name.to_ascii_uppercase(), name] {
            let found: Vec<u32> = registry.by_name(&name).map(|row| row.id()).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
    assert_eq!(registry.by_name("").len(), 0);
    assert_eq!(registry.by_name("no-such-name").len(), 0);
}

/// A row with white space made one: what IANA's renderings have in common.
fn cells(row: Registration<'_>) -> [String; 11] {
    let ports = row.ports().map(|(first, last)| format!("{first}-{last}")).unwrap_or_default();
    let code = row.service_code().map(|code| code.to_string()).unwrap_or_default();
    let transport = row.transport().map(|it| it.0.to_string()).unwrap_or_default();
    let texts = [
        row.name(),
        &ports,
        &transport,
        row.assignee(),
        row.contact(),
        row.registered(),
        row.modified(),
        row.reference(),
        &code,
        row.unauthorized(),
        row.notes(),
    ];
    texts.map(one_space)
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn iana_xml_and_text_of_one_day_hold_the_same_rows() {
    let (Some(xml), Some(text)) =
        (shared("registry/iana-2025-02-25.xml"), shared("registry/iana-2025-02-25.txt"))
    else {
        return;
    };
    let (xml, text) = (Registry::read(&xml).expect("sound XML"), Registry::read(&text).expect("sound text"));
    assert_eq!((xml.len(), xml.updated()), (14_468, "2025-02-25"));
    assert_eq!((text.len(), text.updated()), (14_468, "2025-02-25"));
    // Differences of rendering: white space (one_space), and the border between these rows, of which the
    // text does not show whether the line between two descriptions ends the one or begins the other.
    let unclear = [
        ["fis", "aoc-acars"],
        ["asam-cmp", "aseba"],
        ["ciao", "cip4discovery"],
        ["duckrace", "dxtgsync"],
        ["egistix", "eheap"],
        ["enphase-envoy", "ep"],
        ["flir-ircam", "fmserver-admin"],
        ["giffer", "gforce-ssmp"],
        ["jukejoint", "keynoteaccess"],
        ["modolansrv", "mogeneti-auth"],
        ["sallingclicker", "salutafugijms"],
        ["twinlevel", "twosnakes"],
    ];
    let mut different = Vec::new();
    for (in_xml, in_text) in xml.rows().zip(text.rows()) {
        assert_eq!(cells(in_xml), cells(in_text));
        if in_xml.description() != in_text.description() {
            different.push(in_xml.name());
        }
    }
    assert_eq!(different, unclear.as_flattened());
}

#[test]
fn iana_csv_and_xml_differ_by_what_changed_between_their_days() {
    let (Some(xml), Some(csv)) =
        (shared("registry/iana-2025-02-25.xml"), shared("registry/iana-2025-03-28.csv"))
    else {
        return;
    };
    let (xml, csv) = (Registry::read(&xml).expect("sound XML"), Registry::read(&csv).expect("sound CSV"));
    let whole = |row: Registration<'_>| (cells(row), one_space(row.description()));
    let in_xml: BTreeSet<_> = xml.rows().map(whole).collect();
    let in_csv: BTreeSet<_> = csv.rows().map(whole).collect();
    let gone: Vec<_> = in_xml.difference(&in_csv).map(|(cells, _)| short(cells)).collect();
    let new: Vec<_> = in_csv.difference(&in_xml).map(|(cells, _)| short(cells)).collect();
    // No difference of rendering is left once white space is one. In between, two ports were assigned out of
    // unassigned ranges, references became RFCs (or a draft), and a contact was renamed.
    let gone_expected = [
        " 45055-45513 ",
        " 7664-7671 ",
        "brski-reg-cmp  [RFC-ietf-anima-brski-ae-13]",
        "panagolin-ident 9021-9021 ",
        "panagolin-ident 9021-9021 ",
        "rift-lies 914-914 [RFC-ietf-rift-rift-24]",
        "rift-ties 915-915 [RFC-ietf-rift-rift-24]",
        "smtp 25-25 [RFC5321]",
        "smtp 25-25 [RFC5321]",
    ];
    let new_expected = [
        " 45055-45184 ",
        " 45186-45513 ",
        " 7664-7667 ",
        " 7668-7668 ",
        " 7669-7671 ",
        "authoritygate 7668-7668 ",
        "brski-reg-cmp  [RFC9733]",
        "panagolin-ident 9021-9021 ",
        "panagolin-ident 9021-9021 ",
        "rift-lies 914-914 [RFC9692]",
        "rift-ties 915-915 [RFC9692]",
        "smtp 25-25 [RFC-ietf-emailcore-rfc5321bis-43]",
        "smtp 25-25 [RFC-ietf-emailcore-rfc5321bis-43]",
        "witsnet 45185-45185 ",
        "witsnet 45185-45185 ",
    ];
    assert_eq!(gone, gone_expected);
    assert_eq!(new, new_expected);
}

/// Name, ports and reference.
fn short([name, ports, _, _, _, _, _, reference, ..]: &[String; 11]) -> String {
    format!("{name} {ports} {reference}")
}

/// The excerpt is the web page of 2024-12-20 as text: name, transport where there is one, description,
/// assignee and contact in brackets, dates, notes.
#[test]
fn every_row_of_an_excerpt_is_found() {
    let Some(path) = shared("registry/iana-2024-12-20-excerpt.txt") else { return };
    let excerpt = std::fs::read_to_string(path).expect("the excerpt");
    let table = excerpt.split_once("Unauthorized Use Reported Assignment Notes\n").expect("a table").1;
    let table = table.split_once("\nContact Information").expect("contacts below").0;
    let registry = Registry::built_in();
    // One row begins on each line whose first word is a name and that has a bracket or "Defined" behind it;
    // the lines of a note that runs on are joined to it.
    let mut rows: Vec<String> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty()) {
        let name = line.split(' ').next().unwrap_or_default();
        let begins = registry.by_name(name).len() > 0 && !line.starts_with("Defined");
        match rows.last_mut() {
            Some(row) if !begins => row.push_str(&format!("\n{line}")),
            _ => rows.push(line.to_owned()),
        }
    }
    // 64 lines hold name and notes, the two rows of `wot` have theirs below.
    assert_eq!(rows.len(), 66);
    for text in rows {
        let (name, rest) = text.split_once(' ').expect("a name");
        let (keyword, rest) = match rest.split_once(' ') {
            Some((keyword @ ("tcp" | "udp"), rest)) => (keyword, rest),
            _ => ("", rest),
        };
        let transport = TRANSPORTS.iter().find(|(name, _)| *name == keyword).map(|(_, protocol)| *protocol);
        let row = registry.by_name(name).find(|row| row.transport() == transport && row.ports().is_none());
        let row = row.unwrap_or_else(|| panic!("{name} {keyword}"));
        assert!(rest.starts_with(row.description()), "{name}: {}", row.description());
        // The keys are read alike from the excerpt, which has its line breaks elsewhere.
        let keys = |keys: TxtKeys<'_>| {
            let keys = keys.keys().iter().map(|key| (one_space(key.key), one_space(key.meaning)));
            keys.collect::<Vec<_>>()
        };
        let in_excerpt = TxtKeys::find(rest).expect("TXT keys");
        let built_in = row.txt_keys().expect("TXT keys");
        assert_eq!(std::mem::discriminant(&in_excerpt), std::mem::discriminant(&built_in), "{name}");
        assert_eq!(keys(in_excerpt), keys(built_in), "{name}");
    }
    // Worked out by hand from the excerpt.
    let keys = |name| {
        let keys = registry.by_name(name).next().expect("a row").txt_keys().expect("TXT keys");
        keys.keys().iter().map(|key| key.key.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys("webdav"), ["u", "p", "path"]);
    assert_eq!(keys("wdp"), ["D", "S", "A", "T"]);
    assert_eq!(keys("wot"), ["td", "type", "scheme"]);
    assert_eq!(keys("visel"), ["Version", "Type", "Name", "Zone", "ID", "SString", "SString1"]);
    assert_eq!(keys("we-jell"), ["user", "stat", "agent"]);
    assert_eq!(keys("xmp"), ["txtvers", "user", "system", "nodeid", "desc"]);
    assert_eq!(keys("vxi-11"), [""; 0]);
}
