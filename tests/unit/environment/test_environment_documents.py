"""Files of YAML and JSON in the place of a script: sent through the endpoint as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_server import Answer

from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.endpoint.defaults import Defaults
from hera_experiment.endpoint.server import Endpoint
from hera_experiment.endpoint.submission import Submission
from hera_experiment.environment.documents import submit_documents
from hera_experiment.environment.submissions import submitter_of
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.http_session import Session

WORKFLOW = """
kind: Workflow
metadata: {name: w}
spec:
  newerThanEveryModel: {yes: 1}
  arguments: {parameters: [{name: city, value: lyon}, {name: year, value: 1999}]}
"""
TEMPLATE = "kind: WorkflowTemplate\nmetadata: {name: t}\nspec: {templates: [{name: one}]}\n"


@pytest.fixture
def send(fake: Any, tmp_path: Path) -> Any:
    fake.answer = lambda asked: Answer((asked.body or {}).get("workflow") or {"metadata": {}})
    (tmp_path / "experiment.toml").write_text('[experiment]\nname="P"\nslug="p"\n')
    client = ArgoClient(fake.url, Session(lambda: "Bearer secret.x"))
    submitter = submitter_of(Experiment.find(tmp_path), client, "local", script=None)
    endpoint = Endpoint(Submission(submitter, defaults=Defaults({"of": "all"})))
    address = EndpointAddress(endpoint.url, endpoint.token, fake.url, "local")

    def send(text: str, *words: str, name: str = "w.yaml") -> list[Any]:
        (tmp_path / name).write_text(text)
        submit_documents(tmp_path / name, words, address)
        return [asked for asked in fake.asked if asked.method in ("POST", "PUT")]

    send.folder = tmp_path
    yield send
    endpoint.close()


def test_a_workflow_is_sent_as_it_is_written_and_recorded(send: Any) -> None:
    (asked,) = send(WORKFLOW)
    assert asked.path == "/api/v1/workflows/local"
    sent = asked.body["workflow"]
    assert sent["spec"] == {
        "newerThanEveryModel": {"true": 1},
        "arguments": {
            "parameters": [{"name": "city", "value": "lyon"}, {"name": "year", "value": 1999}]
        },
    }
    assert sent["metadata"]["labels"]["of"] == "all"
    (record,) = (send.folder / ".hera" / "submissions").glob("*.json")
    assert json.loads(record.read_text())["state"] == "created"


def test_each_kind_goes_where_it_belongs(send: Any) -> None:
    of = "kind: {}\nmetadata: {{name: x, namespace: {}}}\nspec: {{a: 1}}\n---\n"
    kinds = ("WorkflowTemplate", "CronWorkflow", "ClusterWorkflowTemplate", "Workflow")
    asked = send("".join(of.format(kind, "theirs") for kind in kinds))
    assert [each.path for each in asked] == [
        "/api/v1/workflow-templates/theirs",
        "/api/v1/cron-workflows/theirs",
        "/api/v1/cluster-workflow-templates",
        "/api/v1/workflows/theirs",
    ]


def test_arguments_of_a_workflow_are_changed(send: Any) -> None:
    (asked,) = send(WORKFLOW, "-p", "year=2000", "--parameter", "more=a=b")
    assert asked.body["workflow"]["spec"]["arguments"]["parameters"] == [
        {"name": "year", "value": "2000"},
        {"name": "more", "value": "a=b"},
        {"name": "city", "value": "lyon"},
    ]


@pytest.mark.parametrize("words", [["city=lyon"], ["-p", "city"], ["--year", "2000"], ["-p"]])
def test_other_words_are_refused(words: list[str], send: Any, fake: Any) -> None:
    with pytest.raises(UserError):
        send(WORKFLOW, *words)
    assert not fake.asked


def test_a_template_that_is_there_is_given_what_the_file_says(
    send: Any, fake: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    spec: dict[str, Any] = {"templates": [{"name": "zero"}]}

    def answer(asked: Any) -> Answer:
        if asked.path.endswith("/lint"):
            return Answer(asked.body["template"])
        if asked.method == "POST":
            return Answer({"code": 6, "message": "exists"}, 409)
        return Answer({"metadata": {"name": "t", "resourceVersion": "7"}, "spec": spec})

    fake.answer = answer
    *_, put = send(TEMPLATE)
    assert (put.method, put.path) == ("PUT", "/api/v1/workflow-templates/local/t")
    assert put.body["template"]["metadata"]["resourceVersion"] == "7"
    assert put.body["template"]["spec"] == {"templates": [{"name": "one"}]}
    assert "WorkflowTemplate t is now as" in capsys.readouterr().err
    # What is so already is left alone.
    spec["templates"] = [{"name": "one"}]
    fake.asked.clear()
    assert all(asked.method == "POST" for asked in send(TEMPLATE))
    assert capsys.readouterr().err == ""


def test_what_the_server_refuses_is_one_sentence_with_its_place(send: Any, fake: Any) -> None:
    fake.answer = lambda asked: Answer({"code": 3, "message": "spec.entrypoint is required"}, 400)
    for text in (WORKFLOW, TEMPLATE):
        with pytest.raises(UserError) as refused:
            send(text)
        assert "spec.entrypoint is required" in refused.value.what
        assert "w.yaml, line" in refused.value.where


def test_a_refusal_points_to_the_line_of_its_task(send: Any, fake: Any) -> None:
    text = "metadata: {name: w}\nspec:\n  templates:\n  - name: main\n    dag:\n      tasks:\n"
    message = "templates.main.tasks.b template name 'x' undefined"
    fake.answer = lambda asked: Answer({"code": 3, "message": message}, 400)
    with pytest.raises(UserError) as refused:
        send(f"{text}      - {{name: a}}\n      - {{name: b}}\n")
    assert refused.value.where.endswith("w.yaml, line 8")
