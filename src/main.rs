//! The `portolan` command: arguments in, exit code out.

mod cli;

use std::{panic, process::ExitCode};

fn main() -> ExitCode {
    match panic::catch_unwind(cli::main) {
        Ok(code) => ExitCode::from(code),
        Err(_) => {
            cli::message::error(
                "internal error: please report it with the command and, if you can, the capture",
            );
            ExitCode::from(cli::exit::INTERNAL)
        }
    }
}
