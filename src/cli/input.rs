//! What the commands that read captures share: their arguments, and the job these ask for.

use std::{
    cell::{Cell, OnceCell, RefCell},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::{ArgAction, Args};
use portolan::{
    Job, Registry,
    capture::{self, Backlog, Beside, Filter, Limits, Live, LiveOptions, Several, Source},
    decode::{Decap, Decoder},
    hosts::HostsFile,
    packet::Share,
    pipeline::{Inputs, MIN_STRETCH},
    processes::Processes,
    select::{Bound, Window},
    text::{number::octets, time::duration},
};

use super::{
    End,
    args::Global,
    exit, knowledge, message,
    metrics::Metrics,
    output,
    privileges::{self, Needs},
    registry,
    signals::{self, Listener, Wishes},
    target::Identity,
    usage,
    watch::Watch,
};

/// What to read.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Input")]
pub(crate) struct Input {
    /// Capture files; `-` is standard input. Format and compression (gzip, zstd, lz4, xz) are told by content.
    ///
    /// May be left out where standard input is a pipe or a file.
    #[arg(value_name = "FILE", conflicts_with = "interface")]
    files: Vec<PathBuf>,
    /// Read this file, as other tools spell it.
    #[arg(short, value_name = "FILE", conflicts_with = "interface")]
    read: Vec<PathBuf>,
    /// Capture live on this interface: a name or number of `portolan interfaces`, or `any`. May be repeated: packets of several
    /// come in one order of time.
    #[arg(short, long, value_name = "INTERFACE")]
    interface: Vec<String>,
    /// Read the captures in directories, and in the directories below; links to directories are not followed.
    #[arg(long)]
    recursive: bool,
    /// Files have nothing to do with each other: learn each alone, and join only totals. Implied by --recursive.
    #[arg(long, conflicts_with = "interface")]
    separate: bool,
    /// Files are pieces of one capture, in the order of their first time stamps; implied but for --recursive.
    #[arg(long, conflicts_with_all = ["interface", "separate"])]
    together: bool,
    /// Stop after so many packets. Files are learned whole all the same, so that names stay what they are.
    ///
    /// An annotated pcapng of a file still gets what else the file holds behind them, such as statistics.
    #[arg(short, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Only packets that this capture filter (BPF, pcap-filter(7)) passes. In files all others teach names, live none.
    #[arg(short, value_name = "FILTER")]
    filter: Option<String>,
    /// Only packets captured at this time or later: `2026-01-02T03:04:05Z`, `03:04` or `03:04:05` (UTC) of the capture's first
    /// day, `+10s` after its beginning.
    #[arg(long, value_name = "TIME", value_parser = Bound::parse)]
    from: Option<Bound>,
    /// Only packets captured before this time.
    #[arg(long, value_name = "TIME", value_parser = Bound::parse)]
    to: Option<Bound>,
    /// Stop a live run after this long: `30s`, `5m`, `1h`.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "interface", conflicts_with_all = ["files", "read"])]
    duration: Option<Duration>,
    /// Octets to keep of each packet captured live; 0 is all of it.
    #[arg(
        short,
        value_name = "OCTETS",
        default_value_t = 0,
        requires = "interface", conflicts_with_all = ["files", "read"],
        hide_default_value = true
    )]
    snap_len: u32,
    /// Do not put the interface into promiscuous mode.
    #[arg(short = 'p', requires = "interface", conflicts_with_all = ["files", "read"])]
    no_promiscuous: bool,
    /// Link-layer type to capture, where the interface has several.
    #[arg(short = 'y', value_name = "TYPE", requires = "interface", conflicts_with_all = ["files", "read"])]
    link_type: Option<String>,
    /// Answer Prometheus on this address: http://ADDRESS/metrics, and /healthz. It asks nobody who they are.
    #[arg(long, value_name = "ADDRESS", requires = "interface", conflicts_with_all = ["files", "read"])]
    metrics: Option<SocketAddr>,
    /// Where the interface goes away, wait for one of its name to come back. Keeps the capabilities that this needs.
    #[arg(long, requires = "interface", conflicts_with_all = ["files", "read"])]
    wait: bool,
    /// Tell which process of this host owns the local end of a flow, and take from sockets that listen which side serves. On
    /// Linux; of other users' processes it needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, which one thread keeps for it.
    #[arg(long, requires = "interface", conflicts_with_all = ["files", "read"], help_heading = "Annotation")]
    processes: bool,
    /// Go on as this user once the interface is open, where started as root. By default whoever called sudo. What is written is
    /// written by that user.
    #[arg(long, value_name = "NAME", requires = "interface", conflicts_with_all = ["files", "read"])]
    user: Option<String>,
    /// Size of the kernel's capture buffer, in MiB; 32 by default.
    #[arg(long, value_name = "MIB", requires = "interface", conflicts_with_all = ["files", "read"])]
    buffer: Option<u32>,
    /// Name packets and flows by what this knowledge file knows (`portolan learn`), too; totals are of the inputs alone. Inputs
    /// that it was learned from are recognised and not learned again.
    #[arg(long, value_name = "FILE", conflicts_with = "interface", help_heading = "Annotation")]
    knowledge: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// How captures are read, whichever they are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Input")]
pub(crate) struct Reading {
    /// Addresses instead of names of hosts, wherever a report shows them.
    #[arg(short, hide_short_help = true, action = ArgAction::Count)]
    numeric: u8,
    /// Name the outermost flow: open no tunnels.
    #[arg(long, help_heading = "Annotation")]
    no_decap: bool,
    /// Open a tunnel on a port that is not its own: `udp:8472=vxlan`.
    #[arg(long, value_name = "PORT=TUNNEL", help_heading = "Annotation")]
    decap: Vec<Decap>,
    /// Threads to use; all processors by default. The output does not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Diagnostics")]
    threads: Option<u16>,
    /// Octets that a compressed file may have when it is unpacked: `500M`, `20G`. By default no more than 1 GiB where they
    /// are more than 10,000 times those it is packed in.
    #[arg(long, value_name = "SIZE", value_parser = octets, help_heading = "Diagnostics")]
    max_unpacked: Option<u64>,
    /// Memory that what is remembered may take, about: `512M`, `2G`; at least 256M. It sets the bounds of tables that grow with
    /// traffic in proportion, which are those of 4 GiB. What finds no room is counted, and told.
    #[arg(long, value_name = "SIZE", value_parser = memory, help_heading = "Diagnostics")]
    memory: Option<u64>,
    #[arg(long, hide = true, default_value_t = MIN_STRETCH)]
    min_stretch: u64,
}

/// Reads an amount of memory that tables can be kept within.
fn memory(text: &str) -> Result<u64, String> {
    let memory = octets(text)?;
    if memory < Share::LEAST {
        return Err("the least is 256M".to_owned());
    }
    Ok(memory)
}

impl Input {
    /// Files that have nothing to do with each other.
    pub(crate) fn apart(files: Vec<PathBuf>, reading: Reading) -> Self {
        Self { files, separate: true, reading, ..Self::default() }
    }

    /// Ends a report with a usage error where packets of files are selected: `what` it tells is learned from all of them.
    pub(crate) fn refuse_selection(&self, report: &str, what: &str) -> Result<(), End> {
        if !self.selects_from_files() && self.window().is_all() {
            return Ok(());
        }
        message::error(format_args!(
            "{report} takes neither -f, -c, --from nor --to: they choose packets, and {what} is learned from all of them"
        ));
        Err(End::Said(exit::USAGE))
    }

    /// Whether names of hosts are not to be shown.
    pub(crate) fn is_numeric(&self) -> bool {
        self.reading.numeric > 0
    }

    /// Whether packets are chosen from files, not by how long and with which filter an interface is listened to.
    pub(crate) fn selects_from_files(&self) -> bool {
        let is_chosen = self.filter.is_some() || self.count.is_some() || !self.window().is_all();
        self.interface.is_empty() && is_chosen
    }

    /// When packets were captured that are chosen.
    fn window(&self) -> Window {
        Window { from: self.from, to: self.to }
    }
}

/// What a run has beside its job.
pub(crate) struct Session<'a> {
    input: &'a Input,
    /// What `-o` names.
    target: Option<&'a Path>,
    /// Knowledge files among the inputs.
    pub(crate) stored: Vec<PathBuf>,
    /// The registry with the user's layers.
    pub(crate) registry: Registry,
    /// The user's names of hosts; none with `-n`.
    hosts: HostsFile,
    /// The exit code by what is wrong with the paths given.
    pub(crate) code: Cell<u8>,
    wishes: Wishes,
    /// What waits for signals, until privileges are given up.
    listener: Cell<Option<Listener>>,
    /// What a live run needs once its interface is open.
    needs: RefCell<Needs>,
    quiet: bool,
    progress: bool,
    metrics: OnceCell<Arc<Metrics>>,
    /// The sockets of this host, where they are asked for.
    processes: OnceCell<Arc<Processes>>,
}

impl<'a> Session<'a> {
    /// Reads the registry, and begins to listen to signals.
    pub(crate) fn new(global: &'a Global, input: &'a Input) -> Result<Self, End> {
        let registry = registry::load(global)?;
        let mut hosts = HostsFile::default();
        for file in &global.hosts {
            let read = HostsFile::read(file).map_err(|error| {
                message::error(error);
                End::Said(exit::INPUT)
            })?;
            if input.reading.numeric == 0 {
                hosts.add(read);
            }
        }
        let (wishes, listener) = signals::listen();
        let listener = Cell::new(if input.interface.is_empty() {
            listener.begin();
            None
        } else {
            Some(listener)
        });
        let stored = input.files.iter().chain(&input.read).filter(|path| knowledge::is_stored(path));
        Ok(Self {
            input,
            stored: stored.cloned().collect(),
            target: global.output.as_deref(),
            registry,
            hosts,
            code: Cell::new(exit::GOOD),
            wishes,
            listener,
            needs: RefCell::default(),
            quiet: global.quiet,
            progress: !global.no_progress && !global.quiet,
            metrics: OnceCell::new(),
            processes: OnceCell::new(),
        })
    }

    /// Finds the files or begins to capture, and checks the filter before anything is read. What `-o` names is not taken
    /// from directories.
    pub(crate) fn job(&self) -> Result<Job<'_>, End> {
        self.job_beside(self.target)
    }

    /// The same for a run that writes to `target`, which is not taken from directories.
    pub(crate) fn job_beside(&self, target: Option<&Path>) -> Result<Job<'_>, End> {
        // What is made for Prometheus may take a while, which capturing shall not wait for.
        match self.input.metrics {
            Some(_) => Ok(self.job_read_beside_of(target)?.0),
            None => Ok(self.job_with(target, |live| (live, None::<()>))?.0),
        }
    }

    /// The same as [`Session::job`], where an interface is read by a thread that does nothing else, so that whoever works on
    /// what comes may lag; and how far that is behind.
    #[cfg(feature = "tui")]
    pub(crate) fn job_read_beside(&self) -> Result<(Job<'_>, Option<Arc<Backlog>>), End> {
        self.job_read_beside_of(self.target)
    }

    fn job_read_beside_of(&self, target: Option<&Path>) -> Result<(Job<'_>, Option<Arc<Backlog>>), End> {
        let (job, backlog) = self.job_with(target, |live| {
            let live = Beside::new(live);
            let backlog = live.backlog();
            (Box::new(live), Some(backlog))
        })?;
        if let Some((metrics, backlog)) = self.metrics.get().zip(backlog.as_ref()) {
            metrics.watch(Arc::clone(backlog));
        }
        Ok((job, backlog))
    }

    fn job_with<T>(
        &self,
        target: Option<&Path>,
        read: impl FnOnce(Box<dyn Source + Send>) -> (Box<dyn Source + Send>, Option<T>),
    ) -> Result<(Job<'_>, Option<T>), End> {
        target.into_iter().for_each(|target| self.writes(target, false));
        let target = target.and_then(Identity::at);
        let input = self.input;
        self.refuse_empty_window()?;
        self.refuse_choice_of_stored()?;
        let mut decoder =
            if input.reading.no_decap { Decoder::default().without_decap() } else { Decoder::default() };
        for decap in &input.reading.decap {
            decoder = decoder.decap(*decap);
        }
        let (inputs, accept, told) = if input.interface.is_empty() {
            (self.files(target)?, self.filter()?.map(Filter::accept), None)
        } else {
            // A live filter works in the kernel.
            let (live, told) = read(self.live()?);
            (Inputs::Live(live), None, told)
        };
        let job = Job::new(inputs, &self.registry);
        let job = Job {
            decoder,
            hosts: self.hosts.clone(),
            processes: self.processes.get().cloned(),
            accept,
            window: input.window(),
            count: input.count,
            separate: self.is_separate() && job.inputs.names().len() > 1,
            threads: input.reading.threads.map_or(job.threads, usize::from),
            memory: input.reading.memory,
            min_stretch: input.reading.min_stretch,
            limits: Limits {
                stop: Arc::clone(&self.wishes.stop),
                unpacked: input.reading.max_unpacked,
                piece: None,
            },
            ..job
        };
        Ok((job, told))
    }

    /// Refuses a window of time that nothing lies in.
    fn refuse_empty_window(&self) -> Result<(), End> {
        let is_empty = match self.input.window() {
            Window { from: Some(Bound::At(from)), to: Some(Bound::At(to)) } => from >= to,
            Window { from: Some(Bound::After(from)), to: Some(Bound::After(to)) } => from >= to,
            Window { from: Some(Bound::OfDay(from)), to: Some(Bound::OfDay(to)) } => from >= to,
            _ => false,
        };
        if !is_empty {
            return Ok(());
        }
        message::error("--to is not after --from: no packet lies between them");
        Err(End::Said(exit::USAGE))
    }

    /// What `--knowledge` names.
    pub(crate) fn base(&self) -> Option<&Path> {
        self.input.knowledge.as_deref()
    }

    /// Refuses knowledge beside the inputs, where a report is of what is known and not of packets or flows.
    pub(crate) fn refuse_base(&self, report: &str) -> Result<(), End> {
        if self.input.knowledge.is_none() {
            return Ok(());
        }
        message::error(format_args!(
            "--knowledge names packets and flows: {report} takes knowledge files as inputs, where it can use them"
        ));
        Err(End::Said(exit::USAGE))
    }

    /// Refuses knowledge files as inputs.
    pub(crate) fn refuse_stored(&self, reason: &str) -> Result<(), End> {
        match self.stored.first() {
            Some(path) => {
                message::error(format_args!("{}: {reason}", path.display()));
                Err(End::Said(exit::USAGE))
            }
            None => Ok(()),
        }
    }

    /// Refuses to choose packets where knowledge files are among the inputs, and to name them by another one.
    fn refuse_choice_of_stored(&self) -> Result<(), End> {
        if self.input.selects_from_files() {
            self.refuse_stored(
                "a knowledge file holds no packets for -f, -c, --from or --to to choose from",
            )?;
        }
        let target = self.target.and_then(Identity::at);
        let mut read = self.stored.iter().chain(&self.input.knowledge);
        if let Some(path) = read.find(|path| target.is_some() && Identity::at(path) == target) {
            message::error(format_args!("{} is an input: write to another file", path.display()));
            return Err(End::Said(exit::USAGE));
        }
        if self.input.knowledge.is_some() {
            self.refuse_stored("--knowledge names captures: portolan merge joins knowledge files")?;
        }
        Ok(())
    }

    fn filter(&self) -> Result<Option<Filter>, End> {
        Ok(self.input.filter.as_deref().map(Filter::new).transpose()?)
    }

    /// Whether files are read, not an interface.
    pub(crate) fn reads_files(&self) -> bool {
        self.input.interface.is_empty()
    }

    /// Whether files have nothing to do with each other.
    fn is_separate(&self) -> bool {
        (self.input.separate || self.input.recursive) && !self.input.together
    }

    fn files(&self, target: Option<Identity>) -> Result<Inputs, End> {
        let mut paths: Vec<_> = self.input.files.iter().chain(&self.input.read).cloned().collect();
        paths.retain(|path| !self.stored.contains(path));
        if paths.is_empty() && !self.stored.is_empty() {
            return Ok(Inputs::Files(Vec::new()));
        }
        if paths.is_empty() {
            if !is_piped_in() {
                message::error("give a capture file, `-` for standard input, or `-i INTERFACE`");
                return Err(End::Said(exit::USAGE));
            }
            paths.push(PathBuf::from("-"));
        }
        if self.input.is_numeric() {
            paths.iter().filter(|path| !path.exists()).for_each(|path| usage::tell_number(path));
        }
        let found = capture::expand(&paths, self.input.recursive, &|path| {
            output::is_part(path) || target.is_some() && Identity::at(path) == target
        });
        for error in found.errors {
            message::error(&error);
            self.code.set(exit::worse(self.code.get(), exit::of(&error)));
        }
        if found.files.is_empty() {
            return Err(End::Said(self.code.get()));
        }
        refuse_output(&found.files)?;
        if found.skipped > 0 && !self.quiet {
            message::note(format_args!("files left out that are no captures: {}", found.skipped));
        }
        let mut inputs = Inputs::Files(found.files);
        if !self.is_separate() {
            inputs.sort_by_time();
        }
        Ok(inputs)
    }

    /// Begins to capture, and says so: whoever starts something to be captured can wait for it.
    fn live(&self) -> Result<Box<dyn Source + Send>, End> {
        let input = self.input;
        self.filter()?;
        let defaults = LiveOptions::default();
        let options = LiveOptions {
            snap_len: input.snap_len,
            promiscuous: !input.no_promiscuous,
            buffer: input.buffer.map_or(defaults.buffer, |mebibytes| mebibytes.saturating_mul(1 << 20)),
            link: input.link_type.clone(),
            filter: input.filter.clone(),
            stop: Arc::clone(&self.wishes.stop),
            duration: input.duration,
            wait: input.wait,
            notice: (!self.quiet).then_some(|text| message::note(text)),
            ..defaults
        };
        let opened = input.interface.iter().map(|interface| Live::open(interface, &options));
        let mut lives = opened.collect::<Result<Vec<_>, _>>()?;
        for (place, live) in lives.iter().enumerate() {
            if lives[..place].iter().any(|before| before.name() == live.name()) {
                message::error(format_args!("-i {} is given twice", live.name()));
                return Err(End::Said(exit::USAGE));
            }
        }
        let bound = input
            .metrics
            .map(|address| Metrics::bind(address).map_err(|error| refuse_metrics(address, &error)));
        let bound = bound.transpose()?;
        self.needs.borrow_mut().captures = input.wait;
        self.needs.borrow_mut().processes = input.processes;
        let watch = || self.watch_processes();
        privileges::give_up(input.user.as_deref(), &self.needs.borrow(), watch)?;
        if let Some(listener) = self.listener.take() {
            listener.begin();
        }
        self.wishes.progress.is_live.store(true, Ordering::Relaxed);
        if !self.quiet {
            let told = |live: &Live| {
                let link = live.interfaces().first().map(|interface| interface.link.to_string());
                format!("{} ({})", live.name(), link.unwrap_or_default())
            };
            let told: Vec<_> = lives.iter().map(told).collect();
            message::line("", format_args!("capturing on {}", told.join(", ")));
            if input.filter.is_some() {
                message::note(
                    "what the filter drops teaches nothing: names may be missing that it would prove",
                );
            }
        }
        if let Some((listener, address)) = bound {
            let metrics = Metrics::serve(listener).map_err(|error| refuse_metrics(address, &error))?;
            if !self.quiet {
                message::line("", format_args!("metrics on http://{address}/metrics"));
            }
            let _ = self.metrics.set(metrics);
        }
        match lives.pop() {
            Some(live) if lives.is_empty() => Ok(Box::new(live)),
            last => Ok(Box::new(Several::new(lives.into_iter().chain(last)))),
        }
    }

    /// Begins to look at the sockets of this host, where they are asked for.
    fn watch_processes(&self) -> Result<(), End> {
        if !self.input.processes {
            return Ok(());
        }
        let processes = Processes::watch(privileges::only_look).map_err(|error| {
            message::error(format_args!("--processes: {error}"));
            End::Said(exit::PERMISSION)
        })?;
        if !self.quiet && !privileges::may_see_processes() {
            message::note(
                "--processes: those of other users are told as unknown without CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
            );
        }
        let _ = self.processes.set(processes);
        Ok(())
    }

    /// Says that a live run will write there, and whether its first file comes late: before the [job](Self::job) is made.
    pub(crate) fn writes(&self, path: &Path, late: bool) {
        let mut needs = self.needs.borrow_mut();
        needs.writes.push(path.to_owned());
        needs.tries |= late;
    }

    /// What Prometheus asks, where it may.
    pub(crate) fn metrics(&self) -> Option<Arc<Metrics>> {
        self.metrics.get().cloned()
    }

    /// Set where the counters of a live input are asked for.
    pub(crate) fn tell(&self) -> &AtomicBool {
        &self.wishes.tell
    }

    /// Set where the next file of a ring is to be begun.
    pub(crate) fn next_file(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.wishes.next)
    }

    /// Watches a job that reads inputs for the first time.
    pub(crate) fn watch(&self, doing: &'static str) -> Watch<'_> {
        // A live input ends by itself when it is told to stop, with all that came before.
        let stop = self.reads_files().then_some(&*self.wishes.stop);
        Watch::new(stop, &self.wishes, self.progress.then_some(doing), self.quiet).measured(self.metrics())
    }
}

/// Says that Prometheus cannot be answered.
fn refuse_metrics(address: SocketAddr, error: &io::Error) -> End {
    message::error(format_args!("--metrics {address}: {error}"));
    End::Said(exit::OUTPUT)
}

/// Whether something comes on standard input by itself: from a pipe, a socket or a file, not from a terminal or
/// `/dev/null`, which is what commands get that run unattended.
fn is_piped_in() -> bool {
    #[cfg(unix)]
    {
        use std::os::{fd::AsFd as _, unix::fs::FileTypeExt as _};
        let open = io::stdin().as_fd().try_clone_to_owned().map(std::fs::File::from);
        let kind = open.and_then(|file| file.metadata()).map(|metadata| metadata.file_type());
        kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket() || kind.is_file())
    }
    #[cfg(not(unix))]
    {
        use std::io::IsTerminal as _;
        !std::io::stdin().is_terminal()
    }
}

/// Refuses to write to a file that is read: what is read would never end, or be spoilt.
fn refuse_output(files: &[PathBuf]) -> Result<(), End> {
    let Some(output) = Identity::of_standard_output() else { return Ok(()) };
    let is_output = |file: &&PathBuf| {
        let input = if file.as_os_str() == "-" { Identity::of_standard_input() } else { Identity::at(file) };
        input == Some(output)
    };
    match files.iter().find(is_output) {
        Some(file) => {
            let name = if file.as_os_str() == "-" { Path::new("standard input") } else { file };
            message::error(format_args!("{}: the input is the output, too", name.display()));
            Err(End::Said(exit::USAGE))
        }
        None => Ok(()),
    }
}
