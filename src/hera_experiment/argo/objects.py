"""What a script sends to Argo's server to be created, and where it sends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Kind:
    """One kind of Argo's objects: how a person calls it, and its place in Argo's REST API.

    ``path`` is the first part of the path, which is also the resource of Kubernetes but for its
    dashes; ``key`` what the body of a request calls the object.
    """

    name: str
    path: str
    key: str
    in_namespace: bool = True

    @property
    def resource(self) -> str:
        """The resource of Kubernetes, plural."""
        return self.path.replace("-", "")


WORKFLOW = Kind("Workflow", "workflows", "workflow")
KINDS = (
    WORKFLOW,
    Kind("WorkflowTemplate", "workflow-templates", "template"),
    Kind("CronWorkflow", "cron-workflows", "cronWorkflow"),
    Kind("ClusterWorkflowTemplate", "cluster-workflow-templates", "template", in_namespace=False),
)


Manifest = Mapping[str, Any]
"""One of Argo's objects, or a part of it."""

Origins = Mapping[str, tuple[str, int]]
"""File and line in which a script made each template (``NAME``) and each task (``NAME/TASK``).

The object itself has no name there.
"""


@dataclass(frozen=True)
class Submitted:
    """One object as it was sent; ``namespace`` as in its path, empty where the path has none."""

    manifest: Manifest
    kind: Kind = WORKFLOW
    namespace: str = ""
    origins: Origins = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a person knows it by."""
        return shown_name(self.manifest)

    @property
    def templates_used(self) -> set[str]:
        """The names of the templates of other objects that it refers to."""
        return set(_references(self.manifest.get("spec")))


@dataclass(frozen=True)
class Captured:
    """All that a script submits, the first first; ``remark`` says why there may be more."""

    objects: Sequence[Submitted]
    remark: str = ""


def shown_name(manifest: Manifest) -> str:
    """Return what a person knows an object by, also one that is not named yet."""
    metadata = manifest.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return str(metadata.get("name") or f"{metadata.get('generateName') or ''}…")


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key in ("workflowTemplateRef", "templateRef") and isinstance(each, Mapping):
                yield str(each.get("name", ""))
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
