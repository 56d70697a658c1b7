//! Pictures of what was known, one a second: what rates are worked out from, and what can be scrolled back through.

use std::{collections::VecDeque, sync::Arc};

use portolan::{
    capture::Losses,
    flow::Key,
    report::top::{Followed, Row, Rows, Topic},
};

/// Pictures that are kept.
pub(super) const MOST_PICTURES: usize = 600;
/// Octets that their rows may take together; older pictures leave before there are more.
pub(super) const MOST_OCTETS: usize = 128 << 20;

/// What was known at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    /// In ns: of the clock of a replay, or since the epoch.
    pub(super) time: u64,
    /// Packets and octets so far.
    pub(super) packets: u64,
    pub(super) octets: u64,
    /// What the input lost, where it can tell.
    pub(super) losses: Option<Losses>,
    /// The rows of each topic, in the order of [`Topic::ALL`]; some may be of a picture before.
    pub(super) rows: [Arc<Rows>; Topic::ALL.len()],
    /// The flow that was looked at, and what was known of it.
    pub(super) followed: Option<(Key, Arc<Followed>)>,
    /// Whether the input came to its end.
    pub(super) is_last: bool,
}

/// The last pictures.
#[derive(Debug)]
pub(super) struct History {
    /// With what the rows of each take that those before do not share.
    pictures: VecDeque<(Arc<Picture>, usize)>,
    octets: usize,
    /// Octets that they may take.
    most: usize,
    /// How many left.
    left: usize,
}

impl Default for History {
    fn default() -> Self {
        Self::within(MOST_OCTETS)
    }
}

impl History {
    /// No pictures, whose rows may take so many octets.
    pub(super) fn within(most: usize) -> Self {
        Self { pictures: VecDeque::new(), octets: 0, most, left: 0 }
    }

    /// Adds the latest picture; one of the same time takes the place of the last.
    pub(super) fn push(&mut self, picture: Arc<Picture>) {
        if self.pictures.back().is_some_and(|(last, _)| last.time == picture.time) {
            self.octets -= self.pictures.pop_back().map_or(0, |(_, size)| size);
        }
        let size = size_of::<Picture>() + self.own(&picture);
        self.octets += size;
        self.pictures.push_back((picture, size));
        while self.pictures.len() > MOST_PICTURES || self.octets > self.most && self.pictures.len() > 1 {
            self.octets -= self.pictures.pop_front().map_or(0, |(_, size)| size);
            self.left += 1;
        }
    }

    /// Octets of a picture that the last one does not share.
    fn own(&self, picture: &Picture) -> usize {
        let last = self.pictures.back().map(|(picture, _)| &picture.rows);
        let of = |(number, rows): (usize, &Arc<Rows>)| {
            let before = last.map(|rows| &rows[number]);
            if before.is_some_and(|before| Arc::ptr_eq(before, rows)) {
                return 0;
            }
            let is_own = |row: &&Arc<Row>| {
                let known = before.and_then(|before| before.shared(row.key()));
                !known.is_some_and(|known| Arc::ptr_eq(known, row))
            };
            let own: usize = rows.rows.iter().filter(is_own).map(|row| row.size()).sum();
            own + size_of_val(rows.rows.as_slice())
        };
        let followed =
            picture.followed.iter().flat_map(|(_, followed)| &followed.why).map(String::len).sum::<usize>();
        picture.rows.iter().enumerate().map(of).sum::<usize>() + followed
    }

    /// The numbers of the first picture that is kept and of the last one.
    pub(super) fn ends(&self) -> Option<(usize, usize)> {
        (!self.pictures.is_empty()).then(|| (self.left, self.left + self.pictures.len() - 1))
    }

    /// A picture by its number.
    pub(super) fn get(&self, number: usize) -> Option<&Picture> {
        self.pictures.get(number.checked_sub(self.left)?).map(|(picture, _)| &**picture)
    }

    /// The rows of a topic in a picture and in those before it, the latest first, each once.
    pub(super) fn back(&self, number: usize, topic: usize) -> impl Iterator<Item = &Rows> {
        let mut last = None;
        (self.left..=number).rev().filter_map(move |number| {
            let rows = &*self.get(number)?.rows[topic];
            let is_new = last != Some(rows.time);
            last = Some(rows.time);
            is_new.then_some(rows)
        })
    }

    /// Octets that all rows take together.
    #[cfg(test)]
    pub(super) fn octets(&self) -> usize {
        self.octets
    }
}
