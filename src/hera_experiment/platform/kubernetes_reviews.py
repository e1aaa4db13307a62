"""What Kubernetes is asked by a POST that creates nothing: rights, a token, who one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hera_experiment.platform.kubernetes_client import Answer
from hera_experiment.platform.kubernetes_errors import refusal

DEFAULT_ACCOUNT = "default"
"""The service account of pods that name none."""
_AUTHORIZATION = "/apis/authorization.k8s.io/v1"


class Asker(Protocol):
    """Whoever passes a question on to the API server."""

    server: str
    where: str

    def post(self, path: str, body: Mapping[str, Any], authorization: str | None = None) -> Answer:
        """Return the answer."""


@dataclass(frozen=True)
class Right:
    """Verbs on a resource; ``resource`` may have a sub-resource, "pods/log"."""

    group: str
    resource: str
    verbs: tuple[str, ...]

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{', '.join(self.verbs)} {name}"

    def rule(self) -> dict[str, list[str]]:
        """Return the rule of a role that grants it."""
        return {
            "apiGroups": [self.group],
            "resources": [self.resource],
            "verbs": list(self.verbs),
        }


RESULTS = Right("argoproj.io", "workflowtaskresults", ("create", "patch"))
"""What Argo's executor needs (Argo's documentation, "Workflow RBAC")."""


def may(
    api: Asker,
    namespace: str,
    right: Right,
    verb: str,
    *,
    name: str = "",
    authorization: str | None = None,
) -> bool:
    """Say whether whoever asks may do ``verb`` of ``right`` (SelfSubjectAccessReview).

    An empty ``namespace`` stands for the whole cluster, ``name`` for one object. Raises
    ``KubernetesRefusal`` where this may not be asked.
    """
    body = {"spec": {"resourceAttributes": _attributes(namespace, right, verb, name)}}
    answer = api.post(f"{_AUTHORIZATION}/selfsubjectaccessreviews", body, authorization)
    return _is_allowed(api, answer, "ask for your rights")


def account_may(api: Asker, namespace: str, account: str, right: Right, verb: str) -> bool:
    """Say whether the service ``account`` of the namespace may (LocalSubjectAccessReview).

    Raises ``KubernetesRefusal`` where this may not be asked.
    """
    body = {
        "metadata": {"namespace": namespace},
        "spec": {
            "resourceAttributes": _attributes(namespace, right, verb),
            "user": f"system:serviceaccount:{namespace}:{account}",
            # Without its groups, what is granted to all accounts of a namespace would not count.
            "groups": [
                "system:serviceaccounts",
                f"system:serviceaccounts:{namespace}",
                "system:authenticated",
            ],
        },
    }
    path = f"{_AUTHORIZATION}/namespaces/{namespace}/localsubjectaccessreviews"
    return _is_allowed(api, api.post(path, body), "ask for the rights of another account")


def rules_review(api: Asker, namespace: str, authorization: str | None = None) -> Answer:
    """Ask for the rules of the namespace that hold for whoever asks (SelfSubjectRulesReview)."""
    body = {"spec": {"namespace": namespace}}
    return api.post(f"{_AUTHORIZATION}/selfsubjectrulesreviews", body, authorization)


def user_review(api: Asker, authorization: str | None = None) -> Answer:
    """Ask who it is that asks (SelfSubjectReview); see :func:`user_name`."""
    return api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, authorization)


def user_name(answer: Answer) -> str:
    """Return the name in the answer to :func:`user_review`, empty where it holds none."""
    info = answer.of_status.get("userInfo")
    return str(info.get("username") or "") if isinstance(info, dict) else ""


def token_request(api: Asker, namespace: str, account: str, seconds: int) -> Answer:
    """Ask for a token of a service account (TokenRequest); see :func:`token_in`."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    return api.post(path, {"spec": {"expirationSeconds": seconds}})


def token_in(answer: Answer) -> str:
    """Return the token in the answer to :func:`token_request`."""
    return str(answer.of_status.get("token") or "")


def _is_allowed(api: Asker, answer: Answer, asked: str) -> bool:
    if not answer.ok:
        raise refusal(answer, api.server, api.where, asked)
    return bool(answer.of_status.get("allowed"))


def _attributes(namespace: str, right: Right, verb: str, name: str = "") -> dict[str, str]:
    resource, _, subresource = right.resource.partition("/")
    found = {
        "namespace": namespace,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "verb": verb,
        "name": name,
    }
    return {key: value for key, value in found.items() if value or key == "group"}
