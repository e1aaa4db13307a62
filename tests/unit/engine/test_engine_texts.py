"""Names, JSON, durations, parameters: how values are spelt."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from hera_experiment.argo.go_text import (
    JsonError,
    compact,
    decimal,
    dumps,
    elements,
    general,
    loads,
    number,
    seconds,
    stored,
)
from hera_experiment.argo.names import fnv32a, generated_name, node_id, pod_name
from hera_experiment.local.engine.arguments import ABSENT, ArgumentError, process
from hera_experiment.local.engine.variables import Globals


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "é<>&"]}, '{"b":1,"a":[true,null,"é\\u003c\\u003e\\u0026"]}'),
        (1.0, "1"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (2**60, "1152921504606846976"),
    ],
)
def test_json_is_written_as_by_go(value: Any, text: str) -> None:
    assert dumps(value) == text


def test_json_is_made_compact_without_being_spelt_anew() -> None:
    assert (
        compact(' { "a b" : [ 1.50 , "x  y\\u00e9\\" " ] } ') == '{"a b":[1.50,"x  y\\u00e9\\" "]}'
    )
    assert elements('[1,"a,]",{"b":[2,3]},[]]') == ["1", '"a,]"', '{"b":[2,3]}', "[]"]
    assert elements('{"a":1,"b":{"c":2}}') == ['"a"', "1", '"b"', '{"c":2}']
    assert elements("[]") == []
    with pytest.raises(JsonError, match="unexpected end of JSON input"):
        compact("")
    with pytest.raises(JsonError, match=r"in literal null \(expecting 'u'\)"):
        compact("nope")


@pytest.mark.parametrize(
    ("value", "text"), [(1.5, "1.5"), (2.0, "2"), (1e21, "1" + "0" * 21), (1.5e-7, "0.00000015")]
)
def test_values_of_parameters_have_no_exponent(value: float, text: str) -> None:
    assert decimal(value) == text


def test_whole_numbers_stay_whole() -> None:
    assert number(7) == decimal(7) == "7"


# Recorded from Argo 3.7.18 on Kubernetes 1.34: what JSON has, what an item of it becomes, and what
# the value of a parameter.
NUMBERS = """
123456789012345678        123456789012345678        123456789012345680
9007199254740993          9007199254740993          9007199254740992
9223372036854775807       9223372036854775807       9223372036854776000
-9223372036854775808      -9223372036854775808      -9223372036854776000
9223372036854775808       9223372036854776000       9223372036854776000
18446744073709551616      18446744073709552000      18446744073709552000
1e-7                      1e-7                      0.0000001
1.5e-8                    1.5e-8                    0.000000015
0.001                     0.001                     0.001
1.50                      1.5                       1.5
1.0                       1                         1
-0.0                      0                         -0
1E5                       100000                    100000
1e20                      100000000000000000000     100000000000000000000
1e21                      1e+21                     1000000000000000000000
123456789012345678901     123456789012345680000     123456789012345680000
0.000001                  0.000001                  0.000001
0.0000001                 1e-7                      0.0000001
12345678901234567.5       12345678901234568         12345678901234568
3.0e3                     3000                      3000
1.7976931348623157e308    1.7976931348623157e+308   17976931348623157"""
NUMBERS += "0" * 292


@pytest.mark.parametrize("line", NUMBERS.strip().splitlines())
def test_numbers_are_those_that_argo_gave(line: str) -> None:
    text, item, parameter = line.split()
    value = json.loads(text)
    assert (dumps(stored(value)), decimal(value)) == (item, parameter)


def test_numbers_within_lists_and_maps_too() -> None:
    text = '{"b":1.0,"a":123456789012345678,"c":{"z":1e-7,"y":[2.0,9223372036854775808]}}'
    assert dumps(stored(json.loads(text))) == (
        '{"a":123456789012345678,"b":1,"c":{"y":[2,9223372036854776000],"z":1e-7}}'
    )
    # What comes out of tasks passes no Kubernetes object: Go reads and writes float64.
    assert dumps(loads("[123456789012345678, 1E2]")) == "[123456789012345680,100]"


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1" + "0" * 400])
def test_what_is_no_float64_is_refused(text: str) -> None:
    for value in (lambda: decimal(json.loads(text)), lambda: loads(text)):
        with pytest.raises(JsonError, match="into Go value of type float64"):
            value()
    # Only spelt anew, it is not looked at, however long.
    assert compact(f"[{text}, {'9' * 5000}]") == f"[{text},{'9' * 5000}]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e21, "1e+21"),
        (-1234567.5, "-1.2345675e+06"),
        (1e6, "1e+06"),
        (999999.5, "999999.5"),
        (1e-5, "1e-05"),
        (0.0001, "0.0001"),
        (-0.0, "-0"),
    ],
)
def test_numbers_in_sentences(value: float, text: str) -> None:
    assert general(value) == text
    assert (general(math.inf), general(-math.inf), general(math.nan)) == ("+Inf", "-Inf", "NaN")


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90.0), ("1m30s", 90.0), ("500ms", 0.5), ("1.5h", 5400.0), ("0", 0.0), ("-2s", -2.0)],
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "1 m", "5x", "m"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(text)


TEMPLATE: dict[str, Any] = {
    "name": "t",
    "inputs": {"parameters": [{"name": "a"}, {"name": "b", "default": "B-{{workflow.name}}"}]},
    "outputs": {
        "parameters": [{"name": "o", "valueFrom": {"path": "/tmp/{{inputs.parameters.a}}"}}]
    },
    "script": {
        "source": "{{inputs.parameters.a}} {{inputs.parameters.b}} {{pod.name}} {{unknown}} "
        "{{outputs.parameters.o.path}}"
    },
}


def known(name: str) -> str:
    return {"workflow.name": "w", "inner": "deep"}[name]


def arguments(**values: str) -> dict[str, Any]:
    return {"parameters": [{"name": key, "value": value} for key, value in values.items()]}


def test_inputs_come_from_arguments_then_defaults() -> None:
    done = process(TEMPLATE, arguments(a="{{inner}}", more="x"), known, {"pod.name": "p"})
    assert done["inputs"]["parameters"] == [
        {"name": "a", "value": "deep"},
        {"name": "b", "default": "B-w", "value": "B-w"},
    ]
    assert done["script"]["source"] == "deep B-w p {{unknown}} /tmp/deep"
    assert done["outputs"]["parameters"][0]["valueFrom"]["path"] == "/tmp/deep"
    assert TEMPLATE["script"]["source"].startswith("{{inputs")


def test_all_inputs_at_once_are_json() -> None:
    template = {**TEMPLATE, "script": {"source": "{{inputs.parameters}}"}}
    done = process(template, arguments(a='"', b="x"), known, {})
    assert done["script"]["source"] == (
        '[{"name":"a","value":"\\""},{"name":"b","default":"B-w","value":"x"}]'
    )


def test_no_inputs_are_null() -> None:
    for inputs in ({}, {"inputs": {}}):
        template = {"name": "t", **inputs, "script": {"source": "{{inputs.parameters}}"}}
        assert process(template, {}, known, {})["script"]["source"] == "null"


def test_a_missing_input_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"inputs\.parameters\.a was not supplied"):
        process(TEMPLATE, {}, known, {})
    with pytest.raises(ArgumentError, match="absent optional"):
        process(TEMPLATE, arguments(a=ABSENT), known, {})
    done = process(TEMPLATE, arguments(a="1", b=ABSENT), known, {})
    assert done["inputs"]["parameters"][1]["value"] == "B-w"


def test_globals() -> None:
    manifest = {
        "metadata": {
            "name": "w",
            "namespace": "n",
            "uid": "u",
            "creationTimestamp": "2026-11-05T14:03:09Z",
            "labels": {"b": "2", "a": "1"},
        },
        "spec": {
            "entrypoint": "main",
            "priority": 5,
            "arguments": {"parameters": [{"value": "v", "name": "p"}]},
        },
    }
    look_up = Globals(manifest, lambda: 1.5)
    assert (look_up("workflow.duration"), look_up("workflow.status")) == ("0.000000", "")
    look_up.looked_at_again(manifest["metadata"])
    expected = {
        "workflow.name": "w",
        "workflow.parameters.p": "v",
        "workflow.parameters": '[{"name":"p","value":"v"}]',
        "workflow.labels.a": "1",
        "workflow.labels": '{"a":"1","b":"2"}',
        "workflow.annotations.json": "null",
        "workflow.priority": "5",
        "workflow.duration": "1.500000",
        "workflow.creationTimestamp": "2026-11-05T14:03:09Z",
        "workflow.creationTimestamp.s": "1793887389",
        "workflow.creationTimestamp.A": "Thursday",
        "workflow.creationTimestamp.b": "Nov",
        "workflow.creationTimestamp.I": "02",
        "workflow.creationTimestamp.p": "PM",
        "workflow.serviceAccountName": "",
    }
    assert {name: look_up(name) for name in expected} == expected
    with pytest.raises(KeyError):
        look_up("workflow.parameters.q")
    look_up.set_output("o", "x")
    assert look_up("workflow.outputs.parameters.o") == "x"


@pytest.mark.parametrize(
    ("text", "value"),
    [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968), ("é", 513665217)],
)
def test_hash_is_fnv_1a(text: str, value: int) -> None:
    assert fnv32a(text) == value


def test_ids_are_those_that_argo_gave() -> None:
    # Recorded from Argo 3.7.18.
    assert node_id("eng-29742", "eng-29742") == "eng-29742"
    assert node_id("eng-29742", "eng-29742.a") == "eng-29742-3466452119"
    assert node_id("eng-29742", 'eng-29742.b(6:[1 x {"a":1}])') == "eng-29742-2489901858"


def test_pod_names_hold_the_template_and_at_most_253_characters() -> None:
    assert pod_name("w", "w", "main") == "w"
    assert pod_name("eng-29742", "eng-29742.a", "s") == "eng-29742-s-3466452119"
    long = pod_name("w", "w.a", "t" * 300)
    assert len(long) <= 253
    assert long.startswith("w-ttt")


def test_generated_names_fit_a_label() -> None:
    assert generated_name("try-", "abcde") == "try-abcde"
    assert len(generated_name("x" * 80, "abcde")) == 63
