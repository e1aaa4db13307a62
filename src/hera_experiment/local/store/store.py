"""The local platform's memory: all workflows, their changes, and the laptop's objects."""

from __future__ import annotations

import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from hera_experiment.local.errors import AlreadyExists, NotFound
from hera_experiment.local.store.kept import KeptObjects
from hera_experiment.local.store.objects import (
    Objects,
    check_name,
    private_folder,
    write_private,
)
from hera_experiment.local.store.run import Run

_VERSIONS = 100_000_000
"""More changes than one server makes."""

KEPT_IN_MEMORY = 16
"""How many finished workflows stay in memory after they were looked at."""


class Store:
    """Everything below ``root`` (``.hera``), for the one server process that holds its lock.

    ``clock`` returns the present moment, with its time zone. A workflow's name is unique in the
    store, whatever its namespace: its folder, and its results in a claim, carry the name alone.
    """

    def __init__(self, root: Path, clock: Callable[[], datetime]) -> None:
        self.root = private_folder(root)
        self.root.chmod(0o700)
        self.objects = Objects(root)
        self.kept = KeptObjects(root, self)
        self._folder = private_folder(root / "runs")
        self._runs: dict[str, Run] = {}
        # Order of locks: _creating, then a run's own, then _lock.
        self._creating = threading.Lock()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._passed = threading.Condition(self._lock)
        # Versions must grow from server to server without reading every journal, also where the
        # clock was set back: each server notes what the next one has to begin above.
        self._version = max(int(clock().timestamp() * 1_000_000), self._noted())
        self._note(self._version + _VERSIONS)
        self._milestone = self._version
        self._in_memory: OrderedDict[str, Run] = OrderedDict()
        for entry in os.scandir(self._folder):
            if entry.name.startswith("."):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.is_dir():
                self._runs[entry.name] = Run(self._folder / entry.name, self)

    def create(self, manifest: dict[str, Any]) -> Run:
        """Keep a new workflow; raises :class:`AlreadyExists` when the name is taken."""
        name = str(manifest["metadata"]["name"])
        check_name(name)
        with self._creating:
            folder = self._folder / name
            old = self._runs.get(name) or Run(folder, self)
            if folder.exists():
                if _began(old):
                    raise AlreadyExists(f'workflows.argoproj.io "{name}" already exists')
                shutil.rmtree(self._set_aside(folder), ignore_errors=True)
            run = Run(folder, self)
            try:
                private_folder(folder / "logs")
                run.begin(manifest, appear=lambda: self._runs.update({name: run}))
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return run

    def get(self, namespace: str, name: str) -> Run:
        """Return a workflow, of any namespace when empty; raises :class:`NotFound`."""
        with self._lock:
            run = self._runs.get(name)
        if run is None or not _began(run) or namespace not in ("", run.namespace):
            raise NotFound(f'workflows.argoproj.io "{name}" not found')
        return run

    def runs(self, namespace: str = "") -> list[Run]:
        """Return the workflows of a namespace (of all when empty), newest first."""
        with self._lock:
            runs = list(self._runs.values())
        runs = [run for run in runs if _began(run) and namespace in ("", run.namespace)]
        return sorted(runs, key=lambda run: run.created, reverse=True)

    def live(self) -> list[Run]:
        """Return the workflows that run, without reading any other from disk."""
        with self._lock:
            runs = list(self._runs.values())
        return [run for run in runs if run.live]

    def delete(self, namespace: str, name: str) -> None:
        """Remove the journal and the logs of a workflow, not what it wrote to claims."""
        run = self.get(namespace, name)
        doomed: list[Path] = []
        run.discard(lambda: doomed.append(self._forget(run)))
        for folder in doomed:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> list[str]:
        """Write down what there was no room for; return the names of runs that are not written."""
        with self._lock:
            runs = list(self._runs.values())
        return [run.name for run in runs if not run.catch_up()]

    @property
    def version(self) -> int:
        """The version of the latest change."""
        with self._lock:
            return self._version

    @property
    def milestone(self) -> int:
        """The version at which a workflow was last created, finished, resumed or deleted."""
        with self._lock:
            return self._milestone

    def wait(self, version: int, timeout: float) -> int:
        """Block until anything changed past ``version``; return the latest version."""
        with self._lock:
            self._changed.wait_for(lambda: self._version > version, timeout)
            return self._version

    def wait_milestone(self, version: int, timeout: float) -> int:
        """Block until there was a milestone past ``version``; return the latest one's."""
        with self._lock:
            self._passed.wait_for(lambda: self._milestone > version, timeout)
            return self._milestone

    @contextmanager
    def publish(self, milestone: bool) -> Iterator[int]:
        """Give a change its version, and wake those who wait when it is done (for Run)."""
        with self._lock:
            self._version += 1
            yield self._version
            self._changed.notify_all()
            if milestone:
                self._milestone = self._version
                self._passed.notify_all()

    def opened(self, run: Run) -> None:
        """Keep the number of finished workflows in memory small (for Run)."""
        with self._lock:
            self._in_memory[run.name] = run
            self._in_memory.move_to_end(run.name)
            surplus = list(self._in_memory.values())[: -KEPT_IN_MEMORY or None]
        for old in surplus:
            if old.deleted or old.forget():
                with self._lock:
                    self._in_memory.pop(old.name, None)

    def _noted(self) -> int:
        try:
            return int((self.root / "version").read_bytes())
        except (OSError, ValueError):
            return 0

    def _note(self, version: int) -> None:
        # On a full disk the clock has to do.
        with suppress(OSError):
            write_private(self.root / "version", b"%d" % version)

    def _forget(self, run: Run) -> Path:
        self._runs.pop(run.name, None)
        self._in_memory.pop(run.name, None)
        return self._set_aside(run.folder)

    def _set_aside(self, folder: Path) -> Path:
        # Renamed before it is removed, so that a server that dies leaves no half of a workflow.
        return folder.rename(folder.with_name(f".{folder.name}.{self._version}"))


def _began(run: Run) -> bool:
    """Tell a workflow from a folder whose server died before its first line was written."""
    try:
        run.head()
    except NotFound:
        return False
    return not run.deleted
