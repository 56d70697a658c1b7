//! From transport and port to the registered name: the hash index beside what is simpler.

use std::collections::HashMap;

use divan::{Bencher, counter::ItemsCount};
use portolan::{packet::TransportProtocol, registry::Registry};

type Key = (TransportProtocol, u16);

/// Ports as packets bring them: half of them clients' ports, half those of servers, most of these registered.
fn keys(count: u64) -> Vec<Key> {
    (0..count)
        .map(|index| {
            // Knuth's multiplicative hash: any order will do that a branch predictor cannot learn.
            let number = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let protocol = if number >> 62 == 0 { TransportProtocol::UDP } else { TransportProtocol::TCP };
            let port = match index % 4 {
                0 | 1 => 32_768 + (number >> 40) % 28_232,
                2 => [443, 80, 53, 22, 123, 993, 5353, 8080][(number >> 50) as usize % 8],
                _ => (number >> 40) % 10_000,
            };
            (protocol, port as u16)
        })
        .collect()
}

/// The names of a port, read off the rows one by one.
fn scan(registry: &Registry, (protocol, port): Key) -> bool {
    registry.rows().any(|row| {
        !row.name().is_empty()
            && row.transport().is_none_or(|transport| transport == protocol)
            && row.ports().is_some_and(|(first, last)| (first..=last).contains(&port))
    })
}

fn found(registry: &Registry, keys: &[Key]) -> usize {
    keys.iter().filter(|&&key| scan(registry, key)).count()
}

#[divan::bench]
fn hash_index(bencher: Bencher) {
    let registry = Registry::built_in();
    let keys = keys(4_096);
    let expected = found(&registry, &keys);
    bencher.counter(ItemsCount::new(keys.len())).bench_local(|| {
        let found = keys.iter().filter(|key| registry.primary(key.0, key.1).is_some()).count();
        assert_eq!(found, expected);
    });
}

#[divan::bench]
fn std_hash_map(bencher: Bencher) {
    let registry = Registry::built_in();
    let mut map: HashMap<Key, u32> = HashMap::new();
    for protocol in [TransportProtocol::TCP, TransportProtocol::UDP] {
        for port in 0..=u16::MAX {
            if let Some(row) = registry.primary(protocol, port) {
                map.insert((protocol, port), row.id());
            }
        }
    }
    let keys = keys(4_096);
    let expected = found(&registry, &keys);
    bencher.counter(ItemsCount::new(keys.len())).bench_local(|| {
        assert_eq!(keys.iter().filter(|key| map.contains_key(key)).count(), expected);
    });
}

#[divan::bench]
fn linear_scan(bencher: Bencher) {
    let registry = Registry::built_in();
    let keys = keys(64);
    let expected = keys.iter().filter(|key| registry.primary(key.0, key.1).is_some()).count();
    bencher
        .counter(ItemsCount::new(keys.len()))
        .bench_local(|| assert_eq!(found(&registry, &keys), expected));
}
