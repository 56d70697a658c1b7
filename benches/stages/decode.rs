//! From octets to ports, beside etherparse's own ways; frames lie in memory.

use divan::{Bencher, counter::BytesCount, counter::ItemsCount};
use etherparse::{LaxSlicedPacket, SlicedPacket, TransportSlice};
use portolan::{
    decode::{Decoder, Headers},
    packet::Frame,
};

use crate::{
    Capture,
    generator::{Plan, Shape},
};

const MIX: Plan = Plan { packets: 50_000, flows: 5_000, ..Plan::new(Shape::Mix) };
/// Cut as many captures are: whole headers, no payload.
const CUT: Plan = Plan { snap_len: 96, ..MIX };
const SMALL: Plan = Plan { packets: 200_000, flows: 20_000, ..Plan::new(Shape::Small) };

#[divan::bench]
fn mix(bencher: Bencher) {
    decode(bencher, MIX, ours());
}

#[divan::bench]
fn cut(bencher: Bencher) {
    decode(bencher, CUT, ours());
}

#[divan::bench]
fn small(bencher: Bencher) {
    decode(bencher, SMALL, ours());
}

#[divan::bench]
fn mix_etherparse_strict(bencher: Bencher) {
    decode(bencher, MIX, |frame| {
        SlicedPacket::from_ethernet(frame.octets).is_ok_and(|packet| has_ports(packet.transport.as_ref()))
    });
}

#[divan::bench]
fn mix_etherparse_lax(bencher: Bencher) {
    decode(bencher, MIX, etherparse_lax);
}

#[divan::bench]
fn cut_etherparse_lax(bencher: Bencher) {
    decode(bencher, CUT, etherparse_lax);
}

fn ours() -> impl FnMut(Frame<'_>) -> bool {
    let decoder = Decoder::default();
    let mut headers = Headers::default();
    move |frame| {
        decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
        headers.ports.is_some()
    }
}

fn etherparse_lax(frame: Frame<'_>) -> bool {
    LaxSlicedPacket::from_ethernet(frame.octets).is_ok_and(|packet| has_ports(packet.transport.as_ref()))
}

fn has_ports(transport: Option<&TransportSlice<'_>>) -> bool {
    matches!(transport, Some(TransportSlice::Tcp(_) | TransportSlice::Udp(_)))
}

/// Counts the packets in which `has_ports` finds some.
fn decode(bencher: Bencher, plan: Plan, mut has_ports: impl FnMut(Frame<'_>) -> bool) {
    let capture = Capture::write(plan);
    let batches = capture.batches();
    let totals = capture.totals;
    bencher.counter(ItemsCount::new(totals.packets)).counter(BytesCount::new(totals.octets)).bench_local(
        || {
            let frames = batches.iter().flat_map(|batch| batch.frames());
            let with_ports = frames.filter(|&frame| has_ports(frame)).count() as u64;
            assert_eq!(with_ports, totals.tcp + totals.udp + totals.mdns);
        },
    );
}
