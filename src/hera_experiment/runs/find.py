"""A run by its name, or the newest, wherever it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hera_experiment.argo.tasks import is_finished
from hera_experiment.closable import Closable
from hera_experiment.context.context import Context
from hera_experiment.context.profiles import LOCAL
from hera_experiment.errors import UserError, tell
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal
from hera_experiment.runs.locations import RunLocation, run_locations
from hera_experiment.runs.server import Server, age

if TYPE_CHECKING:
    from hera_experiment.experiment import Experiment
    from hera_experiment.record.run_record import RunRecord


@dataclass
class Run(Closable):
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


class NoSuchRun(UserError):
    """The run is not there, or not to be reached; ``records`` are those of its submissions."""

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
    """Return the run called ``name``, else the newest that was submitted from this folder.

    It is looked for on the platform that ``CLUSTER`` designates, otherwise on the laptop, the
    server of the settings and every cluster that a record names. It is to be closed.

    Raises
    ------
    UserError
        When there is none, or a place where it may be does not answer.
    """
    from hera_experiment.record.records import Records

    records = Records.of(context_given.experiment).all()
    where = run_locations(context_given, records, environ)
    run = _named(name, where, records) if name else _newest(where, records)
    keep_end(run, run.workflow)
    return run


def find_run_or_deleted(
    context: Context, name: str = "", environ: Mapping[str, str] = os.environ
) -> Run:
    """Return the run, as :func:`find_run`; one that was deleted as it was submitted from here.

    A workflow is removed by its own time to live, or by a person; the record says what it mounted,
    and its files are on the claim still.
    """
    try:
        return find_run(context, name, environ)
    except NoSuchRun as missing:
        found = deleted_run(context, missing.records, environ)
        if found is None:
            raise
        return found


def find_submission(
    context: Context, name: str = "", environ: Mapping[str, str] = os.environ
) -> list[Run]:
    """Return the run of that name, else all that the newest script created, one after the other.

    They are on one server, which is let go with the first.
    """
    from hera_experiment.record.records import Records

    newest = find_run_or_deleted(context, name, environ)
    session = newest.record.session if newest.record else ""
    if name or not session:
        return [newest]
    runs = [newest]
    for record in Records.of(context.experiment).all():
        of_session = record.session == session and record.state.value == "created"
        if of_session and newest.record and record.submission != newest.record.submission:
            try:
                workflow = newest.server.client.get_workflow(record.namespace, record.name)
            except ArgoRefusal as error:
                if error.status != NOT_FOUND:
                    raise
                workflow = last_seen(context.experiment, record)
            runs.append(Run(newest.server, workflow, record))
    return runs[::-1]


def deleted_run(
    context: Context, records: Sequence[RunRecord], environ: Mapping[str, str] = os.environ
) -> Run | None:
    """Return what the first of ``records`` that was created says of its run, None for none."""
    for record in records:
        places = run_locations(context, [record], environ)
        place = next((each for each in places if each.label == record.cluster), None)
        if record.state.value == "created" and place is not None and place.context is not None:
            return Run(place.open(), last_seen(context.experiment, record), record)
    return None


def keep_samples(run: Run, samples: Mapping[str, Any]) -> None:
    """Keep what the pods of ``run`` used as far as it was seen, by node; nothing for nothing."""
    from hera_experiment.record.records import Records

    if samples and run.record is not None:
        Records.of(run.server.context.experiment).keep_samples(run.record, samples)


def keep_end(run: Run, workflow: Mapping[str, Any]) -> None:
    """Keep how ``run`` ended, as ``workflow`` says; the laptop's own server forgets nothing."""
    if run.record is not None and not run.server.is_local and is_finished(workflow):
        from hera_experiment.record.records import Records

        Records.of(run.server.context.experiment).keep_end(run.record, workflow)


def last_seen(experiment: Experiment, record: RunRecord) -> dict[str, Any]:
    """Return the workflow of ``record``, which is gone, as it ended, else as it was submitted.

    It has ended, as far as anyone can tell.
    """
    from hera_experiment.record.records import Records

    ended = Records.of(experiment).end(record)
    if ended is not None:
        return ended
    return {**record.manifest, "status": {"finishedAt": record.created}}


def ask(where: Sequence[RunLocation]) -> list[ServerAnswer]:
    """Ask all run_locations at once for the workflows they have."""
    if len(where) < 2:
        return [_asked(place) for place in where]
    with ThreadPoolExecutor(len(where)) as pool:
        return list(pool.map(_asked, where))


class RecordIndex:
    """The records by what a workflow says of itself: its name and its very submission."""

    def __init__(self, records: Sequence[RunRecord]) -> None:
        self._known = {(each.name, each.submission): each for each in records}

    def of(self, workflow: Mapping[str, Any]) -> RunRecord | None:
        """Return the record of ``workflow``, None when it was not submitted from this folder."""
        from hera_experiment.submission.once import SUBMISSION_LABEL

        metadata = workflow["metadata"]
        submission = (metadata.get("labels") or {}).get(SUBMISSION_LABEL, "")
        return self._known.get((str(metadata["name"]), submission))


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
    without: set[str] = set()
    for place in sorted(where, key=lambda place: place.label not in recorded):
        if place.is_forgotten:
            continue
        try:
            server = place.open()
        except UserError as error:
            errors.append(error)
            continue
        try:
            workflow = server.get(name)
        except UserError as error:
            server.close()
            if isinstance(error, ArgoRefusal) and error.status == NOT_FOUND:
                without.add(place.label)
            else:
                errors.append(error)
        else:
            return Run(server, workflow, RecordIndex(records).of(workflow))
    known = [record for record in known if record.cluster in {place.label for place in where}]
    for place in where:
        if place.is_forgotten and place.label in recorded:
            raise _unreachable(known, f"{name} cannot be looked for", place)
    if errors and not recorded & without:
        raise errors[0]
    labels = ", ".join(place.label or "the server of the settings" for place in where)
    what = f"there is no run '{name}'" + (f" on {labels}" if labels else "")
    if recorded:
        what += ", though it was submitted from here"
    missing = NoSuchRun(what, "--run", "'make status' lists the runs")
    missing.records = known
    raise missing


def _newest(where: Sequence[RunLocation], records: Sequence[RunRecord]) -> Run:
    """Return the newest run that was submitted from this folder, by its record.

    Whatever the laptop's server has was. Nothing is ever done to an older one in its stead.
    """
    answers = ask(where)
    best: ServerAnswer | None = None
    head: dict[str, Any] | None = None
    newest: tuple[str, tuple[str, int]] = ("", ("", 0))
    index = RecordIndex(records)
    try:
        for answer in answers:
            for each in answer.heads:
                record = index.of(each)
                if record is None and answer.place.label != LOCAL:
                    continue
                moment = (record.created if record else age(each)[0], age(each))
                if moment > newest:
                    best, head, newest = answer, each, moment
        best_record = index.of(head) if head is not None else None
        labels = {answer.place.label: answer for answer in answers}
        for record in records:
            if record.created < newest[0] or record == best_record:
                break
            if record.cluster in labels and record.state.value != "refused":
                other = str(head["metadata"]["name"]) if head is not None else ""
                raise _without_workflow(record, labels[record.cluster], other)
        if head is None or best is None or best.server is None:
            raise _none(answers)
        for answer in answers:
            if answer.error and not answer.place.is_forgotten:
                place = answer.place.label or "the cluster of the settings"
                tell(f"not looked for on {place}: {answer.error}")
        workflow = best.server.get(str(head["metadata"]["name"]))
        return Run(best.server, workflow, best_record)
    except BaseException:
        best = None
        raise
    finally:
        for answer in answers:
            if answer is not best:
                answer.close()


def _without_workflow(record: RunRecord, answer: ServerAnswer, other: str) -> UserError:
    """Return why the newest submission, that of ``record``, is no run that is there."""
    name, before = record.name, f"; the one before it is RUN={other}" if other else ""
    if answer.place.is_forgotten:
        return _unreachable([record], f"the newest run is {name}", answer.place, before)
    if answer.error:
        return answer.error
    if record.state.value == "unsure":
        what = f"whether the newest run, {name}, was created is not known: no answer came"
        return UserError(what, next_step=f"'make submit RESUME=1' finds out{before}")
    where = record.cluster or "the server of the settings"
    missing = NoSuchRun(
        f"the newest run, {name}, was deleted on {where}",
        next_step=f"'make delete RUN={name}' forgets it{before}",
    )
    missing.records = [record]
    return missing


def _unreachable(
    records: Sequence[RunRecord], what: str, place: RunLocation, before: str = ""
) -> NoSuchRun:
    """Return what to say of a run on a ``place`` that nothing names any more."""
    assert place.why is not None
    advice = f"{place.why.next_step}; 'make delete RUN={records[0].name}' forgets the run{before}"
    missing = NoSuchRun(f"{what}: {place.why.what}", place.why.where, advice)
    missing.records = records
    return missing


def _none(answers: Sequence[ServerAnswer]) -> UserError:
    for answer in answers:
        if answer.error:
            return answer.error
    heads = [head for answer in answers for head in answer.heads]
    if heads:
        newest = max(heads, key=age)["metadata"]["name"]
        return UserError(
            "no run that is there was submitted from this folder",
            next_step=f"'make status' lists those of others; RUN={newest} is the newest of them",
        )
    return UserError("this experiment has no run yet", next_step="'make run' or 'make submit'")
