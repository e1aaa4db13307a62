"""Checks of the Kubernetes API server: whether it answers, whom it knows, and the namespace."""

from __future__ import annotations

import re

from hera_experiment.check.cluster import ANONYMOUS, Refused
from hera_experiment.check.outcome import (
    APPLY,
    CannotTell,
    Outcome,
    failed,
    failure,
    in_brackets,
    in_yaml,
    ok,
)
from hera_experiment.check.rights import LOGS, PODS, TOKENS, WORKFLOWS, grant, missing
from hera_experiment.check.runner import Check
from hera_experiment.check.target import CheckTarget
from hera_experiment.errors import UserError
from hera_experiment.platform.http_session import Unreachable
from hera_experiment.platform.kubernetes_client import FORBIDDEN, NOT_FOUND
from hera_experiment.platform.kubernetes_reviews import Right

_ANSWERS = (200, 401, 403)
_NOT_READY = re.compile(r"^\[-\](\S+)", re.MULTILINE)
_OLDEST = (1, 28)
_CREATE = Right(WORKFLOWS.group, WORKFLOWS.resource, ("create",))


def api_reachable(target: CheckTarget) -> Outcome:
    """Check that the cluster's server answers as Kubernetes does, over TLS that is trusted.

    Tells apart: no such host, nothing that listens, no answer in time, a certificate of another
    authority, and something that is no Kubernetes.
    """
    context = target.cluster.context
    set_cluster = (
        f"kubectl --kubeconfig {target.cluster.kubeconfig.shown} config set-cluster "
        f"{context.cluster.name}"
    )
    try:
        answer = target.cluster.api.get("/version")
    except Unreachable as error:
        if "not trusted" in error.what:
            advice = f"{set_cluster} --certificate-authority FILE-FROM-THE-ADMINISTRATOR"
        elif "plain HTTP" in error.what or "closed the connection" in error.what:
            advice = f"correct the scheme: {set_cluster} --server https://HOST:PORT"
        elif "in time" in error.what:
            again = f"{target.make('check-cluster')} TIMEOUT=30"
            advice = f"join the VPN, or correct the proxy; then try again with: {again}"
        elif error.next_step.startswith("correct HTTPS_PROXY"):
            advice = error.next_step
        else:
            advice = f"join the VPN, or correct it: {set_cluster} --server https://HOST:PORT"
        return failed(error, "no answer", advice)
    except UserError as error:
        return failed(error, "cannot be asked")
    if answer.status not in _ANSWERS or answer.document is None:
        return failure(
            "no Kubernetes",
            f"{context.server} does not answer as Kubernetes does ({answer.message})",
            f"correct it: {set_cluster} --server https://HOST:PORT",
        )
    if target.cluster.credentials.verify is False:
        return ok(f"{context.server}, its certificate not verified (insecure-skip-tls-verify)")
    return ok(context.server)


def api_ready(target: CheckTarget) -> Outcome:
    """Check that the API server says of itself that it is ready (``/readyz``)."""
    answer = target.cluster.api.get("/readyz", {"verbose": ""})
    if answer.status in (401, 403, 404):
        raise CannotTell("it does not tell you")
    if answer.status == 200:
        return ok("ready")
    parts = ", ".join(_NOT_READY.findall(answer.text)) or f"status {answer.status}"
    return failure(
        "not ready",
        f"{target.cluster.context.server} is starting, stopping or unhealthy: {parts}",
    )


def api_version(target: CheckTarget) -> Outcome:
    """Check that Kubernetes is 1.28 or later.

    That is what the oldest Argo Workflows that is supported here was tested with, and the first
    version that says who you are (SelfSubjectReview).
    """
    answer = target.cluster.api.get("/version")
    version = str((answer.document or {}).get("gitVersion", ""))
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if not answer.ok or numbers is None:
        raise CannotTell("it does not tell you")
    if (int(numbers[1]), int(numbers[2])) < _OLDEST:
        return failure(version, f"Kubernetes {version} is older than {_OLDEST[0]}.{_OLDEST[1]}")
    return ok(version)


def identity(target: CheckTarget) -> Outcome:
    """Check that the API server accepts the kubeconfig's credentials.

    It says whose they are (SelfSubjectReview).
    """
    user = target.cluster.context.user
    place = f"user '{user.name}' in {target.cluster.kubeconfig.shown}"
    try:
        name = target.cluster.identity
    except Refused as error:
        return failure("not accepted", f"{error.what} ({place})")
    if name == ANONYMOUS:
        return failure("nobody", f"the kubeconfig holds no credentials ({place})")
    return ok(name)


def namespace(target: CheckTarget) -> Outcome:
    """Check that the namespace to submit to is set and exists.

    Kubernetes does not tell an absent namespace from one that you may not read. Where it may not
    be read, the right to create workflows there is taken for its existence.
    """
    where = target.context.where("argo_namespace")
    if not target.context.argo_namespace:
        cause = f"no namespace is set{in_brackets(where)}"
        return failure("not set", cause, "set ARGO_NAMESPACE")
    name = target.namespace
    answer = target.cluster.api.get(f"/api/v1/namespaces/{name}")
    if answer.status == NOT_FOUND:
        return failure(
            f"'{name}' is missing",
            f"there is no namespace '{name}' ({where})",
            f"set ARGO_NAMESPACE to an existing one, or the administrator types: "
            f"kubectl create namespace {name}",
        )
    if answer.status == FORBIDDEN:
        if not missing(target.cluster.api, name, _CREATE):
            return ok(f"{name}, which you may not read but submit to")
        yaml = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {in_yaml(name)}}}\n---\n"
        yaml += grant(
            "submit-workflows", name, target.cluster.identity, WORKFLOWS, PODS, LOGS, TOKENS
        )
        return failure(
            f"'{name}' is missing or closed",
            f"there is no namespace '{name}', or you have no right in it ({where})",
            f"set ARGO_NAMESPACE to one of yours, or {APPLY}",
            yaml,
        )
    if not answer.ok:
        raise CannotTell(answer.message)
    if ((answer.document or {}).get("status") or {}).get("phase") == "Terminating":
        return failure(
            f"'{name}' is being deleted",
            f"the namespace '{name}' is being deleted ({where})",
            "set ARGO_NAMESPACE to another one",
        )
    return ok(name)


CHECKS = (
    Check(
        code="API-REACHABLE",
        category="kubernetes",
        title="the API server answers",
        function=api_reachable,
        hint="join the VPN, or correct the address of the server in the kubeconfig",
        needs=(
            "KUBECONFIG-CONTEXT",
            "KUBECONFIG-CERTIFICATE",
            "KUBECONFIG-TOKEN",
            "KUBECONFIG-EXEC",
        ),
    ),
    Check(
        code="API-READY",
        category="kubernetes",
        title="the API server is ready",
        function=api_ready,
        hint=("wait for it: make check-cluster CLUSTER=NAME WAIT=120; then tell the administrator"),
        needs=("API-REACHABLE",),
    ),
    Check(
        code="API-VERSION",
        category="kubernetes",
        title="the version of Kubernetes is supported",
        function=api_version,
        hint=f"ask the administrator to upgrade Kubernetes to {_OLDEST[0]}.{_OLDEST[1]} or later",
        needs=("API-REACHABLE",),
    ),
    Check(
        code="IDENTITY",
        category="you",
        title="Kubernetes knows you",
        function=identity,
        hint="ask the administrator for a new kubeconfig, and save it in the place of this one",
        needs=("API-REACHABLE",),
        unless_failed=("API-READY",),
    ),
    Check(
        code="NAMESPACE",
        category="you",
        title="the namespace exists",
        function=namespace,
        hint="set ARGO_NAMESPACE to a namespace of yours",
        needs=("IDENTITY",),
    ),
)
