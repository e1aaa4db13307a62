"""Finds out which of several sources rules each argument, with ConfigArgParse.

To be imported late: that package takes a while, and ``--help`` needs none of it.
"""

from __future__ import annotations

import glob
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

import configargparse

from hera_experiment.context import layers, settings_file
from hera_experiment.context.arguments import Argument, Arguments
from hera_experiment.context.layers import Layer
from hera_experiment.context.sources import Origin, Setting

NONE = Arguments()


class SettingsFiles(configargparse.ConfigFileParser):  # type: ignore[misc]
    """The format of every settings file, for ConfigArgParse.

    Its own formats know no lines and one name for each key, and what they do not know they pass on
    with its value. ``layers`` has what each file said, by its path.
    """

    def __init__(self, environ: Mapping[str, str], arguments: Arguments = NONE) -> None:
        super().__init__()
        self._arguments = arguments
        self._environ = environ
        self._origins: dict[str, Origin] = {}
        self.layers: dict[str, Layer] = {}

    def get_syntax_description(self) -> str:
        """Say how a file is written."""
        return "A settings file has lines NAME=value, quoted as for a shell; # begins a comment."

    def read(self, path: Path, origin: Origin = Origin.FILE) -> Layer:
        """Return what ``path`` says; raises ``UserError`` when it cannot be read or parsed."""
        self._origins[str(path)] = origin
        self.parse(self.open(str(path)))
        return self.layers[str(path)]

    def open(self, path: str, mode: str = "r") -> TextIO:
        """Open ``path`` for :meth:`parse`."""
        stream = StringIO(settings_file.text_of(Path(path)))
        stream.name = path
        return stream

    def parse(self, stream: Any) -> dict[str, str]:
        """Return the values of ``stream`` by the names of their arguments."""
        path = Path(stream.name)
        origin = self._origins.get(stream.name, Origin.FILE)
        layer = layers.of_file(self._arguments, path, stream.read(), self._environ, origin)
        self.layers[stream.name] = layer
        return layer.values

    def serialize(self, items: Mapping[str, str]) -> str:
        """Return the lines of a file that says ``items``."""
        return "".join(f"{key}={shlex.quote(value)}\n" for key, value in items.items())


@dataclass
class Sources:
    """What may say something about an argument, the strongest first; the files too."""

    typed: Layer = field(default_factory=Layer)
    variables: Layer = field(default_factory=Layer)
    files: Sequence[Path] = ()
    committed: Layer = field(default_factory=Layer)


def effective_settings(
    arguments: Iterable[Argument], sources: Sources, reader: SettingsFiles
) -> dict[str, Setting]:
    """Return the setting that rules each of ``arguments``, by name; none for what nobody set."""
    arguments = list(arguments)
    parser = configargparse.ArgumentParser(
        add_help=False,
        allow_abbrev=False,
        config_file_parser_class=reader,
        config_file_open_func=reader.open,
        # The last one wins there. It takes a path for a pattern.
        default_config_files=[glob.escape(str(path)) for path in reversed(sources.files)],
        ignore_unknown_config_file_keys=True,
    )
    for argument in arguments:
        default = sources.committed.values.get(argument.name)
        parser.add_argument(f"--{argument.name}", env_var=argument.name, default=default)
    words = [f"--{name}={value}" for name, value in sources.typed.values.items()]
    parser.parse_known_args(words, env_vars=sources.variables.values)

    found = {a.name: setting for a in arguments if (setting := sources.typed.get(a))}
    known = {"environment_variables": sources.variables, "defaults": sources.committed}
    for origin, settings in parser.get_source_to_settings_dict().items():
        if origin == "command_line":
            continue
        layer = known.get(origin) or reader.layers[origin.partition("|")[2]]
        found.update({action.dest: layer.settings[action.dest] for action, _ in settings.values()})
    return found
