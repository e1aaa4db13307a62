"""What is not compared: races of a cluster, such as who ends a pod at its deadline, and accounts.

Each function takes such a thing out of a finished workflow of either side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

_KUBELETS = "Pod was active on the node longer than the specified deadline"
_CONTROLLERS = "Step exceeded its deadline"


def _end_of_a_pod(workflow: Json) -> None:
    """The executor may tell the exit code before the kubelet's or the controller's message."""
    for node in workflow["status"]["nodes"].values():
        if node.get("message") in (_KUBELETS, _CONTROLLERS):
            node["message"] = _KUBELETS
        if node["phase"] in ("Failed", "Error"):
            node.pop("outputs", None)


def _end_of_a_workflow(workflow: Json) -> None:
    """Argo may end the workflow before it has seen the end of the pod."""
    _end_of_a_pod(workflow)
    conditions = workflow["status"]["conditions"]
    workflow["status"]["conditions"] = [c for c in conditions if c["type"] != "PodRunning"]


def _who_ends_it(workflow: Json) -> None:
    """Argo or the kubelet, at the workflow's deadline."""
    nodes = workflow["status"]["nodes"].values()
    (slow,) = (node for node in nodes if node["displayName"] == "slow")
    assert slow["phase"] in ("Failed", "Error")
    slow["phase"] = slow["message"] = ""
    slow.pop("outputs", None)


def _pods_looked_for(workflow: Json) -> None:
    """Argo that ends a workflow at once has not looked for pods; there are none either way."""
    conditions = workflow["status"]["conditions"]
    workflow["status"]["conditions"] = [c for c in conditions if c["type"] != "PodRunning"]


def _where_pods_are(workflow: Json) -> None:
    """Argo may hear of a pod that is pending before it ends the workflow at once, or not."""
    for node in workflow["status"]["nodes"].values():
        if node["phase"] == "Pending":
            node.pop("hostNodeName", None)
            node.pop("message", None)


def _who_resumed(workflow: Json) -> None:
    """Argo says which account resumed a node; on this machine there are no accounts."""
    for node in workflow["status"]["nodes"].values():
        if node.get("message", "").startswith("Resumed by: "):
            node["message"] = ""


def _after_a_loop(workflow: Json) -> None:
    """What follows a loop may begin before the loop's own exit handler, and is no child of it."""
    (handler,) = (
        node for node in workflow["status"]["nodes"].values() if node["displayName"] == "a.onExit"
    )
    handler.pop("children", None)


RACES: dict[str, Callable[[Json], None]] = {
    "deadlines/deadline": _end_of_a_pod,
    "deadlines/workflow_deadline": _end_of_a_workflow,
    "deadlines/exit_deadline": _who_ends_it,
    "bad_input/suspend_for_no_time": _pods_looked_for,
    "exit_handlers/of_items_that_are_steps": _after_a_loop,
    "hooks/of_a_workflow_without_room": _where_pods_are,
    "pods/patch_that_is_no_json": _pods_looked_for,
    "suspend/resumed": _who_resumed,
    "suspend/supplied_output": _who_resumed,
    "pods/pod_spec_patch": _end_of_a_pod,
    "pods/terminal_and_input": _end_of_a_pod,
}
