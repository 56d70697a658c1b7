//! Follows an interface for a while and names each packet: `cargo run --example live -- eth0 10 'udp or tcp'`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::{env, error::Error, io, time::Duration};

use portolan::{
    Job, Registry,
    capture::{Live, LiveOptions},
    knowledge::Options,
    pipeline::Inputs,
    sink::{Text, Writer},
    text::time::TimeStyle,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let interface = arguments.next().ok_or("usage: live INTERFACE [SECONDS] [FILTER]")?;
    let seconds = arguments.next().map_or(Ok(10), |seconds| seconds.parse())?;
    let options = LiveOptions {
        duration: Some(Duration::from_secs(seconds)),
        filter: arguments.next(),
        ..LiveOptions::default()
    };
    let live = Live::open(&interface, &options)?;
    let registry = Registry::built_in();
    let mut job = Job::new(Inputs::Live(Box::new(live)), &registry);
    let lines = Text::new(TimeStyle::Local, false, false);
    let (knowledge, _, outcome) =
        job.follow(Options::default(), lines, &mut Writer::new(io::stdout()), &())?;
    println!("{} packets, lost: {:?}", knowledge.span().packets, outcome.losses);
    Ok(())
}
