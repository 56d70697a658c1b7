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
const MAX_HEIGHT: usize = 512;

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

/// Start and height of each row, or the line where no division fits.
fn rows(table: &[&str], columns: &[(usize, usize); COLUMNS]) -> Result<Vec<(usize, usize)>, usize> {
    let marks: Vec<usize> = (0..table.len())
        .filter(|line| columns[..3].iter().any(|column| !cell(table[*line], *column).is_empty()))
        .collect();
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
                let row = &table[start..end];
                let Some(oddities) = oddities(row, columns) else { continue };
                let neighbours = contradiction(&table[before.start..start], row, columns);
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

/// What speaks against a row: lines wrapped although the next word had room, blank lines, and texts cut off.
/// `None` where a cell does not stand in the middle or none fills the row.
fn oddities(block: &[&str], columns: &[(usize, usize); COLUMNS]) -> Option<usize> {
    let (mut highest, mut odd) = (0, 0);
    for column in columns {
        let lines = || block.iter().map(|line| cell(line, *column));
        let Some(first) = lines().position(|line| !line.is_empty()) else { continue };
        let after = block.len() - lines().rev().position(|line| !line.is_empty()).unwrap_or(0);
        let height = after - first;
        if first != (block.len() - height) / 2 {
            return None;
        }
        highest = highest.max(height);
        let width = column.1 - column.0;
        let has_room = |(line, next): (&str, &str)| {
            let word = next.split(' ').next().unwrap_or_default();
            let paragraph = next.is_empty() || PARAGRAPHS.iter().any(|start| next.starts_with(start));
            line.len() + 1 + word.len() <= width && !paragraph
        };
        odd += lines().zip(lines().skip(1)).skip(first).filter(|pair| has_room(*pair)).count();
    }
    let description = joined(block, columns[DESCRIPTION]);
    let cut_off = description.contains(REPLACEMENT) && !description.ends_with("\".");
    let twice = joined(block, columns[NOTES]).matches(PARAGRAPHS[2]).count() > 1;
    (highest == block.len()).then_some(odd + usize::from(cut_off) + usize::from(twice))
}

/// Whether a row says other than the one before it that it belongs to: the same name on another transport, or
/// the well-formed name that it is an alias to.
fn contradiction(before: &[&str], block: &[&str], columns: &[(usize, usize); COLUMNS]) -> usize {
    let names = [before, block].map(|block| joined(block, columns[0]));
    let [earlier, description] = [before, block].map(|block| joined(block, columns[DESCRIPTION]));
    if names[0].is_empty() {
        return 0;
    }
    let [earlier_notes, notes] = [before, block].map(|block| joined(block, columns[NOTES]));
    let alias = notes.contains(&format!("an alias to \"{}\"", names[0]));
    let earlier = match earlier.split_once(REPLACEMENT) {
        Some((own, _)) if alias => own.trim_end(),
        _ => &earlier,
    };
    let same = names[0] == names[1];
    usize::from((alias || same) && earlier != description) + usize::from(same && earlier_notes != notes)
}

fn joined(block: &[&str], column: (usize, usize)) -> String {
    let lines: Vec<&str> =
        block.iter().map(|line| cell(line, column)).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
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
