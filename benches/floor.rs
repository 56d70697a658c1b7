//! The least that a program can take which reads a capture: bare loops, so that it is known how near to them portolan is.
//!
//! `cargo bench --bench floor -- STEP FILE` does one step and all before it, and prints what it counted:
//!
//! - `read`: reads the file in pieces of 256 KiB;
//! - `walk`: goes from record to record;
//! - `decode`: reads addresses and ports of plain IPv4 and IPv6, TCP and UDP;
//! - `flows`: counts packets and octets of each flow, in a table whose cache misses overlap as portolan's do;
//! - `lines`: reads the file twice, as who names flows by what comes later has to, counts flows the first time, and the
//!   second time makes a line of each packet with time, addresses, ports and length.
//!
//! There are no reports, no names, and nothing odd: what is no such packet is passed over. It shares no code with the library.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports what it counted")]

use std::{
    env,
    fs::File,
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use prefetch_index::prefetch_index;

const USAGE: &str = "usage: floor read|walk|decode|flows|lines FILE";

/// Octets read at a time: what stays in the cache of a processor.
const PIECE: usize = 256 << 10;
/// Octets of a capture's header, and of a record's.
const HEADERS: (usize, usize) = (24, 16);
/// Packets whose cache misses overlap.
const GROUP: usize = 32;

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Step {
    Read,
    Walk,
    Decode,
    Flows,
    Lines,
}

/// Both ends of a packet: addresses as numbers, ports, and the protocol.
#[derive(Clone, Copy, Default, PartialEq)]
struct Key {
    addresses: [u64; 4],
    ports: u32,
    protocol: u32,
}

impl Key {
    /// The same for both ways.
    fn canonical(self) -> Self {
        let ([a, b, c, d], ports) = (self.addresses, self.ports);
        if (a, b, ports >> 16) <= (c, d, ports & 0xffff) {
            return self;
        }
        Self { addresses: [c, d, a, b], ports: ports.rotate_left(16), ..self }
    }

    fn hash(&self) -> u64 {
        let fold = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let words =
            self.addresses.into_iter().chain([u64::from(self.ports) << 32 | u64::from(self.protocol)]);
        let hash = words.fold(0, fold);
        hash ^ hash >> 32
    }
}

/// A flow, in one cache line.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Flow {
    key: Key,
    packets: u64,
    octets: u64,
}

/// Open addressing: slots hold the number of a flow, from 1.
#[derive(Default)]
struct Flows {
    slots: Vec<u32>,
    all: Vec<Flow>,
    /// Two groups of packets on their way: flow key, hash, octets.
    groups: [Vec<(Key, u64, u32)>; 2],
}

impl Flows {
    fn see(&mut self, key: Key, octets: u32) {
        let key = key.canonical();
        let hash = key.hash();
        if let Some(mask) = self.slots.len().checked_sub(1) {
            prefetch_index(&self.slots, hash as usize & mask);
        }
        self.groups[0].push((key, hash, octets));
        if self.groups[0].len() == GROUP {
            self.advance();
        }
    }

    /// Asks for the flows of the group that is complete, and counts the one before it.
    fn advance(&mut self) {
        if let Some(mask) = self.slots.len().checked_sub(1) {
            for (_, hash, _) in &self.groups[0] {
                let number = self.slots[*hash as usize & mask];
                prefetch_index(&self.all, (number as usize).wrapping_sub(1));
            }
        }
        let mut ready = std::mem::take(&mut self.groups[1]);
        for (key, hash, octets) in ready.drain(..) {
            self.count(key, hash, octets);
        }
        self.groups.swap(0, 1);
        self.groups[0] = ready;
    }

    fn count(&mut self, key: Key, hash: u64, octets: u32) {
        if (self.all.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        let flow = loop {
            match self.slots[at] {
                0 => {
                    self.all.push(Flow { key, ..Flow::default() });
                    self.slots[at] = self.all.len() as u32;
                    break self.all.last_mut();
                }
                number if self.all[number as usize - 1].key == key => {
                    break self.all.get_mut(number as usize - 1);
                }
                _ => at = (at + 1) & mask,
            }
        };
        if let Some(flow) = flow {
            flow.packets += 1;
            flow.octets += u64::from(octets);
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(1024);
        self.slots = vec![0; size];
        for (number, flow) in self.all.iter().enumerate() {
            let mut at = flow.key.hash() as usize & (size - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = number as u32 + 1;
        }
    }
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|octets| u16::from_be_bytes(*octets))
}

fn be64(octets: &[u8], at: usize) -> Option<u64> {
    octets.get(at..)?.first_chunk().map(|octets| u64::from_be_bytes(*octets))
}

/// The ends of a plain packet over Ethernet.
fn decode(frame: &[u8]) -> Option<Key> {
    let (addresses, protocol, behind) = match be16(frame, 12)? {
        0x0800 => {
            let (version, fragment) = (*frame.get(14)?, be16(frame, 20)? & 0x3fff);
            let addresses = be64(frame, 26)?;
            let header = usize::from(version & 15) * 4;
            if version >> 4 != 4 || fragment != 0 || header < 20 {
                return None;
            }
            ([0, addresses >> 32, 0, addresses & 0xffff_ffff], *frame.get(23)?, 14 + header)
        }
        0x86dd => {
            let word = |number: usize| be64(frame, 22 + 8 * number);
            ([word(0)?, word(1)?, word(2)?, word(3)?], *frame.get(20)?, 54)
        }
        _ => return None,
    };
    let ports = match protocol {
        6 | 17 => u32::from(be16(frame, behind)?) << 16 | u32::from(be16(frame, behind + 2)?),
        _ => return None,
    };
    Some(Key { addresses, ports, protocol: protocol.into() })
}

/// What is counted.
#[derive(Default)]
struct Counts {
    octets: u64,
    packets: u64,
    decoded: u64,
    flows: Flows,
    line: Vec<u8>,
    written: u64,
}

impl Counts {
    fn packet(&mut self, step: Step, record: &[u8], is_second: bool) {
        self.packets += 1;
        if step < Step::Decode {
            return;
        }
        let Some(key) = decode(&record[HEADERS.1..]) else { return };
        self.decoded += 1;
        if is_second {
            self.line(&key, record);
        } else if step >= Step::Flows {
            self.flows.see(key, record.len() as u32);
        }
    }

    /// A line, put together in a buffer of its own length, without looking at what it is.
    fn line(&mut self, key: &Key, record: &[u8]) {
        fn decimal(mut value: u64, line: &mut Vec<u8>) {
            let (mut digits, mut at) = ([0; 20], 20);
            loop {
                at -= 1;
                digits[at] = b'0' + (value % 10) as u8;
                value /= 10;
                if value == 0 {
                    return line.extend_from_slice(&digits[at..]);
                }
            }
        }
        let word = |at: usize| record[at..].first_chunk().map_or(0, |octets| u32::from_le_bytes(*octets));
        let line = &mut self.line;
        for number in [word(0), word(4), word(12)] {
            decimal(number.into(), line);
            line.push(b' ');
        }
        for (end, port) in key.addresses.chunks(2).zip([key.ports >> 16, key.ports & 0xffff]) {
            for word in end.iter().skip(usize::from(end[0] == 0)) {
                for octet in word.to_be_bytes() {
                    decimal(octet.into(), line);
                    line.push(b'.');
                }
            }
            decimal(port.into(), line);
            line.push(b' ');
        }
        line.push(b'\n');
        if line.len() > PIECE {
            self.written += line.len() as u64;
            // To nowhere: the system takes what is written without copying it.
            _ = io::sink().write_all(line);
            line.clear();
        }
    }
}

/// Reads a capture once: pcap with microseconds or nanoseconds, little-endian.
fn pass(step: Step, path: &str, counts: &mut Counts, is_second: bool) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; PIECE];
    let (mut begin, mut end, mut is_first) = (0, 0, true);
    loop {
        if buffer.len() - end < PIECE / 2 {
            buffer.copy_within(begin..end, 0);
            (begin, end) = (0, end - begin);
            if end > buffer.len() / 2 {
                buffer.resize(2 * buffer.len(), 0);
            }
        }
        let read = file.read(&mut buffer[end..])?;
        if read == 0 {
            return Ok(());
        }
        counts.octets += read as u64;
        end += read;
        if step == Step::Read {
            end = 0;
            continue;
        }
        if std::mem::take(&mut is_first) {
            begin = HEADERS.0;
        }
        while let Some(captured) = buffer[begin..end].get(8..12).and_then(|octets| octets.first_chunk()) {
            let next = begin + HEADERS.1 + u32::from_le_bytes(*captured) as usize;
            if next > end {
                break;
            }
            counts.packet(step, &buffer[begin..next], is_second);
            begin = next;
        }
    }
}

fn main() -> ExitCode {
    // Cargo adds --bench for the sake of harnesses.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (step, file) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["read", file] => (Step::Read, file),
        ["walk", file] => (Step::Walk, file),
        ["decode", file] => (Step::Decode, file),
        ["flows", file] => (Step::Flows, file),
        ["lines", file] => (Step::Lines, file),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut counts = Counts::default();
    let mut run = pass(step, file, &mut counts, false);
    counts.flows.advance();
    counts.flows.advance();
    if step == Step::Lines {
        run = run.and_then(|()| pass(step, file, &mut counts, true));
    }
    counts.written += counts.line.len() as u64;
    if let Err(error) = run {
        eprintln!("{file}: {error}");
        return ExitCode::FAILURE;
    }
    let Counts { octets, packets, decoded, flows, written, .. } = counts;
    let (counted, of_flows) =
        flows.all.iter().fold((0, 0), |sum, flow| (sum.0 + flow.packets, sum.1 + flow.octets));
    println!(
        "{octets} octets read, {packets} packets, {decoded} of them plain; {} flows with {counted} packets and {of_flows} octets; {written} octets of lines",
        flows.all.len()
    );
    ExitCode::SUCCESS
}
