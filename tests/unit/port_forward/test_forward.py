"""The port stays; the way behind it is renewed when its pod goes."""

import errno
import socket
import threading
from collections.abc import Iterator

import pytest

from hera_experiment.errors import UserError
from hera_experiment.port_forward.forward import PortForward
from hera_experiment.port_forward.target import NotNow, Target
from hera_experiment.port_forward.tunnel import Tunnel


class Pod:
    """A server that answers every line with its own name."""

    def __init__(self, name: str) -> None:
        self.target = Target("argo", name, f"uid-{name}", 2746)
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb", buffering=0) as stream:
            for line in stream:
                stream.write(self.target.pod.encode() + b" " + line)
            stream.write(b"goodbye")


class SocketTunnel:
    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.closed = False

    def dial(self) -> socket.socket:
        if self.closed:
            raise ConnectionError("closed")
        return socket.create_connection(self.pod.listener.getsockname())

    def close(self) -> None:
        self.closed = True


class Cluster:
    """Which pods are ready; ``failures`` are raised first, one per search."""

    def __init__(self, *names: str) -> None:
        self.pods = [Pod(name) for name in names]
        self.failures: list[Exception] = []
        self.tunnels: list[SocketTunnel] = []

    def find(self) -> Target:
        if self.failures:
            raise self.failures.pop(0)
        if not self.pods:
            raise NotNow("no pod is ready")
        return self.pods[0].target

    def is_alive(self, target: Target) -> bool:
        return any(pod.target == target for pod in self.pods)

    def open_tunnel(self, target: Target) -> Tunnel:
        (pod,) = (each for each in self.pods if each.target == target)
        self.tunnels.append(SocketTunnel(pod))
        return self.tunnels[-1]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster("first", "second")
    pods = list(cluster.pods)
    yield cluster
    for pod in pods:
        pod.listener.close()


def ask(port: int, question: bytes = b"hello\n") -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(question)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(4096), b""))


def is_hung_up_on(port: int) -> bool:
    """Tell whether whoever connects is hung up on without an answer, before it has ended or not."""
    try:
        return ask(port) == b""
    except OSError as error:
        return error.errno in (errno.ENOTCONN, errno.ECONNRESET, errno.EPIPE)


def test_carries_both_directions_and_the_half_close(cluster: Cluster, said: list[str]) -> None:
    with PortForward(0, cluster, cluster.open_tunnel, said.append) as forward:
        lines = b"x" * 200_000 + b"\n"
        assert ask(forward.port, lines) == b"first " + lines + b"goodbye"
        assert said == [f"127.0.0.1:{forward.port} leads to pod argo/first, port 2746"]


def test_a_pod_that_went_is_replaced_before_the_next_connection(
    cluster: Cluster, said: list[str]
) -> None:
    clock = Clock()
    with PortForward(0, cluster, cluster.open_tunnel, said.append, clock=clock) as forward:
        assert ask(forward.port) == b"first hello\ngoodbye"
        cluster.pods.pop(0)
        clock.now += 5
        assert ask(forward.port) == b"second hello\ngoodbye"
        assert cluster.tunnels[0].closed
        assert said[1:] == [
            "lost pod argo/first, port 2746",
            f"127.0.0.1:{forward.port} leads to pod argo/second, port 2746",
        ]


def test_a_connection_waits_while_no_pod_is_ready(cluster: Cluster, said: list[str]) -> None:
    with PortForward(0, cluster, cluster.open_tunnel, said.append) as forward:
        cluster.tunnels[0].closed = True
        cluster.failures = [NotNow("no pod is ready"), OSError("kubectl ended")]
        assert ask(forward.port) == b"first hello\ngoodbye"
        assert "waiting: no pod is ready" in said


def test_patience_ends_and_the_client_is_hung_up_on(cluster: Cluster, said: list[str]) -> None:
    with PortForward(0, cluster, cluster.open_tunnel, said.append, patience=-1) as forward:
        cluster.tunnels[0].closed = True
        assert is_hung_up_on(forward.port)
        assert said[-1] == "closed"
        assert ask(forward.port) == b"first hello\ngoodbye"


def test_without_a_way_at_the_start_it_says_why_and_frees_the_port(
    cluster: Cluster, said: list[str]
) -> None:
    cluster.failures = [OSError("kubectl port-forward: Unauthorized")]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(UserError, match="kubectl port-forward: Unauthorized"):
        PortForward(port, cluster, cluster.open_tunnel, said.append)
    with PortForward(port, cluster, cluster.open_tunnel, said.append) as forward:
        assert forward.port == port


def test_a_port_that_is_taken_is_named(cluster: Cluster, said: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port}: .*choose another with PORT="):
            PortForward(port, cluster, cluster.open_tunnel, said.append)


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_port_that_cannot_be_is_named(cluster: Cluster, said: list[str], port: int) -> None:
    with pytest.raises(UserError, match=f"port {port}: "):
        PortForward(port, cluster, cluster.open_tunnel, said.append)


def test_closing_ends_open_connections_and_the_port(cluster: Cluster, said: list[str]) -> None:
    forward = PortForward(0, cluster, cluster.open_tunnel, said.append)
    with socket.create_connection(("127.0.0.1", forward.port), timeout=10) as client:
        client.sendall(b"hello\n")
        assert client.recv(100) == b"first hello\n"
        forward.close()
        assert client.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        ask(forward.port)
