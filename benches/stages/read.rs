//! Walking the records of a file in the page cache.

use divan::{Bencher, counter::BytesCount, counter::ItemsCount};
use portolan::{
    capture::{self, Source},
    packet::Batch,
};

use crate::{
    Capture,
    generator::{Format, Plan, Shape},
};

#[divan::bench]
fn pcap(bencher: Bencher) {
    read(bencher, Format::Pcap);
}

#[divan::bench]
fn pcapng(bencher: Bencher) {
    read(bencher, Format::Pcapng);
}

fn read(bencher: Bencher, format: Format) {
    let capture = Capture::write(Plan { format, packets: 200_000, flows: 10_000, ..Plan::new(Shape::Mix) });
    let totals = capture.totals;
    let bencher = bencher.counter(ItemsCount::new(totals.packets)).counter(BytesCount::new(totals.octets));
    let mut batch = Batch::new();
    bencher.bench_local(|| {
        let mut source = capture::open(&capture.path).expect("the file was just written");
        let (mut packets, mut octets) = (0, 0);
        while source.fill(&mut batch).expect("a sound file") {
            packets += batch.len() as u64;
            octets += batch.frames().map(|frame| u64::from(frame.original_len)).sum::<u64>();
        }
        assert_eq!((packets, octets), (totals.packets, totals.octets));
    });
}
