"""The line of a script in which a part of a manifest was made."""

from __future__ import annotations

import os

from hera_experiment.argo.objects import Origins
from hera_experiment.lint.judge import Locate
from hera_experiment.lint.rule import Path
from hera_experiment.lint.subject import Subject


def locator(subject: Subject, origins: Origins) -> Locate:
    """Return what finds the line of the task, the template or the workflow that a path is in."""

    def locate(path: Path) -> tuple[str, int]:
        template, call = subject.place(path)
        for name in ([f"{template}/{call}"] if call else []) + [template, ""]:
            if name in origins:
                file, line = origins[name]
                return _shown(file), line
        return "", 0

    return locate


def _shown(file: str) -> str:
    """Return a path as a person types it here."""
    relative = os.path.relpath(file)
    return file if relative.startswith(os.pardir) else relative
