//! Captures mutated at random, the same ones on every machine: no panic, no sum that is wrong, no output that cannot be read,
//! and little time and memory.
//!
//! The first tests mutate some; those left out unless asked for mutate as many as `PORTOLAN_MUTATIONS` says, 100,000 in this process
//! and 1,000 that commands are run on:
//!
//! ```text
//! cargo test --test portolan -- --ignored --nocapture mutations
//! ```

use std::{
    fs, panic,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    checks,
    generator::captures::random::Random,
    summary::{samples, shared_captures},
};

/// Begins all random numbers; a mutation has the next number of its own.
const SEED: u64 = 0x706f_7274_6f6c_616e;
/// Octets of a capture at most that is mutated.
const SMALL: u64 = 16 << 10;
/// What a mutated capture may take in time, and all of them in memory.
const TIME: Duration = Duration::from_secs(2);
const MEMORY: u64 = 512 << 20;
/// Numbers that lengths, counts and offsets break at.
const EDGES: [u32; 16] =
    [0, 1, 2, 3, 4, 7, 8, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x4_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// What is mutated: the samples and, where they are at hand, captures of others, the small ones of them.
struct Sources(Vec<Vec<u8>>);

impl Sources {
    fn new() -> Self {
        let mut paths: Vec<PathBuf> = samples();
        paths.extend(shared_captures().into_iter().map(|(path, _)| path));
        paths.retain(|path| fs::metadata(path).is_ok_and(|about| about.len() <= SMALL));
        paths.sort();
        Self(paths.iter().map(|path| fs::read(path).unwrap()).collect())
    }

    /// The mutation of this number.
    fn mutated(&self, number: u64) -> Vec<u8> {
        let mut random = Random::new(SEED ^ number);
        let mut octets = self.any(&mut random).clone();
        for _ in 0..=random.below(4) {
            if octets.is_empty() {
                break;
            }
            self.mutate(&mut octets, &mut random);
        }
        octets
    }

    fn any(&self, random: &mut Random) -> &Vec<u8> {
        &self.0[random.below(self.0.len() as u64) as usize]
    }

    fn mutate(&self, octets: &mut Vec<u8>, random: &mut Random) {
        let len = octets.len();
        let at = random.below(len as u64) as usize;
        // A run of octets from there, mostly short.
        let most = (len - at).min(if random.percent(80) { 64 } else { len }) as u64;
        let end = at + 1 + random.below(most) as usize;
        match random.below(12) {
            0 => octets[at] ^= 1 << random.below(8),
            1 => octets[at] = random.next() as u8,
            2 => octets[at..end].fill_with(|| random.next() as u8),
            3 => octets.truncate(at),
            4 => drop(octets.drain(at..end)),
            // A number of 16 or 32 bits, in either order, most often where fields of files are.
            5..=7 => {
                let at = if random.percent(50) { at & !3 } else { at };
                let edge = EDGES[random.below(EDGES.len() as u64) as usize];
                let number = if random.percent(50) { edge } else { edge.wrapping_sub(len as u32) };
                let field = if random.percent(50) { number.to_le_bytes() } else { number.to_be_bytes() };
                let field = if random.percent(50) { &field[..2] } else { &field[..] };
                let fits = field.len().min(len - at);
                octets[at..at + fits].copy_from_slice(&field[..fits]);
            }
            // What is there once more.
            8 => {
                let copy = octets[at..end].to_vec();
                let place = random.below(len as u64) as usize;
                octets.splice(place..place, copy);
            }
            // The beginning of this one, and the end of another.
            9 => {
                let other = self.any(random);
                octets.truncate(at);
                octets.extend_from_slice(&other[random.below(other.len() as u64 + 1) as usize..]);
            }
            // The other order of octets, or what a classic file says of its link type.
            10 => octets[..len.min(4)].reverse(),
            _ if len >= 24 => octets[20..22].copy_from_slice(&(random.below(300) as u16).to_le_bytes()),
            _ => octets[at] = 0,
        }
        octets.truncate(4 * SMALL as usize);
    }
}

/// The most memory that this process ever had, in octets.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[cfg(not(target_os = "linux"))]
fn peak() -> u64 {
    0
}

/// How many are mutated where a test is asked for by name.
fn asked(usual: u64) -> u64 {
    std::env::var("PORTOLAN_MUTATIONS").map_or(usual, |count| count.parse().unwrap())
}

/// How long something takes: a machine that is busy may be slow once, so what took too long is tried again.
fn quickest(mut work: impl FnMut()) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        work();
        least = least.min(began.elapsed());
        if least <= TIME {
            break;
        }
    }
    least
}

/// Has each mutation pass the checks of captures: annotated as text, JSON and CSV, on two numbers of threads, summed up, every
/// report written, rewritten and read again. Says which ones did not.
#[allow(clippy::print_stdout, reason = "what was tried belongs in the test log")]
fn check(count: u64) {
    // What is measured is what is promised with every check on.
    const { assert!(cfg!(debug_assertions), "a build without checks shows little") };
    let sources = Sources::new();
    let (next, slowest) = (AtomicU64::new(0), AtomicU64::new(0));
    let before = peak();
    let failed: Vec<u64> = thread::scope(|scope| {
        let work = || {
            let mut failed = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return failed;
                }
                let octets = sources.mutated(number);
                let is_sound = panic::catch_unwind(|| {
                    let took = quickest(|| {
                        checks::pipeline(&octets);
                        checks::rewrite(&octets);
                    });
                    slowest.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
                    took <= TIME
                });
                if !is_sound.unwrap_or_default() {
                    failed.push(number);
                }
            }
        };
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let grown = peak() - before;
    println!(
        "{count} mutations of {} captures, the slowest in {} ms, {} MiB in all",
        sources.0.len(),
        slowest.into_inner(),
        grown >> 20
    );
    for number in &failed {
        let path = std::env::temp_dir().join(format!("portolan-mutation-{number}"));
        fs::write(&path, sources.mutated(*number)).unwrap();
        println!("mutation {number}: {}", path.display());
    }
    assert!(failed.is_empty(), "{failed:?} panicked or took more than {TIME:?}");
    assert!(grown < MEMORY, "{grown} octets of memory");
}

#[test]
fn mutated_captures_do_no_harm() {
    check(1_500);
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_thousand_mutated_captures_do_no_harm() {
    check(asked(100_000));
}

/// Runs commands on each mutation, in half a gibibyte of addresses: exit codes are those of inputs that are whole, damaged or
/// none, JSON is what its schema says, nothing takes long, and nothing on standard error is of a bug.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
#[allow(clippy::print_stdout, reason = "what was tried belongs in the test log")]
fn run(count: u64) {
    use std::{collections::BTreeMap, process::Command};

    use crate::{
        capture::Scratch,
        cli::{command, said},
        schema::Check,
    };

    // With the name of its schema, where it writes JSON.
    const RUNS: [(&[&str], &str); 8] = [
        (&["annotate"], ""),
        (&["annotate", "--format", "json", "--causal"], "packet"),
        (&["summary", "--format", "json"], "summary"),
        (&["discover", "--format", "json"], "discover"),
        (&["discover", "--format", "csv"], ""),
        (&["hosts", "--format", "json"], "hosts"),
        (&["flows", "--format", "json"], "flow"),
        (&["annotate", "-w", "written"], ""),
    ];
    let mut schemas = Check::all();
    let (sources, folder) = (Sources::new(), Scratch::new("mutations"));
    let (mut codes, mut slowest) = (BTreeMap::new(), Duration::ZERO);
    for number in 0..count {
        let path = folder.file("mutated", &sources.mutated(number));
        for (arguments, schema) in RUNS {
            let plain = command(arguments);
            let mut shell = Command::new("sh");
            shell.args(["-c", "ulimit -v 524288 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_portolan")]);
            shell.args(plain.get_args()).arg(&path).current_dir(&folder.0);
            shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let mut ended = None;
            let took = quickest(|| ended = Some(shell.output().unwrap()));
            let ended = ended.unwrap();
            // A signal would have no code.
            let code = ended.status.code();
            assert!(matches!(code, Some(0 | 3 | 4)), "mutation {number}: {arguments:?}: {ended:?}");
            let said = said(ended);
            assert_eq!(
                said.code == 0,
                said.error.lines().all(|line| line.contains(": note: ")),
                "{number}: {}",
                said.error
            );
            assert!(took <= TIME, "mutation {number}: {arguments:?} took {took:?}");
            if let Some(check) = schemas.get_mut(schema).filter(|_| !said.out.is_empty()) {
                check.check(&said.out, &[&*format!("mutation {number}"), arguments[0]]);
            }
            slowest = slowest.max(took);
            *codes.entry(said.code).or_insert(0_u32) += 1;
        }
    }
    println!(
        "{count} mutations, {} commands each, exit codes {codes:?}, the slowest in {slowest:?}",
        RUNS.len()
    );
    // Of each kind there are some, or little is tried.
    assert_eq!(codes.into_keys().collect::<Vec<_>>(), [0, 3, 4]);
}

#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
#[test]
fn commands_on_mutated_captures_end_as_they_should() {
    run(40);
}

#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
#[test]
#[ignore = "takes minutes"]
fn commands_on_a_thousand_mutated_captures_end_as_they_should() {
    run(asked(1_000));
}
