"""What a server warns of in a workflow, told once, both by who runs and by who watches it."""

from __future__ import annotations

from collections.abc import Iterator

from hera_experiment.argo.tasks import Workflow, name_of
from hera_experiment.follow.lines import Line


class SpecWarnings:
    """The conditions of type SpecWarning that a person has seen, of any number of workflows."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def fresh(self, workflow: Workflow) -> Iterator[Line]:
        """Yield a line for each that ``workflow`` has and that was not told yet."""
        name = name_of(workflow)
        for condition in (workflow.get("status") or {}).get("conditions") or ():
            message = str(condition.get("message") or "")
            if condition.get("type") == "SpecWarning" and (name, message) not in self._told:
                self._told.add((name, message))
                yield Line(f"workflow {name}: {message}", "yellow")
