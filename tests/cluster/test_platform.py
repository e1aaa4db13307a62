"""The platform against a real Kubernetes with Argo Workflows.

The settings come from the file that ``HERA_TEST_CLUSTER_ENV`` names, shell exports as the
test cluster writes them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from real_cluster import absent

from hera_experiment.argo.names import EXPERIMENT_LABEL
from hera_experiment.context import settings_file
from hera_experiment.errors import UserError
from hera_utils.cli_context import parse_arguments
from hera_utils.cluster import KubernetesCluster, k8s_cluster
from hera_utils.execution_platform import ExecutionPlatform
from hera_utils.server import ArgoServer, argo_server

pytestmark = pytest.mark.cluster

TEMPLATE = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}"
KUBERNETES = "the API server's own address"
ENV_FILE = Path(os.environ.get("HERA_TEST_CLUSTER_ENV", "/var/tmp/hera-experiment-cluster/env"))


@pytest.fixture(scope="module")
def settings():
    """The variables of the test cluster."""
    if not ENV_FILE.is_file():
        absent(f"no test cluster: there is no {ENV_FILE}")
    return {line.name: line.value for line in settings_file.read(ENV_FILE)}


@pytest.fixture
def context(settings, tmp_path):
    """Parse the test cluster's variables; a value of None takes one away."""

    def context(**changes):
        changed = {**settings, **changes}
        environ = {name: value for name, value in changed.items() if value is not None}
        return parse_arguments(argv=[], environ=environ, folder=tmp_path, home=tmp_path)

    return context


@pytest.fixture
def kubeconfig(settings, tmp_path):
    """Write the researcher's kubeconfig with a part of it changed, and return its path."""

    def kubeconfig(user=None, cluster=None, **top):
        document = yaml.safe_load(Path(settings["KUBECONFIG"]).read_text())
        document["users"][0]["user"].update(user or {})
        if "certificate-authority" in (cluster or {}):
            document["clusters"][0]["cluster"].pop("certificate-authority-data", None)
        document["clusters"][0]["cluster"].update(cluster or {})
        document.update(top)
        path = tmp_path / "kubeconfig.yaml"
        path.write_text(yaml.safe_dump(document))
        return str(path)

    return kubeconfig


def test_what_the_researcher_has_is_asserted(context, capsys):
    cluster = k8s_cluster(context())
    assert cluster.assert_cluster() is True
    assert cluster.assert_namespace() is True
    assert cluster.assert_volume_claim() is True
    assert cluster.assert_configmap() is True
    assert capsys.readouterr().err == ""
    assert cluster.assert_volume_claim("never-bound") is False
    assert "never-bound" in capsys.readouterr().err
    cluster.print_config()
    assert "https://" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: c.assert_volume_claim("absent"), "has no volume claim 'absent'"),
        (lambda c: c.assert_configmap("absent"), "has no ConfigMap 'absent'"),
        (lambda c: c.assert_namespace("absent"), "no namespace 'absent', or you have no right"),
        (lambda c: c.assert_namespace("kube-system"), "or you have no right in it"),
    ],
)
def test_what_the_researcher_has_not_is_one_sentence(context, call, said):
    with pytest.raises(UserError, match=said):
        call(k8s_cluster(context()))


def test_the_administrator_is_told_absent_from_forbidden(context, settings):
    cluster = k8s_cluster(context(KUBECONFIG=settings["ADMIN_KUBECONFIG"]))
    with pytest.raises(UserError, match="the cluster has no namespace 'absent'"):
        cluster.assert_namespace("absent")


def test_broken_access_is_one_sentence(context, kubeconfig, settings):
    for changes, said in (
        ({"user": {"token": "hush"}}, "does not know the user"),
        ({"cluster": {"server": "https://127.0.0.1:9"}}, "nothing listens"),
        ({"cluster": {"server": "https://no.such.invalid"}}, "no host is named"),
        ({"cluster": {"certificate-authority": "/etc/ssl/certs/ca-certificates.crt"}}, "trusted"),
        (
            {"cluster": {"server": f"https://{settings['ARGO_SERVER']}"}},
            "speaks plain HTTP, not TLS",
        ),
        ({"current-context": "absent"}, "absent"),
    ):
        with pytest.raises(UserError, match=said) as raised:
            k8s_cluster(context(KUBECONFIG=kubeconfig(**changes)))
        assert "hush" not in str(raised.value)


def test_a_requested_token_signs_in(context):
    platform = ExecutionPlatform(context(ARGO_SERVICE_ACCOUNT="argo-user"))
    assert platform.argo_server.account == "the service account 'argo-user'"
    assert platform.argo_server.client.version()["version"].startswith("v")


def test_an_account_that_may_not_is_passed_over(context):
    # 'experiment' runs pods and may not touch workflows: the kubeconfig's own user may.
    platform = ExecutionPlatform(context())
    assert platform.argo_server.account == "the user of the kubeconfig"


def test_a_namespace_in_which_nobody_may_is_named(context, kubeconfig):
    args = context(ARGO_NAMESPACE="default", ARGO_SERVICE_ACCOUNT="default")
    server = ArgoServer(KubernetesCluster(args, asserting=False), args)
    with pytest.raises(UserError) as raised:
        server.assert_accessible()
    assert "namespace 'default'" in raised.value.what and "no right" in raised.value.what
    assert raised.value.where == "ARGO_NAMESPACE in the environment"


def test_a_server_that_wants_no_token_needs_no_kubeconfig(context):
    host = "127.0.0.1:2745"
    args = context(KUBECONFIG="/dev/null", ARGO_SERVER=host, ARGO_SERVICE_ACCOUNT=None)
    assert argo_server(k8s_cluster(args), args).account == "no token"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ARGO_TOKEN": "hush"}, "does not accept the token"),
        ({"ARGO_SECURE": "true"}, "plain HTTP"),
        ({"ARGO_BASE_HREF": "/argo"}, "wrong path"),
        ({"ARGO_SERVER": "127.0.0.1:9"}, "nothing listens"),
        ({"ARGO_SERVER": KUBERNETES, "ARGO_SECURE": "true"}, "not trusted"),
        ({"ARGO_SERVER": KUBERNETES}, "want.* TLS"),
    ],
)
def test_a_wrong_setting_is_one_sentence_with_its_source(context, cluster, changes, said):
    if changes.get("ARGO_SERVER") == KUBERNETES:
        changes = {**changes, "ARGO_SERVER": cluster.api_url.partition("://")[2]}
    args = context(**changes)
    with pytest.raises(UserError, match=said) as raised:
        argo_server(k8s_cluster(args), args)
    assert "in the environment" in raised.value.where
    assert "hush" not in str(raised.value)


SCRIPT = """
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
argo_server = hera_utils.argo_server(cluster, args)
argo_server.define_argo_server_part_of_environment()
from hera.workflows import Container, Workflow
with Workflow(generate_name="platform-", entrypoint="c") as w:
    Container(name="c", image="python:3.13-slim", command=["python", "-c", "print('hello')"])
w.create()
print(w.name)
"""


def test_a_scripts_own_create_runs_on_the_cluster(settings, context, tmp_path):
    (tmp_path / "experiment.toml").write_text('[experiment]\nname="P"\nslug="population"\n')
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py", "--argo-service-account=argo-user"],
        cwd=tmp_path,
        env={**settings, "PYTHONPATH": str(TEMPLATE), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    name = done.stdout.strip()
    client = ExecutionPlatform(context(ARGO_SERVICE_ACCOUNT="argo-user")).argo_server.client
    try:
        for _, workflow in client.watch_workflows(
            settings["ARGO_NAMESPACE"], fields=f"metadata.name={name}"
        ):
            if workflow.get("status", {}).get("finishedAt"):
                break
        assert workflow["status"]["phase"] == "Succeeded"
        assert workflow["metadata"]["labels"][EXPERIMENT_LABEL] == "population"
        assert workflow["spec"]["serviceAccountName"] == "argo-user"
        assert "hello" in list(client.workflow_logs(settings["ARGO_NAMESPACE"], name))
    finally:
        client.delete_workflow(settings["ARGO_NAMESPACE"], name)
    with pytest.raises(UserError, match="not found"):
        client.get_workflow(settings["ARGO_NAMESPACE"], name)
