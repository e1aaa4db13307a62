"""The CLI context: what a person said about the platform, gathered from wherever they said it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hera_utils.context import layers, profiles
from hera_utils.context.arguments import ARGUMENTS, Argument, Concern, add_arguments, parse
from hera_utils.context.layers import Layer
from hera_utils.context.secrets import Secret, shown
from hera_utils.context.sources import Origin, Setting, Source
from hera_utils.errors import UserError, install_excepthook
from hera_utils.experiment import SETTINGS, Experiment

_QUIET_VARIABLE = "HERA_UTILS_SESSION"


class CLIContext(argparse.Namespace):
    """The parsed arguments, each with its source; a script's own arguments are attributes too.

    What nobody set is an empty string. ``repr`` and :meth:`shown` mask secrets.
    """

    cluster: str
    runtime: str
    k8s_config_file: str
    k8s_configmap_name: str
    k8s_volume_claim_name: str
    argo_server: str
    argo_token: str
    argo_namespace: str
    argo_service_account: str
    argo_base_href: str
    argo_secure: bool
    argo_http1: bool
    argo_insecure_skip_verify: bool
    ca_bundle: str
    registry: str

    _experiment: Experiment
    _sources: dict[str, Source]
    _notes: list[str]

    @property
    def experiment(self) -> Experiment:
        """The experiment that the script belongs to."""
        return self._experiment

    @property
    def is_local(self) -> bool:
        """Whether the platform is this machine."""
        return self.cluster == profiles.LOCAL

    @property
    def notes(self) -> list[str]:
        """What a person should know: unknown keys, shadowed variables; no secrets."""
        return list(self._notes)

    def source(self, name: str) -> Source:
        """Return where the value of the argument ``name`` came from."""
        return self._sources.get(name, Source(Origin.COMMAND_LINE, f"--{name}"))

    def where(self, name: str) -> str:
        """Return the source of ``name`` as a message wants it; empty for a value nobody set."""
        source = self.source(name)
        return "" if source.origin is Origin.DEFAULT else str(source)

    def shown(self, name: str) -> str:
        """Return the value of ``name`` as it may be printed."""
        return shown(getattr(self, name))

    def __repr__(self) -> str:
        public = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        values = (f"{k}={v!r}" if _is_plain(v) else f"{k}='{shown(v)}'" for k, v in public.items())
        return f"{type(self).__name__}({', '.join(values)})"


def parse_arguments(
    parser: argparse.ArgumentParser | None = None,
    argv: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    home: Path | None = None,
) -> CLIContext:
    """Gather the arguments, each from the strongest source that has it.

    The sources, the strongest first: the command line; the profile ``clusters/NAME.config`` that
    ``CLUSTER`` chooses; the environment; ``.env``; the file named by ``ARGOCONFIG``;
    ``hera.config`` of the experiment; ``~/hera.config``; the committed defaults of
    ``experiment.toml``. Within one source ``GLOBAL_CONFIG_HOST`` and ``GLOBAL_CONFIG_NAMESPACE``
    win over the pair of ``ARGO_``.

    Parameters
    ----------
    parser:
        A parser with a script's own arguments, to which these are added:
        ``parser.add_argument("--repeats", type=int)`` becomes ``args.repeats``.
    argv:
        The command line without the program, that of the process unless given.
    environ, folder, home:
        The environment, and where the experiment and ``~/hera.config`` are looked for.

    Raises
    ------
    UserError
        For an option that does not exist, a file that cannot be read or parsed, a profile that is
        absent or whose token others can read, a value that is not allowed. A script that does not
        catch it ends with its sentence alone.
    """
    install_excepthook()
    experiment = Experiment.find(folder or Path.cwd())
    if parser is None:
        parser = argparse.ArgumentParser(description=_main_docstring())
    add_arguments(parser)
    _refuse_taken_names(parser)
    typed = argparse.Namespace()
    parse(parser, None if argv is None else list(argv), typed)
    context = resolve(typed, experiment, environ, home)
    if not environ.get(_QUIET_VARIABLE):
        for note in context.notes:
            print(f"hera_utils: {note}", file=sys.stderr)
    return context


def _refuse_taken_names(parser: argparse.ArgumentParser) -> None:
    taken = {action.dest for action in parser._actions} & set(vars(CLIContext))
    if taken:
        raise UserError(
            f"an argument of the script may not be named '{min(taken)}'",
            next_step="give it another name, or a dest",
        )


def resolve(
    typed: argparse.Namespace,
    experiment: Experiment,
    environ: Mapping[str, str] = os.environ,
    home: Path | None = None,
) -> CLIContext:
    """Return the context of a command line that is parsed already; see :func:`parse_arguments`."""
    context = CLIContext(**vars(typed))
    given = {a.name: v for a in ARGUMENTS if isinstance(v := vars(typed).get(a.name), str)}
    _fill(context, given, experiment, environ, home or _home(environ))
    return context


def _fill(
    context: CLIContext,
    given: Mapping[str, str],
    experiment: Experiment,
    environ: Mapping[str, str],
    home: Path,
) -> None:
    typed = layers.of_command_line(given)
    variables = layers.of_environment(environ)
    files = _files(experiment, environ, home)
    committed = layers.of_experiment(experiment.defaults, experiment.folder / SETTINGS)
    weaker = [variables, *files, committed]
    stack = [typed, *weaker]
    notes = [note for layer in stack for note in layer.notes]

    by_name = {argument.name: argument for argument in ARGUMENTS}
    cluster = _first(by_name["cluster"], stack)
    name = cluster.value if cluster else ""
    if cluster and name != profiles.LOCAL:
        path = profiles.path_of(experiment.folder, name, cluster.source)
        profile = layers.of_file(path, environ, Origin.PROFILE)
        if any(profile.get(argument) for argument in ARGUMENTS if argument.secret):
            profiles.refuse_readable(path)
        notes += profile.notes
        stack = [typed, profile, *weaker]

    sources: dict[str, Source] = {}
    for argument in ARGUMENTS:
        setting = cluster if argument.name == "cluster" else _first(argument, stack)
        if name == profiles.LOCAL:
            setting = _on_this_machine(argument, setting, committed)
        if setting is None:
            setting = Setting(argument.default, Source(Origin.DEFAULT))
        elif setting.source.origin is Origin.PROFILE:
            setting = _shadowing(argument, setting, variables)
            if setting.source.shadows:
                notes.append(str(setting.source))
        sources[argument.name] = setting.source
        setattr(context, argument.name, _typed(argument, setting))
    context._experiment, context._sources, context._notes = experiment, sources, notes


def _files(experiment: Experiment, environ: Mapping[str, str], home: Path) -> list[Layer]:
    found = []
    named = environ.get("ARGOCONFIG", "")
    for path, required in (
        (experiment.folder / ".env", False),
        (Path(named).expanduser().absolute(), True),
        (experiment.folder / "hera.config", False),
        (home / "hera.config", False),
    ):
        if required and not named:
            continue
        if required and not path.is_file():
            raise UserError(
                f"there is no file '{named}'",
                where="ARGOCONFIG in the environment",
                next_step="correct or unset it",
            )
        if path.is_file():
            found.append(layers.of_file(path, environ))
    return found


def _first(argument: Argument, stack: Sequence[Layer]) -> Setting | None:
    return next((s for layer in stack if (s := layer.get(argument)) is not None), None)


def _on_this_machine(
    argument: Argument, setting: Setting | None, committed: Layer
) -> Setting | None:
    """Return what ``local`` heeds: no value about a cluster, of the experiment's the committed."""
    if argument.concern is Concern.CHOICE:
        return setting
    if argument.concern is Concern.RESOURCE:
        return committed.get(argument)
    if argument.name == "argo_namespace":
        return Setting(profiles.LOCAL, Source(Origin.PLATFORM))
    return None


def _shadowing(argument: Argument, setting: Setting, variables: Layer) -> Setting:
    other = variables.get(argument)
    if other is None or other.value == setting.value:
        return setting
    source = setting.source
    shadowing = Source(source.origin, source.key, source.file, source.line, other.source)
    return Setting(setting.value, shadowing)


def _typed(argument: Argument, setting: Setting) -> str | bool:
    value = setting.value.strip()
    if argument.boolean:
        if value.lower() not in ("true", "false"):
            raise UserError(
                f"'{argument.name}' is true or false, not '{shown(value)}'", str(setting.source)
            )
        return value.lower() == "true"
    if argument.choices and value not in argument.choices:
        raise UserError(
            f"no {argument.name} is named '{value}'",
            where=str(setting.source),
            next_step=f"choose one of {', '.join(argument.choices)}",
        )
    return Secret(value) if argument.secret else value


def _is_plain(value: object) -> bool:
    return isinstance(value, Secret) or not isinstance(value, str)


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _main_docstring() -> str | None:
    text = getattr(sys.modules.get("__main__"), "__doc__", None)
    return text.strip().splitlines()[0] if isinstance(text, str) and text.strip() else None
