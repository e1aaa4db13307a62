"""Why a pod does not start, in plain words, from what Kubernetes and Argo say about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hera_experiment.argo.tasks import Workflow


class Reason(NamedTuple):
    """What is in the way, and what to do about it (may be empty)."""

    what: str
    next_step: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.next_step}" if self.next_step else self.what

    @property
    def is_vague(self) -> bool:
        """Whether an event may say more."""
        return self.what.endswith(_NOT_PULLED)


_NOT_PULLED = "cannot be pulled"
_ADMINISTRATOR = "ask the administrator"

# What Kubernetes calls a pod that is being made ready in the ordinary way.
ON_ITS_WAY = frozenset({"", "ContainerCreating", "PodInitializing"})


def reason_of(text: str) -> Reason | None:
    """Return what a message of Argo's, a pod's condition or an event means; None for no idea."""
    for pattern, explain in _RULES:
        found = pattern.search(text)
        if found:
            return explain(found, text)
    return None


def in_short(message: str) -> str:
    """Return what ``message`` means where that is known, else itself."""
    reason = reason_of(message)
    return reason.what if reason else message


def with_claims(reason: Reason, claims: list[str]) -> Reason:
    """Name the ``claims`` of the pod where Kubernetes says only that one of them is not bound."""
    if reason.what != _UNBOUND or not claims:
        return reason
    if len(claims) == 1:
        return Reason(f"the volume claim '{claims[0]}' is not bound", reason.next_step)
    listed = "', '".join(claims)
    return Reason(f"one of the volume claims '{listed}' is not bound", reason.next_step)


def claims_of(workflow: Workflow, template: str) -> list[str]:
    """Return the claims that the containers of a template mount."""
    status, spec = workflow.get("status") or {}, workflow.get("spec") or {}
    templates = [*(spec.get("templates") or ()), *(status.get("storedTemplates") or {}).values()]
    found: Mapping[str, Any] = next(
        (each for each in templates if each.get("name") == template), {}
    )
    parts = [found.get(key) or {} for key in ("container", "script")]
    parts += [*(found.get("initContainers") or ()), *(found.get("sidecars") or ())]
    mounted = {mount.get("name") for part in parts for mount in part.get("volumeMounts") or ()}
    volumes = [*(spec.get("volumes") or ()), *(found.get("volumes") or ())]
    named = [
        str(volume["persistentVolumeClaim"].get("claimName"))
        for volume in volumes
        if volume.get("name") in mounted and volume.get("persistentVolumeClaim")
    ]
    made = [
        str(claim["metadata"].get("name"))
        for claim in spec.get("volumeClaimTemplates") or ()
        if claim.get("metadata", {}).get("name") in mounted
    ]
    return list(dict.fromkeys(named + made))


def _image(found: re.Match[str], text: str) -> Reason:
    named = re.search(r'image "([^"]+)"', text)
    image = f"the image {named[1]}" if named else "an image"
    lowered = text.lower()
    for words, why, advice in _PULLS:
        if any(word in lowered for word in words):
            return Reason(f"{image} {_NOT_PULLED}: {why}", advice)
    return Reason(f"{image} {_NOT_PULLED}", "correct its name, or 'make build push'")


_PULLS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("may require",),
        "there is none of that name, or only for those who are signed in",
        "correct its name, or declare its pull secret in environment.py and 'make provision'",
    ),
    (
        ("not found", "manifest unknown", "does not exist"),
        "the registry has no such image",
        "'make build push', or correct its name",
    ),
    (
        ("unauthorized", "authentication required", "denied", "forbidden", "no basic auth"),
        "the registry does not let the cluster in",
        "declare its pull secret in environment.py, then 'make provision'",
    ),
    (
        ("http response to https client", "x509", "certificate"),
        "the cluster does not trust the registry",
        _ADMINISTRATOR,
    ),
    (
        ("no such host", "connection refused", "i/o timeout", "dial tcp", "deadline exceeded"),
        "the registry does not answer to the cluster",
        "correct REGISTRY, or ask the administrator",
    ),
    (("toomanyrequests", "rate limit"), "the registry allows no more pulls now", "try later"),
    (("invalidimagename", "invalid reference"), "that is not the name of an image", "correct it"),
)

_UNBOUND = "a volume claim of it is not bound"


def _quota(found: re.Match[str], text: str) -> Reason:
    asked = re.search(r"requested: ([^,]+(?:,[^ :]+)*)", text)
    limit = re.search(r"limited: (.+)$", text)
    figures = f" (asked for {asked[1]}, the limit is {limit[1]})" if asked and limit else ""
    return Reason(
        f"the quota '{found['name']}' of the namespace is used up{figures}",
        "it starts when others have ended; or ask the administrator for more",
    )


def _no_node(found: re.Match[str], text: str) -> Reason:
    # "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {gpu: }.
    # preemption: …": the part behind says the same once more.
    said = re.split(r"\.? ?(?:no new claims to deallocate|preemption:)", found["why"])[0]
    said = said.strip(" .")
    advice = "ask for less in 'resources', or wait until others have ended"
    if "taint" in said:
        advice = "give the task a toleration"
    elif "affinity" in said or "selector" in said:
        advice = "correct the node selector"
    return Reason(f"no node can take it: {said}", advice)


def _missing(kind: str, advice: str) -> Callable[[re.Match[str], str], Reason]:
    return lambda found, _: Reason(f"the {kind} '{found['name']}' does not exist", advice)


_PROVISION = "'make provision' makes what environment.py declares, or correct the name"
_NAMED = r"[\"'](?P<name>[^\"']+)[\"']"
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], Reason]], ...] = (
    (
        re.compile(rf"persistentvolumeclaim {_NAMED} not found"),
        _missing("volume claim", _PROVISION),
    ),
    (
        re.compile("unbound (immediate )?PersistentVolumeClaims"),
        lambda _, __: Reason(_UNBOUND, "'make check-cluster' says why"),
    ),
    (re.compile(rf"(?i)configmap {_NAMED} not found"), _missing("ConfigMap", _PROVISION)),
    (re.compile(rf"(?i)secret {_NAMED} not found"), _missing("Secret", _PROVISION)),
    (
        re.compile(r"couldn't find key (?P<key>\S+) in (?P<kind>\w+) (?:\S+/)?(?P<name>\S+)"),
        lambda found, _: Reason(
            f"the {found['kind']} '{found['name']}' has no key '{found['key']}'",
            "correct the key, or add it",
        ),
    ),
    (
        re.compile(rf"(?i)serviceaccount {_NAMED} not found"),
        _missing("service account", "correct ARGO_SERVICE_ACCOUNT"),
    ),
    (
        re.compile(
            r"workflowtaskresults\S* is forbidden: User \"system:serviceaccount:[^:\"]+:"
            r"(?P<name>[^:\"]+)\""
        ),
        lambda found, _: Reason(
            f"the account '{found['name']}' of the pods may not report results to Argo",
            "set ARGO_SERVICE_ACCOUNT to an account that may, or send the administrator this",
        ),
    ),
    (re.compile(r"(?:exceeded|failed) quota: (?P<name>[^,:]+)"), _quota),
    (
        re.compile(r"Multi-Attach error for volume"),
        lambda _, __: Reason(
            "its volume is held by another node, and can be used by one at a time",
            "wait for that pod's end, or use a ReadWriteMany claim",
        ),
    ),
    (re.compile(r"\d+/\d+ nodes are available: (?P<why>.+)", re.DOTALL), _no_node),
    (re.compile(r"^Unschedulable(?P<why>)$"), lambda _, __: Reason("no node can take it")),
    (
        re.compile(r"exec format error|no match for platform"),
        lambda _, __: Reason(
            "its image is made for other processors than the node's",
            "build it for those, such as: make build push BUILD_OPTIONS=--platform=linux/amd64",
        ),
    ),
    (
        re.compile(
            r"(?:ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull"
            r"|Failed to pull image|Back-off pulling image|failed to pull)"
        ),
        _image,
    ),
)


def texts_of_pod(pod: Mapping[str, Any]) -> list[str]:
    """Return what a pod's own status says about why it does not start."""
    status = pod.get("status") or {}
    texts = []
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(key) or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") and waiting["reason"] not in ON_ITS_WAY:
                texts.append(f"{waiting['reason']}: {waiting.get('message') or ''}".rstrip(": "))
    for condition in status.get("conditions") or ():
        if condition.get("reason") == "Unschedulable":
            texts.append(str(condition.get("message") or "Unschedulable"))
    return texts
