"""A port of this machine whose connections lead elsewhere."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

from hera_experiment.errors import UserError

_BLOCK = 65536


class Relay:
    """Listens on the loopback interface and carries each connection to where ``dial`` leads.

    The port stays open while the way behind it is made anew: a client that connects meanwhile
    waits instead of being refused.

    Parameters
    ----------
    port:
        The port of 127.0.0.1 to listen on; 0 for any free one.
    dial:
        Returns a connected socket to the other end, called once per connection in its own
        thread. Its ``OSError`` and ``UserError`` go to ``complain``, and the client is hung up on.
    """

    def __init__(
        self, port: int, dial: Callable[[], socket.socket], complain: Callable[[str], None]
    ) -> None:
        self._dial = dial
        self._complain = complain
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        try:
            self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        except (OSError, OverflowError) as error:
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if number else str(error)
            raise UserError(
                f"cannot listen on port {port}: {reason}", next_step="choose another with PORT="
            ) from None
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def close(self) -> None:
        """Stop listening and hang up on everyone."""
        with self._lock:
            self._closed = True
            connections = list(self._open)
        # shutdown() is what wakes a thread that waits in accept() or recv(); close() does not.
        for each in (self._listener, *connections):
            _hang_up(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if not self._keep(client):
            return
        try:
            far = self._dial()
        except (OSError, UserError) as error:
            if not self._closed:
                self._complain(str(error))
            self._forget(client)
            return
        if not self._keep(far):
            self._forget(client)
            return
        back = threading.Thread(target=_carry, args=(far, client), daemon=True)
        back.start()
        _carry(client, far)
        back.join()
        self._forget(far)
        self._forget(client)

    def _keep(self, connection: socket.socket) -> bool:
        with self._lock:
            if not self._closed:
                self._open.add(connection)
                return True
        _hang_up(connection)
        return False

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        _hang_up(connection)


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Copy until ``source`` ends; then tell ``target`` so, which may still answer."""
    try:
        while block := source.recv(_BLOCK):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        _shut(target)
        _shut(source)


def _shut(connection: socket.socket) -> None:
    # Any error means that it is no longer connected, which is what is wanted.
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _hang_up(connection: socket.socket) -> None:
    _shut(connection)
    connection.close()
