//! What an expression says, before anybody asked whether there are such fields; printed as it is read.

use std::{fmt, ops::Range};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// One of these holds: two or more.
    Any(Vec<Self>),
    /// All of these hold: two or more.
    All(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// A field is asked.
    Test(Test),
}

/// What a field is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) path: Spanned<String>,
    pub(super) ask: Ask,
}

/// The question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Whether it is there.
    Present,
    /// How it compares with a value.
    Compare(Spanned<Operator>, Literal),
    /// Whether it is one of these.
    In(Spanned<()>, Vec<Literal>),
    /// Whether it lies in what a single value stands for.
    Within(Spanned<()>, Literal),
}

/// How a field is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    Contains,
    Matches,
}

impl Operator {
    /// Every one, an operator that another begins with behind that.
    pub(super) const ALL: [Self; 8] = [
        Self::Equal,
        Self::Unequal,
        Self::AtMost,
        Self::AtLeast,
        Self::Less,
        Self::More,
        Self::Contains,
        Self::Matches,
    ];

    /// How it is written.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Contains => "contains",
            Self::Matches => "matches",
        }
    }
}

/// A value as it was written: what it means depends on the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) text: Spanned<String>,
    /// Whether it stands in quotation marks.
    pub(super) quoted: bool,
}

/// Something and where it stands in the expression, in octets. Where it stands makes no difference to what it is.
#[derive(Clone, Debug, Eq)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// Words of the language, which are no fields, and no values unless in quotation marks.
pub(super) const KEYWORDS: [&str; 6] = ["and", "or", "not", "in", "contains", "matches"];

/// Whether a character may stand in a path or a value without quotation marks.
pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || "_.:/-+@%".contains(c)
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(parts) => joined(parts, " or ", f),
            Self::All(parts) => joined(parts, " and ", f),
            Self::Not(inner) => {
                f.write_str("not ")?;
                inner.inside(matches!(**inner, Self::Any(_) | Self::All(_)), f)
            }
            Self::Test(test) => write!(f, "{test}"),
        }
    }
}

fn joined(parts: &[Expression], word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        f.write_str(if place == 0 { "" } else { word })?;
        // `and` binds closer than `or`.
        let needs =
            matches!(part, Expression::Any(_)) || word == " and " && matches!(part, Expression::All(_));
        part.inside(needs, f)?;
    }
    Ok(())
}

impl Expression {
    fn inside(&self, parentheses: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if parentheses { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.value)?;
        match &self.ask {
            Ask::Present => Ok(()),
            Ask::Compare(operator, literal) => write!(f, " {} {literal}", operator.value.as_str()),
            Ask::Within(_, literal) => write!(f, " in {literal}"),
            Ask::In(_, literals) => {
                f.write_str(" in {")?;
                for (place, literal) in literals.iter().enumerate() {
                    write!(f, "{}{literal}", if place == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text.value;
        if self.quoted {
            write!(f, "\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
        } else {
            f.write_str(text)
        }
    }
}
