"""The claims of the laptop, which are folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hera_experiment.errors import UserError, tell
from hera_experiment.results.data_files import FOLDER, DataFile, announce
from hera_experiment.results.outcome import Results, nothing_written
from hera_experiment.results.store import checksum
from hera_experiment.results.workflows import claims_of


class FolderTransport:
    """Copies between folders; the claims of ``workflow`` are those below ``claims``."""

    def __init__(
        self, workflow: Mapping[str, Any], claims: Path, say: Callable[[str], None] = tell
    ) -> None:
        self._workflow = workflow
        self._claims = claims
        self._say = say

    def download(self, destination: Path) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`.

        Links are copied as links, and what is no file (a socket, a pipe) is passed over; a file
        that cannot be copied becomes a remark, since a run is not undone by a full disk.
        """
        name = str(self._workflow["metadata"]["name"])
        claims = claims_of(self._workflow)
        sources = {claim: self._claims / claim / name for claim in claims}
        sources = {claim: folder for claim, folder in sources.items() if folder.is_dir()}
        remarks: list[str] = []
        files: list[Path] = []
        for claim, source in sources.items():
            target = destination if len(sources) == 1 else destination / claim
            _copy_folder(source, target, files, remarks)
        if claims and not sources:
            remarks.append(nothing_written(name, claims))
        return Results(destination, tuple(sorted(files)), tuple(remarks))

    def upload(self, claim: str, files: Sequence[DataFile]) -> None:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        target = self._claims / claim / FOLDER
        paths = {each: target / os.fsdecode(each.path) for each in files}
        changed = [each for each, path in paths.items() if not _is_there(each, path)]
        announce(changed, claim, self._say)
        try:
            for each in changed:
                path = paths[each]
                path.parent.mkdir(parents=True, exist_ok=True)
                draft = path.with_name(f".{each.sum}.part")
                shutil.copyfile(each.file, draft)
                shutil.copymode(each.file, draft)
                draft.replace(path)
        except OSError as error:
            raise UserError(f"cannot write: {error.strerror}", str(error.filename)) from None


def _is_there(file: DataFile, path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return path.stat().st_size == file.size and checksum(opened) == file.sum
    except OSError:
        return False


def _copy_folder(source: Path, target: Path, files: list[Path], remarks: list[str]) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        entries = sorted(os.scandir(source), key=lambda entry: entry.name)
    except OSError as error:
        remarks.append(f"cannot copy {source} to {target}: {error.strerror}")
        return
    for entry in entries:
        copy = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            _copy_folder(Path(entry.path), copy, files, remarks)
        elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
            try:
                if copy.is_symlink():
                    copy.unlink()
                shutil.copy2(entry.path, copy, follow_symlinks=False)
            except OSError as error:
                remarks.append(f"cannot copy {entry.path} to {copy}: {error.strerror}")
            else:
                files.append(copy)
