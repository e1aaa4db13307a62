"""What the checks of rights have in common: whoever submits must have them all."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, failure, ok
from hera_experiment.check.rights import Right, grant, missing
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import APPLY


def rights_of_submitter(
    subject: Subject, right: Right, role: str, *, in_namespace: bool = True
) -> Outcome:
    """Check that whoever works with workflows has ``right``; ``role`` names what would grant it.

    That is in the namespace, or else in the whole cluster.
    """
    submitter = subject.submitter
    if submitter is None:
        return ok("Argo's server acts by itself")
    space = subject.namespace if in_namespace else ""
    lacking = missing(subject.cluster.api, space, right, submitter.authorization)
    if not lacking:
        return ok(submitter.account)
    kind = right.resource + (f".{right.group}" if right.group else "")
    where = f"in '{space}'" if space else "in the cluster"
    return failure(
        f"{', '.join(lacking)} {kind} missing",
        f"{submitter.account} may not {', '.join(lacking)} {kind} {where}",
        APPLY,
        grant(role, space, submitter.account, right),
    )
