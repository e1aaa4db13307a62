"""The real cluster, namespaces of our own in it, and projects to type commands in."""

import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argo_front import (
    NGINX,
    Front,
    free_port,
    make_certificates,
    relay_pod,
    wait_for_argo,
    wait_for_port,
)
from cluster_fixtures import agent, argo, cluster, local, turn
from real_cluster import (
    ACCOUNTS,
    CONTEXT_VARIABLES,
    TEMPLATE,
    Done,
    Project,
    RealCluster,
    absent,
)

__all__ = ["agent", "argo", "cluster", "local", "turn"]

SUBMIT = """
import hera_utils

args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
argo_server = hera_utils.argo_server(cluster, args)
argo_server.define_argo_server_part_of_environment()

from hera.workflows import Container, Workflow

# Suspended: the server keeps it, no pod is started.
with Workflow(generate_name="try-", entrypoint="main", suspend=True) as w:
    Container(name="main", image="python:3.13-slim", command=["true"])
created = w.create()
print("created", created.metadata.namespace, created.metadata.name)
print("account", created.spec.service_account_name)
print("by", argo_server.account)
"""


REACH = """
import hera_utils
from hera_utils.server import ArgoServer

args = hera_utils.parse_arguments()
server = ArgoServer(hera_utils.k8s_cluster(args), args)
server.assert_accessible()
print("reached", server.url)
"""


@pytest.fixture(scope="module", autouse=True)
def in_turn(turn: None) -> None:
    """Every file here waits for its turn."""


@pytest.fixture(scope="session")
def new_namespace(cluster: RealCluster) -> Iterator[Callable[[], str]]:
    """Make an empty namespace that goes with the test session."""
    made: list[str] = []

    def make() -> str:
        made.append(f"hera-test-{secrets.token_hex(4)}")
        cluster.kubectl("create", "namespace", made[-1])
        return made[-1]

    yield make
    if made:
        cluster.kubectl("delete", "namespace", *made, "--wait=false")


@pytest.fixture(scope="session")
def new_workplace(cluster: RealCluster, new_namespace: Callable[[], str]) -> Callable[[], str]:
    """Make a namespace in which ``researcher`` and ``argo-user`` may work, ``nobody`` may not."""

    def make() -> str:
        name = new_namespace()
        home = f"namespace: {cluster['ARGO_NAMESPACE']}"
        cluster.apply(ACCOUNTS.format(namespace=name).replace("namespace: experiments", home))
        return name

    return make


@pytest.fixture(scope="session")
def namespace(new_workplace: Callable[[], str]) -> str:
    """A workplace that tests share."""
    return new_workplace()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
    shutil.copy(TEMPLATE / "environment.py", folder)
    home = tmp_path / "home"
    home.mkdir()
    environ = {k: v for k, v in os.environ.items() if not CONTEXT_VARIABLES.match(k)}
    environ |= {"HOME": str(home), "PYTHONPATH": str(TEMPLATE), "PYTHONDONTWRITEBYTECODE": "1"}
    project = Project(folder, environ)
    yield project
    project.assert_files_hold_no_secret()


@pytest.fixture
def submit(project: Project, cluster: RealCluster, namespace: str) -> Iterator[Callable[..., Done]]:
    """Run the design's short script; its workflow is looked up in Kubernetes, and removed."""
    project.write("submit.py", SUBMIT)

    def run(*arguments: str, prefix: tuple[str, ...] = (), **environ: str) -> Done:
        done = project.run(*prefix, *project.command("python", "submit.py", *arguments), **environ)
        found = re.search(r"^created (\S+) (\S+)$", done.out, re.MULTILINE)
        if found:
            where = ("--namespace", found[1], "workflow", found[2])
            assert cluster.kubectl("get", *where, "-o", "name").endswith(found[2])
            cluster.kubectl("delete", *where, "--wait=false")
        return done

    return run


@pytest.fixture
def reach(project: Project) -> Callable[..., Done]:
    """Run what a script does before it submits, without Hera, which takes longer than the rest."""
    project.write("reach.py", REACH)
    return lambda *arguments, **environ: project.run("python", "reach.py", *arguments, **environ)


@pytest.fixture(scope="session")
def front(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Argo's server below /argo behind TLS, a login page elsewhere, as on Nebari.

    Whoever asks below /signed-out/ is sent to the login page.
    """
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        absent("nginx is not installed (Debian: apt-get install nginx-light)")
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    authority = make_certificates(folder)
    port = free_port()
    settings = NGINX.format(folder=folder, port=port, argo=cluster["ARGO_SERVER"])
    (folder / "nginx.conf").write_text(settings)
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"],
        stderr=subprocess.DEVNULL,
    )
    wait_for_port(port)
    yield Front(port, authority, folder)
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def tls_argo(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One more argo-server, with the certificate that it makes for itself."""
    folder, port = tmp_path_factory.mktemp("argo-server"), free_port()
    command = f"server --namespace argo --auth-mode client --secure=true --port {port}".split()
    # Whatever is called ARGO_… would be an option of the server.
    environ = {"PATH": os.environ["PATH"], "KUBECONFIG": cluster["ADMIN_KUBECONFIG"]}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [cluster.argo_program, *command],
            env=environ,
            stdout=log,
            stderr=log,
        )
        wait_for_port(port, 30)
        certificate = ssl.get_server_certificate(("127.0.0.1", port))
        (folder / "own.crt").write_text(certificate)
        wait_for_argo(port)
        yield Front(port, folder / "own.crt", folder)
        process.terminate()
        process.wait(10)


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port at which connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="session")
def host_address(cluster: RealCluster) -> str:
    """The node's address, at which its pods reach what listens on the host."""
    return cluster.kubectl(
        "get",
        "nodes",
        "-o",
        "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}",
    )


@pytest.fixture
def relayed_argo(cluster: RealCluster, namespace: str, host_address: str) -> Iterator[str]:
    """The namespace with a service argo-server, and one pod behind it, named ``relay``."""
    cluster.apply(
        f"""
apiVersion: v1
kind: Service
metadata: {{name: argo-server, namespace: {namespace}}}
spec:
  selector: {{app: argo-server}}
  ports: [{{name: web, port: 2746, targetPort: web}}]
"""
    )
    port = int(cluster["ARGO_SERVER"].rpartition(":")[2])
    cluster.apply(relay_pod("relay", namespace, host_address, port))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/relay", "-n", namespace, "--timeout=90s")
    yield namespace
    cluster.kubectl("delete", "pod,service", "--all", "-n", namespace, "--wait=false")


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Mark what needs the cluster; what wants it alone comes first, when nobody else is at it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("cluster")
    items.sort(key=lambda item: item.get_closest_marker("disruptive") is None)
