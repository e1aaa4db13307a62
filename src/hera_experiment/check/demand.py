"""What a workflow asks of the cluster, read from its manifest; nothing is asked of a server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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


class Demand:
    """What one workflow asks for.

    ``manifest`` is Argo's Workflow, or a template or CronWorkflow for what comes of it.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.manifest = manifest
        spec: Mapping[str, Any] = manifest.get("spec") or {}
        self.spec: Mapping[str, Any] = spec.get("workflowSpec") or spec
        self.templates: list[Mapping[str, Any]] = list(self.spec.get("templates") or ())

    @property
    def service_account(self) -> str:
        """The account that the pods run as."""
        return str(self.spec.get("serviceAccountName") or "default")

    @property
    def claims(self) -> list[str]:
        """The volume claims that exist beforehand and are named, in the order of their naming."""
        names = (
            str((volume.get("persistentVolumeClaim") or {}).get("claimName", ""))
            for volume in self._volumes()
        )
        # One that carries the workflow's name is made with it.
        return list(dict.fromkeys(name for name in names if name and "{{" not in name))

    @property
    def claim_templates(self) -> list[ClaimTemplate]:
        """The volume claims that are made for the workflow alone."""
        return [
            _claim_template(each.get("metadata") or {}, each.get("spec") or {})
            for each in self.spec.get("volumeClaimTemplates") or ()
        ]

    @property
    def pull_secrets(self) -> list[str]:
        """The secrets that images are pulled with."""
        return [str(each.get("name", "")) for each in self.spec.get("imagePullSecrets") or ()]

    @property
    def config_maps(self) -> list[ObjectUse]:
        """The ConfigMaps that pods cannot start without."""
        return merged(self._references("configMap", "name"))

    @property
    def secrets(self) -> list[ObjectUse]:
        """The Secrets that pods cannot start without, but for those that pull images."""
        return merged(self._references("secret", "secretName"))

    @property
    def images(self) -> list[str]:
        """The images of all pods."""
        return list(dict.fromkeys(image for pod in self.pods for image in pod.images if image))

    @property
    def pods(self) -> list[PodUse]:
        """The templates that become pods."""
        return [
            self._pod(template)
            for template in self.templates
            if any(template.get(kind) for kind in _PODS)
        ]

    @property
    def uses_artifacts(self) -> bool:
        """Whether an artifact is read from or kept in the artifact repository."""
        if self.spec.get("archiveLogs"):
            return True
        return any(
            "{{" not in str(artifact.get("from", "")) and _is_repository_artifact(artifact)
            for template in self.templates
            for way in ("inputs", "outputs")
            for artifact in (template.get(way) or {}).get("artifacts") or ()
        )

    @property
    def artifact_repository(self) -> Mapping[str, str]:
        """The ``artifactRepositoryRef``, empty where the default is meant."""
        return self.spec.get("artifactRepositoryRef") or {}

    @property
    def runs_pods_at_once(self) -> bool:
        """Whether two pods of it may run at the same time."""
        if self.spec.get("parallelism") == 1:
            return False
        return any(self._is_parallel(template) for template in self.templates)

    def _is_parallel(self, template: Mapping[str, Any]) -> bool:
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

    def _volumes(self) -> Iterator[Mapping[str, Any]]:
        yield from self.spec.get("volumes") or ()
        for template in self.templates:
            yield from template.get("volumes") or ()

    def _containers(self, template: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        main = [template[kind] for kind in ("container", "script") if template.get(kind)]
        many = (template.get("containerSet") or {}).get("containers") or ()
        return [*main, *many, *(template.get("sidecars") or ())]

    def _pod(self, template: Mapping[str, Any]) -> PodUse:
        containers = self._containers(template)
        begin = list(template.get("initContainers") or ())
        limits = [dict((each.get("resources") or {}).get("limits") or {}) for each in containers]
        requests = [
            {**limit, **((each.get("resources") or {}).get("requests") or {})}
            for each, limit in zip(containers, limits, strict=True)
        ]
        tolerations = template.get("tolerations") or self.spec.get("tolerations") or ()
        selector = template.get("nodeSelector") or self.spec.get("nodeSelector") or {}
        return PodUse(
            str(template.get("name", "")),
            tuple(requests),
            tuple(limits),
            tuple(str(each.get("image", "")) for each in (*containers, *begin)),
            tuple(tolerations),
            selector,
        )

    def _references(self, kind: str, name_in_volume: str) -> Iterator[ObjectUse]:
        """Yield each reference to an object of ``kind`` that is not optional."""
        for template in self.templates:
            for container in (*self._containers(template), *(template.get("initContainers") or ())):
                for source in container.get("envFrom") or ():
                    reference = source.get(f"{kind}Ref") or {}
                    if _is_needed(name := str(reference.get("name") or ""), reference):
                        yield ObjectUse(name, whole=True)
                for variable in container.get("env") or ():
                    reference = (variable.get("valueFrom") or {}).get(f"{kind}KeyRef") or {}
                    if _is_needed(name := str(reference.get("name") or ""), reference):
                        yield ObjectUse(name, frozenset([str(reference.get("key", ""))]))
        for volume in self._volumes():
            reference = volume.get(kind) or {}
            if _is_needed(name := str(reference.get(name_in_volume) or ""), reference):
                items = reference.get("items") or ()
                yield ObjectUse(name, frozenset(str(item.get("key", "")) for item in items))


def _is_needed(name: str, reference: Mapping[str, Any]) -> bool:
    return bool(name) and "{{" not in name and not reference.get("optional")


def merged(references: Iterable[ObjectUse]) -> list[ObjectUse]:
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


def _is_repository_artifact(artifact: Mapping[str, Any]) -> bool:
    elsewhere = ("http", "git", "raw", "hdfs")
    has_host = any((artifact.get(kind) or {}).get("bucket") for kind in ("s3", "gcs", "oss"))
    return not any(artifact.get(kind) for kind in elsewhere) and not has_host


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
