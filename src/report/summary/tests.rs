//! Rows as they are told apart, added up and written, against frames and labels made by hand.

use std::{net::IpAddr, time::Duration};

use super::*;
use crate::{
    decode::{Decoder, Headers},
    flow::Tally,
    knowledge,
    naming::{Evidence, Side, State},
    packet::{Frame, LinkType, Timestamp},
    record::Charter,
};

const LOW: &str = "192.0.2.1";
const HIGH: &str = "192.0.2.9";

fn ends(low: &str, high: &str) -> Option<(IpAddr, IpAddr)> {
    Some((low.parse().unwrap(), high.parse().unwrap()))
}

fn https() -> Label {
    Label {
        key: "https/tcp".to_owned(),
        name: Some("https".to_owned()),
        port: Some(443),
        transport: Some("tcp".into()),
        description: Some("http over TLS".to_owned()),
        evidence: Some(Evidence::Registered),
        state: Some(State::Established),
        ..Label::default()
    }
}

fn arp() -> Label {
    Label { key: "arp".to_owned(), ..Label::default() }
}

/// The keys of an item's rows, as text.
fn keys(item: &Item<'_>, by: By) -> Vec<String> {
    let text = |key: Key<'_>| {
        let mut out = Vec::new();
        key.write(&mut out);
        String::from_utf8(out).unwrap()
    };
    item.whose(by.into()).iter().filter_map(|&whose| item.key(by, whose)).map(text).collect()
}

#[test]
fn what_is_counted_has_a_row_in_every_division() {
    let (https, arp) = (https(), arp());
    let unknown = Label { transport: Some("udp".into()), key: "unknown/udp".to_owned(), ..Label::default() };
    let plain = Label { key: "ip-253".to_owned(), ..Label::default() };
    let frame = Some((&[][..], Key::Interface(0)));
    let flow =
        |label, ends, side| Item { label, ends, side, group: None, flow: None, domains: [None; 2], frame };
    let served = flow(&https, ends(LOW, HIGH), Side::High);
    let serving = flow(&https, ends(LOW, HIGH), Side::Low);
    let peers = flow(&https, ends("2001:db8::1", "2001:db8::2"), Side::Both);
    let alone = flow(&https, ends("::1", "::1"), Side::Both);
    let nobody = flow(&unknown, ends(LOW, HIGH), Side::Neither);
    let wordless = flow(&plain, ends(LOW, HIGH), Side::Neither);
    let other = flow(&arp, None, Side::Neither);
    let table: [(&Item<'_>, [&[&str]; 7]); 7] = [
        (
            &served,
            [
                &["https/tcp"],
                &["443/tcp"],
                &[HIGH],
                &[LOW],
                &[LOW, HIGH],
                &["192.0.2.1 <> 192.0.2.9"],
                &["tcp"],
            ],
        ),
        (
            &serving,
            [
                &["https/tcp"],
                &["443/tcp"],
                &[LOW],
                &[HIGH],
                &[LOW, HIGH],
                &["192.0.2.1 <> 192.0.2.9"],
                &["tcp"],
            ],
        ),
        (
            &peers,
            [
                &["https/tcp"],
                &["443/tcp"],
                &["2001:db8::1 and 2001:db8::2"],
                &["2001:db8::1 and 2001:db8::2"],
                &["2001:db8::1", "2001:db8::2"],
                &["2001:db8::1 <> 2001:db8::2"],
                &["tcp"],
            ],
        ),
        (&alone, [&["https/tcp"], &["443/tcp"], &["::1"], &["::1"], &["::1"], &["::1 <> ::1"], &["tcp"]]),
        (
            &nobody,
            [
                &["unknown/udp"],
                &["unknown/udp"],
                &["unknown/udp"],
                &["unknown/udp"],
                &[LOW, HIGH],
                &["192.0.2.1 <> 192.0.2.9"],
                &["udp"],
            ],
        ),
        (
            &wordless,
            [
                &["ip-253"],
                &["ip-253"],
                &["unknown/ip"],
                &["unknown/ip"],
                &[LOW, HIGH],
                &["192.0.2.1 <> 192.0.2.9"],
                &["ip-253"],
            ],
        ),
        (&other, [&["arp"]; 7]),
    ];
    let all = [By::Service, By::Port, By::Server, By::Client, By::Host, By::Conversation, By::Transport];
    for (item, expected) in table {
        for (by, expected) in all.into_iter().zip(expected) {
            assert_eq!(keys(item, by), expected, "{by:?}: {item:?}");
        }
        // What only packets tell.
        for (ids, key) in [(&[][..], "untagged"), (&[7], "7"), (&[4094, 12, 1], "4094.12.1")] {
            assert_eq!(keys(&Item { frame: Some((ids, Key::Interface(3))), ..*item }, By::Vlan), [key]);
        }
        assert_eq!(keys(&Item { frame: Some((&[], Key::Interface(3))), ..*item }, By::Interface), ["3"]);
        for by in [By::Vlan, By::Interface] {
            assert_eq!(keys(&Item { frame: None, ..*item }, by), <[&str; 0]>::default());
        }
    }
}

#[test]
fn rows_hold_what_their_label_tells_of_all_of_them() {
    let told = |by: By| {
        let row = Row::of(by.into(), &https(), "key".to_owned(), Box::default());
        (row.key, row.name, row.transport, row.description)
    };
    let text = |text: &str| Some(text.to_owned());
    let key = || "key".to_owned();
    assert_eq!(told(By::Service), (key(), text("https"), text("tcp"), text("http over TLS")));
    assert_eq!(told(By::Port), (key(), None, text("tcp"), None));
    for by in [By::Server, By::Client, By::Host, By::Conversation, By::Transport, By::Vlan, By::Interface] {
        assert_eq!(told(by), (key(), None, None, None), "{by:?}");
    }
}

/// A flow of so many packets and octets between these hosts, the higher of which serves.
fn count(summary: &mut Summary, label: &Label, (low, high): (&str, &str), packets: u64, octets: u64) {
    let item = Item { ends: ends(low, high), side: Side::High, ..Item::of_label(label) };
    let amount = Amount {
        packets,
        octets,
        first: Some(octets * 1_000_000_000),
        last: Some(octets * 2_000_000_000),
        flows: Some(1),
        damaged: Damaged::default(),
    };
    summary.count_item(By::Service.into(), &item, &amount);
}

/// Two services, ten ports of one of them, and ARP with damaged packets.
fn sample() -> Summary {
    let mut summary = Summary::default();
    count(&mut summary, &https(), (LOW, HIGH), 10, 6_000);
    count(&mut summary, &https(), (LOW, "192.0.2.8"), 1, 1_000);
    for port in 5_001..=5_005 {
        let label = Label {
            key: "many/udp".to_owned(),
            name: Some("many".to_owned()),
            port: Some(port),
            transport: Some("udp".into()),
            state: Some(State::Answered),
            evidence: Some(if port == 5_001 { Evidence::User } else { Evidence::Advertised }),
            ..Label::default()
        };
        count(&mut summary, &label, (LOW, HIGH), 2, 500);
    }
    let damaged = Damaged { truncated: 3, malformed: 1, too_deep: 0 };
    let amount = Amount { packets: 4, octets: 500, ..Amount::of(&Tally::default(), damaged) };
    summary.count_item(By::Service.into(), &Item::of_label(&arp()), &amount);
    summary
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn rows_are_added_up_and_put_in_order() {
    let summary = sample();
    let order = |sort, top| {
        let options = Options { sort, top, ..Options::default() };
        summary.rows(&options).iter().map(|row| row.key.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(order(Sort::Bytes, None), ["https/tcp", "many/udp", "arp"]);
    assert_eq!(order(Sort::Packets, None), ["https/tcp", "many/udp", "arp"]);
    assert_eq!(order(Sort::Flows, None), ["many/udp", "https/tcp", "arp"]);
    assert_eq!(order(Sort::Name, None), ["arp", "https/tcp", "many/udp"]);
    assert_eq!(order(Sort::Name, Some(1)), ["arp"]);
    let rows = summary.rows(&Options::default());
    let https = rows[0];
    assert_eq!((https.packets, https.bytes, https.flows()), (11, 7_000, Some(2)));
    assert_eq!((https.clients.len(), https.servers.len()), (1, 2));
    // The least and the greatest of 6,000 to 12,000 and of 1,000 to 2,000 seconds.
    assert_eq!((https.first, https.last), (Some(1_000_000_000_000), Some(12_000_000_000_000)));
    // Twice the same, joined, is twice as much of everything but what is distinct.
    let mut twice = sample();
    twice.add(sample());
    let rows = twice.rows(&Options::default());
    let https = rows[0];
    assert_eq!((rows.len(), https.packets, https.bytes, https.flows()), (3, 22, 14_000, Some(4)));
    assert_eq!((https.clients.len(), https.servers.len()), (1, 2));
    assert_eq!(rows[2].damaged().counts().collect::<Vec<_>>(), [("truncated", 6), ("malformed", 2)]);
    assert_eq!(twice.octets(), 20_000);
}

/// Who was only asked serves nothing; a group neither asks nor serves.
#[test]
fn asked_is_not_served() {
    let mut summary = Summary::default();
    let mut of = |state, side, group| {
        let label = Label { state: Some(state), mismatch: Some(Evidence::Registered), ..https() };
        let item = Item { ends: ends(LOW, HIGH), side, group, ..Item::of_label(&label) };
        summary.count_item(By::Port.into(), &item, &Amount::of(&Tally::default(), Damaged::default()));
        let row = &summary.rows[0];
        (row.clients.len(), row.servers.len(), row.asked.len(), row.refused.len())
    };
    assert_eq!(of(State::Asked, Side::High, None), (1, 0, 1, 0));
    assert_eq!(of(State::Asked, Side::High, None), (1, 0, 1, 0), "the same endpoint again");
    assert_eq!(of(State::Refused, Side::High, None), (1, 0, 1, 1));
    assert_eq!(of(State::OneWay, Side::High, None), (1, 0, 1, 1));
    assert_eq!(of(State::Group, Side::High, Some(Side::High)), (1, 0, 1, 1));
    assert_eq!(of(State::Group, Side::Both, Some(Side::High)), (1, 1, 1, 1));
    assert_eq!(of(State::Established, Side::High, None), (1, 2, 1, 1));
}

/// Knowledge of nothing, for what reports say beside the rows.
fn scope<'a>(knowledge: &'a Knowledge, registry: &'a Registry) -> Scope<'a> {
    Scope {
        files: &[],
        span: knowledge.span(),
        evicted: knowledge.departed().next().is_some(),
        losses: None,
        registry,
    }
}

#[test]
fn tables_are_for_people() {
    let (knowledge, registry) = (Knowledge::whole(knowledge::Options::default()), Registry::built_in());
    let text = |options: Options| {
        written(|out| table(&sample(), None, &scope(&knowledge, &registry), &options, out))
    };
    let expected = [
        " service    port     packets  octets    %  flows  clients  servers  known by",
        " https/tcp  443           11    7000  0.0      2        1        2  registered",
        " many/udp   5 ports       10    2500  0.0      5        1        1  advertised 8, user 2",
        " arp                       4     500  0.0",
        "0 packets, 0 octets",
        "not decoded to the end: 3 truncated, 1 malformed",
        "names: IANA registry of 2026-09-30; a registered port does not prove a service",
        "",
    ];
    let expected = expected.join("\n").replace("2026-09-30", registry.updated());
    assert_eq!(text(Options::default()), expected);
    assert_eq!(text(Options { width: Some(200), ..Options::default() }), expected);
    let narrow = text(Options { width: Some(60), ..Options::default() });
    let lines: Vec<_> = narrow.lines().collect();
    assert!(lines[..lines.len() - 3].iter().all(|line| line.len() <= 60), "{narrow}");
}

#[test]
fn terminals_have_what_there_is_room_for() {
    let (knowledge, registry) = (Knowledge::whole(knowledge::Options::default()), Registry::built_in());
    let lines = |width: u16, color: bool| -> Vec<String> {
        let options = Options { width: Some(width), rounded: true, color, ..Options::default() };
        let text = written(|out| table(&sample(), None, &scope(&knowledge, &registry), &options, out));
        text.lines().take(4).map(|line| line.replace('\u{a0}', " ")).collect()
    };
    // Of 30 columns: all for 7,000 octets, 10 and 5 eighths for 2,500 (85.7 eighths), 2 and one for 500 (17.1).
    let wide = [
        " service    port     packets   octets    %  flows  clients  servers  known by".to_owned(),
        format!(
            " https/tcp  443           11  7.00 kB  0.0      2        1        2  registered            {}",
            "█".repeat(30)
        ),
        format!(
            " many/udp   5 ports       10  2.50 kB  0.0      5        1        1  advertised 8, user 2  {}▋",
            "█".repeat(10)
        ),
        format!(" arp                       4    500 B  0.0{}██▏", " ".repeat(49)),
    ];
    assert_eq!(lines(200, false), wide);
    // The full table takes 90 columns: servers, clients and flows have 9, 9 and 7 of them.
    for (width, left_out) in
        [(89, &["servers"][..]), (79, &["servers", "clients"]), (70, &["servers", "clients", "flows"])]
    {
        let lines = lines(width, false);
        let titles = ["packets", "octets", "%", "flows", "clients", "servers", "known"];
        for title in titles {
            let has = lines[0].split_whitespace().any(|word| word == title);
            assert_eq!(has, !left_out.contains(&title), "{width} {title}: {lines:?}");
        }
        assert!(lines.iter().all(|line| line.chars().count() <= usize::from(width)), "{lines:?}");
    }
    // None of these rows is a guess, or speaks something else.
    assert_eq!(lines(200, true), wide);
}

#[test]
fn intervals_are_tables_of_their_own() {
    let (knowledge, registry) = (Knowledge::whole(knowledge::Options::default()), Registry::built_in());
    let intervals =
        [0, 1_767_323_045_000_000_000].map(|start| Interval { start: Some(start), summary: sample() });
    let (whole, options) = (Summary::default(), Options::default());
    let text = written(|out| table(&whole, Some(&intervals), &scope(&knowledge, &registry), &options, out));
    let starts: Vec<_> = text.lines().filter(|line| line.starts_with("from ")).collect();
    // 2026-01-02T03:04:05Z is 1767323045 (`date -ud @1767323045`).
    assert_eq!(starts, ["from 1970-01-01T00:00:00.000000000Z", "from 2026-01-02T03:04:05.000000000Z"]);
    // Shares are of the interval: 7,000 of 10,000 octets.
    assert_eq!(text.matches("  70.0  ").count(), 2, "{text}");
    assert!(text.contains("not decoded to the end: 6 truncated, 2 malformed\n"), "{text}");
    let csv = written(|out| csv(&whole, Some(&intervals), &options, out));
    assert!(csv.starts_with("start,key,name,"), "{csv}");
    assert_eq!(csv.matches("\n2026-01-02T03:04:05.000000000Z,").count(), 3, "{csv}");
    let json = written(|out| json(&whole, Some(&intervals), &scope(&knowledge, &registry), &options, out));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["intervals"][1]["start"], "2026-01-02T03:04:05.000000000Z");
    assert_eq!((json["intervals"][1]["rows"][0]["bytes"].as_u64(), json.get("rows")), (Some(7_000), None));
}

/// Written one after the other they are what they are together.
#[test]
fn intervals_that_close_are_pieces_of_the_report() {
    let (knowledge, registry) = (Knowledge::whole(knowledge::Options::default()), Registry::built_in());
    let intervals =
        [0, 1_767_323_045_000_000_000].map(|start| Interval { start: Some(start), summary: sample() });
    let (whole, options) = (Summary::default(), Options::default());
    let scope = scope(&knowledge, &registry);
    let pieces = |format| {
        let piece =
            |at: usize| written(|out| closed(&intervals[at..=at], &scope, &options, (format, at == 0), out));
        [piece(0), piece(1)]
    };
    assert_eq!(pieces(Format::Csv).concat(), written(|out| csv(&whole, Some(&intervals), &options, out)));
    let text = written(|out| table(&whole, Some(&intervals), &scope, &options, out));
    assert!(text.starts_with(&pieces(Format::Table).concat()), "{text}");
    for (piece, start) in pieces(Format::Json).iter().zip(["1970-01-01T00:00:00", "2026-01-02T03:04:05"]) {
        assert_eq!(piece.matches('\n').count(), 1);
        let json: serde_json::Value = serde_json::from_str(piece).unwrap();
        assert_eq!(json["schema"], "portolan/summary/1");
        assert_eq!(json["intervals"][0]["start"], format!("{start}.000000000Z"));
        assert_eq!(json["intervals"][0]["rows"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn machine_formats_have_every_column() {
    let (knowledge, registry) = (Knowledge::whole(knowledge::Options::default()), Registry::built_in());
    let csv = written(|out| csv(&sample(), None, &Options::default(), out));
    let expected = "\
key,name,transport,ports,description,packets,bytes,flows,clients,servers,first,last,\
evidence_user,evidence_advertised,evidence_payload,evidence_registered,evidence_none,damaged,asked,refused,mismatch,approximate
https/tcp,https,tcp,443,http over TLS,11,7000,2,1,2,1970-01-01T00:16:40.000000000Z,\
1970-01-01T03:20:00.000000000Z,0,0,0,11,0,,0,0,0,
many/udp,many,udp,5001 5002 5003 5004 5005,,10,2500,5,1,1,1970-01-01T00:08:20.000000000Z,\
1970-01-01T00:16:40.000000000Z,2,8,0,0,0,,0,0,0,
arp,,,,,4,500,0,0,0,,,0,0,0,0,0,\"{\"\"malformed\"\":1,\"\"truncated\"\":3}\",0,0,0,
";
    assert_eq!(csv, expected);
    let json = written(|out| json(&sample(), None, &scope(&knowledge, &registry), &Options::default(), out));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let expected = serde_json::json!([
        {
            "key": "https/tcp", "name": "https", "transport": "tcp", "ports": [443],
            "description": "http over TLS", "packets": 11, "bytes": 7000, "flows": 2, "clients": 1, "servers": 2,
            "first": "1970-01-01T00:16:40.000000000Z", "last": "1970-01-01T03:20:00.000000000Z",
            "evidence": {"registered": 11}, "asked": 0, "refused": 0, "mismatch": 0,
        },
        {
            "key": "many/udp", "name": "many", "transport": "udp", "ports": [5001, 5002, 5003, 5004, 5005],
            "packets": 10, "bytes": 2500, "flows": 5, "clients": 1, "servers": 1,
            "first": "1970-01-01T00:08:20.000000000Z", "last": "1970-01-01T00:16:40.000000000Z",
            "evidence": {"advertised": 8, "user": 2}, "asked": 0, "refused": 0, "mismatch": 0,
        },
        {
            "key": "arp", "packets": 4, "bytes": 500, "flows": 0, "clients": 0, "servers": 0, "evidence": {},
            "damaged": {"malformed": 1, "truncated": 3}, "asked": 0, "refused": 0, "mismatch": 0,
        },
    ]);
    assert_eq!(json["rows"], expected);
    assert_eq!((&json["by"], &json["schema"]), (&"service".into(), &"portolan/summary/1".into()));
}

/// An IPv4 packet without a link layer: a UDP datagram without payload.
fn datagram([source, destination]: [u8; 2], [from, to]: [u16; 2]) -> Vec<u8> {
    let mut octets =
        vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, source, 192, 0, 2, destination];
    octets.extend([from, to, 8, 0].into_iter().flat_map(u16::to_be_bytes));
    octets
}

/// Calls `with` for each datagram, a second apart, the first at 10 s; the last one has no time.
fn each(count: u16, mut with: impl FnMut(&Frame<'_>, &Headers)) {
    let (decoder, mut headers) = (Decoder::default(), Headers::default());
    for number in 0..count {
        let octets = datagram([1, 2], [40_000 + number, if number % 2 == 0 { 123 } else { 69 }]);
        let time = (number + 1 < count).then_some(Timestamp((10 + u64::from(number)) * Timestamp::SECOND));
        let frame = Frame {
            number: u64::from(number) + 1,
            time,
            interface: 0,
            link: LinkType::RAW,
            octets: &octets,
            original_len: 28,
        };
        decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
        with(&frame, &headers);
    }
}

#[test]
fn packets_are_summed_up_per_interval() {
    let registry = Registry::built_in();
    let mut knowledge = Knowledge::whole(knowledge::Options::default());
    each(6, |frame, headers| knowledge.learning(0).learn(frame, headers));
    knowledge.settle();
    let names = Answers::of(&knowledge, &registry, false, 1);
    let charter = Charter::new(&knowledge, &names);
    let nothing = || [Some(Duration::from_secs(4)), None].map(|length| Intervals::new(length, By::Port));
    // The first packets, and the later ones counted apart.
    let (mut sums, mut later) = (nothing(), nothing());
    each(6, |frame, headers| {
        let mut places = [charter.place(headers, frame.time)];
        charter.locate(&mut places);
        let record = charter.chart((None, None), (*frame, &[]), headers, &places[0], None);
        let sums = if frame.number < 4 { &mut sums } else { &mut later };
        sums.iter_mut().for_each(|sums| sums.count(&record));
    });
    sums.iter_mut().zip(later).for_each(|(sums, later)| sums.add(later));
    let [(_, parts), (whole, _)] = sums.map(Intervals::into_parts);
    let options = Options { sort: Sort::Name, ..Options::default() };
    let told = |summary: &Summary| {
        let row = |row: &&Row| format!("{} {} {} {:?}", row.key, row.packets, row.bytes, row.flows());
        summary.rows(&options).iter().map(row).collect::<Vec<_>>()
    };
    // 10 and 11 s are of the interval from 8 s, 12 to 14 s of that from 12 s; what has no time is of the first of all.
    let starts: Vec<_> = parts.iter().map(|part| part.start.unwrap() / Timestamp::SECOND).collect();
    assert_eq!(starts, [0, 8, 12]);
    assert_eq!(told(&parts[0].summary), ["69/udp 1 28 None"]);
    assert_eq!(told(&parts[1].summary), ["123/udp 1 28 None", "69/udp 1 28 None"]);
    assert_eq!(told(&parts[2].summary), ["123/udp 2 56 None", "69/udp 1 28 None"]);
    // No two packets have the same ports.
    assert_eq!(told(&whole), ["123/udp 3 84 Some(3)", "69/udp 3 84 Some(3)"]);
    let rows = whole.rows(&options);
    assert_eq!(rows[0].transport.as_deref(), Some("udp"));
    // Nobody answered: one was asked, and nobody serves.
    assert_eq!((rows[0].clients.len(), rows[0].servers.len(), rows[0].asked.len()), (1, 0, 1));
}

/// Five-tuples that left have rows: their own where the label tells them, else one for all of them.
#[test]
fn what_left_a_full_table_is_in_the_sums() {
    let registry = Registry::built_in();
    let mut knowledge = Knowledge::whole(knowledge::Options { limit: 40, ..knowledge::Options::default() });
    each(200, |frame, headers| {
        knowledge.learning(0).learn(frame, headers);
        knowledge.make_room(&registry);
    });
    knowledge.settle();
    assert!(knowledge.departed().next().is_some());
    let names = Answers::of(&knowledge, &registry, false, 1);
    let told = |by| {
        let summary = Summary::of(&knowledge, &names, by, 1);
        let options = Options { sort: Sort::Name, ..Options::default() };
        let row = |row: &&Row| format!("{} {} {}", row.key, row.packets, row.approximate);
        summary.rows(&options).iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(told(By::Service), ["asked/udp 200 true"]);
    assert_eq!(told(By::Port), ["123/udp 100 true", "69/udp 100 true"]);
    assert_eq!(told(By::Transport), ["udp 200 true"]);
    let held = knowledge.flows().five_tuples().count();
    let gone = 200 - held;
    for (by, keys) in [
        (By::Server, &["192.0.2.2"][..]),
        (By::Client, &["192.0.2.1"]),
        (By::Host, &["192.0.2.1", "192.0.2.2"]),
        (By::Conversation, &["192.0.2.1 <> 192.0.2.2"]),
    ] {
        let mut expected: Vec<_> = keys.iter().map(|key| format!("{key} {held} false")).collect();
        expected.push(format!("evicted {gone} true"));
        assert_eq!(told(by), expected, "{by:?}");
    }
}

/// A row per combination; parts that look alike when joined stay apart.
#[test]
fn several_keys_make_a_row_per_combination() {
    let by = Division::new(&[By::Service, By::Server]).unwrap();
    let mut summary = Summary::default();
    let amount = Amount { packets: 1, octets: 60, ..Amount::of(&Tally::default(), Damaged::default()) };
    let named = |key: &str| Label { key: key.to_owned(), ..https() };
    for (label, high) in [("https/tcp", HIGH), ("https/tcp", "192.0.2.8"), ("our\nown web/tcp", HIGH)] {
        let label = named(label);
        let item = Item { ends: ends(LOW, high), side: Side::High, ..Item::of_label(&label) };
        (0..2).for_each(|_| summary.count_item(by, &item, &amount));
    }
    summary.count_item(by, &Item::of_label(&arp()), &amount);
    let options = Options { by, sort: Sort::Name, ..Options::default() };
    let rows = summary.rows(&options);
    let told: Vec<_> = rows.iter().map(|row| (row.parts().collect::<Vec<_>>(), row.packets)).collect();
    let expected = [
        (vec!["arp", "arp"], 1),
        (vec!["https/tcp", "192.0.2.8"], 2),
        (vec!["https/tcp", HIGH], 2),
        (vec!["our\nown web/tcp", HIGH], 2),
    ];
    assert_eq!(told, expected);
    let (knowledge, registry) = (Knowledge::whole(knowledge::Options::default()), Registry::built_in());
    let csv = written(|out| csv(&summary, None, &options, out));
    assert!(csv.starts_with("key,keys_service,keys_server,name,"), "{csv}");
    assert!(csv.contains("\nhttps/tcp 192.0.2.8,https/tcp,192.0.2.8,https,"), "{csv}");
    let json = written(|out| json(&summary, None, &scope(&knowledge, &registry), &options, out));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["by"], "service,server");
    assert_eq!(json["rows"][1]["key"], "https/tcp 192.0.2.8");
    assert_eq!(json["rows"][1]["keys"], serde_json::json!({"service": "https/tcp", "server": "192.0.2.8"}));
    let table = written(|out| table(&summary, None, &scope(&knowledge, &registry), &options, out));
    let header = table.lines().next().unwrap();
    assert!(header.starts_with(" service "), "{table}");
    assert!(["servers", "flows", "refused"].iter().all(|column| !header.contains(column)), "{table}");
    // One key and two whose texts are the same are not the same row.
    let one = Row::of(By::Server.into(), &https(), "a b".to_owned(), Box::default());
    let two = Row::of(by, &https(), "a b".to_owned(), Box::from([1]));
    assert!(!one.is_of(&two) && one.is_of(&one));
    assert_eq!(two.parts().collect::<Vec<_>>(), ["a", "b"]);
}

/// An endpoint is called what is known best of it, whatever comes first.
#[test]
fn endpoints_have_the_name_that_is_known_best() {
    let of = |order: [usize; 3]| {
        let named =
            |name: &str, evidence| Label { name: Some(name.to_owned()), evidence: Some(evidence), ..https() };
        let labels = [
            named("https", Evidence::Registered),
            named("tls", Evidence::Payload),
            named("http", Evidence::Payload),
        ];
        let mut parts = order.map(|label| {
            let item = Item { ends: ends(LOW, HIGH), side: Side::High, ..Item::of_label(&labels[label]) };
            let mut summary = Summary::default();
            let amount = Amount::of(&Tally::default(), Damaged::default());
            summary.count_item(By::Endpoint.into(), &item, &amount);
            summary
        });
        let [first, others @ ..] = &mut parts;
        others.iter_mut().for_each(|other| first.add(std::mem::take(other)));
        let [row] = &first.rows[..] else { panic!("one endpoint") };
        (row.key.clone(), row.name.clone())
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        assert_eq!(of(order), ("192.0.2.9:443/tcp".to_owned(), Some("http".to_owned())));
    }
    let label = Label { transport: Some("udp".into()), port: Some(123), ..https() };
    let item = Item { ends: ends("2001:db8::1", "2001:db8::2"), side: Side::Both, ..Item::of_label(&label) };
    assert_eq!(keys(&item, By::Endpoint), ["[2001:db8::1]:123/udp and [2001:db8::2]:123/udp"]);
    let item = Item { side: Side::Neither, ..item };
    assert_eq!(keys(&item, By::Endpoint), ["unknown/udp"]);
    assert_eq!(keys(&Item::of_label(&arp()), By::Endpoint), ["arp"]);
}

#[test]
fn what_cannot_be_combined_is_refused() {
    let refused = |parts: &[By]| Division::new(parts).err().map(|error| error.to_string());
    for by in By::ALL {
        assert_eq!(Division::new(&[by]), Ok(by.into()));
        assert!(refused(&[by, by]).is_some(), "{by:?}");
    }
    for pair in [
        [By::Service, By::Transport],
        [By::Endpoint, By::Port],
        [By::Server, By::Endpoint],
        [By::Server, By::Host],
        [By::Host, By::Conversation],
    ] {
        assert!(refused(&pair).is_some(), "{pair:?}");
    }
    assert_eq!(Division::new(&[]), Ok(Division::default()));
    let many = [By::Service, By::Protocol, By::Port, By::Server, By::Client, By::Evidence, By::Vlan];
    assert_eq!(
        Division::new(&many).unwrap().to_string(),
        "service,protocol,port,server,client,evidence,vlan"
    );
}
