"""RIGHTS-WORKFLOWS."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check
from hera_experiment.check.rights import WORKFLOWS
from hera_experiment.check.rights_of_submitter import rights_of_submitter
from hera_experiment.check.subject import Subject


@check(
    code="RIGHTS-WORKFLOWS",
    category="rights",
    title="you may work with workflows",
    needs=("NAMESPACE",),
)
def rights_workflows(subject: Subject) -> Outcome:
    """Check that you may create, get, list, watch, delete and update workflows.

    "You" is whoever's token goes to Argo's server: ARGO_TOKEN's, else the first of
    ARGO_SERVICE_ACCOUNT and the kubeconfig's user that may list workflows. A server that wants no
    token (``--auth-mode server``) acts by itself, so that your own rights do not matter.
    """
    return rights_of_submitter(subject, WORKFLOWS, "work-with-workflows")
