//! Packet and flow records hold what their tables of fields say, in every format.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use portolan::{
    Answers, Encoder, Job, Registry, View, dns, knowledge,
    pipeline::Inputs,
    record::{
        Record, Value,
        fields::{PACKET, Per},
    },
    report::flows::{self, fields::FLOW},
    sink,
    text::{
        escape,
        field::{Field, Type, columns},
        time::machine_time,
    },
};
use serde_json::{Value as Json, json};

use crate::{
    capture::Scratch,
    cli::{good, portolan},
    fragments::{announcement, name, packet, segment, udp},
    material,
    summary::samples,
};

/// A value as JSON has it, worked out by other means than the program's.
fn as_json(value: Value<'_>) -> Json {
    let text = |octets: &[u8]| Json::from(String::from_utf8_lossy(octets).into_owned());
    match value {
        Value::Number(number) => number.into(),
        Value::Identifier(number) => number.to_string().into(),
        Value::Flag(flag) => flag.into(),
        Value::Time(time) => machine_time(time).into(),
        Value::Address(address) => address.to_string().into(),
        Value::Mac(octets) => octets.map(|octet| format!("{octet:02X}")).join("-").into(),
        Value::Word(octets) | Value::Text(octets) | Value::Escaped(octets) => text(octets),
        Value::Message(via, message) => {
            let mut object = Vec::new();
            dns::json(via, &message, &mut object);
            serde_json::from_slice(&object).unwrap()
        }
        Value::Note(note) => {
            let mut octets = Vec::new();
            note.write(&mut octets);
            text(&octets)
        }
    }
}

/// A value as a cell has it, and what stands between it and the next.
fn as_cell(value: Value<'_>) -> (String, &'static str) {
    let mut octets = Vec::new();
    let separator = match value {
        Value::Message(via, message) => {
            dns::line(via, &message, &mut octets);
            "; "
        }
        Value::Note(_) | Value::Escaped(_) => {
            octets = as_json(value).as_str().unwrap().into();
            "; "
        }
        Value::Text(text) => {
            escape::terminal(text, &mut octets);
            " "
        }
        other => {
            let json = as_json(other);
            octets = json.as_str().map_or_else(|| json.to_string(), ToOwned::to_owned).into();
            " "
        }
    };
    (String::from_utf8(octets).unwrap(), separator)
}

/// The values of a record by path, as JSON, and its cells by column.
#[derive(Default)]
struct Read {
    json: BTreeMap<&'static str, Json>,
    cells: BTreeMap<String, String>,
}

impl Read {
    fn field<G: Copy>(&mut self, field: &Field<G>, read: impl FnOnce(&mut dyn FnMut(Value<'_>))) {
        let (mut list, mut cell, mut is_text) = (Vec::new(), String::new(), false);
        read(&mut |value| {
            let (text, separator) = as_cell(value);
            cell += if list.is_empty() { "" } else { separator };
            cell += &text;
            is_text |= matches!(value, Value::Text(_) | Value::Escaped(_) | Value::Message(..));
            list.push(as_json(value));
        });
        // What a spreadsheet would take for a formula is marked as text.
        if is_text && cell.starts_with(['=', '+', '-', '@']) {
            cell.insert(0, '\'');
        }
        self.cells.insert(field.column(), cell);
        for value in &list {
            assert!(is_of(value, field.kind), "{}: {value}", field.path);
        }
        let json = match (list.len(), field.is_list) {
            (0, _) => return,
            (1, false) => list.remove(0),
            (_, true) => list.into(),
            (count, false) => panic!("{} has {count} values and is no list", field.path),
        };
        self.json.insert(field.path, json);
    }
}

/// Whether a value is of that type.
fn is_of(value: &Json, kind: Type) -> bool {
    let text = value.as_str();
    match kind {
        Type::Number(most) => value.as_u64().is_some_and(|number| number <= most),
        Type::Flag => value.is_boolean(),
        Type::Time => text.is_some_and(|text| text.len() == 30 && text.ends_with('Z')),
        Type::Address => text.is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
        Type::Mac => text.is_some_and(|text| text.len() == 17 && text.split('-').count() == 6),
        Type::Word => text.is_some_and(|text| !text.is_empty() && !text.contains(' ')),
        Type::OneOf(words) => text.is_some_and(|text| words().contains(&text)),
        Type::Text | Type::Escaped | Type::Base64 => text.is_some_and(|text| !text.is_empty()),
        Type::Object(fields) => value.as_object().is_some_and(|object| {
            object.iter().all(|(key, value)| {
                let field = fields.iter().find(|field| field.path == key);
                field.is_some_and(|field| match value {
                    Json::Array(values) => {
                        field.is_list && values.iter().all(|value| is_of(value, field.kind))
                    }
                    value => !field.is_list && (is_of(value, field.kind) || *value == json!("")),
                })
            })
        }),
    }
}

/// The members of an object by path; what is a field of its own is not taken apart.
fn by_path<G: Copy>(object: &Json, fields: &[Field<G>], before: &str, all: &mut BTreeMap<String, Json>) {
    for (key, value) in object.as_object().unwrap() {
        let path = format!("{before}{key}");
        if value.is_object() && !fields.iter().any(|field| field.path == path) {
            by_path(value, fields, &format!("{path}."), all);
        } else {
            all.insert(path, value.clone());
        }
    }
}

/// The cells of a line of CSV by column.
fn cells(header: &str, line: &[u8]) -> BTreeMap<String, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line);
    let row = reader.records().next().unwrap().unwrap();
    let names: Vec<_> = header.trim_end().split(',').collect();
    assert_eq!(names.len(), row.len(), "{}", String::from_utf8_lossy(line));
    names.into_iter().map(ToOwned::to_owned).zip(row.iter().map(ToOwned::to_owned)).collect()
}

/// An encoder that holds what those for JSON and CSV write against the table, packet by packet.
#[derive(Clone)]
struct Check {
    json: sink::Json,
    csv: sink::Csv,
    header: String,
    seen: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Check {
    fn new() -> Self {
        let (mut csv, mut header) = (sink::Csv::default(), Vec::new());
        csv.begin(&mut header);
        let header = String::from_utf8(header).unwrap();
        Self { json: sink::Json::default(), csv, header, seen: Arc::default() }
    }
}

impl Encoder for Check {
    type Part = Vec<u8>;

    fn shows_community_ids(&self) -> bool {
        true
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let mut read = Read::default();
        for field in PACKET.iter().filter(|field| field.need.is_none()) {
            read.field(field, |put| field.get.read(record, put));
        }
        self.seen.lock().unwrap().extend(read.json.keys());
        let (mut line, mut row) = (Vec::new(), Vec::new());
        self.json.packet(record, &mut line);
        self.csv.packet(record, &mut row);
        let mut written = BTreeMap::new();
        by_path(&serde_json::from_slice(&line).unwrap(), &PACKET, "", &mut written);
        let table: BTreeMap<String, Json> =
            read.json.into_iter().map(|(path, value)| (path.to_owned(), value)).collect();
        assert_eq!(written, table);
        assert!(row.ends_with(b"\n") && !row.contains(&b'\r'));
        assert_eq!(cells(&self.header, &row), read.cells);
        out.extend_from_slice(&line);
    }
}

/// Annotates files with all checks of [`Check`], with hindsight and packet by packet; the fields that were met.
fn check(files: &[PathBuf], registry: &Registry) -> BTreeSet<&'static str> {
    let check = Check::new();
    let job = || Job { threads: 1, ..Job::new(Inputs::Files(files.to_vec()), registry) };
    let (knowledge, _) =
        job().learn(knowledge::Options { domains: true, ..knowledge::Options::default() }, &()).unwrap();
    let answers = Answers::of(&knowledge, registry, true, 1);
    let view = View { knowledge: &knowledge, answers: &answers, registry };
    let options = knowledge::Options { causal: true, domains: true, ..knowledge::Options::default() };
    for causal in [false, true] {
        let mut out = Vec::new();
        let sink = &mut sink::Writer::new(&mut out);
        let outcome = if causal {
            job().follow(options, check.clone(), sink, &()).unwrap().2
        } else {
            job().chart(&view, check.clone(), sink, &()).unwrap()
        };
        assert_eq!((outcome.errors.len(), outcome.opened.len()), (0, files.len()));
        assert!(!out.is_empty(), "{files:?}");
    }
    check.seen.lock().unwrap().clone()
}

/// A pcap file with these frames of that link type.
fn pcap(link: u16, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0".to_vec();
    file.extend(u32::from(link).to_le_bytes());
    for (number, frame) in (0..).zip(frames) {
        let length = frame.len() as u32;
        for word in [1_700_000_000 + number / 1_000, number % 1_000, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend_from_slice(frame);
    }
    file
}

/// The frame with these VLAN tags behind its addresses.
fn tagged(frame: &[u8], tags: &[u16]) -> Vec<u8> {
    let mut tagged = frame[..12].to_vec();
    for tag in tags {
        tagged.extend([0x81, 0]);
        tagged.extend(tag.to_be_bytes());
    }
    [tagged, frame[12..].to_vec()].concat()
}

/// A DNS query for a name.
fn query(labels: &[&str]) -> Vec<u8> {
    [&b"\0\x07\x01\0\0\x01\0\0\0\0\0\0"[..], &name(labels), &[0, 1, 0, 1]].concat()
}

/// A TCP segment to port 53 with two messages.
fn two_messages() -> Vec<u8> {
    let mut segment = [40_000_u16.to_be_bytes(), 53_u16.to_be_bytes()].concat();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    for message in [query(&["one", "example"]), query(&["=1+1, \"two\"", "example"])] {
        segment.extend((message.len() as u16).to_be_bytes());
        segment.extend(message);
    }
    segment
}

/// An Ethernet frame with an unfragmented IP packet from host 1 to host `to`.
fn whole(v6: bool, to: u8, protocol: u8, datagram: &[u8]) -> Vec<u8> {
    packet(v6, to, protocol, 1, datagram, 0..datagram.len())
}

/// Frames that show every field that a packet may have.
fn shown() -> Vec<Vec<u8>> {
    let plain = whole(false, 2, 17, &udp(40_000, 161, b"x"));
    let inner = whole(false, 2, 17, &udp(40_001, 123, b"x"));
    let tunnelled = whole(false, 3, 47, &[&[0, 0, 0x65, 0x58][..], &inner].concat());
    // Port unreachable, for a datagram to an endpoint that a user layer names and one that nobody does.
    let unreachable =
        |quoted: &[u8]| whole(false, 1, 1, &[&[3, 3, 0, 0, 0, 0, 0, 0][..], &quoted[14..]].concat());
    vec![
        plain.clone(),
        tagged(&plain, &[10]),
        tagged(&plain, &[10, 20, 4095, 0]),
        whole(false, 2, 6, &two_messages()),
        whole(false, 2, 253, b"nothing that has ports"),
        whole(true, 2, 17, &udp(40_000, 49_152, b"x")),
        unreachable(&plain),
        unreachable(&whole(false, 2, 17, &udp(40_000, 49_152, b"x"))),
        unreachable(&whole(false, 2, 253, b"x")),
        packet(false, 2, 17, 9, &udp(40_000, 161, &[0; 64]), 0..16),
        packet(false, 2, 17, 9, &udp(40_000, 161, &[0; 64]), 16..72),
        b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\0\x01".to_vec(),
        b"cut".to_vec(),
        plain[..40].to_vec(),
        tagged(&plain, &[1; 9]),
        tunnelled,
        // Named by the SRV record between them, so that the second one revises what was said of the first.
        segment(false, 50_631),
        whole(false, 0, 17, &udp(5353, 5353, &announcement(1, 50_631))),
        segment(false, 50_631),
        unreachable(&segment(false, 50_631)),
        whole(false, 2, 6, &[tcp(40_002, 443), hello()].concat()),
    ]
}

/// The header of a TCP segment.
fn tcp(source: u16, destination: u16) -> Vec<u8> {
    let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    [&ports[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]].concat()
}

/// A record of TLS with a ClientHello (RFC 8446 section 4.1.2) that asks for `www.example.org` (RFC 6066 section 3) and holds
/// an encrypted one (RFC 9849 section 5).
fn hello() -> Vec<u8> {
    let name = b"www.example.org";
    let sized = |octets: &[u8]| [&(octets.len() as u16).to_be_bytes(), octets].concat();
    let server_name = [&[0, 0][..], &sized(&sized(&[&[0][..], &sized(name)].concat()))].concat();
    let encrypted = [&[0xfe, 0x0d][..], &sized(&[0; 40])].concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0],
        &sized(&[0x13, 1]),
        &[1, 0],
        &sized(&[server_name, encrypted].concat()),
    ]
    .concat();
    let message = [&[1, 0][..], &sized(&body)].concat();
    [&[22, 3, 1][..], &sized(&message)].concat()
}

/// A DNS message with these flags: the questions and records of each section.
fn message(flags: u16, sections: [&[Vec<u8>]; 4]) -> Vec<u8> {
    let counts = sections.map(|section| section.len() as u16);
    let head = [&[0, flags][..], &counts].concat().into_iter().flat_map(u16::to_be_bytes);
    head.chain(sections.concat().concat()).collect()
}

/// A resource record.
fn resource(owner: &[u8], kind: u16, class: u16, data: &[u8]) -> Vec<u8> {
    let mut octets = [owner, &kind.to_be_bytes(), &class.to_be_bytes(), &[0, 0, 0, 120]].concat();
    octets.extend((data.len() as u16).to_be_bytes());
    octets.extend_from_slice(data);
    octets
}

/// Messages that show every field that a DNS message, and the inventory of DNS-SD, may have.
fn shown_messages() -> Vec<Vec<u8>> {
    const INTERNET: u16 = 1;
    const FLUSH: u16 = 0x8001;
    let (host, local) = (name(&["h", "local"]), name(&["local"]));
    let odd = [&b"\x02\xff\xfe"[..], &name(&["_ipp", "_tcp", "local"])].concat();
    let srv = |port: u16| [&[0; 4][..], &port.to_be_bytes(), &host].concat();
    let question = |class: u16| [&host[..], &255_u16.to_be_bytes(), &class.to_be_bytes()].concat();
    let many: Vec<_> = std::iter::repeat_n(question(INTERNET), 1_025).collect();
    let response = message(
        0x8400,
        [
            &[],
            &[
                resource(&host, 1, FLUSH, &[192, 0, 2, 1]),
                resource(&host, 1, INTERNET, &[192, 0, 2]),
                resource(&host, 1, 3, &[192, 0, 2, 1]),
                resource(&host, 13, INTERNET, b"\x01\xff\x01\xfe"),
                resource(&host, 13, INTERNET, b"\x03ARM\x02OS"),
                resource(&odd, 33, INTERNET, &srv(631)),
                resource(&odd, 33, INTERNET, &srv(633)),
                resource(&odd, 16, INTERNET, b"\x04\xffk=1\x04d=\xff\xfe\x03a=b"),
                resource(&name(&["_ipp", "_tcp", "local"]), 12, INTERNET, &odd),
            ],
            &[resource(&local, 4711, INTERNET, b"xyz")],
            &[
                resource(&host, 47, INTERNET, &[&host[..], &[0, 1, 0x40]].concat()),
                resource(&host, 65, INTERNET, &[0, 1, 0, 0, 1]),
                resource(&[0], 41, 1_440, &[0, 4, 0, 8, 0, 7, 2, 0, 0, 0, 0, 9]),
            ],
        ],
    );
    // One host claims a name, another denies it, and the first takes the next one.
    let claim = |label: &str| {
        let owner = name(&[label, "_ipp", "_tcp", "local"]);
        let asked = [&owner[..], &[0, 255, 0, 1]].concat();
        message(0, [&[asked], &[], &[resource(&owner, 33, INTERNET, &srv(632))], &[]])
    };
    let denial = resource(&name(&["Desk", "_ipp", "_tcp", "local"]), 33, FLUSH, &srv(631));
    vec![
        message(0x9603, [&[question(0x8003)], &[], &[], &[]]),
        message(0, [&many, &[], &[], &[]]),
        response[..response.len() - 1].to_vec(),
        response,
        message(0x8400, [&[], std::slice::from_ref(&denial), &[], &[]]),
        claim("Desk"),
        message(0x8400, [&[], &[denial], &[], &[]]),
        claim("Desk (2)"),
    ]
}

/// A capture of all of them.
pub(crate) fn shown_capture() -> Vec<u8> {
    let mut frames = shown();
    frames.extend(shown_messages().iter().enumerate().map(|(number, message)| {
        let mut frame = whole(false, 0, 17, &udp(5353, 5353, message));
        // Who claims a name is another host.
        frame[29] = if [5, 7].contains(&number) { 9 } else { 1 };
        frame
    }));
    pcap(1, &frames)
}

/// A pcapng file (draft-ietf-opsawg-pcapng section 4) of an interface with this name, whose clock begins an hour before 1970
/// (`if_tsoffset`): a packet 5 µs later, one a second after 1970, and one without a time in a Simple Packet Block.
pub(crate) fn early_clock(name: &[u8]) -> Vec<u8> {
    fn block(kind: u32, body: &[u8], file: &mut Vec<u8>) {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = (12 + body.len() + padding) as u32;
        file.extend([kind, length].map(u32::to_le_bytes).as_flattened());
        file.extend_from_slice(body);
        file.extend_from_slice(&[0; 3][..padding]);
        file.extend(length.to_le_bytes());
    }
    let frame = whole(false, 2, 17, &udp(40_000, 161, b"x"));
    let length = frame.len() as u32;
    let mut file = Vec::new();
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    block(0x0a0d_0d0a, &section, &mut file);
    // Ethernet, any length; if_name, padded; if_tsoffset; the end of the options.
    let mut interface = vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0, name.len() as u8, 0];
    interface.extend_from_slice(name);
    interface.resize(interface.len().next_multiple_of(4), 0);
    interface.extend([14, 0, 8, 0]);
    interface.extend((-3_600_i64).to_le_bytes());
    interface.extend([0; 4]);
    block(1, &interface, &mut file);
    for ticks in [5, 3_601_000_000] {
        let head = [0, 0, ticks, length, length].map(u32::to_le_bytes);
        block(6, &[head.as_flattened(), &frame].concat(), &mut file);
    }
    block(3, &[&length.to_le_bytes()[..], &frame].concat(), &mut file);
    file
}

/// A time that no stamp can hold is shown as the file has it, and an interface by its name, made harmless.
#[test]
fn clocks_and_names_of_interfaces_are_shown_as_they_are() {
    let folder = Scratch::new("fields-clock");
    let records = |file: &[u8], more: &[&str]| -> Vec<Json> {
        let file = folder.file("clock.pcapng", file).display().to_string();
        // Where a time cannot be shown, standard error has a note.
        let said = portolan(&[&["annotate", "--format", "json"], more, &[&file]].concat());
        assert_eq!(said.code, 0, "{}", said.error);
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    for more in [&[][..], &["--causal"]] {
        let shown = records(&early_clock(b"br \"0\"\x1b\\"), more);
        let of =
            |path: &str| -> Vec<_> { shown.iter().map(|record| record.pointer(path).cloned()).collect() };
        assert_eq!(of("/@timestamp"), [None, Some(json!("1970-01-01T00:00:01.000000000Z")), None]);
        assert_eq!(of("/frame/time_raw"), [Some(json!(5)), None, None]);
        assert_eq!(of("/interface/name"), vec![Some(json!("br \"0\"\x1b\\")); 3]);
        let note = "time before 1970 or after 2554: 5 units of the interface's clock";
        assert_eq!(of("/notes"), [Some(json!([note])), None, None]);
    }
    // A name of no characters is none, and pcap has neither names nor such times.
    let shown = [records(&early_clock(b""), &[]), records(&shown_capture(), &[])].concat();
    assert!(shown.len() > 3 && shown.iter().all(|record| record.get("interface").is_none()));
    assert!(shown[1..].iter().all(|record| record["frame"].get("time_raw").is_none()));
    let file = folder.file("clock.pcapng", &early_clock(b"=br\x1b")).display().to_string();
    let csv = portolan(&["annotate", "--format", "csv", &file]).out;
    let rows: Vec<_> = csv.lines().collect();
    assert!(rows[0].contains(",interface_name,frame_time_raw,source_domain,"));
    assert!(rows[1].contains(",'=br\\027,5,") && rows[2].contains(",'=br\\027,,"), "{csv}");
}

/// What is rarely spoken in flows that an ICMP error complains about; no packet here shows it.
const RARE: [&str; 4] = ["about.svc.asked", "about.svc.layers", "about.svc.mismatch", "about.svc.registered"];

/// Every path of [`PACKET`] is met, and each packet's JSON and CSV are what the table says.
#[test]
fn packets_are_what_the_table_says() {
    let folder = Scratch::new("fields-packets");
    let mut seen = BTreeSet::new();
    for sample in samples() {
        seen.extend(check(&[sample], &Registry::built_in()));
    }
    let mut registry = Registry::built_in();
    let layer = "Service Name,Port Number,Transport Protocol,Description\n\
        \"-pay,roll\",161,udp,\"=SUM(A1), \"\"quoted\"\"\"\nnames,53,tcp,\u{1b}[31mred\n";
    registry.add_layer(&folder.file("layer", layer.as_bytes())).unwrap();
    let frames = folder.file("=a, \"b\".pcap", &shown_capture());
    let linked = folder.file("linked.pcap", &pcap(65_000, &[b"whatever".to_vec()]));
    let office = material::sample("office.pcapng");
    let clock = folder.file("clock.pcapng", &early_clock(b"=br \"0\", \x1b[31m"));
    seen.extend(check(&[frames, linked, office, clock], &registry));
    for field in PACKET.iter().filter(|field| field.need.is_none() && !RARE.contains(&field.path)) {
        assert!(seen.contains(field.path), "nothing shows {}", field.path);
    }
}

/// Flows likewise.
#[test]
fn flows_are_what_the_table_says() {
    let (registry, folder) = (Registry::built_in(), Scratch::new("fields-flows"));
    let mut seen = BTreeSet::new();
    let shown = folder.file("shown.pcap", &shown_capture());
    for sample in samples().into_iter().chain([shown]) {
        let options = knowledge::Options { flows: true, domains: true, ..knowledge::Options::default() };
        let (knowledge, error) = crate::summary::learn(&sample, crate::summary::PLAIN, options, &registry);
        assert_eq!(error, None);
        let answers = Answers::of(&knowledge, &registry, false, 1);
        let lines = |form| {
            let mut out = Vec::new();
            flows::write(&knowledge, &answers, form, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let (json, csv) = (lines(flows::Form::Json), lines(flows::Form::Csv));
        let header = csv.lines().next().unwrap();
        let rows: Vec<_> = flows::rows(&knowledge, &answers);
        assert_eq!((json.lines().count(), csv.lines().count()), (rows.len(), rows.len() + 1));
        for ((row, json), csv) in rows.iter().zip(json.lines()).zip(csv.lines().skip(1)) {
            let mut read = Read::default();
            for field in FLOW.iter().filter(|field| field.need.is_none()) {
                read.field(field, |put| field.get.read(row, put));
            }
            seen.extend(read.json.keys().copied());
            let mut written = BTreeMap::new();
            by_path(&serde_json::from_str(json).unwrap(), &FLOW, "", &mut written);
            let table: BTreeMap<String, Json> =
                read.json.into_iter().map(|(path, value)| (path.to_owned(), value)).collect();
            assert_eq!(written, table);
            assert_eq!(cells(header, csv.as_bytes()), read.cells);
        }
    }
    for field in FLOW.iter().filter(|field| field.need.is_none()) {
        assert!(seen.contains(field.path), "nothing shows {}", field.path);
    }
}

/// Columns are relied on: they stay in their order, and new ones come behind them.
#[test]
fn columns_keep_their_order() {
    let packet = "@timestamp,file_name,frame_number,frame_interface,frame_link,frame_captured,frame_original,\
        network_type,network_transport,network_iana_number,network_vlan_id,network_tunnel,network_community_id,\
        source_mac,source_ip,source_port,destination_mac,destination_ip,destination_port,row,svc_name,svc_port,\
        svc_transport,svc_side,svc_evidence,svc_rule,svc_description,svc_instance,svc_candidates,svc_revised,dnssd,\
        notes,network_protocol,network_inner_vlan_id,svc_advertised_by,svc_state,svc_protocol,svc_asked,\
        svc_layers,svc_mismatch,svc_registered,about_transport,about_source_ip,about_source_port,about_destination_ip,\
        about_destination_port,about_svc_name,about_svc_port,about_svc_transport,about_svc_side,about_svc_evidence,\
        about_svc_rule,about_svc_description,about_svc_instance,about_svc_candidates,about_svc_revised,about_svc_advertised_by,\
        about_svc_state,about_svc_protocol,about_svc_asked,about_svc_layers,about_svc_mismatch,about_svc_registered,\
        dnssd_more,interface_name,frame_time_raw,source_domain,destination_domain,tls_client_server_name,\
        tls_client_encrypted_hello,svc_domain_source";
    let flow = "event_start,event_end,event_duration,network_type,network_transport,network_iana_number,\
        network_community_id,source_ip,source_port,source_packets,source_bytes,destination_ip,destination_port,\
        destination_packets,destination_bytes,svc_name,svc_port,svc_transport,svc_side,svc_evidence,svc_rule,\
        svc_description,svc_instance,svc_candidates,@timestamp,network_protocol,network_packets,network_bytes,\
        svc_advertised_by,svc_state,svc_protocol,svc_asked,svc_layers,svc_mismatch,svc_registered,source_domain,\
        destination_domain,tls_client_server_name,tls_client_encrypted_hello,svc_domain_source";
    for (command, header) in [("annotate", packet), ("flows", flow)] {
        let csv = good(&[command, "--format", "csv", "office.pcapng"]);
        assert_eq!(csv.split('\n').next().unwrap(), header);
        assert!(!csv.contains('\r') && csv.ends_with('\n'));
    }
    let of_packet: Vec<_> = columns(&PACKET).map(Field::column).collect();
    let of_flow: Vec<_> = columns(&FLOW).map(Field::column).collect();
    assert_eq!((of_packet.join(","), of_flow.join(",")), (packet.to_owned(), flow.to_owned()));
    // What is worked out once per answer depends on nothing else.
    let per_answer = PACKET.iter().filter(|field| field.get.per == Per::Answer).count();
    // Those of `svc`, `row` and `network.protocol`.
    let of_answer = |field: &&Field<_>| field.path.starts_with("svc.") && field.path != "svc.domain_source";
    assert_eq!(per_answer, 2 + PACKET.iter().filter(of_answer).count());
}

/// What the Elastic Common Schema says of its own paths.
#[test]
fn paths_of_ecs_mean_what_ecs_says() {
    let folder = Scratch::new("fields-ecs");
    let file = folder.file("tags.pcap", &shown_capture()).display().to_string();
    let records: Vec<Json> = good(&["annotate", "--format", "json", &file])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records[0]["network"].get("vlan"), None);
    assert_eq!(records[1]["network"]["vlan"], json!({"id": "10"}));
    assert_eq!(records[1]["network"].get("inner"), None);
    assert_eq!(records[2]["network"]["vlan"], json!({"id": "10"}));
    assert_eq!(records[2]["network"]["inner"], json!({"vlan": {"id": ["20", "4095", "0"]}}));
    assert_eq!(records[0]["source"]["mac"], "02-00-00-00-00-01");
    assert_eq!(records[11]["destination"]["mac"], "FF-FF-FF-FF-FF-FF");
    assert_eq!(records[4]["network"]["iana_number"], "253");
    let csv = good(&["annotate", "--format", "csv", &file]);
    assert!(csv.lines().nth(12).unwrap().contains(",FF-FF-FF-FF-FF-FF,"), "{csv}");
    // Lines of text keep colons.
    assert!(good(&["annotate", &file]).contains("02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff"));
    // A duration in ns: the difference of end and start.
    let flow: Json =
        serde_json::from_str(good(&["flows", "--format", "json", "redis-set.pcap"]).lines().next().unwrap())
            .unwrap();
    let subsecond = |key: &str| {
        let time = flow["event"][key].as_str().unwrap();
        let (second, nanos) = time.trim_end_matches('Z').split_once('.').unwrap();
        (second.to_owned(), nanos.parse::<u64>().unwrap())
    };
    let ((start, from), (end, to)) = (subsecond("start"), subsecond("end"));
    assert_eq!(start, end, "a flow within one second");
    assert_eq!(flow["event"]["duration"], to - from);
    assert_eq!(flow["@timestamp"], flow["event"]["start"]);
}
