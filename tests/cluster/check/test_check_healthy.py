"""What the checks say where all is well, and where there is no kubeconfig."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from check_place import Place

from hera_experiment.check.catalogue import CATALOGUE
from hera_experiment.check.outcome import Status

UNKNOWN_TO_A_RESEARCHER = {"TAINTS"}
"""A researcher has no right to list nodes."""

THROUGH_ARGO = {"ARGO-REACHABLE", "ARGO-VERSION", "ARGO-MODE", "ARGO-TOKEN", "SCRIPT", "WORKFLOW"}
NEEDS_NO_CLUSTER = {"REGISTRY-REACHABLE", "REGISTRY-SIGNED-IN", "IMAGES", "ARTIFACTS", "GPU"}


@pytest.fixture
def researcher(place: Place, cluster: Any) -> Place:
    """The researcher of the test cluster's own settings, in ``experiments``."""
    names = "KUBECONFIG ARGO_NAMESPACE ARGO_SERVICE_ACCOUNT KUBEVOLUMECLAIMNAME KUBECONFIGMAP"
    place.settings |= {name: cluster[name] for name in names.split()}
    place.namespace = cluster["ARGO_NAMESPACE"]
    place.manifest["metadata"]["namespace"] = place.namespace
    place.spec["serviceAccountName"] = cluster["ARGO_SERVICE_ACCOUNT"]
    return place


def test_a_researcher_sees_all_but_the_nodes(researcher: Place) -> None:
    report = researcher.check()
    assert report.unknown == UNKNOWN_TO_A_RESEARCHER
    assert not report.failed and not report.having(Status.WARNING), report.text
    assert report.status == 0
    assert report.text.splitlines()[-2].endswith("√ ready to submit; not known: TAINTS")


def test_the_pods_account_without_its_right_is_the_one_fault_of_half_configured(
    researcher: Place, cluster: Any
) -> None:
    faulty = cluster.half_configured
    researcher.settings["ARGO_NAMESPACE"] = researcher.namespace = faulty
    del researcher.settings["KUBEVOLUMECLAIMNAME"], researcher.settings["KUBECONFIGMAP"]
    researcher.manifest["metadata"]["namespace"] = faulty
    outcome = researcher.assert_alone("ACCOUNT-RESULTS")
    assert "workflowtaskresults" in outcome.paste and faulty in outcome.paste


def test_a_fresh_place_is_well(place: Place) -> None:
    report = place.check()
    assert report.unknown == UNKNOWN_TO_A_RESEARCHER, report.text
    assert not report.failed


@pytest.mark.parametrize("kubeconfig", ["", "/dev/null"])
def test_without_a_kubeconfig_what_goes_through_argo_is_checked_and_the_rest_unknown(
    place: Place, cluster: Any, kubeconfig: str
) -> None:
    token = cluster.token("both", place.namespace)
    place.secrets.append(token)
    place.settings |= {"KUBECONFIG": kubeconfig, "ARGO_TOKEN": f"Bearer {token}"}
    report = place.check()
    assert report.having(Status.OK) == THROUGH_ARGO | NEEDS_NO_CLUSTER, report.text
    rest = {each.code for each in CATALOGUE} - THROUGH_ARGO - NEEDS_NO_CLUSTER
    assert report.unknown == rest
    assert report.status == 0


def test_an_open_server_is_a_warning(place: Place, cluster: Any) -> None:
    place.settings["ARGO_SERVER"] = cluster.open_argo
    report = place.check()
    assert report["ARGO-MODE"].status is Status.WARNING
    assert not report.failed and report.status == 0, report.text


def test_nothing_is_kept_on_the_cluster(place: Place) -> None:
    kinds = "workflows,pods,serviceaccounts,roles,rolebindings,configmaps,secrets,pvc"
    before = place.admin.kubectl("-n", place.namespace, "get", kinds, "-o", "name")
    assert not place.check().failed
    assert place.admin.kubectl("-n", place.namespace, "get", kinds, "-o", "name") == before


def test_the_command_as_typed(researcher: Place, project: Any, cluster: Any) -> None:
    project.environ |= {k: v for k, v in researcher.settings.items() if k != "HOME"}
    project.write("workflow.py", SCRIPT.replace("IMAGE", researcher.main["image"]))
    done = project.run("hera_utils", "check-cluster")
    assert done.status == 0, done.all
    assert "ready to submit" in done.out.splitlines()[-2]
    done = project.run("hera_utils", "check-cluster", "-o", "json")
    document = json.loads(done.out)
    codes = [each["code"] for each in document["checks"]]
    assert codes == [each.code for each in CATALOGUE]
    assert document["exit"] == done.status == 0
    assert {each["status"] for each in document["checks"]} == {"ok", "unknown"}
    assert done.err == ""


SCRIPT = """
import hera_utils

args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
argo_server = hera_utils.argo_server(cluster, args)
argo_server.define_argo_server_part_of_environment()

from hera.workflows import Container, Workflow

with Workflow(generate_name="try-", entrypoint="main") as w:
    Container(name="main", image="IMAGE", command=["/probe"])
w.create()
"""


def test_a_script_that_reads_the_environment_by_itself(
    place: Place, project: Any, cluster: Any
) -> None:
    token = cluster.token("both", place.namespace)
    project.secrets.append(token)
    project.write(
        ".env",
        f"""
ARGO_SERVER='{cluster["ARGO_SERVER"]}'
ARGO_HTTP1=true
ARGO_SECURE=false
ARGO_TOKEN='Bearer {token}'
ARGO_NAMESPACE=argo ;# or whatever your namespace is
KUBECONFIG=/dev/null ;# recommended
GLOBAL_CONFIG_HOST='{cluster["ARGO_SERVER"]}'
GLOBAL_CONFIG_NAMESPACE='{place.namespace}'
""",
    )
    project.write("own.py", NEBARI)
    done = project.run("hera_utils", "check-cluster", "own.py")
    assert done.status == 0, done.all
    assert "√ WORKFLOW" in done.out


NEBARI = """
import os
from hera.shared import global_config
from hera.workflows import DAG, Workflow, script

global_config.token = os.environ["ARGO_TOKEN"].replace("Bearer ", "")
global_config.host = os.environ["GLOBAL_CONFIG_HOST"]
global_config.namespace = os.environ["GLOBAL_CONFIG_NAMESPACE"]

@script()
def hello_world():
    print("Hello World!")

with Workflow(generate_name="fv-test-", entrypoint="my-dag") as w:
    with DAG(name="my-dag"):
        hello_world()

w.create(wait=True)
"""


def test_the_profile_and_its_lines_are_named(place: Place, project: Any, tmp_path: Path) -> None:
    values = {k: v for k, v in place.settings.items() if k not in ("HOME", "DOCKER_CONFIG")}
    lines = [f"{name}={value}" for name, value in values.items()]
    project.write("clusters/mine.config", "\n".join([*lines, "KUBECONFIGMAP=absent"]) + "\n")
    project.write("workflow.py", SCRIPT.replace("IMAGE", place.main["image"]))
    done = project.run("hera_utils", "check-cluster", "--cluster", "mine")
    assert done.status == 1, done.all
    assert f"KUBECONFIGMAP from ./clusters/mine.config, line {len(lines) + 1}" in done.out
