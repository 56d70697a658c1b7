//! The closed list of words for what octets speak, and the service each of them names.

use std::{
    hash::{Hash, Hasher},
    num::NonZeroU8,
};

/// A protocol that octets speak: one word of a closed list, in one octet.
///
/// Layers that are never a flow's own protocol (`websocket`, `nfs`) are words of the same list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Protocol(NonZeroU8);

/// What the list holds of one protocol.
struct Row {
    word: &'static str,
    service: &'static str,
    is_registered: bool,
}

macro_rules! protocols {
    ($($id:ident $word:literal $service:literal $registered:literal)*) => {
        /// Numbers the rows; private, since only [`Protocol`]'s constants are meant to be used.
        #[derive(Clone, Copy)]
        #[expect(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Number { $($id),* }

        impl Protocol {
            $(
                #[doc = concat!("`", $word, "`, service `", $service, "`.")]
                pub const $id: Self = Self::numbered(Number::$id as u8 + 1);
            )*
        }

        /// All rows, in the order of their numbers.
        static ROWS: &[Row] =
            &[$(Row { word: $word, service: $service, is_registered: $registered }),*];
    };
}

// Constant, word of `svc.protocol`, service it names on a port that is not its own, and whether IANA has
// that service name. The order is part of knowledge files: append, never insert.
protocols! {
    // Web and TLS
    TLS "tls" "tls" false
    HTTP "http" "http" true
    HTTP2 "http2" "http" true
    QUIC "quic" "quic" false
    DTLS "dtls" "dtls" false
    SSDP "ssdp" "ssdp" true
    WS_DISCOVERY "ws-discovery" "ws-discovery" true
    ICAP "icap" "icap" true
    // Names, addresses, time
    DOMAIN "domain" "domain" true
    MDNS "mdns" "mdns" true
    LLMNR "llmnr" "llmnr" true
    NETBIOS_NS "netbios-ns" "netbios-ns" true
    NETBIOS_DGM "netbios-dgm" "netbios-dgm" true
    DHCP "dhcp" "bootps" true
    DHCPV6 "dhcpv6" "dhcpv6-server" true
    NTP "ntp" "ntp" true
    PTP "ptp" "ptp-event" true
    NAT_PMP "nat-pmp" "nat-pmp" false
    PCP "pcp" "pcp" true
    // Mail, text, shells
    SSH "ssh" "ssh" true
    SMTP "smtp" "smtp" true
    FTP "ftp" "ftp" true
    POP3 "pop3" "pop3" true
    IMAP "imap" "imap" true
    NNTP "nntp" "nntp" true
    SIEVE "sieve" "sieve" true
    IRC "irc" "irc" true
    XMPP "xmpp" "xmpp-client" true
    XMPP_CLIENT "xmpp-client" "xmpp-client" true
    XMPP_SERVER "xmpp-server" "xmpp-server" true
    TELNET "telnet" "telnet" true
    RFB "rfb" "rfb" true
    RLOGIN "rlogin" "login" true
    GIT "git" "git" true
    SVN "svn" "svn" true
    RSYNC "rsync" "rsync" true
    NATS "nats" "nats" false
    STOMP "stomp" "stomp" false
    SYSLOG "syslog" "syslog" true
    SYSLOG_TCP "syslog-tcp" "syslog-conn" true
    WHOIS "whois" "nicname" true
    FINGER "finger" "finger" true
    // Voice, media, traversal
    SIP "sip" "sip" true
    RTSP "rtsp" "rtsp" true
    MGCP "mgcp" "mgcp-gateway" true
    STUN "stun" "stun" true
    RTP "rtp" "rtp" false
    RTCP "rtcp" "rtcp" false
    H323_Q931 "h323-q931" "h323hostcall" true
    RTMP "rtmp" "macromedia-fcs" true
    // Windows, directories, files, RPC
    SMB "smb" "microsoft-ds" true
    NETBIOS_SSN "netbios-ssn" "netbios-ssn" true
    DCERPC "dcerpc" "dcerpc" false
    NCACN_HTTP "ncacn-http" "http-rpc-epmap" true
    LDAP "ldap" "ldap" true
    KERBEROS "kerberos" "kerberos" true
    SUNRPC "sunrpc" "sunrpc" true
    TFTP "tftp" "tftp" true
    RADIUS "radius" "radius" true
    TACACS "tacacs+" "tacacs" true
    DIAMETER "diameter" "diameter" true
    BGP "bgp" "bgp" true
    SNMP "snmp" "snmp" true
    SNMPTRAP "snmptrap" "snmptrap" true
    // Brokers and databases
    MQTT "mqtt" "mqtt" true
    AMQP "amqp" "amqp" true
    REDIS "redis" "redis" true
    MEMCACHE "memcache" "memcache" true
    POSTGRESQL "postgresql" "postgresql" true
    MYSQL "mysql" "mysql" true
    MONGODB "mongodb" "mongodb" true
    CASSANDRA "cassandra" "cassandra" false
    KAFKA "kafka" "kafka" false
    TDS "tds" "ms-sql-s" true
    TNS "tns" "tns" false
    DRDA "drda" "drda" false
    ZMTP "zmtp" "zmtp" false
    // Proxies, desktops, tunnels, mobile core
    SOCKS5 "socks5" "socks" true
    SOCKS4 "socks4" "socks" true
    SOCKS "socks" "socks" true
    PROXY "proxy" "proxy" false
    RDP "rdp" "ms-wbt-server" true
    COTP "cotp" "iso-tsap" true
    OPENVPN "openvpn" "openvpn" true
    WIREGUARD "wireguard" "wireguard" false
    ISAKMP "isakmp" "isakmp" true
    IPSEC_NAT_T "ipsec-nat-t" "ipsec-nat-t" true
    L2TP "l2tp" "l2tp" true
    PPTP "pptp" "pptp" true
    GTP_CONTROL "gtp-control" "gtp-control" true
    GTP_USER "gtp-user" "gtp-user" true
    PFCP "pfcp" "pfcp" true
    SMPP "smpp" "smpp" true
    BITTORRENT "bittorrent" "bittorrent" true
    BITTORRENT_DHT "bittorrent-dht" "bittorrent" true
    BITTORRENT_TRACKER "bittorrent-tracker" "bittorrent" true
    BITTORRENT_LSD "bittorrent-lsd" "bittorrent" true
    BITTORRENT_UTP "bittorrent-utp" "bittorrent" true
    GNUTELLA "gnutella" "gnutella-svc" true
    BITCOIN "bitcoin" "bitcoin" false
    // Industry, games
    MODBUS "modbus" "mbap" true
    DNP3 "dnp3" "dnp" true
    IEC_104 "iec-104" "iec-104" true
    BACNET "bacnet" "bacnet" true
    OPCUA "opcua" "opcua-tcp" true
    ENIP "enip" "EtherNet-IP-2" true
    COAP "coap" "coap" true
    HART_IP "hart-ip" "hart-ip" true
    SOURCE_QUERY "source-query" "source-query" false
    MINECRAFT "minecraft" "minecraft" false
    RAKNET "raknet" "raknet" false
    // Measurement, management, routing
    IPERF3 "iperf3" "iperf3" false
    ZABBIX "zabbix" "zabbix-trapper" true
    NETFLOW "netflow" "netflow" false
    IPFIX "ipfix" "ipfix" true
    SFLOW "sflow" "sflow" true
    RIP "rip" "router" true
    RIPNG "ripng" "ripng" true
    HSRP "hsrp" "hsrp" true
    LDP "ldp" "ldp" true
    OPENFLOW "openflow" "openflow" true
    COLLECTD "collectd" "collectd" false
    // Storage, desktops, programs
    ISCSI "iscsi" "iscsi-target" true
    AFP "afp" "afpovertcp" true
    X11 "x11" "x11" true
    AJP13 "ajp13" "ajp13" false
    FIX "fix" "fix" true
    ADB "adb" "adb" false
    JDWP "jdwp" "jdwp" false
    JAVA_RMI "java-rmi" "rmiregistry" true
    GIOP "giop" "iiop" true
    DROPBOX_LANSYNC "dropbox-lansync" "db-lsp-disc" true
    BJNP "bjnp" "canon-bjnp1" true
    // Too short to be more than a confirmation
    VXLAN "vxlan" "vxlan" true
    GENEVE "geneve" "geneve" true
    CAPWAP "capwap" "capwap-control" true
    TEREDO "teredo" "teredo" true
    // Layers only
    CONNECT "connect" "connect" false
    WEBSOCKET "websocket" "websocket" false
    GRPC "grpc" "grpc" false
    S7COMM "s7comm" "s7comm" false
    NTSKE "ntske" "ntske" true
    // Programs of Sun RPC
    RSTATD "rstatd" "rstatd" false
    RUSERSD "rusersd" "rusersd" false
    NFS "nfs" "nfs" true
    YPSERV "ypserv" "ypserv" false
    MOUNTD "mountd" "mountd" true
    YPBIND "ypbind" "ypbind" false
    WALLD "walld" "walld" false
    RQUOTAD "rquotad" "rquotad" false
    NLOCKMGR "nlockmgr" "nlockmgr" false
    STATUS "status" "status" false
    YPPASSWDD "yppasswdd" "yppasswdd" false
    NFS_ACL "nfs_acl" "nfs_acl" false
    PCNFSD "pcnfsd" "pcnfsd" false
}

// Sets of protocols have one bit each.
const _: () = assert!(Number::PCNFSD as usize + 1 < Protocols::BITS);

impl Protocol {
    const fn numbered(number: u8) -> Self {
        match NonZeroU8::new(number) {
            Some(number) => Self(number),
            None => panic!("numbers begin with 1"),
        }
    }

    /// Its number in the list, 1 to 255: what a table of flows and a knowledge file keep.
    pub const fn id(self) -> u8 {
        self.0.get()
    }

    /// The protocol of this number; `None` for 0 and for numbers beyond the list.
    pub fn from_id(id: u8) -> Option<Self> {
        NonZeroU8::new(id).filter(|id| usize::from(id.get()) <= ROWS.len()).map(Self)
    }

    /// All protocols, in the order of the list.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=u8::MAX).map_while(Self::from_id)
    }

    /// The protocol of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::all().find(|protocol| protocol.word() == word)
    }

    /// The word of `svc.protocol`.
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// The protocol that octets of this form are on `port`: DNS messages are those of multicast DNS on 5353
    /// and of LLMNR on 5355 (RFC 6762 section 3, RFC 4795 section 2); any other form is what it is.
    pub fn on_port(self, port: u16) -> Self {
        match (self, port) {
            (Self::DOMAIN, 5353) => Self::MDNS,
            (Self::DOMAIN, 5355) => Self::LLMNR,
            _ => self,
        }
    }

    /// The service name of a flow that speaks it on a port of another service, or of none.
    pub fn service(self) -> &'static str {
        self.row().service
    }

    /// Whether IANA has the service name.
    pub fn is_registered(self) -> bool {
        self.row().is_registered
    }

    fn row(self) -> &'static Row {
        // Only numbers of rows are ever made.
        &ROWS[usize::from(self.id()) - 1]
    }
}

impl From<Protocol> for u8 {
    fn from(protocol: Protocol) -> Self {
        protocol.id()
    }
}

impl TryFrom<u8> for Protocol {
    type Error = &'static str;

    fn try_from(id: u8) -> Result<Self, Self::Error> {
        Self::from_id(id).ok_or("no protocol has this number")
    }
}

impl std::fmt::Debug for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of protocols.
#[derive(Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Protocols([u64; Self::BITS / 64]);

impl Protocols {
    /// One more than the highest number that a protocol may have.
    const BITS: usize = 256;

    /// None at all.
    pub(super) const EMPTY: Self = Self([0; Self::BITS / 64]);

    /// Those of a list.
    pub(super) const fn of(protocols: &[Protocol]) -> Self {
        let mut all = Self::EMPTY;
        let mut at = 0;
        while at < protocols.len() {
            let id = protocols[at].id();
            all.0[(id / 64) as usize] |= 1 << (id % 64);
            at += 1;
        }
        all
    }

    /// Adds one.
    pub fn insert(&mut self, protocol: Protocol) {
        self.0[usize::from(protocol.id() / 64)] |= 1 << (protocol.id() % 64);
    }

    /// Whether this one is in it.
    pub const fn contains(&self, protocol: Protocol) -> bool {
        self.0[(protocol.id() / 64) as usize] >> (protocol.id() % 64) & 1 == 1
    }

    /// Those that are in either.
    pub fn union(self, other: Self) -> Self {
        let mut all = self;
        all.0.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
        all
    }

    /// A number that tells most sets apart.
    pub(super) fn digest(self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum.rotate_left(23) ^ word)
    }

    /// Whether none is in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those in it, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = Protocol> {
        (0_u8..).zip(self.0).flat_map(|(word, bits)| {
            // Most sets are empty or have a few protocols.
            let rests = std::iter::successors(Some(bits), |&bits| Some(bits & bits.wrapping_sub(1)));
            rests
                .take_while(|&bits| bits != 0)
                .filter_map(move |bits| Protocol::from_id(word * 64 + bits.trailing_zeros() as u8))
        })
    }
}

/// In one step, as every verdict is looked up; most sets are empty or have a few protocols.
impl Hash for Protocols {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest());
    }
}

impl std::fmt::Debug for Protocols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_distinct_and_found_again() {
        for protocol in Protocol::all() {
            assert_eq!(Protocol::from_word(protocol.word()), Some(protocol));
            assert_eq!(Protocol::from_id(protocol.id()), Some(protocol));
            assert!(!protocol.service().is_empty());
        }
        assert_eq!(Protocol::from_id(0), None);
        assert_eq!(Protocol::from_id(255), None);
        assert_eq!(Protocol::all().count(), ROWS.len());
        assert_eq!(size_of::<Option<Protocol>>(), 1);
    }

    #[test]
    fn the_port_tells_kinds_of_dns_apart() {
        assert_eq!(Protocol::DOMAIN.on_port(5353), Protocol::MDNS);
        assert_eq!(Protocol::DOMAIN.on_port(5355), Protocol::LLMNR);
        assert_eq!(Protocol::DOMAIN.on_port(5300), Protocol::DOMAIN);
        assert_eq!(Protocol::HTTP.on_port(5353), Protocol::HTTP);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut set = Protocols::default();
        assert!(set.is_empty());
        for protocol in [Protocol::TLS, Protocol::PCNFSD, Protocol::SSH] {
            set.insert(protocol);
            assert!(set.contains(protocol));
        }
        assert!(set.iter().eq([Protocol::TLS, Protocol::SSH, Protocol::PCNFSD]));
    }
}
