"""Which fields of a Workflow the engine knows.

For each object three tables: fields that are honoured, with the kind of their value; fields that
change nothing on one machine of one user, with the reason; and, for the sentence that refuses
them, what the known others are. Whatever is in no table is refused too: nothing is ignored in
silence.

Source: ``pkg/apis/workflow/v1alpha1/workflow_types.go`` of argoproj/argo-workflows and
``core/v1/types.go`` of kubernetes/api.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_ONE_MACHINE = "there is one machine to run on"
_NO_PULL = "no image is pulled"
_ONE_USER = "tasks run as the user who started the server"
_NO_CLUSTER = "there is no cluster to clean up"
_KEPT = "logs and nodes are kept until the workflow is deleted"
_NO_ACCOUNT = "tasks need no account to report to the engine"
_NO_METRICS = "nothing collects metrics"


@dataclass(frozen=True)
class Table:
    """The fields of one kind of object; see the module."""

    honoured: Mapping[str, str]
    harmless: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


WORKFLOW = Table(
    {"apiVersion": "string", "kind": "string", "metadata": "object", "spec": "object"},
    {"status": "the engine writes it"},
)

METADATA = Table(
    {
        "name": "string",
        "generateName": "string",
        "namespace": "string",
        "labels": "strings by name",
        "annotations": "strings by name",
    },
    {
        key: "Kubernetes writes it"
        for key in (
            "uid",
            "creationTimestamp",
            "resourceVersion",
            "generation",
            "managedFields",
            "selfLink",
            "ownerReferences",
            "finalizers",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        )
    },
)

SPEC = Table(
    {
        "arguments": "object",
        "entrypoint": "string",
        "onExit": "string",
        "templates": "list",
        "volumes": "list",
        "volumeClaimTemplates": "list",
        "volumeClaimGC": "object",
        "parallelism": "integer",
        "activeDeadlineSeconds": "integer",
        "retryStrategy": "object",
        "serviceAccountName": "string",
        "priority": "integer",
    },
    {
        "affinity": _ONE_MACHINE,
        "nodeSelector": _ONE_MACHINE,
        "tolerations": _ONE_MACHINE,
        "schedulerName": _ONE_MACHINE,
        "podPriorityClassName": _ONE_MACHINE,
        "podDisruptionBudget": _ONE_MACHINE,
        "hostNetwork": "a task has this machine's network",
        "dnsPolicy": "a task has this machine's name service",
        "dnsConfig": "a task has this machine's name service",
        "imagePullSecrets": _NO_PULL,
        "automountServiceAccountToken": _NO_ACCOUNT,
        "executor": _NO_ACCOUNT,
        "securityContext": _ONE_USER,
        "ttlStrategy": _KEPT,
        "podGC": _NO_CLUSTER,
        "artifactGC": "there are no artifacts",
        "artifactRepositoryRef": "there are no artifacts",
        "archiveLogs": _KEPT,
        "podMetadata": _NO_CLUSTER,
        "metrics": _NO_METRICS,
    },
    {
        "hooks": "lifecycle hooks",
        "suspend": "suspended workflows",
        "synchronization": "mutexes and semaphores",
        "templateDefaults": "defaults for templates",
        "workflowTemplateRef": "workflow templates",
        "podSpecPatch": "patches of pods",
        "hostAliases": "names for other hosts",
        "shutdown": "workflows that are created stopped",
        "workflowMetadata": "metadata set by the workflow itself",
    },
)

TEMPLATE = Table(
    {
        "name": "string",
        "inputs": "object",
        "outputs": "object",
        "container": "object",
        "script": "object",
        "dag": "object",
        "steps": "list",
        "volumes": "list",
        "retryStrategy": "object",
        "parallelism": "integer",
        "failFast": "boolean",
        "activeDeadlineSeconds": "integer or text",
        "timeout": "string",
        "annotations": "strings by name",
    },
    {
        "affinity": _ONE_MACHINE,
        "nodeSelector": _ONE_MACHINE,
        "tolerations": _ONE_MACHINE,
        "schedulerName": _ONE_MACHINE,
        "priorityClassName": _ONE_MACHINE,
        "serviceAccountName": _NO_ACCOUNT,
        "automountServiceAccountToken": _NO_ACCOUNT,
        "executor": _NO_ACCOUNT,
        "securityContext": _ONE_USER,
        "metadata": "labels and annotations of a pod",
        "archiveLocation": "there are no artifacts",
        "metrics": _NO_METRICS,
    },
    {
        "containerSet": "container sets",
        "resource": "resource templates",
        "suspend": "suspend templates",
        "data": "data templates",
        "http": "HTTP templates",
        "plugin": "plugins",
        "daemon": "daemons",
        "initContainers": "init containers",
        "sidecars": "sidecars",
        "memoize": "memoization",
        "synchronization": "mutexes and semaphores",
        "podSpecPatch": "patches of pods",
        "hostAliases": "names for other hosts",
    },
)

_CONTAINER_FIELDS = {
    "image": "string",
    "name": "string",
    "command": "list of strings",
    "args": "list of strings",
    "env": "list of variables",
    "envFrom": "list",
    "workingDir": "string",
    "volumeMounts": "list",
}
_CONTAINER_HARMLESS = {
    "resources": "a task takes what the machine has",
    "resizePolicy": "a task takes what the machine has",
    "imagePullPolicy": _NO_PULL,
    "ports": "a task has this machine's network",
    "securityContext": _ONE_USER,
    "readinessProbe": "nothing asks whether a task is ready",
    "terminationMessagePath": "the log says how a task ended",
    "terminationMessagePolicy": "the log says how a task ended",
}
_CONTAINER_REFUSED = {
    "livenessProbe": "probes",
    "startupProbe": "probes",
    "lifecycle": "lifecycle handlers of containers",
    "volumeDevices": "block devices",
    "stdin": "standard input",
    "tty": "terminals",
    "restartPolicy": "restarts of containers",
}
CONTAINER = Table(_CONTAINER_FIELDS, _CONTAINER_HARMLESS, _CONTAINER_REFUSED)
SCRIPT = Table({**_CONTAINER_FIELDS, "source": "string"}, _CONTAINER_HARMLESS, _CONTAINER_REFUSED)

_ANY_SIZE = "a folder takes what the disk has"
_CLAIM_KEPT = "a claim on this machine is a folder"
CLAIM_TEMPLATE = Table(
    {"metadata": "object", "spec": "object"},
    {"apiVersion": _CLAIM_KEPT, "kind": _CLAIM_KEPT, "status": "Kubernetes writes it"},
)
CLAIM_METADATA = Table(
    {"name": "string"},
    {**METADATA.harmless, "labels": _CLAIM_KEPT, "annotations": _CLAIM_KEPT},
)
CLAIM_SPEC = Table(
    {},
    {
        "accessModes": _ONE_MACHINE,
        "resources": _ANY_SIZE,
        "storageClassName": _CLAIM_KEPT,
        "volumeAttributesClassName": _CLAIM_KEPT,
    },
    {
        "dataSource": "claims that begin with a copy",
        "dataSourceRef": "claims that begin with a copy",
        "selector": "volumes chosen by their labels",
        "volumeName": "volumes chosen by their name",
        "volumeMode": "block devices",
    },
)
CLAIM_GC = Table({"strategy": "string"})

DAG = Table({"tasks": "list", "target": "string", "failFast": "boolean"})

_STEP_FIELDS = {
    "name": "string",
    "template": "string",
    "arguments": "object",
    "when": "string",
    "withItems": "list",
    "withParam": "string",
    "withSequence": "object",
    "continueOn": "object",
}
_STEP_REFUSED = {
    "inline": "templates written inside a task",
    "templateRef": "templates of other objects",
    "hooks": "lifecycle hooks",
    "onExit": "exit handlers",
}
STEP = Table(_STEP_FIELDS, refused=_STEP_REFUSED)
TASK = Table(
    {**_STEP_FIELDS, "dependencies": "list of strings", "depends": "string"}, refused=_STEP_REFUSED
)

SEQUENCE = Table(
    {
        "start": "integer or text",
        "end": "integer or text",
        "count": "integer or text",
        "format": "string",
    }
)
CONTINUE_ON = Table({"error": "boolean", "failed": "boolean"})

RETRY_STRATEGY = Table(
    {"limit": "integer or text", "retryPolicy": "string", "backoff": "object"},
    {"affinity": _ONE_MACHINE},
    {"expression": "expressions"},
)
BACKOFF = Table(
    {
        "duration": "string",
        "factor": "integer or text",
        "maxDuration": "string",
        "cap": "string",
    }
)

PARAMETERS = Table({"parameters": "list"}, refused={"artifacts": "artifacts"})
OUTPUTS = Table(
    {"parameters": "list"},
    {"result": "the engine writes it", "exitCode": "the engine writes it"},
    {"artifacts": "artifacts"},
)

_PARAMETER_FIELDS = {
    "name": "string",
    "value": "text",
    "default": "text",
    "enum": "list",
    "description": "text",
}
_NO_SOURCE = {
    "valueFrom": "values from elsewhere than a file or a task's output",
    "globalName": "outputs of the workflow that are no outputs",
}
PARAMETER = Table(_PARAMETER_FIELDS, refused=_NO_SOURCE)
OUTPUT = Table(
    {
        "name": "string",
        "valueFrom": "object",
        "globalName": "string",
        "description": "text",
        "enum": "list",
        "default": "text",
    },
    refused={"value": "outputs with a fixed value"},
)
VALUE_FROM = Table(
    {"path": "string", "parameter": "string", "default": "text"},
    refused={
        "expression": "expressions",
        "supplied": "values that a person supplies",
        "configMapKeyRef": "values from ConfigMaps",
        "jsonPath": "values from resources",
        "jqFilter": "values from resources",
        "event": "values from events",
    },
)
