"""Where the artifacts of a workflow's pods go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.names import pod_name
from hera_experiment.local.artifacts.pod import PodArtifacts, output_artifacts
from hera_experiment.local.artifacts.repositories import (
    RepositoryError,
    archive_of,
    archives_logs,
    repository_of,
)
from hera_experiment.local.artifacts.repository import Repository
from hera_experiment.local.engine.arguments import substitute_all
from hera_experiment.local.engine.machine import Machine
from hera_experiment.local.engine.nodes import Node
from hera_experiment.local.store import Objects


class WorkflowArtifacts:
    """The repository of one workflow, ``spec`` being its own; ``problem`` says why it has none."""

    def __init__(
        self, workflow: str, spec: Mapping[str, Any], objects: Objects, repository: Repository
    ) -> None:
        self._workflow = workflow
        self._spec = spec
        self._objects = objects
        self._repository = repository
        self.problem = ""
        try:
            self._chosen = repository_of(spec, objects)
        except RepositoryError as error:
            self.problem = str(error)

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
