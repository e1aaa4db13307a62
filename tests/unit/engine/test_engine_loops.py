from __future__ import annotations

from typing import Any

import pytest
from engine_bench import OK, SAY, Bench, dag, steps, task, workflow

from hera_experiment.local.engine.loops import LoopError, expand
from hera_experiment.local.engine.substitution import SubstitutionError


def lookup(name: str) -> str | None:
    return {"workflow.name": "w", "tasks.x.outputs.parameters.p": None}[name]


def expanded(value: str = "{{item}}", **loop: Any) -> list[tuple[str, str]]:
    arguments = {"parameters": [{"name": "x", "value": value}]}
    tasks = expand({"name": "t", "template": "s", "arguments": arguments, **loop}, lookup)
    return [(task["name"], task["arguments"]["parameters"][0]["value"]) for task in tasks]


def test_items_are_named_and_spelt_as_by_argo() -> None:
    # Recorded from Argo 3.7.18.
    items = ["x", 'a "q" <b>é\n2', 1.50, True, None, {"k": "v<", "n": 1.5, "z": [1, "y"]}]
    assert expanded(withItems=[*items, [1, "x", {"a": 1}], "(p)"]) == [
        ("t(0:x)", "x"),
        ('t(1:a \\"q\\" <b>é\\n2)', 'a "q" <b>é\n2'),
        ("t(2:1.5)", "1.5"),
        ("t(3:true)", "true"),
        ("t(4:[])", "null"),
        ('t(5:k:v<,n:1.5,z:[1,"y"])', '{"k":"v\\u003c","n":1.5,"z":[1,"y"]}'),
        ('t(6:[1 x {"a":1}])', '[1,"x",{"a":1}]'),
        ("t(7:p)", "(p)"),
    ]


def test_parameters_keep_their_spelling() -> None:
    text = ' [1.50, "\\u00e9", {"b": 1.0, "a": "\\u00e9"}, [ 1 ]] '
    assert expanded(withParam=text) == [
        ("t(0:1.50)", "1.50"),
        ("t(1:\\u00e9)", "é"),
        ("t(2:a:\\u00e9,b:1.0)", '{"a":"\\u00e9","b":1.0}'),
        ("t(3:[1])", "[1]"),
    ]
    assert expanded("{{item.a}} of {{workflow.name}}", withParam='[{"a": 1}]') == [
        ("t(0:a:1)", "1 of w")
    ]


@pytest.mark.parametrize(
    ("sequence", "items"),
    [
        ({"count": 3}, ["0", "1", "2"]),
        ({"count": "2", "start": 10}, ["10", "11"]),
        ({"start": 3, "end": "1"}, ["3", "2", "1"]),
        ({"count": 0}, []),
        ({"end": 1, "format": "y%03d"}, ["y000", "y001"]),
        ({"start": 10, "end": 10, "format": "%x-%%"}, ["a-%"]),
        ({"start": -5, "end": -5, "format": "%4d"}, ["  -5"]),
        ({"start": 5, "end": 5, "format": "%-3d|"}, ["5  |"]),
    ],
)
def test_sequences(sequence: dict[str, Any], items: list[str]) -> None:
    assert [value for _, value in expanded(withSequence=sequence)] == items


@pytest.mark.parametrize(
    ("loop", "words"),
    [
        ({"withParam": "heads"}, "invalid character 'h' looking for beginning of value"),
        ({"withParam": ""}, ""),
        ({"withParam": "[1"}, "unexpected end of JSON input"),
        ({"withParam": "[1] x"}, "invalid character 'x' after top-level value"),
        ({"withParam": '{"a": 1}'}, "cannot unmarshal object into Go value of type []v1alpha1"),
        ({"withParam": "[NaN]"}, "invalid character 'N'"),
        ({"withSequence": {"count": "many"}}, 'parsing "many": invalid syntax'),
        ({"withSequence": {"end": 2**63}}, "value out of range"),
        ({"withSequence": {"count": 1, "format": "%s"}}, "use %d"),
    ],
)
def test_says_why_there_are_no_items(loop: dict[str, Any], words: str) -> None:
    if not words:
        assert len(expanded("x", **loop) if any(loop.values()) else []) == 0
        return
    with pytest.raises(LoopError) as error:
        expanded("x", **loop)
    assert words in str(error.value)


def test_what_does_not_run_needs_no_items() -> None:
    assert expanded("x", withParam="no list", when="1 == 2") == []


def test_every_variable_of_a_loop_must_be_known() -> None:
    with pytest.raises(SubstitutionError, match="failed to resolve"):
        expanded("{{item.b}}", withItems=[{"a": 1}])
    with pytest.raises(SubstitutionError, match="absent"):
        expanded("{{tasks.x.outputs.parameters.p}}", withItems=[1])
    skipped = expanded("{{tasks.x.outputs.parameters.p}}", withItems=[1], when="1 == 2")
    assert skipped == [("t(0:1)", "{{tasks.x.outputs.parameters.p}}")]


def test_conditions_see_the_item() -> None:
    task = {"name": "t", "template": "s", "when": "{{item}} != b", "withItems": ["a", "b"]}
    assert [one["when"] for one in expand(task, lookup)] == ["a != b", "b != b"]


@pytest.mark.parametrize("shape", ["dag", "steps"])
def test_two_items_with_one_hash_are_named(bench: Bench, shape: str) -> None:
    """Argo makes one node of both, and so runs one of them."""
    items = ["run-185404", "run-23080", "run-x"] if shape == "dag" else ["run-77899", "run-205804"]
    loop = task("sweep", "say", withItems=items, with_={"text": "{{item}}"})
    entry = dag(loop) if shape == "dag" else steps([loop])
    manifest = workflow(entry, SAY)
    manifest["metadata"] = {"name": "hashes", "namespace": "local"}
    done = bench.run(manifest)
    assert done["status"]["phase"] in ("Error", "Failed")
    told = str([node.get("message") for node in done["status"]["nodes"].values()])
    assert f"sweep(0:{items[0]})" in told and f"sweep(1:{items[1]})" in told
    assert bench.runtime.pods == []


def test_two_tasks_with_one_hash_are_named(bench: Bench) -> None:
    one, other = "t1218836", "t914889"
    manifest = workflow(dag(task(one, "ok"), task(other, "ok")), OK)
    manifest["metadata"] = {"name": "hashes", "namespace": "local"}
    done = bench.run(manifest)
    assert done["status"]["phase"] == "Error"
    assert f"'hashes.{one}' and 'hashes.{other}'" in done["status"]["message"]
