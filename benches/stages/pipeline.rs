//! From the file to the named flows on one core, as `summary` does it.

use divan::{Bencher, counter::BytesCount, counter::ItemsCount};
use portolan::{
    capture::{self, Source as _},
    decode::{Decoder, Headers},
    knowledge::{Answers, Knowledge, Options},
    packet::Batch,
    registry::Registry,
};

use crate::{
    Capture,
    generator::{Format, Plan, Shape},
    ported_tuples,
};

/// Half of the packets of a whole `mix`, over all of its flows.
const MIX: Plan = Plan { packets: 2_400_000, flows: 200_000, ..Plan::new(Shape::Mix) };

#[divan::bench(sample_count = 10)]
fn pcap(bencher: Bencher) {
    pipeline(bencher, MIX);
}

#[divan::bench(sample_count = 10)]
fn pcapng(bencher: Bencher) {
    pipeline(bencher, Plan { format: Format::Pcapng, ..MIX });
}

fn pipeline(bencher: Bencher, plan: Plan) {
    let flows = plan.flows;
    let capture = Capture::write(plan);
    let totals = capture.totals;
    let registry = Registry::built_in();
    let decoder = Decoder::default();
    let mut batch = Batch::new();
    let mut headers = Headers::default();
    let bencher = bencher.counter(ItemsCount::new(totals.packets)).counter(BytesCount::new(totals.octets));
    bencher.bench_local(|| {
        let mut source = capture::open(&capture.path).expect("the file was just written");
        let mut knowledge = Knowledge::whole(Options::default());
        while source.fill(&mut batch).expect("a sound file") {
            for frame in batch.frames() {
                decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                knowledge.learn(&frame, &headers, 0);
            }
        }
        knowledge.settle();
        let names = Answers::of(&knowledge, &registry, false, 1);
        assert!(names.labels().all().len() > 20);
        assert_eq!((knowledge.span().packets, knowledge.span().octets), (totals.packets, totals.octets));
        assert_eq!(ported_tuples(&knowledge), flows);
    });
}
