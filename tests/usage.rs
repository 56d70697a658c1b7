//! Command lines that cannot be followed are told in one voice; what other tools call something leads to our way.

use std::{
    fs::{self, File},
    path::Path,
};

use crate::{
    capture::Scratch,
    cli::{bad, command, good, piped, portolan, said},
    material,
};

const READERS: [&str; 5] = ["annotate", "summary", "flows", "discover", "hosts"];

/// The hint for a command line that is refused.
fn hint(arguments: &[&str]) -> String {
    let said = portolan(arguments);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}: {}", said.error);
    let lines: Vec<_> = said.error.lines().collect();
    let [error, hint] = lines[..] else { panic!("{arguments:?}: {}", said.error) };
    assert!(error.starts_with("portolan: "), "{error}");
    hint.strip_prefix("portolan: hint: ").expect(hint).to_owned()
}

#[test]
fn a_capture_alone_is_summed_up() {
    let summary = good(&["summary", "http-get.pcap"]);
    assert_eq!(good(&["http-get.pcap"]), summary);
    assert_eq!(good(&["--quiet", "http-get.pcap"]), summary);
    assert_eq!(
        good(&["http-get.pcap", "--by", "server", "office.pcapng"]),
        good(&["summary", "http-get.pcap", "--by", "server", "office.pcapng"])
    );
    bad(&["nosuch.pcap"], 3, "nosuch.pcap: No such file or directory (os error 2)");
    let octets = fs::read(material::sample("http-get.pcap")).unwrap();
    assert_eq!(piped(&["-"], octets).out, summary);
    // A file with the name of a command is given as a path.
    let folder = Scratch::new("usage-alone");
    folder.file("flows", &fs::read(material::sample("http-get.pcap")).unwrap());
    let run = |word| said(command(&[word]).current_dir(&folder.0).output().unwrap());
    assert_eq!(run("./flows").out, summary);
    assert_eq!(run("flows").code, 2);
}

#[test]
fn what_comes_on_standard_input_needs_no_name() {
    let octets = fs::read(material::sample("office.pcapng")).unwrap();
    for reader in READERS {
        let (named, unnamed) = (piped(&[reader, "-"], octets.clone()), piped(&[reader], octets.clone()));
        assert_eq!((unnamed.code, unnamed.error), (0, named.error), "{reader}");
        assert!(!unnamed.out.is_empty() && unnamed.out == named.out, "{reader}");
        let file = File::open(material::sample("office.pcapng")).unwrap();
        assert_eq!(said(command(&[reader]).stdin(file).output().unwrap()).out, named.out, "{reader}");
        // Nothing can come from there.
        let message = "give a capture file, `-` for standard input, or `-i INTERFACE`";
        assert_eq!(bad(&[reader], 2, message), "");
    }
    // A file that is named is what is read, whatever comes on standard input.
    assert_eq!(piped(&["summary", "http-get.pcap"], Vec::new()).out, good(&["summary", "http-get.pcap"]));
}

#[test]
fn standard_input_is_called_so() {
    // Five records of 24 + 5 x 16 + 74 + 74 + 66 + 140 + 66 = 524 octets; the sixth frame has 315.
    let octets = fs::read(material::sample("http-get.pcap")).unwrap()[..700].to_vec();
    let said = piped(&["summary"], octets);
    let reason = "packet 6, offset 524: a record of 331 octets is cut short: the input ends after 176";
    assert_eq!((said.code, said.error), (4, format!("portolan: standard input: {reason}\n")));
    let said = piped(&["summary", "-"], b"hello, world\n".to_vec());
    assert_eq!((said.code, said.error.as_str()), (3, "portolan: standard input: a text file, no capture\n"));
    // A file of that name is another thing.
    bad(&["summary", "./-"], 3, "./-: No such file or directory (os error 2)");
}

#[test]
fn habits_of_other_tools_are_answered() {
    for (arguments, part) in [
        (&["annotate", "-Y", "dns", "x.pcap"][..], "`--where EXPRESSION`"),
        (&["explain", "-Y", "dns", "x.pcap"], "`-f FILTER`"),
        (&["annotate", "--host", "192.0.2.1", "x.pcap"], "`--where EXPRESSION`"),
        (&["annotate", "-C", "10", "x.pcap"], "`--rotate-size`"),
        (&["annotate", "-G", "10", "x.pcap"], "`--rotate-size`"),
        (&["annotate", "-W", "10", "x.pcap"], "`--rotate-size`"),
        (&["annotate", "-z", "conv,ip", "x.pcap"], "`portolan summary --by conversation FILE`"),
        (&["summary", "-w", "x", "x.pcap"], "`-o FILE`"),
        (&["annotate", "--json", "x.pcap"], "`--format json`"),
        (&["summary", "--csv", "x.pcap"], "`--format csv`"),
        (&["annotate", "-T", "json", "x.pcap"], "`--format` takes text, json"),
        (&["flows", "--start", "10:00", "x.pcap"], "`--from TIME --to TIME`"),
        (&["summary", "--since", "10:00", "x.pcap"], "`--from TIME --to TIME`"),
        (&["annotate", "-D"], "`portolan interfaces`"),
        (&["info", "x.pcap"], "`portolan summary FILE`"),
        (&["-i", "lo"], "`portolan summary -i …`"),
        (&["sumary", "x.pcap"], "did you mean `summary`?"),
        (&["summary", "--intervall", "1s", "x.pcap"], "did you mean `--interval`?"),
        (&["flows", "--by", "port", "x.pcap"], "taken by `summary`"),
        (&["summary", "--nonsense", "x.pcap"], "`portolan summary --help`"),
        (&["registry", "lookup"], "`portolan registry lookup --help`"),
    ] {
        let hint = hint(arguments);
        assert!(hint.contains(part), "{arguments:?}: {hint}");
        assert!(!hint.contains("-- "), "{hint}");
    }
    // tcpdump's `-nn` is understood.
    assert_eq!(good(&["annotate", "-nn", "http-get.pcap"]), good(&["annotate", "-n", "http-get.pcap"]));
    let said = portolan(&["annotate", "-n", "5", "http-get.pcap"]);
    assert_eq!(said.code, 3);
    assert!(
        said.error.contains("hint: -n takes no number") && said.error.contains("`-c 5`"),
        "{}",
        said.error
    );
}

#[test]
fn a_capture_is_not_written_by_the_name_of_something_else() {
    let folder = Scratch::new("usage-names");
    for (name, form) in [("x.csv", "csv"), ("x.JSON", "json"), ("x.txt", "text"), ("x.jsonl", "json")] {
        let target = folder.0.join(name).display().to_string();
        let message = format!(
            "-w without --format writes a capture, annotated pcapng, whatever the file is called: \
             add --format {form}, or write to a .pcapng file"
        );
        assert_eq!(bad(&["annotate", "-w", &target, "http-get.pcap"], 2, &message), "");
        assert!(!Path::new(&target).exists());
        // Whoever says what is to be written gets it.
        for format in [form, "pcapng"] {
            good(&["annotate", "-w", &target, "--format", format, "http-get.pcap"]);
            let is_pcapng = fs::read(&target).unwrap().starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
            assert_eq!(is_pcapng, format == "pcapng");
        }
    }
    for name in ["x", "x.pcapng", "x.ntar", "csv"] {
        good(&["annotate", "-w", &folder.0.join(name).display().to_string(), "http-get.pcap"]);
    }
}
