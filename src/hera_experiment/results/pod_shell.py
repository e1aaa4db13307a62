"""Runs a shell script in a pod: bytes in, bytes out, over Kubernetes' web socket for ``exec``.

The kubernetes package's own stream has no time-out to connect, takes Ctrl-C for a failed request
and collects what arrives without bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.results.transfer import ConnectionLost

if TYPE_CHECKING:
    from hera_experiment.platform.kubernetes_access import KubernetesAccess

# Channels of v4.channel.k8s.io (k8s.io/apimachinery/pkg/util/remotecommand/constants.go).
_PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
_INPUT, _OUTPUT, _ERRORS, _STATUS = 0, 1, 2, 3
_PIECE = 32768
_MOST_ERRORS = 8192
_SILENCE = 60.0
# A sign of life every ten seconds while a script computes: between us and the pod are machines
# that cut silent connections.
_BEAT = """\
while sleep 10 </dev/null >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do printf '\\0' >&2; done &
beat=$!; trap 'kill $beat 2>/dev/null' EXIT
export LC_ALL=C
"""


class ScriptFailed(Exception):
    """The script ended with a ``status`` other than 0; ``errors`` is what it wrote about it."""

    def __init__(self, status: int, errors: str) -> None:
        super().__init__(status, errors)
        self.status = status
        self.errors = errors


class Shell(Protocol):
    """Where scripts run."""

    def run(self, script: str, *words: str, given: bytes = b"") -> Iterator[bytes]:
        """Yield what ``script`` prints; ``words`` are its arguments, ``given`` its input.

        The input does not end, so the script counts what it reads. Raises :class:`ScriptFailed`
        and :class:`ConnectionLost`.
        """


class PodShell:
    """The shell of one container."""

    def __init__(
        self,
        cluster: KubernetesAccess,
        namespace: str,
        pod: str,
        container: str,
        silence: float = _SILENCE,
    ) -> None:
        self._cluster = cluster
        self._path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec"
        self._container = container
        self._silence = silence
        self._pod = pod

    def run(self, script: str, *words: str, given: bytes = b"") -> Iterator[bytes]:
        """See :class:`Shell`; :class:`KubernetesRefusal` where this may not be done at all."""
        from websocket import WebSocketException

        try:
            socket = self._open(["sh", "-c", _BEAT + script, "sh", *words])
        except (WebSocketException, OSError) as error:
            raise self._refused(error) from None
        try:
            yield from _exchange(socket, given)
        except (WebSocketException, OSError) as error:
            raise ConnectionLost(
                f"the connection to the pod '{self._pod}' broke off: {type(error).__name__}"
            ) from None
        finally:
            # Without the closing handshake, for which a dead connection would have to be awaited.
            socket.shutdown()

    def _open(self, command: list[str]) -> Any:
        import websocket

        client = self._cluster.client
        query = [("command", word) for word in command]
        query += [("container", self._container)]
        query += [(channel, "true") for channel in ("stdin", "stdout", "stderr")]
        address = urlsplit(client.server)
        scheme = "wss" if address.scheme == "https" else "ws"
        prefix = f"{scheme}://{address.netloc}{address.path.rstrip('/')}"
        socket = websocket.create_connection(
            f"{prefix}{self._path}?{urlencode(query)}",
            timeout=self._cluster.timeout[0],
            socket=client.connect(),
            header=[f"{name}: {value}" for name, value in client.headers()],
            subprotocols=_PROTOCOLS,
            suppress_origin=True,
        )
        socket.settimeout(self._silence)
        return socket

    def _refused(self, error: Exception) -> Exception:
        status = getattr(error, "status_code", None)
        if status is None:
            return ConnectionLost(f"no connection to the pod '{self._pod}': {type(error).__name__}")
        if status >= 500 or status == 429:
            return ConnectionLost(f"no connection to the pod '{self._pod}': status {status}")
        said = _message(getattr(error, "resp_body", None))
        return KubernetesRefusal(
            f"you cannot run a program in the pod '{self._pod}'"
            + (f"; Kubernetes says: {said}" if said else ""),
            self._cluster.where,
            status=status,
        )


def _exchange(socket: Any, given: bytes) -> Iterator[bytes]:
    from websocket import ABNF

    try:
        for start in range(0, len(given), _PIECE):
            socket.send(bytes([_INPUT]) + given[start : start + _PIECE], ABNF.OPCODE_BINARY)
    except OSError:
        # The script may have ended early: what it said about it is still to be read.
        pass
    errors, status = b"", b""
    while True:
        kind, frame = socket.recv_data_frame(True)
        if kind == ABNF.OPCODE_CLOSE:
            break
        if kind not in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) or len(frame.data) < 2:
            continue
        channel, data = frame.data[0], frame.data[1:]
        if channel == _OUTPUT:
            yield data
        elif channel == _ERRORS:
            errors = (errors + data.replace(b"\0", b""))[:_MOST_ERRORS]
        elif channel == _STATUS:
            status += data
    _raise_for(status, errors.decode("utf-8", "replace").strip())


def _raise_for(status: bytes, errors: str) -> None:
    try:
        found = json.loads(status)
    except ValueError:
        raise ConnectionLost("the connection to the pod ended without a status") from None
    if found.get("status") == "Success":
        return
    for cause in (found.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            raise ScriptFailed(int(cause["message"]), errors)
    # The script was not even begun: the container is gone, or has no shell.
    raise ScriptFailed(127, str(found.get("message") or errors))


def _message(body: Any) -> str:
    try:
        found = json.loads(body or b"")
    except ValueError:
        return ""
    return str(found.get("message", "")) if isinstance(found, dict) else ""
