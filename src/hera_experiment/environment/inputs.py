"""Other inputs than ``inputs.py``, for a script that imports them under that name."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from hera_experiment.errors import UserError

VARIABLE = "HERA_UTILS_INPUTS"
"""Holds what a person named: a module, or a path that ends in ``.py``."""
CHANGES_VARIABLE = "HERA_UTILS_SET"
"""Holds the values that a person typed."""

NAME = "inputs"
"""What a script imports, and the attribute that it looks for there."""

_OPTION = "--inputs"
_OF_FILE = "inputs_named_by_path"


@dataclass(frozen=True)
class InputChoice:
    """The inputs that a person chose: the name of a module or file, and changed values."""

    named: str = ""
    changes: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> InputChoice:
        """Return what a parent process handed on."""
        return cls(environ.get(VARIABLE, ""), environ.get(CHANGES_VARIABLE, ""))

    @classmethod
    def read(cls, text: str) -> InputChoice:
        """Return what was written as a text, see ``str``."""
        named, _, changes = f" {text}".partition(" SET=")
        return cls(named.strip(), changes)

    def __str__(self) -> str:
        return " ".join(filter(None, [self.named, self.changes and f"SET={self.changes}"]))

    def variables(self) -> dict[str, str]:
        """Return the variables that hand it on to a script."""
        return {VARIABLE: self.named, CHANGES_VARIABLE: self.changes}


def take_inputs(environ: Mapping[str, str] = os.environ) -> None:
    """Import the inputs that ``environ`` tells, if any, and let ``import inputs`` find them.

    They may import ``inputs`` themselves and find the experiment's own; whatever name they do not
    define, such as the classes of ``inputs.py``, is taken from there.

    Raises
    ------
    UserError
        When there is no such module or file, it defines no ``inputs``, or a value is refused.
    """
    choice = InputChoice.of(environ)
    named = choice.named or (NAME if choice.changes else "")
    if not named:
        return
    usual = _usual()
    _OWN[:] = [getattr(usual, NAME, None)]
    module = _of_file(named) if _is_path(named) else _of_module(named)
    if not hasattr(module, NAME):
        raise UserError(
            f"'{named}' defines no '{NAME}'",
            _OPTION,
            f"define it there as inputs.py does: {NAME} = Inputs(…)",
        )
    if choice.changes:
        from hera_experiment.environment.input_changes import changed

        module.inputs = changed(module.inputs, choice.changes)  # type: ignore[attr-defined]
    for name, value in vars(usual).items() if usual is not None else ():
        if not name.startswith("__") and not hasattr(module, name):
            setattr(module, name, value)
    sys.modules[NAME] = module


_OWN: list[Any] = []
"""The inputs of ``inputs.py``, where others took their place."""


def inputs_told() -> dict[str, Any]:
    """Return the ``values`` of the inputs that the script imported, nothing where it did not.

    With ``defaults``: what those are in ``inputs.py`` that differ there. They are of JSON's types;
    what is of none is written as a text.
    """
    inputs = getattr(sys.modules.get(NAME), NAME, None)
    if inputs is None:
        return {}
    values = _written(inputs)
    told = {"values": values}
    if _OWN and _OWN[0] is not None:
        own = _written(_OWN[0])
        told["defaults"] = {name: own.get(name) for name in values if values[name] != own.get(name)}
    return told


def _written(inputs: Any) -> dict[str, Any]:
    import json

    from hera_experiment.environment.input_changes import values_of

    values = {each.name: each.value for each in values_of(inputs)}
    written: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return written


def _is_path(named: str) -> bool:
    return named.endswith(".py") or os.sep in named


def _usual() -> ModuleType | None:
    """Return the experiment's own inputs, None where it has none."""
    try:
        return import_module(NAME)
    except ModuleNotFoundError as error:
        if error.name != NAME:
            raise
        return None


def _of_module(named: str) -> ModuleType:
    if all(part.isidentifier() for part in named.split(".")):
        try:
            return import_module(named)
        except ModuleNotFoundError as error:
            # Something else that the module itself cannot find is its author's business.
            if error.name != named and not named.startswith(f"{error.name}."):
                raise
    raise UserError(
        f"there is no module '{named}'",
        _OPTION,
        "name a module next to the script, or a file: x.py",
    )


def _of_file(named: str) -> ModuleType:
    path = Path(named).expanduser()
    if not path.is_file():
        raise UserError(f"there is no file '{named}'", _OPTION, "name a module, or a file: x.py")
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(_OF_FILE, path)
    if spec is None or spec.loader is None:
        raise UserError(
            f"the file '{named}' is not a Python file", _OPTION, "name a file that ends in .py"
        )
    module = module_from_spec(spec)
    # Classes look their module up while they are made.
    sys.modules[_OF_FILE] = module
    spec.loader.exec_module(module)
    return module
