//! Names the service of every flow of a capture: `cargo run --example name_flows -- samples/office.pcapng`.
#![allow(clippy::print_stderr, reason = "a program that prints")]

use std::{env, error::Error, io};

use portolan::{
    Answers, Job, Registry, Report as _,
    pipeline::Inputs,
    report::{Format, flows::FlowList},
};

fn main() -> Result<(), Box<dyn Error>> {
    let files = env::args_os().skip(1).map(Into::into).collect();
    let registry = Registry::built_in();
    let mut job = Job::new(Inputs::Files(files), &registry);
    let mut list = FlowList::default();
    let (mut knowledge, outcome) = job.learn(list.needs(), &())?;
    let answers = Answers::of(&knowledge, &registry, false, job.threads);
    list.add(&mut knowledge, &answers, &registry);
    list.write(&registry, Format::Table, &mut io::stdout().lock())?;
    for error in outcome.errors {
        eprintln!("{error}");
    }
    Ok(())
}
