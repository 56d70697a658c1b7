//! `annotate`: one record per packet.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
#[cfg(feature = "parquet")]
use portolan::sink::BatchWriter;
use portolan::{
    Encoder, Job, Sink,
    knowledge::Options,
    pipeline::Inputs,
    select::packets,
    sink::{Brief, Csv, Fields, Json, Pcapng, Text, Writer},
};

#[cfg(feature = "parquet")]
use super::columns;
use super::{
    End,
    args::{Global, Times},
    columns::{Columns, needs},
    exit,
    input::{Input, Session},
    message,
    output::{self, Output},
    passes::{self, Passes},
    places::Geo,
    ring::{self, Rotation},
    select::{self, Where},
};

#[derive(Args, Debug)]
pub(crate) struct Annotate {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) rows: Where,
    /// Form of the records.
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<RecordFormat>,
    /// Write to this file: annotated pcapng, unless --format says otherwise.
    #[arg(short, value_name = "FILE", help_heading = "Output")]
    pub(crate) write: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) geo: Geo,
    #[command(flatten)]
    pub(crate) rotation: Rotation,
    /// Only these fields, in this order, in all forms for programs but pcapng: `@timestamp,source.ip,svc.name`.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', help_heading = "Output")]
    pub(crate) columns: Option<Vec<String>>,
    #[command(flatten)]
    pub(crate) times: Times,
    /// Name each packet by what was known when it came.
    #[arg(long, help_heading = "Annotation")]
    pub(crate) causal: bool,
    /// Write each packet out at once.
    #[arg(short, help_heading = "Output")]
    pub(crate) line_buffered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordFormat {
    /// Lines for people.
    Text,
    /// A JSON object per line, in the shape of the Elastic Common Schema.
    Json,
    /// A CSV row each.
    Csv,
    /// The capture itself, with annotations as packet comments.
    Pcapng,
    /// A file of Apache Parquet: a column each field.
    Parquet,
    /// The same columns as a stream of Apache Arrow (IPC).
    Arrow,
}

impl RecordFormat {
    /// What columns are written as, for forms that have them.
    fn columns(self) -> Option<Columns> {
        match self {
            Self::Parquet => Some(Columns::Parquet),
            Self::Arrow => Some(Columns::Arrow),
            Self::Text | Self::Json | Self::Csv | Self::Pcapng => None,
        }
    }
}

impl Annotate {
    fn format(&self) -> RecordFormat {
        self.format.unwrap_or(if self.write.is_some() { RecordFormat::Pcapng } else { RecordFormat::Text })
    }
}

pub(crate) fn run(global: &Global, args: &Annotate) -> Result<u8, End> {
    let format = args.format();
    format.columns().map_or(Ok(()), Columns::check)?;
    if args.write.is_some() && global.output.is_some() {
        message::error("-w and -o both say where the records go: give one of them");
        return Err(End::Said(exit::USAGE));
    }
    let file_named_pcap = [&args.write, &global.output]
        .into_iter()
        .flatten()
        .any(|path| path.extension().is_some_and(|end| end == "pcap"));
    if format == RecordFormat::Pcapng && file_named_pcap {
        message::error(
            "a pcap file cannot hold comments, so it cannot be annotated: write to a .pcapng file",
        );
        return Err(End::Said(exit::USAGE));
    }
    if let (None, Some(other)) = (args.format, args.write.as_deref().and_then(other_format)) {
        message::error(format_args!(
            "-w without --format writes a capture, annotated pcapng, whatever the file is called: {other}, \
             or write to a .pcapng file"
        ));
        return Err(End::Said(exit::USAGE));
    }
    let wanted = args.rows.packets()?;
    let columns = select::chosen(args.columns.as_deref(), |names| packets().columns(names))?;
    let has_columns = !matches!(format, RecordFormat::Text | RecordFormat::Pcapng);
    if columns.is_some() && !has_columns && !global.is_configured("columns") {
        message::error(
            "--columns chooses fields of --format json, csv, parquet and arrow: other forms have none",
        );
        return Err(End::Said(exit::USAGE));
    }
    if args.rotation.is_given() && format != RecordFormat::Pcapng {
        message::error(
            "--rotate-size, --rotate-interval and --rotate-files are for captures: -w without --format",
        );
        return Err(End::Said(exit::USAGE));
    }
    let places = args.geo.open()?;
    let session = Session::new(global, &args.input)?;
    session.refuse_stored(
        "a knowledge file holds no packets to annotate: give it as --knowledge, beside a capture",
    )?;
    if let Some(path) = args.write.as_deref().filter(|_| args.rotation.is_given()) {
        session.writes(path, true);
        let job = Job { wanted, places, ..session.job()? };
        return ring::run(global, &session, job, args, path);
    }
    let target = args.write.as_deref().or(global.output.as_deref());
    let job = Job { wanted, places, ..session.job_beside(target)? };
    let out = if args.write.is_some() { Output::new(target)? } else { output::of_job(global, &job)? };
    if format == RecordFormat::Text {
        args.times.time.tell_unknown_zone(global);
    }
    if format == RecordFormat::Pcapng && out.is_terminal() {
        message::error("standard output is a terminal, which pcapng is not for: use -w FILE, or a pipe");
        return Err(End::Said(exit::USAGE));
    }
    format.columns().map_or(Ok(()), |form| form.refuse_terminal(&out))?;
    refuse_loss(&job, args, format, global, &out)?;
    let color = args.write.is_none() && global.wants_color();
    let run = Run::new(global, &session, job, args);
    match format {
        RecordFormat::Text if out.is_terminal() && !global.verbose => {
            let width = output::width(global).unwrap_or(80);
            run.octets(&Brief::new(args.times.time.into(), color, width), out)
        }
        RecordFormat::Text => run.octets(&Text::new(args.times.time.into(), color, global.verbose), out),
        RecordFormat::Json => match columns {
            Some(columns) => run.octets(&Fields::new(&columns), out),
            None => run.octets(&Json::default(), out),
        },
        RecordFormat::Csv => {
            let needs = needs(&run.job);
            run.octets(&columns.map_or_else(|| Csv::with(&needs), |columns| Csv::of(&columns)), out)
        }
        RecordFormat::Pcapng => run.octets(&Pcapng::new(session.registry.updated()), out),
        RecordFormat::Parquet => run.columns(columns.as_deref(), Columns::Parquet, out),
        RecordFormat::Arrow => run.columns(columns.as_deref(), Columns::Arrow, out),
    }
}

/// What annotating needs, whatever the records are written as.
struct Run<'r> {
    global: &'r Global,
    session: &'r Session<'r>,
    job: Job<'r>,
    args: &'r Annotate,
    twice: bool,
    hindsight: bool,
    /// DNS messages that are not shown.
    hidden: u64,
}

impl<'r> Run<'r> {
    fn new(global: &'r Global, session: &'r Session<'r>, job: Job<'r>, args: &'r Annotate) -> Self {
        let twice = job.inputs.can_be_read_twice();
        if !twice && !args.causal && session.reads_files() {
            message::note("the input cannot be read twice, so each packet is named by what came before it");
        }
        Self { global, session, job, args, twice, hindsight: twice && !args.causal, hidden: 0 }
    }

    /// Writes records as octets.
    fn octets(mut self, encoder: &impl Encoder<Part = Vec<u8>>, mut out: Output) -> Result<u8, End> {
        let at_once = self.args.line_buffered && !self.hindsight;
        let charted = self.chart(encoder, &mut Writer::new(&mut out).at_once(at_once));
        self.conclude(charted, out)
    }

    /// Writes records as columns of these fields, or of all.
    #[cfg(feature = "parquet")]
    fn columns(mut self, columns: Option<&[usize]>, form: Columns, mut out: Output) -> Result<u8, End> {
        let encoder = columns::encoder(&self.job, columns);
        let mut sink = BatchWriter::new(&mut out, form.form(), encoder.schema());
        let charted = self.chart(&encoder, &mut sink);
        drop(sink);
        self.conclude(charted, out)
    }

    /// Was [refused](Columns::check) before.
    #[cfg(not(feature = "parquet"))]
    fn columns(self, _: Option<&[usize]>, form: Columns, _: Output) -> Result<u8, End> {
        form.check().map(|()| exit::INTERNAL)
    }

    fn chart<E: Encoder>(&mut self, encoder: &E, sink: &mut impl Sink<E::Part>) -> Result<Passes, End> {
        let Self { global, session, job, args, hidden, .. } = self;
        // Names of hosts are shown to people unless they want numbers; programs get all fields.
        let is_text = args.format() == RecordFormat::Text;
        let domains = !(is_text && args.input.is_numeric());
        let way = (Options { domains, ..Options::default() }, args.causal, "annotating");
        passes::chart(global, session, job, way, encoder, sink, |knowledge, _, _| {
            *hidden += knowledge.dropped_messages();
        })
    }

    /// Puts the output in its place, and says what is to be said.
    fn conclude(self, charted: Result<Passes, End>, out: Output) -> Result<u8, End> {
        let Self { global, job, args, twice, hindsight, hidden, .. } = self;
        conclude((global, args), &job, (twice, hindsight, hidden), charted, out)
    }
}

fn conclude(
    (global, args): (&Global, &Annotate),
    job: &Job<'_>,
    (twice, hindsight, hidden): (bool, bool, u64),
    charted: Result<Passes, End>,
    out: Output,
) -> Result<u8, End> {
    let charted = match charted {
        // What cannot be read again is kept as far as it was written.
        Err(End::Output(error)) if !twice && out.is_file() => {
            tell_rescued(out.rescue(match args.format() {
                RecordFormat::Pcapng => whole_blocks,
                // A stream ends with the last batch that was flushed; Parquet without its end is nothing.
                RecordFormat::Parquet | RecordFormat::Arrow => |_: &[u8]| 0,
                RecordFormat::Text | RecordFormat::Json | RecordFormat::Csv => whole_lines,
            }));
            return Err(End::Output(error));
        }
        charted => charted,
    };
    let Passes { code, outcome, learning } = charted?;
    if hindsight && hidden > 0 && !global.quiet {
        message::note(format_args!(
            "DNS messages in fragments or several segments that are not shown, too many to keep: {hidden}"
        ));
    }
    if is_long_for_a_look(learning, job.count) && !global.quiet {
        message::note("all packets were learned first; --causal names these by what came before, at once");
    }
    if twice && outcome.stopped && out.is_file() {
        message::error("interrupted: the output file was not written");
        return Ok(code);
    }
    if !outcome.delivered {
        out.abandon()?;
        return Ok(code);
    }
    if global.verbose {
        message::note("why a packet got its name: `portolan explain FILE --packet NUMBER`");
    }
    let Inputs::Files(inputs) = &job.inputs else { return Ok(out.finish().map(|()| code)?) };
    let mut replaced = inputs.iter().filter(|input| out.replaces(input));
    let is_whole = |input: &&PathBuf| {
        let is_opened = outcome.opened.contains(&input.display().to_string());
        is_opened && !outcome.errors.iter().any(|error| error.file().is_some_and(|file| out.replaces(file)))
    };
    match replaced.find(|input| !is_whole(input)) {
        Some(input) => keep(input, args),
        None if out.has_changed() && inputs.iter().any(|input| out.replaces(input)) => {
            message::error("the input has changed while it was read, so it stays as it is");
            return Ok(exit::worse(code, exit::DAMAGED));
        }
        None => out.finish()?,
    }
    Ok(code)
}

/// Refuses to put less in the place of an input than it holds, before anything is written.
fn refuse_loss(
    job: &Job<'_>,
    args: &Annotate,
    format: RecordFormat,
    global: &Global,
    out: &Output,
) -> Result<(), End> {
    let Inputs::Files(files) = &job.inputs else { return Ok(()) };
    let reason = if args.input.selects_from_files() || args.rows.is_given() {
        "what is not selected would be lost"
    } else if format != RecordFormat::Pcapng {
        "only pcapng holds all of it"
    } else {
        ""
    };
    let input = files.iter().find(|file| !reason.is_empty() && out.replaces(file));
    let registry = global.registry.iter().find(|file| out.replaces(file));
    let Some((file, reason)) =
        input.map(|file| (file, reason)).or(registry.map(|file| (file, "it is no capture")))
    else {
        return Ok(());
    };
    message::error(format_args!(
        "{} is an input, and {reason}: write to another file, such as -w {}",
        file.display(),
        another(file, args).display()
    ));
    Err(End::Said(exit::USAGE))
}

/// What to write for a file whose name says that it is to hold no capture.
fn other_format(path: &Path) -> Option<&'static str> {
    let end = path.extension()?.to_str()?.to_ascii_lowercase();
    match end.as_str() {
        "csv" | "tsv" => Some("add --format csv"),
        "json" | "jsonl" | "ndjson" => Some("add --format json"),
        "parquet" => Some("add --format parquet"),
        "arrow" | "arrows" => Some("add --format arrow"),
        "txt" | "text" | "log" => Some("add --format text"),
        _ => None,
    }
}

/// Says where what was written before an error is kept.
pub(crate) fn tell_rescued(kept: Option<PathBuf>) {
    if let Some(target) = kept {
        message::note(format_args!("what was written before the error is kept in {}", target.display()));
    }
}

/// How many of the octets are whole blocks of pcapng: those whose length stands at both ends.
pub(crate) fn whole_blocks(octets: &[u8]) -> usize {
    let mut whole = 0;
    while let Some(head) = octets[whole..].get(4..8) {
        let rest = &octets[whole..];
        let fits = |len: u32| {
            let len = len as usize;
            (len >= 12 && len.is_multiple_of(4) && rest.get(len - 4..len) == Some(head)).then_some(len)
        };
        let head = [head[0], head[1], head[2], head[3]];
        let Some(len) = fits(u32::from_le_bytes(head)).or_else(|| fits(u32::from_be_bytes(head))) else {
            break;
        };
        whole += len;
    }
    whole
}

/// How many of the octets are whole lines.
fn whole_lines(octets: &[u8]) -> usize {
    octets.iter().rposition(|&octet| octet == b'\n').map_or(0, |last| last + 1)
}

/// Whether learning took long for the few packets that were asked for.
fn is_long_for_a_look(learning: Duration, count: Option<u64>) -> bool {
    learning > Duration::from_secs(2) && count.is_some_and(|count| count < 1000)
}

/// A name beside that of an input.
fn another(input: &Path, args: &Annotate) -> PathBuf {
    let mut name = input.file_stem().unwrap_or_default().to_owned();
    name.push("-annotated.");
    name.push(match args.format.unwrap_or(RecordFormat::Pcapng) {
        RecordFormat::Text => "txt",
        RecordFormat::Json => "json",
        RecordFormat::Csv => "csv",
        RecordFormat::Pcapng => "pcapng",
        RecordFormat::Parquet => "parquet",
        RecordFormat::Arrow => "arrows",
    });
    input.with_file_name(name)
}

/// Says why a damaged input is not replaced by what could be read of it.
fn keep(input: &Path, args: &Annotate) {
    let (other, input) = (another(input, args), input.display());
    message::error(format_args!(
        "{input} stays as it is, as what lies behind the damage would be lost; what can be read of it is written by \
         `portolan annotate {input} -w {}`",
        other.display()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole_is_told_by_both_lengths() {
        let little = b"\x06\0\0\0\x10\0\0\0body\x10\0\0\0";
        let big = b"\0\0\0\x06\0\0\0\x10body\0\0\0\x10";
        let both = [&little[..], &big[..]].concat();
        assert_eq!(whole_blocks(&both), 32);
        for cut in 16..32 {
            assert_eq!(whole_blocks(&both[..cut]), 16);
        }
        assert_eq!((whole_blocks(b""), whole_blocks(&[0; 40])), (0, 0));
        assert_eq!((whole_lines(b"a\nb\nc"), whole_lines(b"abc")), (4, 0));
    }

    #[test]
    fn a_quick_look_is_offered_where_learning_takes_long_for_few_packets() {
        let long = |seconds, count| is_long_for_a_look(Duration::from_millis(seconds), count);
        assert!(long(2001, Some(1)) && long(60_000, Some(999)));
        assert!(!long(2000, Some(1)) && !long(60_000, Some(1000)) && !long(60_000, None));
    }
}
