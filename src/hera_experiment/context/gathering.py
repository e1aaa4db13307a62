"""Gathers what was said about each argument, from the sources that the chosen cluster allows.

ConfigArgParse finds out which source rules. To be imported late: that package takes a while, and
``--help`` needs none of it.
"""

from __future__ import annotations

import glob
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

import configargparse

from hera_experiment.context import inherited, layers, profiles, settings_file
from hera_experiment.context.arguments import Argument, Arguments, SettingScope
from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.context.inherited import InheritedContext
from hera_experiment.context.layers import Layer
from hera_experiment.context.sources import Origin, Setting, Source, display
from hera_experiment.experiment import SETTINGS, Experiment


def gather(
    arguments: Arguments,
    given: Mapping[str, str],
    experiment: Experiment,
    environ: Mapping[str, str],
    files: Callable[[], Sequence[Path]],
) -> tuple[dict[str, Setting], list[str], EndpointAddress | None]:
    """Return the setting of each of ``arguments``, what a person should know, and the endpoint.

    ``given`` are the typed options by the names of their arguments, ``files`` returns the
    settings files, the strongest first; of those that do not exist nothing is taken. A profile
    answers for its cluster as a whole: of what is about the cluster, nothing is taken from a weaker
    source, so that the token of one server never goes to another. Raises :class:`UserError` as
    ``parse_arguments``.
    """
    reader = SettingsFiles(environ, arguments)
    typed = layers.of_command_line(arguments, given)
    committed = layers.of_experiment(arguments, experiment.defaults, experiment.folder / SETTINGS)
    parent = _parent(typed, environ)
    if parent is not None:
        everything = Sources(Layer() if parent.fixed else typed, parent.layer)
    else:
        there = [file for file in files() if file.is_file()]
        variables = layers.of_environment(arguments, environ)
        everything = Sources(typed, variables, there, committed)
    read = [committed, *(reader.read(path) for path in everything.files)]

    settings = effective_settings(arguments.about(SettingScope.CHOICE), everything, reader)
    cluster = settings.get("cluster")
    about_cluster = about_resource = everything
    profile: Path | None = None
    if cluster and cluster.value == profiles.LOCAL:
        about_cluster, about_resource = Sources(), Sources(committed=committed)
    elif cluster and parent is None:
        profile = profiles.path_of(experiment.folder, cluster.value, cluster.source)
        layer = reader.read(profile, Origin.PROFILE)
        if _holds_secret(layer, arguments) and (error := profiles.readable(profile)):
            raise error
        read.append(layer)
        # ConfigArgParse puts the environment above all files.
        machine_wide = {argument.name for argument in arguments if argument.machine_wide}
        others = everything.variables.without(layer.settings)
        about_cluster = Sources(typed, others.of(machine_wide), [profile])
        about_resource = Sources(typed, others, [profile, *everything.files], committed)
    settings |= effective_settings(arguments.about(SettingScope.CLUSTER), about_cluster, reader)
    settings |= effective_settings(arguments.about(SettingScope.RESOURCE), about_resource, reader)
    if cluster and cluster.value == profiles.LOCAL:
        settings["argo_namespace"] = Setting(profiles.LOCAL, Source(Origin.PLATFORM))

    weaker = (
        effective_settings(arguments.about(SettingScope.CLUSTER), everything, reader)
        if profile
        else {}
    )
    notes = [note for layer in read for note in layer.notes]
    if _holds_secret(typed, arguments):
        name = cluster.value if profile and cluster else "NAME"
        notes.append(
            "whoever uses this machine can see the token that you typed (ps shows it): type "
            f"'make sign-in CLUSTER={name}', which asks for it and keeps it in "
            f"clusters/{name}.config"
        )
    secrets = (settings.get(each.name) for each in arguments if each.secret)
    used = {setting.source.file for setting in secrets if setting}
    for file in dict.fromkeys(everything.files):
        if _holds_secret(reader.layers[str(file)], arguments) and (
            error := profiles.readable(file)
        ):
            if file in used:
                raise error
            notes.append(str(error))
    for argument in arguments:
        setting = settings.get(argument.name)
        if setting is None:
            source = Source(Origin.DEFAULT, unused=_unused(weaker.get(argument.name), profile))
            settings[argument.name] = Setting(argument.value_unless_given, source)
        elif profile is not None and setting.source.origin is Origin.PROFILE:
            other = everything.variables.get(argument)
            if other is not None and other.value != setting.value:
                source = setting.source.shadowing(other.source)
                settings[argument.name] = Setting(setting.value, source)
                notes.append(str(source))
    return settings, notes, parent.endpoint if parent else None


def _holds_secret(layer: Layer, arguments: Arguments) -> bool:
    return any(layer.get(argument) for argument in arguments if argument.secret)


def _unused(weaker: Setting | None, profile: Path | None) -> str:
    if weaker is None or profile is None:
        return ""
    place = display(profile)
    return f"not used: {weaker.source}; what is about the cluster comes from {place} alone"


def _parent(typed: Layer, environ: Mapping[str, str]) -> InheritedContext | None:
    """Return what a parent process handed on; None, too, when another cluster is typed here."""
    parent = inherited.of_parent(environ)
    if parent is None or parent.fixed:
        return parent
    here, there = typed.settings.get("cluster"), parent.layer.settings.get("cluster")
    other = here is not None and here.value != (there.value if there else "")
    return None if other else parent


class SettingsFiles(configargparse.ConfigFileParser):  # type: ignore[misc]
    """The format of every settings file, for ConfigArgParse.

    Its own formats know no lines and one name for each key, and what they do not know they pass on
    with its value. ``layers`` has what each file said, by its path.
    """

    def __init__(self, environ: Mapping[str, str], arguments: Arguments | None = None) -> None:
        super().__init__()
        self._arguments = arguments or Arguments()
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
