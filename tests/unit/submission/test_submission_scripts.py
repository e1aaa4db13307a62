"""An inline script's parameters are sent whole; a constructor that someone chose stays."""

import base64
import json
import re
from types import SimpleNamespace
from typing import Annotated

import pytest
from hera.workflows import (
    DAG,
    Artifact,
    InlineScriptConstructor,
    NoneArchiveStrategy,
    Parameter,
    RunnerScriptConstructor,
    Script,
    Task,
    Workflow,
    script,
)

from hera_experiment.errors import UserError
from hera_experiment.submission.scripts import WholeValues, send_whole_values
from hera_utils.environment_of_submission import EnvironmentOfSubmission


@script(image="i")
def decorated(
    text: str,
    number: int,
    anything,
    renamed: Annotated[str, Parameter(name="other-name")] = "x",
    maybe: str | None = None,
    table: Annotated[str, Artifact(name="table", path="/t", archive=NoneArchiveStrategy())] = "",
):
    """Costs $$5 at $(HOME)."""
    print(f"{text} costs $$ {number} $(HOME)", json.dumps(anything), r"\d$(?:a)")


@script(image="i", constructor="runner")
def run(text: str): ...


@script(image="i", constructor=InlineScriptConstructor(add_cwd_to_sys_path=False))
def chosen(text: str): ...


@script(image="i")
def nothing():
    print("nothing")


class Own(InlineScriptConstructor):
    """A constructor of the script's own."""


@script(image="i", constructor=Own())
def own(text: str): ...


def built(*functions):
    with Workflow(generate_name="w-", entrypoint="main") as w, DAG(name="main"):
        for function in functions:
            function(arguments={"text": "x", "number": 1, "anything": None})
    send_whole_values(w)
    return w, {t["name"]: t for t in w.to_dict()["spec"]["templates"]}


def source(function):
    return built(function)[1][function.__name__]["script"]["source"]


def ran(text, values):
    """Run a source as Argo would hand it over; what it prints and defines."""

    def encoded(match):
        return base64.b64encode(values[match[1]].encode()).decode()

    printed = []
    scope = {"print": lambda *words: printed.append(" ".join(map(str, words)))}
    expression = re.compile(r"\{\{=toBase64\(inputs\.parameters\['([\w-]+)'\]\)\}\}")
    exec(compile(expression.sub(encoded, text), "script", "exec"), scope)
    return printed, scope


def test_each_parameter_arrives_as_its_annotation_says():
    values = {"text": "1e5", "number": "7", "anything": "[null]", "other-name": "'''\\"}
    printed, scope = ran(source(decorated), {**values, "maybe": "null"})
    assert printed == ["1e5 costs $$ 7 $(HOME) [null] \\d$(?:a)"]
    assert scope["renamed"] == "'''\\"
    assert scope["maybe"] is None
    assert "table" not in scope
    assert ran(source(decorated), {**values, "maybe": "nul"})[1]["maybe"] == "nul"


def test_what_is_no_json_arrives_as_text():
    values = {"text": "", "number": "seven", "anything": "a b", "other-name": ""}
    scope = ran(source(decorated), {**values, "maybe": ""})[1]
    assert (scope["number"], scope["anything"], scope["maybe"]) == ("seven", "a b", "")


def test_no_dollar_is_left_for_kubernetes_to_read():
    assert not re.search(r"\$[$(]", source(decorated))


def test_a_chosen_constructor_stays():
    w, templates = built(decorated, run, chosen, own, nothing)
    constructors = {t.name: t.constructor for t in w.templates if isinstance(t, Script)}
    assert type(constructors["decorated"]) is WholeValues
    assert type(constructors["run"]) is RunnerScriptConstructor
    assert type(constructors["own"]) is Own
    assert templates["run"]["script"]["source"] == "{{inputs.parameters}}"
    # Hera's inline constructor, chosen or not, is the one that is bettered; its options stay.
    assert type(constructors["chosen"]) is WholeValues
    assert constructors["chosen"].add_cwd_to_sys_path is False
    assert "_whole" not in templates["nothing"]["script"]["source"]
    assert ran(templates["nothing"]["script"]["source"], {})[0] == ["nothing"]


def test_a_script_written_within_its_task():
    with Workflow(name="w", entrypoint="main") as w, DAG(name="main"):
        inline = Script(name="inline", source=lambda text: None)
        inline.source = own.wrapped_function
        Task(name="t", inline=inline, arguments={"text": "x"})
    send_whole_values(w)
    (dag,) = (t for t in w.to_dict()["spec"]["templates"] if "dag" in t)
    assert "_whole(" in dag["dag"]["tasks"][0]["inline"]["script"]["source"]


def test_a_source_of_text_is_sent_as_it_stands():
    template = Script(name="s", source="echo $$ $(HOME)", command=["sh"])
    w = Workflow(name="w", entrypoint="s", templates=[template])
    send_whole_values(w)
    assert w.to_dict()["spec"]["templates"][0]["script"]["source"] == "echo $$ $(HOME)"


def test_the_environment_of_submission_does_it_for_scripts_decorated_before():
    server = SimpleNamespace(
        namespace="n",
        service_account="",
        args=SimpleNamespace(experiment=SimpleNamespace(slug="s")),
    )
    environment = EnvironmentOfSubmission(server)
    with Workflow(generate_name="w-", entrypoint="main") as w, DAG(name="main"):
        decorated(arguments={"text": "x", "number": 1, "anything": None})
    environment.complete(w)
    environment.complete(w)
    (constructor,) = (t.constructor for t in w.templates if isinstance(t, Script))
    assert type(constructor) is WholeValues
    with Workflow(generate_name="w-", entrypoint="main") as w, DAG(name="main"):
        decorated(arguments={"text": None, "number": 1, "anything": None})
    with pytest.raises(UserError, match="parameter 'text' of task 'decorated' is None"):
        environment.complete(w)
