"""Build the images of containers/, once per content."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._images import add_image_arguments

if TYPE_CHECKING:
    from hera_experiment.images.build_session import BuildSession
    from hera_experiment.images.source import ImageSource


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: which containers, which engine, build arguments."""
    add_image_arguments(parser)


def main(args: VerbArguments) -> int:
    """Build what neither the engine nor the registry has; return 0 when all is there."""
    from hera_experiment.images.build_session import BuildSession

    with BuildSession(args) as session:
        return session.each(lambda container: _build(session, container))


def _build(session: BuildSession, container: str) -> None:
    from hera_experiment.images.output import cleaned, step_of

    source = session.sources.to_build(container, lambda text: session.progress.say(container, text))
    local = session.sources.reference(source)
    if there := _where_it_is(session, source):
        session.ledger.asked(local, source)
        session.progress.say(container, f"{source.tag} is {there} already")
        return

    def heard(line: str) -> None:
        if step := step_of(line):
            session.progress.step(container, step)
        else:
            session.progress.detail(container, cleaned(line).strip())

    begun = monotonic()
    builder = session.builder(session.programs.runner(heard))
    session.progress.step(container, f"building with {session.engine}")
    builder.build(source)
    session.ledger.asked(local, source, built=True)
    seconds = monotonic() - begun
    session.progress.say(container, f"{source.tag} was built in {seconds:.0f} s", "green")


def _where_it_is(session: BuildSession, source: ImageSource) -> str:
    """Return where the image is already; empty when it must be built."""
    from hera_experiment.errors import UserError
    from hera_experiment.images.sources import refuse_unknown

    try:
        if session.is_here(source):
            return "built"
    except UserError:
        # Without an engine there may still be nothing to build.
        if not session.registry:
            raise
    if session.registry:
        try:
            if session.find(session.sources.reference(source, session.registry)).there:
                return f"in {session.registry}"
        except UserError as error:
            session.progress.say(source.container, f"building, since {error.what}", "yellow")
    refuse_unknown(source)
    return ""
