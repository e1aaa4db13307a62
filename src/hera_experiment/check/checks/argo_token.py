"""ARGO-TOKEN."""

from __future__ import annotations

from datetime import timedelta

from hera_experiment.check.model import Outcome, check, failure, ok, warning
from hera_experiment.check.rights import LOGS, PODS, WORKFLOWS, grant
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import APPLY, failed, in_brackets, local_time
from hera_experiment.context import tokens
from hera_experiment.platform.argo_answers import ArgoRefusal

_SOON = timedelta(minutes=5)
_FORBIDDEN = 403


@check(
    code="ARGO-TOKEN",
    category="argo",
    title="it accepts the token",
    needs=("ARGO-MODE",),
    unless_failed=("NAMESPACE", "RIGHTS-WORKFLOWS", "RIGHTS-TOKEN", "ARGO-CRDS"),
    essential=True,
)
def argo_token(subject: Subject) -> Outcome:
    """Check that the server lets the token list the workflows of the namespace.

    Nothing less proves a token: ``/version``, ``/info`` and ``/userinfo`` answer any. Tried in the
    order of a submission: ARGO_TOKEN alone where it is set, else a token of ARGO_SERVICE_ACCOUNT,
    then the kubeconfig's own.
    """
    if not subject.context.argo_namespace:
        where = in_brackets(subject.context.where("argo_namespace"))
        return failure("no namespace", f"no namespace is set{where}", "set ARGO_NAMESPACE")
    ways = subject.argo.ways
    try:
        way = subject.argo.accepted
    except ArgoRefusal as refusal:
        last = ways[-1]
        if refusal.status != _FORBIDDEN:
            return failed(refusal, "refused")
        cause = f"{last.account or last.name} may not list workflows in '{subject.namespace}'"
        if not last.account:
            advice = "ask the administrator for rights on workflows in that namespace"
            return failure("no right", f"{cause}; the server says: {refusal.message}", advice)
        rights = (WORKFLOWS, PODS, LOGS)
        yaml = grant("submit-workflows", subject.namespace, last.account, *rights)
        where = subject.context.where("argo_namespace")
        advice = f"correct ARGO_NAMESPACE ({where}), or {APPLY}"
        return failure("no right", cause, advice, yaml)
    ends = tokens.expiry(way.authorization) if subject.argo.token else None
    if ends and ends - subject.now() < _SOON:
        advice = "set ARGO_TOKEN to a fresh one before you submit"
        return warning("expires soon", f"the token expires on {local_time(ends)}", advice)
    until = f", until {local_time(ends)}" if ends else ""
    return ok(f"{way.name}{until}")
