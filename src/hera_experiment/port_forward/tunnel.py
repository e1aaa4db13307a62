"""The two ways into a pod: the kubectl program, and the kubernetes package."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from hera_experiment.port_forward.target import Target

_START = 20.0
"""Seconds that kubectl has to begin forwarding."""

_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ->")


class Tunnel(Protocol):
    """A way into one pod, for any number of connections."""

    def dial(self) -> socket.socket:
        """Return a new connection to the pod's port; raises ``OSError`` when the way is gone."""

    def close(self) -> None:
        """Give up the way; its connections end."""


class KubectlTunnel:
    """``kubectl port-forward``, on a port of its own choice.

    ``environ`` names the cluster by ``KUBECONFIG``. Raises ``OSError`` when kubectl does not begin
    to forward, with its own words.
    """

    def __init__(self, kubectl: str, environ: Mapping[str, str], target: Target) -> None:
        self._last_error = ""
        found: SimpleQueue[int] = SimpleQueue()
        arguments = ["--namespace", target.namespace, "port-forward", "--address", "127.0.0.1"]
        # A session of its own: Ctrl-C reaches this program alone, which then ends kubectl.
        self._process = subprocess.Popen(
            [kubectl, *arguments, f"pod/{target.pod}", f":{target.port}"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        # kubectl writes a line per connection: somebody must read them, or it stops.
        threading.Thread(target=self._read, args=(found,), daemon=True).start()
        try:
            self._port = found.get(timeout=_START)
        except Empty:
            self._port = 0
        if not self._port:
            self.close()
            raise OSError(f"kubectl port-forward: {self._last_error or 'no answer in time'}")

    def dial(self) -> socket.socket:
        """Return a new connection; raises ``OSError`` when kubectl has ended."""
        if self._process.poll() is not None:
            raise ConnectionError(f"kubectl port-forward: {self._last_error or 'it ended'}")
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        connection.settimeout(None)
        return connection

    def close(self) -> None:
        """End kubectl."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _read(self, found: SimpleQueue[int]) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if match := _FORWARDING.search(line):
                    found.put(int(match[1]))
                elif "rror" in line:
                    self._last_error = line.strip().removeprefix("error: ")
        found.put(0)


class PackageTunnel:
    """The port-forward of the kubernetes package: one web socket per connection.

    ``core`` makes a ``kubernetes.client.CoreV1Api`` of its own for each call, since the package
    alters the client while it opens a web socket.
    """

    def __init__(self, core: Callable[[], Any], target: Target) -> None:
        self._core = core
        self._target = target
        self._forwards: list[Any] = []
        self.dial().close()

    def dial(self) -> socket.socket:
        """Return a new connection; raises ``OSError`` when the API server refuses it."""
        from kubernetes.client.exceptions import ApiException
        from kubernetes.stream import portforward
        from websocket import WebSocketException

        target = self._target
        try:
            forward = portforward(
                self._core().connect_get_namespaced_pod_portforward,
                target.pod,
                target.namespace,
                ports=str(target.port),
            )
        except (ApiException, WebSocketException) as error:
            reason = getattr(error, "reason", "") or type(error).__name__
            raise ConnectionError(f"no way to {target}: {str(reason).splitlines()[0]}") from None
        self._forwards = [each for each in self._forwards if each.connected]
        self._forwards.append(forward)
        connection: socket.socket = forward.socket(target.port)
        return connection

    def close(self) -> None:
        """End all connections."""
        for forward in self._forwards:
            forward.close()
