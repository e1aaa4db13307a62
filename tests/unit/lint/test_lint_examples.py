"""Each rule: its failing example gives exactly its code, its passing one none."""

from __future__ import annotations

import pytest

from hera_experiment.lint.catalogue import CATALOGUE
from hera_experiment.lint.example import subject_of
from hera_experiment.lint.judge import judge
from hera_experiment.lint.rule import Rule

RULES = [pytest.param(rule, id=rule.code) for rule in CATALOGUE]


@pytest.mark.parametrize("rule", RULES)
def test_the_failing_example_gives_exactly_this_code(rule: Rule) -> None:
    found = judge(CATALOGUE, subject_of(rule.fails), "example")
    assert {each.rule.code for each in found} == {rule.code}


@pytest.mark.parametrize("rule", RULES)
def test_the_passing_example_gives_none(rule: Rule) -> None:
    assert judge(CATALOGUE, subject_of(rule.passes), "example") == []


def test_codes_and_names_are_unique_and_grouped_by_family() -> None:
    assert len({rule.code for rule in CATALOGUE}) == len(CATALOGUE)
    assert len({rule.name for rule in CATALOGUE}) == len(CATALOGUE)
    assert [rule.code for rule in CATALOGUE] == sorted(rule.code for rule in CATALOGUE)
    families = {(rule.family, rule.code[:4]) for rule in CATALOGUE}
    assert len(families) == len({family for family, _ in families})
