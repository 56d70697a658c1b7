//! What `-w` may replace, and what becomes of it.

use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use crate::{
    capture::Scratch,
    cli::{command, good, portolan},
    material,
};

/// What pcapng begins with.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn sample() -> Vec<u8> {
    fs::read(material::sample("http-get.pcap")).unwrap()
}

fn is_section(path: &Path) -> bool {
    fs::read(path).unwrap().starts_with(&SECTION)
}

#[test]
fn links_are_followed_and_modes_kept() {
    let folder = Scratch::new("outputs-links");
    let input = shown(&folder.file("in", &sample()));
    let kept = folder.file("kept", b"before");
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o600)).unwrap();
    let (link, second, dangling) =
        (folder.0.join("link"), folder.0.join("second"), folder.0.join("dangling"));
    symlink("kept", &link).unwrap();
    symlink(&link, &second).unwrap();
    symlink("new", &dangling).unwrap();
    good(&["annotate", &input, "-w", &shown(&second)]);
    assert!(second.is_symlink() && link.is_symlink() && is_section(&kept));
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o7777, 0o600);
    good(&["annotate", &input, "-w", &shown(&dangling)]);
    assert!(dangling.is_symlink() && is_section(&folder.0.join("new")));
    // Nothing is left behind but these.
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 6);
    let round = folder.0.join("round");
    symlink("round", &round).unwrap();
    assert_eq!(portolan(&["annotate", &input, "-w", &shown(&round)]).code, 8);
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_open_already_is_written_to() {
    let folder = Scratch::new("outputs-open");
    let input = shown(&folder.file("in", &sample()));
    let link = folder.0.join("stdout");
    symlink("/proc/self/fd/1", &link).unwrap();
    for name in ["/dev/stdout", "/proc/self/fd/1", &shown(&link)] {
        let out = folder.0.join("out");
        let run =
            command(&["annotate", &input, "-w", name]).stdout(File::create(&out).unwrap()).output().unwrap();
        assert_eq!((run.status.code(), run.stderr.len()), (Some(0), 0), "{name}");
        assert!(is_section(&out) && link.is_symlink(), "{name}");
    }
}

#[test]
fn an_input_is_only_replaced_by_all_of_it() {
    let folder = Scratch::new("outputs-input");
    let whole = folder.file("whole", &sample());
    let (hard, soft) = (folder.0.join("hard"), folder.0.join("soft"));
    fs::hard_link(&whole, &hard).unwrap();
    symlink("whole", &soft).unwrap();
    let spelled = folder.0.join(".").join("whole");
    for target in [&whole, &hard, &soft, &spelled] {
        for more in [&["-c", "1"][..], &["-f", "tcp"], &["--format", "csv"], &["--format", "text"]] {
            let said = portolan(&[&["annotate", &shown(&whole), "-w", &shown(target)], more].concat());
            assert_eq!((said.code, said.error.lines().count()), (2, 1), "{more:?}: {}", said.error);
            assert!(said.error.contains("-annotated."), "{}", said.error);
            assert_eq!(fs::read(&whole).unwrap(), sample());
        }
    }
    // One that is damaged stays, by any name, and beside one that is sound.
    let octets = &sample()[..700];
    let cut = folder.file("cut", octets);
    let (hard, soft) = (folder.0.join("cut-hard"), folder.0.join("cut-soft"));
    fs::hard_link(&cut, &hard).unwrap();
    symlink("cut", &soft).unwrap();
    for target in [&cut, &hard, &soft] {
        for inputs in [&[shown(&cut)][..], &[shown(&cut), shown(&whole)], &[shown(&whole), shown(&cut)]] {
            let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
            let said = portolan(&[&["annotate", "-w", &shown(target)], &inputs[..]].concat());
            assert_eq!(
                (said.code, fs::read(target).unwrap() == octets),
                (4, true),
                "{inputs:?}: {}",
                said.error
            );
        }
    }
    let text = folder.file("text", b"hello, world\n");
    let said = portolan(&["annotate", "-w", &shown(&text), &shown(&text), &shown(&whole)]);
    assert_eq!((said.code, fs::read(&text).unwrap()), (3, b"hello, world\n".to_vec()), "{}", said.error);
    // A whole one may be annotated in place.
    good(&["annotate", &shown(&whole), "-w", &shown(&spelled)]);
    assert!(is_section(&whole));
    let layer = folder.file("services", b"payroll 8443/tcp\n");
    let run = ["annotate", &shown(&whole), "--registry", &shown(&layer), "-w", &shown(&layer)];
    assert_eq!((portolan(&run).code, fs::read(&layer).unwrap()), (2, b"payroll 8443/tcp\n".to_vec()));
}

#[test]
fn the_input_is_not_the_output() {
    let folder = Scratch::new("outputs-same");
    let input = folder.file("in", &sample());
    for arguments in [&["annotate", "--causal", "--format", "pcapng"][..], &["summary"], &["flows"]] {
        let out = File::options().append(true).open(&input).unwrap();
        let run = command(&[arguments, &[&shown(&input)]].concat()).stdout(out).output().unwrap();
        assert_eq!(run.status.code(), Some(2), "{arguments:?}");
        assert_eq!(fs::read(&input).unwrap(), sample(), "{arguments:?}");
    }
}

#[test]
fn what_a_killed_run_left_is_told_and_not_read() {
    let folder = Scratch::new("outputs-left");
    let input = shown(&folder.file("in", &sample()));
    let target = folder.0.join("x.pcapng");
    folder.file("x.pcapng.aB3dE6.part", &sample());
    let said = portolan(&["annotate", &input, "-w", &shown(&target)]);
    assert_eq!((said.code, said.error.lines().count()), (0, 1), "{}", said.error);
    assert!(said.error.contains("x.pcapng.aB3dE6.part was left behind"), "{}", said.error);
    // Neither that nor the output of the same run is taken from a folder.
    let run = ["annotate", "-q", "--recursive", &shown(&folder.0), "-w", &shown(&target)];
    let packets = |path: &Path| good(&["annotate", &shown(path)]).lines().count();
    for _ in 0..2 {
        assert_eq!(portolan(&run).code, 0);
        assert_eq!(packets(&target), 10);
    }
}

#[test]
fn names_may_be_as_long_as_files_may_have_them() {
    let folder = Scratch::new("outputs-long");
    let input = shown(&folder.file("in", &sample()));
    for name in ["x".repeat(255), "é".repeat(127)] {
        let target = folder.0.join(name);
        good(&["annotate", &input, "-w", &shown(&target)]);
        assert!(is_section(&target));
    }
}

#[test]
fn one_bad_folder_does_not_end_a_run() {
    let folder = Scratch::new("outputs-folder");
    let input = shown(&folder.file("in", &sample()));
    let empty = folder.0.join("empty");
    fs::create_dir(&empty).unwrap();
    let said = portolan(&["annotate", "--recursive", &shown(&empty), &input]);
    assert_eq!((said.code, said.out.lines().count()), (3, 10), "{}", said.error);
    assert!(said.error.contains("there is no capture in this directory"), "{}", said.error);
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_an_error() {
    for word in ["--help", "--version"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(command(&[word]).stdout(full).status().unwrap().code(), Some(8), "{word}");
    }
}

#[test]
fn names_of_files_forge_no_lines() {
    let said = portolan(&["summary", "none\nportolan: note: all is well"]);
    assert_eq!((said.code, said.error.lines().count()), (3, 1), "{}", said.error);
    assert!(said.error.contains(r"none\010portolan"), "{}", said.error);
}

#[test]
fn every_command_writes_to_the_file_that_is_named() {
    let folder = Scratch::new("outputs-named");
    let out = shown(&folder.0.join("out"));
    for run in [
        &["summary", "office.pcapng"][..],
        &["summary", "--interval", "1s", "--format", "json", "office.pcapng"],
        &["annotate", "office.pcapng"],
        &["flows", "--format", "csv", "office.pcapng"],
        &["flows", "-c", "9", "office.pcapng"],
        &["hosts", "office.pcapng"],
        &["discover", "office.pcapng"],
        &["explain", "office.pcapng", "--packet", "3"],
        &["registry", "lookup", "443/tcp"],
    ] {
        let printed = good(run);
        assert_eq!(good(&[run, &["-o", &out]].concat()), "", "{run:?}");
        assert_eq!(fs::read_to_string(&out).unwrap(), printed, "{run:?}");
        assert_eq!(good(&[run, &["-o", "-"]].concat()), printed, "{run:?}");
    }
    // `-o` may stand before the command, and nothing is left behind.
    good(&["-o", &out, "summary", "office.pcapng"]);
    assert_eq!(fs::read_to_string(&out).unwrap(), good(&["office.pcapng"]));
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
fn no_report_takes_the_place_of_what_is_read() {
    let folder = Scratch::new("outputs-read");
    let (input, layer) = (folder.file("in", &sample()), folder.file("layer", b"10.0.0.1 80/tcp own\n"));
    let (hard, soft) = (folder.0.join("hard"), folder.0.join("soft"));
    fs::hard_link(&input, &hard).unwrap();
    symlink("in", &soft).unwrap();
    for command in ["summary", "annotate", "flows", "hosts", "discover"] {
        for target in [&input, &hard, &soft, &layer] {
            let run = [command, &shown(&input), "--registry", &shown(&layer), "-o", &shown(target)];
            let said = portolan(&run);
            assert_eq!((said.code, said.out.as_str()), (2, ""), "{run:?}: {}", said.error);
            assert!(said.error.ends_with("is an input: write to another file\n"), "{}", said.error);
        }
    }
    assert!(fs::read(&input).unwrap() == sample() && fs::read(&layer).unwrap().starts_with(b"10.0.0.1"));
    // What is there stays where there is nothing to tell instead; a folder cannot be written to.
    let (kept, text) = (folder.file("kept", b"before"), folder.file("text", b"hello, world\n"));
    assert_eq!(portolan(&["summary", &shown(&text), "-o", &shown(&kept)]).code, 3);
    assert_eq!(fs::read(&kept).unwrap(), b"before");
    assert_eq!(portolan(&["summary", &shown(&input), "-o", "/nonexistent/out"]).code, 8);
    assert_eq!(portolan(&["annotate", &shown(&input), "-o", "a", "-w", "b"]).code, 2);
    // Neither is read what a run writes.
    let own = shown(&folder.0.join("own.pcapng"));
    fs::copy(&input, &own).unwrap();
    let said = portolan(&["summary", "--recursive", &shown(&folder.0), "-o", &own]);
    assert_eq!(said.code, 0, "{}", said.error);
}
