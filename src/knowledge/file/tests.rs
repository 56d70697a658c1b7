//! Files that were written are read again as they were; others are refused.

use std::{fs, path::PathBuf, time::Duration};

use super::*;
use crate::{Job, packet::Share, pipeline::Inputs, registry::Registry};

const ALL: Options = Options {
    share: Share::ALL,
    interval: Some(Duration::from_millis(500)),
    flows: true,
    history: true,
    inventory: true,
    causal: false,
    hosts: true,
    domains: true,
    ports_only: false,
    limit: crate::flow::DEFAULT_LIMIT,
};

fn sample(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/samples")).join(name)
}

fn learned(path: PathBuf, options: Options) -> Knowledge {
    let registry = Registry::built_in();
    let mut job = Job::new(Inputs::Files(vec![path]), &registry);
    job.learn_part(options, &()).unwrap().0
}

fn written(known: &Knowledge) -> Vec<u8> {
    let mut file = Vec::new();
    known.write("2026-09-30", &mut file).unwrap();
    file
}

fn error(file: &[u8]) -> Option<FileError> {
    Knowledge::read(&mut &file[..]).err()
}

/// What was read is written as it came, of every sample, and of small tables that five-tuples had to leave.
#[test]
fn what_is_read_is_what_was_written() {
    let mut departed = 0;
    for entry in fs::read_dir(sample("")).unwrap() {
        let path = entry.unwrap().path();
        if crate::capture::open(&path).is_err() {
            continue;
        }
        let plain = Options { interval: None, ..ALL };
        let unnoted = Options { inventory: false, ..ALL };
        for options in [ALL, plain, unnoted, Options::default(), Options { limit: 4, ..ALL }] {
            let known = learned(path.clone(), options);
            let file = written(&known);
            let again = Knowledge::read(&mut &file[..]).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            assert_eq!(written(&again), file, "{path:?}");
            assert_eq!(again.inputs(), known.inputs());
            departed += known.departed().count();
        }
    }
    assert!(departed > 0);
}

#[test]
fn other_files_are_refused_with_the_reason() {
    let file = written(&learned(sample("office.pcapng"), ALL));
    assert!(matches!(error(b""), Some(FileError::Other)));
    assert!(matches!(error(&fs::read(sample("office.pcapng")).unwrap()), Some(FileError::Other)));
    let mut later = file.clone();
    later[8] = 9;
    assert!(matches!(error(&later), Some(FileError::Version(9))));
    let step = file.len() / 200 + 1;
    for len in (8..file.len()).step_by(step) {
        assert!(matches!(error(&file[..len]), Some(FileError::Truncated | FileError::Damaged)), "{len}");
    }
    assert!(matches!(error(&file[..file.len() - 1]), Some(FileError::Truncated | FileError::Damaged)));
}

#[test]
fn a_changed_octet_is_told() {
    let file = written(&learned(sample("mdns-announce.pcap"), ALL));
    // Some bits of a frame of zstd say nothing: how large a window may be, and what is left of a stream of bits.
    let mut told = 0;
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        match Knowledge::read(&mut &changed[..]) {
            Ok(known) => assert_eq!(written(&known), file, "octet {at} of {}", file.len()),
            Err(_) => told += 1,
        }
    }
    assert!(told > file.len() * 9 / 10, "{told} of {}", file.len());
    // The checksum is the frame's last four octets.
    for at in file.len() - 4..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(matches!(error(&changed), Some(FileError::Damaged)), "octet {at}");
    }
}

/// A frame of sections with a checksum that is right, whatever is in them.
fn packed(sections: &[(u32, &[u8])]) -> Vec<u8> {
    let mut file = [&MAGIC[..], &VERSION.to_le_bytes()].concat();
    let mut packed = compressor(&mut file).unwrap();
    for (tag, octets) in sections {
        packed.write_all(&tag.to_le_bytes()).unwrap();
        packed.write_all(&(octets.len() as u64).to_le_bytes()).unwrap();
        packed.write_all(octets).unwrap();
    }
    finish(packed).unwrap();
    file
}

fn sections(file: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut rest = &file[12..];
    let mut sections = Sections::open(&mut rest).unwrap();
    std::iter::from_fn(|| sections.next().unwrap()).collect()
}

#[test]
fn sections_that_are_not_known_are_passed_over_where_that_is_allowed() {
    let file = written(&learned(sample("dns-srv.pcap"), Options { interval: None, ..ALL }));
    let known = sections(&file);
    let mut all: Vec<(u32, &[u8])> = known.iter().map(|(tag, octets)| (*tag, &octets[..])).collect();
    all.push((0, b""));
    assert_eq!(packed(&all), file);
    all.insert(2, (4_711, b"from later"));
    let again = Knowledge::read(&mut &packed(&all)[..]).unwrap();
    assert_eq!(written(&again), file);
    all[2].0 = 4_712;
    assert!(matches!(error(&packed(&all)), Some(FileError::Unknown(4_712))));
    all.remove(2);
    for missing in 0..all.len() {
        let mut some = all.clone();
        some.remove(missing);
        assert!(error(&packed(&some)).is_some(), "{missing}");
    }
}

/// Values changed under a checksum that is right do no harm: they are refused, or are another capture's.
#[test]
fn hostile_values_do_no_harm() {
    let registry = Registry::built_in();
    let mut refused = 0;
    for name in ["office.pcapng", "mdns-announce.pcap", "dns-fragments.pcap", "ftp-2121.pcap"] {
        let known = sections(&written(&learned(sample(name), ALL)));
        for (number, (_, octets)) in known.iter().enumerate() {
            let step = octets.len() / 40 + 1;
            for at in (0..octets.len()).step_by(step) {
                for change in [0x01, 0x80, 0xff] {
                    let mut changed = known.clone();
                    changed[number].1[at] ^= change;
                    let mut all: Vec<(u32, &[u8])> =
                        changed.iter().map(|(tag, octets)| (*tag, &octets[..])).collect();
                    all.push((0, b""));
                    let Ok(part) = Knowledge::read(&mut &packed(&all)[..]) else {
                        refused += 1;
                        continue;
                    };
                    let mut whole = Knowledge::whole(ALL);
                    whole.append(part, &registry);
                    whole.settle();
                    crate::Answers::of(&whole, &registry, true, 1);
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn what_unpacks_to_far_more_than_it_was_is_refused() {
    let zeros = vec![0; 80 << 20];
    let file = packed(&[(2, &zeros)]);
    assert!(file.len() < 16 << 10);
    assert!(matches!(error(&file), Some(FileError::Damaged)));
}

#[test]
fn only_parts_are_written() {
    assert!(Knowledge::whole(ALL).write("2026-09-30", &mut Vec::new()).is_err());
}
