//! Sums up a capture in memory and looks into the sums: `cargo run --example summary_json -- samples/office.pcapng`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::{env, error::Error};

use portolan::{
    Answers, Job, Registry,
    knowledge::Options,
    pipeline::Inputs,
    report::summary::{self, By, Scope, Summary},
};

fn main() -> Result<(), Box<dyn Error>> {
    let files = env::args_os().skip(1).map(Into::into).collect();
    let registry = Registry::built_in();
    let mut job = Job::new(Inputs::Files(files), &registry);
    let (knowledge, outcome) = job.learn(Options::default(), &())?;
    let answers = Answers::of(&knowledge, &registry, false, job.threads);
    let services = Summary::of(&knowledge, &answers, By::Service, job.threads);
    let scope = Scope { files: &outcome.opened, knowledge: &knowledge, registry: &registry };
    let mut json = Vec::new();
    summary::json(&services, None, &scope, &summary::Options::default(), &mut json)?;

    let sums: serde_json::Value = serde_json::from_slice(&json)?;
    for row in sums["rows"].as_array().into_iter().flatten() {
        println!("{} {} octets, known by {}", row["key"], row["bytes"], row["evidence"]);
    }
    Ok(())
}
