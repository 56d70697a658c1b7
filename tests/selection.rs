//! What is selected is charted, what is there is learned; and files that have nothing to do with each other.

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    capture::Scratch,
    cli::{command, good, portolan},
    generator::captures::{Plan, Shape},
    material,
};

const BY: [&str; 9] =
    ["service", "port", "server", "client", "host", "conversation", "transport", "vlan", "interface"];

/// Runs the command with a capture on standard input. Returns its exit code and standard output.
fn piped(arguments: &[&str], octets: &[u8]) -> (i32, String) {
    let folder = Scratch::new(&format!("selection-{}", arguments.join("")).replace([' ', '/'], ""));
    let input = fs::File::open(folder.file("in", octets)).unwrap();
    // Through a pipe: a file behind standard input could be read twice.
    let mut cat = Command::new("cat").stdin(input).stdout(Stdio::piped()).spawn().unwrap();
    let output = command(arguments).stdin(cat.stdout.take().unwrap()).output().unwrap();
    cat.wait().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Lines of a text that hold one of these words.
fn lines_with<'t>(text: &'t str, words: &[&str]) -> Vec<&'t str> {
    text.lines().filter(|line| words.iter().any(|word| line.contains(word))).collect()
}

/// The records of a little-endian pcap file of Ethernet frames, each with its header.
fn records(octets: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut all) = (&octets[24..], Vec::new());
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        all.push(&rest[..16 + len]);
        rest = &rest[16 + len..];
    }
    all
}

/// A sample of packets over IPv4 with only those of this protocol: 6 is TCP, 17 UDP.
fn only(sample: &str, protocol: u8) -> Vec<u8> {
    let octets = fs::read(material::sample(sample)).unwrap();
    let wanted = records(&octets).into_iter().filter(|record| record[16 + 14 + 9] == protocol);
    [&octets[..24], &wanted.collect::<Vec<_>>().concat()].concat()
}

/// A pcap file as it is, with the seconds of all its time stamps changed.
fn moved(octets: &[u8], seconds: i32) -> Vec<u8> {
    let mut moved = octets[..24].to_vec();
    for record in records(octets) {
        let time = u32::from_le_bytes(record[..4].try_into().unwrap()).checked_add_signed(seconds).unwrap();
        moved.extend_from_slice(&time.to_le_bytes());
        moved.extend_from_slice(&record[4..]);
    }
    moved
}

/// The two faults that users met: packets 3 to 12 are named by a record that packet 44 brings, and 8800/tcp by one of
/// another host's.
#[test]
fn selecting_packets_does_not_change_their_names() {
    let all = good(&["annotate", "office.pcapng"]);
    assert!(all.lines().nth(2).unwrap().contains("http (destination, advertised)"), "{all}");
    for count in ["1", "3", "17", "100", "100000"] {
        let head: Vec<_> = all.lines().take(count.parse().unwrap()).collect();
        let some = good(&["annotate", "-c", count, "office.pcapng"]);
        assert_eq!(some.lines().collect::<Vec<_>>(), head, "-c {count}");
    }
    let web = &["> 192.0.2.20:8800", "192.0.2.20:8800 >"][..];
    for (filter, words) in [("tcp port 8800", web), ("arp", &[" arp "]), ("tcp port 80", &[":80 "])] {
        let expected = lines_with(&all, words);
        assert!(expected.len() >= 2, "{filter}");
        let some = good(&["annotate", "-f", filter, "office.pcapng"]);
        assert_eq!(some.lines().collect::<Vec<_>>(), expected, "{filter}");
        let first = good(&["annotate", "-f", filter, "-c", "2", "office.pcapng"]);
        assert_eq!(first.lines().collect::<Vec<_>>(), expected[..2], "{filter}");
    }
    // The other forms, which are made of the same records.
    for format in ["json", "csv"] {
        let all = good(&["annotate", "--format", format, "office.pcapng"]);
        let some = good(&["annotate", "--format", format, "-c", "5", "office.pcapng"]);
        let head = 5 + usize::from(format == "csv");
        assert_eq!(some.lines().collect::<Vec<_>>(), all.lines().take(head).collect::<Vec<_>>());
    }
}

#[test]
fn flows_with_a_selected_packet_are_told_whole() {
    let all = good(&["flows", "office.pcapng"]);
    let some = good(&["flows", "-f", "host 192.0.2.20", "office.pcapng"]);
    assert_eq!(some.lines().collect::<Vec<_>>(), lines_with(&all, &["192.0.2.20:", "192.0.2.20 "]));
    assert!(some.contains("8800/tcp caldav (destination, advertised) \"Office Calendar\""), "{some}");
    // One packet of a flow brings all of it.
    let syn = "tcp port 8800 and tcp[13] == 2 and ip";
    let one = good(&["flows", "-f", syn, "office.pcapng"]);
    assert_eq!(one.lines().collect::<Vec<_>>(), lines_with(&all, &["192.0.2.20:8800"]));
    assert!(one.contains("packets 6+4 "), "{one}");
    let packets = good(&["annotate", "-c", "9", "--format", "json", "office.pcapng"]);
    let ids: BTreeSet<_> = packets
        .lines()
        .filter_map(|line| json(line)["network"]["community_id"].as_str().map(ToOwned::to_owned))
        .collect();
    assert_eq!(good(&["flows", "-c", "9", "office.pcapng"]).lines().count(), ids.len());
    assert_eq!(good(&["flows", "-c", "100000", "office.pcapng"]), all);
}

/// Two connections between the same ports: what is selected of one does not bring the other.
#[test]
fn flows_of_one_five_tuple_are_selected_apart() {
    let folder = Scratch::new("selection-reopened");
    let tcp = only("mdns-http-49154.pcap", 6);
    // The same connection once more, ten seconds and ten minutes later.
    let twice = [&tcp[..], &moved(&tcp, 10)[24..], &moved(&tcp, 600)[24..]].concat();
    let path = folder.file("twice.pcap", &twice);
    let path = path.to_str().unwrap();
    let all = good(&["flows", path]);
    assert_eq!((records(&tcp).len(), all.lines().count()), (10, 3), "{all}");
    let flows: Vec<_> = all.lines().collect();
    for (count, expected) in [("1", 1), ("10", 1), ("11", 2), ("20", 2), ("21", 3), ("30", 3)] {
        let some = good(&["flows", "-c", count, path]);
        assert_eq!(some.lines().collect::<Vec<_>>(), flows[..expected], "-c {count}");
        let summary = json(&good(&["summary", "-c", count, "--format", "json", path]));
        let row = &summary["rows"][0];
        assert_eq!(row["flows"], expected, "-c {count}");
        assert_eq!(row["packets"], count.parse::<u64>().unwrap());
        assert_eq!((&row["clients"], &row["servers"]), (&1.into(), &1.into()));
    }
    let (code, some) = piped(&["flows", "-f", "tcp", "-c", "11", "-"], &twice);
    // What is read once ends there: of the second connection one packet was seen.
    assert_eq!((code, some.lines().count()), (0, 2));
    assert!(some.lines().nth(1).unwrap().contains(" packets 1+0 "), "{some}");
}

#[test]
fn a_summary_counts_what_is_selected() {
    let summary = json(&good(&["summary", "-f", "host 192.0.2.20", "--format", "json", "office.pcapng"]));
    let rows = summary["rows"].as_array().unwrap();
    let caldav = rows.iter().find(|row| row["ports"] == serde_json::json!([8800])).unwrap();
    assert_eq!((&caldav["key"], &caldav["packets"]), (&"caldav/tcp".into(), &10.into()));
    assert_eq!(caldav["evidence"], serde_json::json!({"advertised": 10}));
    assert_eq!(caldav["flows"], 1);
    // The packets that open connections: as many flows, with one packet each.
    let counted = |filter: &str| {
        json(&good(&["summary", "-f", filter, "--by", "transport", "--format", "json", "office.pcapng"]))
    };
    let opened = counted("ip and tcp[13] == 2");
    let annotated = good(&["annotate", "-f", "ip and tcp[13] == 2", "office.pcapng"]).lines().count();
    let row = &opened["rows"][0];
    assert_eq!((&row["packets"], &row["flows"]), (&annotated.into(), &annotated.into()));
    assert_eq!(
        (&opened["capture"]["packets"], &opened["capture"]["bytes"]),
        (&row["packets"], &row["bytes"])
    );
    // All packets selected are all there are, in every column.
    for sample in ["office.pcapng", "interfaces-mixed.pcapng", "dns-fragments.pcap", "icmp-errors.pcap"] {
        for by in BY {
            let whole = ["summary", "--by", by, "--format", "json", sample];
            assert_eq!(good(&[&whole[..], &["-c", "100000"]].concat()), good(&whole), "{sample} by {by}");
        }
    }
}

#[test]
fn an_inventory_is_of_all_packets() {
    for selection in [&["-c", "3"][..], &["-f", "udp"]] {
        let said = portolan(&[&["discover", "office.pcapng"], selection].concat());
        assert_eq!((said.code, said.out.as_str()), (2, ""));
        assert_eq!(
            said.error,
            "portolan: discover takes neither -f, -c, --from nor --to: they choose packets, and what hosts advertise is \
             learned from all of them\n"
        );
    }
}

/// Of the sample, packet 3 is the SRV record that names the connection in packets 8 to 17.
#[test]
fn what_is_read_once_learns_from_packets_that_are_not_charted() {
    let octets = fs::read(material::sample("mdns-http-49154.pcap")).unwrap();
    let named = "49154/tcp http (destination, advertised";
    for arguments in [&["annotate", "--causal"][..], &["annotate"], &["flows"], &["summary"]] {
        let input = if arguments.len() == 2 { "mdns-http-49154.pcap" } else { "-" };
        let run = [arguments, &["-q", "-f", "tcp port 49154", "-c", "4", input]].concat();
        let (code, out) = piped(&run, &octets);
        assert_eq!(code, 0);
        match arguments[0] {
            "annotate" => {
                assert_eq!((out.lines().count(), lines_with(&out, &[named]).len()), (4, 3), "{out}");
            }
            "flows" => assert!(out.lines().count() == 1 && out.contains(named), "{out}"),
            _ => {
                let row = lines_with(&out, &["http/tcp"])[0].split_whitespace().collect::<Vec<_>>();
                assert_eq!(row, ["http/tcp", "49154", "4", "367", "100.0", "1", "1", "1", "advertised"]);
            }
        }
    }
}

/// With hindsight a file is learned whole, so damage is met wherever it lies.
#[test]
fn damage_behind_the_last_packet_asked_for_is_told_where_it_was_met() {
    let folder = Scratch::new("selection-damage");
    let octets = fs::read(material::sample("mdns-http-49154.pcap")).unwrap();
    let path = folder.file("cut.pcap", &octets[..octets.len() - 3]);
    let path = path.to_str().unwrap();
    for command in ["annotate", "flows", "summary"] {
        let said = portolan(&[command, "-c", "3", path]);
        assert_eq!(said.code, 4, "{command}: {}", said.error);
        assert!(!said.out.is_empty() && said.error.lines().count() == 1, "{command}: {}", said.error);
    }
    assert_eq!(good(&["annotate", "--causal", "-c", "3", path]).lines().count(), 3);
    // A filter that does not fit is told once, though files are read twice.
    for command in ["annotate", "flows", "summary"] {
        let said = portolan(&[command, "-f", "wlan type mgt", "office.pcapng"]);
        assert_eq!((said.code, said.error.lines().count()), (5, 1), "{command}: {}", said.error);
    }
}

/// Two captures with the same private addresses: the records of one say nothing about the other.
fn strangers(folder: &Scratch) -> [String; 2] {
    [("announced.pcap", 17), ("unnamed.pcap", 6)].map(|(name, protocol)| {
        folder.file(name, &only("mdns-http-49154.pcap", protocol)).display().to_string()
    })
}

#[test]
fn files_that_are_separate_do_not_name_each_other() {
    let folder = Scratch::new("separate");
    let [announced, unnamed] = strangers(&folder);
    let names = [&*announced, &*unnamed];
    let run = |command: &[&str], more: &[&str]| good(&[command, &names, more].concat());
    for command in [&["annotate"][..], &["annotate", "--causal"], &["flows"], &["summary"]] {
        let (together, separate) = (run(command, &[]), run(command, &["--separate"]));
        assert!(together.contains("advertised"), "{command:?}: {together}");
        assert!(!separate.contains("advertised"), "{command:?}: {separate}");
        assert_eq!(run(command, &["--together"]), together);
        for threads in ["2", "5"] {
            let ways = ["--separate", "--threads", threads, "--min-stretch", "64"];
            assert_eq!(run(command, &ways), separate, "{command:?} on {threads} threads");
        }
    }
    // Records are those of each file alone, with its name; numbers begin anew.
    for command in [&["annotate"][..], &["annotate", "--causal"]] {
        let alone = names.map(|name| good(&[command, &[name]].concat()));
        let expected: Vec<_> = names
            .iter()
            .zip(&alone)
            .flat_map(|(name, text)| text.lines().map(move |line| format!("{name}: {line}")))
            .collect();
        assert_eq!(run(command, &["--separate"]).lines().collect::<Vec<_>>(), expected);
    }
    // One output: one header, and one count over all.
    let csv = run(&["annotate", "--format", "csv"], &["--separate"]);
    let header = csv.lines().next().unwrap();
    assert!(header.contains("frame_number"), "{header}");
    assert_eq!((csv.matches("frame_number").count(), csv.lines().count()), (1, 1 + 10 + 10));
    for (count, lines) in [("5", 5), ("10", 10), ("11", 11), ("100", 20)] {
        let some = run(&["annotate", "-c", count], &["--separate"]);
        assert_eq!(some.lines().count(), lines, "-c {count}");
        assert!(run(&["annotate"], &["--separate"]).starts_with(&some));
        let summary = json(&run(&["summary", "-c", count, "--format", "json"], &["--separate"]));
        assert_eq!(summary["capture"]["packets"], lines);
    }
    // A missing file is told, the others are charted.
    let said = portolan(&["annotate", "--separate", "missing.pcap", &unnamed]);
    assert_eq!((said.code, said.out.lines().count()), (3, 10), "{}", said.error);
    let said = portolan(&["flows", "--separate", &unnamed, "missing.pcap"]);
    assert_eq!((said.code, said.out.lines().count()), (3, 1), "{}", said.error);
    let said = portolan(&["summary", "--separate", "--together", &unnamed]);
    assert_eq!(said.code, 2);
}

#[test]
fn totals_of_separate_files_are_added_up() {
    let folder = Scratch::new("separate-totals");
    let tcp = only("mdns-http-49154.pcap", 6);
    let names = ["a.pcap", "b.pcap"].map(|name| folder.file(name, &tcp).display().to_string());
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--separate", "--format", "json", &names[0], &names[1]]].concat();
        good(&arguments)
    };
    // The same addresses are the same distinct ones; the same five-tuple in two files is two flows.
    for selection in [&[][..], &["-c", "1000"], &["-f", "tcp"]] {
        let summary = json(&run(&[&["summary"], selection].concat()));
        let row = &summary["rows"][0];
        assert_eq!((&summary["rows"].as_array().unwrap().len(), &row["packets"]), (&1, &20.into()));
        assert_eq!(
            (&row["flows"], &row["clients"], &row["servers"]),
            (&2.into(), &1.into(), &1.into()),
            "{selection:?}"
        );
        assert_eq!(summary["capture"]["files"].as_array().unwrap().len(), 2);
        assert_eq!(run(&[&["flows"], selection].concat()).lines().count(), 2);
    }
    assert_eq!(run(&["flows", "-c", "10"]).lines().count(), 1);
    // Together they are one connection, seen twice.
    let together = json(&good(&["summary", "--format", "json", &names[0], &names[1]]));
    assert_eq!(together["rows"][0]["packets"], 20);
    // Flows of all files come in the order they began.
    let later = folder.file("later.pcap", &moved(&tcp, 60)).display().to_string();
    let flows = good(&["flows", "--separate", &later, &names[0]]);
    let first = good(&["flows", &names[0]]);
    assert!(flows.starts_with(&first) && flows.lines().count() == 2, "{flows}");
}

#[test]
fn inventories_of_separate_files_stay_apart() {
    let folder = Scratch::new("separate-inventories");
    let udp = only("mdns-http-49154.pcap", 17);
    let names = ["a.pcap", "b.pcap"].map(|name| folder.file(name, &udp).display().to_string());
    let discover = |more: &[&str]| {
        let run = [&["discover", "--format", "json"], more, &[&names[0], &names[1]]].concat();
        json(&good(&run))
    };
    let alone = json(&good(&["discover", "--format", "json", &names[0]]));
    let (separate, together) = (discover(&["--separate"]), discover(&[]));
    let count = |report: &Value, what: &str| report[what].as_array().unwrap().len();
    for what in ["instances", "types", "queries"] {
        assert!(count(&alone, what) > 0);
        assert_eq!(count(&separate, what), 2 * count(&alone, what), "{what}");
        assert_eq!(count(&together, what), count(&alone, what), "{what}");
        let rows = separate[what].as_array().unwrap();
        let of = |name: &String| rows.iter().filter(|row| row["file"] == **name).count();
        assert_eq!(names.each_ref().map(of), [count(&alone, what); 2]);
        assert!(together[what].as_array().unwrap().iter().all(|row| row.get("file").is_none()));
    }
    assert_eq!(separate["messages"].as_u64(), alone["messages"].as_u64().map(|count| 2 * count));
    let csv = good(&["discover", "--separate", "--format", "csv", &names[0], &names[1]]);
    assert!(csv.starts_with("file,instance,type,"), "{csv}");
    assert_eq!(csv.lines().filter(|line| line.starts_with(&names[1])).count(), count(&alone, "instances"));
}

#[test]
fn pieces_of_a_capture_are_taken_in_the_order_of_their_time() {
    let folder = Scratch::new("pieces");
    let whole = fs::read(material::sample("mdns-http-49154.pcap")).unwrap();
    let all = records(&whole);
    let piece = |name: &str, range: Range<usize>| {
        folder.file(name, &[&whole[..24], &all[range].concat()].concat()).display().to_string()
    };
    // Named against their order; the connection begins in the second and ends in the third.
    let pieces = [piece("c.pcap", 0..3), piece("b.pcap", 3..11), piece("a.pcap", 11..all.len())];
    let untimed = folder.file("empty.pcap", &whole[..24]).display().to_string();
    let given = [&*pieces[2], &untimed, &pieces[1], &pieces[0]];
    let path = material::sample("mdns-http-49154.pcap");
    let of_whole = path.to_str().unwrap();
    assert_eq!(good(&[&["flows"], &given[..]].concat()), good(&["flows", of_whole]));
    let files = |more: &[&str]| {
        let run = [&["summary", "--format", "json"], more, &given[..]].concat();
        let files = json(&good(&run))["capture"]["files"].as_array().unwrap().clone();
        files.iter().map(|file| file.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let in_time = [&*pieces[0], &pieces[1], &pieces[2], &untimed];
    assert_eq!(files(&[]), in_time);
    assert_eq!(files(&["--separate"]), given);
    for way in [&[][..], &["--causal"]] {
        let annotated = good(&[&["annotate"], way, &given[..]].concat());
        let told: Vec<_> = annotated.lines().map(|line| line.split_once(": ").unwrap()).collect();
        let expected = good(&[&["annotate", of_whole], way].concat());
        assert_eq!(
            told.iter().map(|(_, line)| *line).collect::<Vec<_>>(),
            expected.lines().collect::<Vec<_>>()
        );
        assert_eq!((told[0].0, told[3].0, told[11].0), (&*pieces[0], &*pieces[1], &*pieces[2]));
    }
    // A folder holds captures of any origin, unless the user says otherwise.
    let folder = Scratch::new("separate-folder");
    strangers(&folder);
    let names = |more: &[&str]| {
        let run = [&["flows", "-q", "--recursive", folder.0.to_str().unwrap()], more].concat();
        good(&run).contains("advertised")
    };
    assert!(!names(&[]) && names(&["--together"]) && !names(&["--separate"]));
}

/// Parts that are left to grow between batches count, too, whichever of them is at hand when the input ends.
#[test]
fn sums_of_packets_are_those_of_one_thread() {
    let folder = Scratch::new("selection-threads");
    let mut octets = Vec::new();
    Plan { packets: 60_000, flows: 2_000, ..Plan::new(Shape::Mix) }.write(&mut octets).unwrap();
    let file = folder.file("mix.pcap", &octets).display().to_string();
    for by in [&["--interval", "1s"][..], &["--by", "vlan"]] {
        let run = |threads: &str| {
            good(
                &[
                    &[
                        "summary",
                        "--format",
                        "json",
                        "-q",
                        "--threads",
                        threads,
                        "--min-stretch",
                        "1000000",
                        &file,
                    ],
                    by,
                ]
                .concat(),
            )
        };
        let one = run("1");
        let rows = one.matches("\"packets\": ").count();
        assert!(rows > 1, "{one}");
        for threads in ["2", "3", "5"] {
            assert!(run(threads) == one, "{by:?} on {threads} threads");
        }
    }
}
