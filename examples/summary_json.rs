//! Sums up a capture in memory and looks into the sums: `cargo run --example summary_json -- samples/office.pcapng`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::{env, error::Error};

use portolan::{
    Answers, Job, Registry, Report as _,
    pipeline::Inputs,
    report::{
        Format,
        summary::{Options, Totals},
    },
};

fn main() -> Result<(), Box<dyn Error>> {
    let files = env::args_os().skip(1).map(Into::into).collect();
    let registry = Registry::built_in();
    let mut job = Job::new(Inputs::Files(files), &registry);
    let mut totals = Totals::new(Options::default(), job.threads);
    let (mut knowledge, _) = job.learn(totals.needs(), &())?;
    let answers = Answers::of(&knowledge, &registry, false, job.threads);
    totals.add(&mut knowledge, &answers, &registry);
    let mut json = Vec::new();
    totals.write(&registry, Format::Json, &mut json)?;

    let sums: serde_json::Value = serde_json::from_slice(&json)?;
    for row in sums["rows"].as_array().into_iter().flatten() {
        println!("{} {} octets, known by {}", row["key"], row["bytes"], row["evidence"]);
    }
    Ok(())
}
