"""ARGO-VERSION."""

from __future__ import annotations

import re

from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok
from hera_experiment.check.subject import Subject
from hera_experiment.platform.argo_answers import ArgoRefusal

OLDEST, NEWEST = (3, 6), (4, 1)


@check(
    code="ARGO-VERSION",
    category="argo",
    title="its version is supported",
    needs=("ARGO-REACHABLE",),
)
def argo_version(subject: Subject) -> Outcome:
    """Check that Argo's server is version 3.6 to 4.1, those that are known to work.

    Unknown where the server tells its version only to who is signed in.
    """
    try:
        version = subject.argo.version
    except ArgoRefusal:
        raise CannotTell("it tells its version only to who is signed in") from None
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if numbers is None:
        raise CannotTell(f"'{version[:40]}' is no version")
    number = (int(numbers[1]), int(numbers[2]))
    span = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if OLDEST <= number <= NEWEST:
        return ok(version)
    older = number < OLDEST
    return failure(
        version,
        f"Argo's server is {version}, {'older' if older else 'newer'} than {span}",
        f"ask the administrator for Argo Workflows {span}"
        + ("" if older else ", or take a newer Hera Experiment"),
    )
