//! `config`: where settings are kept, what they are, and where each comes from.

use std::{env, io::Write as _, path::Path};

use clap::{CommandFactory as _, Subcommand, ValueEnum};
use portolan::text::{
    json,
    table::{Cell, Table},
};
use serde_json::{Map, Value};

use super::{
    End,
    args::{Cli, Global},
    exit, message, output,
    settings::{self, Origin, Setting, Settings},
};

/// Settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print the name of the file that settings are kept in.
    #[command(after_help = "Examples:
  portolan config path
  ${EDITOR:-vi} \"$(portolan config path)\"")]
    Path {
        /// Form of the answer.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: ConfigFormat,
    },
    /// List all settings, and where each comes from.
    #[command(after_help = "Examples:
  portolan config show
  portolan config show --format json | jq '.[] | select(.source != \"default\")'")]
    Show {
        /// Form of the list.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: ConfigFormat,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConfigFormat {
    /// Lines for people.
    Text,
    /// One JSON list.
    Json,
}

pub(crate) fn run(global: &Global, command: &Config) -> Result<u8, End> {
    match command {
        Config::Path { format } => path(global, *format),
        Config::Show { format } => show(global, *format),
    }
}

fn path(global: &Global, format: ConfigFormat) -> Result<u8, End> {
    let user = settings::user_file();
    let mut out = output::open(global, [])?;
    if format == ConfigFormat::Json {
        let object = |source: &str, path: &Path| {
            let file = path.display().to_string();
            Value::Object(Map::from_iter([
                ("source".to_owned(), source.into()),
                ("file".to_owned(), file.into()),
                ("exists".to_owned(), path.is_file().into()),
            ]))
        };
        let system = settings::system_files();
        let all = user
            .iter()
            .map(|path| object("user", path))
            .chain(system.iter().map(|path| object("system", path)));
        json::pretty(&all.collect::<Vec<_>>(), &mut out)?;
        out.finish()?;
        return Ok(exit::GOOD);
    }
    let Some(user) = user else {
        message::error("neither XDG_CONFIG_HOME nor HOME says where settings are kept");
        return Err(End::Said(exit::USAGE));
    };
    writeln!(out, "{}", user.display())?;
    out.finish()?;
    Ok(exit::GOOD)
}

/// A setting as it is shown.
struct Shown {
    name: String,
    command: Option<String>,
    values: Vec<String>,
    origin: Option<Origin>,
}

impl Shown {
    fn of(setting: &Setting) -> Self {
        let Setting { name, command, values, origin } = setting.clone();
        Self { name, command, values, origin: Some(origin) }
    }

    fn source(&self) -> &'static str {
        match self.origin {
            Some(Origin::Environment(_)) => "environment",
            Some(Origin::User(..)) => "user",
            Some(Origin::System(..)) => "system",
            None => "default",
        }
    }

    fn cells(&self) -> [Cell; 3] {
        let name = match &self.command {
            Some(command) => format!("{command}.{}", self.name),
            None => self.name.clone(),
        };
        let from = match &self.origin {
            Some(Origin::Environment(variable)) => variable.clone(),
            Some(Origin::User(path, line) | Origin::System(path, line)) => {
                format!("{}:{line}", path.display())
            }
            None => "default".to_owned(),
        };
        [Cell::text(&name), Cell::text(&self.values.join(", ")), Cell::text(&from)]
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("name".to_owned(), self.name.clone().into());
        if let Some(command) = &self.command {
            object.insert("command".to_owned(), command.clone().into());
        }
        object.insert("values".to_owned(), self.values.clone().into());
        object.insert("source".to_owned(), self.source().into());
        object.insert("variable".to_owned(), settings::variable(&self.name).into());
        if let Some(Origin::User(path, line) | Origin::System(path, line)) = &self.origin {
            object.insert("file".to_owned(), path.display().to_string().into());
            object.insert("line".to_owned(), (*line).into());
        }
        Value::Object(object)
    }
}

/// All settings by name, those of single commands behind the general one.
fn all(settings: &Settings) -> Vec<Shown> {
    let mut root = Cli::command();
    root.build();
    let mut all: Vec<Shown> = Vec::new();
    for (_, argument) in settings::options(&root) {
        let name = argument.get_long().unwrap_or_default();
        if all.iter().any(|known| known.name == name) {
            continue;
        }
        let general = settings.of(name, None).map(Shown::of).unwrap_or_else(|| {
            let defaults = argument.get_default_values().iter();
            let values = defaults.map(|value| value.to_string_lossy().into_owned()).collect();
            Shown { name: name.to_owned(), command: None, values, origin: None }
        });
        all.push(general);
    }
    // What the environment says wins over what files say of single commands.
    let own = settings.of_commands().filter(|(setting, command)| {
        settings.of(&setting.name, Some(command)).is_some_and(|wins| std::ptr::eq(wins, *setting))
    });
    all.extend(own.map(|(setting, _)| Shown::of(setting)));
    all.sort_by(|a, b| (&a.name, &a.command).cmp(&(&b.name, &b.command)));
    all
}

fn show(global: &Global, format: ConfigFormat) -> Result<u8, End> {
    let all = all(&Settings::load("config")?);
    let mut out = output::open(global, [])?;
    match format {
        ConfigFormat::Json => json::pretty(&all.iter().map(Shown::json).collect::<Vec<_>>(), &mut out)?,
        ConfigFormat::Text => {
            let mut table = Table::new(&["SETTING", "VALUE", "FROM"]).flush();
            all.iter().for_each(|shown| table.row(shown.cells()));
            table.write(output::width(global), &mut out)?;
        }
    }
    out.finish()?;
    if !global.quiet {
        let known: Vec<_> = all.iter().map(|shown| settings::variable(&shown.name)).collect();
        let set = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for name in set.filter(|name| name.starts_with("PORTOLAN_") && !known.contains(name)) {
            message::note(format_args!("{name} is set, but there is no such setting"));
        }
    }
    Ok(exit::GOOD)
}
