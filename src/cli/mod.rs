//! From the command line to the exit code. One file a command, with its arguments beside its run.

mod annotate;
mod args;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
mod calls;
mod columns;
mod config;
mod diff;
mod discover;
mod exit;
mod explain;
mod extcap;
mod flows;
mod hosts;
mod input;
mod interfaces;
mod knowledge;
mod manual;
pub(crate) mod message;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "no_metrics.rs"]
mod metrics;
mod output;
mod page;
mod pager;
mod passes;
mod places;
mod privileges;
mod registry;
mod report;
mod ring;
mod select;
mod settings;
mod signals;
mod summary;
mod target;
mod top;
#[cfg(feature = "update")]
mod update;
mod usage;
mod watch;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    ffi::OsString,
    io::{self, Write as _},
    mem::ManuallyDrop,
    panic, process,
    sync::OnceLock,
};

use args::{Cli, Command};
use clap::error::ErrorKind;
use portolan::capture;
pub use settings::check_configuration;

/// The words of the command line, for those that show it.
static ARGUMENTS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Runs the command with these words, the first of which is its name, and returns its exit code. Meant for once in a
/// process: it listens to signals, and leaves to the system to take back most of its memory.
pub fn main(arguments: Vec<OsString>) -> u8 {
    let arguments = ARGUMENTS.get_or_init(|| arguments);
    report_panics();
    signals::outlive_large_files();
    parse_and_run(arguments)
}

/// Has a panic, which is a bug, end the process: whichever thread it is in, and without half a file left behind.
fn report_panics() {
    panic::set_hook(Box::new(|what| {
        top::leave();
        output::discard();
        message::release();
        // What it says may hold text from the wire, which messages make harmless.
        let said = what.payload_as_str().unwrap_or("no reason given");
        let place = what.location().map_or_else(String::new, |place| format!(" ({place})"));
        message::error(format_args!("internal error: {said}{place}"));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            message::block(trace.to_string().as_bytes());
        }
        message::note("please report it with the command and, if you can, the capture");
        #[allow(clippy::exit, reason = "nothing that is at hand can be relied on")]
        process::exit(exit::INTERNAL.into());
    }));
}

/// Parses the arguments, runs, and says how it went.
fn parse_and_run(arguments: &[OsString]) -> u8 {
    let (cli, arguments) = match usage::parse(arguments) {
        Ok(parsed) => parsed,
        Err(error)
            if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand =>
        {
            usage::tell(&error, arguments);
            return exit::USAGE;
        }
        Err(error) => {
            let printed = error.print().and_then(|()| io::stdout().flush());
            return match printed {
                _ if error.use_stderr() => exit::USAGE,
                Err(failed) if failed.kind() != io::ErrorKind::BrokenPipe => {
                    message::error(format_args!("cannot write: {failed}"));
                    exit::OUTPUT
                }
                _ => exit::GOOD,
            };
        }
    };
    match settings::over(cli, &arguments).and_then(|cli| run(&cli)) {
        Ok(code) => code,
        Err(End::Said(code)) => code,
        // Whoever reads our output has read enough.
        Err(End::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => exit::GOOD,
        Err(End::Output(error)) => {
            message::error(format_args!("cannot write: {error}"));
            exit::OUTPUT
        }
    }
}

/// Why a run ended without a result.
pub(crate) enum End {
    /// The reason was printed; this is the exit code.
    Said(u8),
    /// The output failed.
    Output(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<capture::Error> for End {
    fn from(error: capture::Error) -> Self {
        message::error(&error);
        Self::Said(exit::of(&error))
    }
}

fn run(cli: &Cli) -> Result<u8, End> {
    match &cli.command {
        Command::Annotate(args) => annotate::run(&cli.global, args),
        Command::Summary(args) => summary::run(&cli.global, args),
        Command::Flows(args) => flows::run(&cli.global, args),
        Command::Hosts(args) => hosts::run(&cli.global, args),
        Command::Discover(args) => discover::run(&cli.global, args),
        Command::Diff(args) => diff::run(&cli.global, args),
        Command::Top(args) => top::run(&cli.global, args),
        Command::Explain(args) => explain::run(&cli.global, args),
        Command::Learn(args) => knowledge::learn(&cli.global, args),
        Command::Merge(args) => knowledge::merge(&cli.global, args),
        Command::Registry(args) => registry::run(&cli.global, args),
        Command::Extcap(args) => extcap::run(&cli.global, args),
        Command::Interfaces(args) => interfaces::run(&cli.global, args),
        Command::Config(args) => config::run(&cli.global, args),
        Command::Completions(args) => manual::completions(&cli.global, args),
        Command::Man(args) => manual::man(&cli.global, args),
        Command::Help(args) => manual::help(&cli.global, args),
    }
}

/// Keeps what a command worked out to the end of the process, which comes next: the system takes all memory back at
/// once, while freeing a large capture's piece by piece takes up to a tenth of the run.
fn kept<T>(value: T) -> ManuallyDrop<T> {
    ManuallyDrop::new(value)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, io::Write as _, path::Path, process::Command, thread};

    use super::{exit, output::Output, report_panics};

    /// What tells this test that it is the process that is to panic, and in which folder.
    const FOLDER: &str = "PORTOLAN_TEST_PANIC";

    /// The test calls itself: the other process has begun a file over one that is there, and a thread of it panics.
    #[test]
    fn a_panic_in_any_thread_ends_with_its_code_and_touches_no_file() {
        if let Some(folder) = env::var_os(FOLDER) {
            report_panics();
            let mut output = Output::to_file(&Path::new(&folder).join("report.txt")).unwrap();
            output.write_all(&[b'x'; 1 << 17]).unwrap();
            assert_eq!(fs::read_dir(folder).unwrap().count(), 2, "half a report lies beside the old one");
            let _ = thread::spawn(|| panic!("worked out \x1b[31m wrongly")).join();
            unreachable!("the process has ended");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("report.txt"), "yesterday's").unwrap();
        let name = "cli::tests::a_panic_in_any_thread_ends_with_its_code_and_touches_no_file";
        let other = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--nocapture", name])
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&other.stderr);
        assert_eq!(other.status.code(), Some(exit::INTERNAL.into()), "{said}");
        assert!(
            said.contains("portolan: internal error: worked out ") && said.contains("src/cli/mod.rs"),
            "{said}"
        );
        assert!(said.contains("please report it") && !said.contains('\x1b'), "{said}");
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["report.txt"]);
        assert_eq!(fs::read_to_string(folder.path().join("report.txt")).unwrap(), "yesterday's");
    }
}
