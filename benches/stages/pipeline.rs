//! From the file to the named flows on one core, as `summary` does it.

use divan::{Bencher, counter::BytesCount, counter::ItemsCount};
use portolan::{Answers, Job, Registry, knowledge::Options, pipeline::Inputs};

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
    let inputs = Inputs::Files(vec![capture.path.clone()]);
    let mut job = Job { threads: 1, ..Job::new(inputs, &registry) };
    let bencher = bencher.counter(ItemsCount::new(totals.packets)).counter(BytesCount::new(totals.octets));
    bencher.bench_local(|| {
        let (knowledge, outcome) =
            job.learn(Options::default(), &()).expect("nothing is filtered or written");
        assert!(outcome.errors.is_empty());
        let answers = Answers::of(&knowledge, &registry, false, 1);
        assert!(answers.labels().all().len() > 20);
        assert_eq!((knowledge.span().packets, knowledge.span().octets), (totals.packets, totals.octets));
        assert_eq!(ported_tuples(&knowledge), flows);
    });
}
