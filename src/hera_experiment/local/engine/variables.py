"""The variables that every template of a workflow may use: ``{{workflow.…}}``.

Source: ``setGlobalParameters`` and ``updateWorkflowMetadata`` in
``workflow/controller/operator.go`` and ``util/strftime/strftime.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from hera_experiment.argo import go_text
from hera_experiment.argo.names import (
    ANNOTATION_CACHE,
    ANNOTATION_FROM,
    ANNOTATION_LIMITS,
    ANNOTATION_ONLY,
    ANNOTATION_POD_NAMES,
    ANNOTATION_RESUME,
    ANNOTATION_RUNTIME,
    ANNOTATION_SCHEDULED,
    LABEL_COMPLETED,
    LABEL_PHASE,
    pod_name,
)
from hera_experiment.argo.phases import RUNNING
from hera_experiment.local.engine.arguments import parameters_json
from hera_experiment.local.engine.config_values import (
    ConfigValue,
    NoConfigValue,
    no_config,
    reference_of,
)
from hera_experiment.local.engine.node import Node, moment

_WRITTEN_BY_ENGINE = frozenset(
    (
        ANNOTATION_CACHE,
        ANNOTATION_FROM,
        ANNOTATION_LIMITS,
        ANNOTATION_ONLY,
        ANNOTATION_POD_NAMES,
        ANNOTATION_RESUME,
        ANNOTATION_RUNTIME,
        LABEL_COMPLETED,
        LABEL_PHASE,
    )
)
"""Keys that a workflow's own variables do not show."""

_DATE_PARTS = "BbmAadHIMSYypZzL"
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = (
    "January February March April May June July August September October November December".split()
)


class Globals:
    """Looks up ``workflow.…``; ``seconds`` returns how long the workflow has run.

    ``config`` has the values that stand in ConfigMaps, ``problem`` says why one has not been had.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any],
        seconds: Callable[[], float],
        config: ConfigValue = no_config,
    ) -> None:
        metadata, spec = manifest["metadata"], manifest["spec"]
        created = metadata["creationTimestamp"]
        parameters = (spec.get("arguments") or {}).get("parameters") or []
        # To Argo a workflow has no phase, and has not begun, when it looks at it the first time.
        self._first = True
        self._seconds = seconds
        self._failures: Callable[[], str] | None = None
        self.global_artifacts: dict[str, Mapping[str, Any]] = {}
        """The artifacts with a ``globalName``, by their variables."""
        self._values: dict[str, str] = {
            "workflow.name": metadata["name"],
            "workflow.namespace": metadata["namespace"],
            "workflow.uid": metadata["uid"],
            "workflow.mainEntrypoint": spec.get("entrypoint", ""),
            "workflow.serviceAccountName": spec.get("serviceAccountName", ""),
            "workflow.status": "",
            "workflow.creationTimestamp": created,
            "workflow.creationTimestamp.RFC3339": created,
            "workflow.creationTimestamp.s": str(int(moment(created).timestamp())),
            "workflow.parameters": parameters_json(parameters),
            "workflow.parameters.json": parameters_json(parameters),
        }
        for part in _DATE_PARTS:
            self._values[f"workflow.creationTimestamp.{part}"] = _date_part(part, moment(created))
        if scheduled := (metadata.get("annotations") or {}).get(ANNOTATION_SCHEDULED):
            self._values["workflow.scheduledTime"] = scheduled
        if "priority" in spec:
            self._values["workflow.priority"] = str(spec["priority"])
        self.problem = ""
        for parameter in parameters:
            self._set_parameter(parameter, config)
        own = spec.get("workflowMetadata") or {}
        # Argo leaves out what an expression is to give, and knows its value only until it looks at
        # the workflow a second time.
        self._passing = frozenset(own.get("labelsFrom") or ())
        for kind in ("labels", "annotations"):
            self._show_metadata(kind, metadata.get(kind) or {})
            self.set_metadata(kind, own.get(kind) or {})
        self._forget_passing()

    def _set_parameter(self, parameter: Mapping[str, Any], config: ConfigValue) -> None:
        name, value = parameter["name"], parameter.get("value")
        reference = reference_of(parameter)
        if value is None and reference is not None:
            try:
                value = config(reference["name"], reference["key"])
            except NoConfigValue as error:
                value = parameter["valueFrom"].get("default")
                if value is None:
                    self.problem = self.problem or (
                        f"failed to set global parameter {name} from configmap with name "
                        f"{reference['name']} and key {reference['key']}: {error}"
                    )
        elif value is None:
            self.problem = self.problem or (
                "either value or valueFrom must be specified in order to set global parameter "
                f"{name}"
            )
        if value is not None:
            self._values[f"workflow.parameters.{name}"] = value

    def set_metadata(self, kind: str, values: Mapping[str, str]) -> None:
        """Make labels or annotations known (``kind``) that the workflow gives itself."""
        for key, value in values.items():
            self._values[f"workflow.{kind}.{key}"] = value

    def looked_at_again(self, metadata: Mapping[str, Any]) -> None:
        """Know no more than Argo does when the workflow, now with ``metadata``, has gone on."""
        for kind in ("labels", "annotations"):
            self._show_metadata(kind, metadata.get(kind) or {})
        self._forget_passing()
        if self._first and not self._values["workflow.status"]:
            self._values["workflow.status"] = RUNNING
        self._first = False

    def _forget_passing(self) -> None:
        """Forget the labels that are the values of expressions."""
        for key in self._passing:
            self._values.pop(f"workflow.labels.{key}", None)

    def _show_metadata(self, kind: str, found: Mapping[str, str]) -> None:
        pairs = {key: found[key] for key in found if key not in _WRITTEN_BY_ENGINE}
        encoded = go_text.dumps(pairs, sort_keys=True) if pairs else "null"
        self._values[f"workflow.{kind}"] = encoded
        self._values[f"workflow.{kind}.json"] = encoded
        self.set_metadata(kind, pairs)

    def set_output(self, name: str, value: str) -> None:
        """Make an output parameter with a ``globalName`` known."""
        self._values[f"workflow.outputs.parameters.{name}"] = value

    def entry_is(self, status: str, failures: Callable[[], str] | None) -> None:
        """Make known to hooks how the entry template is or has ended, and what failed."""
        self._values["workflow.status"] = status
        self._failures = failures

    def __call__(self, name: str) -> str:
        """Return the value of a variable; raises KeyError."""
        if name == "workflow.failures" and self._failures is not None:
            return self._failures()
        if name == "workflow.duration":
            return f"{0 if self._first else self._seconds():f}"
        return self._values[name]

    def names(self) -> list[str]:
        """Return the names of all variables."""
        known = "workflow.failures" if self._failures is not None else "workflow.duration"
        return [*self._values, "workflow.duration", known]


def _date_part(part: str, created: datetime) -> str:
    # Not strftime: its names of days and months depend on the locale.
    special = {
        "A": _DAYS[created.weekday()],
        "a": _DAYS[created.weekday()][:3],
        "B": _MONTHS[created.month - 1],
        "b": _MONTHS[created.month - 1][:3],
        "p": "AM" if created.hour < 12 else "PM",
        "Z": "UTC",
        "z": "+0000",
        "L": ".000",
    }
    return special[part] if part in special else created.strftime(f"%{part}")


def failures(workflow: str, nodes: Iterable[Node]) -> str:
    """Return what ``{{workflow.failures}}`` stands for: JSON as a quoted string of Go.

    In the order in which the nodes were made; Argo's is random.
    """
    failed = [
        {
            "displayName": node.display_name,
            "message": node.message,
            "templateName": node.template,
            "phase": node.phase,
            "podName": pod_name(workflow, node.name, node.template_id.short_name),
            "finishedAt": node.finished_at or None,
        }
        for node in nodes
        if node.failed
    ]
    return _quoted(go_text.dumps(failed) if failed else "null")


def _quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return (
        f"\\x{code:02x}" if code == 0x7F else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
