//! The flow table against a plain list of its packets, in one piece and in stretches.

use proptest::prelude::*;

use super::{observed::Observation, table::FlowTable, *};
use crate::{
    decode::{Phase, TcpFlags},
    packet::Timestamp,
};

const MINUTE: u64 = 60_000_000_000;

/// A packet between host `from` and host `to` of a small world.
fn packet(from: u8, to: u8, tcp: bool, time: u64, phase: Phase) -> Observation<'static, V4> {
    segment((from, to, tcp), time, (phase, Some(0), 0))
}

/// The flags that are of a phase (RFC 9293 section 3.1).
fn flags(phase: Phase) -> u8 {
    match phase {
        Phase::None => 0x10,
        Phase::Open => 0x02,
        Phase::Accept => 0x12,
        Phase::Close => 0x11,
        Phase::Abort => 0x04,
    }
}

/// The same with further flags, if they were captured, and so many octets of data.
fn segment(
    (from, to, tcp): (u8, u8, bool),
    time: u64,
    (phase, more, wire): (Phase, Option<u8>, u32),
) -> Observation<'static, V4> {
    let protocol = if tcp { TransportProtocol::TCP } else { TransportProtocol::UDP };
    let (source, destination) = (([10, 0, 0, from].into(), 1000), ([10, 0, 0, to].into(), 1000));
    let (key, direction) = FlowKey::new(source, destination, protocol, true);
    let octets = 60 + u32::from(from);
    let (time, carried) = (Some(Timestamp(time)), Carried { wire, ..Carried::default() });
    let flags = more.filter(|_| tcp).map(|more| TcpFlags(flags(phase) | more));
    let seen = Observed { time, octets, phase, flags, to_group: to == 3, carried };
    seen.of(key, direction, Facts::SHOWN | Facts::NOTED)
}

fn filled(packets: &[Observation<'_, V4>], keep: bool, later: bool) -> FlowTable<V4> {
    let options = FlowOptions { each: keep, part: later, history: true, ..FlowOptions::default() };
    let mut table = FlowTable::new(Seed::random(), options);
    take(&mut table, packets);
    table
}

fn take(table: &mut FlowTable<V4>, packets: &[Observation<'_, V4>]) {
    let mut pending = table::Pending::default();
    for packet in packets {
        if table.push(&mut pending, *packet) {
            table.advance(&mut pending);
        }
    }
    table.flush(&mut pending);
}

/// Counters, way of the first packet, and what was done in order, where that is known.
type SeenFlow = (Tally, Direction, Option<Vec<(Step, Direction)>>);
type Seen = (Key, Vec<SeenFlow>, u64, Option<Direction>, Direction, [bool; 2]);

fn seen_flow(flow: &Flow) -> SeenFlow {
    let steps = flow.history.is_known().then(|| flow.history.steps().collect());
    (flow.tally, flow.initiator, steps)
}

fn seen(table: &FlowTable<V4>) -> Vec<Seen> {
    (0..table.len())
        .filter_map(|index| table.tuple(index as u32))
        .map(|tuple| {
            let facts = tuple.facts;
            let groups = [Direction::Up, Direction::Down].map(|way| facts.to_group(way));
            let flows = tuple.all().map(seen_flow).collect();
            (tuple.key, flows, tuple.flows, facts.handshake(), facts.first(), groups)
        })
        .collect()
}

/// Adds what a segment does to a list of what was done, unless it is there: no more than twelve.
fn do_step(done: &mut Option<Vec<(Step, Direction)>>, packet: &Observation<'_, V4>) {
    let Some(list) = done else { return };
    let Some(step) = packet.step() else { return };
    let Some(step) = step else {
        *done = None;
        return;
    };
    let step = (step, packet.direction);
    if !list.contains(&step) {
        list.push(step);
    }
    if list.len() > 12 {
        *done = None;
    }
}

/// The same, the slow way: a list searched from its start, one rule after the other.
fn naive(packets: &[Observation<'_, V4>]) -> Vec<Seen> {
    let mut all: Vec<(Seen, u64, bool)> = Vec::new();
    for packet in packets {
        let time = packet.time.unwrap();
        let opens = packet.phase == Phase::Open;
        let at = all.iter().position(|(seen, _, _)| seen.0 == Key::V4(packet.key)).unwrap_or_else(|| {
            all.push(((Key::V4(packet.key), vec![], 0, None, packet.direction, [false; 2]), time, false));
            all.len() - 1
        });
        let (seen, last, closed) = &mut all[at];
        let timeout = if packet.key.protocol == TransportProtocol::TCP { 60 } else { 2 } * MINUTE;
        if seen.1.is_empty() || time > *last && time - *last > timeout || opens && *closed {
            seen.1.push((Tally::default(), packet.direction, Some(Vec::new())));
            seen.2 += 1;
            *closed = false;
            *last = time;
        }
        let flow = seen.1.last_mut().unwrap();
        flow.0.count(packet.direction, packet.octets.into(), packet.time);
        if packet.key.protocol == TransportProtocol::TCP {
            do_step(&mut flow.2, packet);
        }
        *last = time.max(*last);
        *closed |= matches!(packet.phase, Phase::Close | Phase::Abort);
        let back = if packet.direction == Direction::Up { Direction::Down } else { Direction::Up };
        match packet.phase {
            Phase::Open => seen.3 = seen.3.or(Some(packet.direction)),
            Phase::Accept => seen.3 = seen.3.or(Some(back)),
            _ => {}
        }
        seen.5[packet.direction as usize] |= packet.to_group;
    }
    all.into_iter().map(|(seen, _, _)| seen).collect()
}

/// Packets in order of time, or where `set_back` allows it of a clock that was set back now and then.
fn histories(set_back: bool) -> impl Strategy<Value = Vec<Observation<'static, V4>>> {
    let phase = prop_oneof![
        5 => Just(Phase::None), 2 => Just(Phase::Open), 1 => Just(Phase::Accept), 2 => Just(Phase::Close),
        1 => Just(Phase::Abort)
    ];
    // Now and then a segment has FIN beside its own flags, or its flags were not captured; half of them have data.
    let more = prop_oneof![30 => Just(Some(0)), 2 => Just(Some(0x01)), 1 => Just(None)];
    let flags = (phase, more, prop_oneof![Just(0u32), Just(5)]);
    let gap = prop_oneof![6 => 0..3u64, 1 => Just(3 * MINUTE), 1 => Just(61 * MINUTE), 1 => Just(u64::MAX)];
    let step = ((0u8..4, 0u8..4, any::<bool>()), gap, flags);
    proptest::collection::vec(step, 0..120).prop_map(move |steps| {
        let mut now = 1_000 * MINUTE;
        let packets = steps.into_iter().map(|(ends, gap, flags)| {
            // The largest gap stands for a clock that was set back.
            now = match gap {
                u64::MAX if set_back => now - 5 * MINUTE,
                u64::MAX => now,
                gap => now + gap,
            };
            segment(ends, now, flags)
        });
        packets.collect()
    })
}

proptest! {
    #[test]
    fn equals_the_naive_table(packets in histories(true)) {
        prop_assert_eq!(seen(&filled(&packets, true, false)), naive(&packets));
    }

    #[test]
    fn stretches_merge_into_the_whole(packets in histories(false), cuts in proptest::array::uniform2(0usize..120)) {
        let mut cuts = cuts.map(|cut| cut.min(packets.len()));
        cuts.sort_unstable();
        for keep in [true, false] {
            let mut merged = filled(&packets[..cuts[0]], keep, false);
            merged.merge(&filled(&packets[cuts[0]..cuts[1]], keep, true));
            merged.merge(&filled(&packets[cuts[1]..], keep, true));
            prop_assert_eq!(seen(&merged), seen(&filled(&packets, keep, false)));
        }
    }

    /// Four parts, joined in each of the groupings that there are.
    #[test]
    fn parts_merge_in_any_grouping(
        packets in histories(false), cuts in proptest::array::uniform3(0usize..120)
    ) {
        let mut cuts = cuts.map(|cut| cut.min(packets.len()));
        cuts.sort_unstable();
        for keep in [true, false] {
            let part = |number: usize| {
                let from = if number == 0 { 0 } else { cuts[number - 1] };
                filled(&packets[from..cuts.get(number).copied().unwrap_or(packets.len())], keep, true)
            };
            let join = |mut one: FlowTable<V4>, other: FlowTable<V4>| {
                one.merge(&other);
                one
            };
            let groupings = [
                join(join(join(part(0), part(1)), part(2)), part(3)),
                join(join(part(0), join(part(1), part(2))), part(3)),
                join(join(part(0), part(1)), join(part(2), part(3))),
                join(part(0), join(join(part(1), part(2)), part(3))),
                join(part(0), join(part(1), join(part(2), part(3)))),
            ];
            let whole = seen(&filled(&packets, keep, false));
            for grouped in groupings {
                let merged = join(filled(&[], keep, false), grouped);
                prop_assert_eq!(seen(&merged), whole.clone());
            }
        }
    }
}

/// Parts join to parts first, in whatever groups.
#[test]
fn a_syn_in_the_middle_of_parts_begins_a_flow_only_where_one_was_closed() {
    let phases = [Phase::Open, Phase::None, Phase::Close, Phase::None, Phase::Open, Phase::None, Phase::Open];
    let packets: Vec<_> =
        (0..).zip(phases).map(|(n, phase)| packet(1, 2, true, 1_000 * MINUTE + n, phase)).collect();
    let whole = seen(&filled(&packets, true, false));
    assert_eq!(whole[0].2, 2);
    let part = |number: usize| filled(&packets[number..=number], true, true);
    let mut all = part(packets.len() - 1);
    for number in (0..packets.len() - 1).rev() {
        let mut first = part(number);
        first.merge(&all);
        all = first;
    }
    let mut merged = filled(&[], true, false);
    merged.merge(&all);
    assert_eq!(seen(&merged), whole);
}

#[test]
fn many_five_tuples_are_found_again() {
    let packets: Vec<_> = (0..50_000u32)
        .map(|n| {
            let client = (V4::from(n.to_be_bytes()), 40_000);
            let server = (V4::from([192, 0, 2, 1]), 443);
            let (key, direction) = FlowKey::new(client, server, TransportProtocol::TCP, true);
            let time = Some(Timestamp(n.into()));
            let (phase, carried) = (Phase::None, Carried::default());
            Observed { time, octets: 64, phase, flags: None, to_group: false, carried }.of(
                key,
                direction,
                Facts::SHOWN,
            )
        })
        .collect();
    let table = filled(&packets, false, false);
    assert_eq!(table.len(), packets.len());
    for (number, packet) in packets.iter().enumerate() {
        assert_eq!(table.find(&packet.key), Some(number as u32));
    }
    let absent = FlowKey { low_port: 1, ..packets[0].key };
    assert_eq!(table.find(&absent), None);
}

#[test]
fn a_clock_set_back_neither_splits_a_flow_nor_turns_its_times_round() {
    let times = [10, 8, 9, 11, 5].map(|minute| minute * MINUTE);
    let packets = times.map(|time| packet(1, 2, false, time, Phase::None));
    let table = filled(&packets, true, false);
    let tuple = table.tuple(0).unwrap();
    assert_eq!((tuple.flows, tuple.total().all_packets()), (1, 5));
    assert_eq!((tuple.total().first(), tuple.total().last()), (Some(5 * MINUTE), Some(11 * MINUTE)));
    // Put in order there is a gap of more than two minutes, but nobody saw it pass.
    let mut merged = filled(&packets[..2], false, false);
    merged.merge(&filled(&packets[2..], false, true));
    let total = merged.tuple(0).unwrap().total();
    assert_eq!((total.first(), total.last()), (Some(5 * MINUTE), Some(11 * MINUTE)));
}

#[test]
fn a_credit_joins_the_current_flow() {
    let first = packet(1, 2, false, 10 * MINUTE, Phase::None);
    let mut table = filled(&[first], false, false);
    let mut tally = Tally::default();
    tally.count(Direction::Up, 500, Some(11 * MINUTE));
    table.credit(&first.key, Direction::Up, &tally);
    let total = table.tuple(0).unwrap().total();
    assert_eq!((total.packets, total.octets), ([2, 0], [561, 0]));
    assert_eq!((total.first(), total.last()), (Some(10 * MINUTE), Some(11 * MINUTE)));
}

#[test]
fn the_least_recently_seen_leave_first() {
    let packets: Vec<_> = (0..6).map(|n| packet(n, 9, false, u64::from(n), Phase::None)).collect();
    let mut table = filled(&packets, false, false);
    take(&mut table, &[packet(0, 9, false, 7, Phase::None)]);
    let oldest = table.oldest(4);
    assert_eq!(oldest, [1, 2]);
    table.remove(&oldest);
    assert_eq!(table.len(), 4);
    assert!(table.find(&packets[0].key).is_some());
    assert!(table.find(&packets[1].key).is_none());
}

/// A connection that is opened anew each second.
fn reopened(times: Range<u64>) -> Vec<Observation<'static, V4>> {
    let open = |second: u64| packet(1, 2, true, second * 1_000_000_000, Phase::Open);
    let close = |second: u64| packet(1, 2, true, second * 1_000_000_000 + 1, Phase::Close);
    times.flat_map(|second| [open(second), close(second)]).collect()
}

#[test]
fn flows_that_ended_are_added_up_where_there_is_no_room_to_keep_them_apart() {
    let (five, whole) = (reopened(0..5), reopened(0..9));
    let with_room = |packets: &[Observation<'_, V4>], later| {
        let options = FlowOptions { each: true, part: later, ..FlowOptions::default() };
        let mut table = FlowTable::new(Seed::random(), options);
        table.room_for_ended = 3;
        take(&mut table, packets);
        table
    };
    let table = with_room(&five, false);
    let tuple = table.tuple(0).unwrap();
    // Five flows: three apart, the fourth with the third, the fifth is the current one.
    assert_eq!((tuple.earlier.len(), tuple.flows, table.joined), (3, 5, 1));
    assert_eq!(tuple.earlier[2].tally.packets[Direction::Up as usize], 4);
    assert_eq!(tuple.total().packets[Direction::Up as usize], 10);
    let mut parts = with_room(&five, false);
    parts.merge(&with_room(&whole[10..], true));
    let tuple = parts.tuple(0).unwrap();
    assert_eq!((tuple.earlier.len(), tuple.flows), (3, 9));
    assert_eq!(tuple.total().packets[Direction::Up as usize], 18);
    assert_eq!(parts.joined, 5);
}
