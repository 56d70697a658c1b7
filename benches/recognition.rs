//! What it costs to look at first octets: learns and names the flows of a capture with it and without, in turns.
//!
//! `cargo bench --bench recognition -- talk.pcap` prints the CPU time of both and their ratio; with `octets` or `ports` behind
//! the file it does one of them once, for `instructions.py`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports what it measured")]

use std::{collections::BTreeSet, env, fs, process::ExitCode};

use portolan::{Answers, Job, Registry, knowledge::Options, pipeline::Inputs};

const USAGE: &str = "usage: recognition FILE [octets | ports]";

/// Runs of each kind.
const RUNS: usize = 10;

fn main() -> ExitCode {
    // Cargo adds --bench for the sake of harnesses.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let registry = Registry::built_in();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [file, "octets"] => _ = learn(file, false, &registry),
        [file, "ports"] => _ = learn(file, true, &registry),
        [file] => compare(file, &registry),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Learns a capture and works out its answers on one thread, as `summary` does; how many protocols were recognised.
fn learn(file: &str, ports_only: bool, registry: &Registry) -> usize {
    let mut job = Job { threads: 1, ..Job::new(Inputs::Files(vec![file.into()]), registry) };
    let options = Options { ports_only, ..Options::default() };
    let (knowledge, outcome) = job.learn(options, &()).expect("nothing is filtered or written");
    assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    let answers = Answers::of(&knowledge, registry, false, 1);
    let spoken = answers.labels().all().iter().filter_map(|label| Some(label.speech?.protocol.word()));
    spoken.collect::<BTreeSet<_>>().len()
}

fn compare(file: &str, registry: &Registry) {
    let (mut spent, mut ratios) = ([0.0, 0.0], Vec::new());
    let mut spoken = 0;
    for _ in 0..RUNS {
        let run = [true, false].map(|ports_only| {
            let before = cpu_time();
            spoken = learn(file, ports_only, registry);
            cpu_time() - before
        });
        ratios.push(run[1] / run[0]);
        spent = [spent[0] + run[0], spent[1] + run[1]];
    }
    ratios.sort_by(f64::total_cmp);
    let [ports, octets] = spent.map(|seconds| seconds / RUNS as f64);
    println!(
        "{spoken} protocols; CPU {ports:.3} s by ports alone, {octets:.3} s with first octets: ratio {:.3}, median {:.3}",
        octets / ports,
        ratios[RUNS / 2]
    );
}

/// CPU time of this process so far, in seconds: fields 14 and 15 of `/proc/self/stat`, in hundredths.
fn cpu_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("a Linux machine");
    // The name of the program may have spaces in it, and ends with a bracket.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
