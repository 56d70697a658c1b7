//! Bounds of memory, filled: what finds no room is counted all the same, and told in every format.

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
fn pcap(count: u32, seconds: u32, frame: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
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
    let rows = ["summary", "--threads", "1", "--by", "client", "--top", "1", "--memory", "256M", &*path];
    let table = portolan(&rows).out;
    let most = ROWS / 128 * 3;
    assert!(table.contains(&format!("more rows than there is room for, {most}: ")), "{table}");
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
