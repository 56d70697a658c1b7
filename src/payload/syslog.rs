//! syslog (RFC 5424, RFC 3164, RFC 6587). Nothing is ever answered: the receiver serves.

use super::reader::{Reader, check, is_printable};
use super::sight::{Said, Sight, client};

/// A message in a datagram.
pub(super) fn syslog(sight: Sight<'_>) -> Option<Said> {
    message(sight.reader())
}

/// Messages in a stream: as they are, or each behind its length (RFC 6587 section 3.4).
pub(super) fn syslog_tcp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.peek() != Some(b'<') {
        check(matches!(reader.peek()?, b'1'..=b'9'))?;
        check(reader.number()? >= 5)?;
        reader.expect(b" ")?;
    }
    message(reader)
}

fn message(mut reader: Reader<'_>) -> Option<Said> {
    reader.expect(b"<")?;
    let priority = reader.until(b'>')?;
    check((1..=3).contains(&priority.len()) && (priority == b"0" || !priority.starts_with(b"0")))?;
    let mut number = Reader::new(priority);
    check(number.number()? <= 191 && number.is_empty())?;
    let mut text = reader;
    let has_version = text.expect(b"1 ").is_some() && (text.peek() == Some(b'-') || iso_date(text).is_some());
    let is_strong = has_version
        || old_date(reader).is_some()
        || iso_date(reader).is_some()
        || sequence_number(reader).is_some();
    check(is_strong || !reader.is_empty() && is_printable(reader.rest().trim_ascii_end()))?;
    client(is_strong)
}

/// `Oct 11 22:14:15` (RFC 3164 section 4.1.2).
fn old_date(mut reader: Reader<'_>) -> Option<()> {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = reader.take(3)?;
    check(MONTHS.chunks_exact(3).any(|known| known == month))?;
    reader.expect(b" ")?;
    check(matches!(reader.array()?, [b' ' | b'0'..=b'3', b'0'..=b'9']))?;
    reader.expect(b" ")?;
    clock(&mut reader)
}

fn clock(reader: &mut Reader<'_>) -> Option<()> {
    let [hour, hours, colon, minute, minutes, second_colon, second, seconds] = reader.array()?;
    check(colon == b':' && second_colon == b':')?;
    check([hour, hours, minute, minutes, second, seconds].iter().all(u8::is_ascii_digit))
}

/// `2003-10-11T22:14:15` (RFC 5424 section 6.2.3).
fn iso_date(mut reader: Reader<'_>) -> Option<()> {
    let year = reader.take(4)?;
    reader.expect(b"-")?;
    let month = reader.take(2)?;
    reader.expect(b"-")?;
    let day = reader.take(2)?;
    check([year, month, day].iter().all(|part| part.iter().all(u8::is_ascii_digit)))?;
    check(matches!(reader.u8()?, b'T' | b' '))?;
    clock(&mut reader)
}

/// `000123: `, as switches and routers begin.
fn sequence_number(mut reader: Reader<'_>) -> Option<()> {
    reader.number()?;
    reader.expect(b": ")
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn a_date_makes_it_strong() {
        client(UDP, Protocol::SYSLOG, b"<165>1 2003-10-11T22:14:15Z host app - - -");
        client(UDP, Protocol::SYSLOG, b"<165>1 - host app - - -");
        client(UDP, Protocol::SYSLOG, b"<34>Oct  1 22:14:15 host su: x");
        client(UDP, Protocol::SYSLOG, b"<189>123: x");
        weak(UDP, Protocol::SYSLOG, b"<13>hello");
        nothing(UDP, b"<192>hello");
        nothing(UDP, b"<013>hello");
        nothing(UDP, b"<13>\x01\x02");
    }

    #[test]
    fn over_tcp_behind_a_length_or_not() {
        client(TCP, Protocol::SYSLOG_TCP, b"<34>Oct 11 22:14:15 host su: x");
        client(TCP, Protocol::SYSLOG_TCP, b"40 <34>Oct 11 22:14:15 host su: xxxxxxxxxxxxx");
        weak(TCP, Protocol::SYSLOG_TCP, b"<13>hello");
        nothing(TCP, b"4 <34>Oct 11 22:14:15 host su: x");
    }
}
