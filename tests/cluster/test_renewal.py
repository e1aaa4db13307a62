"""A watch that outlives its token: the next one is asked for, and nothing is lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from real_cluster import ACCOUNTS, RealCluster

from hera_experiment.follow.watch import Follower
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.credentials import LIFETIME, ServiceAccountToken
from hera_experiment.platform.http_session import Session
from hera_utils.cli_context import parse_arguments
from hera_utils.cluster import KubernetesCluster

SUSPENDED = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: long, namespace: {namespace}}}
spec:
  suspend: true
  entrypoint: main
  templates:
  - {{name: main, container: {{image: python:3.13-slim, command: [sh, -c, exit]}}}}
"""


class Wire:
    """Carries connections to ``target`` until it is cut; new ones pass again."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection there is."""
        while self._ends:
            with suppress(OSError):
                self._ends.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(cluster: RealCluster) -> Iterator[Wire]:
    wire = Wire(cluster["ARGO_SERVER"])
    yield wire
    wire.close()


def test_a_token_is_renewed_during_a_long_watch(
    cluster: RealCluster, new_namespace: Callable[[], str], wire: Wire, tmp_path: Path
) -> None:
    namespace = new_namespace()
    home = f"namespace: {cluster['ARGO_NAMESPACE']}"
    objects = ACCOUNTS.format(namespace=namespace).replace("namespace: experiments", home)
    cluster.apply(objects)
    cluster.apply(SUSPENDED.format(namespace=namespace))
    settings = {"KUBECONFIG": cluster["KUBECONFIG"], "ARGO_NAMESPACE": namespace}
    context = parse_arguments(argv=[], environ=settings, folder=tmp_path, home=tmp_path)
    now = [0.0]
    kubernetes = KubernetesCluster(context, asserting=False)
    credential = ServiceAccountToken(kubernetes, "argo-user", clock=lambda: now[0])
    used: list[str] = []

    def authorization() -> str:
        used.append(credential.authorization())
        return used[-1]

    client = ArgoClient(f"http://{wire.address}/", Session(authorization), "the test")
    states = Follower(client, namespace, name="long", patience=30).events()

    def seen(mark: str) -> None:
        """Change the workflow, and read on until that is seen."""
        words = f"label workflow long -n {namespace} --overwrite mark={mark}"
        cluster.kubectl(*words.split())
        for state in states:
            labels = state.workflow["metadata"].get("labels") or {}
            if labels.get("mark") == mark:
                return

    next(states)
    seen("first")
    first = used[-1]
    # The account is made anew: no token of the old one is worth anything from now on.
    cluster.kubectl("delete", "serviceaccount", "argo-user", "-n", namespace)
    cluster.apply(objects)
    now[0] += 0.9 * LIFETIME
    wire.cut()
    seen("second")
    assert used[-1] != first and len(set(used)) == 2
    assert first not in str(vars(credential))
    workflow = client.get_workflow(namespace, "long")
    assert workflow["metadata"]["labels"]["mark"] == "second"
