//! Tests over all recognisers: the vectors, random octets, and histories cut anywhere.

use std::path::PathBuf;

use proptest::prelude::*;

use super::sight::Sight;
use super::testing::*;
use super::{Protocol, Sender, Strength, Verdict, Window, look, table};

/// The vectors, where they are at hand: they are no part of this repository.
fn vectors() -> Option<String> {
    let shared = std::env::var_os("PORTOLAN_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = shared.join("recogniser-vectors.tsv");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: no {}", path.display());
    }
    text
}

/// One row of the vectors.
struct Row<'t> {
    case: &'t str,
    transport: TransportProtocol,
    windows: [Window; 2],
    protocol: &'t str,
    strength: &'t str,
    server: &'t str,
    asked: &'t str,
    layers: &'t str,
}

impl<'t> Row<'t> {
    fn read(line: &'t str) -> Self {
        let columns: Vec<_> = line.split('\t').collect();
        let [case, transport, _direction, hex, length, protocol, strength, server, asked, layers, ..] =
            columns[..]
        else {
            panic!("ten columns: {line}")
        };
        let transport = if transport == "tcp" { TCP } else { UDP };
        let lengths: Vec<Vec<usize>> = length
            .split('|')
            .map(|part| part.split('+').map(|len| len.parse().expect("a length")).collect())
            .collect();
        let mut windows = [Window::new(), Window::new()];
        for (at, (window, part)) in windows.iter_mut().zip(hex.split('|')).enumerate() {
            let wire = &lengths[at.min(lengths.len() - 1)];
            let mut sequence = 1_000;
            for (at, piece) in part.split('+').enumerate() {
                let octets = octets(piece);
                let len = octets.len().max(wire[at.min(wire.len() - 1)]) as u32;
                if transport == TCP {
                    window.segment(sequence, false, &octets, len);
                    sequence += len;
                } else {
                    window.datagram(transport, &octets, len);
                }
            }
        }
        Self { case, transport, windows, protocol, strength, server, asked, layers }
    }

    fn verdict(&self) -> Verdict {
        look(self.transport, &self.windows[0], &self.windows[1])
    }

    /// What is wrong with the verdict.
    fn faults(&self) -> Vec<String> {
        let verdict = self.verdict();
        let mut faults = Vec::new();
        let mut wanted = |what: &str, have: String, want: &str| {
            if have != want {
                faults.push(format!("{}: {what} {have}, wanted {want}", self.case));
            }
        };
        let strength = match verdict.strength {
            Strength::Nothing => "-",
            Strength::Weak => "weak",
            Strength::Strong => "strong",
        };
        wanted("strength", strength.to_owned(), self.strength);
        let mut words: Vec<_> =
            verdict.spoken.into_iter().chain(verdict.weak.iter()).map(Protocol::word).collect();
        words.sort_unstable();
        let mut known: Vec<_> = self.protocol.split(',').filter(|&word| word != "none").collect();
        known.sort_unstable();
        wanted("protocol", words.join(","), &known.join(","));
        let server = match verdict.server {
            None => "-",
            Some(Sender::First) => "first",
            Some(Sender::Second) => "other",
        };
        wanted("server", server.to_owned(), self.server);
        wanted("asked", verdict.asked.map_or("-", Protocol::word).to_owned(), self.asked);
        let layers: Vec<_> = verdict.layers.iter().map(Protocol::word).collect();
        let layers = if layers.is_empty() { "-".to_owned() } else { layers.join(",") };
        // The row asks for the protocol only; the table of cotp (section 5.7) has the layer `s7comm` here.
        if self.case == "s7-data" {
            wanted("layers", layers, "cotp,s7comm");
            return faults;
        }
        wanted("layers", layers, self.layers);
        faults
    }
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    text.lines().filter(|line| !line.starts_with('#')).skip(1).map(Row::read)
}

#[test]
fn vectors_give_what_they_want() {
    let Some(text) = vectors() else { return };
    let faults: Vec<_> = rows(&text).flat_map(|row| row.faults()).collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    assert_eq!(rows(&text).count(), 368);
}

/// A direction's history: segments of one stream, or datagrams.
#[derive(Clone, Debug)]
enum Event {
    Segment { sequence: u32, is_syn: bool, octets: Vec<u8>, wire: u32 },
    Datagram { octets: Vec<u8>, wire: u32 },
}

fn window_of(events: &[Event]) -> Window {
    let mut window = Window::new();
    for event in events {
        match event {
            Event::Segment { sequence, is_syn, octets, wire } => {
                window.segment(*sequence, *is_syn, octets, *wire);
            }
            Event::Datagram { octets, wire } => window.datagram(UDP, octets, *wire),
        }
    }
    window
}

/// A window that is told no more than it asks for; `last` where no earlier one will be joined to it.
fn until_full(events: &[Event], last: bool) -> Window {
    let mut window = Window::new();
    for event in events {
        if window.is_full() {
            break;
        }
        match event {
            Event::Segment { sequence, is_syn, octets, wire } if last => {
                window.last_segment(*sequence, *is_syn, octets, *wire);
            }
            Event::Segment { sequence, is_syn, octets, wire } => {
                window.segment(*sequence, *is_syn, octets, *wire);
            }
            Event::Datagram { octets, wire } if last => window.last_datagram(UDP, octets, *wire),
            Event::Datagram { octets, wire } => window.datagram(UDP, octets, *wire),
        }
    }
    window
}

/// Octets that begin as real protocols do, so that windows close and verdicts differ.
fn any_octets() -> impl Strategy<Value = Vec<u8>> {
    let beginnings: Vec<&[u8]> = vec![
        b"",
        b"GET / HTTP/1.1\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"\x16\x03\x01\0\x32\x01\0\0\x2e\x03\x03",
        b"+OK\r\n",
        b"USER me\r\n",
        b"220 ready\r\n",
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01",
        b"\0\x01\0\0\x21\x12\xa4\x42",
        b"\x80\0\0\x01\0\0\0\x01\x07\x07\x07\x07",
        b"\x30\x0c\x02\x01\x01",
        b"\x05\x01\0",
        b"\0",
    ];
    (prop::sample::select(beginnings), prop::collection::vec(any::<u8>(), 0..80))
        .prop_map(|(begin, rest)| [begin, &rest].concat())
}

fn any_segment() -> impl Strategy<Value = Event> {
    // Sequence numbers on both sides of zero: they run round.
    (0_u32..700, prop::bool::weighted(0.1), any_octets(), 0_u32..40).prop_map(
        |(at, is_syn, octets, missing)| {
            let wire = octets.len() as u32 + missing / 30;
            Event::Segment { sequence: at.wrapping_sub(300), is_syn, octets, wire }
        },
    )
}

fn any_datagram() -> impl Strategy<Value = Event> {
    (any_octets(), 0_u32..40).prop_map(|(octets, missing)| {
        let wire = octets.len() as u32 + missing / 30;
        Event::Datagram { octets, wire }
    })
}

fn any_history() -> impl Strategy<Value = Vec<Event>> {
    prop_oneof![prop::collection::vec(any_segment(), 0..12), prop::collection::vec(any_datagram(), 0..12)]
}

/// Octets that are kept of every stream.
const SHORT: usize = 257;

/// What one client or server says in a protocol that can turn, in segments of any size, in order, with
/// some of them sent twice.
fn any_talk() -> impl Strategy<Value = Vec<Event>> {
    let talks: Vec<&[u8]> = vec![
        b"220 mx.example.org ESMTP\r\n",
        b"EHLO client.example.org\r\n",
        b"* OK [CAPABILITY IMAP4rev1 STARTTLS]\r\n",
        b"+OK POP3 ready\r\n",
        b"CONNECT mail.example.org:25 HTTP/1.1\r\n\r\nEHLO client.example.org\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 25\r\nEHLO client.example.org\r\n",
    ];
    let line =
        prop::sample::select(vec![&b"250-SIZE\r\n"[..], b"NOOP\r\n", b"STARTTLS\r\n", b"220 go ahead\r\n"]);
    let lines = prop::collection::vec(line, 0..60).prop_map(|lines| lines.concat());
    let tls = prop::sample::select(vec![
        &b""[..],
        b"\x16\x03\x01\0\x32\x01\0\0\x2e\x03\x03",
        b"\x17\x03\x03\x01\0",
    ]);
    let sizes = prop::collection::vec((1_usize..200, prop::bool::weighted(0.1)), 1..60);
    (prop::sample::select(talks), lines, tls, 0_usize..700, sizes).prop_map(
        |(greeting, lines, tls, more, sizes)| {
            let octets = [greeting, &lines, tls, &vec![0; more]].concat();
            let mut events =
                vec![Event::Segment { sequence: 999, is_syn: true, octets: Vec::new(), wire: 0 }];
            let mut at = 0;
            for (size, is_twice) in sizes {
                let piece = &octets[at..octets.len().min(at + size)];
                let (sequence, wire) = (1_000 + at as u32, piece.len() as u32);
                let event = Event::Segment { sequence, is_syn: false, octets: piece.to_vec(), wire };
                events.extend(std::iter::repeat_n(event, 1 + usize::from(is_twice)));
                at += piece.len();
            }
            events
        },
    )
}

/// What one client or server says in HTTP/1, in segments of any size: heads that end with the first octets or go on behind
/// them, and that ask for another protocol or do not.
fn any_http() -> impl Strategy<Value = Vec<Event>> {
    let first = prop::sample::select(vec![
        &b"GET / HTTP/1.1\r\n"[..],
        b"CONNECT mail.example.org:25 HTTP/1.1\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"HTTP/1.1 100 Continue\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.1 304 Not Modified\r\n",
        b"HTTP/1.1 407 Proxy Authentication Required\r\n",
        b"HTTP/1.1 500 x\r\n",
    ]);
    let field = prop::sample::select(vec![
        &b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9\r\n"[..],
        b"Host: example.org\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Upgrade: websocket\r\n",
        b"Connection: keep-alive, upgrade\r\n",
        b"\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ]);
    let fields = prop::collection::vec(field, 0..20).prop_map(|fields| fields.concat());
    let heads = prop::collection::vec((first, fields), 1..3);
    (heads, prop::collection::vec(1_usize..900, 1..12)).prop_map(|(heads, sizes)| {
        let octets: Vec<u8> = heads.iter().flat_map(|(first, fields)| [*first, fields].concat()).collect();
        let mut events = Vec::new();
        let mut at = 0;
        for size in sizes {
            let piece = &octets[at..octets.len().min(at + size)];
            let (sequence, wire) = (1_000 + at as u32, piece.len() as u32);
            events.push(Event::Segment { sequence, is_syn: false, octets: piece.to_vec(), wire });
            at += piece.len();
        }
        events
    })
}

/// Octets from the lowest to the highest of these segments.
fn span(events: &[Event]) -> usize {
    let ends = events.iter().filter_map(|event| match event {
        Event::Segment { sequence, octets, .. } => {
            Some((*sequence as usize, *sequence as usize + octets.len()))
        }
        Event::Datagram { .. } => None,
    });
    let low = ends.clone().map(|(low, _)| low).min().unwrap_or(0);
    ends.map(|(_, high)| high).max().unwrap_or(low) - low
}

proptest! {
    #[test]
    fn windows_join_exactly_wherever_the_history_is_cut(
        history in any_history(), one in 0_usize..12, other in 0_usize..12,
    ) {
        let (low, high) = (one.min(other).min(history.len()), one.max(other).min(history.len()));
        let whole = window_of(&history);
        let [first, second, third] = [&history[..low], &history[low..high], &history[high..]].map(window_of);
        let mut left = first.clone();
        left.join(second.clone());
        left.join(third.clone());
        let mut tail = second;
        tail.join(third);
        let mut right = first;
        right.join(tail);
        // What is kept behind the first octets, of protocols that can turn, depends on the order.
        prop_assert_eq!(left.short(), whole.short());
        prop_assert_eq!(right.short(), whole.short());
        if [&left, &right, &whole].iter().all(|window| window.len() <= SHORT) {
            prop_assert_eq!(&left, &whole);
            prop_assert_eq!(&right, &whole);
        }
    }

    #[test]
    fn talks_that_can_turn_join_exactly_in_stretches_of_256_octets(
        history in any_talk(), cuts in prop::collection::vec(0_usize..120, 0..6),
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(history.len())).collect();
        cuts.extend([0, history.len()]);
        cuts.sort_unstable();
        let stretches: Vec<_> = cuts.windows(2).map(|cut| &history[cut[0]..cut[1]]).collect();
        let mut joined = Window::new();
        stretches.iter().for_each(|stretch| joined.join(window_of(stretch)));
        let whole = window_of(&history);
        let begins = stretches.iter().position(|stretch| !stretch.is_empty()).unwrap_or(0);
        if stretches.iter().skip(begins + 1).all(|stretch| span(stretch) < SHORT) {
            prop_assert_eq!(&joined, &whole);
        }
        prop_assert_eq!(joined.short(), whole.short());
        // In any case the octets are those that were sent.
        let octets = |window: &Window| window.stream().map_or_else(Vec::new, |sight| sight.all().to_vec());
        prop_assert!(octets(&whole).starts_with(&octets(&joined)));
    }

    #[test]
    fn windows_are_read_as_they_were_written(
        history in prop_oneof![any_history(), any_talk()], noise in any_octets(),
    ) {
        let window = window_of(&history);
        let mut saved = Vec::new();
        window.write(&mut saved);
        prop_assert!(saved.len() <= 5_000);
        let read = Window::read(&[&saved[..], b"more"].concat());
        prop_assert_eq!(read, Some((window, saved.len())));
        for cut in (0..saved.len()).step_by(1 + saved.len() / 450) {
            prop_assert_eq!(Window::read(&saved[..cut]), None);
        }
        // What something else wrote does no harm.
        let mut changed = saved;
        for (octet, change) in changed.iter_mut().skip(1).zip(&noise) {
            *octet ^= change;
        }
        if let Some((window, _)) = Window::read(&changed) {
            look(protocol_of(&history), &window, &Window::new());
        }
    }

    #[test]
    fn verdicts_are_the_same_where_octets_are_not_kept(
        first in prop_oneof![any_history(), any_talk(), any_http()],
        second in prop_oneof![any_history(), any_talk(), any_http()], hello in prop::bool::ANY, tail in prop::collection::vec(any::<u8>(), 200..400),
    ) {
        let protocol = protocol_of(&first);
        // A segment that shows all by itself, and what it may belong to.
        let start: &[u8] = if hello { b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" } else { b"" };
        let long = [start, &tail].concat();
        let segment = [Event::Segment { sequence: 900, is_syn: false, wire: long.len() as u32, octets: long }];
        for history in [&second[..], &segment] {
            if protocol_of(history) == protocol {
                let [kept, other] = [&first[..], history].map(|history| until_full(history, false));
                let [closed, last] = [&first[..], history].map(|history| until_full(history, true));
                prop_assert_eq!(look(protocol, &kept, &other), look(protocol, &closed, &last));
                prop_assert_eq!(look(protocol, &other, &closed), look(protocol, &last, &kept));
                prop_assert!(closed.size() <= kept.size());
            }
        }
    }

    #[test]
    fn a_stream_is_what_a_map_of_octets_says(history in prop::collection::vec(any_segment(), 0..12)) {
        let window = window_of(&history);
        // A SYN alone shows no octets yet.
        let octets = window.stream().map_or_else(Vec::new, |sight| sight.octets().to_vec());
        prop_assert_eq!(octets, naive_stream(&history).unwrap_or_default());
    }

    #[test]
    fn a_settled_verdict_never_changes(
        first in any_history(), second in any_history(), more in any_history(),
    ) {
        let protocol = protocol_of(&first);
        let (mut one, other) = (window_of(&first), window_of(&second));
        let verdict = look(protocol, &one, &other);
        // Octets below a first one that no SYN announced are the one exception, and are documented.
        let above = more.iter().filter(|event| match event {
            Event::Segment { sequence, .. } => sequence.wrapping_add(300) >= 700,
            Event::Datagram { .. } => true,
        });
        one.join(window_of(&above.cloned().collect::<Vec<_>>()));
        if verdict.settled {
            prop_assert_eq!(look(protocol, &one, &other), verdict);
        }
    }

    #[test]
    fn noise_never_panics_and_nothing_is_read_past_the_bound(
        on in prop::sample::select(vec![TCP, UDP, TransportProtocol::SCTP]),
        first in prop::collection::vec(any::<u8>(), 0..400), second in any_octets(), wire in 0_usize..70_000,
    ) {
        check_bound(on, &first, &second, wire);
    }

    #[test]
    fn the_table_asks_all_that_would_answer(
        on in prop::sample::select(vec![TCP, UDP, TransportProtocol::SCTP]), octets in any_octets(),
    ) {
        check_table(on, &octets, octets.len());
    }
}

fn protocol_of(history: &[Event]) -> TransportProtocol {
    match history.first() {
        Some(Event::Datagram { .. }) => UDP,
        _ => TCP,
    }
}

/// What lies behind the bound changes nothing but the layers, where a flow can turn.
fn check_bound(on: TransportProtocol, first: &[u8], second: &[u8], wire: usize) {
    if super::proxies::proxy_header(first).is_some() {
        return;
    }
    let wire = wire.max(first.len());
    let bounded = &first[..first.len().min(256)];
    let answer = window(on, second, second.len());
    let mut whole = look(on, &window(on, first, wire), &answer);
    let cut = look(on, &window(on, bounded, wire), &answer);
    whole.settled = cut.settled;
    if super::turns::wanted(first, 0) > 256 {
        whole.layers = cut.layers;
    }
    assert_eq!(whole, cut);
}

/// Asking every pattern gives what asking by the first octets gives, and all of it has room.
fn check_table(on: TransportProtocol, octets: &[u8], wire: usize) {
    if octets.is_empty() {
        return;
    }
    let sight = Sight::new(octets, wire);
    let table = table::of(on);
    let mut count = 0;
    for pattern in table.patterns() {
        let Some(said) = (pattern.read)(sight) else { continue };
        assert!(pattern.first.fits(octets), "{:?} is not asked for {octets:02x?}", pattern.protocol);
        assert_eq!(table.hear(sight).of(pattern.protocol), said);
        count += 1;
    }
    assert_eq!(table.hear(sight).iter().count(), count);
}

/// The stream by the book: every octet at its number, the first one stays.
fn naive_stream(history: &[Event]) -> Option<Vec<u8>> {
    let mut octets = std::collections::BTreeMap::new();
    let (mut begins, mut lowest) = (None::<u32>, None::<u32>);
    let mut lone = Vec::new();
    for event in history {
        let Event::Segment { sequence, is_syn, octets: payload, wire } = event else { continue };
        if !is_syn && *wire == 0 {
            continue;
        }
        let first = sequence.wrapping_add(u32::from(*is_syn)).wrapping_add(300);
        lowest = Some(lowest.map_or(first, |other| other.min(first)));
        if *is_syn {
            begins = Some(begins.map_or(first, |other| other.min(first)));
        }
        if *wire > 0 {
            lone.push((first, *wire));
        }
        for (at, &octet) in payload.iter().take(*wire as usize).enumerate() {
            octets.entry(first + at as u32).or_insert(octet);
        }
    }
    let lowest = lowest?;
    // A keep-alive: below the SYN's first octet, or a lone zero where no SYN says where the stream begins.
    let syn_near = begins.filter(|&begins| begins - lowest <= 1);
    let is_keep_alive = match syn_near {
        Some(begins) => begins == lowest + 1,
        None => {
            let first = lone.iter().find(|&&(at, _)| at == lowest);
            first.is_some_and(|&(_, wire)| wire == 1) && octets.get(&lowest) == Some(&0)
        }
    };
    let start = lowest + u32::from(is_keep_alive);
    let end = lowest + 257;
    Some((start..end.min(start + 256)).map_while(|at| octets.get(&at).copied()).collect())
}

#[test]
fn mutated_vectors_never_panic_and_stay_within_the_bound() {
    let Some(text) = vectors() else { return };
    for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let on = if columns[1] == "tcp" { TCP } else { UDP };
        let pieces: Vec<_> = columns[3].split(['|', '+']).map(octets).collect();
        for piece in &pieces {
            for at in 0..piece.len() {
                // Cut by the sender, cut by the capture, one octet changed.
                check_table(on, &piece[..at], at);
                check_table(on, &piece[..at], piece.len());
                let mut changed = piece.clone();
                for mask in [0x01, 0x80, 0xff] {
                    changed[at] ^= mask;
                    check_table(on, &changed, changed.len());
                    changed[at] ^= mask;
                }
            }
            check_bound(on, &piece.repeat(4), pieces.last().map_or(&[], Vec::as_slice), 0);
        }
    }
}

#[test]
fn both_windows_of_a_flow_take_little_memory() {
    assert!(size_of::<Window>() <= 32, "{}", size_of::<Window>());
    // Of datagrams that say nothing, what is kept grows with them, and not beyond four.
    let mut datagrams = Window::new();
    let sizes = [(); 6].map(|()| {
        datagrams.last_datagram(UDP, &[0xa5; 22], 22);
        datagrams.size()
    });
    assert!(sizes[0] <= 80 && sizes[1] == 2 * sizes[0] && sizes[2] == 3 * sizes[0], "{sizes:?}");
    assert_eq!(sizes[3..], [0; 3], "complete, and its octets do not matter");
    assert!(size_of::<Verdict>() <= 96, "{}", size_of::<Verdict>());
    // Beside a head of 48 octets no more than the next of a few sizes.
    let size = |octets: &[u8]| window(TCP, octets, octets.len()).size();
    assert_eq!(size(b""), 0);
    assert_eq!(size(&[7; 64]), 48 + 64);
    assert_eq!(size(&[7; 65]), 48 + 128);
    assert_eq!(size(&[7; 1_460]), 48 + 264);
    assert_eq!(size(&b"250-mx\r\n".repeat(100)), 48 + 1_024);
    assert_eq!(size(&b"250-mx\r\n".repeat(1_000)), 48 + 4_104);
}

#[test]
fn a_syn_without_octets_takes_no_memory() {
    let mut window = Window::new();
    window.segment(999, true, &[], 0);
    assert!(!window.is_empty() && !window.is_full());
    // Sent again, or with an ACK behind it.
    window.segment(999, true, &[], 0);
    window.segment(1_000, false, &[], 0);
    assert_eq!(window.size(), 0);
    let mut later = Window::new();
    later.segment(999, true, &[], 0);
    window.join(later);
    assert_eq!(window.size(), 0);
    let mut saved = Vec::new();
    window.write(&mut saved);
    assert_eq!(Window::read(&saved), Some((window.clone(), 5)));
    // It says where the octets begin, whichever comes first.
    window.segment(1_004, false, b"efgh", 4);
    assert_eq!(window.stream().map(|sight| sight.octets()), Some(&b""[..]));
    window.segment(1_000, false, b"abcd", 4);
    assert_eq!(window.stream().map(|sight| sight.octets()), Some(&b"abcdefgh"[..]));
}
