#!/usr/bin/env python3
"""Compares this portolan with that of an earlier revision: summary of plain Ethernet, in turns, on the same file.

    benches/against.py REVISION [--runs N] [--packets N]

Builds both as releases (the earlier one in a git worktree that is removed in the end), then prints the user CPU time of a
packet (median over the runs), the ratio (median of the ratios within a run), and instructions per packet where
valgrind is there. A ratio below 1 means that this one is faster.
"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# So many times the same file, for a time well above the clock's resolution.
TIMES = 5


def build(directory, target):
    subprocess.run(["cargo", "build", "--release", "--locked", "--target-dir", str(target)], cwd=directory, check=True)
    return target / "release" / "portolan"


def summary(program, *files):
    return [str(program), "summary", "--threads", "1", "--no-progress", *map(str, files)]


def user_seconds(program, file):
    process = subprocess.Popen(summary(program, *[file] * TIMES), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{program} failed on {file}")
    return usage.ru_utime


def instructions(program, file):
    said = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *summary(program, file)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
    return int(re.search(r"refs:\s+([\d,]+)", said).group(1).replace(",", ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision")
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--packets", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        worktree = directory / "earlier"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(worktree), options.revision], cwd=ROOT, check=True)
        try:
            before = build(worktree, directory / "target").rename(directory / "before")
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(worktree)], cwd=ROOT, check=True)
        # In a folder of its own: cargo would take one build for the other.
        now = build(ROOT, directory / "target-now")
        for name in ("mix.pcap", "mix.pcapng"):
            file = directory / name
            subprocess.run(
                ["cargo", "bench", "--quiet", "--bench", "generate", "--", "mix", str(file),
                 "--packets", str(options.packets), "--flows", str(options.packets // 20)], cwd=ROOT, check=True)
            runs = [(user_seconds(before, file), user_seconds(now, file)) for _ in range(options.runs)]
            then, new = (statistics.median(run[side] for run in runs) / TIMES / options.packets * 1e9 for side in (0, 1))
            ratio = statistics.median(new / then for then, new in runs)
            line = f"{name}: {then:.0f} ns a packet then, {new:.0f} ns now, ratio {ratio:.3f}"
            if shutil.which("valgrind"):
                counts = [instructions(program, file) / options.packets for program in (before, now)]
                line += f"; instructions {counts[0]:.0f} then, {counts[1]:.0f} now, ratio {counts[1] / counts[0]:.3f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
