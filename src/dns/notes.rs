//! DNS messages that a part of a capture notes down for the inventory. An inventory depends on the order of all messages,
//! so a part cannot join them: whoever merges it has them read again in their order.

use std::{net::IpAddr, sync::Arc};

use hashbrown::HashMap;

use super::{Message, inventory::Sighting};
use crate::{
    packed::{Broken, Reader, Writer, check},
    packet::{PacketId, Timestamp, TransportProtocol, common_divisor},
};

/// Address and port.
type End = (IpAddr, u16);

/// Messages in the order of capture, each distinct content once.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    contents: Vec<Arc<[u8]>>,
    numbers: HashMap<Arc<[u8]>, u32>,
    sightings: Vec<Noted>,
    /// Octets of all contents.
    octets: usize,
    /// There were more than there is room for: the part must be read again for them.
    is_full: bool,
}

/// Where and when a message was seen, and the number of its content.
#[derive(Clone, Copy, Debug)]
struct Noted {
    sighting: Sighting,
    content: u32,
}

/// Between whom messages went, how, and on which interface.
type Ends = (End, End, TransportProtocol, u32);

/// Sightings in files, a column for each of their parts.
#[derive(Debug, Default)]
struct Columns {
    /// How far the content's number is below the lowest that was not met before.
    contents: Vec<u32>,
    files: Vec<u32>,
    /// Differences to the packet before.
    packets: Vec<i64>,
    timed: Vec<bool>,
    /// Differences to the time before.
    times: Vec<i64>,
    /// Numbers of the ends.
    ends: Vec<u32>,
}

impl Columns {
    /// The length of time that all differences are multiples of, in ns: mostly a microsecond.
    fn unit(&self) -> i64 {
        let unit = self.times.iter().fold(0, |unit, time| common_divisor(unit, time.unsigned_abs()));
        i64::try_from(unit).unwrap_or(1).max(1)
    }

    fn write(&self, out: &mut Writer) {
        out.all(self.contents.iter());
        out.all(self.files.iter());
        out.all(self.packets.iter());
        out.all(self.timed.iter());
        out.all(self.times.iter());
        out.all(self.ends.iter());
    }

    fn read(reader: &mut Reader<'_>, most: usize) -> Result<Self, Broken> {
        fn column<T: serde::de::DeserializeOwned>(
            reader: &mut Reader<'_>,
            most: usize,
        ) -> Result<Vec<T>, Broken> {
            let mut all = Vec::new();
            reader.all(most, |value: T| {
                all.push(value);
                Ok(())
            })?;
            Ok(all)
        }
        let all = Self {
            contents: column(reader, most)?,
            files: column(reader, most)?,
            packets: column(reader, most)?,
            timed: column(reader, most)?,
            times: column(reader, most)?,
            ends: column(reader, most)?,
        };
        let rows = [all.files.len(), all.packets.len(), all.timed.len(), all.times.len(), all.ends.len()];
        check(rows.into_iter().all(|rows| rows == all.contents.len()))?;
        Ok(all)
    }
}

impl Notes {
    /// Most octets that notes take.
    const MAX: usize = 64 << 20;
    /// What a content takes beside its octets, and what a sighting takes, about.
    const ENTRY: usize = 96;

    /// Notes a message down.
    pub(crate) fn add(&mut self, sighting: Sighting, message: &Message<'_>) {
        if self.is_full {
            return;
        }
        // No two questions to a server share the identification, and the inventory never asks for it; nor for ports that
        // are not those of DNS.
        let mut content = message.octets().to_vec();
        content.iter_mut().take(2).for_each(|octet| *octet = 0);
        let [source, destination] = [sighting.source, sighting.destination]
            .map(|(address, port)| (address, if matches!(port, 53 | 5353 | 5355) { port } else { 0 }));
        let sighting = Sighting { source, destination, ..sighting };
        let number = match self.numbers.get(&content[..]) {
            Some(&number) => number,
            None => {
                let (number, content): (_, Arc<[u8]>) = (self.contents.len() as u32, content.into());
                self.octets += content.len();
                self.contents.push(Arc::clone(&content));
                self.numbers.insert(content, number);
                number
            }
        };
        self.sightings.push(Noted { sighting, content: number });
        if self.octets + (self.contents.len() + self.sightings.len()) * Self::ENTRY > Self::MAX {
            *self = Self { is_full: true, ..Self::default() };
        }
    }

    /// Whether there were more messages than could be noted down.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Writes what was noted down, column by column, as values of one kind take the fewest octets packed together.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.put(&self.is_full);
        out.all(self.contents.iter().map(|content| &**content));
        let mut numbers = HashMap::new();
        let (mut ends, mut columns) = (Vec::new(), Columns::default());
        let (mut before, mut next) = ((0u64, 0u64), 0);
        for Noted { sighting, content } in &self.sightings {
            let one = (sighting.source, sighting.destination, sighting.protocol, sighting.interface);
            let number = *numbers.entry(one).or_insert(ends.len() as u32);
            if number as usize == ends.len() {
                ends.push(one);
            }
            // Numbers and times as differences, which are small; a content that was not met before is the next one.
            let now = sighting.time.map_or(before.1, |time| time.0);
            columns.contents.push(next - content);
            columns.files.push(sighting.packet.file);
            columns.packets.push(sighting.packet.number.wrapping_sub(before.0) as i64);
            columns.timed.push(sighting.time.is_some());
            columns.times.push(now.wrapping_sub(before.1) as i64);
            columns.ends.push(number);
            before = (sighting.packet.number, now);
            next = next.max(content + 1);
        }
        let unit = columns.unit();
        columns.times.iter_mut().for_each(|time| *time /= unit);
        out.all(ends.iter());
        out.put(&unit);
        columns.write(out);
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut notes = Self { is_full: reader.get()?, ..Self::default() };
        let most = Self::MAX / Self::ENTRY;
        reader.all(most, |content: &[u8]| {
            notes.octets += content.len();
            check(notes.octets <= Self::MAX && Message::new(content).is_some())?;
            let (number, content): (_, Arc<[u8]>) = (notes.contents.len() as u32, content.into());
            notes.contents.push(Arc::clone(&content));
            check(notes.numbers.insert(content, number).is_none())
        })?;
        let mut ends = Vec::new();
        reader.all(most, |one: Ends| {
            ends.push(one);
            Ok(())
        })?;
        let unit = reader.get_if(|&unit: &i64| unit > 0)?;
        let columns = Columns::read(reader, most)?;
        let (mut number, mut time, mut next) = (0u64, 0u64, 0u32);
        for row in 0..columns.contents.len() {
            let content = next.checked_sub(columns.contents[row]).ok_or(Broken)?;
            check((content as usize) < notes.contents.len())?;
            next = next.max(content + 1);
            number = number.wrapping_add(columns.packets[row] as u64);
            time = time.wrapping_add(columns.times[row].wrapping_mul(unit) as u64);
            check(number < 1 << 52)?;
            let &(source, destination, protocol, interface) =
                ends.get(columns.ends[row] as usize).ok_or(Broken)?;
            let packet = PacketId { file: columns.files[row], number };
            let time = columns.timed[row].then_some(Timestamp(time));
            let sighting = Sighting { packet, time, interface, source, destination, protocol };
            check(notes.sightings.last().is_none_or(|last| last.sighting.packet <= packet))?;
            notes.sightings.push(Noted { sighting, content });
        }
        Ok(notes)
    }

    /// The messages in the order of capture.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (Sighting, Message<'_>)> {
        self.sightings.iter().filter_map(|noted| {
            let content = self.contents.get(noted.content as usize)?;
            Some((noted.sighting, Message::new(content)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{RecordType, testing::Builder};

    fn sighting(number: u64, port: u16) -> Sighting {
        Sighting {
            packet: PacketId { file: 0, number },
            time: Some(Timestamp(number)),
            interface: 0,
            source: ([192, 0, 2, 1].into(), port),
            destination: ([192, 0, 2, 53].into(), 53),
            protocol: TransportProtocol::UDP,
        }
    }

    #[test]
    fn the_same_content_is_kept_once_whatever_its_identification() {
        let mut notes = Notes::default();
        for (number, id) in [(1, 7), (2, 9), (3, 7)] {
            let mut octets = Builder::query().question(&[b"a"], RecordType::A, 1).octets();
            octets[1] = id;
            notes.add(sighting(number, 40_000 + number as u16), &Message::new(&octets).unwrap());
        }
        assert_eq!(notes.contents.len(), 1);
        let seen: Vec<_> = notes.messages().map(|(from, _)| (from.packet.number, from.source.1)).collect();
        assert_eq!(seen, [(1, 0), (2, 0), (3, 0)]);
    }

    #[test]
    fn notes_that_overflow_say_so_and_give_their_memory_back() {
        let mut notes = Notes::default();
        let octets = Builder::query().octets();
        let message = Message::new(&octets).unwrap();
        // One content of 12 octets, and so many entries of 96 octets, make no more than 64 MiB.
        for number in 0..(64 << 20) / 96 - 1 {
            notes.add(sighting(number, 53), &message);
        }
        assert!(!notes.is_full());
        notes.add(sighting(1 << 20, 53), &message);
        assert!(notes.is_full());
        assert_eq!((notes.sightings.capacity(), notes.messages().count()), (0, 0));
        notes.add(sighting(1, 53), &message);
        assert_eq!(notes.messages().count(), 0);
    }
}
