//! The programs of `examples/` do what they say.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

use crate::material;

/// Where an example was built; `None` with a printed reason where it was not, as by `cargo test --test`.
pub(crate) fn example(name: &str) -> Option<PathBuf> {
    // This program lies in the folder `deps`, beside `examples`.
    let folder = env::current_exe().unwrap().parent()?.parent()?.join("examples");
    let program = folder.join(name).with_extension(env::consts::EXE_EXTENSION);
    if program.exists() {
        return Some(program);
    }
    #[allow(clippy::print_stderr, reason = "the reason of a skip belongs in the test log")]
    {
        eprintln!("skipped: {} is not built; `cargo test` builds it", program.display());
    }
    None
}

fn run(name: &str, arguments: &[&str]) -> Option<Output> {
    Some(Command::new(example(name)?).args(arguments).current_dir(material::sample("")).output().unwrap())
}

/// What an example that went well printed.
fn good(name: &str, arguments: &[&str]) -> Option<String> {
    let output = run(name, arguments)?;
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn name_flows() {
    let Some(out) = good("name_flows", &["snmp-get.pcap"]) else { return };
    assert_eq!(out.lines().count(), 1);
    assert!(out.contains("161/udp snmp (destination, payload"), "{out}");
    // What cannot be read is told.
    let output = run("name_flows", &["missing.pcap", "snmp-get.pcap"]).unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("missing.pcap: "), "{output:?}");
}

#[test]
fn summary_json() {
    let Some(out) = good("summary_json", &["office.pcapng"]) else { return };
    assert!(out.contains("\"ipp/tcp\" 10837 octets, known by {\"advertised\":28}\n"), "{out}");
}

#[test]
fn own_sink() {
    let Some(out) = good("own_sink", &["office.pcapng"]) else { return };
    let lines: Vec<_> = out.lines().collect();
    assert!(lines.is_sorted() && lines.contains(&"ipp/tcp advertised"), "{out}");
    // Port 80 speaks it, and a printer advertises pages elsewhere.
    assert!(lines.contains(&"http/tcp advertised") && lines.contains(&"http/tcp payload"), "{out}");
}

#[test]
fn lookup() {
    let Some(out) = good("lookup", &["443"]) else { return };
    assert!(out.lines().any(|line| line == "https: http protocol over TLS/SSL"), "{out}");
    let output = run("lookup", &["443", "icmp"]).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[cfg(feature = "libpcap")]
#[test]
fn live_without_an_interface() {
    let Some(output) = run("live", &["portolan-none0", "1"]) else { return };
    assert!(!output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("portolan-none0"), "{output:?}");
}
