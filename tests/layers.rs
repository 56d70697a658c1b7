//! Registry files of the user's: what is understood, and what is said of the rest.

use crate::{
    capture::Scratch,
    cli::{bad, command, good, portolan, said},
};

#[test]
fn name_and_port_come_in_either_order() {
    let folder = Scratch::new("layers-order");
    let named = |line: &str| {
        let file = folder.file("services", line.as_bytes()).display().to_string();
        good(&["flows", "--registry", &file, "http-get.pcap"])
    };
    let expected = named("our-web 80/tcp\n");
    assert!(expected.contains("our-web"), "{expected}");
    for line in
        ["80/tcp our-web\n", "192.0.2.20 80/tcp our-web\n", "192.0.2.0/24 our-web 80/tcp # in any order\n"]
    {
        assert_eq!(named(line), expected, "{line}");
    }
    assert!(!named("192.0.2.21 80/tcp our-web\n").contains("our-web"));
    let form = "expected `NAME PORT/TRANSPORT` or `[ADDRESS] PORT/TRANSPORT NAME`";
    let file = folder.file("services", b"# ours\nour-ssh 2222\n").display().to_string();
    let message = format!("{file}:2: `2222` is no port with its transport: {form}");
    assert_eq!(bad(&["flows", "--registry", &file, "http-get.pcap"], 3, &message), "");
}

/// What looks like IANA's XML, with one record.
fn xml(record: &str) -> String {
    format!("<?xml version='1.0'?>\n<registry id=\"service-names-port-numbers\">\n{record}\n</registry>\n")
}

#[test]
fn xml_says_one_thing_once() {
    let folder = Scratch::new("layers-xml");
    let sound = "<record>\n<name>our-web</name>\n<protocol>tcp</protocol>\n<xref type=\"rfc\" data=\"rfc1\"/>\n\
                 <xref type=\"rfc\" data=\"rfc2\"/>\n<number>80</number></record>";
    let read = |text: &str| folder.file("registry.xml", text.as_bytes()).display().to_string();
    let file = read(&xml(sound));
    assert!(good(&["flows", "--registry", &file, "http-get.pcap"]).contains("our-web"));
    for (record, line, reason) in [
        (sound.replace("<number>", "<name>other</name><number>"), 8, "a second element `name`"),
        (sound.replace("</record>", "\n<number>81</number></record>"), 9, "a second element `number`"),
        (sound.replace("<number>80", "<number>-1"), 8, "port `-1` is no number from 0 to 65535"),
    ] {
        let file = read(&xml(&record));
        let message = format!("{file}:{line}: {reason}");
        assert_eq!(bad(&["flows", "--registry", &file, "http-get.pcap"], 3, &message), "");
    }
    let file = read(&xml(sound).replace("<registry ", "<registry id=\"x\" "));
    let said = portolan(&["flows", "--registry", &file, "http-get.pcap"]);
    assert_eq!(said.code, 3);
    assert!(said.error.starts_with(&format!("portolan: {file}:2: damaged XML: ")), "{}", said.error);
    let file = read(&xml(&sound.replace("our-web", &"x".repeat(17_000))));
    let message = format!("{file}:8: a text of 17000 octets is longer than 16384");
    assert_eq!(bad(&["flows", "--registry", &file, "http-get.pcap"], 3, &message), "");
}

/// Devices and pipes do not tell their size, and have the limit of files all the same.
#[cfg(target_os = "linux")]
#[test]
fn what_has_no_end_is_not_read_whole() {
    let message = "/dev/zero: more than 67108864 octets";
    assert_eq!(bad(&["flows", "--registry", "/dev/zero", "http-get.pcap"], 3, message), "");
}

#[test]
fn a_registry_that_cannot_be_kept_is_an_error_of_the_output() {
    let folder = Scratch::new("layers-kept");
    let export = folder.file("export.csv", good(&["registry", "export"]).as_bytes());
    // A file is where the folder should be, which not even root can write into.
    let data = folder.file("data", b"");
    let import = |file: &std::path::Path| {
        let mut import = command(&["registry", "import", &file.display().to_string()]);
        said(import.env("XDG_DATA_HOME", &data).output().unwrap())
    };
    let kept = import(&export);
    assert_eq!((kept.code, kept.out.as_str()), (8, ""), "{}", kept.error);
    let target = data.join("portolan/registry.csv");
    assert!(
        kept.error.starts_with(&format!("portolan: cannot write: {}: ", target.display())),
        "{}",
        kept.error
    );
    assert_eq!(import(&folder.0.join("missing")).code, 3);
}

#[test]
fn an_unknown_time_zone_is_told_once() {
    let run = |zone: &str, arguments: &[&str]| said(command(arguments).env("TZ", zone).output().unwrap());
    for reader in ["annotate", "flows", "summary", "discover"] {
        let local = [reader, "--time", "local", "http-get.pcap", "snmp-get.pcap"];
        let told = run("Mars/Olympus", &local);
        let note = "portolan: note: TZ is `Mars/Olympus`, which is no time zone: times are UTC\n";
        assert_eq!((told.code, told.error.as_str()), (0, note), "{reader}");
        assert_eq!(told.out, run("UTC", &local).out);
        for zone in ["UTC", ""] {
            assert_eq!(run(zone, &local).error, "", "{reader} {zone}");
        }
        assert_eq!(run("Mars/Olympus", &[reader, "http-get.pcap"]).error, "");
        assert_eq!(run("Mars/Olympus", &["--quiet", reader, "--time", "local", "http-get.pcap"]).error, "");
    }
}
