"""Runs a DAG template: each task as soon as what it depends on allows.

Source: ``workflow/controller/dag.go`` of argoproj/argo-workflows. Argo walks the whole graph again
at each event; here a task that ends looks at those that wait for it, no others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from hera_experiment.argo.depends import Depends, DependsError, read
from hera_experiment.argo.go_text import JsonError
from hera_experiment.argo.phases import (
    COMPLETED,
    ERROR,
    FAILED,
    FAILURES,
    OMITTED,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
)
from hera_experiment.local.engine.child import Child, expanded, resolve
from hera_experiment.local.engine.composite import Composite
from hera_experiment.local.engine.dag_hooks import DagHooks
from hera_experiment.local.engine.loops import LoopError, is_loop
from hera_experiment.local.engine.machine import FAIL_FAST, Attempt, Machine
from hera_experiment.local.engine.node import (
    DAG,
    HTTP,
    RETRY,
    SKIPPED_NODE,
    SUSPEND,
    TASK_GROUP,
    Node,
)
from hera_experiment.local.engine.nodes import Nodes, SameIdentifier
from hera_experiment.local.engine.scope import DagScope
from hera_experiment.local.engine.substitution import SubstitutionError, Variables
from hera_experiment.local.engine.when import WhenError

_WITHOUT_POD = (SUSPEND, HTTP, SKIPPED_NODE)

_FACTS = {
    SUCCEEDED: "Succeeded",
    FAILED: "Failed",
    ERROR: "Errored",
    SKIPPED: "Skipped",
    OMITTED: "Omitted",
}


class Dag(Composite):
    """A DAG that runs."""

    kind = DAG
    root = "tasks"

    def __init__(self, machine: Machine, attempt: Attempt) -> None:
        super().__init__(machine, attempt)
        self._dag: Mapping[str, Any] = attempt.template["dag"]
        self._tasks: dict[str, dict[str, Any]] = {t["name"]: t for t in self._dag["tasks"]}
        continue_on = {n: t["continueOn"] for n, t in self._tasks.items() if "continueOn" in t}
        self._depends: dict[str, Depends] = {
            name: read(task, continue_on) for name, task in self._tasks.items()
        }
        parents = {name: depends.tasks for name, depends in self._depends.items()}
        inner = {parent for names in parents.values() for parent in names}
        target = self._dag.get("target") or ""
        self._targets = target.split(" ") if target else sorted(set(self._tasks) - inner)
        # What is allowed to fail, by target.
        self._forgiven = {name: continue_on.get(name) or {} for name in self._targets}
        self._order = _ancestors_first(self._targets, parents)
        self._dependents: dict[str, list[str]] = {name: [] for name in self._order}
        self._waits_for = {name: len(parents[name]) for name in self._order}
        for name in self._order:
            for parent in parents[name]:
                self._dependents[parent].append(name)
        # What is true of each fulfilled task; how many of its nodes are still to end.
        self._facts: dict[str, frozenset[str]] = {}
        self._left: dict[str, int] = {}
        self._open = len(self._order)
        self._problem = ""
        self._begins_stopped = False
        self._hooks = DagHooks(self, self._tasks, self._place, self._targets)
        templates = {name: self._template_of(task) for name, task in self._tasks.items()}
        inline = [name for name, task in self._tasks.items() if task.get("inline") is not None]
        self._scope = DagScope(
            self._nodes, parents, self.task_node, templates, self.results, inline
        )

    def start(self) -> None:
        """Begin every task that waits for none."""
        ended = []
        for name in self._order:
            node = self.task_node(name)
            if node is not None and node.fulfilled:
                ended.append(name)
        for name in ended:
            self._hooks.run(name)
        self._begins_stopped = self._shut_down
        if self._begins_stopped:
            self._begin_stopped()
        for name in self._order:
            if not self._waits_for[name] and self._is_due(name):
                self._run(name)
        if self._frozen:
            self.machine.later(self.child_failed)

    def _begin_stopped(self) -> None:
        """Begin what Argo begins when a workflow is stopped: pods fail before they run.

        It has not heard of the ends of pods that it stops itself; of one that fails before it runs
        it has.
        """
        for name in self._order:
            parents = self._depends[name].tasks
            nodes = [self.task_node(parent) for parent in parents]
            ended = {
                parent: _facts(node, self._nodes)
                for parent, node in zip(parents, nodes, strict=True)
                if node is not None
                and node.fulfilled
                and (self._begins_stopped or node.type in _WITHOUT_POD)
            }
            if self.task_node(name) is None and ended.keys() | self._facts.keys() >= set(parents):
                self._facts = {**ended, **self._facts}
                self._begin(name)

    def child_failed(self) -> None:
        """End, when nothing more is to begin, as soon as no child is active."""
        if self.node.fulfilled or not self._frozen:
            return
        failing_fast = self.machine.limiter.failing_fast(self)
        if not self._nodes.has_active_children(self.node) and (
            failing_fast or not self._hooks.open
        ):
            if self._problem:
                self._end(ERROR, self._problem, error=self._problem)
            elif self._shut_down:
                nodes = (self.task_node(name) for name in self._order)
                if any(node and node.type == RETRY and not node.fulfilled for node in nodes):
                    return  # It is yet to hear that its attempt has ended.
                self._begin_stopped()
                self._end(FAILED, last=self._target_nodes())
            else:
                # Then Argo does not look at it again, and it has no outbound nodes.
                self._end(FAILED, FAIL_FAST)

    def node_name(self, task: str) -> str:
        """Return the name of a task's node."""
        return f"{self.node.name}.{task}"

    def task_node(self, task: str) -> Node | None:
        """Return the node of a task."""
        return self._nodes.get(self.node_name(task))

    @property
    def _frozen(self) -> bool:
        """True when it begins nothing more, and only waits for its active children."""
        stopped = self._shut_down or self._problem or self.machine.limiter.failing_fast(self)
        return self.node.fulfilled or bool(stopped)

    @property
    def _shut_down(self) -> bool:
        # An exit handler goes on: its pods are told one by one whether they may begin.
        return bool(self.machine.shutdown) and not self._attempt.call.on_exit

    def _run(self, name: str) -> None:
        if self._frozen:
            return
        self._begin(name)
        if name in self._forgiven and (problem := self._scope.problem(name)):
            # Argo looks at what a target could refer to once more, and ends the DAG.
            self._problem = problem
            self.child_failed()

    def _begin(self, name: str) -> None:
        task = self._tasks[name]
        node = self.task_node(name)
        try:
            runs = node is not None or self._depends[name].holds(self._facts)
        except DependsError as error:
            self._skip(name, ERROR, str(error))
            return
        if not runs:
            self._skip(name, OMITTED, "omitted: depends condition not met")
            return
        if problem := self._scope.problem(name):
            self._skip(name, ERROR, problem)
            return
        lookup = self.seen_by(name)
        try:
            tasks = expanded(self, task, resolve(task, lookup), lookup)
        except (SubstitutionError, LoopError, WhenError, JsonError, SameIdentifier) as error:
            self._skip(name, ERROR, str(error))
            return
        group = node if node is not None and node.type == TASK_GROUP else None
        if is_loop(task) and not tasks:
            self._skip(name, SKIPPED, "Skipped, empty params")
            return
        if is_loop(task) and group is None:
            self._connect(name, self.node_name(name), None)
            group = self._nodes.create(
                self.node_name(name),
                TASK_GROUP,
                RUNNING,
                template=self.id_of(task),
                boundary=self.node.id,
                flag={},
            )
            self._hooks.watch(name, group)
        self._left[name] = len(tasks)
        for one in tasks:
            self._run_one(name, one, group)

    def _run_one(self, name: str, task: Mapping[str, Any], group: Node | None) -> None:
        node_name = self.node_name(task["name"])
        if self._nodes.get(node_name) is None:
            self._connect(name, node_name, group)
        Child(self, task, node_name, name).run()

    def seen_by(self, name: str) -> Variables:
        """Return what looks up the variables that a task sees."""
        scope = self._scope
        return self._lookup(
            partial(scope.seen_by, name),
            partial(scope.names, name),
            partial(scope.artifact_seen_by, name),
            partial(scope.artifact_names, name),
        )

    def after(self, task: str) -> Iterable[str]:
        """Return the tasks that wait for a task."""
        return self._dependents[task]

    def settle(self, task: str) -> None:
        """Learn that a task has ended, and let begin what waited for it alone."""
        if self._frozen:
            self.child_failed()
        else:
            self._settle(task)

    def hooks_ended(self) -> None:
        """Learn that hooks have ended for which nothing but the end of the DAG waits."""
        if self._frozen:
            self.child_failed()
        else:
            self._finish()

    @property
    def given_up(self) -> bool:
        """True when it begins nothing more and errs."""
        return bool(self._problem)

    def give_up(self, why: str) -> None:
        """Begin nothing more and err."""
        self._problem = self._problem or why

    def err(self, why: str) -> None:
        """Err at once, whatever still runs."""
        self._problem = why
        self._end(ERROR, why, error=why)

    def _skip(self, name: str, phase: str, message: str) -> None:
        node = self.task_node(name)
        if node is None:
            self.skip(self.node_name(name), self._tasks[name], phase, message)
            self._connect(name, self.node_name(name), None)
        else:
            self._nodes.mark(node, phase, message)
        self._left[name] = 0
        self._hooks.ends_late(name)
        self.machine.later(lambda: self._hooks.run(name))

    def _connect(self, name: str, node_name: str, group: Node | None) -> None:
        parents = self._depends[name].tasks
        if group is not None:
            self._nodes.connect(group, node_name)
        elif not parents:
            self._nodes.connect(self.node, node_name)
        for parent in parents if group is None else ():
            node = self.task_node(parent)
            for leaf in self._nodes.outbound(node) if node is not None else ():
                self._nodes.connect(leaf, node_name)

    def child_begun(self, child: Child, node: Node) -> None:
        """Let the hooks of a task watch its node."""
        if child.name == self.node_name(child.task):
            self._hooks.watch(child.task, node)

    def child_errs(self, child: Child, node: Node, error: str) -> bool:
        """Write down that a task could not run; its exit handler runs."""
        self._nodes.mark(node, ERROR, f"task '{node.name}' errored: {error}")
        self._hooks.ends_late(child.task)
        return True

    def child_done(self, child: Child, node: Node) -> None:
        """Heed a task, or one of the items of its loop, that has ended."""
        name = child.task
        self._left[name] -= 1
        if self.machine.limiter.failing_fast(self):
            self.child_failed()
            return
        group = self.task_node(name)
        loop = group if group is not None and group.type == TASK_GROUP else None
        if loop is not None:
            self._hooks.item_ended(name, node)
        if self._left[name]:
            if self._frozen:
                self.child_failed()
        elif loop is not None:
            self._hooks.after_items(name, partial(self._close_group, name, loop))
        else:
            self._hooks.run(name)

    def _close_group(self, name: str, group: Node) -> None:
        self._hooks.group_ended(name)
        phase = SUCCEEDED
        for child in group.children:
            found = self._nodes.by_id.get(child)
            if found is not None and found.failed and not found.hooked:
                phase = found.phase
        self._nodes.mark(group, phase)
        self._hooks.run(name)

    def _settle(self, name: str) -> None:
        """Write down that a task is fulfilled, and run what waited for it alone."""
        node = self.task_node(name)
        if node is None or self.node.fulfilled:
            return
        self._facts[name] = _facts(node, self._nodes)
        self._open -= 1
        for dependent in self._dependents[name]:
            self._waits_for[dependent] -= 1
            if not self._waits_for[dependent] and self._is_due(dependent):
                self._run(dependent)
        self._finish()

    def _is_due(self, name: str) -> bool:
        # After a retry of the workflow a task may have ended before, or have to go on.
        node = self.task_node(name)
        return name not in self._left and (node is None or not node.fulfilled)

    def _finish(self) -> None:
        if self._frozen or self._open or self._hooks.open:
            return
        fail_fast = self._dag.get("failFast", True)
        phase = _phase(self._nodes, self.node, self._forgiven, fail_fast=fail_fast)
        if phase != SUCCEEDED:
            self._end(phase, last=self._target_nodes())
            return
        for name in self._order:
            node = self.task_node(name)
            self.machine.export(node.outputs if node else None)
        scope = self._scope
        known = self._lookup(scope.value, scope.names, scope.artifact, scope.artifact_names)
        if problem := scope.problem_at_end() or self._set_outputs(known):
            self._end(ERROR, problem, error=problem)
            return
        self._end(SUCCEEDED, last=self._target_nodes())

    def _target_nodes(self) -> list[Node]:
        return [node for name in self._targets if (node := self.task_node(name))]


def _ancestors_first(targets: list[str], parents: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the targets and all that they wait for, each after what it waits for."""
    order: dict[str, None] = {}
    for target in targets:
        stack = [(target, iter(parents[target]))]
        entered = {target}
        while stack:
            name, rest = stack[-1]
            following = next((p for p in rest if p not in order and p not in entered), None)
            if following is None:
                order[name] = None
                stack.pop()
            else:
                entered.add(following)
                stack.append((following, iter(parents[following])))
    return list(order)


def _facts(node: Node, nodes: Nodes) -> frozenset[str]:
    """Return what is true of a fulfilled task, in the words of ``depends``."""
    if node.daemoned:
        return frozenset(("Daemoned",))
    facts = {_FACTS[node.phase]}
    if node.type == TASK_GROUP:
        phases = {nodes.by_id[key].phase for key in node.children}
        if SUCCEEDED in phases:
            facts.add("AnySucceeded")
        if phases == {FAILED}:
            facts.add("AllFailed")
    return frozenset(facts)


def _phase(
    nodes: Nodes, dag: Node, targets: Mapping[str, Mapping[str, Any]], *, fail_fast: bool
) -> str:
    """Return the phase of a DAG whose tasks have all ended.

    ``targets`` has the ``continueOn`` of each target task. A task that was omitted or skipped has
    the phase of what came before it on its branch. Source: ``assessDAGPhase``.
    """
    result = SUCCEEDED
    phases = _branch_phases(nodes, dag)
    for name, continue_on in targets.items():
        node = nodes.get(f"{dag.name}.{name}")
        found = phases.get(node.id, set()) if node is not None else set()
        phase = next(iter(found & FAILURES), SUCCEEDED)
        if phase == SUCCEEDED or _continues(continue_on, phase):
            continue
        result = phase
        if fail_fast:
            break
    return result


def _branch_phases(nodes: Nodes, dag: Node) -> dict[str, set[str]]:
    seen: dict[str, set[str]] = {}
    queue: deque[tuple[str, str]] = deque((child, SUCCEEDED) for child in dag.children)
    while queue:
        key, phase = queue.popleft()
        node = nodes.by_id.get(key)
        if node is None:
            continue  # It was held back until its boundary failed fast.
        known = seen.setdefault(key, set())
        if node.phase in COMPLETED:
            phase = node.phase
        if phase in known:
            continue
        known.add(phase)
        queue.extend((child, phase) for child in _after(nodes, node))
    return seen


def _after(nodes: Nodes, node: Node) -> Iterable[str]:
    if node.type != RETRY:
        return node.children
    # A Retry node has the phase of its last attempt: the attempts themselves do not count.
    below = [found for child in node.children if (found := nodes.by_id.get(child))]
    return [
        key
        for found in below
        for key in (found.children if found.attempt_of(node) else (found.id,))
    ]


def _continues(continue_on: Mapping[str, Any], phase: str) -> bool:
    return bool(
        (phase == ERROR and continue_on.get("error"))
        or (phase == FAILED and continue_on.get("failed"))
    )
