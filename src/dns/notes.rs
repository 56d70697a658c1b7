//! DNS messages that a part of a capture notes down for the inventory. An inventory depends on the order of all messages,
//! so a part cannot join them: whoever merges it has them read again in their order.

use std::{net::IpAddr, sync::Arc};

use hashbrown::HashMap;

use super::{Message, inventory::Sighting};
use crate::{
    packed::{Broken, Reader, Writer, check},
    packet::{PacketId, Timestamp, TransportProtocol},
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

    /// Writes what was noted down.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.put(&self.is_full);
        out.all(self.contents.iter().map(|content| &**content));
        let (mut number, mut time) = (0u64, 0u64);
        out.count(self.sightings.len());
        for Noted { sighting, content } in &self.sightings {
            // Numbers and times as differences, which are small.
            let now = sighting.time.map_or(time, |time| time.0);
            let packet = sighting.packet.number;
            let differences = (packet.wrapping_sub(number) as i64, now.wrapping_sub(time) as i64);
            let ends = (sighting.source, sighting.destination, sighting.protocol, sighting.interface);
            out.put(&(content, sighting.packet.file, sighting.time.is_some(), differences, ends));
            (number, time) = (packet, now);
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        type Row = (u32, u32, bool, (i64, i64), (End, End, TransportProtocol, u32));
        let mut notes = Self { is_full: reader.get()?, ..Self::default() };
        let most = Self::MAX / Self::ENTRY;
        reader.all(most, |content: &[u8]| {
            notes.octets += content.len();
            check(notes.octets <= Self::MAX && Message::new(content).is_some())?;
            let (number, content): (_, Arc<[u8]>) = (notes.contents.len() as u32, content.into());
            notes.contents.push(Arc::clone(&content));
            check(notes.numbers.insert(content, number).is_none())
        })?;
        let (mut number, mut time) = (0u64, 0u64);
        reader.all(most, |(content, file, is_timed, differences, ends): Row| {
            check((content as usize) < notes.contents.len())?;
            number = number.wrapping_add(differences.0 as u64);
            time = time.wrapping_add(differences.1 as u64);
            check(number < 1 << 52)?;
            let (source, destination, protocol, interface) = ends;
            let packet = PacketId { file, number };
            let time = is_timed.then_some(Timestamp(time));
            let sighting = Sighting { packet, time, interface, source, destination, protocol };
            check(notes.sightings.last().is_none_or(|last| last.sighting.packet <= packet))?;
            notes.sightings.push(Noted { sighting, content });
            Ok(())
        })?;
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
