"""The workflow of a probe: small pods that do what the experiment's own pods need to be done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hera_experiment.check.requirements import Manifest, ObjectUse, Requirements, containers_of

LABEL = "hera-experiment/probe"
"""Marks the workflow of a probe, whose value is "true"."""
DEADLINE = 600
"""Seconds after which Argo ends the probe, and as many later removes it, if nobody else has."""
FIRST_EXIT_CODE = 41
"""The exit status of a pod that cannot write to the first of its claims."""
WORD = "hera-probe"
"""What each pod hands on as its output parameter, and writes to its log."""
TAKE = "take"
"""The template that is handed the output parameter of the first pod."""
IN_TURN = 10
"""The pods that run at once."""

_FOLDER = "/hera-probe"
_SCRIPT = f"""\
name=$1; shift; status={FIRST_EXIT_CODE}
for folder in "$@"; do
  {{ echo {WORD} >"$folder/.$name"; }} 2>/dev/null || {{ echo "cannot write"; exit $status; }}
  rm -f "$folder/.$name"
  status=$((status + 1))
done
echo {WORD} >{_FOLDER}/word && echo {WORD}
"""
_OF_POD = (
    "affinity",
    "automountServiceAccountToken",
    "executor",
    "hostAliases",
    "nodeSelector",
    "podSpecPatch",
    "schedulerName",
    "securityContext",
    "serviceAccountName",
    "tolerations",
)
"""What a template says of its pod, or the workflow for all of them; the names are the same."""
_OF_WORKFLOW = (
    "dnsConfig",
    "dnsPolicy",
    "hostNetwork",
    "podMetadata",
    "podPriorityClassName",
    "serviceAccountName",
)
_OF_CONTAINER = ("imagePullPolicy", "resources", "securityContext")


@dataclass
class ProbePod:
    """One pod to try: an image, and the claims that are mounted where it runs.

    ``claims`` are their names in the order of the exit codes.
    """

    name: str
    image: str
    spec: Manifest
    template: Manifest
    container: Manifest
    claims: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    """The claims that are made for the workflow alone."""


@dataclass(frozen=True)
class ProbeWorkflow:
    """The ``manifest`` to send, and what its pods are."""

    manifest: dict[str, Any]
    pods: Sequence[ProbePod]
    config_maps: Sequence[str]
    secrets: Sequence[str]

    @property
    def claims(self) -> list[str]:
        """The claims that exist beforehand and are written to."""
        return list(dict.fromkeys(name for pod in self.pods for name in pod.claims))


def probe_workflow(
    name: str,
    namespace: str,
    requirements: Requirements,
    claims: Sequence[str],
    config_maps: Sequence[ObjectUse],
) -> ProbeWorkflow | None:
    """Return a workflow of one pod for each image of ``requirements``; None where it has none.

    Each pod has the account, the nodes and the resources of the experiment's own; it writes to the
    claims that they mount. The first takes besides what no other has: the rest of ``claims``, and
    all keys of ``config_maps`` and of the Secrets that tasks read.
    """
    pods = _pods(requirements)
    if not pods:
        return None
    known = {each for pod in pods for each in pod.claims}
    pods[0].claims += [each for each in claims if each not in known]
    uses = [*_environment("configMap", config_maps), *_environment("secret", requirements.secrets)]
    templates = [_template(pod, name, uses if pod is pods[0] else []) for pod in pods]
    first = requirements.specs[0]
    pull_secrets = [{"name": each} for each in requirements.pull_secrets]
    own = {
        str((each.get("metadata") or {}).get("name")): each
        for spec in requirements.specs
        for each in spec.get("volumeClaimTemplates") or ()
        if _is_constant(each)
    }
    spec = {
        **_kept(_OF_WORKFLOW, first),
        **({"imagePullSecrets": pull_secrets} if pull_secrets else {}),
        **({"volumeClaimTemplates": list(own.values())} if own else {}),
        "entrypoint": "probe",
        "parallelism": IN_TURN,
        "activeDeadlineSeconds": DEADLINE,
        "ttlStrategy": {"secondsAfterCompletion": DEADLINE},
        "templates": [_dag(pods), *templates, _taking(pods[0])],
    }
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: "true"}},
        "spec": spec,
    }
    secrets = [each.name for each in requirements.secrets]
    return ProbeWorkflow(manifest, pods, [each.name for each in config_maps], secrets)


def _pods(requirements: Requirements) -> list[ProbePod]:
    """Return a pod for each image; the first is one that mounts a claim, if any does."""
    pods: dict[str, ProbePod] = {}
    for spec, template, container in _containers(requirements):
        image = str(container.get("image") or "")
        if not image or "{{" in image:
            continue
        pod = pods.setdefault(image, ProbePod("", image, spec, template, container))
        claims, own = _writable(spec, template, container)
        pod.claims += [each for each in claims if each not in pod.claims]
        pod.own += [each for each in own if each not in pod.own]
    found = sorted(pods.values(), key=lambda pod: not (pod.claims or pod.own))
    for number, pod in enumerate(found, 1):
        pod.name = f"probe-{number}"
    return found


def _containers(requirements: Requirements) -> Iterator[tuple[Manifest, Manifest, Manifest]]:
    for spec in requirements.specs:
        for template in spec.get("templates") or ():
            for each in (*containers_of(template), *(template.get("initContainers") or ())):
                yield spec, template, each


def _writable(
    spec: Manifest, template: Manifest, container: Manifest
) -> tuple[list[str], list[str]]:
    """Return the claims that the container may write to: those that exist, and the workflow's."""
    claims = {
        str(each.get("name")): str((each.get("persistentVolumeClaim") or {}).get("claimName") or "")
        for each in (*(spec.get("volumes") or ()), *(template.get("volumes") or ()))
        if not (each.get("persistentVolumeClaim") or {}).get("readOnly")
    }
    made = [each.get("metadata") or {} for each in spec.get("volumeClaimTemplates") or ()]
    own = {str(each.get("name")) for each in made}
    mounts = [
        str(each.get("name"))
        for each in container.get("volumeMounts") or ()
        if not each.get("readOnly")
    ]
    found = [claims[each] for each in mounts if claims.get(each) and "{{" not in claims[each]]
    return found, [each for each in mounts if each in own]


def _environment(kind: str, uses: Sequence[ObjectUse]) -> list[dict[str, Any]]:
    """Return the variables that make a pod wait for objects, and for the keys of them."""
    return [
        {"valueFrom": {f"{kind}KeyRef": {"name": use.name, "key": key}}}
        for use in uses
        for key in sorted(use.keys)
    ] + [{"from": {f"{kind}Ref": {"name": use.name}}} for use in uses if not use.keys]


def _template(pod: ProbePod, name: str, uses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [{"name": WORD, "emptyDir": {}}]
    mounts = [{"name": WORD, "mountPath": _FOLDER}]
    folders = []
    for number, claim in enumerate((*pod.claims, *pod.own), 1):
        folders.append(f"/hera-probe-claim-{number}")
        mount = f"{WORD}-{number}" if claim in pod.claims else claim
        if claim in pod.claims:
            volumes.append({"name": mount, "persistentVolumeClaim": {"claimName": claim}})
        mounts.append({"name": mount, "mountPath": folders[-1]})
    variables = [each for each in uses if "from" not in each]
    container = {
        **_container(pod, [_SCRIPT, "sh", name, *folders], mounts),
        "env": [{"name": f"HERA_PROBE_{n}", **each} for n, each in enumerate(variables)],
        "envFrom": [each["from"] for each in uses if "from" in each],
    }
    parameter = {"name": "word", "valueFrom": {"path": f"{_FOLDER}/word"}}
    return {
        **_of_pod(pod),
        "name": pod.name,
        "volumes": volumes,
        "container": container,
        "outputs": {"parameters": [parameter]},
    }


def _taking(pod: ProbePod) -> dict[str, Any]:
    words = ['test "$1" = "$2"', "sh", WORD, "{{inputs.parameters.word}}"]
    return {
        **_of_pod(pod),
        "name": TAKE,
        "inputs": {"parameters": [{"name": "word"}]},
        "container": _container(pod, words, []),
    }


def _of_pod(pod: ProbePod) -> dict[str, Any]:
    metadata = pod.template.get("metadata") or {}
    given = _kept(_OF_POD, {**_kept(_OF_POD, pod.spec), **_kept(_OF_POD, pod.template)})
    return {**given, **({"metadata": metadata} if metadata and _is_constant(metadata) else {})}


def _container(pod: ProbePod, words: Sequence[str], mounts: Sequence[Any]) -> dict[str, Any]:
    return {
        **_kept(_OF_CONTAINER, pod.container),
        "image": pod.image,
        "command": ["sh", "-c", *words],
        "volumeMounts": list(mounts),
    }


def _dag(pods: Sequence[ProbePod]) -> dict[str, Any]:
    first = pods[0].name
    handed = {"name": "word", "value": f"{{{{tasks.{first}.outputs.parameters.word}}}}"}
    take = {
        "name": TAKE,
        "template": TAKE,
        "depends": f"{first}.Succeeded",
        "arguments": {"parameters": [handed]},
    }
    tasks: list[dict[str, Any]] = [{"name": pod.name, "template": pod.name} for pod in pods]
    return {"name": "probe", "dag": {"failFast": False, "tasks": [*tasks, take]}}


def _kept(names: Sequence[str], source: Manifest) -> dict[str, Any]:
    """Return those of ``names`` that are set, but for what is known only while tasks run."""
    found = {name: source[name] for name in names if source.get(name) is not None}
    return {name: value for name, value in found.items() if _is_constant(value)}


def _is_constant(value: Any) -> bool:
    return "{{" not in json.dumps(value)
