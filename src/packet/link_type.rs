//! Link-layer header types and their names.

use std::fmt;

/// A link-layer header type: the LINKTYPE_* value of a pcap file header or of a pcapng
/// Interface Description Block (<https://www.tcpdump.org/linktypes.html>). Any value is representable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback, address family in the capturing machine's byte order.
    pub const NULL: Self = Self(0);
    /// IEEE 802.3 Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// IEEE 802.5 Token Ring.
    pub const IEEE802_5: Self = Self(6);
    /// ARCNET with BSD headers.
    pub const ARCNET_BSD: Self = Self(7);
    /// SLIP with the capturing system's header.
    pub const SLIP: Self = Self(8);
    /// PPP, with or without its address and control fields.
    pub const PPP: Self = Self(9);
    /// Fiber Distributed Data Interface.
    pub const FDDI: Self = Self(10);
    /// What most systems' own number for raw IP looks like in files that were not translated.
    pub const RAW_BSD: Self = Self(12);
    /// What OpenBSD's own number for raw IP looks like in files that were not translated.
    pub const RAW_OPENBSD: Self = Self(14);
    /// What Linux's own number for classical IP over ATM looks like in files that were not translated.
    pub const ATM_CLIP_LINUX: Self = Self(18);
    /// PPP in HDLC-like framing, or Cisco HDLC.
    pub const PPP_HDLC: Self = Self(50);
    /// PPPoE session, from its header on.
    pub const PPP_ETHER: Self = Self(51);
    /// LLC-encapsulated ATM.
    pub const ATM_RFC1483: Self = Self(100);
    /// IPv4 or IPv6, as the first four bits say.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// IEEE 802.11.
    pub const IEEE802_11: Self = Self(105);
    /// Classical IP over ATM.
    pub const ATM_CLIP: Self = Self(106);
    /// Frame Relay.
    pub const FRELAY: Self = Self(107);
    /// OpenBSD loopback, address family in network order.
    pub const LOOP: Self = Self(108);
    /// OpenBSD IPsec interface.
    pub const ENC: Self = Self(109);
    /// Linux cooked capture.
    pub const LINUX_SLL: Self = Self(113);
    /// OpenBSD packet filter log.
    pub const PFLOG: Self = Self(117);
    /// IEEE 802.11 behind a Prism monitor header.
    pub const IEEE802_11_PRISM: Self = Self(119);
    /// IP over Fibre Channel (RFC 2625).
    pub const IP_OVER_FC: Self = Self(122);
    /// Solaris SunATM.
    pub const SUNATM: Self = Self(123);
    /// IEEE 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// ARCNET with Linux headers.
    pub const ARCNET_LINUX: Self = Self(129);
    /// Apple's IP over IEEE 1394.
    pub const APPLE_IP_OVER_IEEE1394: Self = Self(138);
    /// Private use; early captures of Apple's packet tap have it.
    pub const USER2: Self = Self(149);
    /// IEEE 802.11 behind an AVS header.
    pub const IEEE802_11_AVS: Self = Self(163);
    /// PPP with a direction octet in place of the address.
    pub const PPP_PPPD: Self = Self(166);
    /// Per-Packet Information, which names the link type inside.
    pub const PPI: Self = Self(192);
    /// Ethernet behind a Juniper header.
    pub const JUNIPER_ETHER: Self = Self(178);
    /// PPP behind a Juniper header.
    pub const JUNIPER_PPP: Self = Self(179);
    /// Frame Relay behind a Juniper header.
    pub const JUNIPER_FRELAY: Self = Self(180);
    /// Cisco HDLC behind a Juniper header.
    pub const JUNIPER_CHDLC: Self = Self(181);
    /// IEEE 802.15.4 frames with their check sequence.
    pub const IEEE802_15_4_WITHFCS: Self = Self(195);
    /// Endace's Extensible Record Format.
    pub const ERF: Self = Self(197);
    /// PPP behind a direction octet.
    pub const PPP_WITH_DIR: Self = Self(204);
    /// Cisco HDLC behind a direction octet.
    pub const C_HDLC_WITH_DIR: Self = Self(205);
    /// Frame Relay behind a direction octet.
    pub const FRELAY_WITH_DIR: Self = Self(206);
    /// An MPLS label stack.
    pub const MPLS: Self = Self(219);
    /// IP of Solaris, behind a header about interfaces and zones.
    pub const IPNET: Self = Self(226);
    /// IPv4.
    pub const IPV4: Self = Self(228);
    /// IPv6.
    pub const IPV6: Self = Self(229);
    /// IEEE 802.15.4 frames without their check sequence.
    pub const IEEE802_15_4_NOFCS: Self = Self(230);
    /// Linux netfilter log.
    pub const NFLOG: Self = Self(239);
    /// Hilscher netANALYZER: Ethernet behind 4 octets.
    pub const NETANALYZER: Self = Self(240);
    /// IP over InfiniBand.
    pub const IPOIB: Self = Self(242);
    /// Linux netlink messages behind a cooked header.
    pub const NETLINK: Self = Self(253);
    /// Apple's packet tap.
    pub const PKTAP: Self = Self(258);
    /// IEEE 802.3br mPackets.
    pub const ETHERNET_MPACKET: Self = Self(274);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
    /// Ethernet with a Broadcom switch tag behind the addresses.
    pub const DSA_TAG_BRCM: Self = Self(281);
    /// Ethernet behind a Broadcom switch tag.
    pub const DSA_TAG_BRCM_PREPEND: Self = Self(282);
    /// IEEE 802.15.4 frames behind fields about their reception.
    pub const IEEE802_15_4_TAP: Self = Self(283);
    /// Ethernet with a Marvell switch tag.
    pub const DSA_TAG_DSA: Self = Self(284);
    /// Ethernet with a Marvell extended switch tag.
    pub const DSA_TAG_EDSA: Self = Self(285);

    /// ATSC 3.0 link-layer protocol.
    pub const ATSC_ALP: Self = Self(289);

    /// The longest packet believed, in octets: what libpcap and Wireshark allow to be captured of the link type.
    pub(crate) const fn longest_packet(self) -> u32 {
        match self.0 {
            // D-Bus messages and USB transfers reach 128 MiB.
            231 | 249 => 128 << 20,
            // Elektrobit High Speed Capture and Replay.
            279 => 8 << 20,
            _ => 256 << 10,
        }
    }

    /// The registered name in lower case with hyphens (`ethernet`, `linux-sll2`), if there is one.
    ///
    /// ```
    /// use portolan::packet::LinkType;
    ///
    /// assert_eq!(LinkType(276).name(), Some("linux-sll2"));
    /// assert_eq!(LinkType(65000).to_string(), "linktype-65000");
    /// ```
    pub fn name(self) -> Option<&'static str> {
        let at = NAMES.binary_search_by_key(&self.0, |entry| entry.0).ok()?;
        NAMES.get(at).map(|entry| entry.1)
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "linktype-{}", self.0),
        }
    }
}

/// The registered values and names, in the order of the values.
const NAMES: &[(u16, &str)] = &[
    (0, "null"),
    (1, "ethernet"),
    (2, "exp-ethernet"),
    (3, "ax25"),
    (4, "pronet"),
    (5, "chaos"),
    (6, "ieee802-5"),
    (7, "arcnet-bsd"),
    (8, "slip"),
    (9, "ppp"),
    (10, "fddi"),
    (50, "ppp-hdlc"),
    (51, "ppp-ether"),
    (99, "symantec-firewall"),
    (100, "atm-rfc1483"),
    (101, "raw"),
    (102, "slip-bsdos"),
    (103, "ppp-bsdos"),
    (104, "c-hdlc"),
    (105, "ieee802-11"),
    (106, "atm-clip"),
    (107, "frelay"),
    (108, "loop"),
    (109, "enc"),
    (110, "lane8023"),
    (111, "hippi"),
    (112, "hdlc"),
    (113, "linux-sll"),
    (114, "ltalk"),
    (115, "econet"),
    (116, "ipfilter"),
    (117, "pflog"),
    (118, "cisco-ios"),
    (119, "ieee802-11-prism"),
    (120, "ieee802-11-aironet"),
    (121, "hhdlc"),
    (122, "ip-over-fc"),
    (123, "sunatm"),
    (124, "rio"),
    (125, "pci-exp"),
    (126, "aurora"),
    (127, "ieee802-11-radiotap"),
    (128, "tzsp"),
    (129, "arcnet-linux"),
    (130, "juniper-mlppp"),
    (131, "juniper-mlfr"),
    (132, "juniper-es"),
    (133, "juniper-ggsn"),
    (134, "juniper-mfr"),
    (135, "juniper-atm2"),
    (136, "juniper-services"),
    (137, "juniper-atm1"),
    (138, "apple-ip-over-ieee1394"),
    (139, "mtp2-with-phdr"),
    (140, "mtp2"),
    (141, "mtp3"),
    (142, "sccp"),
    (143, "docsis"),
    (144, "linux-irda"),
    (145, "ibm-sp"),
    (146, "ibm-sn"),
    (147, "user0"),
    (148, "user1"),
    (149, "user2"),
    (150, "user3"),
    (151, "user4"),
    (152, "user5"),
    (153, "user6"),
    (154, "user7"),
    (155, "user8"),
    (156, "user9"),
    (157, "user10"),
    (158, "user11"),
    (159, "user12"),
    (160, "user13"),
    (161, "user14"),
    (162, "user15"),
    (163, "ieee802-11-avs"),
    (164, "juniper-monitor"),
    (165, "bacnet-ms-tp"),
    (166, "ppp-pppd"),
    (167, "juniper-pppoe"),
    (168, "juniper-pppoe-atm"),
    (169, "gprs-llc"),
    (170, "gpf-t"),
    (171, "gpf-f"),
    (172, "gcom-t1e1"),
    (173, "gcom-serial"),
    (174, "juniper-pic-peer"),
    (175, "erf-eth"),
    (176, "erf-pos"),
    (177, "linux-lapd"),
    (178, "juniper-ether"),
    (179, "juniper-ppp"),
    (180, "juniper-frelay"),
    (181, "juniper-chdlc"),
    (182, "mfr"),
    (183, "juniper-vp"),
    (184, "a429"),
    (185, "a653-icm"),
    (186, "usb-freebsd"),
    (187, "bluetooth-hci-h4"),
    (188, "ieee802-16-mac-cps"),
    (189, "usb-linux"),
    (190, "can20b"),
    (191, "ieee802-15-4-linux"),
    (192, "ppi"),
    (193, "ieee802-16-mac-cps-radio"),
    (194, "juniper-ism"),
    (195, "ieee802-15-4-withfcs"),
    (196, "sita"),
    (197, "erf"),
    (198, "raif1"),
    (199, "ipmb-kontron"),
    (200, "juniper-st"),
    (201, "bluetooth-hci-h4-with-phdr"),
    (202, "ax25-kiss"),
    (203, "lapd"),
    (204, "ppp-with-dir"),
    (205, "c-hdlc-with-dir"),
    (206, "frelay-with-dir"),
    (207, "lapb-with-dir"),
    (209, "ipmb-linux"),
    (210, "flexray"),
    (211, "most"),
    (212, "lin"),
    (213, "x2e-serial"),
    (214, "x2e-xoraya"),
    (215, "ieee802-15-4-nonask-phy"),
    (216, "linux-evdev"),
    (217, "gsmtap-um"),
    (218, "gsmtap-abis"),
    (219, "mpls"),
    (220, "usb-linux-mmapped"),
    (221, "dect"),
    (222, "aos"),
    (223, "wihart"),
    (224, "fc-2"),
    (225, "fc-2-with-frame-delims"),
    (226, "ipnet"),
    (227, "can-socketcan"),
    (228, "ipv4"),
    (229, "ipv6"),
    (230, "ieee802-15-4-nofcs"),
    (231, "dbus"),
    (232, "juniper-vs"),
    (233, "juniper-srx-e2e"),
    (234, "juniper-fibrechannel"),
    (235, "dvb-ci"),
    (236, "mux27010"),
    (237, "stanag-5066-d-pdu"),
    (238, "juniper-atm-cemic"),
    (239, "nflog"),
    (240, "netanalyzer"),
    (241, "netanalyzer-transparent"),
    (242, "ipoib"),
    (243, "mpeg-2-ts"),
    (244, "ng40"),
    (245, "nfc-llcp"),
    (246, "pfsync"),
    (247, "infiniband"),
    (248, "sctp"),
    (249, "usbpcap"),
    (250, "rtac-serial"),
    (251, "bluetooth-le-ll"),
    (252, "wireshark-upper-pdu"),
    (253, "netlink"),
    (254, "bluetooth-linux-monitor"),
    (255, "bluetooth-bredr-bb"),
    (256, "bluetooth-le-ll-with-phdr"),
    (257, "profibus-dl"),
    (258, "pktap"),
    (259, "epon"),
    (260, "ipmi-hpm-2"),
    (261, "zwave-r1-r2"),
    (262, "zwave-r3"),
    (263, "wattstopper-dlm"),
    (264, "iso-14443"),
    (265, "rds"),
    (266, "usb-darwin"),
    (267, "openflow"),
    (268, "sdlc"),
    (269, "ti-lln-sniffer"),
    (270, "loratap"),
    (271, "vsock"),
    (272, "nordic-ble"),
    (273, "docsis31-xra31"),
    (274, "ethernet-mpacket"),
    (275, "displayport-aux"),
    (276, "linux-sll2"),
    (277, "sercos-monitor"),
    (278, "openvizsla"),
    (279, "ebhscr"),
    (280, "vpp-dispatch"),
    (281, "dsa-tag-brcm"),
    (282, "dsa-tag-brcm-prepend"),
    (283, "ieee802-15-4-tap"),
    (284, "dsa-tag-dsa"),
    (285, "dsa-tag-edsa"),
    (286, "elee"),
    (287, "z-wave-serial"),
    (288, "usb-2-0"),
    (289, "atsc-alp"),
    (290, "etw"),
    (291, "netanalyzer-ng"),
    (292, "zboss-ncp"),
    (293, "usb-2-0-low-speed"),
    (294, "usb-2-0-full-speed"),
    (295, "usb-2-0-high-speed"),
    (296, "auerswald-log"),
    (297, "zwave-tap"),
    (298, "silabs-debug-channel"),
    (299, "fira-uci"),
    (300, "mdb"),
    (301, "dect-nr"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_distinct() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        let mut names: Vec<_> = NAMES.iter().map(|entry| entry.1).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|a, b| a < b));
        assert!(names.iter().all(|name| name.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'))));
    }

    #[test]
    fn known_values_have_their_registered_names() {
        for (link, name) in [
            (LinkType::NULL, "null"),
            (LinkType::RAW, "raw"),
            (LinkType::IEEE802_11_RADIOTAP, "ieee802-11-radiotap"),
            (LinkType::PPP_HDLC, "ppp-hdlc"),
            (LinkType(209), "ipmb-linux"),
            (LinkType(289), "atsc-alp"),
        ] {
            assert_eq!(link.name(), Some(name));
        }
        assert_eq!(LinkType(208).name(), None, "the value is skipped in the registry");
    }
}
