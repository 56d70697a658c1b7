//! Output that is longer than a screen, in a real terminal.
//!
//! Says so and passes where tmux is missing.

use std::{fs, path::Path};

use crate::{cli::good, material::sample, top::Terminal};

/// What `annotate` writes of a capture of ten packets where there is no terminal.
fn lines() -> String {
    good(&["annotate", "--format", "json", "http-get.pcap"])
}

/// Runs a command line in a terminal of so many rows, with what stands before it; returns what was paged, if anything was, and
/// what the terminal shows in the end.
fn run(rows: u16, before: &str, arguments: &str) -> Option<(Option<String>, String)> {
    let terminal =
        Terminal::of((100, rows), &format!("{before} {} {arguments}", env!("CARGO_BIN_EXE_portolan")))?;
    terminal.wait_for("ended with 0");
    let paged = fs::read_to_string(terminal.folder().join("paged.txt")).ok();
    // A long line is one line of the text, however many of the screen it takes.
    Some((paged, terminal.tmux(&["capture-pane", "-p", "-J", "-S", "-"])))
}

fn annotate(options: &str, file: &Path) -> String {
    format!("annotate --format json {options} {}", file.display())
}

#[test]
fn what_is_longer_than_the_screen_is_paged() {
    let file = sample("http-get.pcap");
    let own = "PORTOLAN_PAGER='cat > paged.txt' PAGER=false";
    let Some((paged, screen)) = run(10, own, &annotate("", &file)) else { return };
    assert_eq!((paged, screen.contains("http")), (Some(lines()), false), "{screen}");
    for (rows, before, options, is_paged) in [
        // The option wins, and PAGER is asked last.
        (10, "PORTOLAN_PAGER=false", "--pager 'cat > paged.txt'", true),
        (10, "PAGER='cat > paged.txt'", "", true),
        // A screen that has room for all.
        (200, own, "", false),
        (10, own, "--no-pager", false),
        (10, "PORTOLAN_NO_PAGER=true PAGER='cat > paged.txt'", "", false),
        (10, own, "--pager cat", false),
    ] {
        let (paged, screen) = run(rows, before, &annotate(options, &file)).unwrap();
        let shows = lines().lines().all(|line| screen.contains(line));
        assert_eq!((paged.is_some(), shows), (is_paged, !is_paged), "{before} {options}\n{screen}");
    }
    // Help is paged, too; a pipe, as anything that comes while it is written, is not.
    let (paged, _) = run(10, own, "help fields").unwrap();
    assert!(paged.is_some_and(|text| text.lines().count() > 10));
    let (paged, screen) = run(10, &format!("cat {} | env {own}", file.display()), "annotate -q").unwrap();
    assert_eq!((paged, screen.contains("http")), (None, true), "{screen}");
}

#[test]
fn a_broken_pager_is_no_loss() {
    let file = sample("http-get.pcap");
    for pager in ["false", "no-such-pager", "no-such-pager 2>&1", "'read line; exit 3'"] {
        let Some((_, screen)) = run(10, &format!("PAGER={}", quoted(pager)), &annotate("", &file)) else {
            return;
        };
        assert!(lines().lines().all(|line| screen.contains(line)), "{pager}\n{screen}");
    }
    // One that has read enough is none.
    let (_, screen) = run(10, "PAGER='head -n 2'", &annotate("", &file)).unwrap();
    let shown = lines().lines().filter(|line| screen.contains(*line)).count();
    assert_eq!(shown, 2, "{screen}");
}

fn quoted(text: &str) -> String {
    if text.starts_with('\'') { text.to_owned() } else { format!("'{text}'") }
}

#[test]
fn keys_turn_pages_and_what_is_to_be_said_waits() {
    let file = sample("http-get.pcap");
    let cut = tempfile::tempdir().unwrap();
    let damaged = cut.path().join("cut.pcap");
    fs::write(&damaged, &fs::read(&file).unwrap()[..700]).unwrap();
    if std::process::Command::new("less").arg("--version").output().is_err() {
        return;
    }
    let line = format!("{} {}", env!("CARGO_BIN_EXE_portolan"), annotate("", &damaged));
    let Some(terminal) = Terminal::of((100, 4), &format!("env -u PAGER -u LESS {line}")) else { return };
    let screen = terminal.wait_for("\n:");
    assert!(screen.starts_with("{") && !screen.contains("portolan:"), "{screen}");
    terminal.press("q");
    terminal.wait_for("ended with 4");
    let screen = terminal.tmux(&["capture-pane", "-p", "-S", "-"]);
    assert!(screen.contains("portolan: "), "{screen}");
}
