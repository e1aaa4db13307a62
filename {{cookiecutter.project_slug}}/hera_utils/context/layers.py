"""The sources of settings as layers, each of which answers for any argument."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hera_utils.context import settings_file
from hera_utils.context.arguments import ARGUMENTS, Argument
from hera_utils.context.sources import Origin, Setting, Source, display
from hera_utils.errors import UserError

_NAMES = {name.lower(): a for a in ARGUMENTS for name in (a.name, *a.variables)}


@dataclass
class Layer:
    """What one source says.

    ``values`` has the settings by the lower-case name of an option or variable, ``notes`` what a
    person should know about the source.
    """

    values: dict[str, Setting] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def get(self, argument: Argument) -> Setting | None:
        """Return the setting of ``argument``, None where this source has none or an empty one."""
        for name in (*argument.variables, argument.name):
            setting = self.values.get(name.lower())
            if setting is not None and setting.value:
                return setting
        return None


def of_command_line(given: Mapping[str, str]) -> Layer:
    """Return the layer of the options that were typed."""
    layer = Layer()
    for argument in ARGUMENTS:
        if argument.name in given:
            value = given[argument.name]
            source = Source(Origin.COMMAND_LINE, f"--{argument.name}")
            layer.values[argument.name] = Setting(
                _path(value, None) if argument.path else value, source
            )
    return layer


def of_environment(environ: Mapping[str, str]) -> Layer:
    """Return the layer of the environment variables."""
    layer = Layer()
    for argument in ARGUMENTS:
        for variable in argument.variables:
            if variable in environ:
                source = Source(Origin.ENVIRONMENT, variable)
                value = _path(environ[variable], None) if argument.path else environ[variable]
                layer.values[variable.lower()] = Setting(value, source)
    return layer


def of_file(path: Path, environ: Mapping[str, str], origin: Origin = Origin.FILE) -> Layer:
    """Return the layer of a settings file; relative paths in it are relative to its folder."""
    layer = Layer()
    for line in settings_file.read(path, environ):
        name = line.name.replace("-", "_").lower()
        argument = _NAMES.get(name)
        if argument is None:
            layer.notes.append(_unknown(line.name, f"{display(path)}, line {line.number}"))
            continue
        value = _path(line.value, path.parent) if argument.path else line.value
        layer.values[name] = Setting(value, Source(origin, line.name, path, line.number))
    return layer


def of_experiment(defaults: Mapping[str, str], path: Path) -> Layer:
    """Return the layer of the committed defaults, which may hold no secret."""
    layer = Layer()
    for key, value in defaults.items():
        name = key.replace("-", "_").lower()
        argument = _NAMES.get(name)
        if argument is None:
            layer.notes.append(_unknown(key, display(path)))
            continue
        if argument.secret and value:
            raise UserError(
                f"a committed file holds a secret: {key}",
                where=display(path),
                next_step="take it out and make a new one; secrets belong into ./hera.config",
            )
        value = _path(value, path.parent) if argument.path else value
        layer.values[name] = Setting(value, Source(Origin.EXPERIMENT, key, path))
    return layer


def _path(value: str, folder: Path | None) -> str:
    parts = [os.path.expanduser(part) for part in value.split(os.pathsep)]
    if folder is not None:
        parts = [os.path.normpath(folder / part) if part else part for part in parts]
    return os.pathsep.join(parts)


def _unknown(name: str, where: str) -> str:
    close = difflib.get_close_matches(name.lower(), _NAMES, n=1)
    hint = f"; did you mean {_spelt_like(name, close[0])}?" if close else ""
    return f"{name} is not known and has no effect ({where}){hint}"


def _spelt_like(name: str, close: str) -> str:
    return close.upper() if name.isupper() else close
