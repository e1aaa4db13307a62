"""What is submitted from here: its records, its labels, and the way to the server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from hera_experiment.argo.names import EXPERIMENT_LABEL
from hera_experiment.context.profiles import LOCAL, names
from hera_experiment.context.sources import display
from hera_experiment.environment.inputs import InputChoice
from hera_experiment.experiment import Experiment
from hera_experiment.template_record import library

if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.platform.argo_client import ArgoClient
    from hera_experiment.platform.argo_server import ArgoServerAccess
    from hera_experiment.record.arguments import ScriptArguments
    from hera_experiment.submission.submitter import Submitter


def experiment_labels(experiment: Experiment) -> dict[str, str]:
    """Return the labels of what ``experiment`` submits."""
    return {EXPERIMENT_LABEL: experiment.slug}


def submitter_of(
    experiment: Experiment,
    client: ArgoClient,
    cluster: str,
    *,
    script: Path | None,
    arguments: ScriptArguments | None = None,
    inputs: str = "",
    session: str = "",
    platforms: Callable[[], Mapping[str, str]] = dict,
) -> Submitter:
    """Return what submits to the server of ``client``, that of ``cluster``, for ``experiment``.

    ``platforms`` is asked for the versions of what runs there, when something is submitted.
    """
    from hera_experiment.record.origin import Origin
    from hera_experiment.record.records import Records
    from hera_experiment.submission.submitter import Submitter

    file = script.resolve() if script is not None and script.is_file() else None
    return Submitter(
        client,
        Records.of(experiment),
        cluster=cluster,
        script=display(file) if file is not None else "",
        inputs=inputs,
        session=session,
        library=library(experiment.template),
        origin=lambda told: Origin.now(experiment, told, file, arguments, platforms()).document(),
    )


def arguments_of(context: Context, words: Sequence[str]) -> ScriptArguments:
    """Return what is kept of the ``words`` after the script that ``context`` is for."""
    from hera_experiment.record.arguments import kept

    return kept(words, context.ARGUMENTS, [LOCAL, *names(context.experiment.folder)])


def submit_through(
    server: ArgoServerAccess, labels: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> None:
    """Let each ``w.create()`` for ``server`` create its workflow once, with ``labels``.

    In a script that a verb started this is so already, for every server.
    """
    args = server.args
    if args.endpoint is not None:
        return
    from hera_experiment.endpoint.defaults import defaults_of
    from hera_experiment.endpoint.submission import Submission
    from hera_experiment.environment.hera_services import BackendSession, Route, lead_to
    from hera_experiment.platform.versions import versions_of

    submitter = submitter_of(
        args.experiment,
        server.client,
        args.cluster,
        script=Path(sys.argv[0]) if sys.argv and sys.argv[0] else None,
        arguments=arguments_of(args, sys.argv[1:]),
        inputs=str(InputChoice.of(environ)),
        # What tells the workflows of this run of the script from those of others.
        session=f"python-{token_hex(4)}",
        platforms=dict
        if args.is_local
        else cache(partial(versions_of, server.client, server.cluster)),
    )
    backend = Submission(submitter, defaults=defaults_of(args, labels, server.client))
    session = BackendSession(backend, server.url)
    lead_to(Route(server.url, session, server.authorization, server.namespace))
