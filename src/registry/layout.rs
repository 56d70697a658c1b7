//! Lays the rows out for looking up: pooled texts, fixed-size rows and hash indexes by port and by name.
//! Shared with the build script, which does it for the built-in registry.
//!
//! Everything is little-endian 32-bit words, so that the built-in registry is static octets of the program
//! and an imported one the same in memory. The same rows give the same words.

use std::collections::HashMap;

use super::name::ServiceName;
use super::record::{Field, Record, Transport, alias_target};

/// A little-endian 32-bit number.
pub(crate) type Word = [u8; 4];

/// Words of one row: ports, [`flag`]s, then the numbers of its texts in the order of [`Field`].
pub(crate) const ROW_WORDS: usize = 2 + Field::COUNT;

/// Words of one group of rows that share a key: its first row, which is the one shown, then offset and length
/// of the row list.
pub(crate) const GROUP_WORDS: usize = 3;

/// Words of one span, a nameless row: first port, last port, highest last port so far, row.
pub(crate) const SPAN_WORDS: usize = 4;

/// Bits of a row's second word.
pub(crate) mod flag {
    /// The row has ports.
    pub(crate) const PORTS: u32 = 1;
    /// The row is a legacy alias, or its name breaks the syntax of RFC 6335.
    pub(crate) const SECONDARY: u32 = 2;
    /// The transport's place in [`super::Transport::ALL`] plus one, shifted by this; 0 is none.
    pub(crate) const TRANSPORT_SHIFT: u32 = 8;
}

/// An open-addressing hash index with linear probing.
///
/// A slot holds a number of a group in its low 16 bits, 0 meaning empty. In an index of ports the high
/// 16 bits hold the port; in one of names, 16 bits of the hash.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) slots: Vec<Word>,
    /// Odd factor (ports) or start value (names) of the hash, chosen so that probes stay short.
    pub(crate) seed: u32,
    /// How far a hash is shifted down to become a slot's place.
    pub(crate) shift: u32,
}

/// The name that is shown for a port which has several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preferred<'t> {
    pub(crate) transport: Transport,
    pub(crate) port: u16,
    pub(crate) name: &'t str,
}

/// The registry, laid out.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// All texts, one behind the other.
    pub(crate) text: String,
    /// Where each text ends; it begins where the one before ends.
    pub(crate) ends: Vec<Word>,
    pub(crate) rows: Vec<Word>,
    /// Row lists of all groups.
    pub(crate) lists: Vec<Word>,
    /// Groups, the first of them empty.
    pub(crate) groups: Vec<Word>,
    /// Nameless rows with ports, by first port.
    pub(crate) spans: Vec<Word>,
    /// One index per transport of [`Transport::ALL`].
    pub(crate) ports: [Index; 4],
    pub(crate) names: Index,
}

/// The place of a port before probing.
pub(crate) const fn port_slot(port: u16, seed: u32, shift: u32) -> usize {
    ((port as u32).wrapping_mul(seed) >> shift) as usize
}

/// The hash of a name without regard to ASCII case (FNV-1a, its high bits well mixed).
pub(crate) fn name_hash(name: &str, seed: u32) -> u32 {
    let folded = name.bytes().map(|octet| octet.to_ascii_lowercase());
    let hash = folded.fold(seed, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 15)).wrapping_mul(FIRST_SEED)
}

/// 2^32 divided by the golden ratio, odd: the factor of Fibonacci hashing.
const FIRST_SEED: u32 = 0x9e37_79b1;
/// Seeds tried for an index; the one with the shortest longest probe is kept.
const SEEDS: u32 = 16;
/// The longest probe allowed. IANA's rows need 10; a file made to collide is refused.
const MAX_PROBE: usize = 64;
/// The most rows of a registry file, four times what IANA has.
pub(crate) const MAX_ROWS: usize = 60_000;

impl Layout {
    /// Lays out rows in registry order; of the names of a port, the one that is shown comes first.
    ///
    /// # Errors
    /// A reason, where there are more rows than fit or names made to collide.
    pub(crate) fn new(records: &[Record], preferred: &[Preferred<'_>]) -> Result<Self, String> {
        if records.len() > MAX_ROWS {
            return Err(format!("{} rows are more than {MAX_ROWS}", records.len()));
        }
        let mut layout = Self::default();
        layout.lay_rows(records)?;
        layout.lay_spans(records);
        layout.groups.extend([[0; 4]; GROUP_WORDS]);
        let mut groups = HashMap::new();
        for (index, transport) in Transport::ALL.into_iter().enumerate() {
            let keys = layout.port_keys(records, transport, preferred, &mut groups)?;
            layout.ports[index] = port_index(&keys)?;
        }
        layout.names = layout.name_index(records, &mut groups)?;
        Ok(layout)
    }

    fn lay_rows(&mut self, records: &[Record]) -> Result<(), String> {
        let mut numbers = HashMap::new();
        numbers.insert("", 0);
        self.ends.push([0; 4]);
        for record in records {
            let (first, last) = record.ports.unwrap_or_default();
            self.rows.push(((u32::from(first) << 16) | u32::from(last)).to_le_bytes());
            let name = record.text(Field::Name);
            let secondary =
                ServiceName::new(name).is_none() || alias_target(record.text(Field::Notes)).is_some();
            let transport = record.transport.map_or(0, |transport| transport as u32 + 1);
            let flags = (u32::from(record.ports.is_some()) * flag::PORTS)
                | (u32::from(secondary) * flag::SECONDARY)
                | (transport << flag::TRANSPORT_SHIFT);
            self.rows.push(flags.to_le_bytes());
            for text in &record.texts {
                let number = match numbers.get(text.as_str()) {
                    Some(number) => *number,
                    None => {
                        let number = self.ends.len() as u32;
                        self.text.push_str(text);
                        self.ends.push(offset(self.text.len())?);
                        numbers.insert(text, number);
                        number
                    }
                };
                self.rows.push(number.to_le_bytes());
            }
        }
        Ok(())
    }

    fn lay_spans(&mut self, records: &[Record]) {
        let mut spans: Vec<(u16, u16, u32)> = Vec::new();
        for (row, record) in (0..).zip(records) {
            if let (Some((first, last)), "") = (record.ports, record.text(Field::Name)) {
                spans.push((first, last, row));
            }
        }
        spans.sort_unstable();
        let mut highest = 0;
        for (first, last, row) in spans {
            highest = highest.max(last);
            let words = [u32::from(first), u32::from(last), u32::from(highest), row];
            self.spans.extend(words.map(u32::to_le_bytes));
        }
    }

    /// Each port with a name for a transport, and the number of its group: the preferred name first, else the
    /// first that is well-formed, then the others in registry order.
    fn port_keys(
        &mut self,
        records: &[Record],
        transport: Transport,
        preferred: &[Preferred<'_>],
        groups: &mut HashMap<Vec<u32>, u16>,
    ) -> Result<Vec<(u16, u16)>, String> {
        let mut rows_at = vec![Vec::new(); usize::from(u16::MAX) + 1];
        let mut entries = 0_usize;
        for (row, record) in (0..).zip(records) {
            let Some((first, last)) = record.ports else { continue };
            let other = record.transport.is_some_and(|other| other != transport);
            if other || record.text(Field::Name).is_empty() {
                continue;
            }
            entries += usize::from(last - first) + 1;
            if entries > MAX_ENTRIES {
                return Err(format!("the ranges of named rows hold more than {MAX_ENTRIES} ports"));
            }
            for port in first..=last {
                rows_at[usize::from(port)].push(row);
            }
        }
        let mut keys = Vec::new();
        for (port, mut rows) in (0..=u16::MAX).zip(rows_at) {
            if !rows.is_empty() {
                let preferred = preferred.iter().find(|it| (it.transport, it.port) == (transport, port));
                let is_preferred = |row: &u32| {
                    let name = records.get(*row as usize).map(|record| record.text(Field::Name));
                    preferred.zip(name).is_some_and(|(it, name)| it.name.eq_ignore_ascii_case(name))
                };
                let first = rows.iter().position(is_preferred);
                let first = first.or_else(|| rows.iter().position(|row| !self.is_secondary(*row)));
                if let Some(chosen) = first.and_then(|first| rows.get_mut(..=first)) {
                    chosen.rotate_right(1);
                }
                keys.push((port, self.group(rows, groups)?));
            }
        }
        Ok(keys)
    }

    /// The group of these rows, the first of which is the one shown; equal lists share one.
    fn group(&mut self, rows: Vec<u32>, groups: &mut HashMap<Vec<u32>, u16>) -> Result<u16, String> {
        if let Some(number) = groups.get(&rows) {
            return Ok(*number);
        }
        let number = u16::try_from(self.groups.len() / GROUP_WORDS);
        let number = number.map_err(|_| format!("more than {} sets of rows share a key", u16::MAX))?;
        let first = rows.first().copied().unwrap_or_default();
        let words = [first.to_le_bytes(), offset(self.lists.len())?, offset(rows.len())?];
        self.groups.extend(words);
        self.lists.extend(rows.iter().map(|row| row.to_le_bytes()));
        groups.insert(rows, number);
        Ok(number)
    }

    fn is_secondary(&self, row: u32) -> bool {
        let flags = self.rows.get(row as usize * ROW_WORDS + 1);
        flags.is_some_and(|flags| u32::from_le_bytes(*flags) & flag::SECONDARY != 0)
    }

    fn name_index(
        &mut self,
        records: &[Record],
        groups: &mut HashMap<Vec<u32>, u16>,
    ) -> Result<Index, String> {
        let mut places = HashMap::new();
        let mut names: Vec<(&str, Vec<u32>)> = Vec::new();
        for (row, record) in (0..).zip(records) {
            let name = record.text(Field::Name);
            if name.is_empty() {
                continue;
            }
            let place = *places.entry(name.to_ascii_lowercase()).or_insert(names.len());
            match names.get_mut(place) {
                Some((_, rows)) => rows.push(row),
                None => names.push((name, vec![row])),
            }
        }
        let mut keys = Vec::new();
        for (name, rows) in names {
            keys.push((name, self.group(rows, groups)?));
        }
        best_index(keys.len(), |seed, shift| {
            let hashed = keys.iter().map(|(name, group)| {
                let hash = name_hash(name, seed);
                ((hash >> shift) as usize, (hash << 16) | u32::from(*group))
            });
            fill(hashed, shift)
        })
    }
}

/// The most (transport, port) pairs that named rows may hold of one transport.
const MAX_ENTRIES: usize = 1 << 20;

fn port_index(keys: &[(u16, u16)]) -> Result<Index, String> {
    best_index(keys.len(), |seed, shift| {
        let hashed = keys.iter().map(|(port, group)| {
            (port_slot(*port, seed, shift), (u32::from(*port) << 16) | u32::from(*group))
        });
        fill(hashed, shift)
    })
}

/// Tries seeds on a table at most half full and keeps the best.
fn best_index(keys: usize, fill: impl Fn(u32, u32) -> Option<(usize, Vec<Word>)>) -> Result<Index, String> {
    let slots = (keys * 2).next_power_of_two().max(16);
    let shift = u32::BITS - slots.trailing_zeros();
    let seeds = (0..SEEDS).map(|n| FIRST_SEED.wrapping_add(n.wrapping_mul(0x3c6e_f372)));
    let filled = seeds.filter_map(|seed| fill(seed, shift).map(|(longest, slots)| (longest, seed, slots)));
    let best = filled.min_by_key(|(longest, ..)| *longest);
    let (_, seed, slots) = best.ok_or("the keys were made to collide in a hash index")?;
    Ok(Index { slots, seed, shift })
}

/// Fills a table; `None` where a probe grew too long.
fn fill(hashed: impl Iterator<Item = (usize, u32)>, shift: u32) -> Option<(usize, Vec<Word>)> {
    let len = 1 << (u32::BITS - shift);
    let mut slots = vec![[0; 4]; len];
    let mut longest = 0;
    for (start, slot) in hashed {
        let probe = (0..MAX_PROBE).find(|probe| slots[(start + probe) & (len - 1)] == [0; 4])?;
        slots[(start + probe) & (len - 1)] = slot.to_le_bytes();
        longest = longest.max(probe);
    }
    Some((longest, slots))
}

fn offset(len: usize) -> Result<Word, String> {
    u32::try_from(len).map(u32::to_le_bytes).map_err(|_| "the registry is larger than 4 GiB".to_owned())
}
