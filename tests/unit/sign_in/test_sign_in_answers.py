"""Each answer is looked at when it is given; what was answered before a failure is kept."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_server import Answer, Asked, FakeServer
from test_sign_in_dialogue import Person

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError
from hera_experiment.sign_in import answers, terminal
from hera_experiment.verbs import sign_in
from hera_utils.cli_context import ARGUMENTS, CLIContext

KUBECONFIG = {
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "current-context": "c",
}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    yield made
    made.close()


def doubt(name: str, value: str, **others: str) -> str:
    (argument,) = (each for each in ARGUMENTS if each.name == name)
    return answers.doubt(argument, value, others)


def token(**claims: Any) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"h.{part}.s"


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("k8s_config_file", "/nowhere/kubeconfig.yaml", "there is no kubeconfig"),
        ("k8s_config_file", __file__, "YAML|kubeconfig"),
        ("argo_server", "a b", "not the address of an Argo server"),
        ("argo_server", "argo.example.org:port", "not the address of an Argo server"),
        ("argo_token", "Bearer ab\x00c", "character"),
        ("argo_token", "Bearer “abc”", "character"),
        ("argo_namespace", "My_Space", "name in Kubernetes"),
        ("argo_service_account", "argo user", "name in Kubernetes"),
        ("ca_bundle", "/nowhere/ca.pem", "cannot be read"),
        ("ca_bundle", __file__, "holds no certificates"),
        ("k8s_volume_claim_name", "Results", "name in Kubernetes"),
        ("registry", "registry.example.org/My Project", "not the address of a registry"),
    ],
)
def test_what_cannot_work_is_refused(name: str, value: str, wrong: str) -> None:
    with pytest.raises(UserError, match=wrong):
        doubt(name, value)


def test_what_may_be_wrong_is_said(server: FakeServer) -> None:
    gone = FakeServer()
    gone.close()
    assert "nothing listens" in doubt("argo_server", f"127.0.0.1:{gone.port}")
    assert doubt("argo_server", f"127.0.0.1:{server.port}") == ""
    assert "no host is named 'argo.invalid'" in doubt("argo_server", "argo.invalid:443")
    assert "expired on" in doubt("argo_token", f"Bearer {token(exp=1)}")
    assert doubt("argo_token", f"Bearer {token(exp=9e9)}") == doubt("argo_token", "v2:abc") == ""
    server.answer = lambda asked: Answer(b"<html>")
    assert "as a container registry" in doubt("registry", f"127.0.0.1:{server.port}/project")
    assert "nothing listens" in doubt("registry", f"127.0.0.1:{gone.port}")
    assert doubt("argo_secure", "true") == doubt("k8s_config_file", "/dev/null") == ""


def test_a_claim_that_is_not_there_is_said_with_those_that_are(
    server: FakeServer, tmp_path: Path
) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/persistentvolumeclaims"):
            return Answer({"items": [{"metadata": {"name": name}} for name in ("scratch", "data")]})
        return Answer({"message": "not found"}, 404)

    server.answer = answer
    path = tmp_path / "kubeconfig.yaml"
    clusters = [{"name": "c", "cluster": {"server": server.url}}]
    path.write_text(json.dumps({**KUBECONFIG, "clusters": clusters}))
    others = {"KUBECONFIG": str(path), "ARGO_NAMESPACE": "mine"}
    said = doubt("k8s_volume_claim_name", "results", **others)
    assert "'mine' has no claim 'results'" in said and "data, scratch" in said
    server.answer = lambda asked: Answer({"metadata": {}})
    assert doubt("k8s_volume_claim_name", "results", **others) == ""
    server.answer = lambda asked: Answer({"message": "no"}, 403)
    assert doubt("k8s_volume_claim_name", "results", **others) == ""


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Types ``make sign-in CLUSTER=far`` and the answers of a person."""
    toml = '[experiment]\nname="n"\nslug="s"\n[defaults]\nk8s_volume_claim_name="committed"\n'
    (tmp_path / "experiment.toml").write_text(toml)
    monkeypatch.chdir(tmp_path)
    for argument in ARGUMENTS:
        for variable in argument.variables:
            monkeypatch.delenv(variable, raising=False)

    def type_(*lines: str, options: tuple[str, ...] = ()) -> tuple[int, Person]:
        person = Person(*lines)
        monkeypatch.setattr(terminal, "Terminal", lambda: person)
        parser = VerbParser(CLIContext)
        sign_in.add_arguments(parser)
        args = VerbArguments(CLIContext)
        parser.parse_args(["--cluster=far", "--preset=token", *options], args)
        return sign_in.main(args), person

    return type_


def test_the_whole_of_it(typed: Any, server: FakeServer, tmp_path: Path) -> None:
    address, taken = f"http://127.0.0.1:{server.port}", {"right"}

    def answer(asked: Asked) -> Answer:
        if asked.path.startswith("/v2/"):
            return Answer({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})
        bearer = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        return Answer(
            {"items": None} if bearer in taken else {"message": "no"},
            200 if bearer in taken else 401,
        )

    server.answer = answer
    # The address is wrong at first, then the token; the person leaves.
    status, person = typed("a b", address, "wrong", "ns", "", "")
    assert status == 1 and "× 'a b' is not the address" in "\n".join(person.heard)
    (draft,) = (tmp_path / ".hera").glob("sign-in*")
    assert draft.stat().st_mode & 0o777 == 0o600 and "wrong" not in draft.read_text()
    assert not list((tmp_path / "clusters").iterdir())
    # What was answered is offered; the token is asked for anew, then the claim and the registry.
    registry = f"127.0.0.1:{server.port}/project"
    status, person = typed("", "right", "", "", "", registry)
    assert status == 0, person.heard
    assert f"ARGO_SERVER [{address}]: " in person.heard
    text = (tmp_path / "clusters" / "far.config").read_text()
    assert f"REGISTRY={registry}" in text and "ARGO_TOKEN=right" in text
    assert "KUBEVOLUMECLAIMNAME" not in text, "it is committed"
    assert "ARGO_SECURE=false" in text
    assert not list((tmp_path / ".hera").glob("sign-in*"))


def test_the_claim_and_the_registry_are_taken_as_typed(
    typed: Any, server: FakeServer, tmp_path: Path
) -> None:
    server.answer = lambda asked: Answer({"items": None})
    options = (
        f"--argo_server=http://127.0.0.1:{server.port}",
        "--argo_token=s3cret",
        "--argo_namespace=ns",
        "--ca_bundle=",
        "--k8s_volume_claim_name=mine",
        "--registry=r.invalid/p",
    )
    status, person = typed(options=options)
    assert status == 0
    text = (tmp_path / "clusters" / "far.config").read_text()
    assert "KUBEVOLUMECLAIMNAME=mine\n" in text and "REGISTRY=r.invalid/p\n" in text
    assert any("ps shows it" in line for line in person.heard)
    assert "s3cret" not in "".join(person.heard)


def test_a_sign_in_that_breaks_off_keeps_the_answers(typed: Any, tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        typed("https://argo.invalid/argo", "", "token")
    (draft,) = (tmp_path / ".hera").glob("sign-in*")
    assert "argo.invalid" in draft.read_text() and "token" not in draft.read_text().lower()
    assert os.listdir(tmp_path / ".hera").count(".gitignore") == 1
