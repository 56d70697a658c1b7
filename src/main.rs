//! The `portolan` command: arguments in, exit code out.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    ExitCode::from(portolan::cli::main(env::args_os().collect()))
}
