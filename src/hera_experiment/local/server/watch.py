"""Watch workflows: what they are now, then every change, with no more traffic than a person needs.

A client that draws a progress display gains nothing from the thousand states that a workflow of
a thousand tasks goes through; the finish and the first sight it must have at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from hera_experiment.local.errors import NotFound
from hera_experiment.local.server.messages import Request, Stream
from hera_experiment.local.server.selectors import Fields, FieldSelector, label_selector
from hera_experiment.local.server.workflows import document, resolve
from hera_experiment.local.store import Run

KEEP_ALIVE_SECONDS = 15.0
SHORTEST_INTERVAL_SECONDS = 0.2
LONGEST_INTERVAL_SECONDS = 5.0
BYTES_PER_SECOND = 400_000
"""How much of one workflow's document a watch sends: 1000 tasks are half a megabyte."""


def watch(request: Request) -> Stream:
    """Stream the workflows that the selectors name; a name that does not exist is NotFound."""
    selector = FieldSelector.parse(request.option("listOptions.fieldSelector"))
    accepts = label_selector(request.option("listOptions.labelSelector"))
    name = resolve(request, selector.name).name if selector.name else ""
    namespace = request.namespace or selector.namespace
    store = request.services.store

    def selected() -> list[Run]:
        if not name:
            runs = store.runs(namespace)
        else:
            try:
                runs = [store.get(request.namespace, name)]
            except NotFound:
                return []
        return [
            run
            for run in runs
            if run.name not in selector.other_names and accepts(run.metadata.get("labels") or {})
        ]

    return Stream(_events(request, selected))


@dataclass
class _Sent:
    run: Run
    version: int
    finished: bool
    due: float


def _events(
    request: Request, selected: Callable[[], list[Run]]
) -> Generator[tuple[bytes, ...], None, None]:
    services, store = request.services, request.services.store
    fields = Fields(request.option("fields"), prefix="result.object.")
    since = request.number("listOptions.resourceVersion") or 0
    seconds = request.number("listOptions.timeoutSeconds")
    end = services.monotonic() + seconds if seconds else None
    sent: dict[str, _Sent] = {}
    alive = services.monotonic()
    first = True
    while not services.closing() and not request.gone():
        # Read before looking: what changes while looking makes the wait below return at once.
        version, milestone = store.version, store.milestone
        now = services.monotonic()
        if end is not None and now >= end:
            return
        due = float("inf")
        current = {run.name: run for run in selected()}
        for name in [n for n, old in sent.items() if current.get(n) is not old.run]:
            yield _frame("DELETED", sent.pop(name).run, fields)
        # The oldest first, as they were created.
        for run in reversed(current.values()):
            old = sent.get(run.name)
            kind = "MODIFIED" if old or run.created <= since else "ADDED"
            if old and old.version == run.version:
                continue
            finished, changed = run.finished, run.version
            if old and finished == old.finished and now < old.due:
                due = min(due, old.due)
                continue
            if first and changed <= since:
                sent[run.name] = _Sent(run, changed, finished, now)
                continue
            frame = _frame(kind, run, fields)
            sent[run.name] = _Sent(run, changed, finished, now + _interval(sum(map(len, frame))))
            yield frame
            del frame
            alive = services.monotonic()
        first = False
        wake = min(due, alive + KEEP_ALIVE_SECONDS, end if end is not None else due)
        patience = max(0.0, wake - services.monotonic())
        if due < float("inf"):
            # Other workflows change meanwhile: a small one need not wait for a large one.
            store.wait_milestone(milestone, min(patience, SHORTEST_INTERVAL_SECONDS))
        else:
            store.wait(version, patience)
        if services.monotonic() >= alive + KEEP_ALIVE_SECONDS:
            alive = services.monotonic()
            yield ()


def _interval(size: int) -> float:
    return min(LONGEST_INTERVAL_SECONDS, max(SHORTEST_INTERVAL_SECONDS, size / BYTES_PER_SECOND))


def _frame(kind: str, run: Run, fields: Fields) -> tuple[bytes, ...]:
    # Not joined: another copy of a large workflow.
    return (b'{"result":{"type":"%b","object":' % kind.encode(), document(run, fields), b"}}")
