"""The execution engine: realizes an experiment by running its script on a platform.

The class of that name in the design. It starts the script, follows every workflow that the script
creates, and comes to a verdict; where the tasks run is the platform's business.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from hera_experiment.argo.tasks import Workflow
from hera_experiment.context.context import Context
from hera_experiment.environment.script_process import INTERPRETER, ScriptProcess, WaitingScript
from hera_experiment.errors import UserError
from hera_experiment.follow.display import Display
from hera_experiment.follow.events import FollowFailed, Inbox, signals_into
from hera_experiment.follow.session import Platform, Session
from hera_experiment.follow.summary import Conclusion
from hera_experiment.follow.watch import Follower
from hera_experiment.results.outcome import Results

_SILENCE = 20.0
"""Seconds without an answer after which the server is given up: it is on this machine."""


class ExecutionEngine:
    """Runs the scripts of one experiment on one platform.

    ``context`` says which experiment; the environments of submission and of execution are made
    from it once more within the script, which is a process of its own: ``waiting`` where it has
    been started. ``display`` is where a person looks. ``ended`` is what has been concluded: each
    workflow, and what it left.
    """

    def __init__(
        self,
        context: Context,
        platform: Platform,
        display: Display,
        *,
        waiting: WaitingScript | None = None,
        interpreter: Sequence[str] = INTERPRETER,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.context = context
        self._platform = platform
        self._display = display
        self._waiting = waiting
        self._interpreter = interpreter
        self._clock = clock
        self.ended: list[tuple[Workflow, Results]] = []

    def run(self, script: Path, arguments: Sequence[str]) -> int:
        """Run ``script`` as ``__main__`` with ``arguments``; return the verdict.

        That is the script's own exit status when it is not 0, else 0 when all its workflows
        succeeded and 1 when one did not; 128 + n after signal n, once the workflows have ended.

        Raises
        ------
        UserError
            When the platform's server is lost or refuses to be asked.
        """
        inbox: Inbox = SimpleQueue()
        with signals_into(inbox):
            process = self._process([str(script), *arguments])
            process.report_to(inbox)
            try:
                # Its imports overlap with those of the script and of the server.
                threading.Thread(target=self._follow, args=(inbox,), daemon=True).start()
                progress = self._display.progress("Ctrl-C ends the run")
                session = Session(self._platform, process, progress, self._clock)
                try:
                    session.go_on(inbox)
                finally:
                    progress.close()
            finally:
                process.kill()
            if session.workflows:
                self._conclude(list(session.workflows.values()))
            return session.verdict(script)

    def _process(self, words: list[str]) -> ScriptProcess:
        environment = self._platform.script_environment()
        if self._waiting is not None:
            self._waiting.run(words, environment)
            return self._waiting
        command = [*self._interpreter, *words]
        return ScriptProcess(command, environment, terminal=self._display.is_live)

    def _follow(self, inbox: Inbox) -> None:
        try:
            follower = Follower(
                self._platform.client(), "", labels=self._platform.labels, patience=_SILENCE
            )
            for event in follower.events():
                inbox.put(event)
        except UserError as error:
            inbox.put(FollowFailed(error))

    def _conclude(self, workflows: Sequence[Workflow]) -> None:
        conclude = Conclusion(self._display, self.context.experiment, Path.cwd())
        results = conclude(workflows, self._platform.client())
        self.ended = list(zip(workflows, results, strict=True))
