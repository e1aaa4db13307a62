"""Checks of Argo's server and of what is submitted to it, each broken and mended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from recorded_cluster import SECRET, RecordedCluster
from test_checks_kubeconfig import token

from hera_experiment.argo.objects import KINDS, Captured, Submitted
from hera_experiment.check.outcome import CannotTell
from hera_experiment.errors import UserError

VERSION = "GET /api/v1/version"
LIST = "GET /api/v1/workflows/experiments"
CREATE = "POST /api/v1/workflows/experiments"
INSTALLED = "GET /apis/argoproj.io/v1alpha1"


def test_argo_crds(recorded: RecordedCluster) -> None:
    assert recorded.ok("ARGO-CRDS") == "argoproj.io/v1alpha1"
    recorded.kubernetes.change(INSTALLED, resources=[{"name": "workflows"}])
    failed = recorded.failure("ARGO-CRDS")
    assert "has no workflowtaskresults, workflowtasksets, workflowtemplates" in failed.cause
    assert "install.yaml" in failed.advice
    recorded.kubernetes.forbid(INSTALLED)
    assert recorded.unknown("ARGO-CRDS") == "forbidden"


def test_argo_reachable(recorded: RecordedCluster) -> None:
    assert recorded.ok("ARGO-REACHABLE") == f"http://{recorded.argo.address}/"
    recorded.settings["ARGO_INSECURE_SKIP_VERIFY"] = "true"
    assert "anyone on the way" in recorded.warning("ARGO-REACHABLE").cause
    recorded.argo[VERSION] = 200, "<html>a login page</html>"
    assert recorded.failure("ARGO-REACHABLE").message == "no Argo server"
    del recorded.settings["ARGO_SERVER"]
    assert recorded.failure("ARGO-REACHABLE").advice == "set ARGO_SERVER to its host:port"


@pytest.mark.parametrize(
    ("version", "says"), [("v3.5.2", "older than 3.6 to 4.1"), ("v4.2.0", "newer than 3.6 to 4.1")]
)
def test_argo_version(recorded: RecordedCluster, version: str, says: str) -> None:
    assert recorded.ok("ARGO-VERSION") == "v3.7.18+unknown"
    recorded.argo[VERSION] = 200, {"version": version}
    failed = recorded.failure("ARGO-VERSION")
    assert says in failed.cause and "Argo Workflows 3.6 to 4.1" in failed.advice
    recorded.argo[VERSION] = 401, {"message": "token not valid"}
    assert "signed in" in recorded.unknown("ARGO-VERSION")


def test_argo_mode(recorded: RecordedCluster) -> None:
    assert recorded.ok("ARGO-MODE") == "client"
    recorded.settings["ARGO_TOKEN"] = f"Bearer v2:{SECRET}"
    assert "single sign-on, which" in recorded.failure("ARGO-MODE").cause
    del recorded.settings["ARGO_TOKEN"]
    recorded.settings["KUBECONFIG"] = "/dev/null"
    assert "neither ARGO_TOKEN nor a kubeconfig" in recorded.failure("ARGO-MODE").cause
    recorded.argo.tokens = None
    assert recorded.warning("ARGO-MODE").message == "server"


def test_argo_mode_of_a_single_sign_on(recorded: RecordedCluster) -> None:
    recorded.argo[VERSION] = 401, {"message": "token not valid"}
    recorded.argo["GET /oauth2/redirect"] = 302, ""
    recorded.argo.headers = {"Location": "/login"}
    failed = recorded.failure("ARGO-MODE")
    assert failed.message == "sso" and "which the kubeconfig's is not" in failed.cause


def test_argo_token(recorded: RecordedCluster) -> None:
    assert recorded.ok("ARGO-TOKEN") == "the kubeconfig's own token"
    recorded.argo.tokens = {f"{SECRET}-own": 403, f"{SECRET}-of-account": 200}
    assert recorded.ok("ARGO-TOKEN") == "a token for the account 'experiment'"
    recorded.argo.tokens = {f"{SECRET}-own": 403, f"{SECRET}-of-account": 403}
    failed = recorded.failure("ARGO-TOKEN")
    assert "may not list workflows in 'experiments'" in failed.cause
    assert "name: researcher" in failed.paste and "workflows" in failed.paste
    recorded.argo.tokens = {}
    assert recorded.failure("ARGO-TOKEN").message == "refused"
    del recorded.settings["ARGO_NAMESPACE"]
    assert recorded.failure("ARGO-TOKEN").advice == "set ARGO_NAMESPACE"


def test_argo_token_that_ends_soon(recorded: RecordedCluster) -> None:
    given = token(recorded.now + timedelta(minutes=2))
    recorded.settings["ARGO_TOKEN"] = given
    recorded.argo.tokens = {given: 200}
    warned = recorded.warning("ARGO-TOKEN")
    assert "the token expires on 2026-11-" in warned.cause and given not in repr(warned)


def test_script(recorded: RecordedCluster) -> None:
    assert recorded.ok("SCRIPT") == "try-…"

    def fails() -> Captured:
        raise UserError("workflow.py ended with exit status 1", "workflow.py", "correct it")

    def submits_nothing() -> Captured:
        raise CannotTell("workflow.py submits nothing")

    recorded.capture = fails
    failed = recorded.failure("SCRIPT")
    assert failed.cause == "workflow.py ended with exit status 1 (workflow.py)"
    recorded.capture = submits_nothing
    assert recorded.unknown("SCRIPT") == "workflow.py submits nothing"
    recorded.capture = lambda: Captured([Submitted(recorded.manifest)], "it failed afterwards")
    assert "it failed afterwards; what it submits then" in recorded.warning("SCRIPT").cause


def test_workflow(recorded: RecordedCluster) -> None:
    assert recorded.ok("WORKFLOW") == "dry run passed"
    recorded.argo[CREATE] = 400, {"message": "templates.one: failed to resolve {{x}}"}
    failed = recorded.failure("WORKFLOW")
    assert failed.cause == "Argo's server says: templates.one: failed to resolve {{x}}"
    assert failed.advice == "correct workflow.py where this names it"
    recorded.argo[CREATE] = 403, {"message": "denied the request: no GPUs for you"}
    assert recorded.failure("WORKFLOW").advice.startswith("ask the administrator")


def test_workflow_of_a_template_that_the_script_makes_before(recorded: RecordedCluster) -> None:
    recorded.spec["workflowTemplateRef"] = {"name": "kept"}
    template = Submitted({"metadata": {"name": "kept"}}, KINDS[1], "experiments")
    recorded.capture = lambda: Captured([template, Submitted(recorded.manifest)])
    recorded.argo["POST /api/v1/workflow-templates/experiments/lint"] = 200, {}
    assert "WorkflowTemplate: valid" in recorded.ok("WORKFLOW")
    recorded.argo[CREATE] = 404, {"message": "kept not found"}
    assert "'kept', which is made first" in recorded.unknown("WORKFLOW")
    recorded.argo["POST /api/v1/workflow-templates/experiments/lint"] = 400, {"message": "bad"}
    assert recorded.failure("WORKFLOW").message == "refused WorkflowTemplate kept"
