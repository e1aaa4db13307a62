"""What a refusal of Kubernetes means, in one sentence."""

from __future__ import annotations

from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_client import (
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHENTICATED,
    Answer,
)

__all__ = ["FORBIDDEN", "NOT_FOUND", "UNAUTHENTICATED", "Forbidden", "KubernetesRefusal"]

_PARTS = ("metadata", "spec", "status", "data")


class KubernetesRefusal(UserError):
    """Kubernetes answered with no; ``status`` is the HTTP status, ``message`` its own words."""

    def __init__(
        self, what: str, where: str = "", next_step: str = "", *, status: int, message: str = ""
    ) -> None:
        super().__init__(what, where, next_step)
        self.status = status
        self.message = message


class Forbidden(KubernetesRefusal):
    """One may not do what was asked for."""


def document(answer: Answer, server: str, where: str, asked: str) -> dict[str, Any]:
    """Return the object of a good answer to ``asked`` ("read the claim 'x'").

    Raises :class:`KubernetesRefusal` for any other.
    """
    if not answer.ok or answer.document is None:
        raise refusal(answer, server, where, asked)
    found = {key: value for key, value in answer.document.items() if value is not None}
    parts = () if found.get("kind") == "Status" else _PARTS
    wrong = [part for part in parts if not isinstance(found.get(part, {}), dict)]
    if wrong:
        what = f"cannot {asked}: {server} does not answer as Kubernetes ('{wrong[0]}' is no object)"
        raise KubernetesRefusal(what, where, status=answer.status)
    return found


def refusal(answer: Answer, server: str, where: str, asked: str) -> KubernetesRefusal:
    """Return the sentence for an ``answer`` that is not what was ``asked`` for."""
    status = answer.status
    given: dict[str, Any] = {"status": status, "message": answer.message}
    if status == UNAUTHENTICATED:
        return KubernetesRefusal(
            f"Kubernetes at {server} does not know the user of the kubeconfig",
            where,
            "the token or certificate in it may have expired: get a new kubeconfig",
            **given,
        )
    said = answer.message if (answer.document or {}).get("message") else ""
    if status == FORBIDDEN:
        return Forbidden(
            f"you have no right to {asked}" + (f"; Kubernetes says: {said}" if said else ""),
            where,
            "ask the administrator for it",
            **given,
        )
    return KubernetesRefusal(f"cannot {asked}; Kubernetes says: {answer.message}", where, **given)
