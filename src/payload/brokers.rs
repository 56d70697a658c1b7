//! Brokers of messages: MQTT, AMQP, Kafka, NATS, STOMP, ZMTP.

use super::reader::{Reader, check, is_printable};
use super::sight::{Said, Sight, client};

/// MQTT (3.1.1 sections 3.1 and 3.2, 5.0 likewise).
pub(super) fn mqtt(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    match reader.u8()? {
        0x10 => {
            remaining_length(&mut reader)?;
            let name_len = usize::from(reader.u16()?);
            let (name, level) = (reader.take(name_len)?, reader.u8()?);
            check(matches!((name, level), (b"MQTT", 4 | 5) | (b"MQIsdp", 3)))?;
            // Section 3.1.2.3: the lowest flag is reserved.
            check(reader.u8()? & 1 == 0)?;
            Some(Said::CLIENT)
        }
        0x20 => {
            let len = remaining_length(&mut reader)?;
            let [flags, reason] = reader.array()?;
            check(len >= 2 && flags <= 1 && sight.wire() >= len + 2)?;
            if len == 2 {
                check(reason <= 5)?;
            } else {
                check(usize::from(reader.u8()?) <= len - 3 && (reason == 0 || reason >= 0x80))?;
            }
            Some(Said::SERVER_WEAK)
        }
        _ => None,
    }
}

/// One to four octets of seven bits each, the lowest first (section 2.2.3).
fn remaining_length(reader: &mut Reader<'_>) -> Option<usize> {
    let mut value = 0;
    for at in 0..4 {
        let octet = reader.u8()?;
        value |= usize::from(octet & 0x7f) << (7 * at);
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// AMQP (0-9-1 section 4.2, 1.0 section 2.2): a header, which a server may send back.
pub(super) fn amqp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"AMQP").is_some() {
        let version = reader.array()?;
        check(matches!(version, [0, 0, 9, 1] | [0 | 2 | 3, 1, 0, 0] | [1, 1, _, _] | [0, 0, 9, 0]))?;
        return Some(Said::CLIENT.and(Said::SERVER_WEAK));
    }
    // A method frame of channel 0: Connection.Start.
    reader.expect(&[1, 0, 0])?;
    check(reader.u32()? >= 4)?;
    reader.expect(&[0, 10, 0, 10])?;
    Some(Said::SERVER)
}

/// Kafka: a size, and the header of a request, or a correlation that was asked for.
pub(super) fn kafka(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    sight.ends_at(reader.u32()? as usize + 4)?;
    match kafka_request(reader) {
        Some(said) => Some(said),
        None => {
            check(sight.wire() >= 8)?;
            Some(Said::SERVER_WEAK)
        }
    }
}

fn kafka_request(mut reader: Reader<'_>) -> Option<Said> {
    let (key, version) = (reader.u16()?, reader.u16()?);
    check(key <= 80 && version <= 20)?;
    reader.skip(4)?;
    let len = reader.u16()?;
    if len == 0xffff {
        return Some(Said::CLIENT_WEAK.and(Said::SERVER_WEAK));
    }
    check((1..=255).contains(&len))?;
    let id = reader.take(usize::from(len))?;
    check(is_printable(id))?;
    client(len >= 3)
}

/// Whether the answer in one direction has the correlation of the request in the other.
pub(super) fn kafka_answers(first: Sight<'_>, second: Sight<'_>) -> bool {
    let asked = |sight: Sight<'_>| {
        let mut reader = sight.reader();
        reader.skip(8)?;
        reader.u32()
    };
    let answered = |sight: Sight<'_>| {
        let mut reader = sight.reader();
        reader.skip(4)?;
        reader.u32()
    };
    let fits = |client, server| asked(client).is_some_and(|id| answered(server) == Some(id));
    fits(first, second) || fits(second, first)
}

/// NATS: `INFO {…}` from the server, `CONNECT {…}` from the client.
pub(super) fn nats(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"INFO {\"").is_some() {
        return Some(Said::SERVER);
    }
    reader.expect(b"CONNECT {")?;
    Some(Said::CLIENT)
}

/// STOMP 1.0 to 1.2: a command, headers, an empty line.
pub(super) fn stomp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let command = reader.line()?;
    let header = reader.line()?;
    let is_header = |names: &[&[u8]]| names.iter().any(|name| header.starts_with(name));
    match command {
        b"CONNECT" | b"STOMP" => {
            check(is_header(&[b"accept-version:", b"host:", b"login:", b"passcode:", b"heart-beat:"]))?;
            Some(Said::CLIENT)
        }
        b"CONNECTED" => {
            check(is_header(&[b"version:", b"server:", b"session:", b"heart-beat:"]))?;
            Some(Said::SERVER)
        }
        _ => None,
    }
}

/// ZMTP (23/ZMTP section 4): a signature of ten octets and a version, alike on both sides.
pub(super) fn zmtp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(&[0xff, 0, 0, 0, 0, 0, 0, 0])?;
    reader.skip(1)?;
    reader.expect(&[0x7f])?;
    check(matches!(reader.peek(), None | Some(1 | 3)))?;
    Some(Said::PEER)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn mqtt_names_itself() {
        client(TCP, Protocol::MQTT, b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02me");
        client(TCP, Protocol::MQTT, b"\x10\x0e\0\x06MQIsdp\x03\x02\0\x3c\0\0");
        weak(TCP, Protocol::MQTT, &[0x20, 2, 0, 5]);
        weak(TCP, Protocol::MQTT, &[0x20, 3, 0, 0, 0]);
        nothing(TCP, &[0x20, 2, 0, 6]);
        nothing(TCP, b"\x10\x0e\0\x04MQTT\x04\x03\0\x3c\0\x02me");
        nothing(TCP, b"\x10\x0e\0\x04MQTT\x06\x02\0\x3c\0\x02me");
    }

    #[test]
    fn amqp_headers() {
        client(TCP, Protocol::AMQP, b"AMQP\0\0\x09\x01");
        client(TCP, Protocol::AMQP, b"AMQP\x03\x01\0\0");
        server(TCP, Protocol::AMQP, &[1, 0, 0, 0, 0, 0, 8, 0, 10, 0, 10, 0, 9, 0, 0]);
        nothing(TCP, b"AMQPxxxx");
        nothing(TCP, &[1, 0, 0, 0, 0, 0, 8, 0, 10, 0, 11, 0, 9, 0, 0]);
    }

    #[test]
    fn kafka_correlates() {
        let request = b"\0\0\0\x0f\0\x12\0\x03\0\0\0\x07\0\x05admin";
        client(TCP, Protocol::KAFKA, request);
        weak(TCP, Protocol::KAFKA, b"\0\0\0\x0a\0\x12\0\x03\0\0\0\x07\xff\xff");
        let answer = b"\0\0\0\x06\0\0\0\x07\0\0";
        assert_eq!(
            both(TCP, b"\0\0\0\x0a\0\x12\0\x03\0\0\0\x07\xff\xff", answer).spoken,
            Some(Protocol::KAFKA)
        );
        let other = b"\0\0\0\x06\0\0\0\x08\0\0";
        assert_eq!(both(TCP, b"\0\0\0\x0a\0\x12\0\x03\0\0\0\x07\xff\xff", other).spoken, None);
        nothing(TCP, b"\0\0\0\x10\0\x12\0\x03\0\0\0\x07\0\x05admin");
    }

    #[test]
    fn text_and_signatures() {
        server(TCP, Protocol::NATS, b"INFO {\"server_id\":\"x\"}\r\n");
        client(TCP, Protocol::NATS, b"CONNECT {\"verbose\":false}\r\n");
        nothing(TCP, b"CONNECT x\r\nx");
        client(TCP, Protocol::STOMP, b"CONNECT\naccept-version:1.2\nhost:x\n\n\0");
        server(TCP, Protocol::STOMP, b"CONNECTED\nversion:1.2\n\n\0");
        nothing(TCP, b"CONNECT\nother\n\n\0");
        peer(TCP, Protocol::ZMTP, &[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1]);
        nothing(TCP, &[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7e, 3, 1]);
    }
}
