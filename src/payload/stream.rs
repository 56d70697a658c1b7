//! First octets of one direction of a TCP connection, in order of sequence number.

use std::slice;

use prefetch_index::prefetch_index;

use super::gist::{Gist, Words};
use super::reader::{Reader, check};
use super::seen::Seen;
use super::sight::Sight;
use super::turns;

/// What was seen of the first octets of a stream: 256 of them, and up to [`turns::BOUND`] where they show
/// a protocol that can turn to another one.
///
/// The first 256 octets are a function of the *set* of segments, but for octets that were sent twice and
/// differ, where the first one stays: so stretches of a capture can be learned apart and joined in order.
/// The stream begins with the octet after the SYN, else with the lowest octet seen; a segment that is more
/// than [`Stream::BACK`] below is of another time. (Only where segments of several such times are mixed does
/// it matter which came first.)
///
/// What lies behind them is kept once the octets seen so far without a hole show that it may be wanted. So
/// it depends on the order there: what came before those octets is not kept, nor is what a later stretch of
/// the capture saw more than 256 octets behind its own first one, unless that stretch, too, begins with
/// what shows such a protocol.
pub(super) struct Stream(Box<Kept>);

/// What all octets say that are kept of most streams.
pub(super) struct Complete {
    pub(super) gist: Gist,
    /// Whether that will do without them.
    pub(super) is_enough: bool,
}

impl Complete {
    /// Of these octets; `wire` is the length of the first segment.
    fn of(octets: &[u8], wire: u32) -> Self {
        let gist = Gist::of_stream(Sight::new(octets, wire as usize));
        let is_enough = gist.needs_no_octets() && turns::wanted(octets, 0) < Stream::KEPT.into();
        Self { gist, is_enough }
    }
}

/// A stream in one allocation: the octets grow with what is needed of them.
struct Kept<Octets: ?Sized = [u8]> {
    head: Head,
    octets: Octets,
}

/// All but the octets.
#[derive(Clone)]
struct Head {
    /// Sequence number of the first octet.
    base: u32,
    /// Lowest sequence number that a SYN gave as the first, if it lies within the octets kept.
    begins: Option<Begin>,
    /// Length on the wire of the first segment that began at `base`, and of the one that began behind it; 0
    /// for none.
    lengths: [u32; 2],
    /// How far above `base` the highest segment began.
    reach: u32,
    /// Octets that were seen without a hole, from the first.
    whole: u16,
    /// Octets from the first to the last one kept.
    end: u16,
    /// Octets to keep, as far as those before tell.
    wanted: u16,
    /// What the octets say, once all that are kept of most streams are there.
    gist: Option<Gist>,
    /// Which octets were seen, where there is a hole.
    seen: Option<Box<Seen>>,
}

/// Where a SYN says that the stream begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Begin {
    /// With the first octet kept.
    First,
    /// With the one behind it: the first is a keep-alive's.
    Second,
}

impl Begin {
    /// The place `distance` octets above the first one.
    fn at(distance: u32) -> Option<Self> {
        match distance {
            0 => Some(Self::First),
            1 => Some(Self::Second),
            _ => None,
        }
    }
}

impl Stream {
    /// Octets kept of most streams: those looked at, and one that may turn out to be a keep-alive's.
    const KEPT: u16 = Sight::BOUND as u16 + 1;

    /// Most octets that are ever kept.
    pub(super) const LIMIT: u16 = turns::BOUND as u16 + 1;

    /// How far below the first octet a segment may lie to become the first: beyond, the sequence numbers
    /// have run round, or the segment belongs to an older connection.
    const BACK: u32 = 1 << 20;

    /// How far above the first octet a segment must begin for holes before it to be given up.
    const FAR: u32 = 1 << 16;

    /// Tells the memory system to fetch what a segment is compared with.
    #[inline]
    pub(super) fn ask(&self) {
        prefetch_index(slice::from_ref(&self.0.head), 0);
    }

    /// A stream of which nothing but the place of its first octet is known, with room for some octets.
    fn at(base: u32, room: usize) -> Self {
        let head = Head {
            base,
            begins: None,
            lengths: [0; 2],
            reach: 0,
            whole: 0,
            end: 0,
            wanted: Self::KEPT,
            gist: None,
            seen: None,
        };
        Self::with(head, room)
    }

    /// A head, and room for octets: as few sizes as keep growing cheap.
    fn with(head: Head, room: usize) -> Self {
        Self(match room {
            0..=64 => Box::new(Kept { head, octets: [0; 64] }),
            65..=128 => Box::new(Kept { head, octets: [0; 128] }),
            129..=257 => Box::new(Kept { head, octets: [0; Self::KEPT as usize] }),
            258..=1_024 => Box::new(Kept { head, octets: [0; 1_024] }),
            _ => Box::new(Kept { head, octets: [0; Self::LIMIT as usize] }),
        })
    }

    /// A stream whose SYN was seen, and nothing else, with room for some octets.
    pub(super) fn begun(first: u32, room: usize) -> Self {
        let mut stream = Self::at(first, room.min(Self::KEPT.into()));
        stream.0.head.begins = Some(Begin::First);
        stream
    }

    /// The first sequence number, where a SYN and nothing else was seen.
    pub(super) fn only_begun(&self) -> Option<u32> {
        let head = &self.0.head;
        let is_empty = head.end == 0 && head.lengths == [0; 2] && head.reach == 0;
        (is_empty && head.begins == Some(Begin::First)).then_some(head.base)
    }

    /// The stream that one segment shows: a SYN, octets, or both; `None` where it shows nothing.
    ///
    /// `octets` are those captured of the `wire` octets of payload.
    pub(super) fn segment(sequence: u32, is_syn: bool, octets: &[u8], wire: u32) -> Option<Self> {
        if !is_syn && wire == 0 {
            return None;
        }
        // RFC 9293 section 3.4: the SYN takes up the first sequence number.
        let first = sequence.wrapping_add(u32::from(is_syn));
        let mut stream = Self::at(first, octets.len().min(Self::KEPT.into()));
        stream.0.head.begins = is_syn.then_some(Begin::First);
        stream.0.head.lengths[0] = wire;
        stream.put(0, octets.get(..wire as usize).unwrap_or(octets));
        Some(stream)
    }

    /// What a stream says that shows all with its first octets, which are looked at where they lie.
    #[inline]
    pub(super) fn complete_at_once(octets: &[u8], wire: u32) -> Option<Complete> {
        let octets = octets.get(..wire as usize).unwrap_or(octets);
        Some(Complete::of(octets.get(..Self::KEPT.into())?, wire))
    }

    /// The same, where this segment goes on with the stream and completes it.
    pub(super) fn completed_by(&self, sequence: u32, octets: &[u8], wire: u32) -> Option<Complete> {
        let Kept { head, octets: kept } = &*self.0;
        let whole = usize::from(head.whole);
        let goes_on = whole > 0 && head.whole == head.end && head.wanted == Self::KEPT;
        check(goes_on && sequence.wrapping_sub(head.base) == u32::from(head.whole))?;
        check(whole < usize::from(Self::KEPT) && self.skipped() == 0 && head.lengths[0] > 0)?;
        let octets = octets.get(..wire as usize).unwrap_or(octets);
        let mut all = [0; Self::KEPT as usize];
        all.get_mut(..whole)?.copy_from_slice(kept.get(..whole)?);
        let rest = all.get_mut(whole..)?;
        let len = rest.len();
        rest.copy_from_slice(octets.get(..len)?);
        Some(Complete::of(&all, head.lengths[0]))
    }

    /// Notes what the octets say, so that they need not be asked once more.
    pub(super) fn said(&mut self, gist: Gist) {
        if self.0.head.whole >= Self::KEPT && self.skipped() == 0 {
            self.0.head.gist = Some(gist);
        }
    }

    /// What the octets say.
    pub(super) fn words(&self) -> Words<'_> {
        let sight = self.sight();
        let words = self.0.head.gist.map_or_else(|| Words::of(sight), |gist| Words::said(gist, sight));
        if self.is_complete() { words.of_complete() } else { words }
    }

    /// Adds a segment that was captured after all others.
    pub(super) fn add(&mut self, sequence: u32, is_syn: bool, octets: &[u8], wire: u32) {
        let head = &mut self.0.head;
        let distance = sequence.wrapping_sub(head.base);
        let below = head.base.wrapping_sub(sequence);
        if !is_syn && wire > 0 && head.whole >= head.wanted && (2..1 << 31).contains(&distance) {
            // Nearly all segments of a long stream: nothing of them is wanted.
            head.reach = head.reach.max(distance);
            return;
        }
        if is_syn && wire == 0 && distance == u32::MAX && head.begins == Some(Begin::First) {
            // The SYN once more.
            return;
        }
        if is_syn || (1..=Self::BACK).contains(&below) {
            // Both may move the first octet.
            if let Some(later) = Self::segment(sequence, is_syn, octets, wire) {
                self.join(&later);
            }
            return;
        }
        if wire == 0 {
            return;
        }
        head.stretch(distance);
        if let Some(length) = head.lengths.get_mut(distance as usize).filter(|length| **length == 0) {
            *length = wire;
        }
        self.put(distance as usize, octets.get(..wire as usize).unwrap_or(octets));
    }

    /// Adds what a later stretch of the capture showed.
    pub(super) fn join(&mut self, later: &Self) {
        let (own, other) = (&self.0.head, &later.0.head);
        let below = own.base.wrapping_sub(other.base);
        let above = other.base.wrapping_sub(own.base);
        if below != 0 && below <= Self::BACK {
            let mut joined = Self::at(other.base, usize::from(own.end.max(other.end)));
            let head = &mut joined.0.head;
            head.lengths = [0, 1].map(|at| first_of(own.length_at(other.base, at), other.lengths[at]));
            head.begins = lowest(other.begins, own.begins, below);
            head.reach = other.reach.max(own.reach.saturating_add(below));
            // Those of the earlier stretch first: where two differ, the first stays. Twice, since only the
            // first octets tell what is wanted of those behind them.
            for _ in 0..2 {
                joined.put_all(self, below as usize);
                joined.put_all(later, 0);
            }
            *self = joined;
        } else {
            let reach = other.reach.saturating_add(above);
            let lengths = [0, 1].map(|at| first_of(own.lengths[at], other.length_at(own.base, at)));
            let begins = lowest(own.begins, other.begins, above);
            let head = &mut self.0.head;
            head.stretch(reach);
            (head.lengths, head.begins) = (lengths, begins);
            for _ in 0..2 {
                self.put_all(later, above as usize);
            }
        }
        self.settle();
    }

    /// Writes it so that [`Self::read`] gives it back.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let head = &self.0.head;
        out.extend_from_slice(&head.base.to_be_bytes());
        out.push(match head.begins {
            None => 0,
            Some(Begin::First) => 1,
            Some(Begin::Second) => 2,
        });
        head.lengths.iter().for_each(|length| out.extend_from_slice(&length.to_be_bytes()));
        out.extend_from_slice(&head.reach.to_be_bytes());
        out.extend_from_slice(&head.whole.to_be_bytes());
        out.extend_from_slice(&head.end.to_be_bytes());
        if let Some(seen) = &head.seen {
            seen.write(head.end, out);
        }
        self.runs(|_, octets| out.extend_from_slice(octets));
    }

    /// Reads what [`Self::write`] wrote; octets that are none of it give `None` or a stream, never harm.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let base = reader.u32()?;
        let begins = match reader.u8()? {
            0 => None,
            above @ 1..=2 => Begin::at(u32::from(above) - 1),
            _ => return None,
        };
        let lengths = [reader.u32()?, reader.u32()?];
        let reach = reader.u32()?;
        let (whole, end) = (reader.u16()?, reader.u16()?);
        check(whole <= end && end <= Self::LIMIT)?;
        let seen = if whole < end { Seen::read(end, reader)? } else { Seen::first(whole) };
        let mut stream = Self::at(base, end.into());
        let head = &mut stream.0.head;
        (head.begins, head.lengths, head.reach, head.wanted) = (begins, lengths, reach, Self::LIMIT);
        for at in (0..usize::from(end)).filter(|&at| seen.has(at)) {
            stream.place(at, &[reader.u8()?]);
        }
        stream.settle();
        Some(stream)
    }

    /// Tells all octets in runs: the place of each run, and its octets.
    fn runs(&self, mut tell: impl FnMut(usize, &[u8])) {
        let Kept { head, octets } = &*self.0;
        let end = usize::from(head.end);
        let Some(seen) = &head.seen else {
            return tell(0, octets.get(..end).unwrap_or_default());
        };
        let mut at = 0;
        while at < end {
            let run = (at..end).take_while(|&at| seen.has(at)).count();
            tell(at, octets.get(at..at + run).unwrap_or_default());
            at += run;
            at += (at..end).take_while(|&at| !seen.has(at)).count();
        }
    }

    /// Adds what another stream holds, whose first octet lies `shift` behind the own one.
    fn put_all(&mut self, other: &Self, shift: usize) {
        other.runs(|at, octets| self.put(at.saturating_add(shift), octets));
    }

    /// Puts octets where none were seen; the others stay, as does what goes beyond the octets wanted.
    fn put(&mut self, at: usize, octets: &[u8]) {
        let before = &self.0.head;
        let (end, whole) = (at.saturating_add(octets.len()), before.whole);
        if whole >= before.wanted || octets.is_empty() || at >= Self::LIMIT.into() {
            return;
        }
        // Where a turn was waited for before, no more than the new octets can be one.
        let known = if before.wanted == Self::LIMIT { whole } else { 0 };
        self.place(at, octets);
        loop {
            let head = &self.0.head;
            let is_waited_for = head.wanted == Self::LIMIT && head.whole > known;
            if !is_waited_for && head.whole < head.wanted && end < head.wanted.into() {
                return;
            }
            let wanted = self.reckon(known);
            let grows = wanted > self.0.head.wanted;
            self.want(wanted);
            if !grows {
                return;
            }
            self.place(at, octets);
        }
    }

    /// Puts octets as [`Self::put`] does, without asking what is wanted of them.
    fn place(&mut self, at: usize, octets: &[u8]) {
        let room = usize::from(self.0.head.wanted).saturating_sub(at);
        let octets = octets.get(..room).unwrap_or(octets);
        let end = at + octets.len();
        if octets.is_empty() {
            return;
        }
        if end > self.0.octets.len() {
            let seen = self.0.head.seen.take();
            let mut larger = Self::with(Head { seen, ..self.0.head.clone() }, end);
            larger.copy(&self.0.octets);
            *self = larger;
        }
        let Kept { head, octets: kept } = &mut *self.0;
        let whole = usize::from(head.whole);
        if head.seen.is_none() && at <= whole {
            // Nearly every segment goes on where the one before it ended.
            if let Some((place, new)) = kept.get_mut(whole..end).zip(octets.get(whole - at..)) {
                place.copy_from_slice(new);
                (head.whole, head.end) = (end as u16, end as u16);
            }
            return;
        }
        let seen = head.seen.get_or_insert_with(|| Box::new(Seen::first(head.whole)));
        for ((at, &octet), place) in (at..).zip(octets).zip(kept.iter_mut().skip(at)) {
            if seen.insert(at) {
                *place = octet;
            }
        }
        head.end = head.end.max(end as u16);
        head.whole = seen.whole();
        if head.whole == head.end {
            head.seen = None;
        }
    }

    /// Overwrites what is kept, with as much as there is room for.
    fn copy(&mut self, octets: &[u8]) {
        let len = octets.len().min(self.0.octets.len());
        if let Some((place, octets)) = self.0.octets.get_mut(..len).zip(octets.get(..len)) {
            place.copy_from_slice(octets);
        }
    }

    /// How many octets are to be kept, told by those without a hole, of which the first `known` held no
    /// turn.
    fn reckon(&self, known: u16) -> u16 {
        let skipped = self.skipped();
        let octets = self.octets();
        let wanted = turns::wanted(octets, usize::from(known).saturating_sub(skipped));
        (wanted + 1).clamp(Self::KEPT.into(), Self::LIMIT.into()) as u16
    }

    /// Keeps so many octets from now on, and no more than those.
    fn want(&mut self, wanted: u16) {
        let Kept { head, octets } = &mut *self.0;
        head.wanted = wanted;
        if head.end <= wanted {
            return;
        }
        octets.iter_mut().skip(wanted.into()).for_each(|octet| *octet = 0);
        head.whole = head.whole.min(wanted);
        match head.seen.take() {
            None => head.end = wanted,
            Some(mut seen) => {
                let last = (0..usize::from(wanted)).rev().find(|&at| seen.has(at));
                head.end = last.map_or(0, |last| last as u16 + 1);
                if head.whole < head.end {
                    seen.truncate(head.end);
                    head.seen = Some(seen);
                }
            }
        }
    }

    /// Works out anew what is wanted.
    fn settle(&mut self) {
        let head = &mut self.0.head;
        // Where the stream begins may have changed.
        head.gist = None;
        let is_short = head.end <= Self::KEPT && head.whole < Self::KEPT;
        self.want(if is_short { Self::KEPT } else { self.reckon(0) });
    }

    /// Octets before those of the stream: one, if the first octet kept is a keep-alive's.
    ///
    /// RFC 9293 section 3.8.4: a keep-alive may carry one garbage octet with the number before the next to
    /// be sent. Before the first octet that number is the SYN's own; where no SYN was seen, only an octet
    /// of zero is taken for one, since streams may well begin with one octet.
    fn skipped(&self) -> usize {
        let Kept { head, octets } = &*self.0;
        let is_keep_alive = match head.begins {
            Some(begin) => begin == Begin::Second,
            None => head.lengths[0] == 1 && head.whole > 0 && octets.first() == Some(&0),
        };
        usize::from(is_keep_alive)
    }

    /// The octets of the stream without a hole.
    fn octets(&self) -> &[u8] {
        self.0.octets.get(self.skipped()..self.0.head.whole.into()).unwrap_or_default()
    }

    /// What recognisers look at.
    pub(super) fn sight(&self) -> Sight<'_> {
        let octets = self.octets();
        let wire = match self.0.head.lengths[self.skipped()] {
            0 => octets.len(),
            wire => wire as usize,
        };
        Sight::new(octets, wire)
    }

    /// Whether nothing that lies above the first octet can add to it, or will: of what is far behind a
    /// hole in the capture, the hole will not be filled any more.
    pub(super) fn is_full(&self) -> bool {
        let head = &self.0.head;
        head.whole >= head.wanted || head.reach >= Self::FAR
    }

    /// Whether all octets are there, and none of a turn.
    pub(super) fn is_complete(&self) -> bool {
        let head = &self.0.head;
        head.wanted == Self::KEPT && head.whole >= Self::KEPT
    }

    /// Octets from the first to the last one kept.
    pub(super) fn len(&self) -> usize {
        self.0.head.end.into()
    }

    /// The stream without what lies behind the octets that are kept of every stream.
    #[cfg(test)]
    pub(super) fn short(&self) -> Self {
        let mut short = self.clone();
        short.want(Self::KEPT);
        short
    }

    /// Octets that it takes in memory.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.0) + self.0.head.seen.as_deref().map_or(0, Seen::size)
    }
}

impl Clone for Stream {
    fn clone(&self) -> Self {
        let Kept { head, octets } = &*self.0;
        let mut clone = Self::with(head.clone(), head.end.into());
        clone.copy(octets);
        clone
    }
}

impl PartialEq for Stream {
    /// Whether both show the same; how much room they have is no part of it.
    fn eq(&self, other: &Self) -> bool {
        let (own, its) = (&self.0.head, &other.0.head);
        (own.base, own.begins, own.lengths, own.reach) == (its.base, its.begins, its.lengths, its.reach)
            && (own.whole, own.end, &own.seen) == (its.whole, its.end, &its.seen)
            && self.0.octets.get(..own.end.into()) == other.0.octets.get(..its.end.into())
    }
}

impl Eq for Stream {}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Head { base, begins, lengths, reach, whole, end, .. } = &self.0.head;
        let begins = begins.map(|begins| begins == Begin::First);
        write!(f, "{base} {begins:?} {lengths:?} {reach} {whole} {end}: ")?;
        write!(f, "{}", self.octets().escape_ascii())
    }
}

impl Head {
    /// Notes how far above the first octet a segment began; numbers of the upper half lie below it.
    fn stretch(&mut self, distance: u32) {
        if distance < 1 << 31 {
            self.reach = self.reach.max(distance);
        }
    }

    /// Length of the segment that began `at` octets behind `base`.
    fn length_at(&self, base: u32, at: usize) -> u32 {
        let place = base.wrapping_add(at as u32).wrapping_sub(self.base);
        self.lengths.get(place as usize).copied().unwrap_or(0)
    }
}

/// The earlier of two lengths, unless there is none.
fn first_of(earlier: u32, later: u32) -> u32 {
    if earlier == 0 { later } else { earlier }
}

/// The lower of two places, the other one told from a base that lies `shift` higher.
fn lowest(own: Option<Begin>, other: Option<Begin>, shift: u32) -> Option<Begin> {
    let other = other.and_then(|other| match other {
        Begin::First => Begin::at(shift),
        Begin::Second => Begin::at(shift.wrapping_add(1)),
    });
    own.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(segments: &[(u32, bool, &[u8])]) -> Stream {
        let mut segments = segments.iter();
        let &(sequence, is_syn, octets) = segments.next().expect("a segment");
        let mut stream =
            Stream::segment(sequence, is_syn, octets, octets.len() as u32).expect("something to see");
        for &(sequence, is_syn, octets) in segments {
            stream.add(sequence, is_syn, octets, octets.len() as u32);
        }
        stream
    }

    #[test]
    fn order_and_retransmissions_are_settled_by_number() {
        let shown = stream(&[(104, false, b"efgh"), (100, false, b"abcd"), (102, false, b"XXXX")]);
        assert_eq!(shown.sight().octets(), b"abcdefgh");
        assert_eq!(shown.sight().wire(), 4);
    }

    #[test]
    fn a_hole_ends_it() {
        let shown = stream(&[(99, true, b""), (100, false, b"abcd"), (106, false, b"gh")]);
        assert_eq!(shown.sight().octets(), b"abcd");
        let shown = stream(&[(99, true, b""), (106, false, b"gh")]);
        assert_eq!(shown.sight().octets(), b"");
    }

    #[test]
    fn what_is_far_behind_a_hole_ends_the_waiting() {
        let mut shown = stream(&[(99, true, b""), (100, false, b"abcd"), (60_000, false, b"x")]);
        assert!(!shown.is_full());
        shown.add(100 + (1 << 16), false, b"x", 1);
        assert!(shown.is_full());
        assert_eq!(shown.sight().octets(), b"abcd");
    }

    #[test]
    fn octets_on_the_syn_count() {
        assert_eq!(stream(&[(99, true, b"ab"), (102, false, b"c")]).sight().octets(), b"abc");
    }

    #[test]
    fn numbers_run_round() {
        let shown = stream(&[(u32::MAX - 1, false, b"abcd"), (2, false, b"ef")]);
        assert_eq!(shown.sight().octets(), b"abcdef");
    }

    #[test]
    fn a_keep_alive_before_the_first_octet_is_ignored() {
        assert_eq!(
            stream(&[(99, true, b""), (99, false, b"x"), (100, false, b"ab")]).sight().octets(),
            b"ab"
        );
        let shown = stream(&[(99, false, b"\0"), (100, false, b"abc")]);
        assert_eq!(shown.sight().octets(), b"abc");
        assert_eq!(shown.sight().wire(), 3);
        // A lone octet that is not zero may be a real answer, as PostgreSQL's `S` is.
        assert_eq!(stream(&[(99, false, b"S"), (100, false, b"abc")]).sight().octets(), b"Sabc");
    }

    #[test]
    fn what_lies_far_below_is_of_another_time() {
        let mut shown = stream(&[(3 << 30, false, b"abc")]);
        shown.add(1 << 30, false, b"xyz", 3);
        assert_eq!(shown.sight().octets(), b"abc");
        assert!(!shown.is_full());
    }

    #[test]
    fn a_cut_segment_keeps_its_length() {
        let shown = Stream::segment(1, false, b"abc", 1460).expect("octets");
        assert_eq!((shown.sight().octets(), shown.sight().wire()), (&b"abc"[..], 1460));
        assert!(shown.sight().is_cut());
    }
}
