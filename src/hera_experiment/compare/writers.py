"""Which task of a run wrote which of its files.

Where the kernel was asked (``CACHE=1`` on the laptop) that is known. Else it is concluded: from
when a file was last written and when tasks ran, and from the paths and values among the task's
arguments.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hera_experiment.argo.tasks import Task
from hera_experiment.argo.usage import touched_of, usage_of
from hera_experiment.argo.workflows import specification
from hera_experiment.results.artifact_files import FOLDER as ARTIFACTS
from hera_experiment.results.artifact_files import own_artifacts

if TYPE_CHECKING:
    from hera_experiment.account.account import Account

_SLACK = timedelta(seconds=1)
"""A cluster's dates are whole seconds, and the clock of its claim is another one."""

_MEASURED = timedelta(milliseconds=20)
"""On the laptop all is of one clock, which files keep by its ticks."""

_WORDS = re.compile(r"[^\s=,;\"'\[\]{}()]+")


@dataclass(frozen=True)
class _Writer:
    name: str
    began: datetime | None
    ended: datetime | None
    slack: timedelta
    words: frozenset[str]

    def ran_at(self, moment: datetime) -> bool:
        if self.began is None:
            return False
        return self.began - self.slack <= moment and (
            self.ended is None or moment <= self.ended + self.slack
        )

    def score(self, path: str) -> int:
        """Return how much of ``path`` the task's arguments name; 0 for nothing."""
        parts = path.split("/")
        stem = posixpath.splitext(parts[-1])[0]
        found = 0
        for word in self.words:
            if word == path or word.endswith(f"/{path}"):
                found += 100
            elif any(
                word == (above := "/".join(parts[:depth])) or word.endswith(f"/{above}")
                for depth in range(len(parts) - 1, 0, -1)
            ):
                # A folder above it: the deeper, the more it says.
                found += 10 * next(
                    depth
                    for depth in range(len(parts) - 1, 0, -1)
                    if f"/{word}".endswith(f"/{'/'.join(parts[:depth])}")
                )
            elif word in (stem, parts[-1]):
                found += 50
            elif word in parts or (len(word) > 1 and word in re.split(r"[-_.]", stem)):
                found += 5
        return found


def writers_of(account: Account, tasks: Mapping[str, Task]) -> dict[str, list[str]]:
    """Return by path the ``tasks`` that may have written a file: one where that is known."""
    exact, unknown = _known(account, tasks)
    found = dict(exact)
    rest = [file.path for file in account.files if file.path not in exact]
    if not rest:
        return found
    writers = [_writer(account, name, tasks[name]) for name in unknown]
    for path in rest:
        found[path] = _likely(account, path, writers)
    return found


def known_writers(account: Account, tasks: Mapping[str, Task]) -> dict[str, list[str]]:
    """Return by path the ``tasks`` that wrote a file, those files alone of which it is known."""
    return _known(account, tasks)[0]


def _known(
    account: Account, tasks: Mapping[str, Task]
) -> tuple[dict[str, list[str]], Sequence[str]]:
    """Return what is known by path, and the tasks of which it is not known what they wrote."""
    found: dict[str, list[str]] = {}
    unknown = []
    by_node = {}
    for name, task in tasks.items():
        by_node[str((task.pod or task.node).get("id"))] = name
        touched = touched_of(task.pod or task.node)
        if touched is None:
            unknown.append(name)
            continue
        for place in touched.written:
            # claim/NAME:RUN/path, or claim/NAME/RUN:path where only that is mounted.
            _, separator, path = f"{place.replace(':', '/')}/".partition(f"/{account.name}/")
            if separator and path:
                found.setdefault(path.rstrip("/"), []).append(name)
    for artifact in own_artifacts(account.workflow):
        if artifact.node in by_node:
            found[f"{ARTIFACTS}/{artifact.name}/{artifact.file}"] = [by_node[artifact.node]]
    return found, unknown


def _likely(account: Account, path: str, writers: Sequence[_Writer]) -> list[str]:
    try:
        moment = datetime.fromtimestamp(os.stat(account.folder / path).st_mtime, timezone.utc)
    except OSError:
        return []
    there = [each for each in writers if each.ran_at(moment)] or list(writers)
    scores = {each.name: each.score(path) for each in there}
    best = max(scores.values(), default=0)
    return [name for name, score in scores.items() if score == best]


def _writer(account: Account, name: str, task: Task) -> _Writer:
    pod = task.pod or task.node
    usage = usage_of(pod)
    texts = [str(each.get("value", "")) for each in _inputs(task)]
    template = _template(account.workflow, str(pod.get("templateName") or ""))
    program = template.get("container") or template.get("script") or {}
    texts += [str(word) for word in (*(program.get("command") or ()), *(program.get("args") or ()))]
    texts.append(str(program.get("source") or ""))
    text = " ".join(texts).replace("{{workflow.name}}", account.name)
    words = set()
    for word in _WORDS.findall(text):
        # What lies in the run's folder is told by its path from there.
        below = f"{word}/".partition(f"/{account.name}/")[2].rstrip("/")
        words.add(below or word)
    slack = _SLACK if usage.queued is None else _MEASURED
    return _Writer(name, usage.began, usage.ended, slack, frozenset(words))


def _inputs(task: Task) -> Sequence[Mapping[str, Any]]:
    for node in (task.node, task.pod or {}):
        given = (node.get("inputs") or {}).get("parameters")
        if given:
            found: Sequence[Mapping[str, Any]] = given
            return found
    return ()


def _template(workflow: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    templates = specification(workflow).get("templates") or ()
    return next((each for each in templates if each.get("name") == name), {})
