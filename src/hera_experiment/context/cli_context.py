"""The CLI context: what a person said about the platform, gathered from wherever they said it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hera_experiment.context import profiles
from hera_experiment.context.arguments import ARGUMENTS, Argument, add_arguments, parse
from hera_experiment.context.secrets import Secret, shown
from hera_experiment.context.sources import Origin, Setting, Source
from hera_experiment.errors import UserError, install_excepthook
from hera_experiment.experiment import Experiment

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
        """Return the source of ``name`` as a message wants it.

        For a value nobody set it is empty, or says which setting is not heeded, and why.
        """
        source = self.source(name)
        return source.unused if source.origin is Origin.DEFAULT else str(source)

    def shown(self, name: str) -> str:
        """Return the value of ``name`` as it may be printed."""
        return shown(getattr(self, name))

    def changed(self, source: Source, **values: str | bool) -> CLIContext:
        """Return a copy with other ``values``, which come from ``source``."""
        other = CLIContext(**{**vars(self), **values})
        other._sources = {**self._sources, **dict.fromkeys(values, source)}
        return other

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

    A process that was started with a context (:mod:`~hera_experiment.context.handed`) has that one, and
    what is typed on its own command line. The sources are, the strongest first: the command line;
    the profile ``clusters/NAME.config`` that ``CLUSTER`` chooses; the environment; ``.env``; the
    file named by ``ARGOCONFIG``; ``hera.config`` of the experiment; ``~/hera.config``; the
    committed defaults of ``experiment.toml``. Within one source ``GLOBAL_CONFIG_HOST`` and
    ``GLOBAL_CONFIG_NAMESPACE`` win over the pair of ``ARGO_``.

    Parameters
    ----------
    parser:
        A parser with a script's own arguments, to which these are added:
        ``parser.add_argument("--repeats", type=int)`` becomes ``args.repeats``. One of
        ConfigArgParse may take the script's own arguments from files and variables, too.
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
    elsewhere = parse(parser, None if argv is None else list(argv), typed, environ)
    context = resolve(typed, experiment, environ, home)
    for name, source in elsewhere.items():
        if context._sources.setdefault(name, source).origin is Origin.DEFAULT:
            context._notes.append(f"{source} has no effect: write it into ./hera.config")
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
    # Late: it takes a while, and no help needs it.
    from hera_experiment.context.gathering import gather

    context = CLIContext(**vars(typed))
    given = {a.name: v for a in ARGUMENTS if isinstance(v := vars(typed).get(a.name), str)}
    settings, notes = gather(given, experiment, environ, home or _home(environ))
    for argument in ARGUMENTS:
        setattr(context, argument.name, _typed(argument, settings[argument.name]))
    sources = {name: setting.source for name, setting in settings.items()}
    context._experiment, context._sources, context._notes = experiment, sources, notes
    return context


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
