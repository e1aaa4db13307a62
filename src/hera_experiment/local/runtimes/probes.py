"""Whether a container is ready, as its ``readinessProbe`` finds out.

Source: ``Probe`` in Kubernetes' API reference, ``pkg/probe`` of kubernetes/kubernetes.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from hera_experiment.local.runtimes.base import HERE
from hera_experiment.local.runtimes.children import Children
from hera_experiment.local.runtimes.container import Json

_PERIOD, _TIMEOUT = 10, 1
_KINDS = ("exec", "httpGet", "tcpSocket")


class Probe:
    """The readiness probe of the container ``written``, whose processes are ``children``.

    A container without one is ready as soon as it runs.
    """

    def __init__(self, written: Json, children: Children) -> None:
        self._probe: Json = written.get("readinessProbe") or {}
        self._ports = written.get("ports") or ()
        self._children = children
        self._needed = self._number("successThreshold", 1)
        self._due = time.monotonic() + self._number("initialDelaySeconds", 0)

    @property
    def pause(self) -> float:
        """The seconds between two looks."""
        wait = self._due - time.monotonic()
        return wait if wait > 0 else self._number("periodSeconds", _PERIOD)

    def passes(self) -> bool:
        """Look, unless it is too early or was seen to be ready; tell whether it is ready."""
        if not self._probe or self._needed <= 0:
            return True
        if time.monotonic() < self._due:
            return False
        if not self._looks():
            self._needed = self._number("successThreshold", 1)
            return False
        self._needed -= 1
        return self._needed <= 0

    def _looks(self) -> bool:
        timeout = float(self._number("timeoutSeconds", _TIMEOUT))
        with suppress(OSError, http.client.HTTPException, ValueError):
            if command := (self._probe.get("exec") or {}).get("command"):
                enter = self._children.enter
                return enter is not None and enter([str(word) for word in command], timeout) == 0
            if (action := self._probe.get("tcpSocket")) is not None:
                place = (str(action.get("host") or HERE), self._port(action.get("port")))
                with socket.create_connection(place, timeout):
                    return True
            if (action := self._probe.get("httpGet")) is not None:
                return 200 <= self._status(action, timeout) < 400
        return False

    def _status(self, action: Json, timeout: float) -> int:
        place = (str(action.get("host") or HERE), self._port(action.get("port")))
        connection: http.client.HTTPConnection
        if str(action.get("scheme") or "HTTP").upper() == "HTTPS":
            # As the kubelet: whoever answers is not asked who it is.
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(*place, timeout=timeout, context=context)
        else:
            connection = http.client.HTTPConnection(*place, timeout=timeout)
        headers = {str(h["name"]): str(h["value"]) for h in action.get("httpHeaders") or ()}
        path = "/" + str(action.get("path") or "/").lstrip("/")
        try:
            connection.request("GET", path, headers={"User-Agent": "kube-probe", **headers})
            return connection.getresponse().status
        finally:
            connection.close()

    def _port(self, port: Any) -> int:
        for each in self._ports:
            if each.get("name") == port:
                return int(each["containerPort"])
        return int(port)

    def _number(self, key: str, default: int) -> int:
        return int(self._probe.get(key) or default)


def probe_refusals(written: Json) -> Iterator[str]:
    """Yield what cannot be probed of a container here."""
    probe = written.get("readinessProbe") or {}
    if probe and not any(probe.get(kind) is not None for kind in _KINDS):
        kinds = ", ".join(key for key in probe if isinstance(probe[key], dict)) or "nothing"
        yield f"has a readinessProbe of {kinds}, which is not interpreted here: use httpGet"
