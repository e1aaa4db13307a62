"""KUBECONFIG-FILE."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import failed
from hera_experiment.errors import UserError


@check(code="KUBECONFIG-FILE", category="kubeconfig", title="the kubeconfig can be read")
def kubeconfig_file(subject: Subject) -> Outcome:
    """Check that each file that KUBECONFIG names exists, can be read, and is a kubeconfig.

    Unknown when none is set (empty or /dev/null): then everything that only Kubernetes itself can
    tell is unknown too, and what goes through Argo's server is checked all the same.
    """
    try:
        return ok(subject.cluster.kubeconfig.shown)
    except UserError as error:
        return failed(error, "cannot be used")
