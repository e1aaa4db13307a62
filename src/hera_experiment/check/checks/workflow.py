"""Checks of what the script submits, as a whole."""

from __future__ import annotations

from functools import partial

from hera_experiment.argo.objects import WORKFLOW, Submitted
from hera_experiment.check.cached_facts import run_concurrently
from hera_experiment.check.outcome import (
    Outcome,
    failed,
    failure,
    listed,
    ok,
    unknown,
    warning,
    worst,
)
from hera_experiment.check.runner import Check
from hera_experiment.check.target import CheckTarget
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal

_AT_ONCE = 8


def script(target: CheckTarget) -> Outcome:
    """Check that ``workflow.py`` runs and submits something, which is sent nowhere.

    All that is checked of "the workflow" is read from what it would have sent: each workflow, and
    each template and CronWorkflow for what comes of it. While it runs it has no access to a
    cluster, and no token.
    """
    try:
        captured = target.captured
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


def workflow(target: CheckTarget) -> Outcome:
    """Check that Argo's server accepts each object that the script submits, and keeps none.

    A workflow is created as a dry run: so it passes Argo's validation, the rights of the token, the
    resource definitions and all admission controllers of the cluster. For templates and
    CronWorkflows Argo offers its validation alone (lint). Unknown for a refused workflow that uses
    a template which the script makes before it.
    """
    objects = target.submitted
    made = {each.name for each in objects if each.kind is not WORKFLOW}
    outcomes: list[Outcome] = []
    for begin in range(0, len(objects), _AT_ONCE):
        some = objects[begin : begin + _AT_ONCE]
        outcomes += run_concurrently(*(partial(_accepted, target, each, made) for each in some))
    return worst(outcomes, "nothing is submitted")


def _accepted(target: CheckTarget, each: Submitted, made: set[str]) -> Outcome:
    space = each.namespace or target.namespace
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
        target.argo.call("POST", path, target.argo.accepted.authorization, body=body)
    except ArgoRefusal as refusal:
        said = f"Argo's server says: {refusal.message or refusal.what}"
        if before := sorted(each.templates_used & made):
            return unknown(f"{each.name} uses {listed(before)}, which is made first; {said}")
        advice = "ask the administrator, with this sentence" if refusal.status == 403 else ""
        name = "" if each.kind is WORKFLOW else f" {each.kind.name} {each.name}"
        return failure(f"refused{name}", said, advice)
    return ok("dry run passed" if each.kind is WORKFLOW else f"{each.kind.name}: valid")


CHECKS = (
    Check(
        code="SCRIPT",
        category="experiment",
        title="its script submits something",
        function=script,
        hint="run it on this machine to see where it stops: make run",
        essential=True,
    ),
    Check(
        code="WORKFLOW",
        category="submission",
        title="Argo accepts the workflow",
        function=workflow,
        hint="correct workflow.py where this names it",
        needs=("SCRIPT", "ARGO-TOKEN"),
        unless_failed=("QUOTA",),
        essential=True,
    ),
)
