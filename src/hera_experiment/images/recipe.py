"""What a Dockerfile makes: the final stage, with its variables expanded, as plain data."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from hera_experiment.errors import UserError
from hera_experiment.images.dockerfile import Dockerfile, Instruction, expand, split_words

_SHELL = ("/bin/sh", "-c")
# What nearly every image has: ENV PATH=/opt/tool/bin:$PATH
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Copy:
    """``COPY`` or ``ADD``: sources relative to the context, an absolute destination.

    ``into_folder`` is true when the destination was written as a folder.
    """

    sources: tuple[str, ...]
    destination: str
    into_folder: bool
    line: int


@dataclass(frozen=True)
class RunStep:
    """``RUN``: ``script`` in the shell's words, run in ``workdir``; ``words`` of the JSON form."""

    script: str
    words: tuple[str, ...] | None
    workdir: str
    line: int


@dataclass
class Recipe:
    """The image that a Dockerfile describes, as far as the file itself tells.

    ``base`` is the image of the final FROM, ``user`` what USER says last; ``entrypoint`` and
    ``command`` are None where the base image decides; ``steps`` are the copies and runs in their
    order; ``folders`` what WORKDIR and VOLUME make; ``unreadable`` names what only an engine can do
    (line, text).
    """

    base: str = ""
    base_line: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    steps: list[Copy | RunStep] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    unreadable: list[tuple[int, str]] = field(default_factory=list)


def read_recipe(dockerfile: Dockerfile, arguments: Mapping[str, str]) -> Recipe:
    """Evaluate the final stage of ``dockerfile`` with these build arguments.

    Raises
    ------
    UserError
        When an instruction cannot be read.
    """
    return _Evaluation(dockerfile, arguments).recipe()


class _Evaluation:
    def __init__(self, dockerfile: Dockerfile, given: Mapping[str, str]) -> None:
        self._path = dockerfile.path
        self._given = given
        self._global: dict[str, str] = {}
        self._arguments: dict[str, str] = {}
        self._stages: dict[str, tuple[str, int, list[Instruction]]] = {}
        self._shell_words: tuple[str, ...] = _SHELL
        self._recipe = Recipe()
        self._instructions = self._final_stage(dockerfile)

    def recipe(self) -> Recipe:
        for instruction in self._instructions:
            method = getattr(self, f"_{instruction.keyword.lower()}", None)
            # The rest (EXPOSE, LABEL, …) changes nothing that a task could notice here.
            if method is not None:
                method(instruction)
        return self._recipe

    def _final_stage(self, dockerfile: Dockerfile) -> list[Instruction]:
        stage: list[Instruction] = []
        name = ""
        for instruction in dockerfile.instructions:
            if instruction.keyword == "ARG" and not self._stages:
                self._declare(instruction, self._global)
            elif instruction.keyword == "FROM":
                words = split_words(instruction.value, self._global.get)
                base = words[0] if words else ""
                name = words[2].lower() if len(words) == 3 else str(len(self._stages))
                base, line, inherited = self._stages.get(base.lower(), (base, instruction.line, []))
                stage = list(inherited)
                self._stages[name] = (base, line, stage)
            else:
                stage.append(instruction)
        self._recipe.base, self._recipe.base_line, _ = self._stages[name]
        return stage

    def _declare(self, instruction: Instruction, into: dict[str, str]) -> None:
        for word in split_words(instruction.value, self._lookup):
            name, equals, default = word.partition("=")
            if name in self._given:
                into[name] = self._given[name]
            elif equals:
                into[name] = default
            elif name in self._global:
                into[name] = self._global[name]

    def _lookup(self, name: str) -> str | None:
        value = self._recipe.environment.get(name)
        if value is None:
            value = self._arguments.get(name)
        return _PATH if value is None and name == "PATH" else value

    def _arg(self, instruction: Instruction) -> None:
        self._declare(instruction, self._arguments)

    def _env(self, instruction: Instruction) -> None:
        first, _, rest = instruction.value.partition(" ")
        if "=" not in first:
            words = split_words(rest.strip().replace(" ", "\\ "), self._lookup)
            self._recipe.environment[first] = "".join(words)
            return
        # All values of one ENV see the variables as they were before it.
        new: dict[str, str] = {}
        for word in split_words(instruction.value, self._lookup):
            name, equals, value = word.partition("=")
            if not equals:
                raise UserError(
                    f"ENV has {word!r}, which is not NAME=value", where=self._where(instruction)
                )
            new[name] = value
        self._recipe.environment.update(new)

    def _workdir(self, instruction: Instruction) -> None:
        self._recipe.workdir = self._absolute("".join(self._expanded(instruction.value)))
        self._recipe.folders.append(self._recipe.workdir)

    def _user(self, instruction: Instruction) -> None:
        self._recipe.user = "".join(split_words(instruction.value, self._lookup))

    def _volume(self, instruction: Instruction) -> None:
        words = instruction.words() or split_words(instruction.value, self._lookup)
        self._recipe.folders += [self._absolute(word) for word in words]

    def _copy(self, instruction: Instruction) -> None:
        text = f"{instruction.keyword} {instruction.value}"
        if "from" in instruction.flags:
            text = f"{instruction.keyword} --from={instruction.flags['from']} {instruction.value}"
            self._recipe.unreadable.append((instruction.line, text))
            return
        if instruction.heredocs:
            self._recipe.unreadable.append((instruction.line, text))
            return
        words = instruction.words()
        if words is None:
            words = split_words(instruction.value, self._lookup)
        else:
            words = [expand(word, self._lookup) for word in words]
        if len(words) < 2:
            raise UserError(
                f"{instruction.keyword} has no destination", where=self._where(instruction)
            )
        *sources, destination = words
        if instruction.keyword == "ADD" and any(map(_needs_an_engine, sources)):
            self._recipe.unreadable.append((instruction.line, text))
            return
        into_folder = (
            destination.endswith("/") or posixpath.basename(destination) == "." or len(sources) > 1
        )
        clean = tuple(posixpath.normpath(source).lstrip("/") or "." for source in sources)
        self._recipe.steps.append(
            Copy(clean, self._absolute(destination), into_folder, instruction.line)
        )

    _add = _copy

    def _run(self, instruction: Instruction) -> None:
        script = "\n".join(instruction.heredocs) if instruction.heredocs else instruction.value
        words = None if instruction.heredocs else instruction.words()
        self._recipe.steps.append(
            RunStep(
                script,
                None if words is None else tuple(words),
                self._recipe.workdir,
                instruction.line,
            )
        )

    def _shell_or_words(self, instruction: Instruction) -> tuple[str, ...]:
        words = instruction.words()
        return tuple(words) if words is not None else (*self._shell_words, instruction.value)

    def _entrypoint(self, instruction: Instruction) -> None:
        self._recipe.entrypoint = self._shell_or_words(instruction)
        # An entry point of its own hides the command of the base image.
        self._recipe.command = self._recipe.command or ()

    def _cmd(self, instruction: Instruction) -> None:
        self._recipe.command = self._shell_or_words(instruction) if instruction.value else ()

    def _shell(self, instruction: Instruction) -> None:
        self._shell_words = tuple(instruction.words() or _SHELL)

    def _expanded(self, text: str) -> list[str]:
        # WORKDIR takes the rest of its line: white space in it belongs to the path.
        return split_words(text.replace(" ", "\\ "), self._lookup)

    def _absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._recipe.workdir, path))

    def _where(self, instruction: Instruction) -> str:
        return f"{self._path}, line {instruction.line}"


def _needs_an_engine(source: str) -> bool:
    archive = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst")
    return "://" in source or source.startswith("git@") or source.endswith(archive)
