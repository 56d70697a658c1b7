//! `flows`: one record per flow.

use clap::{Args, ValueEnum};
use portolan::{
    Answers,
    knowledge::Options,
    report::flows::{self, Form},
};

use super::{
    End,
    args::{Global, Time},
    input::{Input, Session},
    kept,
    output::Output,
    tell_losses,
};

#[derive(Args, Debug)]
pub(crate) struct Flows {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Form of the records.
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) format: FlowFormat,
    /// How text shows times.
    #[arg(long, value_name = "STYLE", default_value = "utc", help_heading = "Output")]
    pub(crate) time: Time,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FlowFormat {
    /// A line per flow, for people.
    Text,
    /// A JSON object per line.
    Json,
    /// A CSV row each.
    Csv,
}

pub(crate) fn run(global: &Global, args: &Flows) -> Result<u8, End> {
    let session = Session::new(global, &args.input)?;
    let mut job = session.job()?;
    let watch = session.watch("learning");
    let options = Options { flows: true, ..Options::default() };
    let (knowledge, outcome) = job.learn(options, &watch).map_err(|failure| watch.end(failure))?;
    let code = watch.code(&outcome)?;
    let knowledge = kept(knowledge);
    let answers = kept(Answers::of(&knowledge, &session.registry, false, job.threads));
    let form = match args.format {
        FlowFormat::Text => Form::Text(args.time.into()),
        FlowFormat::Json => Form::Json,
        FlowFormat::Csv => Form::Csv,
    };
    let mut out = Output::new(None)?;
    flows::write(&knowledge, &answers, form, &mut out)?;
    out.finish()?;
    tell_losses(global, &knowledge);
    Ok(code)
}
