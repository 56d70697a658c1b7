//! Builds messages octet by octet for tests.

use super::{RecordType, Section};

/// A message in the making: questions first, then records section by section.
#[derive(Clone)]
pub(crate) struct Builder {
    octets: Vec<u8>,
}

impl Builder {
    pub(crate) fn query() -> Self {
        Self { octets: vec![0; 12] }
    }

    /// An authoritative response, as mDNS has them.
    pub(crate) fn response() -> Self {
        let mut builder = Self::query();
        builder.octets[2] = 0x84;
        builder
    }

    /// Sets the flag word.
    pub(crate) fn flags(mut self, flags: u16) -> Self {
        self.octets[2..4].copy_from_slice(&flags.to_be_bytes());
        self
    }

    fn count(&mut self, index: usize) {
        let at = 4 + 2 * index;
        let count = u16::from_be_bytes([self.octets[at], self.octets[at + 1]]) + 1;
        self.octets[at..at + 2].copy_from_slice(&count.to_be_bytes());
    }

    pub(crate) fn question(mut self, labels: &[&[u8]], kind: RecordType, class: u16) -> Self {
        self.count(0);
        self.octets.extend(wire(labels));
        self.octets.extend(kind.0.to_be_bytes());
        self.octets.extend(class.to_be_bytes());
        self
    }

    pub(crate) fn record(
        mut self,
        section: Section,
        labels: &[&[u8]],
        kind: RecordType,
        class: u16,
        ttl: u32,
        data: &[u8],
    ) -> Self {
        self.count(1 + section as usize);
        self.octets.extend(wire(labels));
        self.octets.extend(kind.0.to_be_bytes());
        self.octets.extend(class.to_be_bytes());
        self.octets.extend(ttl.to_be_bytes());
        self.octets.extend((data.len() as u16).to_be_bytes());
        self.octets.extend(data);
        self
    }

    /// An answer with the Internet class.
    pub(crate) fn answer(self, labels: &[&[u8]], kind: RecordType, ttl: u32, data: &[u8]) -> Self {
        self.record(Section::Answer, labels, kind, 1, ttl, data)
    }

    /// An answer with the cache-flush bit.
    pub(crate) fn flush(self, labels: &[&[u8]], kind: RecordType, ttl: u32, data: &[u8]) -> Self {
        self.record(Section::Answer, labels, kind, 0x8001, ttl, data)
    }

    pub(crate) fn octets(self) -> Vec<u8> {
        self.octets
    }
}

/// A name without compression.
pub(crate) fn wire(labels: &[&[u8]]) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in labels {
        octets.push(label.len() as u8);
        octets.extend(*label);
    }
    octets.push(0);
    octets
}

/// SRV data with priority and weight 0.
pub(crate) fn srv(port: u16, target: &[&[u8]]) -> Vec<u8> {
    [&[0; 4], port.to_be_bytes().as_slice(), &wire(target)].concat()
}
