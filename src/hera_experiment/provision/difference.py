"""What would change on the cluster, shown as ``kubectl diff`` shows it, secrets masked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from hera_experiment.context.masking import MASK

_NOISE = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """Return the unified difference of two states of one object; empty when they are equal.

    What the server keeps for itself (status, versions, authors of fields) does not count. Values
    of a Secret are replaced by a mask that tells whether they change.
    """
    old, new = _essence(before or {}), _essence(after)
    if old == new:
        return ""
    if after["kind"] == "Secret":
        _mask(old, new)
    name = f"{after['kind']}/{after['metadata']['name']}"
    lines = difflib.unified_diff(
        _lines(old),
        _lines(new),
        f"{name} (on the cluster)" if before else "(nothing on the cluster)",
        f"{name} (wanted)",
        lineterm="",
    )
    return "\n".join(lines)


def _essence(manifest: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in manifest.items() if key != "status"}
    metadata = {k: v for k, v in kept.get("metadata", {}).items() if k not in _NOISE}
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if k != _LAST_APPLIED}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    if kept:
        kept["metadata"] = metadata
    return kept


def _mask(old: dict[str, Any], new: dict[str, Any]) -> None:
    for field in ("data", "stringData"):
        was, becomes = dict(old.get(field) or {}), dict(new.get(field) or {})
        for values, other, word in ((old, becomes, "before"), (new, was, "after")):
            if field in values:
                values[field] = {
                    key: f"{MASK} ({word})" if key in other and other[key] != value else MASK
                    for key, value in values[field].items()
                }


def _lines(manifest: Mapping[str, Any]) -> list[str]:
    import yaml

    return yaml.safe_dump(manifest, sort_keys=True).splitlines() if manifest else []
