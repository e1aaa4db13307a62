"""The outputs of a workflow: those of its nodes that have a ``globalName``.

Source: ``addOutputsToGlobalScope`` in ``workflow/controller/operator.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera_experiment.local.engine.variables import Globals

Json = dict[str, Any]


def restore_outputs(outputs: Mapping[str, Any], variables: Globals) -> None:
    """Make what an earlier server wrote down as outputs of the workflow variables."""
    for parameter in outputs.get("parameters") or ():
        if "value" in parameter:
            variables.set_output(parameter["name"], parameter["value"])
    for artifact in outputs.get("artifacts") or ():
        _set_artifact(artifact, variables)


def exported(outputs: Mapping[str, Any], known: Json, variables: Globals) -> Json:
    """Return ``known``, the workflow's outputs, with those of a node that have a ``globalName``.

    They become variables, too.
    """
    for parameter in outputs.get("parameters") or ():
        name = parameter.get("globalName")
        if name and "value" in parameter:
            variables.set_output(name, parameter["value"])
            known = _with(known, "parameters", {"name": name, "value": parameter["value"]})
        elif name and all(each["name"] != name for each in known.get("parameters") or ()):
            # Of a task that has failed; a value that is known stays.
            known = _with(known, "parameters", {"name": name})
    for artifact in outputs.get("artifacts") or ():
        if name := artifact.get("globalName"):
            kept = {k: v for k, v in artifact.items() if k not in ("globalName", "path")}
            kept["name"] = name
            _set_artifact(kept, variables)
            known = _with(known, "artifacts", kept)
    return known


def _set_artifact(artifact: Json, variables: Globals) -> None:
    variables.global_artifacts[f"workflow.outputs.artifacts.{artifact['name']}"] = artifact


def _with(known: Json, kind: str, output: Json) -> Json:
    outputs = {each["name"]: each for each in known.get(kind) or ()}
    outputs[output["name"]] = output
    return {**known, kind: list(outputs.values())}
