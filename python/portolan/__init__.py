"""Names every flow of a capture and says how it knows.

Each function takes a capture (a path, several paths, or the octets of one) and returns `Records`: batches of columns, which
pandas, polars, DuckDB and pyarrow take through Arrow's C stream without a copy:

    import polars, portolan
    polars.DataFrame(portolan.flows("office.pcapng"))

The columns are those of the command's `--format parquet`; `portolan help fields` lists what they mean, and so does the
metadata of each (`meaning`, `unit`, `ecs`).
"""

import os
from dataclasses import dataclass

from . import registry
from ._native import Batch, PortolanError, Records, __version__
from ._native import annotate as _annotate
from ._native import discover as _discover
from ._native import flows as _flows
from ._native import hosts as _hosts
from ._native import learn as _learn
from ._native import merge as _merge
from ._native import pieces as _pieces
from ._native import run as _run
from ._native import summary as _summary

__all__ = [
    "Batch",
    "Knowledge",
    "PortolanError",
    "Records",
    "__version__",
    "annotate",
    "discover",
    "flows",
    "hosts",
    "learn",
    "main",
    "merge",
    "pieces",
    "registry",
    "summary",
]


def annotate(
    source, *, columns=None, where=None, count=None, registry=None, threads=None, strict=True, knowledge=None, piece=None
):
    """One record per packet, each batch made while the one before is used.

    `columns` chooses fields by path, `where` packets by an expression as the command's `--where` takes it, `count` ends
    after so many of them. `registry` lists files with names of your own. All packets are learned from first, so a path that
    can be read only once (a pipe) has each packet named by what came before it.

    A damaged capture raises `PortolanError` behind its last batch; with `strict=False` it ends there, and `Records.error`
    tells. A file that cannot be opened raises at once.

    `knowledge` is a file that `learn` or `merge` wrote: it names what this capture alone does not. With the knowledge of all
    pieces of a capture, the records of each piece are those of the whole.

    `piece` is a range of octets that `pieces` told: the packets in it alone, numbered from 1.
    """
    return _annotate(
        source,
        columns=columns,
        where=where,
        count=count,
        registry=registry,
        threads=threads,
        strict=strict,
        knowledge=knowledge,
        piece=piece,
    )


def flows(source, *, where=None, registry=None, threads=None, strict=True, knowledge=None):
    """One record per flow, in the order in which they began.

    Here and below, knowledge files are inputs like captures, and `knowledge` names as in `annotate`.
    """
    return _flows(source, where=where, registry=registry, threads=threads, strict=strict, knowledge=knowledge)


def summary(source, *, by="service", interval=None, registry=None, threads=None, strict=True, knowledge=None):
    """Packets and octets per service, or per what `by` says: a word of `--by`, or several.

    `interval` (seconds, or a text as `"5m"`) has rows for each interval of capture time. A knowledge file knows those that it
    was learned with, and multiples of them.
    """
    by = [by] if isinstance(by, str) else list(by)
    interval = None if interval is None else str(interval)
    return _summary(
        source, by=by, interval=interval, registry=registry, threads=threads, strict=strict, knowledge=knowledge
    )


def hosts(source, *, registry=None, threads=None, strict=True, knowledge=None):
    """One record per host: addresses, MACs, names, and the services it offers and uses (as JSON)."""
    return _hosts(source, registry=registry, threads=threads, strict=strict, knowledge=knowledge)


def discover(source, *, what="instances", registry=None, threads=None, strict=True, knowledge=None):
    """What hosts advertise over DNS-SD: `instances`, `events` of their lives, or `queries` for them."""
    return _discover(source, what=what, registry=registry, threads=threads, strict=strict, knowledge=knowledge)


@dataclass(frozen=True)
class Knowledge:
    """A file of what was learned: a path like any other, and what it is of."""

    path: str
    """Where it is."""
    first: int | None
    """Earliest time of a packet, in ns since the epoch."""
    last: int | None
    """Latest time of a packet, in ns since the epoch."""
    packets: int
    """Packets learned from."""
    octets: int
    """Their octets on the wire."""
    error: PortolanError | None = None
    """What is wrong with the input; only where `strict` is false."""
    reached: tuple[int, bool] | None = None
    """The octet where reading ended, at which the next piece begins; and whether what follows is read as the file begins, since no
    section or interface came late. Otherwise the capture cannot be read in pieces."""

    def __fspath__(self):
        return self.path


def learn(source, output, *, interval=None, registry=None, threads=None, strict=True, piece=None):
    """Learns captures, writes what was learned to the file `output`, and returns it as `Knowledge`.

    With `interval` (seconds, or a text as `"5m"`) the file has traffic over time in intervals of that length, too.

    A damaged capture raises `PortolanError`, and nothing is written; with `strict=False` what came before the damage is.

    `piece` is a range of octets that `pieces` told; it was right if the piece before it ended there, as `Knowledge.reached` says.
    """
    output = os.fspath(output)
    interval = None if interval is None else str(interval)
    (*written, reached), error = _learn(
        source, output, interval=interval, registry=registry, threads=threads, strict=strict, piece=piece
    )
    return Knowledge(output, *written, error, reached)


def pieces(source, octets):
    """Ranges of a capture that can be read one by one, of about so many octets each; one of all, where it is compressed or of a
    format whose records cannot be found from its middle.

    Where one begins is a guess, which octets of a packet can fool: see `Knowledge.reached`. `portolan.lake` takes care of that.
    """
    return _pieces(source, octets)


def merge(files, output, *, registry=None):
    """Joins knowledge files of stretches of one capture, or of several, in order of time, into the file `output`."""
    output = os.fspath(output)
    *written, _ = _merge(list(files), output, registry=registry)
    return Knowledge(output, *written)


def main():
    """The command `portolan`, in the same library."""
    import sys

    sys.exit(_run(["portolan", *sys.argv[1:]]))
