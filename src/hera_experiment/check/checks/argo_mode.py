"""ARGO-MODE."""

from __future__ import annotations

from hera_experiment.check.argo import CLIENT, SERVER, SSO
from hera_experiment.check.model import Outcome, check, failure, ok, warning
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import in_brackets


@check(
    code="ARGO-MODE",
    category="argo",
    title="it takes the kind of token there is",
    needs=("ARGO-REACHABLE",),
)
def argo_mode(subject: Subject) -> Outcome:
    """Check that the server's way of authentication fits the credentials at hand.

    ``--auth-mode client`` takes Kubernetes' own tokens, ``sso`` those of Argo's user interface
    (they begin with ``v2:``), ``server`` wants none, which is a warning: whoever reaches it may do
    what it may do.
    """
    modes, argo = subject.argo.modes, subject.argo
    where = subject.context.where("argo_token")
    if SERVER in modes:
        return warning(
            "server",
            f"whoever reaches {argo.url} may do all that it may do",
            "nothing to do for you; the administrator may want --auth-mode client",
        )
    shown = ", ".join(sorted(modes)) or "none"
    if not argo.token and not subject.cluster.is_configured:
        return failure(
            "no token",
            f"{argo.url} wants a token, and neither ARGO_TOKEN nor a kubeconfig is set"
            f"{in_brackets(where)}",
            "set ARGO_TOKEN: copy it from Argo's user interface, User",
        )
    if argo.token_is_sso and SSO not in modes:
        return failure(
            shown,
            f"ARGO_TOKEN is of a single sign-on, which {argo.url} does not offer ({where})",
            "take ARGO_TOKEN out, or set it to a token of this server's own",
        )
    if not argo.token_is_sso and CLIENT not in modes:
        token = f"ARGO_TOKEN ({where})" if argo.token else "the kubeconfig's"
        return failure(
            shown,
            f"{argo.url} takes only tokens of its single sign-on, and {token} is none",
            "set ARGO_TOKEN from Argo's user interface, User, or ask the administrator to start "
            "it with --auth-mode client too",
        )
    return ok(shown)
