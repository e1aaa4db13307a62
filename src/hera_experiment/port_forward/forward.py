"""A forwarded port that outlives the pod it leads to."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Protocol

from hera_experiment.closable import Closable
from hera_experiment.context.context import Context
from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_access import KubernetesAccess, configuration_of
from hera_experiment.port_forward.relay import Relay
from hera_experiment.port_forward.target import SERVICE, NotNow, Target, TargetFinder
from hera_experiment.port_forward.tunnel import KubectlTunnel, PackageTunnel, Tunnel
from hera_experiment.waiting import poll

ARGO_NAMESPACE = "argo"
"""Where Argo's own manifests put its server."""

_PATIENCE = 120.0
"""Seconds that a connection waits for a pod to be ready, which is what a restart takes."""

_TRUST = 1.0
"""Seconds for which a pod that was alive is taken to be so."""

_PAUSE = 0.5
"""Seconds between two attempts to find a way."""


class Finder(Protocol):
    """Knows where the port leads."""

    def find(self) -> Target:
        """Return a ready pod; raises ``NotNow`` when there is none at present."""

    def is_alive(self, target: Target) -> bool:
        """Say whether ``target`` is still there and ready."""


class PortForward(Closable):
    """Keeps ``127.0.0.1:port`` leading to a ready pod, whichever it is.

    The way is looked after when it is used: before a connection is made, a pod that has gone is
    replaced by one that is ready, and the connection waits for that. Nothing polls the cluster
    in between.

    Parameters
    ----------
    port:
        The port of this machine; 0 for any free one (see ``port`` of the object).
    finder, open_tunnel:
        Find the pod, and make a way into it (``OSError`` when that fails).
    say:
        Is told, one line each, what happens to the way.

    Raises ``UserError`` when the port is taken or there is no way at the start.
    """

    def __init__(
        self,
        port: int,
        finder: Finder,
        open_tunnel: Callable[[Target], Tunnel],
        say: Callable[[str], None],
        *,
        patience: float = _PATIENCE,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._finder = finder
        self._open_tunnel = open_tunnel
        self._say = say
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._tunnel: Tunnel | None = None
        self._target: Target | None = None
        self._checked = 0.0
        self._relay = Relay(port, self._dial, say)
        self.port = self._relay.port
        try:
            with self._lock:
                self._establish()
        except (UserError, OSError) as error:
            self.close()
            if isinstance(error, UserError):
                raise
            raise UserError(str(error)) from None

    @property
    def target(self) -> Target | None:
        """The pod that the port leads to at present, None while there is none."""
        return self._target

    def close(self) -> None:
        """Give the port back and end all connections."""
        self._ended.set()
        self._relay.close()
        with self._lock:
            self._abandon()

    def _dial(self) -> socket.socket:
        """Return a connection to a ready pod, having waited for one if need be."""
        trouble: Exception = ConnectionError()

        def dial() -> socket.socket | None:
            nonlocal trouble
            if self._ended.is_set():
                raise ConnectionError("the port-forward has ended")
            try:
                self._renew()
                assert self._tunnel is not None
                return self._tunnel.dial()
            except (NotNow, OSError) as error:
                trouble = error
                self._abandon()
                self._say_once(f"waiting: {error}")
                return None

        with self._lock:
            found = poll(dial, self._patience, _PAUSE, sleep=self._ended.wait, clock=self._clock)
        if found is None:
            raise trouble
        return found

    _said = ""

    def _say_once(self, line: str) -> None:
        if line != self._said:
            self._say(line)
        self._said = line

    def _renew(self) -> None:
        """Have a way to a pod that is alive."""
        if self._target is not None and self._clock() - self._checked > _TRUST:
            if not self._finder.is_alive(self._target):
                self._say_once(f"lost {self._target}")
                self._abandon()
            self._checked = self._clock()
        if self._tunnel is None:
            self._establish()

    def _establish(self) -> None:
        target = self._finder.find()
        self._tunnel = self._open_tunnel(target)
        self._target = target
        self._checked = self._clock()
        self._say_once(f"127.0.0.1:{self.port} leads to {target}")

    def _abandon(self) -> None:
        if self._tunnel is not None:
            self._tunnel.close()
        self._tunnel = None
        self._target = None


def open_port_forward(
    args: Context,
    port: int,
    say: Callable[[str], None],
    *,
    namespace: str = "",
    service: str = SERVICE,
    environ: Mapping[str, str] = os.environ,
) -> PortForward:
    """Return a port-forward to ``service`` in the cluster of ``args``, kept up until closed.

    The service is looked for in ``namespace``, or else where the workflows go and in ``argo``.
    ``kubectl`` is used where it is installed, otherwise the kubernetes package.

    Raises
    ------
    UserError
        When there is no kubeconfig, no such service, no right to forward, or the port is taken.
    """
    cluster = KubernetesAccess(args)
    if not cluster.has_access:
        raise UserError(
            "a port-forward needs a kubeconfig",
            args.where("k8s_config_file"),
            "set KUBECONFIG, or ask the administrator for one",
        )
    candidates = [namespace] if namespace else [args.argo_namespace, ARGO_NAMESPACE]
    finder = TargetFinder(cluster, [each for each in candidates if each], service)
    return PortForward(port, finder, _way(cluster, environ), say)


def _way(cluster: KubernetesAccess, environ: Mapping[str, str]) -> Callable[[Target], Tunnel]:
    kubectl = shutil.which("kubectl", path=environ.get("PATH"))
    if kubectl:
        known = {**environ, "KUBECONFIG": cluster.args.k8s_config_file}
        return lambda target: KubectlTunnel(kubectl, known, target)

    def core() -> Any:
        from kubernetes.client import ApiClient, CoreV1Api

        return CoreV1Api(ApiClient(configuration_of(cluster.client)))

    return lambda target: PackageTunnel(core, target)
