//! Tables, JSON and CSV, every text made harmless for its medium.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::text::escape;

/// Writes a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut *out, Harmless::default());
    value.serialize(&mut serializer).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// serde_json's compact form, with the characters escaped that would reorder or hide text on a terminal.
#[derive(Default)]
struct Harmless {
    buffer: Vec<u8>,
}

impl Formatter for Harmless {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        self.buffer.clear();
        escape::json(fragment.as_bytes(), &mut self.buffer);
        writer.write_all(&self.buffer)
    }
}

/// Writes columns two spaces apart, without lines; cells too long for `width` are wrapped. Without rows there is nothing
/// to write.
pub(crate) fn table(
    header: &[&str],
    rows: &[Vec<String>],
    width: Option<u16>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| terminal(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        out.write_all(line.trim_end().as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes a header and rows of CSV.
pub(crate) fn csv(header: &[&str], rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    let header = header.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        line.clear();
        for (place, cell) in row.iter().enumerate() {
            if place > 0 {
                line.push(b',');
            }
            escape::csv(cell.as_bytes(), &mut line);
        }
        line.push(b'\n');
        out.write_all(&line)?;
    }
    Ok(())
}

/// A text made harmless for a terminal, line breaks turned into spaces.
fn terminal(text: &str) -> String {
    let mut octets = Vec::new();
    escape::terminal(text.replace('\n', " ").as_bytes(), &mut octets);
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_harmless_in_every_format() {
        let hostile = "a\u{1b}[31m\u{202e}b,\"\n=1";
        let rows = [vec![hostile.to_owned(), "=1".to_owned()]];
        let mut out = Vec::new();
        json(&hostile, &mut out).expect("written");
        assert_eq!(out, b"\"a\\u001b[31m\\u202eb,\\\"\\n=1\"\n");
        out.clear();
        csv(&["x", "y"], &rows, &mut out).expect("written");
        assert_eq!(out, b"x,y\n\"a\\027[31m\\226\\128\\174b,\"\"\\010=1\",'=1\n");
        out.clear();
        table(&["x", "y"], &rows, None, &mut out).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.contains("a\\027[31m\\226\\128\\174b,\" =1"), "{text}");
    }
}
