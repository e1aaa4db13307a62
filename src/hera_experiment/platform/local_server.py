"""Finds the local server of an experiment, or starts it: one server, any number of clients.

Three locks below ``.hera/``, all of the kernel's (``flock``), so that no death leaves one behind:

- ``server.lock`` is held by the running server, exclusively, as long as it lives;
- ``users.lock`` is shared by its clients, each as long as it needs the server: a server that leaves
  by itself first takes it exclusively;
- ``start.lock`` is held while somebody looks for the server or makes one, so that nobody reads the
  address that a dead server left.

A client that finds no server binds the port itself and hands it over, so that it need not wait:
what it sends meanwhile waits in the port's backlog.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.closable import Closable
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.platform import state_folder

NAMESPACE = "local"
"""The namespace that the laptop offers unless a script names another."""

SERVE = (sys.executable, "-m", "hera_experiment.verbs.serve")
"""What runs a server."""

_BACKLOG = 128
_PATIENCE = 30.0


@dataclass(frozen=True)
class LocalServer:
    """A running local server: its address (``http://127.0.0.1:PORT/``), secret and process."""

    url: str
    secret: str
    pid: int
    state: Path

    def __repr__(self) -> str:
        return f"LocalServer(url={self.url!r}, pid={self.pid})"

    @property
    def address(self) -> str:
        """The address as ``ARGO_SERVER`` wants it: host and port, no scheme."""
        return self.url.partition("://")[2].rstrip("/")

    @property
    def log(self) -> Path:
        """The file with the server's own messages."""
        return self.state / "server.log"

    @property
    def where(self) -> str:
        """What stands for its address in a message."""
        return "the local server"

    @property
    def advice(self) -> str:
        """What to do when it does not answer."""
        return f"it has ended; see {self.log}"

    def token(self, session: str = "", runtime: str = "") -> str:
        """Return a bearer token, without the word: the secret and a client's claims.

        The server labels what comes with it as created by ``session`` and runs it in ``runtime``.
        """
        claims = {"session": session, "runtime": runtime}
        given = {name: value for name, value in claims.items() if value}
        if not given:
            return self.secret
        packed = json.dumps(given, separators=(",", ":")).encode()
        return f"{self.secret}.{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"

    def exports(self, session: str = "", runtime: str = "") -> dict[str, str]:
        """Return the variables that lead a client here; a terminal shows them as exports."""
        bearer = f"Bearer {self.token(session, runtime)}"
        return {
            "CLUSTER": NAMESPACE,
            "ARGO_SERVER": self.address,
            "ARGO_HTTP1": "true",
            "ARGO_SECURE": "false",
            "ARGO_TOKEN": bearer,
            "ARGO_NAMESPACE": NAMESPACE,
            "GLOBAL_CONFIG_HOST": self.url,
            "GLOBAL_CONFIG_NAMESPACE": NAMESPACE,
            "KUBECONFIG": os.devnull,
        }


class Lease(Closable):
    """Keeps the local server up while it is open; the kernel closes it with the process."""

    def __init__(
        self, server: LocalServer, users: int, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        self.server = server
        self.started = process is not None
        self._users: int | None = users
        # Kept only so that a server that ends before its client is not left a zombie.
        self._process = process

    def close(self) -> None:
        """Let the server go once no workflow needs it; closing twice is well."""
        users, self._users = self._users, None
        if users is not None:
            os.close(users)
        if self._process is not None:
            self._process.poll()

    def wait(self, patience: float) -> bool:
        """Wait until the server has ended, if it was started here; tell whether it has."""
        if self._process is None:
            return True
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        return True


@dataclass
class ServerSocket:
    """The right to be the server: the bound socket and the descriptor of ``server.lock``."""

    server: LocalServer
    listening: socket.socket
    lock: int

    def close(self) -> None:
        """Close this process's copies; whoever inherited them keeps theirs."""
        self.listening.close()
        os.close(self.lock)


def acquire(
    experiment: Experiment,
    *,
    runtime: str = "",
    command: Sequence[str] = SERVE,
    descriptors: Sequence[int] = (),
    environ: Mapping[str, str] = os.environ,
    patience: float = _PATIENCE,
) -> Lease:
    """Return a lease on the server of ``experiment``, which is started when there is none.

    One that starts makes ``runtime`` ready before it is asked to run something there, and has the
    files ``descriptors`` open as well.

    Raises
    ------
    UserError
        When the state folder cannot be written, or no server comes up in ``patience`` seconds.
    """
    state = state_folder.prepare(experiment.state)
    users = state_folder.open_lock(state / "users.lock")
    try:
        deadline = time.monotonic() + patience
        if runtime:
            command = [*command, "--make-ready", runtime]
        state_folder.lock_until(users, state_folder.SHARED, deadline, state)

        def lease() -> Lease | None:
            with state_folder.held(state / "start.lock", deadline):
                bound = _bind(state, port=0)
                if bound is not None:
                    return Lease(
                        *_spawn(bound, command, experiment.folder, environ, users, descriptors)
                    )
                server = _read(state)
            return None if server is None else Lease(server, users)

        return state_folder.until(lease, deadline, state)
    except BaseException:
        os.close(users)
        raise


def claim_socket(experiment: Experiment, *, port: int = 0) -> ServerSocket | None:
    """Return the right to be the server of ``experiment``, None when one is running.

    For a server in the foreground; :func:`running` then tells which one runs.
    """
    state = state_folder.prepare(experiment.state)
    with state_folder.held(state / "start.lock", time.monotonic() + _PATIENCE):
        return _bind(state, port)


def running(experiment: Experiment) -> LocalServer | None:
    """Return the running server of ``experiment``, None when there is none."""
    state = experiment.state
    if not (state / "server.lock").exists():
        return None
    with state_folder.held(state / "start.lock", time.monotonic() + _PATIENCE):
        lock = state_folder.open_lock(state / "server.lock")
        try:
            return None if state_folder.try_lock(lock, state_folder.SHARED) else _read(state)
        finally:
            os.close(lock)


def _bind(state: Path, port: int) -> ServerSocket | None:
    lock = state_folder.open_lock(state / "server.lock")
    if not state_folder.try_lock(lock, state_folder.EXCLUSIVE):
        os.close(lock)
        return None
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(_BACKLOG)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server = LocalServer(url, secrets.token_urlsafe(32), os.getpid(), state)
        _write(server)
    except OSError as error:
        listening.close()
        os.close(lock)
        raise UserError(
            f"no local server can listen on port {port} of 127.0.0.1: {error.strerror}",
            next_step="choose another port",
        ) from None
    return ServerSocket(server, listening, lock)


def _spawn(
    bound: ServerSocket,
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    users: int,
    descriptors: Sequence[int],
) -> tuple[LocalServer, int, subprocess.Popen[bytes]]:
    listening, lock = bound.listening.fileno(), bound.lock
    options = ["--listen-fd", str(listening), "--lock-fd", str(lock), "--idle-exit"]
    log = os.open(bound.server.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [*command, *options],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(listening, lock, *descriptors),
            start_new_session=True,
        )
        server = LocalServer(bound.server.url, bound.server.secret, process.pid, bound.server.state)
        _write(server)
    finally:
        os.close(log)
        bound.close()
    return server, users, process


def _write(server: LocalServer) -> None:
    path = server.state / "server.json"
    document = {"url": server.url, "secret": server.secret, "pid": server.pid}
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        json.dump(document, file)
    draft.replace(path)


def _read(state: Path) -> LocalServer | None:
    try:
        found = json.loads((state / "server.json").read_text(encoding="ascii"))
        return LocalServer(found["url"], found["secret"], found["pid"], state)
    except (OSError, ValueError, KeyError, TypeError):
        return None
