"""What pods use is asked of the metrics server while a run is followed, and kept as samples."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from fake_server import Answer, FakeServer
from polling import until
from test_platform_kubernetes_cluster import document, status

from hera_experiment.account.account import account_of
from hera_experiment.argo.tasks import pod_name_of, utc_now
from hera_experiment.argo.usage import usage_of
from hera_experiment.experiment import Experiment
from hera_experiment.follow.display import LogDisplay
from hera_experiment.follow.run import follow
from hera_experiment.follow.samples import PodSampler
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, State
from hera_experiment.runs.find import Run
from hera_experiment.runs.server import Server

NODE = {"id": "wf-1", "name": "wf.a", "type": "Pod", "templateName": "a", "phase": "Running"}
NODE |= {"startedAt": "2026-11-26T10:00:00Z"}
WORKFLOW = {
    "metadata": {"name": "wf", "namespace": "n", "resourceVersion": "1"},
    "spec": {"templates": [{"name": "a", "container": {"image": "x"}}]},
    "status": {"phase": "Running", "nodes": {"wf-1": NODE}},
}
POD = pod_name_of(WORKFLOW, NODE)
ENDED = {
    **WORKFLOW,
    "metadata": {**cast("dict[str, Any]", WORKFLOW["metadata"]), "resourceVersion": "2"},
    "status": {
        "phase": "Succeeded",
        "startedAt": "2026-11-26T10:00:00Z",
        "finishedAt": "2026-11-26T10:00:20Z",
        "nodes": {"wf-1": {**NODE, "phase": "Succeeded", "finishedAt": "2026-11-26T10:00:20Z"}},
    },
}


def metrics(moment: str, memory: str, cpu: str = "250m") -> dict[str, Any]:
    """Return a list of PodMetrics as metrics-server 0.7 answers, of one pod."""
    containers = [
        {"name": "main", "usage": {"cpu": cpu, "memory": memory}},
        {"name": "wait", "usage": {"cpu": "9", "memory": "9Gi"}},
    ]
    pod = {
        "metadata": {"name": POD, "namespace": "n", "labels": {}, "creationTimestamp": moment},
        "timestamp": moment,
        "window": "16.5s",
        "containers": containers,
    }
    return {
        "kind": "PodMetricsList",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {},
        "items": [pod, {"metadata": {"name": "other"}}],
    }


@pytest.fixture
def run(fake: FakeServer, parse: Callable[..., Any], tmp_path: Path) -> Run:
    path = tmp_path / "kubeconfig.yaml"
    path.write_text(yaml.safe_dump(document(fake.url)))
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "T"\nslug = "t"\n')
    experiment = Experiment.load(tmp_path)

    def watch(*_: object, **__: object) -> Iterator[tuple[str, dict[str, Any]]]:
        # Not before the metrics server was asked.
        until(lambda: bool(fake.asked))
        yield "MODIFIED", ENDED

    client = SimpleNamespace(watch_workflows=watch, url="http://argo/")
    client.workflow_logs = lambda *_, **__: iter(["done"])
    server = SimpleNamespace(label="lyon", is_local=False, client=client, namespace="n")
    server.cluster = KubernetesAccess(parse(k8s_config_file=str(path), argo_namespace="n"))
    server.context = SimpleNamespace(experiment=experiment, is_local=False)
    record = RunRecord("wf", "n", "lyon", "", "s1", State.CREATED, "2026-11-26T10:00:00Z", {})
    Records.of(experiment).write(record)
    return Run(cast("Server", server), WORKFLOW, record)


def test_the_most_that_was_seen_is_kept(run: Run, fake: FakeServer) -> None:
    answers = [
        Answer(metrics("2026-11-26T10:00:15Z", "100Mi")),
        Answer(metrics("2026-11-26T10:00:15Z", "100Mi")),
        status(503, "the server is currently unable to handle the request"),
        Answer(metrics("2026-11-26T10:00:30Z", "80000Ki", "1000000000n")),
    ]
    fake.answer = lambda asked: answers.pop(0)
    sampler = PodSampler.of(run)
    assert sampler is not None and all(sampler.sample() for _ in range(4))
    assert fake.asked[0].path == (
        "/apis/metrics.k8s.io/v1beta1/namespaces/n/pods"
        "?labelSelector=workflows.argoproj.io%2Fworkflow%3Dwf"
    )
    seen = {"cpu": 16.5 * 1.25, "memory": 100 << 20, "every": 15, "count": 2}
    assert sampler.by_node(WORKFLOW) == {"wf-1": seen}


def test_a_run_that_is_followed_has_them_in_its_account(run: Run, fake: FakeServer) -> None:
    fake.answer = lambda asked: Answer(metrics("2026-11-26T10:00:15Z", "100Mi"))
    sampler = PodSampler.of(run)
    assert sampler is not None and sampler.sample()
    records = Records.of(run.server.context.experiment)
    assert run.record is not None
    records.keep_samples(run.record, sampler.by_node(WORKFLOW))
    # What is seen of it later is no more than that.
    fake.answer = lambda asked: Answer(metrics("2026-11-26T10:00:30Z", "1Mi", "0"))
    fake.asked.clear()
    assert follow([run], LogDisplay(io.StringIO()), patience=5, now=utc_now) == 0
    assert any("metrics.k8s.io" in each.path for each in fake.asked)
    run.workflow = ENDED
    usage = usage_of(account_of(run, files=False).workflow["status"]["nodes"]["wf-1"])
    assert (usage.memory, usage.cpu, usage.sampled) == (100 << 20, 16.5 / 4, 15)
    assert usage.began is not None
    records.remove("wf")
    assert not list(records.folder.iterdir())


@pytest.mark.parametrize("code", [403, 404, 503])
def test_where_there_is_no_metrics_server_one_question_is_all(
    run: Run, fake: FakeServer, code: int
) -> None:
    fake.answer = lambda asked: status(code, "the server could not find the requested resource")
    out = io.StringIO()
    assert follow([run], LogDisplay(out), patience=5, now=utc_now) == 0
    asked = [each for each in fake.asked if "metrics" in each.path]
    assert len(asked) == 1 and "metric" not in out.getvalue()
    usage = usage_of(account_of(run, files=False).workflow["status"]["nodes"]["wf-1"])
    assert (usage.memory, usage.sampled) == (None, None)
