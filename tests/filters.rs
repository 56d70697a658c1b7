//! `--where`, `--from`, `--to`, `--sort`, `--top` and `--columns` as they are given to the command; and `docs/filters.md`, whose
//! commands do what stands there. `UPDATE_DOCS=1 cargo test filters` writes what they print.

use std::{env, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    capture::Scratch,
    cli::{bad, good, portolan, words},
    material,
};

fn parsed(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn commands_of_the_manual_print_what_stands_there() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/filters.md");
    let text = fs::read_to_string(&file).unwrap();
    let (mut written, mut in_block, mut count) = (String::new(), false, 0);
    for line in text.lines() {
        let fence = line.starts_with("```");
        if fence {
            in_block = line == "```console";
        }
        if in_block && !fence && !line.starts_with("$ ") {
            continue;
        }
        written += &format!("{line}\n");
        if let Some(command) = line.strip_prefix("$ portolan ").filter(|_| in_block) {
            let arguments = words(command);
            let said = portolan(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            assert!(
                said.code == 0 && said.error.is_empty() || said.code == 5 && said.out.is_empty(),
                "{command}"
            );
            written += &said.out;
            written += &said.error;
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, written).unwrap();
    } else {
        assert_eq!(text, written, "run again with UPDATE_DOCS=1");
    }
}

/// Every way to write packets shows those that the JSON of all packets tells, whatever the number of threads.
#[test]
fn packets_are_chosen_by_what_their_records_say() {
    let all = parsed(&good(&["annotate", "--format", "json", "office.pcapng"]));
    let is_web = |packet: &&Value| {
        let is_there = packet["source"]["ip"] == "192.0.2.20" || packet["destination"]["ip"] == "192.0.2.20";
        packet["svc"]["name"] == "https" && is_there
    };
    let expected: Vec<_> = all.iter().filter(is_web).cloned().collect();
    let expression = "svc.name == https and ip == 192.0.2.20";
    assert!(expected.len() > 5 && expected.len() < all.len() / 2);
    for threads in ["1", "2", "3"] {
        let more = ["--threads", threads, "--min-stretch", "300", "--where", expression, "office.pcapng"];
        let some = good(&[&["annotate", "--format", "json"], &more[..]].concat());
        assert_eq!(parsed(&some), expected);
        let lines = good(&[&["annotate"], &more[..]].concat());
        assert_eq!(lines.lines().count(), expected.len());
        // What was shown before counts, not what came before.
        let delta = good(&[&["annotate", "--time", "delta"], &more[..]].concat());
        let one =
            good(&["annotate", "--time", "delta", "--threads", "1", "--where", expression, "office.pcapng"]);
        assert_eq!(delta, one);
        let summary: Value =
            serde_json::from_str(&good(&[&["summary", "--format", "json"], &more[..]].concat())).unwrap();
        assert_eq!(summary["capture"]["packets"], expected.len());
    }
    // What is counted is what is left, in one pass and in two.
    for way in [&["--causal"][..], &[]] {
        let two = good(
            &[&["annotate", "--format", "json", "-c", "2", "--where", expression, "office.pcapng"], way]
                .concat(),
        );
        assert_eq!(
            parsed(&two).iter().map(|packet| &packet["frame"]["number"]).collect::<Vec<_>>(),
            expected[..2].iter().map(|packet| &packet["frame"]["number"]).collect::<Vec<_>>()
        );
    }
    let filtered = good(&[
        "annotate",
        "-f",
        "src host 192.0.2.20",
        "--where",
        expression,
        "-c",
        "1",
        "--format",
        "json",
        "office.pcapng",
    ]);
    assert_eq!(
        parsed(&filtered),
        [expected.iter().find(|packet| packet["source"]["ip"] == "192.0.2.20").unwrap().clone()]
    );
    // Asked for, even where it is not shown.
    let id = expected[0]["network"]["community_id"].as_str().unwrap();
    let flow = good(&["annotate", "--where", &format!("network.community_id == \"{id}\""), "office.pcapng"]);
    let same = all.iter().filter(|packet| packet["network"]["community_id"] == id).count();
    assert_eq!(flow.lines().count(), same);
}

#[test]
fn an_annotated_capture_of_chosen_packets_keeps_the_other_blocks() {
    let folder = Scratch::new("filters-pcapng");
    let target = folder.0.join("some.pcapng").display().to_string();
    let run = ["annotate", "tls-ports.pcapng", "--where", "port == 443", "-w", &target];
    good(&run);
    let blocks = |octets: &[u8]| {
        let (mut rest, mut kinds) = (octets, Vec::new());
        while rest.len() >= 12 {
            let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            kinds.push(word(0));
            rest = &rest[word(4) as usize..];
        }
        kinds
    };
    let count = |kinds: &[u32], kind| kinds.iter().filter(|known| **known == kind).count();
    let (all, some) = (fs::read(material::sample("tls-ports.pcapng")).unwrap(), fs::read(&target).unwrap());
    let (all, some) = (blocks(&all), blocks(&some));
    let shown = good(&["annotate", "tls-ports.pcapng", "--where", "port == 443"]).lines().count();
    // Enhanced Packet Blocks are of type 6, interfaces of type 1 (draft-ietf-opsawg-pcapng).
    assert_eq!(count(&some, 6), shown);
    assert!(shown > 0 && shown < count(&all, 6));
    let mut others: Vec<_> = all.iter().filter(|kind| **kind != 6).collect();
    let mut kept: Vec<_> = some.iter().filter(|kind| **kind != 6 && **kind != 4).collect();
    others.sort_unstable();
    kept.sort_unstable();
    assert_eq!(kept, others);
    assert_eq!(good(&["annotate", &target]).lines().count(), shown);
    // In its own place it would lose the rest.
    let said = portolan(&["annotate", &target, "--where", "svc", "-w", &target]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.error.contains("what is not selected would be lost"), "{}", said.error);
}

#[test]
fn times_bound_what_is_shown() {
    let all = parsed(&good(&["annotate", "--format", "json", "office.pcapng"]));
    // The capture begins at 2026-11-22T21:24:24.596170016Z, as `capinfos -aS` tells.
    let between = |from: &str, to: &str| {
        let time = |packet: &&Value| {
            let time = packet["@timestamp"].as_str().unwrap();
            from <= time && time < to
        };
        all.iter().filter(time).cloned().collect::<Vec<_>>()
    };
    for (arguments, from, to) in [
        (
            &["--from", "+2s", "--to", "+4s"][..],
            "2026-11-22T21:24:26.596170016Z",
            "2026-11-22T21:24:28.596170016Z",
        ),
        (&["--from", "21:24:30"], "2026-11-22T21:24:30.000000000Z", "9"),
        (&["--to", "21:25"], "0", "2026-11-22T21:25:00.000000000Z"),
        (&["--to", "2026-11-22T22:24:27.5+01:00"], "0", "2026-11-22T21:24:27.500000000Z"),
        (&["--from", "+0s", "--to", "+1h"], "0", "9"),
        (&["--from", "+1h"], "9", "9"),
    ] {
        let expected = between(from, to);
        for way in [&[][..], &["--causal"], &["--threads", "2", "--min-stretch", "300"]] {
            let some = good(&[&["annotate", "--format", "json", "office.pcapng"], arguments, way].concat());
            let numbers = |packets: &[Value]| {
                packets.iter().map(|packet| packet["frame"]["number"].clone()).collect::<Vec<_>>()
            };
            assert_eq!(numbers(&parsed(&some)), numbers(&expected), "{arguments:?}");
        }
        let summary = good(&[&["summary", "--format", "json", "office.pcapng"], arguments].concat());
        let summary: Value = serde_json::from_str(&summary).unwrap();
        assert_eq!(summary["capture"]["packets"], expected.len());
    }
    // A flow with a packet in the window is told whole.
    let flow = good(&["flows", "--from", "+5.47s", "--to", "+5.48s", "office.pcapng"]);
    assert!(
        flow.lines().count() < 8 && good(&["flows", "office.pcapng"]).contains(flow.lines().next().unwrap()),
        "{flow}"
    );
    bad(
        &["annotate", "--from", "+3s", "--to", "+3s", "office.pcapng"],
        2,
        "--to is not after --from: no packet lies between them",
    );
    for command in ["hosts", "discover"] {
        let said = portolan(&[command, "--from", "+3s", "office.pcapng"]);
        assert_eq!(said.code, 2);
        assert!(said.error.contains("takes neither -f, -c, --from nor --to"), "{}", said.error);
    }
    let said = portolan(&["annotate", "--to", "noon", "office.pcapng"]);
    assert_eq!(said.code, 2);
    assert!(
        said.error.contains("a time is written as 2026-01-02T03:04:05Z, 03:04, 03:04:05 or +10s"),
        "{}",
        said.error
    );
}

#[test]
fn flows_are_chosen_sorted_and_cut() {
    let all = parsed(&good(&["flows", "--format", "json", "office.pcapng"]));
    let bytes = |flow: &Value| flow["network"]["bytes"].as_u64().unwrap();
    let mut expected: Vec<_> =
        all.iter().filter(|flow| flow["network"]["transport"] == "udp").cloned().collect();
    expected.sort_by_key(|flow| std::cmp::Reverse(bytes(flow)));
    let run = ["flows", "--format", "json", "office.pcapng", "--where", "network.transport == udp", "--sort"];
    assert_eq!(parsed(&good(&[&run[..], &["bytes"]].concat())), expected);
    assert_eq!(parsed(&good(&[&run[..], &["network_bytes", "--top", "2"]].concat())), expected[..2]);
    let least = parsed(&good(&[&run[..], &["-bytes", "--limit", "1"]].concat()));
    assert_eq!(bytes(&least[0]), expected.iter().map(bytes).min().unwrap());
    let chosen = good(
        &[&run[..], &["bytes", "--top", "1", "--columns", "svc.name,source.ip,network.bytes,source.port"]]
            .concat(),
    );
    let first = &expected[0];
    // Fields of one object stand together.
    let object = format!(
        "{{\"svc\":{{\"name\":{}}},\"source\":{{\"ip\":{},\"port\":{}}},\"network\":{{\"bytes\":{}}}}}\n",
        first["svc"]["name"], first["source"]["ip"], first["source"]["port"], first["network"]["bytes"]
    );
    assert_eq!(chosen, object);
    let csv = good(&[
        "flows",
        "office.pcapng",
        "--format",
        "csv",
        "--columns",
        "network.bytes,source_ip,network.bytes",
    ]);
    assert!(csv.starts_with("network_bytes,source_ip,network_bytes\n"), "{csv}");
    let said = portolan(&["flows", "office.pcapng", "--sort", "byts"]);
    assert_eq!(said.code, 2);
    assert!(said.error.contains("there is no field `byts`"), "{}", said.error);
    let said = portolan(&["annotate", "office.pcapng", "--columns", "source.ip"]);
    assert_eq!(said.code, 2);
}

#[test]
fn columns_of_packets_are_those_of_all_fields() {
    let all = good(&["annotate", "--format", "csv", "interfaces-mixed.pcapng"]);
    let header: Vec<_> = all.lines().next().unwrap().split(',').collect();
    // All columns by their names, and all fields in JSON, are what there is without them.
    let chosen =
        good(&["annotate", "--format", "csv", "--columns", &header.join(","), "interfaces-mixed.pcapng"]);
    assert_eq!(chosen, all);
    let json =
        good(&["annotate", "--format", "json", "--columns", &header.join(","), "interfaces-mixed.pcapng"]);
    assert_eq!(parsed(&json), parsed(&good(&["annotate", "--format", "json", "interfaces-mixed.pcapng"])));
}

#[test]
fn hosts_and_instances_are_chosen_by_their_own_records() {
    let read = |arguments: &[&str]| serde_json::from_str::<Value>(&good(arguments)).unwrap();
    let all = read(&["hosts", "--format", "json", "office.pcapng"]);
    let serves =
        |host: &&Value| host["offers"].as_array().is_some_and(|all| all.iter().any(|one| one["port"] == 443));
    let expected: Vec<_> = all["hosts"].as_array().unwrap().iter().filter(serves).cloned().collect();
    assert_eq!(expected.len(), 1);
    let some = read(&["hosts", "--format", "json", "--where", "offers.port == 443", "office.pcapng"]);
    assert_eq!(some["hosts"], json!(expected));
    let some = read(&[
        "hosts",
        "--format",
        "json",
        "--sort",
        "-packets",
        "--top",
        "1",
        "--columns",
        "packets",
        "office.pcapng",
    ]);
    let least = all["hosts"].as_array().unwrap().iter().map(|host| host["packets"].as_u64().unwrap()).min();
    assert_eq!(some["hosts"], json!([{"packets": least}]));

    let all = read(&["discover", "--format", "json", "office.pcapng"]);
    let some = read(&["discover", "--format", "json", "--where", "port == 8800", "office.pcapng"]);
    let instances = all["instances"].as_array().unwrap();
    let expected: Vec<_> = instances.iter().filter(|instance| instance["port"] == 8800).cloned().collect();
    assert_eq!((expected.len(), &some["instances"]), (1, &json!(expected)));
    let types = some["types"].as_array().unwrap();
    assert!(types.iter().all(|one| one["type"] == "_caldav._tcp") && types.len() == 1, "{types:?}");
    assert!(some["events"].as_array().unwrap().len() < all["events"].as_array().unwrap().len());
    let whole = good(&["discover", "--format", "csv", "office.pcapng"]);
    let header = whole.lines().next().unwrap();
    assert_eq!(good(&["discover", "--format", "csv", "--columns", header, "office.pcapng"]), whole);
    let said = portolan(&["discover", "--format", "csv", "--events", "--columns", "type", "office.pcapng"]);
    assert_eq!(said.code, 2);
}

#[test]
fn summaries_show_the_columns_asked_for_in_the_order_asked_for() {
    let csv = good(&["summary", "--format", "csv", "office.pcapng"]);
    let header = csv.lines().next().unwrap();
    assert_eq!(good(&["summary", "--format", "csv", "--columns", header, "office.pcapng"]), csv);
    let read = |arguments: &[&str]| serde_json::from_str::<Value>(&good(arguments)).unwrap();
    for (key, path, is_down) in [
        ("bytes", "bytes", true),
        ("clients", "clients", true),
        ("first", "first", false),
        ("-last", "last", true),
        ("-name", "key", true),
    ] {
        let rows = read(&["summary", "--format", "json", "--sort", key, "--columns", path, "office.pcapng"]);
        let rows = rows["rows"].as_array().unwrap();
        let text = |row: &Value| match &row[path] {
            Value::Number(number) => format!("{:020}", number.as_u64().unwrap()),
            value => value.as_str().unwrap().to_owned(),
        };
        let shown: Vec<_> = rows.iter().map(text).collect();
        let mut sorted = shown.clone();
        sorted.sort();
        if is_down {
            sorted.reverse();
        }
        assert_eq!(shown, sorted, "{key}");
        assert!(rows.iter().all(|row| row.as_object().unwrap().len() == 1));
    }
}
