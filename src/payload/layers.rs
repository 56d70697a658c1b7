//! What is spoken within what: what ALPN chose, programs of RPC. What follows a turn is in `turns`.

use std::hash::{Hash, Hasher};

use super::datagrams::Datagrams;
use super::gist::{Gist, Words};
use super::hello::Hello;
use super::protocol::Protocol;
use super::reader::{Reader, after};
use super::sight::Sight;
use super::tls::Record;
use super::{industry, rpc, text};

/// Layers from the outermost; empty where no more than one is known.
#[derive(Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layers([Option<Protocol>; Self::KEPT]);

impl Layers {
    /// Most layers that are told.
    pub(super) const KEPT: usize = 4;

    /// No more than the protocol itself.
    pub(super) const NONE: Self = Self([None; Self::KEPT]);

    /// These layers, as far as they are known.
    fn of(layers: &[Protocol]) -> Self {
        let mut all = Self::NONE;
        for (place, &layer) in all.0.iter_mut().zip(layers) {
            *place = Some(layer);
        }
        all
    }

    /// The same layers within another, or that and the protocol spoken within.
    pub(super) fn within(self, outer: Protocol, spoken: Option<Protocol>) -> Self {
        let mut all = Self::of(&[outer]);
        let inner = if self.is_empty() { [spoken, None, None, None] } else { self.0 };
        for (place, layer) in all.0.iter_mut().skip(1).zip(inner) {
            *place = layer;
        }
        all
    }

    /// The layers as numbers of protocols, with 0 where there is none: what a table of flows keeps.
    pub fn ids(&self) -> [u8; Self::KEPT] {
        self.0.map(|layer| layer.map_or(0, Protocol::id))
    }

    /// The layers that [`Self::ids`] gave.
    pub fn from_ids(ids: [u8; Self::KEPT]) -> Self {
        Self(ids.map(Protocol::from_id))
    }

    /// Whether no more than one layer is known.
    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    /// The layers, from the outermost.
    pub fn iter(&self) -> impl Iterator<Item = Protocol> + '_ {
        self.0.iter().flatten().copied()
    }

    /// The layer within the outermost.
    fn second(&self) -> Option<Protocol> {
        self.iter().nth(1)
    }
}

/// In one step, as every verdict is looked up.
impl Hash for Layers {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(u32::from_ne_bytes(self.ids()));
    }
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The layers of a connection that speaks `spoken`.
pub(super) fn of_streams(spoken: Protocol, client: &Words<'_>, server: &Words<'_>) -> Layers {
    if spoken == Protocol::TLS {
        let alpn = client.offer().answered_by(server.offer());
        return alpn.map_or(Layers::NONE, |layer| Layers::of(&[spoken, layer]));
    }
    let (client, server) = (client.sight(), server.sight());
    let inner = match spoken {
        Protocol::HTTP2 if after(client.octets(), b"application/grpc").is_some() => Protocol::GRPC,
        Protocol::SUNRPC => {
            return sunrpc(rpc::program(client, true));
        }
        Protocol::COTP if [client, server].into_iter().any(has_s7) => Protocol::S7COMM,
        _ => return Layers::NONE,
    };
    Layers::of(&[spoken, inner])
}

/// The layers of two directions of datagrams; `client` is one of them.
pub(super) fn of_datagrams(spoken: Protocol, client: Option<&Datagrams>, both: [&Gist; 2]) -> Layers {
    match spoken {
        Protocol::SUNRPC => {
            let call = client
                .into_iter()
                .flat_map(Datagrams::iter)
                .find_map(|datagram| rpc::program(datagram.sight(), false));
            sunrpc(call)
        }
        // RFC 7983: DTLS and media follow STUN in the same flow, and are told by the first octet.
        Protocol::STUN => {
            match (both.iter().any(|gist| gist.has_dtls()), both.iter().any(|gist| gist.has_media())) {
                (true, true) => Layers::of(&[spoken, Protocol::DTLS, Protocol::RTP]),
                (true, false) => Layers::of(&[spoken, Protocol::DTLS]),
                (false, true) => Layers::of(&[spoken, Protocol::RTP]),
                (false, false) => Layers::NONE,
            }
        }
        _ => Layers::NONE,
    }
}

/// The service, where the octets name another one than the protocol's own.
pub(super) fn service_of_streams(
    spoken: Protocol,
    layers: &Layers,
    client: &Words<'_>,
    server: &Words<'_>,
) -> Option<Protocol> {
    match spoken {
        Protocol::XMPP
            if [client, server].into_iter().any(|words| text::is_between_servers(words.sight())) =>
        {
            Some(Protocol::XMPP_SERVER)
        }
        _ => service_of_datagrams(spoken, layers),
    }
}

/// The same for datagrams.
pub(super) fn service_of_datagrams(spoken: Protocol, layers: &Layers) -> Option<Protocol> {
    layers.second().filter(|_| spoken == Protocol::SUNRPC)
}

/// The program within Sun RPC, where it is a known one and not Sun RPC's own.
fn sunrpc(program: Option<u32>) -> Layers {
    let program = program.and_then(rpc::program_word).filter(|&program| program != Protocol::SUNRPC);
    program.map_or(Layers::NONE, |program| Layers::of(&[Protocol::SUNRPC, program]))
}

/// The layer of an ALPN id (IANA "TLS ALPN Protocol IDs"): a closed list.
pub fn of_alpn(id: &[u8]) -> Option<Protocol> {
    Some(match id {
        b"http/1.1" | b"http/1.0" | b"h2" | b"h3" => Protocol::HTTP,
        b"imap" => Protocol::IMAP,
        b"pop3" => Protocol::POP3,
        b"managesieve" => Protocol::SIEVE,
        b"xmpp-client" => Protocol::XMPP_CLIENT,
        b"xmpp-server" => Protocol::XMPP_SERVER,
        b"dot" | b"doq" => Protocol::DOMAIN,
        b"mqtt" => Protocol::MQTT,
        b"irc" => Protocol::IRC,
        b"ftp" => Protocol::FTP,
        b"nntp" => Protocol::NNTP,
        b"sunrpc" => Protocol::SUNRPC,
        b"coap" => Protocol::COAP,
        b"stun.turn" | b"stun.nat-discovery" => Protocol::STUN,
        b"webrtc" | b"c-webrtc" => Protocol::RTP,
        b"ntske/1" => Protocol::NTSKE,
        b"smb" => Protocol::SMB,
        b"postgresql" => Protocol::POSTGRESQL,
        b"radius/1.1" => Protocol::RADIUS,
        b"tds/8.0" => Protocol::TDS,
        _ => return None,
    })
}

/// What the first record of TLS in a direction says of the protocol within.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Offer {
    /// Nothing that can be read: encrypted, cut, not seen, or no TLS.
    #[default]
    Unknown,
    /// A client wants this one.
    Wish(Protocol),
    /// A server took this one, if it is a known one.
    Chosen(Option<Protocol>),
    /// A server has none.
    Declined,
}

impl Offer {
    /// What the first octets of a direction say.
    pub(super) fn of(sight: Sight<'_>) -> Self {
        let Some(record) = Record::read(&mut sight.reader()) else { return Self::Unknown };
        if record.kind != Record::HANDSHAKE {
            // An alert instead of a hello: nothing was chosen.
            return Self::Declined;
        }
        let Ok(hello) = Hello::of_record(sight.octets()) else { return Self::Unknown };
        if hello.is_client {
            return wish(&hello).map_or(Self::Unknown, Self::Wish);
        }
        if let Some(mut offered) = hello.protocols() {
            return Self::Chosen(offered.next().and_then(of_alpn));
        }
        // RFC 8446 section 4.2.1: a server that answers so puts ALPN where it cannot be read.
        let is_encrypted = hello.extensions().any(|(kind, _)| kind == Hello::SUPPORTED_VERSIONS);
        if is_encrypted || !hello.is_whole { Self::Unknown } else { Self::Declined }
    }

    /// The protocol within, where the other end offered this and the server said that.
    fn answered_by(&self, server: &Self) -> Option<Protocol> {
        match (server, self) {
            (&Self::Chosen(layer), _) => layer,
            (Self::Unknown | Self::Wish(_), &Self::Wish(layer)) => Some(layer),
            _ => None,
        }
    }

    /// Writes it so that [`Self::read`] gives it back.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (kind, protocol) = match *self {
            Self::Unknown => (0, None),
            Self::Wish(protocol) => (1, Some(protocol)),
            Self::Chosen(protocol) => (2, protocol),
            Self::Declined => (3, None),
        };
        out.extend_from_slice(&[kind, protocol.map_or(0, Protocol::id)]);
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let [kind, id] = reader.array()?;
        match (kind, Protocol::from_id(id)) {
            (0, _) => Some(Self::Unknown),
            (1, protocol) => protocol.map(Self::Wish),
            (2, protocol) => Some(Self::Chosen(protocol)),
            (3, _) => Some(Self::Declined),
            _ => None,
        }
    }
}

/// What a client offers, if all of it means the same layer.
fn wish(hello: &Hello<'_>) -> Option<Protocol> {
    let mut offered = hello.protocols()?;
    let layer = of_alpn(offered.next()?)?;
    offered.all(|id| of_alpn(id) == Some(layer)).then_some(layer)
}

/// S7 in the first data packet, be it the first of all or behind the connection.
fn has_s7(sight: Sight<'_>) -> bool {
    let mut reader = sight.reader();
    reader.skip(2).is_some()
        && reader
            .u16()
            .is_some_and(|len| industry::is_s7(sight) || industry::is_s7(sight.without(usize::from(len))))
}

#[cfg(test)]
mod tests {
    use crate::payload::testing::*;
    use crate::payload::{Layers, Protocol, Sender, Verdict};

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind, 0, 0, body.len() as u8];
        message.extend(body);
        let mut record = vec![22, 3, 1, 0, message.len() as u8];
        record.extend(message);
        record
    }

    fn hello(kind: u8, extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        if kind == 1 {
            body.extend([0, 2, 0x13, 1, 1, 0]);
        } else {
            body.extend([0x13, 1, 0]);
        }
        body.extend([0, extensions.len() as u8]);
        body.extend(extensions);
        record(kind, &body)
    }

    const BOTH: &[u8] = b"\0\x10\0\x0e\0\x0c\x02h2\x08http/1.1";
    const MIXED: &[u8] = b"\0\x10\0\x0a\0\x08\x02h2\x04mqtt";

    fn layers(verdict: &Verdict) -> Vec<&'static str> {
        verdict.layers.iter().map(Protocol::word).collect()
    }

    #[test]
    fn alpn_is_the_servers_choice_else_the_clients_if_it_is_one() {
        assert_eq!(layers(&alone(TCP, &hello(1, BOTH))), ["tls", "http"]);
        assert!(layers(&alone(TCP, &hello(1, MIXED))).is_empty());
        let chosen = hello(2, b"\0\x10\0\x07\0\x05\x04mqtt");
        assert_eq!(layers(&both(TCP, &hello(1, MIXED), &chosen)), ["tls", "mqtt"]);
        assert!(layers(&both(TCP, &hello(1, BOTH), &hello(2, b""))).is_empty());
        let encrypted = hello(2, b"\0\x2b\0\x02\x03\x04");
        assert_eq!(layers(&both(TCP, &hello(1, BOTH), &encrypted)), ["tls", "http"]);
    }

    #[test]
    fn starttls_is_a_layer_once_it_was_agreed() {
        let greeting = b"220 mx ESMTP\r\n250-mx\r\n250 STARTTLS\r\n220 go ahead\r\n";
        let verdict = both(TCP, b"EHLO c\r\nSTARTTLS\r\n", greeting);
        assert_eq!(layers(&verdict), ["smtp", "tls"]);
        assert_eq!(Layers::from_ids(verdict.layers.ids()), verdict.layers);
        let verdict = both(TCP, b"EHLO c\r\nSTARTTLS\r\n", b"220 mx ESMTP\r\n250-mx\r\n454 not now\r\n");
        assert!(layers(&verdict).is_empty());
        let verdict = both(TCP, b"a1 STARTTLS\r\n", b"* OK IMAP4rev1\r\na1 OK go\r\n");
        assert_eq!((layers(&verdict), verdict.server), (vec!["imap", "tls"], Some(Sender::Second)));
        let verdict = both(TCP, b"AUTH TLS\r\n", b"220 FTP\r\n234 go\r\n");
        assert_eq!(layers(&verdict), ["ftp", "tls"]);
    }

    #[test]
    fn connect_is_a_layer_unless_it_was_refused() {
        let connect = b"CONNECT a.example:443 HTTP/1.1\r\n\r\n";
        assert_eq!(layers(&alone(TCP, connect)), ["http", "connect"]);
        assert!(layers(&both(TCP, connect, b"HTTP/1.1 403 no\r\n\r\n")).is_empty());
        let through = [&connect[..], &hello(1, BOTH)].concat();
        assert_eq!(layers(&both(TCP, &through, b"HTTP/1.1 200 ok\r\n\r\n")), ["http", "tls", "http"]);
    }

    #[test]
    fn ssl_of_postgresql() {
        let asks = [0, 0, 0, 8, 4, 210, 22, 47];
        assert_eq!(layers(&both(TCP, &asks, b"S")), ["postgresql", "tls"]);
        assert!(layers(&both(TCP, &asks, b"N")).is_empty());
    }
}
