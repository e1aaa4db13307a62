"""Checks of what the workflow refers to: ConfigMaps, Secrets, artifact repositories."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hera_experiment.check.outcome import (
    APPLY,
    CannotTell,
    Outcome,
    failed,
    failure,
    in_yaml,
    listed,
    ok,
    warning,
    worst,
)
from hera_experiment.check.requirements import ObjectUse
from hera_experiment.check.runner import Check
from hera_experiment.check.target import CheckTarget
from hera_experiment.errors import UserError
from hera_experiment.platform.registry import host_of

_PULL_TYPES = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}
_REPOSITORIES = "artifact-repositories"
_DEFAULT_REPOSITORY = "workflows.argoproj.io/default-artifact-repository"
_STORES = ("s3", "gcs", "oss", "azure", "artifactory", "hdfs", "plugin")


def configmap(target: CheckTarget) -> Outcome:
    """Check that each ConfigMap of the workflow, and KUBECONFIGMAP, has the keys that it names.

    A pod that refers to a missing ConfigMap or key never starts. A warning when all variables of
    an empty one are asked for, or when a key is no name of a variable. References marked optional
    are left out; unknown where you may not read ConfigMaps.
    """
    return worst((_config_map(target, use) for use in target.config_maps), "it uses none")


def _config_map(target: CheckTarget, use: ObjectUse) -> Outcome:
    found = target.cluster.in_namespace("configmaps", use.name)
    space = target.namespace
    where = "the workflow"
    if use.name == target.context.k8s_configmap_name:
        where = target.context.where("k8s_configmap_name")
    if found is None:
        return failure(
            f"'{use.name}' is missing",
            f"there is no ConfigMap '{use.name}' in '{space}' ({where})"
            f"{target.cluster.others('configmaps')}",
            f"correct KUBECONFIGMAP, create it with: {target.make('provision')}, or {APPLY}",
            _config_map_yaml(use, space),
        )
    data = {**(found.get("data") or {}), **(found.get("binaryData") or {})}
    lacking = sorted(key for key in use.keys if key not in data)
    if lacking:
        return failure(
            f"'{use.name}' lacks {listed(lacking)}",
            f"the ConfigMap '{use.name}' in '{space}' has no key {listed(lacking)}",
            f"add it: kubectl -n {space} patch configmap {use.name} --type merge "
            f"""-p '{{"data":{{"{lacking[0]}":"VALUE"}}}}'""",
        )
    if use.whole and not data:
        advice = "ask the administrator what belongs in it"
        return warning(f"{use.name}: empty", f"the ConfigMap '{use.name}' is empty", advice)
    odd = sorted(key for key in data if use.whole and not key.isidentifier())
    if odd:
        return warning(
            f"{use.name}: {listed(odd)}",
            f"{listed(odd)} of the ConfigMap '{use.name}' cannot name a variable in most shells",
            "ask the administrator for a key of letters, digits and underscores",
        )
    return ok(f"{use.name} ({len(data)} keys)")


def _config_map_yaml(use: ObjectUse, namespace: str) -> str:
    data = ", ".join(f'{key}: "VALUE"' for key in sorted(use.keys))
    return (
        "apiVersion: v1\nkind: ConfigMap\n"
        f"metadata: {{name: {in_yaml(use.name)}, namespace: {in_yaml(namespace)}}}\n"
        f"data: {{{data}}}\n"
    )


def secret(target: CheckTarget) -> Outcome:
    """Check that each Secret that tasks read has the keys that the workflow names.

    A pod that refers to a missing Secret or key never starts. References marked optional are left
    out; unknown where you may not read Secrets. Their values are never shown.
    """
    requirements = target.known_requirements
    uses = requirements.secrets if requirements else []
    return worst((_secret(target, use) for use in uses), "it uses none")


def _secret(target: CheckTarget, use: ObjectUse) -> Outcome:
    found = target.cluster.in_namespace("secrets", use.name)
    space = target.namespace
    provision = target.make("provision")
    advice = f"declare it in environment.py, and type: {provision}, which asks for its values"
    if found is None:
        keys = sorted(use.keys) or ["KEY"]
        files = " ".join(f"--from-file={key}=FILE" for key in keys)
        return failure(
            f"'{use.name}' is missing",
            f"there is no Secret '{use.name}' in '{space}'",
            f"{advice}; or: kubectl -n {space} create secret generic {use.name} {files}",
        )
    lacking = sorted(key for key in use.keys if key not in (found.get("data") or {}))
    if lacking:
        return failure(
            f"'{use.name}' lacks {listed(lacking)}",
            f"the Secret '{use.name}' in '{space}' has no key {listed(lacking)}",
            f"{advice}; or: kubectl -n {space} patch secret {use.name} --type merge "
            f"""-p '{{"stringData":{{"{lacking[0]}":"VALUE"}}}}'""",
        )
    return ok(use.name)


def pull_secret(target: CheckTarget) -> Outcome:
    """Check that each secret to pull images with holds an account for a registry.

    Those of the workflow and of the pods' account; unknown where you may not read secrets.
    """
    requirements = target.known_requirements
    names = requirements.pull_secrets if requirements else []
    for name in target.service_accounts:
        account = target.cluster.in_namespace("serviceaccounts", name) or {}
        names += [str(each.get("name", "")) for each in account.get("imagePullSecrets") or ()]
    return worst((_pull_secret(target, name) for name in dict.fromkeys(names)), "it uses none")


def _pull_secret(target: CheckTarget, name: str) -> Outcome:
    space = target.namespace
    host = target.own_registry or "REGISTRY"
    create = (
        f"kubectl -n {space} create secret docker-registry {name} --docker-server={host} "
        "--docker-username=USER --docker-password=PASSWORD"
    )
    found = target.cluster.in_namespace("secrets", name)
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
    if target.own_registry and target.own_registry not in hosts:
        raise CannotTell(f"{name} is for {', '.join(sorted(hosts))}, not for {host}")
    return ok(f"{name} ({', '.join(sorted(hosts))})")


def _hosts(secret: dict[str, Any]) -> set[str]:
    """Return the registries that the secret has an account for; empty when it is malformed."""
    key = _PULL_TYPES.get(str(secret.get("type", "")), "")
    try:
        document = json.loads(base64.b64decode((secret.get("data") or {})[key]))
    except (KeyError, ValueError):
        return set()
    entries = document.get("auths") if key == ".dockerconfigjson" else document
    return {host_of(each) for each in entries} if isinstance(entries, dict) else set()


def artifacts(target: CheckTarget) -> Outcome:
    """Check that a workflow that keeps artifacts has a repository for them, whose secrets exist.

    It is the one of ``artifactRepositoryRef``, else the default in the namespace's ConfigMap
    ``artifact-repositories``, else the controller's own, which users cannot see: then unknown.
    """
    repositories = target.requirements.artifact_repositories
    return worst((_repository(target, each) for each in repositories), "it has none")


def _repository(target: CheckTarget, reference: Mapping[str, str]) -> Outcome:
    name = str(reference.get("configMap") or _REPOSITORIES)
    found = target.cluster.in_namespace("configmaps", name)
    if found is None:
        if reference:
            return _no_repository(target, name, str(reference.get("key", "")), "there is no")
        raise CannotTell("they go to the controller's own repository, which you cannot see")
    annotations = (found.get("metadata") or {}).get("annotations") or {}
    key = str(reference.get("key") or annotations.get(_DEFAULT_REPOSITORY, ""))
    if not key and not reference:
        raise CannotTell("they go to the controller's own repository, which you cannot see")
    text = (found.get("data") or {}).get(key)
    if text is None:
        return _no_repository(target, name, key, f"no key '{key}' is in the")
    try:
        repository = _parse(text, name, key)
    except UserError as error:
        return failed(error, "malformed")
    for secret, item in _secrets_of(repository):
        held = target.cluster.in_namespace("secrets", secret)
        if held is None or item not in (held.get("data") or {}):
            return failure(
                f"secret '{secret}' is missing",
                f"the artifact repository '{key}' of the ConfigMap '{name}' needs the key '{item}' "
                f"of the secret '{secret}', which is not in '{target.namespace}'",
                f"the administrator types: kubectl -n {target.namespace} create secret generic "
                f"{secret} --from-literal={item}=VALUE",
            )
    return ok(f"{name}, {key}")


def _no_repository(target: CheckTarget, name: str, key: str, what: str) -> Outcome:
    space = target.namespace
    key = key or "default"
    return failure(
        f"'{name}' is missing",
        f"{what} ConfigMap '{name}' in '{space}', where the workflow's artifact repository is said",
        f"fill in the words in capitals and {APPLY}",
        f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {in_yaml(name)}
  namespace: {in_yaml(space)}
  annotations: {{{_DEFAULT_REPOSITORY}: {key}}}
data:
  {key}: |
    s3:
      endpoint: ENDPOINT
      bucket: BUCKET
      accessKeySecret: {{name: SECRET, key: accesskey}}
      secretKeySecret: {{name: SECRET, key: secretkey}}
""",
    )


def _parse(text: str, name: str, key: str) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or not any(store in found for store in _STORES):
        raise UserError(
            f"'{key}' of the ConfigMap '{name}' is not an artifact repository",
            "",
            f"ask the administrator to correct it: it names one of {', '.join(_STORES)}",
        )
    return found


def _secrets_of(value: Any) -> Iterator[tuple[str, str]]:
    """Yield name and key of each secret that a repository refers to."""
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if str(key).endswith("Secret") and isinstance(each, dict) and each.get("name"):
            yield str(each["name"]), str(each.get("key", ""))
        else:
            yield from _secrets_of(each)


CHECKS = (
    Check(
        code="CONFIGMAP",
        category="what it uses",
        title="its ConfigMaps are there",
        function=configmap,
        hint="correct KUBECONFIGMAP, or type: make provision CLUSTER=NAME",
        needs=("NAMESPACE",),
        informed_by=("SCRIPT",),
    ),
    Check(
        code="SECRET",
        category="what it uses",
        title="its Secrets are there",
        function=secret,
        hint=(
            "declare it in environment.py, and type: make provision CLUSTER=NAME, which asks for "
            "its values"
        ),
        needs=("NAMESPACE",),
        informed_by=("SCRIPT",),
    ),
    Check(
        code="PULL-SECRET",
        category="what it uses",
        title="its pull secrets are there",
        function=pull_secret,
        hint="create it: kubectl create secret docker-registry NAME --docker-server=REGISTRY",
        needs=("NAMESPACE",),
        informed_by=("SCRIPT",),
    ),
    Check(
        code="ARTIFACTS",
        category="what it uses",
        title="its artifacts have a place",
        function=artifacts,
        hint="ask the administrator for an artifact repository in the namespace",
        needs=("SCRIPT",),
        unless_failed=("NAMESPACE",),
    ),
)
