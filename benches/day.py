#!/usr/bin/env python3
"""A day of traffic in minutes: whether memory stays flat once tables are full, and whether the totals are right then.

A veth pair carries look-ups, connections, names and devices that are all new and end (`generate day`), at a steady rate.
Several live commands watch it side by side, each within the same `--memory`. Once a second the resident memory of each is
noted, and its metrics are asked for. Then the same frames come through a pipe, with times that take a day.

    benches/day.py                      build portolan and the generator; twelve million frames in seven minutes
    benches/day.py --readme             write the figures into benches/README.md, and a plot beside it
    benches/day.py --portolan PROGRAM --generate PROGRAM --frames 1000000 --rate 20000 --only summary

Exit code 1 where the memory of the last third of the time is more than 5 % above that of the second, where tables were not full
by then, where what a command charted and what it says was lost are not what was sent, where intervals do not add up to that,
or where a request for metrics was not answered. Needs root and iproute2.
"""

import argparse
import contextlib
import ctypes
import json
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
import urllib.request

import veth
from compare import BENCHES, fill_markers, machine_line
from instructions import build, build_bench

SENDER, LISTENER = veth.names("day")
COMMANDS = {
    "summary": "summary -i lan0 --interval 10s --format json",
    "flows": "flows -i lan0 --every 60s --format csv",
    "annotate": "annotate -i lan0 -w FOLDER/ring.pcapng --rotate-size 64M --rotate-files 2",
    "top": "top -i lan0",
}
# How far above that of the second third of the time memory may be in the last one.
MOST = 1.05
CHARTED = re.compile(r"(\d+) packets charted of (\d+) that passed the filter; (\d+) lost in the kernel")
COLORS = ["#0969da", "#bc4c00", "#1a7f37", "#8250df"]


def send(rate):
    """Sends the frames of a pcap on standard input, so many a second; what the device would not take is sent again."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind(("lan0", 0))
    wire.setsockopt(263, 20, 1)  # SOL_PACKET, PACKET_QDISC_BYPASS: no queue before the device
    frames, sent, began = sys.stdin.buffer, 0, time.monotonic()
    frames.read(24)
    while head := frames.read(16):
        frame = frames.read(int.from_bytes(head[8:12], "little"))
        while True:
            try:
                wire.send(frame)
                break
            except OSError:
                time.sleep(0.0001)
        sent += 1
        if sent % 64 == 0:
            time.sleep(max(0, began + sent / rate - time.monotonic()))
    print(sent, time.monotonic() - began)


def median(seen, third, seconds):
    """Of the memory in a third of the time, from 0; `seen` begins with seconds and memory."""
    return statistics.median(memory for at, memory, *_ in seen if third <= 3 * at / seconds < third + 1)


def resident(pid):
    """Memory in MiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


class Watched:
    """A command that watches the pair, and what was seen of it second by second."""

    def __init__(self, name, portolan, memory, folder):
        self.name, self.command = name, COMMANDS[name]
        self.told, self.out = folder / f"{name}.told", folder / f"{name}.out"
        words = [word.replace("FOLDER", str(folder)) for word in self.command.split()]
        words += ["--memory", memory, "--metrics", "127.0.0.1:0"]
        # Seconds since the sender began, memory in MiB, and what the metrics said.
        self.seen, self.unanswered, self.slowest = [], [], 0
        environment = dict(os.environ, TERM="xterm-256color")
        with self.told.open("w") as told:
            if name == "top":
                self.screen, terminal = pty.openpty()
                self.process = subprocess.Popen(
                    [portolan, *words], stdin=terminal, stdout=terminal, stderr=told, env=environment, start_new_session=True)
                os.close(terminal)
                threading.Thread(target=self.look, daemon=True).start()
            else:
                with self.out.open("wb") as out:
                    self.process = subprocess.Popen([portolan, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=told)
        self.address = self.wait_for(r"metrics on http://(\S+)")

    def look(self):
        """Somebody has to read what is drawn."""
        with contextlib.suppress(OSError):
            while os.read(self.screen, 1 << 16):
                pass

    def wait_for(self, pattern):
        while not (found := re.search(pattern, self.told.read_text())):
            if self.process.poll() is not None:
                sys.exit(f"{self.command}: {self.told.read_text()}")
            time.sleep(0.05)
        return found[1]

    def ask(self):
        """The metrics, by name; `None` where there was no answer."""
        began = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://{self.address}", timeout=10) as answer:
                text = answer.read().decode()
        except OSError as error:
            self.unanswered.append(str(error))
            return None
        self.slowest = max(self.slowest, time.monotonic() - began)
        values = re.findall(r"^(portolan_\w+)(\{[^}]*\})? (\d+)$", text, re.MULTILINE)
        told = {name + labels: int(value) for name, labels, value in values}
        told["services"] = sum(value for name, value in told.items() if name.startswith("portolan_service_packets"))
        return told

    def watch(self, is_over, began):
        """Once a second, to the end."""
        while not is_over.wait(1):
            told = self.ask()
            if told:
                self.seen.append((time.monotonic() - began, resident(self.process.pid), told))

    def end(self):
        self.last = self.ask()
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        found = CHARTED.search(self.told.read_text())
        if not found or self.process.returncode != 0:
            sys.exit(f"{self.command}: exit {self.process.returncode}: {self.told.read_text()}")
        self.charted, self.lost = int(found[1]), int(found[3])

    def median(self, third, seconds):
        return median(self.seen, third, seconds)

    def full(self):
        """When the first five-tuple left to make room, in seconds; `None` where none did."""
        return next((at for at, _, told in self.seen if told["portolan_evicted_flows_total"]), None)

    def faults(self, sent, seconds):
        """What is not as it should be."""
        middle, late = (self.median(third, seconds) for third in (1, 2))
        if late > MOST * middle:
            yield f"{late:.1f} MiB in the last third, {middle:.1f} in the second"
        full = self.full()
        if full is None or full > seconds / 3:
            yield f"tables were full after {full} s of {seconds:.0f}"
        if self.charted + self.lost != sent:
            yield f"{sent} sent, {self.charted} charted, {self.lost} lost"
        counts = [told["portolan_packets_total"] for _, _, told in self.seen]
        if counts != sorted(counts):
            yield "packets that were counted were not any more"
        if self.unanswered or not self.last:
            yield f"{len(self.unanswered)} requests for metrics not answered: {self.unanswered[:1]}"
        elif not self.charted == self.last["portolan_packets_total"] == self.last["services"]:
            yield f"{self.charted} charted, {self.last['portolan_packets_total']} in the metrics, {self.last['services']} by service"
        if self.name == "summary":
            reports = [json.loads(line) for line in self.out.read_text().splitlines()]
            intervals = [interval for report in reports for interval in report["intervals"]]
            summed = sum(row["packets"] for interval in intervals for row in interval["rows"])
            if summed != self.charted:
                yield f"{self.charted} charted, {summed} in intervals"

    def row(self, seconds):
        middle, late = (self.median(third, seconds) for third in (1, 2))
        most = max(told["portolan_five_tuples"] for _, _, told in self.seen)
        full = self.full()
        return (f"| `{self.command}` | {self.charted:,} | {self.lost:,} | {most:,} | {self.last['portolan_evicted_flows_total']:,} | "
                f"{'never' if full is None else f'{full:.0f} s'} | {middle:.1f} | {late:.1f} | {len(self.seen) + 1} | "
                f"{self.slowest * 1000:.0f} |")


def frames(options):
    """The generator at work."""
    return subprocess.Popen(
        [options.generate, "day", "-", "--packets", str(options.frames), "--flows", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def piped(options):
    """The same through a pipe, by the clock of a day: a line that tells of it, and what is not as it should be."""
    generate, seen, began = frames(options), [], time.monotonic()
    command = ["annotate", "--memory", options.memory, "-"]
    process = subprocess.Popen(
        [options.portolan, *command], stdin=generate.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    generate.stdout.close()
    lines = 0
    while text := os.read(process.stdout.fileno(), 1 << 20):
        lines += text.count(b"\n")
        if not seen or time.monotonic() - began > seen[-1][0] + 0.5:
            seen.append((time.monotonic() - began, resident(process.pid)))
    seconds = time.monotonic() - began
    middle, late = (median(seen, third, seconds) for third in (1, 2))
    faults = []
    if process.wait() or lines != options.frames:
        faults.append(f"{' '.join(command)}: exit {process.returncode}, {options.frames} sent, {lines} charted")
    if late > MOST * middle:
        faults.append(f"{' '.join(command)}: {late:.1f} MiB in the last third, {middle:.1f} in the second")
    return (f"Through a pipe, with times that take a day, `portolan {' '.join(command)}` took {seconds:.0f} s: {lines:,} lines, "
            f"{middle:.1f} MiB in the second third, {late:.1f} in the last."), faults


def plot(path, watched, seconds):
    """Memory over time of each command, with a mark where the first five-tuple left; light and dark."""
    width, height, left, bottom, top = 640, 300, 52, 36, 34
    most = max(memory for one in watched for _, memory, _ in one.seen) * 1.15

    def at(second, memory):
        x = left + second / seconds * (width - left - 16)
        return x, height - bottom - memory / most * (height - bottom - top)

    marks = []
    for part in range(5):
        value = most * part / 4
        y = at(0, value)[1]
        marks.append(f'<path class="grid" d="M{left} {y:.1f}H{width - 16}"/><text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.0f}</text>')
        x = at(seconds * part / 4, 0)[0]
        marks.append(f'<text x="{x:.1f}" y="{height - bottom + 16}" text-anchor="middle">{seconds * part / 4:.0f} s</text>')
    for color, one in zip(COLORS, watched):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(second, memory) for second, memory, _ in one.seen if second <= seconds))
        marks.append(f'<polyline points="{line}" stroke="{color}"/>')
        x, y = at(*next((second, memory) for second, memory, _ in reversed(one.seen) if second <= seconds))
        marks.append(f'<text x="{x - 4:.1f}" y="{y - 6:.1f}" text-anchor="end" style="fill:{color}">{one.name}</text>')
        full = next(((second, memory) for second, memory, _ in one.seen if second == one.full()), None)
        if full:
            x, y = at(*full)
            marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"><title>{one.name}: full after {full[0]:.0f} s</title></circle>')
    path.write_text(f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="11">
<title>Resident memory in MiB over time; a dot where the first five-tuple left a full table</title>
<style>text{{fill:#444}}.grid{{stroke:#ccc}}polyline{{fill:none;stroke-width:2}}
@media (prefers-color-scheme:dark){{text{{fill:#bbb}}.grid{{stroke:#444}}}}</style>
<text x="{left}" y="16" font-size="12">Resident memory in MiB over time; a dot where the first five-tuple left a full table</text>
{"".join(marks)}
</svg>
""")


def pair():
    """Two namespaces joined by a veth pair. This process goes into that of the listeners, which it is to ask."""
    veth.join(SENDER, LISTENER)
    veth.run("ip", "-netns", LISTENER, "link", "set", "lo", "up")
    with open(f"/run/netns/{LISTENER}", "rb") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0):
            sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")


def day(options, folder):
    """What was sent, in how many seconds, and who watched it."""
    watched = [Watched(name, options.portolan, options.memory, folder) for name in options.only or COMMANDS]
    is_over, began = threading.Event(), time.monotonic()
    watchers = [threading.Thread(target=one.watch, args=(is_over, began)) for one in watched]
    for watcher in watchers:
        watcher.start()
    generate = frames(options)
    sender = [sys.executable, __file__, "--send", "--rate", str(options.rate)]
    sent, seconds = subprocess.run(
        ["ip", "netns", "exec", SENDER, *sender], stdin=generate.stdout, check=True, capture_output=True, text=True).stdout.split()
    # The last numbers are handed out for ten times as long as it took to make them.
    time.sleep(2 + 11 * max(one.slowest for one in watched))
    is_over.set()
    for watcher in watchers:
        watcher.join()
    for one in watched:
        one.end()
    return int(sent), float(seconds), watched


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portolan", type=pathlib.Path, help="the program to ask; built if not given")
    parser.add_argument("--generate", type=pathlib.Path, help="the generator; built if not given")
    parser.add_argument("--frames", type=int, default=12_000_000, metavar="N")
    parser.add_argument("--rate", type=int, default=30_000, metavar="N", help="frames a second")
    parser.add_argument("--memory", default="256M", help="what each command may take for what it remembers")
    parser.add_argument("--only", action="append", choices=COMMANDS, help="this command")
    parser.add_argument("--readme", action="store_true", help="write the figures into benches/README.md, and the plot")
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        return send(options.rate)
    if not shutil.which("ip") or os.geteuid() != 0:
        sys.exit("needs root and ip")
    options.portolan = (options.portolan or build()).resolve(strict=True)
    options.generate = (options.generate or build_bench("generate")).resolve(strict=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            pair()
            sent, seconds, watched = day(options, pathlib.Path(folder))
        finally:
            veth.part(SENDER, LISTENER)
        faults = [f"{one.name}: {fault}" for one in watched for fault in one.faults(sent, seconds)]
    told, more = piped(options)
    lines = [
        machine_line(options.portolan), "",
        f"{sent:,} frames in {seconds:.0f} s, {sent / seconds:,.0f} a second, each command within `--memory {options.memory}`:", "",
        "| command | charted | lost | five-tuples at most | left | full after | MiB, second third | MiB, last third | times asked | slowest answer, ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(one.row(seconds) for one in watched), "", told,
    ]
    if options.readme:
        fill_markers("day", [*lines, "", "![Memory over time](day-memory.svg)"])
        plot(BENCHES / "day-memory.svg", watched, seconds)
    print("\n".join(lines))
    for fault in faults + more:
        print(fault, file=sys.stderr)
    return 1 if faults + more else 0


if __name__ == "__main__":
    sys.exit(main())
