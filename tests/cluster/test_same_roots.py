"""Tasks in file systems of their own: what they see and leave behind is what pods see and leave.

Every workflow runs on Argo once, and on this machine in each runtime that gives a task a root.
Those below ``workflows/roots`` report what their tasks saw; those that mount the claim ``results``
have it listed in the end, with modes, sizes and content.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from both_sides import NAMESPACE, WORKFLOWS, Ahead, Argo, Json, Local, finished, manifest
from comparison import differences
from real_cluster import RealCluster

RUNTIMES = ("bubblewrap", "docker")
NAMES = sorted(f"roots/{path.stem}" for path in (WORKFLOWS / "roots").glob("*.yaml"))
# Cases of tests/fidelity in which what a container does matters.
NAMES += [
    "expressions/expressions",
    "failures/command_not_found",
    "failures/failure",
    "failures/single_failure",
    "loops/numbers",
    "loops/with_items",
    "parameters/fixed_output",
    "parameters/long_argument",
    "parameters/missing_output",
    "parameters/output_parameters",
    "parameters/variables",
    "pods/single_pod",
    "retries/retry",
    "steps/fail_fast_steps",
]
COMMON = yaml.safe_load((WORKFLOWS / "roots.yml").read_text())
OBJECT = "same-roots"


@dataclass(frozen=True)
class Known:
    """Differences that stay, in workflows of that ``name``: those that match ``what``, and why."""

    name: str
    what: str
    why: str
    runtimes: tuple[str, ...] = RUNTIMES


ONE_USER = (
    "a user namespace of one user has one owner: all else is his, and he can give nothing away"
)
NOT_ASKED = "what is written in a claim is to belong to who runs the engine, whoever a pod is"
INSIDE = ("bubblewrap",)
DOCKER = ("docker",)
KNOWN = (
    Known(
        "modes", "make.outputs.umask", "Argo's executor takes the umask away: 0000, ours is 0022"
    ),
    Known("environment_variables", "script.outputs.names", "the executor's own variables"),
    Known("environment_variables", "PWD='/'", "bubblewrap says where a program starts", INSIDE),
    Known("environment_variables", "LANG='C.UTF-8'", "stock Python's image sets it", INSIDE),
    Known("environment_variables", "LC_CTYPE='C.UTF-8'", "set by Python where LANG is not", INSIDE),
    Known("exit_codes", r"folder\.message", "execve says less of a folder than Go does"),
    Known("exit_codes", r"folder\.(message|outputs)", "as execve says it", DOCKER),
    Known("links_out", r"of-claim\.message", "what is not taken is said in a sentence of its own"),
    Known(
        "outputs_everywhere", r"folder\.", "a folder as an output: Argo's executor fails to copy"
    ),
    Known("folders", "(?i)activate", "the machine's environment is seen at /usr/local", INSIDE),
    Known("devices", "sys/kernel/hostname", "it is the task's own, and may be changed", INSIDE),
    Known("memory", "/dev/shm/program", "bubblewrap has no noexec", INSIDE),
    Known("nested_mounts", r"one\.ini", "what a file is mounted on has another mode", INSIDE),
    Known("capabilities", "chown|mknod|NoNewPrivs", ONE_USER, INSIDE),
    Known("who", "chown", ONE_USER, INSIDE),
    Known("run_as_user", "outputs|SpecWarning", ONE_USER, INSIDE),
    Known("run_all_as_user", "outputs|SpecWarning", ONE_USER, INSIDE),
    Known("run_as_user", "", NOT_ASKED, DOCKER),
    Known("run_all_as_user", "", NOT_ASKED, DOCKER),
)


def listed(name: str) -> Json:
    """Return a workflow; in the end it lists the claim that it mounts, if it does."""
    workflow = manifest(name)
    spec = workflow["spec"]
    if any("persistentVolumeClaim" in volume for volume in spec.get("volumes") or ()):
        common = copy.deepcopy(COMMON)
        spec["volumes"].append(common["volume"])
        spec["templates"].append(common["template"])
        spec["onExit"] = common["template"]["name"]
    return workflow


MANIFESTS = {name: listed(name) for name in NAMES}


@pytest.fixture(scope="module")
def objects(cluster: RealCluster) -> Iterator[None]:
    """Make the ConfigMap and the Secret that the workflows mount, in the cluster."""
    metadata = {"name": OBJECT, "namespace": NAMESPACE}
    secret = {k: base64.b64encode(_bytes(v)).decode() for k, v in COMMON["secret"].items()}
    for kind, data in (("ConfigMap", COMMON["objects"]), ("Secret", secret)):
        cluster.apply(
            json.dumps({"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data})
        )
    yield
    cluster.kubectl("delete", "-n", NAMESPACE, f"configmap/{OBJECT}", f"secret/{OBJECT}")


@pytest.fixture(scope="module")
def ahead(argo: Argo, objects: None, cluster: RealCluster) -> Iterator[Ahead]:
    yield Ahead(argo, MANIFESTS)
    if folder := cluster.settings.get("CLUSTER_STATE"):
        for name in argo.created:
            shutil.rmtree(Path(folder) / "volume" / name, ignore_errors=True)


@pytest.fixture(scope="module")
def ended(ahead: Ahead, argo: Argo) -> Callable[[str], Json]:
    """Return how a workflow ended on Argo; it runs there once, whatever it is compared with."""
    known: dict[str, Json] = {}

    def wait(name: str) -> Json:
        if name not in known:
            known[name] = argo.wait(ahead.create(name), finished)
        return copy.deepcopy(known[name])

    return wait


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Local]]:
    """Return the local engine of a runtime, with the claim, the ConfigMap and the Secret."""
    made: dict[str, Local] = {}

    def get(runtime: str) -> Local:
        if runtime not in made:
            made[runtime] = local = Local(tmp_path_factory.mktemp(runtime), runtime)
            # The cluster's claim is everybody's, and so is what the kubelet makes in it.
            local.store.objects.put("persistentvolumeclaims", "results").chmod(0o777)
            for kind, values in (("configmaps", COMMON["objects"]), ("secrets", COMMON["secret"])):
                local.store.objects.put(kind, OBJECT, {k: _bytes(v) for k, v in values.items()})
        return made[runtime]

    yield get
    for local in made.values():
        local.close()


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", NAMES)
def test_a_task_sees_and_leaves_what_a_pod_does(
    name: str, runtime: str, ended: Callable[[str], Json], engines: Callable[[str], Local]
) -> None:
    local = engines(runtime)
    here = local.wait(local.create(MANIFESTS[name]), finished)
    there = ended(name)
    assert there["status"]["nodes"], "nothing was compared"
    known = [
        each.what for each in KNOWN if f"roots/{each.name}" == name and runtime in each.runtimes
    ]
    found = differences(there, here)
    assert [each for each in found if not any(re.search(what, each) for what in known)] == []
    # What is the same by now is no longer known to differ.
    assert bool(found) == bool(known), known
