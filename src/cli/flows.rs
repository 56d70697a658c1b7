//! `flows`: one record per flow.

use clap::{Args, ValueEnum};
use portolan::report::{Format, flows::FlowList};

use super::{
    End,
    args::{Global, Time},
    input::{Input, Session},
    report,
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

impl From<FlowFormat> for Format {
    fn from(format: FlowFormat) -> Self {
        match format {
            FlowFormat::Text => Self::Table,
            FlowFormat::Json => Self::Json,
            FlowFormat::Csv => Self::Csv,
        }
    }
}

pub(crate) fn run(global: &Global, args: &Flows) -> Result<u8, End> {
    let session = Session::new(global, &args.input)?;
    let list = FlowList { times: args.time.into() };
    report::write(global, &session, &mut session.job()?, args.format.into(), list, |_, _| {})
}
