"""Strategic merging: of a workflow with its template, and of templates with their defaults."""

from __future__ import annotations

from typing import Any

import pytest

from hera_experiment.local.engine.merging import MergeError, joined, merged, with_defaults


def named(*pairs: str) -> list[dict[str, Any]]:
    return [dict(zip(("name", "value"), pair.split("="), strict=False)) for pair in pairs]


def test_maps_are_merged_and_lists_replaced() -> None:
    under = {"a": {"x": 1, "y": [1, 2]}, "b": "under", "args": ["one", "two"], "only": True}
    over = {"a": {"y": [3], "z": 0}, "b": {"now": "an object"}, "args": ["three"]}
    assert merged(under, over) == {
        "a": {"x": 1, "y": [3], "z": 0},
        "b": {"now": "an object"},
        "args": ["three"],
        "only": True,
    }
    assert under["a"] == {"x": 1, "y": [1, 2]}


@pytest.mark.parametrize(
    ("under", "over", "expected"),
    [
        ("A=1 B=2 C=3", "B=9", "A=1 B=9 C=3"),
        ("A=1 B=2 C=3", "C=9 A=8", "B=2 C=9 A=8"),
        ("A=1", "Z=9", "Z=9 A=1"),
        ("A=1 B=2", "", "A=1 B=2"),
    ],
)
def test_items_with_a_key_keep_the_order_of_the_upper_list(
    under: str, over: str, expected: str
) -> None:
    found = merged({"env": named(*under.split())}, {"env": named(*over.split())})
    assert found["env"] == named(*expected.split())


def test_an_item_without_its_key_is_an_error() -> None:
    with pytest.raises(MergeError, match="does not contain declared merge key: key"):
        merged({"tolerations": [{"operator": "Exists"}]}, {"tolerations": [{"key": "x"}]})


def test_defaults_of_other_types_are_no_part_of_a_template() -> None:
    defaults = {
        "container": {"image": "default", "env": named("A=1", "B=2")},
        "script": {"image": "for scripts"},
        "timeout": "1m",
    }
    found = with_defaults(
        {"name": "x", "container": {"args": ["x"], "env": named("B=9")}}, defaults
    )
    assert found == {
        "name": "x",
        "container": {"image": "default", "args": ["x"], "env": named("A=1", "B=9")},
        "timeout": "1m",
    }
    assert with_defaults({"name": "x", "dag": {"tasks": []}}, defaults) == {
        "name": "x",
        "dag": {"tasks": []},
        "timeout": "1m",
    }


def test_a_workflow_has_the_last_word_over_its_template() -> None:
    under = {
        "entrypoint": "main",
        "suspend": True,
        "arguments": {"parameters": named("city=lyon", "year=1999")},
        "hooks": {"exit": {"template": "theirs"}, "other": {"template": "theirs"}},
        "workflowMetadata": {
            "labels": {"a": "1"},
            "labelsFrom": {"b": {"expression": "'theirs'"}, "c": {"expression": "'theirs'"}},
        },
        "templates": named("main", "leaf"),
    }
    over = {
        "workflowTemplateRef": {"name": "under"},
        "arguments": {
            "parameters": [{"name": "year", "valueFrom": {"configMapKeyRef": {"name": "c"}}}]
        },
        "hooks": {"exit": {"expression": "true"}},
        "workflowMetadata": {"labelsFrom": {"c": {"expression": "'ours'"}}},
    }
    assert joined(over, under) == {
        "entrypoint": "main",
        "arguments": {
            "parameters": [
                {"name": "city", "value": "lyon"},
                # Not the value of the template beside it.
                {"name": "year", "valueFrom": {"configMapKeyRef": {"name": "c"}}},
            ]
        },
        "hooks": {"exit": {"expression": "true"}, "other": {"template": "theirs"}},
        "workflowMetadata": {
            "labels": {"a": "1"},
            "labelsFrom": {"b": {"expression": "'theirs'"}, "c": {"expression": "'ours'"}},
        },
        "workflowTemplateRef": {"name": "under"},
        "templates": named("main", "leaf"),
    }
