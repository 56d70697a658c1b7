//! The `registry` command, and the registry of a run.

use std::io::Write;

use portolan::{
    registry::{self, Registry},
    report::registry as report,
};

use super::{End, args, exit, output};
use crate::cli::message;

/// The registry in use, with the user's layers.
pub(crate) fn load(global: &args::Global) -> Result<Registry, End> {
    let (mut registry, damaged) = Registry::current();
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

pub(crate) fn run(global: &args::Global, command: &args::Registry) -> Result<u8, End> {
    let mut out = output::Output::new(None)?;
    let width = output::width();
    let mut code = exit::GOOD;
    match command {
        args::Registry::Lookup { queries, format } => {
            let unknown = report::lookup(&load(global)?, queries, (*format).into(), width, &mut out)?;
            for query in unknown {
                message::error(format_args!("`{query}` is no port, service name or service type"));
                code = exit::USAGE;
            }
        }
        args::Registry::Search { text, format } => {
            let found = report::search(&load(global)?, text, (*format).into(), width, &mut out)?;
            if found == 0 && !global.quiet {
                message::note(format_args!("nothing mentions `{text}`"));
            }
        }
        args::Registry::Info { format } => {
            report::overview(&load(global)?, (*format).into(), width, &mut out)?;
        }
        args::Registry::Import { file } => {
            let Some(target) = registry::stored_file() else {
                message::error("neither XDG_DATA_HOME nor HOME says where to keep the registry");
                return Err(End::Said(exit::OUTPUT));
            };
            let imported = Registry::import(file, &target).map_err(said)?;
            let (rows, updated, target) = (imported.len(), imported.updated(), target.display());
            writeln!(out, "{rows} records of {updated} are kept in {target} and used from now on")?;
        }
        args::Registry::Export { format } => report::export(&load(global)?, (*format).into(), &mut out)?,
        args::Registry::Diff { old, new, format } => {
            let (old, new) = (Registry::read(old).map_err(said)?, Registry::read(new).map_err(said)?);
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
