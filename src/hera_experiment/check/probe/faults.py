"""What Argo says of a pod that does not come up, read as the fault of one check."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from hera_experiment.check.outcome import APPLY, Outcome, failure
from hera_experiment.check.rights import grant
from hera_experiment.platform.kubernetes_reviews import RESULTS

PROBE = "PROBE"
"""The code for what no other check is about."""
NOT_MADE, CREATED, PLACED, PULLED, STARTED = range(5)
"""How far a pod came: let in, given a node and its volumes, its images there, running."""
EXEC_FORMAT = "exec format error"
"""What a program says that is made for other processors."""


@dataclass(frozen=True)
class Fault:
    """The ``code`` of a check with its ``outcome``; ``stage`` is how far the pod came.

    ``is_final`` tells that waiting does not mend it.
    """

    code: str
    outcome: Outcome
    stage: int = NOT_MADE
    is_final: bool = True


@dataclass(frozen=True)
class Scene:
    """What a fault is worded with: the pod's image, account and namespace, the person's cluster."""

    image: str
    account: str
    namespace: str
    cluster: str = ""

    def make(self, targets: str) -> str:
        """Return the command that makes ``targets`` for this cluster."""
        return f"make {targets}" + (f" CLUSTER={self.cluster}" if self.cluster else "")


class _Saying(NamedTuple):
    """What Argo says of a ``code``'s fault, and how it is told on.

    ``message``, ``advice`` and ``cause`` (Argo's own words where it is empty) may hold ``{0}`` and
    so on for what the pattern found, and the words of :func:`fault_of`.
    """

    pattern: str
    code: str
    message: str
    advice: str
    stage: int = CREATED
    is_final: bool = True
    cause: str = ""


def fault_of(message: str, scene: Scene) -> Fault:
    """Return whose fault it is that Argo says ``message`` of a pod."""
    said = f"Argo says: {' '.join(message.split())[:400]}"
    for each in _SAYINGS:
        if found := re.search(each.pattern, message, re.IGNORECASE):
            break
    else:
        return Fault(PROBE, failure("fails", said, "ask the administrator, with this sentence"))
    groups = [group or "" for group in found.groups()]
    words = {
        "account": scene.account,
        "image": scene.image,
        "namespace": scene.namespace,
        "platform": other_platform(scene.cluster),
        "provision": scene.make("provision"),
        "push": scene.make("build push"),
    }
    outcome = failure(
        each.message.format(*groups, **words),
        each.cause.format(*groups, **words) or said,
        each.advice.format(*groups, **words),
    )
    if each.code == "ACCOUNT-RESULTS":
        user = f"system:serviceaccount:{scene.namespace}:{scene.account}"
        outcome = replace(outcome, paste=grant("report-results", scene.namespace, user, RESULTS))
    return Fault(each.code, outcome, each.stage, each.is_final)


def lacks_shell(message: str) -> bool:
    """Say whether all that is wrong is that the image has no shell: it was pulled and started."""
    return 'exec: "sh": executable file not found' in message


def other_platform(cluster: str = "") -> str:
    """Return what to type about an image that is made for other processors."""
    where = f" CLUSTER={cluster}" if cluster else ""
    return f"make build push{where} BUILD_OPTIONS=--platform=linux/amd64"


_NO_RESULTS = (
    "the account '{account}' may not create workflowtaskresults in '{namespace}', so that outputs "
    "of tasks never arrive"
)
_OTHER_ACCOUNT = f"set ARGO_SERVICE_ACCOUNT to an account that may, or {APPLY}"
_MISSING_SECRET = "declare it in environment.py, and type: {provision}, which asks for its values"
_REGISTRY = "{push}, or ask the administrator whether the nodes reach its registry"
_SAYINGS = (
    _Saying(
        r'serviceaccount "([^"]+)" not found',
        "ACCOUNT-EXISTS",
        "'{0}' is missing",
        "set ARGO_SERVICE_ACCOUNT to an existing one, or the administrator types: "
        "kubectl -n {namespace} create serviceaccount {0}",
        stage=NOT_MADE,
        cause="there is no service account '{0}' in '{namespace}'",
    ),
    _Saying(
        r"workflowtaskresults\S* is forbidden",
        "ACCOUNT-RESULTS",
        "not allowed",
        _OTHER_ACCOUNT,
        STARTED,
        cause=_NO_RESULTS,
    ),
    _Saying(
        r"failed to resolve .*outputs|outputs\.parameters\.word",
        "ACCOUNT-RESULTS",
        "outputs do not arrive",
        _OTHER_ACCOUNT,
        STARTED,
    ),
    _Saying(
        r"(?:exceeded|failed) quota: ([^,:]+)",
        "QUOTA",
        "no room in '{0}'",
        "ask for less in workflow.py, or ask the administrator for a larger quota",
        NOT_MADE,
    ),
    _Saying(
        r"forbidden: \[?(?:maximum|minimum) ",
        "LIMIT-RANGE",
        "not allowed",
        "ask in workflow.py for what the limit range allows",
        NOT_MADE,
    ),
    _Saying(
        r'persistentvolumeclaim "([^"]+)" not found',
        "CLAIM-BOUND",
        "'{0}' is missing",
        "correct KUBEVOLUMECLAIMNAME, or create it with: {provision}",
    ),
    _Saying(
        r"unbound immediate persistentvolumeclaims",
        "CLAIM-BOUND",
        "not bound",
        "ask the administrator for a PersistentVolume for the claim",
        is_final=False,
    ),
    _Saying(
        r"ReadWriteOncePod|volume node affinity conflict|Multi-Attach",
        "CLAIM-NODE",
        "held elsewhere",
        "wait until the pod that holds the claim has ended, or ask the administrator for a claim "
        "with ReadWriteMany",
        is_final=False,
    ),
    _Saying(
        r'configmap "([^"]+)" not found',
        "CONFIGMAP",
        "'{0}' is missing",
        "correct KUBECONFIGMAP, or create it with: {provision}",
        PULLED,
    ),
    _Saying(
        r"couldn't find key (\S+) in ConfigMap [^\s/]+/(\S+)",
        "CONFIGMAP",
        "'{1}' lacks '{0}'",
        "the administrator types: kubectl -n {namespace} patch configmap {1} --type merge "
        """-p '{{"data":{{"{0}":"VALUE"}}}}'""",
        PULLED,
    ),
    _Saying(
        r'secret "([^"]+)" not found',
        "SECRET",
        "'{0}' is missing",
        _MISSING_SECRET,
        PULLED,
    ),
    _Saying(
        r"couldn't find key (\S+) in Secret [^\s/]+/(\S+)",
        "SECRET",
        "'{1}' lacks '{0}'",
        _MISSING_SECRET,
        PULLED,
    ),
    _Saying(
        rf"{EXEC_FORMAT}|no match for platform",
        "IMAGES",
        "{image} is made for other processors",
        "{platform}",
        PLACED,
    ),
    _Saying(
        r"(?:ErrImagePull|ImagePullBackOff).*"
        r"(?:unauthorized|forbidden|denied|authentication|authorization failed)",
        "PULL-SECRET",
        "the nodes may not pull {image}",
        "name a pull secret for its registry in environment.py, and type: {provision}",
        PLACED,
    ),
    _Saying(
        r"(?:ErrImagePull|ImagePullBackOff).*(?:not found|manifest unknown)",
        "IMAGES",
        "{image} is missing",
        "{push}, or correct its name or tag in workflow.py",
        PLACED,
    ),
    _Saying(
        r"ImagePullBackOff|ErrImageNeverPull|InvalidImageName|ImageInspectError",
        "IMAGES",
        "{image} cannot be pulled",
        _REGISTRY,
        PLACED,
    ),
    _Saying(
        r"ErrImagePull",
        "IMAGES",
        "{image} cannot be pulled",
        _REGISTRY,
        PLACED,
        is_final=False,
    ),
    _Saying(
        r"Insufficient ([^\s/]+/[^\s.]+(?:\.[^\s.]+)*)",
        "GPU",
        "no {0} is free",
        "ask for fewer {0} in workflow.py, or wait until one is free",
        is_final=False,
    ),
    _Saying(
        r"Unschedulable|nodes are available",
        "TAINTS",
        "no node takes it",
        "correct node_selector, tolerations or resources in workflow.py, or wait for room",
        is_final=False,
    ),
)
