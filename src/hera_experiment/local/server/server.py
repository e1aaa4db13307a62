"""The server itself: a listening socket, its threads, and an orderly end."""

from __future__ import annotations

import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from typing import Any

from hera_experiment.local.engine import Engine
from hera_experiment.local.server.handler import RequestHandler
from hera_experiment.local.server.messages import Services
from hera_experiment.local.store import Store
from hera_experiment.local.store.log_times import SAMPLING_SECONDS, LogSampler
from hera_experiment.waiting import poll

STRANGERS = 64
"""Connections without a token so far: with one more the oldest is closed."""
CONNECTIONS = 256
"""Connections in all, for tasks need descriptors, too: with one more the one that rests longest."""
SECONDS_TO_SIGN_IN = 10.0

BACKLOG = 128
"""Connections that wait for a thread; the standard library's 5 stalls bursts."""


@dataclass
class _Connection:
    since: float
    """When it was opened, or last served."""
    trusted: bool = False
    resting: bool = True


class Server(ThreadingHTTPServer):
    """Argo's REST API for ``store`` and ``engine``, for those who know ``secret``.

    ``listener`` is a bound socket of the loopback interface, which the server owns from now on;
    None binds a free port of 127.0.0.1. :meth:`start` serves in a thread, :meth:`close` lets
    the streams end first.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = BACKLOG

    def __init__(
        self,
        store: Store,
        engine: Engine,
        secret: str,
        *,
        listener: socket.socket | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not secret:
            raise ValueError("a server without a secret would be open to every user of the machine")
        address = listener.getsockname() if listener else ("127.0.0.1", 0)
        super().__init__(address[:2], RequestHandler, bind_and_activate=False)
        if listener:
            self.socket.close()
            self.socket = listener
            self.server_address = address
            self.server_port = address[1]
        else:
            self.server_bind()
        self.server_activate()
        self.secret = secret
        self.services = Services(store, engine, self._is_closing, monotonic, now)
        self._closing = False
        self._counting = threading.Lock()
        self._streams = 0
        self._connections: dict[socket.socket, _Connection] = {}
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """``host:port``, as ARGO_SERVER wants it."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """The address as a URL, with the trailing slash that Hera needs."""
        return f"http://{self.address}/"

    def start(self, poll_seconds: float = 0.1) -> None:
        """Serve, in a thread; :meth:`close` may take ``poll_seconds`` to be noticed."""
        self._thread = threading.Thread(
            target=self.serve_forever, args=(poll_seconds,), name="server", daemon=True
        )
        self._thread.start()
        threading.Thread(target=self._sample_logs, name="log sampler", daemon=True).start()

    def close(self, grace_seconds: float = 1.0) -> None:
        """Take no more requests, and give the streams time to say how they end."""
        if self._thread:
            self.shutdown()
            self._thread.join()
        self._closing = True
        with self.services.store.publish(milestone=True):
            pass  # the bell alone: wakes every stream
        poll(lambda: not self._streams, grace_seconds, 0.01)
        self.server_close()

    def server_bind(self) -> None:
        """Bind without asking the name service for this machine's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_port = int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread; any user of the machine may open one, so not too many."""
        with self._counting:
            self._connections[request] = _Connection(self.services.monotonic())
            self._close_surplus(lambda each: not each.trusted, STRANGERS)
            self._close_surplus(lambda each: each.resting, CONNECTIONS, len(self._connections))
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Close connections that have been open for a while without a token."""
        opened = self.services.monotonic() - SECONDS_TO_SIGN_IN
        with self._counting:
            for request, each in self._connections.items():
                if not each.trusted and each.since < opened:
                    _hang_up(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that has been served."""
        with self._counting:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    @contextmanager
    def serving(self, request: socket.socket) -> Iterator[None]:
        """Leave the connection of somebody who has shown the token open meanwhile."""
        with self._counting:
            known = self._connections.get(request) or _Connection(0.0)
            known.trusted, known.resting = True, False
        try:
            yield
        finally:
            with self._counting:
                known.since, known.resting = self.services.monotonic(), True

    def _close_surplus(
        self, which: Callable[[_Connection], bool], most: int, count: int | None = None
    ) -> None:
        found = [request for request, each in self._connections.items() if which(each)]
        surplus = (len(found) if count is None else count) - most
        if surplus > 0:
            found.sort(key=lambda request: self._connections[request].since)
            for request in found[:surplus]:
                _hang_up(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that left; anything else is a bug, shown on standard error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            traceback.print_exc(file=sys.stderr)

    def _is_closing(self) -> bool:
        return self._closing

    def _sample_logs(self) -> None:
        store, sampler = self.services.store, LogSampler(self.services.now)
        while not self._closing:
            milestone = store.milestone
            running = store.live()
            if running:
                sampler.sample(running)
                time.sleep(SAMPLING_SECONDS)
            else:
                store.wait_milestone(milestone, timeout=3600.0)

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Count a stream while it lasts."""
        with self._counting:
            self._streams += 1
        try:
            yield
        finally:
            with self._counting:
                self._streams -= 1


def _hang_up(request: socket.socket) -> None:
    # Its thread sees the end and closes it.
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)
