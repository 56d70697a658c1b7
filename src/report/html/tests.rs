//! Shapes of charts, and tables that have no room.

use super::{
    chart::{Chart, spark},
    rows::{Room, Rows, cut},
    timeline::Timeline,
};
use crate::{packet::Timestamp, text::Moments};

#[derive(askama::Template)]
#[template(source = "<p>{{ text }}</p>", ext = "html")]
struct Line<'t> {
    text: &'t str,
}

#[test]
fn rows_are_filled_in_while_there_is_room() {
    let rows = |texts: &[&'static str], rows, octets| {
        let lines = texts.iter().map(|text| Line { text });
        Rows::of(lines, texts.len(), Room { rows, octets }).unwrap()
    };
    let all = rows(&["a", "<\u{202e}>"], 9, 99);
    assert_eq!(all.html, r"<p>a</p><p>&lt;\226\128\174&gt;</p>");
    assert_eq!((all.left_out(), all.told()), (0, None));
    // Eight octets each.
    for (rows, shown) in [
        (rows(&["a", "b", "c"], 2, 99), 2),
        (rows(&["a", "b", "c"], 9, 23), 2),
        (rows(&["a", "b", "c"], 9, 24), 3),
    ] {
        assert_eq!((rows.shown, rows.html.len(), rows.left_out()), (shown, 8 * shown, 3 - shown));
    }
    assert_eq!(rows(&["a", "b"], 1, 99).told().unwrap(), "The first 1 of 2 are shown here.");
    assert_eq!(cut(&"\u{e9}".repeat(300)), "\u{e9}".repeat(200) + "…");
}

#[test]
fn areas_are_stacked_from_the_ground_up() {
    let mut timeline = Timeline::new(Some(1_000_000_000));
    for (key, second, octets) in [("big", 0, 600), ("big", 1, 600), ("small", 1, 400), ("small", 3, 100)] {
        timeline.count(key, Some(Timestamp(second * 1_000_000_000)), octets);
    }
    let traffic = timeline.finish();
    let chart = Chart::of(&traffic, Moments::default()).unwrap();
    // The axis ends at 1,000: heights are 600 600 0 0, and with those of the other above them 600 1000 0 100.
    let paths: Vec<_> =
        chart.series.iter().map(|series| (series.class.as_str(), series.path.as_str())).collect();
    assert_eq!(paths, [("s0", "M0 100V40H2V100H4V100Z"), ("s1", "M0 100V40H1V0H2V100H3V90H4V100Z")]);
    let marks: Vec<_> = chart.amounts.iter().map(|mark| (mark.at.as_str(), mark.text.as_str())).collect();
    assert_eq!(
        marks,
        [
            ("100", "0\u{a0}B"),
            ("80", "200\u{a0}B"),
            ("60", "400\u{a0}B"),
            ("40", "600\u{a0}B"),
            ("20", "800\u{a0}B"),
            ("0", "1\u{a0}kB")
        ]
    );
    let times: Vec<_> = chart.times.iter().map(|mark| (mark.at.as_str(), mark.text.as_str())).collect();
    assert_eq!(
        times,
        [("0", "00:00:00"), ("25", "00:00:01"), ("50", "00:00:02"), ("75", "00:00:03"), ("100", "00:00:04")]
    );
    // Steps without packets are left out of the table.
    let steps: Vec<_> = chart.table.iter().map(|step| (step.at, step.octets.as_slice())).collect();
    assert_eq!(steps, [(0, &[600, 0, 600][..]), (1, &[600, 400, 1000]), (3, &[0, 100, 100])]);
    assert_eq!(spark(&traffic, "small"), "M0 20H0V20H25V0H50V20H75V15H100V20Z");
}

#[test]
fn many_services_share_an_area() {
    let mut timeline = Timeline::new(None);
    for number in 1..=9 {
        timeline.count(&format!("s{number}"), Some(Timestamp(number)), number);
    }
    let chart = Chart::of(&timeline.finish(), Moments::default()).unwrap();
    assert_eq!(chart.series.len(), 8);
    let last = chart.series.last().unwrap();
    assert_eq!(
        (last.class.as_str(), last.name.as_str(), last.octets.as_str()),
        ("rest", "2 others", "3\u{a0}B")
    );
    assert_eq!(chart.alone, ["s9", "s8", "s7", "s6", "s5", "s4", "s3"]);
}

#[test]
fn times_at_the_ends_of_what_can_be_told_have_charts() {
    for (step, times) in [
        (None, &[0, u64::MAX][..]),
        (Some(1), &[u64::MAX]),
        (None, &[u64::MAX]),
        (Some(1), &[0]),
        (Some(u64::MAX), &[0, u64::MAX]),
    ] {
        let mut timeline = Timeline::new(step);
        times.iter().for_each(|&time| timeline.count("a", Some(Timestamp(time)), 1));
        let chart = Chart::of(&timeline.finish(), Moments::default()).unwrap();
        assert_eq!(
            chart.table.iter().map(|step| step.octets[0]).sum::<u64>(),
            times.len() as u64,
            "{step:?} {times:?}"
        );
    }
}
