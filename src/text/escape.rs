//! Making text from the wire harmless: one function for each medium.
//!
//! Answers in captures come from strangers. No control octet reaches a terminal, no formula a
//! spreadsheet, no tag an HTML page.

use std::fmt;

/// Appends `octets` for a terminal or a line of text.
///
/// UTF-8 is kept but for control characters and characters that reorder or hide text (Unicode's control and format
/// characters, line and paragraph separators); those and octets that are no UTF-8 become `\DDD` per octet, as
/// RFC 6763 section 4.3 writes them. A backslash becomes `\\`.
///
/// ```
/// let mut line = Vec::new();
/// portolan::text::escape::terminal(b"a\x1b[31m \xc3\xa9\xff\\", &mut line);
/// assert_eq!(line, "a\\027[31m é\\255\\\\".as_bytes());
/// ```
pub fn terminal(octets: &[u8], out: &mut Vec<u8>) {
    let octets = copy_plain(octets, out);
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.extend_from_slice(b"\\\\"),
                _ => terminal_char(c, out),
            }
        }
        chunk.invalid().iter().for_each(|&octet| decimal_escape(octet, out));
    }
}

/// Appends the inside of a JSON string (RFC 8259 section 7), without the quotes.
///
/// Control and format characters, which reorder or hide text, are written as `\u` escapes; octets that are no UTF-8
/// become U+FFFD, so callers that must keep them say so beside the string (`value_base64`).
///
/// ```
/// let mut json = Vec::new();
/// portolan::text::escape::json(b"a\"b\n\xff", &mut json);
/// assert_eq!(json, "a\\\"b\\u000a\u{fffd}".as_bytes());
/// ```
pub fn json(octets: &[u8], out: &mut Vec<u8>) {
    let octets = copy_plain(octets, out);
    for chunk in octets.utf8_chunks() {
        let mut plain = 0;
        let text = chunk.valid();
        for (at, c) in text.char_indices() {
            if c != '"' && c != '\\' && !is_hostile(c) {
                continue;
            }
            out.extend_from_slice(&text.as_bytes()[plain..at]);
            plain = at + c.len_utf8();
            if matches!(c, '"' | '\\') {
                out.extend_from_slice(&[b'\\', c as u8]);
            } else {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.extend_from_slice(b"\\u");
                    for shift in [12, 8, 4, 0] {
                        out.push(b"0123456789abcdef"[usize::from(*unit >> shift & 0xf)]);
                    }
                }
            }
        }
        out.extend_from_slice(&text.as_bytes()[plain..]);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Appends one CSV field (RFC 4180), quoted where it must be.
///
/// The text is first made harmless as for a [`terminal`]; a field that a spreadsheet would take for a
/// formula (`= + - @`, tab) gains a leading apostrophe.
///
/// ```
/// let mut field = Vec::new();
/// portolan::text::escape::csv(b"=1+1, \"x\"", &mut field);
/// assert_eq!(field, b"\"'=1+1, \"\"x\"\"\"");
/// ```
pub fn csv(octets: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    terminal(octets, out);
    close_csv(start, out);
}

/// Quotes the field that begins at `start` where it must be; its text is harmless already.
pub(crate) fn close_csv(start: usize, out: &mut Vec<u8>) {
    let field = &out[start..];
    let formula = matches!(field.first(), Some(b'=' | b'+' | b'-' | b'@'));
    let quoted = field.iter().any(|octet| matches!(octet, b',' | b'"'));
    if !formula && !quoted {
        return;
    }
    // From the end on, so that each octet moves once and nothing is needed beside the buffer.
    let mut from = out.len();
    let doubled = field.iter().filter(|&&octet| octet == b'"').count();
    let mut to = from + doubled + usize::from(formula) + 2 * usize::from(quoted);
    out.resize(to, b'"');
    to -= usize::from(quoted);
    while from > start {
        from -= 1;
        to -= 1;
        out[to] = out[from];
        if out[to] == b'"' {
            to -= 1;
            out[to] = b'"';
        }
    }
    if formula {
        out[to - 1] = b'\'';
    }
    if quoted {
        out[start] = b'"';
    }
}

/// Appends text of an HTML page: inside an element, or an attribute in quotes.
///
/// What begins or ends markup becomes a character reference; control characters and those that reorder or hide text
/// become `\DDD` per octet, as for a [`terminal`].
///
/// ```
/// let mut html = String::new();
/// portolan::text::escape::html("<b a='\"&\u{202e}", &mut html)?;
/// assert_eq!(html, r"&lt;b a=&#39;&quot;&amp;\226\128\174");
/// # Ok::<(), std::fmt::Error>(())
/// ```
///
/// # Errors
/// Those of `out`.
pub fn html(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    for c in text.chars() {
        match c {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '"' => out.write_str("&quot;")?,
            '\'' => out.write_str("&#39;")?,
            c if is_hostile(c) => {
                let mut escaped = Vec::new();
                terminal_char(c, &mut escaped);
                out.write_str(&String::from_utf8_lossy(&escaped))?;
            }
            c => out.write_char(c)?,
        }
    }
    Ok(())
}

/// Appends the beginning that no medium escapes, which is nearly always everything, and returns the rest.
fn copy_plain<'a>(octets: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let len = octets.iter().position(|&octet| !passes(octet)).unwrap_or(octets.len());
    let (plain, rest) = octets.split_at(len);
    out.extend_from_slice(plain);
    rest
}

/// Whether a text that was escaped for a terminal holds nothing hostile: not so where it comes from elsewhere.
pub(crate) fn is_harmless(text: &str) -> bool {
    !text.contains(is_hostile)
}

/// Whether a text passes every medium as it is.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(passes)
}

fn passes(octet: u8) -> bool {
    matches!(octet, b' '..=b'~') && !matches!(octet, b'\\' | b'"')
}

/// Escapes what is left of hostile characters in a text that is escaped for a terminal already.
pub(super) fn harmless(text: String) -> String {
    let is_plain = text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    if is_plain || !text.contains(is_hostile) {
        return text;
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    text.chars().for_each(|c| terminal_char(c, &mut out));
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends a character of a text for a terminal, any but a backslash.
fn terminal_char(c: char, out: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    let encoded = c.encode_utf8(&mut buffer).as_bytes();
    if is_hostile(c) {
        encoded.iter().for_each(|&octet| decimal_escape(octet, out));
    } else {
        out.extend_from_slice(encoded);
    }
}

/// Whether a character could act on a terminal, forge a line, or show text other than it is.
///
/// Those are Unicode's control and format characters and its line and paragraph separators (general categories Cc,
/// Cf, Zl and Zp), and what is not assigned yet where Unicode reserves room for more of the kind (unassigned code
/// points that are *default ignorable*). A test holds the list against Unicode's.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Tags; the variation selectors between the two ranges are part of the characters before them.
            | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
        || is_unseen(c)
}

/// Whether a character is a letter or mark that shows nothing: fillers of Hangul, vowels of Khmer that are never written,
/// the grapheme joiner, and the empty pattern of Braille.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
    )
}

fn decimal_escape(octet: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'\\', b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10]);
}

#[cfg(test)]
mod tests {
    use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

    use super::*;

    fn written(write: fn(&[u8], &mut Vec<u8>), text: &[u8]) -> String {
        let mut out = Vec::new();
        write(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Where Unicode keeps room for more characters that are not to be seen: `Default_Ignorable_Code_Point` holds for
    /// these, assigned or not (Unicode Standard, section 5.21).
    fn is_kept_for_more(c: char) -> bool {
        matches!(c, '\u{2060}'..='\u{206f}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}')
    }

    #[test]
    fn hostile_characters_are_those_of_unicode() {
        for c in '\0'..=char::MAX {
            let hostile = match c.general_category() {
                GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator => true,
                GeneralCategory::Unassigned => is_kept_for_more(c),
                _ => is_unseen(c),
            };
            assert_eq!(is_hostile(c), hostile, "U+{:04X}", c as u32);
        }
    }

    /// Every character, in every medium: none gets through that is hostile, and what is not stays.
    #[test]
    fn no_hostile_character_gets_through() {
        for c in '\0'..=char::MAX {
            let text = format!("a{c}b");
            let (terminal, csv) = (written(terminal, text.as_bytes()), written(csv, text.as_bytes()));
            let json = format!("\"{}\"", written(json, text.as_bytes()));
            let mut page = String::new();
            html(&text, &mut page).unwrap();
            assert!(!page.contains(['<', '>', '"', '\'']), "U+{:04X}: {page:?}", c as u32);
            for shown in [&terminal, &csv, &json, &page, &harmless(text.clone())] {
                assert!(!shown.contains(is_hostile), "U+{:04X}: {shown:?}", c as u32);
            }
            // JSON says the same as before.
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            if !is_hostile(c) && c != '\\' {
                assert_eq!(terminal, text);
            }
        }
    }

    #[test]
    fn escapes_of_each_medium() {
        // U+202E is E2 80 AE in UTF-8, U+E0041 is F3 A0 81 81 and DB40 DC41 in UTF-16, U+0600 is D8 80.
        let text = "x\u{202e}\u{e0041}\u{600}\t".as_bytes();
        assert_eq!(written(terminal, text), r"x\226\128\174\243\160\129\129\216\128\009");
        assert_eq!(written(json, text), r"x\u202e\udb40\udc41\u0600\u0009");
        assert_eq!(written(csv, b"a,\"b\"\n"), "\"a,\"\"b\"\"\\010\"");
        for formula in ["=1", "+1", "-1", "@x"] {
            assert_eq!(written(csv, formula.as_bytes()), format!("'{formula}"));
        }
        assert_eq!(harmless(r"a\010b".to_owned()), r"a\010b");
        assert_eq!(harmless("a\nb".to_owned()), r"a\010b");
    }

    /// Octets that are no UTF-8: an overlong slash, a lone surrogate, a cut character.
    #[test]
    fn octets_that_are_no_text() {
        assert_eq!(written(terminal, b"\xc0\xaf\xed\xa0\x80\xe2\x80"), r"\192\175\237\160\128\226\128");
        assert_eq!(written(json, b"a\xe2\x80b"), "a\u{fffd}b");
        assert_eq!(written(csv, b"\xff"), r"\255");
    }
}
