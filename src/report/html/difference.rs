//! `diff --format html`: the differences of two captures as a page.

use std::io;

use askama::Template as _;

use super::{
    rows::{Room, Rows, cut},
    view::{Fact, SCRIPT, STYLE, hash, name},
};
use crate::{
    registry::Registry,
    report::diff::{Change, Diff, Difference, Kind, texts},
    text::figure,
};

/// How much room the table of a kind has: five of them stay below a megabyte.
const ROOM: Room = Room { rows: 500, octets: 180_000 };

/// A page.
#[derive(askama::Template)]
#[template(path = "diff.html")]
struct View {
    script: &'static str,
    style: &'static str,
    script_hash: String,
    style_hash: String,
    title: String,
    facts: Vec<Fact>,
    sides: Vec<SideRow>,
    sections: Vec<Section>,
    threshold: u64,
    version: &'static str,
    updated: String,
    command: String,
}

/// One of what is compared.
struct SideRow {
    word: &'static str,
    file: String,
    packets: String,
    octets: String,
    first: String,
    last: String,
    is_incomplete: bool,
}

/// The differences of a kind.
struct Section {
    id: &'static str,
    title: &'static str,
    question: &'static str,
    rows: Rows,
}

#[derive(askama::Template)]
#[template(path = "difference.html")]
struct Line {
    what: String,
    changes: Vec<&'static str>,
    before: Vec<String>,
    after: Vec<String>,
}

impl Line {
    fn of(difference: &Difference) -> Self {
        let side = |facts| texts(difference, facts).iter().map(|text| cut(text)).collect();
        Self {
            what: cut(&difference.what),
            changes: difference.changes.iter().map(|change| change.as_str()).collect(),
            before: side(difference.before.as_ref()),
            after: side(difference.after.as_ref()),
        }
    }
}

/// The id, the title and the question of a kind's section.
const fn words(kind: Kind) -> [&'static str; 3] {
    match kind {
        Kind::Service => {
            ["services", "Services", "What runs here now that did not, and what does not any more?"]
        }
        Kind::Server => ["servers", "Servers", "Which endpoints serve now, and which have stopped or moved?"],
        Kind::Host => ["hosts", "Hosts", "Who came, who left, and who has another name or address?"],
        Kind::Instance => ["dns-sd", "DNS-SD instances", "What is advertised in another way than before?"],
        Kind::Domain => {
            ["domains", "Domains", "Which names are served now that were not, or much more or less?"]
        }
    }
}

/// Writes the differences as a page; `command` is the command line, for whoever wants to make it again.
///
/// # Errors
/// Those of `out`.
pub fn differences(
    diff: &Diff,
    registry: &Registry,
    command: String,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let page = view(diff, registry, command).and_then(|view| view.render());
    out.write_all(page.map_err(io::Error::other)?.as_bytes())?;
    out.write_all(b"\n")
}

fn view(diff: &Diff, registry: &Registry, command: String) -> askama::Result<View> {
    let differences = diff.differences();
    let files: Vec<_> = diff.files.iter().map(|file| name(file)).collect();
    let count = |change: Change| {
        differences.iter().filter(|difference| difference.changes.contains(&change)).count() as u64
    };
    let fact = |name, value: u64| Fact { name, value: figure::count(value), exact: String::new() };
    let whole = [Change::New, Change::Gone, Change::Moved].map(count);
    let rest = differences.iter().filter(|it| it.changes[0] > Change::Moved).count() as u64;
    let facts = vec![
        fact("new", whole[0]),
        fact("gone", whole[1]),
        fact("moved", whole[2]),
        fact("changed otherwise", rest),
    ];
    let shown: Vec<_> = differences.iter().take(diff.most()).collect();
    let section = |kind: Kind| {
        let [id, title, question] = words(kind);
        let of = |it: &&&Difference| it.kind == kind;
        let all = differences.iter().filter(|it| it.kind == kind).count();
        let lines = shown.iter().filter(of).map(|it| Line::of(it));
        Ok(Section { id, title, question, rows: Rows::of(lines, all, ROOM)? })
    };
    let sides = ["before", "after"].into_iter().zip(diff.captures()).map(|(word, side)| {
        let [first, last] = side.times(diff.times()).unwrap_or_default();
        SideRow {
            word,
            file: cut(side.file),
            packets: figure::count(side.packets),
            octets: figure::octets(side.bytes),
            first,
            last,
            is_incomplete: side.is_incomplete,
        }
    });
    Ok(View {
        script: SCRIPT,
        style: STYLE,
        script_hash: hash(SCRIPT),
        style_hash: hash(STYLE),
        title: files.join(" → "),
        facts,
        sides: sides.collect(),
        sections: Kind::ALL.into_iter().map(section).collect::<askama::Result<_>>()?,
        threshold: diff.threshold(),
        version: env!("CARGO_PKG_VERSION"),
        updated: registry.updated().to_owned(),
        command,
    })
}
