//! Our live interfaces in Wireshark's list, asked for as Wireshark does and by its own tshark.
//!
//! What captures needs root and tshark; says so and passes elsewhere.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use crate::{
    capture::Scratch,
    live::{Lab, run},
};

#[test]
fn the_wrapper_answers_wireshark() {
    let folder = Scratch::new("extcap");
    let extcap = folder.0.join("own/extcap");
    let said = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["extcap", "install", "--folder"])
        .arg(&extcap)
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let wrapper = extcap.join("portolan");
    assert_eq!(fs::metadata(&wrapper).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(fs::read_dir(&extcap).unwrap().count(), 1);
    let ask = |arguments: &[&str]| {
        let said = Command::new(&wrapper).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(said.status.success(), "{arguments:?}: {said:?}");
        String::from_utf8(said.stdout).unwrap()
    };
    assert!(ask(&["--extcap-interfaces", "--extcap-version=4.0"]).starts_with("extcap {version="));
    let types = ask(&["--extcap-interface", "portolan-lo", "--extcap-dlts"]);
    assert_eq!(types, "dlt {number=1}{name=ethernet}{display=ethernet, annotated by portolan}\n");
    assert_eq!(ask(&["--extcap-interface", "portolan-lo", "--extcap-config"]), "");
    let filter = |filter| ask(&["--extcap-interface", "portolan-lo", "--extcap-capture-filter", filter]);
    assert_eq!(filter("tcp port 80"), "");
    assert!(filter("tcp prot 80").contains("tcp prot 80"));
    // Alone it says what it is for.
    let said = Command::new(&wrapper).stdin(Stdio::null()).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).contains("portolan extcap install"));
}

#[test]
fn tshark_lists_and_captures_what_is_annotated() {
    if run("command -v tshark").is_err() {
        eprintln!("skipped: tshark is not installed");
        return;
    }
    let Some(lab) = Lab::build("w") else { return };
    let home = lab.directory.join("home").display().to_string();
    fs::create_dir(&home).unwrap();
    let program = env!("CARGO_BIN_EXE_portolan");
    // Into the folder that this tshark names.
    run(&format!("HOME={home} {program} extcap install")).unwrap();
    let enter = format!("HOME={home} ip netns exec {} timeout 60 tshark", lab.server);
    let listed = String::from_utf8(run(&format!("{enter} -D")).unwrap().stdout).unwrap();
    assert!(listed.contains("portolan-lan0 (portolan: lan0, annotated)"), "{listed}");
    // Our comment is what its display filter finds.
    let line = format!(
        "{enter} -i portolan-lan0 -f 'tcp port 80' -a duration:8 -Y 'frame.comment contains \"80/tcp http\"' \
         -T fields -e frame.comment -e tcp.port"
    );
    let child = Command::new("sh")
        .args(["-c", &line])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..12 {
        std::thread::sleep(std::time::Duration::from_millis(500));
        lab.talk();
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() >= 7, "{text} {}", String::from_utf8_lossy(&output.stderr));
    assert!(lines.iter().all(|line| line.starts_with("portolan: 80/tcp http; server=192.0.2.20;")), "{text}");
}
