"""Begins a call: finds the template, sets its inputs, and hands it to its interpreter.

Source: ``executeTemplate`` in ``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from hera_experiment.argo.names import (
    ANNOTATION_DISPLAY_NAME,
    DISPLAY_NAME,
    TEMPLATE_DEPTH,
    node_id,
    pod_name,
)
from hera_experiment.argo.phases import ERROR, PENDING, SUCCEEDED
from hera_experiment.local.engine.arguments import ArgumentError, process
from hera_experiment.local.engine.dag import Dag
from hera_experiment.local.engine.http import start_http
from hera_experiment.local.engine.locks import LockError
from hera_experiment.local.engine.machine import Attempt, Call, Held, Machine
from hera_experiment.local.engine.memoization import CacheError, status_of
from hera_experiment.local.engine.node import POD, SKIPPED_NODE, Node, node_type, runs_pod
from hera_experiment.local.engine.pods import start_pod
from hera_experiment.local.engine.retry import Retry
from hera_experiment.local.engine.steps import Steps
from hera_experiment.local.engine.substitution import SubstitutionError
from hera_experiment.local.engine.suspend import start_suspend
from hera_experiment.local.engine.templates import TemplateError

_TOO_DEEP = (
    "Maximum recursion depth exceeded. "
    "See https://argo-workflows.readthedocs.io/en/latest/scaling/#maximum-recursion-depth"
)


class LockWait(Held):
    """A node that waits for its locks."""

    def _let_go(self) -> None:
        machine, node = self._machine, self.node
        machine.locks.release(self._attempt.template["synchronization"], node.id)
        machine.nodes.wait_for_lock(node, "", "")


class Executor:
    """Runs calls in ``machine``."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def execute(self, call: Call) -> None:
        """Begin ``call``, now or when it is its turn; ``call.done`` hears how it ends."""
        machine = self._machine
        node = machine.nodes.get(call.name)
        if node is not None and node.fulfilled:
            self._report(call, node, "")
            return
        if call.depth >= TEMPLATE_DEPTH:
            self._fail(call, _TOO_DEEP)
            return
        try:
            written = machine.templates.find(call.template)
        except TemplateError as error:
            self._fail(call, str(error))
            return
        template = written.body
        # What waits for a lock had room below its boundary.
        below = call.boundary if node is None else None
        waits = node is None or node.sync is not None
        if waits and not machine.limiter.admits(below):
            machine.limiter.wait(below, lambda: self.execute(call))
            return
        strategy = machine.retry_strategy(template)
        local = {**call.local, "node.name": call.name}
        if strategy is None and runs_pod(template):
            local["pod.name"] = pod_name(machine.workflow, call.name, call.template.short_name)
        try:
            processed = process(template, call.arguments, machine.variables, local, machine.config)
        except (ArgumentError, SubstitutionError) as error:
            self._fail(call, str(error))
            return
        if node is None and machine.earlier is not None:
            node = machine.earlier.take(machine.nodes, call, template, processed)
            if node is not None:
                machine.export(node.outputs)
                self._report(call, node, "")
                return
        attempt = Attempt(call.name, processed, written, call, call.done, call.flag)
        if synchronization := processed.get("synchronization"):
            if not self._lock(attempt, synchronization):
                return
            attempt = replace(attempt, done=partial(self._unlock, attempt))
        if "memoize" in processed and (node is None or synchronization):
            try:
                found = self._remembered(attempt)
            except CacheError as error:
                self._fail(replace(call, done=attempt.done), str(error))
                return
            if found is not None:
                self._report(replace(call, done=attempt.done), found, "")
                return
        if strategy is not None:
            retry = Retry(machine, attempt, machine.retry_strategy(processed) or {})
            retry.start()
            node = retry.node
        else:
            node = self.begin(attempt)
        self._set_display_name(node, processed)
        call.begun(node)

    def _lock(self, attempt: Attempt, synchronization: Mapping[str, Any]) -> bool:
        """Tell whether the template has its locks; if not, its node waits for them."""
        machine, call = self._machine, attempt.call
        node = machine.nodes.get(call.name)
        key = node_id(machine.workflow, call.name)
        try:
            outcome = machine.locks.acquire(synchronization, key)
        except LockError as error:
            self._fail(call, str(error))
            return False
        if outcome.waits_for:
            if node is None:
                kind = node_type(attempt.template, retried=self._retries(attempt.template))
                node = machine.make_node(attempt, kind, PENDING)
                node.synced = True if kind == POD else None
                self._set_display_name(node, attempt.template)
                call.begun(node)
            machine.nodes.wait_for_lock(node, outcome.waits_for, outcome.message)
            machine.locks.waiting[key] = lambda: self.execute(call)
            machine.held[key] = LockWait(machine, attempt, node)
            machine.end_held()
            return False
        machine.locks.waiting.pop(key, None)
        machine.held.pop(key, None)
        if node is not None:
            machine.nodes.wait_for_lock(node, "", "")
        return True

    def _unlock(self, attempt: Attempt, node: Node, error: str) -> None:
        self._machine.locks.release(attempt.template["synchronization"], node.id)
        attempt.done(node, error)

    def _retries(self, template: Mapping[str, Any]) -> bool:
        return self._machine.retry_strategy(template) is not None

    def _remembered(self, attempt: Attempt) -> Node | None:
        """Return the node of a template of which is known what it makes, None for any other."""
        machine, call, template = self._machine, attempt.call, attempt.template
        outputs, hit = machine.caches.load(template["memoize"])
        if not hit:
            return None
        kind = node_type(template, retried="retryStrategy" in template)
        node = machine.nodes.get(call.name) or machine.make_node(attempt, kind, PENDING)
        node.memoization = status_of(template, hit=True)
        node.outputs = outputs
        node.synced = True if kind == POD else None
        machine.nodes.mark(node, SUCCEEDED)
        return node

    def begin(self, attempt: Attempt) -> Node:
        """Give a template whose variables are all known to its interpreter."""
        if "dag" in attempt.template:
            dag = Dag(self._machine, attempt)
            dag.start()
            return dag.node
        if "steps" in attempt.template:
            steps = Steps(self._machine, attempt)
            steps.start()
            return steps.node
        if "suspend" in attempt.template:
            return start_suspend(self._machine, attempt)
        if "http" in attempt.template:
            return start_http(self._machine, attempt)
        return start_pod(self._machine, attempt)

    def _set_display_name(self, node: Node, template: Mapping[str, Any]) -> None:
        name = (template.get("annotations") or {}).get(ANNOTATION_DISPLAY_NAME)
        if name and DISPLAY_NAME.fullmatch(name):
            node.display_name = name
            self._machine.nodes.touch(node)

    def _fail(self, call: Call, message: str) -> None:
        node = self._machine.nodes.get(call.name)
        if node is None:
            node = self._machine.nodes.create(
                call.name,
                SKIPPED_NODE,
                ERROR,
                template=call.template,
                boundary=call.boundary_id,
                message=message,
                flag=call.flag,
            )
        else:
            self._machine.nodes.mark(node, ERROR, message)
        self._report(call, node, message)

    def _report(self, call: Call, node: Node, error: str) -> None:
        call.begun(node)
        self._machine.later(lambda: call.done(node, error))
