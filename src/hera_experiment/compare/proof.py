"""Causes shown, not guessed: the run of old, with one thing of the other run in its place.

The experiment as it was for the one run is run again in a copy: first as it is, then with one
candidate of the other run at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hera_experiment.compare.causes import CHANCE, Cause, Comparison
from hera_experiment.compare.differences import Differences, differences
from hera_experiment.compare.tasks import TaskDifference, outputs_of, tasks_by_name
from hera_experiment.compare.trial_runs import TrialRuns, is_taken_over, open_trials
from hera_experiment.compare.writers import writers_of
from hera_experiment.context.profiles import LOCAL
from hera_experiment.errors import UserError

if TYPE_CHECKING:
    from hera_experiment.account.account import Account
    from hera_experiment.context.context import Context

Key = tuple[str, str, str]
"""A task, then ``file`` or ``value``, then its path or name; ``task`` for whether it is there."""

State = Mapping[Key, Any]
"""What a run left, as far as it is asked for."""

SAME, OTHER, PART, FAILED = "same", "other", "part", "failed"


@dataclass(frozen=True)
class Trial:
    """One run for the proof: what was ``swapped`` in it, and what came of it.

    ``came`` is ``same`` (as in the first run), ``other`` (as in the other run), ``part`` (neither)
    or ``failed`` (nothing ran; ``why`` says so). ``ran`` tells how many tasks ran of ``tasks``,
    the others were taken over.
    """

    swapped: tuple[Cause, ...]
    came: str
    run: str = ""
    ran: int = 0
    tasks: int = 0
    why: str = ""


@dataclass(frozen=True)
class Proof:
    """What trials have shown about the ``task`` where two runs part.

    ``causes`` make the difference, together where there are several; empty where it was not found.
    ``by_chance`` are outputs that differ when nothing is swapped, ``differences`` the comparison
    with each file's task, which the trials have shown.
    """

    task: TaskDifference | None
    differences: Differences
    causes: tuple[Cause, ...]
    trials: tuple[Trial, ...]
    by_chance: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def prove(
    context: Context, comparison: Comparison, say: Callable[[str], None], runtime: str = ""
) -> Proof:
    """Return what made the first task differ; each run of the proof is told to ``say``.

    Raises
    ------
    UserError
        When the code of a run is not kept, or the first run cannot be had again here.
    """
    if comparison.trees is None:
        remarks = comparison.differences.remarks
        raise UserError(
            f"nothing can be run again: {remarks[-1] if remarks else 'the code is not kept'}",
            "PROVE=1",
            "leave it out",
        )
    with open_trials(context, comparison, runtime) as runs:
        return _Proving(comparison, runs, say).proof()


class _Proving:
    def __init__(self, comparison: Comparison, runs: TrialRuns, say: Callable[[str], None]) -> None:
        self._comparison = comparison
        self._runs = runs
        self._say = say
        self._trials: list[Trial] = []
        self._remarks: list[str] = []

    def proof(self) -> Proof:
        """Run what it takes, and return what came of it."""
        one, other = self._comparison.one, self._comparison.other
        base = self._runs.run(())
        if base is None:
            raise UserError(f"{one.name} cannot be run again here: {self._runs.said}", "PROVE=1")
        if one.cluster == LOCAL and _sent(base) != _sent(one):
            why = ""
            if one.origin.arguments is None:
                why = ": its arguments were not noted then"
            elif one.origin.withheld:
                why = f": {', '.join(one.origin.withheld)} held a secret and was not kept"
            self._remarks.append(
                f"the script makes another workflow than it did for {one.name}{why}"
            )
        # Which task writes which file the copy has shown: the runs themselves may not say.
        known = {
            path: names
            for path, names in writers_of(base, tasks_by_name(base)).items()
            if len(names) == 1
        }
        again = differences(one, other, known=known)
        comparison = Comparison(one, other, again)
        task = again.first
        self._told((), SAME, base)
        if task is None:
            return Proof(None, again, (), tuple(self._trials), (), tuple(self._remarks))
        wanted = _keys(task, again)
        before, after = _state(one, wanted), _state(other, wanted)
        chance = {key for key in wanted if _state(base, wanted).get(key) != before.get(key)}
        causes = [each for each in comparison.causes(task) if not each.out]
        if chance:
            self._look_again(base, wanted, chance, one)
        clear = {key for key in wanted if key not in chance}
        target = {key: after.get(key) for key in clear}
        start = {key: before.get(key) for key in clear}
        found: tuple[Cause, ...] = ()
        swappable = [each for each in causes if each.can_be_swapped]
        if clear:
            found = self._search(swappable, start, target, clear)
        if not found and chance:
            found = (Cause(CHANCE, task.name, "run again with nothing changed it differs"),)
        left = [each for each in causes if not each.can_be_swapped and each.kind != CHANCE]
        if not found and left:
            names = ", ".join(f"{each.kind} {each.name}" for each in left)
            self._remarks.append(f"what is left cannot be swapped on this machine: {names}")
        shown = tuple(sorted({_text(key) for key in chance}))
        return Proof(task, again, found, tuple(self._trials), shown, tuple(self._remarks))

    def _look_again(self, base: Account, wanted: set[Key], chance: set[Key], one: Account) -> None:
        """Say whether what differs with nothing swapped does so from run to run, or by machine."""
        once_more = self._runs.run((), fresh=True)
        if once_more is None:
            return
        first, second = _state(base, wanted), _state(once_more, wanted)
        same = all(first.get(key) == second.get(key) for key in chance)
        where = one.cluster or "the cluster of the settings"
        if same:
            self._remarks.append(
                f"on this machine it is the same each time, and not as {one.name} had it"
                + (f" on {where}" if where != LOCAL else ": the machine has changed since")
            )

    def _search(
        self,
        causes: Sequence[Cause],
        start: State,
        target: State,
        keys: set[Key],
    ) -> tuple[Cause, ...]:
        parts: list[Cause] = []
        for cause in causes:
            trial = self._try((cause,), start, target, keys)
            if trial.came == OTHER:
                return (cause,)
            if trial.came != SAME:
                parts.append(cause)
        # None is enough: those that did something together, then all, then without one each.
        for group in (parts, list(causes)):
            if len(group) < 2:
                continue
            if self._try(tuple(group), start, target, keys).came != OTHER:
                continue
            needed = list(group)
            for cause in group:
                rest = [each for each in needed if each is not cause]
                if len(rest) > 0 and self._try(tuple(rest), start, target, keys).came == OTHER:
                    needed = rest
            return tuple(needed)
        return tuple(parts) if len(parts) == 1 else ()

    def _try(self, causes: tuple[Cause, ...], start: State, target: State, keys: set[Key]) -> Trial:
        known = next((each for each in self._trials if each.swapped == causes), None)
        if known is not None:
            return known
        account = self._runs.run(causes)
        if account is None:
            trial = Trial(causes, FAILED, why=self._runs.said)
            self._trials.append(trial)
            self._say(f"{_names(causes)}: nothing ran: {trial.why}")
            return trial
        state = _state(account, keys)
        came = PART
        # What a task that is not there would have left differs from all that was there.
        if all(state.get(key) == value for key, value in target.items()):
            came = OTHER
        elif all(state.get(key) == value for key, value in start.items()):
            came = SAME
        return self._told(causes, came, account)

    def _told(self, causes: tuple[Cause, ...], came: str, account: Account) -> Trial:
        ran = sum(not is_taken_over(task) for task in account.tasks)
        trial = Trial(causes, came, account.name, ran, len(account.tasks))
        self._trials.append(trial)
        one, other = self._comparison.one.name, self._comparison.other.name
        result = {
            SAME: f"as in {one}",
            OTHER: f"as in {other}",
            PART: "neither as in the one nor as in the other",
        }[came]
        if causes:
            self._say(f"{_names(causes)}: {result} ({ran} of {trial.tasks} tasks ran)")
        else:
            self._say(f"nothing swapped: {ran} of {trial.tasks} tasks ran")
        return trial


def _sent(account: Account) -> str:
    """Return what was sent of a run, its name hidden."""
    manifest = account.record.manifest if account.record is not None else {}
    return json.dumps(manifest.get("spec"), sort_keys=True).replace(account.name, "<run>")


def _keys(task: TaskDifference, found: Differences) -> set[Key]:
    """Return what is looked at: what differs of ``task`` and of those of its fan-out."""
    keys: set[Key] = set()
    for each in found.tasks:
        if each.group != task.group:
            continue
        keys |= {(each.name, "file", file.path) for file in each.files}
        keys |= {(each.name, "value", value.name) for value in each.values}
        if each.kind != "changed":
            keys.add((each.name, "task", ""))
    return keys


def _state(account: Account, keys: set[Key]) -> State:
    tasks = tasks_by_name(account)
    found: dict[Key, Any] = {}
    for key in keys:
        name, kind, what = key
        if kind == "task":
            found[key] = name in tasks
        elif kind == "value":
            found[key] = outputs_of(tasks[name], account).get(what) if name in tasks else None
        else:
            found[key] = _digest(account.folder / what, account.name)
    return found


def _digest(path: Path, run: str) -> str:
    try:
        data = path.read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(data.replace(run.encode(), b"<run>")).hexdigest()


def _text(key: Key) -> str:
    return key[2] or key[0]


def _names(causes: Sequence[Cause]) -> str:
    return " and ".join(f"{each.kind} {each.name}" for each in causes)
