"""Push the images to the cluster's registry, and record their digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._images import add_image_arguments

if TYPE_CHECKING:
    from hera_experiment.images.build_session import BuildSession
    from hera_experiment.images.source import ImageSource


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: which containers, which engine, which registry."""
    add_image_arguments(parser)


def main(args: VerbArguments) -> int:
    """Push what the registry does not have; return 0 when all is there in the end."""
    from hera_experiment.errors import UserError
    from hera_experiment.images.build_session import BuildSession
    from hera_experiment.images.pusher import refuse_malformed

    with BuildSession(args) as session:
        if not session.registry:
            local = session.context.is_local
            raise UserError(
                "'local' pulls from no registry" if local else "no registry is set to push to",
                session.context.where("cluster"),
                "name the cluster: make push CLUSTER=NAME"
                if local
                else "write registry = 'host[:port][/project]' into clusters/NAME.config, or type "
                "REGISTRY=host[:port][/project]",
            )
        refuse_malformed(session.registry, session.where)
        return session.each(lambda container: _push(session, container))


def _push(session: BuildSession, container: str) -> None:
    from hera_experiment.errors import UserError

    source = session.sources.wanted(container)
    remote = session.sources.reference(source, session.registry)
    found = session.find(remote)
    if found.there:
        session.ledger.pushed(remote, source, found.digest, now=False)
        session.progress.say(container, f"{source.tag} is in {session.registry} already")
        return
    if not session.is_here(source):
        raise UserError(
            f"containers/{container} has not been built as it is now",
            next_step=f"make build push{session.for_cluster}",
        )
    digest = _pushed(session, source, remote)
    # What the registry says holds: it is what the cluster will ask for.
    digest = session.find(remote).digest or digest
    session.ledger.pushed(remote, source, digest)
    session.progress.say(container, f"{source.tag} was pushed to {session.registry}", "green")


def _pushed(session: BuildSession, source: ImageSource, remote: str) -> str:
    from hera_experiment.argo.images import image_reference
    from hera_experiment.errors import UserError
    from hera_experiment.images.output import cleaned
    from hera_experiment.images.pusher import Pusher

    container, slug = source.container, session.context.experiment.slug
    run = session.programs.runner(
        lambda line: session.progress.detail(container, cleaned(line).strip())
    )
    pusher = Pusher(session.engine, session.registry, slug, session.where)
    session.progress.step(
        container, f"pushing {source.tag} to {session.registry} with {session.engine}"
    )
    local = session.sources.reference(source)
    digest = pusher.push(local, remote, run)
    moving = image_reference(session.registry, slug, container)
    try:
        pusher.push(local, moving, run)
    except UserError:
        # A convenience that no workflow relies on; a registry may forbid tags that move.
        session.progress.say(container, f"{moving} could not be moved", "yellow")
    return digest
