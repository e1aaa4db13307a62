"""Asks for what an account of a run does not hold: last lines, causes, pods, changed code."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import quote

from hera_experiment.account.account import Account
from hera_experiment.argo.phases import FAILURES
from hera_experiment.argo.tasks import Task, nodes_of, pod_name_of
from hera_experiment.errors import UserError
from hera_experiment.follow.failure import Reporter, last_lines
from hera_experiment.follow.lines import as_seen
from hera_experiment.follow.task_log import TaskLogs
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.record.code import CodeNotKept, CodeStore
from hera_experiment.report.document import Told
from hera_experiment.report.tasks import PodTimes, with_logs
from hera_experiment.runs.find import Run

_LINES, _LINES_OF_FAILED = 12, 40
_LONGEST = 240
_AT_ONCE = 8


def told_of(run: Run, account: Account, now: datetime, logs: int) -> Told:
    """Ask about ``run``, for the last lines of at most ``logs`` tasks among others.

    What cannot be had is left out, or is one of the remarks.
    """
    remarks = []
    difference = ""
    try:
        difference = CodeStore(run.server.context.experiment).uncommitted(account.origin.code)
    except CodeNotKept as error:
        remarks.append(str(error))
    failures = []
    if account.phase in FAILURES:
        failures = Reporter.of(run, account.workflow).failures(now)
    pods, digests = _pods(run, account)
    return Told(failures, _logs(run, account, logs), difference, pods, digests, tuple(remarks))


def _logs(run: Run, account: Account, most: int) -> dict[str, list[str]]:
    source = TaskLogs.of(run.server)

    def end_of(task: Task) -> list[str]:
        count = _LINES_OF_FAILED if task.phase in FAILURES else _LINES
        try:
            lines = source.end_of(account.workflow, task, count).lines
        except (OSError, UserError):
            return []
        seen = [as_seen(line, colours=False)[:_LONGEST] for line in lines]
        return last_lines(seen, count)

    chosen = with_logs(account.tasks, most)
    if run.server.is_local or len(chosen) < 2:
        found = [end_of(task) for task in chosen]
    else:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(end_of, chosen))
    return {task.name: lines for task, lines in zip(chosen, found, strict=True) if lines}


def _pods(run: Run, account: Account) -> tuple[dict[str, PodTimes], dict[str, str]]:
    """Return what a cluster says of the pods of ``run`` that it still has, and of their images."""
    cluster = run.server.cluster
    if run.server.is_local or not (isinstance(cluster, KubernetesAccess) and cluster.has_access):
        return {}, {}
    path = f"/api/v1/namespaces/{quote(run.namespace)}/pods"
    chosen = {"labelSelector": f"workflows.argoproj.io/workflow={run.name}"}
    try:
        answer = cluster.client.get(path, chosen)
        items = cluster.document("list pods", answer).get("items") or ()
    except (OSError, UserError):
        return {}, {}
    by_name = {str(pod["metadata"]["name"]): pod for pod in items}
    times: dict[str, PodTimes] = {}
    digests: dict[str, str] = {}
    for key, node in nodes_of(account.workflow).items():
        if node.get("type") == "Pod" and (pod := by_name.get(pod_name_of(account.workflow, node))):
            times[key] = _times(pod)
            digests.update(_digests(pod))
    return times, digests


def _times(pod: dict[str, Any]) -> PodTimes:
    states: list[dict[str, Any]] = []
    for each in (pod.get("status") or {}).get("containerStatuses") or ():
        if each.get("name") == "main":
            states = list((each.get("state") or {}).values())
    state = states[0] if states else {}
    return PodTimes(
        str(pod["metadata"].get("creationTimestamp") or ""),
        str(state.get("startedAt") or ""),
        str(state.get("finishedAt") or ""),
    )


def _digests(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    asked = {
        str(each.get("name")): str(each.get("image") or "")
        for each in (pod.get("spec") or {}).get("containers") or ()
    }
    for each in (pod.get("status") or {}).get("containerStatuses") or ():
        digest = str(each.get("imageID") or "").rpartition("@")[2]
        if digest.startswith("sha256:"):
            yield asked.get(str(each.get("name")), ""), digest
