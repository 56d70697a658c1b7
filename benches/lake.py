#!/usr/bin/env python3
"""A lake of generated captures through Dask on one worker and on two, each on one processor: throughput, and memory per worker.

    target/python/bin/python benches/lake.py --generate target/release/generate            20 GB in rounds of 1 GB
    target/python/bin/python benches/lake.py --generate PROGRAM --total 1 --round 0.25     a quick look

Needs the package for Python with Dask and pyarrow (`.ci/python` installs both), and the generator: `cargo bench --bench generate
--no-run` says where it is. Captures of a round are made before the clock starts and removed after it, so that the disk
holds one round and what becomes of it. Wanted: two workers with at least 1.7 times the throughput of one, and no more memory per worker in
the last round than in the second by a tenth. Ends with 1 where that is not so.
"""

import argparse
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from distributed import Client, LocalCluster
from portolan import lake

GB = 1_000_000_000
# Octets of a capture of the mix by packet, with headers, about.
PACKET = 686


def memory():
    """Most resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def pin(processor):
    """Keeps a worker, which has threads of its own that read and write, on one processor."""
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), {processor})


def generate(program, folder, octets, pieces, seed):
    """Captures of one round."""
    files = []
    for number in range(pieces):
        file = folder / f"{seed}-{number}.pcap"
        packets = max(1_000, int(octets / pieces / PACKET))
        plan = ["mix", file, "--packets", packets, "--flows", packets // 24, "--seed", seed * 1_000 + number]
        subprocess.run([program, *map(str, plan)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Into the page cache, so that no run waits for the disk.
        file.read_bytes()
        files.append(str(file))
    return files


def run(client, files, folder):
    """Seconds of the three steps."""
    begun = time.monotonic()
    learned = lake.learn_all(client, files, folder / "know")
    whole = lake.merge_tree(client, learned.results, folder / "lake.know")
    written = lake.annotate_all(client, learned.pieces, whole, folder / "packets")
    took = time.monotonic() - begun
    if learned.failed or written.failed:
        sys.exit(f"failed: {learned.failed or written.failed}")
    shutil.rmtree(folder)
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generate", required=True, help="the generator of captures")
    parser.add_argument("--total", type=float, default=20, help="GB of all captures")
    parser.add_argument("--round", type=float, default=1, help="GB of those of a round")
    parser.add_argument("--pieces", type=int, default=8, help="captures of a round")
    arguments = parser.parse_args()
    octets, seconds, most = 0, {1: 0.0, 2: 0.0}, {1: [], 2: []}
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "host": "127.0.0.1"}
    with tempfile.TemporaryDirectory() as scratch:
        clusters = {workers: LocalCluster(n_workers=workers, **options) for workers in seconds}
        clients = {workers: Client(cluster) for workers, cluster in clusters.items()}
        for client in clients.values():
            for processor, worker in enumerate(client.scheduler_info(n_workers=-1)["workers"]):
                client.run(pin, processor, workers=[worker])
        for number in range(max(1, round(arguments.total / arguments.round))):
            folder = pathlib.Path(scratch, "captures")
            folder.mkdir()
            files = generate(arguments.generate, folder, arguments.round * GB, arguments.pieces, number + 1)
            octets += sum(os.path.getsize(file) for file in files)
            for workers, client in clients.items():
                seconds[workers] += run(client, files, pathlib.Path(scratch, f"lake-{workers}"))
                most[workers].append(max(client.run(memory).values()))
            shutil.rmtree(folder)
        for client, cluster in zip(clients.values(), clusters.values()):
            client.close()
            cluster.close()
    print("| workers | seconds | MB/s | peak memory per worker, second round | last round |\n| ---: | ---: | ---: | ---: | ---: |")
    for workers, took in seconds.items():
        second, last = most[workers][min(1, len(most[workers]) - 1)], most[workers][-1]
        print(f"| {workers} | {took:.1f} | {octets / took / 1e6:.1f} | {second:.0f} MiB | {last:.0f} MiB |")
    gain, grown = seconds[1] / seconds[2], max(peaks[-1] / peaks[min(1, len(peaks) - 1)] for peaks in most.values())
    print(f"{octets / GB:.1f} GB; throughput of two: {gain:.2f}, at least 1.7 wanted; memory grew to {grown:.2f}, at most 1.1 wanted")
    return int(gain < 1.7 or grown > 1.1)


if __name__ == "__main__":
    sys.exit(main())
