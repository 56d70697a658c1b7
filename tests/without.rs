//! What a build says that leaves a feature out.

#[cfg(any(not(feature = "compression"), not(feature = "libpcap")))]
use portolan::capture;

#[cfg(not(feature = "compression"))]
mod compression {
    use std::fs;

    use super::capture;
    use crate::{capture::Scratch, material};

    /// First octets of each compression.
    const FORMS: [(&str, &[u8]); 4] = [
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
        ("lz4", b"\x04\x22\x4d\x18\x60\x40\x82"),
        ("xz", b"\xfd7zXZ\0\0\x04"),
        ("zstd", b"\x28\xb5\x2f\xfd\x24\0"),
    ];

    #[test]
    fn compressed_captures_are_refused_by_name() {
        let folder = Scratch::new("without-compression");
        for (form, octets) in FORMS {
            let file = folder.file(form, octets);
            let expected = format!(
                "{}: compressed with {form}: this build was made without the feature `compression`",
                file.display()
            );
            assert_eq!(capture::open(&file).map(|_| ()).unwrap_err().to_string(), expected);
        }
        // They are captures all the same, so each is said when its turn comes.
        fs::copy(material::sample("office.pcapng"), folder.0.join("office.pcapng")).unwrap();
        let found = capture::expand(std::slice::from_ref(&folder.0), true, &|_| false);
        assert_eq!((found.files.len(), found.skipped), (5, 0));
    }

    #[cfg(feature = "cli")]
    #[test]
    fn the_command_reads_the_other_inputs() {
        let folder = Scratch::new("without-compression-command");
        fs::copy(material::sample("office.pcapng"), folder.0.join("office.pcapng")).unwrap();
        let file = folder.file("packed", FORMS[0].1);
        let (code, lines, said) = super::run(&["annotate", "--recursive", folder.0.to_str().unwrap()]);
        let expected = format!(
            "portolan: {}: compressed with gzip: this build was made without the feature `compression`\n",
            file.display()
        );
        assert_eq!((code, lines, said), (3, super::PACKETS, expected));
    }
}

#[cfg(not(feature = "libpcap"))]
mod libpcap {
    use super::capture::{self, Filter, Live, LiveOptions};

    #[test]
    fn filters_and_interfaces_are_refused_by_name() {
        let errors = [
            Filter::new("port 53").map(|_| ()),
            Live::open("eth0", &LiveOptions::default()).map(|_| ()),
            capture::devices().map(|_| ()),
        ];
        assert_eq!(
            errors.map(|result| result.unwrap_err().to_string()),
            ["capture filter `port 53`", "interface eth0", "list of interfaces"]
                .map(|what| format!("{what}: this build was made without the feature `libpcap`"))
        );
    }

    #[cfg(feature = "cli")]
    #[test]
    fn the_command_refuses_the_options() {
        let office = crate::material::sample("office.pcapng");
        let office = office.to_str().unwrap();
        for (arguments, what) in [
            (&["summary", "-f", "port 53", office][..], "capture filter `port 53`"),
            (&["annotate", "-f", "", office], "capture filter ``"),
            (&["annotate", "-i", "eth0"], "interface eth0"),
            (&["interfaces"], "list of interfaces"),
        ] {
            let expected = format!("portolan: {what}: this build was made without the feature `libpcap`\n");
            assert_eq!(super::run(arguments), (2, 0, expected), "{arguments:?}");
        }
        assert_eq!(super::run(&["annotate", office]), (0, super::PACKETS, String::new()));
    }
}

#[cfg(all(not(feature = "tui"), feature = "cli"))]
mod tui {
    #[test]
    fn a_screen_is_refused_by_name() {
        let office = crate::material::sample("office.pcapng");
        let expected = "portolan: top: this build was made without the feature `tui`\n".to_owned();
        assert_eq!(super::run(&["top", office.to_str().unwrap()]), (2, 0, expected));
    }
}

#[cfg(all(not(feature = "html"), feature = "cli"))]
mod html {
    #[test]
    fn the_command_refuses_pages() {
        let office = crate::material::sample("office.pcapng");
        let expected = "portolan: --format html: this build was made without the feature `html`\n".to_owned();
        let said = super::run(&["summary", "--format", "html", office.to_str().unwrap()]);
        assert_eq!(said, (2, 0, expected));
    }
}

#[cfg(all(not(feature = "parquet"), feature = "cli"))]
mod parquet {
    #[test]
    fn the_command_refuses_columns() {
        let office = crate::material::sample("office.pcapng");
        for command in ["annotate", "summary", "flows", "hosts", "discover"] {
            for form in ["parquet", "arrow"] {
                let said = super::run(&[command, "--format", form, office.to_str().unwrap()]);
                let expected =
                    format!("portolan: --format {form}: this build was made without the feature `parquet`\n");
                assert_eq!(said, (2, 0, expected), "{command}");
            }
        }
    }
}

#[cfg(all(not(feature = "update"), feature = "cli"))]
mod update {
    #[test]
    fn the_command_fetches_nothing() {
        let expected =
            "portolan: registry update: this build was made without the feature `update`\n".to_owned();
        assert_eq!(super::run(&["registry", "update"]), (2, 0, expected));
    }
}

/// Packets of `office.pcapng`, as capinfos counts them.
#[cfg(all(feature = "cli", any(not(feature = "compression"), not(feature = "libpcap"))))]
const PACKETS: usize = 212;

/// The command's exit code, how many lines it printed, and what it said.
#[cfg(feature = "cli")]
fn run(arguments: &[&str]) -> (i32, usize, String) {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_portolan")).args(arguments).output().unwrap();
    let lines = run.stdout.iter().filter(|&&octet| octet == b'\n').count();
    (run.status.code().unwrap(), lines, String::from_utf8(run.stderr).unwrap())
}

#[cfg(all(not(feature = "metrics"), feature = "libpcap", feature = "cli"))]
mod metrics {
    #[test]
    fn metrics_are_refused_by_name() {
        let (code, _, error) =
            super::run(&["summary", "-i", "lo", "--metrics", "127.0.0.1:0", "--duration", "1s"]);
        // Without the permission to capture nothing gets that far.
        assert!(code == 6 || code == 8 && error.contains("without the feature `metrics`"), "{code}: {error}");
    }
}
