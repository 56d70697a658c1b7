//! `conn_state` and `history` of exchanges made by hand, worked out by the rules of Zeek: of its analyzer of TCP, which gives each
//! end a state, and of `conn_state` in `base/protocols/conn/main.zeek`. Those marked so are baselines of Zeek's own tests.

use std::{collections::BTreeMap, fs};

use portolan::Registry;
use serde_json::Value;

use super::lines;
use crate::{
    capture::Scratch,
    cli::good,
    flows::{pcap, v4},
    know,
};

/// Packets of an exchange: `>` comes from the client, `<` from the server, of which S, A, F and R are flags, D is data, and `0`
/// stands for no flags. Behind them the state and the history; `-` stands for none.
const EXCHANGES: [(&str, &str, &str); 57] = [
    // Closed in order.
    (">S <SA >A >AD <A <AD >A >FA <FA >A", "SF", "ShADadFf"),
    (">S <SA >A >AD <AD <FA >A >FA <A", "SF", "ShADdfFa"),
    (">S <SA >A >AD <FAD >FA <A", "SF", "ShADfFa"),
    // Both at once.
    (">S <SA >A >FA <FA >A <A", "SF", "ShAFfa"),
    // Closed in order, and reset by an end that waits no longer: the second is core.tcp.fin-rst-timeout, but for a retransmission.
    (">S <SA >A >AD <A <FA >FA >R", "SF", "ShADafFR"),
    (">S <SA >A >AD <A <AD >FA >R <FA <R", "SF", "ShADadFRfr"),
    (">S <SA >A >FA <FA <R", "SF", "ShAFfr"),
    // Half closed.
    (">S <SA >A >FA <A <AD", "S2", "ShAFad"),
    (">S <SA >A >AD <FA >A >AD", "S3", "ShADf"),
    // Not closed.
    (">S <SA >A >AD <A", "S1", "ShADa"),
    (">S <SA", "S1", "Sh"),
    (">S >S <SA <SA >A <AD >A", "S1", "ShAd"),
    // Not answered, or with an acknowledgement alone.
    (">S", "S0", "S"),
    (">S >S >S", "S0", "S"),
    (">S <A", "S0", "Sa"),
    // Refused.
    (">S <RA", "REJ", "Sr"),
    (">S <A <R", "REJ", "Sar"),
    // Taken back: conn_state-RST-behavior, and its like.
    (">S >R", "RSTOS0", "SR"),
    (">S <A >R", "RSTOS0", "SaR"),
    (">S <A >FA >R", "OTH", "SaFR"),
    (">R", "OTH", "R"),
    (">SD >AD >R", "RSTOS0", "SDR"),
    (">S >A >R", "OTH", "SAR"),
    // Reset by the originator: behind the handshake, in it, behind data, behind its own FIN.
    (">S <SA >A >R", "RSTO", "ShAR"),
    (">S <SA >R", "RSTO", "ShR"),
    (">S <SA >A >AD <A >RA", "RSTO", "ShADaR"),
    (">S <SA >A >AD <A >FA >R", "RSTO", "ShADaFR"),
    // By the responder.
    (">S <SA >A >AD <RA", "RSTR", "ShADr"),
    (">S <SA <R", "RSTR", "Shr"),
    (">S <SA >A >AD >FA <R", "RSTR", "ShADFr"),
    // By both: refused where no data was sent, be it in a segment with another flag.
    (">S <SA >A >R <R", "REJ", "ShARr"),
    (">S <SA >A >AD <R >R", "RSTR", "ShADrR"),
    (">SD <SA <R >R", "RSTR", "ShrR"),
    (">S <SA >A >FAD >R <R", "RSTR", "ShAFRr"),
    (">S <RA >R", "REJ", "SrR"),
    // With half a handshake.
    (">S >FA", "SH", "SF"),
    (">S >A >AD >FA", "SH", "SADF"),
    ("<SA", "OTH", "^h"),
    ("<SA <A <AD <FA", "SHR", "^hadf"),
    ("<SA <RA", "RSTRH", "^hr"),
    ("<SA >R", "RSTO", "^hR"),
    // core.tcp.missing-syn.
    ("<SA >A >AD <AD >FA <A <FA", "SF", "^hADdFaf"),
    // The answer was captured before the question.
    ("<SA >S >A >AD <A", "S1", "^hSADa"),
    // From the middle.
    (">AD <A <AD >A", "OTH", "DadA"),
    (">AD <A >FA <FA >A", "SF", "DaFfA"),
    (">AD <R", "RSTRH", "Dr"),
    (">AD <A >R", "OTH", "DaR"),
    ("<AD >A <FA >A", "SH", "DaF"),
    // Both ends ask, as RFC 9293 section 3.5 has it.
    (">S <S >SA <SA >A", "S1", "SsA"),
    // With data in the first segment (RFC 7413).
    (">SD <SA >A <AD", "S1", "ShAd"),
    // Probes: nothing set, FIN, FIN with a reset for an answer, and flags that contradict each other.
    (">0 <RA", "RSTRH", "r"),
    (">0", "OTH", "-"),
    (">F", "SH", "F"),
    (">F <RA", "RSTR", "Fr"),
    (">SF", "SH", "Q"),
    (">SR", "OTH", "Q"),
    (">S <SA >A >FR", "RSTO", "ShAI"),
];

/// The server's port, which is no port of a service, and the first of the clients'.
const PORTS: [u16; 2] = [5_555, 40_000];

/// A packet of raw IP: of an exchange by its number, as it is written there.
fn packet(number: usize, word: &str, is_v6: bool) -> Vec<u8> {
    let flags = word[1..].chars().map(|letter| match letter {
        'F' => 0x01,
        'S' => 0x02,
        'R' => 0x04,
        'A' => 0x10,
        'D' | '0' => 0,
        other => panic!("{other} in {word}"),
    });
    let data: &[u8] = if word.contains('D') { b"\x01\x02\x03" } else { b"" };
    // Either end has the lower address in half of them.
    let (server, client) = (2, if number.is_multiple_of(2) { 1 } else { 3 });
    let ends = [(server, PORTS[0]), (client, PORTS[1] + number as u16)];
    let [(from, source), (to, destination)] = if word.starts_with('<') { ends } else { [ends[1], ends[0]] };
    let ports = [source, destination].map(u16::to_be_bytes).concat();
    let flags = flags.sum();
    let segment = [&ports, &[0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0, 0, 0, 0, 0, 0][..], data].concat();
    if !is_v6 {
        return v4(6, [10, 0, 0, from], [10, 0, 0, to], &segment);
    }
    let address = |last| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    [&[0x60, 0, 0, 0, 0, segment.len() as u8, 6, 64][..], &address(from), &address(to), &segment].concat()
}

/// A capture of exchanges that go on at the same time: a packet of each in every second.
fn capture(exchanges: &[&str], is_v6: bool) -> Vec<u8> {
    let mut packets = Vec::new();
    for (number, exchange) in exchanges.iter().enumerate() {
        let at = |second: usize| (second * 1_000_000 + number * 1_000) as u32;
        let words = exchange.split(' ').enumerate();
        packets.extend(words.map(|(second, word)| (at(second), packet(number, word, is_v6))));
    }
    packets.sort_by_key(|(time, _)| *time);
    pcap(&packets)
}

/// State and history of each line, by the client's port, in the order of the lines.
fn courses(lines: &[Value]) -> BTreeMap<u64, Vec<(String, String)>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in lines {
        let ports = ["id.orig_p", "id.resp_p"].map(|port| line[port].as_u64().unwrap());
        let [state, history] =
            ["conn_state", "history"].map(|field| line[field].as_str().unwrap_or("-").to_owned());
        all.entry(ports[0].max(ports[1])).or_default().push((state, history));
    }
    all
}

/// What they are to be, for one line of each exchange.
fn expected() -> BTreeMap<u64, Vec<(String, String)>> {
    let course = |(number, (_, state, history)): (u64, &(&str, &str, &str))| {
        (u64::from(PORTS[1]) + number, vec![((*state).to_owned(), (*history).to_owned())])
    };
    (0..).zip(&EXCHANGES).map(course).collect()
}

#[test]
fn states_and_histories_are_those_of_the_rules() {
    let scratch = Scratch::new("exchanges");
    let all = EXCHANGES.map(|(exchange, ..)| exchange);
    for (name, is_v6) in [("v4.pcap", false), ("v6.pcap", true)] {
        let file = scratch.file(name, &capture(&all, is_v6)).display().to_string();
        for (port, course) in courses(&lines(&[&file])) {
            let number = (port - u64::from(PORTS[1])) as usize;
            assert_eq!(course, expected()[&port], "{name}: {}", all[number]);
        }
        assert_eq!(courses(&lines(&["--threads", "2", &file])), expected(), "{name}");
    }
    // Each state that there is, and each letter but those that need sequence numbers, windows or checksums.
    let states: std::collections::BTreeSet<_> = EXCHANGES.iter().map(|(_, state, _)| *state).collect();
    assert_eq!(states.len(), 13);
    assert!("SHADFRIQ^".chars().all(|letter| {
        EXCHANGES.iter().any(|(.., history)| history.to_ascii_uppercase().contains(letter))
    }));
}

/// Cut at any packet, learned apart and merged, they are those of the whole.
#[test]
fn they_are_the_same_in_pieces() {
    let (scratch, registry) = (Scratch::new("exchange-pieces"), Registry::built_in());
    for (name, is_v6) in [("v4.pcap", false), ("v6.pcap", true)] {
        let octets = capture(&EXCHANGES.map(|(exchange, ..)| exchange), is_v6);
        assert!(know::check(&scratch.file(name, &octets), &scratch, &registry));
        let (head, mut records) = (&octets[..24], Vec::new());
        let mut at = head.len();
        while at < octets.len() {
            records.push(at);
            at += 16 + u32::from_le_bytes(octets[at + 8..at + 12].try_into().unwrap()) as usize;
        }
        for cut in records.iter().step_by(records.len() / 12) {
            let pieces = [octets[..*cut].to_vec(), [head, &octets[*cut..]].concat()];
            let parts = pieces.map(|piece| {
                let path = scratch.file("piece", &piece);
                know::written(&know::job(&path, &registry).learn_part(know::everything(), &()).unwrap().0)
            });
            let merged = scratch.0.join("merged.know");
            fs::write(&merged, know::merged(&parts[0], &parts[1], &registry)).unwrap();
            assert_eq!(courses(&lines(&[merged.to_str().unwrap()])), expected(), "cut at {cut}");
        }
    }
}

#[test]
fn each_connection_of_a_five_tuple_has_its_own() {
    let scratch = Scratch::new("exchange-reuse");
    let reused = [">S <SA >A >AD <FA >FA", ">S <RA", ">S >R", ">S <SA >A <AD"].join(" ");
    let file = scratch.file("reused.pcap", &capture(&[&reused], false)).display().to_string();
    let course = |(state, history): (&str, &str)| (state.to_owned(), history.to_owned());
    let four = [("SF", "ShADfF"), ("REJ", "Sr"), ("RSTOS0", "SR"), ("S1", "ShAd")].map(course);
    assert_eq!(courses(&lines(&[&file])).into_values().collect::<Vec<_>>(), [four.to_vec()]);
    // Silent for more than an hour: what goes on is another flow, whose ends are known.
    let words = [(0, ">S"), (1, "<SA"), (2, ">A"), (4_000, "<AD"), (4_001, ">A")];
    let silent = words.map(|(second, word)| (second * 1_000_000, packet(0, word, false)));
    let file = scratch.file("silent.pcap", &pcap(&silent)).display().to_string();
    let two = [("S1", "ShA"), ("OTH", "^dA")].map(course);
    assert_eq!(courses(&lines(&[&file])).into_values().collect::<Vec<_>>(), [two.to_vec()]);
}

/// Nothing is said where flags were not captured, or an end did more than can be noted.
#[test]
fn what_is_not_known_is_left_out() {
    let scratch = Scratch::new("exchange-unknown");
    let mut octets = capture(&[">S"], false);
    // The first eight octets of the TCP header: ports and sequence number.
    octets.truncate(24 + 16 + 28);
    octets[32..36].copy_from_slice(&28u32.to_le_bytes());
    let all = ">S >SD >SA >SAD >SF >A >AD >F >FAD >R >FR >SR <A";
    for (name, octets) in [("cut.pcap", octets), ("many.pcap", capture(&[all], false))] {
        let file = scratch.file(name, &octets).display().to_string();
        let last = lines(&[&file]).pop().unwrap();
        assert!(last.get("conn_state").is_none() && last.get("history").is_none(), "{name}: {last}");
    }
    // Those who want no log need no history.
    let file = scratch.file("plain.pcap", &capture(&[">S <RA"], false)).display().to_string();
    assert!(!good(&["flows", "--format", "json", &file]).contains("REJ"));
}

#[test]
fn datagrams_are_data_and_messages_of_icmp_nothing() {
    let courses = |name: &str| -> Vec<_> {
        let told = |line: &Value| {
            ["proto", "conn_state", "history"].map(|field| line[field].as_str().unwrap_or("-").to_owned())
        };
        lines(&[name]).iter().map(told).collect()
    };
    assert_eq!(courses("snmp-get.pcap"), [["udp", "SF", "Dd"]]);
    let unanswered = courses("unanswered.pcap");
    assert!(unanswered.iter().any(|course| *course == ["udp", "S0", "D"]), "{unanswered:?}");
    let all = courses("office.pcapng");
    let icmp: Vec<_> = all.iter().filter(|[proto, ..]| proto == "icmp").collect();
    assert!(!icmp.is_empty() && icmp.iter().all(|course| **course == ["icmp", "OTH", "-"]), "{icmp:?}");
}
