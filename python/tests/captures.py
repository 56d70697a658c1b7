"""Captures made for tests."""

import struct


def repeated(sample, times, output):
    """A capture whose packets come again and again, ten seconds later each time."""
    octets = sample.read_bytes()
    records, at = [], 24
    while at < len(octets):
        seconds, fraction, captured, original = struct.unpack_from("<4I", octets, at)
        records.append((seconds, fraction, original, octets[at + 16 : at + 16 + captured]))
        at += 16 + captured
    with open(output, "wb") as file:
        file.write(octets[:24])
        for turn in range(times):
            for seconds, fraction, original, packet in records:
                file.write(struct.pack("<4I", seconds + 10 * turn, fraction, len(packet), original) + packet)
    return len(records) * times
