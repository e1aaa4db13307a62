"""Copies the files of ``data/`` to ``<claim>/data/`` when they have changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hera_experiment.results.data_files import data_files
from hera_experiment.results.transport import TransferRequest, exclusive_lock
from hera_experiment.results.transports import transport_of

if TYPE_CHECKING:
    from hera_experiment.runs.server import Server


def upload_data(
    server: Server,
    folder: Path,
    claim: str,
    say: Callable[[str], None],
    workflow: Mapping[str, Any] | None = None,
    *,
    image: str = "",
) -> None:
    """Make sure that the files of ``folder`` are on ``claim``, in its folder ``data``.

    ``workflow`` is the one that will use them: a pod that writes them is like its pods, and has one
    of its images unless ``image`` is given.

    Raises
    ------
    UserError
        When they are not all there in the end, so that nothing runs on old data.
    """
    here = data_files(folder)
    if not here:
        return
    experiment = server.context.experiment
    doing = f"the files of {folder.name}/ are being copied"
    with exclusive_lock(experiment, f"data-{claim}", doing) as label:
        like = dict(workflow or {"metadata": {}})
        like["metadata"] = {**(like.get("metadata") or {}), "name": f"{experiment.slug}-data"}
        request = TransferRequest(server, like, say, image, label)
        transport_of(request).upload(claim, here)
