#!/usr/bin/env python3
"""Counts the instructions each stage spends on a packet, under valgrind's callgrind.

Unlike time, they hardly depend on the machine and not at all on its load, so a change that makes a stage dearer
shows in CI. Each instruction counts for the innermost function of ours it was inlined into; what the libraries
(memory, hashing of others, the system's C library) do out of line is a stage of its own.

    benches/instructions.py            print the table, and fail where a stage is more than 5 % above the committed one
    benches/instructions.py --write    commit the present counts to benches/instructions.txt

Counts belong to one version of the compiler: after an upgrade, write them anew.
"""

import argparse
import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

BENCHES = pathlib.Path(__file__).resolve().parent
ROOT = BENCHES.parent
COMMITTED = BENCHES / "instructions.txt"

PACKETS, FLOWS = 100_000, 5_000
TALK_FLOWS = 4_000
TOLERANCE = 0.05
# A stage of a few instructions may grow by one without being any dearer.
SLACK = 2.0

COMMANDS = {
    "summary": "summary --threads 1 --no-progress mix.pcap",
    "summary-pcapng": "summary --threads 1 --no-progress mix.pcapng",
    "annotate-text": "annotate --threads 1 --no-progress mix.pcap",
    "annotate-causal": "annotate --threads 1 --no-progress --causal mix.pcap",
    "annotate-where": "annotate --threads 1 --no-progress --where @ mix.pcap",
    "annotate-json": "annotate --threads 1 --no-progress --format json mix.pcap",
    "annotate-csv": "annotate --threads 1 --no-progress --format csv mix.pcap",
    "annotate-pcapng": "annotate --threads 1 --no-progress --format pcapng mix.pcap",
}
# An expression that asks each packet several things, and holds for all, so that all are written.
WHERE = ("not destination.domain matches '^never[.]' and not svc.description contains 'never there' and "
         "(not port in {1, 2, 3} or frame.original > 65000) and not ip in 203.0.113.0/24 and svc.evidence != user")
# What first octets cost: learning and naming flows that have some, with a look at them and without.
RECOGNITION = {"talk-octets": "talk.pcap octets", "talk-ports": "talk.pcap ports"}

# Stage of a source file below src; the longest prefix decides.
STAGES = {
    "packet": "reading",
    "savefile": "reading",
    "capture": "reading",
    "decode": "decoding",
    "flow": "flow table",
    "knowledge": "learning",
    "knowledge/answers": "naming",
    "pipeline": "learning",
    "dns": "dns",
    "announce": "recognition",
    "payload": "recognition",
    "registry": "naming",
    "naming": "naming",
    "text": "formatting",
    "record": "formatting",
    "select": "selecting",
    "sink": "formatting",
    "report": "formatting",
    "": "program",
}
LIBRARIES = "libraries"


def callgrind(program, arguments, directory, options=(), events=("Ir",)):
    """What is counted (instructions, or the sum of these events) by address in the program itself, and the number of it in
    shared libraries."""
    out = directory / "callgrind.out"
    subprocess.run(
        ["valgrind", "--quiet", "--tool=callgrind", "--dump-instr=yes", *options, f"--callgrind-out-file={out}",
         str(program), *arguments],
        cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"})
    return counted(out, program, events)


def counted(out, program, events):
    """What callgrind wrote of these events, as callgrind() gives it."""
    by_address, elsewhere = collections.Counter(), 0
    columns = []
    objects, current, address, inclusive = {}, None, 0, False
    with out.open() as lines:
        for line in lines:
            first = line[0]
            if first in "0123456789+-*":
                position, _, *costs = line.split()
                # Noughts at the end are left out.
                cost = sum(int(costs[column]) for column in columns if column < len(costs))
                if first == "+":
                    address += int(position[1:], 0)
                elif first == "-":
                    address -= int(position[1:], 0)
                elif first != "*":
                    address = int(position, 0)
                # The line after a call holds what the callee took, which is counted there.
                if inclusive:
                    inclusive = False
                elif current == str(program):
                    by_address[address] += cost
                else:
                    elsewhere += cost
            elif line.startswith("events:"):
                columns = [number for number, event in enumerate(line.split()[1:]) if event in events]
            elif line.startswith("calls="):
                inclusive = True
            elif line.startswith(("ob=", "cob=")):
                # Names are written once, `(number) name`, and referred to by number after that.
                kind, _, rest = line.strip().partition("=")
                number, _, name = rest.partition(" ")
                if name:
                    objects[number] = name
                if kind == "ob":
                    current = objects[number]
    return by_address, elsewhere


def stage(frames):
    """The stage of the innermost frame that is ours."""
    source = f"{ROOT}/src/"
    for frame in frames:
        if frame.startswith(source):
            path = frame[len(source):]
            return STAGES[max((prefix for prefix in STAGES if path.startswith(prefix)), key=len)]
    return LIBRARIES


def by_stage(program, by_address, elsewhere):
    """What was counted by address in the program, and in libraries, by stage."""
    said = subprocess.run(
        ["addr2line", "--addresses", "--inlines", "--exe", str(program)],
        input="\n".join(hex(address) for address in by_address), capture_output=True, text=True, check=True).stdout
    counts = collections.Counter({LIBRARIES: elsewhere})
    address, frames = None, []
    for line in [*said.splitlines(), "0x0"]:
        if line.startswith("0x"):
            if address is not None:
                counts[stage(frames)] += by_address[address]
            address, frames = int(line, 16), []
        else:
            frames.append(line)
    return counts


def stages(program, arguments, directory):
    """Instructions per packet by stage."""
    counts = by_stage(program, *callgrind(program, arguments, directory))
    return {name: count / PACKETS for name, count in counts.items()}


def committed():
    counts = {}
    for line in COMMITTED.read_text().splitlines():
        if line and not line.startswith("#"):
            command, rest = line.split(maxsplit=1)
            name, count = rest.rsplit(maxsplit=1)
            counts[command, name.strip()] = float(count)
    return counts


def rustc():
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]


def write(measured):
    lines = [
        "# Instructions per packet by stage; written by benches/instructions.py --write.",
        f"# mix, {PACKETS:,} packets, {FLOWS:,} flows, and talk, {PACKETS:,} packets, {TALK_FLOWS:,} flows; rustc {rustc()}.",
    ]
    for command in [*COMMANDS, *RECOGNITION]:
        lines.append("")
        lines += [f"{command:<16} {name:<12} {count:10.1f}" for (of, name), count in measured.items() if of == command]
    COMMITTED.write_text("\n".join(lines) + "\n")


def check(measured):
    """Prints what changed; whether every stage is within the tolerance."""
    before, good = committed(), True
    if f"rustc {rustc()}." not in COMMITTED.read_text():
        print(f"{COMMITTED.name} is of another compiler than {rustc()}: nothing was compared")
        return True
    for key, count in measured.items():
        limit = before.get(key, 0.0) * (1 + TOLERANCE) + SLACK
        if count > limit:
            print(f"{key[0]}: {key[1]}: {count:.1f} instructions per packet, {before.get(key, 0.0):.1f} committed")
            good = False
    return good


def build_bench(name):
    """The executable of a bench."""
    said = subprocess.run(
        ["cargo", "bench", "--bench", name, "--no-run", "--message-format", "json"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    artifacts = [json.loads(line) for line in said.splitlines()]
    return pathlib.Path(next(artifact["executable"] for artifact in artifacts
                             if artifact.get("executable") and artifact["target"]["name"] == name))


def build():
    """The program."""
    subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
    target = json.loads(subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"],
        cwd=ROOT, check=True, capture_output=True).stdout)["target_directory"]
    return pathlib.Path(target) / "release" / "portolan"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the counts instead of checking them")
    options = parser.parse_args()
    for tool, package in (("valgrind", "valgrind"), ("addr2line", "binutils")):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: apt-get install {package}")
    program, recognition = (path.resolve(strict=True) for path in (build(), build_bench("recognition")))

    measured = {}
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        for name, flows in (("mix.pcap", FLOWS), ("mix.pcapng", FLOWS), ("talk.pcap", TALK_FLOWS)):
            subprocess.run(
                ["cargo", "bench", "--quiet", "--bench", "generate", "--", name.partition(".")[0], str(directory / name),
                 "--packets", str(PACKETS), "--flows", str(flows)], cwd=ROOT, check=True)
        runs = [(program, COMMANDS), (recognition, RECOGNITION)]
        for binary, command, arguments in [(binary, *run) for binary, commands in runs for run in commands.items()]:
            counts = stages(binary, [WHERE if word == "@" else word for word in arguments.split()], directory)
            measured |= {(command, name): counts[name] for name in sorted(counts)}
            print(f"{command:<16} " + ", ".join(f"{name} {counts[name]:.1f}" for name in sorted(counts)), flush=True)
    if options.write:
        write(measured)
    elif not check(measured):
        sys.exit(1)


if __name__ == "__main__":
    main()
