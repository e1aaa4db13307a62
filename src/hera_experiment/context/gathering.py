"""Gathers what was said about each argument, from the sources that the chosen cluster allows.

To be imported late, as :mod:`hera_experiment.context.config_parser`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hera_experiment.context import inherited, layers, profiles
from hera_experiment.context.arguments import Arguments, SettingScope
from hera_experiment.context.config_parser import SettingsFiles, Sources, effective_settings
from hera_experiment.context.inherited import EndpointAddress, InheritedContext
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
        if any(layer.get(argument) for argument in arguments if argument.secret):
            profiles.refuse_readable(profile)
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
