"""A lake of captures, on an engine that you have.

The work has three steps: learn each piece, merge what was learned in order of time, annotate each piece with all of it. The
records are then those of one run over everything. Dask:

    from dask.distributed import Client
    from portolan import lake

    with Client("scheduler:8786") as client:
        learned = lake.learn_all(client, files, "knowledge")
        whole = lake.merge_tree(client, learned.results, "lake.know")
        lake.annotate_all(client, files, whole, "packets")

Spark:

    lake.spark(session, files, "knowledge", "packets")

All paths are seen by every worker. The engine retries a piece that fails; what fails for good is told by its name in `failed`
and leaves the others alone. Each file is written under another name first: a run that was interrupted leaves none that is
half, and one that is repeated writes the same files.
"""

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import PortolanError, annotate, learn, merge

__all__ = ["Outcome", "Written", "annotate_all", "annotate_piece", "learn_all", "learn_piece", "merge_tree", "spark"]

# Knowledge files that one worker joins at a time.
WIDTH = 8
# Hours whose files one piece keeps open at a time.
OPEN = 24


@dataclass
class Outcome:
    """What came of the pieces of a lake."""

    results: list = field(default_factory=list)
    """Of each piece that was done, in the order of the pieces."""
    failed: dict = field(default_factory=dict)
    """Of each other one, by its path: why."""


@dataclass(frozen=True)
class Written:
    """What one piece became."""

    piece: str
    """Its path."""
    files: tuple
    """The Parquet files, in order of time."""
    rows: int
    """Records in them."""
    error: str | None = None
    """What is wrong with the piece behind the records that were read."""


def _name(piece):
    """A name for what a piece becomes: two pieces of the same name lie in different folders."""
    path = os.path.abspath(os.fspath(piece))
    return f"{Path(path).name.split('.')[0]}-{hashlib.sha256(path.encode()).hexdigest()[:12]}"


def learn_piece(piece, folder, interval=None):
    """Learns one capture into a file of `folder`; what comes behind damage is left out, and told in `error`."""
    os.makedirs(folder, exist_ok=True)
    known = learn(piece, os.path.join(folder, _name(piece) + ".know"), interval=interval, threads=1, strict=False)
    error = None if known.error is None else str(known.error)
    # As text it passes between processes.
    return replace(known, error=error)


def _schema(records):
    """The columns, with what is said of them in one order: the same records make the same files."""
    import pyarrow

    schema = pyarrow.schema(records)
    in_order = lambda metadata: dict(sorted((metadata or {}).items()))
    fields = [field.with_metadata(in_order(field.metadata)) for field in schema]
    return pyarrow.schema(fields, in_order(schema.metadata))


class _Hours:
    """Parquet files of one piece, one for each hour of its packets, in a tree `date=2026-11-27/hour=15`."""

    def __init__(self, folder, name, schema):
        self.folder, self.name, self.schema = folder, name, schema
        self.open, self.parts = OrderedDict(), {}

    def write(self, hour, batch):
        """Adds records of the hour that begins then, or of packets without a time."""
        import pyarrow.parquet

        if hour not in self.open:
            if len(self.open) >= OPEN:
                _, oldest = self.open.popitem(last=False)
                oldest.close()
            number = len(self.parts.setdefault(hour, []))
            path = os.path.join(self.folder, _partition(hour), f"{self.name}-{number}.parquet")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self.open[hour] = pyarrow.parquet.ParquetWriter(path + ".part", self.schema, compression="zstd")
            self.parts[hour].append(path)
        self.open.move_to_end(hour)
        self.open[hour].write_batch(batch)

    def close(self):
        """Ends all files and gives them their names, which are returned."""
        for writer in self.open.values():
            writer.close()
        paths = [path for hour in sorted(self.parts, key=str) for path in self.parts[hour]]
        for path in paths:
            os.replace(path + ".part", path)
        return tuple(paths)

    def abandon(self):
        """Leaves nothing behind."""
        for writer in self.open.values():
            writer.close()
        for path in (path for paths in self.parts.values() for path in paths):
            if os.path.exists(path + ".part"):
                os.remove(path + ".part")


def _partition(hour):
    """The folder of the hour that begins then, as Hive has them; of packets without a time, where there is none."""
    if hour is None:
        return os.path.join("date=__HIVE_DEFAULT_PARTITION__", "hour=__HIVE_DEFAULT_PARTITION__")
    return os.path.join(f"date={hour:%Y-%m-%d}", f"hour={hour:%H}")


def annotate_piece(piece, knowledge, folder, columns=None):
    """Annotates one capture with what is known of all, into Parquet files by the hour of its packets."""
    import pyarrow
    import pyarrow.compute

    if columns is not None and "@timestamp" not in columns:
        columns = ["@timestamp", *columns]
    records = annotate(piece, columns=columns, knowledge=knowledge, threads=1, strict=False)
    hours, rows = _Hours(folder, _name(piece), _schema(records)), 0
    try:
        for batch in records:
            batch = pyarrow.record_batch(batch)
            rows += batch.num_rows
            hour = pyarrow.compute.floor_temporal(batch.column("@timestamp").cast(pyarrow.timestamp("us")), unit="hour")
            for one in pyarrow.compute.unique(hour):
                is_it = hour.is_null() if one.as_py() is None else pyarrow.compute.equal(hour, one)
                hours.write(one.as_py(), batch.filter(is_it))
    except BaseException:
        hours.abandon()
        raise
    error = None if records.error is None else str(records.error)
    return Written(os.fspath(piece), hours.close(), rows, error)


def _gather(client, function, pieces, *arguments, retries):
    """Runs a function on each piece on the workers of Dask, and tells what failed."""
    futures = client.map(function, pieces, *([argument] * len(pieces) for argument in arguments), retries=retries, pure=False)
    outcome = Outcome()
    for piece, future in zip(pieces, futures):
        # Waits; raises nothing.
        error = future.exception()
        if error is None:
            outcome.results.append(future.result())
        else:
            outcome.failed[os.fspath(piece)] = error
    return outcome


def learn_all(client, pieces, folder, *, interval=None, retries=2):
    """Learns captures on the workers of a Dask client, each into a file of `folder`. Results are `Knowledge`; with `interval` it
    has traffic over time."""
    arguments = (os.fspath(folder), interval)
    return _gather(client, learn_piece, [os.fspath(piece) for piece in pieces], *arguments, retries=retries)


def _in_order(known):
    """Knowledge in order of time; what has no time behind all others."""
    return sorted(known, key=lambda one: (one.first is None, one.first or 0, one.path))


def merge_tree(client, known, output, *, width=WIDTH, retries=2):
    """Merges `Knowledge` in order of time on the workers of a Dask client, some files at a time, into the file `output`."""
    level, known, passing = 0, _in_order(known), []
    while len(known) > width:
        groups = [known[at : at + width] for at in range(0, len(known), width)]
        names = [f"{os.fspath(output)}.{level}-{number}" for number in range(len(groups))]
        merged = client.map(merge, groups, names, retries=retries, pure=False)
        known, level = client.gather(merged), level + 1
        passing += known
    whole = client.submit(merge, known, os.fspath(output), retries=retries, pure=False).result()
    for one in passing:
        os.remove(one)
    return whole


def annotate_all(client, pieces, knowledge, folder, *, columns=None, retries=2):
    """Annotates captures on the workers of a Dask client into Parquet files by date and hour. Results are `Written`."""
    arguments = (os.fspath(knowledge), os.fspath(folder), columns)
    return _gather(client, annotate_piece, [os.fspath(piece) for piece in pieces], *arguments, retries=retries)


def _in_spark(session, function, pieces, retries):
    """Runs a function on each piece on the executors of Spark. What it returns comes back as it is."""
    import base64
    import pickle

    def work(batches):
        import pyarrow

        for batch in batches:
            for piece in batch.column("piece").to_pylist():
                for left in range(retries, -1, -1):
                    try:
                        said = pickle.dumps((True, function(piece)))
                        break
                    except (OSError, PortolanError, ValueError) as error:
                        said = pickle.dumps((False, str(error)))
                columns = [[piece], [base64.b64encode(said).decode()]]
                yield pyarrow.RecordBatch.from_arrays([pyarrow.array(one) for one in columns], ["piece", "said"])

    pieces = [os.fspath(piece) for piece in pieces]
    frame = session.createDataFrame([(piece,) for piece in pieces], "piece string").repartition(max(1, len(pieces)))
    said = {row.piece: pickle.loads(base64.b64decode(row.said)) for row in frame.mapInArrow(work, "piece string, said string").collect()}
    outcome = Outcome()
    for piece in pieces:
        done, result = said[piece]
        if done:
            outcome.results.append(result)
        else:
            outcome.failed[piece] = result
    return outcome


def spark(session, pieces, knowledge, folder, *, columns=None, interval=None, retries=2):
    """The three steps as jobs of Spark: learns into files of the folder `knowledge`, merges on the driver, annotates into Parquet
    files by date and hour in `folder`. Results are `Written`."""
    knowledge, folder = os.fspath(knowledge), os.fspath(folder)
    learned = _in_spark(session, lambda piece: learn_piece(piece, knowledge, interval), pieces, retries)
    whole = os.fspath(merge(_in_order(learned.results), os.path.join(knowledge, "lake.know")))
    pieces = [piece for piece in map(os.fspath, pieces) if piece not in learned.failed]
    written = _in_spark(session, lambda piece: annotate_piece(piece, whole, folder, columns), pieces, retries)
    return Outcome(written.results, {**learned.failed, **written.failed})
