"""Inputs that are typed: SET="vintages=[2016] constants.city_boroughs=9"."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from hera_experiment.environment.input_changes import changed, name_of, schema_of, values_of
from hera_experiment.errors import UserError


@dataclass(frozen=True)
class Parameters:
    vintages: list[int]
    boroughs: list[str]


@dataclass(frozen=True)
class Constants:
    image: str = "python:3.13"
    seed: int = 1
    rate: float = 0.5
    totals: dict[int, int] = field(default_factory=lambda: {1999: 1})
    tries: int | None = None


@dataclass(frozen=True)
class More:
    seed: int = 2


@dataclass(frozen=True)
class Inputs:
    constants: Constants
    parameters: Parameters
    more: More


INPUTS = Inputs(Constants(), Parameters([1999], ["A", "B"]), More())


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("vintages=[2016]", "parameters.vintages", [2016]),
        ("parameters.vintages=[2006, 2016]", "parameters.vintages", [2006, 2016]),
        ('boroughs=["LYON 1", "a=b"]', "parameters.boroughs", ["LYON 1", "a=b"]),
        ("image=python:3.12", "constants.image", "python:3.12"),
        ("image=3.10", "constants.image", "3.10"),
        ("image='with a blank'", "constants.image", "with a blank"),
        ("image=", "constants.image", ""),
        ("constants.seed=7", "constants.seed", 7),
        ("rate=1e-7", "constants.rate", 1e-7),
        ("rate=2", "constants.rate", 2.0),
        ("totals={2016: 515695}", "constants.totals", {2016: 515695}),
        ('totals={"2016": 515695}', "constants.totals", {2016: 515695}),
        ("tries=None", "constants.tries", None),
        ("tries=null", "constants.tries", None),
        ("tries=3  vintages=[1]", "constants.tries", 3),
    ],
)
def test_a_value_is_read_as_the_type_of_its_field(text: str, name: str, value: Any) -> None:
    found = {each.name: each.value for each in values_of(changed(INPUTS, text))}
    assert found[name] == value and type(found[name]) is type(value)
    before = {each.name: each.value for each in values_of(INPUTS)}
    assert before["parameters.vintages"] == [1999]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("vintage=[1]", "there is no input 'vintage' (--set): did you mean parameters.vintages?"),
        ("zzz=1", "there is no input 'zzz' (--set): make inputs lists them"),
        ("seed=3", "two inputs are called 'seed' (--set): write constants.seed or more.seed"),
        ("vintages=2016", "parameters.vintages is list[int], not '2016': "),
        ("vintages=['x']", "parameters.vintages is list[int], not \"['x']\": [0] "),
        ("constants.seed=nine", "constants.seed is int, not 'nine': "),
        ("constants.seed=1.5", "constants.seed is int, not '1.5': "),
        ("constants=1", "there is no input 'constants'"),
        ("vintages", "'vintages' gives no value to a name (--set): write name=value"),
        ("x vintages=[1]", "gives no value to a name"),
    ],
)
def test_what_cannot_be_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(UserError) as raised:
        changed(INPUTS, text)
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_inputs_of_another_kind() -> None:
    """What is no dataclass is changed by the types of its values."""
    inputs = SimpleNamespace(n=1, inner=SimpleNamespace(name="a"))
    made = changed(inputs, "n=2 inner.name=b")
    assert (made.n, made.inner.name, inputs.n, inputs.inner.name) == (2, "b", 1, "a")


def test_the_schema_and_the_types() -> None:
    schema = schema_of(INPUTS)
    assert schema["$defs"]["Parameters"]["properties"]["vintages"]["items"] == {"type": "integer"}
    types = {each.name: name_of(each.type) for each in values_of(INPUTS)}
    assert types["constants.totals"] == "dict[int, int]" and types["constants.image"] == "str"
    assert types["constants.tries"] == "int | None"
