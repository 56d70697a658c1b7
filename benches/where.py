#!/usr/bin/env python3
"""Says where the time of `summary` goes: by stage and kind of traffic, what a packet costs in time, instructions and cache misses.

Time is of the whole program at full size, sampled by perf, whose samples are shared out as instructions.py shares out
instructions; what the system does for it stands in a row of its own. Instructions and misses are counted by callgrind on a
smaller capture of the same kind, misses in a simulated cache of 48 KiB and one of 2 MiB behind it: of the latter.

    benches/where.py             print the table
    benches/where.py --readme    write it into benches/README.md
    benches/where.py --scale 0.05    a quick look
"""

import argparse
import collections
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

from compare import Data, Input, fill_markers, machine_line
from instructions import LIBRARIES, build, by_stage, counted

# Kind of traffic: what it is, its packets and flows at full size, and for callgrind.
KINDS = {
    "mix": ("mix", (4_800_000, 200_000), (240_000, 10_000)),
    "small": ("small", (10_000_000, 1_000_000), (1_000_000, 100_000)),
    "few flows": ("small", (10_000_000, 20), (500_000, 20)),
    "talk": ("talk", (1_500_000, 60_000), (150_000, 6_000)),
    "lookups": ("lookups", (2_000_000, 100_000), (200_000, 10_000)),
    "tunnels": ("tunnels", (2_000_000, 50_000), (200_000, 5_000)),
}
CACHES = ["--cache-sim=yes", "--D1=49152,12,64", "--LL=2097152,16,64"]
SYSTEM = "system"
# Where the system puts a program whose place is not chosen at random.
BASE = 0x5555_5555_4000


def times(program, path, packets, directory):
    """Nanoseconds of a packet by stage, and page faults of the run."""
    record = directory / "perf.data"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        ["setarch", "--addr-no-randomize", "perf", "record", "--quiet", "--event", "cpu-clock", "--freq", "4000",
         "--output", str(record), str(program), "summary", "--threads", "1", "--no-progress", str(path)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(
        ["perf", "script", "--input", str(record), "--fields", "comm,ip,dso", "--ns"],
        check=True, capture_output=True, text=True).stdout
    by_address, elsewhere, system = collections.Counter(), 0, 0
    for comm, address, dso in re.findall(r"^\s*(\S+)\s+([0-9a-f]+)[^(]*\((.*)\)$", said, re.MULTILINE):
        if not comm.startswith("portolan"):
            continue
        if dso == str(program):
            by_address[int(address, 16) - BASE] += 1
        elif "kernel" in dso:
            system += 1
        else:
            elsewhere += 1
    counts = by_stage(program, by_address, elsewhere)
    counts[SYSTEM] = system
    return {name: count / 4000 * 1e9 / packets for name, count in counts.items()}, after.ru_minflt - before.ru_minflt


def counts(program, path, packets, directory):
    """Instructions, and misses of the second cache, of a packet by stage."""
    out = directory / "callgrind.out"
    subprocess.run(
        ["valgrind", "--quiet", "--tool=callgrind", "--dump-instr=yes", *CACHES, f"--callgrind-out-file={out}",
         str(program), "summary", "--threads", "1", "--no-progress", str(path)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"})
    return [
        {name: count / packets for name, count in by_stage(program, *counted(out, program, events)).items()}
        for events in (["Ir"], ["ILmr", "DLmr", "DLmw"])
    ]


def markdown(measured):
    stages = sorted({stage for parts, _ in measured.values() for part in parts for stage in part} - {LIBRARIES, SYSTEM})
    lines = [f"| stage | {' | '.join(measured)} |", f"| --- |{' ---: |' * len(measured)}"]
    for stage in [*stages, LIBRARIES, SYSTEM]:
        cells = []
        for (time, instructions, misses), _ in measured.values():
            of_system = stage == SYSTEM
            cells.append(f"{time.get(stage, 0):.0f} ns" + (
                "" if of_system else f", {instructions.get(stage, 0):,.0f}, {misses.get(stage, 0):.2f}"))
        if any(not re.fullmatch(r"0 ns, 0, 0\.00", cell) for cell in cells):
            lines.append(f"| {stage} | {' | '.join(cells)} |")
    sums = [[sum(part.values()) for part in parts] for parts, _ in measured.values()]
    lines.append("| **all** | " + " | ".join(f"{time:.0f} ns, {ins:,.0f}, {miss:.2f}" for time, ins, miss in sums) + " |")
    lines.append("| page faults | " + " | ".join(f"{faults:,}" for _, faults in measured.values()) + " |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of packets and flows (default 1)")
    parser.add_argument("--readme", action="store_true", help="write the table into benches/README.md")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(__file__).parent / "data", help="where captures are kept")
    options = parser.parse_args()
    for tool, package in (("valgrind", "valgrind"), ("addr2line", "binutils"), ("perf", "linux-perf"), ("setarch", "util-linux")):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: apt-get install {package}")
    program, data, measured = build().resolve(strict=True), Data(options.data), {}

    def sized(shape, packets, flows):
        return Input(shape, max(2_000, round(packets * options.scale)), max(20, round(flows * options.scale)))

    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        for name, (shape, full, part) in KINDS.items():
            whole, piece = sized(shape, *full), sized(shape, *part)
            path = data.file(whole)
            subprocess.run(["cat", path], check=True, stdout=subprocess.DEVNULL)
            time, faults = times(program, path, whole.packets, directory)
            measured[name] = ([time, *counts(program, data.file(piece), piece.packets, directory)], faults)
            print(f"{name}: {sum(time.values()):.0f} ns", file=sys.stderr, flush=True)
    lines = [machine_line(program), "", *markdown(measured)]
    if options.readme:
        fill_markers("where", lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
