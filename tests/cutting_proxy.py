"""A relay that cuts each connection after a while, as bad networks and restarted servers do."""

from __future__ import annotations

import contextlib
import random
import socket
import threading


class CuttingProxy:
    """Relays to ``port`` of this machine; each connection ends after so many bytes of answers.

    ``refusing`` closes what comes at once, as a server does that is starting anew.
    """

    def __init__(self, port: int, seed: int = 1, longest: int = 6000) -> None:
        self._upstream = port
        self._source = random.Random(seed)
        self._longest = longest
        self.cuts = 0
        self.refusing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            allowance = self._source.randrange(300, self._longest)
            threading.Thread(target=self._relay, args=(client, allowance), daemon=True).start()

    def _relay(self, client: socket.socket, allowance: int) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._upstream))
        except OSError:
            client.close()
            return
        threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
        with contextlib.suppress(OSError):
            while allowance > 0 and (data := server.recv(min(1024, allowance))):
                client.sendall(data)
                allowance -= len(data)
        self.cuts += allowance <= 0
        for each in (client, server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)

    def close(self) -> None:
        self._listener.close()
