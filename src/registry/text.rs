//! The registry as IANA's plain text: a table whose cells are wrapped and centred in their rows.
//!
//! A row is as high as its highest cell, and every lower cell stands in its middle: name, port and transport,
//! one line each, mark the rows, but not where one ends and the next begins. For each row there are two heights
//! that put its mark in the middle. Of all divisions under which every cell is centred, the one is taken whose lines
//! are best filled.

use super::import::Imported;
use super::record::{Field, Malformed, Record};

/// Whether a text is IANA's plain text rendering.
pub(crate) fn is_text(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with("Internet Assigned Numbers Authority")
}

/// Columns of the table.
const COLUMNS: usize = 12;
/// The most lines of a row; IANA's highest has about 80.
const MAX_HEIGHT: usize = 256;

/// How IANA begins a paragraph inside of a cell: there a line ends early for good.
const PARAGRAPHS: [&str; 3] = ["IANA assigned this", "This entry is now", "Defined TXT"];

/// Places of the description and the notes among the columns.
const DESCRIPTION: usize = 3;
const NOTES: usize = 11;

/// How the description of a well-formed name goes on after that of its legacy alias.
const REPLACEMENT: &str = "IANA assigned this well-formed service name";

/// Reads all rows and the date of the registry.
pub(crate) fn parse(text: &str) -> Result<Imported, Malformed> {
    let lines: Vec<&str> = text.lines().collect();
    let malformed =
        |line: usize, reason: &str| Malformed { line: line as u64 + 1, reason: reason.to_owned() };
    let header = lines.iter().position(|line| {
        line.trim_start().starts_with("Service Name")
            && line.contains("Port Number")
            && line.contains("Assignee")
    });
    let header = header.ok_or_else(|| malformed(0, "no table headed `Service Name`, `Port Number`…"))?;
    let body = header + 2;
    let people = lines.iter().skip(body).position(|line| line.trim() == "Contact Information");
    let mut end = people.map_or(lines.len(), |at| body + at);
    while end > body && lines.get(end - 1).is_some_and(|line| line.trim().is_empty()) {
        end -= 1;
    }
    let table = lines.get(body..end).unwrap_or_default();
    let columns = columns(lines.get(header..end).unwrap_or_default())
        .ok_or_else(|| malformed(header, "the table's 12 columns cannot be told apart"))?;

    let mut imported = Imported { updated: date_below(&lines[..header]), ..Imported::default() };
    for (start, height) in
        rows(table, &columns).map_err(|at| malformed(body + at, "the table's rows are not centred"))?
    {
        let line = body + start;
        let block = table.get(start..start + height).unwrap_or_default();
        imported.records.push(record(block, &columns).map_err(|reason| malformed(line, &reason))?);
    }
    Ok(imported)
}

/// The date below "Last Updated".
fn date_below(lines: &[&str]) -> String {
    let at = lines.iter().position(|line| line.trim() == "Last Updated");
    at.and_then(|at| lines.get(at + 1)).map_or_else(String::new, |line| line.trim().to_owned())
}

/// First and last place of each column: columns are parted by places blank in every line.
fn columns(lines: &[&str]) -> Option<[(usize, usize); COLUMNS]> {
    let width = lines.iter().map(|line| line.chars().count()).max()?;
    let mut inked = vec![false; width];
    for line in lines {
        for (inked, character) in inked.iter_mut().zip(line.chars()) {
            *inked |= character != ' ';
        }
    }
    let mut columns = Vec::new();
    let mut start = None;
    for (place, inked) in inked.into_iter().chain([false]).enumerate() {
        match (start, inked) {
            (None, true) => start = Some(place),
            (Some(first), false) => {
                columns.push((first, place));
                start = None;
            }
            _ => {}
        }
    }
    columns.try_into().ok()
}

fn cell(line: &str, (start, end): (usize, usize)) -> &str {
    // Places are characters, which are octets in all lines but a few.
    let place = |at: usize| {
        if line.is_ascii() { Some(at) } else { line.char_indices().nth(at).map(|(octet, _)| octet) }
    };
    let start = place(start).unwrap_or(line.len());
    let end = place(end).unwrap_or(line.len()).min(line.len());
    line.get(start..end).unwrap_or_default().trim()
}

/// A place a row may end at, where it began for that, and what the division up to there costs.
#[derive(Clone, Copy)]
struct End {
    end: usize,
    start: usize,
    /// What speaks against the rows, then the sum of their squared heights: a border is seldom just where
    /// one row would be high and its neighbour low.
    cost: (usize, usize),
}

/// The cells of a table, and what is asked of each division again: counted once, so that a row is judged without
/// looking at its lines.
struct Table<'a> {
    cells: Vec<[&'a str; COLUMNS]>,
    columns: [Column; COLUMNS],
}

/// Of each line, in one column; all have one element more than there are lines.
#[derive(Default)]
struct Column {
    /// The next line from here on that has text.
    next: Vec<usize>,
    /// The line behind the last one before here that has text.
    last: Vec<usize>,
    /// How many lines before this one end early though the next word had room.
    early: Vec<usize>,
    /// How many lines before this one have the first word of what is looked for in joined texts.
    telling: Vec<usize>,
}

/// Words in what [`oddities`] and [`contradiction`] look for: the texts they join are worth it only with one of them.
const TELLING: [&str; 3] = ["IANA", "Defined", "alias"];

impl<'a> Table<'a> {
    fn new(lines: &[&'a str], columns: &[(usize, usize); COLUMNS]) -> Self {
        let cells: Vec<_> = lines.iter().map(|line| columns.map(|column| cell(line, column))).collect();
        let mut number = 0;
        let columns = columns.map(|(start, end)| {
            let texts: Vec<&str> = cells.iter().filter_map(|row| row.get(number).copied()).collect();
            number += 1;
            Column::new(&texts, end - start)
        });
        Self { cells, columns }
    }

    fn joined(&self, (start, end): (usize, usize), column: usize) -> String {
        let mut text = String::new();
        let (cells, column_of) = (&self.cells, &self.columns[column]);
        let mut line = column_of.next[start];
        while line < end {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(cells[line][column]);
            line = column_of.next[line + 1];
        }
        text
    }

    /// Whether a text has a line that makes joining it worth while.
    fn is_telling(&self, (start, end): (usize, usize), column: usize) -> bool {
        let telling = &self.columns[column].telling;
        telling[start] < telling[end]
    }
}

impl Column {
    fn new(texts: &[&str], width: usize) -> Self {
        let has_room = |line: &str, next: &str| {
            let word = next.split(' ').next().unwrap_or_default();
            let paragraph = next.is_empty() || PARAGRAPHS.iter().any(|start| next.starts_with(start));
            line.len() + 1 + word.len() <= width && !paragraph
        };
        let mut column = Self { next: vec![texts.len(); texts.len() + 1], ..Self::default() };
        let (mut last, mut early, mut telling) = (0, 0, 0);
        for (number, text) in texts.iter().enumerate() {
            column.last.push(last);
            last = if text.is_empty() { last } else { number + 1 };
            column.early.push(early);
            column.telling.push(telling);
            early += usize::from(texts.get(number + 1).is_some_and(|next| has_room(text, next)));
            telling += usize::from(TELLING.iter().any(|word| text.contains(word)));
        }
        column.last.push(last);
        column.early.push(early);
        column.telling.push(telling);
        for (number, text) in texts.iter().enumerate().rev() {
            column.next[number] = if text.is_empty() { column.next[number + 1] } else { number };
        }
        column
    }

    /// First line with text, and the one behind the last.
    fn filled(&self, (start, end): (usize, usize)) -> Option<(usize, usize)> {
        let first = self.next[start];
        (first < end).then(|| (first, self.last[end]))
    }
}

/// Start and height of each row, or the line where no division fits.
fn rows(table: &[&str], columns: &[(usize, usize); COLUMNS]) -> Result<Vec<(usize, usize)>, usize> {
    let lines = Table::new(table, columns);
    let is_mark = |cells: &[&str; COLUMNS]| cells[..3].iter().any(|cell| !cell.is_empty());
    let marks: Vec<usize> = (0..table.len()).filter(|&line| is_mark(&lines.cells[line])).collect();
    let mut ends: Vec<Vec<End>> = vec![vec![End { end: 0, start: 0, cost: (0, 0) }]];
    for (number, mark) in marks.iter().enumerate() {
        let limit = marks.get(number + 1).copied().unwrap_or(table.len());
        let mut found: Vec<End> = Vec::new();
        for before in ends.last().into_iter().flatten().filter(|before| before.end <= *mark) {
            let start = before.end;
            for height in [(mark - start) * 2 + 1, (mark - start) * 2 + 2] {
                let end = start + height;
                if end > limit || height > MAX_HEIGHT {
                    continue;
                }
                let Some(oddities) = lines.oddities((start, end)) else { continue };
                let neighbours = lines.contradiction((before.start, start), (start, end));
                let cost = (before.cost.0 + oddities + neighbours, before.cost.1 + height * height);
                match found.iter_mut().find(|other| other.end == end) {
                    Some(other) if other.cost <= cost => {}
                    Some(other) => *other = End { end, start, cost },
                    None => found.push(End { end, start, cost }),
                }
            }
        }
        if found.is_empty() {
            return Err(*mark);
        }
        ends.push(found);
    }
    let mut end = table.len();
    let mut rows = Vec::new();
    for found in ends.iter().skip(1).rev() {
        let Some(last) = found.iter().find(|other| other.end == end) else {
            return Err(end.min(table.len()));
        };
        rows.push((last.start, end - last.start));
        end = last.start;
    }
    rows.reverse();
    if end == 0 { Ok(rows) } else { Err(0) }
}

impl Table<'_> {
    /// What speaks against a row: lines wrapped although the next word had room, blank lines, and texts cut off.
    /// `None` where a cell does not stand in the middle or none fills the row.
    fn oddities(&self, row: (usize, usize)) -> Option<usize> {
        let (start, end) = row;
        let (mut highest, mut odd) = (0, 0);
        for column in &self.columns {
            let Some((first, after)) = column.filled(row) else { continue };
            let height = after - first;
            if first - start != (end - start - height) / 2 {
                return None;
            }
            highest = highest.max(height);
            odd += column.early[end - 1] - column.early[first];
        }
        let mut cut_off = false;
        if self.is_telling(row, DESCRIPTION) {
            let description = self.joined(row, DESCRIPTION);
            cut_off = description.contains(REPLACEMENT) && !description.ends_with("\".");
        }
        let twice = self.is_telling(row, NOTES) && self.joined(row, NOTES).matches(PARAGRAPHS[2]).count() > 1;
        (highest == end - start).then_some(odd + usize::from(cut_off) + usize::from(twice))
    }

    /// Whether a row says other than the one before it that it belongs to: the same name on another transport, or
    /// the well-formed name that it is an alias to.
    fn contradiction(&self, before: (usize, usize), row: (usize, usize)) -> usize {
        let names = [before, row].map(|row| self.joined(row, 0));
        let same = names[0] == names[1];
        if names[0].is_empty() || !same && !self.is_telling(row, NOTES) {
            return 0;
        }
        let [earlier, description] = [before, row].map(|row| self.joined(row, DESCRIPTION));
        let [earlier_notes, notes] = [before, row].map(|row| self.joined(row, NOTES));
        let alias = notes.contains(&format!("an alias to \"{}\"", names[0]));
        let earlier = match earlier.split_once(REPLACEMENT) {
            Some((own, _)) if alias => own.trim_end(),
            _ => &earlier,
        };
        usize::from((alias || same) && earlier != description) + usize::from(same && earlier_notes != notes)
    }
}

fn record(block: &[&str], columns: &[(usize, usize); COLUMNS]) -> Result<Record, String> {
    let mut record = Record::default();
    let texts = columns.map(|column| {
        let lines: Vec<&str> = block.iter().map(|line| cell(line, column)).collect();
        lines.join("\n")
    });
    let [name, ports, transport, rest @ ..] = texts;
    record.set(Field::Name, &name);
    record.set_ports(&ports)?;
    record.set_transport(&transport)?;
    let fields = [
        Field::Description,
        Field::Assignee,
        Field::Contact,
        Field::Registered,
        Field::Modified,
        Field::Reference,
        Field::ServiceCode,
        Field::Unauthorized,
        Field::Notes,
    ];
    for (field, text) in fields.into_iter().zip(rest) {
        record.set(field, &text);
    }
    record.check()?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IANA's table with rows that are as high as asked for and filled in one column, so that each may end nearly
    /// anywhere.
    fn table(rows: usize, height: usize) -> String {
        const WIDTHS: [usize; COLUMNS] = [12, 11, 10, 11, 8, 7, 12, 12, 9, 7, 12, 5];
        let line = |cells: [&str; COLUMNS]| {
            let cells: Vec<_> =
                cells.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:width$}")).collect();
            format!("   {}\n", cells.join("  "))
        };
        let mut text = "Internet Assigned Numbers Authority\n\nLast Updated\n   2025-01-01\n\n".to_owned();
        text += &line([
            "Service Name",
            "Port Number",
            "Transport",
            "Description",
            "Assignee",
            "Contact",
            "Registration",
            "Modification",
            "Reference",
            "SvcCode",
            "Unauthorized",
            "Notes",
        ]);
        text.push('\n');
        for row in 0..rows {
            let name = format!("service{row:05}");
            for number in 0..height {
                let mut cells = [""; COLUMNS];
                if number == height / 2 {
                    cells = [&name, "10000-10001", "tcp", "d", "A", "C", "2020", "2020", "R", "1", "u", ""];
                }
                cells[NOTES] = "ééééé";
                text += &line(cells);
            }
        }
        text
    }

    #[test]
    fn rows_that_may_end_anywhere_take_no_long_time() {
        let read = parse(&table(3, 5)).expect("a table");
        let names: Vec<_> = read.records.iter().map(|record| record.text(Field::Name)).collect();
        assert_eq!(
            (names, read.updated.as_str()),
            (vec!["service00000", "service00001", "service00002"], "2025-01-01")
        );
        // It took minutes where each division looked at all of its lines.
        let began = std::time::Instant::now();
        assert_eq!(parse(&table(150, 255)).expect("a table").records.len(), 150);
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }
}
