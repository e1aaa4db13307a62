"""Following runs on the real cluster: why pods wait or fail, their logs, and what is done to them.

Each thing is looked at with the researcher's kubeconfig, and where it can be without any.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from cutting_proxy import CuttingProxy
from polling import until
from real_cluster import Done, Project, RealCluster

from hera_experiment.follow.log_reader import LogReader, follow_logs
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.http_session import Session
from hera_experiment.runs.find import Run
from hera_experiment.runs.server import open_server
from hera_utils.cli_context import parse_arguments

IMAGE = "python:3.13-slim"

RAISING = """
print("before")
def inner():
    raise ValueError("from the cluster")
inner()
"""

TALKING = """
import sys, time
for number in range(150):
    print("out", number, flush=True)
    print("err", number, file=sys.stderr, flush=True)
    time.sleep(0.05)
"""

ODD = """
import sys
write = sys.stdout.buffer.write
write(b"raw \\xff\\xfe bytes\\n")
write(b"10%\\r50%\\r100%\\n")
write(b"L" * 100000 + b"\\n")
write("é 漢 😀\\n\\n  indented\\n".encode())
write(b"no end")
"""


def python(source: str, **more: Any) -> dict[str, Any]:
    return {"script": {"image": IMAGE, "command": ["python"], "source": source}, **more}


def container(image: str = IMAGE, **more: Any) -> dict[str, Any]:
    return {"container": {"image": image, "command": ["true"], **more}}


def mounting(volume: str) -> dict[str, Any]:
    return container(volumeMounts=[{"name": volume, "mountPath": "/x"}])


class Bench:
    """A namespace of the cluster, and a person with an experiment who looks at it."""

    def __init__(self, cluster: RealCluster, project: Project, namespace: str) -> None:
        self.cluster = cluster
        self.project = project
        self.namespace = namespace
        self.token = cluster.token("argo-user", namespace)
        project.secrets.append(self.token)

    def submit(self, templates: dict[str, dict[str, Any]], **spec: Any) -> str:
        """Start a workflow with one task a template, all at once; return its name."""
        tasks = [{"name": name, "template": name} for name in templates]
        named = [{"name": name, **template} for name, template in templates.items()]
        document = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "generateName": "follow-",
                "namespace": self.namespace,
                "labels": {"hera-experiment/experiment": "try"},
            },
            "spec": {
                "entrypoint": "main",
                "serviceAccountName": "argo-user",
                "templates": [{"name": "main", "dag": {"tasks": tasks}}, *named],
                **spec,
            },
        }
        made = self.cluster.kubectl("create", "-f", "-", "-o", "name", text=yaml.dump(document))
        return made.rpartition("/")[2]

    def with_kubeconfig(self, *words: str, timeout: float = 180) -> Done:
        settings = {name: self.cluster[name] for name in ("KUBECONFIG", "ARGO_SERVER")}
        return self._type(words, timeout, ARGO_SERVICE_ACCOUNT="argo-user", **settings)

    def with_token(self, *words: str, timeout: float = 180) -> Done:
        """As on Nebari: no kubeconfig at all."""
        server = self.cluster["ARGO_SERVER"]
        return self._type(
            words, timeout, KUBECONFIG="/dev/null", ARGO_SERVER=server, ARGO_TOKEN=self.token
        )

    def _type(self, words: tuple[str, ...], timeout: float, **settings: str) -> Done:
        settings |= {"ARGO_SECURE": "false", "ARGO_NAMESPACE": self.namespace}
        return self.project.run("hera_utils", *words, timeout=timeout, **settings)

    def status(self, name: str) -> dict[str, Any]:
        text = self.cluster.kubectl("get", "workflow", name, "-n", self.namespace, "-o", "json")
        return dict(json.loads(text).get("status") or {})

    def until(self, condition: Callable[[], Any], patience: float = 180) -> Any:
        return until(condition, patience, 1.0)

    def until_ended(self, name: str) -> None:
        self.until(lambda: self.status(name).get("finishedAt"))

    def delete_pods(self, name: str) -> None:
        selector = f"workflows.argoproj.io/workflow={name}"
        self.cluster.kubectl("delete", "pods", "-n", self.namespace, "-l", selector)


@pytest.fixture
def bench(cluster: RealCluster, project: Project, namespace: str) -> Iterator[Bench]:
    bench = Bench(cluster, project, namespace)
    yield bench
    cluster.kubectl("delete", "workflows", "--all", "-n", bench.namespace, "--wait=false")


EXPLAINED = {
    "image": "the image REGISTRY/no-such:1 cannot be pulled: the registry has no such image",
    "unbound": "the volume claim 'never-bound' is not bound",
    "noclaim": "the volume claim 'no-such-claim' does not exist",
    "cm-env": "the ConfigMap 'no-such-env' does not exist",
    "cm-key": "the ConfigMap 'settings' has no key 'nope'",
    "cm-files": "the ConfigMap 'no-such-files' does not exist",
    "secret": "the Secret 'no-such-secret' does not exist",
    "processors": "no node can take it: 1 Insufficient cpu",
    "selector": "no node can take it: 1 node(s) didn't match Pod's node affinity/selector",
}

STUCK = {
    "unbound": mounting("unbound"),
    "noclaim": mounting("noclaim"),
    "cm-env": container(envFrom=[{"configMapRef": {"name": "no-such-env"}}]),
    "cm-key": container(
        env=[{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "nope"}}}]
    ),
    "cm-files": mounting("cm-files"),
    "secret": mounting("secret"),
    "processors": container(resources={"requests": {"cpu": "500"}}),
    "selector": {"nodeSelector": {"gpu": "yes"}, **container()},
}

VOLUMES = [
    {"name": "unbound", "persistentVolumeClaim": {"claimName": "never-bound"}},
    {"name": "noclaim", "persistentVolumeClaim": {"claimName": "no-such-claim"}},
    {"name": "cm-files", "configMap": {"name": "no-such-files"}},
    {"name": "secret", "secret": {"secretName": "no-such-secret"}},
]

THERE = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: never-bound, namespace: {namespace}}}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: none
  resources: {{requests: {{storage: 1Mi}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings, namespace: {namespace}}}
data: {{known: "1"}}
"""


def test_pods_that_cannot_start_are_explained(bench: Bench) -> None:
    bench.cluster.apply(THERE.format(namespace=bench.namespace))
    registry = bench.cluster["REGISTRY"]
    why = {task: said.replace("REGISTRY", registry) for task, said in EXPLAINED.items()}
    image = container(f"{registry}/no-such:1")
    name = bench.submit({**STUCK, "image": image}, volumes=VOLUMES)
    for look in (bench.with_kubeconfig, bench.with_token):

        def explained(look: Callable[..., Done] = look) -> str:
            done = look("status", "--run", name)
            assert done.status == 0, done.err
            return done.out if all(said in done.out for said in why.values()) else ""

        tree = bench.until(explained)
        for task, said in why.items():
            row = re.escape(f"◷ {task}  ") + r"\S+  " + re.escape(said)
            assert re.search(row, tree), tree
        assert "→ 'make build push', or correct its name" in tree
        assert "→ 'make provision' makes what environment.py declares" in tree
        tasks = json.loads(look("status", "--run", name, "-o", "json").out)["tasks"]
        assert {task["name"]: task["waitsFor"] for task in tasks} == why
    # A person who watches is told without asking, once for each reason.
    bench.cluster.kubectl(
        *("patch", "workflow", name, "-n", bench.namespace, "--type=merge", "-p"),
        '{"spec":{"activeDeadlineSeconds":1}}',
    )
    watched = bench.with_kubeconfig("watch", "--run", name)
    assert watched.status == 1, watched.err
    assert f"workflow {name}: Failed" in watched.out


def test_a_watch_tells_why_a_pod_waits_before_anyone_asks(bench: Bench) -> None:
    volumes = [{"name": "files", "configMap": {"name": "missing"}}]
    # ConfigMaps as files: Argo's own message says no more than PodInitializing.
    name = bench.submit({"a": mounting("files")}, volumes=volumes)
    end = ("patch", "workflow", name, "-n", bench.namespace, "--type=merge", "-p")
    shutdown = (*end, '{"spec":{"shutdown":"Terminate"}}')
    threading.Timer(25.0, bench.cluster.kubectl, shutdown).start()
    done = bench.with_token("watch", "--run", name)
    assert done.status == 1
    assert (
        done.out.count("Pending    the ConfigMap 'missing' does not exist: 'make provision'") == 1
    )


def test_a_quota_that_is_used_up_is_named(bench: Bench) -> None:
    quota = ("quota", "small", "-n", bench.namespace)
    bench.cluster.kubectl("create", *quota, "--hard=pods=0")
    try:
        name = bench.submit({"a": container()})
        said = "the quota 'small' of the namespace is used up (asked for pods=1, "
        for look in (bench.with_kubeconfig, bench.with_token):
            bench.until(lambda look=look: said in look("status", "--run", name).out)
    finally:
        bench.cluster.kubectl("delete", *quota)


def test_a_raising_task_shows_its_trace_while_its_pod_is_there(bench: Bench) -> None:
    name = bench.submit({"fine": python("print('well')"), "bad": python(RAISING)})
    watched = bench.with_kubeconfig("watch", "--run", name)
    assert watched.status == 1, watched.err
    for text in (watched.out, bench.with_token("status", "--run", name).out):
        assert re.search(r"^bad: Failed after \S+: .*Error \(exit code 1\)$", text, re.MULTILINE)
        assert "    before\n    Traceback (most recent call last):" in text
        assert "    ValueError: from the cluster\n    its whole log: make logs" in text
        assert "sub-process exited" not in text
        assert "Error: exit status 1" not in text
    listed = bench.with_kubeconfig("status", "--all=1").out
    assert re.search(rf"^{name} +\(settings\) +Failed +1 ", listed, re.MULTILINE)

    bench.delete_pods(name)
    gone = bench.with_kubeconfig("status", "--run", name).out
    assert "its pod is gone and its log was not archived: only this message remains" in gone
    unknown = bench.with_token("status", "--run", name).out
    assert "it printed nothing, or its pod is gone: only this message remains" in unknown
    logs = bench.with_kubeconfig("logs", "--run", name)
    assert logs.status == 0 and logs.out == ""
    assert "bad: its pod is gone and its log was not archived; only its message remains" in logs.err


def test_an_account_that_may_not_report_is_told_once_with_what_to_send(bench: Bench) -> None:
    tasks = {f"t{n}": python(f"print('from task {n}')") for n in range(4)}
    name = bench.submit(tasks, serviceAccountName="default")
    watched = bench.with_token("watch", "--run", name)
    assert watched.status == 1, watched.err
    assert re.search(r"^t\d and 3 more alike: ", watched.out, re.MULTILINE), watched.out
    assert watched.out.count("is forbidden") == 1
    said, _, yaml_text = watched.out.partition("or send the administrator this\n")
    assert "the account 'default' of the pods may not report results to Argo" in said
    objects = "\n".join(line[4:] for line in yaml_text.split("\n\n")[0].splitlines())
    made = ("-n", bench.namespace, "-f", "-")
    bench.cluster.kubectl("apply", *made, text=objects)
    try:
        again = bench.submit(tasks, serviceAccountName="default")
        assert bench.with_token("watch", "--run", again).status == 0
    finally:
        bench.cluster.kubectl("delete", *made, text=objects)


def test_logs_that_were_archived_are_shown_when_the_pod_is_gone(
    cluster: RealCluster, project: Project
) -> None:
    # The artifact store is that of this namespace.
    bench = Bench(cluster, project, cluster["ARGO_NAMESPACE"])
    as_who_may = {
        "KUBECONFIG": "/dev/null",
        "ARGO_SERVER": cluster.open_argo,
        "ARGO_SECURE": "false",
        "ARGO_NAMESPACE": bench.namespace,
    }
    name = bench.submit({"odd": python(ODD), "bad": python(RAISING)}, archiveLogs=True)
    bench.until_ended(name)
    bench.delete_pods(name)
    try:
        # The researcher may not read the secret of the store, which Argo's server reads for him.
        refused = bench.with_kubeconfig("logs", "--run", name)
        assert "does not hand out the archived log" in refused.err
        assert "may read the secret of the artifact store" in refused.err
        assert refused.status == 0 and refused.out == ""
        served = project.run("hera_utils", "logs", "--run", name, **as_who_may)
        assert "bad | ValueError: from the cluster" in served.out
        assert "odd |   indented" in served.out and served.err == ""
        shown = project.run("hera_utils", "status", "--run", name, **as_who_may)
        assert "    ValueError: from the cluster" in shown.out
        assert "its pod is gone, its log was archived" in shown.out
    finally:
        cluster.kubectl("delete", "workflow", name, "-n", bench.namespace, "--wait=false")


def test_logs_are_merged_and_survive_whatever_tasks_print(bench: Bench) -> None:
    name = bench.submit({"first": python(TALKING), "second": python(TALKING), "odd": python(ODD)})
    followed = bench.with_kubeconfig("logs", "--run", name, "--follow=1", timeout=300)
    assert followed.status == 0, followed.err
    # Read as text, a carriage return is a line's end.
    lines = followed.out.split("\n")
    for task in ("first", "second"):
        own = [line.partition("| ")[2] for line in lines if line.startswith(task)]
        assert [line for line in own if line.startswith("out")] == [f"out {n}" for n in range(150)]
        assert [line for line in own if line.startswith("err")] == [f"err {n}" for n in range(150)]
    assert "odd    | 10%\n50%\n100%\n" in followed.out
    odd = [line.partition("| ")[2] for line in lines if line.startswith("odd")]
    expected = ["raw �� bytes", "10%", "L" * 100000, "é 漢 😀", "", "  indented", "no end"]
    assert odd == expected
    later = bench.with_token("logs", "--run", name)
    assert sorted(later.out.splitlines()) == sorted(followed.out.splitlines())
    one = bench.with_token("logs", "--run", name, "--task", "odd").out
    assert one.endswith("  indented\nno end\n")


def test_connections_that_break_lose_no_line(bench: Bench, project: Project) -> None:
    port = int(bench.cluster["ARGO_SERVER"].rpartition(":")[2])
    proxy = CuttingProxy(port, longest=60_000)
    context = parse_arguments(
        argv=[],
        environ={
            "KUBECONFIG": "/dev/null",
            "ARGO_SERVER": bench.cluster["ARGO_SERVER"],
            "ARGO_SECURE": "false",
            "ARGO_NAMESPACE": bench.namespace,
            "ARGO_TOKEN": bench.token,
        },
        folder=project.folder,
        home=project.folder,
    )
    with open_server(context) as server:
        session = Session(lambda: f"Bearer {bench.token}")
        server.client = ArgoClient(f"http://127.0.0.1:{proxy.port}/", session)
        name = bench.submit({"a": python(TALKING), "b": python(TALKING)})
        document = bench.cluster.kubectl(
            "get", "workflow", name, "-n", bench.namespace, "-o", "json"
        )
        run = Run(server, json.loads(document))
        lines = list(follow_logs(run, LogReader(run)))
        proxy.close()
    assert proxy.cuts > 1
    for task in ("a", "b"):
        own = [line.text for line in lines if line.task == task]
        assert [line for line in own if line.startswith("out")] == [f"out {n}" for n in range(150)]
        assert [line for line in own if line.startswith("err")] == [f"err {n}" for n in range(150)]


HANDLER = {"name": "bye", **python("print('the exit handler ran')")}
SLEEPING = python("import time\nprint('asleep', flush=True)\ntime.sleep(600)")


def test_stop_runs_the_exit_handler_and_terminate_does_not(bench: Bench) -> None:
    def handled(name: str) -> list[str]:
        nodes = bench.status(name).get("nodes", {}).values()
        return [node["phase"] for node in nodes if node["displayName"].endswith(".onExit")]

    for verb, phases in (("stop", ["Succeeded"]), ("terminate", [])):
        name = bench.submit({"sleep": SLEEPING, "bye": HANDLER}, onExit="bye")
        bench.until(lambda name=name: "Running" in str(bench.status(name)))
        unnamed = bench.with_kubeconfig(verb)
        assert unnamed.status == 1
        assert "was submitted from this folder" in unnamed.err
        assert f"RUN={name}" in unnamed.err
        done = bench.with_kubeconfig(verb, "--run", name)
        assert done.status == 0, done.err
        bench.until_ended(name)
        assert handled(name) == phases
        again = bench.with_kubeconfig(verb, "--run", name)
        assert again.status == 1 and "has ended (Failed): there is nothing to" in again.err


def test_retry_runs_the_failed_task_again_and_delete_removes_the_run(bench: Bench) -> None:
    name = bench.submit({"fine": python("print('well')"), "bad": python(RAISING)})
    bench.until_ended(name)
    before = {n["displayName"]: n["startedAt"] for n in bench.status(name)["nodes"].values()}
    done = bench.with_token("retry", "--run", name)
    assert done.status == 0 and "its failed tasks run again" in done.out
    assert bench.with_token("watch", "--run", name).status == 1
    after = {n["displayName"]: n["startedAt"] for n in bench.status(name)["nodes"].values()}
    assert after["fine"] == before["fine"]

    fine = bench.submit({"fine": python("print('well')")})
    assert bench.with_kubeconfig("watch", "--run", fine).status == 0
    done = bench.with_kubeconfig("retry", "--run", fine)
    assert done.status == 1 and "has succeeded: there is nothing to retry" in done.err

    running = bench.submit({"sleep": SLEEPING})
    asked = bench.with_kubeconfig("delete", "--run", running)
    assert asked.status == 1 and "nothing was deleted" in asked.out
    assert "it has not ended: what runs of it is ended at once" in asked.out
    done = bench.with_kubeconfig("delete", "--run", running, "--yes=1")
    assert done.status == 0, done.err
    gone = bench.with_kubeconfig("status", "--run", running)
    assert gone.status == 1 and f"there is no run '{running}'" in gone.err


def test_a_run_deleted_while_it_is_followed_ends_the_watch(bench: Bench) -> None:
    name = bench.submit({"sleep": SLEEPING})
    remove = ("delete", "workflow", name, "-n", bench.namespace, "--wait=false")
    threading.Timer(8.0, bench.cluster.kubectl, remove).start()
    done = bench.with_token("watch", "--run", name)
    assert done.status == 1
    assert f"workflow {name} was deleted while it was followed" in done.out
