//! Making text from the wire harmless: one function for each medium.
//!
//! Answers in captures come from strangers. No control octet reaches a terminal, no formula a
//! spreadsheet, no tag an HTML page.

/// Appends `octets` for a terminal or a line of text.
///
/// UTF-8 is kept but for control characters and characters that reorder or hide text (C0, C1, bidirectional
/// and zero-width controls, line separators); those, backslashes and octets that are no UTF-8 become
/// `\DDD` per octet, as RFC 6763 section 4.3 writes them. A backslash becomes `\\`.
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
            let mut buffer = [0; 4];
            let encoded = c.encode_utf8(&mut buffer).as_bytes();
            match c {
                '\\' => out.extend_from_slice(b"\\\\"),
                _ if is_hostile(c) => encoded.iter().for_each(|&octet| decimal_escape(octet, out)),
                _ => out.extend_from_slice(encoded),
            }
        }
        chunk.invalid().iter().for_each(|&octet| decimal_escape(octet, out));
    }
}

/// Appends the inside of a JSON string (RFC 8259 section 7), without the quotes.
///
/// Control characters and those that reorder text are written as `\u` escapes; octets that are no UTF-8 become
/// U+FFFD, so callers that must keep them say so beside the string (`value_base64`).
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
                // Every hostile character lies in the Basic Multilingual Plane or among the tags above it.
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

/// Appends one CSV field whose text is harmless already.
pub(crate) fn csv_text(text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text);
    close_csv(start, out);
}

/// Quotes the field that begins at `start` where it must be.
fn close_csv(start: usize, out: &mut Vec<u8>) {
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

/// Appends the beginning that no medium escapes, which is nearly always everything, and returns the rest.
fn copy_plain<'a>(octets: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let plain = |octet: &u8| matches!(octet, b' '..=b'~') && !matches!(octet, b'\\' | b'"');
    let len = octets.iter().position(|octet| !plain(octet)).unwrap_or(octets.len());
    let (plain, rest) = octets.split_at(len);
    out.extend_from_slice(plain);
    rest
}

/// Whether a character could act on a terminal, forge a line, or show text other than it is.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn decimal_escape(octet: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'\\', b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10]);
}
