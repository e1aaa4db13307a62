"""Follows workflows over Argo's watch, and goes on after a stream has dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from hera_utils.errors import UserError
from hera_utils.follow.source import WorkflowSource
from hera_utils.follow.tasks import is_finished, name_of

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True)
class Seen:
    """One state of one workflow; ``deleted`` when it exists no longer."""

    workflow: dict[str, Any]
    deleted: bool = False


class Follower:
    """Yields each state of the workflows of ``namespace`` (of all when empty) with ``labels``.

    ``name`` narrows it to one workflow. A stream that ends or breaks is opened again after a
    pause, which doubles from 0.1 s to 5 s while nothing arrives; what happened in between is then
    read by one list. After ``patience`` seconds without an answer it gives up.
    """

    def __init__(
        self,
        source: WorkflowSource,
        namespace: str,
        *,
        labels: str = "",
        name: str = "",
        patience: float = 60.0,
        pause: Callable[[float], None] = sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._source = source
        self._namespace = namespace
        self._labels = labels
        self._name = name
        self._patience = patience
        self._pause = pause
        self._clock = clock
        self._known: dict[tuple[str, str], dict[str, Any]] = {}

    def states(self) -> Iterator[Seen]:
        """Yield states without end; the caller stops when it has seen enough.

        Raises
        ------
        UserError
            When the server refuses, or does not answer for ``patience`` seconds.
        """
        answered = self._clock()
        pause = _FIRST_PAUSE
        first = True
        while True:
            try:
                if not first:
                    yield from self._missed()
                    answered = self._clock()
                first = False
                fields = f"metadata.name={self._name}" if self._name else ""
                for kind, workflow in self._source.watch_workflows(
                    self._namespace, labels=self._labels, fields=fields
                ):
                    answered, pause = self._clock(), _FIRST_PAUSE
                    yield self._noted(workflow, deleted=kind == "DELETED")
            except OSError as error:
                if self._clock() - answered > self._patience:
                    raise UserError(
                        f"Argo's server has not answered for {self._patience:.0f} seconds: {error}",
                        next_step="the workflow may still be running there",
                    ) from None
            self._pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def until_finished(self) -> Iterator[dict[str, Any]]:
        """Yield each state of the one workflow ``name`` until it has ended.

        Raises
        ------
        UserError
            As :meth:`states`, and when the workflow is deleted meanwhile.
        """
        for seen in self.states():
            if seen.deleted:
                raise UserError(f"workflow '{self._name}' was deleted while it was followed")
            yield seen.workflow
            if is_finished(seen.workflow):
                return

    def _noted(self, workflow: dict[str, Any], deleted: bool) -> Seen:
        key = (workflow["metadata"].get("namespace", ""), name_of(workflow))
        if deleted:
            self._known.pop(key, None)
        else:
            # Only its identity is kept: a state of 10 000 nodes is megabytes.
            self._known[key] = {"metadata": workflow["metadata"]}
        return Seen(workflow, deleted)

    def _missed(self) -> Iterator[Seen]:
        there = {
            (workflow["metadata"].get("namespace", ""), name_of(workflow)): workflow
            for workflow in self._source.list_workflows(self._namespace, labels=self._labels)
            if not self._name or name_of(workflow) == self._name
        }
        for key in [key for key in self._known if key not in there]:
            yield Seen(self._known.pop(key), deleted=True)
        for workflow in there.values():
            yield self._noted(workflow, deleted=False)
