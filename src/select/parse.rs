//! Expressions read: `svc.name == "https" and source.ip in 10.0.0.0/8 and not svc.evidence == "registered"`.
//!
//! ```text
//! expression = all { "or" all }
//! all        = unary { "and" unary }
//! unary      = "not" unary | "(" expression ")" | test
//! test       = path [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "matches" ) value
//!            | "in" ( value | "{" value { "," value } "}" ) ]
//! value      = word | '"' text '"' | "'" text "'"
//! ```

use winnow::{
    LocatingSlice, Parser,
    combinator::{alt, cut_err, delimited, eof, not, opt, preceded, repeat, separated, terminated},
    error::{AddContext, ErrMode, ParserError},
    stream::{Stateful, Stream},
    token::{any, literal, take_till, take_while},
};

use super::{
    fault::Fault,
    syntax::{Ask, Expression, KEYWORDS, Literal, Operator, Spanned, Test, is_of_word},
};

/// How deep `not` and parentheses may be nested.
const MAX_DEPTH: u32 = 64;

/// The rest of the text, and how deep it is nested in what was read.
type Input<'i> = Stateful<LocatingSlice<&'i str>, u32>;
type Read<T> = Result<T, ErrMode<Expected>>;

/// What should have stood where reading ended.
#[derive(Clone, Copy, Debug, Default)]
struct Expected(Option<&'static str>);

impl<I: Stream> ParserError<I> for Expected {
    type Inner = Self;

    fn from_input(_: &I) -> Self {
        Self::default()
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

impl<I: Stream> AddContext<I> for Expected {
    fn add_context(self, _: &I, _: &I::Checkpoint, what: &'static str) -> Self {
        // The innermost tells most.
        Self(self.0.or(Some(what)))
    }
}

const PATH: &str = "the path of a field";
const VALUE: &str = "a value: a word, or text in quotation marks";
const NEXT: &str = "`and`, `or` or the end";

/// Reads an expression.
///
/// # Errors
/// Where it is none, and what should stand there.
pub(super) fn parse(text: &str) -> Result<Expression, Fault> {
    let input = Stateful { input: LocatingSlice::new(text), state: 0 };
    let whole = delimited(space, expression, eof.context(NEXT));
    { whole }.parse(input).map_err(|error| {
        let at = error.offset().min(text.len());
        let len = text[at..].chars().take_while(|&c| is_of_word(c)).map(char::len_utf8).sum::<usize>();
        let next = text[at..].chars().next().map_or(0, char::len_utf8);
        let what = match error.inner().0 {
            Some(told) if told.starts_with('!') => told[1..].to_owned(),
            Some(expected) => format!("expected here: {expected}"),
            None => format!("expected here: {NEXT}"),
        };
        Fault::new(text, at..at + len.max(next), what)
    })
}

fn expression(input: &mut Input<'_>) -> Read<Expression> {
    joined(input, all, or, Expression::Any)
}

fn all(input: &mut Input<'_>) -> Read<Expression> {
    joined(input, unary, and, Expression::All)
}

/// One part, or several with a word between them.
fn joined<'i>(
    input: &mut Input<'i>,
    part: fn(&mut Input<'i>) -> Read<Expression>,
    word: fn(&mut Input<'i>) -> Read<()>,
    make: fn(Vec<Expression>) -> Expression,
) -> Read<Expression> {
    let first = part(input)?;
    let rest: Vec<_> = repeat(0.., preceded(word, cut_err(part))).parse_next(input)?;
    Ok(if rest.is_empty() { first } else { make([vec![first], rest].concat()) })
}

fn unary(input: &mut Input<'_>) -> Read<Expression> {
    if input.state == MAX_DEPTH {
        return Err(ErrMode::Cut(Expected(Some("!nested too deep: more than 64 `not` and parentheses"))));
    }
    input.state += 1;
    let negated = preceded(no, cut_err(unary)).map(|inner| Expression::Not(Box::new(inner)));
    let grouped =
        delimited(symbol("("), cut_err(expression), cut_err(symbol(")").context("`)`, `and` or `or`")));
    let read = alt((negated, grouped, test.map(Expression::Test))).context(PATH).parse_next(input);
    input.state -= 1;
    read
}

fn test(input: &mut Input<'_>) -> Read<Test> {
    let path = word.parse_next(input)?;
    if let Some(operator) = opt(operator).parse_next(input)? {
        let value = cut_err(value.context(VALUE)).parse_next(input)?;
        return Ok(Test { path, ask: Ask::Compare(operator, value) });
    }
    let Some(span) = opt(keyword("in").span()).parse_next(input)? else {
        return Ok(Test { path, ask: Ask::Present });
    };
    let span = Spanned { value: (), span: span.start..span.start + "in".len() };
    let comma = symbol(",");
    let values = separated(1.., cut_err(value.context(VALUE)), comma);
    let set = delimited(symbol("{"), values, cut_err(symbol("}").context("`,` or `}`")));
    let ask = alt((
        set.map(|values| Ask::In(span.clone(), values)),
        value.map(|value| Ask::Within(span.clone(), value)),
    ));
    let ask = cut_err(ask.context("a set such as {80, 443}, or a prefix such as 10.0.0.0/8"));
    Ok(Test { path, ask: { ask }.parse_next(input)? })
}

fn operator(input: &mut Input<'_>) -> Read<Spanned<Operator>> {
    for operator in Operator::ALL {
        let text = operator.as_str();
        let is_word = text.starts_with(|c: char| c.is_alphabetic());
        let read = if is_word {
            opt(keyword(text).span()).parse_next(input)
        } else {
            opt(symbol(text).span()).parse_next(input)
        };
        if let Some(span) = read? {
            return Ok(Spanned { value: operator, span: span.start..span.start + text.len() });
        }
    }
    if opt(literal("=")).parse_next(input)?.is_some() {
        return Err(ErrMode::Cut(Expected(Some("!one `=` compares nothing: write `==`"))));
    }
    Err(ErrMode::Backtrack(Expected::default()))
}

fn or(input: &mut Input<'_>) -> Read<()> {
    alt((keyword("or"), symbol("||"))).parse_next(input)
}

fn and(input: &mut Input<'_>) -> Read<()> {
    alt((keyword("and"), symbol("&&"))).parse_next(input)
}

fn no(input: &mut Input<'_>) -> Read<()> {
    alt((keyword("not"), symbol("!"))).parse_next(input)
}

fn space(input: &mut Input<'_>) -> Read<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

/// A word of the language, and the space behind it.
fn keyword<'i>(word: &'static str) -> impl Parser<Input<'i>, (), ErrMode<Expected>> {
    (literal(word), not(take_while(1, is_of_word)), space).void()
}

/// A mark of the language, and the space behind it.
fn symbol<'i>(mark: &'static str) -> impl Parser<Input<'i>, (), ErrMode<Expected>> {
    (literal(mark), space).void()
}

/// A path, or a value without quotation marks; and the space behind it.
fn word(input: &mut Input<'_>) -> Read<Spanned<String>> {
    let word = take_while(1.., is_of_word).verify(|word: &str| !KEYWORDS.contains(&word));
    let word = word.with_span().map(|(word, span): (&str, _)| Spanned { value: word.to_owned(), span });
    terminated(word, space).parse_next(input)
}

fn value(input: &mut Input<'_>) -> Read<Literal> {
    let quoted = alt((quoted('"'), quoted('\''))).with_span();
    let quoted = quoted.map(|(value, span)| Literal { text: Spanned { value, span }, quoted: true });
    let bare = word.map(|text| Literal { text, quoted: false });
    alt((terminated(quoted, space), bare)).parse_next(input)
}

/// Text between two of these marks. A backslash takes the mark, or another backslash, for what it is; before anything
/// else it is one itself, as in regular expressions.
fn quoted<'i>(mark: char) -> impl Parser<Input<'i>, String, ErrMode<Expected>> {
    move |input: &mut Input<'i>| {
        literal(mark).void().parse_next(input)?;
        let mut text = String::new();
        loop {
            let plain = take_till(0.., [mark, '\\']);
            text += { plain }.parse_next(input)?;
            let next = cut_err(any.context("the quotation mark that ends the text")).parse_next(input)?;
            if next == mark {
                return Ok(text);
            }
            match opt(alt((literal(mark), literal('\\')))).parse_next(input)? {
                Some(taken) => text += taken,
                None => text.push('\\'),
            }
        }
    }
}
