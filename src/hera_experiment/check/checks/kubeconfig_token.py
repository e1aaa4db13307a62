"""KUBECONFIG-TOKEN."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hera_experiment.check.model import Outcome, check, failure, ok, warning
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import local_time
from hera_experiment.context import tokens

_SOON = timedelta(minutes=10)
_ADVICE = (
    "ask the administrator for a new token or kubeconfig, and save it in the place of this one"
)


@check(
    code="KUBECONFIG-TOKEN",
    category="kubeconfig",
    title="its token has not expired",
    needs=("KUBECONFIG-CONTEXT",),
)
def kubeconfig_token(subject: Subject) -> Outcome:
    """Check that the bearer token, or the file that holds it, can be read and has not expired.

    Only a JSON Web Token says when it ends; any other is taken as it is. A warning in the last ten
    minutes.
    """
    user = subject.cluster.context.user
    place = f"user '{user.name}' in {subject.cluster.kubeconfig.shown}"
    token = str(user.values.get("token") or "")
    if user.values.get("tokenFile"):
        try:
            token = Path(str(user.values["tokenFile"])).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return failure("cannot be read", f"the tokenFile cannot be read ({place})", _ADVICE)
    if not token:
        return ok("it has none")
    ends = tokens.expiry(token)
    if ends is None:
        return ok("it does not say when it ends")
    if ends <= subject.now():
        return failure("expired", f"the token expired on {local_time(ends)} ({place})", _ADVICE)
    if ends - subject.now() < _SOON:
        return warning("expires soon", f"the token expires on {local_time(ends)}", _ADVICE)
    return ok(f"valid until {local_time(ends)}")
