"""PULL-SECRET."""

from __future__ import annotations

import base64
import json
from typing import Any

from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import worst
from hera_experiment.platform.registry import host_of

_TYPES = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}


@check(
    code="PULL-SECRET",
    category="what it uses",
    title="its pull secrets are there",
    needs=("NAMESPACE",),
)
def pull_secret(subject: Subject) -> Outcome:
    """Check that each secret to pull images with holds an account for a registry.

    Those of the workflow and of the pods' account; unknown where you may not read secrets.
    """
    demand = subject.known_demand
    names = demand.pull_secrets if demand else []
    for name in subject.service_accounts:
        account = subject.cluster.in_namespace("serviceaccounts", name) or {}
        names += [str(each.get("name", "")) for each in account.get("imagePullSecrets") or ()]
    return worst((_of(subject, name) for name in dict.fromkeys(names)), "it uses none")


def _of(subject: Subject, name: str) -> Outcome:
    space = subject.namespace
    host = subject.own_registry or "REGISTRY"
    create = (
        f"kubectl -n {space} create secret docker-registry {name} --docker-server={host} "
        "--docker-username=USER --docker-password=PASSWORD"
    )
    found = subject.cluster.in_namespace("secrets", name)
    if found is None:
        cause = f"there is no secret '{name}' in '{space}' to pull images with"
        return failure(f"'{name}' is missing", cause, f"create it: {create}")
    hosts = _hosts(found)
    if not hosts:
        return failure(
            f"'{name}' is malformed",
            f"the secret '{name}' in '{space}' holds no account for a registry "
            f"(type {found.get('type', '')})",
            f"make it anew: kubectl -n {space} delete secret {name} && {create}",
        )
    if subject.own_registry and subject.own_registry not in hosts:
        raise CannotTell(f"{name} is for {', '.join(sorted(hosts))}, not for {host}")
    return ok(f"{name} ({', '.join(sorted(hosts))})")


def _hosts(secret: dict[str, Any]) -> set[str]:
    """Return the registries that the secret has an account for; empty when it is malformed."""
    key = _TYPES.get(str(secret.get("type", "")), "")
    try:
        document = json.loads(base64.b64decode((secret.get("data") or {})[key]))
    except (KeyError, ValueError):
        return set()
    entries = document.get("auths") if key == ".dockerconfigjson" else document
    return {host_of(each) for each in entries} if isinstance(entries, dict) else set()
