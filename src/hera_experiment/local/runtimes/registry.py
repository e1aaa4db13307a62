"""The runtimes by name: ``bubblewrap``, ``process``, ``docker`` and ``podman``."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.errors import UserError, tell
from hera_experiment.images.engine import RUNNERS
from hera_experiment.local.runtimes.base import AUTO, BUBBLEWRAP, PROCESS, RUNTIMES, Runtime
from hera_experiment.local.runtimes.isolation import ROOTS, Isolation, find_isolation
from hera_experiment.local.runtimes.leftovers import end_leftovers
from hera_experiment.local.runtimes.scratch import SCRATCH, remove_folder
from hera_experiment.local.store import Objects

if TYPE_CHECKING:
    from hera_experiment.images.source import BuildSettings


class Runtimes:
    """Makes each runtime on its first use and keeps it.

    Parameters
    ----------
    slug:
        The experiment's slug: the part of an image's name that makes it one of the experiment's.
    containers:
        The folder with one build context per container; it need not exist.
    state:
        The folder of the local platform, ``.hera``.
    objects:
        Claims, ConfigMaps and Secrets.
    environ:
        The user's environment: configuration of pip and of the container engine. Tasks see
        nothing of it.
    build:
        How images are built where the runtime is a container engine; by default what
        ``environ`` says (:meth:`BuildSettings.from_environ`).
    """

    def __init__(
        self,
        *,
        slug: str,
        containers: Path,
        state: Path,
        objects: Objects,
        environ: Mapping[str, str],
        build: BuildSettings | None = None,
    ) -> None:
        self._slug = slug
        self._containers = containers.resolve()
        self._state = state.resolve()
        self._objects = objects
        self._environ = dict(environ)
        self._build = build
        self._lock = threading.Lock()
        self._made: dict[str, Runtime] = {}
        # One server at a time has this folder: what runs there was left by one that was killed.
        if ended := end_leftovers(self._state / SCRATCH):
            tell(f"ended {ended} processes that an earlier local server left running")
        for folder in (SCRATCH, ROOTS):
            remove_folder(str(self._state / folder))

    @cached_property
    def isolation(self) -> Isolation:
        """How tasks can be kept apart on this machine."""
        return find_isolation(self._state / ROOTS, self._environ)

    def get(self, name: str) -> Runtime:
        """Return the runtime of this name.

        Raises
        ------
        UserError
            When there is none of that name, or what it needs is not there.
        """
        with self._lock:
            if name == AUTO and self.isolation.program:
                name = BUBBLEWRAP
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def _make(self, name: str) -> Runtime:
        if name == BUBBLEWRAP:
            if not self.isolation.program:
                raise UserError(
                    f"tasks cannot have a file system of their own: {self.isolation.why}",
                    "RUNTIME=bubblewrap",
                    self.isolation.next_step,
                )
            from hera_experiment.local.runtimes.root_runtime import RootRuntime

            return RootRuntime(
                self.isolation,
                slug=self._slug,
                containers=self._containers,
                state=self._state,
                objects=self._objects,
                environ=self._environ,
            )
        # Imported late: a server mostly runs one of them, and a client waits for its start.
        if name in (AUTO, PROCESS):
            from hera_experiment.local.runtimes.process_runtime import ProcessRuntime

            return ProcessRuntime(
                instead=str(self.isolation) if name == AUTO else "",
                slug=self._slug,
                containers=self._containers,
                state=self._state,
                objects=self._objects,
                environ=self._environ,
            )
        if name in RUNNERS:
            from hera_experiment.images.source import BuildSettings
            from hera_experiment.local.runtimes.container_runtime import ContainerRuntime

            return ContainerRuntime(
                name,
                slug=self._slug,
                containers=self._containers,
                state=self._state,
                objects=self._objects,
                environ=self._environ,
                settings=self._build or BuildSettings.from_environ(self._environ),
            )
        raise UserError(
            f"there is no runtime {name!r}",
            where="RUNTIME",
            next_step=f"use one of {', '.join(RUNTIMES)}",
        )
