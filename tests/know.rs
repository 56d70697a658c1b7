//! Knowledge as files: pieces of a capture, learned each alone and merged in any grouping, say what one run says.

use std::{fs, path::Path, time::Duration};

use portolan::{
    Answers, Job, Knowledge, Registry, Report, View,
    capture::{self, Source as _},
    knowledge::Options,
    packet::Batch,
    pipeline::Inputs,
    report::{
        Format,
        discover::{DiscoverOptions, Discovery},
        flows::FlowList,
        hosts::{HostList, HostsOptions},
        summary::{self, By, Counted, Scope, Sums, Totals},
    },
    savefile::FileFormat,
    sink::{Json, Writer},
    text::time::TimeStyle,
};

use crate::{
    capture::Scratch,
    cli::{bad, good, portolan},
    generator::captures::{Plan, Shape},
    material::sample,
    summary::{samples, shared_captures},
};

/// Divisions in which traffic over time is compared.
const OVER_TIME: [By; 4] = [By::Service, By::Host, By::Domain, By::Endpoint];
/// Its intervals; they are worked out from shorter ones.
const INTERVAL: Duration = Duration::from_secs(2);

/// A capture, unpacked, and where its packets lie in it.
struct Capture {
    octets: Vec<u8>,
    records: Vec<usize>,
    is_pcapng: bool,
}

impl Capture {
    /// `None` of what cannot be cut: with several sections, or what no record is in.
    fn read(path: &Path) -> Option<Self> {
        let mut source = capture::open(path).ok()?;
        let is_pcapng = source.format() == FileFormat::Pcapng || source.format().is_translated();
        let (mut octets, mut records, mut batch) = (Vec::new(), Vec::new(), Batch::new());
        while let Ok(true) = source.fill(&mut batch) {
            let position = octets.len();
            octets.extend_from_slice(batch.octets());
            records.extend(batch.located().iter().map(|located| position + located.record as usize));
        }
        let capture = Self { octets, records, is_pcapng };
        let sections =
            if is_pcapng { capture.blocks().filter(|(kind, _)| *kind == 0x0a0d_0d0a).count() } else { 1 };
        // Behind several captures in one file another header lies.
        let is_one = is_pcapng || capture.records.windows(2).all(|pair| pair[1] - pair[0] < 1 << 18);
        (sections == 1 && is_one && !capture.records.is_empty()).then_some(capture)
    }

    /// Type and place of every block of a pcapng.
    fn blocks(&self) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> {
        let is_big = self.octets.get(8) == Some(&0x1a);
        let number = move |at: usize| {
            let octets = self.octets.get(at..at + 4)?.try_into().ok()?;
            Some(if is_big { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) })
        };
        let mut at = 0;
        std::iter::from_fn(move || {
            let (kind, len) = (number(at)?, number(at + 4)? as usize);
            let block = at..at + len.next_multiple_of(4).max(12);
            at = block.end;
            Some((kind, block))
        })
    }

    /// So many pieces, each a capture: header and interfaces, and the records from one cut to the next.
    fn pieces(&self, count: usize) -> Vec<Vec<u8>> {
        let cut = |number: usize| match self.records.len() * number / count {
            0 => self.records[0],
            packet if packet == self.records.len() => self.octets.len(),
            packet => self.records[packet],
        };
        let begin = |at: usize| {
            if !self.is_pcapng {
                return self.octets[..self.records[0]].to_vec();
            }
            let described = self.blocks().take_while(|(_, block)| block.start < at);
            let kept = described.filter(|(kind, _)| matches!(kind, 0x0a0d_0d0a | 1));
            kept.flat_map(|(_, block)| self.octets[block].to_vec()).collect()
        };
        (0..count)
            .map(|number| [begin(cut(number)), self.octets[cut(number)..cut(number + 1)].to_vec()].concat())
            .collect()
    }
}

pub(crate) fn job<'r>(path: &Path, registry: &'r Registry) -> Job<'r> {
    Job { threads: 1, ..Job::new(Inputs::Files(vec![path.to_owned()]), registry) }
}

pub(crate) fn written(known: &Knowledge) -> Vec<u8> {
    let mut file = Vec::new();
    known.write("2026-09-30", &mut file).unwrap();
    file
}

fn read(file: &[u8]) -> Knowledge {
    Knowledge::read(&mut &file[..]).unwrap()
}

pub(crate) fn everything() -> Options {
    Options { interval: Some(INTERVAL / 4), ..Options::everything() }
}

/// A part of both, written.
pub(crate) fn merged(one: &[u8], other: &[u8], registry: &Registry) -> Vec<u8> {
    let mut all = read(one);
    all.append(read(other), registry);
    written(&all)
}

/// What a file knows, to be asked.
pub(crate) fn whole(file: &[u8], registry: &Registry) -> Knowledge {
    Knowledge::whole_of(vec![read(file)], registry)
}

/// JSON of every packet of a file, without the numbers of frames.
pub(crate) fn annotated(job: &mut Job<'_>, known: &Knowledge, registry: &Registry) -> String {
    let answers = Answers::of(known, registry, true, 1);
    let view = View { knowledge: known, answers: &answers, registry };
    let mut out = Vec::new();
    job.chart(&view, Json::default(), &mut Writer::new(&mut out), &()).unwrap();
    let text = String::from_utf8(out).unwrap();
    let mut parts = text.split("\"frame\":{\"number\":");
    let mut all = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| all.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit())));
    all
}

fn report(mut report: impl Report, known: &mut Knowledge, format: Format, registry: &Registry) -> String {
    let answers = Answers::of(known, registry, false, 1);
    report.add(known, &answers, registry);
    let mut out = Vec::new();
    report.write(registry, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What every report says of a capture, each with what `learn` learns for it.
fn reports(registry: &Registry, mut learn: impl FnMut(Options) -> Knowledge) -> Vec<String> {
    let mut all = Vec::new();
    for by in By::ALL {
        let options = summary::Options { by: by.into(), ..summary::Options::default() };
        if !options.by.needs_packets() {
            let totals = Totals::new(options, 1);
            let mut known = learn(totals.needs());
            all.push(report(totals, &mut known, Format::Json, registry));
        }
    }
    let flows = FlowList::new(TimeStyle::Utc);
    let mut known = learn(flows.needs());
    all.push(report(flows, &mut known, Format::Json, registry));
    let log = FlowList::new(TimeStyle::Utc).zeek();
    let mut known = learn(log.needs());
    all.push(report(log, &mut known, Format::Json, registry));
    let hosts = HostList::new(HostsOptions::default());
    let mut known = learn(hosts.needs());
    all.push(report(hosts, &mut known, Format::Json, registry));
    let discovery = Discovery::new(DiscoverOptions::default(), Vec::new());
    let mut known = learn(discovery.needs());
    all.push(report(discovery, &mut known, Format::Csv, registry));
    all
}

/// Traffic over time, as a summary of it has it.
fn over_time(by: By, registry: &Registry, count: impl FnOnce(&mut Counted)) -> String {
    let mut counted = Counted::new(Some(INTERVAL), by);
    count(&mut counted);
    let (span, (whole, parts)) = (*counted.span(), counted.into_parts());
    let scope = Scope { files: &[], span: &span, evicted: false, losses: None, registry };
    let options = summary::Options { by: by.into(), ..summary::Options::default() };
    let mut out = Vec::new();
    summary::write(&whole, Some(&parts), &scope, &options, Format::Json, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The same, counted packet by packet.
fn counted_over_time(path: &Path, registry: &Registry) -> Vec<String> {
    let of = |by: By| {
        let mut job = job(path, registry);
        let (known, _) = job.learn(Options { domains: true, ..Options::default() }, &()).unwrap();
        let answers = Answers::of(&known, registry, false, 1);
        let view = View { knowledge: &known, answers: &answers, registry };
        over_time(by, registry, |counted| {
            job.chart(&view, Sums::new(Some(INTERVAL), by), counted, &()).unwrap();
        })
    };
    OVER_TIME.map(of).to_vec()
}

/// The same, as knowledge has it.
fn known_over_time(known: &Knowledge, registry: &Registry) -> Vec<String> {
    let answers = Answers::of(known, registry, false, 1);
    let view = View { knowledge: known, answers: &answers, registry };
    let of = |by| over_time(by, registry, |counted| counted.add_known(&view).unwrap());
    OVER_TIME.map(of).to_vec()
}

/// Merges parts, which are never none, two at a time.
type Grouping = fn(Vec<Vec<u8>>, &dyn Fn(&[u8], &[u8]) -> Vec<u8>) -> Vec<u8>;

const FROM_THE_BEGIN: Grouping =
    |parts, merge| parts.into_iter().reduce(|known, part| merge(&known, &part)).unwrap();
const FROM_THE_END: Grouping =
    |parts, merge| parts.into_iter().rev().reduce(|later, part| merge(&part, &later)).unwrap();
const IN_PAIRS: Grouping = |mut parts, merge| {
    while parts.len() > 1 {
        let pair = |pair: &[Vec<u8>]| match pair {
            [one, other] => merge(one, other),
            one => one.concat(),
        };
        parts = parts.chunks(2).map(pair).collect();
    }
    parts.remove(0)
};

/// Cuts a capture, learns its pieces, merges them and compares with one run. Returns whether it could be cut.
pub(crate) fn check(path: &Path, scratch: &Scratch, registry: &Registry) -> bool {
    let Some(capture) = Capture::read(path) else { return false };
    let one = scratch.file("one", &capture.octets);
    let mut expected = None;
    for (count, grouping) in
        [(2, FROM_THE_BEGIN), (3, FROM_THE_END), (7, FROM_THE_BEGIN), (7, FROM_THE_END), (7, IN_PAIRS)]
    {
        if capture.records.len() < count {
            continue;
        }
        let (expected_json, expected_reports) = expected.get_or_insert_with(|| {
            let learn = |options| job(&one, registry).learn(options, &()).unwrap().0;
            let known = learn(Options { domains: true, ..Options::default() });
            let mut all = reports(registry, learn);
            all.extend(counted_over_time(&one, registry));
            (annotated(&mut job(&one, registry), &known, registry), all)
        });
        let pieces: Vec<_> = capture.pieces(count).into_iter().enumerate().collect();
        let pieces: Vec<_> =
            pieces.iter().map(|(number, octets)| scratch.file(&format!("piece{number}"), octets)).collect();
        let parts = pieces
            .iter()
            .map(|piece| written(&job(piece, registry).learn_part(everything(), &()).unwrap().0));
        let known = grouping(parts.collect(), &|one, other| merged(one, other, registry));
        let mut joined = String::new();
        for piece in &pieces {
            let mut job = job(piece, registry);
            let (known, _) = job.learn_on(whole(&known, registry), &()).unwrap();
            assert_eq!(known.inputs().len(), count, "{path:?}: a piece is not recognised");
            joined.push_str(&annotated(&mut job, &known, registry));
        }
        assert!(
            joined == *expected_json,
            "{path:?} in {count}: {}",
            first_difference(&joined, expected_json)
        );
        let settled = || {
            let mut known = whole(&known, registry);
            known.settle();
            known
        };
        let mut said = reports(registry, |_| settled());
        said.extend(known_over_time(&settled(), registry));
        assert_eq!(said.len(), expected_reports.len());
        for (said, expected) in said.iter().zip(expected_reports.iter()) {
            assert!(said == expected, "{path:?} in {count}: {}", first_difference(said, expected));
        }
    }
    true
}

fn first_difference(one: &str, other: &str) -> String {
    let pair = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    pair.map_or_else(|| "one is longer".to_owned(), |(one, other)| format!("{one}\ninstead of\n{other}"))
}

#[test]
fn pieces_of_every_sample_say_what_one_run_says() {
    let (scratch, registry) = (Scratch::new("pieces"), Registry::built_in());
    let cut = samples().iter().filter(|path| check(path, &scratch, &registry)).count();
    assert!(cut > 50, "{cut}");
}

#[test]
fn pieces_of_shared_captures_say_what_one_run_says() {
    let (scratch, registry) = (Scratch::new("shared-pieces"), Registry::built_in());
    let small = |path: &&std::path::PathBuf| fs::metadata(path).is_ok_and(|file| file.len() < 200 << 10);
    let all: Vec<_> =
        shared_captures().into_iter().map(|(path, _)| path).filter(|path| small(&path)).collect();
    // Of all folders, until there are a hundred that can be cut.
    let step = (all.len() / 160).max(1);
    let chosen = (0..step).flat_map(|first| all.iter().skip(first).step_by(step));
    let cut = chosen.filter(|path| check(path, &scratch, &registry)).take(100).count();
    assert!(all.is_empty() || cut == 100, "{cut} of {}", all.len());
}

/// Named one by one, packets behind the cut lose what those before it told; with the knowledge of both they do not.
#[test]
fn the_office_cut_at_packet_12_is_named_as_a_whole() {
    let scratch = Scratch::new("office");
    let capture = Capture::read(&sample("office.pcapng")).unwrap();
    let begin = capture.pieces(1).remove(0);
    let cut = capture.records[12];
    let head: Vec<u8> = capture
        .blocks()
        .take_while(|(_, block)| block.start < cut)
        .filter(|(kind, _)| matches!(kind, 0x0a0d_0d0a | 1))
        .flat_map(|(_, block)| capture.octets[block].to_vec())
        .collect();
    let octets = [&capture.octets[..cut], &[head, capture.octets[cut..].to_vec()].concat()[..]];
    let names = ["whole", "a", "b"];
    let files: Vec<String> = names
        .iter()
        .zip([&begin[..], octets[0], octets[1]])
        .map(|(name, octets)| scratch.file(&format!("{name}.pcapng"), octets).display().to_string())
        .collect();
    let know = |name: &str| scratch.0.join(name).display().to_string();
    good(&["learn", &files[2], "-o", &know("b.know")]);
    good(&["learn", &files[1], "-o", &know("a.know")]);
    // In whatever order they are given.
    good(&["merge", &know("b.know"), &know("a.know"), "-o", &know("all.know")]);
    let columns = ["--format", "csv", "--columns", "@timestamp,svc.name,svc.evidence,svc.rule,source.domain"];
    let annotate = |more: &[&str]| {
        let all = [&["annotate"], &columns[..], more].concat();
        good(&all).lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let whole = annotate(&[&files[0]]);
    let pieces = [annotate(&[&files[1]]), annotate(&[&files[2]])].concat();
    let all = know("all.know");
    let known = [annotate(&["--knowledge", &all, &files[1]]), annotate(&["--knowledge", &all, &files[2]])];
    assert_ne!(pieces, whole);
    assert_eq!(known.concat(), whole);
    // As an input it is counted.
    let json = |file: &str| {
        let text = good(&["summary", "--format", "json", "--by", "server", file]);
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["capture"]["files"].take();
        value
    };
    assert_eq!(json(&all), json(&files[0]));
    for command in [&["flows", "--format", "json"][..], &["hosts"], &["discover", "--format", "csv"]] {
        let of = |file: &str| good(&[command, &[file]].concat());
        assert_eq!(of(&all), of(&files[0]), "{command:?}");
    }
    // Totals are of the input alone.
    let flows =
        |more: &[&str]| good(&[&["flows", "--format", "csv", "--columns", "network.packets"], more].concat());
    assert_eq!(flows(&["--knowledge", &all, &files[1]]), flows(&[&files[1]]));
    // What it was not learned from is learned on top.
    let last = annotate(&["--knowledge", &know("a.know"), &files[2]]);
    assert_eq!(last, whole[12..]);
}

#[test]
fn what_knowledge_cannot_tell_is_refused_with_the_reason() {
    let scratch = Scratch::new("know-refused");
    let know = scratch.0.join("office.know").display().to_string();
    good(&["learn", "office.pcapng", "-o", &know]);
    let said = |arguments: &[&str], code: i32, reason: &str| {
        let out = portolan(arguments);
        assert_eq!((out.code, out.error.contains(reason)), (code, true), "{arguments:?}: {}", out.error);
    };
    for selection in [&["-f", "udp"][..], &["-c", "1"], &["--from", "+1s"]] {
        said(&[&["flows"], selection, &[&*know]].concat(), 2, "holds no packets");
    }
    for by in ["vlan", "interface"] {
        said(&["summary", "--by", by, &know], 2, "holds no packets");
    }
    said(
        &["summary", "--interval", "1s", &know],
        2,
        "nothing in it says when octets came: learn it with --interval",
    );
    said(&["summary", "--format", "html", "--interval", "1s", &know], 2, "learn it with --interval");
    said(&["summary", "--where", "svc.name == mdns", &know], 5, "a knowledge file holds none");
    said(&["annotate", &know], 2, "holds no packets to annotate");
    said(&["explain", "--packet", "1", &know], 2, "ask for --flow");
    said(&["hosts", "--knowledge", &know, "office.pcapng"], 2, "takes knowledge files as inputs");
    said(&["annotate", "--causal", "--knowledge", &know, "office.pcapng"], 2, "--causal knows only the past");
    good(&["flows", "--where", "svc.name == mdns", &know]);
    said(&["summary", &know, "-o", &know], 2, "is an input");
    // What needs no packets takes it.
    let page = good(&["summary", "--format", "html", &know]);
    assert!(page.contains("id=\"hosts\"") && page.len() < 2 << 20);
    for both in [[&know, "office.pcapng"], ["office.pcapng", &know], [&know, &know]] {
        let json: serde_json::Value =
            serde_json::from_str(&good(&["diff", "--format", "json", both[0], both[1]])).unwrap();
        assert_eq!(json["differences"], serde_json::json!([]), "{both:?}");
    }
    let file = fs::read(&know).unwrap();
    let cut = scratch.file("cut.know", &file[..file.len() / 2]).display().to_string();
    said(&["summary", &cut], 3, "cut short");
    let mut later = file;
    later[8] = 4;
    let later = scratch.file("later.know", &later).display().to_string();
    bad(
        &["summary", &later],
        3,
        &format!(
            "{later}: knowledge in form 4, which another version of portolan wrote: this one reads form 3; \
             learn it anew"
        ),
    );
    said(&["merge", "office.pcapng", "-o", &know], 3, "no knowledge file");
}

#[test]
fn traffic_over_time_needs_no_packets_where_it_was_learned() {
    let scratch = Scratch::new("know-interval");
    let know = |name: &str| scratch.0.join(name).display().to_string();
    let (fine, other, plain) = (know("fine.know"), know("other.know"), know("plain.know"));
    good(&["learn", "--interval", "2s", "office.pcapng", "-o", &fine]);
    good(&["learn", "--interval", "3s", "http-get.pcap", "-o", &other]);
    good(&["learn", "http-get.pcap", "-o", &plain]);
    for more in [&["--interval", "2s"][..], &["--interval", "10s", "--by", "server,service", "--top", "3"]] {
        let of = |file: &str| good(&[&["summary", "--format", "csv"], more, &[file]].concat());
        assert_eq!(of(&fine), of("office.pcapng"));
    }
    let refused = |arguments: &[&str], reason: &str| {
        let out = portolan(arguments);
        assert_eq!((out.code, out.error.contains(reason)), (2, true), "{arguments:?}: {}", out.error);
    };
    refused(
        &["summary", "--interval", "3s", &fine],
        "it has sums of intervals of 2s, and others only that are multiples",
    );
    refused(&["summary", "--interval", "2s", "--by", "vlan", &fine], "holds no packets");
    refused(
        &["summary", "--interval", "2s", &fine, &plain],
        "plain.know: nothing in it says when octets came",
    );
    refused(&["learn", "--interval", "0s", "office.pcapng", "-o", &plain], "more than 0 seconds");
    // A capture beside it is learned by the same intervals.
    let of = |more: &[&str]| good(&[&["summary", "--format", "csv", "--interval", "6s"], more].concat());
    assert_eq!(of(&[&fine, "http-get.pcap"]), of(&["office.pcapng", "http-get.pcap"]));
    assert_eq!(of(&[&fine, &other]), of(&["office.pcapng", "http-get.pcap"]));
    // Merged, they have intervals that are multiples of both; beside one that has none, none.
    let said = |files: [&str; 2]| {
        let out = portolan(&["merge", files[0], files[1], "-o", &know("both.know")]);
        assert_eq!(out.code, 0, "{}", out.error);
        out.error
    };
    assert!(said([&fine, &plain]).contains("traffic over time is not kept, as only 1 of 2 files have it"));
    assert!(said([&fine, &other]).contains("traffic over time is kept in intervals of 6s now"));
    assert_eq!(of(&[&know("both.know")]), of(&["office.pcapng", "http-get.pcap"]));
}

/// The chart of a page has the same figures, with and without packets.
#[test]
#[cfg(feature = "html")]
fn a_page_of_knowledge_has_a_chart_over_time() {
    let scratch = Scratch::new("know-chart");
    let know = scratch.0.join("office.know").display().to_string();
    good(&["learn", "--interval", "1s", "office.pcapng", "-o", &know]);
    let figures = |more: &[&str]| {
        let page = good(&[&["summary", "--format", "html"], more].concat());
        let begin = page.find("id=\"steps\"").expect("the page has figures of traffic over time");
        page[begin..][..page[begin..].find("</table>").unwrap()].to_owned()
    };
    assert_eq!(figures(&[&know]), figures(&["--interval", "1s", "office.pcapng"]));
    assert_eq!(figures(&["--interval", "4s", &know]), figures(&["--interval", "4s", "office.pcapng"]));
    good(&["learn", "office.pcapng", "-o", &know]);
    assert!(!good(&["summary", "--format", "html", &know]).contains("id=\"steps\""));
}

/// The check of the fuzz target on what it is to begin with.
#[test]
fn what_is_learned_of_samples_passes_the_check_of_the_fuzz_target() {
    let registry = Registry::built_in();
    let mut sound = 0;
    for name in ["office.pcapng", "dns-fragments.pcap", "ftp-2121.pcap", "mdns-announce.pcap"] {
        let file = written(&job(&sample(name), &registry).learn_part(everything(), &()).unwrap().0);
        let sections = zstd::decode_all(&file[12..]).unwrap();
        let stored = crate::checks::stored(&sections);
        sound += usize::from(Knowledge::read(&mut &stored[..]).is_ok());
        crate::checks::knowledge(&sections);
    }
    assert_eq!(sound, 4);
}

/// 200,000 flows would do; 20,000 are the same by flow.
#[test]
fn a_flow_takes_at_most_80_octets() {
    let (scratch, registry) = (Scratch::new("know-size"), Registry::built_in());
    for shape in [Shape::Mix, Shape::Small] {
        let plan = Plan { packets: 200_000, flows: 20_000, ..Plan::new(shape) };
        let mut octets = Vec::new();
        plan.write(&mut octets).unwrap();
        let path = scratch.file("generated", &octets);
        let (known, _) = job(&path, &registry).learn_part(Options::everything(), &()).unwrap();
        let (flows, size) = (known.flows().len(), written(&known).len());
        println!("{shape:?}: {size} octets for {flows} flows, {} a flow", size / flows);
        assert!(size <= 80 * flows, "{shape:?}: {size} octets for {flows} flows");
    }
}

/// Knowledge explains what it names: the same answer, names, rules and rows of the registry as the capture explains, all but the
/// packets.
#[test]
fn knowledge_explains_as_the_capture_does() {
    let dir = Scratch::new("explained");
    let know = dir.0.join("office.know").display().to_string();
    good(&["learn", "office.pcapng", "-o", &know]);
    let flows = good(&["flows", "office.pcapng", "--format", "json"]);
    let mut ids = Vec::new();
    for line in flows.lines() {
        let flow: serde_json::Value = serde_json::from_str(line).unwrap();
        if flow["source"]["port"].is_number() {
            ids.push(flow["network"]["community_id"].as_str().unwrap().to_owned());
        }
    }
    assert!(ids.len() > 10, "{flows}");
    for id in ids {
        let [of_capture, of_knowledge] = ["office.pcapng", &know].map(|input| {
            let text = good(&["explain", input, "--community-id", &id, "--format", "json"]);
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        });
        for field in ["row", "answer", "names", "registry", "would_change"] {
            assert_eq!(of_knowledge[field], of_capture[field], "{id}: {field}");
        }
        let spoke = |explained: &serde_json::Value| -> Vec<_> {
            let rules = explained["rules"].as_array().unwrap().iter();
            rules.map(|rule| ["rule", "side", "chosen"].map(|field| rule[field].clone())).collect()
        };
        assert_eq!(spoke(&of_knowledge), spoke(&of_capture), "{id}");
        assert_eq!(of_knowledge["frame"], serde_json::Value::Null);
    }
    // Lines say who serves, and name no packet.
    let text = good(&["explain", &know, "--endpoint", "192.0.2.20:2222/tcp"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "192.0.2.10:51156 > 192.0.2.20:2222 tcp");
    assert!(lines[1].starts_with("2222/tcp is ssh; serves: destination; rule: handshake"), "{text}");
    assert!(!text.contains("frame"), "{text}");
    // A capture beside it has its packets explained by all that is known.
    let both = good(&["explain", &know, "http-get.pcap", "--endpoint", "192.0.2.20:2222/tcp"]);
    assert_eq!(both, text);
}

/// A capture of clients that ask a server for names, each in a flow of its own, and are told one address each; pcap with
/// microseconds (draft-ietf-opsawg-pcap), IPv4 in raw frames, messages as RFC 1035 section 4 has them.
fn lookups(count: u32) -> Vec<u8> {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        // Knuth's constants; the low bits are the weak ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let words =
        ["alpha", "static", "mail", "cdn", "edge", "api", "img", "news", "shop", "cloud", "assets", "login"];
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x65\0\0\0".to_vec();
    let mut now = 1_700_000_000_000_000_u64;
    let mut put = |now: u64, ends: [(u32, u16); 2], message: &[u8]| {
        let len = message.len() as u16;
        let mut packet = [&[0x45, 0][..], &(28 + len).to_be_bytes(), &[0, 0, 0, 0, 64, 17, 0, 0]].concat();
        ends.iter().for_each(|(address, _)| packet.extend(address.to_be_bytes()));
        ends.iter().for_each(|(_, port)| packet.extend(port.to_be_bytes()));
        packet.extend([(8 + len).to_be_bytes(), [0, 0]].concat());
        packet.extend(message);
        let (seconds, micros) = ((now / 1_000_000) as u32, (now % 1_000_000) as u32);
        let len = packet.len() as u32;
        [seconds, micros, len, len].iter().for_each(|field| file.extend(field.to_le_bytes()));
        file.extend(packet);
    };
    for number in 0..count {
        now += 1 + random(200_000);
        let client = (0x0a00_0000 + 1 + random(200) as u32, 32_768 + random(28_000) as u16);
        let ends = [client, (0x0a00_00fe, 53)];
        let mut question = Vec::new();
        let site = format!("{}{}", words[random(12) as usize], random(5_000));
        for label in [&*format!("{}-{number}", words[random(12) as usize]), &site, "example"] {
            question.push(label.len() as u8);
            question.extend(label.as_bytes());
        }
        question.extend([0, 0, 1, 0, 1]);
        let id = (random(1 << 16) as u16).to_be_bytes();
        put(now, ends, &[&id[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &question].concat());
        now += 1 + random(30_000);
        let (ttl, address) =
            ([60, 300, 600, 3_600][random(4) as usize], 0xc000_0000 | random(1 << 24) as u32);
        let answer =
            [&[0xc0, 12, 0, 1, 0, 1][..], &u32::to_be_bytes(ttl), &[0, 4], &address.to_be_bytes()].concat();
        put(
            now,
            [ends[1], ends[0]],
            &[&id[..], &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], &question, &answer].concat(),
        );
    }
    file
}

/// Beside 80 octets a flow: what a client was told of a name, with its question.
#[test]
fn a_fact_of_dns_takes_at_most_40_octets() {
    let (scratch, registry) = (Scratch::new("know-facts"), Registry::built_in());
    let facts = 20_000;
    let path = scratch.file("lookups.pcap", &lookups(facts));
    let (known, _) = job(&path, &registry).learn_part(Options::everything(), &()).unwrap();
    let (flows, file) = (known.flows().len(), written(&known));
    let (mut sections, mut packed) = (&zstd::decode_all(&file[12..]).unwrap()[..], Vec::new());
    while let Some((head, rest)) = sections.split_at_checked(12) {
        let tag = u32::from_le_bytes(head[..4].try_into().unwrap());
        let (section, rest) = rest.split_at(u64::from_le_bytes(head[4..].try_into().unwrap()) as usize);
        let alone = zstd::bulk::compress(section, 9).unwrap().len() as f64 / f64::from(facts);
        println!("section {tag}: {} octets, alone packed {alone:.1} a fact", section.len());
        packed.push((tag, alone));
        sections = rest;
    }
    // The sections of DNS and of the names of hosts (ARCHITECTURE.md).
    let packed_of = |tags: [u32; 2]| -> f64 {
        packed.iter().filter(|(tag, _)| tags.contains(tag)).map(|(_, alone)| alone).sum()
    };
    let size = file.len();
    println!(
        "{size} octets for {flows} flows and {facts} facts: {:.1} a fact and its flow",
        size as f64 / f64::from(facts)
    );
    assert!(packed_of([8, 12]) <= 40.0);
    assert!(size <= 80 * flows + 40 * facts as usize, "{size}");
    // Of pieces that are merged, too: what messages taught is worked out from those of both.
    let pieces = Capture::read(&path).unwrap().pieces(2);
    let parts = pieces.iter().enumerate().map(|(number, octets)| {
        let piece = scratch.file(&format!("piece{number}"), octets);
        written(&job(&piece, &registry).learn_part(Options::everything(), &()).unwrap().0)
    });
    let joined = parts.reduce(|one, other| merged(&one, &other, &registry)).unwrap().len();
    assert!(joined <= size + size / 50, "{joined} instead of {size}");
}
