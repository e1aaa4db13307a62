"""Runs a script in a process of its own, to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from signal import SIGINT, SIGTERM

from hera_experiment.environment.script_process import INTERPRETER, ScriptEnded, ScriptProcess
from hera_experiment.follow.events import Inbox, SignalReceived, signals_into


@dataclass(frozen=True)
class ScriptEnd:
    """How a script ended: its exit status, and whether a person wanted it to end."""

    status: int
    interrupted: bool


def run_script(
    words: Sequence[str], environment: Mapping[str, str], *, output: int | None = None
) -> ScriptEnd:
    """Run the script and its arguments, ``words``; hand signals on, end it by force at the second.

    ``output`` is the descriptor that takes the place of its standard output.
    """
    inbox: Inbox = SimpleQueue()
    interrupted = False
    with signals_into(inbox):
        command = [*INTERPRETER, *words]
        process = ScriptProcess(command, environment, terminal=False, output=output)
        process.report_to(inbox)
        while True:
            match inbox.get():
                case ScriptEnded(status):
                    return ScriptEnd(status, interrupted)
                case SignalReceived(number):
                    if interrupted:
                        process.kill()
                    elif number != SIGINT:
                        # A terminal sends Ctrl-C to the script too, other signals come here alone.
                        process.send(SIGTERM)
                    interrupted = True
