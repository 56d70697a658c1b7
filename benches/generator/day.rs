//! A day as an office has it, but for what repeats: every connection, every look-up, every name and every device is a new one.

use std::io::Write;

use super::container::Container;
use super::flow::{FIRST_EPHEMERAL, Hosts};
use super::frame::{Frame, Host, Noise, Payload, Tcp, flag};
use super::message::Message;
use super::random::scatter;
use super::{Error, Plan, START, Totals};

/// How long it takes, in nanoseconds.
const DAY: u64 = 86_400_000_000_000;

/// Packets of a visit: a question and its answer, a connection, and what a device says.
const STEPS: u64 = 9;

/// Visits of a client before another has its place.
const STAY: u64 = 64;

/// Devices that are there at a time.
const DEVICES: u64 = 200;

/// Words that a server answers.
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// Of two visits one is over IPv6. A client looks up the name of a server that nobody met before, opens a connection, asks for
/// a page by that name, and closes it. After each visit a device announces itself, or says goodbye.
pub(super) fn write(plan: &Plan, out: &mut dyn Write) -> Result<Totals, Error> {
    let mut container = Container::new(plan.format, plan.snap_len, out);
    let (mut frame, mut message, noise) = (Frame::new(), Message::default(), Noise::new(plan.seed));
    let mut totals = Totals { packets: plan.packets, ..Totals::default() };
    let pace = DAY / plan.packets;
    for number in 0..plan.packets {
        let (visit, step) = (number / STEPS, number % STEPS);
        frame.choice = scatter(number ^ plan.seed);
        frame.hops = 64;
        match step {
            0 | 1 => look_up(&mut frame, &noise, &mut message, visit, step == 1),
            8 => tell(&mut frame, &noise, &mut message, visit),
            _ => connect(&mut frame, &noise, visit, step),
        }
        match step {
            0 | 1 => totals.udp += 1,
            8 => totals.mdns += 1,
            _ => totals.tcp += 1,
        }
        totals.octets += frame.octets().len() as u64;
        container.frame(START + number * pace, frame.octets())?;
    }
    totals.duration = (plan.packets - 1) * pace;
    container.finish()?;
    Ok(totals)
}

/// A number of a host that speaks IPv4 in even visits, and IPv6 in odd ones.
const fn host(number: u64, visit: u64) -> u64 {
    10 * number + 7 * (visit % 2)
}

/// Who visits whom, from which of two ports.
fn ends(visit: u64, port: u64) -> (Host, Host, u16) {
    let (turn, stay) = (visit / 2 / STAY, visit / 2 % STAY);
    let client = Hosts::client(host(turn, visit));
    let server = Hosts::server(host(1 + visit / 2, visit));
    (client, server, FIRST_EPHEMERAL + (2 * stay + port) as u16)
}

fn look_up(frame: &mut Frame, noise: &Noise, message: &mut Message, visit: u64, is_answer: bool) {
    let (client, server, port) = ends(visit, 0);
    let resolver = Hosts::server(host(0, visit));
    message.lookup_of(scatter(visit) as u16, visit, server.address, is_answer);
    let payload = Payload { head: message.octets(), noise: 0 };
    if is_answer {
        frame.udp(noise, (&resolver, &client), (53, port), payload);
    } else {
        frame.udp(noise, (&client, &resolver), (port, 53), payload);
    }
}

/// A device that came 200 devices ago leaves in every other visit, in the others one comes.
fn tell(frame: &mut Frame, noise: &Noise, message: &mut Message, visit: u64) {
    let device = visit / 2;
    frame.hops = 255;
    let from = match device.checked_sub(DEVICES).filter(|_| visit % 2 == 1) {
        Some(gone) => {
            let from = Hosts::device(gone);
            message.goodbye(gone, from.address);
            from
        }
        None => {
            let from = Hosts::device(device);
            message.announcement(device, from.address);
            from
        }
    };
    let group = from.address.mdns_group();
    frame.udp(noise, (&from, &group), (5353, 5353), Payload { head: message.octets(), noise: 0 });
}

/// Steps 2 to 7: both handshakes, and a request with its answer between them.
fn connect(frame: &mut Frame, noise: &Noise, visit: u64, step: u64) {
    let (client, server, port) = ends(visit, 1);
    let request = format!("GET / HTTP/1.1\r\nHost: host{visit}.example.net\r\n\r\n");
    let (begin, asked, said) = (scatter(visit) as u32, request.len() as u32, ANSWER.len() as u32);
    let base = begin.rotate_left(16);
    // Whether the client sends, its flags, and how far both have come before.
    let (by_client, flags, own, other, head): (bool, u8, u32, u32, &[u8]) = match step {
        2 => (true, flag::SYN, 0, 0, &[]),
        3 => (false, flag::SYN | flag::ACK, 0, 1, &[]),
        4 => (true, flag::PSH | flag::ACK, 1, 1, request.as_bytes()),
        5 => (false, flag::PSH | flag::ACK, 1, 1 + asked, ANSWER),
        6 => (true, flag::FIN | flag::ACK, 1 + asked, 1 + said, &[]),
        _ => (false, flag::FIN | flag::ACK, 1 + said, 2 + asked, &[]),
    };
    let (from, to) = if by_client { (begin, base) } else { (base, begin) };
    let acknowledged = if flags & flag::ACK == 0 { 0 } else { to.wrapping_add(other) };
    let ports = if by_client { (port, 80) } else { (80, port) };
    let ends = if by_client { (&client, &server) } else { (&server, &client) };
    let segment = Tcp { ports, sequence: from.wrapping_add(own), acknowledged, flags, options: &[] };
    frame.tcp(noise, ends, segment, Payload { head, noise: 0 });
}
