"""Say whether the next submission to the cluster can work, and what to do if not."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hera_experiment.context import profiles
from hera_experiment.context.context import Context
from hera_experiment.context.sources import Origin, Source
from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError, report, tell
from hera_experiment.experiment import Experiment
from hera_experiment.platform.state_folder import prepare
from hera_experiment.sign_in.terminal import Terminal
from hera_experiment.template_record import library
from hera_experiment.verbs._options import is_on

if TYPE_CHECKING:
    from hera_experiment.check.runner import Result

SCRIPT = "workflow.py"
TIMEOUT = 5.0
_COULD_NOT_CHECK = 2
_NO_NAMESPACE = "no-namespace-is-set"
"""Stands for the namespace where none is set, for Hera makes no workflow without one."""
_PROBED = "probed"
"""The file of the local state with the places that a probe may be sent to, one a line."""
_AGREED = ("yes", "y")
Consent = Callable[[str], str]
"""Told what the probe does; returns why it is not to be sent, nothing where it is."""
_PAUSE = 2.0
_LONGEST_CHECK = 4
"""A check that has not ended after so many time-outs is given up."""


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: output, patience, the script, and how the cluster is reached."""
    parser.add_argument(
        "-o",
        "--output",
        default="text",
        choices=("text", "json", "junit"),
        help="lines for people (text), or one document for machines",
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="CODE[,CODE]",
        help="make these checks alone, with what they need",
    )
    parser.add_argument(
        "--skip",
        default="",
        metavar="CODE[,CODE]",
        help="make all checks but these",
    )
    parser.add_argument(
        "--wait",
        default="0",
        metavar="SECONDS",
        help="try again until all is well, at most so long (0)",
    )
    parser.add_argument(
        "--timeout",
        default=str(TIMEOUT),
        metavar="SECONDS",
        help=f"the time-out of each request ({TIMEOUT:g})",
    )
    parser.add_argument(
        "--probe",
        nargs="?",
        const="1",
        default="",
        metavar="1|yes",
        help="try it with a small workflow too; asks before the first time, unless it says yes",
    )
    parser.add_context_arguments()
    parser.add_argument(
        "script",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT [ARGS ...]",
        help=f"the script whose workflow is checked, and its arguments ({SCRIPT})",
    )


def main(args: VerbArguments) -> int:
    """Run the checks and show them.

    Returns 0 when all is well (warnings too), 1 when one failed or no cluster is set up, 2 when it
    could not be checked whether a submission can work; settings that cannot be read are that case
    too.
    """
    try:
        timeout, wait = _seconds(args.timeout, "--timeout"), _seconds(args.wait, "--wait")
        if not timeout:
            raise UserError(
                "a time-out of 0 s ends every request", "--timeout", "give one such as 30"
            )
        context = args.context()
        if context.is_local:
            raise UserError(
                "this machine needs no check",
                context.where("cluster"),
                "choose a cluster: make check-cluster CLUSTER=name; or run it here: make run",
            )
        consent = _consent(args.probe, context, Terminal())
        context.tell_notes()
        script, arguments = _script(list(args.script), context.experiment)
        nothing = _nothing_set_up(context)
        if nothing and args.output == "text" and not (args.only or args.skip):
            return report(nothing)
        return check_cluster(
            context,
            script,
            arguments,
            output=args.output,
            only=args.only,
            skip=args.skip,
            timeout=timeout,
            wait=wait,
            consent=consent,
        )
    except UserError as error:
        report(error)
        return _COULD_NOT_CHECK


def check_cluster(
    context: Context,
    script: Path | None,
    arguments: tuple[str, ...] = (),
    *,
    output: str = "text",
    only: str = "",
    skip: str = "",
    timeout: float = TIMEOUT,
    wait: float = 0.0,
    consent: Consent | None = None,
    environ: Mapping[str, str] = os.environ,
    out: TextIO | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Check what ``context`` designates, until it is well or ``wait`` seconds are over.

    ``only`` and ``skip`` hold codes as they were typed; ``consent`` says whether the probe may be
    sent, None for no probe. Raises ``UserError`` for a code that is none.
    """
    from hera_experiment.check import report as reports
    from hera_experiment.check.capture import capture
    from hera_experiment.check.catalogue import CATALOGUE, own_checks, select
    from hera_experiment.check.probe.results import CHECK as PROBE
    from hera_experiment.check.probe.results import with_probe
    from hera_experiment.check.runner import run
    from hera_experiment.check.target import CheckTarget

    out = out or sys.stdout
    end = clock() + wait
    known = (*CATALOGUE, *own_checks(context))
    codes = [*(each.code for each in known), PROBE.code]
    wanted, unwanted = _codes(only, "--only", codes), _codes(skip, "--skip", codes)
    if both := sorted({*wanted} & {*unwanted}):
        raise UserError(f"{both[0]} stands in --only too", "--skip", "take it out of one of them")
    if PROBE.code in unwanted:
        consent = None
        unwanted.remove(PROBE.code)
    if PROBE.code in wanted:
        if consent is None:
            advice = f"type {_probing(context, '1')} ONLY=PROBE"
            raise UserError("the probe is not asked for", "--only", advice)
        wanted.remove(PROBE.code)
        wanted += PROBE.needs
    checks = [
        # Whoever asks for a check by its name wants to know that it could not be made.
        replace(each, essential=each.essential or each.code in wanted)
        for each in select(known, wanted, unwanted, context.cluster)
    ]
    if not checks:
        raise UserError("SKIP leaves no check to make", "--skip", "leave out fewer")
    made = {each.code for each in checks}
    left_out = [each.code for each in known if each.code not in made]
    while True:
        find = partial(capture, script, arguments, _somewhere(context), environ)
        target = CheckTarget(context, find, timeout=timeout, environ=environ)
        streaming = output == "text" and not wait and consent is None
        shown = checks if consent is None else [*checks, PROBE]
        text = reports.TextReport(shown, out, colour=_in_colour(out, environ))
        found: dict[str, Result] = {}
        for result in run(checks, target, limit=_LONGEST_CHECK * timeout):
            found[result.check.code] = result
            if streaming:
                text.add(result)
        results = [found[each.code] for each in checks]
        status = reports.exit_status(results)
        remaining = end - clock()
        if status and remaining > 0:
            tell(reports.first_step(results, len(left_out)))
            sleep(min(_PAUSE, remaining))
            continue
        if consent is not None:
            results = with_probe(results, target, consent)
            status = reports.exit_status(results)
        made_by = library(context.experiment.template)
        if output == "json":
            print(reports.as_json(results, made_by, left_out), file=out, flush=True)
        elif output == "junit":
            print(reports.as_junit(results, made_by, len(left_out)), file=out, flush=True)
        else:
            for result in [] if streaming else results:
                text.add(result)
            text.close(len(left_out), "" if consent else _probing(context, "1"))
        return status


def _nothing_set_up(context: Context) -> UserError | None:
    """Return the one sentence to say where nothing leads to a cluster, else None."""
    from hera_experiment.platform.kubeconfig import files_of

    if context.argo_server or files_of(context.k8s_config_file):
        return None
    known = profiles.names(context.experiment.folder)
    if known:
        return UserError(
            f"no cluster is chosen, of {', '.join(known)}",
            next_step=f"type make check-cluster CLUSTER={known[0]}",
        )
    return UserError(
        "no cluster is set up yet",
        next_step="type make sign-in CLUSTER=name, which asks for what it needs and keeps it",
    )


def _consent(value: str, context: Context, person: Terminal) -> Consent | None:
    """Return what asks ``person`` whether the probe may be sent; None where none is wanted.

    It asks once for each namespace of each server; the answer is kept in the local state.
    """
    kept = context.experiment.state / _PROBED
    place = f"{context.argo_server} {context.argo_namespace}"
    known = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    if not is_on(value, "--probe"):
        return None
    is_agreed = value.lower() in _AGREED or place in known
    if not is_agreed and not person.is_interactive:
        raise UserError(
            "the probe sends a workflow to the cluster, and there is no terminal to ask in",
            "--probe",
            f"agree by typing {_probing(context, 'yes')}",
        )

    def ask(what: str) -> str:
        if not is_agreed:
            person.say(what)
            if person.ask("Send it? [y/N] ").lower() not in ("y", "yes"):
                return "nobody agreed to it"
        if place not in known:
            prepare(context.experiment.state)
            kept.write_text("\n".join([*known, place]) + "\n", encoding="utf-8")
        return ""

    return ask


def _somewhere(context: Context) -> Context:
    """Return ``context`` with a namespace: that none is set is the fault of another check."""
    if context.argo_namespace:
        return context
    return context.changed(Source(Origin.PLATFORM), argo_namespace=_NO_NAMESPACE)


def _probing(context: Context, value: str) -> str:
    where = f" CLUSTER={context.cluster}" if context.cluster else ""
    return f"make check-cluster{where} PROBE={value}"


def _in_colour(out: TextIO, environ: Mapping[str, str]) -> bool:
    return out.isatty() and "NO_COLOR" not in environ and environ.get("TERM") != "dumb"


def _codes(text: str, option: str, known: list[str]) -> list[str]:
    codes = text.replace(",", " ").upper().split()
    for code in codes:
        if code not in known:
            import difflib

            from hera_experiment.check.runner import PAGE

            close = difflib.get_close_matches(code, known, n=1)
            advice = f"did you mean {close[0]}?" if close else f"{PAGE} lists them"
            raise UserError(f"no check has the code '{code}'", option, advice)
    return codes


def _seconds(text: str, option: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise UserError(f"'{text}' is not a number of seconds", option, "give one such as 30")
    return number


def _script(words: list[str], experiment: Experiment) -> tuple[Path | None, tuple[str, ...]]:
    if words[:1] == ["--"]:
        del words[0]
    if not words:
        script = experiment.folder / SCRIPT
        return (script if script.is_file() else None), ()
    path = Path(words[0])
    if not path.is_file():
        raise UserError(f"there is no script '{path}'", "on the command line", "correct its name")
    return path, tuple(words[1:])
