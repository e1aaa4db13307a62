"""KUBECONFIG-EXEC."""

from __future__ import annotations

import shutil
from typing import Any

from hera_experiment.check.model import Outcome, check, failure, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import failed
from hera_experiment.errors import UserError


@check(
    code="KUBECONFIG-EXEC",
    category="kubeconfig",
    title="the program that it signs in with works",
    needs=("KUBECONFIG-CONTEXT",),
)
def kubeconfig_exec(subject: Subject) -> Outcome:
    """Check that the program to sign in with (``exec``) is installed and gives a credential.

    It is run, as for every request. Well when the kubeconfig needs none.
    """
    user = subject.cluster.context.user
    place = f"user '{user.name}' in {subject.cluster.kubeconfig.shown}"
    plugin: Any = user.values.get("exec")
    if not plugin:
        return ok("it needs none")
    command = str(plugin.get("command", "")) if isinstance(plugin, dict) else ""
    if not command or shutil.which(command) is None:
        hint = " ".join(str(plugin.get("installHint") or "").split())
        return failure(
            "not installed",
            f"the program '{command}' is not found ({place})",
            hint or f"install '{command}' and put it on PATH",
        )
    try:
        credentials = subject.cluster.credentials
    except UserError as error:
        return failed(error, "fails")
    if not credentials.authorization and not credentials.certificate:
        return failure(
            "gives nothing",
            f"the program '{command}' gives no credential ({place})",
            f"run it by itself to see why: {command}",
        )
    return ok(command)
