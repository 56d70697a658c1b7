//! Text in the columns of a terminal: how many it takes, and cut to them with a sign.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What stands where something was cut off.
const CUT: char = '…';

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    // Letters and marks of ASCII take one each, and are asked often.
    let is_plain = |octet: u8| matches!(octet, b' '..=b'~');
    if text.bytes().all(is_plain) { text.len() } else { text.width() }
}

/// A text in so many columns at most, at least one: where it is longer, its beginning and a `…`.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    // A character takes no more columns than it has octets.
    if text.len() <= most || columns(text) <= most {
        return text.into();
    }
    let (mut taken, mut end) = (1, 0);
    for (at, character) in text.char_indices() {
        taken += character.width().unwrap_or(0);
        if taken > most {
            break;
        }
        end = at + character.len_utf8();
    }
    format!("{}{CUT}", text[..end].trim_end()).into()
}

/// A text in exactly so many columns: cut, or with spaces behind it.
pub(crate) fn left(text: &str, width: usize) -> String {
    let cut = cut(text, width);
    let room = width.saturating_sub(columns(&cut));
    format!("{cut}{}", " ".repeat(room))
}

/// The same with spaces before it.
pub(crate) fn right(text: &str, width: usize) -> String {
    let cut = cut(text, width);
    let room = width.saturating_sub(columns(&cut));
    format!("{}{cut}", " ".repeat(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_has_a_sign() {
        for (text, most, expected) in [
            ("printer", 7, "printer"),
            ("printer.local", 8, "printer…"),
            ("a b", 3, "a b"),
            // No space before the sign.
            ("a bcd", 3, "a…"),
            // Each of these takes two columns.
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("é é é", 5, "é é é"),
            ("abc", 1, "…"),
        ] {
            assert_eq!(cut(text, most), expected, "{text} {most}");
            assert!(columns(&cut(text, most)) <= most);
        }
        assert_eq!((left("ab", 4), right("ab", 4)), ("ab  ".to_owned(), "  ab".to_owned()));
        assert_eq!((left("日本", 3), right("abcdef", 4)), ("日…".to_owned(), "abc…".to_owned()));
    }
}
