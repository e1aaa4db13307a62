"""SCRIPT."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check, ok, warning
from hera_experiment.check.subject import Subject
from hera_experiment.check.submitted import WORKFLOW, Submitted
from hera_experiment.check.words import failed
from hera_experiment.errors import UserError


@check(
    code="SCRIPT",
    category="experiment",
    title="its script submits something",
    essential=True,
)
def script(subject: Subject) -> Outcome:
    """Check that ``workflow.py`` runs and submits something, which is sent nowhere.

    All that is checked of "the workflow" is read from what it would have sent: each workflow, and
    each template and CronWorkflow for what comes of it. While it runs it has no access to a
    cluster, and no token.
    """
    try:
        captured = subject.captured
    except UserError as error:
        return failed(error, "fails")
    shown = "; ".join(_shown(each) for each in captured.objects)
    if captured.remark:
        advice = "nothing to do if it reads what only a real run has; else correct what it says"
        return warning(shown, f"{captured.remark}; what it submits then is not checked", advice)
    return ok(shown)


def _shown(submitted: Submitted) -> str:
    kind = "" if submitted.kind is WORKFLOW else f"{submitted.kind.name} "
    return f"{kind}{submitted.name}"
