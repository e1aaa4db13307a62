"""What pods say, read through Argo's server: their logs, archived logs, and events about them.

Source: ``util/logs/workflow-logger.go``, ``server/artifacts/artifact_server.go`` and WatchEvents
in ``server/workflow/workflow_server.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

import requests

from hera_experiment.platform.argo_answers import ArgoRefusal, raise_for_page
from hera_experiment.platform.argo_client import ArgoClient, lines_of
from hera_experiment.platform.http_session import content_of, moment_in, text_of

ARCHIVED_LOG = "main-logs"
"""The output artifact that holds the log of the main container, where logs are archived."""

_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) ?")
_MOST_EVENTS = 10_000
EVENTS_SECONDS = 30.0
"""The longest that events are asked for."""
_BLOCK = 1 << 16
_FIRST_MESSAGE = b'data: {"result":{"content":"'
_LAST_MESSAGE = re.compile(rb'","podName":"(?P<pod>[a-z0-9.-]+)"\}\}\Z')
# What Argo's own program, which starts the task's, writes among its lines.
_EXECUTOR = re.compile(r'time="?[^" ]*"? level=\w+ msg=.* argo=true( .*)?')
_EXIT = re.compile(r"Error: exit status \d+")


class LogEntry(NamedTuple):
    """One line: the pod that wrote it, when (RFC 3339, UTC), and its text without the end.

    ``stamp`` is empty for what goes on a line that is longer than the server sends at once.
    """

    pod: str
    stamp: str
    text: str


def log_entries(
    client: ArgoClient,
    namespace: str,
    workflow: str,
    *,
    pod: str = "",
    since_seconds: int = 0,
    follow: bool = False,
) -> Iterator[LogEntry]:
    """Yield the lines of the main container of one pod, or of all pods merged by time.

    ``since_seconds`` leaves out what is older than that, 0 nothing (a moment cannot be given: the
    server takes no notice of it). With ``follow`` it goes on until the
    workflow has ended, with the pods that start meanwhile. A pod that is gone has no lines.
    """
    params = {
        "podName": pod,
        "logOptions.container": "main",
        "logOptions.follow": "true" if follow else "",
        "logOptions.timestamps": "true",
        "logOptions.sinceSeconds": str(since_seconds) if since_seconds else "",
    }
    for entry in client.stream(_path(namespace, workflow), params):
        content = str(entry.get("content", ""))
        stamp = _STAMP.match(content)
        text = content[stamp.end() :] if stamp else content
        yield LogEntry(str(entry.get("podName", "")), stamp[1] if stamp else "", text)


def log_blocks(
    client: ArgoClient, namespace: str, workflow: str, *, pod: str = ""
) -> Iterator[tuple[str, list[str]]]:
    """Yield pods with the lines that they wrote, many at a time, without when they did.

    As :func:`log_entries` with neither ``since_seconds`` nor ``follow``, in a tenth of the time.
    """
    params = {"podName": pod, "logOptions.container": "main"}
    for block in client.stream_blocks(_path(namespace, workflow), params):
        alike = _of_one_pod(block)
        if alike is not None:
            yield alike
            continue
        for entry in client.messages(block):
            yield str(entry.get("podName", "")), [str(entry.get("content", ""))]


def _path(namespace: str, workflow: str) -> str:
    return f"workflows/{quote(namespace, safe='')}/{quote(workflow, safe='')}/log"


def _of_one_pod(block: bytes) -> tuple[str, list[str]] | None:
    """Return the pod and the lines of messages of one and the same pod; None for others.

    What stands between two lines is the same each time then, and all lines are read as one list
    of JSON: to read each message takes ten times as long.
    """
    block = block.strip(b"\n")
    last = _LAST_MESSAGE.search(block)
    if last is None or not block.startswith(_FIRST_MESSAGE):
        return None
    texts = block[len(_FIRST_MESSAGE) : last.start()].split(last[0] + b"\n\n" + _FIRST_MESSAGE)
    # In a line's text the quotes are escaped: this cannot stand there.
    if block.count(b'"podName":') != len(texts):
        return None
    try:
        lines = json.loads(b'["' + b'","'.join(texts) + b'"]')
    except ValueError:
        return None
    return last["pod"].decode(), lines


def archived_log(
    client: ArgoClient, namespace: str, workflow: str, node: str, artifact: str = ARCHIVED_LOG
) -> Iterator[str]:
    """Yield the lines of an archived log, by the identifier of its node.

    Raises ``ArgoRefusal`` when the server does not give it, ``OSError`` when the stream breaks.
    """
    parts = (namespace, "workflows", workflow, node, "outputs", artifact)
    url = f"{client.url}artifact-files/{'/'.join(quote(part, safe='') for part in parts)}"
    response = client.session.request("GET", url, stream=True)
    with closing(response):
        raise_for_page(response, client.where)
        if response.status_code != requests.codes.ok:
            said = text_of(content_of(response, client.where), 200) or str(response.reason)[:200]
            raise ArgoRefusal(
                f"Argo's server does not hand out the archived log: {said}",
                next_step="ask the administrator whether your account may read the secret of "
                "the artifact store",
                status=response.status_code,
                message=said,
            )
        for line in lines_of(response):
            yield line.removesuffix(b"\r").decode("utf-8", "replace")


def events_now(
    client: ArgoClient, namespace: str, fields: str, *, silence: float = 1.5
) -> list[Mapping[str, Any]]:
    """Return the Kubernetes events that a field selector names.

    Argo's server can only watch them, what there is first: after ``silence`` seconds without
    another one, those are all.
    """
    found: list[Mapping[str, Any]] = []
    path = f"stream/events/{quote(namespace, safe='')}"
    selected = {"listOptions.fieldSelector": fields}
    try:
        for event in client.stream(path, selected, silence, EVENTS_SECONDS):
            found.append(event)
            if len(found) >= _MOST_EVENTS:
                break
    except ArgoRefusal:
        raise
    except OSError:
        pass
    return found


class Executor:
    """Tells the lines of Argo's executor from those of the task it runs, for one pod in order."""

    def __init__(self) -> None:
        self._has_ended = False

    def wrote(self, text: str) -> bool:
        """Tell whether the next line is Argo's."""
        if _EXECUTOR.fullmatch(text):
            self._has_ended = "sub-process exited" in text
            return True
        return self._has_ended and _EXIT.fullmatch(text) is not None


def clock_of(client: ArgoClient, now: Callable[[], datetime]) -> timedelta:
    """Return how far the server's clock is ahead of ``now``, to a second."""
    answer = client.session.request("GET", f"{client.url}api/v1/version")
    date = moment_in(answer.headers.get("Date", ""))
    return date - now() if date else timedelta()
