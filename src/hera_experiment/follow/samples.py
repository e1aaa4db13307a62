"""What pods use while a run is followed, as the cluster's metrics server says: in samples.

Source: the API ``metrics.k8s.io/v1beta1`` of kubernetes/metrics (``pkg/apis/metrics/v1beta1``).
Its server looks at each container every 15 seconds, and knows no pod that has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hera_experiment.argo.go_text import seconds
from hera_experiment.argo.quantities import number_of
from hera_experiment.argo.tasks import Workflow, nodes_of, pod_name_of
from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.runs.find import Run

EVERY = 15
"""Seconds from one sample to the next."""

_OF_ARGO = "wait"


@dataclass
class _Seen:
    """What was seen of one pod: bytes, seconds of processor time, samples, the last one's time."""

    memory: int = 0
    cpu: float = 0.0
    count: int = 0
    last: str = ""


class PodSampler:
    """Takes samples of the pods of one workflow, by a kubeconfig."""

    def __init__(self, cluster: KubernetesAccess, namespace: str, workflow: str) -> None:
        self._cluster = cluster
        self._path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{quote(namespace)}/pods"
        self._chosen = {"labelSelector": f"workflows.argoproj.io/workflow={workflow}"}
        self._pods: dict[str, _Seen] = {}
        self._has_answered = False

    @classmethod
    def of(cls, run: Run) -> PodSampler | None:
        """Return what samples ``run``; None where nobody can be asked, or nothing is kept."""
        cluster = run.server.cluster if run.record is not None and not run.server.is_local else None
        if not isinstance(cluster, KubernetesAccess) or not cluster.has_access:
            return None
        return cls(cluster, run.namespace, run.name)

    def sample(self) -> bool:
        """Take one sample; return False where there is no metrics server, or it may not be asked.

        One that has answered before may fail for a while.
        """
        try:
            answer = self._cluster.client.get(self._path, self._chosen)
        except (OSError, UserError):
            return self._has_answered
        if not answer.ok:
            return self._has_answered
        self._has_answered = True
        for pod in answer.items():
            try:
                self._add(pod)
            except (AttributeError, KeyError, TypeError, ValueError):
                continue
        return True

    def by_node(self, workflow: Workflow) -> dict[str, Any]:
        """Return what was seen, by the identifier of Argo's node."""
        seen = dict(self._pods)
        return {
            key: {
                "cpu": round(pod.cpu, 3),
                "memory": pod.memory,
                "every": EVERY,
                "count": pod.count,
            }
            for key, node in nodes_of(workflow).items()
            if node.get("type") == "Pod" and (pod := seen.get(pod_name_of(workflow, node)))
        }

    def _add(self, pod: Mapping[str, Any]) -> None:
        name, moment = str(pod["metadata"]["name"]), str(pod["timestamp"])
        used = [each["usage"] for each in pod["containers"] if each["name"] != _OF_ARGO]
        memory = sum(number_of(each["memory"]) for each in used)
        cpu = sum(number_of(each["cpu"]) for each in used) * seconds(str(pod["window"]))
        seen = self._pods.get(name, _Seen())
        if moment != seen.last:
            most = max(seen.memory, int(memory))
            self._pods[name] = _Seen(most, seen.cpu + cpu, seen.count + 1, moment)
