"""The registry's client: references, Docker's credentials, the dance for a token."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hera_experiment.errors import UserError
from hera_experiment.platform.registry import Image, ImageLookup, Registry, host_of
from hera_experiment.platform.registry_credentials import docker_credentials, kept_credentials


@pytest.mark.parametrize(
    ("text", "registry", "repository", "reference"),
    [
        ("python:3.13-slim", "docker.io", "library/python", "3.13-slim"),
        ("python", "docker.io", "library/python", "latest"),
        ("me/mine:1", "docker.io", "me/mine", "1"),
        ("docker.io/me/mine", "docker.io", "me/mine", "latest"),
        ("127.0.0.1:5000/a/b:tag", "127.0.0.1:5000", "a/b", "tag"),
        ("localhost/x", "localhost", "x", "latest"),
        ("ghcr.io/a/b@sha256:00ff", "ghcr.io", "a/b", "sha256:00ff"),
        ("ghcr.io/a/b:1@sha256:00ff", "ghcr.io", "a/b", "sha256:00ff"),
    ],
)
def test_references(text: str, registry: str, repository: str, reference: str) -> None:
    assert Image.parse(text) == Image(registry, repository, reference)


def test_the_host_of_a_registry() -> None:
    assert host_of("127.0.0.1:5000") == "127.0.0.1:5000"
    assert host_of("harbor.example.org/project") == "harbor.example.org"
    assert host_of("https://index.docker.io/v1/") == "index.docker.io"


def docker_config(folder: Path, **content: Any) -> dict[str, str]:
    (folder / "config.json").write_text(json.dumps(content))
    return {"DOCKER_CONFIG": str(folder)}


def test_credentials_as_docker_keeps_them(tmp_path: Path) -> None:
    assert docker_credentials("host", {"HOME": str(tmp_path)}) is None
    auth = base64.b64encode(b"me:pass:word").decode()
    environ = docker_config(tmp_path, auths={"https://host/v1/": {"auth": auth}, "bad": {}})
    assert docker_credentials("host", environ) == ("me", "pass:word")
    assert docker_credentials("other", environ) is None
    assert docker_credentials("bad", environ) is None
    environ = docker_config(tmp_path, auths={"host": {"identitytoken": "t"}})
    assert docker_credentials("host", environ) == ("", "t")
    environ = docker_config(tmp_path, auths={"https://index.docker.io/v1/": {"auth": auth}})
    assert docker_credentials("docker.io", environ) == ("me", "pass:word")


def test_credentials_of_a_helper(tmp_path: Path) -> None:
    environ = docker_config(
        tmp_path, credsStore="store", credHelpers={"special": "other"}, auths={"host": {}}
    )
    asked = []

    def helper(program: str, key: str) -> str:
        asked.append((program, key))
        return json.dumps({"Username": "me", "Secret": "s3cret"}) if key == "host" else ""

    assert docker_credentials("host", environ, helper) == ("me", "s3cret")
    assert docker_credentials("special", environ, helper) is None
    assert asked[0] == ("docker-credential-store", "host")
    assert ("docker-credential-other", "special") in asked
    # The real helper is not installed here.
    assert docker_credentials("host", environ) is None


def test_credentials_of_podman_and_buildah(tmp_path: Path) -> None:
    def kept(host: str, repository: str = "") -> tuple[str, str] | None:
        return kept_credentials(host, environ, repository=repository)

    def entry(user: str) -> dict[str, str]:
        return {"auth": base64.b64encode(f"{user}:s3cret".encode()).decode()}

    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    file = tmp_path / "run" / "containers" / "auth.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"auths": {"podman:1": entry("p"), "podman:1/a/b": entry("ab")}}))
    assert kept("podman:1") == kept("podman:1", "a/c") == ("p", "s3cret")
    assert kept("podman:1", "a/b/c") == ("ab", "s3cret")
    assert kept("elsewhere.invalid") is None
    environ |= docker_config(tmp_path, auths={"podman:1": entry("docker")})
    assert kept("podman:1") == ("docker", "s3cret")
    (tmp_path / "named.json").write_text(json.dumps({"auths": {"podman:1": entry("named")}}))
    environ["REGISTRY_AUTH_FILE"] = str(tmp_path / "named.json")
    assert kept("podman:1") == ("named", "s3cret")


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    environ = docker_config(tmp_path)
    (tmp_path / "config.json").write_text('{"auths": {"host": {"auth": "s3cret"')
    with pytest.raises(UserError) as caught:
        docker_credentials("host", environ)
    assert "s3cret" not in str(caught.value) and "config.json" in str(caught.value)


DIGEST = "sha256:" + "0a" * 32


class Dance:
    """A registry that wants a token of its own service, for which it wants a password."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.public = False
        dance = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                dance.asked.append((self.command, self.path))
                status, headers, body = dance.answer(self.path, dict(self.headers))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        given = headers.get("Authorization", "")
        if path.startswith("/token"):
            right = f"Basic {base64.b64encode(b'me:s3cret').decode()}"
            if given != right and not (self.public and "scope=" in path):
                return 401, {}, b"{}"
            return 200, {}, json.dumps({"token": "t-" + path.rpartition("=")[2]}).encode()
        if not given.startswith("Bearer t-"):
            realm = f'Bearer realm="http://{self.host}/token",service="here"'
            return 401, {"WWW-Authenticate": realm}, b"{}"
        if path == "/v2/":
            return 200, {"Docker-Distribution-Api-Version": "registry/2.0"}, b"{}"
        if path.endswith("/a/b/manifests/1"):
            return 200, {"Docker-Content-Digest": DIGEST}, b""
        return 404, {}, b""


@pytest.fixture
def dance() -> Iterator[Dance]:
    made = Dance()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_the_dance_for_a_token(dance: Dance) -> None:
    registry = Registry(dance.host, ("me", "s3cret"))
    assert registry.wants_sign_in() and registry.accepts_credentials()
    assert registry.has(Image(dance.host, "a/b", "1")) is True
    assert registry.has(Image(dance.host, "a/b", "2")) is False
    assert registry.find(Image(dance.host, "a/b", "1")) == ImageLookup(True, DIGEST)
    assert registry.find(Image(dance.host, "a/b", "2")) == ImageLookup(False)
    token = next(path for _, path in dance.asked if "scope" in path)
    assert "service=here" in token and "scope=repository%3Aa%2Fb%3Apull" in token
    assert ("HEAD", "/v2/a/b/manifests/1") in dance.asked


def test_a_wrong_password_and_none(dance: Dance) -> None:
    image = Image(dance.host, "a/b", "1")
    for registry in (Registry(dance.host, ("me", "wrong")), Registry(dance.host)):
        assert not registry.accepts_credentials()
        assert registry.has(image) is None
    dance.public = True
    assert Registry(dance.host).has(image) is True


def test_what_is_no_registry(dance: Dance) -> None:
    dance.answer = lambda path, headers: (200, {}, b"<html>")  # type: ignore[method-assign]
    with pytest.raises(UserError, match="does not answer as a container registry"):
        Registry(dance.host).ping()


def test_a_registry_that_does_not_answer(dance: Dance) -> None:
    dance.server.shutdown()
    dance.server.server_close()
    with pytest.raises(UserError, match=r"REGISTRY here\): correct REGISTRY, join the VPN"):
        Registry(dance.host, where="REGISTRY here").ping()
    with pytest.raises(UserError, match=r"no host is named 'r.invalid': correct the name"):
        Registry("r.invalid").find(Image("r.invalid", "a", "1"))


OTHER, CONFIG = "sha256:" + "1b" * 32, "sha256:" + "2c" * 32


def published(dance: Dance, **bodies: Any) -> Registry:
    """Let the registry have these documents by the last part of their path, after the dance."""
    before = dance.answer

    def answer(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        found = bodies.get(path.rpartition("/")[2].replace(":", "_"))
        # Where a blob lies nobody signs in: a token there would be one too many.
        if path.startswith("/elsewhere/") and headers.get("Authorization"):
            return 400, {}, b""
        status, told, body = before(path, headers)
        if (status == 401 and not path.startswith("/elsewhere/")) or found is None:
            return status, told, body
        if "/blobs/" in path and not path.startswith("/elsewhere/"):
            return 307, {"Location": f"/elsewhere{path}"}, b""
        return 200, {}, found if isinstance(found, bytes) else json.dumps(found).encode()

    dance.answer = answer  # type: ignore[method-assign]
    dance.public = True
    return Registry(dance.host)


def entry(architecture: str, **more: str) -> dict[str, Any]:
    return {"platform": {"os": "linux", "architecture": architecture, **more}}


@pytest.mark.parametrize(
    ("manifest", "platforms"),
    [
        (
            {"manifests": [entry("amd64"), entry("arm64", variant="v8")]},
            "linux/amd64 linux/arm64/v8",
        ),
        # How it was built, as BuildKit lists it beside the image.
        (
            {
                "manifests": [
                    entry("arm64"),
                    {"platform": {"os": "unknown", "architecture": "unknown"}},
                ]
            },
            "linux/arm64",
        ),
        ({"config": {"digest": CONFIG}}, "linux/s390x"),
        ({"config": {"digest": OTHER}}, ""),
        ({"config": {"digest": "../../../secret"}}, ""),
        ({"schemaVersion": 1, "architecture": "amd64"}, "linux/amd64"),
        ({"manifests": []}, ""),
        ({"manifests": [1, {"platform": [2]}, {"platform": {"os": 3, "architecture": {}}}]}, ""),
        ([], ""),
        (b"<html>", ""),
        (b" " * (5 << 20) + b"{}", ""),
    ],
)
def test_the_platforms_of_an_image(dance: Dance, manifest: Any, platforms: str) -> None:
    config = {"os": "linux", "architecture": "s390x", "config": {"Env": []}}
    registry = published(dance, multi=manifest, **{CONFIG.replace(":", "_"): config})
    found = registry.platforms(Image(dance.host, "a/b", "multi"))
    assert found == (frozenset(platforms.split()) or None)
    assert registry.platforms(Image(dance.host, "a/b", "absent")) is None
