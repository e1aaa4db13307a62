"""Which rules an experiment wants: ``[tool.hera_experiment.lint]`` of its pyproject.toml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.errors import UserError
from hera_experiment.experiment import read_toml

FILE = "pyproject.toml"
TABLE = "tool.hera_experiment.lint"
_NAMES = ("select", "ignore")


@dataclass(frozen=True)
class Choice:
    """Codes or their beginnings; ``where`` says who chose them."""

    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    where: str = ""


def choice_of(folder: Path) -> Choice:
    """Return what the experiment in ``folder`` chooses.

    Raises :class:`UserError` where that cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return Choice()
    table: object = read_toml(path)
    for key in TABLE.split("."):
        table = table.get(key, {}) if isinstance(table, dict) else {}
    where = f"[{TABLE}] of {path}"
    if not isinstance(table, dict):
        raise UserError("it is not a table", where)
    for key, value in table.items():
        if key not in _NAMES:
            raise UserError(f"there is no setting '{key}'", where, f"write {' or '.join(_NAMES)}")
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise UserError(f"'{key}' is no list of codes", where, f'write {key} = ["HE601"]')
    return Choice(table.get("select", ()), table.get("ignore", ()), where)
