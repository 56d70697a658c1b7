//! What is chosen by `--where`, `--from` and `--to`: predicates against a plain reading of the JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use portolan::{
    Answers, Encoder, Job, Registry, View,
    knowledge::Options,
    pipeline::Inputs,
    record::{Record, fields::PACKET},
    select::{Packets, Predicate, packets},
    sink,
    text::field::Type,
};
use proptest::{prelude::*, sample, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::Value;

use crate::material;

/// An expression as the test has it.
#[derive(Clone, Debug)]
enum Expression {
    Any(Vec<Self>),
    All(Vec<Self>),
    Not(Box<Self>),
    Present(&'static str),
    Compare(&'static str, &'static str, Vec<String>),
}

impl Expression {
    /// As it is written, with more parentheses than it needs.
    fn text(&self) -> String {
        let joined = |parts: &[Self], word| {
            let parts: Vec<_> = parts.iter().map(|part| format!("({})", part.text())).collect();
            parts.join(word)
        };
        match self {
            Self::Any(parts) => joined(parts, " or "),
            Self::All(parts) => joined(parts, " and "),
            Self::Not(inner) => format!("not ({})", inner.text()),
            Self::Present(path) => (*path).to_owned(),
            Self::Compare(path, operator, values) => {
                let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
                match *operator {
                    "in" => format!("{path} in {{{}}}", values.join(", ")),
                    _ => format!("{path} {operator} {}", values[0]),
                }
            }
        }
    }

    /// What it says of a packet's JSON.
    fn holds(&self, packet: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(packet)),
            Self::All(parts) => parts.iter().all(|part| part.holds(packet)),
            Self::Not(inner) => !inner.holds(packet),
            Self::Present(path) => values(packet, path).next().is_some(),
            Self::Compare(path, operator, wanted) => {
                let mut told = values(packet, path).peekable();
                match *operator {
                    "!=" => told.peek().is_some() && !told.any(|value| text(&value) == wanted[0]),
                    "==" | "in" => told.any(|value| wanted.iter().any(|wanted| is_in(&text(&value), wanted))),
                    "contains" => told.any(|value| text(&value).contains(&*wanted[0])),
                    "matches" => told.any(|value| text(&value).starts_with(&wanted[0][1..])),
                    _ => told.any(|value| compares(&value, operator, &wanted[0])),
                }
            }
        }
    }
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The values at a path, or at either of two; those of a list each by itself.
fn values(packet: &Value, path: &str) -> impl Iterator<Item = Value> {
    let paths = match path {
        "ip" | "port" | "mac" => vec![format!("source.{path}"), format!("destination.{path}")],
        path => vec![path.to_owned()],
    };
    let found = paths.into_iter().filter_map(|path| {
        let value = packet.pointer(&format!("/{}", path.replace('.', "/")))?;
        Some(value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]))
    });
    found.flatten().collect::<Vec<_>>().into_iter()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Whether a text is another, or an address that begins with the bits of a prefix.
fn is_in(text: &str, wanted: &str) -> bool {
    let Some((prefix, bits)) = wanted.split_once('/') else { return text == wanted };
    let octets = |text: &str| match text.parse() {
        Ok(IpAddr::V4(v4)) => Some((4, v4.octets().to_vec())),
        Ok(IpAddr::V6(v6)) => Some((6, v6.octets().to_vec())),
        Err(_) => None,
    };
    let (Some(one), Some(other), Ok(bits)) = (octets(text), octets(prefix), bits.parse::<usize>()) else {
        return text == wanted;
    };
    let bit = |octets: &[u8], at: usize| octets[at / 8] >> (7 - at % 8) & 1;
    one.0 == other.0 && (0..bits).all(|at| bit(&one.1, at) == bit(&other.1, at))
}

/// Numbers by value; times, which all have the same form, by their texts.
fn compares(value: &Value, operator: &str, wanted: &str) -> bool {
    let order = match value.as_u64() {
        Some(number) => number.cmp(&wanted.parse().unwrap()),
        None => text(value).as_str().cmp(wanted),
    };
    match operator {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => unreachable!("{operator}"),
    }
}

/// What a path may be compared by, and with: values that were met, and some beside them.
#[derive(Clone, Debug)]
struct Choice {
    path: &'static str,
    operators: Vec<&'static str>,
    values: Vec<String>,
}

/// The fields that are compared in the test, with the values that packets have of them.
fn choices(lines: &[Value]) -> Vec<Choice> {
    let either = [("ip", Type::Address), ("port", Type::Number(65_535)), ("mac", Type::Mac)];
    let fields = PACKET.iter().map(|field| (field.path, field.kind)).chain(either);
    let mut all = Vec::new();
    for (path, kind) in fields.filter(|(_, kind)| !matches!(kind, Type::Object(_))) {
        let met = lines.iter().flat_map(|line| values(line, path)).map(|value| text(&value));
        let mut values: Vec<_> = met.collect::<BTreeSet<_>>().into_iter().collect();
        let mut operators = vec!["==", "!=", "in"];
        match kind {
            Type::Number(_) => {
                values.extend(["0", "443", "65535"].map(ToOwned::to_owned));
                operators.extend(["<", "<=", ">", ">="]);
            }
            Type::Time => operators.extend(["<", "<=", ">", ">="]),
            Type::Word | Type::Text | Type::Escaped => {
                values.extend(["", "http", "d"].map(ToOwned::to_owned));
                operators.extend(["contains", "matches"]);
            }
            Type::OneOf(words) => {
                values.extend(words().into_iter().take(4).map(ToOwned::to_owned));
                operators.extend(["contains", "matches"]);
            }
            Type::Flag => {
                values = vec!["true".to_owned(), "false".to_owned()];
                operators.pop();
            }
            _ => {}
        }
        if !values.is_empty() {
            all.push(Choice { path, operators, values });
        }
    }
    all
}

fn tests(choices: Vec<Choice>) -> impl Strategy<Value = Expression> {
    sample::select(choices).prop_flat_map(|Choice { path, operators, values }| {
        let wanted = prop::collection::vec(sample::select(values), 1..4);
        (sample::select([operators, vec![""]].concat()), wanted, 0..=128_u8).prop_map(
            move |(operator, mut values, bits)| match operator {
                "" => Expression::Present(path),
                "matches" => {
                    // A beginning of letters and digits, which mean themselves in a regular expression.
                    let plain: String = values[0].chars().take_while(char::is_ascii_alphanumeric).collect();
                    Expression::Compare(path, operator, vec![format!("^{plain}")])
                }
                "in" => {
                    for value in &mut values {
                        if let Ok(address) = value.parse::<IpAddr>() {
                            let bits = if address.is_ipv4() { bits / 4 } else { bits };
                            *value = format!("{address}/{bits}");
                        }
                    }
                    Expression::Compare(path, operator, values)
                }
                operator => Expression::Compare(path, operator, values[..1].to_vec()),
            },
        )
    })
}

fn expressions(choices: Vec<Choice>) -> impl Strategy<Value = Expression> {
    tests(choices).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Any),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::All),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

/// Asks every expression about every packet, and holds the answer against what it says of the packet's JSON.
#[derive(Clone)]
struct Ask {
    json: sink::Json,
    asked: Vec<(Expression, Predicate<Packets>)>,
    /// How often an expression held and did not.
    answers: Arc<Mutex<BTreeMap<bool, u64>>>,
}

impl Encoder for Ask {
    type Part = Vec<u8>;

    fn shows_community_ids(&self) -> bool {
        true
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        self.json.packet(record, out);
        let packet: Value = serde_json::from_slice(&out[start..]).unwrap();
        for (expression, predicate) in &mut self.asked {
            let holds = predicate.holds(record);
            assert_eq!(holds, expression.holds(&packet), "{} of {packet}", expression.text());
            *self.answers.lock().unwrap().entry(holds).or_default() += 1;
        }
    }
}

/// Charts files with that encoder, with hindsight and packet by packet; what it made with hindsight.
fn chart(files: &[PathBuf], ask: &Ask) -> Vec<u8> {
    let registry = Registry::built_in();
    let job = || Job { threads: 1, ..Job::new(Inputs::Files(files.to_vec()), &registry) };
    let (knowledge, _) = job().learn(Options::default(), &()).unwrap();
    let answers = Answers::of(&knowledge, &registry, true, 1);
    let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
    let (mut out, mut ignored) = (Vec::new(), Vec::new());
    job().chart(&view, ask.clone(), &mut sink::Writer::new(&mut out), &()).unwrap();
    let options = Options { causal: true, ..Options::default() };
    job().follow(options, ask.clone(), &mut sink::Writer::new(&mut ignored), &()).unwrap();
    out
}

#[test]
fn predicates_say_what_a_plain_reading_of_the_json_says() {
    let samples = ["office.pcapng", "icmp-errors.pcap", "dns-fragments-v6.pcap", "vxlan-http.pcap"];
    let files = [&samples[..], &["tls-foreign.pcap", "mdns-goodbye.pcap"]].concat();
    let files: Vec<_> = files.into_iter().map(material::sample).collect();
    let mut ask = Ask { json: sink::Json::default(), asked: Vec::new(), answers: Arc::default() };
    let lines: Vec<Value> = String::from_utf8(chart(&files, &ask))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let strategy = expressions(choices(&lines));
    let mut runner = TestRunner::deterministic();
    for _ in 0..400 {
        let expression = strategy.new_tree(&mut runner).unwrap().current();
        let predicate = Predicate::new(&expression.text(), &packets());
        ask.asked.push((expression.clone(), predicate.unwrap_or_else(|fault| panic!("{fault}"))));
    }
    chart(&files, &ask);
    let answers = ask.answers.lock().unwrap();
    assert!(answers[&true] > 10_000 && answers[&false] > 10_000, "{answers:?}");
}
