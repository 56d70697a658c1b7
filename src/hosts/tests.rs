//! Names of hosts: what messages teach, whose name counts when, and stretches that merge.

use proptest::prelude::*;

use super::*;
use crate::dns::{
    RecordType, Section,
    testing::{Builder, wire},
};
use crate::packet::Timestamp;

const UDP: TransportProtocol = TransportProtocol::UDP;
const WEB: &str = "192.0.2.80";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(second: u64) -> Option<Timestamp> {
    Some(Timestamp(second * Timestamp::SECOND))
}

fn see(hosts: &mut Hosts, second: u64, from: (&str, u16), to: (&str, u16), octets: &[u8]) {
    let (source, destination) = ((ip(from.0), from.1), (ip(to.0), to.1));
    hosts.observe(&Message { time: at(second), protocol: UDP, source, destination, spoken: None, octets });
}

fn answer(name: &[&[u8]]) -> Vec<u8> {
    Builder::response().answer(name, RecordType::A, 60, &[192, 0, 2, 80]).octets()
}

fn tell(hosts: &mut Hosts, second: u64, client: &str, name: &[u8]) {
    see(hosts, second, ("192.0.2.53", 53), (client, 40_000), &answer(&[name, b"example"]));
}

fn named(hosts: &Hosts, address: &str) -> Vec<(String, &'static str)> {
    hosts.names_of(ip(address)).iter().map(|told| (told.name.to_owned(), told.source.as_str())).collect()
}

#[test]
fn the_last_answer_to_the_client_before_the_flow_names_an_address() {
    let mut hosts = Hosts::new();
    tell(&mut hosts, 10, "192.0.2.7", b"a");
    tell(&mut hosts, 20, "192.0.2.8", b"b");
    tell(&mut hosts, 30, "192.0.2.7", b"c");
    let name = |client, time| hosts.name_of(ip(WEB), Some(ip(client)), at(time)).unwrap();
    assert_eq!(name("192.0.2.7", 25), ("a.example", Source::Dns));
    assert_eq!(name("192.0.2.8", 35), ("b.example", Source::Dns));
    assert_eq!(name("192.0.2.7", 30), ("c.example", Source::Dns));
    // To nobody before: to any client, else the first after it.
    assert_eq!(name("192.0.2.9", 25), ("b.example", Source::Dns));
    assert_eq!(name("192.0.2.9", 5), ("a.example", Source::Dns));
    assert_eq!(hosts.name_of(ip("192.0.2.81"), None, None), None);
}

#[test]
fn aliases_lead_to_the_name_that_was_asked() {
    let message = Builder::response()
        .question(&[b"www", b"example"], RecordType::A, 1)
        .answer(&[b"WWW", b"example"], RecordType::CNAME, 60, &wire(&[b"cdn", b"example"]))
        .answer(&[b"cdn", b"example"], RecordType::CNAME, 60, &wire(&[b"edge", b"example"]))
        .answer(&[b"edge", b"example"], RecordType::A, 60, &[192, 0, 2, 80])
        .record(Section::Authority, &[b"ns", b"example"], RecordType::A, 1, 60, &[192, 0, 2, 1])
        .octets();
    let mut hosts = Hosts::new();
    see(&mut hosts, 1, ("192.0.2.53", 53), ("192.0.2.7", 4000), &message);
    assert_eq!(named(&hosts, WEB), [("www.example".to_owned(), "dns")]);
    assert_eq!(named(&hosts, "192.0.2.1"), []);
    for len in 0..message.len() {
        see(&mut hosts, 1, ("192.0.2.53", 53), ("192.0.2.7", 4000), &message[..len]);
    }
    // A loop of aliases ends.
    let looped = Builder::response()
        .answer(&[b"a"], RecordType::CNAME, 60, &wire(&[b"a"]))
        .answer(&[b"a"], RecordType::A, 60, &[192, 0, 2, 9])
        .octets();
    see(&mut hosts, 1, ("192.0.2.53", 53), ("192.0.2.7", 4000), &looped);
    assert_eq!(named(&hosts, "192.0.2.9"), [("a".to_owned(), "dns")]);
}

/// RFC 9460 section 7.3 hints, RFC 1035 section 3.5 and RFC 3596 section 2.5 reverse names.
#[test]
fn hints_and_reverse_names_teach() {
    let binding = [&[0, 1, 0, 0, 4, 0, 4, 192, 0, 2, 80][..]].concat();
    let digits: Vec<&[u8]> = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        .split('.')
        .map(str::as_bytes)
        .collect();
    let message = Builder::response()
        .answer(&[b"_8443", b"_https", b"web", b"example"], RecordType::HTTPS, 60, &binding)
        .answer(&[b"9", b"2", b"0", b"192", b"in-addr", b"arpa"], RecordType::PTR, 60, &wire(&[b"nine"]))
        .answer(&digits, RecordType::PTR, 60, &wire(&[b"six"]))
        .octets();
    let mut hosts = Hosts::new();
    see(&mut hosts, 1, ("192.0.2.53", 53), ("192.0.2.7", 4000), &message);
    assert_eq!(named(&hosts, WEB), [("web.example".to_owned(), "dns")]);
    assert_eq!(named(&hosts, "192.0.2.9"), [("nine".to_owned(), "dns")]);
    assert_eq!(named(&hosts, "2001:db8::1"), [("six".to_owned(), "dns")]);
}

#[test]
fn multicast_dns_teaches_from_its_port_and_without_goodbyes() {
    let message = |ttl| {
        Builder::response()
            .flush(&[b"Printer", b"local"], RecordType::A, ttl, &[192, 0, 2, 30])
            .flush(
                &[b"Printer", b"local"],
                RecordType::AAAA,
                ttl,
                &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
            )
            .octets()
    };
    let mut hosts = Hosts::new();
    see(&mut hosts, 1, ("192.0.2.30", 5353), ("224.0.0.251", 5353), &message(0));
    see(&mut hosts, 1, ("192.0.2.30", 5354), ("192.0.2.1", 5353), &message(120));
    assert_eq!(named(&hosts, "192.0.2.30"), []);
    see(&mut hosts, 1, ("192.0.2.30", 5353), ("224.0.0.251", 5353), &message(120));
    assert_eq!(named(&hosts, "192.0.2.30"), [("printer.local".to_owned(), "mdns")]);
    assert_eq!(hosts.twins().collect::<Vec<_>>(), [(ip("192.0.2.30"), ip("fd00::9"))]);
}

/// RFC 1002 section 4.2.2: a registration of `PC` as workstation, and the same as a group.
#[test]
fn netbios_registers_unique_names() {
    let registration = |flags: u8| {
        let mut octets = vec![0, 1, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 32];
        octets.extend(b"FAED");
        octets.extend(b"CA".repeat(13));
        octets.extend(b"AA\0\0\x20\0\x01\xc0\x0c\0\x20\0\x01\0\0\0\0\0\x06");
        octets.extend([flags, 0, 192, 0, 2, 5]);
        octets
    };
    let mut hosts = Hosts::new();
    see(&mut hosts, 1, ("192.0.2.5", 137), ("192.0.2.255", 137), &registration(0x80));
    let whole = registration(0);
    for len in 0..whole.len() {
        see(&mut hosts, 1, ("192.0.2.5", 137), ("192.0.2.255", 137), &whole[..len]);
    }
    assert_eq!(named(&hosts, "192.0.2.5"), []);
    see(&mut hosts, 1, ("192.0.2.5", 137), ("192.0.2.255", 137), &whole);
    assert_eq!(named(&hosts, "192.0.2.5"), [("PC".to_owned(), "netbios")]);
}

/// RFC 2131 figure 1, RFC 2132 sections 3.14 and 9.6.
fn bootp(operation: u8, lent: [u8; 4], options: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 236];
    octets[..8].copy_from_slice(&[operation, 1, 6, 0, 1, 2, 3, 4]);
    octets[16..20].copy_from_slice(&lent);
    octets[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 5]);
    octets.extend([99, 130, 83, 99]);
    octets.extend(options);
    octets
}

#[test]
fn dhcp_names_the_address_that_was_lent() {
    let request = bootp(1, [0; 4], b"\x35\x01\x03\x0c\x06laptop\xff");
    let (offer, ack) = (b"\x35\x01\x02\xff", b"\x35\x01\x05\xff");
    let mut hosts = Hosts::new();
    see(&mut hosts, 1, ("0.0.0.0", 68), ("255.255.255.255", 67), &request);
    see(&mut hosts, 2, ("192.0.2.1", 67), ("192.0.2.6", 68), &bootp(2, [192, 0, 2, 6], offer));
    assert_eq!(hosts.name_of(ip("192.0.2.6"), None, None), None);
    see(&mut hosts, 3, ("192.0.2.1", 67), ("192.0.2.5", 68), &bootp(2, [192, 0, 2, 5], ack));
    assert_eq!(hosts.name_of(ip("192.0.2.5"), None, None), Some(("laptop", Source::Dhcp)));
    assert_eq!(hosts.macs().collect::<Vec<_>>(), [(ip("192.0.2.5"), [2, 0, 0, 0, 0, 5])]);
}

/// RFC 8415 sections 8, 21.2, 21.4 and 21.6; RFC 4704 section 4.
#[test]
fn dhcpv6_names_the_address_that_was_lent() {
    let client = b"\0\x01\0\x04\0\x03\0\x01";
    let request = [b"\x03abc".as_slice(), client, b"\0\x27\0\x0e\0\x03box\x07example\0"].concat();
    let mut reply = [b"\x07abc".as_slice(), client, b"\0\x03\0\x28", &[0; 12], b"\0\x05\0\x18"].concat();
    reply.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    reply.extend([0; 8]);
    let mut hosts = Hosts::new();
    see(&mut hosts, 1, ("fe80::5", 546), ("ff02::1:2", 547), &request);
    see(&mut hosts, 2, ("fe80::1", 547), ("fe80::5", 546), &reply);
    assert_eq!(hosts.name_of(ip("2001:db8::5"), None, None), Some(("box.example", Source::Dhcp)));
}

/// RFC 1157 section 4.1.3, in BER: version 1 and 2c, community `public`, request 7, `sysName.0` = `core-1` behind
/// `sysUpTime.0`; RFC 3412 section 6 in clear.
#[test]
fn snmp_tells_the_name_of_the_system() {
    let binding = b"\x30\x0d\x06\x08\x2b\x06\x01\x02\x01\x01\x03\0\x43\x01\x09\
        \x30\x12\x06\x08\x2b\x06\x01\x02\x01\x01\x05\0\x04\x06core-1";
    let pdu = |kind: u8, error: u8| {
        let head = [2, 1, 7, 2, 1, error, 2, 1, 0, 0x30, binding.len() as u8];
        let body = [&head, &binding[..]].concat();
        [&[kind, body.len() as u8], &body[..]].concat()
    };
    let message = |version: u8, rest: &[u8]| {
        let body = [&[2, 1, version], rest].concat();
        [&[0x30, 0x81, body.len() as u8], &body[..]].concat()
    };
    let plain = |version, pdu: &[u8]| message(version, &[b"\x04\x06public", pdu].concat());
    let told = |octets: &[u8]| {
        let mut hosts = Hosts::new();
        see(&mut hosts, 1, ("192.0.2.5", 161), ("192.0.2.7", 40_000), octets);
        // It is no name by which the host is found.
        assert_eq!((hosts.name_of(ip("192.0.2.5"), None, None), hosts.found_by().count()), (None, 0));
        named(&hosts, "192.0.2.5")
    };
    let known = [("core-1".to_owned(), "snmp")];
    let whole = plain(1, &pdu(0xa2, 0));
    assert_eq!(told(&whole), known);
    assert_eq!(told(&plain(0, &pdu(0xa2, 0))), known);
    (0..whole.len()).for_each(|len| assert_eq!(told(&whole[..len]), []));
    // A question, an error, a version that nobody knows.
    for other in [plain(1, &pdu(0xa0, 0)), plain(1, &pdu(0xa2, 2)), plain(9, &pdu(0xa2, 0))] {
        assert_eq!(told(&other), []);
    }
    let scoped = [b"\x04\x01e\x04\0", &pdu(0xa2, 0)[..]].concat();
    let scoped = [&[0x30, scoped.len() as u8], &scoped[..]].concat();
    assert_eq!(told(&message(3, &[b"\x30\x03\x02\x01\x01\x04\0", &scoped[..]].concat())), known);
    // In cipher it is octets.
    let hidden = [&[4, scoped.len() as u8], &scoped[2..]].concat();
    assert_eq!(told(&message(3, &[b"\x30\x03\x02\x01\x01\x04\0", &hidden[..]].concat())), []);
}

/// UPnP Device Architecture 1.1 sections 1.2.2 and 1.3.3.
#[test]
fn ssdp_tells_what_a_host_is() {
    let headers = "SERVER: Linux/5.4 UPnP/1.0 Box\x1b/1.2\r\nNT: upnp:rootdevice\r\n";
    let alive = format!("NOTIFY * HTTP/1.1\r\n{headers}NTS: ssdp:alive\r\n\r\n");
    let mut hosts = Hosts::new();
    see(&mut hosts, 1, ("192.0.2.5", 40_000), ("239.255.255.250", 1900), alive.as_bytes());
    see(
        &mut hosts,
        2,
        ("192.0.2.6", 1900),
        ("192.0.2.7", 50_000),
        format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(),
    );
    let known = ("Linux/5.4 UPnP/1.0 Box\\027/1.2".to_owned(), "ssdp");
    assert_eq!(named(&hosts, "192.0.2.5"), std::slice::from_ref(&known));
    assert_eq!(named(&hosts, "192.0.2.6"), [known]);
    assert_eq!((hosts.name_of(ip("192.0.2.5"), None, None), hosts.found_by().count()), (None, 0));
    let goodbye = alive.replace("alive", "byebye");
    let asked = alive.replace("NOTIFY", "M-SEARCH");
    for other in [&goodbye, &asked, &alive[..alive.len() - 2]] {
        see(&mut hosts, 1, ("192.0.2.9", 1900), ("239.255.255.250", 1900), other.as_bytes());
    }
    assert_eq!(named(&hosts, "192.0.2.9"), []);
}

/// A client that gets another address leaves the first one without its name.
#[test]
fn an_address_has_the_name_of_whom_it_is_lent_to() {
    let request = bootp(1, [0; 4], b"\x35\x01\x03\x0c\x06laptop\xff");
    let mut hosts = Hosts::new();
    see(&mut hosts, 1, ("0.0.0.0", 68), ("255.255.255.255", 67), &request);
    for last in [5, 6] {
        let lent = bootp(2, [192, 0, 2, last], b"\x35\x01\x05\xff");
        see(&mut hosts, 3, ("192.0.2.1", 67), ("192.0.2.5", 68), &lent);
    }
    assert_eq!(named(&hosts, "192.0.2.5"), []);
    assert_eq!(named(&hosts, "192.0.2.6"), [("laptop".to_owned(), "dhcp")]);
    assert_eq!(hosts.found_by().collect::<Vec<_>>(), [(ip("192.0.2.6"), "laptop")]);
}

#[test]
fn the_users_names_win_and_their_file_is_read_strictly() {
    let mut hosts = Hosts::new();
    tell(&mut hosts, 10, "192.0.2.7", b"a");
    hosts.set_user(&HostsFile::parse("# ours\n192.0.2.80 web alias # x\n\nfe80::1%eth0 gate\n").unwrap());
    assert_eq!(hosts.name_of(ip(WEB), None, None), Some(("web", Source::User)));
    assert_eq!(hosts.name_of(ip("fe80::1"), None, None), Some(("gate", Source::User)));
    assert_eq!(hosts.found_by().collect::<Vec<_>>(), [(ip(WEB), "web"), (ip("fe80::1"), "gate")]);
    let bad = |text| HostsFile::parse(text).unwrap_err();
    assert_eq!(bad("192.0.2.1 a\n192.0.2 b"), (2, "`192.0.2` is no address".to_owned()));
    assert_eq!(bad("192.0.2.1"), (1, "no name behind `192.0.2.1`".to_owned()));
}

#[test]
fn macs_are_proven_by_what_no_router_forwards() {
    let mut hosts = Hosts::new();
    let mac = [2, 0, 0, 0, 0, 1];
    hosts.observe_link((ip("203.0.113.9"), ip("192.0.2.7")), Some((136, 0)), mac);
    assert_eq!(hosts.macs().count(), 0);
    hosts.observe_link((ip("192.0.2.1"), ip("224.0.0.251")), None, mac);
    hosts.observe_link((ip("fe80::1"), ip("ff02::fb")), None, mac);
    // A neighbour says that it is there; an echo of the same address may have come from anywhere.
    hosts.observe_link((ip("2001:db8::9"), ip("2001:db8::1")), Some((129, 0)), mac);
    hosts.observe_link((ip("2001:db8::1"), ip("2001:db8::9")), Some((136, 0)), mac);
    let mut arp = vec![0; 12];
    arp.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 192, 0, 2, 2]);
    hosts.observe_arp(&arp);
    hosts.observe_arp(&arp[..31]);
    assert_eq!(hosts.macs().count(), 4);
}

proptest! {
    /// Stretches cut anywhere merge into what one pass learns.
    #[test]
    fn stretches_merge_into_the_whole(
        told in prop::collection::vec((0..3u8, 0..3u8, 0..4u64), 0..40),
        cut in 0..40usize,
    ) {
        let cut = cut.min(told.len());
        let learned = |told: &[(u8, u8, u64)]| {
            let mut hosts = Hosts::new();
            for &(name, client, second) in told {
                tell(&mut hosts, second, &format!("192.0.2.{client}"), &[b'a' + name]);
                let lent = bootp(2, [192, 0, 2, 80 + client], b"\x35\x01\x05\xff");
                let request = bootp(1, [0; 4], &[0x35, 1, 3, 12, 1, b'a' + name, 255]);
                let sent = if second % 2 == 0 { &lent } else { &request };
                see(&mut hosts, second, ("192.0.2.1", 67), ("192.0.2.2", 68), sent);
            }
            hosts
        };
        let whole = learned(&told);
        let mut merged = learned(&told[..cut]);
        merged.merge(learned(&told[cut..]));
        for last in 80..83 {
            let address = ip(&format!("192.0.2.{last}"));
            prop_assert_eq!(whole.names_of(address), merged.names_of(address));
            for (client, second) in (0..4).flat_map(|client| (0..5).map(move |second| (client, second))) {
                let client = Some(ip(&format!("192.0.2.{client}")));
                let name = |hosts: &Hosts| hosts.name_of(address, client, at(second)).map(|(name, _)| name.to_owned());
                prop_assert_eq!(name(&whole), name(&merged));
            }
        }
        prop_assert!(whole.macs().eq(merged.macs()));
    }
}

/// A flood of distinct names stays within its bound and says so; a name that was met before is still told.
#[test]
fn distinct_names_are_bounded() {
    let mut hosts = Hosts::new();
    tell(&mut hosts, 0, "192.0.2.1", b"first");
    for number in 0..=Hosts::MAX_NAMES {
        tell(&mut hosts, 1, "192.0.2.1", format!("n{number}").as_bytes());
    }
    // The first and all but two found room; of names of one address only the last ones are kept.
    assert_eq!(hosts.losses()[0].0, 2);
    tell(&mut hosts, 2, "192.0.2.1", b"first");
    assert_eq!(hosts.name_of(ip(WEB), Some(ip("192.0.2.1")), at(3)).unwrap().0, "first.example");
    assert_eq!(hosts.losses()[0].0, 2);
}

/// What was learned of an address is news for it alone.
#[test]
fn changes_are_told_by_address() {
    let mut hosts = Hosts::new();
    assert_eq!((hosts.changes(), hosts.changed(ip(WEB))), (0, 0));
    tell(&mut hosts, 0, "192.0.2.1", b"first");
    let (changes, of_web) = (hosts.changes(), hosts.changed(ip(WEB)));
    assert!(changes > 0 && of_web == changes);
    see(&mut hosts, 1, ("192.0.2.53", 53), ("192.0.2.1", 40_000), &{
        Builder::response().answer(&[b"other", b"example"], RecordType::A, 60, &[192, 0, 2, 81]).octets()
    });
    assert!(hosts.changes() > changes && hosts.changed(ip(WEB)) == of_web);
}
