"""Runs a script in a process of its own so that it submits to the designated platform."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from secrets import token_hex
from signal import SIGINT, SIGTERM

from hera_experiment.context.context import Context
from hera_experiment.context.inherited import handed_on
from hera_experiment.context.sources import Origin, Source
from hera_experiment.context.verb_arguments import SUBMITTING_SCRIPT
from hera_experiment.environment.interpreter import environment_of
from hera_experiment.environment.script_process import ScriptEnded, ScriptProcess
from hera_experiment.errors import tell
from hera_experiment.follow.events import Inbox, SignalReceived, signals_into
from hera_experiment.platform.kubernetes_access import no_platform
from hera_experiment.platform.local_server import SESSION_VARIABLE, acquire
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, State
from hera_experiment.runs.server import open_server
from hera_experiment.submission.create_attempts import RESUME

DRY_RUN_VARIABLE = "HERA_UTILS_DRY_RUN"
"""Set for a script whose workflows are printed, to one of the two below."""
VALIDATED, UNSEEN = "validated", "unseen"
"""The designated platform is asked whether it would accept them; none is designated."""
NO_NAMESPACE = "no-namespace-is-set"
"""Stands for the namespace where none is set, for Hera makes no workflow without one."""

_PROGRAM = (sys.executable, "-m", "hera_utils", SUBMITTING_SCRIPT)
_PLAIN_ENDS = (0, 1, 130)
"""Exit statuses that need no word: all is well, somebody said why, the person knows."""


class Launch:
    """One script and its arguments, to be run once for ``context``.

    ``inputs`` is what the script finds as its inputs, its own unless given.
    """

    def __init__(
        self,
        context: Context,
        script: Path,
        arguments: Sequence[str],
        inputs: str = "",
        *,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._context = context
        self._script = script
        self._arguments = arguments
        self._inputs = inputs
        self._environ = environ
        self._session = f"submit-{token_hex(4)}"
        self._signalled = False

    def submit(self, *, wait: bool) -> int:
        """Run the script, which creates its workflows; return its exit status.

        With ``wait`` the workflows of a script that ended well are followed to their end, and the
        status is their verdict.

        Raises
        ------
        UserError
            When no platform is designated, or following fails.
        """
        if not _is_designated(self._context):
            raise no_platform(self._context)
        with self._variables() as variables:
            status = self._run(variables)
            records = [
                record
                for record in Records.of(self._context.experiment).all()
                if record.session == self._session
            ]
            there = [record for record in records if record.state is State.CREATED]
            unsure = [record for record in records if record.state is State.UNSURE]
            self._tell(status, there, unsure)
            if status or unsure or not there:
                return status or len(unsure[:1])
            if wait:
                return follow_to_end(self._context, there)
            name = "" if len(there) == 1 else " RUN=NAME"
            print(f"follow it: make watch{name}; its files: make results{name}")
            return 0

    def _tell(self, status: int, there: list[RunRecord], unsure: list[RunRecord]) -> None:
        """Say what a script that did not end well left, and whatever else needs a word."""
        if status != 1:  # otherwise the refusal itself has said it
            for record in unsure:
                tell(f"whether {record.name} was created is not known: '{RESUME}' finds out")
        if not status:
            if not there and not unsure:
                tell(f"{self._script.name} created no workflow")
            return
        for record in there:
            tell(f"{record.name} was created and goes on")
        if status not in _PLAIN_ENDS and not self._signalled:
            tell(f"{self._script.name} ended with exit status {status}")

    def dry_run(self) -> int:
        """Print the workflows of the script as YAML; nothing is created and nothing recorded."""
        if _is_designated(self._context):
            with self._variables() as variables:
                return self._run({**variables, DRY_RUN_VARIABLE: VALIDATED})
        from hera_experiment.check.capture import environment
        from hera_experiment.check.capture_server import CaptureServer

        # Something must answer a script that asserts that its server is there.
        server = CaptureServer()
        context = self._context
        if not context.argo_namespace:
            context = context.changed(Source(Origin.PLATFORM), argo_namespace=NO_NAMESPACE)
        try:
            leading = environment(context, self._environ, server.address)
            return self._run({**leading, DRY_RUN_VARIABLE: UNSEEN})
        finally:
            server.close()

    @contextmanager
    def _variables(self) -> Iterator[dict[str, str]]:
        """Yield the environment that leads any Hera script to the designated platform."""
        handed = {**self._environ, **handed_on(self._context, fixed=True)}
        if not self._context.is_local:
            yield {**handed, SESSION_VARIABLE: self._session}
            return
        with acquire(self._context.experiment) as lease:
            yield lease.server.script_environment(self._session, self._context.runtime, handed)

    def _run(self, variables: Mapping[str, str]) -> int:
        command = [*_PROGRAM, str(self._script), *self._arguments]
        inbox: Inbox = SimpleQueue()
        with signals_into(inbox):
            environment = environment_of(variables, self._context, self._inputs)
            process = ScriptProcess(command, environment, terminal=False)
            process.report_to(inbox)
            return self._end_of(process, inbox)

    def _end_of(self, process: ScriptProcess, inbox: Inbox) -> int:
        """Wait for the script; hand signals on, and end it by force at the second."""
        while True:
            match inbox.get():
                case ScriptEnded(status):
                    return status
                case SignalReceived(number):
                    if self._signalled:
                        process.kill()
                    elif number != SIGINT:
                        # A terminal sends Ctrl-C to the script too, other signals come here alone.
                        process.send(SIGTERM)
                    self._signalled = True


def _is_designated(context: Context) -> bool:
    return context.is_local or bool(context.argo_server)


def follow_to_end(context: Context, records: Sequence[RunRecord]) -> int:
    """Follow the workflows of ``records``, all on the platform of ``context``; their verdict."""
    from hera_experiment.follow.display import display_of
    from hera_experiment.follow.run import follow
    from hera_experiment.runs.find import Run

    with open_server(context) as server:
        runs = [
            Run(server, server.client.get_workflow(record.namespace, record.name), record)
            for record in records
        ]
        return follow(runs, display_of())
