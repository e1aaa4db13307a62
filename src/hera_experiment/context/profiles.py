"""The clusters of an experiment: ``clusters/NAME.config``, one profile each, never in git."""

from __future__ import annotations

import difflib
import re
import stat
from pathlib import Path

from hera_experiment.context.sources import Source, display
from hera_experiment.errors import UserError

FOLDER = "clusters"
SUFFIX = ".config"
LOCAL = "local"
"""The platform that is built in: this machine."""

NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
"""What a profile can be named."""
_READABLE_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH


def names(folder: Path) -> list[str]:
    """Return the names of the profiles of the experiment in ``folder``."""
    return sorted(path.name.removesuffix(SUFFIX) for path in (folder / FOLDER).glob(f"*{SUFFIX}"))


def path_of(folder: Path, name: str, source: Source) -> Path:
    """Return the file of the profile ``name``.

    Raises
    ------
    UserError
        When there is none; it names those there are.
    """
    known = [LOCAL, *names(folder)]
    path = folder / FOLDER / f"{name}{SUFFIX}"
    if NAME.fullmatch(name) and path.is_file():
        return path
    close = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean '{close[0]}'?" if close else f"choose one of {', '.join(known)}"
    raise UserError(
        f"no cluster is named '{name}'",
        where=str(source),
        next_step=f"{advice}, or write {display(folder / FOLDER / 'NAME.config')}",
    )


def readable(path: Path, what: str = "token") -> UserError | None:
    """Return what is wrong where others than its owner may read ``path``, which has a secret."""
    if not path.stat().st_mode & _READABLE_BY_OTHERS:
        return None
    name = display(path)
    return UserError(f"others can read the {what} in it", name, f"chmod 600 {name}")
