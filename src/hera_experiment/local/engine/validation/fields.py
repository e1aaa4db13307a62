"""Which fields of a Workflow the engine knows.

For each object three tables: fields that are honoured, by the kind of their value; fields that
change nothing on one machine of one user, by the reason; and, for the sentence that refuses them,
the known others, by what they are for. Whatever is in no table is refused too: nothing is ignored
in silence.

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
_ANY_SIZE = "a folder takes what the disk has"
_WHOLE_MACHINE = "a task takes what the machine has"
_CLAIM_KEPT = "a claim on this machine is a folder"


@dataclass(frozen=True)
class Table:
    """What is said of each field of one kind of object; see the module."""

    honoured: Mapping[str, str]
    harmless: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def _table(
    honoured: Mapping[str, str],
    harmless: Mapping[str, str] | None = None,
    refused: Mapping[str, str] | None = None,
) -> Table:
    """Return the table in which each field has the words that it stands behind here."""

    def by_field(fields: Mapping[str, str]) -> dict[str, str]:
        return {name: words for words, names in fields.items() for name in names.split()}

    return Table(by_field(honoured), by_field(harmless or {}), by_field(refused or {}))


WORKFLOW = _table(
    {"string": "apiVersion kind", "object": "metadata spec"}, {"the engine writes it": "status"}
)

METADATA = _table(
    {"string": "name generateName namespace", "strings by name": "labels annotations"},
    {
        "Kubernetes writes it": (
            "uid creationTimestamp resourceVersion generation managedFields selfLink "
            "ownerReferences finalizers deletionTimestamp deletionGracePeriodSeconds"
        )
    },
)

SPEC = _table(
    {
        "object": (
            "arguments volumeClaimGC retryStrategy templateDefaults workflowMetadata "
            "workflowTemplateRef hooks synchronization artifactGC artifactRepositoryRef"
        ),
        "string": "entrypoint onExit serviceAccountName podSpecPatch shutdown",
        "boolean": "suspend archiveLogs",
        "list": "templates volumes volumeClaimTemplates hostAliases",
        "integer": "parallelism activeDeadlineSeconds priority",
    },
    {
        _ONE_MACHINE: (
            "affinity nodeSelector tolerations schedulerName podPriorityClassName "
            "podDisruptionBudget"
        ),
        "a task has this machine's network": "hostNetwork",
        "a task has this machine's name service": "dnsPolicy dnsConfig",
        _NO_PULL: "imagePullSecrets",
        _NO_ACCOUNT: "automountServiceAccountToken executor",
        _ONE_USER: "securityContext",
        _KEPT: "ttlStrategy",
        _NO_CLUSTER: "podGC podMetadata",
        _NO_METRICS: "metrics",
        _WHOLE_MACHINE: "podResources",
    },
    {"claims of devices": "resourceClaims", "plugins": "executorPlugins"},
)

TEMPLATE = _table(
    {
        "string": "name timeout podSpecPatch",
        "object": (
            "inputs outputs container script containerSet dag retryStrategy archiveLocation "
            "suspend http synchronization memoize"
        ),
        "list": "steps volumes hostAliases initContainers sidecars",
        "integer": "parallelism",
        "boolean": "failFast daemon",
        "integer or text": "activeDeadlineSeconds",
        "strings by name": "annotations",
    },
    {
        _ONE_MACHINE: "affinity nodeSelector tolerations schedulerName priorityClassName",
        _NO_ACCOUNT: "serviceAccountName automountServiceAccountToken executor",
        _ONE_USER: "securityContext",
        "labels and annotations of a pod": "metadata",
        _NO_METRICS: "metrics",
        _WHOLE_MACHINE: "podResources",
        "a pod waits for nothing but its turn": "pendingTimeout",
    },
    {
        "resource templates": "resource",
        "data templates": "data",
        "plugins": "plugin",
        "claims of devices": "resourceClaims",
    },
)

MEMOIZE = _table({"string": "key maxAge", "object": "cache"})

CONTAINER = _table(
    {
        "string": "image name workingDir",
        "list of strings": "command args",
        "list of variables": "env",
        "list": "envFrom volumeMounts",
        "object": "readinessProbe",
        "boolean": "stdin tty",
    },
    {
        "nobody writes to its standard input": "stdinOnce",
        _WHOLE_MACHINE: "resources resizePolicy",
        _NO_PULL: "imagePullPolicy",
        "a task has this machine's network": "ports",
        _ONE_USER: "securityContext",
        "the log says how a task ended": "terminationMessagePath terminationMessagePolicy",
    },
    {
        "probes": "livenessProbe startupProbe",
        "lifecycle handlers of containers": "lifecycle",
        "block devices": "volumeDevices",
        "restarts of containers": "restartPolicy",
    },
)

SCRIPT = Table({**CONTAINER.honoured, "source": "string"}, CONTAINER.harmless, CONTAINER.refused)

USER_CONTAINER = Table(
    {**CONTAINER.honoured, "mirrorVolumeMounts": "boolean"}, CONTAINER.harmless, CONTAINER.refused
)

OF_SET = Table(
    {**CONTAINER.honoured, "dependencies": "list of strings"}, CONTAINER.harmless, CONTAINER.refused
)

CONTAINER_SET = _table({"list": "containers volumeMounts", "object": "retryStrategy"})

SET_RETRY = _table({"integer or text": "retries", "string": "duration"})

POD_SPEC = _table(
    {
        "list": "containers initContainers volumes hostAliases",
        "object": "securityContext",
        "integer": "activeDeadlineSeconds terminationGracePeriodSeconds",
    },
    {
        _ONE_MACHINE: (
            "nodeSelector nodeName tolerations topologySpreadConstraints schedulerName "
            "schedulingGates priorityClassName priority preemptionPolicy overhead "
            "runtimeClassName os affinity"
        ),
        "a task has this machine's network": "hostNetwork enableServiceLinks",
        "a task has this machine's name service": "dnsPolicy dnsConfig",
        _NO_PULL: "imagePullSecrets",
        _NO_ACCOUNT: "serviceAccountName serviceAccount automountServiceAccountToken",
        "Argo needs it to be Never": "restartPolicy",
        _WHOLE_MACHINE: "resources",
    },
    {
        "processes that containers see of each other": "shareProcessNamespace",
        "this machine's processes": "hostPID hostIPC",
        "another name of the pod": "hostname subdomain setHostnameAsFQDN",
        "containers added by hand": "ephemeralContainers",
        "claims of devices": "resourceClaims",
        "conditions of readiness": "readinessGates",
    },
)
"""What a patch of a pod may hold; what is in no table Argo as well leaves out."""

CLAIM_TEMPLATE = _table(
    {"object": "metadata spec"}, {_CLAIM_KEPT: "apiVersion kind", "Kubernetes writes it": "status"}
)

CLAIM_METADATA = Table(
    {"name": "string"}, {**METADATA.harmless, "labels": _CLAIM_KEPT, "annotations": _CLAIM_KEPT}
)

CLAIM_SPEC = _table(
    {},
    {
        _ONE_MACHINE: "accessModes",
        _ANY_SIZE: "resources",
        _CLAIM_KEPT: "storageClassName volumeAttributesClassName",
    },
    {
        "claims that begin with a copy": "dataSource dataSourceRef",
        "volumes chosen by their labels": "selector",
        "volumes chosen by their name": "volumeName",
        "block devices": "volumeMode",
    },
)

CLAIM_GC = _table({"string": "strategy"})

DAG = _table({"list": "tasks", "string": "target", "boolean": "failFast"})

STEP = _table(
    {
        "string": "name template when withParam onExit",
        "object": "arguments withSequence continueOn inline templateRef hooks",
        "list": "withItems",
    },
    {},
    {},
)

TASK = Table(
    {**STEP.honoured, "dependencies": "list of strings", "depends": "string"}, refused=STEP.refused
)


HOOK = _table({"string": "template expression", "object": "arguments templateRef"})

HTTP = _table(
    {
        "string": "method url body successCondition",
        "list": "headers",
        "integer": "timeoutSeconds",
        "boolean": "insecureSkipVerify",
        "object": "bodyFrom",
    }
)

HTTP_HEADER = _table({"string": "name value", "object": "valueFrom"})

SYNCHRONIZATION = _table({"object": "mutex semaphore", "list": "mutexes semaphores"})

MUTEX = _table({"string": "name namespace", "boolean": "database"})

SEMAPHORE = _table({"object": "configMapKeyRef database", "string": "namespace"})

SEQUENCE = _table({"integer or text": "start end count", "string": "format"})

CONTINUE_ON = _table({"boolean": "error failed"})

RETRY_STRATEGY = _table(
    {"integer or text": "limit", "string": "retryPolicy expression", "object": "backoff"},
    {_ONE_MACHINE: "affinity"},
)

BACKOFF = _table({"string": "duration maxDuration cap", "integer or text": "factor"})

PARAMETERS = _table({"list": "parameters artifacts"})

OUTPUTS = _table({"list": "parameters artifacts"}, {"the engine writes it": "result exitCode"})

_LOCATIONS = "s3 git http artifactory hdfs raw oss gcs azure"
_NO_DRIVER = {"drivers of artifacts that are programs of their own": "plugin"}

ARTIFACT = _table(
    {
        "string": "name path from fromExpression globalName subPath",
        "integer": "mode",
        "boolean": "optional recurseMode deleted archiveLogs",
        "object": f"archive artifactGC {_LOCATIONS}",
    },
    {},
    _NO_DRIVER,
)

ARCHIVE_LOCATION = _table({"boolean": "archiveLogs", "object": _LOCATIONS}, {}, _NO_DRIVER)

_CREDENTIALS = "accessKeySecret secretKeySecret sessionTokenSecret caSecret"
_FOLDER = "a folder of this machine takes the place of the store"

LOCATIONS = {
    "s3": _table(
        {"string": "key bucket endpoint"},
        {
            _FOLDER: (
                f"{_CREDENTIALS} region insecure roleARN useSDKCreds createBucketIfNotPresent "
                "encryptionOptions addressingStyle"
            )
        },
    ),
    "gcs": _table({"string": "key bucket"}, {_FOLDER: "serviceAccountKeySecret"}),
    "oss": _table(
        {"string": "key bucket endpoint"},
        {
            _FOLDER: (
                f"{_CREDENTIALS} createBucketIfNotPresent securityToken lifecycleRule useSDKCreds"
            )
        },
    ),
    "azure": _table(
        {"string": "blob container endpoint"}, {_FOLDER: "accountKeySecret useSDKCreds"}
    ),
    "hdfs": _table(
        {"string": "path", "list": "addresses"},
        {
            _FOLDER: (
                "dataTransferProtection force hdfsUser krbCCacheSecret krbConfigConfigMap "
                "krbKeytabSecret krbRealm krbServicePrincipalName krbUsername"
            )
        },
    ),
    "artifactory": _table({"string": "url"}, {_FOLDER: "usernameSecret passwordSecret"}),
    "raw": _table({"string": "data"}),
    "http": _table({"string": "url", "list": "headers", "object": "auth"}),
    "git": _table(
        {
            "string": "repo revision branch",
            "integer": "depth",
            "list of strings": "fetch",
            "object": "usernameSecret passwordSecret sshPrivateKeySecret",
            "boolean": "insecureIgnoreHostKey insecureSkipTLS disableSubmodules singleBranch",
        }
    ),
}

ARCHIVE = _table({"object": "none tar zip"})

TAR = _table({"integer": "compressionLevel"})

ARTIFACT_GC = _table(
    {"string": "strategy"},
    {_NO_CLUSTER: "podMetadata serviceAccountName podSpecPatch forceFinalizerRemoval"},
)

PARAMETER = _table(
    {
        "string": "name",
        "text": "value default description",
        "list": "enum",
        "object": "valueFrom",
    },
    {},
    {
        "outputs of the workflow that are no outputs": "globalName",
    },
)

OUTPUT = _table(
    {
        "string": "name globalName",
        "object": "valueFrom",
        "text": "value description default",
        "list": "enum",
    },
    {},
    {},
)

INPUT_VALUE_FROM = _table(
    {"object": "configMapKeyRef", "text": "default"},
    {},
    {
        "values that a person supplies": "supplied",
        "values that are outputs": "path parameter expression",
        "values from resources": "jsonPath jqFilter",
        "values from events": "event",
    },
)

CONFIG_MAP_KEY = _table(
    {"string": "name key"}, {"a value that is not there has its default": "optional"}
)

TEMPLATE_REF = _table({"string": "name template", "boolean": "clusterScope"})

WORKFLOW_TEMPLATE_REF = _table({"string": "name", "boolean": "clusterScope"})

OWN_METADATA = _table({"strings by name": "labels annotations", "object": "labelsFrom"})

LABEL_FROM = _table({"string": "expression"})

VALUE_FROM = _table(
    {"string": "path parameter expression", "text": "default", "object": "supplied"},
    {},
    {
        "values from ConfigMaps": "configMapKeyRef",
        "values from resources": "jsonPath jqFilter",
        "values from events": "event",
    },
)
