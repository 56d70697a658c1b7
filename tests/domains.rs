//! Names of servers: equal to tshark's on the captures of the shared material, and right or silent on what is cut, lost or
//! out of order.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
};

use portolan::{Registry, knowledge, report::flows};
use serde_json::Value;

use crate::{
    capture::Scratch,
    cli::{good, lines, portolan},
    material,
    summary::{PLAIN, learn, shared_captures},
};

/// The ends of a flow in ascending order, and its transport.
type Flow = ([(String, u64); 2], String);

/// What is told of a flow: what a hello asks for, and the server's name where HTTP told it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    hello: Option<String>,
    http: Option<String>,
}

fn flow(source: (&str, u64), destination: (&str, u64), transport: &str) -> Flow {
    let mut ends = [source, destination].map(|(address, port)| (address.to_owned(), port));
    ends.sort();
    (ends, transport.to_owned())
}

/// What the program says of the flows of a capture.
fn ours(path: &Path, registry: &Registry) -> BTreeMap<Flow, Told> {
    let options = knowledge::Options { flows: true, domains: true, ..knowledge::Options::default() };
    let (knowledge, _) = learn(path, PLAIN, options, registry);
    let names = portolan::Answers::of(&knowledge, registry, false, 1);
    let mut out = Vec::new();
    flows::write(&knowledge, &names, flows::Form::Json, &mut out).unwrap();
    let mut all = BTreeMap::new();
    for line in String::from_utf8(out).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let end = |end: &str| {
            let end = &record[end];
            Some((end["ip"].as_str()?.to_owned(), end["port"].as_u64()?))
        };
        let (Some(source), Some(destination)) = (end("source"), end("destination")) else { continue };
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let svc = &record["svc"];
        let told = Told {
            hello: text(&record["tls"]["client"]["server_name"]),
            http: (svc["domain_source"] == "http")
                .then(|| text(&record[svc["side"].as_str().unwrap_or_default()]["domain"]))
                .flatten(),
        };
        let transport = record["network"]["transport"].as_str().unwrap();
        let key = flow((&source.0, source.1), (&destination.0, destination.1), transport);
        all.entry(key).or_insert(told);
    }
    all
}

/// What tshark says: the first hello or request of each flow, if it has a name. Flows in tunnels, whose addresses it tells
/// several of, are left out.
fn theirs(path: &Path) -> BTreeMap<Flow, (bool, String)> {
    const FIELDS: [&str; 11] = [
        "ip.src",
        "ipv6.src",
        "ip.dst",
        "ipv6.dst",
        "tcp.srcport",
        "tcp.dstport",
        "udp.srcport",
        "udp.dstport",
        "tls.handshake.extensions_server_name",
        "http.host",
        "http.request.method",
    ];
    let wanted = "tls.handshake.type==1 or dtls.handshake.type==1 or http.request";
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(path).args(["-Y", wanted, "-T", "fields", "-E", "separator=|"]);
    FIELDS.iter().for_each(|field| _ = command.args(["-e", field]));
    let output = command.output().unwrap();
    let mut all = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let cells: Vec<_> = line.split('|').collect();
        let [v4, v6, to_v4, to_v6, tcp, to_tcp, udp, to_udp, hello, host, method] = cells[..] else {
            continue;
        };
        let is_tcp = !tcp.is_empty();
        let one = [(v4, v6), (to_v4, to_v6), (tcp, udp), (to_tcp, to_udp)];
        let one =
            one.map(|(a, b)| if a.is_empty() != b.is_empty() { [a, b].concat() } else { ",".to_owned() });
        let [source, destination, port, to_port] = one;
        let (Ok(port), Ok(to_port)) = (port.parse(), to_port.parse()) else { continue };
        if source.contains(',') || destination.contains(',') {
            continue;
        }
        let transport = if is_tcp { "tcp" } else { "udp" };
        let key = flow((&source, port), (&destination, to_port), transport);
        let is_http = !method.is_empty();
        let name = if is_http { host } else { hello };
        let first = name.split(',').next().unwrap_or_default().to_owned();
        all.entry(key).or_insert((is_http, first));
    }
    all.retain(|_, (_, name)| !name.is_empty());
    all
}

/// The name in `host` or `host:port`, where it is none of an address.
fn host(authority: &str) -> Option<&str> {
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    let is_address = name.parse::<std::net::IpAddr>().is_ok() || name.starts_with('[') || name.contains(':');
    (!is_address).then(|| name.trim_end_matches('.'))
}

/// On captures that show any name, every flow has the name that tshark has; with `PORTOLAN_LONG` set, on all captures.
#[test]
fn names_are_those_that_tshark_tells() {
    if Command::new("tshark").arg("-v").output().is_err() {
        #[allow(clippy::print_stderr, reason = "the reason of a skip belongs in the test log")]
        {
            eprintln!("skipped: no tshark to compare with");
        }
        return;
    }
    let registry = Registry::built_in();
    let captures: Vec<_> = shared_captures().into_iter().map(|(path, _)| path).collect();
    if captures.is_empty() {
        return;
    }
    let root = material::shared("captures").unwrap();
    let is_long = env::var_os("PORTOLAN_LONG").is_some();
    let (queue, found) = (Mutex::new(captures), Mutex::new((0, BTreeSet::new())));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(path) = queue.lock().unwrap().pop() else { return };
                    let (equal, others) = compare(&path, &root, is_long, &registry);
                    let mut found = found.lock().unwrap();
                    found.0 += equal;
                    found.1.extend(others);
                }
            });
        }
    });
    let (equal, others) = found.into_inner().unwrap();
    assert!(others.is_empty(), "{equal} flows alike, and {others:#?}");
    assert!(equal > 300, "only {equal} flows have names");
}

/// How many flows of a capture have tshark's name, and those that do not.
fn compare(path: &Path, root: &Path, is_long: bool, registry: &Registry) -> (usize, Vec<String>) {
    let ours = ours(path, registry);
    let shows = |told: &Told| told.hello.is_some() || told.http.is_some();
    if !is_long && !ours.values().any(shows) {
        return (0, Vec::new());
    }
    let (mut equal, mut others) = (0, Vec::new());
    for (flow, (is_http, name)) in theirs(path) {
        let Some(expected) = (if is_http { host(&name) } else { Some(name.trim_end_matches('.')) }) else {
            continue;
        };
        let told = ours.get(&flow).cloned().unwrap_or_default();
        let own = if is_http { told.http } else { told.hello };
        if own.as_deref() == Some(expected) {
            equal += 1;
        } else {
            let file = path.strip_prefix(root).unwrap_or(path).display();
            let [(a, p), (b, q)] = flow.0;
            others.push(format!("{file}\t{a} {p} {b} {q} {}\t{name}\t{}", flow.1, own.unwrap_or_default()));
        }
    }
    (equal, others)
}

/// A pcap file of TCP segments from 192.0.2.1:50000 to 192.0.2.2:443 behind a SYN; each with its place in the stream.
fn stream(segments: &[(u32, &[u8])]) -> Vec<u8> {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    let syn = (0_u32.wrapping_sub(1), &b""[..], 2_u8);
    let all = [syn].into_iter().chain(segments.iter().map(|&(at, octets)| (at, octets, 0x18)));
    for (number, (at, octets, flags)) in (0_u32..).zip(all) {
        let mut frame = [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0][..]].concat();
        frame.extend((40 + octets.len() as u16).to_be_bytes());
        frame.extend([0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend([0xc3, 0x50, 1, 0xbb]);
        frame.extend(1_000_u32.wrapping_add(at).to_be_bytes());
        frame.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        frame.extend_from_slice(octets);
        for word in [1_700_000_000, number, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// A record with a ClientHello for `pq.example.org` whose key share of X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem: 1,216
/// octets) comes before the name, so that the name is in the second segment.
fn hello() -> Vec<u8> {
    let name = b"pq.example.org";
    let sized = |octets: &[u8]| [&(octets.len() as u16).to_be_bytes(), octets].concat();
    let share = [&[0x11, 0xec][..], &sized(&[5; 1_216])].concat();
    let share = [&[0, 51][..], &sized(&sized(&share))].concat();
    let padding = [&[0, 21][..], &sized(&[0; 900])].concat();
    let server_name = [&[0, 0][..], &sized(&sized(&[&[0][..], &sized(name)].concat()))].concat();
    let extensions = sized(&[share, padding, server_name].concat());
    let body = [&[3, 3][..], &[7; 32], &[0], &sized(&[0x13, 1]), &[1, 0], &extensions].concat();
    let message = [&[1, 0][..], &sized(&body)].concat();
    [&[22, 3, 1][..], &sized(&message)].concat()
}

fn names(file: &[u8], folder: &Scratch) -> Vec<Option<String>> {
    let path = folder.file("stream.pcap", file).display().to_string();
    let told = |arguments: &[&str]| {
        let records = lines(&good(&[&["annotate", "--format", "json"], arguments, &[&*path]].concat()));
        let last = records.last().unwrap();
        last["tls"]["client"]["server_name"].as_str().map(ToOwned::to_owned)
    };
    vec![told(&[]), told(&["--causal"])]
}

/// Hellos of post-quantum clients over three segments, in any order and more than once: right; with one lost: silent.
#[test]
fn hellos_over_several_segments_are_right_or_silent() {
    let folder = Scratch::new("domains-hello");
    let hello = hello();
    let pieces: Vec<_> = (0..).step_by(1_000).zip(hello.chunks(1_000)).collect();
    let [a, b, c] = pieces[..] else { panic!("{} octets", hello.len()) };
    let expected = vec![Some("pq.example.org".to_owned()); 2];
    for order in [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
        assert_eq!(names(&stream(&order), &folder), expected);
        let [x, y, z] = order;
        assert_eq!(names(&stream(&[x, x, y, x, z]), &folder), expected);
    }
    for lost in [[a, b], [a, c], [b, c], [c, b], [b, a]] {
        assert_eq!(names(&stream(&lost), &folder), [None, None]);
    }
    assert_eq!(names(&stream(&[(0, &hello)]), &folder), expected);
}

/// Rows by domain, whole and shortened, with all packets in them.
#[test]
fn rows_are_about_domains() {
    let csv = good(&["summary", "--by", "domain", "--format", "csv", "office.pcapng"]);
    let rows: Vec<_> = csv.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert!(rows.contains(&"server.office.example") && rows.contains(&"printer.local"), "{csv}");
    let short =
        good(&["summary", "--by", "domain", "--domain-depth", "2", "--format", "csv", "office.pcapng"]);
    assert!(short.contains("\noffice.example,") && !short.contains("server.office"), "{short}");
    // Packets and octets of all rows are those of the capture, however it is divided.
    let sum = |by: &[&str]| {
        let table = good(&[&["summary", "--format", "json", "office.pcapng"], by].concat());
        let table: Value = serde_json::from_str(&table).unwrap();
        let of = |name: &str| -> u64 {
            table["rows"].as_array().unwrap().iter().map(|row| row[name].as_u64().unwrap()).sum()
        };
        assert_eq!(of("packets"), table["capture"]["packets"].as_u64().unwrap());
        (of("packets"), of("bytes"))
    };
    let whole = sum(&[]);
    for by in
        [&["--by", "domain"][..], &["--by", "domain,service"], &["--by", "domain", "--domain-depth", "1"]]
    {
        assert_eq!(sum(by), whole);
    }
    assert_eq!(portolan(&["summary", "--domain-depth", "2", "office.pcapng"]).code, 2);
}

/// People who want numbers see no names; programs get every field all the same.
#[test]
fn names_are_off_where_numbers_are_wanted() {
    let at = " at server.office.example";
    assert!(good(&["annotate", "office.pcapng"]).contains(at));
    assert!(!good(&["annotate", "-n", "office.pcapng"]).contains(at));
    assert!(good(&["flows", "office.pcapng"]).contains(at));
    assert!(!good(&["flows", "-n", "office.pcapng"]).contains(at));
    let json = good(&["annotate", "-n", "--format", "json", "office.pcapng"]);
    assert!(json.contains("\"domain\":\"server.office.example\""));
    let folder = Scratch::new("domains-user");
    let user = folder.file("hosts", b"192.0.2.20 intranet\n").display().to_string();
    let told = good(&["annotate", "--hosts", &user, "--format", "json", "office.pcapng"]);
    assert!(told.contains("\"domain\":\"intranet\"") && told.contains("\"domain_source\":\"user\""));
}

/// Wherever a capture is cut into stretches that are learned apart, its names are the same.
#[test]
fn stretches_tell_the_names_of_the_whole() {
    let folder = Scratch::new("domains-stretches");
    let hello = hello();
    let pieces: Vec<_> = (0..).step_by(300).zip(hello.chunks(300)).collect();
    let path: PathBuf = folder.file("stream.pcap", &stream(&pieces));
    let registry = Registry::built_in();
    let expected = ours(&path, &registry);
    assert_eq!(expected.values().next().unwrap().hello.as_deref(), Some("pq.example.org"));
    let options = knowledge::Options { flows: true, domains: true, ..knowledge::Options::default() };
    for len in 1..=pieces.len() as u64 {
        let knowledge = crate::summary::learn_in_stretches(&path, len, options, &registry);
        let tuple = knowledge.flows().five_tuples().next().unwrap();
        let told = [portolan::flow::Direction::Up, portolan::flow::Direction::Down]
            .map(|way| knowledge.flows().told(tuple.id, way).and_then(|told| told.name.clone()));
        let name = told.iter().flatten().next().map(|name| name.as_str());
        assert_eq!(name, Some("pq.example.org"), "stretches of {len}");
    }
}
