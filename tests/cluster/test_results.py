"""Results come home from the real cluster, whatever happens on the way, and data gets there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from polling import until
from real_cluster import Done, Project, RealCluster

from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, State

READER = "hera-experiment/reader"
IMAGE = "python:3.13-slim"
BIG = 200 << 20
# A process counts as no smaller than the one that it was forked from: let that be a small one.
MEASURED = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""

CLAIM = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {namespace}-{name}}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [{mode}]
  storageClassName: {namespace}
  claimRef: {{namespace: {namespace}, name: {name}}}
  hostPath: {{path: {path}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  accessModes: [{mode}]
  storageClassName: {namespace}
  resources: {{requests: {{storage: 1Gi}}}}
"""

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  name: {name}
  namespace: {namespace}
  labels: {{hera-experiment/experiment: try}}
spec:
  entrypoint: main
  serviceAccountName: argo-user
  volumes: [{{name: v, persistentVolumeClaim: {{claimName: {claim}}}}}]
  templates:
  - name: main
    container:
      image: {image}
      command: [sh, -c]
      args: ["mkdir -p /v/{name} && cd /v/{name} && echo 1 >a.txt && {script}"]
      volumeMounts: [{{name: v, mountPath: /v}}]
"""

UPLOAD = """
from pathlib import Path

import hera_utils
from hera_experiment.results.claim_files import upload_data
from hera_experiment.results.data_files import data_files
from hera_experiment.runs.server import open_server

workflow = {"spec": {"templates": [{"name": "a", "container": {"image": "python:3.13-slim"}}]}}
with open_server(hera_utils.parse_arguments()) as server:
    upload_data(server, data_files(Path("data")), "results", print, workflow)
"""


@dataclass
class Place:
    """A namespace with a claim whose files lie in ``volume`` on this machine."""

    cluster: RealCluster
    namespace: str
    volume: Path
    claim: str = "results"

    def kubectl(self, *arguments: str, **options: Any) -> str:
        return self.cluster.kubectl(*arguments, "--namespace", self.namespace, **options)

    def run(self, name: str, script: str = "true", claim: str = "", wait: bool = True) -> Path:
        """Run a workflow that writes below its name; return that folder."""
        claim = claim or self.claim
        self.cluster.apply(
            WORKFLOW.format(
                name=name, namespace=self.namespace, claim=claim, image=IMAGE, script=script
            )
        )
        folder = self.volume / name
        if wait:
            self.kubectl(
                "wait",
                f"workflow/{name}",
                "--for=jsonpath={.status.phase}=Succeeded",
                "--timeout=90s",
            )
        else:
            until(lambda: (folder / "a.txt").exists())
        folder.chmod(0o777)
        return folder

    def readers(self) -> list[str]:
        found = self.kubectl("get", "pods,workflows", "-l", READER, "-o", "name")
        return found.split()


def make_claim(
    cluster: RealCluster, namespace: str, volume: Path, name: str, mode: str = "ReadWriteMany"
) -> None:
    """Make a claim on the folder ``volume``, and wait until it is bound."""
    volume.mkdir(exist_ok=True)
    volume.chmod(0o777)
    cluster.apply(CLAIM.format(namespace=namespace, name=name, mode=mode, path=volume))
    cluster.wait_until_bound(name, namespace)


@pytest.fixture(scope="module")
def place(
    cluster: RealCluster, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    volume = tmp_path_factory.mktemp("volume")
    make_claim(cluster, namespace, volume, "results")
    yield Place(cluster, namespace, volume)
    cluster.kubectl("delete", "pv", f"{namespace}-results", "--wait=false")


@pytest.fixture
def ways(cluster: RealCluster, namespace: str) -> dict[str, str]:
    """How ``researcher`` reaches the cluster."""
    names = ("KUBECONFIG", "ARGO_SERVER", "ARGO_SECURE")
    found = {name: cluster[name] for name in names}
    return {**found, "ARGO_NAMESPACE": namespace, "ARGO_SERVICE_ACCOUNT": "argo-user"}


@pytest.fixture
def without_kubeconfig(
    ways: dict[str, str], cluster: RealCluster, namespace: str, project: Project
) -> dict[str, str]:
    token = cluster.token("argo-user", namespace)
    project.secrets.append(token)
    return {**ways, "KUBECONFIG": "/dev/null", "ARGO_TOKEN": token}


@pytest.fixture
def results(project: Project, ways: dict[str, str]) -> Callable[..., Done]:
    """Type ``make results``, as the verb."""

    def run(name: str, *options: str, status: int = 0, **environ: str) -> Done:
        command = ("hera_utils", "results", f"--run={name}", *options)
        done = project.run(*command, timeout=300, **{**ways, **environ})
        assert done.status == status, done.all
        return done

    return run


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def assert_home(project: Project, name: str, folder: Path) -> None:
    assert contents(project.folder / "results" / name) == contents(folder)
    assert sorted(os.listdir(project.folder / "results")) == [name]


def test_what_is_new_comes_home(
    place: Place, project: Project, results: Callable[..., Done]
) -> None:
    folder = place.run("plain", "mkdir -p deep/er empty && printf x >'deep/er/new\\nline ü'")
    (folder / "-dash").write_bytes(b"")
    (folder / "in").symlink_to("a.txt")
    (folder / "out").symlink_to("../../../../etc/passwd")
    (folder / "deep" / "away").symlink_to("/tmp")
    done = results("plain")
    assert_home(project, "plain", folder)
    here = project.folder / "results" / "plain"
    assert (here / "empty").is_dir() and os.readlink(here / "in") == "a.txt"
    assert not (here / "out").is_symlink() and not (here / "deep" / "away").is_symlink()
    assert "stay there: 'deep/away', 'out'" in done.out
    assert "results: results/plain/" in done.out
    assert "3 files to fetch" in done.err
    assert "nothing new" in results("plain").err
    (folder / "a.txt").write_text("2\n")
    assert "1 file of 3 to fetch" in results("plain").err
    assert_home(project, "plain", folder)
    until(lambda: place.readers() == [])


def test_a_big_file_passes_through_little_memory(
    place: Place, project: Project, ways: dict[str, str]
) -> None:
    folder = place.run("big")
    with (folder / "big").open("wb") as file:
        for _ in range(BIG >> 20):
            file.write(os.urandom(1 << 20))
    command = project.command("hera_utils", "results", "--run=big")
    done = project.run("python", "-c", MEASURED, *command, timeout=300, **ways)
    assert done.status == 0, done.all
    assert_home(project, "big", folder)
    # kB, of which the kubernetes package alone takes 90 000
    assert int(done.out.splitlines()[-1]) < 150_000


def test_ten_thousand_files_take_seconds(
    place: Place, project: Project, results: Callable[..., Done]
) -> None:
    folder = place.run("many")
    for number in range(10_000):
        path = folder / str(number % 100) / f"{number}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'{{"n": {number}}}')
    begin = time.monotonic()
    assert "10001 files to fetch" in results("many").err
    assert time.monotonic() - begin < 90
    assert_home(project, "many", folder)


@pytest.fixture
def halfway(
    place: Place, project: Project, ways: dict[str, str]
) -> Callable[[str], tuple[Path, subprocess.Popen[str]]]:
    """Begin to fetch; returns once some of a big file has arrived."""

    def begin(name: str) -> tuple[Path, subprocess.Popen[str]]:
        folder = place.run(name)
        with (folder / "big").open("wb") as file:
            for _ in range(160):
                file.write(os.urandom(1 << 20))
        command = project.command("hera_utils", "results", f"--run={name}")
        process = subprocess.Popen(
            command,
            cwd=project.folder,
            env={**project.environ, **ways},
            text=True,
            stderr=subprocess.PIPE,
        )
        parts = project.folder / "results" / ".parts" / name
        until(
            lambda: (
                any(each.stat().st_size > 20 << 20 for each in parts.glob("*"))
                or process.poll() is not None
            )
        )
        return folder, process

    return begin


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_the_pod_and_the_next_goes_on(
    place: Place, project: Project, halfway: Any, results: Any, number: signal.Signals
) -> None:
    name = f"left-{number.name.lower()}"
    folder, process = halfway(name)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    until(lambda: place.readers() == [])
    (part,) = (project.folder / "results" / ".parts" / name).iterdir()
    assert part.stat().st_size > 20 << 20
    before = part.stat().st_ino
    results(name)
    # The very file that waited was gone on with.
    assert (project.folder / "results" / name / "big").stat().st_ino == before
    assert_home(project, name, folder)


def test_the_next_removes_what_a_killed_client_left(
    place: Place, project: Project, halfway: Any, results: Any
) -> None:
    folder, process = halfway("killed")
    process.kill()
    process.communicate()
    (left,) = place.readers()
    pod = yaml.safe_load(place.kubectl("get", left, "-o", "yaml"))
    assert pod["spec"]["activeDeadlineSeconds"] == 3600
    assert pod["metadata"]["ownerReferences"][0]["name"] == "killed"
    assert pod["spec"]["containers"][0]["volumeMounts"][0]["readOnly"] is True
    results("killed")
    assert_home(project, "killed", folder)
    until(lambda: place.readers() == [])


def test_it_goes_on_when_its_pod_is_deleted(place: Place, project: Project, halfway: Any) -> None:
    folder, process = halfway("evicted")
    (pod,) = place.readers()
    place.kubectl("delete", pod, "--grace-period=0", "--force")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "another one goes on" in errors
    assert_home(project, "evicted", folder)
    until(lambda: place.readers() == [])


def test_only_one_at_a_time(place: Place, halfway: Any, results: Any) -> None:
    _, process = halfway("twice")
    process.send_signal(signal.SIGSTOP)
    try:
        assert "by another process" in results("twice", status=1).err
    finally:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_a_running_workflow_gives_what_is_there(
    place: Place, project: Project, results: Any
) -> None:
    # It grows by a line all the while, and is read as far as it was.
    place.run("going", "while true; do date >>log; sleep 0.02; done", wait=False)
    until(lambda: (place.volume / "going" / "log").exists())
    done = results("going")
    assert "going has not ended: this is what is there now" in done.out
    log = (project.folder / "results" / "going" / "log").read_bytes()
    assert log and (place.volume / "going" / "log").read_bytes().startswith(log)
    place.kubectl("delete", "workflow", "going", "--wait=false")


def test_a_claim_of_one_node_is_read_on_that_node(
    cluster: RealCluster, place: Place, project: Project, halfway: Any, results: Any, tmp_path: Path
) -> None:
    volume = tmp_path / "volume"
    tmp_path.chmod(0o755)
    claim = f"once-{secrets.token_hex(4)}"
    make_claim(cluster, place.namespace, volume, claim, "ReadWriteOnce")
    other = Place(cluster, place.namespace, volume, claim)
    other.run("held", "sleep 600", wait=False)
    done = results("held")
    assert contents(project.folder / "results" / "held") == contents(volume / "held")
    assert "has not ended" in done.out
    place.kubectl("delete", "workflow", "held", "--wait=false")
    cluster.kubectl("delete", "pv", f"{place.namespace}-{claim}", "--wait=false")


def test_an_image_that_cannot_read_is_said(place: Place, results: Any) -> None:
    place.run("images")
    done = results("images", "--reader-image=localhost/argoexec:v3.7.18", status=1)
    assert "no pod can read the claim 'results'" in done.err and "READER_IMAGE=IMAGE" in done.err
    done = results("images", "--reader-image=127.0.0.1:5000/there-is-none:1", status=1)
    assert "the image '127.0.0.1:5000/there-is-none:1' does not start" in done.err
    until(lambda: place.readers() == [])


def test_a_strict_namespace_takes_the_pod(
    cluster: RealCluster, place: Place, project: Project, results: Any
) -> None:
    folder = place.run("strict")
    label = "pod-security.kubernetes.io/enforce"
    cluster.kubectl("label", "namespace", place.namespace, f"{label}=restricted")
    try:
        results("strict")
    finally:
        cluster.kubectl("label", "namespace", place.namespace, f"{label}-")
    assert_home(project, "strict", folder)


@pytest.fixture
def store_secret(cluster: RealCluster, place: Place) -> Iterator[None]:
    """The artifact repository's secret in the namespace, which ``argo-user`` may read."""
    found = yaml.safe_load(
        cluster.kubectl("get", "secret", "artifact-store", "-n", "experiments", "-o", "yaml")
    )
    secret = {key: found[key] for key in ("apiVersion", "kind", "type", "data")}
    secret["metadata"] = {"name": "artifact-store", "namespace": place.namespace}
    cluster.apply(yaml.safe_dump(secret))
    yield
    place.kubectl("delete", "secret", "artifact-store")


@pytest.fixture
def may_read_secret(place: Place, store_secret: None) -> Iterator[None]:
    of = ("--resource=secrets", "--resource-name=artifact-store")
    place.kubectl("create", "role", "artifacts", "--verb=get", *of)
    account = f"--serviceaccount={place.namespace}:argo-user"
    place.kubectl("create", "rolebinding", "artifacts", "--role=artifacts", account)
    yield
    place.kubectl("delete", "role,rolebinding", "artifacts")


def test_without_a_kubeconfig_a_workflow_brings_them(
    place: Place,
    project: Project,
    results: Any,
    without_kubeconfig: dict[str, str],
    may_read_secret: None,
) -> None:
    folder = place.run("nebari", "mkdir -p deep && printf x >'deep/new\\nline ü'")
    (folder / "big").write_bytes(os.urandom(20 << 20))
    (folder / "in").symlink_to("a.txt")
    done = results("nebari", **without_kubeconfig)
    assert "there is no kubeconfig" in done.err
    assert_home(project, "nebari", folder)
    assert "nothing new" in results("nebari", **without_kubeconfig).err
    (folder / "a.txt").write_text("2\n")
    assert "1 file of 3 to fetch" in results("nebari", **without_kubeconfig).err
    assert_home(project, "nebari", folder)
    listed = project.run("hera_utils", "status", **{**without_kubeconfig})
    assert "nebari" in listed.out and "reader" not in listed.out
    until(lambda: place.readers() == [])


def test_a_signal_removes_the_reader_workflow(
    place: Place,
    project: Project,
    without_kubeconfig: dict[str, str],
    may_read_secret: None,
) -> None:
    place.run("stopped")
    command = project.command("hera_utils", "results", "--run=stopped")
    environ = {**project.environ, **without_kubeconfig}
    process = subprocess.Popen(command, cwd=project.folder, env=environ)
    until(lambda: any("workflow" in each for each in place.readers()))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    until(lambda: place.readers() == [])


def test_what_the_administrator_is_asked_for_is_what_it_takes(
    cluster: RealCluster,
    place: Place,
    project: Project,
    results: Any,
    ways: dict[str, str],
    tmp_path: Path,
    store_secret: None,
) -> None:
    folder = place.run("forbidden")
    place.kubectl("create", "serviceaccount", "student")
    verbs = "--verb=create,get,list,watch,update,delete"
    place.kubectl("create", "role", "student", verbs, "--resource=workflows.argoproj.io")
    account = f"{place.namespace}:student"
    place.kubectl(
        "create", "rolebinding", "student", "--role=student", f"--serviceaccount={account}"
    )
    token = cluster.token("student", place.namespace)
    project.secrets.append(token)
    kubeconfig = yaml.safe_load(Path(cluster["KUBECONFIG"]).read_text())
    for user in kubeconfig["users"]:
        user["user"] = {"token": token}
    path = tmp_path / "student.kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    path.chmod(0o600)
    done = results("forbidden", status=1, KUBECONFIG=str(path))
    assert "you have no right to create a pod" in done.err
    assert "does not hand the artifact over" in done.err
    assert "resourceNames: [SECRET], verbs: [get]" in done.err
    asked = re.search(r"--- to read claims by a pod[^\n]*\n(.*?)\n\n", done.err, re.DOTALL)
    assert asked, done.err
    cluster.apply(asked[1])
    results("forbidden", KUBECONFIG=str(path))
    assert_home(project, "forbidden", folder)
    until(lambda: place.readers() == [])


def test_a_run_without_results_says_so(place: Place, results: Any) -> None:
    folder = place.run("nothing")
    (folder / "a.txt").unlink()
    folder.rmdir()
    assert "nothing was written below nothing/ of the claim 'results'" in results("nothing").out


def test_a_run_that_the_cluster_has_removed_is_known_by_its_record(
    place: Place, project: Project, results: Any
) -> None:
    folder = place.run("removed")
    manifest = json.loads(place.kubectl("get", "workflow", "removed", "-o", "json"))
    place.kubectl("delete", "workflow", "removed")
    done = results("removed", status=1)
    assert "there is no run 'removed'" in done.err
    del manifest["status"]
    record = RunRecord(
        name="removed",
        namespace=place.namespace,
        cluster="",
        server="http://127.0.0.1:2746/",
        submission="0",
        state=State.CREATED,
        created="2026-11-21T09:00:00Z",
        manifest=manifest,
    )
    Records(project.folder / ".hera" / "submissions").write(record)
    done = results("removed")
    assert "has not ended" not in done.out
    assert_home(project, "removed", folder)
    assert results("removed", "--wait=1").status == 0


def test_data_is_taken_to_the_claim_when_it_changed(
    place: Place, project: Project, ways: dict[str, str], without_kubeconfig: dict[str, str]
) -> None:
    project.write("upload.py", UPLOAD)
    data = project.folder / "data"
    (data / "deep").mkdir(parents=True)
    (data / "deep" / "new\nline ü").write_text("1")
    (data / "big").write_bytes(os.urandom(20 << 20))
    there = place.volume / "data"
    there.mkdir()
    there.chmod(0o777)
    (there / "other").write_text("of someone else")

    def upload(**environ: str) -> Done:
        return project.run("python", "upload.py", timeout=120, **{**ways, **environ})

    done = upload()
    assert done.status == 0 and "2 files of data/ to copy" in done.out, done.all
    assert contents(there) == {**contents(data), "other": contents(there)["other"]}
    assert sorted(os.listdir(there)) == ["big", "deep", "other"]
    assert "is up to date" in upload().out
    (data / "deep" / "new\nline ü").write_text("2")
    assert "1 file of data/ to copy" in upload().out
    assert (there / "deep" / "new\nline ü").read_text() == "2"
    until(lambda: place.readers() == [])


def test_without_a_kubeconfig_only_unchanged_data_will_do(
    place: Place,
    project: Project,
    without_kubeconfig: dict[str, str],
    may_read_secret: None,
) -> None:
    project.write("upload.py", UPLOAD)
    (project.folder / "data").mkdir()
    (project.folder / "data" / "set.csv").write_text("1")
    (place.volume / "data").mkdir(exist_ok=True)
    (place.volume / "data" / "set.csv").write_text("1")

    def upload() -> Done:
        return project.run("python", "upload.py", timeout=120, **without_kubeconfig)

    done = upload()
    assert done.status == 0 and "is up to date" in done.out, done.all
    (project.folder / "data" / "set.csv").write_text("2")
    done = upload()
    assert done.status == 1 and "1 file of data/ changed and cannot be copied" in done.err, done.all
    assert "ask whoever can write to the claim" in done.err


@pytest.mark.parametrize("way", ["pod", "workflow"])
def test_a_run_is_deleted_with_its_files(
    place: Place,
    project: Project,
    results: Any,
    ways: dict[str, str],
    without_kubeconfig: dict[str, str],
    way: str,
) -> None:
    erased, kept = place.run(f"erased-{way}"), place.run(f"kept-{way}")
    (erased / "deep").mkdir()
    (erased / "deep" / "b").write_text("x")
    (erased / "out").symlink_to(kept)
    results(erased.name)
    environ = ways if way == "pod" else without_kubeconfig
    command = ("hera_utils", "delete", f"--run={erased.name}", "--files=1")
    done = project.run(*command, timeout=120, **environ)
    assert done.status == 1 and erased.exists(), done.all
    done = project.run(*command, "--yes=1", timeout=120, **environ)
    assert done.status == 0, done.all
    assert not erased.exists() and not (project.folder / "results" / erased.name).exists()
    assert contents(kept) == {"a.txt": contents(kept)["a.txt"]}
    assert (
        place.kubectl("get", "workflows", "-o", "name")
        .split()
        .count(f"workflow.argoproj.io/{erased.name}")
        == 0
    )
    until(lambda: place.readers() == [])
