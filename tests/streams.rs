//! Flows, hosts and events of an interface, told while the command goes on, and what ends it.
//!
//! Needs root and the programs of the lab in [`crate::live`]; says so and passes where they are missing.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    cli::good,
    live::{Lab, Running, SERVER, run},
};

/// A connection is told when it is over, not when the run is; counters are told meanwhile, and the end is in order.
#[test]
fn flows_of_an_interface_are_told_while_it_is_watched() {
    let Some(lab) = Lab::build("fs") else { return };
    let arguments = ["flows", "-i", &lab.interface, "--format", "json", "-l", "-f", "tcp port 80"];
    let mut running = lab.portolan(&arguments);
    lab.talk();
    let began = Instant::now();
    let mut stdout = BufReader::new(running.child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    // Five seconds after it was closed.
    assert!((4..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(running.child.try_wait().unwrap().is_none());
    let flow: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(flow["event"]["reason"], "end", "{flow:#}");
    assert_eq!((&flow["destination"]["ip"], &flow["destination"]["port"]), (&SERVER.into(), &80.into()));
    assert_eq!((&flow["svc"]["name"], &flow["svc"]["evidence"]), (&"http".into(), &"payload".into()));
    assert!(flow["network"]["packets"].as_u64().unwrap() >= 7, "{flow:#}");
    assert!(running.counters().last().unwrap().contains("passed the filter"));
    lab.talk();
    run(&format!("kill -HUP {}", running.child.id())).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    // What did not end by then is told all the same.
    let last: Value = serde_json::from_str(rest.trim()).unwrap();
    assert_eq!(last["event"]["reason"], "forced", "{last:#}");
}

/// Hosts are told with what they serve, while the run goes on.
#[test]
fn hosts_of_an_interface_are_told_while_it_is_watched() {
    let Some(lab) = Lab::build("hs") else { return };
    let arguments =
        ["hosts", "-i", &lab.interface, "--every", "1s", "--format", "json", "-l", "-f", "tcp port 80"];
    let mut running = lab.portolan(&arguments);
    lab.talk();
    let mut lines = BufReader::new(running.child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let server = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line).unwrap()).find(|host| {
        host["addresses"][0] == SERVER && host["offers"].as_array().is_some_and(|o| !o.is_empty())
    });
    assert_eq!(server.unwrap()["offers"][0]["key"], "http/tcp");
    assert!(running.child.try_wait().unwrap().is_none());
    let began = Instant::now();
    run(&format!("kill -INT {}", running.child.id())).unwrap();
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// What a host of the lab announces: two services beside what avahi tells of itself.
const SERVICES: &str = r#"<?xml version="1.0" standalone="no"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>Lab Printer, 3rd floor</name>
<service><type>_ipp._tcp</type><port>6310</port><txt-record>rp=ipp/print</txt-record></service>
<service><type>_http._tcp</type><port>8080</port></service></service-group>"#;

/// A line that runs avahi with a bus of its own, in a namespace of mounts, and behind both what is given.
fn with_avahi(folder: &str, name: &str, then: &str) -> String {
    format!(
        "set -e; mount -t tmpfs -o mode=755 none /run; mkdir -p /run/dbus /run/avahi-daemon
         mount --bind {folder}/services-{name} /etc/avahi/services
         dbus-daemon --config-file={folder}/bus.conf --nofork --nopidfile >/dev/null 2>&1 &
         while ! test -S /run/dbus/system_bus_socket; do sleep 0.1; done
         {then}"
    )
}

/// `discover -i` tells each service when it is announced, lists in the end what avahi-browse lists, and tells the goodbye
/// when the daemon stops.
#[test]
fn discovery_lists_what_avahi_lists() {
    for program in ["avahi-daemon", "avahi-browse", "dbus-daemon"] {
        if run(&format!("command -v {program}")).is_err() {
            eprintln!("skipped: {program} is not installed");
            return;
        }
    }
    let Some(mut lab) = Lab::build("ds") else { return };
    let folder = lab.directory.display().to_string();
    fs::write(
        lab.directory.join("bus.conf"),
        r#"<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/></policy></busconfig>"#,
    )
    .unwrap();
    for name in ["printer", "desk"] {
        fs::create_dir(lab.directory.join(format!("services-{name}"))).unwrap();
        let avahi = format!(
            "[server]\nhost-name={name}\nuse-ipv6=no\n[wide-area]\nenable-wide-area=no\n[publish]\npublish-workstation=no\n"
        );
        fs::write(lab.directory.join(format!("{name}.conf")), avahi).unwrap();
    }
    fs::write(lab.directory.join("services-printer/lab.service"), SERVICES).unwrap();
    let mut running = lab.portolan(&["discover", "-i", &lab.interface, "-l"]);
    let avahi = |name: &str| {
        format!("avahi-daemon --file={folder}/{name}.conf --no-drop-root --no-chroot --no-rlimits")
    };
    lab.daemon(&with_avahi(&folder, "printer", &format!("exec {}", avahi("printer"))));
    let browse = "timeout 20 avahi-browse -artp";
    let ask = format!(
        "{} >/dev/null 2>&1 & while ! test -S /run/avahi-daemon/socket; do sleep 0.1; done; sleep 3; {browse}",
        avahi("desk")
    );
    fs::write(lab.directory.join("browse.sh"), with_avahi(&folder, "desk", &ask)).unwrap();
    let listed = lab.ask(&format!("unshare -m sh {folder}/browse.sh"));
    // `=;lan0;IPv4;Lab Printer\044\0323rd floor;Internet Printer;local;printer.local;192.0.2.20;6310;"rp=ipp/print"`
    let resolved: Vec<Vec<_>> = listed
        .lines()
        .filter(|line| line.starts_with("=;lan0;IPv4;"))
        .map(|line| line.split(';').collect())
        .collect();
    let mut avahi_lists: Vec<_> =
        resolved.iter().map(|line| (line[6].to_owned(), line[8].to_owned())).collect();
    avahi_lists.sort();
    let printer = |port: &str| ("printer.local".to_owned(), port.to_owned());
    assert_eq!(avahi_lists, [printer("6310"), printer("8080")], "{listed}");

    // The daemon stops as its service manager would stop it.
    let daemon = lab.last_daemon();
    run(&format!("kill -TERM {daemon}")).unwrap();
    let mut stdout = BufReader::new(running.child.stdout.take().unwrap());
    let mut told = String::new();
    let began = Instant::now();
    while told.matches(" goodbye  Lab Printer").count() < 2 {
        assert!(
            stdout.read_line(&mut told).unwrap() > 0 && began.elapsed() < Duration::from_secs(20),
            "{told}"
        );
    }
    assert!(running.child.try_wait().unwrap().is_none());
    for event in ["announce", "goodbye "] {
        for kind in ["_ipp._tcp", "_http._tcp"] {
            let line = format!(" {event} Lab Printer, 3rd floor.{kind}.local by {SERVER}\n");
            assert!(told.contains(&line), "no {line:?} in {told}");
        }
    }
    run(&format!("kill -INT {}", running.child.id())).unwrap();
    let mut report = String::new();
    stdout.read_to_string(&mut report).unwrap();
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    for port in ["6310", "8080"] {
        let row =
            report.lines().find(|line| line.contains(port)).unwrap_or_else(|| panic!("{port}: {report}"));
        assert!(
            row.contains("Lab Printer") && row.contains("printer.local") && row.contains("goodbye"),
            "{row}"
        );
    }
}

/// An interface that goes away ends the run with its own exit code, and what came before is told.
#[test]
fn an_interface_that_goes_away_ends_the_run() {
    let Some(lab) = Lab::build("gone") else { return };
    let mut running = lab.portolan(&["flows", "-i", &lab.interface, "--format", "json", "-f", "tcp"]);
    lab.talk();
    std::thread::sleep(Duration::from_millis(500));
    run(&format!("ip -n {} link delete {}", lab.server, lab.interface)).unwrap();
    let ended = running.wait();
    assert_eq!(ended.code, Some(7), "{ended:?}");
    assert!(ended.stderr.contains(&format!("portolan: {}: ", lab.interface)), "{ended:?}");
    let flows: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = flows.iter().map(|flow| flow["svc"]["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"http") && names.contains(&"ssh"), "{ended:?}");
}

/// What was written until then is whole, too: files have the last packet that was charted.
#[test]
fn files_are_readable_when_their_interface_went_away() {
    let Some(lab) = Lab::build("gf") else { return };
    let ring = lab.directory.join("ring");
    fs::create_dir(&ring).unwrap();
    let (one, ring_name) = (lab.directory.join("one.pcapng"), ring.join("x.pcapng"));
    let write = |file: &Path, more: &[&str]| {
        let file = file.display().to_string();
        lab.portolan(&[&["annotate", "-i", &lab.interface, "-w", &file], more].concat())
    };
    let mut both = [write(&one, &[]), write(&ring_name, &["--rotate-size", "4k"])];
    lab.talk();
    std::thread::sleep(Duration::from_millis(500));
    run(&format!("ip -n {} link delete {}", lab.server, lab.interface)).unwrap();
    let ended = both.each_mut().map(Running::wait);
    let mut files: Vec<_> = fs::read_dir(&ring).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 1, "{ended:?}");
    for (ended, files) in ended.iter().zip([vec![one], files]) {
        assert_eq!(ended.code, Some(7), "{ended:?}");
        let (charted, _) = ended.stderr.split_once(" packets charted of ").unwrap();
        let charted: usize = charted.rsplit(' ').next().unwrap().parse().unwrap();
        let read: usize =
            files.iter().map(|file| good(&["annotate", &file.display().to_string()]).lines().count()).sum();
        assert_eq!(read, charted, "{ended:?}");
        assert!(charted > 20, "{ended:?}");
    }
}

/// Whoever reads us may go away: that is a quiet success, with the next that is told.
#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let Some(lab) = Lab::build("read") else { return };
    let commands: [&[&str]; 5] = [
        &["annotate", "-l"],
        &["annotate", "--format", "pcapng"],
        &["flows", "--every", "1s", "--format", "json"],
        &["summary", "--interval", "1s", "--format", "json"],
        &["hosts", "--every", "1s", "--format", "json"],
    ];
    let mut all = commands.map(|command| lab.portolan(&[command, &["-i", &lab.interface]].concat()));
    all.iter_mut().for_each(|running| drop(running.child.stdout.take()));
    let began = Instant::now();
    while all.iter_mut().any(|running| running.child.try_wait().unwrap().is_none()) {
        assert!(began.elapsed() < Duration::from_secs(30));
        lab.talk();
    }
    for (running, command) in all.iter_mut().zip(commands) {
        assert_eq!(running.child.wait().unwrap().code(), Some(0), "{command:?}");
        let mut said = String::new();
        running.errors.read_to_string(&mut said).unwrap();
        assert_eq!(said, "", "{command:?}");
    }
}

/// A disk that is full ends a ring with exit code 8; its files are readable to the last packet that fitted.
#[test]
fn a_full_disk_leaves_a_ring_readable() {
    let Some(lab) = Lab::build("rd") else { return };
    let look =
        "for file in {folder}/*; do {program} summary --format json $file | grep -c portolan/summary/1; done";
    let Some((said, log)) = lab.annotate_into("96k", "x.pcapng --rotate-size 20k", look) else { return };
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("8"), "{said} {log}");
    let files: Vec<_> = lines.collect();
    assert!(files.len() >= 3 && files.iter().all(|&whole| whole == "1"), "{said} {log}");
    assert!(log.contains("cannot write: "), "{log}");
}
