"""Shows results: lines for people, JSON and JUnit's XML for machines, and the lines at the end."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

from hera_experiment.check.outcome import Status
from hera_experiment.check.runner import PAGE, Check, Result

_COLOURS = {
    Status.OK: "32",
    Status.WARNING: "33",
    Status.FAILURE: "31",
    Status.UNKNOWN: "36",
}
_PLAIN = {"√": "ok", "‼": "!!", "×": "XX", "?": "??", "→": "->"}
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KUBECONFIG = "KUBECONFIG-FILE"
_WELL, _FAILED, _NOT_CHECKED = 0, 1, 2


def exit_status(results: Iterable[Result]) -> int:
    """Return 1 when a check failed, else 2 when an essential one is unknown, else 0."""
    results = list(results)
    if any(each.outcome.status is Status.FAILURE for each in results):
        return _FAILED
    if any(each.check.essential and each.outcome.status is Status.UNKNOWN for each in results):
        return _NOT_CHECKED
    return _WELL


def first_step(results: Sequence[Result], left_out: int = 0, probe: str = "") -> str:
    """Return one line: ready to submit, or the first thing to do.

    ``results`` are in the catalogue's order; ``left_out`` is how many checks were not wanted;
    ``probe`` is what to type to try what is unknown without a kubeconfig.
    """
    status = exit_status(results)
    if status == _WELL:
        verdict = "ready to submit"
        if left_out:
            verdict = f"no failure in the {len(results)} checks made ({left_out} left out)"
        without = any(
            each.check.code == _KUBECONFIG and each.outcome.status is Status.UNKNOWN
            for each in results
        )
        tried = f"; to try it: {probe}" if probe and without else ""
        return f"√ {verdict}{_not_known(results)}{tried}"
    first = _first(results)
    if status == _FAILED:
        block = f" (the lines under {first.check.code})" if first.outcome.paste else ""
        return f"× not ready; first {first.check.code}: {first.outcome.advice}{block}"
    advice = f": {first.outcome.advice}" if first.outcome.advice else ""
    return f"? could not check; first {first.check.code}: {first.outcome.message}{advice}"


def more_about(results: Sequence[Result]) -> str:
    """Return the line that leads to the documentation, at best of the first thing to do."""
    if any(each.outcome.status is not Status.OK for each in results):
        first = _first(results).check
        return f"about {first.code} and each other code: {first.address}"
    return f"about each code: {PAGE}"


def _first(results: Sequence[Result]) -> Result:
    """Return what is to be looked at first: a failure, what keeps essential checks, the worst."""
    if failures := [each for each in results if each.outcome.status is Status.FAILURE]:
        return failures[0]
    unknown = [each for each in results if each.outcome.status is Status.UNKNOWN]
    essential = [each for each in unknown if each.check.essential]
    if not essential:
        return next((each for each in results if each.outcome.status is not Status.OK), results[0])
    first = next((each for each in essential if not each.because), essential[0])
    return next((each for each in results if each.check.code == first.because), first)


def _not_known(results: Sequence[Result]) -> str:
    unknown = [each for each in results if each.outcome.status is Status.UNKNOWN]
    roots = [each.check.code for each in unknown if not each.because]
    rest = [each for each in unknown if each.because]
    if not unknown:
        return ""
    more = f", and {len(rest)} that need {'it' if len(roots) == 1 else 'them'}" if rest else ""
    return f"; not known: {', '.join(roots)}{more}"


class TextReport:
    """Prints results in the catalogue's order, each line as soon as those before it are there.

    Checks of one category that the same one kept from running are one line.
    """

    def __init__(self, catalogue: Sequence[Check], out: TextIO, *, colour: bool = False) -> None:
        self._order = list(catalogue)
        self._width = max((len(each.code) for each in catalogue), default=0)
        self._out = out
        self._colour = colour
        self._results: dict[str, Result] = {}
        self._printed = 0
        self._category = ""
        self._kept_back: list[Result] = []

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

    def close(self, left_out: int = 0, probe: str = "") -> None:
        """Print the last lines: what to do first, and where the codes are explained."""
        results = [self._results[each.code] for each in self._order if each.code in self._results]
        self._show_kept_back()
        self._write("")
        self._write(first_step(results, left_out, probe))
        self._write(more_about(results))
        self._out.flush()

    def _show(self, result: Result) -> None:
        check, outcome = result.check, result.outcome
        is_alike = result.because and self._kept_back and self._kept_back[0].outcome == outcome
        if not is_alike or check.category != self._category:
            self._show_kept_back()
        if check.category != self._category:
            self._write(("" if not self._category else "\n") + check.category)
            self._category = check.category
        if result.because:
            self._kept_back.append(result)
        else:
            self._show_one(result)

    def _show_kept_back(self) -> None:
        if len(self._kept_back) == 1:
            self._show_one(self._kept_back[0])
        elif self._kept_back:
            outcome = self._kept_back[0].outcome
            codes = ", ".join(each.check.code for each in self._kept_back)
            sign = self._paint(outcome.status.symbol, outcome.status)
            self._write(f"{sign} {codes}: {outcome.message}")
        self._kept_back = []

    def _show_one(self, result: Result) -> None:
        check, outcome = result.check, result.outcome
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


def as_json(results: Sequence[Result], library: str = "", left_out: Sequence[str] = ()) -> str:
    """Return all results as one JSON document; ``seconds`` count from the run's beginning.

    ``library`` is the name, version and commit of what checked, ``left_out`` the codes of checks
    that were not wanted.
    """
    document = {
        "library": library,
        "exit": exit_status(results),
        "summary": first_step(results, len(left_out)),
        "left_out": list(left_out),
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
                "documentation": each.check.address,
                "started": round(each.started, 4),
                "seconds": round(each.seconds, 4),
            }
            for each in results
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def as_junit(results: Sequence[Result], library: str = "", left_out: int = 0) -> str:
    """Return all results as JUnit's XML, as CI systems read it: a test case a check.

    What failed is a failure and what is unknown is skipped, each with its message, and its cause
    and advice as text; a warning is a passed test case that says so on standard output.
    """
    from xml.etree import ElementTree

    statuses = [each.outcome.status for each in results]
    # Checks run side by side: the sum of their times would be no time that passed.
    seconds = max((each.started + each.seconds for each in results), default=0.0)
    totals = {
        "name": "check-cluster",
        "tests": str(len(results)),
        "failures": str(statuses.count(Status.FAILURE)),
        "errors": "0",
        "time": f"{seconds:.3f}",
    }
    root = ElementTree.Element("testsuites", totals)
    skipped = str(statuses.count(Status.UNKNOWN))
    suite = ElementTree.SubElement(root, "testsuite", totals, skipped=skipped)
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in {"library": library, "summary": first_step(results, left_out)}.items():
        ElementTree.SubElement(properties, "property", name=name, value=_in_xml(value))
    for each in results:
        check, outcome = each.check, each.outcome
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=check.category,
            name=_in_xml(f"{check.code}: {check.title}"),
            time=f"{each.seconds:.3f}",
        )
        parts = (outcome.cause, outcome.advice, outcome.paste, f"see {check.address}")
        text = _in_xml("\n".join(part for part in parts if part))
        message = _in_xml(outcome.message)
        if outcome.status is Status.FAILURE:
            what = ElementTree.SubElement(case, "failure", message=message, type=check.code)
        elif outcome.status is Status.UNKNOWN:
            what = ElementTree.SubElement(case, "skipped", message=message)
        else:
            what = ElementTree.SubElement(case, "system-out")
            text = message if outcome.status is Status.OK else f"warning: {message}\n{text}"
        what.text = text
    ElementTree.indent(root)
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}\n{ElementTree.tostring(root, encoding='unicode')}"


def _in_xml(text: str) -> str:
    """Return ``text`` without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
