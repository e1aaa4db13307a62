"""Environments that one run of the tests makes once: what they cost is mostly pip's time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stranger import Shell


class SharedEnvironments:
    """The ``.venv`` of a generated project, and the environments of its containers.

    Each project gets files of its own, which are links to the same content: nothing may be written
    into them, replacing them is fine. ``folder`` is one for all workers of a run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    @classmethod
    def of(cls, factory: pytest.TempPathFactory) -> SharedEnvironments:
        """Return those of this run."""
        base = factory.getbasetemp()
        return cls((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "environments")

    def lend_venv(self, shell: Shell) -> None:
        """Give a project the ``.venv`` that it would make itself, with all for its development."""
        with self._alone():
            kept = self._folder / "venv"
            if not kept.exists():
                made = shell("make test ARGS=--version")
                assert made.returncode == 0, made.stderr
                _link(shell.folder / ".venv", kept)
            else:
                _link(kept, shell.folder / ".venv")

    @contextmanager
    def lend_containers(self, project: Path) -> Iterator[None]:
        """Give a project the environments of containers that were made, and keep what it adds."""
        there, kept = project / ".hera" / "venvs", self._folder / "containers"
        there.parent.mkdir(mode=0o700, exist_ok=True)
        with self._alone():
            _link_each(kept, there)
        yield
        with self._alone():
            _link_each(there, kept)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _link_each(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700, exist_ok=True)
    for one in source.glob("*/complete"):
        if not (target / one.parent.name).exists():
            _link(one.parent, target / one.parent.name)


def _link(source: Path, target: Path) -> None:
    # Not there before it is whole, whatever happens on the way.
    begun = target.with_name(f"{target.name}.new")
    shutil.copytree(source, begun, symlinks=True, copy_function=os.link)
    begun.rename(target)
