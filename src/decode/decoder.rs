//! The options of decoding, and its entry.

use std::{error, fmt, str::FromStr};

use super::{Headers, Kind, Network, Phase, Reader, Tunnel, fast, walk::Walk};
use crate::packet::LinkType;
use crate::packet::TransportProtocol;

/// Reads the headers of frames; built once from the options and shared by all threads.
///
/// ```
/// use portolan::{decode::{Decoder, Headers}, packet::{LinkType, TransportProtocol}};
///
/// let packet = [
///     0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, // IPv4
///     0xc0, 0x01, 0, 53, 0, 8, 0, 0, // UDP
/// ];
/// let mut headers = Headers::default();
/// Decoder::default().decode(LinkType::RAW, &packet, 28, &mut headers);
/// assert_eq!(headers.protocol, TransportProtocol::UDP);
/// assert_eq!(headers.ports, Some((49153, 53)));
/// assert_eq!(headers.stopped, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoder {
    /// Tunnels found by a UDP port; later entries win.
    by_port: Vec<(u16, Tunnel)>,
    /// A bit for each `port % 4096` in `by_port`, so that nearly all ports cost one test.
    seen: [u64; 64],
    opens: bool,
}

impl Default for Decoder {
    /// Opens every tunnel it knows on its registered port.
    fn default() -> Self {
        let mut decoder = Self { by_port: Vec::new(), seen: [0; 64], opens: true };
        // IANA's registrations; 3386 is version 0 of GTP, 4790 VXLAN-GPE. 7932 is what HP's manuals use.
        for (port, tunnel) in [
            (1701, Tunnel::L2tp),
            (2152, Tunnel::GtpU),
            (3386, Tunnel::GtpU),
            (3544, Tunnel::Teredo),
            (4341, Tunnel::Lisp),
            (4754, Tunnel::Gre),
            (4789, Tunnel::Vxlan),
            (4790, Tunnel::Vxlan),
            (5072, Tunnel::Ayiya),
            (5247, Tunnel::Capwap),
            (6081, Tunnel::Geneve),
            (6635, Tunnel::MplsInUdp),
            (7932, Tunnel::HpErm),
            (9899, Tunnel::SctpInUdp),
            (17_754, Tunnel::Zep),
            (37_008, Tunnel::Tzsp),
        ] {
            decoder.add(port, tunnel);
        }
        decoder
    }
}

impl Decoder {
    /// Leaves everything closed that travels inside an IP packet, so that the outer flow is the one read.
    ///
    /// What lies between link and IP (VLAN, MPLS, PPPoE, PBB, FabricPath, TRILL, MACsec, NSH) has no outer flow and is
    /// read as ever, and so are the Authentication Header and payloads that IPComp packs.
    #[must_use]
    pub fn without_decap(mut self) -> Self {
        self.opens = false;
        self
    }

    /// Opens `decap.tunnel` on one more UDP port.
    #[must_use]
    pub fn decap(mut self, decap: Decap) -> Self {
        self.add(decap.port, decap.tunnel);
        self
    }

    fn add(&mut self, port: u16, tunnel: Tunnel) {
        self.by_port.push((port, tunnel));
        self.seen[usize::from(port >> 6) % 64] |= 1 << (port % 64);
    }

    /// The tunnel that a UDP port stands for.
    #[inline(always)]
    pub(super) fn tunnel(&self, port: u16) -> Option<Tunnel> {
        let may_be = self.seen[usize::from(port >> 6) % 64] >> (port % 64) & 1 != 0;
        if may_be && self.opens { self.find_tunnel(port) } else { None }
    }

    #[cold]
    fn find_tunnel(&self, port: u16) -> Option<Tunnel> {
        self.by_port.iter().rev().find(|entry| entry.0 == port).map(|entry| entry.1)
    }

    pub(super) fn opens_tunnels(&self) -> bool {
        self.opens
    }

    /// Reads a frame of type `link`, of which the wire had `original_len` octets, into `headers`.
    ///
    /// Never fails and allocates nothing: `headers` are reset, then hold what could be read, and
    /// [`Headers::stopped`] says where and why it went no further. Costs at most time linear in the octets.
    #[inline]
    pub fn decode(&self, link: LinkType, octets: &[u8], original_len: u32, headers: &mut Headers) {
        headers.reset();
        if link == LinkType::ETHERNET {
            if fast::read(self, octets, headers).is_some() {
                return;
            }
            headers.reset();
        }
        Walk::run(self, link, Reader::new(octets, original_len), headers);
    }
}

impl Headers {
    /// Forgets the frame read before; only what tells the fields apart is written.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.macs = None;
        self.to_group = false;
        self.vlan.truncate(0);
        self.tunnels.truncate(0);
        self.kind = Kind::Undecodable;
        self.network = Network::None;
        self.protocol = TransportProtocol::default();
        self.ports = None;
        self.phase = Phase::None;
        self.flags = None;
        self.fragment = None;
        self.fragment_len = 0;
        self.icmp = None;
        self.quoted = None;
        self.payload_offset = 0;
        self.payload_len = 0;
        self.payload_wire_len = 0;
        self.sequence = 0;
        self.further = 0;
        self.piece = None;
        self.stopped = None;
    }
}

/// A tunnel to be opened on a UDP port that is not its own, written `udp:8472=vxlan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decap {
    port: u16,
    tunnel: Tunnel,
}

impl Decap {
    /// A tunnel on a port of `protocol`.
    ///
    /// # Errors
    /// [`DecapError`] unless `protocol` is UDP, the port is not 0 and `tunnel` is one that travels in UDP.
    pub fn new(protocol: TransportProtocol, port: u16, tunnel: Tunnel) -> Result<Self, DecapError> {
        if protocol != TransportProtocol::UDP {
            return Err(DecapError::Protocol);
        }
        if port == 0 {
            return Err(DecapError::Port);
        }
        if !tunnel.travels_in_udp() {
            return Err(DecapError::Tunnel);
        }
        Ok(Self { port, tunnel })
    }
}

impl FromStr for Decap {
    type Err = DecapError;

    /// Reads `udp:PORT=TUNNEL`, where `TUNNEL` is a [`Tunnel::as_str`].
    ///
    /// ```
    /// use portolan::{decode::{Decap, DecapError, Tunnel}, packet::TransportProtocol};
    ///
    /// assert_eq!("udp:8472=vxlan".parse(), Decap::new(TransportProtocol::UDP, 8472, Tunnel::Vxlan));
    /// assert_eq!("udp:8472=pppoe".parse::<Decap>(), Err(DecapError::Tunnel));
    /// assert_eq!("8472".parse::<Decap>(), Err(DecapError::Form));
    /// ```
    fn from_str(text: &str) -> Result<Self, DecapError> {
        let (at, tunnel) = text.split_once('=').ok_or(DecapError::Form)?;
        let (protocol, port) = at.split_once(':').ok_or(DecapError::Form)?;
        if protocol != "udp" {
            return Err(DecapError::Protocol);
        }
        let port = port.parse().map_err(|_| DecapError::Port)?;
        let tunnel = Tunnel::from_name(tunnel).ok_or(DecapError::Tunnel)?;
        Self::new(TransportProtocol::UDP, port, tunnel)
    }
}

/// Why a text or value names no tunnel on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecapError {
    /// The text is not of the form `udp:PORT=TUNNEL`.
    Form,
    /// The protocol is not UDP, the only one whose ports stand for tunnels.
    Protocol,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The tunnel is unknown or does not travel in UDP.
    Tunnel,
}

impl fmt::Display for DecapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("expected udp:PORT=TUNNEL, as in udp:8472=vxlan"),
            Self::Protocol => f.write_str("only udp carries tunnels on ports"),
            Self::Port => f.write_str("expected a port from 1 to 65535"),
            Self::Tunnel => {
                f.write_str("expected a tunnel that travels in udp:")?;
                let mut names = Tunnel::ALL.iter().filter(|tunnel| tunnel.travels_in_udp());
                names.try_for_each(|tunnel| write!(f, " {}", tunnel.as_str()))
            }
        }
    }
}

impl error::Error for DecapError {}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::super::samples::{self, PORTS, decode_cut, ethernet, inner_v4, ipv4, samples, udp};
    use super::*;

    /// Every link type with a name, and some without.
    fn links() -> impl Iterator<Item = LinkType> {
        (0..=310).chain([65_001, u16::MAX]).map(LinkType)
    }

    fn check(decoder: &Decoder, link: LinkType, octets: &[u8], original_len: u32, headers: &mut Headers) {
        decoder.decode(link, octets, original_len, headers);
        let end = u64::from(headers.payload_offset) + u64::from(headers.payload_len);
        assert!(end <= octets.len() as u64, "{link}: {headers:?}");
        assert!(headers.ports.is_none() || headers.protocol.has_ports(), "{link}: {headers:?}");
        assert!(
            headers.network == Network::None || matches!(headers.kind, Kind::Ip(_)),
            "{link}: {headers:?}"
        );
        if let Some(stopped) = headers.stopped {
            assert!(stopped.offset as usize <= octets.len(), "{link}: {headers:?}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_of_any_link_type_are_read_within_their_bounds(
            octets in vec(any::<u8>(), 0..200),
            more in 0..100_u32,
        ) {
            let (decoder, mut headers) = (Decoder::default(), Headers::default());
            for link in links() {
                check(&decoder, link, &octets, octets.len() as u32 + more, &mut headers);
            }
        }

        #[test]
        fn changed_samples_are_read_within_their_bounds(
            changes in vec((any::<Index>(), any::<u8>()), 1..6),
            len in any::<Index>(),
        ) {
            let (decoder, mut headers) = (Decoder::default(), Headers::default());
            for mut sample in samples() {
                for (at, value) in &changes {
                    let at = at.index(sample.octets.len());
                    sample.octets[at] = *value;
                }
                let original_len = sample.octets.len() as u32;
                check(&decoder, sample.link, &sample.octets, original_len, &mut headers);
                check(&decoder, sample.link, &sample.octets[..len.index(original_len as usize)], original_len, &mut headers);
            }
        }
    }

    #[test]
    fn headers_are_reset_from_frame_to_frame() {
        let decoder = Decoder::default();
        let mut reused = Headers::default();
        for sample in samples() {
            for len in [sample.octets.len(), sample.octets.len() / 2, 0] {
                let original_len = sample.octets.len() as u32;
                decoder.decode(sample.link, &sample.octets[..len], original_len, &mut reused);
                let fresh = decode_cut(sample.link, &sample.octets, len);
                let seen = |headers: &Headers| {
                    let (tunnels, vlan) =
                        (headers.tunnels.as_slice().to_vec(), headers.vlan.as_slice().to_vec());
                    let headers =
                        Headers { tunnels: Default::default(), vlan: Default::default(), ..headers.clone() };
                    (tunnels, vlan, format!("{headers:?}"))
                };
                assert_eq!(seen(&reused), seen(&fresh), "{} at {len}", sample.name);
            }
        }
    }

    #[test]
    fn without_decap_the_outer_flow_is_read() {
        let decoder = Decoder::default().without_decap();
        let mut headers = Headers::default();
        for sample in samples() {
            decoder.decode(sample.link, &sample.octets, sample.octets.len() as u32, &mut headers);
            let inside = |tunnel: &&Tunnel| {
                !matches!(
                    tunnel,
                    Tunnel::Mpls
                        | Tunnel::Pppoe
                        | Tunnel::Pbb
                        | Tunnel::FabricPath
                        | Tunnel::Trill
                        | Tunnel::Macsec
                        | Tunnel::Nsh
                        | Tunnel::Ah
                        | Tunnel::IpComp
                )
            };
            assert_eq!(headers.tunnels.as_slice().iter().find(inside), None, "{}", sample.name);
            assert_eq!(headers.stopped, None, "{}", sample.name);
            let outer = headers.network == samples::INNER_V4 && headers.ports == Some(PORTS);
            let in_ip = sample.tunnels.iter().any(|tunnel| inside(&tunnel)) || sample.name == "mpls in ip";
            assert_eq!(outer, !in_ip, "{}: {headers:?}", sample.name);
        }
    }

    #[test]
    fn a_tunnel_opens_on_another_port_when_asked() {
        let vxlan = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &ethernet(0x0800, &inner_v4())].concat();
        let octets = ethernet(0x0800, &ipv4(17, &udp(49_152, 8472, &vxlan)));
        let mut headers = Headers::default();
        Decoder::default().decode(LinkType::ETHERNET, &octets, octets.len() as u32, &mut headers);
        assert_eq!(headers.ports, Some((49_152, 8472)));
        let decoder = Decoder::default().decap("udp:8472=vxlan".parse().expect("the form of the manual"));
        decoder.decode(LinkType::ETHERNET, &octets, octets.len() as u32, &mut headers);
        assert_eq!((headers.ports, headers.tunnels.as_slice()), (Some(PORTS), &[Tunnel::Vxlan][..]));
    }

    #[test]
    fn texts_that_name_no_tunnel_on_a_port_are_refused() {
        for (text, error) in [
            ("", DecapError::Form),
            ("udp:8472", DecapError::Form),
            ("8472=vxlan", DecapError::Form),
            ("tcp:8472=vxlan", DecapError::Protocol),
            ("udp:0=vxlan", DecapError::Port),
            ("udp:65536=vxlan", DecapError::Port),
            ("udp:8472=VXLAN", DecapError::Tunnel),
            ("udp:8472=erspan", DecapError::Tunnel),
        ] {
            assert_eq!(text.parse::<Decap>(), Err(error), "{text}");
        }
        let tcp = TransportProtocol::TCP;
        assert_eq!(Decap::new(tcp, 8472, Tunnel::Vxlan), Err(DecapError::Protocol));
    }

    #[test]
    fn tunnel_names_are_distinct_and_read_back() {
        for tunnel in Tunnel::ALL {
            assert_eq!(Tunnel::from_name(tunnel.as_str()), Some(tunnel));
        }
        assert!(Tunnel::ALL.is_sorted_by(|a, b| a.as_str() < b.as_str()));
    }
}
