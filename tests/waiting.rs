//! `--wait`: an interface that is removed and comes back.
//!
//! Needs root; says so and passes elsewhere. Every wait has an end.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Child,
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::live::{Lab, SERVER, run};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// portolan at work, with what it says on standard error line by line; killed if the test fails.
struct Waiting {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    out: thread::JoinHandle<String>,
}

impl Waiting {
    fn begin(lab: &Lab, arguments: &[&str]) -> Self {
        let mut child = lab.spawn(arguments);
        let (to, lines) = channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        let mut stdout = child.stdout.take().unwrap();
        let out = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, lines, said: Vec::new(), out }
    }

    /// Waits until it says this.
    fn wait_for(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.said.last().is_some_and(|line| line.contains(text)) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let _ = self.child.kill();
                panic!("it did not say `{text}`: {:?}", self.said);
            };
            self.said.push(line);
        }
    }

    /// Ends it as Ctrl-C does: its exit code, what it printed and what it said.
    fn interrupt(mut self) -> (Option<i32>, String, Vec<String>) {
        run(&format!("kill -INT {}", self.child.id())).unwrap();
        let begun = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("it did not end: {:?}", self.said);
            }
            thread::sleep(Duration::from_millis(20));
        };
        self.said.extend(self.lines.iter());
        (code, self.out.join().unwrap(), self.said)
    }
}

/// Asks for a page until it comes.
fn page(lab: &Lab) {
    let client = lab.server.replace("-server", "-client");
    let ask = format!("ip netns exec {client} curl -sS --max-time 1 -o /dev/null http://{SERVER}/");
    let begun = Instant::now();
    while let Err(error) = run(&ask) {
        assert!(begun.elapsed() < PATIENCE, "{error}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_interface_that_comes_back_is_captured_on_again() {
    let Some(lab) = Lab::build("wt") else { return };
    let (server, client) = (&lab.server, lab.server.replace("-server", "-client"));
    let mut waiting = Waiting::begin(&lab, &["annotate", "-i", "lan0", "--wait", "--format", "json"]);
    waiting.wait_for("capturing on lan0");
    page(&lab);
    // What the kernel still holds goes with the interface.
    thread::sleep(Duration::from_millis(500));
    // Both ends of the pair go.
    run(&format!("ip -n {server} link delete lan0")).unwrap();
    waiting.wait_for("waiting for it to come back");
    for line in [
        format!("ip -n {server} link add lan0 type veth peer name lan0 netns {client}"),
        format!("ip -n {server} address add {SERVER}/24 dev lan0"),
        format!("ip -n {client} address add 192.0.2.10/24 dev lan0"),
        format!("ip -n {server} link set lan0 up"),
        format!("ip -n {client} link set lan0 up"),
    ] {
        run(&line).unwrap();
    }
    waiting.wait_for("lan0: is there again");
    page(&lab);
    let (code, out, said) = waiting.interrupt();
    assert_eq!(code, Some(0), "{said:?}");
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pages = records.iter().filter(|record| {
        // The handshake of each page.
        record["destination"]["port"] == 80 && record["frame"]["original"] == 74
    });
    assert!(pages.count() >= 2, "{out}");
    let macs: std::collections::BTreeSet<_> = records
        .iter()
        .filter(|record| record["source"]["ip"] == SERVER)
        .map(|record| record["source"]["mac"].to_string())
        .collect();
    // The new interface has an address of its own.
    assert_eq!(macs.len(), 2, "{macs:?}");
    assert!(said.last().unwrap().contains("0 lost in the kernel"), "{said:?}");
}

/// Without it, the run ends with the interface.
#[test]
fn an_interface_that_goes_ends_the_run_that_does_not_wait() {
    let Some(lab) = Lab::build("wu") else { return };
    let mut waiting = Waiting::begin(&lab, &["annotate", "-i", "lan0", "--format", "json"]);
    waiting.wait_for("capturing on lan0");
    page(&lab);
    run(&format!("ip -n {} link delete lan0", lab.server)).unwrap();
    let begun = Instant::now();
    let code = loop {
        if let Some(status) = waiting.child.try_wait().unwrap() {
            break status.code();
        }
        assert!(begun.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(code, Some(7));
}
