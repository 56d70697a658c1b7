//! `annotate`: one record per packet.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use portolan::{
    Encoder, Job, capture,
    knowledge::Options,
    sink::{Csv, Json, Pcapng, Text, Writer},
};

use super::{
    End,
    args::{Global, Time},
    exit,
    input::{Input, Session},
    message,
    output::Output,
    passes::{self, Passes},
};

#[derive(Args, Debug)]
pub(crate) struct Annotate {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Form of the records.
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<RecordFormat>,
    /// Write to this file: annotated pcapng, unless --format says otherwise.
    #[arg(short, value_name = "FILE", help_heading = "Output")]
    pub(crate) write: Option<PathBuf>,
    /// How text shows times.
    #[arg(long, value_name = "STYLE", default_value = "utc", help_heading = "Output")]
    pub(crate) time: Time,
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
}

pub(crate) fn run(global: &Global, args: &Annotate) -> Result<u8, End> {
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
    let job = session.job()?;
    let out = Output::new(args.write.as_deref())?;
    let color = args.write.is_none() && global.color.is_wanted();
    match format {
        RecordFormat::Text => {
            annotate(global, &session, job, args, Text::new(args.time.into(), color, global.verbose), out)
        }
        RecordFormat::Json => annotate(global, &session, job, args, Json::default(), out),
        RecordFormat::Csv => annotate(global, &session, job, args, Csv::default(), out),
        RecordFormat::Pcapng => {
            annotate(global, &session, job, args, Pcapng::new(session.registry.updated()), out)
        }
    }
}

fn annotate(
    global: &Global,
    session: &Session<'_>,
    mut job: Job<'_>,
    args: &Annotate,
    encoder: impl Encoder<Part = Vec<u8>>,
    mut out: Output,
) -> Result<u8, End> {
    let twice = job.inputs.can_be_read_twice();
    if !twice && !args.causal && session.reads_files() {
        message::note("the input cannot be read twice, so each packet is named by what came before it");
    }
    let hindsight = twice && !args.causal;
    let mut sink = Writer::new(&mut out).at_once(args.line_buffered && !hindsight);
    let (way, mut hidden) = ((Options::default(), args.causal, "annotating"), 0);
    let charted = passes::chart(global, session, &mut job, way, &encoder, &mut sink, |knowledge, _, _| {
        hidden += knowledge.dropped_messages();
    });
    let Passes { code, outcome, learning } = charted?;
    if hindsight && hidden > 0 && !global.quiet {
        message::note(format_args!(
            "DNS messages in fragments that are not shown, too many to keep: {hidden}"
        ));
    }
    if is_long_for_a_look(learning, job.count) && !global.quiet {
        message::note("all packets were learned first; --causal names these by what came before, at once");
    }
    if twice && outcome.stopped && out.is_file() {
        message::error("interrupted: the output file was not written");
        return Err(End::Said(exit::OUTPUT));
    }
    if !outcome.delivered {
        out.abandon()?;
        return Ok(code);
    }
    if global.verbose {
        message::note("why a packet got its name: `portolan explain FILE --packet NUMBER`");
    }
    let mut damaged = outcome.errors.iter().filter_map(capture::Error::file);
    match damaged.find(|input| out.replaces(input)) {
        Some(input) => keep(input, args),
        None => out.finish()?,
    }
    Ok(code)
}

/// Whether learning took long for the few packets that were asked for.
fn is_long_for_a_look(learning: Duration, count: Option<u64>) -> bool {
    learning > Duration::from_secs(2) && count.is_some_and(|count| count < 1000)
}

/// Says why a damaged input is not replaced by what could be read of it.
fn keep(input: &Path, args: &Annotate) {
    let mut name = input.file_stem().unwrap_or_default().to_owned();
    name.push("-annotated.");
    name.push(match args.format.unwrap_or(RecordFormat::Pcapng) {
        RecordFormat::Text => "txt",
        RecordFormat::Json => "json",
        RecordFormat::Csv => "csv",
        RecordFormat::Pcapng => "pcapng",
    });
    let (input, other) = (input.display(), input.with_file_name(name));
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
    fn a_quick_look_is_offered_where_learning_takes_long_for_few_packets() {
        let long = |seconds, count| is_long_for_a_look(Duration::from_millis(seconds), count);
        assert!(long(2001, Some(1)) && long(60_000, Some(999)));
        assert!(!long(2000, Some(1)) && !long(60_000, Some(1000)) && !long(60_000, None));
    }
}
