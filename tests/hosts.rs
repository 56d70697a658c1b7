//! `hosts`: names, joined addresses, and the user's own names.

use std::{collections::BTreeSet, process::Command};

use portolan::{Job, Registry, knowledge::Options, pipeline::Inputs};
use serde_json::Value;

use crate::{
    capture::Scratch,
    cli::{good, portolan},
    material::shared,
};

fn hosts(arguments: &[&str]) -> Vec<Value> {
    let out: Value =
        serde_json::from_str(&good(&[&["hosts", "--format", "json"], arguments].concat())).unwrap();
    out["hosts"].as_array().unwrap().clone()
}

fn addresses(host: &Value) -> Vec<&str> {
    host["addresses"].as_array().unwrap().iter().map(|address| address.as_str().unwrap()).collect()
}

/// The lab has four hosts, each with an address of both families (samples/README.md).
#[test]
fn each_host_of_the_lab_is_listed_once() {
    let hosts = hosts(&["office.pcapng"]);
    let found: BTreeSet<Vec<&str>> = hosts.iter().map(addresses).collect();
    let expected = [
        vec!["192.0.2.1", "2001:db8::1", "fe80::ff:fe00:1"],
        vec!["192.0.2.10", "2001:db8::10"],
        vec!["192.0.2.20", "2001:db8::20"],
        vec!["192.0.2.30", "2001:db8::30", "fe80::ff:fe00:1e"],
    ];
    assert_eq!(found, BTreeSet::from(expected));
    let printer = hosts.iter().find(|host| addresses(host).contains(&"192.0.2.30")).unwrap();
    assert_eq!(
        (&printer["names"][0]["name"], &printer["names"][0]["source"]),
        (&"printer.local".into(), &"mdns".into())
    );
    assert_eq!(printer["macs"][0], "02-00-00-00-00-1E");
}

#[test]
fn the_users_names_win_unless_none_are_wanted() {
    let folder = Scratch::new("hosts");
    let file = folder.file("hosts", b"192.0.2.30 paper # ours\n").display().to_string();
    let names = |more: &[&str]| -> Vec<String> {
        let hosts = hosts(&[more, &["--hosts", &file, "office.pcapng"]].concat());
        let printer = hosts.iter().find(|host| addresses(host).contains(&"192.0.2.30")).unwrap();
        let names = printer["names"].as_array().map(Vec::as_slice).unwrap_or_default();
        names.iter().map(|name| name["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&[]), ["paper", "printer.local"]);
    assert_eq!(names(&["-n"]), [""; 0]);
    let summary = |more: &[&str]| {
        good(&[&["summary", "--by", "host", "--hosts", &file], more, &["office.pcapng"]].concat())
    };
    assert!(summary(&[]).contains(" paper "));
    assert!(!summary(&["-n"]).contains(" paper "));
    let bad = folder.file("bad", b"192.0.2.30 a\n192.0.2.300 b\n").display().to_string();
    let said = portolan(&["hosts", "--hosts", &bad, "office.pcapng"]);
    assert_eq!(said.code, 3);
    assert!(said.error.contains("bad:2: `192.0.2.300` is no address"), "{}", said.error);
}

#[test]
fn stretches_know_the_names_of_the_whole() {
    let one = good(&["hosts", "--threads", "1", "office.pcapng"]);
    let many = good(&["hosts", "--threads", "4", "--min-stretch", "4000", "office.pcapng"]);
    assert_eq!(one, many);
}

/// Every address of an answer to a question, as tshark reads them, has the name that was asked for among its names.
#[test]
fn names_are_those_that_tshark_reads() {
    if Command::new("tshark").arg("-v").output().is_err() {
        #[allow(clippy::print_stderr, reason = "the reason of a skip belongs in the test log")]
        {
            eprintln!("skipped: tshark is not installed");
        }
        return;
    }
    let registry = Registry::built_in();
    let Some(folder) = shared("captures") else { return };
    let captures = [
        "ajbanjara+Wireshark/uploads/__moin_import__/attachments/SampleCaptures/anoop.pcap",
        "ajbanjara+Wireshark/uploads/__moin_import__/attachments/SampleCaptures/dof-short-capture.pcapng",
        "ntop+nDPI/tests/cfgs/default/pcap/anyconnect-vpn.pcap",
        "ntop+nDPI/tests/cfgs/default/pcap/iphone.pcap",
        "snabbco+snabb/lib/ljndpi/examples/lamernews.pcap",
    ];
    let (mut asked, mut files) = (0, 0);
    for file in captures.map(|name| folder.join(name)) {
        let fields = ["dns.qry.name", "dns.a", "dns.aaaa"].map(|field| ["-e", field]).concat();
        let filter = "udp.srcport == 53 && dns.flags.response == 1 && dns.flags.rcode == 0 && dns.count.queries == 1 \
                      && dns.count.auth_rr == 0 && dns.count.add_rr == 0 && !icmp && !_ws.malformed && !dns.cname";
        let mut tshark = Command::new("tshark");
        let out = tshark
            .args(["-n", "-Tfields", "-Eoccurrence=a", "-Y", filter])
            .args(&fields)
            .arg("-r")
            .arg(&file);
        let out = out.output().unwrap();
        let told = String::from_utf8_lossy(&out.stdout).into_owned();
        if told.trim().is_empty() {
            continue;
        }
        let options = Options { hosts: true, ..Options::default() };
        let job = Job::new(Inputs::Files(vec![file.clone()]), &registry).learn(options, &());
        let (knowledge, _) = job.unwrap();
        let known = knowledge.hosts().unwrap();
        for line in told.lines() {
            let mut columns = line.split('\t');
            let name = columns.next().unwrap_or_default().to_ascii_lowercase();
            // What is escaped differs in form.
            if !name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(&octet))
                || name.is_empty()
            {
                continue;
            }
            for address in columns.flat_map(|column| column.split(',')).filter_map(|text| text.parse().ok()) {
                let names = known.names_of(address);
                let is_known = names.iter().any(|told| told.name == name);
                assert!(
                    is_known || !portolan::hosts::is_host(address),
                    "{}: {address} {name} {names:?}",
                    file.display()
                );
                asked += 1;
            }
        }
        files += 1;
    }
    assert!(asked > 50 && files > 3, "{asked} answers in {files} captures");
}
