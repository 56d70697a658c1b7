//! CSV (RFC 4180): how fields are parted, quoted and made harmless, and how lines end.
//!
//! Lines end in a line feed, which RFC 4180's readers take as well as its CR LF.

use std::{
    fmt::Display,
    io::{self, Write},
};

use super::escape;

/// One line in the making, at the end of a buffer.
pub(crate) struct Line<'o> {
    out: &'o mut Vec<u8>,
    begun: bool,
    /// Where its fields begin, where somebody wants to know.
    starts: Option<&'o mut Vec<usize>>,
}

impl<'o> Line<'o> {
    /// A line without fields yet.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, begun: false, starts: None }
    }

    /// The same, whose fields are told apart by where they begin.
    pub(crate) fn noting(out: &'o mut Vec<u8>, starts: &'o mut Vec<usize>) -> Self {
        starts.clear();
        Self { starts: Some(starts), ..Self::new(out) }
    }

    /// Adds a field of any text.
    pub(crate) fn text(&mut self, text: &str) {
        escape::csv(text.as_bytes(), self.next());
    }

    /// Adds a field of what `write` appends: text that is harmless on a terminal.
    pub(crate) fn escaped(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let out = self.next();
        let start = out.len();
        write(out);
        escape::close_csv(start, out);
    }

    /// Adds a field of what `write` appends: numbers, addresses, times and words of ours, which need no quotes.
    pub(crate) fn plain(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.next());
    }

    /// Adds a field of a number, an address, a word of ours.
    pub(crate) fn shown(&mut self, value: impl Display) {
        // Writing to a vector does not fail.
        self.plain(|out| _ = write!(out, "{value}"));
    }

    /// Ends the line.
    pub(crate) fn end(self) {
        self.out.push(b'\n');
    }

    /// Where the next field belongs.
    fn next(&mut self) -> &mut Vec<u8> {
        if std::mem::replace(&mut self.begun, true) {
            self.out.push(b',');
        }
        if let Some(starts) = &mut self.starts {
            starts.push(self.out.len());
        }
        self.out
    }
}

/// Field `number` of a line whose fields begin there.
pub(crate) fn field<'l>(line: &'l [u8], starts: &[usize], number: usize) -> &'l [u8] {
    // Behind each field stands a comma, or the end of the line.
    let end = starts.get(number + 1).map_or(line.len(), |&next| next) - 1;
    starts.get(number).map_or(&[], |&start| &line[start..end])
}

/// What a field says, without the quotation marks of CSV.
pub(crate) fn unquoted(field: &[u8]) -> Vec<u8> {
    let inner = field.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let Some(inner) = inner else { return field.to_vec() };
    let mut text = Vec::with_capacity(inner.len());
    let mut octets = inner.iter();
    while let Some(&octet) = octets.next() {
        text.push(octet);
        // A quotation mark stands there twice.
        if octet == b'"' {
            octets.next();
        }
    }
    text
}

/// Appends a line of these texts.
pub(crate) fn line(texts: impl IntoIterator<Item = impl AsRef<str>>, out: &mut Vec<u8>) {
    let mut line = Line::new(out);
    texts.into_iter().for_each(|text| line.text(text.as_ref()));
    line.end();
}

/// Writes a header and rows.
pub(crate) fn rows(
    header: &[&str],
    rows: impl IntoIterator<Item = impl IntoIterator<Item = impl AsRef<str>>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    line(header, &mut buffer);
    out.write_all(&buffer)?;
    more(rows, out)
}

/// Writes rows below those that are there.
pub(crate) fn more(
    rows: impl IntoIterator<Item = impl IntoIterator<Item = impl AsRef<str>>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    for row in rows {
        out.write_all(&buffer)?;
        buffer.clear();
        line(row, &mut buffer);
    }
    out.write_all(&buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_parted_quoted_and_harmless() {
        let mut out = b"before".to_vec();
        let mut line = Line::new(&mut out);
        line.text("a\u{1b}[31m\u{202e}b,\"\n=1");
        line.text("=1");
        line.plain(|_| {});
        line.escaped(|out| out.extend_from_slice(br#"-a\.b"c"#));
        line.shown(-17);
        line.end();
        let expected = concat!("before", r#""a\027[31m\226\128\174b,""\010=1",'=1,,"'-a\.b""c",-17"#, "\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    /// Read back by the crate `csv`, each line is what was written, but for the apostrophe before a formula.
    #[test]
    fn readers_read_what_was_written() {
        let header = ["x", "y"];
        let cells = [["1", "a,b"], ["", "\"\""], ["@home", "tab"]];
        let mut out = Vec::new();
        rows(&header, cells, &mut out).unwrap();
        assert!(!out.contains(&b'\r'));
        let mut reader = ::csv::Reader::from_reader(&out[..]);
        assert_eq!(reader.headers().unwrap(), &header[..]);
        let read: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(read[0], ["1", "a,b"][..]);
        assert_eq!(read[1], ["", "\"\""][..]);
        assert_eq!(read[2], ["'@home", "tab"][..]);
        out.clear();
        rows(&header, [[""; 0]; 0], &mut out).unwrap();
        assert_eq!(out, b"x,y\n");
    }
}
