"""REGISTRY-REACHABLE."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import failed
from hera_experiment.errors import UserError


@check(code="REGISTRY-REACHABLE", category="images", title="the registry answers")
def registry_reachable(subject: Subject) -> Outcome:
    """Check that the registry that REGISTRY names answers as a container registry does.

    Asked from this machine; nodes may have another way to it. Well when none is set.
    """
    if not subject.own_registry:
        return ok("none is set")
    try:
        subject.registry(subject.own_registry).ping()
    except UserError as error:
        return failed(error, "no answer", error.next_step)
    return ok(subject.own_registry)
