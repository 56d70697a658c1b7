"""A lake of captures, on an engine that you have.

The work has three steps: learn each piece, merge what was learned in order of time, annotate each piece with all of it. The
records are then those of one run over everything. Dask:

    from dask.distributed import Client
    from portolan import lake

    with Client("scheduler:8786") as client:
        learned = lake.learn_all(client, files, "knowledge")
        whole = lake.merge_tree(client, learned.results, "lake.know")
        lake.annotate_all(client, learned.pieces, whole, "packets")

Spark:

    lake.spark(session, files, "knowledge", "packets")

A piece is a capture; with `octets=1 << 30` in `learn_all` and `spark`, captures that are larger, and neither compressed nor of a rare
format, are cut into pieces of about so many octets at records. Such pieces are annotated as `learned.pieces` has them.

All paths are seen by every worker. The engine retries a piece that fails; what fails for good is told by its name in `failed`
and leaves the others alone. Each file is written under another name first: a run that was interrupted leaves none that is
half, and one that is repeated writes the same files.
"""

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import PortolanError, annotate, learn, merge, pieces as pieces_of

__all__ = ["Outcome", "Piece", "Written", "annotate_all", "annotate_piece", "learn_all", "learn_piece", "merge_tree", "spark"]

# Knowledge files that one worker joins at a time.
WIDTH = 8
# Hours whose files one piece keeps open at a time.
OPEN = 24


@dataclass(frozen=True)
class Piece:
    """A range of octets of a capture."""

    path: str
    """The capture."""
    begin: int
    """Where its first record begins."""
    end: int
    """Where none of its records begins any more."""
    before: int = 0
    """Packets of the capture before it."""

    def __str__(self):
        return f"{self.path}[{self.begin}:{self.end}]"


@dataclass
class Outcome:
    """What came of the pieces of a lake."""

    results: list = field(default_factory=list)
    """Of each piece that was done, in the order of the pieces."""
    failed: dict = field(default_factory=dict)
    """Of each other one, by its path, and its range where it is not all of that: why."""
    pieces: list = field(default_factory=list)
    """The pieces that were done: paths, or `Piece`s."""


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


def _plain(piece):
    """A piece as it passes between processes: a path as text."""
    return piece if isinstance(piece, Piece) else os.fspath(piece)


def _range(piece):
    """The capture of a piece, and its range where it is not all of it."""
    return (piece.path, (piece.begin, piece.end)) if isinstance(piece, Piece) else (os.fspath(piece), None)


def _name(piece):
    """A name for what a piece becomes: two pieces of the same name lie in different folders, or in one capture."""
    path, octets = _range(piece)
    path = os.path.abspath(path)
    place = "" if octets is None else f"-{octets[0]:012x}"
    return f"{Path(path).name.split('.')[0]}-{hashlib.sha256(path.encode()).hexdigest()[:12]}{place}"


def learn_piece(piece, folder, interval=None):
    """Learns one capture into a file of `folder`; what comes behind damage is left out, and told in `error`."""
    os.makedirs(folder, exist_ok=True)
    path, octets = _range(piece)
    output = os.path.join(folder, _name(piece) + ".know")
    known = learn(path, output, interval=interval, threads=1, strict=False, piece=octets)
    error = None if known.error is None else str(known.error)
    # As text it passes between processes.
    return replace(known, error=error)


def split(path, octets):
    """The pieces of a capture, each of about so many octets: its path alone, where it cannot be cut."""
    found = pieces_of(path, octets)
    return [path] if len(found) < 2 else [Piece(path, begin, end) for begin, end in found]


def _chain(path, learned, again):
    """The pieces of a capture and what was learned of each, so that each begins where the one before it ended: what began
    elsewhere, fooled by octets that look like records, is learned `again`; all of it, where a section or interface came late."""
    if not isinstance(learned[0][0], Piece):
        return learned
    chain, at, before, last = [], 0, 0, learned[-1][0].end
    for piece, known in learned:
        if at >= piece.end:
            # The last record of the one before reaches over all of it.
            os.remove(known.path)
            continue
        if at != piece.begin:
            os.remove(known.path)
            piece = replace(piece, begin=at)
            known = again(piece)
        chain.append((replace(piece, before=before), known))
        at, is_alike = known.reached
        before += known.packets
        if known.error is not None:
            # Nothing is read behind damage.
            at = last
        if not is_alike and at < last:
            for _, one in learned + chain:
                if os.path.exists(one.path):
                    os.remove(one.path)
            return [(path, again(path))]
    return chain


def _joined(plans, outcome, again):
    """What came of all pieces of captures, in order; `outcome` is of all pieces as they were planned."""
    results = iter(outcome.results)
    joined = Outcome(failed=dict(outcome.failed))
    for plan in plans:
        learned = [(piece, next(results)) for piece in plan if str(piece) not in outcome.failed]
        if len(learned) < len(plan):
            # Where the next one begins nobody can tell.
            joined.failed.update({str(piece): "another piece of it failed" for piece, _ in learned})
            continue
        path = _range(plan[0])[0]
        try:
            chain = _chain(path, learned, again)
        except (OSError, PortolanError, ValueError) as error:
            joined.failed[path] = error
            continue
        joined.pieces += [piece for piece, _ in chain]
        joined.results += [known for _, known in chain]
    return joined


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
    path, octets = _range(piece)
    records = annotate(path, columns=columns, knowledge=knowledge, threads=1, strict=False, piece=octets)
    hours, rows = _Hours(folder, _name(piece), _schema(records)), 0
    try:
        for batch in records:
            batch = _numbered(pyarrow.record_batch(batch), getattr(piece, "before", 0))
            rows += batch.num_rows
            hour = pyarrow.compute.floor_temporal(batch.column("@timestamp").cast(pyarrow.timestamp("us")), unit="hour")
            for one in pyarrow.compute.unique(hour):
                is_it = hour.is_null() if one.as_py() is None else pyarrow.compute.equal(hour, one)
                hours.write(one.as_py(), batch.filter(is_it))
    except BaseException:
        hours.abandon()
        raise
    error = None if records.error is None else str(records.error)
    return Written(str(_plain(piece)), hours.close(), rows, error)


def _numbered(batch, before):
    """Records whose frames are numbered as in the whole capture, of which so many packets lie before them."""
    import pyarrow.compute

    place = batch.schema.get_field_index("frame_number")
    if before == 0 or place < 0:
        return batch
    column = batch.schema.field(place)
    return batch.set_column(place, column, pyarrow.compute.add(batch.column(place), before).cast(column.type))


def _gather(client, function, pieces, *arguments, retries):
    """Runs a function on each piece on the workers of Dask, and tells what failed."""
    futures = client.map(function, pieces, *([argument] * len(pieces) for argument in arguments), retries=retries, pure=False)
    outcome = Outcome()
    for piece, future in zip(pieces, futures):
        # Waits; raises nothing.
        error = future.exception()
        if error is None:
            outcome.results.append(future.result())
            outcome.pieces.append(piece)
        else:
            outcome.failed[str(piece)] = error
    return outcome


def learn_all(client, pieces, folder, *, interval=None, octets=None, retries=2):
    """Learns captures on the workers of a Dask client, each into a file of `folder`; with `octets` in pieces of about so many.
    Results are `Knowledge`; with `interval` it has traffic over time."""
    folder, plans, unread = os.fspath(folder), [[_plain(piece)] for piece in pieces], {}
    if octets is not None:
        found = _gather(client, split, [path for (path,) in plans], octets, retries=retries)
        plans, unread = found.results, found.failed
    outcome = _gather(client, learn_piece, sum(plans, []), folder, interval, retries=retries)
    again = lambda piece: client.submit(learn_piece, piece, folder, interval, retries=retries, pure=False).result()
    joined = _joined(plans, outcome, again)
    joined.failed.update(unread)
    return joined


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
    return _gather(client, annotate_piece, [_plain(piece) for piece in pieces], *arguments, retries=retries)


def _in_spark(session, function, pieces, retries):
    """Runs a function on each piece on the executors of Spark. What it returns comes back as it is."""
    import base64
    import pickle

    pieces = [_plain(piece) for piece in pieces]
    by_name = {str(piece): piece for piece in pieces}

    def work(batches):
        import pyarrow

        for batch in batches:
            for name in batch.column("piece").to_pylist():
                for left in range(retries, -1, -1):
                    try:
                        said = pickle.dumps((True, function(by_name[name])))
                        break
                    except (OSError, PortolanError, ValueError) as error:
                        said = pickle.dumps((False, str(error)))
                columns = [[name], [base64.b64encode(said).decode()]]
                yield pyarrow.RecordBatch.from_arrays([pyarrow.array(one) for one in columns], ["piece", "said"])

    frame = session.createDataFrame([(name,) for name in by_name], "piece string").repartition(max(1, len(pieces)))
    said = {row.piece: pickle.loads(base64.b64decode(row.said)) for row in frame.mapInArrow(work, "piece string, said string").collect()}
    outcome = Outcome()
    for piece in pieces:
        done, result = said[str(piece)]
        if done:
            outcome.results.append(result)
            outcome.pieces.append(piece)
        else:
            outcome.failed[str(piece)] = result
    return outcome


def spark(session, pieces, knowledge, folder, *, columns=None, interval=None, octets=None, retries=2):
    """The three steps as jobs of Spark: learns into files of the folder `knowledge`, merges on the driver, annotates into Parquet
    files by date and hour in `folder`. With `octets` captures are cut into pieces of about so many. Results are `Written`."""
    knowledge, folder = os.fspath(knowledge), os.fspath(folder)
    plans, unread = [[_plain(piece)] for piece in pieces], {}
    if octets is not None:
        found = _in_spark(session, lambda path: split(path, octets), [path for (path,) in plans], retries)
        plans, unread = found.results, found.failed
    learn_one = lambda piece: learn_piece(piece, knowledge, interval)
    learned = _joined(plans, _in_spark(session, learn_one, sum(plans, []), retries), learn_one)
    whole = os.fspath(merge(_in_order(learned.results), os.path.join(knowledge, "lake.know")))
    written = _in_spark(session, lambda piece: annotate_piece(piece, whole, folder, columns), learned.pieces, retries)
    return Outcome(written.results, {**unread, **learned.failed, **written.failed}, written.pieces)
