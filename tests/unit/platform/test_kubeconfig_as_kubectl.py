"""Kubeconfigs are read, and the API server is asked, as kubectl does it; by every verb alike.

``tests/cluster/test_same_as_kubectl.py`` compares the same with the real kubectl.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from fake_server import Answer, Asked, FakeServer

import hera_utils
from hera_experiment.check.cluster import Cluster
from hera_experiment.errors import UserError
from hera_experiment.platform import kubeconfig, proxies
from hera_experiment.platform.kubernetes_access import configuration_of
from hera_experiment.platform.kubernetes_client import KubernetesClient
from hera_experiment.platform.kubernetes_user import KubernetesUser
from hera_utils.cluster import KubernetesCluster

TEMPLATE = Path(hera_utils.__file__).parents[1]
EXEC = "client.authentication.k8s.io/v1"
HINT = "Install it with: labcloud components install auth"


def config(
    server: str = "",
    user: dict[str, Any] | None = None,
    *,
    name: str = "lab",
    current: str | None = None,
    **cluster: Any,
) -> dict[str, Any]:
    """Return a kubeconfig whose cluster, user and context have one name."""
    entry = {"server": server, **{key.replace("_", "-"): value for key, value in cluster.items()}}
    return {
        "clusters": [{"name": name, "cluster": entry}],
        "users": [{"name": name, "user": {"token": f"of-{name}"} if user is None else user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name if current is None else current,
    }


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Save a kubeconfig, or the text of one."""

    def save(document: Any, name: str = "config") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
        return path

    return save


def client_of(value: object, **options: Any) -> KubernetesClient:
    context = kubeconfig.read(str(value), "KUBECONFIG").context()
    return KubernetesClient(context, KubernetesUser(context, **options), timeout=(2, 2))


def sentence_of(value: object, **options: Any) -> UserError:
    """Return what is said when the API server is asked with this kubeconfig."""
    with pytest.raises(UserError) as caught:
        client_of(value, **options).get("/version")
    assert "\n" not in str(caught.value) and caught.value.next_step
    return caught.value


ONE, TWO = config("http://one:1", name="one"), config("http://two:2", name="two")
CONTEXTS = {"contexts": ONE["contexts"], "current-context": "one"}
REST = {**ONE, "contexts": [], "current-context": ""}
SAME_NAMES = config("http://other:3", {"username": "ada"}, name="one", current="two")


@pytest.mark.parametrize(
    ("documents", "server", "authorization"),
    [
        ([ONE, TWO], "http://one:1", "Bearer of-one"),
        ([TWO, ONE], "http://two:2", "Bearer of-two"),
        ([CONTEXTS, REST], "http://one:1", "Bearer of-one"),
        ([REST, CONTEXTS], "http://one:1", "Bearer of-one"),
        ([REST, TWO, CONTEXTS], "http://two:2", "Bearer of-two"),
        ([None, ONE], "http://one:1", "Bearer of-one"),
        ([ONE, None, TWO], "http://one:1", "Bearer of-one"),
        (["", ONE], "http://one:1", "Bearer of-one"),
        (["# a comment\n---\n", ONE], "http://one:1", "Bearer of-one"),
        ([{"clusters": None, "contexts": None, "users": None}, ONE], "http://one:1", ""),
        ([{"current-context": "two"}, ONE, TWO], "http://two:2", "Bearer of-two"),
        # Of two entries with one name the first counts whole: nothing of the second is added.
        ([ONE, SAME_NAMES], "http://one:1", "Bearer of-one"),
        ([{"users": [{"name": "one"}]}, ONE], "http://one:1", ""),
        ([{"users": [{"name": "one", "user": {}}]}, ONE], "http://one:1", ""),
    ],
)
def test_several_files_are_merged(
    save: Callable[..., Path], documents: list[Any], server: str, authorization: str
) -> None:
    paths = [
        save(document, f"{number}.yaml") if document is not None else Path("/absent") / str(number)
        for number, document in enumerate(documents)
    ]
    client = client_of(os.pathsep.join(["", *map(str, paths), os.devnull]))
    assert client.server == server
    assert authorization in ("", client.user.authorization())


@pytest.mark.parametrize(
    ("documents", "says"),
    [
        ([None, None], "there is no kubeconfig"),
        (["", "# nothing\n"], "is not a kubeconfig"),
        ([ONE, "just words"], "is not a kubeconfig"),
        ([ONE, "[1, 2]"], "is not a kubeconfig"),
        ([ONE, {"clusters": {"one": 1}}], "is not a list"),
        ([ONE, {"users": [1]}], "is not a list"),
        ([ONE, {"clusters": [*ONE["clusters"], *ONE["clusters"]]}], "two clusters are named 'one'"),
        ([config("http://one:1", {"token": 5})], "the token of the user 'lab' is not a text"),
        ([config("http://one:1", {"client-key-data": "s3cret!"})], "is not valid base64"),
        ([config("http://one:1", {"token": "a", "username": "b"})], "only one is allowed"),
        ([CONTEXTS], "names the cluster 'one', which is not there"),
        ([REST], "no context is chosen"),
    ],
)
def test_what_cannot_be_merged_is_one_sentence(
    save: Callable[..., Path], documents: list[Any], says: str
) -> None:
    paths = [
        save(document, f"{number}.yaml") if document is not None else Path("/absent") / str(number)
        for number, document in enumerate(documents)
    ]
    error = sentence_of(os.pathsep.join(map(str, paths)))
    assert says in str(error) and "s3cret" not in str(error)


def test_paths_are_relative_to_the_file_that_names_them(
    save: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = {
        "client-certificate": "keys/a.crt",
        "client-key": "/keys/a.key",
        "tokenFile": "token",
        "exec": {"apiVersion": EXEC, "command": "bin/sign-in"},
    }
    save(config("https://h", user, certificate_authority="ca.crt"), "far/config")
    save(CONTEXTS, "near/config")
    monkeypatch.chdir(tmp_path)
    found = kubeconfig.read("near/config:far/config", "")
    far = tmp_path / "far"
    assert found.clusters["lab"].values["certificate-authority"] == str(far / "ca.crt")
    values = found.users["lab"].values
    assert values["client-certificate"] == str(far / "keys/a.crt")
    assert values["client-key"] == "/keys/a.key" and values["tokenFile"] == str(far / "token")
    assert values["exec"]["command"] == str(far / "bin/sign-in")


def tokens_of(fake: FakeServer) -> list[str]:
    return [asked.headers.get("Authorization", "") for asked in fake.asked]


def test_a_token_file_is_read_again(
    save: Callable[..., Path], fake: FakeServer, tmp_path: Path
) -> None:
    client = client_of(save(config(fake.url, {"tokenFile": "token", "token": "kept"})))
    for text in (None, "one\n", "two", "", None):
        if text is None:
            (tmp_path / "token").unlink(missing_ok=True)
        else:
            (tmp_path / "token").write_text(text)
        client.get("/version")
    expected = ["Bearer kept", "Bearer one", "Bearer two", "Bearer two", "Bearer two"]
    assert tokens_of(fake) == expected
    assert "the tokenFile cannot be read" in str(
        sentence_of(save(config(fake.url, {"tokenFile": "no"})))
    )


@pytest.mark.parametrize(
    ("user", "authorization"),
    [
        ({"username": "ada", "password": "b"}, "Basic YWRhOmI="),
        ({"token": "t", "exec": {"apiVersion": EXEC, "command": "absent"}}, "Bearer t"),
        ({}, ""),
    ],
)
def test_what_a_user_is_known_by(
    save: Callable[..., Path], fake: FakeServer, user: dict[str, Any], authorization: str
) -> None:
    client_of(save(config(fake.url, user))).get("/version")
    assert tokens_of(fake) == [authorization]


def test_a_context_without_a_user_asks_as_nobody(
    save: Callable[..., Path], fake: FakeServer
) -> None:
    document = config(fake.url)
    del document["contexts"][0]["context"]["user"]
    client_of(save(document)).get("/version")
    assert tokens_of(fake) == [""]


def test_acting_as_somebody_else(save: Callable[..., Path]) -> None:
    user = {"token": "t", "as": "bob", "as-groups": ["a", "b"], "as-user-extra": {"x": ["1", "2"]}}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        received: list[bytes] = []

        def serve() -> None:
            connection, _ = listener.accept()
            received.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        assert client_of(save(config(address, user))).get("/version").ok
        thread.join()
    lines = received[0].decode().split("\r\n")
    assert [line for line in lines if line.startswith("Impersonate-")] == [
        "Impersonate-User: bob",
        "Impersonate-Group: a",
        "Impersonate-Group: b",
        "Impersonate-Extra-x: 1",
        "Impersonate-Extra-x: 2",
    ]


def made_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name}"
    words = [*command.split(), "-addext", f"subjectAltName=DNS:{name}"]
    words += ["-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run(words, check=True, capture_output=True)
    return paths


def as_data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


class TestTls:
    @pytest.fixture(scope="class")
    @classmethod
    def keys(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
        folder = tmp_path_factory.mktemp("keys")
        return {name: made_certificate(folder, name) for name in ("inside.lab", "ada")}

    @pytest.fixture
    def server(self, keys: dict[str, tuple[Path, Path]]) -> Iterator[FakeServer]:
        """A server of another name that lets nobody in but ada."""
        server = FakeServer(keys["inside.lab"], clients=keys["ada"][0])
        yield server
        server.close()

    @pytest.mark.parametrize("kind", ["files", "data", "program", "unverified"])
    def test_certificates_and_the_name_of_the_server(
        self,
        kind: str,
        save: Callable[..., Path],
        server: FakeServer,
        keys: dict[str, tuple[Path, Path]],
        tmp_path: Path,
    ) -> None:
        certificate, key = keys["ada"]
        cluster: dict[str, Any] = {"tls_server_name": "inside.lab"}
        user: dict[str, Any] = {"client-certificate-data": as_data(certificate)}
        user["client-key-data"] = as_data(key)
        cluster["certificate_authority_data"] = as_data(keys["inside.lab"][0])
        if kind == "files":
            user = {"client-certificate": str(certificate), "client-key": str(key)}
            cluster["certificate_authority"] = str(keys["inside.lab"][0])
            del cluster["certificate_authority_data"]
        elif kind == "program":
            given = {"clientCertificateData": certificate.read_text()}
            given["clientKeyData"] = key.read_text()
            user = {"exec": program(tmp_path, credential(**given))}
        elif kind == "unverified":
            cluster = {"insecure_skip_tls_verify": True}
        path = save(config(server.url, user, **cluster))
        client = client_of(path)
        assert client.get("/version").ok
        connection = client.connect()
        connection.close()

    def test_what_is_wrong_with_them_is_one_sentence(
        self, save: Callable[..., Path], server: FakeServer, keys: dict[str, tuple[Path, Path]]
    ) -> None:
        authority = as_data(keys["inside.lab"][0])
        ada = {"client-certificate": str(keys["ada"][0]), "client-key": str(keys["ada"][1])}
        other = {**ada, "client-key": str(keys["inside.lab"][1])}
        for user, cluster, says in (
            (ada, {"certificate_authority_data": authority}, "is not trusted"),
            (ada, {"certificate_authority": "absent"}, "certificate-authority cannot be read"),
            (ada, {"certificate_authority_data": "aGVsbG8="}, "is not a certificate"),
            (other, {"insecure_skip_tls_verify": True}, "client-key cannot be used"),
            ({"client-certificate": "absent"}, {}, "the client-certificate cannot be read"),
        ):
            assert says in str(sentence_of(save(config(server.url, user, **cluster))))


def credential(**status: Any) -> str:
    return json.dumps({"kind": "ExecCredential", "apiVersion": EXEC, "status": status})


def program(folder: Path, prints: str = "", script: str = "") -> dict[str, Any]:
    """Make a sign-in program that notes each of its runs; return the entry that names it."""
    path = folder / "sign-in"
    script = script or f"cat <<'EOF'\n{prints}\nEOF"
    path.write_text(f"#!/bin/sh\necho s3cret >&2\necho run >> {folder}/runs\n{script}\n")
    path.chmod(0o700)
    command = str(path)
    return {"apiVersion": EXEC, "command": command, "interactiveMode": "Never", "installHint": HINT}


class TestSignInProgram:
    def test_it_is_run_when_its_credential_is_needed_ends_or_is_refused(
        self, save: Callable[..., Path], fake: FakeServer, tmp_path: Path
    ) -> None:
        def runs() -> int:
            return len((tmp_path / "runs").read_text().split())

        path = save(config(fake.url, {"exec": program(tmp_path, credential(token="one"))}))
        client = client_of(path)
        assert not (tmp_path / "runs").exists(), "nothing was asked"
        assert client.get("/version").ok and client.get("/version").ok and runs() == 1
        refusals = [Answer({}, 401), Answer({}, 200)]
        fake.answer = lambda asked: refusals.pop(0)
        assert client.get("/version").ok and runs() == 2
        refusals += [Answer({}, 401), Answer({}, 401)]
        assert client.get("/version").status == 401 and runs() == 3
        fake.answer = lambda asked: Answer({})
        ended = credential(token="two", expirationTimestamp="2020-01-01T00:00:00.123456789Z")
        program(tmp_path, ended)
        now = datetime(2025, 1, 1, tzinfo=timezone.utc)
        client = client_of(path, now=lambda: now)
        assert client.get("/version").ok and client.get("/version").ok and runs() == 4
        now += timedelta(minutes=1)
        assert client.get("/version").ok and runs() == 5
        assert tokens_of(fake)[-1] == "Bearer two"

    def test_it_is_told_of_the_cluster(
        self, save: Callable[..., Path], fake: FakeServer, tmp_path: Path
    ) -> None:
        script = (
            f'echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/told; echo "$WHO $1" > {tmp_path}/who\n'
        )
        entry = program(tmp_path, script=f"{script}echo '{credential(token='t')}'")
        entry |= {"provideClusterInfo": True, "args": ["token"]}
        entry["env"] = [{"name": "WHO", "value": "ada"}]
        extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
        client_of(save(config(fake.url, {"exec": entry}, extensions=[extension]))).get("/version")
        told = json.loads((tmp_path / "told").read_text())
        assert told["apiVersion"] == EXEC and told["kind"] == "ExecCredential"
        cluster = {"server": fake.url, "config": {"audience": "x"}}
        assert told["spec"] == {"interactive": False, "cluster": cluster}
        assert (tmp_path / "who").read_text() == "ada token\n"

    @pytest.mark.parametrize(
        ("script", "says"),
        [
            ("exit 3", "failed with exit status 3"),
            ("sleep 60 & sleep 60", "did not end within 0.5 s"),
            ("echo s3cret", "prints something else"),
            ("", "prints something else"),
            ("echo '[1]'", "prints something else"),
            ('echo \'{"apiVersion": "v1", "status": {"token": "s3cret"}}\'', "something else"),
            (f"echo '{credential()}'", "something else"),
            (f"echo '{credential(clientCertificateData='s3cret')}'", "something else"),
            (f"echo '{credential(token='s3cret', expirationTimestamp='soon')}'", "something else"),
        ],
    )
    def test_one_that_gives_nothing_is_one_sentence(
        self,
        save: Callable[..., Path],
        tmp_path: Path,
        capfd: pytest.CaptureFixture[str],
        script: str,
        says: str,
    ) -> None:
        entry = program(tmp_path, script=script or ":")
        error = sentence_of(save(config("http://127.0.0.1:9", {"exec": entry})), patience=0.5)
        assert says in error.what and "gives no credential" in error.what
        assert HINT in error.next_step and str(tmp_path / "sign-in") in error.next_step
        out, err = capfd.readouterr()
        assert "s3cret" not in out + err + str(error)

    def test_one_that_is_missing_is_one_sentence_for_everyone(
        self, save: Callable[..., Path], parse: Callable[..., Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        entry = {"apiVersion": EXEC, "command": "lab-cloud-auth", "installHint": HINT}
        path = save(config("https://127.0.0.1:9", {"exec": entry}))
        cluster = KubernetesCluster(
            parse(k8s_config_file=str(path), argo_namespace="n"), asserting=False
        )
        for ask in (
            cluster.reach,
            lambda: configuration_of(cluster.client),
            lambda: Cluster(str(path), "", "n", 1).credentials,
        ):
            with pytest.raises(UserError) as caught:
                ask()
            assert "'lab-cloud-auth' is not found" in caught.value.what
            assert caught.value.next_step == HINT
        assert caplog.text == ""


NO_PROXY = "lab.org, .dom.org,*.star.org,10.1.0.0/16,192.0.2.7,with.port:8443,[2001:db8::1]:99"


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("https://127.0.0.1:6443", False),
        ("https://127.1.2.3", False),
        ("https://localhost:1", False),
        ("https://[::1]:6443", False),
        ("https://other.org", True),
        ("https://lab.org", False),
        ("https://api.lab.org:6443", False),
        ("https://notlab.org", True),
        ("https://dom.org", True),
        ("https://a.dom.org", False),
        ("https://a.star.org", False),
        ("https://10.1.2.3", False),
        ("https://10.2.2.3", True),
        ("https://192.0.2.7:6443", False),
        ("https://192.0.2.70", True),
        ("https://with.port:8443", False),
        ("https://with.port", True),
        ("https://[2001:db8::1]:99", False),
        ("https://[2001:db8::1]", True),
    ],
)
def test_the_proxy_of_the_environment(url: str, proxied: bool) -> None:
    environ = {"HTTPS_PROXY": "http://gate:3128", "no_proxy": NO_PROXY, "HTTP_PROXY": "other:1"}
    assert proxies.proxy_of_environment(url, environ) == ("http://gate:3128" if proxied else "")
    plain = url.replace("https:", "http:").replace(":8443", ":80")
    if ":" not in plain[7:] and proxied:
        assert proxies.proxy_of_environment(plain, environ) == "http://other:1"
    assert proxies.proxy_of_environment(url, {**environ, "no_proxy": "*"}) == ""


def test_all_proxy_is_the_last_resort() -> None:
    assert proxies.proxy_of_environment("https://h", {"all_proxy": "gate:1"}) == "http://gate:1"
    both = {"ALL_PROXY": "gate:1", "https_proxy": "https://other:2"}
    assert proxies.proxy_of_environment("https://h", both) == "https://other:2"


def test_proxy_url_leads_to_this_machine_too_and_wins(
    save: Callable[..., Path], fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    proxy = fake.url.replace("//", "//ada:s3cret@")
    for server in ("http://api.lab.invalid:6443", "http://127.0.0.1:9"):
        client_of(save(config(server, proxy_url=proxy))).get("/version")
        assert fake.asked[-1].path == f"{server}/version"
        assert fake.asked[-1].headers["Proxy-Authorization"] == "Basic YWRhOnMzY3JldA=="


def test_the_proxies_of_the_environment_are_not_for_this_machine(
    save: Callable[..., Path],
    fake: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    parse: Callable[..., Any],
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://nowhere.invalid:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    path = save(config(fake.url))
    cluster = KubernetesCluster(
        parse(k8s_config_file=str(path), argo_namespace="n"), asserting=False
    )
    cluster.reach()
    assert configuration_of(cluster.client).proxy is None
    assert client_of(path).get("/version").ok
    error = sentence_of(save(config("http://api.lab.invalid:6443")))
    assert "the proxy on the way" in error.what and "HTTP_PROXY" in error.next_step


@pytest.mark.parametrize("proxy", ["gate:3128", "ftp://gate:1", "http://"])
def test_a_proxy_that_is_none_is_one_sentence(save: Callable[..., Path], proxy: str) -> None:
    error = sentence_of(save(config("http://h", proxy_url=proxy)))
    assert "is not an address" in error.what and "proxy-url" in error.where


def test_a_socks_proxy_without_its_package_is_one_sentence(
    save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "find_spec", lambda name: None)
    monkeypatch.setenv("ALL_PROXY", "socks5h://ada:s3cret@127.0.0.1:1")
    for path in (
        save(config("http://api.lab.invalid", proxy_url="socks5://ada:s3cret@127.0.0.1:1")),
        save(config("http://api.lab.invalid"), "other"),
    ):
        error = sentence_of(path)
        assert "the package PySocks" in error.what and "s3cret" not in str(error)
        assert "pip install PySocks" in error.next_step


@pytest.fixture
def socks(fake: FakeServer) -> Iterator[str]:
    """A SOCKS proxy that leads everyone to ``fake``, whatever host is named; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # one of them has hung up
            while block := source.recv(65536):
                target.sendall(block)

    def serve(client: socket.socket) -> None:
        client.recv(262)
        client.sendall(b"\5\0")
        assert client.recv(4)[3] == 3, "the name is for the proxy to look up"
        client.recv(client.recv(1)[0] + 2)
        far = socket.create_connection(("127.0.0.1", fake.port))
        client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
        threading.Thread(target=pump, args=(far, client), daemon=True).start()
        pump(client, far)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"socks5://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_a_socks_proxy_with_its_package(
    save: Callable[..., Path], fake: FakeServer, socks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(save(config("http://api.lab.invalid:6443", proxy_url=socks)))
    assert client.get("/version").ok and fake.asked[-1].path == "/version"
    connection = client.connect()
    connection.sendall(b"GET /by-socket HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert connection.recv(9) == b"HTTP/1.0 "
    connection.close()
    monkeypatch.setenv("ALL_PROXY", socks.replace("socks5", "socks5h"))
    assert client_of(save(config("http://api.lab.invalid:6443"))).get("/all").ok
    assert [asked.path for asked in fake.asked] == ["/version", "/by-socket", "/all"]


class TestEveryVerb:
    """Of two kubeconfigs each verb asks the first one's server, with its token; the other never."""

    SCRIPT = """
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
cluster.assert_volume_claim("results")
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
from hera.workflows import Container, Workflow
with Workflow(generate_name="try-", entrypoint="main") as w:
    Container(name="main", image="i", command=["/probe"])
w.create()
"""
    WORKFLOW: ClassVar[dict[str, Any]] = {
        "metadata": {"name": "try-1", "namespace": "lab", "uid": "u", "labels": {}},
        "spec": {
            "entrypoint": "main",
            "templates": [{"name": "main", "container": {"image": "i"}}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "results"}}],
        },
        "status": {"phase": "Succeeded", "startedAt": "2025-01-01T00:00:00Z"},
    }

    @pytest.fixture
    def servers(self) -> Iterator[dict[str, FakeServer]]:
        servers = {name: FakeServer() for name in ("first", "second", "argo")}
        servers["first"].answer = servers["second"].answer = self.kubernetes
        servers["argo"].answer = self.argo
        yield servers
        for server in servers.values():
            server.close()

    @staticmethod
    def kubernetes(asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        if path == "/version":
            return Answer({"major": "1", "minor": "34", "gitVersion": "v1.34.0"})
        if path == "/api/v1/namespaces/lab":
            return Answer({"metadata": {"name": "lab"}, "status": {"phase": "Active"}})
        if path.endswith("accessreviews"):
            return Answer({"status": {"allowed": True}}, 201)
        return Answer({"kind": "Status", "message": "not for you", "code": 403}, 403)

    @classmethod
    def argo(cls, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        if path.endswith("/workflows/lab") and asked.method == "GET":
            return Answer({"items": [cls.WORKFLOW]})
        if "/workflows/lab" in path:
            # Nothing is ever created.
            return Answer(cls.WORKFLOW) if asked.method == "GET" else cls.kubernetes(asked)
        return Answer({"version": "v3.7.0"} if path.endswith("version") else {})

    @pytest.mark.parametrize(
        ("words", "asks"),
        [
            ("-m hera_utils check-cluster", "/readyz"),
            ("-m hera_utils provision", "/api/v1/namespaces/lab/persistentvolumeclaims/"),
            ("-m hera_utils submit", "/api/v1/namespaces/lab/persistentvolumeclaims/results"),
            ("-m hera_utils results --run try-1", "/api/v1/namespaces/lab/persistentvolumeclaims/"),
            ("-m hera_utils port-forward --port 0", "/api/v1/namespaces/lab/services/argo-server"),
            ("workflow.py", "/api/v1/namespaces/lab/persistentvolumeclaims/results"),
        ],
    )
    def test_it_asks_the_first(
        self,
        words: str,
        asks: str,
        servers: dict[str, FakeServer],
        save: Callable[..., Path],
        tmp_path: Path,
    ) -> None:
        save('[experiment]\nname = "Try"\nslug = "try"\n', "experiment.toml")
        save(self.SCRIPT, "workflow.py")
        save((TEMPLATE / "environment.py").read_text(), "environment.py")
        paths = [save(config(servers[name].url, name=name), name) for name in ("first", "second")]
        done = subprocess.run(
            [sys.executable, *words.split()],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(TEMPLATE),
                "HOME": str(tmp_path),
                "KUBECONFIG": os.pathsep.join(map(str, paths)),
                "ARGO_SERVER": servers["argo"].url,
                "ARGO_NAMESPACE": "lab",
                "KUBEVOLUMECLAIMNAME": "results",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "Traceback" not in done.stderr
        assert servers["second"].asked == []
        assert set(tokens_of(servers["first"])) == {"Bearer of-first"}
        paths_asked = [asked.path for asked in servers["first"].asked]
        assert any(path.startswith(asks) for path in paths_asked), (paths_asked, done.stderr)
