"""Each check of Argo's server and of the submission, broken in that one way and mended."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from check_front import Front, Reply
from check_place import WORKFLOW_RULE, Place, kubeconfig_text, objects_of
from test_check_kubeconfig import SCRIPT

from hera_experiment.check.capture import capture
from hera_experiment.check.outcome import Status


def test_argo_crds(place: Place, empty_api: Any, cluster: Any) -> None:
    """A Kubernetes where nobody has installed Argo; the advice's URL is that of a release."""
    empty_api.kubectl("apply", "-f", "-", text=objects_of(place.namespace))
    token = empty_api.kubectl("create", "token", "alice", "-n", place.namespace)
    place.secrets.append(token)
    authority = f"{cluster['CLUSTER_STATE']}/pki/ca.crt"
    place.kubeconfig.write_text(
        kubeconfig_text(empty_api.url, authority, {"token": token}, "alice")
    )
    outcome = place.assert_alone("ARGO-CRDS")
    assert "workflows" in outcome.cause
    place.admin_kubeconfig = str(empty_api.kubeconfig)
    url = outcome.advice.split()[-1]
    assert url.startswith("https://github.com/argoproj/argo-workflows/releases/")
    place.type(outcome, **{url: f"{cluster['CLUSTER_BIN']}/crds"})
    end = time.monotonic() + 20
    while place.check()["ARGO-CRDS"].status is not Status.OK:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_argo_reachable(place: Place, free_port_of: Callable[[], int]) -> None:
    right = place.settings["ARGO_SERVER"]
    place.settings["ARGO_SERVER"] = f"127.0.0.1:{free_port_of()}"
    outcome = place.assert_alone("ARGO-REACHABLE")
    assert "nothing listens" in outcome.cause
    assert "ARGO_SERVER in the environment" in outcome.cause
    assert outcome.advice == "correct the port, or start the server"
    place.settings["ARGO_SERVER"] = right
    place.assert_well("ARGO-REACHABLE")


@pytest.mark.parametrize(
    ("settings", "cause", "advice"),
    [
        ({"ARGO_SERVER": ""}, "no Argo server is set", "set ARGO_SERVER"),
        ({"ARGO_SERVER": "absent.invalid:443"}, "no host is named 'absent.invalid'", "correct"),
        ({"ARGO_SECURE": "true"}, "speaks plain HTTP, not TLS", "set ARGO_SECURE=false"),
        ({"ARGO_SERVER": "KUBERNETES"}, "wants TLS", "set ARGO_SECURE=true"),
        ({"ARGO_SERVER": "REGISTRY"}, "does not answer as Argo's server", "ARGO_BASE_HREF"),
        ({"ARGO_BASE_HREF": "/argo"}, "does not answer as Argo's server", "ARGO_BASE_HREF"),
        (
            {"ARGO_SERVER": "not an address"},
            "is not the address of an Argo server",
            "write host:port",
        ),
    ],
)
def test_argo_reachable_with_a_wrong_value(
    place: Place, cluster: Any, settings: dict[str, str], cause: str, advice: str
) -> None:
    others = {"KUBERNETES": cluster.api_url.partition("://")[2], "REGISTRY": cluster["REGISTRY"]}
    settings = {name: others.get(value, value) for name, value in settings.items()}
    right = {name: place.settings.get(name, "") for name in settings}
    place.settings |= settings
    outcome = place.assert_alone("ARGO-REACHABLE")
    assert cause in outcome.cause and advice in outcome.advice, outcome
    place.settings |= right
    place.assert_well("ARGO-REACHABLE")


def test_argo_reachable_behind_a_login_page(place: Place, before: Callable[..., Front]) -> None:
    page = Reply(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html>Sign in</html>")
    login = before(f"http://{place.settings['ARGO_SERVER']}", answer=lambda *_: page)
    place.settings["ARGO_SERVER"] = login.address
    outcome = place.assert_alone("ARGO-REACHABLE")
    assert "signed out or wrong path" in outcome.cause
    login.answer = None
    place.assert_well("ARGO-REACHABLE")


def test_argo_reachable_over_tls(place: Place, front: Any) -> None:
    place.settings |= {
        "ARGO_SERVER": f"localhost:{front.port}",
        "ARGO_SECURE": "true",
        "ARGO_BASE_HREF": "/argo",
    }
    outcome = place.assert_alone("ARGO-REACHABLE")
    assert "is not trusted" in outcome.cause and "REQUESTS_CA_BUNDLE" in outcome.advice
    place.settings["ARGO_INSECURE_SKIP_VERIFY"] = "true"
    report = place.check()
    assert report["ARGO-REACHABLE"].status is Status.WARNING, report.text
    assert not report.failed
    del place.settings["ARGO_INSECURE_SKIP_VERIFY"]
    place.settings["REQUESTS_CA_BUNDLE"] = str(front.authority)
    place.assert_well("ARGO-REACHABLE")


def test_nothing_answers_is_bounded_by_the_timeout(place: Place, black_hole: int) -> None:
    place.settings["ARGO_SERVER"] = f"127.0.0.1:{black_hole}"
    begin = time.monotonic()
    report = place.check(timeout=0.7)
    assert time.monotonic() - begin < 5
    assert report.failed == {"ARGO-REACHABLE"}, report.text
    assert "did not answer in time" in report["ARGO-REACHABLE"].cause


@pytest.mark.parametrize(("version", "word"), [("v3.5.14", "older"), ("v4.2.0", "newer")])
def test_argo_version(place: Place, before: Callable[..., Front], version: str, word: str) -> None:
    said = {"version": version}

    def other(method: str, path: str, reply: Reply) -> Reply:
        if path.startswith("/api/v1/version") and reply.status == 200:
            reply.body = json.dumps({**json.loads(reply.body), **said}).encode()
        return reply

    proxy = before(f"http://{place.settings['ARGO_SERVER']}", change=other)
    place.settings["ARGO_SERVER"] = proxy.address
    outcome = place.assert_alone("ARGO-VERSION")
    assert version in outcome.cause and word in outcome.cause and "3.6 to 4.1" in outcome.cause
    said["version"] = "v4.1.2"
    place.assert_well("ARGO-VERSION")


def test_argo_mode_of_a_token_of_single_sign_on(place: Place) -> None:
    place.settings["ARGO_TOKEN"] = "Bearer v2:s3cret"
    place.secrets.append("s3cret")
    outcome = place.assert_alone("ARGO-MODE")
    assert "single sign-on" in outcome.cause and "ARGO_TOKEN in the environment" in outcome.cause
    assert outcome.advice.startswith("take ARGO_TOKEN out")
    del place.settings["ARGO_TOKEN"]
    place.assert_well("ARGO-MODE")


def test_argo_mode_without_any_token(place: Place, cluster: Any) -> None:
    place.settings["KUBECONFIG"] = "/dev/null"
    outcome = place.assert_alone("ARGO-MODE")
    assert outcome.advice == "set ARGO_TOKEN: copy it from Argo's user interface, User"
    place.settings["ARGO_TOKEN"] = cluster.token("both", place.namespace)
    place.assert_well("ARGO-MODE")


def test_argo_mode_of_a_server_with_single_sign_on_alone(
    place: Place,
    before: Callable[..., Front],
    cluster: Any,
    tmp_path: Path,
    free_port_of: Callable[[], int],
) -> None:
    """The advice to the administrator is followed: --auth-mode client too."""
    issuer = before("http://127.0.0.1:9", answer=lambda *_: Reply(404, {}, b""))
    url = f"http://{issuer.address}"
    discovery = {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/keys",
    }
    found = Reply(200, {"Content-Type": "application/json"}, json.dumps(discovery).encode())
    issuer.answer = lambda *_: found
    cluster.kubectl(
        "apply",
        "-f",
        "-",
        text=f"""
apiVersion: v1
kind: Secret
metadata: {{name: client, namespace: {place.namespace}}}
stringData: {{id: argo, secret: not-much-of-one}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: workflow-controller-configmap, namespace: {place.namespace}}}
data:
  sso: |
    issuer: {url}
    clientId: {{name: client, key: id}}
    clientSecret: {{name: client, key: secret}}
    redirectUrl: http://localhost/oauth2/callback
""",
    )
    port = free_port_of()
    place.settings["ARGO_SERVER"] = f"127.0.0.1:{port}"
    nobody = tmp_path / "nobody.kubeconfig"
    nobody.write_text(kubeconfig_text(cluster.api_url, cluster.authority(tmp_path), {}))

    def start(*modes: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "argo.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    cluster.argo_program,
                    *f"server --namespace {place.namespace} --secure=false -p {port}".split(),
                    *[word for mode in modes for word in ("--auth-mode", mode)],
                    "--kubeconfig",
                    cluster["ADMIN_KUBECONFIG"],
                ],
                # In mode client the server acts with its caller's token alone.
                env={
                    "PATH": os.environ["PATH"],
                    "KUBECONFIG": str(nobody),
                },
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + 30
        # It listens before it can answer about workflows.
        while re.search("nothing listens|connection error", place.check().text):
            assert time.monotonic() < end and process.poll() is None, tmp_path
            time.sleep(0.2)
        return process

    server = start("sso")
    try:
        outcome = place.assert_alone("ARGO-MODE")
        assert "only tokens of its single sign-on" in outcome.cause
        assert "--auth-mode client" in outcome.advice
        server.terminate()
        server.wait(10)
        server = start("sso", "client")
        report = place.assert_well("ARGO-MODE")
        assert report["ARGO-MODE"].message == "client, sso"
    finally:
        server.kill()
        server.wait(10)


def test_argo_token(place: Place, cluster: Any) -> None:
    place.settings["ARGO_TOKEN"] = "s3cret-but-wrong"
    place.secrets.append("s3cret-but-wrong")
    outcome = place.assert_alone("ARGO-TOKEN")
    assert "does not accept the token" in outcome.cause
    assert "set ARGO_TOKEN to a fresh one" in outcome.advice
    fresh = cluster.token("both", place.namespace)
    place.secrets.append(fresh)
    place.settings["ARGO_TOKEN"] = f"Bearer Bearer {fresh}"
    place.assert_well("ARGO-TOKEN")


def test_argo_token_that_has_expired(place: Place, token_of: Callable[..., str]) -> None:
    place.settings["KUBECONFIG"] = ""
    place.settings["ARGO_TOKEN"] = token_of(sub="someone", exp=time.time() - 7200)
    outcome = place.assert_alone("ARGO-TOKEN")
    moment = time.strftime("%Y-%m-%d at %H:", time.localtime(time.time() - 7200))
    assert f"the token expired on {moment}" in outcome.cause


def test_argo_token_without_the_right_where_only_argo_can_tell(place: Place, cluster: Any) -> None:
    place.settings |= {
        "KUBECONFIG": "/dev/null",
        "ARGO_TOKEN": cluster.token("pods", place.namespace),
    }
    outcome = place.assert_alone("ARGO-TOKEN")
    account = f"system:serviceaccount:{place.namespace}:pods"
    assert f"{account} may not list workflows" in outcome.cause
    place.paste(outcome)
    place.assert_well("ARGO-TOKEN")


def test_script(place: Place, tmp_path: Path) -> None:
    script = tmp_path / "workflow.py"
    good = SCRIPT.replace("IMAGE", place.main["image"])
    script.write_text(good.replace("hera.workflows", "hera.workflow"))
    environ = {"PATH": os.environ["PATH"], **place.settings}
    place.find_submitted = lambda: capture(script, (), place.context(), environ)
    outcome = place.assert_alone("SCRIPT")
    assert "No module named 'hera.workflow'" in outcome.cause
    assert "make run" in outcome.advice
    script.write_text(good)
    report = place.assert_well("SCRIPT")
    assert report["ACCOUNT-EXISTS"].message == "pods"


def test_workflow(place: Place) -> None:
    place.main["args"] = ["{{inputs.parameters.absent}}"]
    outcome = place.assert_alone("WORKFLOW")
    assert "inputs.parameters.absent" in outcome.cause
    del place.main["args"]
    place.assert_well("WORKFLOW")
    assert place.admin.kubectl("-n", place.namespace, "get", "workflows", "-o", "name") == ""


TWO_AND_TEMPLATES = """
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
from hera.workflows import Container, CronWorkflow, Workflow, WorkflowTemplate
with WorkflowTemplate(name="kept", entrypoint="main") as template:
    Container(name="main", image="IMAGE", command=["/probe"])
template.create()
with Workflow(generate_name="first-", entrypoint="main") as first:
    Container(name="main", image="IMAGE", command=["/probe"])
first.create(wait=True)
with Workflow(generate_name="second-", entrypoint="main", service_account_name="second") as w:
    Container(name="main", image="IMAGE", command=["/probe", "{{inputs.parameters.absent}}"])
w.create()
from hera.workflows.models import WorkflowTemplateRef
Workflow(generate_name="third-", workflow_template_ref=WorkflowTemplateRef(name="kept")).create()
with CronWorkflow(name="nightly", entrypoint="main", schedules=["0 3 * * *"]) as cron:
    Container(name="main", image="IMAGE", command=["/probe"])
cron.create()
"""


def test_every_object_that_a_script_submits(
    new_place: Callable[..., Place], tmp_path: Path
) -> None:
    template_rule = WORKFLOW_RULE.replace("[workflows]", "[workflowtemplates]")
    place = new_place(more=template_rule)
    script = tmp_path / "workflow.py"
    script.write_text(TWO_AND_TEMPLATES.replace("IMAGE", place.main["image"]))
    environ = {"PATH": os.environ["PATH"], **place.settings}
    place.find_submitted = lambda: capture(script, (), place.context(), environ)
    report = place.check()
    assert report["SCRIPT"].message == (
        "WorkflowTemplate kept; first-…; second-…; third-…; CronWorkflow nightly"
    )
    assert report.failed == {"RIGHTS-TEMPLATES", "ACCOUNT-EXISTS", "WORKFLOW"}, report.text
    assert "cronworkflows" in report["RIGHTS-TEMPLATES"].cause
    assert "'second'" in report["ACCOUNT-EXISTS"].cause
    assert "inputs.parameters.absent" in report["WORKFLOW"].cause
    script.write_text(
        script.read_text()
        .replace(', "{{inputs.parameters.absent}}"', "")
        .replace(', service_account_name="second"', "")
    )
    outcome = place.assert_alone("RIGHTS-TEMPLATES")
    place.paste(outcome)
    report = place.assert_well("RIGHTS-TEMPLATES")
    # Its template is made by the script itself: Argo cannot tell yet.
    assert report["WORKFLOW"].status is Status.UNKNOWN, report.text
    assert "'kept', which is made first" in report["WORKFLOW"].message
    names = place.admin.kubectl(
        *f"-n {place.namespace} get workflows,workflowtemplates,cronworkflows -o name".split()
    )
    assert names == ""


@pytest.mark.parametrize("kind", ["WorkflowTemplate", "CronWorkflow"])
def test_a_script_that_submits_no_workflow(
    new_place: Callable[..., Place], tmp_path: Path, kind: str
) -> None:
    place = new_place(more=WORKFLOW_RULE.replace("[workflows]", f"[{kind.lower()}s]"))
    script = tmp_path / "workflow.py"
    of_the_kind(place, script, kind)
    report = place.assert_well("WORKFLOW")
    assert report["WORKFLOW"].message == f"{kind}: valid"
    assert report["ACCOUNT-EXISTS"].message == "pods"
    assert report["IMAGES"].message == place.main["image"]
    script.write_text(script.read_text().replace('entrypoint="main"', 'entrypoint="absent"'))
    outcome = place.assert_alone("WORKFLOW")
    assert kind in outcome.message and "absent" in outcome.cause


def test_a_template_of_the_whole_cluster(place: Place, tmp_path: Path) -> None:
    of_the_kind(place, tmp_path / "workflow.py", "ClusterWorkflowTemplate")
    report = place.check()
    outcome = report["RIGHTS-TEMPLATES"]
    assert "RIGHTS-TEMPLATES" in report.failed and "in the cluster" in outcome.cause
    place.paste(outcome)
    try:
        report = place.assert_well("RIGHTS-TEMPLATES")
        assert report["WORKFLOW"].message == "ClusterWorkflowTemplate: valid"
    finally:
        place.admin.kubectl("delete", "-f", "-", text=outcome.paste)


def of_the_kind(place: Place, script: Path, kind: str) -> None:
    """Let a script take the place of the manifest, which submits one object of ``kind``."""
    schedules = ', schedules=["0 3 * * *"]' if kind == "CronWorkflow" else ""
    script.write_text(
        f"""
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
from hera.shared import global_config
from hera.workflows import Container, {kind}
if "{kind}".startswith("Cluster"):
    global_config.namespace = None  # or Hera refuses to make one
with {kind}(name="{place.namespace}", entrypoint="main"{schedules}) as w:
    Container(name="main", image="{place.main["image"]}", command=["/probe"])
w.create()
"""
    )
    environ = {"PATH": os.environ["PATH"], **place.settings}
    place.find_submitted = lambda: capture(script, (), place.context(), environ)


def test_workflow_that_a_quota_forbids_is_the_quotas_fault(place: Place) -> None:
    place.admin.kubectl(
        *f"-n {place.namespace} create quota few --hard count/workflows.argoproj.io=0".split()
    )
    outcome = place.assert_alone("QUOTA")
    place.type(outcome)
    place.assert_well("QUOTA")


def test_a_person_without_any_right_is_told_the_rule_to_grant(
    new_place: Callable[..., Place],
) -> None:
    place = new_place(submit=WORKFLOW_RULE.replace("[workflows]", "[cronworkflows]"))
    report = place.check()
    assert report.failed == {"RIGHTS-WORKFLOWS", "RIGHTS-PODS", "RIGHTS-LOGS"}, report.text
    assert report.results["ARGO-TOKEN"].because == "RIGHTS-WORKFLOWS"
    for code in report.failed:
        place.paste(report[code])
    place.assert_well("ARGO-TOKEN")
