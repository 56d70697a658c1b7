from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Literal, NoReturn

from . import registry as registry

__version__: str

_Path = str | PathLike[str]
_Source = _Path | Sequence[_Path] | bytes
_By = Literal[
    "service", "protocol", "port", "endpoint", "server", "client", "host", "domain", "conversation", "evidence", "vlan",
    "interface", "transport",
]

class PortolanError(Exception):
    """What is wrong with an input."""

    file: str | None
    """Its path; `bytes` where it is none."""
    packet: int | None
    """Where it is damaged, the number of the packet that would have come next, from 1."""
    offset: int | None
    """Where it is damaged, in octets of the decompressed input."""

class Batch:
    """One batch of records; takes part in the Arrow PyCapsule interface."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def __arrow_c_schema__(self) -> object: ...
    def __len__(self) -> int: ...

class Records:
    """Batches of records, read once; takes part in the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...
    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
    @property
    def error(self) -> PortolanError | None:
        """What is wrong with the input, once all was read that could be."""
    def __iter__(self) -> Iterator[Batch]: ...
    def __next__(self) -> Batch: ...

def annotate(
    source: _Source,
    *,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    count: int | None = None,
    registry: Sequence[_Path] | None = None,
    threads: int | None = None,
    strict: bool = True,
    knowledge: _Path | None = None,
    piece: tuple[int, int] | None = None,
) -> Records: ...
def flows(
    source: _Source,
    *,
    where: str | None = None,
    registry: Sequence[_Path] | None = None,
    threads: int | None = None,
    strict: bool = True,
    knowledge: _Path | None = None,
) -> Records: ...
def summary(
    source: _Source,
    *,
    by: _By | Sequence[_By] = "service",
    interval: float | str | None = None,
    registry: Sequence[_Path] | None = None,
    threads: int | None = None,
    strict: bool = True,
    knowledge: _Path | None = None,
) -> Records: ...
def hosts(
    source: _Source,
    *,
    registry: Sequence[_Path] | None = None,
    threads: int | None = None,
    strict: bool = True,
    knowledge: _Path | None = None,
) -> Records: ...
def discover(
    source: _Source,
    *,
    what: Literal["instances", "events", "queries"] = "instances",
    registry: Sequence[_Path] | None = None,
    threads: int | None = None,
    strict: bool = True,
    knowledge: _Path | None = None,
) -> Records: ...
@dataclass(frozen=True)
class Knowledge(PathLike[str]):
    """A file of what was learned: a path like any other, and what it is of."""

    path: str
    first: int | None
    """Earliest time of a packet, in ns since the epoch."""
    last: int | None
    """Latest time of a packet, in ns since the epoch."""
    packets: int
    octets: int
    """Octets on the wire."""
    error: PortolanError | None = None
    """What is wrong with the input; only where `strict` is false."""
    reached: tuple[int, bool] | None = None
    """Where the next piece begins, and whether what follows is read as the file begins."""

    def __fspath__(self) -> str: ...

def learn(
    source: _Source,
    output: _Path,
    *,
    interval: float | str | None = None,
    registry: Sequence[_Path] | None = None,
    threads: int | None = None,
    strict: bool = True,
    piece: tuple[int, int] | None = None,
) -> Knowledge: ...
def pieces(source: _Path, octets: int) -> list[tuple[int, int]]: ...
def merge(files: Iterable[_Path], output: _Path, *, registry: Sequence[_Path] | None = None) -> Knowledge: ...
def main() -> NoReturn: ...
