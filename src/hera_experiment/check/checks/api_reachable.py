"""API-REACHABLE."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check, failure, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import failed
from hera_experiment.errors import UserError
from hera_experiment.platform.http import Unreachable

_ANSWERS = (200, 401, 403)


@check(
    code="API-REACHABLE",
    category="kubernetes",
    title="the API server answers",
    needs=(
        "KUBECONFIG-CONTEXT",
        "KUBECONFIG-CERTIFICATE",
        "KUBECONFIG-TOKEN",
        "KUBECONFIG-EXEC",
    ),
)
def api_reachable(subject: Subject) -> Outcome:
    """Check that the cluster's server answers as Kubernetes does, over TLS that is trusted.

    Tells apart: no such host, nothing that listens, no answer in time, a certificate of another
    authority, and something that is no Kubernetes.
    """
    context = subject.cluster.context
    set_cluster = (
        f"kubectl --kubeconfig {subject.cluster.kubeconfig.shown} config set-cluster "
        f"{context.cluster.name}"
    )
    try:
        answer = subject.cluster.api.get("/version")
    except Unreachable as error:
        if "not trusted" in error.what:
            advice = f"{set_cluster} --certificate-authority FILE-FROM-THE-ADMINISTRATOR"
        elif "plain HTTP" in error.what or "closed the connection" in error.what:
            advice = f"correct the scheme: {set_cluster} --server https://HOST:PORT"
        elif "in time" in error.what:
            advice = "join the VPN, or correct the proxy; then try again with --timeout 30"
        elif error.next_step.startswith("correct HTTPS_PROXY"):
            advice = error.next_step
        else:
            advice = f"join the VPN, or correct it: {set_cluster} --server https://HOST:PORT"
        return failed(error, "no answer", advice)
    except UserError as error:
        return failed(error, "cannot be asked")
    if answer.status not in _ANSWERS or answer.document is None:
        return failure(
            "no Kubernetes",
            f"{context.server} does not answer as Kubernetes does ({answer.message})",
            f"correct it: {set_cluster} --server https://HOST:PORT",
        )
    if subject.cluster.credentials.verify is False:
        return ok(f"{context.server}, its certificate not verified (insecure-skip-tls-verify)")
    return ok(context.server)
