"""Creates a workflow exactly once, whatever happens to the requests and to this process.

The record of the submission is written before the first request. The name is chosen here and the
workflow carries a label of its own, so that a request can be repeated: the server keeps one
workflow of a name, and the label tells whether it is ours.

What cannot be known: a workflow that was created, whose answer was lost, and that was deleted
before anybody looked (by a person, or by Argo after its time to live) leaves no trace unless
Argo's archive has it. A submission is therefore not sent again once a workflow may have come and
gone: after a day, or after the shortest time to live that its manifest names. A time to live that
the administrator sets for all workflows is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from hera_experiment.context.profiles import LOCAL
from hera_experiment.errors import UserError, report
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, State, timestamp
from hera_experiment.submission.create_attempts import SUBMISSION_LABEL as SUBMISSION_LABEL
from hera_experiment.submission.create_attempts import CreateAttempts

PATIENCE = 60.0
"""Seconds within which a request is repeated."""
_LONGEST_RESUME = timedelta(days=1)
_IN_FLIGHT = timedelta(minutes=5)
"""After that, no lost request can still arrive: Kubernetes' API server ends each after a minute."""
_TIMES_TO_LIVE = ("secondsAfterCompletion", "secondsAfterSuccess", "secondsAfterFailure")


def _say(sentence: str) -> None:
    report(UserError(sentence))


def _now() -> datetime:
    return datetime.now(timezone.utc)


def submit_once(
    record: RunRecord,
    client: ArgoClient,
    records: Records,
    *,
    patience: float = PATIENCE,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = _now,
    say: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Create the workflow of ``record`` exactly once and return it as the server has it.

    ``record`` is written first, as UNSURE, then the request goes out and is repeated for
    ``patience`` seconds where no answer came or the answer may pass (429, 5xx). A submission that
    is recorded already is resumed, see :func:`resume`.

    Raises
    ------
    RecordNotWritten
        Nothing was sent.
    ArgoRefusal, Unreachable
        The workflow does not exist and will not: the record is REFUSED. :class:`NameTaken` when
        another workflow has its name.
    Unsure
        The record stays UNSURE.
    RecordInUse
        Another process is at it.
    """
    attempts = CreateAttempts(record, client, records, patience, pause, clock, say)
    with records.held(record):
        known = records.find(record.submission)
        if known is not None:
            return _resumed(attempts, known, now())
        records.write(record)
        return attempts.send()


def resume(
    record: RunRecord,
    client: ArgoClient,
    records: Records,
    *,
    patience: float = PATIENCE,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = _now,
    say: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Find the workflow of a submission that was cut off, or send the same manifest again.

    Raises
    ------
    UserError
        As :func:`submit_once`; also when the record was removed meanwhile, when ``client`` is of
        another server, and when the workflow may have come and gone.
    """
    attempts = CreateAttempts(record, client, records, patience, pause, clock, say)
    with records.held(record):
        known = records.find(record.submission)
        if known is None:
            raise UserError(f"the record of {record.name} was removed")
        return _resumed(attempts, known, now())


def _resumed(attempts: CreateAttempts, known: RunRecord, now: datetime) -> dict[str, Any]:
    name, client = known.name, attempts.client
    if known.state is State.REFUSED:
        raise UserError(f"{name} was not created: {known.reason}")
    if known.cluster != LOCAL and known.server != client.url:
        raise UserError(
            f"{name} was submitted to {known.server}, not to {client.url}",
            client.where,
            "designate that server, then again",
        )
    attempts.record = known
    try:
        found = attempts.look() or _archived(attempts)
    except UserError as error:
        raise attempts.unsure(error) from None
    if found is not None:
        return attempts.created(found)
    if known.state is State.CREATED:
        raise UserError(f"{name} was created, and was deleted since")
    if now - _moment(known.created) > _longest_resume(known.manifest):
        raise UserError(
            f"{name} is not there and is not sent again: it may have run and been deleted since "
            f"{known.created}",
            next_step="submit anew if it has not",
        )
    arrived = now - _moment(known.sent or known.created) > _IN_FLIGHT
    attempts.record = replace(known, sent=timestamp(now))
    attempts.records.write(attempts.record)
    return attempts.send(uncertain=not arrived)


def _archived(attempts: CreateAttempts) -> dict[str, Any] | None:
    """Return our workflow from Argo's archive; None where there is none, or no right to it."""
    record = attempts.record
    labels = f"{SUBMISSION_LABEL}={record.submission}"
    try:
        found = attempts.client.archived_workflows(record.namespace, labels)
    except ArgoRefusal:
        return None
    return found[0] if found else None


def _longest_resume(manifest: dict[str, Any]) -> timedelta:
    strategy = (manifest.get("spec") or {}).get("ttlStrategy") or {}
    given = [strategy[key] for key in _TIMES_TO_LIVE if isinstance(strategy.get(key), int)]
    return min([_LONGEST_RESUME, *(timedelta(seconds=each) for each in given)])


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return datetime.min.replace(tzinfo=timezone.utc)
