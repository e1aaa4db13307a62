"""The worker threads that run pods, for all workflows together."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(eq=False)
class Job:
    """Something to run, once; ``owner`` groups jobs that can be taken back together.

    The greater ``priority`` comes first. ``thread`` runs it now. Once ``released`` it goes on
    without counting.
    """

    run: Callable[[], None]
    owner: str
    priority: int = 0
    thread: threading.Thread | None = None
    released: bool = False


class Pool:
    """At most ``size`` jobs run at a time, by priority, then in the order in which they came.

    Threads are begun as they are needed and stay. A job must not raise.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a pool needs at least one thread, not {size}")
        self._size = size
        # A heap: what is next comes first.
        self._jobs: list[tuple[int, int, Job]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._released: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(self, job: Job) -> None:
        """Run ``job`` as soon as a thread is free."""
        with self._changed:
            if self._closed:
                raise RuntimeError("the pool is closed")
            heapq.heappush(self._jobs, (-job.priority, next(self._numbers), job))
            # An idle thread counts as idle until it takes its job: several jobs may come before.
            if len(self._jobs) <= self._idle or len(self._threads) == self._size:
                self._changed.notify()
            else:
                self._begin_thread()

    def release(self, job: Job) -> None:
        """Let ``job``, which runs, go on without counting: another may run in its place."""
        with self._changed:
            if job.thread is None or job.released:
                return
            job.released = True
            self._threads.remove(job.thread)
            self._released.append(job.thread)
            if len(self._jobs) > self._idle and not self._closed:
                self._begin_thread()

    def _begin_thread(self) -> None:
        name = f"pod worker {len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def take_back(self, owner: str) -> list[Job]:
        """Remove and return the jobs of ``owner`` that have not begun."""
        with self._changed:
            taken = sorted(entry for entry in self._jobs if entry[2].owner == owner)
            self._jobs = [entry for entry in self._jobs if entry[2].owner != owner]
            heapq.heapify(self._jobs)
        return [job for _, _, job in taken]

    def close(self) -> None:
        """Begin nothing more, and return when what runs has ended."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()
            threads = [*self._threads, *self._released]
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._jobs and not self._closed:
                    self._changed.wait()
                self._idle -= 1
                if self._closed:
                    return
                job = heapq.heappop(self._jobs)[2]
                job.thread = threading.current_thread()
            job.run()
            with self._changed:
                if job.released:
                    self._released.remove(threading.current_thread())
                    return
                job.thread = None
