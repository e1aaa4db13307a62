"""Reads and follows the logs of the tasks of one run: each line once, wherever it is left."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TypeVar

from hera_experiment.argo.phases import FAILURES, FULFILLED, PENDING
from hera_experiment.argo.tasks import (
    Workflow,
    is_finished,
    name_of,
    nodes_of,
    parsed,
    pod_name_of,
    task_of,
    utc_now,
)
from hera_experiment.errors import UserError
from hera_experiment.follow.log_position import ByCount, ByTime, Pod, Reading, TaskLine, is_of
from hera_experiment.follow.pending import facts_of
from hera_experiment.follow.source_paths import SourcePaths
from hera_experiment.follow.task_log import Origin, is_archived
from hera_experiment.follow.watch import Follower, WorkflowEvent
from hera_experiment.platform.argo_logs import (
    LogEntry,
    archived_log,
    clock_of,
    log_blocks,
    log_entries,
)
from hera_experiment.runs.find import Run
from hera_experiment.waiting import Backoff

T = TypeVar("T")

_ONE_BY_ONE = 16
"""With more pods than this to read, one request for all of them is cheaper."""

_PATIENCE = 60.0
_MARGIN = 5
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0

_LINGERS = 3.0
"""Seconds that the last lines of a pod that is gone may take to come through Argo's server."""

_Inbox = SimpleQueue[WorkflowEvent | UserError | tuple[LogEntry, Reading] | None]


class LogReader:
    """The logs of ``run``, of the tasks that ``task`` chooses: by its name, else as a prefix."""

    def __init__(self, run: Run, task: str = "", pause: Callable[[float], None] = sleep) -> None:
        self._run = run
        self._task = task
        self._pause = pause
        self._pods: dict[str, Pod] = {}
        self._wanted: dict[str, Pod] = {}
        self._unread: dict[str, list[str]] = {}
        self._ahead: timedelta | None = None
        self._paths = SourcePaths(run.server.context.experiment, run.workflow)
        self.update(run.workflow)

    def update(self, workflow: Workflow) -> None:
        """Take in the present state of the workflow."""
        self.workflow = workflow
        nodes = nodes_of(workflow)
        prefix = f"{name_of(workflow)}."
        only_attempts = {
            children[0]: node
            for node in nodes.values()
            if node.get("type") == "Retry"
            and len(children := list(node.get("children") or ())) == 1
        }
        for identifier, node in nodes.items():
            if node.get("type") != "Pod":
                continue
            name = pod_name_of(workflow, node)
            task = task_of(only_attempts.get(identifier, node), nodes, prefix).name
            known = self._pods.get(name)
            if known is None:
                # A retried task has a pod of the same name: what it wrote before stays written.
                position = ByCount() if self._run.server.is_local else ByTime()
                self._pods[name] = Pod(name, task, node, position)
            else:
                known.node, known.task = node, task
        pods = list(self._pods.values())
        if self._task:
            exact = [pod for pod in pods if is_of(pod.task, self._task)]
            pods = exact or [pod for pod in pods if pod.task.startswith(self._task)]
        # Replaced as a whole: another thread asks for lines meanwhile.
        self._wanted = {pod.name: pod for pod in pods}

    def wanted(self) -> list[Pod]:
        """Return the pods whose tasks are chosen."""
        return list(self._wanted.values())

    def refuse_unknown(self) -> None:
        """Raise :class:`UserError` when no task is chosen though one was named."""
        if not self._task or self.wanted():
            return
        import difflib

        tasks = [pod.task for pod in self._pods.values()]
        close = difflib.get_close_matches(self._task, tasks, n=1)
        advice = f"did you mean '{close[0]}'?" if close else f"'make status RUN={self._run.name}'"
        raise UserError(
            f"no task of {self._run.name} that has run begins with '{self._task}'", "--task", advice
        )

    def stream(self, *, follow: bool, pod: str = "") -> Iterator[LogEntry]:
        """Yield lines from where each log was left, of all pods unless one is named."""
        pods = [self._pods[pod]] if pod else [each for each in self.wanted() if not each.closed]
        begun = [each.position.since for each in pods if each.position.count]
        yield from log_entries(
            self._run.server.client,
            self._run.namespace,
            self._run.name,
            pod=pod,
            since_seconds=self._ago(min(begun, default="")),
            follow=follow,
        )

    def _ago(self, since: str) -> int:
        """Return how many seconds before now ``since`` was, by the cluster's clock; 0 for none."""
        moment = parsed(since)
        if moment is None:
            return 0
        if self._ahead is None:
            self._ahead = clock_of(self._run.server.client, utc_now)
        # What comes too early is left out again: too much is better than too little.
        return max(1, int((utc_now() + self._ahead - moment).total_seconds()) + _MARGIN)

    def accept(self, entry: LogEntry, reading: Reading) -> TaskLine | None:
        """Return the line of ``entry`` when it is wanted and new."""
        pod = self._wanted.get(entry.pod)
        if pod is None or pod.closed:
            return None
        if pod.executor.wrote(entry.text):
            return None
        if entry.pod not in reading.fresh:
            reading.fresh[entry.pod] = pod.position.again()
        if not reading.fresh[entry.pod](entry.stamp, entry.text):
            return None
        pod.position.add(entry.stamp, entry.text)
        return self._line(pod, entry.text)

    def _line(self, pod: Pod, text: str) -> TaskLine:
        """Return a line with the paths of the experiment's own files."""
        return TaskLine(pod.task, self._paths.shown(pod.node, text))

    def all(self) -> Iterator[TaskLine]:
        """Yield what there is to read now, all tasks merged by time."""
        pods = [pod for pod in self.wanted() if not pod.closed and pod.phase != PENDING]
        if pods:
            yield from self._read(pods[0].name if len(pods) == 1 else "", pods)

    def blocks(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the same as :meth:`all`, each task with many of its lines where they come so."""
        if not self._run.server.is_local:
            for line in self.all():
                yield line.task, [line.text]
            return
        pods = [pod for pod in self.wanted() if pod.phase != PENDING]
        if pods:
            name = pods[0].name if len(pods) == 1 else ""
            yield from self._persistently(lambda: self._blocks(name))

    def _blocks(self, name: str) -> Iterator[tuple[str, list[str]]]:
        read: Counter[str] = Counter()
        run = self._run
        for each, lines in log_blocks(run.server.client, run.namespace, run.name, pod=name):
            pod = self._wanted.get(each)
            if pod is None:
                continue
            new = lines[max(0, pod.position.count - read[each]) :]
            read[each] += len(lines)
            if new:
                pod.position.count += len(new)
                shown = self._paths.shown
                yield pod.task, [shown(pod.node, text) if "/" in text else text for text in new]

    def _persistently(self, attempt: Callable[[], Iterator[T]]) -> Iterator[T]:
        """Yield what ``attempt`` does, which is made again where it breaks off."""
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, self._pause)
        while True:
            try:
                for each in attempt():
                    backoff.reset()
                    yield each
                return
            except OSError as error:
                if backoff.waited >= _PATIENCE:
                    raise UserError(f"the logs cannot be read to their end: {error}") from None
                backoff.pause()

    def rest(self) -> Iterator[TaskLine]:
        """Yield what has not been read yet of the tasks that have ended.

        A stream of Argo's server may end in silence before a log does (a kubelet that restarts):
        so each log is read to its end once more when its task is over.
        """
        pods = [
            pod
            for pod in self.wanted()
            if not pod.closed and pod.phase != PENDING and pod.phase in FULFILLED
        ]
        if len(pods) > _ONE_BY_ONE and not self._run.server.is_local:
            yield from self._read("", pods)
        else:
            for pod in pods:
                yield from self._read(pod.name, [pod])

    def _read(self, name: str, pods: Iterable[Pod]) -> Iterator[TaskLine]:
        there: set[str] = set()

        def attempt() -> Iterator[TaskLine]:
            there.clear()
            reading = Reading()
            for entry in self.stream(follow=False, pod=name):
                there.add(entry.pod)
                line = self.accept(entry, reading)
                if line is not None:
                    yield line

        yield from self._persistently(attempt)
        for pod in pods:
            # Of a pod that is there, the last lines come again: one that has none may be gone, and
            # what it wrote on its way.
            pod.closed = pod.name in there and pod.phase in FULFILLED

    def archived(self) -> Iterator[TaskLine]:
        """Yield what is left in the archive of the logs of pods that are gone."""
        server = self._run.server
        for pod in self.wanted():
            if pod.closed or server.is_local or not is_archived(pod.node):
                continue
            node = str(pod.node["id"])
            log = archived_log(server.client, self._run.namespace, self._run.name, node)
            try:
                for text in islice(log, pod.position.count, None):
                    pod.position.add("", text)
                    yield self._line(pod, text)
                pod.closed = True
            except (OSError, UserError) as error:
                self._unread[str(error)] = [*self._unread.get(str(error), ()), pod.task]

    def remarks(self) -> list[str]:
        """Return a sentence for each task whose log cannot be shown, or failed without one."""
        found = [f"{', '.join(tasks)}: {why}" for why, tasks in self._unread.items()]
        facts = facts_of(self._run.server)[0]
        for pod in self.wanted():
            if pod.position.count or pod.phase not in FAILURES:
                continue
            if any(pod.task in tasks for tasks in self._unread.values()):
                continue
            exists = facts.exists(self._run.namespace, pod.name)
            message = str(pod.node.get("message") or "none")
            if exists:
                found.append(f"{pod.task} printed nothing; its message: {message}")
            else:
                origin = Origin.UNKNOWN if exists is None else Origin.GONE
                what = origin.value.removesuffix(": only this message remains")
                found.append(f"{pod.task}: {what}; only its message remains: {message}")
        return found


def follow_logs(
    run: Run,
    reader: LogReader,
    patience: float = 600.0,
    clock: Callable[[], float] = monotonic,
) -> Iterator[TaskLine]:
    """Yield each line once, soon after it was written, until the run has ended or is deleted.

    Raises
    ------
    UserError
        When the server refuses, or does not answer for ``patience`` seconds.
    """
    inbox: _Inbox = SimpleQueue()
    done = threading.Event()
    finished = is_finished(run.workflow)
    try:
        if not finished:
            for target in (_watch, _stream):
                arguments = (run, reader, inbox, done, patience)
                threading.Thread(target=target, args=arguments, daemon=True).start()
        end = float("inf")
        while not finished and clock() < end:
            try:
                event = inbox.get(timeout=None if end == float("inf") else max(0, end - clock()))
            except Empty:
                break
            match event:
                case UserError():
                    raise event
                case WorkflowEvent(_, True):
                    return
                case WorkflowEvent(workflow, False):
                    reader.update(workflow)
                    over = is_finished(workflow)
                    yield from reader.rest()
                    if over:
                        end = min(end, clock() + (_LINGERS if _may_linger(reader) else 0.0))
                case (entry, reading):
                    line = reader.accept(entry, reading)
                    if line is not None:
                        yield line
        if finished:
            yield from reader.all()
        yield from reader.archived()
    finally:
        done.set()


def _may_linger(reader: LogReader) -> bool:
    return any(not pod.closed for pod in reader.wanted())


def _watch(
    run: Run, reader: LogReader, inbox: _Inbox, done: threading.Event, patience: float
) -> None:
    try:
        follower = Follower(run.server.client, run.namespace, name=run.name, patience=patience)
        for event in follower.until_finished():
            inbox.put(event)
            if done.is_set():
                return
    except UserError as error:
        inbox.put(error)


def _stream(
    run: Run, reader: LogReader, inbox: _Inbox, done: threading.Event, patience: float
) -> None:
    backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, done.wait)
    while not done.is_set():
        reading = Reading()
        try:
            for entry in reader.stream(follow=True):
                inbox.put((entry, reading))
                backoff.reset()
                if done.is_set():
                    return
        except (OSError, UserError):
            # Whether the server has gone for good is for the other thread to say.
            pass
        backoff.pause()
