from __future__ import annotations

from typing import Any

import pytest

from hera_experiment.argo.workflows import claims_of, last_node
from hera_experiment.errors import UserError
from hera_experiment.results.pod_profile import READER_LABEL, pod_manifest, pod_profiles
from hera_experiment.results.reader_workflow import LIST, workflow_manifest
from hera_experiment.results.workflow_transport import repository, rights

WORKFLOW: dict[str, Any] = {
    "metadata": {"name": "run-abcde"},
    "spec": {
        "serviceAccountName": "someone",
        "imagePullSecrets": [{"name": "pull"}],
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "nodeSelector": {"zone": "a"},
        "securityContext": {"runAsUser": 7},
        "podMetadata": {"labels": {"team": "x", "odd": "{{workflow.name}}"}},
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "results"}}],
        "templates": [
            {"name": "dag", "dag": {}},
            {"name": "failed", "container": {"image": "a"}},
            {
                "name": "well",
                "nodeSelector": {"zone": "b"},
                "volumes": [{"name": "w", "persistentVolumeClaim": {"claimName": "own"}}],
                "script": {
                    "image": "b",
                    "securityContext": {"privileged": True, "runAsGroup": 8},
                    "resources": {"limits": {"nvidia.com/gpu": 8}},
                },
            },
            {"name": "unknown", "container": {"image": "{{inputs.parameters.image}}"}},
            {"name": "again", "container": {"image": "b"}},
        ],
    },
    "status": {
        "nodes": {
            "1": {
                "templateName": "well",
                "phase": "Succeeded",
                "startedAt": "2",
                "hostNodeName": "n2",
            },
            "2": {
                "templateName": "failed",
                "phase": "Failed",
                "startedAt": "1",
                "hostNodeName": "n1",
            },
        }
    },
}


def test_what_a_workflow_says_of_itself() -> None:
    assert claims_of(WORKFLOW) == ["results", "own"]
    assert last_node(WORKFLOW) == "n2" and last_node({"metadata": {}}) == ""
    referring = {"spec": {"workflowTemplateRef": {}}, "status": {"storedWorkflowTemplateSpec": {}}}
    referring["status"]["storedWorkflowTemplateSpec"] = WORKFLOW["spec"]
    assert claims_of(referring) == ["results", "own"]


def test_a_reader_is_like_a_program_that_succeeded() -> None:
    found = pod_profiles(WORKFLOW)
    assert [each.image for each in found] == ["b", "a"]
    assert [each.image for each in pod_profiles(WORKFLOW, "own:1")] == ["own:1"]
    with pytest.raises(UserError, match="READER_IMAGE=IMAGE"):
        pod_profiles({"metadata": {}, "spec": {}})


def test_the_pod_is_plain_and_ends_by_itself() -> None:
    pod = pod_manifest(
        pod_profiles(WORKFLOW)[0],
        "r",
        "results",
        account="other",
        owner={"name": "run-abcde", "uid": "1"},
        label="l",
    )
    spec, (container,) = pod["spec"], pod["spec"]["containers"]
    assert pod["metadata"]["labels"] == {"team": "x", READER_LABEL: "l"}
    assert pod["metadata"]["ownerReferences"][0]["uid"] == "1"
    assert spec["serviceAccountName"] == "someone" and not spec["automountServiceAccountToken"]
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["nodeSelector"] == {"zone": "b"} and spec["securityContext"] == {"runAsUser": 7}
    assert spec["activeDeadlineSeconds"] == 3600 and spec["restartPolicy"] == "Never"
    assert container["volumeMounts"][0]["readOnly"] is True
    assert container["securityContext"] == {"runAsGroup": 8, "allowPrivilegeEscalation": False}
    assert "nvidia.com/gpu" not in str(pod)


def test_the_pod_goes_to_the_node_that_holds_the_claim() -> None:
    toleration = {"key": "special", "operator": "Exists"}
    pod = pod_manifest(
        pod_profiles(WORKFLOW)[0],
        "r",
        "results",
        node="n1",
        tolerations=[toleration],
        hardened=True,
    )
    terms = pod["spec"]["affinity"]["nodeAffinity"]
    (term,) = terms["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchFields"][0]["values"] == ["n1"]
    assert "nodeSelector" not in pod["spec"] and toleration in pod["spec"]["tolerations"]
    # What PodSecurity "restricted" asks for; the workflow's own user stays.
    security = pod["spec"]["securityContext"]
    assert security["runAsUser"] == 7 and security["runAsNonRoot"] is True
    assert pod["spec"]["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_reader_workflow_is_no_run_of_the_experiment() -> None:
    like = pod_profiles(WORKFLOW)[0]
    found = workflow_manifest(like, "r", "results", LIST, ["/claim/x", "s"], label="l", node="n2")
    assert found["metadata"]["labels"] == {READER_LABEL: "l"}
    spec = found["spec"]
    assert spec["artifactGC"] == {
        "strategy": "OnWorkflowDeletion",
        "forceFinalizerRemoval": True,
        "serviceAccountName": "someone",
    }
    assert spec["ttlStrategy"] == {"secondsAfterCompletion": 3600}
    assert "preferredDuringSchedulingIgnoredDuringExecution" in spec["affinity"]["nodeAffinity"]
    # Argo would take it for a reference.
    assert "{{" not in str(found)


def test_what_to_ask_for_names_the_account() -> None:
    asked = rights("space", "system:serviceaccount:home:ada")
    assert "kind: ServiceAccount, name: ada, namespace: home" in asked
    assert 'resources: ["pods/exec"], verbs: [get, create]' in asked
    assert 'kind: User, name: "USER"' in repository("space", "")
