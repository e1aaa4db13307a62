"""Checks of rights and of the pods' account, each broken and mended."""

from __future__ import annotations

import pytest
from recorded_cluster import REVIEWS, SECRET, SPACE, RecordedCluster

from hera_experiment.argo.objects import KINDS, Captured, Submitted

RESEARCHER = "system:serviceaccount:experiments:researcher"


def test_rights_workflows(recorded: RecordedCluster) -> None:
    assert recorded.ok("RIGHTS-WORKFLOWS") == RESEARCHER
    recorded.no_right("workflows")
    failed = recorded.failure("RIGHTS-WORKFLOWS")
    assert "create, get, list, watch, delete, update workflows.argoproj.io" in failed.cause
    recorded.argo.tokens = None
    assert recorded.ok("RIGHTS-WORKFLOWS") == "Argo's server acts by itself"


def test_rights_workflows_of_a_token(recorded: RecordedCluster) -> None:
    recorded.settings["ARGO_TOKEN"] = f"Bearer {SECRET}-given"
    assert recorded.ok("RIGHTS-WORKFLOWS") == RESEARCHER
    recorded.settings["ARGO_TOKEN"] = f"Bearer v2:{SECRET}"
    assert "single sign-on" in recorded.unknown("RIGHTS-WORKFLOWS")


def test_rights_pods(recorded: RecordedCluster) -> None:
    assert recorded.ok("RIGHTS-PODS") == RESEARCHER
    recorded.no_right("pods")
    failed = recorded.failure("RIGHTS-PODS")
    assert failed.message == "get, list pods missing" and 'resources: ["pods"]' in failed.paste


def test_rights_logs(recorded: RecordedCluster) -> None:
    assert recorded.ok("RIGHTS-LOGS") == RESEARCHER
    recorded.no_right("pods/log")
    failed = recorded.failure("RIGHTS-LOGS")
    assert f"{RESEARCHER} may not get pods/log in 'experiments'" in failed.cause
    assert "name: researcher" in failed.paste and failed.advice.endswith("kubectl apply -f -")


def test_rights_that_only_a_single_question_shows(recorded: RecordedCluster) -> None:
    recorded.no_right("pods/log")
    recorded.kubernetes[f"POST {REVIEWS}/selfsubjectaccessreviews"] = (
        201,
        {"status": {"allowed": True}},
    )
    recorded.ok("RIGHTS-LOGS")


def test_rights_token(recorded: RecordedCluster) -> None:
    assert recorded.ok("RIGHTS-TOKEN") == "of the account 'experiment'"
    recorded.no_right("serviceaccounts/token")
    warned = recorded.warning("RIGHTS-TOKEN")
    assert "the kubeconfig's own token is used" in warned.cause
    del recorded.user["token"]
    failed = recorded.failure("RIGHTS-TOKEN")
    assert "serviceaccounts/token" in failed.paste
    del recorded.settings["ARGO_SERVICE_ACCOUNT"]
    assert "set ARGO_TOKEN" in recorded.failure("RIGHTS-TOKEN").advice
    recorded.settings["ARGO_TOKEN"] = SECRET
    assert recorded.ok("RIGHTS-TOKEN") == "ARGO_TOKEN is set"


@pytest.mark.parametrize("kind", KINDS[1:])
def test_rights_templates(recorded: RecordedCluster, kind: object) -> None:
    assert recorded.ok("RIGHTS-TEMPLATES") == "it makes none"
    (chosen,) = [each for each in KINDS if each is kind]
    recorded.capture = lambda: Captured([Submitted(recorded.manifest, chosen)])
    if not chosen.in_namespace:
        failed = recorded.failure("RIGHTS-TEMPLATES")
        assert "kind: ClusterRole\n" in failed.paste and "in the cluster" in failed.cause
        return
    recorded.ok("RIGHTS-TEMPLATES")
    recorded.no_right(chosen.resource)
    failed = recorded.failure("RIGHTS-TEMPLATES")
    assert f"may not create {chosen.resource}" in failed.cause and "kind: Role\n" in failed.paste


def test_account_exists(recorded: RecordedCluster) -> None:
    assert recorded.ok("ACCOUNT-EXISTS") == "experiment"
    recorded.spec["serviceAccountName"] = "other"
    failed = recorded.failure("ACCOUNT-EXISTS")
    assert "'other' in 'experiments' (serviceAccountName of the workflow)" in failed.cause
    assert failed.advice.endswith("kubectl -n experiments create serviceaccount other")
    recorded.kubernetes.forbid(f"GET {SPACE}/serviceaccounts/other")
    assert "may not read" in recorded.unknown("ACCOUNT-EXISTS")


def test_account_results(recorded: RecordedCluster) -> None:
    asked = f"POST {REVIEWS}/namespaces/experiments/localsubjectaccessreviews"
    assert recorded.ok("ACCOUNT-RESULTS") == "experiment"
    recorded.kubernetes[asked] = 201, {"status": {"allowed": False}}
    failed = recorded.failure("ACCOUNT-RESULTS")
    assert "may not create or patch workflowtaskresults" in failed.cause
    assert "workflowtaskresults" in failed.paste
    recorded.kubernetes.forbid(asked)
    assert recorded.ok("ACCOUNT-RESULTS") == "experiment", "with a token of the account"
    recorded.kubernetes.forbid(f"POST {SPACE}/serviceaccounts/experiment/token")
    assert "rights of another account" in recorded.unknown("ACCOUNT-RESULTS")


def test_the_default_account_is_known_before_where_nobody_can_be_asked(
    recorded: RecordedCluster,
) -> None:
    asked = f"POST {REVIEWS}/namespaces/experiments/localsubjectaccessreviews"
    del recorded.spec["serviceAccountName"], recorded.settings["ARGO_SERVICE_ACCOUNT"]
    assert recorded.ok("ACCOUNT-RESULTS") == "default"
    recorded.kubernetes.forbid(asked, f"POST {SPACE}/serviceaccounts/default/token")
    recorded.settings["ARGO_TOKEN"] = f"{SECRET}-own"
    for kubeconfig in (recorded.settings["KUBECONFIG"], "/dev/null"):
        recorded.settings["KUBECONFIG"] = kubeconfig
        warned = recorded.warning("ACCOUNT-RESULTS")
        assert "ARGO_SERVICE_ACCOUNT is not set" in warned.cause and "'default'" in warned.cause
        assert warned.advice.endswith("make check-cluster PROBE=1")
        assert "workflowtaskresults" in warned.paste and "name: default" in warned.paste
    recorded.spec["serviceAccountName"] = "experiment"
    assert recorded.unknown("ACCOUNT-RESULTS") == "not checked: KUBECONFIG-FILE is unknown"
