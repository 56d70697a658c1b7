//! Totals per service, port, server, client, host, conversation, transport, VLAN or interface.

mod intervals;
mod rows;
mod sums;
mod write;

use std::borrow::Cow;

use hashbrown::HashMap;

pub use intervals::{Interval, Intervals};
pub use rows::Row;
pub use sums::{Counted, Sums};
pub use write::{csv, json, table};

use crate::{
    flow::{Direction, FiveTuple},
    knowledge::{Answers, Knowledge, Subject},
    naming::{Side, label::kind_word},
    record::Record,
    registry::Registry,
};
use rows::label_key;

/// What a row of the summary is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// One row per service and transport.
    #[default]
    Service,
    /// One row per serving port and transport.
    Port,
    /// One row per serving address.
    Server,
    /// One row per address that is served.
    Client,
    /// One row per address; a packet counts for both of its hosts.
    Host,
    /// One row per pair of addresses.
    Conversation,
    /// One row per transport protocol.
    Transport,
    /// One row per stack of VLAN identifiers.
    Vlan,
    /// One row per capture interface.
    Interface,
}

impl By {
    /// Whether the rows need a look at every packet, not only at what is known of its flow.
    pub fn needs_packets(self) -> bool {
        matches!(self, Self::Vlan | Self::Interface)
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Port => "port",
            Self::Server => "server",
            Self::Client => "client",
            Self::Host => "host",
            Self::Conversation => "conversation",
            Self::Transport => "transport",
            Self::Vlan => "vlan",
            Self::Interface => "interface",
        }
    }
}

/// What rows are ordered by, largest first; names in ascending order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Octets on the wire.
    #[default]
    Bytes,
    /// Packets.
    Packets,
    /// Flows.
    Flows,
    /// The row's key.
    Name,
}

/// Which rows are shown, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What a row is about.
    pub by: By,
    /// The order.
    pub sort: Sort,
    /// Only so many rows.
    pub top: Option<usize>,
    /// Width of the terminal in columns, to which tables are wrapped.
    pub width: Option<u16>,
}

/// All rows of a summary, and what they add up to.
#[derive(Debug, Default)]
pub struct Summary {
    rows: Vec<Row>,
    index: HashMap<Cow<'static, str>, usize>,
}

impl Summary {
    /// Sums up all that is known, on so many threads; the sums do not depend on their number.
    pub fn of(knowledge: &Knowledge, names: &Answers, by: By, threads: usize) -> Self {
        let flows = knowledge.flows();
        let parts = flows.map_ranges(threads, |family, range| {
            Self::of_tuples(flows.five_tuples_in(family, range), knowledge, names, by)
        });
        let mut summary = Self::default();
        for (_, part) in parts {
            summary.add(part);
        }
        for evicted in knowledge.departed() {
            let key = if by == By::Service { evicted.label.key.clone() } else { "evicted".to_owned() };
            let row = summary.row(key.into(), || Row::of_label(&evicted.label));
            let tally = &evicted.tally;
            row.tally(tally.all_packets(), tally.all_octets(), tally.first(), tally.last());
            row.label(&evicted.label, tally.all_packets());
            row.flows += evicted.flows;
            row.damaged.add(&evicted.damaged);
            row.approximate = true;
        }
        for (kind, tally) in knowledge.others() {
            let key = kind_word(kind);
            let row = summary.row(key.clone(), || Row::new(key.into_owned()));
            row.tally(tally.all_packets(), tally.all_octets(), tally.first(), tally.last());
            row.damaged.add(&knowledge.damaged(&Subject::Other(kind)));
        }
        summary
    }

    fn of_tuples<'k>(
        tuples: impl Iterator<Item = FiveTuple<'k>>,
        knowledge: &Knowledge,
        names: &Answers,
        by: By,
    ) -> Self {
        let mut summary = Self::default();
        // Rows by label, where it alone tells the row: a capture has far more flows than labels.
        let mut by_label = vec![None; names.labels().all().len()];
        for tuple in tuples {
            let Some(known) = names.get(tuple.id) else { continue };
            let damaged = knowledge.damaged(&Subject::Flow(tuple.key));
            let label = names.labels().label(known.label);
            if let By::Service | By::Port | By::Transport = by {
                let at = match by_label[known.label as usize] {
                    Some(at) => at,
                    None => summary.row_number(label_key(label, by), || match by {
                        By::Service => Row::of_label(label),
                        By::Port => Row {
                            key: label_key(label, by).into_owned(),
                            transport: label.transport.as_deref().map(ToOwned::to_owned),
                            ..Row::default()
                        },
                        _ => Row::new(label_key(label, by).into_owned()),
                    }),
                };
                by_label[known.label as usize] = Some(at);
                summary.rows[at].flow(&tuple, known.side, label, &damaged);
                continue;
            }
            let (low, high) = (tuple.key.low().0, tuple.key.high().0);
            let unknown = || format!("unknown/{}", label.transport.as_deref().unwrap_or("ip"));
            let both = || format!("{low} and {high}");
            let keys = match (by, known.side) {
                (By::Host, _) if low == high => vec![low.to_string()],
                (By::Host, _) => vec![low.to_string(), high.to_string()],
                (By::Conversation, _) => vec![format!("{low} <> {high}")],
                (By::Vlan | By::Interface, _) => vec![],
                (_, Side::Neither) => vec![unknown()],
                (_, Side::Both) if low != high => vec![both()],
                (By::Server, Side::High) | (By::Client, Side::Low) => vec![high.to_string()],
                _ => vec![low.to_string()],
            };
            for key in keys {
                let row = summary.row(key.clone().into(), || Row::new(key));
                row.flow(&tuple, known.side, label, &damaged);
            }
        }
        summary
    }

    /// Adds the rows of another.
    fn add(&mut self, other: Self) {
        for row in other.rows {
            match self.index.get(row.key.as_str()) {
                Some(&at) => self.rows[at].add(row),
                None => {
                    self.index.insert(row.key.clone().into(), self.rows.len());
                    self.rows.push(row);
                }
            }
        }
    }

    /// Counts one packet: for rows that no flow tells, such as intervals of time.
    pub fn count(&mut self, record: &Record<'_>, by: By) {
        let label = record.label;
        let server = record.service.map(|service| (service.known.side, service.direction));
        let serving = |client: bool| {
            let (server, direction) = server?;
            let (source, destination) = record.addresses()?;
            let up = direction == Direction::Up;
            Some(match server {
                Side::Both if source == destination => source.to_string(),
                Side::Both => format!("{} and {}", source.min(destination), source.max(destination)),
                Side::Neither => return None,
                Side::High if up != client => destination.to_string(),
                Side::Low if up == client => destination.to_string(),
                _ => source.to_string(),
            })
        };
        // As for flows: without a side, a row per protocol; without addresses, what the frame is.
        let unknown = || match record.addresses() {
            Some(_) => format!("unknown/{}", label.transport.as_deref().unwrap_or("ip")),
            None => label.key.clone(),
        };
        let keys: Vec<Cow<'static, str>> = match by {
            By::Service | By::Port | By::Transport => vec![label_key(label, by)],
            By::Server => vec![serving(false).unwrap_or_else(unknown).into()],
            By::Client => vec![serving(true).unwrap_or_else(unknown).into()],
            By::Host => match record.addresses() {
                Some((source, destination)) if source == destination => vec![source.to_string().into()],
                Some((source, destination)) => {
                    vec![source.to_string().into(), destination.to_string().into()]
                }
                None => vec![label.key.clone().into()],
            },
            By::Conversation => vec![match record.addresses() {
                Some((source, destination)) => {
                    format!("{} <> {}", source.min(destination), source.max(destination)).into()
                }
                None => label.key.clone().into(),
            }],
            By::Vlan => {
                let ids: Vec<_> = record.headers.vlan.as_slice().iter().map(ToString::to_string).collect();
                vec![if ids.is_empty() { "untagged".into() } else { ids.join(".").into() }]
            }
            By::Interface => vec![record.frame.interface.to_string().into()],
        };
        let time = record.frame.time.map(|time| time.0);
        for key in keys {
            let row = self.row(key.clone(), || match by {
                By::Service => Row::of_label(label),
                _ => Row::new(key.into_owned()),
            });
            row.by_packet = true;
            row.tally(1, record.frame.original_len.into(), time, time);
            if let (Some((server, direction)), Some((source, destination))) = (server, record.addresses()) {
                let (low, high) =
                    if direction == Direction::Up { (source, destination) } else { (destination, source) };
                row.sides(server, low, high);
            }
            row.label(label, 1);
            if let Some(stopped) = record.headers.stopped {
                row.damaged.count(stopped.reason);
            }
        }
    }

    fn row(&mut self, key: Cow<'static, str>, make: impl FnOnce() -> Row) -> &mut Row {
        let at = self.row_number(key, make);
        &mut self.rows[at]
    }

    fn row_number(&mut self, key: Cow<'static, str>, make: impl FnOnce() -> Row) -> usize {
        let rows = &mut self.rows;
        *self.index.entry(key).or_insert_with(|| {
            rows.push(make());
            rows.len() - 1
        })
    }

    /// Its rows in the order asked for.
    pub fn rows(&self, options: &Options) -> Vec<&Row> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by(|a, b| {
            let more = match options.sort {
                Sort::Bytes => (b.bytes, b.packets).cmp(&(a.bytes, a.packets)),
                Sort::Packets => (b.packets, b.bytes).cmp(&(a.packets, a.bytes)),
                Sort::Flows => (b.flows, b.bytes).cmp(&(a.flows, a.bytes)),
                Sort::Name => std::cmp::Ordering::Equal,
            };
            more.then_with(|| a.key.cmp(&b.key))
        });
        rows.truncate(options.top.unwrap_or(usize::MAX));
        rows
    }
}

/// What a report says of the run beside its rows.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The files or interfaces read.
    pub files: &'a [String],
    /// What was learned.
    pub knowledge: &'a Knowledge,
    /// The registry in use.
    pub registry: &'a Registry,
}
