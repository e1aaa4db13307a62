"""Registries of our own on loopback, and container engines that are really there."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
import requests
from polling import until

USER, PASSWORD = "me", "s3cret"
# What htpasswd -nbB me s3cret prints.
_HTPASSWD = "me:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n"
_PROBE = "localhost/hera-test-probe:1"
_REQUEST = re.compile(r'"(GET|HEAD|PUT|POST|PATCH) (/v2/\S+)')


def absent(what: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


class RealRegistry:
    """Debian's docker-registry, as a process of its own."""

    def __init__(self, folder: Path, *, private: bool = False, read_only: bool = False) -> None:
        program = shutil.which("docker-registry")
        if program is None:
            absent("docker-registry is not installed (Debian: apt-get install docker-registry)")
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.host = f"127.0.0.1:{listener.getsockname()[1]}"
        (folder / "htpasswd").write_text(_HTPASSWD)
        auth = f"auth: {{htpasswd: {{realm: here, path: {folder}/htpasswd}}}}" if private else ""
        maintenance = ", maintenance: {readonly: {enabled: true}}" if read_only else ""
        (folder / "settings.yml").write_text(
            f"version: 0.1\nhttp: {{addr: '{self.host}'}}\n{auth}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}{maintenance}}}\n"
        )
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, "serve", str(folder / "settings.yml")], stdout=log, stderr=log
            )
        until(self._answers, 10, seen=self._log.read_text)

    def _answers(self) -> bool:
        try:
            requests.get(f"http://{self.host}/v2/", timeout=1)
        except requests.ConnectionError:
            return False
        return True

    def requests(self) -> list[tuple[str, str]]:
        """Return method and path of all requests so far."""
        return _REQUEST.findall(self._log.read_text())

    def digest(self, repository: str, tag: str) -> str:
        """Return the digest of an image, empty where there is none."""
        answer = requests.head(
            f"http://{self.host}/v2/{repository}/manifests/{tag}",
            headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
            auth=(USER, PASSWORD),
            timeout=5,
        )
        return answer.headers["Docker-Content-Digest"] if answer.ok else ""

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@dataclass
class Engine:
    """A container engine with its environment; ``name`` is what --engine takes."""

    name: str
    environ: dict[str, str] = field(default_factory=dict)

    def call(self, *words: str, text: str = "", home: Path | None = None) -> None:
        program = shutil.which(self.name, path=self.environ.get("PATH"))
        assert program
        environ = {**os.environ, **self.environ, **({"HOME": str(home)} if home else {})}
        done = subprocess.run(
            [program, *words], input=text, capture_output=True, text=True, env=environ
        )
        assert done.returncode == 0, done.stderr


def real_engine(kind: str, folder: Path) -> Engine:
    """Return the engine of this ``kind`` if it builds images here, otherwise skip the test.

    Kinds are docker (the classic builder), buildkit, podman, buildah. Docker is part of what CI
    must offer; the others are tried where they are.
    """
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM scratch\nLABEL probe={secrets.token_hex(4)}\n")
    if kind in ("podman", "buildah"):
        if shutil.which(kind) is None:
            pytest.skip(f"{kind} is not installed (Debian: apt-get install {kind})")
        why = _builds([kind, "build", "--format=docker", str(folder)], {})
        if why:
            pytest.skip(f"{kind} cannot build here: {why}")
        return Engine(kind)
    if shutil.which("docker") is None:
        absent("docker is not installed: run the test cluster's 'up' first")
    if kind == "docker":
        environ = {"DOCKER_BUILDKIT": "0"}
        why = _builds(["docker", "build", str(folder)], environ)
        if why:
            absent(f"docker does not build: {why}")
        return Engine("docker", environ)
    why = ""
    # A newer client needs the plug-in buildx for BuildKit, Debian's own has it built in.
    for place in dict.fromkeys(os.environ["PATH"].split(os.pathsep)):
        if (Path(place) / "docker").is_file():
            environ = {"DOCKER_BUILDKIT": "1", "PATH": f"{place}:{os.environ['PATH']}"}
            why = _builds([str(Path(place) / "docker"), "build", str(folder)], environ)
            if not why:
                return Engine("docker", environ)
    absent(f"no docker here has BuildKit: {why}")


def _builds(command: list[str], environ: dict[str, str]) -> str:
    """Return why ``command`` fails, empty when it does not."""
    environ = {**os.environ, **environ}
    tagged = [*command[:2], "--tag", _PROBE, *command[2:]]
    done = subprocess.run(tagged, capture_output=True, text=True, env=environ)
    subprocess.run([command[0], "rmi", _PROBE], capture_output=True, env=environ, check=False)
    return done.stderr.strip()[-200:] if done.returncode else ""
