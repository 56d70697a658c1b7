#!/usr/bin/env python3
"""What hostile traffic costs: the most expensive frames against ordinary ones, distinct flows in a full table against those in an
empty one, and floods of many gigabytes through a pipe, with the memory they take and what is said of them.

    benches/hostile.py worst                    time per octet, at most 5 times that of ordinary frames
    benches/hostile.py full                     time per distinct flow in a full table, at most 4 times that in an empty one
    benches/hostile.py floods --gigabytes 10    memory, what found no room, and whether all packets were counted

Options: --portolan PROGRAM and --generate PROGRAM, built if not given. Exit code 1 where something costs more.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

WORST = 5.0
FULL = 4.0
# Octets of memory that a flood may take, in MiB, by what it floods: the tables that are full then, with what reads.
FLOODS = {
    "flows": ("summary", 1_300),
    "instances": ("discover", 700),
    "names": ("hosts", 700),
    "domains": ("summary --by domain", 2_000),
    "fragments": ("summary", 700),
    "undecided": ("summary", 1_300),
}
# Frames, what ordinary ones they are held against, packets of both, and the commands that take them.
CASES = [
    ("colliding", "flows", 1_000_000, 1_000_000, ["summary"]),
    ("extensions", "small --flows 1_000", 200_000, 2_000_000, ["summary", "annotate"]),
    ("subframes", "small --flows 1_000", 20_000, 2_000_000, ["summary", "annotate"]),
    ("lowpan", "small --flows 1_000", 200_000, 2_000_000, ["summary", "annotate"]),
    ("pointers", "announcements", 500, 200_000, ["summary", "discover", "annotate"]),
]


def build(bench):
    """A release build, and the program of a bench."""
    words = ["cargo", "build", "--release", "--locked"] if not bench else ["cargo", "bench", "--no-run", "--bench", bench]
    told = subprocess.run([*words, "--message-format=json"], check=True, stdout=subprocess.PIPE, text=True).stdout
    made = [json.loads(line).get("executable") for line in told.splitlines()]
    return pathlib.Path([path for path in made if path][-1])


def written(generate, shape, packets, file):
    words = shape.split()
    subprocess.run([generate, words[0], file, "--packets", str(packets), *words[1:]], check=True, stderr=subprocess.DEVNULL)
    return file.stat().st_size


def waited(process):
    """Processor time in seconds and peak memory in MiB of a process that ends."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss >> 10


def time_of(portolan, command, file):
    """The least processor time of three runs, in seconds."""
    def run(path):
        process = subprocess.Popen(
            [portolan, *command.split(), "--threads", "1", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds, _ = waited(process)
        if process.returncode:
            sys.exit(f"{command} {path}: exit {process.returncode}")
        return seconds
    return min(run(file) for _ in range(3))


def worst(options, folder):
    print("| frames | command | ns/octet | ordinary | ns/octet | ratio |\n| --- | --- | ---: | --- | ---: | ---: |")
    failed = False
    for shape, ordinary, packets, others, commands in CASES:
        files = [folder / "worst.pcap", folder / "ordinary.pcap"]
        sizes = [written(options.generate, one, count, file)
                 for one, count, file in zip((shape, ordinary), (packets, others), files)]
        for command in commands:
            own, usual = (time_of(options.portolan, command, file) * 1e9 / size for file, size in zip(files, sizes))
            failed |= own / usual > WORST
            print(f"| {shape} | {command} | {own:.2f} | {ordinary.split()[0]} | {usual:.2f} | {own / usual:.2f} |", flush=True)
    return failed


def full(options, folder):
    seconds = []
    for millions in (2, 8, 12):
        file = folder / "flows.pcap"
        written(options.generate, "flows", millions * 1_000_000, file)
        seconds.append(time_of(options.portolan, "summary", file))
    empty, filled = seconds[0] / 2e6, (seconds[2] - seconds[1]) / 4e6
    print(f"a distinct flow in an empty table: {empty * 1e9:.0f} ns; in a full one: {filled * 1e9:.0f} ns: "
          f"{filled / empty:.2f} times")
    return filled / empty > FULL


def floods(options, _):
    print("| flood | command | packets | MiB | CPU, ns a packet | told |\n| --- | --- | ---: | ---: | ---: | --- |")
    failed = False
    for shape, (command, most) in FLOODS.items():
        if options.only and shape not in options.only:
            continue
        sample = subprocess.run([options.generate, shape, "-", "--packets", "10000"], check=True, capture_output=True)
        packets = int(options.gigabytes * 1e9 / (len(sample.stdout) / 10_000))
        generate = subprocess.Popen(
            [options.generate, shape, "-", "--packets", str(packets)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process = subprocess.Popen(
            [options.portolan, *command.split(), "--format", "json", "-"],
            stdin=generate.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        generate.stdout.close()
        out, told = process.stdout.read(), process.stderr.read()
        seconds, memory = waited(process)
        generate.wait()
        report = json.loads(out)
        # Other reports than summaries have no packets to add up: what is told has to do.
        counted = summed = packets
        if command.startswith("summary"):
            counted, summed = report["capture"]["packets"], sum(row["packets"] for row in report["rows"])
        losses = [re.sub(r"^portolan: note: ", "", line) for line in told.splitlines()]
        print(f"| {shape} | `{command}` | {counted:,} | {memory:,} | {seconds * 1e9 / packets:.0f} | {'; '.join(losses)} |",
              flush=True)
        if (process.returncode, counted, summed) != (0, packets, packets) or memory > most or not losses:
            print(f"{shape}: exit {process.returncode}, {packets} packets sent, {counted} counted, {summed} in rows, "
                  f"{memory} MiB where {most} are allowed", file=sys.stderr)
            failed = True
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["worst", "full", "floods"])
    parser.add_argument("--portolan", type=pathlib.Path)
    parser.add_argument("--generate", type=pathlib.Path)
    parser.add_argument("--gigabytes", type=float, default=10, help="of each flood")
    parser.add_argument("--only", action="append", choices=FLOODS, help="this flood")
    options = parser.parse_args()
    options.portolan = (options.portolan or build(None)).resolve(strict=True)
    options.generate = (options.generate or build("generate")).resolve(strict=True)
    with tempfile.TemporaryDirectory() as folder:
        return int({"worst": worst, "full": full, "floods": floods}[options.what](options, pathlib.Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
