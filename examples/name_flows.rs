//! Names the service of every flow of a capture: `cargo run --example name_flows -- samples/office.pcapng`.
#![allow(clippy::print_stderr, reason = "a program that prints")]

use std::{env, error::Error, io};

use portolan::{
    Answers, Job, Registry, Report as _, View,
    pipeline::Inputs,
    report::{Format, flows::FlowList},
};

fn main() -> Result<(), Box<dyn Error>> {
    let files = env::args_os().skip(1).map(Into::into).collect();
    let registry = Registry::built_in();
    let mut job = Job::new(Inputs::Files(files), &registry);
    let list = FlowList::default();
    let (knowledge, outcome) = job.learn(list.needs(), &())?;
    let answers = Answers::of(&knowledge, &registry, false, job.threads);
    let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
    list.write(&view, Format::Table, &mut io::stdout().lock())?;
    for error in outcome.errors {
        eprintln!("{error}");
    }
    Ok(())
}
