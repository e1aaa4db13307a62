"""Finds out why pods do not start: from Argo's messages, their own status, and events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from hera_experiment.argo.phases import PENDING
from hera_experiment.argo.tasks import Node, Workflow, name_of, nodes_of, pod_name_of
from hera_experiment.errors import UserError
from hera_experiment.follow.reasons import (
    ON_ITS_WAY,
    Reason,
    claims_of,
    reason_of,
    texts_of_pod,
    with_claims,
)
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.argo_logs import events_now
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.runs.server import Server

Reasons = Mapping[str, Reason]
"""By the identifier of the node."""

NO_REASONS: Reasons = {}

_OF_PODS = "involvedObject.kind=Pod,type=Warning"


class PodFacts(Protocol):
    """What can be found out about the pods of a workflow."""

    def texts(self, namespace: str, workflow: str) -> Mapping[str, list[str]]:
        """Return by the pod's name what is said about it, the most telling last.

        Raises :class:`UserError` when it cannot be asked.
        """

    def exists(self, namespace: str, pod: str) -> bool | None:
        """Tell whether a pod is still there; None when that cannot be found out."""


class NoFacts:
    """The laptop: its own server's messages say all there is, and logs stay."""

    def texts(self, namespace: str, workflow: str) -> Mapping[str, list[str]]:
        """Return nothing."""
        return {}

    def exists(self, namespace: str, pod: str) -> bool | None:
        """Say yes: what a pod wrote is there as long as its run."""
        return True


class FactsOfKubernetes:
    """Pods and their events, by a kubeconfig."""

    def __init__(self, cluster: KubernetesAccess) -> None:
        self._cluster = cluster

    def texts(self, namespace: str, workflow: str) -> Mapping[str, list[str]]:
        """Ask for the workflow's pods that do not run, then for the namespace's events."""
        pods = self._list(
            namespace,
            "pods",
            labelSelector=f"workflows.argoproj.io/workflow={workflow}",
            fieldSelector="status.phase=Pending",
        )
        if not pods:
            return {}
        said = texts_of_events(self._list(namespace, "events", fieldSelector=_OF_PODS))
        found = {}
        for pod in pods:
            name = str(pod["metadata"]["name"])
            found[name] = [*said.get(name, ()), *texts_of_pod(pod)]
        return found

    def exists(self, namespace: str, pod: str) -> bool | None:
        """Ask for the pod."""
        try:
            return bool(self._list(namespace, "pods", fieldSelector=f"metadata.name={pod}"))
        except UserError:
            return None

    def _list(self, namespace: str, kind: str, **params: str) -> list[dict[str, Any]]:
        answer = self._cluster.client.get(f"/api/v1/namespaces/{quote(namespace)}/{kind}", params)
        return list(self._cluster.document(f"list {kind}", answer).get("items") or ())


class FactsOfArgo:
    """Events alone, through Argo's server."""

    def __init__(self, client: ArgoClient) -> None:
        self._client = client

    def texts(self, namespace: str, workflow: str) -> Mapping[str, list[str]]:
        """Ask for the namespace's events about pods."""
        return texts_of_events(events_now(self._client, namespace, _OF_PODS))

    def exists(self, namespace: str, pod: str) -> bool | None:
        """Say that it is unknown: Argo's server does not tell."""
        return None


def facts_of(server: Server) -> list[PodFacts]:
    """Return the sources of facts about the pods on ``server``, the best first."""
    if server.is_local:
        return [NoFacts()]
    found: list[PodFacts] = [FactsOfArgo(server.client)]
    if isinstance(server.cluster, KubernetesAccess) and server.cluster.has_access:
        found.insert(0, FactsOfKubernetes(server.cluster))
    return found


class Explainer:
    """Says why the pending tasks of workflows on one server do not start.

    ``facts`` are asked in turn: the first that may be asked counts from then on.
    """

    def __init__(self, facts: Sequence[PodFacts]) -> None:
        self._facts = list(facts)

    def reasons(self, workflow: Workflow) -> Reasons:
        """Return the reason for each pending pod where one is known; makes requests.

        Where nothing may be asked, Argo's own messages are all there is.
        """
        waiting = pending_pods(workflow)
        found = {key: reason for key, node in waiting.items() if (reason := _own(workflow, node))}
        # Argo's message may name the image and not what is wrong with it: events do.
        unclear = [key for key in waiting if key not in found or found[key].is_vague]
        texts = self._texts(workflow) if unclear else {}
        for key in unclear:
            node = waiting[key]
            reason = _first_reason(texts.get(pod_name_of(workflow, node), ()))
            if reason is not None and not (reason.is_vague and key in found):
                found[key] = with_claims(reason, claims_of(workflow, _template(node)))
        return found

    def _texts(self, workflow: Workflow) -> Mapping[str, list[str]]:
        namespace = str(workflow["metadata"].get("namespace", ""))
        while self._facts:
            try:
                return self._facts[0].texts(namespace, name_of(workflow))
            except (ArgoRefusal, KubernetesRefusal):
                self._facts.pop(0)
            except (OSError, UserError):
                # No answer now: the next look may have one.
                break
        return {}


def pending_pods(workflow: Workflow) -> dict[str, Node]:
    """Return the nodes of pods that have not started, by identifier."""
    return {
        identifier: node
        for identifier, node in nodes_of(workflow).items()
        if node.get("type") == "Pod" and (node.get("phase") or PENDING) == PENDING
    }


def reason_of_node(workflow: Workflow, node: Node) -> Reason | None:
    """Return what Argo's own message about a pending node means, None for nothing to tell."""
    message = str(node.get("message") or "")
    if message in ON_ITS_WAY:
        return None
    return _own(workflow, node) or Reason(message)


def texts_of_events(events: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the messages of events by the name of their object, the latest last."""
    said: dict[str, list[tuple[str, str]]] = {}
    for event in events:
        name = str((event.get("involvedObject") or {}).get("name", ""))
        when = str(event.get("lastTimestamp") or event.get("eventTime") or "")
        said.setdefault(name, []).append((when, str(event.get("message") or "")))
    return {
        name: [text for _, text in sorted(texts, key=lambda text: text[0])]
        for name, texts in said.items()
    }


def _own(workflow: Workflow, node: Node) -> Reason | None:
    reason = reason_of(str(node.get("message") or ""))
    if reason is None:
        return None
    return with_claims(reason, claims_of(workflow, _template(node)))


def _template(node: Node) -> str:
    return str(node.get("templateName") or "")


def _first_reason(texts: Iterable[str]) -> Reason | None:
    """Return the reason of the last text that has one; of none that has, the last text."""
    last = list(texts)[::-1]
    reasons = [reason for text in last if (reason := reason_of(text))]
    telling = [reason for reason in reasons if not reason.is_vague]
    if reasons:
        return (telling or reasons)[0]
    return Reason(last[0]) if last else None
