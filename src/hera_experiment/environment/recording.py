"""Each workflow that this process's script creates is created exactly once, and written down."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from hera_experiment.context.sources import display
from hera_experiment.environment.inputs import VARIABLE as INPUTS_VARIABLE
from hera_experiment.experiment import Experiment
from hera_experiment.platform.local_server import SESSION_VARIABLE

if TYPE_CHECKING:
    from hera_experiment.platform.argo_client import ArgoClient


def record_submissions(
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
    )
    create_with(submitter, client.url)


def _script() -> str:
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] else None
    return display(path.resolve()) if path is not None and path.is_file() else ""
