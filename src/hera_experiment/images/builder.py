"""Builds the images of an experiment, once per content."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from hera_experiment.argo.images import image_reference
from hera_experiment.errors import UserError
from hera_experiment.images.context import DOCKERFILE
from hera_experiment.images.engine import Runner, last_line
from hera_experiment.images.output import failing_instruction
from hera_experiment.images.source import DECISIVE, OPTIONS, BuildSettings, ImageSource

# Engines accept these without an ARG, and keep them out of the image.
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
_LOOPBACK = ("127.", "localhost:", "localhost/")

# In UTC, with a fraction of up to nine digits that Python 3.10 does not take.
_CREATED = re.compile(r'"[Cc]reated": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[.\d]*Z"')

Announce = Callable[[str], None]


class Builder:
    """Builds with one engine (``docker``, ``podman`` or ``buildah``).

    Images are named without a registry: what is pushed to one is named for it then. ``run`` runs
    the engine's programs; ``environ`` is the user's environment, of which a build takes the
    proxies.
    """

    def __init__(
        self,
        engine: str,
        run: Runner,
        *,
        slug: str,
        containers: Path,
        settings: BuildSettings,
        environ: Mapping[str, str],
    ) -> None:
        self._engine = engine
        self._run = run
        self._slug = slug
        self._containers = containers
        self._settings = settings
        self._environ = environ
        self._lock = threading.Lock()
        self._building: dict[str, threading.Lock] = {}

    def source(self, container: str) -> ImageSource:
        """Return the build context of ``container`` as it is now; raises :class:`UserError`."""
        return ImageSource.read(self._containers / container, self._settings.arguments)

    def reference(self, source: ImageSource) -> str:
        """Return the reference of the image that ``source`` builds."""
        return image_reference("", self._slug, source.container, source.tag)

    def exists(self, reference: str, run: Runner | None = None) -> bool:
        """Tell whether the engine holds the image ``reference``."""
        run = run or self._run
        if self._engine == "buildah":
            return run(["buildah", "inspect", "--type=image", reference]).exit_code == 0
        return run([self._engine, "image", "inspect", reference]).exit_code == 0

    def created(self, reference: str) -> datetime | None:
        """Return when the image ``reference`` was made; None where the engine does not hold it."""
        kind = ["inspect", "--type=image"] if self._engine == "buildah" else ["image", "inspect"]
        done = self._run([self._engine, *kind, reference])
        found = _CREATED.search(done.output) if done.exit_code == 0 else None
        return datetime.fromisoformat(f"{found[1]}+00:00") if found else None

    def ensure(self, container: str, announce: Announce, run: Runner | None = None) -> str:
        """Build the image of ``container`` unless there is one of its content; return its name.

        ``announce`` hears of a build that takes place, ``run`` replaces the engine's runner.

        Raises
        ------
        UserError
            When the Dockerfile cannot be read or the build fails: the failing instruction and
            the end of its output.
        """
        source = self.source(container)
        reference = self.reference(source)
        with self._lock:
            lock = self._building.setdefault(reference, threading.Lock())
        with lock:
            if not self.exists(reference, run):
                announce(f"building the image of {self._containers.name}/{container}")
                self.build(source, run)
        return reference

    def build(self, source: ImageSource, run: Runner | None = None) -> str:
        """Build ``source``, tagged with its content and ``latest``; see :meth:`ensure`."""
        where = f"{self._containers.name}/{source.container}/{DOCKERFILE}"
        run = run or self._run
        reference = self.reference(source)
        with tempfile.TemporaryDirectory() as folder:
            identifier = Path(folder) / "id"
            done = run(self._command(source, identifier))
            if done.exit_code != 0:
                instruction, end = failing_instruction(done.output)
                raise UserError(
                    f"building containers/{source.container} failed at "
                    f"{instruction or 'its beginning'}",
                    where,
                    f"its last lines were\n{end}",
                )
            if not identifier.is_file():
                raise UserError(
                    f"building containers/{source.container} left no image",
                    OPTIONS,
                    "leave out what sends the image elsewhere (--output, --push)",
                )
            image = identifier.read_text(encoding="ascii").strip()
        if source.again().tag != source.tag:
            # The engine may have read either content: neither may have the name of the other.
            raise UserError(
                f"containers/{source.container} changed while it was built", next_step="build again"
            )
        for name in (reference, image_reference("", self._slug, source.container)):
            tagged = run([self._engine, "tag", image, name])
            if tagged.exit_code != 0:
                raise UserError(f"{name} cannot be tagged: {last_line(tagged.output)}", where)
        return reference

    def _command(self, source: ImageSource, identifier: Path) -> list[str]:
        argv = [self._engine, "build", "--file", str(source.folder / DOCKERFILE)]
        if self._engine == "docker":
            # The classic builder would leave the container of a failing instruction behind.
            argv.append("--force-rm")
        else:
            # The format that registries and Kubernetes take without a second thought; Podman keeps
            # the layers by itself.
            argv += ["--format=docker", "--layers"]
            if source.base.startswith(_LOOPBACK):
                argv.append("--tls-verify=false")
        argv += ["--iidfile", str(identifier)]
        for key, value in sorted(source.arguments.items()):
            argv += [key, value] if key in DECISIVE else ["--build-arg", f"{key}={value}"]
        for name in _PROXIES:
            for spelling in (name, name.upper()):
                if self._environ.get(spelling):
                    # Without a value the engine takes it from the environment: no password of a
                    # proxy is seen in the list of processes.
                    argv += ["--build-arg", spelling]
        return [*argv, *self._settings.options, str(source.folder)]
