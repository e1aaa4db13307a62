"""What goes in and out of a handler: a request, a JSON answer or a stream of JSON objects."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, BinaryIO

from hera_experiment.local.engine.controller import Engine
from hera_experiment.local.errors import InvalidWorkflow
from hera_experiment.local.runtimes.base import AUTO
from hera_experiment.local.store import Store


@dataclass(frozen=True)
class Claims:
    """What a client's token says about it: who it is, and how its workflows run."""

    session: str = ""
    runtime: str = AUTO


@dataclass(frozen=True)
class Services:
    """What handlers work with. ``closing`` becomes true when the server is about to end.

    ``monotonic`` and ``now`` return seconds, the latter since the epoch.
    """

    store: Store
    engine: Engine
    closing: Callable[[], bool]
    monotonic: Callable[[], float]
    now: Callable[[], float]


@dataclass(frozen=True)
class Request:
    """One request: ``path`` holds the variable segments of the path by name."""

    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes
    claims: Claims
    services: Services
    gone: Callable[[], bool] = field(default=lambda: False)

    @property
    def namespace(self) -> str:
        """The namespace of the path, empty for all."""
        return self.path.get("namespace", "")

    @property
    def name(self) -> str:
        """The object's name in the path."""
        return self.path.get("name", "")

    def option(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def flag(self, name: str) -> bool:
        """Return a query parameter as Go's ParseBool reads it; False when it is absent."""
        return self.option(name).lower() in ("true", "t", "1")

    def number(self, name: str) -> int | None:
        """Return a query parameter as an integer, None when it is absent."""
        text = self.option(name)
        if not text:
            return None
        with contextlib.suppress(ValueError):
            if -(1 << 63) <= (value := int(text)) < 1 << 63:
                return value
        raise InvalidWorkflow(f"{name}={text[:80]!r} is not an integer")

    def time(self, name: str) -> datetime | None:
        """Return a query parameter as a moment, None when it is absent."""
        # A plus sign that the client did not encode arrives as a space.
        text = self.option(name).replace(" ", "+")
        if not text:
            return None
        if not _RFC_3339.fullmatch(text):
            raise InvalidWorkflow(f"{name}={text!r} is not a time like 2026-11-05T08:00:00Z")
        return parse_time(text)

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; an empty body is an empty object."""
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidWorkflow(f"the body is not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise InvalidWorkflow("the body is not a JSON object")
        return value


@dataclass(frozen=True)
class Stream:
    """An answer that goes on: an item is one JSON object, or many on a line each, in pieces.

    No pieces are a sign of life.
    """

    items: Generator[tuple[bytes, ...], None, None]


@dataclass(frozen=True)
class File:
    """An answer that is ``size`` bytes of a file, called ``name``, and what it is."""

    content: BinaryIO
    size: int
    name: str = ""
    media: str = ""


@dataclass(frozen=True)
class Moved:
    """An answer that sends the client to another path."""

    path: str


Answer = bytes | dict[str, Any] | Stream | File | Moved
Handler = Callable[[Request], Answer]


_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def parse_time(text: object) -> datetime:
    """Return the moment that a text of RFC 3339 names; the epoch for anything else."""
    if match := _RFC_3339.fullmatch(str(text)):
        zone = "+00:00" if match[3] in "Zz" else match[3]
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")
    return datetime.fromtimestamp(0, timezone.utc)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
