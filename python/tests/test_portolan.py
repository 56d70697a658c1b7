"""The package as people use it, on the project's samples. Expected values are those of tests/golden/ and of capinfos."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pandas
import polars
import portolan
import pyarrow
import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
OFFICE = SAMPLES / "office.pcapng"
# As capinfos counts them.
PACKETS = 212


def table(records):
    return pyarrow.table(records)


def test_packets_are_those_of_the_capture():
    packets = table(portolan.annotate(OFFICE))
    assert packets.num_rows == PACKETS
    assert packets["frame_number"].to_pylist() == list(range(1, PACKETS + 1))
    schema = packets.schema
    assert str(schema.field("@timestamp").type) == "timestamp[us, tz=UTC]"
    assert schema.field("frame_original").metadata[b"unit"] == b"octets"
    assert schema.metadata[b"input.name"] == str(OFFICE).encode()
    times = packets["time_ns"].to_pylist()
    micros = packets["@timestamp"].cast("int64").to_pylist()
    assert [time // 1000 for time in times] == micros


def test_octets_do_as_well_as_a_file():
    octets = table(portolan.annotate(OFFICE.read_bytes()))
    assert octets.to_pylist() == table(portolan.annotate(OFFICE)).to_pylist()
    assert octets.schema.metadata[b"input.name"] == b"bytes"


def test_who_takes_records():
    flows = table(portolan.flows(OFFICE))
    assert polars.DataFrame(portolan.flows(OFFICE)).height == flows.num_rows > 20
    assert len(pandas.DataFrame.from_arrow(portolan.flows(OFFICE))) == flows.num_rows
    records = portolan.flows(OFFICE)
    (rows,) = duckdb.sql("SELECT count(*) FROM records").fetchall()
    assert rows == (flows.num_rows,)


def test_sums_agree():
    summary = table(portolan.summary(OFFICE)).to_pylist()
    assert sum(row["packets"] for row in summary) == PACKETS
    packets = portolan.annotate(OFFICE, columns=["row", "frame.original"])
    assert packets.columns == ["row", "frame_original"]
    found = duckdb.sql('SELECT "row", sum(frame_original) FROM packets GROUP BY ALL').fetchall()
    assert dict(found) == {row["key"]: row["bytes"] for row in summary}
    # Keys that ask packets, and several of them.
    by_link = table(portolan.summary(OFFICE, by=["service", "interface"])).to_pylist()
    assert sum(row["packets"] for row in by_link) == PACKETS
    assert {row["keys_service"] for row in by_link} == {row["key"] for row in summary}
    with pytest.raises(ValueError, match="`colour` is none of service"):
        portolan.summary(OFFICE, by="colour")


def test_hosts_and_what_they_advertise():
    hosts = table(portolan.hosts(OFFICE)).to_pylist()
    assert any("192.0.2.20" in host["addresses"] for host in hosts)
    offers = [offer for host in hosts for offer in json.loads(host["offers"] or "[]")]
    assert any(offer["name"] == "ipp" for offer in offers)
    instances = table(portolan.discover(OFFICE)).to_pylist()
    assert any(instance["type"] == "_ipp._tcp" for instance in instances)
    assert table(portolan.discover(OFFICE, what="queries")).num_rows > 0
    assert table(portolan.discover(OFFICE, what="events")).num_rows > 0
    with pytest.raises(ValueError, match="none of instances, events, queries"):
        portolan.discover(OFFICE, what="")


def test_packets_are_chosen():
    chosen = table(portolan.annotate(OFFICE, where='svc.name == "mdns"')).to_pylist()
    assert chosen and all(packet["svc_name"] == "mdns" for packet in chosen)
    assert table(portolan.annotate(OFFICE, count=5)).num_rows == 5
    with pytest.raises(ValueError):
        portolan.annotate(OFFICE, where="svc.nmae == 1")
    with pytest.raises(ValueError):
        portolan.annotate(OFFICE, columns=["svc.nmae"])


def test_batches_come_one_by_one():
    records = portolan.annotate([OFFICE, SAMPLES / "http-get.pcap"])
    lengths = [(len(batch), pyarrow.record_batch(batch).num_rows) for batch in records]
    # Files are batches of their own.
    assert len(lengths) >= 2 and all(length == rows > 0 for length, rows in lengths)
    assert sum(length for length, _ in lengths) > PACKETS
    assert list(records) == []


def test_records_are_read_once():
    records = portolan.flows(OFFICE)
    table(records)
    with pytest.raises(ValueError, match="read already"):
        table(records)


def test_a_file_that_is_none_is_told_at_once():
    with pytest.raises(portolan.PortolanError, match="nowhere") as told:
        portolan.annotate("/nowhere.pcap")
    assert (told.value.file, told.value.packet, told.value.offset) == ("/nowhere.pcap", None, None)
    with pytest.raises(portolan.PortolanError) as told:
        portolan.flows(b"no capture")
    assert told.value.file == "bytes" and "tmp" not in str(told.value)


def test_damage_is_told_with_its_place():
    octets = (SAMPLES / "http-get.pcap").read_bytes()
    # The last record is cut by one octet.
    cut = octets[:-1]
    whole = table(portolan.annotate(octets)).num_rows
    records = portolan.annotate(cut)
    rows = 0
    with pytest.raises(portolan.PortolanError) as told:
        for batch in records:
            rows += len(batch)
    assert (rows, told.value.packet, told.value.file) == (whole - 1, whole, "bytes")
    assert 24 < told.value.offset < len(octets)
    assert records.error.offset == told.value.offset
    lenient = portolan.annotate(cut, strict=False)
    assert table(lenient).num_rows == whole - 1 and lenient.error.packet == whole
    with pytest.raises(portolan.PortolanError):
        portolan.flows(cut)
    assert portolan.flows(cut, strict=False).error.packet == whole


def test_knowledge_travels(tmp_path):
    # Cut at packet 12, ten packets of the second half are named by what the first half teaches.
    command = Path(sys.executable).with_name("portolan")
    halves = [tmp_path / "first.pcapng", tmp_path / "second.pcapng"]
    for half, numbers in zip(halves, ("frame.number <= 12", "frame.number > 12")):
        subprocess.run([command, "annotate", OFFICE, "--where", numbers, "-w", half, "--quiet"], check=True)
    learned = [portolan.learn(half, tmp_path / f"{half.stem}.know") for half in halves]
    assert [one.packets for one in learned] == [12, PACKETS - 12]
    assert learned[0].last <= learned[1].first
    # In any order: they are joined in order of time.
    whole = portolan.merge(reversed(learned), tmp_path / "whole.know")
    octets = sum(row["bytes"] for row in table(portolan.summary(OFFICE)).to_pylist())
    assert (whole.packets, whole.octets, whole.first) == (PACKETS, octets, learned[0].first)
    want = table(portolan.annotate(OFFICE)).drop_columns(["frame_number"]).to_pylist()
    names = ("svc_name", "svc_evidence", "svc_rule", "flow_id")
    alone, known = [], []
    for half in halves:
        alone += table(portolan.annotate(half)).to_pylist()
        known += table(portolan.annotate(half, knowledge=whole)).to_pylist()
    pick = lambda rows: [[row.get(name) for name in names] for row in rows]
    assert pick(known) == pick(want) != pick(alone)
    # Knowledge is an input where no packets are asked for.
    assert table(portolan.summary(whole)).to_pylist() == table(portolan.summary(OFFICE)).to_pylist()
    assert table(portolan.flows(whole)).num_rows == table(portolan.flows(OFFICE)).num_rows
    with pytest.raises(portolan.PortolanError, match="holds no packets"):
        portolan.annotate(whole)
    with pytest.raises(portolan.PortolanError, match="learn it with --interval"):
        portolan.summary(whole, interval=5)
    with pytest.raises(portolan.PortolanError, match="no knowledge file") as told:
        portolan.merge([OFFICE], tmp_path / "x.know")
    assert told.value.file == str(OFFICE) and not (tmp_path / "x.know").exists()
    with pytest.raises(portolan.PortolanError):
        portolan.learn(OFFICE.read_bytes()[:-3], tmp_path / "x.know")
    assert not list(tmp_path.glob("*.part")) and not (tmp_path / "x.know").exists()


def test_traffic_over_time_is_known(tmp_path):
    known = portolan.learn(OFFICE, tmp_path / "office.know", interval=2.5)
    for interval in (5, "10s"):
        rows = table(portolan.summary(known, interval=interval)).to_pylist()
        assert rows == table(portolan.summary(OFFICE, interval=interval)).to_pylist() and len(rows) > 5
    assert sum(row["packets"] for row in rows) == PACKETS
    with pytest.raises(portolan.PortolanError, match="multiples"):
        portolan.summary(known, interval=3)
    with pytest.raises(ValueError, match="interval"):
        portolan.learn(OFFICE, tmp_path / "x.know", interval=0)


def test_names_of_ones_own(tmp_path):
    names = tmp_path / "names"
    names.write_text("payroll 5353/udp\n")
    rows = table(portolan.summary(OFFICE, registry=[names])).to_pylist()
    assert any(row["name"] == "payroll" for row in rows)
    assert not any(row["name"] == "mdns" for row in rows)
    assert portolan.registry.lookup("5353/udp", registry=[names])[0]["name"] == "payroll"


def test_the_registry():
    (https, *_) = portolan.registry.lookup("443/tcp")
    assert (https["name"], https["port"], https["transport"]) == ("https", 443, "tcp")
    assert portolan.registry.lookup("no-such-service") == []
    assert portolan.registry.updated() >= "2026-09-30"


def test_other_threads_run():
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(None)
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    # The same file many times is many times the work.
    list(portolan.annotate([OFFICE] * 100))
    stop.set()
    ticker.join()
    assert len(ticks) > 20


def test_a_reader_who_has_enough_ends_the_work():
    records = portolan.annotate([OFFICE] * 50)
    next(records)
    before = threading.active_count()
    del records
    assert threading.active_count() <= before


def test_the_command():
    command = Path(sys.executable).with_name("portolan")
    run = subprocess.run([command, "summary", OFFICE, "--format", "json"], capture_output=True, text=True)
    assert run.returncode == 0, run
    rows = json.loads(run.stdout)["rows"]
    assert {row["key"]: row["bytes"] for row in rows} == {
        row["key"]: row["bytes"] for row in table(portolan.summary(OFFICE)).to_pylist()
    }
    run = subprocess.run([command, "interfaces"], capture_output=True, text=True)
    assert run.returncode == 2 and "made without the feature `libpcap`" in run.stderr
    run = subprocess.run([command, "annotate", "/nowhere.pcap"], capture_output=True, text=True)
    assert run.returncode == 3
