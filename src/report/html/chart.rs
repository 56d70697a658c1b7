//! Traffic over time as shapes of SVG, and as the figures that these show.

use std::fmt::Write as _;

use super::timeline::Traffic;
use crate::{
    packet::Timestamp,
    text::{Moments, figure},
};

/// Services that have an area of their own; the others share one.
pub(super) const SERIES: usize = 8;
/// Points of a small curve at most.
const SPARKS: usize = 48;
/// Marks on the axis of time, about.
const MARKS: u64 = 6;

/// One area.
pub(super) struct Series {
    /// Which of the colours it has.
    pub(super) class: String,
    pub(super) name: String,
    pub(super) octets: String,
    /// Its shape, from the ground up: those in front of it hide what is theirs.
    pub(super) path: String,
}

/// A mark on an axis.
pub(super) struct Mark {
    /// Where, in per cent of its length.
    pub(super) at: String,
    pub(super) text: String,
    /// Whether it may be left out where there is little room.
    pub(super) is_minor: bool,
}

/// A step of time that has packets.
pub(super) struct Step {
    /// Its number from 0.
    pub(super) at: usize,
    pub(super) time: String,
    /// Octets of each series, and of all.
    pub(super) octets: Vec<u64>,
}

/// Traffic over time by service.
pub(super) struct Chart {
    pub(super) steps: usize,
    /// Length of a step, in words.
    pub(super) step: String,
    /// The day or days, with the zone of their times; empty where times are counted.
    pub(super) days: String,
    /// What stands above times.
    pub(super) head: String,
    /// The keys of the services that have an area of their own, in the order of their colours.
    pub(super) alone: Vec<String>,
    /// The largest service first.
    pub(super) series: Vec<Series>,
    pub(super) times: Vec<Mark>,
    pub(super) amounts: Vec<Mark>,
    pub(super) table: Vec<Step>,
    /// The step with most octets, in words.
    pub(super) peak: String,
}

impl Chart {
    /// Of traffic that has times.
    pub(super) fn of(traffic: &Traffic, times: Moments) -> Option<Self> {
        if traffic.steps == 0 {
            return None;
        }
        let largest = traffic.largest(SERIES + 1);
        let count = if largest.len() > SERIES { SERIES - 1 } else { largest.len() };
        let mut names: Vec<String> = largest[..count].iter().map(|(key, _)| (*key).to_owned()).collect();
        let mut columns: Vec<Vec<u64>> = names.iter().map(|key| traffic.of(key)).collect();
        let (all, alone) = (traffic.all(), names.clone());
        if largest.len() > count {
            let rest = |at: usize| all[at] - columns.iter().map(|column| column[at]).sum::<u64>();
            let others = (0..traffic.steps).map(rest).collect();
            names.push(format!("{} others", figure::count((traffic.services.len() - count) as u64)));
            columns.push(others);
        }
        let most = all.iter().copied().max().unwrap_or(0).max(1);
        let (top, amounts) = amounts(most);
        let mut below = vec![0; traffic.steps];
        let series = names.into_iter().zip(&columns).enumerate().map(|(number, (name, column))| {
            below.iter_mut().zip(column).for_each(|(below, octets)| *below += octets);
            let class = if number < count { format!("s{number}") } else { "rest".to_owned() };
            let octets = figure::octets(column.iter().sum());
            Series { class, name, octets, path: area(&below, top) }
        });
        let series = series.collect();
        let time = |at: usize| traffic.start.saturating_add((at as u64).saturating_mul(traffic.step));
        let end = time(traffic.steps);
        let day = |time| times.day(Timestamp(time));
        let (first_day, last_day) = (day(traffic.start), day(end.saturating_sub(1)));
        let peak = all.iter().position(|&octets| octets == most).unwrap_or(0);
        let are_many = first_day != last_day;
        let days = match (first_day, last_day) {
            (Some(first), Some(last)) if are_many => format!("{first} to {last}"),
            (Some(day), _) => day,
            _ => String::new(),
        };
        let zone = times.zone(Timestamp(traffic.start));
        let clock = |time| times.clock(Timestamp(time), traffic.step);
        let table = (0..traffic.steps).filter(|&at| all[at] > 0).map(|at| {
            let mut octets: Vec<_> = columns.iter().map(|column| column[at]).collect();
            octets.push(all[at]);
            let is_needed = are_many && traffic.step < 86_400_000_000_000;
            let day = day(time(at)).filter(|_| is_needed).map_or(String::new(), |day| day + " ");
            Step { at, time: day + &clock(time(at)), octets }
        });
        Some(Self {
            steps: traffic.steps,
            step: figure::length(traffic.step),
            alone,
            table: table.collect(),
            series,
            times: marks(traffic.start, end, times),
            amounts,
            peak: format!("{} at {}", figure::octets(most), clock(time(peak))),
            head: if zone.is_empty() { "Time".to_owned() } else { format!("Time ({zone})") },
            days: format!("{days} {zone}").trim().to_owned(),
        })
    }
}

/// A shape with a step for each of these heights, of which `top` reaches the upper edge: 100 high, and as wide as there
/// are steps.
fn area(heights: &[u64], top: u64) -> String {
    let mut path = "M0 100".to_owned();
    let mut at = 0;
    while at < heights.len() {
        let run = heights[at..].iter().take_while(|&&height| height == heights[at]).count();
        let y = 100.0 - figure::percent(heights[at], top);
        _ = write!(path, "V{}H{}", short(y), at + run);
        at += run;
    }
    path + "V100Z"
}

/// A number with two decimals at most.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The end of the axis of amounts, and its marks: round numbers.
fn amounts(most: u64) -> (u64, Vec<Mark>) {
    let mut unit = 1_u64;
    // Four marks or so: 1, 2 or 5 times a power of ten.
    while most.div_ceil(unit) > 5 {
        let next = [2, 5, 10].iter().map(|&factor| unit / leading(unit) * factor);
        unit = next.into_iter().find(|&next| next > unit).unwrap_or(u64::MAX);
    }
    let count = most.div_ceil(unit);
    let top = unit.saturating_mul(count);
    let marks = (0..=count).map(|number| Mark {
        at: short(100.0 - figure::percent(number, count)),
        text: round(&figure::octets(unit.saturating_mul(number))),
        is_minor: false,
    });
    (top, marks.collect())
}

/// A figure without zeros behind its point.
fn round(figure: &str) -> String {
    match figure.split_once('\u{a0}') {
        Some((number, unit)) if number.contains('.') => {
            format!("{}\u{a0}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => figure.to_owned(),
    }
}

/// The first digit of a number that has no other but zeros.
fn leading(mut number: u64) -> u64 {
    while number >= 10 {
        number /= 10;
    }
    number
}

/// Marks on the axis of time, at times that are round as they are shown.
fn marks(start: u64, end: u64, times: Moments) -> Vec<Mark> {
    const SECOND: u64 = 1_000_000_000;
    const ROUND: [u64; 20] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
        172_800, 604_800,
    ];
    let length = end - start;
    let fractions =
        (0..9).rev().flat_map(|power| [1, 2, 5].map(|digit| digit * SECOND / 10_u64.pow(power + 1)));
    let days = (1..).map(|count| count * 30 * 86_400 * SECOND);
    let rounds =
        fractions.chain(ROUND.iter().map(|seconds| seconds * SECOND)).filter(|&round| round >= 1_000_000);
    let round = rounds.chain(days).find(|round| length / round <= MARKS).unwrap_or(length);
    // The first place that is round as it is shown.
    let shown = i128::from(start) + i128::from(times.shift(Timestamp(start)));
    let behind = (-shown).rem_euclid(round.into());
    let first = start.saturating_add(u64::try_from(behind).unwrap_or(0));
    let marks = (0..=MARKS + 1).filter_map(|number| first.checked_add(round.checked_mul(number)?));
    let marks = marks.take_while(|&time| time <= end).enumerate();
    let marks = marks.map(|(number, time)| Mark {
        at: short(figure::percent(time - start, length)),
        text: times.clock(Timestamp(time), round),
        is_minor: number % 2 == 1,
    });
    marks.collect()
}

/// A small curve of a service: points of SVG for its outline, 100 wide and 20 high; empty where there is but one step.
pub(super) fn spark(traffic: &Traffic, key: &str) -> String {
    if traffic.steps < 2 || !traffic.services.contains_key(key) {
        return String::new();
    }
    let octets = traffic.of(key);
    let group = octets.len().div_ceil(SPARKS);
    let sums: Vec<u64> = octets.chunks(group).map(|group| group.iter().sum()).collect();
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    let width = 100.0 / sums.len() as f64;
    let mut path = "M0 20".to_owned();
    let mut before = None;
    for (at, &sum) in sums.iter().enumerate() {
        // What is there is to be seen.
        let height = if sum == 0 { 0.0 } else { (sum as f64 * 20.0 / most as f64).max(1.5) };
        let y = format!("{:.0}", 20.0 - height);
        if before.as_ref() != Some(&y) {
            _ = write!(path, "H{:.0}V{y}", at as f64 * width);
        }
        before = Some(y);
    }
    path + "H100V20Z"
}
