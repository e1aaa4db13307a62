"""The processes of one pod, each a group of its own, that another thread can end."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from hera_experiment.local.cache.tracer import Tracer
from hera_experiment.local.runtimes.base import Usage

_CAN_PEEK = hasattr(os, "waitid")
_CHUNK = 1 << 16
_PATIENCE = 0.2
_SOON = 0.02
_SHORT = 0.02
"""Seconds in which a process may end before anybody has to hear that it has begun."""
_LONGEST_END = 5
"""Seconds that the kernel may take to end a namespace, on a machine that has much else to do."""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024

STARTING = threading.Lock()
RUNNING: set[int] = set()
"""The numbers of all processes that were started here and still have to be waited for."""


class Stopped(Exception):
    """The pod was asked to stop before this process could start."""


class Children:
    """Runs the processes of one container, one after the other.

    A runtime sets ``enter``, which runs a command beside what runs for so many seconds at most and
    returns its exit status, and ``progress``, which returns what the container wrote of it.
    Where there is one, ``begun`` hears at once that a process has begun, and ``started`` of
    :meth:`run` that only of one that does not end in a moment.
    ``used`` is what its processes used that have ended, None before the first.
    """

    def __init__(self, attempts: int = 1, pause: float = 0.0) -> None:
        self._attempts = attempts
        self._pause = pause
        self._stopped = threading.Event()
        self.enter: Callable[[Sequence[str], float], int] | None = None
        self.progress: Callable[[], bytes | None] = lambda: None
        self.begun: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._in_namespace = False
        self._timer: threading.Timer | None = None
        self.stopping = False
        self.used: Usage | None = None
        self.ended: Callable[[int], None] = lambda status: None
        """Hears the exit status of the last attempt, before outputs are looked at."""

    def attempts(self, run: Callable[[int], int]) -> int:
        """Return the exit status of ``run(attempt)``, called again while it fails and may.

        With no attempt at all it is 0, as in Argo. Source: ``NewEmissaryCommand`` in
        ``cmd/argoexec/commands/emissary.go`` of argoproj/argo-workflows.
        """
        status = 0
        for attempt in range(self._attempts):
            if attempt and self._stopped.wait(self._pause):
                break
            status = run(attempt)
            if status == 0 or self.stopping:
                break
        self.ended(status)
        return status

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: str,
        log: int,
        tee: Callable[[bytes], None] | None = None,
        started: Callable[[], None] | None = None,
        first: Callable[[], int] | None = None,
        descriptors: Sequence[int] = (),
        terminal: bool = False,
        waits: bool = False,
        tracer: Tracer | None = None,
    ) -> int:
        """Run ``argv`` in ``folder`` to its end and return its exit status.

        Both streams go to the file descriptor ``log``; with ``tee``, standard output passes
        through it as well. Death by signal n gives 128 + n, as in a container. What the process
        started and left behind dies with it. With ``first`` it is a program whose one child is the
        first process of a namespace: that one's group is signalled, and ``first`` returns its
        number in the end, 0 where there was none. ``descriptors`` are the files that it has open as
        well; ``tracer`` looks on. Standard input is at its end; with ``terminal`` all three streams
        are a terminal, and with ``waits`` it is open, but nobody writes to it.

        Raises
        ------
        OSError
            When it cannot be started.
        Stopped
            When :meth:`stop` was called before.
        """
        if tracer is not None:
            heard = tracer.notifications
            argv, descriptors = heard.command(argv), (*descriptors, heard.descriptor)
        with self._lock:
            if self.stopping:
                raise Stopped
            with ExitStack() as opened:
                streams = _streams(opened, log, terminal=terminal, waits=waits, piped=bool(tee))
                with STARTING:
                    process = subprocess.Popen(
                        argv,
                        stdin=streams.input,
                        stdout=streams.output,
                        stderr=streams.errors,
                        cwd=folder,
                        env=environment,
                        start_new_session=True,
                        pass_fds=descriptors,
                    )
                    RUNNING.add(process.pid)
                kept = streams.kept.pop_all()
            self._running = process
            self._in_namespace = first is not None
        with kept:
            try:
                if tracer is not None:
                    tracer.begin()
                if started and self.begun:
                    self.begun()
                if started and not (self.begun and not tee and _ends_soon(process.pid)):
                    started()
                if process.stdout is not None:
                    _copy_output(process, process.stdout.fileno(), log, tee)
                elif streams.shown is not None:
                    _copy_output(process, streams.shown, log, tee)
            finally:
                status = self._wait(process, first)
        return status if status >= 0 else 128 - status

    def _wait(self, process: subprocess.Popen[bytes], first: Callable[[], int] | None) -> int:
        # Until it is reaped nobody else gets its number: the group that is killed is its own.
        if _CAN_PEEK:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        else:
            _reap(process)
        with self._lock:
            _signal_group(process.pid, signal.SIGKILL)
            status, usage = _reap(process)
            RUNNING.discard(process.pid)
            self._running = None
            if self._timer is not None:
                self._timer.cancel()
        if first is not None:
            usage = _usage_within(first())
        self.used = total_usage(usage, self.used)
        if process.stdout is not None:
            process.stdout.close()
        return status

    def stop(self, grace_seconds: float) -> None:
        """End the running process, by force after the grace, and start no other."""
        with self._lock:
            self.stopping = True
            self._stopped.set()
            process = self._running
            if process is None:
                return
            force = grace_seconds <= 0
            self._signal(process, signal.SIGKILL if force else signal.SIGTERM)
            if not force and self._timer is None:
                self._timer = threading.Timer(
                    grace_seconds, self._signal_if_running, (process, signal.SIGKILL)
                )
                self._timer.daemon = True
                self._timer.start()

    def _signal_if_running(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with self._lock:
            if self._running is process:
                self._signal(process, number)

    @property
    def number(self) -> int | None:
        """The number of the process that runs, None when there is none."""
        process = self._running
        return None if process is None else process.pid

    def first_in_namespace(self) -> int | None:
        """Return the first process of the namespace of what runs, None when there is none yet.

        Raises :class:`ProcessLookupError` when what ran has ended.
        """
        process = self._running
        if process is None or _has_ended(process):
            raise ProcessLookupError
        return _child(process.pid)

    def _signal(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Send a signal to what runs: the kernel keeps SIGTERM from a namespace's first process."""
        first = _child(process.pid) if self._in_namespace else None
        if first is not None and number == signal.SIGTERM and _child(first) is None:
            # Nobody is there yet who would hear it.
            again = threading.Timer(_SOON, self._signal_if_running, (process, number))
            again.daemon = True
            again.start()
            return
        _signal_group(process.pid if first is None else first, number)


def _reap(process: subprocess.Popen[bytes]) -> tuple[int, Usage | None]:
    """Return the exit status of ``process``, once it has ended, and what it used, if it is new."""
    if process.returncode is not None:
        return process.returncode, None
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return process.returncode, _usage(used, at_most=used.ru_maxrss <= own)


def _usage_within(number: int) -> Usage | None:
    """Return what the namespace used whose first process had this ``number``.

    It ends right after the process that began it, and comes to this one, which adopts orphans.
    """
    if not number:
        return None
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        handle = os.pidfd_open(number)
        try:
            end = select.poll()
            end.register(handle, select.POLLIN)
            end.poll(_LONGEST_END * 1000)
        finally:
            os.close(handle)
        found, _, used = os.wait4(number, os.WNOHANG)
        return _usage(used, at_most=False) if found else None
    return None


def _usage(used: resource.struct_rusage, *, at_most: bool) -> Usage:
    return Usage(used.ru_utime + used.ru_stime, used.ru_maxrss * _RSS_UNIT, at_most)


def total_usage(*parts: Usage | None) -> Usage | None:
    """Return what all ``parts`` used that were measured, None when none was."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    largest = max(known, key=lambda part: (part.memory, not part.at_most))
    return Usage(sum(part.cpu for part in known), largest.memory, largest.at_most)


@dataclass
class _Streams:
    """The standard streams of a process; what this one has ``kept`` open is closed at its end."""

    input: int
    output: int
    errors: int
    shown: int | None = None
    kept: ExitStack = field(default_factory=ExitStack)


def _streams(opened: ExitStack, log: int, *, terminal: bool, waits: bool, piped: bool) -> _Streams:
    """Return the streams of a process that begins; ``opened`` closes what only it has open."""
    streams = _Streams(subprocess.DEVNULL, subprocess.PIPE if piped else log, log)
    opened.push(streams.kept)
    if terminal:
        streams.shown, inside = os.openpty()
        streams.input = streams.output = streams.errors = inside
        streams.kept.callback(os.close, streams.shown)
        opened.callback(os.close, inside)
    elif waits:
        streams.input, writing = os.pipe()
        streams.kept.callback(os.close, writing)
        opened.callback(os.close, streams.input)
    return streams


def _copy_output(
    process: subprocess.Popen[bytes],
    descriptor: int,
    log: int,
    tee: Callable[[bytes], None] | None,
) -> None:
    """Copy what it prints until that ends, or until the process has ended and falls silent."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    while True:
        if not poll.poll(_PATIENCE * 1000):
            # A grandchild may hold the pipe open for ever. What it printed at last, after this
            # process looked, is there now.
            if _has_ended(process) and not poll.poll(0):
                return
            continue
        try:
            data = os.read(descriptor, _CHUNK)
        except OSError:  # Nobody has the terminal open any more.
            return
        if not data:
            return
        if tee:
            tee(data)
        write_all(log, data)


def _ends_soon(number: int) -> bool:
    """Tell whether a process ends in a moment, where one can wait for that."""
    try:
        handle = os.pidfd_open(number)
    except (AttributeError, OSError):
        return False  # Linux has it since 5.3, and some sandboxes forbid it.
    try:
        end = select.poll()
        end.register(handle, select.POLLIN)
        return bool(end.poll(_SHORT * 1000))
    finally:
        os.close(handle)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    if _CAN_PEEK:
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, process.pid, options) is not None
    return process.poll() is not None


def _child(parent: int) -> int | None:
    """Return the one child of a process; None when it has none, yet or any more."""
    return next(iter(children_of(parent)), None)


def children_of(parent: int) -> list[int]:
    """Return the children of a process's first thread; none where there is no Linux's /proc."""
    try:
        file = os.open(f"/proc/{parent}/task/{parent}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    listed = b""
    try:
        while part := os.read(file, _CHUNK):
            listed += part
    except OSError:
        return []
    finally:
        os.close(file)
    return [int(number) for number in listed.split()]


def _signal_group(group: int, number: signal.Signals) -> None:
    # Nobody left; macOS says "not permitted" for a group of which only the dead remain.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data`` to a file descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def open_log(path: Path) -> FileIO:
    """Open ``path`` for appending, unbuffered and for its owner alone; its folder is made."""
    try:
        return FileIO(path, "ab", opener=_private)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return FileIO(path, "ab", opener=_private)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
