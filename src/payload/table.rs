//! The table of patterns: which recognisers are asked, by the first octet.

use super::heard::Heard;
use super::protocol::{Protocol, Protocols};
use super::reader::check;
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
    pub(super) read: Read,
}

/// Talks in lines that can turn to TLS.
const TALKS: Protocols = Protocols::of(&[
    Protocol::SMTP,
    Protocol::POP3,
    Protocol::IMAP,
    Protocol::NNTP,
    Protocol::SIEVE,
    Protocol::FTP,
    Protocol::IRC,
]);

/// What a recogniser says to octets.
type Read = fn(Sight<'_>) -> Option<Said>;

impl Pattern {
    const fn new(protocol: Protocol, first: First, read: Read) -> Self {
        Self { protocol, first, read }
    }
}

/// A set of octets.
#[derive(Clone, Copy)]
struct Set([u128; 2]);

impl Set {
    const NONE: Self = Self([0; 2]);
    const ANY: Self = Self([u128::MAX; 2]);
    const DIGITS: Self = Self::NONE.and(b'0', b'9');
    const LETTERS: Self = Self::NONE.and(b'A', b'Z').and(b'a', b'z');
    const HEXADECIMAL: Self = Self::DIGITS.and(b'A', b'F').and(b'a', b'f');
    /// What a method or a tag consists of (RFC 9110 section 5.6.2).
    const TOKEN: Self = Self::LETTERS
        .or(Self::DIGITS)
        .and(b'!', b'!')
        .and(b'#', b'\'')
        .and(b'*', b'.')
        .and(b'^', b'`')
        .and(b'|', b'|')
        .and(b'~', b'~');
    /// What stands behind a word, or in the target behind a method.
    const BEHIND_METHOD: Self = Self::of(b"\r\n").and(b' ', 0x7e).and(0x80, 0xff);
    /// What people read, and the end of a line.
    const PRINTABLE: Self = Self::BEHIND_METHOD.and(b'\t', b'\t');
    /// What stands behind a command.
    const BEHIND_WORD: Self = Self::of(b" \r\n");

    /// Those whose lower half is 2.
    const LOW_HALF_2: Self = Self([0x0004 * (u128::MAX / 0xffff); 2]);

    /// The octets of this list.
    const fn of(octets: &[u8]) -> Self {
        let mut set = Self::NONE;
        let mut at = 0;
        while at < octets.len() {
            set = set.and(octets[at], octets[at]);
            at += 1;
        }
        set
    }

    /// And those from `low` to `high`.
    const fn and(mut self, low: u8, high: u8) -> Self {
        let mut octet = low as usize;
        while octet <= high as usize {
            self.0[octet >> 7] |= 1 << (octet & 127);
            octet += 1;
        }
        self
    }

    /// The octets of both.
    const fn or(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    const fn has(self, octet: u8) -> bool {
        self.0[(octet >> 7) as usize] >> (octet & 127) & 1 == 1
    }
}

/// What a pattern may begin with: a set for each of the first octets. Those that are missing may be any.
#[derive(Clone, Copy)]
pub(super) struct First([Set; Self::LEN]);

impl First {
    /// How many octets are told apart.
    const LEN: usize = 4;

    /// Any octets.
    const ANY: Self = Self([Set::ANY; Self::LEN]);
    /// No octets.
    const NONE: Self = Self([Set::NONE; Self::LEN]);
    /// A method, a space and a target, or as much of them.
    const METHOD: Self = Self::ANY
        .at(0, Set::TOKEN)
        .at(1, Set::TOKEN.and(b' ', b' '))
        .at(2, Set::BEHIND_METHOD)
        .at(3, Set::BEHIND_METHOD);
    /// A tag of letters, digits and dots, a space and a word (RFC 9051 section 6), or as much of them.
    const TAG: Self = {
        let tag = Set::LETTERS.or(Set::DIGITS).and(b'.', b'.');
        let behind = tag.and(b' ', b' ');
        Self([tag, behind, behind, behind])
    };
    /// A reply of three digits (RFC 5321 section 4.2).
    const REPLY: Self = Self([Set::NONE.and(b'1', b'5'), Set::DIGITS, Set::DIGITS, Set::of(b" -")]);
    /// Text.
    const TEXT: Self = Self([Set::PRINTABLE; Self::LEN]);

    /// One of these as the first octet.
    const fn of(octets: &[u8]) -> Self {
        Self::ANY.at(0, Set::of(octets))
    }

    /// One from `low` to `high` as the first octet.
    const fn from(low: u8, high: u8) -> Self {
        Self::ANY.at(0, Set::NONE.and(low, high))
    }

    /// And those from `low` to `high` as the first octet.
    const fn and(mut self, low: u8, high: u8) -> Self {
        self.0[0] = self.0[0].and(low, high);
        self
    }

    /// Only these at place `at`, counted from 0.
    const fn at(mut self, at: usize, octets: Set) -> Self {
        self.0[at] = octets;
        self
    }

    /// These or those.
    const fn or(mut self, other: Self) -> Self {
        let mut at = 0;
        while at < Self::LEN {
            self.0[at] = self.0[at].or(other.0[at]);
            at += 1;
        }
        self
    }

    /// One of these texts.
    const fn texts(texts: &[&[u8]]) -> Self {
        Self::begun(texts, false, Set::ANY)
    }

    /// One of these words in any case, alone on its line or with a space behind it.
    const fn words(words: &[&[u8]]) -> Self {
        Self::begun(words, true, Set::BEHIND_WORD)
    }

    /// One of these words, alone on its line or with a space behind it.
    const fn exact_words(words: &[&[u8]]) -> Self {
        Self::begun(words, false, Set::BEHIND_WORD)
    }

    const fn begun(texts: &[&[u8]], any_case: bool, behind: Set) -> Self {
        let mut all = Self::NONE;
        let mut number = 0;
        while number < texts.len() {
            let (text, mut one, mut at) = (texts[number], Self::ANY, 0);
            while at < Self::LEN && at <= text.len() {
                one = one.at(
                    at,
                    if at == text.len() {
                        behind
                    } else if any_case {
                        Set::of(&[text[at].to_ascii_lowercase(), text[at].to_ascii_uppercase()])
                    } else {
                        Set::of(&[text[at]])
                    },
                );
                at += 1;
            }
            all = all.or(one);
            number += 1;
        }
        all
    }

    /// Whether these octets may begin so.
    #[cfg(test)]
    pub(super) fn fits(&self, octets: &[u8]) -> bool {
        self.0.iter().zip(octets).all(|(set, &octet)| set.has(octet))
    }
}

/// The patterns of one transport, with a bit for each of them at every octet that it may have at each place.
pub(super) struct Table {
    #[cfg(test)]
    patterns: &'static [Pattern],
    /// What is asked, close together.
    asked: [(Protocol, Read); Self::MOST],
    /// Which of them are of talks in lines that can turn to TLS.
    talks: u128,
    by_octet: [[u128; 256]; First::LEN],
}

impl Table {
    /// Most patterns of a table.
    const MOST: usize = 128;

    const fn new(patterns: &'static [Pattern]) -> Self {
        assert!(patterns.len() <= Self::MOST, "one bit for each pattern");
        let mut asked = [(patterns[0].protocol, patterns[0].read); Self::MOST];
        let mut by_octet = [[0; 256]; First::LEN];
        let mut talks = 0;
        let mut number = 0;
        while number < patterns.len() {
            asked[number] = (patterns[number].protocol, patterns[number].read);
            if TALKS.contains(patterns[number].protocol) {
                talks |= 1 << number;
            }
            let mut at = 0;
            while at < First::LEN {
                let mut octet = 0;
                while octet < 256 {
                    if patterns[number].first.0[at].has(octet as u8) {
                        by_octet[at][octet] |= 1 << number;
                    }
                    octet += 1;
                }
                at += 1;
            }
            number += 1;
        }
        Self {
            #[cfg(test)]
            patterns,
            asked,
            talks,
            by_octet,
        }
    }

    /// What all patterns say to these octets.
    #[inline]
    pub(super) fn hear(&self, sight: Sight<'_>) -> Heard {
        let mut heard = Heard::default();
        for (protocol, read) in self.of(self.may_match(sight.octets())) {
            if let Some(said) = read(sight) {
                heard.add(protocol, said);
            }
        }
        heard
    }

    /// Whether these octets are, surely or weakly, of a talk in lines that can turn to TLS.
    pub(super) fn hears_talk(&self, sight: Sight<'_>) -> bool {
        self.of(self.may_match(sight.octets()) & self.talks).any(|(_, read)| read(sight).is_some())
    }

    /// A bit for each pattern that may begin with these octets.
    #[inline]
    fn may_match(&self, octets: &[u8]) -> u128 {
        let [one, two, three, four] = &self.by_octet;
        let by = |places: &[u128; 256], octet: u8| places[usize::from(octet)];
        match *octets {
            [] => 0,
            [a, b, c, d, ..] => by(one, a) & by(two, b) & by(three, c) & by(four, d),
            [a, ref rest @ ..] => {
                let places = self.by_octet.iter().skip(1).zip(rest);
                places.fold(by(one, a), |asked, (places, &octet)| asked & by(places, octet))
            }
        }
    }

    /// The patterns of these bits.
    #[inline]
    fn of(&self, mut bits: u128) -> impl Iterator<Item = (Protocol, Read)> {
        std::iter::from_fn(move || {
            check(bits != 0)?;
            // The number is below 128.
            let next = self.asked[bits.trailing_zeros() as usize % Self::MOST];
            bits &= bits - 1;
            Some(next)
        })
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
static OVER_TCP: Table = Table::new(&[
    Pattern::new(Protocol::TLS, First::from(20, 24).and(0x80, 0xff), tls::tls),
    Pattern::new(Protocol::HTTP, First::METHOD, web::http),
    Pattern::new(Protocol::HTTP2, First::of(b"P\0"), web::http2),
    Pattern::new(Protocol::ICAP, First::texts(&[b"ICAP/1.0", b"REQMOD", b"RESPMOD", b"OPTIONS"]), web::icap),
    Pattern::new(Protocol::DOMAIN, First::ANY, domain::domain_tcp),
    Pattern::new(Protocol::SSH, First::texts(&[b"SSH-"]), shells::ssh),
    Pattern::new(
        Protocol::SMTP,
        First::REPLY.or(First::words(&[b"EHLO", b"HELO", b"LHLO", b"MAIL"])),
        mail::smtp,
    ),
    Pattern::new(
        Protocol::FTP,
        First::REPLY.or(First::words(&[
            b"SYST", b"FEAT", b"PASV", b"EPSV", b"TYPE", b"PORT", b"EPRT", b"CWD", b"RETR", b"PBSZ", b"USER",
            b"PASS", b"AUTH", b"QUIT",
        ])),
        shells::ftp,
    ),
    Pattern::new(
        Protocol::POP3,
        First::texts(&[b"+OK"])
            .or(First::words(&[b"APOP", b"CAPA", b"STLS", b"STAT", b"QUIT", b"USER", b"AUTH", b"UIDL"])),
        mail::pop3,
    ),
    Pattern::new(Protocol::IMAP, First::texts(&[b"* "]).or(First::TAG), mail::imap),
    Pattern::new(
        Protocol::NNTP,
        First::REPLY.or(First::words(&[b"MODE", b"GROUP", b"ARTICLE", b"IHAVE", b"CAPABILITIES"])),
        mail::nntp,
    ),
    Pattern::new(Protocol::SIEVE, First::of(b"\"Aa"), mail::sieve),
    Pattern::new(
        Protocol::IRC,
        First::texts(&[b":", b"NOTICE "]).or(First::words(&[b"PASS", b"NICK", b"USER", b"CAP"])),
        text::irc,
    ),
    Pattern::new(Protocol::XMPP, First::texts(&[b"<?xml", b"<stream:"]), text::xmpp),
    Pattern::new(Protocol::TELNET, First::of(&[255]), shells::telnet),
    Pattern::new(Protocol::RFB, First::texts(&[b"RFB "]), shells::rfb),
    Pattern::new(Protocol::RLOGIN, First::of(&[0]), shells::rlogin),
    Pattern::new(Protocol::GIT, First([Set::HEXADECIMAL; First::LEN]), shells::git),
    Pattern::new(Protocol::SVN, First::texts(&[b"( "]), shells::svn),
    Pattern::new(Protocol::RSYNC, First::texts(&[b"@RSYNCD:"]), shells::rsync),
    Pattern::new(Protocol::NATS, First::texts(&[b"INFO", b"CONNECT"]), brokers::nats),
    Pattern::new(Protocol::STOMP, First::texts(&[b"CONNECT", b"STOMP"]), brokers::stomp),
    Pattern::new(Protocol::SYSLOG_TCP, First::of(b"<").and(b'1', b'9'), syslog::syslog_tcp),
    Pattern::new(Protocol::WHOIS, First::TEXT, text::one_line),
    Pattern::new(Protocol::FINGER, First::TEXT, text::one_line),
    Pattern::new(Protocol::SIP, First::METHOD, telephony::sip),
    Pattern::new(Protocol::RTSP, First::METHOD, telephony::rtsp),
    Pattern::new(
        Protocol::MGCP,
        First([Set::DIGITS, Set::DIGITS, Set::DIGITS, Set::of(b" \r")]).or(First::words(&[
            b"EPCF", b"CRCX", b"MDCX", b"DLCX", b"RQNT", b"NTFY", b"AUEP", b"AUCX", b"RSIP",
        ])),
        telephony::mgcp,
    ),
    Pattern::new(Protocol::STUN, First::from(0, 0x3f), media::stun_tcp),
    Pattern::new(Protocol::H323_Q931, First::of(&[3]).at(1, Set::of(&[0])), telephony::h323),
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
    Pattern::new(Protocol::AMQP, First::texts(&[b"AMQP", b"\x01\0\0"]), brokers::amqp),
    Pattern::new(
        Protocol::REDIS,
        First::texts(&[b"$", b"*", b"+", b"-", b":"])
            .or(First::words(&[b"PING", b"INFO", b"AUTH", b"ECHO", b"MONITOR", b"SELECT"])),
        cache::redis,
    ),
    Pattern::new(
        Protocol::MEMCACHE,
        First::texts(&[b"\x80", b"\x81"])
            .or(First::exact_words(&cache::VERBS))
            .or(First::exact_words(&cache::WORDS)),
        cache::memcache,
    ),
    Pattern::new(Protocol::POSTGRESQL, First::of(b"\0RESN"), databases::postgresql),
    Pattern::new(Protocol::MYSQL, First::ANY.at(2, Set::of(&[0])).at(3, Set::of(&[0, 1])), databases::mysql),
    Pattern::new(Protocol::MONGODB, First::ANY.at(3, Set::of(&[0, 1, 2])), databases::mongodb),
    Pattern::new(
        Protocol::CASSANDRA,
        First::from(1, 5).and(0x81, 0x85).at(1, Set::NONE.and(0, 0x1f)),
        databases::cassandra,
    ),
    Pattern::new(Protocol::KAFKA, First::of(&[0]), brokers::kafka),
    Pattern::new(Protocol::TDS, First::of(&[0x12, 0x10, 4]).at(1, Set::NONE.and(0, 7)), databases::tds),
    Pattern::new(Protocol::TNS, First::from(0, 0x7f), databases::tns),
    Pattern::new(Protocol::DRDA, First::from(0, 0x7f).at(2, Set::of(&[0xd0])), databases::drda),
    Pattern::new(Protocol::ZMTP, First::of(&[0xff]), brokers::zmtp),
    Pattern::new(Protocol::SOCKS5, First::of(&[5]), proxies::socks5),
    Pattern::new(Protocol::SOCKS4, First::of(&[4, 0]), proxies::socks4),
    Pattern::new(Protocol::RDP, First::of(&[3]).at(1, Set::of(&[0])), office::rdp),
    Pattern::new(Protocol::COTP, First::of(&[3]).at(1, Set::of(&[0])), industry::cotp),
    Pattern::new(Protocol::OPENVPN, First::from(0, 7), vpn::openvpn_tcp),
    Pattern::new(Protocol::PPTP, First::of(&[0]), vpn::pptp),
    Pattern::new(Protocol::SMPP, First::of(&[0]), mobile::smpp),
    Pattern::new(Protocol::BITTORRENT, First::of(&[19]), peers::bittorrent),
    Pattern::new(Protocol::GNUTELLA, First::of(b"G"), peers::gnutella),
    Pattern::new(Protocol::BITCOIN, First::of(&[0xf9, 0x0b, 0x1c, 0x0a]), peers::bitcoin),
    Pattern::new(Protocol::MODBUS, First::ANY.at(2, Set::of(&[0])).at(3, Set::of(&[0])), industry::modbus),
    Pattern::new(Protocol::DNP3, First::of(&[5]), industry::dnp3),
    Pattern::new(Protocol::IEC_104, First::of(&[0x68]), industry::iec_104),
    Pattern::new(
        Protocol::OPCUA,
        First::texts(&[b"HELF", b"RHEF", b"ACKF", b"ERRF", b"OPNF", b"MSGF", b"MSGC", b"CLOF"]),
        industry::opcua,
    ),
    Pattern::new(Protocol::ENIP, First::of(&[4, 0x6f, 0x70]).and(0x63, 0x66), industry::enip),
    Pattern::new(Protocol::HART_IP, First::of(&[1]), industry::hart_ip),
    Pattern::new(
        Protocol::MINECRAFT,
        First::from(7, 0xff).at(1, Set::of(&[0, 1, 2]).and(0x80, 0xff)),
        games::minecraft,
    ),
    Pattern::new(Protocol::IPERF3, First::of(&[9]).and(b'a', b'z').and(b'2', b'7'), tools::iperf3),
    Pattern::new(Protocol::ZABBIX, First::texts(&[b"ZBXD"]), tools::zabbix),
    Pattern::new(Protocol::LDP, First::of(&[0]), routing::ldp),
    Pattern::new(Protocol::OPENFLOW, First::from(1, 6), routing::openflow),
    Pattern::new(Protocol::ISCSI, First::of(&[0x43, 0x03, 0x23]), files::iscsi),
    Pattern::new(Protocol::AFP, First::of(&[0, 1]), files::afp),
    Pattern::new(Protocol::X11, First::of(b"lB"), tools::x11),
    Pattern::new(Protocol::AJP13, First::of(b"\x12A"), proxies::ajp13),
    Pattern::new(Protocol::FIX, First::texts(&[b"8=FIX"]), tools::fix),
    Pattern::new(Protocol::ADB, First([Set::NONE.and(b'A', b'Z'); First::LEN]), tools::adb),
    Pattern::new(Protocol::JDWP, First::texts(&[b"JDWP"]), tools::jdwp),
    Pattern::new(Protocol::JAVA_RMI, First::texts(&[b"JRMI", b"N"]), tools::java_rmi),
    Pattern::new(Protocol::GIOP, First::texts(&[b"GIOP"]), tools::giop),
    Pattern::new(Protocol::BJNP, First::texts(&[b"BJNP", b"BJNB", b"MFNP", b"BNJB"]), tools::bjnp),
]);

/// Patterns of datagrams.
static OVER_UDP: Table = Table::new(&[
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
    Pattern::new(Protocol::PTP, First::ANY.at(1, Set::LOW_HALF_2), time::ptp),
    Pattern::new(Protocol::NAT_PMP, First::of(&[0]), addresses::nat_pmp),
    Pattern::new(Protocol::PCP, First::of(&[2]), addresses::pcp),
    Pattern::new(Protocol::SYSLOG, First::of(b"<"), syslog::syslog),
    Pattern::new(Protocol::SIP, First::METHOD, telephony::sip),
    Pattern::new(Protocol::RTSP, First::METHOD, telephony::rtsp),
    Pattern::new(
        Protocol::MGCP,
        First([Set::DIGITS, Set::DIGITS, Set::DIGITS, Set::of(b" \r")]).or(First::words(&[
            b"EPCF", b"CRCX", b"MDCX", b"DLCX", b"RQNT", b"NTFY", b"AUEP", b"AUCX", b"RSIP",
        ])),
        telephony::mgcp,
    ),
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
    Pattern::new(Protocol::MODBUS, First::ANY.at(2, Set::of(&[0])).at(3, Set::of(&[0])), industry::modbus),
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
    Pattern::new(Protocol::LDP, First::of(&[0]), routing::ldp_hello),
    Pattern::new(Protocol::COLLECTD, First::of(&[0]), tools::collectd),
    Pattern::new(Protocol::DROPBOX_LANSYNC, First::of(b"{"), tools::db_lsp_disc),
    Pattern::new(Protocol::BJNP, First::texts(&[b"BJNP", b"BJNB", b"MFNP", b"BNJB"]), tools::bjnp),
    Pattern::new(Protocol::VXLAN, First::of(&[8]), vpn::vxlan),
    Pattern::new(Protocol::GENEVE, First::from(0, 0x3f), vpn::geneve),
    Pattern::new(Protocol::CAPWAP, First::from(0, 1), vpn::capwap),
    Pattern::new(Protocol::TEREDO, First::of(&[0]).and(0x60, 0x6f), vpn::teredo),
]);

/// Patterns of messages in SCTP.
static OVER_SCTP: Table = Table::new(&[Pattern::new(Protocol::DIAMETER, First::of(&[1]), access::diameter)]);
