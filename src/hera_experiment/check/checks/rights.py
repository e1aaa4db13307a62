"""Checks of who may do what: whoever submits, and the account that the pods run as."""

from __future__ import annotations

from functools import partial

from hera_experiment.argo.objects import WORKFLOW
from hera_experiment.check.argo import SERVER
from hera_experiment.check.cached_facts import run_concurrently
from hera_experiment.check.outcome import (
    APPLY,
    CannotTell,
    Outcome,
    Status,
    failure,
    in_brackets,
    ok,
    warning,
    worst,
)
from hera_experiment.check.rights import LOGS, PODS, TOKENS, WORKFLOWS, account_may, grant, missing
from hera_experiment.check.runner import Check
from hera_experiment.check.target import CheckTarget
from hera_experiment.context import tokens
from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_reviews import (
    DEFAULT_ACCOUNT,
    RESULTS,
    Right,
    token_in,
    token_request,
)

_KUBERNETES = ("KUBECONFIG-FILE", "KUBECONFIG-CONTEXT", "API-REACHABLE", "IDENTITY")
_LIFETIME = 600
"""Seconds that a token which asks one question is asked for."""


def rights_of_submitter(
    target: CheckTarget, right: Right, role: str, *, in_namespace: bool = True
) -> Outcome:
    """Check that whoever works with workflows has ``right``; ``role`` names what would grant it.

    That is in the namespace, or else in the whole cluster.
    """
    submitter = target.submitter
    if submitter is None:
        return ok("Argo's server acts by itself")
    space = target.namespace if in_namespace else ""
    lacking = missing(target.cluster.api, space, right, submitter.authorization)
    if not lacking:
        return ok(submitter.account)
    kind = right.resource + (f".{right.group}" if right.group else "")
    where = f"in '{space}'" if space else "in the cluster"
    return failure(
        f"{', '.join(lacking)} {kind} missing",
        f"{submitter.account} may not {', '.join(lacking)} {kind} {where}",
        paste=grant(role, space, submitter.account, right),
    )


def rights_workflows(target: CheckTarget) -> Outcome:
    """Check that you may create, get, list, watch, delete and update workflows.

    "You" is whoever's token goes to Argo's server: ARGO_TOKEN's, else the first of
    ARGO_SERVICE_ACCOUNT and the kubeconfig's user that may list workflows. A server that wants no
    token (``--auth-mode server``) acts by itself, so that your own rights do not matter.
    """
    return rights_of_submitter(target, WORKFLOWS, "work-with-workflows")


def rights_pods(target: CheckTarget) -> Outcome:
    """Check that you may get and list pods: else Argo's server finds no logs for you."""
    return rights_of_submitter(target, PODS, "see-pods")


def rights_logs(target: CheckTarget) -> Outcome:
    """Check that you may read logs of pods: else a failed task cannot show what it said."""
    return rights_of_submitter(target, LOGS, "read-logs")


def rights_token(target: CheckTarget) -> Outcome:
    """Check that you may ask Kubernetes for a token of ARGO_SERVICE_ACCOUNT (TokenRequest).

    Not needed with ARGO_TOKEN, nor for a server that wants no token. Only a warning when the
    kubeconfig has a token of its own, which is tried instead; failed when there is neither.
    """
    if target.argo.token:
        return ok("ARGO_TOKEN is set")
    try:
        if SERVER in target.argo.modes:
            return ok("Argo's server wants none")
    except (CannotTell, UserError):
        pass  # Argo's own checks say so.
    own = target.cluster.credentials.authorization
    account = target.context.argo_service_account
    if not account:
        if own:
            return ok("the kubeconfig's own")
        return failure(
            "no token",
            "the kubeconfig has no token, and neither ARGO_TOKEN nor ARGO_SERVICE_ACCOUNT is set"
            f"{in_brackets(target.context.where('argo_token'))}",
            "set ARGO_TOKEN (Argo's user interface, User), or ARGO_SERVICE_ACCOUNT",
        )
    if not missing(target.cluster.api, target.namespace, TOKENS):
        return ok(f"of the account '{account}'")
    cause = f"{target.cluster.identity} may not create tokens in '{target.namespace}'"
    if own:
        return warning(
            "the kubeconfig's own alone",
            f"{cause}, so that the kubeconfig's own token is used instead of one of '{account}'",
            f"nothing to do while ARGO-TOKEN is well; otherwise the administrator grants "
            f"create on serviceaccounts/token in '{target.namespace}'",
        )
    yaml = grant("create-tokens", target.namespace, target.cluster.identity, TOKENS)
    return failure("not allowed", f"{cause}, and the kubeconfig has none", APPLY, yaml)


def rights_templates(target: CheckTarget) -> Outcome:
    """Check that you may create the templates and CronWorkflows that the script submits.

    "You" is who works with workflows; a ClusterWorkflowTemplate wants a right of the whole cluster.
    """
    kinds = dict.fromkeys(each.kind for each in target.submitted if each.kind is not WORKFLOW)
    return worst(
        (
            rights_of_submitter(
                target,
                Right(WORKFLOWS.group, kind.resource, ("create",)),
                f"create-{kind.path}",
                in_namespace=kind.in_namespace,
            )
            for kind in kinds
        ),
        "it makes none",
    )


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
        f"there is no service account '{name}' in '{target.namespace}' ({where})"
        f"{target.cluster.others('serviceaccounts')}",
        f"set ARGO_SERVICE_ACCOUNT to an existing one, or the administrator types: "
        f"kubectl -n {target.namespace} create serviceaccount {name}",
    )


def account_results(target: CheckTarget) -> Outcome:
    """Check that the pods' account may create and patch ``workflowtaskresults``.

    Argo's executor reports outputs that way. Without the right tasks end with exit code 64, or
    their output parameters never arrive: a fault that shows up only once everything else has run.
    Asked with LocalSubjectAccessReview, else with a token of that account. Where you may do
    neither, or have no kubeconfig, it is unknown, and a warning for the account ``default``, which
    on most clusters may not.
    """
    return worst((_reporting(target, name) for name in target.service_accounts), "none")


def _reporting(target: CheckTarget, name: str) -> Outcome:
    try:
        return _may_report(target, name)
    except CannotTell:
        if name != DEFAULT_ACCOUNT:
            raise
        _ = target.argo.accepted  # of a server that lets nobody in this is not the fault
    said = "" if target.context.argo_service_account else "ARGO_SERVICE_ACCOUNT is not set, and "
    return Outcome(
        Status.WARNING,
        f"perhaps not: '{name}'",
        f"{said}pods run as the account '{name}', which may not report results on most clusters: "
        "there each task ends in an error",
        "set ARGO_SERVICE_ACCOUNT to an account that may (ask the administrator for its name), or "
        f"{APPLY}; to try it, type: {target.make('check-cluster')} PROBE=1",
        _report_yaml(target.namespace, name),
    )


def _report_yaml(space: str, name: str) -> str:
    return grant("report-results", space, f"system:serviceaccount:{space}:{name}", RESULTS)


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
        paste=_report_yaml(space, name),
    )


CHECKS = (
    Check(
        code="RIGHTS-WORKFLOWS",
        category="rights",
        title="you may work with workflows",
        function=rights_workflows,
        hint=APPLY,
        needs=("NAMESPACE",),
    ),
    Check(
        code="RIGHTS-PODS",
        category="rights",
        title="you may see pods",
        function=rights_pods,
        hint=APPLY,
        needs=("NAMESPACE",),
    ),
    Check(
        code="RIGHTS-LOGS",
        category="rights",
        title="you may read logs",
        function=rights_logs,
        hint=APPLY,
        needs=("NAMESPACE",),
    ),
    Check(
        code="RIGHTS-TOKEN",
        category="rights",
        title="a token for Argo's server can be had",
        function=rights_token,
        hint="set ARGO_TOKEN, or ask the administrator for the right to create tokens",
        needs=("NAMESPACE",),
    ),
    Check(
        code="RIGHTS-TEMPLATES",
        category="experiment",
        title="you may create its templates",
        function=rights_templates,
        hint=APPLY,
        needs=("NAMESPACE", "SCRIPT"),
    ),
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
        unless_failed=(*_KUBERNETES, "NAMESPACE", "ACCOUNT-EXISTS"),
        informed_by=("SCRIPT",),
    ),
)
