"""Checks of Argo's server."""

from __future__ import annotations

import re
from datetime import timedelta

from hera_experiment.check.argo import CLIENT, SERVER, SSO
from hera_experiment.check.outcome import (
    APPLY,
    CannotTell,
    Outcome,
    failed,
    failure,
    in_brackets,
    local_time,
    ok,
    warning,
)
from hera_experiment.check.rights import LOGS, PODS, WORKFLOWS, grant
from hera_experiment.check.runner import Check
from hera_experiment.check.target import CheckTarget
from hera_experiment.context import tokens
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.kubernetes_client import NOT_FOUND

_NEEDED = ("workflows", "workflowtaskresults", "workflowtasksets", "workflowtemplates")
_INSTALL = (
    "the administrator installs Argo Workflows: kubectl apply --server-side -f "
    "https://github.com/argoproj/argo-workflows/releases/download/v3.7.18/install.yaml"
)
_OLDEST, _NEWEST = (3, 6), (4, 1)
_SUPPORTED = f"{_OLDEST[0]}.{_OLDEST[1]} to {_NEWEST[0]}.{_NEWEST[1]}"
_SOON = timedelta(minutes=5)
_FORBIDDEN = 403


def argo_crds(target: CheckTarget) -> Outcome:
    """Check that Argo's custom resources (Workflow and those it needs) are installed."""
    answer = target.cluster.api.get("/apis/argoproj.io/v1alpha1")
    if answer.status != NOT_FOUND and not answer.ok:
        raise CannotTell(answer.message)
    resources = (answer.document or {}).get("resources") or ()
    known = {str(each.get("name", "")) for each in resources}
    lacking = [name for name in _NEEDED if name not in known]
    if not lacking:
        return ok("argoproj.io/v1alpha1")
    return failure(
        "missing",
        f"{target.cluster.context.server} has no {', '.join(lacking)} of argoproj.io",
    )


def argo_reachable(target: CheckTarget) -> Outcome:
    """Check that Argo's server answers at ARGO_SERVER, below ARGO_BASE_HREF.

    Over TLS that is trusted, unless ARGO_SECURE is false.

    Tells apart: no such host, nothing that listens, no answer in time, TLS against plain HTTP and
    the reverse, a certificate of another authority, and a login page or something else that is not
    Argo's server. A warning when certificates are not verified.
    """
    try:
        url = target.argo.url
        _ = target.argo.version
    except ArgoRefusal as refusal:
        # No to the token, in Argo's own words, is an answer; what it means ARGO-TOKEN tells.
        if refusal.status not in (401, 403) or not refusal.message:
            return failed(refusal, "no Argo server")
    except UserError as error:
        return failed(error, "no answer")
    if target.argo.verify is False:
        return warning(
            f"{url}, its certificate not verified",
            f"anyone on the way can read the token "
            f"({target.context.where('argo_insecure_skip_verify')})",
            "name the file of the server's authority in REQUESTS_CA_BUNDLE instead",
        )
    return ok(url)


def argo_version(target: CheckTarget) -> Outcome:
    """Check that Argo's server is version 3.6 to 4.1, those that are known to work.

    Unknown where the server tells its version only to users who are signed in.
    """
    try:
        version = target.argo.version
    except ArgoRefusal:
        raise CannotTell("it tells its version only to users who are signed in") from None
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if numbers is None:
        raise CannotTell(f"'{version[:40]}' is not a version")
    number = (int(numbers[1]), int(numbers[2]))
    if _OLDEST <= number <= _NEWEST:
        return ok(version)
    older = number < _OLDEST
    return failure(
        version,
        f"Argo's server is {version}, {'older' if older else 'newer'} than {_SUPPORTED}",
        f"ask the administrator for Argo Workflows {_SUPPORTED}"
        + ("" if older else ", or take a newer Hera Experiment"),
    )


def argo_mode(target: CheckTarget) -> Outcome:
    """Check that the server's way of authentication fits the credentials at hand.

    ``--auth-mode client`` takes Kubernetes' own tokens, ``sso`` those of Argo's user interface
    (they begin with ``v2:``), ``server`` wants none, which is a warning: whoever reaches it may do
    what it may do.
    """
    modes, argo = target.argo.modes, target.argo
    where = target.context.where("argo_token")
    if SERVER in modes:
        return warning(
            "server",
            f"whoever reaches {argo.url} has all its rights",
            "nothing to do for you; the administrator may want --auth-mode client",
        )
    shown = ", ".join(sorted(modes)) or "none"
    if not argo.token and not target.cluster.is_configured:
        return failure(
            "no token",
            f"{argo.url} wants a token, and neither ARGO_TOKEN nor a kubeconfig is set"
            f"{in_brackets(where)}",
            "set ARGO_TOKEN: copy it from Argo's user interface, User",
        )
    if argo.token_is_sso and SSO not in modes:
        return failure(
            shown,
            f"ARGO_TOKEN is a token of a single sign-on, which {argo.url} does not offer ({where})",
            "take ARGO_TOKEN out, or set it to a token of this server's own",
        )
    if not argo.token_is_sso and CLIENT not in modes:
        token = f"ARGO_TOKEN ({where})" if argo.token else "the kubeconfig's"
        return failure(
            shown,
            f"{argo.url} accepts only tokens of its single sign-on, which {token} is not",
            "set ARGO_TOKEN from Argo's user interface, User, or ask the administrator to start "
            "it with --auth-mode client too",
        )
    return ok(shown)


def argo_token(target: CheckTarget) -> Outcome:
    """Check that the server lets the token list the workflows of the namespace.

    Nothing less proves a token: ``/version``, ``/info`` and ``/userinfo`` answer any. Tried in the
    order of a submission: ARGO_TOKEN alone where it is set, else a token of ARGO_SERVICE_ACCOUNT,
    then the kubeconfig's own.
    """
    if not target.context.argo_namespace:
        where = in_brackets(target.context.where("argo_namespace"))
        return failure("no namespace", f"no namespace is set{where}", "set ARGO_NAMESPACE")
    candidates = target.argo.candidates
    try:
        candidate = target.argo.accepted
    except ArgoRefusal as refusal:
        last = candidates[-1]
        if refusal.status != _FORBIDDEN:
            return failed(refusal, "refused")
        cause = f"{last.account or last.name} may not list workflows in '{target.namespace}'"
        if not last.account:
            advice = "ask the administrator for rights on workflows in that namespace"
            return failure("no right", f"{cause}; the server says: {refusal.message}", advice)
        rights = (WORKFLOWS, PODS, LOGS)
        yaml = grant("submit-workflows", target.namespace, last.account, *rights)
        where = target.context.where("argo_namespace")
        advice = f"correct ARGO_NAMESPACE ({where}), or {APPLY}"
        return failure("no right", cause, advice, yaml)
    ends = tokens.expiry(candidate.authorization) if target.argo.token else None
    if ends and ends - target.now() < _SOON:
        advice = "set ARGO_TOKEN to a fresh one before you submit"
        return warning("expires soon", f"the token expires on {local_time(ends)}", advice)
    until = f", until {local_time(ends)}" if ends else ""
    return ok(f"{candidate.name}{until}")


CHECKS = (
    Check(
        code="ARGO-CRDS",
        category="argo",
        title="Kubernetes knows Argo's objects",
        function=argo_crds,
        hint=f"use the kubeconfig of a cluster with Argo Workflows, or {_INSTALL}",
        needs=("IDENTITY",),
    ),
    Check(
        code="ARGO-REACHABLE",
        category="argo",
        title="Argo's server answers",
        function=argo_reachable,
        hint="correct ARGO_SERVER, ARGO_SECURE or ARGO_BASE_HREF",
        essential=True,
    ),
    Check(
        code="ARGO-VERSION",
        category="argo",
        title="its version is supported",
        function=argo_version,
        hint=f"ask the administrator for Argo Workflows {_SUPPORTED}",
        needs=("ARGO-REACHABLE",),
    ),
    Check(
        code="ARGO-MODE",
        category="argo",
        title="it takes the kind of token there is",
        function=argo_mode,
        hint="set ARGO_TOKEN to a token of a kind that the server takes",
        needs=("ARGO-REACHABLE",),
    ),
    Check(
        code="ARGO-TOKEN",
        category="argo",
        title="it accepts the token",
        function=argo_token,
        hint="set ARGO_TOKEN to a fresh token, or ask the administrator for rights on workflows",
        needs=("ARGO-MODE",),
        unless_failed=("NAMESPACE", "RIGHTS-WORKFLOWS", "RIGHTS-TOKEN", "ARGO-CRDS"),
        essential=True,
    ),
)
