"""What a person sees goes on when parts of the cluster die in mid-run."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest
from polling import until
from processes import Daemon
from real_cluster import Project, RealCluster

pytestmark = pytest.mark.disruptive

# A script of tasks that print a numbered line every second.
SCRIPT = '''
import hera_utils

args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()

from hera.workflows import DAG, Container, Parameter, RetryStrategy, Task, Workflow

COUNT = """
import time
for i in range({seconds}):
    print('{{{{inputs.parameters.task}}}}', i, flush=True)
    time.sleep(1)
"""

with Workflow(generate_name="steady-", entrypoint="main") as w:
    count = Container(
        name="count",
        image="python:3.13-slim",
        command=["python", "-c", COUNT],
        inputs=[Parameter(name="task")],
        {options}
    )
    with DAG(name="main"):
        tasks = [Task(name=n, template=count, arguments={{"task": n}}) for n in {names}]
        for one, other in zip(tasks, tasks[1:]):
            one >> other
w.create()
'''


@pytest.fixture
def at_work(project: Project, cluster: RealCluster) -> Iterator[Project]:
    names = ("ARGO_SERVER", "ARGO_NAMESPACE", "ARGO_SERVICE_ACCOUNT", "KUBECONFIG")
    lines = [f"{name}={cluster[name]}" for name in names]
    project.write("hera.config", "\n".join([*lines, "ARGO_SECURE=false"]) + "\n")
    yield project
    selector = "hera-experiment/experiment=try"
    cluster.kubectl("delete", "workflow", "-n", cluster["ARGO_NAMESPACE"], "-l", selector)


class Terminal:
    """A command that runs beside the test, and what it has printed so far."""

    def __init__(self, project: Project, *words: str) -> None:
        self._project = project
        self._file = project.folder.parent / f"{'-'.join(words[1:3])}.out"
        with self._file.open("wb") as out:
            self._process = subprocess.Popen(
                project.command(*words),
                cwd=project.folder,
                env=project.environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self) -> str:
        text = self._file.read_text(errors="replace")
        self._project.assert_no_secret(text)
        return text

    def shows(self, pattern: str, limit: float = 90.0) -> str:
        """Wait until a line matches; returns its first group, or all of the match."""
        until(lambda: bool(re.search(pattern, self.text, re.MULTILINE)), limit)
        found = re.search(pattern, self.text, re.MULTILINE)
        assert found
        return found[1] if found.re.groups else found[0]

    def ends(self, limit: float = 180.0) -> int:
        return self._process.wait(limit)


def test_kubelet_controller_and_server_die_and_nothing_is_lost(
    at_work: Project, cluster: RealCluster
) -> None:
    names = ["one", "two", "three"]
    at_work.write("steady.py", SCRIPT.format(seconds=6, names=names, options=""))
    submitted = at_work.run("hera_utils", "submit", "steady.py")
    assert submitted.status == 0, submitted.all
    found = re.search(r"\bsteady-[a-z0-9]{5}\b", submitted.out)
    assert found
    watch = Terminal(at_work, "hera_utils", "watch", "--run", found[0])
    logs = Terminal(at_work, "hera_utils", "logs", "--run", found[0], "--follow", "1")
    for name, daemon in zip(names, ("kubelet", "workflow-controller", "argo-server"), strict=True):
        logs.shows(rf"{name} 1$")
        victim = Daemon(cluster, daemon)
        victim.kill()
        victim.start()
    assert watch.ends() == 0, watch.text
    assert logs.ends() == 0, logs.text
    for name in names:
        assert len(re.findall(rf"^Succeeded +{name}\b", watch.text, re.MULTILINE)) >= 1, watch.text
    assert f"workflow {found[0]}: Succeeded" in watch.text
    assert "Traceback" not in watch.text + logs.text
    lines = re.findall(r"(one|two|three) (\d+)$", logs.text, re.MULTILINE)
    assert lines == [(name, str(i)) for name in names for i in range(6)], logs.text


def lose_the_pod(cluster: RealCluster, name: str) -> None:
    """Delete the pod of a workflow when its task has begun, as a node does that is drained."""
    where = ("-n", cluster["ARGO_NAMESPACE"])
    selector = f"workflows.argoproj.io/workflow={name}"
    pods = ("get", "pods", *where, "-l", selector, "-o", "jsonpath={.items[*].metadata.name}")
    until(lambda: bool(cluster.kubectl(*pods)))
    pod = cluster.kubectl(*pods)
    log = ("logs", pod, *where, "-c", "main")
    # A pod that goes before, Argo makes anew in silence.
    until(lambda: "one 1" in cluster.kubectl(*log, check=False))
    cluster.kubectl("delete", "pod", *where, pod, "--wait=false")


def test_a_pod_that_is_deleted_is_tried_again_and_both_are_told(
    at_work: Project, cluster: RealCluster
) -> None:
    options = 'retry_strategy=RetryStrategy(limit=2, retry_policy="Always"),'
    at_work.write("steady.py", SCRIPT.format(seconds=5, names=["one"], options=options))
    watch = Terminal(at_work, "hera_utils", "submit", "--wait", "1", "steady.py")
    name = watch.shows(r"\b(steady-[a-z0-9]{5})\b")
    lose_the_pod(cluster, name)
    assert watch.ends() == 0, watch.text
    where = ("-n", cluster["ARGO_NAMESPACE"], "-o", "json")
    nodes = json.loads(cluster.kubectl("get", "workflow", name, *where))["status"]["nodes"]
    attempts = sum(node["type"] == "Pod" for node in nodes.values())
    # Argo makes some lost pods anew within the same attempt; what is told is what it counts.
    told = "" if attempts == 1 else rf"  {attempts} attempts"
    assert re.search(rf"^└─ ✔ one  \S+{told}$", watch.text, re.MULTILINE), watch.text
    assert f"workflow {name}: Succeeded" in watch.text
