//! Traffic over time as octets in a knowledge file. Cells stand in the order of the five-tuples, which are not named again; of
//! one whose packets all lie in one interval nothing is written but that.

use super::{Cell, Label, MOST_CELLS, MOST_NAMED, MOST_WAITING, OverTime, Subject, Waiting, add};
use crate::{
    decode::Kind,
    flow::{FiveTuple, Flows},
    knowledge::Damaged,
    packed::{Broken, Reader, Writer, check},
    text::escape::is_harmless,
};

/// Most packets and octets that are believed, of one cell and of all together: no sum of those of several files overflows.
const MOST: u64 = 1 << 52;

/// How many intervals behind the one before; packets, octets; the first time behind the beginning of the interval and the last
/// one behind that; damaged packets.
type Row = (u64, u64, u64, Option<(u64, u64)>, Option<Damaged>);

/// A five-tuple's cell, where all of its packets lie in one interval.
fn only(tuple: &FiveTuple<'_>, length: u64) -> Option<(u64, Cell)> {
    let total = tuple.total();
    let times = total.first().zip(total.last()).map_or([u64::MAX, 0], |(first, last)| [first, last]);
    let at = total.first().unwrap_or(0) / length;
    let (packets, octets) = (total.all_packets(), total.all_octets());
    let cell = Cell { packets, octets, times, ..Cell::default() };
    (packets > 0 && total.last().unwrap_or(0) / length == at).then_some((at, cell))
}

fn put(cells: &[(u64, Cell)], length: u64, out: &mut Writer) {
    let mut before = 0;
    for (at, cell) in cells {
        let start = at * length;
        let times = cell.first().zip(cell.last()).map(|(first, last)| (first - start, last - first));
        let damaged = Some(cell.damaged).filter(|damaged| damaged.counts().next().is_some());
        let row: Row = (at - before, cell.packets, cell.octets, times, damaged);
        out.put(&row);
        before = *at;
    }
}

fn is_sound(cell: &Cell) -> bool {
    let Damaged { truncated, malformed, too_deep } = cell.damaged;
    [truncated, malformed, too_deep].into_iter().all(|count| count <= cell.packets)
        && (1..=MOST).contains(&cell.packets)
        && cell.octets <= MOST
}

impl OverTime {
    pub(in crate::knowledge) fn write(&self, flows: &Flows, out: &mut Writer) {
        out.put(&self.length);
        for tuple in flows.five_tuples() {
            let cells = self.cells.get(&Subject::Flow(tuple.key)).map_or(&[][..], |cells| cells);
            if cells.first().is_some_and(|cell| cells.len() == 1 && only(&tuple, self.length) == Some(*cell))
            {
                out.count(0);
                continue;
            }
            out.count(cells.len() + 1);
            put(cells, self.length, out);
        }
        let mut others: Vec<(Kind, &Vec<(u64, Cell)>)> = self
            .cells
            .iter()
            .filter_map(|(subject, cells)| match subject {
                Subject::Other(kind) => Some((*kind, cells)),
                Subject::Flow(_) => None,
            })
            .collect();
        others.sort_unstable_by_key(|(kind, _)| *kind);
        out.count(others.len());
        for (kind, cells) in others {
            out.put(&kind);
            out.count(cells.len());
            put(cells, self.length, out);
        }
        out.all(self.waiting.iter());
        out.all(self.labels.iter());
        out.all(self.named.iter());
        out.put(&self.rest);
    }

    /// Reads what [`Self::write`] wrote beside these flows.
    pub(in crate::knowledge) fn read(flows: &Flows, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut all = Self::new(reader.get_if(|&length| length > 0)?);
        for tuple in flows.five_tuples() {
            match reader.get::<u64>()? {
                0 => {
                    let (at, cell) = only(&tuple, all.length).ok_or(Broken)?;
                    all.add(Subject::Flow(tuple.key), at, &cell);
                }
                count => all.read_cells(Subject::Flow(tuple.key), count - 1, reader)?,
            }
        }
        for _ in 0..reader.count(1 << 20)? {
            let subject = Subject::Other(reader.get()?);
            check(!all.cells.contains_key(&subject))?;
            let count = reader.get()?;
            all.read_cells(subject, count, reader)?;
        }
        reader.all(MOST_WAITING, |waiting: Waiting| {
            check(is_sound(&waiting.cell))?;
            all.waiting.push(waiting);
            Ok(())
        })?;
        reader.all(MOST_NAMED, |label: Label| {
            let text = std::str::from_utf8(&label.text).map_err(|_| Broken)?;
            let next = all.labels.len();
            check(is_harmless(text) && all.number(&label) as usize == next)
        })?;
        let latest = u64::MAX / all.length;
        reader.all(MOST_NAMED, |(at, cell): ((u64, u32), Cell)| {
            check(at.0 <= latest && (at.1 as usize) < all.labels.len() && is_sound(&cell))?;
            check(all.named.insert(at, cell).is_none())
        })?;
        all.rest = reader.get_if(|rest: &Cell| rest.packets == 0 || is_sound(rest))?;
        let cells = all.cells.values().flatten().map(|(_, cell)| cell);
        let cells = cells.chain(all.named.values()).chain(all.waiting.iter().map(|waiting| &waiting.cell));
        let sum: u128 = cells.map(|cell| u128::from(cell.packets) + u128::from(cell.octets)).sum();
        check(sum <= MOST.into())?;
        Ok(all)
    }

    fn read_cells(&mut self, subject: Subject, count: u64, reader: &mut Reader<'_>) -> Result<(), Broken> {
        let (mut cells, mut before) = (Vec::new(), None::<u64>);
        for _ in 0..count {
            let (behind, packets, octets, times, damaged): Row = reader.get()?;
            check(before.is_none() || behind > 0)?;
            let at = before.unwrap_or(0).checked_add(behind).ok_or(Broken)?;
            let start = at.checked_mul(self.length).ok_or(Broken)?;
            let times = match times {
                Some((first, last)) => {
                    let first = start.checked_add(first).ok_or(Broken)?;
                    let last = first.checked_add(last).ok_or(Broken)?;
                    check(first / self.length == at && last / self.length == at)?;
                    [first, last]
                }
                None => [u64::MAX, 0],
            };
            let cell = Cell { packets, octets, times, damaged: damaged.unwrap_or_default() };
            // A few more than their room are those of one batch, or of a merge.
            check(is_sound(&cell) && self.count < 4 * MOST_CELLS)?;
            add(&mut cells, at, &cell);
            self.count += 1;
            before = Some(at);
        }
        if !cells.is_empty() {
            self.cells.insert(subject, cells);
        }
        Ok(())
    }
}
