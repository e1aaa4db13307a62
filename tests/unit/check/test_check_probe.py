"""The probe by itself: its workflow, whose fault Argo's words are, and what it leaves."""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recorded_cluster import SECRET, RecordedCluster

from hera_experiment.argo.objects import Captured, Submitted
from hera_experiment.check.catalogue import CATALOGUE
from hera_experiment.check.outcome import Outcome, Status, failure, ok, unknown
from hera_experiment.check.probe.attempt import Attempt, Findings
from hera_experiment.check.probe.faults import Scene, fault_of, lacks_shell
from hera_experiment.check.probe.results import CHECK, planned, with_probe
from hera_experiment.check.probe.workflow import TAKE, WORD, probe_workflow
from hera_experiment.check.requirements import ObjectUse, Requirements
from hera_experiment.check.runner import Result
from hera_experiment.check.target import CheckTarget
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.http_session import Unreachable
from hera_experiment.sign_in.terminal import Terminal
from hera_experiment.verbs.check_cluster import _consent
from hera_utils.cli_context import CLIContext

SCENE = Scene("reg.lab/a:1", "pods", "lab", "mine")
FORBIDDEN = (
    'workflowtaskresults.argoproj.io is forbidden: User "system:serviceaccount:lab:pods" cannot '
    'create resource "workflowtaskresults" in API group "argoproj.io" in the namespace "lab"'
)


@pytest.mark.parametrize(
    ("message", "code", "said"),
    [
        (f"wait: Error (exit code 64): {FORBIDDEN}", "ACCOUNT-RESULTS", "'pods' may not create"),
        ('error looking up service account lab/x: serviceaccount "x" not found', "ACCOUNT-EXISTS", "create serviceaccount x"),  # noqa: E501
        ('pods "p" is forbidden: exceeded quota: small, requested: pods=1', "QUOTA", "'small'"),
        ('pods "p" is forbidden: failed quota: q: must specify limits.cpu', "QUOTA", "'q'"),
        ('pods "p" is forbidden: maximum cpu usage per Container is 1', "LIMIT-RANGE", "maximum"),
        ('Unschedulable: 0/1 nodes are available: persistentvolumeclaim "c" not found.', "CLAIM-BOUND", "make provision CLUSTER=mine"),  # noqa: E501
        ("Unschedulable: 0/1: pod has unbound immediate PersistentVolumeClaims", "CLAIM-BOUND", ""),
        ("Unschedulable: 1 node(s) had volume node affinity conflict", "CLAIM-NODE", ""),
        ('CreateContainerConfigError: configmap "c" not found', "CONFIGMAP", "'c' is missing"),
        ("CreateContainerConfigError: couldn't find key k in ConfigMap lab/c", "CONFIGMAP", """'{"data":{"k":"VALUE"}}'"""),  # noqa: E501
        ('CreateContainerConfigError: secret "s" not found', "SECRET", "'s' is missing"),
        ("CreateContainerConfigError: couldn't find key k in Secret lab/s", "SECRET", "lacks 'k'"),
        ("ErrImagePull: reg.lab/a:1: not found", "IMAGES", "make build push CLUSTER=mine"),
        ("ImagePullBackOff: Back-off pulling image", "IMAGES", "reach its registry"),
        ("ErrImagePull: pull access denied, insufficient_scope: authorization failed", "PULL-SECRET", "make provision"),  # noqa: E501
        ("Error (exit code 1): fork/exec /bin/sh: exec format error", "IMAGES", "make build push CLUSTER=mine BUILD_OPTIONS=--platform=linux/amd64"),  # noqa: E501
        ("no match for platform in manifest: not found", "IMAGES", "other processors"),
        ("Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no", "GPU", "no nvidia.com/gpu is free"),  # noqa: E501
        ("Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.", "TAINTS", "node_selector"),
        ("something else", "PROBE", "Argo says: something else"),
    ],
)  # fmt: skip
def test_whose_fault_it_is(message: str, code: str, said: str) -> None:
    fault = fault_of(message, SCENE)
    assert fault.code == code
    outcome = fault.outcome
    assert outcome.status is Status.FAILURE and outcome.cause and outcome.advice
    assert said in f"{outcome.message} {outcome.cause} {outcome.advice}", outcome
    assert bool(outcome.paste) is (code == "ACCOUNT-RESULTS")


def test_an_image_without_a_shell_is_no_fault() -> None:
    assert lacks_shell(
        'main: Error (exit code 64): failed to find name in PATH: exec: "sh": executable file '
        "not found in $PATH"
    )
    assert not lacks_shell("exec format error")


def requirements() -> Requirements:
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "results"}}
    plain = {"name": "plain", "container": {"image": "b:1"}}
    writes = {
        "name": "writes",
        "nodeSelector": {"disk": "fast"},
        "metadata": {"labels": {"row": "{{inputs.parameters.row}}"}},
        "script": {
            "image": "a:1",
            "resources": {"requests": {"cpu": "2"}},
            "volumeMounts": [{"name": "data", "mountPath": "/d", "subPath": "{{workflow.name}}"}],
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        },
        "initContainers": [{"image": "{{inputs.parameters.image}}"}],
    }
    spec = {
        "serviceAccountName": "pods",
        "imagePullSecrets": [{"name": "pull"}],
        "volumes": [claim],
        "tolerations": [{"key": "gpu"}],
        "templates": [plain, writes],
    }
    return Requirements([{"spec": spec}])


def test_the_workflow_of_a_probe_is_small_and_goes_by_itself() -> None:
    uses = [ObjectUse("settings", whole=True)]
    found = probe_workflow("hera-probe-1", "lab", requirements(), ["results", "other"], uses)
    assert found is not None
    spec = found.manifest["spec"]
    assert [pod.image for pod in found.pods] == ["a:1", "b:1"], "one that mounts a claim first"
    assert found.claims == ["results", "other"]
    assert spec["ttlStrategy"] and spec["activeDeadlineSeconds"]
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    _, first, second, take = spec["templates"]
    assert first["nodeSelector"] == {"disk": "fast"} and first["tolerations"] == [{"key": "gpu"}]
    assert first["serviceAccountName"] == second["serviceAccountName"] == "pods"
    assert first["container"]["resources"] == {"requests": {"cpu": "2"}}
    assert "metadata" not in first, "what only a task knows is left out"
    assert first["container"]["envFrom"] == [{"configMapRef": {"name": "settings"}}]
    (variable,) = first["container"]["env"]
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "s", "key": "k"}}
    assert len(first["volumes"]) == 3 and len(second["volumes"]) == 1
    assert first["container"]["command"][-2:] == ["/hera-probe-claim-1", "/hera-probe-claim-2"]
    assert take["container"]["image"] == "a:1"
    assert probe_workflow("p", "lab", Requirements([{"spec": {}}]), [], []) is None


class FakeArgo:
    """Answers as Argo's server: each state of the workflow once, the last for ever."""

    url = "http://argo/"

    def __init__(self, *statuses: dict[str, Any], log: Any = (WORD,), refusal: Any = None) -> None:
        self.statuses = list(statuses)
        self.log, self.refusal = log, refusal
        self.removed: list[str] = []
        self.archives = False
        self.manifest: dict[str, Any] = {}

    def create_workflow(self, namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
        self.manifest = manifest
        return manifest

    def get_workflow(self, namespace: str, name: str) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if error := status.get("raises"):
            raise error
        return {"metadata": {"name": name}, "status": status}

    def workflow_logs(self, namespace: str, name: str) -> Iterator[str]:
        if isinstance(self.log, Exception):
            raise self.log
        return iter(self.log)

    def archived_workflows(self, namespace: str, labels: str) -> list[dict[str, Any]]:
        assert self.removed and labels == "hera-experiment/probe=true"
        return [{"metadata": {"name": name}} for name in self.removed if self.archives]

    def delete_workflow(self, namespace: str, name: str) -> None:
        self.removed.append(name)
        if self.refusal:
            raise self.refusal


def node(name: str, phase: str, message: str = "", **more: Any) -> dict[str, Any]:
    over = {"finishedAt": "2026-11-26T10:00:00Z"} if phase in ("Succeeded", "Failed") else {}
    return {"displayName": name, "type": "Pod", "phase": phase, "message": message, **over, **more}


def status(*nodes: dict[str, Any], phase: str = "Running") -> dict[str, Any]:
    ended = {"finishedAt": "2026-11-26T10:00:00Z"} if phase != "Running" else {}
    return {"phase": phase, "nodes": {str(n): each for n, each in enumerate(nodes)}, **ended}


WELL = status(
    node("probe-1", "Succeeded", outputs={"exitCode": "0"}),
    node(TAKE, "Succeeded"),
    phase="Succeeded",
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def target_of(recorded: RecordedCluster, **settings: str) -> CheckTarget:
    environ = {**recorded.settings, "ARGO_TOKEN": f"{SECRET}-own", **settings}
    experiment = Experiment.find(recorded.folder)
    context = CLIContext.resolve(argparse.Namespace(), experiment, environ, recorded.folder)
    captured = Captured([Submitted(recorded.manifest)])
    return CheckTarget(context, lambda: captured, timeout=5, environ=environ)


def attempt(recorded: RecordedCluster, argo: FakeArgo) -> tuple[Findings, list[str]]:
    clock, said = Clock(), list[str]()
    made = Attempt(
        target_of(recorded),
        client=argo,  # type: ignore[arg-type]
        say=lambda sentence: said.append(str(sentence)),
        sleep=clock.sleep,
        clock=clock,
    )
    found = made.run()
    assert argo.removed == [made.name]
    return found, said


def failures(found: Findings) -> dict[str, Outcome]:
    return {code: each for code, each in found.outcomes.items() if each.status is Status.FAILURE}


def test_all_is_well_and_nothing_is_left(recorded: RecordedCluster) -> None:
    argo = FakeArgo({}, status(node("probe-1", "Pending")), WELL)
    found, _ = attempt(recorded, argo)
    assert not failures(found)
    assert found.own is not None and found.own.status is Status.OK
    assert "it is removed" in found.own.message
    for code in ("NAMESPACE", "CLAIM-BOUND", "CONFIGMAP", "IMAGES", "ACCOUNT-RESULTS", "TAINTS"):
        assert found.outcomes[code].message.startswith("tried: "), code
    assert found.outcomes["RIGHTS-LOGS"].status is Status.OK
    for code in ("SECRET", "STORAGE-CLASS", "RIGHTS-TEMPLATES"):
        assert found.outcomes[code].message == "it uses none"
    assert "CLAIM-ACCESS" not in found.outcomes, "one pod shows nothing about several"


def test_what_an_archive_keeps_is_said(recorded: RecordedCluster) -> None:
    argo = FakeArgo(WELL)
    argo.archives = True
    found, _ = attempt(recorded, argo)
    assert found.own is not None and found.own.message.endswith("its record in Argo's archive")


def test_a_server_that_is_away_for_a_moment(recorded: RecordedCluster) -> None:
    found, _ = attempt(recorded, FakeArgo({"raises": Unreachable("no answer")}, WELL))
    assert not failures(found)


def test_a_claim_that_cannot_be_written(recorded: RecordedCluster) -> None:
    failed = node("probe-1", "Failed", "main: Error (exit code 41)", outputs={"exitCode": "41"})
    found, _ = attempt(recorded, FakeArgo(status(failed, phase="Failed")))
    assert failures(found).keys() == {"CLAIM-ACCESS"}
    assert found.outcomes["CLAIM-ACCESS"].message == "'results' cannot be written"
    assert found.outcomes["IMAGES"].status is Status.OK


def test_what_may_change_by_itself_is_waited_for_in_bounds(recorded: RecordedCluster) -> None:
    full = node("probe-1", "Pending", "Unschedulable: 0/1 nodes are available: Insufficient cpu")
    found, said = attempt(recorded, FakeArgo(status(full)))
    assert failures(found).keys() == {"TAINTS"}
    assert "Unschedulable" in said[-1], "it says what it waits for"
    slow = node("probe-1", "Pending", "PodInitializing")
    found, _ = attempt(recorded, FakeArgo(status(slow)))
    assert found.own is not None and found.own.status is Status.FAILURE
    assert "probe-1 waits after 300 s: PodInitializing" in found.own.cause


def test_a_controller_that_does_not_look(recorded: RecordedCluster) -> None:
    found, _ = attempt(recorded, FakeArgo({}))
    assert found.own is not None and "has not looked at" in found.own.cause


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('pods is forbidden: User "u" cannot list resource "pods"', "RIGHTS-PODS"),
        ('pods "p" is forbidden: User "u" cannot get resource "pods/log"', "RIGHTS-LOGS"),
    ],
)
def test_a_log_that_may_not_be_read(recorded: RecordedCluster, message: str, code: str) -> None:
    refusal = ArgoRefusal("no", status=403, message=message)
    found, _ = attempt(recorded, FakeArgo(WELL, log=refusal))
    assert failures(found).keys() == {code}
    assert found.outcomes[code].advice and message in found.outcomes[code].cause


def test_a_workflow_that_may_not_be_removed_says_when_it_goes(recorded: RecordedCluster) -> None:
    refusal = ArgoRefusal("no", status=403, message="workflows is forbidden")
    found, _ = attempt(recorded, FakeArgo(WELL, refusal=refusal))
    assert failures(found).keys() == {"RIGHTS-WORKFLOWS"}
    assert re.search(r"hera-probe-\w+ is left in 'experiments'.* within 10 minutes", found.left)


def test_whoever_interrupts_it_leaves_nothing(recorded: RecordedCluster) -> None:
    argo = FakeArgo(status(node("probe-1", "Running")), {"raises": KeyboardInterrupt()})
    said: list[str] = []
    made = Attempt(
        target_of(recorded),
        client=argo,  # type: ignore[arg-type]
        say=lambda sentence: said.append(str(sentence)),
        sleep=lambda seconds: None,
    )
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert argo.removed == [made.name]
    assert "it is removed" in said[-1] and f"a file .{made.name} may be left" in said[-1]


def results(**outcomes: Outcome) -> list[Result]:
    return [
        Result(each, outcomes.get(each.code.replace("-", "_"), ok("well"))) for each in CATALOGUE
    ]


def test_what_is_not_well_comes_first(recorded: RecordedCluster) -> None:
    failed = results(ARGO_TOKEN=failure("refused", "no", "ask"))
    *_, last = with_probe(failed, target_of(recorded), lambda what: pytest.fail("it was sent"))
    assert last.check is CHECK and last.because == "ARGO-TOKEN"
    assert last.outcome.status is Status.UNKNOWN


def test_what_it_does_is_said_before(recorded: RecordedCluster) -> None:
    target = target_of(recorded)
    asked: list[str] = []

    def refuse(what: str) -> str:
        asked.append(what)
        return "nobody agreed to it"

    *rest, last = with_probe(results(), target, refuse)
    assert [each.check.code for each in rest] == [each.code for each in CATALOGUE]
    assert last.outcome.message == "not sent: nobody agreed to it"
    assert asked == [planned(target)]
    for word in ("2 pods", "hera-check/probe:latest", "'results'", "'proxy-environment'"):
        assert word in asked[0]


def test_what_it_shows_takes_the_place_of_what_was_unknown(recorded: RecordedCluster) -> None:
    target = target_of(recorded)
    shown = {
        "CLAIM-BOUND": ok("tried: mounted"),
        "QUOTA": ok("tried"),
        "IMAGES": failure("cannot be pulled", "Argo says so", "push it"),
    }
    target.once("probe", lambda: Findings(shown, "it is removed", ok("ran")))
    before = results(CLAIM_BOUND=unknown("not checked"), QUOTA=failure("full", "full", "ask"))
    found = {each.check.code: each for each in with_probe(before, target, lambda what: "")}
    assert found["CLAIM-BOUND"].outcome == shown["CLAIM-BOUND"]
    assert found["QUOTA"].outcome.message == "full", "a failure stays"
    assert found["IMAGES"].outcome.message == "cannot be pulled"
    assert found["PROBE"].because == "IMAGES"
    assert found["PROBE"].outcome.status is Status.UNKNOWN


class Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_asks_before_the_first_time(recorded: RecordedCluster, tmp_path: Path) -> None:
    context = target_of(recorded).context

    def person(text: str) -> tuple[Terminal, io.StringIO]:
        sink = io.StringIO()
        return Terminal(Keyboard(text), sink), sink

    assert _consent("", context, person("")[0]) is None
    who, shown = person("n\n")
    consent = _consent("1", context, who)
    assert consent is not None and consent("it sends a workflow") == "nobody agreed to it"
    assert "it sends a workflow" in shown.getvalue()
    who, shown = person("y\n")
    consent = _consent("1", context, who)
    assert consent is not None and consent("it sends a workflow") == ""
    who, shown = person("")
    consent = _consent("1", context, who)
    assert consent is not None and consent("it sends a workflow") == "" and not shown.getvalue()
    other = target_of(recorded, ARGO_NAMESPACE="other").context
    with pytest.raises(UserError, match="make check-cluster PROBE=yes"):
        _consent("1", other, Terminal(io.StringIO()))
    assert _consent("yes", other, Terminal(io.StringIO())) is not None
    with pytest.raises(UserError, match="neither yes nor no"):
        _consent("maybe", other, Terminal(io.StringIO()))
