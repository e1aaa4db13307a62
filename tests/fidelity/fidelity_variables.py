"""The variables of Argo's catalogue: where each may be used.

Source: ``docs/variable-flow/variables.md`` of Argo Workflows 4.1, its facts as data: 83 variables,
each with the phases in which it exists and the kinds of template that see it. Argo's validator is
coarser than that: :func:`passes` says how.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

PLACES = ("container", "script", "container-set", "steps", "dag", "suspend", "exit-handler")
"""Where a variable is tried: in the body of a template, or in an argument of a step or task."""


@dataclass(frozen=True)
class Variable:
    """One line of the catalogue: ``kinds`` are those of :data:`PLACES` that see it."""

    key: str
    phases: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def used(self) -> str:
        """The variable as the workflow of :func:`using` has it."""
        text = self.key
        for sign, value in _SAMPLES.items():
            text = text.replace(sign, value)
        prefix, _, _ = self.key.partition(".")
        if prefix in ("inputs", "outputs", "workflow"):
            text = text.replace("<name>", "known")
        return text.replace("<name>", "daemon" if text.endswith(".ip") else "done")


_SAMPLES = {"<loopName>": "each", "<p>": "x", "<a>": "out", "<key>": "key", "<fmt>": "Y"}
_SAMPLES["<resource>"] = "cpu"
_PODS = ("container", "script", "container-set", "exit-handler")
_RETRIED = ("container", "script", "container-set", "steps", "dag")
_START = "workflow-start pre-dispatch during-execute exit-handler"


def _lines(phases: str, kinds: tuple[str, ...], keys: str) -> list[Variable]:
    return [Variable(key, tuple(phases.split()), kinds) for key in keys.split()]


def _of_nodes(phases: str, keys: str) -> list[Variable]:
    lines = []
    # An exit handler sees nodes where it consists of steps or tasks itself.
    for prefix, kind in (("steps", "steps"), ("tasks", "dag")):
        lines += _lines(phases, (kind,), " ".join(f"{prefix}.{key}" for key in keys.split()))
    return lines


VARIABLES = (
    *_lines(
        _START,
        PLACES,
        "workflow.annotations workflow.annotations.<name> workflow.annotations.json "
        "workflow.creationTimestamp workflow.creationTimestamp.<fmt> "
        "workflow.creationTimestamp.RFC3339 workflow.creationTimestamp.s workflow.labels "
        "workflow.labels.<name> workflow.labels.json workflow.mainEntrypoint workflow.name "
        "workflow.namespace workflow.parameters workflow.parameters.<name> "
        "workflow.parameters.json workflow.priority workflow.scheduledTime "
        "workflow.serviceAccountName workflow.uid",
    ),
    *_lines(
        "pre-dispatch during-execute exit-handler", PLACES, "workflow.duration workflow.status"
    ),
    *_lines("exit-handler", ("exit-handler",), "workflow.failures"),
    *_lines(
        "during-execute exit-handler",
        PLACES,
        "workflow.outputs.artifacts.<name> workflow.outputs.parameters.<name>",
    ),
    *_lines(
        "during-execute",
        PLACES,
        "inputs.artifacts.<name> inputs.parameters inputs.parameters.<name>",
    ),
    *_lines(
        "during-execute",
        _PODS,
        "inputs.artifacts.<name>.path outputs.artifacts.<name>.path outputs.parameters.<name>.path",
    ),
    *_lines("inside-loop", tuple(p for p in PLACES if p != "exit-handler"), "item item.<key>"),
    *_lines(
        "inside-retry",
        _RETRIED,
        "retries lastRetry.duration lastRetry.exitCode lastRetry.message lastRetry.status",
    ),
    *_lines("pre-dispatch during-execute", PLACES, "node.name"),
    *_lines("pre-dispatch during-execute", _PODS, "pod.name"),
    *_lines("pre-dispatch during-execute", ("steps",), "steps.name"),
    *_lines("pre-dispatch during-execute", ("dag",), "tasks.name"),
    *_of_nodes("after-node-init", "<name>.id <name>.startedAt <name>.status"),
    *_of_nodes("after-pod-start", "<name>.hostNodeName <name>.ip"),
    *_of_nodes("after-node-complete", "<name>.exitCode <name>.finishedAt"),
    *_of_nodes(
        "after-node-succeeded",
        "<name>.outputs.artifacts.<a> <name>.outputs.parameters.<p> <name>.outputs.result",
    ),
    *_of_nodes(
        "after-loop",
        "<loopName>.outputs.parameters <loopName>.outputs.parameters.<p> <loopName>.outputs.result",
    ),
    *_lines(
        "metric-emission",
        (),
        "duration exitCode outputs.parameters.<name> outputs.result "
        "resourcesDuration.<resource> status",
    ),
    *_lines(
        "cron-eval",
        (),
        "cronworkflow.annotations cronworkflow.annotations.json cronworkflow.failed "
        "cronworkflow.labels cronworkflow.labels.json cronworkflow.lastScheduledTime "
        "cronworkflow.name cronworkflow.namespace cronworkflow.succeeded",
    ),
)

_LOOKED_UP = ("item.", "steps.", "inputs.", "pod.", "workflow.", "tasks.")
_BY_THEMSELVES = ("steps.name", "tasks.name")


def passes(variable: Variable, place: str) -> bool:
    """Tell whether Argo's validator lets the variable stand at that place.

    It looks up only what begins with certain words, and lets anything else pass. The exceptions
    are measured on 3.7.18 and 4.0.5, and the same in both.
    """
    if variable.key == "tasks.name" and place == "dag":
        # In an argument it is read as an output of a task that is called "name}}".
        return False
    if variable.key == "item.<key>" and place not in ("steps", "dag"):
        # An item ends at the task that loops: the template is looked at by itself.
        return False
    if variable.key in _BY_THEMSELVES or not variable.key.startswith(_LOOKED_UP):
        return True
    return place in variable.kinds


_IMAGE = {"image": "python:3.13-slim"}


def using(variable: Variable, place: str) -> Json:
    """Return a workflow that uses ``variable`` at ``place``, and makes what it needs."""
    text = f"{{{{{variable.used}}}}}"
    body = _body(place, text)
    inputs: Json = {"parameters": [{"name": "known", "value": "x"}]}
    outputs: Json = {"parameters": [{"name": "known", "valueFrom": {"path": "/x", "default": ""}}]}
    if ".artifacts." in variable.key:
        inputs["artifacts"] = [{"name": "known", "raw": {"data": "x"}}]
        outputs["artifacts"] = [{"name": "known", "path": "/out", "optional": True}]
    template = {"name": "used", "inputs": inputs, **body}
    if place in _PODS:
        template["outputs"] = outputs
        for artifact in inputs.get("artifacts") or ():
            artifact["path"] = "/in"
    if "inside-retry" in variable.phases:
        template["retryStrategy"] = {"limit": 1}
    entry: Json = {"name": "main", "dag": {"tasks": [{"name": "first", "template": "make"}]}}
    entry["dag"]["tasks"].append({"name": "uses", "template": "used", "depends": "first"})
    spec: Json = {
        "entrypoint": "main",
        "serviceAccountName": "experiment",
        "priority": 1,
        "arguments": {"parameters": [{"name": "known", "value": "x"}]},
        "templates": [entry, template, _make(variable), _take()],
    }
    if place == "exit-handler":
        spec["onExit"] = "used"
        entry["dag"]["tasks"].pop()
    if place in ("steps", "dag"):
        spec["templates"].append(
            {"name": "serve", "daemon": True, "container": _command("sleep 9")}
        )
        if not variable.key.endswith(".ip"):
            spec["templates"].pop()
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "generateName": "variable-",
            "labels": {"known": "x"},
            "annotations": {"known": "x"},
        },
        "spec": spec,
    }


def _command(text: str) -> Json:
    return {**_IMAGE, "command": ["sh", "-c", text]}


def _make(variable: Variable) -> Json:
    made: Json = {
        "name": "make",
        "script": {**_IMAGE, "command": ["sh"], "source": "echo 1 | tee /x"},
        "outputs": {
            "parameters": [{"name": "x", "globalName": "known", "valueFrom": {"path": "/x"}}]
        },
    }
    if ".artifacts." in variable.key:
        out = {"name": "out", "globalName": "known", "path": "/x"}
        made["outputs"]["artifacts"] = [out]
    return made


def _take() -> Json:
    return {
        "name": "take",
        "inputs": {"parameters": [{"name": "t"}]},
        "container": _command("echo {{inputs.parameters.t}}"),
    }


def _body(place: str, text: str) -> Json:
    if place in ("container", "exit-handler"):
        return {"container": _command(f"echo '{text}'")}
    if place == "script":
        return {"script": {**_IMAGE, "command": ["sh"], "source": f"echo '{text}'"}}
    if place == "container-set":
        return {"containerSet": {"containers": [{"name": "main", **_command(f"echo '{text}'")}]}}
    if place == "suspend":
        return {"suspend": {"duration": text}}
    arguments = {"parameters": [{"name": "t", "value": text}]}
    use: Json = {"name": "use", "template": "take", "arguments": arguments}
    if "{{item.key}}" in text:
        use["withItems"] = [{"key": "x"}]
    elif "{{item}}" in text:
        use["withItems"] = ["x"]
    before: list[Json] = [
        {"name": "done", "template": "make"},
        {"name": "each", "template": "make", "withItems": [1, 2]},
    ]
    if ".ip}}" in text:
        before.append({"name": "daemon", "template": "serve"})
    if place == "steps":
        return {"steps": [before, [use]]}
    depends = " && ".join(each["name"] for each in before)
    return {"dag": {"tasks": [*copy.deepcopy(before), {**use, "depends": depends}]}}
