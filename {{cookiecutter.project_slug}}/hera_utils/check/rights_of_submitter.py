"""What the checks of rights have in common: whoever submits must have them all."""

from __future__ import annotations

from hera_utils.check.model import Outcome, failure, ok
from hera_utils.check.rights import Right, grant, missing
from hera_utils.check.subject import Subject
from hera_utils.check.words import APPLY


def rights_of_submitter(subject: Subject, right: Right, role: str) -> Outcome:
    """Check that whoever works with workflows has ``right``; ``role`` names what would grant it."""
    submitter = subject.submitter
    if submitter is None:
        return ok("Argo's server acts by itself")
    lacking = missing(subject.cluster.api, subject.namespace, right, submitter.authorization)
    if not lacking:
        return ok(submitter.account)
    kind = right.resource + (f".{right.group}" if right.group else "")
    return failure(
        f"{', '.join(lacking)} {kind} missing",
        f"{submitter.account} may not {', '.join(lacking)} {kind} in '{subject.namespace}'",
        APPLY,
        grant(role, subject.namespace, submitter.account, right),
    )
