"""API-VERSION."""

from __future__ import annotations

import re

from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok
from hera_experiment.check.subject import Subject

OLDEST = (1, 28)


@check(
    code="API-VERSION",
    category="kubernetes",
    title="the version of Kubernetes is supported",
    needs=("API-REACHABLE",),
)
def api_version(subject: Subject) -> Outcome:
    """Check that Kubernetes is 1.28 or later.

    That is what the oldest Argo Workflows that is supported here was tested with, and the first
    version that says who you are (SelfSubjectReview).
    """
    answer = subject.cluster.api.get("/version")
    version = str((answer.document or {}).get("gitVersion", ""))
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if not answer.ok or numbers is None:
        raise CannotTell("it does not tell you")
    if (int(numbers[1]), int(numbers[2])) < OLDEST:
        return failure(
            version,
            f"Kubernetes {version} is older than {OLDEST[0]}.{OLDEST[1]}",
            f"ask the administrator to upgrade Kubernetes to {OLDEST[0]}.{OLDEST[1]} or later",
        )
    return ok(version)
