"""The sources of settings as layers, each of which answers for any argument."""

from __future__ import annotations

import difflib
import os
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hera_experiment.context import settings_file
from hera_experiment.context.arguments import Argument, Arguments, spelt_as_known
from hera_experiment.context.sources import Origin, Setting, Source, display
from hera_experiment.errors import UserError


@dataclass
class Layer:
    """What one source says: ``settings`` by the names of their arguments, none of them empty.

    ``notes`` has what a person should know about the source.
    """

    settings: dict[str, Setting] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def get(self, argument: Argument) -> Setting | None:
        """Return the setting of ``argument``, None where this source has none."""
        return self.settings.get(argument.name)

    def without(self, names: Container[str]) -> Layer:
        """Return this layer without the arguments of these names."""
        kept = {name: each for name, each in self.settings.items() if name not in names}
        return Layer(kept, self.notes)

    def of(self, names: Container[str]) -> Layer:
        """Return this layer with nothing but the arguments of these names."""
        kept = {name: each for name, each in self.settings.items() if name in names}
        return Layer(kept, self.notes)

    @property
    def values(self) -> dict[str, str]:
        """The values by the names of their arguments."""
        return {name: setting.value for name, setting in self.settings.items()}


def of_command_line(arguments: Arguments, given: Mapping[str, str]) -> Layer:
    """Return the layer of the options that were typed."""
    found = {}
    for argument in arguments:
        if argument.name in given:
            value = given[argument.name]
            source = Source(Origin.COMMAND_LINE, f"--{argument.name}")
            found[argument.name] = Setting(_path(value, None) if argument.path else value, source)
    return Layer(_by_argument(arguments, found))


def of_environment(arguments: Arguments, environ: Mapping[str, str]) -> Layer:
    """Return the layer of the environment variables."""
    found = {}
    for argument in arguments:
        for variable in argument.variables:
            if variable in environ:
                source = Source(Origin.ENVIRONMENT, variable)
                value = _path(environ[variable], None) if argument.path else environ[variable]
                found[variable.lower()] = Setting(value, source)
    return Layer(_by_argument(arguments, found))


def of_file(
    arguments: Arguments,
    path: Path,
    text: str,
    environ: Mapping[str, str],
    origin: Origin = Origin.FILE,
) -> Layer:
    """Return the layer of a settings file; relative paths in it are relative to its folder.

    Raises :class:`UserError` for a line that cannot be parsed.
    """
    found, notes = {}, []
    for line in settings_file.parse(text, display(path), environ):
        argument = arguments.named(line.name)
        if argument is None:
            notes.append(_unknown(arguments, line.name, f"{display(path)}, line {line.number}"))
            continue
        value = _path(line.value, path.parent) if argument.path else line.value
        found[spelt_as_known(line.name)] = Setting(
            value, Source(origin, line.name, path, line.number)
        )
    return Layer(_by_argument(arguments, found), notes)


def of_experiment(arguments: Arguments, defaults: Mapping[str, str], path: Path) -> Layer:
    """Return the layer of the committed defaults, which may hold no secret."""
    found, notes = {}, []
    for key, value in defaults.items():
        argument = arguments.named(key)
        if argument is None:
            notes.append(_unknown(arguments, key, display(path)))
            continue
        if argument.secret and value:
            raise UserError(
                f"a committed file holds a secret: {key}",
                where=display(path),
                next_step="take it out and make a new one; secrets belong in ./hera.config",
            )
        value = _path(value, path.parent) if argument.path else value
        found[spelt_as_known(key)] = Setting(value, Source(Origin.EXPERIMENT, key, path))
    return Layer(_by_argument(arguments, found), notes)


def _by_argument(arguments: Arguments, found: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return the settings by argument; ``found`` has them by any name, in lower case."""
    settings = {}
    for argument in arguments:
        for name in (*argument.variables, argument.name):
            setting = found.get(name.lower())
            if setting is not None and setting.value:
                settings[argument.name] = setting
                break
    return settings


def _path(value: str, folder: Path | None) -> str:
    parts = [os.path.expanduser(part) for part in value.split(os.pathsep)]
    if folder is not None:
        parts = [os.path.normpath(folder / part) if part else part for part in parts]
    return os.pathsep.join(parts)


def _unknown(arguments: Arguments, name: str, where: str) -> str:
    close = difflib.get_close_matches(name.lower(), arguments.names, n=1)
    hint = f"; did you mean {_spelt_like(name, close[0])}?" if close else ""
    return f"{name} is not known and has no effect ({where}){hint}"


def _spelt_like(name: str, close: str) -> str:
    return close.upper() if name.isupper() else close
