//! Services, hosts and conversations by how much they have: the rows of summaries as those of a page.

use askama::Template;

use super::{
    Page, Table, chart,
    rows::{Room, Rows, cut},
};
use crate::{
    naming::Evidence,
    report::summary::{self, By, Division, Row},
    text::figure,
};

/// A table of the largest of something. A division that a page shall have further is added to [`TOPS`].
pub(super) struct Top {
    pub(super) by: By,
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) question: &'static str,
}

/// Those that a page always has, in their order.
pub(super) static TOPS: [Top; 4] = [
    Top { by: By::Server, id: "servers", title: "Servers", question: "Which hosts serve the most traffic?" },
    Top {
        by: By::Client,
        id: "clients",
        title: "Clients",
        question: "Which hosts ask for the most traffic?",
    },
    Top {
        by: By::Domain,
        id: "domains",
        title: "Domains",
        question: "Which names are asked for, and how much is exchanged with them?",
    },
    Top {
        by: By::Conversation,
        id: "conversations",
        title: "Conversations",
        question: "Which pairs of hosts exchange the most?",
    },
];

/// How much room the table of services has, and each other one.
const SERVICES: Room = Room { rows: 400, octets: 420_000 };
pub(super) const TOP: Room = Room { rows: 100, octets: 80_000 };

/// What each evidence means.
pub(super) const fn meaning(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::User => "a registry file of yours says so",
        Evidence::Advertised => {
            "a DNS SRV record or another protocol's own message names this address and port"
        }
        Evidence::Payload => "the first octets of the flow are those of this service's protocol",
        Evidence::Registered => "IANA assigns the port to it; nothing confirms that it is what runs there",
        Evidence::None => {
            "no name: the port is not assigned, the side that serves is unknown, or there are no ports"
        }
    }
}

/// A part of a bar.
pub(super) struct Part {
    /// What it is about: the word of an evidence.
    pub(super) word: &'static str,
    /// Where it begins and how long it is, in per cent.
    pub(super) from: String,
    pub(super) length: String,
    pub(super) share: String,
}

/// Parts of a bar by evidence, of these sums.
pub(super) fn parts(sums: impl Iterator<Item = (&'static str, u64)>) -> Vec<Part> {
    let sums: Vec<_> = sums.filter(|(_, sum)| *sum > 0).collect();
    let whole = sums.iter().map(|(_, sum)| sum).sum();
    let mut before = 0;
    let part = |(word, sum): (&'static str, u64)| {
        let (from, length) = (figure::percent(before, whole), figure::percent(sum, whole));
        before += sum;
        Part {
            word,
            from: format!("{from:.1}"),
            length: format!("{length:.1}"),
            share: figure::share(sum, whole),
        }
    };
    sums.into_iter().map(part).collect()
}

/// How a row's names are known, by the share of its packets.
fn evidence(row: &Row) -> Vec<Part> {
    let counts = row.evidence();
    parts(Evidence::ALL.iter().map(|evidence| {
        let word = evidence.as_str();
        (word, counts.get(word).copied().unwrap_or(0))
    }))
}

/// Packets of a row by something stronger than the port alone, in per cent: what its evidence is ordered by.
fn known(row: &Row) -> String {
    let counts = row.evidence();
    let strong = ["user", "advertised", "payload"].iter().filter_map(|word| counts.get(word)).sum();
    format!("{:.1}", figure::percent(strong, row.packets))
}

/// A number, and how it is shown.
pub(super) struct Figure {
    pub(super) value: u64,
    pub(super) text: String,
}

impl Figure {
    /// How many; nothing is shown of none.
    fn few(value: u64) -> Self {
        Self { value, text: if value == 0 { "–".to_owned() } else { figure::count(value) } }
    }

    pub(super) fn octets(value: u64) -> Self {
        Self { value, text: figure::octets(value) }
    }
}

/// A row of the table of services.
#[derive(Template)]
#[template(path = "service.html")]
struct ServiceRow {
    /// The colour that it has in the chart over time, if it has one of its own.
    class: Option<String>,
    key: String,
    is_guess: bool,
    description: String,
    ports: String,
    first_port: u16,
    octets: Figure,
    share: String,
    percent: String,
    packets: Figure,
    flows: Figure,
    clients: Figure,
    servers: Figure,
    /// Endpoints that were asked in vain, in words.
    vain: String,
    known: String,
    evidence: Vec<Part>,
    mismatch: u64,
    mismatched: String,
    spark: String,
}

/// Numbers of ports, a few of them.
fn ports(row: &Row) -> String {
    const FEW: usize = 6;
    let mut texts: Vec<_> = row.ports.iter().take(FEW).map(ToString::to_string).collect();
    if row.ports.len() > FEW {
        texts.push(format!("and {} more", figure::count((row.ports.len() - FEW) as u64)));
    }
    texts.join(" ")
}

fn vain(row: &Row) -> String {
    let told = [(row.asked.len(), "did not answer"), (row.refused.len(), "refused")];
    let told = told.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("{} {what}", figure::count(count as u64))).collect::<Vec<_>>().join(", ")
}

/// The rows of the services.
pub(super) fn services(page: &Page, classes: &[String]) -> askama::Result<Rows> {
    let (summary, whole) = (&page.tables[0].summary, page.span.octets);
    let options = summary::Options {
        sort: page.options.sort,
        turned: page.options.turned,
        ..summary::Options::default()
    };
    let rows = summary.rows(&options).into_iter().map(|row| {
        let class = classes.iter().position(|key| *key == row.key).map(|number| format!("s{number}"));
        ServiceRow {
            class,
            key: cut(&row.key),
            is_guess: row.is_guess(),
            description: cut(row.description.as_deref().unwrap_or_default()),
            ports: ports(row),
            first_port: row.ports.first().copied().unwrap_or(0),
            octets: Figure::octets(row.bytes),
            share: figure::share(row.bytes, whole),
            percent: format!("{:.2}", figure::percent(row.bytes, whole)),
            packets: Figure::few(row.packets),
            flows: Figure::few(row.flows().unwrap_or(0)),
            clients: Figure::few(row.clients.len()),
            servers: Figure::few(row.servers.len()),
            vain: vain(row),
            known: known(row),
            evidence: evidence(row),
            mismatch: row.mismatch,
            mismatched: figure::count(row.mismatch),
            spark: chart::spark(&page.traffic, &row.key),
        }
    });
    Rows::of(rows, summary.len(), SERVICES.at_most(page.options.top))
}

/// A row about a host, a conversation or whatever else.
#[derive(Template)]
#[template(path = "top.html")]
struct TopRow<'t> {
    columns: &'t Columns,
    key: String,
    host: String,
    ports: String,
    first_port: u16,
    clients: Figure,
    servers: Figure,
    flows: Figure,
    packets: Figure,
    octets: Figure,
    share: String,
    percent: String,
    known: String,
    evidence: Vec<Part>,
    mismatch: u64,
    mismatched: String,
}

/// Which columns a table has.
pub(super) struct Columns {
    /// What a row is about.
    pub(super) key: String,
    pub(super) host: bool,
    pub(super) ports: bool,
    pub(super) clients: bool,
    pub(super) servers: bool,
}

impl Columns {
    fn of(by: Division) -> Self {
        Self {
            key: title_of(by),
            host: by.is_of_hosts(),
            ports: !by.tells("ports") && by != By::Client.into() && by != By::Conversation.into(),
            clients: !by.tells("clients"),
            servers: !by.tells("servers"),
        }
    }
}

/// The word of a division as the head of a column.
fn title_of(by: Division) -> String {
    let mut word = by.to_string().replace(',', ", ");
    word.get_mut(..1).map(str::make_ascii_uppercase);
    word
}

/// A section with the largest of something.
pub(super) struct TopSection {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) question: String,
    pub(super) columns: Columns,
    pub(super) rows: Rows,
    /// The command that lists all of it.
    pub(super) by: String,
}

/// The sections behind that of the services, those without rows left out.
pub(super) fn tops(page: &Page) -> askama::Result<Vec<TopSection>> {
    let mut sections = Vec::new();
    for table in page.tables.iter().skip(2).filter(|table| table.rows() > 0) {
        let known = TOPS.iter().find(|top| table.by == top.by.into());
        let by = table.by.to_string();
        let (id, title, question) = match known {
            Some(top) => (top.id.to_owned(), top.title.to_owned(), top.question.to_owned()),
            None => ("by".to_owned(), format!("By {by}"), format!("How much is there by {by}?")),
        };
        let columns = Columns::of(table.by);
        let rows = top_rows(page, table, &columns)?;
        sections.push(TopSection { id, title, question, columns, rows, by });
    }
    Ok(sections)
}

/// The rows that a table has room for.
pub(super) fn first(options: &super::PageOptions) -> summary::Options {
    let super::PageOptions { sort, turned, .. } = *options;
    summary::Options { sort, turned, top: Some(TOP.rows), ..summary::Options::default() }
}

fn top_rows(page: &Page, table: &Table, columns: &Columns) -> askama::Result<Rows> {
    let whole = page.span.octets;
    let room = TOP.at_most(page.options.top);
    let rows = table.summary.rows(&first(&page.options)).into_iter().map(|row| TopRow {
        columns,
        key: cut(&row.key),
        host: cut(row.host.as_deref().unwrap_or_default()),
        ports: ports(row),
        first_port: row.ports.first().copied().unwrap_or(0),
        clients: Figure::few(row.clients.len()),
        servers: Figure::few(row.servers.len()),
        flows: Figure::few(row.flows().unwrap_or(0)),
        packets: Figure::few(row.packets),
        octets: Figure::octets(row.bytes),
        share: figure::share(row.bytes, whole),
        percent: format!("{:.2}", figure::percent(row.bytes, whole)),
        known: known(row),
        evidence: evidence(row),
        mismatch: row.mismatch,
        mismatched: figure::count(row.mismatch),
    });
    Rows::of(rows, table.rows(), room)
}
