//! Flows and hosts of an interface, told while the command goes on.
//!
//! Needs root and the programs of the lab in [`crate::live`]; says so and passes where they are missing.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::live::{Lab, SERVER, run};

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
