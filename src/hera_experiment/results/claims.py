"""What Kubernetes says about a claim: whether it can be read, and from which node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_errors import FORBIDDEN, NOT_FOUND, KubernetesRefusal

if TYPE_CHECKING:
    from hera_experiment.platform.kubernetes_access import KubernetesAccess

_FOR_MANY = frozenset({"ReadWriteMany", "ReadOnlyMany"})
_OVER = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Claim:
    """A claim, and the node on which alone it can be used now (empty for any).

    ``tolerations`` are those of the pod that uses it there. ``is_unused`` tells that no volume is
    bound to it, so that nobody has written to it.
    """

    name: str
    node: str = ""
    tolerations: list[Any] = field(default_factory=list)
    is_unused: bool = False


def claim_of(cluster: KubernetesAccess, name: str) -> Claim:
    """Return what is known of the claim ``name``.

    Raises :class:`~hera_experiment.errors.UserError` when there is none.
    """
    from kubernetes.client import CoreV1Api

    read = CoreV1Api(cluster.api).read_namespaced_persistent_volume_claim
    try:
        claim: Any = cluster.ask(f"read the claim '{name}'", read, name, cluster.namespace)
    except KubernetesRefusal as error:
        if error.status == FORBIDDEN:
            return Claim(name)
        if error.status != NOT_FOUND:
            raise
        raise UserError(
            f"the namespace '{cluster.namespace}' has no volume claim '{name}'",
            next_step="it was removed, or never made: 'make provision' makes it",
        ) from None
    modes = set(claim.status.access_modes or claim.spec.access_modes or ())
    is_unused = claim.status.phase == "Pending"
    if is_unused or modes & _FOR_MANY:
        return Claim(name, is_unused=is_unused)
    return _held(cluster, name)


def _held(cluster: KubernetesAccess, name: str) -> Claim:
    from kubernetes.client import CoreV1Api

    try:
        pods: Any = cluster.ask(
            "list pods", CoreV1Api(cluster.api).list_namespaced_pod, cluster.namespace
        )
    except KubernetesRefusal:
        return Claim(name)
    for pod in pods.items:
        volumes = [each.persistent_volume_claim for each in pod.spec.volumes or ()]
        uses = any(each is not None and each.claim_name == name for each in volumes)
        if uses and pod.spec.node_name and pod.status.phase not in _OVER:
            api: Any = cluster.api
            tolerations = api.sanitize_for_serialization(pod.spec.tolerations or [])
            return Claim(name, str(pod.spec.node_name), list(tolerations))
    return Claim(name)
