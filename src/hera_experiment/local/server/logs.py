"""The logs of a workflow's tasks, merged by time. Source: util/logs/workflow-logger.go.

A log belongs to a container of a pod, ``main`` unless another is named; those of an earlier one of
that name (``previous``) are empty: no container is started twice.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timezone
from typing import Any

from hera_experiment.argo.names import LABEL_COMPLETED, POD_NAME_PREFIX
from hera_experiment.argo.phases import FULFILLED, PENDING, RUNNING
from hera_experiment.local.server.log_lines import Lines, LogFile
from hera_experiment.local.server.messages import Request, Stream
from hera_experiment.local.server.pattern import Pattern
from hera_experiment.local.server.selectors import label_selector
from hera_experiment.local.server.watch import KEEP_ALIVE_SECONDS
from hera_experiment.local.server.workflows import resolve
from hera_experiment.local.store import Run, container_log

POLL_SECONDS = 0.1
POLL_SECONDS_PER_POD = 1e-4
"""Looking at ten thousand nodes takes 10 ms, so it is done once a second."""

_MAIN = "main"
_CONTAINER = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")

_LABEL_WORKFLOW = "workflows.argoproj.io/workflow"


def workflow_logs(request: Request) -> Stream:
    """Stream the lines of all pods, or of one; with ``follow`` until the workflow has ended."""
    run = resolve(request)
    grep = Pattern(request.option("grep")) if request.option("grep") else None
    # The options are read here: a wrong one must be an error before the stream begins.
    tail = request.number("logOptions.tailLines")
    limit = request.number("logOptions.limitBytes")
    since = _since(request)
    timestamps = request.flag("logOptions.timestamps")
    wanted = _wanted(request, run)
    container = request.option("logOptions.container", _MAIN) or _MAIN

    def open_log(pod: Mapping[str, Any], name: str) -> LogFile:
        path = container_log(run.log_path(str(pod["id"])), container)
        return LogFile(path, name, tail=tail, since=since, limit=limit)

    def items() -> Generator[tuple[bytes, ...], None, None]:
        for lines in _lines(request, run, wanted, open_log):
            if lines is None:
                yield ()
                continue
            texts = lines.texts
            if timestamps:
                stamp = _stamp(lines.time)
                texts = [f"{stamp} {text}" for text in texts]
            if grep is not None:
                texts = list(filter(grep.found_in, texts))
            if texts:
                yield (_entries(lines.pod, texts),)

    return Stream(items())


def _lines(
    request: Request,
    run: Run,
    wanted: Callable[[Mapping[str, Any], str], bool],
    open_log: Callable[[Mapping[str, Any], str], LogFile],
) -> Generator[Lines | None, None, None]:
    services, store = request.services, request.services.store
    follow = request.flag("logOptions.follow")
    logs: dict[str, LogFile] = {}
    ended: set[str] = set()
    alive = services.monotonic()
    version = -1
    pods: list[dict[str, Any]] = []
    while True:
        milestone = store.milestone
        # Looked at before the files: what is written before the end is read before it, too.
        last = not follow or run.finished or run.deleted or services.closing()
        if run.version != version:
            version, pods = run.version, sorted(run.pods(), key=_start)
        reading = []
        for pod in pods:
            key = str(pod["id"])
            if key in ended or pod.get("phase", "") in ("", PENDING):
                continue
            final = last or pod.get("phase") in FULFILLED
            if key not in logs:
                name = _pod_name(run.name, pod)
                if not wanted(pod, name):
                    ended.add(key)
                    continue
                logs[key] = open_log(pod, name)
            reading.append(logs[key].lines(final))
            if final:
                ended.add(key)
                del logs[key]
        for lines in heapq.merge(*reading, key=lambda lines: lines.time):
            yield lines
            alive = services.monotonic()
        if last or request.gone():
            return
        store.wait_milestone(milestone, max(POLL_SECONDS, len(pods) * POLL_SECONDS_PER_POD))
        if services.monotonic() >= alive + KEEP_ALIVE_SECONDS:
            alive = services.monotonic()
            yield None


def _entries(pod: str, texts: list[str]) -> bytes:
    """Return ``{"result":{"content":TEXT,"podName":POD}}`` for each text, one a line."""
    begin, end = '{"result":{"content":', f',"podName":{json.dumps(pod)}}}}}'
    # The separator of a list of strings is what stands between two contents: 20 times faster than
    # to encode each entry. Between the strings nothing else is written, and in them no newline.
    encoder = json.JSONEncoder(separators=(f"{end}\n{begin}", ":"))
    return f"{begin}{encoder.encode(texts)[1:-1]}{end}".encode("ascii")


def _wanted(request: Request, run: Run) -> Callable[[Mapping[str, Any], str], bool]:
    container = request.option("logOptions.container", _MAIN) or _MAIN
    if not _CONTAINER.fullmatch(container) or request.flag("logOptions.previous"):
        return lambda pod, name: False
    only = request.path.get("pod") or request.option("podName")
    accepts = label_selector(request.option("selector"))
    has_selector = bool(request.option("selector").strip())

    def wanted(pod: Mapping[str, Any], name: str) -> bool:
        if only and only not in (name, pod["id"]):
            return False
        return not has_selector or accepts(_pod_labels(run.manifest, pod))

    return wanted


def _since(request: Request) -> float | None:
    ago = request.number("logOptions.sinceSeconds")
    if ago is not None:
        return request.services.now() - ago
    seconds = request.number("logOptions.sinceTime.seconds")
    if seconds is not None:
        return seconds + (request.number("logOptions.sinceTime.nanos") or 0) / 1e9
    moment = request.time("logOptions.sinceTime")
    return moment.timestamp() if moment else None


def _start(pod: Mapping[str, Any]) -> str:
    return str(pod.get("startedAt") or "")


def _stamp(time: float) -> str:
    moment = datetime.fromtimestamp(time, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _pod_name(workflow: str, node: Mapping[str, Any]) -> str:
    """Return the name of a node's pod: the node's id ends with the hash of its name."""
    if node.get("name") == workflow:
        return workflow
    template = node.get("templateName")
    prefix = f"{workflow}-{template}" if template else workflow
    return f"{prefix[:POD_NAME_PREFIX]}-{str(node['id']).rsplit('-', 1)[-1]}"


def _pod_labels(workflow: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that a node's pod would have."""
    metadata, spec = workflow.get("metadata") or {}, workflow.get("spec") or {}
    labels = {
        _LABEL_WORKFLOW: str(metadata.get("name", "")),
        LABEL_COMPLETED: "false" if node.get("phase") in (PENDING, RUNNING) else "true",
    }
    labels.update((spec.get("podMetadata") or {}).get("labels") or {})
    for template in spec.get("templates") or []:
        if template.get("name") == node.get("templateName"):
            labels.update((template.get("metadata") or {}).get("labels") or {})
    return labels
