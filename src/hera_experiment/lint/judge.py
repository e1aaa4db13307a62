"""Applies the rules to what is submitted or written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hera_experiment.lint.rule import ERROR, WARNING, Finding, Path, Rule
from hera_experiment.lint.subject import Subject

Locate = Callable[[Path], tuple[str, int]]
"""Returns the file and the line (from 1) of what is at a path, ("", 0) where nobody knows."""

ARGO = "HE101"
"""The rule that has Argo's own words; those of its family have what others say."""


@dataclass(frozen=True)
class Judged:
    """A finding of ``rule`` in the object called ``name``, at ``line`` of ``file``."""

    rule: Rule
    finding: Finding
    name: str
    file: str = ""
    line: int = 0
    template: str = ""
    call: str = ""

    @property
    def is_error(self) -> bool:
        """Whether what it was found in fails."""
        return self.rule.severity == ERROR


def judge(
    rules: Iterable[Rule], subject: Subject, name: str, locate: Locate = lambda path: ("", 0)
) -> list[Judged]:
    """Return what ``rules`` find in ``subject``, in the order of the lines.

    What Argo's verdict says in other words than a rule that found it is told once, by that rule.
    """
    chosen = list(rules)
    found = [(rule, finding) for rule in chosen for finding in rule.find(subject)]
    told = [(rule.severity, re.compile(rule.says)) for rule, _ in found if rule.says]
    judged = []
    for rule, finding in found:
        # What Argo refuses stays an error; of Kubernetes' words a warning may say the same.
        ranks = (ERROR,) if rule.code == ARGO else (ERROR, WARNING)
        is_verdict = rule.code.startswith(ARGO[:3])
        if is_verdict and any(
            severity in ranks and said.search(finding.message) for severity, said in told
        ):
            continue
        template, call = subject.place(finding.path)
        file, line = locate(finding.path)
        judged.append(Judged(rule, finding, name, file, line, template, call))
    return sorted(judged, key=lambda each: (each.file, each.line, not each.is_error))


def errors(judged: Sequence[Judged]) -> list[Judged]:
    """Return those that stand in the way."""
    return [each for each in judged if each.is_error]
