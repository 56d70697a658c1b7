//! Flows on a terminal: a row each in columns that fit its width. The lines that go to files and pipes have all there is to tell.

use std::io::{self, Write};

use super::{FlowRow, Screen};
use crate::{
    naming::Evidence,
    packet::Timestamp,
    sink::style,
    text::{Moments, figure, fit},
};

/// The columns, in their order.
const HEADS: [&str; 9] =
    ["START", "DURATION", "CLIENT", "SERVER", "SERVICE", "KNOWN BY", "UP", "DOWN", "STATE"];

const START: usize = 0;
const DURATION: usize = 1;
const CLIENT: usize = 2;
const SERVER: usize = 3;
const SERVICE: usize = 4;
const KNOWN: usize = 5;
const UP: usize = 6;
const DOWN: usize = 7;
const STATE: usize = 8;

/// Columns whose texts may be cut, and to how many columns of a terminal at least.
const SHORTER: [(usize, usize); 3] = [(CLIENT, 16), (SERVER, 18), (SERVICE, 14)];

/// Flows that widths are found out from, about: all where there are fewer. Texts of others are cut where they are longer.
const MEASURED: usize = 2000;

/// What a narrow terminal does without, the first to go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saving {
    Milliseconds,
    WholeWords,
    Column(usize),
}

const SAVINGS: [Saving; 7] = [
    Saving::Milliseconds,
    Saving::WholeWords,
    Saving::Column(DURATION),
    Saving::Column(STATE),
    Saving::Column(KNOWN),
    Saving::Column(UP),
    Saving::Column(DOWN),
];

/// How flows are laid out.
struct Layout<'s> {
    screen: &'s Screen,
    times: Moments,
    /// Whether all began on one day, which stands above them.
    day: Option<String>,
    savings: &'static [Saving],
    /// How wide each column is; 0 where it is left out.
    widths: [usize; HEADS.len()],
}

/// Writes flows for a terminal.
pub(super) fn write(
    flows: &[FlowRow<'_>],
    times: Moments,
    screen: &Screen,
    out: &mut dyn Write,
) -> io::Result<()> {
    let layout = Layout::of(flows, times, screen);
    if let Some(day) = layout.day.as_ref().filter(|_| !flows.is_empty()) {
        writeln!(out, "{day}")?;
    }
    let mut heads = HEADS;
    if layout.saves(Saving::WholeWords) {
        heads[KNOWN] = "BY";
    }
    layout.line(&heads.map(ToOwned::to_owned), None, out)?;
    for flow in flows {
        let evidence = flow.service.as_ref().and_then(|service| service.label.evidence);
        layout.line(&layout.cells(flow), evidence.filter(|_| screen.color), out)?;
    }
    if flows.iter().any(FlowRow::is_guess) {
        writeln!(out, "~ only registered, for a port above 1023: nothing confirms it")?;
    }
    Ok(())
}

impl<'s> Layout<'s> {
    fn of(flows: &[FlowRow<'_>], times: Moments, screen: &'s Screen) -> Self {
        let day = |flow: &FlowRow<'_>| times.day(Timestamp(flow.first?));
        let mut days = flows.iter().filter_map(day);
        let first = days.next();
        let day = first.filter(|first| days.all(|day| day == *first));
        let began = flows.iter().find_map(|flow| flow.first);
        let day = day.map(|day| format!("{day} {}", times.zone(Timestamp(began.unwrap_or_default()))));
        let mut layout = Self { screen, times, day, savings: &[], widths: [0; HEADS.len()] };
        for savings in 0..=SAVINGS.len() {
            layout.savings = &SAVINGS[..savings];
            layout.measure(flows);
            if layout.least() <= usize::from(screen.width) {
                break;
            }
        }
        layout.shorten();
        layout
    }

    fn saves(&self, saving: Saving) -> bool {
        self.savings.contains(&saving)
    }

    /// Finds out how wide columns are where nothing is cut.
    fn measure(&mut self, flows: &[FlowRow<'_>]) {
        let mut widths = HEADS.map(fit::columns);
        if self.saves(Saving::WholeWords) {
            widths[KNOWN] = 3;
        }
        for flow in flows.iter().step_by(flows.len() / MEASURED + 1) {
            let cells = self.cells(flow);
            widths.iter_mut().zip(&cells).for_each(|(width, cell)| *width = (*width).max(fit::columns(cell)));
        }
        for (column, width) in widths.iter_mut().enumerate() {
            if self.saves(Saving::Column(column)) {
                *width = 0;
            }
        }
        self.widths = widths;
    }

    /// How many columns of a terminal all take, with a space between them.
    fn all(&self) -> usize {
        let shown = self.widths.iter().filter(|&&width| width > 0);
        shown.map(|width| width + 1).sum::<usize>() - 1
    }

    /// The same where texts are as short as they may get.
    fn least(&self) -> usize {
        let spare = SHORTER.iter().map(|&(column, least)| self.widths[column].saturating_sub(least));
        self.all() - spare.sum::<usize>()
    }

    /// Shortens texts, the longest first, until all fits.
    fn shorten(&mut self) {
        let mut over = self.all().saturating_sub(usize::from(self.screen.width));
        while over > 0 {
            let longest = SHORTER
                .iter()
                .filter(|&&(column, least)| self.widths[column] > least)
                .max_by_key(|&&(column, least)| self.widths[column] - least);
            let Some(&(column, _)) = longest else { break };
            self.widths[column] -= 1;
            over -= 1;
        }
    }

    fn cells(&self, flow: &FlowRow<'_>) -> [String; HEADS.len()] {
        let [source, destination, service, evidence, state] = flow.cells();
        let serves_first = flow.service.is_some_and(|service| service.side() == "source");
        let (client, server) = if serves_first { (destination, source) } else { (source, destination) };
        let [one, other] = flow.amounts().map(|(_, octets)| octets);
        let (up, down) = if serves_first { (other, one) } else { (one, other) };
        let amount = |octets: u64| match octets {
            0 => "–".to_owned(),
            octets if self.screen.rounded => figure::octets(octets),
            octets => octets.to_string(),
        };
        let mut service = service.as_str().to_owned();
        if let Some(instance) = flow.service.as_ref().and_then(|service| service.label.instance.as_deref()) {
            service += &format!(" \"{instance}\"");
        }
        let unserved = flow.service.as_ref().and_then(|service| service.label.unserved());
        if let Some(state) = unserved.filter(|_| self.saves(Saving::Column(STATE))) {
            service = format!("{state}: {service}");
        }
        let known = match evidence.as_str() {
            "none" => "",
            word if self.saves(Saving::WholeWords) => &word[..word.len().min(3)],
            word => word,
        };
        [
            self.start(flow),
            self.duration(flow),
            client.as_str().to_owned(),
            server.as_str().to_owned(),
            service,
            known.to_owned(),
            amount(up),
            amount(down),
            state.as_str().to_owned(),
        ]
    }

    fn start(&self, flow: &FlowRow<'_>) -> String {
        let Some(time) = flow.first.map(Timestamp) else { return "(no time)".to_owned() };
        let step = if self.saves(Saving::Milliseconds) { 1_000_000_000 } else { 1_000_000 };
        let clock = self.times.clock(time, step);
        match self.times.day(time).filter(|_| self.day.is_none()) {
            Some(day) => format!("{day} {clock}"),
            None => clock,
        }
    }

    fn duration(&self, flow: &FlowRow<'_>) -> String {
        let nanos = flow.duration().unwrap_or(0);
        if self.screen.rounded { figure::length(nanos) } else { format!("{:.6}\u{a0}s", nanos as f64 / 1e9) }
    }

    /// Writes a line, the service in the colour of how it is known.
    fn line(
        &self,
        cells: &[String; HEADS.len()],
        evidence: Option<Evidence>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut line = String::new();
        let last = self.widths.iter().rposition(|&width| width > 0);
        for (column, (cell, &width)) in cells.iter().zip(&self.widths).enumerate() {
            if width == 0 {
                continue;
            }
            let text = match column {
                START | DURATION | UP | DOWN => fit::right(cell, width),
                _ => fit::left(cell, width),
            };
            match evidence.filter(|_| column == SERVICE) {
                Some(evidence) => line += &format!("{0}{text}{0:#}", style(evidence)),
                None => line += &text,
            }
            if Some(column) != last {
                line.push(' ');
            }
        }
        writeln!(out, "{}", line.trim_end())
    }
}
