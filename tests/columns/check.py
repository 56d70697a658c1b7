#!/usr/bin/env python3
"""usage: check.py PORTOLAN CAPTURE…

Holds what the command writes as Parquet and as a stream of Arrow against its JSON, path by path, and has pyarrow, DuckDB
and polars read it. Says what differs and ends with 1.
"""

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import polars
import pyarrow
import pyarrow.parquet

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
# Objects, and lists of them, that stand as JSON.
OBJECTS = {"dnssd", "dnssd_more", "damaged", "txt", "names", "offers", "uses", "servers"}
COUNTS = {"pa": 0, "values": 0}


def output(program, *arguments):
    run = subprocess.run([program, *map(str, arguments)], capture_output=True)
    # Some samples end in the middle of a packet.
    if run.returncode not in (0, 4):
        sys.exit(f"{arguments}: {run.returncode}: {run.stderr.decode()}")
    return run.stdout


def flat(value, path, into):
    """What a table should have for a JSON object: by the names of columns."""
    for key, item in value.items():
        name = f"{path}_{key}" if path else key
        # A list of servers is one of hosts and ports, their number is a number.
        if key in OBJECTS and isinstance(item, (dict, list)):
            into[name] = ("json", item)
        elif isinstance(item, dict):
            flat(item, name, into)
        else:
            into[name] = ("value", item)
    return into


def nanoseconds(text):
    """RFC 3339 with nanoseconds, as an integer."""
    seconds, rest = text.removesuffix("Z").split(".")
    moment = datetime.datetime.fromisoformat(seconds + "+00:00") - EPOCH
    return (moment.days * 86_400 + moment.seconds) * 10**9 + int(rest)


def differences(row, expected, schema):
    """What differs between a row of a table and what JSON says."""
    row = {name: value for name, value in row.items() if value is not None}
    for name, (kind, value) in expected.items():
        if name not in schema.names:
            yield f"{name} has no column"
            continue
        found = row.pop(name, None)
        if kind == "json":
            found = None if found is None else json.loads(found)
        elif pyarrow.types.is_timestamp(schema.field(name).type):
            nanos = "time_ns" if name == "@timestamp" else f"{name}_ns"
            wanted = nanoseconds(value)
            exact = row.pop(nanos, None)
            if exact != (wanted if wanted < 2**63 else None):
                yield f"{nanos} is {exact}, not {wanted}"
            found, value = (found - EPOCH) // datetime.timedelta(microseconds=1), wanted // 1000
        elif isinstance(value, int) and not isinstance(value, bool) and value >= 2**63:
            value = None
        COUNTS["values"] += 1
        if found != value or type(found) is not type(value):
            yield f"{name} is {found!r}, not {value!r}"
    yield from (f"{name} is {value!r}, and absent in JSON" for name, value in row.items())


def compare(what, table, objects):
    """Ends where a table is not what the objects say."""
    if table.num_rows != len(objects):
        sys.exit(f"{what}: {table.num_rows} rows, not {len(objects)}")
    for number, (row, value) in enumerate(zip(table.to_pylist(), objects)):
        wrong = list(differences(row, flat(value, "", {}), table.schema))
        if wrong:
            sys.exit(f"{what}: row {number}: " + "; ".join(wrong))


def timed(value):
    """Rows of a summary with intervals."""
    for part in value["intervals"]:
        start = {"start": part["start"]} if "start" in part else {}
        yield from ({**start, **row} for row in part["rows"])


COMMANDS = [
    (["annotate"], None),
    (["flows"], None),
    (["summary"], lambda value: value["rows"]),
    (["summary", "--by", "service,server"], lambda value: value["rows"]),
    (["summary", "--interval", "1s"], timed),
    (["hosts"], lambda value: value["hosts"]),
    (["discover"], lambda value: value["instances"]),
    (["discover", "--queries"], lambda value: value["queries"]),
    (["discover", "--events"], lambda value: value["events"]),
]


def check(program, capture, folder):
    """One capture, through all commands."""
    for command, rows in COMMANDS:
        what = f"{' '.join(command)} {capture}"
        text = output(program, *command, capture, "--format", "json")
        objects = [json.loads(line) for line in text.splitlines()] if rows is None else list(rows(json.loads(text)))
        file = folder / "rows.parquet"
        output(program, *command, capture, "--format", "parquet", "-o", file)
        table = pyarrow.parquet.read_table(file)
        compare(what, table, objects)
        stream = folder / "rows.arrows"
        stream.write_bytes(output(program, *command, capture, "--format", "arrow"))
        with pyarrow.ipc.open_stream(stream) as reader:
            streamed = reader.read_all()
        compare(f"{what} (stream)", streamed, objects)
        metadata = pyarrow.parquet.read_metadata(file).metadata
        told = {key.decode(): metadata[key].decode() for key in metadata if key != b"ARROW:schema"}
        if told["input.name"] != str(capture) or not told["registry.updated"] or not told["portolan.version"]:
            sys.exit(f"{what}: the file says of itself {told}")
        for name, frame in [("file", polars.read_parquet(file)), ("stream", polars.read_ipc_stream(stream))]:
            if frame.shape != (len(objects), len(table.schema)):
                sys.exit(f"{what}: polars reads a {name} of {frame.shape}")
        if command == ["annotate"]:
            sums(program, capture, file)
    COUNTS["pa"] += 1


def sums(program, capture, file):
    """Octets by row and by name of the service, as DuckDB adds them up and as the summary does."""
    rows = json.loads(output(program, "summary", capture, "--format", "json"))["rows"]
    found = duckdb.sql(f"""SELECT "row", sum(frame_original) FROM '{file}' GROUP BY ALL""").fetchall()
    expected = {row["key"]: row["bytes"] for row in rows}
    if dict(found) != expected:
        sys.exit(f"{capture}: DuckDB says {dict(found)}, the summary {expected}")
    # What nobody answered has rows of its own in a summary, and the name that was asked for in a packet.
    found = duckdb.sql(
        f"""SELECT svc_name, sum(frame_original) FROM '{file}'
        WHERE "row" = svc_name || '/' || svc_transport GROUP BY ALL"""
    ).fetchall()
    expected = {}
    for row in rows:
        if "name" in row:
            expected[row["name"]] = expected.get(row["name"], 0) + row["bytes"]
    if dict(found) != expected:
        sys.exit(f"{capture}: DuckDB says {dict(found)}, the summary {expected}")


def metadata(program, capture, folder):
    """What is told of columns."""
    file = folder / "told.parquet"
    output(program, "annotate", capture, "--format", "parquet", "-o", file)
    schema = pyarrow.parquet.read_schema(file)
    length = {key.decode(): value.decode() for key, value in schema.field("frame_original").metadata.items()}
    length.pop("PARQUET:field_id", None)
    assert length == {"path": "frame.original", "meaning": "length on the wire", "unit": "octets"}, length
    address = schema.field("source_ip").metadata
    assert address[b"ecs"] == b"source.ip", address
    types = [(name, str(schema.field(name).type)) for name in ("@timestamp", "time_ns", "source_port", "svc_layers")]
    assert types == [
        ("@timestamp", "timestamp[us, tz=UTC]"),
        ("time_ns", "int64"),
        ("source_port", "int32"),
        ("svc_layers", "list<item: string not null>"),
    ], types
    # Nobody gets a number without a sign: Spark would make decimals of them.
    assert not [field for field in schema if str(field.type).startswith("uint")]
    chosen = output(program, "annotate", capture, "--format", "arrow", "--columns", "svc.name,frame.number")
    with pyarrow.ipc.open_stream(chosen) as reader:
        assert reader.schema.names == ["svc_name", "frame_number"], reader.schema.names
    columns = duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{file}')").fetchall()
    kinds = {name: kind for name, kind in columns}
    assert kinds["@timestamp"] == "TIMESTAMP WITH TIME ZONE" and kinds["frame_original"] == "BIGINT", kinds
    assert kinds["svc_name"] == "VARCHAR" and kinds["svc_candidates"] == "VARCHAR[]", kinds


def main():
    program, captures = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for capture in captures:
            check(program, capture, folder)
        metadata(program, captures[0], folder)
    # So that nothing passes because nothing was read.
    assert COUNTS["pa"] == len(captures) > 0 and COUNTS["values"] > 100 * len(captures), COUNTS
    print(f"{COUNTS['pa']} captures, {COUNTS['values']} values as in JSON")


if __name__ == "__main__":
    main()
