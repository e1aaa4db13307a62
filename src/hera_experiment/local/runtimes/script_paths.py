"""Absolute paths in the source of a script: which are named, opened, written to or computed.

A process sees this machine's own file system. What stands in a script as a covered path is
rewritten; what only appears when it runs is not, and what nothing covers leads to the machine.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_TAG = re.compile(r"\{\{[^{}]*\}\}")
_BEGINS = re.compile("[\"']/")
_PATH = re.compile(r"/[\w.@+-][^\s*?\\^$|\"'<>()\[\]]*")

# Methods of a path, and functions of os and shutil on their first argument.
_OS_WRITERS = frozenset(
    (
        "chmod makedirs mkdir mkfifo remove removedirs rename replace rmdir rmtree symlink_to"
        " touch truncate unlink write_bytes write_text"
    ).split()
)
_OS_READERS = frozenset("chdir iterdir listdir read_bytes read_text scandir walk".split())
# Functions of os and shutil that write to their second argument.
_COPIERS = frozenset("copy copy2 copyfile copytree link move rename replace symlink".split())
# Functions and methods of any library whose first argument is a file.
_WRITERS = frozenset(
    (
        "imsave imwrite save savefig savetxt savez savez_compressed to_csv to_excel to_feather"
        " to_hdf to_json to_netcdf to_parquet to_pickle"
    ).split()
)
_READERS = frozenset(
    (
        "genfromtxt imread load loadtxt read_csv read_excel read_json read_parquet read_pickle"
    ).split()
)
_OPENERS = frozenset(("bz2", "codecs", "gzip", "io", "lzma", "os", "tarfile", ""))
_PATHS = frozenset(("Path", "PosixPath", "PurePath", "PurePosixPath"))
# What is only shown, compared, or taken apart; of a module or an object of any name.
_HARMLESS = frozenset(
    (
        "compile count critical debug endswith error exception exists find findall finditer"
        " fullmatch get index info is_dir is_file isdir isfile log lstrip match partition post"
        " print put removeprefix replace route rpartition rsplit rstrip search split startswith"
        " strip sub warn warning"
    ).split()
)
_SHELL_WRITERS = frozenset("chmod mkdir mkfifo mv rm rmdir tee touch".split())
# These write to their last argument.
_SHELL_COPIERS = frozenset("cp install ln".split())
_SHELL_READERS = frozenset("cat cd head ls source tail wc .".split())
_SHELL_HARMLESS = frozenset("[ [[ awk case curl echo expr grep printf sed test wget".split())
_SHELL_PREFIXES = frozenset("! ( do else exec if sudo then time until while {".split())


@dataclass(frozen=True)
class PathUse:
    """An absolute path in a script.

    ``first`` is what stands there in one piece, ``text`` the whole as written, ``computed`` tells
    that a part of it is only known at run time; ``opened`` and ``written`` what surely happens.
    """

    first: str
    text: str
    line: int
    computed: bool
    opened: bool
    written: bool


@lru_cache(maxsize=256)
def python_paths(source: str) -> tuple[PathUse, ...]:
    """Return the absolute paths in Python code, none where it cannot be read."""
    # Reading code takes its time, and most has no such text.
    if not _BEGINS.search(source):
        return ()
    for code in (source, _TAG.sub("0", source)):
        try:
            return tuple(sorted(_Finder(ast.parse(code)).uses(), key=lambda use: use.line))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return ()


@dataclass(frozen=True)
class _Text:
    """What is known of a text: its beginning, and whether that is all of it."""

    first: str
    whole: bool


class _Finder:
    """Goes through a module once; a name that is given one text alone stands for it."""

    def __init__(self, module: ast.Module) -> None:
        self._module = module
        self._names: dict[str, ast.expr | None] = {}
        self._seen: set[int] = set()
        for node in ast.walk(module):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                self._assigned(node.targets[0], node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._assigned(node.target, node.value)
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                # Met again below an assignment: that is the first time, and no second.
                self._names.setdefault(node.id, None)
            elif isinstance(node, ast.arg):
                self._names[node.arg] = None

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = None if target.id in self._names else value

    def uses(self) -> Iterator[PathUse]:
        """Yield each path, what is done with it before where it is only named."""
        calls = [node for node in ast.walk(self._module) if isinstance(node, ast.Call)]
        for call in calls:
            yield from self._done_by(call)
        # What is around comes before what is inside.
        for node in ast.walk(self._module):
            for inner in _no_paths(node):
                self._pass_over(inner)
            if isinstance(node, ast.expr) and id(node) not in self._seen:
                yield from self._use(node, opened=False, written=False)

    def _done_by(self, call: ast.Call) -> Iterator[PathUse]:
        module, name = _name_of(call.func)
        arguments = call.args
        if isinstance(call.func, ast.Attribute) and self._is_path(call.func.value):
            # Path("/x").write_text(…)
            if name == "open":
                yield from self._opened(call.func.value, call, 0)
            elif name in _OS_WRITERS or name in _OS_READERS:
                written = name in _OS_WRITERS
                yield from self._use(call.func.value, opened=True, written=written)
        if not arguments:
            return
        if name == "open" and module in _OPENERS:
            yield from self._opened(arguments[0], call, 1)
        elif module in ("os", "shutil", "") and name in _COPIERS and len(arguments) > 1:
            written = name in ("move", "rename", "replace")
            yield from self._use(arguments[0], opened=True, written=written)
            yield from self._use(arguments[1], opened=True, written=True)
        elif (module in ("os", "shutil", "") and name in _OS_WRITERS) or name in _WRITERS:
            yield from self._use(arguments[0], opened=True, written=True)
        elif (module in ("os", "shutil", "") and name in _OS_READERS) or name in _READERS:
            yield from self._use(arguments[0], opened=True, written=False)

    def _opened(self, path: ast.expr, call: ast.Call, at: int) -> Iterator[PathUse]:
        given = [k.value for k in call.keywords if k.arg == "mode"] + call.args[at : at + 1]
        mode = given[0].value if given and isinstance(given[0], ast.Constant) else None
        reads = not given or (isinstance(mode, str) and not set(mode) & set("wax+"))
        yield from self._use(path, opened=True, written=not reads)

    def _use(self, node: ast.expr, *, opened: bool, written: bool) -> Iterator[PathUse]:
        text = self._text(node)
        if text is None or not text.first.startswith("/") or text.first.startswith("//"):
            return
        if text.whole and not opened and not _PATH.fullmatch(text.first):
            return
        self._pass_over(node)
        shown = ast.unparse(node)
        if isinstance(node, ast.Name) and (value := self._names.get(node.id)) is not None:
            self._pass_over(value)
            shown = ast.unparse(value)
        line = node.lineno
        yield PathUse(text.first, _short(shown), line, not text.whole, opened, written)

    def _pass_over(self, node: ast.AST) -> None:
        self._seen.update(map(id, ast.walk(node)))

    def _is_path(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            value = self._names.get(node.id)
            return value is not None and not isinstance(value, ast.Name) and self._is_path(value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self._is_path(node.left)
        return isinstance(node, ast.Call) and _name_of(node.func)[1] in _PATHS

    def _text(self, node: ast.expr, deep: int = 0) -> _Text | None:
        """Return the text that ``node`` is known to begin with, None for no text that is known."""
        if deep > 20:
            return None
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, str):
                return None
            tag = _TAG.search(node.value)
            return _Text(node.value[: tag.start()] if tag else node.value, tag is None)
        if isinstance(node, ast.JoinedStr):
            first = node.values[0] if node.values else None
            if isinstance(first, ast.FormattedValue):
                known = self._text(first.value, deep + 1)
            else:
                known = self._text(first, deep + 1) if first else None
            return known and _Text(known.first, known.whole and len(node.values) == 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Div, ast.Mod)):
            left = self._text(node.left, deep + 1)
            if left is None or (isinstance(node.op, ast.Div) and not self._is_path(node.left)):
                return None
            if isinstance(node.op, ast.Mod):
                return _Text(left.first.partition("%")[0], False)
            return _Text(left.first, False)
        if isinstance(node, ast.Name):
            value = self._names.get(node.id)
            return None if value is None else self._text(value, deep + 1)
        if isinstance(node, ast.Call):
            return self._called(node, deep)
        return None

    def _called(self, node: ast.Call, deep: int) -> _Text | None:
        module, name = _name_of(node.func)
        if name == "format" and isinstance(node.func, ast.Attribute):
            known = self._text(node.func.value, deep + 1)
            return known and _Text(known.first.partition("{")[0], False)
        joins = name == "join" and module == "path"
        if (joins or name in (*_PATHS, "str", "fspath")) and node.args:
            known = self._text(node.args[0], deep + 1)
            return known and _Text(known.first, known.whole and len(node.args) == 1)
        return None


def _no_paths(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of ``node`` whose texts are no paths, or no whole ones."""
    if isinstance(node, ast.Expr) and isinstance(node.value, (ast.Constant, ast.JoinedStr)):
        yield node.value
    elif isinstance(node, ast.Compare):
        yield node
    elif isinstance(node, ast.JoinedStr):
        yield from (part for part in node.values[1:] if isinstance(part, ast.Constant))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        if isinstance(node.right, ast.Constant):
            yield node.right
    elif isinstance(node, ast.Call):
        _, name = _name_of(node.func)
        if name in _HARMLESS:
            yield from node.args
        # ", ".join(words), but not "/{}".format(name)
        if isinstance(node.func, ast.Attribute) and (
            name in _HARMLESS or (name != "format" and isinstance(node.func.value, ast.Constant))
        ):
            yield node.func.value


def _name_of(function: ast.expr) -> tuple[str, str]:
    """Return the name of what is called, after the last name of what it belongs to."""
    if isinstance(function, ast.Name):
        return "", function.id
    if not isinstance(function, ast.Attribute):
        return "?", ""
    owner = function.value
    if isinstance(owner, ast.Name):
        return owner.id, function.attr
    return (owner.attr if isinstance(owner, ast.Attribute) else "?"), function.attr


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_REDIRECTED = re.compile(r"(<|>{1,2}\|?)\s*(\"[^\"\n]*\"|'[^'\n]*'|[^\s;|&()<>]+)")
_COMMANDS = re.compile(r"&&|\|\||[;|&]|\$\(|\)")
_VARIABLE = re.compile(r"\$|`|\{\{")


@lru_cache(maxsize=256)
def shell_paths(source: str) -> tuple[PathUse, ...]:
    """Return the absolute paths that are the words of shell code."""
    return tuple(_shell_uses(source))


def _shell_uses(source: str) -> Iterator[PathUse]:
    for number, line in enumerate(source.split("\n"), 1):
        text = _COMMENT.sub("", line)
        for arrow, word in _REDIRECTED.findall(text):
            yield from _shell_use(word.strip("\"'"), number, opened=True, written=arrow != "<")
        for command in _COMMANDS.split(_REDIRECTED.sub(" ", text)):
            if "/" not in command:
                continue
            try:
                words = shlex.split(command)
            except ValueError:  # a quotation that goes on
                continue
            while words and (words[0] in _SHELL_PREFIXES or re.match(r"\w+=", words[0])):
                del words[0]
            if not words or words[0] in _SHELL_HARMLESS:
                continue
            opened = words[0] in _SHELL_WRITERS | _SHELL_COPIERS | _SHELL_READERS
            for at, word in enumerate(words[1:], 2):
                copied = words[0] in _SHELL_COPIERS and at == len(words)
                written = copied or words[0] in _SHELL_WRITERS
                yield from _shell_use(word, number, opened=opened, written=written)


def _shell_use(word: str, line: int, *, opened: bool, written: bool) -> Iterator[PathUse]:
    variable = _VARIABLE.search(word)
    first = word[: variable.start()] if variable else word
    # Of a pattern only its folder is a path.
    if first.startswith("/") and not first.startswith("//") and (opened or " " not in word):
        yield PathUse(first, repr(_short(word)), line, variable is not None, opened, written)
