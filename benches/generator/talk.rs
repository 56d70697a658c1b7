//! Flows that begin as those of known protocols do, and go on with octets without meaning.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    io::Write,
};

use super::container::Container;
use super::flow::{Flow, Flows, Hosts, Service, TCP, Talk, Turn, UDP, Words, service};
use super::frame::{Address, Frame, Noise, Payload, Tcp, flag};
use super::message::Message;
use super::mix::{SEGMENT, options};
use super::random::{Random, scatter};
use super::{Error, Plan, START, Totals};

/// Mean time between two packets, in nanoseconds: as in the mix.
const PACE: u64 = 62_500;

/// Octets of a ClientHello with its record header: one that offers a post-quantum key needs two segments.
const HELLO: usize = 1_800;
/// Octets of it that the first segment has.
const FIRST_SEGMENT: usize = 1_400;

/// RFC 9000 section 14.1: the least a datagram with an Initial packet has.
const INITIAL: usize = 1_200;

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

struct Writer {
    noise: Noise,
    frame: Frame,
    message: Message,
    words: Vec<u8>,
    random: Random,
    totals: Totals,
}

pub(super) fn write(plan: &Plan, hosts: Hosts, out: &mut dyn Write) -> Result<Totals, Error> {
    let mut random = Random::new(plan.seed);
    let duration = plan.packets * PACE;
    let (mut progress, mut queue) = (Vec::new(), Vec::new());
    for (number, total) in lengths(plan.packets, plan.flows, &mut random).into_iter().enumerate() {
        // From a tenth of a millisecond to half a second, as in the mix.
        let gap = (1_000_000 << random.below(10)).min(duration / total);
        let sequence = [random.next() as u32, random.next() as u32];
        let total =
            u32::try_from(total).map_err(|_| Error::Impossible("a flow of more than 2^32 packets"))?;
        progress.push(Progress { total, sent: 0, gap: gap as u32, sequence });
        queue.push(Reverse((random.below(duration - gap * u64::from(total) + 1), number as u32)));
    }
    let mut queue = BinaryHeap::from(queue);

    let flows = Flows::new(hosts, &SERVICES, 0, plan.seed);
    let mut container = Container::new(plan.format, plan.snap_len, out);
    let mut writer = Writer {
        noise: Noise::new(plan.seed),
        frame: Frame::new(),
        message: Message::default(),
        words: Vec::with_capacity(2_048),
        random,
        totals: Totals::default(),
    };
    let (mut first, mut last) = (None, 0);
    while let Some(mut next) = queue.peek_mut() {
        let Reverse((time, number)) = *next;
        let state = &mut progress[number as usize];
        writer.packet(&flows.at(u64::from(number)), state);
        state.sent += 1;
        if state.sent == state.total {
            PeekMut::pop(next);
        } else {
            let gap = u64::from(state.gap);
            *next = Reverse((time + gap / 2 + writer.random.below(gap + 1), number));
        }
        last = time;
        first.get_or_insert(last);
        writer.totals.packets += 1;
        writer.totals.octets += writer.frame.octets().len() as u64;
        container.frame(START + last, writer.frame.octets())?;
    }
    writer.totals.duration = last - first.unwrap_or_default();
    container.finish()?;
    Ok(writer.totals)
}

/// How many of `packets` each of `flows` has: from two fifths of the mean to eight fifths, all equally often.
fn lengths(packets: u64, flows: u64, random: &mut Random) -> Vec<u64> {
    let mean = packets / flows;
    let mut lengths = vec![mean; flows as usize];
    // What one of a pair has more, the other has less.
    for pair in lengths.chunks_exact_mut(2) {
        let more = random.below(mean * 3 / 5 + 1);
        pair[0] += more;
        pair[1] -= more;
    }
    let left = (packets - mean * flows) as usize;
    lengths[..left].iter_mut().for_each(|length| *length += 1);
    lengths
}

/// The port that a flow's service listens on: its own, and in one of eight flows another.
fn server_port(flow: &Flow) -> u16 {
    let own = flow.service.port;
    if flow.habit.is_multiple_of(8) { 20_000 + own % 700 * 16 + (flow.habit >> 8) as u16 % 16 } else { own }
}

/// What the service says first.
fn turns(service: &Service) -> &'static [Turn] {
    match service.talk {
        Talk::Said(turns) => turns,
        _ => &[],
    }
}

impl Writer {
    /// The next packet of a flow.
    fn packet(&mut self, flow: &Flow, state: &mut Progress) {
        self.frame.choice = self.random.next();
        if flow.service.protocol == TCP {
            self.totals.tcp += 1;
            self.segment(flow, state);
        } else {
            self.totals.udp += 1;
            self.datagram(flow, state);
        }
    }

    fn segment(&mut self, flow: &Flow, state: &mut Progress) {
        // Those of a few packets have only what comes first.
        let (sent, left) = (state.sent, state.total - state.sent);
        let turns = turns(flow.service);
        let closes = state.total as usize >= turns.len() + 6;
        self.words.clear();
        let (by_server, flags, noise) = match (sent, left) {
            (0, _) => (false, flag::SYN, 0),
            (1, _) => (true, flag::SYN | flag::ACK, 0),
            (2, _) => (false, flag::ACK, 0),
            (3.., 3) if closes => (false, flag::FIN | flag::ACK, 0),
            (3.., 2) if closes => (true, flag::FIN | flag::ACK, 0),
            (3.., 1) if closes => (false, flag::ACK, 0),
            _ => match turns.get(sent as usize - 3) {
                Some(turn) => (turn.by_server, flag::PSH | flag::ACK, self.say(turn, flow, 0)),
                None => self.data(flow),
            },
        };
        let [ours, theirs] = if by_server { [1, 0] } else { [0, 1] };
        let sequence = state.sequence[ours];
        let acknowledged = if flags & flag::ACK == 0 { 0 } else { state.sequence[theirs] };
        let takes = (self.words.len() + noise) as u32 + u32::from(flags & (flag::SYN | flag::FIN) != 0);
        state.sequence[ours] = sequence.wrapping_add(takes);
        let (options, len) = options(flags, self.totals.packets as u32);
        let options = &options[..len];
        let (ports, ends) = between(flow, by_server);
        let tcp = Tcp { ports, sequence, acknowledged, flags, options };
        self.frame.tcp(&self.noise, ends, tcp, Payload { head: &self.words, noise });
    }

    /// Direction, flags and length of a segment in the middle of a connection: most of what is long comes from the server.
    fn data(&mut self, flow: &Flow) -> (bool, u8, usize) {
        let full = if matches!(flow.client.address, Address::V6(_)) { SEGMENT.0 } else { SEGMENT.1 };
        let by_server = self.random.percent(66);
        let (fulls, middles) = if by_server { (80, 12) } else { (10, 24) };
        match self.random.below(100) {
            draw if draw < fulls => (by_server, flag::ACK, full),
            draw if draw < fulls + middles => {
                (by_server, flag::PSH | flag::ACK, 40 + self.random.below(1_200) as usize)
            }
            _ => (by_server, flag::ACK, 0),
        }
    }

    fn datagram(&mut self, flow: &Flow, state: &Progress) {
        let turns = turns(flow.service);
        self.words.clear();
        let sent = state.sent as usize;
        // What is not encrypted goes on as it began: questions and answers take turns.
        let goes_on = !turns.is_empty()
            && turns.iter().all(|turn| !matches!(turn.words, Words::Initial | Words::Then(_, _)));
        let turn = if goes_on { turns.get(sent % turns.len()) } else { turns.get(sent) };
        let (by_server, noise) = match turn {
            Some(turn) => (turn.by_server, self.say(turn, flow, (sent / turns.len()) as u64)),
            None => {
                let by_server = self.random.percent(66);
                let is_full = self.random.percent(if by_server { 80 } else { 14 });
                (by_server, if is_full { 1_250 } else { 23 + self.random.below(120) as usize })
            }
        };
        let (ports, ends) = between(flow, by_server);
        self.frame.udp(&self.noise, ends, ports, Payload { head: &self.words, noise });
    }

    /// Gathers the words of a turn, and returns how many octets without meaning follow.
    fn say(&mut self, turn: &Turn, flow: &Flow, round: u64) -> usize {
        match turn.words {
            Words::These(words) => self.words.extend_from_slice(words),
            Words::Hello(segment) => {
                hello(flow, &mut self.words);
                if segment == 0 {
                    self.words.truncate(FIRST_SEGMENT);
                } else {
                    self.words.drain(..FIRST_SEGMENT);
                }
            }
            Words::Initial => {
                let id = scatter(flow.habit).to_be_bytes();
                self.words.extend_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
                self.words.extend_from_slice(&id);
                // No source identifier, no token, and the length of the rest (RFC 9000 section 17.2.2).
                self.words.extend_from_slice(&[0, 0]);
                let rest = INITIAL - self.words.len() - 2;
                self.words.extend_from_slice(&(0x4000 | rest as u16).to_be_bytes());
                return rest;
            }
            Words::Lookup => {
                let question = scatter(flow.habit.wrapping_add(round));
                self.message.lookup(question as u16, question >> 16, turn.by_server);
                self.words.extend_from_slice(self.message.octets());
            }
            Words::Then(words, noise) => {
                self.words.extend_from_slice(words);
                return usize::from(noise);
            }
        }
        0
    }
}

/// Ports and ends of a packet, its sender first.
fn between(flow: &Flow, by_server: bool) -> ((u16, u16), (&super::frame::Host, &super::frame::Host)) {
    let (client, server) = (flow.client_port, server_port(flow));
    if by_server {
        ((server, client), (&flow.server, &flow.client))
    } else {
        ((client, server), (&flow.client, &flow.server))
    }
}

/// A ClientHello (RFC 8446 section 4.1.2) with keys of X25519MLKEM768 and X25519, and the outer half of an encrypted one
/// (RFC 9849) that fills it up to [`HELLO`] octets.
fn hello(flow: &Flow, out: &mut Vec<u8>) {
    let mut random = Random::new(flow.habit);
    let mut noise = |len: usize, out: &mut Vec<u8>| {
        let octets = (0..len.div_ceil(8)).flat_map(|_| random.next().to_be_bytes());
        out.extend(octets.take(len));
    };
    let u16 = |value: usize, out: &mut Vec<u8>| out.extend_from_slice(&(value as u16).to_be_bytes());
    out.extend_from_slice(&[22, 3, 1]);
    u16(HELLO - 5, out);
    out.extend_from_slice(&[1, 0]);
    u16(HELLO - 9, out);
    out.extend_from_slice(&[3, 3]);
    noise(32, out);
    out.push(32);
    noise(32, out);
    out.extend_from_slice(&[0, 8, 0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2f, 1, 0]);
    u16(HELLO - out.len() - 2, out);
    // server_name: one of a thousand names of four digits.
    let name = format!("www{:03}.example.net", flow.habit % 1_000);
    out.extend_from_slice(&[0, 0]);
    u16(name.len() + 5, out);
    u16(name.len() + 3, out);
    out.push(0);
    u16(name.len(), out);
    out.extend_from_slice(name.as_bytes());
    // application_layer_protocol_negotiation: h2, http/1.1; supported_versions: 1.3, 1.2; supported_groups.
    out.extend_from_slice(b"\0\x10\0\x0e\0\x0c\x02h2\x08http/1.1");
    out.extend_from_slice(&[0, 43, 0, 5, 4, 3, 4, 3, 3]);
    out.extend_from_slice(&[0, 10, 0, 6, 0, 4, 0x11, 0xec, 0, 29]);
    // key_share: 1,216 octets and 32.
    out.extend_from_slice(&[0, 51]);
    u16(2 + 4 + 1_216 + 4 + 32, out);
    u16(4 + 1_216 + 4 + 32, out);
    u16(0x11ec, out);
    u16(1_216, out);
    noise(1_216, out);
    u16(29, out);
    u16(32, out);
    noise(32, out);
    // encrypted_client_hello: outer, HKDF-SHA256, AES-128-GCM, an identifier, a key and a payload.
    let rest = HELLO - out.len() - 4;
    u16(0xfe0d, out);
    u16(rest, out);
    out.extend_from_slice(&[0, 0, 1, 0, 1, 7, 0, 32]);
    noise(32, out);
    let payload = rest - 8 - 32 - 2;
    u16(payload, out);
    noise(payload, out);
}

const fn client(words: &'static [u8]) -> Turn {
    Turn { by_server: false, words: Words::These(words) }
}

const fn server(words: &'static [u8]) -> Turn {
    Turn { by_server: true, words: Words::These(words) }
}

const fn turn(by_server: bool, words: Words) -> Turn {
    Turn { by_server, words }
}

/// TLS: the server's first octets are those of its ServerHello (RFC 8446 section 4.1.3).
static TLS: [Turn; 4] = [
    turn(false, Words::Hello(0)),
    turn(false, Words::Hello(1)),
    turn(
        true,
        Words::Then(
            b"\x16\x03\x03\0\x5a\x02\0\0\x56\x03\x03\
          \xa1\xb2\xc3\xd4\xe5\xf6\x07\x18\x29\x3a\x4b\x5c\x6d\x7e\x8f\x90\
          \xa1\xb2\xc3\xd4\xe5\xf6\x07\x18\x29\x3a\x4b\x5c\x6d\x7e\x8f\x90\
          \0\x13\x01\0\0\x2e\0\x2b\0\x02\x03\x04\0\x33\0\x24\0\x1d\0\x20\
          \x11\x12\x13\x14\x15\x16\x17\x18\x21\x22\x23\x24\x25\x26\x27\x28\
          \x31\x32\x33\x34\x35\x36\x37\x38\x41\x42\x43\x44\x45\x46\x47\x48\
          \x14\x03\x03\0\x01\x01\x17\x03\x03\x04\x84",
            1_300,
        ),
    ),
    turn(false, Words::Then(b"\x14\x03\x03\0\x01\x01\x17\x03\x03\0\x35\x01", 52)),
];

/// HTTP/1.1 (RFC 9112).
static HTTP: [Turn; 2] = [
    client(
        b"GET /catalogue/items?page=3&sort=price HTTP/1.1\r\nHost: www.example.net\r\nUser-Agent: bench/1.0 (synthetic)\r\n\
          Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\n\
          Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n",
    ),
    turn(true, Words::Then(
        b"HTTP/1.1 200 OK\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nServer: bench\r\nContent-Type: text/html; charset=utf-8\r\n\
          Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nCache-Control: no-store\r\nVary: Accept-Encoding\r\n\r\n400\r\n",
        1_024,
    )),
];

/// HTTP/2 without TLS (RFC 9113 section 3.4).
static HTTP2: [Turn; 2] = [
    client(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"),
    server(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\0\0\x04\x01\0\0\0\0"),
];

/// SSH (RFC 4253 section 4.2), and what begins a key exchange.
static SSH: [Turn; 4] = [
    client(b"SSH-2.0-OpenSSH_9.8\r\n"),
    server(b"SSH-2.0-OpenSSH_9.6\r\n"),
    turn(false, Words::Then(b"\0\0\x05\xdc\x06\x14", 1_400)),
    turn(true, Words::Then(b"\0\0\x04\x2c\x06\x14", 1_066)),
];

/// SMTP (RFC 5321).
static SMTP: [Turn; 4] = [
    server(b"220 mail.example.net ESMTP ready\r\n"),
    client(b"EHLO client.example.net\r\n"),
    server(b"250-mail.example.net\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250 STARTTLS\r\n"),
    client(b"MAIL FROM:<one@example.net> SIZE=20480\r\n"),
];

/// FTP (RFC 959).
static FTP: [Turn; 5] = [
    server(b"220 ftp.example.net FTP server ready.\r\n"),
    client(b"USER anonymous\r\n"),
    server(b"331 Guest login ok, send your address as password.\r\n"),
    client(b"PASS guest@example.net\r\n"),
    server(b"230 Guest login ok.\r\n"),
];

/// POP3 (RFC 1939).
static POP3: [Turn; 3] = [
    server(b"+OK POP3 server ready <1896.697170952@mail.example.net>\r\n"),
    client(b"CAPA\r\n"),
    server(b"+OK Capability list follows\r\nTOP\r\nUIDL\r\nSTLS\r\n.\r\n"),
];

/// IMAP (RFC 9051).
static IMAP: [Turn; 3] = [
    server(b"* OK [CAPABILITY IMAP4rev1 IMAP4rev2 STARTTLS AUTH=PLAIN] mail.example.net ready\r\n"),
    client(b"a001 LOGIN one secret\r\n"),
    server(b"a001 OK LOGIN completed\r\n"),
];

/// SMB2 NEGOTIATE (MS-SMB2 sections 2.2.1.2 and 2.2.3) behind the header of its direct transport.
static SMB: [Turn; 2] = [
    client(
        b"\0\0\0\x68\xfeSMB\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
          \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
          \x24\0\x02\0\x01\0\0\0\x7f\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\
          \0\0\0\0\0\0\0\0\x10\x02\0\x03",
    ),
    turn(true, Words::Then(
        b"\0\0\0\x84\xfeSMB\x40\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
          \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x41\0\x01\0\0\x03\0\0",
        60,
    )),
];

/// RDP (MS-RDPBCGR section 2.2.1.1) in TPKT and X.224.
static RDP: [Turn; 2] = [
    client(&[3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0]),
    server(&[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0]),
];

/// MySQL: HandshakeV10, and a response to it.
static MYSQL: [Turn; 2] = [
    server(
        b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0\x3a\x23\x3b\x7c\x4f\x5a\x12\x61\0\xff\xff\xff\x02\0\xff\xdf\x15\
          \0\0\0\0\0\0\0\0\0\0\x2a\x31\x62\x19\x7a\x31\x5e\x22\x40\x21\x55\x0d\0caching_sha2_password\0",
    ),
    turn(false, Words::Then(
        b"\x36\0\0\x01\x85\xa6\xff\x19\0\0\0\x01\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0app\0\x0c\0",
        16,
    )),
];

/// PostgreSQL: StartupMessage, and AuthenticationOk with a parameter.
static POSTGRESQL: [Turn; 2] = [
    client(b"\0\0\0\x21\0\x03\0\0user\0app\0database\0shop\0\0"),
    server(b"R\0\0\0\x08\0\0\0\0S\0\0\0\x19client_encoding\0UTF8\0Z\0\0\0\x05I"),
];

/// RESP, the protocol of Redis.
static REDIS: [Turn; 4] = [
    client(b"*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$5\r\nvalue\r\n"),
    server(b"+OK\r\n"),
    client(b"*2\r\n$3\r\nGET\r\n$5\r\nkey:1\r\n"),
    server(b"$5\r\nvalue\r\n"),
];

/// MQTT 3.1.1 sections 3.1 and 3.2.
static MQTT: [Turn; 2] = [client(b"\x10\x12\0\x04MQTT\x04\x02\0\x3c\0\x06bench1"), server(&[0x20, 2, 0, 0])];

/// AMQP 0-9-1 section 4.2.2, and `connection.start`.
static AMQP: [Turn; 2] = [
    client(b"AMQP\0\0\x09\x01"),
    server(b"\x01\0\0\0\0\0\x1c\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US\xce"),
];

/// XMPP (RFC 6120 section 4.2).
static XMPP: [Turn; 2] = [
    client(
        b"<?xml version='1.0'?><stream:stream from='one@example.net' to='example.net' version='1.0' xml:lang='en' \
          xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    ),
    server(
        b"<?xml version='1.0'?><stream:stream from='example.net' id='t7AMCin9zjMNwQKDnplntZPIDEI=' version='1.0' \
          xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    ),
];

/// LDAP bind (RFC 4511 section 4.2).
static LDAP: [Turn; 2] = [
    client(&[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]),
    server(&[0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0]),
];

/// BitTorrent (BEP 3).
static BITTORRENT: [Turn; 2] = [
    client(b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05abcdefghijklmnopqrst-BE1000-0123456789ab"),
    server(b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05abcdefghijklmnopqrst-BE1000-ba9876543210"),
];

/// RTSP (RFC 2326 section 10.1).
static RTSP: [Turn; 2] = [
    client(b"OPTIONS rtsp://camera.example.net/stream RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
    server(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE\r\n\r\n"),
];

/// RFB (RFC 6143 section 7.1).
static RFB: [Turn; 3] = [server(b"RFB 003.008\n"), client(b"RFB 003.008\n"), server(&[1, 2])];

/// Telnet (RFC 854) with options to negotiate.
static TELNET: [Turn; 2] = [
    server(&[255, 253, 24, 255, 253, 32, 255, 253, 35, 255, 253, 39]),
    client(&[255, 251, 24, 255, 251, 32, 255, 252, 35, 255, 251, 39]),
];

/// BGP OPEN (RFC 4271 section 4.2).
static BGP: [Turn; 2] = [
    client(
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x1d\x01\x04\xfd\xe8\0\xb4\xc0\0\x02\x01\0",
    ),
    server(
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x1d\x01\x04\xfd\xe9\0\xb4\xc0\0\x02\x02\0",
    ),
];

/// Modbus: read four holding registers.
static MODBUS: [Turn; 2] = [
    client(&[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 4]),
    server(&[0, 1, 0, 0, 0, 11, 1, 3, 8, 0, 1, 0, 2, 0, 3, 0, 4]),
];

/// Cassandra's native protocol, version 4: OPTIONS and SUPPORTED.
static CASSANDRA: [Turn; 2] = [
    client(&[4, 0, 0, 0, 5, 0, 0, 0, 0]),
    server(b"\x84\0\0\0\x06\0\0\0\x1a\0\x01\0\x0bCQL_VERSION\0\x01\0\x053.4.5\0"),
];

/// SOCKS 5 (RFC 1928): no authentication, and a connection to a name.
static SOCKS: [Turn; 4] = [
    client(&[5, 1, 0]),
    server(&[5, 0]),
    client(b"\x05\x01\0\x03\x0fwww.example.net\x01\xbb"),
    server(&[5, 0, 0, 1, 198, 18, 0, 1, 0x9c, 0x40]),
];

static DNS: [Turn; 2] = [turn(false, Words::Lookup), turn(true, Words::Lookup)];
static QUIC: [Turn; 2] = [turn(false, Words::Initial), turn(true, Words::Initial)];

/// NTP (RFC 5905 section 7.3): modes 3 and 4.
static NTP: [Turn; 2] = [
    client(
        b"\x23\0\x06\xec\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xed\x01\x02\x03\x04\x05\x06\x07",
    ),
    server(
        b"\x24\x01\x06\xec\0\0\0\x10\0\0\0\x20GPS\0\xed\x01\x02\0\0\0\0\0\xed\x01\x02\x03\x04\x05\x06\x07\
          \xed\x01\x02\x03\x14\x15\x16\x17\xed\x01\x02\x03\x24\x25\x26\x27",
    ),
];

/// SNMPv2c (RFC 3416): the description of a system is asked for.
static SNMP: [Turn; 2] = [
    client(
        b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x07\x02\x01\0\x02\x01\0\x30\x0e\x30\x0c\x06\x08\
          \x2b\x06\x01\x02\x01\x01\x01\0\x05\0",
    ),
    server(
        b"\x30\x2b\x02\x01\x01\x04\x06public\xa2\x1e\x02\x01\x07\x02\x01\0\x02\x01\0\x30\x13\x30\x11\x06\x08\
          \x2b\x06\x01\x02\x01\x01\x01\0\x04\x05bench",
    ),
];

/// SIP (RFC 3261 section 10).
static SIP: [Turn; 2] = [
    client(
        b"REGISTER sip:example.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnashds7\r\nMax-Forwards: 70\r\n\
          To: One <sip:one@example.net>\r\nFrom: One <sip:one@example.net>;tag=456248\r\nCall-ID: 843817637684230@998sdasdh09\r\n\
          CSeq: 1826 REGISTER\r\nContact: <sip:one@10.0.0.1>\r\nExpires: 7200\r\nContent-Length: 0\r\n\r\n",
    ),
    server(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnashds7;received=10.0.0.1\r\n\
          To: One <sip:one@example.net>;tag=2493k59kd\r\nFrom: One <sip:one@example.net>;tag=456248\r\n\
          Call-ID: 843817637684230@998sdasdh09\r\nCSeq: 1826 REGISTER\r\nExpires: 7200\r\nContent-Length: 0\r\n\r\n",
    ),
];

/// STUN binding (RFC 8489 sections 5 and 14.2).
static STUN: [Turn; 2] = [
    client(b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl"),
    server(b"\x01\x01\0\x0c\x21\x12\xa4\x42abcdefghijkl\0\x20\0\x08\0\x01\xa1\x47\xe1\x12\xa6\x43"),
];

/// Syslog (RFC 5424 section 6.5); nobody answers.
static SYSLOG: [Turn; 1] = [client(
    b"<34>1 2026-01-02T03:04:05.003Z host.example.net su - ID47 - 'su root' failed for one on /dev/pts/8",
)];

/// RADIUS (RFC 2865 section 7.1).
static RADIUS: [Turn; 2] = [
    client(b"\x01\x01\0\x26\x0f\x40\x3f\x94\x73\x97\x80\x57\xbd\x83\xd5\xcb\x98\xf4\x22\x7a\x01\x06nemo\x04\x06\xc0\xa8\x01\x10\x05\x06\0\0\0\x03"),
    server(b"\x02\x01\0\x20\x86\xfe\x22\x0e\x76\x24\xba\x2a\x10\x05\xf6\xbf\x9b\x55\xe0\xb2\x06\x06\0\0\0\x01\x0f\x06\0\0\0\0"),
];

/// IKEv2 (RFC 7296 section 3.1): IKE_SA_INIT both ways.
static IKE: [Turn; 2] = [
    turn(false, Words::Then(
        b"\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0\0\0\0\0\x21\x20\x22\x08\0\0\0\0\0\0\x01\x1c\x22\0\0\x08\x01\x02\x03\x04\0\0\0\xf8\x01\x02",
        242,
    )),
    turn(true, Words::Then(
        b"\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18\x21\x20\x22\x20\0\0\0\0\0\0\x01\x1c\x22\0\0\x08\x01\x02\x03\x04\0\0\0\xf8\x01\x02",
        242,
    )),
];

/// WireGuard: handshake initiation of 148 octets and response of 92.
static WIREGUARD: [Turn; 2] = [
    turn(false, Words::Then(b"\x01\0\0\0\x11\x22\x33\x44", 140)),
    turn(true, Words::Then(b"\x02\0\0\0\x55\x66\x77\x88\x11\x22\x33\x44", 80)),
];

/// CoAP (RFC 7252 section 3).
static COAP: [Turn; 2] =
    [client(b"\x42\x01\x7d\x34\xab\xcd\xbbtemperature"), server(b"\x62\x45\x7d\x34\xab\xcd\xff22.3 C")];

/// Who is spoken to, and how often.
static SERVICES: [Service; 41] = [
    service(443, TCP, 340, Talk::Said(&TLS)),
    service(993, TCP, 30, Talk::Said(&TLS)),
    service(8443, TCP, 30, Talk::Said(&TLS)),
    service(80, TCP, 100, Talk::Said(&HTTP)),
    service(8080, TCP, 20, Talk::Said(&HTTP)),
    service(5000, TCP, 10, Talk::Said(&HTTP2)),
    service(22, TCP, 25, Talk::Said(&SSH)),
    service(25, TCP, 20, Talk::Said(&SMTP)),
    service(21, TCP, 10, Talk::Said(&FTP)),
    service(110, TCP, 10, Talk::Said(&POP3)),
    service(143, TCP, 10, Talk::Said(&IMAP)),
    service(445, TCP, 25, Talk::Said(&SMB)),
    service(3389, TCP, 15, Talk::Said(&RDP)),
    service(3306, TCP, 15, Talk::Said(&MYSQL)),
    service(5432, TCP, 15, Talk::Said(&POSTGRESQL)),
    service(6379, TCP, 15, Talk::Said(&REDIS)),
    service(1883, TCP, 15, Talk::Said(&MQTT)),
    service(5672, TCP, 10, Talk::Said(&AMQP)),
    service(5222, TCP, 10, Talk::Said(&XMPP)),
    service(389, TCP, 15, Talk::Said(&LDAP)),
    service(6881, TCP, 15, Talk::Said(&BITTORRENT)),
    service(554, TCP, 10, Talk::Said(&RTSP)),
    service(5900, TCP, 10, Talk::Said(&RFB)),
    service(23, TCP, 10, Talk::Said(&TELNET)),
    service(179, TCP, 5, Talk::Said(&BGP)),
    service(502, TCP, 10, Talk::Said(&MODBUS)),
    service(9042, TCP, 5, Talk::Said(&CASSANDRA)),
    service(1080, TCP, 10, Talk::Said(&SOCKS)),
    // Ciphertext from the first octet on.
    service(5938, TCP, 20, Talk::Opaque),
    service(53, UDP, 80, Talk::Said(&DNS)),
    service(443, UDP, 20, Talk::Said(&QUIC)),
    service(123, UDP, 15, Talk::Said(&NTP)),
    service(161, UDP, 10, Talk::Said(&SNMP)),
    service(5060, UDP, 10, Talk::Said(&SIP)),
    service(3478, UDP, 10, Talk::Said(&STUN)),
    service(514, UDP, 5, Talk::Said(&SYSLOG)),
    service(1812, UDP, 5, Talk::Said(&RADIUS)),
    service(500, UDP, 5, Talk::Said(&IKE)),
    service(51_820, UDP, 10, Talk::Said(&WIREGUARD)),
    service(5683, UDP, 5, Talk::Said(&COAP)),
    service(27_015, UDP, 10, Talk::Opaque),
];
