//! Traffic of whoever wants to cost as much as can be: floods in which everything is new, and frames made of headers, pointers
//! and pieces alone. Lengths are right; checksums, which nobody asks, are not.

use std::io::Write;

use super::container::Container;
use super::random::scatter;
use super::{Error, Plan, START, Totals};

/// What is new in each packet, or what its frames are full of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hostile {
    /// Five-tuples, in no order.
    Flows,
    /// Five-tuples whose addresses and ports differ by the same bits, so that simple hashes of them are equal.
    Colliding,
    /// Instances of services, with their hosts, over multicast DNS.
    Instances,
    /// Hosts, over multicast DNS.
    Names,
    /// What clients ask a server for by name.
    Domains,
    /// Fragments that wait for their first one.
    Fragments,
    /// First octets that do not tell yet what is spoken.
    Undecided,
    /// The same instance of a service again and again, which is no harm: what the costs of other messages are held against.
    Announcements,
    /// DNS records whose names are all pointers to pointers to 125 labels, 64 KB of them in a message.
    Pointers,
    /// Extension headers of IPv6.
    Extensions,
    /// Subframes of an A-MSDU.
    Subframes,
    /// Compressed extension headers of 6LoWPAN.
    Lowpan,
}

impl Hostile {
    pub(crate) const ALL: [(&str, Self); 12] = [
        ("flows", Self::Flows),
        ("colliding", Self::Colliding),
        ("instances", Self::Instances),
        ("names", Self::Names),
        ("domains", Self::Domains),
        ("fragments", Self::Fragments),
        ("undecided", Self::Undecided),
        ("announcements", Self::Announcements),
        ("pointers", Self::Pointers),
        ("extensions", Self::Extensions),
        ("subframes", Self::Subframes),
        ("lowpan", Self::Lowpan),
    ];

    /// The link type of its frames.
    const fn link(self) -> u32 {
        match self {
            Self::Subframes => 105,
            Self::Lowpan => 230,
            _ => 1,
        }
    }

    /// Fills `frame` with that of a number.
    fn fill(self, number: u64, frame: &mut Vec<u8>) {
        frame.clear();
        let n = number as u32;
        match self {
            Self::Flows => {
                // A bijection of the numbers below 2^32 would repeat none; of those that are used hardly any does.
                let key = scatter(number);
                udp(frame, (key as u32 | 0x4000_0000) & 0x7fff_ffff, (key >> 32) as u16 | 1, 9, &[0; 18]);
            }
            Self::Colliding => {
                let (high, low) = (n >> 14, n & 0x3fff);
                udp(frame, 0x0a00_0000 ^ high, 0x4000 | low as u16, 0x8000 | low as u16, &[0; 18]);
                frame[30..34].copy_from_slice(&(0xc000_0200 ^ high).to_be_bytes());
            }
            Self::Instances | Self::Announcements => {
                let n = if self == Self::Instances { n } else { n % 50 };
                announce(frame, n, true);
            }
            Self::Names => announce(frame, n, false),
            Self::Domains => {
                let request = format!("GET / HTTP/1.1\r\nHost: s{n}.example\r\n\r\n");
                tcp(frame, 0x0a00_0000 | n >> 8, 0x8000 | n as u16 & 0xff, 80, request.as_bytes());
            }
            Self::Fragments => {
                udp(frame, 0x0a00_0000 | n >> 16, n as u16, 9, &[0; 18]);
                // Another datagram's, behind its first 8 octets.
                frame[18..20].copy_from_slice(&(n as u16).to_be_bytes());
                frame[21] = 1;
            }
            Self::Undecided => tcp(frame, 0x0a00_0000 | n >> 8, 0x8000 | n as u16 & 0xff, 4_000, b"S"),
            Self::Pointers => pointers(frame),
            Self::Extensions => extensions(frame),
            Self::Subframes => subframes(frame),
            Self::Lowpan => lowpan(frame),
        }
    }
}

/// Ethernet and IPv4 from that address to 192.0.2.1, before `len` octets of a protocol.
fn ipv4(frame: &mut Vec<u8>, source: u32, protocol: u8, len: usize) {
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
    frame.extend((20 + len as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    frame.extend(source.to_be_bytes());
    frame.extend([192, 0, 2, 1]);
}

fn udp(frame: &mut Vec<u8>, source: u32, from: u16, to: u16, payload: &[u8]) {
    ipv4(frame, source, 17, 8 + payload.len());
    for word in [from, to, 8 + payload.len() as u16, 0] {
        frame.extend(word.to_be_bytes());
    }
    frame.extend_from_slice(payload);
}

/// A segment with PSH and ACK.
fn tcp(frame: &mut Vec<u8>, source: u32, from: u16, to: u16, payload: &[u8]) {
    ipv4(frame, source, 6, 20 + payload.len());
    frame.extend([from, to].map(u16::to_be_bytes).as_flattened());
    frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend_from_slice(payload);
}

/// A DNS name of these labels.
fn name(message: &mut Vec<u8>, labels: &[&str]) {
    for label in labels {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
}

/// A record whose data the function writes.
fn record(message: &mut Vec<u8>, owner: &[&str], kind: u8, data: impl FnOnce(&mut Vec<u8>)) {
    name(message, owner);
    message.extend([0, kind, 0, 1, 0, 0, 0, 120, 0, 0]);
    let begin = message.len();
    data(message);
    let len = (message.len() - begin) as u16;
    message[begin - 2..begin].copy_from_slice(&len.to_be_bytes());
}

/// What one of 200 hosts tells of a host, and of a printer there.
fn announce(frame: &mut Vec<u8>, n: u32, has_service: bool) {
    let (host, instance) = (format!("h{n}"), format!("Printer {n}"));
    let (host, service) = ([&*host, "local"], ["_ipp", "_tcp", "local"]);
    let own = [&*instance, "_ipp", "_tcp", "local"];
    let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, if has_service { 4 } else { 1 }, 0, 0, 0, 0];
    record(&mut message, &host, 1, |data| data.extend((0x0a00_0000 | n).to_be_bytes()));
    if has_service {
        record(&mut message, &service, 12, |data| name(data, &own));
        record(&mut message, &own, 33, |data| {
            data.extend([0, 0, 0, 0, 2, 0x77]);
            name(data, &host);
        });
        record(&mut message, &own, 16, |data| data.push(0));
    }
    udp(frame, 0xc000_0201 + n % 200, 5353, 5353, &message);
    frame[30..34].copy_from_slice(&[224, 0, 0, 251]);
}

fn pointers(frame: &mut Vec<u8>) {
    const RECORDS: u16 = 4_500;
    let mut message = vec![0, 0, 0x84, 0, 0, 0];
    message.extend(RECORDS.to_be_bytes());
    message.extend([0; 4]);
    // The first owner is the name that all others lead to.
    let mut last = message.len() as u16;
    for number in 0..RECORDS {
        if number == 0 {
            message.extend([1, b'a'].repeat(125));
            message.push(0);
        } else {
            message.extend((0xc000 | last).to_be_bytes());
        }
        message.extend([0, 12, 0, 1, 0, 0, 0, 120, 0, 2]);
        let here = message.len() as u16;
        message.extend((0xc000 | last).to_be_bytes());
        // A pointer has 14 bits, and no name more pointers than are followed.
        last = if here < 0x3fff && number % 100 != 99 { here } else { 12 };
    }
    udp(frame, 0xc000_0201, 5353, 5353, &message);
    frame[30..34].copy_from_slice(&[224, 0, 0, 251]);
}

/// 180 headers of destination options before an empty datagram.
fn extensions(frame: &mut Vec<u8>) {
    const HEADERS: u16 = 180;
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend((8 * HEADERS + 8).to_be_bytes());
    frame.extend([60, 64]);
    for last in [1, 2] {
        frame.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    for left in (0..HEADERS).rev() {
        frame.extend([if left == 0 { 17 } else { 60 }, 0, 1, 4, 0, 0, 0, 0]);
    }
    frame.extend([0xc3, 0x50, 0, 9, 0, 8, 0, 0]);
}

/// QoS data of 802.11 (IEEE 802.11-2020 section 9.3.2.2) with 1,000 subframes that hold the head of an ARP packet.
fn subframes(frame: &mut Vec<u8>) {
    frame.extend([0x88, 2, 0, 0]);
    frame.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3]);
    frame.extend([0, 0, 0x80, 0]);
    for _ in 0..1_000 {
        frame.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 10]);
        frame.extend([0xaa, 0xaa, 3, 0, 0, 0, 8, 6, 0, 1]);
    }
}

/// Data of 802.15.4 with compressed IPv6 (RFC 6282 section 3.1) and 700 empty headers of destination options (section 4.2).
fn lowpan(frame: &mut Vec<u8>) {
    frame.extend([0x41, 0x88, 1, 0xcd, 0xab, 1, 0, 2, 0]);
    frame.extend([0x7f, 0x33]);
    for _ in 0..700 {
        frame.extend([0xe7, 0]);
    }
    // Both ports of 4 bits, no checksum (section 4.3.1).
    frame.extend([0xf7, 0x12]);
}

/// As many packets as the plan says, a microsecond apart.
pub(super) fn write(plan: &Plan, what: Hostile, out: &mut dyn Write) -> Result<Totals, Error> {
    let mut container = Container::of_link(plan.format, plan.snap_len, what.link(), out);
    let (mut frame, mut totals) = (Vec::new(), Totals::default());
    for number in 0..plan.packets {
        what.fill(number, &mut frame);
        totals.packets += 1;
        totals.octets += frame.len() as u64;
        container.frame(START + number * 1_000, &frame)?;
    }
    totals.duration = plan.packets.saturating_sub(1) * 1_000;
    container.finish()?;
    Ok(totals)
}
