//! How a flow turns to another protocol: where the words of each direction end, and other octets begin.
//!
//! A turn has two halves: the client's request and the server's consent. [`Turn::of`] pairs them, and what
//! lies behind them is looked at as a flow of its own. [`wanted`] looks at one direction alone: how much of
//! it must be kept to see all that.

use super::databases::{self, MYSQL_SSL_REQUEST};
use super::directory::LdapMessage;
use super::gist::{StandIn, Status};
use super::layers::Layers;
use super::mail::is_one_of;
use super::protocol::Protocol;
use super::proxies::{self, proxy_header};
use super::reader::{Reader, after, check, position};
use super::sight::Sight;
use super::verdict::Verdict;
use super::{mail, table, text, tls};
use crate::packet::TransportProtocol;

/// Most octets of a direction that are kept where it may turn.
pub(super) const BOUND: usize = 4_096;

/// Requests or messages before a turn that are passed over.
const STEPS: usize = 64;

/// What a server says to a request to turn.
#[derive(Clone, Copy)]
pub(super) enum Answer<'a> {
    /// Nothing that is at hand.
    Unseen,
    /// No.
    Refused,
    /// Yes; what follows that.
    Agreed(&'a [u8]),
}

impl<'a> Answer<'a> {
    /// What a server says that agrees or does not, and what follows.
    fn new(agrees: bool, rest: &'a [u8]) -> Self {
        if agrees { Self::Agreed(rest) } else { Self::Refused }
    }
}

/// What may follow a turn.
#[derive(Clone, Copy)]
enum Follows {
    /// TLS, and nothing else.
    Tls,
    /// Whatever the client speaks to the other end of a tunnel.
    Any,
    /// The same, where the tunnel itself is a layer as long as nothing is known of what is in it.
    Connect,
    /// What the server names, where that is a known word.
    Upgrade(Option<Protocol>),
}

/// A turn, and what both directions say behind it.
pub(super) struct Turn<'a> {
    outer: Protocol,
    follows: Follows,
    is_agreed: bool,
    pub(super) client: Sight<'a>,
    pub(super) server: Sight<'a>,
}

impl<'a> Turn<'a> {
    /// The turn of a flow that speaks `spoken`, unless there is none or the server refused it.
    ///
    /// Where the answer was not seen, there is a turn if there is a request, and the other way round: what
    /// follows must then speak for itself.
    pub(super) fn of(spoken: Protocol, client: Sight<'a>, server: Sight<'a>) -> Option<Self> {
        let (asks, answers) = (client.all(), server.all());
        let (asked, answer) = match spoken {
            Protocol::XMPP => xmpp(asks, answers),
            Protocol::LDAP => ldap(asks, answers),
            Protocol::POSTGRESQL => postgresql(asks, answers),
            Protocol::MYSQL => return mysql(asks, answers),
            Protocol::TDS => return tds(asks, answers),
            Protocol::RDP => rdp(asks, answers),
            Protocol::AMQP => amqp(asks, answers),
            Protocol::HTTP => return http(asks, answers),
            Protocol::SOCKS4 | Protocol::SOCKS5 => {
                let login = if answers.is_empty() { None } else { proxies::socks_login(answers) };
                let asked = proxies::socks_requests(asks, login);
                let answer = proxies::socks_answers(answers);
                return Self::paired(Protocol::SOCKS, Follows::Any, asked, answer);
            }
            _ => Talk::of(spoken)?.turn(asks, answers),
        };
        Self::paired(spoken, Follows::Tls, asked, answer)
    }

    /// A request, with what follows it, and an answer.
    fn paired(
        outer: Protocol,
        follows: Follows,
        asked: Option<&'a [u8]>,
        answer: Answer<'a>,
    ) -> Option<Self> {
        let (client, server, is_agreed) = match (asked, answer) {
            (_, Answer::Refused) | (None, Answer::Unseen) => return None,
            (Some(client), Answer::Unseen) => (client, &[][..], false),
            (None, Answer::Agreed(server)) => (&[][..], server, false),
            (Some(client), Answer::Agreed(server)) => (client, server, true),
        };
        Some(Self::new(outer, follows, is_agreed, client, server))
    }

    fn new(outer: Protocol, follows: Follows, is_agreed: bool, client: &'a [u8], server: &'a [u8]) -> Self {
        Self { outer, follows, is_agreed, client: Sight::of_rest(client), server: Sight::of_rest(server) }
    }

    /// The layers, where what follows the turn gives `inner`.
    pub(super) fn layers(&self, inner: &Verdict) -> Layers {
        let then = |protocol| Layers::NONE.within(self.outer, Some(protocol));
        let spoken = || match inner.spoken {
            Some(_) => inner.layers.within(self.outer, inner.spoken),
            None => Layers::NONE,
        };
        let may_be_tls = || [self.client, self.server].iter().all(|sight| tls::may_begin(sight.octets()));
        match self.follows {
            Follows::Tls if inner.spoken == Some(Protocol::TLS) => spoken(),
            // Agreed, and not come to it yet.
            Follows::Tls if self.is_agreed && may_be_tls() => then(Protocol::TLS),
            Follows::Tls => Layers::NONE,
            Follows::Upgrade(Some(word)) if inner.spoken != Some(word) => then(word),
            Follows::Connect if inner.spoken.is_none() && self.is_agreed => then(Protocol::CONNECT),
            Follows::Any | Follows::Connect | Follows::Upgrade(_) => spoken(),
        }
    }
}

/// Whether a client's line asks to turn.
type Asks = fn(&[u8]) -> bool;

/// Whether a server's line is a reply, and a yes.
type Agrees = fn(&[u8]) -> Option<bool>;

/// A talk in lines that can turn to TLS.
struct Talk {
    asks: Asks,
    agrees: Agrees,
    /// How replies belong to requests.
    pairing: Pairing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pairing {
    /// A greeting, and then one for each line of the client.
    Order,
    /// By the word that the client's line begins with.
    Tag,
    /// By what they say.
    Words,
}

impl Talk {
    fn of(spoken: Protocol) -> Option<Self> {
        let asks: Asks = |line| is_one_of(line.trim_ascii_end(), &[b"STARTTLS"]);
        let (asks, agrees, pairing): (_, Agrees, _) = match spoken {
            // RFC 3207 section 4.
            Protocol::SMTP => (asks, |line| code(line).map(|code| code == *b"220"), Pairing::Order),
            // RFC 4642 section 2.2.
            Protocol::NNTP => (asks, |line| code(line).map(|code| code == *b"382"), Pairing::Order),
            // RFC 5804 section 2.2.
            Protocol::SIEVE => (asks, sieve_agrees, Pairing::Order),
            // IRCv3 tls: replies 670 and 691.
            Protocol::IRC => (asks, irc_agrees, Pairing::Words),
            // RFC 4217 section 4.
            Protocol::FTP => {
                const WORDS: [&[u8]; 4] = [b"AUTH TLS", b"AUTH SSL", b"AUTH TLS-C", b"AUTH TLS-P"];
                let asks: Asks = |line| is_one_of(line.trim_ascii_end(), &WORDS);
                (asks, |line| code(line).map(|code| code == *b"234"), Pairing::Order)
            }
            // RFC 2595 section 4.
            Protocol::POP3 => {
                let asks: Asks = |line| is_one_of(line.trim_ascii_end(), &[b"STLS"]);
                (asks, pop3_agrees, Pairing::Order)
            }
            // RFC 9051 section 6.2.1.
            Protocol::IMAP => {
                let asks: Asks = |line| {
                    tagged(line).is_some_and(|(_, rest)| is_one_of(rest.trim_ascii_end(), &[b"STARTTLS"]))
                };
                (asks, imap_agrees, Pairing::Tag)
            }
            _ => return None,
        };
        Some(Self { asks, agrees, pairing })
    }

    /// What the client says behind its request, and what the server says to it.
    fn turn<'a>(&self, asks: &'a [u8], answers: &'a [u8]) -> (Option<&'a [u8]>, Answer<'a>) {
        let shown = self.shown(answers);
        let mut last = (None, shown);
        for (number, (line, rest)) in Lines(Reader::new(asks)).enumerate() {
            if !(self.asks)(line) {
                continue;
            }
            let answer = match shown {
                Answer::Agreed(_) => shown,
                _ => self.answer(number, line, answers),
            };
            // What a client says before the answer may be dropped or not: it is not TLS.
            last = (Some(tls_behind(rest, b'\n', 0).map_or(rest, |(_, tls)| tls)), answer);
            if !matches!(answer, Answer::Refused) {
                break;
            }
        }
        last
    }

    /// What the server says to the client's line of this number.
    fn answer<'a>(&self, number: usize, asked: &[u8], answers: &'a [u8]) -> Answer<'a> {
        let of_tag = |line: &[u8]| match self.pairing {
            Pairing::Order | Pairing::Words => true,
            Pairing::Tag => {
                tagged(asked).zip(tagged(line)).is_some_and(|((tag, _), (other, _))| tag == other)
            }
        };
        let replies = Lines(Reader::new(answers)).filter(|(line, _)| of_tag(line));
        let mut replies = replies.filter_map(|(line, rest)| Some(((self.agrees)(line)?, rest)));
        // The first one greets.
        let reply = if self.pairing == Pairing::Order { replies.nth(number + 1) } else { replies.next() };
        reply.map_or(Answer::Unseen, |(agrees, rest)| Answer::new(agrees, rest))
    }

    /// The server's yes, where TLS follows it.
    fn shown<'a>(&self, answers: &'a [u8]) -> Answer<'a> {
        let mut lines = Lines(Reader::new(answers)).skip_while(|(_, rest)| !tls::begins(rest));
        match lines.next() {
            Some((line, rest)) if (self.agrees)(line) == Some(true) => Answer::Agreed(rest),
            _ => Answer::Unseen,
        }
    }
}

/// Lines of text, each with what follows it, up to where TLS begins.
struct Lines<'a>(Reader<'a>);

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        check(!tls::begins(self.0.rest()))?;
        let line = self.0.line()?;
        Some((line, self.0.rest()))
    }
}

/// The code of a reply's last line (RFC 5321 section 4.2, RFC 959 section 4.2).
fn code(line: &[u8]) -> Option<[u8; 3]> {
    let mut reader = Reader::new(line);
    let code: [u8; 3] = reader.array()?;
    check(code.iter().all(u8::is_ascii_digit) && matches!(reader.peek(), None | Some(b' ')))?;
    Some(code)
}

fn pop3_agrees(line: &[u8]) -> Option<bool> {
    let is_no = line.starts_with(b"-ERR");
    check(is_no || line.starts_with(b"+OK"))?;
    Some(!is_no)
}

fn sieve_agrees(line: &[u8]) -> Option<bool> {
    let word = Reader::new(line).run(|octet| octet.is_ascii_alphabetic());
    let is_yes = is_one_of(word, &[b"OK"]);
    check(is_yes || is_one_of(word, &[b"NO", b"BYE"]))?;
    Some(is_yes)
}

fn irc_agrees(line: &[u8]) -> Option<bool> {
    let mut words = line.split(|&octet| octet == b' ');
    check(words.next()?.starts_with(b":"))?;
    match words.next()? {
        b"670" => Some(true),
        b"691" => Some(false),
        _ => None,
    }
}

fn imap_agrees(line: &[u8]) -> Option<bool> {
    let (_, rest) = tagged(line)?;
    let word = Reader::new(rest).run(|octet| octet != b' ');
    let is_yes = is_one_of(word, &[b"OK"]);
    check(is_yes || is_one_of(word, &[b"NO", b"BAD"]))?;
    Some(is_yes)
}

/// The tag of a line of IMAP, and what follows it.
fn tagged(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(line);
    let tag = reader.until(b' ')?;
    check(!tag.is_empty() && tag != b"*" && tag != b"+")?;
    Some((tag, reader.rest()))
}

/// Where TLS begins: at once, or behind an `end`; its place and what it says. None is looked for that
/// would have been whole within the first `known` octets.
fn tls_behind(octets: &[u8], end: u8, known: usize) -> Option<(usize, &[u8])> {
    let begins = known.saturating_sub(8);
    let rest = octets.get(begins..)?;
    if begins == 0 && tls::begins(rest) {
        return Some((0, rest));
    }
    let mut behind = 0;
    loop {
        behind += position(rest.get(behind..)?, end)? + 1;
        let tls = rest.get(behind..)?;
        if tls::begins(tls) {
            return Some((begins + behind, tls));
        }
    }
}

/// XMPP (RFC 6120 section 5.4.2).
fn xmpp<'a>(asks: &'a [u8], answers: &'a [u8]) -> (Option<&'a [u8]>, Answer<'a>) {
    let behind = |octets: &'a [u8], element: &[u8]| {
        let mut reader = Reader::new(after(octets, element)?);
        reader.until(b'>')?;
        let rest = reader.rest();
        Some(tls_behind(rest, b'>', 0).map_or(rest.trim_ascii_start(), |(_, tls)| tls))
    };
    // A stream error is no answer to it, but the end of all.
    let is_refused = || after(answers, b"<failure").is_some();
    let answer = match behind(answers, b"<proceed") {
        Some(rest) => Answer::Agreed(rest),
        None if is_refused() => Answer::Refused,
        None => Answer::Unseen,
    };
    (behind(asks, b"<starttls"), answer)
}

/// LDAP (RFC 4511 section 4.14).
fn ldap<'a>(asks: &'a [u8], answers: &'a [u8]) -> (Option<&'a [u8]>, Answer<'a>) {
    let (mut requests, mut responses) = (Reader::new(asks), Reader::new(answers));
    let next = |reader: &mut Reader<'a>| LdapMessage::read(reader);
    let request = std::iter::from_fn(|| next(&mut requests)).find(LdapMessage::asks_for_tls);
    let mut results = std::iter::from_fn(|| next(&mut responses));
    let result = results.find_map(|result| result.agrees(request.as_ref()));
    let answer = result.map_or(Answer::Unseen, |agrees| Answer::new(agrees, responses.rest()));
    (request.map(|_| requests.rest()), answer)
}

/// PostgreSQL (section 55.2.10 of its manual): one octet answers each request for encryption.
fn postgresql<'a>(asks: &'a [u8], answers: &'a [u8]) -> (Option<&'a [u8]>, Answer<'a>) {
    let (mut requests, mut replies) = (Reader::new(asks), Reader::new(answers));
    if requests.expect(&PG_GSS_REQUEST).is_some() && !matches!(replies.u8(), None | Some(b'N')) {
        return (None, Answer::Refused);
    }
    let asked = requests.expect(&PG_SSL_REQUEST).map(|()| requests.rest());
    let answer = replies.u8().map_or(Answer::Unseen, |reply| Answer::new(reply == b'S', replies.rest()));
    (asked, if asked.is_some() { answer } else { Answer::Unseen })
}

const PG_SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const PG_GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

/// MySQL: the server, which greeted first, says nothing to the request.
fn mysql<'a>(asks: &'a [u8], answers: &'a [u8]) -> Option<Turn<'a>> {
    let client = asks.get(MYSQL_SSL_REQUEST..).filter(|_| databases::mysql_asks_ssl(asks));
    let server = databases::mysql_greeting(answers).and_then(|len| answers.get(len..)).unwrap_or_default();
    check(client.is_some() || asks.is_empty())?;
    check(tls::may_begin(server))?;
    Some(Turn::new(Protocol::MYSQL, Follows::Tls, false, client.unwrap_or_default(), server))
}

/// TDS: what both sides carry in packets behind PRELOGIN.
fn tds<'a>(asks: &'a [u8], answers: &'a [u8]) -> Option<Turn<'a>> {
    let carried = |octets: &'a [u8]| {
        let len = databases::tds_prelogin_packet(octets)?;
        databases::tds_carried(octets.get(len..)?).filter(|carried| tls::may_begin(carried))
    };
    let (client, server) = (carried(asks), carried(answers));
    check(client.is_some() || server.is_some())?;
    let [client, server] = [client, server].map(Option::unwrap_or_default);
    Some(Turn::new(Protocol::TDS, Follows::Tls, false, client, server))
}

/// RDP ([MS-RDPBCGR] 2.2.1.2.1): the server selects TLS, alone or below CredSSP or RDSTLS.
fn rdp<'a>(asks: &'a [u8], answers: &'a [u8]) -> (Option<&'a [u8]>, Answer<'a>) {
    let asked = rdp_packet(asks).and_then(|len| asks.get(len..));
    let answer = rdp_packet(answers).and_then(|len| {
        let mut reader = Reader::new(answers);
        reader.skip(11)?;
        let is_response = reader.u8()? == 2;
        reader.skip(3)?;
        Some(Answer::new(is_response && reader.le32()? & 0xf != 0, answers.get(len..)?))
    });
    (asked, answer.unwrap_or(Answer::Unseen))
}

/// Length of the packet of X.224 that opens a connection (TPKT, RFC 1006 section 6).
fn rdp_packet(octets: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(octets);
    reader.expect(&[3, 0])?;
    let len = usize::from(reader.u16()?);
    reader.skip(1)?;
    check(matches!(reader.u8()?, 0xd0 | 0xe0))?;
    Some(len)
}

const AMQP_TLS: [u8; 8] = *b"AMQP\x02\x01\0\0";

/// AMQP (1.0 section 5.2): both send the header of TLS.
fn amqp<'a>(asks: &'a [u8], answers: &'a [u8]) -> (Option<&'a [u8]>, Answer<'a>) {
    let answer = match answers.strip_prefix(&AMQP_TLS) {
        Some(rest) => Answer::Agreed(rest),
        None if AMQP_TLS.starts_with(answers) => Answer::Unseen,
        None => Answer::Refused,
    };
    (asks.strip_prefix(&AMQP_TLS), answer)
}

/// The head of a request or a response of HTTP/1.
#[derive(Clone, Copy)]
struct Head<'a>(&'a [u8]);

impl<'a> Head<'a> {
    /// Tells the names and values of the fields that are asked for here (Connection, Content-Length and
    /// Content-Type, Transfer-Encoding, Upgrade) and some others, until one is not heeded; what follows the
    /// empty line.
    fn fields(self, mut heed: impl FnMut(&'a [u8], &'a [u8]) -> Option<()>) -> Option<&'a [u8]> {
        let mut reader = Reader::new(self.0);
        reader.line()?;
        loop {
            let line = reader.line()?;
            if line.is_empty() {
                return Some(reader.rest());
            }
            // Those that are asked for here begin so; most lines need not be read any further.
            if !matches!(line, [b'C' | b'c' | b'T' | b't' | b'U' | b'u', ..]) {
                continue;
            }
            let mut value = Reader::new(line);
            if let Some(name) = value.until(b':') {
                heed(name, value.rest().trim_ascii())?;
            }
        }
    }

    /// What follows it.
    fn rest(self) -> Option<&'a [u8]> {
        self.fields(|_, _| Some(()))
    }

    /// The status of a response.
    fn status(self) -> Option<u32> {
        let mut reader = Reader::new(self.0);
        reader.expect(b"HTTP/1.")?;
        reader.skip(1)?;
        reader.expect(b" ")?;
        let status = Reader::new(reader.take(3)?).number();
        status.filter(|status| (100..600).contains(status))
    }

    /// What follows the content, where its length is told.
    fn behind_content(self, is_request: bool) -> Option<&'a [u8]> {
        let is_empty = is_request || matches!(self.status(), Some(100..200 | 204 | 304));
        let mut len = is_empty.then_some(0);
        let rest = self.fields(|name, value| {
            if is_one_of(name, &[b"content-length"]) {
                len = Some(Reader::new(value).number()? as usize);
            }
            check(!is_one_of(name, &[b"transfer-encoding"]))
        })?;
        rest.get(len?..)
    }

    /// What follows a head without a field that tells of content: an answer to CONNECT has none (RFC 9110
    /// section 9.3.6).
    fn bare(self) -> Option<&'a [u8]> {
        const FIELDS: [&[u8]; 3] = [b"content-length", b"content-type", b"transfer-encoding"];
        self.fields(|name, _| check(!is_one_of(name, &FIELDS)))
    }

    /// The protocol that it names first in Upgrade.
    fn upgrade(self) -> Option<&'a [u8]> {
        let mut upgrade = None;
        self.fields(|name, value| {
            upgrade = Some(value).filter(|_| is_one_of(name, &[b"upgrade"]));
            check(upgrade.is_none())
        });
        let word = Reader::new(upgrade?).run(|octet| !matches!(octet, b',' | b' '));
        Some(word).filter(|word| !word.is_empty())
    }

    /// Whether a request asks for another protocol, as far as its first octets tell.
    fn asks_for_upgrade(self) -> bool {
        let is_upgrade = |word: &[u8]| is_one_of(word.trim_ascii(), &[b"upgrade"]);
        let mut asks = false;
        self.fields(|name, value| {
            asks = is_upgrade(name)
                || is_one_of(name, &[b"connection"]) && value.split(|&octet| octet == b',').any(is_upgrade);
            check(!asks)
        });
        asks
    }
}

/// What may stand for the first octets of a direction of HTTP/1: those of a head that goes on behind them and asks for no turn
/// say no more to [`Turn::of`] than that there is one, and of a response what the first digit of its status says.
pub(super) fn stand_in(octets: &[u8]) -> Option<StandIn> {
    check(!may_end_head(octets))?;
    let head = Head(octets);
    if octets.starts_with(b"HTTP/") {
        return match head.status()? {
            200..300 => Some(StandIn::Answer(Status::Success)),
            300.. => Some(StandIn::Answer(Status::Failure)),
            _ => None,
        };
    }
    check(!octets.starts_with(b"CONNECT ") && !head.asks_for_upgrade())?;
    Some(StandIn::Request)
}

/// HTTP: CONNECT, and Upgrade (RFC 9110 sections 9.3.6 and 7.8), also behind other requests.
fn http<'a>(client: &'a [u8], server: &'a [u8]) -> Option<Turn<'a>> {
    let (mut asks, mut answers) = (client, server);
    for _ in 0..STEPS {
        let (request, response) = (Head(asks), Head(answers));
        let is_connect = asks.starts_with(b"CONNECT ");
        let asked = || request.rest().unwrap_or_default();
        let rest = || response.rest().unwrap_or_default();
        let turn =
            |follows, is_agreed, server| Turn::new(Protocol::HTTP, follows, is_agreed, asked(), server);
        match response.status() {
            // Asked once more: the answer that is not at hand was no.
            None if is_connect && asked().starts_with(b"CONNECT ") => {
                asks = asked();
                continue;
            }
            // An answer that is not at hand: only where all are missing, the request is taken at its word.
            None if is_connect => return Some(turn(Follows::Connect, server.is_empty(), &[])),
            None if request.upgrade().is_some() => return Some(turn(Follows::Any, false, &[])),
            None => return None,
            Some(101) => {
                let word = response.upgrade().or_else(|| request.upgrade()).unwrap_or_default();
                let word = match () {
                    () if is_one_of(word, &[b"websocket"]) => Some(Protocol::WEBSOCKET),
                    () if is_one_of(word, &[b"h2c"]) => Some(Protocol::HTTP2),
                    () => None,
                };
                return Some(turn(Follows::Upgrade(word), true, rest()));
            }
            Some(100..200) => {
                answers = response.rest()?;
                continue;
            }
            Some(200..300) if is_connect => return Some(turn(Follows::Connect, true, rest())),
            Some(200..300) if client.is_empty() => {
                return response.bare().map(|rest| turn(Follows::Any, false, rest));
            }
            Some(_) => {}
        }
        answers = response.behind_content(false)?;
        asks = request.behind_content(true).unwrap_or_default();
    }
    None
}

/// How many octets of a direction are wanted, told by those seen without a hole; 256 to [`BOUND`].
///
/// No turn is looked for in text that would have been whole within the first `known` octets.
pub(super) fn wanted(octets: &[u8], known: usize) -> usize {
    let mut passed = 0;
    // One turn may follow another, as behind the header of a proxy.
    while passed < BOUND {
        let rest = octets.get(passed..).unwrap_or_default();
        match half(rest, known.saturating_sub(passed)) {
            Half::None => break,
            Half::Ahead => return BOUND,
            Half::Behind(0) => break,
            Half::Behind(len) => passed += len,
        }
    }
    (passed + Sight::BOUND).min(BOUND)
}

/// The half of a turn that one direction shows.
enum Half {
    /// It is of no protocol that can turn.
    None,
    /// It may come.
    Ahead,
    /// It ends with this octet, or would if there is one.
    Behind(usize),
}

/// Where one direction turns to another protocol, as far as it shows that alone.
pub(super) enum Turning {
    /// It does not, surely.
    Never,
    /// It may, behind what is at hand.
    Ahead,
    /// Behind so many octets, which are some.
    Behind(usize),
}

/// Where the octets of a direction turn: words that ask for TLS, or for a way through a proxy.
pub(super) fn turning(octets: &[u8]) -> Turning {
    /// More than a login and a request of SOCKS take.
    const SOCKS: usize = 1_024;
    if !may_ask(octets) {
        return Turning::Never;
    }
    match half(octets, 0) {
        Half::Behind(len) if len > 0 => Turning::Behind(len),
        Half::Ahead if octets.len() < BOUND => Turning::Ahead,
        // The greeting comes alone.
        Half::None if matches!(octets, [5, 1..=8, ..] | [4, 1, ..]) && octets.len() < SOCKS => Turning::Ahead,
        _ => Turning::Never,
    }
}

/// Whether a client that asks to turn may begin so: servers turn where they are asked, so what those say is enough.
fn may_ask(octets: &[u8]) -> bool {
    /// Words of SMTP and LMTP, POP3, FTP, NNTP, ManageSieve and IRC before `STARTTLS` and its like.
    const WORDS: [&[u8; 4]; 18] = [
        b"EHLO", b"LHLO", b"HELO", b"STAR", b"CAPA", b"STLS", b"USER", b"AUTH", b"FEAT", b"HOST", b"MODE",
        b"CAP ", b"NICK", b"PASS", b"NOOP", b"<?xm", b"<str", b"AMQP",
    ];
    match octets {
        // LDAP, PostgreSQL, RDP, SOCKS, TDS, and the request of MySQL, behind its length of 32 octets.
        [0x30, ..] | [0, 0, 0, 8, ..] | [3, 0, ..] | [4 | 5 | 0x12, ..] | [32, 0, 0, 1, ..] => true,
        [first, ..] if first.is_ascii_graphic() => {
            let is_word = |begin: &[u8; 4]| WORDS.iter().any(|word| word.eq_ignore_ascii_case(begin));
            octets.first_chunk().is_some_and(is_word) || is_tagged(octets)
        }
        _ => false,
    }
}

/// Whether this is a command of IMAP (RFC 9051 section 2.2.1) that may come before `STARTTLS`, or that.
fn is_tagged(octets: &[u8]) -> bool {
    const COMMANDS: [&[u8]; 4] = [b"CAPABILITY", b"STARTTLS", b"ID ", b"NOOP"];
    let tag = octets.iter().take(16).position(|&octet| octet == b' ');
    let command = tag.and_then(|tag| octets.get(tag + 1..)).unwrap_or_default();
    let is = |word: &&[u8]| command.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    COMMANDS.iter().any(is)
}

/// The half of a turn in this direction, be it a client's or a server's, agreed or not.
fn half(octets: &[u8], known: usize) -> Half {
    let behind = |len: Option<usize>| len.map_or(Half::Ahead, Half::Behind);
    let rest_at = |rest: &[u8]| Half::Behind(octets.len() - rest.len());
    let text = |end| tls_behind(octets, end, known).map_or(Half::Ahead, |(at, _)| Half::Behind(at));
    if let Some(len) = proxy_header(octets) {
        return behind(Some(len).filter(|&len| len > 0));
    }
    if let Some(len) = databases::tds_prelogin_packet(octets).or_else(|| rdp_packet(octets)) {
        return Half::Behind(len);
    }
    let request = || Head(octets).behind_content(true).map_or(Half::Ahead, rest_at);
    let first = Sight::of_rest(octets.get(..Sight::BOUND).unwrap_or(octets));
    match octets {
        [0x30, ..] if LdapMessage::read(&mut Reader::new(octets)).is_some() => {
            let mut reader = Reader::new(octets);
            while LdapMessage::read(&mut reader).is_some() {}
            if tls::begins(reader.rest()) { rest_at(reader.rest()) } else { Half::Ahead }
        }
        [0, 0, 0, 8, 4, 210, 22, 47 | 48, ..] => Half::Behind(8),
        [b'S', rest @ ..] if tls::begins(rest) => Half::Behind(1),
        [b'N', b'S', rest @ ..] if tls::begins(rest) => Half::Behind(2),
        [b'A', b'M', b'Q', b'P', 2, ..] => Half::Behind(8),
        [4 | 5, ..] => proxies::socks_requests(octets, None).map_or_else(
            || match proxies::socks_answers(octets) {
                Answer::Agreed(rest) => rest_at(rest),
                Answer::Refused | Answer::Unseen => Half::None,
            },
            rest_at,
        ),
        [0, 0x5a, ..] => Half::Behind(8),
        [b'<', ..] if text::xmpp(first).is_some() => text(b'>'),
        [b'C', b'O', b'N', b'N', b'E', b'C', b'T', b' ', b'{', ..] => Half::None,
        [b'C', b'O', b'N', b'N', b'E', b'C', b'T', b' ', ..] => request(),
        [b'H', b'T', b'T', b'P', b'/', ..] => match Head(octets).status() {
            Some(101) => Head(octets).rest().map_or(Half::Ahead, rest_at),
            Some(200..300) if may_end_head(first.octets()) => Head(octets).bare().map_or(Half::None, rest_at),
            // Asked for a password, a client may ask once more.
            Some(407) => Head(octets).behind_content(false).map_or(Half::Ahead, rest_at),
            _ => Half::None,
        },
        [b'A'..=b'Z', ..] if is_request(first.octets()) => {
            if Head(first.octets()).asks_for_upgrade() {
                request()
            } else {
                Half::None
            }
        }
        [b'!'..=b'~', ..] if is_talk(first) => text(b'\n'),
        _ => match databases::mysql_greeting(octets) {
            Some(len) => Half::Behind(len),
            None if databases::mysql_asks_ssl(octets) => Half::Behind(MYSQL_SSL_REQUEST),
            None => Half::None,
        },
    }
}

/// Whether this is a talk in lines that can turn to TLS, surely or weakly.
fn is_talk(sight: Sight<'_>) -> bool {
    mail::Reply::read(sight.reader()).is_some() || table::of(TransportProtocol::TCP).hears_talk(sight)
}

/// Whether this is a request of HTTP/1: it says so at the end of its first line.
fn is_request(octets: &[u8]) -> bool {
    let version = Reader::new(octets).line().and_then(|line| line.last_chunk::<8>());
    version.is_some_and(|version| version.starts_with(b"HTTP/1."))
}

/// Whether an empty line may be there: most answers are passed over by that, many octets at once.
fn may_end_head(octets: &[u8]) -> bool {
    let Some((_, seconds)) = octets.split_first() else { return false };
    let is_pair = |first: u8, second: u8| (first == b'\n') & ((second == b'\n') | (second == b'\r'));
    octets.iter().zip(seconds).fold(0, |found, (&first, &second)| found | u8::from(is_pair(first, second)))
        != 0
}
