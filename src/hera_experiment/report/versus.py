"""What a report says of another run beside its own: what differs, and nothing else."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from hera_experiment.account.account import Account
from hera_experiment.argo.tasks import Task
from hera_experiment.argo.usage import usage_of
from hera_experiment.compare.differences import differences
from hera_experiment.record.code import CodeNotKept
from hera_experiment.report.outputs import PICTURES, picture_of

_PICTURES = 500_000
"""Bytes of the pictures that are shown beside each other."""
_PATCH = 100_000
_MOST = 200
_TASKS = 20


def versus_of(one: Account, other: Account) -> dict[str, Any]:
    """Return what differs from ``one`` to the ``other``, whose report it is."""
    found = differences(one, other)
    document = found.document()
    document["files"] = [vars(each) for each in found.changed_files[:_MOST]]
    document["tasks"] = [{"name": each.name, "kind": each.kind} for each in found.tasks]
    document["durations"] = _durations(one, other)
    document["pictures"] = _pictures(one, other, [each.path for each in found.changed_files])
    document["difference"] = _difference(one, other) if found.code else ""
    return document


def _durations(one: Account, other: Account) -> list[dict[str, Any]]:
    """Return the tasks of both whose time differs most, as exactly as it is known."""
    times = [{task.name: _ran(task) for task in each.tasks} for each in (one, other)]
    pairs = [(name, before, times[1].get(name)) for name, before in times[0].items()]
    changed = [
        (abs(after - before), {"name": name, "one": before, "other": after})
        for name, before, after in pairs
        if before is not None and after is not None and before != after
    ]
    changed.sort(key=lambda each: -each[0])
    return [row for _, row in changed[:_TASKS]]


def _ran(task: Task) -> float | None:
    return usage_of(task.pod or task.node).ran


def _pictures(one: Account, other: Account, paths: list[str]) -> list[dict[str, str]]:
    room = _PICTURES
    pairs = []
    for path in paths:
        if PurePosixPath(path).suffix.lower() not in PICTURES:
            continue
        pair = {
            "path": path,
            "one": picture_of(one.folder / path),
            "other": picture_of(other.folder / path),
        }
        size = len(pair["one"]) + len(pair["other"])
        if pair["one"] and pair["other"] and size <= room:
            room -= size
            pairs.append(pair)
    return pairs


def _difference(one: Account, other: Account) -> str:
    trees = (one.origin.code.tree, other.origin.code.tree)
    if not all(trees) or other.code_store is None:
        return ""
    try:
        return other.code_store.difference(*trees)[:_PATCH]
    except CodeNotKept:
        return ""
