//! The IANA Service Name and Transport Protocol Port Number Registry (RFC 6335).
//!
//! The whole registry is part of the program, with hash indexes over (transport, port) and over names laid
//! out when it was built: nothing is parsed or allocated at start. A port's name is what the port is
//! *registered for*; it says nothing certain about the traffic on it.
//!
//! ```
//! use portolan::{packet::TransportProtocol, registry::{Registry, Status}};
//!
//! let registry = Registry::built_in();
//! let https = registry.primary(TransportProtocol::TCP, 443).expect("registered");
//! assert_eq!((https.name(), https.description()), ("https", "http protocol over TLS/SSL"));
//! // A name is never borrowed from another transport.
//! assert_eq!(registry.primary(TransportProtocol::TCP, 9981).map(|row| row.name()), Some("pumpkindb"));
//! assert_eq!(registry.primary(TransportProtocol::UDP, 9981), None);
//! assert_eq!(registry.status(TransportProtocol::UDP, 9981), Status::Reserved);
//! ```

mod csv;
mod export;
mod import;
mod index;
mod layer;
mod layout;
mod name;
mod record;
mod registration;
mod store;
mod text;
mod txt_keys;
mod xml;

use std::{borrow::Cow, net::IpAddr, path::Path};

pub use import::Error;
pub use layer::{Prefix, UserEntry};
pub use name::{PortClass, ServiceName};
pub use registration::{Registration, Registrations, Status};
pub use store::stored_file;
pub use txt_keys::{TxtKey, TxtKeys};

use crate::packet::TransportProtocol;
use index::Tables;
use layer::Layer;
use layout::{Layout, Preferred};
pub(crate) use record::Transport;

/// Which of several names of a port is shown, from `registry/preferred.csv`; checked when the program was built.
const PREFERRED: &[Preferred<'_>] = include!(concat!(env!("OUT_DIR"), "/preferred.rs"));

/// The registry that names are looked up in.
#[derive(Debug)]
pub struct Registry {
    tables: Tables,
    updated: Cow<'static, str>,
    source: Cow<'static, str>,
    layers: Vec<Layer>,
}

impl Registry {
    /// The registry that is part of the program. Cheap: nothing is parsed or allocated.
    pub const fn built_in() -> Self {
        Self {
            tables: Tables::built_in(),
            updated: Cow::Borrowed(include_str!(concat!(env!("OUT_DIR"), "/updated"))),
            source: Cow::Borrowed("built-in"),
            layers: Vec::new(),
        }
    }

    /// The registry in a file, in one of IANA's renderings; its format is told by content.
    ///
    /// # Errors
    /// [`Error`], where the file cannot be read, a line is malformed, or it is something else.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let imported = import::read(file)?;
        let layout = Layout::new(&imported.records, PREFERRED);
        let layout = layout.map_err(|reason| Error::Unsuited { file: file.to_owned(), reason })?;
        Ok(Self {
            tables: layout.into(),
            updated: Cow::Owned(imported.updated),
            source: Cow::Owned(file.display().to_string()),
            layers: Vec::new(),
        })
    }

    /// The registry's own date, `YYYY-MM-DD`.
    pub fn updated(&self) -> &str {
        &self.updated
    }

    /// Where the registry comes from: `built-in`, or the imported file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.tables.row_count()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All rows in registry order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Registration<'_>> {
        (0..self.len()).map(|row| Registration { tables: &self.tables, row: row as u32 })
    }

    /// The row of an [`Registration::id`].
    pub fn row(&self, id: u32) -> Option<Registration<'_>> {
        ((id as usize) < self.len()).then_some(Registration { tables: &self.tables, row: id })
    }

    /// All rows that name a port, ranges and rows without a transport included: first the one that is shown
    /// ([`Self::primary`]), then the others in registry order.
    ///
    /// UDP-Lite has the rows of UDP (RFC 3828 section 7). Nothing else is borrowed across transports.
    ///
    /// ```
    /// use portolan::{packet::TransportProtocol, registry::Registry};
    /// let registry = Registry::built_in();
    /// let names: Vec<_> = registry.by_port(TransportProtocol::TCP, 80).map(|row| row.name()).collect();
    /// assert_eq!(names, ["http", "www", "www-http"]);
    /// ```
    pub fn by_port(&self, protocol: TransportProtocol, port: u16) -> Registrations<'_> {
        let named = Transport::of(protocol).and_then(|transport| self.tables.named(transport, port));
        Registrations::new(&self.tables, named.map_or(&[], |(_, rows)| rows))
    }

    /// The row whose name is shown for a port: the one that a newer RFC or the protocol's own specification
    /// gives it, as `registry/preferred.csv` says, else well-formed before alias, then the first in registry
    /// order.
    ///
    /// ```
    /// use portolan::{packet::TransportProtocol, registry::Registry};
    /// let registry = Registry::built_in();
    /// // RFC 8314 section 7.3; the registry has `urd` before it.
    /// let names: Vec<_> = registry.by_port(TransportProtocol::TCP, 465).map(|row| row.name()).collect();
    /// assert_eq!(names, ["submissions", "urd"]);
    /// assert_eq!(registry.primary(TransportProtocol::TCP, 465).map(|row| row.name()), Some("submissions"));
    /// ```
    #[inline]
    pub fn primary(&self, protocol: TransportProtocol, port: u16) -> Option<Registration<'_>> {
        let (row, _) = self.tables.named(Transport::of(protocol)?, port)?;
        Some(Registration { tables: &self.tables, row })
    }

    /// Rows without a name that hold a port: reserved, unassigned, de-registered.
    pub fn unnamed(&self, protocol: TransportProtocol, port: u16) -> impl Iterator<Item = Registration<'_>> {
        let transport = Transport::of(protocol);
        let rows = self.tables.spans_at(port).map(|row| Registration { tables: &self.tables, row });
        rows.filter(move |row| {
            let own = self.tables.transport(row.row);
            transport.is_some() && (own.is_none() || own == transport)
        })
    }

    /// What the registry says of a port for a transport. A port that no row holds is unassigned.
    pub fn status(&self, protocol: TransportProtocol, port: u16) -> Status {
        if self.primary(protocol, port).is_some() {
            return Status::Assigned;
        }
        match self.unnamed(protocol, port).next() {
            Some(row) => row.status(),
            None if PortClass::of(port) == PortClass::Dynamic => Status::Dynamic,
            None => Status::Unassigned,
        }
    }

    /// All rows of a name, in registry order, without regard to ASCII case; rows without a port included.
    pub fn by_name(&self, name: &str) -> Registrations<'_> {
        Registrations::new(&self.tables, self.tables.of_name(name))
    }

    /// The row of a DNS-SD service type `_name._tcp` or `_name._udp` (RFC 6763 section 7), given without
    /// underscores.
    ///
    /// `_udp` stands for every transport but TCP: a row of UDP is preferred, then of another transport, then
    /// one without a transport.
    ///
    /// ```
    /// use portolan::registry::Registry;
    /// let registry = Registry::built_in();
    /// let ipp = registry.service_type("ipp", "tcp").expect("registered");
    /// assert_eq!(ipp.ports(), Some((631, 631)));
    /// assert!(registry.service_type("ipp", "sctp").is_none());
    /// ```
    pub fn service_type(&self, name: &str, proto: &str) -> Option<Registration<'_>> {
        let tcp = proto.eq_ignore_ascii_case("tcp");
        if !tcp && !proto.eq_ignore_ascii_case("udp") {
            return None;
        }
        let rank = |row: &Registration<'_>| match self.tables.transport(row.row) {
            Some(Transport::Tcp) if tcp => Some(0),
            Some(Transport::Udp) if !tcp => Some(0),
            Some(Transport::Sctp | Transport::Dccp) if !tcp => Some(1),
            None => Some(2),
            _ => None,
        };
        // Several rows may fit: those that define TXT keys first, for they were registered for DNS-SD.
        let ranked = self.by_name(name).filter_map(|row| {
            let rank = rank(&row)?;
            Some(((rank, row.txt_keys().is_none()), row))
        });
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, row)| row)
    }

    /// Rows that hold every word of a text in their name, description, assignee or notes, without regard to
    /// case, in registry order.
    pub fn search(&self, text: &str) -> impl Iterator<Item = Registration<'_>> {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        self.rows().filter(move |row| {
            let texts =
                [row.name(), row.description(), row.assignee(), row.notes()].join("\n").to_lowercase();
            !row.name().is_empty() && !words.is_empty() && words.iter().all(|word| texts.contains(word))
        })
    }

    /// Lays a file of the user's over the registry: IANA's CSV, XML or text, lines of services(5), or our CSV;
    /// the format is told by content. Entries may hold an address or prefix (`10.0.0.5 8443/tcp payroll`).
    ///
    /// # Errors
    /// [`Error`], where the file cannot be read or a line is malformed.
    pub fn add_layer(&mut self, file: &Path) -> Result<(), Error> {
        self.layers.push(Layer::read(file)?);
        Ok(())
    }

    /// Whether there is a user layer at all.
    #[inline]
    pub fn has_layers(&self) -> bool {
        !self.layers.is_empty()
    }

    /// What a user layer says of an endpoint: later files win, and within a file the longer prefix.
    pub fn user(&self, address: IpAddr, protocol: TransportProtocol, port: u16) -> Option<UserEntry<'_>> {
        let transport = Transport::of(protocol)?;
        self.layers.iter().rev().find_map(|layer| layer.find(address, transport, port))
    }

    /// All entries of user layers, in the order in which they win.
    pub fn user_entries(&self) -> impl Iterator<Item = UserEntry<'_>> {
        self.layers.iter().rev().flat_map(Layer::entries)
    }
}

/// The keyword of a protocol number in lower case: `icmp`, `igmp`, `gre`, `esp`, `ospfigp`, `ipv6-icmp`…
///
/// From IANA's "Assigned Internet Protocol Numbers"; spaces are written as hyphens.
pub fn protocol_keyword(protocol: u8) -> Option<&'static str> {
    const KEYWORDS: [Option<&str>; 256] = include!(concat!(env!("OUT_DIR"), "/protocols.rs"));
    KEYWORDS[usize::from(protocol)]
}

impl Transport {
    /// The transport whose rows a protocol has.
    #[inline]
    pub(crate) fn of(protocol: TransportProtocol) -> Option<Self> {
        match protocol {
            TransportProtocol::TCP => Some(Self::Tcp),
            TransportProtocol::UDP | TransportProtocol::UDP_LITE => Some(Self::Udp),
            TransportProtocol::SCTP => Some(Self::Sctp),
            TransportProtocol::DCCP => Some(Self::Dccp),
            _ => None,
        }
    }
}

impl From<Transport> for TransportProtocol {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::TCP,
            Transport::Udp => Self::UDP,
            Transport::Sctp => Self::SCTP,
            Transport::Dccp => Self::DCCP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_keywords_are_those_of_iana() {
        let keywords = [
            (0, "hopopt"),
            (1, "icmp"),
            (2, "igmp"),
            (47, "gre"),
            (50, "esp"),
            (58, "ipv6-icmp"),
            (89, "ospfigp"),
            (103, "pim"),
            (124, "isis-over-ipv4"),
            (145, "nsh"),
        ];
        for (number, keyword) in keywords {
            assert_eq!(protocol_keyword(number), Some(keyword));
        }
        assert_eq!([61, 253, 255].map(protocol_keyword), [None; 3]);
    }

    #[test]
    fn a_well_formed_name_is_shown_before_its_alias() {
        let registry = Registry::built_in();
        let names: Vec<_> = registry.by_port(TransportProtocol::TCP, 63).map(Registration::name).collect();
        assert_eq!(names, ["whoispp", "whois++"]);
        assert_eq!(registry.primary(TransportProtocol::TCP, 63).map(Registration::name), Some("whoispp"));
        let alias = registry.by_name("WHOIS++").next().expect("kept");
        assert_eq!(
            (alias.alias_of(), alias.is_secondary(), alias.well_formed()),
            (Some("whoispp"), true, None)
        );
    }

    #[test]
    fn ranges_rows_without_transport_and_udp_lite_are_found() {
        let registry = Registry::built_in();
        let name = |protocol, port| registry.primary(protocol, port).map(Registration::name);
        assert_eq!(name(TransportProtocol::TCP, 6010), Some("x11"));
        assert_eq!(name(TransportProtocol::TCP, 6064), Some("ndl-ahp-svc"));
        for protocol in [TransportProtocol::TCP, TransportProtocol::UDP, TransportProtocol::DCCP] {
            assert_eq!(name(protocol, 4242), Some("vrml-multi-use"));
        }
        assert_eq!(name(TransportProtocol::UDP_LITE, 5353), Some("mdns"));
        assert_eq!(name(TransportProtocol(1), 80), None);
    }

    #[test]
    fn status_of_ports_without_a_name() {
        let registry = Registry::built_in();
        let status = |port| registry.status(TransportProtocol::UDP, port);
        assert_eq!(status(0), Status::Reserved);
        assert_eq!(status(4), Status::Unassigned);
        assert_eq!(status(24), Status::Assigned);
        assert_eq!(status(114), Status::Unassigned);
        assert_eq!(status(585), Status::Reserved);
        assert_eq!(status(49_152), Status::Dynamic);
        assert_eq!(registry.status(TransportProtocol::DCCP, 443), Status::Unassigned);
    }

    #[test]
    fn a_service_type_on_udp_covers_every_transport_but_tcp() {
        let registry = Registry::built_in();
        let found = |name, proto| registry.service_type(name, proto).map(|row| (row.name(), row.transport()));
        assert_eq!(found("DCCP-ping", "udp"), Some(("dccp-ping", Some(TransportProtocol::DCCP))));
        assert_eq!(found("dccp-ping", "tcp"), None);
        assert_eq!(found("meshcop", "udp"), Some(("meshcop", Some(TransportProtocol::UDP))));
        assert_eq!(found("workstation", "tcp"), Some(("workstation", None)));
        assert_eq!(found("no-such-service", "tcp"), None);
    }
}
