"""KUBECONFIG-CERTIFICATE."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

from hera_experiment.check import certificate
from hera_experiment.check.model import Outcome, check, failure, ok, warning
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import local_time

_SOON = timedelta(days=7)
_KINDS = (
    ("client-certificate", "user", "the client certificate"),
    ("certificate-authority", "cluster", "the certificate of the cluster's authority"),
)


@check(
    code="KUBECONFIG-CERTIFICATE",
    category="kubeconfig",
    title="its certificates have not expired",
    needs=("KUBECONFIG-CONTEXT",),
)
def kubeconfig_certificate(subject: Subject) -> Outcome:
    """Check that the certificates of client and authority can be read and are valid.

    A warning in the last seven days. Dates are shown in local time.
    """
    context = subject.cluster.context
    soonest = None
    for key, holder, spoken in _KINDS:
        values = (context.user if holder == "user" else context.cluster).values
        try:
            pem = _text(values.get(f"{key}-data"), values.get(key))
            ends = certificate.expiry(pem) if pem else None
        except (OSError, ValueError):
            return failure(
                "cannot be read",
                f"{spoken} cannot be read ({key} in {subject.cluster.kubeconfig.shown})",
                "ask the administrator for the kubeconfig again, with the files that it names",
            )
        if ends is None:
            continue
        if ends <= subject.now():
            return failure(
                "expired",
                f"{spoken} expired on {local_time(ends)} ({subject.cluster.kubeconfig.shown})",
                "ask the administrator for a new kubeconfig, and save it in the place of this one",
            )
        if soonest is None or ends < soonest:
            soonest = ends
    if soonest is None:
        return ok("it has none")
    if soonest - subject.now() < _SOON:
        return warning(
            "expires soon",
            f"a certificate expires on {local_time(soonest)}",
            "ask the administrator for a new kubeconfig",
        )
    return ok(f"valid until {local_time(soonest)}")


def _text(data: object, path: object) -> str:
    if data:
        return base64.b64decode(str(data), validate=False).decode("ascii")
    return Path(str(path)).read_text(encoding="ascii") if path else ""
