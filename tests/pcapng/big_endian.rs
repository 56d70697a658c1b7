//! Captures of big-endian hosts: numbers of link headers that are in the byte order of the host stay readable.
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use super::{ALL, Scratch, annotate, program};

/// A big-endian pcap of one packet.
fn pcap(link: u32, packet: &[u8]) -> Vec<u8> {
    let words = |values: &[u32]| values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<_>>();
    let len = packet.len() as u32;
    let head = words(&[0xa1b2_c3d4, 0x0002_0004, 0, 0, 262_144, link]);
    [head, words(&[1_790_000_000, 250_000, len, len]), packet.to_vec()].concat()
}

/// Linux usbmon of a big-endian host, 64 octets (LINKTYPE_USB_LINUX_MMAPPED), or the first 48 (LINKTYPE_USB_LINUX): an
/// interrupt transfer from bus 258, completed, with three octets.
fn usb(len: usize) -> Vec<u8> {
    let mut head = [&[0, 0, 0, 1, 2, 3, 4, 5][..], &[b'C', 1, 0x81, 9], &[1, 2], b"-\0"].concat();
    head.extend(1_790_000_000_u64.to_be_bytes());
    for word in [250_000_u32, 0, 3, 3] {
        head.extend(word.to_be_bytes());
    }
    // No setup; interval, start frame, flags, descriptors.
    head.extend([0; 8]);
    for word in [10_u32, 0, 0x0200, 0] {
        head.extend(word.to_be_bytes());
    }
    [&head[..len], &[7, 8, 9]].concat()
}

/// A UDP datagram from 192.0.2.7:50000 to 192.0.2.8:53 that netfilter logged, its items in big-endian order.
fn nflog() -> Vec<u8> {
    let packet = [
        &[0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 7, 192, 0, 2, 8][..],
        &[0xc3, 0x50, 0, 53, 0, 8, 0, 0],
    ]
    .concat();
    let mut all = vec![2, 0, 0, 5, 0, 8, 0, 1, 8, 0, 1, 0, 0, 8, 0, 5, 0, 0, 0, 42];
    all.extend((packet.len() as u16 + 4).to_be_bytes());
    all.extend([0, 9]);
    all.extend(packet);
    all
}

/// What tshark shows of a capture in these columns, and what of the pcapng that is made of it.
fn shown(name: &str, link: u32, packet: &[u8], columns: &[&str]) -> Option<[String; 2]> {
    let folder = Scratch::new(&format!("big-endian-{name}"));
    let original = folder.file("original.pcap", &pcap(link, packet));
    let (octets, error) = annotate(&original, ALL)?;
    assert!(error.is_none());
    let copy = folder.file("copy.pcapng", &octets);
    let mut arguments = vec!["-T", "fields", "-E", "separator=|"];
    columns.iter().for_each(|column| arguments.extend(["-e", column]));
    arguments.push("-r");
    let list = |file| program("tshark", &arguments, file);
    Some([list(&original)?, list(&copy)?])
}

#[test]
fn tshark_reads_the_same_fields_from_both() {
    let usb_fields = ["usb.bus_id", "usb.device_address", "usb.urb_len", "usb.data_len"];
    let logged = ["nflog.family", "nflog.ifindex_outdev", "ip.src", "udp.dstport"];
    // Direction 1, received; an event: command complete of HCI_Reset.
    let bluetooth = [0, 0, 0, 1, 4, 0x0e, 4, 1, 3, 0x0c, 0];
    let events = ["hci_h4.direction", "bthci_evt.code", "bthci_evt.opcode"];
    for (name, link, packet, columns, expected) in [
        ("usb", 220, usb(64), &usb_fields[..], "258|9|3|3\n"),
        ("usb-48", 189, usb(48), &usb_fields, "258|9|3|3\n"),
        ("nflog", 239, nflog(), &logged, "2|42|192.0.2.7|53\n"),
        ("bluetooth", 201, bluetooth.to_vec(), &events, "0x01|0x0e|0x0c03\n"),
        (
            "loopback",
            0,
            [&[0, 0, 0, 2][..], &nflog()[24..]].concat(),
            &["null.family", "ip.dst"],
            "2|192.0.2.8\n",
        ),
    ] {
        let Some([original, copy]) = shown(name, link, &packet, columns) else {
            eprintln!("skipped: no tshark");
            return;
        };
        assert_eq!(original.trim_start(), expected, "{name}");
        assert_eq!(copy, original, "{name}");
    }
}
