//! What goes wrong around a run: inputs that change while they are read, clocks that jump, little memory and few files, thousands
//! of inputs, and folders that lead back to themselves.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::Value;

use crate::{
    capture::Scratch,
    cli::{Said, command, good, portolan, said},
    limits::{pcap, segment},
    material::sample,
};

/// A run in a shell with these limits.
fn limited(limits: &str, arguments: &[&str]) -> Said {
    let plain = command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{limits} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_portolan")]);
    shell.args(arguments).current_dir(sample(""));
    shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    said(shell.output().unwrap())
}

/// Packets of a summary as JSON: of the capture, and of all rows.
fn packets(out: &str) -> (u64, u64) {
    let found: Value = serde_json::from_str(out).unwrap();
    let rows = found["rows"].as_array().unwrap().iter();
    (found["capture"]["packets"].as_u64().unwrap(), rows.map(|row| row["packets"].as_u64().unwrap()).sum())
}

/// While a file grows, what is read of it is a beginning of it, and what is cut at its end is told.
#[test]
fn a_growing_file_is_read_up_to_some_end() {
    let folder = Scratch::new("faults-growing");
    let octets = pcap(20_000, 0, |number| segment(number % 900, 80, 0x10, number, &[0; 40]));
    let path = folder.file("growing.pcap", &octets);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = File::options().append(true).open(&path).unwrap();
            // Whole records and pieces of them, up to some gigabytes less than a test can take.
            for _ in 0..200 {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                for piece in octets[24..].chunks(100_003) {
                    file.write_all(piece).unwrap();
                }
            }
        });
        for command in ["summary", "flows", "hosts", "annotate"] {
            let said = portolan(&[command, "--format", "json", &path.display().to_string()]);
            assert!(matches!(said.code, 0 | 4), "{command}: {}", said.error);
            assert_eq!(said.code == 4, said.error.contains("cut short"), "{command}: {}", said.error);
            if command == "summary" {
                let (whole, rows) = packets(&said.out);
                assert!(whole >= 20_000 && whole == rows, "{whole} packets, {rows} in rows");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// While a file shrinks and comes back, every run ends, and no exit code but 0 comes without a word.
#[test]
fn a_shrinking_file_is_told() {
    let folder = Scratch::new("faults-shrinking");
    let octets = pcap(40_000, 0, |number| segment(number % 900, 80, 0x10, number, &[0; 40]));
    let path = folder.file("shrinking.pcap", &octets);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().write(true).open(&path).unwrap();
            for len in [70_001, 900_000, 24, 3_000_017].into_iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                file.set_len(len).unwrap();
                thread::yield_now();
                fs::write(&path, &octets).unwrap();
            }
        });
        for _ in 0..6 {
            for command in ["summary", "annotate", "flows"] {
                let said = portolan(&[command, "--format", "json", &path.display().to_string()]);
                assert!(matches!(said.code, 0 | 3 | 4), "{command}: {}", said.error);
                assert_eq!(said.code == 0, said.error.is_empty(), "{command}, {}: {}", said.code, said.error);
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Clocks that stand still, go back, or jump by an hour, by years and to the last second there is: nothing is lost.
#[test]
fn clocks_may_jump() {
    const SECONDS: [u32; 12] = [
        1_700_000_000,
        1_700_000_000,
        1_700_003_600,
        1_699_999_999,
        0,
        u32::MAX,
        1,
        1_700_003_601,
        1_600_000_000,
        1_700_007_201,
        u32::MAX - 1,
        1_700_000_001,
    ];
    let mut octets = pcap(240, 0, |number| segment(number % 3, 80, 0x18, number * 8, b"GET / HT"));
    let record = (octets.len() - 24) / 240;
    for (number, place) in (24..octets.len()).step_by(record).enumerate() {
        octets[place..place + 4].copy_from_slice(&SECONDS[number % 12].to_le_bytes());
    }
    let folder = Scratch::new("faults-clocks");
    let path = folder.file("jumps.pcap", &octets).display().to_string();
    for more in [&[][..], &["--interval", "1h"], &["--by", "host"], &["--threads", "2"]] {
        let out = good(&[&["summary", "--format", "json", &*path], more].concat());
        let found: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(found["capture"]["packets"], 240, "{more:?}");
        if more.is_empty() {
            assert_eq!(packets(&out), (240, 240));
        }
    }
    for command in ["annotate", "flows"] {
        for more in [&[][..], &["--time", "delta"], &["--time", "relative"]] {
            assert!(!good(&[&[command, &*path], more].concat()).is_empty(), "{command} {more:?}");
        }
    }
    assert_eq!(good(&["annotate", "--causal", &path]).lines().count(), 240);
    assert!(!good(&["discover", "--events", &path]).is_empty() || !good(&["hosts", &path]).is_empty());
}

/// With little memory a run goes well or says why it does not; no signal ends it.
#[test]
fn little_memory_ends_in_words() {
    for memory in [60_000, 100_000, 200_000, 400_000] {
        let shell = limited(&format!("ulimit -v {memory}"), &["summary", "--threads", "1", "office.pcapng"]);
        assert!(matches!(shell.code, 0 | 3 | 70), "{memory}: {} {}", shell.code, shell.error);
        assert_eq!(shell.code == 0, shell.error.is_empty(), "{memory}: {}", shell.error);
    }
}

/// Hundreds of inputs need no more open files than one.
#[test]
fn few_files_are_open_at_a_time() {
    let inputs = vec!["snmp-get.pcap"; 600];
    let arguments = [&["summary", "--format", "json"], &inputs[..]].concat();
    let run = limited("ulimit -n 16", &arguments);
    assert_eq!((run.code, &*run.error), (0, ""));
    let one = packets(&good(&["summary", "--format", "json", "snmp-get.pcap"])).0;
    assert_eq!(packets(&run.out), (600 * one, 600 * one));
}

/// Thousands of captures in folders that lead back to themselves are read once each.
#[test]
fn folders_with_loops_end() {
    let folder = Scratch::new("faults-loops");
    let octets = fs::read(sample("snmp-get.pcap")).unwrap();
    for inner in 0..20 {
        let place = folder.0.join(format!("{inner}"));
        fs::create_dir(&place).unwrap();
        for number in 0..100 {
            fs::write(place.join(format!("{number}.pcap")), &octets).unwrap();
        }
        // To itself, to the folder above, and to nothing.
        symlink(&place, place.join("self")).unwrap();
        symlink(&folder.0, place.join("above")).unwrap();
        symlink("nothing", place.join("nothing")).unwrap();
        symlink("circle", place.join("circle")).unwrap();
    }
    let root = folder.0.display().to_string();
    let out = good(&["summary", "--recursive", "--format", "json", &root]);
    let one = packets(&good(&["summary", "--format", "json", "snmp-get.pcap"])).0;
    assert_eq!(packets(&out), (2_000 * one, 2_000 * one));
}
