//! First octets of one direction of a TCP connection, in order of sequence number.

use super::reader::{Reader, check};
use super::sight::Sight;

/// What was seen of the first octets of a stream.
///
/// It is a function of the *set* of segments, but for octets that were sent twice and differ, where the
/// first one stays: so stretches of a capture can be learned apart and joined in order. The stream begins
/// with the octet after the SYN, else with the lowest octet seen; a segment that is more than
/// [`Stream::BACK`] below is of another time. (Only where segments of several such times are mixed does it
/// matter which came first.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// Sequence number of the first octet.
    base: u32,
    /// Lowest sequence number that a SYN gave as the first, if it lies within the octets kept.
    begins: Option<u32>,
    /// Length on the wire of the first segment that began at `base`, and of the one that began behind it.
    lengths: [Option<u32>; 2],
    /// How far above `base` the highest segment began.
    reach: u32,
    /// One bit for each octet that was seen.
    seen: [u64; Self::KEPT.div_ceil(64)],
    octets: [u8; Self::KEPT],
}

impl Stream {
    /// Octets kept: those looked at, and one that may turn out to be a keep-alive's.
    const KEPT: usize = Sight::BOUND + 1;

    /// How far below the first octet a segment may lie to become the first: beyond, the sequence numbers
    /// have run round, or the segment belongs to an older connection.
    const BACK: u32 = 1 << 20;

    /// How far above the first octet a segment must begin for holes before it to be given up.
    const FAR: u32 = 1 << 16;

    /// A stream of which nothing but the place of its first octet is known.
    fn at(base: u32) -> Self {
        Self {
            base,
            begins: None,
            lengths: [None; 2],
            reach: 0,
            seen: Default::default(),
            octets: [0; Self::KEPT],
        }
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
        let mut stream = Self::at(first);
        stream.begins = is_syn.then_some(first);
        stream.lengths[0] = (wire > 0).then_some(wire);
        stream.put(0, octets.get(..wire as usize).unwrap_or(octets));
        Some(stream)
    }

    /// Adds a segment that was captured after all others.
    pub(super) fn add(&mut self, sequence: u32, is_syn: bool, octets: &[u8], wire: u32) {
        let distance = sequence.wrapping_sub(self.base);
        let below = self.base.wrapping_sub(sequence);
        let above = distance as usize;
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
        self.stretch(distance);
        if above < Self::KEPT {
            if let Some(length) = self.lengths.get_mut(above) {
                length.get_or_insert(wire);
            }
            self.put(above, octets.get(..wire as usize).unwrap_or(octets));
        }
    }

    /// Adds what a later stretch of the capture showed.
    pub(super) fn join(&mut self, later: &Self) {
        let below = self.base.wrapping_sub(later.base);
        let above = later.base.wrapping_sub(self.base);
        if below != 0 && below <= Self::BACK {
            let earlier = std::mem::replace(self, Self::at(later.base));
            self.lengths = [0, 1].map(|at| earlier.length_at(later.base, at).or(later.lengths[at]));
            self.begins = lowest(later.base, later.begins, earlier.begins);
            self.reach = later.reach.max(earlier.reach.saturating_add(below));
            // Those of the earlier stretch first: where two differ, the first stays.
            self.put_all(&earlier, below as usize);
            self.put_all(later, 0);
            return;
        }
        self.stretch(later.reach.saturating_add(above));
        if (above as usize) < Self::KEPT {
            let own = self.lengths;
            self.lengths = [0, 1].map(|at| own[at].or_else(|| later.length_at(self.base, at)));
            self.begins = lowest(self.base, self.begins, later.begins);
            self.put_all(later, above as usize);
        }
    }

    /// Notes how far above the first octet a segment began; numbers of the upper half lie below it.
    fn stretch(&mut self, distance: u32) {
        if distance < 1 << 31 {
            self.reach = self.reach.max(distance);
        }
    }

    /// Writes it so that [`Self::read`] gives it back.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.base.to_be_bytes());
        // 0 for none, else one more than the distance from the first octet.
        let begins = self.begins.map_or(0, |begins| begins.wrapping_sub(self.base) as u8 + 1);
        out.push(begins);
        for length in self.lengths {
            // No segment with octets has length 0.
            out.extend_from_slice(&length.unwrap_or(0).to_be_bytes());
        }
        out.extend_from_slice(&self.reach.to_be_bytes());
        self.seen.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
        out.extend((0..Self::KEPT).filter(|&at| self.has(at)).map(|at| self.octets[at]));
    }

    /// Reads what [`Self::write`] wrote; octets that are none of it give `None` or a stream, never harm.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut stream = Self::at(reader.u32()?);
        stream.begins = match reader.u8()? {
            0 => None,
            above @ 1..=2 => Some(stream.base.wrapping_add(u32::from(above) - 1)),
            _ => return None,
        };
        for length in &mut stream.lengths {
            *length = Some(reader.u32()?).filter(|&length| length > 0);
        }
        stream.reach = reader.u32()?;
        let mut seen = stream.seen;
        for word in &mut seen {
            *word = reader.u64()?;
        }
        for at in (0..seen.len() * 64).filter(|at| seen[at / 64] >> (at % 64) & 1 == 1) {
            check(at < Self::KEPT)?;
            stream.put(at, &[reader.u8()?]);
        }
        Some(stream)
    }

    /// Length of the segment that began `at` octets behind `base`.
    fn length_at(&self, base: u32, at: usize) -> Option<u32> {
        let place = base.wrapping_add(at as u32).wrapping_sub(self.base);
        self.lengths.get(place as usize).copied().flatten()
    }

    /// Adds what another stream holds, whose first octet lies `shift` behind the own one.
    fn put_all(&mut self, other: &Self, shift: usize) {
        for at in (0..Self::KEPT.saturating_sub(shift)).filter(|&at| other.has(at)) {
            self.put(at + shift, &other.octets[at..=at]);
        }
    }

    /// Puts octets where none were seen; the others stay, as does what goes beyond the octets kept.
    fn put(&mut self, at: usize, octets: &[u8]) {
        let octets = octets.get(..Self::KEPT.saturating_sub(at)).unwrap_or(octets);
        // Nearly every segment is the first to bring its octets.
        if self.marked(at, octets.len()).all(|(seen, marks)| *seen & marks == 0) {
            self.octets[at..at + octets.len()].copy_from_slice(octets);
            self.marked(at, octets.len()).for_each(|(seen, marks)| *seen |= marks);
            return;
        }
        for (at, &octet) in (at..).zip(octets) {
            if !self.has(at) {
                self.seen[at / 64] |= 1 << (at % 64);
                self.octets[at] = octet;
            }
        }
    }

    /// The words of `seen` that the octets from `at` on have bits in, with those bits.
    fn marked(&mut self, at: usize, len: usize) -> impl Iterator<Item = (&mut u64, u64)> {
        let below = |bits: usize| 1_u64.checked_shl(bits as u32).map_or(u64::MAX, |bit| bit - 1);
        self.seen.iter_mut().zip((0..).step_by(64)).map(move |(word, begin)| {
            let end = (at + len).saturating_sub(begin).min(64);
            (word, below(end) & !below(at.saturating_sub(begin).min(64)))
        })
    }

    fn has(&self, at: usize) -> bool {
        self.seen[at / 64] >> (at % 64) & 1 == 1
    }

    /// How many octets from the first were seen without a hole.
    fn whole(&self) -> usize {
        let full = self.seen.iter().take_while(|&&word| word == u64::MAX).count();
        let rest = self.seen.get(full).map_or(0, |word| word.trailing_ones() as usize);
        (full * 64 + rest).min(Self::KEPT)
    }

    /// Whether the first octet kept is a keep-alive's and not the stream's.
    ///
    /// RFC 9293 section 3.8.4: a keep-alive may carry one garbage octet with the number before the next to
    /// be sent. Before the first octet that number is the SYN's own; where no SYN was seen, only an octet
    /// of zero is taken for one, since streams may well begin with one octet.
    fn begins_with_keep_alive(&self) -> bool {
        match self.begins {
            Some(begins) => begins == self.base.wrapping_add(1),
            None => self.lengths[0] == Some(1) && self.has(0) && self.octets[0] == 0,
        }
    }

    /// What recognisers look at.
    pub(super) fn sight(&self) -> Sight<'_> {
        let skipped = usize::from(self.begins_with_keep_alive());
        let octets = self.octets.get(skipped..self.whole()).unwrap_or_default();
        let wire = self.lengths[skipped].map_or(octets.len(), |wire| wire as usize);
        Sight::new(octets, wire)
    }

    /// Whether nothing that lies above the first octet can add to it, or will: of what is far behind a
    /// hole in the capture, the hole will not be filled any more.
    pub(super) fn is_full(&self) -> bool {
        self.whole() == Self::KEPT || self.reach >= Self::FAR
    }
}

/// The lower of two sequence numbers, counted from `base`, if it is near enough to matter.
fn lowest(base: u32, one: Option<u32>, other: Option<u32>) -> Option<u32> {
    let distance = |sequence: &u32| sequence.wrapping_sub(base);
    one.into_iter().chain(other).min_by_key(distance).filter(|begins| distance(begins) <= 1)
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
