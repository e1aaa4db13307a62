from __future__ import annotations

import pytest

from hera_experiment.argo.depends import DependsError, ancestry, mentioned, parse, read


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
    ],
)
def test_conditions(text: str, facts: dict[str, str], expected: bool) -> None:
    assert holds(text, **facts) is expected


@pytest.mark.parametrize("text", ["a &&", "a b", "(a", "a)", "a & b", "&& a", "a.Good", "!", "()"])
def test_refuses_what_is_no_condition(text: str) -> None:
    with pytest.raises(DependsError):
        parse({"depends": text}, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a-b &&", "expression '(a_b.Succeeded || a_b.Skipped || a_b.Daemoned) &&': unexpected"),
        ("not.Failed", "expression 'not.Failed': unexpected token Operator(\".\")"),
        ("a.Failed b.Failed", "expression 'a.Failed b.Failed': unexpected token Identifier"),
    ],
)
def test_what_is_no_condition_fails_when_it_is_asked(text: str, said: str) -> None:
    found = read({"depends": text}, {})
    results = {name: frozenset(["Succeeded"]) for name in found.tasks}
    with pytest.raises(DependsError) as error:
        found.holds(results)
    assert str(error.value).startswith(f"unable to evaluate {said}")


def test_tasks_named_like_operators_are_read_as_argo_reads_them() -> None:
    found = read({"depends": "a.Failed and b.Failed"}, {})
    facts = {name: frozenset(["Failed"]) for name in found.tasks}
    assert found.tasks == ("a", "and", "b")
    with pytest.raises(DependsError):
        found.holds(facts)
    assert read({}, {}).holds({})


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
