"""API-READY."""

from __future__ import annotations

import re

from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok
from hera_experiment.check.subject import Subject

_NOT_READY = re.compile(r"^\[-\](\S+)", re.MULTILINE)


@check(
    code="API-READY",
    category="kubernetes",
    title="the API server is ready",
    needs=("API-REACHABLE",),
)
def api_ready(subject: Subject) -> Outcome:
    """Check that the API server says of itself that it is ready (``/readyz``)."""
    answer = subject.cluster.api.get("/readyz", {"verbose": ""})
    if answer.status in (401, 403, 404):
        raise CannotTell("it does not tell you")
    if answer.status == 200:
        return ok("ready")
    parts = ", ".join(_NOT_READY.findall(answer.text)) or f"status {answer.status}"
    return failure(
        "not ready",
        f"{subject.cluster.context.server} is starting, stopping or ill: {parts}",
        "wait for it: python -m hera_utils check-cluster --wait 120; then tell the administrator",
    )
