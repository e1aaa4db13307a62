"""The artifacts of one pod: its inputs before it runs, its outputs and its log afterwards.

Source: ``loadArtifacts``, ``SaveArtifacts``, ``stageArchiveFile`` and ``SaveLogs`` in
``workflow/executor/executor.go`` and ``saveArtifact`` in ``cmd/argoexec/commands/emissary.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

import posixpath
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from hera_experiment.contained_files import Found, NotReadable
from hera_experiment.local.artifacts.errors import (
    ArtifactFailure,
    ArtifactNotFound,
    NotPackable,
    of_system,
)
from hera_experiment.local.artifacts.references import (
    Artifact,
    LocationError,
    below,
    has_key,
    has_location_or_key,
    joined,
    key_of,
    kind_of,
    relocated,
    with_key,
)
from hera_experiment.local.artifacts.repository import PIECE, STORED, Repository
from hera_experiment.local.artifacts.secret_values import secret_value
from hera_experiment.local.store.objects import Objects

LOG = "main"
_STAGED = "/tmp/argo/outputs/artifacts"
_PACKED = "/var/run/argo/outputs/artifacts"
_VOLUMES = "/mainctrfs"

Look = Callable[[str], Iterator[Found]]
"""Yields what a pod left at a path, and below it; raises ``OSError`` and :class:`NotReadable`."""


@dataclass(frozen=True)
class Saved:
    """What was kept of a pod, by name; ``error`` is what went wrong in keeping it.

    ``failure`` is why the task's own container did not get it ready.
    """

    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    error: str = ""
    failure: str = ""


def input_paths(template: Mapping[str, Any]) -> list[tuple[Artifact, str]]:
    """Return the input artifacts that a pod has, each with its path made plain.

    Raises :class:`ArtifactFailure`.
    """
    found = []
    for artifact in (template.get("inputs") or {}).get("artifacts") or ():
        if has_location_or_key(artifact):
            found.append((artifact, plain_path(artifact)))
        elif not artifact.get("optional"):
            raise ArtifactFailure(f"required artifact '{artifact['name']}' not supplied")
    return found


def output_artifacts(template: Mapping[str, Any]) -> list[Artifact]:
    """Return the artifacts that a template declares as outputs."""
    return list((template.get("outputs") or {}).get("artifacts") or ())


def plain_path(artifact: Artifact) -> str:
    """Return the path of an artifact without ``..``; raises :class:`ArtifactFailure`."""
    path, name = str(artifact.get("path") or ""), artifact["name"]
    if not path:
        raise ArtifactFailure(f"Artifact '{name}' did not specify a path")
    plain = posixpath.normpath(path)
    at = path.find("/../")
    safe = path[:at] if at >= 0 else path.removesuffix("/..") if path.endswith("/..") else ""
    if safe and not plain.startswith(f"{safe}/"):
        raise ArtifactFailure(
            f"Artifact '{name}' attempted to use a path containing '..'. Directory traversal is "
            "not permitted"
        )
    return plain


@dataclass(frozen=True)
class PodArtifacts:
    """Fetches and keeps the artifacts of one pod.

    ``archive`` is where its outputs go, with the beginning of their keys; ``archives_logs`` tells
    whether its log becomes an artifact.
    """

    repository: Repository
    objects: Objects
    archive: Artifact | None
    archives_logs: bool = False

    def load(self, artifact: Artifact, destination: Path) -> bool:
        """Fetch and unpack an input; tell whether an optional one is there.

        Raises :class:`ArtifactFailure`.
        """
        name = artifact["name"]
        try:
            location = relocated(artifact, self.archive)
        except LocationError as error:
            raise ArtifactFailure(f"failed to load artifact '{name}': {error}") from None
        draft = destination.with_name(f"{destination.name}.tmp")
        try:
            draft.parent.mkdir(parents=True, exist_ok=True)
            self._fetch(location, draft)
        except ArtifactNotFound as error:
            if artifact.get("optional"):
                return False
            raise ArtifactFailure(f"artifact {name} failed to load: {error}") from None
        except ArtifactFailure as error:
            raise ArtifactFailure(f"artifact {name} failed to load: {error}") from None
        except OSError as error:
            why = of_system(error, str(draft.parent))
            raise ArtifactFailure(f"artifact {name} failed to load: {why}") from None
        from hera_experiment.local.artifacts.archive import change_mode

        try:
            _unpack(draft, destination, artifact.get("archive") or {})
            if artifact.get("mode") is not None:
                change_mode(
                    destination, artifact["mode"], recurse=bool(artifact.get("recurseMode"))
                )
        except OSError as error:
            raise of_system(error, str(draft.parent)) from None
        return True

    def save(
        self, outputs: Sequence[Artifact], look: Look, is_shared: Callable[[str], bool]
    ) -> Saved:
        """Keep the ``outputs`` of a pod that has ended.

        ``is_shared`` tells whether a path lies on a volume, which Argo's executor reads itself.
        """
        artifacts: dict[str, Artifact] = {}
        errors: list[str] = []
        failure = ""
        for artifact in outputs:
            try:
                path = plain_path(artifact)
                shared = is_shared(path)
                if failure and not shared:
                    raise _not_there(artifact, path, shared=False)
                plain = {**artifact, "path": path}
                saved, failure = self._saved(plain, path, look, shared=shared)
            except ArtifactNotFound as error:
                if not artifact.get("optional"):
                    errors.append(str(error))
                continue
            except (ArtifactFailure, LocationError) as error:
                errors.append(str(error))
                continue
            artifacts[artifact["name"]] = saved
        return Saved(artifacts, "".join(f"{error}; " for error in errors), failure)

    def save_log(self, log: Path) -> Saved:
        """Keep the log of the main container, if that is asked for."""
        if not self.archives_logs:
            return Saved()
        artifact = {"name": f"{LOG}-logs"}
        try:
            kept, location = self._located(artifact, f"{LOG}.log")
            with log.open("rb") as file:
                self._keep_file(location, file)
        except (ArtifactFailure, LocationError) as error:
            return Saved(error=str(error))
        except OSError as error:
            return Saved(error=str(of_system(error, str(log))))
        return Saved({artifact["name"]: kept})

    def location(self, artifact: Artifact, inner: str = "") -> Artifact:
        """Return the whole location of an artifact, or of what ``inner`` names below it.

        Raises :class:`ArtifactFailure`.
        """
        try:
            found = relocated(artifact, self.archive)
            return below(found, inner) if inner else found
        except LocationError as error:
            raise ArtifactFailure(str(error)) from None

    def is_folder(self, location: Artifact) -> bool:
        """Tell whether there are keys below that of a location; raises :class:`ArtifactFailure`."""
        return kind_of(location) in STORED and self.repository.is_folder(location)

    def open(self, location: Artifact) -> BinaryIO:
        """Open what is at a location, to be read from its beginning.

        Raises :class:`ArtifactFailure`.
        """
        if kind_of(location) in STORED:
            return self.repository.open(location)
        with self.repository.draft() as file:
            try:
                self._fetch(location, Path(file.name))
                # Its name goes, what is open stays.
                return open(file.name, "rb")
            except OSError as error:
                raise of_system(error, file.name) from None

    def _fetch(self, location: Artifact, destination: Path) -> None:
        kind = kind_of(location)
        if kind == "raw":
            data = str(location["raw"].get("data") or "")
            destination.write_text(data, "utf-8", "surrogateescape", newline="")
            destination.chmod(0o666)
        elif kind == "http":
            # Imported when one is asked for, here and below: most pods have no artifacts.
            from hera_experiment.local.artifacts.http import fetch_http

            fetch_http(location[kind], self._secret, destination)
        elif kind == "git":
            from hera_experiment.local.artifacts.git import fetch_git

            fetch_git(location[kind], self._secret, destination)
        else:
            self.repository.fetch(location, destination)

    def _saved(
        self, artifact: Artifact, path: str, look: Look, *, shared: bool
    ) -> tuple[Artifact, str]:
        """Keep one output; return it as it is shown, and why its container failed, or nothing."""
        from hera_experiment.local.artifacts.archive import (
            check_links,
            compression_level,
            tar_gz,
            zipped,
        )

        found, first = self._looked(artifact, path, look, shared=shared)
        archive = artifact.get("archive") or {}
        name, base = artifact["name"], posixpath.basename(path)
        failure = ""
        if "none" in archive:
            kept, location = self._located(artifact, base)
            if not shared:
                found = check_links(found, base)
            self._keep_plainly(location, found, lambda inner: look(posixpath.join(path, inner)))
        elif "zip" in archive:
            kept, location = self._located(artifact, f"{name}.zip")
            if not shared:
                found = check_links(found, base)
                if first.is_file and name != base:
                    # Argo has renamed the file by then.
                    raise ArtifactNotFound(f"stat {_STAGED}/{name}: no such file or directory")
            top = f"{_VOLUMES}{path}" if shared else f"{_STAGED}/{name}"
            if stat.S_ISDIR(first.mode):
                top = posixpath.basename(top)
            self._keep(location, lambda file: zipped(found, top, file))
        else:
            kept, location = self._located(artifact, f"{name}.tgz")
            level = compression_level(archive) if shared else compression_level(None)
            try:
                if not (first.is_file or stat.S_ISDIR(first.mode)):
                    where = f"{_VOLUMES}{path}" if shared else path
                    raise NotPackable(f"{where} is not a regular file or directory")
                self._keep(location, lambda file: tar_gz(found, base, level, file))
            except NotPackable as error:
                if shared:
                    raise
                # By now Argo's executor has made the archive, which stays empty.
                self._keep(location, lambda file: None)
                failure = f"failed to tarball the output {path} to {_PACKED}{path}.tgz: {error}"
        return kept, failure

    def _looked(
        self, artifact: Artifact, path: str, look: Look, *, shared: bool
    ) -> tuple[Iterable[Found], Found]:
        try:
            found = look(path)
            first = next(found)
        except NotReadable as error:
            what = f"the output artifact {artifact['name']!r} is not taken: {path} {error}"
            raise ArtifactFailure(what) from None
        except PermissionError as error:
            raise of_system(error, path) from None
        except (OSError, ValueError, StopIteration):
            raise _not_there(artifact, path, shared=shared) from None

        def all_found() -> Iterator[Found]:
            yield first
            yield from found

        return all_found(), first

    def _located(self, artifact: Artifact, file: str) -> tuple[dict[str, Any], Artifact]:
        """Return ``artifact`` with the key that it gets, and its whole location."""
        kept = dict(artifact)
        if not has_key(artifact):
            if self.archive is None:
                raise LocationError("template artifact location not set")
            key = joined(key_of(self.archive), file)
            kept |= with_key({kind_of(self.archive): {}}, key)
        return kept, relocated(kept, self.archive)

    def _keep_plainly(self, location: Artifact, found: Iterable[Found], look: Look) -> None:
        """Keep a file, or the files of a folder one by one; a link is what it leads to."""
        for each in found:
            if stat.S_ISLNK(each.mode):
                self._keep_target(location, each.path, look)
            elif not stat.S_ISDIR(each.mode):
                self._keep_found(location, each, each.path)

    def _keep_target(self, location: Artifact, path: str, look: Look) -> None:
        try:
            # Only the first: what a link leads to is kept as a file.
            for target in look(path):
                self._keep_found(location, target, path)
                return
        except (OSError, NotReadable):
            pass
        raise ArtifactFailure(f"open {path}: no such file or directory")

    def _keep_found(self, location: Artifact, found: Found, path: str) -> None:
        if not found.is_file:
            raise ArtifactFailure(f"{path or 'it'} is not a regular file")
        with found.open() as file:
            self._keep_file(location, file, path)

    def _keep_file(self, location: Artifact, file: BinaryIO, inner: str = "") -> None:
        self._keep(location, lambda target: shutil.copyfileobj(file, target, PIECE), inner)

    def _keep(self, location: Artifact, write: Callable[[BinaryIO], None], inner: str = "") -> None:
        kind = kind_of(location)
        if kind == "raw":
            raise ArtifactFailure("Raw output artifacts unsupported")
        if kind == "git":
            raise ArtifactFailure("git output artifacts unsupported")
        if kind == "http":
            self._send(location[kind], write)
        else:
            self.repository.keep(location, write, inner)

    def _send(self, source: Mapping[str, Any], write: Callable[[BinaryIO], None]) -> None:
        from hera_experiment.local.artifacts.http import send_http

        with self.repository.draft() as file:
            write(file)
            size = file.tell()
            file.seek(0)
            send_http(source, self._secret, file, size)

    def _secret(self, reference: Mapping[str, Any]) -> str:
        return secret_value(self.objects, reference)


def _not_there(artifact: Artifact, path: str, *, shared: bool) -> ArtifactNotFound:
    if not shared:
        return ArtifactNotFound(f"open {_PACKED}{path}.tgz: no such file or directory")
    if "none" in (artifact.get("archive") or {}):
        return ArtifactNotFound(f"{path} no such file or directory")
    return ArtifactNotFound(f"stat {_VOLUMES}{path}: no such file or directory")


def _unpack(draft: Path, destination: Path, archive: Mapping[str, Any]) -> None:
    from hera_experiment.local.artifacts.archive import is_tarball, untar, unzip

    if "none" not in archive and ("tar" in archive or ("zip" not in archive and is_tarball(draft))):
        untar(draft, destination)
        draft.unlink()
    elif "none" not in archive and "zip" in archive:
        unzip(draft, destination)
        draft.unlink()
    else:
        draft.rename(destination)
