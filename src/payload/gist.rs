//! What a direction says, where no more of its octets matter: what is left of a window when it is complete.
//!
//! Most directions have a few patterns that match and nothing that one would look up in them again: they need
//! no octets. The others, whose protocols can turn to another one, or whose answers must repeat what was asked,
//! keep them. Either way a verdict is worked out from [`Words`], so it is the same whether the octets are still
//! there or not.

use super::datagrams::Datagrams;
use super::heard::Heard;
use super::layers::Offer;
use super::media;
use super::protocol::{Protocol, Protocols};
use super::reader::{Reader, check};
use super::sight::{Said, Sight};
use super::{table, turns};
use crate::packet::TransportProtocol;

/// Protocols in which the octets are looked at again when both directions are at hand: those that can turn to
/// another one, and those whose layers or halves are told by more than what patterns say.
const NEED_OCTETS: Protocols = Protocols::of(&[
    Protocol::AMQP,
    Protocol::COTP,
    Protocol::FTP,
    Protocol::HTTP,
    Protocol::HTTP2,
    Protocol::IMAP,
    Protocol::IPERF3,
    Protocol::IRC,
    Protocol::KAFKA,
    Protocol::LDAP,
    Protocol::MYSQL,
    Protocol::NNTP,
    Protocol::POP3,
    Protocol::POSTGRESQL,
    Protocol::RDP,
    Protocol::SIEVE,
    Protocol::SMTP,
    Protocol::SOCKS4,
    Protocol::SOCKS5,
    Protocol::STUN,
    Protocol::SUNRPC,
    Protocol::TDS,
    Protocol::XMPP,
]);

/// What stands for octets that are not kept, and says the same of turns as they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum StandIn {
    /// They mean nothing in a protocol that can turn: none in any of them, and yet something.
    #[default]
    Meaningless,
    /// A request of HTTP whose head goes on behind them, and that asks for no turn.
    Request,
    /// An answer of HTTP whose head goes on behind them, with this status or another one that says the same.
    Answer(Status),
}

/// What a status of HTTP says to a request to turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Status {
    /// 200 to 299: a tunnel is there, where it was asked for one.
    Success,
    /// 300 to 599: it is not.
    Failure,
}

impl StandIn {
    fn octets(self) -> &'static [u8] {
        match self {
            Self::Meaningless => &[0xff; 2],
            Self::Request => b"GET / HTTP/1.1\r\n",
            Self::Answer(Status::Success) => b"HTTP/1.1 200 OK\r\n",
            Self::Answer(Status::Failure) => b"HTTP/1.1 400 Bad Request\r\n",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Meaningless => 0,
            Self::Request => 1,
            Self::Answer(Status::Success) => 2,
            Self::Answer(Status::Failure) => 3,
        }
    }

    fn of_number(number: u8) -> Self {
        match number & 3 {
            0 => Self::Meaningless,
            1 => Self::Request,
            2 => Self::Answer(Status::Success),
            _ => Self::Answer(Status::Failure),
        }
    }
}

/// What a direction says without its octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Gist {
    heard: Heard,
    /// What its hello of TLS says of the protocol within.
    offer: Offer,
    /// Whether a datagram is of DTLS.
    has_dtls: bool,
    /// Whether a datagram begins as media do that share a flow with STUN.
    has_media: bool,
    /// What stands for the octets where they are not kept.
    stand_in: StandIn,
}

impl Gist {
    /// Of the first octets of a stream.
    pub(super) fn of_stream(sight: Sight<'_>) -> Self {
        let heard = table::of(TransportProtocol::TCP).hear(sight);
        let speaks_http = heard.of(Protocol::HTTP) != Said::NOTHING;
        let stand_in = if speaks_http { turns::stand_in(sight.all()) } else { None };
        Self { heard, offer: Offer::of(sight), stand_in: stand_in.unwrap_or_default(), ..Self::default() }
    }

    /// Of datagrams.
    pub(super) fn of_datagrams(datagrams: &Datagrams) -> Self {
        let mut heard = datagrams.heard();
        if let Some(said) = media::rtp(datagrams) {
            heard.add(Protocol::RTP, said);
        }
        let has_dtls = datagrams.iter().any(|datagram| is_dtls(&datagram.heard()));
        let has_media = datagrams.iter().any(|datagram| media::may_be_media(datagram.sight().reader()));
        Self { heard, has_dtls, has_media, ..Self::default() }
    }

    /// Of one datagram alone, of which the patterns said this.
    pub(super) fn of_datagram(heard: Heard, sight: Sight<'_>) -> Self {
        let has_media = media::may_be_media(sight.reader());
        Self { heard, has_dtls: is_dtls(&heard), has_media, ..Self::default() }
    }

    /// Whether it tells all that a complete direction without a turn may be asked.
    pub(super) fn needs_no_octets(&self) -> bool {
        let stands = |protocol| protocol == Protocol::HTTP && self.stand_in != StandIn::Meaningless;
        self.heard.protocols().all(|protocol| !NEED_OCTETS.contains(protocol) || stands(protocol))
    }

    /// The patterns that matched.
    pub(super) fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Whether a datagram is of DTLS.
    pub(super) fn has_dtls(&self) -> bool {
        self.has_dtls
    }

    /// Whether a datagram begins as media do that share a flow with STUN.
    pub(super) fn has_media(&self) -> bool {
        self.has_media
    }

    /// Writes it so that [`Self::read`] gives it back.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.heard.write(out);
        self.offer.write(out);
        out.push(u8::from(self.has_dtls) | u8::from(self.has_media) << 1 | self.stand_in.number() << 2);
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (heard, offer) = (Heard::read(reader)?, Offer::read(reader)?);
        let bits = reader.u8()?;
        check(bits < 16)?;
        let stand_in = StandIn::of_number(bits >> 2);
        Some(Self { heard, offer, has_dtls: bits & 1 == 1, has_media: bits & 2 == 2, stand_in })
    }
}

fn is_dtls(heard: &Heard) -> bool {
    heard.of(Protocol::DTLS) != Said::NOTHING
}

/// What one direction of a stream says, and the octets where they matter.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    gist: Gist,
    sight: Sight<'a>,
}

impl<'a> Words<'a> {
    /// Of octets that are at hand.
    pub(super) fn of(sight: Sight<'a>) -> Self {
        Self { gist: Gist::of_stream(sight), sight }
    }

    /// Of octets that were asked before, and said this.
    pub(super) fn said(gist: Gist, sight: Sight<'a>) -> Self {
        Self { gist, sight }
    }

    /// Of a direction that is complete and does not turn.
    pub(super) fn of_complete(self) -> Self {
        if self.gist.needs_no_octets() { Self::without_octets(self.gist) } else { self }
    }

    /// Of a direction that needs no octets.
    pub(super) fn without_octets(gist: Gist) -> Self {
        Self { sight: Sight::of_rest(gist.stand_in.octets()), gist }
    }

    /// The patterns that matched.
    pub(super) fn heard(&self) -> &Heard {
        &self.gist.heard
    }

    /// What a hello of TLS says of the protocol within.
    pub(super) fn offer(&self) -> &Offer {
        &self.gist.offer
    }

    /// The octets, or what stands for them where they do not matter.
    pub(super) fn sight(&self) -> Sight<'a> {
        self.sight
    }
}
