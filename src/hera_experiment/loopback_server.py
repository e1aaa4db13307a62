"""HTTP on the loopback interface: any user of the machine may connect, none may hold it up."""

from __future__ import annotations

import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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


class LoopbackServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1 and serves each connection in a thread.

    ``listener`` is a bound socket, which the server owns from now on; None binds a free port. A
    handler calls :meth:`serving` for a request whose token it has seen.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = BACKLOG

    def __init__(
        self,
        handler: type[BaseHTTPRequestHandler],
        *,
        listener: socket.socket | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        address = listener.getsockname() if listener else ("127.0.0.1", 0)
        super().__init__(address[:2], handler, bind_and_activate=False)
        if listener:
            self.socket.close()
            self.socket = listener
            self.server_address = address
            self.server_port = address[1]
        else:
            self.server_bind()
        self.server_activate()
        self._monotonic = monotonic
        self._counting = threading.Lock()
        self._connections: dict[socket.socket, _Connection] = {}

    @property
    def address(self) -> str:
        """``host:port``, as ARGO_SERVER wants it."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """The address as a URL, with the trailing slash that Hera needs."""
        return f"http://{self.address}/"

    @property
    def is_serving(self) -> bool:
        """Whether a request is being answered."""
        with self._counting:
            return any(not each.resting for each in self._connections.values())

    def server_bind(self) -> None:
        """Bind without asking the name service for this machine's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_port = int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread; any user of the machine may open one, so not too many."""
        with self._counting:
            self._connections[request] = _Connection(self._monotonic())
            self._close_surplus(lambda each: not each.trusted, STRANGERS)
            self._close_surplus(lambda each: each.resting, CONNECTIONS, len(self._connections))
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Close connections that have been open for a while without a token."""
        opened = self._monotonic() - SECONDS_TO_SIGN_IN
        with self._counting:
            for request, each in self._connections.items():
                if not each.trusted and each.since < opened:
                    _hang_up(request)

    def shutdown(self) -> None:
        """Take no more connections."""
        # What waits for one looks only now and then whether it is to end: this wakes it, on Linux.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        super().shutdown()

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
                known.since, known.resting = self._monotonic(), True

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


def _hang_up(request: socket.socket) -> None:
    # Its thread sees the end and closes it.
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)
