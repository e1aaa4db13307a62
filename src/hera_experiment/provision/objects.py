"""The objects of one namespace: read, compared by a dry run, applied; never deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.platform.kubernetes_errors import FORBIDDEN, NOT_FOUND, KubernetesRefusal
from hera_experiment.provision.wanted import RESULTS_RULE, Wanted, results_binding

DEFAULT_ACCOUNT = "default"
"""The service account of pods that name none."""
FIELD_MANAGER = "hera-experiment"
"""Who Kubernetes remembers as the author of the fields that are set here."""
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class _Kind:
    api: str
    method: str
    group: str
    resource: str


_KINDS = {
    "PersistentVolumeClaim": _Kind(
        "CoreV1Api", "persistent_volume_claim", "", "persistentvolumeclaims"
    ),
    "ConfigMap": _Kind("CoreV1Api", "config_map", "", "configmaps"),
    "Secret": _Kind("CoreV1Api", "secret", "", "secrets"),
    "Role": _Kind("RbacAuthorizationV1Api", "role", "rbac.authorization.k8s.io", "roles"),
    "RoleBinding": _Kind(
        "RbacAuthorizationV1Api", "role_binding", "rbac.authorization.k8s.io", "rolebindings"
    ),
}


class Objects:
    """The objects of one namespace of ``cluster``, by default the one to submit to.

    Each method raises ``UserError``; where Kubernetes said no it is a ``KubernetesRefusal`` with
    the ``status``, 403 for a missing right.
    """

    def __init__(self, cluster: KubernetesAccess, namespace: str = "") -> None:
        self._cluster = cluster
        self.namespace = namespace or cluster.namespace

    def read(self, wanted: Wanted) -> dict[str, Any] | None:
        """Return the object as it is, None when there is none."""
        return self._call("read", wanted)

    def apply(
        self, wanted: Wanted, *, dry_run: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Apply the object on the server and return what it is then, or would be.

        The status is 409 (CONFLICT) when another author set a field to something else, unless
        ``force`` takes the field over.
        """
        options: dict[str, Any] = {"field_manager": FIELD_MANAGER, "force": force}
        if dry_run:
            options["dry_run"] = "All"
        applied = self._call("patch", wanted, body=dict(wanted.manifest), **options)
        if applied is None:
            raise UserError(
                f"no namespace '{self.namespace}'",
                next_step="correct ARGO_NAMESPACE, or ask the administrator for it",
            )
        return applied

    def may_apply(self, wanted: Wanted) -> bool:
        """Say whether the user may create and patch the object (SelfSubjectAccessReview)."""
        kind = _KINDS[wanted.kind]
        return all(self._may_i(kind, verb, wanted.name) for verb in ("create", "patch"))

    def may_report_results(self, account: str) -> bool | None:
        """Say whether pods of ``account`` may report results; None where one may not ask."""
        user = f"system:serviceaccount:{self.namespace}:{account}"
        groups = [
            "system:serviceaccounts",
            f"system:serviceaccounts:{self.namespace}",
            "system:authenticated",
        ]
        (group,), (resource,) = RESULTS_RULE["apiGroups"], RESULTS_RULE["resources"]
        try:
            return all(
                self._review(
                    "local_subject_access_review",
                    {
                        "user": user,
                        "groups": groups,
                        "resourceAttributes": self._attributes(group, resource, verb),
                    },
                )
                for verb in RESULTS_RULE["verbs"]
            )
        except KubernetesRefusal as error:
            if error.status == FORBIDDEN:
                return None
            raise

    def results_binding(self, account: str) -> tuple[Wanted, ...]:
        """Return what lets pods of ``account`` report results; nothing when they may already."""
        account = account or DEFAULT_ACCOUNT
        allowed = self.may_report_results(account)
        if allowed:
            return ()
        return results_binding(account, self.namespace, is_missing=allowed is False)

    def _may_i(self, kind: _Kind, verb: str, name: str) -> bool:
        attributes = self._attributes(kind.group, kind.resource, verb)
        if verb != "create":
            attributes["name"] = name
        return self._review("self_subject_access_review", {"resourceAttributes": attributes})

    def _attributes(self, group: str, resource: str, verb: str) -> dict[str, Any]:
        return {"namespace": self.namespace, "group": group, "resource": resource, "verb": verb}

    def _review(self, name: str, spec: Mapping[str, Any]) -> bool:
        from kubernetes import client

        api = client.AuthorizationV1Api(self._cluster.api)
        local = name.startswith("local")
        method = getattr(api, f"create_namespaced_{name}" if local else f"create_{name}")
        kind = "LocalSubjectAccessReview" if local else "SelfSubjectAccessReview"
        body: dict[str, Any] = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": kind,
            "spec": dict(spec),
        }
        if local:
            body["metadata"] = {"namespace": self.namespace}
        names = [self.namespace] if local else []
        answer = self._ask("ask for rights", method, *names, body=body)
        return bool((answer.get("status") or {}).get("allowed"))

    def _call(self, action: str, wanted: Wanted, **options: Any) -> dict[str, Any] | None:
        from kubernetes import client

        kind = _KINDS[wanted.kind]
        api = getattr(client, kind.api)(self._client(action))
        method = getattr(api, f"{action}_namespaced_{kind.method}")
        asked = f"{action} {wanted} in namespace '{self.namespace}'"
        try:
            return self._ask(asked, method, wanted.name, self.namespace, **options)
        except KubernetesRefusal as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _ask(
        self, asked: str, method: Callable[..., Any], *names: str, **options: Any
    ) -> dict[str, Any]:
        answer = self._cluster.ask(asked, partial(method, **options), *names)
        api: Any = self._cluster.api
        document: dict[str, Any] = api.sanitize_for_serialization(answer)
        return document

    def _client(self, action: str) -> Any:
        if action != "patch":
            return self._cluster.api
        from kubernetes import client

        # The package's own choice among the kinds of patches is not "apply", and only its later
        # versions let a caller choose.
        applying = client.ApiClient(self._cluster.api.configuration)
        applying.select_header_content_type = lambda *_, **__: _APPLY  # type: ignore[method-assign]
        return applying
