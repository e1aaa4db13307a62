"""REGISTRY-SIGNED-IN."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check, failure, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import failed
from hera_experiment.errors import UserError


@check(
    code="REGISTRY-SIGNED-IN",
    category="images",
    title="you are signed in to it",
    needs=("REGISTRY-REACHABLE",),
)
def registry_signed_in(subject: Subject) -> Outcome:
    """Check that the registry accepts the account that an engine keeps for it (``docker login``).

    Well where the registry asks nobody who they are.
    """
    host = subject.own_registry
    if not host:
        return ok("none is set")
    try:
        registry = subject.registry(host)
        if not registry.wants_sign_in():
            return ok("it asks for no account")
        if registry.has_credentials and registry.accepts_credentials():
            return ok(host)
    except UserError as error:
        return failed(error, "not known")
    where = subject.context.where("registry")
    kept = "does not accept the account that is kept for it"
    cause = f"{host} {kept}" if registry.has_credentials else f"no account is kept for {host}"
    return failure(
        "signed out",
        f"{cause} ({where})",
        f"docker login {host}",
    )
