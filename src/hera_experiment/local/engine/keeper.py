"""Keeps WorkflowTemplates, ClusterWorkflowTemplates and CronWorkflows, and makes workflows of them.

Source: ``server/workflowtemplate``, ``server/clusterworkflowtemplate``, ``server/cronworkflow`` and
``SubmitWorkflow`` in ``server/workflow/workflow_server.go``; ``workflow/common/convert.go`` and
``ApplySubmitOpts`` in ``workflow/util/util.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from hera_experiment.argo.names import ANNOTATION_SCHEDULED, generated_name
from hera_experiment.local.engine.node import timestamp
from hera_experiment.local.engine.templates import Kept
from hera_experiment.local.engine.validation import check_generated_name, checked
from hera_experiment.local.errors import AlreadyExists, ApiError, InvalidWorkflow
from hera_experiment.local.store import Store
from hera_experiment.local.store.kept import (
    CLUSTER_TEMPLATE,
    CRON_WORKFLOW,
    PLURALS,
    WORKFLOW_TEMPLATE,
    Json,
)

LABEL_CRON = "workflows.argoproj.io/cron-workflow"

_LABELS = {
    WORKFLOW_TEMPLATE: "workflows.argoproj.io/workflow-template",
    CLUSTER_TEMPLATE: "workflows.argoproj.io/cluster-workflow-template",
}
_NAMES = {
    WORKFLOW_TEMPLATE: ("workflowtemplate", "wftmpl"),
    CLUSTER_TEMPLATE: ("clusterworkflowtemplate", "cwft"),
    CRON_WORKFLOW: ("cronworkflow", "cronwf"),
}
_OWN_FIELDS = {
    "entryPoint": "entrypoint",
    "serviceAccount": "serviceAccountName",
    "podPriorityClassName": "podPriorityClassName",
}
"""Options of a submission that are fields of the specification."""

CRON_STATUS: Mapping[str, Any] = {
    "active": None,
    "lastScheduledTime": None,
    "conditions": None,
    "succeeded": 0,
    "failed": 0,
    "phase": "",
}
"""The status of a CronWorkflow that has made nothing yet."""


class Keeper:
    """Keeps objects in ``store``; ``clock`` and ``random_suffix`` are those of the engine."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], random_suffix: Callable[[], str]
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_suffix = random_suffix

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
        """Check an object and keep it; return it as it is kept. ``dry_run`` keeps nothing.

        Raises
        ------
        InvalidWorkflow
            When it breaks one of Argo's rules.
        Unsupported
            When it asks for something that the engine does not interpret.
        AlreadyExists
            When there is one of that name.
        """
        found = self.lint(kind, manifest)
        metadata = found["metadata"]
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                raise InvalidWorkflow(
                    f'{kind}.argoproj.io "" is invalid: metadata.name: Required value: '
                    "name or generateName is required"
                )
            metadata["name"] = generated_name(metadata["generateName"], self._random_suffix())
            check_generated_name(metadata["name"])
        metadata |= {
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": timestamp(self._clock()),
        }
        if dry_run:
            return found
        return self._store.kept.create(metadata.get("namespace", ""), kind, found)

    def lint(self, kind: str, manifest: Json) -> Json:
        """Check an object and return it as Argo reads it; raises as :meth:`create` does."""
        metadata = manifest.get("metadata")
        namespace = metadata.get("namespace", "") if isinstance(metadata, Mapping) else ""
        found = checked(manifest, kind=kind, kept=self.kept_for(namespace))
        read = {"metadata": dict(found["metadata"]), "spec": found["spec"]}
        if kind == CRON_WORKFLOW:
            read["status"] = {**CRON_STATUS, **(manifest.get("status") or {})}
        return read

    def replace(self, kind: str, manifest: Json) -> Json:
        """Check an object and put it in the place of the one of its name, which it must know.

        Raises as :meth:`create` does, :class:`NotFound`, and :class:`AlreadyExists` when the
        object is not what it was when the client read it.
        """
        found = self.lint(kind, manifest)
        metadata = found["metadata"]
        name = metadata.get("name", "")
        where = f'{PLURALS[kind]}.argoproj.io "{name}"'

        def replaced(old: Json) -> Json:
            version = metadata.get("resourceVersion")
            if not version:
                raise InvalidWorkflow(
                    f"{where} is invalid: metadata.resourceVersion: Invalid value: 0: must be "
                    "specified for an update"
                )
            if version != old["metadata"]["resourceVersion"]:
                raise AlreadyExists(
                    f"Operation cannot be fulfilled on {where}: the object has been modified; "
                    "please apply your changes to the latest version and try again"
                )
            return _next(old, {**old, **found, "metadata": {**old["metadata"], **metadata}})

        return self._store.kept.change(metadata.get("namespace", ""), kind, name, replaced)

    def set_suspended(self, namespace: str, name: str, suspended: bool) -> Json:
        """Have a CronWorkflow make no workflows, or make them again; raises :class:`NotFound`."""

        def changed(old: Json) -> Json:
            spec = {key: value for key, value in old["spec"].items() if key != "suspend"}
            return _next(old, {**old, "spec": {**spec, **({"suspend": True} if suspended else {})}})

        return self._store.kept.change(namespace, CRON_WORKFLOW, name, changed)

    def workflow_of(self, namespace: str, kind: str, name: str, options: Mapping[str, Any]) -> Json:
        """Return the workflow that a submission of a kept object makes.

        ``kind`` is one of the object's names, ``options`` are Argo's ``submitOptions``. Raises
        :class:`InvalidWorkflow` and :class:`NotFound`.
        """
        known = next((k for k, names in _NAMES.items() if kind in (k, *names, PLURALS[k])), None)
        if known is None:
            raise InvalidWorkflow(f"Resource kind '{kind}' is not supported for submitting")
        found = self._store.kept.get(namespace, known, name)
        if known == CRON_WORKFLOW:
            scheduled = timestamp(self._clock())
            workflow = workflow_of_cron(found, {"generateName": f"{name}-"}, scheduled)
        else:
            ref: Json = {
                "name": name,
                **({"clusterScope": True} if known == CLUSTER_TEMPLATE else {}),
            }
            metadata = {"generateName": f"{name}-", "labels": {_LABELS[known]: name}}
            workflow = {"metadata": metadata, "spec": {"workflowTemplateRef": ref}}
        workflow["metadata"]["namespace"] = namespace
        return _with_options(workflow, options)

    def kept_for(self, namespace: str) -> Kept:
        """Return what finds the objects that those of a namespace may refer to."""
        return partial(self._store.kept.find, namespace)


def workflow_of_cron(cron: Json, metadata: Json, scheduled: str) -> Json:
    """Return the workflow, with this metadata, that a CronWorkflow makes for a moment."""
    own = cron["spec"].get("workflowMetadata") or {}
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": CRON_WORKFLOW,
        "name": cron["metadata"]["name"],
        "uid": cron["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "metadata": {
            **metadata,
            "labels": {LABEL_CRON: cron["metadata"]["name"], **(own.get("labels") or {})},
            "annotations": {ANNOTATION_SCHEDULED: scheduled, **(own.get("annotations") or {})},
            "ownerReferences": [owner],
        },
        "spec": dict(cron["spec"]["workflowSpec"]),
    }


def _next(old: Json, new: Json) -> Json:
    generation = old["metadata"].get("generation", 1) + 1
    return {**new, "metadata": {**new["metadata"], "generation": generation}}


def _with_options(workflow: Json, options: Mapping[str, Any]) -> Json:
    metadata, spec = dict(workflow["metadata"]), dict(workflow["spec"])
    spec.update((field, options[key]) for key, field in _OWN_FIELDS.items() if options.get(key))
    if options.get("priority") is not None:
        spec["priority"] = options["priority"]
    for key in ("labels", "annotations"):
        if text := options.get(key):
            metadata[key] = {**(metadata.get(key) or {}), **_pairs(key, text)}
    for key in ("name", "generateName"):
        if options.get(key):
            metadata[key] = options[key]
    if given := options.get("parameters"):
        pairs = [_parameter(text) for text in given]
        names = {pair["name"] for pair in pairs}
        arguments = spec.get("arguments") or {}
        others = [p for p in arguments.get("parameters") or () if p["name"] not in names]
        spec["arguments"] = {**arguments, "parameters": [*pairs, *others]}
    return {**workflow, "metadata": metadata, "spec": spec}


def _parameter(text: Any) -> Json:
    name, equals, value = str(text).partition("=")
    if not equals:
        raise ApiError(f"expected parameter of the form: NAME=VALUE. Received: {text}")
    return {"name": name, "value": value}


def _pairs(kind: str, text: Any) -> dict[str, str]:
    pairs = {}
    for part in str(text).split(","):
        name, equals, value = part.partition("=")
        if not equals:
            raise ApiError(
                f"expected {kind} of the form: NAME1=VALUE2,NAME2=VALUE2. Received: {text}"
            )
        pairs[name] = value
    return pairs
