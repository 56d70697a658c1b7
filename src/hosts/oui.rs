//! Makers of network adapters: IEEE's registry of MAC prefixes as CSV (MA-L, MA-M, MA-S).

use std::path::Path;

use hashbrown::HashMap;

use super::{FileError, Mac};
use crate::text::file::bounded;

/// Octets of such a file at most; IEEE's three together have 6 MB.
const MOST: u64 = 32 << 20;

/// Organisations by MAC prefix.
#[derive(Clone, Debug, Default)]
pub struct Oui {
    /// By how many hexadecimal digits there are, and their value.
    makers: HashMap<(u8, u64), String>,
}

impl Oui {
    /// Reads IEEE's file: columns `Assignment` and `Organization Name`, an assignment of 6, 7 or 9 hexadecimal digits.
    ///
    /// # Errors
    /// Where the file cannot be read, and at the first line that is not of that form.
    pub fn read(file: &Path) -> Result<Self, FileError> {
        let text = bounded(file, MOST).map_err(|cause| FileError::Io(file.to_owned(), cause))?;
        Self::parse(&text).map_err(|(line, reason)| FileError::Malformed(file.to_owned(), line, reason))
    }

    fn parse(text: &[u8]) -> Result<Self, (usize, String)> {
        let mut reader = csv::Reader::from_reader(text);
        let malformed = |error: csv::Error| {
            (error.position().map_or(1, |position| position.line() as usize), error.to_string())
        };
        let header = reader.headers().map_err(malformed)?;
        let column = |name| {
            let place = header.iter().position(|head| head.trim_start_matches('\u{feff}') == name);
            place.ok_or_else(|| (1, format!("no column `{name}`")))
        };
        let (assignment, maker) = (column("Assignment")?, column("Organization Name")?);
        let mut all = Self::default();
        for row in reader.records() {
            let row = row.map_err(malformed)?;
            let line = row.position().map_or(1, |position| position.line() as usize);
            let digits = row.get(assignment).unwrap_or_default().trim();
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let value = u64::from_str_radix(digits, 16).ok();
            let value = value.filter(|_| is_hex && matches!(digits.len(), 6 | 7 | 9));
            let value = value.ok_or_else(|| (line, format!("`{digits}` is no assignment")))?;
            let maker = row.get(maker).unwrap_or_default().trim();
            // What IEEE assigned twice belongs to whom it names first.
            all.makers.entry((digits.len() as u8, value)).or_insert_with(|| maker.to_owned());
        }
        Ok(all)
    }

    /// Who made the adapter with this MAC: by the longest prefix. Locally administered addresses have no maker.
    pub fn maker(&self, mac: Mac) -> Option<&str> {
        let value = mac.iter().fold(0, |value, &octet| value << 8 | u64::from(octet));
        let found = |digits: u8| self.makers.get(&(digits, value >> (4 * (12 - u32::from(digits)))));
        let is_local = mac[0] & 2 != 0;
        [9, 7, 6].into_iter().find_map(found).filter(|_| !is_local).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_tells_the_maker() {
        let text = "Registry,Assignment,Organization Name,Organization Address\n\
                    MA-L,00000C,\"Maker, Inc\",x\nMA-M,00000C1,Part,x\n";
        let oui = Oui::parse(text.as_bytes()).unwrap();
        assert_eq!(oui.maker([0, 0, 0x0c, 0x20, 0, 0]), Some("Maker, Inc"));
        assert_eq!(oui.maker([0, 0, 0x0c, 0x1f, 0, 0]), Some("Part"));
        assert_eq!(oui.maker([2, 0, 0x0c, 0x1f, 0, 0]), None);
        let bad = |text: &str| Oui::parse(text.as_bytes()).unwrap_err();
        assert_eq!(bad("a,b\n1,2\n"), (1, "no column `Assignment`".to_owned()));
        let head = "Assignment,Organization Name\n";
        assert_eq!(bad(&format!("{head}00000C,a\n00000X,b\n")), (3, "`00000X` is no assignment".to_owned()));
        assert_eq!(bad(&format!("{head}00000C\n")).0, 2);
    }
}
