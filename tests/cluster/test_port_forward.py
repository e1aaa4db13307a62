"""A port of this machine leads to Argo's server in the cluster, whatever happens to its pod."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue

import pytest
from argo_front import free_port, relay_pod
from polling import until
from real_cluster import Done, Project, RealCluster


class Running:
    """``port-forward`` in the background."""

    def __init__(self, project: Project, *options: str, **environ: str) -> None:
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hera_utils", "port-forward", *options],
            cwd=project.folder,
            env={**project.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self._queue.put(line.rstrip("\n"))

    def wait_for(self, text: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not any(text in line for line in self.lines):
            try:
                self.lines.append(self._queue.get(timeout=max(0, end - time.monotonic())))
            except Empty:
                pytest.fail(f"no {text!r} in {self.lines}")

    def has_said(self, text: str) -> bool:
        while not self._queue.empty():
            self.lines.append(self._queue.get())
        return any(text in line for line in self.lines)

    def children(self) -> list[int]:
        found: list[int] = []
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):  # the thread has ended meanwhile
                found += map(int, (thread / "children").read_text().split())
        return found

    def child(self) -> int:
        """Return the one child; the kernel's list misses it for an instant when its thread ends."""
        found = until(lambda: each if len(each := self.children()) == 1 else [], 5, 0.1)
        return found[0]

    def interrupt(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def forward(
    project: Project, cluster: RealCluster, relayed_argo: str
) -> Iterator[Callable[..., Running]]:
    """Start ``port-forward`` as the researcher and wait until it is up."""
    started: list[Running] = []

    def start(*options: str, **environ: str) -> Running:
        running = Running(
            project,
            *options,
            **{"KUBECONFIG": cluster["KUBECONFIG"], "ARGO_NAMESPACE": relayed_argo, **environ},
        )
        started.append(running)
        running.wait_for("forwarding until Ctrl-C")
        return running

    yield start
    for running in started:
        # Not killed: then it could not end its kubectl.
        running.process.terminate()
        running.process.wait(30)


def without_kubectl(folder: Path) -> str:
    """Return a PATH that has no kubectl."""
    (folder / "empty").mkdir()
    return str(folder / "empty")


def version(port: int, token: str) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/version", headers={"Authorization": f"Bearer {token}"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return str(json.load(response)["version"])


@pytest.mark.parametrize("way", ["kubectl", "package"])
def test_is_established_again_when_the_pod_goes(
    way: str,
    forward: Callable[..., Running],
    cluster: RealCluster,
    relayed_argo: str,
    host_address: str,
    submit: Callable[..., Done],
    tmp_path: Path,
) -> None:
    port = free_port()
    path = cluster.kubectl_folder if way == "kubectl" else without_kubectl(tmp_path)
    running = forward(f"--port={port}", PATH=path)
    assert f"export ARGO_SERVER=127.0.0.1:{port}" in running.lines
    assert "export ARGO_SECURE=false" in running.lines
    assert bool(running.children()) == (way == "kubectl")

    token = cluster.token("argo-user", relayed_argo)
    assert version(port, token).startswith("v3.")
    where = ("-n", relayed_argo)
    cluster.kubectl("delete", "pod", "relay", *where)
    upstream = int(cluster["ARGO_SERVER"].rpartition(":")[2])
    cluster.apply(relay_pod("relay-2", relayed_argo, host_address, upstream))
    # Requests while there is no ready pod wait rather than fail; the old one may take a moment
    # to go.
    while not running.has_said(f"leads to pod {relayed_argo}/relay-2"):
        assert version(port, token).startswith("v3.")
        time.sleep(0.3)

    done = submit(
        KUBECONFIG=cluster["KUBECONFIG"],
        ARGO_SERVER=f"127.0.0.1:{port}",
        ARGO_SECURE="false",
        ARGO_NAMESPACE=relayed_argo,
        ARGO_SERVICE_ACCOUNT="argo-user",
    )
    assert done.status == 0, done.err
    assert running.interrupt() == 0


def persistently(ask: Callable[[], str]) -> str:
    """Ask as clients do that try again when a connection breaks."""
    for _ in range(5):
        try:
            return ask()
        except (ConnectionError, urllib.error.URLError):
            time.sleep(0.5)
    return ask()


def wait_until_dead(process: int) -> None:
    """Wait for the kernel to end a killed process: until then it may accept a connection."""
    state = Path(f"/proc/{process}/stat")
    until(
        lambda: not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z",
        10,
        0.01,
    )


def test_a_killed_kubectl_is_replaced_and_none_is_left_behind(
    forward: Callable[..., Running], cluster: RealCluster, relayed_argo: str
) -> None:
    port = free_port()
    running = forward(f"--port={port}", PATH=cluster.kubectl_folder)
    token = cluster.token("argo-user", relayed_argo)
    kubectl = running.child()
    os.kill(kubectl, signal.SIGKILL)
    wait_until_dead(kubectl)
    assert persistently(lambda: version(port, token)).startswith("v3.")
    other = running.child()
    assert other != kubectl
    assert running.interrupt(signal.SIGTERM) == 0
    assert not Path(f"/proc/{other}").exists()
    running.wait_for("has ended")
    assert not any("Traceback" in line for line in running.lines)


def test_a_user_who_may_not_read_services_and_one_who_may(
    forward: Callable[..., Running], cluster: RealCluster, relayed_argo: str
) -> None:
    administrator = forward("--port=0", KUBECONFIG=cluster["ADMIN_KUBECONFIG"])
    researcher = forward("--port=0")
    for running in (administrator, researcher):
        running.wait_for(f"leads to pod {relayed_argo}/relay, port 2746")
        assert running.interrupt() == 0


@pytest.mark.parametrize(
    ("options", "environ", "sentence"),
    [
        (["--port=http"], {}, "'http' is not a port"),
        (["--port=70000"], {}, "'70000' is not a port"),
        (["--port=0"], {"KUBECONFIG": "/dev/null"}, "a port-forward needs a kubeconfig"),
        (["--port=0"], {"KUBECONFIG": "nowhere"}, "there is no kubeconfig ./nowhere"),
        (["--port=0", "--namespace=no-such-namespace"], {}, "no-such-namespace"),
        (["--port=0", "--service=other"], {"administrator": "1"}, "no service 'other'"),
        (["--cluster=local"], {}, "the laptop's server needs no port-forward"),
    ],
)
def test_bad_input_is_one_sentence(
    options: list[str],
    environ: dict[str, str],
    sentence: str,
    project: Project,
    cluster: RealCluster,
    namespace: str,
) -> None:
    user = "ADMIN_KUBECONFIG" if environ.pop("administrator", "") else "KUBECONFIG"
    settings = {"KUBECONFIG": cluster[user], "ARGO_NAMESPACE": namespace, **environ}
    done = project.run("hera_utils", "port-forward", *options, **settings)
    assert done.status == 1
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1
