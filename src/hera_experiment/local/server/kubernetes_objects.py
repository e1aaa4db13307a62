"""Claims, ConfigMaps, Secrets and namespaces, on Kubernetes' own paths.

On the laptop they are the same in every namespace, and every namespace exists. Source: the API
reference of Kubernetes, v1.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from hera_experiment.local.errors import AlreadyExists, InvalidWorkflow, NotFound, Unimplemented
from hera_experiment.local.server.messages import Request
from hera_experiment.local.store.objects import CLAIMS, CONFIGMAPS, KINDS, SECRETS, check_name

_NAMES = {CLAIMS: "PersistentVolumeClaim", CONFIGMAPS: "ConfigMap", SECRETS: "Secret"}


def get_namespace(request: Request) -> dict[str, Any]:
    """Return the namespace; raises InvalidWorkflow for what cannot be one."""
    check_name(request.namespace)
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": request.namespace},
        "status": {"phase": "Active"},
    }


def list_objects(request: Request) -> dict[str, Any]:
    """Return all objects of one kind."""
    kind = _kind(request)
    names = request.services.store.objects.names(kind)
    items = [_object(request, kind, name) for name in names]
    return {"apiVersion": "v1", "kind": f"{_NAMES[kind]}List", "metadata": {}, "items": items}


def get_object(request: Request) -> dict[str, Any]:
    """Return one object; raises NotFound."""
    return _object(request, _kind(request), request.name)


def create_object(request: Request) -> dict[str, Any]:
    """Create an object; raises AlreadyExists."""
    kind, body = _kind(request), request.json()
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str):
        raise InvalidWorkflow(f"the {_NAMES[kind]} has no metadata.name")
    objects = request.services.store.objects
    if objects.exists(kind, name):
        raise AlreadyExists(f'{kind} "{name}" already exists')
    objects.put(kind, name, _values(kind, body))
    return _object(request, kind, name)


def replace_object(request: Request) -> dict[str, Any]:
    """Give an object that is there exactly the values of the body; raises NotFound."""
    kind, name, body = _kind(request), request.name, request.json()
    objects = request.services.store.objects
    objects.path(kind, name)
    objects.put(kind, name, _values(kind, body))
    return _object(request, kind, name)


def _kind(request: Request) -> str:
    kind = request.path["kind"]
    if kind not in KINDS:
        raise Unimplemented(f"the local server keeps {', '.join(KINDS)}, no {kind}")
    return kind


def _object(request: Request, kind: str, name: str) -> dict[str, Any]:
    try:
        values = request.services.store.objects.get(kind, name)
    except InvalidWorkflow as error:
        raise NotFound(f'{kind} "{name}" not found: {error.message}') from None
    answer: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": _NAMES[kind],
        "metadata": {"name": name, "namespace": request.namespace},
    }
    if kind == CLAIMS:
        modes = ["ReadWriteMany"]
        answer["spec"] = {"accessModes": modes}
        answer["status"] = {"phase": "Bound", "accessModes": modes}
    elif kind == SECRETS:
        answer["type"] = "Opaque"
        answer["data"] = {key: b64encode(value).decode() for key, value in values.items()}
    else:
        for key, value in values.items():
            try:
                answer.setdefault("data", {})[key] = value.decode("utf-8")
            except UnicodeDecodeError:
                answer.setdefault("binaryData", {})[key] = b64encode(value).decode()
    return answer


def _values(kind: str, body: dict[str, Any]) -> dict[str, bytes]:
    if kind == CLAIMS:
        return {}
    encoded, plain = ("data", "stringData") if kind == SECRETS else ("binaryData", "data")
    values = {}
    for part in (encoded, plain):
        entries = body.get(part) or {}
        if not isinstance(entries, dict):
            raise InvalidWorkflow(f"the {_NAMES[kind]}'s {part} is not an object")
        for key, value in entries.items():
            # The value itself stays out of the message: it may be a secret.
            if not isinstance(value, str):
                raise InvalidWorkflow(
                    f"the {_NAMES[kind]}'s {part}.{key} is not a string: quote it"
                )
            try:
                values[key] = b64decode(value, validate=True) if part == encoded else value.encode()
            except ValueError:
                raise InvalidWorkflow(f"the {_NAMES[kind]}'s {part}.{key} is not base64") from None
    return values
