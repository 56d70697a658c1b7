//! "Defined TXT keys", read from the assignment notes of the registry.
//!
//! The notes were written by some thousand people in as many ways. What is clearly a list of keys is read as
//! one; everything else is kept as the text it is, for a key that nobody defined must not appear.

/// The DNS-SD TXT keys that a registration defines (RFC 6763 section 6), as far as its notes can be read.
///
/// The notes are free text: a hint, not a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxtKeys<'a> {
    /// These keys, in the order of the notes.
    Keys(Vec<TxtKey<'a>>),
    /// The notes say that there are none.
    None,
    /// They are described there: an address, or the title of a document.
    See(&'a str),
    /// There are keys, and they are not published.
    Proprietary,
    /// The notes say something else.
    Unparsed(&'a str),
}

/// One defined key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxtKey<'a> {
    /// The key, as written in the notes; keys compare without regard to case (RFC 6763 section 6.4).
    pub key: &'a str,
    /// What its value means, angle brackets of a placeholder taken off; empty where the notes do not say.
    pub meaning: &'a str,
}

impl<'a> TxtKeys<'a> {
    /// Reads the keys out of assignment notes; `None` where the notes do not speak of defined TXT keys.
    ///
    /// ```
    /// use portolan::registry::{TxtKey, TxtKeys};
    /// let keys = TxtKeys::find("Defined TXT keys: txtvers, D (device type)");
    /// assert_eq!(keys, Some(TxtKeys::Keys(vec![
    ///     TxtKey { key: "txtvers", meaning: "" },
    ///     TxtKey { key: "D", meaning: "device type" },
    /// ])));
    /// assert_eq!(TxtKeys::find("Defined TXT keys: None"), Some(TxtKeys::None));
    /// ```
    pub fn find(notes: &'a str) -> Option<Self> {
        let body = after_marker(notes)?.trim();
        if body.len() > MAX_LEN {
            return Some(Self::Unparsed(body));
        }
        let lower = body.to_ascii_lowercase();
        let words_start = |start: &str| {
            lower.strip_prefix(start).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        };
        if words_start("none") || lower.starts_with("there is no txt key") {
            // Two registrations say "None" and list keys all the same.
            let lines = body.split_once('\n').and_then(|(_, rest)| equals_form(rest));
            return Some(lines.map_or(Self::None, Self::Keys));
        }
        if lower.starts_with("txtvers") && lower.contains("proprietary") && !lower.contains('=') {
            return Some(Self::Keys(vec![TxtKey { key: &body[.."txtvers".len()], meaning: "" }]));
        }
        if lower.trim_end_matches('.') == "proprietary" {
            return Some(Self::Proprietary);
        }
        if words_start("see") {
            let there = body["see".len()..].trim_start_matches([':', ' ']);
            return Some(Self::See(first_line(there).trim_end_matches('.')));
        }
        let start = lower.trim_start_matches('[');
        if start.starts_with("http://") || start.starts_with("https://") {
            return address(body).map(Self::See);
        }
        let listed = body.split_once(" - http").map_or(body, |(list, _)| list);
        let keys = quoted_form(listed)
            .or_else(|| comma_form(listed))
            .or_else(|| equals_form(listed))
            .or_else(|| colon_form(listed))
            .or_else(|| column_form(listed))
            .or_else(|| word_form(listed));
        Some(match keys {
            Some(keys) => Self::Keys(keys),
            None => address(body).map_or(Self::Unparsed(body), Self::See),
        })
    }

    /// The keys, none where there is no list of them.
    pub fn keys(&self) -> &[TxtKey<'a>] {
        match self {
            Self::Keys(keys) => keys,
            _ => &[],
        }
    }

    /// Whether the list holds this key, without regard to ASCII case.
    pub fn defines(&self, key: &str) -> bool {
        self.keys().iter().any(|defined| defined.key.eq_ignore_ascii_case(key))
    }
}

/// What stands after "Defined TXT keys:", whose words a line break may part.
fn after_marker(notes: &str) -> Option<&str> {
    let lower = notes.to_ascii_lowercase();
    lower.match_indices("defined").find_map(|(at, defined)| {
        let mut rest = notes.get(at + defined.len()..)?;
        for word in ["txt", "keys:"] {
            let start = rest.trim_start();
            let (head, tail) = start.split_at_checked(word.len())?;
            if !head.eq_ignore_ascii_case(word) {
                return None;
            }
            rest = tail;
        }
        Some(rest)
    })
}

/// `"url": if present, …; "namespace": identifies …` and `key "name" representing …`
fn quoted_form(text: &str) -> Option<Vec<TxtKey<'_>>> {
    let mut found: Vec<(usize, usize, &str)> = Vec::new();
    let mut rest = 0;
    while let Some(open) = text[rest..].find('"').map(|at| rest + at) {
        let Some(close) = text[open + 1..].find('"').map(|at| open + 1 + at) else { break };
        let key = &text[open + 1..close];
        let before = text[..open].trim_end().trim_end_matches(':').to_ascii_lowercase();
        let named = before.ends_with("key");
        if is_word(key) && (named || text[close + 1..].starts_with(':')) {
            found.push((open, close + 1, key));
        }
        rest = close + 1;
    }
    let ends = found.iter().skip(1).map(|(open, ..)| *open).chain([text.len()]);
    let keys = found.iter().zip(ends).map(|((_, close, key), end)| TxtKey {
        key,
        meaning: without_lead_in(&text[*close..end])
            .trim_matches(|c: char| c.is_whitespace() || ":;,.".contains(c)),
    });
    non_empty(keys.collect())
}

/// A meaning without the `, and key` or `. 2nd key:` that leads to the next key.
fn without_lead_in(meaning: &str) -> &str {
    let leads = meaning.trim_end().trim_end_matches(':').ends_with("key");
    let cut = if leads { meaning.rfind([',', '.', ';']) } else { None };
    cut.map_or(meaning, |at| &meaning[..at])
}

/// `txtvers, user, system`, `D (device type), S (https port)`, `txtvers=1, name=<name>`: items, all of them keys.
fn comma_form(text: &str) -> Option<Vec<TxtKey<'_>>> {
    let mut lines = text.lines().rev().map(str::trim_end).skip(1);
    if !lines.all(|line| line.ends_with([',', ';'])) {
        return None;
    }
    let mut keys = Vec::new();
    let alone = items(text).filter(|item| !item.is_empty()).count() == 1;
    for item in items(text) {
        // Words without a comma between them are no list, and seldom one key of several words.
        if alone && !item.contains(['=', '(']) && item.contains(' ') {
            return None;
        }
        let aside = item.starts_with('(') || starts_example(item);
        if item == "..." {
            // A family of keys follows (`c0, c1, ..., cn`).
            break;
        }
        if !aside && !item.is_empty() {
            add(&mut keys, list_item(item)?);
        }
    }
    non_empty(keys)
}

/// One key of a comma list, with the meaning behind `=` or in parentheses.
fn list_item(item: &str) -> Option<TxtKey<'_>> {
    if let Some((key, value)) = item.split_once('=') {
        let meaning = placeholder(value.trim_start_matches('='));
        return (is_phrase(key.trim()) && equals_signs(value).next().is_none())
            .then_some(TxtKey { key: key.trim(), meaning });
    }
    let (key, meaning) = match item.split_once('(') {
        Some((key, meaning)) => (key.trim_end(), meaning.trim_end_matches(')').trim()),
        None => (item, ""),
    };
    is_phrase(key).then_some(TxtKey { key, meaning })
}

/// `u=<username> p=<password>`, on one line or several: a word and an equals sign outside of brackets.
fn equals_form(text: &str) -> Option<Vec<TxtKey<'_>>> {
    let mut starts: Vec<(usize, usize, &str)> = Vec::new();
    let mut on_own_line = 0;
    for at in equals_signs(text) {
        let before = &text[..at];
        let item = before.rfind(['\n', ',', ';']).map_or(0, |separator| separator + 1);
        let line = before.rfind('\n').map_or(0, |separator| separator + 1);
        // Several words are a key only where nothing else stands before them on the line or in the list.
        let phrase = without_bullet(before[item..].trim());
        let first = starts.last().is_none_or(|(_, end, _)| *end < item);
        let word = before[item..].trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
        let key = if first && is_phrase(phrase) { phrase } else { word };
        if starts_example(before[item..].trim()) || !is_phrase(key) {
            continue;
        }
        let start = item + before[item..].rfind(key).unwrap_or_default();
        on_own_line += usize::from(text[line..start].trim().len() <= 2);
        starts.push((start, at + 1, key));
    }
    let (first, ..) = starts.first()?;
    let prose_before = without_bullet(text[..*first].trim());
    if !prose_before.is_empty() && on_own_line < 2 {
        return None;
    }
    let mut keys = Vec::new();
    for key in prose_before.lines().filter(|line| is_word(line)) {
        add(&mut keys, TxtKey { key, meaning: "" });
    }
    let ends = starts.iter().skip(1).map(|(start, ..)| *start).chain([text.len()]);
    for ((_, value, key), end) in starts.iter().zip(ends) {
        let meaning = text[*value..end].trim_start_matches('=').trim_end();
        let (meaning, example) =
            meaning.split_once("\nExample").map_or((meaning, false), |(it, _)| (it, true));
        add(&mut keys, TxtKey { key, meaning: placeholder(without_trailing_bullet(meaning)) });
        if example {
            break;
        }
    }
    Some(keys)
}

/// `key: sentence`, one to a line, sentences running on over lines; or `<key>: words; <key>: words`.
fn colon_form(text: &str) -> Option<Vec<TxtKey<'_>>> {
    let split = |part: &'_ str| -> Option<(usize, usize)> {
        let colon = part.find(':')?;
        let key = part[..colon].trim();
        let bare = key.strip_prefix('<').and_then(|key| key.strip_suffix('>'));
        let blank = part[colon + 1..].starts_with(char::is_whitespace);
        let right = bare.map_or(blank && is_word(key), is_word);
        right.then(|| (part.len() - part.trim_start().len(), colon))
    };
    let bracketed = text.starts_with('<');
    let mut starts = Vec::new();
    let mut at = 0;
    for part in text.split_inclusive(if bracketed { ';' } else { '\n' }) {
        if let Some((start, colon)) = split(part) {
            starts.push((at + start, at + colon));
        } else if starts.is_empty() {
            return None;
        }
        at += part.len();
    }
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]);
    let keys = starts.iter().zip(ends).map(|((start, colon), end)| TxtKey {
        key: text[*start..*colon].trim().trim_matches(['<', '>']),
        meaning: text[*colon + 1..end].trim_matches(|c: char| c.is_whitespace() || c == ';'),
    });
    non_empty(keys.collect())
}

/// `auth          plaintext | md5`: a column of keys, two spaces or more, what they mean.
fn column_form(text: &str) -> Option<Vec<TxtKey<'_>>> {
    let mut keys = Vec::new();
    for line in text.lines() {
        match line.split_once("  ") {
            Some((key, meaning)) if is_word(key) => add(&mut keys, TxtKey { key, meaning: meaning.trim() }),
            _ if keys.len() < 2 => return None,
            // Remarks below the columns.
            _ => break,
        }
    }
    (keys.len() >= 2).then_some(keys)
}

/// `- txtvers` one to a line, or `txtvers version name` on one: words that no sentence has.
fn word_form(text: &str) -> Option<Vec<TxtKey<'_>>> {
    const OF_SENTENCES: [&str; 20] = [
        "a", "and", "any", "are", "as", "at", "be", "by", "for", "from", "in", "is", "no", "not", "of", "on",
        "or", "the", "to", "will",
    ];
    let mut keys = Vec::new();
    let several_lines = text.contains('\n');
    for line in text.lines().filter(|line| !line.is_empty()) {
        let line = without_bullet(line);
        let words: Vec<&str> = line.split_whitespace().collect();
        if several_lines && words.len() > 1 {
            return None;
        }
        let plain = words.len() == 1
            || words.first() == Some(&"txtvers")
            || words.iter().all(|word| word.bytes().all(|octet| octet.is_ascii_lowercase()));
        if !plain || words.iter().any(|word| OF_SENTENCES.contains(word)) {
            return None;
        }
        for key in words {
            if !is_word(key) {
                return None;
            }
            add(&mut keys, TxtKey { key, meaning: "" });
        }
    }
    non_empty(keys)
}

/// Adds a key; of equal keys the first counts, as in TXT records.
fn add<'a>(keys: &mut Vec<TxtKey<'a>>, key: TxtKey<'a>) {
    if keys.len() < MAX_KEYS && !keys.iter().any(|other| other.key.eq_ignore_ascii_case(key.key)) {
        keys.push(key);
    }
}

/// Longer notes than any registration has are not taken apart, in octets.
const MAX_LEN: usize = 4096;

/// More keys than any registration defines: keeps hostile notes from taking quadratic time.
const MAX_KEYS: usize = 64;

fn non_empty(keys: Vec<TxtKey<'_>>) -> Option<Vec<TxtKey<'_>>> {
    (!keys.is_empty()).then_some(keys)
}

/// Whether a text can be a key: one word, not an address, a file or a word that stands for no key.
fn is_word(text: &str) -> bool {
    const NO_KEYS: [&str; 7] = ["defined", "n/a", "none", "proprietary", "tbd", "varies", "will"];
    let lower = text.to_ascii_lowercase();
    text.len() <= 40
        && text.bytes().all(|octet| octet.is_ascii_graphic() && !b"=<>\"()[]{},;:|".contains(&octet))
        && text.bytes().any(|octet| octet.is_ascii_alphabetic())
        && !text.ends_with('.')
        && !NO_KEYS.contains(&lower.as_str())
        && !lower.starts_with("www.")
        && ![".html", ".htm", ".pdf", ".txt"].iter().any(|end| lower.ends_with(end))
        && !(text.starts_with('_') && text.contains('.'))
}

/// Whether a text can be a key of up to three words (`Machine ID`).
fn is_phrase(text: &str) -> bool {
    let words = text.split(' ');
    words.clone().count() <= 3 && words.clone().all(|word| is_word(word) || (word != text && is_number(word)))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn starts_example(text: &str) -> bool {
    let lower = text.get(..4).unwrap_or(text).to_ascii_lowercase();
    ["eg ", "e.g.", "i.e.", "exam"].iter().any(|start| lower.starts_with(start))
}

/// Places of the equals signs outside of brackets and quotes, the second of a pair left out.
fn equals_signs(text: &str) -> impl Iterator<Item = usize> {
    outside(text).filter(move |at| {
        text.as_bytes().get(*at) == Some(&b'=') && (*at == 0 || text.as_bytes().get(at - 1) != Some(&b'='))
    })
}

/// The items between commas and semicolons outside of brackets and quotes, trimmed.
fn items(text: &str) -> impl Iterator<Item = &str> {
    let separators = outside(text).filter(|at| matches!(text.as_bytes().get(*at), Some(b',' | b';')));
    let mut start = 0;
    separators.chain([text.len()]).map(move |end| {
        let item = text.get(start..end).unwrap_or_default();
        start = end + 1;
        item.trim()
    })
}

/// Places of all octets outside of brackets and of double quotes; both end with their line at the latest.
fn outside(text: &str) -> impl Iterator<Item = usize> {
    let mut depth = 0_u32;
    let mut quoted = false;
    text.bytes().enumerate().filter_map(move |(at, octet)| {
        match octet {
            b'\n' => (depth, quoted) = (0, false),
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'<' | b'(' | b'[' | b'{' => depth += 1,
            b'>' | b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth == 0 && !quoted).then_some(at)
    })
}

/// `<username>` without its brackets, if there is nothing else.
fn placeholder(text: &str) -> &str {
    let text = text.trim().trim_end_matches([',', ';']).trim_end();
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    inner.filter(|inner| !inner.contains(['<', '>'])).unwrap_or(text)
}

/// A line without `- `, `* ` or `a. ` before it.
fn without_bullet(line: &str) -> &str {
    let line = line.trim();
    match line.as_bytes() {
        [b'-' | b'*'] | [b'a'..=b'z', b'.'] => "",
        [b'-' | b'*', b' ', ..] => line[2..].trim_start(),
        [b'a'..=b'z', b'.', b' ', ..] => line[3..].trim_start(),
        _ => line,
    }
}

fn without_trailing_bullet(text: &str) -> &str {
    match text.rsplit_once('\n') {
        Some((head, last)) if without_bullet(last).is_empty() => head,
        _ => text,
    }
}

/// The first web address in a text.
fn address(text: &str) -> Option<&str> {
    let at = text.find("http://").or_else(|| text.find("https://"))?;
    let end = text[at..].find([' ', '\n', ']', ')', '>']).map_or(text.len(), |len| at + len);
    Some(text[at..end].trim_end_matches('.'))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read after "Defined TXT keys:", keys as `key|meaning`.
    fn read(body: &str) -> String {
        let notes = format!("Defined TXT keys: {body}");
        let show = |key: &TxtKey<'_>| format!("{}|{}", key.key, key.meaning);
        match TxtKeys::find(&notes) {
            Some(TxtKeys::Keys(keys)) => keys.iter().map(show).collect::<Vec<_>>().join(" / "),
            Some(TxtKeys::None) => "none".to_owned(),
            Some(TxtKeys::See(there)) => format!("see {there}"),
            Some(TxtKeys::Proprietary) => "proprietary".to_owned(),
            Some(TxtKeys::Unparsed(text)) => format!("unparsed {text}"),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn lists_with_commas() {
        assert_eq!(read("txtvers, user"), "txtvers| / user|");
        assert_eq!(read("txtvers, Machine ID, dmb"), "txtvers| / Machine ID| / dmb|");
        assert_eq!(
            read("D (device type), S (https port),\nT (tags)"),
            "D|device type / S|https port / T|tags"
        );
        assert_eq!(read("txtvers=1, name=<Full Name>, version=2"), "txtvers|1 / name|Full Name / version|2");
        assert_eq!(read("MAC=, GW-MAC"), "MAC| / GW-MAC|");
        assert_eq!(read("u=username; k=keypattern"), "u|username / k|keypattern");
        assert_eq!(read("txtvers, *IDN?=<IEEE 488; e.g., model>"), "txtvers| / *IDN?|IEEE 488; e.g., model");
        assert_eq!(read("c0, c1, ..., cn"), "c0| / c1|");
        assert_eq!(read("txtvers, name, (others not published)"), "txtvers| / name|");
        assert_eq!(read("a, A, a"), "a|");
    }

    #[test]
    fn lists_with_equals_signs() {
        assert_eq!(read("u=<username> p=<password>"), "u|username / p|password");
        assert_eq!(read("u=<user> p=<pass>\nm=<manifest>"), "u|user / p|pass / m|manifest");
        assert_eq!(read("\n  state=<state>\n      loc=<location>"), "state|state / loc|location");
        assert_eq!(read("txtvers\nserver=<main>\nid=<own>"), "txtvers| / server|main / id|own");
        assert_eq!(read("a. ssid=<one>\nb. bssid=<two>"), "ssid|one / bssid|two");
        assert_eq!(read("path=<where>\nnormally: \"path=/pks/\""), "path|<where>\nnormally: \"path=/pks/\"");
        assert_eq!(read("hash=<a>\nsalt=<b>\nExample:\nhash=5e\nother=1"), "hash|a / salt|b");
        assert_eq!(read("None\n  path=<path>\n  description=<name>"), "path|path / description|name");
        assert_eq!(read("companyfullname == The name"), "companyfullname|The name");
        assert_eq!(read("HttpBinding=</path>"), "HttpBinding|/path");
    }

    #[test]
    fn sentences_behind_keys() {
        assert_eq!(
            read(
                "\ntd: Absolute pathname of\nit.\ntype: One of these, with the registered\nmeaning [RFC7595]: x"
            ),
            "td|Absolute pathname of\nit. / type|One of these, with the registered\nmeaning [RFC7595]: x"
        );
        assert_eq!(read("\"url\": the url; \"namespace\": which"), "url|the url / namespace|which");
        assert_eq!(
            read("key \"txtvers\" for versioning, and key \"name\" for it."),
            "txtvers|for versioning / name|for it"
        );
        assert_eq!(read("<type>:its kind; <vers>:its version"), "type|its kind / vers|its version");
        assert_eq!(
            read("auth     yes | no\nuser     a name\nAll are optional."),
            "auth|yes | no / user|a name"
        );
    }

    #[test]
    fn what_is_no_list_gives_no_key() {
        for none in ["None", "none", "NONE", "None. A reader", "None\nA sentence.", "None at present"] {
            assert_eq!(read(none), "none");
        }
        assert_eq!(read("Proprietary"), "proprietary");
        assert_eq!(read("txtvers and proprietary keys"), "txtvers|");
        assert_eq!(read("see: http://zigbee.example/Standards"), "see http://zigbee.example/Standards");
        assert_eq!(read("See BonjourPrinting.pdf."), "see BonjourPrinting.pdf");
        assert_eq!(read("[http://a.example/b#c]"), "see http://a.example/b#c");
        for text in [
            "TBD",
            "0",
            "",
            "Will be described at www.exbiblio.com",
            "Defined in URL specification",
            "inherited from multipeer connectivity",
            "Text keys are the extensions of any file the user plans to share, i.e. pdf, doc, mp3.",
            "_payload._tcp.local, _payload._udp.local",
            "<serial number of server>",
        ] {
            assert_eq!(read(text), format!("unparsed {text}"));
        }
        assert_eq!(TxtKeys::find("No word of them"), None);
        assert_eq!(TxtKeys::find("An extension.  Defined\n   TXT Keys: None"), Some(TxtKeys::None));
    }

    #[test]
    fn hostile_notes_end_quickly() {
        for unit in ["a=", "=", "a,", "<a", "\"a\":", "a: b\n", "é=", "defined txt "] {
            let notes = format!("Defined TXT keys: {}", unit.repeat(4_000 / unit.len()));
            let keys = TxtKeys::find(&notes).expect("notes of keys");
            assert!(keys.keys().len() <= 4_000);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_notes_are_read_without_panic(body in "[a-zé=<>\"(),;:. \n-]{0,80}") {
            for key in TxtKeys::find(&format!("Defined TXT keys:{body}")).iter().flat_map(TxtKeys::keys) {
                assert!(body.contains(key.key) && body.contains(key.meaning));
            }
        }
    }
}
