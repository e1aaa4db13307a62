"""What to do about each object that an experiment needs: nothing, apply it, or ask for it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from hera_experiment.context.masking import MASK
from hera_experiment.platform.kubernetes_errors import FORBIDDEN, KubernetesRefusal
from hera_experiment.provision.desired_objects import DesiredObject, without_secrets
from hera_experiment.provision.typed_secrets import missing_keys

CONFLICT = 409
"""The status by which Kubernetes says that someone else set a field to another value."""
_INVALID = 422


class Keeper(Protocol):
    """Where the objects are kept; its refusals are ``KubernetesRefusal``."""

    def read(self, wanted: DesiredObject) -> dict[str, Any] | None:
        """Return the object as it is."""

    def apply(
        self, wanted: DesiredObject, *, dry_run: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Apply the object and return it."""

    def may_apply(self, wanted: DesiredObject) -> bool:
        """Say whether the user may create and change it."""


class Action(Enum):
    """What is to be done about one object."""

    NOTHING = "is there"
    APPLY = "to apply"
    TYPE = "its values are to be typed"
    ASK = "only the administrator can create or change it"
    UNKNOWN = "you may neither read nor create it"
    BLOCKED = "cannot be changed"


@dataclass(frozen=True)
class Step:
    """One object, what is to be done about it, and why.

    ``difference`` is what applying it would change; ``remark`` a sentence to show with it;
    ``force`` tells that applying takes over what another author set.
    """

    wanted: DesiredObject
    action: Action
    difference: str = ""
    remark: str = ""
    force: bool = False


def plan(wanted: Iterable[DesiredObject], keeper: Keeper, *, force: bool = False) -> list[Step]:
    """Return one step per object; changes nothing, the server is asked by dry runs alone.

    With ``force`` a field that another author set to something else is taken over.
    """
    return [_step(each, keeper, force) for each in wanted]


def for_administrator(steps: Iterable[Step], namespace: str) -> str:
    """Return the objects that only an administrator can make as one YAML, without secrets."""
    import yaml

    manifests = []
    for step in steps:
        if step.action in (Action.ASK, Action.UNKNOWN):
            manifest = without_secrets(step.wanted)
            manifests.append(
                {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
            )
    return yaml.safe_dump_all(manifests, sort_keys=False) if manifests else ""


def _step(wanted: DesiredObject, keeper: Keeper, force: bool) -> Step:
    readable = True
    try:
        live = keeper.read(wanted)
    except KubernetesRefusal as error:
        if error.status != FORBIDDEN:
            raise
        live, readable = None, wanted.is_missing
    if wanted.typed:
        return _to_type(wanted, live, keeper) if readable else Step(wanted, Action.UNKNOWN)
    if live is not None and wanted.only_if_absent:
        return _left_alone(wanted, live)
    if live is not None and _holds(wanted.manifest, live):
        return Step(wanted, Action.NOTHING)
    if not keeper.may_apply(wanted):
        # What is not there is shown whole, as what the administrator applies.
        change = difference(live, {**live, **wanted.manifest}) if live else ""
        return Step(wanted, Action.ASK if readable else Action.UNKNOWN, change)
    try:
        after = keeper.apply(wanted, dry_run=True, force=force)
    except KubernetesRefusal as error:
        if error.status == FORBIDDEN:
            # Kubernetes lets nobody give a right that they do not have themselves.
            return Step(wanted, Action.ASK, remark=error.what)
        if error.status == CONFLICT:
            return Step(wanted, Action.BLOCKED, remark=f"{error.what}; FORCE=1 takes it over")
        if error.status == _INVALID:
            return Step(wanted, Action.BLOCKED, remark=error.what)
        raise
    change = difference(live, after)
    return Step(wanted, Action.APPLY if change else Action.NOTHING, change, force=force)


def _to_type(wanted: DesiredObject, live: Mapping[str, Any] | None, keeper: Keeper) -> Step:
    """Tell which values of a Secret are missing; they are no part of a plan."""
    missing = missing_keys(wanted, live)
    if not missing:
        return Step(wanted, Action.NOTHING)
    action = Action.TYPE if keeper.may_apply(wanted) else Action.ASK
    return Step(wanted, action, remark=f"it lacks {', '.join(missing)}" if live else "")


def _left_alone(wanted: DesiredObject, live: Mapping[str, Any]) -> Step:
    """Tell in what an object differs that stays as it is."""
    remarks = []
    if wanted.kind == "PersistentVolumeClaim":
        asked, given = wanted.manifest["spec"], live.get("spec", {})
        for field in ("accessModes", "storageClassName"):
            if field in asked and asked[field] != given.get(field):
                remarks.append(f"{field} is {given.get(field)}, not {asked[field]}")
    if not remarks:
        return Step(wanted, Action.NOTHING)
    remark = f"{'; '.join(remarks)}: a claim cannot be changed, declare another name or this"
    return Step(wanted, Action.NOTHING, remark=remark)


def _holds(part: Any, whole: Any) -> bool:
    """Say whether everything in ``part`` is in ``whole``, with the same values."""
    if isinstance(part, Mapping) and isinstance(whole, Mapping):
        return all(key in whole and _holds(value, whole[key]) for key, value in part.items())
    return bool(part == whole)


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
