"""Finds what the engine does not interpret yet, and values of a wrong kind, before a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hera_experiment.local.engine.substitution import tags
from hera_experiment.local.engine.validation import fields
from hera_experiment.local.engine.validation.fields import Table
from hera_experiment.local.errors import InvalidWorkflow


def unsupported(manifest: Mapping[str, Any]) -> list[str]:
    """Return a phrase for each thing in ``manifest`` that the engine does not interpret.

    Raises :class:`InvalidWorkflow` for a value of the wrong kind, as Argo's server does when it
    cannot decode a request.
    """
    found = list(_object("", manifest, fields.WORKFLOW))
    found += _object("metadata", manifest.get("metadata") or {}, fields.METADATA)
    spec = manifest.get("spec") or {}
    found += _spec(spec)
    found += _expressions("spec", spec)
    return list(dict.fromkeys(found))


def _spec(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from _object("spec", spec, fields.SPEC)
    yield from _parameters("spec.arguments", spec.get("arguments"), fields.PARAMETER)
    yield from _hooks("spec", spec)
    yield from _synchronization("spec", spec)
    yield from _retry("spec", spec)
    yield from _patch("spec", spec)
    yield from _volumes("spec", spec)
    yield from _claims(spec)
    own = spec.get("workflowMetadata") or {}
    yield from _object("spec.workflowMetadata", own, fields.OWN_METADATA)
    for name, source in (own.get("labelsFrom") or {}).items():
        where = f"spec.workflowMetadata.labelsFrom.{name}"
        yield from _object(where, source, fields.LABEL_FROM)
    ref = spec.get("workflowTemplateRef") or {}
    yield from _object("spec.workflowTemplateRef", ref, fields.WORKFLOW_TEMPLATE_REF)
    if defaults := spec.get("templateDefaults"):
        yield from _template("spec.templateDefaults", defaults)
    yield from _object("spec.artifactGC", spec.get("artifactGC") or {}, fields.ARTIFACT_GC)
    for index, template in enumerate(_objects("spec.templates", spec.get("templates"))):
        yield from _template(f"templates.{template.get('name') or f'[{index}]'}", template)


def _template(path: str, template: Mapping[str, Any]) -> Iterator[str]:
    yield from _object(path, template, fields.TEMPLATE)
    yield from _parameters(f"{path}.inputs", template.get("inputs"), fields.PARAMETER)
    outputs = template.get("outputs")
    yield from _parameters(f"{path}.outputs", outputs, fields.OUTPUT, fields.OUTPUTS)
    for parameter in (outputs or {}).get("parameters") or ():
        where = f"{path}.outputs.parameters.{parameter.get('name')}.valueFrom"
        yield from _object(where, parameter.get("valueFrom") or {}, fields.VALUE_FROM)
    location = template.get("archiveLocation") or {}
    yield from _object(f"{path}.archiveLocation", location, fields.ARCHIVE_LOCATION)
    yield from _locations(f"{path}.archiveLocation", location)
    memoize = template.get("memoize") or {}
    yield from _object(f"{path}.memoize", memoize, fields.MEMOIZE)
    yield from _retry(path, template)
    yield from _synchronization(path, template)
    http, where = template.get("http") or {}, f"{path}.http"
    yield from _object(where, http, fields.HTTP)
    for index, header in enumerate(_objects(f"{where}.headers", http.get("headers"))):
        yield from _object(f"{where}.headers[{index}]", header, fields.HTTP_HEADER)
    yield from _volumes(path, template)
    for key, table in (("container", fields.CONTAINER), ("script", fields.SCRIPT)):
        if template.get(key) is not None:
            yield from _container(f"{path}.{key}", template[key], table)
    for key in ("initContainers", "sidecars"):
        for each in _objects(f"{path}.{key}", template.get(key)):
            yield from _container(f"{path}.{key}.{each.get('name')}", each, fields.USER_CONTAINER)
    if (of_set := template.get("containerSet")) is not None:
        where = f"{path}.containerSet"
        yield from _object(where, of_set, fields.CONTAINER_SET)
        yield from _object(where, of_set.get("retryStrategy") or {}, fields.SET_RETRY)
        for each in _objects(f"{where}.containers", of_set.get("containers")):
            yield from _container(f"{where}.{each.get('name')}", each, fields.OF_SET)
    yield from _patch(path, template)
    if template.get("dag") is not None:
        yield from _object(f"{path}.dag", template["dag"], fields.DAG)
        for task in _objects(f"{path}.dag.tasks", template["dag"].get("tasks")):
            yield from _step(f"{path}.tasks.{task.get('name')}", task, fields.TASK)
    for index, group in enumerate(template.get("steps") or ()):
        for step in _objects(f"{path}.steps[{index}]", group):
            yield from _step(f"{path}.steps[{index}].{step.get('name')}", step, fields.STEP)


def _container(path: str, container: Mapping[str, Any], table: Table) -> Iterator[str]:
    yield from _object(path, container, table)
    for inner in ("envFrom", "volumeMounts"):
        _objects(f"{path}.{inner}", container.get(inner))


def _patch(path: str, owner: Mapping[str, Any]) -> Iterator[str]:
    if text := owner.get("podSpecPatch"):
        from hera_experiment.local.engine.pod_patch import patch_refusals

        yield from (f"{path}.podSpecPatch.{what}" for what in patch_refusals(text))


def _step(path: str, step: Mapping[str, Any], table: Table) -> Iterator[str]:
    yield from _object(path, step, table)
    yield from _parameters(f"{path}.arguments", step.get("arguments"), fields.PARAMETER)
    yield from _object(f"{path}.templateRef", step.get("templateRef") or {}, fields.TEMPLATE_REF)
    if inline := step.get("inline"):
        yield from _template(f"{path}.inline", inline)
    yield from _object(f"{path}.withSequence", step.get("withSequence") or {}, fields.SEQUENCE)
    yield from _object(f"{path}.continueOn", step.get("continueOn") or {}, fields.CONTINUE_ON)
    yield from _hooks(path, step)


def _synchronization(path: str, holder: Mapping[str, Any]) -> Iterator[str]:
    found, where = holder.get("synchronization") or {}, f"{path}.synchronization"
    yield from _object(where, found, fields.SYNCHRONIZATION)
    kinds = (("mutex", "mutexes", fields.MUTEX), ("semaphore", "semaphores", fields.SEMAPHORE))
    for one, many, table in kinds:
        yield from _object(f"{where}.{one}", found.get(one) or {}, table)
        for index, each in enumerate(_objects(f"{where}.{many}", found.get(many))):
            yield from _object(f"{where}.{many}[{index}]", each, table)


def _hooks(path: str, holder: Mapping[str, Any]) -> Iterator[str]:
    for name, hook in (holder.get("hooks") or {}).items():
        where = f"{path}.hooks.{name}"
        yield from _object(where, hook, fields.HOOK)
        yield from _parameters(f"{where}.arguments", hook.get("arguments"), fields.PARAMETER)


def _retry(path: str, owner: Mapping[str, Any]) -> Iterator[str]:
    strategy = owner.get("retryStrategy") or {}
    yield from _object(f"{path}.retryStrategy", strategy, fields.RETRY_STRATEGY)
    yield from _object(
        f"{path}.retryStrategy.backoff", strategy.get("backoff") or {}, fields.BACKOFF
    )


def _volumes(path: str, owner: Mapping[str, Any]) -> Iterator[str]:
    # What a volume may be is for the runtime to say: it refuses what it cannot mount.
    _objects(f"{path}.volumes", owner.get("volumes"))
    return iter(())


def _claims(spec: Mapping[str, Any]) -> Iterator[str]:
    path = "spec.volumeClaimTemplates"
    for index, claim in enumerate(_objects(path, spec.get("volumeClaimTemplates"))):
        where = f"{path}[{index}]"
        yield from _object(where, claim, fields.CLAIM_TEMPLATE)
        yield from _object(f"{where}.metadata", claim.get("metadata") or {}, fields.CLAIM_METADATA)
        described = dict(claim.get("spec") or {})
        if described.get("volumeMode") == "Filesystem":
            del described["volumeMode"]
        yield from _object(f"{where}.spec", described, fields.CLAIM_SPEC)
    yield from _object("spec.volumeClaimGC", spec.get("volumeClaimGC") or {}, fields.CLAIM_GC)


def _parameters(
    path: str, holder: Any, table: Table, holder_table: Table = fields.PARAMETERS
) -> Iterator[str]:
    if holder is None:
        return
    _check(path, holder, "object")
    yield from _object(path, holder, holder_table)
    for parameter in _objects(f"{path}.parameters", holder.get("parameters")):
        where = f"{path}.parameters.{parameter.get('name')}"
        yield from _object(where, parameter, table)
        source = parameter.get("valueFrom") or {}
        if table is fields.PARAMETER:
            yield from _object(f"{where}.valueFrom", source, fields.INPUT_VALUE_FROM)
        key = source.get("configMapKeyRef") or {}
        yield from _object(f"{where}.valueFrom.configMapKeyRef", key, fields.CONFIG_MAP_KEY)
        for value in parameter.get("enum") or ():
            _check(f"{where}.enum", value, "text")
    for artifact in _objects(f"{path}.artifacts", holder.get("artifacts")):
        yield from _artifact(f"{path}.artifacts.{artifact.get('name')}", artifact)


def _artifact(path: str, artifact: Mapping[str, Any]) -> Iterator[str]:
    yield from _object(path, artifact, fields.ARTIFACT)
    yield from _locations(path, artifact)
    archive = artifact.get("archive") or {}
    yield from _object(f"{path}.archive", archive, fields.ARCHIVE)
    yield from _object(f"{path}.archive.tar", archive.get("tar") or {}, fields.TAR)
    yield from _object(f"{path}.artifactGC", artifact.get("artifactGC") or {}, fields.ARTIFACT_GC)


def _locations(path: str, holder: Mapping[str, Any]) -> Iterator[str]:
    for kind, table in fields.LOCATIONS.items():
        yield from _object(f"{path}.{kind}", holder.get(kind) or {}, table)


def _object(path: str, value: Mapping[str, Any], table: Table) -> Iterator[str]:
    _check(path, value, "object")
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        if key in table.honoured:
            _check(where, item, table.honoured[key])
        elif key in table.harmless:
            continue
        elif item or (item is not None and path.startswith("templates.") and key in _TYPES):
            what = table.refused.get(key)
            yield f"{where} ({what})" if what else f"{where} (not a field the engine knows)"


_TYPES = ("suspend", "containerSet", "resource", "data", "http", "plugin")
"""Types of templates that may be an empty object."""


def _objects(path: str, value: Any) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    _check(path, value, "list")
    for index, item in enumerate(value):
        _check(f"{path}[{index}]", item, "object")
    objects: list[Mapping[str, Any]] = value
    return objects


def _expressions(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        for tag in tags(value):
            if tag[:1] == "=" and (names := _uninterpreted(tag[1:])):
                yield f"{path} ({', '.join(names)} in an expression)"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key == "expression" and isinstance(item, str) and (names := _uninterpreted(item)):
                yield f"{path}.{key} ({', '.join(names)} in an expression)"
            yield from _expressions(f"{path}.{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            name = item.get("name") if isinstance(item, Mapping) else None
            yield from _expressions(f"{path}.{name or f'[{index}]'}", item)


def _uninterpreted(expression: str) -> list[str]:
    if "sprig" not in expression:
        return []
    from hera_experiment.argo import expr

    try:
        return expr.uninterpreted(expr.compile(expression))
    except expr.CompileError:
        return []


def wrong_kind(value: Mapping[str, Any], table: Table) -> str:
    """Return what is wrong with the kind of a value that ``table`` honours, or nothing."""
    for key, item in value.items():
        if item is not None and (problem := _problem(item, table.honoured.get(key, ""))):
            return f"{key} must be {problem}, not {_shown(item)}"
    return ""


def _check(path: str, value: Any, kind: str) -> None:
    problem = _problem(value, kind)
    if problem:
        raise InvalidWorkflow(f"{path or 'the workflow'} must be {problem}, not {_shown(value)}")


def _problem(value: Any, kind: str) -> str:
    strings = isinstance(value, str)
    integers = isinstance(value, int) and not isinstance(value, bool)
    checks = {
        "string": (strings, "a string"),
        "text": (strings or isinstance(value, (int, float)), "a string, a number or a boolean"),
        "integer": (integers, "an integer"),
        "integer or text": (integers or strings, "an integer or a string"),
        "boolean": (isinstance(value, bool), "true or false"),
        "object": (isinstance(value, Mapping), "an object"),
        "list": (isinstance(value, list), "a list"),
    }
    if not kind:
        return ""
    if kind in checks:
        fits, name = checks[kind]
        return "" if fits else name
    if kind == "list of strings":
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return "" if fits else "a list of strings"
    if kind == "strings by name":
        fits = isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values())
        return "" if fits else "an object whose values are strings"
    fits = isinstance(value, list) and all(_is_variable(item) for item in value)
    return "" if fits else "a list of objects with a name and a string as value"


def _is_variable(item: Any) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get("value", ""), str)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
