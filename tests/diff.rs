//! `diff`: what is new, gone, moved and changed, of captures made by hand.

use serde_json::{Value, json};

use crate::{
    capture::Scratch,
    cli::{bad, good, portolan, said},
    fragments::{name, packet, pcap, udp},
};

/// A datagram between two hosts, and the answer; both over IPv4. The client is 192.0.2.1.
fn asked(server: u8, port: u16, payload: &[u8]) -> [Vec<u8>; 2] {
    let datagram = udp(50_000, port, payload);
    let there = packet(false, server, 17, 0, &datagram, 0..datagram.len());
    let answer = udp(port, 50_000, payload);
    let mut back = packet(false, 1, 17, 0, &answer, 0..answer.len());
    // The other way round: source addresses stand 12 octets behind the Ethernet header.
    back[26..30].copy_from_slice(&[192, 0, 2, server]);
    back[0..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    back[6..12].copy_from_slice(&[2, 0, 0, 0, 0, server]);
    [there, back]
}

fn capture(folder: &Scratch, name: &str, exchanges: &[(u8, u16, usize)]) -> String {
    let frames: Vec<_> =
        exchanges.iter().flat_map(|&(server, port, len)| asked(server, port, &vec![0xa5; len])).collect();
    folder.file(name, &pcap(&frames)).display().to_string()
}

/// The differences of a kind: what, and what became of it.
fn told(out: &str, kind: &str) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(out).unwrap();
    let differences = document["differences"].as_array().unwrap().iter().filter(|it| it["kind"] == kind);
    let words = |it: &Value| {
        let changes: Vec<_> =
            it["changes"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        (it["what"].as_str().unwrap().to_owned(), changes.join(" "))
    };
    differences.map(words).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(what, changes)| ((*what).to_owned(), (*changes).to_owned())).collect()
}

#[test]
fn each_change_is_told_once_by_kind() {
    let folder = Scratch::new("diff-changes");
    let layer = folder.file("layer", b"4000/udp payroll\n4001/udp payroll\n4002/udp ledger\n5000/udp old\n");
    let layer = layer.display().to_string();
    // Each exchange has two frames of 42 octets of headers and the payload.
    let before = capture(&folder, "before.pcap", &[(10, 4000, 100), (11, 4002, 100), (12, 5000, 100)]);
    let after = capture(&folder, "after.pcap", &[(10, 4001, 100), (11, 4002, 200), (13, 4002, 100)]);
    let run = |more: &[&str]| {
        let all = [&["diff", "--format", "json", "--registry", &layer, &before, &after], more].concat();
        let said = portolan(&all);
        assert_eq!((said.code, said.error.as_str()), (1, ""));
        said.out
    };
    let out = run(&[]);
    // The ledger has 2 × 142 octets before, 2 × 242 and 2 × 142 after.
    assert_eq!(
        told(&out, "service"),
        pairs(&[("old/udp", "gone"), ("payroll/udp", "moved"), ("ledger/udp", "volume")])
    );
    assert_eq!(
        told(&out, "server"),
        pairs(&[
            ("192.0.2.13:4002/udp", "new"),
            ("192.0.2.12:5000/udp", "gone"),
            ("192.0.2.10:4001/udp", "moved"),
            ("192.0.2.11:4002/udp", "volume"),
        ])
    );
    let hosts = pairs(&[("192.0.2.13", "new"), ("192.0.2.12", "gone"), ("192.0.2.11", "volume")]);
    assert_eq!(told(&out, "host"), hosts);
    let document: Value = serde_json::from_str(&out).unwrap();
    let moved =
        document["differences"].as_array().unwrap().iter().find(|it| it["changes"][0] == "moved").unwrap();
    assert_eq!((&moved["before"]["ports"], &moved["after"]["ports"]), (&json!([4000]), &json!([4001])));
    assert_eq!(document["before"]["packets"], 6);
    assert_eq!(document["before"]["bytes"], 6 * 142);
    assert_eq!(document["after"]["bytes"], 4 * 142 + 2 * 242);
    // 70.4 per cent more of one server; 170.4 of the ledger.
    assert_eq!(told(&run(&["--threshold", "71"]), "server").len(), 3);
    assert_eq!(told(&run(&["--threshold", "70"]), "server").len(), 4);
    assert_eq!(told(&run(&["--threshold", "170"]), "service").len(), 3);
    assert_eq!(told(&run(&["--threshold", "171"]), "service").len(), 2);
}

#[test]
fn rows_are_chosen_like_those_of_other_reports() {
    let folder = Scratch::new("diff-rows");
    let before = capture(&folder, "before.pcap", &[(10, 4000, 100), (11, 4002, 100)]);
    let after = capture(&folder, "after.pcap", &[(10, 4000, 100), (13, 4002, 100)]);
    let run = |more: &[&str]| portolan(&[&["diff", &before, &after], more].concat());
    let only = run(&["--where", "kind == server and changes == new", "--format", "json"]);
    assert_eq!(told(&only.out, "server"), pairs(&[("192.0.2.13:4002/udp", "new")]));
    assert_eq!((only.code, told(&only.out, "host")), (1, Vec::new()));
    // What is asked for is the same on both sides.
    let none = run(&["--where", "kind == domain"]);
    assert_eq!((none.code, none.out.lines().last()), (0, Some("no differences")));
    let columns = run(&["--columns", "what,changes", "--top", "1"]);
    let lines: Vec<_> = columns.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[..2], [["WHAT", "CHANGE"], ["192.0.2.13:4002/udp", "new"]]);
    assert_eq!(columns.out.lines().last(), Some("4 differences: 2 new, 2 gone"));
    let wrong = run(&["--where", "kind == ports"]);
    assert_eq!(wrong.code, 5, "{}", wrong.error);
}

#[test]
fn the_same_is_no_difference() {
    for sample in ["office.pcapng", "mdns-announce.pcap", "tls-ports.pcapng"] {
        let out = good(&["diff", sample, sample, "--format", "json"]);
        let document: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(document["differences"], json!([]), "{sample}");
        assert_eq!(document["schema"], "portolan/diff/1");
    }
    // Neither threads nor compression nor the order of an unlike pair make a difference.
    let one =
        portolan(&["diff", "mdns-announce.pcap", "office.pcapng", "--threads", "1", "--format", "json"]);
    let four =
        portolan(&["diff", "mdns-announce.pcap", "office.pcapng", "--threads", "4", "--format", "json"]);
    assert_eq!((one.code, &one.out), (1, &four.out));
}

/// The answer of a server that is called so: an announcement of multicast DNS with SRV, TXT and A (RFC 6763).
fn announced(instance: &str, host: &str, port: u16, txt: &str) -> Vec<u8> {
    let owner = name(&[instance, "_ipp", "_tcp", "local"]);
    let host = name(&[host, "local"]);
    let target = [&[0; 4][..], &port.to_be_bytes(), &host].concat();
    let text = [&[txt.len() as u8][..], txt.as_bytes()].concat();
    let mut message = b"\0\0\x84\0\0\0\0\x03\0\0\0\0".to_vec();
    let records: [(&[u8], u16, &[u8]); 3] =
        [(&owner, 33, &target), (&owner, 16, &text), (&host, 1, &[192, 0, 2, 1])];
    for (owner, kind, data) in records {
        message.extend_from_slice(owner);
        message.extend(kind.to_be_bytes());
        message.extend([0x80, 1, 0, 0, 0, 120]);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend_from_slice(data);
    }
    let datagram = udp(5353, 5353, &message);
    packet(false, 0, 17, 0, &datagram, 0..datagram.len())
}

#[test]
fn instances_move_and_change() {
    let folder = Scratch::new("diff-instances");
    let file = |name: &str, frames: &[Vec<u8>]| folder.file(name, &pcap(frames)).display().to_string();
    let before = file(
        "before.pcap",
        &[
            announced("A", "one", 631, "x=1"),
            announced("B", "one", 632, "x=1"),
            announced("C", "one", 633, "x=1"),
            announced("D", "one", 634, "x=1"),
        ],
    );
    let after = file(
        "after.pcap",
        &[
            announced("A", "one", 641, "x=1"),
            announced("B", "one", 632, "x=2"),
            announced("C", "two", 633, "x=1"),
            announced("E", "one", 634, "x=1"),
        ],
    );
    let out = said(crate::cli::command(&["diff", &before, &after, "--format", "json"]).output().unwrap()).out;
    assert_eq!(
        told(&out, "instance"),
        pairs(&[
            ("E._ipp._tcp.local", "new"),
            ("D._ipp._tcp.local", "gone"),
            ("A._ipp._tcp.local", "moved"),
            ("C._ipp._tcp.local", "host"),
            ("B._ipp._tcp.local", "txt"),
        ])
    );
    // The host has a further name.
    assert_eq!(told(&out, "host"), pairs(&[("192.0.2.1", "name")]));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = Scratch::new("diff-errors");
    let whole = capture(&folder, "whole.pcap", &[(10, 4000, 100)]);
    let mut octets = std::fs::read(&whole).unwrap();
    octets.truncate(octets.len() - 1);
    let cut = folder.file("cut.pcap", &octets).display().to_string();
    // Damage weighs more than a difference, and what came before it is compared.
    let damaged = portolan(&["diff", &whole, &cut, "--format", "json"]);
    assert_eq!(damaged.code, 4, "{}", damaged.error);
    assert!(!told(&damaged.out, "server").is_empty());
    let text = folder.file("text", b"no capture at all\n").display().to_string();
    for pair in [[&whole, &text], [&text, &whole]] {
        let refused = portolan(&["diff", pair[0], pair[1]]);
        assert_eq!((refused.code, refused.out.as_str()), (3, ""), "{}", refused.error);
    }
    bad(&["diff", "-", "-"], 2, "standard input can be one of the two only");
    let target = folder.0.join("out.json").display().to_string();
    let said = portolan(&["diff", &whole, &text, "-o", &target]);
    assert_eq!(said.code, 3);
    assert!(!std::path::Path::new(&target).exists(), "nothing half done");
    let onto = portolan(&["diff", &whole, &cut, "-o", &whole]);
    assert_eq!(onto.code, 2, "{}", onto.error);
}

#[cfg(feature = "html")]
#[test]
fn a_page_has_what_json_has() {
    let said = portolan(&["diff", "mdns-announce.pcap", "office.pcapng", "--format", "html"]);
    let json = portolan(&["diff", "mdns-announce.pcap", "office.pcapng", "--format", "json"]);
    assert_eq!((said.code, said.error.as_str()), (1, ""));
    let page = said.out;
    let mut all = 0;
    for (kind, id) in [
        ("service", "services"),
        ("server", "servers"),
        ("host", "hosts"),
        ("instance", "dns-sd"),
        ("domain", "domains"),
    ] {
        let section =
            page.split(&format!("<section id=\"{id}\"")).nth(1).unwrap().split("</section>").next().unwrap();
        let rows: Vec<_> = section.split("<th scope=\"row\"><bdi>").skip(1).collect();
        let expected = told(&json.out, kind);
        assert_eq!(rows.len(), expected.len(), "{kind}");
        for (row, (what, changes)) in rows.iter().zip(&expected) {
            assert!(row.starts_with(what.as_str()), "{row} {what}");
            assert!(changes.split(' ').all(|word| row.contains(&format!("badge change-{word}"))), "{row}");
        }
        all += expected.len();
    }
    assert!(all > 10, "{all}");
    // Nothing is fetched, and nothing runs but the page's own script.
    assert!(page.contains("default-src 'none'") && !page.contains("http://") && !page.contains("style="));
    let hostile = "a<script>alert(1)</script>";
    let folder = Scratch::new("diff-page");
    let frames = pcap(&[announced(hostile, "one", 631, "x=<b>")]);
    let file = folder.file("hostile.pcap", &frames).display().to_string();
    let page = portolan(&["diff", "ntp-client.pcap", &file, "--format", "html"]).out;
    assert!(page.contains("a&lt;script&gt;") && !page.contains(hostile) && !page.contains("<b>"));
}
