//! Captures in which every flow has its turn in every round: nothing need be remembered of a flow.

use std::io::Write;

use super::container::{Container, Format, block_len, record};
use super::flow::{
    EPHEMERAL_PORTS, FIRST_EPHEMERAL, Flow, Flows, Hosts, SERVICES, Service, TCP, Talk, UDP, service,
};
use super::frame::{Address, Frame, Host, Noise, Payload, Tcp, flag};
use super::message::Message;
use super::random::{Permutation, scatter};
use super::{Error, Plan, START, Totals};

/// Time between two packets, in nanoseconds: two minutes for ten million.
const PACE: u64 = 12_000;

/// Calls `packet` with the frame to fill, the flow's number, the round and the time, and writes what it made.
fn rounds(
    plan: &Plan,
    out: &mut dyn Write,
    mut packet: impl FnMut(&mut Frame, u64, u64, u64),
) -> Result<Totals, Error> {
    let mut container = Container::new(plan.format, plan.snap_len, out);
    let mut frame = Frame::new();
    let mut totals = Totals::default();
    let mut order = Permutation::new(plan.flows, 0);
    for number in 0..plan.packets {
        let (round, place) = (number / plan.flows, number % plan.flows);
        if place == 0 {
            order = Permutation::new(plan.flows, scatter(plan.seed ^ round << 32));
        }
        let time = START + number * PACE;
        packet(&mut frame, order.at(place), round, time);
        totals.packets += 1;
        totals.octets += frame.octets().len() as u64;
        container.frame(time, frame.octets())?;
    }
    totals.duration = (plan.packets - 1) * PACE;
    container.finish()?;
    Ok(totals)
}

/// Frames of 64 octets. Over IPv6 only UDP is that short.
pub(super) fn small(plan: &Plan, hosts: Hosts, out: &mut dyn Write) -> Result<Totals, Error> {
    let flows = Flows::new(hosts, &SERVICES, 0, plan.seed);
    let noise = Noise::new(plan.seed);
    let mut message = Message::default();
    let last = (plan.packets / plan.flows).saturating_sub(1);
    let (mut tcp, mut udp) = (0, 0);
    let mut totals = rounds(plan, out, |frame, number, round, _| {
        let flow = flows.at(number);
        let choice = scatter(flow.habit ^ round);
        frame.choice = choice;
        let v4 = matches!(flow.client.address, Address::V4(_));
        let by_server = if round < 2 { round == 1 } else { choice.is_multiple_of(2) };
        let Flow { client, server, client_port, service, habit } = &flow;
        let ends = if by_server { (server, client) } else { (client, server) };
        let turned = |(client, server)| if by_server { (server, client) } else { (client, server) };
        if service.protocol == TCP && v4 {
            tcp += 1;
            let flags = match round {
                0 => flag::SYN,
                1 => flag::SYN | flag::ACK,
                _ if round == last => flag::FIN | flag::ACK,
                _ => flag::PSH | flag::ACK,
            };
            let len = if flags & flag::SYN == 0 { 10 } else { 0 };
            let base = (*habit as u32).wrapping_add(10 * round as u32);
            let acknowledged = if round == 0 { 0 } else { base };
            let ports = turned((*client_port, service.port));
            let segment = Tcp { ports, sequence: base, acknowledged, flags, options: &[] };
            // A SYN without data is made as long as the others by the padding of its link.
            frame.tcp(&noise, ends, segment, Payload { head: &[], noise: len });
        } else {
            udp += 1;
            // What does not fit into so few octets is QUIC, which nobody can read.
            let fits = v4 && service.protocol != TCP && service.talk != Talk::Ntp;
            let port = if fits { service.port } else { 443 };
            let payload = if v4 && service.talk == Talk::Dns {
                message.brief(choice as u16, by_server);
                Payload { head: message.octets(), noise: 0 }
            } else {
                Payload { head: &[], noise: if v4 { 22 } else { 2 } }
            };
            frame.udp(&noise, ends, turned((*client_port, port)), payload);
        }
        frame.pad(64);
    })?;
    totals.tcp = tcp;
    totals.udp = udp;
    Ok(totals)
}

/// Who is asked for addresses.
static RESOLVERS: [Service; 1] = [service(53, UDP, 1, Talk::Dns)];

/// Questions for addresses and their answers; the first flows are of devices that announce themselves.
pub(super) fn lookups(plan: &Plan, hosts: Hosts, out: &mut dyn Write) -> Result<Totals, Error> {
    let devices = hosts.devices.min(plan.flows / 2);
    let flows = Flows::new(hosts, &RESOLVERS, 0, plan.seed);
    let noise = Noise::new(plan.seed);
    let mut message = Message::default();
    let mut mdns = 0;
    let mut totals = rounds(plan, out, |frame, number, round, _| {
        if number < devices {
            mdns += 1;
            let from = Hosts::device(number);
            message.announcement(number, from.address);
            frame.hops = 255;
            let payload = Payload { head: message.octets(), noise: 0 };
            frame.udp(&noise, (&from, &from.address.mdns_group()), (5353, 5353), payload);
            return;
        }
        let Flow { client, server, client_port, service, habit } = &flows.at(number);
        let by_server = !round.is_multiple_of(2);
        let question = scatter(habit ^ (round / 2));
        message.lookup(question as u16, question >> 16, by_server);
        let (ends, ports) = if by_server {
            ((server, client), (service.port, *client_port))
        } else {
            ((client, server), (*client_port, service.port))
        };
        frame.choice = question;
        frame.hops = 64;
        frame.udp(&noise, ends, ports, Payload { head: message.octets(), noise: 0 });
    })?;
    (totals.mdns, totals.udp) = (mdns, totals.packets - mdns);
    Ok(totals)
}

/// Connections in VXLAN (RFC 7348), and in GTP-U (3GPP TS 29.281), between hosts that wrap what they send.
pub(super) fn tunnels(plan: &Plan, hosts: Hosts, out: &mut dyn Write) -> Result<Totals, Error> {
    let flows = Flows::new(hosts, &SERVICES, 0, plan.seed);
    let noise = Noise::new(plan.seed);
    let mut wrapped = Vec::new();
    let mut totals = rounds(plan, out, |frame, number, round, _| {
        let Flow { client, server, client_port, service, habit } = &flows.at(number);
        let by_server = if round < 2 { round == 1 } else { scatter(habit ^ round).is_multiple_of(2) };
        let flags = match round {
            0 => flag::SYN,
            1 => flag::SYN | flag::ACK,
            _ => flag::PSH | flag::ACK,
        };
        let ends = if by_server { (server, client) } else { (client, server) };
        let turned = |port| if by_server { (port, *client_port) } else { (*client_port, port) };
        frame.choice = scatter(habit ^ round);
        let sequence = (*habit as u32).wrapping_add(1_000 * round as u32);
        let acknowledged = if round == 0 { 0 } else { sequence };
        let segment = Tcp { ports: turned(service.port), sequence, acknowledged, flags, options: &[] };
        let len = if round < 2 { 0 } else { 40 + scatter(habit.wrapping_add(round)) as usize % 1_000 };
        frame.tcp(&noise, ends, segment, Payload { head: &[], noise: len });
        wrapped.clear();
        let port = if number.is_multiple_of(2) {
            wrapped.extend_from_slice(&[8, 0, 0, 0, 0, 0, 42, 0]);
            wrapped.extend_from_slice(frame.octets());
            4_789
        } else {
            let inner = &frame.octets()[14..];
            wrapped.extend_from_slice(&[0x30, 0xff]);
            wrapped.extend_from_slice(&(inner.len() as u16).to_be_bytes());
            wrapped.extend_from_slice(&(number as u32).to_be_bytes());
            wrapped.extend_from_slice(inner);
            2_152
        };
        frame.udp(&noise, ends, turned(port), Payload { head: &wrapped, noise: 0 });
    })?;
    totals.udp = totals.packets;
    Ok(totals)
}

/// Octets of an adversarial frame: Ethernet, IPv4 and UDP headers, and 1,024 octets of forged records.
pub(super) const FORGED_LEN: u32 = HEADERS as u32 + 1_024;

/// Ethernet, IPv4 and UDP headers.
const HEADERS: usize = 14 + 20 + 8;

/// Octets captured by each forged record but the last of a payload.
const FORGED_CAPTURED: u32 = 80;

/// Where in the payload the forged chain begins. In pcapng blocks are aligned to four octets, and the length that
/// ends the block spanning two payloads must lie in the second one, where it can be forged.
const fn chain_start(format: Format) -> usize {
    match format {
        Format::Pcap => 0,
        Format::Pcapng => 6,
    }
}

/// UDP flows over IPv4 whose payloads hold forged records to port 9 (discard). Each record is sound, and the
/// last of a payload ends where the first of the next payload begins.
pub(super) fn adversarial(plan: &Plan, out: &mut dyn Write) -> Result<Totals, Error> {
    // Headers of the same length everywhere: IPv4 alone.
    let client = Hosts::client(0);
    let server = Hosts::server(0);
    let noise = Noise::new(plan.seed);
    let mut forged = Frame::new();
    forged.udp(
        &noise,
        (&client, &server),
        (40_000, 9),
        Payload { head: &[], noise: FORGED_CAPTURED as usize - HEADERS },
    );
    let forged = forged.octets();
    let mut payload = Vec::new();
    let mut totals = rounds(plan, out, |frame, number, _, time| {
        payload.clear();
        forge(plan.format, time, forged, &mut payload);
        let (host, port) = (number / EPHEMERAL_PORTS, number % EPHEMERAL_PORTS);
        let ports = (FIRST_EPHEMERAL + port as u16, 443);
        let from = Host { address: Address::V4([10, 1, (host >> 8) as u8, host as u8]), ..client };
        frame.choice = number;
        frame.udp(&noise, (&from, &server), ports, Payload { head: &payload, noise: 0 });
    })?;
    totals.udp = totals.packets;
    Ok(totals)
}

/// Fills `payload` with forged records.
fn forge(format: Format, time: u64, forged: &[u8], payload: &mut Vec<u8>) {
    const PAYLOAD: usize = FORGED_LEN as usize - HEADERS;
    let start = chain_start(format);
    // What the file holds from one payload's start to the next.
    let (header, period, whole) = match format {
        Format::Pcap => (16, 16 + FORGED_LEN as usize, 16 + FORGED_CAPTURED as usize),
        Format::Pcapng => (28, block_len(FORGED_LEN) as usize, block_len(FORGED_CAPTURED) as usize),
    };
    // Leave room for the header and the octets of one that reaches over the true headers of the next packet.
    let records = (PAYLOAD - start) / whole - 1;
    let bridge = period - records * whole;
    let captured = match format {
        Format::Pcap => bridge - header,
        Format::Pcapng => {
            payload.extend_from_slice(&[0, 0]);
            payload.extend_from_slice(&(bridge as u32).to_le_bytes());
            bridge - header - 4
        }
    };
    for _ in 0..records {
        record(format, time, (FORGED_CAPTURED, FORGED_CAPTURED), payload);
        payload.extend_from_slice(forged);
        if format == Format::Pcapng {
            payload.extend_from_slice(&(whole as u32).to_le_bytes());
        }
    }
    record(format, time, (captured as u32, captured as u32), payload);
    payload.extend_from_slice(forged);
    payload.resize(PAYLOAD, 0);
}
