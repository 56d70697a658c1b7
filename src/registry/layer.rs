//! User layers: what a site says of its own ports and hosts. They win over IANA.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::import::{self, Error};
use super::index::Tables;
use super::layout::Layout;
use super::record::{Field, Malformed, Record, Transport};
use super::registration::Registration;
use super::{csv, text, xml};
use crate::payload::Protocol;
pub use crate::text::Prefix;

/// What a user layer says of a port.
#[derive(Clone, Copy, Debug)]
pub struct UserEntry<'a> {
    /// The row: name, ports, description. Its id counts within its layer only.
    pub registration: Registration<'a>,
    /// The addresses it holds for; absent where it holds for all.
    pub prefix: Option<Prefix>,
    /// What it is said to speak: `protocol=tls` at the end of its line.
    pub protocol: Option<Protocol>,
    /// The file it stands in.
    pub file: &'a Path,
}

/// One file of the user's, laid out like the registry itself.
#[derive(Debug)]
pub(crate) struct Layer {
    file: PathBuf,
    tables: Tables,
    /// The prefix of each row, longest first, and what it is said to speak.
    rows: Vec<(Option<Prefix>, Option<Protocol>)>,
}

struct Entry {
    prefix: Option<Prefix>,
    protocol: Option<Protocol>,
    record: Record,
}

impl Layer {
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let content = import::read_text(file)?;
        let malformed = |Malformed { line, reason }| Error::Malformed { file: file.to_owned(), line, reason };
        let mut entries = entries(&content).map_err(malformed)?;
        // Lookups take the first row that fits: the longest prefix, then the first line.
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.prefix.map(Prefix::bits)));
        let rows = entries.iter().map(|entry| (entry.prefix, entry.protocol)).collect();
        let records: Vec<Record> = entries.into_iter().map(|entry| entry.record).collect();
        let layout = Layout::new(&records, &[]);
        let layout = layout.map_err(|reason| Error::Unsuited { file: file.to_owned(), reason })?;
        Ok(Self { file: file.to_owned(), tables: layout.into(), rows })
    }

    /// The entry for an endpoint.
    pub(crate) fn find(&self, address: IpAddr, transport: Transport, port: u16) -> Option<UserEntry<'_>> {
        let (_, rows) = self.tables.named(transport, port)?;
        let entries = rows.iter().filter_map(|row| self.entry(u32::from_le_bytes(*row)));
        entries.into_iter().find(|entry| entry.prefix.is_none_or(|prefix| prefix.holds(address)))
    }

    /// All entries, longest prefix first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = UserEntry<'_>> {
        (0..self.rows.len() as u32).filter_map(|row| self.entry(row))
    }

    fn entry(&self, row: u32) -> Option<UserEntry<'_>> {
        let (prefix, protocol) = *self.rows.get(row as usize)?;
        let registration = Registration { tables: &self.tables, row };
        Some(UserEntry { registration, prefix, protocol, file: &self.file })
    }
}

/// The entries of a file in any of the formats; rows without a name or a port say nothing here.
fn entries(content: &str) -> Result<Vec<Entry>, Malformed> {
    let plain = |record| Entry { prefix: None, protocol: None, record };
    let mut entries: Vec<Entry> = if csv::is_table(content) {
        let rows = csv::parse(content)?.into_iter();
        rows.map(table_entry).collect::<Result<_, _>>()?
    } else if xml::is_xml(content) {
        xml::parse(content)?.records.into_iter().map(plain).collect()
    } else if text::is_text(content) {
        text::parse(content)?.records.into_iter().map(plain).collect()
    } else {
        services(content)?
    };
    entries.retain(|entry| entry.record.ports.is_some() && !entry.record.text(Field::Name).is_empty());
    Ok(entries)
}

fn table_entry(row: csv::Row) -> Result<Entry, Malformed> {
    let prefix = match row.address.as_str() {
        "" => None,
        address => Some(Prefix::parse(address).ok_or_else(|| Malformed {
            line: row.line,
            reason: format!("`{address}` is no address or prefix"),
        })?),
    };
    Ok(Entry { prefix, protocol: None, record: row.record })
}

/// What is expected of a line.
const FORM: &str = "expected `NAME PORT/TRANSPORT` or `[ADDRESS] PORT/TRANSPORT NAME`";

/// Reads lines of services(5), `payroll 8443/tcp pay # comment`, with name and port in either order, and the same with
/// an address before them, `10.0.0.5 8443/tcp payroll`. Each may end in `protocol=tls`.
fn services(content: &str) -> Result<Vec<Entry>, Malformed> {
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(content.trim_start_matches('\u{feff}').lines()) {
        let (fields, comment) =
            line.split_once('#').map_or((line, ""), |(fields, comment)| (fields, comment));
        let (told, mut words): (Vec<&str>, Vec<&str>) =
            fields.split_whitespace().partition(|word| word.starts_with(PROTOCOL));
        let Some(&first) = words.first() else { continue };
        let malformed = |reason| Malformed { line: number, reason };
        let prefix = if is_port(first) { None } else { Prefix::parse(first) };
        if prefix.is_some() {
            words.remove(0);
        } else if !is_port(first) && is_like_an_address(first) {
            return Err(malformed(format!("`{first}` is no address or prefix: {FORM}")));
        }
        // Further words are aliases; the name is what is shown.
        let (name, port) = match *words.as_slice() {
            [port, name, ..] if is_port(port) => (name, port),
            [name, port, ..] => (name, port),
            [port] if is_port(port) => {
                return Err(malformed(format!("no service name beside the port: {FORM}")));
            }
            _ => return Err(malformed(FORM.to_owned())),
        };
        let Some(record) = service(name, port, comment).map_err(malformed)? else { continue };
        let protocol = told.last().map(|word| protocol(word)).transpose().map_err(malformed)?;
        entries.push(Entry { prefix, protocol, record });
    }
    Ok(entries)
}

/// Whether a word can only be meant for a port: digits, or a range of them, before a transport. A length of a prefix
/// is behind an address, which has dots or colons.
fn is_port(word: &str) -> bool {
    word.split_once('/').is_some_and(|(ports, transport)| {
        ports.starts_with(|c: char| c.is_ascii_digit())
            && ports.bytes().all(|octet| octet.is_ascii_digit() || octet == b'-')
            && transport.starts_with(|c: char| c.is_ascii_alphabetic())
    })
}

/// Whether a word can only be meant for an address: one of digits and dots, or one with a colon or a
/// length in it. No service is called so (RFC 6335 section 5.1).
fn is_like_an_address(word: &str) -> bool {
    let is_dotted = word.contains('.') && word.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    is_dotted || word.contains(['/', ':'])
}

/// What stands before the protocol that an entry is said to speak.
const PROTOCOL: &str = "protocol=";

fn protocol(word: &str) -> Result<Protocol, String> {
    let name = word.strip_prefix(PROTOCOL).unwrap_or_default();
    Protocol::from_word(name).ok_or_else(|| format!("`{name}` is no protocol that octets are recognised as"))
}

/// One line's record; `None` for AppleTalk's `ddp`, which services(5) knows and the registry does not.
fn service(name: &str, port: &str, comment: &str) -> Result<Option<Record>, String> {
    let Some((ports, transport)) = port.split_once('/') else {
        return Err(format!("`{port}` is no port with its transport: {FORM}"));
    };
    if name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!("the service name is longer than {MAX_NAME} octets or has control characters"));
    }
    if transport.is_empty() || ports.is_empty() {
        return Err(format!("`{port}` is no port with its transport: {FORM}"));
    }
    let mut record = Record::default();
    record.set_ports(ports)?;
    match transport.to_ascii_lowercase().as_str() {
        "ddp" => return Ok(None),
        "udplite" | "udp-lite" => record.set_transport("udp")?,
        transport => record.set_transport(transport)?,
    }
    record.set(Field::Name, name);
    record.set(Field::Description, comment);
    record.check()?;
    Ok(Some(record))
}

/// The longest name of a user's service, in octets.
const MAX_NAME: usize = 63;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Registry;
    use super::*;
    use crate::packet::TransportProtocol;

    fn reason(content: &str) -> String {
        entries(content).err().expect("an error").to_string()
    }

    #[test]
    fn a_malformed_line_is_told() {
        assert_eq!(
            reason("\n# c\npayroll\n"),
            "3: expected `NAME PORT/TRANSPORT` or `[ADDRESS] PORT/TRANSPORT NAME`"
        );
        let form = "expected `NAME PORT/TRANSPORT` or `[ADDRESS] PORT/TRANSPORT NAME`";
        for (line, port) in [
            ("payroll 8443", "8443"),
            ("payroll /tcp", "/tcp"),
            ("payroll 8443/", "8443/"),
            ("10.0.0.5 payroll 8443", "8443"),
        ] {
            assert_eq!(reason(line), format!("1: `{port}` is no port with its transport: {form}"), "{line}");
        }
        assert_eq!(reason("8443/tcp"), format!("1: no service name beside the port: {form}"));
        let unknown = "1: `tsl` is no protocol that octets are recognised as";
        assert_eq!(reason("payroll 8443/tcp protocol=tsl\n"), unknown);
        assert_eq!(reason("payroll 66000/tcp\n"), "1: port `66000` is no number from 0 to 65535");
        assert_eq!(reason("10.0.0.5 8443/tcp\n"), format!("1: no service name beside the port: {form}"));
        for odd in ["10.0.0.1/33", "10.1", "010.0.0.1", "2001:db8::/129", "10.0.0.256", "1.2.3.4.5", "::g/8"]
        {
            assert_eq!(
                reason(&format!("{odd} 80/tcp payroll\n")),
                format!("1: `{odd}` is no address or prefix: {form}")
            );
        }
        assert_eq!(entries("a.b 80/tcp\n3com-tsmux 106/tcp\n").ok().map(|entries| entries.len()), Some(2));
        assert_eq!(reason("a 1/xtp"), "1: transport protocol `xtp` is none of tcp, udp, sctp and dccp");
        let csv = "Service Name,Port Number,Transport Protocol,Description,Address\na,1,tcp,,10.0.0.0/40\n";
        assert_eq!(reason(csv), "2: `10.0.0.0/40` is no address or prefix");
    }

    #[test]
    fn name_and_port_come_in_either_order() {
        for line in [
            "our-ssh 2222/tcp",
            "2222/tcp our-ssh",
            "2222/TCP our-ssh alias # comment",
            "our-ssh 2222/tcp alias",
            "10.9.0.20 2222/tcp our-ssh",
            "10.9.0.20 our-ssh 2222/tcp",
            "10.9.0.20/32 our-ssh 2222/tcp protocol=ssh",
        ] {
            let read = entries(line).expect(line);
            let [entry] = read.as_slice() else { panic!("{line}") };
            let record = &entry.record;
            assert_eq!((record.text(Field::Name), record.ports), ("our-ssh", Some((2222, 2222))), "{line}");
            let prefix = line.starts_with("10.").then(|| Prefix::parse("10.9.0.20").expect("an address"));
            assert_eq!(entry.prefix.map(Prefix::bits), prefix.map(Prefix::bits), "{line}");
        }
        let range = entries("5000-5002/udp iperf").expect("a range");
        assert_eq!(range[0].record.ports, Some((5000, 5002)));
        // A name may consist of hexadecimal digits, and a range may run backwards.
        assert_eq!(entries("33333/udp beef").expect("a name")[0].record.text(Field::Name), "beef");
        assert_eq!(reason("9-5/tcp x"), "1: port range 9-5 runs backwards");
    }

    #[test]
    fn later_files_win_and_longer_prefixes_within_a_file() {
        let folder = std::env::temp_dir().join(format!("portolan-layer-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let (first, second) = (folder.join("first"), folder.join("second"));
        fs::write(
            &first,
            "everywhere 8443/tcp # on all hosts\n10.0.0.0/8 8443/tcp ours\n10.0.0.5 8443/tcp payroll\n\
             2001:db8::/32 8443/tcp six\nrange 9000-9002/udp alias\nrtmp 1/ddp\n",
        )
        .expect("a file");
        fs::write(
            &second,
            "Service Name,Port Number,Transport Protocol,Description,Address\nlate,8443,tcp,second file,10.9.0.0/16\n",
        )
        .expect("a file");
        let mut registry = Registry::built_in();
        assert!(!registry.has_layers());
        registry.add_layer(&first).expect("sound");
        registry.add_layer(&second).expect("sound");
        fs::remove_dir_all(&folder).expect("removed");
        assert!(registry.has_layers());
        let name = |address: &str, protocol, port| {
            let entry = registry.user(address.parse().expect("an address"), protocol, port);
            entry.map(|entry| entry.registration.name())
        };
        assert_eq!(name("10.0.0.5", TransportProtocol::TCP, 8443), Some("payroll"));
        assert_eq!(name("10.0.0.6", TransportProtocol::TCP, 8443), Some("ours"));
        assert_eq!(name("10.9.0.6", TransportProtocol::TCP, 8443), Some("late"));
        assert_eq!(name("192.0.2.1", TransportProtocol::TCP, 8443), Some("everywhere"));
        assert_eq!(name("2001:db8::1", TransportProtocol::TCP, 8443), Some("six"));
        assert_eq!(name("2001:db9::1", TransportProtocol::TCP, 8443), Some("everywhere"));
        assert_eq!(name("192.0.2.1", TransportProtocol::UDP_LITE, 9001), Some("range"));
        assert_eq!(name("192.0.2.1", TransportProtocol::UDP, 8443), None);
        assert_eq!(name("192.0.2.1", TransportProtocol(6), 443), None);
    }
}
