"""Every path the server answers, in one table."""

from __future__ import annotations

from urllib.parse import unquote

from hera_experiment.local.errors import NotFound, Unimplemented
from hera_experiment.local.server import kubernetes_objects as objects
from hera_experiment.local.server import logs, meta, watch, workflows
from hera_experiment.local.server.messages import Handler

_ARGO = "/api/v1/workflows/{namespace}"
_KUBERNETES = "/api/v1/namespaces/{namespace}"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/v1/workflows", workflows.list_all),
    ("GET", _ARGO, workflows.list_all),
    ("POST", _ARGO, workflows.create),
    ("POST", f"{_ARGO}/lint", workflows.lint),
    ("GET", f"{_ARGO}/{{name}}", workflows.get),
    ("DELETE", f"{_ARGO}/{{name}}", workflows.delete),
    ("PUT", f"{_ARGO}/{{name}}/stop", workflows.stop),
    ("PUT", f"{_ARGO}/{{name}}/terminate", workflows.terminate),
    ("PUT", f"{_ARGO}/{{name}}/retry", workflows.retry),
    ("GET", f"{_ARGO}/{{name}}/log", logs.workflow_logs),
    ("GET", f"{_ARGO}/{{name}}/{{pod}}/log", logs.workflow_logs),
    ("GET", "/api/v1/workflow-events", watch.watch),
    ("GET", "/api/v1/workflow-events/{namespace}", watch.watch),
    ("GET", "/api/v1/version", meta.version),
    ("GET", "/api/v1/info", meta.info),
    ("GET", "/api/v1/userinfo", meta.userinfo),
    ("GET", _KUBERNETES, objects.get_namespace),
    ("GET", f"{_KUBERNETES}/{{kind}}", objects.list_objects),
    ("POST", f"{_KUBERNETES}/{{kind}}", objects.create_object),
    ("GET", f"{_KUBERNETES}/{{kind}}/{{name}}", objects.get_object),
    ("PUT", f"{_KUBERNETES}/{{kind}}/{{name}}", objects.replace_object),
)


def find(method: str, path: str) -> tuple[Handler, dict[str, str]]:
    """Return the handler of a request and the variable segments of its path.

    Raises
    ------
    Unimplemented
        For a part of Argo's or Kubernetes' API that the laptop does not speak.
    NotFound
        For any other path.
    """
    # An empty segment is a value: /workflows// names all namespaces.
    segments = [unquote(segment) for segment in path.split("/")[1:]]
    for route, pattern, handler in _SPLIT:
        if route == method and (variables := _match(pattern, segments)) is not None:
            return handler, variables
    if segments[:1] == ["api"]:
        raise Unimplemented(f"the local server does not speak {method} {path}")
    raise NotFound(f"the local server has no {path}: it speaks Argo's API below /api/v1/")


_SPLIT = tuple((method, path.split("/")[1:], handler) for method, path, handler in ROUTES)


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    variables = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            variables[expected[1:-1]] = segment
        elif expected != segment:
            return None
    return variables
