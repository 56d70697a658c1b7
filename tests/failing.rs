//! Outputs that cannot be written: for each of them a clear error, exit code 8, no half file, and inputs as they were.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    capture::Scratch,
    cli::{Said, command, good, said},
    material::sample,
};

/// Inputs by their names in the folder of a test: a capture, one to compare it with, and what the first one teaches.
const INPUTS: [&str; 3] = ["in.pcapng", "other.pcap", "in.know"];

/// Every command that writes something, in every form.
fn outputs() -> Vec<Vec<&'static str>> {
    let mut all = vec![
        vec!["learn", "in.pcapng"],
        vec!["merge", "in.know"],
        vec!["registry", "export", "--format", "csv"],
        vec!["registry", "lookup", "443/tcp", "--format", "json"],
        vec!["config", "show"],
        vec!["help", "filters"],
        vec!["man", "flows"],
        vec!["completions", "bash"],
    ];
    let mut of = |command: &[&'static str], formats: &[&'static str]| {
        all.extend(formats.iter().map(|format| [command, &["--format", format]].concat()));
    };
    let tables = &["table", "json", "csv"];
    of(&["annotate", "in.pcapng"], &["text", "json", "csv", "pcapng"]);
    of(&["annotate", "--causal", "in.pcapng"], &["text", "pcapng"]);
    of(&["summary", "in.pcapng"], tables);
    of(&["summary", "--interval", "1s", "in.pcapng"], tables);
    of(&["summary", "in.know"], tables);
    of(&["flows", "in.pcapng"], &["text", "json", "csv", "zeek"]);
    of(&["hosts", "in.pcapng"], tables);
    of(&["discover", "--events", "in.pcapng"], tables);
    of(&["diff", "other.pcap", "in.pcapng"], &["table", "json"]);
    of(&["explain", "in.pcapng", "--packet", "3"], &["text", "json"]);
    if cfg!(feature = "html") {
        of(&["summary", "in.pcapng"], &["html"]);
        of(&["diff", "other.pcap", "in.pcapng"], &["html"]);
    }
    if cfg!(feature = "parquet") {
        let columns = &["parquet", "arrow"];
        for command in ["annotate", "summary", "flows", "hosts", "discover"] {
            of(&[command, "in.pcapng"], columns);
        }
    }
    all
}

/// A folder with the inputs.
fn folder(name: &str) -> Scratch {
    let folder = Scratch::new(name);
    folder.file(INPUTS[0], &fs::read(sample("office.pcapng")).unwrap());
    folder.file(INPUTS[1], &fs::read(sample("http-get.pcap")).unwrap());
    let know = folder.0.join(INPUTS[2]).display().to_string();
    good(&["learn", "office.pcapng", "-o", &know]);
    folder
}

/// What stands in a folder, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(entry).collect();
    all.sort();
    all
}

fn run(folder: &Scratch, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command.current_dir(&folder.0);
    command
}

/// That a run failed for its output, told in one line.
fn assert_failed(said: &Said, arguments: &[&str]) {
    // A part of a run that can be read twice, as all of these can, is kept nowhere.
    assert_eq!((said.code, said.error.lines().count()), (8, 1), "{arguments:?}: {}", said.error);
    assert!(said.error.starts_with("portolan: cannot write: "), "{arguments:?}: {}", said.error);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_leaves_no_half_file() {
    let folder = folder("failing-full");
    let before = files(&folder.0);
    for arguments in outputs() {
        // `learn` and `merge` refuse to write what is no text to standard output, where that may be a terminal.
        let full = File::options().write(true).open("/dev/full").unwrap();
        let is_for_files = matches!(arguments[0], "learn" | "merge");
        if !is_for_files {
            assert_failed(&said(run(&folder, &arguments).stdout(full).output().unwrap()), &arguments);
        }
        // No file may have any octets: what a full disk does to one that is new.
        let target = folder.0.join("out").display().to_string();
        let words: Vec<_> = [&arguments[..], &["-o", &target]].concat();
        let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let line = format!("ulimit -f 0; exec '{}' {}", env!("CARGO_BIN_EXE_portolan"), quoted.join(" "));
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(&folder.0).stdin(Stdio::null());
        shell.env("XDG_DATA_HOME", "/nonexistent").env("XDG_CONFIG_HOME", "/nonexistent").env("TZ", "UTC");
        assert_failed(&said(shell.output().unwrap()), &words);
        assert!(files(&folder.0) == before, "{words:?}: files are not as they were");
        // What was there before stays.
        let kept = folder.file("out", b"before");
        assert_failed(&said(shell.output().unwrap()), &words);
        assert_eq!(fs::read(&kept).unwrap(), b"before", "{words:?}");
        fs::remove_file(kept).unwrap();
    }
    assert!(files(&folder.0) == before);
}

#[test]
fn a_closed_pipe_is_quiet() {
    let folder = folder("failing-pipe");
    let before = files(&folder.0);
    for arguments in outputs() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let said = said(run(&folder, &arguments).stdout(writer).output().unwrap());
        let is_for_files = matches!(arguments[0], "learn" | "merge");
        // Those name no file, which is told; all others are quiet.
        assert!(is_for_files || (said.code, said.error.as_str()) == (0, ""), "{arguments:?}: {}", said.error);
    }
    assert!(files(&folder.0) == before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_file_is_told() {
    let folder = folder("failing-folder");
    let before = files(&folder.0);
    // Nobody makes files there, not even root.
    for place in ["/sys/portolan", "/nonexistent/out", "in.pcapng/out"] {
        for arguments in outputs() {
            let words = [&arguments[..], &["-o", place]].concat();
            assert_failed(&said(run(&folder, &words).output().unwrap()), &words);
        }
    }
    let words = ["annotate", "in.pcapng", "-w", "/sys/portolan"];
    assert_failed(&said(run(&folder, &words).output().unwrap()), &words);
    assert!(files(&folder.0) == before);
}

#[test]
fn an_input_is_never_the_output() {
    let folder = folder("failing-input");
    let before = files(&folder.0);
    for arguments in outputs() {
        for input in INPUTS.into_iter().filter(|input| arguments.contains(input)) {
            // The same file under another name, too.
            for target in [input.to_owned(), format!("./{input}")] {
                // All of a capture, annotated, may take its place.
                if arguments[0] == "annotate"
                    && arguments.contains(&"pcapng")
                    && !arguments.contains(&"--causal")
                {
                    continue;
                }
                let words = [&arguments[..], &["-o", &target]].concat();
                let said = said(run(&folder, &words).output().unwrap());
                assert_eq!((said.code, said.out.as_str()), (2, ""), "{words:?}: {}", said.error);
                assert!(said.error.contains(" is an input"), "{words:?}: {}", said.error);
                assert!(files(&folder.0) == before, "{words:?}: files are not as they were");
            }
        }
    }
}
