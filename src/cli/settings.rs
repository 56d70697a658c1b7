//! Settings: what options are where the command line does not say. They come from the environment, then from the user's file,
//! then from the system's; which there are is what the definition of the command line says.

use std::{
    env, fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use clap::{
    Arg, ArgAction, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, ValueHint,
    parser::ValueSource,
};
use portolan::select::nearest;
use toml::de::{DeTable, DeValue};

use super::{End, args::Cli, exit, message, usage};

/// What says what one run is about, or how another option is given: never a setting.
const OF_ONE_RUN: [&str; 22] = [
    "community-id",
    "duration",
    "endpoint",
    "events",
    "flow",
    "from",
    "help",
    "host",
    "interface",
    "knowledge",
    "no-color",
    "out",
    "output",
    "packet",
    "queries",
    "recursive",
    "separate",
    "to",
    "together",
    "type",
    "version",
    "where",
];

/// Octets of a file at most.
const LIMIT: u64 = 1 << 20;

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In this variable.
    Environment(String),
    /// In this line of the user's file.
    User(PathBuf, usize),
    /// In this line of the system's.
    System(PathBuf, usize),
}

/// What one place says of an option.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The long name of the option.
    pub(crate) name: String,
    /// Only for this command.
    pub(crate) command: Option<String>,
    /// Several where the option may be given several times.
    pub(crate) values: Vec<String>,
    pub(crate) origin: Origin,
}

/// All settings, those that win first.
#[derive(Debug, Default)]
pub(crate) struct Settings(Vec<Setting>);

/// The user's file: `portolan/config.toml` in `XDG_CONFIG_HOME` or `~/.config` (XDG Base Directory Specification). Absent where
/// neither is known.
pub(crate) fn user_file() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("portolan").join("config.toml"))
}

/// The files of the system, the one that wins first: in the folders of `XDG_CONFIG_DIRS`, or `/etc/xdg`.
pub(crate) fn system_files() -> Vec<PathBuf> {
    let folders = env::var_os("XDG_CONFIG_DIRS").filter(|folders| !folders.is_empty());
    let folders = folders.unwrap_or_else(|| "/etc/xdg".into());
    let folders: Vec<_> = env::split_paths(&folders).filter(|path| path.is_absolute()).collect();
    folders.into_iter().map(|folder| folder.join("portolan").join("config.toml")).collect()
}

/// The variable that sets an option.
pub(crate) fn variable(name: &str) -> String {
    format!("PORTOLAN_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// Whether an option can be set.
pub(crate) fn is_setting(argument: &Arg) -> bool {
    argument.get_long().is_some_and(|name| !argument.is_hide_set() && !OF_ONE_RUN.contains(&name))
}

/// Whether an option may have several values.
fn is_list(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append)
}

/// Whether an option is there or not, without a value.
fn is_flag(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue | ArgAction::SetFalse)
}

/// Each option that can be set, with the path of each command that has it.
pub(crate) fn options(root: &Command) -> Vec<(Vec<&str>, &Arg)> {
    fn collect<'c>(command: &'c Command, path: &[&'c str], all: &mut Vec<(Vec<&'c str>, &'c Arg)>) {
        all.extend(command.get_arguments().filter(|it| is_setting(it)).map(|it| (path.to_vec(), it)));
        for inner in command.get_subcommands() {
            collect(inner, &[path, &[inner.get_name()]].concat(), all);
        }
    }
    let mut all = Vec::new();
    collect(root, &[], &mut all);
    all
}

/// The command line, with what settings say where it says nothing.
pub(crate) fn over(cli: Cli, arguments: &[std::ffi::OsString]) -> Result<Cli, End> {
    if !cli.command.takes_settings() {
        return Ok(cli);
    }
    let settings = Settings::load(cli.command.name())?;
    if settings.0.is_empty() {
        return Ok(cli);
    }
    let command = settings.apply(Cli::command(), cli.command.name());
    let told = |error: &clap::Error| {
        usage::tell(error, arguments);
        End::Said(exit::USAGE)
    };
    let matches = command.try_get_matches_from(arguments).map_err(|error| told(&error))?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| told(&error))?;
    cli.global.configured = settings.used(&matches);
    Ok(cli)
}

impl Settings {
    /// Reads all of them. Whether values can be used is found out by a command that takes them: by `command`, if it does.
    pub(crate) fn load(command: &str) -> Result<Self, End> {
        let user = user_file().into_iter().map(|path| (path, true));
        let files = user.chain(system_files().into_iter().map(|path| (path, false)));
        let files: Vec<_> =
            files.filter(|(path, _)| !path.metadata().is_err_and(|error| is_absent(&error))).collect();
        let is_named = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b"PORTOLAN_");
        if files.is_empty() && !env::vars_os().any(|(name, _)| is_named(&name)) {
            // Nearly always. To ask all options takes as long as many a capture.
            return Ok(Self::default());
        }
        let mut root = Cli::command();
        root.build();
        let mut all = Self::of_environment(&root);
        for (path, is_user) in files {
            all.extend(of_file(&root, &path, is_user)?);
        }
        let settings = Self(all);
        for setting in &settings.0 {
            check(&root, setting, command).map_err(|what| {
                message::error(what);
                End::Said(exit::USAGE)
            })?;
        }
        Ok(settings)
    }

    fn of_environment(root: &Command) -> Vec<Setting> {
        let mut all: Vec<Setting> = Vec::new();
        for (_, argument) in options(root) {
            let name = argument.get_long().unwrap_or_default();
            let variable = variable(name);
            let value = env::var(&variable).unwrap_or_default();
            if value.is_empty() || all.iter().any(|known| known.name == name) {
                continue;
            }
            let values = if !is_list(argument) {
                vec![value]
            } else if is_path(argument) {
                env::split_paths(&value).map(|path| path.display().to_string()).collect()
            } else {
                value.split(',').map(|value| value.trim().to_owned()).collect()
            };
            let origin = Origin::Environment(variable);
            all.push(Setting { name: name.to_owned(), command: None, values, origin });
        }
        all
    }

    /// What holds for an option of a command; with no command, what holds where no command's own does.
    pub(crate) fn of(&self, name: &str, command: Option<&str>) -> Option<&Setting> {
        let is_of = |it: &Setting| it.command.is_none() || it.command.as_deref() == command;
        self.0.iter().find(|it| it.name == name && is_of(it))
    }

    /// Those of single commands.
    pub(crate) fn of_commands(&self) -> impl Iterator<Item = (&Setting, &str)> {
        self.0.iter().filter_map(|it| Some((it, it.command.as_deref()?)))
    }

    /// A command line on which options are what the settings say, unless they are given.
    fn apply(&self, command: Command, current: &str) -> Command {
        let set = |argument: Arg| {
            let setting = argument.get_long().filter(|_| is_setting(&argument));
            match setting.and_then(|name| self.of(name, Some(current))) {
                Some(setting) if is_flag(&argument) && setting.values == ["false"] => argument,
                Some(setting) => argument.default_values(setting.values.clone()),
                None => argument,
            }
        };
        command.mut_args(set).mut_subcommands(|inner| self.apply(inner, current))
    }

    /// The options that the settings say and the command line does not.
    fn used(&self, matches: &ArgMatches) -> Vec<String> {
        let mut all = Vec::new();
        let mut at = Some(matches);
        while let Some(matches) = at {
            let is_default = |id: &str| {
                let has = matches.ids().any(|known| known.as_str() == id);
                has && matches.value_source(id) == Some(ValueSource::DefaultValue)
            };
            let used = self.0.iter().filter(|it| is_default(&it.name.replace('-', "_")));
            all.extend(used.map(|it| it.name.clone()));
            at = matches.subcommand().map(|(_, inner)| inner);
        }
        all
    }
}

fn is_path(argument: &Arg) -> bool {
    matches!(argument.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath)
}

/// Whether there is no such file.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The settings of a file, those of single commands first; none where there is no file.
fn of_file(root: &Command, path: &Path, is_user: bool) -> Result<Vec<Setting>, End> {
    let failed = |reason: &dyn std::fmt::Display| {
        message::error(format_args!("{}: {reason}", path.display()));
        End::Said(exit::USAGE)
    };
    let size = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(failed(&"no regular file")),
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error)),
    };
    if size > LIMIT {
        return Err(failed(&format_args!("more than {LIMIT} octets are no configuration")));
    }
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    File { root, path, text: &text, is_user }.settings().map_err(|fault| {
        message::error(format_args!("{}:{}: {}", path.display(), fault.line, fault.what));
        if let Some(hint) = fault.hint {
            message::line("hint: ", hint);
        }
        End::Said(exit::USAGE)
    })
}

/// Whether a text is a configuration, all of whose settings can be used.
///
/// # Errors
/// What the command would say of it, the line first.
pub fn check_configuration(text: &str) -> Result<(), String> {
    let mut root = Cli::command();
    root.build();
    let file = File { root: &root, path: Path::new("config.toml"), text, is_user: true };
    let settings =
        file.settings().map_err(|Fault { line, what, .. }| format!("config.toml:{line}: {what}"))?;
    settings.iter().try_for_each(|setting| check(&root, setting, "summary"))
}

/// What is wrong with a file.
struct Fault {
    /// Where, counted from 1.
    line: usize,
    what: String,
    hint: Option<String>,
}

/// A file that is being read.
struct File<'f> {
    root: &'f Command,
    path: &'f Path,
    text: &'f str,
    is_user: bool,
}

impl File<'_> {
    /// All it says, of single commands first.
    fn settings(&self) -> Result<Vec<Setting>, Fault> {
        let table = DeTable::parse(self.text).map_err(|error| self.wrong(error.span(), error.message()))?;
        let (mut all, mut general) = (Vec::new(), Vec::new());
        for (key, value) in table.get_ref() {
            match value.get_ref() {
                DeValue::Table(inner) => {
                    let name = key.get_ref().as_ref();
                    let mut commands = self.root.get_subcommands();
                    let Some(command) = commands.find(|command| command.get_name() == name) else {
                        let known = self.root.get_subcommands().map(Command::get_name).collect();
                        return Err(self.unknown(key.span(), name, "command", known));
                    };
                    for (key, value) in inner {
                        all.push(self.setting(Some(command), key.get_ref(), key.span(), value.get_ref())?);
                    }
                }
                value => general.push(self.setting(None, key.get_ref(), key.span(), value)?),
            }
        }
        all.extend(general);
        Ok(all)
    }

    fn line(&self, span: &Range<usize>) -> usize {
        1 + self.text.bytes().take(span.start).filter(|&octet| octet == b'\n').count()
    }

    /// What is wrong, and where.
    fn wrong(&self, span: Option<Range<usize>>, what: &str) -> Fault {
        let line = self.line(&span.unwrap_or(0..0));
        // Parsers say more than a line.
        Fault { line, what: what.lines().collect::<Vec<_>>().join(", "), hint: None }
    }

    fn unknown(&self, span: Range<usize>, word: &str, kind: &str, known: Vec<&str>) -> Fault {
        let hint = match nearest(word, known.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`portolan config show` lists all settings".to_owned(),
        };
        Fault { hint: Some(hint), ..self.wrong(Some(span), &format!("there is no {kind} `{word}`")) }
    }

    fn setting(
        &self,
        command: Option<&Command>,
        key: &str,
        span: Range<usize>,
        value: &DeValue<'_>,
    ) -> Result<Setting, Fault> {
        let mut known = options(self.root);
        if let Some(command) = command {
            known.retain(|(path, _)| path.first().is_none_or(|first| *first == command.get_name()));
        }
        let Some((_, argument)) = known.iter().find(|(_, argument)| argument.get_long() == Some(key)) else {
            let names = known.iter().filter_map(|(_, argument)| argument.get_long()).collect();
            return Err(self.unknown(span, key, "setting", names));
        };
        let values = match value {
            DeValue::Array(items) if is_list(argument) => {
                items.iter().map(|item| self.text(key, argument, &span, item.get_ref())).collect()
            }
            DeValue::Array(_) => {
                Err(self.wrong(Some(span.clone()), &format!("`{key}` takes one value, no list")))
            }
            value => self.text(key, argument, &span, value).map(|text| vec![text]),
        }?;
        let (path, line) = (self.path.to_owned(), self.line(&span));
        let origin = if self.is_user { Origin::User(path, line) } else { Origin::System(path, line) };
        let command = command.map(|command| command.get_name().to_owned());
        Ok(Setting { name: key.to_owned(), command, values, origin })
    }

    /// A value as it would stand on the command line.
    fn text(
        &self,
        key: &str,
        argument: &Arg,
        span: &Range<usize>,
        value: &DeValue<'_>,
    ) -> Result<String, Fault> {
        let text = match value {
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::String(text) if is_path(argument) => self.place(text),
            DeValue::String(text) => text.to_string(),
            _ => {
                let what = format!("`{key}` is no text, number, true or false");
                return Err(self.wrong(Some(span.clone()), &what));
            }
        };
        Ok(text)
    }

    /// A file that a setting names: from the folder of the configuration, or of the user's own where it begins with `~/`.
    fn place(&self, name: &str) -> String {
        let home =
            name.strip_prefix("~/").and_then(|rest| Some(PathBuf::from(env::var_os("HOME")?).join(rest)));
        let folder = self.path.parent().unwrap_or(Path::new("."));
        home.unwrap_or_else(|| folder.join(name)).display().to_string()
    }
}

/// Finds out whether values can be used, by a command that takes them; an error says where which cannot.
fn check(root: &Command, setting: &Setting, current: &str) -> Result<(), String> {
    let place = match &setting.origin {
        Origin::Environment(variable) => variable.clone(),
        Origin::User(path, line) | Origin::System(path, line) => format!("{}:{line}", path.display()),
    };
    let wrong = |what: &str| format!("{place}: {what}");
    let mut takers: Vec<_> = options(root)
        .into_iter()
        .filter(|(_, argument)| argument.get_long() == Some(&setting.name))
        .collect();
    let wanted = setting.command.as_deref().unwrap_or(current);
    takers.sort_by_key(|(path, _)| path.first() != Some(&wanted));
    let Some((path, argument)) = takers.first() else { return Ok(()) };
    if is_flag(argument) {
        let is_word = setting.values.iter().all(|value| ["true", "false"].contains(&value.as_str()));
        let what = format!("`{}` is true or false", setting.name);
        return if is_word { Ok(()) } else { Err(wrong(&what)) };
    }
    let words = ["portolan"].iter().chain(path).map(ToString::to_string);
    let options = setting.values.iter().map(|value| format!("--{}={value}", setting.name));
    match Cli::command().try_get_matches_from(words.chain(options)) {
        Err(error) if usage::is_of_value(&error) => Err(wrong(&usage::sentence(&error, "portolan"))),
        // What else is missing is not given here.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_one_run_is_an_option() {
        let mut root = Cli::command();
        root.build();
        let all = |command: &Command| -> Vec<String> {
            command.get_arguments().filter_map(|it| it.get_long().map(ToOwned::to_owned)).collect()
        };
        let known: Vec<_> = root.get_subcommands().flat_map(all).chain(all(&root)).collect();
        for name in OF_ONE_RUN {
            assert!(known.iter().any(|known| known == name), "there is no --{name} any more");
        }
    }

    #[test]
    fn variables_are_named_like_options() {
        assert_eq!(variable("max-unpacked"), "PORTOLAN_MAX_UNPACKED");
    }
}
