"""Reads ``depends`` and ``dependencies``.

Source: ``workflow/common/ancestry.go`` and ``evaluateDependsLogic`` in
``workflow/controller/dag.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

RESULTS = (
    "Succeeded",
    "Failed",
    "Errored",
    "Skipped",
    "Omitted",
    "Daemoned",
    "AnySucceeded",
    "AllFailed",
)
OF_ITEMS = ("AnySucceeded", "AllFailed")

_OPERATORS = frozenset(
    "and contains endsWith else false if in let matches nil not or startsWith true".split()
)
"""What is no name in an expression: a task that is called so cannot be waited for."""
_NAME = r"[a-zA-Z0-9][-a-zA-Z0-9]*"
_MENTION = re.compile(rf"({_NAME})(?:\.[A-Za-z]+)?")
_TOKEN = re.compile(
    rf"\s*(?:(?P<name>{_NAME})(?:\.(?P<result>[A-Za-z]+))?|(?P<symbol>&&|\|\||!|\(|\))|(?P<end>$))"
)
_WITHOUT_RESULT = ("Succeeded", "Skipped", "Daemoned")


class DependsError(ValueError):
    """A ``depends`` that cannot be read."""


@dataclass(frozen=True)
class _Term:
    task: str
    results: tuple[str, ...]


@dataclass(frozen=True)
class _Operation:
    operator: str  # && || !
    operands: tuple[Any, ...]


@dataclass(frozen=True)
class Depends:
    """A parsed condition: the tasks that it names, in their order, and how they combine.

    ``logic`` is the expression that Argo makes of one that cannot be read.
    """

    text: str
    tasks: tuple[str, ...]
    of_items: frozenset[str]
    condition: Any
    logic: str = ""

    def holds(self, results: Mapping[str, frozenset[str]]) -> bool:
        """Tell whether the task runs; ``results`` has what is true of each task.

        Raises :class:`DependsError`, in Argo's words.
        """
        if self.logic:
            return _as_expression(self.logic, results)
        return self.condition is None or _evaluate(self.condition, results)


def parse(task: Mapping[str, Any], continue_on: Mapping[str, Mapping[str, Any]]) -> Depends:
    """Return what ``task`` waits for; ``continue_on`` has the ``continueOn`` of each task.

    Raises :class:`DependsError`.
    """
    text = str(task.get("depends") or "")
    if text:
        return _parse(text)
    names = tuple(dict.fromkeys(task.get("dependencies") or ()))
    terms = tuple(_Term(name, _expanded(name, continue_on)) for name in names)
    condition = _Operation("&&", terms) if len(terms) > 1 else next(iter(terms), None)
    return Depends(" && ".join(names), names, frozenset(), condition)


def read(task: Mapping[str, Any], continue_on: Mapping[str, Mapping[str, Any]]) -> Depends:
    """Return what :func:`parse` does; what cannot be read fails when it is asked whether it holds.

    So it is in Argo, which looks at the condition only then.
    """
    try:
        found = parse(task, continue_on)
    except DependsError:
        found = Depends(str(task["depends"]), tuple(mentioned(task)), frozenset(), None)
    text = str(task.get("depends") or " && ".join(found.tasks))
    if not text or (found.condition is not None and _OPERATORS.isdisjoint(found.tasks)):
        return found
    return replace(found, logic=_logic(text, continue_on))


def _logic(text: str, continue_on: Mapping[str, Mapping[str, Any]]) -> str:
    def expanded(match: re.Match[str]) -> str:
        if match[0] != match[1]:
            return match[0]
        results = _expanded(match[1], continue_on)
        return f"({' || '.join(f'{match[1]}.{result}' for result in results)})"

    return _MENTION.sub(expanded, text).replace("-", "_")


def _as_expression(logic: str, results: Mapping[str, frozenset[str]]) -> bool:
    from hera_experiment.argo.conditions import ExpressionError, holds

    facts = {
        f"{name.replace('-', '_')}.{result}": result in found
        for name, found in results.items()
        for result in RESULTS
    }
    try:
        return holds(logic, facts)
    except ExpressionError as error:
        raise DependsError(f"unable to evaluate expression '{logic}': {error}") from None


def mentioned(task: Mapping[str, Any]) -> list[str]:
    """Return the tasks that ``task`` names, whether or not its condition can be read."""
    text = str(task.get("depends") or "")
    found = [match[1] for match in _MENTION.finditer(text)] if text else task.get("dependencies")
    return list(dict.fromkeys(found or ()))


def named_results(task: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return which results ``task`` names of each task that it mentions, as they are written."""
    text = str(task.get("depends") or "")
    found: dict[str, list[str]] = {name: [] for name in mentioned(task)}
    for match in _MENTION.finditer(text):
        _, _, result = match[0].partition(".")
        if result and result not in found[match[1]]:
            found[match[1]].append(result)
    return {name: tuple(results) for name, results in found.items()}


def ancestry(task: str, parents: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Return all tasks that ``task`` waits for, directly or not."""
    seen: set[str] = set()
    stack = list(parents[task])
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            stack.extend(parents[name])
    return frozenset(seen)


def _expanded(name: str, continue_on: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    allowed = continue_on.get(name) or {}
    errored = ("Errored",) if allowed.get("error") else ()
    failed = ("Failed",) if allowed.get("failed") else ()
    return _WITHOUT_RESULT + errored + failed


@lru_cache(maxsize=256)
def _parse(text: str) -> Depends:
    tokens = _tokenize(text)
    terms = [token for token in tokens if isinstance(token, _Term)]
    parser = _Parser(text, tokens)
    condition = parser.disjunction()
    parser.expect_end()
    of_items = frozenset(term.task for term in terms if term.results[0] in OF_ITEMS)
    return Depends(text, tuple(dict.fromkeys(term.task for term in terms)), of_items, condition)


def _tokenize(text: str) -> list[Any]:
    tokens: list[Any] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise DependsError(f"cannot read {text[position:].strip()!r} in depends {text!r}")
        position = match.end()
        if name := match["name"]:
            if match["result"] is None:
                tokens.append(_Term(name, _WITHOUT_RESULT))
            elif match["result"] not in RESULTS:
                raise DependsError(f"task result '{match['result']}' for task '{name}' is invalid")
            else:
                tokens.append(_Term(name, (match["result"],)))
        elif match["symbol"]:
            tokens.append(match["symbol"])
    return tokens


class _Parser:
    def __init__(self, text: str, tokens: list[Any]) -> None:
        self._text = text
        self._tokens = tokens
        self._next = 0

    def disjunction(self) -> Any:
        return self._joined("||", self._conjunction)

    def expect_end(self) -> None:
        if self._next < len(self._tokens):
            raise self._error()

    def _conjunction(self) -> Any:
        return self._joined("&&", self._negation)

    def _joined(self, operator: str, operand: Any) -> Any:
        operands = [operand()]
        while self._take(operator):
            operands.append(operand())
        return operands[0] if len(operands) == 1 else _Operation(operator, tuple(operands))

    def _negation(self) -> Any:
        if self._take("!"):
            return _Operation("!", (self._negation(),))
        if self._take("("):
            inner = self.disjunction()
            if not self._take(")"):
                raise self._error()
            return inner
        if self._next < len(self._tokens) and isinstance(self._tokens[self._next], _Term):
            self._next += 1
            return self._tokens[self._next - 1]
        raise self._error()

    def _take(self, symbol: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next] == symbol:
            self._next += 1
            return True
        return False

    def _error(self) -> DependsError:
        return DependsError(
            f"cannot read depends {self._text!r}: an operand or operator is missing"
        )


def _evaluate(part: Any, results: Mapping[str, frozenset[str]]) -> bool:
    if isinstance(part, _Term):
        return not results[part.task].isdisjoint(part.results)
    if part.operator == "!":
        return not _evaluate(part.operands[0], results)
    found = (_evaluate(operand, results) for operand in part.operands)
    return any(found) if part.operator == "||" else all(found)
