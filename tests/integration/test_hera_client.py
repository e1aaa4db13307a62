"""Plain Hera, with nothing of ours but the exported variables, believes the local server."""

import json
import os
import subprocess
import sys
import time

import pytest
import requests
from hera.exceptions import AlreadyExists, BadRequest, InternalServerError, NotFound, Unauthorized
from hera.workflows import DAG, Parameter, Steps, Workflow, WorkflowsService, script
from hera.workflows.models import (
    WorkflowLintRequest,
    WorkflowRetryRequest,
    WorkflowStopRequest,
    WorkflowTerminateRequest,
)
from local_serve import serving
from polling import until

IMAGE = "python:3.13-slim"


@script(image=IMAGE)
def double(number: int):
    print(2 * number)


@script(image=IMAGE)
def talk():
    print("first")
    print()
    print("caf\u00e9 third")


@script(image=IMAGE)
def fail():
    raise SystemExit(3)


@script(image=IMAGE)
def sleep():
    import time

    print("asleep", flush=True)
    time.sleep(600)


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("experiment")) as exported:
        yield exported


@pytest.fixture
def service(variables):
    session = requests.Session()
    session.trust_env = False
    return WorkflowsService(
        host=variables["GLOBAL_CONFIG_HOST"],
        token=variables["ARGO_TOKEN"],
        namespace=variables["ARGO_NAMESPACE"],
        session=session,
    )


def workflow(service, task, name="demo-", **inputs):
    w = Workflow(
        generate_name=name, entrypoint="main", workflows_service=service, namespace="local"
    )
    with w, Steps(name="main"):
        task(name="only", arguments=inputs)
    return w


def run(service, task, **inputs):
    w = workflow(service, task, **inputs)
    w.create(wait=False)
    return w.wait(poll_interval=1)


def lines(service, name, **options):
    """The log through requests: Hera's own method reads one line only."""
    response = service.session.get(
        f"{service.host}api/v1/workflows/{service.namespace}/{name}/log",
        params={f"logOptions.{key}": value for key, value in options.items()},
        headers={"Authorization": service.token},
        timeout=60,
    )
    return [json.loads(line)["result"] for line in response.content.split(b"\n") if line]


def test_create_wait_and_get(service):
    with (
        Workflow(
            generate_name="diamond-",
            entrypoint="main",
            workflows_service=service,
            namespace="local",
            arguments=Parameter(name="start", value=5),
        ) as w,
        DAG(name="main"),
    ):
        a = double(name="a", arguments={"number": "{{workflow.parameters.start}}"})
        b = double(name="b", arguments={"number": a.result})
        a >> b
    created = w.create(wait=False)
    assert created.metadata.name.startswith("diamond-")
    assert len(created.metadata.name) == len("diamond-") + 5
    assert created.metadata.namespace == "local"
    done = w.wait(poll_interval=1)
    assert done.status.phase == "Succeeded"
    assert done.status.progress == "2/2"
    nodes = {node.display_name: node for node in done.status.nodes.values()}
    assert nodes["a"].outputs.result == "10"
    log = lines(service, created.metadata.name)
    assert [entry["content"] for entry in log] == ["10", "20"]
    fetched = service.get_workflow(created.metadata.name)
    assert fetched.spec.arguments.parameters[0].value == "5"


def test_create_may_wait_itself(service):
    done = workflow(service, talk).create(wait=True, poll_interval=1)
    assert done.status.phase == "Succeeded"


def test_logs_of_several_lines(service):
    done = run(service, talk)
    entries = lines(service, done.metadata.name, container="main")
    assert [entry["content"] for entry in entries] == ["first", "", "caf\u00e9 third"]
    assert len({entry["podName"] for entry in entries}) == 1
    assert entries == lines(service, done.metadata.name, follow="true")
    tail = lines(service, done.metadata.name, tailLines=1)
    assert [entry["content"] for entry in tail] == ["caf\u00e9 third"]


def test_a_failure_is_failed_and_can_be_retried(service):
    done = run(service, fail)
    assert done.status.phase == "Failed"
    pod = next(node for node in done.status.nodes.values() if node.type == "Pod")
    assert pod.outputs.exit_code == "3"
    again = service.retry_workflow(done.metadata.name, WorkflowRetryRequest())
    assert again.metadata.name == done.metadata.name
    until(lambda: service.get_workflow(done.metadata.name).status.finished_at)
    assert service.get_workflow(done.metadata.name).status.phase == "Failed"


@pytest.mark.parametrize("how", ["stop", "terminate"])
def test_stop_and_terminate(service, how):
    name = workflow(service, sleep).create().metadata.name
    until(lambda: lines(service, name))
    if how == "stop":
        service.stop_workflow(name, WorkflowStopRequest(message="enough"))
    else:
        service.terminate_workflow(name, WorkflowTerminateRequest())
    until(lambda: service.get_workflow(name).status.finished_at)
    assert service.get_workflow(name).status.phase == "Failed"


def test_list_and_delete(service):
    names = [run(service, talk).metadata.name for _ in range(2)]
    listed = service.list_workflows(label_selector="workflows.argoproj.io/phase=Succeeded")
    assert set(names) <= {item.metadata.name for item in listed.items}
    one = service.list_workflows(field_selector=f"metadata.name={names[0]}")
    assert [item.metadata.name for item in one.items] == [names[0]]
    assert len(service.list_workflows(limit="1").items) == 1
    service.delete_workflow(names[0])
    with pytest.raises(NotFound, match=f'workflows.argoproj.io "{names[0]}" not found'):
        service.get_workflow(names[0])
    assert service.get_workflow(names[1], fields="metadata,spec,status.phase").status.phase


def test_lint_version_and_user(service):
    w = workflow(service, talk)
    assert w.lint().spec.entrypoint == "main"
    broken = w.build()
    broken.spec.entrypoint = "missing"
    with pytest.raises(InternalServerError, match="missing"):
        service.lint_workflow(WorkflowLintRequest(workflow=broken))
    assert service.get_version().version.startswith("v3.7.")
    assert service.get_info() is not None
    assert service.get_user_info().subject == "local"


def test_refusals_are_heras_own_exceptions(service, variables):
    w = workflow(service, talk)
    w.generate_name, w.name = None, "taken"
    w.create()
    with pytest.raises(AlreadyExists, match=r'"taken" already exists'):
        w.create()
    w.entrypoint, w.name = "missing", "other"
    with pytest.raises(BadRequest, match="missing"):
        w.create()
    service.token = "Bearer wrong"
    with pytest.raises(Unauthorized):
        service.get_workflow("taken")


def test_a_script_of_five_lines_finds_the_server_in_its_environment(variables, tmp_path):
    path = tmp_path / "five.py"
    path.write_text(
        "import os\n"
        "from hera.shared import global_config\n"
        "from hera.workflows import Container, Workflow\n"
        "global_config.host = os.environ['GLOBAL_CONFIG_HOST']\n"
        "global_config.token = os.environ['ARGO_TOKEN']\n"
        "global_config.namespace = os.environ['ARGO_NAMESPACE']\n"
        "with Workflow(generate_name='five-', entrypoint='c') as w:\n"
        f"    Container(name='c', image='{IMAGE}', command=['python', '-c', 'print(7)'])\n"
        "print(w.create(wait=True, poll_interval=1).status.phase)\n"
    )
    environ = {**os.environ, **variables, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, str(path)], env=environ, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "Succeeded\n"), done.stderr


def test_create_and_get_cost_milliseconds(service):
    w = workflow(service, talk, name="timed-").build().dict(by_alias=True, exclude_none=True)
    url, headers = f"{service.host}api/v1/workflows/local", {"Authorization": service.token}
    durations = []
    for number in range(5):
        w["metadata"] = {"name": f"timed-{number}"}
        w["spec"]["suspend"] = None
        started = time.perf_counter()
        created = service.session.post(url, json={"workflow": w}, headers=headers, timeout=60)
        assert created.ok, created.text
        service.session.get(f"{url}/timed-{number}", headers=headers, timeout=60)
        durations.append(time.perf_counter() - started)
        until(
            lambda n=number: service.session.get(
                f"{url}/timed-{n}", headers=headers, timeout=60
            ).json()["status"]["finishedAt"]
        )
    # Nagle and delayed ACK would cost 44 ms a request.
    assert min(durations) < 0.04
