//! Numbers and addresses as text, appended to a reused buffer.
//!
//! The formatting machinery of the standard library costs several times as much as these few loops, and a capture has
//! millions of lines.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv6Addr},
};

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Reads a number of octets of at least one: `1500`, `64K`, `20M`, `1G`, `2T`, each of 1,024 of the one before; `GiB` and `GB`
/// mean the same as `G`.
///
/// # Errors
/// What was expected, for people.
///
/// ```
/// use portolan::text::number::octets;
/// assert_eq!([octets("64k"), octets("1GiB"), octets("7")], [Ok(65_536), Ok(1 << 30), Ok(7)]);
/// assert!(["0", "1.5G", "G", "17179869184G"].iter().all(|text| octets(text).is_err()));
/// ```
pub fn octets(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_uppercase();
    let power = match unit.trim_end_matches('B').trim_end_matches('I') {
        "" => Some(0),
        "K" => Some(10),
        "M" => Some(20),
        "G" => Some(30),
        "T" => Some(40),
        _ => None,
    };
    let size =
        power.zip(number.parse::<u64>().ok()).and_then(|(power, number)| number.checked_mul(1 << power));
    size.filter(|&size| size > 0)
        .ok_or_else(|| "expected a number of octets, such as `500M` or `20G`".to_owned())
}

/// Appends a number in decimal.
///
/// ```
/// let mut text = Vec::new();
/// portolan::text::number::decimal(1_460, &mut text);
/// assert_eq!(text, b"1460");
/// ```
#[inline]
pub fn decimal(value: u64, out: &mut Vec<u8>) {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    if value >= 100_000_000 {
        return long_decimal(value, out);
    }
    // Eight digits in one word, the first one lowest; leading zeros are shifted out, but for the last digit.
    let value = value as u32;
    let mut digits = [0; 8];
    for (pair, number) in
        [value / 1_000_000, value / 10_000 % 100, value / 100 % 100, value % 100].into_iter().enumerate()
    {
        let at = number as usize * 2;
        digits[2 * pair..2 * pair + 2].copy_from_slice(&PAIRS[at..at + 2]);
    }
    let word = u64::from_le_bytes(digits);
    let zeros = ((word ^ ZEROS).trailing_zeros() as usize / 8).min(7);
    // A copy of known length, cut afterwards, is cheaper than one of any length.
    out.extend_from_slice(&(word >> (8 * zeros)).to_le_bytes());
    out.truncate(out.len() - zeros);
}

/// The same for numbers of nine digits and more.
#[cold]
fn long_decimal(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends the last `width` digits of a number, with leading zeros.
#[inline]
pub(super) fn padded(value: u32, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let pairs = digits.as_chunks_mut::<2>().0.iter_mut();
    for (pair, divisor) in pairs.zip([100_000_000, 1_000_000, 10_000, 100, 1]) {
        let at = (value / divisor % 100) as usize * 2;
        pair.copy_from_slice(&PAIRS[at..at + 2]);
    }
    out.extend_from_slice(&digits[10 - width..]);
}

/// The digits of each octet in decimal, and how many they are.
const OCTETS: [([u8; 3], u8); 256] = {
    let mut all = [([b'0'; 3], 1); 256];
    let mut value = 0;
    while value < 256 {
        let (hundreds, tens, ones) = (value / 100, value / 10 % 10, value % 10);
        let digits = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        all[value] = match (hundreds, tens) {
            (0, 0) => ([digits[2], 0, 0], 1),
            (0, _) => ([digits[1], digits[2], 0], 2),
            _ => (digits, 3),
        };
        value += 1;
    }
    all
};

/// Appends an IP address: IPv4 in dotted decimal, IPv6 as RFC 5952 has it.
///
/// ```
/// let mut text = Vec::new();
/// portolan::text::number::address("2001:DB8:0:0:1:0:0:1".parse().unwrap(), &mut text);
/// assert_eq!(text, b"2001:db8::1:0:0:1");
/// ```
pub fn address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(v4) => {
            // Put together beside the output, which then grows once.
            let (mut text, mut len) = ([0; 18], 0);
            for octet in v4.octets() {
                let (digits, count) = OCTETS[usize::from(octet)];
                text[len..len + 3].copy_from_slice(&digits);
                len += usize::from(count) + 1;
                text[len - 1] = b'.';
            }
            out.extend_from_slice(&text[..len - 1]);
        }
        IpAddr::V6(v6) => v6_address(v6, out),
    }
}

fn v6_address(address: Ipv6Addr, out: &mut Vec<u8>) {
    let segments = address.segments();
    if address.to_ipv4_mapped().is_some() {
        // RFC 5952 section 5 writes these with an IPv4 tail; they are too rare to be fast.
        let _ = write!(out, "{address}");
        return;
    }
    let (mut best, mut best_len, mut run) = (0, 1, 0);
    for (position, &segment) in segments.iter().enumerate() {
        run = if segment == 0 { run + 1 } else { 0 };
        if run > best_len {
            (best, best_len) = (position + 1 - run, run);
        }
    }
    let gap = if best_len > 1 { best..best + best_len } else { 8..8 };
    let (mut text, mut len) = ([b':'; 44], 0);
    let mut position = 0;
    while position < 8 {
        if position == gap.start {
            len += 2;
            position = gap.end;
            continue;
        }
        if position > 0 && position != gap.end {
            len += 1;
        }
        let segment = segments[position];
        let digits = [12, 8, 4, 0].map(|shift| HEX[usize::from(segment >> shift & 0xf)]);
        // Leading zeros are left out, but for the last digit.
        let skip = (segment.leading_zeros() as usize / 4).min(3);
        text[len..len + 4 - skip].copy_from_slice(&digits[skip..]);
        len += 4 - skip;
        position += 1;
    }
    out.extend_from_slice(&text[..len]);
}

/// Appends a 48-bit link-layer address in lower-case hexadecimal with colons, as lines of text have it.
///
/// ```
/// let mut text = Vec::new();
/// portolan::text::number::mac([2, 0, 0xab, 0xcd, 0xef, 9], &mut text);
/// assert_eq!(text, b"02:00:ab:cd:ef:09");
/// ```
pub fn mac(octets: [u8; 6], out: &mut Vec<u8>) {
    mac_in(octets, HEX, b':', out);
}

/// Appends a 48-bit link-layer address as records have it: in upper-case hexadecimal with hyphens (RFC 7042
/// section 2.1).
///
/// ```
/// let mut text = Vec::new();
/// portolan::text::number::mac_hyphens([2, 0, 0xab, 0xcd, 0xef, 9], &mut text);
/// assert_eq!(text, b"02-00-AB-CD-EF-09");
/// ```
pub fn mac_hyphens(octets: [u8; 6], out: &mut Vec<u8>) {
    mac_in(octets, b"0123456789ABCDEF", b'-', out);
}

#[inline]
fn mac_in(octets: [u8; 6], digits: &[u8; 16], between: u8, out: &mut Vec<u8>) {
    let mut text = [between; 17];
    for (position, octet) in octets.into_iter().enumerate() {
        text[3 * position] = digits[usize::from(octet >> 4)];
        text[3 * position + 1] = digits[usize::from(octet & 0xf)];
    }
    out.extend_from_slice(&text);
}

/// Reads a link-layer address: six pairs of hexadecimal digits with colons or hyphens between them.
///
/// ```
/// use portolan::text::number::read_mac;
/// assert_eq!(read_mac("02-00-ab-CD-ef-09"), Some([2, 0, 0xab, 0xcd, 0xef, 9]));
/// assert_eq!(read_mac("2:0:ab:cd:ef:9"), None);
/// ```
pub fn read_mac(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut pairs = text.split([':', '-']);
    for octet in &mut octets {
        let pair = pairs.next().filter(|pair| pair.len() == 2 && !pair.starts_with('+'))?;
        *octet = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn numbers_equal_the_standard_library(value: u64) {
            // As many of each length.
            for value in (0..64).map(|bits| value >> bits) {
                prop_assert_eq!(text(|out| decimal(value, out)), value.to_string());
            }
        }

        #[test]
        fn addresses_equal_the_standard_library(
            segments: [u16; 8], zeros: [bool; 8], v4: [u8; 4], mapped: bool
        ) {
            let mut segments = segments;
            for (segment, zero) in segments.iter_mut().zip(zeros) {
                *segment = if zero { 0 } else { *segment };
            }
            let v6 = if mapped { std::net::Ipv4Addr::from(v4).to_ipv6_mapped() } else { Ipv6Addr::from(segments) };
            for ip in [IpAddr::from(v4), v6.into()] {
                prop_assert_eq!(text(|out| address(ip, out)), ip.to_string());
            }
        }
    }

    #[test]
    fn small_numbers() {
        for value in 0..1_000 {
            assert_eq!(text(|out| decimal(value, out)), value.to_string());
        }
        assert_eq!(text(|out| decimal(u64::MAX, out)), u64::MAX.to_string());
    }

    #[test]
    fn link_layer_addresses() {
        assert_eq!(text(|out| mac([2, 0, 0xab, 0xcd, 0xef, 9], out)), "02:00:ab:cd:ef:09");
        assert_eq!(text(|out| mac_hyphens([2, 0, 0xab, 0xcd, 0xef, 9], out)), "02-00-AB-CD-EF-09");
    }
}
