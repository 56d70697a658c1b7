//! Times as people are shown them: in one form in all lines, tables and pages, which no output for programs has.

use std::process::Output;

use crate::cli::{command, said};

/// Half past five hours east of UTC, in POSIX's form: no files of zones are needed.
const ZONE: &str = "XYZ-5:30";

fn run(style: &str, arguments: &[&str]) -> String {
    let output: Output = command(arguments).args(["--time", style]).env("TZ", ZONE).output().unwrap();
    let said = said(output);
    assert!([0, 1].contains(&said.code) && said.error.is_empty(), "{arguments:?}: {}", said.error);
    said.out
}

/// The first packet of office.pcapng came at 1795382664.596170016 (`tshark -T fields -e frame.time_epoch -c 1`), the last
/// 10.965770924 s later: that is 21:24:24 UTC on 22 November, and the next day at that place.
const OFFICE: &str = "office.pcapng";

#[test]
fn reports_show_the_times_that_are_asked_for() {
    for (arguments, utc, local, relative) in [
        (
            &["summary", OFFICE][..],
            "from 2026-11-22T21:24:24.596170016Z to ",
            "from 2026-11-23T02:54:24.596170016+05:30 to ",
            "from 0.000000 to 10.9657",
        ),
        (
            &["summary", "--columns", "key,first", OFFICE],
            " 2026-11-22T21:24:24.596170016Z",
            " 2026-11-23T02:54:24.596170016+05:30",
            " 0.000000\n",
        ),
        (
            &["summary", "--interval", "5s", OFFICE],
            "from 2026-11-22T21:24:20.000000000Z\n",
            "from 2026-11-23T02:54:20.000000000+05:30\n",
            "from -4.596170\n",
        ),
        (
            &["hosts", "--columns", "addresses,first", OFFICE],
            " 2026-11-22T21:24:24.596220994Z",
            " 2026-11-23T02:54:24.596220994+05:30",
            " 0.000050\n",
        ),
        (
            &["discover", "--events", OFFICE],
            " 2026-11-22T21:24:27.127946235Z",
            " 2026-11-23T02:54:27.127946235+05:30",
            " 2.531776 ",
        ),
        (
            &["discover", "--columns", "instance,first", OFFICE],
            " 2026-11-22T21:24:2",
            " 2026-11-23T02:54:2",
            " 3.791055\n",
        ),
        (&["flows", OFFICE], "2026-11-22 21:24:24.596220 ", "2026-11-23 02:54:24.596220 ", "0.000050 "),
        (
            &["flows", "--columns", "event.start,svc.name", OFFICE],
            " 2026-11-22T21:24:24.596220",
            " 2026-11-23T02:54:24.596220",
            " 0.000050 ",
        ),
        (
            &["diff", OFFICE, "http-get.pcap"],
            "before: office.pcapng: 212 packets, 50.6\u{a0}kB, 2026-11-22T21:24:24.596170016Z to ",
            "before: office.pcapng: 212 packets, 50.6\u{a0}kB, 2026-11-23T02:54:24.596170016+05:30 to ",
            "before: office.pcapng: 212 packets, 50.6\u{a0}kB, 0.000000 to 10.9657",
        ),
    ] {
        for (style, expected) in [("utc", utc), ("local", local), ("relative", relative), ("delta", relative)]
        {
            let text = run(style, arguments);
            // Only lines of packets know the one before.
            assert!(text.contains(expected), "{arguments:?} {style}: no `{expected}` in\n{text}");
        }
        assert!(run("epoch", arguments).contains("17953826"), "{arguments:?}");
    }
}

#[cfg(feature = "html")]
#[test]
fn pages_show_the_times_that_are_asked_for() {
    for (arguments, style, expected) in [
        (
            &["summary", OFFICE][..],
            "utc",
            &["2026-11-22 21:24:24.596 to 2026-11-22 21:24:35.561 UTC", ">Time (UTC)<"][..],
        ),
        (
            &["summary", OFFICE],
            "local",
            // A mark of the axis, at a round time of the place.
            &[
                "2026-11-23 02:54:24.596 to 2026-11-23 02:54:35.561 +05:30",
                ">Time (+05:30)<",
                ">02:54:26</text>",
            ],
        ),
        (&["summary", OFFICE], "relative", &["0.000000 to 10.965770", ">Time<", ">2\u{a0}s</text>"]),
        (&["diff", OFFICE, "http-get.pcap"], "local", &["2026-11-23T02:54:24.596170016+05:30"]),
    ] {
        let page = run(style, &[arguments, &["--format", "html"]].concat());
        for text in expected {
            assert!(page.contains(text), "{arguments:?} {style}: no `{text}`");
        }
    }
}

#[test]
fn programs_get_utc_whatever_people_are_shown() {
    for (arguments, format) in [
        (&["annotate", OFFICE][..], "json"),
        (&["annotate", OFFICE], "csv"),
        (&["flows", OFFICE], "json"),
        (&["flows", OFFICE], "csv"),
        (&["flows", OFFICE], "zeek"),
        (&["summary", "--interval", "5s", OFFICE], "json"),
        (&["summary", "--interval", "5s", OFFICE], "csv"),
        (&["hosts", OFFICE], "json"),
        (&["hosts", OFFICE], "csv"),
        (&["discover", "--events", OFFICE], "json"),
        (&["discover", "--events", OFFICE], "csv"),
        (&["discover", OFFICE], "csv"),
        (&["diff", OFFICE, "http-get.pcap"], "json"),
    ] {
        let arguments = [arguments, &["--format", format]].concat();
        assert_eq!(run("local", &arguments), run("utc", &arguments), "{arguments:?}");
    }
}
