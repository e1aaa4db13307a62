"""Quantities of Kubernetes, and how much of what a pod asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hera_experiment.check.demand import PodUse

_COMPUTE = ("cpu", "memory", "ephemeral-storage")


def quantity(text: object) -> Decimal:
    """Return a quantity ("500m", "2Gi") as a number; 0 for what is none."""
    from kubernetes.utils.quantity import parse_quantity

    try:
        return Decimal(parse_quantity(str(text)))  # type: ignore[no-untyped-call]
    except ValueError:
        return Decimal(0)


@dataclass(frozen=True)
class Needs:
    """What the pods of one template need, by container, with the defaults of the namespace."""

    template: str
    requests: Sequence[Mapping[str, str]]
    limits: Sequence[Mapping[str, str]]

    def knows(self, key: str) -> bool:
        """Say whether ``key`` of a quota is about what a container asks for."""
        kind, _, resource = key.partition(".")
        if key in _COMPUTE or (kind == "limits" and resource in _COMPUTE):
            return True
        if kind != "requests":
            return False
        return resource in _COMPUTE or any(resource in each for each in self.requests)

    def of(self, key: str) -> Decimal | None:
        """Return the sum of ``key`` of a quota over the containers, None when one says nothing.

        "cpu" in a quota means the same as "requests.cpu".
        """
        kind, _, resource = key.partition(".")
        chosen = self.limits if kind == "limits" else self.requests
        resource = resource if kind in ("limits", "requests") else key
        if resource in _COMPUTE and any(resource not in each for each in chosen):
            return None
        return sum((quantity(each.get(resource, "0")) for each in chosen), Decimal(0))


def needs_of(pod: PodUse, limit_ranges: Iterable[Mapping[str, Any]]) -> Needs:
    """Return what the pod needs once the namespace's limit ranges have set their defaults."""
    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    for item in items_of(limit_ranges, "Container"):
        default = {**(item.get("max") or {}), **(item.get("default") or {})}
        limits = {**default, **limits}
        requests = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
    return Needs(
        pod.template,
        [
            {**requests, **limit, **request}
            for limit, request in zip(pod.limits, pod.requests, strict=True)
        ],
        [{**limits, **limit} for limit in pod.limits],
    )


def items_of(limit_ranges: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """Return the limits of all ranges for ``kind`` ("Container", "Pod")."""
    return [
        item
        for each in limit_ranges
        for item in (each.get("spec") or {}).get("limits") or ()
        if item.get("type") == kind
    ]
