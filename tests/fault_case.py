"""One submission under faults, and whether its record tells the truth."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from fault_proxy import CUTS, DENIED, PASS, STATUSES, TIMEOUTS, Asked, FaultProxy
from polling import until

from hera_experiment.errors import UserError
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.http_session import Session
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, State
from hera_experiment.submission.once import SUBMISSION_LABEL, resume, submit_once
from hera_experiment.submission.submitter import Submitter

READ_TIMEOUT = 0.25
FAULTS = (*CUTS, *STATUSES, *TIMEOUTS)


class Clock:
    """A clock that only a pause moves on."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time

    def pause(self, seconds: float) -> None:
        self.time += seconds


def client_of(url: str, token: str, timeout: float = READ_TIMEOUT) -> ArgoClient:
    return ArgoClient(url, Session(lambda: token, timeout=(5.0, timeout)), "the test")


def options(patience: float = 20.0) -> dict[str, Any]:
    clock = Clock()
    return {
        "patience": patience,
        "pause": clock.pause,
        "clock": clock,
        "say": lambda sentence: None,
    }


@dataclass
class Server:
    """Argo's server behind a healthy connection, as the judge of what is true."""

    address: str
    token: str
    namespace: str
    manifest: dict[str, Any]
    lag: float = 0.0  # seconds within which a list shows what was created
    client: ArgoClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = client_of(f"http://{self.address}/", self.token, 30.0)

    def there(self, submission: str) -> list[dict[str, Any]]:
        return self.client.list_workflows(
            self.namespace, labels=f"{SUBMISSION_LABEL}={submission}", fields="metadata"
        )

    def all(self) -> list[dict[str, Any]]:
        return self.client.list_workflows(
            self.namespace, labels=SUBMISSION_LABEL, fields="metadata"
        )


def manifest_of(server: Server, random: Random) -> dict[str, Any]:
    """Return a manifest whose name its script chose, now and then."""
    if random.random() < 0.8:
        return server.manifest
    return {**server.manifest, "metadata": {"name": f"fixed-{random.getrandbits(40):x}"}}


def faults(random: Random) -> Callable[[Asked], str]:
    """Return a plan: some faults in a row, now and then more than anybody's patience."""
    left = random.choice((1, 1, 2, 2, 3, 4, 12))
    lock = threading.Lock()

    def plan(asked: Asked) -> str:
        nonlocal left
        with lock:
            if left <= 0:
                return PASS
            left -= 1
            if random.random() < 0.04:
                return DENIED
            return random.choice(FAULTS)

    return plan


@dataclass
class Submission:
    """A submission through ``proxy``, with its record in ``records``."""

    server: Server
    proxy: FaultProxy
    records: Records
    random: Random
    record: RunRecord | None = None

    def begin(self) -> None:
        """Submit as a script does; faults happen as the proxy's plan says."""

        def once(record: RunRecord, client: ArgoClient, records: Records) -> dict[str, Any]:
            self.record = record
            return submit_once(record, client, records, **options())

        client = client_of(self.proxy.url, self.server.token)
        submitter = Submitter(client, self.records, "", random=self.random, once=once)
        manifest = manifest_of(self.server, self.random)
        self._try(partial(submitter, self.server.namespace, manifest), client)

    def go_on(self) -> None:
        """Resume as ``make submit RESUME=1`` does."""
        assert self.record is not None
        client = client_of(self.proxy.url, self.server.token)
        self._try(partial(resume, self.record, client, self.records, **options()), client)

    def _try(self, do: Callable[[], dict[str, Any]], client: ArgoClient) -> None:
        try:
            workflow = do()
        except UserError:
            workflow = None
        finally:
            client.close()
        self.proxy.drain()
        state = self.check()
        if workflow is not None:
            assert state is State.CREATED
            assert workflow["metadata"]["labels"][SUBMISSION_LABEL] == self.record.submission
            assert workflow["metadata"]["name"] == self.record.name

    def check(self) -> State | None:
        """Assert that the record says what is the case; return its state."""
        assert self.record is not None
        return true_state(self.server, self.records, self.record.submission)


def true_state(server: Server, records: Records, submission: str) -> State | None:
    known, there = records.find(submission), server.there(submission)
    assert len(there) <= 1, f"{len(there)} workflows of one submission"
    if known is None or known.state is State.REFUSED:
        assert not there, f"{there[0]['metadata']['name']} is there; its record says {known}"
    elif known.state is State.CREATED:
        there = there or until(
            lambda: server.there(submission),
            server.lag,
            seen=lambda: f"{known.name} is said to be there",
        )
        assert there[0]["metadata"]["uid"] == known.uid
        assert there[0]["metadata"]["name"] == known.name
    return known.state if known else None


def connection_faults(
    server: Server, folder: Path, seed: str, enough: int
) -> tuple[Counter[str], Counter[str]]:
    """Submit until there were ``enough`` faults; return them, and how the submissions ended."""
    random, ends = Random(seed), Counter[str]()
    proxy = FaultProxy(server.address, lambda asked: PASS)
    records = Records(folder)
    try:
        # A 403 is no fault of the goal: it only makes the others harder.
        while proxy.injected.total() - proxy.injected[DENIED] < enough:
            submission = Submission(server, proxy, records, random)
            proxy.plan = faults(random)
            submission.begin()
            while submission.check() is State.UNSURE:
                proxy.plan = faults(random) if random.random() < 0.5 else lambda asked: PASS
                submission.go_on()
                ends["resumed"] += 1
            state = submission.check()
            assert state is not None
            ends[state.value] += 1
    finally:
        proxy.close()
    return proxy.injected, ends


_LONGEST_LAG = 60.0


def assert_exactly_once(server: Server, folder: Path) -> str:
    """Compare what is on the server with all records; return a line to print."""
    records = {each.submission: each for each in Records(folder).all()}
    created = {key for key, each in records.items() if each.state is State.CREATED}
    unsure = [key for key, each in records.items() if each.state is State.UNSURE]
    end = time.monotonic() + (_LONGEST_LAG if server.lag else 0.0)
    time.sleep(server.lag)
    # A busy server's list is behind: what it does not show may come, what it shows stays.
    while True:
        found = Counter(each["metadata"]["labels"][SUBMISSION_LABEL] for each in server.all())
        lost = created - found.keys()
        if not lost or time.monotonic() > end:
            break
        time.sleep(1.0)
    duplicates = [each for each, count in found.items() if count > 1]
    unrecorded = found.keys() - created
    assert (duplicates, lost, unrecorded, unsure) == ([], set(), set(), []), (
        f"duplicates {duplicates}, lost {lost}, not recorded {unrecorded}, unsure {unsure}"
    )
    return (
        f"{len(records)} submissions, {len(found)} workflows: {len(duplicates)} duplicates, "
        f"{len(lost)} lost, {len(unrecorded)} without a true record"
    )
