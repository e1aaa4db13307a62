"""What Kubernetes says about a claim: whether it can be read, and from which node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hera_experiment.errors import UserError
from hera_experiment.platform.cluster import Kind
from hera_experiment.platform.kubernetes_errors import Forbidden

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


class NoClaim(UserError):
    """There is no claim of that name."""


def claim_of(cluster: KubernetesAccess, name: str) -> Claim:
    """Return what is known of the claim ``name``.

    Raises :class:`NoClaim` when there is none.
    """
    try:
        claim = cluster.find(Kind.CLAIM, name)
    except Forbidden:
        return Claim(name)
    if claim is None:
        raise NoClaim(
            f"the namespace '{cluster.namespace}' has no volume claim '{name}'",
            next_step="it was removed, or never made: 'make provision' makes it",
        )
    status, spec = claim.get("status") or {}, claim.get("spec") or {}
    modes = set(status.get("accessModes") or spec.get("accessModes") or ())
    is_unused = status.get("phase") == "Pending"
    if is_unused or modes & _FOR_MANY:
        return Claim(name, is_unused=is_unused)
    return _held(cluster, name)


def _held(cluster: KubernetesAccess, name: str) -> Claim:
    answer = cluster.client.get(f"/api/v1/namespaces/{quote(cluster.namespace)}/pods")
    for pod in answer.items() if answer.ok else ():
        spec = pod.get("spec") or {}
        volumes = [each.get("persistentVolumeClaim") or {} for each in spec.get("volumes") or ()]
        is_over = (pod.get("status") or {}).get("phase") in _OVER
        if spec.get("nodeName") and not is_over and name in [v.get("claimName") for v in volumes]:
            return Claim(name, str(spec["nodeName"]), list(spec.get("tolerations") or ()))
    return Claim(name)
