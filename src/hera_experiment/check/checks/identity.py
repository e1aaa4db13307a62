"""IDENTITY."""

from __future__ import annotations

from hera_experiment.check.cluster import ANONYMOUS, Refused
from hera_experiment.check.model import Outcome, check, failure, ok
from hera_experiment.check.subject import Subject


@check(
    code="IDENTITY",
    category="you",
    title="Kubernetes knows you",
    needs=("API-REACHABLE",),
    unless_failed=("API-READY",),
)
def identity(subject: Subject) -> Outcome:
    """Check that the API server accepts the kubeconfig's credentials.

    It says whose they are (SelfSubjectReview).
    """
    user = subject.cluster.context.user
    place = f"user '{user.name}' in {subject.cluster.kubeconfig.shown}"
    advice = "ask the administrator for a new kubeconfig, and save it in the place of this one"
    try:
        name = subject.cluster.identity
    except Refused as error:
        return failure("not accepted", f"{error.what} ({place})", advice)
    if name == ANONYMOUS:
        return failure("nobody", f"the kubeconfig holds no credentials ({place})", advice)
    return ok(name)
