"""Pushing: each engine's command, and what a refusal means."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hera_experiment.errors import UserError
from hera_experiment.images.engine import Completed
from hera_experiment.images.pusher import Pusher, refuse_malformed

HOST = "harbor.example.org:5077"
REMOTE = f"{HOST}/p/lyon-chart:1"
LOCAL = "localhost/lyon-chart:1"


class Engine:
    def __init__(self, output: str = "", status: int = 0) -> None:
        self.asked: list[list[str]] = []
        self.answer = Completed(status, output)

    def __call__(self, argv: Sequence[str]) -> Completed:
        self.asked.append(list(argv))
        return self.answer if "push" in argv else Completed(0, "")


def test_docker_names_the_image_for_the_registry():
    digest = "sha256:" + "ab" * 32
    engine = Engine(f"1: digest: {digest} size: 527\n")
    assert Pusher("docker", f"{HOST}/p", "lyon").push(LOCAL, REMOTE, engine) == digest
    assert engine.asked == [["docker", "tag", LOCAL, REMOTE], ["docker", "push", REMOTE]]


@pytest.mark.parametrize("name", ["podman", "buildah"])
@pytest.mark.parametrize("host", ["127.0.0.1:5000", "localhost:5000", "h.example.org"])
def test_podman_and_buildah_push_to_plain_http_on_this_machine_only(name: str, host: str):
    engine, remote = Engine(), f"{host}/lyon-chart:1"
    assert Pusher(name, host, "lyon").push(LOCAL, remote, engine) == ""
    insecure = [] if host == "h.example.org" else ["--tls-verify=false"]
    command = [name, "push", "--format=v2s2", *insecure, LOCAL, f"docker://{remote}"]
    assert engine.asked == [command]


@pytest.mark.parametrize(
    ("output", "says", "advice"),
    [
        ("no basic auth credentials\n", "does not know who pushes", f"docker login {HOST}"),
        (
            f"Error: trying to reuse blob sha256:17 at destination: checking whether a blob exists "
            f"in {HOST}/p/lyon-chart: unauthorized: authentication required",
            "1: unauthorized: authentication required (",
            f"docker login {HOST}",
        ),
        (
            "denied: requested access to the resource is denied\n",
            "does not let you push",
            f"correct REGISTRY, or change accounts: docker login {HOST}",
        ),
        (
            "denied: adding 1 MiB of storage resource will exceed the configured upper limit\n",
            "has no room for",
            "ask whoever keeps it",
        ),
        ("received unexpected HTTP status: 507 Insufficient Storage\n", "has no room for", "ask"),
        ("received unexpected HTTP status: 500 Internal Server Error\n", "refuses", "try again"),
        ("dial tcp 10.0.0.1:443: connect: connection refused\n", "does not answer", "start the"),
        ("", "refuses", "try again"),
    ],
)
def test_a_refusal_is_one_sentence(output: str, says: str, advice: str):
    pusher = Pusher("docker", f"{HOST}/p", "lyon", "REGISTRY from ./hera.config, line 2")
    with pytest.raises(UserError) as caught:
        pusher.push(LOCAL, REMOTE, Engine(output, 1))
    assert says in str(caught.value)
    assert advice in caught.value.next_step and "\n" not in str(caught.value)
    assert "REGISTRY from ./hera.config, line 2" in str(caught.value)


@pytest.mark.parametrize("name", ["h", "h:5000", "127.0.0.1:5000/a/b-c/", "https://h/p", "user"])
def test_names_of_registries(name: str):
    refuse_malformed(name, "")


@pytest.mark.parametrize("name", ["h/Project", "h:port/p", "h//p", "h/p:1", "h /p"])
def test_what_is_no_name_of_a_registry(name: str):
    with pytest.raises(UserError, match="not the address of a registry"):
        refuse_malformed(name, "REGISTRY in the environment")
