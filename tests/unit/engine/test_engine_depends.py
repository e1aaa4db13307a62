from __future__ import annotations

import pytest

from hera_experiment.local.engine.depends import DependsError, ancestry, mentioned, parse


def holds(text: str, **facts: str) -> bool:
    results = {name.replace("_", "-"): frozenset(found.split()) for name, found in facts.items()}
    return parse({"depends": text}, {}).holds(results)


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("a", {"a": "Succeeded"}, True),
        ("a", {"a": "Skipped"}, True),
        ("a", {"a": "Omitted"}, False),
        ("a", {"a": "Failed"}, False),
        ("a.Failed", {"a": "Failed"}, True),
        ("a.Errored || b.Omitted", {"a": "Failed", "b": "Omitted"}, True),
        ("a && b", {"a": "Succeeded", "b": "Failed"}, False),
        ("a || b && c", {"a": "Succeeded", "b": "Failed", "c": "Failed"}, True),
        ("(a || b) && c", {"a": "Succeeded", "b": "Failed", "c": "Failed"}, False),
        ("!a.Succeeded", {"a": "Failed"}, True),
        ("!(a && b)", {"a": "Succeeded", "b": "Succeeded"}, False),
        ("a-b.Succeeded", {"a_b": "Succeeded"}, True),
        ("a.AnySucceeded && !a.AllFailed", {"a": "Failed AnySucceeded"}, True),
        ("or && and", {"or": "Succeeded", "and": "Succeeded"}, True),
    ],
)
def test_conditions(text: str, facts: dict[str, str], expected: bool) -> None:
    assert holds(text, **facts) is expected


@pytest.mark.parametrize("text", ["a &&", "a b", "(a", "a)", "a & b", "&& a", "a.Good", "!", "()"])
def test_refuses_what_is_no_condition(text: str) -> None:
    with pytest.raises(DependsError):
        parse({"depends": text}, {})


def test_dependencies_go_on_after_what_may_fail() -> None:
    plain = parse({"dependencies": ["a", "b"]}, {})
    lenient = parse({"dependencies": ["a", "b"]}, {"a": {"failed": True}})
    facts = {"a": frozenset(["Failed"]), "b": frozenset(["Succeeded"])}
    assert plain.tasks == ("a", "b")
    assert not plain.holds(facts)
    assert lenient.holds(facts)
    assert parse({}, {}).holds({})


def test_names_tasks_in_order_and_once() -> None:
    found = parse({"depends": "b.Failed || a && b || c.AllFailed"}, {})
    assert found.tasks == ("b", "a", "c")
    assert found.of_items == {"c"}
    assert mentioned({"depends": "b.Bad || a && ("}) == ["b", "a"]


def test_ancestry_is_everything_before() -> None:
    parents: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"], "e": []}
    assert ancestry("d", parents) == {"a", "b", "c"}
    assert ancestry("a", parents) == set()


def test_a_thousand_dependencies_are_read_quickly() -> None:
    names = [f"t{number}" for number in range(1000)]
    found = parse({"depends": " && ".join(names)}, {})
    assert found.tasks == tuple(names)
    assert found.holds({name: frozenset(["Succeeded"]) for name in names})
