//! What is odd about a packet.

use super::Record;
use crate::{
    decode::{Fragment, Piece, Reason, Stopped},
    packet::{Timestamp, TransportProtocol},
    text::number::decimal,
};

/// One thing that is odd about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Less was captured than was on the wire.
    Truncated {
        /// Octets captured.
        captured: u64,
        /// Octets on the wire.
        original: u64,
    },
    /// No packet can have had the length that the capture says it had on the wire.
    Implausible {
        /// Octets captured.
        captured: u64,
        /// Octets on the wire, as the capture says.
        original: u64,
    },
    /// More was captured than was on the wire, as the capture says.
    Beyond {
        /// Octets captured.
        captured: u64,
        /// Octets on the wire, as the capture says.
        original: u64,
    },
    /// The fraction of a second in its time stamp is a second or more; in the file's units.
    Fraction(u32),
    /// Its time is before 1970 or after 2554; as the file has it, in units of its interface's clock.
    OddTime(u64),
    /// Decoding went no further than here.
    Stopped(Stopped),
    /// It is an aggregate, of which only the first frame was read.
    Aggregate {
        /// Frames behind the first.
        further: u16,
    },
    /// It is a piece of a packet that is not put together.
    Piece(Piece),
    /// It is a fragment.
    Fragment {
        /// Which part of its datagram.
        fragment: Fragment,
        /// Whether it is the first and ends before its ports.
        portless: bool,
        /// Whether it holds no more than the least there can be.
        tiny: bool,
        /// Whether it overlaps another of its datagram.
        overlaps: bool,
        /// Octets of payload of the datagram that it completes as the last of its fragments to come.
        completes: Option<usize>,
    },
}

impl Record<'_> {
    /// What is odd about the packet, one call of `note` each.
    #[inline]
    pub fn notes(&self, mut note: impl FnMut(Note)) {
        let captured = self.frame.octets.len() as u64;
        let original = u64::from(self.frame.original_len);
        if self.frame.has_implausible_len() {
            note(Note::Implausible { captured, original });
        } else if captured < original {
            note(Note::Truncated { captured, original });
        } else if captured > original {
            note(Note::Beyond { captured, original });
        }
        if let Some(odd) = self.odd_time() {
            note(odd);
        }
        if let Some(stopped) = self.headers.stopped {
            note(Note::Stopped(stopped));
        }
        if self.headers.further > 0 {
            note(Note::Aggregate { further: self.headers.further });
        }
        if let Some(piece) = self.headers.piece {
            note(Note::Piece(piece));
        }
        if let Some(fragment) = self.headers.fragment {
            note(Note::Fragment {
                fragment,
                portless: fragment.offset == 0
                    && self.headers.ports.is_none()
                    && self.headers.protocol == TransportProtocol::TCP,
                tiny: self.is_tiny_fragment(),
                overlaps: self.overlaps,
                completes: self.whole.map(|(_, whole)| whole.len()),
            });
        }
    }

    /// What is odd about its time, as its record or block tells.
    #[inline]
    fn odd_time(&self) -> Option<Note> {
        let head = self.raw.first_chunk()?;
        match self.frame.time {
            // The seconds of a pcap record, as nearly all are.
            Some(time) if u32::from_le_bytes(*head) == time.seconds() as u32 => None,
            Some(time) => self.odd_fraction(time.0),
            None => self.time_raw().map(Note::OddTime),
        }
    }

    #[inline(never)]
    fn odd_fraction(&self, time: u64) -> Option<Note> {
        let &[a, b, c, d, e, f, g, h] = self.raw.first_chunk()?;
        let orders = [u32::from_le_bytes, u32::from_be_bytes];
        let fractions = orders.into_iter().flat_map(|number| {
            let (seconds, fraction) = (u64::from(number([a, b, c, d])), u64::from(number([e, f, g, h])));
            let unit = [1, 1_000].into_iter().find(|unit| {
                fraction * unit >= Timestamp::SECOND && seconds * Timestamp::SECOND + fraction * unit == time
            });
            unit.map(|_| Note::Fraction(fraction as u32))
        });
        fractions.into_iter().next()
    }

    /// Its time where that is before 1970 or after 2554: as an Enhanced Packet Block, or an obsolete Packet Block, has it, in
    /// units of its interface's clock.
    #[inline]
    pub fn time_raw(&self) -> Option<u64> {
        if self.frame.time.is_some() { None } else { self.ticks() }
    }

    /// The time of a packet block; other blocks have none.
    #[cold]
    fn ticks(&self) -> Option<u64> {
        let word = |at: usize| self.raw.get(at..).and_then(|rest| rest.first_chunk().copied());
        let orders = [u32::from_le_bytes, u32::from_be_bytes];
        let number = orders.into_iter().find(|number| matches!(word(0).map(number), Some(2 | 6)))?;
        let (high, low) = (number(word(12)?), number(word(16)?));
        Some(u64::from(high) << 32 | u64::from(low))
    }

    /// Whether it is a fragment that other fragments follow, with no more payload than the least there can be.
    fn is_tiny_fragment(&self) -> bool {
        /// Offsets of fragments count in these.
        const UNIT: u32 = 8;
        let headers = self.headers;
        let header =
            if headers.ports.is_some() && headers.protocol == TransportProtocol::UDP { UNIT } else { 0 };
        let present = headers.payload_len + header;
        let cut = (self.frame.octets.len() as u32) < self.frame.original_len;
        headers.fragment.is_some_and(|fragment| fragment.more && present <= UNIT && !cut)
    }
}

impl Note {
    /// Appends it as text: words, numbers and marks that are harmless everywhere.
    pub fn write(&self, text: &mut Vec<u8>) {
        match *self {
            Self::Truncated { captured, original } => {
                text.extend_from_slice(b"truncated: ");
                decimal(captured, text);
                text.extend_from_slice(b" of ");
                decimal(original, text);
                text.extend_from_slice(b" octets captured");
            }
            Self::Beyond { captured, original } => {
                text.extend_from_slice(b"length contradicts itself: ");
                decimal(captured, text);
                text.extend_from_slice(b" octets captured of ");
                decimal(original, text);
                text.extend_from_slice(b" on the wire");
            }
            Self::Implausible { captured, original } => {
                text.extend_from_slice(b"length implausible: ");
                decimal(original, text);
                text.extend_from_slice(b" octets on the wire, ");
                decimal(captured, text);
                text.extend_from_slice(b" captured");
            }
            Self::Fraction(fraction) => {
                text.extend_from_slice(b"fraction of a second out of range: ");
                decimal(fraction.into(), text);
            }
            Self::OddTime(ticks) => {
                text.extend_from_slice(b"time before 1970 or after 2554: ");
                decimal(ticks, text);
                text.extend_from_slice(b" units of the interface's clock");
            }
            Self::Stopped(stopped) => {
                text.extend_from_slice(stopped.layer.as_bytes());
                text.extend_from_slice(b" at offset ");
                decimal(stopped.offset.into(), text);
                text.extend_from_slice(b": ");
                match stopped.reason {
                    Reason::Truncated { needed, present } => {
                        text.extend_from_slice(b"needs ");
                        decimal(needed.into(), text);
                        text.extend_from_slice(b" octets, ");
                        decimal(present.into(), text);
                        text.extend_from_slice(b" present");
                    }
                    Reason::Malformed(what) => text.extend_from_slice(what.as_bytes()),
                    Reason::TooDeep => text.extend_from_slice(b"nested too deep"),
                }
            }
            Self::Aggregate { further } => {
                text.extend_from_slice(b"aggregate: ");
                decimal(further.into(), text);
                text.extend_from_slice(b" further frames not read");
            }
            Self::Piece(piece) => text.extend_from_slice(piece.as_str().as_bytes()),
            Self::Fragment { fragment, portless, tiny, overlaps, completes } => {
                text.extend_from_slice(b"fragment: offset ");
                decimal(fragment.offset.into(), text);
                text.extend_from_slice(b" of datagram ");
                decimal(fragment.id.into(), text);
                for (holds, words) in [
                    (portless, &b", too small for its ports"[..]),
                    (tiny, b", tiny"),
                    (overlaps, b", overlaps another"),
                ] {
                    if holds {
                        text.extend_from_slice(words);
                    }
                }
                if let Some(octets) = completes {
                    text.extend_from_slice(b", completes ");
                    decimal(octets as u64, text);
                    text.extend_from_slice(b" octets");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::Headers,
        naming::label::Label,
        packet::{Frame, LinkType},
    };

    fn notes(headers: &Headers, captured: &[u8], original_len: u32, whole: Option<&[u8]>) -> Vec<String> {
        let link = LinkType::ETHERNET;
        let frame = Frame { number: 1, time: None, interface: 0, link, octets: captured, original_len };
        of_record(headers, frame, &[], whole)
    }

    fn of_record(headers: &Headers, frame: Frame<'_>, raw: &[u8], whole: Option<&[u8]>) -> Vec<String> {
        let label = Label::default();
        let record = Record {
            file: None,
            frame,
            interface_name: None,
            raw,
            previous: None,
            began: None,
            headers,
            service: None,
            tuple: None,
            label: &label,
            places: [None; 2],
            held: [None; 2],
            named: None,
            about: None,
            whole: whole.map(|octets| ((5353, 5353), octets)),
            overlaps: false,
            community_id: None,
        };
        let mut all = Vec::new();
        record.notes(|note| {
            let mut text = Vec::new();
            note.write(&mut text);
            all.push(String::from_utf8(text).unwrap());
        });
        all
    }

    #[test]
    fn what_is_odd_about_its_time() {
        let of = |time: Option<u64>, raw: &[u8]| {
            let (link, time) = (LinkType::ETHERNET, time.map(Timestamp));
            let frame = Frame { number: 1, time, interface: 0, link, octets: &[], original_len: 0 };
            of_record(&Headers::default(), frame, raw, None)
        };
        // 7 s and 1,500,000 us; 7 s and 2,000,000,000 ns.
        let micro = ["fraction of a second out of range: 1500000"];
        let nano = ["fraction of a second out of range: 2000000000"];
        for bytes in [u32::to_le_bytes, u32::to_be_bytes] {
            let record = |fraction| [7, fraction, 0, 0].map(bytes).concat();
            assert_eq!(of(Some(8_500_000_000), &record(1_500_000)), micro);
            assert_eq!(of(Some(9_000_000_000), &record(2_000_000_000)), nano);
            assert!(of(Some(7_999_999_000), &record(999_999)).is_empty());
            // An Enhanced Packet Block whose time no stamp can hold, and one that has no time.
            let block = |kind| [kind, 32, 0, 1, 2].map(bytes).concat();
            assert_eq!(
                of(None, &block(6)),
                ["time before 1970 or after 2554: 4294967298 units of the interface's clock"]
            );
            assert!(of(None, &block(3)).is_empty());
            assert!(of(None, &block(6)[..19]).is_empty());
            assert!(of(Some(5), &block(6)).is_empty());
        }
        assert!(of(Some(5), &[]).is_empty() && of(None, &[]).is_empty());
    }

    #[test]
    fn what_is_odd_about_a_packet() {
        let sound = Headers::default();
        assert!(notes(&sound, &[0; 60], 60, None).is_empty());
        assert_eq!(notes(&sound, &[0; 54], 1460, None), ["truncated: 54 of 1460 octets captured"]);
        let beyond = ["length contradicts itself: 60 octets captured of 42 on the wire"];
        assert_eq!(notes(&sound, &[0; 60], 42, None), beyond);
        // In place of "truncated": nobody knows of how many octets.
        let implausible = ["length implausible: 538976288 octets on the wire, 50 captured"];
        assert_eq!(notes(&sound, &[0; 50], 538_976_288, None), implausible);
        assert_eq!(notes(&sound, &[0; 50], 65_600, None), ["truncated: 50 of 65600 octets captured"]);
        let stopped = |reason| Headers {
            stopped: Some(Stopped { layer: "tcp", offset: 34, reason }),
            ..Headers::default()
        };
        let cut = stopped(Reason::Truncated { needed: 20, present: 4 });
        assert_eq!(notes(&cut, &[], 0, None), ["tcp at offset 34: needs 20 octets, 4 present"]);
        let deep = stopped(Reason::TooDeep);
        assert_eq!(notes(&deep, &[], 0, None), ["tcp at offset 34: nested too deep"]);
        let aggregate = Headers { further: 2, ..Headers::default() };
        assert_eq!(notes(&aggregate, &[], 0, None), ["aggregate: 2 further frames not read"]);
        let piece = Headers { piece: Some(Piece::Multilink), ..Headers::default() };
        assert_eq!(notes(&piece, &[], 0, None), ["a fragment of PPP multilink, not put together"]);
        let fragment = |offset, more, payload_len| Headers {
            fragment: Some(Fragment { id: 7, offset, more }),
            protocol: TransportProtocol::UDP,
            payload_len,
            ..Headers::default()
        };
        assert_eq!(notes(&fragment(1480, true, 1480), &[], 0, None), ["fragment: offset 1480 of datagram 7"]);
        let tiny = notes(&fragment(8, true, 8), &[], 0, None);
        assert_eq!(tiny, ["fragment: offset 8 of datagram 7, tiny"]);
        let last = notes(&fragment(16, false, 3), &[], 0, Some(b"nineteen octets in all"));
        assert_eq!(last, ["fragment: offset 16 of datagram 7, completes 22 octets"]);
    }
}
