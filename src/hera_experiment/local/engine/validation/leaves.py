"""The rules of a template that calls no other.

Source: ``validateLeaf`` in ``workflow/validate/validate.go``, ``Validate`` in
``container_set_template_types.go`` and ``validation_utils.go`` in ``pkg/apis/workflow/v1alpha1``,
``util/intstr`` of argoproj/argo-workflows, whose words the messages are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hera_experiment.local.engine.validation.kinds import Template
from hera_experiment.local.engine.validation.names import check_field_names
from hera_experiment.local.engine.validation.processing import PLACEHOLDER, is_placeholder
from hera_experiment.local.errors import InvalidWorkflow

_ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")
_WITHOUT_MANIFEST = ("get", "delete")
_EXPRESSION = re.compile(r"\{\{\s*=\s*(.+?)\s*\}\}")


def check_leaf(template: Template, default_image: Callable[[str], str]) -> None:
    """Check a template whose variables are known; raises :class:`InvalidWorkflow`.

    ``default_image`` tells, by ``container`` or ``script``, which image is taken if none is given.
    """
    where = f"templates.{template.get('name', '')}"
    if "container" in template:
        _check_mounts(where, template)
        if not template["container"].get("image") and not default_image("container"):
            raise InvalidWorkflow(f"{where}.container.image may not be empty")
    if "containerSet" in template:
        _check_set(f"{where}.containerSet", template)
    if "resource" in template:
        _check_resource(where, template)
    script = template.get("script")
    if script is not None and not script.get("image") and not default_image("script"):
        raise InvalidWorkflow(f"{where}.script.image may not be empty")
    if "activeDeadlineSeconds" in template and not _is_deadline(template["activeDeadlineSeconds"]):
        raise InvalidWorkflow(
            f"{where}.activeDeadlineSeconds must be a positive integer > 0 or an argo variable"
        )
    if "parallelism" in template:
        raise InvalidWorkflow(f"{where}.parallelism is only valid for steps and dag templates")


def _is_deadline(deadline: Any) -> bool:
    text = str(deadline)
    if re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        return int(text) >= 0
    return is_placeholder(text) or (text.startswith("{{") and text.endswith("}}"))


def _check_mounts(where: str, template: Template) -> None:
    mounted: dict[str, str] = {}
    for index, mount in enumerate(template["container"].get("volumeMounts") or ()):
        path = mount.get("mountPath", "")
        _check_free(f"{where}.container.volumeMounts[{index}].mountPath", path, mounted)
        mounted[path] = f"container.volumeMounts.{mount.get('name', '')}"
    for index, artifact in enumerate((template.get("inputs") or {}).get("artifacts") or ()):
        path = artifact.get("path", "")
        _check_free(f"{where}.inputs.artifacts[{index}].path", path, mounted)
        mounted[path] = f"inputs.artifacts.{artifact['name']}"


def _check_free(where: str, path: str, mounted: Mapping[str, str]) -> None:
    if path in mounted:
        raise InvalidWorkflow(f"{where} '{path}' already mounted in {mounted[path]}")


def _check_set(where: str, template: Template) -> None:
    containers = template["containerSet"].get("containers") or ()
    if not containers:
        raise InvalidWorkflow(f"{where}.containers must have at least one container")
    check_field_names(f"{where}.containers", containers)
    mounted: dict[str, str] = {}
    for index, mount in enumerate(template["containerSet"].get("volumeMounts") or ()):
        path = mount.get("mountPath", "")
        _check_free(f"{where}.volumeMounts[{index}].mountPath", path, mounted)
        mounted[path] = f"volumeMounts.{mount.get('name', '')}"
    waits_for = {each["name"]: each.get("dependencies") or [] for each in containers}
    for name, others in waits_for.items():
        for other in others:
            if other not in waits_for:
                raise InvalidWorkflow(f"{where}.containers.{name} dependency '{other}' not defined")
    if cycle := _cycle(waits_for):
        raise InvalidWorkflow(f"{where}.containers dependency cycle detected: {cycle}")
    inputs, outputs = template.get("inputs") or {}, template.get("outputs") or {}
    passes = inputs.get("artifacts") or outputs.get("parameters") or outputs.get("artifacts")
    if passes and "main" not in waits_for:
        raise InvalidWorkflow(
            f'{where}.containers must have a container named "main" for input or output'
        )


def _cycle(waits_for: Mapping[str, Iterable[str]]) -> str:
    """Return a circle of containers as Argo shows it, or nothing."""
    done: set[str] = set()
    for first in sorted(waits_for):
        if first in done:
            continue
        # Argo's path begins after the container that it starts from.
        path, stack, names = [""], [iter(waits_for[first])], [first]
        while stack:
            following = next(stack[-1], None)
            if following is None:
                done.add(names.pop())
                stack.pop()
                path.pop()
            elif following in path:
                return "->".join([*path[1:], following])
            elif following not in done:
                path.append(following)
                names.append(following)
                stack.append(iter(waits_for[following]))
    return ""


def _check_resource(where: str, template: Template) -> None:
    resource = template["resource"]
    action = resource.get("action") or ""
    if not is_placeholder(action) and action not in _ACTIONS:
        raise InvalidWorkflow(f"{where}.resource.action must be one of: {', '.join(_ACTIONS)}")
    if action in _WITHOUT_MANIFEST:
        return
    manifest, source = resource.get("manifest") or "", resource.get("manifestFrom")
    if not manifest and source is None:
        raise InvalidWorkflow(
            f"either {where}.resource.manifest or {where}.resource.manifestFrom must be specified"
        )
    if manifest and source is not None:
        raise InvalidWorkflow(
            "shouldn't have both `manifest` and `manifestFrom` specified in `Manifest` for resource"
            " template"
        )
    if source is not None and "artifact" in source:
        wanted = source["artifact"].get("name", "")
        artifacts = (template.get("inputs") or {}).get("artifacts") or ()
        if wanted not in [artifact["name"] for artifact in artifacts]:
            raise InvalidWorkflow(
                f"artifact {wanted} in `manifestFrom` refer to a non-exist artifact"
            )
    if manifest and not is_placeholder(manifest) and not _is_yaml(manifest):
        raise InvalidWorkflow(f"{where}.resource.manifest must be a valid yaml")


def _is_yaml(manifest: str) -> bool:
    # Imported where a manifest is: most workflows have none.
    import yaml

    try:
        yaml.load(_EXPRESSION.sub(PLACEHOLDER, manifest), Loader=_loader(yaml))
    except (yaml.YAMLError, TypeError, ValueError):
        return False
    return True


def _loader(yaml: Any) -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
