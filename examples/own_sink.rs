//! Makes something of its own of each packet: `cargo run --example own_sink -- samples/office.pcapng`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::{collections::BTreeSet, env, error::Error, io};

use portolan::{Answers, Encoder, Job, Record, Registry, Sink, View, knowledge::Options, pipeline::Inputs};

/// Notes down services and how they are known; a clone of it runs on every thread.
#[derive(Clone)]
struct Services;

impl Encoder for Services {
    type Part = BTreeSet<String>;

    fn packet(&mut self, record: &Record<'_>, part: &mut Self::Part) {
        if let Some(evidence) = record.label.evidence {
            part.insert(format!("{} {}", record.label.key, evidence.as_str()));
        }
    }
}

/// Stands where all threads meet.
struct All(BTreeSet<String>);

impl Sink<BTreeSet<String>> for All {
    fn take(&mut self, part: &mut BTreeSet<String>) -> io::Result<()> {
        self.0.append(part);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.iter().for_each(|line| println!("{line}"));
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::built_in();
    let mut job = Job::new(Inputs::Files(env::args_os().skip(1).map(Into::into).collect()), &registry);
    let (knowledge, _) = job.learn(Options::default(), &())?;
    let answers = Answers::of(&knowledge, &registry, false, job.threads);
    let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
    job.chart(&view, Services, &mut All(BTreeSet::new()), &())?;
    Ok(())
}
