"""Say where two runs part: the first task whose outputs differ, and why."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError, tell
from hera_experiment.verbs._options import add_output, add_switch, is_on

if TYPE_CHECKING:
    from hera_experiment.account.account import Account
    from hera_experiment.compare.differences import Differences
    from hera_experiment.context.context import Context


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the two runs, the file in question, and whether to prove it."""
    parser.add_argument(
        "--a", default="", metavar="RUN", help="the one run (the newest before the other)"
    )
    parser.add_argument("--b", default="", metavar="RUN", help="the other run (the newest)")
    parser.add_argument("--file", default="", metavar="PATH", help="the output that differs (all)")
    add_switch(
        parser, "--prove", "run A again here with one thing of B at a time, until the cause shows"
    )
    parser.add_argument(
        "--runtime", default="", metavar="NAME", help="how containers run for the proof (as in A)"
    )
    add_output(parser)
    parser.add_context_arguments()


def main(args: VerbArguments) -> int:
    """Tell it; returns 0, also when nothing differs."""
    context = args.context_told()
    proving = is_on(args.prove, "--prove")
    from hera_experiment.account.account import account_of
    from hera_experiment.compare.causes import Comparison
    from hera_experiment.compare.differences import differences
    from hera_experiment.compare.proof import prove
    from hera_experiment.compare.report import document_of, lines_of
    from hera_experiment.follow.display import display_of
    from hera_experiment.runs.find import find_run_or_deleted

    names = _named(context, args.a, args.b)
    accounts: list[Account] = []
    with ExitStack() as stack:
        for name in names:
            run = stack.enter_context(find_run_or_deleted(context, name))
            accounts.append(account_of(run, tell))
    one, other = accounts
    found = differences(one, other)
    path = _path(args.file, found)
    comparison = Comparison(one, other, found)
    proof = None
    if proving and not found.same_outputs:
        proof = prove(context, comparison, tell, args.runtime)
        found = proof.differences
        comparison = Comparison(one, other, found)
    task = found.first_of(path)
    causes = comparison.causes(task) if task is not None else []
    if args.output == "json":
        print(json.dumps(document_of(comparison, task, causes, proof), indent=2, default=str))
    else:
        display_of().output.write(lines_of(comparison, task, causes, path, proof))
        if task is not None and not proving and sum(not each.out for each in causes) > 1:
            tell(f"'make why A={one.name} B={other.name} PROVE=1' shows which it is")
    return 0


def _named(context: Context, one: str, other: str) -> tuple[str, str]:
    """Return the names of the two runs: the newest, and the one of its script before it."""
    if one and other:
        return one, other
    from hera_experiment.runs.listing import REFUSED, all_runs, run_before

    runs = [run for run in all_runs(context).runs if run.is_mine and run.phase != REFUSED]
    if not other:
        other = next((run.name for run in runs if run.name != one), "")
    if not one:
        later = next((run for run in runs if run.name == other), None)
        earlier = run_before(later, runs) if later is not None else next(iter(runs), None)
        one = earlier.name if earlier is not None else ""
    if not one or not other:
        raise UserError(
            "there are no two runs to compare", "A, B", "'make runs' lists those there are"
        )
    return one, other


def _path(given: str, found: Differences) -> str:
    """Return the path below the run's folder that a person means by ``given``."""
    if not given:
        return ""
    paths = [file.path for file in found.files]
    meant = [path for path in paths if path == given or f"/{given}".endswith(f"/{path}")]
    meant = meant or [path for path in paths if path.endswith(f"/{given}")]
    if len(meant) != 1:
        what = (
            f"neither run has a file '{given}'" if not meant else f"'{given}' is {len(meant)} files"
        )
        near = ", ".join((meant or paths)[:3]) or "they have no files"
        raise UserError(what, "FILE", f"name one by its path: {near}")
    return meant[0]
