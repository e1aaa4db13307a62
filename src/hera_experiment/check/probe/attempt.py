"""One small workflow that is sent, looked at, and removed again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import Any

from hera_experiment.argo.objects import WORKFLOW
from hera_experiment.check.outcome import CannotTell, Outcome, Status, failure, listed, ok
from hera_experiment.check.probe.faults import (
    CREATED,
    NOT_MADE,
    PLACED,
    PROBE,
    PULLED,
    STARTED,
    Fault,
    Scene,
    fault_of,
    lacks_shell,
)
from hera_experiment.check.probe.workflow import (
    DEADLINE,
    FIRST_EXIT_CODE,
    LABEL,
    TAKE,
    WORD,
    ProbePod,
    ProbeWorkflow,
    probe_workflow,
)
from hera_experiment.check.rights import LOGS, PODS, WORKFLOWS, grant
from hera_experiment.check.target import CheckTarget
from hera_experiment.errors import UserError, tell
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal
from hera_experiment.platform.argo_client import ArgoClient, StreamBroken
from hera_experiment.platform.http_session import Unreachable
from hera_experiment.platform.kubernetes_reviews import Right
from hera_experiment.signals import ended_in_order, undisturbed

LIMIT = 300.0
"""Seconds that the probe's pods have; an image may be large."""
_UNHEEDED = 30.0
"""Seconds after which Argo's controller has not looked at it."""
_NO_ROOM = 60.0
"""Seconds that a pod may wait for what may change by itself, such as room on a node."""
_PAUSE, _NEWS = 1.0, 20.0
_FORBIDDEN = 403
_SHOWN: Mapping[int, Mapping[str, str]] = {
    CREATED: {
        "ACCOUNT-EXISTS": "tried: pods were made for it",
        "QUOTA": "tried: they let a pod in",
        "LIMIT-RANGE": "tried: they let a pod in",
    },
    PLACED: {
        "TAINTS": "tried: a node took each pod",
        "GPU": "tried: a node took each pod",
        "CLAIM-BOUND": "tried: a pod was given them",
        "STORAGE-CLASS": "tried: a pod was given them",
    },
    PULLED: {
        "CLAIM-NODE": "tried: a pod mounted them",
        "PULL-SECRET": "tried: each image was pulled",
        "IMAGES": "tried: each was pulled",
    },
    STARTED: {"CONFIGMAP": "tried: a pod read them", "SECRET": "tried: a pod read them"},
}
"""What is shown by pods that have all come so far."""
_ACCEPTED = {
    "NAMESPACE": "tried: it took a workflow",
    "ARGO-CRDS": "tried: Argo ran a workflow",
    "RIGHTS-TOKEN": "tried: it let one create a workflow",
}


@dataclass
class Findings:
    """What the probe showed: the outcomes of checks by their codes.

    ``left`` says what remains on the cluster, ``own`` is the outcome of the probe itself.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    left: str = ""
    own: Outcome | None = None

    def show(self, code: str, message: str) -> None:
        """Note that ``code`` is well, unless it is known not to be."""
        self.outcomes.setdefault(code, ok(message))

    def blame(self, fault: Fault) -> None:
        """Note a fault, the first of its check."""
        known = self.outcomes.get(fault.code)
        if known is None or known.status is Status.OK:
            self.outcomes[fault.code] = fault.outcome


class Attempt:
    """One probe of ``target``: raises ``CannotTell`` where no image of the workflow is known."""

    def __init__(
        self,
        target: CheckTarget,
        *,
        client: ArgoClient | None = None,
        say: Callable[[object], None] = tell,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target = target
        self._client = client
        self._say, self._sleep, self._clock = say, sleep, clock
        self.name = f"hera-probe-{token_hex(4)}"
        self.namespace = next(
            (each.namespace for each in target.submitted if each.namespace), target.namespace
        )
        workflow = probe_workflow(
            self.name, self.namespace, target.requirements, target.claims, target.config_maps
        )
        if workflow is None:
            raise CannotTell("no image of the workflow is known")
        self.workflow: ProbeWorkflow = workflow
        self._found = Findings()
        self._at_work = True
        """Whether a pod may be writing."""

    def run(self) -> Findings:
        """Send the workflow, look at it until all is known of its pods, and remove it."""
        argo = self._target.argo
        client = self._client or argo.client(argo.accepted.authorization)
        begin = self._clock()
        self._say(f"the probe {self.name} is sent to '{self.namespace}' at {client.url}")
        is_over = is_known = False
        with ended_in_order():
            try:
                client.create_workflow(self.namespace, self.workflow.manifest)
                workflow = self._awaited(client)
                is_over = bool((workflow.get("status") or {}).get("finishedAt"))
                self._read_log(client, workflow)
                is_known = True
            except ArgoRefusal as refusal:
                self._found.blame(self._fault(refusal.message or refusal.what, None))
                is_known = True
            finally:
                with undisturbed():
                    self._remove(client, is_over=is_over)
                if not is_known:
                    self._say(self._found.left)
        seconds = self._clock() - begin
        number = len(self.workflow.pods) + 1
        self._found.own = self._found.outcomes.pop(
            PROBE, ok(f"{self.name} ran {number} pods in {seconds:.0f} s; {self._found.left}")
        )
        return self._found

    def _awaited(self, client: ArgoClient) -> dict[str, Any]:
        """Return the workflow once all is known of its pods, or they had their time."""
        begin = news = self._clock()
        workflow: dict[str, Any] = {}
        while True:
            with suppress(Unreachable):  # it may be back in a moment
                workflow = client.get_workflow(self.namespace, self.name)
            status = workflow.get("status") or {}
            past = self._clock() - begin
            self._at_work = any(
                _node(status, pod.name).get("phase") == "Running" for pod in self.workflow.pods
            )
            if not status.get("phase") and past > _UNHEEDED:
                self._found.blame(_unheeded(self.namespace))
                return workflow
            states = {pod.name: self._state(pod, status, past) for pod in self.workflow.pods}
            waiting = [name for name, (stage, _) in states.items() if stage is None]
            take = _node(status, TAKE)
            handed = take.get("finishedAt") or take.get("type") == "Skipped"
            if status.get("finishedAt") or (not waiting and (handed or self._is_lost(states))):
                self._judge(status, states)
                return workflow
            if past > LIMIT:
                self._too_slow(status, states)
                return workflow
            if self._clock() - news > _NEWS:
                news = self._clock()
                node = _node(status, waiting[0] if waiting else TAKE)
                said = str(node.get("message") or node.get("phase") or "no pod yet")
                self._say(f"waiting for {self.name}: {said[:200]}")
            self._sleep(_PAUSE)

    def _is_lost(self, states: Mapping[str, tuple[int | None, Fault | None]]) -> bool:
        """Say whether the first pod fails, so that nothing can be handed on."""
        return states[self.workflow.pods[0].name][1] is not None

    def _state(
        self, pod: ProbePod, status: Mapping[str, Any], past: float
    ) -> tuple[int | None, Fault | None]:
        """Return how far the pod came, None while that is open, and what is wrong with it."""
        node = _node(status, pod.name)
        message, phase = str(node.get("message") or ""), str(node.get("phase") or "")
        if phase == "Succeeded" or lacks_shell(message):
            return STARTED, None
        if phase in ("Failed", "Error") or (not node and status.get("finishedAt")):
            fault = self._fault(message or str(status.get("message") or "it ended"), pod)
            has_run = bool((node.get("outputs") or {}).get("exitCode"))
            return (STARTED if has_run else fault.stage), fault
        if message:
            fault = self._fault(message, pod)
            if fault.code != PROBE and (fault.is_final or past > _NO_ROOM):
                return fault.stage, fault
        return None, None

    def _fault(self, message: str, pod: ProbePod | None) -> Fault:
        pod = pod or self.workflow.pods[0]
        for number, claim in enumerate((*pod.claims, *pod.own)):
            if f"(exit code {FIRST_EXIT_CODE + number})" in message:
                return _not_writable(claim, pod)
        account = str(pod.template.get("serviceAccountName") or "")
        account = account or str(pod.spec.get("serviceAccountName") or "default")
        cluster = self._target.context.cluster
        return fault_of(message, Scene(pod.image, account, self.namespace, cluster))

    def _judge(
        self,
        status: Mapping[str, Any],
        states: Mapping[str, tuple[int | None, Fault | None]],
    ) -> None:
        """Note what the pods showed."""
        for _, fault in states.values():
            if fault:
                self._found.blame(fault)
        for code, message in {**_ACCEPTED, **self._unused()}.items():
            self._found.show(code, message)
        reached = min(NOT_MADE if stage is None else stage for stage, _ in states.values())
        for stage, shown in _SHOWN.items():
            for code, message in shown.items():
                if stage <= reached:
                    self._found.show(code, message)
        take = _node(status, TAKE)
        if take.get("phase") == "Succeeded":
            self._found.show("ACCOUNT-RESULTS", "tried: an output parameter was handed on")
        elif take.get("phase") in ("Failed", "Error"):
            self._found.blame(self._fault(str(take.get("message") or "it ended"), None))

    def _is_archived(self, client: ArgoClient) -> bool:
        """Say whether Argo's archive, where there is one that may be read, keeps the workflow."""
        try:
            kept = client.archived_workflows(self.namespace, f"{LABEL}=true")
        except UserError:
            return False
        return any((each.get("metadata") or {}).get("name") == self.name for each in kept)

    def _unused(self) -> dict[str, str]:
        """Return what is well because the experiment asks for no such thing."""
        target, pods = self._target, self.workflow.pods
        own, used = any(pod.own for pod in pods), self.workflow.claims
        without = {
            "CONFIGMAP": not self.workflow.config_maps,
            "SECRET": not self.workflow.secrets,
            "STORAGE-CLASS": not own,
            **dict.fromkeys(("CLAIM-BOUND", "CLAIM-NODE"), not used),
            "CLAIM-ACCESS": not used and not own,
            "RIGHTS-TEMPLATES": all(each.kind is WORKFLOW for each in target.submitted),
        }
        return {code: "it uses none" for code, is_unused in without.items() if is_unused}

    def _too_slow(
        self,
        status: Mapping[str, Any],
        states: Mapping[str, tuple[int | None, Fault | None]],
    ) -> None:
        name = next((each for each, (stage, _) in states.items() if stage is None), TAKE)
        node = _node(status, name)
        said = str(node.get("message") or node.get("phase") or "no pod was made")
        cause = f"{name} waits after {LIMIT:.0f} s: {said[:300]}"
        advice = "ask the administrator, with this sentence"
        self._judge(status, states)
        self._found.blame(Fault(PROBE, failure("too slow", cause, advice)))

    def _read_log(self, client: ArgoClient, workflow: Mapping[str, Any]) -> None:
        """Read what the first pod wrote, which takes rights of whoever asks."""
        node = _node(workflow.get("status") or {}, self.workflow.pods[0].name)
        if (node.get("outputs") or {}).get("exitCode") != "0":
            return
        try:
            lines = list(client.workflow_logs(self.namespace, self.name))
        except ArgoRefusal as refusal:
            if "forbidden" in (refusal.message or refusal.what):
                is_log = "pods/log" in refusal.message or '"log"' in refusal.message
                code, right = ("RIGHTS-LOGS", LOGS) if is_log else ("RIGHTS-PODS", PODS)
                self._found.blame(self._no_right(code, right, refusal))
            return
        except (StreamBroken, UserError):
            return
        if WORD in lines:
            self._found.show("RIGHTS-PODS", "tried: its log was found")
            self._found.show("RIGHTS-LOGS", "tried: its log was read")

    def _no_right(self, code: str, right: Right, refusal: ArgoRefusal) -> Fault:
        account = self._target.argo.accepted.account
        role = code.lower()
        yaml = grant(role, self.namespace, account, right) if account else ""
        cause = f"Argo's server says: {refusal.message or refusal.what}"
        advice = "" if yaml else "ask the administrator, with this sentence"
        return Fault(code, failure(f"{right} missing", cause, advice, yaml))

    def _remove(self, client: ArgoClient, *, is_over: bool) -> None:
        try:
            client.delete_workflow(self.namespace, self.name)
            self._found.left = "it is removed, its images stay on the nodes"
            if self._is_archived(client):
                self._found.left += ", its record in Argo's archive"
            self._found.show("RIGHTS-WORKFLOWS", "tried: one was created, read and removed")
        except UserError as error:
            status = getattr(error, "status", 0)
            if status == NOT_FOUND:
                return
            if status == _FORBIDDEN and isinstance(error, ArgoRefusal):
                delete = replace(WORKFLOWS, verbs=("delete",))
                self._found.blame(self._no_right("RIGHTS-WORKFLOWS", delete, error))
            minutes = (DEADLINE if is_over else 2 * DEADLINE) // 60
            self._found.left = (
                f"the workflow {self.name} is left in '{self.namespace}': Argo removes it within "
                f"{minutes} minutes"
            )
        if self._at_work and self.workflow.claims:
            claims = listed(self.workflow.claims)
            self._found.left += f"; a file .{self.name} may be left on {claims}"


def _node(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the node of the task ``name``, an empty one while there is none."""
    nodes: Mapping[str, Mapping[str, Any]] = status.get("nodes") or {}
    return next((each for each in nodes.values() if each.get("displayName") == name), {})


def _not_writable(claim: str, pod: ProbePod) -> Fault:
    return Fault(
        "CLAIM-ACCESS",
        failure(
            f"'{claim}' cannot be written",
            f"a pod of {pod.image} mounts the claim '{claim}' and may not write to it",
            "run the image as a user who may, or give the template "
            "security_context=PodSecurityContext(fs_group=…) in workflow.py",
        ),
        STARTED,
    )


def _unheeded(namespace: str) -> Fault:
    return Fault(
        PROBE,
        failure(
            "not begun",
            f"Argo's controller has not looked at a workflow in '{namespace}' for "
            f"{_UNHEEDED:.0f} s",
            "ask the administrator whether the workflow-controller runs, and manages that "
            "namespace",
        ),
    )
