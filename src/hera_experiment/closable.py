"""What is closed at the end of a ``with``."""

from __future__ import annotations

from typing import TypeVar

C = TypeVar("C", bound="Closable")


class Closable:
    """Something that holds what must be let go: ``with`` calls :meth:`close`."""

    def close(self) -> None:
        """Let it go."""
        raise NotImplementedError

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
