"""Submissions whose process is killed, resumed by another one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any

from fault_case import Server, manifest_of, true_state
from fault_proxy import CUTS, KILLS, PASS, STATUSES, FaultProxy

from hera_experiment.record.records import Records
from hera_experiment.record.run_record import State
from hera_experiment.submission.submitter import Submitter

KILLED = -signal.SIGKILL


class Driver:
    """Processes that submit ``server``'s workflow through a proxy, and are killed."""

    def __init__(self, server: Server, folder: Path, seed: str) -> None:
        self.server = server
        self.folder = folder
        self.records = Records(folder)
        self.killed: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.proxy = FaultProxy(server.address, lambda asked: PASS)
        self._random = Random(seed)
        self._seeds = (f"{seed}/{number}" for number in range(1_000_000))
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fault_driver.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Driver:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=30)
        self.proxy.close()

    @property
    def faults(self) -> Counter[str]:
        """Each fault that happened: of the proxy, and of the processes."""
        return self.proxy.injected + self.killed

    def steps(self) -> int:
        """Return how many steps a submission takes to which nothing happens."""
        self.proxy.plan = lambda asked: PASS
        submission, answer = self._submit(0)
        assert answer["ends"] == [0]
        assert true_state(self.server, self.records, submission) is State.CREATED
        return int(answer["steps"])

    def case(self, kill_at: int) -> None:
        """Submit; the process is killed at that step, or (0) while a request is on its way."""
        self.proxy.plan = self._plan(kill_at)
        submission, _ = self._submit(kill_at)
        while self._check(submission) is State.UNSURE:
            # The process that resumes may be killed as well, and there may be two of them.
            kill_again = self._random.choice((0, self._random.randint(1, 12)))
            self.proxy.plan = self._plan(kill_again, self._random.random() < 0.3)
            self._order(submission, kill_again, processes=self._random.choice((1, 1, 2)))
            self.ends["resumed"] += 1
        state = self._check(submission)
        self.ends[state.value if state else "not begun"] += 1

    def _plan(self, kill_at: int, kill: bool = True) -> Any:
        """Return what happens to the requests, before the kill or with it."""
        faults = self._random.choices((*CUTS, *STATUSES), k=self._random.choice((0, 0, 1, 2)))
        if not kill_at and kill:
            faults.append(self._random.choice(KILLS))
        left = iter(faults)
        return lambda asked: next(left, PASS)

    def _check(self, submission: str) -> State | None:
        self.proxy.drain()
        return true_state(self.server, self.records, submission)

    def _submit(self, kill_at: int) -> tuple[str, dict[str, Any]]:
        seed = next(self._seeds)
        manifest = manifest_of(self.server, self._random)
        client = self.server.client
        record = Submitter(client, self.records, "", random=Random(seed)).record("", manifest)
        return record.submission, self._order("", kill_at, seed=seed, manifest=manifest)

    def _order(self, resume: str, kill_at: int, **more: Any) -> dict[str, Any]:
        order = {
            "url": self.proxy.url,
            "token": self.server.token,
            "namespace": self.server.namespace,
            "folder": str(self.folder),
            "resume": resume,
            "kill_at": kill_at,
            **more,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert 1 not in answer["ends"], answer
        # The proxy counts those that it killed itself.
        if kill_at and answer["ends"][0] == KILLED:
            self.killed["kill -9 at a step of the client"] += 1
        return answer
