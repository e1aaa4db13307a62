"""Healthy places on the real cluster, and servers of our own to break what many share."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from check_front import Front
from check_place import Place, kubeconfig_text, objects_of, workflow_of

IMAGE = "hera-check/probe"


@pytest.fixture(scope="session")
def probe_image(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image in the test cluster's registry."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /probe\n")
    name = f"{cluster['REGISTRY']}/{IMAGE}:latest"
    for command in (["build", "-q", "-t", name, str(folder)], ["push", "-q", name]):
        done = subprocess.run(["docker", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return name


@pytest.fixture(scope="session")
def namespaces(cluster: Any) -> Iterator[list[str]]:
    """The namespaces that were made, to be removed in the end."""
    made: list[str] = []
    yield made
    if made:
        cluster.kubectl("delete", "namespace", *made, "--wait=false", "--ignore-not-found")


@pytest.fixture
def new_place(
    cluster: Any, probe_image: str, namespaces: list[str], tmp_path: Path
) -> Callable[..., Place]:
    """Make a healthy place; the arguments are those of :func:`objects_of`."""

    def make(**rules: str) -> Place:
        name = f"hera-check-{secrets.token_hex(4)}"
        namespaces.append(name)
        cluster.kubectl("apply", "-f", "-", text=objects_of(name, **rules))
        token = cluster.token("alice", name)
        kubeconfig = tmp_path / "alice.kubeconfig"
        kubeconfig.write_text(
            kubeconfig_text(cluster.api_url, cluster.authority(tmp_path), {"token": token}, "alice")
        )
        (tmp_path / "docker").mkdir(exist_ok=True)
        settings = {
            "KUBECONFIG": str(kubeconfig),
            "ARGO_SERVER": cluster["ARGO_SERVER"],
            "ARGO_SECURE": "false",
            "ARGO_NAMESPACE": name,
            "ARGO_SERVICE_ACCOUNT": "pods",
            "REGISTRY": cluster["REGISTRY"],
            "DOCKER_CONFIG": str(tmp_path / "docker"),
            "HOME": str(tmp_path),
        }
        return Place(
            admin=cluster,
            admin_kubeconfig=cluster["ADMIN_KUBECONFIG"],
            program_path=cluster.kubectl_folder,
            namespace=name,
            folder=tmp_path,
            settings=settings,
            manifest=workflow_of(name, probe_image),
            secrets=[token],
        )

    return make


@pytest.fixture
def place(new_place: Callable[..., Place]) -> Place:
    """A healthy place as an administrator prepares it."""
    return new_place()


def unsigned_token(**claims: Any) -> str:
    """Return a JSON Web Token that nobody signed."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.c2lnbmVk"


@pytest.fixture
def token_of() -> Callable[..., str]:
    """Make a token that says of itself what one likes."""
    return unsigned_token


@dataclass
class ApiServer:
    """One more kube-apiserver, ours alone to stop and to fill."""

    cluster: Any
    port: int
    prefix: str
    folder: Path
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "admin.kubeconfig"

    def start(self) -> None:
        state = Path(self.cluster["CLUSTER_STATE"])
        keys = state / "pki"
        command = [
            str(Path(self.cluster["CLUSTER_BIN"]) / "kube-apiserver"),
            "--etcd-servers=http://127.0.0.1:2379",
            f"--etcd-prefix={self.prefix}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--advertise-address=10.78.0.1",
            # The address of Kubernetes within the shared cluster is not ours to change.
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={keys}/apiserver.crt",
            f"--tls-private-key-file={keys}/apiserver.key",
            f"--client-ca-file={keys}/ca.crt",
            f"--token-auth-file={keys}/tokens.csv",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys}/sa.pub",
            f"--service-account-signing-key-file={keys}/sa.key",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--profiling=false",
            *self.options,
        ]
        with (self.folder / "kube-apiserver.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        admin = (keys / "tokens.csv").read_text().split(",")[0]
        user = {"token": admin}
        self.kubeconfig.write_text(kubeconfig_text(self.url, str(keys / "ca.crt"), user, "admin"))
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(requests.ConnectionError):
                if requests.get(f"{self.url}/readyz", verify=str(keys / "ca.crt")).text == "ok":
                    return
            time.sleep(0.1)
        pytest.fail(f"kube-apiserver did not start, see {self.folder}")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> str:
        done = subprocess.run(
            [self.cluster.kubectl_program, "--kubeconfig", str(self.kubeconfig), *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="session")
def empty_api(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A Kubernetes of our own, without Argo and without nodes; no controller runs."""
    prefix = f"/hera-check-{secrets.token_hex(4)}"
    folder = tmp_path_factory.mktemp("kube-apiserver")
    server = ApiServer(cluster, _free_port(), prefix, folder)
    server.start()
    yield server
    server.stop()
    # What it kept, in the etcd that it shares with the test cluster; keys by prefix.
    begin, end = prefix + "/", prefix + "0"
    body = {
        "key": base64.b64encode(begin.encode()).decode(),
        "range_end": base64.b64encode(end.encode()).decode(),
    }
    requests.post("http://127.0.0.1:2379/v3/kv/deleterange", json=body, timeout=30)


@pytest.fixture
def stopping_api(cluster: Any, tmp_path: Path) -> Iterator[ApiServer]:
    """A second API server of the test cluster itself, which takes its time to stop."""
    options = ("--shutdown-delay-duration=60s",)
    server = ApiServer(cluster, _free_port(), "/registry", tmp_path, options)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def before() -> Iterator[Callable[..., Front]]:
    """Put servers of our own before others, to change what they answer."""
    made: list[Front] = []

    def make(target: str, **options: Any) -> Front:
        made.append(Front(target, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def free_port_of() -> Callable[[], int]:
    """Find a port at which nothing listens."""
    return _free_port
