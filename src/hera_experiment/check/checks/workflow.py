"""WORKFLOW."""

from __future__ import annotations

from functools import partial

from hera_experiment.check.facts import together
from hera_experiment.check.model import Outcome, check, failure, ok, unknown
from hera_experiment.check.subject import Subject
from hera_experiment.check.submitted import WORKFLOW, Submitted
from hera_experiment.check.words import listed, worst
from hera_experiment.platform.argo_answers import ArgoRefusal

_AT_ONCE = 8


@check(
    code="WORKFLOW",
    category="submission",
    title="Argo accepts the workflow",
    needs=("SCRIPT", "ARGO-TOKEN"),
    unless_failed=("QUOTA",),
    essential=True,
)
def workflow(subject: Subject) -> Outcome:
    """Check that Argo's server accepts each object that the script submits, and keeps none.

    A workflow is created as a dry run: so it passes Argo's validation, the rights of the token, the
    resource definitions and all admission controllers of the cluster. For templates and
    CronWorkflows Argo offers its validation alone (lint). Unknown for a refused workflow that uses
    a template which the script makes before it.
    """
    objects = subject.submitted
    made = {each.name for each in objects if each.kind is not WORKFLOW}
    outcomes: list[Outcome] = []
    for begin in range(0, len(objects), _AT_ONCE):
        some = objects[begin : begin + _AT_ONCE]
        outcomes += together(*(partial(_of, subject, each, made) for each in some))
    return worst(outcomes, "nothing is submitted")


def _of(subject: Subject, each: Submitted, made: set[str]) -> Outcome:
    space = each.namespace or subject.namespace
    manifest = dict(each.manifest)
    if each.kind is WORKFLOW:
        # createOptions.dryRun would go no further than Argo's own validation.
        path, more = f"workflows/{space}", {"serverDryRun": True}
    else:
        path = (
            f"{each.kind.path}/{space}/lint" if each.kind.in_namespace else f"{each.kind.path}/lint"
        )
        more = {}
    body = {"namespace": space, each.kind.key: manifest, **more}
    try:
        subject.argo.call("POST", path, subject.argo.accepted.authorization, body=body)
    except ArgoRefusal as refusal:
        said = f"Argo's server says: {refusal.message or refusal.what}"
        if before := sorted(each.templates_used & made):
            return unknown(f"{each.name} uses {listed(before)}, which is made first; {said}")
        advice = "correct workflow.py where this names it"
        if refusal.status == 403:
            advice = "ask the administrator, with this sentence"
        name = "" if each.kind is WORKFLOW else f" {each.kind.name} {each.name}"
        return failure(f"refused{name}", said, advice)
    return ok("dry run passed" if each.kind is WORKFLOW else f"{each.kind.name}: valid")
