//! Several interfaces at once: two veth pairs into one network namespace, whose packets come in one order of time.
//!
//! Needs root; says so and passes elsewhere.

use std::{collections::BTreeMap, fs, path::Path, thread, time::Duration};

use portolan::{
    capture::{self, Source as _},
    packet::Batch,
};
use serde_json::Value;

use crate::{
    capture::Scratch,
    live::{Lab, Running, run},
};

/// The server's address on the second pair, and what is captured on.
const SECOND: &str = "198.51.100.20";
const BOTH: [&str; 4] = ["-i", "lan0", "-i", "lan1"];

impl Lab {
    /// The same with a second pair into the same namespaces.
    fn doubled(name: &str) -> Option<Self> {
        let lab = Self::build(name)?;
        let (server, client) = (&lab.server, lab.server.replace("-server", "-client"));
        for line in [
            format!("ip -n {server} link add lan1 type veth peer name lan1 netns {client}"),
            format!("ip -n {server} address add {SECOND}/24 dev lan1"),
            format!("ip -n {client} address add 198.51.100.10/24 dev lan1"),
            format!("ip -n {server} link set lan1 up"),
            format!("ip -n {client} link set lan1 up"),
        ] {
            run(&line).unwrap();
        }
        Some(lab)
    }

    /// Asks for pages through the first pair and the second in turns, several times.
    fn talk_on_both(&self) {
        for _ in 0..5 {
            for address in ["192.0.2.20", SECOND] {
                let page = self.ask(&format!("curl -sS --max-time 5 http://{address}/"));
                assert_eq!(page, "All printers ready.\n");
            }
        }
    }

    fn run_on_both(&self, command: &str, arguments: &[&str]) -> Running {
        self.portolan_told("lan0 (ethernet), lan1 (ethernet)", &[&[command][..], &BOTH, arguments].concat())
    }
}

/// Time in ns, number of the interface and its name of all frames of a file.
fn frames(file: &Path) -> Vec<(u64, u32, Option<String>)> {
    let mut source = capture::open(file).unwrap();
    let (mut batch, mut all) = (Batch::new(), Vec::new());
    while source.fill(&mut batch).unwrap() {
        let frame = |frame: portolan::packet::Frame<'_>| (frame.time.unwrap().0, frame.interface);
        all.extend(batch.frames().map(frame));
    }
    let name = |number: u32| source.interfaces()[number as usize].name.clone();
    all.into_iter().map(|(time, number)| (time, number, name(number))).collect()
}

#[test]
fn packets_of_two_interfaces_come_in_one_order() {
    let Some(lab) = Lab::doubled("sa") else { return };
    let mut running = lab.run_on_both("annotate", &["--format", "json"]);
    // Before its pipe is full, which nobody reads by then.
    lab.talk();
    let lines = running.counters();
    assert!(lines.iter().any(|line| line.starts_with("portolan: lan0: ")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("portolan: lan1: ")), "{lines:?}");
    lab.talk_on_both();
    let ended = running.interrupt();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let records: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times: Vec<_> = records.iter().map(|record| record["@timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted());
    let mut counts = BTreeMap::new();
    for (number, record) in (1..).zip(&records) {
        assert_eq!(record["frame"]["number"], number);
        let (id, name) = (&record["frame"]["interface"], &record["interface"]["name"]);
        *counts.entry((id.as_u64().unwrap(), name.as_str().unwrap().to_owned())).or_insert(0_u64) += 1;
        // Each network is on one of them.
        let address = record["source"]["ip"].as_str().unwrap_or_default();
        if address.starts_with("192.0.2.") || address.starts_with("198.51.100.") {
            assert_eq!(*id == 0, address.starts_with("192.0.2."), "{record}");
        }
    }
    let keys: Vec<_> = counts.keys().map(|(id, name)| (*id, name.as_str())).collect();
    assert_eq!(keys, [(0, "lan0"), (1, "lan1")]);
    // Each page takes ten packets or so: the order changes from one interface to the other for each of them.
    let turns =
        records.windows(2).filter(|pair| pair[0]["frame"]["interface"] != pair[1]["frame"]["interface"]);
    assert!(turns.count() >= 9);
    for ((_, name), count) in &counts {
        let line =
            ended.stderr.lines().find(|line| line.starts_with(&format!("portolan: {name}: "))).unwrap();
        assert!(
            line.contains(&format!(" {count} passed the filter; 0 lost in the kernel")),
            "{count} {line}"
        );
    }
    let all = format!("portolan: lan0+lan1: {0} packets charted of {0} that passed", records.len());
    assert!(ended.stderr.contains(&all), "{}", ended.stderr);
}

#[test]
fn captures_of_two_interfaces_describe_both() {
    let Some(lab) = Lab::doubled("sb") else { return };
    let folder = Scratch::new("several");
    let (one, ring) = (folder.0.join("one.pcapng"), folder.0.join("ring.pcapng"));
    let runs = [
        lab.run_on_both("annotate", &["-w", &one.display().to_string()]),
        lab.run_on_both("annotate", &["-w", &ring.display().to_string(), "--rotate-size", "3k"]),
    ];
    let summary = lab.run_on_both("summary", &["--by", "interface", "--format", "json"]);
    let flows = lab.run_on_both("flows", &["--format", "json", "-f", "tcp port 80"]);
    lab.talk_on_both();
    for running in runs {
        let ended = running.interrupt();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let expected = [(0, "lan0"), (1, "lan1")];
    let check = |frames: &[(u64, u32, Option<String>)]| {
        assert!(frames.is_sorted_by_key(|frame| frame.0));
        assert!(frames.iter().all(|(_, id, name)| expected.contains(&(*id, name.as_deref().unwrap()))));
    };
    let whole = frames(&one);
    check(&whole);
    assert_eq!(whole.iter().map(|frame| frame.1).collect::<std::collections::BTreeSet<_>>(), [0, 1].into());
    // Interface Description Blocks (type 1) come in the order of the devices, statistics (type 5) for each at the end.
    let octets = fs::read(&one).unwrap();
    let (mut rest, mut blocks) = (&octets[..], Vec::new());
    while let Some(head) = rest.get(..12) {
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        blocks.push((word(0), word(8)));
        rest = &rest[word(4) as usize..];
    }
    assert_eq!(blocks.iter().filter(|block| block.0 == 1).count(), 2);
    let statistics: Vec<_> = blocks.iter().filter(|block| block.0 == 5).map(|block| block.1).collect();
    assert_eq!(statistics, [0, 1]);
    // Each file of a ring is complete by itself, and nothing is lost between them.
    let mut files: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| *file != one);
    files.sort();
    assert!(files.len() > 2, "{files:?}");
    let pieces: Vec<_> = files.iter().flat_map(|file| frames(file)).collect();
    check(&pieces);
    // The two runs do not begin and end with the same packet, but all pages are in both.
    let pages = |frames: &[(u64, u32, Option<String>)]| frames.len();
    assert!(pages(&pieces) >= 80 && pages(&whole) >= 80, "{} {}", pieces.len(), whole.len());

    let summary: Value = serde_json::from_str(&summary.interrupt().stdout).unwrap();
    let mut keys: Vec<_> = summary["rows"].as_array().unwrap().iter().map(|row| row["key"].clone()).collect();
    keys.sort_by_key(Value::to_string);
    assert_eq!(keys, ["lan0", "lan1"]);
    let flows = flows.interrupt().stdout;
    assert_eq!(flows.lines().count(), 10, "{flows}");
}

/// One of them is removed: what came before is told, and the run ends with the error.
#[test]
fn the_end_of_one_interface_is_told() {
    let Some(lab) = Lab::doubled("sc") else { return };
    let mut running = lab.run_on_both("annotate", &["--format", "json"]);
    lab.talk_on_both();
    // What the kernel still holds goes with the interface.
    thread::sleep(Duration::from_millis(500));
    run(&format!("ip -n {} link delete lan1", lab.server)).unwrap();
    let ended = running.wait();
    assert_eq!(ended.code, Some(7), "{ended:?}");
    assert!(
        ended.stderr.contains("portolan: error: lan1: ") || ended.stderr.contains("lan1: "),
        "{}",
        ended.stderr
    );
    assert!(ended.stdout.lines().count() >= 80);
    // The same name twice is no second interface.
    let mut child = std::process::Command::new("ip");
    let twice = child.args(["netns", "exec", &lab.server, env!("CARGO_BIN_EXE_portolan")]);
    let twice = twice.args(["summary", "-i", "lan0", "-i", "lan0"]).output().unwrap();
    assert_eq!(twice.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&twice.stderr).contains("-i lan0 is given twice"));
}
