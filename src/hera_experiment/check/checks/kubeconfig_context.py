"""KUBECONFIG-CONTEXT."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import failed
from hera_experiment.errors import UserError


@check(
    code="KUBECONFIG-CONTEXT",
    category="kubeconfig",
    title="its context leads to a cluster and a user",
    needs=("KUBECONFIG-FILE",),
)
def kubeconfig_context(subject: Subject) -> Outcome:
    """Check that ``current-context`` names a context whose cluster and user are both there.

    The cluster must have a server that begins with https:// (or http://).
    """
    try:
        context = subject.cluster.context
    except UserError as error:
        return failed(error, "leads nowhere")
    return ok(f"{context.name}, {context.server}")
