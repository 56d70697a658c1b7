#!/usr/bin/env python3
"""Floods a veth pair with frames of 60 octets, and asks each live command where all of them went.

What a command says that it charted and what it says that the kernel lost must be what was sent, to the frame. Every
frame may be a flow of its own (`--flows`), so that tables fill; the most memory that each command took is shown.

    benches/flood.py                                  build portolan, send 3 million frames to each command
    benches/flood.py --portolan PROGRAM --frames 1000000 --flows 1000000

Exit code 1 where a frame is missing. Needs root and iproute2.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SENDER, LISTENER = f"portolan-flood-{os.getpid()}-a", f"portolan-flood-{os.getpid()}-b"
COMMANDS = [
    "summary -i lan0",
    "annotate -i lan0",
    "annotate -i lan0 -w FOLDER/flood.pcapng",
    "annotate -i lan0 -w FOLDER/ring.pcapng --rotate-size 64M --rotate-files 2",
    "flows -i lan0 --format json",
    "hosts -i lan0 --every 2s --format json",
]
CHARTED = re.compile(r"(\d+) packets charted of (\d+) that passed the filter; (\d+) lost in the kernel")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True)


def frames(flows):
    """Frames of 60 octets: UDP to the discard port, from `flows` endpoints."""
    ethernet = bytes.fromhex("020000000002 020000000001 0800")
    for flow in range(flows):
        source = bytes([10, 9, flow >> 22 & 0xFF, 1 + (flow >> 14 & 0x7F)])
        head = bytes.fromhex("4500002e 00004000 4011") + b"\0\0" + source + bytes([10, 9, 255, 254])
        total = sum(int.from_bytes(head[at:at + 2], "big") for at in range(0, 20, 2))
        total = (total & 0xFFFF) + (total >> 16)
        head = head[:10] + (0xFFFF - (total & 0xFFFF) - (total >> 16)).to_bytes(2, "big") + head[12:]
        udp = (1024 + (flow & 0x3FFF)).to_bytes(2, "big") + bytes.fromhex("0009 001a 0000")
        yield (ethernet + head + udp).ljust(60, b"\0")


def send(count, flows):
    """Sends so many frames from the namespace that this runs in; what the device would not take is sent again."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind(("lan0", 0))
    wire.setsockopt(263, 20, 1)  # SOL_PACKET, PACKET_QDISC_BYPASS: no queue before the device
    made, sent, began = list(frames(min(count, flows))), 0, time.monotonic()
    while sent < count:
        for frame in made[:count - sent]:
            while True:
                try:
                    wire.send(frame)
                    break
                except OSError:
                    time.sleep(0.0001)
        sent += len(made[:count - sent])
    print(sent, time.monotonic() - began)


def captured(command, portolan, options, scratch):
    """Sends to one command; what it charted, what it says was lost, frames a second, and its memory in MiB."""
    words = [word.replace("FOLDER", str(scratch)) for word in command.split()]
    told = scratch / "told"
    with told.open("w") as errors:
        listener = subprocess.Popen(
            ["ip", "netns", "exec", LISTENER, str(portolan), *words], stdout=subprocess.DEVNULL, stderr=errors)
        while "capturing on" not in told.read_text():
            if listener.poll() is not None:
                sys.exit(f"{command}: {told.read_text()}")
            time.sleep(0.05)
        arguments = ["--send", "--frames", str(options.frames), "--flows", str(options.flows)]
        sent, seconds = run("ip", "netns", "exec", SENDER, sys.executable, __file__, *arguments).stdout.split()
        time.sleep(1)
        listener.send_signal(signal.SIGINT)
        status = pathlib.Path(f"/proc/{listener.pid}/status").read_text()
        listener.wait()
    found = CHARTED.search(told.read_text())
    if not found or listener.returncode != 0:
        sys.exit(f"{command}: exit {listener.returncode}: {told.read_text()}")
    memory = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) >> 10
    return int(sent), int(found[1]), int(found[3]), int(sent) / float(seconds), memory


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portolan", type=pathlib.Path, help="the program to ask; built if not given")
    parser.add_argument("--frames", type=int, default=3_000_000, metavar="N")
    parser.add_argument("--flows", type=int, default=100_000, metavar="N")
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        return send(options.frames, options.flows)
    if not shutil.which("ip") or os.geteuid() != 0:
        sys.exit("needs root and ip")
    if options.portolan is None:
        from instructions import build
        options.portolan = build()
    portolan, missing = options.portolan.resolve(strict=True), 0
    with tempfile.TemporaryDirectory() as directory:
        try:
            for namespace in (SENDER, LISTENER):
                run("ip", "netns", "add", namespace)
            run("ip", "link", "add", "lan0", "netns", SENDER, "type", "veth", "peer", "name", "lan0", "netns", LISTENER)
            for namespace in (SENDER, LISTENER):
                # No word of its own on the wire.
                run("ip", "netns", "exec", namespace, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
                run("ip", "-netns", namespace, "link", "set", "lan0", "up")
            print("| command | frames/s sent | charted | lost | missing | MiB |")
            print("| --- | ---: | ---: | ---: | ---: | ---: |")
            for command in COMMANDS:
                sent, charted, lost, rate, memory = captured(command, portolan, options, pathlib.Path(directory))
                absent = sent - charted - lost
                missing += abs(absent)
                print(f"| `{command}` | {rate:,.0f} | {charted:,} | {lost:,} | {absent:,} | {memory} |", flush=True)
        finally:
            for namespace in (SENDER, LISTENER):
                subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
