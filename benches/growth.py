#!/usr/bin/env python3
"""Shows that the cost of `summary` grows with what there is: CPU of a packet, and memory of a flow.

Packets from 10^5 to 10^7 in 10^4 flows, then 10^7 packets in 10^3 to 3 * 10^6 flows, of 64 octets, each flow once in a random
order, then again in another: the worst for caches. One thread, medians of three runs, page cache warm.

    benches/growth.py             print the figures
    benches/growth.py --readme    write them into benches/README.md, and two plots beside it
    benches/growth.py --scale 0.01    a quick look
"""

import argparse
import math
import pathlib
import statistics

from compare import BENCHES, Data, Input, fill_markers, machine_line, measure
from instructions import build

FLOWS = 10_000
PACKETS = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
FLOW_COUNTS = (1_000, 10_000, 100_000, 300_000, 1_000_000, 3_000_000)
RUNS = 3


def run(portolan, data, packets, flows):
    """Nanoseconds of CPU of a packet, and MiB of memory at the peak."""
    path = data.file(Input("small", packets, flows))
    command = [portolan, "summary", "--threads", "1", "--no-progress", "--top", "20", str(path)]
    measure(["cat", str(path)], 600)
    runs = [measure(command, 600) for _ in range(RUNS)]
    return (statistics.median(run.cpu for run in runs) / packets * 1e9,
            statistics.median(run.memory for run in runs) / 1024)


def plot(path, title, unit, points):
    """A small plot with a logarithmic axis below, light and dark."""
    width, height, left, bottom, top = 420, 220, 52, 36, 34
    low, high = (math.log10(end) for end in (points[0][0], points[-1][0]))
    most = max(value for _, value in points) * 1.15

    def at(count, value):
        x = left + (math.log10(count) - low) / (high - low) * (width - left - 16)
        return x, height - bottom - value / most * (height - bottom - top)

    marks = []
    for part in range(5):
        value = most * part / 4
        y = at(points[0][0], value)[1]
        marks.append(f'<path class="grid" d="M{left} {y:.1f}H{width - 16}"/><text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.0f}</text>')
    for power in range(math.ceil(low), math.floor(high) + 1):
        x = at(10**power, 0)[0]
        marks.append(f'<text x="{x:.1f}" y="{height - bottom + 16}" text-anchor="middle">10<tspan dy="-5" font-size="8">{power}</tspan></text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{count:,}: {value:.1f} {unit}</title></circle>'
                   for (count, value), (x, y) in ((point, at(*point)) for point in points))
    path.write_text(f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="11">
<title>{title}</title>
<style>text{{fill:#444}}.grid{{stroke:#ccc}}polyline{{fill:none;stroke:#0969da;stroke-width:2}}circle{{fill:#0969da}}
@media (prefers-color-scheme:dark){{text{{fill:#bbb}}.grid{{stroke:#444}}polyline{{stroke:#58a6ff}}circle{{fill:#58a6ff}}}}</style>
<text x="{left}" y="16" font-size="12">{title}</text>
{"".join(marks)}
<polyline points="{line}"/>{dots}
</svg>
""")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of packets and flows (default 1)")
    parser.add_argument("--readme", action="store_true", help="write the figures into benches/README.md, and the plots")
    parser.add_argument("--data", type=pathlib.Path, default=BENCHES / "data", help="where captures are kept")
    options = parser.parse_args()
    portolan, data = build().resolve(strict=True), Data(options.data)

    def sized(count):
        return max(100, round(count * options.scale))

    # With so few flows memory is that of the program, its registry and its buffers.
    least = run(portolan, data, sized(PACKETS[2]), 20)[1]
    flows = min(FLOWS, sized(PACKETS[0]))
    by_packets = [(sized(packets), *run(portolan, data, sized(packets), flows)) for packets in PACKETS]
    by_flows = [(sized(count), *run(portolan, data, sized(PACKETS[-1]), sized(count))) for count in FLOW_COUNTS]
    first, last = by_flows[0][1], by_flows[-1][1]
    lines = [
        machine_line(portolan), "",
        "| packets | flows | CPU of a packet, ns | peak memory, MiB | memory of a flow, octets |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    rows = [(packets, flows, time, memory) for packets, time, memory in by_packets]
    rows += [(sized(PACKETS[-1]), count, time, memory) for count, time, memory in by_flows]
    lines += [f"| {packets:,} | {count:,} | {time:.0f} | {memory:.1f} | {(memory - least) * 2**20 / count:.0f} |"
              for packets, count, time, memory in rows]
    lines += [
        "", f"From {by_flows[0][0]:,} to {by_flows[-1][0]:,} flows a packet takes {last / first:.1f} times as long "
        f"(at most 3 is wanted). With 20 flows it takes {least:.1f} MiB.",
    ]
    if options.readme:
        fill_markers("growth", [*lines, "", "![CPU of a packet by packets](growth-packets.svg)",
                                "![CPU of a packet by flows](growth-flows.svg)",
                                "![Memory of a flow](growth-memory.svg)"])
        plot(BENCHES / "growth-packets.svg", f"CPU of a packet in ns, by packets ({flows:,} flows)", "ns",
             [(packets, time) for packets, time, _ in by_packets])
        plot(BENCHES / "growth-flows.svg", "CPU of a packet in ns, by flows", "ns", [(count, time) for count, time, _ in by_flows])
        plot(BENCHES / "growth-memory.svg", "Memory of a flow in octets, by flows", "octets",
             [(count, (memory - least) * 2**20 / count) for count, _, memory in by_flows if count >= 10_000])
    print("\n".join(lines))


if __name__ == "__main__":
    main()
