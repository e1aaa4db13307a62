"""The expressions that the engine interprets, and characters that Argo cannot substitute."""

from __future__ import annotations

import base64
import json

import pytest
from engine_bench import SAY, Bench, by_name, dag, script, task, workflow

from hera_experiment.local.engine.substitution import (
    ANY,
    OUTPUTS,
    SubstitutionError,
    UnknownVariable,
    parse_expression,
    replace,
)
from hera_experiment.local.errors import Unsupported

NASTY = "'\"\\ \n\t\x00\x7f <>& é \u2028 😀 {{x}} $$"
VALUES = {"inputs.parameters.x": NASTY, "inputs.parameters.a-b": "", "workflow.parameters.n": "1e5"}


def lookup(name: str) -> str:
    return VALUES[name]


@pytest.mark.parametrize(
    ("expression", "parsed"),
    [
        ("inputs.parameters.x", ("", "inputs.parameters.x")),
        (" inputs.parameters['a-b'] ", ("", "inputs.parameters.a-b")),
        ('workflow.parameters[ "n" ]', ("", "workflow.parameters.n")),
        ("toBase64(inputs.parameters['x'])", ("toBase64", "inputs.parameters.x")),
        ("sprig.toJson( workflow.parameters.n )", ("sprig.toJson", "workflow.parameters.n")),
        ("inputs.parameters.a-b", None),
        ("inputs.parameters['x'", None),
        ("inputs.parameters['x\"]", None),
        ("toBase64(inputs.parameters.x", None),
        ("inputs.parameters.x)", None),
        ("upper(inputs.parameters.x)", None),
        ("toJson(toJson(inputs.parameters.x))", None),
        ("inputs.parameters", None),
        ("tasks.a.outputs.result", None),
        ("1 + 1", None),
    ],
)
def test_reads_one_parameter_and_no_more(expression: str, parsed: tuple[str, str] | None) -> None:
    assert parse_expression(expression) == parsed


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
    assert replace("{{=upper('x')}}", lookup, ANY) == "{{=upper('x')}}"


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


@pytest.mark.parametrize("text", ["{{=1 + 1}}", "x {{=toJson(workflow.name)}}", "{{=item}}"])
def test_other_expressions_are_refused_by_name(text: str, bench: Bench) -> None:
    with pytest.raises(Unsupported, match="or one in toBase64, sprig"):
        bench.create(workflow(script("main", text)))
