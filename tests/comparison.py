"""Brings two finished workflows into a form in which they can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

_TIMES = ("startedAt", "finishedAt", "estimatedDuration", "resourcesDuration", "usage")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC")
_HASH = re.compile(r"\bWF(?:-[A-Za-z0-9-]+)?-(\d{3,10})\b")


def comparable(workflow: dict[str, Any]) -> dict[str, Any]:
    """Return verdict and nodes by name; ids, times, addresses and the workflow's name are gone.

    Children are sorted by name: Argo itself adds them in the random order of a Go map.
    """
    metadata = workflow["metadata"]
    nodes = workflow["status"].get("nodes") or {}
    names = {key: node["name"] for key, node in nodes.items()}
    text = json.dumps([_nodes(nodes, names), _verdict(workflow)])
    # Messages name nodes by their ids, whose numbers depend on the workflow's name.
    for key in sorted(names, key=len, reverse=True):
        text = text.replace(f"\"child '{key}' failed\"", json.dumps(f"child '{names[key]}' failed"))
    # Argo's word for a template of the workflow itself is no namespace, though the laptop's is
    # called the same.
    text = text.replace('"templateScope": "local/', '"templateScope": "OWN/')
    text = text.replace(metadata["uid"], "UID").replace(metadata["name"], "WF")
    text = text.replace(metadata["namespace"], "NAMESPACE")
    for node in nodes.values():
        if node.get("podIP"):
            text = text.replace(json.dumps(node["podIP"]), '"IP"')
    text = _MOMENT.sub("MOMENT", _HASH.sub("WF-HASH", text))
    found, verdict = json.loads(text)
    return {"verdict": verdict, "nodes": found}


def differences(argo: dict[str, Any], local: dict[str, Any]) -> list[str]:
    """Return a line for everything that is not the same."""
    one, other = comparable(argo), comparable(local)
    lines = _unlike("verdict", one["verdict"], other["verdict"])
    for name in sorted(one["nodes"].keys() | other["nodes"].keys()):
        if name not in other["nodes"]:
            lines.append(f"{name}: only Argo has it: {one['nodes'][name]}")
        elif name not in one["nodes"]:
            lines.append(f"{name}: only the local engine has it: {other['nodes'][name]}")
        else:
            lines += _unlike(name, one["nodes"][name], other["nodes"][name])
    return lines


def _verdict(workflow: dict[str, Any]) -> dict[str, Any]:
    status = workflow["status"]
    kept = {key: status.get(key) for key in ("phase", "message", "progress", "outputs")}
    kept["message"] = _as_newer(kept["message"])
    conditions = status.get("conditions") or []
    kept["conditions"] = {c["type"]: c["status"] for c in conditions}
    labels = workflow["metadata"].get("labels") or {}
    for name in ("completed", "phase"):
        kept[name] = labels.get(f"workflows.argoproj.io/{name}")
    if outputs := kept["outputs"]:
        # In the order in which Argo came to see the ends of pods.
        artifacts = sorted(outputs.get("artifacts") or (), key=lambda each: each["name"])
        kept["outputs"] = {**outputs, **({"artifacts": artifacts} if artifacts else {})}
    kept["shutdown"] = workflow["spec"].get("shutdown")
    return kept


def _nodes(nodes: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {node["name"]: _node(node, names) for node in nodes.values()}


def _as_newer(message: Any) -> Any:
    """Return a message as Argo 4.0 writes it, which the local engine follows."""
    if not isinstance(message, str):
        return message
    return message.replace("Failed to resolve references", "failed to resolve references")


def _node(node: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    kept = {k: v for k, v in node.items() if v not in (None, "") and k not in (*_TIMES, "id")}
    if "message" in kept:
        kept["message"] = _as_newer(kept["message"])
    if kept.get("hostNodeName"):
        kept["hostNodeName"] = "HOST"
    for key in ("children", "outboundNodes"):
        if key in kept:
            kept[key] = sorted(names.get(child, f"? {child}") for child in kept[key])
    if "boundaryID" in kept:
        kept["boundaryID"] = names[kept["boundaryID"]]
    return kept


def _unlike(where: str, argo: dict[str, Any], local: dict[str, Any]) -> list[str]:
    one, other = _flat(argo), _flat(local)
    lines = []
    for key in sorted(one.keys() | other.keys()):
        for mine, yours in _parts(one.get(key), other.get(key)):
            lines.append(f"{where}.{key}: Argo has {mine!r}, the local engine {yours!r}")
    return lines


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Return ``values`` with an entry for each output parameter in place of one for all."""
    outputs = dict(values.get("outputs") or {})
    flat = {key: value for key, value in values.items() if key != "outputs"}
    for parameter in outputs.pop("parameters", ()):
        flat[f"outputs.{parameter['name']}"] = {**parameter, "value": ""}
        flat[f"outputs.{parameter['name']}.value"] = parameter.get("value")
    return {**flat, **{f"outputs.{key}": value for key, value in outputs.items()}}


def _parts(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what differs: of two texts of many lines those lines."""
    if one == other:
        return
    if not (isinstance(one, str) and isinstance(other, str)):
        yield one, other
        return
    lines, others = one.splitlines(keepends=True), other.splitlines(keepends=True)
    matcher = SequenceMatcher(None, lines, others, autojunk=False)
    for what, start, end, begin, until in matcher.get_opcodes():
        if what != "equal":
            yield "".join(lines[start:end]), "".join(others[begin:until])
