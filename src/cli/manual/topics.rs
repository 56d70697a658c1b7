//! What `help` explains beside commands: pages of the documentation, and lists from the same tables.

use std::fmt::Write as _;

use clap::Command;
use portolan::{
    record::fields::PACKET,
    report::{
        discover::fields::DISCOVER, explain::fields::EXPLAIN, flows::fields::FLOW, hosts::fields::HOSTS,
        summary::fields::SUMMARY,
    },
    savefile::{Compression, FileFormat},
    text::field::{Field, Type},
};

/// The topics, and what each is about.
pub(super) const TOPICS: [&str; 5] = ["evidence", "rules", "formats", "filters", "fields"];

/// The page of a topic, in Markdown.
pub(super) fn page(topic: &str, root: &Command) -> Option<String> {
    Some(match topic {
        "evidence" => include_str!("../../../docs/evidence.md").to_owned(),
        "filters" => include_str!("../../../docs/filters.md").to_owned(),
        "rules" => rules(include_str!("../../../README.md"))?.to_owned(),
        "formats" => formats(root),
        "fields" => fields(),
        _ => return None,
    })
}

/// The section of the README that says how naming works.
fn rules(readme: &str) -> Option<&str> {
    let start = readme.find("## How naming works\n")?;
    let section = &readme[start..];
    let end = section[2..].find("\n## ").map_or(section.len(), |end| end + 3);
    Some(&section[..end])
}

/// What is read, and what each command writes.
fn formats(root: &Command) -> String {
    let mut text =
        "# What is read and written\n\nCaptures are told by their first octets, never by their names: "
            .to_owned();
    text += &FileFormat::ALL.map(|format| format.to_string()).join(", ");
    text += "; plain or in ";
    text += &Compression::ALL.map(|compression| compression.to_string()).join(", ");
    text += ".\n\nMachine formats hold the fields that `portolan help fields` lists, times in UTC with nanoseconds; what is absent is left \
        out. The width of a terminal, colours and `-n` change what people read, and no machine format but for names of hosts.\n";
    write_formats(root, &mut text);
    text
}

fn write_formats(command: &Command, text: &mut String) {
    for inner in command.get_subcommands() {
        let format = inner.get_arguments().find(|argument| argument.get_long() == Some("format"));
        if let Some(format) = format {
            let name = inner.get_bin_name().unwrap_or(inner.get_name());
            let _ = write!(text, "\n## {name}\n\n| --format | writes |\n| --- | --- |\n");
            for value in format.get_possible_values() {
                let help = value.get_help().map(ToString::to_string).unwrap_or_default();
                let _ = writeln!(text, "| `{}` | {} |", value.get_name(), help.trim_end_matches('.'));
            }
        }
        write_formats(inner, text);
    }
}

/// The fields of records, by the tables that JSON, CSV and the schemas are made from.
fn fields() -> String {
    let mut text = "# Fields of records\n\nA path joins the keys of JSON by dots; `[]` stands behind a list. Columns of CSV, \
        Parquet and Arrow have underscores in place of the dots. `--where`, `--sort` and `--columns` take paths.\n"
        .to_owned();
    write_fields("portolan annotate", &PACKET, &mut text);
    write_fields("portolan flows", &FLOW, &mut text);
    write_fields("portolan summary", &SUMMARY, &mut text);
    write_fields("portolan hosts", &HOSTS, &mut text);
    write_fields("portolan discover", &DISCOVER, &mut text);
    write_fields("portolan explain", &EXPLAIN, &mut text);
    text
}

fn write_fields<G: Copy>(command: &str, fields: &[Field<G>], text: &mut String) {
    let _ = write!(text, "\n## {command}\n\n| path | meaning |\n| --- | --- |\n");
    write_rows(fields, "", &mut Vec::new(), text);
}

/// The rows of a table, those of objects behind the object's own; a table that stands in itself is listed once.
fn write_rows<G: Copy>(fields: &[Field<G>], before: &str, met: &mut Vec<*const Field>, text: &mut String) {
    for field in fields {
        let path = format!("{before}{}{}", field.path, if field.is_list { "[]" } else { "" });
        let unit = if field.unit.is_empty() { String::new() } else { format!(", in {}", field.unit) };
        let _ = writeln!(text, "| `{path}` | {}{unit} |", field.doc);
        if let Type::Object(inner) = field.kind
            && !met.contains(&inner.as_ptr())
        {
            met.push(inner.as_ptr());
            write_rows(inner, &format!("{path}."), met, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use portolan::naming::{Evidence, Rule, State};

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn topics_hold_every_word() {
        let mut root = Cli::command();
        root.build();
        let pages = TOPICS.map(|topic| page(topic, &root).unwrap());
        let [evidence, rules, formats, _, fields] = &pages;
        let has = |page: &str, word: &str| page.contains(&format!("| `{word}` |"));
        assert!(Evidence::ALL.iter().all(|word| has(evidence, word.as_str())));
        assert!(State::ALL.iter().all(|word| has(evidence, word.as_str())));
        for rule in Rule::ALL.map(Rule::as_str) {
            // That no rule spoke is no rule.
            assert!(has(rules, rule) || rule == "unknown" || rule == "listening", "{rule}");
        }
        assert!(
            ["text", "json", "csv", "pcapng", "table", "zeek", "parquet", "arrow"]
                .iter()
                .all(|word| has(formats, word))
        );
        assert!(FLOW.iter().all(|field| fields.contains(&format!("| `{}", field.path))));
    }
}
