#!/usr/bin/env python3
"""Measures what live captures lose, beside tcpdump, at the highest rate a veth pair can carry.

Two network namespaces are joined by a veth pair. tcpreplay sends the same synthetic capture of 64-octet frames through it
as fast as it can, once for each command that captures at the other end. What the command itself says was lost is shown.

    benches/live.py                      build portolan and measure, three runs each
    benches/live.py --portolan PROGRAM   measure that one

Needs root, iproute2, tcpreplay and tcpdump.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import veth
from instructions import build

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKETS, FLOWS = 1_000_000, 100_000
# Sent so often that no buffer can hide a reader that is too slow.
LOOPS = 4
SENDER, LISTENER = veth.names("bench")
# The listener says so when it captures, before the first packet may be sent.
COMMANDS = [
    ("portolan summary -i lan0", r"capturing on"),
    ("portolan annotate -i lan0", r"capturing on"),
    ("portolan annotate -i lan0 --format json", r"capturing on"),
    ("portolan annotate -i lan0 --format pcapng", r"capturing on"),
    ("tcpdump -i lan0 -w /dev/null", r"listening on"),
    ("tcpdump -i lan0 -nn", r"listening on"),
]
LOST = re.compile(r"(\d+)(?: packets)? dropped by (?:the )?kernel")
RATE = re.compile(r"([\d.]+) pps")


def capture(command, ready, portolan, packets, scratch):
    """Captures while `packets` are sent; packets per second, and packets lost."""
    words = [str(portolan) if word == "portolan" else word for word in command.split()]
    told = scratch / "told"
    with told.open("w") as errors:
        listener = subprocess.Popen(
            ["ip", "netns", "exec", LISTENER, *words], stdout=subprocess.DEVNULL, stderr=errors)
        while not re.search(ready, told.read_text()):
            if listener.poll() is not None:
                raise SystemExit(f"{command}: {told.read_text()}")
            time.sleep(0.05)
        sent = veth.run("ip", "netns", "exec", SENDER, "tcpreplay", "--intf1=lan0", "--topspeed", f"--loop={LOOPS}", str(packets))
        time.sleep(1)
        listener.send_signal(signal.SIGINT)
        listener.wait()
    lost = LOST.search(told.read_text())
    rate = RATE.search(sent.stdout + sent.stderr)
    if not lost or not rate:
        raise SystemExit(f"{command}: {told.read_text()}{sent.stdout}{sent.stderr}")
    return float(rate[1]), int(lost[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portolan", type=pathlib.Path, help="the program to measure; built if not given")
    parser.add_argument("--runs", type=int, default=3, metavar="N")
    options = parser.parse_args()
    absent = [program for program in ("ip", "tcpreplay", "tcpdump") if not shutil.which(program)]
    if absent or os.geteuid() != 0:
        sys.exit(f"needs root and {', '.join(absent) or 'nothing else'}")
    portolan = (options.portolan or build()).resolve(strict=True)
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        packets = scratch / "small.pcap"
        plan = ["small", str(packets), "--packets", str(PACKETS), "--flows", str(FLOWS)]
        subprocess.run(["cargo", "bench", "--locked", "--bench", "generate", "--", *plan], cwd=ROOT, check=True, capture_output=True)
        try:
            veth.join(SENDER, LISTENER)
            seen = {command: [] for command, _ in COMMANDS}
            for _ in range(options.runs):
                for command, ready in COMMANDS:
                    seen[command].append(capture(command, ready, portolan, packets, scratch))
        finally:
            veth.part(SENDER, LISTENER)
    print("| command | packets/s sent | lost, % | worst run, % |")
    print("| --- | ---: | ---: | ---: |")
    for command, runs in seen.items():
        rate = statistics.median(rate for rate, _ in runs)
        lost = [100 * lost / (LOOPS * PACKETS) for _, lost in runs]
        print(f"| `{command}` | {rate:,.0f} | {statistics.median(lost):.2f} | {max(lost):.2f} |")


if __name__ == "__main__":
    main()
