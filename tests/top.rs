//! `top` in a real terminal: tmux draws it, and its keys and signals reach it.
//!
//! Says so and passes where tmux is missing.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::material::sample;

/// A tmux server of its own with one window, which ends with the value.
pub(crate) struct Terminal {
    folder: tempfile::TempDir,
}

impl Terminal {
    /// Runs the command in a terminal of that size, in a folder of its own; its exit code is printed behind it.
    fn run(size: (u16, u16), arguments: &str) -> Option<Self> {
        Self::of(size, &format!("{} top {arguments}", env!("CARGO_BIN_EXE_portolan")))
    }

    /// The same of any line for a shell.
    pub(crate) fn of(size: (u16, u16), line: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("skipped: tmux is not installed");
            return None;
        }
        let terminal = Self { folder: tempfile::tempdir().unwrap() };
        let line = format!("cd {} && {line}; echo ended with $?; sleep 60", terminal.folder().display());
        let (width, height) = (size.0.to_string(), size.1.to_string());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, &line]);
        Some(terminal)
    }

    /// The folder that it runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(self.folder.path().join("socket"))
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn press(&self, keys: &str) {
        self.tmux(&["send-keys", "-l", keys]);
    }

    fn enter(&self) {
        self.tmux(&["send-keys", "Enter"]);
    }

    /// What stands there, once it holds a text.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if screen.contains(text) {
                return screen;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no `{text}` on the screen:\n{screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some()).collect()
    }

    /// The process of the command.
    fn process(&self) -> String {
        let shell = self.tmux(&["list-panes", "-F", "#{pane_pid}"]);
        let children = Command::new("pgrep").args(["-P", shell.trim()]).output().unwrap();
        String::from_utf8(children.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn a_replay_is_drawn_and_obeys_keys() {
    let office = sample("office.pcapng");
    let Some(terminal) = Terminal::run((80, 24), &format!("--speed 0 --no-color {}", office.display()))
    else {
        return;
    };
    let screen = terminal.wait_for("ended ·");
    assert!(screen.contains("[1 services]") && screen.contains("mdns/udp"), "{screen}");
    terminal.press("2/svc.name == ipp and port == 6631");
    terminal.enter();
    terminal.enter();
    let screen = terminal.wait_for("decided by advertised");
    assert!(!screen.contains("mqtt"), "{screen}");
    terminal.press("x");
    terminal.wait_for("wrote 1 rows to ");
    let [file] = &terminal.files()[..] else { panic!("{:?}", terminal.files()) };
    assert!(std::fs::read_to_string(file).unwrap().contains(r#""name":"ipp""#));
    terminal.tmux(&["resize-window", "-x", "200", "-y", "50"]);
    terminal.wait_for("KNOWN BY");
    terminal.press("q");
    terminal.wait_for("ended with 0");
}

/// The terminal is given back at once, whatever is at work.
#[test]
fn a_signal_gives_the_terminal_back() {
    let office = sample("office.pcapng");
    let Some(terminal) = Terminal::run((80, 24), &office.display().to_string()) else { return };
    terminal.wait_for("[1 services]");
    let begun = Instant::now();
    let killed = Command::new("kill").args(["-TERM", &terminal.process()]).status().unwrap();
    assert!(killed.success());
    let screen = terminal.wait_for("ended with 4");
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    assert!(!screen.contains("[1 services]"), "{screen}");
}

/// What is chosen of a file is counted alone: by its record, by a capture filter, by its time, and so many of it.
#[test]
fn a_replay_counts_the_packets_that_are_chosen() {
    let office = sample("office.pcapng").display().to_string();
    let run = |choice: &str| Terminal::run((100, 24), &format!("--speed 0 --no-color {choice} {office}"));
    let Some(terminal) = run("--where 'svc.name == https'") else { return };
    let screen = terminal.wait_for("ended ·");
    assert!(screen.contains("https/tcp") && screen.contains("chosen packets"), "{screen}");
    assert!(!screen.contains("mdns/udp"), "{screen}");
    terminal.press("q");
    terminal.wait_for("ended with 0");
    let terminal = run("-f 'udp port 5353' -c 3 --from +1s --to +1h").unwrap();
    let screen = terminal.wait_for("ended ·");
    assert!(screen.contains("mdns/udp") && !screen.contains("https/tcp"), "{screen}");
    assert!(screen.contains("3 packets"), "{screen}");
    terminal.press("q");
    terminal.wait_for("ended with 0");
    for (choice, said) in [("--where 'svc.nmae == 1'", "ended with 5"), ("-f 'no filter'", "ended with 5")] {
        run(choice).unwrap().wait_for(said);
    }
}
