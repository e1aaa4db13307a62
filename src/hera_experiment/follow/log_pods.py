"""The pods whose logs are read, by the names of their tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hera_experiment.argo.phases import PENDING
from hera_experiment.argo.tasks import Node
from hera_experiment.follow.log_position import Fresh, Position
from hera_experiment.platform.argo_logs import Executor


class TaskLine(NamedTuple):
    """One line of a task's log."""

    task: str
    text: str


@dataclass
class Pod:
    """A pod of the run: the ``task`` it belongs to, and how far its log has been read."""

    name: str
    task: str
    node: Node
    position: Position
    closed: bool = False
    """Whether all of its log has been read."""
    executor: Executor = field(default_factory=Executor)

    @property
    def phase(self) -> str:
        """Argo's phase of its node."""
        return str(self.node.get("phase") or PENDING)


@dataclass
class Reading:
    """One stream of lines, of one pod or of many, from wherever it began."""

    fresh: dict[str, Fresh] = field(default_factory=dict)


def is_of(task: str, name: str) -> bool:
    """Tell whether ``task`` is the one called ``name``, or one of its loop, attempts or tasks."""
    return task == name or task.startswith((f"{name}(", f"{name}."))
