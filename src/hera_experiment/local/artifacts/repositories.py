"""Which repository a workflow's artifacts go to, and where in it.

On a cluster its administrator configures one; here it is a folder whose keys have Argo's form. A
ConfigMap that a workflow refers to can give keys another form, as on a cluster.

Source: ``workflow/artifactrepositories/artifactrepositories.go``, ``addArchiveLocation`` and
``IsArchiveLogs`` in ``workflow/controller/workflowpod.go`` and
``pkg/apis/workflow/v1alpha1/artifact_repository_types.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hera_experiment.local.artifacts.references import (
    KINDS,
    Artifact,
    has_location,
    joined,
)
from hera_experiment.local.errors import NotFound
from hera_experiment.local.store.objects import CONFIGMAPS, Objects

KEY_FORMAT = "{{workflow.name}}/{{pod.name}}"
DEFAULT_MAP = "artifact-repositories"

_FORMATS = {"azure": "blobNameFormat", "hdfs": "pathFormat"}
_KEYS = {"azure": "blob", "hdfs": "path"}


class RepositoryError(ValueError):
    """A workflow refers to a repository that cannot be used."""


@dataclass(frozen=True)
class ArtifactRepository:
    """Where artifacts go, with variables in the key; ``logs`` says that all logs go there too."""

    location: Artifact
    logs: bool = False


def repository_of(spec: Mapping[str, Any], objects: Objects) -> ArtifactRepository:
    """Return the repository of a workflow: this machine's folder, unless a ConfigMap says more.

    Raises :class:`RepositoryError`.
    """
    reference = spec.get("artifactRepositoryRef") or {}
    if not reference:
        return ArtifactRepository({"s3": {"key": KEY_FORMAT}})
    name = str(reference.get("configMap") or DEFAULT_MAP)
    texts: Mapping[str, bytes] = {}
    with contextlib.suppress(NotFound):
        texts = objects.get(CONFIGMAPS, name)
    key = str(reference.get("key") or "")
    if key not in texts:
        shown = f"{reference.get('configMap') or ''}#{key}"
        raise RepositoryError(
            "failed to resolve artifact repository: failed to find any artifact repository for "
            f'artifact repository ref "{shown}"'
        )
    described = _parsed(texts[key], f"{name}#{key}")
    return ArtifactRepository(_location(described), bool(described.get("archiveLogs")))


def archives_logs(
    template: Mapping[str, Any], spec: Mapping[str, Any], repository: ArtifactRepository
) -> bool:
    """Tell whether the logs of a template's pods become artifacts."""
    if repository.logs:
        return True
    own = (template.get("archiveLocation") or {}).get("archiveLogs")
    return bool(spec.get("archiveLogs") if own is None else own)


def archive_of(template: Mapping[str, Any], repository: ArtifactRepository) -> Artifact:
    """Return where a template's outputs go, with variables: its own location if that is whole."""
    own = template.get("archiveLocation") or {}
    found = own if has_location(own) else repository.location
    return {kind: found[kind] for kind in KINDS if kind in found}


def _parsed(text: bytes, where: str) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, Mapping):
        raise RepositoryError(f'failed to resolve artifact repository: "{where}" is not YAML')
    return found


def _location(described: Mapping[str, Any]) -> Artifact:
    kind = next((each for each in KINDS if described.get(each)), "s3")
    own = dict(described.get(kind) or {})
    form = str(own.pop(_FORMATS.get(kind, "keyFormat"), None) or "")
    form = form or joined(str(own.pop("keyPrefix", None) or ""), KEY_FORMAT)
    if kind == "artifactory":
        return {kind: {**own, "url": f"{str(own.pop('repoURL', '')).rstrip('/')}/{form}"}}
    return {kind: {**own, _KEYS.get(kind, "key"): form}}
