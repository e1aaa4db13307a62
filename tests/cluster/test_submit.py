"""``submit`` on the real cluster: what it checks first, and that it creates what it should."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from real_cluster import Done, Project, RealCluster

# In the manner of Nebari's users: a server and a token of its own, nothing of hera_utils.
PLAIN = """
import os, sys
from hera.shared import global_config
from hera.workflows import Container, ExistingVolume, Workflow
from hera.workflows import ConfigMapEnvFrom, SecretEnvFrom
global_config.host = "https://nebari.invalid/argo"
global_config.token = "nobody-is-to-see-this"

def make(prefix=sys.argv[1], image="python:3.13-slim", entrypoint="main", suspend=True, code="0",
         env_from=None, **given):
    with Workflow(generate_name=prefix, entrypoint=entrypoint, suspend=suspend, **given) as w:
        Container(name="main", image=image, command=["sh", "-c", "exit " + code], env_from=env_from)
    return w
"""
ACCOUNTS = """
apiVersion: v1
kind: ServiceAccount
metadata: {{name: reader, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: reader, namespace: {namespace}}}
rules:
- {{apiGroups: [argoproj.io], resources: [workflows], verbs: [get, list, watch]}}
- {{apiGroups: [""], resources: [secrets], verbs: [get]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: reader, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}}
subjects:
- {{kind: ServiceAccount, name: reader, namespace: {namespace}}}
- {{kind: ServiceAccount, name: researcher, namespace: experiments}}
"""


@dataclass
class Place:
    """A person in a project, with a namespace on the cluster."""

    project: Project
    cluster: RealCluster
    namespace: str
    prefix: str
    settings: dict[str, str]

    def submit(self, script: str, *words: str, timeout: float = 120, **environ: str) -> Done:
        """Submit ``script``; ``words`` come before its name."""
        self.project.write("script.py", PLAIN + script)
        command = ("hera_utils", "submit", *words, "script.py", self.prefix)
        return self.project.run(*command, timeout=timeout, **{**self.settings, **environ})

    @property
    def workflows(self) -> list[dict[str, Any]]:
        """The workflows that this test created."""
        found = self.cluster.kubectl("get", "workflows", "-n", self.namespace, "-o", "json")
        return [
            each
            for each in json.loads(found)["items"]
            if each["metadata"]["name"].startswith(self.prefix)
        ]

    @property
    def records(self) -> list[dict[str, Any]]:
        paths = (self.project.folder / ".hera" / "submissions").glob("*.json")
        return [json.loads(path.read_text()) for path in paths]


@pytest.fixture(scope="module")
def prepared(cluster: RealCluster, namespace: str) -> str:
    cluster.apply(ACCOUNTS.format(namespace=namespace))
    return namespace


@pytest.fixture
def place(project: Project, cluster: RealCluster, prepared: str) -> Iterator[Place]:
    settings = {
        "KUBECONFIG": cluster["KUBECONFIG"],
        "ARGO_SERVER": cluster["ARGO_SERVER"],
        "ARGO_SECURE": "false",
        "ARGO_NAMESPACE": prepared,
        "ARGO_SERVICE_ACCOUNT": "argo-user",
        "REGISTRY": cluster["REGISTRY"],
    }
    place = Place(project, cluster, prepared, f"t{secrets.token_hex(3)}-", settings)
    project.secrets.append("nobody-is-to-see-this")
    yield place
    for each in place.workflows:
        name = each["metadata"]["name"]
        cluster.kubectl("delete", "workflow", "-n", prepared, name, "--wait=false")


def test_a_script_of_anyone_is_checked_created_once_and_linked(place: Place) -> None:
    done = place.submit("w = make()\nw.create()\nprint('script:', w.name)")
    assert done.status == 0, done.err
    (workflow,) = place.workflows
    name = workflow["metadata"]["name"]
    address = f"http://{place.cluster['ARGO_SERVER']}/workflows/{place.namespace}/{name}"
    assert done.out.splitlines() == [
        f"created {name}: {address}",
        f"script: {name}",
        "follow it: make watch; its files: make results",
    ]
    assert "the script names the Argo server https://nebari.invalid/argo; http://" in done.err
    assert done.err.splitlines()[-1].startswith("√ ready to submit")
    assert workflow["metadata"]["labels"]["hera-experiment/experiment"] == "try"
    assert workflow["spec"]["serviceAccountName"] == "argo-user"
    (record,) = place.records
    assert (record["name"], record["state"]) == (name, "created")
    assert record["uid"] == workflow["metadata"]["uid"]


def test_several_workflows_are_checked_alike_once_and_each_is_created(place: Place) -> None:
    done = place.submit("for _ in range(3):\n    make().create()")
    assert done.status == 0, done.err
    assert len(place.workflows) == 3
    assert done.err.count("√ ready to submit") == 1
    assert (
        done.out.splitlines()[-1]
        == "follow it: make watch RUN=NAME; its files: make results RUN=NAME"
    )


FAULTS = {
    "ACCOUNT-EXISTS": "make(service_account_name='absent')",
    "ACCOUNT-RESULTS": "make(service_account_name='nobody')",
    "CLAIM-BOUND": "make(volumes=[ExistingVolume(name='v', claim_name='absent', mount_path='/v')])",
    "CONFIGMAP": "make(env_from=[ConfigMapEnvFrom(name='absent', optional=False)])",
    "SECRET": "make(env_from=[SecretEnvFrom(name='absent', optional=False)])",
    "PULL-SECRET": "make(image_pull_secrets=['absent'])",
    "IMAGES": "make(image=os.environ['REGISTRY'] + '/absent/image@sha256:' + '0' * 64)",
    "WORKFLOW": "make(entrypoint='absent')",
}


@pytest.mark.parametrize("code", FAULTS)
def test_what_cannot_work_is_said_and_nothing_is_created(place: Place, code: str) -> None:
    if code == "WORKFLOW":  # what lint would say first
        place.project.write("pyproject.toml", '[tool.hera_experiment.lint]\nignore = ["HE1"]\n')
    done = place.submit(f"{FAULTS[code]}.create()\nprint('the script went on')")
    assert done.status == 1, done.all
    lines = done.err.splitlines()
    shown = [number for number, line in enumerate(lines) if line.startswith(f"× {code} ")]
    assert shown, done.err
    assert [line[:1] for line in lines].count("×") == 1, "one fault, one line"
    following = lines[shown[0] + 1 : shown[0] + 3]
    assert following[0].startswith("    ") and following[1].startswith("    → "), done.err
    assert lines[-1].startswith(f"hera_utils: nothing was submitted, {code} failed: ")
    assert done.out == "" and place.workflows == [] and place.records == []


def test_who_may_only_look_is_told_which_right_is_missing(place: Place) -> None:
    token = place.cluster.token("reader", place.namespace)
    place.project.secrets.append(token)
    done = place.submit("make().create()", ARGO_TOKEN=token)
    assert done.status == 1
    assert "× RIGHTS-WORKFLOWS" in done.err and "may not create workflows" in done.err
    assert "kind: Role" in done.err and "(the lines under RIGHTS-WORKFLOWS)" in done.err
    assert place.workflows == [] and place.records == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ARGO_TOKEN": "Bearer garbage"}, "does not accept the token"),
        ({"ARGO_SERVER": "127.0.0.1:9"}, "nothing listens at http://127.0.0.1:9"),
        ({"KUBECONFIG": "absent"}, "there is no kubeconfig"),
    ],
)
def test_without_a_way_in_the_script_does_not_even_begin(
    place: Place, settings: dict[str, str], says: str
) -> None:
    done = place.submit("print('begun')\nmake().create()", **settings)
    assert done.status == 1 and done.out == ""
    assert says in done.err and done.err.count("\n") == 1
    assert place.workflows == []


def test_what_cannot_be_found_out_does_not_stand_in_the_way(place: Place) -> None:
    """As on Nebari: a token, no kubeconfig; each check of Kubernetes is unknown."""
    token = place.cluster.token("argo-user", place.namespace)
    place.project.secrets.append(token)
    done = place.submit("make().create()", ARGO_TOKEN=token, KUBECONFIG="/dev/null")
    assert done.status == 0, done.err
    last = done.err.splitlines()[-1]
    assert last.startswith("√ ready to submit; not known: ") and "KUBECONFIG-FILE" in last
    assert len(place.workflows) == 1


def test_a_dry_run_is_validated_and_creates_nothing(place: Place) -> None:
    done = place.submit("print('speaks')\nmake().create(wait=True, poll_interval=0)", "--dry_run=1")
    assert done.status == 0, done.err
    assert "Argo's server accepts it; nothing was created" in done.err and "speaks" in done.err
    document = yaml.safe_load(done.out)
    assert document["metadata"]["generateName"] == place.prefix
    assert place.workflows == [] and place.records == []
    place.cluster.kubectl("create", "--dry-run=server", "-f", "-", text=done.out)
    done = place.submit("make(entrypoint='absent').create()", "--dry_run=1")
    assert done.status == 1 and "absent" in done.err
    assert yaml.safe_load(done.out)["spec"]["entrypoint"] == "absent"
    token = place.cluster.token("reader", place.namespace)
    place.project.secrets.append(token)
    done = place.submit("make().create()", "--dry_run=1", ARGO_TOKEN=token)
    assert done.status == 1 and "cannot create resource" in done.err, "more than Argo's own rules"


def test_a_script_of_the_design_gets_other_inputs(place: Place) -> None:
    place.project.write("inputs.py", "inputs = 'usual'\n")
    place.project.write("small.py", "inputs = 'small'\n")
    script = """
import hera_utils
args = hera_utils.parse_arguments(argv=[])
cluster = hera_utils.k8s_cluster(args)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
from inputs import inputs
make(annotations={"inputs": inputs}).create()
"""
    done = place.submit(script, "--inputs", "small")
    assert done.status == 0, done.err
    (workflow,) = place.workflows
    assert workflow["metadata"]["annotations"]["inputs"] == "small"
    assert [each["inputs"] for each in place.records] == ["small"]


def test_a_submission_that_was_cut_off_is_resumed(place: Place) -> None:
    done = place.submit("make().create()")
    assert done.status == 0, done.err
    (path,) = (place.project.folder / ".hera" / "submissions").glob("*.json")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "state": "unsure", "uid": ""}))

    def resume(*words: str, **environ: str) -> Done:
        command = ("hera_utils", "submit", "--resume=1", *words)
        return place.project.run(*command, **{**place.settings, **environ})

    # Settings that name another server must not create it a second time, there.
    done = resume(ARGO_SERVER="127.0.0.1:2745")
    assert done.status == 1 and f"was submitted to {record['server']}" in done.err
    assert place.records[0]["state"] == "unsure"

    done = resume()
    assert done.status == 0, done.err
    where = f"{record['server']}workflows/{place.namespace}/{record['name']}"
    assert done.out == f"created {record['name']}: {where}\n"
    assert [each["metadata"]["uid"] for each in place.workflows] == [record["uid"]]

    # Right before the request: it was never sent.
    name = record["name"]
    place.cluster.kubectl("delete", "workflow", "-n", place.namespace, name)
    path.write_text(json.dumps({**record, "state": "unsure", "uid": ""}))
    done = resume("--run", name)
    assert done.status == 0, done.err
    assert [each["metadata"]["name"] for each in place.workflows] == [name]
    assert [each["state"] for each in place.records] == ["created"]
    done = resume()
    assert (done.status, done.out) == (0, "nothing to resume\n")


@pytest.mark.parametrize(("code", "phase"), [("0", "Succeeded"), ("3", "Failed")])
def test_waiting_ends_with_the_verdict(place: Place, code: str, phase: str) -> None:
    script = f"make(suspend=None, code='{code}').create()"
    done = place.submit(script, "--wait=1", timeout=600)
    assert done.status == (0 if phase == "Succeeded" else 1), done.all
    (workflow,) = place.workflows
    name = workflow["metadata"]["name"]
    assert workflow["status"]["phase"] == phase
    assert re.search(rf"^workflow {name}: {phase}", done.out, re.MULTILINE), done.out
    assert "follow it" not in done.out


CHAIN = """
from hera.workflows import DAG, Parameter, Task, script
from hera.workflows.models import ValueFrom

written = Parameter(name="n", value_from=ValueFrom(path="/tmp/n"))

@script(image="python:3.13-slim", outputs=[written])
def number(item):
    open("/tmp/n", "w").write(str(int(item) * 2))
    print(int(item) * 3)

@script(image="python:3.13-slim")
def add(numbers, results, run):
    import sys
    print(run, sum(map(int, numbers)), results)
    sys.exit(int(CODE))

with Workflow(generate_name=sys.argv[1], entrypoint="d") as w:
    with DAG(name="d"):
        numbers = number(name="numbers", with_items=[1, 2], arguments={"item": "{{item}}"})
        one = number(name="one", arguments={"item": "4"})
        total = add(
            name="total",
            arguments={
                "numbers": "{{tasks.numbers.outputs.parameters.n}}",
                "results": "{{tasks.one.outputs.result}}",
                "run": "{{workflow.name}}",
            },
        )
        [numbers, one] >> total
w.create()
"""


def test_goes_on_from_a_task_with_todays_code(place: Place) -> None:
    first = place.submit(CHAIN.replace("CODE", "3"), "--wait=1", timeout=300)
    assert first.status == 1, first.all
    (failed,) = place.workflows
    name = failed["metadata"]["name"]

    done = place.submit(CHAIN.replace("CODE", "0"), "--wait=1", "--from=total", timeout=300)

    assert done.status == 0, done.all
    assert f"it works in the files of {name}" in done.all
    assert f"keeps what had finished in {name}: numbers, one" in done.all
    (again,) = (each for each in place.workflows if each["metadata"]["name"] != name)
    nodes = {node["displayName"]: node for node in again["status"]["nodes"].values()}
    assert nodes["numbers"]["type"] == nodes["one"]["type"] == "Steps"
    assert nodes["one"]["outputs"]["parameters"][0]["value"] == "8"
    pods = [node for node in nodes.values() if node["type"] == "Pod"]
    assert [pod["displayName"] for pod in pods] == ["total"]
    inputs = {each["name"]: each["value"] for each in pods[0]["inputs"]["parameters"]}
    assert inputs == {"numbers": '["2","4"]', "results": "12", "run": name}

    refused = place.submit(CHAIN.replace("CODE", "0"), "--from=totl", f"--run={name}")
    assert refused.status == 1
    assert "there is no task 'totl' in the workflow: it has numbers, one, total" in refused.all
    assert len(place.workflows) == 2
