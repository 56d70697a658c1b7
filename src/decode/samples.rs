//! Frames made by hand for the tests: each a way in, and always the same packet at its end.

use super::{Decoder, Headers, Network, Tunnel};
use crate::packet::LinkType;

/// Payload of the innermost segment.
pub(super) const PAYLOAD: &[u8] = b"hello";
/// Ports of the innermost segment.
pub(super) const PORTS: (u16, u16) = (50_000, 443);
pub(super) const INNER_V4: Network = Network::V4([198, 51, 100, 1], [198, 51, 100, 2]);
pub(super) const OUTER_V4: Network = Network::V4([192, 0, 2, 1], [192, 0, 2, 2]);

/// A way in: link type, the octets before the innermost packet, the tunnels and VLAN identifiers they hold.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) link: LinkType,
    pub(super) octets: Vec<u8>,
    pub(super) tunnels: &'static [Tunnel],
    pub(super) vlan: &'static [u16],
}

pub(super) fn decode(link: LinkType, octets: &[u8]) -> Headers {
    decode_cut(link, octets, octets.len())
}

/// Decodes what a capture of `octets` would keep at a snap length of `len`.
pub(super) fn decode_cut(link: LinkType, octets: &[u8], len: usize) -> Headers {
    let mut headers = Headers::default();
    Decoder::default().decode(link, &octets[..len], octets.len() as u32, &mut headers);
    headers
}

pub(super) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Destination 02:…:02, source 02:…:01.
pub(super) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    joined(&[&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ether_type.to_be_bytes(), payload])
}

fn ipv4_between(network: [[u8; 4]; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len() as u16).to_be_bytes();
    let head = [0x45, 0, len[0], len[1], 0x12, 0x34, 0, 0, 64, protocol, 0, 0];
    joined(&[&head, &network[0], &network[1], payload])
}

/// From 192.0.2.1 to 192.0.2.2.
pub(super) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_between([[192, 0, 2, 1], [192, 0, 2, 2]], protocol, payload)
}

/// From 2001:db8::1 to 2001:db8::2.
pub(super) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let address = |last| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    joined(&[&[0x60, 0, 0, 0, len[0], len[1], next, 64], &address(1), &address(2), payload])
}

pub(super) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len() as u16).to_be_bytes();
    joined(&[&source.to_be_bytes(), &destination.to_be_bytes(), &len, &[0, 0], payload])
}

pub(super) fn tcp(source: u16, destination: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let rest = [0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0];
    joined(&[&source.to_be_bytes(), &destination.to_be_bytes(), &rest, payload])
}

/// 198.51.100.1:50000 > 198.51.100.2:443, TCP SYN, "hello".
pub(super) fn inner_v4() -> Vec<u8> {
    let segment = tcp(PORTS.0, PORTS.1, 0x02, PAYLOAD);
    ipv4_between([[198, 51, 100, 1], [198, 51, 100, 2]], 6, &segment)
}

/// The same in an Ethernet frame.
fn inner_frame() -> Vec<u8> {
    ethernet(0x0800, &inner_v4())
}

/// A UDP tunnel in IPv4 in Ethernet: its port, its header, what it carries.
fn in_udp(port: u16, header: &[u8], inside: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(17, &udp(49_152, port, &joined(&[header, inside]))))
}

/// An IP protocol in IPv4 in Ethernet.
fn in_ip(protocol: u8, header: &[u8], inside: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(protocol, &joined(&[header, inside])))
}

/// Every way in that is known.
pub(super) fn samples() -> Vec<Sample> {
    let packet = inner_v4();
    let frame = inner_frame();
    let mut all = Vec::new();
    let mut add = |name, link, octets, tunnels, vlan| all.push(Sample { name, link, octets, tunnels, vlan });
    let mut link = |name, link, header: &[u8], inside: &[u8]| {
        add(name, link, joined(&[header, inside]), &[] as &[_], &[] as &[_]);
    };

    link("ethernet", LinkType::ETHERNET, &[], &frame);
    let snap = joined(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &packet]);
    link("802.3 snap", LinkType::ETHERNET, &[], &ethernet(snap.len() as u16, &snap));
    link(
        "llc ip",
        LinkType::ETHERNET,
        &[],
        &ethernet(3 + packet.len() as u16, &joined(&[&[6, 6, 3], &packet])),
    );
    link("jumbo llc", LinkType::ETHERNET, &[], &ethernet(0x8870, &snap));
    link("sll", LinkType::LINUX_SLL, &[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0], &packet);
    link("sll 802.2", LinkType::LINUX_SLL, &[0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4], &snap);
    let sll2 = [8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    link("sll2", LinkType::LINUX_SLL2, &sll2, &packet);
    link("raw", LinkType::RAW, &[], &packet);
    link("raw 12", LinkType::RAW_BSD, &[], &packet);
    link("raw 14", LinkType::RAW_OPENBSD, &[], &packet);
    link("ipv4", LinkType::IPV4, &[], &packet);
    link("null le", LinkType::NULL, &[2, 0, 0, 0], &packet);
    link("null be", LinkType::NULL, &[0, 0, 0, 2], &packet);
    link("null hdlc", LinkType::NULL, &[0x0f, 0, 8, 0], &packet);
    link("loop", LinkType::LOOP, &[0, 0, 0, 2], &packet);
    link("ppp", LinkType::PPP, &[0xff, 3, 0, 0x21], &packet);
    link("ppp without address", LinkType::PPP, &[0, 0x21], &packet);
    link("ppp compressed", LinkType::PPP, &[0x21], &packet);
    link("ppp hdlc", LinkType::PPP_HDLC, &[0xff, 3, 0, 0x21], &packet);
    link("ppp hdlc cisco", LinkType::PPP_HDLC, &[0x0f, 0, 8, 0], &packet);
    link("ppp pppd", LinkType::PPP_PPPD, &[1, 3, 0, 0x21], &packet);
    link("ppp with dir", LinkType::PPP_WITH_DIR, &[1, 0xff, 3, 0, 0x21], &packet);
    link("ppp bridging", LinkType::PPP, &[0xff, 3, 0, 0x31, 0, 1], &frame);
    link("c-hdlc", LinkType::C_HDLC, &[0x0f, 0, 8, 0], &packet);
    link("c-hdlc with dir", LinkType::C_HDLC_WITH_DIR, &[0, 0x8f, 0, 8, 0], &packet);
    link("frame relay nlpid", LinkType::FRELAY, &[0x18, 0x41, 3, 0xcc], &packet);
    link("frame relay snap", LinkType::FRELAY, &[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0], &packet);
    link("frame relay bridged", LinkType::FRELAY, &[0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7], &frame);
    link("frame relay cisco", LinkType::FRELAY, &[0x18, 0x40, 0x02, 0x03, 8, 0], &packet);
    link("frame relay with dir", LinkType::FRELAY_WITH_DIR, &[0, 0x18, 0x41, 3, 0xcc], &packet);
    // To the distribution system: addresses are BSSID, source, destination.
    let wlan: &[u8] = &[8, 1, 0, 0, 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 0];
    let qos: &[u8] = &[0x88, 1, 0, 0, 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0];
    link("802.11", LinkType::IEEE802_11, wlan, &snap);
    link("802.11 qos", LinkType::IEEE802_11, qos, &snap);
    let mut aggregate = qos.to_vec();
    aggregate[24] = 0x80;
    aggregate.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    aggregate.extend((snap.len() as u16).to_be_bytes());
    link("802.11 a-msdu", LinkType::IEEE802_11, &aggregate, &snap);
    let four = [wlan, &[2, 0, 0, 0, 0, 1]].concat();
    let four = [&[8, 3], &four[2..]].concat();
    link("802.11 four addresses", LinkType::IEEE802_11, &four, &snap);
    link("radiotap", LinkType::IEEE802_11_RADIOTAP, &joined(&[&[0, 0, 8, 0, 0, 0, 0, 0], wlan]), &snap);
    // Time stamp, then flags: frame check sequence and padded header, after an extended present word.
    let radiotap = [0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x30];
    let padded = joined(&[&radiotap, qos, &[0, 0], &snap, &[1, 2, 3, 4]]);
    link("radiotap fcs padded", LinkType::IEEE802_11_RADIOTAP, &padded, &[]);
    link("prism", LinkType::IEEE802_11_PRISM, &joined(&[&[0; 144], wlan]), &snap);
    let avs = joined(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], &[0; 56], wlan]);
    link("avs", LinkType::IEEE802_11_AVS, &avs, &snap);
    link("prism that is avs", LinkType::IEEE802_11_PRISM, &avs, &snap);
    link("ppi ethernet", LinkType::PPI, &[0, 0, 8, 0, 1, 0, 0, 0], &frame);
    link("ppi 802.11", LinkType::PPI, &joined(&[&[0, 0, 8, 0, 105, 0, 0, 0], wlan]), &snap);
    let payload_item = ((packet.len() + 4) as u16).to_le_bytes();
    let nflog = joined(&[&[2, 0, 0, 5], &[8, 0, 1, 0, 8, 0, 0, 0], &payload_item, &[9, 0]]);
    link("nflog", LinkType::NFLOG, &nflog, &packet);
    let pktap = joined(&[&[108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], &[0; 96]]);
    link("pktap", LinkType::PKTAP, &pktap, &frame);
    link("pflog", LinkType::PFLOG, &joined(&[&[61, 2], &[0; 62]]), &packet);
    link("enc", LinkType::ENC, &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &packet);
    link("fddi", LinkType::FDDI, &[0x50, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &snap);
    let token_ring = [0x10, 0x40, 2, 0, 0, 0, 0, 2, 0x82, 0, 0, 0, 0, 1, 0x02, 0];
    link("token ring", LinkType::IEEE802_5, &token_ring, &snap);
    link("arcnet bsd", LinkType::ARCNET_BSD, &[1, 2, 212, 0, 0, 1], &packet);
    link("arcnet linux", LinkType::ARCNET_LINUX, &[1, 2, 0, 0, 240], &packet);
    link("ipoib", LinkType::IPOIB, &joined(&[&[0; 40], &[8, 0, 0, 0]]), &packet);
    link("ip over fc", LinkType::IP_OVER_FC, &[0x10; 16], &snap);
    link("atm llc", LinkType::ATM_RFC1483, &[], &snap);
    link("sunatm", LinkType::SUNATM, &[2, 0, 0, 1], &snap);
    link("ip over 1394", LinkType::APPLE_IP_OVER_IEEE1394, &joined(&[&[1; 16], &[8, 0]]), &packet);
    link("slip", LinkType::SLIP, &[0; 16], &packet);
    link("netanalyzer", LinkType::NETANALYZER, &[0; 4], &frame);
    link("brcm prepended", LinkType::DSA_TAG_BRCM_PREPEND, &[0; 4], &frame);
    let addresses = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    link("dsa", LinkType::DSA_TAG_DSA, &joined(&[&addresses, &[0xc0, 0, 0, 1, 8, 0]]), &packet);
    link("brcm", LinkType::DSA_TAG_BRCM, &joined(&[&addresses, &[0x20, 0, 0, 8, 8, 0]]), &packet);
    let edsa = joined(&[&addresses, &[0xda, 0xda, 0, 0, 0xc0, 0, 0, 1, 8, 0]]);
    link("edsa", LinkType::DSA_TAG_EDSA, &edsa, &packet);
    link("mpacket", LinkType::ETHERNET_MPACKET, &[0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5], &frame);
    link("juniper ethernet", LinkType::JUNIPER_ETHER, &[0x4d, 0x47, 0x43, 0x80, 0, 2, 1, 1], &frame);
    link("juniper ppp", LinkType::JUNIPER_PPP, &[0x4d, 0x47, 0x43, 0, 0xff, 3, 0, 0x21], &packet);
    link(
        "juniper frame relay",
        LinkType::JUNIPER_FRELAY,
        &[0x4d, 0x47, 0x43, 0, 0x18, 0x41, 3, 0xcc],
        &packet,
    );
    link("juniper c-hdlc", LinkType::JUNIPER_CHDLC, &[0x4d, 0x47, 0x43, 0, 0x0f, 0, 8, 0], &packet);

    link("atm clip", LinkType::ATM_CLIP, &[], &packet);
    link("atm clip 18", LinkType::ATM_CLIP_LINUX, &[], &packet);
    link("atm clip, llc", LinkType::ATM_CLIP, &[], &snap);
    link("ipnet", LinkType::IPNET, &joined(&[&[1, 2, 0, 2], &[0; 20]]), &packet);
    let erf = [0, 0, 0, 0, 0, 0, 0, 0, 0x82, 4, 0, 0, 0, 0, 0, 0, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    link("erf ethernet", LinkType::ERF, &erf, &frame);
    link("atsc alp", LinkType::ATSC_ALP, &[0, packet.len() as u8], &packet);
    link(
        "sll gre ppp",
        LinkType::LINUX_SLL,
        &[0, 0, 3, 10, 0, 4, 192, 0, 2, 1, 0, 0, 0, 0, 0x88, 0x0b, 0x21],
        &packet,
    );
    let sll2 = [0x65, 0x58, 0, 0, 0, 0, 0, 3, 3, 0x37, 0, 4, 192, 0, 2, 1, 0, 0, 0, 0];
    link("sll2 gre over ipv6, bridging", LinkType::LINUX_SLL2, &sll2, &frame);
    let nflog = joined(&[&[7, 0, 0, 5], &[8, 0, 1, 0, 8, 0, 0, 0], &payload_item, &[9, 0]]);
    link("nflog of a bridge", LinkType::NFLOG, &nflog, &packet);
    let mut vj = packet.clone();
    vj[9] = 1;
    link("ppp uncompressed tcp", LinkType::PPP, &[0xff, 3, 0, 0x2f], &vj);
    link("ppp multilink", LinkType::PPP, &[0xff, 3, 0, 0x3d, 0xc0, 0, 0, 1, 0, 0x21], &packet);

    use Tunnel::*;
    let tagged = |tpid: u16, id: u16, ether_type: u16, inside: &[u8]| {
        ethernet(tpid, &joined(&[&id.to_be_bytes(), &ether_type.to_be_bytes(), inside]))
    };
    let mut way = |name, octets, tunnels, vlan| add(name, LinkType::ETHERNET, octets, tunnels, vlan);
    way("vlan", tagged(0x8100, 0x2007, 0x0800, &packet), &[], &[7]);
    way("priority tag", tagged(0x8100, 0xe000, 0x0800, &packet), &[], &[0]);
    way("vlan with llc", tagged(0x8100, 7, snap.len() as u16, &snap), &[], &[7]);
    let inner_tag = joined(&[&[0, 8, 8, 0], &packet]);
    way("qinq", tagged(0x88a8, 7, 0x8100, &inner_tag), &[], &[7, 8]);
    way("old qinq", tagged(0x9100, 0x0fff, 0x8100, &inner_tag), &[], &[4095, 8]);
    way("vn-tag", ethernet(0x8926, &joined(&[&[0, 0, 0, 0, 8, 0], &packet])), &[], &[]);
    way("cisco metadata", ethernet(0x8909, &joined(&[&[1, 1, 0, 1, 0, 5, 8, 0], &packet])), &[], &[]);
    way("qinq 9200", tagged(0x9200, 7, 0x9300, &inner_tag), &[], &[7, 8]);
    way("hsr", ethernet(0x892f, &joined(&[&[0, 54, 0, 1, 8, 0], &packet])), &[], &[]);
    way("e-tag", ethernet(0x893f, &joined(&[&[0, 0, 0, 1, 0, 0, 8, 0], &packet])), &[], &[]);
    way("r-tag", ethernet(0xf1c1, &joined(&[&[0, 0, 0, 1, 8, 0], &packet])), &[], &[]);
    way("cisco time stamp", ethernet(0x8988, &joined(&[&[1, 2, 3, 4, 5, 6, 8, 0], &packet])), &[], &[]);
    let arista = [0, 1, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 2, 0x81, 0, 0, 7, 8, 0];
    way("arista time stamp", ethernet(0xd28b, &joined(&[&arista, &packet])), &[], &[7]);
    way("fabricpath", ethernet(0x8903, &joined(&[&[0, 0x60], &frame])), &[FabricPath], &[]);
    way("trill", ethernet(0x22f3, &joined(&[&[0, 0x3f, 0, 1, 0, 2], &frame])), &[Trill], &[]);
    let centrino = joined(&[&[8, 0x41], &wlan[2..], &[1, 2, 3, 0], &snap, &[1, 2, 3, 4]]);
    way("centrino", ethernet(0x2452, &centrino), &[], &[]);
    way("mpls", ethernet(0x8847, &joined(&[&[0, 1, 0, 64, 0, 2, 1, 64], &packet])), &[Mpls], &[]);
    way("mpls pseudowire", ethernet(0x8847, &joined(&[&[0, 2, 1, 64], &[0; 4], &frame])), &[Mpls], &[]);
    way(
        "mpls pseudowire, no control word",
        ethernet(0x8848, &joined(&[&[0, 2, 1, 64], &frame])),
        &[Mpls],
        &[],
    );
    let ppp_len = (packet.len() as u16 + 2).to_be_bytes();
    let pppoe = joined(&[&[0x11, 0, 0, 9], &ppp_len, &[0, 0x21], &packet]);
    way("pppoe", ethernet(0x8864, &pppoe), &[Pppoe], &[]);
    way("pbb", tagged(0x88a8, 7, 0x88e7, &joined(&[&[0, 0, 0, 5], &frame])), &[Pbb], &[7]);
    let macsec = joined(&[&[0x20, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0, 1, 8, 0], &packet, &[0xee; 16]]);
    way("macsec", ethernet(0x88e5, &macsec), &[Macsec], &[]);
    let nsh = [0, 6, 1, 1, 0, 0, 1, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    way("nsh", ethernet(0x894f, &joined(&[&nsh, &packet])), &[Nsh], &[]);

    way("ip in ip", in_ip(4, &[], &packet), &[IpInIp], &[]);
    way("ipv4 in ipv6", ethernet(0x86dd, &ipv6(4, &packet)), &[IpInIp], &[]);
    way("gre", in_ip(47, &[0, 0, 8, 0], &packet), &[Gre], &[]);
    let gre = [0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    way("gre with checksum, key, sequence", in_ip(47, &gre, &packet), &[Gre], &[]);
    let routed = [0x40, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0, 4, 192, 0, 2, 9, 0, 0, 0, 0];
    way("gre with routing", in_ip(47, &routed, &packet), &[Gre], &[]);
    let pptp = [0x30, 0x81, 0x88, 0x0b, 0, 60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21];
    way("pptp", in_ip(47, &pptp, &packet), &[Gre], &[]);
    way("nvgre", in_ip(47, &[0x20, 0, 0x65, 0x58, 0, 0, 7, 0], &frame), &[Gre], &[]);
    way("eoip", in_ip(47, &[0x20, 1, 0x64, 0, 0, 60, 7, 0], &frame), &[Gre], &[]);
    way("aruba", in_ip(47, &joined(&[&[0, 0, 0x82, 0x40], wlan]), &snap), &[Gre], &[]);
    way("aruba qos", in_ip(47, &joined(&[&[0, 0, 0x83, 0x70], qos]), &snap), &[Gre], &[]);
    let metadata = [0, 0, 0x89, 0x09, 8, 0, 1, 1, 0, 1, 0, 100];
    way("cisco metadata in gre", in_ip(47, &metadata, &packet), &[Gre], &[]);
    let metadata = [0x10, 0, 0x89, 0x09, 0, 0, 0, 1, 0x88, 0xbe, 1, 2, 0, 1, 0, 100, 0, 1, 0, 101];
    let mirrored = joined(&[&[0x10, 5, 0, 0, 0, 5, 0, 0], &frame]);
    way("erspan 2 behind cisco metadata", in_ip(47, &metadata, &mirrored), &[Gre, Erspan], &[]);
    // Attributes of 2 octets and of none; PPP between flags, with nothing that would have to be escaped.
    let a10 = [0x20, 0, 0x88, 0xd2, 0, 0, 0, 7, 1, 2, 0, 1, 0x82, 0, 0x7e, 0xff, 3, 0, 0x21];
    way("a10", in_ip(47, &a10, &joined(&[&packet, &[0xaa, 0xbb, 0x7e]])), &[Gre], &[]);
    way("ppp framing in gre", in_ip(47, &[0, 0, 0x88, 0x81, 0x7e, 0x7e, 0x21], &packet), &[Gre], &[]);
    way("wccp 1", in_ip(47, &[0, 0, 0x88, 0x3e], &packet), &[Gre], &[]);
    way("wccp 2", in_ip(47, &[0, 0, 0x88, 0x3e, 0, 0, 0, 0], &packet), &[Gre], &[]);
    way("erspan 1", in_ip(47, &[0, 0, 0x88, 0xbe], &frame), &[Gre, Erspan], &[]);
    let erspan_2 = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 7, 0, 1, 0, 0, 0, 0];
    way("erspan 2", in_ip(47, &erspan_2, &frame), &[Gre, Erspan], &[]);
    let erspan_3 = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    way("erspan 3", in_ip(47, &erspan_3, &joined(&[&[0; 8], &frame])), &[Gre, Erspan], &[]);
    way(
        "ah",
        in_ip(51, &[4, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &packet),
        &[Ah, IpInIp],
        &[],
    );
    way("mpls in ip", in_ip(137, &[0, 2, 1, 64], &packet), &[Mpls], &[]);
    way("etherip", in_ip(97, &[0x30, 0], &frame), &[EtherIp], &[]);
    way("ethernet in ipv6", ethernet(0x86dd, &ipv6(143, &frame)), &[EtherIp], &[]);
    way("pim register", in_ip(103, &[0x21, 0, 0, 0, 0, 0, 0, 0], &packet), &[Pim], &[]);
    way("l2tp 3 over ip", in_ip(115, &[0, 0, 0, 9, 1, 2, 3, 4], &frame), &[L2tp], &[]);

    way("vxlan", in_udp(4789, &[8, 0, 0, 0, 0, 0, 7, 0], &frame), &[Vxlan], &[]);
    way("vxlan, reserved bits set", in_udp(4789, &[0xff, 1, 0xd1, 0xf2, 0, 0, 7, 0], &frame), &[Vxlan], &[]);
    way("vxlan-gpe", in_udp(4790, &[0x0c, 0, 0, 1, 0, 0, 7, 0], &packet), &[Vxlan], &[]);
    let tagged_inside = tagged(0x8100, 9, 0x0800, &packet);
    way("vlan in vxlan", in_udp(4789, &[8, 0, 0, 0, 0, 0, 7, 0], &tagged_inside), &[Vxlan], &[9]);
    way("geneve", in_udp(6081, &[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0], &frame), &[Geneve], &[]);
    way("geneve with ip", in_udp(6081, &[0, 0, 8, 0, 0, 0, 7, 0], &packet), &[Geneve], &[]);
    let gtp_len = (packet.len() as u16 + 8).to_be_bytes();
    let gtp = [0x34, 255, gtp_len[0], gtp_len[1], 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 9, 0];
    way("gtp-u with extension", in_udp(2152, &gtp, &packet), &[GtpU], &[]);
    let gtp_len = (packet.len() as u16).to_be_bytes();
    way("gtp-u", in_udp(2152, &[0x30, 255, gtp_len[0], gtp_len[1], 0, 0, 0, 1], &packet), &[GtpU], &[]);
    let gtp_len = (frame.len() as u16 + 8).to_be_bytes();
    let gtp = [0x34, 255, gtp_len[0], gtp_len[1], 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0x10, 1, 0];
    way("gtp-u with ethernet", in_udp(2152, &gtp, &frame), &[GtpU], &[]);
    way("tzsp", in_udp(37_008, &[1, 0, 0, 1, 10, 1, 0xd5, 0, 1], &frame), &[Tzsp], &[]);
    way("tzsp 802.11", in_udp(37_008, &joined(&[&[1, 1, 0, 18, 1], wlan]), &snap), &[Tzsp], &[]);
    way("hp erm", in_udp(7932, &[0; 12], &frame), &[HpErm], &[]);
    let gtp_len = (packet.len() as u16).to_be_bytes();
    let gtp_0 = joined(&[&[0x1e, 255], &gtp_len, &[0, 0, 0, 1, 255, 255, 255, 255], &[0; 8]]);
    way("gtp 0", in_udp(3386, &gtp_0, &packet), &[GtpU], &[]);
    let in_ipv6 = ipv6(4, &packet);
    way("teredo", in_udp(3544, &[], &in_ipv6), &[Teredo, IpInIp], &[]);
    // Authentication: identifier of 1, value of 2, nonce of 8, confirmation; then an origin.
    let teredo = [0, 1, 1, 2, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6];
    way("teredo, authenticated, with origin", in_udp(3544, &teredo, &in_ipv6), &[Teredo, IpInIp], &[]);
    // Length, sequence and offset present: 2 octets each of flags, length, tunnel, session, Ns, Nr, offset, 2 of
    // padding, then PPP.
    let l2tp_len = (packet.len() as u16 + 20).to_be_bytes();
    let l2tp = [0x4a, 2, l2tp_len[0], l2tp_len[1], 0, 1, 0, 2, 0, 0, 0, 0, 0, 2, 0, 0, 0xff, 3, 0, 0x21];
    way("l2tp 2", in_udp(1701, &l2tp, &packet), &[L2tp], &[]);
    way("l2tp 3 over udp", in_udp(1701, &[0, 3, 0, 0, 0, 0, 0, 9], &frame), &[L2tp], &[]);
    way("mpls in udp", in_udp(6635, &[0, 2, 1, 64], &packet), &[MplsInUdp, Mpls], &[]);
    way("gre in udp", in_udp(4754, &[0, 0, 8, 0], &packet), &[Gre], &[]);
    way("lisp", in_udp(4341, &[0x80, 0, 0, 1, 0, 0, 0, 1], &packet), &[Lisp], &[]);
    way("capwap ethernet", in_udp(5247, &[0, 0x10, 2, 0, 0, 0, 0, 0], &frame), &[Capwap], &[]);
    let capwap = joined(&[&[0, 0x10, 3, 0, 0, 0, 0, 0], &[1, 8], &wlan[2..]]);
    way("capwap 802.11 swapped", in_udp(5247, &capwap, &snap), &[Capwap], &[]);
    let ayiya = joined(&[&[0x44, 0x52, 0x11, 4, 0, 0, 0, 1], &[0; 36]]);
    way("ayiya", in_udp(5072, &ayiya, &packet), &[Ayiya], &[]);
    let deep = in_udp(
        4789,
        &[8, 0, 0, 0, 0, 0, 7, 0],
        &in_udp(6081, &[0, 0, 0x65, 0x58, 0, 0, 7, 0], &in_ip(47, &[0, 0, 8, 0], &packet)),
    );
    way("three deep", deep, &[Vxlan, Geneve, Gre], &[]);

    // IEEE 802.15.4 data, networks the same: network beef, to extended 02:…:02, from extended 02:…:01, sent last octet
    // first.
    let extended =
        joined(&[&[0x41, 0xcc, 9, 0xef, 0xbe], &[2, 0, 0, 0, 0, 0, 0, 2], &[1, 0, 0, 0, 0, 0, 0, 2]]);
    let short = [0x41, 0x88, 9, 0xef, 0xbe, 2, 0, 1, 0];
    // Header elements and payload elements, each with its termination, and no sequence number.
    let elements =
        [0x41, 0xab, 0xef, 0xbe, 2, 0, 1, 0, 0x01, 0x0d, 7, 0x00, 0x3f, 0x02, 0x88, 7, 7, 0x00, 0xf8];
    let whole = joined(&[&[0x41], &in_ipv6]);
    let mut lowpan = |name, link, octets: &[&[u8]], tunnels| add(name, link, joined(octets), tunnels, &[]);
    let nofcs = LinkType::IEEE802_15_4_NOFCS;
    lowpan("6lowpan", nofcs, &[&extended, &whole], &[IpInIp]);
    lowpan("6lowpan, elements", nofcs, &[&elements, &whole], &[IpInIp]);
    lowpan("6lowpan, check sequence", LinkType::IEEE802_15_4_WITHFCS, &[&short, &whole, &[1, 2]], &[IpInIp]);
    let tap = [0, 0, 20, 0, 3, 0, 3, 0, 26, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0];
    lowpan("6lowpan tap", LinkType::IEEE802_15_4_TAP, &[&tap, &short, &whole, &[1, 2, 3, 4]], &[IpInIp]);
    let mesh = [0xaf, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0, 2, 0x50, 1];
    lowpan("6lowpan mesh", nofcs, &[&short, &mesh, &whole], &[IpInIp]);
    let first = [0xc0, in_ipv6.len() as u8, 0, 1];
    lowpan("6lowpan fragment", nofcs, &[&short, &first, &whole], &[IpInIp]);
    // Nothing compressed but the version, then everything.
    let hc1 = joined(&[&[0x42, 0x00, 64], &[0xfd; 32], &[0, 0, 0, 0x00, 0x40]]);
    lowpan("hc1, all inline", nofcs, &[&short, &hc1, &packet], &[IpInIp]);
    lowpan("hc1", nofcs, &[&short, &[0x42, 0xf8, 64, 4], &packet], &[IpInIp]);
    let vxlan = joined(&[&[8, 0, 0, 0, 0, 0, 7, 0], &frame]);
    // Source port 4789 inline, destination port 61617 of 4 bits, checksum.
    lowpan(
        "hc1 and hc2",
        nofcs,
        &[&short, &[0x42, 0xfb, 0x60, 64, 0x12, 0xb5, 0x1a, 0xbc, 0xd0], &vxlan],
        &[Vxlan],
    );
    let iphc = joined(&[&[0x60, 0x80, 0x12, 0, 0, 0, 0, 4, 64], &[0xfd; 32]]);
    lowpan("iphc, all inline", nofcs, &[&short, &iphc, &packet], &[IpInIp]);
    lowpan("iphc", nofcs, &[&extended, &[0x7a, 0x33, 4], &packet], &[IpInIp]);
    let iphc = [0x7a, 0x11, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];
    lowpan("iphc, 64 bits", nofcs, &[&short, &iphc, &packet], &[IpInIp]);
    lowpan("iphc, 16 bits", nofcs, &[&short, &[0x6a, 0x22, 1, 2, 3, 4, 0, 1, 0, 2], &packet], &[IpInIp]);
    lowpan(
        "iphc, multicast 48 bits",
        nofcs,
        &[&short, &[0x72, 0x39, 9, 4, 2, 0, 0, 0, 0, 0xfb], &packet],
        &[IpInIp],
    );
    lowpan("iphc, multicast 32 bits", nofcs, &[&short, &[0x7a, 0x3a, 4, 2, 0, 0, 0xfb], &packet], &[IpInIp]);
    lowpan("iphc, multicast 8 bits", nofcs, &[&short, &[0x7a, 0x3b, 4, 0xfb], &packet], &[IpInIp]);
    let udp_00 = [0x7e, 0x33, 0xf0, 0xc0, 0, 0x12, 0xb5, 0xab, 0xcd];
    lowpan("iphc udp 00", nofcs, &[&short, &udp_00, &vxlan], &[Vxlan]);
    lowpan("iphc udp 01", nofcs, &[&short, &[0x7e, 0x33, 0xf5, 0x12, 0xb5, 0xb0], &vxlan], &[Vxlan]);
    lowpan(
        "iphc udp 10",
        nofcs,
        &[&short, &[0x7e, 0x33, 0xf2, 0xb0, 0x12, 0xb5, 0xab, 0xcd], &vxlan],
        &[Vxlan],
    );
    // A hop-by-hop options header whose next one is compressed as well, and one whose next one is not.
    let options = [0x7e, 0x33, 0xe1, 6, 1, 4, 0, 0, 0, 0, 0xe6, 4, 2, 1, 0];
    lowpan("iphc extensions", nofcs, &[&short, &options, &packet], &[IpInIp]);
    let inner = [0x7e, 0x33, 0xee, 0x7a, 0x33, 4];
    lowpan("iphc in iphc", nofcs, &[&short, &inner, &packet], &[IpInIp, IpInIp]);
    let mut zep = |name, header: &[u8]| {
        let len = (short.len() + whole.len() + 2) as u8;
        let octets = in_udp(17_754, header, &joined(&[&[len], &short, &whole, &[1, 2]]));
        add(name, LinkType::ETHERNET, octets, &[Zep, IpInIp], &[]);
    };
    zep("zep 1", &joined(&[&[b'E', b'X', 1, 15, 0, 1, 1, 0], &[0; 7]]));
    zep("zep 2", &joined(&[&[b'E', b'X', 2, 1, 15, 0, 1, 1, 0], &[0; 22]]));
    all
}
