//! Decoding agrees with tshark on transport, ports and VLAN tags of every frame of the shared captures, but for the
//! frames listed with their reason in `agreement-exceptions.tsv`.
//!
//! tshark is asked without reassembly; later fragments, whose ports only a flow table can know, are left out.

use std::{collections::BTreeMap, fmt, fs, io::Read as _, path::Path};

use portolan::{
    capture::{self, Source as _},
    decode::{Decoder, Headers},
    packet::{Batch, TransportProtocol},
};

use crate::material;

/// The disagreements that are known: first octets of the capture's SHA-256, its path, the frames, what tshark and
/// what portolan says of the first of them, and why.
const EXCEPTIONS: &str = include_str!("agreement-exceptions.tsv");

/// What is compared of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    /// Innermost transport with its source and destination port.
    flow: Option<(&'static str, u16, u16)>,
    vlan: Vec<u16>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flow {
            Some((transport, source, destination)) => write!(f, "{transport} {source} {destination}")?,
            None => f.write_str("none")?,
        }
        self.vlan.iter().try_for_each(|id| write!(f, " vlan {id}"))
    }
}

impl From<&Headers> for Seen {
    fn from(headers: &Headers) -> Self {
        let transport = match headers.protocol {
            TransportProtocol::TCP => "tcp",
            TransportProtocol::UDP => "udp",
            TransportProtocol::UDP_LITE => "udp-lite",
            TransportProtocol::SCTP => "sctp",
            TransportProtocol::DCCP => "dccp",
            _ => "other",
        };
        Self {
            flow: headers.ports.map(|(source, destination)| (transport, source, destination)),
            vlan: headers.vlan.as_slice().to_vec(),
        }
    }
}

/// One frame as tshark reads it; `None` for a later fragment.
fn theirs(fields: &BTreeMap<&str, &str>) -> Option<Seen> {
    let numbers = |name: &str| -> Vec<u32> {
        let text = fields.get(name).copied().unwrap_or_default();
        text.split(',').filter_map(|number| number.parse().ok()).collect()
    };
    let later = |name: &str| numbers(name).iter().any(|&offset| offset > 0);
    if later("ip.frag_offset") || later("ipv6.fraghdr.offset") {
        return None;
    }
    let vlan = ["ieee8021ad.id", "ieee8021ad.cvid", "vlan.id"];
    let vlan = vlan.iter().flat_map(|name| numbers(name)).map(|id| id as u16).collect();

    // The k-th token of a transport has the k-th ports of its fields.
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut last = None;
    let is_log = fields["frame.protocols"].starts_with("netlink:");
    for token in fields["frame.protocols"].split(':') {
        let (transport, field) = match token {
            "tcp" => ("tcp", "tcp"),
            "udp" => ("udp", "udp"),
            "udplite" => ("udp-lite", "udp"),
            "sctp" => ("sctp", "sctp"),
            "dccp" => ("dccp", "dccp"),
            // Others of several packets that were logged; the last speaks for the frame.
            "icmp" | "icmpv6" if is_log => continue,
            // What follows ICMP is quoted, and what follows the others is a sample of other traffic.
            "icmp" | "icmpv6" | "sflow" | "openflow" => break,
            // The ports are those of the innermost packet, which may have none.
            "ip" | "ipv6" => {
                last = None;
                continue;
            }
            _ => continue,
        };
        let nth = seen.entry(field).or_default();
        last = Some((transport, field, *nth));
        *nth += 1;
    }
    let flow = last.and_then(|(transport, field, nth)| {
        let port = |side| numbers(&format!("{field}.{side}port")).get(nth).map(|&port| port as u16);
        Some((transport, port("src")?, port("dst")?))
    });
    Some(Seen { flow, vlan })
}

/// All frames of tshark's table, in order.
fn oracle(path: &Path) -> Vec<(u64, Option<Seen>, String)> {
    let mut octets = Vec::new();
    let file = fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut octets).unwrap();
    let text = String::from_utf8_lossy(&octets);
    let mut lines = text.split('\n');
    let names: Vec<_> = lines.next().unwrap_or_default().split('\t').collect();
    let row = |line: &str| {
        let fields: BTreeMap<_, _> = names.iter().copied().zip(line.split('\t')).collect();
        let protocols = fields.get("frame.protocols").filter(|protocols| !protocols.is_empty())?;
        // Custom blocks, which tshark numbers too, have no encapsulation.
        fields.get("frame.encap_type").filter(|encapsulation| !encapsulation.is_empty())?;
        Some((fields["frame.number"].parse().ok()?, theirs(&fields), (*protocols).to_owned()))
    };
    lines.filter_map(row).collect()
}

fn ours(path: &Path) -> Vec<Seen> {
    let (decoder, mut headers, mut batch) = (Decoder::default(), Headers::default(), Batch::new());
    let mut all = Vec::new();
    let Ok(mut source) = capture::open(path) else { return all };
    while let Ok(true) = source.fill(&mut batch) {
        for frame in batch.frames() {
            decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
            all.push(Seen::from(&headers));
        }
    }
    all
}

/// `[1, 2, 3, 7]` as `1-3,7`.
fn ranges(frames: &[u64]) -> String {
    let mut text = String::new();
    for run in frames.chunk_by(|a, b| a + 1 == *b) {
        let comma = if text.is_empty() { "" } else { "," };
        text += &match run {
            [single] => format!("{comma}{single}"),
            _ => format!("{comma}{}-{}", run[0], run[run.len() - 1]),
        };
    }
    text
}

#[test]
fn flows_and_vlans_agree_with_tshark() {
    let Some(folder) = material::shared("captures") else { return };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let listed: BTreeMap<&str, [&str; 3]> = EXCEPTIONS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|row| {
            assert!(row.len() == 6 && !row[5].is_empty(), "{row:?}: a row has six fields, the last a reason");
            (row[0], [row[2], row[3], row[4]])
        })
        .collect();
    let (mut captures, mut compared, mut agreed, mut failures) = (0, 0, 0, String::new());
    for line in manifest.lines().skip(1) {
        let [repository, path, _, sha256, ..] = line.split('\t').collect::<Vec<_>>()[..] else { panic!() };
        let oracle_file = folder.join(format!("oracle/{sha256}.tsv.gz"));
        if !oracle_file.exists() {
            continue;
        }
        let file = folder.join(repository.replace('/', "+")).join(path);
        captures += 1;
        let (mut differing, mut first) = (Vec::new(), None);
        for (our, (number, their, protocols)) in ours(&file).iter().zip(oracle(&oracle_file)) {
            let Some(their) = their else { continue };
            compared += 1;
            if *our == their {
                agreed += 1;
            } else {
                differing.push(number);
                first.get_or_insert_with(|| (their.to_string(), our.to_string(), protocols));
            }
        }
        let differing = ranges(&differing);
        let (their, our, protocols) = first.unwrap_or_default();
        if listed.get(&sha256[..8]).copied().unwrap_or_default() != [&differing, &their, &our] {
            failures +=
                &format!("{}\t{repository}/{path}\t{differing}\t{their}\t{our}\t{protocols}\n", &sha256[..8]);
        }
    }
    let share = 100.0 * f64::from(agreed) / f64::from(compared);
    println!("{captures} captures, {compared} frames compared, {agreed} agree: {share:.3} %");
    assert!(failures.is_empty(), "not as listed:\n{failures}{share:.3} % agree");
    assert!(
        captures > 1_300 && compared > 100_000 && share >= 99.8,
        "{share:.3} % of {compared} frames agree"
    );
}
