//! Building Ethernet frames, every length and checksum right.

use super::random::Random;

/// A network address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl Address {
    /// The group that multicast DNS is sent to over the same version of IP (RFC 6762 section 3).
    pub(super) const fn mdns_group(self) -> Host {
        match self {
            Self::V4(_) => Host { mac: [1, 0, 0x5e, 0, 0, 0xfb], address: Self::V4([224, 0, 0, 251]) },
            Self::V6(_) => Host {
                mac: [0x33, 0x33, 0, 0, 0, 0xfb],
                address: Self::V6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb]),
            },
        }
    }
}

/// An interface on the wire, or a group of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    pub(super) mac: [u8; 6],
    pub(super) address: Address,
}

/// Payload octets without meaning, and the sums that give the checksum of any stretch of them at once.
#[derive(Debug)]
pub(super) struct Noise {
    octets: Vec<u8>,
    /// The sum of all 16-bit words before each even offset.
    sums: Vec<u32>,
}

/// The longest stretch of noise in one frame.
const STRETCH: usize = 1_500;

impl Noise {
    const SIZE: usize = 1 << 16;

    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut octets = Vec::with_capacity(Self::SIZE);
        while octets.len() < Self::SIZE {
            octets.extend_from_slice(&random.next().to_be_bytes());
        }
        let mut sums = vec![0];
        let mut sum = 0;
        for word in octets.chunks_exact(2) {
            sum += u32::from(u16::from_be_bytes([word[0], word[1]]));
            sums.push(sum);
        }
        Self { octets, sums }
    }

    /// `len` octets (at most [`STRETCH`]) from a place that `choice` selects, and the sum of their 16-bit words.
    fn stretch(&self, choice: u64, len: usize) -> (&[u8], u64) {
        let start = choice as usize % ((Self::SIZE - STRETCH) / 2);
        let octets = &self.octets[start * 2..start * 2 + len];
        let whole = u64::from(self.sums[start + len / 2] - self.sums[start]);
        let odd = if len % 2 == 1 { u64::from(octets[len - 1]) << 8 } else { 0 };
        (octets, whole + odd)
    }
}

/// What a transport header carries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Payload<'a> {
    /// The octets that mean something; an even number of them where noise follows.
    pub(super) head: &'a [u8],
    /// How many octets of noise follow.
    pub(super) noise: usize,
}

impl Payload<'_> {
    fn len(&self) -> usize {
        self.head.len() + self.noise
    }
}

/// Flags of a TCP header (RFC 9293 section 3.1).
pub(super) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const PSH: u8 = 0x08;
    pub(crate) const ACK: u8 = 0x10;
}

/// The fields of a TCP header that differ from packet to packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp<'a> {
    pub(super) ports: (u16, u16),
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
    /// A multiple of four octets, at most 40.
    pub(super) options: &'a [u8],
}

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// One frame in the making; its buffer is reused.
#[derive(Debug)]
pub(super) struct Frame {
    octets: Vec<u8>,
    /// Where the stretch of noise is taken from and the IPv4 identification: any number.
    pub(super) choice: u64,
    /// Time to live, or hop limit.
    pub(super) hops: u8,
}

impl Frame {
    /// The least an Ethernet frame has, without its check sequence.
    const MINIMUM: usize = 60;

    pub(super) fn new() -> Self {
        Self { octets: Vec::with_capacity(2_048), choice: 0, hops: 64 }
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn ethernet(&mut self, from: [u8; 6], to: [u8; 6], ether_type: u16) {
        self.octets.clear();
        self.octets.extend_from_slice(&to);
        self.octets.extend_from_slice(&from);
        self.octets.extend_from_slice(&ether_type.to_be_bytes());
    }

    /// Appends zeros up to `len` octets, as links do that have a least length.
    pub(super) fn pad(&mut self, len: usize) {
        if self.octets.len() < len {
            self.octets.resize(len, 0);
        }
    }

    /// An IPv4 or IPv6 packet. `header` is that of `protocol`, its checksum (at `checksum`) still zero.
    fn internet(
        &mut self,
        noise: &Noise,
        ends: (&Host, &Host),
        protocol: u8,
        header: &mut [u8],
        checksum: usize,
        payload: Payload<'_>,
    ) {
        let (from, to) = ends;
        let upper_len = header.len() + payload.len();
        let (stretch, noise_sum) = noise.stretch(self.choice, payload.noise);
        let mut sum = words(header) + words(payload.head) + noise_sum;
        if protocol != ICMP {
            sum += u64::from(protocol)
                + upper_len as u64
                + address_words(from.address)
                + address_words(to.address);
        }
        let folded = match fold(sum) {
            // RFC 768: an all-zero checksum is sent as all ones.
            0 if protocol == super::flow::UDP => 0xffff,
            folded => folded,
        };
        header[checksum..checksum + 2].copy_from_slice(&folded.to_be_bytes());

        match (from.address, to.address) {
            (Address::V4(source), Address::V4(destination)) => {
                self.ethernet(from.mac, to.mac, 0x0800);
                let mut ip = [0; 20];
                ip[0] = 0x45;
                ip[2..4].copy_from_slice(&(20 + upper_len as u16).to_be_bytes());
                ip[4..6].copy_from_slice(&(self.choice as u16).to_be_bytes());
                ip[6] = 0x40;
                ip[8] = self.hops;
                ip[9] = protocol;
                ip[12..16].copy_from_slice(&source);
                ip[16..20].copy_from_slice(&destination);
                let folded = fold(words(&ip));
                ip[10..12].copy_from_slice(&folded.to_be_bytes());
                self.octets.extend_from_slice(&ip);
            }
            (Address::V6(source), Address::V6(destination)) => {
                self.ethernet(from.mac, to.mac, 0x86dd);
                let mut ip = [0; 40];
                ip[0] = 0x60;
                ip[4..6].copy_from_slice(&(upper_len as u16).to_be_bytes());
                ip[6] = protocol;
                ip[7] = self.hops;
                ip[8..24].copy_from_slice(&source);
                ip[24..40].copy_from_slice(&destination);
                self.octets.extend_from_slice(&ip);
            }
            _ => unreachable!("both ends of a packet speak the same version of IP"),
        }
        self.octets.extend_from_slice(header);
        self.octets.extend_from_slice(payload.head);
        self.octets.extend_from_slice(stretch);
        self.pad(Self::MINIMUM);
    }

    /// A UDP datagram (RFC 768).
    pub(super) fn udp(
        &mut self,
        noise: &Noise,
        ends: (&Host, &Host),
        ports: (u16, u16),
        payload: Payload<'_>,
    ) {
        let mut header = [0; 8];
        header[0..2].copy_from_slice(&ports.0.to_be_bytes());
        header[2..4].copy_from_slice(&ports.1.to_be_bytes());
        header[4..6].copy_from_slice(&(8 + payload.len() as u16).to_be_bytes());
        self.internet(noise, ends, super::flow::UDP, &mut header, 6, payload);
    }

    /// A TCP segment (RFC 9293).
    pub(super) fn tcp(&mut self, noise: &Noise, ends: (&Host, &Host), tcp: Tcp<'_>, payload: Payload<'_>) {
        let mut header = [0; 60];
        let len = 20 + tcp.options.len();
        header[0..2].copy_from_slice(&tcp.ports.0.to_be_bytes());
        header[2..4].copy_from_slice(&tcp.ports.1.to_be_bytes());
        header[4..8].copy_from_slice(&tcp.sequence.to_be_bytes());
        header[8..12].copy_from_slice(&tcp.acknowledged.to_be_bytes());
        header[12] = (len as u8 / 4) << 4;
        header[13] = tcp.flags;
        header[14..16].copy_from_slice(&64_240_u16.to_be_bytes());
        header[20..len].copy_from_slice(tcp.options);
        self.internet(noise, ends, super::flow::TCP, &mut header[..len], 16, payload);
    }

    /// An ICMP or ICMPv6 message; `rest` is the second half of its header, `body` what follows.
    pub(super) fn icmp(
        &mut self,
        noise: &Noise,
        ends: (&Host, &Host),
        kind: (u8, u8),
        rest: [u8; 4],
        body: &[u8],
    ) {
        let protocol = if matches!(ends.0.address, Address::V4(_)) { ICMP } else { ICMPV6 };
        let mut header = [kind.0, kind.1, 0, 0, rest[0], rest[1], rest[2], rest[3]];
        self.internet(noise, ends, protocol, &mut header, 2, Payload { head: body, noise: 0 });
    }

    /// An ARP packet for IPv4 over Ethernet (RFC 826); operation 1 asks, 2 answers.
    pub(super) fn arp(&mut self, from: ([u8; 6], [u8; 4]), to: ([u8; 6], [u8; 4]), operation: u8) {
        let asks = operation == 1;
        self.ethernet(from.0, if asks { [0xff; 6] } else { to.0 }, 0x0806);
        self.octets.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
        self.octets.extend_from_slice(&from.0);
        self.octets.extend_from_slice(&from.1);
        self.octets.extend_from_slice(&if asks { [0; 6] } else { to.0 });
        self.octets.extend_from_slice(&to.1);
        self.pad(Self::MINIMUM);
    }
}

/// The sum of the 16-bit words; an odd last octet is the upper half of a word (RFC 1071).
fn words(octets: &[u8]) -> u64 {
    let quads = octets.chunks_exact(4);
    let tail = match *quads.remainder() {
        [] => 0,
        [a] => u64::from(a) << 8,
        [a, b] => u64::from(u16::from_be_bytes([a, b])),
        [a, b, c, ..] => u64::from(u16::from_be_bytes([a, b])) + (u64::from(c) << 8),
    };
    quads.fold(tail, |sum, quad| sum + u64::from(u32::from_be_bytes([quad[0], quad[1], quad[2], quad[3]])))
}

fn address_words(address: Address) -> u64 {
    match address {
        Address::V4(octets) => words(&octets),
        Address::V6(octets) => words(&octets),
    }
}

/// The Internet checksum of a sum of words (RFC 1071).
const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
