//! JSON: values of serde made harmless, and the pieces of objects that are written by hand.
//!
//! Nothing else in the project writes JSON with serde, so that no text from strangers passes by [`escape::json`].

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{
    ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer},
    value::RawValue,
};

use super::escape;

/// Writes a value as one line of JSON.
///
/// # Errors
/// Those of `out`, and of values that JSON cannot hold.
///
/// ```
/// let mut out = Vec::new();
/// portolan::text::json::line(&["a\u{202e}b"], &mut out).unwrap();
/// assert_eq!(out, b"[\"a\\u202eb\"]\n");
/// ```
pub fn line<T: Serialize + ?Sized>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    write(value, CompactFormatter, out)
}

/// The same as text, without the end of the line: what stands in a field of a table.
pub(crate) fn text<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = line(value, &mut out);
    out.pop();
    String::from_utf8(out).unwrap_or_default()
}

/// Writes a value as JSON for reading: a member a line, two spaces deep each.
///
/// # Errors
/// Those of `out`, and of values that JSON cannot hold.
///
/// ```
/// let mut out = Vec::new();
/// portolan::text::json::pretty(&["a\u{202e}b"], &mut out).unwrap();
/// assert_eq!(out, b"[\n  \"a\\u202eb\"\n]\n");
/// ```
pub fn pretty<T: Serialize + ?Sized>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    write(value, PrettyFormatter::new(), out)
}

fn write<T: Serialize + ?Sized>(value: &T, form: impl Formatter, out: &mut dyn Write) -> io::Result<()> {
    let form = Harmless { form, buffer: Vec::new() };
    value.serialize(&mut Serializer::with_formatter(&mut *out, form))?;
    out.write_all(b"\n")
}

/// JSON that is part of a value as it stands: written by hand, and harmless already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(pub(crate) &'a str);

impl Serialize for Raw<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// A form of serde_json's, with the characters escaped that would reorder or hide text.
struct Harmless<F> {
    form: F,
    buffer: Vec<u8>,
}

/// Has the inner form do what it does otherwise than serde_json by default.
macro_rules! as_the_form {
    ($($method:ident($($argument:ident: $kind:ty),*)),* $(,)?) => {$(
        fn $method<W: ?Sized + Write>(&mut self, writer: &mut W $(, $argument: $kind)*) -> io::Result<()> {
            self.form.$method(writer $(, $argument)*)
        }
    )*};
}

impl<F: Formatter> Formatter for Harmless<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if escape::is_plain(fragment) {
            return writer.write_all(fragment.as_bytes());
        }
        self.buffer.clear();
        escape::json(fragment.as_bytes(), &mut self.buffer);
        writer.write_all(&self.buffer)
    }

    as_the_form! {
        begin_array(),
        end_array(),
        begin_array_value(first: bool),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first: bool),
        end_object_key(),
        begin_object_value(),
        end_object_value(),
    }
}

/// A value as JSON has it, to be asked for what stands in it.
#[derive(Clone, Debug)]
pub struct Tree(serde_json::Value);

/// What stands at a place of a [`Tree`].
#[derive(Clone, Copy, Debug)]
pub enum Leaf<'t> {
    /// A whole number.
    Number(u64),
    /// True or false.
    Flag(bool),
    /// Text.
    Text(&'t str),
}

impl Tree {
    /// What a value is in JSON; nothing, where JSON cannot hold it.
    pub fn of(value: &impl Serialize) -> Self {
        Self(serde_json::to_value(value).unwrap_or_default())
    }

    /// What a piece of JSON says; nothing, where it is none.
    pub fn parse(octets: &[u8]) -> Self {
        Self(serde_json::from_slice(octets).unwrap_or_default())
    }

    /// Gives what stands behind these keys to `put`, of lists each item.
    pub fn each(&self, keys: &[&str], put: &mut dyn FnMut(Leaf<'_>)) {
        walk(&self.0, keys, put);
    }

    /// Whether anything stands behind these keys.
    pub fn has(&self, keys: &[&str]) -> bool {
        self.at(keys).is_some()
    }

    fn at(&self, keys: &[&str]) -> Option<&serde_json::Value> {
        keys.iter().try_fold(&self.0, |value, key| value.get(key))
    }

    /// The JSON of what stands behind these keys, on one line; `None` where nothing does.
    pub fn json(&self, keys: &[&str]) -> Option<String> {
        let mut out = Vec::new();
        line(self.at(keys)?, &mut out).ok()?;
        out.pop();
        String::from_utf8(out).ok()
    }

    /// The object of those of its members that have these keys, in this order.
    pub fn only<'t>(&'t self, keys: &'t [&'t str]) -> impl Serialize + 't {
        Only(&self.0, keys)
    }
}

fn walk(value: &serde_json::Value, keys: &[&str], put: &mut dyn FnMut(Leaf<'_>)) {
    match (value, keys) {
        (serde_json::Value::Array(items), _) => items.iter().for_each(|item| walk(item, keys, put)),
        (serde_json::Value::Object(members), [key, rest @ ..]) => {
            members.get(*key).into_iter().for_each(|member| walk(member, rest, put));
        }
        (serde_json::Value::Bool(flag), []) => put(Leaf::Flag(*flag)),
        (serde_json::Value::Number(number), []) => {
            number.as_u64().into_iter().for_each(|number| put(Leaf::Number(number)));
        }
        (serde_json::Value::String(text), []) => put(Leaf::Text(text)),
        _ => {}
    }
}

struct Only<'t>(&'t serde_json::Value, &'t [&'t str]);

impl Serialize for Only<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.1.iter().filter_map(|key| Some((key, self.0.get(key)?))))
    }
}

/// Appends `"key":"…"`; octets that are no UTF-8 as `"key_base64":"…"`.
pub(crate) fn member_text(key: &str, octets: &[u8], out: &mut Vec<u8>) {
    if std::str::from_utf8(octets).is_err() {
        return member_base64(key, octets, out);
    }
    member(key, "", out);
    string(octets, out);
}

/// Appends `"key":"…"` with text that `write` has escaped for a terminal already.
pub(crate) fn member_escaped(key: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    member(key, "", out);
    string_escaped(out, write);
}

/// Appends `"key_base64":"…"`.
pub(crate) fn member_base64(key: &str, octets: &[u8], out: &mut Vec<u8>) {
    member(key, "_base64", out);
    out.push(b'"');
    let start = out.len();
    out.resize(start + octets.len().div_ceil(3) * 4, 0);
    // The room is what RFC 4648 section 4 takes, padding included.
    let written = STANDARD.encode_slice(octets, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
    out.push(b'"');
}

/// Appends `"key":`; keys are words of ours.
fn member(key: &str, ending: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(ending.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a JSON string; octets that are no UTF-8 become U+FFFD.
pub(crate) fn string(octets: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escape::json(octets, out);
    out.push(b'"');
}

/// Appends a JSON string of text that `write` has escaped for a terminal already.
pub(crate) fn string_escaped(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    let start = out.len();
    write(out);
    // That text is harmless but for quotation marks and its own backslashes: make room and double them.
    let escapes = out[start..].iter().filter(|octet| matches!(octet, b'"' | b'\\')).count();
    let (mut from, mut to) = (out.len(), out.len() + escapes);
    out.resize(to, 0);
    while from < to {
        (from, to) = (from - 1, to - 1);
        out[to] = out[from];
        if matches!(out[to], b'"' | b'\\') {
            to -= 1;
            out[to] = b'\\';
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hostile_text_is_harmless_as_value_and_as_key() {
        let hostile = "a\u{1b}[31m\u{202e}b,\"\n\u{7f}=1";
        let escaped = "\"a\\u001b[31m\\u202eb,\\\"\\n\\u007f=1\"";
        assert_eq!(written(|out| line(hostile, out).unwrap()), format!("{escaped}\n"));
        let object = BTreeMap::from([(hostile, 1)]);
        assert_eq!(written(|out| line(&object, out).unwrap()), format!("{{{escaped}:1}}\n"));
        assert_eq!(written(|out| pretty(&object, out).unwrap()), format!("{{\n  {escaped}: 1\n}}\n"));
    }

    /// Where nothing is to be escaped, the form is serde_json's own.
    #[test]
    fn both_forms_are_those_of_serde() {
        let value = json!({
            "empty": {"list": [], "object": {}},
            "list": [1, -2.5, null, true, "é \" \\ \n", ["x"], {"y": "z"}],
        });
        let compact = serde_json::to_string(&value).unwrap();
        assert_eq!(written(|out| line(&value, out).unwrap()), compact + "\n");
        let spread = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(written(|out| pretty(&value, out).unwrap()), spread + "\n");
    }

    #[test]
    fn an_output_that_fails_is_told_with_its_kind() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert_eq!(line("x", &mut Closed).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn pieces_of_objects() {
        assert_eq!(written(|out| member_text("k", b"a\"b\xc2\xad", out)), "\"k\":\"a\\\"b\\u00ad\"");
        // RFC 4648 section 10 has the padding; /w== is the octet FF.
        assert_eq!(written(|out| member_text("k", b"\xff", out)), "\"k_base64\":\"/w==\"");
        assert_eq!(written(|out| member_base64("k", b"fooba", out)), "\"k_base64\":\"Zm9vYmE=\"");
        let name = |out: &mut Vec<u8>| out.extend_from_slice(br#"a\.b"c"#);
        assert_eq!(written(|out| member_escaped("k", out, name)), r#""k":"a\\.b\"c""#);
        assert_eq!(written(|out| string(b"\xf0\x9f", out)), "\"\u{fffd}\"");
    }
}
