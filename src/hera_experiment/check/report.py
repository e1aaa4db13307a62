"""Shows results: lines for people, JSON for machines, and the one line at the end."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

from hera_experiment.check.definition import Check, Result
from hera_experiment.check.model import Status

_COLOURS = {
    Status.OK: "32",
    Status.WARNING: "33",
    Status.FAILURE: "31",
    Status.UNKNOWN: "36",
}
_PLAIN = {"√": "ok", "‼": "!!", "×": "XX", "?": "??", "→": "->"}
_WELL, _FAILED, _NOT_CHECKED = 0, 1, 2


def exit_status(results: Iterable[Result]) -> int:
    """Return 1 when a check failed, else 2 when an essential one is unknown, else 0."""
    results = list(results)
    if any(each.outcome.status is Status.FAILURE for each in results):
        return _FAILED
    if any(each.check.essential and each.outcome.status is Status.UNKNOWN for each in results):
        return _NOT_CHECKED
    return _WELL


def first_step(results: Sequence[Result]) -> str:
    """Return the last line: ready to submit, or the first thing to do.

    ``results`` are in the catalogue's order.
    """
    status = exit_status(results)
    if status == _WELL:
        return f"√ ready to submit{_not_known(results)}"
    if status == _FAILED:
        first = next(each for each in results if each.outcome.status is Status.FAILURE)
        block = f" (the lines under {first.check.code})" if first.outcome.paste else ""
        return f"× not ready; first {first.check.code}: {first.outcome.advice}{block}"
    essential = [
        each for each in results if each.check.essential and each.outcome.status is Status.UNKNOWN
    ]
    first = next((each for each in essential if not each.because), essential[0])
    causes = [each for each in results if each.check.code == first.because]
    first = causes[0] if causes else first
    advice = f": {first.outcome.advice}" if first.outcome.advice else ""
    return f"? could not check; first {first.check.code}: {first.outcome.message}{advice}"


def _not_known(results: Sequence[Result]) -> str:
    unknown = [each for each in results if each.outcome.status is Status.UNKNOWN]
    roots = [each.check.code for each in unknown if not each.because]
    rest = [each for each in unknown if each.because]
    if not unknown:
        return ""
    more = f", and {len(rest)} that need {'it' if len(roots) == 1 else 'them'}" if rest else ""
    return f"; not known: {', '.join(roots)}{more}"


class TextReport:
    """Prints results in the catalogue's order, each line as soon as those before it are there."""

    def __init__(self, catalogue: Sequence[Check], out: TextIO, *, colour: bool = False) -> None:
        self._order = list(catalogue)
        self._width = max((len(each.code) for each in catalogue), default=0)
        self._out = out
        self._colour = colour
        self._results: dict[str, Result] = {}
        self._printed = 0
        self._category = ""

    def add(self, result: Result) -> None:
        """Take in one result."""
        self._results[result.check.code] = result
        while self._printed < len(self._order):
            following = self._results.get(self._order[self._printed].code)
            if following is None:
                break
            self._show(following)
            self._printed += 1
        self._out.flush()

    def close(self) -> None:
        """Print the last line."""
        results = [self._results[each.code] for each in self._order if each.code in self._results]
        self._write("")
        self._write(first_step(results))
        self._out.flush()

    def _show(self, result: Result) -> None:
        check, outcome = result.check, result.outcome
        if check.category != self._category:
            self._write(("" if not self._category else "\n") + check.category)
            self._category = check.category
        sign = self._paint(outcome.status.symbol, outcome.status)
        self._write(f"{sign} {check.code:<{self._width}}  {check.title}: {outcome.message}")
        if outcome.cause:
            self._write(f"    {outcome.cause}")
        if outcome.advice:
            self._write(f"    → {outcome.advice}")
        if outcome.paste:
            self._write(textwrap.indent(outcome.paste.rstrip("\n"), " " * 8))

    def _paint(self, sign: str, status: Status) -> str:
        return f"\033[{_COLOURS[status]}m{sign}\033[0m" if self._colour else sign

    def _write(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            for sign, plain in _PLAIN.items():
                text = text.replace(sign, plain)
            text = text.encode(encoding, "replace").decode(encoding)
        self._out.write(text + "\n")


def as_json(results: Sequence[Result], library: str = "") -> str:
    """Return all results as one JSON document; ``seconds`` count from the run's beginning.

    ``library`` is the name, version and commit of what checked.
    """
    document = {
        "library": library,
        "exit": exit_status(results),
        "summary": first_step(results),
        "checks": [
            {
                "code": each.check.code,
                "category": each.check.category,
                "title": each.check.title,
                "status": each.outcome.status.value,
                "message": each.outcome.message,
                "cause": each.outcome.cause,
                "advice": each.outcome.advice,
                "paste": each.outcome.paste,
                "because": each.because,
                "started": round(each.started, 4),
                "seconds": round(each.seconds, 4),
            }
            for each in results
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
