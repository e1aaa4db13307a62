"""When a pod waited and ran, and what it used, as far as anyone has measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hera_experiment.argo.tasks import parsed

KEY = "usage"
"""What the laptop's server adds to a node of Argo's; Argo's own clients read over it."""

SAMPLED = "sampled"
"""What is added to a node of a cluster whose metrics server was asked while it ran."""

TOUCHED = "files"
"""What it adds as well where a run remembers what its tasks have done (``CACHE=1``)."""


@dataclass(frozen=True)
class Touched:
    """The files that a task read and wrote, of its image and of claims.

    Each is the name of an area, a colon, and the path below it: ``image/app:chart.py``,
    ``claim/results:my-run/chart.png``.
    """

    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


@dataclass(frozen=True)
class PodUsage:
    """When a pod was ``queued``, ``began`` and ``ended``, and what it used.

    ``cpu`` is in seconds, ``memory`` in bytes of its largest process, or with ``memory_at_most`` no
    more than that. What is None was not measured: Argo says neither how long a pod waited nor what
    it used (its ``resourcesDuration`` is what was asked for, times the duration). Where ``sampled``
    is given, both are what a cluster's metrics server said every so many seconds, hence at least
    what was used: the largest memory of its containers, and the processor time that was seen.
    """

    queued: datetime | None = None
    began: datetime | None = None
    ended: datetime | None = None
    cpu: float | None = None
    memory: int | None = None
    memory_at_most: bool = False
    sampled: int | None = None

    @property
    def waited(self) -> float | None:
        """Seconds from being queued to the start of its containers."""
        return _between(self.queued, self.began)

    @property
    def ran(self) -> float | None:
        """Seconds from the start of its containers to their end."""
        return _between(self.began, self.ended)


def usage_of(node: Mapping[str, Any]) -> PodUsage:
    """Return what is known of a node of type Pod; of Argo's own, when it began and ended."""
    found = node.get(KEY)
    if not isinstance(found, Mapping):
        sampled = node.get(SAMPLED) or {}
        return PodUsage(
            began=parsed(node.get("startedAt")),
            ended=parsed(node.get("finishedAt")),
            cpu=sampled.get("cpu"),
            memory=sampled.get("memory"),
            sampled=sampled.get("every"),
        )
    return PodUsage(
        parsed(found.get("queued")),
        parsed(found.get("began")),
        parsed(found.get("ended")),
        found.get("cpu"),
        found.get("memory"),
        bool(found.get("memoryAtMost")),
    )


def with_samples(
    workflow: Mapping[str, Any], samples: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return ``workflow`` with what was seen of its pods, by the identifier of the node."""
    status = workflow.get("status") or {}
    nodes = status.get("nodes") or {}
    seen = {key: {**nodes[key], SAMPLED: samples[key]} for key in samples if key in nodes}
    return {**workflow, "status": {**status, "nodes": {**nodes, **seen}}}


def touched_of(node: Mapping[str, Any]) -> Touched | None:
    """Return the files that the pod of a node read and wrote, None where nobody looked."""
    found = node.get(TOUCHED)
    if not isinstance(found, Mapping):
        return None
    return Touched(tuple(found.get("read") or ()), tuple(found.get("written") or ()))


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else max(0.0, (end - start).total_seconds())
