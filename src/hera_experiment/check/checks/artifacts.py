"""ARTIFACTS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import APPLY, failed, in_yaml, worst
from hera_experiment.errors import UserError

_DEFAULT = "artifact-repositories"
_ANNOTATION = "workflows.argoproj.io/default-artifact-repository"
_STORES = ("s3", "gcs", "oss", "azure", "artifactory", "hdfs", "plugin")


@check(
    code="ARTIFACTS",
    category="what it uses",
    title="its artifacts have a place",
    needs=("SCRIPT",),
    unless_failed=("NAMESPACE",),
)
def artifacts(subject: Subject) -> Outcome:
    """Check that a workflow that keeps artifacts has a repository for them, whose secrets exist.

    It is the one of ``artifactRepositoryRef``, else the default in the namespace's ConfigMap
    ``artifact-repositories``, else the controller's own, which users cannot see: then unknown.
    """
    repositories = subject.demand.artifact_repositories
    return worst((_of(subject, each) for each in repositories), "it has none")


def _of(subject: Subject, reference: Mapping[str, str]) -> Outcome:
    name = str(reference.get("configMap") or _DEFAULT)
    found = subject.cluster.in_namespace("configmaps", name)
    if found is None:
        if reference:
            return _missing(subject, name, str(reference.get("key", "")), "there is no")
        raise CannotTell("they go to the controller's own repository, which you cannot see")
    annotations = (found.get("metadata") or {}).get("annotations") or {}
    key = str(reference.get("key") or annotations.get(_ANNOTATION, ""))
    if not key and not reference:
        raise CannotTell("they go to the controller's own repository, which you cannot see")
    text = (found.get("data") or {}).get(key)
    if text is None:
        return _missing(subject, name, key, f"no key '{key}' is in the")
    try:
        repository = _parse(text, name, key)
    except UserError as error:
        return failed(error, "malformed")
    for secret, item in _secrets(repository):
        held = subject.cluster.in_namespace("secrets", secret)
        if held is None or item not in (held.get("data") or {}):
            return failure(
                f"secret '{secret}' is missing",
                f"the artifact repository '{key}' of the ConfigMap '{name}' needs the key '{item}' "
                f"of the secret '{secret}', which is not in '{subject.namespace}'",
                f"the administrator types: kubectl -n {subject.namespace} create secret generic "
                f"{secret} --from-literal={item}=VALUE",
            )
    return ok(f"{name}, {key}")


def _missing(subject: Subject, name: str, key: str, what: str) -> Outcome:
    space = subject.namespace
    key = key or "default"
    return failure(
        f"'{name}' is missing",
        f"{what} ConfigMap '{name}' in '{space}', where the workflow's artifact repository is said",
        f"fill in the capitals and {APPLY}",
        f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {in_yaml(name)}
  namespace: {in_yaml(space)}
  annotations: {{{_ANNOTATION}: {key}}}
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
            f"'{key}' of the ConfigMap '{name}' is no artifact repository",
            "",
            f"ask the administrator to correct it: it names one of {', '.join(_STORES)}",
        )
    return found


def _secrets(value: Any) -> Iterator[tuple[str, str]]:
    """Yield name and key of each secret that a repository refers to."""
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if str(key).endswith("Secret") and isinstance(each, dict) and each.get("name"):
            yield str(each["name"]), str(each.get("key", ""))
        else:
            yield from _secrets(each)
