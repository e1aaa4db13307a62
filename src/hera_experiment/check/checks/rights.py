"""Checks of what whoever submits may do."""

from __future__ import annotations

from hera_experiment.argo.objects import WORKFLOW
from hera_experiment.check.argo import SERVER
from hera_experiment.check.definition import Check
from hera_experiment.check.model import CannotTell, Outcome, failure, ok, warning, worst
from hera_experiment.check.rights import LOGS, PODS, TOKENS, WORKFLOWS, Right, grant, missing
from hera_experiment.check.target import CheckTarget
from hera_experiment.check.wording import APPLY, in_brackets
from hera_experiment.errors import UserError


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
)
