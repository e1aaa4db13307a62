"""What decides what each task of a workflow does, as digests that a later submission compares.

They are taken of the manifest as it is sent, of the images' digests and of the files of ``data/``,
and stand in an annotation of the workflow, where any machine finds them. A task of which something
decides that cannot be seen from here has a reason in their place.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from hera_experiment.argo.names import ANNOTATION_TASKS
from hera_experiment.local.artifacts.references import kind_of
from hera_experiment.local.engine.loops import LOOPS, LoopError, is_loop, item_values, items_of
from hera_experiment.results.data_files import FOLDER

Json = Mapping[str, Any]
DigestOf = Callable[[str], str]
"""Returns the digest of an image, empty when it cannot be known."""

_LENGTH = 16
_LARGEST = 160 << 10
"""Bytes of the annotation; Kubernetes takes 256 KiB of all of them."""

_ELSEWHERE = {
    "http": "it asks a server",
    "resource": "it changes objects of the cluster",
    "plugin": "a plugin runs it",
    "data": "it looks at what a store has",
    "templateRef": "its template lies on the cluster",
}
_SCHEDULING = frozenset(
    "activeDeadlineSeconds affinity imagePullPolicy metadata metrics nodeSelector parallelism "
    "podGC priorityClassName resources retryStrategy schedulerName synchronization timeout "
    "tolerations".split()
)
"""Fields of templates and containers that change when, where and how often, and not what."""
_OF_WORKFLOW = ("podSpecPatch", "hostAliases", "securityContext", "dnsConfig")
_CONTAINERS = ("container", "script", "containers", "initContainers", "sidecars")

_FLEETING = re.compile(
    r"\{\{[^}]*?\bworkflow\."
    r"(?!(?:name|parameters|namespace|serviceAccountName|mainEntrypoint)\b)(\w+)"
)
_CHANCE = re.compile(r"\{\{=[^}]*?\b(now|uuidv4|rand\w*|gen\w+|date\w*)\b")
_PARAMETER = re.compile(r"\bworkflow\.parameters\.([-\w]+)")
_TAG = re.compile(r"\{\{\s*([^}]+?)\s*\}\}")
_NO_DATA = "\0"
"""Stands for the name of a run in a path, which is never that of the folder of data."""


@dataclass(frozen=True)
class Identity:
    """What decides what one task of the DAG or the steps at the top does.

    ``parts`` are digests by what they are of; ``items`` has those of each item of a loop, by the
    words that its node's name ends in. ``why`` says what cannot be seen. ``kept`` are the items
    that did not run, since an earlier run had done the same.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    kept: Sequence[str] = ()

    def difference(self, other: Identity | None, item: str | None = None) -> str:
        """Return in words how this differs from ``other``, empty if it does the same."""
        if other is None:
            return "it is new"
        if self.why or other.why:
            return self.why or other.why
        for part, words in _PARTS.items():
            if self.parts.get(part) != other.parts.get(part):
                return words
        if item is None:
            return "" if self.items == other.items else _PARTS["data"]
        if item not in other.items:
            return "it is new"
        return "" if self.items[item] == other.items[item] else _PARTS["data"]


_PARTS = {
    "template": "its template has changed",
    "image": "its image has changed",
    "arguments": "what it is given has changed",
    "workflow": "what the workflow says of all its pods has changed",
    "data": f"files of {FOLDER}/ that it sees have changed",
}


class DataFolder(Protocol):
    """The files that are copied to the claim of a workflow."""

    @property
    def sums(self) -> Mapping[str, str]:
        """The digests of the files, by their paths."""

    def claim_of(self, manifest: Json) -> str:
        """Return the claim that has them, empty for none."""


class Identities:
    """Takes the identities of tasks, which see files of ``data``; asks for each image once."""

    def __init__(self, data: DataFolder, digest_of: DigestOf) -> None:
        self._data = data
        self._digest_of = digest_of
        self._digests: dict[str, str] = {}

    def of(self, manifest: Json) -> dict[str, Identity]:
        """Return those of the tasks or steps that the workflow begins with, by their names."""
        spec = manifest.get("spec") or {}
        templates = {str(each.get("name")): each for each in spec.get("templates") or ()}
        entry = templates.get(str(spec.get("entrypoint"))) or {}
        claim = self._data.claim_of(manifest)
        return {
            str(call["name"]): self._of_call(call, entry, templates, spec, claim)
            for call in calls_of(entry)[1]
        }

    def _of_call(
        self, call: Json, entry: Json, templates: Mapping[str, Json], spec: Json, claim: str
    ) -> Identity:
        defaults = spec.get("templateDefaults")
        used = [*_closure(call, templates), *([defaults] if defaults else [])]
        given = {key: value for key, value in call.items() if key not in (*LOOPS, "name", "group")}
        text = json.dumps([given, used])
        items = _items(call)
        images = sorted({image for each in used for image in _images(each)})
        named = {str(mount.get("name")) for each in used for mount in _mounts(each)}
        volumes = [each for each in _volumes(spec, used) if str(each.get("name")) in named]
        arguments = [given, _arguments(text, given, entry, spec)]
        if items is None:
            arguments.append([call.get(key) for key in LOOPS])
        parts = {
            "template": _digest([*map(_plain, used), volumes]),
            "image": _digest([self._digest(image) for image in images]),
            "arguments": _digest(arguments),
            "workflow": _digest([spec.get(key) for key in _OF_WORKFLOW]),
        }
        why = _hidden(used, text, spec) or _brought(used, given, spec) or self._unknown(images)
        seen = _Seen(used, volumes, claim, _given(call, used))
        if items is None:
            return Identity({**parts, "data": self._seen(seen, None)}, why=why)
        found = {
            described: f"{_digest(item)[:8]}{self._seen(seen, item)[:8]}"
            for item, described in items
        }
        return Identity(parts, found, why)

    def _seen(self, seen: _Seen, item: str | None) -> str:
        sums = self._data.sums
        return _digest([(path, sums[path]) for path in sums if seen.sees(f"{FOLDER}/{path}", item)])

    def _unknown(self, images: Iterable[str]) -> str:
        image = next((each for each in images if not self._digest(each)), None)
        return "" if image is None else f"no registry tells the digest of its image {image}"

    def _digest(self, image: str) -> str:
        if image not in self._digests:
            _, _, digest = image.partition("@")
            self._digests[image] = digest or ("" if "{{" in image else self._digest_of(image))
        return self._digests[image]


def identified(manifest: Json, identities: Mapping[str, Identity]) -> dict[str, Any]:
    """Return ``manifest`` with an annotation that says what its tasks are made of.

    It has none where that would be too much for Kubernetes, as of some thousands of items.
    """
    text = _text(identities)
    if not identities or len(text) > _LARGEST:
        return dict(manifest)
    metadata = manifest.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), ANNOTATION_TASKS: text}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def recorded(workflow: Json) -> dict[str, Identity]:
    """Return what :func:`identified` wrote into ``workflow``; what cannot be read is nothing."""
    annotations = (workflow.get("metadata") or {}).get("annotations") or {}
    try:
        found = json.loads(annotations.get(ANNOTATION_TASKS) or "{}")
        return {name: Identity(**each) for name, each in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def calls_of(entry: Json) -> tuple[str, list[dict[str, Any]]]:
    """Return the word before the variables of tasks or steps, and these, each with its group."""
    if "dag" in entry:
        return "tasks", [{**task, "group": 0} for task in entry["dag"].get("tasks") or ()]
    if "steps" in entry:
        groups = enumerate(entry["steps"])
        return "steps", [{**step, "group": index} for index, group in groups for step in group]
    return "", []


class _Seen:
    """Which files of the claim with ``data/`` the pods of one task see, by their mounts."""

    def __init__(
        self, used: Sequence[Json], volumes: Sequence[Json], claim: str, given: Mapping[str, str]
    ) -> None:
        names = {
            str(each.get("name"))
            for each in volumes
            if (each.get("persistentVolumeClaim") or {}).get("claimName") == claim
        }
        self._given = given
        self._paths = [
            "" if mount.get("subPathExpr") else str(mount.get("subPath") or "")
            for template in used
            for mount in _mounts(template)
            if str(mount.get("name")) in names
        ]

    def sees(self, path: str, item: str | None) -> bool:
        """Tell whether ``path`` lies in one of the mounts of the task of ``item``."""
        return any(_lies_in(path, self._filled_in(each, item)) for each in self._paths)

    def _filled_in(self, text: str, item: str | None) -> str:
        given = {"workflow.name": _NO_DATA, **self._given}
        for _ in range(2):
            text = _TAG.sub(lambda found: given.get(found[1], found[0]), text)
        values = {} if item is None else item_values(item)
        return _TAG.sub(lambda found: values.get(found[1], found[0]), text)


def _lies_in(path: str, folder: str) -> bool:
    known, unknown, _ = folder.partition("{{")
    if unknown:
        return path.startswith(known)
    whole = known.strip("/")
    return not whole or path == whole or path.startswith(f"{whole}/")


def _given(call: Json, used: Sequence[Json]) -> dict[str, str]:
    """Return the values of the inputs of the template that is called, as they are written."""
    if not used:
        return {}
    found = {}
    for source in (used[0].get("inputs") or {}, call.get("arguments") or {}):
        for each in source.get("parameters") or ():
            if each.get("value") is not None:
                found[f"inputs.parameters.{each['name']}"] = str(each["value"])
    return found


def _hidden(used: Sequence[Json], text: str, spec: Json) -> str:
    """Return why it cannot be seen from here what a task does; empty if it can."""
    for template in used:
        for key, why in _ELSEWHERE.items():
            if key in template:
                return why
        if template.get("daemon"):
            return "it serves others while they run"
        outputs = template.get("outputs") or {}
        kinds = (*(outputs.get("parameters") or ()), *(outputs.get("artifacts") or ()))
        if any(each.get("globalName") for each in kinds):
            return "it leaves a value for the whole workflow"
        own = {
            str((each.get("metadata") or {}).get("name"))
            for each in spec.get("volumeClaimTemplates") or ()
        }
        if own & {str(mount.get("name")) for mount in _mounts(template)}:
            return "its files lie on a claim that goes with the run"
    patches = (str(each.get("podSpecPatch") or "") for each in (spec, *used))
    if any("image" in patch or "volume" in patch.lower() for patch in patches):
        return "its podSpecPatch names an image or a volume"
    if found := _FLEETING.search(text) or _CHANCE.search(text):
        return f"it is given {found[1]}, which is another in each run"
    return ""


def _brought(used: Sequence[Json], given: Json, spec: Json) -> str:
    """Return which artifact comes from a place that others may change; empty for none."""
    own = (given.get("arguments") or {}).get("artifacts") or ()
    of_workflow = ((spec.get("arguments") or {}).get("artifacts") or ()) if own else ()
    inputs = (
        each for template in used for each in (template.get("inputs") or {}).get("artifacts") or ()
    )
    for artifact in (*own, *of_workflow, *inputs):
        if (kind := kind_of(artifact)) not in ("", "raw"):
            return f"its artifact {artifact.get('name')} comes by {kind}"
    return ""


def _items(call: Json) -> list[tuple[str, str]] | None:
    """Return the items of a loop and their names; None if there is none, or it is not known yet."""
    if not is_loop(call) or "{{" in json.dumps([call.get(key) for key in LOOPS]):
        return None
    try:
        return items_of(call)
    except LoopError:
        return None


def _closure(call: Json, templates: Mapping[str, Json]) -> Iterator[Json]:
    """Yield the template of ``call`` and all that it leads to; what is not here, as it is named."""
    seen: set[str] = set()
    stack: list[Json] = [call]
    while stack:
        each = stack.pop()
        if "templateRef" in each:
            yield {"templateRef": each["templateRef"]}
            continue
        name = str(each.get("template") or "")
        if name in seen:
            continue
        seen.add(name)
        template = each.get("inline") or templates.get(name) or {}
        yield template
        stack += calls_of(template)[1]


def _arguments(text: str, given: Json, entry: Json, spec: Json) -> Any:
    """Return those arguments of the workflow that a task may be given."""
    arguments = spec.get("arguments") or {}
    named = set(_PARAMETER.findall(text))
    if "inputs." in json.dumps(given) or "workflow.parameters" in _PARAMETER.sub("", text):
        return [arguments, entry.get("inputs")]
    parameters = [each for each in arguments.get("parameters") or () if each.get("name") in named]
    return [parameters, arguments.get("artifacts")]


def _plain(template: Json) -> dict[str, Any]:
    """Return ``template`` without what decides only when and where, and without its images."""
    found = {key: value for key, value in template.items() if key not in _SCHEDULING}
    for key in _CONTAINERS:
        if isinstance(found.get(key), Mapping):
            found[key] = _plain_container(found[key])
        elif key in found:
            found[key] = [_plain_container(each) for each in found[key] or ()]
    if isinstance(several := found.get("containerSet"), Mapping):
        found["containerSet"] = _plain(several)
    return found


def _plain_container(container: Json) -> dict[str, Any]:
    return {k: v for k, v in container.items() if k not in _SCHEDULING and k != "image"}


def _containers(template: Json) -> Iterator[Json]:
    for holder in (template, template.get("containerSet") or {}):
        for key in _CONTAINERS:
            found = holder.get(key) or ()
            yield from (found,) if isinstance(found, Mapping) else found


def _images(template: Json) -> list[str]:
    return [str(each["image"]) for each in _containers(template) if each.get("image")]


def _mounts(template: Json) -> Iterator[Json]:
    holders = (*_containers(template), template.get("containerSet") or {})
    for each in holders:
        yield from each.get("volumeMounts") or ()


def _volumes(spec: Json, used: Iterable[Json]) -> Iterator[Json]:
    yield from spec.get("volumes") or ()
    for template in used:
        yield from template.get("volumes") or ()


def _text(identities: Mapping[str, Identity]) -> str:
    found = {
        name: {key: value for key, value in asdict(each).items() if value}
        for name, each in identities.items()
    }
    return json.dumps(found, separators=(",", ":"))


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]
