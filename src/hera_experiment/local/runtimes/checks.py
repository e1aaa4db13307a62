"""What a runtime cannot honour in a workflow, found before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hera_experiment.errors import UserError
from hera_experiment.local.runtimes.container import Json, MainContainer, containers_of
from hera_experiment.local.runtimes.image_view import ADVICE, ImageView
from hera_experiment.local.runtimes.literals import candidates, literal_inputs
from hera_experiment.local.runtimes.objects import ClusterObjects
from hera_experiment.local.runtimes.paths import PathRules
from hera_experiment.local.runtimes.variables import variable_refusals
from hera_experiment.local.runtimes.volumes import (
    declared_volumes,
    mount_path,
    nested_in_claim,
    volume_kind,
    volume_refusals,
)

_HONOURED = frozenset(
    ["args", "command", "env", "envFrom", "image", "name", "source", "volumeMounts", "workingDir"]
)
# Without a meaning on one machine with one user, or a hint that changes no result.
_IGNORED = frozenset(
    [
        "imagePullPolicy",
        "ports",
        "resources",
        "securityContext",
        "terminationMessagePath",
        "terminationMessagePolicy",
    ]
)


def common_refusals(workflow: Json, objects: ClusterObjects) -> Iterator[str]:
    """Yield what no runtime on this machine can honour: missing objects, unknown settings."""
    spec = workflow.get("spec") or {}
    for template, container in containers_of(workflow):
        name = template.get("name")
        raw = template.get("script") or template.get("container") or {}
        for key in sorted(set(raw) - _HONOURED - _IGNORED):
            if raw[key]:
                yield f"template {name!r} sets {key}, which is not interpreted on this machine"
        volumes = declared_volumes(spec, template)
        for text in (
            *variable_refusals(container, objects),
            *volume_refusals(container, volumes, objects),
        ):
            yield f"template {name!r} {text}"


def process_refusals(
    workflow: Json,
    objects: ClusterObjects,
    exists: Callable[[str], bool],
    view_of: Callable[[str], ImageView],
    rules_of: Callable[[Json, MainContainer, ImageView], PathRules],
) -> list[str]:
    """Return what a process cannot honour in ``workflow``, each sentence once.

    ``exists(image)`` tells whether an image can be run as a process at all, ``view_of(image)``
    what it brings, ``rules_of(template, container, view)`` which paths are covered.
    """
    found = list(common_refusals(workflow, objects))
    inputs = literal_inputs(workflow)
    spec = workflow.get("spec") or {}
    for template, container in containers_of(workflow):
        name = str(template.get("name"))
        if nested := nested_in_claim(_mounts(container, declared_volumes(spec, template))):
            found.append(f"template {name!r} {nested}")
        if "{{" in container.image:
            continue
        if not exists(container.image):
            found.append(_foreign(name, container.image))
            continue
        try:
            view = view_of(container.image)
        except (UserError, OSError) as error:
            found.append(f"template {name!r}: {error}")
            continue
        if view.refused:
            found += [f"{text}: {ADVICE}" for text in view.refused]
            continue
        rules = rules_of(template, container, view)
        words = container.argv(view.entrypoint, view.command, {})
        if not words:
            found.append(f"template {name!r} has no command, and neither has its image")
        for argv in _argvs(words, inputs.get(name, {})):
            found += [unmapped_sentence(name, path) for path in rules.unmapped(argv)]
    return list(dict.fromkeys(found))


def unmapped_sentence(template: str, path: str) -> str:
    """Say that a template uses an absolute path that leads nowhere for a process."""
    return (
        f"template {template!r} uses the path {path!r}, which none of its volumes and none of its"
        f" image's folders covers: mount a volume there, or {ADVICE}"
    )


def _argvs(words: Sequence[str], known: dict[str, set[str]]) -> Iterator[list[str]]:
    """Yield the command with each known value of each word, one word varied at a time."""
    varied = [candidates(word, known) or [word] for word in words]
    first = [each[0] for each in varied]
    yield first
    for at, each in enumerate(varied):
        for value in each[1:]:
            yield [*first[:at], value, *first[at + 1 :]]


def _mounts(container: MainContainer, volumes: Sequence[Json]) -> list[tuple[str, str]]:
    kinds = {str(volume.get("name")): volume_kind(volume) for volume in volumes}
    return [(mount_path(m), kinds.get(str(m.get("name")), "")) for m in container.mounts]


def _foreign(template: str, image: str) -> str:
    return (
        f"template {template!r} runs the image {image!r}, which is neither one of this"
        f" experiment's containers nor Python's own, and a process cannot be it: {ADVICE}"
    )
