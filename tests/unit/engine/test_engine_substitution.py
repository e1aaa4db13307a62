from __future__ import annotations

import pytest

from hera_experiment.local.engine.substitution import (
    ANY,
    OUTPUTS,
    SubstitutionError,
    UnknownVariable,
    replace,
    substitute,
    tags,
)

VALUES: dict[str, str | None] = {"a": "1", "b.c": "{{a}}", "tasks.x.id": None, "name": 'q"\n'}


def lookup(name: str) -> str | None:
    return VALUES[name]


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("plain", "plain"),
        ("{{a}}{{ a }}", "11"),
        ("{{b.c}}", "{{a}}"),
        ("{{unknown}} {{a}}", "{{unknown}} 1"),
        ("{{name}}", 'q"\n'),
        ("an unclosed {{a", "an unclosed {{a"),
        ("{{ x {{a}}", "{{ x 1"),
        ("{{x-{{a}}}}", "{{x-1}}"),
        ("{ {a} }", "{ {a} }"),
    ],
)
def test_replaces_known_variables(text: str, replaced: str) -> None:
    assert replace(text, lookup) == replaced


def test_what_must_be_known_raises() -> None:
    with pytest.raises(UnknownVariable, match=r"failed to resolve \{\{tasks\.y\.id\}\}"):
        replace("{{tasks.y.id}}", lookup, OUTPUTS)
    with pytest.raises(UnknownVariable):
        replace("{{anything}}", lookup, ANY)
    assert replace("{{tasksy}}", lookup, OUTPUTS) == "{{tasksy}}"


def test_an_absent_output_is_an_error_of_its_own() -> None:
    with pytest.raises(SubstitutionError, match="absent optional") as error:
        replace("{{tasks.x.id}}", lookup)
    assert not isinstance(error.value, UnknownVariable)


def test_objects_share_what_did_not_change() -> None:
    same = {"k": ["x", {"deep": 1}]}
    whole = {"same": same, "new": ["{{a}}", 2, None], "{{a}}": "key"}
    done = substitute(whole, lookup)
    assert done == {"same": same, "new": ["1", 2, None], "1": "key"}
    assert done["same"] is same
    assert substitute(same, lookup) is same
    assert whole["new"] == ["{{a}}", 2, None]


def test_finds_all_tags() -> None:
    assert tags({"x": ["{{a}} {{ b }}", 1], "{{c}}": "{{d"}) == ["a", " b ", "c"]
