//! The protocol that a packet carries.

/// An assigned internet protocol number (IANA "Protocol Numbers"), the `protocolIdentifier` of IPFIX.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct TransportProtocol(pub u8);

impl TransportProtocol {
    /// Transmission Control Protocol.
    pub const TCP: Self = Self(6);
    /// User Datagram Protocol.
    pub const UDP: Self = Self(17);
    /// Datagram Congestion Control Protocol.
    pub const DCCP: Self = Self(33);
    /// Stream Control Transmission Protocol.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite (RFC 3828); shares the registrations of UDP (section 7).
    pub const UDP_LITE: Self = Self(136);

    /// Whether its packets begin with a source and a destination port that are read.
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::DCCP | Self::SCTP | Self::UDP_LITE)
    }
}
