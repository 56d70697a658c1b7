//! Writes a synthetic capture: `cargo bench --bench generate -- mix mix.pcap`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports what it wrote")]

mod generator;

use std::{
    env, error,
    fs::File,
    io::{self, Write},
    process::ExitCode,
    time::Instant,
};

use generator::{Format, Plan, Shape, Totals, hostile::Hostile};

const USAGE: &str = "\
usage: generate SHAPE FILE [--packets N] [--flows N] [--seed N] [--snap-len N]

SHAPE  mix          4.8 M packets of 670 octets on average, 200 k flows, many hosts
       hosts200     the same between 200 hosts
       small        10 M frames of 64 octets, 1 M flows in random order
       adversarial  1 M frames whose payloads are capture records
       talk         1.5 M packets of 60 k flows that begin as those of 36 protocols do
       lookups      2 M packets of 100 k flows of DNS, and devices that announce themselves
       tunnels      2 M packets of 50 k flows of TCP in VXLAN and in GTP-U
       day          9 M packets of look-ups, connections and devices, every one new
       flows, colliding, instances, names, domains, fragments, undecided
                    1 M packets in each of which that is new: floods
       pointers, extensions, subframes, lowpan, announcements
                    1 M frames full of them, and harmless messages
FILE   written as pcapng where it ends in .pcapng, else as pcap; - is standard output";

fn main() -> ExitCode {
    // Cargo adds --bench for the sake of harnesses.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((plan, file)) = plan(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let begun = Instant::now();
    match write(&plan, file) {
        Ok(totals) => {
            eprintln!("{file}: {totals:?}, written in {:.1} s", begun.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn plan(arguments: &[String]) -> Option<(Plan, &str)> {
    let [shape, file, options @ ..] = arguments else { return None };
    let mut plan = Plan::new(match shape.as_str() {
        "mix" => Shape::Mix,
        "hosts200" => Shape::Hosts200,
        "small" => Shape::Small,
        "adversarial" => Shape::Adversarial,
        "talk" => Shape::Talk,
        "lookups" => Shape::Lookups,
        "tunnels" => Shape::Tunnels,
        "day" => Shape::Day,
        other => Shape::Hostile(Hostile::ALL.iter().find(|(name, _)| *name == other)?.1),
    });
    if file.ends_with(".pcapng") {
        plan.format = Format::Pcapng;
    }
    for option in options.chunks(2) {
        let [name, value] = option else { return None };
        let value = value.replace('_', "").parse().ok()?;
        match name.as_str() {
            "--packets" => plan.packets = value,
            "--flows" => plan.flows = value,
            "--seed" => plan.seed = value,
            "--snap-len" => plan.snap_len = u32::try_from(value).ok()?,
            _ => return None,
        }
    }
    Some((plan, file))
}

fn write(plan: &Plan, file: &str) -> Result<Totals, Box<dyn error::Error>> {
    let mut out: Box<dyn Write> =
        if file == "-" { Box::new(io::stdout().lock()) } else { Box::new(File::create(file)?) };
    Ok(plan.write(&mut *out)?)
}
