//! Streams cut into segments that come in order, in any order, twice, or not at all.

use proptest::{prelude::*, sample::Index};

use super::*;
use crate::{
    dns::{
        RecordType, Via,
        testing::{Builder, srv},
    },
    packet::TransportProtocol,
};

/// The first sequence number: a stream of more than 16 octets goes round.
const FIRST: u32 = u32::MAX - 15;

fn headers(client: u16) -> Headers {
    Headers {
        network: Network::V4([192, 0, 2, 53], [192, 0, 2, 1]),
        protocol: TransportProtocol::TCP,
        ports: Some((53, client)),
        ..Headers::default()
    }
}

/// Messages behind their lengths.
fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    messages
        .iter()
        .flat_map(|message| [&(message.len() as u16).to_be_bytes(), &message[..]].concat())
        .collect()
}

fn message(id: u16, records: usize) -> Vec<u8> {
    let mut builder = Builder::response().question(&[b"_ldap", b"_tcp", b"example"], RecordType::SRV, 1);
    for port in 0..records as u16 {
        let data = srv(port, &[b"dc", b"example"]);
        builder = builder.answer(&[b"_ldap", b"_tcp", b"example"], RecordType::SRV, 60, &data);
    }
    let mut octets = builder.octets();
    octets[..2].copy_from_slice(&id.to_be_bytes());
    octets
}

/// Identifiers of the messages that a segment with these octets of a stream completes.
fn push(streams: &mut Streams, stream: &[u8], range: std::ops::Range<usize>) -> Vec<u16> {
    let segment = Segment { start: FIRST.wrapping_add(range.start as u32), begins: false, opens: false };
    let complete = streams.push(Some(Timestamp(1)), &headers(40_000), segment, &stream[range]);
    let ids: Vec<_> = Via::Tcp.messages(streams.whole()).map(|message| message.id()).collect();
    assert_eq!(complete, !ids.is_empty());
    ids
}

#[test]
fn what_a_segment_adds_is_behind_its_whole_messages() {
    let mut headers = Headers { sequence: u32::MAX, ..headers(40_000) };
    let segment = |start, begins, opens| Segment { start, begins, opens };
    assert_eq!(Segment::of(&headers, b"", 0), None);
    assert_eq!(Segment::of(&headers, b"whole", 5), None);
    assert_eq!(Segment::of(&headers, b"wholerest", 5), Some((segment(4, true, false), &b"rest"[..])));
    assert_eq!(Segment::of(&headers, b"rest", 0), Some((segment(u32::MAX, false, false), &b"rest"[..])));
    headers.phase = Phase::Accept;
    assert_eq!(Segment::of(&headers, b"", 0), Some((segment(0, false, true), &b""[..])));
}

#[test]
fn a_length_apart_and_octets_one_by_one() {
    let stream = framed(&[message(7, 2)]);
    let len = stream.len();
    for cuts in [vec![0, 2, len], vec![0, 1, len], vec![0, 14, len], (0..=len).collect()] {
        let mut streams = Streams::default();
        for pair in cuts.windows(2) {
            let ids = push(&mut streams, &stream, pair[0]..pair[1]);
            assert_eq!(ids, if pair[1] == len { vec![7] } else { vec![] });
        }
        // Sent again, in segments of another length.
        for part in [0..len, 0..30, 30..len, 5..len] {
            assert!(push(&mut streams, &stream, part).is_empty());
        }
        assert!(streams.streams[0].runs.is_empty());
    }
}

#[test]
fn behind_a_hole_reading_goes_on_where_a_segment_begins_with_a_message() {
    let stream = framed(&[message(1, 2), message(2, 2)]);
    let half = stream.len() / 2;
    let mut streams = Streams::default();
    // Octets 20 to 30 are lost; those behind them are the rest of the first message.
    for part in [0..20, 30..half, half..half + 40] {
        assert!(push(&mut streams, &stream, part).is_empty());
    }
    assert_eq!(push(&mut streams, &stream, half + 40..stream.len()), [2]);
    // They come late, with octets that are there already.
    assert_eq!(push(&mut streams, &stream, 15..35), [1]);
    assert!(streams.streams[0].runs.is_empty());
    // What the capture does not have of the beginning is missed in silence.
    let mut streams = Streams::default();
    assert!(push(&mut streams, &stream, 3..half).is_empty());
    assert_eq!(push(&mut streams, &stream, half..stream.len()), [2]);
    assert_eq!(streams.dropped(), 0);
}

#[test]
fn another_connection_between_the_same_ports() {
    let (first, second) = (framed(&[message(1, 2)]), framed(&[message(2, 2)]));
    let (mut streams, len) = (Streams::default(), first.len());
    assert!(push(&mut streams, &first, 0..20).is_empty());
    assert_eq!(push(&mut streams, &first, 20..len), [1]);
    let opens = Segment { start: FIRST, begins: false, opens: true };
    assert!(!streams.push(Some(Timestamp(2)), &headers(40_000), opens, b""));
    assert!(push(&mut streams, &second, 0..20).is_empty());
    assert_eq!(push(&mut streams, &second, 20..len), [2]);
    // The other direction, and other ports, are streams of their own.
    let segment = Segment { opens: false, ..opens };
    assert!(!streams.push(Some(Timestamp(2)), &headers(40_001), segment, &first[..20]));
    assert!(!streams.push(Some(Timestamp(2)), &headers(40_002), segment, &first[20..]));
    // Half a message waits for a minute.
    let late = Some(Timestamp(3 + Reassembly::TIMEOUT));
    let rest = Segment { start: FIRST.wrapping_add(20), ..segment };
    assert!(!streams.push(late, &headers(40_001), rest, &first[20..]));
}

#[test]
fn damaged_and_empty_messages_are_no_reason_to_stop() {
    let mut broken = message(1, 2);
    broken[7] = 9;
    let stream = framed(&[broken, vec![], vec![0; 5], message(2, 1)]);
    let sound = stream.len() - message(2, 1).len() - 2;
    let mut streams = Streams::default();
    assert!(push(&mut streams, &stream, 0..20).is_empty());
    assert!(push(&mut streams, &stream, 20..sound).is_empty());
    assert!(push(&mut streams, &stream, sound..sound + 9).is_empty());
    assert_eq!(push(&mut streams, &stream, sound + 9..stream.len()), [2]);
    // Zeros are no messages where none need begin.
    let zeros = [&[0, 12][..], &[0; 200]].concat();
    let mut streams = Streams::default();
    assert!(push(&mut streams, &zeros, 0..20).is_empty());
    assert!(push(&mut streams, &zeros, 20..200).is_empty());
}

#[test]
fn bounded_whatever_comes() {
    let mut streams = Streams::default();
    let segment = |start| Segment { start, begins: true, opens: false };
    // Streams that never get on: the one that was silent longest leaves.
    for client in 0..100 {
        let time = Some(Timestamp(u64::from(client)));
        assert!(!streams.push(time, &headers(client), segment(0), &[255, 255, 0]));
        assert_eq!(streams.dropped(), u64::from(client.saturating_sub(63)));
    }
    assert_eq!(streams.streams.len(), Streams::MAX_STREAMS);
    assert_eq!(streams.streams[0].ports, (53, 36));
    // Octets with holes between them, each alone.
    let mut streams = Streams::default();
    for number in 0..=Streams::MAX_RUNS as u32 {
        assert_eq!(streams.dropped(), 0);
        streams.push(None, &headers(1), segment(number * 3), &[255]);
    }
    assert_eq!((streams.dropped(), streams.streams[0].runs.len()), (1, 1));
    // A stream that is no DNS.
    let mut streams = Streams::default();
    for number in 0..100 {
        streams.push(None, &headers(1), segment(number * 60_000), &[255; 60_000]);
        let held: usize = streams.streams[0].runs.iter().map(|run| run.octets.len()).sum();
        assert!(held <= Streams::MAX_OCTETS);
    }
    assert_eq!(streams.dropped(), 49);
    assert!(!streams.push(None, &headers(1), segment(0), &vec![1; Streams::MAX_OCTETS + 1]));
}

proptest! {
    /// Every message is told once, by the segment that completes it, whatever the order and however often they come.
    #[test]
    fn every_message_once(
        sizes in proptest::collection::vec(0..6usize, 1..6),
        cuts in proptest::collection::vec(any::<Index>(), 0..20),
        order in Just((0..60usize).collect::<Vec<_>>()).prop_shuffle(),
        in_order: bool,
    ) {
        let messages: Vec<_> = sizes.iter().zip(1..).map(|(&size, id)| message(id * 0x1111, size)).collect();
        let stream = framed(&messages);
        let mut ends = vec![0, stream.len()];
        ends.extend(cuts.iter().map(|cut| cut.index(stream.len())));
        ends.sort_unstable();
        ends.dedup();
        let segments: Vec<_> = ends.windows(2).map(|pair| pair[0]..pair[1]).collect();
        let mut streams = Streams::default();
        let mut there = vec![false; stream.len()];
        let mut told = Vec::new();
        let order = if in_order { (0..segments.len()).collect() } else { order };
        for place in order {
            let segment = segments[place % segments.len()].clone();
            there[segment.clone()].fill(true);
            let ids = push(&mut streams, &stream, segment);
            let mut at = 0;
            for (message, id) in messages.iter().zip(1..) {
                let end = at + 2 + message.len();
                if ids.contains(&(id * 0x1111)) {
                    prop_assert!(there[at..end].iter().all(|&there| there));
                }
                at = end;
            }
            told.extend(ids);
        }
        told.sort_unstable();
        let all: Vec<u16> = (1..=messages.len() as u16).map(|id| id * 0x1111).collect();
        prop_assert_eq!(told, all);
        prop_assert!(streams.streams[0].runs.is_empty());
    }

    #[test]
    fn hostile_segments_do_no_harm(
        segments in proptest::collection::vec(
            (any::<u8>(), any::<bool>(), proptest::collection::vec(0..14u8, 0..40)), 0..200
        )
    ) {
        let mut streams = Streams::default();
        for (start, begins, octets) in segments {
            let segment = Segment { start: FIRST.wrapping_add(start.into()), begins, opens: start == 0 };
            streams.push(None, &headers(1), segment, &octets);
            for stream in &streams.streams {
                prop_assert!(stream.runs.len() <= Streams::MAX_RUNS + 1);
                prop_assert!(stream.done.len() <= Stream::MAX_DONE);
                prop_assert!(stream.runs.iter().all(|run| run.begins.len() <= Run::MAX_BEGINS));
            }
        }
    }
}
