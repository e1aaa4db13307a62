"""The expressions that the engine interprets, and characters that Argo cannot substitute."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from engine_bench import SAY, Bench, by_name, dag, script, task, workflow

from hera_experiment.local.engine.substitution import (
    ANY,
    OUTPUTS,
    SubstitutionError,
    UnknownVariable,
    Variables,
    replace,
)

NASTY = "'\"\\ \n\t\x00\x7f <>& é \u2028 😀 {{x}} $$"
VALUES = {"inputs.parameters.x": NASTY, "inputs.parameters.a-b": "", "workflow.parameters.n": "1e5"}


def lookup(name: str) -> str:
    return VALUES[name]


def test_replaces_expressions() -> None:
    encoded = base64.b64encode(NASTY.encode()).decode()
    assert replace("'{{=toBase64(inputs.parameters['x'])}}'", lookup) == f"'{encoded}'"
    assert replace("{{=inputs.parameters['a-b']}}", lookup) == ""
    assert replace("{{=inputs.parameters.x}}", lookup) == NASTY
    as_json = replace("{{=toJson(inputs.parameters.x)}}", lookup)
    assert json.loads(as_json) == NASTY
    assert "\\u003c\\u003e\\u0026" in as_json and "\\u2028" in as_json
    assert replace("{{ =inputs.parameters.x}}", lookup) == "{{ =inputs.parameters.x}}"


def test_what_is_unknown_waits_or_raises() -> None:
    unknown = "{{=toJson(inputs.parameters.y)}}"
    assert replace(unknown, lookup) == unknown
    assert replace(unknown, lookup, OUTPUTS) == unknown
    with pytest.raises(UnknownVariable, match="failed to evaluate expression: inputs is missing"):
        replace(unknown, lookup, ANY)


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("{{=upper('x')}} {{=1 + 1}} {{=7 / 2}} {{=[1, '<']}}", 'X 2 3.5 [1,"\\u003c"]'),
        ("{{=asInt(workflow.parameters.n ?? '1')}}", None),
        ("{{=asFloat(workflow.parameters.n) > 5}}", "true"),
        ("{{=retries}}{{=item}}{{=lastRetry.status ?? 'x'}}", None),
        ("{{=workflow.status == 'Succeeded'}}", None),
        ("{{=nil}}", None),
        ("{{=tasks.a ?? 1}}", None),
        ("{{=1..3 | map(# * 2)}}", "[2,4,6]"),
        ("{{=groupBy([1], #)}}", None),
        ("{{=string({a: 1})}}", "map[a:1]"),
    ],
)
def test_any_expression(text: str, replaced: str | None) -> None:
    assert replace(text, lookup) == (text if replaced is None else replaced)


def test_what_is_no_expression_is_an_error_whatever_is_allowed() -> None:
    with pytest.raises(SubstitutionError, match=r"unexpected token EOF \(1:3\)\n \| 1 \+\n"):
        replace("{{=1 +}}", lookup)


def test_all_known_an_expression_has_to_have_a_value() -> None:
    some = {"tasks.a.outputs.result": "x", "tasks.b.outputs.parameters.p": None}
    known = Variables(some.__getitem__, lambda: some)

    def told(text: str) -> str:
        return replace(f"{{{{={text}}}}}", known, OUTPUTS)

    assert told("tasks.b.outputs.parameters.p ?? tasks.a.outputs.result") == "x"
    assert told("keys(tasks.a.outputs)") == '["result"]'
    assert told("len($env.tasks)") == "2"
    with pytest.raises(UnknownVariable, match=r"tasks\.c is missing"):
        told("tasks.c.outputs.result == 'x'")
    with pytest.raises(SubstitutionError, match=r"invalid operation: int\(x\) \(1:1\)"):
        told("asInt(tasks.a.outputs.result)")
    with pytest.raises(
        SubstitutionError, match=r"failed to evaluate expression .tasks\.b\.outputs"
    ):
        told('tasks.b.outputs.parameters["p"]')
    with pytest.raises(SubstitutionError, match="the result was invalid JSON"):
        told("['\\x7f']")


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\U000e0067"])
def test_characters_that_go_and_json_escape_differently(character: str) -> None:
    with pytest.raises(SubstitutionError, match="the result was invalid JSON"):
        replace("{{x}}", lambda _: f"a{character}")
    assert replace("{{x}}", lambda _: "\n\t\x85\u200b\ue000😀") == "\n\t\x85\u200b\ue000😀"


def test_a_value_in_base64_through_a_dag(bench: Bench) -> None:
    source = "print(ascii(__import__('base64').b64decode('{{=toBase64(inputs.parameters.x)}}')))"
    template = dag(
        task("told", with_={"x": "{{=workflow.parameters['v']}}"}),
        task("use", "say", "told", with_={"text": "{{tasks.told.outputs.result}}"}, when="false"),
    )
    arguments = {"parameters": [{"name": "v", "value": NASTY.replace("{{x}}", "")}]}
    told = script("told", source, "x")
    done = bench.run(workflow(template, told, SAY, arguments=arguments))
    printed = by_name(done)["told"]["outputs"]["result"]
    assert printed == ascii(NASTY.replace("{{x}}", "").encode())


def test_a_result_with_such_a_character_is_an_error_as_on_argo(bench: Bench) -> None:
    coloured = script("coloured", "print(chr(27) + '[31m red')")
    template = dag(
        task("coloured"),
        task("say", "", "coloured", with_={"text": "{{tasks.coloured.outputs.result}}"}),
    )
    done = bench.run(workflow(template, coloured, SAY))
    say = by_name(done)["say"]
    assert (say["phase"], say["message"]) == (
        "Error",
        "cannot finish template replacement because the result was invalid JSON",
    )
    loop = dag(
        task("loop", "say", withItems=["fine", "\x7f"], with_={"text": "{{item}}"}),
    )
    loop_node = by_name(bench.run(workflow(loop, SAY)))["loop"]
    assert loop_node["message"] == "invalid character 'x' in string escape code"


def test_outputs_that_an_expression_makes(bench: Bench) -> None:
    def output(name: str, expression: str, **more: str) -> dict[str, Any]:
        return {"name": name, "valueFrom": {"expression": expression, **more}}

    declared = [
        output("chosen", "tasks.a.outputs.result == '1' ? tasks['b'].outputs.result : ''"),
        output("listed", "[1, 2.5, inputs.parameters.x]"),
        output("default", "workflow.name + tasks.a.id", default="mine"),
    ]
    template = dag(
        task("a"),
        task("b", "say", "a", with_={"text": "{{=asInt(tasks.a.outputs.result) + 1}}"}),
        inputs={"parameters": [{"name": "x", "value": "y"}]},
        outputs={"parameters": declared},
    )
    done = by_name(bench.run(workflow(template, script("a", "print(1)"), SAY)))
    main = next(node for node in done.values() if node["type"] == "DAG")
    values = {each["name"]: each["value"] for each in main["outputs"]["parameters"]}
    assert values == {"chosen": "2", "listed": "[1 2.5 y]", "default": "mine"}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("tasks.a.nothing", 'failed to evaluate expression "tasks.a.nothing"'),
        ("nobody + 1", "unknown name nobody (1:1)\n | nobody + 1\n | ^"),
        ("1 +", "unexpected token EOF (1:3)\n | 1 +\n | ..^"),
    ],
)
def test_an_output_without_a_value_is_an_error(expression: str, message: str, bench: Bench) -> None:
    declared = {"parameters": [{"name": "p", "valueFrom": {"expression": expression}}]}
    done = bench.run(workflow(dag(task("a"), outputs=declared), script("a", "")))
    assert done["status"]["phase"] == "Error"
    assert done["status"]["message"] == f"error in entry template execution: {message}"


@pytest.mark.parametrize(
    ("strategy", "attempts", "phase", "message"),
    [
        ({"expression": "asInt(lastRetry.exitCode) < 5"}, 2, "Failed", "evaluated to false"),
        ({"expression": "true", "limit": 1}, 2, "Failed", "No more retries left"),
        ({"expression": "true", "retryPolicy": "OnError"}, 1, "Failed", "exit code 4"),
        ({"expression": "retries"}, 1, "Error", "unable to cast expression result '0' to bool"),
        ({"expression": "1"}, 1, "Error", "expression result '%!s(int=1)' to bool"),
        ({"expression": "lost"}, 1, "Error", "unknown name lost (1:1)"),
        (
            {"expression": "asInt(lastRetry.message) > 1"},
            1,
            "Error",
            "unable to evaluate expression 'asInt(lastRetry.message) > 1': invalid operation: int(",
        ),
    ],
)
def test_an_expression_decides_whether_to_retry(
    strategy: dict[str, Any], attempts: int, phase: str, message: str, bench: Bench
) -> None:
    failing = script("main", "raise SystemExit(4 + int('{{retries}}'))", retryStrategy=strategy)
    done = bench.run(workflow(failing))
    nodes = done["status"]["nodes"].values()
    retry = next(node for node in nodes if node["type"] == "Retry")
    assert sum(node["type"] == "Pod" for node in nodes) == attempts
    assert (retry["phase"], message in retry["message"]) == (phase, True), retry["message"]
