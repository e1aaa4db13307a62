"""The objects of one namespace: read, compared by a dry run, applied; never deleted."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.platform.kubernetes_client import FORBIDDEN, NOT_FOUND
from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.platform.kubernetes_reviews import (
    DEFAULT_ACCOUNT,
    RESULTS,
    Right,
    account_may,
    may,
)
from hera_experiment.provision.desired_objects import DesiredObject, results_binding

FIELD_MANAGER = "hera-experiment"
"""Who Kubernetes remembers as the author of the fields that are set here."""
_APPLY = "application/apply-patch+yaml"


_VERBS = ("create", "patch")
_RBAC = "rbac.authorization.k8s.io"
_KINDS = {
    "PersistentVolumeClaim": Right("", "persistentvolumeclaims", _VERBS),
    "ConfigMap": Right("", "configmaps", _VERBS),
    "Secret": Right("", "secrets", _VERBS),
    "Role": Right(_RBAC, "roles", _VERBS),
    "RoleBinding": Right(_RBAC, "rolebindings", _VERBS),
}
"""What applying an object of each kind takes."""


class Objects:
    """The objects of one namespace of ``cluster``, by default the one to submit to.

    Each method raises ``UserError``; where Kubernetes said no it is a ``KubernetesRefusal`` with
    the ``status``, 403 for a missing right.
    """

    def __init__(self, cluster: KubernetesAccess, namespace: str = "") -> None:
        self._cluster = cluster
        self.namespace = namespace or cluster.namespace

    def read(self, wanted: DesiredObject) -> dict[str, Any] | None:
        """Return the object as it is, None when there is none."""
        answer = self._cluster.client.get(self._path(wanted))
        if answer.status == NOT_FOUND:
            return None
        return self._cluster.document(self._asked("read", wanted), answer)

    def apply(
        self, wanted: DesiredObject, *, dry_run: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Apply the object on the server and return what it is then, or would be.

        The status is 409 (CONFLICT) when another author set a field to something else, unless
        ``force`` takes the field over.
        """
        options = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        if dry_run:
            options["dryRun"] = "All"
        answer = self._cluster.client.patch(self._path(wanted), wanted.manifest, _APPLY, options)
        if answer.status == NOT_FOUND:
            raise UserError(
                f"no namespace '{self.namespace}'",
                next_step="correct ARGO_NAMESPACE, or ask the administrator for it",
            )
        return self._cluster.document(self._asked("patch", wanted), answer)

    def may_apply(self, wanted: DesiredObject) -> bool:
        """Say whether the user may create and patch the object (SelfSubjectAccessReview)."""
        right = _KINDS[wanted.kind]
        return all(
            # An object that is not there yet has no name that a rule could name.
            may(
                self._cluster.client,
                self.namespace,
                right,
                verb,
                name="" if verb == "create" else wanted.name,
            )
            for verb in right.verbs
        )

    def may_report_results(self, account: str) -> bool | None:
        """Say whether pods of ``account`` may report results; None where one may not ask."""
        client = self._cluster.client
        try:
            return all(
                account_may(client, self.namespace, account, RESULTS, verb)
                for verb in RESULTS.verbs
            )
        except KubernetesRefusal as error:
            if error.status == FORBIDDEN:
                return None
            raise

    def results_binding(self, account: str) -> tuple[DesiredObject, ...]:
        """Return what lets pods of ``account`` report results; nothing when they may already."""
        account = account or DEFAULT_ACCOUNT
        allowed = self.may_report_results(account)
        if allowed:
            return ()
        return results_binding(account, self.namespace, is_missing=allowed is False)

    def _path(self, wanted: DesiredObject) -> str:
        kind = _KINDS[wanted.kind]
        root = f"/apis/{kind.group}/v1" if kind.group else "/api/v1"
        return f"{root}/namespaces/{quote(self.namespace)}/{kind.resource}/{quote(wanted.name)}"

    def _asked(self, action: str, wanted: DesiredObject) -> str:
        return f"{action} {wanted} in namespace '{self.namespace}'"
