"""What became of a script's submissions: told, and followed to the end of their workflows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.environment.script_process import script_environment
from hera_experiment.errors import tell
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import State
from hera_experiment.submission.create_attempts import RESUME
from hera_experiment.submit.front import Front, opened
from hera_experiment.submit.part import WHOLE, Part
from hera_experiment.submit.script_run import ScriptEnd, run_script

if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.environment.inputs import InputChoice
    from hera_experiment.follow.display import Display
    from hera_experiment.runs.find import Run

AtEnd = Callable[[Sequence["Run"], "Display"], None]
"""What is done with runs that were followed to their end."""

_PLAIN_ENDS = (0, 1, 130)
"""Exit statuses that need no word: all is well, somebody said why, the person knows."""


def submit_script(
    context: Context,
    script: Path,
    arguments: Sequence[str],
    inputs: InputChoice,
    *,
    dry_run: bool = False,
    display: Display | None = None,
    at_end: AtEnd | None = None,
    part: Part = WHOLE,
) -> int:
    """Run ``script`` so that it submits to the platform of ``context``; see :func:`conclude`.

    Raises ``UserError`` as :func:`~hera_experiment.submit.front.opened` does.
    """
    with opened(context, script, arguments, inputs, dry_run=dry_run, part=part) as front:
        environment = script_environment(front.context, front.address, inputs)
        ended = run_script([str(script), *arguments], environment, output=front.output)
        front.end()
        return conclude(front, script.name, ended, display, at_end)


def conclude(
    front: Front,
    script: str,
    ended: ScriptEnd,
    display: Display | None,
    at_end: AtEnd | None = None,
) -> int:
    """Tell what the script called ``script`` has submitted through ``front``.

    With a ``display`` the workflows of a script that ended well are followed there to their end,
    and handed to ``at_end`` then.
    Returns the exit status: the script's own where that is not 0, 1 when it is not known whether a
    workflow exists, else the verdict of the workflows that were followed.

    Raises
    ------
    UserError
        When following fails.
    """
    status, server = ended.status, front.server
    if server is None or not front.session:
        return status
    records = [
        record
        for record in Records.of(server.context.experiment).all()
        if record.session == front.session
    ]
    there = [record for record in records if record.state is State.CREATED]
    unsure = [record for record in records if record.state is State.UNSURE]
    if status != 1:  # otherwise the refusal itself has said it
        for record in unsure:
            tell(f"whether {record.name} was created is not known: '{RESUME}' finds out")
    if status:
        for record in there:
            tell(f"{record.name} was created and goes on")
        if status not in _PLAIN_ENDS and not ended.interrupted:
            tell(f"{script} ended with exit status {status}")
    elif not records and not front.others():
        tell(f"{script} created no workflow: it has to call w.create()")
        return 1
    if status or unsure or not there:
        return status or len(unsure[:1])
    if display is not None:
        from hera_experiment.follow.run import follow
        from hera_experiment.runs.find import Run

        runs = [
            Run(server, server.client.get_workflow(record.namespace, record.name), record)
            for record in there
        ]
        verdict = follow(runs, display, says_files=True)
        if at_end is not None and verdict in (0, 1):
            at_end(runs, display)
        return verdict
    name = "" if len(there) == 1 else " RUN=NAME"
    print(f"follow it: make watch{name}; its files: make results{name}")
    return 0
