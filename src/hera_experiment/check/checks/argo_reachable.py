"""ARGO-REACHABLE."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check, ok, warning
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import failed
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal


@check(
    code="ARGO-REACHABLE",
    category="argo",
    title="Argo's server answers",
    essential=True,
)
def argo_reachable(subject: Subject) -> Outcome:
    """Check that Argo's server answers at ARGO_SERVER, below ARGO_BASE_HREF.

    Over TLS that is trusted, unless ARGO_SECURE is false.

    Tells apart: no such host, nothing that listens, no answer in time, TLS against plain HTTP and
    the reverse, a certificate of another authority, and a login page or something else that is not
    Argo's server. A warning when certificates are not verified.
    """
    try:
        url = subject.argo.url
        _ = subject.argo.version
    except ArgoRefusal as refusal:
        # No to the token, in Argo's own words, is an answer; what it means ARGO-TOKEN tells.
        if refusal.status not in (401, 403) or not refusal.message:
            return failed(refusal, "no Argo server")
    except UserError as error:
        return failed(error, "no answer")
    if subject.argo.verify is False:
        return warning(
            f"{url}, its certificate not verified",
            f"anyone on the way can read the token "
            f"({subject.context.where('argo_insecure_skip_verify')})",
            "name the file of the server's authority in REQUESTS_CA_BUNDLE instead",
        )
    return ok(url)
