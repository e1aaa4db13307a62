"""Reads and writes claims through a reader pod for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from hera_experiment.argo.workflows import claims_of
from hera_experiment.closable import Closable
from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.results.claims import Claim, NoClaim, claim_of
from hera_experiment.results.data_files import FOLDER, DataFile, announce, changed_files
from hera_experiment.results.outcome import Results, joined
from hera_experiment.results.pod_folder import PodFolder
from hera_experiment.results.pod_profile import MOUNT
from hera_experiment.results.pod_shell import Shell
from hera_experiment.results.reader_pod import ReaderPod
from hera_experiment.results.transfer import ClaimFolder, ConnectionLost, bring, download
from hera_experiment.results.transport import TransferRequest, TransportUnavailable

_REFUSED = (401, 403)


class PodTransport:
    """Pods that mount the claims.

    The methods raise :class:`TransportUnavailable` where pods may not be made or entered, and
    :class:`~hera_experiment.errors.UserError` when one does not start or the connection is gone.
    """

    def __init__(self, request: TransferRequest) -> None:
        self._request = request

    def download(self, destination: Path) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        request = self._request
        cluster = _with_access(request.server.cluster)
        owner = _owner(request.workflow, cluster)
        folders: dict[str, ClaimFolder | None] = {}
        with ExitStack() as stack:
            for name in claims_of(request.workflow):
                claim = claim_of(cluster, name)
                folders[name] = None
                # For an unused one a pod would wait for ever, or be the first to have it.
                if not claim.is_unused:
                    pod = self._started(stack, cluster, claim, owner=owner)
                    folders[name] = PodFolder(pod, f"{MOUNT}/{request.name}", request.say)
            return download(folders, destination, request.say)

    def bring(self, folders: Mapping[str, Sequence[str]], destination: Path, most: int) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        say = self._request.say
        whole = Results(destination)
        with self.held() as claims:
            for name, wanted in folders.items():
                try:
                    found = {each: claims.folder(name, each) for each in wanted}
                except NoClaim as error:
                    gone = f"{error.what}: it is empty here"
                    whole = replace(whole, remarks=(*whole.remarks, gone))
                    continue
                there = {each: folder for each, folder in found.items() if folder is not None}
                whole = joined(whole, bring(name, there, destination / name, most, say))
        return whole

    def upload(self, claim: str, files: Sequence[DataFile]) -> None:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        request = self._request
        cluster = _with_access(request.server.cluster)
        with ExitStack() as stack:
            pod = self._started(stack, cluster, claim_of(cluster, claim), writable=True)
            folder = PodFolder(pod, f"{MOUNT}/{FOLDER}", request.say)
            changed = changed_files(files, folder.list())
            announce(changed, claim, request.say)
            if changed:
                folder.upload(changed)

    def remove(self, folders: Mapping[str, Sequence[str]]) -> int:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        cluster = _with_access(self._request.server.cluster)
        freed = 0
        with ExitStack() as stack:
            for name, those in folders.items():
                try:
                    claim = claim_of(cluster, name)
                except NoClaim:
                    continue
                if not claim.is_unused:
                    pod = self._started(stack, cluster, claim, writable=True)
                    freed += PodFolder(pod, MOUNT, self._request.say).remove(those)
        return freed

    @contextmanager
    def held(self) -> Iterator[HeldClaims]:
        """Yield the claims, which can be read until the end of the block."""
        with ExitStack() as stack:

            def start(name: str) -> ReaderPod | None:
                cluster = _with_access(self._request.server.cluster)
                owner = _owner(self._request.workflow, cluster)
                claim = claim_of(cluster, name)
                if claim.is_unused:
                    return None
                return self._started(stack, cluster, claim, owner=owner)

            claims = HeldClaims(start, stack.close, self._request.say)
            try:
                yield claims
            finally:
                claims.close()

    def _started(
        self,
        stack: ExitStack,
        cluster: KubernetesAccess,
        claim: Claim,
        *,
        owner: dict[str, str] | None = None,
        writable: bool = False,
    ) -> ReaderPod:
        """Start a pod, which ends with ``stack``."""
        pod = ReaderPod(cluster, claim, self._request, owner=owner, writable=writable)
        try:
            return stack.enter_context(pod)
        except KubernetesRefusal as error:
            if error.status not in _REFUSED:
                raise
            raise TransportUnavailable(str(error)) from None


class HeldClaims(Closable):
    """Claims that pods read file by file: each starts when it is first needed, and stays.

    ``start`` returns the pod of a claim, None for a claim that nobody has written to; ``remove``
    removes them all. :meth:`close` is for another thread than that which reads.
    """

    def __init__(
        self,
        start: Callable[[str], Shell | None],
        remove: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._start = start
        self._remove = remove
        self._say = say
        self._pods: dict[str, Shell | None] = {}
        self._starting = Lock()
        self._is_closed = False

    def folder(self, claim: str, name: str) -> PodFolder | None:
        """Return a folder of a claim, None where nothing is.

        Raises :class:`TransportUnavailable` where pods may not be made or entered, and
        :class:`~hera_experiment.errors.UserError` when there is no such claim, or no pod starts.
        """
        with self._starting:
            if self._is_closed:
                raise UserError("it is not read any more")
            if claim not in self._pods:
                self._pods[claim] = self._start(claim)
        pod = self._pods[claim]
        return None if pod is None else PodFolder(_Until(self, pod), f"{MOUNT}/{name}", self._say)

    @property
    def is_closed(self) -> bool:
        """Whether nothing is read any more."""
        return self._is_closed

    def close(self) -> None:
        """End what is being read, and remove the pods."""
        self._is_closed = True
        with self._starting:
            self._remove()


class _Until:
    """The shell of a pod, until its claims are closed: then nobody makes the lost pod again."""

    def __init__(self, claims: HeldClaims, pod: Shell) -> None:
        self._claims = claims
        self._pod = pod

    def run(self, script: str, *words: str, given: bytes = b"") -> Iterator[bytes]:
        """See :class:`~hera_experiment.results.pod_shell.Shell`."""
        try:
            self._look()
            for piece in self._pod.run(script, *words, given=given):
                yield piece
                self._look()
        except ConnectionLost:
            self._look()
            raise

    def _look(self) -> None:
        if self._claims.is_closed:
            raise UserError("it is not read any more")


def _with_access(cluster: object) -> KubernetesAccess:
    """Return ``cluster`` where it can be asked for pods."""
    if not isinstance(cluster, KubernetesAccess) or not cluster.has_access:
        raise TransportUnavailable("there is no kubeconfig")
    try:
        cluster.reach()
    except UserError as error:
        raise TransportUnavailable(str(error)) from None
    return cluster


def _owner(workflow: dict[str, Any], cluster: KubernetesAccess) -> dict[str, str] | None:
    """Return what makes a pod go with ``workflow``; None when that has gone itself.

    Argo's server shows archived workflows too, and a pod of an owner that is no more is removed.
    """
    name, uid = str(workflow["metadata"]["name"]), workflow["metadata"].get("uid")
    space = f"/apis/argoproj.io/v1alpha1/namespaces/{quote(cluster.namespace)}"
    try:
        found = cluster.client.get(f"{space}/workflows/{quote(name)}")
    except UserError:
        return None
    there = (found.document or {}).get("metadata") or {}
    return {"name": name, "uid": str(uid)} if found.ok and uid and there.get("uid") == uid else None
