//! Draws what is on the screen: a pure function of it.

use std::fmt::Write as _;

use portolan::{
    flow::Key,
    packet::Timestamp,
    report::top::Topic,
    text::{escape, time::machine_time},
};
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
    text::Span,
};

use super::{
    app::{App, Shown},
    columns::{self, Column, REST, What},
};

/// Heights of the bars of a sparkline.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Lines above and below the rows.
const AROUND: u16 = 6;
/// Lines of the pane that tells all of a row.
const DETAILS: u16 = 7;
/// The narrowest that a column which takes the rest is drawn.
const NARROWEST: u16 = 4;

const HELP: [&str; 18] = [
    "1 to 8, Tab      services, flows, hosts, domains, dns-sd, events, evidence,",
    "                 limits; 9 processes (--processes); j k, PgDn PgUp, g G rows",
    "Enter, e         all that is known of the row; of a flow why, too",
    "f                follow the flow; Esc lets it go",
    "s                sort by octets, rate, packets, name; S turns it round",
    "/                show only rows for which an expression holds, as in",
    "                 /svc.name == https and ip in 192.0.2.0/24; or that hold",
    "                 some words; Esc shows all",
    "p, Space         hold the picture; counting goes on",
    "[ ], arrows      picture before, next one; { } ten of them; Esc the latest",
    "x X              export the rows that are shown, as JSON, as CSV",
    "+ -              replay twice, half as fast",
    "q, Ctrl-C        end",
    "RATE             octets a second, over the last five pictures",
    "KNOWN BY         user, advertised, payload, registered, none: strongest first",
    "~                only registered, for a port above 1023: nothing confirms it",
    "!                octets contradict what the port stands for",
    "CL SV            distinct clients and servers",
];

impl App {
    /// Draws all of it.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let mut pen = Pen { buffer: frame.buffer_mut(), area, has_color: self.has_color };
        let last = area.height.saturating_sub(1);
        self.head(&mut pen);
        self.tabs(&mut pen);
        pen.rule(2);
        if self.helps {
            for (y, line) in (3..last.saturating_sub(1)).zip(HELP) {
                pen.text(1, y, line, area.width.saturating_sub(1), Style::new());
            }
        } else if let Some(key) = self.followed {
            self.follow(&mut pen, key);
        } else {
            self.body(&mut pen);
        }
        pen.rule(last.saturating_sub(1));
        self.foot(&mut pen, last);
    }

    /// Where it comes from, how much, and what was lost.
    fn head(&self, pen: &mut Pen<'_>) {
        let Some(picture) = self.picture() else {
            let line = format!("portolan · {} · nothing yet", self.name);
            return pen.text(0, 0, &line, pen.area.width, Style::new().bold());
        };
        // First, so that no name is too long for it.
        let behind = self.behind();
        let state = match self.at() {
            Some((_, true)) if behind > 0 => format!("HELD, {behind} back · "),
            Some((_, true)) => "HELD · ".to_owned(),
            _ if self.is_over() => "ended · ".to_owned(),
            _ => String::new(),
        };
        let mut line = format!("portolan · {state}{}", self.name);
        let seconds = picture.time.saturating_sub(self.began.unwrap_or(picture.time)) / 1_000_000_000;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let _ = write!(line, " · {hours:02}:{minutes:02}:{:02}", seconds % 60);
        if let Some(clock) = self.clock.as_ref().filter(|clock| clock.speed() > 0.0) {
            let _ = write!(line, " ×{}", clock.speed());
        }
        let before = self.at().and_then(|(at, _)| self.history.get(at.checked_sub(1)?));
        let rate = before.map(|before| {
            let seconds = picture.time.saturating_sub(before.time).max(1) as f64 / 1e9;
            let packets = picture.packets.saturating_sub(before.packets) as f64 / seconds;
            let octets = picture.octets.saturating_sub(before.octets) as f64 / seconds;
            format!("{} p/s  {}/s  ", count(packets as u64), amount(octets as u64))
        });
        let dropped = picture.losses.map(|losses| losses.dropped());
        let share = dropped.filter(|&dropped| dropped > 0).map(|dropped| {
            let all = picture.packets + dropped;
            format!(" ({:.1} %)", dropped as f64 * 100.0 / all as f64)
        });
        let dropped_text = dropped.map_or_else(
            || format!("{} packets", count(picture.packets)),
            |dropped| format!("dropped {dropped}{}", share.unwrap_or_default()),
        );
        let right = format!("{}{dropped_text}", rate.unwrap_or_default());
        let width = pen.area.width;
        let right_width = width_of(&right);
        let left = width.saturating_sub(right_width + 2);
        pen.text(0, 0, &line, left, Style::new().bold());
        let is_bad = dropped.is_some_and(|dropped| dropped > 0);
        let style = if is_bad { pen.strong(Color::Red) } else { Style::new() };
        pen.text(width.saturating_sub(right_width), 0, &right, right_width, style);
    }

    fn tabs(&self, pen: &mut Pen<'_>) {
        let mut x = 0;
        let is_wide = pen.area.width >= columns::WIDE;
        for (number, &topic) in self.topics().iter().enumerate() {
            let is_on = number == self.topic;
            let name = columns::of(topic).0;
            // All of them, where there are nine, are too long for a narrow screen.
            let short = name.get(..4).filter(|_| self.has_processes && !is_wide && !is_on);
            let name = short.unwrap_or(name);
            let text = match (is_on, is_wide) {
                (true, _) => format!("[{} {name}]", number + 1),
                (false, true) => format!(" {} {name} ", number + 1),
                (false, false) => format!("{} {name}", number + 1),
            };
            let style = if is_on { pen.strong(Color::Cyan) } else { Style::new() };
            pen.text(x, 1, &text, width_of(&text), style);
            x += width_of(&text) + 1;
        }
        let sort = self.sorted_by();
        let at = pen.area.width.saturating_sub(width_of(&sort));
        if is_wide && self.followed.is_none() && at > x {
            pen.text(at, 1, &sort, width_of(&sort), Style::new());
        }
    }

    fn sorted_by(&self) -> String {
        format!("by {}{}", self.sort.as_str(), if self.is_turned { " ↑" } else { "" })
    }

    /// The rows, and all of the one that the user is at.
    fn body(&self, pen: &mut Pen<'_>) {
        let area = pen.area;
        let (_, columns) = columns::of(Topic::ALL[self.topic]);
        let widths = widths(columns, area.width);
        let spark = columns.iter().zip(&widths).find(|(column, _)| column.what == What::Spark);
        let rows = self.rows(spark.map_or(0, |(_, &width)| usize::from(width)));
        let place = self.place(&rows);
        let lines =
            rows.get(place).filter(|_| self.details).map(|shown| self.details(shown, columns, area.width));
        let details = lines.as_ref().map_or(0, |lines| {
            let wanted = u16::try_from(lines.len() + 1).unwrap_or(u16::MAX);
            wanted.max(DETAILS).min(area.height.saturating_sub(AROUND) * 2 / 3)
        });
        let height = area.height.saturating_sub(AROUND + details);
        let first = (place + 1).saturating_sub(usize::from(height));
        let mut x = 0;
        for (column, &width) in columns.iter().zip(&widths).filter(|(_, width)| **width > 0) {
            pen.cell(x, 3, column.title, (width, column.is_right()), Style::new().bold());
            x += width + 1;
        }
        for (y, (number, shown)) in (4..).zip(rows.iter().enumerate().skip(first)).take(height.into()) {
            let is_here = number == place;
            let style = if is_here { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
            if is_here {
                pen.text(0, y, &" ".repeat(area.width.into()), area.width, style);
            }
            let mut x = 0;
            for (column, &width) in columns.iter().zip(&widths).filter(|(_, width)| **width > 0) {
                let text = self.cell(column, shown, width, area.width);
                pen.cell(x, y, &text, (width, column.is_right()), style);
                x += width + 1;
            }
        }
        let all = self.picture().map_or(0, |picture| picture.rows[self.topic].all);
        if rows.is_empty() {
            let text = if all > 0 { "no row is as it was asked for" } else { "nothing yet" };
            pen.text(1, 5, text, area.width.saturating_sub(1), Style::new());
        }
        if let Some(lines) = lines.filter(|_| details > 0) {
            let y = 4 + height;
            pen.rule(y);
            for (y, line) in (y + 1..area.height.saturating_sub(2)).zip(&lines) {
                pen.text(1, y, line, area.width.saturating_sub(2), Style::new());
            }
        }
    }

    /// A flow alone: what is known of it, how much of it there was, and why it is named as it is.
    fn follow(&self, pen: &mut Pen<'_>, key: Key) {
        let area = pen.area;
        let width = area.width.saturating_sub(2);
        let Some(followed) = self.look(Some(key)) else {
            return pen.text(1, 4, "not looked at yet in this picture", width, Style::new());
        };
        let Some(row) = &followed.row else {
            return pen.text(1, 4, "it has left the table of flows", width, Style::new());
        };
        let rates = self.followed_rates(width.into());
        let shown = Shown { row, rate: rates.first().copied().flatten(), rates };
        let mut lines = described(&shown, columns::of(Topic::Flows).1, width);
        let rate = shown.rate.map_or_else(|| "?".to_owned(), |rate| format!("{}/s", amount(rate as u64)));
        lines.push(format!("rate: {rate}"));
        lines.push(sparkline(&shown.rates, width.into()));
        lines.push(String::new());
        wrap(&followed.why, width, &mut lines);
        for (y, line) in (3..area.height.saturating_sub(2)).zip(&lines) {
            pen.text(1, y, line, width, Style::new());
        }
    }

    fn cell(&self, column: &Column, shown: &Shown<'_>, width: u16, screen: u16) -> String {
        let row = shown.row;
        match column.what {
            What::Cell(0) if self.topic == 0 => {
                // Where there is no column for it.
                let contradicts = screen < columns::WIDE && !row.cell(6).is_empty();
                format!("{}{}", if contradicts { "! " } else { "" }, row.cell(0))
            }
            What::Cell(number) => row.cell(number).to_owned(),
            What::Number(number) => {
                row.cell(number).parse().map_or_else(|_| row.cell(number).to_owned(), count)
            }
            What::Amount(number) => row.cell(number).parse().map_or_else(|_| String::new(), amount),
            What::Octets => amount(row.octets),
            What::Packets => count(row.packets),
            What::Rate => match shown.rate {
                Some(rate) if rate < 1.0 => "0".to_owned(),
                Some(rate) => format!("{}/s", amount(rate as u64)),
                None => "?".to_owned(),
            },
            What::Spark => sparkline(&shown.rates, width.into()),
        }
    }

    /// All of a row, in full; of a flow why it is named as it is, too.
    fn details(&self, shown: &Shown<'_>, columns: &[Column], width: u16) -> Vec<String> {
        let width = width.saturating_sub(2);
        let mut lines = described(shown, columns, width);
        if let Some(followed) = shown.row.flow.and_then(|key| self.look(Some(key))) {
            wrap(&followed.why, width, &mut lines);
        }
        lines
    }

    /// What is typed. Where something is wrong with it, it stands a line above, with carets below that.
    fn prompt(&self, pen: &mut Pen<'_>, y: u16) {
        let (narrowed, width) = (self.narrowed(), usize::from(pen.area.width));
        let Some(wrong) = &narrowed.fault else {
            let typed = ending(&format!("/{}▏", harmless(&narrowed.text)), width);
            pen.text(0, y, &typed, pen.area.width, Style::new().bold());
            let at = width_of(&typed) + 1;
            let left = pen.area.width.saturating_sub(at);
            return pen.text(at, y, "Enter keeps it, Esc shows all", left, Style::new());
        };
        let [text, carets] = &wrong.shown;
        let typed = format!("/{text}▏");
        // Both are cut alike, so that what is typed last is seen.
        let left_out = usize::from(width_of(&typed)).saturating_sub(width);
        let carets: String = format!(" {carets}").chars().skip(left_out).collect();
        pen.text(0, y.saturating_sub(1), &" ".repeat(width), pen.area.width, Style::new());
        pen.text(0, y.saturating_sub(1), &ending(&typed, width), pen.area.width, Style::new().bold());
        let what = harmless(&wrong.what);
        let (begin, end) =
            (usize::from(width_of(&carets)) - carets.trim_start().len(), usize::from(width_of(&carets)));
        let len = usize::from(width_of(&what));
        let red = pen.strong(Color::Red);
        pen.text(0, y, &carets, pen.area.width, red);
        // Behind the carets, or before them where there is more room.
        if end + 1 + len <= width || begin < width / 2 {
            pen.text((end + 1) as u16, y, &what, width.saturating_sub(end + 1) as u16, red);
        } else {
            pen.text(0, y, &what, begin.saturating_sub(1) as u16, red);
        }
    }

    /// What keys do, and what is the matter.
    fn foot(&self, pen: &mut Pen<'_>, y: u16) {
        let width = pen.area.width;
        if self.is_typing {
            return self.prompt(pen, y);
        }
        if let Some(said) = &self.said {
            return pen.text(0, y, &harmless(said), width, pen.strong(Color::Red));
        }
        if let Some(done) = &self.done {
            return pen.text(0, y, &harmless(done), width, Style::new().bold());
        }
        let sort = self.sorted_by();
        let topics = self.topics().len();
        let mut keys = format!("1-{topics} view  s {sort}  / filter  Enter more  p hold  ? help  q quit");
        let text = &self.narrowed().text;
        if self.followed.is_some() {
            keys = "f, Esc let it go  p hold  [ ] back  ? help  q quit".to_owned();
        } else if !text.is_empty() {
            keys = harmless(&format!("/{text}  Esc shows all  ? help  q quit"));
        } else if let Some((_, true)) = self.at()
            && let Some(picture) = self.picture()
        {
            keys =
                format!("{}  [ ] back and forth  Esc latest  q quit", machine_time(Timestamp(picture.time)));
        }
        let rows = self.picture().map(|picture| &picture.rows[self.topic]);
        let rows = rows.filter(|rows| !rows.is_whole() && self.followed.is_none());
        let left_out = rows.map(|rows| format!("{} of {}", rows.rows.len(), count(rows.all as u64)));
        let left_out = left_out.unwrap_or_default();
        let own = width_of(&left_out);
        pen.text(0, y, &keys, width.saturating_sub(own + 1), Style::new());
        pen.text(width.saturating_sub(own), y, &left_out, own, Style::new());
    }
}

/// The last columns of a text.
fn ending(text: &str, width: usize) -> String {
    let mut rest = text;
    while usize::from(width_of(rest)) > width {
        let mut chars = rest.chars();
        chars.next();
        rest = chars.as_str();
    }
    rest.to_owned()
}

/// What comes from outside, harmless on a terminal.
fn harmless(text: &str) -> String {
    let mut out = Vec::new();
    escape::terminal(text.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// All of a row, in lines of that width.
fn described(shown: &Shown<'_>, columns: &[Column], width: u16) -> Vec<String> {
    let mut lines = vec![String::new()];
    for column in columns {
        let value = match column.what {
            What::Cell(number) | What::Number(number) => shown.row.cell(number).to_owned(),
            What::Amount(number) => format!("{} octets", shown.row.cell(number)),
            What::Octets => shown.row.octets.to_string(),
            What::Packets => shown.row.packets.to_string(),
            What::Rate | What::Spark => continue,
        };
        if !value.is_empty() {
            add(&mut lines, &format!("{}: {value}", column.title.to_lowercase()), width);
        }
    }
    lines
}

/// Adds sentences, each from a line of its own on.
fn wrap(sentences: &[String], width: u16, lines: &mut Vec<String>) {
    for sentence in sentences {
        let mut line = String::new();
        for word in sentence.split(' ') {
            if !line.is_empty() && width_of(&line) + 1 + width_of(word) > width {
                lines.push(std::mem::replace(&mut line, "  ".to_owned()));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
}

/// What is drawn on, and with.
struct Pen<'b> {
    buffer: &'b mut Buffer,
    area: Rect,
    has_color: bool,
}

impl Pen<'_> {
    /// Bold, and in a colour where there are any.
    fn strong(&self, color: Color) -> Style {
        if self.has_color { Style::new().bold().fg(color) } else { Style::new().bold() }
    }

    /// Writes a text that ends with an ellipsis where it is wider than that.
    fn text(&mut self, x: u16, y: u16, text: &str, width: u16, style: Style) {
        if x < self.area.width && y < self.area.height {
            let width = width.min(self.area.width - x);
            self.buffer.set_stringn(x, y, fitted(text, width), width.into(), style);
        }
    }

    fn cell(&mut self, x: u16, y: u16, text: &str, (width, is_right): (u16, bool), style: Style) {
        let indent = if is_right { width.saturating_sub(width_of(text)) } else { 0 };
        self.text(x + indent, y, text, width - indent, style);
    }

    fn rule(&mut self, y: u16) {
        self.text(0, y, &"─".repeat(self.area.width.into()), self.area.width, Style::new());
    }
}

/// Adds an item to lines of that width: to the last one, where it fits there.
fn add(lines: &mut Vec<String>, item: &str, width: u16) {
    let Some(last) = lines.last_mut() else { return };
    if last.is_empty() || width_of(last) + width_of(item) + 3 <= width {
        last.push_str(if last.is_empty() { "" } else { "   " });
    } else {
        lines.push(String::new());
    }
    for c in item.chars() {
        if let Some(last) = lines.last_mut() {
            if width_of(last) + width_of(c.encode_utf8(&mut [0; 4])) <= width {
                last.push(c);
            } else {
                lines.push(c.to_string());
            }
        }
    }
}

/// Columns that a text takes on the screen.
fn width_of(text: &str) -> u16 {
    Span::raw(text).width().try_into().unwrap_or(u16::MAX)
}

/// As much of a text as fits, with an ellipsis where that is not all.
fn fitted(text: &str, width: u16) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let (mut out, mut left) = (String::new(), width.saturating_sub(1));
    for c in text.chars() {
        let own = width_of(c.encode_utf8(&mut [0; 4]));
        if own > left {
            break;
        }
        left -= own;
        out.push(c);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// The widths of columns on a screen, with one column between them; 0 where there is no room.
fn widths(columns: &[Column], screen: u16) -> Vec<u16> {
    let mut widths: Vec<_> = columns.iter().map(|column| column.width(screen)).collect();
    loop {
        let shown = widths.iter().filter(|&&width| width > 0).count() as u16;
        let sharing = widths.iter().filter(|&&width| width == REST).count() as u16;
        let fixed: u16 = widths.iter().filter(|&&width| width != REST).sum();
        let rest = screen.saturating_sub(fixed + shown.saturating_sub(1));
        if sharing > 0 && rest / sharing >= NARROWEST || shown <= 1 {
            let mut over = rest.checked_rem(sharing).unwrap_or(0);
            for width in widths.iter_mut().filter(|width| **width == REST) {
                *width = rest / sharing.max(1) + u16::from(over > 0);
                over = over.saturating_sub(1);
            }
            return widths.into_iter().map(|width| width.min(screen)).collect();
        }
        // The last column goes, and again, until there is room.
        if let Some(last) = widths.iter_mut().rev().find(|width| **width > 0) {
            *last = 0;
        }
    }
}

/// Rates as bars, the latest to the right; nothing where they are not known.
fn sparkline(rates: &[Option<f64>], width: usize) -> String {
    let most = rates.iter().take(width).flatten().fold(0.0, |most: f64, &rate| most.max(rate));
    let bar = |rate: &Option<f64>| match rate {
        Some(rate) if most > 0.0 => BARS[((rate / most * 7.0).ceil() as usize).min(7)],
        Some(_) => BARS[0],
        None => ' ',
    };
    let mut line: Vec<_> = rates.iter().take(width).map(bar).collect();
    line.resize(width, ' ');
    line.iter().rev().collect()
}

/// A number of octets: `940 B`, `1.2 kB`, `12 MB`.
fn amount(octets: u64) -> String {
    scaled(octets, ["B", "kB", "MB", "GB", "TB", "PB", "EB"], " ")
}

/// A number, shortened from a hundred thousand on: `1.2M`.
fn count(number: u64) -> String {
    if number < 100_000 { number.to_string() } else { scaled(number, ["", "k", "M", "G", "T", "P", "E"], "") }
}

fn scaled(number: u64, units: [&str; 7], space: &str) -> String {
    let (mut value, mut unit) = (number as f64, 0);
    // What would be rounded up to a thousand is one of the next unit.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let text = if unit == 0 || value >= 9.95 { format!("{value:.0}") } else { format!("{value:.1}") };
    format!("{text}{space}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_or_three_digits() {
        for (octets, text) in [
            (0, "0 B"),
            (940, "940 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_951, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(amount(octets), text);
        }
        assert_eq!([count(99_999), count(100_000), count(1_234_567)], ["99999", "100k", "1.2M"]);
    }

    #[test]
    fn texts_are_cut_where_they_are_too_wide() {
        assert_eq!([fitted("https", 5), fitted("https", 4), fitted("https", 1)], ["https", "htt…", "…"]);
        // Wide characters take two columns.
        assert_eq!(
            [fitted("日本語", 6), fitted("日本語", 5), fitted("日本語", 4)],
            ["日本語", "日本…", "日…"]
        );
        assert_eq!(fitted("https", 0), "");
    }

    #[test]
    fn sparklines_end_with_the_latest() {
        assert_eq!(sparkline(&[Some(70.0), Some(35.0), Some(0.0), None], 6), "   ▁▅█");
        assert_eq!(sparkline(&[Some(0.0); 3], 3), "▁▁▁");
        assert_eq!(sparkline(&[], 2), "  ");
    }

    #[test]
    fn columns_never_take_more_than_the_screen() {
        for topic in Topic::ALL {
            for screen in 1..300 {
                let widths = widths(columns::of(topic).1, screen);
                let shown = widths.iter().filter(|&&width| width > 0).count() as u16;
                let all = widths.iter().sum::<u16>() + shown.saturating_sub(1);
                assert!(all <= screen, "{topic:?} {screen} {widths:?}");
            }
        }
    }
}
