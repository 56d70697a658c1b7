//! The words every stage shares: time stamps, link types, interfaces, frames and batches of them.
//!
//! Terms are those of the pcapng draft (draft-ietf-opsawg-pcapng): a packet has a *captured* and an
//! *original* length, was seen on an *interface*, and an interface has a *link type* and a *snap length*.

mod link_type;
mod protocol;
mod share;

use std::sync::Arc;

pub use link_type::LinkType;
pub use protocol::TransportProtocol;
pub use share::Share;

/// A moment of capture time: nanoseconds since the Unix epoch, UTC. Reaches the year 2554.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Nanoseconds in a second.
    pub const SECOND: u64 = 1_000_000_000;
    /// By more nanoseconds than this a clock was set back, not only set right: nobody waits until it is there again.
    pub const SET_BACK: u64 = 10 * Self::SECOND;

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0 / Self::SECOND
    }

    /// Nanoseconds within the second, 0 to 999,999,999.
    pub const fn subsecond_nanos(self) -> u32 {
        (self.0 % Self::SECOND) as u32
    }

    /// Nanoseconds from `earlier` to `self`; 0 where capture time runs backwards.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The greatest length of time that both are multiples of; of nothing and another, that other.
pub(crate) fn common_divisor(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// One capture interface as a file describes it or a live device shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Link type of every frame seen on it.
    pub link: LinkType,
    /// Largest number of octets kept of a frame; 0 means unlimited.
    pub snap_len: u32,
    /// Name (`if_name`), where the file gives one.
    pub name: Option<String>,
    /// Octets of frame check sequence at the end of each frame, where the file says; absent means unknown.
    pub fcs_len: Option<u8>,
}

/// A frame as captured: borrowed octets and what the capture says about them.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Position in the file or the live run, from 1.
    pub number: u64,
    /// Capture time; absent in pcapng Simple Packet Blocks.
    pub time: Option<Timestamp>,
    /// Interface it was seen on: an index into [`crate::capture::Source::interfaces`].
    pub interface: u32,
    /// Link type of that interface.
    pub link: LinkType,
    /// Octets captured.
    pub octets: &'a [u8],
    /// Length on the wire in octets, as the capture says; at least the captured length in sound files. What is
    /// added up is [`Self::counted_len`].
    pub original_len: u32,
}

impl Frame<'_> {
    /// Octets that a packet can have whatever was captured of it: the longest IP packet, and room for the headers
    /// around it.
    const ORDINARY_LEN: u32 = 65_600;
    /// A longer one is believed up to so many times what was captured of it.
    const BELIEVED_TIMES: u64 = 64;

    /// Whether no packet can have had its original length: it is longer than any of its link type (256 KiB, but for
    /// the few that have longer ones), or over 65,600 octets and more than 64 times what was captured.
    #[inline]
    pub fn has_implausible_len(&self) -> bool {
        // Nearly all packets need no more than this comparison.
        self.original_len > Self::ORDINARY_LEN
            && (self.original_len > self.link.longest_packet()
                || u64::from(self.original_len) > Self::BELIEVED_TIMES * self.octets.len() as u64)
    }

    /// The octets that the packet counts for: its original length, or what was captured where that cannot be.
    ///
    /// ```
    /// use portolan::packet::{Frame, LinkType};
    /// let frame = |octets, original_len| {
    ///     Frame { number: 1, time: None, interface: 0, link: LinkType::ETHERNET, octets, original_len }
    /// };
    /// assert_eq!(frame(&[0; 54], 1_460).counted_len(), 1_460);
    /// assert_eq!(frame(&[0; 54], 538_976_288).counted_len(), 54);
    /// ```
    #[inline]
    pub fn counted_len(&self) -> u32 {
        if self.has_implausible_len() { self.octets.len() as u32 } else { self.original_len }
    }
}

/// A packet of the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct PacketId {
    /// Index of the file among the inputs.
    pub file: u32,
    /// Number in that file, from 1.
    pub number: u64,
}

/// Where a frame lies in its [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct Located {
    /// Capture time, where known.
    pub time: Option<Timestamp>,
    /// Offset of the record or block that holds the frame, in octets from the batch's start.
    pub record: u32,
    /// Offset of the first captured octet, in octets from the batch's start.
    pub offset: u32,
    /// Octets captured.
    pub captured_len: u32,
    /// Octets on the wire.
    pub original_len: u32,
    /// Interface index, counted through the whole input.
    pub interface: u32,
    /// Link type of that interface.
    pub link: LinkType,
}

/// Octets above which a buffer is not kept for the next batch.
const LARGE: usize = 4 << 20;

/// A stretch of the input in a reused buffer, and the frames found in it.
///
/// For capture files the octets are the file's own, without a gap: joined together, the batches of a
/// file from [`Batch::octets`] are the file, and everything between two frames (headers, other blocks) is there too.
#[derive(Debug, Default)]
pub struct Batch {
    /// Initialised once and, unless it is large, never shrunk: clearing it again for each batch would cost a write of every
    /// octet.
    pub(crate) buffer: Vec<u8>,
    /// How many octets of `buffer` belong to the batch.
    pub(crate) filled: usize,
    pub(crate) frames: Vec<Located>,
    pub(crate) first_number: u64,
    pub(crate) position: u64,
    pub(crate) sections: Sections,
    pub(crate) oddities: Oddities,
    /// Names of the interfaces met so far, where the capture gives them.
    pub(crate) names: Arc<Vec<Option<String>>>,
}

/// Packets whose time stamp is not what it should be, or whose interface is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Oddities {
    /// Their fraction of a second is a second or more.
    pub(crate) fractions: u64,
    /// They are before 1970 or after 2554, which [`Timestamp`] cannot hold.
    pub(crate) beyond: u64,
    /// Their interface has a name that found no room.
    pub(crate) unnamed: u64,
}

impl Oddities {
    /// Adds those of others.
    pub(crate) fn add(&mut self, others: Self) {
        self.fractions += others.fractions;
        self.beyond += others.beyond;
        self.unnamed += others.unnamed;
    }
}

/// What must be known of the part of a pcapng file before a batch to read the blocks in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sections {
    /// Numbers of the section at hand are big-endian.
    pub(crate) big_endian: bool,
    /// Sections begun.
    pub(crate) begun: u64,
}

impl Batch {
    /// An empty batch whose buffers grow on first use and are kept after that.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the batch: its next frame is number `first_number`, its next octet lies at `position` of the input.
    pub(crate) fn begin(&mut self, first_number: u64, position: u64) {
        // What a large record needed, the next one rarely does.
        if self.buffer.len() > LARGE {
            self.buffer = Vec::new();
        }
        self.filled = 0;
        self.frames.clear();
        self.first_number = first_number;
        self.position = position;
    }

    /// Appends octets that are no frame, and returns where they begin.
    pub(crate) fn extend(&mut self, octets: &[u8]) -> usize {
        let start = self.filled;
        let end = start + octets.len();
        if end > self.buffer.len() {
            self.buffer.resize(end.max(self.buffer.len() * 2), 0);
        }
        self.buffer[start..end].copy_from_slice(octets);
        self.filled = end;
        start
    }

    /// Appends a frame that did not come out of a capture file.
    pub fn push(&mut self, frame: &Frame<'_>) {
        let offset = self.extend(frame.octets) as u32;
        self.frames.push(Located {
            time: frame.time,
            record: offset,
            offset,
            captured_len: frame.octets.len() as u32,
            original_len: frame.original_len,
            interface: frame.interface,
            link: frame.link,
        });
    }

    /// Number of frames in the batch.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether the batch holds no frame.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The frames in capture order.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'_>> {
        self.frames.iter().enumerate().map(|(index, located)| self.framed(index, located))
    }

    /// The frame of that index, from 0.
    ///
    /// # Panics
    /// Where the batch has fewer frames.
    #[inline]
    pub(crate) fn frame(&self, index: usize) -> Frame<'_> {
        self.framed(index, &self.frames[index])
    }

    #[inline]
    fn framed(&self, index: usize, located: &Located) -> Frame<'_> {
        Frame {
            number: self.first_number + index as u64,
            time: located.time,
            interface: located.interface,
            link: located.link,
            octets: self.slice(located),
            original_len: located.original_len,
        }
    }

    /// All octets of the stretch, frames and what lies between them.
    pub fn octets(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// What lies before the first frame: a file's header, or blocks without a frame.
    pub fn head(&self) -> &[u8] {
        let end = self.frames.first().map_or(self.octets().len(), |located| located.record as usize);
        self.octets().get(..end).unwrap_or_default()
    }

    /// The record or block of each frame, and what lies between it and the next one.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.record(index))
    }

    /// The record or block of the frame of that index, from 0, and what lies between it and the next one.
    pub(crate) fn record(&self, index: usize) -> &[u8] {
        let start = |located: &Located| located.record as usize;
        let begin = self.frames.get(index).map_or(usize::MAX, start);
        let end = self.frames.get(index + 1).map_or(self.filled, start);
        self.octets().get(begin..end).unwrap_or_default()
    }

    /// Where each frame lies in [`Batch::octets`].
    pub fn located(&self) -> &[Located] {
        &self.frames
    }

    /// Offset of the stretch in the (decompressed) input, in octets.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The names of the interfaces met so far.
    pub(crate) fn names(&self) -> &[Option<String>] {
        &self.names
    }

    /// The name of an interface, where the capture gives one.
    pub(crate) fn interface_name(&self, interface: u32) -> Option<&str> {
        self.names.get(interface as usize)?.as_deref()
    }

    /// The sections before the batch.
    pub(crate) fn sections(&self) -> Sections {
        self.sections
    }

    fn slice(&self, located: &Located) -> &[u8] {
        let start = located.offset as usize;
        self.octets().get(start..start + located.captured_len as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_counts_as_long_as_it_can_be() {
        let counted = |link, captured: usize, original_len| {
            let octets = vec![0; captured];
            let frame = Frame { number: 1, time: None, interface: 0, link, octets: &octets, original_len };
            assert_eq!(frame.has_implausible_len(), frame.counted_len() != original_len);
            frame.counted_len()
        };
        let of_ethernet = |captured, original| counted(LinkType::ETHERNET, captured, original);
        // Up to 65,600 octets whatever was captured.
        assert_eq!(of_ethernet(0, 65_600), 65_600);
        assert_eq!(of_ethernet(0, 65_601), 0);
        // 64 times 1,025 octets are 65,600.
        assert_eq!(of_ethernet(1_025, 65_601), 1_025);
        assert_eq!(of_ethernet(1_026, 65_601), 65_601);
        assert_eq!(of_ethernet(1_026, 65_664), 65_664);
        assert_eq!(of_ethernet(1_026, 65_665), 1_026);
        // 256 KiB at most, of which 64 times 4,096 octets were captured.
        assert_eq!(of_ethernet(4_096, 262_144), 262_144);
        assert_eq!(of_ethernet(4_095, 262_144), 4_095);
        assert_eq!(of_ethernet(200_000, 262_145), 200_000);
        assert_eq!(of_ethernet(60, u32::MAX), 60);
        // Less than was captured is told elsewhere.
        assert_eq!(of_ethernet(60, 0), 0);
        // A USB transfer may be longer than any frame: 128 MiB at most.
        let usb = |captured, original| counted(LinkType(249), captured, original);
        assert_eq!(usb(4_097, 262_145), 262_145);
        assert_eq!(usb(2 << 20, 128 << 20), 128 << 20);
        assert_eq!(usb(3 << 20, (128 << 20) + 1), 3 << 20);
    }
}
