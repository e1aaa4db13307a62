"""Checks of whether the cluster has room for what the pods ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hera_experiment.check.outcome import Outcome, failure, ok, warning, worst
from hera_experiment.check.requirements import ClaimTemplate, PodUse
from hera_experiment.check.runner import Check
from hera_experiment.check.scheduling import (
    Needs,
    Node,
    name_of,
    needs_of,
    quantity,
    repelling,
    selected,
    takes,
    usable,
)
from hera_experiment.check.target import CheckTarget

_WORKFLOWS = "count/workflows.argoproj.io"
_OF_KUBERNETES = "node.kubernetes.io/"
"""How the taints begin that Kubernetes sets itself, on a node that is ill or switched off."""


def quota(target: CheckTarget) -> Outcome:
    """Check that each quota of the namespace leaves room for the workflow's largest pod and claims.

    Failed when the quota is smaller than one pod, when it wants a request that a template does not
    make, or when no further workflow may be created; a warning when others use what is needed now.
    Argo's own containers in each pod ask for a little more, which only the administrator knows.
    """
    quotas = [
        each
        for each in target.cluster.list_of("resourcequotas")
        if not (each.get("spec") or {}).get("scopes")
        and not (each.get("spec") or {}).get("scopeSelector")
    ]
    ranges = target.cluster.list_of("limitranges") if quotas else []
    needs = [needs_of(pod, ranges) for pod in target.requirements.pods]
    own = target.requirements.claim_templates
    return worst((_room(target, each, needs, own) for each in quotas), "there are none")


def _room(
    target: CheckTarget, found: dict[str, Any], pods: list[Needs], own: Sequence[ClaimTemplate]
) -> Outcome:
    name, space = str(found["metadata"]["name"]), target.namespace
    status = found.get("status") or {}
    hard = status.get("hard") or (found.get("spec") or {}).get("hard") or {}
    used = status.get("used") or {}
    waiting = []
    for key, limit in hard.items():
        asked = _asked_of_quota(key, pods, own)
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
            more = _plain(need if need > quantity(limit) else quantity(used[key]) + 10)
            return failure(
                f"{name}: {key} {limit}",
                f"{template} needs {key} {_plain(need)}, and the quota '{name}' of '{space}' "
                f"allows {limit}" + (f", {used[key]} of them used" if key in used else ""),
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


def _asked_of_quota(
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


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def limit_range(target: CheckTarget) -> Outcome:
    """Check that no container or pod asks for more or less than a limit range allows.

    The API server refuses such a pod, and the task fails without having run.
    """
    ranges = target.cluster.list_of("limitranges")
    return worst((_allowed(target, each) for each in ranges), "there are none")


def _allowed(target: CheckTarget, found: Mapping[str, Any]) -> Outcome:
    name = str(found["metadata"]["name"])
    for index, item in enumerate((found.get("spec") or {}).get("limits") or ()):
        for pod in target.requirements.pods:
            for asked in _asked_of_range(pod, str(item.get("type", ""))):
                outcome = _compare(target, name, index, item, pod.template, asked)
                if outcome:
                    return outcome
    return ok(name)


def _asked_of_range(pod: PodUse, kind: str) -> Iterator[Mapping[str, Decimal]]:
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
    target: CheckTarget,
    name: str,
    index: int,
    item: Mapping[str, Any],
    template: str,
    asked: Mapping[str, Decimal],
) -> Outcome | None:
    space = target.namespace
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


def taints(target: CheckTarget) -> Outcome:
    """Check that there is a node for the pods of each template.

    One that is ready, has the labels of its ``nodeSelector``, no taint that it does not tolerate,
    and as much CPU and memory as it asks for.

    Unknown without the right to list nodes.
    """
    nodes = target.cluster.nodes
    outcomes = [_taken(pod, nodes) for pod in target.requirements.pods]
    return worst(outcomes, "it has no pods")


def _taken(pod: PodUse, nodes: Sequence[Node]) -> Outcome:
    ready = usable(nodes)
    if not ready:
        advice = "ask the administrator to make a node ready: kubectl get nodes"
        return failure("no node is ready", "no node of the cluster takes new pods", advice)
    labelled = [node for node in ready if selected(node, pod)]
    if not labelled:
        labels = ",".join(f"{key}={value}" for key, value in pod.node_selector.items())
        return failure(
            f"no node for '{pod.template}'",
            f"no node has the labels that the template '{pod.template}' asks for: {labels}",
            f"correct its node_selector, or the administrator types: "
            f"kubectl label node {name_of(ready[0])} {labels.replace(',', ' ')}",
        )
    going = takes(nodes, pod)
    if not going:
        node = min(labelled, key=lambda each: len(repelling(each, pod)))
        taint = repelling(node, pod)[0]
        value = f"={taint['value']}" if taint.get("value") else ""
        word = f"{taint.get('key')}{value}:{taint.get('effect')}"
        advice = (
            f"add to it in workflow.py: tolerations=[Toleration({_toleration(taint)})], or the "
            f"administrator types: kubectl taint node {name_of(node)} {word}-"
        )
        if str(taint.get("key")).startswith(_OF_KUBERNETES):
            advice = (
                f"the administrator finds the reason with: kubectl describe node {name_of(node)}"
            )
        return failure(
            f"taint {word}",
            f"the template '{pod.template}' does not tolerate the taint {word} of '{name_of(node)}'"
            f", nor that of any other node",
            advice,
        )
    for resource in ("cpu", "memory"):
        need = sum(quantity(each.get(resource, "0")) for each in pod.requests)
        most = max(quantity(_allocatable(node, resource)) for node in going)
        if need > most:
            return failure(
                f"too much {resource} for '{pod.template}'",
                f"the template '{pod.template}' asks for {resource} {need:f}, and the largest node "
                f"has {most:f}",
                f"ask for less {resource} in workflow.py",
            )
    return ok(f"{len(going)} of {len(nodes)} nodes")


def _allocatable(node: Node, resource: str) -> object:
    return ((node.get("status") or {}).get("allocatable") or {}).get(resource, "0")


def _toleration(taint: Node) -> str:
    parts = [f"key={str(taint.get('key'))!r}"]
    if taint.get("value"):
        parts += ["operator='Equal'", f"value={str(taint['value'])!r}"]
    else:
        parts.append("operator='Exists'")
    return ", ".join([*parts, f"effect={str(taint.get('effect'))!r}"])


def gpu(target: CheckTarget) -> Outcome:
    """Check that each template that asks for GPUs finds a node that has as many.

    A device is any resource whose name has a domain (``nvidia.com/gpu``). Unknown without the
    right to list nodes; well without it when none is asked for.
    """
    outcomes = [
        _device(target, pod, resource, number)
        for pod in target.requirements.pods
        for resource, number in _devices(pod).items()
    ]
    return worst(outcomes, "it asks for none")


def _devices(pod: PodUse) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for requests in pod.requests:
        for name, value in requests.items():
            if "/" in name:
                found[name] = found.get(name, Decimal(0)) + quantity(value)
    return {name: number for name, number in found.items() if number}


def _device(target: CheckTarget, pod: PodUse, resource: str, number: Decimal) -> Outcome:
    going = takes(target.cluster.nodes, pod)
    has = [quantity(_allocatable(node, resource)) for node in going]
    most = max(has, default=Decimal(0))
    if most >= number:
        return ok(f"{resource}: {number:f} of {most:f}")
    return failure(
        f"{resource}: {most:f}",
        f"the template '{pod.template}' asks for {number:f} {resource}, and no node that takes it "
        f"has more than {most:f}",
        f"ask for {most:f} in workflow.py, or ask the administrator for a node with {number:f} "
        f"{resource} (its device plugin must run)",
    )


CHECKS = (
    Check(
        code="QUOTA",
        category="what it asks for",
        title="the namespace's quotas leave room",
        function=quota,
        hint="ask for less in workflow.py, or ask the administrator for a larger quota",
        needs=("NAMESPACE", "SCRIPT"),
    ),
    Check(
        code="LIMIT-RANGE",
        category="what it asks for",
        title="the namespace's limit ranges allow it",
        function=limit_range,
        hint="ask in workflow.py for what the limit range allows",
        needs=("NAMESPACE", "SCRIPT"),
    ),
    Check(
        code="TAINTS",
        category="what it asks for",
        title="a node takes its pods",
        function=taints,
        hint="correct node_selector, tolerations or resources in workflow.py",
        needs=("IDENTITY", "SCRIPT"),
    ),
    Check(
        code="GPU",
        category="what it asks for",
        title="a node has the GPUs it asks for",
        function=gpu,
        hint="ask in workflow.py for as many GPUs as a node has",
        needs=("SCRIPT",),
        unless_failed=("NAMESPACE", "TAINTS"),
    ),
)
