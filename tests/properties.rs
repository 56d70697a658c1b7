//! What holds of any capture, however it comes and whoever has the lower address.

use std::{fs, io::Write as _, process::Stdio, thread};

use proptest::{prelude::*, sample::Index};
use serde_json::Value;

use crate::{
    capture::Scratch,
    cli::{command, good, lines, said},
    limits::pcap,
    summary::samples,
};

/// Standard output of a command that reads a capture from a pipe, into which it is written in pieces of these lengths, again
/// and again.
fn in_pieces(arguments: &[&str], octets: Vec<u8>, lengths: Vec<usize>) -> String {
    let mut command = command(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        let (mut at, mut lengths) = (0, lengths.iter().cycle());
        while at < octets.len() {
            let end = octets.len().min(at + lengths.next().unwrap());
            input.write_all(&octets[at..end]).unwrap();
            // What reads gets the piece as it is, mostly.
            thread::yield_now();
            at = end;
        }
    });
    let ended = said(child.wait_with_output().unwrap());
    writer.join().unwrap();
    assert_eq!((ended.code, &*ended.error), (0, ""));
    ended.out
}

/// One packet between two hosts: which of them sends it, and what of.
#[derive(Clone, Debug)]
struct Packet {
    from_server: bool,
    flags: u8,
    payload: &'static [u8],
}

/// A conversation: numbers of its hosts, ports, whether it is TCP, and its packets.
type Talk = ((u32, u32), (u16, u16), bool, Vec<Packet>);

fn talks() -> impl Strategy<Value = Vec<Talk>> {
    const PORTS: [u16; 9] = [22, 53, 80, 443, 5060, 5353, 8080, 40_000, 50_001];
    const PAYLOADS: [&[u8]; 6] = [
        b"",
        b"x",
        b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-example\r\n",
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01",
    ];
    let flags = prop::sample::select(vec![0x02_u8, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14]);
    let packet = (any::<bool>(), flags, prop::sample::select(PAYLOADS.to_vec()))
        .prop_map(|(from_server, flags, payload)| Packet { from_server, flags, payload });
    let hosts = (1..6_u32, 1..6_u32).prop_filter("two hosts", |(one, other)| one != other);
    let port = || prop::sample::select(PORTS.to_vec());
    let talk = (hosts, (port(), port()), any::<bool>(), prop::collection::vec(packet, 1..8));
    prop::collection::vec(talk, 1..6)
}

/// A capture of these conversations, one after the other; `address` tells that of a host.
fn written(talks: &[Talk], address: impl Fn(u32) -> [u8; 4]) -> Vec<u8> {
    let mut frames = Vec::new();
    for ((client, server), (from, to), is_tcp, packets) in talks {
        let mut sent = [1_000_u32, 5_000];
        for Packet { from_server, flags, payload } in packets {
            let mut ends = [(*client, *from), (*server, *to)];
            let way = usize::from(*from_server);
            ends.rotate_left(way);
            let mut body: Vec<u8> = ends.iter().flat_map(|(_, port)| port.to_be_bytes()).collect();
            if *is_tcp {
                body.extend(sent[way].to_be_bytes());
                body.extend(sent[1 - way].to_be_bytes());
                body.extend([0x50, *flags, 0xff, 0xff, 0, 0, 0, 0]);
                sent[way] += payload.len() as u32 + u32::from(flags & 3 != 0);
            } else {
                body.extend((8 + payload.len() as u16).to_be_bytes());
                body.extend([0, 0]);
            }
            body.extend_from_slice(payload);
            let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
            frame.extend((20 + body.len() as u16).to_be_bytes());
            frame.extend([0, 0, 0, 0, 64, if *is_tcp { 6 } else { 17 }, 0, 0]);
            for (host, _) in ends {
                frame.extend(address(host));
            }
            frame.extend(body);
            frames.push(frame);
        }
    }
    pcap(frames.len() as u32, 1, |number| frames[number as usize].clone())
}

/// What is said of each packet's service.
fn services(folder: &Scratch, octets: &[u8], more: &[&str]) -> Vec<[Value; 2]> {
    let path = folder.file("talks.pcap", octets).display().to_string();
    let out = good(&[&["annotate", "--format", "json", &*path], more].concat());
    lines(&out).iter().map(|line| [line["row"].clone(), line["svc"].clone()]).collect()
}

/// However a pipe is written to, what is said of its packets is the same.
#[test]
fn pieces_of_a_pipe_do_not_matter() {
    let samples = samples();
    let arguments = ["annotate", "--causal", "--format", "json"];
    let lengths = prop::collection::vec(prop_oneof![1..40_usize, 40..4_000_usize], 1..12);
    proptest!(ProptestConfig::with_cases(24), |(sample in any::<Index>(), lengths in lengths)| {
        let path = sample.get(&samples);
        let whole = good(&[&arguments[..], &[&*path.display().to_string()]].concat());
        let pieces = in_pieces(&[&arguments[..], &["-"]].concat(), fs::read(path).unwrap(), lengths);
        prop_assert_eq!(pieces, whole);
    });
}

/// Flows are kept with the lower address first; what they are called, and who serves, does not depend on that.
#[test]
fn names_do_not_depend_on_which_address_is_lower() {
    let folder = Scratch::new("properties-mirror");
    proptest!(ProptestConfig::with_cases(60), |(talks in talks(), causal in any::<bool>())| {
        let more: &[&str] = if causal { &["--causal"] } else { &[] };
        let up = services(&folder, &written(&talks, |host| [10, 0, 0, host as u8]), more);
        let down = services(&folder, &written(&talks, |host| [10, 0, 0, 255 - host as u8 - 1]), more);
        prop_assert!(!up.is_empty());
        prop_assert_eq!(up, down);
    });
}
