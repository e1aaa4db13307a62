"""What building, pushing and listing the images of an experiment have in common."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue

from hera_experiment.closable import Closable
from hera_experiment.context.verb_arguments import VerbArguments
from hera_experiment.errors import EXIT_STATUS, UserError, report
from hera_experiment.images.builder import Builder
from hera_experiment.images.engine import (
    Ended,
    Programs,
    Runner,
    find_engine,
    refuse_unknown_engine,
)
from hera_experiment.images.ledger import Ledger
from hera_experiment.images.progress import Progress, progress_of
from hera_experiment.images.published import find_image
from hera_experiment.images.source import ARGUMENTS, BASES, OPTIONS, BuildSettings, ImageSource
from hera_experiment.images.sources import Sources
from hera_experiment.platform.registry import ImageLookup

_AT_THE_SAME_TIME = 4
_ENGINE = "ENGINE"
_TIMEOUT = 10.0


class BuildSession(Closable):
    """The containers that a person chose, with all that it takes to work on them.

    Engine, registry and ledger are found when they are first needed. To be used as a context
    manager: an interruption ends what was started, and nothing of it is recorded.
    """

    def __init__(self, args: VerbArguments, environ: Mapping[str, str] = os.environ) -> None:
        given = {name: getattr(args, name.lower()) for name in (*BASES, ARGUMENTS, OPTIONS)}
        environ = {**environ, **{name: value for name, value in given.items() if value is not None}}
        # What a person's own settings make of BuildKit's progress we could not read.
        self.environ = {**environ, "BUILDKIT_PROGRESS": "plain"}
        self.context = args.context(environ)
        self.registry = self.context.registry
        self.where = self.context.where("registry")
        self.settings = BuildSettings.from_environ(environ)
        self.ledger = Ledger.of(self.context.experiment)
        self.sources = Sources(self.context.experiment, self.settings, self.ledger)
        names = [name for name in args.container.split(",") if name]
        self.containers = self.sources.chosen(names)
        self.programs = Programs(self.environ)
        self._wanted_engine = args.engine or environ.get(_ENGINE, "")
        origin = "the option --engine" if args.engine else f"{_ENGINE} in the environment"
        refuse_unknown_engine(self._wanted_engine, origin)
        self._engine: str | UserError = ""
        self._lock = threading.Lock()
        self._progress: Progress | None = None

    def __enter__(self) -> BuildSession:
        # Ended by another program as by Ctrl-C: what was started must end with us.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        self.context.tell_notes()
        return self

    def close(self) -> None:
        """End the progress that is shown."""
        if self._progress is not None:
            self._progress.close()

    @property
    def progress(self) -> Progress:
        """Where the work is shown."""
        if self._progress is None:
            self._progress = progress_of(max(map(len, self.containers), default=0))
        return self._progress

    @property
    def engine(self) -> str:
        """The engine to use; raises ``UserError`` when there is none."""
        with self._lock:
            if not self._engine:
                try:
                    self._engine = find_engine(
                        self._wanted_engine,
                        self.environ,
                        self.programs.runner(),
                        otherwise="build where there is one",
                    )
                except UserError as error:
                    self._engine = error
            if isinstance(self._engine, UserError):
                raise self._engine
            return self._engine

    def builder(self, run: Runner) -> Builder:
        """Return what builds with the engine; raises ``UserError`` when there is none."""
        experiment = self.context.experiment
        return Builder(
            self.engine,
            run,
            slug=experiment.slug,
            containers=experiment.containers,
            settings=self.settings,
            environ=self.environ,
        )

    def is_here(self, source: ImageSource) -> bool:
        """Tell whether the engine has the image; raises ``UserError`` when there is no engine."""
        return self.builder(self.programs.runner()).exists(self.sources.reference(source))

    def find(self, reference: str) -> ImageLookup:
        """Ask the registry for ``reference``; raises ``UserError`` when it does not answer."""
        return find_image(reference, self.environ, where=self.where, timeout=_TIMEOUT)

    @property
    def for_cluster(self) -> str:
        """What to add to a command of make so that it is about the same cluster."""
        return f" CLUSTER={self.context.cluster}" if self.context.cluster else ""

    def each(self, work: Callable[[str], None]) -> int:
        """Do ``work`` for each container, some at a time; return the exit status.

        What goes wrong is printed in the end, one sentence a container.
        """
        if not self.containers:
            print("nothing to do: there is no containers/NAME/Dockerfile")
            return 0
        _ = self.progress
        errors = run_concurrently(
            self._shown(work), self.containers, _AT_THE_SAME_TIME, self.programs.stop
        )
        self.progress.close()
        # One registry that does not answer is one sentence.
        for error in {str(error): error for error in errors.values()}.values():
            report(error)
        return EXIT_STATUS if errors else 0

    def _shown(self, work: Callable[[str], None]) -> Callable[[str], None]:
        def shown(container: str) -> None:
            try:
                work(container)
            except UserError:
                self.progress.say(container, "failed", "red")
                raise
            finally:
                self.progress.end(container)

        return shown


def run_concurrently(
    work: Callable[[str], None], names: Sequence[str], limit: int, stop: Callable[[], None]
) -> dict[str, UserError]:
    """Call ``work`` for each of ``names``, ``limit`` at a time; return what went wrong.

    What goes wrong for one name does not keep the others from being done. When we are interrupted
    ``stop`` is called, which has to make ``work`` end, and the interruption goes on.
    """
    waiting: SimpleQueue[str] = SimpleQueue()
    for name in names:
        waiting.put(name)
    errors: dict[str, UserError] = {}
    surprises: list[BaseException] = []

    def worker() -> None:
        while True:
            try:
                name = waiting.get_nowait()
            except Empty:
                return
            try:
                work(name)
            except UserError as error:
                errors[name] = error
            except OSError as error:
                errors[name] = UserError(f"containers/{name}: {error}")
            except Ended:
                return
            except BaseException as error:
                surprises.append(error)
                return

    threads = [threading.Thread(target=worker, daemon=True) for _ in names[:limit]]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        stop()
        for thread in threads:
            if thread.ident is not None:
                thread.join(10)
        raise
    if surprises:
        raise surprises[0]
    return {name: errors[name] for name in names if name in errors}
