//! `sysName` in responses of SNMP (RFC 1157, 3416, 3412; RFC 3418 section 2).

/// `sysName.0`: 1.3.6.1.2.1.1.5.0.
const SYSTEM_NAME: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 5, 0];
/// Tags of BER.
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const RESPONSE: u8 = 0xa2;

/// The name that a response tells, where it tells it in clear and without an error.
pub(super) fn system_name(octets: &[u8]) -> Option<&[u8]> {
    let (message, _) = tagged(octets, SEQUENCE)?;
    let (version, rest) = tagged(message, INTEGER)?;
    let rest = match version {
        // The community.
        [0 | 1] => tagged(rest, OCTETS)?.1,
        [3] => {
            let (_, rest) = tagged(rest, SEQUENCE)?;
            let (_, rest) = tagged(rest, OCTETS)?;
            // Not in clear, it would be octets. Engine and name of the context stand before the PDU.
            let (scoped, _) = tagged(rest, SEQUENCE)?;
            let (_, scoped) = tagged(scoped, OCTETS)?;
            tagged(scoped, OCTETS)?.1
        }
        _ => return None,
    };
    let (response, _) = tagged(rest, RESPONSE)?;
    let (_, rest) = tagged(response, INTEGER)?;
    let (error, rest) = tagged(rest, INTEGER)?;
    let (_, rest) = tagged(rest, INTEGER)?;
    let (mut list, _) = tagged(rest, SEQUENCE)?;
    if error != [0] {
        return None;
    }
    loop {
        let (binding, rest) = tagged(list, SEQUENCE)?;
        let (object, value) = tagged(binding, OBJECT)?;
        if object == SYSTEM_NAME {
            return tagged(value, OCTETS).map(|(name, _)| name);
        }
        list = rest;
    }
}

/// The content of an element with this tag, and what follows it; lengths take up to two octets (X.690 section 8.1.3).
fn tagged(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match *octets {
        [found, len @ ..=0x7f, ref rest @ ..] if found == tag => (len.into(), rest),
        [found, 0x81, len, ref rest @ ..] if found == tag => (len.into(), rest),
        [found, 0x82, high, low, ref rest @ ..] if found == tag => {
            (usize::from(u16::from_be_bytes([high, low])), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}
