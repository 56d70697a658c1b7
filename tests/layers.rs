//! Registry files of the user's: what is understood, and what is said of the rest.

use crate::{
    capture::Scratch,
    cli::{bad, good},
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
