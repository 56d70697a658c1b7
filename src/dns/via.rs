//! Which payloads hold DNS messages, and what taught them.

use super::Message;
use crate::packet::TransportProtocol;

/// The way a DNS message travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Via {
    /// Multicast DNS: UDP with 5353 on either side, unicast replies and legacy queries included (RFC 6762).
    Mdns,
    /// Link-Local Multicast Name Resolution: UDP 5355 (RFC 4795).
    Llmnr,
    /// DNS over UDP 53.
    Udp,
    /// DNS over TCP 53 (RFC 7766).
    Tcp,
}

impl Via {
    /// The way messages between these ports travel; `None` for ports that are not DNS.
    #[inline]
    pub fn of(protocol: TransportProtocol, source: u16, destination: u16) -> Option<Self> {
        // Asked of every packet, and most have none of these; 5353 and 5355 differ in one bit.
        let may_be = |port| (port == 53) | (port | 2 == 5355);
        if !(may_be(source) | may_be(destination)) {
            return None;
        }
        Self::of_dns(protocol, source, destination)
    }

    /// The same for ports of which one may be of DNS.
    #[inline(never)]
    fn of_dns(protocol: TransportProtocol, source: u16, destination: u16) -> Option<Self> {
        let either = |port| source == port || destination == port;
        match protocol {
            TransportProtocol::UDP if either(5353) => Some(Self::Mdns),
            TransportProtocol::UDP if either(53) => Some(Self::Udp),
            TransportProtocol::UDP if either(5355) => Some(Self::Llmnr),
            TransportProtocol::TCP if either(53) => Some(Self::Tcp),
            _ => None,
        }
    }

    /// `mdns`, `llmnr`, `dns` or `dns-tcp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mdns => "mdns",
            Self::Llmnr => "llmnr",
            Self::Udp => "dns",
            Self::Tcp => "dns-tcp",
        }
    }

    /// Whether names belong to one link only and are told by their owners.
    pub fn is_multicast(self) -> bool {
        matches!(self, Self::Mdns | Self::Llmnr)
    }

    /// Whether receivers must ignore a message from this port: an mDNS response that does not come from 5353 (RFC 6762
    /// section 6).
    pub fn ignores(self, source: u16, message: &Message<'_>) -> bool {
        self == Self::Mdns && source != 5353 && message.is_response()
    }

    /// The messages in a transport payload: one in UDP; in TCP each that lies whole in this segment, behind
    /// its two octets of length (RFC 1035 section 4.2.2).
    ///
    /// Messages in several segments are put together elsewhere. A segment that begins in the middle of one yields none,
    /// since a length is only believed when the message fits and is sound.
    ///
    /// ```
    /// use portolan::{dns::Via, packet::TransportProtocol};
    /// let via = Via::of(TransportProtocol::TCP, 40_000, 53).unwrap();
    /// let segment = [[0, 12].as_slice(), &[0; 12], &[0, 12, 1]].concat();
    /// assert_eq!(via.messages(&segment).count(), 1);
    /// ```
    pub fn messages(self, payload: &[u8]) -> Messages<'_> {
        Messages { rest: payload, tcp: self == Self::Tcp }
    }
}

/// The messages of one payload; made by [`Via::messages`].
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    tcp: bool,
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let octets = std::mem::take(&mut self.rest);
        if !self.tcp {
            return Message::new(octets);
        }
        let (len, rest) = octets.split_first_chunk()?;
        let (octets, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        self.rest = rest;
        Message::new(octets).filter(|message| message.damage().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{RecordType, testing::Builder};

    #[test]
    fn ports_of_dns() {
        let udp = |source, destination| Via::of(TransportProtocol::UDP, source, destination);
        assert_eq!(udp(5353, 5353), Some(Via::Mdns));
        assert_eq!(udp(40_000, 5353), Some(Via::Mdns));
        assert_eq!(udp(53, 5353), Some(Via::Mdns));
        assert_eq!(udp(53, 40_000), Some(Via::Udp));
        assert_eq!(udp(5355, 50_000), Some(Via::Llmnr));
        assert_eq!(udp(443, 50_000), None);
        assert_eq!(Via::of(TransportProtocol::TCP, 1, 53), Some(Via::Tcp));
        assert_eq!(Via::of(TransportProtocol::TCP, 1, 5353), None);
    }

    #[test]
    fn tcp_segments_hold_several_messages_or_none() {
        let message = Builder::query().question(&[b"a"], RecordType::A, 1).octets();
        let framed = [&(message.len() as u16).to_be_bytes(), message.as_slice()].concat();
        assert_eq!(Via::Tcp.messages(&framed.repeat(3)).count(), 3);
        assert_eq!(Via::Tcp.messages(&framed[..framed.len() - 1]).count(), 0);
        // The rest of a message whose beginning went before.
        assert_eq!(Via::Tcp.messages(&[0, 13, 1, 1, 1, 1, 0, 1, 9, 9, 9, 9, 9, 9, 9]).count(), 0);
        assert_eq!(Via::Udp.messages(&message).count(), 1);
        assert_eq!(Via::Udp.messages(&message[..11]).count(), 0);
    }
}
