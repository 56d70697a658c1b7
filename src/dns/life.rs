//! When a record lived, as its sightings and goodbyes tell (RFC 6762 section 10).

use std::net::IpAddr;

use super::Via;
use crate::packet::Timestamp;

/// Where a message came from, as far as it says what it may end.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Who sent it.
    pub sender: IpAddr,
    /// The way it travelled.
    pub via: Via,
    /// Interface it was seen on: multicast DNS on one says nothing about another (RFC 6762 section 14).
    pub interface: u32,
}

impl Origin {
    /// The interface whose records it may end; all unicast DNS is one.
    fn scope(self) -> Option<u32> {
        self.via.is_multicast().then_some(self.interface)
    }
}

/// From a sighting to the end of its TTL; open where the capture has no times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "Lasting", from = "Lasting")]
pub(super) struct Span {
    pub first: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

/// A span in files: its begin, then the seconds and nanoseconds that it lasts, which are fewer octets than its end.
type Lasting = (Option<Timestamp>, Option<(u64, u32)>);

impl From<Span> for Lasting {
    fn from(Span { first, end }: Span) -> Self {
        let begin = first.map_or(0, |first| first.0);
        let lasting = end.map(|end| Timestamp(end.0.wrapping_sub(begin)));
        (first, lasting.map(|lasting| (lasting.seconds(), lasting.subsecond_nanos())))
    }
}

impl From<Lasting> for Span {
    fn from((first, lasting): Lasting) -> Self {
        let begin = first.map_or(0, |first| first.0);
        let end = lasting.map(|(seconds, nanos)| {
            let lasting = seconds.wrapping_mul(Timestamp::SECOND).wrapping_add(nanos.into());
            Timestamp(begin.wrapping_add(lasting))
        });
        Self { first, end }
    }
}

/// The life of a record, on each interface that showed it.
///
/// What two stretches of a capture saw, [merged](Self::merge) in order, is what both together would have seen.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Life {
    scopes: Vec<Scoped>,
}

/// The life of a record on one interface.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Scoped {
    scope: Option<u32>,
    /// When it was alive, in order and apart. The last one of [`Life::MAX_SPANS`] takes in all that follow.
    spans: Vec<Span>,
    /// Goodbyes before it was told otherwise, the last of which is the end: it lived before, nobody saw since when.
    farewell: Option<Span>,
    /// The earliest goodbye, which also ends what an earlier stretch saw.
    cut: Option<Timestamp>,
    /// The last sighting.
    last: Option<Timestamp>,
}

/// One second, the time a record lives on after a goodbye or a cache flush.
const GRACE: u64 = Timestamp::SECOND;

impl Life {
    /// Most times of life that are kept apart on an interface.
    const MAX_SPANS: usize = 8;
    /// Most interfaces that are kept apart; sightings on further ones are passed over.
    const MAX_SCOPES: usize = 16;

    /// A sighting that says it lives on for `ttl` seconds.
    pub(super) fn see(&mut self, origin: Origin, time: Option<Timestamp>, ttl: u32) {
        let end = later(time, u64::from(ttl) * Timestamp::SECOND);
        if let Some(scoped) = self.scoped(origin.scope()) {
            scoped.add(Span { first: time, end });
            scoped.last = scoped.last.max(time);
        }
    }

    /// A goodbye leaves it one second.
    pub(super) fn goodbye(&mut self, origin: Origin, time: Option<Timestamp>) {
        let Some(scoped) = self.scoped(origin.scope()) else { return };
        let end = later(time, GRACE);
        if scoped.spans.is_empty() {
            scoped.part(Span { first: time, end: time });
        }
        if let Some(end) = end {
            scoped.cut(end);
            scoped.cut = Some(scoped.cut.map_or(end, |cut| cut.min(end)));
        }
    }

    /// Other data takes its place: it ends in a second if it was told more than a second ago (RFC 6762 section 10.2).
    pub(super) fn flush(&mut self, origin: Origin, time: Option<Timestamp>) {
        let scope = origin.scope();
        let Some(scoped) = self.scopes.iter_mut().find(|known| known.scope == scope) else { return };
        if let (Some(now), Some(last), Some(end)) = (time, scoped.last, later(time, GRACE))
            && now.since(last) > GRACE
        {
            scoped.cut(end);
        }
    }

    /// Whether it is alive for a packet of this interface: on that one if it was ever told there, else on any other.
    pub(super) fn covers(&self, at: Timestamp, interface: u32) -> bool {
        let told_here = self.scopes.iter().any(|scoped| scoped.scope == Some(interface));
        let counts = |scope: Option<u32>| !told_here || scope.is_none_or(|scope| scope == interface);
        self.scopes
            .iter()
            .filter(|scoped| counts(scoped.scope))
            .flat_map(|scoped| &scoped.spans)
            .any(|span| span.first.is_none_or(|first| first <= at) && before_end(Some(at), span.end))
    }

    /// Whether it had ended before `now`, whatever is told of it later.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.spans().chain(self.farewells()).all(|span| span.end.is_some_and(|end| end < now))
    }

    /// When it is [over](Self::is_over), if nothing more is told of it; `None` for never.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.spans()
            .chain(self.farewells())
            .try_fold(Timestamp::default(), |latest, span| span.end.map(|end| latest.max(end)))
    }

    /// Whether anything but goodbyes told it.
    #[cfg(test)]
    pub(super) fn was_told(&self) -> bool {
        self.spans().next().is_some()
    }

    /// When it was first told, or first withdrawn where it never was.
    pub(super) fn first(&self) -> Option<Timestamp> {
        let earliest = |spans: &mut dyn Iterator<Item = Span>| {
            spans.map(|span| span.first).reduce(|a, b| a.zip(b).map(|(a, b)| a.min(b)))
        };
        earliest(&mut self.spans()).or_else(|| earliest(&mut self.farewells())).flatten()
    }

    /// Whether both were ever alive at the same time, for a flow that began at `began`. Where only a goodbye says that one
    /// was alive, that is so for what began before it, and with what else was known by then.
    pub(super) fn meets(&self, other: &Self, began: Option<Timestamp>) -> bool {
        if self.spans().any(|own| other.spans().any(|span| own.overlaps(&span))) {
            return true;
        }
        let by_farewell = |gone: &Self, told: &Self| {
            gone.farewells().any(|gone| {
                before_end(began, gone.end) && told.spans().any(|span| before_end(span.first, gone.end))
            })
        };
        let both_gone = self.farewells().any(|own| {
            other.farewells().any(|gone| before_end(began, own.end) && before_end(began, gone.end))
        });
        both_gone || by_farewell(self, other) || by_farewell(other, self)
    }

    /// Adds what the next stretch saw.
    pub(super) fn merge(&mut self, later: &Self) {
        for other in &later.scopes {
            let Some(scoped) = self.scoped(other.scope) else { continue };
            if let Some(end) = other.cut {
                scoped.cut(end);
                scoped.cut = Some(scoped.cut.map_or(end, |cut| cut.min(end)));
            }
            if let Some(gone) = other.farewell.filter(|_| scoped.spans.is_empty()) {
                scoped.part(gone);
            }
            for &span in &other.spans {
                scoped.add(span);
            }
            scoped.last = scoped.last.max(other.last);
        }
    }

    /// Whether what a file says can have been seen.
    pub(super) fn is_sound(&self) -> bool {
        self.scopes.len() <= Self::MAX_SCOPES
            && self.scopes.iter().all(|scoped| scoped.spans.len() <= Self::MAX_SPANS)
    }

    fn spans(&self) -> impl Iterator<Item = Span> {
        self.scopes.iter().flat_map(|scoped| &scoped.spans).copied()
    }

    fn farewells(&self) -> impl Iterator<Item = Span> {
        self.scopes.iter().filter_map(|scoped| scoped.farewell)
    }

    fn scoped(&mut self, scope: Option<u32>) -> Option<&mut Scoped> {
        let known = self.scopes.iter().position(|known| known.scope == scope);
        let at = known.or_else(|| {
            (self.scopes.len() < Self::MAX_SCOPES).then(|| {
                let spans = Vec::new();
                self.scopes.push(Scoped { scope, spans, farewell: None, cut: None, last: None });
                self.scopes.len() - 1
            })
        })?;
        self.scopes.get_mut(at)
    }
}

impl Scoped {
    /// Takes in a time of life, joined with those that it touches.
    fn add(&mut self, mut span: Span) {
        self.spans.retain(|known| {
            let touches = known.overlaps(&span);
            if touches {
                span = span.joined(known);
            }
            !touches
        });
        let at = self.spans.partition_point(|known| known.first <= span.first);
        self.spans.insert(at, span);
        if self.spans.len() > Life::MAX_SPANS
            && let (Some(more), Some(last)) = (self.spans.pop(), self.spans.last_mut())
        {
            *last = last.joined(&more);
        }
    }

    /// Takes in a goodbye to what nobody told.
    fn part(&mut self, gone: Span) {
        self.farewell = Some(self.farewell.map_or(gone, |known| known.joined(&gone)));
    }

    /// Ends at `end` what began before.
    fn cut(&mut self, end: Timestamp) {
        for span in self.spans.iter_mut().filter(|span| span.first.is_none_or(|first| first <= end)) {
            span.end = Some(span.end.map_or(end, |known| known.min(end)));
        }
    }
}

impl Span {
    fn overlaps(&self, other: &Self) -> bool {
        let begins = |a: &Self, b: &Self| a.first.is_none_or(|first| before_end(Some(first), b.end));
        begins(self, other) && begins(other, self)
    }

    fn joined(&self, other: &Self) -> Self {
        let first = self.first.zip(other.first).map(|(a, b)| a.min(b));
        Self { first, end: self.end.zip(other.end).map(|(a, b)| a.max(b)) }
    }
}

/// Whether a time is not behind an end; an end that nobody knows never comes.
fn before_end(time: Option<Timestamp>, end: Option<Timestamp>) -> bool {
    end.is_none_or(|end| time.is_some_and(|time| time <= end))
}

fn later(time: Option<Timestamp>, nanoseconds: u64) -> Option<Timestamp> {
    time.map(|time| Timestamp(time.0.saturating_add(nanoseconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * Timestamp::SECOND)
    }

    fn mdns(interface: u32) -> Origin {
        Origin { sender: std::net::Ipv4Addr::LOCALHOST.into(), via: Via::Mdns, interface }
    }

    fn seen(sightings: &[(u64, u32)]) -> Life {
        let mut life = Life::default();
        for &(time, ttl) in sightings {
            if ttl == 0 {
                life.goodbye(mdns(0), Some(at(time)));
            } else {
                life.see(mdns(0), Some(at(time)), ttl);
            }
        }
        life
    }

    #[test]
    fn lives_that_never_met_join_nothing() {
        let meet = |a: &[(u64, u32)], b: &[(u64, u32)]| seen(a).meets(&seen(b), None);
        assert!(meet(&[(0, 120)], &[(120, 120)]));
        assert!(!meet(&[(0, 120)], &[(121, 120)]), "its time was over");
        assert!(meet(&[(0, 120), (10, 0)], &[(11, 120)]), "a goodbye leaves a second");
        assert!(!meet(&[(0, 120), (10, 0)], &[(12, 120)]), "a goodbye ended it");
        assert!(!meet(&[(0, 10), (100, 10)], &[(20, 10)]), "between two lives");
    }

    #[test]
    fn a_flush_spares_what_was_just_told_and_other_interfaces() {
        let mut life = Life::default();
        life.see(mdns(0), Some(at(10)), 120);
        life.see(mdns(1), Some(at(10)), 120);
        life.flush(mdns(0), Some(at(11)));
        assert!(life.covers(at(100), 0));
        life.flush(mdns(0), Some(at(12)));
        assert!(life.covers(at(13), 0) && !life.covers(at(14), 0));
        assert!(life.covers(at(100), 1) && !life.covers(at(100), 0));
        life.goodbye(mdns(1), Some(at(50)));
        assert!(!life.covers(at(52), 1) && !life.covers(at(52), 2));
    }

    proptest::proptest! {
        /// Also beyond the bound of spans.
        #[test]
        fn stretches_merge_into_the_whole(
            steps in proptest::collection::vec((0..30u64, 0..12u32, 0..3u32), 0..60), cut in 0..60usize
        ) {
            let cut = cut.min(steps.len());
            let (mut whole, mut parts, mut now) = (Life::default(), [Life::default(), Life::default()], 0);
            for (number, (gap, ttl, interface)) in steps.into_iter().enumerate() {
                now += gap;
                for life in [&mut whole, &mut parts[usize::from(number >= cut)]] {
                    if ttl == 0 {
                        life.goodbye(mdns(interface), Some(at(now)));
                    } else {
                        life.see(mdns(interface), Some(at(now)), ttl);
                    }
                }
            }
            let [mut merged, later] = parts;
            merged.merge(&later);
            proptest::prop_assert_eq!(format!("{:?}", merged), format!("{:?}", whole));
        }
    }
}
