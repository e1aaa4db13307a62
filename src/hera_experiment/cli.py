"""``python -m hera_utils VERB [options]``: finds the verb, and ends as a program should.

The context module calls :func:`main` with itself. Each verb imports what it needs, this module next
to nothing: a list of the verbs must not wait.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from hera_experiment import garbage, verbs
from hera_experiment.errors import UserError, report
from hera_experiment.printing import filtered_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.context.verb_arguments import VerbParser

_INTERRUPTED = 130
_BROKEN_PIPE = 141
_PROGRAM = "python -m hera_utils"

GOALS_VARIABLE = "HERA_UTILS_GOALS"
"""The targets of one invocation of make, which hands each of them all its variables."""


def main(argv: list[str], context_module: ModuleType) -> int:
    """Run the verb that ``argv`` begins with and return its exit status.

    ``context_module`` has the class of the contexts that verbs work with, ``CLIContext``. A
    :class:`UserError` becomes one sentence and status 1, Ctrl-C status 130.
    """
    garbage.look_seldom()
    try:
        with filtered_output():
            status = _run(argv, context_module)
            sys.stdout.flush()
        return status
    except UserError as error:
        return report(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has left; Python must not complain again on its own way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    finally:
        garbage.keep_what_is()


def _run(argv: list[str], context_module: ModuleType) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(f"usage: {_PROGRAM} VERB [options]\n\n{verbs.as_text()}")
        print(
            f"\n{_PROGRAM} VERB --help shows the options of one verb,"
            f" {_PROGRAM} --version the library's version."
        )
        return 0 if argv else 2
    if argv[0] == "--version":
        return _print_version()
    from hera_experiment.context.arguments import parse
    from hera_experiment.context.verb_arguments import VerbArguments

    kind: type[Context] = context_module.CLIContext
    verb, rest = argv[0], argv[1:]
    known = verbs.table()
    if verb not in known:
        raise _unknown(verb, list(known))

    parser, module = _made(verb, known[verb], kind)
    goals = os.environ.pop(GOALS_VARIABLE, "").split()
    if (
        verb == "submit"
        and "results" in goals[goals.index(verb) if verb in goals else len(goals) :]
    ):
        # It waits in place of submit: what a run has made comes home though it failed.
        rest = [word for word in rest if word.partition("=")[0] != "--wait"]
    others = [_made(goal, "", kind)[0] for goal in goals if goal != verb and goal in known]
    args = VerbArguments(kind)
    parse(parser, _without_those_of(others, parser, rest), args, {}, kind.ARGUMENTS)
    return int(module.main(args))


def _print_version() -> int:
    from pathlib import Path

    from hera_experiment.experiment import Experiment
    from hera_experiment.template_record import library

    print(library(Experiment.find(Path.cwd()).template))
    return 0


def _made(verb: str, text: str, kind: type[Context]) -> tuple[VerbParser, ModuleType]:
    from importlib import import_module

    from hera_experiment.context.arguments import take_dashes
    from hera_experiment.context.verb_arguments import VerbParser

    parser = VerbParser(kind, prog=f"{_PROGRAM} {verb}", description=f"{text}.")
    module = import_module(f"hera_experiment.verbs.{verb.replace('-', '_')}")
    module.add_arguments(parser)
    take_dashes(parser)
    return parser, module


def _without_those_of(others: list[VerbParser], parser: VerbParser, words: list[str]) -> list[str]:
    """Return ``words`` without the options that ``others`` know and ``parser`` does not."""

    def is_of_another(word: str) -> bool:
        option = word.partition("=")[0]
        known = (option in other._option_string_actions for other in others)
        return option not in parser._option_string_actions and any(known)

    return [word for word in words if not (word.startswith("--") and is_of_another(word))]


def _unknown(verb: str, known: list[str]) -> UserError:
    import difflib

    what = f"there is no option '{verb.partition('=')[0]}'" if verb.startswith("-") else ""
    close = difflib.get_close_matches(verb, known, n=1)
    advice = f"did you mean '{close[0]}'?" if close else f"choose one of {', '.join(known)}"
    return UserError(what or f"there is no verb '{verb}'", "on the command line", advice)
