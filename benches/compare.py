#!/usr/bin/env python3
"""Measures portolan beside other tools, in turns, on the same synthetic captures.

Every tool reads the same file from the page cache, one after the other, run after run; standard output goes to
/dev/null. Reported are medians. The ratio to portolan is worked out within each run first, so that a machine that
slows down for a while slows both sides of it.

    benches/compare.py --install --runs 5            all tables, full size
    benches/compare.py --scale 0.05 --runs 1         a quick look
    benches/compare.py --readme                      write the tables into benches/README.md
"""

import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import platform
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from instructions import build, build_bench

BENCHES = pathlib.Path(__file__).resolve().parent
ROOT = BENCHES.parent
README = BENCHES / "README.md"

# Peer, the Debian package that holds it, and how it tells its version.
PEERS = {
    "capinfos": ("wireshark-common", ["capinfos", "--version"]),
    "tcpdump": ("tcpdump", ["tcpdump", "--version"]),
    "tshark": ("tshark", ["tshark", "--version"]),
    "softflowd": ("softflowd", ["softflowd", "-h"]),
    "nfpcapd": ("nfdump", ["nfpcapd", "-V"]),
    "argus": ("argus-server", ["argus", "-h"]),
    "ndpiReader": ("libndpi-bin", ["ndpiReader", "-h"]),
    "zstd": ("zstd", ["zstd", "--version"]),
}

# What a heavy filter asks of each packet; it holds for all, so that all are written. The same as in instructions.py.
WHERE = ("not destination.domain matches '^never[.]' and not svc.description contains 'never there' and "
         "(not port in {1, 2, 3} or frame.original > 65000) and not ip in 203.0.113.0/24 and svc.evidence != user")
# Some peers live where an unprivileged user's path does not lead.
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


@dataclasses.dataclass(frozen=True)
class Input:
    """A synthetic capture."""

    shape: str
    packets: int
    flows: int
    suffix: str = "pcap"


@dataclasses.dataclass(frozen=True)
class Row:
    """A command to measure. `{input}`, `{portolan}`, `{floor}` and `{scratch}` (an empty directory) are replaced."""

    key: str
    what: str
    command: str
    input: Input


@dataclasses.dataclass
class Run:
    """What one run took: seconds of processor, seconds by the clock, and KiB of memory at the peak."""

    cpu: float
    wall: float
    memory: int


@dataclasses.dataclass
class Table:
    """Rows that read the same packets. Ratios are to the row `reference`."""

    title: str
    reference: str
    rows: list
    runs: dict = dataclasses.field(default_factory=dict)
    failures: dict = dataclasses.field(default_factory=dict)

    def medians(self, key):
        runs = self.runs.get(key)
        if not runs:
            return None
        return Run(*(statistics.median(getattr(run, field) for run in runs) for field in ("cpu", "wall", "memory")))

    def ratio(self, key, to, field="cpu"):
        """The median over all runs of how many times as much `key` took as `to`; absent where either was not measured."""
        pairs = zip(self.runs.get(key, []), self.runs.get(to, []))
        ratios = [getattr(one, field) / getattr(other, field) for one, other in pairs if getattr(other, field) > 0]
        return statistics.median(ratios) if ratios else None


def tables(scale):
    """All that is measured."""

    def sized(shape, packets, flows, suffix="pcap"):
        return Input(shape, max(2_000, round(packets * scale)), max(100, round(flows * scale)), suffix)

    mix, mixng = (sized("mix", 4_800_000, 200_000, suffix) for suffix in ("pcap", "pcapng"))
    small, smallng = (sized("small", 10_000_000, 1_000_000, suffix) for suffix in ("pcap", "pcapng"))
    tenth = sized("mix", 480_000, 20_000)
    text = sized("hosts200", 1_200_000, 50_000)
    zst = sized("mix", 1_200_000, 50_000, "pcap.zst")
    # Everything capinfos knows but the hashes, which read the file once more.
    capinfos = "capinfos -t -E -c -s -d -u -a -e -y -i -z -x {input}"

    def portolan(file, name):
        told = ", pcapng" if name == "-ng" else ""
        return [
            Row(f"summary-{threads}{name}", f"`portolan summary`, {threads} thread{'s' * (threads > 1)}{told}",
                f"{{portolan}} summary --no-progress --threads {threads} {{input}}", file)
            for threads in (1, 2)
        ]

    return [
        Table("mix: realistic sizes", "summary-1", [
            Row("cat", "`cat`", "cat {input}", mix),
            *portolan(mix, ""),
            *portolan(mixng, "-ng"),
            Row("floor", "a bare loop that counts flows", "{floor} flows {input}", mix),
            Row("host", "`portolan summary --by host`, 1 thread", "{portolan} summary --by host --no-progress --threads 1 {input}", mix),
            Row("flows", "`portolan flows`", "{portolan} flows --no-progress {input}", mix),
            Row("capinfos", "`capinfos` without hashes", capinfos, mix),
            Row("tcpdump", "`tcpdump -w /dev/null`", "tcpdump -r {input} -w /dev/null", mix),
            Row("softflowd", "`softflowd`, flows", "softflowd -d -6 -m 4000000 -r {input}", mix),
            Row("nfpcapd", "`nfpcapd`, flows to a file", "nfpcapd -r {input} -w {scratch}", mix),
            Row("argus", "`argus`, flows to a file", "argus -X -r {input} -w {scratch}/argus", mix),
            Row("ndpiReader", "`ndpiReader`, applications", "ndpiReader -q -i {input}", mix),
        ]),
        Table("small: 64 octets, flows in random order", "summary-1", [
            Row("cat", "`cat`", "cat {input}", small),
            *portolan(small, ""),
            *portolan(smallng, "-ng"),
            Row("floor", "a bare loop that counts flows", "{floor} flows {input}", small),
            Row("capinfos", "`capinfos` without hashes", capinfos, small),
            Row("tcpdump", "`tcpdump -w /dev/null`", "tcpdump -r {input} -w /dev/null", small),
        ]),
        Table("text: 200 hosts, one record per packet", "text", [
            Row("text", "`portolan annotate`", "{portolan} annotate --threads 1 --no-progress {input}", text),
            Row("text-causal", "`portolan annotate --causal`", "{portolan} annotate --threads 1 --no-progress --causal {input}", text),
            Row("where", "`portolan annotate --where` of five parts", "{portolan} annotate --threads 1 --no-progress --where {where} {input}", text),
            Row("json", "`portolan annotate --format json`", "{portolan} annotate --threads 1 --no-progress --format json {input}", text),
            Row("csv", "`portolan annotate --format csv`", "{portolan} annotate --threads 1 --no-progress --format csv {input}", text),
            Row("pcapng", "`portolan annotate --format pcapng`", "{portolan} annotate --threads 1 --no-progress --format pcapng {input}", text),
            Row("floor", "a bare loop that reads twice and makes lines", "{floor} lines {input}", text),
            Row("tcpdump", "`TZ=UTC tcpdump -nnSqt`", "tcpdump -nnSqt -r {input}", text),
            Row("tcpdump-nn", "`TZ=UTC tcpdump -nn`", "tcpdump -nn -r {input}", text),
        ]),
        Table("zstd: a quarter of mix, compressed", "zstd", [
            Row("zstd", "`zstd -dc`", "zstd -dc {input}", zst),
            *portolan(zst, "-zst"),
        ]),
        Table("tshark: a tenth of mix", "summary-1", [
            portolan(tenth, "")[0],
            Row("tshark", "`tshark -q -z conv,tcp`", "tshark -r {input} -n -q -z conv,tcp", tenth),
        ]),
    ]


def memory_table(scale):
    """A file, and one four times as long with the same flows."""
    flows = max(100, round(200_000 * scale))
    packets = max(2_000, round(1_200_000 * scale))
    short, long = Input("mix", packets, flows), Input("mix", 4 * packets, flows)
    command = "{portolan} summary --no-progress --threads 1 {input}"
    return Table("memory: the same flows, four times the packets", "short", [
        Row("short", "`portolan summary`", command, short),
        Row("long", "`portolan summary`, four times as long", command, long),
    ])


def goals(by_title):
    """Goal, limit, measured value, and whether it is met; a value is absent where something was not measured."""
    names = ("mix", "small", "text", "tshark", "zstd", "memory")
    mix, small, text, tenth, zst, memory = (by_title.get(title) for title in names)

    def value(table, *arguments):
        return table.ratio(*arguments) if table else None

    def peak(table, key):
        median = table.medians(key) if table else None
        return median.memory / 1024 if median else None

    def more(table, key, than):
        """Nanoseconds of CPU that a packet takes more."""
        runs = zip(table.runs.get(key, []), table.runs.get(than, [])) if table else ()
        packets = table.rows[0].input.packets if table else 1
        differences = [(one.cpu - other.cpu) / packets * 1e9 for one, other in runs]
        return statistics.median(differences) if differences else None

    return [
        ("`summary` of mix: wall time against `cat` (2 threads)", "at most", 1.25, value(mix, "summary-2", "cat", "wall")),
        ("`summary` of mix: CPU against `tcpdump -w /dev/null`", "at most", 0.65, value(mix, "summary-1", "tcpdump")),
        ("`summary` of mix: how much of its CPU a bare loop takes", "at least", 0.8, value(mix, "floor", "summary-1")),
        ("`summary` of small: CPU against `tcpdump -w /dev/null`", "at most", 1, value(small, "summary-1", "tcpdump")),
        ("`summary` of small: wall time against that (2 threads)", "at most", 0.75, value(small, "summary-2", "tcpdump", "wall")),
        ("`summary` of small: how much of its CPU a bare loop takes", "at least", 0.65, value(small, "floor", "summary-1")),
        ("`summary` of small: peak memory, MiB", "at most", 130, peak(small, "summary-1")),
        ("`summary` of small: peak memory, MiB (2 threads)", "at most", 210, peak(small, "summary-2")),
        ("`summary --by host` of mix: CPU against `summary`", "at most", 1.4, value(mix, "host", "summary-1")),
        ("`summary --by host` of mix: peak memory, MiB", "at most", 100, peak(mix, "host")),
        ("`annotate`: CPU against `tcpdump -nnSqt`", "at most", 0.5, value(text, "text", "tcpdump")),
        ("`annotate`: CPU against `tcpdump -nn`", "at most", 0.11, value(text, "text", "tcpdump-nn")),
        ("`annotate`: how much of its CPU a bare loop takes", "at least", 0.65, value(text, "floor", "text")),
        ("`annotate --format json`: CPU of a packet above text, ns", "at most", 150, more(text, "json", "text")),
        ("`annotate --format csv`: CPU against JSON", "at most", 1, value(text, "csv", "json")),
        ("`annotate --format pcapng`: CPU against text", "at most", 0.9, value(text, "pcapng", "text")),
        ("`annotate --where` of five parts: CPU against text", "at most", 1.2, value(text, "where", "text")),
        ("`summary` of a `.zst`: wall time against `zstd -dc` (2 threads)", "at most", 1.1, value(zst, "summary-2-zst", "zstd", "wall")),
        ("`ndpiReader`: CPU against `summary`", "at least", 20, value(mix, "ndpiReader", "summary-1")),
        ("`tshark -z conv,tcp`: CPU against `summary`", "at least", 85, value(tenth, "tshark", "summary-1")),
        ("peak memory of a file four times as long against the short one", "at most", 1.1, value(memory, "long", "short", "memory")),
    ]


def note(text):
    print(text, file=sys.stderr, flush=True)


def measure(command, timeout):
    """Runs a command to its end. Raises `RuntimeError` with what it said where it fails or takes too long."""
    environment = dict(os.environ, TZ="UTC", LC_ALL="C", PATH=PATH)
    with tempfile.TemporaryFile() as errors:
        begun = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environment)
        watch = select.poll()
        exit_descriptor = os.pidfd_open(process.pid)
        watch.register(exit_descriptor, select.POLLIN)
        # The peak that wait4 reports starts with that of this interpreter before the command was executed, so the
        # command's own mark is read while it runs. It never falls: what is missed is the growth of the last moment.
        memory, pause, late = 0, 1, False
        while not watch.poll(pause):
            memory = max(memory, peak_memory(process.pid))
            pause = min(2 * pause, 20)
            if time.monotonic() - begun > timeout:
                process.kill()
                late = True
                break
        os.close(exit_descriptor)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if late:
            raise RuntimeError(f"took more than {timeout} s")
        if process.returncode != 0:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"exit code {process.returncode}: {said[-1] if said else 'silent'}")
    return Run(usage.ru_utime + usage.ru_stime, wall, memory)


def peak_memory(pid):
    """The most resident memory so far in KiB; 0 where the process is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) if found else 0


class Data:
    """The directory of generated captures; a name holds all that decides the octets, so nothing stale is used."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        sources = [BENCHES / "generate.rs", *sorted((BENCHES / "generator").glob("*.rs"))]
        self.version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
        for path in directory.glob("*-*.pcap*"):
            if f"-{self.version}." not in path.name:
                path.unlink()

    def file(self, wanted):
        path = self.directory / f"{wanted.shape}-{wanted.packets}-{wanted.flows}-{self.version}.{wanted.suffix}"
        if not path.exists():
            note(f"generating {path.name}")
            part = path.with_name(f"part-{path.name}")
            if wanted.suffix.endswith(".zst"):
                plain = self.file(dataclasses.replace(wanted, suffix=wanted.suffix.removesuffix(".zst")))
                subprocess.run(["zstd", "--quiet", "-o", part, plain], check=True)
            else:
                subprocess.run(
                    ["cargo", "bench", "--quiet", "--bench", "generate", "--", wanted.shape, str(part),
                     "--packets", str(wanted.packets), "--flows", str(wanted.flows)],
                    cwd=ROOT, check=True, stdout=sys.stderr)
            part.rename(path)
        return path


def verify(portolan, path, wanted):
    """A wrong result must not look fast."""
    said = subprocess.run(
        [portolan, "summary", "--no-progress", "--format", "json", path], check=True, capture_output=True).stdout
    counted = json.loads(said)["capture"]["packets"]
    if counted != wanted.packets:
        sys.exit(f"{path}: portolan counts {counted} packets of {wanted.packets}")


def fill(table, arguments, data):
    """Runs every row of a table in turns."""
    rows = []
    for row in table.rows:
        tool = row.command.split()[0]
        if tool == "{portolan}" and arguments.portolan is None:
            table.failures[row.key] = "not measured (--peers-only)"
        elif tool in PEERS and shutil.which(tool, path=PATH) is None:
            table.failures[row.key] = f"absent (Debian package {PEERS[tool][0]})"
        elif not re.search(arguments.only, row.key):
            continue
        else:
            rows.append(row)
    inputs = dict.fromkeys(row.input for row in rows)
    if any(wanted.suffix.endswith(".zst") for wanted in inputs) and shutil.which("zstd") is None:
        table.failures |= {row.key: "absent (Debian package zstd)" for row in rows}
        return
    for wanted in inputs:
        path = data.file(wanted)
        if arguments.portolan is not None:
            verify(arguments.portolan, path, wanted)
        measure(["cat", str(path)], arguments.timeout)
    for turn in range(arguments.runs):
        for row in rows:
            if row.key in table.failures:
                continue
            with tempfile.TemporaryDirectory(dir=data.directory) as scratch:
                names = {"where": WHERE, "input": data.file(row.input), "portolan": arguments.portolan, "floor": arguments.floor, "scratch": scratch}
                command = [word.format(**names) for word in row.command.split()]
                try:
                    run = measure(command, arguments.timeout)
                except RuntimeError as error:
                    table.failures[row.key] = str(error)
                    table.runs.pop(row.key, None)
                    note(f"{table.title}: {row.key}: {error}")
                    continue
            table.runs.setdefault(row.key, []).append(run)
            note(f"{table.title}, run {turn + 1}: {row.key}: {run.cpu:.2f} s CPU, {run.wall:.2f} s")


def markdown(table):
    packets = table.rows[0].input.packets
    flows = table.rows[0].input.flows
    lines = [
        f"### {table.title}", "",
        f"{packets:,} packets, {flows:,} flows. Ratio: CPU against {named(table, table.reference)}.", "",
        "| tool | CPU, s | CPU per packet, ns | wall, s | peak memory, MiB | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in table.rows:
        median = table.medians(row.key)
        if median:
            ratio = table.ratio(row.key, table.reference)
            per_packet = median.cpu / row.input.packets * 1e9
            lines.append(
                f"| {row.what} | {median.cpu:.2f} | {per_packet:,.0f} | {median.wall:.2f} | {median.memory / 1024:,.1f} "
                f"| {'' if ratio is None else f'{ratio:.2f}'} |")
        elif row.key in table.failures:
            lines.append(f"| {row.what} | {table.failures[row.key]} | | | | |")
    return lines


def named(table, key):
    return next(row.what for row in table.rows if row.key == key)


def goals_markdown(by_title):
    lines = ["### Goals", "", "| goal | wanted | measured | met |", "| --- | --- | ---: | --- |"]
    for goal, direction, limit, value in goals(by_title):
        if value is None:
            lines.append(f"| {goal} | {direction} {limit} | not measured | |")
        else:
            met = value <= limit if direction == "at most" else value >= limit
            lines.append(f"| {goal} | {direction} {limit} | {value:.2f} | {'yes' if met else 'no'} |")
    return lines


def machine_line(portolan):
    """The machine, and the version of what was measured."""
    processor = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    said = subprocess.run([portolan, "--version"], capture_output=True, text=True, check=True).stdout if portolan else ""
    return (f"{processor[1] if processor else platform.machine()}, {os.cpu_count()} processors, "
            f"{int(memory[1]) / 2**20:.0f} GiB, Linux {platform.release()}; {said.splitlines()[0] if said else 'peers only'}, "
            f"revision {revision()}.")


def machine(arguments):
    """Where and on what it was measured."""
    versions = []
    for peer, (_, command) in PEERS.items():
        if shutil.which(peer, path=PATH):
            said = subprocess.run(
                command, capture_output=True, text=True, errors="replace", env=dict(os.environ, PATH=PATH), check=False)
            found = re.search(r"\d+(\.\w+)+", said.stdout + said.stderr)
            versions.append(f"{peer} {found[0] if found else '(no version)'}")
    return [
        f"{machine_line(arguments.portolan)} {', '.join(versions)}. "
        f"Medians of {arguments.runs} run{'s' * (arguments.runs != 1)} at scale {arguments.scale:g}, page cache warm.",
    ]


def fill_markers(name, lines):
    """Writes these lines into benches/README.md, between the marks of this name."""
    begin, end = (f"<!-- {name}: {which} -->" for which in ("begin", "end"))
    before, rest = README.read_text().split(begin)
    _, after = rest.split(end)
    text = "\n".join(lines)
    README.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def revision():
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="runs of each row (default 7)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of packets and flows (default 1)")
    parser.add_argument("--tables", default="", metavar="REGEX", help="measure only tables whose title matches")
    parser.add_argument("--only", default="", metavar="REGEX", help="measure only rows whose key matches")
    parser.add_argument("--portolan", type=pathlib.Path, metavar="BIN", help="measure this program (default: build it)")
    parser.add_argument("--peers-only", action="store_true", help="leave portolan out")
    parser.add_argument("--memory", action="store_true", help="check memory against a file four times as long, too")
    parser.add_argument("--install", action="store_true", help="install missing peers with apt-get")
    parser.add_argument("--readme", action="store_true", help="write the tables into benches/README.md")
    parser.add_argument("--data", type=pathlib.Path, default=BENCHES / "data", help="where captures are kept (default benches/data)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds after which a run is given up (default 600)")
    parsed = parser.parse_args()
    if parsed.runs < 1 or parsed.scale <= 0:
        parser.error("there must be something to measure")
    return parsed


def main():
    options = arguments()
    missing = [package for peer, (package, _) in PEERS.items() if shutil.which(peer, path=PATH) is None]
    if options.install and missing:
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", *missing], check=False, stdout=sys.stderr)
    if options.peers_only:
        options.portolan = None
    elif options.portolan is None:
        options.portolan = build()
    else:
        options.portolan = options.portolan.resolve(strict=True)
    options.floor = build_bench("floor")

    data = Data(options.data)
    wanted = tables(options.scale) + ([memory_table(options.scale)] if options.memory else [])
    wanted = [table for table in wanted if re.search(options.tables, table.title)]
    lines = machine(options)
    for table in wanted:
        fill(table, options, data)
        lines += ["", *markdown(table)]
    lines += ["", *goals_markdown({table.title.split(":")[0]: table for table in wanted})]
    print("\n".join(lines))
    if options.readme:
        fill_markers("compare", lines)


if __name__ == "__main__":
    main()
