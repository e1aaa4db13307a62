"""What a process can honour of the RUN instructions of a Dockerfile."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hera_experiment.images.dockerfile import expand
from hera_experiment.images.recipe import RunStep
from hera_experiment.local.runtimes.tree import Tree

_HARMLESS = frozenset(
    (
        "addgroup adduser chgrp chmod chown echo false getent groupadd id ls printf pwd rm rmdir "
        "set test true umask useradd usermod whoami [ :"
    ).split()
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PIP = re.compile(r"pip[\d.]*")
_PYTHON = re.compile(r"python[\d.]*")
_SEPARATORS = frozenset(("&&", ";", "\n"))
_ADDS_EXECUTE = re.compile(r"[ugoa]*\+[rw]*x[rw]*|0?[1357][0-7][0-7]")
_REQUIREMENTS = ("-r", "--requirement", "-c", "--constraint")
# Options about the image's own Python or about noise, without meaning in a virtual environment.
_DROPPED = frozenset(
    (
        "--no-cache-dir --user --break-system-packages --system -q --quiet --no-input --no-cache "
        "--disable-pip-version-check --no-warn-script-location"
    ).split()
)
_INSTALLERS = frozenset(("pip", "setuptools", "wheel", "uv"))
_WITH_VALUE = frozenset(
    (
        "-i --index-url --extra-index-url -f --find-links --trusted-host --platform "
        "--python-version --progress-bar --root-user-action --timeout --retries --cert "
        "--no-binary --only-binary --target -t --prefix --root --src --global-option "
        "--config-settings -C"
    ).split()
)
_ELSEWHERE = frozenset("--target -t --prefix --root -e --editable --python --src".split())


@dataclass(frozen=True)
class PipInstall:
    """The arguments of one ``pip install``; ``files`` are those that name a requirements file."""

    arguments: tuple[str, ...]
    files: tuple[str, ...] = ()


@dataclass
class Effect:
    """What a RUN does here, or why it cannot be honoured: ``lacking`` where it can be nowhere.

    ``installs`` are packages to install, ``folders`` to make, ``executables`` the files (on this
    machine) that it makes executable.
    """

    installs: list[PipInstall] = field(default_factory=list)
    executables: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    refused: str = ""
    lacking: str = ""


def effect_of(step: RunStep, environment: Mapping[str, str], tree: Tree) -> Effect:
    """Tell what ``step`` does, given the image's variables and files so far."""
    effect = Effect()
    for command in _commands(step):
        reason = _interpret(command, step.workdir, environment, tree, effect)
        if reason:
            effect.refused = reason
            break
    return effect


def _commands(step: RunStep) -> list[list[str]]:
    if step.words is not None:
        return [list(step.words)]
    lexer = shlex.shlex(step.script.replace("\n", " ; "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        tokens = list(lexer)
    except ValueError:
        return [[step.script]]
    commands: list[list[str]] = [[]]
    for token in tokens:
        if token in _SEPARATORS:
            commands.append([])
        else:
            commands[-1].append(token)
    return [command for command in map(_without_assignments, commands) if command]


def _without_assignments(command: list[str]) -> list[str]:
    at = 0
    while at < len(command) and _ASSIGNMENT.match(command[at]):
        at += 1
    return command[at:]


def _interpret(
    words: list[str], workdir: str, environment: Mapping[str, str], tree: Tree, effect: Effect
) -> str:
    """Add to ``effect`` what one command does; return why it cannot be honoured, or nothing."""
    text = shlex.join(words) if len(words) > 1 else words[0]
    if any(set(word) <= set("();<>|&") for word in words):
        return text
    program = posixpath.basename(words[0])
    if _PYTHON.fullmatch(program):
        if words[1:3] == ["-m", "pip"]:
            program, words = "pip", words[2:]
        else:
            harmless = words[1:2] in (["-V"], ["--version"]) or words[1:3] in (
                ["-m", "venv"],
                ["-m", "compileall"],
            )
            return "" if harmless else text
    if program == "uv" and words[1:2] == ["pip"]:
        program, words = "pip", words[1:]
    if program == "mkdir":
        paths = [expand(w, environment.get) for w in words[1:] if not w.startswith("-")]
        effect.folders += [posixpath.normpath(posixpath.join(workdir, path)) for path in paths]
        return ""
    if program == "chmod" and any(map(_ADDS_EXECUTE.fullmatch, words[1:])):
        paths = [posixpath.join(workdir, expand(word, environment.get)) for word in words[1:]]
        effect.executables += filter(None, map(tree.file, paths))
    if _PIP.fullmatch(program):
        if words[1:2] != ["install"]:
            return "" if words[1:2] in (["cache"], ["check"], ["--version"], ["list"]) else text
        return _pip(words[2:], text, workdir, environment, tree, effect)
    return "" if program in _HARMLESS else text


def _pip(
    words: list[str],
    text: str,
    workdir: str,
    environment: Mapping[str, str],
    tree: Tree,
    effect: Effect,
) -> str:
    arguments: list[str] = []
    files: list[str] = []
    packages = 0
    rest = [expand(word, environment.get) for word in words]
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if word[:2] in ("-r", "-c") and len(word) > 2:
            option, equals, value = word[:2], "=", word[2:]
        if option in _ELSEWHERE:
            return text
        if option in _REQUIREMENTS:
            path = value if equals else (rest.pop(0) if rest else "")
            source = tree.file(posixpath.join(workdir, path))
            if source is None:
                effect.lacking = f"RUN {text}: no COPY before it brings {path}"
                return effect.lacking
            files.append(source)
            arguments += [option, source]
            packages += option in ("-r", "--requirement") and _asks_for_something(source)
        elif option in _DROPPED:
            continue
        elif option in _WITH_VALUE:
            arguments += [word] if equals else [word, rest.pop(0) if rest else ""]
        elif word.startswith("-"):
            arguments.append(word)
        elif word.startswith((".", "/")):
            return text
        elif re.split(r"[\[<>=!~ ;]", word)[0].lower() not in _INSTALLERS:
            arguments.append(word)
            packages += 1
    if packages:
        effect.installs.append(PipInstall(tuple(arguments), tuple(files)))
    return ""


def _asks_for_something(requirements: str) -> bool:
    """Tell whether a requirements file has more than comments: making an environment takes time."""
    try:
        lines = Path(requirements).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    return any(line.strip() and not line.strip().startswith("#") for line in lines)
