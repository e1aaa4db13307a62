"""Judge your files and the workflow (Argo's verdict, common traps), verify the library."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.errors import UserError, report
from hera_experiment.experiment import Experiment
from hera_experiment.verbs._script import SCRIPT, add_script_arguments
from hera_experiment.verbs._sources import sources_of

if TYPE_CHECKING:
    from hera_experiment.context.verb_arguments import VerbArguments
    from hera_experiment.lint.rule import Rule
    from hera_experiment.lint.subject import Version


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: the rules, the output, what is judged."""
    codes = "CODE[,CODE]"
    parser.add_argument(
        "--select", default="", metavar=codes, help="judge by these rules, or all of HE1, HE2, …"
    )
    parser.add_argument("--ignore", default="", metavar=codes, help="judge by all rules but these")
    parser.add_argument(
        "--explain", default="", metavar="CODE", help="print a rule with examples; 'all' lists them"
    )
    parser.add_argument(
        "--argo", default="", metavar="VERSION", help="the version of Argo to judge for (4.0)"
    )
    parser.add_argument(
        "-o",
        "--output",
        default="text",
        choices=("text", "json", "sarif", "github"),
        help="lines for people (text); the others have the judgement of the workflow alone",
    )
    add_script_arguments(parser)


def main(args: VerbArguments) -> int:
    """Run all checks in the experiment's folder, the later ones even when an earlier one fails.

    Which rules hold is said in pyproject.toml. Another format than ruff's is no mistake, nor is a
    ``hera_utils`` that the laboratory changed; another library than the one that was shipped is.
    A script or a file that is named is judged alone.

    Returns 0 when all pass, else 1.
    """
    if args.explain:
        return _explain(args.explain)
    experiment = Experiment.find(Path.cwd())
    if args.script or args.words or args.output != "text":
        return _judge(args, experiment)
    passed = [
        *(_style(experiment.folder) if _is_installed("ruff") else [False]),
        *(_types(experiment) if _is_installed("mypy") else [False]),
        _is_judged_well(args, experiment),
        _is_as_shipped(args),
    ]
    return 0 if all(passed) else 1


def _explain(code: str) -> int:
    from hera_experiment.lint.catalogue import find
    from hera_experiment.lint.documentation import explained, table

    print(table() if code == "all" else explained(find(code, "--explain")))
    return 0


def _is_judged_well(args: VerbArguments, experiment: Experiment) -> bool:
    if not (experiment.folder / SCRIPT).is_file():
        return True
    print(f"{SCRIPT}, what it submits:", flush=True)
    try:
        return _judge(args, experiment) == 0
    except UserError as error:
        report(error)
        return False


def _judge(args: VerbArguments, experiment: Experiment) -> int:
    """Judge what is named, print it, and return 1 when there is an error."""
    from hera_experiment.lint import report as reports
    from hera_experiment.lint.judge import errors, judge
    from hera_experiment.template_record import library

    rules, version = _rules(args, experiment), _version(args.argo)
    sources, problems = sources_of(args, experiment, "lint", "judged", version)
    for problem in problems:
        report(problem)
    found = [
        each
        for source in sources
        for each in judge(rules, source.subject, source.name, source.locate)
    ]
    if args.output == "json":
        print(reports.as_json(found, library(experiment.template)))
    elif args.output == "sarif":
        print(reports.as_sarif(found, rules, library(experiment.template)))
    elif args.output == "github":
        print(reports.as_github(found))
    elif sources:
        print(reports.as_text(found, len(sources)), flush=True)
    return 1 if problems or errors(found) else 0


def _rules(args: VerbArguments, experiment: Experiment) -> Sequence[Rule]:
    from hera_experiment.lint.catalogue import selected
    from hera_experiment.lint.settings import choice_of

    select, ignore = (each.replace(",", " ").split() for each in (args.select, args.ignore))
    if select or ignore:
        return selected(select, ignore, "--select" if select else "--ignore")
    choice = choice_of(experiment.folder)
    return selected(choice.select, choice.ignore, choice.where)


def _version(written: str) -> Version:
    from hera_experiment.lint.subject import LATEST, version_of

    version = version_of(written)
    if written and version is LATEST:
        raise UserError(f"'{written}' is no version of Argo", "--argo", "write one such as 3.7")
    return version


def _style(folder: Path) -> Iterator[bool]:
    yield _call(folder, ("ruff", "check", "--no-fix"))
    format_check = ("ruff", "format", "--check", "--output-format=concise")
    _call(folder, format_check, " (advice; .venv/bin/ruff format follows it)")


def _types(experiment: Experiment) -> Iterator[bool]:
    """Check the types of the experiment, then of each container, which is a program of its own.

    What a container imports lies beside it, and two may have files of the same name.
    """
    folder = experiment.folder
    containers = experiment.containers.relative_to(folder)
    yield _call(folder, ("mypy", f"--exclude=^{containers}/"))
    for container in sorted(path for path in experiment.containers.glob("*") if path.is_dir()):
        visible = (path.relative_to(container).parts for path in container.rglob("*.py"))
        if any(not part.startswith(".") for parts in visible for part in parts[:1]):
            name = str(container.relative_to(folder))
            yield _call(folder, ("mypy", name), MYPYPATH=name)


def _is_as_shipped(args: argparse.Namespace) -> bool:
    from hera_experiment.verbs import verify

    print("verify:", flush=True)
    return verify.main(args) == 0


def _is_installed(module: str) -> bool:
    from importlib.util import find_spec

    if find_spec(module):
        return True
    next_step = f"'make lint' installs it, or: python -m pip install {module}"
    report(UserError(f"{module} is not installed", where=sys.executable, next_step=next_step))
    return False


def _call(folder: Path, words: tuple[str, ...], remark: str = "", **variables: str) -> bool:
    print(f"{' '.join(words)}{remark}:", flush=True)
    import subprocess

    command = [sys.executable, "-m", *words]
    return subprocess.call(command, cwd=folder, env={**os.environ, **variables}) == 0
