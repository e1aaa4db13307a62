"""Push the images to the cluster's registry, and record their digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._images import add_image_arguments

if TYPE_CHECKING:
    from hera_experiment.images.bench import Bench
    from hera_experiment.images.source import ImageSource


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: which containers, which engine, which registry."""
    add_image_arguments(parser)


def main(args: VerbArguments) -> int:
    """Push what the registry does not have; return 0 when all is there in the end."""
    from hera_experiment.errors import UserError
    from hera_experiment.images.bench import Bench
    from hera_experiment.images.pusher import refuse_malformed

    with Bench(args) as bench:
        if not bench.registry:
            local = bench.context.is_local
            raise UserError(
                "'local' pulls from no registry" if local else "no registry is set to push to",
                bench.context.where("cluster"),
                "name the cluster: make push CLUSTER=NAME"
                if local
                else "write registry = 'host[:port][/project]' into clusters/NAME.config, or type "
                "REGISTRY=host[:port][/project]",
            )
        refuse_malformed(bench.registry, bench.where)
        return bench.each(lambda container: _push(bench, container))


def _push(bench: Bench, container: str) -> None:
    from hera_experiment.errors import UserError

    source = bench.sources.wanted(container)
    remote = bench.sources.reference(source, bench.registry)
    found = bench.find(remote)
    if found.there:
        bench.ledger.pushed(remote, source, found.digest, now=False)
        bench.progress.say(container, f"{source.tag} is in {bench.registry} already")
        return
    if not bench.is_here(source):
        raise UserError(
            f"containers/{container} has not been built as it is now",
            next_step=f"make build push{bench.for_cluster}",
        )
    digest = _pushed(bench, source, remote)
    # What the registry says holds: it is what the cluster will ask for.
    digest = bench.find(remote).digest or digest
    bench.ledger.pushed(remote, source, digest)
    bench.progress.say(container, f"{source.tag} was pushed to {bench.registry}", "green")


def _pushed(bench: Bench, source: ImageSource, remote: str) -> str:
    from hera_experiment.argo.images import image_reference
    from hera_experiment.errors import UserError
    from hera_experiment.images.output import cleaned
    from hera_experiment.images.pusher import Pusher

    container, slug = source.container, bench.context.experiment.slug
    run = bench.programs.runner(
        lambda line: bench.progress.detail(container, cleaned(line).strip())
    )
    pusher = Pusher(bench.engine, bench.registry, slug, bench.where)
    bench.progress.step(container, f"pushing {source.tag} to {bench.registry} with {bench.engine}")
    local = bench.sources.reference(source)
    digest = pusher.push(local, remote, run)
    moving = image_reference(bench.registry, slug, container)
    try:
        pusher.push(local, moving, run)
    except UserError:
        # A convenience that no workflow relies on; a registry may forbid tags that move.
        bench.progress.say(container, f"{moving} could not be moved", "yellow")
    return digest
