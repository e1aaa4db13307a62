"""Kubeconfigs mean to us what they mean to the real kubectl; no cluster is asked.

``kubectl config view`` shows what it makes of several files, and a server of our own that speaks
TLS hears how kubectl asks, and how we do.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import random
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from real_cluster import RealCluster

from hera_experiment.errors import UserError
from hera_experiment.platform import kubeconfig
from hera_experiment.platform.kubernetes_client import KubernetesClient
from hera_experiment.platform.kubernetes_user import KubernetesUser

pytestmark = pytest.mark.cluster

EXEC = "client.authentication.k8s.io/v1"
PEM = ("certificate-authority", "client-certificate", "client-key")
SAID = ("authorization", "impersonate-user", "impersonate-group", "impersonate-uid")


@pytest.fixture(scope="module")
def kubectl(cluster: RealCluster) -> str:
    return cluster.kubectl_program


def run(kubectl: str, files: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [kubectl, *words],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": files, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


class Random:
    """Makes kubeconfigs of few names, so that files speak of the same things."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._random = random.Random(seed)
        self._folder = folder
        self._number = 0

    def files(self) -> str:
        """Return one to four files, of which some are missing, empty or not complete."""
        return os.pathsep.join(self._file() for _ in range(self._random.randint(1, 4)))

    def _file(self) -> str:
        self._number += 1
        path = self._folder / f"folder{self._number}" / "config"
        chance = self._random.random()
        if chance > 0.93:
            return str(path)
        path.parent.mkdir()
        path.write_text("" if chance > 0.87 else yaml.safe_dump(self._document(path.parent)))
        if chance < 0.04:
            path.write_text(self._random.choice(["just words", "[1, 2]", "clusters: 5", "a: [b"]))
        return str(path)

    def _document(self, folder: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._some(0.8):
            found["clusters"] = self._entries("cluster", folder)
        if self._some(0.8):
            found["users"] = self._entries("user", folder)
        if self._some(0.8):
            found["contexts"] = [
                {"name": name, "context": {"cluster": self._name(), "user": self._name()}}
                for name in self._names()
            ]
        if self._some(0.6):
            found["current-context"] = self._random.choice(["", self._name(), self._name()])
        if self._some(0.05):
            found[self._random.choice(["clusters", "users"])] = [{"name": "x"}, {"name": "x"}]
        return found

    def _entries(self, kind: str, folder: Path) -> list[dict[str, Any]]:
        return [{"name": name, kind: self._values(kind, folder)} for name in self._names()]

    def _values(self, kind: str, folder: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if kind == "cluster":
            values["server"] = f"https://h{self._random.randint(1, 9)}:6443"
            keys, others = PEM[:1], {"tls-server-name": "inside", "proxy-url": "http://gate:1"}
        else:
            keys, others = PEM[1:], {"token": "t", "username": "u", "as": "bob"}
        values |= {
            key: f"{text}{self._random.randint(1, 9)}"
            for key, text in others.items()
            if self._some(0.3)
        }
        for key in keys:
            content = f"{key} {self._random.random()}".encode()
            if self._some(0.3):
                (folder / f"{key}.pem").write_bytes(content)
                values[key] = f"{key}.pem"
            elif self._some(0.3):
                values[f"{key}-data"] = base64.b64encode(content).decode()
        return values

    def _some(self, chance: float) -> bool:
        return self._random.random() < chance

    def _names(self) -> list[str]:
        return self._random.sample(["one", "two", "six"], self._random.randint(1, 3))

    def _name(self) -> str:
        return self._random.choice(["one", "two", "six"])


@pytest.mark.parametrize("seed", range(60))
def test_files_are_merged_as_kubectl_merges_them(kubectl: str, seed: int, tmp_path: Path) -> None:
    files = Random(seed, tmp_path).files()
    shown = run(kubectl, files, "config", "view", "--raw", "--flatten", "-o", "json")
    if shown.returncode:
        with pytest.raises(UserError):
            kubeconfig.read(files, "")
        return
    wanted = json.loads(shown.stdout)
    if not any(wanted[kind] for kind in ("clusters", "contexts", "current-context")):
        return  # For kubectl no fault yet.
    found = kubeconfig.read(files, "")
    assert found.current == wanted["current-context"]
    for section, key in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
        entries = {each["name"]: each[key] for each in wanted[section] or ()}
        ours = getattr(found, section)
        assert set(ours) == set(entries)
        for name, values in entries.items():
            for each, value in values.items():
                kind = each.removesuffix("-data")
                if kind in PEM:
                    assert ours[name].pem(kind) == base64.b64decode(value)
                else:
                    assert ours[name].text(each) == str(value)
            known = {each.removesuffix("-data") for each in values}
            assert {each.removesuffix("-data") for each in ours[name].values} == known


class Listener:
    """An API server that writes down who asks; a proxy as well."""

    def __init__(self, tls: tuple[Path, Path] | None = None) -> None:
        self.said: list[tuple[str, list[tuple[str, str]]]] = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said = [(name.lower(), value) for name, value in self.headers.items()]
                kept = sorted(
                    each for each in said if each[0] in SAID or each[0].startswith("impersonate-")
                )
                listener.said.append((self.path, kept))
                body = b'{"major": "1"}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("keys")
    paths = folder / "crt", folder / "key"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab"
    names = "subjectAltName=DNS:inside.lab,IP:127.0.0.1,DNS:localhost"
    words = [*command.split(), "-addext", names, "-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run(words, check=True, capture_output=True)
    return paths


@pytest.fixture(scope="module")
def server(keys: tuple[Path, Path]) -> Iterator[Listener]:
    server = Listener(keys)
    yield server
    server.close()


@pytest.fixture(scope="module")
def proxy() -> Iterator[Listener]:
    proxy = Listener()
    yield proxy
    proxy.close()


def heard(listener: Listener) -> list[Any]:
    said, listener.said = listener.said, []
    return said


def compared(
    kubectl: str, document: dict[str, Any], folder: Path, *listeners: Listener, **environ: str
) -> list[list[Any]]:
    """Return what each listener heard, having asserted that it hears the same from both."""
    path = folder / "config"
    path.write_text(yaml.safe_dump(document))
    done = run(kubectl, str(path), "get", "--raw", "/version", **environ)
    theirs = [heard(each) for each in listeners]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        for name, value in environ.items():
            patch.setenv(name, value)
        try:
            context = kubeconfig.read(str(path), "").context()
            client = KubernetesClient(context, KubernetesUser(context), timeout=(2, 2))
            fine = client.get("/version").ok
        except UserError:
            fine = False
    ours = [heard(each) for each in listeners]
    assert fine == (done.returncode == 0), done.stderr
    assert ours == theirs
    return ours


PRINTS = {"kind": "ExecCredential", "apiVersion": EXEC, "status": {"token": "of-program"}}
PROGRAM = {
    "apiVersion": EXEC,
    "command": "sh",
    "args": ["-c", f"echo '{json.dumps(PRINTS)}'"],
    "interactiveMode": "Never",
}
FAILING = {**PROGRAM, "args": ["-c", "echo no >&2; exit 1"]}
MISSING = {**PROGRAM, "command": "lab-cloud-auth"}
RUBBISH = {**PROGRAM, "args": ["-c", "echo rubbish"]}
OTHER_VERSION = {**PROGRAM, "apiVersion": "client.authentication.k8s.io/v1beta1"}
EMPTY = {**PROGRAM, "args": ["-c", f"echo '{json.dumps({**PRINTS, 'status': {}})}'"]}


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t"},
        {"tokenFile": "token"},
        {"token": "t", "tokenFile": "token"},
        {"tokenFile": "absent"},
        {"token": "t", "tokenFile": "absent"},
        {"username": "ada", "password": "p:w"},
        {"username": "ada"},
        {"token": "t", "username": "ada"},
        {"token": "t", "as": "bob", "as-groups": ["a", "b"], "as-uid": "7"},
        {"token": "t", "as": "bob", "as-user-extra": {"some/key": ["x", "z"]}},
        {"exec": PROGRAM},
        {"exec": PROGRAM, "token": "t"},
        {"exec": PROGRAM, "username": "ada", "password": "x"},
        {"exec": FAILING},
        {"exec": MISSING},
        {"exec": RUBBISH},
        {"exec": OTHER_VERSION},
        {"exec": EMPTY},
        {"exec": {**PROGRAM, "apiVersion": "client.authentication.k8s.io/v1alpha1"}},
        {"exec": {**PROGRAM, "command": "./sign-in", "args": []}},
    ],
    ids="-".join,
)
def test_who_asks(
    kubectl: str,
    user: dict[str, Any],
    server: Listener,
    keys: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    (tmp_path / "token").write_text("of-file\n")
    program = tmp_path / "sign-in"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(PRINTS)}'\n")
    program.chmod(0o700)
    compared(kubectl, config(f"https://127.0.0.1:{server.port}", keys, user), tmp_path, server)


def config(server: str, keys: tuple[Path, Path], user: Any, **cluster: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"server": server, "certificate-authority": str(keys[0])}
    entry |= {key.replace("_", "-"): value for key, value in cluster.items()}
    return {
        "clusters": [{"name": "c", "cluster": entry}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tls_server_name": "inside.lab"},
        {"tls_server_name": "other.lab"},
        {"certificate_authority": "absent"},
        {"certificate_authority": "", "insecure_skip_tls_verify": True},
        {"certificate_authority": ""},
    ],
    ids=lambda changes: "-".join(changes) or "plain",
)
def test_which_server_is_trusted(
    kubectl: str,
    changes: dict[str, Any],
    server: Listener,
    keys: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    document = config(f"https://127.0.0.1:{server.port}/", keys, {"token": "t"}, **changes)
    compared(kubectl, document, tmp_path, server)


FAR = "http://api.lab.invalid:6443"


@pytest.mark.parametrize(
    ("address", "changes", "environ", "through"),
    [
        (FAR, {"proxy_url": "http://PROXY"}, {}, True),
        (FAR, {"proxy_url": "http://PROXY"}, {"NO_PROXY": "*"}, True),
        (FAR, {"proxy_url": "PROXY"}, {}, False),
        (FAR, {"proxy_url": "ftp://PROXY"}, {}, False),
        ("http://127.0.0.1:9", {"proxy_url": "http://PROXY"}, {}, True),
        ("http://127.0.0.1:9", {}, {"HTTP_PROXY": "http://PROXY"}, False),
        ("http://localhost:9", {}, {"HTTP_PROXY": "http://PROXY"}, False),
        (FAR, {}, {"HTTP_PROXY": "http://PROXY"}, True),
        (FAR, {}, {"http_proxy": "PROXY"}, True),
        (FAR, {}, {"HTTPS_PROXY": "http://PROXY"}, False),
        (FAR, {}, {"HTTP_PROXY": "http://PROXY", "NO_PROXY": "lab.invalid"}, False),
        (FAR, {}, {"HTTP_PROXY": "http://PROXY", "no_proxy": ".invalid"}, False),
        (FAR, {}, {"HTTP_PROXY": "http://PROXY", "NO_PROXY": "b.invalid,api.lab"}, True),
        (FAR, {}, {"HTTP_PROXY": "http://PROXY", "NO_PROXY": ".api.lab.invalid"}, True),
        (FAR, {}, {"HTTP_PROXY": "http://PROXY", "NO_PROXY": "api.lab.invalid:6443"}, False),
        (FAR, {}, {"HTTP_PROXY": "http://PROXY", "NO_PROXY": "api.lab.invalid:80"}, True),
        (FAR, {}, {"HTTP_PROXY": "http://PROXY", "NO_PROXY": "*.invalid"}, False),
        ("http://192.0.2.9", {}, {"HTTP_PROXY": "http://PROXY"}, True),
    ],
)
def test_through_which_proxy(
    kubectl: str,
    address: str,
    changes: dict[str, Any],
    environ: dict[str, str],
    through: bool,
    proxy: Listener,
    keys: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    host = f"127.0.0.1:{proxy.port}"
    changes = {key: value.replace("PROXY", host) for key, value in changes.items()}
    environ = {key: value.replace("PROXY", host) for key, value in environ.items()}
    document = config(address, keys, {}, certificate_authority="", **changes)
    (said,) = compared(kubectl, document, tmp_path, proxy, **environ)
    assert bool(said) == through
