//! What is said of a command line that cannot be followed: one sentence in our own words, and a hint.

use std::{error::Error as _, ffi::OsString, path::Path};

use clap::{
    Command, CommandFactory as _, Parser as _,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use super::{args::Cli, message};

/// Parses a command line, and returns it in the form that was parsed. A capture file in place of a command is to be summed up.
pub(crate) fn parse(arguments: &[OsString]) -> Result<(Cli, Vec<OsString>), Error> {
    let error = match Cli::try_parse_from(arguments) {
        Err(error) if error.kind() == ErrorKind::InvalidSubcommand => error,
        result => return result.map(|cli| (cli, arguments.to_vec())),
    };
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return Err(error);
    };
    let at = arguments.iter().skip(1).position(|argument| argument.to_string_lossy() == *word);
    let Some(at) = at.map(|at| at + 1) else { return Err(error) };
    // A command and its own commands are given before any file.
    let is_after_command = arguments.iter().take(at).skip(1).any(|argument| {
        Cli::command().get_subcommands().any(|command| argument.to_str() == Some(command.get_name()))
    });
    if is_after_command || !is_file(Path::new(&arguments[at])) {
        return Err(error);
    }
    let mut arguments = arguments.to_vec();
    arguments.insert(at, "summary".into());
    Ok((Cli::try_parse_from(&arguments)?, arguments))
}

/// Whether an error is about the value of an option.
pub(crate) fn is_of_value(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation)
}

/// Whether a word is meant for a file: there is one, or it looks like the name of one.
fn is_file(word: &Path) -> bool {
    let is_path = |text: &str| text == "-" || text.contains(['/', '\\', '.']);
    word.exists() || is_path(&word.to_string_lossy())
}

/// Says what is wrong with the command line.
pub(crate) fn tell(error: &Error, arguments: &[OsString]) {
    let words: Vec<_> = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let mut root = Cli::command();
    root.build();
    let (command, name) = given(&root, &words);
    message::error(sentence(error, name.as_str()));
    let hint = match error.kind() {
        ErrorKind::UnknownArgument => unknown_option(text(error, ContextKind::InvalidArg), command, &root),
        ErrorKind::InvalidSubcommand => unknown_command(text(error, ContextKind::InvalidSubcommand), command),
        _ => None,
    };
    let help = format!("`{name} --help` says how it is used");
    message::line("hint: ", hint.unwrap_or(help));
}

/// The command that was given, or its own command, and how it is called.
fn given<'c>(root: &'c Command, words: &[String]) -> (&'c Command, String) {
    let (mut command, mut name) = (root, root.get_name().to_owned());
    for word in words {
        if let Some(found) = command.get_subcommands().find(|known| known.get_name() == word) {
            command = found;
            name = format!("{name} {word}");
        }
    }
    (command, name)
}

fn text(error: &Error, kind: ContextKind) -> &str {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    }
}

/// An argument without the marks of usage: `[FILE]...` is `FILE`.
fn plain(text: &str) -> &str {
    let one = text.trim_end_matches("...");
    let pair = |first, last| one.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    pair('[', ']').or_else(|| pair('<', '>')).unwrap_or(one)
}

/// All texts of a kind, each in quotes.
fn list(error: &Error, kind: ContextKind) -> String {
    let texts = match error.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.as_slice(),
        Some(ContextValue::String(text)) => std::slice::from_ref(text),
        _ => &[],
    };
    let quoted: Vec<_> = texts.iter().map(|text| format!("`{}`", plain(text))).collect();
    quoted.join(", ")
}

/// What is wrong, in one sentence.
pub(crate) fn sentence(error: &Error, name: &str) -> String {
    let option = plain(text(error, ContextKind::InvalidArg));
    match error.kind() {
        ErrorKind::UnknownArgument if option.starts_with('-') => format!("`{name}` has no option `{option}`"),
        ErrorKind::UnknownArgument => format!("`{option}` is more than `{name}` takes"),
        ErrorKind::InvalidSubcommand => {
            let word = text(error, ContextKind::InvalidSubcommand);
            if name == "portolan" {
                format!("`{word}` is neither a command nor a file")
            } else {
                format!("`{name}` has no command `{word}`")
            }
        }
        ErrorKind::MissingSubcommand => format!("`{name}` needs a command"),
        ErrorKind::MissingRequiredArgument => {
            format!("missing: {}", list(error, ContextKind::InvalidArg))
        }
        ErrorKind::ArgumentConflict => match list(error, ContextKind::PriorArg) {
            prior if prior == format!("`{option}`") => format!("`{option}` is given more than once"),
            prior => format!("`{option}` does not go together with {prior}"),
        },
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = text(error, ContextKind::InvalidValue);
            let known = list(error, ContextKind::ValidValue);
            match error.source() {
                _ if value.is_empty() && known.is_empty() => format!("`{option}` needs a value"),
                _ if value.is_empty() => format!("`{option}` needs a value: one of {known}"),
                Some(reason) => format!("`{value}` is no value for `{option}`: {reason}"),
                None => format!("`{value}` is no value for `{option}`, which takes {known}"),
            }
        }
        _ => {
            let whole = error.render().to_string();
            let first = whole.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    }
}

/// The long options of a command.
fn longs(command: &Command) -> impl Iterator<Item = &str> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown.flat_map(|argument| argument.get_long_and_visible_aliases().unwrap_or_default())
}

fn unknown_option(option: &str, command: &Command, root: &Command) -> Option<String> {
    if let Some(way) = habit(option, command) {
        return Some(way);
    }
    let Some(word) = option.strip_prefix("--") else {
        // Options of input, typed where tools without commands have them.
        let short = option.chars().nth(1).filter(|_| option.starts_with('-'))?;
        let summary = root.get_subcommands().find(|other| other.get_name() == "summary")?;
        let has = summary.get_arguments().any(|argument| argument.get_short() == Some(short));
        let is_root = command.get_name() == root.get_name();
        return (has && is_root).then(|| {
            format!(
                "it is given behind a command: `portolan summary {option} …`, `portolan annotate {option} …`"
            )
        });
    };
    if let Some(near) = longs(command).find(|known| is_near(word, known)) {
        return Some(format!("did you mean `--{near}`?"));
    }
    let others = root.get_subcommands().filter(|other| longs(other).any(|known| known == word));
    let others: Vec<_> = others.map(|other| format!("`{}`", other.get_name())).collect();
    (!others.is_empty()).then(|| format!("an option of that name is taken by {}", others.join(", ")))
}

fn unknown_command(word: &str, command: &Command) -> Option<String> {
    let way = match word {
        "info" | "capinfos" | "stats" | "statistics" | "show" | "read" | "stat" => {
            "`portolan summary FILE` says what is in a capture, `portolan registry info` what registry is used"
        }
        "list" | "devices" | "ifaces" => "`portolan interfaces` lists what one can capture on",
        "capture" | "live" | "dump" | "sniff" => {
            "`portolan annotate -i INTERFACE` captures, with `-w FILE` into a file"
        }
        "lookup" | "search" | "import" | "export" | "port" => "`portolan registry lookup 443/tcp` and others",
        "filter" | "grep" => {
            "`portolan annotate -f FILTER FILE` shows the packets that pass a capture filter"
        }
        _ => {
            let near = command.get_subcommands().find(|known| is_near(word, known.get_name()))?;
            return Some(format!("did you mean `{}`?", near.get_name()));
        }
    };
    Some(way.to_owned())
}

/// Our way for an option that tcpdump, tshark or similar tools have, of those options that the command takes.
fn habit(option: &str, command: &Command) -> Option<String> {
    let has = |name: &str| {
        longs(command).any(|known| known == name)
            || command.get_arguments().any(|argument| argument.get_id().as_str() == name)
    };
    let first = |ways: &[(&str, &str)]| {
        ways.iter().find(|(long, _)| long.is_empty() || has(long)).map(|&(_, way)| way.to_owned())
    };
    let expression = ("where", "`--where EXPRESSION` selects by what is decoded and named");
    match option {
        "-Y" | "--display-filter" | "-R" | "--read-filter" | "--filter" => first(&[
            expression,
            ("", "there are no display filters: `-f FILTER` takes the capture filters of pcap-filter(7)"),
        ]),
        "--host" | "--ip" | "--addr" | "--address" => {
            first(&[expression, ("", "`-f 'host ADDRESS'` selects packets of a host")])
        }
        "--port" | "--service" | "--proto" | "--protocol" | "--evidence" => {
            first(&[expression, ("", "`-f 'port 53'`, `-f udp` and the like select packets")])
        }
        "--start" | "--end" | "--from" | "--to" | "--since" | "--until" | "--after" | "--before" => first(&[
            ("from", "`--from TIME --to TIME` select by time"),
            ("", "`editcap -A START -B END` cuts a stretch of time out of a capture"),
        ]),
        "-C" | "-G" | "-W" | "-b" | "-U" | "--ring-buffer" => first(&[
            ("rotate-size", "files are rotated by `--rotate-size`, `--rotate-interval` and `--rotate-files`"),
            (
                "",
                "files are not rotated; those of `tcpdump -C` or `dumpcap -b` are read together, in order of time",
            ),
        ]),
        "-z" => first(&[(
            "",
            "statistics are commands: `portolan summary --by conversation FILE`, `portolan flows FILE`",
        )]),
        "-w" | "--write" | "--out" => first(&[
            ("write", "`-w FILE` writes an annotated capture, `-o FILE` what else is printed"),
            ("", "`-o FILE` writes the output to a file"),
        ]),
        "-T" | "-F" | "-E" | "-e" => format_hint(None, command),
        "-D" | "--list-interfaces" => first(&[("", "`portolan interfaces` lists what one can capture on")]),
        "-a" | "--autostop" => first(&[("duration", "`--duration 30s` or `-c COUNT` end a run")]),
        "-B" | "--buffer-size" => first(&[("buffer", "`--buffer MIB` sets the kernel's buffer")]),
        "-d" | "--decode-as" => first(&[(
            "decap",
            "`--registry FILE` says what a port is, `--decap udp:PORT=TUNNEL` which tunnel it carries",
        )]),
        "-H" => first(&[("hosts", "`--hosts FILE` names hosts")]),
        "-V" | "-O" | "-x" | "-X" | "-XX" | "-A" => first(&[(
            "",
            "`portolan explain FILE --packet N` shows the octets that decided; `--format json` has all fields",
        )]),
        "-t" | "-u" => first(&[("time", "`--time utc`, `local`, `epoch`, `relative` or `delta`")]),
        "-2" => first(&[("", "files are read twice anyway")]),
        _ => format_hint(Some(option.strip_prefix("--")?), command),
    }
}

/// How to get a form of output that the command has.
fn format_hint(form: Option<&str>, command: &Command) -> Option<String> {
    let argument = command.get_arguments().find(|argument| argument.get_long() == Some("format"))?;
    let known: Vec<_> =
        argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    match form {
        Some(form) => {
            known.iter().find(|known| *known == form).map(|form| format!("`--format {form}` does that"))
        }
        None => Some(format!("`--format` takes {}", known.join(", "))),
    }
}

/// Whether a word is another with a slip: one letter too many, too few, wrong or swapped with its neighbour.
fn is_near(word: &str, known: &str) -> bool {
    let (word, known) = (word.as_bytes(), known.as_bytes());
    let same = word.iter().zip(known).take_while(|(one, other)| one == other).count();
    let (word, known) = (&word[same..], &known[same..]);
    let end = word.iter().rev().zip(known.iter().rev()).take_while(|(one, other)| one == other).count();
    let (word, known) = (&word[..word.len() - end], &known[..known.len() - end]);
    match (word, known) {
        ([] | [_], [] | [_]) => true,
        (&[a, b], &[c, d]) => (a, b) == (d, c),
        _ => false,
    }
}

/// Says what became of a number behind `-n`, as other tools' `-n` takes one: it counts as a file, which is not there.
pub(crate) fn tell_number(path: &Path) {
    let text = path.to_string_lossy();
    if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
        message::line(
            "hint: ",
            format_args!(
                "-n takes no number, it shows addresses for names; `-c {text}` stops after so many packets"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slips_are_near() {
        for (word, known) in [
            ("intrval", "interval"),
            ("tiem", "time"),
            ("formats", "format"),
            ("colour", "color"),
            ("tpo", "top"),
        ] {
            assert!(is_near(word, known) && is_near(known, word), "{word} {known}");
        }
        for (word, known) in [("from", "format"), ("start", "sort"), ("host", "format"), ("ab", "cd")] {
            assert!(!is_near(word, known) && !is_near(known, word), "{word} {known}");
        }
    }
}
