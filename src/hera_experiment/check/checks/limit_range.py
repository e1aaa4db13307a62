"""LIMIT-RANGE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from hera_experiment.check.demand import PodUse
from hera_experiment.check.model import Outcome, check, failure, ok
from hera_experiment.check.resources import quantity
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import worst


@check(
    code="LIMIT-RANGE",
    category="what it asks for",
    title="the namespace's limit ranges allow it",
    needs=("NAMESPACE", "SCRIPT"),
)
def limit_range(subject: Subject) -> Outcome:
    """Check that no container or pod asks for more or less than a limit range allows.

    The API server refuses such a pod, and the task fails without having run.
    """
    ranges = subject.cluster.list_of("limitranges")
    return worst((_of(subject, each) for each in ranges), "there are none")


def _of(subject: Subject, found: Mapping[str, Any]) -> Outcome:
    name = str(found["metadata"]["name"])
    for index, item in enumerate((found.get("spec") or {}).get("limits") or ()):
        for pod in subject.demand.pods:
            for asked in _asked(pod, str(item.get("type", ""))):
                outcome = _compare(subject, name, index, item, pod.template, asked)
                if outcome:
                    return outcome
    return ok(name)


def _asked(pod: PodUse, kind: str) -> Iterator[Mapping[str, Decimal]]:
    """Yield the least and the most that each container, or the pod, asks for."""
    for maps in (pod.requests, pod.limits):
        amounts = [{key: quantity(value) for key, value in each.items()} for each in maps]
        if kind == "Container":
            yield from amounts
        elif kind == "Pod":
            keys = {key for each in amounts for key in each}
            yield {
                key: sum((each.get(key, Decimal(0)) for each in amounts), Decimal(0))
                for key in keys
            }


def _compare(
    subject: Subject,
    name: str,
    index: int,
    item: Mapping[str, Any],
    template: str,
    asked: Mapping[str, Decimal],
) -> Outcome | None:
    space = subject.namespace
    for bound, word in (("max", "more"), ("min", "less")):
        for key, limit in (item.get(bound) or {}).items():
            amount = asked.get(key)
            if amount is None:
                continue
            if (amount > quantity(limit)) if bound == "max" else (amount < quantity(limit)):
                wanted = f"{amount.normalize():f}"
                path = f"/spec/limits/{index}/{bound}/{key.replace('/', '~1')}"
                return failure(
                    f"{name}: {bound} {key} {limit}",
                    f"the template '{template}' asks for {key} {wanted}, {word} than the limit "
                    f"range '{name}' of '{space}' allows ({limit})",
                    f"ask for {limit} in workflow.py, or the administrator types: kubectl -n "
                    f"{space} patch limitrange {name} --type json -p "
                    f"""'[{{"op":"replace","path":"{path}","value":"{wanted}"}}]'""",
                )
    return None
