"""What must be true before a workflow is created: the quick part of ``check-cluster``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TextIO

from hera_experiment.argo.objects import Captured, Submitted
from hera_experiment.check.catalogue import CATALOGUE, own_checks, select
from hera_experiment.check.checks.rights import rights_of_submitter
from hera_experiment.check.outcome import Outcome, Status
from hera_experiment.check.report import TextReport, first_step, more_about
from hera_experiment.check.requirements import Requirements
from hera_experiment.check.rights import WORKFLOWS
from hera_experiment.check.runner import Check, Result, run
from hera_experiment.check.target import CheckTarget
from hera_experiment.context.context import Context
from hera_experiment.context.sources import Origin, Source
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.kubernetes_reviews import Right

CODES = (
    "RIGHTS-WORKFLOWS",
    "ARGO-TOKEN",
    "ACCOUNT-EXISTS",
    "ACCOUNT-RESULTS",
    "CLAIM-BOUND",
    "STORAGE-CLASS",
    "CONFIGMAP",
    "SECRET",
    "PULL-SECRET",
    "REGISTRY-REACHABLE",
    "IMAGES",
    "WORKFLOW",
)
"""What a workflow fails without, each answered by a request or two; with what they need.

The last one is the server's own dry run.
"""

TIMEOUT = 5.0
"""Seconds that bound each request."""
_LONGEST_CHECK = 2
"""A check that has not ended after so many time-outs is unknown: nobody waits for long here."""
_SUBMIT = Right(WORKFLOWS.group, WORKFLOWS.resource, ("create", "get", "list"))
_SHOWN = (Status.FAILURE, Status.WARNING)


class Preflight:
    """Checks each workflow of one script, right before it is created.

    ``context`` and ``client`` designate the cluster; ``out`` is where a person looks.
    """

    def __init__(
        self,
        context: Context,
        client: ArgoClient,
        out: TextIO | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        timeout: float = TIMEOUT,
    ) -> None:
        self._context = context
        self._client = client
        self._out = out or sys.stderr
        self._environ = environ
        self._timeout = timeout
        self._known: list[Sequence[object]] = []

    def __call__(self, namespace: str, manifest: Mapping[str, Any]) -> None:
        """Check ``manifest``, the workflow as it would be sent, and show what is not well.

        What cannot be found out does not stand in the way; it is named. A workflow that asks the
        same of the cluster as one before is put to the server's dry run alone.

        Raises
        ------
        UserError
            When a check fails, naming the first thing to do. Its lines are shown before.
        """
        asked = (namespace, *_asked(Requirements([manifest])))
        if asked in self._known:
            self._client.create_workflow(namespace, manifest, server_dry_run=True)
            return
        results = self._results(namespace, manifest)
        self._show(each for each in results if each.outcome.status in _SHOWN)
        failures = [each for each in results if each.outcome.status is Status.FAILURE]
        if failures:
            first = failures[0]
            block = f" (the lines under {first.check.code})" if first.outcome.paste else ""
            raise UserError(
                f"nothing was submitted, {first.check.code} failed",
                next_step=f"{first.outcome.advice}{block}",
            )
        print(first_step(results), file=self._out, flush=True)
        self._known.append(asked)

    def _results(self, namespace: str, manifest: Mapping[str, Any]) -> list[Result]:
        context = self._context
        if namespace != context.argo_namespace:
            # The script's own choice, which is where the workflow goes.
            context = context.changed(Source(Origin.SCRIPT), argo_namespace=namespace)
        captured = Captured([Submitted(manifest, namespace=namespace)])
        target = CheckTarget(
            context, lambda: captured, timeout=self._timeout, environ=self._environ
        )
        checks = [_narrowed(each) for each in select(CATALOGUE, CODES, cluster=context.cluster)]
        checks += own_checks(context)
        found = {
            each.check.code: each
            for each in run(checks, target, limit=_LONGEST_CHECK * self._timeout)
        }
        return [found[each.code] for each in checks]

    def _show(self, results: Iterable[Result]) -> None:
        shown = list(results)
        colour = self._out.isatty() and "NO_COLOR" not in self._environ
        report = TextReport([each.check for each in shown], self._out, colour=colour)
        for each in shown:
            report.add(each)
        if shown:
            print(more_about(shown), file=self._out)


def _asked(requirements: Requirements) -> tuple[object, ...]:
    return (
        requirements.service_accounts,
        requirements.claims,
        requirements.claim_templates,
        requirements.config_maps,
        requirements.secrets,
        requirements.pull_secrets,
        requirements.images,
    )


def _narrowed(check: Check) -> Check:
    """Of the rights on workflows a submission needs three alone."""
    if check.code != "RIGHTS-WORKFLOWS":
        return check

    def may_submit(target: CheckTarget) -> Outcome:
        return rights_of_submitter(target, _SUBMIT, "submit-workflows")

    return replace(check, title="you may create workflows", function=may_submit)
