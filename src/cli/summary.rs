//! `summary`: packets and octets per service, host, conversation and more.

use std::{
    io::{self, IsTerminal as _, Write},
    mem,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{
    Args, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use portolan::{
    Answers, Job, Knowledge, Registry, Report as _, Sink, View,
    knowledge::Options,
    packet::Timestamp,
    pipeline::Outcome,
    report::{
        Format,
        summary::{self, By, Columns, Counted, Division, Intervals, Scope, Sort, Sums, Totals},
    },
    text::time::duration,
};

use super::{
    End,
    args::{Global, Times},
    columns::{self, Form},
    exit,
    input::{Input, Session},
    kept, message, output, page, passes,
    places::Geo,
    report,
    select::{self, Where},
};

#[derive(Args, Debug)]
pub(crate) struct Summary {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) chosen: Where,
    #[command(flatten)]
    pub(crate) geo: Geo,
    /// What a row is about. Several, as in `service,server`, make a row for each combination of them.
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "service",
        value_delimiter = ',',
        value_parser = divisions(),
        help_heading = "Output"
    )]
    pub(crate) by: Vec<By>,
    /// Shorten domains to so many labels, the public suffix counted as one: 2 makes `example.co.uk` of
    /// `www.example.co.uk`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..), help_heading = "Output")]
    pub(crate) domain_depth: Option<u8>,
    /// What rows are ordered by: bytes, packets, flows, clients, servers, asked, refused, mismatch, first, last or name.
    ///
    /// Amounts from the largest down, times and names up; the other way round behind a `-`.
    #[arg(
        long,
        value_name = "KEY",
        default_value = "bytes",
        value_parser = order,
        allow_hyphen_values = true,
        help_heading = "Output"
    )]
    pub(crate) sort: (Sort, bool),
    /// Only these columns, in this order: `key,packets,first`.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', help_heading = "Output")]
    pub(crate) columns: Option<Vec<String>>,
    /// Only the first so many rows.
    #[arg(long, value_name = "ROWS", visible_alias = "limit", help_heading = "Output")]
    pub(crate) top: Option<usize>,
    /// One set of rows per interval of capture time: `10s`, `5m`.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Output")]
    pub(crate) interval: Option<Duration>,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: SummaryFormat,
    #[command(flatten)]
    pub(crate) times: Times,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// A table for people.
    Table,
    /// One JSON object.
    Json,
    /// CSV rows.
    Csv,
    /// A page for a browser, in one file: all that a capture tells, with charts.
    Html,
    /// A file of Apache Parquet.
    Parquet,
    /// A stream of Apache Arrow (IPC).
    Arrow,
}

impl From<SummaryFormat> for Option<Form> {
    fn from(format: SummaryFormat) -> Self {
        match format {
            SummaryFormat::Table => Some(Form::Text(Format::Table)),
            SummaryFormat::Json => Some(Form::Text(Format::Json)),
            SummaryFormat::Csv => Some(Form::Text(Format::Csv)),
            SummaryFormat::Html => None,
            SummaryFormat::Parquet => Some(Form::Columns(columns::Columns::Parquet)),
            SummaryFormat::Arrow => Some(Form::Columns(columns::Columns::Arrow)),
        }
    }
}

/// A word of `--by`, as the report lists them.
fn division(word: &str) -> By {
    By::ALL.into_iter().find(|by| by.as_str() == word).unwrap_or_default()
}

/// The words of `--by`.
fn divisions() -> impl TypedValueParser<Value = By> {
    let words = By::ALL.map(|by| {
        let word = PossibleValue::new(by.as_str());
        match by {
            By::Endpoint => word.help("Address, port and transport"),
            By::Domain => word.help("Name of the host that serves; its address where it has none"),
            _ => word,
        }
    });
    PossibleValuesParser::new(words).map(|word| division(&word))
}

/// Reads what rows are ordered by, and whether that is turned round.
fn order(text: &str) -> Result<(Sort, bool), String> {
    let (word, is_turned) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
    let is_meant = |sort: &Sort| sort.as_str() == word || *sort == Sort::Bytes && word == "octets";
    let sort = Sort::ALL.into_iter().find(is_meant);
    sort.map(|sort| (sort, is_turned))
        .ok_or_else(|| format!("it takes {}", Sort::ALL.map(Sort::as_str).join(", ")))
}

/// Refuses a table in a file whose name says that it is to hold something else.
fn refuse_other_form(global: &Global, args: &Summary) -> Result<(), End> {
    let end = global.output.as_deref().and_then(|path| path.extension()?.to_str());
    let form = ["html", "json", "csv", "parquet", "arrow"]
        .into_iter()
        .find(|form| end.is_some_and(|end| end.eq_ignore_ascii_case(form)));
    match form.filter(|_| args.format == SummaryFormat::Table) {
        Some(form) => {
            message::error(format_args!(
                "-o without --format writes a table, whatever the file is called: add --format {form}"
            ));
            Err(End::Said(exit::USAGE))
        }
        None => Ok(()),
    }
}

pub(crate) fn run(global: &Global, args: &Summary) -> Result<u8, End> {
    let by = Division::new(&args.by).map_err(|senseless| {
        message::error(senseless);
        End::Said(exit::USAGE)
    })?;
    if args.domain_depth.is_some() && !by.parts().contains(&By::Domain) {
        message::error("--domain-depth shortens domains: it goes with --by domain");
        return Err(End::Said(exit::USAGE));
    }
    let by = by.with_depth(args.domain_depth);
    let columns = args.columns.as_deref().map(Columns::new).transpose();
    let columns = columns.map_err(|fault| select::tell("--columns", &fault, exit::USAGE))?;
    let wanted = args.chosen.packets()?;
    refuse_other_form(global, args)?;
    if args.geo.is_given() && args.format != SummaryFormat::Html && !global.is_configured("geo") {
        message::error("--geo is for summaries as pages (--format html), and for annotate, flows and hosts");
        return Err(End::Said(exit::USAGE));
    }
    let Some(form) = Option::<Form>::from(args.format) else { return page::run(global, args, by) };
    form.check()?;
    let session = Session::new(global, &args.input)?;
    let mut job = Job { wanted, ..session.job()? };
    let options = summary::Options {
        by,
        sort: args.sort.0,
        turned: args.sort.1,
        columns,
        top: args.top,
        numeric: args.input.is_numeric(),
        width: output::width(global),
        times: args.times.moments(global),
        rounded: output::rounds(global),
        color: global.wants_color(),
    };
    let selects = passes::charts_selection(&job);
    let so_far = SoFar { options, registry: &session.registry };
    if args.interval.is_none() && !by.needs_packets() && !selects {
        let totals = Totals::new(options, job.threads);
        let complete = |totals: &mut Totals, outcome: &Outcome| {
            totals.files.clone_from(&outcome.opened);
            totals.losses = outcome.losses;
        };
        let show = |knowledge: &mut Knowledge, registry: &Registry| {
            let answers = Answers::of(knowledge, registry, false, 1);
            let mut totals = Totals::new(options, 1);
            totals.add(knowledge, &answers, registry);
            so_far.tell(|out| totals.write(registry, Format::Table, out));
        };
        return report::write_showing(global, &session, &mut job, form, totals, complete, Some(&show));
    }
    if let Some(length) = args.interval.filter(|_| !session.stored.is_empty() && !by.needs_packets()) {
        passes::refuse_wanted(&session, &job)?;
        return of_stored(global, &session, &mut job, form, (length, &options));
    }
    let mut out = output::of_job(global, &job)?;
    form.refuse_terminal(&out)?;
    let counted = Counted::new(args.interval, by);
    // Of an interface each interval is written when it is over.
    let streams = match form {
        Form::Text(format) => args.interval.map(|length| (length, format)),
        Form::Columns(_) => None,
    };
    let streams = streams.filter(|_| !session.reads_files() && !out.is_file());
    let stream = streams.map(|(length, format)| Stream {
        length: u64::try_from(length.as_nanos()).unwrap_or(u64::MAX),
        format,
        has_status: !global.quiet
            && !global.no_progress
            && io::stderr().is_terminal()
            && !io::stdout().is_terminal(),
        out: &mut out,
        written: 0,
    });
    let mut counted =
        Shown { counted, so_far, length: args.interval, tell: session.tell(), shows: false, stream, open: 0 };
    let sums = Sums::new(args.interval, by);
    let (way, mut evicted) = ((Options { flows: selects, ..options.needs() }, false, "counting"), false);
    let passes =
        passes::chart(global, &session, &mut job, way, &sums, &mut counted, |knowledge, _, counted| {
            evicted |= knowledge.departed().next().is_some();
            counted.counted.name_hosts(knowledge);
            counted.counted.part();
        })?;
    let is_first = counted.stream.take().is_none_or(|stream| stream.written == 0);
    let counted = counted.counted;
    let (span, (whole, parts)) = (*counted.span(), counted.into_parts());
    let (whole, parts) = (kept(whole), kept(parts));
    let intervals = args.interval.map(|_| &**parts);
    let files = &passes.outcome.opened;
    let losses = passes.outcome.losses;
    let scope = Scope { files, span: &span, evicted, losses, registry: &session.registry };
    if !passes.outcome.delivered && out.is_file() {
        return Ok(out.abandon().map(|()| passes.code)?);
    }
    match (form, intervals) {
        // The last ones, in the form of those before.
        (Form::Text(format), Some(intervals)) if streams.is_some() && format != Format::Table => {
            if !intervals.is_empty() || is_first {
                summary::closed(intervals, &scope, &options, (format, is_first), &mut out)?;
            }
        }
        _ => write(form, (&whole, intervals), &scope, &options, &mut out)?,
    }
    out.finish()?;
    Ok(passes.code)
}

fn write(
    form: Form,
    (whole, intervals): (&summary::Summary, Option<&[summary::Interval]>),
    scope: &Scope<'_>,
    options: &summary::Options,
    out: &mut output::Output,
) -> io::Result<()> {
    match form {
        Form::Columns(form) => {
            columns::write_sums((whole, intervals, options), scope.registry, scope.files, form, out)
        }
        Form::Text(format) => summary::write(whole, intervals, scope, options, format, out),
    }
}

/// Sums by intervals of that length of what knowledge files know, alone or with captures.
fn of_stored(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    form: Form,
    (length, options): (Duration, &summary::Options),
) -> Result<u8, End> {
    let mut out = output::of_job(global, job)?;
    form.refuse_terminal(&out)?;
    let (mut counted, mut evicted, mut checked) = (Counted::new(Some(length), options.by), false, Ok(()));
    let needs = (Options { interval: Some(length), ..options.needs() }, true);
    let passes = passes::learn(global, session, job, needs, None, |knowledge, answers| {
        evicted |= knowledge.departed().next().is_some();
        checked = counted.add_known(&View { knowledge, answers, registry: &session.registry });
        counted.name_hosts(knowledge);
    })?;
    // Each file was asked before; together they are known by intervals that are multiples of all.
    checked.map_err(|untold| {
        message::error(untold);
        End::Said(exit::USAGE)
    })?;
    let (span, (whole, parts)) = (*counted.span(), counted.into_parts());
    let parts = kept(parts);
    let (files, losses) = (&passes.outcome.opened, passes.outcome.losses);
    let scope = Scope { files, span: &span, evicted, losses, registry: &session.registry };
    if !passes.outcome.delivered && out.is_file() {
        return Ok(out.abandon().map(|()| passes.code)?);
    }
    write(form, (&whole, Some(&**parts)), &scope, options, &mut out)?;
    out.finish()?;
    Ok(passes.code)
}

/// How long after the end of an interval of an interface packets may come that belong to it, in ns.
const GRACE: u64 = 1_000_000_000;

/// Where intervals of an interface go that are over.
struct Stream<'s> {
    /// In ns.
    length: u64,
    format: Format,
    /// Whether a line on standard error tells what was written, as nobody sees that.
    has_status: bool,
    out: &'s mut output::Output,
    written: u64,
}

impl Stream<'_> {
    /// The beginning of the earliest interval that is not over now, in ns since the epoch, where it is not the one it was.
    fn next(&self, was: u64) -> Option<u64> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        next(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX), self.length.max(1), was)
    }
}

/// The beginning of the earliest interval of a length that is not over at a time, all in ns, where it is another than it was: a later
/// one, or an earlier one as the clock was set back. Intervals that it goes through again are written once more then, with what came
/// since.
fn next(now: u64, length: u64, was: u64) -> Option<u64> {
    let past = now.saturating_sub(GRACE);
    let open = past - past % length;
    (open > was || open.saturating_add(Timestamp::SET_BACK.max(length)) < was).then_some(open)
}

/// What is shown of a live summary while it goes on: on standard error, as the report is yet to come.
#[derive(Clone, Copy)]
struct SoFar<'s> {
    options: summary::Options,
    registry: &'s Registry,
}

impl SoFar<'_> {
    fn tell(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut table = Vec::new();
        // A vector takes all.
        let _ = write(&mut table);
        message::block(&table);
    }
}

/// Sums of packets that are shown where they are asked for.
struct Shown<'s> {
    counted: Counted,
    so_far: SoFar<'s>,
    /// Length of an interval, where there are any.
    length: Option<Duration>,
    /// Set to have the sums of a live input shown.
    tell: &'s AtomicBool,
    shows: bool,
    stream: Option<Stream<'s>>,
    /// The beginning of the interval that was open when it was looked last.
    open: u64,
}

impl Sink<Option<Intervals>> for Shown<'_> {
    fn take(&mut self, part: &mut Option<Intervals>) -> io::Result<()> {
        self.shows = self.tell.load(Ordering::Relaxed);
        let is_over = self.stream.as_ref().is_some_and(|stream| stream.next(self.open).is_some());
        if self.shows || is_over { self.counted.rest(part) } else { self.counted.take(part) }
    }

    fn rest(&mut self, part: &mut Option<Intervals>) -> io::Result<()> {
        self.counted.rest(part)
    }

    fn learned(&mut self, view: &View<'_>) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let Some(open) = stream.next(self.open) else { return Ok(()) };
        self.open = open;
        self.counted.name_hosts(view.knowledge);
        let over = self.counted.take_before(open);
        if over.is_empty() {
            return Ok(());
        }
        let SoFar { options, registry } = self.so_far;
        let span = *self.counted.span();
        let scope = Scope { files: &[], span: &span, evicted: false, losses: None, registry };
        summary::closed(&over, &scope, &options, (stream.format, stream.written == 0), &mut stream.out)?;
        stream.out.flush()?;
        stream.written += over.len() as u64;
        if stream.has_status {
            let written = stream.written;
            message::status(format_args!("{written} intervals written, {} packets", span.packets));
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if mem::take(&mut self.shows) {
            let SoFar { options, registry } = self.so_far;
            let span = *self.counted.span();
            let scope = Scope { files: &[], span: &span, evicted: false, losses: None, registry };
            let (whole, parts) = self.counted.clone().into_parts();
            let parts = self.length.map(|_| &*parts);
            self.so_far.tell(|out| summary::table(&whole, parts, &scope, &options, out));
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.counted.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_close_whatever_becomes_of_the_clock() {
        const SECOND: u64 = 1_000_000_000;
        let next = |now: u64, length: u64, was: u64| {
            next(now * SECOND, length * SECOND, was * SECOND).map(|open| open / SECOND)
        };
        // A second is left for what comes late.
        assert_eq!(next(1_000, 10, 0), Some(990));
        assert_eq!(next(1_000, 10, 990), None);
        assert_eq!(next(1_001, 10, 990), Some(1_000));
        // Set forward by a day.
        assert_eq!(next(87_401, 10, 1_000), Some(87_400));
        // Set back by less than an interval, or a few seconds: what was over stays over.
        assert_eq!(next(995, 10, 1_000), None);
        assert_eq!(next(992, 1, 1_000), None);
        assert_eq!(next(500, 600, 600), None);
        // Set back by more: intervals are over again by the clock there is, not a day later.
        assert_eq!(next(1_001, 10, 87_400), Some(1_000));
        assert_eq!(next(980, 1, 1_000), Some(979));
    }
}
