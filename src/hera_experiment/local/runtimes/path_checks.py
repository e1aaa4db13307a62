"""What a process refuses, or cannot promise, for the paths in the code that a template runs.

What it writes must stay below its own root: where it is certain that it does not, nothing runs.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hera_experiment.local.runtimes.artifact_files import declared_paths
from hera_experiment.local.runtimes.container import MAIN, Container, Json
from hera_experiment.local.runtimes.image_view import ADVICE, ImageView
from hera_experiment.local.runtimes.outputs import output_paths
from hera_experiment.local.runtimes.paths import (
    TEMPORARY,
    PathRules,
    absolute_paths,
    is_below,
    is_of_system,
    is_shared,
    is_shell,
    shell_code,
)
from hera_experiment.local.runtimes.script_paths import PathUse, python_paths, shell_paths
from hera_experiment.local.runtimes.volumes import mount_path

FIX = f"{ADVICE}, or allow user namespaces"

_PYTHON = re.compile(r"(?:.*/)?python[\d.]*")
# Wherever a text, or a word of a shell, begins with a slash.
_BEGUN = re.compile(r"""(?:^|[\s"'`=<>({;|&])(/[^\s"'{$`;|&<>()]*)""")
_LEADS = "in RUNTIME=process it leads to this machine's own file system"


@dataclass
class Findings:
    """Sentences on one template: what is ``refused``, and what is only ``told``."""

    refused: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Code:
    """Code that runs; ``where`` says to a person where it stands.

    The paths in a file are not ``rewritten``; with ``computed_only`` the others are known.
    """

    text: str
    where: str
    paths: Callable[[str], tuple[PathUse, ...]]
    rewritten: bool = True
    computed_only: bool = False


def path_findings(
    template: Json,
    container: Container,
    words: Sequence[str],
    sources: Sequence[str],
    view: ImageView,
    rules: PathRules,
) -> Findings:
    """Return what is to be said of the paths in the code that ``template`` runs.

    ``words`` are its command, ``sources`` the forms that its script may have.
    """
    refused: list[str] = []
    told: list[str] = []
    for code in _codes(container, words, sources, view):
        if code.rewritten and not _names_others(code.text, rules):
            continue
        for use in code.paths(code.text):
            if use.computed or not code.computed_only:
                refused += _refused(use, code, rules)
                told += _told(use, code, rules)
    refused += _taken_from_machine(template, container, [*words, *sources], view)
    if not refused and not told:
        told = list(_never_named(template, container, [*words, *sources]))
    name = f"template {template.get('name')!r}"
    told = list(dict.fromkeys(told))
    more = f" (and {len(told) - 1} more like it)" if len(told) > 1 else ""
    return Findings(
        [f"{name} {sentence}" for sentence in dict.fromkeys(refused)],
        [f"{name} {told[0]}{more}: {FIX}"] if told else [],
    )


def unmapped(words: Sequence[str], rules: PathRules) -> list[str]:
    """Return the absolute paths in a command that lead nowhere here.

    What is surely only read of the files that every machine has is there.
    """
    lost = [path for path in absolute_paths(words) if not rules.knows(path)]
    if not lost:
        return []
    at = shell_code(words)
    code = shlex.join(words) if at is None else words[at]
    uses = [use for use in shell_paths(code) if not use.computed and is_of_system(use.first)]
    written = {use.first for use in uses if use.written}
    read = {use.first for use in uses if use.opened} - written
    return [path for path in lost if path not in read]


def uncovered(path: str, at: str = "") -> str:
    """Say that an absolute path leads nowhere for a process."""
    return (
        f"uses the path {path}{at}, which none of its volumes and none of its image's folders"
        f" covers: mount a volume there, or {ADVICE}"
    )


def _codes(
    container: Container, words: Sequence[str], sources: Sequence[str], view: ImageView
) -> Iterator[_Code]:
    words = words[1:] if words and posixpath.basename(words[0]) == "env" else words
    if not words:
        return
    is_python = _PYTHON.fullmatch(words[0]) is not None
    if container.source is not None:
        if is_python or is_shell(words):
            paths = python_paths if is_python else shell_paths
            yield from (_Code(source, "its script", paths) for source in sources)
    elif (at := shell_code(words)) is not None:
        yield _Code(words[at], "its command", shell_paths, computed_only=True)
    elif is_python and "-c" in words[1:-1]:
        yield _Code(words[words.index("-c") + 1], "its command", python_paths)
    elif is_python:
        yield from _program(container, words, view)


def _program(container: Container, words: Sequence[str], view: ImageView) -> Iterator[_Code]:
    """Yield the file that Python runs, where it is the image's own."""
    workdir = posixpath.join("/", container.working_dir or view.workdir)
    program = next((word for word in words[1:] if not word.startswith("-")), "")
    file = view.tree.file(posixpath.normpath(posixpath.join(workdir, program)))
    if file is None or not program.endswith(".py"):
        return
    try:
        with open(file, encoding="utf-8") as opened:
            text = opened.read()
    except (OSError, ValueError):  # a link to nowhere, or no text
        return
    yield _Code(text, f"{view.label}/{posixpath.basename(program)}", python_paths, rewritten=False)


def _names_others(text: str, rules: PathRules) -> bool:
    """Tell whether code may have a path that is not covered: reading it takes its time."""
    begun = (posixpath.normpath(path) for path in _BEGUN.findall(text))
    return not all(rules.covers(path) or is_shared(path) for path in begun)


def _at(use: PathUse, code: _Code) -> str:
    return f" (line {use.line} of {code.where})"


def _is_fine(use: PathUse, code: _Code, rules: PathRules) -> bool:
    path = posixpath.normpath(use.first)
    if path == "/":
        return not use.computed
    if is_shared(path) or (code.rewritten and rules.covers(path)):
        return True
    return not use.written and is_of_system(path)


def _refused(use: PathUse, code: _Code, rules: PathRules) -> Iterator[str]:
    if _is_fine(use, code, rules):
        return
    at = _at(use, code)
    if not code.rewritten:
        if use.written and not is_below(use.first, (TEMPORARY,)):
            yield (
                f"writes to {use.text}{at}: {_LEADS}, whatever is mounted there: take the path"
                f" from an argument, {FIX}"
            )
    elif use.written and use.computed:
        yield f"writes to {use.text}{at}, a path that it computes: {_LEADS}: {FIX}"
    elif use.written and is_of_system(use.first):
        yield f"writes to {use.text}{at}: {_LEADS}: {FIX}"
    elif use.opened and not use.computed:
        yield uncovered(use.text, at)


def _told(use: PathUse, code: _Code, rules: PathRules) -> Iterator[str]:
    if _is_fine(use, code, rules) or any(_refused(use, code, rules)):
        return
    if use.computed:
        yield f"computes the path {use.text}{_at(use, code)}: {_LEADS}"
    elif code.rewritten or use.opened:
        # Of a program the defaults of its options are no paths that it uses.
        yield f"names the path {use.text}{_at(use, code)}: as a file, {_LEADS}"


def _taken_from_machine(
    template: Json, container: Container, texts: Sequence[str], view: ImageView
) -> Iterator[str]:
    """Yield the output artifacts that neither the task nor its image has made."""
    for path in declared_paths(template, "outputs") if container.name == MAIN else ():
        is_own = view.tree.is_folder(path) or view.tree.file(path) is not None
        if is_of_system(path) and not is_own and not _is_named(path, path, container, texts):
            what = f"has its output artifact in {path}, which its script does not name"
            yield f"{what}: {_LEADS}: {FIX}"


def _is_named(path: str, named: str, container: Container, texts: Sequence[str]) -> bool:
    """Tell whether a file may be written by a task: it is on a volume, or a text has ``named``."""
    mounted = [mount_path(mount) for mount in container.mounts]
    values = (str(variable.get("value") or "") for variable in container.variables)
    # What a parameter or a variable may hold is not known.
    known = (named, "{{", "$(")
    return is_below(path, mounted) or any(
        word in text for text in (*texts, *values) for word in known
    )


def _never_named(template: Json, container: Container, texts: Sequence[str]) -> Iterator[str]:
    """Yield the output parameters whose file nothing that is known of the task names."""
    for name, path, _ in output_paths(template):
        named = posixpath.dirname(path) if posixpath.dirname(path) != "/" else path
        if not _is_named(path, named, container, texts):
            yield (
                f"has its output parameter {name!r} in {path}, which neither its command nor its"
                f" script names: where a program puts such a path together, {_LEADS}"
            )
