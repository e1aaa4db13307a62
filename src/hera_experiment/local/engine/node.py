"""One node of a workflow: what Argo shows of it, and how that is written down and read.

Source: ``NodeStatus`` in ``pkg/apis/workflow/v1alpha1/workflow_types.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from operator import attrgetter
from typing import Any

from hera_experiment.argo.phases import FAILURES, FULFILLED

POD = "Pod"
DAG = "DAG"
STEPS = "Steps"
STEP_GROUP = "StepGroup"
TASK_GROUP = "TaskGroup"
RETRY = "Retry"
SUSPEND = "Suspend"
HTTP = "HTTP"
SKIPPED_NODE = "Skipped"
CONTAINER = "Container"

EXECUTABLE = (POD, CONTAINER, SUSPEND, HTTP)
"""The nodes that have a progress of their own; that of the others is the sum of those below."""

EXIT_SUFFIX = ".onExit"
"""What the name of the exit handler's node adds to the workflow's."""

HOST = "localhost"
"""``hostNodeName`` of every pod."""


_KEYS = (
    ("id", "id"),
    ("name", "name"),
    ("display_name", "displayName"),
    ("type", "type"),
    ("template", "templateName"),
    ("ref", "templateRef"),
    ("scope", "templateScope"),
    ("phase", "phase"),
    ("boundary", "boundaryID"),
    ("message", "message"),
    ("sync", "synchronizationStatus"),
    ("started_at", "startedAt"),
    ("finished_at", "finishedAt"),
    ("progress", "progress"),
    ("flag", "nodeFlag"),
    ("inputs", "inputs"),
    ("outputs", "outputs"),
    ("children", "children"),
    ("outbound", "outboundNodes"),
    ("host", "hostNodeName"),
    ("daemoned", "daemoned"),
    ("address", "podIP"),
    ("synced", "taskResultSynced"),
    ("memoization", "memoizationStatus"),
    ("usage", "usage"),
    ("files", "files"),
)
"""The fields of a node and what Argo calls them, in the order in which they are written.

``usage`` and ``files`` are not Argo's: see :mod:`hera_experiment.argo.usage`.
"""

_WRITTEN = [key for _, key in _KEYS]
_VALUES = attrgetter(*(attribute for attribute, _ in _KEYS))

_DATES = ("startedAt", "finishedAt")
"""Written as null while they are not known."""


def runs_pod(template: Mapping[str, Any]) -> bool:
    """Tell whether a template runs a pod."""
    return any(kind in template for kind in ("container", "script", "containerSet"))


def node_type(template: Mapping[str, Any], *, retried: bool) -> str:
    """Return the type of the node of a template; of one that is ``retried`` it is Retry."""
    if retried:
        return RETRY
    kinds = {"dag": DAG, "steps": STEPS, "suspend": SUSPEND, "http": HTTP}
    return next((kind for key, kind in kinds.items() if key in template), POD)


def timestamp(moment: datetime) -> str:
    """Return ``moment`` as Kubernetes writes it: RFC 3339, UTC, whole seconds."""
    return _written(moment.replace(microsecond=0))


@lru_cache(maxsize=16)
def _written(second: datetime) -> str:
    # Many nodes have the times of one second, and share what is written of it.
    utc = second.astimezone(timezone.utc).replace(tzinfo=None)
    return f"{utc.isoformat()}Z"


def milliseconds(moment: datetime) -> str:
    """Return ``moment`` as :func:`timestamp` does, with milliseconds."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Return what :func:`timestamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class TemplateId:
    """What a node says of its template: where it was named, and how.

    That is by its ``name`` in ``scope``, by a ``templateRef``, or not, when it is written inline in
    the task or step ``caller``.
    """

    scope: str
    name: str = ""
    ref: Mapping[str, str] | None = None
    inline: Mapping[str, Any] | None = None
    caller: str = ""

    @classmethod
    def of(cls, holder: Mapping[str, Any], scope: str) -> TemplateId:
        """Return the template of a task, a step or a hook that is written in ``scope``."""
        name, ref, inline = (holder.get(key) for key in ("template", "templateRef", "inline"))
        return cls(scope, name or "", ref, inline, holder.get("name", "") if inline else "")

    @property
    def short_name(self) -> str:
        """The name that becomes part of a pod's."""
        return (self.ref or {}).get("template", self.name)


@dataclass(slots=True)
class Node:
    """One entry of ``status.nodes``; names of fields as in Argo, in Python's spelling.

    ``daemoned`` is true of a daemon that can be used, at ``address``, until it ends or is ended.
    ``began`` and ``ended`` are its times on the monotonic clock, None if another server saw them;
    ``expired`` tells that it was suspended for a time, which is over.
    """

    id: str
    name: str
    type: str
    phase: str = ""
    display_name: str = ""
    template: str = ""
    ref: Mapping[str, str] | None = None
    scope: str = ""
    boundary: str = ""
    message: str = ""
    started_at: str = ""
    finished_at: str = ""
    progress: str = ""
    host: str = ""
    flag: dict[str, bool] | None = None
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    synced: bool | None = None
    daemoned: bool | None = None
    address: str = ""
    memoization: dict[str, Any] | None = None
    sync: dict[str, str] | None = None
    usage: dict[str, Any] | None = None
    files: dict[str, Any] | None = None
    children: dict[str, None] = field(default_factory=dict)
    outbound: list[str] | None = None
    expired: bool = field(default=False, compare=False)
    began: float | None = field(default=None, compare=False)
    ended: float | None = field(default=None, compare=False)

    @property
    def fulfilled(self) -> bool:
        """True when nothing more will happen to it, or it is a daemon that can be used."""
        return self.phase in FULFILLED or bool(self.daemoned)

    @property
    def failed(self) -> bool:
        """True when it is Failed or Error."""
        return self.phase in FAILURES

    @property
    def template_id(self) -> TemplateId:
        """What it says of its template."""
        return TemplateId(self.scope, self.template, self.ref)

    @property
    def hooked(self) -> bool:
        """True for the node of a lifecycle hook or an exit handler."""
        return bool(self.flag and self.flag.get("hooked"))

    def attempt_of(self, retry: Node) -> bool:
        """Tell whether it is one of the attempts of a Retry node, whose hooks are below it too."""
        return bool(self.flag and self.flag.get("retried")) and self.name.startswith(
            f"{retry.name}("
        )

    def document(self) -> dict[str, Any]:
        """Return Argo's JSON object, independent of later changes of this node."""
        document: dict[str, Any] = {}
        for key, value in zip(_WRITTEN, _VALUES(self), strict=True):
            if key == "children":
                value = list(value) or None
            if value is not None and value != "" and value != []:
                document[key] = value
            elif key in _DATES:
                document[key] = None
        return document

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Node:
        """Return the node that :meth:`document` wrote."""
        found = {
            attribute: document[key] for attribute, key in _KEYS if document.get(key) is not None
        }
        found["children"] = dict.fromkeys(found.get("children", ()))
        return cls(**found)


def last_attempt(node: Node, by_id: Mapping[str, Node]) -> Node:
    """Return the last attempt of a Retry node, and any other node itself."""
    if node.type == RETRY:
        for key in reversed(node.children):
            if key in by_id and not (by_id[key].hooked and not by_id[key].attempt_of(node)):
                return by_id[key]
    return node
