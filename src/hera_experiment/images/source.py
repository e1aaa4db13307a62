"""What an image is built from: the build context, the arguments, and the tag that tells both."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hera_experiment.errors import UserError
from hera_experiment.images.context import DOCKERFILE, content_hash, context_entries
from hera_experiment.images.dockerfile import Dockerfile
from hera_experiment.images.recipe import read_recipe

BASES = ("PYTHON_IMAGE", "BASE_IMAGE")
ARGUMENTS, OPTIONS = "BUILD_ARGS", "BUILD_OPTIONS"
DECISIVE = ("--platform", "--target")
"""The options of an engine that change what comes out: to us they are arguments of a build."""

_TAG_LENGTH = 16


def variable_of(argument: str) -> str:
    """Return the variable by which a person gives this build argument."""
    if argument in DECISIVE:
        return OPTIONS
    return argument if argument in BASES else ARGUMENTS


@dataclass(frozen=True)
class BuildSettings:
    """What a person chose for building.

    ``arguments`` are build arguments; an image takes those its Dockerfile declares with ARG
    (PYTHON_IMAGE, a mirror of the base image). ``options`` go to the engine as they are
    (``--network=host``); they are no part of an image's tag, but ``--platform`` and ``--target``
    are, and stand among the arguments. ``given`` are the variables that were set, if to nothing.
    """

    arguments: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> BuildSettings:
        """Read PYTHON_IMAGE, BASE_IMAGE, BUILD_ARGS (``A=1 B='2 3'``) and BUILD_OPTIONS.

        Raises
        ------
        UserError
            When one of the last two is not split as a shell would split it.
        """
        arguments = {name: environ[name] for name in BASES if environ.get(name)}
        for word in _words(environ, ARGUMENTS):
            name, equals, value = word.partition("=")
            if not equals or not name.isidentifier():
                raise UserError(
                    f"{name[:40]!r} is not NAME=value", ARGUMENTS, "write A=1 B='two words'"
                )
            arguments[name] = value
        options: list[str] = []
        words = _words(environ, OPTIONS)
        while words:
            name, equals, value = words.pop(0).partition("=")
            if name == "--build-arg":
                raise UserError(
                    f"{OPTIONS} holds a build argument",
                    "",
                    f"write {ARGUMENTS}='NAME=value' instead",
                )
            if name in DECISIVE:
                arguments[name] = value if equals or not words else words.pop(0)
            else:
                options.append(name + equals + value)
        names = frozenset(name for name in (*BASES, ARGUMENTS, OPTIONS) if name in environ)
        return cls(arguments, tuple(options), names)


def _words(environ: Mapping[str, str], name: str) -> list[str]:
    try:
        return shlex.split(environ.get(name, ""))
    except ValueError as error:
        raise UserError(f"it has {str(error).lower()}", where=name) from None


@dataclass(frozen=True)
class ImageSource:
    """One container's build context with the arguments it takes; ``tag`` tells its content.

    ``context`` is the hash of the files alone. ``unknown`` are the arguments of an earlier build
    whose values nobody kept: such an image can be named, but not built.
    """

    container: str
    folder: Path
    dockerfile: Dockerfile
    context: str
    arguments: Mapping[str, str]
    base: str
    tag: str
    unknown: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path, arguments: Mapping[str, str]) -> ImageSource:
        """Read ``folder``, with those of ``arguments`` that its Dockerfile takes.

        Raises :class:`UserError` when its Dockerfile cannot be read.
        """
        dockerfile = Dockerfile.read(folder / DOCKERFILE)
        entries = context_entries(folder)
        if DOCKERFILE not in entries:
            # Kept out of the image by .dockerignore, but it still decides what is built.
            entries.append(DOCKERFILE)
        context = content_hash(folder, entries, {})
        empty = cls(folder.name, folder, dockerfile, context, {}, "", "")
        return empty.with_arguments(arguments)

    def with_arguments(self, arguments: Mapping[str, str]) -> ImageSource:
        """Return this context with other arguments."""
        declared = self.dockerfile.declared_arguments()
        # A value that the Dockerfile has by itself is as good as none.
        taken = {
            name: value
            for name, value in arguments.items()
            if name in DECISIVE
            or (name in declared and not self.dockerfile.is_default(name, value))
        }
        base = read_recipe(self.dockerfile, taken).base
        parts = {"context": self.context, "base": base, "arguments": taken}
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return replace(self, arguments=taken, base=base, tag=digest[:_TAG_LENGTH], unknown=())

    def again(self) -> ImageSource:
        """Read the files once more."""
        return ImageSource.read(self.folder, self.arguments)
