"""The tasks that were done, each with what it read and wrote, and how one is taken over.

A task is taken over when image, command, inputs and variables are the same, and all that it read
is what it read then; what it wrote is put where the new run wants it. Nothing is kept twice: files
are copied from the run that made them, as long as they are there unchanged.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hera_experiment.argo.usage import Touched
from hera_experiment.local.cache.accesses import CONTENT, Accesses, Trace, seen_now
from hera_experiment.local.cache.states import (
    ABSENT,
    FILE,
    FOLDER,
    LINK,
    Areas,
    Digests,
    Place,
    kind_of,
)

_KEPT = 4
"""Doings of one task that are remembered: it may go back and forth between inputs."""

_WORKFLOW = "<workflow>"

# A script gets its values like that where they must not break it.
_ENCODED = re.compile(r'"([A-Za-z0-9+/]{8,}={0,2})"')


@dataclass(frozen=True)
class Names:
    """What differs from run to run in the words of a task: its workflow's name and its own."""

    workflow: str
    pod: str
    node: str

    def hidden(self, value: Any) -> Any:
        """Return ``value``, of JSON, with a word in the place of each name."""
        if isinstance(value, str):
            plain = _ENCODED.sub(self._decoded, value)
            for name, word in ((self.pod, "<pod>"), (self.node, "<node>")):
                plain = plain.replace(name, word)
            return plain.replace(self.workflow, _WORKFLOW)
        if isinstance(value, Mapping):
            return {self.hidden(key): self.hidden(item) for key, item in value.items()}
        if isinstance(value, Sequence):
            return [self.hidden(item) for item in value]
        return value

    def _decoded(self, match: re.Match[str]) -> str:
        """Return what a text in quotation marks encodes, if a name is in it."""
        try:
            text = a2b_base64(match[1]).decode()
        except ValueError:
            return match[0]
        return f'"<base64>{text}"' if self.workflow in text else match[0]


@dataclass(frozen=True)
class Done:
    """A task that was done in ``workflow``: its ``outcome``, its log, and what it touched.

    Names in ``reads`` and ``writes`` have a word in the place of the workflow's.
    """

    workflow: str
    outcome: Mapping[str, Any]
    log: str
    reads: Mapping[str, Any] = field(default_factory=dict)
    writes: Mapping[str, str] = field(default_factory=dict)


class DoneTasks:
    """What is remembered below ``folder``; any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self.digests = Digests()

    def of(self, key: str) -> list[Done]:
        """Return what was done under ``key``, the newest first; what cannot be read is nothing."""
        try:
            found = json.loads(self._path(key).read_text("utf-8"))
            return [Done(**each) for each in found]
        except (OSError, ValueError, TypeError):
            return []

    def add(self, key: str, done: Done) -> None:
        """Remember ``done``, in the place of what it read and wrote alike."""
        with self._lock:
            others = [each for each in self.of(key) if each.reads != done.reads]
            kept = [done, *others][:_KEPT]
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = self._path(key).with_suffix(".draft")
            text = json.dumps([asdict(each) for each in kept])
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            draft.replace(self._path(key))

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


class Task:
    """One task that is to be done: ``material`` is all that decides what it does but files."""

    def __init__(
        self, known: DoneTasks, names: Names, areas: Areas, material: Mapping[str, Any]
    ) -> None:
        self._known = known
        self._names = names
        self._areas = areas
        text = json.dumps(names.hidden(material), sort_keys=True, default=str)
        self.key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        self.accesses = Accesses(areas, known.digests)

    def find(self) -> Done | None:
        """Return the task as it was done before, None if nothing proves that it does the same."""
        for done in self._known.of(self.key):
            if self._reads_the_same(done) and self._is_left(done):
                return done
        return None

    def take_over(self, done: Done, log: Path) -> None:
        """Put what ``done`` wrote, and its log, where this task would; raises OSError."""
        for name, state in sorted(done.writes.items()):
            target = self._place(name, self._names.workflow)
            source = self._place(name, done.workflow)
            if target is not None and source is not None:
                _put(source, target, state)
        if Path(done.log) != log:
            with suppress(OSError):
                log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(done.log, log)

    def remember(self, trace: Trace, outcome: Mapping[str, Any], log: Path) -> None:
        """Remember that the task was done, unless the trace says why that is of no use."""
        if trace.problems:
            return
        hidden: Callable[[Any], Any] = self._names.hidden
        reads = {hidden(key): hidden(seen.value) for key, seen in trace.reads.items()}
        done = Done(self._names.workflow, outcome, str(log), reads, hidden(trace.writes))
        self._known.add(self.key, done)

    def touched(self, reads: Iterable[str], writes: Iterable[str]) -> Touched:
        """Return the files among what was read and written, as they are called in this run."""
        content = f"{CONTENT} "
        read = (key[len(content) :] for key in reads if key.startswith(content))
        named = [
            tuple(name.replace(_WORKFLOW, self._names.workflow) for name in names)
            for names in (read, writes)
        ]
        return Touched(*named)

    def _reads_the_same(self, done: Done) -> bool:
        for key, value in done.reads.items():
            how, _, name = key.partition(" ")
            place = self._place(name, self._names.workflow)
            if place is None:
                return False
            now = seen_now(place, how, self._known.digests)
            if self._names.hidden(now) != value:
                return False
        return True

    def _is_left(self, done: Done) -> bool:
        """Tell whether what ``done`` wrote is still there, as it was then."""
        for name, state in done.writes.items():
            source = self._place(name, done.workflow)
            if source is None:
                return False
            kind, _, digest = state.partition(" ")
            now = kind_of(source.path)
            if kind == FILE and (now != FILE or self._known.digests.of(source.path) != digest):
                return False
            if kind != FILE and now != state:
                return False
        return True

    def _place(self, name: str, workflow: str) -> Place | None:
        return self._areas.named(name.replace(_WORKFLOW, workflow))


def _put(source: Place, target: Place, state: str) -> None:
    if source.path == target.path:
        return
    kind, _, value = state.partition(" ")
    if kind == FOLDER:
        target.path.mkdir(parents=True, exist_ok=True)
        return
    target.path.parent.mkdir(parents=True, exist_ok=True)
    if kind == ABSENT:
        target.path.unlink(missing_ok=True)
        return
    draft = target.path.with_name(
        f".{target.path.name[:200]}.{os.getpid()}.{threading.get_ident()}"
    )
    if kind == LINK:
        draft.symlink_to(value)
    else:
        shutil.copyfile(source.path, draft)
        shutil.copymode(source.path, draft)
    draft.replace(target.path)
