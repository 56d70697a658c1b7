//! What is on the screen: which picture, which topic, which rows in which order; and what keys do to it.

use std::{array, cmp::Ordering, path::PathBuf, sync::Arc};

use portolan::{
    capture::Clock,
    flow::Key,
    report::top::{Followed, Row, Rows, Topic},
    text::escape,
};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    columns,
    export::{self, Form},
    history::{History, Picture},
    narrow::Narrowed,
};

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
    /// Which rows of each topic are shown.
    narrowed: [Narrowed; Topic::ALL.len()],
    pub(super) is_typing: bool,
    pub(super) helps: bool,
    pub(super) details: bool,
    /// The flow that is followed: nothing else is shown.
    pub(super) followed: Option<Key>,
    /// Whether processes are looked at: a topic of their own.
    pub(super) has_processes: bool,
    /// The folder for what is exported.
    pub(super) exports: PathBuf,
    /// What was done last, until the next key.
    pub(super) done: Option<String>,
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
            narrowed: array::from_fn(|_| Narrowed::default()),
            is_typing: false,
            helps: false,
            details: false,
            followed: None,
            has_processes: false,
            exports: PathBuf::from("."),
            done: None,
            is_done: false,
            was_interrupted: false,
            said: None,
            began: None,
        }
    }

    /// The topics that there are: processes come last.
    pub(super) fn topics(&self) -> &'static [Topic] {
        if self.has_processes { &Topic::ALL } else { &Topic::ALL[..Topic::ALL.len() - 1] }
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
        let rows = self.narrowed().of(&rows.rows);
        let mut shown: Vec<_> = rows.into_iter().map(|row| shown(row, &pictures)).collect();
        shown.sort_by(|a, b| self.order(a, b));
        shown
    }

    /// Which rows of the topic are shown.
    pub(super) fn narrowed(&self) -> &Narrowed {
        &self.narrowed[self.topic]
    }

    /// The flow that is to be looked at: the one that is followed, or whose details are shown.
    pub(super) fn looked_at(&self) -> Option<Key> {
        let chosen = || self.rows(0).get(self.place(&self.rows(0))).and_then(|shown| shown.row.flow);
        self.followed.or_else(|| if self.details { chosen() } else { None })
    }

    /// What is known of a flow that is looked at, in the picture that is shown.
    pub(super) fn look(&self, key: Option<Key>) -> Option<&Followed> {
        let (known, followed) = self.picture()?.followed.as_ref()?;
        (Some(*known) == key).then_some(&**followed)
    }

    /// Octets a second of the flow that is followed, between so many pictures, the latest first.
    pub(super) fn followed_rates(&self, stretches: usize) -> Vec<Option<f64>> {
        let (Some(key), Some((at, _)), Some((first, _))) = (self.followed, self.at(), self.history.ends())
        else {
            return Vec::new();
        };
        let octets = |number: usize| {
            let picture = self.history.get(number)?;
            let (known, followed) = picture.followed.as_ref()?;
            let row = followed.row.as_ref().filter(|_| *known == key)?;
            Some((picture.time, row.octets))
        };
        let rate = |number: usize| {
            let ((later, more), (earlier, less)) = (octets(number)?, octets(number.checked_sub(1)?)?);
            let seconds = later.checked_sub(earlier).filter(|&ns| ns > 0)? as f64 / 1e9;
            Some(more.saturating_sub(less) as f64 / seconds)
        };
        (first + 1..=at).rev().take(stretches).map(rate).collect()
    }

    /// Writes the rows that are shown into a file.
    fn export(&mut self, form: Form) {
        let (name, columns) = columns::of(Topic::ALL[self.topic]);
        let time = self.picture().map_or(0, |picture| picture.time);
        let rows = self.rows(0);
        let rows: Vec<_> = rows.iter().map(|shown| shown.row).collect();
        let (count, written) = (rows.len(), export::write(&self.exports, (name, time), form, columns, &rows));
        match written {
            Ok(path) => self.done = Some(format!("wrote {count} rows to {}", path.display())),
            Err(error) => self.said = Some(format!("cannot write to {}: {error}", self.exports.display())),
        }
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
        self.followed = None;
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
        self.done = None;
        if self.followed.is_some() && matches!(key.code, KeyCode::Esc | KeyCode::Char('f')) {
            self.followed = None;
            return;
        }
        let topics = self.topics().len();
        match key.code {
            KeyCode::Char('q') => self.is_done = true,
            KeyCode::Char('?' | 'h') => self.helps = true,
            KeyCode::Char(digit @ '1'..='9') if digit as usize - '1' as usize >= topics => {}
            KeyCode::Char(digit @ '1'..='9') => self.turn_to(digit as usize - '1' as usize),
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
            KeyCode::Enter | KeyCode::Char('e') => self.details = !self.details,
            KeyCode::Char('f') => {
                let rows = self.rows(0);
                self.followed = rows.get(self.place(&rows)).and_then(|shown| shown.row.flow);
            }
            KeyCode::Char('x') => self.export(Form::Json),
            KeyCode::Char('X') => self.export(Form::Csv),
            KeyCode::Esc if self.details => self.details = false,
            KeyCode::Esc if self.held.is_some() => self.held = None,
            KeyCode::Esc => self.narrowed[self.topic].clear(),
            KeyCode::Char('+') => self.hurry(2.0),
            KeyCode::Char('-') => self.hurry(0.5),
            _ => {}
        }
    }

    fn typed(&mut self, key: KeyCode) {
        let (topic, narrowed) = (Topic::ALL[self.topic], &mut self.narrowed[self.topic]);
        match key {
            // What is wrong is to be mended first.
            KeyCode::Enter => self.is_typing = narrowed.fault.is_some(),
            KeyCode::Esc => {
                self.is_typing = false;
                narrowed.clear();
            }
            KeyCode::Backspace => {
                narrowed.text.pop();
                narrowed.read(topic);
            }
            KeyCode::Char(c) if !c.is_control() && narrowed.text.chars().count() < MOST_TYPED => {
                narrowed.text.push(c);
                narrowed.read(topic);
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
