//! Settings: where they come from, which of them win, and what is said of those that cannot be.

use std::fs;

use serde_json::Value;

use crate::{
    capture::Scratch,
    cli::{Said, command, said},
};

/// A home with a user's file and a system's.
struct Home {
    folder: Scratch,
}

impl Home {
    fn new(name: &str) -> Self {
        let folder = Scratch::new(name);
        for place in ["user/portolan", "system/portolan"] {
            fs::create_dir_all(folder.0.join(place)).unwrap();
        }
        Self { folder }
    }

    fn user(&self, text: &str) -> &Self {
        fs::write(self.folder.0.join("user/portolan/config.toml"), text).unwrap();
        self
    }

    fn system(&self, text: &str) -> &Self {
        fs::write(self.folder.0.join("system/portolan/config.toml"), text).unwrap();
        self
    }

    fn run(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
        let mut command = command(arguments);
        command.env("XDG_CONFIG_HOME", self.folder.0.join("user"));
        command.env("XDG_CONFIG_DIRS", self.folder.0.join("system"));
        command.envs(variables.iter().copied()).env_remove("PORTOLAN_SHARED");
        said(command.output().unwrap())
    }

    /// How many rows a summary has, which has 9 by service.
    fn rows(&self, variables: &[(&str, &str)], arguments: &[&str]) -> usize {
        let all = [&["summary", "--format", "json", "office.pcapng"], arguments].concat();
        let said = self.run(variables, &all);
        assert_eq!((said.code, said.error.as_str()), (0, ""), "{all:?}");
        let summary: Value = serde_json::from_str(&said.out).unwrap();
        summary["rows"].as_array().unwrap().len()
    }

    /// Where a setting comes from, and its values.
    fn shown(&self, variables: &[(&str, &str)], name: &str, command: Option<&str>) -> (String, Vec<String>) {
        let said = self.run(variables, &["config", "show", "--format", "json"]);
        assert_eq!((said.code, said.error.as_str()), (0, ""));
        let all: Vec<Value> = serde_json::from_str(&said.out).unwrap();
        let found = all.iter().find(|it| it["name"] == name && it["command"].as_str() == command).unwrap();
        let values = found["values"].as_array().unwrap().iter();
        let values = values.map(|value| value.as_str().unwrap().to_owned()).collect();
        (found["source"].as_str().unwrap().to_owned(), values)
    }
}

#[test]
fn flags_win_over_the_environment_over_the_user_over_the_system() {
    let home = Home::new("config-order");
    let all = home.rows(&[], &[]);
    assert!(all > 5);
    home.system("top = 5\n");
    assert_eq!(home.rows(&[], &[]), 5);
    assert_eq!(home.shown(&[], "top", None), ("system".to_owned(), vec!["5".to_owned()]));
    home.user("top = 4\n");
    assert_eq!(home.rows(&[], &[]), 4);
    home.user("top = 4\n[summary]\ntop = 3\n[flows]\ntop = 1\n");
    assert_eq!(home.rows(&[], &[]), 3);
    assert_eq!(home.shown(&[], "top", Some("summary")), ("user".to_owned(), vec!["3".to_owned()]));
    assert_eq!(home.shown(&[], "top", None), ("user".to_owned(), vec!["4".to_owned()]));
    let set = [("PORTOLAN_TOP", "2")];
    assert_eq!(home.rows(&set, &[]), 2);
    assert_eq!(home.shown(&set, "top", None), ("environment".to_owned(), vec!["2".to_owned()]));
    assert_eq!(home.rows(&set, &["--top", "1"]), 1);
    // What is empty says nothing.
    assert_eq!(home.rows(&[("PORTOLAN_TOP", "")], &[]), 3);
}

#[test]
fn layers_columns_colours_times_and_flags_can_be_set() {
    let home = Home::new("config-kinds");
    fs::write(home.folder.0.join("user/portolan/own"), "192.0.2.20 2222/tcp our-ssh\n").unwrap();
    home.user(
        "registry = [\"own\"]\ncolor = \"always\"\nquiet = true\n\
         [flows]\ncolumns = [\"svc.name\", \"svc.port\"]\nformat = \"csv\"\n\
         [annotate]\ntime = \"relative\"\n",
    );
    let flows = home.run(&[], &["flows", "--where", "svc.port == 2222", "office.pcapng"]);
    assert_eq!((flows.code, flows.out.as_str()), (0, "svc_name,svc_port\nour-ssh,2222\n"), "{}", flows.error);
    let packet = home.run(&[], &["annotate", "-c", "3", "office.pcapng"]);
    assert!(packet.out.starts_with("0.000000 ") && packet.out.contains("\u{1b}["), "{}", packet.out);
    let plain = home.run(&[], &["annotate", "-c", "1", "--no-color", "--time", "epoch", "office.pcapng"]);
    assert!(plain.out.starts_with("1795382664.596170016 ") && !plain.out.contains('\u{1b}'), "{}", plain.out);
    // Columns that are set are no reason to refuse a form that has none.
    for arguments in [&["flows", "--format", "zeek"][..], &["annotate", "-c", "1"]] {
        let said = home.run(&[("PORTOLAN_COLUMNS", "svc.name")], &[arguments, &["office.pcapng"]].concat());
        assert_eq!((said.code, said.error.as_str()), (0, ""), "{arguments:?}");
    }
    // A flag that the environment takes back.
    let said = home.run(&[("PORTOLAN_QUIET", "false"), ("PORTOLAN_TOP", "x")], &["summary", "office.pcapng"]);
    let expected =
        "portolan: PORTOLAN_TOP: `x` is no value for `--top <ROWS>`: invalid digit found in string\n";
    assert_eq!((said.code, said.error.as_str()), (2, expected));
    let (source, values) = home.shown(&[], "registry", None);
    assert_eq!((source.as_str(), values[0].ends_with("user/portolan/own")), ("user", true), "{values:?}");
}

#[test]
fn what_cannot_be_set_is_said_with_its_line() {
    let home = Home::new("config-wrong");
    let file = home.folder.0.join("user/portolan/config.toml").display().to_string();
    for (text, line, what, hint) in [
        ("threads = 2\nthreds = 3\n", 2, "there is no setting `threds`", "did you mean `threads`?"),
        ("[sumary]\ntop = 3\n", 1, "there is no command `sumary`", "did you mean `summary`?"),
        (
            "[flows]\n\ninterval = \"1s\"\n",
            3,
            "there is no setting `interval`",
            "`portolan config show` lists all settings",
        ),
        ("output = \"x\"\n", 1, "there is no setting `output`", "`portolan config show` lists all settings"),
    ] {
        home.user(text);
        let said = home.run(&[], &["summary", "office.pcapng"]);
        let expected = format!("portolan: {file}:{line}: {what}\nportolan: hint: {hint}\n");
        assert_eq!((said.code, said.out.as_str(), said.error), (2, "", expected));
    }
    for (text, line, what) in [
        (
            "color = \"blue\"\n",
            1,
            "`blue` is no value for `--color <WHEN>`, which takes `auto`, `always`, `never`",
        ),
        ("\nquiet = 3\n", 2, "`quiet` is true or false"),
        ("top = [1, 2]\n", 1, "`top` takes one value, no list"),
        ("top = 1.5\n", 1, "`top` is no text, number, true or false"),
    ] {
        home.user(text);
        let said = home.run(&[], &["summary", "office.pcapng"]);
        let expected = format!("portolan: {file}:{line}: {what}\n");
        assert_eq!((said.code, said.out.as_str(), said.error), (2, "", expected));
    }
    // What is no TOML at all names its line, too.
    home.user("top = 1\ncolor = \n");
    let said = home.run(&[], &["summary", "office.pcapng"]);
    assert_eq!(
        (said.code, said.error.starts_with(&format!("portolan: {file}:2: "))),
        (2, true),
        "{}",
        said.error
    );
    // Help and the way to the file do not need it.
    assert_eq!(home.run(&[], &["config", "path"]).out, format!("{file}\n"));
    for arguments in [&["help", "flows"][..], &["summary", "--help"], &["completions", "bash"]] {
        assert_eq!(home.run(&[], arguments).code, 0, "{arguments:?}");
    }
}

#[test]
fn every_setting_is_shown() {
    let home = Home::new("config-show");
    let said = home.run(&[("PORTOLAN_THREDS", "1")], &["config", "show"]);
    assert_eq!(said.error, "portolan: note: PORTOLAN_THREDS is set, but there is no such setting\n");
    for name in ["color", "columns", "hosts", "max-unpacked", "no-progress", "registry", "threads", "time"] {
        let has = said
            .out
            .lines()
            .any(|line| line.split_whitespace().next() == Some(name) && line.ends_with("default"));
        assert!(has, "{name}: {}", said.out);
    }
    let nowhere =
        command(&["config", "path"]).env_remove("XDG_CONFIG_HOME").env_remove("HOME").output().unwrap();
    let nowhere = crate::cli::said(nowhere);
    let expected = "portolan: neither XDG_CONFIG_HOME nor HOME says where settings are kept\n";
    assert_eq!((nowhere.code, nowhere.error.as_str()), (2, expected));
}
