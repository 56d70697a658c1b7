//! DNS messages in several segments of TCP: two octets of length, then the message (RFC 1035 section 4.2.2), sent as
//! the stream goes and captured in any order (RFC 7766 section 8).

use super::{Message, Reassembly};
use crate::{
    decode::{Headers, Network, Phase},
    packet::Timestamp,
};

/// Where the octets of a segment belong that are no whole messages by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Segment {
    /// Sequence number of the first one.
    start: u32,
    /// A message begins there: they follow a whole one.
    begins: bool,
    /// The segment opens a connection; an earlier one between the same ports is over.
    opens: bool,
}

impl Segment {
    /// What a segment, whose first `whole` octets are whole messages, may add to messages in several; `None` where that
    /// is nothing.
    pub(crate) fn of<'a>(headers: &Headers, payload: &'a [u8], whole: usize) -> Option<(Self, &'a [u8])> {
        let opens = matches!(headers.phase, Phase::Open | Phase::Accept);
        let rest = payload.get(whole..).unwrap_or_default();
        if rest.is_empty() && !opens {
            return None;
        }
        // A SYN takes a sequence number of its own.
        let start = headers.sequence.wrapping_add(whole as u32).wrapping_add(opens.into());
        Some((Self { start, begins: whole > 0, opens }, rest))
    }
}

/// Puts messages in several segments together.
///
/// Segments that consist of whole messages are not needed here: what goes before one ends with a message. Where messages
/// begin is known behind such a segment and behind a message that was put together; else each segment may begin
/// with one, and a length is believed once as many octets are there and are sound. So reading may begin in the middle of a
/// stream, and goes on behind a hole.
///
/// Bounded: [`Self::MAX_STREAMS`] directions of connections at a time, the one that was silent longest leaves first;
/// [`Self::MAX_OCTETS`] in [`Self::MAX_RUNS`] runs of each; [`Reassembly::TIMEOUT`] of silence.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: Vec<Stream>,
    whole: Vec<u8>,
    dropped: u64,
}

/// One direction of a connection.
#[derive(Debug)]
struct Stream {
    network: Network,
    ports: (u16, u16),
    last: Option<Timestamp>,
    /// Octets that wait for others; no two runs touch or overlap.
    runs: Vec<Run>,
    /// Where messages were that are complete, start and length: what is repeated of them is passed over.
    done: Vec<(u32, u32)>,
}

/// Octets without a hole.
#[derive(Debug)]
struct Run {
    start: u32,
    octets: Vec<u8>,
    /// Where messages may begin, in ascending order.
    begins: Vec<usize>,
    /// A message does begin at the start.
    sure: bool,
}

/// What lies behind a place where a message may begin.
enum Framed {
    /// More octets are needed to tell.
    Short,
    /// A sound message, which ends after so many octets.
    Message(usize),
    Broken,
}

impl Streams {
    /// Most directions of connections at a time.
    pub(super) const MAX_STREAMS: usize = 64;
    /// Most octets that wait in a stream: two messages of the greatest length.
    pub(super) const MAX_OCTETS: usize = 128 << 10;
    /// Most runs of octets in a stream, with holes between them.
    pub(super) const MAX_RUNS: usize = 32;

    /// Takes the octets of a segment. Returns whether that completes messages.
    pub(super) fn push(
        &mut self,
        time: Option<Timestamp>,
        headers: &Headers,
        segment: Segment,
        octets: &[u8],
    ) -> bool {
        self.whole.clear();
        let late = |last: Option<Timestamp>| {
            time.zip(last).is_some_and(|(time, last)| time.since(last) > Reassembly::TIMEOUT)
        };
        self.streams.retain(|stream| !late(stream.last));
        let Some(ports) = headers.ports else { return false };
        let is_it = |stream: &Stream| stream.ports == ports && stream.network == headers.network;
        if segment.opens {
            self.streams.retain(|stream| !is_it(stream));
        }
        if octets.is_empty() {
            return false;
        }
        let at = self.streams.iter().position(is_it).unwrap_or_else(|| {
            self.make_room();
            let network = headers.network;
            self.streams.push(Stream { network, ports, last: time, runs: Vec::new(), done: Vec::new() });
            self.streams.len() - 1
        });
        let stream = &mut self.streams[at];
        stream.last = time.max(stream.last);
        self.dropped += u64::from(!stream.add(segment, octets));
        stream.take(&mut self.whole);
        !self.whole.is_empty()
    }

    /// The messages that were completed last, each behind its length.
    pub(super) fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// How often octets of a stream were given up for want of room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Lets a stream go where there are too many: one in which nothing waits, if there is any.
    fn make_room(&mut self) {
        if self.streams.len() < Self::MAX_STREAMS {
            return;
        }
        let order = |stream: &Stream| (!stream.runs.is_empty(), stream.last);
        let oldest = self.streams.iter().enumerate().min_by_key(|(_, stream)| order(stream));
        if let Some((oldest, _)) = oldest {
            self.dropped += u64::from(!self.streams.remove(oldest).runs.is_empty());
        }
    }
}

impl Stream {
    /// Most ranges of complete messages that are remembered, and the length of one.
    const MAX_DONE: usize = 16;
    const MAX_DONE_LEN: u32 = 1 << 20;

    /// Takes what is new of a segment. Returns whether there was room without giving up what waits.
    fn add(&mut self, segment: Segment, octets: &[u8]) -> bool {
        let mut has_room = true;
        let mut rest = octets;
        let mut place = segment.start;
        while !rest.is_empty() {
            let left = |(start, len): (u32, u32)| len.checked_sub(place.wrapping_sub(start));
            let skipped = self.ranges().filter_map(left).find(|&left| left > 0);
            // Sequence numbers go round: what is behind is far ahead.
            let ahead = || self.ranges().map(|(start, _)| start.wrapping_sub(place)).min();
            let len = skipped.or_else(ahead).map_or(rest.len(), |len| rest.len().min(len as usize));
            let (part, more) = rest.split_at(len);
            if skipped.is_none() {
                has_room &= self.insert(place, part, segment.begins && place == segment.start);
            }
            rest = more;
            place = place.wrapping_add(len as u32);
        }
        has_room
    }

    /// Starts and lengths of all that is there or was.
    fn ranges(&self) -> impl Iterator<Item = (u32, u32)> {
        let runs = self.runs.iter().map(|run| (run.start, run.octets.len() as u32));
        self.done.iter().copied().chain(runs)
    }

    /// Takes octets that are new. Returns whether there was room without giving up what waits.
    fn insert(&mut self, start: u32, octets: &[u8], begins: bool) -> bool {
        let held: usize = self.runs.iter().map(|run| run.octets.len()).sum();
        let has_room = held + octets.len() <= Streams::MAX_OCTETS && self.runs.len() < Streams::MAX_RUNS;
        if !has_room {
            self.runs.clear();
        }
        if octets.len() > Streams::MAX_OCTETS {
            return false;
        }
        let end = start.wrapping_add(octets.len() as u32);
        let before = self.runs.iter().position(|run| run.end() == start).map(|at| self.runs.remove(at));
        let after = self.runs.iter().position(|run| run.start == end).map(|at| self.runs.remove(at));
        let sure = begins || self.done.iter().any(|(from, len)| from.wrapping_add(*len) == start);
        let mut run = before.unwrap_or_else(|| Run { start, octets: Vec::new(), begins: Vec::new(), sure });
        run.append(octets, &[0]);
        if let Some(after) = after {
            run.append(&after.octets, &after.begins);
        }
        self.runs.push(run);
        has_room
    }

    /// Moves messages that are complete to the end of `whole`.
    fn take(&mut self, whole: &mut Vec<u8>) {
        let mut at = 0;
        while let Some(run) = self.runs.get_mut(at) {
            let Some((from, to)) = run.message() else {
                at += 1;
                continue;
            };
            whole.extend_from_slice(&run.octets[from..to]);
            let start = run.start.wrapping_add(from as u32);
            let rest = run.cut(from, to);
            if run.octets.is_empty() {
                self.runs.remove(at);
            } else {
                // What is left before it may still be the end of another message.
                at += 1;
            }
            if !rest.octets.is_empty() {
                self.runs.insert(at, rest);
            }
            self.finish(start, (to - from) as u32);
        }
    }

    /// Remembers that there is a message which is complete.
    fn finish(&mut self, start: u32, len: u32) {
        let Some(range) = self.done.iter_mut().find(|range| range.0.wrapping_add(range.1) == start) else {
            if self.done.len() >= Self::MAX_DONE {
                self.done.remove(0);
            }
            return self.done.push((start, len));
        };
        range.1 += len;
        let beyond = range.1.saturating_sub(Self::MAX_DONE_LEN);
        *range = (range.0.wrapping_add(beyond), range.1 - beyond);
    }
}

impl Run {
    /// Most places that are tried.
    const MAX_BEGINS: usize = 16;

    fn end(&self) -> u32 {
        self.start.wrapping_add(self.octets.len() as u32)
    }

    /// Goes on with octets in which messages may begin at these places.
    fn append(&mut self, octets: &[u8], begins: &[usize]) {
        let room = Self::MAX_BEGINS.saturating_sub(self.begins.len());
        let len = self.octets.len();
        self.begins.extend(begins.iter().take(room).map(|begin| len + begin));
        self.octets.extend_from_slice(octets);
    }

    /// Where the first message lies that is complete, with its length.
    fn message(&mut self) -> Option<(usize, usize)> {
        let mut index = 0;
        while let Some(&begin) = self.begins.get(index) {
            let sure = self.sure && begin == 0;
            match framed(&self.octets[begin..], sure) {
                Framed::Message(len) => return Some((begin, begin + len)),
                Framed::Short if sure => return None,
                Framed::Short => index += 1,
                // More octets do not change that.
                Framed::Broken => {
                    self.begins.remove(index);
                    self.sure &= !sure;
                }
            }
        }
        None
    }

    /// Keeps what is before a message and returns what is behind it.
    fn cut(&mut self, from: usize, to: usize) -> Self {
        let octets = self.octets.split_off(to);
        self.octets.truncate(from);
        let behind = self.begins.iter().filter(|&&begin| begin > to).map(|begin| begin - to);
        let begins = std::iter::once(0).chain(behind).take(Self::MAX_BEGINS).collect();
        self.begins.retain(|&begin| begin < from);
        Self { start: self.start.wrapping_add(to as u32), octets, begins, sure: true }
    }
}

/// Reads a length and the message behind it. Where a message need not begin there, it must say something.
fn framed(octets: &[u8], sure: bool) -> Framed {
    let Some((len, rest)) = octets.split_first_chunk() else { return Framed::Short };
    let len = usize::from(u16::from_be_bytes(*len));
    let Some(octets) = rest.get(..len) else { return Framed::Short };
    let says = |message: &Message<'_>| sure || message.octets()[4..12] != [0; 8];
    match Message::new(octets).filter(says) {
        Some(message) if message.damage().is_none() => Framed::Message(2 + len),
        _ => Framed::Broken,
    }
}

#[cfg(test)]
mod tests;
