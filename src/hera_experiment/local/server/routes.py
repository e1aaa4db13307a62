"""Every path the server answers, in one table, and what it says about itself."""

from __future__ import annotations

import platform
from typing import Any
from urllib.parse import unquote

from hera_experiment.local.errors import NotFound, Unimplemented
from hera_experiment.local.server import artifacts, logs, watch, workflows
from hera_experiment.local.server import kept_objects as kept
from hera_experiment.local.server import kubernetes_objects as objects
from hera_experiment.local.server.messages import Handler, Request

SPEAKS = "v3.7.18"
"""The release of Argo Workflows whose API and behaviour the local platform follows."""


def version(request: Request) -> dict[str, Any]:
    """Return the eight strings that Hera requires.

    The version names the release whose API is spoken; ``+local`` is what semantic versioning has
    for a build of another make, and nobody takes this server for Argo's own.
    """
    return {
        "version": f"{SPEAKS}+local",
        "buildDate": "1970-01-01T00:00:00Z",
        "gitCommit": "",
        "gitTag": "",
        "gitTreeState": "",
        "goVersion": "",
        "compiler": platform.python_implementation(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }


def info(request: Request) -> dict[str, Any]:
    """Return the settings of Argo's web pages, of which there are none."""
    return {}


def userinfo(request: Request) -> dict[str, Any]:
    """Return who the token says its bearer is."""
    return {"issuer": "hera_utils", "subject": request.claims.session or "local"}


_ARGO = "/api/v1/workflows/{namespace}"
_FILES = "/artifact-files/{namespace}"
_KUBERNETES = "/api/v1/namespaces/{namespace}"


def _kept(path: str, kind: kept.KeptKind) -> tuple[tuple[str, str, Handler], ...]:
    """Return the routes of what is kept below ``path``."""
    return (
        ("GET", path, kind.list_all),
        ("POST", path, kind.create),
        ("POST", f"{path}/lint", kind.lint),
        ("GET", f"{path}/{{name}}", kind.get),
        ("PUT", f"{path}/{{name}}", kind.replace),
        ("DELETE", f"{path}/{{name}}", kind.delete),
    )


_CRON = "/api/v1/cron-workflows/{namespace}"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/v1/workflows", workflows.list_all),
    ("GET", _ARGO, workflows.list_all),
    ("POST", _ARGO, workflows.create),
    ("POST", f"{_ARGO}/lint", workflows.lint),
    ("POST", f"{_ARGO}/submit", kept.submit),
    ("GET", f"{_ARGO}/{{name}}", workflows.get),
    ("DELETE", f"{_ARGO}/{{name}}", workflows.delete),
    ("PUT", f"{_ARGO}/{{name}}/stop", workflows.stop),
    ("PUT", f"{_ARGO}/{{name}}/terminate", workflows.terminate),
    ("PUT", f"{_ARGO}/{{name}}/suspend", workflows.suspend),
    ("PUT", f"{_ARGO}/{{name}}/resume", workflows.resume),
    ("PUT", f"{_ARGO}/{{name}}/set", workflows.set_nodes),
    ("PUT", f"{_ARGO}/{{name}}/retry", workflows.retry),
    ("GET", f"{_ARGO}/{{name}}/log", logs.workflow_logs),
    ("GET", f"{_ARGO}/{{name}}/{{pod}}/log", logs.workflow_logs),
    ("GET", "/api/v1/workflow-events", watch.watch),
    ("GET", "/api/v1/workflow-events/{namespace}", watch.watch),
    *_kept("/api/v1/workflow-templates/{namespace}", kept.TEMPLATES),
    *_kept("/api/v1/cluster-workflow-templates", kept.CLUSTER_TEMPLATES),
    *_kept(_CRON, kept.CRON_WORKFLOWS),
    ("PUT", f"{_CRON}/{{name}}/suspend", kept.CRON_WORKFLOWS.suspend),
    ("PUT", f"{_CRON}/{{name}}/resume", kept.CRON_WORKFLOWS.resume),
    ("GET", "/api/v1/version", version),
    ("GET", "/api/v1/info", info),
    ("GET", "/api/v1/userinfo", userinfo),
    ("GET", "/artifacts/{namespace}/{name}/{node}/{artifact}", artifacts.output),
    ("GET", "/input-artifacts/{namespace}/{name}/{node}/{artifact}", artifacts.input_),
    ("GET", "/artifacts-by-uid/{uid}/{node}/{artifact}", artifacts.output),
    ("GET", "/input-artifacts-by-uid/{uid}/{node}/{artifact}", artifacts.input_),
    ("GET", f"{_FILES}/{{kind}}/{{name}}/{{node}}/{{direction}}/{{artifact}}", artifacts.file),
    (
        "GET",
        f"{_FILES}/{{kind}}/{{name}}/{{node}}/{{direction}}/{{artifact}}/{{inner...}}",
        artifacts.file,
    ),
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
    if pattern[-1].endswith("...}") and len(segments) >= len(pattern):
        segments = [*segments[: len(pattern) - 1], "/".join(segments[len(pattern) - 1 :])]
    if len(pattern) != len(segments):
        return None
    variables = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            variables[expected[1:-1].removesuffix("...")] = segment
        elif expected != segment:
            return None
    return variables
