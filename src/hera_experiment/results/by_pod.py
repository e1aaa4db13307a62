"""Fetches results through a reader pod for each claim."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.results.bring import FromPod
from hera_experiment.results.claims import claim_of
from hera_experiment.results.errand import Errand, NoPods
from hera_experiment.results.gather import gather
from hera_experiment.results.listing import Listing
from hera_experiment.results.outcome import Results
from hera_experiment.results.reader_manifest import MOUNT, likenesses
from hera_experiment.results.reader_pod import ReaderPod
from hera_experiment.results.workflows import claims_of

_REFUSED = (401, 403)


def fetch_by_pods(errand: Errand) -> Results:
    """Fetch what is new.

    Raises :class:`NoPods` where pods may not be made or entered, and
    :class:`~hera_experiment.errors.UserError` when one does not start or the connection is gone.
    """
    cluster = with_access(errand.server.cluster)
    like = likenesses(errand.workflow, errand.image)
    owner = _owner(errand.workflow, cluster)
    sources: dict[str, FromPod] = {}
    found: dict[str, Listing | None] = {}
    with ExitStack() as stack:
        for name in claims_of(errand.workflow):
            claim = claim_of(cluster, name)
            if claim.is_unused:
                # A pod would wait for ever, or be the first to have it.
                found[name] = None
                continue
            pod = ReaderPod(
                cluster,
                claim,
                like,
                errand.name,
                errand.label,
                errand.say,
                account=errand.account,
                owner=owner,
            )
            source = FromPod(entered(stack, pod), f"{MOUNT}/{errand.name}", errand.say)
            sources[name], found[name] = source, source.list()
        return gather(
            found,
            errand.destination,
            errand.drafts,
            lambda claim, new, store: sources[claim].bring(new, store),
            errand.say,
        )


def with_access(cluster: object) -> KubernetesAccess:
    """Return ``cluster`` where it can be asked for pods; raises :class:`NoPods`."""
    if not isinstance(cluster, KubernetesAccess) or not cluster.has_access:
        raise NoPods("there is no kubeconfig")
    try:
        cluster.reach()
    except UserError as error:
        raise NoPods(str(error)) from None
    return cluster


def entered(stack: ExitStack, pod: ReaderPod) -> ReaderPod:
    """Start ``pod``, which ends with ``stack``; raises :class:`NoPods` where one may not."""
    try:
        return stack.enter_context(pod)
    except KubernetesRefusal as error:
        if error.status not in _REFUSED:
            raise
        raise NoPods(str(error)) from None


def _owner(workflow: dict[str, Any], cluster: KubernetesAccess) -> dict[str, str] | None:
    """Return what makes a pod go with ``workflow``; None when that has gone itself.

    Argo's server shows archived workflows too, and a pod of an owner that is no more is removed.
    """
    from kubernetes.client import CustomObjectsApi

    read = CustomObjectsApi(cluster.api).get_namespaced_custom_object
    name, uid = str(workflow["metadata"]["name"]), workflow["metadata"].get("uid")
    where = ("argoproj.io", "v1alpha1", cluster.namespace, "workflows", name)
    try:
        found: Any = cluster.ask(f"read the workflow '{name}'", read, *where)
    except UserError:
        return None
    same = uid and found.get("metadata", {}).get("uid") == uid
    return {"name": name, "uid": str(uid)} if same else None
