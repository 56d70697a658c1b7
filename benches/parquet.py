#!/usr/bin/env python3
"""What Parquet costs beside text and JSON: CPU (user and system, every thread) and octets, of a generated mix.

    benches/parquet.py                      a release with the feature `parquet`, 1,200,000 packets
    benches/parquet.py --portolan PROGRAM   another build
    benches/parquet.py --capture FILE       another capture

Wanted: at most three times the CPU of text, twice that of JSON, and a tenth of JSON's octets. Ends with 1 where that is not so.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FORMATS = ("text", "json", "parquet")


def measure(program, format, capture, output):
    """CPU in seconds and octets of one run on one thread."""
    with open(output, "wb") as file:
        command = [program, "annotate", "--quiet", "--threads", "1", "--format", format, capture]
        child = subprocess.Popen(command, stdout=file)
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))}: status {status}")
    return usage.ru_utime + usage.ru_stime, os.path.getsize(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portolan", type=pathlib.Path)
    parser.add_argument("--capture", type=pathlib.Path)
    parser.add_argument("--packets", type=int, default=1_200_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    program = arguments.portolan
    if program is None:
        subprocess.run(["cargo", "build", "--release", "--locked", "--features", "parquet"], cwd=ROOT, check=True)
        program = ROOT / "target/release/portolan"
    with tempfile.TemporaryDirectory() as folder:
        capture = arguments.capture
        if capture is None:
            capture = pathlib.Path(folder, "mix.pcap")
            plan = ["mix", capture, "--packets", str(arguments.packets), "--flows", str(arguments.packets // 24)]
            subprocess.run(["cargo", "bench", "--locked", "--bench", "generate", "--", *plan], cwd=ROOT, check=True)
        runs = {format: [] for format in FORMATS}
        # In turns, so that a machine that slows down slows all of them.
        for _ in range(arguments.runs):
            for format in FORMATS:
                runs[format].append(measure(program, format, capture, pathlib.Path(folder, "output")))
    cpu = {format: statistics.median(seconds for seconds, _ in runs[format]) for format in FORMATS}
    octets = {format: runs[format][0][1] for format in FORMATS}
    print("| format | CPU, s | to text | octets | to JSON |\n| --- | ---: | ---: | ---: | ---: |")
    for format in FORMATS:
        ratio, share = cpu[format] / cpu["text"], octets[format] / octets["json"]
        print(f"| {format} | {cpu[format]:.2f} | {ratio:.2f} | {octets[format]:,} | {share:.3f} |")
    wanted = {
        "CPU to text": (cpu["parquet"] / cpu["text"], 3),
        "CPU to JSON": (cpu["parquet"] / cpu["json"], 2),
        "octets to JSON": (octets["parquet"] / octets["json"], 0.1),
    }
    for what, (measured, most) in wanted.items():
        print(f"{what}: {measured:.2f}, at most {most} wanted{'' if measured <= most else ': MISSED'}")
    return int(any(measured > most for measured, most in wanted.values()))


if __name__ == "__main__":
    sys.exit(main())
