#!/usr/bin/env python3
"""usage: texts.py PORTOLAN CAPTURE…

Has DuckDB, pandas and jq read every format of text for programs, and holds what each of them counts and adds up against what
Python's own readers of JSON and CSV say. Says what differs and ends with 1.
"""

import csv
import io
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pandas

from check import output

# What is written, where its rows stand in JSON, and a column of amounts: as JSON's path, as CSV's name.
ROWS = [
    ("annotate", [], None, ("frame", "original")),
    ("flows", [], None, ("network", "bytes")),
    ("summary", [], "rows", ("bytes",)),
    ("summary", ["--by", "service,server"], "rows", ("packets",)),
    ("hosts", [], "hosts", ("bytes",)),
    ("discover", [], "instances", None),
]
# Documents whose rows are no table, or that have no CSV.
DOCUMENTS = [
    ("explain", ["--packet", "1"]),
    ("config", ["show"]),
    ("registry", ["info"]),
    ("registry", ["lookup", "443/tcp"]),
]
FAULTS = []


def expect(what, got, wanted):
    if got is None or not math.isclose(got, wanted, rel_tol=0, abs_tol=0):
        FAULTS.append(f"{what}: {got} instead of {wanted}")


def jq(query, path):
    return json.loads(subprocess.run(["jq", "-s", query, str(path)], check=True, capture_output=True).stdout)


def read_rows(text, rows):
    """The rows of JSON, which are lines where they stand nowhere."""
    if rows is None:
        return [json.loads(line) for line in text.splitlines()]
    return json.loads(text)[rows]


def total(rows, path):
    def value(row):
        for key in path:
            row = row.get(key, {})
        return row or 0
    return sum(map(value, rows))


def check_json(what, path, rows, amount):
    expected = read_rows(path.read_text(), rows)
    count, added = len(expected), total(expected, amount) if amount else 0
    source = f"read_json_auto('{path}', maximum_object_size=100000000, sample_size=-1)"
    of_row = amount and ".".join(f'"{key}"' for key in amount)
    if rows is None:
        expect(f"{what}: DuckDB", duckdb.sql(f"SELECT count(*) FROM {source}").fetchall()[0][0], count)
        frame = pandas.read_json(path, lines=True)
        expect(f"{what}: pandas", len(frame), count)
        expect(f"{what}: jq", jq("length", path), count)
    else:
        expect(f"{what}: DuckDB", duckdb.sql(f"SELECT len({rows}) FROM {source}").fetchall()[0][0], count)
        frame = pandas.json_normalize(json.loads(path.read_text())[rows])
        expect(f"{what}: pandas", len(frame), count)
        expect(f"{what}: jq", jq(f".[0].{rows} | length", path), count)
    if not amount or not expected:
        return
    inner = source if rows is None else f"(SELECT unnest({rows}) AS row FROM {source})"
    column = of_row if rows is None else f"row.{of_row}"
    expect(f"{what}: DuckDB adds", duckdb.sql(f"SELECT sum({column}) FROM {inner}").fetchall()[0][0], added)
    flat = pandas.json_normalize(expected)
    expect(f"{what}: pandas adds", int(flat[".".join(amount)].sum()), added)
    base = ".[]" if rows is None else f".[0].{rows}[]"
    expect(f"{what}: jq adds", jq(f"[{base}.{'.'.join(amount)}] | add", path), added)


def check_csv(what, path, amount, count):
    text = path.read_bytes()
    if b"\r" in text or not text.endswith(b"\n"):
        FAULTS.append(f"{what}: lines do not end in LF alone")
    expected = list(csv.DictReader(io.StringIO(text.decode("utf-8"), newline="")))
    expect(f"{what}: rows as in JSON", len(expected), count)
    source = f"read_csv('{path}', header = true, sample_size = -1)"
    expect(f"{what}: DuckDB", duckdb.sql(f"SELECT count(*) FROM {source}").fetchall()[0][0], count)
    frame = pandas.read_csv(path)
    expect(f"{what}: pandas", len(frame), count)
    if list(frame.columns) != list(csv.reader(io.StringIO(text.decode())).__next__()):
        FAULTS.append(f"{what}: pandas has other columns")
    if not amount or not expected:
        return
    name = "_".join(amount)
    added = sum(int(row[name] or 0) for row in expected)
    expect(f"{what}: DuckDB adds", duckdb.sql(f'SELECT sum("{name}") FROM {source}').fetchall()[0][0], added)
    expect(f"{what}: pandas adds", int(frame[name].sum()), added)


def check_zeek(program, capture, folder):
    path = folder / "conn.log"
    path.write_bytes(output(program, "flows", "--format", "zeek", capture))
    rows = read_rows(path.read_text(), None)
    if not rows:
        return
    source = f"read_json_auto('{path}', sample_size=-1)"
    added = sum(row["orig_pkts"] + row["resp_pkts"] for row in rows)
    got = duckdb.sql(f"SELECT count(*), sum(orig_pkts + resp_pkts) FROM {source}").fetchall()[0]
    expect(f"{capture.name}: zeek: DuckDB", got[0], len(rows))
    expect(f"{capture.name}: zeek: DuckDB adds", got[1], added)
    frame = pandas.read_json(path, lines=True)
    expect(f"{capture.name}: zeek: pandas adds", int((frame.orig_pkts + frame.resp_pkts).sum()), added)


def main():
    program, captures = Path(sys.argv[1]).resolve(), [Path(name).resolve() for name in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for capture in captures:
            for command, more, rows, amount in ROWS:
                what = f"{capture.name}: {' '.join([command, *more])}"
                text = folder / "rows.json"
                text.write_bytes(output(program, command, "-q", *more, "--format", "json", capture))
                check_json(f"{what}: json", text, rows, amount)
                count = len(read_rows(text.read_text(), rows))
                table = folder / "rows.csv"
                table.write_bytes(output(program, command, "-q", *more, "--format", "csv", capture))
                check_csv(f"{what}: csv", table, amount, count)
            check_zeek(program, capture, folder)
        for command, more in DOCUMENTS:
            path = folder / "document.json"
            inputs = [captures[0]] if command == "explain" else []
            path.write_bytes(output(program, command, *more, *inputs, "--format", "json"))
            whole = json.loads(path.read_text())
            count = len(whole)
            expect(f"{command}: jq", jq(".[0] | length", path), count)
            got = duckdb.sql(f"SELECT count(*) FROM read_json_auto('{path}', sample_size=-1)").fetchall()[0][0]
            expect(f"{command}: DuckDB", got, count if isinstance(whole, list) else 1)
    for fault in FAULTS:
        print(fault)
    print(f"{len(captures)} captures: {len(FAULTS)} faults")
    sys.exit(bool(FAULTS))


main()
