//! `docs/schema/` and `docs/fields.md` are what the tables of fields say, and what the commands write is what they say.
//! `docs/reads.md` and `docs/zeek.md` are made with them.
//!
//! `UPDATE_DOCS=1 cargo test schema` writes them anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::PathBuf,
};

use jsonschema::Validator;
use portolan::{
    record::fields::PACKET,
    report::{
        diff,
        discover::fields::DISCOVER,
        explain::fields::EXPLAIN,
        flows::fields::FLOW,
        hosts::fields::HOSTS,
        interfaces::INTERFACE,
        registry::fields::{ANSWER, DIFF, EXPORT, INFO},
        settings::SETTING,
        summary::fields::SUMMARY,
    },
    text::field::{Ecs, Field, Need, Presence, Type},
};
use serde_json::{Value, json};

use crate::{
    capture::Scratch,
    cli::{command, good, portolan},
    fields::{early_clock, shown_capture},
    reads::list_of_what_is_read,
    summary::samples,
    zeek::list_of_zeek_fields,
};

/// A table of fields without how they are read.
fn described<G: Copy>(fields: &[Field<G>]) -> &'static [Field] {
    fields.iter().map(|field| field.at(field.path, ())).collect::<Vec<_>>().leak()
}

/// What a command writes as JSON.
struct Document {
    /// Name of its schema.
    name: &'static str,
    /// The commands that write it.
    commands: &'static str,
    /// What is described.
    title: &'static str,
    form: Form,
    fields: &'static [Field],
}

/// How the records stand in the output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One object.
    Object,
    /// One list of objects.
    List,
    /// An object per line.
    Lines,
}

fn documents() -> Vec<Document> {
    let document = |name, commands, title, form, fields| Document { name, commands, title, form, fields };
    vec![
        document("packet", "annotate", "A packet", Form::Lines, described(&PACKET)),
        document("flow", "flows", "A flow", Form::Lines, described(&FLOW)),
        document("summary", "summary", "A summary", Form::Object, &SUMMARY),
        document("hosts", "hosts", "The hosts of a capture", Form::Object, &HOSTS),
        document("discover", "discover", "An inventory of DNS-SD", Form::Object, &DISCOVER),
        document("diff", "diff", "The differences of two captures", Form::Object, &diff::fields::DIFF),
        document("explain", "explain", "Why a packet or a flow got its name", Form::Object, &EXPLAIN),
        document(
            "registry-lookup",
            "registry lookup` and `registry search",
            "Rows that answer",
            Form::List,
            &ANSWER,
        ),
        document("registry-info", "registry info", "What a registry holds", Form::Object, &INFO),
        document("registry-export", "registry export", "A registry", Form::Object, &EXPORT),
        document(
            "registry-diff",
            "registry diff",
            "What one registry has that another has not",
            Form::Object,
            &DIFF,
        ),
        document("config", "config show", "Settings", Form::List, &SETTING),
        document("interfaces", "interfaces", "Interfaces", Form::List, &INTERFACE),
    ]
}

/// Schemas of the tables of fields that stand in others, each named by the first place where it stands.
#[derive(Default)]
struct Definitions(Vec<(*const Field, String, Value)>);

impl Definitions {
    /// The schema of one value of the field at this place.
    fn of_value(&mut self, kind: Type, place: &str) -> Value {
        match kind {
            Type::Number(u64::MAX) => json!({"type": "integer", "minimum": 0}),
            Type::Number(most) => json!({"type": "integer", "minimum": 0, "maximum": most}),
            Type::Flag => json!({"type": "boolean"}),
            Type::Time => json!({
                "type": "string",
                "format": "date-time",
                "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$",
            }),
            Type::Address => json!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
            Type::Mac => json!({"type": "string", "pattern": "^[0-9A-F]{2}(-[0-9A-F]{2}){5}$"}),
            Type::Word => json!({"type": "string", "pattern": r"^\S+$"}),
            Type::OneOf(words) => json!({"type": "string", "enum": words()}),
            Type::Text | Type::Escaped => json!({"type": "string"}),
            Type::Base64 => json!({"type": "string", "contentEncoding": "base64"}),
            Type::Object(fields) => json!({"$ref": format!("#/$defs/{}", self.name_of(fields, place))}),
        }
    }

    fn name_of(&mut self, fields: &'static [Field], place: &str) -> String {
        if let Some((_, name, _)) = self.0.iter().find(|(table, ..)| *table == fields.as_ptr()) {
            return name.clone();
        }
        let name = place.replace('.', "-");
        // It has its name before its fields have theirs.
        let at = self.0.len();
        self.0.push((fields.as_ptr(), name.clone(), Value::Null));
        self.0[at].2 = self.of_fields(fields, &format!("{place}."));
        name
    }

    /// The schema of a field.
    fn of_field(&mut self, field: &Field, place: &str) -> Value {
        let value = self.of_value(field.kind, place);
        let mut schema = if field.is_list { json!({"type": "array", "items": value}) } else { value };
        let mut text = sentence(field.doc);
        if !field.unit.is_empty() {
            write!(text, " Unit: {}.", field.unit).unwrap();
        }
        match field.ecs {
            Ecs::Own => {}
            Ecs::Same => text += " As in ECS.",
            Ecs::Differs(how) => write!(text, " As in ECS, but {how}.").unwrap(),
        }
        schema["description"] = text.into();
        schema
    }

    /// The schema of an object of fields. Their paths are taken apart at the dots.
    fn of_fields(&mut self, fields: &[Field], before: &str) -> Value {
        let mut root = json!({"type": "object", "properties": {}});
        for field in fields {
            let mut object = &mut root;
            let keys: Vec<_> = field.path.split('.').collect();
            let (key, parents) = keys.split_last().unwrap();
            for parent in parents {
                if field.presence == Presence::Always {
                    require(object, parent);
                }
                let empty = || json!({"type": "object", "properties": {}});
                let properties = object["properties"].as_object_mut().unwrap();
                object = properties.entry(*parent).or_insert_with(empty);
            }
            if field.presence != Presence::Optional {
                require(object, key);
            }
            let schema = self.of_field(field, &format!("{before}{}", field.path));
            let known = object["properties"].as_object_mut().unwrap().insert((*key).to_owned(), schema);
            assert_eq!(known, None, "{} stands twice", field.path);
        }
        root
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

/// Adds a key to those that an object must have.
fn require(object: &mut Value, key: &str) {
    let required = object.as_object_mut().unwrap().entry("required").or_insert_with(|| json!([]));
    let required = required.as_array_mut().unwrap();
    if !required.iter().any(|known| known == key) {
        required.push(key.into());
    }
}

/// The schema of a document. It is open: fields may be added, and then are described in the next one.
fn schema(document: &Document) -> Value {
    let mut definitions = Definitions::default();
    let object = definitions.of_fields(document.fields, "");
    let mut schema = match document.form {
        Form::List => json!({"type": "array", "items": object}),
        Form::Object | Form::Lines => object,
    };
    let each = if document.form == Form::Lines { "Each line of" } else { "What" };
    let writes = if document.form == Form::Lines { "" } else { " writes" };
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["$id"] = format!("urn:portolan:{}:1", document.name).into();
    schema["title"] = document.title.into();
    if !definitions.0.is_empty() {
        schema["$defs"] = definitions.0.into_iter().map(|(_, name, schema)| (name, schema)).collect();
    }
    schema["description"] = format!(
        "{each} `portolan {} --format json`{writes}.",
        document.commands.replace("` and `", "` and `portolan ")
    )
    .into();
    schema
}

/// The same schema, closed: nothing may be there that it does not describe.
fn closed(mut schema: Value) -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.values_mut().for_each(close);
                if members.contains_key("properties") && members.get("type") == Some(&json!("object")) {
                    members.insert("additionalProperties".to_owned(), false.into());
                }
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    close(&mut schema);
    schema
}

/// `docs/fields.md`.
fn list_of_fields() -> String {
    let mut text = "# Fields

Every field of every record, as portolan's tables list them; the JSON Schemas in [schema/](schema/) are made from the
same tables. Written by `UPDATE_DOCS=1 cargo test schema`: change the tables, not this page.

A path joins the keys of JSON by dots; `[]` stands behind a list. Columns are named by the paths with underscores in
place of the dots, and the values of a list share a cell: words are parted by spaces, notes and DNS messages by `; `. What is
absent is absent: there is no null and no `-`, and a cell is empty. \"Always\" means in every record, \"with it\" wherever the
object is that the field stands in.

Types: *number* a whole number; *time* RFC 3339 in UTC with nanoseconds; *address* IPv4 or IPv6; *MAC* as RFC 7042 writes it;
*word* text without spaces; *escaped* text in which what is no printable character stands as `\\DDD` per octet and a backslash
as `\\\\`; *base64* octets that are no UTF-8. \"ECS\" says how a field stands to the one of the same path in the Elastic
Common Schema 8: *same*, and what is different, if anything is; fields without a word there are portolan's own.
"
    .to_owned();
    for document in documents() {
        write!(text, "\n## `portolan {}`: {}\n\n", document.commands, document.title.to_lowercase()).unwrap();
        let how = match document.form {
            Form::Object => "One object",
            Form::List => "One list of objects",
            Form::Lines => "An object per line",
        };
        writeln!(text, "{how}; schema: [{0}.json](schema/{0}.json).\n", document.name).unwrap();
        let has_ecs = document.fields.iter().any(|field| field.ecs != Ecs::Own);
        text += if has_ecs {
            "| path | type | there | meaning | ECS |\n"
        } else {
            "| path | type | there | meaning |\n"
        };
        text += if has_ecs { "| --- | --- | --- | --- | --- |\n" } else { "| --- | --- | --- | --- |\n" };
        let mut met = Vec::new();
        rows(document.fields, "", has_ecs, &mut met, &mut text);
        if document.form == Form::Lines {
            let late: Vec<_> =
                portolan::text::field::columns(document.fields).filter(|field| field.wave > 0).collect();
            let names: Vec<_> = late.iter().map(|field| format!("`{}`", field.path)).collect();
            writeln!(
                text,
                "\nColumns stand in this order, but these, which came later, behind all others: {}.",
                names.join(", ")
            )
            .unwrap();
        }
    }
    text
}

/// The rows of a table of fields, those of objects behind the object's own.
fn rows(
    fields: &[Field],
    before: &str,
    has_ecs: bool,
    met: &mut Vec<(*const Field, String)>,
    text: &mut String,
) {
    for field in fields {
        let path = format!("{before}{}{}", field.path, if field.is_list { "[]" } else { "" });
        let there = match field.presence {
            Presence::Always if before.is_empty() => "always",
            Presence::Always | Presence::Within => "with it",
            Presence::Optional => field.need.map_or("", Need::as_str),
        };
        let known = match field.kind {
            Type::Object(inner) => met.iter().find(|(table, _)| *table == inner.as_ptr()),
            _ => None,
        };
        let mut meaning = field.doc.to_owned();
        if let Some((_, place)) = known {
            write!(meaning, "; as `{place}`").unwrap();
        }
        if !field.unit.is_empty() {
            write!(meaning, ", in {}", field.unit).unwrap();
        }
        write!(text, "| `{path}` | {} | {there} | {meaning} |", name_of(field.kind)).unwrap();
        if has_ecs {
            let ecs = match field.ecs {
                Ecs::Own => String::new(),
                Ecs::Same => "same".to_owned(),
                Ecs::Differs(how) => format!("same, but {how}"),
            };
            write!(text, " {ecs} |").unwrap();
        }
        text.push('\n');
        if let (Type::Object(inner), None) = (field.kind, known) {
            met.push((inner.as_ptr(), path.clone()));
            rows(inner, &format!("{path}."), has_ecs, met, text);
        }
    }
}

/// The word of a type.
fn name_of(kind: Type) -> String {
    match kind {
        Type::Number(u64::MAX) => "number".to_owned(),
        Type::Number(most) => format!("number up to {most}"),
        Type::Flag => "true or false".to_owned(),
        Type::Time => "time".to_owned(),
        Type::Address => "address".to_owned(),
        Type::Mac => "MAC".to_owned(),
        Type::Word => "word".to_owned(),
        Type::OneOf(words) => words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Type::Text => "text".to_owned(),
        Type::Escaped => "escaped".to_owned(),
        Type::Base64 => "base64".to_owned(),
        Type::Object(_) => "object".to_owned(),
    }
}

/// The files below `docs/` that are made from the tables and lists of the source.
fn files() -> Vec<(String, String)> {
    let mut files = vec![
        ("fields.md".to_owned(), list_of_fields()),
        ("reads.md".to_owned(), list_of_what_is_read()),
        ("zeek.md".to_owned(), list_of_zeek_fields()),
    ];
    for document in documents() {
        let text = serde_json::to_string_pretty(&schema(&document)).unwrap();
        files.push((format!("schema/{}.json", document.name), text + "\n"));
    }
    files
}

#[test]
fn documents_are_those_of_the_tables() {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs");
    let update = env::var_os("UPDATE_DOCS").is_some();
    let mut stale = Vec::new();
    for (name, text) in files() {
        let file = docs.join(&name);
        if update {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != text {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "run again with UPDATE_DOCS=1, for the tables say something else than {stale:?}"
    );
    let schemas = fs::read_dir(docs.join("schema")).unwrap().count();
    assert_eq!(schemas, documents().len(), "a schema for each document and no other");
}

/// Checks what commands write against the closed schemas, and notes the paths that were met.
pub(crate) struct Check {
    document: Document,
    validator: Validator,
    met: BTreeSet<Place>,
}

impl Check {
    fn new(document: Document) -> Self {
        let schema = closed(schema(&document));
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        Self { document, validator, met: BTreeSet::new() }
    }

    pub(crate) fn all() -> BTreeMap<&'static str, Self> {
        documents().into_iter().map(|document| (document.name, Self::new(document))).collect()
    }

    /// Checks the output of a command; how many records it has.
    pub(crate) fn check(&mut self, text: &str, what: &[&str]) -> usize {
        let values: Vec<Value> = match self.document.form {
            Form::Lines => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            Form::Object | Form::List => vec![serde_json::from_str(text).unwrap()],
        };
        for value in &values {
            let wrong: Vec<_> = self
                .validator
                .iter_errors(value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{what:?}: {wrong:#?}");
            let items = match self.document.form {
                Form::List => value.as_array().unwrap().as_slice(),
                Form::Object | Form::Lines => std::slice::from_ref(value),
            };
            items.iter().for_each(|item| meet(item, self.document.fields, &mut self.met));
        }
        values.len()
    }
}

/// A field of a table, by the place of its table: tables that several others share are one.
type Place = (*const Field, &'static str);

/// Notes each field that a value shows.
fn meet(value: &Value, fields: &'static [Field], met: &mut BTreeSet<Place>) {
    for field in fields {
        let pointer = format!("/{}", field.path.replace('.', "/"));
        let Some(value) = value.pointer(&pointer) else { continue };
        met.insert((fields.as_ptr(), field.path));
        if let Type::Object(inner) = field.kind {
            let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            items.iter().for_each(|item| meet(item, inner, met));
        }
    }
}

/// The fields of a table and of those in it that were not met.
fn unmet(fields: &'static [Field], before: &str, met: &BTreeSet<Place>, all: &mut Vec<String>) {
    // What must be asked for is shown by tests of its own.
    for field in fields.iter().filter(|field| field.need.is_none()) {
        let path = format!("{before}{}", field.path);
        if !met.contains(&(fields.as_ptr(), field.path)) {
            all.push(path);
        } else if let Type::Object(inner) = field.kind {
            unmet(inner, &format!("{path}."), met, all);
        }
    }
}

/// The words of `--by`.
const BY: [&str; 14] = [
    "domain",
    "service",
    "port",
    "endpoint",
    "server",
    "client",
    "host",
    "conversation",
    "transport",
    "vlan",
    "interface",
    "service,server,client,domain,protocol,port,evidence,vlan,interface",
    "conversation,endpoint",
    "host,protocol,transport",
];

/// Checks what good runs of the command write.
fn run(checks: &mut BTreeMap<&'static str, Check>, name: &str, arguments: &[&str]) -> usize {
    checks.get_mut(name).unwrap().check(&good(arguments), arguments)
}

/// A capture of one mDNS query over raw IPv4, without a question and with a known answer (RFC 6762 section 7.1): that
/// `Kitchen` is an instance of `_ipp._tcp.local`.
fn known_answer() -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    message.extend(b"\x04_ipp\x04_tcp\x05local\0\0\x0c\0\x01\0\0\x0b\xb8\0\x0a\x07Kitchen\xc0\x0c");
    let mut packet = vec![0x45, 0, 0, 28 + message.len() as u8, 0, 0, 0, 0, 255, 17, 0, 0];
    packet.extend([192, 0, 2, 7, 224, 0, 0, 251]);
    packet.extend([0x14, 0xe9, 0x14, 0xe9, 0, 8 + message.len() as u8, 0, 0]);
    packet.extend(message);
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0".to_vec();
    let len = packet.len() as u32;
    file.extend([1_700_000_000, 0, len, len].into_iter().flat_map(u32::to_le_bytes));
    [file, packet].concat()
}

/// Checks all commands that read captures.
fn check_captures(checks: &mut BTreeMap<&'static str, Check>) {
    let folder = Scratch::new("schema-captures");
    let file = |name, octets: &[u8]| folder.file(name, octets).display().to_string();
    let shown = file("shown.pcap", &shown_capture());
    let mut run = |name: &str, arguments: &[&str]| run(checks, name, arguments);
    let json = ["--format", "json"];
    let mut inputs: Vec<Vec<String>> =
        samples().iter().map(|sample| vec![sample.display().to_string()]).collect();
    inputs.push(vec![shown.clone()]);
    inputs.push(vec![file("heard.pcap", &known_answer())]);
    let mut long = shown_capture();
    // The original length of the first packet, behind the file's header and three words of the packet's.
    long[36..40].copy_from_slice(&u32::MAX.to_le_bytes());
    inputs.push(vec![file("long.pcap", &long)]);
    inputs.push(vec![shown, "office.pcapng".to_owned(), "mdns-goodbye.pcap".to_owned()]);
    for input in &inputs {
        let input: Vec<_> = input.iter().map(String::as_str).collect();
        let with = |command: &[&'static str]| [command, &json, &input[..]].concat();
        let packets = run("packet", &with(&["annotate"]));
        assert_eq!(run("packet", &with(&["annotate", "--causal"])), packets);
        assert!(packets > 0 && run("flow", &with(&["flows"])) > 0, "{input:?}");
        run("hosts", &with(&["hosts"]));
        // The first packet and the last one.
        let last = packets.to_string();
        for number in ["1", &last] {
            let which = if let [_] = input[..] { number.to_owned() } else { format!("{}:1", input[0]) };
            run("explain", &[&["explain", "--packet", &which], &json[..], &input].concat());
        }
        run("discover", &with(&["discover"]));
        for by in BY {
            run("summary", &with(&["summary", "--by", by]));
            run("summary", &with(&["summary", "--interval", "1s", "--by", by]));
        }
    }
    let changed = "mdns-ipp-6631.pcap";
    for [before, after] in
        [["office.pcapng", changed], [changed, "office.pcapng"], ["http-get.pcap", "http-get.pcap"]]
    {
        let arguments = [&["diff", before, after], &json[..]].concat();
        checks.get_mut("diff").unwrap().check(&portolan(&arguments).out, &arguments);
    }
    // Standard error has a note of the time that cannot be shown.
    let early = ["annotate", "--format", "json", &file("clock.pcapng", &early_clock(b"br0"))];
    checks.get_mut("packet").unwrap().check(&portolan(&early).out, &early);
    let mut run = |name: &str, arguments: &[&str]| self::run(checks, name, arguments);
    let apart = ["discover", "--separate", "office.pcapng", "mdns-goodbye.pcap"];
    run("discover", &[&apart, &json[..]].concat());
    let layer = file("layer", b"192.0.2.20 80/tcp payroll\n");
    run("summary", &[&["summary", "--registry", &layer, "http-get.pcap"], &json[..]].concat());
}

/// Checks all commands about registries, and the list of interfaces.
fn check_registries(checks: &mut BTreeMap<&'static str, Check>) {
    let folder = Scratch::new("schema-registries");
    let file = |name, octets: &[u8]| folder.file(name, octets).display().to_string();
    let json = ["--format", "json"];
    let mut run = |name: &str, arguments: &[&str]| run(checks, name, arguments);
    let layer = file("layer", b"192.0.2.20 80/tcp payroll\n");
    let lookup = [
        "registry",
        "lookup",
        "--registry",
        &layer,
        "443/tcp",
        "6010/tcp",
        "9981",
        "49200",
        "wot",
        "payroll",
    ];
    run("registry-lookup", &[&lookup[..], &["914c/g", "vxi-11", "4242/sctp", "_ipp._tcp"], &json].concat());
    run("registry-lookup", &[&["registry", "search", "printer"], &json[..]].concat());
    run("registry-info", &[&["registry", "info"], &json[..]].concat());
    run("registry-export", &[&["registry", "export"], &json[..]].concat());
    run("interfaces", &["interfaces", "--format", "json"]);
    file("config.toml", b"threads = 2\n[flows]\ntop = 3\n");
    let settings = folder.0.join("portolan");
    fs::create_dir_all(&settings).unwrap();
    fs::rename(folder.0.join("config.toml"), settings.join("config.toml")).unwrap();
    let arguments = ["config", "show", "--format", "json"];
    let shown = command(&arguments)
        .env("XDG_CONFIG_HOME", &folder.0)
        .env("PORTOLAN_COLOR", "never")
        .output()
        .unwrap();
    checks.get_mut("config").unwrap().check(&String::from_utf8(shown.stdout).unwrap(), &arguments);
    // The built-in registry does not keep who asked for a port and when; an imported one does.
    let old = good(&["registry", "export"]);
    let (data, old_file) = (folder.0.join("data"), file("old.csv", old.as_bytes()));
    let mut rows: Vec<_> = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(old.as_bytes())
        .into_records()
        .map(|row| row.unwrap().iter().map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect();
    let redis = rows.iter().position(|row| row[0] == "redis").unwrap();
    for (cell, text) in
        rows[redis][4..12].iter_mut().zip(["A", "B", "2020-01-02", "2021", "RFC", "7", "x", "y"])
    {
        text.clone_into(cell);
    }
    let [added, removed] = [redis, redis + 1].map(|at| rows[at].clone());
    rows.retain(|row| *row != removed);
    rows.push([&["payroll-test".to_owned(), "49100".to_owned()], &added[2..]].concat());
    let mut new = csv::Writer::from_writer(Vec::new());
    rows.iter().for_each(|row| new.write_record(row).unwrap());
    let new_file = file("new.csv", &new.into_inner().unwrap());
    let differences = ["registry", "diff", &old_file, &new_file, "--format", "json"];
    let said = portolan(&differences);
    assert_eq!((said.code, said.error.as_str()), (1, ""));
    checks.get_mut("registry-diff").unwrap().check(&said.out, &differences);
    let with = |arguments: &[&str]| {
        let output = command(arguments).env("XDG_DATA_HOME", &data).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    with(&["registry", "import", &new_file]);
    for (name, arguments) in [
        ("registry-lookup", &["registry", "lookup", "redis", "--format", "json"][..]),
        ("registry-export", &["registry", "export", "--format", "json"]),
    ] {
        checks.get_mut(name).unwrap().check(&with(arguments), arguments);
    }
}

#[test]
fn what_commands_write_is_valid() {
    let mut checks = Check::all();
    check_captures(&mut checks);
    check_registries(&mut checks);
    // What no test shows here is written down, so that no field stands in a table for ever that nothing writes.
    let mut unseen = Vec::new();
    for (name, check) in &checks {
        unmet(check.document.fields, &format!("{name}: "), &check.met, &mut unseen);
    }
    assert_eq!(unseen, UNSEEN);
}

/// Fields that no capture here shows: what an interface lost, what a bound of memory kept out, makers of MACs that are not of the lab's own, and what is rarely spoken in flows that an ICMP
/// error complains about.
const UNSEEN: [&str; 21] = [
    "diff: before.incomplete",
    "diff: after.incomplete",
    "discover: instances.txt_omitted",
    "discover: dropped.names",
    "discover: dropped.types",
    "discover: dropped.texts",
    "discover: dropped.records",
    "discover: dropped.questions",
    "discover: dropped.events",
    "discover: dropped.findings",
    "discover: dropped.left",
    "hosts: hosts.vendor",
    "packet: about.svc.asked",
    "packet: about.svc.layers",
    "packet: about.svc.mismatch",
    "packet: about.svc.registered",
    "summary: capture.received",
    "summary: capture.dropped.kernel",
    "summary: capture.dropped.interface",
    "summary: rows.approximate",
    "summary: intervals.rows.approximate",
];

#[test]
fn what_is_wrong_is_not_valid() {
    let mut checks = Check::all();
    let packet = checks.get_mut("packet").unwrap();
    let line = good(&["annotate", "--format", "json", "-c", "1", "redis-set.pcap"]);
    let record: Value = serde_json::from_str(&line).unwrap();
    assert!(packet.validator.is_valid(&record));
    let changes: [fn(&mut Value); 6] = [
        |record| record["frame"]["number"] = "1".into(),
        |record| record["network"]["vlan"] = json!([1]),
        |record| record["source"]["mac"] = "02:00:00:00:00:01".into(),
        |record| record["destination"]["port"] = 65_536.into(),
        |record| record["more"] = 1.into(),
        |record| drop(record["svc"].as_object_mut().unwrap().remove("evidence")),
    ];
    for change in changes {
        let mut wrong = record.clone();
        change(&mut wrong);
        assert!(!packet.validator.is_valid(&wrong), "{wrong}");
    }
    for document in documents() {
        jsonschema::meta::validate(&schema(&document)).unwrap();
    }
}
