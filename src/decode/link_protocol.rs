//! Protocols between link and network that carry no packets and are known by what leads to them.

/// A protocol between link and network that only its organisation, or the link type, has a number for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum LinkProtocol {
    /// AppleTalk's datagram delivery.
    AppleTalk,
    /// Cisco Discovery Protocol.
    Cdp,
    /// Cisco Group Management Protocol.
    Cgmp,
    /// Cisco Duplicate Ring Protocol.
    Drip,
    /// Cisco Dynamic Trunking Protocol.
    Dtp,
    /// Extreme Discovery Protocol.
    Edp,
    /// Foundry Discovery Protocol.
    Fdp,
    /// InfiniBand.
    Infiniband,
    /// Cisco MisCabling Protocol.
    Mcp,
    /// Cisco Multilayer Switching hellos.
    MlsHello,
    /// Cisco Port Aggregation Protocol.
    Pagp,
    /// Cisco Per-VLAN Spanning Tree, plus.
    Pvst,
    /// Cisco Serial Line Address Resolution Protocol.
    Slarp,
    /// SynOptics Network Management Protocol: Bay and Nortel discovery.
    Sonmp,
    /// Cisco Spanning Tree, UplinkFast.
    StpUplinkFast,
    /// Cisco Unidirectional Link Detection.
    Udld,
    /// Cisco VLAN bridge spanning tree.
    VlanBridge,
    /// Cisco VLAN Trunking Protocol.
    Vtp,
}

impl LinkProtocol {
    /// Every one, in the order of their names.
    pub const ALL: [Self; 18] = [
        Self::AppleTalk,
        Self::Cdp,
        Self::Cgmp,
        Self::Drip,
        Self::Dtp,
        Self::Edp,
        Self::Fdp,
        Self::Infiniband,
        Self::Mcp,
        Self::MlsHello,
        Self::Pagp,
        Self::Pvst,
        Self::Slarp,
        Self::Sonmp,
        Self::StpUplinkFast,
        Self::Udld,
        Self::VlanBridge,
        Self::Vtp,
    ];

    /// The row it is counted in: lower case, with hyphens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppleTalk => "appletalk",
            Self::Cdp => "cdp",
            Self::Cgmp => "cgmp",
            Self::Drip => "drip",
            Self::Dtp => "dtp",
            Self::Edp => "edp",
            Self::Fdp => "fdp",
            Self::Infiniband => "infiniband",
            Self::Mcp => "mcp",
            Self::MlsHello => "mls-hello",
            Self::Pagp => "pagp",
            Self::Pvst => "pvst",
            Self::Slarp => "slarp",
            Self::Sonmp => "sonmp",
            Self::StpUplinkFast => "stp-uplinkfast",
            Self::Udld => "udld",
            Self::VlanBridge => "vlan-bridge",
            Self::Vtp => "vtp",
        }
    }
}
