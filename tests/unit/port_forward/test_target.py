"""Which pod a port leads to, with answers of Kubernetes made by hand."""

from collections.abc import Mapping
from typing import Any

import pytest

from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.port_forward.target import NotNow, TargetFinder


def pod(name: str, *, ready: str = "True", going: bool = False) -> dict[str, Any]:
    metadata = {"name": name, "uid": f"uid-{name}"}
    if going:
        metadata["deletionTimestamp"] = "now"
    container = {"ports": [{"name": "web", "containerPort": 2746}]}
    return {
        "metadata": metadata,
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
        "spec": {"containers": [container]},
    }


def service(port: Any = "web", selector: Any = None) -> dict[str, Any]:
    selector = {"app": "argo-server"} if selector is None else selector
    return {"spec": {"selector": selector, "ports": [{"port": 2746, "targetPort": port}]}}


class Kubernetes:
    """Answers by what is asked; an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.client = self
        self.asked: list[tuple[str, ...]] = []

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        namespace, kind, *names = path.removeprefix("/api/v1/namespaces/").split("/")
        verb = kind.removesuffix("s") if names else "list"
        self.asked.append((verb, *names, namespace, *(params or {}).values()))
        answer = self.answers[f"{verb}_{namespace}"]
        if isinstance(answer, Exception):
            raise answer
        return {"items": answer} if isinstance(answer, list) else answer

    def document(self, asked: str, answer: Any) -> Any:
        return answer


def find(kubernetes: Any, *namespaces: str) -> Any:
    return TargetFinder(kubernetes, namespaces or ("argo",)).find()


def test_the_first_ready_pod_by_the_name_of_its_port() -> None:
    pods = [pod("a", ready="False"), pod("b", going=True), pod("c")]
    target = find(Kubernetes(service_argo=service(), list_argo=pods))
    assert (target.namespace, target.pod, target.uid, target.port) == ("argo", "c", "uid-c", 2746)


def test_a_port_by_its_number() -> None:
    assert find(Kubernetes(service_argo=service(8080), list_argo=[pod("a")])).port == 8080


def test_without_the_right_to_services_the_labels_of_argo_are_used() -> None:
    kubernetes = Kubernetes(
        service_argo=KubernetesRefusal("forbidden", status=403), list_argo=[pod("a")]
    )
    assert find(kubernetes).pod == "a"
    assert ("list", "argo", "app=argo-server") in kubernetes.asked


def test_the_second_namespace_when_the_first_has_none() -> None:
    absent = KubernetesRefusal("absent", status=404)
    kubernetes = Kubernetes(service_dev=absent, service_argo=service(), list_argo=[pod("a")])
    assert find(kubernetes, "dev", "argo", "dev").namespace == "argo"


@pytest.mark.parametrize(
    ("answers", "kind", "sentence"),
    [
        ({"service_argo": KubernetesRefusal("x", status=404)}, UserError, "no service"),
        ({"service_argo": service(), "list_argo": []}, NotNow, "is ready"),
        ({"service_argo": service(selector={})}, UserError, "selects no pods"),
        ({"service_argo": service("grpc"), "list_argo": [pod("a")]}, UserError, "no port named"),
        ({"service_argo": KubernetesRefusal("in trouble", status=503)}, NotNow, "in trouble"),
        ({"service_argo": UserError("no answer")}, NotNow, "no answer"),
    ],
)
def test_no_way(answers: dict[str, Any], kind: type[UserError], sentence: str) -> None:
    with pytest.raises(kind, match=sentence) as raised:
        find(Kubernetes(**answers))
    assert isinstance(raised.value, NotNow) == (kind is NotNow)


@pytest.mark.parametrize(
    ("answer", "alive"),
    [
        (pod("a"), True),
        (pod("a", going=True), False),
        (pod("a", ready="False"), False),
        (KubernetesRefusal("gone", status=404), False),
    ],
)
def test_whether_a_pod_is_still_the_one(answer: Any, alive: bool) -> None:
    kubernetes = Kubernetes(service_argo=service(), list_argo=[pod("a")])
    finder = TargetFinder(kubernetes, ("argo",))  # type: ignore[arg-type]
    target = finder.find()
    kubernetes.answers["pod_argo"] = answer
    assert finder.is_alive(target) == alive
    kubernetes.answers["pod_argo"] = pod("other")
    assert not finder.is_alive(target)
