"""Where a file that a task names lies in the experiment: a person edits that one."""

from __future__ import annotations

import os
import posixpath
import re
from functools import lru_cache
from pathlib import Path

from hera_experiment.argo.images import container_of
from hera_experiment.argo.tasks import Node, Workflow
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment

_PATH = re.compile(r"(?<![\w./])/[\w.+@-]+(?:/[\w.+@-]+)*")
_SCRIPT = "/argo/staging/script"
"""What Argo calls the program of a script template."""


class SourcePaths:
    """Writes ``containers/NAME/FILE`` where a task of ``workflow`` writes its container's path."""

    def __init__(self, experiment: Experiment, workflow: Workflow) -> None:
        self._experiment = experiment
        spec, status = workflow.get("spec") or {}, workflow.get("status") or {}
        stored = (status.get("storedTemplates") or {}).values()
        self._images = {
            str(each.get("name")): str((each.get("container") or {}).get("image") or "")
            for each in (*(spec.get("templates") or ()), *stored)
        }
        scratch = experiment.state / "scratch"
        roots = {str(scratch), os.path.realpath(scratch)}
        self._root = re.compile(
            "(?:"
            + "|".join(map(re.escape, sorted(roots)))
            + r")/\d+(?P<script>/\.script\b)?(?=/|\W|$)"
        )

    def shown(self, node: Node | None, line: str) -> str:
        """Return ``line``, which the task of ``node`` wrote, with the paths of the experiment."""
        if "/" not in line:
            return line
        line = self._root.sub(lambda found: _SCRIPT if found["script"] else "", line)
        template = str((node or {}).get("templateName") or "")
        container = container_of(self._images.get(template, ""), self._experiment.slug)
        if container is None:
            return line
        copies = _copies(self._experiment.containers / container)
        return _PATH.sub(lambda found: _source(found[0], container, copies) or found[0], line)


def _source(path: str, container: str, copies: tuple[tuple[Path, str, str], ...]) -> str:
    """Return the file of the experiment that lies at ``path`` in the image; empty for none."""
    for folder, source, destination in reversed(copies):
        if path == destination:
            relative = source
        elif path.startswith(destination.rstrip("/") + "/"):
            below = path[len(destination.rstrip("/")) + 1 :]
            relative = posixpath.normpath(posixpath.join(source, below))
        else:
            continue
        if (folder / relative).is_file():
            return f"containers/{container}/{relative}"
    return ""


@lru_cache(maxsize=64)
def _copies(folder: Path) -> tuple[tuple[Path, str, str], ...]:
    """Return what the Dockerfile of ``folder`` copies: the folder, the source, the destination."""
    from hera_experiment.images.dockerfile import Dockerfile
    from hera_experiment.images.recipe import Copy, read_recipe

    try:
        steps = read_recipe(Dockerfile.read(folder / "Dockerfile"), {}).steps
    except (OSError, UserError):
        return ()
    found = []
    for step in steps:
        if isinstance(step, Copy):
            for source in step.sources:
                destination = step.destination
                if (folder / source).is_file() and step.into_folder:
                    destination = posixpath.join(destination, posixpath.basename(source))
                found.append((folder, source, destination))
    return tuple(found)
