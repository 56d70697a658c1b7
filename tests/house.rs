//! The floors of the house: a module uses only those below it, and a foreign crate stops at one of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The modules from the ground up. Each may use those before it.
const ORDER: [&str; 25] = [
    "packet",
    "ranges",
    "text",
    "packed",
    "savefile",
    "decode",
    "payload",
    "announce",
    "registry",
    "capture",
    "dns",
    "hosts",
    "places",
    "processes",
    "flow",
    "naming",
    "knowledge",
    "record",
    "columns",
    "select",
    "sink",
    "pipeline",
    "report",
    "cli",
    "main",
];

/// Foreign crates that only one module may name.
const FOREIGN: &[(&str, &[&str])] = &[
    ("aes", &["payload"]),
    ("aes_gcm", &["payload"]),
    ("anstyle", &["sink", "text", "report"]),
    ("arrow_array", &["columns"]),
    ("arrow_buffer", &["columns"]),
    ("arrow_ipc", &["columns"]),
    ("arrow_schema", &["columns"]),
    ("askama", &["report"]),
    ("base64", &["text", "flow", "report"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("comfy_table", &["text"]),
    // What IANA and IEEE publish, which is read and written as they do; all other CSV is made by `text`.
    ("csv", &["registry", "hosts"]),
    ("etherparse", &["decode"]),
    ("flate2", &["capture"]),
    ("hkdf", &["payload"]),
    ("indicatif", &["cli"]),
    ("ipnet", &["text"]),
    ("jiff", &["text"]),
    ("landlock", &["cli"]),
    ("libc", &["cli"]),
    ("liblzma", &["capture"]),
    ("lz4_flex", &["capture"]),
    ("maxminddb", &["places"]),
    ("memchr", &["payload", "select"]),
    ("nix", &["cli", "processes"]),
    ("parquet", &["columns"]),
    ("pcap", &["capture"]),
    ("postcard", &["packed"]),
    ("prefetch_index", &["payload", "flow"]),
    ("prometheus_client", &["cli"]),
    ("procfs", &["processes"]),
    ("quick_xml", &["registry"]),
    ("ratatui", &["cli"]),
    ("regex", &["select"]),
    ("rustix", &["capture", "cli"]),
    ("seccompiler", &["cli"]),
    // Written by `text` alone; the command only puts values together.
    ("serde_json", &["text", "cli"]),
    ("sha1", &["flow"]),
    ("sha2", &["payload", "pipeline", "report"]),
    ("signal_hook", &["cli"]),
    ("strsim", &["select"]),
    ("tempfile", &["registry", "cli"]),
    ("terminal_size", &["cli"]),
    ("toml", &["cli"]),
    ("unicode_width", &["text"]),
    ("ureq", &["cli"]),
    ("winnow", &["select"]),
    ("zstd", &["capture", "columns", "knowledge"]),
];

/// A source file, its module, and its lines without comments and tests.
struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    collect(&root, &root, &mut all);
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

fn collect(root: &Path, folder: &Path, all: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, all);
            continue;
        }
        // Screens lie beside what draws them.
        let is_source = path.extension().is_some_and(|end| end == "rs");
        if !is_source {
            continue;
        }
        let inside = path.strip_prefix(root).unwrap();
        let module = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not begin by saying what it is", path.display());
        // Tests may use anything: what stands behind `#[cfg(test)]`, and files that only tests include.
        let only_tests = ["testing.rs", "tests.rs", "samples.rs"].iter().any(|name| path.ends_with(name));
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let text = if only_tests { String::new() } else { lines.collect::<Vec<_>>().join("\n") };
        all.push(Source { path, module, text });
    }
}

/// What a text names behind `prefix::`, in a `use` with braces each of them.
fn named_behind<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let own = text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        let rest = &text[at + prefix.len()..];
        if own {
            continue;
        }
        let Some(list) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut expected = true;
        for (place, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => expected = true,
                _ if expected && depth == 0 && !c.is_whitespace() => {
                    found.push(word(&list[place..]));
                    expected = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn floor(module: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == module)
}

#[test]
fn modules_use_only_those_below_them() {
    let mut upward = Vec::new();
    for Source { path, module, text } in sources() {
        if module == "lib" {
            continue;
        }
        let own = floor(&module).unwrap_or_else(|| panic!("{module} has no floor"));
        let library = named_behind(&text, "portolan::");
        for used in named_behind(&text, "crate::").into_iter().chain(library) {
            let lowercase = used.starts_with(|c: char| c.is_lowercase());
            if used != module && lowercase && floor(used).is_none_or(|floor| floor >= own) {
                upward.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

/// Whether a name stands for a module of ours: declared here, or taken from a path of ours.
fn is_ours(text: &str, name: &str) -> bool {
    let taken =
        text.split(';').filter_map(|statement| statement.trim().split_once("use ")).any(|(_, tree)| {
            let ours =
                ["crate::", "super::", "self::", "portolan::"].iter().any(|root| tree.starts_with(root));
            ours && tree.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == name)
        });
    taken || text.contains(&format!("mod {name};"))
}

#[test]
fn foreign_crates_stop_at_one_module() {
    let mut misplaced = Vec::new();
    for Source { path, module, text } in sources() {
        for (name, homes) in FOREIGN {
            let prefix = format!("{name}::");
            let used = text.match_indices(&prefix).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                // `::csv::` is the crate, `self::csv::` and `super::csv::` are modules of ours.
                let path_before = text[..at].ends_with("self::") || text[..at].ends_with("super::");
                !path_before && before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            });
            if used && !homes.contains(&module.as_str()) && !is_ours(&text, name) {
                misplaced.push(format!("{} names {name}", path.display()));
            }
        }
    }
    assert!(misplaced.is_empty(), "{}", misplaced.join("\n"));
}

#[test]
fn the_list_of_floors_is_the_list_of_modules() {
    let mut modules: Vec<_> = sources().into_iter().map(|source| source.module).collect();
    modules.dedup();
    modules.retain(|module| module != "lib");
    let mut floors = ORDER.to_vec();
    floors.sort_unstable();
    modules.sort();
    assert_eq!(modules, floors);
}

/// A module that is reached by climbing with `super::` to the root of the crate would pass the test above.
#[test]
fn nobody_climbs_to_another_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut climbers = Vec::new();
    for Source { path, module, text } in sources() {
        let inside = path.strip_prefix(&root).unwrap();
        // `src/a/b.rs` is two below the root, and so is `src/a/b/mod.rs`.
        let depth = inside.iter().count() - usize::from(inside.ends_with("mod.rs"));
        for used in named_behind(&text, &"super::".repeat(depth)) {
            if used != module && floor(used).is_some() {
                climbers.push(format!("{} climbs to {used}", path.display()));
            }
        }
    }
    assert!(climbers.is_empty(), "{}", climbers.join("\n"));
}

/// The documents, and the folder that their shorter paths are meant from.
const DOCUMENTS: [(&str, &str); 7] = [
    ("ARCHITECTURE.md", "src"),
    ("CHANGELOG.md", ""),
    ("CONTRIBUTING.md", ""),
    ("README.md", ""),
    ("benches/README.md", "benches"),
    ("registry/README.md", "registry"),
    ("samples/README.md", "samples"),
];

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_table_of_the_architecture_is_the_list_of_floors() {
    let text = document("ARCHITECTURE.md");
    let table = text.split("| module | holds |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), ORDER);
}

/// What stands between backquotes and looks like a path of ours, and where links lead that stay in the project.
#[test]
fn the_files_that_documents_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut named, mut missing) = (0, Vec::new());
    for (name, folder) in DOCUMENTS {
        let text = document(name);
        let quoted = text.split('`').skip(1).step_by(2);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for path in quoted.chain(links.filter(|link| !link.contains("://"))) {
            let is_path = path.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"_./-".contains(&octet));
            let has_end = [".rs", ".py", ".sh", ".md", ".toml", ".tsv", ".csv", "/"]
                .iter()
                .any(|end| path.ends_with(end));
            // A place that a reader fills in, and what is not part of the project.
            if !is_path || !has_end || path.contains("NAME") || path.starts_with(['/', '.']) {
                continue;
            }
            named += 1;
            if !root.join(path).exists() && !root.join(folder).join(path).exists() {
                missing.push(format!("{name} names {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(named > 40, "{named}");
}
