//! The program that shows long output on a terminal a screen at a time.

use std::{
    env,
    io::{self, Write},
    mem,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use super::{args::Global, message};

/// What shows pages where nobody says otherwise: it ends where all fits a screen, passes colours on, and leaves on the screen what was read.
const DEFAULT: &str = "less -FRX";

/// Most octets that are held back until it is known whether they fit the screen.
const HELD: usize = 1 << 18;

/// Octets that are kept for a program which fails: more than a pipe holds, so that one that has taken more has read some.
const KEPT: usize = 1 << 20;

/// Whether such a program has the terminal.
static HAS_TERMINAL: AtomicBool = AtomicBool::new(false);

/// Whether such a program has the terminal: it minds the keys then, and nobody draws beside it.
pub(crate) fn has_terminal() -> bool {
    HAS_TERMINAL.load(Ordering::Relaxed)
}

/// Standard output on a terminal: as it is while it fits the screen, through a program that pages it when it is longer.
pub(crate) struct Pager {
    command: String,
    /// Columns and rows of the screen.
    screen: (usize, usize),
    state: State,
}

enum State {
    /// What has come so far, which fits the screen up to now.
    Fits(Fitting),
    /// The program has it.
    Paged {
        child: Child,
        /// What it was given, up to [`KEPT`]; nothing where it was given more.
        kept: Option<Vec<u8>>,
    },
    /// There is no such program, or it has failed.
    Plain,
}

/// Octets on a screen.
#[derive(Default)]
struct Fitting {
    octets: Vec<u8>,
    /// Lines of the screen above the one at hand.
    rows: usize,
    /// Columns of the line at hand.
    column: usize,
    /// Whether an escape sequence is under way.
    is_escape: bool,
}

impl Fitting {
    /// Takes octets, and tells whether they leave room on the screen for what the shell says next.
    fn take(&mut self, octets: &[u8], (columns, rows): (usize, usize)) -> bool {
        self.octets.extend_from_slice(octets);
        for &octet in octets {
            match octet {
                b'\n' => {
                    self.rows += 1;
                    self.column = 0;
                }
                0x1b => self.is_escape = true,
                _ if self.is_escape => self.is_escape = !octet.is_ascii_alphabetic(),
                // The octets behind the first of a character take no room of their own.
                0x80..0xc0 => {}
                _ => {
                    if self.column == columns {
                        self.rows += 1;
                        self.column = 0;
                    }
                    self.column += 1;
                }
            }
        }
        self.rows < rows && self.octets.len() < HELD
    }
}

impl Pager {
    /// What pages standard output, if that is a terminal and paging is wanted: by `--pager`, `PORTOLAN_PAGER`, `PAGER`, or less.
    pub(crate) fn new(global: &Global) -> Option<Self> {
        let (width, height) = terminal_size::terminal_size_of(io::stdout())?;
        // Settings are not asked for all commands.
        let variable = |name: &str| env::var(name).ok();
        let own = || variable("PORTOLAN_PAGER").filter(|command| !command.is_empty());
        let command = global.pager.clone().or_else(own).or_else(|| variable("PAGER"));
        let command = command.unwrap_or_else(|| DEFAULT.to_owned());
        let is_none = ["", "cat"].contains(&command.trim());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let screen = (usize::from(width.0).max(1), usize::from(height.0));
        let is_wanted = !is_none && !is_dumb && !global.no_pager && screen.1 > 1;
        is_wanted.then(|| Self { command, screen, state: State::Fits(Fitting::default()) })
    }

    /// Hands what was held back to the program; where it cannot be started, to the terminal.
    fn page(&mut self) -> io::Result<()> {
        let State::Fits(fitting) = mem::replace(&mut self.state, State::Plain) else { return Ok(()) };
        match start(&self.command) {
            Ok(child) => {
                HAS_TERMINAL.store(true, Ordering::Relaxed);
                message::hold();
                self.state = State::Paged { child, kept: Some(Vec::new()) };
                self.write_all(&fitting.octets)
            }
            Err(_) => io::stdout().write_all(&fitting.octets),
        }
    }

    /// Waits for the program to end. Where it failed, what it was given goes to the terminal.
    fn wait(&mut self) -> io::Result<()> {
        let State::Paged { mut child, kept } = mem::replace(&mut self.state, State::Plain) else {
            return Ok(());
        };
        drop(child.stdin.take());
        let ended = child.wait();
        HAS_TERMINAL.store(false, Ordering::Relaxed);
        message::release();
        match kept.filter(|_| !ended.is_ok_and(|status| status.success())) {
            Some(kept) => io::stdout().write_all(&kept),
            None => Ok(()),
        }
    }

    /// Shows what is left, and waits until the reader has seen enough.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.show()
    }

    fn show(&mut self) -> io::Result<()> {
        match mem::replace(&mut self.state, State::Plain) {
            State::Fits(fitting) => io::stdout().write_all(&fitting.octets)?,
            state => self.state = state,
        }
        self.wait()?;
        io::stdout().flush()
    }
}

impl Write for Pager {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Fits(fitting) => {
                if !fitting.take(octets, self.screen) {
                    self.page()?;
                }
                Ok(octets.len())
            }
            State::Plain => io::stdout().write(octets),
            State::Paged { child, kept } => {
                if let Some(octets_kept) = kept {
                    octets_kept.extend_from_slice(octets);
                    if octets_kept.len() > KEPT {
                        *kept = None;
                    }
                }
                let written = child
                    .stdin
                    .as_mut()
                    .map_or(Ok(octets.len()), |stdin| stdin.write_all(octets).map(|()| octets.len()));
                if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
                    let is_kept = kept.is_some();
                    let ended = child.wait()?;
                    self.wait()?;
                    // One that failed was no reader: what comes goes on to the terminal.
                    return if is_kept && !ended.success() { Ok(octets.len()) } else { written };
                }
                written
            }
        }
    }

    /// What is held back stays so.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Plain => io::stdout().flush(),
            _ => Ok(()),
        }
    }
}

impl Drop for Pager {
    /// Whatever the run ends with, what came is shown, and the program waited for, as it has the terminal.
    fn drop(&mut self) {
        let _ = self.show();
    }
}

/// Starts the program; by the shell where its words are more than words.
fn start(command: &str) -> io::Result<Child> {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b" -_./+:,=@%".contains(&octet);
    let mut program = if command.bytes().all(is_plain) && !command.contains('=') {
        let mut words = command.split_ascii_whitespace();
        let mut program = Command::new(words.next().unwrap_or_default());
        program.args(words);
        program
    } else {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]);
        shell
    };
    // As git has it: what fits the screen needs no key, colours pass, and the screen is left as it is.
    for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if env::var_os(name).is_none() {
            program.env(name, value);
        }
    }
    program.stdin(Stdio::piped()).spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_a_screen_leaves_a_row_for_the_prompt() {
        let fits = |text: &str, screen| Fitting::default().take(text.as_bytes(), screen);
        assert!(fits("one\ntwo\n", (80, 3)) && !fits("one\ntwo\nthree\n", (80, 3)));
        // Four characters, and a line of ten columns takes two rows of eight.
        assert!(fits("éééé\n", (4, 2)) && !fits("ééééé\n", (4, 2)));
        assert!(fits("0123456789\n", (8, 3)) && !fits("0123456789\n\n", (8, 3)));
        // Colours take no room.
        assert!(fits("\u{1b}[31mred!\u{1b}[0m\n", (4, 2)));
        // A line that no screen is meant for is not held back for good.
        assert!(!fits(&"x".repeat(HELD), (HELD * 2, 100)));
    }

    #[test]
    fn a_program_that_is_not_there_is_found_out_at_once() {
        assert!(start("portolan-has-no-such-pager -x").is_err());
    }
}
