"""One process at a time, and a label by which it knows what an earlier one has left."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.platform import state_folder


@contextmanager
def alone(experiment: Experiment, name: str, what: str) -> Iterator[str]:
    """Be the only process that is about ``name`` for the experiment's folder.

    Yields the value of a label: whatever carries it on the cluster is ours, or was left by a
    process that has ended. Raises ``UserError`` when another process is
    about it; ``what`` then begins the sentence.
    """
    folder = state_folder.prepare(experiment.state) / "readers"
    folder.mkdir(exist_ok=True)
    lock = state_folder.open_lock(folder / f"{name}.lock")
    try:
        if not state_folder.try_lock(lock, state_folder.EXCLUSIVE):
            raise UserError(f"{what} by another process", next_step="wait for its end")
        where = f"{socket.gethostname()}\0{experiment.folder}\0{name}"
        yield hashlib.sha256(os.fsencode(where)).hexdigest()[:32]
    finally:
        os.close(lock)
