"""QUOTA."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hera_experiment.check.demand import ClaimTemplate
from hera_experiment.check.model import Outcome, check, failure, ok, warning
from hera_experiment.check.resources import Needs, needs_of, quantity
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import worst

_WORKFLOWS = "count/workflows.argoproj.io"


@check(
    code="QUOTA",
    category="what it asks for",
    title="the namespace's quotas leave room",
    needs=("NAMESPACE", "SCRIPT"),
)
def quota(subject: Subject) -> Outcome:
    """Check that each quota of the namespace leaves room for the workflow's largest pod and claims.

    Failed when the quota is smaller than one pod, when it wants a request that a template does not
    make, or when no further workflow may be created; a warning when others use what is needed now.
    Argo's own containers in each pod ask for a little more, which only the administrator knows.
    """
    quotas = [
        each
        for each in subject.cluster.list_of("resourcequotas")
        if not (each.get("spec") or {}).get("scopes")
        and not (each.get("spec") or {}).get("scopeSelector")
    ]
    ranges = subject.cluster.list_of("limitranges") if quotas else []
    needs = [needs_of(pod, ranges) for pod in subject.demand.pods]
    own = subject.demand.claim_templates
    return worst((_of(subject, each, needs, own) for each in quotas), "there are none")


def _of(
    subject: Subject, found: dict[str, Any], pods: list[Needs], own: Sequence[ClaimTemplate]
) -> Outcome:
    name, space = str(found["metadata"]["name"]), subject.namespace
    status = found.get("status") or {}
    hard = status.get("hard") or (found.get("spec") or {}).get("hard") or {}
    used = status.get("used") or {}
    waiting = []
    for key, limit in hard.items():
        asked = _asked(key, pods, own)
        if asked is None:
            continue
        template, need = asked
        if need is None:
            return failure(
                f"{name} wants {key}",
                f"the quota '{name}' of '{space}' wants {key} of each container, and the template "
                f"'{template}' says none",
                f"add it in workflow.py, as resources=Resources(…) of '{template}'",
            )
        free = quantity(limit) - quantity(used.get(key, "0"))
        if need > quantity(limit) or (key == _WORKFLOWS and need > free):
            more = _text(need if need > quantity(limit) else quantity(used[key]) + 10)
            return failure(
                f"{name}: {key} {limit}",
                f"{template} needs {key} {_text(need)}, and the quota '{name}' of '{space}' allows "
                f"{limit}" + (f", {used[key]} of them used" if key in used else ""),
                f"ask for less, or the administrator types: kubectl -n {space} patch resourcequota "
                f"""{name} --type merge -p '{{"spec":{{"hard":{{"{key}":"{more}"}}}}}}'""",
            )
        if need > free:
            waiting.append(f"{key} ({used.get(key)} of {limit} used)")
    if waiting:
        return warning(
            f"{name}: used up",
            f"others use what the workflow needs of the quota '{name}': {', '.join(waiting)}",
            "submit all the same: tasks wait until others have ended",
        )
    return ok(name)


def _asked(
    key: str, pods: list[Needs], own: Sequence[ClaimTemplate]
) -> tuple[str, Decimal | None] | None:
    """Return the template that needs most of ``key``, and how much; None for what is not asked."""
    if key == _WORKFLOWS:
        return "the workflow", Decimal(1)
    if key in ("pods", "count/pods"):
        return "a pod", Decimal(1)
    if own and key == "requests.storage":
        return "the workflow", sum((quantity(each.size) for each in own), Decimal(0))
    if own and key in ("persistentvolumeclaims", "count/persistentvolumeclaims"):
        return "the workflow", Decimal(len(own))
    asked = [(f"the template '{pod.template}'", pod.of(key)) for pod in pods if pod.knows(key)]
    if not asked:
        return None
    for pod in pods:
        if pod.knows(key) and pod.of(key) is None:
            return pod.template, None
    return max(asked, key=lambda each: each[1] or Decimal(0))


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"
