"""The rendezvous: one server, whoever starts, dies or leaves."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from polling import until

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.platform.local_server import LocalServer, acquire, claim_socket, running

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"
SERVER = Path(__file__).with_name("rendezvous_server.py")


@pytest.fixture
def place(tmp_path):
    """An experiment, and the file with one line for each server that ran for it."""
    (tmp_path / "e").mkdir()
    return Experiment(tmp_path / "e", "e", "e"), tmp_path / "count"


def command(count):
    return (sys.executable, str(SERVER), str(count))


def asked(server):
    return requests.get(server.url, timeout=10).json()


def pid_of(server):
    return asked(server)["pid"]


def test_the_first_client_starts_a_server_and_need_not_wait(place):
    experiment, count = place
    with acquire(experiment, command=command(count)) as lease:
        assert lease.started
        assert pid_of(lease.server) == lease.server.pid
        state = experiment.state
        assert state.stat().st_mode & 0o777 == 0o700
        assert (state / "server.json").stat().st_mode & 0o777 == 0o600
        assert json.loads((state / "server.json").read_text()) == {
            "url": lease.server.url,
            "secret": lease.server.secret,
            "pid": lease.server.pid,
        }
        assert (state / ".gitignore").read_text() == "*\n"
        assert running(experiment) == lease.server
    until(lambda: running(experiment) is None, 10, 0.02)
    assert not (state / "server.json").exists()


def test_a_second_client_shares_it_and_the_last_one_lets_it_go(place):
    experiment, count = place
    first = acquire(experiment, command=command(count))
    second = acquire(experiment, command=command(count))
    assert second.server == first.server and not second.started
    first.close()
    first.close()
    # It has looked since whether anybody is there.
    begin = asked(second.server)["looks"]
    until(lambda: asked(second.server)["looks"] > begin + 2)
    assert pid_of(second.server) == first.server.pid
    second.close()
    until(lambda: running(experiment) is None, 10, 0.02)
    assert len(count.read_text().split()) == 1


CLIENT = """
import sys, requests, time
from pathlib import Path
from hera_experiment.experiment import Experiment
from hera_experiment.platform.local_server import acquire
experiment = Experiment(Path(sys.argv[1]), "e", "e")
with acquire(experiment, command=sys.argv[2:]) as lease:
    print(requests.get(lease.server.url, timeout=30).json()["pid"])
"""


def client(experiment, count):
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(experiment.folder), *command(count)],
        env={**os.environ, "PYTHONPATH": str(TEMPLATE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_clients_that_start_at_the_same_time_meet_at_one_server(place):
    experiment, count = place
    hold = experiment.state
    hold.mkdir(mode=0o700)
    clients = [client(experiment, count) for _ in range(8)]
    answers = [process.communicate(timeout=60) for process in clients]
    assert all(process.returncode == 0 for process in clients), answers
    # Some may come after the others have left: as many servers as process numbers, never two
    # at the same time, and no client is left without an answer.
    pids = {out.strip() for out, _ in answers}
    assert pids == set(count.read_text().split())
    until(lambda: running(experiment) is None, 10, 0.02)


def test_clients_that_overlap_have_one_server(place):
    experiment, count = place
    with acquire(experiment, command=command(count)) as lease:
        clients = [client(experiment, count) for _ in range(4)]
        answers = [process.communicate(timeout=60)[0].strip() for process in clients]
        assert answers == [str(lease.server.pid)] * 4
    assert len(count.read_text().split()) == 1
    until(lambda: running(experiment) is None, 10, 0.02)


def test_a_killed_server_is_replaced_although_its_address_is_left(place):
    experiment, count = place
    first = acquire(experiment, command=command(count))
    pid_of(first.server)
    os.kill(first.server.pid, signal.SIGKILL)
    until(lambda: first._process.poll() is not None, 10, 0.01)
    assert (experiment.state / "server.json").exists()
    assert running(experiment) is None
    with acquire(experiment, command=command(count)) as second:
        assert second.started and second.server.secret != first.server.secret
        assert pid_of(second.server) == second.server.pid != first.server.pid
    first.close()
    until(lambda: running(experiment) is None, 10, 0.02)


def test_a_client_that_is_killed_holds_nothing_back(place):
    experiment, count = place
    script = CLIENT + "\n    print('up', flush=True); time.sleep(60)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(experiment.folder), *command(count)],
        env={**os.environ, "PYTHONPATH": str(TEMPLATE)},
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    process.stdout.readline()
    process.kill()
    process.communicate()
    until(lambda: running(experiment) is None, 10, 0.02)


def test_a_server_in_the_foreground_is_found(place):
    experiment, count = place
    claim = claim_socket(experiment)
    assert claim is not None
    assert claim_socket(experiment) is None
    with acquire(experiment, command=command(count)) as lease:
        assert lease.server == claim.server and not lease.started
    claim.close()
    assert running(experiment) is None
    assert not count.exists()


def test_a_port_that_is_taken(place):
    experiment, _ = place
    claim = claim_socket(experiment)
    port = int(claim.server.url.rpartition(":")[2].strip("/"))
    other = Experiment(experiment.folder.parent, "o", "o")
    with pytest.raises(UserError, match=f"port {port}"):
        claim_socket(other, port=port)
    claim.close()
    assert running(other) is None


def test_a_server_that_hangs_is_one_sentence(place):
    experiment, count = place
    claim = claim_socket(experiment)
    (experiment.state / "server.json").unlink()
    with pytest.raises(UserError, match="neither answers nor ends"):
        acquire(experiment, command=command(count), patience=0.1)
    claim.close()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / ".hera").write_text("a file in the way")
    with pytest.raises(UserError, match="local state"):
        acquire(Experiment(tmp_path, "e", "e"))


def server():
    return LocalServer("http://127.0.0.1:4711/", "sec-ret", 1, Path("/nowhere/.hera"))


def test_a_token_carries_the_claims_of_its_client():
    assert server().token() == "sec-ret"
    secret, _, packed = server().token("run-1", "docker").partition(".")
    assert secret == "sec-ret" and "=" not in packed
    claims = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    assert claims == {"session": "run-1", "runtime": "docker"}
    assert "sec-ret" not in repr(server())


def test_what_a_terminal_exports_leads_here():
    token = server().token("run-1", "docker")
    assert server().exports("run-1", "docker") == {
        "CLUSTER": "local",
        "ARGO_SERVER": "127.0.0.1:4711",
        "ARGO_HTTP1": "true",
        "ARGO_SECURE": "false",
        "ARGO_TOKEN": f"Bearer {token}",
        "ARGO_NAMESPACE": "local",
        "GLOBAL_CONFIG_HOST": "http://127.0.0.1:4711/",
        "GLOBAL_CONFIG_NAMESPACE": "local",
        "KUBECONFIG": "/dev/null",
    }
