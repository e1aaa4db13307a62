"""Prints every sentence that a user can meet, file by file with line numbers, as one page to read.

    python tools/sentences.py >sentences.md
    python tools/sentences.py src/hera_experiment/submit

It reads the Python of the library, of ``hera_utils``, of the hooks and of the template's
containers. A sentence is a text of two words or more that is no docstring; a verb's first line is
its help. What is filled in stands in braces; the parts of an error (what, where, what next) are put
together as the person sees them. Before a text stands what it is for: the function that it is
handed to, ``return``, or ``=`` where it is kept for later.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATE = REPOSITORY / "{{cookiecutter.project_slug}}"
PLACES = (
    REPOSITORY / "hooks",
    REPOSITORY / "src" / "hera_experiment",
    TEMPLATE / "hera_utils",
    TEMPLATE / "containers",
    TEMPLATE / "environment.py",
)
_WORDS = re.compile(r"[A-Za-z]{2,}[,;:]? +(?:[a-z]{2,}|\{)|\} [a-z]{2,}|'\{.*\} ?[a-z]{2,}")
# These are for programs: patterns, commands, sources of other programs.
_PROGRAMS = ("compile", "fullmatch", "match", "search", "findall", "sub", "getLogger", "split")


def text_of(node: ast.expr) -> str | None:
    """Return a text as it stands in the source, what is filled in within braces."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_part, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, other = text_of(left), text_of(right)
            if one is None and other is None:
                return None
            return (f"{{{ast.unparse(left)}}}" if one is None else one) + (
                f"{{{ast.unparse(right)}}}" if other is None else other
            )
        case ast.IfExp(body=body, orelse=other):
            one, two = text_of(body), text_of(other)
            return None if one is None and two is None else f"[{one} | {two}]"
    return None


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        return f"{{{ast.unparse(part.value)}}}"
    return text_of(part) or ""


def _shown(node: ast.expr) -> str:
    found = text_of(node)
    return f"{{{ast.unparse(node)}}}" if found is None else found


def _error(call: ast.Call) -> str:
    """Return what an error with the parts what, where and what next reads like."""
    parts = {name: "" for name in ("what", "where", "next_step")}
    parts |= dict(zip(parts, map(_shown, call.args), strict=False))
    parts |= {each.arg: _shown(each.value) for each in call.keywords if each.arg in parts}
    where = f" ({parts['where']})" if parts["where"] else ""
    return f"{parts['what']}{where}" + (f": {parts['next_step']}" if parts["next_step"] else "")


class Sentences(ast.NodeVisitor):
    """Collects ``found``: line, what it is for, text."""

    def __init__(self, errors: frozenset[str]) -> None:
        self._errors = errors
        self._purpose = ["="]
        self.found: list[tuple[int, str, str]] = []

    def _docstring(self, node: ast.Module | ast.ClassDef | ast.FunctionDef) -> None:
        for child in node.body:
            if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                self._within("=", child)

    visit_Module = visit_ClassDef = visit_FunctionDef = visit_AsyncFunctionDef = _docstring

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Leave the type out."""
        if node.value:
            self._within("=", node.value)

    def visit_Call(self, node: ast.Call) -> None:
        """Look at what a function is handed."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if name in _PROGRAMS:
            return
        if name in self._errors and len(node.args) + len(node.keywords) > 1:
            self._add(node, name, _error(node))
            return
        self._within(name, node.func, *node.args)
        for keyword in node.keywords:
            self._within(f"{name} {keyword.arg}", keyword.value)

    def visit_Return(self, node: ast.Return) -> None:
        """Look at what a function returns."""
        if node.value:
            self._within("return", node.value)

    def generic_visit(self, node: ast.AST) -> None:
        """Keep a text, or look further down."""
        found = text_of(node) if isinstance(node, ast.expr) else None
        if found is None:
            super().generic_visit(node)
        else:
            self._add(node, self._purpose[-1], found)

    def _within(self, purpose: str, *nodes: ast.AST) -> None:
        self._purpose.append(purpose)
        for node in nodes:
            self.visit(node)
        self._purpose.pop()

    def _add(self, node: ast.AST, purpose: str, text: str) -> None:
        if _WORDS.search(text):
            line: int = node.lineno  # type: ignore[attr-defined]
            self.found.append((line, purpose, text))


def user_errors(trees: dict[Path, ast.Module]) -> frozenset[str]:
    """Return the names of ``UserError`` and of the classes made from it."""
    known = {"UserError"}
    classes = [each for tree in trees.values() for each in ast.walk(tree)]
    while True:
        more = {
            each.name
            for each in classes
            if isinstance(each, ast.ClassDef) and known & {ast.unparse(base) for base in each.bases}
        }
        if more <= known:
            return frozenset(known)
        known |= more


def sources(places: list[Path]) -> Iterator[Path]:
    """Yield the Python files in places."""
    for place in places:
        yield from [place] if place.is_file() else sorted(place.rglob("*.py"))


def main() -> None:
    """Print the page."""
    places = [Path(word).resolve() for word in sys.argv[1:]]
    every = {
        path: ast.parse(re.sub(r"^(.*= )\{\{.*\}\}", r"\1{}", path.read_text(), flags=re.MULTILINE))
        for path in sources([*PLACES])
    }
    errors = user_errors(every)
    print("# What a user can be told")
    for path, tree in every.items():
        if places and not any(path == place or place in path.parents for place in places):
            continue
        sentences = Sentences(errors)
        sentences.visit(tree)
        if path.parent.name == "verbs" and (help_ := ast.get_docstring(tree)):
            sentences.found.append((1, "help", help_.partition("\n")[0]))
        if sentences.found:
            print(f"\n## {path.relative_to(REPOSITORY)}\n")
        for line, purpose, text in sorted(sentences.found):
            print(f"- {line} `{purpose}` " + " ⏎ ".join(text.strip().splitlines()))


if __name__ == "__main__":
    main()
