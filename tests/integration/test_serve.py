"""The verb ``serve``: a server in the foreground, and the one that clients start."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request

import pytest
from local_serve import COMMAND, TEMPLATE, clean_environment, end, exports, start
from polling import until
from task_processes import task_processes

from hera_experiment.experiment import Experiment
from hera_experiment.platform import local_server

# Ignores the proxies of the environment.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

SLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "slow-"},
    "spec": {
        "entrypoint": "main",
        "templates": [
            {
                "name": "main",
                "script": {
                    "image": "python:3.13-slim",
                    "command": ["python"],
                    "source": "import time\nprint('begun', flush=True)\ntime.sleep(600)",
                },
            }
        ],
    },
}


def _waits(name):
    code = "echo begun; sleep 600 & wait"
    return {"name": name, "image": "python:3.13-slim", "command": ["sh", "-c", code]}


TOGETHER = {
    **SLOW,
    "metadata": {"generateName": "together-"},
    "spec": {
        "entrypoint": "main",
        "templates": [
            {
                "name": "main",
                "dag": {
                    "tasks": [
                        {"name": "daemon", "template": "daemon"},
                        {"name": "set", "template": "set", "depends": "daemon"},
                    ]
                },
            },
            {
                "name": "daemon",
                "daemon": True,
                "container": _waits("main"),
                "sidecars": [_waits("side")],
            },
            {
                "name": "set",
                "containerSet": {"containers": [_waits("a"), _waits("b")]},
                "sidecars": [_waits("side")],
            },
        ],
    },
}


def ask(url, token, method="GET", path="api/v1/workflows/local", body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Authorization": token}, method=method)
    with OPENER.open(request, timeout=20) as response:
        return json.load(response)


def submit(url, token):
    name = ask(url, token, "POST", body={"workflow": SLOW})["metadata"]["name"]
    log = f"api/v1/workflows/local/{name}"
    until(lambda: ask(url, token, path=log)["status"].get("phase") == "Running")
    return name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_prints_exports_and_stays_until_a_signal(tmp_path, number):
    process = start(tmp_path)
    variables = exports(process)
    assert variables["ARGO_SERVER"].startswith("127.0.0.1:")
    assert variables["GLOBAL_CONFIG_HOST"] == f"http://{variables['ARGO_SERVER']}/"
    assert variables["ARGO_TOKEN"].startswith("Bearer ")
    assert variables["KUBECONFIG"] == os.devnull
    assert ask(variables["GLOBAL_CONFIG_HOST"], variables["ARGO_TOKEN"])["items"] is None
    assert (tmp_path / ".hera").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".hera" / "server.json").stat().st_mode & 0o777 == 0o600
    assert end(process, number) == (0, "", "")
    assert not (tmp_path / ".hera" / "server.json").exists()
    with pytest.raises(urllib.error.URLError):
        ask(variables["GLOBAL_CONFIG_HOST"], variables["ARGO_TOKEN"])


def test_a_port_of_ones_own_and_a_proxy_that_is_passed_by(tmp_path):
    process = start(tmp_path, "--port", "0", http_proxy="http://127.0.0.1:9", NO_PROXY="a.example")
    variables = exports(process)
    port = variables["ARGO_SERVER"].rsplit(":", 1)[1]
    assert variables["NO_PROXY"] == variables["no_proxy"] == "a.example,127.0.0.1"
    end(process)
    again = start(tmp_path, "--port", port)
    assert exports(again)["ARGO_SERVER"] == f"127.0.0.1:{port}"
    other = tmp_path / "other"
    other.mkdir()
    (other / "experiment.toml").write_text('[experiment]\nname = "o"\nslug = "o"\n')
    taken = start(other, "--port", port)
    out, err = taken.communicate(timeout=20)
    assert (taken.returncode, out) == (1, "")
    assert f"port {port}" in err
    assert len(err.splitlines()) == 1
    end(again)


@pytest.mark.parametrize(
    "options", [["--runtime", "chroot"], ["--port", "70000"], ["--parallelism", "-1"]]
)
def test_wrong_options_are_one_sentence(tmp_path, options):
    process = start(tmp_path, *options)
    out, err = process.communicate(timeout=20)
    assert process.returncode != 0
    assert (out, len(err.splitlines())) == ("", 1)
    assert "Traceback" not in err


def test_a_second_one_shares_the_first(tmp_path):
    first = start(tmp_path)
    variables = exports(first)
    second = start(tmp_path, "--runtime", "docker")
    shared = exports(second)
    assert shared["ARGO_SERVER"] == variables["ARGO_SERVER"]
    token = shared["ARGO_TOKEN"]
    assert token != variables["ARGO_TOKEN"]
    assert ask(shared["GLOBAL_CONFIG_HOST"], token)["items"] is None
    assert end(second)[0] == 0
    assert ask(shared["GLOBAL_CONFIG_HOST"], token)["items"] is None
    third = start(tmp_path)
    exports(third)
    assert end(first)[0] == 0
    out, err = third.communicate(timeout=20)
    assert (third.returncode, out) == (1, "")
    assert "has ended" in err


def test_ctrl_c_ends_what_runs(tmp_path):
    process = start(tmp_path)
    variables = exports(process)
    name = submit(variables["GLOBAL_CONFIG_HOST"], variables["ARGO_TOKEN"])
    status, _, err = end(process)
    assert status == 0
    assert "ending the workflows" in err
    again = start(tmp_path)
    variables = exports(again)
    found = ask(
        variables["GLOBAL_CONFIG_HOST"],
        variables["ARGO_TOKEN"],
        path=f"api/v1/workflows/local/{name}",
    )
    assert found["status"]["phase"] in ("Failed", "Error")
    assert found["status"]["finishedAt"]
    end(again)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has /proc")
@pytest.mark.parametrize("runtime", ["bubblewrap", "process"])
def test_tasks_and_their_folders_go_with_a_killed_server(tmp_path, runtime):
    process = start(tmp_path, "--runtime", runtime)
    variables = exports(process)
    name = submit(variables["GLOBAL_CONFIG_HOST"], variables["ARGO_TOKEN"])
    until(lambda: has_begun(tmp_path, name))
    folder = tmp_path / ".hera" / {"bubblewrap": "roots", "process": "scratch"}[runtime]
    assert task_processes(name) and list(folder.iterdir())
    end(process, signal.SIGKILL)
    until(lambda: not task_processes(name) and not list(folder.iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has /proc")
@pytest.mark.parametrize("runtime", ["bubblewrap", "process"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_daemons_and_sidecars_go_with_their_server(tmp_path, runtime, number):
    process = start(tmp_path, "--runtime", runtime)
    variables = exports(process)
    url, token = variables["GLOBAL_CONFIG_HOST"], variables["ARGO_TOKEN"]
    name = ask(url, token, "POST", body={"workflow": TOGETHER})["metadata"]["name"]
    until(lambda: has_begun(tmp_path, name, 5))
    folder = tmp_path / ".hera" / {"bubblewrap": "roots", "process": "scratch"}[runtime]
    assert task_processes(name) and list(folder.iterdir())
    end(process, number)
    until(lambda: not task_processes(name) and not list(folder.iterdir()))


def has_begun(folder, workflow, containers=1):
    logs = folder / ".hera" / "runs" / workflow / "logs"
    return sum("begun" in log.read_text() for log in logs.glob("*.log")) == containers


def test_a_server_that_is_killed_leaves_no_lock_and_its_workflows_are_closed(tmp_path):
    process = start(tmp_path)
    variables = exports(process)
    name = submit(variables["GLOBAL_CONFIG_HOST"], variables["ARGO_TOKEN"])
    end(process, signal.SIGKILL)
    again = start(tmp_path)
    variables = exports(again)
    url, token = variables["GLOBAL_CONFIG_HOST"], variables["ARGO_TOKEN"]
    found = ask(url, token, path=f"api/v1/workflows/local/{name}")
    assert found["status"]["phase"] == "Error"
    assert "retry it" in found["status"]["message"]
    end(again)


@pytest.fixture
def acquire(tmp_path):
    """Start a server as a client does, from the folder of the test."""
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "e"\nslug = "e"\n')
    experiment = Experiment.find(tmp_path)
    environ = clean_environment()
    assert environ["PYTHONPATH"] == str(TEMPLATE)
    return lambda: local_server.acquire(experiment, environ=environ, command=COMMAND)


def gone(lease):
    return not (lease.server.state / "server.json").exists()


def test_a_server_of_clients_leaves_with_the_last_of_them(acquire):
    first = acquire()
    token = f"Bearer {first.server.token('run-1', 'process')}"
    assert ask(first.server.url, token)["items"] is None
    second = acquire()
    assert (first.started, second.started) == (True, False)
    assert second.server.url == first.server.url
    first.close()
    assert ask(second.server.url, token)["items"] is None
    second.close()
    until(lambda: gone(first))
    with acquire() as third:
        assert third.started
        assert ask(third.server.url, f"Bearer {third.server.token()}")["items"] is None
    until(lambda: gone(third))
    assert third.server.log.read_text() == ""


def test_a_server_of_clients_stays_while_a_workflow_runs(acquire):
    lease = acquire()
    token = f"Bearer {lease.server.token('run-7')}"
    name = submit(lease.server.url, token)
    path = f"api/v1/workflows/local/{name}"
    labels = ask(lease.server.url, token, path=path)["metadata"]["labels"]
    assert labels["workflows.argoproj.io/creator"] == "run-7"
    lease.close()
    with acquire() as again:
        assert again.server.url == lease.server.url
        ask(again.server.url, token, "PUT", f"{path}/terminate", {})
        until(lambda: ask(again.server.url, token, path=path)["status"]["finishedAt"])
    until(lambda: gone(lease))


def test_the_first_request_need_not_wait_for_the_server(acquire):
    with acquire() as lease:
        # Nothing was waited for: the request lies in the backlog until the server is up.
        assert ask(lease.server.url, f"Bearer {lease.server.token()}", path="api/v1/version")
    until(lambda: gone(lease))
