"""Brings the files that a run left on its claims to ``results/<workflow>/``, on the laptop."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hera_experiment.results.outcome import Results
from hera_experiment.results.workflows import claims_of


def copy_results(
    workflow: Mapping[str, Any], claim_folder: Callable[[str], Path], destination: Path
) -> Results:
    """Copy ``<claim>/<workflow>/`` of each claim of ``workflow`` into ``destination``.

    ``claim_folder`` tells where a claim lies. The files of a single claim land in ``destination``
    itself, those of several in one folder per claim. Links are copied as links, and what is no
    file (a socket, a pipe) is passed over; a file that cannot be copied becomes a remark, since a
    run is not undone by a full disk.
    """
    name = str(workflow["metadata"]["name"])
    claims = claims_of(workflow)
    sources = {claim: claim_folder(claim) / name for claim in claims}
    sources = {claim: folder for claim, folder in sources.items() if folder.is_dir()}
    remarks: list[str] = []
    files: list[Path] = []
    for claim, source in sources.items():
        target = destination if len(sources) == 1 else destination / claim
        _copy_folder(source, target, files, remarks)
    if claims and not sources:
        listed = "', '".join(claims)
        remarks.append(f"no results: nothing was written below {name}/ of the claim '{listed}'")
    return Results(destination, tuple(sorted(files)), tuple(remarks))


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
