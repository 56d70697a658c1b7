//! `hosts`: one record per host.

use std::path::PathBuf;

use clap::Args;
use portolan::{
    hosts::Oui,
    report::hosts::{COLUMNS, HostList, HostsOptions, schema},
    select::numbers,
};

use super::{
    End,
    args::{Global, RowFormat, Times},
    columns::Form,
    exit,
    input::{Input, Session},
    message, output, report,
    select::{Rows, Where},
};

#[derive(Args, Debug)]
pub(crate) struct Hosts {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) chosen: Where,
    #[command(flatten)]
    pub(crate) rows: Rows,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: RowFormat,
    #[command(flatten)]
    pub(crate) times: Times,
    /// Tell who made network adapters by this file: IEEE's registry of MAC prefixes as CSV.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) oui: Option<PathBuf>,
}

pub(crate) fn run(global: &Global, args: &Hosts) -> Result<u8, End> {
    let form = Form::from(args.format);
    form.check()?;
    args.input.refuse_selection("hosts", "what hosts are")?;
    let oui = args.oui.as_deref().map(Oui::read).transpose().map_err(|error| {
        message::error(error);
        End::Said(exit::INPUT)
    })?;
    let choice = args.rows.choice(&args.chosen, &schema(), |names| numbers(names, &COLUMNS))?;
    let session = Session::new(global, &args.input)?;
    session.refuse_base("hosts")?;
    let mut job = session.job()?;
    output::refuse(global, &args.oui)?;
    let options = HostsOptions {
        numeric: args.input.is_numeric(),
        oui,
        choice,
        width: output::width(global),
        times: args.times.moments(global),
        rounded: output::rounds(global),
    };
    report::write(global, &session, &mut job, form, HostList::new(options), |_, _| {})
}
