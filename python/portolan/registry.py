"""The IANA Service Name and Transport Protocol Port Number Registry, as the command has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from typing import Any

from . import _native

__all__ = ["lookup", "updated"]


def lookup(*queries: str, registry: Sequence[str | PathLike[str]] = ()) -> list[dict[str, Any]]:
    """Registrations of ports (`443/tcp`, `443`), names (`https`) and DNS-SD types (`_ipp._tcp`).

    What is not found has none. `registry` lists files with names of your own, which come first.
    """
    return json.loads(_native.lookup(list(queries), list(registry)))


def updated() -> str:
    """The date of the registry in use."""
    return _native.updated()
