"""Any cluster by its kubeconfig: what ``kind/prepare.py`` makes there is what the tests expect."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from real_cluster import Done, Project, RealCluster, read_env

KIND = Path(__file__).with_name("kind")

SCRIPT = """
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
cluster.assert_volume_claim()
cluster.assert_configmap()
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
from hera.workflows import Container, Workflow
with Workflow(generate_name="try-", entrypoint="main", suspend=True) as w:
    Container(name="main", image="python:3.13-slim", command=["true"])
w.create()
print("created", w.name)
"""


def prepare(cluster: RealCluster, *options: str) -> str:
    command = [sys.executable, str(KIND / "prepare.py"), "--argo-server", cluster["ARGO_SERVER"]]
    command += ["--kubeconfig", cluster["ADMIN_KUBECONFIG"], *options]
    path = f"{cluster.kubectl_folder}:{os.environ['PATH']}"
    done = subprocess.run(
        command, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prepared(
    cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealCluster]:
    """The same cluster as one who has nothing but an administrator's kubeconfig sees it."""
    name = f"hera-kind-{secrets.token_hex(4)}"
    folder = tmp_path_factory.mktemp("prepared")
    here = ("--namespace", name, "--registry", cluster["REGISTRY"], "--folder", str(folder))
    last = prepare(cluster, *here).splitlines()[-1]
    assert last == f"export HERA_TEST_CLUSTER_ENV={folder}/env"
    assert prepare(cluster, *here).splitlines()[-1] == last, "it can be done again"
    yield read_env(folder / "env")
    prepare(cluster, "--namespace", name, "--remove")
    left = cluster.kubectl("get", "namespaces,persistentvolumes", "-o", "name", "--no-headers")
    gone = ("delete", "--ignore-not-found", f"namespace/{name}", f"persistentvolume/{name}-results")
    assert f"persistentvolume/{name}-results" not in left, cluster.kubectl(*gone, check=False)


def type_there(project: Project, prepared: RealCluster, *command: str, **changes: str) -> Done:
    return project.run(*command, **{**prepared.settings, **changes})


def test_the_researcher_may_submit_and_no_more(project: Project, prepared: RealCluster) -> None:
    project.write("submit.py", SCRIPT)
    done = type_there(project, prepared, "python", "submit.py", KUBEVOLUMECLAIMNAME="results")
    assert done.status == 0, done.err
    name = done.out.split()[-1]
    where = ("-n", prepared["ARGO_NAMESPACE"])
    assert prepared.kubectl("get", "workflow", name, *where, "-o", "name").endswith(name)
    as_researcher = ["--kubeconfig", prepared["KUBECONFIG"], "get", "nodes"]
    assert prepared.kubectl(*as_researcher, check=False) == ""


def test_check_cluster_finds_all_well_but_in_the_half_configured_namespace(
    project: Project, prepared: RealCluster
) -> None:
    project.write("workflow.py", SCRIPT.replace("cluster.assert", "# cluster.assert"))
    done = type_there(project, prepared, "hera_utils", "check-cluster")
    assert not re.search(r"^×", done.out, re.MULTILINE), done.out
    faulty = {"ARGO_NAMESPACE": prepared.half_configured, "KUBEVOLUMECLAIMNAME": ""}
    done = type_there(project, prepared, "hera_utils", "check-cluster", KUBECONFIGMAP="", **faulty)
    failed = re.findall(r"^× ([A-Z-]+) ", done.out, re.MULTILINE)
    assert failed == ["ACCOUNT-RESULTS"], done.out


def test_what_only_a_cluster_of_ones_own_offers_is_skipped_by_name(
    prepared: RealCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    for name in ("CLUSTER_STATE", "CLUSTER_BIN"):
        with pytest.raises(pytest.skip.Exception, match=f"{name} is not in its env file"):
            prepared[name]
        claimed = RealCluster({**prepared.settings, name: "/absent"}, prepared.env_file)
        with pytest.raises(pytest.fail.Exception, match="which is not there"):
            claimed[name]
    with pytest.raises(pytest.skip.Exception, match="wants no token"):
        _ = prepared.open_argo
    assert prepared.api_url.startswith("https://")


def test_the_files_for_kind_are_what_kind_and_kubectl_read() -> None:
    config = yaml.safe_load((KIND / "kind.yaml").read_text())
    (mapping,) = config["nodes"][0]["extraPortMappings"]
    service = yaml.safe_load((KIND / "argo-service.yaml").read_text())
    (port,) = service["spec"]["ports"]
    assert mapping["containerPort"] == mapping["hostPort"] == port["nodePort"]
    up = (KIND / "up").read_text()
    assert f"--argo-server 127.0.0.1:{port['nodePort']}" in up
    subprocess.run(["bash", "-n", str(KIND / "up")], check=True)
    patch = yaml.safe_load((KIND / "argo-server.yaml").read_text())
    assert [each["op"] for each in patch] == ["replace", "replace"]
