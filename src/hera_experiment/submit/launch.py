"""Runs a script in a process of its own so that it submits to the designated platform."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from secrets import token_hex
from signal import SIGINT, SIGTERM
from typing import Any

from hera_experiment.argo.names import SESSION_LABEL
from hera_experiment.context.context import Context
from hera_experiment.context.inherited import EndpointAddress, handed_on
from hera_experiment.endpoint.address import address_of, name_of, without_cluster
from hera_experiment.endpoint.printer import Printer
from hera_experiment.endpoint.server import Endpoint
from hera_experiment.endpoint.submission import Submission
from hera_experiment.endpoint.yaml_text import NO_NAMESPACE
from hera_experiment.environment.interpreter import environment_of
from hera_experiment.environment.script_process import INTERPRETER, ScriptEnded, ScriptProcess
from hera_experiment.environment.submissions import experiment_labels, submitter_of
from hera_experiment.errors import tell
from hera_experiment.follow.events import Inbox, SignalReceived, signals_into
from hera_experiment.platform.kubernetes_access import no_platform
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, State
from hera_experiment.runs.server import Server, open_server
from hera_experiment.submission.create_attempts import RESUME
from hera_experiment.submit.data import DataUpload
from hera_experiment.submit.messages import created
from hera_experiment.submit.preflight import Preflight

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
        self._labels = {**experiment_labels(context.experiment), SESSION_LABEL: self._session}
        self._signalled = False

    def submit(self, *, wait: bool) -> int:
        """Run the script, which creates its workflows; return its exit status.

        With ``wait`` the workflows of a script that ended well are followed to their end, and the
        status is their verdict.

        Raises
        ------
        UserError
            When no platform is designated or it does not answer, or following fails.
        """
        if not _is_designated(self._context):
            raise no_platform(self._context)
        with open_server(self._context) as server:
            submission = self._submission(server)
            with Endpoint(submission) as endpoint:
                status = self._run(address_of(endpoint, server))
                submission.close()
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
                return follow_to_end(server, there)
            name = "" if len(there) == 1 else " RUN=NAME"
            print(f"follow it: make watch{name}; its files: make results{name}")
            return 0

    def dry_run(self) -> int:
        """Print the workflows of the script as YAML; nothing is created and nothing recorded."""
        account = self._context.argo_service_account
        if not _is_designated(self._context):
            # Something must answer a script that asserts that its server is there.
            with Endpoint(Printer(sys.stdout, labels=self._labels, account=account)) as endpoint:
                namespace = self._context.argo_namespace or NO_NAMESPACE
                address = EndpointAddress(
                    endpoint.url, endpoint.token, server=endpoint.url, namespace=namespace
                )
                context = without_cluster(self._context, address)
                return self._run(address, context, output=2)
        with open_server(self._context) as server:
            name = name_of(server)
            printer = Printer(sys.stdout, server.client, name, labels=self._labels, account=account)
            with Endpoint(printer) as endpoint:
                return self._run(address_of(endpoint, server), output=2)

    def _submission(self, server: Server) -> Submission:
        experiment = self._context.experiment
        submitter = submitter_of(
            experiment,
            server.client,
            self._context.cluster,
            labels=self._labels,
            script=self._script,
            inputs=self._inputs,
            session=self._session,
        )

        def say_created(namespace: str, workflow: Mapping[str, Any]) -> None:
            name = str(workflow["metadata"]["name"])
            line = created(server.client.url, namespace, name, is_local=server.is_local)
            print(line, flush=True)

        def say(sentence: str) -> None:
            submission.refuse_when_closing()
            tell(sentence)

        data = DataUpload(server, say)
        checks = [] if server.is_local else [Preflight(self._context, server.client)]
        submission = Submission(
            submitter,
            account=self._context.argo_service_account,
            before=[*checks, data],
            created=say_created,
        )
        return submission

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

    def _run(
        self, address: EndpointAddress, context: Context | None = None, output: int | None = None
    ) -> int:
        context = context or self._context
        variables = {**self._environ, **handed_on(context, address, fixed=True)}
        command = [*INTERPRETER, str(self._script), *self._arguments]
        inbox: Inbox = SimpleQueue()
        with signals_into(inbox):
            environment = environment_of(variables, context, self._inputs)
            process = ScriptProcess(command, environment, terminal=False, output=output)
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


def follow_to_end(server: Server, records: Sequence[RunRecord]) -> int:
    """Follow the workflows of ``records`` on ``server``; return their verdict."""
    from hera_experiment.follow.display import display_of
    from hera_experiment.follow.run import follow
    from hera_experiment.runs.find import Run

    runs = [
        Run(server, server.client.get_workflow(record.namespace, record.name), record)
        for record in records
    ]
    return follow(runs, display_of())
