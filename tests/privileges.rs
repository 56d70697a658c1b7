//! What a live run gives up once its interface is open, as its threads in /proc show it.
//!
//! Needs root; says so and passes elsewhere.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::{MetadataExt as _, chown},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    capture::Scratch,
    live::{Lab, run},
};

/// That of nobody.
const NOBODY: u32 = 65534;

/// All threads of a run that root started for another user are that user's, and can do nothing else; the file is theirs.
#[test]
fn a_run_gives_up_what_it_does_not_need() {
    let Some(lab) = Lab::build("p") else { return };
    run(&format!("ip -n {} link set lo up", lab.server)).unwrap();
    let folder = Scratch::new("privileges");
    chown(&folder.0, Some(NOBODY), Some(NOBODY)).unwrap();
    let ring = folder.0.join("cap.pcapng").display().to_string();
    for user in [&["--user", "nobody"][..], &[]] {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &lab.server, env!("CARGO_BIN_EXE_portolan"), "annotate", "-i"])
            .args([&lab.interface, "-w", &ring, "--rotate-size", "1M", "--metrics", "127.0.0.1:0"])
            .args(user)
            .env("SUDO_UID", NOBODY.to_string())
            .env("SUDO_GID", NOBODY.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        for beginning in ["portolan: capturing on", "portolan: metrics on"] {
            let mut line = String::new();
            errors.read_line(&mut line).unwrap();
            assert!(line.starts_with(beginning), "{line}");
        }
        lab.talk();
        let tasks = format!("/proc/{}/task", child.id());
        let mut threads = Vec::new();
        for task in fs::read_dir(tasks).unwrap() {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(field("Uid:"), vec![NOBODY.to_string(); 4], "{status}");
            assert_eq!(field("Gid:"), vec![NOBODY.to_string(); 4], "{status}");
            for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
                assert_eq!(field(set), ["0000000000000000"], "{status}");
            }
            assert_eq!(field("NoNewPrivs:"), ["1"], "{status}");
            assert_eq!(field("Seccomp:"), ["2"], "{status}");
            threads.push(field("Name:").concat());
        }
        threads.sort();
        // That of signals, that of metrics, the reader of the interface and the one that learns.
        assert!(threads.len() >= 4 && threads.contains(&"metrics".to_owned()), "{threads:?}");
        run(&format!("kill -INT {}", child.id())).unwrap();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut errors, &mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
        assert!(rest.contains("files written: 1"), "{rest}");
        // What libpcap asks of the interface can still be read.
        assert!(rest.contains("0 lost in the kernel, 0 at the interface"), "{rest}");
    }
    let mut files = 0;
    for entry in fs::read_dir(&folder.0).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().uid(), NOBODY);
        files += 1;
    }
    assert_eq!(files, 2);
}

/// A folder that the new user cannot write to ends the run at its start, whether the file is made then or later.
#[test]
fn what_the_new_user_cannot_write_ends_the_run_at_once() {
    if run("test $(id -u) = 0").is_err() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let folder = Scratch::new("privileges-none");
    let file = folder.0.join("x.pcapng").display().to_string();
    let arguments = [
        &["annotate", "-i", "lo", "-w", &file][..],
        &["annotate", "-i", "lo", "-w", &file, "--rotate-size", "1M"],
        &["flows", "-i", "lo", "-o", &file],
    ];
    for arguments in arguments {
        let began = Instant::now();
        let said = Command::new(env!("CARGO_BIN_EXE_portolan"))
            .args(arguments)
            .args(["--user", "nobody", "--duration", "20s"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&said.stderr);
        if said.status.code() == Some(7) {
            eprintln!("skipped: no loopback interface: {error}");
            return;
        }
        assert_eq!(said.status.code(), Some(8), "{arguments:?}: {error}");
        assert!(
            error.contains("cannot write: ") && error.to_lowercase().contains("permission denied"),
            "{error}"
        );
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    let said = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["summary", "-i", "lo", "--user", "no-such-user", "--duration", "1s"])
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).contains("there is no user no-such-user"));
}
