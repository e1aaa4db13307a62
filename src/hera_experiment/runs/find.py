"""A run by its name, or the newest, wherever it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hera_experiment.context.context import Context
from hera_experiment.errors import UserError, tell
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal
from hera_experiment.runs.locations import RunLocation, run_locations
from hera_experiment.runs.server import Server, age

if TYPE_CHECKING:
    from hera_experiment.record.run_record import RunRecord


@dataclass
class Run:
    """One workflow, the server it is on, and what was written down when it was submitted."""

    server: Server
    workflow: dict[str, Any]
    record: RunRecord | None = None

    @property
    def name(self) -> str:
        """The workflow's name."""
        return str(self.workflow["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The workflow's namespace."""
        return str(self.workflow["metadata"].get("namespace") or self.server.namespace)

    def close(self) -> None:
        """Let the server go."""
        self.server.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class NoSuchRun(UserError):
    """No server has a run of that name; ``records`` are those of submissions under it."""

    records: Sequence[RunRecord] = ()


@dataclass
class ServerAnswer:
    """What a place answered: its ``server`` and the workflows there, or the ``error``."""

    place: RunLocation
    server: Server | None = None
    heads: list[dict[str, Any]] = field(default_factory=list)
    error: UserError | None = None

    def close(self) -> None:
        """Let the server go."""
        if self.server is not None:
            self.server.close()


def find_run(
    context_given: Context, name: str = "", environ: Mapping[str, str] = os.environ
) -> Run:
    """Return the run called ``name``, the newest unless one is named; it is to be closed.

    It is looked for on the platform that ``CLUSTER`` designates, otherwise on the laptop, the
    server of the settings and every cluster that a record names.

    Raises
    ------
    UserError
        When there is none, or a place where it may be does not answer.
    """
    from hera_experiment.record.records import Records

    records = Records.of(context_given.experiment).all()
    where = run_locations(context_given, records, environ)
    return _named(name, where, records) if name else _newest(where, records)


def find_run_or_deleted(
    context: Context, name: str, environ: Mapping[str, str] = os.environ
) -> Run:
    """Return the run, as :func:`find_run`; one that was deleted as it was submitted from here.

    A workflow is removed by its own time to live, or by a person; the record says what it mounted,
    and its files are on the claim still.
    """
    try:
        return find_run(context, name, environ)
    except UserError as error:
        found = _deleted_run(context, name, environ)
        if found is None:
            raise error from None
        return found


def ask(where: Sequence[RunLocation]) -> list[ServerAnswer]:
    """Ask all run_locations at once for the workflows they have."""
    if len(where) < 2:
        return [_asked(place) for place in where]
    with ThreadPoolExecutor(len(where)) as pool:
        return list(pool.map(_asked, where))


def record_of(
    workflow: Mapping[str, Any], label: str, records: Sequence[RunRecord]
) -> RunRecord | None:
    """Return the record of ``workflow``, which is on the server labelled ``label``."""
    from hera_experiment.submission.once import SUBMISSION_LABEL

    metadata = workflow["metadata"]
    submission = (metadata.get("labels") or {}).get(SUBMISSION_LABEL)
    for record in records:
        if (record.name, record.cluster, record.submission) == (
            metadata["name"],
            label,
            submission,
        ):
            return record
    return None


def _deleted_run(context: Context, name: str, environ: Mapping[str, str]) -> Run | None:
    from hera_experiment.record.records import Records

    records = Records.of(context.experiment).all()
    record = next((each for each in records if each.name == name), None)
    if record is None or record.state.value != "created":
        return None
    for place in run_locations(context, records, environ):
        if place.label != record.cluster:
            continue
        try:
            server = place.open()
        except UserError:
            return None
        try:
            server.get(name)
        except ArgoRefusal as error:
            if error.status == NOT_FOUND:
                # It has ended, as far as anyone can tell.
                over = {"status": {"finishedAt": record.created}}
                return Run(server, {**record.manifest, **over}, record)
        except UserError:
            pass
        server.close()
    return None


def _asked(place: RunLocation) -> ServerAnswer:
    server = None
    try:
        server = place.open()
        return ServerAnswer(place, server, server.heads())
    except UserError as error:
        if server is not None:
            server.close()
        return ServerAnswer(place, error=error)


def _named(name: str, where: Sequence[RunLocation], records: Sequence[RunRecord]) -> Run:
    known = [record for record in records if record.name == name]
    recorded = {record.cluster for record in known}
    errors: list[UserError] = []
    for place in sorted(where, key=lambda place: place.label not in recorded):
        try:
            server = place.open()
        except UserError as error:
            errors.append(error)
            continue
        try:
            workflow = server.get(name)
        except UserError as error:
            server.close()
            if not (isinstance(error, ArgoRefusal) and error.status == NOT_FOUND):
                errors.append(error)
        else:
            return Run(server, workflow, record_of(workflow, place.label, records))
    if errors:
        raise errors[0]
    labels = ", ".join(place.label or "the server of the settings" for place in where)
    what = f"there is no run '{name}'" + (f" on {labels}" if labels else "")
    if recorded:
        what += ", though it was submitted from here"
    missing = NoSuchRun(what, "--run", "'make status' lists the runs")
    missing.records = [record for record in known if record.cluster in {p.label for p in where}]
    raise missing


def _newest(where: Sequence[RunLocation], records: Sequence[RunRecord]) -> Run:
    answers = ask(where)
    best: ServerAnswer | None = None
    try:
        for answer in answers:
            if answer.heads and (best is None or age(answer.heads[0]) > age(best.heads[0])):
                best = answer
        newest = "" if best is None else age(best.heads[0])[0]
        for answer in answers:
            # A place that does not answer may have the newest run: nothing is done to another.
            if answer.error and any(
                record.created >= newest
                for record in records
                if record.cluster == answer.place.label
            ):
                raise answer.error
        if best is None or best.server is None:
            errors = [answer.error for answer in answers if answer.error]
            raise errors[0] if errors else _none()
        for answer in answers:
            if answer.error:
                place = answer.place.label or "the cluster of the settings"
                tell(f"not looked for on {place}: {answer.error}")
        workflow = best.server.get(str(best.heads[0]["metadata"]["name"]))
        return Run(best.server, workflow, record_of(workflow, best.place.label, records))
    except BaseException:
        best = None
        raise
    finally:
        for answer in answers:
            if answer is not best:
                answer.close()


def _none() -> UserError:
    return UserError("this experiment has no run yet", next_step="'make run' or 'make submit'")
