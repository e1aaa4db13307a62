"""RIGHTS-PODS."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check
from hera_experiment.check.rights import PODS
from hera_experiment.check.rights_of_submitter import rights_of_submitter
from hera_experiment.check.subject import Subject


@check(
    code="RIGHTS-PODS",
    category="rights",
    title="you may see pods",
    needs=("NAMESPACE",),
)
def rights_pods(subject: Subject) -> Outcome:
    """Check that you may get and list pods: else Argo's server finds no logs for you."""
    return rights_of_submitter(subject, PODS, "see-pods")
