//! Says what IANA has registered for a port: `cargo run --example lookup -- 443 tcp`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::{env, error::Error};

use portolan::{Registry, packet::TransportProtocol};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let port = arguments.next().ok_or("usage: lookup PORT [TRANSPORT]")?.parse()?;
    let transport = match arguments.next().as_deref() {
        None | Some("tcp") => TransportProtocol::TCP,
        Some("udp") => TransportProtocol::UDP,
        Some(other) => return Err(format!("{other} is neither tcp nor udp").into()),
    };
    let registry = Registry::built_in();
    println!("registry of {}", registry.updated());
    for registration in registry.by_port(transport, port) {
        println!("{}: {}", registration.name(), registration.description());
    }
    Ok(())
}
