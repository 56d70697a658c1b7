//! What fuzzing found, and every sample, through the checks of the fuzz targets (`tests/fuzz/`).

use std::{fs, path::Path};

use crate::{checks::ALL, summary::samples};

/// The octets in `tests/fuzz/regressions/TARGET/`, whatever found them, do no harm any more.
#[test]
fn what_fuzzing_found_stays_mended() {
    replay("regressions");
}

/// What fuzzing begins with, where samples do not say it, passes its own check.
#[test]
fn seeds_pass_their_check() {
    assert!(replay("seeds") > 0);
}

/// No folder lies there unread because no program is called as it is.
#[test]
fn every_folder_is_of_a_fuzz_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let mut folders = 0;
    for kind in ["regressions", "seeds"] {
        for entry in fs::read_dir(fuzz.join(kind)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                let program = fuzz.join("fuzz_targets").join(entry.file_name()).with_extension("rs");
                assert!(program.exists(), "{}", entry.path().display());
                folders += 1;
            }
        }
    }
    assert!(folders > 0);
}

/// Gives each target's check all that lies in the target's folder of this one; how many files that were.
#[allow(clippy::print_stderr, reason = "a panic is of the file named last")]
fn replay(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(folder);
    let mut replayed = 0;
    for (target, check) in ALL {
        let Ok(entries) = fs::read_dir(folder.join(target)) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            eprintln!("{}", path.display());
            check(&fs::read(path).unwrap());
            replayed += 1;
        }
    }
    replayed
}

/// Every target has its program, and every program its check.
#[test]
fn every_fuzz_target_is_a_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/fuzz_targets");
    let mut programs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    programs.sort();
    programs.retain(|program| cfg!(feature = "cli") || program != "config");
    assert_eq!(programs, ALL.iter().map(|(target, _)| *target).collect::<Vec<_>>());
}

/// Samples are what checks say of any octets, as captures and, without their meaning, as all else.
#[test]
fn samples_pass_every_check() {
    for path in samples() {
        let octets = fs::read(&path).unwrap();
        for (target, check) in ALL {
            eprintln!("{target} {}", path.display());
            check(&octets);
        }
    }
}
