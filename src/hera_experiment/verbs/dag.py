"""Show the workflow before it runs: as text, as a picture, as Mermaid for a README."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.context.sources import display
from hera_experiment.errors import UserError, report
from hera_experiment.experiment import Experiment
from hera_experiment.verbs._options import add_switch, is_on
from hera_experiment.verbs._script import add_script_arguments
from hera_experiment.verbs._sources import sources_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hera_experiment.context.verb_arguments import VerbArguments
    from hera_experiment.graph.model import Graph
    from hera_experiment.lint.sources import Source

_FORMATS = {"text": ".txt", "svg": ".svg", "mermaid": ".mmd", "json": ".json"}
_MARKDOWN = (".md", ".markdown")
_PICTURE = "dag.svg"
BEGIN, END = "<!-- make dag -->", "<!-- end of make dag -->"
"""The lines of a Markdown file between which a flow chart is kept up to date."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: what is shown of which workflow, how, and where it goes."""
    parser.add_argument(
        "-o",
        "--format",
        "--output",
        default="",
        choices=tuple(_FORMATS),
        help=f"text (and a picture results/{_PICTURE}), svg, mermaid or json",
    )
    parser.add_argument(
        "--out",
        default="",
        metavar="FILE",
        help="where it goes: FILE.svg, .mmd, .json, .txt; in FILE.md, between the lines "
        f"'{BEGIN}' and '{END}', as Mermaid",
    )
    add_switch(parser, "--parameters", "with the parameters and artifacts of each task")
    add_script_arguments(parser)


def main(args: VerbArguments) -> int:
    """Show what the script submits, or the files hold; nothing is submitted.

    Returns 1 when a file could not be read or there is nothing to show.
    """
    from hera_experiment.lint.subject import LATEST

    form = _format(args)
    experiment = Experiment.find(Path.cwd())
    sources, problems = sources_of(args, experiment, "dag", "shown", LATEST)
    for problem in problems:
        report(problem)
    graphs = _graphs(form, args, sources)
    if graphs and args.out:
        _write(form, graphs, Path(args.out))
    elif graphs:
        _print(form, graphs)
        if not form:
            _also_draw(graphs, experiment)
    return 0 if graphs and not problems else 1


def _format(args: VerbArguments) -> str:
    """Return what is asked for, by the name of the file where it is not said; nothing for all."""
    if args.format or not args.out:
        return str(args.format)
    suffix = Path(args.out).suffix.lower()
    if suffix in _MARKDOWN:
        return "mermaid"
    for form, ending in _FORMATS.items():
        if ending == suffix:
            return form
    raise UserError(
        f"'{args.out}' does not say in which format", "--out", f"add FORMAT={'|'.join(_FORMATS)}"
    )


def _graphs(form: str, args: VerbArguments, sources: Sequence[Source]) -> list[Graph]:
    """Return the graph of each object but of templates that another one of them uses."""
    from hera_experiment.argo.objects import Submitted
    from hera_experiment.graph.alike import folded
    from hera_experiment.graph.of_workflow import graph_of

    def drawn(graph: Graph) -> Graph:
        return graph if form == "json" else folded(graph)

    parameters = is_on(args.parameters, "--parameters")
    objects = [Submitted(each.subject.manifest, each.subject.kind) for each in sources]
    used = {name for each in objects for name in each.templates_used}
    return [
        drawn(graph_of(each.manifest, source.subject.kept, parameters=parameters))
        for each, source in zip(objects, sources, strict=True)
        if each.kind.key != "template" or each.name not in used
    ]


def _print(form: str, graphs: Sequence[Graph]) -> None:
    if form == "svg" and len(graphs) > 1:
        raise UserError(
            f"there are {len(graphs)} workflows, and a picture for each",
            "--format",
            "say where they go: OUT=dag.svg",
        )
    sys.stdout.write("\n".join(_texts(form, graphs)))


def _texts(form: str, graphs: Sequence[Graph]) -> list[str]:
    """Return a text for each graph; as JSON one for all."""
    if form == "json":
        return [json.dumps([asdict(graph) for graph in graphs], indent=2) + "\n"]
    if form == "mermaid":
        from hera_experiment.graph.mermaid import mermaid_of

        return [mermaid_of(graph) for graph in graphs]
    if form == "svg":
        from hera_experiment.graph.layout import laid_out
        from hera_experiment.graph.svg import svg_of

        return [svg_of(laid_out(graph)) for graph in graphs]
    from hera_experiment.graph.text import WIDTH, text_of

    width = shutil.get_terminal_size((WIDTH, 1)).columns if sys.stdout.isatty() else WIDTH
    return ["\n".join(text_of(graph, width)) + "\n" for graph in graphs]


def _write(form: str, graphs: Sequence[Graph], path: Path) -> None:
    """Write ``path``, and for more graphs ``NAME-2`` and so on beside it."""
    texts = _texts(form, graphs)
    if path.suffix.lower() in _MARKDOWN:
        texts = [_within(path, "\n".join(f"```mermaid\n{text}```\n" for text in texts))]
    for number, text in enumerate(texts, start=1):
        place = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"'{place}' cannot be written: {error.strerror}", "--out") from None
        print(f"wrote {display(place)}")


def _within(path: Path, text: str) -> str:
    """Return what a file of Markdown holds, with ``text`` between the two lines."""
    try:
        before, begin, rest = path.read_text(encoding="utf-8").partition(f"{BEGIN}\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"'{path}' cannot be read: {error}", "--out") from None
    _, end, after = rest.partition(END)
    if not (begin and end):
        advice = f"add the lines '{BEGIN}' and '{END}' where it is to stand"
        raise UserError(f"'{path}' does not say where the chart goes", "--out", advice)
    return f"{before}{begin}{text}{end}{after}"


def _also_draw(graphs: Sequence[Graph], experiment: Experiment) -> None:
    """Draw the picture, too; where that cannot be, the text is there."""
    try:
        print()
        _write("svg", graphs, experiment.results / _PICTURE)
    except UserError as error:
        report(error)
