//! Finding the flow of each packet and counting it; headers are decoded beforehand and lie in memory.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use divan::{Bencher, counter::BytesCount, counter::ItemsCount};
use portolan::{
    decode::{Decoder, Headers, Network},
    knowledge::{Knowledge, Options},
    packet::Frame,
};

use crate::{
    Capture,
    generator::{Plan, Shape},
    ported_tuples,
};

const MIX: Plan = Plan { packets: 480_000, flows: 20_000, ..Plan::new(Shape::Mix) };
/// Hardly a flow is met while it is still in a cache.
const SMALL: Plan = Plan { packets: 600_000, flows: 200_000, ..Plan::new(Shape::Small) };

#[divan::bench(sample_count = 10)]
fn mix(bencher: Bencher) {
    ours(bencher, MIX);
}

#[divan::bench(sample_count = 10)]
fn small(bencher: Bencher) {
    ours(bencher, SMALL);
}

#[divan::bench(sample_count = 10)]
fn mix_std_hash_map(bencher: Bencher) {
    naive(bencher, MIX);
}

#[divan::bench(sample_count = 10)]
fn small_std_hash_map(bencher: Bencher) {
    naive(bencher, SMALL);
}

fn ours(bencher: Bencher, plan: Plan) {
    measure(bencher, plan, |packets| {
        let mut knowledge = Knowledge::whole(Options::default());
        let mut learning = knowledge.learning(0);
        packets.iter().for_each(|(frame, headers)| learning.learn(frame, headers));
        drop(learning);
        knowledge.settle();
        ported_tuples(&knowledge)
    });
}

/// The plainest flow table: packets and octets by sorted endpoints and protocol. It knows nothing of handshakes,
/// times and names.
fn naive(bencher: Bencher, plan: Plan) {
    measure(bencher, plan, |packets| {
        let mut table: HashMap<_, (u64, u64)> = HashMap::new();
        for (frame, headers) in packets {
            let Some((source, destination)) = headers.ports else { continue };
            let (from, to) = match headers.network {
                Network::V4(from, to) => (IpAddr::V4(Ipv4Addr::from(from)), IpAddr::V4(Ipv4Addr::from(to))),
                Network::V6(from, to) => (IpAddr::V6(Ipv6Addr::from(from)), IpAddr::V6(Ipv6Addr::from(to))),
                Network::None => continue,
            };
            let (one, other) = ((from, source), (to, destination));
            let tally = table.entry((one.min(other), one.max(other), headers.protocol)).or_default();
            tally.0 += 1;
            tally.1 += u64::from(frame.original_len);
        }
        table.len() as u64
    });
}

/// Measures `count_flows`, which is to find as many as the plan has.
fn measure(bencher: Bencher, plan: Plan, count_flows: impl Fn(&[(Frame<'_>, Headers)]) -> u64) {
    // Payloads are not looked at but for DNS, so short ones do.
    let plan = Plan { snap_len: 128, ..plan };
    let flows = plan.flows;
    let capture = Capture::write(plan);
    let batches = capture.batches();
    let decoder = Decoder::default();
    let packets: Vec<_> = batches
        .iter()
        .flat_map(|batch| batch.frames())
        .map(|frame| {
            let mut headers = Headers::default();
            decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
            (frame, headers)
        })
        .collect();
    bencher
        .counter(ItemsCount::new(packets.len()))
        .counter(BytesCount::new(capture.totals.octets))
        .bench_local(|| assert_eq!(count_flows(&packets), flows));
}
