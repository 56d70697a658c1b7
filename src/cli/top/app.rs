//! What is on the screen: which picture, which topic, which rows in which order; and what keys do to it.

use std::{cmp::Ordering, sync::Arc};

use portolan::{
    capture::Clock,
    report::top::{Row, Rows, Topic},
    text::escape,
};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::history::{History, Picture};

/// Stretches between pictures that a rate is taken over.
const STRETCHES: usize = 5;
/// Characters that a filter may have.
const MOST_TYPED: usize = 200;

/// What rows are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Octets,
    Rate,
    Packets,
    Name,
}

impl Sort {
    const ALL: [Self; 4] = [Self::Octets, Self::Rate, Self::Packets, Self::Name];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Octets => "octets",
            Self::Rate => "rate",
            Self::Packets => "packets",
            Self::Name => "name",
        }
    }
}

/// A row as it is shown, and how much of it there was in each of the last stretches: octets a second, the latest first;
/// `None` where it was not among the rows kept.
pub(super) struct Shown<'a> {
    pub(super) row: &'a Row,
    pub(super) rates: Vec<Option<f64>>,
    /// Over the last stretches together.
    pub(super) rate: Option<f64>,
}

/// All there is to the screen.
pub(super) struct App {
    pub(super) name: String,
    pub(super) clock: Option<Arc<Clock>>,
    pub(super) has_color: bool,
    pub(super) history: History,
    /// The picture that is held; the latest if none is.
    held: Option<usize>,
    /// The number of the topic.
    pub(super) topic: usize,
    pub(super) sort: Sort,
    pub(super) is_turned: bool,
    /// The key of the row that the user is at; the first if there is none.
    chosen: Option<Box<str>>,
    pub(super) filter: String,
    pub(super) is_typing: bool,
    pub(super) helps: bool,
    pub(super) details: bool,
    pub(super) is_done: bool,
    pub(super) was_interrupted: bool,
    /// What went wrong last.
    pub(super) said: Option<String>,
    /// When the first picture was taken, in ns.
    pub(super) began: Option<u64>,
}

impl App {
    /// A screen of an input of that name; with the clock of a replay.
    pub(super) fn new(name: &str, clock: Option<Arc<Clock>>, has_color: bool) -> Self {
        let mut harmless = Vec::new();
        escape::terminal(name.as_bytes(), &mut harmless);
        Self {
            name: String::from_utf8_lossy(&harmless).into_owned(),
            clock,
            has_color,
            history: History::default(),
            held: None,
            topic: 0,
            sort: Sort::default(),
            is_turned: false,
            chosen: None,
            filter: String::new(),
            is_typing: false,
            helps: false,
            details: false,
            is_done: false,
            was_interrupted: false,
            said: None,
            began: None,
        }
    }

    /// Takes the latest picture.
    pub(super) fn take(&mut self, picture: Arc<Picture>) {
        self.began.get_or_insert(picture.time);
        self.history.push(picture);
        // What was held may have left.
        if let (Some(held), Some((first, _))) = (&mut self.held, self.history.ends()) {
            *held = (*held).max(first);
        }
    }

    /// Whether no further picture comes.
    pub(super) fn is_over(&self) -> bool {
        self.history.ends().and_then(|(_, last)| self.history.get(last)).is_some_and(|last| last.is_last)
    }

    /// The number of the picture that is shown, and whether it is held.
    pub(super) fn at(&self) -> Option<(usize, bool)> {
        let (_, last) = self.history.ends()?;
        Some((self.held.unwrap_or(last), self.held.is_some()))
    }

    /// How many pictures are behind the one that is shown.
    pub(super) fn behind(&self) -> usize {
        self.history.ends().zip(self.at()).map_or(0, |((_, last), (at, _))| last - at)
    }

    /// The picture that is shown.
    pub(super) fn picture(&self) -> Option<&Picture> {
        self.history.get(self.at()?.0)
    }

    /// The rows that are shown, in their order; each with so many of the last rates.
    pub(super) fn rows(&self, stretches: usize) -> Vec<Shown<'_>> {
        let Some((at, _)) = self.at() else { return Vec::new() };
        let pictures: Vec<_> = self.history.back(at, self.topic).take(stretches.max(STRETCHES) + 1).collect();
        let Some(rows) = pictures.first() else { return Vec::new() };
        let wanted = self.filter.to_lowercase();
        let words: Vec<_> = wanted.split_whitespace().collect();
        let is_wanted = |row: &&Arc<Row>| words.iter().all(|word| row.contains(word));
        let mut shown: Vec<_> = rows.rows.iter().filter(is_wanted).map(|row| shown(row, &pictures)).collect();
        shown.sort_by(|a, b| self.order(a, b));
        shown
    }

    fn order(&self, a: &Shown<'_>, b: &Shown<'_>) -> Ordering {
        let by_key = a.row.key().cmp(b.row.key());
        // Whatever has no amounts is in the order of its keys.
        let more = |a: u64, b: u64| b.cmp(&a);
        let first = match self.sort {
            Sort::Octets => more(a.row.octets, b.row.octets),
            Sort::Packets => more(a.row.packets, b.row.packets),
            Sort::Rate => {
                let rate = |shown: &Shown<'_>| shown.rate.unwrap_or(0.0);
                rate(b).total_cmp(&rate(a)).then_with(|| more(a.row.octets, b.row.octets))
            }
            Sort::Name => a.row.cell(0).cmp(b.row.cell(0)),
        };
        let order = first.then(by_key);
        if self.is_turned { order.reverse() } else { order }
    }

    /// Which of the rows the user is at.
    pub(super) fn place(&self, rows: &[Shown<'_>]) -> usize {
        let is_it = |shown: &Shown<'_>| self.chosen.as_deref() == Some(shown.row.key());
        rows.iter().position(is_it).unwrap_or(0)
    }

    /// Goes so many rows down or up.
    fn go(&mut self, by: isize) {
        let rows = self.rows(0);
        let last = rows.len().saturating_sub(1);
        let place = self.place(&rows).saturating_add_signed(by).min(last);
        self.chosen = rows.get(place).map(|shown| shown.row.key().into());
    }

    /// Shows the picture so many before or behind, and holds it.
    fn scroll(&mut self, by: isize) {
        if let Some(((first, last), (at, _))) = self.history.ends().zip(self.at()) {
            self.held = Some(at.saturating_add_signed(by).clamp(first, last));
        }
    }

    fn turn_to(&mut self, topic: usize) {
        self.topic = topic;
        self.chosen = None;
    }

    /// Obeys a key.
    pub(super) fn key(&mut self, key: KeyEvent) {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            // The terminal sends no signal while it is ours.
            self.is_done |= key.code == KeyCode::Char('c');
            return;
        }
        if self.is_typing {
            return self.typed(key.code);
        }
        if self.helps {
            self.helps = false;
            self.is_done |= key.code == KeyCode::Char('q');
            return;
        }
        let topics = Topic::ALL.len();
        match key.code {
            KeyCode::Char('q') => self.is_done = true,
            KeyCode::Char('?' | 'h') => self.helps = true,
            KeyCode::Char(digit @ '1'..='6') => self.turn_to(digit as usize - '1' as usize),
            KeyCode::Tab => self.turn_to((self.topic + 1) % topics),
            KeyCode::BackTab => self.turn_to((self.topic + topics - 1) % topics),
            KeyCode::Char('s') => {
                let at = Sort::ALL.iter().position(|&sort| sort == self.sort).unwrap_or(0);
                self.sort = Sort::ALL[(at + 1) % Sort::ALL.len()];
            }
            KeyCode::Char('S') => self.is_turned = !self.is_turned,
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Char('p' | ' ') => {
                self.held = if self.held.is_some() { None } else { self.at().map(|at| at.0) }
            }
            KeyCode::Left | KeyCode::Char('[') => self.scroll(-1),
            KeyCode::Right | KeyCode::Char(']') => self.scroll(1),
            KeyCode::Char('{') => self.scroll(-10),
            KeyCode::Char('}') => self.scroll(10),
            KeyCode::Down | KeyCode::Char('j') => self.go(1),
            KeyCode::Up | KeyCode::Char('k') => self.go(-1),
            KeyCode::PageDown => self.go(10),
            KeyCode::PageUp => self.go(-10),
            KeyCode::Home | KeyCode::Char('g') => self.chosen = None,
            KeyCode::End | KeyCode::Char('G') => self.go(isize::MAX),
            KeyCode::Enter => self.details = !self.details,
            KeyCode::Esc if self.details => self.details = false,
            KeyCode::Esc if self.held.is_some() => self.held = None,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('+') => self.hurry(2.0),
            KeyCode::Char('-') => self.hurry(0.5),
            _ => {}
        }
    }

    fn typed(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => _ = self.filter.pop(),
            KeyCode::Char(c) if !c.is_control() && self.filter.chars().count() < MOST_TYPED => {
                self.filter.push(c)
            }
            _ => {}
        }
    }

    /// Has a replay go so many times faster.
    fn hurry(&self, by: f64) {
        if let Some(clock) = self.clock.as_ref().filter(|clock| clock.speed() > 0.0) {
            clock.set_speed((clock.speed() * by).clamp(1.0 / 64.0, 1e6));
        }
    }
}

/// A row of the first of some pictures, with its rates in all of them.
fn shown<'a>(row: &'a Row, pictures: &[&Rows]) -> Shown<'a> {
    // Before it was there it had nothing; if rows were left out, it may have been among those.
    let octets = |rows: &Rows| match rows.get(row.key()) {
        Some(row) => Some(row.octets),
        None => rows.is_whole().then_some(0),
    };
    let per_second = |later: (&Rows, Option<u64>), earlier: (&Rows, Option<u64>)| {
        let seconds = later.0.time.saturating_sub(earlier.0.time) as f64 / 1e9;
        // A name that is known better may leave a row with less than it had.
        let more = later.1?.saturating_sub(earlier.1?) as f64;
        (seconds > 0.0).then_some(more / seconds)
    };
    let counts: Vec<_> = pictures.iter().map(|&rows| (rows, octets(rows))).collect();
    let rates = counts.windows(2).map(|pair| per_second(pair[0], pair[1])).collect();
    let known = counts.iter().take(STRETCHES + 1).take_while(|(_, octets)| octets.is_some()).last();
    let rate = counts.first().zip(known).and_then(|(&later, &earlier)| per_second(later, earlier));
    Shown { row, rates, rate }
}
