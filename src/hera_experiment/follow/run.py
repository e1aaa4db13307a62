"""Follows runs that exist already to their end, and comes to their verdict."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import SimpleQueue
from signal import SIGHUP
from time import monotonic

from hera_experiment.argo.phases import SUCCEEDED
from hera_experiment.argo.tasks import Workflow, is_finished, name_of, phase_of, utc_now
from hera_experiment.errors import UserError
from hera_experiment.follow.display import Display, Progress
from hera_experiment.follow.events import (
    FollowFailed,
    Inbox,
    Notice,
    ReasonsFound,
    SignalReceived,
    next_events,
    signals_into,
)
from hera_experiment.follow.failure import Reporter
from hera_experiment.follow.lines import Line
from hera_experiment.follow.pending import NO_REASONS, Explainer, Reasons, facts_of, pending_pods
from hera_experiment.follow.samples import EVERY, PodSampler
from hera_experiment.follow.spec_warnings import SpecWarnings
from hera_experiment.follow.summary import ending, notify, where_to_fetch
from hera_experiment.follow.watch import Follower, Key, WorkflowEvent, is_older, key_of
from hera_experiment.runs.find import Run, keep_end, keep_samples
from hera_experiment.signals import discard_output

PATIENCE = 600.0
"""Seconds for which a server that has stopped answering is asked again."""

_FIRST_LOOK = 3.0
_NEXT_LOOK = 5.0


def follow(
    runs: Sequence[Run],
    display: Display,
    *,
    says_files: bool = False,
    patience: float = PATIENCE,
    clock: Callable[[], float] = monotonic,
    now: Callable[[], datetime] = utc_now,
) -> int:
    """Show ``runs`` until all have ended, then their tasks, why they failed, and the verdict.

    Returns 0 when all have succeeded, 1 when one has not or was deleted meanwhile. Ctrl-C only
    leaves: the runs go on; 128 + n is returned after signal n. ``says_files`` adds what fetches the
    files of each. For the main thread.

    Raises
    ------
    UserError
        When a server refuses, or does not answer for ``patience`` seconds.
    """
    inbox: Inbox = SimpleQueue()
    with signals_into(inbox):
        followed = _Followed(runs, display.progress("Ctrl-C leaves, the run goes on"), clock)
        try:
            followed.go_on(inbox, patience)
        finally:
            followed.close()
            for key, sampler in followed.samplers.items():
                if key in followed.workflows:
                    keep_samples(followed.runs[key], sampler.by_node(followed.workflows[key]))
    for key, workflow in followed.workflows.items():
        if is_finished(workflow):
            keep_end(followed.runs[key], workflow)
            display.output.write([Line(""), *_end(followed.runs[key], workflow, display, now())])
            if says_files:
                display.output.write(where_to_fetch(workflow))
            if not is_finished(followed.runs[key].workflow):
                notify(display.notify, workflow)
    for name in followed.deleted:
        text = f"workflow {name} was deleted while it was followed"
        display.output.write([Line(""), Line(text, "bold red")])
    if followed.signal is not None:
        display.output.write(_left(followed))
        return 128 + followed.signal
    well = all(phase_of(each) == SUCCEEDED for each in followed.workflows.values())
    return 0 if well and not followed.deleted else 1


def _end(run: Run, workflow: Workflow, display: Display, now: datetime) -> list[Line]:
    reporter = Reporter.of(run, workflow)
    return ending(reporter, workflow, now, display.width, quiet=display.quiet)


def _left(followed: _Followed) -> list[Line]:
    going = [each for each in followed.workflows.values() if not is_finished(each)]
    return [
        Line(
            f"{name_of(each)} goes on: 'make watch RUN={name_of(each)}' comes back to it, "
            f"'make stop RUN={name_of(each)}' ends it",
            "yellow",
        )
        for each in going
    ]


class _Followed:
    """The runs that are followed, from their first state to the last."""

    def __init__(self, runs: Sequence[Run], progress: Progress, clock: Callable[[], float]) -> None:
        self.runs = {key_of(run.workflow): run for run in runs}
        self.workflows: dict[Key, Workflow] = {}
        self.samplers: dict[Key, PodSampler] = {}
        self.deleted: list[str] = []
        self.signal: int | None = None
        self._progress = progress
        self._warnings = SpecWarnings()
        self._clock = clock
        self._reasons: dict[Key, Reasons] = {}
        self._closing = threading.Event()

    def go_on(self, inbox: Inbox, patience: float) -> None:
        """Take in what happens until every run is over, or a signal comes."""
        for run in self.runs.values():
            self._see(run.workflow)
        for key, run in self.runs.items():
            if not is_finished(run.workflow):
                self._start(self._watch, run, inbox, patience)
                self._start(self._explain, key, inbox)
                if sampler := PodSampler.of(run):
                    self.samplers[key] = sampler
                    self._start(self._sample, key)
        while self.signal is None and not all(map(is_finished, self.workflows.values())):
            for event in next_events(inbox):
                self._take_in(event)

    def close(self) -> None:
        """Take the display away, and let the threads end."""
        self._closing.set()
        self._progress.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _take_in(self, event: object) -> None:
        match event:
            case WorkflowEvent(workflow, True):
                if self.workflows.pop(key_of(workflow), None) is not None:
                    self.deleted.append(name_of(workflow))
            case WorkflowEvent(workflow, False):
                self._see(workflow)
            case ReasonsFound(workflow, reasons):
                key = key_of(workflow)
                self._reasons[key] = reasons
                if key in self.workflows:
                    self._progress.update(self.workflows[key], reasons)
            case Notice(text):
                self._progress.note(Line(text, "yellow"))
            case SignalReceived(number):
                if number == SIGHUP:
                    discard_output(1, 2)
                self.signal = number
            case FollowFailed(error):
                raise error

    def _see(self, workflow: Workflow) -> None:
        key = key_of(workflow)
        known = self.workflows.get(key)
        if known is not None and is_older(workflow, known):
            return
        self.workflows[key] = workflow
        # Of a run that had ended before, the end alone is told.
        if known is not None or not is_finished(workflow):
            self._progress.update(workflow, self._reasons.get(key, NO_REASONS))
            for line in self._warnings.fresh(workflow):
                self._progress.note(line)

    def _watch(self, run: Run, inbox: Inbox, patience: float) -> None:
        def dropped(why: str) -> None:
            text = f"the connection is lost, trying again: {why}" if why else "connected again"
            inbox.put(Notice(text))

        follower = Follower(
            run.server.client,
            run.namespace,
            name=run.name,
            patience=patience,
            dropped=dropped,
            clock=self._clock,
        )
        try:
            for event in follower.until_finished():
                if self._closing.is_set():
                    return
                inbox.put(event)
        except UserError as error:
            inbox.put(FollowFailed(error))

    def _sample(self, key: Key) -> None:
        """Ask what the pods of a run use, as long as there is who answers."""
        while not is_finished(self.workflows.get(key, {})) and self.samplers[key].sample():
            if self._closing.wait(EVERY):
                return

    def _explain(self, key: Key, inbox: Inbox) -> None:
        """Find out why pods do not start, as soon as they have not for a few seconds."""
        explainer = Explainer(facts_of(self.runs[key].server))
        waits: dict[str, float] = {}
        sent: Reasons = NO_REASONS
        while not self._closing.wait(1.0):
            workflow = self.workflows.get(key)
            if workflow is None or is_finished(workflow):
                return
            instant = self._clock()
            there = pending_pods(workflow)
            waits = {pod: waits.get(pod, instant) for pod in there}
            if not any(instant - since >= _FIRST_LOOK for since in waits.values()):
                reasons: Reasons = NO_REASONS
            else:
                reasons = explainer.reasons(workflow)
            if reasons != sent:
                sent = reasons
                inbox.put(ReasonsFound(dict(workflow), reasons))
            if reasons and self._closing.wait(_NEXT_LOOK):
                return
