//! The table of patterns: which recognisers are asked, by the first octet.

use super::heard::Heard;
use super::protocol::Protocol;
use super::sight::{Said, Sight};
use super::{
    access, addresses, brokers, cache, databases, directory, domain, files, games, industry, mail, media,
    mobile, office, peers, proxies, quic, routing, rpc, shells, syslog, telephony, text, time, tls, tools,
    vpn, web,
};
use crate::packet::TransportProtocol;

/// One recogniser: what it recognises, the first octets it is asked for, and the function that reads.
pub(super) struct Pattern {
    pub(super) protocol: Protocol,
    pub(super) first: First,
    pub(super) read: fn(Sight<'_>) -> Option<Said>,
}

impl Pattern {
    const fn new(protocol: Protocol, first: First, read: fn(Sight<'_>) -> Option<Said>) -> Self {
        Self { protocol, first, read }
    }
}

/// A set of first octets.
#[derive(Clone, Copy)]
pub(super) struct First([bool; 256]);

impl First {
    /// Any octet.
    const ANY: Self = Self([true; 256]);

    /// The octets of this list.
    const fn of(octets: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut at = 0;
        while at < octets.len() {
            set[octets[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    /// The octets from `low` to `high`.
    const fn from(low: u8, high: u8) -> Self {
        Self::of(&[]).and(low, high)
    }

    /// And those from `low` to `high`.
    const fn and(mut self, low: u8, high: u8) -> Self {
        let mut at = low as usize;
        while at <= high as usize {
            self.0[at] = true;
            at += 1;
        }
        self
    }

    /// Whether this octet is in it.
    #[cfg(test)]
    pub(super) const fn has(&self, octet: u8) -> bool {
        self.0[octet as usize]
    }

    /// Letters of either case.
    const LETTERS: Self = Self::from(b'A', b'Z').and(b'a', b'z');

    /// What a method or a tag may begin with (RFC 9110 section 5.6.2).
    const TOKEN: Self = Self::from(b'!', b'!')
        .and(b'#', b'\'')
        .and(b'*', b'.')
        .and(b'0', b'9')
        .and(b'A', b'Z')
        .and(b'^', b'z')
        .and(b'|', b'|')
        .and(b'~', b'~');
}

/// The patterns of one transport, with a bit for each of them at every first octet it is asked for.
pub(super) struct Table {
    patterns: &'static [Pattern],
    by_octet: [u128; 256],
}

impl Table {
    const fn of(patterns: &'static [Pattern]) -> Self {
        assert!(patterns.len() <= 128, "one bit for each pattern");
        let mut by_octet = [0; 256];
        let mut at = 0;
        while at < patterns.len() {
            let mut octet = 0;
            while octet < 256 {
                if patterns[at].first.0[octet] {
                    by_octet[octet] |= 1 << at;
                }
                octet += 1;
            }
            at += 1;
        }
        Self { patterns, by_octet }
    }

    /// What all patterns say to these octets.
    #[inline]
    pub(super) fn hear(&self, sight: Sight<'_>) -> Heard {
        let mut heard = Heard::default();
        let Some(&first) = sight.octets().first() else { return heard };
        let mut asked = self.by_octet[usize::from(first)];
        while asked != 0 {
            let pattern = &self.patterns[asked.trailing_zeros() as usize];
            if let Some(said) = (pattern.read)(sight) {
                heard.add(pattern.protocol, said);
            }
            asked &= asked - 1;
        }
        heard
    }

    /// The patterns, for tests of the table itself.
    #[cfg(test)]
    pub(super) fn patterns(&self) -> &'static [Pattern] {
        self.patterns
    }
}

/// The patterns asked for flows of this transport.
pub(super) fn of(protocol: TransportProtocol) -> &'static Table {
    match protocol {
        TransportProtocol::TCP => &OVER_TCP,
        TransportProtocol::SCTP => &OVER_SCTP,
        _ => &OVER_UDP,
    }
}

/// Patterns of streams.
static OVER_TCP: Table = Table::of(&[
    Pattern::new(Protocol::TLS, First::from(20, 24).and(0x80, 0xff), tls::tls),
    Pattern::new(Protocol::HTTP, First::TOKEN, web::http),
    Pattern::new(Protocol::HTTP2, First::of(b"P\0"), web::http2),
    Pattern::new(Protocol::ICAP, First::LETTERS, web::icap),
    Pattern::new(Protocol::DOMAIN, First::ANY, domain::domain_tcp),
    Pattern::new(Protocol::SSH, First::of(b"S"), shells::ssh),
    Pattern::new(Protocol::SMTP, First::LETTERS.and(b'1', b'5'), mail::smtp),
    Pattern::new(Protocol::FTP, First::LETTERS.and(b'1', b'5'), shells::ftp),
    Pattern::new(Protocol::POP3, First::LETTERS.and(b'+', b'+'), mail::pop3),
    Pattern::new(Protocol::IMAP, First::LETTERS.and(b'*', b'*').and(b'.', b'.').and(b'0', b'9'), mail::imap),
    Pattern::new(Protocol::NNTP, First::LETTERS.and(b'1', b'5'), mail::nntp),
    Pattern::new(Protocol::SIEVE, First::of(b"\"Aa"), mail::sieve),
    Pattern::new(Protocol::IRC, First::LETTERS.and(b':', b':'), text::irc),
    Pattern::new(Protocol::XMPP, First::of(b"<"), text::xmpp),
    Pattern::new(Protocol::TELNET, First::of(&[255]), shells::telnet),
    Pattern::new(Protocol::RFB, First::of(b"R"), shells::rfb),
    Pattern::new(Protocol::RLOGIN, First::of(&[0]), shells::rlogin),
    Pattern::new(Protocol::GIT, First::from(b'0', b'9').and(b'A', b'F').and(b'a', b'f'), shells::git),
    Pattern::new(Protocol::SVN, First::of(b"("), shells::svn),
    Pattern::new(Protocol::RSYNC, First::of(b"@"), shells::rsync),
    Pattern::new(Protocol::NATS, First::of(b"IC"), brokers::nats),
    Pattern::new(Protocol::STOMP, First::of(b"CS"), brokers::stomp),
    Pattern::new(Protocol::SYSLOG_TCP, First::of(b"<").and(b'1', b'9'), syslog::syslog_tcp),
    Pattern::new(Protocol::WHOIS, First::from(b'\t', b'~').and(0x80, 0xff), text::one_line),
    Pattern::new(Protocol::FINGER, First::from(b'\t', b'~').and(0x80, 0xff), text::one_line),
    Pattern::new(Protocol::SIP, First::TOKEN, telephony::sip),
    Pattern::new(Protocol::RTSP, First::TOKEN, telephony::rtsp),
    Pattern::new(Protocol::MGCP, First::LETTERS.and(b'0', b'9'), telephony::mgcp),
    Pattern::new(Protocol::STUN, First::from(0, 0x3f), media::stun_tcp),
    Pattern::new(Protocol::H323_Q931, First::of(&[3]), telephony::h323),
    Pattern::new(Protocol::RTMP, First::of(&[3]), media::rtmp),
    Pattern::new(Protocol::SMB, First::of(&[0]), office::smb),
    Pattern::new(Protocol::NETBIOS_SSN, First::from(0x81, 0x83), office::netbios_ssn),
    Pattern::new(Protocol::DCERPC, First::of(&[5]), office::dcerpc),
    Pattern::new(Protocol::NCACN_HTTP, First::of(b"n"), office::ncacn_http),
    Pattern::new(Protocol::LDAP, First::of(&[0x30]), directory::ldap),
    Pattern::new(Protocol::KERBEROS, First::of(&[0]), directory::kerberos_tcp),
    Pattern::new(Protocol::SUNRPC, First::of(&[0, 1]).and(0x80, 0x81), rpc::sunrpc_tcp),
    Pattern::new(Protocol::TACACS, First::of(&[0xc0, 0xc1]), access::tacacs),
    Pattern::new(Protocol::DIAMETER, First::of(&[1]), access::diameter),
    Pattern::new(Protocol::BGP, First::of(&[0xff]), routing::bgp),
    Pattern::new(Protocol::MQTT, First::of(&[0x10, 0x20]), brokers::mqtt),
    Pattern::new(Protocol::AMQP, First::of(b"A\x01"), brokers::amqp),
    Pattern::new(
        Protocol::REDIS,
        First::LETTERS.and(b'$', b'$').and(b'*', b'+').and(b'-', b'-').and(b':', b':'),
        cache::redis,
    ),
    Pattern::new(Protocol::MEMCACHE, First::LETTERS.and(0x80, 0x81), cache::memcache),
    Pattern::new(Protocol::POSTGRESQL, First::of(b"\0RESN"), databases::postgresql),
    Pattern::new(Protocol::MYSQL, First::ANY, databases::mysql),
    Pattern::new(Protocol::MONGODB, First::ANY, databases::mongodb),
    Pattern::new(Protocol::CASSANDRA, First::from(1, 5).and(0x81, 0x85), databases::cassandra),
    Pattern::new(Protocol::KAFKA, First::of(&[0]), brokers::kafka),
    Pattern::new(Protocol::TDS, First::of(&[0x12, 0x10, 4]), databases::tds),
    Pattern::new(Protocol::TNS, First::from(0, 0x7f), databases::tns),
    Pattern::new(Protocol::DRDA, First::from(0, 0x7f), databases::drda),
    Pattern::new(Protocol::ZMTP, First::of(&[0xff]), brokers::zmtp),
    Pattern::new(Protocol::SOCKS5, First::of(&[5]), proxies::socks5),
    Pattern::new(Protocol::SOCKS4, First::of(&[4, 0]), proxies::socks4),
    Pattern::new(Protocol::RDP, First::of(&[3]), office::rdp),
    Pattern::new(Protocol::COTP, First::of(&[3]), industry::cotp),
    Pattern::new(Protocol::OPENVPN, First::from(0, 7), vpn::openvpn_tcp),
    Pattern::new(Protocol::PPTP, First::of(&[0]), vpn::pptp),
    Pattern::new(Protocol::SMPP, First::of(&[0]), mobile::smpp),
    Pattern::new(Protocol::BITTORRENT, First::of(&[19]), peers::bittorrent),
    Pattern::new(Protocol::GNUTELLA, First::of(b"G"), peers::gnutella),
    Pattern::new(Protocol::BITCOIN, First::of(&[0xf9, 0x0b, 0x1c, 0x0a]), peers::bitcoin),
    Pattern::new(Protocol::MODBUS, First::ANY, industry::modbus),
    Pattern::new(Protocol::DNP3, First::of(&[5]), industry::dnp3),
    Pattern::new(Protocol::IEC_104, First::of(&[0x68]), industry::iec_104),
    Pattern::new(Protocol::OPCUA, First::of(b"HRAEOMC"), industry::opcua),
    Pattern::new(Protocol::ENIP, First::of(&[4, 0x6f, 0x70]).and(0x63, 0x66), industry::enip),
    Pattern::new(Protocol::HART_IP, First::of(&[1]), industry::hart_ip),
    Pattern::new(Protocol::MINECRAFT, First::ANY, games::minecraft),
    Pattern::new(Protocol::IPERF3, First::of(&[9]).and(b'a', b'z').and(b'2', b'7'), tools::iperf3),
    Pattern::new(Protocol::ZABBIX, First::of(b"Z"), tools::zabbix),
    Pattern::new(Protocol::LDP, First::of(&[0]), routing::ldp),
    Pattern::new(Protocol::OPENFLOW, First::from(1, 6), routing::openflow),
    Pattern::new(Protocol::ISCSI, First::of(&[0x43, 0x03, 0x23]), files::iscsi),
    Pattern::new(Protocol::AFP, First::of(&[0, 1]), files::afp),
    Pattern::new(Protocol::X11, First::of(b"lB"), tools::x11),
    Pattern::new(Protocol::AJP13, First::of(b"\x12A"), proxies::ajp13),
    Pattern::new(Protocol::FIX, First::of(b"8"), tools::fix),
    Pattern::new(Protocol::ADB, First::from(b'A', b'Z'), tools::adb),
    Pattern::new(Protocol::JDWP, First::of(b"J"), tools::jdwp),
    Pattern::new(Protocol::JAVA_RMI, First::of(b"JN"), tools::java_rmi),
    Pattern::new(Protocol::GIOP, First::of(b"G"), tools::giop),
    Pattern::new(Protocol::BJNP, First::of(b"BM"), tools::bjnp),
]);

/// Patterns of datagrams.
static OVER_UDP: Table = Table::of(&[
    Pattern::new(Protocol::QUIC, First::from(0x80, 0xff).and(0x09, 0x7d), quic::quic),
    Pattern::new(Protocol::DTLS, First::from(20, 26), quic::dtls),
    Pattern::new(Protocol::SSDP, First::of(b"MNH"), web::ssdp),
    Pattern::new(Protocol::WS_DISCOVERY, First::of(b"<\xef"), web::ws_discovery),
    Pattern::new(Protocol::DOMAIN, First::ANY, domain::domain),
    Pattern::new(Protocol::NETBIOS_NS, First::ANY, domain::netbios_ns),
    Pattern::new(Protocol::NETBIOS_DGM, First::from(0x10, 0x16), office::netbios_dgm),
    Pattern::new(Protocol::DHCP, First::from(1, 2), addresses::dhcp),
    Pattern::new(Protocol::DHCPV6, First::from(1, 20), addresses::dhcpv6),
    Pattern::new(Protocol::NTP, First::ANY, time::ntp),
    Pattern::new(Protocol::PTP, First::ANY, time::ptp),
    Pattern::new(Protocol::NAT_PMP, First::of(&[0]), addresses::nat_pmp),
    Pattern::new(Protocol::PCP, First::of(&[2]), addresses::pcp),
    Pattern::new(Protocol::SYSLOG, First::of(b"<"), syslog::syslog),
    Pattern::new(Protocol::SIP, First::TOKEN, telephony::sip),
    Pattern::new(Protocol::RTSP, First::TOKEN, telephony::rtsp),
    Pattern::new(Protocol::MGCP, First::LETTERS.and(b'0', b'9'), telephony::mgcp),
    Pattern::new(Protocol::STUN, First::from(0, 0x3f), media::stun),
    Pattern::new(Protocol::RTCP, First::from(0x80, 0xbf), media::rtcp),
    Pattern::new(Protocol::DCERPC, First::of(&[4]), office::dcerpc_udp),
    Pattern::new(Protocol::LDAP, First::of(&[0x30]), directory::ldap_udp),
    Pattern::new(
        Protocol::KERBEROS,
        First::from(0x6a, 0x6f).and(0x74, 0x75).and(0x7e, 0x7e),
        directory::kerberos,
    ),
    Pattern::new(Protocol::SUNRPC, First::ANY, rpc::sunrpc),
    Pattern::new(Protocol::TFTP, First::of(&[0]), files::tftp),
    Pattern::new(Protocol::RADIUS, First::from(1, 45), access::radius),
    Pattern::new(Protocol::SNMP, First::of(&[0x30]), directory::snmp),
    Pattern::new(Protocol::SNMPTRAP, First::of(&[0x30]), directory::snmptrap),
    Pattern::new(Protocol::MEMCACHE, First::ANY, cache::memcache_udp),
    Pattern::new(Protocol::OPENVPN, First::ANY, vpn::openvpn),
    Pattern::new(Protocol::WIREGUARD, First::from(1, 4), vpn::wireguard),
    Pattern::new(Protocol::ISAKMP, First::ANY, vpn::isakmp),
    Pattern::new(Protocol::IPSEC_NAT_T, First::ANY, vpn::ipsec_nat_t),
    Pattern::new(Protocol::L2TP, First::from(0x40, 0xff), vpn::l2tp),
    Pattern::new(Protocol::GTP_CONTROL, First::from(0x30, 0x5f), mobile::gtp_control),
    Pattern::new(Protocol::GTP_USER, First::from(0x30, 0x37), mobile::gtp_user),
    Pattern::new(Protocol::PFCP, First::from(0x20, 0x21), mobile::pfcp),
    Pattern::new(Protocol::BITTORRENT_DHT, First::of(b"d"), peers::bittorrent_dht),
    Pattern::new(Protocol::BITTORRENT_TRACKER, First::of(&[0]), peers::bittorrent_tracker),
    Pattern::new(Protocol::BITTORRENT_LSD, First::of(b"B"), peers::bittorrent_lsd),
    Pattern::new(Protocol::BITTORRENT_UTP, First::from(0, 0x41), peers::bittorrent_utp),
    Pattern::new(Protocol::MODBUS, First::ANY, industry::modbus),
    Pattern::new(Protocol::DNP3, First::of(&[5]), industry::dnp3),
    Pattern::new(Protocol::BACNET, First::of(&[0x81]), industry::bacnet),
    Pattern::new(Protocol::ENIP, First::of(&[4, 0x6f, 0x70]).and(0x63, 0x66), industry::enip),
    Pattern::new(Protocol::COAP, First::from(0x40, 0x7f), industry::coap),
    Pattern::new(Protocol::HART_IP, First::of(&[1]), industry::hart_ip),
    Pattern::new(Protocol::SOURCE_QUERY, First::of(&[0xff]), games::source_query),
    Pattern::new(Protocol::RAKNET, First::from(1, 8).and(0x19, 0x1c), games::raknet),
    Pattern::new(Protocol::IPERF3, First::ANY, tools::iperf3_udp),
    Pattern::new(Protocol::NETFLOW, First::of(&[0]), routing::netflow),
    Pattern::new(Protocol::IPFIX, First::of(&[0]), routing::ipfix),
    Pattern::new(Protocol::SFLOW, First::of(&[0]), routing::sflow),
    Pattern::new(Protocol::RIP, First::from(1, 2), routing::rip),
    Pattern::new(Protocol::RIPNG, First::from(1, 2), routing::ripng),
    Pattern::new(Protocol::HSRP, First::from(0, 1), routing::hsrp),
    Pattern::new(Protocol::LDP, First::of(&[0]), routing::ldp),
    Pattern::new(Protocol::COLLECTD, First::of(&[0]), tools::collectd),
    Pattern::new(Protocol::DROPBOX_LANSYNC, First::of(b"{"), tools::db_lsp_disc),
    Pattern::new(Protocol::BJNP, First::of(b"BM"), tools::bjnp),
    Pattern::new(Protocol::VXLAN, First::of(&[8]), vpn::vxlan),
    Pattern::new(Protocol::GENEVE, First::from(0, 0x3f), vpn::geneve),
    Pattern::new(Protocol::CAPWAP, First::from(0, 1), vpn::capwap),
    Pattern::new(Protocol::TEREDO, First::of(&[0]).and(0x60, 0x6f), vpn::teredo),
]);

/// Patterns of messages in SCTP.
static OVER_SCTP: Table = Table::of(&[Pattern::new(Protocol::DIAMETER, First::of(&[1]), access::diameter)]);
