"""What differs between two runs: what they were made of, what they left, and since which task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from hera_experiment.argo.tasks import elapsed, utc_now
from hera_experiment.argo.workflows import images_of
from hera_experiment.compare.changes import ADDED, CHANGED, REMOVED, ValueChange, changes_of
from hera_experiment.compare.files import FileDifference, Tolerances, compared
from hera_experiment.compare.tasks import TaskDifference, differing_tasks, leading_to
from hera_experiment.record.arguments import values_of
from hera_experiment.record.code import Change

if TYPE_CHECKING:
    from hera_experiment.account.account import Account

SCRIPT = "script"
"""The name under which the script itself stands among its arguments."""


@dataclass(frozen=True)
class Differences:
    """What differs from the run ``one`` to the run ``other``.

    ``inputs``, ``arguments`` (of the script, and ``script`` where that is another), ``packages``
    (beside the library, not those of containers), ``machine`` (with the versions of a cluster) and
    ``images`` (by the name of their template) are values by name, ``code`` the files of the
    experiment. ``files`` are all outputs, those that are identical too. ``tasks`` are those whose
    outputs differ, in the order of the graph: the first is where the two runs part; ``before`` are
    all tasks that lead to a task, by its name. ``seconds``
    is how long either took, None while it has not ended, ``durations`` those of the tasks of both
    by name. ``remarks`` say what could not be compared.
    """

    one: str
    other: str
    inputs: tuple[ValueChange, ...] = ()
    arguments: tuple[ValueChange, ...] = ()
    code: tuple[Change, ...] = ()
    packages: tuple[ValueChange, ...] = ()
    images: tuple[ValueChange, ...] = ()
    machine: tuple[ValueChange, ...] = ()
    files: tuple[FileDifference, ...] = ()
    tasks: tuple[TaskDifference, ...] = ()
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seconds: tuple[float | None, float | None] = (None, None)
    durations: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def first(self) -> TaskDifference | None:
        """The first task whose outputs differ; None when all are the same."""
        return self.first_of()

    def first_of(self, path: str = "") -> TaskDifference | None:
        """Return where the two part: of what leads to the output ``path`` alone, if it is given.

        None when what is asked for is the same, or no task is known that wrote it.
        """
        writer = next((file.tasks for file in self.files if file.path == path), ())
        wanted = {name for task in writer for name in (task, *self.before.get(task, ()))}
        found = (task for task in self.tasks if not path or task.name in wanted)
        return next(found, None)

    @property
    def changed_files(self) -> tuple[FileDifference, ...]:
        """The outputs that are neither identical nor equal."""
        return tuple(each for each in self.files if each.differs)

    @property
    def same_outputs(self) -> bool:
        """Whether nothing that the two left differs."""
        return not self.tasks and not self.changed_files

    def document(self) -> dict[str, Any]:
        """Return it as an object of JSON."""
        found = asdict(self)
        # Every task with all that lead to it is the square of the graph.
        del found["before"]
        return found


def differences(
    one: Account,
    other: Account,
    tolerances: Tolerances | None = None,
    *,
    known: Mapping[str, Sequence[str]] | None = None,
) -> Differences:
    """Return what differs from ``one`` to the ``other``.

    ``tolerances`` are by pattern of path below the run's folder: relative for numbers, a share of
    the scale for pictures. ``known`` are the tasks that wrote a file, by its path, where a person
    knows more than the runs say.
    """
    before, after = one.origin, other.origin
    files = compared(one, other, tolerances or {})
    tasks, files = differing_tasks(one, other, files, known or {})
    code, remarks = _code(one, other)
    now = utc_now()
    named = [{task.name: task.seconds(now) for task in each.tasks} for each in (one, other)]
    return Differences(
        one.name,
        other.name,
        changes_of(before.inputs, after.inputs),
        _arguments(one, other),
        code,
        changes_of(
            {"python": before.python, **before.packages},
            {"python": after.python, **after.packages},
        ),
        changes_of(images_of(one.workflow), images_of(other.workflow)),
        changes_of(
            {**before.machine, **before.platform},
            {**after.machine, **after.platform},
        ),
        files,
        tasks,
        leading_to(one, other),
        (_seconds(one), _seconds(other)),
        {name: (named[0].get(name), named[1].get(name)) for name in {**named[0], **named[1]}},
        (*one.remarks, *other.remarks, *remarks),
    )


def _arguments(one: Account, other: Account) -> tuple[ValueChange, ...]:
    """Return how script and arguments differ; nothing where one run does not say what it had."""
    told: list[dict[str, Any]] = []
    for each in (one, other):
        words = each.origin.arguments
        if words is None:
            return ()
        told.append({SCRIPT: each.script, **values_of(words)})
    return changes_of(*told)


def _code(one: Account, other: Account) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Return the files of the two runs' code that differ, and what cannot be told of them."""
    trees: list[dict[str, str]] = []
    remarks: list[str] = []
    for each in (one, other):
        code = each.origin.code
        if not code.tree or each.code_store is None:
            why = code.why or "nothing was noted of it when it was submitted"
            remarks.append(f"the code of {each.name} is not kept: {why}")
            continue
        trees.append(dict(each.code_store.files(code.tree)))
        if code.left_out:
            remarks.append(f"too large to be compared: {', '.join(code.left_out)}")
    if len(trees) < 2:
        return (), tuple(dict.fromkeys(remarks))
    kinds = {ADDED: ADDED, REMOVED: REMOVED, CHANGED: CHANGED}
    found = sorted(changes_of(*trees), key=lambda change: change.name)
    return tuple(Change(each.name, kinds[each.kind]) for each in found), tuple(
        dict.fromkeys(remarks)
    )


def _seconds(account: Account) -> float | None:
    status = account.workflow.get("status") or {}
    if not account.has_ended:
        return None
    return elapsed(status.get("startedAt"), status.get("finishedAt"), utc_now())
