//! Signals, and inputs that are silent.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{capture::Scratch, cli::command, material};

fn kill(child: &Child, signal: &str) {
    assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
}

/// Starts a run that reads standard input, which delivers a capture and then is silent, until it has shown the first
/// packet.
fn started(arguments: &[&str]) -> Child {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let octets = fs::read(material::sample("snmp-get.pcap")).unwrap();
    child.stdin.as_mut().unwrap().write_all(&octets).unwrap();
    child
}

fn error(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_silent_input_ends_at_the_first_signal() {
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let mut child = started(&["annotate", "-"]);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        out.read_line(&mut text).unwrap();
        let began = Instant::now();
        // As timeout(1) does it: once to the process, once to its group.
        kill(&child, signal);
        kill(&child, signal);
        out.read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(4), "{signal}");
        assert!(began.elapsed() < Duration::from_secs(5), "{signal}");
        assert_eq!(text.lines().count(), 2, "{signal}");
        assert!(error(&mut child).contains("interrupted"), "{signal}");
    }
}

#[test]
fn a_pipe_without_a_writer_ends_at_the_first_signal() {
    let folder = Scratch::new("signals-fifo");
    let pipe = folder.0.join("pipe").display().to_string();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = command(&["summary", &pipe]).stderr(Stdio::piped()).spawn().unwrap();
    // Long enough to have begun to wait on all but the busiest machine; before it the signal would kill at once.
    thread::sleep(Duration::from_secs(1));
    kill(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(4));
    // A writer that comes late is waited for.
    let child = command(&["summary", "--format", "csv", &pipe]).stdout(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    fs::write(&pipe, fs::read(material::sample("snmp-get.pcap")).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("snmp"));
}

#[test]
fn counters_are_told_and_the_run_goes_on() {
    let mut child = started(&["annotate", "-"]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    out.read_line(&mut text).unwrap();
    // Both lie in one batch. The pipe is silent, and told nevertheless.
    kill(&child, "USR1");
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.next().unwrap().contains("cannot be read twice"));
    assert_eq!(told.next().unwrap(), "portolan: note: 2 packets read so far");
    drop(child.stdin.take());
    out.read_to_string(&mut text).unwrap();
    assert_eq!((child.wait().unwrap().code(), text.lines().count()), (Some(0), 2));
}

/// What came on standard input cannot be had again: a run that is ended writes its file.
#[test]
fn what_came_before_the_signal_is_kept() {
    let folder = Scratch::new("signals-kept");
    let target = folder.0.join("x.pcapng");
    let mut child = started(&["annotate", "-", "-w", &target.display().to_string()]);
    // Waiting for the child would close its input.
    let input = child.stdin.take();
    thread::sleep(Duration::from_secs(1));
    kill(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(4));
    drop(input);
    let names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["x.pcapng"], "{}", error(&mut child));
    let read = crate::cli::good(&["annotate", &target.display().to_string()]);
    assert_eq!(read.lines().count(), 2);
}
