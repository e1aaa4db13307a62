"""What the rest of the library asks of an expression."""

from __future__ import annotations

import pytest

from hera_experiment.argo import expr


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1 + 2", []),
        ("retries + '1'", ["retries"]),
        ("inputs.parameters.a", ["inputs", "inputs.parameters", "inputs.parameters.a"]),
        ("tasks['step-1'].status", ["tasks", "tasks.step-1", "tasks.step-1.status"]),
        ("item[0]", ["item"]),
        ("sprig.int(retries)", ["sprig", "sprig.int", "retries"]),
        ("a.b ?? 'x'", ["a"]),
        ("a.b?.c", ["a"]),
        ("upper(workflow.name)", ["workflow", "workflow.name"]),
    ],
)
def test_variables_that_an_expression_uses(text: str, names: list[str]) -> None:
    assert expr.identifiers(expr.compile(text)) == names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'a\"b'", 'a"b'),
        ("1", "1"),
        ("7 / 2", "3.5"),
        ("1e21", "1e+21"),
        ("true", "true"),
        ("['<', {a: nil}]", '["\\u003c",{"a":null}]'),
        ("'ä€'[1:]", "\N{REPLACEMENT CHARACTER}€"),
        ("duration('1s')", "1000000000"),
        ("date('2024-02-29')", '"2024-02-29T00:00:00Z"'),
    ],
)
def test_what_stands_in_the_place_of_the_braces(text: str, shown: str) -> None:
    assert expr.text_of(expr.compile(text).run({})) == shown


def test_what_is_no_json_is_said() -> None:
    value = expr.compile("groupBy([1], #)").run({})
    with pytest.raises(expr.RunError, match=r"unsupported type: map\[interface {}\]"):
        expr.text_of(value)


def test_the_time_comes_from_outside() -> None:
    program = expr.compile("now().Year() + sprig.now().Year()")
    assert program.run({}, clock=lambda: 0) == 3940
    assert expr.compile("sprig.date('2006-01-02', nil)").run({}, lambda: 0) == "1970-01-01"


def test_a_variable_hides_the_function_of_its_name() -> None:
    assert expr.compile("split == 1 && join == 2").run({"split": 1, "join": 2}) is True
    with pytest.raises(expr.CompileError, match=r"int is not callable \(1:1\)"):
        expr.compile("upper('a')").run({"upper": 1})


def test_the_longer_name_wins_over_its_beginning() -> None:
    assert expr.compile("a.b + a.c").run({"a": "lost", "a.b": "1", "a.c": "2"}) == "12"


@pytest.mark.parametrize("name", ["bcrypt", "uuidv4", "urlParse"])
def test_what_is_not_interpreted_says_so(name: str) -> None:
    with pytest.raises(expr.RunError, match=f"sprig.{name} is not interpreted here"):
        expr.compile(f"sprig.{name}()").run({})


def test_an_expression_that_is_too_long_or_too_deep_is_refused() -> None:
    with pytest.raises(expr.CompileError, match="exceeds maximum allowed nodes"):
        expr.compile("+".join(["1"] * 6000))
    with pytest.raises(expr.CompileError, match="too deep"):
        expr.compile("(" * 3000 + "1" + ")" * 3000)
    with pytest.raises(expr.RunError, match="memory budget exceeded"):
        expr.compile("1..999999999").run({})
