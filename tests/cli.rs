//! The command as it is run: exit codes, messages and formats.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::{capture::Scratch, compression::compressed, material};

/// The command in the folder of the samples, with neither a registry nor settings of the user's.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(arguments).current_dir(material::sample("")).stdin(Stdio::null());
    command.env("XDG_DATA_HOME", "/nonexistent").env_remove("CLICOLOR_FORCE").env("TZ", "UTC");
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_CONFIG_DIRS", "/nonexistent");
    command
}

/// How a run ended and what it said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

pub(crate) fn said(output: Output) -> Said {
    let [out, error] = [output.stdout, output.stderr].map(|octets| String::from_utf8(octets).unwrap());
    Said { code: output.status.code().unwrap(), out, error }
}

pub(crate) fn portolan(arguments: &[&str]) -> Said {
    said(command(arguments).output().unwrap())
}

/// Standard output of a run that went well and had nothing to complain about.
pub(crate) fn good(arguments: &[&str]) -> String {
    let said = portolan(arguments);
    assert_eq!((said.code, said.error.as_str()), (0, ""), "{arguments:?}");
    said.out
}

/// Standard output of a run that ended with this code and this one line on standard error.
pub(crate) fn bad(arguments: &[&str], code: i32, message: &str) -> String {
    let said = portolan(arguments);
    assert_eq!((said.code, said.error.as_str()), (code, format!("portolan: {message}\n").as_str()));
    said.out
}

/// Words of a line for a shell, in which only single quotes mean anything.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (place, part) in line.split('\'').enumerate() {
        if place % 2 == 1 {
            *words.last_mut().unwrap() += part;
            continue;
        }
        for (place, plain) in part.split(' ').enumerate() {
            if place > 0 {
                words.push(String::new());
            }
            *words.last_mut().unwrap() += plain;
        }
    }
    words
}

pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(octets[at..at + 4].try_into().unwrap())
}

/// Where the blocks of a little-endian pcapng begin.
fn blocks(octets: &[u8]) -> impl Iterator<Item = usize> {
    let next = |at: &usize| Some(at + u32_at(octets, at + 4) as usize).filter(|&at| at < octets.len());
    std::iter::successors(Some(0), next)
}

/// Packets of a sample, as capinfos counted them.
fn packets_of(name: &str) -> u64 {
    let table = crate::samples::table();
    table.iter().find(|row| row[0] == name).unwrap()[4].parse().unwrap()
}

fn fields(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn inputs_that_are_no_captures() {
    let folder = Scratch::new("cli-inputs");
    let file = |name, octets| folder.file(name, octets).display().to_string();
    let (empty, text) = (file("empty", b""), file("text", b"hello, world\n"));
    let missing = folder.0.join("missing").display().to_string();
    for command in ["annotate", "summary", "flows", "discover"] {
        // Nothing was read, so there is nothing to report: no empty table, object or header either.
        for format in [&[][..], &["--format", "json"], &["--format", "csv"]] {
            for (file, problem) in [
                (&empty, "the file is empty"),
                (&text, "a text file, no capture"),
                (&missing, "No such file or directory (os error 2)"),
            ] {
                let run = [&[command, file], format].concat();
                assert_eq!(bad(&run, 3, &format!("{file}: {problem}")), "", "{run:?}");
            }
        }
        let said = portolan(&[command, &folder.0.display().to_string()]);
        assert_eq!((said.code, said.error.lines().count()), (3, 1));
        assert!(said.error.contains("--recursive"), "{}", said.error);
    }
    for more in [&["--causal"][..], &["--causal", "--format", "csv"]] {
        let run = [&["annotate", &empty], more].concat();
        assert_eq!(bad(&run, 3, &format!("{empty}: the file is empty")), "");
    }
    let intervals = ["summary", "--interval", "1s", &missing];
    assert_eq!(bad(&intervals, 3, &format!("{missing}: No such file or directory (os error 2)")), "");
    // What can be read is read all the same, and the code is that of the worst input.
    let out = bad(&["annotate", &text, "snmp-get.pcap"], 3, &format!("{text}: a text file, no capture"));
    assert_eq!(out.lines().count(), 2);
    let run = ["summary", "--format", "json", &missing, "snmp-get.pcap", &text];
    let said = portolan(&run);
    assert_eq!((said.code, said.error.lines().count()), (3, 2), "{}", said.error);
    let capture = &json(&said.out)["capture"];
    assert_eq!(capture["packets"], 2);
    assert_eq!(capture["files"], serde_json::json!(["snmp-get.pcap"]));
    let run = ["flows", "--format", "json", "snmp-get.pcap", &empty];
    assert_eq!(lines(&bad(&run, 3, &format!("{empty}: the file is empty"))).len(), 1);
}

#[test]
fn cut_and_damaged_captures() {
    let folder = Scratch::new("cli-damaged");
    let octets = fs::read(material::sample("http-get.pcap")).unwrap();
    let cut = folder.file("cut.pcap", &octets[..700]).display().to_string();
    // Five records of 24 + 5 x 16 + 74 + 74 + 66 + 140 + 66 = 524 octets; the sixth frame has 315.
    let message =
        format!("{cut}: packet 6, offset 524: a record of 331 octets is cut short: the input ends after 176");
    let out = bad(&["annotate", &cut], 4, &message);
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        good(&["annotate", "http-get.pcap"]).lines().take(5).collect::<Vec<_>>()
    );
    assert_eq!(json(&bad(&["summary", "--format", "json", &cut], 4, &message))["capture"]["packets"], 5);
    assert_eq!(
        json(&bad(&["summary", "--format", "json", "--interval", "1s", &cut], 4, &message))["capture"]["packets"],
        5
    );
    assert_eq!(bad(&["flows", &cut], 4, &message).lines().count(), 1);
    bad(&["discover", &cut], 4, &message);

    // The length at the end of the second enhanced packet block is not that at its beginning.
    let mut octets = fs::read(material::sample("tls-ports.pcapng")).unwrap();
    let block = blocks(&octets).filter(|&at| u32_at(&octets, at) == 6).nth(1).unwrap();
    let len = u32_at(&octets, block + 4) as usize;
    octets[block + len - 4] ^= 0x04;
    let wrong = folder.file("wrong.pcapng", &octets).display().to_string();
    let said = portolan(&["annotate", &wrong]);
    assert_eq!(
        (said.code, said.out.lines().count(), said.error.lines().count()),
        (4, 1, 1),
        "{}",
        said.error
    );
    assert!(
        said.error.starts_with(&format!("portolan: {wrong}: packet 2, offset {block}: ")),
        "{}",
        said.error
    );
    assert!(said.error.contains(&len.to_string()), "{}", said.error);
}

#[test]
fn usage_filters_interfaces_and_outputs() {
    let said = portolan(&["annotate", "--no-such-flag", "http-get.pcap"]);
    assert_eq!(said.code, 2);
    let errors: Vec<_> = said.error.lines().collect();
    let error = "portolan: `portolan annotate` has no option `--no-such-flag`";
    assert_eq!(errors, [error, "portolan: hint: `portolan annotate --help` says how it is used"]);
    for wrong in [
        &["annotate", "http-get.pcap", "-i", "lo"][..],
        &["annotate", "-c", "0", "http-get.pcap"],
        &["annotate", "--duration", "3s", "http-get.pcap"],
        &["annotate", "-s", "64", "-r", "http-get.pcap"],
        &["summary", "-p", "http-get.pcap"],
        &["summary", "--by", "colour", "http-get.pcap"],
        &["summary", "--interval", "0", "http-get.pcap"],
        &["summary", "--threads", "0", "http-get.pcap"],
        &["summary", "--decap", "8472", "http-get.pcap"],
        &["interfaces", "--format", "csv"],
        &["chart", "http-get.pcap"],
    ] {
        let said = portolan(wrong);
        assert_eq!(said.code, 2, "{wrong:?}");
        let lines: Vec<_> = said.error.lines().collect();
        let hinted = matches!(lines[..], [error, hint] if error.starts_with("portolan: ")
            && hint.starts_with("portolan: hint: "));
        assert!(hinted, "{}", said.error);
    }
    let folder = Scratch::new("cli-usage");
    let target = folder.0.join("x.pcap").display().to_string();
    let message = "a pcap file cannot hold comments, so it cannot be annotated: write to a .pcapng file";
    assert_eq!(bad(&["annotate", "-w", &target, "http-get.pcap"], 2, message), "");
    assert!(!Path::new(&target).exists());

    let said = portolan(&["annotate", "-f", "prot 5", "http-get.pcap"]);
    assert_eq!((said.code, said.out.as_str(), said.error.lines().count()), (5, "", 1), "{}", said.error);
    assert!(said.error.starts_with("portolan: bad capture filter `prot 5`: "), "{}", said.error);

    let said = portolan(&["annotate", "-i", "nosuch0"]);
    assert_eq!((said.code, said.out.as_str(), said.error.lines().count()), (7, "", 1), "{}", said.error);
    assert!(said.error.starts_with("portolan: nosuch0: no such interface"), "{}", said.error);

    let registry = folder.file("services", b"payroll 8443/tcp\n\nfoo bar baz\n").display().to_string();
    let said = portolan(&["summary", "--registry", &registry, "http-get.pcap"]);
    assert_eq!((said.code, said.out.as_str(), said.error.lines().count()), (3, "", 1), "{}", said.error);
    assert!(said.error.starts_with(&format!("portolan: {registry}:3: ")), "{}", said.error);
}

#[cfg(target_os = "linux")]
#[test]
fn outputs_that_fail() {
    for arguments in [
        &["annotate", "http-get.pcap"][..],
        &["summary", "http-get.pcap"],
        &["flows", "http-get.pcap"],
        &["discover", "mdns-browse.pcap"],
        &["registry", "export"],
        &["annotate", "-w", "/dev/full", "--format", "json", "http-get.pcap"],
        &["annotate", "-w", "/nonexistent/x.json", "--format", "json", "http-get.pcap"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let said = said(command(arguments).stdout(full).output().unwrap());
        assert_eq!((said.code, said.error.lines().count()), (8, 1), "{arguments:?}: {}", said.error);
        assert!(said.error.starts_with("portolan: cannot write: "), "{}", said.error);
    }
}

/// A reader that goes away is no error, before the first octet and after some.
#[test]
fn closed_pipes_are_a_quiet_success() {
    for (arguments, lines) in [(&["registry", "export"][..], 1), (&["annotate", "office.pcapng"], 0)] {
        let mut child = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        for _ in 0..lines {
            out.read_line(&mut line).unwrap();
        }
        drop(out);
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert_eq!((child.wait().unwrap().code(), error.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// What the command says when these octets come on standard input.
pub(crate) fn piped(arguments: &[&str], octets: Vec<u8>) -> Said {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&octets));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    said(output)
}

/// Plain, compressed and on standard input: equal but for the name.
#[test]
fn standard_input_and_compressions_give_the_same_summary() {
    let folder = Scratch::new("cli-input");
    for name in ["office.pcapng", "vxlan-http.pcap"] {
        let octets = fs::read(material::sample(name)).unwrap();
        let expected = good(&["summary", "--format", "json", name]);
        let of = |out: &str, file: &str| {
            assert_eq!(json(out)["capture"]["files"], serde_json::json!([file]));
            out.replace(file, name)
        };
        let mut forms = vec![(None, octets.clone())];
        forms.extend(compressed(&octets).into_iter().map(|(kind, octets)| (Some(kind), octets)));
        for (kind, octets) in forms {
            let packed = folder.file("packed", &octets).display().to_string();
            assert_eq!(of(&good(&["summary", "--format", "json", &packed]), &packed), expected, "{kind:?}");
            let said = piped(&["summary", "--format", "json", "-"], octets);
            assert_eq!((said.code, said.error.as_str()), (0, ""), "{kind:?}");
            assert_eq!(json(&said.out)["rows"], json(&expected)["rows"], "{kind:?}");
            assert_eq!(json(&said.out)["capture"]["files"], serde_json::json!(["-"]));
        }
        let said = piped(&["annotate", "-"], octets);
        assert_eq!(said.code, 0);
        assert_eq!(said.error.lines().count(), 1);
        assert!(said.error.starts_with("portolan: note: the input cannot be read twice"), "{}", said.error);
        assert_eq!(said.out, good(&["annotate", "--causal", name]));
    }
}

/// The totals of a run that a signal ends are those of what was read, and it says so.
#[test]
fn an_interrupted_run_says_so() {
    let octets = fs::read(material::sample("snmp-get.pcap")).unwrap();
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let mut child = command(&["annotate", "-", "ntp-client.pcap"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The line of the first packet tells that reading has begun; the signal comes before the second.
        let first = 24 + 16 + u32::from_le_bytes(octets[32..36].try_into().unwrap()) as usize;
        let mut input = child.stdin.take().unwrap();
        input.write_all(&octets[..first]).unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        output.read_line(&mut text).unwrap();
        let kill = ["-s", signal, &child.id().to_string()].map(ToOwned::to_owned);
        assert!(Command::new("kill").args(kill).status().unwrap().success());
        // The input stays open and silent, so that nothing but the signal ends the run; the next file is never begun.
        output.read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(4));
        drop(input);
        assert!(text.lines().count() == 1 && !text.contains("ntp"), "{text}");
        let mut error = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        error.read_line(&mut line).unwrap();
        assert!(line.contains("cannot be read twice"), "{line}");
        line.clear();
        error.read_to_string(&mut line).unwrap();
        assert_eq!(line, "portolan: note: interrupted: the results are of what was read until then\n");
    }
}

#[test]
fn several_files_and_selections() {
    let two = ["annotate", "--format", "json", "ntp-client.pcap", "snmp-get.pcap"];
    let records = lines(&good(&two));
    let place = |record: &Value| {
        (record["file"]["name"].as_str().map(ToOwned::to_owned), record["frame"]["number"].as_u64().unwrap())
    };
    let of = |name: &str, count: u64| {
        (1..=count).map(|number| (Some(name.to_owned()), number)).collect::<Vec<_>>()
    };
    let expected = [of("ntp-client.pcap", 4), of("snmp-get.pcap", 2)].concat();
    assert_eq!(records.iter().map(place).collect::<Vec<_>>(), expected);
    let alone = lines(&good(&["annotate", "--format", "json", "snmp-get.pcap"]));
    assert!(alone.iter().all(|record| record.get("file").is_none()));
    // Totals are over all.
    let summary = json(&good(&["summary", "--format", "json", "ntp-client.pcap", "snmp-get.pcap"]));
    assert_eq!(summary["capture"]["packets"], 6);
    assert_eq!(summary["capture"]["files"], serde_json::json!(["ntp-client.pcap", "snmp-get.pcap"]));
    // `-r` is the same as an argument; `-c` is over all files.
    assert_eq!(good(&["annotate", "-r", "snmp-get.pcap"]), good(&["annotate", "snmp-get.pcap"]));
    let five = good(&["annotate", "-c", "5", "ntp-client.pcap", "snmp-get.pcap"]);
    assert_eq!(five.lines().count(), 5);
    assert_eq!(good(&["annotate", "-c", "3", "ntp-client.pcap", "snmp-get.pcap"]).lines().count(), 3);
    let filtered = good(&["annotate", "-f", "tcp port 80 or arp", "office.pcapng"]);
    let of_all = good(&["annotate", "office.pcapng"]);
    let wanted = |line: &&str| line.contains(" arp ") || line.contains(":80 ");
    let expected: Vec<_> = of_all.lines().filter(wanted).collect();
    assert!(expected.len() > 10);
    assert_eq!(filtered.lines().count(), expected.len());
    let some = good(&["annotate", "-f", "arp", "-c", "2", "office.pcapng"]);
    assert_eq!(some.lines().count(), 2);
    let counted = json(&good(&["summary", "-f", "tcp port 80", "--format", "json", "office.pcapng"]));
    assert_eq!(counted["capture"]["packets"], 10);
    let folder = good(&["summary", "-q", "--recursive", "--format", "json", "."]);
    assert!(json(&folder)["capture"]["files"].as_array().unwrap().len() > 50);
}

#[test]
fn tunnels_are_opened_or_not() {
    let names = |arguments: &[&str]| {
        let out = good(&[&["annotate", "--format", "json", "vxlan-http.pcap"], arguments].concat());
        let records = lines(&out);
        let name = |record: &Value| record["svc"]["name"].as_str().map(ToOwned::to_owned);
        let tunnels = records.iter().filter(|record| record["network"].get("tunnel").is_some()).count();
        (records.iter().filter_map(name).collect::<Vec<_>>(), tunnels)
    };
    let (opened, tunnels) = names(&[]);
    assert_eq!(opened.iter().filter(|name| *name == "http").count(), 10);
    // Five more hold ICMP, which has no ports; ARP is told by the tunnel's own flow.
    assert_eq!(tunnels, 15);
    let total = packets_of("vxlan-http.pcap") as usize;
    let (closed, tunnels) = names(&["--no-decap"]);
    assert_eq!((closed, tunnels), (vec!["vxlan".to_owned(); total], 0));
    // The same frames with VXLAN on the port that Linux used before 4789 was assigned.
    let folder = Scratch::new("cli-decap");
    let mut octets = fs::read(material::sample("vxlan-http.pcap")).unwrap();
    let mut at = 24;
    while at < octets.len() {
        let len = u32_at(&octets, at + 8) as usize;
        let port = at + 16 + 14 + 20 + 2;
        assert_eq!(octets[port..port + 2], 4789_u16.to_be_bytes());
        octets[port..port + 2].copy_from_slice(&8472_u16.to_be_bytes());
        at += 16 + len;
    }
    let moved = folder.file("moved.pcap", &octets).display().to_string();
    let http = |arguments: &[&str]| {
        let out = good(&[&["annotate", "--format", "json", &moved], arguments].concat());
        lines(&out).iter().filter(|record| record["svc"]["name"] == "http").count()
    };
    assert_eq!((http(&[]), http(&["--decap", "udp:8472=vxlan"])), (0, 10));
}

#[test]
fn summary_by_everything() {
    // The octets of all frames, by a walk over the file that knows only enhanced packet blocks.
    let file = fs::read(material::sample("office.pcapng")).unwrap();
    let octets = blocks(&file)
        .filter(|&at| u32_at(&file, at) == 6)
        .map(|at| u64::from(u32_at(&file, at + 24)))
        .sum::<u64>();
    for by in
        ["service", "port", "server", "client", "host", "conversation", "vlan", "interface", "transport"]
    {
        let object = json(&good(&["summary", "--by", by, "--format", "json", "office.pcapng"]));
        let rows = object["rows"].as_array().unwrap();
        let sum = |field: &str| rows.iter().map(|row| row[field].as_u64().unwrap()).sum::<u64>();
        if by != "host" {
            assert_eq!((sum("packets"), sum("bytes")), (packets_of("office.pcapng"), octets), "{by}");
        }
        let keys: Vec<_> = rows.iter().map(|row| row["key"].as_str().unwrap()).collect();
        let expected: &[&str] = match by {
            "service" => &["ipp/tcp", "mqtt/tcp", "arp", "ipv6-icmp"],
            "port" => &["6631/tcp", "1883/tcp", "arp"],
            "server" => &["192.0.2.20", "192.0.2.30", "2001:db8::20"],
            "client" => &["192.0.2.10", "2001:db8::10"],
            "host" => &["192.0.2.1", "192.0.2.10", "224.0.0.251"],
            "conversation" => &["192.0.2.10 <> 192.0.2.30"],
            "vlan" => &["untagged"],
            "interface" => &["br0"],
            _ => &["tcp", "udp", "icmp", "ipv6-icmp", "igmp", "arp"],
        };
        // What is added up packet by packet knows no flows, and does not say there were none.
        let told = !["vlan", "interface"].contains(&by);
        assert!(rows.iter().all(|row| row.get("flows").is_some() == told), "{by}");
        for key in expected {
            assert!(keys.contains(key), "{by}: {key} is not in {keys:?}");
        }
        assert!(!good(&["summary", "--by", by, "office.pcapng"]).is_empty());
    }
    // Two clients and two servers, one of each over IPv4 and IPv6.
    let untagged = json(&good(&["summary", "--by", "vlan", "--format", "json", "http-any-sll.pcap"]));
    assert_eq!((&untagged["rows"][0]["clients"], &untagged["rows"][0]["servers"]), (&2.into(), &2.into()));
    let interfaces =
        json(&good(&["summary", "--by", "interface", "--format", "json", "interfaces-mixed.pcapng"]));
    let packets: Vec<_> = interfaces["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["key"].clone(), row["packets"].clone()))
        .collect();
    assert_eq!(packets.len(), 3, "{packets:?}");
}

#[test]
fn summary_in_order_and_in_parts() {
    let rows = |arguments: &[&str]| {
        let out = good(&[&["summary", "--format", "json", "office.pcapng"], arguments].concat());
        json(&out)["rows"].as_array().unwrap().clone()
    };
    for (sort, field) in [("bytes", "bytes"), ("packets", "packets"), ("flows", "flows")] {
        let rows = rows(&["--sort", sort]);
        let values: Vec<_> = rows.iter().map(|row| row[field].as_u64().unwrap_or(0)).collect();
        assert!(values.is_sorted_by(|a, b| a >= b), "{sort}: {values:?}");
    }
    let by_name = rows(&["--sort", "name"]);
    let keys: Vec<_> = by_name.iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let top = rows(&["--top", "3"]);
    assert_eq!(top, rows(&[])[..3]);

    let out = good(&["summary", "--interval", "1s", "--format", "json", "office.pcapng"]);
    let object = json(&out);
    let parts = object["intervals"].as_array().unwrap();
    // The capture lasts about 11 s; intervals without packets are left out.
    assert!((8..=13).contains(&parts.len()), "{}", parts.len());
    let mut sums = (0, 0);
    for part in parts {
        let start = part["start"].as_str().unwrap();
        assert!(start.ends_with(".000000000Z"), "{start}");
        for row in part["rows"].as_array().unwrap() {
            sums.0 += row["packets"].as_u64().unwrap();
            sums.1 += row["bytes"].as_u64().unwrap();
        }
    }
    assert_eq!(sums, (packets_of("office.pcapng"), object["capture"]["bytes"].as_u64().unwrap()));
    let csv = good(&["summary", "--interval", "1s", "--format", "csv", "office.pcapng"]);
    let packets = |line: &str| line.split(',').nth(6).unwrap().parse::<u64>().unwrap();
    assert!(csv.starts_with("start,key,name,"));
    let plain: Vec<_> = csv.lines().skip(1).filter(|line| !line.is_empty() && !line.contains('"')).collect();
    assert!(!plain.is_empty() && plain.iter().all(|line| packets(line) > 0));
}

#[test]
fn flows_in_each_form() {
    let text = good(&["flows", "redis-set.pcap"]);
    assert_eq!(text.lines().count(), 2);
    for line in text.lines() {
        assert!(line.contains("192.0.2.10:") && line.contains(" > 192.0.2.20:6379 "), "{line}");
        assert!(line.ends_with("6379/tcp redis (destination, payload, handshake)"), "{line}");
    }
    let records = lines(&good(&["flows", "--format", "json", "redis-set.pcap"]));
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record["svc"]["name"], "redis");
        assert_eq!(record["destination"]["port"], 6379);
    }
    let csv = good(&["flows", "--format", "csv", "redis-set.pcap"]);
    assert_eq!(csv.split('\n').filter(|line| !line.is_empty()).count(), 3);
    assert!(csv.contains(",redis,"));
}

#[test]
fn registry_lookups_say_what_iana_says() {
    let queries = ["443/tcp", "80/tcp", "6010/tcp", "5353/udp", "wot", "vxi-11", "4242/sctp"];
    let out = good(&[&["registry", "lookup", "--format", "json"], &queries[..]].concat());
    let list = json(&out);
    let list = list.as_array().unwrap();
    let facts: Vec<_> = list
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            (text("name"), row["port"].as_u64(), text("ports"), text("transport"), text("description"))
        })
        .collect();
    let expected = [
        ("https", Some(443), "-", "tcp", "http protocol over TLS/SSL"),
        ("http", Some(80), "-", "tcp", "World Wide Web HTTP"),
        ("www", Some(80), "-", "tcp", "World Wide Web HTTP"),
        ("www-http", Some(80), "-", "tcp", "World Wide Web HTTP"),
        ("x11", Some(6010), "6000-6063", "tcp", "X Window System"),
        ("mdns", Some(5353), "-", "udp", "Multicast DNS"),
        ("wot", None, "-", "tcp", "W3C WoT Thing Description or Directory"),
        ("wot", None, "-", "udp", "W3C WoT Thing Description or Directory"),
        ("vxi-11", None, "-", "-", "VXI-11 TCP/IP Instrument Protocol"),
        ("vrml-multi-use", Some(4242), "4200-4299", "sctp", "VRML Multi User Systems"),
    ]
    .map(|(name, port, ports, transport, description)| {
        (name.to_owned(), port, ports.to_owned(), transport.to_owned(), description.to_owned())
    });
    assert_eq!(facts, expected);
    assert!(list.iter().all(|row| row["registry"]["updated"] == "2026-09-30"));
    let keys = |row: &Value| {
        let keys = row["txt_keys"].as_array().unwrap();
        keys.iter().map(|key| key["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&list[1]), ["u", "p", "path"]);
    assert_eq!(keys(&list[6]), ["td", "type", "scheme"]);
    assert_eq!(keys(&list[8]), Vec::<String>::new());

    let said = portolan(&["registry", "lookup", "https", "no such thing!"]);
    assert_eq!(said.code, 1);
    assert_eq!(said.error, "portolan: `no such thing!` is no port, service name or service type\n");
    assert!(said.out.contains("443"));
    let overview = good(&["registry", "info"]);
    assert!(overview.lines().any(|line| fields(line) == ["updated", "2026-09-30"]), "{overview}");
    assert!(overview.lines().any(|line| fields(line) == ["records", "14536"]), "{overview}");
    let found = portolan(&["registry", "search", "--format", "json", "ippeve"]);
    assert_eq!((found.code, found.error.as_str()), (1, "portolan: note: nothing mentions `ippeve`\n"));
    assert_eq!(json(&found.out), serde_json::json!([]));
    // IANA: printer, 515, spooler.
    let found = good(&["registry", "search", "printer"]);
    assert!(found.lines().any(|line| fields(line).starts_with(&["515/tcp", "printer"])), "{found}");
}

#[test]
fn a_registry_is_exported_imported_and_compared() {
    let folder = Scratch::new("cli-registry");
    let data = folder.0.join("data");
    let with = |arguments: &[&str]| said(command(arguments).env("XDG_DATA_HOME", &data).output().unwrap());
    let old = with(&["registry", "export"]).out;
    let old_file = folder.file("old.csv", old.as_bytes()).display().to_string();
    assert_eq!(with(&["registry", "diff", &old_file, &old_file]).code, 0);
    // One description is another, and one row is new.
    let new = old.replace("http protocol over TLS/SSL", "hypertext under lock and key");
    assert!(new != old);
    let mut rows: Vec<_> = new.split_inclusive('\n').collect();
    let row = rows.iter().position(|row| row.starts_with("redis,")).unwrap();
    let added = rows[row].replacen("redis,6379,", "payroll-test,49100,", 1);
    assert!(added.starts_with("payroll-test,49100,"), "{added}");
    rows.push(&added);
    let new_file = folder.file("new.csv", rows.concat().as_bytes()).display().to_string();
    let difference = with(&["registry", "diff", "--format", "json", &old_file, &new_file]);
    assert_eq!((difference.code, difference.error.as_str()), (1, ""));
    assert!(
        difference.out.contains("payroll-test") && difference.out.contains("hypertext under lock and key")
    );
    assert!(!difference.out.contains("redis"));

    let imported = with(&["registry", "import", &new_file]);
    assert_eq!((imported.code, imported.error.as_str()), (0, ""), "{}", imported.out);
    assert!(imported.out.starts_with("14537 records of 2026-09-30 "), "{}", imported.out);
    let found = json(&with(&["registry", "lookup", "--format", "json", "49100/tcp"]).out);
    assert_eq!(found[0]["name"], "payroll-test");
    let annotated = with(&["annotate", "--format", "json", "-c", "1", "tls-ports.pcapng"]);
    assert_eq!(lines(&annotated.out)[0]["svc"]["description"], "hypertext under lock and key");
    // What is kept and gets damaged is said, and the built-in registry serves.
    let kept =
        imported.out.split(" are kept in ").nth(1).unwrap().split(" and used").next().unwrap().to_owned();
    fs::write(&kept, "no registry\n").unwrap();
    let fallen_back = with(&["registry", "lookup", "--format", "json", "443/tcp"]);
    assert_eq!((fallen_back.code, fallen_back.error.lines().count()), (0, 1), "{}", fallen_back.error);
    assert!(fallen_back.error.contains("using the built-in registry"), "{}", fallen_back.error);
    assert_eq!(json(&fallen_back.out)[0]["description"], "http protocol over TLS/SSL");
    let bad = folder.file("bad.csv", b"no registry\n").display().to_string();
    let refused = with(&["registry", "import", &bad]);
    assert_eq!((refused.code, refused.error.lines().count()), (3, 1), "{}", refused.error);
}

#[test]
fn user_layers_name_hosts_and_ports() {
    let folder = Scratch::new("cli-layer");
    let layer = folder.file("layer", b"192.0.2.20 80/tcp payroll\nknocks 22/tcp\n").display().to_string();
    let records = lines(&good(&["annotate", "--format", "json", "--registry", &layer, "http-get.pcap"]));
    assert!(records.iter().all(|record| {
        record["svc"]["name"] == "payroll"
            && record["svc"]["evidence"] == "user"
            && record["svc"]["port"] == 80
    }));
    // The same port of another host keeps its name.
    let records = lines(&good(&["annotate", "--format", "json", "--registry", &layer, "http-get-v6.pcap"]));
    assert!(records.iter().all(|record| record["svc"]["name"] == "http"));
}

#[test]
fn help_and_version() {
    let version = good(&["--version"]);
    assert_eq!(version, format!("portolan {} (IANA registry of 2026-09-30)\n", env!("CARGO_PKG_VERSION")));
    let help = good(&["--help"]);
    for part in
        ["annotate", "summary", "flows", "discover", "registry", "interfaces", "Examples:", "Exit codes:"]
    {
        assert!(help.contains(part), "{part}");
    }
    for command in ["annotate", "summary", "flows", "discover"] {
        let help = good(&[command, "--help"]);
        // Every example of the help is a command line that is understood.
        let examples =
            help.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("{command} has no examples"));
        let files = examples.lines().filter_map(|line| line.trim().strip_prefix("portolan "));
        let mut tried = 0;
        for example in files.filter(|line| line.ends_with("office.pcapng") && !line.contains('|')) {
            let words = words(example);
            let words: Vec<_> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
            assert!(!good(&words).is_empty(), "{example}");
            tried += 1;
        }
        assert!(tried > 0, "{command}");
    }
    let said = portolan(&[]);
    assert_eq!(said.code, 2);
}
