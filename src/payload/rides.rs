//! Which registered names go with which protocol.

use super::protocol::Protocol;

/// How a registered name goes with a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ride {
    /// It does not.
    No,
    /// By its description only.
    Described,
    /// By itself.
    Named,
}

/// Names that go with a protocol beside its own service.
struct Row {
    protocols: &'static [Protocol],
    names: &'static [&'static str],
}

/// Names of services on TLS, and of those that turn to it on their own port.
const OVER_TLS: &[&str] = &[
    "https",
    "imaps",
    "pop3s",
    "ldaps",
    "submissions",
    "ftps",
    "ftps-data",
    "telnets",
    "ircs-u",
    "nntps",
    "sips",
    "secure-mqtt",
    "amqps",
    "domain-s",
    "syslog-tls",
    "rtsps",
    "coaps",
    "msft-gc-ssl",
    "opcua-tls",
    "ipps",
    "docker-s",
    "radsec",
    "stuns",
    "turns",
    "wbem-https",
    "wsmans",
    "netconf-tls",
    "ethernet-ip-s",
    "mbap-s",
    "iec-104-sec",
    "dnp-sec",
    "diameters",
    "snmptls",
    "wsdapi-s",
    "smtp",
    "submission",
    "imap",
    "pop3",
    "ftp",
    "ldap",
    "msft-gc",
    "xmpp-client",
    "xmpp-server",
    "irc",
    "ircu",
    "nntp",
    "sieve",
    "postgresql",
    "mysql",
    "ms-wbt-server",
    "ms-sql-s",
    "amqp",
    "acap",
];

const OVER_HTTP: &[&str] = &[
    "www",
    "www-http",
    "http-alt",
    "http-mgmt",
    "ipp",
    "wsman",
    "wbem-http",
    "xmpp-bosh",
    "caldav",
    "carddav",
    "davsrc",
    "docker",
    "couchdb",
    "plex",
    "puppet",
    "icslap",
    "wsdapi",
    "daap",
    "dpap",
    "privoxy",
    "http-wmap",
    "radan-http",
    "sunwebadmin",
    "airplay",
    "homekit",
    "hap",
    "oma-rlp",
    "www-ldap-gw",
    "opsession-prxy",
    "websm",
];

static ROWS: &[Row] = &[
    Row { protocols: &[Protocol::HTTP, Protocol::HTTP2], names: OVER_HTTP },
    Row { protocols: &[Protocol::TLS], names: OVER_TLS },
    Row {
        protocols: &[Protocol::DTLS],
        names: &[
            "coaps",
            "stun",
            "turn",
            "stuns",
            "turns",
            "capwap-control",
            "capwap-data",
            "syslog-tls",
            "snmpdtls",
            "radsec",
            "https",
            "domain-s",
            "ethernet-ip-s",
            "ms-wbt-server",
            "sips",
        ],
    },
    Row { protocols: &[Protocol::QUIC], names: &["https", "domain-s"] },
    Row { protocols: &[Protocol::SSH], names: &["sftp-ssh", "netconf-ssh", "netconf-ch-ssh", "snmpssh"] },
    Row { protocols: &[Protocol::SMTP], names: &["submission"] },
    Row {
        protocols: &[Protocol::DOMAIN, Protocol::MDNS, Protocol::LLMNR],
        names: &["domain", "mdns", "llmnr", "netbios-ns", "mdnsresponder"],
    },
    Row { protocols: &[Protocol::SMB], names: &["netbios-ssn", "cifs"] },
    Row { protocols: &[Protocol::NETBIOS_SSN], names: &["microsoft-ds"] },
    Row { protocols: &[Protocol::DHCP], names: &["bootpc"] },
    Row { protocols: &[Protocol::DHCPV6], names: &["dhcpv6-client"] },
    Row { protocols: &[Protocol::SNMP], names: &["snmptrap"] },
    Row { protocols: &[Protocol::SNMPTRAP], names: &["snmp"] },
    Row { protocols: &[Protocol::LDAP], names: &["msft-gc"] },
    Row { protocols: &[Protocol::KERBEROS], names: &["kpasswd", "kerberos-adm"] },
    Row { protocols: &[Protocol::ISAKMP], names: &["ipsec-nat-t"] },
    Row { protocols: &[Protocol::STUN], names: &["turn", "stun-behavior"] },
    Row { protocols: &[Protocol::RTP, Protocol::RTCP], names: &["avt-profile-1", "avt-profile-2"] },
    Row { protocols: &[Protocol::SUNRPC], names: &["nfs", "mountd", "rpc2portmap", "nfsrdma"] },
    Row { protocols: &[Protocol::DCERPC], names: &["epmap", "profinet-cm"] },
    Row { protocols: &[Protocol::RADIUS], names: &["radius-acct", "radius-dynauth"] },
    Row { protocols: &[Protocol::SYSLOG, Protocol::SYSLOG_TCP], names: &["syslog", "syslog-conn"] },
    Row { protocols: &[Protocol::IRC], names: &["ircu", "irc-serv"] },
    Row { protocols: &[Protocol::XMPP], names: &["xmpp-server", "presence"] },
    Row { protocols: &[Protocol::COTP], names: &["iso-tsap-c2"] },
    Row { protocols: &[Protocol::H323_Q931], names: &["h323hostcallsc"] },
    Row { protocols: &[Protocol::GTP_USER], names: &["gtp-control"] },
    Row { protocols: &[Protocol::GTP_CONTROL], names: &["gtp-user"] },
    Row { protocols: &[Protocol::ENIP], names: &["EtherNet-IP-1", "EtherNet/IP-1", "EtherNet/IP-2"] },
    Row { protocols: &[Protocol::MGCP], names: &["mgcp-callagent"] },
    Row { protocols: &[Protocol::CAPWAP], names: &["capwap-data"] },
    Row { protocols: &[Protocol::BJNP], names: &["canon-bjnp2", "canon-bjnp3", "canon-bjnp4"] },
    Row { protocols: &[Protocol::GIOP], names: &["corba-iiop"] },
    Row { protocols: &[Protocol::ISCSI], names: &["iscsi"] },
];

/// Whether a registered name goes with a protocol: HTTP on `ipp` does, on `irdmi` it does not.
///
/// ```
/// use portolan::payload::{Protocol, Ride, rides};
/// assert_eq!(rides("imaps", "IMAP over TLS protocol", Protocol::TLS), Ride::Named);
/// assert_eq!(rides("pcsync-https", "PCsync HTTPS", Protocol::TLS), Ride::Described);
/// assert_eq!(rides("irdmi", "iRDMI", Protocol::HTTP), Ride::No);
/// ```
pub fn rides(name: &str, description: &str, protocol: Protocol) -> Ride {
    let mut rows = ROWS.iter().filter(|row| row.protocols.contains(&protocol));
    let is_named = name.eq_ignore_ascii_case(protocol.service())
        || rows.any(|row| row.names.iter().any(|known| known.eq_ignore_ascii_case(name)));
    if is_named {
        return Ride::Named;
    }
    let has = |words: &[&str]| {
        let mut parts = description.split(|letter: char| !letter.is_ascii_alphanumeric());
        parts.any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
    };
    let is_described = match protocol {
        Protocol::HTTP | Protocol::HTTP2 => {
            has(&["HTTP", "WebDAV", "SOAP", "WBEM"]) && !has(&["TLS", "SSL", "HTTPS"])
        }
        Protocol::TLS => has(&["TLS", "SSL", "HTTPS"]),
        Protocol::DTLS => has(&["DTLS"]),
        Protocol::QUIC => has(&["QUIC"]),
        _ => false,
    };
    if is_described { Ride::Described } else { Ride::No }
}

/// Whether the protocol behind a name is known: it is a word or a service of the list of protocols, or
/// goes with one of them. Only such names can be contradicted by octets.
pub fn is_known_name(name: &str) -> bool {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    Protocol::all().any(|protocol| is(protocol.word()) || is(protocol.service()))
        || ROWS.iter().any(|row| row.names.iter().any(|known| is(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_with_their_protocol() {
        for (name, description, protocol) in [
            ("http", "World Wide Web HTTP", Protocol::HTTP),
            ("ipp", "IPP (Internet Printing Protocol)", Protocol::HTTP2),
            ("smtp", "Simple Mail Transfer", Protocol::TLS),
            ("mdns", "Multicast DNS", Protocol::DOMAIN),
            ("ethernet-ip-1", "", Protocol::ENIP),
            ("canon-bjnp4", "", Protocol::BJNP),
            ("gtp-control", "", Protocol::GTP_USER),
            ("socks", "", Protocol::SOCKS5),
            ("nfs", "", Protocol::SUNRPC),
        ] {
            assert_eq!(rides(name, description, protocol), Ride::Named, "{name}");
        }
    }

    #[test]
    fn descriptions_and_nothing() {
        assert_eq!(rides("x", "Some HTTP service", Protocol::HTTP), Ride::Described);
        assert_eq!(rides("x", "Some HTTP over TLS service", Protocol::HTTP), Ride::No);
        assert_eq!(rides("x", "HTTPD", Protocol::HTTP), Ride::No);
        assert_eq!(rides("commplex-main", "", Protocol::HTTP), Ride::No);
        assert_eq!(rides("https", "http protocol over TLS/SSL", Protocol::SSH), Ride::No);
    }

    #[test]
    fn unknown_names_are_never_contradicted() {
        for name in ["payroll", "googlecast", "raop", "our-ssh"] {
            assert!(!is_known_name(name), "{name}");
        }
        for name in ["ssh", "ipp", "tls", "quic", "submissions"] {
            assert!(is_known_name(name), "{name}");
        }
    }
}
