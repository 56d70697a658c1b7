//! Which columns of the rows are shown, and what the rows are ordered by.

use std::cmp::Ordering;

use super::{
    Row,
    write::{COLUMNS, EVIDENCE_COLUMNS},
};
use crate::select::{Fault, numbers};

/// What rows are ordered by: amounts from the largest down, times and names up; rows without it come last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Octets on the wire.
    #[default]
    Bytes,
    /// Packets.
    Packets,
    /// Flows.
    Flows,
    /// Distinct addresses that were served.
    Clients,
    /// Distinct addresses that served.
    Servers,
    /// Distinct endpoints that were asked and did not answer.
    Asked,
    /// Distinct endpoints that were asked and refused.
    Refused,
    /// Packets whose octets contradict their port.
    Mismatch,
    /// Time of the first packet.
    First,
    /// Time of the last packet.
    Last,
    /// The row's key.
    Name,
}

impl Sort {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Bytes,
        Self::Packets,
        Self::Flows,
        Self::Clients,
        Self::Servers,
        Self::Asked,
        Self::Refused,
        Self::Mismatch,
        Self::First,
        Self::Last,
        Self::Name,
    ];

    /// Its word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Packets => "packets",
            Self::Flows => "flows",
            Self::Clients => "clients",
            Self::Servers => "servers",
            Self::Asked => "asked",
            Self::Refused => "refused",
            Self::Mismatch => "mismatch",
            Self::First => "first",
            Self::Last => "last",
            Self::Name => "name",
        }
    }

    /// The order of two rows, or the other way round; rows that are alike by their keys.
    pub(super) fn order(self, is_turned: bool, a: &Row, b: &Row) -> Ordering {
        let more = |of: fn(&Row) -> u64| turned(of(b).cmp(&of(a)), is_turned);
        let earlier = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => turned(a.cmp(&b), is_turned),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        let by_key = a.key.cmp(&b.key).then_with(|| a.ends.cmp(&b.ends));
        let first = match self {
            Self::Bytes => more(|row| row.bytes).then_with(|| more(|row| row.packets)),
            Self::Packets => more(|row| row.packets).then_with(|| more(|row| row.bytes)),
            Self::Flows => match (a.flows(), b.flows()) {
                (Some(one), Some(other)) => turned(other.cmp(&one), is_turned),
                (one, other) => other.is_some().cmp(&one.is_some()),
            }
            .then_with(|| more(|row| row.bytes)),
            Self::Clients => more(|row| row.clients.len()),
            Self::Servers => more(|row| row.servers.len()),
            Self::Asked => more(|row| row.asked.len() as u64),
            Self::Refused => more(|row| row.refused.len() as u64),
            Self::Mismatch => more(|row| row.mismatch),
            Self::First => earlier(a.first, b.first),
            Self::Last => earlier(a.last, b.last),
            Self::Name => return turned(by_key, is_turned),
        };
        first.then(by_key)
    }
}

fn turned(order: Ordering, is_turned: bool) -> Ordering {
    if is_turned { order.reverse() } else { order }
}

/// Columns that are shown, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    numbers: [u8; COLUMNS.len()],
    count: u8,
}

impl Columns {
    /// The columns of these names; one that is named twice stands where it was named first. Those that CSV has of evidence are
    /// one, so that its header names all.
    ///
    /// # Errors
    /// The first that there is not.
    pub fn new(names: &[String]) -> Result<Self, Fault> {
        let mut columns = Self { numbers: [0; COLUMNS.len()], count: 0 };
        let of_evidence = |name: &String| EVIDENCE_COLUMNS.contains(&name.as_str());
        let name = |name: &String| if of_evidence(name) { "evidence".to_owned() } else { name.clone() };
        let names: Vec<_> = names.iter().map(name).collect();
        for number in numbers(&names, &COLUMNS.each_ref().map(|column| column.path))? {
            // There are fewer than 256.
            let number = number as u8;
            if !columns.as_slice().contains(&number) {
                columns.numbers[usize::from(columns.count)] = number;
                columns.count += 1;
            }
        }
        Ok(columns)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.numbers[..usize::from(self.count)]
    }
}
