"""Changes a template as a ``podSpecPatch`` changes the pod that is made of it.

Source: ``processPodSpecPatch`` in ``workflow/controller/workflowpod.go`` and
``ApplyPodSpecPatch`` in ``workflow/util/util.go`` of argoproj/argo-workflows;
``strategicpatch/patch.go`` of kubernetes/apimachinery, merge keys: ``core/v1/types.go`` of
kubernetes/api.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hera_experiment.local.engine.validation import fields
from hera_experiment.local.engine.validation.supported import wrong_kind

Json = Mapping[str, Any]

MAIN = "main"

_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}
"""By what the items of a list are told apart; those of all other lists are replaced as a whole."""

_ALIKE = ("volumes", "hostAliases", "securityContext", "activeDeadlineSeconds")
"""What a pod and a template call the same."""

_OF_ARGO = ("wait", "init")
"""Containers that Argo adds to a pod."""


class PatchError(ValueError):
    """A patch that cannot be applied."""


def patched(template: Json, patches: Sequence[str], pod: Json) -> dict[str, Any]:
    """Return ``template`` as if its pod had been changed by ``patches``, one after the other.

    ``pod`` is what the workflow says of all pods. Raises :class:`PatchError`.
    """
    spec = _pod_spec(template, pod)
    for text in patches:
        spec = _merged(spec, read_patch(text))
    return _template(template, spec)


def read_patch(text: str) -> Json:
    """Return a patch, which is YAML or JSON; raises :class:`PatchError` for what is no pod's."""
    import yaml

    try:
        # What begins as JSON is read as nothing else.
        patch = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise PatchError(f"it is not YAML: {error}") from None
    if not isinstance(patch, dict) or (problem := wrong_kind(patch, fields.POD_SPEC)):
        raise PatchError(problem if isinstance(patch, dict) else "it is not an object")
    return patch


def patch_refusals(text: str) -> Iterator[str]:
    """Yield what a patch asks for that is not interpreted here."""
    try:
        patch = read_patch(text)
    except PatchError:
        return  # Its task fails as on a cluster.
    for key, value in patch.items():
        what = fields.POD_SPEC.refused.get(key)
        if what and value:
            yield f"{key} ({what})"
    for group in ("containers", "initContainers"):
        for container in patch.get(group) or ():
            for key, what in fields.CONTAINER.refused.items():
                if container.get(key) and container.get("name") not in _OF_ARGO:
                    yield f"{group}.{container.get('name')}.{key} ({what})"
    yield from _directives(patch)


def _directives(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if str(key).startswith("$") and key not in ("$patch", "$retainKeys"):
                yield f"{key} (a directive that the engine does not know)"
            yield from _directives(item)
    elif isinstance(value, list):
        for item in value:
            yield from _directives(item)


def _pod_spec(template: Json, pod: Json) -> dict[str, Any]:
    main = template.get("script") or template.get("container")
    of_set = (template.get("containerSet") or {}).get("containers") or ()
    containers = [{**main, "name": MAIN}] if main is not None else list(of_set)
    return {
        **{key: pod[key] for key in _ALIKE if key in pod},
        **{key: template[key] for key in _ALIKE if key in template},
        "containers": [{"name": "wait"}, *containers, *(template.get("sidecars") or ())],
        "initContainers": [{"name": "init"}, *(template.get("initContainers") or ())],
    }


def _template(template: Json, spec: Json) -> dict[str, Any]:
    """Return ``template`` with what ``spec``, made of it and changed, says."""
    found = {**template, **{key: spec[key] for key in spec if key not in ("containers",)}}
    containers, found["initContainers"] = (
        [each for each in spec.get(group) or () if each["name"] not in _OF_ARGO]
        for group in ("containers", "initContainers")
    )
    of_set = template.get("containerSet")
    main = {each["name"] for each in of_set["containers"]} if of_set else {MAIN}
    chosen = [each for each in containers if each["name"] in main]
    if of_set:
        found["containerSet"] = {**of_set, "containers": chosen}
    elif chosen:
        found["script" if "script" in template else "container"] = chosen[0]
    # What a patch adds ends with the others, as a sidecar does.
    found["sidecars"] = [each for each in containers if each["name"] not in main]
    return {key: value for key, value in found.items() if value not in ([], None)}


def _merged(original: Json, patch: Json) -> dict[str, Any]:
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    found = dict(original)
    if (retained := patch.get("$retainKeys")) is not None:
        found = {key: value for key, value in found.items() if key in retained}
    for key, value in patch.items():
        if key in ("$patch", "$retainKeys"):
            continue
        before = found.get(key)
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping):
            if value.get("$patch") == "delete":
                found.pop(key, None)
            else:
                found[key] = _merged(before if isinstance(before, Mapping) else {}, value)
        elif isinstance(value, list) and key in _MERGE_KEYS:
            found[key] = _merged_list(before or [], value, key)
        else:
            found[key] = value
    return found


def _merged_list(original: Sequence[Json], patch: Sequence[Json], key: str) -> list[Any]:
    name = _MERGE_KEYS[key]
    if any(item.get("$patch") == "replace" for item in patch):
        return [dict(item) for item in patch if "$patch" not in item]
    found = [dict(item) for item in original]
    for item in patch:
        if name not in item:
            raise PatchError(f"map: {dict(item)} does not contain declared merge key: {name}")
        at = next((i for i, each in enumerate(found) if each.get(name) == item[name]), None)
        if item.get("$patch") == "delete":
            found = [each for each in found if each.get(name) != item[name]]
        elif at is None:
            found.append(_merged({}, item))
        elif key == "volumes":
            # One volume has one source: another takes its place.
            kinds = {k for k in item if k != "name"}
            kept = {k: v for k, v in found[at].items() if k == name or k in kinds}
            found[at] = _merged(kept, item)
        else:
            found[at] = _merged(found[at], item)
    return found
