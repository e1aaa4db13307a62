"""What a manifest leaves open, and its submission fills in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hera_experiment.argo.objects import WORKFLOW
from hera_experiment.context.context import Context
from hera_experiment.endpoint.messages import Creation
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_client import ArgoClient

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""On pods: the queue of Kueue that lets them start."""
_VERSION = re.compile(r"v?(\d+)\.(\d+)")
_WITH_PENDING_TIMEOUT = (4, 1)
_DURATION = re.compile(r"(\d+(\.\d+)?(ms|s|m|h))+")


class GoingOn(Protocol):
    """What a workflow goes on with."""

    def of(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return the manifest of what is created in its place; raises :class:`UserError`."""


@dataclass(frozen=True)
class Defaults:
    """What goes into each object whose script leaves it open.

    ``annotations`` go into workflows, ``resumption`` says what these go on with. ``account`` is the
    service account, ``queue`` the queue of Kueue of the pods, and ``pending_timeout`` how long one
    may wait to start (``10m``); empty for none.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    account: str = ""
    queue: str = ""
    pending_timeout: str = ""
    resumption: GoingOn | None = None

    def filled_in(self, creation: Creation) -> dict[str, Any]:
        """Return the manifest of ``creation`` with what it lacks."""
        manifest = dict(creation.manifest)
        metadata = dict(manifest.get("metadata") or {})
        metadata["labels"] = {**self.labels, **(metadata.get("labels") or {})}
        if creation.kind is WORKFLOW:
            annotations = {**(metadata.get("annotations") or {}), **self.annotations}
            metadata.update({"annotations": annotations} if annotations else {})
        manifest["metadata"] = metadata
        spec = dict(manifest.get("spec") or {})
        if "workflowSpec" in spec:
            spec["workflowSpec"] = self._of_pods(spec["workflowSpec"] or {})
        elif spec:
            spec = self._of_pods(spec)
        found = {**manifest, "spec": spec} if spec else manifest
        is_workflow = creation.kind is WORKFLOW
        return self.resumption.of(found) if self.resumption and is_workflow else found

    def _of_pods(self, given: Mapping[str, Any]) -> dict[str, Any]:
        spec = dict(given)
        if self.account and not spec.get("serviceAccountName"):
            spec["serviceAccountName"] = self.account
        if self.queue:
            pods = dict(spec.get("podMetadata") or {})
            pods["labels"] = {QUEUE_LABEL: self.queue, **(pods.get("labels") or {})}
            spec["podMetadata"] = pods
        if self.pending_timeout:
            defaults = {"pendingTimeout": self.pending_timeout}
            spec["templateDefaults"] = {**defaults, **(spec.get("templateDefaults") or {})}
        return spec


def defaults_of(
    context: Context, labels: Mapping[str, str], client: ArgoClient | None = None
) -> Defaults:
    """Return what the settings of ``context`` fill in; the laptop has no queue and no pods.

    Raises :class:`UserError` for a time to wait that the server of ``client`` would not heed.
    """
    account, wait = context.argo_service_account, context.pending_timeout
    if context.is_local:
        return Defaults(labels, account)
    where = context.where("pending_timeout")
    if wait and not _DURATION.fullmatch(wait):
        raise UserError(f"'{wait}' is not a duration", where, "write one such as 10m or 1h30m")
    if wait and client is not None:
        version = str(client.version().get("version") or "")
        found = _VERSION.match(version)
        if found is None or (int(found[1]), int(found[2])) < _WITH_PENDING_TIMEOUT:
            what = f"Argo {version} knows no time that pods may wait, which came with 4.1"
            raise UserError(what, where, "unset PENDING_TIMEOUT for this cluster")
    return Defaults(labels, account, context.queue, wait)
