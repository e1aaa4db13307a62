"""Who may do what: the rules that Kubernetes says hold, and the YAML that would grant a right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hera_experiment.check.cluster import KubernetesApi
from hera_experiment.check.outcome import CannotTell, in_yaml
from hera_experiment.platform import kubernetes_reviews as reviews
from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.platform.kubernetes_reviews import Right

_ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def missing(
    api: KubernetesApi, namespace: str, right: Right, authorization: str | None = None
) -> list[str]:
    """Return the verbs of ``right`` that are not granted to whoever asks.

    One question shows the rules of the namespace (SelfSubjectRulesReview). They may be incomplete,
    so that each verb they do not show is asked for by itself (SelfSubjectAccessReview), as are
    those for the whole cluster (``namespace`` empty).
    """
    if not namespace:
        return [v for v in right.verbs if not _allowed(api, "", right, v, authorization)]
    answer = reviews.rules_review(api, namespace, authorization)
    if not answer.ok:
        raise CannotTell(f"Kubernetes does not tell your rights: {answer.message}")
    rules = list(answer.of_status.get("resourceRules") or ())
    return [
        verb
        for verb in right.verbs
        if not any(_grants(rule, right, verb) for rule in rules)
        and not _allowed(api, namespace, right, verb, authorization)
    ]


def _grants(rule: Mapping[str, Any], right: Right, verb: str) -> bool:
    def among(wanted: str, granted: Iterable[str] | None) -> bool:
        return not {wanted, "*"}.isdisjoint(granted or ())

    subresource = "*/" + right.resource.partition("/")[2]
    resource = among(right.resource, rule.get("resources")) or (
        "/" in right.resource and subresource in (rule.get("resources") or ())
    )
    return (
        resource
        and among(right.group, rule.get("apiGroups"))
        and among(verb, rule.get("verbs"))
        and not rule.get("resourceNames")
    )


def _allowed(
    api: KubernetesApi, namespace: str, right: Right, verb: str, authorization: str | None
) -> bool:
    try:
        return reviews.may(api, namespace, right, verb, authorization=authorization)
    except KubernetesRefusal as refusal:
        raise CannotTell(f"Kubernetes does not tell your rights: {refusal.message}") from None


def account_may(api: KubernetesApi, namespace: str, account: str, right: Right, verb: str) -> bool:
    """Say whether the service ``account`` of the namespace may do ``verb``.

    Raises :class:`CannotTell` where this may not be asked (LocalSubjectAccessReview).
    """
    try:
        return reviews.account_may(api, namespace, account, right, verb)
    except KubernetesRefusal as refusal:
        what = f"you may not ask for the rights of another account: {refusal.message}"
        raise CannotTell(what) from None


def grant(name: str, namespace: str, subject: str, *rights: Right) -> str:
    """Return the Role and RoleBinding, as YAML, that give ``subject`` these rights.

    They are a ClusterRole and its binding for the whole cluster (``namespace`` empty).
    ``subject`` is a user name as Kubernetes knows it; service accounts are recognized. The names
    of both objects hold the subject's, so that applying them takes nothing from anyone else.
    """
    account = _ACCOUNT.fullmatch(subject)
    if account:
        name_in_yaml, home = in_yaml(account[2]), in_yaml(account[1])
        kind = f"kind: ServiceAccount, name: {name_in_yaml}, namespace: {home}"
    else:
        kind = f"kind: User, name: {in_yaml(subject)}, apiGroup: rbac.authorization.k8s.io"
    short = _NOT_IN_NAMES.sub("-", (account[2] if account else subject).lower()).strip("-")
    full = f"{name}-{short}"[:63].rstrip("-")
    scope = "" if namespace else "Cluster"
    space = f", namespace: {in_yaml(namespace)}" if namespace else ""
    rules = "\n".join(
        f'- {{apiGroups: ["{each.group}"], resources: ["{each.resource}"], '
        f"verbs: [{', '.join(each.verbs)}]}}"
        for each in rights
    )
    return f"""\
apiVersion: rbac.authorization.k8s.io/v1
kind: {scope}Role
metadata: {{name: {full}{space}}}
rules:
{rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {scope}RoleBinding
metadata: {{name: {full}{space}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {scope}Role, name: {full}}}
subjects: [{{{kind}}}]
"""


WORKFLOWS = Right(
    "argoproj.io", "workflows", ("create", "get", "list", "watch", "delete", "update")
)
PODS = Right("", "pods", ("get", "list"))
LOGS = Right("", "pods/log", ("get",))
TOKENS = Right("", "serviceaccounts/token", ("create",))
