//! Rows of a page, made one by one until there are enough of them.

use askama::Template;

/// How large a table may get. What is left out is told.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// Rows.
    pub(super) rows: usize,
    /// Octets that they take on the page.
    pub(super) octets: usize,
}

impl Room {
    /// No more rows than that, if it says anything.
    pub(super) fn at_most(self, rows: Option<usize>) -> Self {
        Self { rows: rows.unwrap_or(self.rows).min(self.rows), ..self }
    }
}

/// Rows as they stand on the page.
#[derive(Default)]
pub(super) struct Rows {
    /// Their markup.
    pub(super) html: String,
    /// How many there are.
    pub(super) shown: usize,
    /// How many there would be.
    pub(super) all: usize,
}

impl Rows {
    /// Fills in rows while there is room; `all` is how many there are.
    pub(super) fn of<T: Template>(
        rows: impl Iterator<Item = T>,
        all: usize,
        room: Room,
    ) -> askama::Result<Self> {
        let (mut html, mut shown) = (String::new(), 0);
        for row in rows.take(room.rows) {
            let whole = html.len();
            row.render_into(&mut html)?;
            if html.len() > room.octets {
                html.truncate(whole);
                break;
            }
            shown += 1;
        }
        Ok(Self { html, shown, all })
    }

    /// How many are left out.
    pub(super) fn left_out(&self) -> usize {
        self.all.saturating_sub(self.shown)
    }

    /// What is said of it where rows are left out.
    pub(super) fn told(&self) -> Option<String> {
        use crate::text::figure::count;
        let [shown, all] = [self.shown, self.all].map(|number| count(number as u64));
        (self.left_out() > 0).then(|| format!("The first {shown} of {all} are shown here."))
    }
}

/// Characters of a text from the wire that are shown at most.
const LONG: usize = 200;

/// A text without its end where it is long, with a sign for that.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text that `write` has escaped for a terminal, cut.
pub(super) fn escaped(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut text = Vec::new();
    write(&mut text);
    cut(&String::from_utf8_lossy(&text))
}
