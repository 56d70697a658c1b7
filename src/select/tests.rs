//! Tests of the language, of orders and of windows.

use proptest::prelude::*;

use super::{
    parse::parse,
    syntax::{Ask, Expression, KEYWORDS, Literal, Operator, Spanned, Test},
    *,
};
use crate::{
    packet::Timestamp,
    text::{
        field::{COUNT, Field, PORT, Type},
        json::Tree,
    },
};

fn at_nowhere<T>(value: T) -> Spanned<T> {
    Spanned { value, span: 0..0 }
}

fn words() -> impl Strategy<Value = String> {
    let word = "[a-zä@_][a-z0-9_.:/+@%-]{0,8}".prop_map(|word| word);
    word.prop_filter("words of the language", |word| !KEYWORDS.contains(&&**word))
}

fn literals() -> impl Strategy<Value = Literal> {
    let bare = words().prop_map(|text| Literal { text: at_nowhere(text), quoted: false });
    let quoted = any::<String>().prop_map(|text| Literal { text: at_nowhere(text), quoted: true });
    prop_oneof![
        bare,
        quoted,
        "[\"'\\\\ a]{0,6}".prop_map(|text| Literal { text: at_nowhere(text), quoted: true })
    ]
}

fn expressions() -> impl Strategy<Value = Expression> {
    let compare = (prop::sample::select(&Operator::ALL[..]), literals())
        .prop_map(|(operator, value)| Ask::Compare(at_nowhere(operator), value));
    let set = prop::collection::vec(literals(), 1..4).prop_map(|values| Ask::In(at_nowhere(()), values));
    let within = literals().prop_map(|value| Ask::Within(at_nowhere(()), value));
    let ask = prop_oneof![Just(Ask::Present), compare, set, within];
    let test = (words(), ask).prop_map(|(path, ask)| Expression::Test(Test { path: at_nowhere(path), ask }));
    test.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Any),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::All),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(expression in expressions()) {
        let text = expression.to_string();
        prop_assert_eq!(parse(&text).unwrap(), expression, "{}", text);
    }

    #[test]
    fn no_text_is_too_odd(text in any::<String>(), marks in "[ ()!=<>&|{},\"'\\\\a.1notrdi]{0,40}") {
        for text in [text, marks] {
            let fault = Predicate::new(&text, &packets()).err();
            if let Some(fault) = fault {
                prop_assert!(fault.shown()[1].contains('^'));
            }
        }
    }
}

#[test]
fn operators_bind_as_documented() {
    let shown = |text: &str| parse(text).unwrap().to_string();
    for (text, same) in [
        ("a or b and not c", "a or b and not c"),
        ("(a or (b and (not c)))", "a or b and not c"),
        ("(a or b) and c", "(a or b) and c"),
        ("a&&b||!c", "a and b or not c"),
        ("not a == 1 and b", "not a == 1 and b"),
        ("not (a == 1 and b)", "not (a == 1 and b)"),
        ("!!a", "not not a"),
        (" a in{1,2 , 3}and b in 10.0.0.0/8 ", "a in {1, 2, 3} and b in 10.0.0.0/8"),
        (r#"a=="x\"y\\z\d"or b=='"'"#, r#"a == "x\"y\\z\\d" or b == "\"""#),
        ("notes and android or inside", "notes and android or inside"),
        ("a<=1 and b>=2 and c<3 and d>4 and e!=5", "a <= 1 and b >= 2 and c < 3 and d > 4 and e != 5"),
    ] {
        assert_eq!(shown(text), same);
        assert_eq!(parse(text), parse(same), "{text}");
    }
}

/// What is said of a wrong expression: the sentence, what the carets stand below, and the first hint.
#[test]
fn faults_are_told_where_they_are() {
    for (text, what, below, hint) in [
        ("", "expected here: the path of a field", "^", ""),
        ("svc.name ==", "expected here: a value: a word, or text in quotation marks", "^", ""),
        ("svc.name == and", "expected here: a value: a word, or text in quotation marks", "and", ""),
        ("svc.name = https", "one `=` compares nothing: write `==`", "^", ""),
        ("svc.name https", "expected here: `and`, `or` or the end", "https", ""),
        ("(svc and notes", "expected here: `)`, `and` or `or`", "^", ""),
        ("svc and", "expected here: the path of a field", "^", ""),
        ("svc or or notes", "expected here: the path of a field", "or", ""),
        ("svc.name == \"a", "expected here: the quotation mark that ends the text", "^", ""),
        ("port in {80 443}", "expected here: `,` or `}`", "443", ""),
        ("port in", "expected here: a set such as {80, 443}, or a prefix such as 10.0.0.0/8", "^", ""),
        ("svc.nmae == https", "there is no field `svc.nmae`", "svc.nmae", "did you mean `svc.name`?"),
        (
            "svc and evidence == none",
            "there is no field `evidence`",
            "evidence",
            "did you mean `svc.evidence`?",
        ),
        ("svc == https", "`svc` holds several fields: one of them can be compared", "svc", ""),
        ("svc.evidence == payloda", "`svc.evidence` is never payloda", "payloda", "did you mean `payload`?"),
        (
            "svc.evidence in {user, me}",
            "`svc.evidence` is never me",
            "me",
            "words: user, advertised, payload, registered, none",
        ),
        ("source.port == 65536", "`source.port` is at most 65535", "65536", ""),
        (
            "source.port == http",
            "`source.port` is compared with a whole number, which http is not",
            "http",
            "",
        ),
        ("source.port == -1", "`source.port` is compared with a whole number, which -1 is not", "-1", ""),
        (
            "ip == 10.0.0.0/8",
            "`==` compares with one address: `ip in 10.0.0.0/8` asks for a prefix",
            "10.0.0.0/8",
            "",
        ),
        (
            "ip == 10.0.0",
            "`ip` is compared with an address, or with `in` a prefix such as 10.0.0.0/8, which 10.0.0 is not",
            "10.0.0",
            "",
        ),
        ("ip < 10.0.0.1", "`<` compares numbers, times and lengths of time, and `ip` is an address", "<", ""),
        (
            "svc.name >= a",
            "`>=` compares numbers, times and lengths of time, and `svc.name` is text",
            ">=",
            "",
        ),
        ("port contains 4", "`contains` looks into text, and `port` is a number", "contains", ""),
        ("port in 80", "`in` takes a set, such as {80}; only addresses lie in a prefix", "80", ""),
        (
            "mac == 02:00",
            "`mac` is compared with a MAC such as 02-00-00-00-00-01, which 02:00 is not",
            "02:00",
            "",
        ),
        ("svc.revised == yes", "`svc.revised` is compared with true or false, which yes is not", "yes", ""),
        ("svc.revised in {true, false}", "`svc.revised` is true or false: compare with `==`", "in", ""),
        (
            "@timestamp > noon",
            "`@timestamp` is compared with a time such as 2026-01-02T03:04:05Z, which noon is not",
            "noon",
            "`noon` is no time",
        ),
        (
            "svc.name == svc.protocol",
            "fields are compared with values, not with each other: \"svc.protocol\" would be that text",
            "svc.protocol",
            "",
        ),
        (
            "svc.name matches \"a(\"",
            "\"a(\" is no regular expression that can be used: unclosed group",
            "\"a(\"",
            "",
        ),
    ] {
        let fault = Predicate::new(text, &packets()).unwrap_err();
        assert_eq!(fault.what(), what, "{text}");
        let [shown, carets] = fault.shown();
        assert_eq!(shown, text);
        let (before, len) = (carets.find('^').unwrap(), carets.trim_start().len());
        let marked: String = shown.chars().skip(before).take(len).collect();
        assert!(marked == below || below == "^" && len == 1, "{text}: {marked}");
        assert!(hint.is_empty() || fault.hints()[0] == hint, "{text}: {:?}", fault.hints());
    }
    let deep = |depth: usize| format!("{}svc{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Predicate::new(&deep(63), &packets()).is_ok());
    let fault = Predicate::new(&deep(100_000), &packets()).unwrap_err();
    assert_eq!(fault.what(), "nested too deep: more than 64 `not` and parentheses");
    // A repetition of a repetition takes more room than there is.
    let large = "svc.name matches \"((a{1000}){1000}){1000}\"";
    let fault = Predicate::new(large, &packets()).unwrap_err();
    assert!(fault.what().contains("is no regular expression that can be used"), "{fault}");
}

#[test]
fn what_is_shown_of_an_expression_is_harmless() {
    let fault = Predicate::new("svc.name == \"\u{1b}[31mä\" or svc.nmae", &packets()).unwrap_err();
    let [shown, carets] = fault.shown();
    assert_eq!(shown, r#"svc.name == "\027[31mä" or svc.nmae"#);
    assert_eq!(shown.chars().skip(carets.find('^').unwrap()).collect::<String>(), "svc.nmae");
}

static INNER: [Field; 2] = [Field::new("port", PORT, ""), Field::new("name", Type::Text, "")];
static FIELDS: [Field; 8] = [
    Field::new("addresses", Type::Address, "").list(),
    Field::new("offers", Type::Object(&INNER), "").list(),
    Field::new("first", Type::Time, ""),
    Field::new("length", COUNT, "").unit("ns"),
    Field::new("flag", Type::Flag, ""),
    Field::new("macs", Type::Mac, "").list(),
    Field::new("event.name", Type::Text, ""),
    Field::new("bytes", COUNT, ""),
];

fn schema() -> Schema<Trees> {
    Schema::of_tree(&FIELDS).short(&[("name", "event.name")])
}

const ROW: &str = r#"{"addresses":["192.0.2.1","2001:db8::1"],"offers":[{"port":80,"name":"http"},{"port":443}],
    "first":"2026-01-02T03:04:05.000000001Z","length":1500000000,"flag":false,"macs":["02-00-00-00-00-0A"],
    "event":{"name":"a \"b\"\\c"},"bytes":7}"#;

/// Each answer follows from the meaning of the words in `docs/filters.md`.
#[test]
fn expressions_mean_what_the_manual_says() {
    let row = Tree::parse(ROW.as_bytes());
    for (text, holds) in [
        // One of several values is enough; `!=` wants that none is equal, and that there is one.
        ("addresses == 192.0.2.1", true),
        ("addresses == 192.0.2.2", false),
        ("addresses != 192.0.2.1", false),
        ("addresses != 192.0.2.2", true),
        ("not addresses == 192.0.2.1", false),
        ("ip in 2001:db8::/32", true),
        ("ip in {10.0.0.0/8, 192.0.2.0/24}", true),
        ("ip in 10.0.0.0/8", false),
        ("offers.port == 443 and offers.port == 80", true),
        ("offers.port in {1, 443}", true),
        ("offers.port > 443", false),
        ("offers.port >= 443", true),
        ("offers.port < 80", false),
        ("offers.port <= 80", true),
        ("offers.port < 0 or offers.port > 65535", false),
        ("offers.name == http", true),
        ("offers", true),
        ("event", true),
        // Absent is neither equal nor unequal.
        ("first == 2026-01-02T03:04:05.000000001Z", true),
        ("first > 2026-01-02T03:04:05Z", true),
        ("first < 2026-01-02T04:04:05.000000002+01:00", true),
        ("first > 2026-01-02T04:04:05.000000001+01:00", false),
        ("length == 1.5s", true),
        ("length > 1500ms", false),
        ("length >= 1500000000", true),
        ("flag == false", true),
        ("flag == true", false),
        ("flag != true", true),
        ("flag", true),
        ("mac == 02:00:00:00:00:0a", true),
        ("mac in {02-00-00-00-00-0B}", false),
        (r#"event.name == "a \"b\"\\c""#, true),
        (r#"event.name == 'a "b"\\c'"#, true),
        (r#"event.name contains '"b"'"#, true),
        (r#"event.name contains "b.c""#, false),
        (r#"event.name matches "^a .b.\\\\c$""#, true),
        (r#"event.name matches "^b""#, false),
        (r#"event.name matches "(?i)^A""#, true),
    ] {
        assert_eq!(Predicate::new(text, &schema()).unwrap().holds(&row), holds, "{text}");
    }
    let empty = Tree::parse(b"{}");
    for (text, holds) in [
        ("bytes", false),
        ("not bytes", true),
        ("bytes == 7", false),
        ("bytes != 7", false),
        ("not bytes == 7", true),
        ("flag == false", false),
        ("offers", false),
    ] {
        assert_eq!(Predicate::new(text, &schema()).unwrap().holds(&empty), holds, "{text}");
    }
}

#[test]
fn rows_are_sorted_by_kind_and_those_without_the_field_are_last() {
    let rows = [
        r#"{"bytes":2,"event":{"name":"b"},"first":"2026-01-02T00:00:00.000000000Z"}"#,
        r#"{"bytes":10,"event":{"name":"a"},"first":"2026-01-03T00:00:00.000000000Z","flag":true}"#,
        r#"{}"#,
        r#"{"bytes":2,"event":{"name":"c"},"first":"2026-01-01T00:00:00.000000000Z"}"#,
    ];
    let rows: Vec<_> = rows.iter().enumerate().map(|(at, row)| (at, Tree::parse(row.as_bytes()))).collect();
    let order = |key: &str, top| {
        let choice = Choice { top, ..Choice::default().sorted(key, &schema()).unwrap() };
        choice.of(rows.clone(), |(_, row)| row).into_iter().map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(order("bytes", None), [1, 0, 3, 2]);
    assert_eq!(order("-bytes", None), [0, 3, 1, 2]);
    assert_eq!(order("name", None), [1, 0, 3, 2]);
    assert_eq!(order("-event.name", Some(2)), [3, 0]);
    assert_eq!(order("event_name", Some(1)), [1]);
    assert_eq!(order("first", None), [3, 0, 1, 2]);
    assert_eq!(order("-first", None), [1, 0, 3, 2]);
    assert_eq!(order("flag", Some(9)), [1, 0, 2, 3]);
    let fault = Order::new("-byts", &schema()).unwrap_err();
    assert_eq!(fault.shown(), ["-byts", " ^^^^"]);
    assert_eq!(fault.hints()[0], "did you mean `bytes`?");
    let choice = Choice::<Trees>::default().wanted("bytes == 2", &schema()).unwrap();
    assert_eq!(choice.of(rows, |(_, row)| row).len(), 2);
}

#[test]
fn windows_begin_with_the_capture_or_its_first_day() {
    // 2026-01-02T03:04:05.5Z (`date -ud @1767323045`).
    let began = Timestamp(1_767_323_045_500_000_000);
    let stretch = |from: Option<&str>, to: Option<&str>| {
        let bound = |text: Option<&str>| text.map(|text| Bound::parse(text).unwrap());
        Window { from: bound(from), to: bound(to) }.of(began)
    };
    let holds = |from, to, seconds: f64| stretch(from, to).holds(Timestamp(began.0 + (seconds * 1e9) as u64));
    assert!(holds(None, None, 0.0) && Window::default().is_all());
    // A begin belongs to it, an end does not.
    assert!(holds(Some("+0s"), Some("+10s"), 0.0) && !holds(Some("+0s"), Some("+10s"), 10.0));
    assert!(holds(Some("+500ms"), None, 0.5) && !holds(Some("+1"), None, 0.5));
    assert!(holds(Some("03:04:05"), Some("03:04:06"), 0.4) && !holds(None, Some("03:04:06"), 0.6));
    assert!(!holds(Some("03:05"), None, 54.0) && holds(Some("03:05"), None, 55.0));
    assert!(holds(Some("2026-01-02T03:04:05.5Z"), Some("2026-01-02T05:00:00+01:00"), 1.0));
    assert!(!holds(Some("2026-01-02T04:04:06.5+01:00"), None, 0.9));
    for wrong in
        ["", "now", "25:00", "+", "+-1s", "10", "2026-01-02", "2026-01-02T03:04:05", "1960-01-01T00:00:00Z"]
    {
        assert!(Bound::parse(wrong).is_err(), "{wrong}");
    }
}
