#!/usr/bin/env python3
"""usage: queries.py PORTOLAN

Runs what docs/sql.md shows: its commands on the samples, then each query, whose answer stands behind it. With UPDATE_DOCS
in the environment writes the answers.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "sql.md"


def answer(query):
    """Rows as lines, their cells parted by bars, under the names of the columns."""
    relation = duckdb.sql(query)
    rows = [relation.columns, *relation.fetchall()]
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells)
    return "\n".join(lines)


def main():
    program = Path(sys.argv[1]).resolve()
    text = PAGE.read_text()
    with tempfile.TemporaryDirectory() as folder:
        for capture in (ROOT / "samples").glob("*.pcap*"):
            (Path(folder) / capture.name).symlink_to(capture)
        os.chdir(folder)
        (commands,) = re.findall(r"```sh\n(.*?)```", text, re.S)
        for line in commands.splitlines():
            subprocess.run([program, *shlex.split(line)[1:]], check=True)
        queries = 0

        def run(match):
            nonlocal queries
            queries += 1
            return f"```sql\n{match[1]}```\n\n```text\n{answer(match[1])}\n```\n"

        new = re.sub(r"```sql\n(.*?)```\n(?:\n```text\n.*?```\n)?", run, text, flags=re.S)
    # Each has found something: a header alone is no answer.
    blocks = re.findall(r"```text\n(.*?)```", new, re.S)
    assert queries == len(blocks) >= 7 and all(block.count("\n") > 1 for block in blocks), blocks
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(new)
    elif new != text:
        sys.exit(f"docs/sql.md does not say what its queries find; UPDATE_DOCS=1 writes it:\n{new}")
    print(f"{queries} queries")


if __name__ == "__main__":
    main()
