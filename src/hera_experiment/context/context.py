"""The context of a command: what a person said about the platform, and where they said it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from hera_experiment.context import profiles
from hera_experiment.context.arguments import Argument, Arguments, add_arguments, parse
from hera_experiment.context.masking import Secret, shown
from hera_experiment.context.sources import Origin, Setting, Source
from hera_experiment.errors import UserError, install_excepthook, tell
from hera_experiment.experiment import Experiment

if TYPE_CHECKING:
    from hera_experiment.context.endpoint_address import EndpointAddress

C = TypeVar("C", bound="Context")


class Context(argparse.Namespace):
    """The parsed arguments, each with its source; a script's own arguments are attributes too.

    The context module ``hera_utils`` derives its ``CLIContext`` from this class: it says which
    arguments there are, which files they may come from, and what a cluster and an Argo server are.
    The attributes below are those that this package reads. What nobody set is an empty string.
    ``repr`` and :meth:`shown` mask secrets.
    """

    ARGUMENTS: ClassVar[Arguments]

    cluster: str
    runtime: str
    image: str
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
    queue: str
    pending_timeout: str

    _experiment: Experiment
    _sources: dict[str, Source]
    _notes: list[str]
    _endpoint: EndpointAddress | None

    @classmethod
    def settings_files(cls, folder: Path, home: Path, environ: Mapping[str, str]) -> Sequence[Path]:
        """Return the settings files of the experiment in ``folder``, the strongest first."""
        raise NotImplementedError

    # What is opened is typed where it is used: this room knows nothing of platforms.
    def open_cluster(self, *, asserting: bool = False) -> Any:
        """Return the ``Cluster`` that this context designates."""
        raise NotImplementedError

    def recording_cluster(self) -> Any:
        """Return a ``Recorder``: it has everything, and remembers what it is asked for."""
        raise NotImplementedError

    def open_argo_server(self, cluster: Any) -> Any:
        """Return the ``ArgoServerAccess`` of this context; it makes no request yet."""
        raise NotImplementedError

    @classmethod
    def module_folder(cls) -> Path:
        """Return the folder that the context module is imported from, for child processes."""
        module = sys.modules[cls.__module__.partition(".")[0]]
        return Path(str(module.__file__)).resolve().parent.parent

    @classmethod
    def read(
        cls: type[C],
        parser: argparse.ArgumentParser | None,
        argv: Sequence[str] | None,
        *,
        environ: Mapping[str, str] = os.environ,
        folder: Path | None = None,
        home: Path | None = None,
    ) -> C:
        """Parse a command line and gather what it leaves open; see ``parse_arguments``."""
        install_excepthook()
        experiment = Experiment.find(folder or Path.cwd())
        if parser is None:
            parser = argparse.ArgumentParser(description=_main_docstring())
        cls.add_arguments(parser)
        cls._refuse_taken_names(parser)
        typed = argparse.Namespace()
        words = None if argv is None else list(argv)
        elsewhere = parse(parser, words, typed, environ, cls.ARGUMENTS)
        context = cls.resolve(typed, experiment, environ, home)
        for name, source in elsewhere.items():
            if context._sources.setdefault(name, source).origin is Origin.DEFAULT:
                context._notes.append(f"{source} has no effect: write it into ./hera.config")
        if context.endpoint is None:  # otherwise the verb has told them
            context.tell_notes()
        return context

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add every argument to ``parser``."""
        add_arguments(parser, cls.ARGUMENTS)

    @classmethod
    def resolve(
        cls: type[C],
        typed: argparse.Namespace,
        experiment: Experiment,
        environ: Mapping[str, str] = os.environ,
        home: Path | None = None,
    ) -> C:
        """Return the context of a command line that is parsed already."""
        # Late: it takes a while, and no help needs it.
        from hera_experiment.context.gathering import gather

        context = cls(**vars(typed))
        given = {a.name: v for a in cls.ARGUMENTS if isinstance(v := vars(typed).get(a.name), str)}
        found = home or _home(environ)
        settings, notes, context._endpoint = gather(
            cls.ARGUMENTS,
            given,
            experiment,
            environ,
            lambda: cls.settings_files(experiment.folder, found, environ),
        )
        for argument in cls.ARGUMENTS:
            setattr(context, argument.name, _typed(argument, settings[argument.name]))
        sources = {name: setting.source for name, setting in settings.items()}
        context._experiment, context._sources, context._notes = experiment, sources, notes
        return context

    def of_cluster(self: C, name: str, environ: Mapping[str, str]) -> C:
        """Return the context of the same experiment for the cluster ``name``."""
        return type(self).resolve(argparse.Namespace(cluster=name), self.experiment, environ)

    @property
    def experiment(self) -> Experiment:
        """The experiment that the script belongs to."""
        return self._experiment

    @property
    def endpoint(self) -> EndpointAddress | None:
        """Where requests for Argo's server go when a verb has started this process."""
        return self._endpoint

    @property
    def is_local(self) -> bool:
        """Whether the platform is this machine."""
        return self.cluster == profiles.LOCAL

    @property
    def notes(self) -> list[str]:
        """What a person should know: unknown keys, shadowed variables; no secrets."""
        return list(self._notes)

    def tell_notes(self) -> None:
        """Print what a person should know on standard error."""
        for note in self._notes:
            tell(note)

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

    def changed(self: C, source: Source, **values: str | bool) -> C:
        """Return a copy with other ``values``, which come from ``source``."""
        other = type(self)(**{**vars(self), **values})
        other._sources = {**self._sources, **dict.fromkeys(values, source)}
        return other

    def __repr__(self) -> str:
        public = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        values = (f"{k}={v!r}" if _is_plain(v) else f"{k}='{shown(v)}'" for k, v in public.items())
        return f"{type(self).__name__}({', '.join(values)})"

    @classmethod
    def _refuse_taken_names(cls, parser: argparse.ArgumentParser) -> None:
        taken = {action.dest for action in parser._actions} & set(dir(cls))
        if taken:
            raise UserError(
                f"an argument of the script may not be named '{min(taken)}'",
                next_step="give it another name, or a dest",
            )


def file_named_by(variable: str, environ: Mapping[str, str]) -> list[Path]:
    """Return the file that an environment variable names, as a list; empty where it names none.

    Raises :class:`UserError` when there is no such file.
    """
    named = environ.get(variable, "")
    if not named:
        return []
    path = Path(named).expanduser().absolute()
    if not path.is_file():
        raise UserError(
            f"there is no file '{named}'",
            where=f"{variable} in the environment",
            next_step="correct or unset it",
        )
    return [path]


def _typed(argument: Argument, setting: Setting) -> str | bool:
    value = setting.value.strip()
    if argument.boolean:
        if value.lower() not in ("true", "false"):
            raise UserError(
                f"'{argument.name}' must be true or false, not '{shown(value)}'",
                str(setting.source),
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
