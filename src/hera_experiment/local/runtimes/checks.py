"""What a runtime cannot honour in a workflow, found before anything runs."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.local.runtimes.container import (
    Container,
    Json,
    containers_of,
    variable_refusals,
)
from hera_experiment.local.runtimes.image_view import ADVICE, ImageView
from hera_experiment.local.runtimes.path_checks import Findings, path_findings, uncovered, unmapped
from hera_experiment.local.runtimes.paths import PathRules
from hera_experiment.local.runtimes.probes import probe_refusals
from hera_experiment.local.runtimes.volumes import (
    declared_volumes,
    mount_path,
    nested_in_claim,
    volume_kind,
    volume_refusals,
)
from hera_experiment.local.store import Objects

_TAG = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_MOST = 1000
"""No more values than this are followed for one text."""
_MOST_SOURCES = 20
"""No more forms of one script than this are looked at before it runs; each is when it does."""

Values = Mapping[str, "set[str]"]


def common_refusals(workflow: Json, objects: Objects) -> Iterator[str]:
    """Yield what no runtime on this machine can honour: missing objects, unknown settings."""
    spec = workflow.get("spec") or {}
    for template, container in containers_of(workflow):
        name = template.get("name")
        volumes = declared_volumes(spec, template)
        for text in (
            *variable_refusals(container, objects),
            *volume_refusals(container, volumes, objects),
            *(probe_refusals(container.written) if template.get("daemon") else ()),
        ):
            yield f"template {name!r} {text}"


def process_refusals(
    workflow: Json,
    exists: Callable[[str], bool],
    view_of: Callable[[str], ImageView],
    rules_of: Callable[[Json, Container, ImageView], PathRules],
) -> Iterator[str]:
    """Yield what a process, other than a container engine, cannot honour in ``workflow``.

    ``exists(image)`` tells whether an image can be run as a process at all, ``view_of(image)``
    what it brings, ``rules_of(template, container, view)`` which paths are covered.
    """
    inputs = literal_inputs(workflow)
    spec = workflow.get("spec") or {}
    for template, container in containers_of(workflow):
        name = str(template.get("name"))
        if spec.get("hostAliases") or template.get("hostAliases"):
            yield f"template {name!r} has hostAliases, which a process cannot have: {ADVICE}"
        if nested := nested_in_claim(_mounts(container, declared_volumes(spec, template))):
            yield f"template {name!r} {nested}"
        if "{{" in container.image:
            continue
        if not exists(container.image):
            yield _foreign(name, container.image)
            continue
        try:
            view = view_of(container.image)
        except (UserError, OSError) as error:
            yield f"template {name!r}: {error}"
            continue
        if view.refused:
            yield from view.refused
            continue
        rules = rules_of(template, container, view)
        words = container.argv(view.entrypoint, view.command, {})
        if not words:
            yield f"template {name!r} has no command, and neither has its image"
        for argv in _argvs(words, inputs.get(name, {})):
            yield from (unmapped_sentence(name, path) for path in unmapped(argv, rules))
        yield from _findings(template, container, view, rules, inputs.get(name, {})).refused


def process_warnings(
    workflow: Json,
    view_of: Callable[[str], ImageView],
    rules_of: Callable[[Json, Container, ImageView], PathRules],
) -> Iterator[str]:
    """Yield what a process cannot promise of a ``workflow`` that it does not refuse."""
    inputs = literal_inputs(workflow)
    for template, container in containers_of(workflow):
        if "{{" not in container.image:
            view = view_of(container.image)
            rules = rules_of(template, container, view)
            known = inputs.get(str(template.get("name")), {})
            yield from _findings(template, container, view, rules, known).told


def _findings(
    template: Json, container: Container, view: ImageView, rules: PathRules, known: Values
) -> Findings:
    words = container.argv(view.entrypoint, view.command, {})
    source = container.source or ""
    sources = candidates(source, known)[:_MOST_SOURCES] or [source]
    return path_findings(template, container, words, sources, view, rules)


def unmapped_sentence(template: str, path: str) -> str:
    """Say that a template uses an absolute path that leads nowhere for a process."""
    return f"template {template!r} {uncovered(repr(path))}"


def _argvs(words: Sequence[str], known: dict[str, set[str]]) -> Iterator[list[str]]:
    """Yield the command with each known value of each word, one word varied at a time."""
    varied = [candidates(word, known) or [word] for word in words]
    first = [each[0] for each in varied]
    yield first
    for at, each in enumerate(varied):
        for value in each[1:]:
            yield [*first[:at], value, *first[at + 1 :]]


def _mounts(container: Container, volumes: Sequence[Json]) -> list[tuple[str, str]]:
    kinds = {str(volume.get("name")): volume_kind(volume) for volume in volumes}
    return [(mount_path(m), kinds.get(str(m.get("name")), "")) for m in container.mounts]


def _foreign(template: str, image: str) -> str:
    return (
        f"template {template!r} runs the image {image!r}, which is neither one of this"
        f" experiment's containers nor Python's own, and a process cannot be it: {ADVICE}"
    )


def tags_closed_up(text: str) -> str:
    """Return ``text`` with the blanks removed that ``{{ a }}`` may have inside."""
    return _TAG.sub(lambda match: "{{" + match[1] + "}}", text)


def candidates(text: str, known: Values) -> list[str]:
    """Return what ``text`` may become; tags without a known value stay as they are."""
    tags = dict.fromkeys(match[1] for match in _TAG.finditer(text) if match[1] in known)
    text = tags_closed_up(text)
    found = []
    for values in itertools.islice(itertools.product(*(sorted(known[t]) for t in tags)), _MOST):
        one = text
        for tag, value in zip(tags, values, strict=True):
            one = one.replace("{{" + tag + "}}", value)
        found.append(one)
    return found


def literal_inputs(workflow: Json) -> dict[str, dict[str, set[str]]]:
    """Return, by template, the known values of its tags ``inputs.parameters.<name>``.

    Values that a task computes are not among them.
    """
    spec = workflow.get("spec") or {}
    templates = {str(t.get("name")): t for t in spec.get("templates") or ()}
    given = _values((spec.get("arguments") or {}).get("parameters"))
    shared: dict[str, set[str]] = {f"workflow.parameters.{k}": {v} for k, v in given.items()}
    known: dict[str, dict[str, set[str]]] = {name: {} for name in templates}
    entrypoint = str(spec.get("entrypoint"))
    seen: set[str] = set()
    waiting: list[tuple[str, dict[str, set[str]]]] = [
        (entrypoint, {name: {value} for name, value in given.items()})
    ]
    while waiting:
        name, arguments = waiting.pop()
        template = templates.get(name)
        if template is None:
            continue
        inputs = (template.get("inputs") or {}).get("parameters") or ()
        defaults = {n: {v} for n, v in _values(inputs).items()}
        grown = False
        for parameter in inputs:
            key = str(parameter.get("name"))
            values = arguments.get(key, defaults.get(key, set()))
            have = known[name].setdefault(f"inputs.parameters.{key}", set())
            if len(have) < _MOST and not values <= have:
                have |= values
                grown = True
        # A template seen before with nothing new passes nothing new on.
        if grown or name not in seen:
            seen.add(name)
            for task in _tasks(template):
                scope = {**shared, **known[name], **_items(task)}
                passed = _values((task.get("arguments") or {}).get("parameters"))
                waiting.append(
                    (
                        str(task.get("template")),
                        {key: set(candidates(value, scope)) for key, value in passed.items()},
                    )
                )
    return {
        name: {**shared, **{tag: values for tag, values in tags.items() if values}}
        for name, tags in known.items()
    }


def _values(parameters: Any) -> dict[str, str]:
    return {
        str(p.get("name")): _text(p["value"])
        for p in parameters or ()
        if p.get("value") is not None
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _tasks(template: Json) -> Iterator[Json]:
    yield from (template.get("dag") or {}).get("tasks") or ()
    for group in template.get("steps") or ():
        yield from group if isinstance(group, list) else group.get("steps") or ()


def _items(task: Json) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item in task.get("withItems") or ():
        if isinstance(item, dict):
            for key, value in item.items():
                found.setdefault(f"item.{key}", set()).add(_text(value))
        else:
            found.setdefault("item", set()).add(_text(item))
    return found
