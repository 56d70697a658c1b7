//! Tests of turns to another protocol: agreed and refused, whole, cut, split, out of order.

use super::testing::*;
use super::{Protocol, Verdict, Window, look};

fn words(verdict: &Verdict) -> Vec<&'static str> {
    verdict.layers.iter().map(Protocol::word).collect()
}

/// A window of segments behind a SYN, each told by where it begins and its octets.
fn window_of<'a>(segments: impl IntoIterator<Item = (usize, &'a [u8])>) -> Window {
    let mut window = Window::new();
    window.segment(u32::MAX - 20, true, &[], 0);
    for (at, octets) in segments {
        let sequence = (u32::MAX - 19).wrapping_add(at as u32);
        window.segment(sequence, false, octets, octets.len() as u32);
    }
    window
}

/// The first message of a direction, and all that follows it.
type Words<'a> = (&'a [u8], &'a [u8]);

/// A direction whose first message and the rest are one segment each, but for those cut at `cut`.
fn split((first, rest): Words<'_>, cut: usize) -> Window {
    let (one, other) = first.split_at(cut.min(first.len()));
    let (third, fourth) = rest.split_at(cut.saturating_sub(first.len()).min(rest.len()));
    let pieces = [one, other, third, fourth];
    let mut at = 0;
    window_of(pieces.into_iter().filter(|piece| !piece.is_empty()).map(|piece| {
        at += piece.len();
        (at - piece.len(), piece)
    }))
}

fn whole(words: Words<'_>) -> Window {
    split(words, 0)
}

/// What a flow gives whose octets end in each direction behind so many.
fn cut(client: Words<'_>, server: Words<'_>, client_len: usize, server_len: usize) -> Verdict {
    let cut = |(first, rest): Words<'_>, len: usize| {
        let (first, rest) =
            (&first[..len.min(first.len())], &rest[..len.saturating_sub(first.len()).min(rest.len())]);
        if len == 0 { Window::new() } else { window_of([(0, first), (first.len(), rest)]) }
    };
    look(TCP, &cut(client, client_len), &cut(server, server_len))
}

fn len((first, rest): Words<'_>) -> usize {
    first.len() + rest.len()
}

/// The flow has these layers, however its octets come; where some are missing it has fewer or none.
fn turns(client: Words<'_>, server: Words<'_>, layers: &[&str]) {
    let verdict = look(TCP, &whole(client), &whole(server));
    assert_eq!(words(&verdict), layers, "{verdict:?}");
    for (words_of, client_side) in [(client, true), (server, false)] {
        let flow = |window: &Window| {
            if client_side { look(TCP, window, &whole(server)) } else { look(TCP, &whole(client), window) }
        };
        let all = [words_of.0, words_of.1].concat();
        for at in 0..=all.len() {
            // Where the first message ends is part of what some protocols are told by.
            if at == 0 || at >= words_of.0.len() {
                assert_eq!(words(&flow(&split(words_of, at))), layers, "split at {at}");
            } else {
                is_none_or(&flow(&split(words_of, at)), layers);
            }
        }
        // Segments of the rest out of order, and each sent twice.
        let first = [(0, words_of.0)];
        let pieces = words_of.1.chunks(7).enumerate().map(|(at, piece)| (words_of.0.len() + 7 * at, piece));
        if all.len() <= 256 {
            let mixed = window_of(first.into_iter().chain(pieces.clone().rev()).chain(pieces.clone()));
            assert_eq!(words(&flow(&mixed)), layers, "reversed");
            assert_eq!(mixed, window_of(first.into_iter().chain(pieces.clone())));
        }
        let again = window_of(first.into_iter().chain(pieces.clone().flat_map(|piece| [piece, piece])));
        assert_eq!(words(&flow(&again)), layers, "sent twice");
    }
    for at in 0..=len(client).max(len(server)) {
        is_none_or(&cut(client, server, at, len(server)), layers);
        is_none_or(&cut(client, server, len(client), at), layers);
        is_none_or(&cut(client, server, at, at), layers);
        is_none_or(&cut(client, server, at, 0), layers);
        is_none_or(&cut(client, server, 0, at), layers);
    }
}

/// As many of these layers as are known, or none; a tunnel is one until something is known of its inside.
fn is_none_or(verdict: &Verdict, layers: &[&str]) {
    let words = words(verdict);
    let is_tunnel = words == ["http", "connect"] && layers.first() == Some(&"http");
    // Without the direction that has the header.
    let is_bare = layers.strip_prefix(&["proxy"]).is_some_and(|layers| layers.starts_with(&words));
    assert!(layers.starts_with(&words) || is_tunnel || is_bare, "{words:?}, wanted {layers:?}");
}

/// The server refuses: no layers, whatever is missing, once enough of the answer is there.
fn refuses(client: Words<'_>, server: Words<'_>) {
    let verdict = look(TCP, &whole(client), &whole(server));
    assert!(words(&verdict).is_empty(), "{verdict:?}");
    assert!(verdict.spoken.is_some());
    for at in 0..=len(client) {
        assert!(words(&cut(client, server, at, len(server))).is_empty(), "{at}");
    }
    // As long as the refusal is not at hand, a hello of TLS speaks for itself.
    if !client.1.ends_with(&[7]) {
        for at in 1..len(server) {
            assert!(words(&cut(client, server, len(client), at)).is_empty(), "{at}");
        }
    }
}

fn client_hello() -> Vec<u8> {
    let mut hello = vec![22, 3, 1, 0, 50, 1, 0, 0, 46, 3, 3];
    hello.resize(55, 7);
    hello
}

fn server_hello() -> Vec<u8> {
    let mut hello = vec![22, 3, 3, 0, 50, 2, 0, 0, 46, 3, 3];
    hello.resize(55, 7);
    hello
}

/// Turns of a talk in lines, from the server's greeting on: with TLS behind it, and without.
fn talk(word: &str, client: &str, greeting: &str, agrees: &str, refuses_with: &str) {
    let layers = [word, "tls"];
    let (asks, agreed) = (client.as_bytes(), [greeting, agrees].concat());
    turns((asks, &client_hello()), (agreed.as_bytes(), &server_hello()), &layers);
    // Agreed, and nothing more to be seen.
    turns((asks, b""), (agreed.as_bytes(), b""), &layers);
    // What is no TLS.
    let verdict = look(TCP, &whole((asks, b"NOOP\r\n")), &whole((agreed.as_bytes(), b"")));
    assert!(words(&verdict).is_empty(), "{verdict:?}");
    // Text put behind the request: only TLS that follows it counts.
    let injected = [&b"RSET\r\n"[..], &client_hello()].concat();
    turns((asks, &injected), (agreed.as_bytes(), b""), &layers);
    turns((asks, b"RSET\r\n"), (agreed.as_bytes(), &server_hello()), &layers);

    let refused = [greeting, refuses_with].concat();
    refuses((asks, b""), (refused.as_bytes(), b""));
    refuses((asks, &client_hello()), (refused.as_bytes(), b""));
    refuses((asks, b"QUIT\r\n"), (refused.as_bytes(), b""));
}

#[test]
fn mail_and_news() {
    // RFC 3207 section 5.
    let greeting = "220 mail.imc.org SMTP service ready\r\n250-mail.imc.org offers a warm hug of welcome\r\n\
                    250-8BITMIME\r\n250-STARTTLS\r\n250 DSN\r\n";
    let client = "EHLO mail.example.com\r\nSTARTTLS\r\n";
    let no = "454 TLS not available due to temporary reason\r\n";
    talk("smtp", client, greeting, "220 Go ahead\r\n", no);
    // RFC 2595 sections 3.1 and 4.
    let greeting = "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\na001 OK CAPABILITY completed\r\n";
    let client = "a001 CAPABILITY\r\na002 starttls\r\n";
    talk("imap", client, greeting, "a002 OK Begin TLS negotiation now\r\n", "a002 BAD no\r\n");
    let greeting = "+OK POP3 ready\r\n+OK Capability list follows\r\nSTLS\r\n.\r\n";
    talk(
        "pop3",
        "CAPA\r\nSTLS\r\n",
        greeting,
        "+OK Begin TLS negotiation\r\n",
        "-ERR Command not permitted\r\n",
    );
    // RFC 4642 section 2.2.3.
    let greeting =
        "200 news.example.org posting allowed\r\n101 Capability list:\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n";
    let (yes, no) = ("382 Continue with TLS negotiation\r\n", "580 Can not initiate TLS negotiation\r\n");
    talk("nntp", "CAPABILITIES\r\nSTARTTLS\r\n", greeting, yes, no);
    // RFC 5804 section 2.2.
    let greeting = "\"IMPLEMENTATION\" \"Example1 ManageSieved v001\"\r\n\"STARTTLS\"\r\nOK\r\n";
    let yes = "OK \"Begin TLS negotiation now.\"\r\n";
    talk("sieve", "StartTls\r\n", greeting, yes, "NO \"TLS is off\"\r\n");
}

#[test]
fn files_and_chat() {
    // RFC 4217 section 12.
    talk("ftp", "AUTH TLS\r\n", "220-Welcome\r\n220 FTP ready\r\n", "234 AUTH TLS OK\r\n", "502 no\r\n");
    let greeting = ":irc.example.org NOTICE * :*** Looking up your hostname\r\n";
    let yes = ":irc.example.org 670 * :STARTTLS successful, proceed with TLS handshake\r\n";
    talk("irc", "CAP LS\r\nSTARTTLS\r\n", greeting, yes, ":irc.example.org 691 * :STARTTLS failed\r\n");
}

#[test]
fn streams_of_xml() {
    // RFC 6120 section 9.1.
    let opening = "<?xml version='1.0'?><stream:stream to='im.example.com' version='1.0' xmlns='jabber:client' \
                   xmlns:stream='http://etherx.jabber.org/streams'>";
    let asks = [opening, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"].concat();
    let features = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
                    </stream:features>";
    let agrees = [opening, features, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"].concat();
    let refused =
        [opening, features, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"].concat();
    let layers = ["xmpp", "tls"];
    turns((asks.as_bytes(), &client_hello()), (agrees.as_bytes(), &server_hello()), &layers);
    turns((asks.as_bytes(), b""), (agrees.as_bytes(), b""), &layers);
    refuses((asks.as_bytes(), b""), (refused.as_bytes(), b""));
    // Whoever was heard first: both sides open alike.
    let verdict =
        look(TCP, &whole((agrees.as_bytes(), &server_hello())), &whole((asks.as_bytes(), &client_hello())));
    assert_eq!(words(&verdict), layers);
}

#[test]
fn directories_and_databases() {
    let asks = [&b"\x30\x1d\x02\x01\x07\x77\x18\x80\x16"[..], b"1.3.6.1.4.1.1466.20037"].concat();
    let agrees = b"\x30\x0c\x02\x01\x07\x78\x07\x0a\x01\0\x04\0\x04\0";
    let refused = b"\x30\x0c\x02\x01\x07\x78\x07\x0a\x01\x02\x04\0\x04\0";
    turns((&asks, &client_hello()), (agrees, &server_hello()), &["ldap", "tls"]);
    turns((&asks, b""), (agrees, b""), &["ldap", "tls"]);
    refuses((&asks, b""), (refused, b""));
    refuses((&asks, &client_hello()), (refused, b""));
    // Behind a search of the root.
    let search = b"\x30\x0c\x02\x01\x06\x63\x07\x04\0\x0a\x01\0\x0a\0";
    let result = b"\x30\x0c\x02\x01\x06\x65\x07\x0a\x01\0\x04\0\x04\0";
    let (later, answer) = ([&asks[..], &client_hello()].concat(), [&agrees[..], &server_hello()].concat());
    turns((search, &later), (result, &answer), &["ldap", "tls"]);

    let ssl = [0, 0, 0, 8, 4, 210, 22, 47];
    let gss = [0, 0, 0, 8, 4, 210, 22, 48];
    turns((&ssl, &client_hello()), (b"S", &server_hello()), &["postgresql", "tls"]);
    turns((&ssl, b""), (b"S", b""), &["postgresql", "tls"]);
    refuses((&ssl, b"\0\0\0\x11\0\x03\0\0user\0me\0\0"), (b"N", b"R\0\0\0\x08\0\0\0\0"));
    refuses((&ssl, &client_hello()), (b"N", b""));
    let both = [&ssl[..], &client_hello()].concat();
    turns((&gss, &both), (b"N", &[&b"S"[..], &server_hello()].concat()), &["postgresql", "tls"]);
    refuses((&gss, b""), (b"G", b"\0\0\0\x20"));

    let mut greeting = b"\x4a\0\0\0\x0a8.0.33\0".to_vec();
    greeting.resize(78, 1);
    let mut request = vec![32, 0, 0, 1, 0x85, 0xae, 0, 0, 0, 0, 0, 1, 45];
    request.resize(36, 0);
    turns((&request, &client_hello()), (&greeting, &server_hello()), &["mysql", "tls"]);
    turns((&request, &client_hello()), (&greeting, b""), &["mysql", "tls"]);
    refuses((&request, b""), (&greeting, b"\x0b\0\0\x02\xff\x10\x04Too many"));
    // A login is no request for TLS.
    request[0] = 33;
    request.push(0);
    refuses((&request, &client_hello()), (&greeting, b""));

    let packet = |kind: u8, body: &[u8]| [&[kind, 1, 0, 8 + body.len() as u8, 0, 0, 1, 0], body].concat();
    let prelogin = b"\0\0\x06\0\x06\xff\x0f\0\0\0\0\0";
    let (asks, answers) = (packet(0x12, prelogin), packet(4, prelogin));
    let (hello, answer) = (packet(0x12, &client_hello()), packet(0x12, &server_hello()));
    turns((&asks, &hello), (&answers, &answer), &["tds", "tls"]);
    turns((&asks, &hello), (&answers, &packet(4, &server_hello())), &["tds", "tls"]);
    refuses((&asks, &packet(0x10, b"login in the clear")), (&answers, b""));
}

#[test]
fn desktops_and_brokers() {
    let request = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
    let answer =
        |kind, selected| [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, kind, 0, 8, 0, selected, 0, 0, 0];
    for selected in [1, 2, 8] {
        turns((&request, &client_hello()), (&answer(2, selected), &server_hello()), &["rdp", "tls"]);
        turns((&request, b""), (&answer(2, selected), b""), &["rdp", "tls"]);
    }
    // RDP's own security; a failure with a reason.
    refuses((&request, &[3, 0, 0, 12]), (&answer(2, 0), b""));
    refuses((&request, b""), (&answer(3, 2), b""));

    let header = b"AMQP\x02\x01\0\0";
    turns((header, &client_hello()), (header, &server_hello()), &["amqp", "tls"]);
    turns((header, b""), (header, b""), &["amqp", "tls"]);
    refuses((header, b""), (b"AMQP\0\x01\0\0", b""));
}

#[test]
fn tunnels_of_http() {
    // RFC 9110 section 9.3.6.
    let connect = b"CONNECT server.example.com:80 HTTP/1.1\r\nHost: server.example.com\r\n\r\n";
    let ok = b"HTTP/1.1 200 OK\r\n\r\n";
    turns((connect, &client_hello()), (ok, &server_hello()), &["http", "tls"]);
    turns((connect, b"SSH-2.0-a\r\n"), (ok, b"SSH-2.0-b\r\n"), &["http", "ssh"]);
    turns(
        (connect, b"EHLO a\r\nSTARTTLS\r\n"),
        (ok, b"220 b ESMTP\r\n250 b\r\n220 go\r\n"),
        &["http", "smtp", "tls"],
    );
    turns((connect, b""), (ok, b""), &["http", "connect"]);
    refuses((connect, b""), (b"HTTP/1.1 403 Forbidden\r\n\r\n", b""));
    refuses(
        (connect, &client_hello()),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno", b""),
    );
    // With a password, the second time.
    let again = [&connect[..], &client_hello()].concat();
    let first = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nno\r\n";
    let second = [&ok[..], &server_hello()].concat();
    turns((connect, &again), (first, &second), &["http", "tls"]);
    // A page that begins as another protocol does is no tunnel.
    let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nSSH-2.0-a\r\n";
    assert!(words(&alone(TCP, page)).is_empty());
}

#[test]
fn upgrades_of_http() {
    // RFC 6455 section 1.2.
    let request =
        b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    turns((request, b"\x81\x05"), (answer, b"\x81\x05Hello"), &["http", "websocket"]);
    refuses((request, b""), (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", b""));
    refuses(
        (request, b""),
        (b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n", b""),
    );
    // Behind another request.
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage";
    turns((b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", request), (page, answer), &["http", "websocket"]);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let h2c = b"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
    let switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    turns((h2c, preface), (switching, b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0d"), &["http", "http2"]);
    // RFC 2817 section 3.
    let asks =
        b"OPTIONS * HTTP/1.1\r\nHost: example.bank.com\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n";
    let agrees =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, HTTP/1.1\r\nConnection: Upgrade\r\n\r\n";
    turns((asks, &client_hello()), (agrees, &server_hello()), &["http", "tls"]);
}

#[test]
fn behind_socks() {
    let request = [5, 1, 0, 1, 10, 0, 0, 1, 1, 187];
    let reply = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let asks = |inner: &[u8]| [&request[..], inner].concat();
    let answers = |inner: &[u8]| [&reply[..], inner].concat();
    let (get, ok) = (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n");
    turns((&[5, 1, 0], &asks(&client_hello())), (&[5, 0], &answers(&server_hello())), &["socks", "tls"]);
    turns((&[5, 1, 0], &asks(get)), (&[5, 0], &answers(ok)), &["socks", "http"]);
    let smtp = b"220 b ESMTP\r\n250 b\r\n220 go\r\n";
    let layers = ["socks", "smtp", "tls"];
    turns((&[5, 1, 0], &asks(b"EHLO a\r\nSTARTTLS\r\n")), (&[5, 0], &answers(smtp)), &layers);
    // RFC 1929, and a name in place of an address.
    let named = [&b"\x01\x02me\x02pw\x05\x01\0\x03\x09a.example\x01\xbb"[..], &client_hello()].concat();
    let login = |status| [&[1, status], &answers(&server_hello())[..]].concat();
    turns((&[5, 2, 0, 2], &named), (&[5, 2], &login(0)), &["socks", "tls"]);
    refuses((&[5, 2, 0, 2], &named), (&[5, 2], &login(1)));
    refuses((&[5, 1, 0], &asks(&client_hello())), (&[5, 0], &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]));
    refuses((&[5, 1, 0], &asks(&client_hello())), (&[5, 0xff], b""));
    let four = b"\x04\x01\x01\xbb\0\0\0\x01me\0a.example\0";
    turns((four, &client_hello()), (&[0, 0x5a, 0, 0, 0, 0, 0, 0], &server_hello()), &["socks", "tls"]);
    refuses((four, &client_hello()), (&[0, 0x5b, 0, 0, 0, 0, 0, 0], b""));
}

#[test]
fn behind_the_header_of_a_proxy() {
    let header = b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 25\r\n";
    let client = [&b"EHLO a\r\nSTARTTLS\r\n"[..], &client_hello()].concat();
    let server = [&b"220 b ESMTP\r\n250 b\r\n220 go\r\n"[..], &server_hello()].concat();
    turns((header, &client), (&server, b""), &["proxy", "smtp", "tls"]);
    let verdict = look(TCP, &whole((header, &client)), &whole((&server, b"")));
    assert_eq!((verdict.spoken, verdict.service()), (Some(Protocol::SMTP), Some("smtp")));
    // A header of 300 octets, and a message whose length must be that of its segment.
    let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x01\x1c"[..], &[0; 284]].concat();
    let request = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
    let verdict = look(TCP, &whole((&header, &request)), &Window::new());
    assert_eq!(words(&verdict), ["proxy", "rdp"]);
}

#[test]
fn one_direction_is_enough_if_it_is_sure() {
    let greeting = "220 mx ESMTP\r\n250 mx\r\n220 go\r\n";
    let server = [greeting.as_bytes(), &server_hello()].concat();
    assert_eq!(words(&alone(TCP, &server)), ["smtp", "tls"]);
    assert!(words(&alone(TCP, greeting.as_bytes())).is_empty());
    let client = [&b"EHLO a\r\nSTARTTLS\r\n"[..], &client_hello()].concat();
    assert_eq!(words(&alone(TCP, &client)), ["smtp", "tls"]);
    assert!(words(&alone(TCP, b"EHLO a\r\nSTARTTLS\r\n")).is_empty());
    let tunnel = [&b"HTTP/1.1 200 Connection established\r\n\r\n"[..], &server_hello()].concat();
    assert_eq!(words(&alone(TCP, &tunnel)), ["http", "tls"]);
    // TLS that no yes stands before.
    let refused = [&b"220 mx ESMTP\r\n250 mx\r\n454 no\r\n"[..], &server_hello()].concat();
    assert!(words(&alone(TCP, &refused)).is_empty());
}

#[test]
fn a_request_that_was_refused_may_be_made_again() {
    let client = b"EHLO a\r\nSTARTTLS\r\nSTARTTLS\r\n";
    let server = b"220 mx ESMTP\r\n250 mx\r\n454 not now\r\n220 go\r\n";
    turns((client, &client_hello()), (server, &server_hello()), &["smtp", "tls"]);
    refuses((client, b""), (b"220 mx ESMTP\r\n250 mx\r\n454 not now\r\n454 no\r\n", b""));
}

#[test]
fn what_alpn_tells_is_a_layer_more() {
    let mut hello = vec![22, 3, 1, 0, 63, 1, 0, 0, 59, 3, 3];
    hello.resize(43, 7);
    hello.extend(b"\0\0\x02\x13\x01\x01\0\0\x10\0\x10\0\x0c\0\x0a\x09postgresq");
    let at = hello.len() - 19;
    hello.truncate(at + 1);
    // Session, ciphers, compression; ALPN with h2.
    hello.truncate(43);
    hello.extend(b"\0\0\x02\x13\x01\x01\0\0\x09\0\x10\0\x05\0\x03\x02h2");
    let body = hello.len() - 9;
    (hello[4], hello[8]) = (body as u8 + 4, body as u8);
    let connect = b"CONNECT a.example:443 HTTP/1.1\r\n\r\n";
    turns((connect, &hello), (b"HTTP/1.1 200 OK\r\n\r\n", b""), &["http", "tls", "http"]);
}

#[test]
fn what_lies_behind_256_octets_is_followed_and_bounded() {
    let offers = "250-OFFER\r\n".repeat(80);
    let greeting = ["220 mx ESMTP\r\n", &offers, "250 STARTTLS\r\n", "220 go\r\n"].concat();
    let client = [&b"EHLO a\r\nSTARTTLS\r\n"[..], &client_hello()].concat();
    turns((&client, b""), (greeting.as_bytes(), &server_hello()), &["smtp", "tls"]);
    let server = whole((greeting.as_bytes(), &server_hello()));
    assert!(!server.is_full());
    let more = [&server_hello()[..], &[9; 900]].concat();
    let server = whole((greeting.as_bytes(), &more));
    assert!(server.is_full());
    assert_eq!(server.len(), greeting.len() + 257);
    // Talk that never turns.
    let endless = whole((b"220 mx ESMTP\r\n", &offers.repeat(10).into_bytes()));
    assert!(endless.is_full());
    assert_eq!(endless.len(), 4_097);
    // What does not turn is not kept.
    for first in
        [&b"GET / HTTP/1.1\r\nUpgrade-Insecure-Requests: 1\r\n"[..], &client_hello(), b"SSH-2.0-x\r\n"]
    {
        let window = whole((first, &[b'a'; 400]));
        assert!(window.is_full());
        assert_eq!(window.len(), 257);
    }
}

#[test]
fn turns_within_turns_end() {
    let connect = b"CONNECT a.example:80 HTTP/1.1\r\n\r\n";
    let ok = b"HTTP/1.1 200 OK\r\n\r\n";
    let verdict = look(TCP, &whole((connect, &connect.repeat(100))), &whole((ok, &ok.repeat(100))));
    assert_eq!(words(&verdict), ["http", "http", "http", "http"]);
}
