//! Traffic as a gateway sees it: flows begin and end, a few carry most of the packets.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    io::Write,
};

use super::container::Container;
use super::flow::{Flow, Flows, Hosts, SERVICES, TCP, Talk};
use super::frame::{Address, Frame, Noise, Payload, Tcp, flag};
use super::message::Message;
use super::random::{Random, scale, scatter};
use super::{Error, Plan, START, Totals};

/// Mean time between two packets, in nanoseconds: 16,000 packets a second, five minutes for the full size.
const PACE: u64 = 62_500;

/// Packets without a unicast flow, a third each of mDNS, ICMP and ARP: 3 in 200.
const fn background(packets: u64) -> u64 {
    packets * 3 / 200
}

/// The longest a TCP segment's payload is here: an Ethernet frame of 1,514 octets with time stamps, over IPv6 and IPv4.
pub(super) const SEGMENT: (usize, usize) = (1_428, 1_448);

/// How far a flow has come.
#[derive(Clone, Copy, Debug)]
struct Progress {
    total: u32,
    sent: u32,
    /// Mean time between its packets, in nanoseconds.
    gap: u32,
    /// Next sequence numbers of client and server.
    sequence: [u32; 2],
}

struct Mix<'a> {
    container: Container<'a>,
    flows: Flows,
    hosts: Hosts,
    noise: Noise,
    frame: Frame,
    message: Message,
    random: Random,
    totals: Totals,
}

pub(super) fn write(plan: &Plan, hosts: Hosts, out: &mut dyn Write) -> Result<Totals, Error> {
    let background = background(plan.packets);
    let mdns = background.div_ceil(3);
    let speakers = hosts.devices.min(mdns).min(plan.flows - 1);
    let flows = plan.flows - speakers;
    if plan.packets - background < flows {
        return Err(Error::Impossible("each flow needs a packet, and 1.5 % of the packets belong to none"));
    }

    let mut random = Random::new(plan.seed);
    let duration = plan.packets * PACE;
    let mut progress = Vec::with_capacity(flows as usize);
    let mut queue = Vec::with_capacity(flows as usize);
    for (number, total) in zipf(plan.packets - background, flows).enumerate() {
        // Gaps from a millisecond to a second, every magnitude as likely as the other, as far as the capture reaches.
        let gap = (1_000_000 << random.below(10)).min(duration / total);
        let gap = gap / 2 + random.below(gap / 2 + 1);
        let sequence = [random.next() as u32, random.next() as u32];
        let total =
            u32::try_from(total).map_err(|_| Error::Impossible("a flow of more than 2^32 packets"))?;
        progress.push(Progress { total, sent: 0, gap: gap as u32, sequence });
        queue.push(Reverse((random.below(duration - gap * u64::from(total) + 1), number as u32)));
    }
    let mut queue = BinaryHeap::from(queue);

    let mut mix = Mix {
        container: Container::new(plan.format, plan.snap_len, out),
        flows: Flows::new(hosts.clone(), &SERVICES, flows / 20, plan.seed),
        hosts,
        noise: Noise::new(plan.seed),
        frame: Frame::new(),
        message: Message::default(),
        random,
        totals: Totals::default(),
    };
    let (mut first, mut last) = (None, 0);
    for packet in 0..plan.packets {
        // The background is spread evenly: its share of all packets so far is never off by more than one.
        let before = packet * background / plan.packets;
        if (packet + 1) * background / plan.packets > before {
            mix.background(before, speakers);
        } else if let Some(mut next) = queue.peek_mut() {
            let Reverse((time, number)) = *next;
            let state = &mut progress[number as usize];
            mix.flow(u64::from(number), state);
            state.sent += 1;
            if state.sent == state.total {
                PeekMut::pop(next);
            } else {
                let gap = u64::from(state.gap);
                *next = Reverse((time + gap / 2 + mix.random.below(gap + 1), number));
            }
            last = time;
        }
        first.get_or_insert(last);
        mix.totals.packets += 1;
        mix.totals.octets += mix.frame.octets().len() as u64;
        mix.container.frame(START + last, mix.frame.octets())?;
    }
    mix.totals.duration = last - first.unwrap_or_default();
    mix.container.finish()?;
    Ok(mix.totals)
}

/// How many of `packets` each of `flows` has: one at least, and the rest by rank (Zipf, exponent 1).
fn zipf(packets: u64, flows: u64) -> impl Iterator<Item = u64> {
    // Fixed point, so that no rounding of a machine's floating point decides.
    const ONE: u64 = 1 << 32;
    let spare = packets - flows;
    let harmonic: u64 = (1..=flows).map(|rank| ONE / rank).sum();
    let share = move |rank: u64| (u128::from(spare) * u128::from(ONE / rank) / u128::from(harmonic)) as u64;
    let mut left = spare - (1..=flows).map(share).sum::<u64>();
    (1..=flows).map(move |rank| {
        let extra = u64::from(left > 0);
        left -= extra;
        1 + share(rank) + extra
    })
}

impl Mix<'_> {
    /// The next packet of a flow.
    fn flow(&mut self, number: u64, state: &mut Progress) {
        let flow = self.flows.at(number);
        self.frame.choice = self.random.next();
        self.frame.hops = 64;
        if flow.service.protocol == TCP {
            self.totals.tcp += 1;
            self.segment(&flow, state);
        } else {
            self.totals.udp += 1;
            self.datagram(&flow, state);
        }
    }

    fn segment(&mut self, flow: &Flow, state: &mut Progress) {
        let (sent, left) = (state.sent, state.total - state.sent);
        // Nine of ten begin within the capture, and three of four of the longer ones end in it.
        let opens = !flow.habit.is_multiple_of(10) && state.total >= 3;
        let closes = !(flow.habit / 10).is_multiple_of(4) && state.total >= 8;
        let (by_server, flags, len) = match (sent, left) {
            (0, _) if opens => (false, flag::SYN, 0),
            (1, _) if opens => (true, flag::SYN | flag::ACK, 0),
            (2, _) if opens => (false, flag::ACK, 0),
            (3, _) if opens => (false, flag::PSH | flag::ACK, 180 + self.random.below(400) as usize),
            (0, 2) if flow.habit % 10 < 5 => (false, flag::SYN, 0),
            (1, 1) if flow.habit % 10 < 5 => (true, flag::RST | flag::ACK, 0),
            (_, 3) if closes => (false, flag::FIN | flag::ACK, 0),
            (_, 2) if closes => (true, flag::FIN | flag::ACK, 0),
            (_, 1) if closes => (false, flag::ACK, 0),
            _ => self.data(flow),
        };
        let opening = if sent <= 4 && len > 0 { opening(flow.service.talk, by_server) } else { &[] };
        let [ours, theirs] = if by_server { [1, 0] } else { [0, 1] };
        let sequence = state.sequence[ours];
        let acknowledged = if flags & flag::ACK == 0 { 0 } else { state.sequence[theirs] };
        let takes = len as u32 + u32::from(flags & (flag::SYN | flag::FIN) != 0);
        state.sequence[ours] = sequence.wrapping_add(takes);

        let (options, len_of_options) = options(flags, self.totals.packets as u32);
        let options = &options[..len_of_options];
        let ends = if by_server { (&flow.server, &flow.client) } else { (&flow.client, &flow.server) };
        let tcp = Tcp { ports: ports(flow, by_server), sequence, acknowledged, flags, options };
        let head = &opening[..opening.len().min(len) & !1];
        let payload = Payload { head, noise: len - head.len() };
        self.frame.tcp(&self.noise, ends, tcp, payload);
    }

    /// Direction, flags and length of a segment in the middle of a connection.
    fn data(&mut self, flow: &Flow) -> (bool, u8, usize) {
        let full = if matches!(flow.client.address, Address::V6(_)) { SEGMENT.0 } else { SEGMENT.1 };
        let by_server = self.random.percent(58);
        let (fulls, middles) = if by_server { (64, 18) } else { (10, 24) };
        let draw = self.random.below(100);
        if draw < fulls {
            (by_server, flag::ACK, full)
        } else if draw < fulls + middles {
            (by_server, flag::PSH | flag::ACK, 40 + self.random.below(1_200) as usize)
        } else {
            (by_server, flag::ACK, 0)
        }
    }

    fn datagram(&mut self, flow: &Flow, state: &Progress) {
        // Questions and answers take turns; the others talk as they like.
        let exchange = u64::from(state.sent / 2);
        let mut by_server = state.sent % 2 == 1;
        let mut noise = 0;
        match flow.service.talk {
            Talk::Dns => {
                let question = scatter(flow.habit.wrapping_add(exchange));
                self.message.lookup(question as u16, question >> 16, by_server);
            }
            Talk::Ntp => noise = 46,
            Talk::Quic => {
                by_server = self.random.percent(62);
                noise = match (by_server, self.random.below(100)) {
                    (_, _) if state.sent < 2 => 1_198,
                    (true, 0..80) => 1_250,
                    (false, 0..14) => 1_250,
                    _ => 23 + self.random.below(120) as usize,
                };
            }
            _ => {
                by_server = self.random.percent(50);
                noise = 20 + self.random.below(700) as usize;
            }
        }
        let head = match flow.service.talk {
            Talk::Dns => self.message.octets(),
            talk => opening(talk, by_server),
        };
        let ends = if by_server { (&flow.server, &flow.client) } else { (&flow.client, &flow.server) };
        self.frame.udp(&self.noise, ends, ports(flow, by_server), Payload { head, noise });
    }

    /// The next packet that belongs to no unicast flow.
    fn background(&mut self, number: u64, speakers: u64) {
        let (round, kind) = (number / 3, number % 3);
        self.frame.choice = self.random.next();
        match kind {
            0 if speakers > 0 => self.mdns(round % speakers, round / speakers),
            1 => self.icmp(round),
            _ => self.arp(round),
        }
    }

    fn mdns(&mut self, device: u64, round: u64) {
        self.totals.mdns += 1;
        let from = Hosts::device(device);
        let to = from.address.mdns_group();
        if round.is_multiple_of(3) || round == 1 {
            self.message.announcement(device, from.address);
        } else {
            self.message.browse(device, round);
        }
        self.frame.hops = 255;
        let payload = Payload { head: self.message.octets(), noise: 0 };
        self.frame.udp(&self.noise, (&from, &to), (5353, 5353), payload);
    }

    /// An echo request, its reply, and now and then the complaint that nobody listens.
    fn icmp(&mut self, round: u64) {
        self.totals.icmp += 1;
        let of_ten = round / 3;
        let client = Hosts::client(of_ten % self.hosts.clients);
        let tens = self.hosts.servers / 10;
        let server = Hosts::server(of_ten % tens * 10 + if of_ten % 10 >= 7 { 7 } else { 0 });
        let v4 = matches!(client.address, Address::V4(_));
        self.frame.hops = 64;
        let rest = [0x12, 0x34, (of_ten >> 8) as u8, of_ten as u8];
        let body = [0x61; 56];
        match round % 3 {
            0 => {
                let kind = if v4 { (8, 0) } else { (128, 0) };
                self.frame.icmp(&self.noise, (&client, &server), kind, rest, &body);
            }
            1 => {
                let kind = if v4 { (0, 0) } else { (129, 0) };
                self.frame.icmp(&self.noise, (&server, &client), kind, rest, &body);
            }
            _ => {
                // Port unreachable, quoting a datagram to the traceroute ports: what the frame would be.
                let ports = (40_000 + scale(self.frame.choice, 1_000) as u16, 33_434);
                self.frame.udp(
                    &self.noise,
                    (&client, &server),
                    ports,
                    Payload { head: &[0x40; 32], noise: 0 },
                );
                let quoted = self.frame.octets()[14..].to_vec();
                let kind = if v4 { (3, 3) } else { (1, 4) };
                self.frame.icmp(&self.noise, (&server, &client), kind, [0; 4], &quoted);
            }
        }
    }

    /// A client asks for a device, the device answers.
    fn arp(&mut self, round: u64) {
        self.totals.arp += 1;
        let client = Hosts::client(round / 2 % (self.hosts.clients / 10) * 10);
        let device = Hosts::device(0);
        let (Address::V4(ours), Address::V4(theirs)) = (client.address, device.address) else {
            unreachable!("the first of ten hosts speaks IPv4");
        };
        if round.is_multiple_of(2) {
            self.frame.arp((client.mac, ours), (device.mac, theirs), 1);
        } else {
            self.frame.arp((device.mac, theirs), (client.mac, ours), 2);
        }
    }
}

/// Options of a segment, and how long they are: maximum segment size, selective acknowledgement, time stamps and window
/// scale on a SYN, later only time stamps.
pub(super) fn options(flags: u8, stamp: u32) -> ([u8; 20], usize) {
    let stamp = stamp.to_be_bytes();
    if flags & flag::SYN != 0 {
        let mut options = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7];
        options[8..12].copy_from_slice(&stamp);
        return (options, 20);
    }
    let mut options = [0; 20];
    options[..4].copy_from_slice(&[1, 1, 8, 10]);
    options[4..8].copy_from_slice(&stamp);
    (options, 12)
}

fn ports(flow: &Flow, by_server: bool) -> (u16, u16) {
    let (client, server) = (flow.client_port, flow.service.port);
    if by_server { (server, client) } else { (client, server) }
}

/// The octets a conversation begins with; an even number of them.
fn opening(talk: Talk, by_server: bool) -> &'static [u8] {
    match (talk, by_server) {
        (Talk::Http, false) => b"GET /index.html HTTP/1.1\r\nHost: www.example.net\r\nAccept: */*\r\n\r\n",
        (Talk::Http, true) => b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n",
        (Talk::Ntp, false) => &[0x23, 0],
        (Talk::Ntp, true) => &[0x24, 1],
        (Talk::Quic, _) => &[0x41, 0x5a],
        (Talk::Ssh, _) => b"SSH-2.0-OpenSSH_9.8\r\n\0",
        // Application data: what it protects is noise to everyone.
        (Talk::Tls, _) => &[0x17, 3, 3, 4, 0, 0],
        (Talk::Dns | Talk::Opaque | Talk::Said(_), _) => &[],
    }
}
