"""Which tasks of a workflow run when it goes on with a run of a cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from hera_experiment.argo.depends import ancestry, mentioned
from hera_experiment.argo.phases import OMITTED, SKIPPED, SUCCEEDED
from hera_experiment.argo.tasks import nodes_of
from hera_experiment.errors import UserError
from hera_experiment.local.engine.loops import is_loop, items_of
from hera_experiment.local.engine.node import STEPS, TASK_GROUP, Node
from hera_experiment.runs.find import Run
from hera_experiment.submit.identity import Identity, recorded

Json = Mapping[str, Any]

_INDEX = re.compile(r"\(\d+:(.*)\)$", re.DOTALL)


class Tasks:
    """The tasks or steps that a workflow begins with, beside what became of them in ``run``.

    ``root`` is the word before their variables.
    """

    def __init__(self, run: Run, root: str, calls: Sequence[Json]) -> None:
        self.run = run
        self.root = root
        self.calls = {str(call["name"]): call for call in calls}
        self.nodes = {key: Node.parse(node) for key, node in nodes_of(run.workflow).items()}
        self._by_name = {node.name: node for node in self.nodes.values()}

    @cached_property
    def before(self) -> Mapping[str, frozenset[str]]:
        """What each of them waits for, directly or not."""
        if self.root == "steps":
            groups = {name: call["group"] for name, call in self.calls.items()}
            return {
                name: frozenset(each for each in groups if groups[each] < groups[name])
                for name in groups
            }
        parents = {
            name: [each for each in mentioned(call) if each in self.calls]
            for name, call in self.calls.items()
        }
        return {name: ancestry(name, parents) for name in self.calls}

    def node(self, name: str) -> Node | None:
        """Return the node that it had in the run; None if it was not there."""
        if self.root == "tasks":
            return self._by_name.get(f"{self.run.name}.{name}")
        return self._by_name.get(f"{self.run.name}[{self.calls[name]['group']}].{name}")

    def finished(self, name: str) -> Node | None:
        """Return its node if it has succeeded."""
        node = self.node(name)
        return node if node is not None and node.phase == SUCCEEDED else None

    def items(self, name: str) -> dict[str, bool]:
        """Return the items of a loop that ran, by their words, and whether they went well."""
        node = self.node(name)
        found: dict[str, bool] = {}
        for key in node.children if node is not None and node.type == TASK_GROUP else ():
            child = self.nodes.get(key)
            if child is not None and (match := _INDEX.search(child.name)):
                well = child.phase in (SUCCEEDED, SKIPPED)
                found[match[1]] = found.get(match[1], True) and well
        return found


@dataclass(frozen=True)
class Plan:
    """What is ``finished``, with the node that shows it; None for what just stays away.

    ``items`` are those that run, of loops of which some are finished: by their words, as JSON.
    ``told`` are the lines that say it.
    """

    finished: Mapping[str, Node | None] = field(default_factory=dict)
    items: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    told: Sequence[str] = ()


class Choice(Protocol):
    """Decides which tasks run; where it ``may_begin_anew``, all do if something is in the way."""

    may_begin_anew: bool

    def plan(self, tasks: Tasks, entry: Json, now: Mapping[str, Identity]) -> Plan:
        """Return it.

        Raises :class:`UserError`: for what a person got wrong, or why all has to run.
        """


@dataclass(frozen=True)
class NamedTask:
    """From the task ``begin`` on, or ``only`` that one."""

    begin: str
    only: str
    may_begin_anew = False

    def plan(self, tasks: Tasks, entry: Json, now: Mapping[str, Identity]) -> Plan:
        """See :class:`Choice`."""
        runs = self._what_runs(tasks)
        finished: dict[str, Node | None] = {
            name: node
            for name in tasks.calls
            if name not in runs and (node := tasks.finished(name)) is not None
        }
        kept = list(finished)
        if self.only:
            # Neither what is wanted nor finished: it stays away.
            missing = [name for name in tasks.calls if name not in {*runs, *finished}]
            finished.update((each, None) for each in missing)
        shown = ", ".join(kept[:8]) + (f" and {len(kept) - 8} more" if len(kept) > 8 else "")
        told = [f"it keeps what had finished in {tasks.run.name}: {shown or 'nothing'}"]
        was = recorded(tasks.run.workflow)
        changed = [name for name in kept if was and now[name].difference(was.get(name))]
        if changed:
            told.append(f"of these a new run would do otherwise: {', '.join(changed[:8])}")
        return Plan(finished, told=told)

    def _what_runs(self, tasks: Tasks) -> set[str]:
        wanted = self.only or self.begin
        if wanted not in tasks.calls:
            raise UserError(
                f"there is no task '{wanted}' in the workflow: it has {', '.join(tasks.calls)}",
                "--only" if self.only else "--from",
            )
        if self.only:
            return {wanted}
        follow = {name for name, before in tasks.before.items() if wanted in before}
        return {wanted, *follow, *(name for name in tasks.calls if tasks.finished(name) is None)}


class Unchanged:
    """What is not proven to do the same as it did in the run, and what follows it."""

    may_begin_anew = True

    def plan(self, tasks: Tasks, entry: Json, now: Mapping[str, Identity]) -> Plan:
        """See :class:`Choice`."""
        return _Comparison(tasks, entry, now).plan()


class _Comparison:
    def __init__(self, tasks: Tasks, entry: Json, now: Mapping[str, Identity]) -> None:
        self._tasks = tasks
        self._name = tasks.run.name
        self._text = json.dumps(entry)
        self._now = now
        self._was = recorded(tasks.run.workflow)
        self._finished: dict[str, Node | None] = {}
        self._items: dict[str, dict[str, str]] = {}
        self._same: set[str] = set()
        self._reasons: dict[str, str] = {}
        self._kept = self._all = 0

    def plan(self) -> Plan:
        if not self._was:
            raise UserError("it does not say what its tasks were made of")
        # Whatever waits for more comes later.
        for name in sorted(self._tasks.calls, key=lambda each: len(self._tasks.before[each])):
            self._judge(name)
        if left := self._left_behind():
            raise UserError(left)
        first = "".join(f"{name} runs: {why}" for name, why in list(self._reasons.items())[:1])
        if not self._kept:
            raise UserError(first)
        kept = f"{self._kept} of {self._all} tasks are the same as in {self._name} and are kept"
        return Plan(self._finished, self._items, [kept, first] if first else [kept])

    def _judge(self, name: str) -> None:
        now, was, node = self._now[name], self._was.get(name), self._tasks.node(name)
        waits = [each for each in self._tasks.before[name] if each not in self._same]
        if now.items:
            self._judge_items(name, now, was, node, waits)
            return
        count = 1
        if is_loop(self._tasks.calls[name]):
            count = len(self._tasks.items(name)) or 1
        self._all += count
        why = f"it waits for {waits[0]}" if waits else now.difference(was) or self._ended(node)
        if why:
            self._reasons.setdefault(name, why)
            return
        self._same.add(name)
        self._kept += count
        if node is not None and node.phase == SUCCEEDED:
            self._finished[name] = node

    def _ended(self, node: Node | None) -> str:
        """Return why a task has to run that is the same, empty if it need not."""
        if node is None:
            return f"it did not run in {self._name}"
        if node.phase in (SUCCEEDED, SKIPPED, OMITTED):
            return ""
        return f"in {self._name} it ended as {node.phase}"

    def _judge_items(
        self,
        name: str,
        now: Identity,
        was: Identity | None,
        node: Node | None,
        waits: Sequence[str],
    ) -> None:
        call = self._tasks.calls[name]
        items = items_of(call)
        self._all += len(items)
        if waits:
            self._reasons.setdefault(name, f"it waits for {waits[0]}")
            return
        done = self._tasks.items(name)
        if was is not None:
            done.update(dict.fromkeys(was.kept, True))
            if node is not None and node.type == STEPS and node.phase == SUCCEEDED:
                # It stands for a loop of which nothing ran.
                done.update(dict.fromkeys(was.items, True))
        runs: dict[str, str] = {}
        for item, described in items:
            why = now.difference(was, described)
            if not why and described not in done:
                why = f"it did not run in {self._name}"
            elif not why and not done[described]:
                why = f"in {self._name} it did not succeed"
            if why:
                self._reasons.setdefault(f"{name}({described})", why)
                runs[described] = item
        if not runs and node is not None and not (was and was.kept and self._is_read(name)):
            self._same.add(name)
            self._kept += len(items)
            self._finished[name] = node
        elif len(runs) < len(items) and not self._is_read(name):
            self._kept += len(items) - len(runs)
            self._items[name] = runs

    def _is_read(self, name: str) -> bool:
        """Tell whether a loop's values or its items' ends are used: then all are wanted."""
        word = re.escape(f"{self._tasks.root}.{name}.")
        quoted = rf"{self._tasks.root}\[\\?['\"]{re.escape(name)}"
        ends = rf"(?<![-\w]){re.escape(name)}\.(?:AnySucceeded|AllFailed)"
        return re.search(rf"{word}|{quoted}|{ends}", self._text) is not None

    def _left_behind(self) -> str:
        """Return what the run made that this workflow would not: its files are in the folder."""
        for name, was in self._was.items():
            if name not in self._now:
                return f"there is no task {name} any more, and its files would stay"
            gone = next((each for each in was.items if each not in self._now[name].items), None)
            if gone is not None:
                return f"there is no {name}({gone}) any more, and its files would stay"
        for name, call in self._tasks.calls.items():
            if is_loop(call) and not self._now[name].items and name not in self._same:
                return f"the items of {name} are known only when it runs"
        return ""
