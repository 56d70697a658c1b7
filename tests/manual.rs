//! Help, man pages and completions: made from the command line's definition, and taken by those who read them.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::{
    capture::Scratch,
    cli::{bad, good, portolan},
};

const COMMANDS: [&str; 12] = [
    "annotate",
    "summary",
    "flows",
    "hosts",
    "discover",
    "explain",
    "extcap",
    "registry",
    "interfaces",
    "completions",
    "man",
    "help",
];
const TOPICS: [&str; 5] = ["evidence", "rules", "formats", "filters", "fields"];

/// What a program says that may be missing, which is then told.
fn tried(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8").output();
    if output.is_err() {
        #[allow(clippy::print_stderr, reason = "the reason of a skip belongs in the test log")]
        {
            eprintln!("skipped: no {program}");
        }
    }
    output.ok()
}

#[test]
fn help_is_there_for_commands_and_topics() {
    let root = good(&["--help"]);
    assert_eq!(good(&["help"]), root);
    for command in COMMANDS {
        assert!(root.lines().any(|line| line.trim_start().split(' ').next() == Some(command)), "{command}");
        let help = good(&["help", command]);
        assert_eq!(help, good(&[command, "--help"]));
        assert!(help.contains("\nExamples:\n  portolan "), "{command}");
    }
    assert_eq!(good(&["help", "registry", "lookup"]), good(&["registry", "lookup", "--help"]));
    for topic in TOPICS {
        let text = good(&["help", topic]);
        assert!(text.lines().count() > 20, "{topic}");
        assert!(root.contains(topic), "{topic}");
        assert!(!text.contains("](") && !text.contains("\n| "), "{topic}");
    }
    let evidence = good(&["help", "evidence"]);
    assert!(evidence.starts_with("HOW A NAME IS KNOWN\n"));
    assert!(evidence.lines().all(|line| line.chars().count() <= 80), "{evidence}");
    let said = portolan(&["help", "nonsense"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.error.starts_with(
        "portolan: `nonsense` is neither a command nor a topic\nportolan: hint: topics: evidence"
    ));
    bad(
        &["help", "-o", "/nonexistent/x", "rules"],
        8,
        "cannot write: /nonexistent/x: No such file or directory (os error 2)",
    );
}

/// Every example that reads the sample of the office, or nothing, is a command line that is understood.
#[test]
fn examples_of_help_are_command_lines() {
    let mut commands: Vec<Vec<&str>> = COMMANDS.iter().map(|command| vec![*command]).collect();
    commands.extend(
        ["lookup", "search", "info", "import", "diff", "export"].map(|inner| vec!["registry", inner]),
    );
    let mut tried = 0;
    for command in commands {
        let help = good(&[&["help"], &command[..]].concat());
        let Some(examples) = help.split("Examples:\n").nth(1) else { panic!("{command:?} has no examples") };
        let lines = examples
            .lines()
            .take_while(|line| line.starts_with("  portolan ") || line.starts_with("  tcpdump "));
        for line in lines {
            let line =
                line.split(" | ").next().unwrap().split(" > ").next().unwrap().split(" >> ").next().unwrap();
            let Some(line) = line.trim().strip_prefix("portolan ") else { continue };
            // What needs other files or an interface, or writes, is only read by the command line's definition elsewhere.
            let has_notes = line.contains("   ");
            if line.contains(" -i ")
                || line.contains(".csv")
                || line.contains("--out")
                || line.contains(" -o ")
                || line.ends_with(" install")
                || has_notes
            {
                continue;
            }
            let words = crate::cli::words(line);
            let words: Vec<_> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
            let said = portolan(&words);
            assert!([0, 1].contains(&said.code), "{line}: {}", said.error);
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn man_pages_are_read_by_man() {
    let folder = Scratch::new("manual");
    let root = folder.0.join("man").display().to_string();
    assert_eq!(good(&["man", "--out", &root]), "");
    let names = |section: &str| -> BTreeSet<String> {
        let files = fs::read_dir(Path::new(&root).join(section)).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    };
    let (commands, topics) = (names("man1"), names("man7"));
    assert!(COMMANDS.iter().all(|command| commands.contains(&format!("portolan-{command}.1"))));
    assert!(commands.contains("portolan.1") && commands.contains("portolan-registry-lookup.1"));
    assert_eq!(topics, TOPICS.iter().map(|topic| format!("portolan-{topic}.7")).collect());
    let page = |section: &str, name: &str| Path::new(&root).join(section).join(name);
    assert_eq!(good(&["man", "flows"]), fs::read_to_string(page("man1", "portolan-flows.1")).unwrap());
    assert_eq!(good(&["man", "rules"]), fs::read_to_string(page("man7", "portolan-rules.7")).unwrap());
    let all =
        commands.iter().map(|name| page("man1", name)).chain(topics.iter().map(|name| page("man7", name)));
    for file in all {
        let file = file.display().to_string();
        let Some(read) = tried("man", &["--warnings", "-l", &file]) else { return };
        let text = String::from_utf8(read.stdout).unwrap();
        // Words that are longer than a line are all that is complained of.
        let complaints = String::from_utf8(read.stderr).unwrap();
        let complaints: Vec<_> = complaints
            .lines()
            .filter(|line| !line.contains("cannot adjust line") && !line.contains("can't break line"))
            .collect();
        assert!(read.status.success() && complaints.is_empty(), "{file}: {complaints:?}");
        assert!(text.contains("NAME\n") && text.contains("portolan"), "{file}: {text}");
    }
    let file = page("man1", "portolan-flows.1").display().to_string();
    let Some(read) = tried("man", &["-l", &file]) else { return };
    let text = String::from_utf8(read.stdout).unwrap();
    // In the order of a manual, with examples a line each.
    let places = ["NAME\n", "SYNOPSIS\n", "DESCRIPTION\n", "EXAMPLES\n", "SEE ALSO\n"]
        .map(|heading| text.find(heading).expect(heading));
    assert!(places.is_sorted());
    assert!(text.contains("\n       portolan flows office.pcapng\n"), "{text}");
    assert!(text.contains("portolan-filters(7)"));
}

#[test]
fn completions_are_read_by_their_shells() {
    let folder = Scratch::new("completions");
    for (shell, word) in [
        ("bash", "COMPREPLY"),
        ("zsh", "#compdef portolan"),
        ("fish", "complete -c portolan"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = good(&["completions", shell]);
        assert!(script.contains(word) && COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
        let file = folder.file(shell, script.as_bytes()).display().to_string();
        if shell == "powershell" {
            continue;
        }
        let Some(read) = tried(shell, &["-n", &file]) else { continue };
        assert!(read.status.success() && read.stderr.is_empty(), "{shell}: {read:?}");
    }
    // What bash offers behind `portolan flows --format`.
    let script = folder.0.join("bash").display().to_string();
    let ask = format!(
        "source {script}; COMP_WORDS=(portolan flows --format ''); COMP_CWORD=3; COMP_LINE='portolan flows --format '; \
         COMP_POINT=${{#COMP_LINE}}; _portolan portolan '' --format; echo \"${{COMPREPLY[*]}}\""
    );
    let Some(offered) = tried("bash", &["-c", &ask]) else { return };
    assert_eq!(String::from_utf8(offered.stdout).unwrap(), "text json csv zeek parquet arrow\n");
}

#[test]
fn make_installs_and_removes() {
    let folder = Scratch::new("install");
    let root = folder.0.join("root").display().to_string();
    let make = |goal: &str| {
        let settings = [
            format!("DESTDIR={root}"),
            "PREFIX=/usr".to_owned(),
            format!("BINARY={}", env!("CARGO_BIN_EXE_portolan")),
        ];
        let project = ["-s", "-C", env!("CARGO_MANIFEST_DIR"), goal];
        tried("make", &[&project[..], &settings.each_ref().map(String::as_str)].concat())
    };
    let Some(said) = make("install") else { return };
    assert!(said.status.success(), "{said:?}");
    let prefix = Path::new(&root).join("usr");
    let files = [
        "share/man/man1/portolan-flows.1",
        "share/man/man7/portolan-rules.7",
        "share/bash-completion/completions/portolan",
        "share/fish/vendor_completions.d/portolan.fish",
        "share/zsh/site-functions/_portolan",
        "share/doc/portolan/docs/zeek.md",
    ];
    for file in files {
        assert!(fs::metadata(prefix.join(file)).unwrap().len() > 500, "{file}");
    }
    let version = Command::new(prefix.join("bin/portolan")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap(), good(&["--version"]));
    assert!(make("uninstall").unwrap().status.success());
    assert!(!prefix.join("bin/portolan").exists() && files.iter().all(|file| !prefix.join(file).exists()));
}
