//! Unique names of hosts in messages of the NetBIOS name service (RFC 1002 section 4.2).

use std::net::{IpAddr, Ipv4Addr};

use crate::dns::{Message, Name};

/// Record types: addresses of a name, and the names of a node.
const NB: u16 = 0x20;
const NBSTAT: u16 = 0x21;
/// The flag of a name that a group of nodes share.
const GROUP: u8 = 0x80;
/// Octets of a name, its suffix not counted.
const LEN: usize = 15;

/// Names that a message from `sender` says hosts have.
pub(super) fn read(octets: &[u8], sender: IpAddr, tell: &mut dyn FnMut(IpAddr, &[u8])) {
    let Some(message) = Message::new(octets) else { return };
    // Query, registration, and refreshes (both codes are in use); neither releases nor what was refused.
    if message.rcode() != 0
        || !matches!((message.opcode(), message.is_response()), (0, true) | (5 | 8 | 9, _))
    {
        return;
    }
    for record in message.records().filter(|record| record.class() == 1) {
        match record.kind.0 {
            NB => {
                let Some(name) = decoded(&record.name) else { continue };
                let Some(name) = host(&name) else { continue };
                for [flags, _, address @ ..] in record.octets().as_chunks::<6>().0 {
                    if flags & GROUP == 0 {
                        tell(Ipv4Addr::from(*address).into(), name);
                    }
                }
            }
            NBSTAT if message.is_response() => {
                let Some((&count, names)) = record.octets().split_first() else { continue };
                for entry in names.as_chunks::<{ LEN + 3 }>().0.iter().take(count.into()) {
                    let Some((name, [flags, _])) = entry.split_first_chunk() else { continue };
                    if let Some(name) = host(name).filter(|_| flags & GROUP == 0) {
                        tell(sender, name);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Takes the half-octets of an encoded name together (RFC 1001 section 14.1).
fn decoded(name: &Name<'_>) -> Option<[u8; LEN + 1]> {
    let label = name.labels().next()?;
    let mut octets = [0; LEN + 1];
    let (pairs, []) = label.as_chunks::<2>() else { return None };
    if pairs.len() != octets.len() {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(pairs) {
        let half = |letter: u8| letter.checked_sub(b'A').filter(|&half| half < 16);
        *octet = half(pair[0])? << 4 | half(pair[1])?;
    }
    Some(octets)
}

/// The name of a workstation (suffix 00) or a server (20), without the blanks behind it.
fn host(name: &[u8; LEN + 1]) -> Option<&[u8]> {
    let [name @ .., suffix] = name;
    let name = name.trim_ascii_end();
    (matches!(suffix, 0 | 0x20) && !name.is_empty() && name[0] > b' ').then_some(name)
}
