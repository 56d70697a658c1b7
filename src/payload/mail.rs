//! Mail and news: SMTP, POP3, IMAP, NNTP, and ManageSieve.

use super::reader::{Reader, check, holds, is_printable, is_word};
use super::sight::{Said, Sight, client, server};

/// A reply line: its number, and its text as far as it is at hand.
pub(super) struct Reply<'a> {
    pub(super) code: u32,
    pub(super) text: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads three digits, SP or `-`, and printable text (RFC 5321 section 4.2, RFC 959 section 4.2).
    pub(super) fn read(mut reader: Reader<'a>) -> Option<Self> {
        let digits = reader.take(3)?;
        check(matches!(digits, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']))?;
        let code = Reader::new(digits).number()?;
        check(matches!(reader.u8()?, b' ' | b'-'))?;
        let text = reader.line().unwrap_or(reader.rest());
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        check(is_printable(text))?;
        Some(Self { code, text })
    }
}

/// A command line that begins with one of the `known` words: that word, and what follows it. `None` unless
/// the line is whole and printable.
pub(super) fn command<'a>(reader: &mut Reader<'a>, known: &[&[u8]]) -> Option<(&'a [u8], &'a [u8])> {
    // The word first: other octets are seldom read any further.
    let word = reader.run(|octet| octet.is_ascii_alphabetic() || octet == b'_');
    check(!word.is_empty() && is_one_of(word, known))?;
    Some((word, rest_of_line(reader)?))
}

/// What stands behind a word on its line, without the space between them.
fn rest_of_line<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    check(matches!(reader.peek()?, b' ' | b'\r' | b'\n'))?;
    let rest = reader.line()?;
    check(is_printable(rest))?;
    Some(rest.strip_prefix(b" ").unwrap_or(rest))
}

/// Whether `word` is one of `known`, whatever its case.
pub(super) fn is_one_of(word: &[u8], known: &[&[u8]]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether `word` stands in `text`, and not within a longer word.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    text.split(|octet| !octet.is_ascii_alphanumeric()).any(|part| part.eq_ignore_ascii_case(word))
}

/// Whether all greeting lines at hand name FTP: words of a greeting may stand on any of its lines.
pub(super) fn names_ftp(octets: &[u8]) -> bool {
    octets
        .split(|&octet| octet == b'\n')
        .take_while(|line| line.starts_with(b"220") || line.starts_with(b" "))
        .any(|line| holds(line, b"FTP"))
}

/// SMTP and LMTP (RFC 5321 sections 3.1 and 4.2, RFC 2033).
pub(super) fn smtp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if let Some(reply) = Reply::read(reader) {
        return match reply.code {
            220 | 421 | 554 => {
                let octets = sight.octets();
                check(!names_ftp(octets))?;
                let named = [&b"SMTP"[..], b"ESMTP", b"LMTP"].iter().any(|word| has_word(reply.text, word));
                server(named)
            }
            235 | 250 | 334 | 354 => Some(Said::SERVER_WEAK),
            _ => None,
        };
    }
    let (verb, rest) = command(&mut reader, &[b"EHLO", b"HELO", b"LHLO", b"MAIL"])?;
    let is_hello = is_one_of(verb, &[b"EHLO", b"HELO", b"LHLO"]) && is_word(rest.trim_ascii());
    let is_mail = is_one_of(verb, &[b"MAIL"])
        && rest.get(..6).is_some_and(|from| from.eq_ignore_ascii_case(b"FROM:<"))
        && rest.contains(&b'>');
    check(is_hello || is_mail)?;
    Some(Said::CLIENT)
}

/// POP3 (RFC 1939, RFC 2449).
pub(super) fn pop3(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"+OK").is_some() {
        let line = reader.line()?;
        check(is_printable(line) && (line.is_empty() || line.starts_with(b" ")))?;
        let mut stamp = Reader::new(line);
        // The time stamp for APOP: `<id@host>` (RFC 1939 section 7).
        let has_stamp = stamp.until(b'<').is_some() && stamp.until(b'>').is_some_and(|id| id.contains(&b'@'));
        return server(has_word(line, b"POP3") || has_stamp);
    }
    const VERBS: [&[u8]; 8] = [b"APOP", b"CAPA", b"STLS", b"STAT", b"QUIT", b"USER", b"AUTH", b"UIDL"];
    let (verb, rest) = command(&mut reader, &VERBS)?;
    if is_one_of(verb, &[b"APOP"]) {
        let mut words = rest.split(|&octet| octet == b' ');
        check(words.next().is_some_and(is_word))?;
        let digest = words.next()?;
        check(digest.len() == 32 && digest.iter().all(u8::is_ascii_hexdigit))?;
        return Some(Said::CLIENT);
    }
    let alone = is_one_of(verb, &[b"CAPA", b"STLS", b"STAT", b"QUIT"]) && rest.is_empty();
    let known = is_one_of(verb, &[b"USER"]) && is_word(rest)
        || is_one_of(verb, &[b"AUTH", b"UIDL"]) && (rest.is_empty() || is_word(rest));
    check(alone || known)?;
    Some(Said::CLIENT_WEAK)
}

/// IMAP (RFC 9051 sections 6 and 7.1).
pub(super) fn imap(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"* ").is_some() {
        let (_, text) = command(&mut reader, &[b"OK", b"PREAUTH", b"BYE"])?;
        check(!text.is_empty())?;
        return server(holds(text, b"CAPABILITY") || holds(text, b"IMAP"));
    }
    const ALONE: [&[u8]; 6] = [b"CAPABILITY", b"STARTTLS", b"NOOP", b"LOGOUT", b"NAMESPACE", b"IDLE"];
    const ARGUED: [&[u8]; 9] =
        [b"LOGIN", b"AUTHENTICATE", b"ID", b"SELECT", b"EXAMINE", b"LIST", b"UID", b"STATUS", b"ENABLE"];
    let tag = reader.run(|octet| octet.is_ascii_alphanumeric() || octet == b'.');
    check((1..=16).contains(&tag.len()))?;
    reader.expect(b" ")?;
    let mut after_tag = reader;
    if let Some((_, rest)) = command(&mut after_tag, &ALONE) {
        check(rest.is_empty())?;
        return Some(Said::CLIENT);
    }
    let (verb, rest) = command(&mut reader, &ARGUED)?;
    // `230 Login successful.` is a server's reply in FTP: to log in takes a name and a password.
    let words = rest.split(|&octet| octet == b' ').filter(|word| !word.is_empty()).count();
    check(words >= if is_one_of(verb, &[b"LOGIN"]) { 2 } else { 1 })?;
    Some(Said::CLIENT)
}

/// NNTP (RFC 3977 section 5).
pub(super) fn nntp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if let Some(reply) = Reply::read(reader) {
        check(matches!(reply.code, 200 | 201))?;
        return server([&b"NNTP"[..], b"news", b"posting"].iter().any(|word| holds(reply.text, word)));
    }
    let (verb, rest) = command(&mut reader, &[b"MODE", b"GROUP", b"ARTICLE", b"IHAVE", b"CAPABILITIES"])?;
    if is_one_of(verb, &[b"MODE"]) && is_one_of(rest, &[b"READER", b"STREAM"]) {
        return Some(Said::CLIENT);
    }
    let argued = is_one_of(verb, &[b"GROUP", b"ARTICLE", b"IHAVE"]) && is_word(rest);
    check(argued || is_one_of(verb, &[b"CAPABILITIES"]) && rest.is_empty())?;
    Some(Said::CLIENT_WEAK)
}

/// ManageSieve (RFC 5804 section 1.7): the server begins with its capabilities.
pub(super) fn sieve(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect_word(b"\"IMPLEMENTATION\" \"").is_some() {
        return server(true);
    }
    reader.expect_word(b"AUTHENTICATE \"")?;
    let mechanism = reader.until(b'"')?;
    check(is_word(mechanism))?;
    client(true)
}

#[cfg(test)]
mod tests {
    use crate::payload::testing::*;
    use crate::payload::{Protocol, Sender};

    #[test]
    fn smtp_greets_or_is_greeted() {
        server(TCP, Protocol::SMTP, b"220 mx.example.org ESMTP ready\r\n");
        client(TCP, Protocol::SMTP, b"EHLO client\r\n");
        client(TCP, Protocol::SMTP, b"mail from:<a@b> SIZE=1\r\n");
        weak(TCP, Protocol::SMTP, b"220 ready\r\n");
        weak(TCP, Protocol::FTP, b"220 ready\r\n");
        weak(TCP, Protocol::SMTP, b"250-mx\r\n");
        nothing(TCP, b"EHLO\r\n");
        nothing(TCP, b"220");
        nothing(TCP, b"MAIL TO:<x>\r\n");
    }

    #[test]
    fn pop3_takes_both_directions_or_a_name() {
        server(TCP, Protocol::POP3, b"+OK POP3 ready\r\n");
        server(TCP, Protocol::POP3, b"+OK hello <1.2@host>\r\n");
        weak(TCP, Protocol::POP3, b"+OK hello\r\n");
        client(TCP, Protocol::POP3, b"APOP me c4c9334bac560ecc979e58001b3e22fb\r\n");
        weak(TCP, Protocol::POP3, b"USER me\r\n");
        weak(TCP, Protocol::POP3, b"CAPA\r\n");
        nothing(TCP, b"CAPA more\r\n");
        nothing(TCP, b"+OKAY\r\n");
        let verdict = both(TCP, b"+OK hello\r\n", b"USER me\r\n");
        assert_eq!((verdict.spoken, verdict.server), (Some(Protocol::POP3), Some(Sender::First)));
    }

    #[test]
    fn imap_has_tags() {
        server(TCP, Protocol::IMAP, b"* OK [CAPABILITY IMAP4rev1]\r\n");
        weak(TCP, Protocol::IMAP, b"* OK hello\r\n");
        client(TCP, Protocol::IMAP, b"a1 CAPABILITY\r\n");
        client(TCP, Protocol::IMAP, b"0001 login x y\r\n");
        nothing(TCP, b"a1 CAPABILITY now\r\n");
        nothing(TCP, b"a1 DANCE\r\n");
        // A reply of FTP.
        weak(TCP, Protocol::FTP, b"230 Login successful.\r\n");
        client(TCP, Protocol::IMAP, b"230 LOGIN successful. x\r\n");
        nothing(TCP, b"* NO x\r\n");
    }

    #[test]
    fn news_and_filters() {
        server(TCP, Protocol::NNTP, b"200 news.example.org posting allowed\r\n");
        weak(TCP, Protocol::NNTP, b"200 hello\r\n");
        client(TCP, Protocol::NNTP, b"MODE READER\r\n");
        weak(TCP, Protocol::NNTP, b"GROUP alt.test\r\n");
        nothing(TCP, b"MODE WRITER\r\n");
        server(TCP, Protocol::SIEVE, b"\"IMPLEMENTATION\" \"Example\"\r\n");
        client(TCP, Protocol::SIEVE, b"AUTHENTICATE \"PLAIN\" \"x\"\r\n");
        nothing(TCP, b"\"SOMETHING\" \"Example\"\r\n");
    }
}
