//! The loop over inputs as a library offers it: what it calls, in which order, and when it does not.

use std::{
    io, mem,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use portolan::{
    Answers, Encoder, Job, Knowledge, Observer, Record, Registry, Sink, View,
    capture::{self, FileSource, Losses, Source},
    knowledge::Options,
    packet::{Batch, Interface},
    pipeline::{Failure, Inputs, Outcome},
    report::summary::{By, Counted, Scope, Summary, Sums, json},
    sink::{Input, Text, Writer},
    text::time::TimeStyle,
};

use crate::{capture::Scratch, material, summary::samples};

/// Notes down what an encoder is told; how many packets were known before the first.
#[derive(Clone)]
struct Log(u64);

impl Encoder for Log {
    type Part = Vec<String>;

    fn know(&mut self, known: &Knowledge) {
        self.0 = known.span().packets;
    }

    fn begin(&mut self, part: &mut Self::Part) {
        part.push(format!("begin, {} packets known", self.0));
    }

    fn input(&mut self, input: &Input<'_>, part: &mut Self::Part) {
        let name = Path::new(input.name).file_name().unwrap().to_str().unwrap();
        part.push(format!("input {name}"));
    }

    fn batch(&mut self, batch: &Batch, part: &mut Self::Part) {
        part.push(format!("batch of {}", batch.len()));
    }

    fn packet(&mut self, record: &Record<'_>, part: &mut Self::Part) {
        part.push(format!("packet {}", record.frame.number));
    }

    fn skip(&mut self, _octets: &[u8], part: &mut Self::Part) {
        part.push("skip".to_owned());
    }

    fn end(&mut self, known: &Knowledge, part: &mut Self::Part) {
        part.push(format!("end, {} packets known", known.span().packets));
    }
}

/// Takes what was noted down, and fails where it shall.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    /// How many parts came.
    parts: usize,
    at_once: bool,
    fails_at: Option<&'static str>,
}

impl Lines {
    fn failing(line: &'static str) -> Self {
        Self { fails_at: Some(line), ..Self::default() }
    }
}

impl Sink<Vec<String>> for Lines {
    fn take(&mut self, part: &mut Vec<String>) -> io::Result<()> {
        assert!(self.lines.last().is_none_or(|line| line != "finish"), "a part after the end");
        self.parts += 1;
        for line in mem::take(part) {
            let fails = self.fails_at.is_some_and(|at| line.starts_with(at));
            self.lines.push(line);
            if fails {
                return Err(io::Error::other("full"));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.lines.push("finish".to_owned());
        if self.fails_at == Some("finish") { Err(io::Error::other("full")) } else { Ok(()) }
    }

    fn is_at_once(&self) -> bool {
        self.at_once
    }
}

fn job<'r>(files: &[&Path], registry: &'r Registry) -> Job<'r> {
    let files = files.iter().map(|file| file.to_path_buf()).collect();
    Job { threads: 1, ..Job::new(Inputs::Files(files), registry) }
}

/// Learns and charts; the outcome is that of charting.
fn chart<E: Encoder>(
    job: &mut Job<'_>,
    encoder: E,
    sink: &mut impl Sink<E::Part>,
) -> Result<Outcome, Failure> {
    let (knowledge, _) = job.learn(Options::default(), &()).unwrap();
    let answers = Answers::of(&knowledge, job.registry, false, 1);
    let view = View { knowledge: &knowledge, answers: &answers, registry: job.registry };
    job.chart(&view, encoder, sink, &())
}

/// `ntp-client.pcap` has four packets, `snmp-get.pcap` two.
#[test]
fn encoder_and_sink_are_called_in_order() {
    let registry = Registry::built_in();
    let files = [material::sample("ntp-client.pcap"), material::sample("snmp-get.pcap")];
    let mut job = job(&[&files[0], &files[1]], &registry);
    job.count = Some(5);
    // With hindsight what is not charted teaches, too.
    let calls = |before, known| {
        [
            &format!("begin, {before} packets known"),
            "input ntp-client.pcap",
            "batch of 4",
            "packet 1",
            "packet 2",
            "packet 3",
            "packet 4",
            "input snmp-get.pcap",
            "batch of 2",
            "packet 1",
            "skip",
            &format!("end, {known} packets known"),
            "finish",
        ]
        .map(ToOwned::to_owned)
    };
    let mut lines = Lines::default();
    let outcome = chart(&mut job, Log(0), &mut lines).unwrap();
    assert_eq!(lines.lines, calls(6, 6));
    assert!(outcome.delivered && outcome.errors.is_empty() && !outcome.stopped && outcome.losses.is_none());
    assert_eq!(outcome.opened, files.map(|file| file.display().to_string()));

    // Two heads, two batches, the end.
    for (at_once, parts) in [(false, 5), (true, 5 + 6)] {
        let mut lines = Lines { at_once, ..Lines::default() };
        let (knowledge, ..) = job.follow(Options::default(), Log(0), &mut lines, &()).unwrap();
        assert_eq!((knowledge.span().packets, lines.parts), (5, parts));
        assert_eq!(lines.lines, calls(0, 5));
    }
}

/// Each input is known alone, the output is one: begun by the first that can be read, finished behind the last.
#[test]
fn inputs_that_are_separate_are_charted_in_turns() {
    let registry = Registry::built_in();
    let (first, second) = (material::sample("ntp-client.pcap"), material::sample("snmp-get.pcap"));
    let missing = Path::new("missing");
    let files = [missing, &first, missing, &second, missing];
    let charted = |count, causal: bool| {
        let (mut lines, mut all, mut turns) = (Lines::default(), Outcome::default(), 0);
        let mut job = Job { separate: true, count, ..job(&files, &registry) };
        while job.next_turn() {
            turns += 1;
            all.add(if causal {
                job.follow(Options::default(), Log(0), &mut lines, &()).unwrap().2
            } else {
                chart(&mut job, Log(0), &mut lines).unwrap()
            });
        }
        assert_eq!((all.opened.len() + all.errors.len(), all.delivered), (turns, true));
        (turns, lines.lines)
    };
    let calls = |begin, packets: &[&'static str], ends: [&'static str; 2]| {
        let first = [begin, "input ntp-client.pcap", "batch of 4", "packet 1", "packet 2", "packet 3"];
        let second = ["input snmp-get.pcap", "batch of 2", "packet 1"];
        [&first, &["packet 4", ends[0]][..], &second, packets, &[ends[1]]].concat()
    };
    let ends = ["end, 4 packets known", "end, 2 packets known"];
    let none = ["end, 0 packets known", "finish"];
    let (begin, causal) = ("begin, 4 packets known", "begin, 0 packets known");
    for (begin, is_causal) in [(begin, false), (causal, true)] {
        let whole = [calls(begin, &["packet 2"], ends), none.to_vec()].concat();
        assert_eq!(charted(None, is_causal), (5, whole.iter().map(|&line| line.to_owned()).collect()));
    }
    // The last packet asked for ends it: what lies behind it has nothing to teach.
    let some = [calls(begin, &["skip"], ends), vec!["finish"]].concat();
    assert_eq!(charted(Some(5), false), (4, some.iter().map(|&line| line.to_owned()).collect()));
    // A job that does not turn takes all together.
    let mut lines = Lines::default();
    chart(&mut Job { separate: true, ..job(&files, &registry) }, Log(0), &mut lines).unwrap();
    assert_eq!(lines.lines[0], "begin, 6 packets known");
}

#[test]
fn an_output_that_fails_is_not_finished() {
    let registry = Registry::built_in();
    let file = material::sample("ntp-client.pcap");
    for (at, calls) in [("input", 2), ("packet 2", 5), ("end", 8), ("finish", 9)] {
        let mut lines = Lines::failing(at);
        let charted = chart(&mut job(&[&file], &registry), Log(0), &mut lines);
        assert!(matches!(charted, Err(Failure::Output(_))), "{at}");
        assert_eq!(lines.lines.len(), calls, "{:?}", lines.lines);
        let mut lines = Lines::failing(at);
        let followed = job(&[&file], &registry).follow(Options::default(), Log(0), &mut lines, &());
        assert!(matches!(followed, Err(Failure::Output(_))), "{at}");
        assert_eq!(lines.lines.len(), calls, "{:?}", lines.lines);
    }
}

/// A file that is damaged before its first packet, one that is none, and one that is not there deliver nothing.
#[test]
fn an_output_is_finished_only_where_an_input_delivered_something() {
    let registry = Registry::built_in();
    let folder = Scratch::new("job-delivered");
    let octets = std::fs::read(material::sample("ntp-client.pcap")).unwrap();
    let header = folder.file("header", &octets[..24]);
    let early = folder.file("early", &octets[..30]);
    let late = folder.file("late", &octets[..octets.len() - 1]);
    let refused =
        folder.file("refused", &[&b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a"[..], &[9; 40]].concat());
    let missing = folder.0.join("missing");
    for (files, errors, delivered) in [
        (&[&*header][..], 0, true),
        (&[&early], 1, false),
        (&[&refused], 1, false),
        (&[&missing], 1, false),
        (&[&late], 1, true),
        (&[&early, &header], 1, true),
        (&[&missing, &refused, &late], 3, true),
        (&[], 0, true),
    ] {
        let mut hindsight = Lines::default();
        let outcome = chart(&mut job(files, &registry), Log(0), &mut hindsight).unwrap();
        assert_eq!((outcome.errors.len(), outcome.delivered), (errors, delivered), "{files:?}");
        let mut causal = Lines::default();
        let (.., outcome) =
            job(files, &registry).follow(Options::default(), Log(0), &mut causal, &()).unwrap();
        assert_eq!((outcome.errors.len(), outcome.delivered), (errors, delivered), "{files:?}");
        for lines in [hindsight.lines, causal.lines] {
            let begun = lines.first().is_some_and(|line| line.starts_with("begin"));
            let ended = lines.iter().any(|line| line.starts_with("end"));
            let finished = lines.last().is_some_and(|line| line == "finish");
            assert_eq!((ended, finished), (delivered, delivered), "{files:?}: {lines:?}");
            assert!(begun || !finished, "{lines:?}");
        }
    }
}

/// What came before the frame that the filter does not fit is handed over.
#[cfg(feature = "libpcap")]
#[test]
fn a_filter_that_does_not_fit_ends_the_job() {
    let registry = Registry::built_in();
    let files = [material::sample("ntp-client.pcap"), material::sample("http-any-sll.pcap")];
    let mut job = job(&[&files[0], &files[1]], &registry);
    // Linux cooked captures have no Ethernet addresses to filter by.
    let filter = capture::Filter::new("ether src 02:00:00:00:00:01 or udp port 123").unwrap();
    job.accept = Some(filter.accept());
    let fails = |result: Result<(), Failure>| {
        assert!(matches!(result, Err(Failure::Input(capture::Error::Filter { .. }))), "{result:?}");
    };
    assert_eq!(job.learn(Options::default(), &()).unwrap().0.span().packets, 24);
    fails(chart(&mut job, Log(0), &mut Lines::default()).map(|_| ()));
    let mut lines = Lines::default();
    fails(job.follow(Options::default(), Log(0), &mut lines, &()).map(|_| ()));
    assert_eq!(lines.lines.iter().filter(|line| line.starts_with("packet")).count(), 4);
    assert!(!lines.lines.contains(&"finish".to_owned()), "{:?}", lines.lines);
}

/// Numbers of the packets that complete a DNS message, with the file's name where records carry one.
#[derive(Clone)]
struct Wholes;

impl Encoder for Wholes {
    type Part = Vec<String>;

    fn packet(&mut self, record: &Record<'_>, part: &mut Self::Part) {
        if record.whole.is_some() {
            part.push(format!("{:?} {} {}", record.file, record.frame.number, record.dns().count()));
        }
    }
}

#[test]
fn inputs_are_numbered_in_every_pass() {
    let registry = Registry::built_in();
    let [first, second] = ["ntp-client.pcap", "dns-fragments.pcap"].map(material::sample);
    let mut alone = Lines::default();
    chart(&mut job(&[&second], &registry), Wholes, &mut alone).unwrap();
    let name = format!("{:?}", Some(second.display().to_string()));
    let expected: Vec<_> = alone.lines.iter().map(|line| line.replacen("None", &name, 1)).collect();
    assert!(expected.len() > 1 && expected[0].ends_with(" 1"), "{expected:?}");
    let mut job = job(&[&first, &second], &registry);
    let mut both = Lines::default();
    chart(&mut job, Wholes, &mut both).unwrap();
    assert_eq!(both.lines, expected);
    let mut both = Lines::default();
    job.follow(Options::default(), Wholes, &mut both, &()).unwrap();
    assert_eq!(both.lines, expected);
}

/// Watches a job, and stops it after so many batches.
#[derive(Default)]
struct Eye {
    told: Mutex<Vec<String>>,
    read: AtomicU64,
    batches: AtomicU64,
    learned: AtomicU64,
    most: Option<u64>,
    stop: AtomicBool,
}

impl Observer for Eye {
    fn opened(&self, name: &str, size: Option<u64>) {
        let name = Path::new(name).file_name().unwrap().to_str().unwrap().to_owned();
        self.told.lock().unwrap().push(format!("{name}: {size:?}"));
        self.read.store(0, Ordering::Relaxed);
    }

    fn read(&self, octets: u64) {
        assert!(octets >= self.read.swap(octets, Ordering::Relaxed), "progress goes back");
        let batches = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
        self.stop.fetch_or(self.most == Some(batches), Ordering::Relaxed);
    }

    fn failed(&self, error: &capture::Error) {
        self.told.lock().unwrap().push(format!("failed: {}", error.file().unwrap().display()));
    }

    fn learned(&self, view: &View<'_>) {
        self.learned.store(view.knowledge.span().packets, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[test]
fn an_observer_sees_what_is_read_and_can_end_it() {
    let registry = Registry::built_in();
    let files = [
        Path::new("missing").to_owned(),
        material::sample("office.pcapng"),
        material::sample("snmp-get.pcap"),
    ];
    let files: Vec<_> = files.iter().map(|file| &**file).collect();
    let sizes = [files[1], files[2]].map(|file| file.metadata().unwrap().len());
    let all = ["failed: missing".to_owned(), format!("office.pcapng: {:?}", Some(sizes[0]))];
    let eye = Eye::default();
    let (knowledge, outcome) = job(&files, &registry).learn(Options::default(), &eye).unwrap();
    let mut expected = all.to_vec();
    expected.push(format!("snmp-get.pcap: {:?}", Some(sizes[1])));
    assert_eq!(*eye.told.lock().unwrap(), expected);
    assert_eq!(eye.read.load(Ordering::Relaxed), sizes[1]);
    assert!(!outcome.stopped && knowledge.span().packets > 200);

    let eye = Eye { most: Some(1), ..Eye::default() };
    let mut text = Vec::new();
    let encoder = Text::new(TimeStyle::Utc, false, false);
    let followed =
        job(&files, &registry).follow(Options::default(), encoder, &mut Writer::new(&mut text), &eye);
    let (less, _, outcome) = followed.unwrap();
    assert_eq!(*eye.told.lock().unwrap(), all);
    assert!(outcome.stopped && outcome.delivered);
    assert!(less.span().packets > 0 && less.span().packets < knowledge.span().packets - 2);
    assert_eq!(eye.learned.load(Ordering::Relaxed), less.span().packets);
    assert_eq!(text.iter().filter(|&&octet| octet == b'\n').count() as u64, less.span().packets);
}

/// A file that behaves as an interface does.
struct Wire(FileSource);

impl Source for Wire {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, capture::Error> {
        self.0.fill(batch)
    }

    fn interfaces(&self) -> &[Interface] {
        self.0.interfaces()
    }

    fn losses(&mut self) -> Option<Losses> {
        Some(Losses { received: 10, kernel_dropped: 3, interface_dropped: 1 })
    }
}

#[test]
fn a_live_input_is_read_once_and_tells_its_losses() {
    let registry = Registry::built_in();
    let wire = Wire(capture::open(material::sample("ntp-client.pcap")).unwrap());
    let inputs = Inputs::Live(Box::new(wire));
    assert!(!inputs.can_be_read_twice());
    let mut lines = Lines::default();
    let mut job = Job::new(inputs, &registry);
    let (knowledge, _, outcome) = job.follow(Options::default(), Log(0), &mut lines, &()).unwrap();
    assert_eq!((knowledge.span().packets, outcome.losses.unwrap().kernel_dropped), (4, 3));
    assert_eq!(lines.lines.last().unwrap(), "finish");
    assert_eq!(outcome.opened, job.inputs.names());
}

/// Rows and intervals of packets, added up in parts on several threads and in one piece.
#[test]
fn sums_do_not_depend_on_threads() {
    let registry = Registry::built_in();
    for path in samples() {
        for by in [By::Service, By::Vlan, By::Host] {
            let sums = |threads| {
                let mut job = Job { threads, min_stretch: 300, ..job(&[&path], &registry) };
                let (knowledge, _) = job.learn(Options::default(), &()).unwrap();
                let length = Some(Duration::from_millis(500));
                let mut counted = Counted::new(length, by);
                chart(&mut job, Sums::new(length, by), &mut counted).unwrap();
                let (whole, parts) = counted.into_parts();
                let scope = Scope {
                    files: &[],
                    span: knowledge.span(),
                    evicted: false,
                    losses: None,
                    registry: &registry,
                };
                let mut out = Vec::new();
                json(&whole, Some(&parts), &scope, &Default::default(), &mut out).unwrap();
                String::from_utf8(out).unwrap()
            };
            let one = sums(1);
            assert!(one.contains("\"start\""), "{one}");
            assert_eq!(one, sums(3), "{}: {by:?}", path.display());
        }
    }
}

/// Looks after each batch whether rows of services have all packets that were met.
#[derive(Debug, Default)]
struct Adder {
    evicted: AtomicU64,
    batches: AtomicU64,
}

impl Observer for Adder {
    fn learned(&self, view: &View<'_>) {
        let summary = Summary::of(view.knowledge, view.answers, By::Service, 1);
        let rows = summary.rows(&Default::default());
        let sum: u64 = rows.iter().map(|row| row.packets).sum();
        assert_eq!(sum, view.knowledge.span().packets);
        let evicted = view.knowledge.departed().map(|gone| gone.flows).sum();
        self.evicted.store(evicted, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }
}

/// Where only the past is known, what stays in a full table keeps its answers while others leave: nobody's packets are missing in
/// what is told meanwhile.
#[test]
fn rows_have_all_packets_while_five_tuples_leave() {
    let registry = Registry::built_in();
    let path = material::sample("office.pcapng");
    // All of it is learned, and five-tuples leave every few packets.
    let options = Options { limit: 8, ..Options::default() };
    let adder = Adder::default();
    let mut job = job(&[&path], &registry);
    let (knowledge, ..) = job.follow(options, Wholes, &mut Lines::default(), &adder).unwrap();
    assert!(knowledge.span().packets > 200 && adder.batches.load(Ordering::Relaxed) > 0);
    assert!(adder.evicted.load(Ordering::Relaxed) > 0, "{adder:?}");
}

/// What comes packet by packet is learned into one set of tables, so that it has all of the memory, whatever the threads: of 256 MiB,
/// 96 are left for tables, of 4 GiB: 3 parts of 128.
#[test]
fn what_is_followed_has_all_of_the_memory() {
    let registry = Registry::built_in();
    let path = material::sample("ntp-client.pcap");
    let limits = |threads| {
        let job = |inputs| Job { memory: Some(256 << 20), threads, ..Job::new(inputs, &registry) };
        let live = || Inputs::Live(Box::new(Wire(capture::open(&path).unwrap())));
        let files = || Inputs::Files(vec![path.clone()]);
        let followed = [live(), files()]
            .map(|inputs| job(inputs).follow(Options::default(), Log(0), &mut Lines::default(), &()));
        let learned = [live(), files()].map(|inputs| job(inputs).learn(Options::default(), &()));
        let followed = followed.map(|followed| followed.unwrap().0.options().limit);
        (followed, learned.map(|learned| learned.unwrap().0.options().limit))
    };
    assert_eq!(limits(1), ([93_750; 2], [93_750; 2]));
    // Tables of four threads, and of the whole: an eighth of a fifth of 256 MiB, as less than 160 are left. That is 1,638 of
    // 2^20 parts.
    assert_eq!(limits(4), ([93_750; 2], [93_750, 6_248]));
}
