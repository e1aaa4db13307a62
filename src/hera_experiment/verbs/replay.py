"""Run one task of a run again on this machine, as it ran there (TASK=name, DEBUG=1)."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError, tell
from hera_experiment.verbs._options import (
    add_output,
    add_reader_image,
    add_run_arguments,
    add_switch,
    is_on,
    put_out,
)
from hera_experiment.verbs._script import SCRIPT

if TYPE_CHECKING:
    from hera_experiment.argo.objects import Kind
    from hera_experiment.context.context import Context
    from hera_experiment.replay.replay import Replayed
    from hera_experiment.replay.wish import Wish
    from hera_experiment.runs.find import Run
    from hera_experiment.verbs._options import Document

_CODES = ("run", "now")
_LIMIT = "1Gi"


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: which task of which run, with which code and files, and how."""
    parser.add_argument(
        "--task", default="", metavar="NAME", help="the task (the first that failed)"
    )
    parser.add_argument(
        "--code",
        default=_CODES[0],
        choices=_CODES,
        help="that of the run, or now: today's, to try a mend (run)",
    )
    parser.add_argument(
        "--limit",
        default=_LIMIT,
        metavar="SIZE",
        help=f"so much of each claim is fetched, of what the task opens ({_LIMIT}; 0: nothing)",
    )
    add_switch(parser, "--fetch", "fetch its files anew")
    add_switch(parser, "--debug", "an exception, or breakpoint(), opens Python's debugger")
    add_output(parser)
    add_reader_image(parser)
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Run it; return 0 when it ends as it did there, or well, and 1 when it fails otherwise."""
    debug, fetch = is_on(args.debug, "--debug"), is_on(args.fetch, "--fetch")
    most = _bytes(args.limit)
    if debug and args.output == "json":
        raise UserError("a debugger is for a person", "--debug", "leave out OUTPUT=json")
    context = args.context_told()
    from hera_experiment.replay.wish import Wish

    wish = Wish(args.code, most, fetch=fetch, debug=debug, image=args.reader_image)
    return put_out(args.output, partial(_replay, args, context, wish))


def _replay(args: VerbArguments, context: Context, wish: Wish, document: Document) -> int:
    from hera_experiment.follow.display import display_of
    from hera_experiment.follow.lines import Line
    from hera_experiment.replay.replay import Replay, chosen_task
    from hera_experiment.runs.find import find_run_or_deleted

    output = display_of(sys.stdout).output
    with find_run_or_deleted(context, args.run) as run:
        task = chosen_task(run, args.task)
        tell(f"{task.name} of {run.name} runs again here")

        def show(line: str) -> None:
            output.write([Line(line)])

        replay = Replay(run, task, context, wish, tell, show, lambda: _today(args, context, run))
        replayed = replay.replayed()
        document.update(_document(run, replayed))
        output.write(Line(text, style) for text, style in _verdict(run, replayed))
    return 0 if not replayed.differs or replayed.here.succeeded else 1


def _verdict(run: Run, replayed: Replayed) -> list[tuple[str, str]]:
    """Return the lines that say how it ended, each with its style."""
    from hera_experiment.follow.lines import shown

    there, here = replayed.there, replayed.here
    lines = [("", "")]
    lines += [(f"not as it was there: {remark}", "yellow") for remark in replayed.remarks]
    if replayed.differs:
        what = "it succeeds here" if here.succeeded else f"another end here: {here}"
        differs = "" if here.succeeded else f"; {replayed.differs}"
        lines.append((f"{what}{differs}", "bold green" if here.succeeded else "bold red"))
        if here.succeeded:
            lines.append((f"there it was: {there}", ""))
    elif here.succeeded:
        lines.append((f"the same here: {here}", "bold green"))
    else:
        lines.append((f"the same failure here: {here}", "bold red"))
    if there.log:
        lines.append((f"its last line there is not known: {there.log}", "yellow"))
    lines.append((f"its files here: {shown(replayed.folder, Path.cwd())}{os.sep}", "dim"))
    if not there.succeeded:
        lines += [(line, "") for line in _after_a_mend(run, replayed)]
    return lines


def _after_a_mend(run: Run, replayed: Replayed) -> list[str]:
    """Return what tries a mend here, and what goes on with the run then."""
    of_run = f"RUN={run.name}"
    script = run.record.script if run.record else ""
    named = f" SCRIPT={shlex.quote(script)}" if script and Path(script).name != SCRIPT else ""
    begin = shlex.quote(replayed.task.partition("(")[0].partition(".")[0])
    goes_on = f"make run FROM={begin} {of_run}{named}"
    if not run.server.is_local:
        where = f" CLUSTER={run.server.label}" if run.server.label else ""
        goes_on = f"make build push submit FROM={begin} {of_run}{where}{named}"
    if replayed.here.succeeded:
        return [f"to go on: {goes_on}"]
    return [
        f"to try a mend: make replay {of_run} TASK={shlex.quote(replayed.task)} CODE=now",
        f"to go on then: {goes_on}",
    ]


def _document(run: Run, replayed: Replayed) -> dict[str, Any]:
    """Return what came of it, for machines."""

    def ending(which: Any) -> dict[str, Any]:
        return {**vars(which), "lines": list(which.lines), "last_line": which.last_line}

    return {
        "run": run.name,
        "cluster": run.server.label,
        "task": replayed.task,
        "same": not replayed.differs,
        "differs": replayed.differs,
        "there": ending(replayed.there),
        "here": ending(replayed.here),
        "remarks": list(replayed.remarks),
        "folder": str(replayed.folder),
    }


def _today(args: VerbArguments, context: Context, run: Run) -> Mapping[str, Any]:
    """Return the workflow that the script of ``run`` would submit today."""
    from hera_experiment.check.capture import capture
    from hera_experiment.check.outcome import CannotTell
    from hera_experiment.environment.inputs import InputChoice
    from hera_experiment.submission.document_names import is_document
    from hera_experiment.submission.documents import documents_of

    named = run.record.script if run.record else ""
    script = Path(named).expanduser() if named else context.experiment.folder / SCRIPT
    if not script.is_absolute():
        script = context.experiment.folder / script
    if not script.is_file():
        what = f"there is no {script.name} here, which tells today's workflow"
        raise UserError(what, "CODE=now", "leave it out")
    if is_document(script):
        return _workflow_of((each.kind, each.manifest) for each in documents_of(script))
    local = args.kind.read(None, ["--cluster=local"])
    inputs = InputChoice.read(run.record.inputs if run.record else "")
    try:
        found = capture(script, (), local, {**os.environ, **inputs.variables()})
    except CannotTell as reason:
        raise UserError(str(reason), "CODE=now", "leave it out") from None
    return _workflow_of((each.kind, each.manifest) for each in found.objects)


def _workflow_of(objects: Iterable[tuple[Kind, Mapping[str, Any]]]) -> Mapping[str, Any]:
    """Return the first workflow among ``objects``."""
    from hera_experiment.argo.objects import WORKFLOW

    for kind, manifest in objects:
        if kind is WORKFLOW:
            return manifest
    raise UserError("there is no workflow among what is submitted", "CODE=now", "leave it out")


def _bytes(text: str) -> int:
    """Return the bytes of ``LIMIT``."""
    from hera_experiment.argo.quantities import number_of

    try:
        return int(number_of(text))
    except ValueError:
        raise UserError(
            f"'{text}' is no size", "--limit", "write one such as 500Mi, 2Gi or 0"
        ) from None
