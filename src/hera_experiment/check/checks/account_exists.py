"""ACCOUNT-EXISTS."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check, failure, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import worst


@check(
    code="ACCOUNT-EXISTS",
    category="account of the pods",
    title="the account exists",
    needs=("NAMESPACE",),
)
def account_exists(subject: Subject) -> Outcome:
    """Check that the service account that the workflow's pods run as exists.

    It is the workflow's own, else ARGO_SERVICE_ACCOUNT, else ``default``. Without it no pod is
    ever created.
    """
    return worst((_of(subject, name) for name in subject.service_accounts), "none")


def _of(subject: Subject, name: str) -> Outcome:
    if subject.cluster.in_namespace("serviceaccounts", name) is not None:
        return ok(name)
    where = "serviceAccountName of the workflow"
    if name == subject.context.argo_service_account:
        where = subject.context.where("argo_service_account")
    return failure(
        f"'{name}' is missing",
        f"there is no service account '{name}' in '{subject.namespace}' ({where})",
        f"set ARGO_SERVICE_ACCOUNT to an existing one, or the administrator types: "
        f"kubectl -n {subject.namespace} create serviceaccount {name}",
    )
