"""Builds the images of an experiment, once per content."""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hera_utils.argo.images import image_reference
from hera_utils.errors import UserError
from hera_utils.images.context import DOCKERFILE, content_hash, context_entries
from hera_utils.images.dockerfile import Dockerfile
from hera_utils.images.engine import Runner
from hera_utils.images.recipe import read_recipe

_BASES = ("PYTHON_IMAGE", "BASE_IMAGE")
_TAG_LENGTH = 16
_LAST_LINES = 30
# Engines accept these without an ARG, and keep them out of the image.
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
_STEP = re.compile(r"^(?:step|STEP|Step) ?\d+(?:/\d+)? ?: (.*)$", re.MULTILINE)
_BUILDKIT_STEP = re.compile(r"^#(\d+) \[[^]]*\d+/\d+\] (.*)$", re.MULTILINE)
_BUILDKIT_ERROR = re.compile(r"^#(\d+) ERROR", re.MULTILINE)

Announce = Callable[[str], None]


def _words(environ: Mapping[str, str], name: str) -> list[str]:
    try:
        return shlex.split(environ.get(name, ""))
    except ValueError as error:
        raise UserError(f"it has {str(error).lower()}", where=name) from None


@dataclass(frozen=True)
class BuildSettings:
    """What a person chose for building.

    ``arguments`` are build arguments; an image takes those its Dockerfile declares with ARG
    (PYTHON_IMAGE, a mirror of the base image). ``options`` go to the engine as they are
    (``--network=host``); they are no part of an image's tag.
    """

    arguments: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> BuildSettings:
        """Read PYTHON_IMAGE, BASE_IMAGE, BUILD_ARGS (``A=1 B='2 3'``) and BUILD_OPTIONS.

        Raises
        ------
        UserError
            When one of the last two is not split as a shell would split it.
        """
        arguments = {name: environ[name] for name in _BASES if environ.get(name)}
        for word in _words(environ, "BUILD_ARGS"):
            name, equals, value = word.partition("=")
            if not equals or not name:
                raise UserError(f"{word!r} is no NAME=value", where="BUILD_ARGS")
            arguments[name] = value
        return cls(arguments, tuple(_words(environ, "BUILD_OPTIONS")))


@dataclass(frozen=True)
class ImageSource:
    """One container's build context with the arguments it takes; ``tag`` tells its content."""

    container: str
    folder: Path
    arguments: Mapping[str, str]
    base: str
    tag: str

    @classmethod
    def read(cls, folder: Path, settings: BuildSettings) -> ImageSource:
        """Read ``folder``; raises :class:`UserError` when its Dockerfile cannot be read."""
        dockerfile = Dockerfile.read(folder / DOCKERFILE)
        declared = dockerfile.declared_arguments()
        arguments = {k: v for k, v in settings.arguments.items() if k in declared}
        base = read_recipe(dockerfile, arguments).base
        entries = context_entries(folder)
        if DOCKERFILE not in entries:
            # Kept out of the image by .dockerignore, but it still decides what is built.
            entries.append(DOCKERFILE)
        extra = {f"argument {key}": value for key, value in arguments.items()}
        digest = content_hash(folder, entries, {**extra, "base": base})
        return cls(folder.name, folder, arguments, base, digest[:_TAG_LENGTH])


class Builder:
    """Builds with one engine (``docker``, ``podman`` or ``buildah``).

    ``run`` runs the engine's programs; ``environ`` is the user's environment, of which a build
    takes the proxies.
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
        registry: str = "",
    ) -> None:
        self._engine = engine
        self._run = run
        self._slug = slug
        self._containers = containers
        self._settings = settings
        self._environ = environ
        self._registry = registry
        self._lock = threading.Lock()
        self._building: dict[str, threading.Lock] = {}

    def source(self, container: str) -> ImageSource:
        """Return the build context of ``container`` as it is now; raises :class:`UserError`."""
        return ImageSource.read(self._containers / container, self._settings)

    def reference(self, source: ImageSource) -> str:
        """Return the reference of the image that ``source`` builds."""
        return image_reference(self._registry, self._slug, source.container, source.tag)

    def exists(self, reference: str, run: Runner | None = None) -> bool:
        """Tell whether the engine holds the image ``reference``."""
        run = run or self._run
        if self._engine == "buildah":
            return run(["buildah", "inspect", "--type=image", reference]).exit_code == 0
        return run([self._engine, "image", "inspect", reference]).exit_code == 0

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
        run = run or self._run
        reference = self.reference(source)
        moving = image_reference(self._registry, self._slug, source.container)
        done = run(self._command(source, (reference, moving)))
        if done.exit_code != 0:
            instruction, end = failing_instruction(done.output)
            where = f"{self._containers.name}/{source.container}/{DOCKERFILE}"
            raise UserError(
                f"building the image failed at {instruction or 'its beginning'}; the last lines"
                f" were\n{end}",
                where=where,
            )
        return reference

    def _command(self, source: ImageSource, references: Sequence[str]) -> list[str]:
        argv = [self._engine, "build", "--file", str(source.folder / DOCKERFILE)]
        if self._engine == "docker":
            # The classic builder would leave the container of a failing instruction behind.
            argv.append("--force-rm")
        else:
            # The format that registries and Kubernetes take without a second thought.
            argv.append("--format=docker")
        for reference in references:
            argv += ["--tag", reference]
        for key, value in sorted(source.arguments.items()):
            argv += ["--build-arg", f"{key}={value}"]
        for name in _PROXIES:
            for spelling in (name, name.upper()):
                if self._environ.get(spelling):
                    # Without a value the engine takes it from the environment: no password of a
                    # proxy is seen in the list of processes.
                    argv += ["--build-arg", spelling]
        return [*argv, *self._settings.options, str(source.folder)]


def failing_instruction(output: str) -> tuple[str, str]:
    """Return the instruction at which a build stopped, and the end of its output.

    Understood are the outputs of Docker's classic builder, BuildKit, Podman and Buildah; the
    instruction is empty when none was reached.
    """
    instruction = ""
    failed = _BUILDKIT_ERROR.search(output)
    if failed:
        steps = {match[1]: match[2] for match in _BUILDKIT_STEP.finditer(output)}
        instruction = steps.get(failed[1], "")
    elif steps_seen := _STEP.findall(output):
        instruction = steps_seen[-1]
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return instruction.strip(), "\n".join(lines[-_LAST_LINES:])
