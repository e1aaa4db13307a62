"""The table in README.md is the one that the recorded results and the cases make."""

from __future__ import annotations

from both_sides import WORKFLOWS
from fidelity_cases import all_cases
from fidelity_known import KNOWN, known_to
from fidelity_table import README, page, results


def test_the_table_is_made_of_what_was_recorded() -> None:
    assert README.read_text(encoding="utf-8") == page()


def test_what_was_recorded_is_what_is_known() -> None:
    cases = all_cases()
    assert len(cases) >= 80
    assert KNOWN.keys() <= cases.keys()
    for version, recorded in results().items():
        for name, each in recorded.items():
            known = known_to(name, version)
            assert each["verdict"] == (known.verdict if known else "agrees"), (version, name)


def test_every_case_says_its_rule_and_lies_where_it_is_looked_for() -> None:
    for case in all_cases().values():
        assert case.path.read_text(encoding="utf-8").startswith("# "), case.name
        assert case.workflow["metadata"]
    assert [path.name for path in WORKFLOWS.glob("*.yaml")] == []
