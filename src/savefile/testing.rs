//! Capture files made by hand, and all that comes out of reading one.

use std::{io::Read, path::Path};

use crate::packet::{Batch, Interface, LinkType, Timestamp};
use crate::{
    capture::{Error, Filler},
    savefile::{
        magic::{Recognised, recognise},
        octets::Order,
    },
};

pub(crate) const ORDERS: [Order; 2] = [Order::Little, Order::Big];

pub(crate) fn u16(order: Order, value: u16) -> [u8; 2] {
    if order == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
}

pub(crate) fn u32(order: Order, value: u32) -> [u8; 4] {
    if order == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
}

fn words(order: Order, values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|&value| u32(order, value)).collect()
}

/// A pcap file header.
pub(crate) fn pcap_header(order: Order, magic: u32, minor: u16, snap_len: u32, link_word: u32) -> Vec<u8> {
    let version = [u16(order, 2), u16(order, minor)].concat();
    [u32(order, magic).to_vec(), version, words(order, &[0, 0, snap_len, link_word])].concat()
}

/// A pcap record whose captured octets are `octets`.
pub(crate) fn pcap_record(
    order: Order,
    seconds: u32,
    fraction: u32,
    octets: &[u8],
    original: u32,
) -> Vec<u8> {
    [words(order, &[seconds, fraction, octets.len() as u32, original]), octets.to_vec()].concat()
}

/// A pcapng block; the body is padded.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = body.len() as u32 + 12;
    [words(order, &[kind, length]), body, words(order, &[length])].concat()
}

pub(crate) fn section(order: Order) -> Vec<u8> {
    let body = [words(order, &[0x1a2b_3c4d]), u16(order, 1).to_vec(), vec![0; 2], vec![0xff; 8]].concat();
    block(order, 0x0a0d_0d0a, &body)
}

/// An Interface Description Block.
pub(crate) fn interface(order: Order, link: u16, snap_len: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [u16(order, link).to_vec(), vec![0; 2], words(order, &[snap_len])].concat();
    for (code, value) in options {
        body.extend(u16(order, *code));
        body.extend(u16(order, value.len() as u16));
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    block(order, 1, &body)
}

pub(crate) fn enhanced(order: Order, interface: u32, ticks: u64, octets: &[u8], original: u32) -> Vec<u8> {
    let fixed = [interface, (ticks >> 32) as u32, ticks as u32, octets.len() as u32, original];
    block(order, 6, &[words(order, &fixed), octets.to_vec()].concat())
}

/// An obsolete Packet Block.
pub(crate) fn packet(order: Order, interface: u16, ticks: u64, octets: &[u8], original: u32) -> Vec<u8> {
    let ids = [u16(order, interface), u16(order, 7)].concat();
    let fixed = [(ticks >> 32) as u32, ticks as u32, octets.len() as u32, original];
    block(order, 2, &[ids, words(order, &fixed), octets.to_vec()].concat())
}

pub(crate) fn simple(order: Order, octets: &[u8], original: u32) -> Vec<u8> {
    block(order, 3, &[words(order, &[original]), octets.to_vec()].concat())
}

/// A frame as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) time: Option<u64>,
    pub(crate) interface: u32,
    pub(crate) link: u16,
    pub(crate) octets: Vec<u8>,
    pub(crate) original: u32,
}

pub(crate) fn seen(time: Option<u64>, interface: u32, link: u16, octets: &[u8], original: u32) -> Seen {
    Seen { time, interface, link, octets: octets.to_vec(), original }
}

/// All that was read of an input.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) frames: Vec<Seen>,
    /// The offset in the input of each frame's record.
    pub(crate) records: Vec<u64>,
    pub(crate) interfaces: Vec<Interface>,
    /// The batches joined.
    pub(crate) octets: Vec<u8>,
    pub(crate) error: Option<Error>,
}

impl Whole {
    /// The error's text; empty where there is none.
    pub(crate) fn reason(&self) -> String {
        self.error.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// Gives at most so many octets a call.
struct Slowly<'a>(&'a [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// Reads a file that comes `step` octets at a time.
pub(crate) fn read(file: &[u8], step: usize) -> Whole {
    let mut whole = Whole::default();
    let path = Path::new("test");
    let walker = match recognise(file) {
        Recognised::Capture(walker) => walker,
        Recognised::Other(reason) => {
            return Whole { error: Some(Error::NotACapture { file: path.to_owned(), reason }), ..whole };
        }
        Recognised::Compressed(compression) => panic!("{compression}"),
        Recognised::Translated(_) | Recognised::NetMon(_) => panic!("a format that is translated"),
    };
    let mut filler = Filler::new(Slowly(file, step), path, walker, 0, u64::MAX, 1);
    let mut batch = Batch::new();
    loop {
        let more = match filler.fill(&mut batch) {
            Ok(more) => more,
            Err(error) => {
                whole.error = Some(error);
                assert!(matches!(filler.fill(&mut batch), Ok(false)), "an error ends the input");
                false
            }
        };
        assert_eq!(batch.position(), whole.octets.len() as u64);
        if !more {
            assert!(batch.is_empty() && batch.octets().is_empty());
            whole.interfaces = filler.walker().interfaces().to_vec();
            return whole;
        }
        assert!(!batch.octets().is_empty());
        for (frame, located) in batch.frames().zip(batch.located()) {
            assert_eq!(frame.number, whole.frames.len() as u64 + 1);
            whole.frames.push(Seen {
                time: frame.time.map(|Timestamp(time)| time),
                interface: frame.interface,
                link: frame.link.0,
                octets: frame.octets.to_vec(),
                original: frame.original_len,
            });
            whole.records.push(batch.position() + u64::from(located.record));
        }
        whole.octets.extend_from_slice(batch.octets());
    }
}

/// Reads a file cut at every length and with each of its octets changed. Nothing panics; what lies before a cut
/// is delivered unchanged, and the error is of the right kind.
pub(crate) fn survives_cuts_and_flips(file: &[u8], header_len: usize) {
    let whole = read(file, usize::MAX);
    assert_eq!(whole.reason(), "");
    assert_eq!(whole.octets, file);
    for len in 0..file.len() {
        for step in [usize::MAX, 7] {
            let part = read(&file[..len], step);
            assert_eq!(part.frames, whole.frames[..part.frames.len()], "cut at {len}");
            assert_eq!(part.octets, file[..part.octets.len()]);
            let complete = part.octets.len() == len;
            match part.error {
                Some(Error::NotACapture { .. }) => assert!(len < header_len, "cut at {len}"),
                Some(Error::Damaged { packet, offset, reason, .. }) => {
                    assert!(!complete && len >= header_len && reason.contains("cut short"), "cut at {len}");
                    assert_eq!(packet, part.frames.len() as u64 + 1);
                    assert_eq!(offset, part.octets.len() as u64);
                }
                None => assert!(complete && len >= header_len, "cut at {len}"),
                Some(other) => panic!("{other}"),
            }
        }
    }
    for at in 0..file.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = file.to_vec();
            changed[at] ^= flip;
            let part = match recognise(&changed) {
                Recognised::Compressed(_) | Recognised::Translated(_) | Recognised::NetMon(_) => continue,
                _ => read(&changed, usize::MAX),
            };
            assert_eq!(part.octets, changed[..part.octets.len()]);
            // Frames whose successor begins before the change are as they were.
            let before = whole.records.iter().skip(1).filter(|&&next| next <= at as u64).count();
            assert_eq!(part.frames.get(..before), whole.frames.get(..before), "flip at {at}");
        }
    }
}

pub(crate) const ETHERNET: u16 = LinkType::ETHERNET.0;
