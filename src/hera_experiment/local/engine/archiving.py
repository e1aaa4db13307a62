"""Where the artifacts of a workflow are, how they are read again, and when they go.

Source: ``addArchiveLocation`` in ``workflow/controller/workflowpod.go``, ``artifact_gc.go`` and
``getArtifactAndDriver`` in ``server/artifacts/artifact_server.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hera_experiment.argo.names import pod_name
from hera_experiment.local.artifacts.errors import ArtifactFailure
from hera_experiment.local.artifacts.pod import PodArtifacts, output_artifacts
from hera_experiment.local.artifacts.references import Artifact, LocationError, relocated
from hera_experiment.local.artifacts.repositories import (
    ArtifactRepository,
    RepositoryError,
    archive_of,
    archives_logs,
    repository_of,
)
from hera_experiment.local.artifacts.repository import Repository
from hera_experiment.local.engine.arguments import substitute_all
from hera_experiment.local.engine.machine import Machine
from hera_experiment.local.engine.node import Node
from hera_experiment.local.store import Objects

ON_COMPLETION = "OnWorkflowCompletion"
ON_DELETION = "OnWorkflowDeletion"


class WorkflowArtifacts:
    """The artifacts of one workflow, ``spec`` being its own.

    ``problem`` says why its repository cannot be used; mostly nothing.
    """

    def __init__(
        self, workflow: str, spec: Mapping[str, Any], objects: Objects, repository: Repository
    ) -> None:
        self._workflow = workflow
        self._spec = spec
        self._objects = objects
        self._repository = repository
        self._templates = {each["name"]: each for each in spec.get("templates") or ()}
        self.problem = ""
        try:
            self._chosen = repository_of(spec, objects)
        except RepositoryError as error:
            self.problem = str(error)
            self._chosen = ArtifactRepository({})

    def of(self, machine: Machine, node: Node, template: Mapping[str, Any]) -> PodArtifacts | None:
        """Return what fetches and keeps the artifacts of a pod; None when it has none."""
        logs = archives_logs(template, self._spec, self._chosen)
        inputs = (template.get("inputs") or {}).get("artifacts")
        if not (logs or inputs or output_artifacts(template)):
            return None
        holder = {
            "inputs": template.get("inputs") or {},
            "archive": archive_of(template, self._chosen),
        }
        name = pod_name(self._workflow, node.name, node.template_id.short_name)
        archive = substitute_all(holder, machine.variables, {"pod.name": name})["archive"]
        return PodArtifacts(self._repository, self._objects, archive, archives_logs=logs)

    def reader(self, template: str) -> PodArtifacts:
        """Return what reads the artifacts of a node of this template, by their own keys."""
        archive = archive_of(self._templates.get(template) or {}, self._chosen)
        return PodArtifacts(self._repository, self._objects, archive)

    def collect(
        self, template: str, outputs: Mapping[str, Any], strategies: Iterable[str]
    ) -> dict[str, Any] | None:
        """Remove those artifacts of a pod whose strategy is one of ``strategies``.

        Returns the outputs with these marked as deleted, None when there are none.
        """
        found = outputs.get("artifacts") or ()
        gone = [each for each in found if self._strategy(each) in strategies]
        gone = [each for each in gone if not each.get("deleted") and self._removed(template, each)]
        if not gone:
            return None
        names = {each["name"] for each in gone}
        marked = [{**each, "deleted": True} if each["name"] in names else each for each in found]
        return {**outputs, "artifacts": marked}

    def _strategy(self, artifact: Artifact) -> str:
        whole = (self._spec.get("artifactGC") or {}).get("strategy")
        return str((artifact.get("artifactGC") or {}).get("strategy") or whole or "")

    def _removed(self, template: str, artifact: Artifact) -> bool:
        try:
            self._repository.remove(relocated(artifact, self.reader(template).archive))
        except (ArtifactFailure, LocationError):
            # As Argo has it: what cannot be removed does not count as deleted.
            return False
        return True
