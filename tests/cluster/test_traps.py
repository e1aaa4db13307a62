"""What goes wrong between a client and Argo's server, once and for all."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from argo_front import Front
from real_cluster import Done, Project, RealCluster

Submit = Callable[..., Done]
Reach = Callable[..., Done]


@pytest.fixture
def token(cluster: RealCluster, project: Project, namespace: str) -> str:
    token = cluster.token("argo-user", namespace)
    project.secrets.append(token)
    return token


@pytest.fixture
def plain(cluster: RealCluster, namespace: str, token: str) -> dict[str, str]:
    """A good way in without TLS."""
    return {
        "ARGO_SERVER": cluster["ARGO_SERVER"],
        "ARGO_SECURE": "false",
        "ARGO_NAMESPACE": namespace,
        "ARGO_TOKEN": token,
    }


@pytest.fixture
def behind_tls(front: Front, namespace: str, token: str) -> dict[str, str]:
    """A good way in through nginx."""
    return {
        "ARGO_SERVER": f"localhost:{front.port}",
        "ARGO_BASE_HREF": "/argo",
        "ARGO_NAMESPACE": namespace,
        "ARGO_TOKEN": token,
        "REQUESTS_CA_BUNDLE": str(front.authority),
    }


class TestAddress:
    @pytest.mark.parametrize("server", ["http://{}", "HTTP://{}/", "{}", "'{}'", "{}/"])
    def test_scheme_added_or_missing_without_tls(
        self, server: str, reach: Reach, plain: dict[str, str]
    ) -> None:
        if "://" in server.lower():
            del plain["ARGO_SECURE"]
        changed = {**plain, "ARGO_SERVER": server.format(plain["ARGO_SERVER"])}
        assert reach(**changed).status == 0

    @pytest.mark.parametrize(
        ("server", "base"),
        [
            ("https://{}/argo", ""),
            ("{}/argo", ""),
            ("{}/argo/", ""),
            ("https://{}", "/argo/"),
            ("{}", "argo"),
            ("https://{}/argo/workflows/argo?limit=50", ""),
        ],
    )
    def test_the_path_is_kept(
        self, server: str, base: str, reach: Reach, behind_tls: dict[str, str]
    ) -> None:
        address = server.format(behind_tls["ARGO_SERVER"])
        changed = {**behind_tls, "ARGO_SERVER": address, "ARGO_BASE_HREF": base}
        assert reach(**changed).status == 0

    def test_the_path_is_kept_by_hera_too(self, submit: Submit, behind_tls: dict[str, str]) -> None:
        behind_tls["ARGO_SERVER"] += behind_tls.pop("ARGO_BASE_HREF")
        assert submit(**behind_tls).status == 0

    @pytest.mark.parametrize("server", ["argo.example.org:443", "https://argo.example.org:443/"])
    def test_port_443_is_kept(self, server: str, project: Project) -> None:
        script = (
            "import hera_utils; args = hera_utils.parse_arguments();"
            "from hera_utils.server import ArgoServer;"
            "server = ArgoServer(hera_utils.k8s_cluster(args), args); print(server.url)"
        )
        done = project.run("python", "-c", script, ARGO_SERVER=server, ARGO_NAMESPACE="argo")
        assert done.out == "https://argo.example.org:443/\n"

    @pytest.mark.parametrize("server", ["argo.example.org:44x", "ftp://argo:21", "a b:1", ":443"])
    def test_what_is_no_address_is_named(
        self, server: str, reach: Reach, plain: dict[str, str]
    ) -> None:
        done = reach(**{**plain, "ARGO_SERVER": server})
        assert done.status == 1
        assert "is not the address of an Argo server" in done.err
        assert "ARGO_SERVER in the environment" in done.err


class TestToken:
    @pytest.mark.parametrize(
        "form", ["Bearer {}", "bearer {}", "Bearer Bearer {}", "'Bearer {}'", " {} ", "Bearer {}\n"]
    )
    def test_any_number_of_bearers(
        self, form: str, reach: Reach, plain: dict[str, str], token: str
    ) -> None:
        assert reach(**{**plain, "ARGO_TOKEN": form.format(token)}).status == 0

    def test_netrc_never_replaces_it(
        self, submit: Submit, project: Project, plain: dict[str, str], behind_tls: dict[str, str]
    ) -> None:
        lines = "".join(
            f"machine {host} login someone password else\n" for host in ("127.0.0.1", "localhost")
        )
        project.write("netrc", lines + "default login someone password else\n")
        netrc = str(project.folder / "netrc")
        assert submit(NETRC=netrc, **plain).status == 0
        assert submit(NETRC=netrc, **behind_tls).status == 0

    def test_netrc_in_the_home_folder_neither(
        self, reach: Reach, project: Project, plain: dict[str, str]
    ) -> None:
        project.write("home/.netrc", "machine 127.0.0.1 login someone password else\n")
        assert reach(HOME=str(project.folder / "home"), **plain).status == 0

    @pytest.mark.parametrize(
        ("zone", "hour"), [("UTC", "12:30"), ("Europe/Paris", "14:30"), ("Asia/Kolkata", "18:00")]
    )
    def test_an_expired_one_with_its_end_in_local_time(
        self, zone: str, hour: str, reach: Reach, project: Project, plain: dict[str, str]
    ) -> None:
        expired = _jwt(exp=1752237000, sub="system:serviceaccount:argo:me")  # 2025-07-11 12:30 UTC
        project.secrets.append(expired)
        done = reach(**{**plain, "ARGO_TOKEN": expired, "TZ": zone})
        assert done.status == 1
        assert f"the token expired on 2025-07-11 at {hour} (local time)" in done.err
        assert "ARGO_TOKEN in the environment" in done.err

    def test_a_wrong_one_is_refused_though_version_answers(
        self, reach: Reach, project: Project, plain: dict[str, str]
    ) -> None:
        project.secrets.append("no-token-at-all")
        done = reach(**{**plain, "ARGO_TOKEN": "no-token-at-all"})
        assert done.status == 1
        assert "does not accept the token" in done.err

    def test_none_where_one_is_wanted(self, reach: Reach, plain: dict[str, str]) -> None:
        del plain["ARGO_TOKEN"]
        done = reach(**plain)
        assert done.status == 1
        assert "wants a token and none is given" in done.err

    def test_none_where_none_is_wanted(self, reach: Reach, plain: dict[str, str]) -> None:
        del plain["ARGO_TOKEN"]
        open_server = plain["ARGO_SERVER"].replace("2746", "2745")
        done = reach(**{**plain, "ARGO_SERVER": open_server, "ARGO_SERVICE_ACCOUNT": "argo-user"})
        assert done.status == 0, done.err


class TestTls:
    def test_to_a_server_without(self, reach: Reach, plain: dict[str, str]) -> None:
        done = reach(**{**plain, "ARGO_SECURE": "true"})
        assert done.status == 1
        assert "speaks plain HTTP" in done.err and "ARGO_SECURE=false" in done.err

    def test_plain_http_to_nginx(self, reach: Reach, behind_tls: dict[str, str]) -> None:
        done = reach(**behind_tls, ARGO_SECURE="false")
        assert done.status == 1
        assert "wants TLS" in done.err and "ARGO_SECURE=true" in done.err

    def test_plain_http_to_argos_own_tls(
        self, reach: Reach, tls_argo: Front, plain: dict[str, str]
    ) -> None:
        done = reach(**{**plain, "ARGO_SERVER": f"127.0.0.1:{tls_argo.port}"})
        assert done.status == 1
        assert "TLS" in done.err and "ARGO_SECURE=true" in done.err

    def test_argos_own_certificate_trusted_by_file(
        self, submit: Submit, tls_argo: Front, plain: dict[str, str]
    ) -> None:
        del plain["ARGO_SECURE"]
        server = {**plain, "ARGO_SERVER": f"localhost:{tls_argo.port}"}
        assert "not trusted" in submit(**server).err
        done = submit(**server, REQUESTS_CA_BUNDLE=str(tls_argo.authority))
        assert done.status == 0, done.err

    def test_a_bundle_that_is_not_there(self, reach: Reach, behind_tls: dict[str, str]) -> None:
        done = reach(**{**behind_tls, "REQUESTS_CA_BUNDLE": "/nowhere/ca.crt"})
        assert done.status == 1
        assert "/nowhere/ca.crt" in done.err


class TestLoginPage:
    def test_in_place_of_json(self, reach: Reach, behind_tls: dict[str, str]) -> None:
        done = reach(**{**behind_tls, "ARGO_BASE_HREF": ""})
        assert done.status == 1
        assert "signed out or wrong path" in done.err

    def test_as_a_redirect(self, reach: Reach, behind_tls: dict[str, str]) -> None:
        done = reach(**{**behind_tls, "ARGO_BASE_HREF": "/signed-out"})
        assert done.status == 1
        assert "sends to another page" in done.err and "signed out or wrong path" in done.err


class TestProxy:
    @pytest.fixture
    def proxy(self, front: Front) -> Iterator["ConnectProxy"]:
        proxy = ConnectProxy({"argo.test:443": ("127.0.0.1", front.port)})
        yield proxy
        proxy.close()

    @pytest.fixture
    def far(self, behind_tls: dict[str, str]) -> dict[str, str]:
        """A server that only the proxy can find."""
        return {**behind_tls, "ARGO_SERVER": "argo.test:443"}

    def test_https_proxy_is_used(
        self, submit: Submit, proxy: "ConnectProxy", far: dict[str, str]
    ) -> None:
        done = submit(**far, HTTPS_PROXY=proxy.url)
        assert done.status == 0, done.err
        assert set(proxy.asked) == {"argo.test:443"}

    def test_no_proxy_is_respected(
        self, reach: Reach, proxy: "ConnectProxy", far: dict[str, str]
    ) -> None:
        done = reach(**far, HTTPS_PROXY=proxy.url, NO_PROXY="10.0.0.0/8,.test")
        assert done.status == 1
        assert "no host is named 'argo.test'" in done.err
        assert proxy.asked == []

    def test_this_machine_is_never_asked_for_through_it(
        self, reach: Reach, proxy: "ConnectProxy", plain: dict[str, str]
    ) -> None:
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"), proxy.url)
        assert reach(**plain, **proxies).status == 0
        assert proxy.asked == []

    def test_one_that_does_not_answer_is_named(self, reach: Reach, far: dict[str, str]) -> None:
        done = reach(**far, HTTPS_PROXY="http://someone:secret-word@127.0.0.1:9")
        assert done.status == 1
        assert "proxy" in done.err and "HTTPS_PROXY" in done.err
        assert "secret-word" not in done.all


class TestTimeOut:
    def test_of_argos_server(self, project: Project, black_hole: int) -> None:
        script = f"""
import sys, hera_utils
args = hera_utils.parse_arguments(argv=["--argo_server=http://127.0.0.1:{black_hole}",
    "--argo_namespace=argo", "--argo_token=x"])
from hera_utils.server import ArgoServer
server = ArgoServer(hera_utils.k8s_cluster(args), args)
assert all(0 < seconds <= 120 for seconds in server.session.timeout), "bounded by default"
server.session.timeout = (1, 1)
from hera_utils import EnvironmentOfSubmission
EnvironmentOfSubmission(server).define()
from hera.workflows import Container, Workflow
with Workflow(generate_name="try-", entrypoint="main") as w:
    Container(name="main", image="x", command=["true"])
for request in (server.assert_accessible, w.create, lambda: w.workflows_service.get_info()):
    try:
        request()
    except hera_utils.UserError as error:
        print(error.what)
"""
        # A creation is repeated for a minute before it is given up.
        done = project.run("python", "-c", script, timeout=150)
        assert done.out.count("did not answer in time") == 3, done.all

    def test_of_kubernetes(self, project: Project, black_hole: int) -> None:
        project.write("config", _KUBECONFIG.format(port=black_hole))
        script = """
import hera_utils
from hera_utils.cluster import KubernetesCluster
args = hera_utils.parse_arguments(argv=["--k8s_config_file=config", "--argo_namespace=argo"])
cluster = KubernetesCluster(args, asserting=False, timeout=(1.0, 1.0))
cluster.assert_cluster()
"""
        done = project.run("python", "-c", script)
        assert done.status == 1
        assert "did not answer in time" in done.err


_KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: x}}}}]
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
current-context: c
"""


def _jwt(**claims: object) -> str:
    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


class ConnectProxy:
    """An HTTP proxy that tunnels (RFC 9110, CONNECT) to the addresses it is told of."""

    def __init__(self, routes: dict[str, tuple[str, int]]) -> None:
        self.asked: list[str] = []
        self._routes = routes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        target = head.split()[1].decode()
        self.asked.append(target)
        if target not in self._routes:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            client.close()
            return
        server = socket.create_connection(self._routes[target])
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()
        client.close()
        server.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
