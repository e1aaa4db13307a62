"""ACCOUNT-RESULTS."""

from __future__ import annotations

from functools import partial

from hera_experiment.check.facts import together
from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok
from hera_experiment.check.rights import RESULTS, account_may, grant, missing
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import APPLY, worst
from hera_experiment.context import tokens


@check(
    code="ACCOUNT-RESULTS",
    category="account of the pods",
    title="the account may report results",
    needs=("NAMESPACE",),
    unless_failed=("ACCOUNT-EXISTS",),
)
def account_results(subject: Subject) -> Outcome:
    """Check that the pods' account may create and patch ``workflowtaskresults``.

    Argo's executor reports outputs that way. Without the right tasks end with exit code 64, or
    their output parameters never arrive: a fault that shows up only once everything else has run.
    Asked with LocalSubjectAccessReview, else with a token of that account; unknown where you may do
    neither.
    """
    return worst((_of(subject, name) for name in subject.service_accounts), "none")


def _of(subject: Subject, name: str) -> Outcome:
    api, space = subject.cluster.api, subject.namespace
    try:
        answers = together(
            *(partial(account_may, api, space, name, RESULTS, verb) for verb in RESULTS.verbs)
        )
        lacking = [verb for verb, may in zip(RESULTS.verbs, answers, strict=True) if not may]
    except CannotTell:
        path = f"/api/v1/namespaces/{space}/serviceaccounts/{name}/token"
        answer = api.post(path, {"spec": {"expirationSeconds": 600}})
        if not answer.ok:
            raise
        token = str(((answer.document or {}).get("status") or {}).get("token", ""))
        lacking = missing(api, space, RESULTS, tokens.authorization(token))
    if not lacking:
        return ok(name)
    return failure(
        "not allowed",
        f"the account '{name}' may not {' or '.join(lacking)} workflowtaskresults in '{space}', "
        "so that outputs of tasks never arrive",
        APPLY,
        grant("report-results", space, f"system:serviceaccount:{space}:{name}", RESULTS),
    )
