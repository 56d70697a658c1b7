//! Stores of keys and values: Redis (RESP) and memcached.

use super::mail;
use super::reader::{Reader, check, is_word};
use super::sight::{Said, Sight};

/// Redis (RESP).
pub(super) fn redis(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    match reader.peek()? {
        b'*' => {
            let count = counted(&mut reader, b'*')?;
            let mut request = reader;
            let named = counted(&mut request, b'$').is_some_and(|len| len > 0)
                && request.peek().is_some_and(|letter| letter.is_ascii_alphabetic());
            Some(if named && count > 0 { Said::CLIENT } else { Said::SERVER_WEAK })
        }
        b'$' | b':' => {
            reader.skip(1)?;
            let line = reader.line()?;
            let digits = line.strip_prefix(b"-").unwrap_or(line);
            check((1..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit))?;
            Some(Said::SERVER_WEAK)
        }
        b'-' => {
            let errors: [&[u8]; 7] = [
                b"-NOAUTH ",
                b"-MOVED ",
                b"-WRONGPASS ",
                b"-WRONGTYPE ",
                b"-ERR unknown command",
                b"-LOADING ",
                b"-NOPERM ",
            ];
            check(errors.iter().any(|error| reader.expect(error).is_some()))?;
            Some(Said::SERVER)
        }
        b'+' => {
            check(matches!(reader.line()?, b"+OK" | b"+PONG"))?;
            Some(Said::SERVER_WEAK)
        }
        _ => {
            const VERBS: [&[u8]; 6] = [b"PING", b"INFO", b"AUTH", b"ECHO", b"MONITOR", b"SELECT"];
            let (_, rest) = mail::command(&mut reader, &VERBS)?;
            let mut words = rest.split(|&octet| octet == b' ').filter(|word| !word.is_empty());
            check(words.clone().count() <= 2 && words.all(is_word))?;
            Some(Said::CLIENT_WEAK)
        }
    }
}

/// A mark, a number, CR LF.
fn counted(reader: &mut Reader<'_>, mark: u8) -> Option<u32> {
    reader.expect(&[mark])?;
    let number = reader.number()?;
    reader.expect(b"\r\n")?;
    Some(number)
}

/// memcached in text and in binary (protocol.txt, BinaryProtocol).
pub(super) fn memcache(sight: Sight<'_>) -> Option<Said> {
    match sight.reader().peek()? {
        0x80 | 0x81 => binary(sight),
        _ => command(sight.reader()).or_else(|| answer(sight.reader())),
    }
}

/// memcached over UDP: a frame of eight octets before each command or answer.
pub(super) fn memcache_udp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.skip(2)?;
    let (number, count, reserved) = (reader.u16()?, reader.u16()?, reader.u16()?);
    check(count >= 1 && number < count && reserved == 0)?;
    if command(reader).is_some() {
        check(number == 0)?;
        return Some(Said::CLIENT);
    }
    answer(reader)?;
    Some(Said::SERVER)
}

/// What memcached's clients begin a line with.
pub(super) const VERBS: [&[u8]; 15] = [
    b"set",
    b"add",
    b"replace",
    b"append",
    b"prepend",
    b"cas",
    b"get",
    b"gets",
    b"delete",
    b"incr",
    b"decr",
    b"touch",
    b"stats",
    b"version",
    b"flush_all",
];

fn command(mut reader: Reader<'_>) -> Option<Said> {
    let (verb, rest) = mail::command(&mut reader, &VERBS)?;
    let mut words = rest.split(|&octet| octet == b' ').filter(|word| !word.is_empty());
    let is_number = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    match verb {
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => {
            check(words.next().is_some_and(|key| is_word(key) && key.len() <= 250))?;
            let [flags, expires, len] = [words.next()?, words.next()?, words.next()?];
            check(
                is_number(flags)
                    && is_number(expires.strip_prefix(b"-").unwrap_or(expires))
                    && is_number(len),
            )?;
            Some(Said::CLIENT)
        }
        b"get" | b"gets" | b"delete" | b"incr" | b"decr" | b"touch" => {
            check(words.next().is_some_and(|key| is_word(key) && key.len() <= 250))?;
            Some(Said::CLIENT_WEAK)
        }
        b"stats" | b"version" | b"flush_all" => {
            check(words.all(is_word))?;
            Some(Said::CLIENT_WEAK)
        }
        _ => None,
    }
}

/// What its servers begin a line with.
pub(super) const WORDS: [&[u8]; 11] = [
    b"VALUE",
    b"STAT",
    b"STORED",
    b"NOT_STORED",
    b"EXISTS",
    b"NOT_FOUND",
    b"DELETED",
    b"TOUCHED",
    b"END",
    b"ERROR",
    b"VERSION",
];

fn answer(mut reader: Reader<'_>) -> Option<Said> {
    let (word, rest) = mail::command(&mut reader, &WORDS)?;
    let mut words = rest.split(|&octet| octet == b' ').filter(|word| !word.is_empty());
    let is_number = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    match word {
        b"VALUE" => {
            check(is_word(words.next()?) && is_number(words.next()?) && is_number(words.next()?))?;
            Some(Said::SERVER)
        }
        b"STAT" => {
            check(is_word(words.next()?) && words.next().is_some())?;
            Some(Said::SERVER)
        }
        b"STORED" | b"NOT_STORED" | b"EXISTS" | b"NOT_FOUND" | b"DELETED" | b"TOUCHED" | b"END"
        | b"ERROR" => {
            check(words.next().is_none())?;
            Some(Said::SERVER_WEAK)
        }
        b"VERSION" => {
            check(words.next()?.first()?.is_ascii_digit())?;
            Some(Said::SERVER_WEAK)
        }
        _ => None,
    }
}

fn binary(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [magic, operation] = reader.array()?;
    let key = usize::from(reader.u16()?);
    let [extras, kind] = reader.array()?;
    reader.skip(2)?;
    let body = reader.u32()? as usize;
    check(operation <= 0x3f && kind == 0 && key <= 250 && usize::from(extras) + key <= body)?;
    sight.ends_at(body + 24)?;
    Some(if magic == 0x80 { Said::CLIENT } else { Said::SERVER })
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn redis_requests_and_answers() {
        client(TCP, Protocol::REDIS, b"*1\r\n$4\r\nPING\r\n");
        server(TCP, Protocol::REDIS, b"-NOAUTH Authentication required.\r\n");
        weak(TCP, Protocol::REDIS, b"PING\r\n");
        weak(TCP, Protocol::REDIS, b"+PONG\r\n");
        weak(TCP, Protocol::REDIS, b"$-1\r\n");
        weak(TCP, Protocol::REDIS, b"*2\r\n:1\r\n:2\r\n");
        assert_eq!(both(TCP, b"PING\r\n", b"+PONG\r\n").spoken, Some(Protocol::REDIS));
        nothing(TCP, b"*x\r\n$4\r\nPING\r\n");
        nothing(TCP, b"-SOMETHING else\r\nx");
    }

    #[test]
    fn memcache_in_text_and_binary() {
        client(TCP, Protocol::MEMCACHE, b"set k 0 60 5\r\nhello\r\n");
        server(TCP, Protocol::MEMCACHE, b"VALUE k 0 5\r\nhello\r\nEND\r\n");
        weak(TCP, Protocol::MEMCACHE, b"get k\r\n");
        weak(TCP, Protocol::MEMCACHE, b"NOT_FOUND\r\n");
        nothing(TCP, b"set k x 60 5\r\nhello\r\n");
        let mut get = vec![0x80, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 3];
        get.resize(24, 0);
        get.extend(b"key");
        client(TCP, Protocol::MEMCACHE, &get);
        get.push(0);
        nothing(TCP, &get);
        client(UDP, Protocol::MEMCACHE, b"\0\x07\0\0\0\x01\0\0stats\r\n");
        server(UDP, Protocol::MEMCACHE, b"\0\x07\0\x01\0\x02\0\0STAT pid 1\r\n");
        nothing(UDP, b"\0\x07\0\x02\0\x02\0\0STAT pid 1\r\n");
    }
}
