#!/usr/bin/env python3
"""Floods a veth pair with frames of 60 octets, as fast as it carries them, and asks each live command where all of them went.

What a command says that it charted and what it says that the kernel lost must be what was sent, to the frame. Every
frame may be a flow of its own (`--flows`), so that tables fill; the most memory that each command took is shown. Each has its turn
with `tcpdump -w`: where that lost nothing, a command of ours that lost something is told.

    benches/flood.py                                  build portolan, send 3 million frames to each command, three times
    benches/flood.py --portolan PROGRAM --frames 1000000 --flows 1000000 --runs 1
    benches/flood.py --readme                         write the figures into benches/README.md

Exit code 1 where a frame is missing, or lost that tcpdump would have had. Needs root, iproute2 and tcpdump.
"""

import argparse
import array
import ctypes
import errno
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import veth

SENDER, LISTENER = veth.names("flood")
COMMANDS = [
    "tcpdump -i lan0 -w FOLDER/dump.pcap",
    "portolan summary -i lan0",
    "portolan annotate -i lan0",
    "portolan annotate -i lan0 -w FOLDER/flood.pcapng",
    "portolan annotate -i lan0 -w FOLDER/ring.pcapng --rotate-size 64M --rotate-files 2",
    "portolan flows -i lan0 --format json",
    "portolan hosts -i lan0 --every 2s --format json",
    "portolan top -i lan0",
]
# What ours and what tcpdump say at the end: packets taken, and lost.
CHARTED = re.compile(r"(\d+) packets charted of \d+ that passed the filter; (\d+) lost in the kernel")
CAPTURED = re.compile(r"(\d+) packets captured\n\d+ packets received by filter\n(\d+) packets dropped by kernel")
FRAME = 60
# Frames handed to the kernel at a time.
BATCH = 64


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
    made = b"".join(frames(min(count, flows)))
    octets, number = ctypes.create_string_buffer(made, len(made)), len(made) // FRAME
    # A struct iovec of each frame, and a struct mmsghdr that points to it, as a 64-bit kernel has them.
    pieces = array.array("Q", (word for at in range(number) for word in (ctypes.addressof(octets) + FRAME * at, FRAME)))
    heads = array.array("Q", (word for at in range(number) for word in (0, 0, pieces.buffer_info()[0] + 16 * at, 1, 0, 0, 0, 0)))
    sendmmsg, first = ctypes.CDLL(None, use_errno=True).sendmmsg, heads.buffer_info()[0]
    sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
    sent, began = 0, time.monotonic()
    while sent < count:
        at = sent % number
        took = sendmmsg(wire.fileno(), first + 64 * at, min(BATCH, number - at, count - sent), 0)
        if took > 0:
            sent += took
        elif ctypes.get_errno() == errno.ENOBUFS:
            time.sleep(0.0001)
        else:
            sys.exit(f"sendmmsg: {os.strerror(ctypes.get_errno())}")
    print(sent, time.monotonic() - began)


def look(screen):
    """Somebody has to read what is drawn."""
    try:
        while os.read(screen, 1 << 16):
            pass
    except OSError:
        pass


def captured(command, portolan, options, scratch):
    """Sends to one command; what it charted, what it says was lost, frames a second, and its memory in MiB."""
    words = [word.replace("FOLDER", str(scratch)) for word in command.split()]
    is_ours, told = words[0] == "portolan", scratch / "told"
    words[0] = str(portolan) if is_ours else words[0]
    with told.open("w") as errors:
        out = subprocess.DEVNULL
        if words[1] == "top":
            screen, out = pty.openpty()
            threading.Thread(target=look, args=(screen,), daemon=True).start()
        listener = subprocess.Popen(
            ["ip", "netns", "exec", LISTENER, *words], stdin=out, stdout=out, stderr=errors, start_new_session=True,
            env=dict(os.environ, TERM="xterm-256color"))
        if words[1] == "top":
            os.close(out)
            time.sleep(1)
        while words[1] != "top" and not re.search("capturing on|listening on", told.read_text()):
            if listener.poll() is not None:
                sys.exit(f"{command}: {told.read_text()}")
            time.sleep(0.05)
        arguments = ["--send", "--frames", str(options.frames), "--flows", str(options.flows)]
        sent, seconds = veth.run("ip", "netns", "exec", SENDER, sys.executable, __file__, *arguments).stdout.split()
        time.sleep(1)
        listener.send_signal(signal.SIGINT)
        status = pathlib.Path(f"/proc/{listener.pid}/status").read_text()
        listener.wait()
    found = (CHARTED if is_ours else CAPTURED).search(told.read_text())
    if not found or listener.returncode != 0:
        sys.exit(f"{command}: exit {listener.returncode}: {told.read_text()}")
    memory = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) >> 10
    return int(sent), int(found[1]), int(found[2]), int(sent) / float(seconds), memory


def row(command, runs):
    rates, lost = [rate for *_, rate, _ in runs], [lost for _, _, lost, _, _ in runs]
    missing = sum(abs(sent - charted - lost) for sent, charted, lost, _, _ in runs)
    return (f"| `{command}` | {statistics.median(rates):,.0f} | {', '.join(f'{one:,}' for one in lost)} | {missing:,} | "
            f"{max(memory for *_, memory in runs)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portolan", type=pathlib.Path, help="the program to ask; built if not given")
    parser.add_argument("--frames", type=int, default=3_000_000, metavar="N")
    parser.add_argument("--flows", type=int, default=100_000, metavar="N")
    parser.add_argument("--runs", type=int, default=3, metavar="N")
    parser.add_argument("--readme", action="store_true", help="write the figures into benches/README.md")
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        return send(options.frames, options.flows)
    absent = [program for program in ("ip", "tcpdump") if not shutil.which(program)]
    if absent or os.geteuid() != 0:
        sys.exit(f"needs root and {', '.join(absent) or 'nothing else'}")
    from compare import fill_markers, machine_line
    from instructions import build
    portolan = (options.portolan or build()).resolve(strict=True)
    seen = {command: [] for command in COMMANDS}
    with tempfile.TemporaryDirectory() as directory:
        try:
            veth.join(SENDER, LISTENER)
            for _ in range(options.runs):
                for command in COMMANDS:
                    seen[command].append(captured(command, portolan, options, pathlib.Path(directory)))
                    print(command, *seen[command][-1], flush=True, file=sys.stderr)
        finally:
            veth.part(SENDER, LISTENER)
    lines = [
        f"{machine_line(portolan)} Load when it ended: {os.getloadavg()[0]:.1f}.", "",
        f"{options.frames:,} frames of {min(options.flows, options.frames):,} flows, {options.runs} turns:", "",
        "| command | frames/s sent | lost, turn by turn | missing | MiB at most |", "| --- | ---: | ---: | ---: | ---: |",
        *(row(command, runs) for command, runs in seen.items()),
    ]
    if options.readme:
        fill_markers("flood", lines)
    print("\n".join(lines))
    faults = [f"{command}: {sent} sent, {charted} charted, {lost} lost"
              for command, runs in seen.items() for sent, charted, lost, _, _ in runs if sent != charted + lost]
    for command, runs in seen.items():
        for turn, ((_, _, others, _, _), (_, _, lost, _, _)) in enumerate(zip(seen[COMMANDS[0]], runs), 1):
            if lost > others == 0:
                faults.append(f"{command}: lost {lost} in turn {turn}, in which tcpdump lost nothing")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
