"""What an experiment says of itself: its name, authors and licence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hera_experiment.experiment import SETTINGS, read_toml

_SPDX = "https://spdx.org/licenses/"
_OPEN = ("MIT", "BSD-3-Clause", "Apache-2.0")
_UNKNOWN = "No licence was stated: all rights reserved"


@dataclass(frozen=True)
class About:
    """An experiment as it is cited.

    ``authors`` are names, each with an ORCID or nothing; ``licence`` is an address of SPDX, or what
    holds in words.
    """

    name: str
    slug: str
    description: str = ""
    authors: tuple[tuple[str, str], ...] = ()
    licence: str = _UNKNOWN


def about(folder: Path, name: str, slug: str) -> About:
    """Read what the experiment in ``folder`` says of itself; ``name`` and ``slug`` else.

    Raises :class:`~hera_experiment.errors.UserError` where that is no TOML.
    """
    path = folder / SETTINGS
    document: dict[str, Any] = read_toml(path) if path.is_file() else {}
    table = document.get("experiment") or {}
    answers = (document.get("template") or {}).get("answers") or {}
    licence = str(answers.get("license", ""))
    orcid = str(table.get("orcid", ""))
    names = [str(each) for each in table.get("authors") or [] if str(each)]
    return About(
        str(table.get("name") or name),
        str(table.get("slug") or slug),
        str(table.get("description") or ""),
        tuple((each, "" if at else orcid) for at, each in enumerate(names)),
        f"{_SPDX}{licence}" if licence in _OPEN else (licence or _UNKNOWN),
    )
