"""What workflows ask of the cluster, read from their manifests; nothing is asked of a server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Manifest = Mapping[str, Any]
_WORD = re.compile(r"[A-Za-z0-9_-]+")
_PODS = ("container", "script", "containerSet")


@dataclass(frozen=True)
class ObjectUse:
    """A ConfigMap or Secret that pods cannot start without.

    ``keys`` are those that they name; ``whole`` tells that all become variables.
    """

    name: str
    keys: frozenset[str] = frozenset()
    whole: bool = False


@dataclass(frozen=True)
class ClaimTemplate:
    """A claim that the workflow has made for itself; ``storage_class`` None for the default."""

    name: str
    access_modes: tuple[str, ...]
    storage_class: str | None
    size: str


@dataclass(frozen=True)
class PodUse:
    """What the pods of one template ask for.

    ``requests`` and ``limits`` are per container, quantities as written ("500m"); a limit without
    a request is its own request, as Kubernetes has it. ``images`` are those of all containers.
    """

    template: str
    requests: tuple[Mapping[str, str], ...]
    limits: tuple[Mapping[str, str], ...]
    images: tuple[str, ...]
    tolerations: tuple[Mapping[str, Any], ...]
    node_selector: Mapping[str, str]
    chooses_processor: bool = False
    """Whether it says itself which processor its node must have."""


class Requirements:
    """What all that a script submits asks for, together.

    ``manifests`` are Argo's Workflows, and templates or CronWorkflows for what comes of them.
    """

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        specs: list[Manifest] = [each.get("spec") or {} for each in manifests]
        self._specs: list[Manifest] = [each.get("workflowSpec") or each for each in specs]

    @property
    def service_accounts(self) -> list[str]:
        """The accounts that pods run as."""
        return _unique(str(spec.get("serviceAccountName") or "default") for spec in self._specs)

    @property
    def claims(self) -> list[str]:
        """The volume claims that exist beforehand and are named, in the order of their naming."""
        names = (
            str((volume.get("persistentVolumeClaim") or {}).get("claimName", ""))
            for spec in self._specs
            for volume in _volumes(spec)
        )
        # One that carries the workflow's name is made with it.
        return _unique(name for name in names if name and "{{" not in name)

    @property
    def claim_templates(self) -> list[ClaimTemplate]:
        """The volume claims that are made for one workflow alone."""
        return _unique(
            _claim_template(each.get("metadata") or {}, each.get("spec") or {})
            for spec in self._specs
            for each in spec.get("volumeClaimTemplates") or ()
        )

    @property
    def pull_secrets(self) -> list[str]:
        """The secrets that images are pulled with."""
        return _unique(
            str(each.get("name", ""))
            for spec in self._specs
            for each in spec.get("imagePullSecrets") or ()
        )

    @property
    def config_maps(self) -> list[ObjectUse]:
        """The ConfigMaps that pods cannot start without."""
        return _merged(found for spec in self._specs for found in _references(spec, "configMap"))

    @property
    def secrets(self) -> list[ObjectUse]:
        """The Secrets that pods cannot start without, but for those that pull images."""
        return _merged(found for spec in self._specs for found in _references(spec, "secret"))

    @property
    def images(self) -> list[str]:
        """The images of all pods."""
        return _unique(image for pod in self.pods for image in pod.images if image)

    @property
    def pods(self) -> list[PodUse]:
        """The templates that become pods."""
        return [
            _pod(spec, template)
            for spec in self._specs
            for template in _templates(spec)
            if any(template.get(kind) for kind in _PODS)
        ]

    @property
    def specs(self) -> Sequence[Manifest]:
        """The specifications of the workflows, the first first."""
        return self._specs

    @property
    def artifact_repositories(self) -> list[Mapping[str, str]]:
        """The ``artifactRepositoryRef`` of each that uses artifacts; empty for the default."""
        found = [
            each.get("artifactRepositoryRef") or {} for each in self._specs if _uses_artifacts(each)
        ]
        return [each for number, each in enumerate(found) if each not in found[:number]]

    @property
    def runs_pods_at_once(self) -> bool:
        """Whether two pods may run at the same time, of one workflow or of two."""
        if len(self._specs) > 1:
            return True
        return any(
            spec.get("parallelism") != 1 and any(map(_is_parallel, _templates(spec)))
            for spec in self._specs
        )


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _templates(spec: Manifest) -> Sequence[Manifest]:
    return spec.get("templates") or ()


def _volumes(spec: Manifest) -> Iterator[Manifest]:
    yield from spec.get("volumes") or ()
    for template in _templates(spec):
        yield from template.get("volumes") or ()


def containers_of(template: Manifest) -> list[Manifest]:
    """Return the containers of a template's pod, but for those that come before it."""
    main = [template[kind] for kind in ("container", "script") if template.get(kind)]
    many = (template.get("containerSet") or {}).get("containers") or ()
    return [*main, *many, *(template.get("sidecars") or ())]


def _pod(spec: Manifest, template: Manifest) -> PodUse:
    containers = containers_of(template)
    begin = list(template.get("initContainers") or ())
    limits = [dict((each.get("resources") or {}).get("limits") or {}) for each in containers]
    requests = [
        {**limit, **((each.get("resources") or {}).get("requests") or {})}
        for each, limit in zip(containers, limits, strict=True)
    ]
    return PodUse(
        str(template.get("name", "")),
        tuple(requests),
        tuple(limits),
        tuple(str(each.get("image", "")) for each in (*containers, *begin)),
        tuple(template.get("tolerations") or spec.get("tolerations") or ()),
        template.get("nodeSelector") or spec.get("nodeSelector") or {},
        "kubernetes.io/arch" in json.dumps([_placement(spec), _placement(template)]),
    )


def _placement(source: Manifest) -> list[Any]:
    return [source.get(key) for key in ("nodeSelector", "affinity", "podSpecPatch")]


def _references(spec: Manifest, kind: str) -> Iterator[ObjectUse]:
    """Yield each reference to an object of ``kind`` that is not optional."""
    name_in_volume = "secretName" if kind == "secret" else "name"
    for template in _templates(spec):
        for container in (*containers_of(template), *(template.get("initContainers") or ())):
            for source in container.get("envFrom") or ():
                reference = source.get(f"{kind}Ref") or {}
                if _is_needed(name := str(reference.get("name") or ""), reference):
                    yield ObjectUse(name, whole=True)
            for variable in container.get("env") or ():
                reference = (variable.get("valueFrom") or {}).get(f"{kind}KeyRef") or {}
                if _is_needed(name := str(reference.get("name") or ""), reference):
                    yield ObjectUse(name, frozenset([str(reference.get("key", ""))]))
    for volume in _volumes(spec):
        reference = volume.get(kind) or {}
        if _is_needed(name := str(reference.get(name_in_volume) or ""), reference):
            items = reference.get("items") or ()
            yield ObjectUse(name, frozenset(str(item.get("key", "")) for item in items))


def _is_needed(name: str, reference: Mapping[str, Any]) -> bool:
    return bool(name) and "{{" not in name and not reference.get("optional")


def _merged(references: Iterable[ObjectUse]) -> list[ObjectUse]:
    """Return one use for each object, with all that is asked of it."""
    uses: dict[str, ObjectUse] = {}
    for each in references:
        known = uses.get(each.name, each)
        uses[each.name] = ObjectUse(each.name, known.keys | each.keys, known.whole or each.whole)
    return list(uses.values())


def _claim_template(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> ClaimTemplate:
    requests = (spec.get("resources") or {}).get("requests") or {}
    return ClaimTemplate(
        str(metadata.get("name", "")),
        tuple(spec.get("accessModes") or ()),
        spec.get("storageClassName"),
        str(requests.get("storage", "0")),
    )


def _uses_artifacts(spec: Manifest) -> bool:
    if spec.get("archiveLogs"):
        return True
    return any(
        "{{" not in str(artifact.get("from", "")) and _is_repository_artifact(artifact)
        for template in _templates(spec)
        for way in ("inputs", "outputs")
        for artifact in (template.get(way) or {}).get("artifacts") or ()
    )


def _is_repository_artifact(artifact: Mapping[str, Any]) -> bool:
    elsewhere = ("http", "git", "raw", "hdfs")
    has_host = any((artifact.get(kind) or {}).get("bucket") for kind in ("s3", "gcs", "oss"))
    return not any(artifact.get(kind) for kind in elsewhere) and not has_host


def _is_parallel(template: Manifest) -> bool:
    if template.get("parallelism") == 1:
        return False
    tasks = list((template.get("dag") or {}).get("tasks") or ())
    groups = [list(group) for group in template.get("steps") or ()]
    each = tasks + [step for group in groups for step in group]
    if any(_is_loop(task) for task in each):
        return True
    if any(len(group) > 1 for group in groups):
        return True
    return _has_unordered(tasks)


def _is_loop(task: Mapping[str, Any]) -> bool:
    items = task.get("withItems")
    return bool(task.get("withParam") or task.get("withSequence") or (items and len(items) > 1))


def _has_unordered(tasks: list[Mapping[str, Any]]) -> bool:
    """Say whether two tasks of a DAG have no order between them."""
    names = {str(task.get("name", "")) for task in tasks}
    before: dict[str, set[str]] = {}
    for task in tasks:
        named = {str(each) for each in task.get("dependencies") or ()}
        named |= set(_WORD.findall(str(task.get("depends") or "")))
        before[str(task.get("name", ""))] = named & names

    # In one line every task but the first has a direct predecessor that has all the others.
    counts = []
    for name in names:
        seen: set[str] = set()
        stack = [name]
        while stack:
            for other in before.get(stack.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    stack.append(other)
        counts.append(len(seen))
    return sorted(counts) != list(range(len(names)))
