//! What DNS messages cost: reading one, writing it, joining it into the inventory.
//!
//! `cargo bench --bench dns`. The announcement is that of a printer with PTR, SRV, TXT, A, AAAA and NSEC records,
//! compressed as senders do it.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
};

use divan::{Bencher, counter::ItemsCount};
use portolan::{
    dns::{
        Advertised, Data, Message, Moment, Origin, Via,
        inventory::{Inventory, Sighting},
        json, line,
    },
    packet::{PacketId, Timestamp, TransportProtocol},
};

fn main() {
    divan::main();
}

/// One response with six answers; `number` makes the instance and the host another one.
fn announcement(number: u8) -> Vec<u8> {
    let mut octets = b"\0\0\x84\0\0\0\0\x06\0\0\0\0".to_vec();
    let mut record = |name: &[u8], kind: u8, class: u8, ttl: u32, data: &[u8]| {
        octets.extend(name);
        octets.extend([0, kind, class, 1]);
        octets.extend(ttl.to_be_bytes());
        octets.extend((data.len() as u16).to_be_bytes());
        octets.extend(data);
        octets.len() - data.len()
    };
    let pointer = |offset: usize| [0xc0 | (offset >> 8) as u8, offset as u8];
    let digit = b'0' + number % 10;
    let instance = [b"\x11Kitchen printer ".as_slice(), &[digit], &pointer(12)].concat();
    let instance = record(b"\x04_ipp\x04_tcp\x05local\0", 12, 0, 4500, &instance);
    let server = [&[0, 0, 0, 0, 2, 0x77, 8], b"printer".as_slice(), &[digit], &pointer(22)].concat();
    let server = record(&pointer(instance), 33, 0x80, 120, &server);
    let host = pointer(server + 6);
    let strings: [&[u8]; 6] = [
        b"txtvers=1",
        b"qtotal=1",
        b"rp=printers/first",
        b"ty=Printer Model 4711",
        b"adminurl=/#x",
        b"Color=T",
    ];
    let txt = strings.map(|string| [&[string.len() as u8], string].concat()).concat();
    record(&pointer(instance), 16, 0x80, 4500, &txt);
    record(&host, 1, 0x80, 120, &[192, 168, 1, number]);
    record(&host, 28, 0x80, 120, &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number]);
    record(&host, 47, 0x80, 120, &[host.as_slice(), &[0, 4, 0x40, 0, 0, 8]].concat());
    octets
}

/// What stands in the records: names walked to their ends, data decoded.
fn walk(message: &Message<'_>) -> (usize, usize) {
    let (mut records, mut labels) = (0, 0);
    for record in message.records() {
        records += 1;
        labels += record.name.labels().count();
        labels += match record.data() {
            Data::Ptr(name) | Data::Srv { target: name, .. } | Data::Nsec { next: name, .. } => {
                name.labels().count()
            }
            Data::Txt(strings) => strings.count(),
            Data::Malformed(damage) => panic!("{damage}"),
            _ => 0,
        };
    }
    (records, labels)
}

#[divan::bench(sample_size = 500)]
fn decode_announcement(bencher: Bencher<'_, '_>) {
    let octets = announcement(1);
    // 3 + 4 labels of PTR and its target, 4 and 2 of SRV, 4 and 6 strings of TXT, 2 of A, 2 of AAAA, 2 and 2 of NSEC.
    assert_eq!(walk(&Message::new(&octets).unwrap()), (6, 31));
    bencher.counter(ItemsCount::new(1_u8)).bench(|| walk(&Message::new(black_box(&octets)).unwrap()));
}

#[divan::bench(sample_size = 500)]
fn line_of_announcement(bencher: Bencher<'_, '_>) {
    let octets = announcement(1);
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(1_u8)).bench_local(|| {
        out.clear();
        line(Via::Mdns, &Message::new(black_box(&octets)).unwrap(), &mut out);
        assert!(out.starts_with(b"mdns response: PTR"));
    });
}

#[divan::bench(sample_size = 500)]
fn json_of_announcement(bencher: Bencher<'_, '_>) {
    let octets = announcement(1);
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(1_u8)).bench_local(|| {
        out.clear();
        json(Via::Mdns, &Message::new(black_box(&octets)).unwrap(), &mut out);
        assert!(out.ends_with(b"]}"));
    });
}

fn sighting(number: u64) -> Sighting {
    Sighting {
        packet: PacketId { file: 0, number },
        time: Some(Timestamp(number * 1_000_000)),
        interface: 0,
        source: (IpAddr::from([192, 168, 1, 1]), 5353),
        destination: (IpAddr::from([224, 0, 0, 251]), 5353),
        protocol: TransportProtocol::UDP,
    }
}

#[divan::bench(sample_size = 500)]
fn join_announcement(bencher: Bencher<'_, '_>) {
    let messages: Vec<_> = (0..10).map(announcement).collect();
    let mut inventory = Inventory::new();
    let mut number = 0;
    bencher.counter(ItemsCount::new(1_u8)).bench_local(|| {
        number += 1;
        let message = Message::new(&messages[number as usize % 10]).unwrap();
        inventory.observe(sighting(number), &message);
    });
    assert_eq!(inventory.instances().count() as u64, number.min(10));
    assert_eq!(inventory.counts().responses, number);
}

#[divan::bench(sample_size = 500)]
fn learn_endpoints(bencher: Bencher<'_, '_>) {
    let messages: Vec<_> = (0..10).map(announcement).collect();
    let mut advertised = Advertised::new();
    let mut number = 0;
    bencher.counter(ItemsCount::new(1_u8)).bench_local(|| {
        number += 1;
        let message = Message::new(&messages[number as usize % 10]).unwrap();
        advertised.observe(
            Origin { sender: Ipv4Addr::LOCALHOST.into(), via: Via::Mdns, interface: 0 },
            Some(Timestamp(number)),
            &message,
        );
    });
    let found = advertised
        .lookup([192, 168, 1, 1].into(), TransportProtocol::TCP, 631, Moment::Hindsight { began: None })
        .unwrap();
    assert_eq!(found.name, "ipp");
}

#[divan::bench(sample_size = 500)]
fn look_up_endpoint(bencher: Bencher<'_, '_>) {
    let mut advertised = Advertised::new();
    for number in 0..10 {
        advertised.observe(
            Origin { sender: Ipv4Addr::LOCALHOST.into(), via: Via::Mdns, interface: 0 },
            Some(Timestamp(1)),
            &Message::new(&announcement(number)).unwrap(),
        );
    }
    let address = IpAddr::from([192, 168, 1, 7]);
    let found = |port| {
        advertised
            .lookup(
                black_box(address),
                TransportProtocol::TCP,
                black_box(port),
                Moment::Hindsight { began: None },
            )
            .is_some()
    };
    assert!(found(631) && !found(632));
    bencher.counter(ItemsCount::new(1_u8)).bench(|| found(631));
}
