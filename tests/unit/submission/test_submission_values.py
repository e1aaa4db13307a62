"""What would not arrive as it went in is refused by name, and only that."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hera.workflows import DAG, Container, Parameter, Script, Step, Steps, Task, Workflow
from hera.workflows import models as m

from hera_experiment.argo.values import stray_braces, unprintable
from hera_experiment.errors import UserError
from hera_experiment.submission.parameters import ParameterEncoding, arrival
from hera_experiment.submission.scripts import send_whole_values
from hera_experiment.submission.values import refuse_unsendable

SAID_NONE = "says str"


def take(text, thing=None, maybe=None):
    """Stands for a function: the annotations are set below, as types."""


take.__annotations__ = {"text": str, "thing": dict | None, "maybe": str | None}


def workflow(arguments: Any = None, of: str = "script", **task: Any) -> Workflow:
    """One task named t, which calls a script or a container."""
    with Workflow(name="w", entrypoint="main") as w:
        say: Any = Script(name="take", source=take)
        if of == "container":
            inputs = [Parameter(name=name) for name in ("text", "thing", "maybe")]
            say = Container(name="take", image="i", inputs=inputs)
        with DAG(name="main"):
            Task(name="t", template=say, arguments=arguments, **task)
    return w


def refused(w: Workflow) -> str:
    send_whole_values(w)
    with pytest.raises(UserError) as error:
        refuse_unsendable(w)
    assert error.value.next_step
    return str(error.value)


def accepted(w: Workflow) -> None:
    send_whole_values(w)
    refuse_unsendable(w)
    w.build()


@pytest.mark.parametrize(
    "arguments",
    [
        {"text": None},
        [{"text": None}],
        Parameter(name="text", value=None),
        [m.Parameter(name="text", value="null")],
        m.Arguments(parameters=[m.Parameter(name="text", value="null")]),
    ],
)
def test_none_to_a_str(arguments: Any) -> None:
    sentence = refused(workflow(arguments))
    assert "parameter 'text' of task 't' is None" in sentence and SAID_NONE in sentence


def test_none_where_it_may_be() -> None:
    accepted(workflow({"text": "null", "thing": None, "maybe": None}))
    accepted(workflow({"text": "", "maybe": ""}))


def test_the_word_null_to_an_optional_str() -> None:
    assert "arrive as None" in refused(workflow({"text": "x", "maybe": "null"}))


def test_none_from_a_loop_names_the_item() -> None:
    w = workflow({"text": "{{item}}"}, with_items=["a", None])
    assert "parameter 'text' of task 't', item 1 is None" in refused(w)
    w = workflow({"text": "{{ item.a }}"}, with_items=[{"a": None, "b": 1}])
    assert "item 0 is None" in refused(w)
    accepted(workflow({"text": "{{item.b}}"}, with_items=[{"a": None, "b": 1}]))


def test_none_as_the_default_of_a_str() -> None:
    def late(text: Any = None) -> None: ...

    late.__annotations__ = {"text": str}
    with Workflow(name="w", entrypoint="main") as w, DAG(name="main"):
        Task(name="t", template=Script(name="late", source=late))
    assert "parameter 'text' of task 't' is None" in refused(w)
    with Workflow(name="w", entrypoint="main") as w, DAG(name="main"):
        Task(name="t", template=Script(name="late", source=late), arguments={"text": "x"})
    accepted(w)


BRACES = ["{{", "a {{ b", "{{x}}", "{{ name }}", "{{workflow.name", "{{{workflow.name}}", "{{=}}"]


@pytest.mark.parametrize("text", BRACES)
@pytest.mark.parametrize("of", ["script", "container"])
def test_braces_that_begin_no_variable(text: str, of: str) -> None:
    assert "parameter 'text' of task 't' holds '{{'" in refused(workflow({"text": text}, of))
    nested = workflow({"text": "", "thing": {"a": [text]}}, of)
    assert "parameter 'thing' of task 't' holds '{{'" in refused(nested)
    loop = workflow({"text": "{{item}}"}, of, with_items=["fine", text])
    assert "item 1 of task 't' holds '{{'" in refused(loop)
    assert "item 0 of task 't' holds '{{'" in refused(workflow({}, of, with_param=[{"a": text}]))


@pytest.mark.parametrize(
    "text",
    [
        *("{{workflow.name}}", "{{ inputs.parameters.a-b }}", "{{inputs.parameters}}", "{{item}}"),
        *("{{item.k}}", "{{tasks.a.outputs.result}} {{steps.b.id}}", "{{pod.name}}", "{{retries}}"),
        *("{{lastRetry.exitCode}}", "{{=toJson(inputs.parameters['x'])}}", "{{=1 +\n{}}}"),
        *("}}", "{ {x}}", '{"a": {"b": {}}}', "{"),
    ],
)
def test_references_and_single_braces_are_fine(text: str) -> None:
    assert not stray_braces(text)
    accepted(workflow({"text": text}))


def test_braces_in_a_default_and_in_the_workflows_arguments() -> None:
    def templated(text: Any = "a {{b}}") -> None: ...

    templated.__annotations__ = {"text": str}
    with Workflow(name="w", entrypoint="main", templates=[Script(name="s", source=templated)]) as w:
        pass
    assert "the default of 'text' in script 's' holds '{{'" in refused(w)
    w = Workflow(name="w", entrypoint="s", arguments={"x": "{{y}}"})
    assert "argument 'x' of the workflow holds '{{'" in refused(w)


def test_none_to_the_entry_script() -> None:
    entry = Script(name="s", source=take)
    w = Workflow(name="w", entrypoint="s", arguments={"text": None}, templates=[entry])
    assert "argument 'text' of the workflow is None" in refused(w)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), {"a": [b"x"]}])
def test_what_is_no_json(value: Any) -> None:
    assert "parameter 'thing' of task 't' cannot be" in refused(
        workflow({"text": "", "thing": value})
    )
    assert "item 0 of task 't'" in refused(workflow({"text": ""}, with_items=[[value]]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": float("-inf")}, 2**64 + 1])
def test_numbers_that_a_loop_would_change(value: Any) -> None:
    assert "item 1 of task 't'" in refused(workflow({"text": "x"}, with_items=[{}, value]))
    accepted(workflow({"text": "x", "thing": value}))


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\U000e0067", "\U0010fffd"])
def test_characters_that_only_a_script_receives(character: str) -> None:
    text, name = f"a{character}", f"U+{ord(character):04X}"
    assert unprintable(text) == character
    accepted(workflow({"text": text}))
    assert name in refused(workflow({"text": text}, "container"))
    assert name in refused(workflow({"text": "{{item}}"}, with_items=[text]))
    assert name in refused(Workflow(name="w", entrypoint="s", arguments={"x": text}))


@pytest.mark.parametrize(
    "text", ["\n\t\r\b\f", "é\u2028\x85\u200b\ufeff\ue000", "😀日本語", "\\x7f"]
)
def test_characters_that_everyone_receives(text: str) -> None:
    assert not unprintable(text)
    accepted(workflow({"text": text}, "container"))


def test_half_a_character() -> None:
    assert "U+DC80" in refused(workflow({"text": "caf\udc80"}))
    # As JSON it is written in ASCII.
    accepted(workflow({"text": "", "thing": {"a": "caf\udc80"}}))


@pytest.mark.parametrize("text", ['a "quote"', "back\\slash", "two\nlines", "\u2028"])
def test_a_map_of_a_loop_whose_text_json_escapes(text: str) -> None:
    w = workflow({"text": "{{item.a}}"}, with_items=[{"a": "fine é <&>"}, {"a": text}])
    assert "item 1 of task 't' holds, as its 'a'" in refused(w)
    accepted(workflow({"text": "{{item}}"}, with_items=[text, [text]]))


def test_with_param_of_an_output_is_not_looked_into() -> None:
    accepted(workflow({"text": "{{item}}"}, with_param="{{tasks.a.outputs.result}}"))
    accepted(workflow({"text": "{{item}}"}, with_param=Parameter(name="x", value='["a"]')))
    escaped = workflow({"text": "{{item.a}}"}, with_param=[{"a": "é"}])
    assert "as its 'a'" in refused(escaped), "Hera writes it in ASCII"


def test_steps_side_by_side_and_scripts_by_name() -> None:
    w = Workflow(name="w", entrypoint="main", templates=[Script(name="take", source=take)])
    with w, Steps(name="main") as steps, steps.parallel():
        Step(name="one", template="take", arguments={"text": "x"})
        Step(name="two", template="take", arguments={"text": None})
    assert "parameter 'text' of step 'two' is None" in refused(w)


class Word(str):
    """A text of a kind of its own."""


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, ParameterEncoding.TEXT),
        (Word, ParameterEncoding.TEXT),
        (Annotated[str, Parameter(name="x")], ParameterEncoding.TEXT),
        (Literal["a", "b"], ParameterEncoding.TEXT),
        (str | None, ParameterEncoding.TEXT_OR_NONE),
        (Annotated[str | None, "x"], ParameterEncoding.TEXT_OR_NONE),
        (Literal["a", None], ParameterEncoding.TEXT_OR_NONE),
        (str | int, ParameterEncoding.JSON),
        (Literal["a", 1], ParameterEncoding.JSON),
        (int, ParameterEncoding.JSON),
        (list[str], ParameterEncoding.JSON),
        (type(None), ParameterEncoding.JSON),
        (None, ParameterEncoding.JSON),
        (Any, ParameterEncoding.JSON),
    ],
)
def test_how_a_parameter_arrives(annotation: Any, expected: ParameterEncoding) -> None:
    assert arrival(annotation) is expected
