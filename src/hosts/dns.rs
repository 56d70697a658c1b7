//! Names in answers of DNS, multicast DNS and LLMNR.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Source, is_host};
use crate::dns::{Data, Message, Name, Section, Via};

/// Most aliases that are followed from an address to the name that was asked for, and most that are kept of a message.
const MAX_ALIASES: usize = 16;

/// Keys of address hints in the parameters of a service binding (RFC 9460 section 7.3).
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;

/// What a message says: this address has that name.
pub(super) type Tell<'t> = &'t mut dyn FnMut(Source, IpAddr, &Name<'_>);

/// Reads the answers of a message that came this way from a port of its protocol.
pub(super) fn read(via: Via, message: &Message<'_>, tell: Tell<'_>) {
    if !message.is_response() || message.opcode() != 0 || message.rcode() != 0 {
        return;
    }
    let source = match via {
        Via::Mdns => Source::Mdns,
        Via::Llmnr => Source::Llmnr,
        Via::Udp | Via::Tcp => Source::Dns,
    };
    let records = || {
        message.records().filter(|record| {
            let is_goodbye = record.ttl == 0 && via == Via::Mdns;
            // Addresses in the authority section belong to name servers.
            record.class() == 1 && !is_goodbye && record.section != Section::Authority
        })
    };
    let mut aliases: [Option<(Name<'_>, Name<'_>)>; MAX_ALIASES] = [None; MAX_ALIASES];
    let found = records().filter_map(|record| match record.data() {
        Data::Cname(target) => Some((record.name, target)),
        _ => None,
    });
    for (place, alias) in aliases.iter_mut().zip(found) {
        *place = Some(alias);
    }
    for record in records() {
        match record.data() {
            Data::A(address) => tell(source, address.into(), &asked(record.name, &aliases)),
            Data::Aaaa(address) => tell(source, address.into(), &asked(record.name, &aliases)),
            Data::Ptr(target) => {
                if let Some(address) = reversed(&record.name) {
                    tell(source, address, &target);
                }
            }
            Data::Svcb { parameters, .. } => {
                let name = without_prefix(asked(record.name, &aliases));
                hints(parameters, &mut |address| tell(source, address, &name));
            }
            _ => {}
        }
    }
}

/// The name that aliases led from to this one.
fn asked<'a>(mut name: Name<'a>, aliases: &[Option<(Name<'a>, Name<'a>)>]) -> Name<'a> {
    for _ in 0..MAX_ALIASES {
        match aliases.iter().flatten().find(|(_, target)| *target == name) {
            Some((owner, _)) => name = *owner,
            None => break,
        }
    }
    name
}

/// A name without the labels of port and scheme before it (RFC 9460 section 2.3).
fn without_prefix(mut name: Name<'_>) -> Name<'_> {
    while let Some(parent) = name.labels().next().filter(|label| label.starts_with(b"_")).and(name.parent()) {
        name = parent;
    }
    name
}

/// Addresses among the parameters of a service binding.
fn hints(mut parameters: &[u8], tell: &mut dyn FnMut(IpAddr)) {
    while let [k0, k1, l0, l1, rest @ ..] = parameters {
        let len = usize::from(u16::from_be_bytes([*l0, *l1]));
        let Some((value, rest)) = rest.split_at_checked(len) else { return };
        match u16::from_be_bytes([*k0, *k1]) {
            IPV4_HINT => value.as_chunks::<4>().0.iter().for_each(|octets| tell((*octets).into())),
            IPV6_HINT => value.as_chunks::<16>().0.iter().for_each(|octets| tell((*octets).into())),
            _ => {}
        }
        parameters = rest;
    }
}

/// The address that a name of the reverse zones stands for (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn reversed(name: &Name<'_>) -> Option<IpAddr> {
    let count = name.labels().count();
    let mut zone = name.labels().skip(count.checked_sub(2)?);
    let (family, arpa) = (zone.next()?, zone.next()?);
    if !arpa.eq_ignore_ascii_case(b"arpa") {
        return None;
    }
    let labels = name.labels().take(count - 2);
    let address: IpAddr = if family.eq_ignore_ascii_case(b"in-addr") && count == 6 {
        let mut octets = [0; 4];
        for (octet, label) in octets.iter_mut().rev().zip(labels) {
            *octet = std::str::from_utf8(label).ok()?.parse().ok()?;
        }
        Ipv4Addr::from(octets).into()
    } else if family.eq_ignore_ascii_case(b"ip6") && count == 34 {
        let mut number = 0u128;
        for (place, label) in labels.enumerate() {
            let [digit] = label else { return None };
            number |= u128::from(char::from(*digit).to_digit(16)?) << (4 * place);
        }
        Ipv6Addr::from(number).into()
    } else {
        return None;
    };
    is_host(address).then_some(address)
}
