"""Reads a claim by workflows of its own, through Argo's server alone: files come as artifacts."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import requests
import urllib3

from hera_experiment.argo.workflows import last_node
from hera_experiment.errors import UserError
from hera_experiment.platform import http_session
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal, document
from hera_experiment.results import listing
from hera_experiment.results.listing import Entry
from hera_experiment.results.pod_profile import (
    DEADLINE,
    MOUNT,
    READER_LABEL,
    PodProfile,
    container,
    preferring,
    volume,
)
from hera_experiment.results.transfer import ConnectionLost
from hera_experiment.results.transport import TransferRequest
from hera_experiment.signals import ended_in_order, undisturbed

_FORBIDDEN = 403
_PAUSE = 1.0
_PATIENCE = 180.0
_PIECE = 1 << 16
_SILENCE = 120.0
# One argument holds at most 128 KiB (MAX_ARG_STRLEN), a workflow 1 MiB.
_ARGUMENT = 100_000
_MOST_REMOVED = 200

ARTIFACT = "found"
"""The name of the artifact, and of its file."""
MISSING = b"gone\n"
"""What is listed where there is no folder."""

_OUT = "/out"
_NEEDED = ("base64", "gzip", "wc", *listing.PROGRAMS)
_CHECK = f"""\
for program in {" ".join(_NEEDED)}; do
  command -v $program >/dev/null || {{ echo "the image has no $program" >&2; exit 65; }}
done
export LC_ALL=C
folder=$1 script=$2
shift 2
"""
LIST = f"""{_CHECK}
sh -c "$script" sh "$folder" >{_OUT}/{ARTIFACT}
status=$?
[ $status -ne {listing.NO_FOLDER} ] || {{ echo gone >{_OUT}/{ARTIFACT}; status=0; }}
exit $status
"""
"""Lists a folder, its first argument, by the script that is its second."""

# What tar cannot read is missed when the archive is compared with the list.
PACK = f"""{_CHECK}
printf %s "$@" | base64 -d | gzip -d >{_OUT}/names || exit
length=$(wc -c <{_OUT}/names)
sh -c "$script" sh "$folder" $length <{_OUT}/names | gzip -1 >{_OUT}/{ARTIFACT}
"""
"""Packs some files of a folder; their names follow, compressed and in pieces."""


class NoArtifacts(UserError):
    """A reader workflow cannot hand its files over."""


class ReaderWorkflows:
    """Starts reader workflows for one claim, one after the other.

    Each is removed with its artifact once it was read, and ends and goes by itself when nobody
    is left to do so. Raises :class:`NoArtifacts` where it does not work, in words.
    """

    def __init__(
        self,
        request: TransferRequest,
        claim: str,
        *,
        patience: float = _PATIENCE,
        pause: Callable[[float], None] = sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._request = request
        self._client = request.server.client
        self._namespace = request.server.namespace
        self._claim = claim
        self._profile = request.profiles[0]
        self._patience = patience
        self._pause = pause
        self._clock = clock

    def list(self, folder: str) -> bytes:
        """Return what :data:`listing.LIST` prints of a folder of the claim, or ``MISSING``."""
        words = [f"{MOUNT}/{folder}", listing.LIST]
        with self._done(LIST, words) as workflow:
            return b"".join(self._artifact(workflow))

    @contextmanager
    def packed(self, folder: str, entries: Sequence[Entry]) -> Iterator[Callable[[], Any]]:
        """Pack files of a folder; yields what returns the archive, as often as it is called."""
        names = base64.b64encode(
            gzip.compress(listing.names([each.path for each in entries]), mtime=0)
        ).decode()
        pieces = [names[at : at + _ARGUMENT] for at in range(0, len(names), _ARGUMENT)]
        with self._done(PACK, [f"{MOUNT}/{folder}", listing.PACK, *pieces]) as workflow:
            yield lambda: self._artifact(workflow)

    def remove(self, names: Sequence[str]) -> None:
        """Remove folders of the claim."""
        for start in range(0, len(names), _MOST_REMOVED):
            words = [MOUNT, *names[start : start + _MOST_REMOVED]]
            with self._done(listing.REMOVE, words, writable=True):
                pass

    def remove_those_left(self) -> None:
        """Remove what an earlier client of this folder, which has ended, left."""
        selector = f"{READER_LABEL}={self._request.label}"
        for each in self._client.list_workflows(
            self._namespace, labels=selector, fields="metadata.name,status.phase"
        ):
            is_over = (each.get("status") or {}).get("phase") == "Succeeded"
            self._delete(str(each["metadata"]["name"]), is_over=is_over)

    @contextmanager
    def _done(
        self, script: str, words: Sequence[str], *, writable: bool = False
    ) -> Iterator[dict[str, Any]]:
        name = self._request.reader_name()
        is_over = False
        with ended_in_order():
            try:
                manifest = workflow_manifest(
                    self._profile,
                    name,
                    self._claim,
                    script,
                    words,
                    account=self._request.account,
                    label=self._request.label,
                    node=last_node(self._request.workflow),
                    writable=writable,
                )
                self._client.create_workflow(self._namespace, manifest)
                workflow = self._awaited(name)
                is_over = True
                yield workflow
            finally:
                with undisturbed():
                    self._delete(name, is_over=is_over)

    def _awaited(self, name: str) -> dict[str, Any]:
        until = self._clock() + self._patience
        while True:
            try:
                workflow = self._client.get_workflow(self._namespace, name)
            except http_session.Unreachable:
                # The server may be back in a moment.
                if self._clock() > until:
                    raise
                self._pause(_PAUSE)
                continue
            status = workflow.get("status") or {}
            nodes: Mapping[str, Any] = status.get("nodes") or {}
            said = [str(node["message"]) for node in nodes.values() if node.get("message")]
            if status.get("finishedAt"):
                if status.get("phase") == "Succeeded":
                    return workflow
                why = (said or [str(status.get("message") or status.get("phase"))])[0]
                raise NoArtifacts(f"the reader workflow '{name}' has failed: {why}")
            if self._clock() > until and not any(
                node.get("phase") == "Running" for node in nodes.values() if node["type"] == "Pod"
            ):
                why = said[0] if said else "Argo says no reason"
                raise NoArtifacts(
                    f"the reader workflow '{name}' has not started within "
                    f"{self._patience:.0f} seconds: {why}"
                )
            self._pause(_PAUSE)

    def _artifact(self, workflow: Mapping[str, Any]) -> Iterator[bytes]:
        name, nodes = workflow["metadata"]["name"], workflow["status"]["nodes"].values()
        node = next(
            (
                each["id"]
                for each in nodes
                for artifact in (each.get("outputs") or {}).get("artifacts") or ()
                if artifact["name"] == ARTIFACT and each["type"] == "Pod"
            ),
            None,
        )
        if node is None:
            raise NoArtifacts(
                f"the reader workflow '{name}' reported no artifact",
                next_step="the pods' account may not create workflowtaskresults: see "
                "'make check-cluster'",
            )
        path = "/".join(quote(part, safe="") for part in (self._namespace, name, node, ARTIFACT))
        response = self._client.session.get(
            f"{self._client.url}artifacts/{path}",
            headers={"Accept-Encoding": "identity"},
            stream=True,
            timeout=(10, _SILENCE),
        )
        with closing(response):
            if response.status_code != requests.codes.ok:
                # In plain text, and with status 500 where the artifact's secret may not be read.
                said = response.text.strip().partition("\n")[0][:300] or response.status_code
                raise NoArtifacts(
                    f"Argo's server does not hand the artifact over: {said}; perhaps the account "
                    "of the token may not read the secret of the artifact repository"
                )
            try:
                yield from response.iter_content(_PIECE)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise ConnectionLost(f"the artifact broke off: {type(error).__name__}") from None

    def _delete(self, name: str, *, is_over: bool) -> None:
        try:
            if is_over:
                self._client.delete_workflow(self._namespace, name)
            else:
                self._delete_by_force(name)
        except UserError as error:
            if getattr(error, "status", None) != NOT_FOUND:
                self._request.say(
                    f"the workflow '{name}' could not be removed, it goes by itself in two hours: "
                    f"{error}"
                )

    def _delete_by_force(self, name: str) -> None:
        """Remove a workflow that may go on, whose garbage Argo would wait for in vain."""
        namespace = quote(self._namespace, safe="")
        url = f"{self._client.url}api/v1/workflows/{namespace}/{quote(name, safe='')}"
        try:
            answer = self._client.session.delete(url, params={"force": "true"})
            document(answer, self._client.where)
        except ArgoRefusal as error:
            if error.status != _FORBIDDEN:
                raise
            self._client.delete_workflow(self._namespace, name)


def workflow_manifest(
    profile: PodProfile,
    name: str,
    claim: str,
    script: str,
    words: Sequence[str],
    *,
    account: str = "",
    label: str = "",
    node: str = "",
    writable: bool = False,
) -> dict[str, Any]:
    """Return the workflow that mounts ``claim`` and runs ``script`` with ``words``.

    What the script leaves in the file :data:`ARTIFACT` comes out, unless the claim is ``writable``;
    ``node`` is where its pod had better go.
    """
    metadata = profile.metadata
    pod = profile.pod(account)
    if node:
        pod["affinity"] = {"nodeAffinity": preferring(node), **(pod.get("affinity") or {})}
    if "priorityClassName" in pod:
        pod["podPriorityClassName"] = pod.pop("priorityClassName")
    program = container(profile, writable=writable)
    # Argo names the container itself.
    del program["name"]
    program["command"] = ["sh", "-c", script, "sh", *words]
    program["volumeMounts"].append({"name": "out", "mountPath": _OUT})
    # Whether or not the pods' account may collect garbage, the workflow can be removed.
    garbage: dict[str, Any] = {"strategy": "OnWorkflowDeletion", "forceFinalizerRemoval": True}
    if "serviceAccountName" in pod:
        garbage["serviceAccountName"] = pod["serviceAccountName"]
    artifact = {"name": ARTIFACT, "path": f"{_OUT}/{ARTIFACT}", "archive": {"none": {}}}
    spec: dict[str, Any] = {
        **pod,
        "entrypoint": "read",
        "podMetadata": metadata,
        "activeDeadlineSeconds": DEADLINE,
        "ttlStrategy": {"secondsAfterCompletion": DEADLINE},
        "artifactGC": garbage,
        "volumes": [volume(claim), {"name": "out", "emptyDir": {}}],
        "templates": [{"name": "read", "container": program, "outputs": {"artifacts": [artifact]}}],
    }
    if writable:
        del spec["artifactGC"], spec["templates"][0]["outputs"]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": name,
            "labels": {READER_LABEL: label},
        },
        "spec": spec,
    }
