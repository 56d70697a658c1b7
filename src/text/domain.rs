//! Names of hosts, shortened to what belongs together.

/// The end of a name: its public suffix and so many labels before it that `depth` is their number, the suffix counted as
/// one label. Depth 2 is the registrable domain: `example.co.uk` of `www.example.co.uk`.
///
/// Suffixes are those of the Public Suffix List, ICANN's and private ones; a name that is none of theirs has its last
/// label as its suffix. A name that has no more labels is returned whole.
///
/// ```
/// use portolan::text::domain::shorten;
///
/// assert_eq!(shorten("a.www.example.co.uk", 2), "example.co.uk");
/// assert_eq!(shorten("a.www.example.co.uk", 3), "www.example.co.uk");
/// assert_eq!(shorten("printer.local", 1), "local");
/// ```
pub fn shorten(name: &str, depth: u8) -> &str {
    let lower = name.to_ascii_lowercase();
    let suffix = psl::suffix(lower.as_bytes()).map_or(0, |suffix| suffix.as_bytes().len());
    // As long as in lower case.
    let mut begin = name.len().saturating_sub(suffix);
    for _ in 1..depth.max(1) {
        let Some(before) = name.get(..begin.saturating_sub(1)).filter(|before| !before.is_empty()) else {
            break;
        };
        begin = before.rfind('.').map_or(0, |dot| dot + 1);
    }
    name.get(begin..).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Suffixes as <https://publicsuffix.org/list/> has them, and the algorithm there.
    #[test]
    fn depths_count_from_the_public_suffix() {
        for (name, depths) in [
            ("www.example.com", ["com", "example.com", "www.example.com", "www.example.com"]),
            ("WWW.Example.CO.UK", ["CO.UK", "Example.CO.UK", "WWW.Example.CO.UK", "WWW.Example.CO.UK"]),
            ("a.b.example.org", ["org", "example.org", "b.example.org", "a.b.example.org"]),
            ("co.uk", ["co.uk"; 4]),
            ("printer.local", ["local", "printer.local", "printer.local", "printer.local"]),
            ("fileserver", ["fileserver"; 4]),
            ("me.github.io", ["github.io", "me.github.io", "me.github.io", "me.github.io"]),
        ] {
            for (depth, expected) in (1..).zip(depths) {
                assert_eq!(shorten(name, depth), expected, "{name} at {depth}");
            }
        }
        for odd in ["", ".", "..", "a..b", ".com", "\u{e9}.\u{e9}"] {
            (0..5).for_each(|depth| assert!(odd.ends_with(shorten(odd, depth))));
        }
    }
}
