"""What a report says of another run beside its own: what differs, and nothing else."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from hera_experiment.account.account import Account
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
    document["durations"] = _durations(found.durations or {})
    document["pictures"] = _pictures(one, other, [each.path for each in found.changed_files])
    document["difference"] = _difference(one, other) if found.code else ""
    return document


def _durations(
    found: Any,
) -> list[dict[str, Any]]:
    """Return the tasks whose time differs most; Argo's dates are whole seconds."""
    changed = [
        {"name": name, "one": one, "other": other}
        for name, (one, other) in found.items()
        if one != other
    ]
    changed.sort(key=lambda each: -abs((each["one"] or 0) - (each["other"] or 0)))
    return changed[:_TASKS]


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
