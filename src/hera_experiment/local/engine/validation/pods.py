"""What Kubernetes would refuse in a workflow's objects, and what it heeds that this machine cannot.

On a cluster Argo's server or the API server refuses these, the latter when a task's turn has come;
here all are found before anything runs, though nothing here needs them: what succeeds on this
machine is not to fail there. Source: ``pkg/apis/core/validation/validation.go`` of
kubernetes/kubernetes, ``pkg/api/resource/quantity.go`` of kubernetes/apimachinery; the words were
recorded from Kubernetes 1.34.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from hera_experiment.argo.names import OBJECT_NAME
from hera_experiment.argo.quantities import number as quantity
from hera_experiment.local.engine.validation.labels import key_problem, value_problem

Json = Mapping[str, Any]

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must"
    " start and end with an alphanumeric character"
)
_RESOURCE = re.compile(r".*/.*|cpu|memory|ephemeral-storage|hugepages-.*")
_VARIABLE = re.compile(r"[ -<>-~]+")
_LABEL_LENGTH = 63
_LONGEST_ID = 2**31 - 1

_CHOICES = {
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "terminationMessagePolicy": ("File", "FallbackToLogsOnError"),
    "dnsPolicy": ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"),
    "operator": ("Equal", "Exists"),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
}
_ANY_LINUX = ("kubernetes.io/os", "linux")


def refused_by_kubernetes(manifest: Json) -> list[str]:
    """Return a sentence for each value that Kubernetes would refuse for its form."""
    spec = manifest["spec"]
    found = [*_metadata("metadata", manifest["metadata"])]
    found += _metadata("spec.podMetadata", _object(spec, "podMetadata"))
    found += _scheduling("spec", spec)
    used = _used(spec)
    for template in spec.get("templates") or ():
        if template["name"] in used and (containers := list(_containers(template))):
            found += _template(template, containers)
    return found


def left_out(manifest: Json, *, heeds_users: bool = False) -> list[str]:
    """Return what a cluster would heed, and wait for, and this machine does not.

    With ``heeds_users`` it does heed who a container runs as, and which devices it has.
    """
    spec = manifest["spec"]
    found: dict[str, dict[str, None]] = {}
    used = _used(spec)
    for template in spec.get("templates") or ():
        containers = [container for _, container in _containers(template)]
        if not containers or template["name"] not in used:
            continue
        said = []
        selector = template.get("nodeSelector") or spec.get("nodeSelector") or {}
        labels = [f"{k}={v}" for k, v in selector.items() if (k, v) != _ANY_LINUX]
        if labels:
            said.append(f"nodeSelector {', '.join(labels)}")
        if template.get("affinity") or spec.get("affinity"):
            said.append("affinity")
        for container in () if heeds_users else containers:
            limits = _object(_object(container, "resources"), "limits")
            said += [f"{name}: {count}" for name, count in limits.items() if _is_device(name)]
        for holder in () if heeds_users else (spec, template, *containers):
            for key, value in _object(holder, "securityContext").items():
                if key in ("runAsNonRoot", "runAsUser", "runAsGroup") and value is not None:
                    said.append(f"{key}: {str(value).lower()}")
        for text in said:
            found.setdefault(text, {})[template["name"]] = None
    return [f"{what} ({', '.join(names)})" for what, names in found.items()]


def _used(spec: Json) -> set[str]:
    """Return the templates that something calls."""
    calls: list[Json] = [{"hooks": _object(spec, "hooks"), "onExit": spec.get("onExit")}]
    for template in _list(spec, "templates"):
        calls += _calls(template)
    used = {spec.get("entrypoint", "")}
    for call in calls:
        hooks = [hook.get("template") for hook in _object(call, "hooks").values()]
        used.update(name for name in (call.get("template"), call.get("onExit"), *hooks) if name)
    return used


def _calls(template: Json) -> Iterator[Json]:
    for group in (_list(template.get("dag") or {}, "tasks"), *_list(template, "steps")):
        for call in group:
            yield call
            yield from _calls(_object(call, "inline"))


def _containers(template: Json) -> Iterator[tuple[str, Json]]:
    """Yield the containers of a template's pod that a person wrote, each with its place."""
    for field in ("container", "script"):
        if field in template:
            yield field, template[field]
    lists = {
        "containerSet.containers": _list(_object(template, "containerSet"), "containers"),
        "initContainers": _list(template, "initContainers"),
        "sidecars": _list(template, "sidecars"),
    }
    for place, containers in lists.items():
        for index, container in enumerate(containers):
            yield f"{place}[{index}]", container


def _template(template: Json, containers: Iterable[tuple[str, Json]]) -> Iterator[str]:
    where = f"templates.{template['name']}"
    yield from _metadata(f"{where}.metadata", _object(template, "metadata"))
    yield from _scheduling(where, template)
    for place, container in containers:
        path = f"{where}.{place}"
        if place.endswith("]") and not _is(container.get("name", ""), _DNS_LABEL):
            yield _invalid(f"{path}.name", container.get("name", ""), _DNS_LABEL_RULE)
        yield from _container(path, container)


def _container(path: str, container: Json) -> Iterator[str]:
    yield from _choice(path, container, "imagePullPolicy")
    yield from _choice(path, container, "terminationMessagePolicy")
    image = container.get("image") or ""
    if image != image.strip():
        yield _invalid(f"{path}.image", image, "must not have leading or trailing whitespace")
    for index, variable in enumerate(_list(container, "env")):
        if not _VARIABLE.fullmatch(variable.get("name") or ""):
            why = (
                "a valid environment variable name must consist only of printable ASCII characters"
                " other than '='"
            )
            yield _invalid(f"{path}.env[{index}].name", variable.get("name") or "", why)
    for index, port in enumerate(_list(container, "ports")):
        number = port.get("containerPort")
        if not isinstance(number, int) or not 0 < number < 2**16:
            why = "must be between 1 and 65535, inclusive"
            yield _invalid(f"{path}.ports[{index}].containerPort", number, why)
    yield from _resources(f"{path}.resources", _object(container, "resources"))
    yield from _user(path, container)
    yield from _mounts(path, container)


def _mounts(path: str, container: Json) -> Iterator[str]:
    for index, mount in enumerate(_list(container, "volumeMounts")):
        where = f"{path}.volumeMounts[{index}]"
        name, sub_path = str(mount.get("name")), str(mount.get("subPath") or "")
        if "{{" not in name and not _is(name, _DNS_LABEL):
            yield _invalid(f"{where}.name", name, _DNS_LABEL_RULE)
        if ".." in sub_path.split("/"):
            yield _invalid(f"{where}.subPath", sub_path, "must not contain '..'")


def _scheduling(path: str, owner: Json) -> Iterator[str]:
    yield from _choice(path, owner, "dnsPolicy")
    yield from _labels(f"{path}.nodeSelector", _object(owner, "nodeSelector"))
    yield from _user(path, owner)
    for index, alias in enumerate(_list(owner, "hostAliases")):
        where, address = f"{path}.hostAliases[{index}]", str(alias.get("ip") or "")
        try:
            ip_address(address)
        except ValueError:
            why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            yield _invalid(f"{where}.ip", address, why)
        for name in _list(alias, "hostnames"):
            if not OBJECT_NAME.fullmatch(str(name)):
                why = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric"
                yield _invalid(f"{where}.hostnames", name, f"{why} characters, '-' or '.'")
    for index, toleration in enumerate(_list(owner, "tolerations")):
        where = f"{path}.tolerations[{index}]"
        yield from _choice(where, toleration, "operator")
        yield from _choice(where, toleration, "effect")
        operator, effect = toleration.get("operator") or "Equal", toleration.get("effect") or ""
        if operator == "Exists" and (value := toleration.get("value")):
            why = "value must be empty when `operator` is 'Exists'"
            yield _invalid(f"{where}.operator", value, why)
        if operator == "Equal" and not toleration.get("key"):
            why = "operator must be Exists when `key` is empty"
            yield _invalid(f"{where}.operator", operator, why)
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            yield _invalid(f"{where}.effect", effect, why)


def _user(path: str, owner: Json) -> Iterator[str]:
    context = _object(owner, "securityContext")
    for key in ("runAsUser", "runAsGroup"):
        number = context.get(key)
        if isinstance(number, int) and not 0 <= number <= _LONGEST_ID:
            why = f"must be between 0 and {_LONGEST_ID}, inclusive"
            yield _invalid(f"{path}.securityContext.{key}", number, why)
    if context.get("privileged") and context.get("allowPrivilegeEscalation") is False:
        why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        yield f"{path}.securityContext: {why}"


def _resources(path: str, resources: Json) -> Iterator[str]:
    limits, requests = _object(resources, "limits"), _object(resources, "requests")
    for kind, values in (("limits", limits), ("requests", requests)):
        for name, value in values.items():
            where, number = f"{path}.{kind}[{name}]", quantity(value)
            if not _RESOURCE.fullmatch(name):
                yield _invalid(where, name, "must be a standard resource type or fully qualified")
            elif problem := _key(name):
                yield _invalid(where, name, problem)
            if number is None:
                continue
            if number < 0:
                yield _invalid(where, value, "must be greater than or equal to 0")
            elif _is_device(name) and number != int(number):
                yield _invalid(where, value, "must be an integer")
    for name, value in requests.items():
        request, limit = quantity(value), quantity(limits.get(name))
        of_limit = f"{name} limit of {limits.get(name)}"
        if _is_device(name) and name not in limits:
            why = "Required value: Limit must be set for non overcommitable resources"
            yield f"{path}.limits[{name}]: {why}"
        elif request is None or limit is None:
            continue
        elif _is_device(name) and request != limit:
            yield _invalid(f"{path}.requests", value, f"must be equal to {of_limit}")
        elif request > limit:
            yield _invalid(f"{path}.requests", value, f"must be less than or equal to {of_limit}")


def _is_device(name: str) -> bool:
    return "/" in name and not name.startswith("kubernetes.io/")


def _metadata(path: str, metadata: Json) -> Iterator[str]:
    yield from _labels(f"{path}.labels", _object(metadata, "labels"))
    for key in _object(metadata, "annotations"):
        if problem := _key(key):
            yield _invalid(f"{path}.annotations", key, problem)


def _labels(path: str, labels: Json) -> Iterator[str]:
    for key, value in labels.items():
        if problem := _key(key):
            yield _invalid(path, key, problem)
        if "{{" not in value and (problem := value_problem(value)):
            yield _invalid(path, value, problem)


def _key(name: str) -> str:
    return "" if "{{" in name else key_problem(name)


def _choice(path: str, owner: Json, key: str) -> Iterator[str]:
    value, choices = str(owner.get(key) or ""), _CHOICES[key]
    if value and "{{" not in value and value not in choices:
        supported = ", ".join(f'"{choice}"' for choice in choices)
        yield f'{path}.{key}: Unsupported value: "{value}": supported values: {supported}'


def _invalid(path: str, value: Any, why: str) -> str:
    return f'{path}: Invalid value: "{value}": {why}'


def _is(text: str, pattern: re.Pattern[str]) -> bool:
    return len(text) <= _LABEL_LENGTH and pattern.fullmatch(text) is not None


def _object(owner: Json, key: str) -> Json:
    return owner.get(key) or {}


def _list(owner: Json, key: str) -> Iterable[Any]:
    return owner.get(key) or ()
