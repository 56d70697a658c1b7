//! Names the service of every flow of a capture: `cargo run --example name_flows -- samples/office.pcapng`.
#![allow(clippy::print_stderr, reason = "a program that prints")]

use std::{env, error::Error, io};

use portolan::{
    Answers, Job, Registry,
    knowledge::Options,
    pipeline::Inputs,
    report::flows::{self, Form},
    text::time::TimeStyle,
};

fn main() -> Result<(), Box<dyn Error>> {
    let files = env::args_os().skip(1).map(Into::into).collect();
    let registry = Registry::built_in();
    let mut job = Job::new(Inputs::Files(files), &registry);
    // Each flow of a five-tuple apart, not added up.
    let (knowledge, outcome) = job.learn(Options { flows: true, ..Options::default() }, &())?;
    let answers = Answers::of(&knowledge, &registry, false, job.threads);
    flows::write(&knowledge, &answers, Form::Text(TimeStyle::Utc), &mut io::stdout().lock())?;
    for error in outcome.errors {
        eprintln!("{error}");
    }
    Ok(())
}
