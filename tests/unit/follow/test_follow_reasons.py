"""Why pods do not start, from what Kubernetes 1.34 and Argo 3.7 really say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from follow_workflows import node, workflow

from hera_experiment.errors import UserError
from hera_experiment.follow.pending import Explainer, reason_of_node, texts_of_events
from hera_experiment.follow.reasons import Reason, claims_of, reason_of, texts_of_pod
from hera_experiment.platform.argo_answers import ArgoRefusal

PULL = "failed to pull and unpack image"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "main: Error (exit code 64): fork/exec /solve: exec format error",
            "its image is made for other processors than the node's",
        ),
        (
            "ErrImagePull: no match for platform in manifest: not found",
            "its image is made for other processors than the node's",
        ),
        (
            'ImagePullBackOff: Back-off pulling image "127.0.0.1:5000/no:1": ErrImagePull: rpc '
            f'error: code = NotFound desc = {PULL} "127.0.0.1:5000/no:1": failed to resolve '
            'reference "127.0.0.1:5000/no:1": 127.0.0.1:5000/no:1: not found',
            "the image 127.0.0.1:5000/no:1 cannot be pulled: the registry has no such image",
        ),
        (
            f'Failed to pull image "r.invalid/x:1": {PULL} "r.invalid/x:1": failed to do request: '
            'Head "https://r.invalid/v2/x/manifests/1": dial tcp: lookup r.invalid: no such host',
            "the image r.invalid/x:1 cannot be pulled: the registry does not answer to the cluster",
        ),
        (
            f'ErrImagePull: {PULL} "h.org/p/x:1": pull access denied, repository does not exist '
            "or may require authorization: authorization failed: no basic auth credentials",
            "the image h.org/p/x:1 cannot be pulled: there is none of that name, or only for "
            "those who are signed in",
        ),
        (
            'Failed to pull image "h.org/x:1": failed to authorize: 401 Unauthorized',
            "the image h.org/x:1 cannot be pulled: the registry does not let the cluster in",
        ),
        (
            'ImagePullBackOff: Back-off pulling image "h.org/x:1"',
            "the image h.org/x:1 cannot be pulled",
        ),
        (
            'InvalidImageName: Failed to apply default image tag "X:": invalid reference format',
            "an image cannot be pulled: that is not the name of an image",
        ),
        (
            "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu. no new claims to "
            "deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful.",
            "no node can take it: 1 Insufficient cpu",
        ),
        (
            "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint "
            "{gpu: yes}. preemption: 0/3 nodes are available: 3 Preemption is not helpful.",
            "no node can take it: 1 Insufficient memory, 2 node(s) had untolerated taint "
            "{gpu: yes}",
        ),
        (
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
            "a volume claim of it is not bound",
        ),
        (
            'Unschedulable: 0/1 nodes are available: persistentvolumeclaim "nix" not found.',
            "the volume claim 'nix' does not exist",
        ),
        (
            'CreateContainerConfigError: configmap "proxy" not found',
            "the ConfigMap 'proxy' does not exist",
        ),
        (
            'MountVolume.SetUp failed for volume "cm" : configmap "settings" not found',
            "the ConfigMap 'settings' does not exist",
        ),
        (
            'MountVolume.SetUp failed for volume "s" : secret "key" not found',
            "the Secret 'key' does not exist",
        ),
        (
            "Error: couldn't find key nope in ConfigMap experiments/proxy-environment",
            "the ConfigMap 'proxy-environment' has no key 'nope'",
        ),
        (
            'pods "wf-a-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, '
            "limited: pods=2",
            "the quota 'small' of the namespace is used up (asked for pods=1, the limit is pods=2)",
        ),
        (
            'pods "wf-a-1" is forbidden: error looking up service account ns/ghost: '
            'serviceaccount "ghost" not found',
            "the service account 'ghost' does not exist",
        ),
        (
            'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) other',
            "its volume is held by another node, and can be used by one at a time",
        ),
    ],
)
def test_what_is_in_the_way_is_said_in_plain_words(text: str, said: str) -> None:
    reason = reason_of(text)
    assert reason is not None and reason.what == said
    assert reason.next_step


def test_an_image_for_other_processors_says_how_to_build_it() -> None:
    reason = reason_of("exec /solve: exec format error")
    assert reason is not None and reason.next_step.endswith(
        "make build push BUILD_OPTIONS=--platform=linux/amd64"
    )


@pytest.mark.parametrize("text", ["", "ContainerCreating", "PodInitializing", "Waiting for x lock"])
def test_other_messages_have_no_explanation(text: str) -> None:
    assert reason_of(text) is None


def mounting(*claims: str) -> dict[str, Any]:
    made = workflow(node("a", "Pending"), claims=("other", *claims))
    mounts = [{"name": claim, "mountPath": "/x"} for claim in claims]
    made["spec"]["templates"] = [
        {"name": "tmpl", "script": {"volumeMounts": mounts}},
        {"name": "else", "container": {"volumeMounts": [{"name": "other"}]}},
    ]
    return made


def test_an_unbound_claim_is_named_from_what_the_task_mounts() -> None:
    text = (
        "Unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims"
    )
    made = mounting("results")
    assert claims_of(made, "tmpl") == ["results"]
    pending = {**node("a", "Pending"), "message": text}
    assert str(reason_of_node(made, pending)).startswith("the volume claim 'results' is not bound")
    assert str(reason_of_node(mounting("r", "s"), pending)).startswith(
        "one of the volume claims 'r', 's' is not bound"
    )


def test_argos_own_words_are_kept_where_nobody_knows_better() -> None:
    waits = node("a", "Pending", message="Waiting for ns/x lock. Lock status: 0/1")
    assert reason_of_node(workflow(waits), waits) == Reason(
        "Waiting for ns/x lock. Lock status: 0/1"
    )
    comes = node("a", "Pending", message="PodInitializing")
    assert reason_of_node(workflow(comes), comes) is None


def test_what_a_pod_and_its_events_say() -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "k" not found'}
    pod = {
        "status": {
            "conditions": [{"reason": "Unschedulable", "message": "0/1 nodes are available: x"}],
            "initContainerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}],
            "containerStatuses": [{"state": {"waiting": waiting}}, {"state": {"running": {}}}],
        }
    }
    assert texts_of_pod(pod) == [
        'CreateContainerConfigError: secret "k" not found',
        "0/1 nodes are available: x",
    ]
    events = [
        {"involvedObject": {"name": "p"}, "lastTimestamp": "2026-11-21T10:00:09Z", "message": "b"},
        {"involvedObject": {"name": "p"}, "eventTime": "2026-11-21T10:00:01Z", "message": "a"},
        {"involvedObject": {"name": "q"}, "message": "c"},
    ]
    assert texts_of_events(events) == {"p": ["a", "b"], "q": ["c"]}


class Facts:
    def __init__(self, answer: Mapping[str, list[str]] | Exception) -> None:
        self.answer = answer
        self.asked = 0

    def texts(self, namespace: str, workflow: str) -> Mapping[str, list[str]]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def exists(self, namespace: str, pod: str) -> bool | None:
        raise AssertionError


def pod_of(name: str) -> str:
    from hera_experiment.argo.names import pod_name

    return pod_name("wf", f"wf.{name}", "tmpl")


def test_events_tell_what_argos_message_does_not() -> None:
    made = workflow(
        node("a", "Pending", message="PodInitializing"),
        node("b", "Pending", message='ImagePullBackOff: Back-off pulling image "x:1"'),
        node("c", "Pending", message='configmap "known" not found'),
        node("d", "Running"),
    )
    facts = Facts(
        {
            pod_of("a"): ['MountVolume.SetUp failed for volume "c" : configmap "m" not found'],
            pod_of("b"): ['Failed to pull image "x:1": x:1: not found', "Error: ErrImagePull"],
        }
    )
    found = {key: reason.what for key, reason in Explainer([facts]).reasons(made).items()}
    assert found == {
        "wf-a": "the ConfigMap 'm' does not exist",
        "wf-b": "the image x:1 cannot be pulled: the registry has no such image",
        "wf-c": "the ConfigMap 'known' does not exist",
    }


def test_nothing_is_asked_when_nothing_is_unclear() -> None:
    facts = Facts(AssertionError())
    assert Explainer([facts]).reasons(workflow(node("a", "Running"), node("b"))) == {}
    assert facts.asked == 0


def test_who_may_not_ask_kubernetes_asks_argo_and_then_nobody() -> None:
    made = workflow(node("a", "Pending"))
    first, second = Facts(ArgoRefusal("no", status=403)), Facts({pod_of("a"): ["odd"]})
    explainer = Explainer([first, second])
    for _ in range(2):
        assert explainer.reasons(made) == {"wf-a": Reason("odd")}
    assert (first.asked, second.asked) == (1, 2)
    assert Explainer([Facts(ArgoRefusal("no", status=403))]).reasons(made) == {}


def test_a_moment_without_an_answer_is_no_refusal() -> None:
    facts = Facts(UserError("Kubernetes did not answer in time"))
    explainer = Explainer([facts])
    made = workflow(node("a", "Pending"))
    assert explainer.reasons(made) == {}
    facts.answer = {pod_of("a"): ["odd"]}
    assert explainer.reasons(made) == {"wf-a": Reason("odd")}
