"""A way between this machine and the claims of a workflow: a pod, a workflow, or plain folders."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.platform import state_folder
from hera_experiment.results.data_files import DataFile
from hera_experiment.results.outcome import Results
from hera_experiment.results.pod_profile import PodProfile, pod_profiles

if TYPE_CHECKING:
    from hera_experiment.runs.server import Server


class TransportUnavailable(Exception):
    """Why this way cannot be gone here, in a sentence; another one may."""


class Transport(Protocol):
    """A way to the claims of one workflow.

    The methods raise :class:`~hera_experiment.errors.UserError` when it cannot be done, and
    :class:`TransportUnavailable` where another transport may do it.
    """

    def download(self, destination: Path) -> Results:
        """Bring what the workflow left on its claims into ``destination``, what is new of it.

        The files of a single claim land in ``destination`` itself, those of several in one folder
        per claim. What cannot be brought becomes a remark.
        """

    def bring(self, folders: Mapping[str, Sequence[str]], destination: Path, most: int) -> Results:
        """Bring folders, the names of which are given by claim, to ``destination/CLAIM/FOLDER``.

        At most ``most`` bytes of each claim come, the smallest files first; ``.`` is the whole
        claim. What cannot be brought becomes a remark, a claim that is gone among it.
        """

    def upload(self, claim: str, files: Sequence[DataFile]) -> None:
        """Make sure that ``files`` are on ``claim``, in its folder ``data``.

        Only what differs by its checksum is copied, and nothing is removed there.
        """

    def remove(self, folders: Mapping[str, Sequence[str]]) -> int:
        """Remove whole folders, the names of which are given by claim; return the bytes freed.

        What is not there is not missed, and no link is followed.
        """


@dataclass(frozen=True)
class TransferRequest:
    """The workflow on a cluster whose claims are read or written.

    ``image`` reads them in place of one of the workflow's own; ``label`` marks what is made on the
    cluster, see :func:`exclusive_lock`.
    """

    server: Server
    workflow: dict[str, Any]
    say: Callable[[str], None]
    image: str = ""
    label: str = ""

    @property
    def name(self) -> str:
        """The workflow's name, which is that of its folder on a claim too."""
        return str(self.workflow["metadata"]["name"])

    @property
    def account(self) -> str:
        """The service account that pods run as where the workflow does not say."""
        return self.server.context.argo_service_account

    @property
    def profiles(self) -> list[PodProfile]:
        """What a pod that reads the claims may be like, the most promising first."""
        return pod_profiles(self.workflow, self.image)

    def reader_name(self) -> str:
        """Return a name for one more pod or workflow that reads or writes a claim.

        Chosen here: what is interrupted before the answer comes can still be removed.
        """
        return f"{self.name[:40].rstrip('-.')}-reader-{secrets.token_hex(3)}"


@contextmanager
def exclusive_lock(experiment: Experiment, name: str, what: str) -> Iterator[str]:
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
