"""What happens between the start of a script and the end of the last workflow it created."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM
from typing import Any, Protocol

from hera_experiment.argo.tasks import Workflow, is_finished, name_of, phase_of
from hera_experiment.environment.script_process import ScriptEnded, ScriptProcess, ScriptWrote
from hera_experiment.errors import UserError, tell
from hera_experiment.follow.display import Progress
from hera_experiment.follow.events import (
    Event,
    FollowFailed,
    Inbox,
    SignalReceived,
    next_events,
)
from hera_experiment.follow.lines import Line
from hera_experiment.follow.spec_warnings import SpecWarnings
from hera_experiment.follow.watch import Key, WorkflowClient, WorkflowEvent, is_older, key_of
from hera_experiment.signals import discard_output

_GRACE = 3.0
"""Seconds that an interrupted script has before it is ended by force."""

_ENDING = 60.0
"""Seconds that terminated workflows have to end before the engine leaves them to the server."""


class Platform(Protocol):
    """What running a script asks of the platform."""

    @property
    def labels(self) -> str:
        """The label selector of the workflows that this script creates."""

    def script_environment(self) -> Mapping[str, str]:
        """Return the environment variables of the script: it finds the platform through them."""

    def client(self) -> WorkflowClient:
        """Return a client of the platform's Argo server."""


class Session:
    """The script and its workflows, from the first event to the last."""

    def __init__(
        self,
        platform: Platform,
        process: ScriptProcess,
        progress: Progress,
        clock: Callable[[], float],
    ) -> None:
        self.workflows: dict[Key, Workflow] = {}
        self._has_created = False
        self._platform = platform
        self._process = process
        self._progress = progress
        self._warnings = SpecWarnings()
        self._clock = clock
        self._script_status: int | None = None
        self._signal: int | None = None
        self._patience = inf
        self._terminated: set[Key] = set()
        self._in_line = False
        self._hurry = False
        self._left = False

    def go_on(self, inbox: Inbox) -> None:
        """Take in what happens until the script and all its workflows are over."""
        while not self._is_over():
            waiting = self._patience - self._clock()
            for event in next_events(inbox, None if waiting == inf else max(0, waiting)):
                self._take_in(event)
            if self._clock() > self._patience:
                self._lose_patience()

    def _is_over(self) -> bool:
        if self._left:
            return True
        return self._script_status is not None and all(map(is_finished, self.workflows.values()))

    def _take_in(self, event: Event) -> None:
        match event:
            case WorkflowEvent(workflow, deleted):
                self._see(workflow, deleted)
            case ScriptWrote(data):
                self._progress.script_wrote(data)
                self._in_line = not data.endswith(b"\n")
            case ScriptEnded(status):
                self._script_status = status
                if self._in_line:
                    self._progress.script_wrote(b"\n")
                # What it created in its last moment may not have come over the watch yet.
                for workflow in self._list():
                    self._see(workflow, deleted=False)
                if self._signal is not None:
                    self._patience = self._clock() + _ENDING
                self._left = self._hurry
            case SignalReceived(number):
                self._interrupt(number)
            case FollowFailed(error):
                raise error

    def _list(self) -> list[dict[str, Any]]:
        try:
            return self._platform.client().list_workflows("", labels=self._platform.labels)
        except OSError as error:
            raise UserError(f"the Argo server does not answer: {error}") from None

    def _see(self, workflow: Workflow, deleted: bool) -> None:
        key = key_of(workflow)
        self._has_created = True
        if deleted:
            self.workflows.pop(key, None)
            self._progress.note(Line(f"workflow {name_of(workflow)} was deleted", "yellow"))
            return
        known = self.workflows.get(key)
        if known is not None and is_older(workflow, known):
            return
        self.workflows[key] = workflow
        self._progress.update(workflow)
        for line in self._warnings.fresh(workflow):
            self._progress.note(line)
        if self._signal is not None:
            self._terminate(key)

    def _interrupt(self, number: int) -> None:
        if number == SIGHUP:
            discard_output(1, 2)
        if self._signal is not None:
            # The script first: a workflow that it creates in its last moment must be ended too.
            self._hurry = True
            self._left = self._script_status is not None
            self._process.kill()
            return
        self._signal = number
        self._patience = self._clock() + (_GRACE if self._script_status is None else _ENDING)
        if number != SIGINT:
            # A terminal sends Ctrl-C to the script as well, other signals come to us alone.
            self._process.send(SIGTERM)
        going = [key for key, each in self.workflows.items() if not is_finished(each)]
        if going:
            names = ", ".join(name for _, name in going)
            self._progress.note(
                Line(f"ending {names}; press Ctrl-C again to leave at once", "yellow")
            )
        for key in going:
            self._terminate(key)

    def _terminate(self, key: Key) -> None:
        if key in self._terminated or is_finished(self.workflows[key]):
            return
        self._terminated.add(key)
        try:
            self._platform.client().terminate_workflow(*key)
        except (OSError, UserError) as error:
            # It ended by itself just now, or cannot be reached: then following says so.
            self._progress.note(Line(f"workflow {key[1]}: {error}", "yellow"))

    def _lose_patience(self) -> None:
        self._patience = inf
        if self._script_status is None:
            self._process.kill()
        else:
            self._left = True

    def verdict(self, script: Path) -> int:
        """Return the exit status, and say what needs a word."""
        if self._signal is not None:
            going = [name for (_, name), each in self.workflows.items() if not is_finished(each)]
            if going:
                tell(f"left while {', '.join(going)} is still ending")
            return 128 + self._signal
        assert self._script_status is not None
        if self._script_status:
            tell(f"{script.name} ended with exit status {self._script_status}")
            return self._script_status
        if not self._has_created:
            tell(f"{script.name} created no workflow: it has to call w.create()")
            return 1
        succeeded = all(phase_of(each) == "Succeeded" for each in self.workflows.values())
        return 0 if succeeded else 1
