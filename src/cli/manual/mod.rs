//! `help`, `man` and `completions`: what is said of the command line, from the one definition of it.

mod page;
mod topics;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory as _, ValueEnum, builder::Resettable};
use clap_complete::{Shell, generate};
use clap_mangen::{Man as Manual, roff::Roff};
use page::{Page, verbatim};
use topics::TOPICS;

use super::{
    End,
    args::{Cli, Global},
    exit, message,
    output::{self, Output},
};

#[derive(Args, Debug)]
pub(crate) struct Help {
    /// A command, with its own command where it has some; or a topic.
    #[arg(value_name = "COMMAND|TOPIC")]
    words: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Man {
    /// A command, with its own command where it has some; or a topic.
    #[arg(value_name = "COMMAND|TOPIC")]
    words: Vec<String>,
    /// Write all pages below this folder, as man(1) looks for them: into `man1` and `man7`.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["words", "output"], help_heading = "Output")]
    out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: For,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum For {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
}

/// Columns of a page where there is no terminal to ask, and the most it takes of a wide one.
const WIDTHS: (u16, u16) = (80, 100);

pub(crate) fn completions(global: &Global, args: &Completions) -> Result<u8, End> {
    let shell = match args.shell {
        For::Bash => Shell::Bash,
        For::Zsh => Shell::Zsh,
        For::Fish => Shell::Fish,
        For::PowerShell => Shell::PowerShell,
    };
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "portolan", &mut text);
    write(global, &text)
}

pub(crate) fn help(global: &Global, args: &Help) -> Result<u8, End> {
    let root = root();
    let text = match find(&root, &args.words)? {
        Found::Command(command) => {
            let text = command.clone().render_long_help();
            if global.wants_color() { text.ansi().to_string() } else { text.to_string() }
        }
        Found::Topic(topic) => {
            let width = output::width(global).unwrap_or(WIDTHS.0).min(WIDTHS.1);
            Page::new(&topics::page(topic, &root).unwrap_or_default()).text(width.into())
        }
    };
    write(global, text.as_bytes())
}

pub(crate) fn man(global: &Global, args: &Man) -> Result<u8, End> {
    let root = root();
    let Some(folder) = &args.out else {
        let text = match find(&root, &args.words)? {
            Found::Command(command) => command_page(command)?,
            Found::Topic(topic) => topic_page(topic, &root),
        };
        return write(global, &text);
    };
    write_commands(&root, &section(folder, "man1")?)?;
    let topics = section(folder, "man7")?;
    for topic in TOPICS {
        write_file(&topics.join(format!("portolan-{topic}.7")), &topic_page(topic, &root))?;
    }
    Ok(exit::GOOD)
}

/// The command line, with the names of all commands worked out.
fn root() -> Command {
    let mut root = Cli::command();
    root.build();
    root
}

enum Found<'c> {
    Command(&'c Command),
    Topic(&'static str),
}

/// What words name: a command by its path, or a topic.
fn find<'c>(root: &'c Command, words: &[String]) -> Result<Found<'c>, End> {
    if let [word] = words
        && let Some(topic) = TOPICS.iter().find(|topic| *topic == word)
    {
        return Ok(Found::Topic(topic));
    }
    let mut command = root;
    for word in words {
        command = command.find_subcommand(word).ok_or_else(|| {
            message::error(format_args!("`{}` is neither a command nor a topic", words.join(" ")));
            message::line(
                "hint: ",
                format_args!("topics: {}; `portolan help` lists commands", TOPICS.join(", ")),
            );
            End::Said(exit::USAGE)
        })?;
    }
    Ok(Found::Command(command))
}

fn write(global: &Global, text: &[u8]) -> Result<u8, End> {
    let mut out = output::open(global, [])?;
    out.write_all(text)?;
    out.finish()?;
    Ok(exit::GOOD)
}

/// The folder of a section of the manual, which is made where it is not there.
fn section(folder: &Path, name: &str) -> Result<PathBuf, End> {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
    Ok(folder)
}

fn write_file(path: &Path, text: &[u8]) -> Result<(), End> {
    let mut out = Output::new(Some(path))?;
    out.write_all(text)?;
    Ok(out.finish()?)
}

/// Writes the pages of a command and of its own commands.
fn write_commands(command: &Command, folder: &Path) -> Result<(), End> {
    write_file(&folder.join(format!("{}.1", page_name(command))), &command_page(command)?)?;
    let inner = command
        .get_subcommands()
        .filter(|inner| command.get_name() == "portolan" || inner.get_name() != "help");
    inner.into_iter().try_for_each(|inner| write_commands(inner, folder))
}

fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn source() -> String {
    format!("portolan {}", env!("CARGO_PKG_VERSION"))
}

/// The page of a command, its examples and exit codes in sections of their own.
fn command_page(command: &Command) -> io::Result<Vec<u8>> {
    let name = page_name(command);
    let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    // The version names the date of the registry, too, for which there is no room in the foot of a page.
    let manual = Manual::new(command.clone().after_help(Resettable::Reset).version(Resettable::Reset));
    let manual = manual.title(name.to_uppercase()).section("1").source(source()).manual("portolan");
    let mut page = Vec::new();
    manual.render(&mut page)?;
    let mut roff = Roff::new();
    for part in more.split("\n\n") {
        let (heading, lines) = match part.split_once('\n') {
            Some(("Examples:", lines)) => ("EXAMPLES", lines),
            Some(("Exit codes:", lines)) => ("EXIT STATUS", lines),
            _ => ("NOTES", part),
        };
        if !part.is_empty() {
            roff.control("SH", [heading]);
            verbatim(&mut roff, lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)));
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    let topics = TOPICS.map(|topic| format!("portolan-{topic}(7)")).join(", ");
    let root = if name == "portolan" { "" } else { "portolan(1), " };
    roff.text([clap_mangen::roff::roman(format!("{root}{topics}"))]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn topic_page(topic: &str, root: &Command) -> Vec<u8> {
    let markdown = topics::page(topic, root).unwrap_or_default();
    Page::new(&markdown).roff(&format!("portolan-{topic}"), &source()).into_bytes()
}
