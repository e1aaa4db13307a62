"""WORKFLOW."""

from __future__ import annotations

from hera_utils.check.model import Outcome, check, failure, ok
from hera_utils.check.subject import Subject
from hera_utils.platform.argo_answers import ArgoRefusal


@check(
    code="WORKFLOW",
    category="submission",
    title="Argo accepts the workflow",
    needs=("SCRIPT", "ARGO-TOKEN"),
    unless_failed=("QUOTA",),
    essential=True,
)
def workflow(subject: Subject) -> Outcome:
    """Check that Argo's server creates the workflow, as a dry run that keeps nothing.

    So it passes Argo's validation, the rights of the token, the resource definitions and all
    admission controllers of the cluster.
    """
    body = {
        "namespace": subject.namespace,
        "workflow": subject.manifest,
        "createOptions": {"dryRun": ["All"]},
    }
    path = f"workflows/{subject.namespace}"
    authorization = subject.argo.accepted.authorization
    try:
        subject.argo.call("POST", path, authorization, body=body)
    except ArgoRefusal as refusal:
        said = refusal.message or refusal.what
        advice = "correct workflow.py where this names it"
        if refusal.status == 403:
            advice = "ask the administrator, with this sentence"
        return failure("refused", f"Argo's server says: {said}", advice)
    return ok("dry run passed")
