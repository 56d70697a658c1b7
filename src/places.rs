//! Where addresses are: country and autonomous system, by files of the user's in MaxMind's format (GeoIP2, GeoLite2, DB-IP and
//! others). Nothing is asked of anybody, and without a file nothing is told.

use std::{fmt, net::IpAddr, path::Path, path::PathBuf, sync::Arc};

use hashbrown::HashMap;
use maxminddb::{
    Reader,
    geoip2::{Asn, Country},
};

use crate::text::file::bounded;

/// Files that are asked at most: countries and autonomous systems mostly come in one each.
pub const MOST_FILES: usize = 4;
/// Octets of a file at most; those of cities, which are larger than any that is asked here needs to be, have 100 MB.
const MOST_OCTETS: u64 = 512 << 20;
/// Distinct places that are kept; addresses in further ones have none.
const MOST_PLACES: usize = 1 << 18;

/// What a file says of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Country where it is: two letters (ISO 3166-1 alpha-2).
    pub country: Option<Box<str>>,
    /// Number of the autonomous system that announces it.
    pub system: Option<u32>,
    /// Who runs that.
    pub organization: Option<Box<str>>,
}

impl fmt::Display for Location {
    /// `NL AS64500 Example Office`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = self.system.map(|number| format!("AS{number}"));
        let parts = [self.country.as_deref(), system.as_deref(), self.organization.as_deref()];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

/// Why a file is not used.
#[derive(Debug)]
pub struct PlacesError {
    file: PathBuf,
    reason: String,
}

impl fmt::Display for PlacesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

impl std::error::Error for PlacesError {}

/// Files that say where addresses are.
#[derive(Debug)]
pub struct Places(Vec<Reader<Vec<u8>>>);

impl Places {
    /// Reads files into memory; what the first one does not say of an address, the next one may.
    ///
    /// # Errors
    /// One cannot be read, is of another form, or they are more than [`MOST_FILES`].
    pub fn open(files: &[impl AsRef<Path>]) -> Result<Self, PlacesError> {
        let error = |file: &Path, reason: String| PlacesError { file: file.to_owned(), reason };
        if let Some(file) = files.get(MOST_FILES) {
            return Err(error(file.as_ref(), format!("no more than {MOST_FILES} files are asked")));
        }
        let read = |file: &Path| {
            let octets = bounded(file, MOST_OCTETS).map_err(|cause| error(file, cause.to_string()))?;
            Reader::from_source(octets)
                .map_err(|cause| error(file, format!("no file of MaxMind's format (.mmdb): {cause}")))
        };
        files.iter().map(|file| read(file.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Where in each file it stands what that says of an address.
    fn find(&self, address: IpAddr) -> Found {
        let mut found = Found::default();
        for (at, file) in found.iter_mut().zip(&self.0) {
            *at = file.lookup(address).ok().and_then(|result| result.offset());
        }
        found
    }

    /// What the files say of an address. What a file has in another form than it should, it does not say.
    pub fn of(&self, address: IpAddr) -> Location {
        let mut place = Location::default();
        for result in self.0.iter().filter_map(|file| file.lookup(address).ok()) {
            if let Ok(Some(found)) = result.decode::<Country<'_>>() {
                place.country = place.country.or_else(|| found.country.iso_code.map(Into::into));
            }
            if let Ok(Some(found)) = result.decode::<Asn<'_>>() {
                place.system = place.system.or(found.autonomous_system_number);
                let name = found.autonomous_system_organization;
                place.organization = place.organization.or_else(|| name.map(Into::into));
            }
        }
        place
    }
}

/// What stands for a place: many addresses share what a file says of them.
type Found = [Option<usize>; MOST_FILES];

/// Places by numbers, each worked out once.
#[derive(Debug)]
pub struct Located {
    places: Arc<Places>,
    numbers: HashMap<Found, u32>,
    all: Vec<Location>,
}

impl Located {
    /// None yet.
    pub fn new(places: Arc<Places>) -> Self {
        Self { places, numbers: HashMap::new(), all: Vec::new() }
    }

    /// The number of an address's place; 0 where nothing is said of it.
    pub fn number(&mut self, address: IpAddr) -> u32 {
        let found = self.places.find(address);
        if found == Found::default() {
            return 0;
        }
        if let Some(&number) = self.numbers.get(&found) {
            return number;
        }
        if self.all.len() >= MOST_PLACES {
            return 0;
        }
        let place = self.places.of(address);
        let mut number = 0;
        if place != Location::default() {
            self.all.push(place);
            number = self.all.len() as u32;
        }
        self.numbers.insert(found, number);
        number
    }

    /// The place of a number.
    pub fn get(&self, number: u32) -> Option<&Location> {
        self.all.get((number as usize).wrapping_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of MaxMind's format as its specification has it (maxmind.github.io/MaxMind-DB, version 2.0): a tree over IPv6 with
    /// records of 24 bits, in which IPv4 lies below 96 zeros, and what stands behind it.
    fn database(prefixes: &[(&str, &[u8])]) -> Vec<u8> {
        #[derive(Clone, Copy)]
        enum Record {
            None,
            Node(usize),
            Data(usize),
        }
        let (mut nodes, mut data) = (vec![[Record::None; 2]], Vec::new());
        for (prefix, what) in prefixes {
            let (address, len) = prefix.split_once('/').unwrap();
            let (bits, len) = match address.parse::<IpAddr>().unwrap() {
                IpAddr::V4(v4) => (u128::from(v4.to_bits()), 96 + len.parse::<usize>().unwrap()),
                IpAddr::V6(v6) => (v6.to_bits(), len.parse().unwrap()),
            };
            let mut at = 0;
            for bit in 0..len {
                let side = (bits >> (127 - bit) & 1) as usize;
                if bit + 1 == len {
                    nodes[at][side] = Record::Data(data.len());
                    continue;
                }
                let next = match nodes[at][side] {
                    Record::Node(next) => next,
                    _ => {
                        nodes.push([Record::None; 2]);
                        nodes.len() - 1
                    }
                };
                nodes[at][side] = Record::Node(next);
                at = next;
            }
            data.extend_from_slice(what);
        }
        let count = nodes.len();
        let mut file = Vec::new();
        for record in nodes.iter().flatten() {
            let value = match *record {
                Record::None => count,
                Record::Node(next) => next,
                // Behind the tree come 16 zeros.
                Record::Data(at) => count + 16 + at,
            };
            file.extend_from_slice(&(value as u32).to_be_bytes()[1..]);
        }
        file.extend([0; 16]);
        file.extend(data);
        file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        let number = |size: u8, value: u32| match size {
            2 => [&[0xa2][..], &value.to_be_bytes()[2..]].concat(),
            _ => [&[0xc4][..], &value.to_be_bytes()].concat(),
        };
        let members = [
            ("binary_format_major_version", number(2, 2)),
            ("binary_format_minor_version", number(2, 0)),
            // An unsigned number of 64 bits is an extended type: 9 - 7.
            ("build_epoch", vec![1, 2, 1]),
            ("database_type", text("test")),
            ("description", vec![0xe0]),
            ("ip_version", number(2, 6)),
            // A list is one, too: 11 - 7.
            ("languages", vec![0, 4]),
            ("node_count", number(4, count as u32)),
            ("record_size", number(2, 24)),
        ];
        file.push(0xe0 | members.len() as u8);
        for (key, value) in members {
            file.extend(text(key));
            file.extend(value);
        }
        file
    }

    fn text(text: &str) -> Vec<u8> {
        [&[0x40 | text.len() as u8][..], text.as_bytes()].concat()
    }

    /// `{"country": {"iso_code": …}}`
    fn country(code: &str) -> Vec<u8> {
        [&[0xe1][..], &text("country"), &[0xe1], &text("iso_code"), &text(code)].concat()
    }

    /// `{"autonomous_system_number": …, "autonomous_system_organization": …}`
    fn system(number: u32, organization: &str) -> Vec<u8> {
        let key = |key: &str| [&[0x40 | 29, key.len() as u8 - 29][..], key.as_bytes()].concat();
        let short = text("autonomous_system_number");
        let long = key("autonomous_system_organization");
        [&[0xe2][..], &short, &[0xc4], &number.to_be_bytes(), &long, &text(organization)].concat()
    }

    #[test]
    fn files_say_where_addresses_are() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, octets: Vec<u8>| {
            let path = folder.path().join(name);
            std::fs::write(&path, octets).unwrap();
            path
        };
        let countries = [("192.0.2.0/24", &country("NL")[..]), ("2001:db8::/32", &country("BR")[..])];
        let systems = [("192.0.2.0/25", &system(64500, "Example Office")[..])];
        let countries = write("countries.mmdb", database(&countries));
        let systems = write("systems.mmdb", database(&systems));
        let places = Places::open(&[&countries, &systems]).unwrap();
        let of = |address: &str| places.of(address.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.7"), "NL AS64500 Example Office");
        assert_eq!(of("192.0.2.200"), "NL");
        assert_eq!(of("2001:db8::1"), "BR");
        assert_eq!((of("198.51.100.1"), of("2001:db9::1")), (String::new(), String::new()));

        let mut placed = Located::new(Arc::new(places));
        let [one, same, other, none] = ["192.0.2.1", "192.0.2.2", "192.0.2.200", "203.0.113.1"]
            .map(|ip| placed.number(ip.parse().unwrap()));
        assert_eq!((one, none), (same, 0));
        assert!(one != other && placed.get(none).is_none());
        assert_eq!(placed.get(other).unwrap().to_string(), "NL");

        let broken = write("broken.mmdb", b"no such thing".to_vec());
        let error = Places::open(&[&broken]).unwrap_err().to_string();
        assert!(error.contains("broken.mmdb: no file of MaxMind's format"), "{error}");
        assert!(
            Places::open(&[folder.path().join("none.mmdb")]).unwrap_err().to_string().contains("none.mmdb")
        );
        assert!(Places::open(&[&countries; 5]).is_err());
    }
}
