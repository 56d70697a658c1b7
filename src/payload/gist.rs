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
use super::table;
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

/// What stands for octets that are not kept, as they mean nothing in a protocol that can turn: it is none in
/// any of them, and yet something.
const MEANINGLESS: &[u8] = &[0xff; 2];

/// What a direction says without its octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gist {
    heard: Heard,
    /// What its hello of TLS says of the protocol within.
    offer: Offer,
    /// Whether a datagram is of DTLS.
    has_dtls: bool,
    /// Whether a datagram begins as media do that share a flow with STUN.
    has_media: bool,
}

impl Gist {
    /// Of the first octets of a stream.
    pub(super) fn of_stream(sight: Sight<'_>) -> Self {
        let heard = table::of(TransportProtocol::TCP).hear(sight);
        Self { heard, offer: Offer::of(sight), ..Self::default() }
    }

    /// Of datagrams.
    pub(super) fn of_datagrams(datagrams: &Datagrams) -> Self {
        let mut heard = datagrams.heard();
        if let Some(said) = media::rtp(datagrams) {
            heard.add(Protocol::RTP, said);
        }
        let has_dtls = datagrams.iter().any(|datagram| is_dtls(&datagram.heard()));
        let has_media = datagrams.iter().any(|datagram| media::may_be_media(datagram.sight().reader()));
        Self { heard, offer: Offer::default(), has_dtls, has_media }
    }

    /// Of one datagram alone, of which the patterns said this.
    pub(super) fn of_datagram(heard: Heard, sight: Sight<'_>) -> Self {
        let has_media = media::may_be_media(sight.reader());
        Self { heard, offer: Offer::default(), has_dtls: is_dtls(&heard), has_media }
    }

    /// Whether it tells all that a complete direction without a turn may be asked.
    pub(super) fn needs_no_octets(&self) -> bool {
        self.heard.protocols().all(|protocol| !NEED_OCTETS.contains(protocol))
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
        out.push(u8::from(self.has_dtls) | u8::from(self.has_media) << 1);
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (heard, offer) = (Heard::read(reader)?, Offer::read(reader)?);
        let bits = reader.u8()?;
        check(bits < 4)?;
        Some(Self { heard, offer, has_dtls: bits & 1 == 1, has_media: bits & 2 == 2 })
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

    /// Of a direction that is complete and does not turn.
    pub(super) fn complete(sight: Sight<'a>) -> Self {
        let words = Self::of(sight);
        if words.gist.needs_no_octets() { Self::without_octets(words.gist) } else { words }
    }

    /// Of a direction that needs no octets.
    pub(super) fn without_octets(gist: Gist) -> Self {
        Self { gist, sight: Sight::new(MEANINGLESS, MEANINGLESS.len()) }
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
