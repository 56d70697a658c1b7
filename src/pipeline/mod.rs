//! The straight line: learn a capture, then chart it; or both at once, packet by packet, where only the past is known.
//!
//! A [`Job`] is the only loop over inputs: [`Job::learn`] reads them into [`crate::knowledge::Knowledge`], [`Job::chart`]
//! writes a record of each packet with all that was learned, [`Job::follow`] does both in one pass. Large files are
//! learned in stretches on several threads, and charted batch by batch on several threads. Any number of threads gives
//! the same knowledge and the same octets of output.
//!
//! What is selected ([`Job::accept`], [`Job::count`]) is what is charted; it changes no name, since everything teaches.
//! Inputs that have nothing to do with each other are learned and charted in turns: [`Job::next_turn`].

mod batch;
mod chart;
mod follow;
mod known;
mod learn;

use std::{
    error, fmt,
    fs::Metadata,
    io,
    num::NonZero,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    thread,
};

use batch::Selection;

use crate::{
    capture::{self, Accept, FileSource, Limits, Losses, Reached, Source, ahead},
    decode::Decoder,
    hosts::HostsFile,
    knowledge::{Knowledge, Options, View},
    packet::{Batch, Interface, Share, Timestamp},
    places::Places,
    processes::Processes,
    record::fields::{PACKET, Per},
    registry::Registry,
    savefile::FileFormat,
    select::{Packets, Predicate, Window},
};

/// Octets a stretch has at least before a thread is worth starting for it.
pub const MIN_STRETCH: u64 = 16 << 20;
/// Octets a compressed file has at least before a thread is worth starting for it.
const MIN_COMPRESSED: u64 = 64 << 10;

/// What is read.
pub enum Inputs {
    /// Capture files in turn; `-` is standard input.
    Files(Vec<PathBuf>),
    /// What comes, until it ends.
    Live(Box<dyn Source + Send>),
}

impl Inputs {
    /// Whether everything can be read twice: to be learned first, and then charted.
    ///
    /// What cannot be opened is no obstacle: it is told when its turn comes.
    pub fn can_be_read_twice(&self) -> bool {
        match self {
            Self::Files(files) => files.iter().all(|file| {
                // Directories are no captures: that is told when their turn comes, too.
                let can_be = |metadata: Metadata| metadata.is_file() || metadata.is_dir();
                file.as_os_str() != "-" && file.metadata().map_or(true, can_be)
            }),
            Self::Live(_) => false,
        }
    }

    /// Puts files into the order of their first time stamps, in which pieces of one capture follow each other. Those
    /// without one come last, in the order they have. If one can be read only once, so that its time is not known before
    /// its turn, all stay where they are.
    ///
    /// Reads the beginning of each file; what cannot be read is told when its turn comes.
    pub fn sort_by_time(&mut self) {
        let can_be_sorted = self.can_be_read_twice();
        if let Self::Files(files) = self
            && can_be_sorted
            && files.len() > 1
        {
            let mut timed: Vec<_> =
                files.drain(..).map(|file| (first_time(&file).unwrap_or(u64::MAX), file)).collect();
            timed.sort_by_key(|&(time, _)| time);
            files.extend(timed.into_iter().map(|(_, file)| file));
        }
    }

    /// How many there are.
    fn len(&self) -> usize {
        match self {
            Self::Files(files) => files.len(),
            Self::Live(_) => 1,
        }
    }

    /// The names of all inputs, in the order of their numbers.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Files(files) => files.iter().map(|file| file.display().to_string()).collect(),
            Self::Live(live) => vec![live_name(&**live)],
        }
    }
}

/// The time of the first frame of a file that has one, among those of its first batch, in ns since the epoch.
fn first_time(file: &Path) -> Option<u64> {
    let mut source = capture::open(file).ok()?;
    let mut batch = Batch::new();
    while batch.is_empty() && source.fill(&mut batch).ok()? {}
    batch.frames().find_map(|frame| frame.time).map(|time| time.0)
}

/// The name of the interface that a live source captures on.
fn live_name(live: &dyn Source) -> String {
    live.name().unwrap_or_else(|| "live".to_owned())
}

/// What is to be done with which inputs, and by which means: [`Job::learn`], [`Job::chart`], [`Job::follow`].
pub struct Job<'j> {
    /// What is read.
    pub inputs: Inputs,
    /// The registry with the user's layers.
    pub registry: &'j Registry,
    /// How frames are decoded.
    pub decoder: Decoder,
    /// The user's own names of hosts, where names are asked for.
    pub hosts: HostsFile,
    /// Where addresses are, where records shall say that.
    pub places: Option<Arc<Places>>,
    /// The sockets of this host, where records of an interface shall say which process owns an end.
    pub processes: Option<Arc<Processes>>,
    /// Which frames are charted; all if absent. An error of the kind [`capture::Error::Filter`] ends the job, any other
    /// one the input at hand.
    pub accept: Option<Box<Accept>>,
    /// When frames were captured that are charted, of those that are accepted. A capture begins with its earliest time
    /// stamp; where only the past is known, with the first that is met.
    pub window: Window,
    /// Which packets are charted by what their records say, of those in the window; all if absent.
    pub wanted: Option<Predicate<Packets>>,
    /// How many frames are charted of all that, over all inputs; all if absent.
    pub count: Option<u64>,
    /// Whether the inputs have nothing to do with each other, so that each is learned alone: [`Job::next_turn`].
    pub separate: bool,
    /// What ends files before their own end: reads that wait for more to come, such as those of pipes, where anyone sets
    /// [`Limits::stop`]; what came before is taken in.
    pub limits: Limits,
    /// Which inputs are at hand.
    pub turns: Turns,
    /// The numbers that inputs have in what is known; their places among the inputs where this is empty.
    pub numbers: Vec<u32>,
    /// Threads to use, at least 1. No result depends on it.
    pub threads: usize,
    /// Memory that what is learned may take, in octets, about; as much as the bounds allow if absent. It sets the bounds of
    /// tables that grow with traffic in proportion.
    pub memory: Option<u64>,
    /// Octets a stretch has at least: [`MIN_STRETCH`].
    pub min_stretch: u64,
}

/// Which inputs of a job are at hand, and what came of those before: see [`Job::next_turn`].
#[derive(Debug, Default)]
pub struct Turns {
    /// All inputs if absent.
    at: Option<Range<usize>>,
    /// Frames charted so far.
    taken: u64,
    /// Whether the output has begun.
    has_begun: bool,
    /// Whether there is anything to tell of.
    delivered: bool,
}

/// Watches a job at work: told what it reads, and asked whether it shall go on.
///
/// `()` watches nothing.
pub trait Observer: Sync {
    /// An input was opened; `size` is that of a file in octets, as it lies on disk.
    fn opened(&self, _name: &str, _size: Option<u64>) {}

    /// So many octets of the input at hand were read so far, as it lies on disk; 0 where it is no file.
    fn read(&self, _octets: u64) {}

    /// So many more packets were met: by [`Job::learn`], then by [`Job::chart`] again; by [`Job::follow`] once. Told from
    /// all threads.
    fn met(&self, _packets: u64) {}

    /// An input could not be opened, or not be read to its end. The error is in [`Outcome::errors`], too, or in the
    /// [`Failure`] that ends the job.
    fn failed(&self, _error: &capture::Error) {}

    /// Whether the counters of the input at hand are asked for; after each batch, and where nothing comes from an
    /// interface some times a second.
    fn wants_counters(&self) -> bool {
        false
    }

    /// What [`Job::learn`] knows so far, where counters are asked for; it goes on learning.
    fn so_far(&self, _known: &mut Knowledge, _registry: &Registry) {}

    /// The counters that were asked for: packets that were met so far, and what a live input lost.
    fn counters(&self, _packets: u64, _losses: Option<Losses>) {}

    /// The same of each of several interfaces, by its name: before all together.
    fn counters_of_each(&self, _losses: &[(String, Losses)]) {}

    /// What is known by now: told by [`Job::follow`] after each batch.
    fn learned(&self, _view: &View<'_>) {}

    /// Whether to end the job after the batch at hand.
    fn is_stopped(&self) -> bool {
        false
    }
}

impl Observer for () {}

/// How a job went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The names of the inputs that could be opened.
    pub opened: Vec<String>,
    /// What was wrong with inputs, in their order; what came before it in each was taken in.
    pub errors: Vec<capture::Error>,
    /// Whether there is anything to tell of: no input failed, or one delivered a packet before it did, or another was
    /// sound. Only then is an output completed.
    pub delivered: bool,
    /// What a live input lost, where it can tell.
    pub losses: Option<Losses>,
    /// The same of each of several interfaces, by its name.
    pub losses_of_each: Vec<(String, Losses)>,
    /// How many packets were charted; where nothing was selected, or only learned, all that were met.
    pub packets: u64,
    /// Whether the observer stopped the job.
    pub stopped: bool,
    /// Where the reading of the last file ended.
    pub reached: Option<Reached>,
}

/// Why a job ended early.
#[derive(Debug)]
pub enum Failure {
    /// The filter cannot be used on a frame that was met; what came before it was taken in.
    Input(capture::Error),
    /// The output failed.
    Output(io::Error),
}

impl From<capture::Error> for Failure {
    fn from(error: capture::Error) -> Self {
        Self::Input(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => write!(f, "{error}"),
            Self::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}

impl error::Error for Failure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Input(error) => error.source(),
            Self::Output(error) => Some(error),
        }
    }
}

/// An input on its way through a pass.
struct Open<'i> {
    /// Its number among the inputs, from 0.
    number: u32,
    name: &'i str,
    /// Its name for records: they carry it where there are several inputs.
    label: Option<&'i str>,
    reader: Reader<'i>,
}

/// What is read, by the ways there are to read it.
enum Reader<'i> {
    File(&'i mut FileSource),
    Live(&'i mut (dyn Source + Send)),
}

impl Reader<'_> {
    fn format(&self) -> Option<FileFormat> {
        match self {
            Self::File(file) => Some(file.format()),
            Self::Live(_) => None,
        }
    }

    /// Whether link types that have numbers in the byte order of the capturing host have them big-endian.
    fn is_big_endian(&self) -> bool {
        match self {
            Self::File(file) => file.is_big_endian(),
            Self::Live(_) => cfg!(target_endian = "big"),
        }
    }

    fn interfaces(&self) -> &[Interface] {
        match self {
            Self::File(file) => file.interfaces(),
            Self::Live(live) => live.interfaces(),
        }
    }

    /// Has large blocks that tell nothing of packets passed over: nobody copies them.
    fn pass_large_blocks(&mut self) {
        if let Self::File(file) = self {
            file.pass_large_blocks();
        }
    }

    /// Whether it ends by itself. A pipe may never, and neither may an interface.
    fn ends(&self) -> bool {
        match self {
            Self::File(file) => file.size().is_some(),
            Self::Live(_) => false,
        }
    }
}

/// What the passes of a job need beside their inputs.
struct Run<'r> {
    registry: &'r Registry,
    decoder: &'r Decoder,
    observer: &'r dyn Observer,
    threads: usize,
    min_stretch: u64,
}

impl<'j> Job<'j> {
    /// All frames of these inputs, on all processors.
    pub fn new(inputs: Inputs, registry: &'j Registry) -> Self {
        Self {
            inputs,
            registry,
            decoder: Decoder::default(),
            hosts: HostsFile::default(),
            places: None,
            processes: None,
            accept: None,
            window: Window::default(),
            wanted: None,
            count: None,
            separate: false,
            limits: Limits::default(),
            turns: Turns::default(),
            numbers: Vec::new(),
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            memory: None,
            min_stretch: MIN_STRETCH,
        }
    }

    /// The same options with the share of all tables' room that [the memory](Self::memory) allows, where threads learn
    /// stretches of inputs.
    fn within(&self, options: Options) -> Options {
        // Each thread has tables of its own, which are merged; an interface has no stretches.
        let is_shared = self.threads > 1 && !matches!(self.inputs, Inputs::Live(_));
        self.within_sets(options, if is_shared { self.threads + 1 } else { 1 })
    }

    /// The same where there are so many sets of tables.
    fn within_sets(&self, options: Options, sets: usize) -> Options {
        self.memory.map_or(options, |memory| options.within(Share::of_memory(memory, sets)))
    }

    /// Whether only some frames are charted.
    pub fn selects(&self) -> bool {
        self.accept.is_some() || self.count.is_some() || self.wanted.is_some() || !self.window.is_all()
    }

    /// Whether Community IDs are asked for to choose packets, whatever is shown of them.
    pub fn asks_community_ids(&self) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.asks("network.community_id"))
    }

    /// Whether names of hosts are asked for to choose packets, whatever is shown of them.
    pub fn asks_domains(&self) -> bool {
        let mut names = PACKET.iter().filter(|field| field.get.per == Per::Names);
        self.wanted.as_ref().is_some_and(|wanted| names.any(|field| wanted.asks(field.path)))
    }

    /// Turns to the inputs that are learned next: to all of them, or where they are [`separate`](Job::separate) to one,
    /// and in the next turn to the one behind it. Returns `false` where none is left, or no further frame is charted:
    /// what is behind it has nothing to teach.
    ///
    /// Each turn is a run of its own for [`Job::learn`], [`Job::chart`] and [`Job::follow`]: what was learned in one
    /// names nothing in another. The output is one, and frames are counted over all turns. A job that never turns takes
    /// all inputs together, each time anew.
    ///
    /// ```
    /// use portolan::{Job, Registry, knowledge::Options, pipeline::Inputs};
    ///
    /// let registry = Registry::built_in();
    /// let files = ["samples/snmp-get.pcap", "samples/ntp-client.pcap"].map(Into::into);
    /// let mut job = Job { separate: true, ..Job::new(Inputs::Files(files.to_vec()), &registry) };
    /// let mut packets = Vec::new();
    /// while job.next_turn() {
    ///     let (knowledge, _) = job.learn(Options::default(), &())?;
    ///     packets.push(knowledge.span().packets);
    /// }
    /// assert_eq!(packets, [2, 4]);
    /// # Ok::<(), portolan::pipeline::Failure>(())
    /// ```
    pub fn next_turn(&mut self) -> bool {
        let rest = self.rest();
        if rest.is_empty() && self.turns.at.is_some() {
            return false;
        }
        let end = if self.separate { rest.end.min(rest.start + 1) } else { rest.end };
        self.turns.at = Some(rest.start..end);
        true
    }

    /// The inputs behind those at hand, or all where no turn was taken; none where no further frame is charted.
    fn rest(&self) -> Range<usize> {
        let len = self.inputs.len();
        match &self.turns.at {
            _ if self.count.is_some_and(|count| self.turns.taken >= count) => len..len,
            Some(at) => at.end..len,
            None => 0..len,
        }
    }

    /// Opens each input at hand in turn and hands it to `pass`; what cannot be read is told, and the next one is tried.
    /// Where nothing is selected, all frames are taken. The window of time is that of a capture that `began` then, where that
    /// is known.
    fn each_input(
        &mut self,
        observer: &dyn Observer,
        selects: bool,
        began: Option<Timestamp>,
        mut pass: impl FnMut(&Run<'_>, &mut Selection<'_>, Open<'_>) -> Result<(), Failure>,
    ) -> Result<Outcome, Failure> {
        let Self { inputs, registry, decoder, accept, window, wanted, count, .. } = self;
        let Self { limits, threads, min_stretch, turns, numbers, .. } = self;
        let run = Run { registry, decoder, observer, threads: *threads, min_stretch: *min_stretch };
        let mut selection = match selects {
            true => Selection::new(accept.as_deref_mut(), *count, turns.taken).only(
                *window,
                began,
                wanted.clone(),
            ),
            false => Selection::all(),
        };
        let at = turns.at.clone().unwrap_or(0..inputs.len());
        let mut outcome = Outcome::default();
        match inputs {
            Inputs::Files(files) => {
                let several = files.len() > 1;
                for (place, path) in files.iter().enumerate().take(at.end).skip(at.start) {
                    let number = numbers.get(place).copied().unwrap_or(place as u32);
                    if observer.is_stopped() {
                        break;
                    }
                    let name = path.display().to_string();
                    let before = selection.seen();
                    let opened = capture::open_within(path, limits);
                    if opened.is_err() && limits.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let result = opened.map_err(Failure::Input).and_then(|mut file| {
                        observer.opened(&name, file.size());
                        outcome.opened.push(name.clone());
                        let label = several.then_some(&*name);
                        let reader = Reader::File(&mut file);
                        let passed = pass(&run, &mut selection, Open { number, name: &name, label, reader });
                        outcome.reached = Some(file.reached());
                        passed
                    });
                    outcome.take(result, selection.seen() > before, observer)?;
                    if selection.is_over() {
                        break;
                    }
                }
            }
            Inputs::Live(live) => {
                let name = live_name(&**live);
                observer.opened(&name, None);
                let open = Open { number: 0, name: &name, label: None, reader: Reader::Live(&mut **live) };
                let result = pass(&run, &mut selection, open);
                outcome.opened.push(name);
                (outcome.losses, outcome.losses_of_each) = (live.losses(), live.losses_of_each());
                outcome.take(result, selection.seen() > 0, observer)?;
            }
        }
        outcome.packets = if selection.is_all() {
            selection.seen()
        } else {
            selection.taken() - if turns.at.is_some() { turns.taken } else { 0 }
        };
        if turns.at.is_some() {
            turns.taken = turns.taken.max(selection.taken());
        }
        outcome.delivered |= outcome.errors.is_empty();
        outcome.stopped = observer.is_stopped();
        Ok(outcome)
    }
}

impl Outcome {
    /// Adds how it went with the inputs of a later turn.
    pub fn add(&mut self, later: Self) {
        self.opened.extend(later.opened);
        self.errors.extend(later.errors);
        self.delivered |= later.delivered;
        self.losses = self.losses.or(later.losses);
        self.losses_of_each.extend(later.losses_of_each);
        self.reached = later.reached.or(self.reached);
        self.packets += later.packets;
        self.stopped |= later.stopped;
    }

    /// Notes how it went with an input. Goes on only where the next one may do better.
    fn take(
        &mut self,
        result: Result<(), Failure>,
        gave_packets: bool,
        observer: &dyn Observer,
    ) -> Result<(), Failure> {
        self.delivered |= gave_packets || result.is_ok();
        match result {
            Ok(()) => {}
            Err(Failure::Input(error)) => {
                observer.failed(&error);
                if matches!(error, capture::Error::Filter { .. }) {
                    return Err(Failure::Input(error));
                }
                self.errors.push(error);
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }
}

impl Run<'_> {
    fn is_stopped(&self) -> bool {
        self.observer.is_stopped()
    }

    /// Hands `work` the input, read and decompressed ahead on a thread of its own where that is worth it.
    fn read<T>(&self, reader: Reader<'_>, work: impl FnOnce(&mut dyn Source) -> T) -> T {
        match reader {
            Reader::File(file) if self.reads_ahead(file) => ahead(file, |source| work(source)),
            Reader::File(file) => work(file),
            Reader::Live(live) => work(live),
        }
    }

    /// Reads a source batch by batch and hands them to `work`: until it ends or the job is stopped, or with `to_end` unset
    /// until no further frame is taken.
    ///
    /// # Errors
    /// Those of the source and of `work`, which end it.
    fn each_batch<E: From<capture::Error>>(
        &self,
        source: &mut dyn Source,
        selection: &mut Selection<'_>,
        to_end: bool,
        mut work: impl FnMut(&Batch, &mut Selection<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut batch = Batch::new();
        loop {
            match source.fill(&mut batch) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // Behind the last packet asked for, damage is nobody's concern.
                Err(_) if selection.is_over() => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            self.observer.met(batch.len() as u64);
            work(&batch, selection)?;
            self.observer.read(source.consumed());
            if self.observer.wants_counters() {
                self.observer.counters_of_each(&source.losses_of_each());
                self.observer.counters(selection.seen(), source.losses());
            }
            if self.is_stopped() || !to_end && selection.is_over() {
                return Ok(());
            }
        }
    }

    /// Whether a file is worth a thread that reads it, or decompresses it, ahead.
    fn reads_ahead(&self, source: &FileSource) -> bool {
        let is_large = |size| match source.compression() {
            Some(_) => size >= MIN_COMPRESSED.min(self.min_stretch),
            None => self.is_worth_threads(size),
        };
        // A pipe may wait for its writer when no more is asked for, and its writer works while this reads.
        self.threads > 1 && source.size().is_some_and(is_large)
    }

    /// Whether a file has room for two stretches.
    fn is_worth_threads(&self, size: u64) -> bool {
        size / 2 >= self.min_stretch
    }
}
