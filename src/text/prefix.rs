//! Addresses and prefixes as users write them.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

/// An address, or all that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(IpNet);

impl Prefix {
    /// Reads `10.0.0.5`, `10.0.0.0/8` or `2001:db8::/32`. Bits behind the prefix do not count.
    ///
    /// ```
    /// use portolan::text::Prefix;
    /// let prefix = Prefix::parse("10.1.0.0/16").unwrap();
    /// assert!(prefix.holds("10.1.2.3".parse().unwrap()));
    /// assert!(!prefix.holds("10.2.0.0".parse().unwrap()));
    /// assert_eq!(Prefix::parse("10.0.0.0/33"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (address, has_bits) = text.split_once('/').map_or((text, false), |(address, _)| (address, true));
        // Before a length ipnet alone would take octets with leading zeros, which some read as octal.
        let address: IpAddr = address.parse().ok()?;
        Some(Self(if has_bits { text.parse().ok()? } else { address.into() }))
    }

    /// Whether the prefix holds an address; an IPv4 prefix holds no IPv6 address.
    pub fn holds(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// The first and the last address that it holds.
    pub fn ends(self) -> (IpAddr, IpAddr) {
        (self.0.network(), self.0.broadcast())
    }

    /// How many leading bits count.
    pub fn bits(self) -> u8 {
        self.0.prefix_len()
    }
}

/// As it was read, without a length where all bits count.
impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.0.addr();
        if self.0.prefix_len() == self.0.max_prefix_len() { address.fmt(f) } else { self.0.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(prefix: &str, address: &str) -> bool {
        Prefix::parse(prefix).unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn what_is_read_is_shown() {
        for (text, bits, shown) in [
            ("10.0.0.5", 32, "10.0.0.5"),
            ("10.0.0.5/32", 32, "10.0.0.5"),
            ("10.9.8.7/8", 8, "10.9.8.7/8"),
            ("0.0.0.0/0", 0, "0.0.0.0/0"),
            ("2001:DB8:0::/32", 32, "2001:db8::/32"),
            ("::1", 128, "::1"),
            ("::ffff:192.0.2.1/96", 96, "::ffff:192.0.2.1/96"),
        ] {
            let prefix = Prefix::parse(text).unwrap();
            assert_eq!((prefix.bits(), prefix.to_string().as_str()), (bits, shown));
        }
        for wrong in [
            "",
            "/",
            "/8",
            "payroll",
            "10.0.0",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.010",
            "10.0.0.010/32",
            "::/129",
            "fe80::1%eth0",
            "10.0.0.0 /8",
        ] {
            assert_eq!(Prefix::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_prefix_reaches_from_its_first_address_to_its_last() {
        for (prefix, first, last) in [
            ("10.9.8.7/8", "10.0.0.0", "10.255.255.255"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("2001:db8::1/33", "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            let ends = Prefix::parse(prefix).unwrap().ends();
            assert_eq!(ends, (first.parse().unwrap(), last.parse().unwrap()), "{prefix}");
        }
    }

    #[test]
    fn a_prefix_holds_what_begins_with_its_bits() {
        assert!(holds("10.9.8.7/8", "10.255.0.1") && !holds("10.9.8.7/8", "11.9.8.7"));
        assert!(holds("192.0.2.128/25", "192.0.2.255") && !holds("192.0.2.128/25", "192.0.2.127"));
        assert!(holds("10.0.0.5", "10.0.0.5") && !holds("10.0.0.5", "10.0.0.4"));
        assert!(holds("2001:db8::/33", "2001:db8:7fff::1") && !holds("2001:db8::/33", "2001:db8:8000::"));
        assert!(holds("0.0.0.0/0", "255.255.255.255") && !holds("0.0.0.0/0", "::"));
        assert!(holds("::/0", "ffff::") && !holds("::/0", "0.0.0.0"));
        assert!(!holds("::ffff:0:0/96", "192.0.2.1"));
    }
}
