//! No text of a stranger acts on a terminal, a spreadsheet or a reader, whatever the command and the format.

use std::fs;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::{
    capture::Scratch,
    cli::{good, portolan},
    material,
};

/// A name that turns its end around and hides letters, and a description of every kind of such characters.
const NAME: &str = "pay\u{202e}llor\u{200b}";
const DESCRIPTION: &str =
    "a\u{ad}b\u{600}c\u{61c}d\u{180e}e\u{2028}f\u{2066}g\u{feff}h\u{e0041}i\u{85}j\u{7f}k";

/// What a line of output holds that Unicode calls a control or format character, or a separator of lines.
fn hostile(text: &str) -> Vec<String> {
    let is_hostile = |c: &char| {
        use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
        matches!(c.general_category(), Control | Format | LineSeparator | ParagraphSeparator) && *c != '\n'
    };
    text.chars().filter(is_hostile).map(|c| format!("U+{:04X}", c as u32)).collect()
}

#[test]
fn hostile_names_are_harmless_in_every_output() {
    let folder = Scratch::new("harmless");
    let layer = format!("{NAME} 80/tcp # {DESCRIPTION}\n10.0.0.0/8 5353/udp {NAME}\n");
    let layer = folder.file("layer", layer.as_bytes()).display().to_string();
    let name = "in\u{202e}\u{200d}put.pcap";
    let http = fs::read(material::sample("http-get.pcap")).unwrap();
    let mdns = fs::read(material::sample("mdns-browse.pcap")).unwrap();
    let [http, mdns] = [(name, http), ("second.pcap", mdns)]
        .map(|(name, octets)| folder.file(name, &octets).display().to_string());
    for (command, more, formats) in [
        ("annotate", &[][..], &["text", "json", "csv"][..]),
        ("annotate", &["--causal"], &["text", "json", "csv"]),
        ("summary", &[], &["table", "json", "csv"]),
        ("summary", &["--interval", "1s"], &["table", "json", "csv"]),
        ("flows", &[], &["text", "json", "csv"]),
        ("discover", &["--events"], &["table", "json", "csv"]),
        ("hosts", &[], &["table", "json", "csv"]),
        ("explain", &["--flow", "192.0.2.10:45464-192.0.2.20:80/tcp"], &["text", "json"]),
    ] {
        for format in formats {
            let run = [&[command, "--format", format, "--registry", &layer, &http, &mdns], more].concat();
            let out = good(&run);
            assert_eq!(hostile(&out), <Vec<String>>::new(), "{run:?}");
            assert!(command == "discover" || out.contains("pay"), "{run:?}: {out}");
        }
    }
    for query in [&["lookup", "80/tcp"][..], &["lookup", NAME], &["search", "http"], &["info"]] {
        for format in ["table", "json", "csv"] {
            let run = [&["registry"], query, &["--format", format, "--registry", &layer]].concat();
            assert_eq!(hostile(&good(&run)), <Vec<String>>::new(), "{run:?}");
        }
    }
    // A name no terminal can be harmed by, in a message too.
    let said = portolan(&["registry", "lookup", "no\u{202e}such"]);
    assert_eq!((said.code, hostile(&said.error)), (1, vec![]), "{}", said.error);
}

#[test]
fn every_line_of_csv_ends_in_a_line_feed() {
    for run in [
        &["annotate", "office.pcapng"][..],
        &["annotate", "--causal", "office.pcapng"],
        &["flows", "office.pcapng"],
        &["summary", "office.pcapng"],
        &["summary", "--interval", "10s", "--by", "vlan", "office.pcapng"],
        &["discover", "office.pcapng"],
        &["discover", "--events", "office.pcapng"],
        &["discover", "--queries", "office.pcapng"],
        &["hosts", "office.pcapng"],
        &["registry", "lookup", "80"],
        &["registry", "search", "printer"],
        &["registry", "info"],
        &["registry", "export"],
    ] {
        let out = good(&[run, &["--format", "csv"]].concat());
        assert!(!out.contains('\r') && out.ends_with('\n') && out.lines().count() > 1, "{run:?}");
    }
}
