//! The command writes the file that the library makes, whole or not at all.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use super::{
    ALL, Scratch, annotate,
    block::{assert_lossless, blocks, others, packets},
    maker::everything,
};

/// Runs the command and returns its exit code and what it said.
fn portolan(arguments: &[&str], stdin: Option<&[u8]>) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.unwrap_or_default()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The files in a folder.
fn names(folder: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(&folder.0).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_file_appears_whole_or_not_at_all() {
    let folder = Scratch::new("files");
    let octets = everything();
    let path = folder.file("in.pcapng", &octets);
    let target = folder.0.join("out.pcapng");
    let (input, output) = (path.to_str().unwrap(), target.to_str().unwrap());

    let (code, said) = portolan(&["annotate", input, "-w", output], None);
    assert_eq!((code, said.as_str()), (0, ""));
    let annotated = annotate(&path, ALL).unwrap().0;
    assert!(fs::read(&target).unwrap() == annotated);

    // Over itself.
    let (code, _) = portolan(&["annotate", output, "-w", output], None);
    assert_eq!(code, 0);
    assert!(fs::read(&target).unwrap() == annotated);

    // Damaged: what can be read is written, and the file put in its place.
    let cut = folder.file("cut.pcapng", &octets[..octets.len() - 5]);
    let (code, said) = portolan(&["annotate", cut.to_str().unwrap(), "-w", output], None);
    assert_eq!(code, 4, "{said}");
    assert_eq!(blocks(&fs::read(&target).unwrap()).len() + 1, blocks(&annotated).len());

    // Nothing to be read: what was there stays.
    fs::write(&target, "before").unwrap();
    for bad in ["missing.pcapng", "text"] {
        fs::write(folder.0.join("text"), "no capture").unwrap();
        let bad = folder.0.join(bad);
        let (code, said) = portolan(&["annotate", bad.to_str().unwrap(), "-w", output], None);
        assert_eq!(code, 3, "{said}");
        assert_eq!(fs::read(&target).unwrap(), b"before");
    }
    let (code, said) = portolan(&["annotate", input, "-f", "wlan type mgt", "-w", output], None);
    assert_eq!(code, 5, "{said}");
    assert_eq!(fs::read(&target).unwrap(), b"before");
    assert_eq!(names(&folder), ["cut.pcapng", "in.pcapng", "out.pcapng", "text"]);

    // The output cannot be written.
    let nowhere = folder.0.join("no/such/folder.pcapng");
    let (code, _) = portolan(&["annotate", input, "-w", nowhere.to_str().unwrap()], None);
    assert_eq!(code, 8);
    if Path::new("/dev/full").exists() {
        assert_eq!(portolan(&["annotate", input, "-w", "/dev/full"], None).0, 8);
    }
    let (code, said) = portolan(&["annotate", input, "-w", &output.replace("pcapng", "pcap")], None);
    assert_eq!(code, 2, "{said}");
}

/// A run that read nothing leaves what was there; what can be read of a damaged capture does not take its place.
#[test]
fn no_capture_is_lost_by_writing() {
    let folder = Scratch::new("kept");
    let octets = everything();
    let run = |input: &Path, output: &Path, more: &[&str]| {
        let files = ["annotate", input.to_str().unwrap(), "-w", output.to_str().unwrap()];
        portolan(&[&files, more].concat(), None)
    };
    let kept = folder.file("kept.pcapng", b"before");
    // A section header whose length at its end is another than at its begin, and one with half a block behind it.
    let header = u32::from_le_bytes(octets[4..8].try_into().unwrap()) as usize;
    let mut refused = octets[..header].to_vec();
    refused[header - 4] ^= 1;
    for (octets, code) in [(&refused[..], 3), (&octets[..header + 10], 4)] {
        for more in [&[][..], &["--causal"], &["--format", "csv"]] {
            let input = folder.file("refused.pcapng", octets);
            for output in [&kept, &input] {
                let (said, error) = run(&input, output, more);
                // What would not hold all of the input is refused before it is read.
                let code = if *output == input && more.contains(&"csv") { 2 } else { code };
                assert_eq!((said, error.lines().count()), (code, 1), "{error}");
                assert_eq!(fs::read(&kept).unwrap(), b"before", "{more:?}");
                assert_eq!(fs::read(&input).unwrap(), octets, "{more:?}");
            }
        }
    }

    let cut = folder.file("cut.pcapng", &octets[..octets.len() - 5]);
    let by_another_name = folder.0.join("../").join(folder.0.file_name().unwrap()).join("cut.pcapng");
    for output in [&cut, &by_another_name] {
        for more in [&[][..], &["--causal"]] {
            let (code, said) = run(&cut, output, more);
            assert_eq!((code, said.lines().count()), (4, 2), "{said}");
            assert_eq!(fs::read(&cut).unwrap(), octets[..octets.len() - 5]);
            let name = cut.display().to_string();
            let command = format!("`portolan annotate {name} -w {}`", name.replace("cut.", "cut-annotated."));
            let last = said.lines().last().unwrap();
            assert!(last.contains("stays as it is") && last.contains(&command), "{said}");
        }
    }
    // What the message says does.
    let other = folder.0.join("cut-annotated.pcapng");
    assert_eq!(run(&cut, &other, &[]).0, 4);
    assert!(annotate(&cut, ALL).unwrap().0 == fs::read(&other).unwrap());
    assert_eq!(names(&folder), ["cut-annotated.pcapng", "cut.pcapng", "kept.pcapng", "refused.pcapng"]);
}

/// Standard input knows only the past, so the names that DNS taught come last; annotated again, they come first.
#[test]
fn standard_input_is_kept_to_the_octet() {
    let folder = Scratch::new("stdin");
    let target = folder.0.join("out.pcapng");
    let output = target.to_str().unwrap();
    let mut octets = blocks(&everything());
    octets.retain(|block| block.kind() != 4 || block.ours().is_empty());
    let octets: Vec<u8> = octets.into_iter().flat_map(|block| block.octets).collect();
    let (code, said) = portolan(&["annotate", "-", "-w", output], Some(&octets));
    assert_eq!(code, 0, "{said}");
    let annotated = fs::read(&target).unwrap();
    assert_eq!(assert_lossless(&octets, &annotated, "standard input").len(), 18);
    let last = blocks(&annotated).pop().unwrap();
    assert_eq!((last.kind(), last.ours().len()), (4, 1));
    let direct = annotate(&folder.file("in", &octets), ALL).unwrap().0;
    assert!(annotate(&target, ALL).unwrap().0 == direct);
}

/// What is not selected goes where each packet is named by what came before it, too.
#[test]
fn selection_of_what_is_read_once_keeps_the_other_blocks() {
    let folder = Scratch::new("selection-once");
    let octets = everything();
    let path = folder.file("in", &octets);
    let (input, target) = (path.to_str().unwrap(), folder.0.join("out.pcapng"));
    let run = ["annotate", "--causal", "-c", "2", input, "-w", target.to_str().unwrap()];
    assert_eq!(portolan(&run, None), (0, String::new()));
    let annotated = fs::read(&target).unwrap();
    assert_eq!(packets(&annotated), 2);
    assert_eq!(others(&annotated), others(&octets));
}

/// What a link type has in the byte order of the capturing host, readers take to be in that of the section.
#[test]
fn a_section_has_the_byte_order_of_the_file_it_is_made_of() {
    let folder = Scratch::new("section-order");
    let target = folder.0.join("out.pcapng");
    // Loopback, family 2 and an IPv4 header, in both orders.
    let packet = [[0x45, 0, 0, 20], [0; 4], [64, 253, 0, 0], [192, 0, 2, 1], [192, 0, 2, 2]].concat();
    for big in [true, false] {
        let octets = |word: u32| if big { word.to_be_bytes() } else { word.to_le_bytes() };
        let version = if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
        let header = [octets(0xa1b2_c3d4), version, [0; 4], [0; 4], octets(65_535), octets(0)].concat();
        let record = [octets(1_700_000_000), octets(0), octets(24), octets(24), octets(2)].concat();
        let path = folder.file("in", &[header, record, packet.clone()].concat());
        let run = ["annotate", path.to_str().unwrap(), "-w", target.to_str().unwrap()];
        assert_eq!(portolan(&run, None), (0, String::new()));
        let made = blocks(&fs::read(&target).unwrap());
        assert!(made.iter().all(|block| block.big == big), "{big}");
        let frame = made.iter().find(|block| block.kind() == 6).unwrap();
        assert_eq!(frame.octets[28..32], octets(2), "{big}");
    }
}
