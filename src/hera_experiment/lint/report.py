"""What was found, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hera_experiment.lint.judge import Judged
from hera_experiment.lint.rule import Rule

FORMATS = ("text", "json", "sarif", "github")
PAGES = "https://github.com/VCityTeam/hera-experiment/blob/main/docs/lint.md#{}"
_SARIF = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def _line(judged: Judged, others: int) -> str:
    """Return one finding as a line: place, code, what is wrong, what to do."""
    finding = judged.finding
    place = f"{judged.file}:{judged.line}" if judged.line else judged.file or judged.name
    names = [name for name in (judged.template, judged.call) if name]
    # Argo's own words name the place themselves.
    within = f"{'.'.join(names)}: " if names and "templates." not in finding.message else ""
    advice = f": {finding.advice}" if finding.advice else ""
    more = f" (and {_count(others, 'other task')} of this line)" if others else ""
    what = f"{judged.rule.severity} {judged.rule.code} {within}{finding.message}"
    return f"{place}: {what}{more}{advice}"


def summary(found: Sequence[Judged], objects: int) -> str:
    """Return how many there are, and how to learn more."""
    errors = sum(each.is_error for each in found)
    warnings = len(found) - errors
    what = _count(objects, "object")
    if not found:
        return f"{what}: nothing to remark"
    first = next((each for each in found if each.is_error), found[0]).rule.code
    counts = ", ".join(
        _count(number, kind)
        for number, kind in ((errors, "error"), (warnings, "warning"))
        if number
    )
    return f"{what}: {counts}; make lint EXPLAIN={first} explains"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def lines(found: Sequence[Judged]) -> list[str]:
    """Return a line for each, and one for all that a single line of a script makes alike."""
    alike: dict[tuple[object, ...], list[Judged]] = {}
    for number, each in enumerate(found):
        place = (each.file, each.line, each.template) if each.line else (number,)
        alike.setdefault((*place, each.rule.code, each.finding.message), []).append(each)
    return [_line(each[0], len(each) - 1) for each in alike.values()]


def as_text(found: Sequence[Judged], objects: int) -> str:
    """Return the lines, and the summary."""
    return "\n".join([*lines(found), summary(found, objects)])


def as_json(found: Sequence[Judged], version: str) -> str:
    """Return one document for machines."""
    findings = [
        {
            "code": each.rule.code,
            "name": each.rule.name,
            "severity": each.rule.severity,
            "message": each.finding.message,
            "advice": each.finding.advice,
            "object": each.name,
            "template": each.template,
            "task": each.call,
            "path": list(each.finding.path),
            "file": each.file,
            "line": each.line,
        }
        for each in found
    ]
    errors = sum(each.is_error for each in found)
    document = {"version": version, "errors": errors, "findings": findings}
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_sarif(found: Sequence[Judged], rules: Sequence[Rule], version: str) -> str:
    """Return SARIF 2.1.0, which code hosts show beside the lines."""
    index = {rule.code: number for number, rule in enumerate(rules)}
    driver: dict[str, Any] = {
        "name": "hera-experiment",
        "version": version,
        "rules": [
            {
                "id": rule.code,
                "name": rule.name,
                "shortDescription": {"text": rule.summary},
                "fullDescription": {"text": rule.explanation.replace("\n", " ")},
                "helpUri": PAGES.format(rule.code.lower()),
                "defaultConfiguration": {"level": rule.severity},
            }
            for rule in rules
        ],
    }
    results = [
        {
            "ruleId": each.rule.code,
            "ruleIndex": index[each.rule.code],
            "level": each.rule.severity,
            "message": {"text": _sentence(each)},
            "locations": [_location(each)],
        }
        for each in found
    ]
    run = {"tool": {"driver": driver}, "results": results}
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2)


def as_github(found: Sequence[Judged]) -> str:
    """Return GitHub's commands for annotations, one line each."""
    lines = []
    for each in found:
        where = f"file={_property(each.file)}," if each.file else ""
        where += f"line={each.line}," if each.line else ""
        title = f"title={each.rule.code} {each.rule.name}"
        lines.append(f"::{each.rule.severity} {where}{title}::{_data(_sentence(each))}")
    return "\n".join(lines)


def _sentence(judged: Judged) -> str:
    advice = f": {judged.finding.advice}" if judged.finding.advice else ""
    return f"{judged.finding.message}{advice}"


def _location(judged: Judged) -> dict[str, Any]:
    place: dict[str, Any] = {}
    if judged.file:
        place["physicalLocation"] = {"artifactLocation": {"uri": judged.file}}
        if judged.line:
            place["physicalLocation"]["region"] = {"startLine": judged.line}
    names = [judged.name, judged.template, judged.call]
    full = "/".join(name for name in names if name)
    return {**place, "logicalLocations": [{"fullyQualifiedName": full}]}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
