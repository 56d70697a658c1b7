//! From the command line to the run: the only place that knows all parts.

mod args;
pub(crate) mod exit;
mod inputs;
pub(crate) mod message;
mod output;
mod registry;

use std::{
    io::{self, IsTerminal, Write},
    mem::ManuallyDrop,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use args::{
    Annotate, Cli, Color, Command, Discover, FlowFormat, Flows, Global, RecordFormat, ReportFormat, Summary,
};
use clap::Parser;
use inputs::Inputs;
use output::Output;
use portolan::{
    capture,
    decode::Decoder,
    knowledge::{self, Answers, Knowledge},
    pipeline::Run,
    record::Charter,
    registry::Registry,
    report::{discover, flows, summary},
    sink::{self, Sink},
};

/// Parses the arguments, runs, and says how it went.
pub(crate) fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE } else { exit::GOOD };
        }
    };
    match run(&cli) {
        Ok(code) => code,
        Err(End::Said(code)) => code,
        // Whoever reads our output has read enough.
        Err(End::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => exit::GOOD,
        Err(End::Output(error)) => {
            message::error(format_args!("cannot write: {error}"));
            exit::OUTPUT
        }
    }
}

/// Why a run ended without a result.
enum End {
    /// The reason was printed; this is the exit code.
    Said(u8),
    /// The output failed.
    Output(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<capture::Error> for End {
    fn from(error: capture::Error) -> Self {
        message::error(&error);
        Self::Said(exit::of(&error))
    }
}

fn run(cli: &Cli) -> Result<u8, End> {
    match &cli.command {
        Command::Annotate(args) => annotate(&cli.global, args),
        Command::Summary(args) => summarise(&cli.global, args),
        Command::Flows(args) => list_flows(&cli.global, args),
        Command::Discover(args) => discover_services(&cli.global, args),
        Command::Registry(args) => registry::run(&cli.global, args),
        Command::Interfaces(args) => output::interfaces(args),
    }
}

/// Whether standard output gets colours.
fn wants_color(color: Color) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if set("CLICOLOR_FORCE") => true,
        Color::Auto => {
            io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Keeps what a command worked out to the end of the process, which comes next: the system takes all memory back at
/// once, while freeing a large capture's piece by piece takes up to a tenth of the run.
fn kept<T>(value: T) -> ManuallyDrop<T> {
    ManuallyDrop::new(value)
}

/// What the commands that read captures share.
struct Session {
    registry: Registry,
    decoder: Decoder,
    stop: Arc<AtomicBool>,
    threads: usize,
    min_stretch: u64,
}

impl Session {
    fn new(global: &Global, input: &args::Input) -> Result<Self, End> {
        let registry = registry::load(global)?;
        let mut decoder =
            if input.no_decap { Decoder::default().without_decap() } else { Decoder::default() };
        for decap in &input.decap {
            decoder = decoder.decap(*decap);
        }
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // The first signal ends the run in good order; the second one at once.
            let code = 128 + signal;
            let _ = signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&stop));
            let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
        }
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = input.threads.map_or_else(processors, usize::from);
        Ok(Self { registry, decoder, stop, threads, min_stretch: input.min_stretch })
    }

    fn run<'r>(&'r self, progress: &'r (dyn Fn(u64) + Sync)) -> Run<'r> {
        Run {
            registry: &self.registry,
            decoder: &self.decoder,
            stop: &self.stop,
            progress,
            threads: self.threads,
            min_stretch: self.min_stretch,
        }
    }

    /// A live input ends by itself when it is told to stop, with all that came before.
    fn live_run(&self) -> Run<'_> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Run { stop: &NEVER, ..self.run(&|_| {}) }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn annotate(global: &Global, args: &Annotate) -> Result<u8, End> {
    let format =
        args.format.unwrap_or(if args.write.is_some() { RecordFormat::Pcapng } else { RecordFormat::Text });
    let file_named_pcap =
        args.write.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "pcap"));
    if format == RecordFormat::Pcapng && file_named_pcap {
        message::error(
            "a pcap file cannot hold comments, so it cannot be annotated: write to a .pcapng file",
        );
        return Err(End::Said(exit::USAGE));
    }
    let session = Session::new(global, &args.input)?;
    let inputs = Inputs::open(global, &args.input, &session)?;
    let whole = inputs.are_rewindable();
    let mut out = Output::new(args.write.as_deref())?;
    let color = args.write.is_none() && wants_color(global.color);
    let code = match format {
        RecordFormat::Text => annotate_with(
            global,
            &session,
            inputs,
            args,
            sink::Text::new(args.time.into(), color, global.verbose),
            &mut out,
        ),
        RecordFormat::Json => annotate_with(global, &session, inputs, args, sink::Json::default(), &mut out),
        RecordFormat::Csv => annotate_with(global, &session, inputs, args, sink::Csv::default(), &mut out),
        RecordFormat::Pcapng => {
            let sink = sink::Pcapng::new(session.registry.updated());
            annotate_with(global, &session, inputs, args, sink, &mut out)
        }
    }?;
    if whole && session.is_stopped() && out.is_file() {
        message::error("interrupted: the output file was not written");
        return Err(End::Said(exit::OUTPUT));
    }
    out.finish()?;
    Ok(code)
}

/// Says what did not fit into memory.
fn tell_losses(global: &Global, knowledge: &Knowledge) {
    for (count, what) in knowledge.losses().filter(|_| !global.quiet) {
        message::note(format_args!("{what}: {count}"));
    }
}

fn annotate_with(
    global: &Global,
    session: &Session,
    inputs: Inputs,
    args: &Annotate,
    mut sink: impl Sink,
    out: &mut Output,
) -> Result<u8, End> {
    let ids = args.format.is_some_and(|format| matches!(format, RecordFormat::Json | RecordFormat::Csv));
    if !args.causal && inputs.are_rewindable() {
        let options = knowledge::Options::default();
        let (knowledge, mut code) = inputs.learn(session, options)?;
        let names = kept(Answers::of(&knowledge, &session.registry, ids, session.threads));
        let charter = Charter::new(&knowledge, &names);
        let mut head = Vec::new();
        sink.begin(&mut head);
        out.write_all(&head)?;
        sink.learned(&knowledge);
        code = code.max(inputs.chart(session, &charter, &mut sink, out)?);
        tell_losses(global, &knowledge);
        let hidden = knowledge.dropped_messages();
        if hidden > 0 && !global.quiet {
            message::note(format_args!(
                "DNS messages in fragments that are not shown, too many to keep: {hidden}"
            ));
        }
        return Ok(code);
    }
    if !args.causal && inputs.are_files() {
        message::note("the input cannot be read twice, so each packet is named by what came before it");
    }
    let options = knowledge::Options { causal: true, ..knowledge::Options::default() };
    let mut knowledge = Knowledge::whole(options);
    let mut names = Answers::new(ids);
    let at_once = args.line_buffered;
    let code = inputs.causal(session, &mut knowledge, &mut names, &mut sink, out, at_once)?;
    tell_losses(global, &knowledge);
    Ok(code)
}

fn summarise(global: &Global, args: &Summary) -> Result<u8, End> {
    let session = Session::new(global, &args.input)?;
    let inputs = Inputs::open(global, &args.input, &session)?;
    let by: summary::By = args.by.into();
    let options = summary::Options { by, sort: args.sort.into(), top: args.top, width: output::width() };
    let mut intervals = None;
    let (knowledge, names, summary, code);
    if args.interval.is_none() && !by.needs_packets() {
        (knowledge, code) = inputs.learn(&session, knowledge::Options::default())?;
        names = kept(Answers::of(&knowledge, &session.registry, false, session.threads));
        summary = kept(summary::Summary::of(&knowledge, &names, by, session.threads));
    } else {
        let mut sums = summary::Intervals::new(args.interval, by);
        (knowledge, code) = inputs.count(&session, &mut sums)?;
        let (whole, parts) = sums.into_parts();
        (summary, intervals) = (kept(whole), args.interval.map(|_| parts));
    }
    let files = inputs.read();
    let scope = summary::Scope { files: &files, knowledge: &knowledge, registry: &session.registry };
    let mut out = Output::new(None)?;
    match args.format {
        ReportFormat::Table => {
            summary::table(&summary, intervals.as_deref(), &scope, &options, &mut out)?;
        }
        ReportFormat::Json => summary::json(&summary, intervals.as_deref(), &scope, &options, &mut out)?,
        ReportFormat::Csv => summary::csv(&summary, intervals.as_deref(), &options, &mut out)?,
    }
    out.finish()?;
    tell_losses(global, &knowledge);
    Ok(code)
}

fn list_flows(global: &Global, args: &Flows) -> Result<u8, End> {
    let session = Session::new(global, &args.input)?;
    let inputs = Inputs::open(global, &args.input, &session)?;
    let options = knowledge::Options { flows: true, ..knowledge::Options::default() };
    let (knowledge, code) = inputs.learn(&session, options)?;
    let names = kept(Answers::of(&knowledge, &session.registry, false, session.threads));
    let form = match args.format {
        FlowFormat::Text => flows::Form::Text(args.time.into()),
        FlowFormat::Json => flows::Form::Json,
        FlowFormat::Csv => flows::Form::Csv,
    };
    let mut out = Output::new(None)?;
    flows::write(&knowledge, &names, form, &mut out)?;
    out.finish()?;
    tell_losses(global, &knowledge);
    Ok(code)
}

fn discover_services(global: &Global, args: &Discover) -> Result<u8, End> {
    let session = Session::new(global, &args.input)?;
    let inputs = Inputs::open(global, &args.input, &session)?;
    let options = knowledge::Options { inventory: true, ..knowledge::Options::default() };
    let (knowledge, code) = inputs.learn(&session, options)?;
    let options = discover::DiscoverOptions {
        format: args.format.into(),
        events: args.events,
        queries: args.queries,
        types: args.kind.iter().cloned().collect(),
        hosts: args.host.iter().cloned().collect(),
        width: output::width(),
    };
    let mut out = Output::new(None)?;
    if let Some(inventory) = knowledge.inventory() {
        discover::write(inventory, &session.registry, &inputs.names(), &options, &mut out)?;
    }
    out.finish()?;
    tell_losses(global, &knowledge);
    Ok(code)
}
