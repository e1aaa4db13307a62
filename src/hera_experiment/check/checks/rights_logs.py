"""RIGHTS-LOGS."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check
from hera_experiment.check.rights import LOGS
from hera_experiment.check.rights_of_submitter import rights_of_submitter
from hera_experiment.check.subject import Subject


@check(
    code="RIGHTS-LOGS",
    category="rights",
    title="you may read logs",
    needs=("NAMESPACE",),
)
def rights_logs(subject: Subject) -> Outcome:
    """Check that you may read logs of pods: else a failed task cannot show what it said."""
    return rights_of_submitter(subject, LOGS, "read-logs")
