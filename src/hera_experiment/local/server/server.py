"""The server itself: a listening socket, its threads, and an orderly end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hera_experiment.local.engine.controller import Engine
from hera_experiment.local.server.handler import RequestHandler
from hera_experiment.local.server.messages import Services
from hera_experiment.local.store import Store
from hera_experiment.local.store.log_times import SAMPLING_SECONDS, LogSampler
from hera_experiment.loopback_server import LoopbackServer
from hera_experiment.waiting import poll


class Server(LoopbackServer):
    """Argo's REST API for ``store`` and ``engine``, for those who know ``secret``.

    ``listener`` is a bound socket of the loopback interface, which the server owns from now on;
    None binds a free port of 127.0.0.1. :meth:`start` serves in a thread, :meth:`close` lets
    the streams end first.
    """

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
        super().__init__(RequestHandler, listener=listener, monotonic=monotonic)
        self.secret = secret
        self.services = Services(store, engine, self._is_closing, monotonic, now)
        self._closing = False
        self._streams = 0
        self._thread: threading.Thread | None = None

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
