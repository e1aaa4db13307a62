"""What a failed request to Kubernetes means, in one sentence."""

from __future__ import annotations

import json
from typing import Any

from hera_experiment.errors import UserError

UNAUTHENTICATED, FORBIDDEN, NOT_FOUND = 401, 403, 404


class KubernetesRefusal(UserError):
    """Kubernetes answered with no; ``status`` is the HTTP status."""

    def __init__(self, what: str, where: str = "", next_step: str = "", *, status: int) -> None:
        super().__init__(what, where, next_step)
        self.status = status


class Forbidden(KubernetesRefusal):
    """One may not do what was asked for."""


def explain(error: Exception, server: str, where: str, asked: str) -> UserError:
    """Return the sentence for ``error``, which came when ``asked`` ("read the claim 'x'")."""
    from kubernetes.client.exceptions import ApiException

    if isinstance(error, ApiException):
        return _refusal(error, server, where, asked)
    return _no_answer(error, server, where)


def _refusal(error: Any, server: str, where: str, asked: str) -> KubernetesRefusal:
    status = int(error.status or 0)
    message = _message(error.body)
    if status == UNAUTHENTICATED:
        return KubernetesRefusal(
            f"Kubernetes at {server} does not know the user of the kubeconfig",
            where,
            "the token or certificate in it may have expired: get a new kubeconfig",
            status=status,
        )
    if status == FORBIDDEN:
        return Forbidden(
            f"you have no right to {asked}" + (f"; Kubernetes says: {message}" if message else ""),
            where,
            "ask the administrator for it",
            status=status,
        )
    said = message or f"status {status}"
    return KubernetesRefusal(f"cannot {asked}; Kubernetes says: {said}", where, status=status)


def _message(body: object) -> str:
    if not isinstance(body, (str, bytes)):
        return ""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    return str(found.get("message", "")) if isinstance(found, dict) else ""


def _no_answer(error: Exception, server: str, where: str) -> UserError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        what, advice = (
            f"the certificate of Kubernetes at {server} is not trusted",
            "the kubeconfig holds the wrong certificate-authority: get a new one",
        )
    elif "WRONG_VERSION_NUMBER" in text or "record layer" in text:
        what, advice = f"{server} does not speak TLS", "correct the server in the kubeconfig"
    elif "NameResolution" in text or "getaddrinfo" in text:
        what, advice = f"no host is named as in {server}", "correct the kubeconfig, or join the VPN"
    elif "refused" in text:
        what, advice = f"nothing listens at {server}", "correct the kubeconfig, or join the VPN"
    elif "timed out" in text or "Timeout" in type(error).__name__:
        what, advice = f"Kubernetes at {server} did not answer in time", "check the VPN and proxy"
    else:
        what, advice = f"no connection to Kubernetes at {server}: {type(error).__name__}", ""
    return UserError(what, where, advice)
