"""RIGHTS-TOKEN."""

from __future__ import annotations

from hera_experiment.check.argo import SERVER
from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok, warning
from hera_experiment.check.rights import TOKENS, grant, missing
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import APPLY, in_brackets
from hera_experiment.errors import UserError


@check(
    code="RIGHTS-TOKEN",
    category="rights",
    title="a token for Argo's server can be had",
    needs=("NAMESPACE",),
)
def rights_token(subject: Subject) -> Outcome:
    """Check that you may ask Kubernetes for a token of ARGO_SERVICE_ACCOUNT (TokenRequest).

    Not needed with ARGO_TOKEN, nor for a server that wants no token. Only a warning when the
    kubeconfig has a token of its own, which is tried instead; failed when there is neither.
    """
    if subject.argo.token:
        return ok("ARGO_TOKEN is set")
    try:
        if SERVER in subject.argo.modes:
            return ok("Argo's server wants none")
    except (CannotTell, UserError):
        pass  # Argo's own checks say so.
    own = subject.cluster.credentials.authorization
    account = subject.context.argo_service_account
    if not account:
        if own:
            return ok("the kubeconfig's own")
        return failure(
            "no token",
            "the kubeconfig has no token, and neither ARGO_TOKEN nor ARGO_SERVICE_ACCOUNT is set"
            f"{in_brackets(subject.context.where('argo_token'))}",
            "set ARGO_TOKEN (Argo's user interface, User), or ARGO_SERVICE_ACCOUNT",
        )
    if not missing(subject.cluster.api, subject.namespace, TOKENS):
        return ok(f"of the account '{account}'")
    cause = f"{subject.cluster.identity} may not create tokens in '{subject.namespace}'"
    if own:
        return warning(
            "the kubeconfig's own alone",
            f"{cause}, so that the kubeconfig's own token is used instead of one of '{account}'",
            f"nothing to do while ARGO-TOKEN is well; otherwise the administrator grants "
            f"create on serviceaccounts/token in '{subject.namespace}'",
        )
    yaml = grant("create-tokens", subject.namespace, subject.cluster.identity, TOKENS)
    return failure("not allowed", f"{cause}, and the kubeconfig has none", APPLY, yaml)
