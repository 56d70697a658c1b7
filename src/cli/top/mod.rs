//! `top`: an interface, or a file as it happened, in the terminal.

#[cfg(feature = "tui")]
mod app;
#[cfg(feature = "tui")]
mod columns;
#[cfg(feature = "tui")]
mod draw;
#[cfg(feature = "tui")]
mod export;
#[cfg(feature = "tui")]
mod history;
#[cfg(feature = "tui")]
mod narrow;
#[cfg(feature = "tui")]
mod screen;
#[cfg(feature = "tui")]
mod teller;
#[cfg(test)]
#[cfg(feature = "tui")]
mod tests;

use std::path::PathBuf;

use clap::Args;

#[cfg(feature = "tui")]
pub(crate) use screen::leave;

use super::{End, args::Global, exit, input::Input, message, select::Where};

#[derive(Args, Debug)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) rows: Where,
    /// Replay a file so many times faster than it happened: `10`, `0.5`; 0 is as fast as it can be read.
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        value_parser = speed,
        conflicts_with = "interface",
        help_heading = "Output"
    )]
    pub(crate) speed: f64,
    /// The folder for rows that are exported by x and X; the current one by default.
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = ".",
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub(crate) export: PathBuf,
}

/// Reads a speed.
fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (0.0..=1e6).contains(speed));
    speed.ok_or_else(|| "it takes a number from 0 to 1000000".to_owned())
}

/// There is no screen to leave.
#[cfg(not(feature = "tui"))]
pub(crate) fn leave() {}

#[cfg(not(feature = "tui"))]
pub(crate) fn run(_global: &Global, args: &Top) -> Result<u8, End> {
    let Top { input: _, rows: _, speed: _, export: _ } = args;
    message::error("top: this build was made without the feature `tui`");
    Err(End::Said(exit::USAGE))
}

#[cfg(feature = "tui")]
pub(crate) fn run(global: &Global, args: &Top) -> Result<u8, End> {
    use std::{io::IsTerminal as _, sync::Arc};

    use portolan::{
        capture::{self, Clock, Replay},
        pipeline::Inputs,
    };

    use super::input::Session;

    if global.output.is_some() {
        message::error("top draws on the terminal: -o is for what is written, as by `portolan summary`");
        return Err(End::Said(exit::USAGE));
    }
    if !std::io::stdout().is_terminal() {
        message::error("standard output is no terminal to draw on: `portolan summary` writes the same rows");
        return Err(End::Said(exit::USAGE));
    }
    if !args.export.is_dir() {
        message::error(format_args!("--export: {} is no folder", args.export.display()));
        return Err(End::Said(exit::OUTPUT));
    }
    let wanted = args.rows.packets()?;
    let session = Session::new(global, &args.input)?;
    session.writes(&args.export, false);
    let (mut job, backlog) = session.job_read_beside()?;
    job.wanted = wanted;
    let (mut clock, mut name) = (None, job.inputs.names().join(" "));
    if let Inputs::Files(files) = &job.inputs {
        let [file] = files.as_slice() else {
            message::error("top replays one file; `portolan summary` adds up several");
            return Err(End::Said(exit::USAGE));
        };
        let file = capture::open_within(file, &job.limits)?;
        // What comes through a pipe comes when it does.
        let speed = if file.size().is_some() { args.speed } else { 0.0 };
        name = match file.path().file_name() {
            Some(name) if name == "-" => "standard input".to_owned(),
            Some(name) => name.to_string_lossy().into_owned(),
            None => name,
        };
        let replayed = Arc::new(Clock::new(speed));
        job.inputs = Inputs::Live(Box::new(Replay::new(file, Arc::clone(&replayed))));
        clock = Some(replayed);
    }
    if job.selects() {
        name += " · chosen packets";
    }
    let code = screen::show(global, job, &name, clock, (backlog, session.metrics(), args.export.clone()))?;
    Ok(exit::worse(session.code.get(), code))
}
