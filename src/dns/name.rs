//! Domain names as they lie in a message: labels, with compression pointers (RFC 1035 section 4.1.4).

use std::fmt;

use super::{Damage, DamageReason};
use crate::text::escape;

/// A domain name, read label by label from the message that holds it.
///
/// Only names whose whole length and every pointer were checked exist, so walking one always ends. Names
/// are compared without regard to ASCII case and to nothing else (RFC 6762 section 16).
#[derive(Clone, Copy)]
pub struct Name<'a> {
    message: &'a [u8],
    start: usize,
    wire_len: u8,
}

impl<'a> Name<'a> {
    /// Longest name in octets, with all length octets and the root's (RFC 1035 section 2.3.4).
    pub const MAX_LEN: usize = 255;

    /// Most compression pointers followed in one name: one for each label a name can have.
    ///
    /// Pointers forward are followed like those backward, since real devices send them (RFC 1035
    /// allows only the latter); this bound is what ends loops.
    pub const MAX_POINTERS: usize = 127;

    /// Reads the name at `start`, and tells the offset of what follows it there.
    #[inline]
    pub(super) fn read(message: &'a [u8], start: usize) -> Result<(Self, usize), Damage> {
        let mut allowance = usize::MAX;
        Self::read_within(message, start, &mut allowance)
    }

    /// The same with an allowance for names of which several are read: what this one takes is subtracted, two for a label
    /// and eight for a pointer.
    #[inline]
    pub(super) fn read_within(
        message: &'a [u8],
        start: usize,
        allowance: &mut usize,
    ) -> Result<(Self, usize), Damage> {
        let (mut at, mut behind) = (start, None);
        let mut left = *allowance;
        let (mut wire_len, mut pointers) = (1, 0);
        loop {
            let damage = |reason| Err(Damage { offset: at, reason });
            let Some(&octet) = message.get(at) else {
                return damage(DamageReason::Truncated { needed: at + 1, present: message.len() });
            };
            let takes = if octet < 64 { 2 } else { 8 };
            let Some(rest) = left.checked_sub(takes) else { return damage(DamageReason::TooMuchToFollow) };
            left = rest;
            match octet {
                0 => break,
                1..=63 => {
                    wire_len += 1 + usize::from(octet);
                    if wire_len > Self::MAX_LEN {
                        return damage(DamageReason::NameTooLong);
                    }
                    at += 1 + usize::from(octet);
                }
                64..=191 => return damage(DamageReason::ReservedLabel(octet)),
                192.. => {
                    let Some(&low) = message.get(at + 1) else {
                        return damage(DamageReason::Truncated { needed: at + 2, present: message.len() });
                    };
                    pointers += 1;
                    if pointers > Self::MAX_POINTERS {
                        return damage(DamageReason::TooManyPointers);
                    }
                    let target = usize::from(u16::from_be_bytes([octet & 0x3f, low]));
                    if target >= message.len() {
                        return damage(DamageReason::PointerOutside { target });
                    }
                    behind.get_or_insert(at + 2);
                    at = target;
                }
            }
        }
        *allowance = left;
        // `wire_len` is at most 255.
        Ok((Self { message, start, wire_len: wire_len as u8 }, behind.unwrap_or(at + 1)))
    }

    /// The root, the name without labels.
    pub fn root() -> Self {
        Self { message: b"\0", start: 0, wire_len: 1 }
    }

    /// Reads a name that lies uncompressed in octets of its own, as [`Name::expand`] writes it.
    ///
    /// Returns `None` unless `wire` is one whole valid name and nothing else.
    pub fn from_wire(wire: &'a [u8]) -> Option<Self> {
        Self::read(wire, 0).ok().filter(|&(_, behind)| behind == wire.len()).map(|(name, _)| name)
    }

    /// The labels, from the first to the one below the root.
    #[inline]
    pub fn labels(&self) -> Labels<'a> {
        Labels { message: self.message, at: self.start }
    }

    /// The name without its first label; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let mut labels = self.labels();
        let first = labels.next()?;
        // The label and its length octet are part of `wire_len`.
        Some(Self {
            message: self.message,
            start: labels.at,
            wire_len: self.wire_len - 1 - first.len() as u8,
        })
    }

    /// Whether this is the root, the name without labels.
    pub fn is_root(&self) -> bool {
        self.wire_len == 1
    }

    /// Length without compression in octets, 1 to 255, the root's octet included.
    pub fn wire_len(&self) -> usize {
        usize::from(self.wire_len)
    }

    /// Writes the name without compression into `buffer` and returns it, with the root's zero octet.
    #[inline]
    pub fn expand<'b>(&self, buffer: &'b mut [u8; Name::MAX_LEN]) -> &'b [u8] {
        let mut len = 0;
        for label in self.labels() {
            buffer[len] = label.len() as u8;
            buffer[len + 1..=len + label.len()].copy_from_slice(label);
            len += 1 + label.len();
        }
        buffer[len] = 0;
        &buffer[..=len]
    }

    /// Whether the labels are these, without regard to ASCII case.
    ///
    /// ```
    /// use portolan::dns::Name;
    /// let name = Name::from_wire(b"\x04_IPP\x04_tcp\x05local\0").unwrap();
    /// assert!(name.is(&[b"_ipp", b"_tcp", b"local"]));
    /// assert!(!name.is(&[b"_ipp", b"_tcp"]));
    /// ```
    pub fn is(&self, labels: &[&[u8]]) -> bool {
        let mut own = self.labels();
        labels.iter().all(|label| own.next().is_some_and(|own| own.eq_ignore_ascii_case(label)))
            && own.next().is_none()
    }

    /// Appends the name for people: labels joined by dots, without the root's dot, escaped as RFC 6763
    /// section 4.3 says (`\.`, `\\`, `\DDD`) and made harmless for a terminal. The root is `.`.
    ///
    /// ```
    /// use portolan::dns::Name;
    /// let name = Name::from_wire(b"\x07Dr. Foo\x05_http\x04_tcp\x05local\0").unwrap();
    /// let mut text = Vec::new();
    /// name.text(&mut text);
    /// assert_eq!(text, br"Dr\. Foo._http._tcp.local");
    /// ```
    pub fn text(&self, out: &mut Vec<u8>) {
        if self.is_root() {
            out.push(b'.');
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                out.push(b'.');
            }
            label_text(label, out);
        }
    }
}

/// Appends one label as [`Name::text`] does.
pub(crate) fn label_text(label: &[u8], out: &mut Vec<u8>) {
    for (index, part) in label.split(|&octet| octet == b'.').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\\.");
        }
        escape::terminal(part, out);
    }
}

/// The labels of a [`Name`].
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        // `Name::read` has walked the same way before, so this ends and stays within the message.
        loop {
            let octet = *self.message.get(self.at)?;
            if octet >= 192 {
                let low = *self.message.get(self.at + 1)?;
                self.at = usize::from(u16::from_be_bytes([octet & 0x3f, low]));
            } else if octet == 0 {
                return None;
            } else {
                let start = self.at + 1;
                self.at = start + usize::from(octet);
                return self.message.get(start..self.at);
            }
        }
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.wire_len == other.wire_len
            && self.labels().map(Some).chain([None]).zip(other.labels().map(Some).chain([None])).all(|pair| {
                matches!(pair, (Some(a), Some(b)) if a.eq_ignore_ascii_case(b)) || pair == (None, None)
            })
    }
}

impl Eq for Name<'_> {}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(self.wire_len());
        self.text(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: Name<'_>) -> String {
        name.to_string()
    }

    /// RFC 1035 section 4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92.
    fn rfc1035() -> Vec<u8> {
        let mut message = vec![0xff; 93];
        message[20..32].copy_from_slice(b"\x01F\x03ISI\x04ARPA\0");
        message[40..46].copy_from_slice(b"\x03FOO\xc0\x14");
        message[64..66].copy_from_slice(b"\xc0\x1a");
        message[92] = 0;
        message
    }

    #[test]
    fn compression_as_in_rfc_1035() {
        let message = rfc1035();
        let at = |offset| Name::read(&message, offset).map(|(name, behind)| (text(name), behind)).unwrap();
        assert_eq!(at(20), ("F.ISI.ARPA".into(), 32));
        assert_eq!(at(40), ("FOO.F.ISI.ARPA".into(), 46));
        assert_eq!(at(64), ("ARPA".into(), 66));
        assert_eq!(at(92), (".".into(), 93));
    }

    #[test]
    fn compares_ascii_letters_only_without_case() {
        let a = Name::from_wire(b"\x03ABC\x05local\0").unwrap();
        assert_eq!(a, Name::from_wire(b"\x03abc\x05LOCAL\0").unwrap());
        assert_ne!(a, Name::from_wire(b"\x03abd\x05local\0").unwrap());
        // The same octets cut into other labels: "a" "bc" is not "ab" "c".
        assert_ne!(Name::from_wire(b"\x01a\x02bc\0"), Name::from_wire(b"\x02ab\x01c\0"));
        // É and é differ beyond ASCII: RFC 6762 section 16 keeps them apart.
        assert_ne!(Name::from_wire("\x02É\0".as_bytes()), Name::from_wire("\x02é\0".as_bytes()));
    }

    #[test]
    fn forward_pointers_are_followed() {
        // "a" then a pointer to 4, where "b" lies.
        let message = b"\x01a\xc0\x04\x01b\0";
        let (name, behind) = Name::read(message, 0).unwrap();
        assert_eq!((text(name).as_str(), behind), ("a.b", 4));
    }

    #[test]
    fn loops_and_outside_pointers_end_with_a_reason() {
        let reason = |message: &[u8], start| Name::read(message, start).unwrap_err();
        assert_eq!(reason(b"\xc0\x00", 0), Damage { offset: 0, reason: DamageReason::TooManyPointers });
        assert_eq!(reason(b"\xc0\x02\xc0\x00", 0).reason, DamageReason::TooManyPointers);
        // A loop that adds a label each time runs into the length limit.
        assert_eq!(reason(b"\x01a\xc0\x00", 0).reason, DamageReason::NameTooLong);
        assert_eq!(reason(b"\xc0\x09", 0).reason, DamageReason::PointerOutside { target: 9 });
        assert_eq!(reason(b"\xc0", 0).reason, DamageReason::Truncated { needed: 2, present: 1 });
        assert_eq!(reason(b"\x03ab", 0).reason, DamageReason::Truncated { needed: 5, present: 3 });
        assert_eq!(reason(b"", 0).reason, DamageReason::Truncated { needed: 1, present: 0 });
        assert_eq!(reason(b"\x40", 0).reason, DamageReason::ReservedLabel(0x40));
        assert_eq!(
            reason(b"\x01a\x80\0", 0),
            Damage { offset: 2, reason: DamageReason::ReservedLabel(0x80) }
        );
    }

    #[test]
    fn length_limit_is_255_octets() {
        let mut wire = Vec::new();
        for len in [63_u8, 63, 63, 61] {
            wire.push(len);
            wire.resize(wire.len() + usize::from(len), b'x');
        }
        wire.push(0);
        assert_eq!(wire.len(), 255);
        let name = Name::from_wire(&wire).unwrap();
        assert_eq!(name.wire_len(), 255);
        assert_eq!(name.expand(&mut [0; 255]), wire);
        wire[192] = 62;
        wire.insert(193, b'x');
        assert_eq!(Name::read(&wire, 0).unwrap_err().reason, DamageReason::NameTooLong);
    }

    #[test]
    fn presentation_keeps_label_borders_and_is_harmless() {
        let wire = [b"\x0ca.b\\c\x1b[31m\xff\xc3".as_slice(), b"\x05local\0"].concat();
        let name = Name::from_wire(&wire).unwrap();
        assert_eq!(text(name), r"a\.b\\c\027[31m\255\195.local");
    }
}
