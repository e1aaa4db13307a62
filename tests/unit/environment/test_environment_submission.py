"""Hera submits to our server, through global_config alone, and the script stays as it is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fake_server import Answer
from hera.shared import global_config
from hera.workflows import Container, CronWorkflow, Workflow, WorkflowTemplate

from hera_experiment.argo import names as submission
from hera_experiment.environment import hera_services
from hera_experiment.errors import UserError
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import State
from hera_experiment.submission.once import SUBMISSION_LABEL
from hera_utils.cli_context import parse_arguments
from hera_utils.cluster import k8s_cluster
from hera_utils.environment_of_submission import EnvironmentOfSubmission
from hera_utils.server import argo_server

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"


@pytest.fixture(autouse=True)
def untouched_hera(monkeypatch):
    global_config.reset()
    monkeypatch.setattr(EnvironmentOfSubmission, "_current", None)
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(hera_services, "_ROUTES", {})
    yield
    global_config.reset()


@pytest.fixture
def server(fake, tmp_path):
    """The published way to an Argo server that creates whatever it is sent."""

    def answer(asked):
        if asked.method == "GET":
            return Answer({"metadata": {}, "items": None})
        sent = next(v for k, v in asked.body.items() if isinstance(v, dict) and "metadata" in v)
        sent["metadata"].setdefault("name", sent["metadata"].get("generateName", "") + "x1")
        return Answer(sent)

    fake.answer = answer
    (tmp_path / "experiment.toml").write_text('[experiment]\nname="P"\nslug="population"\n')

    def make(**options):
        given = {
            "argo_server": f"127.0.0.1:{fake.port}",
            "argo_secure": "false",
            "argo_base_href": "/argo",
            "argo_token": "ours",
            "argo_namespace": "n",
            "argo_service_account": "robot",
            **options,
        }
        argv = [f"--{name}={value}" for name, value in given.items()]
        args = parse_arguments(argv=argv, environ={}, folder=tmp_path, home=tmp_path)
        return argo_server(k8s_cluster(args), args)

    return make


def simple(kind=Workflow, **options):
    with kind(entrypoint="c", **options) as w:
        Container(name="c", image="i")
    return w


def created(fake):
    return [asked for asked in fake.asked if asked.method == "POST"]


def test_the_scripts_own_create_reaches_the_server(server, fake):
    server().define_argo_server_part_of_environment()
    w = simple(generate_name="w-")
    w.create()
    (asked,) = created(fake)
    assert w.name == asked.body["workflow"]["metadata"]["name"]
    assert re.fullmatch("w-[a-z0-9]{5}", w.name)
    assert asked.path == "/argo/api/v1/workflows/n"
    assert asked.headers["Authorization"] == "Bearer ours"
    sent = asked.body["workflow"]
    assert sent["metadata"]["namespace"] == "n"
    assert sent["spec"]["serviceAccountName"] == "robot"
    labels = sent["metadata"]["labels"]
    assert re.fullmatch("[0-9a-f]{16}", labels.pop(SUBMISSION_LABEL))
    assert labels == {submission.EXPERIMENT_LABEL: "population"}


def test_what_is_submitted_is_written_down(server, fake, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "experiment.toml"), "--x"])  # some file
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HERA_UTILS_INPUTS", "small.py")
    made = server()
    made.define_argo_server_part_of_environment()
    simple(generate_name="w-").create()
    simple(WorkflowTemplate, name="t").create()
    (record,) = Records.of(made.args.experiment).all()
    sent = created(fake)[0].body["workflow"]
    assert (record.state, record.manifest, record.name) == (
        State.CREATED,
        sent,
        sent["metadata"]["name"],
    )
    assert (record.cluster, record.server, record.namespace) == ("", f"{fake.url}argo/", "n")
    assert (record.script, record.inputs) == ("./experiment.toml", "small.py")


def test_what_the_script_says_itself_is_kept(server, fake):
    server().define_argo_server_part_of_environment()
    simple(name="w", namespace="m", service_account_name="me", labels={"a": "b"}).create()
    (asked,) = created(fake)
    assert asked.path == "/argo/api/v1/workflows/m"
    assert asked.body["workflow"]["spec"]["serviceAccountName"] == "me"
    assert asked.body["workflow"]["metadata"]["labels"]["a"] == "b"


def test_each_of_heras_own_classes_submits(server, fake):
    server().define_argo_server_part_of_environment()
    simple(WorkflowTemplate, name="t").create()
    simple(CronWorkflow, name="c", schedules=["* * * * *"]).create()
    paths = [asked.path for asked in created(fake)]
    assert paths == ["/argo/api/v1/workflow-templates/n", "/argo/api/v1/cron-workflows/n"]
    for asked in created(fake):
        (body,) = (v for v in asked.body.values() if isinstance(v, dict) and "metadata" in v)
        assert body["metadata"]["labels"] == {submission.EXPERIMENT_LABEL: "population"}


class Own(Workflow):
    """A script's own sub-class, whose type Hera does not match."""


def test_a_scripts_own_class_falls_back_on_the_global_values(server, fake):
    server().define_argo_server_part_of_environment()
    simple(Own, name="w").create()
    (asked,) = created(fake)
    assert asked.path == "/argo/api/v1/workflows/n"
    assert asked.headers["Authorization"] == "Bearer ours"
    assert asked.body["workflow"]["spec"]["serviceAccountName"] == "robot"


def test_defining_twice_hooks_once_and_the_last_one_counts(server, fake):
    server().define_argo_server_part_of_environment()
    second = server(argo_namespace="m", argo_service_account="other")
    second.define_argo_server_part_of_environment()
    second.define_argo_server_part_of_environment()
    calls = []
    complete = EnvironmentOfSubmission.complete

    class Counting(EnvironmentOfSubmission):
        def complete(self, workflow):
            calls.append(workflow)
            complete(self, workflow)

    EnvironmentOfSubmission._current = Counting(second)
    simple(name="w").create()
    assert len(calls) == 1
    (asked,) = created(fake)
    assert asked.path == "/argo/api/v1/workflows/m"
    assert asked.body["workflow"]["spec"]["serviceAccountName"] == "other"


def test_hooks_come_back_after_a_reset(server, fake):
    server().define_argo_server_part_of_environment()
    global_config.reset()
    server().define_argo_server_part_of_environment()
    simple(name="w").create()
    (asked,) = created(fake)
    assert submission.EXPERIMENT_LABEL in asked.body["workflow"]["metadata"]["labels"]


def test_netrc_does_not_replace_the_token(server, fake, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("default login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server().define_argo_server_part_of_environment()
    simple(name="w").create()
    assert all(asked.headers["Authorization"] == "Bearer ours" for asked in fake.asked)


def test_a_login_page_is_told_to_hera_too(server, fake):
    server().define_argo_server_part_of_environment()
    fake.answer = lambda asked: Answer(b"<html>", 200, {"Content-Type": "text/html"})
    with pytest.raises(UserError, match="signed out or wrong path"):
        simple(name="w").create()
    fake.answer = lambda asked: Answer(status=302, headers={"Location": "https://sso/"})
    with pytest.raises(UserError, match="signed out or wrong path"):
        simple(name="w").create()


SCRIPT = """
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
argo_server = hera_utils.argo_server(cluster, args)
argo_server.define_argo_server_part_of_environment()
from hera.workflows import Container, Workflow
with Workflow(name="w", entrypoint="c") as w:
    Container(name="c", image="i")
w.create()
"""


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (403, "hera_utils: Argo's server answers: no right (./script.py, line 10)\n"),
        (400, "hera_utils: Argo's server answers: no right (./script.py, line 10)\n"),
    ],
)
def test_a_refused_submission_is_one_sentence(fake, tmp_path, status, sentence):
    fake.answer = lambda asked: (
        Answer({"metadata": {}, "items": None})
        if asked.method == "GET"
        else Answer({"code": 7, "message": "no right"}, status)
    )
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py", f"--argo_server=127.0.0.1:{fake.port}"],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(TEMPLATE),
            "HOME": str(tmp_path),
            "ARGO_SECURE": "false",
            "ARGO_NAMESPACE": "n",
            "ARGO_TOKEN": "t",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, sentence)
