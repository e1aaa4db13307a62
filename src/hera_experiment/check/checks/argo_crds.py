"""ARGO-CRDS."""

from __future__ import annotations

from hera_experiment.check.kubernetes_api import NOT_FOUND
from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok
from hera_experiment.check.subject import Subject

_NEEDED = ("workflows", "workflowtaskresults", "workflowtasksets", "workflowtemplates")
_INSTALL = (
    "the administrator installs Argo Workflows: kubectl apply --server-side -f "
    "https://github.com/argoproj/argo-workflows/releases/download/v3.7.18/install.yaml"
)


@check(
    code="ARGO-CRDS",
    category="argo",
    title="Kubernetes knows Argo's objects",
    needs=("IDENTITY",),
)
def argo_crds(subject: Subject) -> Outcome:
    """Check that Argo's custom resources (Workflow and those it needs) are installed."""
    answer = subject.cluster.api.get("/apis/argoproj.io/v1alpha1")
    if answer.status != NOT_FOUND and not answer.ok:
        raise CannotTell(answer.message)
    resources = (answer.document or {}).get("resources") or ()
    known = {str(each.get("name", "")) for each in resources}
    lacking = [name for name in _NEEDED if name not in known]
    if not lacking:
        return ok("argoproj.io/v1alpha1")
    return failure(
        "missing",
        f"{subject.cluster.context.server} has no {', '.join(lacking)} of argoproj.io",
        f"use the kubeconfig of a cluster with Argo Workflows, or {_INSTALL}",
    )
