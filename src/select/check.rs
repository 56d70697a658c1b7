//! Expressions held against the fields that there are: each value must be one that its field can have.

use std::{cell::RefCell, ops::Range};

use super::{
    fault::Fault,
    predicate::{Asked, Condition, Node},
    schema::{Entry, Found, Schema, Subject, nearest},
    syntax::{Ask, Expression, Literal, Operator, Test},
};
use memchr::memmem::Finder;

use crate::text::{
    Prefix,
    field::Type,
    number::read_mac,
    time::{duration, moment},
};

/// Most octets that a compiled regular expression may take.
const MAX_PATTERN: usize = 1 << 20;

/// What a value is, as far as comparing goes.
enum Kind {
    Number(u64),
    /// A length of time in ns.
    Length,
    Time,
    Address,
    Mac,
    Flag,
    OneOf(Vec<&'static str>),
    Text,
}

impl Kind {
    fn of(kind: Type, unit: &str) -> Self {
        match kind {
            Type::Number(_) if unit == "ns" => Self::Length,
            Type::Number(most) => Self::Number(most),
            Type::Flag => Self::Flag,
            Type::Time => Self::Time,
            Type::Address => Self::Address,
            Type::Mac => Self::Mac,
            Type::OneOf(words) => Self::OneOf(words()),
            Type::Word | Type::Text | Type::Escaped | Type::Base64 | Type::Object(_) => Self::Text,
        }
    }

    /// What it is called, for people.
    fn name(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Length => "a length of time",
            Self::Time => "a time",
            Self::Address => "an address",
            Self::Mac => "a MAC",
            Self::Flag => "true or false",
            Self::OneOf(_) => "a word",
            Self::Text => "text",
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::OneOf(_) | Self::Text)
    }

    fn is_ordered(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Length | Self::Time)
    }
}

/// Checks an expression and compiles it. Returns the paths that it asks beside it.
///
/// # Errors
/// A field that there is not, or a value that it cannot have.
pub(super) fn compile<S: Subject>(
    expression: &Expression,
    text: &str,
    schema: &Schema<S>,
) -> Result<(Node<S>, Vec<String>), Fault> {
    let checker = Checker { text, schema, paths: RefCell::default() };
    let node = checker.node(expression)?;
    Ok((node, checker.paths.into_inner()))
}

struct Checker<'c, S: Subject> {
    text: &'c str,
    schema: &'c Schema<S>,
    /// What was asked so far.
    paths: RefCell<Vec<String>>,
}

impl<S: Subject> Checker<'_, S> {
    fn node(&self, expression: &Expression) -> Result<Node<S>, Fault> {
        let nodes = |parts: &[Expression]| -> Result<Box<[_]>, _> {
            parts.iter().map(|part| self.node(part)).collect()
        };
        Ok(match expression {
            Expression::Any(parts) => Node::Any(nodes(parts)?),
            Expression::All(parts) => Node::All(nodes(parts)?),
            Expression::Not(inner) => Node::Not(Box::new(self.node(inner)?)),
            Expression::Test(test) => Node::Test(self.test(test)?),
        })
    }

    fn fault(&self, at: &Range<usize>, what: impl Into<String>) -> Fault {
        Fault::new(self.text, at.clone(), what)
    }

    fn test(&self, test: &Test) -> Result<Asked<S>, Fault> {
        let (path, span) = (&*test.path.value, &test.path.span);
        let asked = |entries: &[&Entry<S>], is_none, condition| {
            self.paths.borrow_mut().extend(entries.iter().map(|entry| entry.path.clone()));
            // Notes and DNS messages are written out to be looked into.
            let is_made = entries.iter().any(|it| matches!(it.kind, Type::Object(_)) || it.path == "notes");
            let is_made = is_made && !matches!(condition, Condition::Present);
            let quick = entries.iter().map(|entry| S::quick(&entry.path)).collect::<Option<_>>();
            let of = entries.iter().map(|entry| entry.get.clone()).collect();
            Asked { of, quick: quick.unwrap_or_default(), is_none, is_turned: false, is_made, condition }
        };
        let entries = match self.schema.find(path) {
            Found::None => return Err(self.schema.unknown(self.text, span.clone(), path)),
            Found::Group(entries) if test.ask == Ask::Present => {
                return Ok(asked(&entries, false, Condition::Present));
            }
            Found::Group(entries) => {
                let paths: Vec<_> = entries.iter().map(|entry| &*entry.path).collect();
                let what = format!("`{path}` holds several fields: one of them can be compared");
                return Err(self.fault(span, what).hint(format!("fields: {}", paths.join(", "))));
            }
            Found::Fields(entries) => entries,
        };
        // The sides of a record are of one kind.
        let kind = entries.first().map_or(Kind::Text, |entry| Kind::of(entry.kind, entry.unit));
        let (is_none, condition) = match &test.ask {
            Ask::Present => (false, Condition::Present),
            Ask::Compare(operator, value) => {
                let is_none = operator.value == Operator::Unequal;
                (is_none, self.compare(path, &kind, operator.value, &operator.span, value)?)
            }
            Ask::In(span, values) => (false, self.one_of(path, &kind, span.span.clone(), values)?),
            Ask::Within(span, value) if matches!(kind, Kind::Address) => {
                (false, self.one_of(path, &kind, span.span.clone(), std::slice::from_ref(value))?)
            }
            Ask::Within(_, value) => {
                let what = format!("`in` takes a set, such as {{{value}}}; only addresses lie in a prefix");
                return Err(self.fault(&value.text.span, what));
            }
        };
        Ok(asked(&entries, is_none, condition))
    }

    fn compare(
        &self,
        path: &str,
        kind: &Kind,
        operator: Operator,
        at: &Range<usize>,
        value: &Literal,
    ) -> Result<Condition, Fault> {
        let word = operator.as_str();
        let range = |number: u64| match operator {
            Operator::Less => number.checked_sub(1).map_or((1, 0), |most| (0, most)),
            Operator::AtMost => (0, number),
            Operator::More => number.checked_add(1).map_or((1, 0), |least| (least, u64::MAX)),
            Operator::AtLeast => (number, u64::MAX),
            _ => (number, number),
        };
        match operator {
            Operator::Contains | Operator::Matches if !kind.is_text() => {
                let what = format!("`{word}` looks into text, and `{path}` is {}", kind.name());
                Err(self.fault(at, what))
            }
            Operator::Contains => {
                let finder = Finder::new(value.text.value.as_bytes()).into_owned();
                Ok(Condition::Contains(Box::new(finder)))
            }
            Operator::Matches => self.pattern(value, &value.text.value),
            Operator::Equal | Operator::Unequal if matches!(kind, Kind::Address) => {
                if value.text.value.contains('/') {
                    let what =
                        format!("`{word}` compares with one address: `{path} in {value}` asks for a prefix");
                    return Err(self.fault(&value.text.span, what));
                }
                Ok(Condition::Addresses([self.prefix(path, value)?].into_iter().collect()))
            }
            Operator::Equal | Operator::Unequal => {
                self.one_of(path, kind, at.clone(), std::slice::from_ref(value))
            }
            _ if kind.is_ordered() => Ok(Condition::Numbers([range(self.number(path, kind, value)?)].into())),
            _ => {
                let what = format!(
                    "`{word}` compares numbers, times and lengths of time, and `{path}` is {}",
                    kind.name()
                );
                Err(self.fault(at, what))
            }
        }
    }

    /// That a field has one of these values.
    fn one_of(
        &self,
        path: &str,
        kind: &Kind,
        at: Range<usize>,
        values: &[Literal],
    ) -> Result<Condition, Fault> {
        Ok(match kind {
            Kind::Number(_) | Kind::Length | Kind::Time => {
                let exact = |value| self.number(path, kind, value).map(|number| (number, number));
                Condition::Numbers(joined(values.iter().map(exact).collect::<Result<_, _>>()?))
            }
            Kind::Address => Condition::Addresses(
                values.iter().map(|value| self.prefix(path, value)).collect::<Result<_, _>>()?,
            ),
            Kind::Mac => {
                let mac = |value: &Literal| {
                    read_mac(&value.text.value)
                        .ok_or_else(|| self.no_value(path, value, "a MAC such as 02-00-00-00-00-01"))
                };
                Condition::Macs(values.iter().map(mac).collect::<Result<_, _>>()?)
            }
            Kind::Flag => match values {
                [value] if value.text.value == "true" => Condition::Flag(true),
                [value] if value.text.value == "false" => Condition::Flag(false),
                [value] => return Err(self.no_value(path, value, "true or false")),
                _ => return Err(self.fault(&at, format!("`{path}` is true or false: compare with `==`"))),
            },
            Kind::OneOf(_) | Kind::Text => {
                let text = |value| self.text(path, kind, value);
                Condition::Texts(values.iter().map(text).collect::<Result<_, _>>()?)
            }
        })
    }

    /// That a value is none that a field can have.
    fn no_value(&self, path: &str, value: &Literal, takes: &str) -> Fault {
        self.fault(&value.text.span, format!("`{path}` is compared with {takes}, which {value} is not"))
    }

    /// A number, a time or a length of time: the latter two in ns.
    fn number(&self, path: &str, kind: &Kind, value: &Literal) -> Result<u64, Fault> {
        let text = &*value.text.value;
        let wrong = |takes| self.no_value(path, value, takes);
        match kind {
            Kind::Number(most) => match text.parse() {
                Ok(number) if number <= *most => Ok(number),
                Ok(_) => Err(self.fault(&value.text.span, format!("`{path}` is at most {most}"))),
                Err(_) => Err(wrong("a whole number")),
            },
            Kind::Length => {
                // As JSON has it, or as people write it.
                let length = || u64::try_from(duration(text).ok()?.as_nanos()).ok();
                let number = if text.bytes().all(|octet| octet.is_ascii_digit()) {
                    text.parse().ok()
                } else {
                    length()
                };
                number.ok_or_else(|| wrong("a length of time such as 500ms, or a number of nanoseconds"))
            }
            _ => match moment(text) {
                Ok(time) => Ok(time.0),
                Err(reason) => Err(wrong("a time such as 2026-01-02T03:04:05Z").hint(reason)),
            },
        }
    }

    fn prefix(&self, path: &str, value: &Literal) -> Result<Prefix, Fault> {
        Prefix::parse(&value.text.value)
            .ok_or_else(|| self.no_value(path, value, "an address, or with `in` a prefix such as 10.0.0.0/8"))
    }

    fn text(&self, path: &str, kind: &Kind, value: &Literal) -> Result<Box<[u8]>, Fault> {
        let text = &*value.text.value;
        if let Kind::OneOf(words) = kind
            && !words.contains(&text)
        {
            let fault = self.fault(&value.text.span, format!("`{path}` is never {value}"));
            let near = nearest(text, words.iter().copied());
            let fault =
                near.into_iter().fold(fault, |fault, near| fault.hint(format!("did you mean `{near}`?")));
            return Err(fault.hint(format!("words: {}", words.join(", "))));
        }
        // Whoever writes a path here means that field, which would never be asked.
        if !value.quoted && text.contains('.') && matches!(self.schema.find(text), Found::Fields(_)) {
            let what = format!(
                "fields are compared with values, not with each other: \"{text}\" would be that text"
            );
            return Err(self.fault(&value.text.span, what));
        }
        Ok(text.as_bytes().into())
    }

    fn pattern(&self, value: &Literal, pattern: &str) -> Result<Condition, Fault> {
        let built = regex::bytes::RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build();
        built.map(Condition::Pattern).map_err(|error| {
            let told = error.to_string();
            let reason = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
            self.fault(
                &value.text.span,
                format!("{value} is no regular expression that can be used: {reason}"),
            )
        })
    }
}

/// Ranges, those that meet joined into one.
fn joined(mut ranges: Vec<(u64, u64)>) -> Box<[(u64, u64)]> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, before| {
        let meets = next.0 <= before.1.saturating_add(1);
        if meets {
            before.1 = before.1.max(next.1);
        }
        meets
    });
    ranges.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_meet_are_one() {
        let joined = |ranges: &[(u64, u64)]| joined(ranges.to_vec()).into_vec();
        assert_eq!(joined(&[(3, 3), (1, 1), (2, 2), (9, 9)]), [(1, 3), (9, 9)]);
        assert_eq!(joined(&[(0, 5), (2, 3), (u64::MAX, u64::MAX)]), [(0, 5), (u64::MAX, u64::MAX)]);
        assert_eq!(joined(&[(u64::MAX, u64::MAX), (u64::MAX, u64::MAX)]), [(u64::MAX, u64::MAX)]);
    }
}
