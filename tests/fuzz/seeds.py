#!/usr/bin/env python3
"""usage: tests/fuzz/seeds.py CORPUS CAPTURE...

Cuts captures (pcap and pcapng, not compressed) into seeds of the targets that take no capture: frames of each link type for
`frame`, DNS messages for `dns`, first octets of UDP and TCP for `payload` and `hello`. What has another form is passed over.
"""

import collections
import hashlib
import pathlib
import struct
import sys

MOST = 60  # of a link type, or of a port


def pcap(octets):
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}[octets[:4]]
    link, at = struct.unpack_from(order + "I", octets, 20)[0] & 0xFFFF, 24
    while at + 16 <= len(octets):
        captured, wire = struct.unpack_from(order + "II", octets, at + 8)
        yield link, wire, octets[at + 16:at + 16 + captured]
        at += 16 + captured


def pcapng(octets):
    at, order, links = 0, "<", []
    while at + 12 <= len(octets):
        if octets[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order, links = "<" if octets[at + 8] == 0x4D else ">", []
        kind, length = struct.unpack_from(order + "II", octets, at)
        if length < 12 or at + length > len(octets):
            return
        if kind == 1:
            links.append(struct.unpack_from(order + "H", octets, at + 8)[0])
        elif kind == 6 and length >= 32:
            interface, _, _, captured, wire = struct.unpack_from(order + "5I", octets, at + 8)
            if interface < len(links):
                yield links[interface], wire, octets[at + 28:at + 28 + captured]
        at += length


def transport(frame):
    """Protocol, ports and payload of Ethernet, IPv4 or IPv6 without options, and UDP or TCP."""
    kind = frame[12:14]
    if len(frame) < 54:
        return None
    if kind == b"\x08\x00" and frame[14:15] == b"\x45":
        protocol, at = frame[23], 34
    elif kind == b"\x86\xdd":
        protocol, at = frame[20], 54
    else:
        return None
    ports = struct.unpack(">HH", frame[at:at + 4]) if len(frame) >= at + 20 else None
    if ports and protocol == 17:
        return protocol, ports, frame[at + 8:]
    if ports and protocol == 6:
        return protocol, ports, frame[at + (frame[at + 12] >> 4) * 4:]
    return None


def main(corpus, *captures):
    seen = collections.Counter()

    def keep(target, key, octets):
        seen[target, key] += 1
        if seen[target, key] <= MOST:
            folder = corpus / target
            folder.mkdir(parents=True, exist_ok=True)
            (folder / hashlib.sha1(octets).hexdigest()).write_bytes(octets)

    for name in captures:
        octets = pathlib.Path(name).read_bytes()
        try:
            for link, wire, frame in pcapng(octets) if octets[:1] == b"\x0a" else pcap(octets):
                keep("frame", link, struct.pack("<HI", link, wire) + frame[:2000])
                protocol, ports, payload = (transport(frame) if link == 1 else None) or (0, (), b"")
                piece = payload[:255]
                if piece and protocol == 17 and {53, 5353, 5355} & set(ports):
                    keep("dns", min(ports), bytes([1, 1, 0, len(piece)]) + piece)
                if piece:
                    first = bytes([protocol == 17])
                    keep("payload", (protocol, min(ports)), first + bytes([0, 0, 0, 0, len(piece)]) + piece)
                    keep("hello", (protocol, min(ports)), first + bytes([0, 0, len(piece)]) + piece)
        except (KeyError, TypeError, struct.error):
            continue


main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
