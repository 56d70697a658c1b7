//! `docs/cookbook.md`: every command of it does what stands there. `UPDATE_DOCS=1 cargo test cookbook` writes what they print.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{capture::Scratch, material};

/// A folder with the samples in it, for commands that write.
fn kitchen() -> Scratch {
    let folder = Scratch::new("cookbook");
    for entry in fs::read_dir(material::sample("")).unwrap() {
        let file = entry.unwrap().path();
        let is_capture = file.extension().is_some_and(|end| end == "pcap" || end == "pcapng");
        if is_capture {
            fs::copy(&file, folder.0.join(file.file_name().unwrap())).unwrap();
        }
    }
    folder
}

/// What a command prints, on either way out.
fn cooked(folder: &Path, line: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_portolan")).parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(programs).chain(env::split_paths(&path))).unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec 2>&1; {line}")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("PATH", path);
    shell.env("XDG_DATA_HOME", "/nonexistent").env("XDG_CONFIG_HOME", "/nonexistent").env("TZ", "UTC");
    let output = shell.env("XDG_CONFIG_DIRS", "/nonexistent").env("LC_ALL", "C.UTF-8").output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

#[test]
fn every_recipe_gives_what_stands_there() {
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cookbook.md");
    let text = fs::read_to_string(&file).unwrap();
    let folder = kitchen();
    let (mut written, mut in_block, mut left_out) = (String::new(), false, false);
    let (mut recipes, mut commands) = (0, 0);
    for line in text.lines() {
        recipes += usize::from(line.starts_with("### "));
        let fence = line.starts_with("```");
        if fence {
            in_block = line == "```console";
            left_out = false;
        }
        let Some(command) = line.strip_prefix("$ ").filter(|_| in_block) else {
            // What a command printed last time gives way to what it prints now.
            if !in_block || fence || left_out {
                written += &format!("{line}\n");
            }
            continue;
        };
        written += &format!("{line}\n");
        left_out = command.contains("| jq") && !has("jq");
        if left_out {
            eprintln!("not run, as there is no jq: {command}");
            continue;
        }
        written += &cooked(&folder.0, command);
        commands += 1;
    }
    assert!(recipes >= 30 && commands >= recipes - 4, "{commands} commands in {recipes} recipes");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, written).unwrap();
    } else {
        assert_eq!(text, written, "run again with UPDATE_DOCS=1");
    }
}
