//! Chat, and services whose whole request is a line: IRC, XMPP, whois, finger.

use super::mail::{command, is_one_of};
use super::reader::{Reader, after, check, is_printable_octet, is_word};
use super::sight::{Said, Sight};

/// IRC (RFC 2812 sections 2.4 and 3.1, IRCv3 capability negotiation).
pub(super) fn irc(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b":").is_some() {
        check(is_word(reader.until(b' ')?))?;
        let word = reader.until(b' ')?;
        check(word == b"NOTICE" || word.len() == 3 && word.iter().all(u8::is_ascii_digit))?;
        return Some(Said::SERVER);
    }
    if reader.expect(b"NOTICE AUTH :").is_some() || reader.expect(b"NOTICE * :").is_some() {
        return Some(Said::SERVER);
    }
    const VERBS: [&[u8]; 4] = [b"PASS", b"NICK", b"USER", b"CAP"];
    let (mut verb, mut rest) = command(&mut reader, &VERBS)?;
    if is_one_of(verb, &[b"PASS"]) && is_word(rest) {
        // A password may come first; what follows it decides.
        (verb, rest) = command(&mut reader, &VERBS)?;
    }
    let is_known = is_one_of(verb, &[b"NICK"]) && is_word(rest.strip_prefix(b":").unwrap_or(rest))
        || is_one_of(verb, &[b"USER"]) && has_three_words_and_a_last(rest)
        || is_one_of(verb, &[b"CAP"]) && is_one_of(first_word(rest), &[b"LS", b"REQ", b"END"]);
    check(is_known)?;
    Some(Said::CLIENT)
}

fn first_word(text: &[u8]) -> &[u8] {
    Reader::new(text).run(|octet| octet != b' ')
}

/// `me 0 * :My name` (RFC 2812 section 3.1.3).
fn has_three_words_and_a_last(text: &[u8]) -> bool {
    let mut words = text.splitn(4, |&octet| octet == b' ');
    words.by_ref().take(3).filter(|word| is_word(word)).count() == 3
        && words.next().is_some_and(|last| !last.is_empty())
}

/// XMPP (RFC 6120 section 4.2): the opening of a stream, alike on both sides.
pub(super) fn xmpp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"<?xml").is_some() {
        reader.until(b'>')?;
        reader.run(|octet| octet.is_ascii_whitespace());
    }
    reader.expect(b"<stream:stream")?;
    let rest = reader.rest();
    check(after(rest, b"jabber:").is_some() || after(rest, b"etherx.jabber.org/streams").is_some())?;
    Some(Said::PEER)
}

/// Whether the opening is one between servers.
pub(super) fn is_between_servers(sight: Sight<'_>) -> bool {
    after(sight.octets(), b"jabber:server").is_some()
}

/// whois (RFC 3912) and finger (RFC 1288): one line and no more, which says nothing of who asks what.
pub(super) fn one_line(sight: Sight<'_>) -> Option<Said> {
    // Most octets do not end with a line, which is seen at once.
    check(sight.octets().ends_with(b"\n") && !sight.is_cut())?;
    let mut reader = sight.reader();
    reader.run(is_printable_octet);
    check(matches!(reader.rest(), b"\n" | b"\r\n"))?;
    Some(Said::CONFIRM)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn irc_words() {
        client(TCP, Protocol::IRC, b"NICK me\r\n");
        client(TCP, Protocol::IRC, b"PASS x\r\nNICK me\r\n");
        client(TCP, Protocol::IRC, b"USER me 0 * :Me\r\n");
        client(TCP, Protocol::IRC, b"CAP LS 302\r\n");
        server(TCP, Protocol::IRC, b":irc.example.org 001 me :Welcome\r\n");
        server(TCP, Protocol::IRC, b"NOTICE AUTH :*** Looking up\r\n");
        nothing(TCP, b"NICK me you\r\n");
        nothing(TCP, b":irc.example.org 01 me\r\n");
    }

    #[test]
    fn streams_of_xmpp() {
        peer(TCP, Protocol::XMPP, b"<stream:stream xmlns='jabber:client'>");
        peer(TCP, Protocol::XMPP, b"<?xml version='1.0'?>\n<stream:stream xmlns='jabber:server'>");
        assert_eq!(alone(TCP, b"<stream:stream xmlns='jabber:server'>").service(), Some("xmpp-server"));
        assert_eq!(alone(TCP, b"<stream:stream xmlns='jabber:client'>").service(), Some("xmpp-client"));
        nothing(TCP, b"<stream:stream xmlns='other'>");
    }

    #[test]
    fn one_line_confirms() {
        fits(TCP, Protocol::WHOIS, b"example.org\r\n");
        fits(TCP, Protocol::FINGER, b"example.org\r\n");
        assert!(alone(TCP, b"example.org\r\nmore").fits.is_empty());
    }
}
