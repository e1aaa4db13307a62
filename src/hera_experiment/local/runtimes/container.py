"""The containers of a template, and their environment variables, by Kubernetes' rules.

Source: Kubernetes' API reference of ``EnvVar`` and ``EnvFromSource``; ``addInitContainers`` and
``addSidecars`` in ``workflow/controller/workflowpod.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hera_experiment.local.errors import ApiError
from hera_experiment.local.runtimes.base import Pod
from hera_experiment.local.store.objects import CONFIGMAPS, SECRETS, Objects

MAIN = "main"
"""The container whose outputs are those of its pod."""

PROGRESS_PATH = "/var/run/argo/progress"
"""The file whose last line tells how far a task has come."""

SCRIPT_PATH = "/argo/staging/script"
"""Where Argo puts the source of a script template."""

Json = Mapping[str, Any]

_LONGEST_ARGUMENT = 131_072
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
_PAUSES = ("ARGO_DEBUG_PAUSE_AFTER", "ARGO_DEBUG_PAUSE_BEFORE")
_FIELDS = ("metadata.name", "metadata.namespace")
_KINDS = {"configMap": CONFIGMAPS, "secret": SECRETS}


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by its value; ``$$`` is a dollar, an unknown name stays as it is.

    A name is all up to the next closing parenthesis, so what an unknown one encloses stays too.

    Source: ``third_party/forked/golang/expansion/expand.go`` of k8s.io/kubernetes.
    """
    if "$" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        return values.get(match[1], match[0])

    return _REFERENCE.sub(replace, text)


@dataclass(frozen=True)
class Container:
    """A container of a template, in Kubernetes' terms; ``written`` is all that is said of it.

    ``source`` is None unless it is a script's; a script's source is the last argument of its
    command, as a file. ``dependencies`` are the containers of its set that it waits for.
    """

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    source: str | None
    working_dir: str
    variables: Sequence[Json]
    variable_sources: Sequence[Json]
    mounts: Sequence[Json]
    written: Json = field(default_factory=dict)
    security: Json = field(default_factory=dict)
    limits: Json = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()

    def argv(
        self, entrypoint: Sequence[str], command: Sequence[str], variables: Mapping[str, str]
    ) -> list[str]:
        """Return what is executed, given the image's ENTRYPOINT and CMD.

        A command replaces both of them; arguments alone replace CMD. ``$(NAME)`` is expanded
        from ``variables`` in the template's words, not in the image's.
        """
        args = [expand(word, variables) for word in self.args]
        if self.source is not None:
            args.append(SCRIPT_PATH)
        if self.command:
            return [*(expand(word, variables) for word in self.command), *args]
        return [*entrypoint, *(args or command)]


def offload(words: Sequence[str], args: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return what follows a program with the words too long for Linux as files, and those files.

    ``@/tmp/argo_arg_N.txt`` stands for such a word; programs are expected to know that form.
    ``args`` are the template's own: Argo looks for such words when these are long together.

    Source: ``createWorkflowPod`` in ``workflowpod.go`` and ``cmd/argoexec/commands/emissary.go``
    of argo-workflows v3.7.18.
    """
    if len(json.dumps(list(args)).encode()) <= _LONGEST_ARGUMENT:
        return list(words), {}
    files = {
        f"/tmp/argo_arg_{at}.txt": word
        for at, word in enumerate(words)
        if len(word.encode("utf-8", "surrogatepass")) > _LONGEST_ARGUMENT
    }
    short = [
        f"@{path}" if (path := f"/tmp/argo_arg_{at}.txt") in files else word
        for at, word in enumerate(words)
    ]
    return short, files


@dataclass(frozen=True)
class PodContainers:
    """The containers of a pod by their part in it, in the order in which they are written."""

    main: Sequence[Container]
    init: Sequence[Container] = ()
    sidecars: Sequence[Container] = ()

    @property
    def alone(self) -> bool:
        """True when the pod has one container, which needs nothing of its neighbours."""
        return len(self.main) == 1 and not self.init and not self.sidecars

    def __iter__(self) -> Iterator[Container]:
        return iter((*self.init, *self.main, *self.sidecars))


def pod_containers(template: Json) -> PodContainers:
    """Return the containers of ``template``, no main one when it runs no pod."""
    of_set: Json | None = template.get("containerSet")
    written: Json | None = template.get("script") or template.get("container")
    main: tuple[Container, ...] = ()
    if of_set is not None:
        shared = of_set.get("volumeMounts") or ()
        main = tuple(
            _container(each, each.get("name") or MAIN, shared)
            for each in of_set.get("containers") or ()
        )
    elif written is not None:
        main = (_container(written, MAIN),)
    mirrored = next((each.mounts for each in main if each.name == MAIN), ())

    def others(key: str) -> tuple[Container, ...]:
        return tuple(
            _container(
                each, str(each.get("name")), mirrored if each.get("mirrorVolumeMounts") else ()
            )
            for each in template.get(key) or ()
        )

    return PodContainers(main, others("initContainers"), others("sidecars"))


def _container(written: Json, name: str, more_mounts: Sequence[Json] = ()) -> Container:
    return Container(
        name=name,
        image=written.get("image") or "",
        command=tuple(map(str, written.get("command") or ())),
        args=tuple(map(str, written.get("args") or ())),
        # Without a source a script is a container: no path of a file follows its command.
        source=str(written["source"]) if written.get("source") else None,
        working_dir=written.get("workingDir") or "",
        variables=written.get("env") or (),
        variable_sources=written.get("envFrom") or (),
        mounts=(*(written.get("volumeMounts") or ()), *more_mounts),
        written=written,
        security=written.get("securityContext") or {},
        limits=(written.get("resources") or {}).get("limits") or {},
        dependencies=tuple(written.get("dependencies") or ()),
    )


def containers_of(workflow: Json) -> Iterator[tuple[Json, Container]]:
    """Yield each container of each template of ``workflow``, with that template."""
    for template in (workflow.get("spec") or {}).get("templates") or ():
        for container in pod_containers(template):
            yield template, container


class MissingObject(Exception):
    """A ConfigMap, Secret or claim (or one key of it) that a container needs does not exist."""


def container_environment(container: Container, pod: Pod, objects: Objects) -> dict[str, str]:
    """Return what ``envFrom`` and ``env`` of ``container`` say, in their order, then Argo's own.

    Raises
    ------
    MissingObject
        When a ConfigMap, a Secret or a key that is not optional does not exist.
    """
    values: dict[str, str] = {}
    for source in container.variable_sources:
        prefix = source.get("prefix") or ""
        for kind, reference in _references(source, "Ref"):
            for key, data in values_of(objects, kind, reference).items():
                values[prefix + key] = data.decode("utf-8", "replace")
    for variable in container.variables:
        origin: Json | None = variable.get("valueFrom")
        if not origin:
            values[variable["name"]] = expand(str(variable.get("value") or ""), values)
            continue
        value = _value_from(origin, pod, objects)
        if value is not None:
            values[variable["name"]] = value
    own = {"ARGO_CONTAINER_NAME": container.name, "ARGO_NODE_ID": pod.node_id}
    return {**values, **own, "ARGO_PROGRESS_FILE": PROGRESS_PATH}


def script_source(container: Container, pod: Pod) -> str:
    """Return the source of a script as Argo writes it.

    It reaches the pod within a variable of the init container, and so Kubernetes expands it: a
    ``$$`` becomes one dollar, and that container's variables are put in, not those of the script.
    """
    own = {
        "ARGO_POD_NAME": pod.name,
        "ARGO_WORKFLOW_NAME": pod.workflow_name,
        "ARGO_CONTAINER_NAME": "init",
    }
    return expand(container.source or "", own)


def _value_from(source: Json, pod: Pod, objects: Objects) -> str | None:
    for kind, reference in _references(source, "KeyRef"):
        values = values_of(objects, kind, reference)
        key = reference.get("key") or ""
        if key in values:
            return values[key].decode("utf-8", "replace")
        if reference.get("optional"):
            return None
        raise MissingObject(_no_key(kind, reference.get("name") or "", key))
    field = (source.get("fieldRef") or {}).get("fieldPath")
    return pod.namespace if field == "metadata.namespace" else pod.name


def _references(source: Json, suffix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for word, kind in _KINDS.items():
        reference = source.get(word + suffix)
        if reference:
            yield kind, reference


def values_of(objects: Objects, kind: str, reference: Json) -> Mapping[str, bytes]:
    """Return the values of an object by key, none when it may be missing and is.

    Raises :class:`MissingObject`.
    """
    name = reference.get("name") or ""
    try:
        return objects.get(kind, name)
    except ApiError:
        if reference.get("optional"):
            return {}
        raise MissingObject(_no_object(kind, name)) from None


def variable_refusals(container: Container, objects: Objects) -> Iterator[str]:
    """Yield what ``env`` and ``envFrom`` ask for that is missing or not honoured here."""
    for source in container.variable_sources:
        for kind, reference in _references(source, "Ref"):
            yield from missing_object(objects, kind, reference)
    for variable in container.variables:
        if variable.get("name") in _PAUSES and variable.get("value") == "true":
            yield (
                f"sets {variable['name']}, with which Argo waits until somebody has looked into the"
                " pod: that is not interpreted here, leave it out"
            )
        source = variable.get("valueFrom") or {}
        for kind, reference in _references(source, "KeyRef"):
            yield from missing_object(objects, kind, reference, reference.get("key") or "")
        field = (source.get("fieldRef") or {}).get("fieldPath")
        if field and field not in _FIELDS:
            yield (
                f"takes its variable {variable.get('name')} from the field {field!r}, which has no"
                f" meaning on this machine: use {' or '.join(_FIELDS)}"
            )
        unknown = set(source) - {"configMapKeyRef", "secretKeyRef", "fieldRef"}
        for word in sorted(unknown):
            yield (
                f"takes its variable {variable.get('name')} from {word}, which has no meaning on"
                " this machine: use value, configMapKeyRef or secretKeyRef"
            )


def missing_object(
    objects: Objects, kind: str, reference: Json, key: str | None = None
) -> Iterator[str]:
    """Yield that an object or a key of it is missing, as far as one can tell before a run."""
    name = reference.get("name") or ""
    if reference.get("optional") or "{{" in name or "{{" in (key or ""):
        return
    try:
        values = objects.get(kind, name)
    except ApiError:
        yield _no_object(kind, name)
        return
    if key is not None and key not in values:
        yield _no_key(kind, name, key)


def _no_object(kind: str, name: str) -> str:
    word = "ConfigMap" if kind == CONFIGMAPS else "Secret"
    return (
        f"needs the {word} {name!r}, which does not exist here: make the folder"
        f" .hera/{kind}/{name} with one file per key"
    )


def _no_key(kind: str, name: str, key: str) -> str:
    word = "ConfigMap" if kind == CONFIGMAPS else "Secret"
    return f"needs the key {key!r} of the {word} {name!r}: write the file .hera/{kind}/{name}/{key}"
