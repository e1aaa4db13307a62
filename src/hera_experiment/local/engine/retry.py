"""Runs a template again until it succeeds, or its ``retryStrategy`` gives up.

Source: ``processNodeRetries`` in ``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from hera_experiment.argo.conditions import ExpressionError, holds
from hera_experiment.argo.go_text import seconds
from hera_experiment.argo.names import pod_name
from hera_experiment.argo.phases import ERROR, FAILED, RUNNING, SUCCEEDED
from hera_experiment.local.engine.arguments import substitute_all
from hera_experiment.local.engine.machine import Attempt, Machine
from hera_experiment.local.engine.memoization import status_of
from hera_experiment.local.engine.node import RETRY, Node, runs_pod
from hera_experiment.local.engine.nodes import Nodes
from hera_experiment.local.engine.substitution import SubstitutionError

_TRANSIENT = re.compile(r"(?i)i/o timeout|connection (reset|refused)|TLS handshake timeout|EOF$")
_RETRIES_ERRORS = ("Always", "OnError", "OnTransientError")


class Retry:
    """The Retry node of ``attempt`` and the attempts below it."""

    def __init__(self, machine: Machine, attempt: Attempt, strategy: Mapping[str, Any]) -> None:
        self._machine = machine
        self._attempt = attempt
        self._strategy = strategy
        self._expression = strategy.get("expression", "")
        # With an expression it is the expression alone that decides.
        default = "Always" if self._expression else "OnFailure"
        self._policy = strategy.get("retryPolicy") or default
        call = attempt.call
        self._flag = {**(call.flag or {}), "retried": True}
        self.node = machine.nodes.get(attempt.name) or machine.nodes.create(
            attempt.name,
            RETRY,
            RUNNING,
            template=call.template,
            boundary=call.boundary_id,
            # Argo gives node and attempts one and the same object.
            flag=self._flag if call.flag else None,
            inputs=attempt.inputs,
            memoization=status_of(attempt.template),
        )

    def start(self) -> None:
        """Begin the first attempt, or go on after the last one of an earlier run."""
        attempts = self._attempts()
        if attempts and attempts[-1].fulfilled:
            self._decide()
        else:
            self._try()

    def _attempts(self) -> list[Node]:
        by_id = self._machine.nodes.by_id
        below = (by_id[key] for key in self.node.children if key in by_id)
        return [node for node in below if node.attempt_of(self.node)]

    def _try(self, deadline: float | None = None) -> None:
        machine, call = self._machine, self._attempt.call
        if call.boundary is not None and machine.limiter.failing_fast(call.boundary):
            return
        if not machine.limiter.admits(None):
            machine.limiter.wait(None, lambda: self._try(deadline))
            return
        attempts = self._attempts()
        running = attempts[-1] if attempts and not attempts[-1].fulfilled else None
        number = len(attempts) - (running is not None)
        name = running.name if running else f"{self.node.name}({number})"
        last = attempts[number - 1] if number else None
        local = {"retries": str(number), **last_retry(last, machine.nodes)}
        template = self._attempt.template
        if runs_pod(template):
            local["pod.name"] = pod_name(machine.workflow, name, call.template.short_name)
        machine.nodes.connect(self.node, name)
        try:
            template = substitute_all(template, machine.variables, local)
        except SubstitutionError as error:
            self._fail(str(error))
            return
        machine.begin(
            Attempt(name, template, self._attempt.written, call, self._ended, self._flag, deadline)
        )

    def _ended(self, node: Node, error: str) -> None:
        if error and self._policy not in _RETRIES_ERRORS:
            self._fail(error)
            return
        self._decide()

    def _decide(self) -> None:
        attempts = self._attempts()
        last = attempts[-1]
        if last.daemoned:
            self._be_daemon()
            return
        if not last.failed:
            self._end(SUCCEEDED, last, None)
            return
        if reason := self._given_up():
            self._end(last.phase, last, reason)
            return
        backoff = self._strategy.get("backoff")
        try:
            limit = _limit(self._strategy.get("limit"))
            wait, deadline = _waiting(backoff, len(attempts)) if backoff else (0.0, None)
        except ValueError as error:
            self._fail(str(error))
            return
        now = self._machine.now()
        until = self._machine.nodes.ended(last) + wait
        end = self._machine.nodes.began(attempts[0]) + deadline if deadline else None
        if end is not None and now > end:
            self._end(last.phase, last, "Max duration limit exceeded")
        elif end is not None and until > end:
            self._end(last.phase, last, "Backoff would exceed max duration limit")
        elif backoff and now < until and limit is not None and len(attempts) <= limit:
            self._machine.nodes.mark(self.node, self.node.phase, f"Backoff for {_humanized(wait)}")
            again = partial(self._again, end)
            # Not at once: a workflow that is suspended begins no other attempt.
            self._machine.at(until, lambda: self._machine.later(again))
        elif not self._retries(last):
            self._end(last.phase, last, last.message)
        elif limit is not None and len(attempts) > limit:
            self._end(last.phase, last, "No more retries left")
        else:
            self._try_if_expressed(last, end)

    def _be_daemon(self) -> None:
        """Be what the last attempt is: a daemon that can be used; tell that once."""
        if self.node.daemoned:
            return
        self._machine.be_daemon(self._attempt, self.node, "")

    def _try_if_expressed(self, last: Node, deadline: float | None) -> None:
        """Try again unless the ``expression`` of the strategy forbids."""
        if self._expression:
            attempts = len(self._attempts())
            variables = {"retries": str(attempts - 1), **last_retry(last, self._machine.nodes)}
            if "exitCode" not in (last.outputs or {}):
                variables["lastRetry.exitCode"] = "-1"
            try:
                goes_on = holds(self._expression, variables)
            except ExpressionError as error:
                self._fail(str(error))
                return
            if not goes_on:
                reason = "retryStrategy.expression evaluated to false"
                self._end(last.phase, last, reason)
                return
        self._try(deadline)

    def _again(self, deadline: float | None) -> None:
        if self.node.fulfilled:
            return
        last = self._attempts()[-1]
        if reason := self._given_up():
            self._end(last.phase, last, reason)
        elif self._retries(last):
            self._machine.nodes.mark(self.node, self.node.phase, "")
            self._try_if_expressed(last, deadline)
        else:
            self._end(last.phase, last, last.message)

    def _given_up(self) -> str:
        if self._machine.shutdown:
            return f"Stopped with strategy '{self._machine.shutdown}'"
        if self._machine.overdue:
            limit = timedelta(seconds=self._machine.spec["activeDeadlineSeconds"])
            deadline = self._machine.started + limit
            return f"retry exceeded workflow deadline {deadline:%Y-%m-%d %H:%M:%S +0000 UTC}"
        return ""

    def _retries(self, last: Node) -> bool:
        if self._policy == "OnTransientError":
            return _TRANSIENT.search(last.message) is not None
        if last.phase == FAILED:
            return self._policy in ("Always", "OnFailure")
        return self._policy in ("Always", "OnError")

    def _fail(self, error: str) -> None:
        self._machine.end(self._attempt, self.node, ERROR, error, error=error)

    def _end(self, phase: str, last: Node, message: str | None) -> None:
        self.node.outputs = last.outputs
        if self.node.daemoned:
            self._machine.lose_daemon(self._attempt, self.node, phase, message or "")
            return
        self._machine.end(self._attempt, self.node, phase, message)


def last_retry(last: Node | None, nodes: Nodes) -> dict[str, str]:
    """Return what an attempt knows of the ``last`` one of ``nodes``, None for the first."""
    values = {"exitCode": "0", "status": "", "duration": "0", "message": ""}
    if last is not None:
        values["status"] = last.phase
        values["message"] = last.message
        values["exitCode"] = (last.outputs or {}).get("exitCode", "0")
        if last.finished_at:
            values["duration"] = str(int(nodes.ended(last) - nodes.began(last)))
    return {f"lastRetry.{key}": value for key, value in values.items()}


def _limit(value: Any) -> int | None:
    if value is None:
        return None
    if not re.fullmatch(r"[+-]?\d+", str(value), re.ASCII):
        raise ValueError(f"value '{value}' cannot be resolved to an int")
    return int(value)


def _waiting(backoff: Mapping[str, Any], attempts: int) -> tuple[float, float | None]:
    """Return the seconds to wait and the seconds after which no attempt may begin."""
    if not backoff.get("duration"):
        raise ValueError("no base duration specified for retryStrategy")
    wait = seconds(backoff["duration"])
    factor = _limit(backoff.get("factor"))
    if factor is not None and factor > 0:
        # Argo stops at what an int64 of nanoseconds can hold.
        wait = min(wait * float(factor) ** min(attempts - 1, 64), 9.2e9)
    if backoff.get("cap"):
        wait = min(wait, seconds(backoff["cap"]))
    longest = backoff.get("maxDuration")
    return wait, seconds(longest) if longest else None


def _humanized(wait: float) -> str:
    minutes, rest = divmod(int(wait), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "hour"), (minutes, "minute"), (rest, "second"))
    shown = [f"{count} {unit}{'s' if count != 1 else ''}" for count, unit in parts if count]
    return " ".join(shown[:2]) or f"{wait:g} seconds"
