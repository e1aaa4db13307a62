"""What ``{{tasks.NAME.…}}`` and ``{{steps.NAME.…}}`` stand for.

Source: ``buildLocalScope``, ``processAggregateNodeOutputs`` and ``aggregatedJSONValueList`` in
``workflow/controller/operator.go``, ``addSkippedNodeOutputsToScope`` in ``scope.go`` of
argoproj/argo-workflows. Argo copies all values into one map for each task; here a value is looked
up when it is wanted, so that a chain of N tasks costs N, not N².
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hera_experiment.argo.phases import OMITTED, SKIPPED, SUCCEEDED
from hera_experiment.local.engine import gojson
from hera_experiment.local.engine.nodes import RETRY, Node

Values = Mapping[str, "str | None"]
"""The values of one task by what follows its name: ``id``, ``outputs.parameters.p``, …"""


def node_values(node: Node, by_id: Mapping[str, Node]) -> dict[str, str | None]:
    """Return the values of a task that ran once, or was retried: then those of the last attempt."""
    if node.type == RETRY and node.children:
        node = by_id[list(node.children)[-1]]
    named = (
        ("id", node.id),
        ("startedAt", node.started_at),
        ("finishedAt", node.finished_at),
        ("status", node.phase),
        ("hostNodeName", node.host),
    )
    values: dict[str, str | None] = {key: value for key, value in named if value}
    outputs = node.outputs or {}
    if "result" in outputs:
        values["outputs.result"] = outputs["result"]
    if "exitCode" in outputs:
        values["exitCode"] = outputs["exitCode"]
    for parameter in outputs.get("parameters", ()):
        if "value" in parameter:
            values[f"outputs.parameters.{parameter['name']}"] = parameter["value"]
    return values


def skipped_values(node: Node, template: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the outputs that a skipped or omitted task declares: its defaults, else None."""
    if node.outputs is not None or node.phase not in (SKIPPED, OMITTED):
        return {}
    declared = (template.get("outputs") or {}).get("parameters") or ()
    return {
        f"outputs.parameters.{parameter['name']}": (parameter.get("valueFrom") or {}).get("default")
        for parameter in declared
    }


def aggregated_values(children: Iterable[Node]) -> dict[str, str | None]:
    """Return the outputs of a loop as JSON lists, in the order of its items.

    Raises :class:`gojson.JsonError` when a result is no JSON, as Argo does.
    """
    maps: list[dict[str, str]] = []
    lists: dict[str, list[str]] = {}
    results: list[str] = []
    for node in children:
        if node.outputs is None or node.phase != SUCCEEDED:
            continue
        pairs = {p["name"]: p.get("value", "") for p in node.outputs.get("parameters", ())}
        for name, value in pairs.items():
            lists.setdefault(name, []).append(value)
        if pairs:
            maps.append(pairs)
        if "result" in node.outputs:
            results.append(gojson.compact(node.outputs["result"]))
    values: dict[str, str | None] = {
        "outputs.result": f"[{','.join(results)}]",
        "outputs.parameters": gojson.dumps(maps, sort_keys=True),
    }
    for name, found in lists.items():
        values[f"outputs.parameters.{name}"] = _joined(found)
    return values


def _joined(values: list[str]) -> str:
    parsed: list[Any] = []
    for value in values:
        try:
            item = gojson.loads(value)
        except gojson.JsonError:
            return gojson.dumps(values)
        if not isinstance(item, (list, dict)):
            return gojson.dumps(values)
        parsed.append(item)
    return gojson.dumps(parsed, sort_keys=True)
