//! Tables for people: columns without lines, every cell harmless.

use std::{
    fmt::Display,
    io::{self, Write},
    ops::Range,
};

use anstyle::Style;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width, presets};

use super::{escape, fit};

/// What stands in a cell. Whatever it is made of, no hostile character is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell(String);

impl Cell {
    /// Any text; line breaks become spaces.
    pub fn text(text: &str) -> Self {
        Self::escaped(|out| {
            for (number, line) in text.split('\n').enumerate() {
                out.extend_from_slice(if number == 0 { b"" } else { b" " });
                escape::terminal(line.as_bytes(), out);
            }
        })
    }

    /// Text that `write` has escaped for a terminal already.
    pub fn escaped(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut octets = Vec::new();
        write(&mut octets);
        let text = String::from_utf8(octets);
        let text = text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Self(escape::harmless(text))
    }

    /// A number, an address, a word of ours.
    pub fn shown(value: impl Display) -> Self {
        Self(escape::harmless(value.to_string()))
    }

    /// The same, where it is there.
    pub fn maybe(value: Option<impl Display>) -> Self {
        value.map(Self::shown).unwrap_or_default()
    }

    /// What stands in it, harmless on a terminal; several values are parted by line feeds.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Several values, one below the other.
    pub fn lines(values: impl IntoIterator<Item = impl Display>) -> Self {
        let lines: Vec<_> = values.into_iter().map(|value| Self::shown(value).0).collect();
        Self(lines.join("\n"))
    }
}

/// A table in the making.
///
/// ```
/// use portolan::text::table::{Cell, Table};
/// let mut table = Table::new(&["key", "octets"]).right(1..2);
/// table.row([Cell::text("https/tcp\u{1b}"), Cell::shown(1_460)]);
/// let mut out = Vec::new();
/// table.write(None, &mut out).unwrap();
/// assert_eq!(out, b" key            octets\n https/tcp\\027    1460\n");
/// ```
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    /// The texts of all cells one behind the other, and where each ends: a table may have a million rows.
    text: String,
    ends: Vec<usize>,
    /// How many columns of a terminal the longest lines take.
    widths: Vec<usize>,
    padding: (u16, u16),
    right: Vec<Range<usize>>,
    styles: Vec<(usize, Style)>,
    dispensable: Vec<usize>,
}

impl Table {
    /// A table without rows; columns are parted by a space on either side.
    pub fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            text: String::new(),
            ends: Vec::new(),
            widths: header.iter().map(|title| fit::columns(title)).collect(),
            padding: (1, 1),
            right: Vec::new(),
            styles: Vec::new(),
            dispensable: Vec::new(),
        }
    }

    /// A table of so many columns that have no names.
    pub fn without_header(columns: usize) -> Self {
        Self { widths: vec![0; columns], ..Self::new(&[]) }
    }

    /// Begins the lines with the first column; columns are parted by two spaces.
    #[must_use]
    pub fn flush(self) -> Self {
        Self { padding: (0, 2), ..self }
    }

    /// Aligns these columns to the right, beside those that are already.
    #[must_use]
    pub fn right(mut self, columns: Range<usize>) -> Self {
        self.right.push(columns);
        self
    }

    /// Leaves these columns out, the first ones first, until the others have room for their longest words on a terminal.
    #[must_use]
    pub fn without(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.dispensable = columns.into_iter().collect();
        self
    }

    /// Adds a row: a cell for each column; those that are missing are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut cells = cells.into_iter();
        for width in &mut self.widths {
            let cell = cells.next().unwrap_or_default();
            let widest = cell.0.split('\n').map(fit::columns).max().unwrap_or(0);
            *width = widest.max(*width);
            self.text.push_str(&cell.0);
            self.ends.push(self.text.len());
        }
        debug_assert!(cells.next().is_none(), "a column for each cell");
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len() / self.widths.len().max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many columns of a terminal it takes where nothing is wrapped.
    pub fn width(&self) -> usize {
        self.widths.iter().map(|width| width + self.between()).sum()
    }

    /// Draws a row in this way; 0 is the header, and what is not said is plain.
    pub fn style(&mut self, row: usize, style: Style) {
        self.styles.push((row, style));
    }

    /// Writes the header and all rows. Cells are wrapped where the table would be wider than `width`, in columns of
    /// a terminal; `None` is as wide as it gets.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(self, width: Option<u16>, out: &mut dyn Write) -> io::Result<()> {
        match width.filter(|&width| self.width() > usize::from(width)) {
            Some(width) => self.write_wrapped(width, out),
            None => self.write_whole(out),
        }
    }

    /// Whether the first line names the columns.
    fn has_header(&self) -> bool {
        !self.header.is_empty()
    }

    /// Columns of a terminal between the texts of two columns.
    fn between(&self) -> usize {
        usize::from(self.padding.0 + self.padding.1)
    }

    /// The rows, each a text for each column.
    fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = &str> + Clone> {
        let columns = self.widths.len().max(1);
        self.ends.chunks(columns).enumerate().map(move |(row, ends)| {
            let begin = (row * columns).checked_sub(1).map_or(0, |before| self.ends[before]);
            let begins = std::iter::once(begin).chain(ends.iter().copied());
            begins.zip(ends).map(|(begin, &end)| &self.text[begin..end])
        })
    }

    /// How a row is drawn: 0 is the header.
    fn style_of(&self, row: usize) -> Option<&Style> {
        self.styles.iter().rfind(|(of, _)| *of == row).map(|(_, style)| style)
    }

    /// Writes it where all lines have room. A wrapping table of a library would keep and measure each cell several times.
    fn write_whole(&self, out: &mut dyn Write) -> io::Result<()> {
        let aligned: Vec<_> = (0..self.widths.len())
            .map(|column| self.right.iter().any(|columns| columns.contains(&column)))
            .collect();
        let mut buffer = String::new();
        // No row of several lines is drawn: what is drawn is one.
        let is_wrapped = self.text.contains('\n');
        let mut number = usize::from(!self.has_header());
        let mut put = |cells: &mut dyn Iterator<Item = &str>| -> io::Result<()> {
            let mut lines: Vec<_> = cells.map(|cell| cell.split('\n')).collect();
            let style = self.style_of(number).filter(|_| !is_wrapped);
            number += 1;
            loop {
                buffer.clear();
                let mut has_more = false;
                for ((lines, &width), &is_right) in lines.iter_mut().zip(&self.widths).zip(&aligned) {
                    let text = lines.next().unwrap_or_default();
                    has_more |= lines.clone().next().is_some();
                    let room = width - fit::columns(text);
                    let (before, behind) = if is_right { (room, 0) } else { (0, room) };
                    buffer.extend(std::iter::repeat_n(' ', usize::from(self.padding.0) + before));
                    buffer.push_str(text);
                    buffer.extend(std::iter::repeat_n(' ', usize::from(self.padding.1) + behind));
                }
                match style {
                    Some(style) => writeln!(out, "{style}{}{style:#}", buffer.trim_end())?,
                    None => writeln!(out, "{}", buffer.trim_end())?,
                }
                if !has_more {
                    return Ok(());
                }
            }
        };
        if self.has_header() {
            put(&mut self.header.iter().copied())?;
        }
        self.rows().try_for_each(|mut row| put(&mut row))
    }

    /// Writes it in so many columns of a terminal, which are fewer than it would take.
    fn write_wrapped(&self, width: u16, out: &mut dyn Write) -> io::Result<()> {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING);
        if self.has_header() {
            inner.set_header(&self.header);
        }
        self.rows().for_each(|row| _ = inner.add_row(row));
        inner.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        self.spare_words(&mut inner, width);
        for (number, column) in inner.column_iter_mut().enumerate() {
            column.set_padding(self.padding);
            if self.right.iter().any(|columns| columns.contains(&number)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines: Vec<_> = inner.lines().collect();
        // Of wrapped rows it is not known which lines are theirs.
        let first = usize::from(!self.has_header());
        let is_wrapped = first + lines.len() != self.len() + 1;
        for (number, line) in (first..).zip(&lines) {
            match self.style_of(number).filter(|_| !is_wrapped) {
                Some(style) => writeln!(out, "{style}{}{style:#}", line.trim_end())?,
                None => writeln!(out, "{}", line.trim_end())?,
            }
        }
        Ok(())
    }

    /// Keeps words whole, as far as there is room for them: rather leaves out columns that can be done without.
    fn spare_words(&self, inner: &mut comfy_table::Table, width: u16) {
        let longest = |text: &str| text.split_ascii_whitespace().map(fit::columns).max().unwrap_or(0);
        let mut words = vec![0; self.widths.len()];
        words.iter_mut().zip(&self.header).for_each(|(word, title)| *word = longest(title));
        for row in self.rows() {
            words.iter_mut().zip(row).for_each(|(word, cell)| *word = longest(cell).max(*word));
        }
        let mut left_out = Vec::new();
        let needed = |left_out: &[usize]| -> usize {
            let shown = words.iter().enumerate().filter(|(column, _)| !left_out.contains(column));
            shown.map(|(_, word)| word + self.between()).sum()
        };
        for &column in &self.dispensable {
            if needed(&left_out) <= usize::from(width) {
                break;
            }
            left_out.push(column);
        }
        let fits = needed(&left_out) <= usize::from(width);
        for (number, column) in inner.column_iter_mut().enumerate() {
            if left_out.contains(&number) {
                column.set_constraint(ColumnConstraint::Hidden);
            } else if fits && let Ok(word) = u16::try_from(words[number] + self.between()) {
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(word)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: Table, width: Option<u16>) -> String {
        let mut out = Vec::new();
        table.write(width, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn services() -> Table {
        let mut table = Table::new(&["key", "octets", "hosts"]).right(1..2);
        table.row([Cell::text("https/tcp"), Cell::shown(1_460), Cell::lines(["a", "b"])]);
        table.row([Cell::text("x"), Cell::maybe(Some(7)), Cell::maybe(None::<u8>)]);
        table
    }

    #[test]
    fn columns_are_parted_and_aligned() {
        let expected = [
            " key        octets  hosts",
            " https/tcp    1460  a",
            "                    b",
            " x               7",
            "",
        ];
        assert_eq!(written(services(), None), expected.join("\n"));
        let expected = [
            "key        octets  hosts",
            "https/tcp    1460  a",
            "                   b",
            "x               7",
            "",
        ];
        assert_eq!(written(services().flush(), None), expected.join("\n"));
        assert_eq!((services().len(), Table::new(&["x"]).is_empty()), (2, true));
        assert_eq!(written(Table::new(&["x"]), Some(80)), " x\n");
    }

    #[test]
    fn columns_need_no_names() {
        let mut table = Table::without_header(2).flush();
        table.row([Cell::text("a"), Cell::text("some words")]);
        table.row([Cell::text("long"), Cell::text("b")]);
        table.style(2, Style::new().bold());
        assert_eq!(written(table, None), "a     some words\n\u{1b}[1mlong  b\u{1b}[0m\n");
        let mut narrow = Table::without_header(2).flush();
        narrow.row([Cell::text("a"), Cell::text("some words")]);
        assert_eq!(written(narrow, Some(10)), "a  some\n   words\n");
    }

    #[test]
    fn rows_are_drawn_where_they_are_lines() {
        let mut table = Table::new(&["key"]).flush();
        table.row([Cell::text("a")]);
        table.row([Cell::text("b")]);
        table.style(0, Style::new().bold());
        table.style(2, Style::new().dimmed());
        assert_eq!(table.width(), 5);
        assert_eq!(written(table, None), "\u{1b}[1mkey\u{1b}[0m\na\n\u{1b}[2mb\u{1b}[0m\n");
        let mut wrapped = services();
        wrapped.style(1, Style::new().bold());
        assert!(!written(wrapped, None).contains('\u{1b}'));
    }

    #[test]
    fn a_narrow_terminal_wraps_cells() {
        assert_eq!(written(services(), Some(80)), written(services(), None));
        let narrow = written(services(), Some(20));
        assert!(narrow.lines().all(|line| line.chars().count() <= 20), "{narrow}");
        let letters = |text: &str| {
            let mut letters: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
            letters.sort_unstable();
            letters
        };
        assert_eq!(letters(&narrow), letters(&written(services(), None)));
    }

    #[test]
    fn every_way_to_a_cell_is_harmless() {
        let hostile = "a\u{1b}[31m\u{202e}\r";
        let cells = [
            Cell::text(hostile),
            Cell::escaped(|out| out.extend_from_slice(hostile.as_bytes())),
            Cell::shown(hostile),
            Cell::maybe(Some(hostile)),
            Cell::lines([hostile]),
        ];
        for cell in cells {
            assert_eq!(cell, Cell(r"a\027[31m\226\128\174\013".to_owned()));
        }
        assert_eq!(Cell::text("a\nb\\c"), Cell(r"a b\\c".to_owned()));
        assert_eq!(Cell::escaped(|out| out.extend_from_slice(br"a\010b\\c")), Cell(r"a\010b\\c".to_owned()));
        assert_eq!(Cell::lines(["a\nb", "c"]), Cell("a\\010b\nc".to_owned()));
    }
}
