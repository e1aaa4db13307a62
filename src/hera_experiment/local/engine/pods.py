"""One container or script: its node, from Pending to its end.

Source: ``executeContainer``, ``assessNodeStatus`` in ``workflow/controller/operator.go`` and
``createWorkflowPod`` in ``workflowpod.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.phases import ERROR, FAILED, PENDING, SUCCEEDED
from hera_experiment.local.engine.durations import seconds
from hera_experiment.local.engine.machine import Attempt, Machine
from hera_experiment.local.engine.nodes import HOST, POD, Node
from hera_experiment.local.runtimes.base import PodResult


def start_pod(machine: Machine, attempt: Attempt) -> Node:
    """Make the node of a pod and have the pod run."""
    call = attempt.call
    node = machine.nodes.create(
        attempt.name,
        POD,
        PENDING,
        template=call.template,
        boundary=call.boundary_id,
        flag=attempt.flag,
        inputs=attempt.inputs,
    )
    node.synced = True
    strategy = machine.stopping(call)
    if strategy or (machine.overdue and not call.on_exit):
        reason = (
            f"workflow shutdown with strategy: {strategy}"
            if strategy
            else "Step exceeded its deadline"
        )
        machine.nodes.mark(node, FAILED, reason)
        machine.finish(node, call, attempt.done)
        return node
    if problem := _bad_limit(attempt.template):
        machine.nodes.mark(node, ERROR, problem)
        machine.finish(node, call, attempt.done, problem)
        return node
    captures = call.boundary is not None and call.task in call.boundary.results
    machine.launch(attempt, node, captures)
    return node


def end_pod(machine: Machine, attempt: Attempt, node: Node, result: PodResult, why: str) -> None:
    """Write down how a pod ended; ``why`` is the reason when the engine ended it, or empty."""
    if result.exit_code is not None and not why:
        node.host = HOST
        node.outputs = _outputs(attempt.template, result)
        machine.export(node.outputs)
    if why:
        machine.nodes.mark(node, FAILED, why)
    elif result.error or result.exit_code is None:
        machine.nodes.mark(node, ERROR, result.message)
    elif result.exit_code == 0 and not result.message:
        node.progress = "1/1"
        machine.nodes.mark(node, SUCCEEDED, "")
    else:
        machine.nodes.mark(node, FAILED, result.message)
    machine.finish(node, attempt.call, attempt.done)


def _bad_limit(template: Mapping[str, Any]) -> str:
    """Return what is wrong with limits in time that were known only now, or nothing."""
    deadline = str(template.get("activeDeadlineSeconds", 0))
    if not re.fullmatch(r"\d+", deadline, re.ASCII):
        return f"value '{deadline}' cannot be resolved to an int"
    try:
        seconds(template.get("timeout") or "0")
    except ValueError as error:
        return str(error)
    return ""


def _outputs(template: Mapping[str, Any], result: PodResult) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    parameters = []
    for parameter in (template.get("outputs") or {}).get("parameters") or ():
        found = (
            {"value": result.parameters[n]} if (n := parameter["name"]) in result.parameters else {}
        )
        parameters.append({**parameter, **found})
    if parameters:
        outputs["parameters"] = parameters
    if result.result is not None:
        outputs["result"] = result.result
    outputs["exitCode"] = str(result.exit_code)
    return outputs
