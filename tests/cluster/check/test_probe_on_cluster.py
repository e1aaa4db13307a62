"""The probe: what it shows to somebody who may do nothing in Kubernetes, and what it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from check_place import LOGS_RULE, PODS_RULE, WORKFLOW_RULE, Place, uses_claim

from hera_experiment.check.catalogue import CATALOGUE
from hera_experiment.check.outcome import Outcome, Status
from hera_experiment.check.probe.attempt import Attempt
from hera_experiment.check.probe.results import with_probe
from hera_experiment.check.runner import Result, run

SHELL_IMAGE = "python:3.13-slim"
NEEDS_A_KUBECONFIG = {
    *("KUBECONFIG-FILE", "KUBECONFIG-CONTEXT", "KUBECONFIG-CERTIFICATE", "KUBECONFIG-TOKEN"),
    *("KUBECONFIG-EXEC", "API-REACHABLE", "API-READY", "API-VERSION", "IDENTITY"),
    *("RIGHTS-TEMPLATES", "CLAIM-ACCESS"),
}
"""What is about Kubernetes itself, or cannot be tried by one small workflow."""
CLAIM = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteMany]
  storageClassName: probed
  hostPath: {{path: /var/tmp/{name}, type: DirectoryOrCreate}}
  claimRef: {{name: results, namespace: {name}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: results, namespace: {name}}}
spec:
  accessModes: [ReadWriteMany]
  storageClassName: probed
  volumeName: {name}
  resources: {{requests: {{storage: 1Gi}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: proxies, namespace: {name}}}
data: {{no_proxy: localhost}}
"""


class Probed:
    """The results of the checks and the probe, by their codes."""

    def __init__(self, results: list[Result]) -> None:
        self.results = {each.check.code: each for each in results}

    def __getitem__(self, code: str) -> Outcome:
        return self.results[code].outcome

    def having(self, status: Status) -> set[str]:
        return {code for code, each in self.results.items() if each.outcome.status is status}


@pytest.fixture
def guest(new_place: Callable[..., Place], cluster: Any) -> Iterator[Place]:
    """A place of someone who has a token for Argo's server, and no more than workflows to see."""
    place = new_place(submit=WORKFLOW_RULE + PODS_RULE + LOGS_RULE)
    cluster.kubectl(
        *("-n", place.namespace, "create", "rolebinding", "guest", "--role=guest"),
        f"--serviceaccount={place.namespace}:guest",
    )
    cluster.kubectl("-n", place.namespace, "create", "serviceaccount", "guest")
    rules = f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: guest, namespace: {place.namespace}}}
rules:
{WORKFLOW_RULE}{PODS_RULE}{LOGS_RULE}"""
    cluster.kubectl("apply", "-f", "-", text=rules)
    cluster.kubectl("apply", "-f", "-", text=CLAIM.format(name=place.namespace))
    token = cluster.token("guest", place.namespace)
    place.secrets.append(token)
    place.settings |= {"KUBECONFIG": "", "ARGO_TOKEN": f"Bearer {token}"}
    uses_claim(place, "results")
    place.settings["KUBECONFIGMAP"] = "proxies"
    place.main.update(image=SHELL_IMAGE, envFrom=[{"configMapRef": {"name": "proxies"}}])
    yield place
    cluster.kubectl("delete", "persistentvolume", place.namespace, "--wait=false")


def probed(place: Place) -> Probed:
    target = place.target()
    found = {each.check.code: each for each in run(CATALOGUE, target, limit=40)}
    results = with_probe([found[each.code] for each in CATALOGUE], target, lambda what: "")
    place.assert_no_secret(repr([(each.check.code, each.outcome) for each in results]))
    left = place.admin.kubectl("-n", place.namespace, "get", "workflows", "-o", "name")
    assert left == "", left
    return Probed(results)


def test_a_guest_sees_what_only_kubernetes_could_tell(guest: Place) -> None:
    found = probed(guest)
    assert not found.having(Status.FAILURE), found.results
    assert found.having(Status.UNKNOWN) <= NEEDS_A_KUBECONFIG, found.having(Status.UNKNOWN)
    assert found["PROBE"].status is Status.OK
    assert "ran 2 pods" in found["PROBE"].message and "it is removed" in found["PROBE"].message
    for code in ("CLAIM-BOUND", "CONFIGMAP", "IMAGES", "ACCOUNT-RESULTS", "RIGHTS-LOGS"):
        assert found[code].message.startswith("tried: ") or code == "IMAGES", found[code]
    folder = Path(f"/var/tmp/{guest.namespace}")
    # Where the node has the disk of this machine.
    assert not folder.is_dir() or not list(folder.iterdir())


BREAKS: dict[str, tuple[Callable[[Place], None], str]] = {
    "CLAIM-BOUND": (lambda place: uses_claim(place, "absent"), "'absent' is missing"),
    "CONFIGMAP": (
        lambda place: place.main.update(envFrom=[{"configMapRef": {"name": "absent"}}]),
        "'absent' is missing",
    ),
    "ACCOUNT-EXISTS": (
        lambda place: place.spec.update(serviceAccountName="absent"),
        "'absent' is missing",
    ),
    "ACCOUNT-RESULTS": (lambda place: place.spec.pop("serviceAccountName"), "not allowed"),
    "CLAIM-ACCESS": (
        lambda place: place.main.update(securityContext={"runAsUser": 65534}),
        "'results' cannot be written",
    ),
    "QUOTA": (
        lambda place: (
            place.admin.kubectl(
                *("-n", place.namespace, "create", "quota", "small", "--hard=pods=0")
            )
            and None
        ),
        "no room in 'small'",
    ),
}


@pytest.mark.parametrize("code", BREAKS)
def test_one_fault_is_the_failure_of_its_check(guest: Place, code: str) -> None:
    change, message = BREAKS[code]
    change(guest)
    found = probed(guest)
    assert found.having(Status.FAILURE) == {code}, found.results
    assert found[code].message == message and found[code].cause and found[code].advice
    assert found["PROBE"].status is Status.UNKNOWN and code in found["PROBE"].message
    if code == "ACCOUNT-RESULTS":
        guest.paste(found[code])
        assert probed(guest)[code].status is Status.OK


def test_an_image_that_no_node_can_pull(guest: Place) -> None:
    guest.main["image"] = "registry.invalid/any:1"
    found = probed(guest)
    assert found.having(Status.FAILURE) == {"IMAGES"}, found.results
    assert found["CLAIM-BOUND"].status is Status.OK


def test_an_image_without_a_shell_is_pulled_all_the_same(guest: Place, probe_image: str) -> None:
    guest.main["image"] = probe_image
    found = probed(guest)
    assert not found.having(Status.FAILURE), found.results
    assert found["ACCOUNT-RESULTS"].status is not Status.OK
    assert found["CONFIGMAP"].status is found["IMAGES"].status is Status.OK


def test_an_image_made_for_other_processors(guest: Place, cluster: Any, tmp_path: Path) -> None:
    shell = tmp_path / "image" / "sh"
    shell.parent.mkdir()
    # The head of a program for arm64 and no more: Linux says of it what it says of a whole one.
    shell.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(100))
    shell.chmod(0o755)
    (shell.parent / "Dockerfile").write_text("FROM scratch\nCOPY sh /bin/sh\n")
    name = f"{cluster['REGISTRY']}/hera-check/arm:latest"
    guest.shell(
        f"docker build -q --platform linux/arm64 -t {name} {shell.parent} && docker push -q {name}"
    )
    guest.main["image"] = name
    found = probed(guest)
    assert found.having(Status.FAILURE) == {"IMAGES"}, found.results
    assert "linux/arm64" in found["IMAGES"].message and "linux/amd64" in found["IMAGES"].cause
    assert "make build push BUILD_OPTIONS=--platform=linux/amd64" in found["IMAGES"].advice
    target = guest.target()
    shown = Attempt(target).run().outcomes["IMAGES"]
    assert "exec format error" in shown.cause and shown.advice.endswith("--platform=linux/amd64")


SCRIPT = """
import hera_utils

args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
argo_server = hera_utils.argo_server(cluster, args)
argo_server.define_argo_server_part_of_environment()

from hera.workflows import Container, Workflow

with Workflow(generate_name="try-", entrypoint="main", service_account_name="pods") as w:
    Container(name="main", image="python:3.13-slim", command=["true"])
w.create()
"""


def test_as_typed_it_asks_before_the_first_time(guest: Place, project: Any, cluster: Any) -> None:
    values = {k: v for k, v in guest.settings.items() if k.startswith("ARGO")}
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    project.write("clusters/lab.config", lines)
    project.secrets += guest.secrets
    project.write("workflow.py", SCRIPT)
    typed = ("hera_utils", "check-cluster", "--cluster=lab")
    environ = {"KUBECONFIG": ""}
    done = project.run(*typed, "--probe=1", **environ)
    assert done.status == 2 and done.err.count("\n") == 1, done.all
    assert done.err.rstrip().endswith("make check-cluster CLUSTER=lab PROBE=yes")
    done = project.run(*typed, "--probe=yes", "-o", "json", timeout=120, **environ)
    assert done.status == 0, done.all
    last = json.loads(done.out)["checks"][-1]
    assert last["code"] == "PROBE" and last["status"] == "ok", last
    done = project.run(*typed, "--probe=1", timeout=120, **environ)
    assert done.status == 0 and "√ PROBE" in done.out, "it asks once"
    done = project.run(*typed, "--probe=1", "--only=PROBE", timeout=120, **environ)
    assert done.status == 0 and "√ PROBE" in done.out and "GPU" not in done.out, done.all
