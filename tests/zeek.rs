//! Flows as lines of Zeek's `conn.log`: of a capture made by hand, and of samples against tshark and the rules of Zeek's script
//! `base/protocols/conn/main.zeek`. `docs/zeek.md` is made here.

mod exchanges;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    process::Command,
};

use portolan::report::flows::zeek::{CONNECTION, RENAMED};
use serde_json::{Value, json};

use crate::{
    capture::Scratch,
    cli::{bad, good},
    flows::capture,
    material,
};

fn lines(arguments: &[&str]) -> Vec<Value> {
    let out = good(&[&["flows", "--format", "zeek"], arguments].concat());
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The page: the fields and words are those of the source.
pub(crate) fn list_of_zeek_fields() -> String {
    let mut text = "# Flows as Zeek logs connections

`portolan flows --format zeek` writes each flow as Zeek would write it to `conn.log` with `LogAscii::use_json=T`: an object per
line, names with their dots in the keys, times and durations in seconds, what is unknown left out. The lists here are those of the
source: written by `UPDATE_DOCS=1 cargo test schema`.

| field | Zeek's type | meaning |
| --- | --- | --- |
"
    .to_owned();
    for field in &CONNECTION {
        writeln!(text, "| `{}` | {} | {} |", field.name, field.kind, field.doc).unwrap();
    }
    text += "
`service` has portolan's words for protocols (`network.protocol` in [fields.md](fields.md)), but for these:

| portolan | Zeek |
| --- | --- |
";
    for (ours, zeeks) in &RENAMED {
        writeln!(text, "| `{}` | `{zeeks}` |", ours.word()).unwrap();
    }
    text + "
## What is different from Zeek

- Lines stand in the order in which flows began, not in which they ended.
- `service` has one word: the outermost protocol. Protocols that Zeek has no analyzer for are named, too. What only the port
  suggests is left out here, as by Zeek; the other formats of `flows` tell it as `svc.name` with its evidence.
- `conn_state` and `history` of TCP are worked out of what each end did, in the order in which it did it first, by Zeek's rules. Zeek
  writes `S`, `H`, `F` and `R` again for another sequence number, and counts `C`, `G`, `T` and `W`: here each letter is there once, and
  of checksums, gaps, retransmissions, windows and given up analyses (`X`) nothing is told. Both fields are absent where the flags of a
  segment were not captured, or the ends did more than twelve different things, as an orderly connection never does. A SYN and ACK
  that comes before its SYN is a handshake, too. UDP is `SF` or `S0`, with `D` and `d`; all else is `OTH` and has no `history`, as in Zeek.
- `orig_bytes`, `resp_bytes`, `orig_ip_bytes`, `resp_ip_bytes` and `missed_bytes` are absent: what is counted is whole frames, which
  `orig_wire_bytes` and `resp_wire_bytes` tell.
- `local_orig`, `local_resp`, `tunnel_parents` and `vlan` are absent. What a tunnel carries is counted for the innermost flow.
- The originator of TCP is the sender of the SYN, and the other end where the first packet is a SYN and ACK; of all else, the sender of
  the first packet. Where it is not, a `history` begins with `^`. Zeek also turns flows whose first packet comes from a port that
  a server likely has.
- TCP is another flow after an hour of silence (Zeek: five minutes), all else after 120 seconds (Zeek: one minute).
- ICMP has no ports, where Zeek writes type and code; and the packets between two hosts are one flow, whatever their types.
- `uid` is the same in every run; Zeek's is random unless a seed is given.

`--where`, `--sort`, `--top`, `-f`, `--from` and `--to` choose flows as in all other formats, by portolan's names of fields. `--columns`
is refused: fields of a log are dropped by the tool that reads it.
"
}

#[test]
fn flows_are_lines_of_a_connection_log() {
    let folder = Scratch::new("zeek");
    let file = folder.file("flows.pcap", &capture()).display().to_string();
    let records = lines(&[&file]);
    let ends = |from: (&str, u16), to: (&str, u16), proto: &str, number: u8| {
        json!({
            "id.orig_h": from.0, "id.orig_p": from.1, "id.resp_h": to.0, "id.resp_p": to.1,
            "proto": proto, "ip_proto": number,
        })
    };
    let web = ends(("128.232.110.120", 34_855), ("66.35.250.204", 80), "tcp", 6);
    // Packets of 40 octets of raw IP; the question has 48. Nothing was said, so there is no service.
    let expected = [
        (
            ends(("2001:db8::1", 40_000), ("2001:db8::2", 53), "udp", 17),
            json!({
                "ts": 9.0, "conn_state": "S0", "history": "D",
                "orig_pkts": 1, "resp_pkts": 0, "orig_wire_bytes": 48, "resp_wire_bytes": 0,
            }),
        ),
        (
            // Opened, answered, and broken off by a reset of who opened it.
            web.clone(),
            json!({
                "ts": 10.0, "duration": 0.5, "conn_state": "RSTO", "history": "ShAR",
                "orig_pkts": 3, "resp_pkts": 1, "orig_wire_bytes": 120, "resp_wire_bytes": 40,
                "community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            }),
        ),
        (
            json!({"id.orig_h": "192.0.2.1", "id.resp_h": "192.0.2.2", "proto": "icmp", "ip_proto": 1}),
            json!({
                "ts": 12.0, "duration": 0.000_001, "conn_state": "OTH", "orig_pkts": 1, "resp_pkts": 1,
                "orig_wire_bytes": 28, "resp_wire_bytes": 28,
            }),
        ),
        (
            web,
            json!({
                "ts": 20.0, "conn_state": "S0", "history": "S", "orig_pkts": 1, "resp_pkts": 0, "orig_wire_bytes": 40, "resp_wire_bytes": 0,
                "community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            }),
        ),
    ];
    assert_eq!(records.len(), expected.len());
    let mut ids = BTreeSet::new();
    for (mut record, (ends, rest)) in records.into_iter().zip(expected) {
        let object = record.as_object_mut().unwrap();
        let id = object.remove("uid").unwrap().as_str().unwrap().to_owned();
        assert!(
            id.len() == 18 && id.starts_with('C') && id.bytes().all(|octet| octet.is_ascii_alphanumeric())
        );
        assert!(ids.insert(id), "each flow has its own");
        let mut all = ends.as_object().unwrap().clone();
        all.extend(rest.as_object().unwrap().clone());
        // That of UDP is not in the examples of the specification.
        if all["proto"] == "udp" {
            object.remove("community_id").unwrap();
        }
        assert_eq!(record, Value::Object(all));
    }
    assert_eq!(lines(&[&file]), lines(&["--threads", "2", &file]), "and keeps it");
    let columns = ["flows", "--format", "zeek", "--columns", "svc.name", "office.pcapng"];
    bad(&columns, 2, "--columns does not go with --format zeek, whose fields are Zeek's");
}

#[test]
fn a_service_is_what_octets_say() {
    let services = |name: &str| -> BTreeSet<String> {
        lines(&[name]).iter().map(|line| line["service"].as_str().unwrap_or("none").to_owned()).collect()
    };
    assert_eq!(services("http-get.pcap"), BTreeSet::from(["http".to_owned()]));
    assert_eq!(services("tls-ports.pcapng"), BTreeSet::from(["ssl".to_owned()]));
    assert_eq!(services("dns-5300.pcap"), BTreeSet::from(["dns".to_owned()]));
    // Ports that were asked, and said nothing.
    assert_eq!(services("scan-syn.pcap"), BTreeSet::from(["none".to_owned()]));
    let chosen = lines(&["--where", "svc.protocol == snmp", "--top", "1", "office.pcapng"]);
    assert_eq!(chosen.iter().map(|line| &line["service"]).collect::<Vec<_>>(), ["snmp"]);
}

type Ends = (String, u64, String, u64);

/// What tshark counts of the TCP packets between two ends: from the one that opened, and back.
#[derive(Debug, Default)]
struct Counted {
    packets: [u64; 2],
    octets: [u64; 2],
    /// Letters of what each did first, in order.
    history: String,
}

impl Counted {
    /// Notes flags and length of a segment, as Zeek's documentation of `history` has it.
    fn note(&mut self, way: usize, flags: u16, len: u64) {
        let letter = match flags & 0x17 {
            0x02 => 'S',
            0x12 => 'H',
            0x01 | 0x11 => 'F',
            0x04 | 0x14 => 'R',
            0x10 if len == 0 => 'A',
            0x10 => 'D',
            other => panic!("flags {other:x}"),
        };
        let letter = if way == 0 { letter } else { letter.to_ascii_lowercase() };
        if !self.history.contains(letter) {
            self.history.push(letter);
        }
    }

    /// By Zeek's documentation of `conn_state`, of what was seen from its beginning, with resets behind no FIN.
    fn state(&self) -> &'static str {
        let has = |letter: char| self.history.contains(letter);
        match (has('h'), has('F'), has('f'), has('R'), has('r')) {
            (false, false, false, false, false) => "S0",
            (false, false, false, false, true) => "REJ",
            (true, false, false, false, false) => "S1",
            (true, true, true, _, _) => "SF",
            (true, true, false, false, false) => "S2",
            (true, false, true, false, false) => "S3",
            (true, _, _, true, false) => "RSTO",
            (true, _, _, false, true) => "RSTR",
            _ => panic!("{self:?}"),
        }
    }
}

/// The TCP conversations over IPv4 of a capture by their ends, the sender of the first SYN first; `None` without tshark.
fn conversations(name: &str) -> Option<BTreeMap<Ends, Counted>> {
    let fields = ["ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "frame.len", "tcp.flags", "tcp.len"];
    let mut command = Command::new("tshark");
    command.args(["-n", "-Y", "tcp and ip and not icmp", "-T", "fields", "-r"]).arg(material::sample(name));
    let output = command.args(fields.iter().flat_map(|field| ["-e", field])).output().ok()?;
    let mut all: BTreeMap<Ends, Counted> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let cells: Vec<_> = line.split('\t').collect();
        let [source, from, destination, to, len, flags, data] = cells[..] else { panic!("{line}") };
        let [from, to, len, data] = [from, to, len, data].map(|number| number.parse::<u64>().unwrap());
        let flags = u16::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap();
        let ways = [(source, from, destination, to), (destination, to, source, from)];
        let [forth, back] = ways.map(|(one, at, other, with)| (one.to_owned(), at, other.to_owned(), with));
        let way = usize::from(all.contains_key(&back));
        let counted = all.entry(if way == 1 { back } else { forth }).or_default();
        counted.packets[way] += 1;
        counted.octets[way] += len;
        counted.note(way, flags, data);
    }
    Some(all)
}

#[test]
fn counts_and_states_are_those_of_tshark() {
    let mut states = BTreeMap::new();
    for name in ["http-get.pcap", "scan-syn.pcap", "unanswered.pcap", "office.pcapng"] {
        let Some(mut expected) = conversations(name) else {
            #[allow(clippy::print_stderr, reason = "the reason of a skip belongs in the test log")]
            {
                eprintln!("skipped: no tshark to compare with");
            }
            return;
        };
        let tcp: Vec<_> = lines(&[name])
            .into_iter()
            .filter(|line| line["proto"] == "tcp" && !line["id.orig_h"].as_str().unwrap().contains(':'))
            .collect();
        assert_eq!(tcp.len(), expected.len(), "{name}");
        for line in tcp {
            let end = |side: &str| {
                (
                    line[format!("id.{side}_h")].as_str().unwrap().to_owned(),
                    line[format!("id.{side}_p")].as_u64().unwrap(),
                )
            };
            let ((from, at), (to, with)) = (end("orig"), end("resp"));
            let counted = expected.remove(&(from, at, to, with)).expect(name);
            let numbers =
                |kind: &str| ["orig", "resp"].map(|side| line[format!("{side}_{kind}")].as_u64().unwrap());
            assert_eq!(
                (numbers("pkts"), numbers("wire_bytes")),
                (counted.packets, counted.octets),
                "{name}: {line}"
            );
            assert_eq!(line["history"], counted.history, "{name}: {line}");
            assert_eq!(line["conn_state"], counted.state(), "{name}: {line}");
            *states.entry(counted.state()).or_insert(0) += 1;
        }
    }
    assert!(states.len() > 3 && ["SF", "S0", "REJ"].iter().all(|state| states[state] > 0), "{states:?}");
}
