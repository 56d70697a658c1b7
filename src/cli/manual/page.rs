//! Pages of the documentation, from the Markdown they are written in to a terminal and to man(1).

use std::mem;

use clap_mangen::roff::{Inline, Roff, bold, roman};
use portolan::text::table::{Cell, Table};

/// A piece of a page.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    Heading(String),
    Paragraph(String),
    Item(String),
    /// Lines as they are.
    Code(Vec<String>),
    /// Rows of cells, the first of them the header.
    Table(Vec<Vec<String>>),
}

/// A page: only what our own pages use of Markdown is understood.
#[derive(Debug)]
pub(super) struct Page(Vec<Block>);

impl Page {
    pub(super) fn new(markdown: &str) -> Self {
        let (mut blocks, mut code) = (Vec::new(), None::<Vec<String>>);
        let mut is_open = false;
        for line in markdown.lines() {
            if line.starts_with("```") {
                code = match code.take() {
                    None => Some(Vec::new()),
                    Some(lines) => {
                        blocks.push(Block::Code(lines));
                        None
                    }
                };
                is_open = false;
                continue;
            }
            if let Some(lines) = &mut code {
                lines.push(line.to_owned());
                continue;
            }
            let goes_on = mem::replace(&mut is_open, !line.is_empty());
            if line.starts_with("| ---") {
                continue;
            }
            let row = line.strip_prefix("| ").and_then(|rest| rest.strip_suffix('|'));
            match (row, blocks.last_mut()) {
                _ if line.is_empty() => {}
                (Some(row), Some(Block::Table(rows))) if goes_on => rows.push(cells(row)),
                (Some(row), _) => blocks.push(Block::Table(vec![cells(row)])),
                _ if line.starts_with('#') => {
                    blocks.push(Block::Heading(plain(line.trim_start_matches('#').trim())));
                }
                _ if line.starts_with("- ") => blocks.push(Block::Item(plain(&line[2..]))),
                (None, Some(Block::Paragraph(text) | Block::Item(text))) if goes_on => {
                    text.push(' ');
                    text.push_str(&plain(line.trim()));
                }
                _ => blocks.push(Block::Paragraph(plain(line))),
            }
        }
        Self(blocks)
    }

    /// The page for a terminal of so many columns.
    pub(super) fn text(&self, width: usize) -> String {
        let mut out = String::new();
        for (number, block) in self.0.iter().enumerate() {
            let before = number.checked_sub(1).map(|before| &self.0[before]);
            let is_list = matches!((before, block), (Some(Block::Item(_)), Block::Item(_)));
            if before.is_some() && !is_list {
                out.push('\n');
            }
            match block {
                Block::Heading(text) => out.push_str(&format!("{}\n", text.to_uppercase())),
                Block::Paragraph(text) => wrap(text, "", "", width, &mut out),
                Block::Item(text) => wrap(text, "- ", "  ", width, &mut out),
                Block::Code(lines) => lines.iter().for_each(|line| out.push_str(&format!("  {line}\n"))),
                Block::Table(rows) => out.push_str(&table(rows, width)),
            }
        }
        out
    }

    /// The page for man(1) under this name, whose section is 7: what is no command.
    pub(super) fn roff(&self, name: &str, source: &str) -> String {
        let mut roff = Roff::new();
        roff.control("TH", [name, "7", "", source, "portolan"]);
        let mut blocks = self.0.iter().peekable();
        let title = match blocks.next_if(|block| matches!(block, Block::Heading(_))) {
            Some(Block::Heading(title)) => title.as_str(),
            _ => name,
        };
        roff.control("SH", ["NAME"]).text([roman(format!("{name} - {title}"))]);
        if !matches!(blocks.peek(), Some(Block::Heading(_))) {
            roff.control("SH", ["DESCRIPTION"]);
        }
        for block in blocks {
            match block {
                Block::Heading(text) => roff.control("SH", [text.to_uppercase().as_str()]),
                Block::Paragraph(text) => roff.control("PP", []).text([roman(text)]),
                Block::Item(text) => roff.control("IP", ["\\(bu", "2"]).text([roman(text)]),
                Block::Code(lines) => verbatim(&mut roff, lines.iter().map(String::as_str)),
                Block::Table(rows) => {
                    for row in rows.iter().skip(1) {
                        let (first, rest) =
                            row.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
                        let rest: Vec<_> =
                            rest.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
                        roff.control("TP", []).text([bold(first)]).text([roman(rest.join("; "))]);
                    }
                    &mut roff
                }
            };
        }
        roff.to_roff()
    }
}

/// Appends lines that are not filled.
pub(super) fn verbatim<'r, 'l>(roff: &'r mut Roff, lines: impl Iterator<Item = &'l str>) -> &'r mut Roff {
    roff.control("PP", []).control("nf", []);
    for line in lines {
        // An empty line of input would be taken for the end of a paragraph by some readers.
        let inline: Inline = roman(line);
        roff.text([inline]);
    }
    roff.control("fi", [])
}

/// The cells of a row, without what stands around it.
fn cells(row: &str) -> Vec<String> {
    row.split(" | ").map(|cell| plain(cell.trim().trim_end_matches('|').trim())).collect()
}

/// Text without the marks of links, words in bold and quoted words.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, link) = rest.split_at(at);
        out.push_str(before);
        match link[1..].split_once("](").and_then(|(name, end)| Some((name, end.split_once(')')?))) {
            Some((name, (target, end))) if !name.contains(']') => {
                out.push_str(name);
                if target.contains("://") {
                    out.push_str(&format!(" <{target}>"));
                }
                rest = end;
            }
            _ => {
                out.push('[');
                rest = &link[1..];
            }
        }
    }
    out.push_str(rest);
    out.replace("**", "").replace('`', "")
}

fn wrap(text: &str, first: &str, next: &str, width: usize, out: &mut String) {
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(&line);
            out.push('\n');
            line = next.to_owned();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(&line);
    out.push('\n');
}

fn table(rows: &[Vec<String>], width: usize) -> String {
    let mut table = Table::without_header(rows.iter().map(Vec::len).max().unwrap_or(0));
    for row in rows {
        table.row(row.iter().map(|cell| Cell::text(cell)));
    }
    let mut out = Vec::new();
    // Writing to memory cannot fail.
    let _ = table.write(Some(width as u16), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKDOWN: &str = "# Title\n\nSome `words` in\n**two** lines, [here](there.md) and [far](https://example.org/).\n\n\
        - one\n  more\n- two\n\n| key | says |\n| --- | --- |\n| `a` | the \\first |\n\n```sh\n.run it\n```\n";

    #[test]
    fn pages_are_read() {
        let expected = "TITLE\n\nSome words in two lines,\nhere and far\n<https://example.org/>.\n\n- one more\n- two\n\n \
            key  says\n a    the \\\\first\n\n  .run it\n";
        assert_eq!(Page::new(MARKDOWN).text(26), expected);
        let roff = Page::new(MARKDOWN).roff("x", "y");
        for line in ["x \\- Title", ".SH DESCRIPTION", "\\fBa\\fR", "the \\\\first", "\\&.run it"] {
            assert!(roff.lines().any(|other| other == line), "{line}: {roff}");
        }
    }
}
