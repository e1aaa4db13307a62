"""Checks of the service account that the workflow's pods run as."""

from __future__ import annotations

from functools import partial

from hera_experiment.check.cached_facts import run_concurrently
from hera_experiment.check.definition import Check
from hera_experiment.check.model import CannotTell, Outcome, failure, ok, worst
from hera_experiment.check.rights import RESULTS, account_may, grant, missing
from hera_experiment.check.target import CheckTarget
from hera_experiment.check.wording import APPLY
from hera_experiment.context import tokens
from hera_experiment.platform.kubernetes_reviews import token_in, token_request


def account_exists(target: CheckTarget) -> Outcome:
    """Check that the service account that the workflow's pods run as exists.

    It is the workflow's own, else ARGO_SERVICE_ACCOUNT, else ``default``. Without it no pod is
    ever created.
    """
    return worst((_exists(target, name) for name in target.service_accounts), "none")


def _exists(target: CheckTarget, name: str) -> Outcome:
    if target.cluster.in_namespace("serviceaccounts", name) is not None:
        return ok(name)
    where = "serviceAccountName of the workflow"
    if name == target.context.argo_service_account:
        where = target.context.where("argo_service_account")
    return failure(
        f"'{name}' is missing",
        f"there is no service account '{name}' in '{target.namespace}' ({where})",
        f"set ARGO_SERVICE_ACCOUNT to an existing one, or the administrator types: "
        f"kubectl -n {target.namespace} create serviceaccount {name}",
    )


def account_results(target: CheckTarget) -> Outcome:
    """Check that the pods' account may create and patch ``workflowtaskresults``.

    Argo's executor reports outputs that way. Without the right tasks end with exit code 64, or
    their output parameters never arrive: a fault that shows up only once everything else has run.
    Asked with LocalSubjectAccessReview, else with a token of that account; unknown where you may do
    neither.
    """
    return worst((_may_report(target, name) for name in target.service_accounts), "none")


_LIFETIME = 600
"""Seconds that a token which asks one question is asked for."""


def _may_report(target: CheckTarget, name: str) -> Outcome:
    api, space = target.cluster.api, target.namespace
    try:
        answers = run_concurrently(
            *(partial(account_may, api, space, name, RESULTS, verb) for verb in RESULTS.verbs)
        )
        lacking = [verb for verb, may in zip(RESULTS.verbs, answers, strict=True) if not may]
    except CannotTell:
        answer = token_request(api, space, name, _LIFETIME)
        if not answer.ok:
            raise
        lacking = missing(api, space, RESULTS, tokens.authorization(token_in(answer)))
    if not lacking:
        return ok(name)
    return failure(
        "not allowed",
        f"the account '{name}' may not {' or '.join(lacking)} workflowtaskresults in '{space}', "
        "so that outputs of tasks never arrive",
        paste=grant("report-results", space, f"system:serviceaccount:{space}:{name}", RESULTS),
    )


CHECKS = (
    Check(
        code="ACCOUNT-EXISTS",
        category="account of the pods",
        title="the account exists",
        function=account_exists,
        hint="set ARGO_SERVICE_ACCOUNT to an account of the namespace",
        needs=("NAMESPACE",),
        informed_by=("SCRIPT",),
    ),
    Check(
        code="ACCOUNT-RESULTS",
        category="account of the pods",
        title="the account may report results",
        function=account_results,
        hint=APPLY,
        needs=("NAMESPACE",),
        unless_failed=("ACCOUNT-EXISTS",),
        informed_by=("SCRIPT",),
    ),
)
