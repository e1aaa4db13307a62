"""Each check of rights and of the pods' account, broken in that one way and mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from check_place import (
    LOGS_RULE,
    PODS_RULE,
    READING,
    RULES,
    TOKEN_RULE,
    WORKFLOW_RULE,
    Place,
    kubeconfig_text,
)
from test_check_kubeconfig import certificate_of

from hera_experiment.check.outcome import Status


@pytest.mark.parametrize("verb", ["create", "get", "list", "watch", "delete", "update"])
def test_rights_workflows(new_place: Callable[..., Place], verb: str) -> None:
    rule = WORKFLOW_RULE.replace(f"{verb}, ", "").replace(f", {verb}]", "]")
    place = new_place(submit=rule + PODS_RULE + LOGS_RULE + TOKEN_RULE)
    outcome = place.assert_alone("RIGHTS-WORKFLOWS")
    assert f"may not {verb} workflows.argoproj.io" in outcome.cause
    assert f"system:serviceaccount:{place.namespace}:alice" in outcome.cause
    place.paste(outcome)
    place.assert_well("RIGHTS-WORKFLOWS")


def test_rights_pods(new_place: Callable[..., Place]) -> None:
    place = new_place(submit=WORKFLOW_RULE + LOGS_RULE + TOKEN_RULE)
    place.paste(place.assert_alone("RIGHTS-PODS"))
    place.assert_well("RIGHTS-PODS")


def test_rights_logs(new_place: Callable[..., Place]) -> None:
    place = new_place(submit=WORKFLOW_RULE + PODS_RULE + TOKEN_RULE)
    place.paste(place.assert_alone("RIGHTS-LOGS"))
    place.assert_well("RIGHTS-LOGS")


def test_rights_token(new_place: Callable[..., Place], cluster: Any, tmp_path: Path) -> None:
    """Bob has a certificate and no token: without TokenRequest he has nothing for Argo."""
    place = new_place(submit=WORKFLOW_RULE + PODS_RULE + LOGS_RULE)
    place.settings["ARGO_SERVICE_ACCOUNT"] = "both"
    authority = cluster.authority(tmp_path)
    user = certificate_of(cluster, tmp_path, "bob", 30)
    place.kubeconfig.write_text(kubeconfig_text(cluster.api_url, authority, user, "bob"))
    outcome = place.assert_alone("RIGHTS-TOKEN")
    assert "bob may not create tokens" in outcome.cause
    place.paste(outcome)
    report = place.assert_well("RIGHTS-TOKEN")
    assert report["ARGO-TOKEN"].message == "a token for the account 'both'"


def test_a_kubeconfig_with_a_token_can_do_without_token_requests(
    new_place: Callable[..., Place],
) -> None:
    report = new_place(submit=WORKFLOW_RULE + PODS_RULE + LOGS_RULE).check()
    assert report["RIGHTS-TOKEN"].status is Status.WARNING
    assert not report.failed and report.status == 0, report.text


def test_the_service_account_submits_where_it_may(place: Place) -> None:
    place.settings["ARGO_SERVICE_ACCOUNT"] = "both"
    report = place.check()
    assert report["RIGHTS-WORKFLOWS"].message.endswith(":both")
    assert report["ARGO-TOKEN"].message == "a token for the account 'both'"


def test_account_exists(place: Place) -> None:
    place.settings["ARGO_SERVICE_ACCOUNT"] = place.spec["serviceAccountName"] = "absent"
    outcome = place.assert_alone("ACCOUNT-EXISTS")
    assert (
        "'absent'" in outcome.cause and "ARGO_SERVICE_ACCOUNT in the environment" in outcome.cause
    )
    place.type(outcome)
    report = place.check()
    assert report["ACCOUNT-EXISTS"].status is Status.OK
    # A new account may not report results yet: the next thing to do.
    place.paste(place.assert_alone("ACCOUNT-RESULTS"))
    place.assert_well("ACCOUNT-EXISTS")


@pytest.mark.parametrize("verb", ["create", "patch"])
def test_account_results(place: Place, verb: str) -> None:
    other = "patch" if verb == "create" else "create"
    patch = f'[{{"op":"replace","path":"/rules/0/verbs","value":["{other}"]}}]'
    place.admin.kubectl(
        "-n", place.namespace, "patch", "role", "executor", "--type=json", "-p", patch
    )
    outcome = place.assert_alone("ACCOUNT-RESULTS")
    assert f"may not {verb} workflowtaskresults" in outcome.cause
    place.paste(outcome)
    place.assert_well("ACCOUNT-RESULTS")


def test_account_results_by_a_token_of_the_account(new_place: Callable[..., Place]) -> None:
    """Who may not ask for another's rights asks as the account itself."""
    place = new_place(submit=RULES)
    rules = [line for line in READING.splitlines() if "localsubjectaccessreviews" not in line]
    place.admin.kubectl(
        "apply",
        "-f",
        "-",
        text=f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: person, namespace: {place.namespace}}}
rules:
{RULES}
{chr(10).join(rules)}
""",
    )
    place.admin.kubectl("-n", place.namespace, "delete", "rolebinding", "executor")
    outcome = place.assert_alone("ACCOUNT-RESULTS")
    place.paste(outcome)
    place.assert_well("ACCOUNT-RESULTS")


def test_account_results_is_unknown_to_who_may_ask_nothing(
    new_place: Callable[..., Place],
) -> None:
    place = new_place(submit=WORKFLOW_RULE + PODS_RULE + LOGS_RULE)
    patch = '[{"op":"remove","path":"/rules/4"}]'
    place.admin.kubectl(
        "-n", place.namespace, "patch", "role", "person", "--type=json", "-p", patch
    )
    report = place.check()
    assert report["ACCOUNT-RESULTS"].status is Status.UNKNOWN, report.text
    assert not report.failed
