"""A lake on two workers: the same records as one process, whatever happens to a worker."""

import os
import signal
import struct
from pathlib import Path

import dask
import duckdb
import portolan
import pyarrow
import pytest
from captures import repeated
from distributed import Client, LocalCluster, as_completed
from portolan import lake

ROOT = Path(__file__).resolve().parents[2]
# Captures made by others, where they are at hand.
CAPTURES = ROOT.parent / "shared" / "captures"
MOST = 200


def pieces():
    """Captures that are there for everybody, and as many others as shall be."""
    folders = [ROOT / "samples", CAPTURES]
    found = (path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in (".pcap", ".pcapng", ".cap"))
    return [str(path) for path in found if path.stat().st_size < 2_000_000][:MOST]


@pytest.fixture(scope="module")
def client():
    # A worker that dies takes no piece along that waits behind its own.
    dask.config.set({"distributed.scheduler.worker-saturation": 1.0})
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(host="127.0.0.1", **options) as cluster, Client(cluster) as client:
        yield client


def by_hand(files, folder):
    """The same in one process, without an engine."""
    learned = [lake.learn_piece(file, folder / "know") for file in files]
    learned.sort(key=lambda one: (one.first is None, one.first or 0, one.path))
    return portolan.merge(learned, folder / "whole.know")


def rows(folder):
    """All records of a lake, as text, in one order."""
    files = str(Path(folder) / "**" / "*.parquet")
    return duckdb.sql(f"SELECT * FROM read_parquet('{files}', hive_partitioning=true) ORDER BY ALL").fetchall()


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_a_lake_is_one_run(client, tmp_path):
    files = pieces()
    learned = lake.learn_all(client, files, tmp_path / "know")
    assert not learned.failed and len(learned.results) == len(files)
    whole = lake.merge_tree(client, learned.results, tmp_path / "lake.know", width=4)
    alone = by_hand(files, tmp_path / "alone")
    assert (whole.packets, whole.octets) == (alone.packets, alone.octets)
    assert sorted(path.name for path in tmp_path.glob("lake.know*")) == ["lake.know"]
    written = lake.annotate_all(client, files, whole, tmp_path / "packets")
    assert not written.failed
    for file in files:
        lake.annotate_piece(file, alone, tmp_path / "one")
    found = rows(tmp_path / "packets")
    assert found == rows(tmp_path / "one")
    assert len(found) == sum(piece.rows for piece in written.results) > 5_000
    # Once more, and while one of the two workers is killed: the same files.
    first = tree(tmp_path / "packets")
    futures = [client.submit(lake.annotate_piece, file, whole, str(tmp_path / "again"), pure=False) for file in files]
    for number, _ in enumerate(as_completed(futures)):
        if number == len(files) // 10:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    # What the dead worker had done is done again.
    assert sum(piece.rows for piece in client.gather(futures)) == len(found)
    again = tree(tmp_path / "again")
    assert sorted(again) == sorted(first)
    assert [path for path in first if again[path] != first[path]] == []


def test_a_piece_that_fails_is_told_by_its_name(client, tmp_path):
    good, bad = str(ROOT / "samples" / "http-get.pcap"), str(tmp_path / "bad.pcap")
    Path(bad).write_bytes(b"no capture at all, and long enough to be one")
    learned = lake.learn_all(client, [bad, good], tmp_path / "know", retries=1)
    assert [one.packets for one in learned.results] == [len(pyarrow.table(portolan.annotate(good)))]
    assert list(learned.failed) == [bad] and isinstance(learned.failed[bad], portolan.PortolanError)


def test_a_large_capture_is_cut(client, tmp_path):
    large, small = tmp_path / "large.pcap", ROOT / "samples" / "http-get.pcap"
    packets = repeated(ROOT / "samples" / "dns-tcp.pcap", 100, large)
    octets = large.stat().st_size // 5
    learned = lake.learn_all(client, [large, small], tmp_path / "know", octets=octets, interval=60)
    assert not learned.failed and 5 <= len(learned.pieces) - 1 <= 7 and learned.pieces[-1] == str(small)
    assert sum(one.packets for one in learned.results[:-1]) == packets
    whole = lake.merge_tree(client, learned.results, tmp_path / "lake.know")
    written = lake.annotate_all(client, learned.pieces, whole, tmp_path / "packets")
    assert not written.failed and sum(piece.rows for piece in written.results) == packets + 10
    alone = by_hand([large, small], tmp_path / "alone")
    for file in (large, small):
        lake.annotate_piece(file, alone, tmp_path / "one")
    # Frames are numbered as in the whole.
    assert rows(tmp_path / "packets") == rows(tmp_path / "one")
    assert pyarrow.table(portolan.summary(whole, interval=60)).num_rows > 10
    # What began at a wrong place is learned again.
    first, second, *_ = learned.pieces
    wrong = lake.Piece(second.path, second.begin + 16 + struct.unpack_from("<I", large.read_bytes(), second.begin + 8)[0], second.end)
    plan = [first, wrong]
    found = lake.Outcome([lake.learn_piece(piece, tmp_path / "wrong") for piece in plan])
    right = lake._joined([plan], found, lambda piece: lake.learn_piece(piece, tmp_path / "wrong"))
    assert right.pieces == [first, second]
    assert [one.packets for one in right.results] == [one.packets for one in learned.results[:2]]
    assert len(list((tmp_path / "wrong").iterdir())) == 2


def test_hours_are_folders(tmp_path):
    piece = ROOT / "samples" / "office.pcapng"
    whole = by_hand([piece], tmp_path)
    written = lake.annotate_piece(piece, whole, tmp_path / "packets", columns=["svc.name", "frame.original"])
    packets = pyarrow.table(portolan.annotate(piece))
    hours = {f"date={time:%Y-%m-%d}/hour={time:%H}" for time in packets["@timestamp"].to_pylist()}
    assert {str(Path(file).parent.relative_to(tmp_path / "packets")) for file in written.files} == hours
    (found,) = duckdb.sql(
        f"SELECT sum(frame_original), count(DISTINCT svc_name) FROM read_parquet('{tmp_path}/packets/**/*.parquet')"
    ).fetchall()
    names = {name for name in packets["svc_name"].to_pylist() if name is not None}
    assert found == (sum(packets["frame_original"].to_pylist()), len(names))
