//! Bounds of memory, filled: what finds no room is counted all the same, and told in every format.

use std::{fs, path::Path};

use portolan::savefile::Compression;
use serde_json::Value;

use crate::{
    capture::Scratch,
    cli::{good, portolan},
    compression::compressed,
};

/// Rows that a summary tells apart, and intervals.
const ROWS: u32 = 262_144;
const INTERVALS: u32 = 100_000;

/// A pcap of frames that many seconds apart, each made by its number.
pub(crate) fn pcap(count: u32, seconds: u32, frame: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for number in 0..count {
        let octets = frame(number);
        for word in [number * seconds, 0, octets.len() as u32, octets.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(octets);
    }
    file
}

/// An ARP request behind two VLAN tags that say its number.
fn tagged(number: u32) -> Vec<u8> {
    let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1];
    for (kind, id) in [(0x88a8_u16, number >> 12), (0x8100, number & 0xfff)] {
        frame.extend(kind.to_be_bytes());
        frame.extend((id as u16).to_be_bytes());
    }
    frame.extend([
        8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
    ]);
    frame
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn packets(rows: &Value) -> u64 {
    rows.as_array().unwrap().iter().map(|row| row["packets"].as_u64().unwrap()).sum()
}

#[test]
fn rows_that_find_no_room_are_taken_together() {
    let scratch = Scratch::new("limits-rows");
    let file = scratch.file("tags.pcap", &pcap(ROWS + 3, 0, tagged)).display().to_string();
    for threads in ["1", "2"] {
        let arguments = ["summary", "--by", "vlan", "--threads", threads, &file];
        let found = json(&good(&[&arguments[..], &["--format", "json"]].concat()));
        assert_eq!(found["rows"].as_array().unwrap().len() as u32, ROWS + 1);
        assert_eq!(packets(&found["rows"]), u64::from(ROWS) + 3);
        let others = found["rows"].as_array().unwrap().iter().find(|row| row["key"] == "others").unwrap();
        assert_eq!((&others["packets"], &others["approximate"]), (&3.into(), &true.into()));
    }
    let arguments = ["summary", "--by", "vlan", "--top", "1", &file];
    let table = good(&arguments);
    assert!(table.contains("more rows than there is room for, 262144: the rest is in those called `others`"));
    assert_eq!(table.lines().nth(1).unwrap().split_whitespace().take(2).collect::<Vec<_>>(), ["others", "3"]);
    let csv = good(&[&arguments[..], &["--format", "csv"]].concat());
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().ends_with(",approximate"));
    let others = lines.next().unwrap();
    assert!(others.starts_with("others,") && others.ends_with(",true"), "{others}");
}

/// `--memory` sets all bounds in proportion: of 256 MiB, 96 are left for tables, of 4 GiB: 3 parts of 128. What left or found
/// no room is counted, and said.
#[test]
fn bounds_follow_the_memory() {
    const FLOWS: u32 = 4_000_000 / 128 * 3;
    let udp = |number: u32| {
        let mut frame =
            vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10];
        frame.extend(&number.to_be_bytes()[1..]);
        frame.extend([192, 0, 2, 1, 0xc3, 0x50, 0, 53, 0, 8, 0, 0]);
        frame
    };
    let scratch = Scratch::new("limits-memory");
    let path = scratch.file("flows.pcap", &pcap(FLOWS + 70_000, 0, udp)).display().to_string();
    let of = |memory: &[&str]| {
        portolan(&[&["summary", "--threads", "1", "--format", "json", &*path], memory].concat())
    };
    let all = of(&[]);
    assert_eq!((all.code, &*all.error), (0, ""));
    let little = of(&["--memory", "256M"]);
    assert_eq!(little.code, 0);
    let left: u32 =
        little.error.split_whitespace().find_map(|word| word.replace(',', "").parse().ok()).unwrap();
    assert!(little.error.contains("flows that left the full flow table early"), "{}", little.error);
    // The bound bites between batches, and a quarter leaves.
    assert!((FLOWS / 4..FLOWS / 4 + 70_000).contains(&left), "{left}");
    assert_eq!(packets(&json(&little.out)["rows"]), packets(&json(&all.out)["rows"]));
    let most = ROWS / 128 * 3;
    for by in ["client", "host", "conversation"] {
        let rows = ["summary", "--threads", "1", "--by", by, "--top", "1", "--memory", "256M", &*path];
        let table = portolan(&rows).out;
        assert!(table.contains(&format!("more rows than there is room for, {most}: ")), "{by}: {table}");
    }
    assert_eq!(portolan(&["summary", "--memory", "255M", &path]).code, 2);
}

#[test]
fn intervals_that_find_no_room_are_taken_together() {
    let scratch = Scratch::new("limits-intervals");
    let file = scratch.file("long.pcap", &pcap(INTERVALS + 7, 1, tagged)).display().to_string();
    let arguments = ["summary", "--interval", "1s", &file];
    let found = json(&good(&[&arguments[..], &["--format", "json"]].concat()));
    let intervals = found["intervals"].as_array().unwrap();
    assert_eq!(intervals.len() as u32, INTERVALS + 1);
    assert_eq!(intervals.iter().map(|one| packets(&one["rows"])).sum::<u64>(), u64::from(INTERVALS) + 7);
    let rest = intervals.last().unwrap();
    assert_eq!((&rest["start"], packets(&rest["rows"])), (&Value::Null, 7));
    assert!(good(&arguments).contains("\nin other intervals, too many to be told apart\n"));
    let csv = good(&[&arguments[..], &["--format", "csv"]].concat());
    assert!(csv.lines().last().unwrap().starts_with(",arp,"));
}

/// Rows of all intervals share their room.
#[test]
fn rows_of_intervals_share_their_room() {
    let scratch = Scratch::new("limits-both");
    // Each thousand packets are one interval of as many rows.
    let file = scratch.file("both.pcap", &pcap(ROWS + 900, 1, tagged)).display().to_string();
    let arguments =
        ["summary", "--threads", "1", "--by", "vlan", "--interval", "1000s", "--format", "json", &file];
    let found = json(&good(&arguments));
    let intervals = found["intervals"].as_array().unwrap();
    let rows: usize = intervals.iter().map(|one| one["rows"].as_array().unwrap().len()).sum();
    let last = &intervals[intervals.len() - 2];
    let others = last["rows"].as_array().unwrap().iter().find(|row| row["key"] == "others").unwrap();
    // On one thread: 262 whole intervals, and 144 rows of the next one; what begins behind it is in none.
    assert_eq!((intervals.len(), &others["packets"]), (264, &856.into()));
    let rest = intervals.last().unwrap();
    assert_eq!((&rest["start"], packets(&rest["rows"]), rows as u32), (&Value::Null, 44, ROWS + 1 + 44));
}

/// One after the other, each section has an interface of its own: as in rotated captures that were joined.
#[test]
fn sections_have_their_own_interfaces() {
    const NAMED: usize = 65_536;
    let mut file = Vec::new();
    for number in 0..NAMED + 2 {
        file.extend(section());
        file.extend(interface(&format!("if{number}")));
        if number == 0 || number >= NAMED - 1 {
            file.extend(packet(0));
        }
    }
    let scratch = Scratch::new("limits-sections");
    let path = scratch.file("joined.pcapng", &file).display().to_string();
    let said = portolan(&["annotate", "--format", "json", &path]);
    let names: Vec<_> = said.out.lines().map(|line| json(line)["interface"]["name"].clone()).collect();
    assert_eq!(names, [Value::from("if0"), "if65535".into(), Value::Null, Value::Null]);
    let message = "portolan: note: packets whose interface is one of too many for its name to be kept: 2\n";
    assert_eq!((said.code, said.error.as_str()), (0, message));
    // Nothing of it is lost on the way.
    let written = scratch.0.join("out.pcapng").display().to_string();
    assert_eq!(portolan(&["annotate", &path, "-w", &written]).code, 0);
    let again = portolan(&["annotate", "--format", "json", &written]);
    assert_eq!((again.out, again.error), (said.out, said.error));
}

#[test]
fn one_section_has_no_more_interfaces_than_are_held() {
    let mut file = section();
    for _ in 0..65_537 {
        file.extend(interface("x"));
    }
    let scratch = Scratch::new("limits-interfaces");
    let path = scratch.file("many.pcapng", &file).display().to_string();
    let said = portolan(&["summary", &path]);
    assert_eq!(said.code, 4);
    assert!(said.error.contains("more than 65536 interfaces in one section"), "{}", said.error);
}

#[test]
fn what_unpacks_to_more_than_allowed_is_read_up_to_there() {
    let scratch = Scratch::new("limits-unpacked");
    let zeros = pcap(20_000, 0, |_| vec![0; 60]);
    let (_, packed) = compressed(&zeros).into_iter().find(|(kind, _)| *kind == Compression::Zstd).unwrap();
    let path = scratch.file("zeros.pcap.zst", &packed).display().to_string();
    assert_eq!(json(&good(&["summary", "--format", "json", &path]))["capture"]["packets"], 20_000);
    let said = portolan(&["summary", "--format", "json", "--max-unpacked", "600K", &path]);
    assert!(said.error.contains("more than the 614400 octets allowed"), "{}", said.error);
    let packets = json(&said.out)["capture"]["packets"].as_u64().unwrap();
    assert!(said.code == 4 && (614_400 / 76..20_000).contains(&packets), "{packets}");
    assert_eq!(portolan(&["summary", "--max-unpacked", "1.5G", &path]).code, 2);
}

/// An Ethernet frame of IPv4 from that address to 192.0.2.1; no checksum is asked.
fn ipv4(protocol: u8, fragment: [u8; 2], number: u32, source: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    frame.extend((20 + body.len() as u16).to_be_bytes());
    frame.extend((number as u16).to_be_bytes());
    frame.extend(fragment);
    frame.extend([64, protocol, 0, 0]);
    frame.extend(source);
    frame.extend([192, 0, 2, 1]);
    frame.extend(body);
    frame
}

/// An address of 10.0.0.0/8 by number.
fn address(number: u32) -> [u8; 4] {
    (0x0a00_0000 + number).to_be_bytes()
}

/// A segment from port 50000 of that address.
pub(crate) fn segment(number: u32, port: u16, flags: u8, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut body = [50_000_u16.to_be_bytes(), port.to_be_bytes()].concat();
    body.extend(sequence.to_be_bytes());
    body.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    body.extend(payload);
    ipv4(6, [0, 0], 0, address(number), &body)
}

/// A response over multicast DNS with these records, from that last octet of 192.0.2.0/24.
fn multicast(sender: u8, records: &[Vec<u8>]) -> Vec<u8> {
    let message =
        [&[0, 0, 0x84, 0, 0, 0, 0, records.len() as u8, 0, 0, 0, 0][..], &records.concat()].concat();
    let mut body = [5353_u16.to_be_bytes(), 5353_u16.to_be_bytes()].concat();
    body.extend((8 + message.len() as u16).to_be_bytes());
    body.extend([0, 0]);
    body.extend(message);
    let mut frame = ipv4(17, [0, 0], 0, [192, 0, 2, sender], &body);
    frame[30..34].copy_from_slice(&[224, 0, 0, 251]);
    frame
}

fn name(labels: &[&str]) -> Vec<u8> {
    let mut name: Vec<u8> =
        labels.iter().flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    name.push(0);
    name
}

/// A record of that type, which lives for 120 s.
fn record(owner: &[&str], kind: u8, data: &[u8]) -> Vec<u8> {
    [&name(owner)[..], &[0, kind, 0, 1, 0, 0, 0, 120], &(data.len() as u16).to_be_bytes(), data].concat()
}

/// What tells of a printer: where it is, what it says of itself, and the address of its host.
fn printer(instance: &str, host: &str, last: u8) -> Vec<Vec<u8>> {
    let service = ["_ipp", "_tcp", "local"];
    let own = [&[instance][..], &service].concat();
    vec![
        record(&service, 12, &name(&own)),
        record(&own, 33, &[&[0, 0, 0, 0, 0x02, 0x77][..], &name(&[host, "local"])].concat()),
        record(&own, 16, &[0]),
        record(&[host, "local"], 1, &[192, 0, 2, last]),
    ]
}

/// What standard error says that is of this text: how many.
fn told(error: &str, text: &str) -> Option<u32> {
    let line = error.lines().find(|line| line.contains(text))?;
    line.rsplit(": ").next()?.replace(',', "").parse().ok()
}

/// Of 256 MiB, 96 are left for tables: 3 parts of 128 of what they have with 4 GiB.
const LITTLE: [&str; 4] = ["--threads", "1", "--memory", "256M"];

#[test]
fn flows_that_end_without_number_are_added_up() {
    const ENDED: u32 = 4_000_000 / 128 * 3;
    // One five-tuple: each connection is refused, and the next one begins elsewhere.
    let packet = |number: u32| {
        segment(1, 80, if number.is_multiple_of(2) { 2 } else { 4 }, (number / 2).wrapping_mul(100_000), &[])
    };
    let scratch = Scratch::new("limits-ended");
    let path = scratch.file("ended.pcap", &pcap(2 * (ENDED + 50), 0, packet)).display().to_string();
    let said = portolan(&[&["flows", "--format", "json", &*path][..], &LITTLE].concat());
    assert_eq!(said.code, 0);
    // The last one is still the flow at hand.
    let joined = told(&said.error, "flows that ended and are added to another of the same ends");
    assert_eq!((joined, said.out.lines().count() as u32), (Some(49), ENDED + 1), "{}", said.error);
    let packets = |line: &str| json(line)["network"]["packets"].as_u64().unwrap();
    assert_eq!(said.out.lines().map(packets).sum::<u64>(), u64::from(2 * (ENDED + 50)));
}

#[test]
fn first_octets_that_tell_nothing_yet_leave() {
    const FLOWS: u32 = 66_000;
    // An `S`, with which the first words of SSH begin.
    let packet = |number: u32| segment(number, 4_000, 0x18, 1, b"S");
    let scratch = Scratch::new("limits-undecided");
    let path = scratch.file("undecided.pcap", &pcap(FLOWS, 0, packet)).display().to_string();
    let said = portolan(&["summary", "--threads", "1", "--format", "json", &path]);
    // The least recently seen quarter of 65,535.
    let left =
        told(&said.error, "flows whose first octets had to go before they told what is spoken").unwrap();
    assert!((16_000..40_000).contains(&left), "{left}");
    assert_eq!(packets(&json(&said.out)["rows"]), u64::from(FLOWS));
}

#[test]
fn fragments_that_wait_for_ever_are_counted() {
    const ROOM: u32 = 262_144 / 128 * 3;
    // Each of another datagram, whose first fragment never comes: offset 8.
    let packet = |number: u32| ipv4(17, [0, 1], number, address(number), &[0; 16]);
    let scratch = Scratch::new("limits-fragments");
    let path = scratch.file("fragments.pcap", &pcap(ROOM + 300, 0, packet)).display().to_string();
    let said = portolan(&[&["summary", "--format", "json", &*path][..], &LITTLE].concat());
    assert_eq!(told(&said.error, "fragments that found no room to wait for the others"), Some(300));
    assert_eq!(packets(&json(&said.out)["rows"]), u64::from(ROOM) + 300);
}

#[test]
fn thousands_of_renames_leave_room_for_another_printer() {
    // One host calls its printer otherwise 8,000 times, then another one comes.
    let packet = |number: u32| match number {
        8_000 => multicast(9, &printer("Kitchen", "real", 9)),
        _ => multicast(7, &printer(&format!("Renamed {number}"), &format!("h{number}"), 7)),
    };
    let scratch = Scratch::new("limits-renames");
    let path = scratch.file("renames.pcap", &pcap(8_001, 0, packet)).display().to_string();
    let said = portolan(&[&["discover", "--format", "json", &*path][..], &LITTLE].concat());
    assert_eq!(said.code, 0);
    assert!(told(&said.error, "no room in the inventory for records").unwrap() > 20_000, "{}", said.error);
    assert!(told(&said.error, "SRV and address records too many to be learned").unwrap() > 1_000);
    let found = json(&said.out);
    assert!(found["dropped"]["records"].as_u64().unwrap() > 20_000);
    assert!(said.out.contains("\"Kitchen\""), "the printer of the other host is not named");
    assert!(said.out.contains("real.local"));
}

#[test]
fn names_of_hosts_that_find_no_room_are_counted() {
    const ROOM: u32 = 65_536 / 128 * 3;
    let packet = |number: u32| {
        let host = format!("h{number}");
        multicast(7, &[record(&[&host, "local"], 1, &address(number))])
    };
    let scratch = Scratch::new("limits-hosts");
    let path = scratch.file("hosts.pcap", &pcap(2 * ROOM, 0, packet)).display().to_string();
    let said = portolan(&[&["hosts", "--format", "json", &*path][..], &LITTLE].concat());
    assert_eq!(said.code, 0);
    assert_eq!(told(&said.error, "names of hosts too many to be learned"), Some(ROOM), "{}", said.error);
}

#[test]
fn names_of_servers_that_find_no_room_are_counted() {
    const ROOM: u32 = 262_144 / 128 * 3;
    let packet = |number: u32| {
        let request = format!("GET / HTTP/1.1\r\nHost: s{number}.example\r\n\r\n");
        segment(number, 80, 0x18, 1, request.as_bytes())
    };
    let scratch = Scratch::new("limits-domains");
    let path = scratch.file("domains.pcap", &pcap(ROOM + 100, 0, packet)).display().to_string();
    let by = ["summary", "--by", "domain", "--format", "json", &*path];
    let said = portolan(&[&by[..], &LITTLE].concat());
    let lost = told(&said.error, "names of servers that found no room");
    assert_eq!(lost, Some(100), "{}", said.error);
    assert_eq!(packets(&json(&said.out)["rows"]), u64::from(ROOM) + 100);
}

/// Tunnels in each other, deeper than they are opened: said, and the frame is counted.
#[test]
fn deep_nesting_is_noted() {
    let packet = |_: u32| {
        let innermost = ipv4(17, [0, 0], 0, address(1), &[0xc3, 0x50, 0, 53, 0, 8, 0, 0]);
        let wrapped = (0..10).fold(innermost, |inner, _| ipv4(4, [0, 0], 0, address(1), &inner[14..]));
        assert_eq!(wrapped.len(), 14 + 11 * 20 + 8);
        wrapped
    };
    let scratch = Scratch::new("limits-nesting");
    let path = scratch.file("nested.pcap", &pcap(1, 0, packet)).display().to_string();
    assert!(good(&["annotate", &path]).contains("nested too deep"));
    assert!(good(&["annotate", "--format", "json", &path]).contains("nested too deep"));
}

/// Lengths of nearly 4 GiB are told with their offset, and take no memory; options need no end.
#[test]
fn lengths_and_options_of_blocks_are_bounded() {
    let scratch = Scratch::new("limits-blocks");
    let begun = [section(), interface("if0"), packet(0)].concat();
    for kind in [1_u32, 5, 6, 10, 0x1234] {
        let block = [kind, 0xffff_fff0].map(u32::to_le_bytes).concat();
        let path =
            scratch.file("long.pcapng", &[&begun[..], &block, &[0; 64]].concat()).display().to_string();
        let said = portolan(&["annotate", "--format", "json", &path]);
        assert_eq!((said.code, said.out.lines().count()), (4, 1), "{kind}: {}", said.error);
        assert!(said.error.contains(&format!("offset {}", begun.len())), "{}", said.error);
        assert!(said.error.contains("4294967280"), "{}", said.error);
    }
    // An interface whose one option fills its block.
    let body = [&[1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 8, 0][..], b"no end  "].concat();
    let open = [section(), block(1, &body), packet(0)].concat();
    let path = scratch.file("open.pcapng", &open).display().to_string();
    assert_eq!(good(&["annotate", "--format", "json", &path]).lines().count(), 1);
}

#[test]
fn expressions_are_bounded() {
    for (expression, what) in [
        ("(".repeat(20_000) + "source.port == 1" + &")".repeat(20_000), "64"),
        ("not ".repeat(20_000) + "source.port == 1", "64"),
        ("svc.name matches \"(a{1000}){1000}\"".to_owned(), "exceeds size limit of 1048576"),
    ] {
        let said = portolan(&["annotate", "--where", &expression, "http-get.pcap"]);
        assert_eq!((said.code, &*said.out), (5, ""), "{}", said.error);
        assert!(said.error.contains(what), "{}", said.error);
    }
    // Long ones are none that are deep.
    let long = vec!["source.port == 1"; 5_000].join(" or ");
    assert_eq!(portolan(&["annotate", "--where", &long, "http-get.pcap"]).code, 0);
}

/// `docs/limits.md` names the tests of each limit: they are there.
#[test]
fn every_limit_that_is_documented_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut places, mut sources) = (vec![root.join("src"), root.join("tests")], String::new());
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(place).unwrap().map(|entry| entry.unwrap()) {
            let path = entry.path();
            match path.extension().and_then(|end| end.to_str()) {
                Some("rs") => sources += &fs::read_to_string(&path).unwrap(),
                None if entry.file_type().unwrap().is_dir() => places.push(path),
                _ => {}
            }
        }
    }
    let page = fs::read_to_string(root.join("docs/limits.md")).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 20);
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for test in tests.split(", ").map(|test| test.trim_matches('`')) {
            assert!(sources.contains(&format!("fn {test}() {{")), "no test {test}");
        }
    }
}

/// Files of the user's may be pipes or devices that never end.
#[cfg(unix)]
#[test]
fn files_of_names_are_read_up_to_a_bound() {
    for option in ["--hosts", "--oui"] {
        let said = portolan(&["hosts", option, "/dev/zero", "http-get.pcap"]);
        assert_eq!((said.code, &*said.out), (3, ""));
        assert_eq!(said.error, "portolan: /dev/zero: more than 33554432 octets\n");
    }
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let len = (padded as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &len, body, &vec![0; padded - body.len()], &len].concat()
}

fn section() -> Vec<u8> {
    block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255])
}

/// An Interface Description Block of Ethernet with that name.
fn interface(name: &str) -> Vec<u8> {
    let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0];
    body.extend((name.len() as u16).to_le_bytes());
    body.extend(name.as_bytes());
    body.resize(body.len().next_multiple_of(4), 0);
    block(1, &[&body[..], &[0; 4]].concat())
}

/// An Enhanced Packet Block of an ARP request.
fn packet(interface: u32) -> Vec<u8> {
    let mut frame = tagged(0);
    frame.drain(12..20);
    let len = frame.len() as u32;
    let head = [interface, 0, 0, len, len].map(u32::to_le_bytes);
    block(6, &[head.as_flattened(), &frame].concat())
}
