"""Brings home the artifacts that a workflow itself has as outputs, by Argo's own server.

They are those of its entry template and those with a ``globalName``; what tasks hand to each other
stays where it is. An artifact is kept in ``artifacts/NAME`` of the run's results as it is kept in
the repository: a ``.tgz`` unless the task says ``archive: {none: {}}``.
"""

from __future__ import annotations

import hashlib
import html
import os
import posixpath
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from hera_experiment.argo.workflows import artifact_key
from hera_experiment.errors import UserError
from hera_experiment.results.listing import is_safe
from hera_experiment.results.outcome import Results, printable
from hera_experiment.results.store import FILE_FLAGS, Store, checksum

FOLDER = "artifacts"
"""Where artifacts lie in the results of a run, and below the laptop's state those of all runs."""

_LINK = re.compile(r'<a href="\./([^"]+)">')
_MOST_BYTES = 1 << 24


class ArtifactSource(Protocol):
    """The part of ``platform.argo_client.ArgoClient`` that artifacts are fetched with."""

    def artifact(
        self,
        namespace: str,
        workflow: str,
        node: str,
        name: str,
        inner: str = "",
        direction: str = "outputs",
    ) -> AbstractContextManager[Iterator[bytes] | None]:
        """Open an artifact, or ``inner`` of it; None stands for a folder."""


@dataclass(frozen=True)
class OwnArtifact:
    """An output of a workflow: its ``name``, and where a ``node`` has it as ``source``.

    ``file`` is the last name of its key; ``direction`` tells whether the node has it among its
    outputs or its inputs.
    """

    name: str
    node: str
    source: str
    file: str
    direction: str = "outputs"


def own_artifacts(workflow: Mapping[str, Any]) -> list[OwnArtifact]:
    """Return the artifacts that the workflow itself has as outputs, each once."""
    status = workflow.get("status") or {}
    nodes = status.get("nodes") or {}
    root = nodes.get(str(workflow["metadata"]["name"])) or {}
    holders = {
        artifact_key(artifact): (key, artifact["name"])
        for key, node in nodes.items()
        for artifact in (node.get("outputs") or {}).get("artifacts") or ()
        if node.get("type") == "Pod" and not artifact.get("deleted")
    }
    found = {}
    for holder in (root, status):
        for artifact in (holder.get("outputs") or {}).get("artifacts") or ():
            key = artifact_key(artifact)
            if artifact["name"] in found or not key or artifact["name"].endswith("-logs"):
                continue
            # Of an artifact that a task has got by a part of its path, nobody has the whole.
            if key in holders:
                node, source = holders[key]
                file = posixpath.basename(key)
                found[artifact["name"]] = OwnArtifact(artifact["name"], node, source, file)
    return list(found.values())


def fetch_artifacts(
    workflow: Mapping[str, Any],
    artifacts: Sequence[OwnArtifact],
    source: ArtifactSource,
    destination: Path,
) -> Results:
    """Bring ``artifacts`` of ``workflow`` below ``destination``; what cannot be had is a remark.

    Raises :class:`~hera_experiment.errors.UserError` when nothing more can be written.
    """
    drafts = destination.parent / ".parts" / destination.name
    fetching = _Fetching(workflow, source, Store(destination, drafts), drafts)
    for artifact in artifacts:
        fetching.fetch(artifact)
    with suppress(OSError):
        drafts.rmdir()
        drafts.parent.rmdir()
    return Results(
        destination,
        tuple(sorted(fetching.files)),
        tuple(fetching.remarks),
        new=fetching.new,
        missing=len(fetching.remarks),
    )


class _Fetching:
    def __init__(
        self, workflow: Mapping[str, Any], source: ArtifactSource, store: Store, drafts: Path
    ) -> None:
        self._metadata = workflow["metadata"]
        self._source = source
        self._store = store
        self._drafts = drafts
        self.files: list[Path] = []
        self.remarks: list[str] = []
        self.new = 0

    def fetch(self, artifact: OwnArtifact) -> None:
        """Bring one artifact, a file or a folder."""
        try:
            top = f"{FOLDER}/{artifact.name}"
            if not self._file(artifact, "", f"{top}/{artifact.file}"):
                for inner in self._inside(artifact, "", set()):
                    self._file(artifact, inner, f"{top}/{inner}")
        except (UserError, OSError) as error:
            # An OSError: the connection broke off, or the disk is full.
            why = error.strerror or "it broke off" if isinstance(error, OSError) else error.what
            if isinstance(error, UserError) and error.next_step:
                why = f"{error.what}: {error.next_step}"
            self.remarks.append(f"the artifact '{printable(artifact.name)}' cannot be had: {why}")

    def _file(self, artifact: OwnArtifact, inner: str, name: str) -> bool:
        """Bring one file; tell whether it is one."""
        path = os.fsencode(name)
        if not is_safe(path):
            raise UserError(f"the server names a file '{printable(name)}'")
        with self._opened(artifact, inner) as pieces:
            if pieces is None:
                return False
            self._drafts.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._drafts) as draft:
                digest = hashlib.sha256()
                for piece in pieces:
                    digest.update(piece)
                    draft.write(piece)
                draft.flush()
                if not self._has(path, digest.hexdigest()):
                    os.lseek(draft.fileno(), 0, os.SEEK_SET)
                    os.fchmod(draft.fileno(), 0o644)
                    self._store.copy(path, draft.fileno())
                    self.new += 1
        self.files.append(self._store.path(path))
        return True

    def _opened(
        self, artifact: OwnArtifact, inner: str
    ) -> AbstractContextManager[Iterator[bytes] | None]:
        namespace, name = str(self._metadata["namespace"]), str(self._metadata["name"])
        return self._source.artifact(
            namespace, name, artifact.node, artifact.source, inner, artifact.direction
        )

    def _has(self, path: bytes, wanted: str) -> bool:
        try:
            descriptor = os.open(self._store.path(path), FILE_FLAGS)
        except OSError:
            return False
        with open(descriptor, "rb") as file:
            return checksum(file) == wanted

    def _inside(self, artifact: OwnArtifact, folder: str, seen: set[str]) -> Iterator[str]:
        """Yield the files of a folder; the server's page names them, and further folders."""
        seen.add(folder)
        with self._opened(artifact, folder or "/") as pieces:
            page = b"" if pieces is None else b"".join(pieces)[:_MOST_BYTES]
        for link in _LINK.findall(page.decode("utf-8", "replace")):
            inner = folder + unquote(html.unescape(link))
            if not inner.endswith("/"):
                yield inner
            elif inner not in seen:
                yield from self._inside(artifact, inner, seen)
