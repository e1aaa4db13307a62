"""Build the images of containers/, once per content."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._images import add_image_arguments

if TYPE_CHECKING:
    from hera_experiment.images.bench import Bench
    from hera_experiment.images.source import ImageSource


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: which containers, which engine, build arguments."""
    add_image_arguments(parser)


def main(args: VerbArguments) -> int:
    """Build what neither the engine nor the registry has; return 0 when all is there."""
    from hera_experiment.images.bench import Bench

    with Bench(args) as bench:
        return bench.each(lambda container: _build(bench, container))


def _build(bench: Bench, container: str) -> None:
    from hera_experiment.images.output import cleaned, step_of

    source = bench.sources.to_build(container, lambda text: bench.progress.say(container, text))
    local = bench.sources.reference(source)
    if there := _where_it_is(bench, source):
        bench.ledger.asked(local, source)
        bench.progress.say(container, f"{source.tag} is {there} already")
        return

    def heard(line: str) -> None:
        if step := step_of(line):
            bench.progress.step(container, step)
        else:
            bench.progress.detail(container, cleaned(line).strip())

    begun = monotonic()
    builder = bench.builder(bench.programs.runner(heard))
    bench.progress.step(container, f"building with {bench.engine}")
    builder.build(source)
    bench.ledger.asked(local, source, built=True)
    seconds = monotonic() - begun
    bench.progress.say(container, f"{source.tag} was built in {seconds:.0f} s", "green")


def _where_it_is(bench: Bench, source: ImageSource) -> str:
    """Return where the image is already; empty when it must be built."""
    from hera_experiment.errors import UserError
    from hera_experiment.images.sources import refuse_unknown

    try:
        if bench.is_here(source):
            return "built"
    except UserError:
        # Without an engine there may still be nothing to build.
        if not bench.registry:
            raise
    if bench.registry:
        try:
            if bench.find(bench.sources.reference(source, bench.registry)).there:
                return f"in {bench.registry}"
        except UserError as error:
            bench.progress.say(source.container, f"building, since {error.what}", "yellow")
    refuse_unknown(source)
    return ""
