//! The `registry` command, and the registry of a run.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use clap::Subcommand;
use portolan::{
    registry::{self, Registry as Records},
    report::registry as report,
    text::time::duration,
};

#[cfg(feature = "update")]
use super::update::run as update;

use super::{
    End,
    args::{Global, ReportFormat},
    exit, message, output,
};

/// Where IANA publishes the registry.
const IANA: &str =
    "https://www.iana.org/assignments/service-names-port-numbers/service-names-port-numbers.csv";

/// Queries and care of the registry.
#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
    /// Look up ports and names: `443/tcp`, `443`, `https`, `_ipp._tcp`.
    #[command(after_help = "Examples:
  portolan registry lookup 443/tcp https
  portolan registry lookup _ipp._tcp --format json

Exits with 1 where something is not found.")]
    Lookup {
        /// Ports (`443/tcp`, `443`), service names (`https`) or DNS-SD types (`_ipp._tcp`).
        #[arg(value_name = "WHAT", required = true)]
        queries: Vec<String>,
        /// Form of the answer.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ReportFormat,
    },
    /// Find registrations by a word in their name, description or notes.
    #[command(after_help = "Examples:
  portolan registry search printer
  portolan registry search 'hypertext' --format csv

Exits with 1 where nothing is found.")]
    Search {
        /// The word.
        #[arg(value_name = "TEXT")]
        text: String,
        /// Form of the answer.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ReportFormat,
    },
    /// Show the registry's date, source and size.
    #[command(after_help = "Examples:
  portolan registry info")]
    Info {
        /// Form of the answer.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ReportFormat,
    },
    /// Use the registry in this file from now on: IANA's CSV, XML or plain text.
    #[command(after_help = "Examples:
  portolan registry import service-names-port-numbers.csv")]
    Import {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Fetch IANA's current registry, check it, and use it from now on.
    #[command(after_help = "Examples:
  portolan registry update
  portolan registry update --from https://mirror.example/service-names-port-numbers.csv

Nothing is replaced unless all of a sound, newer registry came. `portolan registry info` tells which one is in use, and how old it is; \
without a network, `portolan registry import FILE` takes a copy that came another way.")]
    Update {
        /// Where to fetch IANA's CSV from.
        #[arg(long, value_name = "URL", default_value = IANA)]
        from: String,
        /// How long it may take.
        #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
        timeout: Duration,
    },
    /// Write the registry in use, as CSV or JSON.
    #[command(after_help = "Examples:
  portolan registry export > registry.csv
  portolan registry export --format json")]
    Export {
        /// Form of the output.
        #[arg(long, value_name = "FORMAT", default_value = "csv")]
        format: ReportFormat,
    },
    /// Show what changed from one registry file to another; exits with 1 if anything did.
    #[command(after_help = "Examples:
  portolan registry diff old.csv new.csv
  portolan registry diff old.csv new.csv --format json")]
    Diff {
        /// The older file.
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The newer file.
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// Form of the answer.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ReportFormat,
    },
}

/// The registry in use, with the user's layers.
pub(crate) fn load(global: &Global) -> Result<Records, End> {
    let (mut registry, damaged) = Records::current();
    if let Some(error) = damaged {
        message::error(format_args!(
            "{error}; using the built-in registry (`portolan registry import` replaces the file)"
        ));
    }
    for file in &global.registry {
        registry.add_layer(file).map_err(said)?;
    }
    Ok(registry)
}

fn said(error: registry::Error) -> End {
    message::error(&error);
    End::Said(exit::INPUT)
}

#[cfg(not(feature = "update"))]
fn update(_global: &Global, _from: &str, _within: Duration) -> Result<u8, End> {
    message::error("registry update: this build was made without the feature `update`");
    Err(End::Said(exit::USAGE))
}

pub(crate) fn run(global: &Global, command: &Registry) -> Result<u8, End> {
    if let Registry::Update { from, timeout } = command {
        return update(global, from, *timeout);
    }
    let read: &[&PathBuf] = match command {
        Registry::Import { file } => &[file],
        Registry::Diff { old, new, .. } => &[old, new],
        _ => &[],
    };
    let mut out = output::open(global, read.iter().copied())?;
    let width = output::width(global);
    let mut code = exit::GOOD;
    match command {
        Registry::Lookup { queries, format } => {
            let unknown = report::lookup(&load(global)?, queries, (*format).into(), width, &mut out)?;
            for query in unknown {
                message::error(format_args!("`{query}` is no port, service name or service type"));
                code = exit::DIFFERENT;
            }
        }
        Registry::Search { text, format } => {
            let found = report::search(&load(global)?, text, (*format).into(), width, &mut out)?;
            if found == 0 {
                code = exit::DIFFERENT;
                if !global.quiet {
                    message::note(format_args!("nothing mentions `{text}`"));
                }
            }
        }
        Registry::Info { format } => {
            report::overview(&load(global)?, (*format).into(), width, &mut out)?;
        }
        Registry::Import { file } => {
            let Some(target) = registry::stored_file() else {
                message::error("neither XDG_DATA_HOME nor HOME says where to keep the registry");
                return Err(End::Said(exit::OUTPUT));
            };
            let imported = Records::import(file, &target).map_err(|error| match error {
                // What is imported could be read, but not kept.
                registry::Error::Io { file: failed, cause } if failed == target && *file != target => {
                    End::Output(io::Error::new(cause.kind(), format!("{}: {cause}", failed.display())))
                }
                error => said(error),
            })?;
            let (rows, updated, target) = (imported.len(), imported.updated(), target.display());
            writeln!(out, "{rows} records of {updated} are kept in {target} and used from now on")?;
        }
        Registry::Update { .. } => {}
        Registry::Export { format } => report::export(&load(global)?, (*format).into(), &mut out)?,
        Registry::Diff { old, new, format } => {
            let (old, new) = (Records::read(old).map_err(said)?, Records::read(new).map_err(said)?);
            let differences = report::diff(&old, &new);
            report::write_diff(&old, &new, &differences, (*format).into(), width, &mut out)?;
            if !differences.is_empty() {
                code = exit::DIFFERENT;
            }
        }
    }
    out.finish()?;
    Ok(code)
}
