"""Each workflow that this process's script creates is created exactly once, and written down."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from hera_experiment.argo.names import EXPERIMENT_LABEL, SESSION_LABEL
from hera_experiment.context.sources import Origin, display
from hera_experiment.environment.inputs import VARIABLE as INPUTS_VARIABLE
from hera_experiment.experiment import Experiment
from hera_experiment.platform.local_server import SESSION_VARIABLE
from hera_experiment.template_record import library

if TYPE_CHECKING:
    from hera_experiment.platform.argo_client import ArgoClient
    from hera_experiment.platform.argo_server import ArgoServerAccess


def experiment_labels(
    experiment: Experiment, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the labels of what is submitted: the experiment's, and that of a run under way."""
    session = environ.get(SESSION_VARIABLE, "")
    return {EXPERIMENT_LABEL: experiment.slug, **({SESSION_LABEL: session} if session else {})}


def record_submissions(server: ArgoServerAccess, labels: Mapping[str, str]) -> None:
    """Let each ``w.create()`` for ``server`` go through ``submit_once``, with ``labels``."""
    args = server.args
    # Of what a stand-in for a server takes nothing is recorded.
    if args.source("argo_server").origin is not Origin.STAND_IN:
        record_with(server.client, args.experiment, args.cluster, labels)


def record_with(
    client: ArgoClient,
    experiment: Experiment,
    cluster: str,
    labels: Mapping[str, str] = MappingProxyType({}),
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Let each ``w.create()`` for the server of ``client`` go through ``submit_once``.

    The records are those of ``experiment`` and say that the server is that of ``cluster``; each
    workflow carries ``labels``. Of two calls for one server the last one counts.
    """
    from hera_experiment.record.records import Records
    from hera_experiment.submission.service import create_with
    from hera_experiment.submission.submitter import Submitter

    submitter = Submitter(
        client,
        Records.of(experiment),
        cluster=cluster,
        script=_script(),
        inputs=environ.get(INPUTS_VARIABLE, ""),
        session=environ.get(SESSION_VARIABLE, ""),
        labels=labels,
        library=library(experiment.template),
    )
    create_with(submitter, client.url)


def _script() -> str:
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] else None
    return display(path.resolve()) if path is not None and path.is_file() else ""
