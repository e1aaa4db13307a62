"""All rules, and which of them a person chooses."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from hera_experiment.errors import UserError
from hera_experiment.lint.rule import Rule
from hera_experiment.lint.rules import (
    arguments,
    fields,
    images,
    limits,
    loops,
    names,
    resources,
    secrets,
    storage,
    verdict,
)

CATALOGUE: tuple[Rule, ...] = (
    *verdict.RULES,
    *names.RULES,
    *loops.RULES,
    *arguments.RULES,
    *limits.RULES,
    *storage.RULES,
    *images.RULES,
    *secrets.RULES,
    *resources.RULES,
    *fields.RULES,
)


def find(code: str, where: str) -> Rule:
    """Return the rule of that code or name; raises :class:`UserError` where there is none."""
    for rule in CATALOGUE:
        if code.upper() == rule.code or code.lower() == rule.name:
            return rule
    raise _unknown(code, where)


def selected(select: Iterable[str], ignore: Iterable[str], where: str = "") -> list[Rule]:
    """Return the rules whose code begins with one of ``select`` (all where none) and no ``ignore``.

    Raises :class:`UserError` for what no code begins with.
    """
    chosen, left_out = (_codes(each, where) for each in (select, ignore))
    return [
        rule
        for rule in CATALOGUE
        if (not chosen or rule.code.startswith(chosen))
        and not (left_out and rule.code.startswith(left_out))
    ]


def _codes(written: Iterable[str], where: str) -> tuple[str, ...]:
    found = []
    for each in written:
        code = each.upper()
        if not any(rule.code.startswith(code) for rule in CATALOGUE):
            code = find(each, where).code
        found.append(code)
    return tuple(found)


def _unknown(code: str, where: str) -> UserError:
    known = [word for rule in CATALOGUE for word in (rule.code, rule.name)]
    close = get_close_matches(code, known, n=1) or get_close_matches(code.upper(), known, n=1)
    advice = f"did you mean {close[0]}?" if close else "make lint EXPLAIN=all lists them"
    return UserError(f"no rule has the code '{code}'", where, advice)
