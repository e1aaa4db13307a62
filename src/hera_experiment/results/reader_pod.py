"""The life of a reader pod: made, awaited, had again when it is gone, and always removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hera_experiment.closable import Closable
from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_errors import FORBIDDEN, NOT_FOUND, KubernetesRefusal
from hera_experiment.results.claims import Claim
from hera_experiment.results.listing import PROGRAMS
from hera_experiment.results.pod_profile import CONTAINER, READER_LABEL, PodProfile, pod_manifest
from hera_experiment.results.pod_shell import PodShell, ScriptFailed
from hera_experiment.results.transfer import ConnectionLost
from hera_experiment.results.transport import TransferRequest
from hera_experiment.signals import ended_in_order, undisturbed
from hera_experiment.waiting import Backoff, poll

if TYPE_CHECKING:
    from hera_experiment.platform.kubernetes_access import KubernetesAccess

_PATIENCE = 180.0
_FIRST_PAUSE, _LONGEST_PAUSE, _PAUSES = 0.5, 4.0, 4
_LACKS = 65
_CHECK = f"""\
for program in {" ".join(PROGRAMS)}; do
  command -v $program >/dev/null || lacks="$lacks $program"
done
[ -z "$lacks" ] || {{ echo $lacks >&2; exit {_LACKS}; }}
"""
# Of a script whose container was killed around it (SIGKILL, SIGTERM).
_KILLED = (137, 143)
# To a pod that is gone, or has ended.
_NO_POD = (400, 404, 409)
_EVERY = 0.3
_OF_THE_IMAGE = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RunContainerError",
    "CreateContainerError",
    "StartError",
    "ContainerCannotRun",
)


class ImageUnfit(Exception):
    """A pod does not start, or is of no use, because of its image."""


class ReaderPod(Closable):
    """A pod that mounts a claim, as a context; it is the shell of its container.

    The first of the profiles whose image has what is needed is used. Whatever carries the label of
    ``request`` was left by an earlier client of the same folder, which has ended, and is removed.
    ``owner`` is the workflow that the pod goes with, None for none.

    Entering raises :class:`KubernetesRefusal` when pods may not be made, and
    :class:`~hera_experiment.errors.UserError` when it does not start.
    """

    def __init__(
        self,
        cluster: KubernetesAccess,
        claim: Claim,
        request: TransferRequest,
        *,
        owner: dict[str, str] | None = None,
        writable: bool = False,
        patience: float = _PATIENCE,
        pause: Callable[[float], None] = sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._cluster = cluster
        self._claim = claim
        self._request = request
        self._profiles = request.profiles
        self._owner = owner
        self._writable = writable
        self._patience = patience
        self._pause = pause
        self._clock = clock
        self._name = ""
        self._hardened = False
        self._is_doubtful = False
        self._stack = ExitStack()

    def __enter__(self) -> ReaderPod:
        with ExitStack() as stack:
            stack.enter_context(ended_in_order())
            stack.callback(self._remove)
            self._start()
            self._stack = stack.pop_all()
        return self

    def close(self) -> None:
        """Remove the pod."""
        self._stack.close()

    def run(self, script: str, *words: str, given: bytes = b"") -> Iterator[bytes]:
        """See :class:`~hera_experiment.results.pod_shell.Shell`; a lost pod is made again."""
        try:
            if self._is_doubtful:
                self._make_sure()
            yield from self._shell.run(script, *words, given=given)
        except ConnectionLost:
            self._is_doubtful = True
            raise
        except (KubernetesRefusal, ScriptFailed) as error:
            if error.status not in (*_NO_POD, *_KILLED):
                raise
            self._is_doubtful = True
            raise ConnectionLost(f"the pod '{self._name}' has gone: {error}") from None

    @property
    def _shell(self) -> PodShell:
        return PodShell(self._cluster, self._cluster.namespace, self._name, CONTAINER)

    @property
    def _space(self) -> str:
        return f"/api/v1/namespaces/{quote(self._cluster.namespace)}"

    def _start(self) -> None:
        """Make the pod with the first image that serves."""
        self._remove_those_left()
        unfit: list[str] = []
        for number, profile in enumerate(self._profiles):
            try:
                self._start_like(profile)
            except ImageUnfit as error:
                unfit.append(str(error))
                self._remove()
            else:
                self._profiles = self._profiles[number:]
                return
        raise UserError(
            f"no pod can read the claim '{self._claim.name}': {'; '.join(unfit)}",
            next_step="name an image that has a shell, find and tar: READER_IMAGE=IMAGE",
        )

    def _start_like(self, profile: PodProfile) -> None:
        self._create(profile)
        self._wait_until_running(profile.image)
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, self._pause)
        while True:
            try:
                b"".join(self._shell.run(_CHECK))
                return
            except ConnectionLost:
                # The kubelet may not be ready for it in the very first moment.
                if backoff.count == _PAUSES:
                    raise
                backoff.pause()
            except ScriptFailed as error:
                lacks = error.errors if error.status == _LACKS else "a shell"
                raise ImageUnfit(f"the image '{profile.image}' lacks {lacks}") from None

    def _create(self, profile: PodProfile) -> None:
        self._name = self._request.reader_name()
        manifest = pod_manifest(
            profile,
            self._name,
            self._claim.name,
            account=self._request.account,
            owner=self._owner,
            label=self._request.label,
            node=self._claim.node,
            tolerations=self._claim.tolerations,
            writable=self._writable,
            hardened=self._hardened,
        )
        try:
            asked = f"create a pod in '{self._cluster.namespace}'"
            self._cluster.document(
                asked, self._cluster.client.post(f"{self._space}/pods", manifest)
            )
        except KubernetesRefusal as error:
            self._name = ""
            if self._hardened or error.status != FORBIDDEN or "PodSecurity" not in error.what:
                raise
            self._hardened = True
            self._create(profile)

    def _wait_until_running(self, image: str) -> None:
        """Return once the pod runs; raises :class:`ImageUnfit` where the image keeps it."""
        reason = message = ""

        def is_running() -> bool:
            nonlocal reason, message
            status = self._read().get("status") or {}
            if status.get("phase") == "Running":
                return True
            reason, message = _reason(status)
            if reason in _OF_THE_IMAGE:
                raise ImageUnfit(f"the image '{image}' does not start: {message or reason}")
            if status.get("phase") in ("Failed", "Succeeded"):
                said = message or status.get("message") or reason or "no reason given"
                raise UserError(f"the pod '{self._name}' has ended at once: {said}")
            return False

        if not poll(is_running, self._patience, _EVERY, sleep=self._pause, clock=self._clock):
            why = message or reason or self._warning() or "Kubernetes says no reason"
            raise UserError(
                f"the pod '{self._name}' has not started within {self._patience:.0f} seconds: "
                f"{why}",
                next_step="'make check-cluster' looks for the cause",
            )

    def _read(self) -> dict[str, Any]:
        answer = self._cluster.client.get(f"{self._space}/pods/{self._name}")
        return self._cluster.document(f"read the pod '{self._name}'", answer)

    def _warning(self) -> str:
        """Return the last warning among the events of the pod."""
        selector = f"involvedObject.name={self._name},type=Warning"
        try:
            answer = self._cluster.client.get(f"{self._space}/events", {"fieldSelector": selector})
        except UserError:
            return ""
        messages = [str(each["message"]) for each in answer.items() if each.get("message")]
        return messages[-1] if answer.ok and messages else ""

    def _make_sure(self) -> None:
        """Have a pod that runs: the same, or a new one."""
        try:
            pod = self._read()
        except UserError as error:
            if getattr(error, "status", None) != NOT_FOUND:
                raise ConnectionLost(str(error)) from None
            pod = {}
        is_leaving = "deletionTimestamp" in (pod.get("metadata") or {})
        if is_leaving or (pod.get("status") or {}).get("phase") != "Running":
            self._request.say(f"the pod '{self._name}' has gone: another one goes on")
            self._remove()
            self._start()
        self._is_doubtful = False

    def _remove_those_left(self) -> None:
        selector = {"labelSelector": f"{READER_LABEL}={self._request.label}"}
        answer = self._cluster.client.get(f"{self._space}/pods", selector)
        for pod in answer.items() if answer.ok else ():
            self._delete(str(pod["metadata"]["name"]))

    def _remove(self) -> None:
        if not self._name:
            return
        with undisturbed():
            name, self._name = self._name, ""
            try:
                self._delete(name)
            except UserError as error:
                self._request.say(
                    f"the pod '{name}' could not be removed, it ends by itself within an hour: "
                    f"{error}"
                )

    def _delete(self, name: str) -> None:
        answer = self._cluster.client.delete(f"{self._space}/pods/{name}")
        if answer.status != NOT_FOUND:
            self._cluster.document(f"remove the pod '{name}'", answer)


def _reason(status: dict[str, Any]) -> tuple[str, str]:
    """Return what keeps the pod from running, Kubernetes' word and sentence; both may be empty."""
    for each in status.get("containerStatuses") or ():
        states = each.get("state") or {}
        state = states.get("waiting") or states.get("terminated") or {}
        if state.get("reason") not in (None, "ContainerCreating"):
            return str(state["reason"]), str(state.get("message") or "").strip()
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("reason") or ""), str(condition.get("message") or "")
    return "", ""
