//! `annotate -w` into a ring of files.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use portolan::{
    capture::{self, Source as _},
    packet::Batch,
};

use crate::{capture::Scratch, cli, material::sample};

/// Files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// The blocks of a little-endian pcapng, as they lie in it; panics where one is not whole.
fn blocks(octets: &[u8]) -> Vec<(u32, &[u8])> {
    let word = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
    let (mut all, mut at) = (Vec::new(), 0);
    while at < octets.len() {
        let len = word(at + 4) as usize;
        assert_eq!(word(at + len - 4) as usize, len, "the length at its end, at {at}");
        all.push((word(at), &octets[at..at + len]));
        at += len;
    }
    all
}

/// Blocks with packets.
fn packets(octets: &[u8]) -> Vec<&[u8]> {
    blocks(octets).into_iter().filter(|block| block.0 == 6).map(|block| block.1).collect()
}

/// Times of the packets of a file, in ns.
fn times(path: &Path) -> Vec<u64> {
    let (mut source, mut batch, mut times) = (capture::open(path).unwrap(), Batch::new(), Vec::new());
    while source.fill(&mut batch).unwrap() {
        times.extend(batch.frames().map(|frame| frame.time.unwrap().0));
    }
    times
}

/// The same packets with the same comments as in one file, none lost between two; and each file whole by itself.
#[test]
fn files_of_a_size_are_the_capture_cut_between_packets() {
    let folder = Scratch::new("ring-size");
    let whole = folder.0.join("whole.pcapng");
    let office = sample("office.pcapng").display().to_string();
    for way in [&[][..], &["--causal"], &["--threads", "1"]] {
        let write = |path: &Path, more: &[&str]| {
            let path = path.display().to_string();
            let all = [&["annotate", &office, "-w", &path][..], way, more].concat();
            let said = cli::portolan(&all);
            assert_eq!(said.code, 0, "{}", said.error);
        };
        write(&whole, &[]);
        let ring = folder.0.join("ring");
        fs::create_dir(&ring).unwrap();
        write(&ring.join("cap.pcapng"), &["--rotate-size", "12k"]);
        let all = files(&ring);
        assert!(all.len() > 3, "{all:?}");
        let whole = fs::read(&whole).unwrap();
        let contents: Vec<_> = all.iter().map(|file| fs::read(file).unwrap()).collect();
        let cut: Vec<_> = contents.iter().flat_map(|octets| packets(octets)).collect();
        assert_eq!(cut, packets(&whole), "{way:?}");
        let described = |octets: &[u8]| {
            blocks(octets)
                .into_iter()
                .filter(|block| block.0 == 1)
                .map(|block| block.1.to_vec())
                .collect::<Vec<_>>()
        };
        for (number, (file, octets)) in all.iter().zip(&contents).enumerate() {
            assert!(name(file).starts_with(&format!("cap_{:05}_2026", number + 1)), "{file:?}");
            let inside = blocks(octets);
            assert_eq!(inside[0].0, 0x0a0d_0d0a);
            assert_eq!(described(octets), described(&whole));
            let names =
                inside.iter().filter(|block| block.0 == 4).map(|block| block.1.len() as u64).sum::<u64>();
            // Names of the past come last, and may be more than was asked for.
            let causal = if way == ["--causal"] { names } else { 0 };
            assert!(octets.len() as u64 - causal <= 12 << 10, "{} octets", octets.len());
            // The office's server was asked for by name in the first file already.
            assert!(octets.windows(21).any(|part| part == b"server.office.example"), "{file:?}");
        }
        fs::remove_dir_all(&ring).unwrap();
    }
}

#[test]
fn files_of_an_interval_hold_what_came_in_it() {
    let folder = Scratch::new("ring-interval");
    let pattern = folder.0.join("cap-%Y%m%dT%H%M%S.pcapng").display().to_string();
    let office = sample("office.pcapng");
    let said =
        cli::portolan(&["annotate", office.to_str().unwrap(), "-w", &pattern, "--rotate-interval", "2s"]);
    assert_eq!(said.code, 0, "{}", said.error);
    let all = files(&folder.0);
    // The sample takes ten seconds, from 21:24:19 on.
    assert!((4..=7).contains(&all.len()), "{all:?}");
    assert!(said.error.contains(&format!("files written: {}", all.len())), "{}", said.error);
    let mut joined = Vec::new();
    for file in &all {
        let own = times(file);
        let interval = own[0] / 2_000_000_000;
        assert!(own.iter().all(|time| time / 2_000_000_000 == interval), "{file:?}");
        let text = portolan::text::time::machine_time(portolan::packet::Timestamp(own[0]));
        let stamp = text[..19].replace(['-', ':'], "");
        assert_eq!(name(file), format!("cap-{stamp}.pcapng"));
        joined.extend(own);
    }
    assert_eq!(joined, times(&office));
    // A second run takes the place of none, and its files count, too.
    let said = cli::portolan(&[
        "annotate",
        office.to_str().unwrap(),
        "-w",
        &pattern,
        "--rotate-interval",
        "2s",
        "--rotate-files",
        "3",
    ]);
    assert_eq!(said.code, 0, "{}", said.error);
    let left = files(&folder.0);
    assert_eq!(left.len(), 3, "{left:?}");
    let (last, all): (Vec<_>, _) = (left.iter().flat_map(|file| times(file)).collect(), times(&office));
    assert_eq!(last, all[all.len() - last.len()..]);
}

/// A pipe, of which only the past is known: USR2 begins the next file, and a run that is killed leaves a file that is whole
/// but for its last block.
#[test]
fn usr2_begins_the_next_file_and_a_killed_run_leaves_what_it_had() {
    let folder = Scratch::new("ring-usr2");
    let path = folder.0.join("cap.pcapng").display().to_string();
    let mut child = cli::command(&["annotate", "-", "-w", &path, "--rotate-size", "1G"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let octets = fs::read(sample("snmp-get.pcap")).unwrap();
    let mut input = child.stdin.take().unwrap();
    let begun = Instant::now();
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no {what}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    input.write_all(&octets).unwrap();
    let part = |folder: &Path| {
        let part = files(folder).into_iter().find(|file| name(file).ends_with(".part"));
        part.map(|part| fs::read(part).unwrap())
            .filter(|octets| !octets.is_empty())
            .map(|octets| packets(&octets).len())
    };
    wait("first packets", &|| part(&folder.0) == Some(2));
    let kill = |signal: &str| {
        assert!(
            Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success()
        );
    };
    kill("USR2");
    // The same packets once more, without the header of the file.
    input.write_all(&octets[24..]).unwrap();
    wait("second file", &|| files(&folder.0).len() == 2 && part(&folder.0) == Some(2));
    let all = files(&folder.0);
    assert!(name(&all[0]).starts_with("cap_00001_") && name(&all[0]).ends_with("Z.pcapng"), "{all:?}");
    assert_eq!(times(&all[0]).len(), 2);
    kill("KILL");
    let mut text = String::new();
    let mut error = BufReader::new(child.stderr.take().unwrap());
    error.read_line(&mut text).unwrap();
    error.read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    // The next run says so, and counts on.
    let sample = sample("snmp-get.pcap").display().to_string();
    let said = cli::portolan(&["annotate", &sample, "-w", &path, "--rotate-size", "1G"]);
    assert_eq!(said.code, 0);
    assert!(said.error.contains("was left behind by a run that was killed"), "{}", said.error);
    let all = files(&folder.0);
    assert!(name(&all[2]).starts_with("cap_00003_"), "{all:?}");
    assert!(name(&all[1]).starts_with("cap_00002_") && name(&all[1]).ends_with(".part"), "{all:?}");
    assert_eq!(times(&all[1]).len(), 2);
}

#[test]
fn what_cannot_be_a_ring_is_refused() {
    let folder = Scratch::new("ring-refused");
    let sample = sample("snmp-get.pcap").display().to_string();
    let to = |name: &str| folder.0.join(name).display().to_string();
    for (arguments, reason) in [
        (&["-w", &to("a.json"), "--format", "json", "--rotate-size", "1M"][..], "are for captures"),
        (&["--rotate-size", "1M"], "-w"),
        (&["-w", &to("%"), "--rotate-size", "1M"], "%"),
        (&["-w", &to("a-%D.pcapng"), "--rotate-size", "1M"], "it has a slash"),
    ] {
        let said = cli::portolan(&[&["annotate", &sample][..], arguments].concat());
        assert_eq!(said.code, 2, "{}", said.error);
        assert!(said.error.contains(reason), "{}", said.error);
    }
    assert!(files(&folder.0).is_empty());
    let said = cli::portolan(&["annotate", &sample, "-w", &to("missing/a.pcapng"), "--rotate-size", "1M"]);
    assert_eq!(said.code, 8, "{}", said.error);
}
